//! One HTTP/1.1 connection to one instance of a core: what was sent and received on it since it was last
//! taken is known, so that what may be asked again is told from what may have been carried out; and what a
//! core says unasked ends it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::tls::Secured;

/// A core that is there accepts, and agrees on TLS, at once; what is left of its time is for its answer.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// Most bytes read of an answer before they are taken; also most of its head.
const BUFFER_BYTES_MAX: usize = 128 << 10;
/// How long a connection is kept without a request.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);
/// How long it is used at all, so that names and certificates are looked at again.
const AGE_MAX: Duration = Duration::from_secs(600);

/// A connection nobody else uses.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    tally: Arc<Tally>,
    opened: Instant,
    idle_since: Instant,
    /// Of the TLS settings it was made with.
    generation: u64,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Line")
    }
}

/// Bytes of the application on one connection since it was last taken.
#[derive(Debug, Default)]
struct Tally {
    written: AtomicU64,
    read: AtomicU64,
    /// It was idle until now: nothing may have been said on it.
    was_idle: AtomicBool,
}

/// How far a request came that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// Nothing of it was sent.
    Nowhere,
    /// Something was sent, and nothing came back.
    Unanswered,
    /// Something came back.
    HalfAnswered,
}

/// Why a request was not answered, for the log.
#[derive(Debug)]
pub(super) struct NotAnswered {
    pub(super) came: Came,
    pub(super) cause: String,
}

impl Line {
    /// Opens one to a host and a port, with TLS where `secured` says so.
    ///
    /// # Errors
    /// When it is not there within the time for that, or its certificate is not in order.
    pub(super) async fn open(
        address: &str,
        secured: Option<&Secured>,
        now: Instant,
    ) -> io::Result<Self> {
        let tally = Arc::new(Tally::default());
        let wire = Wire {
            stream: connect(address, secured).await?,
            tally: Arc::clone(&tally),
        };
        let shaken = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(wire))
            .await;
        let (sender, connection) = shaken.map_err(io::Error::other)?;
        // Ends by itself once sender and answer are dropped; what ends it early is heard of by whoever asks.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            tally,
            opened: now,
            idle_since: now,
            generation: secured.map_or(0, |secured| secured.generation),
        })
    }

    /// Whether it may carry another request.
    pub(super) fn is_good(&self, now: Instant, generation: u64) -> bool {
        self.sender.is_ready()
            && self.generation == generation
            && now.saturating_duration_since(self.idle_since) < IDLE_TIME_MAX
            && now.saturating_duration_since(self.opened) < AGE_MAX
    }

    /// Since when it waits.
    pub(super) fn rests_since(&self) -> Instant {
        self.idle_since
    }

    /// Its answer came to its end, and was judged; it waits from now on.
    pub(super) fn rest(&mut self, now: Instant) {
        self.idle_since = now;
        self.tally.written.store(0, Ordering::Release);
        self.tally.read.store(0, Ordering::Release);
        self.tally.was_idle.store(true, Ordering::Release);
    }

    /// Asks, and waits for the head of the answer.
    ///
    /// # Errors
    /// How far it came, where no answer begins.
    pub(super) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NotAnswered> {
        let answered = self.sender.try_send_request(request).await;
        answered.map_err(|refused| NotAnswered {
            came: if refused.message().is_some() {
                Came::Nowhere
            } else {
                self.came()
            },
            cause: format!("core: {}", refused.error()),
        })
    }

    fn came(&self) -> Came {
        if self.tally.read.load(Ordering::Acquire) > 0 {
            Came::HalfAnswered
        } else if self.tally.written.load(Ordering::Acquire) > 0 {
            Came::Unanswered
        } else {
            Came::Nowhere
        }
    }
}

async fn connect(address: &str, secured: Option<&Secured>) -> io::Result<Stream> {
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let Some(secured) = secured else {
            return Ok(Stream::Plain(stream));
        };
        let name = secured.server_name.clone();
        let stream = secured.connector.connect(name, stream).await?;
        Ok(Stream::Tls(Box::new(stream)))
    };
    tokio::time::timeout(CONNECT_TIME_MAX, connecting).await?
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What hyper reads and writes.
struct Wire {
    stream: Stream,
    tally: Arc<Tally>,
}

impl Wire {
    /// Whether bytes, or the end, wait to be read. Asked of the system, which may know more than was told.
    fn has_unread(&self) -> bool {
        let tcp = match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        };
        let mut one = [0_u8; 1];
        let peeked = rustix::net::recv(tcp, &mut one, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        !matches!(peeked, Err(rustix::io::Errno::AGAIN))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let count = buffer.filled().len().saturating_sub(before) as u64;
        self.tally.read.fetch_add(count, Ordering::AcqRel);
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.tally.was_idle.swap(false, Ordering::AcqRel) && self.has_unread() {
            // It would be taken for the answer to this request.
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        if let Poll::Ready(Ok(count)) = &written {
            self.tally
                .written
                .fetch_add(*count as u64, Ordering::AcqRel);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::clock::Clock;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    /// A line that has carried one request, and the core's end of it.
    async fn used(now: Instant) -> (Line, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let core = tokio::task::spawn_blocking(move || {
            let mut core = listener.accept().unwrap().0;
            let mut asked = [0; 1024];
            assert!(core.read(&mut asked).unwrap() > 0);
            core.write_all(ANSWER).unwrap();
            core
        });
        let mut line = Line::open(&address, None, now).await.unwrap();
        let answered = line.ask(Request::default()).await.unwrap();
        answered.into_body().collect().await.unwrap();
        line.rest(now);
        (line, core.await.unwrap())
    }

    #[tokio::test]
    async fn what_a_core_says_unasked_is_no_answer_even_where_nobody_was_told_of_it_yet() {
        let now = Clock::system().instant();
        let (mut line, mut core) = used(now).await;
        assert!(line.is_good(now, 0));
        // Nothing else runs on this thread, so that only the system knows of these bytes.
        core.write_all(ANSWER).unwrap();
        let refused = line.ask(Request::default()).await.unwrap_err();
        assert_eq!(refused.came, Came::Nowhere);
    }

    #[tokio::test]
    async fn a_line_is_used_no_further_when_it_is_old_or_its_tls_is() {
        let now = Clock::system().instant();
        let (line, _core) = used(now).await;
        assert!(line.is_good(now + IDLE_TIME_MAX - Duration::from_secs(1), 0));
        assert!(!line.is_good(now + IDLE_TIME_MAX, 0));
        assert!(!line.is_good(now, 1));
        let (mut line, _core) = used(now).await;
        line.rest(now + AGE_MAX);
        assert!(!line.is_good(now + AGE_MAX, 0));
    }
}
