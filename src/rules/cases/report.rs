//! Results as people read them and as tools do. Each says under which circumstances it holds.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{By, Case, Coverage, Customer, Outcome, Stated};
use crate::policy::Standing;

/// One thing that a case assumes: what, which value, and who says so.
pub(super) struct Assumed {
    pub(super) what: &'static str,
    pub(super) value: String,
    pub(super) because: String,
}

/// Everything a result rests on.
pub(super) fn assumed(case: &Case, outcome: &Outcome) -> Vec<Assumed> {
    let given = &case.given;
    let mut all = vec![told(
        "partner",
        given.partner.value.to_string(),
        &given.partner,
    )];
    all.push(match &given.token_purposes.value {
        Some(purposes) => told("token purposes", purposes.join(", "), &given.token_purposes),
        None => Assumed {
            what: "token purposes",
            value: "those of the contract".to_owned(),
            because: "none are given".to_owned(),
        },
    });
    if let Some(purpose) = outcome.purpose {
        let because = if case.request.purpose.is_some() {
            "the request names it"
        } else {
            "it is the only one left"
        };
        all.push(Assumed {
            what: "purpose",
            value: purpose.key().to_owned(),
            because: because.to_owned(),
        });
    }
    all.extend(about_customers(case, outcome));
    let standing = match given.standing.value {
        Standing::Good => "good",
        Standing::Suspended => "suspended",
    };
    all.push(told("standing", standing.to_owned(), &given.standing));
    if let Some(purpose) = given.uploaded_for.value {
        all.push(told(
            "uploaded for",
            purpose.key().to_owned(),
            &given.uploaded_for,
        ));
    }
    all.push(match given.today.by {
        By::Nobody => Assumed {
            what: "day",
            value: outcome.today.to_string(),
            because: "it is today".to_owned(),
        },
        _ => told("day", outcome.today.to_string(), &given.today),
    });
    all.push(answer(case));
    all
}

/// What is known about the customers, and whose the things are that the request names.
fn about_customers(case: &Case, outcome: &Outcome) -> Vec<Assumed> {
    let customers = &case.given.customers;
    let mut all = Vec::new();
    all.push(told("customers", known(customers.value.every), customers));
    for (id, customer) in &customers.value.named {
        all.push(told(
            "customer",
            format!("{id} {}", known(*customer)),
            customers,
        ));
    }
    if let Some((owner, because)) = &outcome.owner_assumed {
        all.push(Assumed {
            what: "owner of what is named",
            value: owner.clone(),
            because: (*because).to_owned(),
        });
    }
    all
}

fn answer(case: &Case) -> Assumed {
    let (value, because) = match case.answer {
        Some(_) => ("as given", "the case brings it"),
        None => (
            "every field the operation can answer",
            "the case brings none",
        ),
    };
    Assumed {
        what: "answer of the core",
        value: value.to_owned(),
        because: because.to_owned(),
    }
}

fn told<T>(what: &'static str, value: String, stated: &Stated<T>) -> Assumed {
    let because = match stated.by {
        By::Case => "the case says so",
        By::File => "the head of the file says so",
        By::Nobody => "nothing else is said",
    };
    Assumed {
        what,
        value,
        because: because.to_owned(),
    }
}

/// `own, consented to user.contact`; `not its own, and nothing on record`.
fn known(customer: Customer) -> String {
    let circumstances = customer.circumstances;
    let mut words = vec![
        if circumstances.own {
            "own"
        } else {
            "not its own"
        }
        .to_owned(),
    ];
    if circumstances.consented {
        let whole = customer.consented;
        let named = whole.iter().filter(|category| {
            let parent = category.parent();
            parent.is_none_or(|parent| !whole.contains(parent))
        });
        let named: Vec<_> = named.map(|category| category.key()).collect();
        words.push(format!("consented to {}", named.join(" and ")));
    }
    if circumstances.agreement {
        words.push("under an agreement".to_owned());
    }
    if circumstances.order {
        words.push("under an approved release order".to_owned());
    }
    if words.len() == 1 && !circumstances.own {
        words.push("nothing on record".to_owned());
    }
    words.join(", ")
}

/// One line for each case, more for those that fail, and a summary that names these again. `verbose` states for every case
/// what it assumed. Coverage is told where all cases were run.
pub fn to_text(judged: &[(&Case, Outcome)], coverage: Option<&Coverage>, verbose: bool) -> String {
    let mut text = String::new();
    let mut file = "";
    for (case, outcome) in judged {
        if file != &*case.file {
            file = &case.file;
            let _ = writeln!(text, "{file}");
        }
        let failed = !outcome.failures.is_empty();
        let mark = if failed { "FAILED" } else { "ok" };
        let _ = writeln!(text, "  {mark:<6}  {}", case.name);
        if failed {
            let place = case.source.path().display();
            let _ = writeln!(text, "          at {place}:{}", case.line);
        }
        for failure in &outcome.failures {
            let _ = writeln!(text, "          {failure}");
        }
        if failed || verbose {
            for Assumed {
                what,
                value,
                because,
            } in assumed(case, outcome)
            {
                let _ = writeln!(text, "          {what}: {value} ({because})");
            }
        }
    }
    let failed = judged.iter();
    let failed: Vec<&Case> = failed
        .filter(|(_, outcome)| !outcome.failures.is_empty())
        .map(|(case, _)| *case)
        .collect();
    let ending = if judged.len() == 1 { "" } else { "s" };
    let count = failed.len();
    let _ = writeln!(text, "\n{} case{ending}, {count} failed", judged.len());
    // Again, as the first lines of a long list are out of sight.
    for case in failed {
        let place = case.source.path().display();
        let _ = writeln!(text, "  {place}:{}: {}", case.line, case.name);
    }
    if let Some(coverage) = coverage.filter(|coverage| !coverage.is_whole()) {
        let _ = writeln!(text, "no case speaks of:");
        for line in coverage.to_text().lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// The same as one JSON document.
pub fn to_json(judged: &[(&Case, Outcome)], coverage: Option<&Coverage>) -> Value {
    let cases: Vec<Value> = judged
        .iter()
        .map(|(case, outcome)| case_json(case, outcome))
        .collect();
    let mut document = json!({
        "passed": judged.iter().all(|(_, outcome)| outcome.failures.is_empty()),
        "cases": cases,
    });
    if let (Some(coverage), Value::Object(members)) = (coverage, &mut document) {
        let promises = coverage.promises.iter();
        let promises = promises.map(|(promise, cases)| (promise.to_string(), json!(cases)));
        let promises: Map<_, _> = promises.collect();
        let untested = json!({"operations": coverage.operations, "fields": coverage.fields});
        members.insert("untested".to_owned(), untested);
        members.insert("promises".to_owned(), promises.into());
    }
    document
}

fn case_json(case: &Case, outcome: &Outcome) -> Value {
    let fields = outcome.fields.iter().map(|field| {
        let leaves = field.leaves.iter().map(|leaves| leaves.word());
        json!({
            "field": field.path,
            "category": field.category.map(|category| category.key()),
            "leaves": leaves.collect::<Vec<_>>(),
        })
    });
    let assumed = assumed(case, outcome).into_iter().map(
        |assumed| json!({"what": assumed.what, "value": assumed.value, "because": assumed.because}),
    );
    let refused = outcome.refused.as_ref();
    let promise = refused.and_then(|refused| refused.promise);
    json!({
        "file": case.source.path(),
        "line": case.line,
        "name": case.name,
        "passed": outcome.failures.is_empty(),
        "failures": outcome.failures,
        "operation": outcome.operation.as_ref().map(|operation| &operation.id),
        "decision": outcome.decision.word(),
        "code": refused.map(|refused| refused.code.name()),
        "promise": promise.map(|promise| promise.to_string()),
        "detail": refused.map(|refused| &refused.detail),
        "rules": outcome.rules,
        "customers": outcome.customers,
        "fields": fields.collect::<Vec<_>>(),
        "assumed": assumed.collect::<Vec<_>>(),
    })
}
