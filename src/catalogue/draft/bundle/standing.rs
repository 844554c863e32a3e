//! What a reference stands for, told from where it stands: a schema, a parameter, an answer, or a part of
//! the document that has no place among its components.

/// Keys under which names stand, not keywords; what stands below each is a component of this section.
/// What has no section is put in place of its reference.
const NAMES: [(&str, Option<&str>); 15] = [
    ("properties", Some("schemas")),
    ("patternProperties", Some("schemas")),
    ("schemas", Some("schemas")),
    ("$defs", Some("schemas")),
    ("definitions", Some("schemas")),
    ("responses", Some("responses")),
    ("parameters", Some("parameters")),
    ("requestBodies", Some("requestBodies")),
    ("examples", Some("examples")),
    ("headers", Some("headers")),
    ("links", Some("links")),
    ("callbacks", Some("callbacks")),
    ("securitySchemes", Some("securitySchemes")),
    ("paths", None),
    ("webhooks", None),
];
/// Keywords whose value is a schema, or a list of schemas.
const SCHEMAS: [&str; 14] = [
    "schema",
    "items",
    "additionalProperties",
    "allOf",
    "oneOf",
    "anyOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "prefixItems",
    "propertyNames",
    "unevaluatedProperties",
];
/// Where a node stands: under which key, and below which key that stands.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) key: &'a str,
    pub(super) above: &'a str,
    pub(super) inlines: usize,
}

impl<'a> Standing<'a> {
    pub(super) fn below(self, key: &'a str) -> Self {
        Self {
            key,
            above: self.key,
            inlines: self.inlines,
        }
    }

    /// The section of the components for what is referred to from here.
    pub(super) fn section(self) -> Option<&'static str> {
        let names = NAMES.iter().find(|(key, _)| *key == self.above);
        if let Some((_, section)) = names {
            return *section;
        }
        let is_schema = SCHEMAS.contains(&self.key) || SCHEMAS.contains(&self.above);
        let request = self.key == "requestBody";
        match (is_schema, request) {
            (true, _) => Some("schemas"),
            (_, true) => Some("requestBodies"),
            _ => None,
        }
    }

    pub(super) fn holds_names(self) -> bool {
        NAMES.iter().any(|(key, _)| *key == self.key)
            && !NAMES.iter().any(|(key, _)| *key == self.above)
    }
}
