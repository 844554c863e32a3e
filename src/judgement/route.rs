//! What is not listed does not exist, and neither does a parameter that is not listed.

use crate::catalogue::{Operation, Place};
use crate::edge::AcceptedHead;
use crate::refusal::{Code, Refusal};

/// Refuses a query parameter that the operation does not have.
///
/// # Errors
/// `request-malformed`, with the parameters it has.
pub fn check_query(operation: &Operation, head: &AcceptedHead) -> Result<(), Refusal> {
    let listed = operation.parameters.iter();
    let listed = listed.filter(|parameter| parameter.place == Place::Query);
    let known: Vec<&str> = listed.map(|parameter| &*parameter.name).collect();
    let mut sent = head.query().iter();
    let Some((unknown, _)) = sent.find(|(name, _)| !known.contains(name)) else {
        return Ok(());
    };
    let unknown = printable(unknown);
    Err(Refusal::new(
        Code::RequestMalformed,
        format!("The query parameter `{unknown}` is not one of this operation."),
        match known.as_slice() {
            [] => "Send this request without a query.".to_owned(),
            names => format!("Use only these query parameters: {}.", names.join(", ")),
        },
    ))
}

/// What a request says in its path and its query, decoded: it may be said again in a link of the answer.
pub fn said(head: &AcceptedHead) -> Vec<Box<str>> {
    let in_path = head.path().segments().iter().map(String::as_str);
    let in_query = head.query().iter().map(|(_, value)| value);
    in_path.chain(in_query).map(Box::from).collect()
}

/// The part of a name, as a partner sent it, that can be repeated to it.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .take(64)
        .filter(|character| character.is_ascii_graphic())
        .collect()
}
