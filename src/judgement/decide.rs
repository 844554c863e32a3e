//! The rules' answer to a request that has been read: their decision, and what a document may be used
//! for.

use std::sync::Arc;

use http::header;
use jiff::civil::Date;
use serde_json::Value;

use super::ask::Asked;
use super::subject::Subject;
use crate::catalogue::{Operation, Place, Role};
use crate::edge::AcceptedHead;
use crate::policy::{
    AccessRequest, Circumstances, Contract, Grant, PolicySet, Standing, with_purposes,
};
use crate::refusal::{Code, Refusal};
use crate::taxonomy::Purpose;
use crate::terms::Promise;

/// A request that has been read, with its purpose.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The contract of the calling partner.
    pub contract: &'a Contract,
    /// Whether the partner may ask at all.
    pub standing: Standing,
    /// What it calls.
    pub operation: &'a Operation,
    /// For what.
    pub purpose: Purpose,
    /// What it asks for.
    pub asked: &'a Asked,
    /// On whose behalf.
    pub subject: &'a Subject,
    /// What is known of the customer before the core is asked.
    pub circumstances: Circumstances,
    /// The UTC day.
    pub today: Date,
}

/// The purpose of a request: the one it declares, or the only one left.
///
/// # Errors
/// Those of [`PolicySet::choose_purpose`], and `request-malformed` for a header that is not text.
pub fn choose_purpose(
    policy: &PolicySet,
    contract: &Contract,
    token_purposes: Option<&[Arc<str>]>,
    head: &AcceptedHead,
) -> Result<Purpose, Box<Refusal>> {
    policy.choose_purpose(contract, token_purposes, declared_purpose(head)?)
}

/// Decides.
///
/// # Errors
/// The refusals of purpose, marketing, export, contract and page size.
pub fn decide(
    policy: &PolicySet,
    call: &Call<'_>,
    head: &AcceptedHead,
) -> Result<Grant, Box<Refusal>> {
    let operation = call.operation;
    let decided = policy.decide(&AccessRequest {
        partner: &call.contract.partner,
        standing: call.standing,
        operation,
        purpose: call.purpose,
        marketing_signals: &call.asked.marketing_signals,
        page_records: call.asked.page_records,
        today: call.today,
        circumstances: call.circumstances,
    });
    let grant = decided.map_err(|refusal| with_alternate(*refusal, operation, head))?;
    refuse_other_use(call.subject, call.purpose, &call.contract.purposes)?;
    Ok(grant)
}

/// The purpose that a request declares, if it is one of the vocabulary: for the record, also where it is not
/// allowed. Nothing else of the header, which may say anything.
pub fn purpose_named(head: &AcceptedHead) -> Option<Purpose> {
    Purpose::parse(declared_purpose(head).ok()??.trim())
}

/// The one purpose declared; the edge has refused two.
fn declared_purpose(head: &AcceptedHead) -> Result<Option<&str>, Box<Refusal>> {
    let declared = head.headers().get("purpose-of-use");
    declared
        .map(|value| value.to_str())
        .transpose()
        .map_err(|_| {
            Refusal::new(
                Code::RequestMalformed,
                "The header `Purpose-Of-Use` is not plain text.",
                "Send one purpose, as its key is written.",
            )
            .into()
        })
}

/// A page that is too large is never clamped: the refusal links to the one that would be served.
fn with_alternate(refusal: Refusal, operation: &Operation, head: &AcceptedHead) -> Refusal {
    let size = operation.parameters.iter().find(|parameter| {
        matches!(parameter.role, Role::PageSize { .. }) && parameter.place == Place::Query
    });
    let max = refusal.members.get("max").and_then(Value::as_u64);
    match (refusal.code, size, max) {
        (Code::PageTooLarge, Some(size), Some(max)) => {
            let mut query = head.query().clone();
            query.set(&size.name, &max.to_string());
            let link = format!("<{}?{query}>; rel=\"alternate\"", head.path().as_str());
            refusal.header(header::LINK, &link)
        }
        _ => refusal,
    }
}

/// Lists and documents are used for what they were uploaded for, and for nothing else (P11).
fn refuse_other_use(
    subject: &Subject,
    purpose: Purpose,
    granted: &[Purpose],
) -> Result<(), Box<Refusal>> {
    let Some(uploaded) = subject.uploaded_for else {
        return Ok(());
    };
    if purpose.is_within(uploaded) {
        return Ok(());
    }
    let within = granted.iter().copied();
    let within: Vec<Purpose> = within.filter(|one| one.is_within(uploaded)).collect();
    let fix = if within.is_empty() {
        "Upload it again for the purpose it is needed for."
    } else {
        "Declare one of the allowed purposes: those it was uploaded for."
    };
    let refusal = Refusal::new(
        Code::PurposeNotAllowed,
        "This was uploaded for another purpose than the one declared.",
        fix,
    );
    let refusal = refusal.promise(Promise::number(11));
    Err(with_purposes(refusal, purpose.key(), &within).into())
}
