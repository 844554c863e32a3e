//! The way out of an answer that streams: a body that is handed to the connection piece by piece, and
//! its other end, which takes only what is on record and knows what was handed over. A body whose other
//! end goes away before the end of the answer is an error, on which hyper breaks the message off visibly:
//! no last chunk in HTTP/1.1, a reset in HTTP/2.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use aws_lc_rs::digest::{self, Digest, SHA256};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::Notify;

use super::forward::body::CoreBody;
use crate::edge::body::ResponseBody;
use crate::ledger::Recorded;
use crate::refusal::Stopped;

/// The client is gone, and with it the connection or stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLeft;

/// Why a document did not pass whole.
#[derive(Debug)]
pub enum NotPassed {
    /// The client is gone.
    ClientLeft,
    /// The core broke off, or nothing more may pass.
    Stopped(Stopped),
}

/// The end that answers are put into. Dropped before [`Outlet::end`], it breaks the answer off.
pub struct Outlet {
    shared: Arc<Shared>,
    /// Pieces put in and not yet counted as taken: few, so that what has left is not held.
    under_way: VecDeque<Bytes>,
    counted: u64,
    bytes: u64,
    digest: digest::Context,
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Outlet")
    }
}

/// What both ends see. At most one piece is between them.
#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    /// The connection took a piece, or is gone.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Slot {
    piece: Option<Bytes>,
    /// Pieces handed to the connection.
    taken: u64,
    /// The answer has come to its end.
    ended: bool,
    /// No more will be put in.
    closed: bool,
    /// Nobody takes any more.
    left: bool,
    reader: Option<Waker>,
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The two ends of one answer's body.
pub fn outlet() -> (Outlet, ResponseBody) {
    let shared = Arc::new(Shared::default());
    let outlet = Outlet {
        shared: Arc::clone(&shared),
        under_way: VecDeque::new(),
        counted: 0,
        bytes: 0,
        digest: digest::Context::new(&SHA256),
    };
    (outlet, Pieces(shared).boxed_unsync())
}

impl Outlet {
    /// Puts in what is on record, once the piece before was taken.
    ///
    /// # Errors
    /// [`ClientLeft`].
    pub async fn send(&mut self, recorded: Recorded<Bytes>) -> Result<(), ClientLeft> {
        self.put(recorded.into_content()).await
    }

    /// Puts in a document whose opening is on record, piece by piece, as long as `go_on` lets it.
    ///
    /// # Errors
    /// Why not all of it.
    pub async fn pass(
        &mut self,
        recorded: Recorded<CoreBody>,
        go_on: impl Fn() -> Result<(), Stopped>,
    ) -> Result<(), NotPassed> {
        let mut document = recorded.into_content();
        loop {
            let piece = tokio::select! {
                biased;
                () = self.gone() => return Err(NotPassed::ClientLeft),
                piece = document.next() => piece.map_err(|fault| NotPassed::Stopped(fault.into()))?,
            };
            let Some(piece) = piece else {
                if let Some(used) = document.take_used() {
                    used.give_back();
                }
                return Ok(());
            };
            go_on().map_err(NotPassed::Stopped)?;
            let put = self.put(piece).await;
            put.map_err(|ClientLeft| NotPassed::ClientLeft)?;
        }
    }

    async fn put(&mut self, piece: Bytes) -> Result<(), ClientLeft> {
        if piece.is_empty() {
            return Ok(());
        }
        self.settle().await?;
        self.count();
        self.under_way.push_back(piece.clone());
        let mut slot = self.shared.slot();
        slot.piece = Some(piece);
        if let Some(reader) = slot.reader.take() {
            reader.wake();
        }
        Ok(())
    }

    /// Waits until all that was put in has been taken.
    ///
    /// # Errors
    /// [`ClientLeft`].
    pub async fn settle(&mut self) -> Result<(), ClientLeft> {
        loop {
            let (waits, left) = {
                let slot = self.shared.slot();
                (slot.piece.is_some(), slot.left)
            };
            match (waits, left) {
                (false, false) => return Ok(()),
                (_, true) => return Err(ClientLeft),
                (true, false) => self.shared.moved.notified().await,
            }
        }
    }

    /// Ready when the client is gone.
    pub async fn gone(&self) {
        while !self.shared.slot().left {
            self.shared.moved.notified().await;
        }
    }

    /// How many bytes were handed to the connection, and their SHA-256.
    pub fn handed_over(&mut self) -> (u64, Digest) {
        self.count();
        (self.bytes, self.digest.clone().finish())
    }

    /// Counts the pieces that were taken.
    fn count(&mut self) {
        let taken = self.shared.slot().taken;
        while self.counted < taken
            && let Some(piece) = self.under_way.pop_front()
        {
            self.counted += 1;
            self.bytes += piece.len() as u64;
            self.digest.update(&piece);
        }
    }

    /// The answer is whole.
    pub fn end(self) {
        self.shared.slot().ended = true;
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut slot = self.shared.slot();
        slot.closed = true;
        if let Some(reader) = slot.reader.take() {
            reader.wake();
        }
    }
}

/// The end that hyper reads.
#[derive(Debug)]
struct Pieces(Arc<Shared>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut slot = self.0.slot();
        if let Some(piece) = slot.piece.take() {
            slot.taken += 1;
            drop(slot);
            self.0.moved.notify_one();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if slot.closed && slot.ended {
            return Poll::Ready(None);
        }
        if slot.closed {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        slot.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        let slot = self.0.slot();
        slot.piece.is_none() && slot.closed && slot.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.0.slot().left = true;
        self.0.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next(body: &mut ResponseBody) -> Option<Result<Bytes, io::ErrorKind>> {
        let frame = body.frame().await?;
        let data = frame.map(|frame| frame.into_data().unwrap());
        Some(data.map_err(|error| error.kind()))
    }

    fn digest_of(text: &str) -> Vec<u8> {
        digest::digest(&SHA256, text.as_bytes()).as_ref().to_vec()
    }

    #[tokio::test]
    async fn what_was_taken_is_counted_and_what_was_not_is_not() {
        let (mut outlet, mut body) = outlet();
        outlet.put("one".into()).await.unwrap();
        assert_eq!(outlet.handed_over().0, 0);
        assert_eq!(next(&mut body).await, Some(Ok("one".into())));
        outlet.put("two".into()).await.unwrap();
        drop(body);
        assert_eq!(outlet.put("three".into()).await, Err(ClientLeft));
        outlet.gone().await;
        let (bytes, digest) = outlet.handed_over();
        assert_eq!((bytes, digest.as_ref().to_vec()), (3, digest_of("one")));
    }

    #[tokio::test]
    async fn one_piece_at_a_time_is_between_the_two_ends() {
        let (mut outlet, mut body) = outlet();
        outlet.put("one".into()).await.unwrap();
        let writing = tokio::spawn(async move {
            outlet.put("two".into()).await.unwrap();
            outlet.settle().await.unwrap();
            let handed_over = outlet.handed_over().0;
            outlet.end();
            handed_over
        });
        tokio::task::yield_now().await;
        assert!(!writing.is_finished());
        assert_eq!(next(&mut body).await, Some(Ok("one".into())));
        assert_eq!(next(&mut body).await, Some(Ok("two".into())));
        assert_eq!(next(&mut body).await, None);
        assert_eq!(writing.await.unwrap(), 6);
    }

    #[tokio::test]
    async fn what_was_taken_is_not_held() {
        let (mut outlet, mut body) = outlet();
        let held = Arc::new(());
        for _ in 0..20 {
            let piece = Piece([7; 8], Arc::clone(&held));
            outlet.put(Bytes::from_owner(piece)).await.unwrap();
            // The piece that is under way, and the one before it at the most.
            assert!(Arc::strong_count(&held) <= 3);
            drop(next(&mut body).await);
        }
        assert_eq!(outlet.handed_over().0, 20 * 8);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    struct Piece(
        [u8; 8],
        #[expect(dead_code, reason = "counts the pieces")] Arc<()>,
    );

    impl AsRef<[u8]> for Piece {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[tokio::test]
    async fn an_answer_without_its_end_is_an_error() {
        let (mut outlet, mut body) = outlet();
        outlet.put("one".into()).await.unwrap();
        drop(outlet);
        assert_eq!(next(&mut body).await, Some(Ok("one".into())));
        let broken = next(&mut body).await;
        assert_eq!(broken, Some(Err(io::ErrorKind::ConnectionAborted)));
    }
}
