//! `covenant policy check` and `covenant policy explain`: the files people edit, judged without a
//! gateway running.

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;

use jiff::civil::Date;
use serde_json::json;

use super::output::complain;
use crate::catalogue::{Catalogue, Operation};
use crate::mistakes::{Look, Mistakes};
use crate::policy::{AccessRequest, Circumstances, Contract, PolicySet, Standing};
use crate::taxonomy::Purpose;
use crate::terms::PartnerId;

/// Everything is right.
const EXIT_OK: u8 = 0;
/// The question cannot be asked: an unknown partner, operation or purpose.
const EXIT_USAGE: u8 = 2;
/// Something in the files is wrong.
const EXIT_INVALID: u8 = 3;
/// The decision explained is a refusal.
const EXIT_DENIED: u8 = 5;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For tools.
    Json,
}

/// What can be done with policies.
#[derive(Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Report every mistake in promises, contracts and catalogue, with file, line and snippet.
    Check {
        /// The directory with the policies.
        #[arg(long, default_value = "policies")]
        dir: PathBuf,
        /// How to write the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Tell why a partner may or may not have something, and what would have to change.
    Explain {
        /// The directory with the policies.
        #[arg(long, default_value = "policies")]
        dir: PathBuf,
        /// Who asks and for what.
        #[command(flatten)]
        question: Question,
        /// How to write the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

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

/// Reports what was found wrong while `set` was loaded; returns the exit code.
///
/// # Errors
/// When `out` cannot be written.
pub fn check(
    set: Option<&PolicySet>,
    mistakes: &Mistakes,
    output: Output,
    out: &mut dyn Write,
) -> std::io::Result<u8> {
    match output {
        Output::Json => {
            let document = json!({
                "valid": mistakes.is_empty(),
                "version": set.map(PolicySet::version),
                "digest": set.map(PolicySet::digest),
                "mistakes": mistakes.to_json(),
            });
            writeln!(out, "{document:#}")?;
        }
        Output::Text => {
            let look = Look::of(std::io::stdout().is_terminal());
            write!(out, "{}", mistakes.render(look))?;
            match set {
                Some(set) if mistakes.is_empty() => writeln!(
                    out,
                    "policy set {}: {} rules, {} contracts, no mistakes",
                    set.version(),
                    set.rules().len(),
                    set.contracts().len()
                )?,
                _ => writeln!(out, "{}", mistakes.counted())?,
            }
        }
    }
    let valid = set.is_some() && mistakes.is_empty();
    Ok(if valid { EXIT_OK } else { EXIT_INVALID })
}

/// Explains the decision about one call; returns the exit code.
///
/// # Errors
/// When `out` cannot be written.
pub fn explain(
    set: &PolicySet,
    catalogue: &Catalogue,
    question: &Question,
    today: Date,
    output: Output,
    out: &mut dyn Write,
) -> std::io::Result<u8> {
    let (contract, operation, purpose) = match asked(set, catalogue, question) {
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
    let explanation = set.explain(&request, question.circumstances());
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
    set: &'a PolicySet,
    catalogue: &'a Catalogue,
    question: &Question,
) -> Result<(&'a Contract, &'a Operation, Purpose), String> {
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
    use std::path::Path;

    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 22);

    fn load(directory: &Path) -> (Option<Catalogue>, Option<PolicySet>, Mistakes) {
        let mut mistakes = Mistakes::new();
        let catalogue = Catalogue::load(&directory.join("catalogue"), &mut mistakes);
        let set = PolicySet::load(directory, catalogue.as_ref(), TODAY, &mut mistakes);
        (catalogue, set, mistakes)
    }

    fn shipped() -> (Catalogue, PolicySet) {
        let (catalogue, set, _) = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
        (catalogue.unwrap(), set.unwrap())
    }

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
        let (catalogue, set) = shipped();
        let code = explain(&set, &catalogue, question, TODAY, Output::Text, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_right_set_is_summed_up_and_a_wrong_one_exits_with_three() {
        let mut out = Vec::new();
        let (_, set) = shipped();
        let code = check(Some(&set), &Mistakes::new(), Output::Text, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(code, EXIT_OK);
        assert!(text.contains("3 contracts, no mistakes"), "{text}");

        let (_, set, mistakes) = load(Path::new("/nowhere"));
        let mut out = Vec::new();
        let code = check(set.as_ref(), &mistakes, Output::Json, &mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(code, EXIT_INVALID);
        assert_eq!(document["valid"], false);
        assert!(document["mistakes"].as_array().unwrap().len() >= 2);
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
        let (catalogue, set) = shipped();
        let told = |question| asked(&set, &catalogue, &question).unwrap_err();
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
