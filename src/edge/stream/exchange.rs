//! What the parts of one connection tell each other: requests under way, answers that are being handed
//! over and how fast they are read, and that the connection rests.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::task::AtomicWaker;
use tokio::sync::{Notify, watch};

use crate::refusal::Refusal;

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
    pub(super) reader: AtomicWaker,
    /// Nothing of a request has come, and all that was to be written is.
    pub(super) is_quiet: AtomicBool,
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

    pub(super) fn refuse(&self, refusal: Refusal) {
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

    /// Where a connection of HTTP/1 waits for its next request and nothing else: after how many answers.
    pub(crate) fn rests_after(&self) -> Option<u64> {
        let Progress { under_way, answers } = self.progress();
        (under_way == 0 && self.is_quiet.load(Ordering::Acquire)).then_some(answers)
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
