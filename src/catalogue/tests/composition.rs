//! What is said in several places: parts that all hold (`allOf`), and alternatives (`oneOf`, `anyOf`).

use super::*;

/// The small document whose pet has more members, or more components.
fn document(members: &str, components: &str) -> String {
    let name = "        name: {type: string}\n";
    let more = format!("{name}        {members}\n{components}");
    DOCUMENT.replace(name, &more)
}

/// Says this of members of the pet, or of whatever a path leads to.
fn overlay(actions: &[(&str, &str)]) -> String {
    let action = |(target, update): &(&str, &str)| {
        format!("  - target: $.components.schemas.{target}\n    update: {{{update}}}\n")
    };
    format!(
        "{OVERLAY}{}",
        actions.iter().map(action).collect::<String>()
    )
}

const CATEGORY: &str = "x-covenant-data-category: system.operations";

/// The field of a pet's member `x` that is described so, with a category.
fn member(schema: &str) -> Result<Field, Vec<String>> {
    let one = format!("    Part:\n      type: object\n      properties:\n        x: {schema}\n");
    let pet = "    Pet:\n      type: object\n";
    let around = format!("{one}    Pet:\n      allOf: [{{$ref: '#/components/schemas/Part'}}]\n");
    let catalogue = load(
        &DOCUMENT.replace(pet, &around),
        &overlay(&[("Part.properties.x", CATEGORY)]),
    )?;
    let found = shape(&catalogue, "getPet")
        .fields
        .iter()
        .find(|one| &*one.path == "$.x");
    found.cloned().ok_or_else(|| vec!["left out".to_owned()])
}

/// The same where the member is described in two parts.
fn twice(one: &str, other: &str) -> Result<Field, Vec<String>> {
    let pet = "    Pet:\n      type: object\n";
    let part = |name: &str, schema: &str| {
        format!("    {name}:\n      type: object\n      properties:\n        x: {schema}\n")
    };
    let around = format!(
        "{}{}    Pet:\n      allOf: [{{$ref: '#/components/schemas/One'}}, {{$ref: '#/components/schemas/Other'}}]\n",
        part("One", one),
        part("Other", other)
    );
    let overlay = overlay(&[("One.properties.x", CATEGORY)]);
    let catalogue = load(&DOCUMENT.replace(pet, &around), &overlay)?;
    Ok(field(&catalogue, "getPet", "$.x").clone())
}

#[test]
fn a_mixin_of_an_object_and_of_one_within_it_is_no_circle() {
    let stamp = "    Stamp: {type: object, properties: {made: {type: string, format: date-time}}}\n    \
                 Address: {allOf: [{$ref: '#/components/schemas/Stamp'}, {type: object, properties: {city: {type: string}}}]}\n";
    let pet = "    Pet:\n      type: object\n";
    let around = "    Pet:\n      allOf: [{$ref: '#/components/schemas/Stamp'}]\n";
    let document = document("home: {$ref: '#/components/schemas/Address'}", stamp);
    let catalogue = load(&document.replace(pet, around), OVERLAY).unwrap();
    let paths: Vec<_> = shape(&catalogue, "getPet")
        .fields
        .iter()
        .map(|one| &*one.path)
        .collect();
    for path in ["$.made", "$.home.made", "$.home.city"] {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
}

#[test]
fn a_piece_that_holds_itself_is_a_circle_all_the_same() {
    for part in [
        "{type: object, properties: {next: {$ref: '#/components/schemas/Part'}}}",
        "{type: object, properties: {next: {allOf: [{$ref: '#/components/schemas/Part'}, {properties: {y: {type: string}}}]}}}",
        "{type: object, properties: {next: {oneOf: [{$ref: '#/components/schemas/Part'}, {$ref: '#/components/schemas/Other'}]}}}",
        "{type: object, properties: {next: {type: array, items: {$ref: '#/components/schemas/Pet'}}}}",
        "{oneOf: [{$ref: '#/components/schemas/Part'}, {$ref: '#/components/schemas/Part'}]}",
    ] {
        let parts = format!(
            "    Part: {part}\n    Other: {{type: object, properties: {{next: {{$ref: '#/components/schemas/Part'}}}}}}\n"
        );
        let optional = document("odd: {$ref: '#/components/schemas/Part'}", &parts);
        let catalogue = load(&optional, OVERLAY).unwrap();
        let left_out = catalogue.unclassified();
        assert!(
            left_out.iter().any(|(_, path)| path.starts_with("$.odd")),
            "{part}: {left_out:?}"
        );
        let required = optional.replace("[id, owner]", "[id, owner, odd]").replace(
            "{type: object, properties: {next",
            "{type: object, required: [next], properties: {next",
        );
        let wrong = load(&required, OVERLAY).unwrap_err();
        assert!(
            wrong[0].contains("is required and cannot be filtered"),
            "{wrong:?}"
        );
    }
}

#[test]
fn what_is_described_twice_is_narrowed_to_what_both_allow() {
    for (one, other, admitted, refused) in [
        (
            "{type: string, maxLength: 4}",
            "{type: string, maxLength: 4, description: it}",
            "abcd",
            "abcde",
        ),
        (
            "{type: string, maxLength: 4}",
            "{type: string, maxLength: 2}",
            "ab",
            "abc",
        ),
        (
            "{type: string, minLength: 1}",
            "{type: string, minLength: 3}",
            "abc",
            "ab",
        ),
        (
            "{type: string}",
            "{type: string, enum: [pet]}",
            "pet",
            "dog",
        ),
        (
            "{type: string, enum: [a, b]}",
            "{type: string, enum: [b, c]}",
            "b",
            "a",
        ),
        (
            "{type: string, enum: [a, b]}",
            "{type: string, const: b}",
            "b",
            "a",
        ),
        (
            "{type: string, format: email}",
            "{description: of the owner}",
            "a@b.example",
            "a",
        ),
        ("{type: string}", "{maxLength: 2}", "ab", "abc"),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let field = twice(one, other).unwrap();
            assert!(field.check.admits(admitted), "{one} {other}");
            assert!(!field.check.admits(refused), "{one} {other}");
        }
    }
    let number = twice(
        "{type: number, minimum: 2}",
        "{type: integer, minimum: 1, maximum: 9}",
    )
    .unwrap();
    assert_eq!(number.kind, ScalarKind::Integer);
    for (written, fits) in [("1", false), ("2", true), ("9", true), ("10", false)] {
        assert_eq!(number.check.admits_bare(written), fits, "{written}");
    }
}

#[test]
fn null_is_allowed_where_both_descriptions_allow_it() {
    let either = "{type: [string, 'null']}";
    for (one, other, nullable) in [
        (either, either, true),
        (either, "{type: string}", false),
        (either, "{type: string, nullable: true}", true),
        (
            "{anyOf: [{type: string, maxLength: 2}, {type: 'null'}]}",
            "{type: [string, 'null'], maxLength: 3}",
            true,
        ),
        (
            "{anyOf: [{type: string, maxLength: 2}, {type: 'null'}]}",
            "{type: string}",
            false,
        ),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            assert_eq!(
                twice(one, other).unwrap().nullable,
                nullable,
                "{one} {other}"
            );
        }
    }
    // As it is written in 3.0, beside a reference that does not say so.
    let beside = member("{allOf: [{type: string}], nullable: true}").unwrap();
    assert!(beside.nullable && beside.null_fits);
    let words = "{type: [string, 'null'], enum: [a, b, null]}";
    let both = twice(words, "{type: [string, 'null'], enum: [a, null]}").unwrap();
    assert!(both.nullable && both.null_fits && !both.check.admits("b"));
    let fixed = twice(words, "{type: [string, 'null'], enum: [a]}").unwrap();
    assert!(fixed.nullable && !fixed.null_fits);
}

#[test]
fn what_cannot_both_hold_is_a_mistake() {
    for (one, other) in [
        ("{type: string}", "{type: integer}"),
        ("{type: string, enum: [a]}", "{type: string, enum: [b]}"),
        ("{type: string, const: a}", "{type: string, const: b}"),
        ("{type: string, const: a}", "{type: string, enum: [b]}"),
        ("{type: string, pattern: a}", "{type: string, pattern: b}"),
        (
            "{type: string, format: date}",
            "{type: string, format: email}",
        ),
        (
            "{type: integer, minimum: 1, exclusiveMinimum: true}",
            "{type: integer, minimum: 2}",
        ),
        ("{type: string}", "{type: array, items: {type: string}}"),
        (
            "{type: string}",
            "{type: object, properties: {y: {type: string}}}",
        ),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let wrong = twice(one, other).unwrap_err();
            assert!(
                wrong[0].contains("cannot be filtered"),
                "{one} {other}: {wrong:?}"
            );
        }
    }
    // Nor may an overlay say one thing in one place and another in the other.
    let both = [
        ("One.properties.x", CATEGORY),
        ("Other.properties.x", "x-covenant-data-category: user.name"),
    ];
    let parts = "    One: {type: object, properties: {x: {type: string}}}\n    Other: {type: object, properties: {x: {type: string, maxLength: 2}}}\n";
    let document = document(
        "odd: {allOf: [{$ref: '#/components/schemas/One'}, {$ref: '#/components/schemas/Other'}]}",
        parts,
    );
    let document = document.replace("[id, owner]", "[id, owner, odd]");
    let wrong = load(&document, &overlay(&both)).unwrap_err();
    assert!(
        wrong[0].contains("`x-covenant-data-category` is given twice, and differently"),
        "{wrong:?}"
    );
    let same = both.map(|(target, _)| (target, CATEGORY));
    let catalogue = load(&document, &overlay(&same)).unwrap();
    assert!(field(&catalogue, "getPet", "$.odd.x").category.is_some());
}

#[test]
fn alternatives_that_only_require_members_are_no_alternatives() {
    let part = "    Part:\n      type: object\n      properties: {a: {type: string}, b: {type: string}}\n      \
                anyOf: [{required: [a]}, {required: [b], title: by b}]\n";
    let document = document("odd: {$ref: '#/components/schemas/Part'}", part);
    let catalogue = load(&document, OVERLAY).unwrap();
    assert!(!field(&catalogue, "getPet", "$.odd.a").required);
    let all = document.replace("[{required: [a]}", "[{required: [b, a]}");
    let catalogue = load(&all, OVERLAY).unwrap();
    assert!(!field(&catalogue, "getPet", "$.odd.a").required);
    assert!(field(&catalogue, "getPet", "$.odd.b").required);
}

#[test]
fn fixed_values_of_one_type_say_their_type() {
    for (schema, kind, nullable) in [
        ("{const: pet}", ScalarKind::String, false),
        ("{enum: [a, b, null]}", ScalarKind::String, true),
        ("{const: 7}", ScalarKind::Integer, false),
        ("{enum: [1, 2.5]}", ScalarKind::Number, false),
        ("{enum: [true]}", ScalarKind::Boolean, false),
    ] {
        let field = member(schema).unwrap();
        assert_eq!((field.kind, field.nullable), (kind, nullable), "{schema}");
    }
    assert!(member("{const: pet}").unwrap().check.admits("pet"));
    assert!(!member("{const: pet}").unwrap().check.admits("dog"));
    for schema in ["{enum: [a, 1]}", "{const: null}", "{enum: [a, true]}"] {
        assert!(member(schema).is_err(), "{schema}");
    }
}

/// Two objects that a member `odd` may be.
const CAT: &str = "    Cat: {type: object, required: [kind, name, toy], properties: {kind: {type: string, const: cat}, \
                   name: {type: string, maxLength: 9}, toy: {type: string}, size: {type: string}, litter: {type: string}}}\n";
const DOG: &str = "    Dog: {type: object, required: [kind, name], properties: {kind: {type: string, enum: [dog, wolf]}, \
                   name: {type: string, maxLength: 9, description: what it hears}, toy: {type: string}, size: {type: integer}, bone: {type: integer, maximum: 3}}}\n";
const EITHER: &str = "odd: {oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind}}";

#[test]
fn alternatives_of_objects_are_one_object_with_the_members_of_all() {
    let document = document(EITHER, &format!("{CAT}{DOG}"));
    let document = document.replace("[id, owner]", "[id, owner, odd]");
    let said = overlay(&[
        (
            "Cat.properties.kind",
            &format!("{CATEGORY}, x-covenant-empty: cat"),
        ),
        (
            "Dog.properties.kind",
            &format!("{CATEGORY}, x-covenant-empty: dog"),
        ),
        ("Dog.properties.name", "x-covenant-data-category: user.name"),
        ("Cat.properties.name", "x-covenant-data-category: user.name"),
        ("Dog.properties.bone", CATEGORY),
    ]);
    let catalogue = load(&document, &said).unwrap();
    let one = |path: &str| field(&catalogue, "getPet", path).clone();
    for word in ["cat", "dog", "wolf"] {
        assert!(one("$.odd.kind").check.admits(word), "{word}");
    }
    assert!(!one("$.odd.kind").check.admits("bird"));
    assert_eq!(empty(&one("$.odd.kind")), "\"cat\"");
    assert!(one("$.odd.kind").required && one("$.odd.name").required);
    assert!(!one("$.odd.toy").required && !one("$.odd.bone").required);
    assert_eq!(one("$.odd.name").category, Category::parse("user.name"));
    assert!(!one("$.odd.name").check.admits("longer than nine"));
    assert!(!one("$.odd.bone").check.admits_bare("4"));
    assert_eq!(one("$.odd.toy").category, None);
    // A member of which nobody knows what it is goes no further, and is told.
    let left_out = catalogue.unclassified();
    assert!(
        left_out.iter().any(|(_, path)| &**path == "$.odd.size"),
        "{left_out:?}"
    );
    let told = remarks(&document, &said);
    assert!(
        told.iter()
            .any(|one| one.starts_with("`size` is described differently")),
        "{told:?}"
    );
}

#[test]
fn what_an_overlay_says_of_one_alternative_it_says_of_all_that_have_the_member() {
    let document = document(EITHER, &format!("{CAT}{DOG}"));
    let kinds =
        ["Cat", "Dog"].map(|kind| (format!("{kind}.properties.kind"), "x-covenant-empty: cat"));
    let mut actions: Vec<(&str, &str)> = kinds
        .iter()
        .map(|(target, said)| (target.as_str(), *said))
        .collect();
    assert!(load(&document, &overlay(&actions)).is_ok());
    for (target, said) in [
        ("Cat.properties.name", "x-covenant-data-category: user.name"),
        ("Dog.properties.name", "x-covenant-data-category: user.name"),
        ("Cat.properties.kind", CATEGORY),
        ("Cat", "x-covenant-data-subject: recipient"),
    ] {
        actions.push((target, said));
        let wrong = load(&document, &overlay(&actions)).unwrap_err();
        assert!(
            wrong
                .iter()
                .any(|one| one.contains("is said of one alternative and not")),
            "{target}: {wrong:?}"
        );
        actions.pop();
    }
    let differently = [
        ("Cat.properties.name", "x-covenant-data-category: user.name"),
        ("Dog.properties.name", CATEGORY),
    ];
    actions.extend(differently);
    assert!(load(&document, &overlay(&actions)).is_err());
}

#[test]
fn alternatives_may_be_null_and_stand_beside_members_that_all_have() {
    let base = "    Base: {type: object, required: [kind], properties: {kind: {type: string}, made: {type: string}}}\n";
    let member = "odd: {allOf: [{$ref: '#/components/schemas/Base'}, {anyOf: [{$ref: '#/components/schemas/Cat'}, {type: 'null'}, {$ref: '#/components/schemas/Dog'}]}]}";
    let document = document(member, &format!("{base}{CAT}{DOG}"));
    let said = overlay(&[
        ("*.properties.kind", CATEGORY),
        ("*.properties.kind", "x-covenant-empty: cat"),
    ]);
    let catalogue = load(&document, &said).unwrap();
    let kind = field(&catalogue, "getPet", "$.odd.kind");
    assert!(kind.check.admits("wolf") && !kind.check.admits("bird"));
    assert!(kind.category.is_some());
    field(&catalogue, "getPet", "$.odd.made");
    let Node::Object(pet) = &shape(&catalogue, "getPet").root else {
        panic!("a pet")
    };
    let odd = pet.members.iter().find(|one| &*one.name == "odd").unwrap();
    assert!(matches!(&odd.node, Node::Object(object) if !object.nullable));
    let alone = "odd: {anyOf: [{$ref: '#/components/schemas/Cat'}, {type: 'null'}, {$ref: '#/components/schemas/Dog'}]}";
    let document = super::composition::document(alone, &format!("{CAT}{DOG}"));
    let said = overlay(&[("*.properties.kind", "x-covenant-empty: cat")]);
    let catalogue = load(&document, &said).unwrap();
    let Node::Object(pet) = &shape(&catalogue, "getPet").root else {
        panic!("a pet")
    };
    let odd = pet.members.iter().find(|one| &*one.name == "odd").unwrap();
    assert!(matches!(&odd.node, Node::Object(object) if object.nullable));
}

#[test]
fn a_list_may_be_null_where_json_has_a_member_for_it() {
    let nullable = |schema: &str| {
        let document = document(&format!("odd: {schema}"), "");
        let catalogue = load(
            &document.replace("[id, owner]", "[id, owner, odd]"),
            OVERLAY,
        )
        .unwrap();
        let Node::Object(pet) = &shape(&catalogue, "getPet").root else {
            panic!("a pet")
        };
        let odd = pet.members.iter().find(|one| &*one.name == "odd").unwrap();
        assert!(matches!(odd.node, Node::Array(_)), "{schema}");
        odd.nullable_list
    };
    for (schema, may_be) in [
        ("{type: [array, 'null'], items: {type: string}}", true),
        ("{type: array, nullable: true, items: {type: string}}", true),
        (
            "{anyOf: [{type: array, items: {type: string}}, {type: 'null'}]}",
            true,
        ),
        ("{type: array, items: {type: string}}", false),
        ("{type: array, items: {type: [string, 'null']}}", false),
    ] {
        assert_eq!(nullable(schema), may_be, "{schema}");
    }
    let root = "schema: {type: [array, 'null'], items: {$ref: '#/components/schemas/Pet'}}";
    let wrong = document_mistakes("schema: {$ref: '#/components/schemas/Pet'}", root);
    assert!(
        wrong[0].contains("an answer that is a list or null"),
        "{wrong:?}"
    );
}

#[test]
fn alternatives_of_fixed_words_are_one_text() {
    let field =
        member("{oneOf: [{const: a, title: first}, {const: b}, {type: string, enum: [c]}]}")
            .unwrap();
    for (word, fits) in [("a", true), ("b", true), ("c", true), ("d", false)] {
        assert_eq!(field.check.admits(word), fits, "{word}");
    }
    for open in [
        "{oneOf: [{type: string, format: date}, {type: string, format: date-time}]}",
        "{oneOf: [{type: string, maxLength: 2}, {type: string}]}",
        "{oneOf: [{const: a}, {const: 1}]}",
        "{oneOf: [{type: string}, {type: object, properties: {y: {type: string}}}]}",
        "{oneOf: [{type: array, items: {type: string}}, {type: array, items: {type: string}}]}",
    ] {
        assert!(member(open).is_err(), "{open}");
    }
}

fn requested(schema: &str, actions: &str) -> Result<RequestBody, Vec<String>> {
    let content = format!("application/json: {{schema: {schema}}}");
    let catalogue = request_mistakes(&content, actions)?;
    Ok(catalogue
        .operation("addPet")
        .unwrap()
        .request
        .clone()
        .unwrap())
}

fn paths(request: &RequestBody) -> Vec<String> {
    let members = request.members();
    members.iter().map(|(path, _)| path.clone()).collect()
}

#[test]
fn requests_are_read_likewise() {
    let by_piece = "{type: object, anyOf: [{required: [a]}, {required: [b]}], allOf: [{properties: {a: {type: string}}}, {properties: {a: {type: string, maxLength: 2}}}], properties: {b: {enum: [x, y]}}}";
    assert_eq!(paths(&requested(by_piece, "").unwrap()), ["$.a", "$.b"]);
    let role = "  - target: $.paths['/pets'].post..properties.owner\n    update: {x-covenant-role: customer}\n";
    let either = "{oneOf: [{type: object, properties: {owner: {type: string}, a: {type: string}}}, {type: object, properties: {owner: {type: string}, b: {type: object, properties: {c: {type: string}}}}}]}";
    let request = requested(either, role).unwrap();
    assert_eq!(paths(&request), ["$.a", "$.b", "$.b.c", "$.owner"]);
    let members = request.members();
    assert!(
        members
            .iter()
            .any(|(path, role)| path == "$.owner" && **role == Role::Customer)
    );
    // Of an id, or an address in its place, the address is read.
    let to = "{type: object, properties: {id: {type: string}, to: {oneOf: [{type: string}, {type: object, properties: {owner: {type: string}}}]}}}";
    let request = requested(to, "").unwrap();
    assert_eq!(paths(&request), ["$.id", "$.to", "$.to.owner"]);
}

#[test]
fn an_alternative_of_a_request_that_names_no_members_leaves_them_open() {
    for open in [
        "{type: object}",
        "{type: object, properties: {a: {type: string}}, additionalProperties: true}",
    ] {
        let schema = format!(
            "{{type: object, properties: {{id: {{type: string}}, odd: {{oneOf: [{{type: object, properties: {{a: {{type: string}}}}}}, {open}]}}}}}}"
        );
        assert_eq!(
            paths(&requested(&schema, "").unwrap()),
            ["$.id", "$.odd"],
            "{open}"
        );
    }
}
