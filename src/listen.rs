//! The partner listener: accepts TCP and TLS, bounds connections in number and time, and hands each
//! request, one at a time or many at once as its protocol has it, to a handler. ALPN decides between
//! HTTP/1.1 and HTTP/2; nothing is sniffed. It does not decide about requests: what the edge refuses on
//! the way in reaches the handler as a request with a [`crate::refusal::Refusal`] among its extensions,
//! which [`crate::edge::accept`] returns, so that all refusals are answered in one place.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::HandshakeKind;
use socket2::SockRef;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use crate::edge::body::{CountedBody, RequestBody, ResponseBody, is_empty};
use crate::edge::http1::{Judge, REFUSED};
use crate::edge::limits::{Limits, seconds};
use crate::edge::presented::Presented;
use crate::edge::stream::{Exchange, Guarded};
use crate::edge::{Peer, body_without_meaning, may_have_body};
use crate::identity::certificate::ClientCertificate;
use crate::listen::handshakes::Handshakes;
use crate::listen::standing::{GOODBYE_MAX, Standing};
use crate::listen::tls::Tls;
use crate::listen::watchdog::{Verdict, Watchdog};
use crate::registry::Suspensions;
use crate::terms::Principal;

pub mod handshakes;
pub mod revocation;
mod standing;
pub mod tls;
mod verifier;
mod watchdog;

/// Streams of one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 100;
/// What a partner may send ahead on one stream, and on one connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of answers that one stream may have ready before its partner reads them.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes of an answer handed to HTTP/2, and to HTTP/1, at once.
const PIECE_BYTES: usize = 16 * 1024;
const HTTP1_PIECE_BYTES: usize = 64 * 1024;
/// Bytes that the system takes of an answer and has not sent. What it took counts as read by the partner,
/// so this is how exactly slow readers are known; by itself the system takes megabytes.
const UNSENT_BYTES: u32 = 16 * 1024;
/// A partner whose machine is gone is noticed after these two.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams that a partner may have reset before we took them up, and that we may reset for its
/// mistakes, before the connection is ended (rapid reset, CVE-2023-44487; CVE-2025-8671).
const PENDING_RESETS_MAX: usize = 20;
const OWN_RESETS_MAX: usize = 128;
/// How long to wait before accepting again when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of HTTP/1 that hyper may have read ahead: one head of the largest size and some.
const READ_AHEAD_BYTES: usize = 16 * 1024;
/// How often it is looked whether a connection rests: at the second look in a row that finds it so, it
/// lets go of what hyper holds for it.
const REST_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take until a request whose method has no body shows that it has none, where HTTP/2 leaves that open.
const EMPTY_BODY_WAIT_MAX: Duration = Duration::from_secs(2);
/// Header fields that the judge writes itself: host, framing, expectation.
const OWN_HEADERS_MAX: usize = 3;

/// Serves until `shutdown` is ready; then accepts nothing further, lets requests under way end within
/// the drain limit, and returns when every connection has ended.
///
/// The future of a handler is dropped when its client goes away; a handler that must finish what it
/// began runs it as a task of its own.
///
/// `tls` may be replaced: the next handshake goes by the new one, and so does every open connection, which
/// ends like that of a suspended partner where its certificate does not stand any more.
///
/// A connection that let in whoever is suspended later ends within seconds, and so does one whose
/// handler asked for it ([`crate::edge::presented::Presented::end`]): answers under way break off, what is
/// not answered yet may still be refused, and nothing further is taken.
pub async fn serve<H, F>(
    listener: TcpListener,
    reception: Reception,
    handler: H,
    shutdown: impl Future<Output = ()>,
) where
    H: Fn(Arc<Peer>, Request<RequestBody>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(reception.limits.connections_max));
    let (closing, close) = watch::channel(false);
    let mut connections = JoinSet::new();
    let drain = seconds(reception.limits.drain_seconds_max);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => {
                let Some((stream, permit)) = accepted else { continue };
                let connection = Connection {
                    reception: reception.clone(),
                    handler: handler.clone(),
                    close: close.clone(),
                };
                connections.spawn(async move {
                    // A connection that fails has nobody left to tell.
                    let _ = connection.run(stream).await;
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(drain, drained).await.is_err() {
        connections.shutdown().await;
    }
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// By whose certificate a connection is: its partner, and whose reseller that is, as contracts say now.
pub type Whose = Arc<dyn Fn(&ClientCertificate) -> Vec<Principal> + Send + Sync>;

/// What every connection is held to.
#[derive(Clone)]
pub struct Reception {
    /// May be replaced while it serves.
    pub tls: watch::Receiver<Tls>,
    /// What may come, how much of it and how slowly.
    pub limits: Limits,
    /// By which certificates expire and readers are slow.
    pub clock: Clock,
    /// Who is shut out.
    pub suspensions: Arc<Suspensions>,
    /// Known of each connection before it asks for anything.
    pub whose: Whose,
    /// Told of handshakes that fail.
    pub handshakes: Arc<Handshakes>,
}

impl std::fmt::Debug for Reception {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reception")
    }
}

struct Connection<H> {
    reception: Reception,
    handler: H,
    close: watch::Receiver<bool>,
}

impl<H, F> Connection<H>
where
    H: Fn(Arc<Peer>, Request<RequestBody>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    async fn run(mut self, stream: TcpStream) -> io::Result<()> {
        let address = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
        let handshake = seconds(self.reception.limits.handshake_seconds_max);
        let mut close = self.close.clone();
        // What changes from here on is heard of below.
        let tls = self.reception.tls.borrow_and_update().clone();
        let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
        let stream = tokio::select! {
            // Nothing was asked on it yet, so nothing is lost; a mute caller must not hold up the end.
            _ = close.wait_for(|close| *close) => return Ok(()),
            accepted = timeout(handshake, acceptor.accept(stream)) => {
                accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
        };
        let shaken = stream.and_then(|stream| {
            let certificate = self.certificate(&stream, &tls)?;
            Ok((stream, certificate))
        });
        let (stream, certificate) =
            shaken.inspect_err(|error| self.reception.handshakes.failed(address, error))?;
        let peer = Arc::new(Peer {
            address,
            certificate,
            presented: Presented::default(),
        });
        if let Some(certificate) = &peer.certificate {
            let whose = (self.reception.whose)(certificate);
            let certificate = Principal::Certificate(certificate.thumbprint);
            peer.presented.note(whose.iter().chain([&certificate]));
        }
        let suspensions = Arc::clone(&self.reception.suspensions);
        let standing = Standing::new(Arc::clone(&peer), suspensions, self.reception.tls.clone());
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let ended = if is_http2 {
            Box::pin(self.http2(stream, peer, standing)).await
        } else {
            Box::pin(self.http1(stream, peer, standing)).await
        };
        ended.map_err(io::Error::other)
    }

    /// The verified certificate. A resumed session was verified when it began, and the library does not
    /// look at it again: certificates and revocation lists may have expired since.
    fn certificate(
        &self,
        stream: &TlsStream<TcpStream>,
        tls: &Tls,
    ) -> io::Result<Option<ClientCertificate>> {
        let connection = stream.get_ref().1;
        let Some(chain) = connection.peer_certificates() else {
            return Ok(None);
        };
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        if resumed && !tls.stands(chain) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let chain = tls.needed(chain);
        let certificate = ClientCertificate::from_chain(&chain).map_err(io::Error::other)?;
        if certificate.not_after < self.reception.clock.now() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Some(certificate))
    }

    async fn http1(
        self,
        stream: TlsStream<TcpStream>,
        peer: Arc<Peer>,
        standing: Standing,
    ) -> hyper::Result<()> {
        let exchange = Arc::new(Exchange::default());
        let judge = Judge::new(self.reception.limits.clone());
        let mut guarded = self.guard(stream, Some(judge), &exchange);
        let mut close = self.close.clone();
        let mut lost = pin!(standing.lost());
        loop {
            let served = self.http1_requests(guarded, &peer, &exchange, lost.as_mut());
            // In a box, so that a connection at rest does not hold the room for it.
            let Some(resting) = Box::pin(served).await? else {
                return Ok(());
            };
            guarded = resting;
            let stirs = tokio::select! {
                stirs = guarded.stirs() => stirs.unwrap_or(false),
                () = lost.as_mut() => false,
                _ = close.wait_for(|close| *close) => false,
            };
            if !stirs {
                // Nothing is under way that this could cut off.
                let _ = timeout(GOODBYE_MAX, guarded.shutdown()).await;
                return Ok(());
            }
        }
    }

    /// Serves requests until the connection has ended, or rests: then it is given back, so that whoever
    /// only stays connected costs no more than TLS does. hyper keeps 16 KiB for each.
    async fn http1_requests(
        &self,
        guarded: Guarded<TlsStream<TcpStream>>,
        peer: &Arc<Peer>,
        exchange: &Arc<Exchange>,
        mut lost: Pin<&mut impl Future<Output = ()>>,
    ) -> hyper::Result<Option<Guarded<TlsStream<TcpStream>>>> {
        let limits = &self.reception.limits;
        let head_bytes_max = limits.header_bytes_max + limits.uri_bytes_max;
        let service = service_fn(|request| self.answer(peer, exchange, request));
        let mut connection = http1::Builder::new()
            .half_close(false)
            .header_read_timeout(None)
            .max_buf_size(head_bytes_max + READ_AHEAD_BYTES)
            .max_headers(limits.header_count_max + OWN_HEADERS_MAX)
            .serve_connection(TokioIo::new(guarded), service);
        let mut close = self.close.clone();
        let mut ending = false;
        let mut rested = None;
        loop {
            tokio::select! {
                ended = &mut connection => return ended.map(|()| None),
                () = lost.as_mut() => break,
                _ = close.wait_for(|close| *close), if !ending => {
                    ending = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = tokio::time::sleep(REST_LOOK_INTERVAL), if !ending => {
                    let rests = exchange.rests_after();
                    if rests.is_some() && rests == rested {
                        let parts = connection.into_parts();
                        let mut guarded = parts.io.into_inner();
                        guarded.give_back(&parts.read_buf);
                        return Ok(Some(guarded));
                    }
                    rested = rests;
                }
            }
        }
        exchange.cut();
        Pin::new(&mut connection).graceful_shutdown();
        // Whoever has not gone by then is cut off.
        timeout(GOODBYE_MAX, connection)
            .await
            .unwrap_or(Ok(()))
            .map(|()| None)
    }

    async fn http2(
        self,
        stream: TlsStream<TcpStream>,
        peer: Arc<Peer>,
        standing: Standing,
    ) -> hyper::Result<()> {
        let exchange = Arc::new(Exchange::default());
        let guarded = self.guard(stream, None, &exchange);
        let service = service_fn(|request| self.answer(&peer, &exchange, request));
        let header_bytes_max = self.reception.limits.header_bytes_max;
        let header_bytes_max = u32::try_from(header_bytes_max).unwrap_or(u32::MAX);
        let mut connection = pin!(
            http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .initial_stream_window_size(STREAM_WINDOW_BYTES)
                .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                .max_header_list_size(header_bytes_max)
                .max_send_buf_size(SEND_BUFFER_BYTES)
                .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
                .max_local_error_reset_streams(OWN_RESETS_MAX)
                .keep_alive_interval(KEEP_ALIVE_INTERVAL)
                .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
                .serve_connection(TokioIo::new(guarded), service)
        );
        let mut watchdog = Watchdog::new(&self.reception.limits);
        let mut close = self.close.clone();
        let mut lost = pin!(standing.lost());
        loop {
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = lost.as_mut() => break,
                _ = close.wait_for(|close| *close), if !watchdog.ending => {
                    watchdog.ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = exchange.goodbye(), if !watchdog.ending => {
                    watchdog.ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = tokio::time::sleep(watchdog.pause(exchange.progress())) => {
                    let lags = exchange.lags(watchdog.bytes_min);
                    match watchdog.look(exchange.progress(), lags) {
                        Verdict::Alive => {}
                        Verdict::Idle => connection.as_mut().graceful_shutdown(),
                        Verdict::Stalled => return Ok(()),
                    }
                }
            }
        }
        exchange.cut();
        connection.as_mut().graceful_shutdown();
        timeout(GOODBYE_MAX, connection).await.unwrap_or(Ok(()))
    }

    fn guard<S>(&self, stream: S, judge: Option<Judge>, exchange: &Arc<Exchange>) -> Guarded<S> {
        let exchange = Arc::clone(exchange);
        Guarded::new(
            stream,
            judge,
            exchange,
            self.reception.limits.clone(),
            self.reception.clock.clone(),
        )
    }

    /// One request, from hyper to the handler and back.
    fn answer(
        &self,
        peer: &Arc<Peer>,
        exchange: &Arc<Exchange>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<CountedBody>, std::convert::Infallible>> + Send + use<H, F>
    {
        let under_way = exchange.request();
        let exchange = Arc::clone(exchange);
        let is_http2 = request.version() == Version::HTTP_2;
        let (mut parts, mut incoming) = request.into_parts();
        // Only the judge can have written this method over HTTP/1; over HTTP/2 nothing is pronounced,
        // and the unknown method is refused like any other.
        let is_refused = parts.method.as_str() == REFUSED;
        if is_refused && let Some(refusal) = exchange.take_refusal() {
            parts.extensions.insert(refusal);
        }
        let is_free = is_refused || may_have_body(parts.method.as_str());
        let must_be_empty = !is_free && !incoming.is_end_stream();
        let (limits, clock) = (self.reception.limits.clone(), self.reception.clock.clone());
        let (handler, peer) = (self.handler.clone(), Arc::clone(peer));
        async move {
            let _under_way = under_way;
            if must_be_empty {
                let empty = timeout(EMPTY_BODY_WAIT_MAX, is_empty(&mut incoming)).await;
                if !empty.unwrap_or(false) {
                    parts.extensions.insert(body_without_meaning());
                }
            }
            let body = RequestBody::new(incoming, limits, clock, Arc::clone(&exchange), is_http2);
            let answered = handler(peer, Request::from_parts(parts, body));
            let piece_bytes_max = if is_http2 {
                PIECE_BYTES
            } else {
                HTTP1_PIECE_BYTES
            };
            let response = answered.await;
            Ok(response.map(|body| CountedBody::new(body, piece_bytes_max, exchange)))
        }
    }
}
