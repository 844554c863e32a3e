//! Stage `inspect`: is the core's answer what the catalogue says it is, and whose data is in it. Any
//! doubt refuses the whole answer; nothing of it is repeated to the partner.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};

use super::decide::Permit;
use super::forward::Answer;
use super::read::is_media_type;
use super::route::not_found;
use crate::catalogue::{Body, Creates, Shape};
use crate::filter::{self, Scanned};
use crate::policy::Circumstances;
use crate::refusal::{Code, Fault, Refusal, Stopped};
use crate::registry::Registry;
use crate::terms::{CustomerRef, ResourceKind};

/// An answer that is what the catalogue says, and whose data is in it.
#[derive(Debug)]
pub struct Inspected<'a> {
    /// Its status, one of the catalogue's.
    pub status: u16,
    /// What it holds.
    pub content: Content<'a>,
}

/// What an answer holds.
#[derive(Debug)]
pub enum Content<'a> {
    /// Nothing.
    Empty,
    /// A JSON document.
    Json {
        /// Its shape.
        shape: &'a Arc<Shape>,
        /// The document, validated and taken apart.
        scanned: Scanned<'a>,
        /// Whose each record is, in their order.
        owners: Vec<Owner>,
        /// Whose the whole answer is, where the request named one customer.
        envelope: Owner,
    },
    /// A document, unopened.
    Document {
        /// Its media type, by the catalogue.
        media_type: Arc<str>,
        /// Its bytes.
        body: Bytes,
    },
}

/// Whose a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// No customer's: nothing that belongs to a customer may leave with it.
    Nobody,
    /// This customer's, under these circumstances.
    Customer(CustomerRef, Circumstances),
    /// A customer that came to be by this very call: the core's id, and the reference it gets.
    New(Arc<str>, CustomerRef),
}

/// Inspects. `answer` is the core's.
///
/// # Errors
/// `core-rejected`, `not-found`, `core-unavailable`, `response-uninspectable`.
pub fn inspect<'a>(
    permit: &'a Permit,
    answer: &'a Answer,
    registry: &Registry,
    now: jiff::Timestamp,
) -> Result<Inspected<'a>, Stopped> {
    let listed = permit.operation().answers.iter().find(|listed| listed.status == answer.status);
    if answer.status >= 400 {
        return Err(rejected(answer.status, listed.is_some()));
    }
    let listed = listed.ok_or_else(|| uninspectable(format!("status {}", answer.status)))?;
    let content = match &listed.body {
        Body::Empty if answer.body.is_empty() => Content::Empty,
        Body::Empty => return Err(uninspectable("a body where the catalogue has none").into()),
        Body::Uninspectable { media_type } => {
            return Err(uninspectable(format!("no filter for `{media_type}`")).into());
        }
        Body::Json(shape) => {
            expect_type(&answer.headers, "application/json")?;
            let scanned = filter::scan(shape, &answer.body, &filter::Limits::default())
                .map_err(|reason| uninspectable(reason.to_string()))?;
            let envelope = envelope_owner(permit, registry, now);
            let owners = owners(permit, &scanned, &envelope, registry, now)?;
            Content::Json { shape, scanned, owners, envelope }
        }
        Body::Document { media_type, .. } => {
            expect_type(&answer.headers, media_type)?;
            Content::Document { media_type: Arc::clone(media_type), body: answer.body.clone() }
        }
    };
    Ok(Inspected { status: answer.status, content })
}

fn uninspectable(why: impl Into<String>) -> Fault {
    Fault::new(Code::ResponseUninspectable, format!("the core's answer was withheld: {}", why.into()))
}

fn expect_type(headers: &HeaderMap, media_type: &str) -> Result<(), Fault> {
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter();
    if encoded.into_iter().any(|coding| coding != "identity") {
        return Err(uninspectable("encoded although identity was asked for"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let one = types.next().and_then(|value| value.to_str().ok());
    match (one, types.next()) {
        (Some(one), None) if is_media_type(one, media_type) => Ok(()),
        _ => Err(uninspectable(format!("not `{media_type}` as the catalogue says"))),
    }
}

/// A core that says no is believed if the catalogue knows that it can; its words stay inside.
fn rejected(status: u16, listed: bool) -> Stopped {
    match (status, http::StatusCode::from_u16(status)) {
        (404 | 410, _) => not_found().into(),
        (401 | 403 | 407, _) | (500.., _) => {
            Fault::new(Code::CoreUnavailable, format!("the core answered {status}")).into()
        }
        (_, Ok(status)) if listed => Refusal::new(
            Code::CoreRejected,
            format!("The core service answered this request with status {}.", status.as_u16()),
            "Check the request against the operation's description.",
        )
        .member("core_status", status.as_u16())
        .into(),
        _ => uninspectable(format!("status {status}")).into(),
    }
}

fn envelope_owner(permit: &Permit, registry: &Registry, now: jiff::Timestamp) -> Owner {
    match permit.customer() {
        Some(customer) => {
            Owner::Customer(customer.reference, circumstances(permit, customer.reference, true, registry, now))
        }
        None => Owner::Nobody,
    }
}

fn circumstances(
    permit: &Permit,
    customer: CustomerRef,
    own: bool,
    registry: &Registry,
    now: jiff::Timestamp,
) -> Circumstances {
    let partner = &permit.partner().contract().partner;
    let consented = registry.consented(&customer, partner, permit.purpose(), now);
    Circumstances { own, consented, agreement: false, order: false }
}

/// Whose each record is, by the key in it, or else by the customer the request named.
fn owners(
    permit: &Permit,
    scanned: &Scanned<'_>,
    envelope: &Owner,
    registry: &Registry,
    now: jiff::Timestamp,
) -> Result<Vec<Owner>, Fault> {
    let creates_customer = permit.operation().creates == Some(Creates::Customer);
    let partner = &permit.partner().contract().partner;
    let mut owners = Vec::with_capacity(scanned.records().len());
    for record in scanned.records() {
        let Some(id) = record.customer.as_deref() else {
            owners.push(envelope.clone());
            continue;
        };
        let owner = match registry.customer(id) {
            Some(row) => {
                let own = row.partner == *partner;
                let circumstances = circumstances(permit, row.reference, own, registry, now);
                Owner::Customer(row.reference, circumstances)
            }
            None if creates_customer => Owner::New(id.into(), Registry::new_reference()),
            None => Owner::Nobody,
        };
        // A thing read on behalf of one customer that names another is not what was asked for.
        if let (Owner::Customer(asked, _), Owner::Customer(found, _)) = (envelope, &owner)
            && asked != found
        {
            return Err(uninspectable("a record of another customer than the one asked for"));
        }
        owners.push(owner);
    }
    Ok(owners)
}

/// The thing a creating call brought into being, by its id in the answer.
pub fn created<'a>(permit: &Permit, scanned: &'a Scanned<'_>) -> Option<(ResourceKind, &'a str)> {
    let Some(Creates::Resource(kind)) = permit.operation().creates else { return None };
    let named = scanned.records().iter().filter_map(|record| record.resource.as_ref());
    named.filter(|(found, _)| *found == kind).map(|(_, id)| (kind, &**id)).next()
}
