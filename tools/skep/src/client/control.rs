//! Plain HTTP over a control socket.

use std::path::Path;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode, body::Bytes, client::conn::http1::handshake, http::request::Builder,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::dial;
use crate::failure::{Failure, Kind};

/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Gets a page of the node that has this control socket.
pub(crate) async fn get(socket: &Path, path: &str) -> Result<Bytes, Failure> {
    send(socket, Request::get(path), Bytes::new()).await
}

/// Tells something to the node that has this control socket.
pub(crate) async fn post(socket: &Path, path: &str, body: Bytes) -> Result<Bytes, Failure> {
    send(socket, Request::post(path), body).await
}

async fn send(socket: &Path, request: Builder, body: Bytes) -> Result<Bytes, Failure> {
    let stream = dial::control(socket).await?;
    let broken = |error: &dyn std::error::Error| {
        Failure::new(Kind::Protocol, "the node gave no whole answer").because(error)
    };
    let (mut sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let request = request.header("host", "localhost").body(Full::new(body));
    let request = request.map_err(|error| broken(&error))?;
    let path = request.uri().path().to_owned();
    let ask = async move {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| broken(error.as_ref()))?.to_bytes();
        match status.is_success() {
            true => Ok(body),
            false => Err(refused(&path, status, &body)),
        }
    };
    let (answer, ended) = tokio::join!(ask, connection);
    if let Err(error) = ended {
        tracing::debug!(%error, "the connection ended early");
    }
    answer
}

/// The node's own words, where it has some.
fn refused(path: &str, status: StatusCode, body: &[u8]) -> Failure {
    let said: Option<Value> = serde_json::from_slice(body).ok();
    let said = said.as_ref().and_then(|said| said["error"].as_str());
    let message = match said {
        Some(said) => format!("the node says: {said}"),
        None => format!("{path}: the node says {status}"),
    };
    Failure::new(Kind::Protocol, message)
}
