//! One rule without the others: what it applies to, whatever they say. Two versions of a rule are told
//! apart by that.

use cedar_policy::{Context, PolicyId, PolicySet};

use super::super::vocabulary::{Action, Question};
use super::Rules;
use crate::taxonomy::Category;

/// A rule of some set, alone.
pub(in super::super) struct Alone<'a> {
    rules: &'a Rules,
    /// By [`Action::index`]: the rule, where it can apply to that action.
    by_action: Vec<Option<PolicySet>>,
}

impl Rules {
    /// The rule with this id alone; `None` where there is none.
    pub(in super::super) fn alone(&self, id: &str) -> Option<Alone<'_>> {
        let id = PolicyId::new(id);
        self.by_id.get(&id)?;
        let one = |slice: &PolicySet| {
            let rule = slice.policy(&id)?.clone();
            PolicySet::from_policies([rule]).ok()
        };
        Some(Alone {
            rules: self,
            by_action: self.slices.iter().map(one).collect(),
        })
    }
}

impl Alone<'_> {
    /// Whether it can apply to `action` at all.
    pub(in super::super) fn is_about(&self, action: Action) -> bool {
        let rule = self.by_action.get(action.index());
        rule.is_some_and(Option::is_some)
    }

    /// The context of a question, for [`Alone::applies`].
    pub(in super::super) fn context(&self, question: &Question) -> Option<Context> {
        self.rules.context(question)
    }

    /// Whether it applies: a permit permits then, a forbid forbids. One that cannot be evaluated does.
    pub(in super::super) fn applies(
        &self,
        question: &Question,
        context: &Context,
        action: Action,
        category: Category,
    ) -> bool {
        let Some(Some(rule)) = self.by_action.get(action.index()) else {
            return false;
        };
        let answer = self
            .rules
            .ask_of(rule, question, context.clone(), action, category);
        answer.broken || !answer.rules.is_empty()
    }
}
