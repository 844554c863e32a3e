//! What an overlay says that a parameter, or a member of a request, decides (`x-covenant-role`).

use std::sync::Arc;

use super::document::Part;
use super::reading::Reading;
use super::request::Role;
use crate::terms::ResourceKind;

/// The words of `x-covenant-role`.
pub(super) const ROLES: [&str; 12] = [
    "audience",
    "credential",
    "customer",
    "document",
    "include",
    "job",
    "list",
    "page-size",
    "partition",
    "period-from",
    "period-to",
    "use-type",
];
/// The value of a use that is no marketing, where the overlay names none.
const OPERATIONAL: &str = "operational";

/// Reads the role that stands at `role`. What belongs to it stands in one of `holders`, and what
/// bounds its values in `schema`.
pub(super) fn read<'a>(
    reading: &mut Reading<'a>,
    role: &'a Part,
    holders: &[&'a Part],
    schema: Option<&'a Part>,
) -> Role {
    let schema = schema.and_then(|schema| reading.resolve(schema));
    match reading.word(role, &ROLES) {
        Some("customer") => Role::Customer,
        Some("page-size") => page_size(reading, role, schema),
        Some("use-type") => use_type(reading, holders, schema),
        Some("audience") => Role::Audience,
        Some("credential") => Role::Credential,
        Some("period-from") => Role::PeriodFrom,
        Some("period-to") => Role::PeriodTo,
        Some("partition") => Role::Partition,
        Some("include") => include(reading, role, schema),
        Some(kind) => ResourceKind::parse(kind).map_or(Role::Plain, Role::Resource),
        None => Role::Plain,
    }
}

fn page_size(reading: &mut Reading<'_>, role: &Part, schema: Option<&Part>) -> Role {
    let most = schema.and_then(|schema| schema.get("maximum")?.integer());
    let most = most.and_then(|most| u32::try_from(most).ok());
    match most.filter(|most| *most > 0) {
        Some(max) => Role::PageSize { max },
        None => {
            let message = "a page size needs a `maximum` in its schema";
            reading.mistake(&role.place, message);
            Role::Plain
        }
    }
}

fn use_type<'a>(reading: &mut Reading<'a>, holders: &[&'a Part], schema: Option<&'a Part>) -> Role {
    let named = holders
        .iter()
        .find_map(|holder| reading.extension(holder, "operational"));
    let Some(named) = named else {
        let operational = vec![OPERATIONAL.into()];
        return Role::UseType { operational };
    };
    if named.items().is_empty() {
        reading.mistake(&named.place, "a list of values is needed here");
    }
    let words = schema
        .map(|schema| words(reading, schema))
        .unwrap_or_default();
    let mut operational = Vec::new();
    for item in named.items() {
        let Some(text) = reading.text(item) else {
            continue;
        };
        if !words.is_empty() && words.iter().all(|word| &**word != text) {
            let message = format!("`{text}` is not one of the values of its schema");
            let valid = words.iter().map(|word| &**word);
            reading.unknown(&item.place, message, text, valid);
        }
        operational.push(text.into());
    }
    Role::UseType { operational }
}

fn include<'a>(reading: &mut Reading<'a>, role: &Part, schema: Option<&'a Part>) -> Role {
    let values = schema
        .map(|schema| words(reading, schema))
        .unwrap_or_default();
    if values.is_empty() {
        let message = "what can be asked for needs an `enum` in its schema";
        reading.mistake(&role.place, message);
    }
    Role::Include { values }
}

/// The texts of the `enum` of a schema, or of its items.
fn words<'a>(reading: &mut Reading<'a>, schema: &'a Part) -> Vec<Arc<str>> {
    let items = schema.get("items").and_then(|items| reading.resolve(items));
    let words = [Some(schema), items];
    let words = words.into_iter().flatten().find_map(|one| one.get("enum"));
    let words = words.map(Part::items).unwrap_or_default();
    words
        .iter()
        .filter_map(|word| word.text().map(Arc::from))
        .collect()
}
