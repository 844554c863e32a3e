//! The words of OpenAPI 3.0 and 3.1 and of JSON Schema 2020-12, in the places that are read: a key or
//! value that is nearly one of them is a mistake, another unknown one a remark, as it may be an older
//! or newer word. References that lead nowhere are mistakes. `x-…` keys are not looked at here, and
//! what a word means is not either.

use super::document::{Content, Entry, Part};
use super::format;
use super::reading::Reading;
use crate::mistakes::nearest;
use crate::source::Value;

/// What stands at a part of the document.
#[derive(Clone, Copy)]
enum Object {
    Document,
    Info,
    Components,
    PathItem,
    Operation,
    Parameter,
    RequestBody,
    Response,
    MediaType,
    Schema,
    Xml,
}

/// What stands below a key.
enum Below {
    /// Nothing that is read.
    Other,
    /// One object.
    One(Object),
    /// A list of them.
    List(Object),
    /// A mapping of names to them.
    Map(Object),
}

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];
/// Keys of which one says `true` or `false`; `required` does so of all but schemas.
const FLAGS: [&str; 10] = [
    "allowEmptyValue",
    "allowReserved",
    "attribute",
    "deprecated",
    "explode",
    "nullable",
    "readOnly",
    "uniqueItems",
    "wrapped",
    "writeOnly",
];
/// Keys of which one says a number; of the exclusive ones, 3.0 says `true` or `false`.
const NUMBERS: [&str; 13] = [
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
];
const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];
const PLACES: [&str; 4] = ["cookie", "header", "path", "query"];
/// Media types of interfaces like these; a name near one of them was probably meant to be it.
const MEDIA_TYPES: [&str; 13] = [
    "application/json",
    "application/jsonl",
    "application/ndjson",
    "application/octet-stream",
    "application/pdf",
    "application/problem+json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "application/xml",
    "multipart/form-data",
    "text/csv",
    "text/html",
    "text/plain",
];

#[rustfmt::skip]
const SCHEMA: [&str; 67] = [
    "$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor",
    "$recursiveRef", "$ref", "$schema", "$vocabulary", "additionalItems", "additionalProperties",
    "allOf", "anyOf", "const", "contains", "contentEncoding", "contentMediaType", "contentSchema",
    "default", "definitions", "dependencies", "dependentRequired", "dependentSchemas", "deprecated",
    "description", "discriminator", "else", "enum", "example", "examples", "exclusiveMaximum",
    "exclusiveMinimum", "externalDocs", "format", "if", "items", "maxContains", "maxItems",
    "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength",
    "minProperties", "minimum", "multipleOf", "not", "nullable", "oneOf", "pattern",
    "patternProperties", "prefixItems", "properties", "propertyNames", "readOnly", "required",
    "then", "title", "type", "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
    "writeOnly", "xml",
];

impl Object {
    /// What it is called in messages.
    fn name(self) -> &'static str {
        match self {
            Self::Document => "an OpenAPI document",
            Self::Info => "`info`",
            Self::Components => "`components`",
            Self::PathItem => "a path",
            Self::Operation => "an operation",
            Self::Parameter => "a parameter",
            Self::RequestBody => "a request body",
            Self::Response => "a response",
            Self::MediaType => "a media type",
            Self::Schema => "a schema",
            Self::Xml => "`xml`",
        }
    }

    #[rustfmt::skip]
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Document => &[
                "openapi", "info", "jsonSchemaDialect", "servers", "paths", "webhooks", "components",
                "security", "tags", "externalDocs",
            ],
            Self::Info => &[
                "title", "summary", "description", "termsOfService", "contact", "license", "version",
            ],
            Self::Components => &[
                "schemas", "responses", "parameters", "examples", "requestBodies", "headers",
                "securitySchemes", "links", "callbacks", "pathItems",
            ],
            Self::PathItem => &[
                "$ref", "summary", "description", "servers", "parameters", "get", "put", "post",
                "delete", "options", "head", "patch", "trace",
            ],
            Self::Operation => &[
                "tags", "summary", "description", "externalDocs", "operationId", "parameters",
                "requestBody", "responses", "callbacks", "deprecated", "security", "servers",
            ],
            Self::Parameter => &[
                "$ref", "summary", "name", "in", "description", "required", "deprecated",
                "allowEmptyValue", "style", "explode", "allowReserved", "schema", "example",
                "examples", "content",
            ],
            Self::RequestBody => &["$ref", "summary", "description", "content", "required"],
            Self::Response => &["$ref", "summary", "description", "headers", "content", "links"],
            Self::MediaType => &["schema", "example", "examples", "encoding"],
            Self::Schema => &SCHEMA,
            Self::Xml => &["name", "namespace", "prefix", "attribute", "wrapped"],
        }
    }

    fn below(self, key: &str) -> Below {
        match (self, key) {
            (Self::Document, "info") => Below::One(Self::Info),
            (Self::Document, "paths" | "webhooks") | (Self::Components, "pathItems") => {
                Below::Map(Self::PathItem)
            }
            (Self::Document, "components") => Below::One(Self::Components),
            (Self::Components, "schemas") => Below::Map(Self::Schema),
            (Self::Components | Self::Operation, "responses") => Below::Map(Self::Response),
            (Self::Components, "requestBodies") => Below::Map(Self::RequestBody),
            (Self::Components, "parameters" | "headers") | (Self::Response, "headers") => {
                Below::Map(Self::Parameter)
            }
            (Self::PathItem, method) if METHODS.contains(&method) => Below::One(Self::Operation),
            (Self::PathItem | Self::Operation, "parameters") => Below::List(Self::Parameter),
            (Self::Operation, "requestBody") => Below::One(Self::RequestBody),
            (Self::Parameter | Self::RequestBody | Self::Response, "content") => {
                Below::Map(Self::MediaType)
            }
            (Self::Parameter | Self::MediaType, "schema") => Below::One(Self::Schema),
            (
                Self::Schema,
                "items"
                | "additionalProperties"
                | "additionalItems"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties",
            ) => Below::One(Self::Schema),
            (Self::Schema, "xml") => Below::One(Self::Xml),
            (Self::Schema, "allOf" | "anyOf" | "oneOf" | "prefixItems") => {
                Below::List(Self::Schema)
            }
            (
                Self::Schema,
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
            ) => Below::Map(Self::Schema),
            _ => Below::Other,
        }
    }
}

/// Checks every word of the document.
pub(super) fn check(reading: &mut Reading<'_>) {
    let mut open = vec![(reading.root(), Object::Document)];
    while let Some((part, object)) = open.pop() {
        for entry in part.entries() {
            check_key(reading, object, entry);
            check_value(reading, object, entry);
            match object.below(&entry.name) {
                Below::Other => {}
                Below::One(below) => open.push((&entry.part, below)),
                Below::List(below) => {
                    open.extend(entry.part.items().iter().map(|item| (item, below)));
                }
                Below::Map(below) => {
                    let named = entry.part.entries().iter();
                    let named = named.filter(|one| !one.name.starts_with("x-"));
                    open.extend(named.map(|one| (&one.part, below)));
                }
            }
        }
    }
}

fn check_key(reading: &mut Reading<'_>, object: Object, entry: &Entry) {
    let name = entry.name.as_str();
    if object.keys().contains(&name) || name.starts_with("x-") {
        return;
    }
    let message = format!("`{name}` is no key of {}", object.name());
    let keys = object.keys().iter().copied();
    if nearest(name, keys.clone()).is_some() {
        reading.unknown(&entry.place, message, name, keys);
    } else {
        reading.remark(&entry.place, format!("{message} that is known here"));
    }
}

fn check_value<'a>(reading: &mut Reading<'a>, object: Object, entry: &'a Entry) {
    let (name, part) = (entry.name.as_str(), &entry.part);
    match (object, name) {
        (_, "$ref") => check_reference(reading, part),
        (Object::Schema, "type") => check_type(reading, part),
        (Object::Schema, "format") => check_format(reading, part),
        (Object::Schema, "additionalProperties" | "items") if part.scalar().is_some() => {
            check_flag(reading, part);
        }
        (Object::Schema, number) if NUMBERS.contains(&number) => {
            let value = part.scalar().map(|node| &node.value);
            let of_3_0 = number.starts_with("exclusive") && part.boolean().is_some();
            if !of_3_0 && !matches!(value, Some(Value::Integer(_) | Value::Float(_))) {
                reading.mistake(&part.place, format!("`{number}` must be a number"));
            }
        }
        (Object::Parameter, "in") => {
            reading.word(part, &PLACES);
        }
        (Object::Parameter | Object::RequestBody, "required") => check_flag(reading, part),
        (_, flag) if FLAGS.contains(&flag) => check_flag(reading, part),
        (Object::Operation, "responses") => check_statuses(reading, part),
        (Object::RequestBody | Object::Response, "content") => check_media_types(reading, part),
        _ => {}
    }
}

fn check_flag(reading: &mut Reading<'_>, part: &Part) {
    if part.boolean().is_none() {
        reading.mistake(&part.place, "this must be true or false");
    }
}

fn check_reference<'a>(reading: &mut Reading<'a>, part: &'a Part) {
    // A reference into another file is legal; it is a mistake where it would be followed.
    if part.text().is_some_and(|text| text.starts_with('#'))
        && let Err(unusable) = reading.follow(part)
    {
        reading.mistake(&unusable.place, unusable.reason);
    }
}

fn check_type(reading: &mut Reading<'_>, part: &Part) {
    let types = match &part.content {
        Content::List(items) => items.as_slice(),
        _ => std::slice::from_ref(part),
    };
    for part in types {
        let word = part.text().unwrap_or_default();
        if !TYPES.contains(&word) {
            let message = format!("`{word}` is no type; there are {}", TYPES.join(", "));
            reading.unknown(&part.place, message, word, TYPES);
        }
    }
}

/// Formats of one's own are legal; what is nearly one that has a name is not meant to be one.
fn check_format(reading: &mut Reading<'_>, part: &Part) {
    let word = part.text().unwrap_or_default();
    let known = format::KNOWN;
    if !known.contains(&word) && nearest(word, known).is_some() {
        let message = format!("`{word}` is no format that is known");
        reading.unknown(&part.place, message, word, known);
    }
}

fn check_statuses(reading: &mut Reading<'_>, part: &Part) {
    let is_status = |name: &str| {
        let mut bytes = name.bytes();
        let class = bytes.next().is_some_and(|byte| matches!(byte, b'1'..=b'5'));
        let rest: Vec<u8> = bytes.collect();
        class && (rest == *b"XX" || (rest.len() == 2 && rest.iter().all(u8::is_ascii_digit)))
    };
    for entry in part.entries() {
        let name = entry.name.as_str();
        if name != "default" && !name.starts_with("x-") && !is_status(name) {
            let message = format!("`{name}` is no status, as in `200`, `4XX` or `default`");
            reading.unknown(&entry.place, message, name, ["default"]);
        }
    }
}

fn check_media_types(reading: &mut Reading<'_>, part: &Part) {
    for entry in part.entries() {
        let name = super::answers::media_type(entry);
        if MEDIA_TYPES.contains(&name.as_str()) {
            continue;
        }
        if let Some(nearest) = nearest(&name, MEDIA_TYPES) {
            let message = format!(
                "`{name}` is a media type that nothing here reads; should it be `{nearest}`?"
            );
            reading.remark(&entry.place, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_that_is_read_is_not_remarked() {
        use super::super::tests::{DOCUMENT, OVERLAY, remarks};
        let of = |media_type: &str| {
            let document = DOCUMENT.replace("application/json:", &format!("{media_type}:"));
            remarks(&document, OVERLAY).concat()
        };
        for known in super::super::answers::JSON_LINES {
            assert!(!of(known).contains("nothing here reads"), "{known}");
        }
        assert!(of("application/x-ndjsn").contains("nothing here reads"));
    }

    #[test]
    fn no_word_of_an_object_is_there_twice() {
        for keys in [
            Object::Document.keys(),
            &SCHEMA,
            &format::KNOWN,
            &MEDIA_TYPES,
        ] {
            let all: std::collections::BTreeSet<_> = keys.iter().collect();
            assert_eq!(all.len(), keys.len());
        }
    }
}
