//! What is read in XML, in CSV, and under names that the document does not list.

use super::*;
use crate::catalogue::operation::Format;

/// A document whose one answer has this content.
fn with_content(content: &str) -> String {
    let json =
        "            application/json:\n              schema: {$ref: '#/components/schemas/Pet'}\n";
    assert!(DOCUMENT.contains(json));
    DOCUMENT.replace(json, content)
}

fn content(media_type: &str, schema: &str) -> String {
    with_content(&format!(
        "            {media_type}:\n              schema: {schema}\n"
    ))
}

const PET: &str = "{$ref: '#/components/schemas/Pet'}";

fn answered(document: &str) -> (Option<Format>, String) {
    let catalogue = load(document, OVERLAY).unwrap();
    match &catalogue.operation("getPet").unwrap().answers[0].body {
        Body::Data {
            format, media_type, ..
        } => (Some(*format), media_type.to_string()),
        Body::Uninspectable { media_type } => (None, media_type.to_string()),
        other => panic!("{other:?}"),
    }
}

/// How the members of a shape are written, from the outermost in.
fn written(shape: &Shape) -> Vec<String> {
    let mut written = Vec::new();
    let mut open = vec![&shape.root];
    while let Some(node) = open.pop() {
        match node {
            Node::Scalar(_) => {}
            Node::Array(item) => open.push(item),
            Node::Object(object) => {
                for member in &object.members {
                    written.push(String::from_utf8(member.encoded.to_vec()).unwrap());
                    open.push(&member.node);
                }
            }
        }
    }
    written
}

/// The small document with this answer in XML; properties are given as lines.
fn xml(properties: &str) -> Result<Catalogue, Vec<String>> {
    let document = content("application/xml", PET);
    let names = "        name: {type: string}\n";
    assert!(document.contains(names));
    load(&document.replace(names, properties), OVERLAY)
}

#[test]
fn the_format_is_that_of_the_media_type_and_json_comes_first() {
    for (media_type, format) in [
        ("application/json", Some(Format::Json)),
        ("application/vnd.zoo+json", Some(Format::Json)),
        ("application/xml", Some(Format::Xml)),
        ("text/xml; charset=utf-8", Some(Format::Xml)),
        ("application/vnd.zoo+xml", Some(Format::Xml)),
        ("application/pdf", None),
    ] {
        let document = content(&format!("'{media_type}'"), PET);
        let essence = media_type.split(';').next().unwrap().to_owned();
        let overlay = OVERLAY;
        if format.is_some() {
            assert_eq!(answered(&document), (format, essence));
        } else {
            // Nothing is asked of a schema that nobody reads.
            assert!(load(&document, overlay).is_err());
        }
    }
    let both = with_content(&format!(
        "            application/xml: {{schema: {PET}}}\n            application/vnd.zoo+json: {{schema: \
         {PET}}}\n            application/json: {{schema: {PET}}}\n"
    ));
    assert_eq!(
        answered(&both),
        (Some(Format::Json), "application/json".to_owned())
    );
    let catalogue = load(
        &content("text/csv", "{type: string}"),
        &OVERLAY[..OVERLAY.find("  - target: $.components").unwrap()],
    );
    let catalogue = catalogue.unwrap();
    let body = &catalogue.operation("getPet").unwrap().answers[0].body;
    assert!(matches!(body, Body::Uninspectable { .. }), "{body:?}");
}

#[test]
fn elements_and_attributes_are_called_as_their_schemas_say() {
    let catalogue = xml(
        "        name: {type: string, xml: {name: First_name}}\n        \
         kind: {type: string, xml: {attribute: true, name: Kind}}\n        \
         zip: {type: string, xml: {prefix: z, namespace: 'urn:z'}}\n        \
         tags: {type: array, items: {type: string, xml: {name: Tag}}}\n        \
         kids: {type: array, xml: {wrapped: true, name: Kids}, items: {type: string, xml: {name: Kid}}}\n",
    );
    let catalogue = catalogue.unwrap();
    let shape = shape(&catalogue, "getPet");
    assert_eq!(
        written(shape),
        [
            "<Pet>",
            " Kind=\"",
            "<First_name>",
            "<Kids>",
            "<Tag>",
            "<id>",
            "<owner>",
            "<z:zip>",
            "<Kid>",
        ]
    );
    let Node::Object(document) = &shape.root else {
        panic!("a document is an object")
    };
    assert_eq!(document.namespaces.len(), 1);
    assert_eq!(&*document.namespaces[0].uri, "urn:z");
    let Node::Object(pet) = &document.members[0].node else {
        panic!("an element with elements")
    };
    assert_eq!((pet.attributes, pet.record), (1, true));
    assert_eq!(&*field(&catalogue, "getPet", "$.kids[*]").path, "$.kids[*]");
}

#[test]
fn what_has_no_name_in_xml_is_left_out_or_a_mistake() {
    for (property, path) in [
        ("'last name': {type: string}", "$['last name']"),
        ("x: {type: string, xml: {name: '1x'}}", "$.x"),
        ("x: {type: string, xml: {prefix: xml}}", "$.x"),
        ("x: {type: string, xml: {namespace: 'urn:x'}}", "$.x"),
        (
            "x: {type: object, properties: {y: {type: string}}, xml: {attribute: true}}",
            "$.x",
        ),
        (
            "x: {type: array, items: {type: string, xml: {attribute: true}}}",
            "$.x",
        ),
    ] {
        let properties = format!("        name: {{type: string}}\n        {property}\n");
        let catalogue = xml(&properties).unwrap();
        let left_out = catalogue.unclassified();
        assert!(
            left_out.iter().any(|(_, one)| **one == *path),
            "{path}: {left_out:?}"
        );
        assert!(
            shape(&catalogue, "getPet")
                .fields
                .iter()
                .all(|one| &*one.path != path)
        );
    }
    let wrong = |properties: &str| {
        let all = format!("        name: {{type: string}}\n        {properties}\n");
        xml(&all).unwrap_err().join("\n")
    };
    let twice = wrong("x: {type: string, xml: {name: name}}");
    assert!(
        twice.contains("two properties are both called `name` in XML"),
        "{twice}"
    );
    let nowhere = wrong("x: {type: string, xml: {prefix: p}}");
    assert!(
        nowhere.contains("which namespace the prefix `p` stands for"),
        "{nowhere}"
    );
    let nearly = wrong("x: {type: string, xml: {nmae: y}}");
    assert!(nearly.contains("`nmae` is no key of `xml`"), "{nearly}");
    let two = "x: {type: string, xml: {prefix: p, namespace: 'urn:1'}}\n        \
               y: {type: string, xml: {prefix: p, namespace: 'urn:2'}}";
    let all = format!("        name: {{type: string}}\n        {two}\n");
    let left_out = xml(&all).unwrap().unclassified();
    assert!(
        left_out.iter().any(|(_, one)| &**one == "$.y"),
        "{left_out:?}"
    );
}

#[test]
fn a_csv_answer_is_a_list_of_flat_objects() {
    let rows = "{type: array, items: {$ref: '#/components/schemas/Pet'}}";
    let document = content("text/csv", rows);
    assert_eq!(
        answered(&document),
        (Some(Format::Csv), "text/csv".to_owned())
    );
    let nested = document.replace(
        "name: {type: string}\n",
        "name: {type: string}\n        deep: {type: object, properties: {x: {type: string}}}\n",
    );
    let left_out = load(&nested, OVERLAY).unwrap().unclassified();
    assert!(
        left_out.iter().any(|(_, one)| &**one == "$[*].deep"),
        "{left_out:?}"
    );
    let alone = load(&content("text/csv", PET), OVERLAY)
        .unwrap_err()
        .join("\n");
    assert!(
        alone.contains("a CSV answer is a list of objects"),
        "{alone}"
    );
}

#[test]
fn members_of_any_name_are_one_field_where_an_overlay_says_what_they_are() {
    let other = "additionalProperties: {type: string, maxLength: 9}";
    let document = DOCUMENT.replace(
        "      properties:\n",
        &format!("      {other}\n      properties:\n"),
    );
    let overlay = |key: &str| {
        format!(
            "{OVERLAY}  - target: $.components.schemas.Pet.additionalProperties\n    update: {{{key}}}\n"
        )
    };
    let category = "x-covenant-data-category: user.content.private";
    let catalogue = load(&document, &overlay(category)).unwrap();
    let Node::Object(pet) = &shape(&catalogue, "getPet").root else {
        panic!("a pet is an object")
    };
    assert!(pet.others.is_some());
    let field = field(&catalogue, "getPet", "$.*");
    assert_eq!(field.category, Category::parse("user.content.private"));
    assert!(!field.check.admits("ten letters"));
    let without = load(&document, OVERLAY).unwrap();
    assert!(
        shape(&without, "getPet")
            .fields
            .iter()
            .all(|one| &*one.path != "$.*")
    );
    // A name leaves whole or not at all, and is nobody's id.
    for key in [
        "partial: {last: 2}",
        "empty: ''",
        "customer-key: true",
        "resource-id: job",
    ] {
        let wrong = load(
            &document,
            &overlay(&format!("{category}, x-covenant-{key}")),
        );
        let wrong = wrong.unwrap_err().join("\n");
        assert!(wrong.contains("has no effect here"), "{wrong}");
    }
    let objects = document.replace(
        other,
        "additionalProperties: {type: object, properties: {x: {type: string}}}",
    );
    let wrong = load(&objects, &overlay(category)).unwrap_err().join("\n");
    assert!(wrong.contains("has no effect here"), "{wrong}");
}

#[test]
fn what_a_filter_reads_member_by_member_never_passes_unopened() {
    let document = |media_type: &str, schema: &str| content(media_type, schema);
    let overlay = "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n  - target: \
                   $.paths['/pets/{pet_id}'].get\n    update: {x-covenant-channel: document}\n  - target: \
                   $.paths.*.get.responses.*.content.*\n    update: {x-covenant-data-category: \
                   user.content.private}\n  - target: $.components.schemas.Pet.properties.name\n    \
                   update: {x-covenant-data-category: user.name}\n";
    let rows = "{type: array, items: {$ref: '#/components/schemas/Pet'}}";
    let either = "{oneOf: [{$ref: '#/components/schemas/Pet'}, {type: string}]}";
    for (media_type, schema) in [
        ("application/xml", PET),
        ("text/xml; charset=utf-8", PET),
        ("application/vnd.zoo+xml", PET),
        ("application/vnd.zoo+json", PET),
        ("application/x-ndjson", PET),
        ("text/csv", rows),
        ("application/xml", either),
        ("application/xml", "{type: object}"),
        ("application/xml", "{type: [string, object]}"),
    ] {
        let wrong = load(&document(media_type, schema), overlay).unwrap_err();
        assert_eq!(wrong.len(), 1, "{media_type} {schema}: {wrong:?}");
        assert!(
            wrong[0].contains("as a whole everything in it would leave"),
            "{wrong:?}"
        );
    }
    let (overlay, _) = overlay.split_once("  - target: $.components").unwrap();
    for (media_type, schema) in [
        ("application/xml", "{type: string}"),
        ("application/xml", "{type: string, format: binary}"),
        ("text/csv", "{}"),
        ("application/pdf", PET),
    ] {
        let catalogue = load(&document(media_type, schema), overlay).unwrap();
        let body = &catalogue.operation("getPet").unwrap().answers[0].body;
        assert!(
            matches!(body, Body::Document { .. }),
            "{media_type} {schema}: {body:?}"
        );
    }
}
