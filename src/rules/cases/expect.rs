//! What a case expects: reading it, and holding it against what came.

use std::sync::Arc;

use super::vocabulary::{category, unknown};
use super::{Decision, Expect, ExpectedField, Fields as Meant, Leaves, Outcome};
use crate::catalogue::Operation;
use crate::mistakes::Span;
use crate::refusal::Code;
use crate::rules::Rules;
use crate::source::{Fields, Node};
use crate::taxonomy::Category;
use crate::terms::Promise;

/// Fields of an answer: path and category.
type Answered = [(Arc<str>, Option<Category>)];

/// Reads what is expected of `operation`, which answers the fields `answered`; each is unknown where
/// the rules are.
pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    rules: Option<&Rules>,
    operation: Option<&Arc<Operation>>,
    answered: Option<&Answered>,
) -> Option<Expect> {
    let words = Decision::ALL.map(Decision::word);
    let decision = fields.one_of("decision", &words);
    let decision = Decision::ALL
        .into_iter()
        .find(|one| Some(one.word()) == decision);
    let code = code(fields);
    let promise = word(fields, "promise", "P1 to P18", Promise::parse);
    let rule = rule(fields, rules);
    let mut expected = Vec::new();
    let known = Known {
        operation,
        answered,
    };
    for (key, leaves) in [("withheld", Leaves::Withheld), ("keep", Leaves::Clear)] {
        for (text, span) in fields.optional_texts(key) {
            let of = known.meant(fields, text, span);
            expected.extend(of.map(|of| ExpectedField { of, leaves }));
        }
    }
    known.forms(fields, &mut expected);
    let customers = fields.optional_integer("customers", 0..=1_000_000);
    let refused = decision == Some(Decision::Deny);
    for (key, of_refusals) in [
        ("code", true),
        ("withheld", false),
        ("keep", false),
        ("forms", false),
        ("customers", false),
    ] {
        let node = fields.optional(key);
        if let Some(node) = node.filter(|_| decision.is_some() && refused != of_refusals) {
            let message = if refused {
                format!("`{key}` cannot be with `deny`: nothing leaves")
            } else {
                format!("`{key}` is only with the decision `deny`")
            };
            fields.mistake(node.span, message);
        }
    }
    Some(Expect {
        decision: decision?,
        code,
        promise,
        rule,
        fields: expected,
        customers,
    })
}

/// What can be expected of an operation.
struct Known<'a> {
    operation: Option<&'a Arc<Operation>>,
    answered: Option<&'a Answered>,
}

impl Known<'_> {
    /// The fields that a category or path means; meaning none is a mistake.
    fn meant(&self, fields: &mut Fields<'_, '_>, text: &str, span: Span) -> Option<Meant> {
        let meant = if text.starts_with('$') {
            Meant::Path(text.into())
        } else {
            Meant::Category(category(fields, text, span)?)
        };
        let (Some(operation), Some(answered)) = (self.operation, self.answered) else {
            return Some(meant);
        };
        if answered
            .iter()
            .any(|(path, category)| meant.mean(path, *category))
        {
            return Some(meant);
        }
        let message = format!("no field that `{}` answers is `{text}`", operation.id);
        let paths = answered.iter().map(|(path, _)| &**path);
        let categories = answered
            .iter()
            .filter_map(|(_, category)| category.map(Category::key));
        let valid = paths.chain(categories);
        unknown(fields, span, message, text, valid);
        None
    }

    fn forms(&self, fields: &mut Fields<'_, '_>, expected: &mut Vec<ExpectedField>) {
        let Some(node) = fields.optional("forms") else {
            return;
        };
        if !node.is_mapping() {
            let message = format!("`forms` must be a mapping, not {}", node.kind());
            fields.mistake(node.span, message);
        }
        for (key, value) in node.entries() {
            let of = self.meant(fields, &key.name, key.span);
            let leaves = leaves(fields, value);
            let both = of.zip(leaves);
            expected.extend(both.map(|(of, leaves)| ExpectedField { of, leaves }));
        }
    }
}

fn leaves(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Leaves> {
    let text = node.as_text().unwrap_or_default();
    let leaves = Leaves::ALL.into_iter().find(|leaves| leaves.word() == text);
    if leaves.is_none() {
        let words = Leaves::ALL.map(Leaves::word);
        let message = format!("a form is one of: {}", words.join(", "));
        unknown(fields, node.span, message, text, words);
    }
    leaves
}

fn word<T>(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    words: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let node = fields.optional(key)?;
    let text = fields.optional_text(key)?;
    let parsed = parse(text);
    if parsed.is_none() {
        fields.mistake(node.span, format!("`{text}` is not one of: {words}"));
    }
    parsed
}

fn rule(fields: &mut Fields<'_, '_>, rules: Option<&Rules>) -> Option<Arc<str>> {
    let node = fields.optional("rule")?;
    let text = fields.optional_text("rule")?;
    let Some(rules) = rules else {
        return Some(text.into());
    };
    let all = rules.policy.rules();
    let rule = all.iter().find(|rule| *rule.id == *text);
    if rule.is_none() {
        let message = format!("the promises have no rule `{text}`");
        let valid = all.iter().map(|rule| &*rule.id);
        unknown(fields, node.span, message, text, valid);
    }
    rule.map(|rule| Arc::clone(&rule.id))
}

fn code(fields: &mut Fields<'_, '_>) -> Option<Code> {
    let node = fields.optional("code")?;
    let text = fields.optional_text("code")?;
    let Some(code) = Code::parse(text) else {
        let message = format!("`{text}` is not the code of a refusal");
        let valid = Code::ALL.into_iter().map(Code::name);
        unknown(fields, node.span, message, text, valid);
        return None;
    };
    if let Some(why) = cannot_show(code) {
        fields.mistake(node.span, format!("a case cannot show `{text}`: {why}"));
    }
    Some(code)
}

/// Why no case can end with this code.
fn cannot_show(code: Code) -> Option<&'static str> {
    match code {
        Code::CustomerBudgetExhausted | Code::RateLimited | Code::AbnormalUsage => {
            Some("budgets and rates are spent by many requests, and a case is one")
        }
        Code::CredentialsMissing
        | Code::TokenInvalid
        | Code::ProofInvalid
        | Code::ClientCertificateRequired
        | Code::CertificateMismatch
        | Code::IdentityMismatch
        | Code::AgreementNotAccepted => {
            Some("the partner of a case is authenticated, under terms it has accepted")
        }
        Code::BodyTooLarge
        | Code::UriTooLong
        | Code::HeadersTooLarge
        | Code::RequestTimeout
        | Code::ExpectationFailed
        | Code::Overloaded => Some("it is a matter of the connection, which a case does not have"),
        Code::CoreTimeout | Code::RecordUnavailable => {
            Some("it is a matter of machines, which a case does not have")
        }
        Code::RequestMalformed
        | Code::PartnerSuspended
        | Code::PurposeRequired
        | Code::PurposeNotAllowed
        | Code::MarketingUseBlocked
        | Code::BulkExportBlocked
        | Code::PageTooLarge
        | Code::ConsentRequired
        | Code::ReleaseRequired
        | Code::OperationNotAllowed
        | Code::NotFound
        | Code::RequestUninspectable
        | Code::ChannelBlocked
        | Code::CoreRejected
        | Code::ResponseUninspectable
        | Code::CoreUnavailable => None,
    }
}

impl Expect {
    /// What is not as expected, in words.
    pub(super) fn compare(&self, outcome: &Outcome) -> Vec<String> {
        let mut failures = Vec::new();
        let refused = outcome.refused.as_ref();
        let code = refused.map(|refused| refused.code);
        let because = refused.map_or_else(String::new, |refused| {
            let detail = &refused.detail;
            format!(" with `{}`: {detail}", refused.code.name())
        });
        let wrong_code = self.code.filter(|expected| Some(*expected) != code);
        if outcome.decision != self.decision {
            let (expected, got) = (self.decision.word(), outcome.decision.word());
            failures.push(format!(
                "expected the decision `{expected}`, got `{got}`{because}"
            ));
        } else if let Some(expected) = wrong_code {
            let expected = expected.name();
            failures.push(format!(
                "expected the code `{expected}`, got a refusal{because}"
            ));
        }
        if let Some(expected) = self
            .promise
            .filter(|expected| !outcome.kept.contains(expected))
        {
            let got = listed(&outcome.kept);
            failures.push(format!("expected that {expected} is kept here, got {got}"));
        }
        if let Some(expected) = self
            .rule
            .as_ref()
            .filter(|rule| !outcome.rules.contains(*rule))
        {
            let got = listed(&outcome.rules);
            failures.push(format!(
                "expected that the rule `{expected}` decides, got {got}"
            ));
        }
        if self.decision != Decision::Deny && outcome.decision != Decision::Deny {
            failures.extend(
                self.fields
                    .iter()
                    .filter_map(|field| field.compare(outcome)),
            );
            if let Some(expected) = self.customers {
                let got = outcome.customers;
                if usize::try_from(expected) != Ok(got) {
                    failures.push(format!(
                        "expected data of {expected} customers, got of {got}"
                    ));
                }
            }
        }
        failures
    }
}

impl ExpectedField {
    fn compare(&self, outcome: &Outcome) -> Option<String> {
        let of = &self.of;
        let meant = outcome.fields.iter();
        let meant: Vec<_> = meant
            .filter(|field| of.mean(&field.path, field.category) && !field.leaves.is_empty())
            .collect();
        let expected = self.leaves.word();
        if meant.is_empty() {
            return Some(format!(
                "expected `{of}` {expected}, but the answer has no such field"
            ));
        }
        let wrong = meant
            .into_iter()
            .filter(|field| field.leaves.iter().any(|leaves| *leaves != self.leaves));
        let wrong: Vec<String> = wrong
            .map(|field| {
                let got: Vec<_> = field.leaves.iter().map(|leaves| leaves.word()).collect();
                format!("{} is {}", field.path, got.join(" and "))
            })
            .collect();
        (!wrong.is_empty()).then(|| format!("expected `{of}` {expected}, but {}", wrong.join(", ")))
    }
}

fn listed(words: impl IntoIterator<Item = impl ToString>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
