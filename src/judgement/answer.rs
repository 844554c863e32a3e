//! What the catalogue and the contract say to an answer of the core before anything of it is released:
//! is its status listed, is its page within the contract, and whose is each of its records.

use std::sync::Arc;

use http::StatusCode;

use crate::catalogue::{self, FieldRole, Operation, Shape};
use crate::filter::{Record, Scanned};
use crate::policy::Circumstances;
use crate::refusal::{Code, Fault, Refusal, Stopped};
use crate::taxonomy::CategorySet;
use crate::terms::{CustomerRef, Promise};

/// Under this name a `core-rejected` carries the catalogued status it is answered with.
pub const CORE_STATUS: &str = "core_status";

/// Whose a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// No customer's: nothing that belongs to a customer may leave with it.
    Nobody,
    /// A customer's.
    Customer {
        /// Who, as the ledger says it.
        reference: CustomerRef,
        /// Under which circumstances.
        circumstances: Circumstances,
        /// What the customer consented and agreed to, where those are circumstances.
        opened: Opened,
    },
}

/// What one customer opened to one partner for one purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Categories consented to.
    pub consented: CategorySet,
    /// Where the consents are written down, if they are.
    pub consent_reference: Option<Arc<str>>,
    /// Categories that agreements cover.
    pub agreed: CategorySet,
    /// The documents the agreements stand in.
    pub agreement_reference: Option<Arc<str>>,
}

/// The catalogue's entry for an answer of this status.
///
/// # Errors
/// For every status that says no: `core-rejected`, `not-found`, `core-unavailable`. For one that is
/// not listed: `response-uninspectable`.
pub fn listed(operation: &Operation, status: u16) -> Result<&catalogue::Answer, Stopped> {
    let mut answers = operation.answers.iter();
    let listed = answers.find(|listed| listed.status == status);
    match listed {
        _ if status >= 400 => Err(rejected(status, listed.is_some())),
        Some(listed) => Ok(listed),
        None => Err(uninspectable(format!("status {status}")).into()),
    }
}

/// The fault of an answer that is not what the catalogue says; `why` is for the operator.
pub fn uninspectable(why: impl AsRef<str>) -> Fault {
    let cause = format!("the core's answer was withheld: {}", why.as_ref());
    Fault::new(Code::ResponseUninspectable, cause)
}

/// A core that says no is believed if the catalogue knows that it can; its words stay inside.
fn rejected(status: u16, listed: bool) -> Stopped {
    match (status, StatusCode::from_u16(status)) {
        (404 | 410, _) => Refusal::not_found().into(),
        (401 | 403 | 407 | 500.., _) => {
            Fault::new(Code::CoreUnavailable, format!("the core answered {status}")).into()
        }
        (_, Ok(status)) if listed => Refusal::new(
            Code::CoreRejected,
            format!(
                "The core service answered this request with status {}.",
                status.as_u16()
            ),
            "Check the request against the operation's description.",
        )
        .member(CORE_STATUS, status.as_u16())
        .into(),
        _ => uninspectable(format!("status {status}")).into(),
    }
}

/// Who names no page size gets the core's own, which may be larger than the contract's.
///
/// # Errors
/// `page-too-large`.
pub fn refuse_large_page(page_records_max: u32, scanned: &Scanned<'_>) -> Result<(), Refusal> {
    // Groups of customers are no customers.
    let records = scanned.records().iter();
    let records = records.filter(|record| record.size().is_none()).count();
    refuse_many_records(page_records_max, records)
}

/// Likewise, of the records that were read so far.
///
/// # Errors
/// `page-too-large`.
pub fn refuse_many_records(page_records_max: u32, records: usize) -> Result<(), Refusal> {
    if usize::try_from(page_records_max).is_ok_and(|max| records <= max) {
        return Ok(());
    }
    let refusal = Refusal::new(
        Code::PageTooLarge,
        format!("The page holds more than the {page_records_max} records that are allowed."),
        format!("Name a page size of at most {page_records_max} records."),
    );
    Err(refusal
        .promise(Promise::number(5))
        .member("max", page_records_max))
}

/// Whose the parts of an answer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Each record, in their order.
    pub records: Vec<Owner>,
    /// What stands around them.
    pub around: Owner,
}

/// Whose the parts of an answer are, by the keys in them, which `owner_of` knows. A record without a key of
/// its own is the customer's that a key around it names; where the catalogue has no key for it, that of
/// `named`, whom the request named. What stands around the records is `named`'s, or that of the key there. A
/// record that keeps back the key it should have may be anyone's.
///
/// # Errors
/// `response-uninspectable` for such a record, and for a key of another customer than the one asked for.
pub fn whose<'a>(
    shape: &Shape,
    scanned: &Scanned<'a>,
    named: &Owner,
    mut owner_of: impl FnMut(&Record<'a>, &str) -> Result<Owner, Fault>,
) -> Result<Whose, Fault> {
    let mut roles = shape.fields.iter().map(|field| field.role);
    let keyed = roles.any(|role| role == FieldRole::CustomerKey);
    let mut owner = |part: &Record<'a>| {
        let Some(id) = part.customer() else {
            return Ok(None);
        };
        let owner = owner_of(part, id)?;
        // A thing read on behalf of one customer that names another is not what was asked for.
        if *named != Owner::Nobody && *named != owner {
            return Err(uninspectable(
                "data of another customer than the one asked for",
            ));
        }
        Ok(Some(owner))
    };
    let mut records = Vec::with_capacity(scanned.records().len());
    for record in scanned.records() {
        match owner(record)? {
            Some(owner) => records.push(owner),
            None if keyed => return Err(uninspectable("a record that does not say whose it is")),
            None => records.push(named.clone()),
        }
    }
    let around = owner(scanned.envelope())?.unwrap_or_else(|| named.clone());
    Ok(Whose { records, around })
}
