//! What the prover must be told of the taxonomy. It knows the schema but takes every tree of purposes
//! and categories for possible, so that it would find broken promises in worlds where marketing lies
//! below billing. Generated as conditions on the one purpose, the one category and the one partner of
//! a request, in terms of the words that the rules use: a rule cannot ask for anything else.
//!
//! The conditions leave exactly the places that some word of the taxonomy has: a model of the prover
//! is the place of a real word, and every real word is in some model. What a rule asks the other way
//! round (`Purpose::"a" in context.purpose`) they leave open, which can only make the prover see more
//! requests than there are.

use cedar_policy::Policy;

use super::ProofError;
use super::recast::policy_of;
use super::tree::{Tree, words_used};
use crate::terms::PartnerKind;

/// What holds of every request, as rules that forbid all requests of which it does not hold.
///
/// # Errors
/// When a rule cannot be made of a condition: a mistake of ours.
pub(super) fn axioms(policies: &[Policy]) -> Result<Vec<Policy>, ProofError> {
    let mut conditions = partner_conditions(policies);
    for tree in [Tree::of_purposes(policies), Tree::of_categories(policies)] {
        conditions.extend(conditions_of(&tree));
    }
    let rules = conditions.iter().enumerate().map(|(number, condition)| {
        let text = format!("forbid (principal, action, resource) unless {{ {condition} }};");
        policy_of(&format!("axiom.{number}"), &text)
    });
    rules.collect()
}

/// A partner is of one kind.
fn partner_conditions(policies: &[Policy]) -> Vec<String> {
    if words_used(policies, "PartnerKind").is_empty() {
        return Vec::new();
    }
    let of = |kind: PartnerKind| format!("principal in PartnerKind::\"{}\"", kind.word());
    let mut conditions = vec![PartnerKind::ALL.map(of).join(" || ")];
    for (place, one) in PartnerKind::ALL.into_iter().enumerate() {
        for other in PartnerKind::ALL.into_iter().skip(place + 1) {
            conditions.push(format!("!({} && {})", of(one), of(other)));
        }
    }
    conditions
}

fn conditions_of(tree: &Tree) -> Vec<String> {
    if tree.used.is_empty() {
        return Vec::new();
    }
    let mut conditions = Vec::new();
    for above in tree.used.iter().copied().map(Some).chain([None]) {
        conditions_below(tree, above, &mut conditions);
    }
    conditions
}

/// What holds of a word in `above` and of the used words right below it.
fn conditions_below(tree: &Tree, above: Option<&str>, conditions: &mut Vec<String>) {
    let is = |word: &str| format!("{} == {}::\"{word}\"", tree.variable, tree.kind);
    let is_in = |word: &str| format!("{} in {}::\"{word}\"", tree.variable, tree.kind);
    let below = tree.below(above);
    let in_one = below.iter().map(|word| is_in(word)).collect::<Vec<_>>();
    let in_one = in_one.join(" || ");
    if let Some(above) = above.filter(|_| !below.is_empty()) {
        let (is_in, is) = (is_in(above), is(above));
        conditions.push(format!("!({in_one}) || ({is_in} && !({is}))"));
    }
    for (place, one) in below.iter().enumerate() {
        for other in below.iter().skip(place + 1) {
            conditions.push(format!("!({} && {})", is_in(one), is_in(other)));
        }
    }
    if tree.has_others_below(above) {
        return;
    }
    // Nothing lies between `above` and the words right below it.
    conditions.push(match above {
        None => in_one,
        Some(above) if below.is_empty() => format!("!({}) || {}", is_in(above), is(above)),
        Some(above) => format!("!({}) || {} || {in_one}", is_in(above), is(above)),
    });
}
