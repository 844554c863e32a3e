//! Stage `route`: method and path to one operation of the catalogue, and with it the form in which its
//! callers are told of refusals.

use std::sync::Arc;

use http::{HeaderMap, header};

use super::exchange::Exchange;
use super::refuse;
use crate::catalogue::{Catalogue, Routed};
use crate::edge::AcceptedHead;
use crate::judgement::{check_query, purpose_named};
use crate::refusal::{Refusal, Stopped};

/// Has refusals written as the client of the operation reads them, before it is known who calls: that an access
/// token has expired is told where nothing else about the caller is known. What form a path has says no more than
/// the service's own documentation.
pub fn speak(exchange: &mut Exchange, catalogue: &Catalogue, head: &AcceptedHead) {
    let routed = catalogue.route(head.method(), head.path().as_str());
    if let Some(routed) = routed.filter(|_| !asks_for_problem(head.headers())) {
        exchange.refusal_form.clone_from(&routed.operation.refusal);
    }
}

/// Finds the operation.
///
/// # Errors
/// `not-found` for a path that is not listed, `request-malformed` for a parameter that is not.
pub fn route(
    exchange: &mut Exchange,
    catalogue: &Catalogue,
    head: &AcceptedHead,
) -> Result<Routed, Stopped> {
    // Until it is chosen: what is refused before or by that is on record with what it was asked for.
    let named = purpose_named(head);
    exchange.facts.purpose = named.map(|purpose| purpose.key().to_owned());
    let routed = catalogue
        .route(head.method(), head.path().as_str())
        .ok_or_else(Refusal::not_found)?;
    exchange.facts.operation = Some(routed.operation.id.to_string());
    exchange.route = Some(Arc::clone(&routed.operation.path));
    check_query(&routed.operation, head)?;
    Ok(routed)
}

/// Whether the client says that it reads problem documents, whatever the operation's own form is.
fn asks_for_problem(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|value| {
        let value = value.to_str().unwrap_or_default();
        value.to_ascii_lowercase().contains(refuse::PROBLEM)
    })
}
