//! A stand with one more core service, `lab`, whose document, overlay and answers a test writes
//! itself: for whatever the shipped service never says.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use covenant::config::{Config, CoreService};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::stand::Stand;

/// What the core answers: pieces of a body, each after a pause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted {
    status: u16,
    headers: HeaderMap,
    pieces: Vec<(Duration, Bytes)>,
    breaks_off: bool,
    gate: Option<Arc<Notify>>,
}

impl Scripted {
    /// A whole answer of status 200.
    pub(crate) fn new(media_type: &str, body: impl Into<Bytes>) -> Self {
        let mut scripted = Self {
            status: 200,
            ..Self::default()
        };
        scripted.pieces.push((Duration::ZERO, body.into()));
        scripted.header("content-type", media_type)
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// One more piece of the body, after a pause.
    pub(crate) fn then(mut self, pause: Duration, piece: impl Into<Bytes>) -> Self {
        self.pieces.push((pause, piece.into()));
        self
    }

    /// Each piece of the body waits until it is let go.
    pub(crate) fn behind(mut self, gate: &Arc<Notify>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// The connection ends behind the last piece instead of the body.
    pub(crate) fn broken_off(mut self) -> Self {
        self.breaks_off = true;
        self
    }

    fn response(self) -> Response<UnsyncBoxBody<Bytes, std::io::Error>> {
        let gate = self.gate;
        let pieces = stream::iter(self.pieces).then(move |(pause, piece)| {
            let gate = gate.clone();
            async move {
                if let Some(gate) = gate {
                    gate.notified().await;
                }
                tokio::time::sleep(pause).await;
                Ok(Frame::data(piece))
            }
        });
        let broken = stream::iter(self.breaks_off.then_some(()))
            .map(|()| Err(std::io::ErrorKind::ConnectionAborted.into()));
        let mut response = Response::new(StreamBody::new(pieces.chain(broken)).boxed_unsync());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        *response.headers_mut() = self.headers;
        response
    }
}

/// A request as the core received it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug, Default)]
struct Script {
    answers: HashMap<String, Scripted>,
    received: Vec<Received>,
}

/// A core service that answers what it was told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptedCore(Arc<Mutex<Script>>);

impl ScriptedCore {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, any method on this path is answered like this.
    pub(crate) fn answer(&self, path: &str, scripted: Scripted) {
        self.script().answers.insert(path.to_owned(), scripted);
    }

    /// All requests so far, oldest first.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.script().received.clone()
    }

    async fn respond(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<UnsyncBoxBody<Bytes, std::io::Error>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_or_else(|_| Bytes::new(), |all| all.to_bytes());
        let mut script = self.script();
        script.received.push(Received {
            method: parts.method,
            target: parts.uri.to_string(),
            headers: parts.headers,
            body,
        });
        let unknown = || Scripted::new("application/json", "{}").status(404);
        let scripted = script.answers.get(parts.uri.path()).cloned();
        Ok(scripted.unwrap_or_else(unknown).response())
    }

    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let core = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let core = core.clone();
                tokio::spawn(async move {
                    let respond = service_fn(move |request| core.clone().respond(request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), respond);
                    let _ = connection.await;
                });
            }
        });
        address
    }
}

/// What a test's own service is.
pub(crate) struct Service<'a> {
    /// The paths of its OpenAPI document, in YAML, as they stand below `paths:`.
    pub(crate) paths: &'a str,
    /// Its `components:`, likewise; may be empty.
    pub(crate) components: &'a str,
    /// The actions of its overlay, as they stand below `actions:`.
    pub(crate) actions: &'a str,
    /// Operations that acme's contract lists in addition.
    pub(crate) operations: &'a [&'a str],
}

impl Service<'_> {
    /// A stand with this service and the core that answers for it; the contracts are changed by
    /// further replacements of text, and the configuration by `configure`.
    pub(crate) async fn start(
        &self,
        edits: &[(&str, &str, &str)],
        configure: impl FnOnce(&mut Config),
    ) -> (Stand, ScriptedCore) {
        let components = match self.components {
            "" => String::new(),
            components => format!("components:\n{components}\n"),
        };
        let document = format!(
            "openapi: 3.1.0\ninfo: {{title: Lab, version: 1.0.0}}\npaths:\n{}\n{components}",
            self.paths
        );
        let overlay = format!(
            "overlay: 1.0.0\ninfo: {{title: Lab, version: 1.0.0}}\nactions:\n{}\n",
            self.actions
        );
        let operations: String = self
            .operations
            .iter()
            .map(|operation| format!("\n  - {operation}"))
            .collect();
        let listed = format!("\noperations:{operations}");
        let mut all = vec![
            ("catalogue/lab.openapi.yaml", "", document.as_str()),
            ("catalogue/lab.overlay.yaml", "", overlay.as_str()),
            ("partners/acme.yaml", "\noperations:", listed.as_str()),
        ];
        all.extend(edits);
        let core = ScriptedCore::default();
        let address = core.serve().await;
        let stand = Stand::start_with(&all, |config| {
            let lab = CoreService::at(format!("http://{address}"));
            config.services.insert("lab".into(), lab);
            configure(config);
        });
        (stand.await, core)
    }
}
