//! The promises as Cedar rules: read, checked, and asked one question at a time. Slow on purpose
//! and simple; [`super::promises`] remembers the answers.
//!
//! Cedar leaves four holes that are closed here: misspelt entity ids (`rules/lint.rs`), a forbid
//! that errs and is skipped (any error denies), evaluation that takes longer with each rule (one
//! slice of the rules per action), and templates (refused).

mod alone;
mod bounds;
pub mod layout;
mod lint;
mod properties;
mod read;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

pub(super) use self::alone::Alone;
use cedar_policy::{Authorizer, Context, Decision, Entities, Policy, PolicyId, PolicySet, Request};

pub use self::properties::{Properties, Property};

use super::vocabulary::{Action, Question, Vocabulary};
use crate::refusal::Code;
use crate::taxonomy::Category;
use crate::terms::Promise;

/// What the annotations of one rule say.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `@id`: never reused, stands in the ledger.
    pub id: Arc<str>,
    /// `@promise`: the promise it carries.
    pub promise: Promise,
    /// `@sentence`: the rule in words.
    pub sentence: Arc<str>,
    /// Whether it forbids; otherwise it permits.
    pub forbids: bool,
    /// `@refusal`: the code with which a forbid refuses a call.
    pub refusal: Option<Code>,
    /// `@smallest_group`: of how many different customers a figure must be that this permit lets leave.
    pub smallest_group: Option<u32>,
    /// `@fix`: what a refused caller can do.
    pub fix: Option<Arc<str>>,
    /// Its line in the file.
    pub line: usize,
    /// Scope, conditions and effect in Cedar's JSON form: what is left of it without annotations,
    /// comments and layout.
    pub logic: Arc<str>,
}

/// A rule's place in the file, counted in rules: the first forbid that applies answers.
pub(crate) type RuleIndex = usize;

/// All rules, ready to be asked.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    by_id: HashMap<PolicyId, RuleIndex>,
    /// In order of the file, each named by its `@id`.
    policies: Vec<Policy>,
    /// By [`Action::index`]: the rules that can apply to that action.
    slices: Vec<PolicySet>,
    entities: Entities,
    vocabulary: Vocabulary,
    authorizer: Authorizer,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// The permits that allowed it, or the forbids that refused it, in order of the file; none
    /// where nothing permits it.
    pub(crate) rules: Vec<RuleIndex>,
    /// Whether a rule could not be evaluated. Then nothing is allowed.
    pub(crate) broken: bool,
}

impl Answer {
    const BROKEN: Self = Self {
        allowed: false,
        rules: Vec::new(),
        broken: true,
    };
}

impl Rules {
    /// Every rule, in order of the file.
    pub(crate) fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether the same entities, actions and their groups included, stand under both.
    pub(super) fn has_entities_of(&self, other: &Self) -> bool {
        self.entities == other.entities
    }

    /// The rule at `index`.
    pub(crate) fn get(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(index)
    }

    /// Asks about `category`.
    pub(super) fn ask(&self, question: &Question, action: Action, category: Category) -> Answer {
        match self.vocabulary.context(question) {
            Some(context) => self.ask_in(question, context, action, category),
            None => Answer::BROKEN,
        }
    }

    /// Asks with a context that was built before, for many questions in a row.
    pub(crate) fn ask_in(
        &self,
        question: &Question,
        context: Context,
        action: Action,
        category: Category,
    ) -> Answer {
        match self.slices.get(action.index()) {
            Some(slice) => self.ask_of(slice, question, context, action, category),
            None => Answer::BROKEN,
        }
    }

    fn ask_of(
        &self,
        slice: &PolicySet,
        question: &Question,
        context: Context,
        action: Action,
        category: Category,
    ) -> Answer {
        let Some(request) = self.request(question, context, action, category) else {
            return Answer::BROKEN;
        };
        let response = self
            .authorizer
            .is_authorized(&request, slice, &self.entities);
        let diagnostics = response.diagnostics();
        if diagnostics.errors().next().is_some() {
            return Answer::BROKEN;
        }
        let indices = diagnostics.reason().filter_map(|id| self.by_id.get(id));
        let mut rules: Vec<RuleIndex> = indices.copied().collect();
        rules.sort_unstable();
        Answer {
            allowed: response.decision() == Decision::Allow,
            rules,
            broken: false,
        }
    }

    /// A question as Cedar takes it.
    pub(crate) fn request(
        &self,
        question: &Question,
        context: Context,
        action: Action,
        category: Category,
    ) -> Option<Request> {
        let vocabulary = &self.vocabulary;
        let request = Request::new(
            vocabulary.partner(question.kind, question.standing),
            vocabulary.action(action),
            vocabulary.category(category),
            context,
            None,
        );
        request.ok()
    }

    /// The context of `question`, for [`Rules::ask_in`].
    pub(super) fn context(&self, question: &Question) -> Option<Context> {
        self.vocabulary.context(question)
    }

    /// The rules as policies, in order of the file, each named by its `@id`.
    pub(crate) fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Those of `policies` that can apply to `action`.
    pub(crate) fn slice(&self, policies: &[Policy], action: Action) -> Option<PolicySet> {
        read::slice(policies, &self.vocabulary.action(action), &self.entities)
    }

    /// The taxonomy and the partners, as Cedar sees them.
    pub(crate) fn entities(&self) -> &Entities {
        &self.entities
    }

    /// Our words as Cedar's.
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(&self.rules).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::circumstances::{Circumstances, Standing};
    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::taxonomy::Purpose;
    use crate::terms::{Channel, Form, PartnerKind};

    fn shipped(name: &str) -> Arc<Source> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("policies")
            .join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        Source::new(path, text)
    }

    /// Reads the shipped schema with these promises; the mistakes as `line message (help)`.
    fn read(promises: &str) -> (Option<Rules>, Vec<String>) {
        let mut mistakes = Mistakes::new();
        let source = Source::new("promises.cedar", promises);
        let rules = Rules::read(&shipped("schema.cedarschema"), &source, &mut mistakes);
        let sorted = mistakes.sorted();
        let lines = sorted.iter().map(|mistake| {
            let help = mistake.help().unwrap_or_default();
            let line = mistake.position().line;
            format!("{line} {} {help}", mistake.message())
                .trim_end()
                .to_owned()
        });
        (rules, lines.collect())
    }

    fn question(purpose: &str, circumstances: Circumstances) -> Question {
        Question {
            kind: PartnerKind::Reseller,
            standing: Standing::Good,
            purpose: Purpose::parse(purpose).unwrap(),
            channel: Channel::Record,
            circumstances,
        }
    }

    #[test]
    fn the_shipped_promises_are_right_and_answer() {
        let (rules, mistakes) = read(shipped("promises.cedar").text());
        assert_eq!(mistakes, Vec::<String>::new());
        let rules = rules.unwrap();
        let name = Category::parse("user.name").unwrap();
        let clear = Action::Disclose(Form::Clear);
        let own = question("essential.service", Circumstances::OWN);
        let answer = rules.ask(&own, clear, name);
        assert!(answer.allowed, "{answer:?}");
        let foreign = question("essential.service", Circumstances::default());
        let answer = rules.ask(&foreign, clear, name);
        let ids: Vec<_> = answer
            .rules
            .iter()
            .map(|index| &*rules.all()[*index].id)
            .collect();
        assert!(!answer.allowed);
        assert_eq!(ids, ["own-customers"]);
    }

    #[test]
    fn a_slice_answers_as_all_rules_together_would() {
        let (rules, _) = read(shipped("promises.cedar").text());
        let rules = rules.unwrap();
        let whole = rules
            .slices
            .iter()
            .map(PolicySet::num_of_policies)
            .max()
            .unwrap();
        assert!(whole < rules.all().len(), "slices leave rules out");
        let marketing = question("marketing.advertising", Circumstances::OWN);
        let user = Category::parse("user").unwrap();
        for action in Action::all() {
            let answer = rules.ask(&marketing, action, user);
            let first = answer.rules.first().map(|index| &*rules.all()[*index].id);
            assert!(!answer.allowed && !answer.broken);
            assert_eq!(first, Some("no-marketing"), "{action:?}");
        }
    }

    #[test]
    fn a_misspelt_purpose_in_a_forbid_is_reported_at_its_line() {
        let wrong = shipped("promises.cedar")
            .text()
            .replace("Purpose::\"sales\"", "Purpose::\"saels\"");
        let line = wrong
            .lines()
            .position(|line| line.contains("saels"))
            .unwrap()
            + 1;
        let (rules, mistakes) = read(&wrong);
        assert!(rules.is_none());
        assert_eq!(
            mistakes,
            [format!(
                "{line} `saels` is not a purpose did you mean `sales`?"
            )]
        );
    }

    #[test]
    fn wrong_annotations_are_all_reported() {
        let (rules, mistakes) = read(
            "@id(\"a\")\n@promise(\"P19\")\n@refusal(\"marketing-use-blokced\")\n@fixx(\"f\")\nforbid (principal, action, resource);\n\n@id(\"a\") @promise(\"P1\") @sentence(\"s\") @fix(\"f\")\npermit (principal, action, resource);\n",
        );
        assert!(rules.is_none());
        let expected = [
            "1 this rule has no `@sentence(\"…\")`",
            "2 `P19` is not a promise; there are P1 to P18",
            "3 `marketing-use-blokced` is not the code of a refusal did you mean `marketing-use-blocked`?",
            "4 unknown annotation `@fixx` did you mean `fix`?",
            "7 only a forbid can have @refusal and @fix",
        ];
        assert_eq!(mistakes, expected);
    }

    #[test]
    fn an_id_is_used_once() {
        let rule =
            "@id(\"a\") @promise(\"P1\") @sentence(\"s\")\npermit (principal, action, resource);\n";
        let (_, mistakes) = read(&rule.repeat(2));
        assert_eq!(mistakes, ["3 the rule in line 1 has the id `a` already"]);
    }

    #[test]
    fn rules_with_arithmetic_unknown_actions_or_named_partners_are_refused() {
        let rule = |body: &str| format!("@id(\"a\") @promise(\"P1\") @sentence(\"s\")\n{body}\n");
        for (body, part) in [
            (
                "forbid (principal, action, resource) when { 1 + 1 == 2 };",
                "calculate",
            ),
            (
                "forbid (principal, action == Action::\"call.exprot\", resource);",
                "call.exprot",
            ),
            (
                "forbid (principal == Partner::\"acme\", action, resource);",
                "PartnerKind",
            ),
            (
                "forbid (principal, action, resource) when { context.purpos == 1 };",
                "purpos",
            ),
            (
                "forbid (principal, action, resource) when { context.own }",
                "unexpected end",
            ),
            (
                "forbid (principal in PartnerKind::\"deeler\", action, resource);",
                "deeler",
            ),
        ] {
            let (rules, mistakes) = read(&rule(body));
            assert!(rules.is_none(), "{body}");
            assert!(
                mistakes.iter().any(|mistake| mistake.contains(part)),
                "{body}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn any_misspelt_word_of_a_rule_is_reported_at_its_line() {
        let shipped = shipped("promises.cedar");
        let text = shipped.text();
        let literals: Vec<usize> = text.match_indices("::\"").map(|(at, _)| at + 3).collect();
        assert!(literals.len() > 50);
        for at in literals {
            let (before, after) = text.split_at(at);
            let line = before.matches('\n').count() + 1;
            let (_, mistakes) = read(&format!("{before}x{after}"));
            let told = mistakes
                .iter()
                .any(|told| told.starts_with(&format!("{line} ")));
            assert!(told, "line {line}: {mistakes:?}");
        }
    }

    #[test]
    fn a_schema_that_takes_an_action_out_of_its_group_is_refused() {
        let schema = shipped("schema.cedarschema");
        let weakened = schema.text().replace(
            "action \"disclose.clear\", \"disclose.partial\", \"disclose.pseudonym\" in [\"disclose.person\"]",
            "action \"disclose.clear\", \"disclose.partial\", \"disclose.pseudonym\" in [disclose]",
        );
        assert_ne!(weakened, schema.text());
        let mut mistakes = Mistakes::new();
        let weakened = Source::new("schema.cedarschema", weakened);
        let rules = Rules::read(&weakened, &shipped("promises.cedar"), &mut mistakes);
        assert!(rules.is_none());
        let message = mistakes.sorted()[0].message().to_owned();
        assert!(
            message.contains("`disclose.clear` must be in `disclose.person`"),
            "{message}"
        );
    }
}
