//! What two sets are compared by, in [`crate::rules::Comparison`]: single answers of the promises,
//! each far cheaper than the cell it belongs to, and whether there is anything to compare at all.

use super::PolicySet;
use super::circumstances::{Circumstances, Standing};
use super::vocabulary::Question;
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, FormSet, PartnerKind};

impl PolicySet {
    /// Whether the promises of both sets answer every question alike, because they are the same
    /// rules in the same order: wording, comments and layout aside.
    pub fn has_promises_of(&self, other: &Self) -> bool {
        let logic = |set: &Self| {
            let rules = set.rules().iter();
            let parts = rules.map(|rule| (rule.id.clone(), rule.refusal, rule.logic.clone()));
            parts.collect::<Vec<_>>()
        };
        self.has_schema_of(other) && logic(self) == logic(other)
    }

    /// Whether actions are in the same groups in both sets, so that a rule about a group is about the
    /// same actions.
    pub fn has_schema_of(&self, other: &Self) -> bool {
        let rules = self.promises.rules();
        rules.has_entities_of(other.promises.rules())
    }

    /// The forms in which the promises let `category` leave to a partner of this kind, in good
    /// standing: what no contract of theirs can widen.
    pub fn promised_forms(
        &self,
        kind: PartnerKind,
        purpose: Purpose,
        channel: Channel,
        circumstances: Circumstances,
        category: Category,
    ) -> FormSet {
        let question = Question {
            kind,
            standing: Standing::Good,
            purpose,
            channel,
            circumstances,
        };
        self.promises.forms(&question, category)
    }
}
