//! A POST of JSON.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{
    Client, Proxy, Response, StatusCode, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use skep_agent::one_line;
use skep_lines::neutral_cut;

use super::Failure;
use crate::message::Message;

/// Longest time a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Longest time a POST may take, all of it.
const POST_TIME_MAX: Duration = Duration::from_secs(15);

/// Bytes of an answer that are read; what follows is left in the connection, which is closed.
const ANSWER_BYTES_MAX: usize = 4096;

/// Bytes of a refusal's text that are told.
const REASON_BYTES_MAX: usize = 200;

/// The header under which a receiver knows a repeat.
const IDEMPOTENCY: &str = "idempotency-key";

/// Where messages are posted to.
#[derive(Debug)]
pub(super) struct Webhook {
    client: Client,
    url: Url,
}

impl Webhook {
    pub(super) fn new(
        url: &str,
        headers: &BTreeMap<String, String>,
        proxy: Option<&str>,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("webhook: url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("webhook: url: it must begin with http:// or https://".to_owned());
        }
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(POST_TIME_MAX)
            // A POST that is redirected is another host's to read.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("skep/", env!("CARGO_PKG_VERSION")))
            .default_headers(header_map(headers)?);
        if let Some(proxy) = proxy {
            let proxy = Proxy::all(proxy).map_err(|error| format!("webhook: proxy: {error}"))?;
            client = client.proxy(proxy);
        }
        let client = client
            .build()
            .map_err(|error| format!("webhook: {}", one_line(&error)))?;
        Ok(Self { client, url })
    }

    /// The host and path; a query may hold a secret.
    pub(super) fn place(&self) -> String {
        let port = self
            .url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        format!(
            "{}{port}{}",
            self.url.host_str().unwrap_or_default(),
            self.url.path()
        )
    }

    pub(super) async fn post(&self, message: &Message) -> Result<(), Failure> {
        let request = self
            .client
            .post(self.url.clone())
            .header(IDEMPOTENCY, message.id.to_string())
            .json(&message.to_json());
        let answer = request.send().await;
        // Without the URL, which may hold a secret.
        let answer =
            answer.map_err(|error| Failure::Unreachable(one_line(&error.without_url())))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = format!("HTTP {status}: {}", reason(answer).await);
        let refused = status.is_client_error()
            && !matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            );
        Err(if refused {
            Failure::Refused(text)
        } else {
            Failure::Unreachable(text)
        })
    }
}

/// The start of what the other side says.
async fn reason(mut answer: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    neutral_cut(body.trim_ascii(), REASON_BYTES_MAX)
}

fn header_map(headers: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let wrong = |what: &str| format!("webhook: headers: {name:?} {what}");
        let key: HeaderName = name.parse().map_err(|_| wrong("is no header name"))?;
        let mut value: HeaderValue = value.parse().map_err(|_| wrong("has a bad value"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests;
