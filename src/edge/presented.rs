//! Whom one connection has let in: its certificate, and every partner, client and token that was
//! authenticated on it. So that a connection can end when one of them is shut out, even where it asks
//! nothing.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::terms::Principal;

/// How many tokens of one connection are remembered, and how many of everybody else.
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
    /// The latest; who fetches one for each call shows many.
    tokens: VecDeque<Principal>,
    /// There were more than are remembered.
    more_tokens: bool,
}

impl Presented {
    /// Remembers these.
    pub fn note<'a>(&self, principals: impl IntoIterator<Item = &'a Principal>) {
        let mut known = self.known();
        for principal in principals {
            if known.principals.contains(principal) || known.tokens.contains(principal) {
                continue;
            }
            if matches!(principal, Principal::Token(_)) {
                if known.tokens.len() == PRINCIPALS_MAX {
                    known.tokens.pop_front();
                    known.more_tokens = true;
                }
                known.tokens.push_back(principal.clone());
            } else if known.principals.len() < PRINCIPALS_MAX {
                known.principals.push(principal.clone());
            } else {
                known.more = true;
            }
        }
    }

    /// Whether one of them is shut out, as `is_shut_out` knows; `any_token` says whether any token at all is. A
    /// connection that let in more than can be remembered might have let in anyone, so of such a one it
    /// is said as well.
    pub fn any(&self, is_shut_out: impl Fn(&Principal) -> bool, any_token: bool) -> bool {
        let known = self.known();
        let mut all = known.principals.iter().chain(&known.tokens);
        known.more || (known.more_tokens && any_token) || all.any(is_shut_out)
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
    use crate::terms::Thumbprint;

    fn token(number: usize) -> Principal {
        Principal::Token(number.to_string().into())
    }

    #[test]
    fn only_a_connection_that_let_somebody_in_is_theirs() {
        let presented = Presented::default();
        presented.note([&token(1), &token(2), &token(1)]);
        assert!(presented.any(|principal| *principal == token(2), true));
        assert!(!presented.any(|principal| *principal == token(3), true));
    }

    #[test]
    fn a_connection_that_showed_more_tokens_than_are_remembered_ends_only_where_tokens_are_shut_out()
     {
        let presented = Presented::default();
        let partner = Principal::Certificate(Thumbprint([7; 32]));
        let all: Vec<_> = (0..=PRINCIPALS_MAX).map(token).collect();
        presented.note([&partner]);
        presented.note(&all[..PRINCIPALS_MAX]);
        assert!(!presented.any(|_| false, true));
        presented.note(&all);
        assert!(presented.any(|_| false, true));
        assert!(!presented.any(|_| false, false));
        assert!(presented.any(|principal| *principal == partner, false));
        assert!(presented.any(|principal| *principal == all[PRINCIPALS_MAX], false));
    }

    #[test]
    fn a_connection_that_let_in_more_than_is_remembered_counts_as_anybodys() {
        let presented = Presented::default();
        let client = |number: usize| Principal::Client(number.to_string().into());
        let all: Vec<_> = (0..=PRINCIPALS_MAX).map(client).collect();
        presented.note(&all[..PRINCIPALS_MAX]);
        assert!(!presented.any(|_| false, false));
        presented.note(&all);
        assert!(presented.any(|_| false, false));
    }
}
