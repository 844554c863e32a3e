//! `/.covenant/policy`: what this partner may and may not have, in words, as the rules in force decide about
//! a customer of its own. Nothing of it is written twice: each call is decided, and the decision told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::authenticate::Partner;
use crate::catalogue::Operation;
use crate::policy::contract::{Budgets, Exception};
use crate::policy::{AccessRequest, Circumstances, Grant, Standing, categories};
use crate::refusal::Refusal;
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Form, Promise};

/// What is told of one purpose.
#[derive(Default)]
struct Told {
    may: BTreeMap<Category, Form>,
    may_not: BTreeMap<Category, Promise>,
    allowed: Vec<Value>,
    refused: Vec<Value>,
}

/// The page, on this UTC day.
pub(super) fn page(partner: &Partner, today: Date) -> Value {
    let contract = partner.contract();
    let mut cited = BTreeSet::from([Promise::number(1), Promise::number(4), Promise::number(5)]);
    let purposes: Vec<Value> = contract
        .purposes
        .iter()
        .map(|purpose| of_purpose(partner, *purpose, today, &mut cited))
        .collect();
    let exceptions = contract.exceptions.iter();
    let exceptions = exceptions.filter(|exception| today <= exception.until);
    json!({
        "partner": contract.partner.as_str(),
        "contract": contract.label(),
        "policy": partner.rules().policy.version(),
        "words": [
            "This is what the promises to customers and your contract leave you together.",
            "It is told for customers of your own; of others you receive nothing, as if they did not exist, \
             unless a customer consented.",
            "An operation or a category that is not named here you do not have.",
            "A field nobody has classified does not leave (P1).",
        ],
        "purposes": purposes,
        "limits": {
            "requests_per_minute": contract.requests_per_minute,
            "page_records_max": contract.page_records_max_on(today),
            "large_answer_records_max": contract.large_answer_records_max,
            "budgets": budgets(&contract.budgets_on(today)),
        },
        "exceptions": exceptions.map(exception).collect::<Vec<_>>(),
        "terms": {"version": &*contract.terms.version, "accepted_on": contract.terms.on.to_string()},
        "promises": promises(partner, &cited),
    })
}

fn of_purpose(
    partner: &Partner,
    purpose: Purpose,
    today: Date,
    cited: &mut BTreeSet<Promise>,
) -> Value {
    let contract = partner.contract();
    let rules = partner.rules();
    let mut told = Told::default();
    for operation in contract.operations.iter() {
        let Some(operation) = rules.catalogue.operation(operation) else {
            continue;
        };
        let decided = rules.policy.decide(&AccessRequest {
            partner: &contract.partner,
            standing: Standing::Good,
            operation,
            purpose,
            marketing_signals: &[],
            page_records: None,
            today,
            circumstances: Circumstances::OWN,
        });
        match decided {
            Ok(grant) => told.grant(operation, &grant),
            Err(refusal) => told.refuse(operation, &refusal, cited),
        }
    }
    // What leaves of one operation and not of another is told as what it is at its best.
    told.may_not
        .retain(|category, _| !told.may.contains_key(category));
    cited.extend(told.may_not.values());
    let may = told.may.iter().map(|(category, form)| {
        let words = json!({"form": form.word(), "words": in_words(*form)});
        (category.key().to_owned(), words)
    });
    let may_not = told
        .may_not
        .iter()
        .map(|(category, promise)| (category.key().to_owned(), promise.to_string().into()));
    json!({
        "purpose": purpose.key(),
        "operations": told.allowed,
        "operations_refused": told.refused,
        "may_have": may.collect::<Map<_, _>>(),
        "may_not_have": may_not.collect::<Map<_, Value>>(),
    })
}

impl Told {
    fn grant(&mut self, operation: &Operation, grant: &Grant) {
        self.allowed.push(named(operation));
        let circumstances = Circumstances::OWN;
        let forms = grant.forms(circumstances);
        for category in categories(operation) {
            match forms.get(category.index()).copied().flatten() {
                Some(form) => {
                    let best = self.may.entry(category).or_insert(form);
                    *best = form.min(*best);
                }
                None => {
                    let promise = grant.withheld_by(circumstances, category);
                    self.may_not.insert(category, promise);
                }
            }
        }
    }

    fn refuse(&mut self, operation: &Operation, refusal: &Refusal, cited: &mut BTreeSet<Promise>) {
        cited.extend(refusal.promise);
        let mut named = named(operation);
        if let Value::Object(members) = &mut named {
            let promise = refusal.promise.map(|promise| promise.to_string());
            members.insert("code".to_owned(), refusal.code.name().into());
            members.insert("promise".to_owned(), promise.into());
            members.insert("detail".to_owned(), refusal.detail.clone().into());
        }
        self.refused.push(named);
    }
}

fn named(operation: &Operation) -> Value {
    json!({
        "operation": &*operation.id,
        "call": format!("{} {}", operation.method, operation.path),
    })
}

fn in_words(form: Form) -> &'static str {
    match form {
        Form::Clear => "as the service has it",
        Form::Partial => "in part",
        Form::Pseudonym => "as a pseudonym that is stable for you alone",
        Form::Aggregate => "as a figure about a group",
    }
}

fn budgets(budgets: &Budgets) -> Value {
    json!({
        "customers_per_day": budgets.customers_per_day,
        "customers_per_month": budgets.customers_per_month,
        "recipients_per_day": budgets.recipients_per_day,
        "recipients_per_month": budgets.recipients_per_month,
    })
}

/// Why, and who approved it, is between the company's own people.
fn exception(exception: &Exception) -> Value {
    json!({
        "until": exception.until.to_string(),
        "page_records_max": exception.page_records_max,
        "budgets": exception.budgets.as_ref().map(budgets),
    })
}

/// Each promise that was cited: its title, and the rules that keep it in their own words.
fn promises(partner: &Partner, cited: &BTreeSet<Promise>) -> Value {
    let rules = partner.rules().policy.rules();
    let told = |promise: &Promise| {
        let kept = rules.iter().filter(|rule| rule.promise == *promise);
        let sentences: BTreeSet<&str> = kept.map(|rule| &*rule.sentence).collect();
        json!({"promise": promise.to_string(), "title": promise.title(), "rules": sentences})
    };
    cited.iter().map(told).collect()
}
