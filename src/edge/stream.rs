//! The bytes of one connection between TLS and hyper: judged (HTTP/1), timed and, where a reader does
//! not keep up, ended. hyper's own timers do not cover a client that sends nothing at all, nor one
//! that reads one byte a second.

mod exchange;

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

pub use self::exchange::Exchange;
pub(crate) use self::exchange::{OpenAnswer, Progress};
use crate::clock::Clock;
use crate::edge::http1::{Awaits, Judge};
use crate::edge::http2::Inspector;
use crate::edge::limits::{Credit, Limits, seconds};

/// Bytes read from a connection at once.
const READ_BYTES: usize = 8 * 1024;
/// Bytes and seconds that a closed connection is still read, so that what the client was sending does
/// not reset the connection before it has read the answer.
const LINGER_BYTES_MAX: usize = 256 * 1024;
const LINGER: Duration = Duration::from_secs(1);

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
        let phase = self.phase();
        let is_quiet = matches!(phase, Some(Phase::Idle(_))) && self.behind.is_none();
        self.exchange.is_quiet.store(is_quiet, Ordering::Release);
        let Some(phase) = phase else {
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
    /// Waits until there is something to hand over, for whoever did not take this connection up yet:
    /// false where there never will be.
    pub(crate) async fn stirs(&mut self) -> io::Result<bool> {
        std::future::poll_fn(|context| self.poll_clean(context)).await
    }

    /// What was handed over and not taken up is handed over again.
    pub(crate) fn give_back(&mut self, bytes: &[u8]) {
        if let Some(judge) = &mut self.judge
            && !bytes.is_empty()
        {
            let mut clean = BytesMut::from(bytes);
            clean.extend_from_slice(judge.clean());
            *judge.clean() = clean;
        }
    }

    fn poll_judged(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if ready!(self.poll_clean(context))?
            && let Some(judge) = &mut self.judge
        {
            hand_over(judge.clean(), buffer);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether there are judged bytes, or never will be.
    fn poll_clean(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let Some(judge) = &mut self.judge else {
                return Poll::Ready(Ok(false));
            };
            if !judge.clean().is_empty() {
                return Poll::Ready(Ok(true));
            }
            match judge.awaits() {
                // The stand-in is being answered; end of input now would cut that answer off.
                Awaits::NothingAfterHead => return Poll::Pending,
                Awaits::NothingAfterBody => return Poll::Ready(Ok(false)),
                Awaits::Request(_) | Awaits::RestOfHead(_) | Awaits::Body => {}
            }
            let mut memory = [MaybeUninit::uninit(); READ_BYTES];
            let mut raw = ReadBuf::uninit(&mut memory);
            if Pin::new(&mut self.inner)
                .poll_read(context, &mut raw)?
                .is_pending()
            {
                match ready!(self.poll_overdue(context)) {
                    Phase::FirstByte | Phase::Idle(_) => return Poll::Ready(Ok(false)),
                    Phase::Head(_) => {
                        if let Some(judge) = &mut self.judge {
                            judge.time_out_head();
                        }
                    }
                }
            } else if raw.filled().is_empty() {
                return Poll::Ready(Ok(false));
            } else {
                self.exchange.is_quiet.store(false, Ordering::Release);
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

/// Moves what fits.
fn hand_over(clean: &mut BytesMut, buffer: &mut ReadBuf<'_>) {
    let length = clean.len().min(buffer.remaining());
    buffer.put_slice(clean.get(..length).unwrap_or_default());
    clean.advance(length);
    if clean.is_empty() {
        *clean = BytesMut::new();
    }
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";

    /// Whether there is something to take up, once what was sent has come.
    async fn stirs(guarded: &mut Guarded<tokio::io::DuplexStream>) -> Option<bool> {
        let stirs = timeout(Duration::from_millis(5), guarded.stirs()).await;
        stirs.ok().map(Result::unwrap)
    }

    #[tokio::test]
    async fn a_connection_rests_between_requests_and_nothing_of_the_next_is_lost() {
        let (mut partner, ours) = tokio::io::duplex(1024);
        let exchange = Arc::new(Exchange::default());
        let limits = Limits::default();
        let judge = Some(Judge::new(limits.clone()));
        let clock = Clock::system();
        let mut guarded = Guarded::new(ours, judge, Arc::clone(&exchange), limits, clock);
        assert_eq!(stirs(&mut guarded).await, None);
        assert_eq!(exchange.rests_after(), None, "nothing has come yet");
        for _ in 0..2 {
            let (begin, rest) = REQUEST.split_at(5);
            partner.write_all(begin).await.unwrap();
            assert_eq!(stirs(&mut guarded).await, None);
            assert_eq!(exchange.rests_after(), None, "a request has begun");
            partner.write_all(rest).await.unwrap();
            assert_eq!(stirs(&mut guarded).await, Some(true));
            let mut read = vec![0; REQUEST.len()];
            guarded.read_exact(&mut read).await.unwrap();
            guarded.give_back(&read);
            assert_eq!(stirs(&mut guarded).await, Some(true));
            guarded.read_exact(&mut read).await.unwrap();
            assert_eq!(read, REQUEST);
            let under_way = exchange.request();
            assert_eq!(stirs(&mut guarded).await, None);
            assert_eq!(exchange.rests_after(), None, "it is under way");
            drop(under_way);
            assert_eq!(stirs(&mut guarded).await, None);
            assert_eq!(exchange.rests_after(), Some(0));
        }
        drop(partner);
        assert_eq!(stirs(&mut guarded).await, Some(false));
    }
}
