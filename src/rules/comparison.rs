//! Two sets of rules compared in people and fields: which partner gains or loses which operation,
//! purpose, form of a field, budget; what of the promises and the catalogue is not what it was. What
//! is compared is what the sets *do*. Where texts differ and nothing else does, that is said.
//!
//! Each difference has a direction, judged on the safe side: what might let more out loosens, and so
//! does what cannot be told. Exact over the finite domain of the promises, as far as the contracts of
//! either set reach into it. Deliberately absent: which lines of a file changed; any tool shows that.

mod calls;
mod catalogue;
mod circumstances;
mod contracts;
mod fields;
mod granted;
mod partners;
mod promises;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Rules;
use crate::taxonomy::Purpose;
use crate::terms::PartnerId;

/// Whether a difference lets more out, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// More may leave, or it cannot be told that no more may. Publishing it needs two people.
    Loosens,
    /// Less leaves, and nothing more.
    Tightens,
    /// What leaves is the same: wording, names, dates of record.
    Neither,
}

impl Direction {
    /// The word in texts and JSON: `loosens`, `tightens`, `neither`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Loosens => "loosens",
            Self::Tightens => "tightens",
            Self::Neither => "neither",
        }
    }

    /// Of a quantity or rank that grew where more is looser.
    fn of_growth<T: Ord>(before: &T, after: &T) -> Self {
        match after.cmp(before) {
            std::cmp::Ordering::Greater => Self::Loosens,
            std::cmp::Ordering::Less => Self::Tightens,
            std::cmp::Ordering::Equal => Self::Neither,
        }
    }
}

/// What a difference is found in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// What one partner may.
    Partner(PartnerId),
    /// The rules over all partners.
    Promises,
    /// What the core services offer.
    Catalogue,
}

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Whether a partner is one at all.
    Partner,
    /// Purposes a partner may ask for.
    Purpose,
    /// Operations: a partner's, or of the catalogue.
    Operation,
    /// The form in which categories leave, or a field of the catalogue.
    Field,
    /// Budgets, rates and sizes of pages.
    Limit,
    /// What a partner proves itself with.
    Credential,
    /// The code with which a call is refused, before and after.
    Refusal,
    /// One of the promises' rules.
    Rule,
    /// What a contract says beside that: name, address, terms, exceptions.
    Detail,
    /// What a contract says without effect.
    Text,
}

impl Topic {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Purpose => "purpose",
            Self::Operation => "operation",
            Self::Field => "field",
            Self::Limit => "limit",
            Self::Credential => "credential",
            Self::Refusal => "refusal",
            Self::Rule => "rule",
            Self::Detail => "detail",
            Self::Text => "text",
        }
    }
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The kind of thing.
    pub topic: Topic,
    /// Which things of that kind changed alike: operations, categories, a limit. A category stands
    /// for all below it that the catalogue has.
    pub what: Vec<String>,
    /// For which purposes; none where it is not about purposes.
    pub purposes: Vec<Purpose>,
    /// Where it changed, if not everywhere: circumstances, channels, days.
    pub only: Option<String>,
    /// What it was; `None` where it was not there.
    pub before: Option<String>,
    /// What it is; `None` where it is not there.
    pub after: Option<String>,
    /// Whether it lets more out.
    pub direction: Direction,
}

impl Change {
    /// A change of one thing that was there and still is, or came or went.
    fn of(topic: Topic, what: impl Into<String>, direction: Direction) -> Self {
        Self {
            topic,
            what: vec![what.into()],
            purposes: Vec::new(),
            only: None,
            before: None,
            after: None,
            direction,
        }
    }

    fn from(mut self, before: impl Into<String>) -> Self {
        self.before = Some(before.into());
        self
    }

    fn to(mut self, after: impl Into<String>) -> Self {
        self.after = Some(after.into());
        self
    }

    /// Something that only the new set has (`came`), or only the old.
    fn came_or_went(topic: Topic, what: impl Into<String>, came: bool, told: &str) -> Self {
        if came {
            Self::of(topic, what, Direction::Loosens).to(told)
        } else {
            Self::of(topic, what, Direction::Tightens).from(told)
        }
    }
}

/// One difference between two sets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Whose, or what of.
    pub about: About,
    /// What changed.
    pub change: Change,
}

/// What differs between two sets of rules.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Versions of both.
    versions: [Arc<str>; 2],
    /// Whether any file that decides differs, were it only in a comment.
    files_differ: bool,
    /// Names of the partners that differ, as the newer set has them.
    names: BTreeMap<PartnerId, Arc<str>>,
    /// Partners first, sorted; then promises, then catalogue.
    differences: Vec<Difference>,
}

impl Comparison {
    /// Compares. Costs milliseconds where only contracts differ; seconds where the promises do, and
    /// contracts of every kind and purpose reach them.
    pub fn of(old: &Rules, new: &Rules) -> Self {
        let mut differences = partners::differences(old, new);
        let about = |about: About| {
            move |change| Difference {
                about: about.clone(),
                change,
            }
        };
        let promises = promises::changes(&old.policy, &new.policy).into_iter();
        differences.extend(promises.map(about(About::Promises)));
        let catalogue = catalogue::changes(&old.catalogue, &new.catalogue).into_iter();
        differences.extend(catalogue.map(about(About::Catalogue)));
        let named = differences.iter().filter_map(|difference| {
            let About::Partner(partner) = &difference.about else {
                return None;
            };
            let contract = new.policy.contract(partner);
            let contract = contract.or_else(|| old.policy.contract(partner))?;
            Some((partner.clone(), Arc::clone(&contract.name)))
        });
        Self {
            versions: [old, new].map(|rules| rules.policy.version().into()),
            files_differ: old.policy.digest() != new.policy.digest(),
            names: named.collect(),
            differences,
        }
    }

    /// Whether the sets do the same, down to what names and dates they put on record.
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// Whether anything lets more out, or cannot be told not to. Then publishing needs two people.
    pub fn loosens(&self) -> bool {
        self.count(Direction::Loosens) > 0
    }

    /// Whether anything lets less out.
    pub fn tightens(&self) -> bool {
        self.count(Direction::Tightens) > 0
    }

    /// Every difference: partners first, sorted by id; then promises, then catalogue.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    fn count(&self, direction: Direction) -> usize {
        let directions = self.differences.iter();
        directions
            .filter(|difference| difference.change.direction == direction)
            .count()
    }
}

#[cfg(test)]
mod tests;
