//! What to look for.

use jiff::Timestamp;

use super::terms::{self, Kind};
use crate::entry::Entry;
use crate::terms::{CustomerRef, PartnerId};

/// What an entry must be about: everything that is given. Nothing given is every entry.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// One of these customers or mail recipients. Empty is anyone.
    pub references: Vec<CustomerRef>,
    /// This partner, or a co-brand of it.
    pub partner: Option<PartnerId>,
    /// This purpose, or one below it.
    pub purpose: Option<String>,
    /// This operation of the catalogue.
    pub operation: Option<String>,
    /// The kind of an entry, `allow` or `redact`, the code of a refusal, or what a person did.
    pub decision: Option<String>,
    /// One of these requests, by `Request-Id`. Empty is any.
    pub requests: Vec<String>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Query {
    /// Words of which an entry must have at least one of each group, the rarest group first.
    fn groups(&self) -> Vec<(Kind, Vec<String>)> {
        let references = self.references.iter().map(ToString::to_string);
        let one = |word: &Option<String>| word.iter().cloned().collect();
        let partner = self.partner.iter().map(ToString::to_string);
        let mut groups = vec![
            (Kind::Person, references.collect()),
            (Kind::Request, self.requests.clone()),
            (Kind::Purpose, one(&self.purpose)),
            (Kind::Operation, one(&self.operation)),
            (Kind::Partner, partner.collect()),
            (Kind::Decision, one(&self.decision)),
        ];
        groups.retain(|(_, words): &(Kind, Vec<String>)| !words.is_empty());
        groups
    }

    /// Whether it says anything at all.
    pub fn says_something(&self) -> bool {
        self.since.is_some() || self.until.is_some() || !self.groups().is_empty()
    }

    /// The numbers of its words, group by group.
    pub(super) fn numbers(&self) -> Vec<Vec<i32>> {
        let groups = self.groups().into_iter();
        let numbers = |(kind, words): (Kind, Vec<String>)| {
            words.iter().map(|word| terms::number(kind, word)).collect()
        };
        groups.map(numbers).collect()
    }

    /// Whether the bytes of an entry hold the words looked for at all: far cheaper than to parse it. Only
    /// words are looked at that are never escaped in JSON.
    pub(super) fn may_fit(&self, bytes: &[u8]) -> bool {
        let holds = |word: &str| memchr::memmem::find(bytes, word.as_bytes()).is_some();
        let plain = |word: &&str| {
            word.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let any = |words: &[String]| {
            words.is_empty() || words.iter().any(|word| !plain(&&**word) || holds(word))
        };
        let references: Vec<_> = self.references.iter().map(ToString::to_string).collect();
        any(&references)
            && (self.requests.len() > 1 || any(&self.requests))
            && self
                .partner
                .as_ref()
                .is_none_or(|partner| holds(partner.as_str()))
            && self.operation.as_deref().filter(plain).is_none_or(holds)
    }

    /// Whether an entry fits.
    pub fn fits(&self, entry: &Entry) -> bool {
        if self.since.is_some_and(|since| entry.time < since)
            || self.until.is_some_and(|until| entry.time >= until)
        {
            return false;
        }
        let mut missing = self.groups();
        if !missing.is_empty() {
            terms::words(entry, &mut |kind, word| {
                missing.retain(|(wanted, words)| {
                    *wanted != kind || !words.iter().any(|one| one == word)
                });
            });
        }
        missing.is_empty()
    }
}
