//! Which operations a partner may call for which purpose, before and after, and how the rest is
//! refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::circumstances::{self, Set};
use super::granted::Granted;
use super::{Change, Direction, Topic};
use crate::policy::{Circumstances, Contract};
use crate::taxonomy::Purpose;

/// Contracts before and after, with what they grant.
pub(super) struct Calls<'a> {
    pub(super) contracts: [Option<&'a Contract>; 2],
    pub(super) granted: [&'a Granted; 2],
}

/// For each operation, the purposes for which it is called, and in which circumstances.
type Called<'a> = BTreeMap<&'a Arc<str>, BTreeMap<Purpose, Set>>;

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
        self.refusals(&kept, [&before, &after], &mut changes);
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
            let allowed = Circumstances::all().zip(refused);
            let allowed = allowed.filter(|(_, refused)| refused.is_none());
            let set = allowed.fold(0, |set, (one, _)| set | circumstances::only(one));
            if set != 0 {
                called.entry(operation).or_default().insert(*purpose, set);
            }
        }
        called
    }

    /// Operations that are refused on both sides, but with another code.
    fn refusals(
        &self,
        kept: &BTreeSet<Purpose>,
        called: [&Called<'_>; 2],
        changes: &mut Vec<Change>,
    ) {
        let [before, after] = self.granted;
        let mut alike: BTreeMap<(&str, &str, Purpose), BTreeSet<&str>> = BTreeMap::new();
        let refused = before.calls.iter();
        let refused = refused.filter(|((operation, _), _)| {
            called.iter().all(|called| !called.contains_key(operation))
        });
        for ((operation, purpose), was) in refused {
            let is = after.calls.get(&(Arc::clone(operation), *purpose));
            let is = is.filter(|_| kept.contains(purpose)).into_iter().flatten();
            for pair in was.iter().zip(is) {
                if let (Some(was), Some(is)) = pair
                    && was != is
                {
                    let slot = alike.entry((was.name(), is.name(), *purpose));
                    slot.or_default().insert(operation);
                }
            }
        }
        changes.extend(alike.into_iter().map(|((was, is, purpose), what)| {
            Change {
                what: what.into_iter().map(str::to_owned).collect(),
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
        let calls = calls.filter(|(_, purposes)| purposes.contains_key(purpose));
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
    let mut alike: BTreeMap<(Vec<Purpose>, Set), Vec<String>> = BTreeMap::new();
    for (operation, purposes) in more {
        let Some(others) = less.get(operation) else {
            // The whole operation: for which purposes follows from the contract.
            let slot = alike.entry((Vec::new(), circumstances::EVERY));
            slot.or_default().push(operation.to_string());
            continue;
        };
        let mut changed: BTreeMap<Set, Vec<Purpose>> = BTreeMap::new();
        for (purpose, set) in purposes
            .iter()
            .filter(|(purpose, _)| kept.contains(*purpose))
        {
            let gained = set & !others.get(purpose).copied().unwrap_or_default();
            if gained != 0 {
                changed.entry(gained).or_default().push(*purpose);
            }
        }
        for (set, purposes) in changed {
            let slot = alike.entry((purposes, set));
            slot.or_default().push(operation.to_string());
        }
    }
    for ((purposes, set), what) in alike {
        changes.push(Change {
            what,
            purposes,
            only: circumstances::words(set).map(|words| format!("about {words}")),
            ..Change::came_or_went(Topic::Operation, "", came, "")
        });
    }
}
