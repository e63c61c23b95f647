//! HTTP: one application on two listeners, the control socket and people's port.

mod bearers;
mod control;
mod guard;
mod papers;
mod people;
mod serve;
mod socket;
mod tls;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::{State, WebSocketUpgrade},
    http::{StatusCode, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use skep_agent::{AgentError, Ctx, Door};
use skep_protocol::rpc::CLIENT_BYTES_MAX;
use tokio::sync::OwnedSemaphorePermit;

use self::bearers::Bearers;
use crate::RpcRouter;

/// What every request sees.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) ctx: Ctx<RpcRouter>,
    pub(crate) door: Arc<dyn Door>,
    bearers: Arc<Bearers>,
}

/// How a client is connected; stands in each of its requests.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    way: Way,
    /// Held as long as the connection is open, also as a WebSocket.
    _permit: Arc<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// The control socket: whoever may open the file.
    Control,
    /// TCP with TLS; the exporter's value, in hex.
    People { binding: String },
}

/// Opens the control socket; it is open when this returns.
pub(crate) fn open_console(ctx: &Ctx<RpcRouter>, door: Arc<dyn Door>) -> Result<(), AgentError> {
    control::open(&App::new(ctx, door))
}

/// Opens people's port, as soon as the node's keys are made.
pub(crate) fn open_people(ctx: &Ctx<RpcRouter>, door: Arc<dyn Door>, listen: Option<SocketAddr>) {
    ctx.spawn(people::run(App::new(ctx, door), listen));
}

impl App {
    fn new(ctx: &Ctx<RpcRouter>, door: Arc<dyn Door>) -> Self {
        Self {
            ctx: ctx.clone(),
            door,
            bearers: Arc::default(),
        }
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/tree", get(tree))
        .route("/rpc", get(rpc))
        .route("/revocations", post(papers::revocations))
        .route("/renew", post(papers::renew))
        .fallback(async || problem(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

async fn ready(State(app): State<App>, Extension(connection): Extension<Connection>) -> Response {
    let mut readiness = app.door.readiness();
    let status = match readiness.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    // Names of agents are nothing for strangers.
    if connection.way != Way::Control {
        readiness.reasons.clear();
    }
    (status, Json(readiness)).into_response()
}

async fn metrics(State(app): State<App>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.door.metrics()).into_response()
}

async fn tree(State(app): State<App>) -> Response {
    Json(app.door.tree()).into_response()
}

async fn rpc(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(CLIENT_BYTES_MAX)
        .max_frame_size(CLIENT_BYTES_MAX)
        .on_upgrade(async move |socket| {
            let stopping = app.ctx.clone();
            tokio::select! {
                biased;
                () = socket::converse(app, connection, socket) => {}
                () = stopping.stopping() => {}
            }
        })
}

/// An error as JSON.
fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
