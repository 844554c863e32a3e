//! What is not listed does not exist, and neither does a parameter that is not listed.

use crate::catalogue::{Operation, Parameter, Place, Role, bare_name};
use crate::edge::AcceptedHead;
use crate::refusal::{Code, Refusal};

/// Refuses a query parameter that the operation does not have.
///
/// # Errors
/// `request-malformed`, with the parameters it has.
pub fn check_query(operation: &Operation, head: &AcceptedHead) -> Result<(), Refusal> {
    let listed = operation.parameters.iter();
    let listed = listed.filter(|parameter| parameter.place == Place::Query);
    let is_known = |name: &str| {
        listed.clone().any(|one| match one.open_member(name) {
            Some(member) => !decides(operation, member),
            None => *one.name == *name && !one.open,
        })
    };
    let mut sent = head.query().iter();
    let Some((unknown, _)) = sent.find(|(name, _)| !is_known(name)) else {
        return Ok(());
    };
    let shown = |one: &Parameter| match one.open {
        true => format!("{}[…]", one.name),
        false => one.name.to_string(),
    };
    let known: Vec<String> = listed.clone().map(shown).collect();
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

/// Whether something that decides is called so, elsewhere in a request of this operation.
fn decides(operation: &Operation, name: &str) -> bool {
    let name = bare_name(name);
    let mut parameters = operation.parameters.iter();
    let in_body = operation.request.iter();
    let mut in_body = in_body.flat_map(|request| &request.deciding_names);
    parameters.any(|one| one.role != Role::Plain && bare_name(&one.name) == name)
        || in_body.any(|one| *one == name)
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
