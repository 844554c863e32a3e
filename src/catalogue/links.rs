//! What the overlay says of links (`x-covenant-link`), in fields and in headers. A link that may leave
//! and of which nobody has said where it leads is a mistake: it could lead around the gateway.

use std::sync::Arc;

use http::Method;
use http::header::{HeaderName, LINK, LOCATION};

use super::document::Part;
use super::fitting::{format_of, link_misfit};
use super::format;
use super::operation::{HeaderLink, Operation, Parameter, Place, Role};
use super::reading::Reading;
use super::schema::Schema;
use super::shape::{FieldRole, Link, ScalarKind};
use crate::taxonomy::Category;

const WORDS: [&str; 3] = ["foreign", "remove", "rewrite"];
/// What a header may hold: nothing about a person, whose disclosure would have to be accounted for.
const SYSTEM: &str = "system";
/// Headers that hold links, and that are handed on led anew.
const HEADERS: [HeaderName; 2] = [LOCATION, LINK];

/// Where the link in a field leads.
pub(super) fn of_field<'a>(
    reading: &mut Reading<'a>,
    schema: &Schema<'a>,
    kind: ScalarKind,
    category: Option<Category>,
) -> Option<Link> {
    let Some(part) = schema.extension(reading, "link") else {
        if category.is_some() && format::is_link(format_of(schema)) {
            let message = "nobody has said where this link leads: give it an `x-covenant-link`, \
                           `rewrite`, `{to: operationId}`, `foreign` or `remove`";
            reading.mistake(schema.place, message);
        }
        return None;
    };
    let link = read(reading, part)?;
    if let Some(message) = wrong(schema, kind, category, &link) {
        reading.mistake(&part.place, message);
    }
    Some(link)
}

fn read<'a>(reading: &mut Reading<'a>, part: &'a Part) -> Option<Link> {
    if part.is_map() {
        let to = part.get("to").filter(|_| part.entries().len() == 1);
        let Some(to) = to else {
            let message = "this must be `rewrite`, `foreign`, `remove` or `{to: operationId}`";
            reading.mistake(&part.place, message);
            return None;
        };
        return reading.text(to).map(|id| Link::To(id.into()));
    }
    match reading.word(part, &WORDS)? {
        "foreign" => Some(Link::Foreign),
        "rewrite" => Some(Link::Rewrite),
        _ => Some(Link::Remove),
    }
}

/// What is wrong with a field that is said to be this link.
fn wrong(
    schema: &Schema<'_>,
    kind: ScalarKind,
    category: Option<Category>,
    link: &Link,
) -> Option<String> {
    let told = |name: &str| schema.keyword(&format!("x-covenant-{name}")).is_some();
    if kind != ScalarKind::String {
        return Some("only a text is a link".to_owned());
    }
    if ["partial", "customer-key", "resource-id"]
        .into_iter()
        .any(told)
    {
        return Some("a link is neither an id nor seen in part".to_owned());
    }
    match (link, category) {
        (Link::Remove, Some(_)) => {
            Some("a link that is removed has no category to leave under".to_owned())
        }
        (Link::Remove, None) => None,
        (_, None) => Some(
            "a link without `x-covenant-data-category` never leaves; say so with `remove`"
                .to_owned(),
        ),
        (Link::Foreign, Some(_)) => None,
        (Link::Rewrite | Link::To(_), Some(_)) => link_misfit(schema)
            .map(|reason| format!("the gateway's link {reason}; without it, say `remove`")),
    }
}

/// The headers of a response whose links leave.
pub(super) fn of_headers<'a>(reading: &mut Reading<'a>, response: &'a Part) -> Vec<HeaderLink> {
    let mut links = Vec::new();
    let headers = response.get("headers").map(Part::entries);
    for entry in headers.unwrap_or_default() {
        let mut names = HEADERS.into_iter();
        let Some(name) = names.find(|name| entry.name.eq_ignore_ascii_case(name.as_str())) else {
            continue;
        };
        let Some(target) = reading.resolve(&entry.part) else {
            continue;
        };
        let Some(part) = reading.extension(target, "link") else {
            continue;
        };
        let category = reading.extension(target, "data-category");
        let category = category.and_then(|part| reading.category(part));
        let system = Category::parse(SYSTEM);
        let fits = |category: &Category| system.is_some_and(|system| category.is_within(system));
        match (reading.word(part, &["remove", "rewrite"]), category) {
            (Some("rewrite"), Some(category)) if fits(&category) => {
                links.push(HeaderLink { name, category });
            }
            (Some("rewrite"), _) => {
                let message = "a header with links leaves under an `x-covenant-data-category` \
                               within `system`, or not at all";
                reading.mistake(&part.place, message);
            }
            (_, Some(_)) => {
                let message = "a link that is removed has no category to leave under";
                reading.mistake(&part.place, message);
            }
            _ => {}
        }
    }
    links
}

/// The one parameter of the path that a mediated link fills in.
fn only_parameter(operation: &Operation) -> Option<&Parameter> {
    let needed = |one: &&Parameter| one.required && one.place != Place::Path;
    let mut in_path = operation.parameters.iter();
    let mut in_path = in_path.by_ref().filter(|one| one.place == Place::Path);
    let only = in_path.next().filter(|_| in_path.next().is_none())?;
    let names = matches!(only.role, Role::Customer | Role::Resource(_));
    let alone = operation.parameters.iter().find(needed).is_none();
    (operation.method == Method::GET && names && alone).then_some(only)
}

/// Notes the links that lead to no operation, or to one whose parameter nothing fills in.
pub(super) fn check_mediated<'o>(
    reading: &mut Reading<'_>,
    operation: impl Fn(&str) -> Option<&'o Arc<Operation>>,
) {
    for link in reading.mediated() {
        let id = &link.operation;
        let Some(operation) = operation(id) else {
            let message = format!("a link to `{id}`, which is no operation that is served");
            reading.mistake(&link.place, message);
            continue;
        };
        let Some(parameter) = only_parameter(operation) else {
            let message = format!(
                "a link to `{id}`, which is not a GET whose one needed parameter stands in the path \
                 and has the role `customer` or that of a thing of the customer"
            );
            reading.mistake(&link.place, message);
            continue;
        };
        let (role, key) = match parameter.role {
            Role::Resource(kind) => (
                FieldRole::ResourceId(kind),
                format!("x-covenant-resource-id: {}", kind.word()),
            ),
            _ => (
                FieldRole::CustomerKey,
                "x-covenant-customer-key: true".to_owned(),
            ),
        };
        if !link.roles.contains(&role) {
            let message =
                format!("a link to `{id}` needs an id for it: no field of this answer has `{key}`");
            reading.mistake(&link.place, message);
        }
    }
}
