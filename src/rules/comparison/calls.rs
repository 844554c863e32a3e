//! Which operations a partner may call for which purpose, before and after, and how the rest is
//! refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::granted::Granted;
use super::{Change, Direction, Topic};
use crate::policy::Contract;
use crate::taxonomy::Purpose;

/// Contracts before and after, with what they grant.
pub(super) struct Calls<'a> {
    pub(super) contracts: [Option<&'a Contract>; 2],
    pub(super) granted: [&'a Granted; 2],
}

/// For each operation, the purposes for which it is called.
type Called<'a> = BTreeMap<&'a Arc<str>, BTreeSet<Purpose>>;

impl Calls<'_> {
    pub(super) fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let [before, after] = [0, 1].map(|side| self.called(side));
        let [had, has] = [0, 1].map(|side| self.purposes(side));
        purposes_between(&had, &has, &after, true, &mut changes);
        purposes_between(&has, &had, &before, false, &mut changes);
        let kept: BTreeSet<Purpose> = had.intersection(&has).copied().collect();
        operations_between(&before, &after, &kept, true, &mut changes);
        operations_between(&after, &before, &kept, false, &mut changes);
        self.refusals(&kept, &mut changes);
        self.named_in_vain(&before, &after, &mut changes);
        changes
    }

    fn purposes(&self, side: usize) -> BTreeSet<Purpose> {
        let contract = self.contracts.get(side).copied().flatten();
        contract.map_or_else(BTreeSet::new, |contract| {
            contract.purposes.iter().copied().collect()
        })
    }

    fn called(&self, side: usize) -> Called<'_> {
        let mut called = Called::new();
        let calls = self.granted.get(side).into_iter();
        for ((operation, purpose), refused) in calls.flat_map(|granted| &granted.calls) {
            if refused.is_none() {
                called.entry(operation).or_default().insert(*purpose);
            }
        }
        called
    }

    /// Calls that are refused on both sides, but with another code.
    fn refusals(&self, kept: &BTreeSet<Purpose>, changes: &mut Vec<Change>) {
        let [before, after] = self.granted;
        let mut alike: BTreeMap<(&str, &str, Purpose), Vec<String>> = BTreeMap::new();
        for ((operation, purpose), was) in &before.calls {
            let is = after.calls.get(&(Arc::clone(operation), *purpose));
            if let (Some(was), Some(Some(is))) = (was, is)
                && was != is
                && kept.contains(purpose)
            {
                let slot = alike.entry((was.name(), is.name(), *purpose));
                slot.or_default().push(operation.to_string());
            }
        }
        changes.extend(alike.into_iter().map(|((was, is, purpose), what)| {
            Change {
                what,
                purposes: vec![purpose],
                ..Change::of(Topic::Refusal, "", Direction::Neither)
                    .from(was)
                    .to(is)
            }
        }));
    }

    /// Operations that a contract names or no longer names, and that are refused all the same.
    fn named_in_vain(&self, before: &Called<'_>, after: &Called<'_>, changes: &mut Vec<Change>) {
        let [Some(old), Some(new)] = self.contracts else {
            return;
        };
        let (old, new) = (&old.operations, &new.operations);
        let in_vain = |operation: &&Arc<str>| {
            !before.contains_key(*operation) && !after.contains_key(*operation)
        };
        let mut note = |operations: Vec<String>, came: bool| {
            if !operations.is_empty() {
                let change = Change {
                    what: operations,
                    only: Some("the calls are refused as before".to_owned()),
                    ..Change::of(Topic::Text, "", Direction::Neither)
                };
                changes.push(if came {
                    change.to("named")
                } else {
                    change.from("named")
                });
            }
        };
        let names = |one: &BTreeSet<Arc<str>>, other| {
            let names = one.difference(other).filter(in_vain);
            names.map(ToString::to_string).collect()
        };
        note(names(new, old), true);
        note(names(old, new), false);
    }
}

/// Purposes that only `more` has, with the operations `called` for them.
fn purposes_between(
    less: &BTreeSet<Purpose>,
    more: &BTreeSet<Purpose>,
    called: &Called<'_>,
    came: bool,
    changes: &mut Vec<Change>,
) {
    for purpose in more.difference(less) {
        let calls = called.iter();
        let calls = calls.filter(|(_, purposes)| purposes.contains(purpose));
        let calls: Vec<_> = calls.map(|(operation, _)| operation.to_string()).collect();
        let told = if calls.is_empty() {
            "of no operation".to_owned()
        } else {
            format!("of {}", calls.join(", "))
        };
        let purpose = purpose.key();
        let change = Change::came_or_went(Topic::Purpose, purpose, came, &told);
        changes.push(change);
    }
}

/// Operations called on the side `more`, and not, or for fewer of the purposes `kept`, on `less`.
/// What comes with a purpose is told with that.
fn operations_between(
    less: &Called<'_>,
    more: &Called<'_>,
    kept: &BTreeSet<Purpose>,
    came: bool,
    changes: &mut Vec<Change>,
) {
    let mut alike: BTreeMap<Vec<Purpose>, Vec<String>> = BTreeMap::new();
    for (operation, purposes) in more {
        let changed: Vec<Purpose> = match less.get(operation) {
            // The whole operation: for which purposes follows from the contract.
            None => Vec::new(),
            Some(others) => {
                let changed = purposes.difference(others);
                let changed = changed.filter(|purpose| kept.contains(purpose));
                changed.copied().collect()
            }
        };
        if !changed.is_empty() || !less.contains_key(operation) {
            alike
                .entry(changed)
                .or_default()
                .push(operation.to_string());
        }
    }
    for (purposes, what) in alike {
        changes.push(Change {
            what,
            purposes,
            ..Change::came_or_went(Topic::Operation, "", came, "")
        });
    }
}
