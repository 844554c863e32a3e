//! The JSON Schema of an overlay, `catalogue/<service>.overlay.yaml`, for editors. Whether a target is in
//! the document, and whether a key has an effect there, only checking tells.

use serde_json::{Map, Value, json};

use super::super::reading::{KEYS, PARTIAL_CHARACTERS_MAX, PREFIX, STREET};
use super::super::refusal_form::Told;
use super::super::refusal_forms::MEMBERS_MAX;
use super::super::roles::ROLES;
use crate::source::schema::{boolean, file, list, mapping, one_of, set, text};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, ResourceKind};

/// The schema.
pub fn schema() -> Value {
    let version = json!({
        "type": "string",
        "description": "The version of the Overlay Specification.",
        "pattern": "^1\\.0\\.\\d+$",
    });
    let action = mapping(
        "One addition to the document.",
        [
            ("description", text("What for.")),
            (
                "target!",
                text("JSONPath of what is added to; it must match something."),
            ),
            (
                "update!",
                json!({"description": "What is added.", "$ref": "#/$defs/part"}),
            ),
        ],
    );
    let mut overlay = file(
        "The overlay of one service",
        mapping(
            "What every piece of a service's OpenAPI document is. A field without a category is never released; an operation without a channel does not exist.",
            [
                ("overlay!", version),
                (
                    "info!",
                    mapping(
                        "About the overlay.",
                        [
                            ("title!", text("Its title.")),
                            ("version!", text("Its version.")),
                        ],
                    ),
                ),
                (
                    "extends",
                    text("The document it is for; said for people, the file's name decides."),
                ),
                ("actions!", list("Additions, in order.", action)),
            ],
        ),
    );
    if let Value::Object(map) = &mut overlay {
        map.insert("$defs".to_owned(), json!({"part": part()}));
    }
    overlay
}

/// A part of the document: anything, but of our own keys only those there are.
fn part() -> Value {
    let ours: Map<String, Value> = KEYS
        .iter()
        .map(|key| (format!("{PREFIX}{key}"), value_of(key)))
        .collect();
    let names: Vec<&String> = ours.keys().collect();
    json!({
        "propertyNames": {"if": {"pattern": "^x-covenant-"}, "then": {"enum": names}},
        "properties": ours,
        "additionalProperties": {"$ref": "#/$defs/part"},
        "items": {"$ref": "#/$defs/part"},
    })
}

fn value_of(key: &str) -> Value {
    let things = || std::iter::once("customer").chain(ResourceKind::ALL.map(ResourceKind::word));
    match key {
        "alternative" => text("Of an operation: what a refused partner can do instead."),
        "channel" => one_of(
            "Of an operation: what kind of way out it is.",
            Channel::ALL.map(Channel::word),
        ),
        "creates" => one_of(
            "Of an operation: what a successful call brings into being.",
            things(),
        ),
        "customer-key" => {
            boolean("Of a text or whole number: the id of the customer to whom the record belongs.")
        }
        "data-category" => one_of(
            "What a field holds; without it, the field is never released.",
            Category::all().map(Category::key),
        ),
        "data-subject" => one_of(
            "Whom it is about, and all below it.",
            ["customer", "recipient"],
        ),
        "data-uses" => set(
            "Of an operation: the only uses for which it may be called.",
            one_of("A fideslang data use.", Purpose::all().map(Purpose::key)),
        ),
        "empty" => json!({"description": "What stands in a required field when it is withheld."}),
        "group" => boolean("Of an object in a list: figures over one group of customers."),
        "group-size" => boolean(
            "Of a whole number: how many different customers the group is; outside of groups, all together.",
        ),
        "operational" => set(
            "Beside the role `use-type`: the values that are no marketing use, instead of `operational`.",
            text("A value, as it is sent."),
        ),
        "link" => link(),
        "partial" => partial(),
        "record" => boolean("Of an object: each belongs to one customer."),
        "refusal" => refusal(),
        "resource-id" => one_of(
            "Of a text or whole number: the id of a thing that belongs to the customer.",
            ResourceKind::ALL.map(ResourceKind::word),
        ),
        "role" => one_of(
            "Of a parameter, or of a member of a request: what it decides.",
            ROLES,
        ),
        _ => json!({}),
    }
}

fn link() -> Value {
    let mediated = mapping(
        "To an operation, with the id of what the record is about.",
        [("to!", text("The operation's id."))],
    );
    json!({
        "description": "Of a text, or of a header `Location` or `Link`: where a link leads once it leaves.",
        "anyOf": [
            one_of("What becomes of it.", ["foreign", "remove", "rewrite"]),
            mediated,
        ],
    })
}

fn refusal() -> Value {
    let told = one_of(
        "A member of the problem document.",
        Told::ALL.map(Told::word),
    );
    let leaf = json!({"anyOf": [told, {"type": "integer"}]});
    // Four levels: as deep as the reader goes.
    let level = |below: Value| {
        json!({
            "type": "object",
            "minProperties": 1,
            "maxProperties": MEMBERS_MAX,
            "additionalProperties": below,
        })
    };
    let deeper = |below: Value| json!({"anyOf": [leaf.clone(), level(below)]});
    let form = level(deeper(deeper(deeper(leaf.clone()))));
    json!({
        "description": "Of an operation: how its refusals are written, for clients that know no problem documents.",
        "anyOf": [
            mapping("In JSON.", [("json!", form.clone())]),
            mapping("In XML: one outermost element.", [("xml!", form)]),
        ],
    })
}

fn partial() -> Value {
    let count = |description: &str| json!({"type": "integer", "description": description, "minimum": 1, "maximum": PARTIAL_CHARACTERS_MAX});
    let mut characters = mapping(
        "Which characters stay.",
        [
            ("first", count("The first so many.")),
            ("last", count("The last so many.")),
        ],
    );
    if let Value::Object(map) = &mut characters {
        map.insert("minProperties".to_owned(), json!(1));
        map.insert("maxProperties".to_owned(), json!(1));
    }
    let street = one_of(
        "The words of a street stay, the numbers of houses do not.",
        [STREET],
    );
    json!({
        "description": "Of a text: what stays of it in its partial form.",
        "anyOf": [characters, street],
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::document::Part;
    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::source::schema::testing::{keys, misfits};
    use crate::source::{asked, read_yaml};

    const SHIPPED: &str = include_str!("../../../policies/catalogue/mailing.overlay.yaml");

    fn value(text: &str) -> Value {
        let source = Source::new("a.overlay.yaml", text);
        read_yaml(&source, &mut Mistakes::new()).unwrap().to_value()
    }

    #[test]
    fn the_shipped_overlay_satisfies_the_schema_and_a_misspelt_word_does_not() {
        assert_eq!(misfits(&schema(), &value(SHIPPED)), Vec::<String>::new());
        for (from, to) in [
            ("overlay: 1.0.0", "overlay: 2.0.0"),
            ("x-covenant-channel: list", "x-covenant-chanel: list"),
            ("x-covenant-channel: list", "x-covenant-channel: lists"),
            ("user.contact.email", "user.contact.emial"),
            ("x-covenant-role: page-size", "x-covenant-role: page_size"),
            ("{first: 2}", "{first: 17}"),
            ("{first: 2}", "{first: 2, last: 2}"),
            ("{first: 2}", "streets"),
            ("x-covenant-record: true", "x-covenant-record: yes please"),
            ("x-covenant-link: rewrite", "x-covenant-link: rewritten"),
            ("{to: getDocument}", "{too: getDocument}"),
            ("- target:", "- taget:"),
        ] {
            assert!(SHIPPED.contains(from), "{from}");
            let changed = value(&SHIPPED.replacen(from, to, 1));
            assert_ne!(misfits(&schema(), &changed), Vec::<String>::new(), "{to}");
        }
    }

    #[test]
    fn the_reader_and_the_schema_know_the_same_keys() {
        let text = "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nextends: a\nactions: [{description: d, target: $, update: {}}]\n";
        let read = || {
            let source = Source::new("a.overlay.yaml", text);
            let mut mistakes = Mistakes::new();
            let node = read_yaml(&source, &mut mistakes).unwrap();
            let mut document = Part::new(&Arc::clone(&source), &node);
            super::super::apply(&mut document, &source, &node, &mut mistakes);
            mistakes.len()
        };
        let (mistakes, asked) = asked::during(read);
        assert_eq!(mistakes, 0);
        let mut schema = schema();
        schema.as_object_mut().unwrap().remove("$defs");
        assert_eq!(keys(&schema, &[]), asked);
    }

    #[test]
    fn every_key_of_ours_is_described() {
        for key in KEYS {
            assert!(value_of(key).get("description").is_some(), "{key}");
        }
    }
}
