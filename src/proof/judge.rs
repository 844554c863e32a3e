//! One request held against rules and properties by the evaluator that answers requests: what the
//! prover claims is believed only when it happens here too.

use cedar_policy::{Authorizer, Context, Policy, PolicySet};

use super::recast::as_permit;
use super::report::{DecidedBy, Example, Finding, Subject, Verdict};
use super::situation::Situation;
use super::{Book, ProofError};
use crate::policy::{Answer, Property, Rule, Standing};

/// The set to prove, what must hold of it, and the set to compare it with.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub(super) book: &'a Book,
    pub(super) against: Option<&'a Book>,
    /// Each property's pattern as a permit.
    pub(super) patterns: Vec<Policy>,
    authorizer: Authorizer,
}

impl<'a> Judge<'a> {
    pub(super) fn new(book: &'a Book, against: Option<&'a Book>) -> Result<Self, ProofError> {
        let properties = book.properties.all().iter();
        let patterns = properties.map(|property| as_permit(&property.policy));
        Ok(Self {
            book,
            against,
            patterns: patterns.collect::<Result<_, _>>()?,
            authorizer: Authorizer::new(),
        })
    }

    /// Every rule and property that is compared, for the words they use.
    pub(super) fn policies(&self) -> Vec<Policy> {
        let other = self.against.map(|against| against.rules.policies());
        let rules = self.book.rules.policies().iter();
        let all = rules.chain(other.unwrap_or_default()).chain(&self.patterns);
        all.cloned().collect()
    }

    /// What the rules of `book` answer.
    pub(super) fn ask(&self, book: &Book, one: &Situation) -> Option<Answer> {
        let context = self.context(one)?;
        let answer = book
            .rules
            .ask_in(&one.question, context, one.action, one.category);
        Some(answer)
    }

    pub(super) fn context(&self, one: &Situation) -> Option<Context> {
        let vocabulary = self.book.rules.vocabulary();
        vocabulary.context_with(&one.question, one.basis)
    }

    /// Whether a request falls under a permit by itself.
    pub(super) fn matches(&self, permit: &Policy, one: &Situation) -> bool {
        let matched = || {
            let set = PolicySet::from_policies([permit.clone()]).ok()?;
            Some(!self.matching(&set, one, self.context(one)?)?.is_empty())
        };
        matched().unwrap_or(false)
    }

    /// The ids of the permits, or of the forbids, of a set of one effect that a request falls under.
    /// `None` where one cannot be evaluated.
    pub(super) fn matching(
        &self,
        set: &PolicySet,
        one: &Situation,
        context: Context,
    ) -> Option<Vec<String>> {
        let rules = &self.book.rules;
        let request = rules.request(&one.question, context, one.action, one.category)?;
        let response = self
            .authorizer
            .is_authorized(&request, set, rules.entities());
        let diagnostics = response.diagnostics();
        if diagnostics.errors().next().is_some() {
            return None;
        }
        let ids = diagnostics
            .reason()
            .map(|id| AsRef::<str>::as_ref(id).to_owned());
        Some(ids.collect())
    }

    /// Whether the evaluator breaks a property for this request.
    pub(super) fn breaks(&self, property: &Property, pattern: &Policy, one: &Situation) -> bool {
        let answer = self.ask(self.book, one);
        let wrong = answer.is_some_and(|answer| answer.allowed == property.rule.forbids);
        wrong && self.matches(pattern, one)
    }

    /// Whether the set allows this request and the one it is compared with does not.
    pub(super) fn is_gained(&self, one: &Situation) -> bool {
        let allowed = |book| self.ask(book, one).is_some_and(|answer| answer.allowed);
        allowed(self.book) && self.against.is_some_and(|against| !allowed(against))
    }

    /// A request as it stands in a report. `replayed` is whether the evaluator agreed.
    pub(super) fn example(&self, one: &Situation, replayed: bool) -> Example {
        let answer = self.ask(self.book, one);
        let allowed = answer.as_ref().is_some_and(|answer| answer.allowed);
        let indices = answer.into_iter().flat_map(|answer| answer.rules);
        let rules = indices.filter_map(|index| self.book.rules.get(index));
        let question = &one.question;
        let words = |word: &str| word.to_owned();
        Example {
            partner: words(question.kind.word()),
            good_standing: question.standing == Standing::Good,
            purpose: question.purpose.to_string(),
            action: one.action.name(),
            channel: words(question.channel.word()),
            category: one.category.to_string(),
            circumstances: question.circumstances.words().map(words).collect(),
            basis: words(one.basis.word()),
            replayed,
            words: one.in_words(if allowed { "may" } else { "may not" }),
            decided_by: rules.map(DecidedBy::from).collect(),
        }
    }

    pub(super) fn finding_of_property(
        &self,
        property: &Property,
        verdict: Verdict,
        milliseconds: u64,
    ) -> Finding {
        let place = format!("{}:{}", property.file, property.rule.line);
        finding(
            Subject::Property,
            &property.rule,
            place,
            verdict,
            milliseconds,
        )
    }

    pub(super) fn finding_of_rule(
        &self,
        rule: &Rule,
        verdict: Verdict,
        milliseconds: u64,
    ) -> Finding {
        let place = format!("promises.cedar:{}", rule.line);
        finding(Subject::Rule, rule, place, verdict, milliseconds)
    }
}

fn finding(
    subject: Subject,
    rule: &Rule,
    place: String,
    verdict: Verdict,
    milliseconds: u64,
) -> Finding {
    Finding {
        subject,
        id: rule.id.to_string(),
        promise: Some(rule.promise.to_string()),
        sentence: rule.sentence.to_string(),
        place: Some(place),
        verdict,
        milliseconds,
    }
}

/// A statement about the whole set.
pub(super) fn finding_of_set(subject: Subject, verdict: Verdict, milliseconds: u64) -> Finding {
    let (id, promise, sentence) = match subject {
        Subject::Contracts => (
            "contracts-only-narrow",
            Some("P14"),
            "Whatever a contract says, its partner has nothing that the promises do not allow.",
        ),
        Subject::Errors => (
            "nothing-fails",
            Some("P9"),
            "No rule can fail while it is evaluated; a forbid that failed would be skipped.",
        ),
        _ => (
            "not-more-permissive",
            None,
            "Nothing is allowed that the other set does not allow.",
        ),
    };
    Finding {
        subject,
        id: id.to_owned(),
        promise: promise.map(str::to_owned),
        sentence: sentence.to_owned(),
        place: None,
        verdict,
        milliseconds,
    }
}

impl From<&Rule> for DecidedBy {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id.to_string(),
            sentence: rule.sentence.to_string(),
            line: rule.line,
        }
    }
}
