//! What contracts refer to: operations of the catalogue, and purposes of the promises. It is looked
//! for in contracts that have mistakes of their own too, and beside a catalogue that has some, so that
//! one run tells everything.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::circumstances::{Circumstances, Standing};
use super::promises::{Call, Promises};
use super::vocabulary::Question;
use crate::catalogue::{Catalogue, operations_named};
use crate::mistakes::{Mistakes, Source, Span};
use crate::source::{Folder, Node, read_yaml};
use crate::taxonomy::Purpose;
use crate::terms::{Channel, PartnerKind};

/// The references of one contract, as they are written.
#[derive(Debug, Default)]
pub(super) struct References {
    pub(super) kind: Option<PartnerKind>,
    pub(super) purposes: Vec<(Purpose, Span)>,
    pub(super) operations: Vec<(Arc<str>, Span)>,
}

impl References {
    /// Those of a contract that cannot be read whole. What is wrong with it was noted before.
    pub(super) fn written(source: &Arc<Source>) -> Self {
        let Some(contract) = read_yaml(source, &mut Mistakes::new()) else {
            return Self::default();
        };
        let kind = contract.get("kind").and_then(Node::as_text);
        let texts = |name: &str| {
            let items = contract.get(name).map(Node::items).unwrap_or_default();
            let texts = items
                .iter()
                .filter_map(|one| Some((one.as_text()?, one.span)));
            texts.collect::<Vec<_>>()
        };
        let purposes = texts("purposes").into_iter();
        let operations = texts("operations").into_iter();
        Self {
            kind: PartnerKind::ALL
                .into_iter()
                .find(|known| Some(known.word()) == kind),
            purposes: purposes
                .filter_map(|(key, span)| Some((Purpose::parse(key)?, span)))
                .collect(),
            operations: operations.map(|(id, span)| (Arc::from(id), span)).collect(),
        }
    }

    /// Notes each operation that nobody can call.
    pub(super) fn check_operations(
        &self,
        source: &Arc<Source>,
        known: &Operations,
        mistakes: &mut Mistakes,
    ) {
        let Some(served) = &known.served else {
            return;
        };
        for (id, span) in &self.operations {
            if known.unserved.contains(&**id) {
                let message = format!("`{id}` is not served: its overlay gives it no channel");
                let help = "give it an `x-covenant-channel` in the overlay";
                mistakes.add_with_help(source, *span, message, help);
            } else if !served.contains(&**id) {
                let message = format!("the catalogue has no operation `{id}`");
                let valid = served.iter().map(String::as_str);
                mistakes.add_unknown(source, *span, message, id, valid);
            }
        }
    }

    /// A purpose that the promises refuse in every circumstance can only be a misunderstanding.
    pub(super) fn check_purposes(
        &self,
        source: &Arc<Source>,
        promises: &Promises,
        mistakes: &mut Mistakes,
    ) {
        let Some(kind) = self.kind else {
            return;
        };
        for (purpose, span) in &self.purposes {
            let call = |circumstances| {
                promises.call(&Question {
                    kind,
                    standing: Standing::Good,
                    purpose: *purpose,
                    channel: Channel::Record,
                    circumstances,
                })
            };
            let mut calls = Circumstances::all().map(call);
            if calls.any(|call| matches!(call, Call::Permitted(_))) {
                continue;
            }
            let message = match call(Circumstances::default()) {
                Call::Forbidden(rule) => match promises.rule(rule) {
                    Some(rule) => format!(
                        "the promises forbid `{purpose}` ({}): {}",
                        rule.promise, rule.sentence
                    ),
                    None => format!("the promises forbid `{purpose}`"),
                },
                _ => format!("the promises do not permit `{purpose}` (P3)"),
            };
            mistakes.add(source, *span, message);
        }
    }
}

/// The operations that contracts can name.
pub(super) struct Operations {
    /// `None` where the documents cannot be read.
    served: Option<BTreeSet<String>>,
    unserved: BTreeSet<String>,
}

impl Operations {
    /// Those of the catalogue; without one, because it has mistakes, those its documents name.
    pub(super) fn of(folder: &Folder, catalogue: Option<&Catalogue>) -> Self {
        let Some(catalogue) = catalogue else {
            return Self {
                served: operations_named(folder),
                unserved: BTreeSet::new(),
            };
        };
        let served = catalogue.operations.iter();
        let unserved = catalogue.unserved().iter();
        Self {
            served: Some(served.map(|one| one.id.to_string()).collect()),
            unserved: unserved.map(|one| one.operation.to_string()).collect(),
        }
    }
}
