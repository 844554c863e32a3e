//! Bodies of the partner listener. A request body is held to the size limit and to a minimum rate
//! while someone waits for it, in HTTP/1 and HTTP/2 alike; what goes wrong with it is a [`Refusal`]
//! that the reader of the body answers with. An answer body is handed over in pieces and counted, so
//! that a connection whose reader has stopped can be ended.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::edge::limits::{Credit, Limits};
use crate::edge::stream::{Exchange, OpenAnswer};
use crate::edge::{body_too_large, malformed};
use crate::refusal::{Code, Refusal};

/// An answer's bytes; room for streams of them.
pub type ResponseBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// An answer's bytes that are all there.
pub fn whole(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into())
        .map_err(|never: std::convert::Infallible| match never {})
        .boxed_unsync()
}

/// Whether a body turns out to have no byte. Its end may come in a frame of its own.
pub(crate) async fn is_empty(incoming: &mut Incoming) -> bool {
    while let Some(frame) = incoming.frame().await {
        if !frame.is_ok_and(|frame| frame.data_ref().is_none_or(Bytes::is_empty)) {
            return false;
        }
    }
    true
}

/// The body of a request. Its error is a refusal: answer with it, and let the connection close.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    limits: Limits,
    clock: Clock,
    exchange: Arc<Exchange>,
    /// Over HTTP/2; the HTTP/1 judge knows where a body ends.
    is_http2: bool,
    bytes: u64,
    credit: Credit,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    until: Pin<Box<Sleep>>,
}

impl RequestBody {
    /// Puts the limits around a body that hyper delivers.
    pub(crate) fn new(
        incoming: Incoming,
        limits: Limits,
        clock: Clock,
        exchange: Arc<Exchange>,
        is_http2: bool,
    ) -> Self {
        Self {
            incoming,
            credit: Credit::of_sender(&limits),
            limits,
            clock,
            exchange,
            is_http2,
            bytes: 0,
            waiting: None,
        }
    }

    /// Whether all of it has come, read or not, or will never.
    fn has_come(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut self.incoming).poll_frame(&mut context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return true,
                Poll::Pending => return self.incoming.is_end_stream(),
            }
        }
    }

    fn judge(&mut self, frame: Frame<Bytes>) -> Option<Result<Frame<Bytes>, Refusal>> {
        match frame.into_data() {
            Ok(data) => {
                self.credit.earn(data.len());
                self.bytes = self.bytes.saturating_add(data.len() as u64);
                if self.bytes > self.limits.body_bytes_max {
                    return Some(Err(body_too_large(&self.limits)));
                }
                Some(Ok(Frame::data(data)))
            }
            // Nobody would use trailers, so nobody sees them, as over HTTP/1.
            Err(_) => None,
        }
    }

    /// Notes that the body keeps its reader waiting; ready when it has for too long.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_none() {
            self.waiting = Some(Waiting {
                since: self.clock.instant(),
                until: Box::pin(tokio::time::sleep(self.credit.left())),
            });
        }
        match &mut self.waiting {
            Some(waiting) => waiting.until.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    fn end_wait(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let now = self.clock.instant();
            self.credit
                .spend(now.saturating_duration_since(waiting.since));
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
                ready!(self.poll_too_slow(context));
                return Poll::Ready(Some(Err(too_slow(&self.limits))));
            };
            self.end_wait();
            match frame {
                Some(Ok(frame)) => {
                    if let Some(judged) = self.judge(frame) {
                        return Poll::Ready(Some(judged));
                    }
                }
                Some(Err(_)) => {
                    let refusal = self.exchange.take_refusal().unwrap_or_else(|| {
                        malformed("the body ended before its end", "send the whole body").closing()
                    });
                    return Poll::Ready(Some(Err(refusal)));
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    /// Whoever is answered before all of a body has come may go on sending it. HTTP/1 ends the connection by
    /// itself then; of HTTP/2, nobody would look at what still comes, so that it takes no other request.
    fn drop(&mut self) {
        if self.is_http2 && !self.has_come() {
            self.exchange.say_goodbye();
        }
    }
}

fn too_slow(limits: &Limits) -> Refusal {
    Refusal::new(
        Code::RequestTimeout,
        format!(
            "the body arrived with less than {} bytes a second",
            limits.body_bytes_per_second_min
        ),
        "send the body without pauses",
    )
    .closing()
}

/// An answer body on its way to a connection.
#[derive(Debug)]
pub(crate) struct CountedBody {
    inner: ResponseBody,
    rest: Bytes,
    piece_bytes_max: usize,
    exchange: Arc<Exchange>,
    handed_over: Arc<OpenAnswer>,
    /// Begun after the connection's answers were to break off: it says why.
    is_last_word: bool,
    cut: Option<Cut>,
}

/// Wakes an answer that waits for its next piece when it is to break off.
struct Cut(Pin<Box<dyn Future<Output = ()> + Send>>);

impl std::fmt::Debug for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cut")
    }
}

impl CountedBody {
    /// Hands `inner` over in pieces of at most so many bytes: what was not taken is still known to be held
    /// here, and HTTP/1 takes the next piece only when there is room for it. HTTP/2 takes a piece whole as soon as its
    /// peer's window has room for one byte of it, so pieces bound what a slow reader can make us hold.
    pub(crate) fn new(
        inner: ResponseBody,
        piece_bytes_max: usize,
        exchange: Arc<Exchange>,
    ) -> Self {
        Self {
            handed_over: exchange.answer_begun(),
            inner,
            rest: Bytes::new(),
            piece_bytes_max,
            is_last_word: exchange.is_cut(),
            exchange,
            cut: None,
        }
    }

    /// The next frame of the answer, or its breaking off while it waits for one.
    fn poll_inner(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if frame.is_pending() {
            self.handed_over.falls_behind();
        }
        if frame.is_pending() && !self.is_last_word {
            let exchange = &self.exchange;
            let cut = self
                .cut
                .get_or_insert_with(|| Cut(Box::pin(exchange.wait_for_cut())));
            ready!(cut.0.as_mut().poll(context));
            return broken_off();
        }
        frame
    }
}

/// The partner can see it: a body of HTTP/1.1 without its end, a reset of a stream of HTTP/2.
fn broken_off() -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
    Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.exchange.answer_ended(&self.handed_over);
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.exchange.is_cut() && !self.is_last_word {
            return broken_off();
        }
        if self.rest.is_empty() {
            match ready!(self.poll_inner(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = self.rest.len().min(self.piece_bytes_max);
        let piece = self.rest.split_to(length);
        self.handed_over.taken(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let rest = self.rest.len() as u64;
        let upper = hint.upper().map(|upper| upper.saturating_add(rest));
        hint.set_lower(0);
        if let Some(upper) = upper {
            hint.set_upper(upper);
        }
        hint.set_lower(self.inner.size_hint().lower().saturating_add(rest));
        hint
    }
}
