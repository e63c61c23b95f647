//! HTTP: one application on two listeners, the control socket and people's port.

mod bearers;
mod call;
mod control;
mod guard;
mod papers;
mod people;
mod reader;
mod serve;
mod socket;
mod tls;
mod tree;

use std::{net::SocketAddr, sync::Arc, time::Duration};

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
use skep_protocol::rpc::{
    BINDING_UNIX, BindingKind, CLIENT_BYTES_MAX, Problem, ProblemCode, VERSION,
};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;

use self::bearers::Bearers;
use crate::{
    Event, RpcRouter,
    event::{Happened, Reply, stopping},
};

/// How long a client waits at most for a new node's keys.
const KEYS_TIME_MAX: Duration = Duration::from_secs(30);

/// Time between two looks for them.
const KEYS_INTERVAL: Duration = Duration::from_millis(50);

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
    /// Ends it, whatever it is waiting for.
    cut: CancellationToken,
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

impl Connection {
    /// What a login over it must be bound to.
    fn binding(&self) -> &str {
        match &self.way {
            Way::Control => BINDING_UNIX,
            Way::People { binding } => binding,
        }
    }

    fn binding_kind(&self) -> BindingKind {
        match &self.way {
            Way::Control => BindingKind::Unix,
            Way::People { .. } => BindingKind::TlsExporter,
        }
    }
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
        .route("/hello", get(hello))
        .route("/rpc", get(rpc))
        .route("/revocations", post(papers::revocations))
        .route("/renew", post(papers::renew))
        .route("/call", post(call::call))
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

/// What a client must know before it signs a login for a call.
async fn hello(State(app): State<App>, Extension(connection): Extension<Connection>) -> Response {
    let hello = json!({
        "version": VERSION,
        "node": app.ctx.node(),
        "binding": connection.binding_kind(),
    });
    Json(hello).into_response()
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

/// Waits for a new node's keys: without them no login can be checked.
async fn keys_made(app: &App) -> Result<(), Problem> {
    let made = async {
        let mut looks = interval(KEYS_INTERVAL);
        while app.door.tls().is_none() {
            looks.tick().await;
        }
    };
    timeout(KEYS_TIME_MAX, made).await.map_err(|_| {
        let message = "this node's keys are still being made";
        Problem::new(ProblemCode::NotReady, message)
            .cure("try again in a minute")
            .closing()
    })
}

/// Asks the agent, which answers or is on its way down.
async fn ask<T>(app: &App, event: impl FnOnce(Reply<T>) -> Happened) -> Result<T, Problem> {
    let (answer, answered) = oneshot::channel();
    app.ctx.post(Event(event(answer))).await;
    answered.await.unwrap_or_else(|_| Err(stopping()))
}
