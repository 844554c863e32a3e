//! The other end of the socket, for the command line.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::Role;
use super::messages::{Problem, ProblemKind, ROLE_HEADER};

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Speaks to the gateway that runs on this machine.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    role: Option<Role>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or this user may not connect.
    #[error(
        "cannot reach the gateway at `{}`: {cause}; is `covenant serve` running, and may you open \
         its socket?",
        socket.display()
    )]
    CannotReach {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The gateway said no.
    #[error("{message}")]
    Refused {
        /// With which status.
        status: StatusCode,
        /// What kind of thing was wrong.
        kind: ProblemKind,
        /// What went wrong and what to do.
        message: String,
    },
    /// The exchange broke off, or was not understood.
    #[error("the gateway's answer was not understood: {0}")]
    Broken(String),
}

impl ClientError {
    /// What the command exits with (contract of the command line).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::CannotReach { .. } => 7,
            Self::Refused { status, kind, .. } => match kind {
                ProblemKind::Usage => 2,
                ProblemKind::Damaged => 6,
                ProblemKind::Other if *status == StatusCode::BAD_REQUEST => 3,
                ProblemKind::Other => 1,
            },
            Self::Broken(_) => 1,
        }
    }
}

fn broken(error: impl ToString) -> ClientError {
    ClientError::Broken(error.to_string())
}

impl Client {
    /// A client that acts in `role`, or in the user's first one.
    pub fn new(socket: &Path, role: Option<Role>) -> Self {
        Self {
            socket: socket.to_owned(),
            role,
        }
    }

    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// Does something, or asks about a customer.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(broken)?;
        self.send(Method::POST, path, body.into()).await
    }

    /// Sends a file as it is.
    pub async fn post_file<T: DeserializeOwned>(
        &self,
        path: &str,
        file: Vec<u8>,
    ) -> Result<T, ClientError> {
        self.send(Method::POST, path, file.into()).await
    }

    /// Asks for a file.
    pub async fn post_for_bytes(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Bytes, ClientError> {
        let body = serde_json::to_vec(body).map_err(broken)?;
        self.exchange(Method::POST, path, body.into()).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let answer = self.exchange(method, path, body).await?;
        serde_json::from_slice(&answer).map_err(broken)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|cause| ClientError::CannotReach {
            socket: self.socket.clone(),
            cause,
        })?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(broken)?;
        // Ends by itself when the sender is dropped; what it has to say comes with the answer.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, "covenant")
            .header(http::header::CONTENT_TYPE, "application/json");
        if let Some(role) = self.role {
            request = request.header(ROLE_HEADER, role.word());
        }
        let request = request.body(Full::new(body)).map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(broken)?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        // What axum itself refuses is plain text.
        let problem = serde_json::from_slice(&body).unwrap_or_else(|_| match status {
            StatusCode::PAYLOAD_TOO_LARGE => Problem {
                error: "what was sent is larger than the gateway takes at once: shorten what you typed, or divide \
                        the file"
                    .to_owned(),
                kind: ProblemKind::Usage,
            },
            _ => Problem {
                error: format!("{status}: {}", String::from_utf8_lossy(&body)),
                kind: ProblemKind::Other,
            },
        });
        Err(ClientError::Refused {
            status,
            kind: problem.kind,
            message: problem.error,
        })
    }
}
