//! Which partners differ: every partner of either set, its contract before and after.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::calls::Calls;
use super::fields::Compared;
use super::granted::{Scope, Side};
use super::{About, Change, Difference, contracts, fields};
use crate::policy::{Contract, Differing};
use crate::rules::Rules;
use crate::terms::PartnerId;

/// The contract of one partner in both sets.
type Pair<'a> = [Option<&'a Arc<Contract>>; 2];

pub(super) fn differences(old: &Rules, new: &Rules) -> Vec<Difference> {
    let mut pairs: BTreeMap<&PartnerId, Pair<'_>> = BTreeMap::new();
    for (side, rules) in [old, new].into_iter().enumerate() {
        for contract in rules.policy.contracts() {
            let pair = pairs.entry(&contract.partner).or_default();
            if let Some(slot) = pair.get_mut(side) {
                *slot = Some(contract);
            }
        }
    }
    let mut comparing = Comparing {
        today: day(old).max(day(new)),
        same_promises: new.policy.has_promises_of(&old.policy),
        same_catalogue: old.catalogue.digest() == new.catalogue.digest(),
        promises: Differing::of(&old.policy, &new.policy),
        sides: [Side::new(old), Side::new(new)],
        known: HashMap::new(),
    };
    let mut differences = Vec::new();
    for (partner, pair) in pairs {
        let about = About::Partner(partner.clone());
        let changes = comparing.changes(pair).into_iter();
        differences.extend(changes.map(|change| Difference {
            about: about.clone(),
            change,
        }));
    }
    differences
}

/// The day a set was loaded, by its name: exceptions that ended before it have no effect.
fn day(rules: &Rules) -> Date {
    let day = rules.policy.version().split('.').next().unwrap_or_default();
    day.parse().unwrap_or(Date::MIN)
}

struct Comparing<'a> {
    today: Date,
    same_promises: bool,
    same_catalogue: bool,
    /// Where the promises may differ.
    promises: Differing<'a>,
    sides: [Side<'a>; 2],
    /// What contracts that grant alike gain and lose alike.
    known: HashMap<[Option<Scope>; 2], Vec<Change>>,
}

impl Comparing<'_> {
    fn changes(&mut self, pair: Pair<'_>) -> Vec<Change> {
        let [old, new] = pair.map(|contract| contract.map(Arc::as_ref));
        let same_rules = self.same_promises && self.same_catalogue;
        if same_rules && old == new {
            return Vec::new();
        }
        let scopes = [old, new].map(|contract| contract.map(Scope::of));
        let mut changes = contracts::changes(old, new, self.today);
        if !same_rules || scopes[0] != scopes[1] {
            changes.extend(match self.known.get(&scopes) {
                Some(reached) => reached.clone(),
                None => {
                    let reached = self.reached(old, new);
                    self.known.insert(scopes, reached.clone());
                    reached
                }
            });
        }
        changes.sort();
        changes
    }

    /// What the partner of these contracts may call and see more or less.
    fn reached(&mut self, old: Option<&Contract>, new: Option<&Contract>) -> Vec<Change> {
        let [before, after] = &self.sides;
        let [before, after] = [before.granted(old), after.granted(new)];
        let calls = Calls {
            contracts: [old, new],
            granted: [&before, &after],
        };
        let mut changes = calls.changes();
        let compared = Compared {
            sides: &mut self.sides,
            promises: &self.promises,
        };
        changes.extend(fields::changes(compared, [(old, &before), (new, &after)]));
        if let (Some(old), Some(new)) = (old, new) {
            changes.extend(fields::without_effect(old, new, &changes));
        }
        changes
    }
}
