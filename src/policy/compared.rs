//! What two sets are compared by, in [`crate::rules::Comparison`]: single answers of the promises,
//! each far cheaper than the cell it belongs to; which rules are not what they were; and where those
//! apply, as nothing else can differ.

use super::PolicySet;
use super::circumstances::{Circumstances, Standing};
use super::reach::Use;
use super::rules::{Alone, Rule};
use super::vocabulary::{Action, Question};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, Form, PartnerKind};

/// Most questions by which two versions of a rule are compared: some seconds.
const QUESTIONS_MAX: usize = 400_000;

/// A way by which a category may leave to partners of one kind in good standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    /// Who asks, for what, and by which kind of operation.
    pub asked: Use,
    /// What is known of the customer.
    pub circumstances: Circumstances,
    /// What leaves.
    pub category: Category,
}

impl Way {
    fn question(&self) -> Question {
        self.asked.question(self.circumstances)
    }
}

/// What became of a rule that is not written as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reworded {
    /// It applies to something that it did not apply to.
    pub wider: bool,
    /// It does not apply to something that it applied to.
    pub narrower: bool,
}

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

    /// Whether the promises let something leave in `form`: what no contract can widen.
    pub fn promises_allow(&self, way: &Way, form: Form) -> bool {
        self.promises.allows(&way.question(), way.category, form)
    }

    /// What became of the rule `id`, over all it could apply to; `None` where that is too much to
    /// ask, or one of the sets does not have it.
    pub fn reworded(&self, old: &Self, id: &str) -> Option<Reworded> {
        let rules = [old, self].map(|set| set.rules().iter().find(|rule| *rule.id == *id));
        let [Some(was), Some(is)] = rules else {
            return None;
        };
        let [before, after] = [old, self].map(|set| set.promises.rules().alone(id));
        between(&before?, &after?, &Mentioned::of(was, is))
    }
}

/// The rules that one of two sets does not have as the other has them. Wherever none of them applies,
/// both sets answer alike.
pub struct Differing<'a> {
    rules: Vec<Alone<'a>>,
    /// Whether the sets cannot be told apart by single rules.
    everywhere: bool,
}

impl std::fmt::Debug for Differing<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Differing")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Differing<'a> {
    /// The rules that differ between two sets.
    pub fn of(old: &'a PolicySet, new: &'a PolicySet) -> Self {
        let mut rules = Vec::new();
        for (set, other) in [(old, new), (new, old)] {
            let same = |rule: &Rule| {
                let mut others = other.rules().iter();
                others.any(|other| (&other.id, &other.logic) == (&rule.id, &rule.logic))
            };
            let differing = set.rules().iter().filter(|rule| !same(rule));
            rules.extend(differing.filter_map(|rule| set.promises.rules().alone(&rule.id)));
        }
        Self {
            rules,
            everywhere: !new.has_schema_of(old),
        }
    }

    /// Whether the sets may answer differently about something that leaves this way.
    pub fn reach(&self, way: &Way) -> bool {
        if self.everywhere {
            return true;
        }
        let question = way.question();
        self.rules.iter().any(|rule| {
            let Some(context) = rule.context(&question) else {
                return true;
            };
            Form::ALL.into_iter().any(|form| {
                let action = Action::Disclose(form);
                rule.applies(&question, &context, action, way.category)
            })
        })
    }
}

/// What of a question two versions of a rule can depend on, by the words in them. What no version
/// mentions is held fixed.
struct Mentioned {
    partners: bool,
    purposes: bool,
    channels: bool,
    circumstances: [bool; 4],
    categories: bool,
}

impl Mentioned {
    fn of(was: &Rule, is: &Rule) -> Self {
        let in_one = |words: &str| was.logic.contains(words) || is.logic.contains(words);
        // The basis follows from purpose and circumstances.
        let attribute = |name: &str| in_one(&format!("\"{name}\"")) || in_one("\"basis\"");
        let variable = |name: &str| {
            let every = format!("\"{name}\":{{\"op\":\"All\"}}");
            let scoped = [was, is].iter().any(|rule| !rule.logic.contains(&every));
            scoped || in_one(&format!("{{\"Var\":\"{name}\"}}"))
        };
        Self {
            partners: variable("principal"),
            purposes: attribute("purpose"),
            channels: attribute("channel"),
            circumstances: ["own", "consented", "agreement", "order_approved"].map(attribute),
            categories: variable("resource"),
        }
    }

    fn questions(&self) -> Vec<Question> {
        let some = |all: bool, usual: usize| if all { usize::MAX } else { usual };
        let varies = |circumstances: &Circumstances| {
            let mut each = circumstances.held().into_iter().zip(self.circumstances);
            each.all(|(holds, mentioned)| mentioned || !holds)
        };
        let mut questions = Vec::new();
        for kind in PartnerKind::ALL.into_iter().take(some(self.partners, 1)) {
            for standing in Standing::ALL.into_iter().take(some(self.partners, 1)) {
                for purpose in Purpose::all().take(some(self.purposes, 1)) {
                    for channel in Channel::ALL.into_iter().take(some(self.channels, 1)) {
                        for circumstances in Circumstances::all().filter(varies) {
                            questions.push(Question {
                                kind,
                                standing,
                                purpose,
                                channel,
                                circumstances,
                            });
                        }
                    }
                }
            }
        }
        questions
    }
}

fn between(before: &Alone<'_>, after: &Alone<'_>, mentioned: &Mentioned) -> Option<Reworded> {
    let actions = Action::all().filter(|one| before.is_about(*one) || after.is_about(*one));
    let actions: Vec<Action> = actions.collect();
    let every = if mentioned.categories { usize::MAX } else { 1 };
    let categories: Vec<Category> = Category::all().take(every).collect();
    let questions = mentioned.questions();
    if questions.len() * actions.len() * categories.len() > QUESTIONS_MAX {
        return None;
    }
    let mut reworded = Reworded {
        wider: false,
        narrower: false,
    };
    for question in &questions {
        let context = before.context(question)?;
        for action in &actions {
            for category in &categories {
                let was = before.applies(question, &context, *action, *category);
                let is = after.applies(question, &context, *action, *category);
                reworded.wider |= is && !was;
                reworded.narrower |= was && !is;
            }
        }
        if reworded.wider && reworded.narrower {
            break;
        }
    }
    Some(reworded)
}
