//! Plain HTTP over a control socket.

use std::path::Path;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;

use super::dial;
use crate::failure::{Failure, Kind};

/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Gets a page of the node that has this control socket.
pub(crate) async fn get(socket: &Path, path: &str) -> Result<Bytes, Failure> {
    let stream = dial::control(socket).await?;
    let broken = |error: &dyn std::error::Error| {
        Failure::new(Kind::Protocol, "the node gave no whole answer").because(error)
    };
    let (mut sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let request = Request::get(path)
        .header("host", "localhost")
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|error| broken(&error))?;
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
            false => Err(Failure::new(
                Kind::Protocol,
                format!("{path}: the node says {status}"),
            )),
        }
    };
    let (answer, ended) = tokio::join!(ask, connection);
    if let Err(error) = ended {
        tracing::debug!(%error, "the connection ended early");
    }
    answer
}
