//! `covenant policy explain`: why a partner may or may not have something.

use std::io::{self, Write};

use jiff::civil::Date;
use serde_json::json;

use super::super::invalid;
use super::super::output::complain;
use super::{EXIT_DENIED, EXIT_OK, EXIT_USAGE, Files, Output};
use crate::catalogue::Operation;
use crate::mistakes::{Mistakes, nearest};
use crate::policy::{AccessRequest, Circumstances, Contract, Explanation, Standing};
use crate::rules::Rules;
use crate::taxonomy::Purpose;
use crate::terms::PartnerId;

/// A call to explain.
#[derive(Clone, Debug, clap::Args)]
pub struct Question {
    /// The partner's id.
    #[arg(long)]
    pub partner: String,
    /// The operation's id, as in the catalogue.
    #[arg(long)]
    pub operation: String,
    /// The purpose; without one, each purpose of the contract is explained in short.
    #[arg(long)]
    pub purpose: Option<String>,
    /// How many records a page shall have.
    #[arg(long)]
    pub page_records: Option<u32>,
    /// The customer is another partner's.
    #[arg(long)]
    pub foreign: bool,
    /// The customer consented.
    #[arg(long)]
    pub consented: bool,
    /// An agreement with the customer covers it.
    #[arg(long)]
    pub agreement: bool,
    /// An approved release order covers it.
    #[arg(long)]
    pub order: bool,
    /// The partner is suspended.
    #[arg(long)]
    pub suspended: bool,
}

/// Answers the question from the files; returns the exit code.
pub(super) fn run(
    question: &Question,
    files: &Files,
    today: Date,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let mut mistakes = Mistakes::new();
    match Rules::read(&files.dir, today, &mut mistakes) {
        Some(rules) => explain(&rules, question, today, files.output, out),
        None => Ok(invalid(&mistakes, &files.dir)),
    }
}

/// Explains the decision about one call, or in short about one for each purpose of the contract;
/// returns the exit code.
fn explain(
    rules: &Rules,
    question: &Question,
    today: Date,
    output: Output,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let asked = match asked(rules, question) {
        Ok(asked) => asked,
        Err(message) => {
            complain(message);
            return Ok(EXIT_USAGE);
        }
    };
    let purposes = asked.purposes.iter();
    let explanations: Vec<Explanation> = purposes
        .map(|purpose| asked.explain(rules, question, *purpose, today))
        .collect();
    match (output, explanations.as_slice()) {
        (Output::Json, [only]) => writeln!(out, "{:#}", only.to_json())?,
        (Output::Json, several) => {
            let several: Vec<_> = several.iter().map(Explanation::to_json).collect();
            writeln!(out, "{:#}", json!({ "explanations": several }))?;
        }
        (Output::Text, [only]) => write!(out, "{}", only.to_text())?,
        (Output::Text, several) => {
            for explanation in several {
                write!(out, "{}", explanation.to_summary())?;
            }
            writeln!(out, "name one with --purpose to be told the reasons")?;
        }
    }
    Ok(if explanations.iter().all(Explanation::is_denied) {
        EXIT_DENIED
    } else {
        EXIT_OK
    })
}

/// What a question names.
#[derive(Debug)]
struct Asked<'a> {
    contract: &'a Contract,
    operation: &'a Operation,
    /// The one asked for, or all that the contract has.
    purposes: Vec<Purpose>,
}

impl Asked<'_> {
    fn explain(
        &self,
        rules: &Rules,
        question: &Question,
        purpose: Purpose,
        today: Date,
    ) -> Explanation {
        let circumstances = question.circumstances();
        let request = AccessRequest {
            partner: &self.contract.partner,
            standing: if question.suspended {
                Standing::Suspended
            } else {
                Standing::Good
            },
            operation: self.operation,
            purpose,
            marketing_signals: &[],
            page_records: question.page_records,
            today,
            circumstances: circumstances.beforehand(self.operation.names_customer()),
        };
        rules.policy.explain(&request, circumstances)
    }
}

/// What the words of the question name, or which words there are.
fn asked<'a>(rules: &'a Rules, question: &Question) -> Result<Asked<'a>, String> {
    let (set, catalogue) = (&rules.policy, &rules.catalogue);
    let partner = PartnerId::parse(&question.partner);
    let contract = partner.as_ref().and_then(|partner| set.contract(partner));
    let contract = contract.ok_or_else(|| {
        let partners = set.contracts().map(|contract| contract.partner.as_str());
        let partner = &question.partner;
        let meant = meant(partner, partners.collect());
        format!("there is no contract of `{partner}`{meant}")
    })?;
    let label = contract.label();
    let operation = catalogue.operation(&question.operation).ok_or_else(|| {
        let operation = &question.operation;
        let listed = catalogue.operations.iter().map(|operation| &*operation.id);
        let meant = meant(operation, listed.collect());
        format!("the catalogue has no operation `{operation}`{meant}")
    })?;
    let purposes = match question.purpose.as_deref() {
        None => contract.purposes.clone(),
        Some(word) => vec![Purpose::parse(word).ok_or_else(|| {
            let has = listed(&contract.purposes);
            format!("`{word}` is not a purpose of the vocabulary; {label} has: {has}")
        })?],
    };
    Ok(Asked {
        contract,
        operation,
        purposes,
    })
}

/// Of many words only the first are listed.
const LISTED_MAX: usize = 20;

/// What follows a word that is not one of `valid`: the one that was meant, or else which there are.
fn meant(word: &str, valid: Vec<&str>) -> String {
    if let Some(nearest) = nearest(word, valid.iter().copied()) {
        return format!("; did you mean `{nearest}`?");
    }
    let count = valid.len();
    let more = match count.saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = listed(valid.into_iter().take(LISTED_MAX));
    format!("; there are: {first}{more}")
}

fn listed(words: impl IntoIterator<Item = impl ToString>) -> String {
    let words = words.into_iter().map(|word| word.to_string());
    words.collect::<Vec<_>>().join(", ")
}

impl Question {
    fn circumstances(&self) -> Circumstances {
        Circumstances {
            own: !self.foreign,
            consented: self.consented,
            agreement: self.agreement,
            order: self.order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TODAY, shipped};
    use super::*;

    fn question(operation: &str, purpose: Option<&str>) -> Question {
        Question {
            partner: "acme".to_owned(),
            operation: operation.to_owned(),
            purpose: purpose.map(str::to_owned),
            page_records: None,
            foreign: false,
            consented: false,
            agreement: false,
            order: false,
            suspended: false,
        }
    }

    fn explained(question: &Question) -> (u8, String) {
        let mut out = Vec::new();
        let code = explain(&shipped(), question, TODAY, Output::Text, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_explanation_exits_with_five_when_the_decision_is_deny() {
        let service = Some("essential.service");
        let (code, text) = explained(&question("getCustomer", service));
        assert_eq!(code, EXIT_OK);
        assert!(text.contains("names-and-addresses-for-service"), "{text}");
        let (code, text) = explained(&question("exportCustomers", service));
        assert_eq!(code, EXIT_DENIED);
        assert!(text.contains("bulk-export-blocked"), "{text}");
    }

    #[test]
    fn a_question_that_cannot_be_asked_exits_with_two() {
        for (operation, purpose) in [
            ("getCustomer", Some("marketting")),
            ("getNothing", Some("essential.service")),
        ] {
            assert_eq!(explained(&question(operation, purpose)).0, EXIT_USAGE);
        }
        let rules = shipped();
        let told = |question| asked(&rules, &question).unwrap_err();
        let operation = told(question("unheard", None));
        assert!(
            operation.contains("no operation `unheard`; there are: "),
            "{operation}"
        );
        let near = told(question("getCustmer", None));
        assert!(near.ends_with("; did you mean `getCustomer`?"), "{near}");
        let purposes = told(question("getCustomer", Some("marketting")));
        assert!(
            purposes.contains("acme.7 has: essential.service, "),
            "{purposes}"
        );
    }

    #[test]
    fn without_a_purpose_each_of_the_contract_is_explained_in_short() {
        let (code, text) = explained(&question("getDocument", None));
        assert_eq!(code, EXIT_OK);
        let expected = "\
allow: acme.7 may call getDocument (GET /v1/documents/{document_id}) for essential.service, about a customer of its own
  in the clear: user.content.private
deny: acme.7 may not call getDocument (GET /v1/documents/{document_id}) for essential.service.operations.support, about a customer of its own
  why: Mailing lists and documents are read back only to produce the mailing they were uploaded for.
name one with --purpose to be told the reasons
";
        assert_eq!(text, expected);
        let (code, _) = explained(&question("exportCustomers", None));
        assert_eq!(code, EXIT_DENIED);
    }

    #[test]
    fn about_another_partners_customer_a_call_is_explained_as_the_gateway_answers_it() {
        let foreign = |operation| Question {
            foreign: true,
            ..question(operation, Some("essential.service"))
        };
        let (code, text) = explained(&foreign("getCustomer"));
        assert_eq!(code, EXIT_DENIED);
        assert!(
            text.contains("the partner is told: 404 not-found"),
            "{text}"
        );
        assert!(text.contains("a customer that does not exist"), "{text}");
        let (code, text) = explained(&foreign("listCustomers"));
        assert_eq!(code, EXIT_OK);
        assert!(
            text.contains("is left out, as if there were no such customer"),
            "{text}"
        );
    }

    #[test]
    fn tools_are_told_of_every_field() {
        let mut out = Vec::new();
        let question = question("getCustomer", Some("essential.service.operations.support"));
        explain(&shipped(), &question, TODAY, Output::Json, &mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let categories = document["categories"].as_array().unwrap();
        let email = categories
            .iter()
            .find(|line| line["category"] == "user.contact.email")
            .unwrap();
        assert_eq!(email["form"], "partial");
        assert_eq!(
            email["fields"],
            json!([{"path": "$.email", "leaves": true, "method": "partialValue"}])
        );
        assert_eq!(document["unclassified"], json!(["$.support_notes"]));
    }
}
