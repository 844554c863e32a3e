//! How many requests may be under way: in all, which with the largest body bounds memory, and of one
//! partner, so that none can take every place by sending or reading slowly.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::edge::body::ResponseBody;
use crate::refusal::{Code, Refusal};
use crate::terms::PartnerId;

/// One partner may take this part of all places.
const PARTNER_PART: usize = 4;
/// Answers that stream may take this part of all places, and of one partner's: they stay for long.
const STREAM_PART: usize = 4;
/// A smaller answer gives its places back before it is read: it is in the connection's own buffers.
pub(super) const ANSWER_BYTES_FREE: usize = 64 * 1024;
/// Answers that stream have this long to close their record once the listener has closed.
const CLOSING_MAX: Duration = Duration::from_secs(5);

/// Places for requests under way.
#[derive(Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    streams_max: usize,
    of_partner: usize,
    partners: Mutex<HashMap<PartnerId, Share>>,
}

/// What one partner may take.
#[derive(Debug)]
struct Share {
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// The places of a request, held until this is dropped.
#[derive(Debug)]
pub struct Held(Vec<OwnedSemaphorePermit>);

impl Held {
    /// Holds them until the answer is handed over, where it is large enough to be waited for.
    pub fn stay_with(self, response: Response<ResponseBody>) -> Response<ResponseBody> {
        let bytes = response.body().size_hint().upper();
        if bytes.is_some_and(|bytes| bytes <= ANSWER_BYTES_FREE as u64) {
            return response;
        }
        response.map(|body| Placed { body, _held: self }.boxed_unsync())
    }

    /// Holds one more.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Holds the room of its answer as well.
    pub fn with(mut self, room: Vec<OwnedSemaphorePermit>) -> Self {
        self.0.extend(room);
        self
    }
}

/// An answer's body, with the places of its request.
struct Placed {
    body: ResponseBody,
    _held: Held,
}

impl Body for Placed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Places {
    /// This many in all, at least one.
    pub fn new(requests_max: u32) -> Self {
        let requests_max = usize::try_from(requests_max).unwrap_or(1).max(1);
        let streams_max = (requests_max / STREAM_PART).max(1);
        Self {
            all: Arc::new(Semaphore::new(requests_max)),
            streams: Arc::new(Semaphore::new(streams_max)),
            streams_max,
            of_partner: (requests_max / PARTNER_PART).max(1),
            partners: Mutex::default(),
        }
    }

    /// Takes a place, until what is returned is dropped.
    ///
    /// # Errors
    /// `overloaded` when there is none.
    pub fn take(&self) -> Result<Held, Refusal> {
        take(
            &self.all,
            "As many requests are under way as the gateway takes at once.",
        )
    }

    /// Takes one of the partner's share, which was taken as any by [`Places::take`] before.
    ///
    /// # Errors
    /// `overloaded` when its share is used up.
    pub fn take_share(&self, partner: &PartnerId) -> Result<Held, Refusal> {
        take(
            &self.share(partner).0,
            "As many of this partner's requests are under way as it may have.",
        )
    }

    /// Takes a place for an answer that streams, of all there are for such and of the partner's.
    ///
    /// # Errors
    /// `overloaded` when there is none.
    pub fn take_stream(&self, partner: &PartnerId) -> Result<Held, Refusal> {
        let of_all = take(
            &self.streams,
            "As many large answers are under way as the gateway takes at once.",
        )?;
        let of_partner = take(
            &self.share(partner).1,
            "As many large answers are under way as this partner may have.",
        )?;
        Ok(of_all.and(of_partner))
    }

    /// Waits until no answer streams any more, for a while.
    pub async fn streams_ended(&self) {
        let all = u32::try_from(self.streams_max).unwrap_or(u32::MAX);
        let ended = tokio::time::timeout(CLOSING_MAX, self.streams.acquire_many(all)).await;
        if ended.is_err() {
            tracing::error!("answers still stream; their last entries will be missing");
        }
    }

    fn streams_of_partner(&self) -> usize {
        (self.streams_max / PARTNER_PART).max(1)
    }

    /// The partner's places: for requests, and for those of them that stream.
    fn share(&self, partner: &PartnerId) -> (Arc<Semaphore>, Arc<Semaphore>) {
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let share = partners.entry(partner.clone()).or_insert_with(|| Share {
            requests: Arc::new(Semaphore::new(self.of_partner)),
            streams: Arc::new(Semaphore::new(self.streams_of_partner())),
        });
        (Arc::clone(&share.requests), Arc::clone(&share.streams))
    }
}

fn take(places: &Arc<Semaphore>, full: &str) -> Result<Held, Refusal> {
    let taken = Arc::clone(places).try_acquire_owned();
    taken
        .map(|one| Held(vec![one]))
        .map_err(|_| overloaded(full))
}

/// Refused before any work is done for it.
pub(super) fn overloaded(detail: &str) -> Refusal {
    Refusal::new(Code::Overloaded, detail, "Try again in a second.")
        .header(header::RETRY_AFTER, "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::body::whole;

    #[test]
    fn a_partner_fills_its_share_and_leaves_the_rest_to_others() {
        let places = Places::new(8);
        let partner = |id| PartnerId::parse(id).unwrap();
        let taken: Vec<_> = (0..2)
            .map(|_| places.take_share(&partner("acme")).unwrap())
            .collect();
        let refused = places.take_share(&partner("acme")).unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
        assert!(places.take_share(&partner("crest")).is_ok());
        drop(taken);
        assert!(places.take_share(&partner("acme")).is_ok());
    }

    #[test]
    fn a_large_answer_keeps_its_place_until_it_is_handed_over() {
        let places = Places::new(1);
        let answer = |bytes: usize| Response::new(whole(vec![b'x'; bytes]));
        let held = places.take().unwrap().stay_with(answer(64 << 10));
        let large = places.take().unwrap().stay_with(answer((64 << 10) + 1));
        assert!(places.take().is_err());
        drop(held);
        assert!(places.take().is_err());
        drop(large);
        assert!(places.take().is_ok());
    }

    #[tokio::test]
    async fn streams_take_a_part_of_all_places_and_of_each_partners() {
        let places = Places::new(64);
        let partner = |id| PartnerId::parse(id).unwrap();
        let of_acme: Vec<_> = (0..4)
            .map(|_| places.take_stream(&partner("acme")).unwrap())
            .collect();
        assert!(places.take_stream(&partner("acme")).is_err());
        let others: Vec<_> = (0..12)
            .map(|n| {
                places
                    .take_stream(&partner(["b", "c", "d"][n % 3]))
                    .unwrap()
            })
            .collect();
        assert!(places.take_stream(&partner("e")).is_err());
        drop((of_acme, others));
        places.streams_ended().await;
        assert!(places.take_stream(&partner("acme")).is_ok());
    }

    #[test]
    fn no_place_is_given_twice() {
        let places = Places::new(1);
        let one = places.take().unwrap();
        assert!(places.take().is_err());
        drop(one);
        assert!(places.take().is_ok());
    }
}
