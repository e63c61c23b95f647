//! What the command line on the node's own host tells it: keys that were taken back, papers wanted.
//!
//! Only on the control socket. A revocation carries the authority's signature, and new papers are
//! for the key the node has: whoever may open the socket gains nothing by either.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{App, Connection, Way, problem};

pub(super) async fn revocations(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    told: Bytes,
) -> Response {
    if connection.way != Way::Control {
        return elsewhere();
    }
    match app.door.revoke(&told) {
        Ok(n_told) => Json(json!({ "revocations": n_told })).into_response(),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error),
    }
}

pub(super) async fn renew(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
) -> Response {
    if connection.way != Way::Control {
        return elsewhere();
    }
    app.door.renew();
    StatusCode::ACCEPTED.into_response()
}

fn elsewhere() -> Response {
    let message = "this is for the control socket on the node's own host";
    problem(StatusCode::FORBIDDEN, message)
}
