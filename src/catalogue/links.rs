//! What the overlay says of links (`x-covenant-link`), in fields and in headers. A link that may leave
//! and of which nobody has said where it leads is a mistake: it could lead around the gateway.

use std::sync::Arc;

use http::Method;
use http::header::{HeaderName, LINK, LOCATION};

use super::document::Part;
use super::fitting::{format_of, link_misfit};
use super::format;
use super::operation::{HeaderLink, Operation, Parameter, Place};
use super::reading::Reading;
use super::request::Role;
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

#[cfg(test)]
mod tests {
    use super::super::tests::{DOCUMENT, OVERLAY, load};
    use super::*;
    use crate::catalogue::{Body, Catalogue};

    /// The small catalogue, in which `name` has this schema and these keys.
    fn with(schema: &str, keys: &str) -> Result<Catalogue, Vec<String>> {
        let document = DOCUMENT.replace("name: {type: string}", &format!("name: {schema}"));
        let name = "x-covenant-data-category: user.name";
        assert!(OVERLAY.contains(name));
        load(&document, &OVERLAY.replace(name, keys))
    }

    fn link(catalogue: &Catalogue) -> Option<Link> {
        let Body::Data { shape, .. } = &catalogue.operations[0].answers[0].body else {
            panic!("no data")
        };
        let mut fields = shape.fields.iter();
        fields
            .find(|field| &*field.path == "$.name")
            .unwrap()
            .link
            .clone()
    }

    #[test]
    fn a_link_leads_where_the_overlay_says() {
        let uri = "{type: string, format: uri}";
        let category = "x-covenant-data-category: system.operations, x-covenant-link:";
        let read = |schema: &str, keys: &str| link(&with(schema, keys).unwrap());
        assert_eq!(
            read(uri, &format!("{category} rewrite")),
            Some(Link::Rewrite)
        );
        assert_eq!(
            read(uri, &format!("{category} foreign")),
            Some(Link::Foreign)
        );
        assert_eq!(read(uri, "x-covenant-link: remove"), Some(Link::Remove));
        let plain = "{type: string, maxLength: 2048}";
        assert_eq!(
            read(plain, &format!("{category} rewrite")),
            Some(Link::Rewrite)
        );
        assert_eq!(read(plain, "x-covenant-data-category: user.name"), None);
        assert_eq!(
            read(uri, "x-covenant-data-subject: customer"),
            None,
            "it never leaves"
        );
    }

    #[test]
    fn what_is_said_of_a_link_in_vain_or_not_said_is_a_mistake() {
        let uri = "{type: string, format: uri}";
        let mistake =
            |schema: &str, keys: &str| with(schema, keys).err().unwrap_or_default().concat();
        let category = "x-covenant-data-category: system.operations";
        let rewrite = format!("{category}, x-covenant-link: rewrite");
        for (schema, keys, expected) in [
            (uri, category, "nobody has said where this link leads"),
            ("{type: string, format: url}", category, "nobody has said"),
            (
                uri,
                "x-covenant-link: rewrite",
                "never leaves; say so with `remove`",
            ),
            (
                uri,
                &format!("{category}, x-covenant-link: remove"),
                "has no category",
            ),
            (
                uri,
                &format!("{category}, x-covenant-link: rewrit"),
                "did you mean `rewrite`?",
            ),
            (
                uri,
                &format!("{category}, x-covenant-link: {{too: getPet}}"),
                "must be `rewrite`",
            ),
            (
                uri,
                &format!("{category}, x-covenant-link: {{to: getPet, x: 1}}"),
                "must be `rewrite`",
            ),
            (
                uri,
                &format!("{category}, x-covenant-link: {{to: getPets}}"),
                "no operation that is served",
            ),
            (
                uri,
                &format!("{category}, x-covenant-link: {{to: getPet}}"),
                "has the role `customer`",
            ),
            (
                uri,
                &format!("{rewrite}, x-covenant-partial: {{last: 2}}"),
                "neither an id nor",
            ),
            ("{type: integer}", &rewrite, "only a text is a link"),
            (
                "{type: string, enum: [a]}",
                &rewrite,
                "is none of the field's values",
            ),
            (
                "{type: string, format: email}",
                &rewrite,
                "is not of the field's format",
            ),
        ] {
            let told = mistake(schema, keys);
            assert!(told.contains(expected), "{schema} {keys}: {told}");
        }
    }

    #[test]
    fn a_mediated_link_needs_the_id_that_fills_it_in() {
        let keys = "x-covenant-data-category: system.operations, x-covenant-link: {to: getPet}";
        let document =
            DOCUMENT.replace("name: {type: string}", "name: {type: string, format: uri}");
        let overlay = OVERLAY.replace("x-covenant-data-category: user.name", keys)
            + "  - target: $..parameters[?@.name == 'pet_id']\n    update: {x-covenant-role: job}\n";
        let told = load(&document, &overlay).unwrap_err().concat();
        assert!(told.contains("`x-covenant-resource-id: job`"), "{told}");
        let with_id = overlay.clone()
            + "  - target: $.components.schemas.Pet.properties.id\n    update: {x-covenant-resource-id: job}\n";
        let to = Some(Link::To("getPet".into()));
        assert_eq!(link(&load(&document, &with_id).unwrap()), to);
        let of_customer = overlay.replace("x-covenant-role: job", "x-covenant-role: customer");
        assert_eq!(link(&load(&document, &of_customer).unwrap()), to);
        let needs_more = document.replace(
            "schema: {type: string}}\n      responses",
            "schema: {type: string}}\n        - {name: q, in: query, required: true, schema: {type: string}}\n      responses",
        );
        assert_ne!(needs_more, document);
        let told = load(&needs_more, &with_id).unwrap_err().concat();
        assert!(told.contains("whose one needed parameter"), "{told}");
    }

    #[test]
    fn headers_with_links_are_listed_and_a_redirect_has_a_place() {
        let headers = "'200':\n          headers: {location: {schema: {type: string}}, ETag: {schema: {type: string}}}";
        let document = DOCUMENT.replace("'200':", headers);
        let action = |name: &str, keys: &str| {
            format!("{OVERLAY}  - target: $..headers['{name}']\n    update: {{{keys}}}\n")
        };
        let system = "x-covenant-data-category: system.operations";
        let rewrite = format!("x-covenant-link: rewrite, {system}");
        let listed = load(&document, &action("location", &rewrite)).unwrap();
        let links = &listed.operations[0].answers[0].links;
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].name, LOCATION);
        assert!(
            load(&document, OVERLAY).unwrap().operations[0].answers[0]
                .links
                .is_empty()
        );
        for (name, keys, expected) in [
            ("ETag", rewrite.as_str(), "has no effect here"),
            ("location", "x-covenant-link: rewrite", "within `system`"),
            (
                "location",
                "x-covenant-link: rewrite, x-covenant-data-category: user.name",
                "within `system`",
            ),
            ("location", "x-covenant-link: foreign", "is not one of"),
            ("location", system, "has no effect here"),
        ] {
            let told = load(&document, &action(name, keys)).unwrap_err().concat();
            assert!(told.contains(expected), "{name} {keys}: {told}");
        }
        let redirect = document.replace("'200':", "'302':");
        let told = load(&redirect, OVERLAY).unwrap_err().concat();
        assert!(told.contains("a redirect leads nowhere"), "{told}");
    }

    #[test]
    fn what_never_passes_is_not_in_the_catalogue() {
        let names = [
            "Range",
            "If-None-Match",
            "Authorization",
            "Accept-Language",
            "X-Forwarded-For",
        ];
        let parameters = names.map(|name| {
            format!("\n        - {{name: {name}, in: header, schema: {{type: string}}}}")
        });
        let path = "- {name: pet_id, in: path, required: true, schema: {type: string}}";
        let more = format!(
            "{path}{}\n        - {{name: X-Shelf, in: header, schema: {{type: string}}}}",
            parameters.concat()
        );
        let statuses = ["'206'", "'304'", "'416'", "'103'"]
            .map(|status| format!("{status}: {{description: x}}\n        "));
        let document = DOCUMENT
            .replace(path, &more)
            .replace("'200':", &format!("{}'200':", statuses.concat()));
        let catalogue = load(&document, OVERLAY).unwrap();
        let operation = &catalogue.operations[0];
        let names: Vec<_> = operation.parameters.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["pet_id", "x-shelf"]);
        let statuses: Vec<_> = operation.answers.iter().map(|one| one.status).collect();
        assert_eq!(statuses, [200]);
    }

    #[test]
    fn the_servers_of_a_document_are_names_of_its_core() {
        let servers = "servers: [{url: 'https://API.zoo.example/v1'}, {url: /v1}, {url: 'https://{region}.zoo.example/v1'}]\npaths:";
        let below = "  /pets/{pet_id}:\n    servers: [{url: 'http://pets.zoo.example:81'}]\n    get:\n      servers: [{url: 'http://10.0.0.5'}]";
        let document = DOCUMENT
            .replace("paths:", servers)
            .replace("  /pets/{pet_id}:\n    get:", below);
        let catalogue = load(&document, OVERLAY).unwrap();
        let names: Vec<_> = catalogue
            .servers()
            .iter()
            .map(|(_, name)| &**name)
            .collect();
        assert_eq!(
            names,
            ["10.0.0.5", "api.zoo.example", "pets.zoo.example:81"]
        );
    }
}
