//! The contract of a new partner: narrow where nothing is said, so that every widening is somebody's decision.

use std::fmt::Write as _;

use http::Method;
use jiff::civil::Date;

use super::NewPartner;
use crate::identity::certificate::ClientCertificate;
use crate::policy::{AccessRequest, Circumstances, Standing};
use crate::rules::Rules;
use crate::terms::{Channel, PartnerId};

/// The terms that a partner accepted.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Their version.
    pub version: String,
    /// The day.
    pub on: Date,
    /// Who accepted them, for the partner.
    pub by: String,
}

/// What a new contract allows at most, until somebody widens it.
const LIMITS: &str = "\
page_records_max: 25
requests_per_minute: 60
budgets:
  customers_per_day: 50
  customers_per_month: 500
  recipients_per_day: 500
  recipients_per_month: 5000
";

/// What a new contract lets leave, until somebody widens it.
const CATEGORIES: &str = "\
categories:
  system.operations: clear
  user.unique_id: clear
  user.name: clear
  user.contact.address: clear
";

/// The operations that read records and lists, and nothing that is whole, in bulk or about groups.
pub(super) fn reading(rules: &Rules) -> Vec<String> {
    let reads = rules.catalogue.operations.iter().filter(|operation| {
        operation.method == Method::GET
            && matches!(operation.channel, Channel::Record | Channel::List)
    });
    let mut ids: Vec<String> = reads.map(|operation| operation.id.to_string()).collect();
    ids.sort_unstable();
    ids
}

/// Those of the operations that the promises let this partner call for a purpose of its contract.
pub(super) fn permitted(
    rules: &Rules,
    partner: &PartnerId,
    offered: &[String],
    today: Date,
) -> Vec<String> {
    let contract = rules.policy.contract(partner);
    let purposes = contract.map_or(&[][..], |contract| &contract.purposes);
    let may = |id: &&String| {
        let operation = rules.catalogue.operation(id);
        operation.is_some_and(|operation| {
            purposes.iter().any(|purpose| {
                let request = AccessRequest {
                    partner,
                    standing: Standing::Good,
                    operation,
                    purpose: *purpose,
                    marketing_signals: &[],
                    page_records: None,
                    today,
                    circumstances: Circumstances::OWN,
                };
                rules.policy.decide(&request).is_ok()
            })
        })
    };
    offered.iter().filter(may).cloned().collect()
}

/// The contract, as YAML.
pub(super) fn text(
    new: &NewPartner,
    certificate: &ClientCertificate,
    operations: &[String],
) -> String {
    let mut text = format!(
        "# The contract of {id}, drafted narrow: what it reads of its own customers are names and postal\n\
         # addresses. Widen it line by line; a form is clear, partial, pseudonym, aggregate or withheld.\n\
         partner: {id}\n\
         name: {name}\n\
         address: {address}\n\
         kind: {kind}\n",
        id = new.id,
        name = quoted(&new.name),
        address = quoted(&new.address),
        kind = new.kind.word(),
    );
    // Writing to a text does not fail.
    if let Some(parent) = &new.parent {
        let _ = writeln!(text, "parent: {parent}");
    }
    let thumbprint = certificate.thumbprint.to_base64url();
    let _ = write!(
        text,
        "version: 1\n\
         credentials:\n\
         \x20 certificates:\n\
         \x20   thumbprints: ['sha256:{thumbprint}']\n\
         \x20 clients: [{client}]\n\
         purposes:\n{purposes}{CATEGORIES}\
         operations:\n{operations}{LIMITS}\
         terms:\n\
         \x20 version: {version}\n\
         \x20 accepted_on: {on}\n\
         \x20 accepted_by: {by}\n",
        client = quoted(&new.client),
        purposes = lines(new.purposes.iter().map(|purpose| purpose.key())),
        operations = lines(operations.iter().map(String::as_str)),
        version = quoted(&new.terms.version),
        on = new.terms.on,
        by = quoted(&new.terms.by),
    );
    text
}

fn lines<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.map(|item| format!("  - {item}\n")).collect()
}

/// A text in double quotes, as JSON and YAML both read it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
