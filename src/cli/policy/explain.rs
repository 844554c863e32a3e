//! `covenant policy explain`: why a partner may or may not have something.

use std::io::{self, Write};

use jiff::civil::Date;

use super::super::invalid;
use super::super::output::complain;
use super::{EXIT_DENIED, EXIT_OK, EXIT_USAGE, Files, Output};
use crate::catalogue::Operation;
use crate::mistakes::Mistakes;
use crate::policy::{AccessRequest, Circumstances, Contract, Standing};
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
    /// The purpose; may be left out where the contract has only one.
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

/// Explains the decision about one call; returns the exit code.
fn explain(
    rules: &Rules,
    question: &Question,
    today: Date,
    output: Output,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let (contract, operation, purpose) = match asked(rules, question) {
        Ok(asked) => asked,
        Err(message) => {
            complain(message);
            return Ok(EXIT_USAGE);
        }
    };
    let request = AccessRequest {
        partner: &contract.partner,
        standing: if question.suspended {
            Standing::Suspended
        } else {
            Standing::Good
        },
        operation,
        purpose,
        marketing_signals: &[],
        page_records: question.page_records,
        today,
    };
    let explanation = rules.policy.explain(&request, question.circumstances());
    match output {
        Output::Json => writeln!(out, "{:#}", explanation.to_json())?,
        Output::Text => write!(out, "{}", explanation.to_text())?,
    }
    Ok(if explanation.is_denied() {
        EXIT_DENIED
    } else {
        EXIT_OK
    })
}

/// What the words of the question name, or which words there are.
fn asked<'a>(
    rules: &'a Rules,
    question: &Question,
) -> Result<(&'a Contract, &'a Operation, Purpose), String> {
    let (set, catalogue) = (&rules.policy, &rules.catalogue);
    let partner = PartnerId::parse(&question.partner);
    let contract = partner.as_ref().and_then(|partner| set.contract(partner));
    let contract = contract.ok_or_else(|| {
        let partners = listed(set.contracts().map(|contract| &contract.partner));
        let partner = &question.partner;
        format!("there is no contract of `{partner}`, but of: {partners}")
    })?;
    let label = contract.label();
    let operation = catalogue.operation(&question.operation).ok_or_else(|| {
        let granted = listed(&contract.operations);
        let operation = &question.operation;
        format!("the catalogue has no operation `{operation}`; {label} grants: {granted}")
    })?;
    let has = || format!("{label} has: {}", listed(&contract.purposes));
    let purpose = match (question.purpose.as_deref(), contract.purposes.as_slice()) {
        (None, [only]) => *only,
        (None, _) => return Err(format!("name the purpose with --purpose; {}", has())),
        (Some(word), _) => Purpose::parse(word)
            .ok_or_else(|| format!("`{word}` is not a purpose of the vocabulary; {}", has()))?,
    };
    Ok((contract, operation, purpose))
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
            ("getCustomer", None),
            ("getCustomer", Some("marketting")),
            ("getNothing", Some("essential.service")),
        ] {
            assert_eq!(explained(&question(operation, purpose)).0, EXIT_USAGE);
        }
        let rules = shipped();
        let told = |question| asked(&rules, &question).unwrap_err();
        let operation = told(question("getNothing", None));
        assert!(
            operation.contains("acme.7 grants: cancelJob, "),
            "{operation}"
        );
        for purpose in [None, Some("marketting")] {
            let purposes = told(question("getCustomer", purpose));
            assert!(
                purposes.contains("acme.7 has: essential.service, "),
                "{purposes}"
            );
        }
    }
}
