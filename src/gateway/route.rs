//! Stage `route`: method and path to one operation of the catalogue. What is not listed does not
//! exist, and neither does a parameter that is not listed.

use std::sync::Arc;

use super::exchange::Exchange;
use crate::catalogue::{Catalogue, Operation, Place};
use crate::edge::AcceptedHead;
use crate::refusal::{Code, Refusal, Stopped};

/// A listed operation with the values of its path.
#[derive(Clone, Debug)]
pub struct Route {
    /// The operation.
    pub operation: Arc<Operation>,
    /// Values of its path parameters, decoded, by name.
    pub path_values: Vec<(Arc<str>, String)>,
}

/// Finds the operation.
///
/// # Errors
/// `not-found` for a path that is not listed, `request-malformed` for a parameter that is not.
pub fn route(
    exchange: &mut Exchange,
    catalogue: &Catalogue,
    head: &AcceptedHead,
) -> Result<Route, Stopped> {
    let routed = catalogue
        .route(head.method(), head.path().as_str())
        .ok_or_else(Refusal::not_found)?;
    exchange.facts.operation = Some(routed.operation.id.to_string());
    exchange.route = Some(Arc::clone(&routed.operation.path));
    let known = |name: &str| {
        let listed = |place, listed: &str| place == Place::Query && listed == name;
        routed
            .operation
            .parameters
            .iter()
            .any(|one| listed(one.place, &one.name))
    };
    if let Some((unknown, _)) = head.query().iter().find(|(name, _)| !known(name)) {
        let known: Vec<&str> = routed
            .operation
            .parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Query)
            .map(|parameter| &*parameter.name)
            .collect();
        return Err(Refusal::new(
            Code::RequestMalformed,
            format!(
                "The query parameter `{}` is not one of this operation.",
                printable(unknown)
            ),
            match known.as_slice() {
                [] => "Send this request without a query.".to_owned(),
                names => format!("Use only these query parameters: {}.", names.join(", ")),
            },
        )
        .into());
    }
    Ok(Route {
        operation: routed.operation,
        path_values: routed.parameters,
    })
}

/// The part of a name, as a partner sent it, that can be repeated to it.
pub fn printable(text: &str) -> String {
    text.chars()
        .take(64)
        .filter(|character| character.is_ascii_graphic())
        .collect()
}
