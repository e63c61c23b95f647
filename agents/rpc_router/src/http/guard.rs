//! What is checked of every request before it is looked at.

use std::net::IpAddr;

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use skep_identity::server_name;
use skep_packet::NodeId;

use super::{App, Connection, Way, problem};

/// Paths that tell what only operators may know.
const PRIVATE: &[&str] = &["/metrics", "/tree"];

/// Refuses requests that a foreign page makes a browser send, and strangers where it is private.
pub(super) async fn guard(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let refused = match &connection.way {
        Way::Control => check_control(headers),
        Way::People { .. } => check_people(headers, app.ctx.node()).or_else(|| {
            let is_private = PRIVATE.contains(&request.uri().path());
            let is_known = bearer(headers).is_some_and(|text| app.bearers.knows(text));
            (is_private && !is_known).then_some((
                StatusCode::UNAUTHORIZED,
                "log in at /rpc and send its bearer, or ask on the control socket",
            ))
        }),
    };
    let mut response = match refused {
        Some((status, message)) => problem(status, message),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

type Refused = Option<(StatusCode, &'static str)>;

/// No browser opens a unix socket: an origin here is somebody else's page behind a proxy.
fn check_control(headers: &HeaderMap) -> Refused {
    let message = "the control socket is not for browsers";
    headers
        .contains_key(header::ORIGIN)
        .then_some((StatusCode::FORBIDDEN, message))
}

/// A name that is not ours may be a foreign name that was pointed at us (DNS rebinding), and an
/// origin that is not ours is a foreign page.
fn check_people(headers: &HeaderMap, node: &NodeId) -> Refused {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let Some(host) = host.filter(|host| is_ours(host_name(host), node)) else {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "this node has no such name",
        ));
    };
    let origin = headers.get(header::ORIGIN)?;
    let is_same = origin
        .to_str()
        .is_ok_and(|origin| origin.strip_prefix("https://") == Some(host));
    (!is_same).then_some((StatusCode::FORBIDDEN, "this page is not of this node"))
}

/// The host of `host:port` or `[v6]:port`.
fn host_name(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest
            .split_once(']')
            .map_or(authority, |(address, _)| address);
    }
    authority
        .rsplit_once(':')
        .map_or(authority, |(name, _)| name)
}

fn is_ours(name: &str, node: &NodeId) -> bool {
    name == "localhost" || name == server_name(node) || name.parse::<IpAddr>().is_ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: Option<&str>, origin: Option<&str>, expected: Option<u16>) {
        let mut headers = HeaderMap::new();
        let pairs = [(header::HOST, host), (header::ORIGIN, origin)];
        for (name, value) in pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
        {
            headers.insert(name, value.parse().unwrap());
        }
        let refused = check_people(&headers, &NodeId::new("n1").unwrap());
        let status = refused.map(|(status, _)| status.as_u16());
        assert_eq!(status, expected, "{host:?} {origin:?}");
    }

    #[test]
    fn only_our_own_names_and_pages_are_let_in() {
        check(Some("127.0.0.1:7480"), None, None);
        check(Some("[::1]:7480"), None, None);
        check(Some("localhost:7480"), Some("https://localhost:7480"), None);
        check(Some("n1.skep"), None, None);
        check(Some("evil.example:7480"), None, Some(421));
        check(Some("n1.skep.evil.example"), None, Some(421));
        check(Some("[::1"), None, Some(421));
        check(Some(""), None, Some(421));
        check(None, None, Some(421));
        check(
            Some("127.0.0.1:7480"),
            Some("https://127.0.0.1:7481"),
            Some(403),
        );
        check(
            Some("127.0.0.1:7480"),
            Some("http://127.0.0.1:7480"),
            Some(403),
        );
        check(Some("127.0.0.1:7480"), Some("null"), Some(403));
    }

    #[test]
    fn no_page_reaches_the_control_socket() {
        let mut headers = HeaderMap::new();
        assert_eq!(check_control(&headers), None);
        headers.insert(header::ORIGIN, "https://localhost".parse().unwrap());
        assert!(check_control(&headers).is_some());
    }
}
