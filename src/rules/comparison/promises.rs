//! The rules over all partners, one by one, by the `@id` that is never used again. What they do to
//! the contracts in force is told with the partners.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Change, Direction, Topic};
use crate::policy::{PolicySet, Rule};

pub(super) fn changes(old: &PolicySet, new: &PolicySet) -> Vec<Change> {
    let by_id = |set| PolicySet::rules(set).iter().map(|rule| (&*rule.id, rule));
    let [before, after]: [BTreeMap<&str, &Rule>; 2] = [old, new].map(|set| by_id(set).collect());
    let mut changes = Vec::new();
    for (id, rule) in &before {
        match after.get(id) {
            Some(now) => {
                changes.extend(wording(rule, now));
                changes.extend(logic(rule, now, old, new));
            }
            None => changes.push(came_or_went(rule, false)),
        }
    }
    let added = after.iter().filter(|(id, _)| !before.contains_key(*id));
    changes.extend(added.map(|(_, rule)| came_or_went(rule, true)));
    changes.sort();
    if !new.has_schema_of(old) {
        let what = "the schema: which rules hold for which actions";
        changes.push(Change::of(Topic::Rule, what, Direction::Loosens));
    }
    let common = |set, others: &BTreeMap<&str, &Rule>| -> Vec<Arc<str>> {
        let rules = PolicySet::rules(set).iter();
        let common = rules.filter(|rule| others.contains_key(&*rule.id));
        common.map(|rule| Arc::clone(&rule.id)).collect()
    };
    if common(old, &after) != common(new, &before) {
        let what = "the order of the rules: of several that refuse, the first answers";
        changes.push(Change::of(Topic::Rule, what, Direction::Neither));
    }
    changes
}

fn named(rule: &Rule) -> String {
    format!("{} ({})", rule.id, rule.promise)
}

fn came_or_went(rule: &Rule, came: bool) -> Change {
    let direction = if rule.forbids == came {
        Direction::Tightens
    } else {
        Direction::Loosens
    };
    let change = Change::of(Topic::Rule, named(rule), direction);
    if came {
        change.to(&*rule.sentence)
    } else {
        change.from(&*rule.sentence)
    }
}

/// What the annotations of a rule say that both sets have.
fn wording(old: &Rule, new: &Rule) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut told = |what: &str, before: String, after: String| {
        if before != after {
            let what = format!("{}: {what}", named(new));
            let change = Change::of(Topic::Rule, what, Direction::Neither);
            changes.push(change.from(before).to(after));
        }
    };
    let refusal = |rule: &Rule| rule.refusal.map_or("none", |code| code.name()).to_owned();
    let fix = |rule: &Rule| rule.fix.as_deref().unwrap_or("none").to_owned();
    let [promise, now] = [old, new].map(|rule| rule.promise.to_string());
    told("promise", promise, now);
    let [sentence, now] = [old, new].map(|rule| rule.sentence.to_string());
    told("sentence", sentence, now);
    told("code of its refusals", refusal(old), refusal(new));
    told("what a refused caller can do", fix(old), fix(new));
    if old.smallest_group != new.smallest_group {
        let what = format!("{}: customers that a figure is of, at least", named(new));
        // Fewer customers tell more about each.
        let direction = Direction::of_growth(&new.smallest_group, &old.smallest_group);
        let number = |rule: &Rule| {
            rule.smallest_group
                .map_or("none".to_owned(), |it| it.to_string())
        };
        changes.push(
            Change::of(Topic::Rule, what, direction)
                .from(number(old))
                .to(number(new)),
        );
    }
    changes
}

/// Whether a rule that both sets have does the same.
fn logic(was: &Rule, is: &Rule, old: &PolicySet, new: &PolicySet) -> Option<Change> {
    if was.logic == is.logic {
        return None;
    }
    let (told, direction) = match new.reworded(old, &is.id) {
        _ if was.forbids != is.forbids => {
            let direction = if is.forbids {
                Direction::Tightens
            } else {
                Direction::Loosens
            };
            (
                if is.forbids {
                    "forbids now"
                } else {
                    "permits now"
                },
                direction,
            )
        }
        None => ("written differently", Direction::Loosens),
        Some(reworded) => match (reworded.wider, reworded.narrower) {
            (false, false) => (
                "written differently, applies to the same",
                Direction::Neither,
            ),
            (true, true) => ("applies to other cases than it did", Direction::Loosens),
            (wider, _) => {
                let told = if wider {
                    "applies to more than it did"
                } else {
                    "applies to less than it did"
                };
                let tightens = wider == is.forbids;
                let direction = if tightens {
                    Direction::Tightens
                } else {
                    Direction::Loosens
                };
                (told, direction)
            }
        },
    };
    let what = format!("{}: {told}", named(is));
    Some(Change::of(Topic::Rule, what, direction))
}
