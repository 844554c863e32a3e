//! The bytes of one connection between TLS and hyper: judged (HTTP/1), timed and, where a reader does
//! not keep up, ended. hyper's own timers do not cover a client that sends nothing at all, nor one
//! that reads one byte a second.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::edge::http1::{Awaits, Judge};
use crate::edge::http2::Inspector;
use crate::edge::limits::{Credit, Limits, seconds};
use crate::refusal::Refusal;

/// Bytes read from a connection at once.
const READ_BYTES: usize = 8 * 1024;
/// Bytes and seconds that a closed connection is still read, so that what the client was sending does
/// not reset the connection before it has read the answer.
const LINGER_BYTES_MAX: usize = 256 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// What the parts of one connection tell each other.
#[derive(Debug, Default)]
pub struct Exchange {
    refusal: Mutex<Option<Refusal>>,
    under_way: AtomicUsize,
    answering: AtomicUsize,
    answers: AtomicU64,
    /// Answers that are being handed over.
    open: Mutex<Vec<Arc<OpenAnswer>>>,
    /// A request was so slow that its connection is to take no other.
    goodbye: Notify,
    /// The reader of the connection, who must learn that it is idle now.
    reader: AtomicWaker,
    /// Answers begun until then break off.
    cut: watch::Sender<bool>,
}

impl Exchange {
    /// The refusal of the request or body being read, once.
    pub fn take_refusal(&self) -> Option<Refusal> {
        self.refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn refuse(&self, refusal: Refusal) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }

    /// Counts a request until the value returned is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(Arc::clone(self))
    }

    /// Breaks off every answer that was begun until now; later ones, which say why, go out.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub(crate) fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }

    /// Ready once answers are to break off.
    pub(crate) fn wait_for_cut(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut cut = self.cut.subscribe();
        async move {
            // An error means that the connection is gone, and its answers with it.
            let _ = cut.wait_for(|cut| *cut).await;
        }
    }

    /// How far the connection has come.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            under_way: self.under_way.load(Ordering::Acquire)
                + self.answering.load(Ordering::Acquire),
            answers: self.answers.load(Ordering::Acquire),
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<OpenAnswer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any one answer waited for its reader since the last look, and fewer than so many bytes of it
    /// were taken. Each is judged by itself: quick answers must not hide one that holds its memory for ever.
    pub(crate) fn lags(&self, bytes_min: u64) -> bool {
        let mut lags = false;
        // Every answer is looked at, whatever the one before was like.
        for answer in self.open().iter() {
            lags |= answer.lags(bytes_min);
        }
        lags
    }

    /// Asks for the end of the connection once its requests are answered.
    pub(crate) fn say_goodbye(&self) {
        self.goodbye.notify_one();
    }

    /// Ready once that was asked for.
    pub(crate) async fn goodbye(&self) {
        self.goodbye.notified().await;
    }

    pub(crate) fn answer_begun(&self) -> Arc<OpenAnswer> {
        self.answering.fetch_add(1, Ordering::AcqRel);
        let answer = Arc::new(OpenAnswer::default());
        self.open().push(Arc::clone(&answer));
        answer
    }

    pub(crate) fn answer_ended(&self, answer: &Arc<OpenAnswer>) {
        self.open().retain(|one| !Arc::ptr_eq(one, answer));
        self.answers.fetch_add(1, Ordering::AcqRel);
        self.answering.fetch_sub(1, Ordering::AcqRel);
        self.reader.wake();
    }
}

/// A request that a handler is busy with.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Exchange>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
        self.0.reader.wake();
    }
}

/// A look at an [`Exchange`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Requests that are not answered to their last byte.
    pub(crate) under_way: usize,
    /// Answers handed over.
    pub(crate) answers: u64,
}

/// An answer that is being handed over.
#[derive(Debug)]
pub(crate) struct OpenAnswer {
    bytes: AtomicU64,
    /// There is nothing of it to read at the moment: no reader's fault.
    is_behind: AtomicBool,
    /// Bytes at the last look.
    seen: AtomicU64,
}

/// No look yet, or none at which a reader kept it waiting.
const UNSEEN: u64 = u64::MAX;

impl Default for OpenAnswer {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            is_behind: AtomicBool::new(false),
            seen: AtomicU64::new(UNSEEN),
        }
    }
}

impl OpenAnswer {
    /// So many bytes were taken.
    pub(crate) fn taken(&self, bytes: usize) {
        self.is_behind.store(false, Ordering::Release);
        self.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
    }

    /// More was asked for than there is.
    pub(crate) fn falls_behind(&self) {
        self.is_behind.store(true, Ordering::Release);
    }

    fn lags(&self, bytes_min: u64) -> bool {
        let bytes = self.bytes.load(Ordering::Acquire);
        let is_behind = self.is_behind.load(Ordering::Acquire);
        let now = if is_behind { UNSEEN } else { bytes };
        let seen = self.seen.swap(now, Ordering::AcqRel);
        !is_behind && seen != UNSEEN && bytes.saturating_sub(seen) < bytes_min
    }
}

/// A connection with its guards.
#[derive(Debug)]
pub struct Guarded<S> {
    inner: S,
    /// None for HTTP/2.
    judge: Option<Judge>,
    inspector: Inspector,
    exchange: Arc<Exchange>,
    limits: Limits,
    clock: Clock,
    read_bytes: u64,
    reading: Option<(Phase, Pin<Box<Sleep>>)>,
    behind: Option<Behind>,
    lingering: Option<Lingering>,
}

/// What a client is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    FirstByte,
    Head(u64),
    Idle(u64),
}

/// A reader that does not keep up: since when it has taken nothing, and how long it still may.
#[derive(Debug)]
struct Behind {
    since: Instant,
    credit: Credit,
    until: Pin<Box<Sleep>>,
}

#[derive(Debug)]
struct Lingering {
    bytes_left: usize,
    until: Pin<Box<Sleep>>,
}

impl<S> Guarded<S> {
    /// Guards a connection; with a judge for HTTP/1, without for HTTP/2.
    pub fn new(
        inner: S,
        judge: Option<Judge>,
        exchange: Arc<Exchange>,
        limits: Limits,
        clock: Clock,
    ) -> Self {
        Self {
            inner,
            judge,
            inspector: Inspector::default(),
            exchange,
            limits,
            clock,
            read_bytes: 0,
            reading: None,
            behind: None,
            lingering: None,
        }
    }

    fn phase(&self) -> Option<Phase> {
        if self.read_bytes == 0 {
            return Some(Phase::FirstByte);
        }
        match self.judge.as_ref().map(Judge::awaits) {
            None => self.inspector.unfinished().map(Phase::Head),
            Some(Awaits::RestOfHead(heads)) => Some(Phase::Head(heads)),
            Some(Awaits::Request(heads)) => {
                (self.exchange.progress().under_way == 0).then_some(Phase::Idle(heads))
            }
            Some(Awaits::Body | Awaits::NothingAfterHead | Awaits::NothingAfterBody) => None,
        }
    }

    /// The phase the client has spent too long in.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<Phase> {
        self.exchange.reader.register(context.waker());
        let Some(phase) = self.phase() else {
            self.reading = None;
            return Poll::Pending;
        };
        let sleep = match &mut self.reading {
            Some((since, sleep)) if *since == phase => sleep,
            reading => {
                let allowed = match phase {
                    Phase::FirstByte => self.limits.first_byte_seconds_max,
                    Phase::Head(_) => self.limits.head_seconds_max,
                    Phase::Idle(_) => self.limits.idle_seconds_max,
                };
                let sleep = Box::pin(tokio::time::sleep(seconds(allowed)));
                &mut reading.insert((phase, sleep)).1
            }
        };
        sleep.as_mut().poll(context).map(|()| phase)
    }

    /// A write or flush could not finish: an error once the reader has been too slow for too long.
    fn poll_behind(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (limits, clock) = (&self.limits, &self.clock);
        let behind = self.behind.get_or_insert_with(|| {
            let credit = Credit::of_reader(limits);
            Behind {
                since: clock.instant(),
                until: Box::pin(tokio::time::sleep(credit.left())),
                credit,
            }
        });
        ready!(behind.until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// The reader took some bytes.
    fn catch_up(&mut self, bytes: usize) {
        if let Some(behind) = &mut self.behind {
            let now = self.clock.instant();
            behind
                .credit
                .spend(now.saturating_duration_since(behind.since));
            behind.credit.earn(bytes);
            behind.since = now;
            let until = now + behind.credit.left();
            behind.until.as_mut().reset(until.into());
        }
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    fn poll_judged(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let Some(judge) = &mut self.judge else {
                return Poll::Ready(Ok(()));
            };
            if hand_over(judge.clean(), buffer) {
                return Poll::Ready(Ok(()));
            }
            match judge.awaits() {
                // The stand-in is being answered; end of input now would cut that answer off.
                Awaits::NothingAfterHead => return Poll::Pending,
                Awaits::NothingAfterBody => return Poll::Ready(Ok(())),
                Awaits::Request(_) | Awaits::RestOfHead(_) | Awaits::Body => {}
            }
            let mut memory = [MaybeUninit::uninit(); READ_BYTES];
            let mut raw = ReadBuf::uninit(&mut memory);
            if Pin::new(&mut self.inner)
                .poll_read(context, &mut raw)?
                .is_pending()
            {
                match ready!(self.poll_overdue(context)) {
                    Phase::FirstByte | Phase::Idle(_) => return Poll::Ready(Ok(())),
                    Phase::Head(_) => {
                        if let Some(judge) = &mut self.judge {
                            judge.time_out_head();
                        }
                    }
                }
            } else if raw.filled().is_empty() {
                return Poll::Ready(Ok(()));
            } else {
                self.read_bytes += raw.filled().len() as u64;
                if let Some(judge) = &mut self.judge {
                    judge.feed(raw.filled());
                }
            }
            if let Some(refusal) = self.judge.as_mut().and_then(Judge::take_refusal) {
                self.exchange.refuse(refusal);
            }
        }
    }
}

/// Moves what fits; whether there was anything.
fn hand_over(clean: &mut BytesMut, buffer: &mut ReadBuf<'_>) -> bool {
    let length = clean.len().min(buffer.remaining());
    buffer.put_slice(clean.get(..length).unwrap_or_default());
    clean.advance(length);
    if clean.is_empty() {
        *clean = BytesMut::new();
    }
    length > 0
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.judge.is_some() {
            return self.poll_judged(context, buffer);
        }
        let before = buffer.filled().len();
        if Pin::new(&mut self.inner)
            .poll_read(context, buffer)?
            .is_pending()
        {
            ready!(self.poll_overdue(context));
            return Poll::Ready(Ok(()));
        }
        let this = &mut *self;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        this.read_bytes += fresh.len() as u64;
        if let Err(mistake) = this.inspector.feed(fresh) {
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, mistake)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = Pin::new(&mut self.inner).poll_write(context, bytes)? else {
            ready!(self.poll_behind(context))?;
            return Poll::Pending;
        };
        self.catch_up(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if Pin::new(&mut self.inner).poll_flush(context)?.is_pending() {
            ready!(self.poll_behind(context))?;
            return Poll::Pending;
        }
        self.behind = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            if Pin::new(&mut self.inner)
                .poll_shutdown(context)?
                .is_pending()
            {
                ready!(self.poll_behind(context))?;
                return Poll::Pending;
            }
            self.lingering = Some(Lingering {
                bytes_left: LINGER_BYTES_MAX,
                until: Box::pin(tokio::time::sleep(LINGER)),
            });
        }
        let this = &mut *self;
        let Some(lingering) = &mut this.lingering else {
            return Poll::Ready(Ok(()));
        };
        loop {
            let mut memory = [MaybeUninit::uninit(); READ_BYTES];
            let mut raw = ReadBuf::uninit(&mut memory);
            match Pin::new(&mut this.inner).poll_read(context, &mut raw) {
                Poll::Pending => return lingering.until.as_mut().poll(context).map(Ok),
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    let length = raw.filled().len();
                    lingering.bytes_left = lingering.bytes_left.saturating_sub(length);
                    if length == 0 || lingering.bytes_left == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_that_is_not_read_is_found_among_many_that_are() {
        let exchange = Exchange::default();
        let [slow, steady] = [exchange.answer_begun(), exchange.answer_begun()];
        assert!(!exchange.lags(500), "a reader is given one period");
        steady.taken(500);
        slow.taken(500);
        assert!(!exchange.lags(500));
        steady.taken(10_000);
        slow.taken(499);
        let quick = exchange.answer_begun();
        quick.taken(9);
        exchange.answer_ended(&quick);
        assert!(exchange.lags(500));
        exchange.answer_ended(&slow);
        steady.taken(500);
        assert!(!exchange.lags(500));
    }

    #[test]
    fn an_answer_of_which_there_is_nothing_more_yet_is_not_its_readers_fault() {
        let exchange = Exchange::default();
        let answer = exchange.answer_begun();
        for _ in 0..3 {
            answer.falls_behind();
            assert!(!exchange.lags(500));
        }
        answer.taken(1);
        assert!(!exchange.lags(500), "its reader has one period from here");
        assert!(exchange.lags(500));
    }
}
