//! How many requests may be under way: in all, which with the largest body bounds memory, and of one
//! partner, so that none can take every place by sending slowly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::refusal::{Code, Refusal};
use crate::terms::PartnerId;

/// One partner may take this part of all places.
const PARTNER_PART: usize = 4;

/// Places for requests under way.
#[derive(Debug)]
pub struct Places {
    all: Semaphore,
    of_partner: usize,
    partners: Mutex<HashMap<PartnerId, Arc<Semaphore>>>,
}

impl Places {
    /// This many in all, at least one.
    pub fn new(requests_max: u32) -> Self {
        let requests_max = usize::try_from(requests_max).unwrap_or(1).max(1);
        Self {
            all: Semaphore::new(requests_max),
            of_partner: (requests_max / PARTNER_PART).max(1),
            partners: Mutex::default(),
        }
    }

    /// Takes a place, until what is returned is dropped.
    ///
    /// # Errors
    /// `overloaded` when there is none.
    pub fn take(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        let taken = self.all.try_acquire();
        taken
            .map_err(|_| overloaded("As many requests are under way as the gateway takes at once."))
    }

    /// Takes one of the partner's share, which was taken as any by [`Places::take`] before.
    ///
    /// # Errors
    /// `overloaded` when its share is used up.
    pub fn take_share(&self, partner: &PartnerId) -> Result<OwnedSemaphorePermit, Refusal> {
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let share = partners
            .entry(partner.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.of_partner)));
        let taken = Arc::clone(share).try_acquire_owned();
        taken.map_err(|_| {
            overloaded("As many of this partner's requests are under way as it may have.")
        })
    }
}

/// Refused before any work is done for it.
fn overloaded(detail: &str) -> Refusal {
    Refusal::new(Code::Overloaded, detail, "Try again in a second.")
        .header(header::RETRY_AFTER, "1")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn no_place_is_given_twice() {
        let places = Places::new(1);
        let one = places.take().unwrap();
        assert!(places.take().is_err());
        drop(one);
        assert!(places.take().is_ok());
    }
}
