//! How much memory answers may take that do not fit the buffers of a connection: in all, and of one partner,
//! so that readers who take their time cannot fill it. Room is taken before an answer is read further, and
//! held until it is handed over, or, where it streams, until what was read ahead is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::gateway::places::overloaded;
use crate::refusal::Refusal;
use crate::terms::PartnerId;

/// One partner may have so many of the largest answers that are judged whole in memory.
const ANSWERS_OF_PARTNER: usize = 8;
/// And all partners so many.
const ANSWERS_OF_ALL: usize = 32;
/// Room is waited for this long: answers of a fast core and fast readers are gone by then.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Room is counted in steps of so many bytes.
const STEP_BYTES: usize = 1024;

/// The room there is.
#[derive(Debug)]
pub(super) struct Rooms {
    all: Arc<Semaphore>,
    steps_of_partner: usize,
    partners: Mutex<HashMap<PartnerId, Arc<Semaphore>>>,
    wait_max: Duration,
}

/// Room that is taken, until this is dropped.
#[derive(Debug, Default)]
pub struct Room(Vec<OwnedSemaphorePermit>);

impl Rooms {
    /// Room for answers of which the largest have `answer_bytes_max`.
    pub(super) fn new(answer_bytes_max: usize) -> Self {
        let largest = steps(answer_bytes_max).max(1);
        Self {
            all: Arc::new(Semaphore::new(largest.saturating_mul(ANSWERS_OF_ALL))),
            steps_of_partner: largest.saturating_mul(ANSWERS_OF_PARTNER),
            partners: Mutex::default(),
            wait_max: WAIT_MAX,
        }
    }

    /// Takes room for `bytes`, and waits for it a little.
    ///
    /// # Errors
    /// `overloaded` when there is none by then.
    pub(super) async fn take(&self, partner: &PartnerId, bytes: usize) -> Result<Room, Refusal> {
        let steps = u32::try_from(steps(bytes)).unwrap_or(u32::MAX);
        let of_partner = self.of_partner(partner);
        let taken = timeout(self.wait_max, async {
            let of_partner = of_partner.acquire_many_owned(steps).await;
            let of_all = Arc::clone(&self.all).acquire_many_owned(steps).await;
            of_partner.ok().zip(of_all.ok())
        });
        match taken.await {
            Ok(Some((of_partner, of_all))) => Ok(Room(vec![of_partner, of_all])),
            Ok(None) | Err(_) => Err(overloaded(
                "Answers that are being read fill the room for them: this partner's, or all there is.",
            )),
        }
    }

    fn of_partner(&self, partner: &PartnerId) -> Arc<Semaphore> {
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let rooms = partners.entry(partner.clone());
        Arc::clone(rooms.or_insert_with(|| Arc::new(Semaphore::new(self.steps_of_partner))))
    }
}

impl Room {
    /// Gives back what is not needed for `bytes`.
    pub(super) fn keep(mut self, bytes: usize) -> Self {
        for taken in &mut self.0 {
            let spare = taken.num_permits().saturating_sub(steps(bytes));
            drop(taken.split(spare));
        }
        self
    }

    /// What it is made of.
    pub(in crate::gateway) fn into_permits(self) -> Vec<OwnedSemaphorePermit> {
        self.0
    }
}

fn steps(bytes: usize) -> usize {
    bytes.div_ceil(STEP_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Code;

    fn rooms(answer_bytes_max: usize) -> Rooms {
        Rooms {
            wait_max: Duration::from_millis(50),
            ..Rooms::new(answer_bytes_max)
        }
    }

    fn partner(id: &str) -> PartnerId {
        PartnerId::parse(id).unwrap()
    }

    #[tokio::test]
    async fn a_partner_fills_its_room_and_leaves_the_rest_to_others() {
        let rooms = rooms(4 << 20);
        let mut taken = Vec::new();
        for _ in 0..8 {
            taken.push(rooms.take(&partner("acme"), 4 << 20).await.unwrap());
        }
        let refused = rooms.take(&partner("acme"), 1).await.unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
        for other in ["b", "c", "d"] {
            for _ in 0..8 {
                taken.push(rooms.take(&partner(other), 4 << 20).await.unwrap());
            }
        }
        assert!(rooms.take(&partner("e"), 1).await.is_err());
        taken.clear();
        assert!(rooms.take(&partner("acme"), 4 << 20).await.is_ok());
    }

    #[tokio::test]
    async fn what_an_answer_does_not_need_is_for_others() {
        let rooms = rooms(1 << 20);
        let small = rooms.take(&partner("acme"), 8 << 20).await.unwrap();
        assert!(rooms.take(&partner("acme"), 1 << 20).await.is_err());
        let small = small.keep(100 << 10);
        assert!(rooms.take(&partner("acme"), 8 << 20).await.is_err());
        assert!(rooms.take(&partner("acme"), 7 << 20).await.is_ok());
        drop(small);
        assert!(rooms.take(&partner("acme"), 8 << 20).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_waits_gets_the_room_that_is_given_back() {
        let rooms = Arc::new(Rooms::new(1 << 20));
        let taken = rooms.take(&partner("acme"), 8 << 20).await.unwrap();
        let waiting = Arc::clone(&rooms);
        let waiting =
            tokio::spawn(async move { waiting.take(&partner("acme"), 8 << 20).await.is_ok() });
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(taken);
        assert!(waiting.await.unwrap());
    }
}
