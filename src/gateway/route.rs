//! Stage `route`: method and path to one operation of the catalogue.

use std::sync::Arc;

use super::exchange::Exchange;
use crate::catalogue::{Catalogue, Routed};
use crate::edge::AcceptedHead;
use crate::judgement::check_query;
use crate::refusal::{Refusal, Stopped};

/// Finds the operation.
///
/// # Errors
/// `not-found` for a path that is not listed, `request-malformed` for a parameter that is not.
pub fn route(
    exchange: &mut Exchange,
    catalogue: &Catalogue,
    head: &AcceptedHead,
) -> Result<Routed, Stopped> {
    let routed = catalogue
        .route(head.method(), head.path().as_str())
        .ok_or_else(Refusal::not_found)?;
    exchange.facts.operation = Some(routed.operation.id.to_string());
    exchange.route = Some(Arc::clone(&routed.operation.path));
    check_query(&routed.operation, head)?;
    Ok(routed)
}
