//! Words that searches go by. A word that nobody ever wrote would find nothing, as if nothing had happened: so
//! it is told, with the word that was likely meant.

use super::{Deed, NotDone};
use crate::catalogue::Catalogue;
use crate::entry::Event;
use crate::evidence::SEALED;
use crate::index::{Index, Query};
use crate::mistakes::nearest;
use crate::refusal::Code;

/// What `Covenant-Decision` says to partners of a refused request.
const DENY: &str = "deny";
/// The kind of its entry.
const REFUSAL: &str = "refusal";

/// Decisions about answers.
const DECISIONS: [&str; 2] = ["allow", "redact"];

/// What the gateway notes about itself, and acts that are no deed of their own.
const NOTED: [&str; 9] = [
    "key-rotated",
    "policy.first",
    "policy.reload",
    "policy.reload.refused",
    "policy.shadow.dropped",
    "recovered",
    "started",
    "stopped",
    SEALED,
];

/// The word that the ledger has for what partners see.
pub(super) fn of_the_ledger(decision: &str) -> &str {
    match decision {
        DENY => REFUSAL,
        other => other,
    }
}

/// Whether a search that found nothing had a word that nobody knows and that no entry before `end` has: then
/// what is wrong, and which word is near.
pub(super) fn unknown(
    wanted: &Query,
    catalogue: &Catalogue,
    index: &Index,
    end: u64,
) -> Result<(), NotDone> {
    let acts: Vec<String> = Deed::ALL
        .iter()
        .flat_map(|deed| [deed.name().to_owned(), format!("{}.propose", deed.name())])
        .collect();
    let codes = Code::ALL.map(Code::name);
    let decisions = Event::KINDS.iter().chain(&DECISIONS).chain(&NOTED);
    let decisions = decisions.chain(&codes).copied();
    let decisions: Vec<&str> = decisions.chain(acts.iter().map(String::as_str)).collect();
    let operations = catalogue.operations.iter();
    let operations: Vec<&str> = operations.map(|operation| &*operation.id).collect();
    let alone = |decision: &Option<String>, operation: &Option<String>| Query {
        decision: decision.clone(),
        operation: operation.clone(),
        ..Query::default()
    };
    let (decision, operation) = (&wanted.decision, &wanted.operation);
    for (word, known, query, what) in [
        (
            decision,
            decisions,
            alone(decision, &None),
            "as a kind of entry, a decision, the code of a refusal or an act",
        ),
        (
            operation,
            operations,
            alone(&None, operation),
            "as an operation of the catalogue",
        ),
    ] {
        let Some(word) = word.as_deref().filter(|word| !known.contains(word)) else {
            continue;
        };
        // Words of before, of another catalogue or another build, are known by their entries.
        let mut is_on_record = false;
        index.find(&query, 0..end, |_| {
            is_on_record = true;
            false
        })?;
        if is_on_record {
            continue;
        }
        let near = nearest(word, known);
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let mistake = format!("`{word}` is not known {what}, and in no entry{near}");
        return Err(NotDone::Misasked(mistake));
    }
    Ok(())
}
