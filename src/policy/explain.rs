//! A decision in words, for partner managers, legal and the partner itself: what leaves in which
//! form, which rule or contract line decided, and what would have to change.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::circumstances::Circumstances;
use super::contract::Contract;
use super::vocabulary::{Action, Question};
use super::{AccessRequest, Grant, PolicySet, Rule};
use crate::catalogue::{Body, Operation};
use crate::refusal::Refusal;
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Form, FormSet};

/// Why a call is granted or refused.
#[derive(Clone, Debug)]
pub struct Explanation {
    contract: String,
    operation: String,
    purpose: Purpose,
    circumstances: Circumstances,
    /// The refusal, or what leaves of each category.
    outcome: Result<Vec<Line>, Box<Refusal>>,
}

/// What happens to one category, and why.
#[derive(Clone, Debug)]
struct Line {
    category: Category,
    form: Option<Form>,
    rules: Vec<Reason>,
    /// What would have to change for more to leave; nothing where it leaves in the clear.
    change: Option<String>,
}

/// A rule that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    rule: String,
    promise: String,
    sentence: String,
}

impl PolicySet {
    /// Explains what [`PolicySet::decide`] decides, for a customer in `circumstances`.
    pub fn explain(
        &self,
        request: &AccessRequest<'_>,
        circumstances: Circumstances,
    ) -> Explanation {
        let outcome = self.decide(request).map(|grant| {
            let categories = categories(request.operation, grant.contract()).into_iter();
            let line = |category| self.line(&grant, request, circumstances, category);
            categories.map(line).collect()
        });
        let contract = self.contract(request.partner);
        Explanation {
            contract: contract.map_or_else(|| request.partner.to_string(), |c| c.label()),
            operation: request.operation.id.to_string(),
            purpose: request.purpose,
            circumstances,
            outcome,
        }
    }

    fn line(
        &self,
        grant: &Grant,
        request: &AccessRequest<'_>,
        circumstances: Circumstances,
        category: Category,
    ) -> Line {
        let form = at(grant.forms(circumstances), category);
        let question = Question {
            kind: grant.contract().kind,
            standing: request.standing,
            purpose: request.purpose,
            channel: request.operation.channel,
            circumstances,
        };
        let asked = Action::Disclose(form.unwrap_or(Form::Clear));
        let answer = self.promises.rules().ask(&question, asked, category);
        let deciding = answer.rules.iter();
        let deciding = deciding.filter_map(|index| self.promises.rule(*index));
        let rules: Vec<Reason> = deciding.map(Reason::of).collect();
        let change = (form != Some(Form::Clear))
            .then(|| self.change(grant.contract(), &question, category, form, &rules));
        Line {
            category,
            form,
            rules,
            change,
        }
    }

    /// What would have to change for `category` to leave in a richer form.
    fn change(
        &self,
        contract: &Contract,
        question: &Question,
        category: Category,
        form: Option<Form>,
        rules: &[Reason],
    ) -> String {
        let promised = self.promised(contract, question.purpose, question, category);
        if let Some(promised) = promised.filter(|promised| form.is_none_or(|f| *promised < f)) {
            let word = promised.word();
            return format!(
                "the contract holds it back: with `{category}: {word}` it would leave {}",
                adverb(promised)
            );
        }
        let others = contract.purposes.iter().filter_map(|other| {
            let richer = self.promised(contract, *other, question, category)?;
            let mask = contract.categories.get(category.index()).copied();
            let leaves = mask.unwrap_or(FormSet::NONE).contains(richer);
            let better = form.is_none_or(|form| richer < form);
            (leaves && better).then(|| format!("`{other}` ({})", adverb(richer)))
        });
        let others: Vec<String> = others.collect();
        if !others.is_empty() {
            format!("it would leave for another purpose: {}", others.join(", "))
        } else if form.is_none() && !rules.is_empty() {
            "only a change of the promises, or of the circumstances they name".to_owned()
        } else {
            "no rule of the promises lets more of it leave for this purpose".to_owned()
        }
    }

    /// The richest form the promises alone allow.
    fn promised(
        &self,
        contract: &Contract,
        purpose: Purpose,
        question: &Question,
        category: Category,
    ) -> Option<Form> {
        let (channel, circumstances) = (question.channel, question.circumstances);
        let cell = self
            .promises
            .cell(contract.kind, purpose, channel, circumstances);
        cell.forms.get(category.index())?.richest()
    }
}

impl Reason {
    fn of(rule: &Rule) -> Self {
        Self {
            rule: rule.id.to_string(),
            promise: rule.promise.to_string(),
            sentence: rule.sentence.to_string(),
        }
    }
}

/// Whether all there is to tell of `line` is told of its category's parent already.
fn is_told_above(line: &Line, lines: &[Line]) -> bool {
    let parent = line.category.parent();
    let mut above = lines.iter().filter(|above| Some(above.category) == parent);
    above.any(|above| above.form == line.form && above.rules == line.rules)
}

/// The categories worth telling of: those of the operation's answers, else those of the contract.
fn categories(operation: &Operation, contract: &Contract) -> Vec<Category> {
    let mut found: Vec<Category> = Vec::new();
    for answer in &operation.answers {
        match &answer.body {
            Body::Json(shape) => {
                found.extend(shape.fields.iter().filter_map(|field| field.category));
            }
            Body::Document { category, .. } => found.push(*category),
            Body::Empty | Body::Uninspectable { .. } => {}
        }
    }
    if found.is_empty() {
        let masked = Category::all().zip(contract.categories.iter());
        let named = masked.filter(|(_, forms)| !forms.is_empty());
        found.extend(named.map(|(category, _)| category));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn at(forms: &crate::terms::CategoryForms, category: Category) -> Option<Form> {
    forms.get(category.index()).copied().flatten()
}

fn adverb(form: Form) -> &'static str {
    match form {
        Form::Clear => "in the clear",
        Form::Partial => "in part",
        Form::Pseudonym => "as a pseudonym",
        Form::Aggregate => "as a figure over a group",
    }
}

impl Explanation {
    /// Whether the call is refused.
    pub fn is_denied(&self) -> bool {
        self.outcome.is_err()
    }

    /// `allow`, `redact` or `deny`, as in `Covenant-Decision`.
    pub fn decision(&self) -> &'static str {
        match &self.outcome {
            Err(_) => "deny",
            Ok(lines) if lines.iter().all(|line| line.form == Some(Form::Clear)) => "allow",
            Ok(_) => "redact",
        }
    }

    /// In words.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} calls {} for {}, about {}: {}\n",
            self.contract,
            self.operation,
            self.purpose,
            self.about(),
            self.decision(),
        );
        // Writing to a string cannot fail.
        let _ = match &self.outcome {
            Err(refusal) => write_refusal(&mut text, refusal),
            Ok(lines) => lines
                .iter()
                .filter(|line| !is_told_above(line, lines))
                .try_for_each(|line| write_line(&mut text, line)),
        };
        text
    }

    fn about(&self) -> String {
        let circumstances = self.circumstances;
        let known = [
            (circumstances.own, "its own"),
            (circumstances.consented, "with consent"),
            (circumstances.agreement, "under an agreement"),
            (circumstances.order, "under a release order"),
        ];
        let known: Vec<&str> = known
            .iter()
            .filter_map(|(holds, words)| holds.then_some(*words))
            .collect();
        if known.is_empty() {
            "a customer not its own".to_owned()
        } else {
            format!("a customer ({})", known.join(", "))
        }
    }

    /// For tools.
    pub fn to_json(&self) -> Value {
        let circumstances = self.circumstances;
        let mut document = json!({
            "contract": self.contract,
            "operation": self.operation,
            "purpose": self.purpose.key(),
            "circumstances": {
                "own": circumstances.own,
                "consented": circumstances.consented,
                "agreement": circumstances.agreement,
                "order": circumstances.order,
            },
            "decision": self.decision(),
        });
        let (name, value) = match &self.outcome {
            Err(refusal) => ("refusal", refusal_json(refusal)),
            Ok(lines) => ("categories", lines.iter().map(line_json).collect()),
        };
        if let Value::Object(members) = &mut document {
            members.insert(name.to_owned(), value);
        }
        document
    }
}

fn write_refusal(text: &mut String, refusal: &Refusal) -> std::fmt::Result {
    let promise = refusal.promise.map(|promise| promise.to_string());
    let promise = promise.unwrap_or_default();
    let rule = refusal.rule.as_deref().unwrap_or("contract");
    writeln!(
        text,
        "  refused as {} ({promise} {rule})",
        refusal.code.name()
    )?;
    writeln!(text, "  why: {}", refusal.detail)?;
    writeln!(text, "  what to do: {}", refusal.fix)
}

fn write_line(text: &mut String, line: &Line) -> std::fmt::Result {
    let category = line.category.key();
    let form = line.form.map_or("withheld", adverb);
    writeln!(text, "  {category:<32} {form}")?;
    for reason in &line.rules {
        let (promise, rule, sentence) = (&reason.promise, &reason.rule, &reason.sentence);
        writeln!(text, "      {promise} {rule}: {sentence}")?;
    }
    match &line.change {
        Some(change) => writeln!(text, "      to change it: {change}"),
        None => Ok(()),
    }
}

fn refusal_json(refusal: &Refusal) -> Value {
    json!({
        "code": refusal.code.name(),
        "promise": refusal.promise.map(|promise| promise.to_string()),
        "rule": refusal.rule,
        "detail": refusal.detail,
        "fix": refusal.fix,
        "members": refusal.members,
    })
}

fn line_json(line: &Line) -> Value {
    let reason = |reason: &Reason| {
        json!({
            "rule": reason.rule,
            "promise": reason.promise,
            "sentence": reason.sentence,
        })
    };
    json!({
        "category": line.category.key(),
        "form": line.form.map(Form::word),
        "rules": line.rules.iter().map(reason).collect::<Value>(),
        "change": line.change,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, request};
    use super::*;

    #[test]
    fn a_granted_call_is_explained_category_by_category() {
        let set = fixture::shipped();
        let operation = fixture::customer_operation();
        let explanation = set.explain(
            &request("acme", &operation, "essential.service"),
            Circumstances::OWN,
        );
        let expected = "\
acme.7 calls getCustomer for essential.service, about a customer (its own): redact
  user.contact.email               withheld
      to change it: it would leave for another purpose: `essential.service.operations.support` (in part)
  user.name                        in the clear
      P3 names-and-addresses-for-service: Names, organisations and postal addresses may be seen to produce, bill and support mailings, and to send notices about them.
";
        assert_eq!(explanation.to_text(), expected);
        assert_eq!(explanation.to_json()["categories"][0]["form"], Value::Null);
    }

    #[test]
    fn what_a_contract_holds_back_is_told_apart_from_what_a_promise_does() {
        let set = fixture::shipped();
        let operation = fixture::customer_operation();
        let crest = request("crest", &operation, "essential.service");
        let text = set.explain(&crest, Circumstances::OWN).to_text();
        assert!(
            text.contains("with `user.name: clear` it would leave in the clear"),
            "{text}"
        );
        let text = set.explain(&crest, Circumstances::default()).to_text();
        assert!(
            text.contains("P5 own-customers: A partner sees its own customers"),
            "{text}"
        );
    }

    #[test]
    fn a_refused_call_is_explained_by_its_refusal() {
        let set = fixture::shipped();
        let operation = fixture::operation("exportCustomers", crate::terms::Channel::Export);
        let acme = request("acme", &operation, "essential.service");
        let explanation = set.explain(&acme, Circumstances::OWN);
        assert!(explanation.is_denied());
        assert_eq!(
            explanation.to_json()["refusal"]["code"],
            "bulk-export-blocked"
        );
        let text = explanation.to_text();
        assert!(
            text.contains("refused as bulk-export-blocked (P5 no-bulk-export)"),
            "{text}"
        );
    }
}
