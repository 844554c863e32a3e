//! Whom one connection has let in: its certificate, and every partner, client and token that was
//! authenticated on it. So that a connection can end when one of them is shut out, even where it asks
//! nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::terms::Principal;

/// How many of one connection are remembered.
pub const PRINCIPALS_MAX: usize = 64;

/// Whom one connection has let in.
#[derive(Debug, Default)]
pub struct Presented {
    known: Mutex<Known>,
    end: Notify,
}

#[derive(Debug, Default)]
struct Known {
    principals: Vec<Principal>,
    /// There were more than could be remembered.
    more: bool,
}

impl Presented {
    /// Remembers these.
    pub fn note<'a>(&self, principals: impl IntoIterator<Item = &'a Principal>) {
        let mut known = self.known();
        for principal in principals {
            if known.principals.contains(principal) {
                continue;
            }
            if known.principals.len() < PRINCIPALS_MAX {
                known.principals.push(principal.clone());
            } else {
                known.more = true;
            }
        }
    }

    /// Whether one of them is shut out, as `is_shut_out` knows. A connection that let in more than can
    /// be remembered might have let in anyone, so of such a one it is said as well.
    pub fn any(&self, is_shut_out: impl Fn(&Principal) -> bool) -> bool {
        let known = self.known();
        known.more || known.principals.iter().any(is_shut_out)
    }

    /// Asks for the end of the connection.
    pub fn end(&self) {
        self.end.notify_one();
    }

    /// Ready once the end of the connection was asked for. For one listener.
    pub async fn ended(&self) {
        self.end.notified().await;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // It is whole between any two of its statements, so a poisoned lock loses nothing.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> Principal {
        Principal::Token(number.to_string().into())
    }

    #[test]
    fn only_a_connection_that_let_somebody_in_is_theirs() {
        let presented = Presented::default();
        presented.note([&token(1), &token(2), &token(1)]);
        assert!(presented.any(|principal| *principal == token(2)));
        assert!(!presented.any(|principal| *principal == token(3)));
    }

    #[test]
    fn a_connection_that_let_in_more_than_is_remembered_counts_as_anybodys() {
        let presented = Presented::default();
        let all: Vec<_> = (0..=PRINCIPALS_MAX).map(token).collect();
        presented.note(&all[..PRINCIPALS_MAX]);
        assert!(!presented.any(|_| false));
        presented.note(&all);
        assert!(presented.any(|_| false));
    }
}
