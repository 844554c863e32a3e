//! One instance of a core, as bytes on a socket: it acts as it is told, and says what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

const HEALTH: &str = "GET /healthz ";
/// How long after its answer an instance says more.
const LATER: Duration = Duration::from_millis(50);

/// What an instance does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers.
    Answer(String),
    /// Answers once the gate is opened.
    Gate(String),
    /// Answers; some time later says this, or where it is empty ends the connection.
    AnswerThen(String, String),
    /// Never answers.
    Hang,
    /// Ends the connection without a word.
    Close,
    /// The same, rudely.
    Reset,
    /// Ends the connection in the middle of its answer.
    DieMidway,
}

#[derive(Debug)]
struct State {
    act: Mutex<Act>,
    health: Mutex<Act>,
    heads: Mutex<Vec<String>>,
    connections: AtomicUsize,
    gate: Notify,
    said_more: Notify,
}

/// The instance.
pub(crate) struct Instance {
    address: String,
    state: Arc<State>,
    task: AbortHandle,
}

/// An answer with this status and a JSON body.
pub(crate) fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// A page without records.
pub(crate) fn page() -> String {
    answer("200 OK", r#"{"data":[],"has_more":false,"next_url":null}"#)
}

impl Instance {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_with(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            act: Mutex::new(Act::Answer(page())),
            health: Mutex::new(Act::Answer(page())),
            heads: Mutex::default(),
            connections: AtomicUsize::new(0),
            gate: Notify::new(),
            said_more: Notify::new(),
        });
        let held = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, tls) = (Arc::clone(&held), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => converse(&state, stream).await,
                        Some(tls) => {
                            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                                converse(&state, stream).await;
                            }
                        }
                    }
                });
            }
        });
        let task = task.abort_handle();
        Self {
            address,
            state,
            task,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Gone, with all its connections; whoever comes is refused.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }

    pub(crate) fn acts(&self, act: Act) {
        *self.state.act.lock().unwrap() = act;
    }

    pub(crate) fn health(&self, act: Act) {
        *self.state.health.lock().unwrap() = act;
    }

    /// How many requests it received, checks left out.
    pub(crate) fn asked(&self) -> usize {
        let heads = self.state.heads.lock().unwrap();
        heads
            .iter()
            .filter(|head| !head.starts_with(HEALTH))
            .count()
    }

    pub(crate) async fn until_asked(&self, count: usize) {
        while self.asked() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many connections carried a request.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// A header of the last request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let heads = self.state.heads.lock().unwrap();
        let lines = heads.last()?.lines().map(str::to_owned);
        let mut values = lines.filter_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        let value = values.next();
        assert!(values.next().is_none(), "{name} came twice");
        value
    }

    /// Lets those answer that wait at the gate.
    pub(crate) fn open_gate(&self) {
        self.state.gate.notify_waiters();
    }

    /// After it said more, or ended its connection.
    pub(crate) async fn said_more(&self) {
        self.state.said_more.notified().await;
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that can be ended rudely.
trait Rude: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Rude for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Rude for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

async fn converse(state: &State, mut stream: impl Rude) {
    let mut is_first = true;
    loop {
        let Some(head) = head(&mut stream).await else {
            return;
        };
        let act = if head.starts_with(HEALTH) {
            &state.health
        } else {
            &state.act
        };
        let act = act.lock().unwrap().clone();
        state.heads.lock().unwrap().push(head);
        if std::mem::take(&mut is_first) {
            state.connections.fetch_add(1, Ordering::SeqCst);
        }
        let said = match act {
            Act::Answer(said) => said,
            Act::Gate(said) => {
                state.gate.notified().await;
                said
            }
            Act::AnswerThen(said, more) => {
                stream.write_all(said.as_bytes()).await.unwrap();
                tokio::time::sleep(LATER).await;
                if more.is_empty() {
                    stream.shutdown().await.unwrap();
                    drop(stream);
                    state.said_more.notify_one();
                    return;
                }
                stream.write_all(more.as_bytes()).await.unwrap();
                state.said_more.notify_one();
                continue;
            }
            Act::Hang => return std::future::pending().await,
            Act::Close => return,
            Act::Reset => {
                let none = Some(Duration::ZERO);
                rustix::net::sockopt::set_socket_linger(stream.tcp(), none).unwrap();
                return;
            }
            Act::DieMidway => {
                let whole = page();
                let half = &whole.as_bytes()[..whole.len() - 9];
                stream.write_all(half).await.unwrap();
                return;
            }
        };
        if stream.write_all(said.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request's head; requests here have no body.
async fn head(stream: &mut impl Rude) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&read).into_owned())
}
