//! The shipped catalogue, and what the loader says about small ones that are wrong.

mod composition;
mod formats;

use std::path::Path;

use super::*;
use crate::taxonomy::Category;
use crate::terms::{Channel, ResourceKind};

pub(super) const DOCUMENT: &str = r"openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /pets/{pet_id}:
    get:
      operationId: getPet
      parameters:
        - {name: pet_id, in: path, required: true, schema: {type: string}}
      responses:
        '200':
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Pet'}
components:
  schemas:
    Pet:
      type: object
      required: [id, owner]
      properties:
        id: {type: string}
        owner: {type: string}
        name: {type: string}
";

pub(super) const OVERLAY: &str = r"overlay: 1.0.0
info: {title: t, version: '1'}
actions:
  - target: $.paths['/pets/{pet_id}'].get
    update: {x-covenant-channel: record}
  - target: $.components.schemas.Pet
    update: {x-covenant-record: true}
  - target: $.components.schemas.Pet.properties.owner
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $.components.schemas.Pet.properties.name
    update: {x-covenant-data-category: user.name}
";

fn shipped() -> Catalogue {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&directory, &mut mistakes);
    let catalogue = Catalogue::load(&folder, &mut mistakes);
    catalogue.unwrap_or_else(|| panic!("{:#?}", lines(&mistakes)))
}

#[test]
fn a_rejection_of_the_shipped_service_says_words_of_its_own_and_no_free_text() {
    let catalogue = shipped();
    let mut seen = 0;
    for answer in catalogue.operations.iter().flat_map(|one| &one.answers) {
        let Body::Data { shape, .. } = &answer.body else {
            continue;
        };
        let is_said = |field: &&Field| ["$.error.code", "$.error.field"].contains(&&*field.path);
        for field in shape.fields.iter().filter(is_said) {
            seen += 1;
            for word in ["invalid", "include[]", "address.postal_code"] {
                assert!(field.check.admits(word), "{} {word}", field.path);
            }
            for text in ["ann@holm.example", "1 Main Street", "Ann", ""] {
                assert!(!field.check.admits(text), "{} {text}", field.path);
            }
        }
    }
    assert!(seen >= 2);
}

/// `overlay:7 message`, in order.
fn lines(mistakes: &Mistakes) -> Vec<String> {
    let line = |mistake: &&crate::mistakes::Mistake| {
        let file = mistake.path().file_name().unwrap().to_str().unwrap();
        let file = file.strip_suffix(".yaml").unwrap_or(file);
        let file = file.rsplit('.').next().unwrap();
        let help = mistake.help().unwrap_or_default();
        let text = format!(
            "{file}:{} {} {help}",
            mistake.position().line,
            mistake.message()
        );
        text.trim_end().to_owned()
    };
    mistakes.sorted().iter().map(line).collect()
}

fn zoo(files: &[(&str, &str)]) -> Folder {
    let file =
        |(kind, text): &(&str, &str)| (format!("catalogue/zoo.{kind}.yaml"), (*text).to_owned());
    let mut mistakes = Mistakes::new();
    Folder::of("zoo", files.iter().map(file), &mut mistakes)
}

pub(super) fn load(document: &str, overlay: &str) -> Result<Catalogue, Vec<String>> {
    let mut mistakes = Mistakes::new();
    let folder = zoo(&[("openapi", document), ("overlay", overlay)]);
    let catalogue = Catalogue::load(&folder, &mut mistakes);
    catalogue.ok_or_else(|| lines(&mistakes))
}

/// What is remarked about it.
pub(super) fn remarks(document: &str, overlay: &str) -> Vec<String> {
    let mut mistakes = Mistakes::new();
    let folder = zoo(&[("openapi", document), ("overlay", overlay)]);
    let _ = Catalogue::load(&folder, &mut mistakes);
    let remarks = mistakes.remarks();
    remarks.iter().map(|one| one.message().to_owned()).collect()
}

/// The mistakes of the small catalogue after one replacement in the document.
fn document_mistakes(from: &str, to: &str) -> Vec<String> {
    assert!(DOCUMENT.contains(from), "{from}");
    load(&DOCUMENT.replacen(from, to, 1), OVERLAY)
        .err()
        .unwrap_or_default()
}

/// Likewise in the overlay.
fn overlay_mistakes(from: &str, to: &str) -> Vec<String> {
    assert!(OVERLAY.contains(from), "{from}");
    load(DOCUMENT, &OVERLAY.replacen(from, to, 1))
        .err()
        .unwrap_or_default()
}

fn shape<'a>(catalogue: &'a Catalogue, id: &str) -> &'a Shape {
    match &catalogue.operation(id).unwrap().answers[0].body {
        Body::Data { shape, .. } => shape,
        other => panic!("{other:?}"),
    }
}

fn field<'a>(catalogue: &'a Catalogue, id: &str, path: &str) -> &'a Field {
    let shape = shape(catalogue, id);
    let found = shape.fields.iter().find(|field| &*field.path == path);
    found.unwrap_or_else(|| panic!("{path} is not among {:?}", shape.fields))
}

fn empty(field: &Field) -> &str {
    std::str::from_utf8(&field.empty).unwrap()
}

#[test]
fn the_shipped_catalogue_loads_and_holds_every_operation() {
    let catalogue = shipped();
    let mut ids: Vec<_> = catalogue.operations.iter().map(|one| &*one.id).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "cancelJob",
            "createAddressList",
            "createCampaign",
            "createCustomer",
            "createExport",
            "createJob",
            "createWebhook",
            "exportCustomers",
            "getAddressList",
            "getCustomer",
            "getDocument",
            "getExport",
            "getJob",
            "getJobTracking",
            "getPageViewStatistics",
            "listAddressLists",
            "listCustomers",
            "listJobs",
            "listPageViews",
            "submitJob",
            "uploadDocument",
        ]
    );
    let export = catalogue.operation("exportCustomers").unwrap();
    assert_eq!(export.channel, Channel::Export);
    assert!(export.alternative.is_some());
    assert!(
        matches!(&export.answers[0].body, Body::Uninspectable { media_type } if &**media_type == "text/csv")
    );
}

#[test]
fn what_nobody_has_classified_is_listed() {
    let catalogue = shipped();
    let unclassified = catalogue.unclassified();
    let paths: std::collections::BTreeSet<_> =
        unclassified.iter().map(|(_, path)| &**path).collect();
    let expected = [
        "$.data[*].support_notes",
        "$.error.message",
        "$.support_notes",
    ];
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn parameters_and_members_keep_what_they_decide() {
    let catalogue = shipped();
    let list = catalogue.operation("listCustomers").unwrap();
    let role = |name: &str| {
        &list
            .parameters
            .iter()
            .find(|one| &*one.name == name)
            .unwrap()
            .role
    };
    assert_eq!(role("limit"), &Role::PageSize { max: 1000 });
    let values = vec!["total_count".into()];
    assert_eq!(role("include[]"), &Role::Include { values });
    assert_eq!(role("on-behalf-of"), &Role::Customer);
    assert_eq!(role("cursor"), &Role::Plain);
    let create = catalogue.operation("createJob").unwrap();
    assert_eq!(create.creates, Some(Creates::Resource(ResourceKind::Job)));
    let body = create.request.as_ref().unwrap();
    let members = body.members();
    let roles = members.iter().filter(|(_, role)| **role != Role::Plain);
    let roles: Vec<_> = roles.map(|(path, role)| (path.as_str(), *role)).collect();
    let operational = vec!["operational".into()];
    assert_eq!(
        roles,
        [
            ("$.address_list_id", &Role::Resource(ResourceKind::List)),
            ("$.customer_id", &Role::Customer),
            ("$.document_id", &Role::Resource(ResourceKind::Document)),
            ("$.use_type", &Role::UseType { operational }),
        ]
    );
    assert!(members.iter().any(|(path, _)| path == "$.mail_class"));
    let upload = catalogue
        .operation("uploadDocument")
        .unwrap()
        .request
        .as_ref();
    assert_eq!(upload.unwrap().uploads, Some(ResourceKind::Document));
    let content = &upload.unwrap().contents[0];
    assert_eq!(&*content.media_type, "application/pdf");
    assert!(content.fields.is_none());
    let campaign = catalogue
        .operation("createCampaign")
        .unwrap()
        .request
        .as_ref();
    let campaign = campaign.unwrap().members();
    assert!(campaign.iter().any(|(_, role)| **role == Role::Audience));
}

#[test]
fn fields_keep_category_subject_key_and_partial_form() {
    let catalogue = shipped();
    let id = field(&catalogue, "listCustomers", "$.data[*].id");
    assert_eq!(id.role, FieldRole::CustomerKey);
    let email = field(&catalogue, "getCustomer", "$.email");
    assert_eq!(email.category, Category::parse("user.contact.email"));
    assert_eq!(email.partial, Some(Partial::FirstOfEmail(2)));
    assert!(!email.required && !email.recipient);
    let street = field(
        &catalogue,
        "getJobTracking",
        "$.pieces[*].recipient.address.street",
    );
    assert!(street.recipient);
    assert!(!field(&catalogue, "getCustomer", "$.address.street").recipient);
    let job = field(&catalogue, "getJob", "$.id");
    assert_eq!(job.role, FieldRole::ResourceId(ResourceKind::Job));
    assert!(field(&catalogue, "getCustomer", "$.partner_id").nullable);
    let Node::Object(page) = &shape(&catalogue, "listCustomers").root else {
        panic!("a page is an object");
    };
    assert!(!page.record);
    let names: Vec<_> = page.members.iter().map(|member| &*member.name).collect();
    assert_eq!(names, ["data", "has_more", "next_url", "total_count"]);
    assert_eq!(&*page.members[0].encoded, b"\"data\":");
    let Node::Array(records) = &page.members[0].node else {
        panic!("`data` is an array");
    };
    assert!(matches!(&**records, Node::Object(record) if record.record));
}

#[test]
fn empty_values_satisfy_type_pattern_format_and_enumeration() {
    let catalogue = shipped();
    for (path, expected) in [
        ("$.address.postal_code", r#""00000""#),
        ("$.address.state", r#""ZZ""#),
        ("$.address.street", r#""""#),
        ("$.id", r#""cus_0""#),
        ("$.created_at", r#""1970-01-01T00:00:00Z""#),
        ("$.status", r#""active""#),
        ("$.partner_id", "null"),
        ("$.email", r#""withheld@example.invalid""#),
    ] {
        assert_eq!(
            empty(field(&catalogue, "getCustomer", path)),
            expected,
            "{path}"
        );
    }
    let document = DOCUMENT.replace(
        "name: {type: string}",
        "name: {type: string, pattern: '^a(?:b|c)$', example: ac}\n        size: {type: number, minimum: 3}\n        \
         old: {type: boolean}\n        kind: {anyOf: [{type: string}, {type: 'null'}]}",
    );
    let document = document.replace("[id, owner]", "[id, owner, name, size, old, kind]");
    let catalogue = load(&document, OVERLAY).unwrap();
    for (path, expected) in [
        ("$.name", r#""ab""#),
        ("$.size", "3"),
        ("$.old", "false"),
        ("$.kind", "null"),
    ] {
        assert_eq!(empty(field(&catalogue, "getPet", path)), expected, "{path}");
    }
}

#[test]
fn a_target_that_matches_nothing_is_a_mistake_at_its_line() {
    assert_eq!(
        overlay_mistakes("Pet.properties.name", "Pet.properties.nmae"),
        ["overlay:10 the target matches nothing in the document"]
    );
    let wrong = overlay_mistakes("$.components.schemas.Pet.properties.name", "components[");
    assert!(
        wrong[0].starts_with("overlay:10 the target is not a JSONPath"),
        "{wrong:?}"
    );
    assert_eq!(
        overlay_mistakes("$.components.schemas.Pet.properties.name", "$.openapi"),
        ["overlay:10 the target `$['openapi']` is neither a mapping nor a list"]
    );
}

#[test]
fn words_that_do_not_exist_are_mistakes_with_the_nearest_that_does() {
    assert_eq!(
        overlay_mistakes("x-covenant-channel", "x-covenant-chanel"),
        ["overlay:5 unknown key `x-covenant-chanel` did you mean `x-covenant-channel`?"]
    );
    assert_eq!(
        overlay_mistakes("x-covenant-channel", "x-convenant-channel"),
        ["overlay:5 unknown key `x-convenant-channel` did you mean `x-covenant-channel`?"]
    );
    assert_eq!(
        overlay_mistakes("user.name", "user.nmae"),
        ["overlay:11 `user.nmae` is not a data category did you mean `user.name`?"]
    );
    assert_eq!(
        overlay_mistakes("channel: record", "channel: recrod")[0],
        "overlay:5 `recrod` is not one of: record, list, write, export, document, campaign, \
         webhook, aggregate did you mean `record`?"
    );
    assert_eq!(
        overlay_mistakes("record: true", "record: yes"),
        ["overlay:7 this must be true or false"]
    );
}

#[test]
fn a_key_where_it_does_nothing_is_a_mistake() {
    assert_eq!(
        overlay_mistakes(
            "record: true",
            "record: true, x-covenant-data-category: user.name"
        ),
        ["overlay:7 `x-covenant-data-category` has no effect here"]
    );
    assert_eq!(
        overlay_mistakes(
            "category: user.name",
            "category: user.name, x-covenant-role: customer"
        ),
        ["overlay:11 `x-covenant-role` has no effect here"]
    );
}

#[test]
fn a_record_says_whose_it_is_once() {
    let nobody = "a record that does not say whose it is: mark the field in it, or in the object \
                  around it, that holds the customer's id with `x-covenant-customer-key`, or the \
                  parameter of the path that names the customer, or a thing of the customer's, with \
                  `x-covenant-role`";
    assert_eq!(
        overlay_mistakes(", x-covenant-customer-key: true", ""),
        [format!("overlay:7 {nobody}")]
    );
    assert_eq!(
        overlay_mistakes(
            "category: user.name",
            "category: user.name, x-covenant-customer-key: true"
        ),
        ["openapi:22 a second customer key in one record: which of them is it about?"]
    );
    let loose = overlay_mistakes("x-covenant-record: true", "x-covenant-record: false");
    assert_eq!(loose.len(), 2, "{loose:?}");
    assert!(loose[0].contains("`$.owner` is about a customer but stands in no record"));
}

/// The small catalogue with a list of pets, whose owner stands in what is around them.
fn with_a_list(properties: &str, keys: &str) -> Result<Catalogue, Vec<String>> {
    let list = format!("{{type: object, properties: {{{properties}}}}}");
    let document = DOCUMENT
        .replacen("{$ref: '#/components/schemas/Pet'}", &list, 1)
        .replace("[id, owner]", "[id]");
    let overlay = OVERLAY.replace(", x-covenant-customer-key: true", "");
    load(&document, &format!("{overlay}{keys}"))
}

#[test]
fn one_key_around_all_records_says_whose_those_without_a_key_are() {
    let pets = "data: {type: array, items: {$ref: '#/components/schemas/Pet'}}";
    let key = |name: &str| {
        format!(
            "  - target: $..properties['{name}']\n    update: {{x-covenant-customer-key: true}}\n"
        )
    };
    let whose = key("whose");
    let text = "whose: {type: string}";
    let accepted = [
        format!("{text}, {pets}"),
        format!("{pets}, {text}"),
        format!("{text}, page: {{type: object, properties: {{{pets}}}}}"),
        format!("page: {{type: object, properties: {{{text}, {pets}}}}}"),
        format!("{text}, {pets}, first: {{$ref: '#/components/schemas/Pet'}}"),
    ];
    for properties in accepted {
        let read = with_a_list(&properties, &whose);
        assert!(read.is_ok(), "{properties}: {read:?}");
    }
    let own = key("whose") + &key("owner");
    assert!(with_a_list(&format!("{text}, {pets}"), &own).is_ok());
    let not_around = "says whose records are, but not in an object, of which there is one";
    let refused = [
        (
            format!("about: {{type: object, properties: {{{text}}}}}, {pets}"),
            not_around,
        ),
        (
            format!(
                "page: {{type: object, properties: {{{text}, {pets}}}}}, first: {{$ref: '#/components/schemas/Pet'}}"
            ),
            not_around,
        ),
        (
            format!(
                "groups: {{type: array, items: {{type: object, properties: {{{text}, {pets}}}}}}}"
            ),
            not_around,
        ),
        (
            format!("{text}, page: {{type: object, properties: {{{text}, {pets}}}}}"),
            "a second customer key around the records",
        ),
        (text.to_owned(), "stands in no record"),
        (pets.to_owned(), "a record that does not say whose it is"),
    ];
    for (properties, expected) in refused {
        let told = with_a_list(&properties, &whose).err().unwrap_or_default();
        let told = told.concat();
        assert!(told.contains(expected), "{properties}: {told}");
    }
}

#[test]
fn a_thing_in_the_path_says_whose_the_records_are() {
    let keyless = OVERLAY.replace(", x-covenant-customer-key: true", "");
    let with_role = |role: &str| {
        let parameter = "$.paths['/pets/{pet_id}'].get.parameters[0]";
        let action = format!("  - target: {parameter}\n    update: {{x-covenant-role: {role}}}\n");
        load(DOCUMENT, &format!("{keyless}{action}"))
    };
    for role in ["customer", "job", "list", "document"] {
        assert!(with_role(role).is_ok(), "{role}");
    }
    assert!(with_role("credential").is_err());
}

#[test]
fn a_path_that_names_the_customer_or_an_answer_without_people_needs_no_key() {
    let by_path = OVERLAY.replace(", x-covenant-customer-key: true", "")
        + "  - target: $.paths['/pets/{pet_id}'].get.parameters[0]\n    update: {x-covenant-role: customer}\n";
    assert!(load(DOCUMENT, &by_path).is_ok());
    let nobody = OVERLAY
        .replace(", x-covenant-customer-key: true", "")
        .replace("user.unique_id", "system.operations")
        .replace("user.name", "system.operations");
    assert!(load(DOCUMENT, &nobody).is_ok());
}

#[test]
fn what_cannot_be_filtered_is_left_out_if_optional_and_a_mistake_if_required() {
    for unsupported in [
        "{oneOf: [{type: string}, {type: integer}]}",
        "{type: object, additionalProperties: {type: string}}",
        "{type: [string, integer]}",
        "{type: array, items: {type: array, items: {type: string}}}",
        "{description: anything}",
        "{$ref: '#/components/schemas/Pet'}",
        "{allOf: [{type: string}, {type: integer}]}",
    ] {
        let more = format!("name: {{type: string}}\n        odd: {unsupported}");
        let document = DOCUMENT.replace("name: {type: string}", &more);
        let catalogue = load(&document, OVERLAY).unwrap();
        let left_out = catalogue.unclassified();
        let is_odd = |(_, path): &(Arc<str>, Arc<str>)| &**path == "$.odd";
        assert!(left_out.iter().any(is_odd), "{unsupported}: {left_out:?}");
        assert!(
            shape(&catalogue, "getPet")
                .fields
                .iter()
                .all(|one| &*one.path != "$.odd")
        );
        let document = document.replace("[id, owner]", "[id, owner, odd]");
        let wrong = load(&document, OVERLAY).unwrap_err();
        assert_eq!(wrong.len(), 1, "{unsupported}: {wrong:?}");
        assert!(
            wrong[0].starts_with("openapi:23 `$.odd` is required"),
            "{wrong:?}"
        );
    }
}

#[test]
fn a_category_on_something_that_is_left_out_is_a_mistake() {
    assert_eq!(
        document_mistakes("name: {type: string}", "name: {type: object}"),
        ["overlay:11 `x-covenant-data-category` has no effect here"]
    );
}

#[test]
fn references_that_lead_nowhere_or_round_in_a_circle_are_mistakes() {
    assert_eq!(
        document_mistakes("'#/components/schemas/Pet'", "'#/components/schemas/Dog'"),
        ["openapi:13 nothing stands at `#/components/schemas/Dog`"]
    );
    assert_eq!(
        document_mistakes("'#/components/schemas/Pet'", "'other.yaml#/Pet'"),
        ["openapi:13 only references within this file (`#/…`) are followed"]
    );
    let optional = document_mistakes("name: {type: string}", "name: {$ref: '#/nothing'}");
    assert_eq!(optional[0], "openapi:22 nothing stands at `#/nothing`");
    let pet = "    Pet:\n";
    let around = "    Pet:\n      $ref: '#/components/schemas/Pet'\n";
    assert_eq!(document_mistakes(pet, around), Vec::<String>::new());
    let nothing = "    Round: {$ref: '#/components/schemas/Round'}\n    Pet:\n";
    let document = DOCUMENT.replace(pet, nothing);
    let circle = load(
        &document.replace("schemas/Pet'}", "schemas/Round'}"),
        OVERLAY,
    )
    .unwrap_err();
    assert_eq!(
        circle,
        ["openapi:13 this answer cannot be filtered: a schema without a type"]
    );
    let response = "'200': {$ref: '#/paths/~1pets~1{pet_id}/get/responses/200'}\n        '201':";
    let circle = document_mistakes("'200':", response);
    assert_eq!(circle, ["openapi:10 this reference leads in a circle"]);
}

#[test]
fn operations_are_told_apart_by_id_and_by_path() {
    let second = "  /pets/{other}:\n    get:\n      operationId: getOther\n      parameters:\n        - \
                  {name: other, in: path, required: true, schema: {type: string}}\n      responses: \
                  {'204': {description: none}}\n      x-covenant-channel: record\ncomponents:";
    assert_eq!(
        document_mistakes("components:", second),
        ["openapi:15 `getPet` already answers the same paths"]
    );
    let same_id = second.replace("getOther", "getPet");
    assert_eq!(
        document_mistakes("components:", &same_id),
        ["openapi:15 a second operation called `getPet`"]
    );
    assert_eq!(
        document_mistakes("name: pet_id, in: path", "name: dog_id, in: path"),
        ["openapi:4 the path's parameters are not those that are described"]
    );
    let without = document_mistakes("      operationId: getPet\n", "");
    assert_eq!(without, ["openapi:5 an operation without `operationId`"]);
}

#[test]
fn a_required_enumeration_needs_a_named_empty_value_that_fits() {
    let words = "owner: {type: string, enum: [a, b]}";
    let message = "a required field of fixed values needs `x-covenant-empty`";
    assert_eq!(
        document_mistakes("owner: {type: string}", words),
        [format!("openapi:21 {message}")]
    );
    let document = DOCUMENT.replace("owner: {type: string}", words);
    let with = |word: &str| {
        let key = "x-covenant-customer-key: true";
        let overlay = OVERLAY.replace(key, &format!("{key}, x-covenant-empty: {word}"));
        load(&document, &overlay).err().unwrap_or_default()
    };
    assert_eq!(with("b"), Vec::<String>::new());
    assert_eq!(
        with("c"),
        ["overlay:9 `x-covenant-empty` is not one of the field's values"]
    );
    assert_eq!(
        with("1"),
        ["overlay:9 `x-covenant-empty` is of another type than the field"]
    );
}

#[test]
fn of_one_fixed_value_that_one_stands_there_and_of_others_it_is_known_which_are_made_up() {
    for (schema, empty, made_up) in [
        ("{type: string, enum: [letter]}", "\"letter\"", false),
        (
            "{type: string, enum: [letter, letter]}",
            "\"letter\"",
            false,
        ),
        ("{type: string, enum: [letter, 5]}", "\"letter\"", false),
        ("{const: letter, type: string}", "\"letter\"", false),
        ("{type: integer, enum: [5]}", "5", false),
        ("{type: string}", "\"\"", false),
        (
            "{type: string, format: email}",
            "\"withheld@example.invalid\"",
            false,
        ),
        ("{type: string, minLength: 2}", "\"--\"", false),
        (
            "{type: string, enum: [a, Not Available], x-covenant-empty: Not Available}",
            "\"Not Available\"",
            false,
        ),
        (
            "{type: string, enum: [a, b], x-covenant-empty: b}",
            "\"b\"",
            true,
        ),
        ("{type: integer}", "0", true),
        ("{type: boolean}", "false", true),
        ("{type: string, format: date}", "\"1970-01-01\"", true),
        ("{type: string, pattern: '^[0-9]{5}$'}", "\"00000\"", true),
        ("{type: [integer, 'null']}", "null", false),
    ] {
        let document = DOCUMENT.replace("id: {type: string}", &format!("id: {schema}"));
        let catalogue = load(&document, OVERLAY).unwrap_or_else(|told| panic!("{schema} {told:?}"));
        let field = field(&catalogue, "getPet", "$.id");
        let stands = String::from_utf8_lossy(field.stand_in());
        assert_eq!((&*stands, field.made_up), (empty, made_up), "{schema}");
    }
    let words = "owner: {type: string, enum: [a], const: b}";
    let message = "openapi:21 a required field of fixed values needs `x-covenant-empty`";
    assert_eq!(document_mistakes("owner: {type: string}", words), [message]);
}

#[test]
fn only_private_content_read_back_passes_unopened() {
    let document = DOCUMENT.replace("application/json", "application/pdf");
    let overlay = "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n  - target: \
                   $.paths['/pets/{pet_id}'].get\n    update: {x-covenant-channel: list}\n  - target: \
                   $.paths.*.get.responses.*.content.*\n    update: {x-covenant-data-category: \
                   user.content.private}\n";
    let wrong = load(&document, overlay).unwrap_err();
    assert!(
        wrong[0].starts_with("overlay:7 only private content"),
        "{wrong:?}"
    );
    assert!(
        load(
            &document,
            &overlay.replace("channel: list", "channel: document")
        )
        .is_ok()
    );
}

#[test]
fn nullable_in_the_manner_of_3_0_is_understood() {
    let document = DOCUMENT.replace("3.1.0", "3.0.3").replace(
        "name: {type: string}",
        "name: {type: string, nullable: true}",
    );
    let catalogue = load(&document, OVERLAY).unwrap();
    assert!(field(&catalogue, "getPet", "$.name").nullable);
    let version = document_mistakes("3.1.0", "2.0.0");
    assert_eq!(
        version,
        ["openapi:1 an OpenAPI document of version 3.0 or 3.1 is needed"]
    );
}

#[test]
fn a_document_needs_its_overlay_and_the_digest_changes_with_either() {
    let mut mistakes = Mistakes::new();
    assert!(Catalogue::load(&zoo(&[]), &mut mistakes).is_none());
    let alone = zoo(&[("openapi", DOCUMENT)]);
    assert!(Catalogue::load(&alone, &mut mistakes).is_none());
    assert_eq!(mistakes.len(), 2);
    let digest = |document: &str, overlay: &str| load(document, overlay).unwrap().digest();
    let plain = digest(DOCUMENT, OVERLAY);
    assert_eq!(plain, digest(DOCUMENT, OVERLAY));
    assert_ne!(plain, digest(&format!("{DOCUMENT}#"), OVERLAY));
    assert_ne!(plain, digest(DOCUMENT, &format!("{OVERLAY}#")));
}

#[test]
fn requests_find_their_operation() {
    let catalogue = shipped();
    let id = |method: Method, path: &str| {
        let routed = catalogue.route(&method, path);
        routed.map(|routed| routed.operation.id.to_string())
    };
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(
        id(Method::GET, "/v1/customers.csv"),
        some("exportCustomers")
    );
    assert_eq!(
        id(Method::HEAD, "/v1/customers/cus_000001"),
        some("getCustomer")
    );
    assert_eq!(
        id(Method::GET, "/v1/page_views/statistics"),
        some("getPageViewStatistics")
    );
    assert_eq!(id(Method::POST, "/v1/jobs/job_1/submit"), some("submitJob"));
    for (method, path) in [
        (Method::DELETE, "/v1/customers/cus_000001"),
        (Method::GET, "/v1/customers/"),
        (Method::GET, "/v1/Customers"),
        (Method::GET, "/v1/jobs/job_1/submit"),
    ] {
        assert_eq!(id(method, path), None, "{path}");
    }
}

#[test]
fn records_do_not_nest_and_keys_are_not_in_lists_within_them() {
    let more = "name: {type: string}\n        young:\n          type: array\n          items: \
                {type: object, x-covenant-record: true, properties: {owner: {type: string, \
                x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}}}";
    let nested = document_mistakes("name: {type: string}", more);
    let expected = "openapi:25 a record within a record: only one of them can belong to a customer";
    assert!(nested.contains(&expected.to_owned()), "{nested:?}");
    let in_list = more.replace("x-covenant-record: true, ", "");
    let document = DOCUMENT.replace("name: {type: string}", &in_list);
    let overlay = OVERLAY.replace(", x-covenant-customer-key: true", "");
    let wrong = load(&document, &overlay).unwrap_err();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("openapi:25 a customer key in a list within the record"));
}

#[test]
fn figures_over_groups_belong_to_nobody() {
    let overlay = OVERLAY
        .replace("channel: record", "channel: aggregate")
        .replace(", x-covenant-customer-key: true", "")
        .replace("x-covenant-record: true", "x-covenant-record: false");
    let wrong = load(DOCUMENT, &overlay).unwrap_err();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("figures about customers that do not say about how many"));
    let document = DOCUMENT.replace("name: {type: string}", "name: {type: integer}");
    let counted = overlay.replace(
        "category: user.name",
        "category: user.name, x-covenant-group-size: true",
    );
    assert!(
        load(&document, &counted).is_ok(),
        "{:?}",
        load(&document, &counted).err()
    );
    assert!(load(DOCUMENT, &counted).unwrap_err()[0].contains("must be a whole number"));
}

#[test]
fn a_group_says_once_how_many_it_is_and_stands_in_one_list() {
    let groups = "        groups:\n          type: array\n          items: {type: object, properties: {\
                  page: {type: string}, views: {type: integer}, customers: {type: integer}, \
                  days: {type: array, items: {type: integer}}}}\n";
    let document = DOCUMENT.replace("        name: {type: string}\n", groups);
    let aggregate = r"overlay: 1.0.0
info: {title: t, version: '1'}
actions:
  - target: $.paths['/pets/{pet_id}'].get
    update: {x-covenant-channel: aggregate}
  - target: $..properties.groups.items
    update: {x-covenant-group: true}
  - target: $..properties['views','customers']
    update: {x-covenant-data-category: user.behavior}
  - target: $..properties.customers
    update: {x-covenant-group-size: true}
";
    let mistakes = |from: &str, to: &str| {
        assert!(aggregate.contains(from), "{from}");
        load(&document, &aggregate.replace(from, to))
            .err()
            .unwrap_or_default()
    };
    assert_eq!(mistakes("aggregate", "aggregate"), Vec::<String>::new());
    for (from, to, expected) in [
        (
            "channel: aggregate",
            "channel: record",
            "only an operation of the channel `aggregate` has groups",
        ),
        (
            "properties.customers\n",
            "properties.page\n",
            "must be a whole number",
        ),
        (
            "properties.customers\n",
            "properties['views','customers']\n",
            "says twice how many",
        ),
        (
            "$..properties.customers\n    update: {x-covenant-group-size",
            "$..properties.customers\n    update: {x-covenant-data-category: system.operations, x-covenant-group-size",
            "its category lies below `user`",
        ),
        (
            "{x-covenant-group-size: true}",
            "{x-covenant-group-size: false}",
            "does not say how many customers",
        ),
        (
            "groups.items\n    update: {x-covenant-group: true}",
            "days.items\n    update: {x-covenant-data-category: user.behavior}",
            "stands in no group",
        ),
        (
            "  - target: $..properties.customers\n",
            "  - target: $..properties.days.items\n    update: {x-covenant-data-category: user.behavior}\n  - target: $..properties.customers\n",
            "in a list within the group",
        ),
        (
            "aggregate}",
            "aggregate}\n  - target: $.paths['/pets/{pet_id}'].get.parameters[0]\n    update: {x-covenant-role: page-number}",
            "is not one of",
        ),
    ] {
        let told = mistakes(from, to);
        assert!(
            told.iter().any(|told| told.contains(expected)),
            "{expected}: {told:?}"
        );
    }
    let apart = OVERLAY.replace(
        "  - target: $.components.schemas.Pet\n",
        "  - target: $.paths['/pets/{pet_id}'].get.parameters[0]\n    update: {x-covenant-role: partition}\n  - target: $.components.schemas.Pet\n",
    );
    let told = load(DOCUMENT, &apart).unwrap_err();
    assert!(
        told[0].contains("only for the channel `aggregate`"),
        "{told:?}"
    );
}

#[test]
fn what_decides_must_be_decidable() {
    let size = "pet_id}'].get\n    update: {x-covenant-channel: record}\n  - target: \
                $.paths['/pets/{pet_id}'].get.parameters[0]\n    update: {x-covenant-role: page-size}";
    let from = "pet_id}'].get\n    update: {x-covenant-channel: record}";
    assert_eq!(
        overlay_mistakes(from, size),
        ["overlay:7 a page size needs a `maximum` in its schema"]
    );
    assert_eq!(
        overlay_mistakes("channel: record", "channel: write, x-covenant-creates: job"),
        ["openapi:5 no answer of this creating call holds the new id in just one field"]
    );
    assert_eq!(
        overlay_mistakes(
            "category: user.name",
            "category: user.name, x-covenant-partial: {last: 0}"
        ),
        ["overlay:11 this must be `{first: n}`, `{last: n}` or `street`, n from 1 to 16"]
    );
    for (form, told) in [
        ("json", "this must be `{json: {…}}` or `{xml: {…}}`"),
        (
            "{jsn: {a: code}}",
            "`jsn` is not one of: json, xml did you mean `json`?",
        ),
        (
            "{json: {a: cod}}",
            "this must be a whole number or one of: status, title, detail, fix, code, request_id did you mean `code`?",
        ),
        (
            "{json: {a: {b: {c: {d: {e: code}}}}}}",
            "members are needed here, at most 16, on at most 4 levels",
        ),
        (
            "{xml: {a b: {c: code}}}",
            "`a b` cannot be the name of an element",
        ),
        (
            "{xml: {a: code}}",
            "a document of XML has exactly one outermost element, with others in it",
        ),
    ] {
        let form = format!("channel: record, x-covenant-refusal: {form}");
        let found = overlay_mistakes("channel: record", &form);
        assert_eq!(found, [format!("overlay:5 {told}")], "{form}");
    }
    let uses = "channel: record, x-covenant-data-uses: [essential.servise]";
    assert_eq!(
        overlay_mistakes("channel: record", uses),
        ["overlay:5 `essential.servise` is not a data use did you mean `essential.service`?"]
    );
}

/// The mistakes of the small catalogue with a `POST` of this request body beside, and actions.
fn request_mistakes(content: &str, actions: &str) -> Result<Catalogue, Vec<String>> {
    let paths = format!(
        "paths:\n  /pets:\n    post:\n      operationId: addPet\n      requestBody: {{content: {{{content}}}}}\n      \
         responses: {{'204': {{description: done}}}}\n"
    );
    let document = DOCUMENT.replace("paths:\n", &paths);
    let channel = "  - target: $.paths['/pets'].post\n    update: {x-covenant-channel: write}\n";
    load(&document, &format!("{OVERLAY}{channel}{actions}"))
}

#[test]
fn each_kind_of_request_is_read_by_its_schema() {
    let schema = "{type: object, properties: {jobs: {type: array, items: {type: object, properties: {owner: {type: string}}}}, free: {oneOf: [{type: string}, {type: object}]}, map: {type: object, additionalProperties: {type: string}}}}";
    let content = format!(
        "application/json: {{schema: {schema}}}, application/x-www-form-urlencoded: {{schema: {schema}}}, text/csv: {{}}, application/xml: {{schema: {schema}}}, text/xml: {{schema: {{allOf: [{schema}], xml: {{name: pet}}}}}}"
    );
    let role = "  - target: $.paths['/pets'].post..properties.owner\n    update: {x-covenant-role: customer}\n";
    let catalogue = request_mistakes(&content, role).unwrap();
    let request = catalogue.operation("addPet").unwrap().request.clone();
    let request = request.unwrap();
    let kinds: Vec<_> = request
        .contents
        .iter()
        .map(|one| &*one.media_type)
        .collect();
    // XML without a name for its outermost element is not in the catalogue, and so refused.
    let expected = [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/csv",
        "text/xml",
    ];
    assert_eq!(kinds, expected);
    assert!(request.contents[2].fields.is_none());
    let members = request.members();
    let paths: Vec<_> = members.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "$.free",
        "$.jobs",
        "$.jobs[*]",
        "$.jobs[*].owner",
        "$.map",
        "$.map.*",
    ];
    assert_eq!(paths, expected);
    assert_eq!(request.deciding_names, ["owner"]);
}

#[test]
fn a_role_of_a_request_that_nobody_could_read_is_a_mistake() {
    let json = |schema: &str| format!("application/json: {{schema: {schema}}}");
    let told = |schema: &str, update: &str| {
        let action =
            format!("  - target: $.paths['/pets'].post..properties.x\n    update: {{{update}}}\n");
        request_mistakes(&json(schema), &action)
            .err()
            .unwrap_or_default()
    };
    let open = "{type: object, properties: {a: {oneOf: [{type: array, items: {type: string}}, {type: object, properties: {x: {type: string}}}]}}}";
    assert_eq!(
        told(open, "x-covenant-role: customer"),
        ["overlay:15 `x-covenant-role` has no effect here"]
    );
    let text = "{type: object, properties: {x: {type: string}}}";
    assert_eq!(
        told(text, "x-covenant-role: include"),
        ["overlay:15 what can be asked for needs an `enum` in its schema"]
    );
    assert_eq!(
        told(
            text,
            "x-covenant-role: audience, x-covenant-operational: [a]"
        ),
        ["overlay:15 `x-covenant-operational` has no effect here"]
    );
    let words = "{type: object, properties: {x: {type: string, enum: [operational, marketing]}}}";
    assert_eq!(
        told(
            words,
            "x-covenant-role: use-type, x-covenant-operational: [operation]"
        ),
        [
            "overlay:15 `operation` is not one of the values of its schema did you mean `operational`?"
        ]
    );
    let object =
        "{type: object, properties: {x: {type: object, properties: {id: {type: string}}}}}";
    assert_eq!(
        told(object, "x-covenant-role: customer"),
        ["openapi:7 an id or a number must be a text or a number, not an object"]
    );
    let unnamed = request_mistakes(&json("{type: object}"), "").unwrap_err();
    assert_eq!(
        unnamed,
        ["openapi:7 a JSON request whose members are not named cannot be inspected"]
    );
}

#[test]
fn references_cannot_multiply_without_end() {
    let mut schemas = String::new();
    for level in 0..20 {
        let next = format!("{{$ref: '#/components/schemas/L{}'}}", level + 1);
        let properties = ["a", "b", "c", "d"]
            .map(|name| format!("{name}: {next}"))
            .join(", ");
        schemas.push_str(&format!(
            "    L{level}: {{type: object, properties: {{{properties}}}}}\n"
        ));
    }
    schemas.push_str("    L20: {type: string}\n");
    let document = DOCUMENT.replace(
        "name: {type: string}",
        "name: {type: string}\n        deep: {$ref: '#/components/schemas/L0'}",
    );
    let catalogue = load(&(document + &schemas), OVERLAY).unwrap();
    assert!(shape(&catalogue, "getPet").fields.len() <= 4_096);
    assert!(field(&catalogue, "getPet", "$.name").category.is_some());
}

#[test]
fn a_named_empty_value_matches_the_fields_pattern() {
    let document = DOCUMENT.replace(
        "name: {type: string}",
        "name: {type: string, pattern: '^[A-Z]{2}$'}",
    );
    let with = |word: &str| {
        let overlay = OVERLAY.replace("user.name", &format!("user.name, x-covenant-empty: {word}"));
        load(&document, &overlay).err().unwrap_or_default()
    };
    assert_eq!(with("ZZ"), Vec::<String>::new());
    assert_eq!(
        with("Z"),
        ["overlay:11 `x-covenant-empty` does not match the field's pattern"]
    );
}

#[test]
fn the_outermost_object_about_a_recipient_is_one_person() {
    let catalogue = shipped();
    let persons = |id: &str| {
        let mut found = Vec::new();
        fn walk(node: &Node, path: &str, found: &mut Vec<String>) {
            match node {
                Node::Scalar(_) => {}
                Node::Array(item) => walk(item, &format!("{path}[*]"), found),
                Node::Object(object) => {
                    if object.person {
                        found.push(path.to_owned());
                    }
                    for member in &object.members {
                        walk(&member.node, &format!("{path}.{}", member.name), found);
                    }
                }
            }
        }
        walk(&shape(&catalogue, id).root, "$", &mut found);
        found
    };
    assert_eq!(persons("getAddressList"), ["$.recipients[*]"]);
    // A loose text about the recipient makes the object around it the person.
    assert_eq!(persons("getJobTracking"), ["$.pieces[*]"]);
    assert_eq!(persons("listCustomers"), Vec::<String>::new());
    let key = field(&catalogue, "getJobTracking", "$.customer_id");
    assert!(!key.recipient);
}

#[test]
fn people_who_cannot_be_told_apart_are_mistakes() {
    let with = |schema: &str, subject: &str| {
        let document = DOCUMENT.replace(
            "        name: {type: string}\n",
            &format!("        name: {{type: string}}\n        to:\n{schema}"),
        );
        let update =
            format!("{OVERLAY}  - target: $..properties.to.items\n    update: {{{subject}}}\n");
        load(&document, &update).err().unwrap_or_default()
    };
    let texts = "          type: array\n          items: {type: string}\n";
    let subject = "x-covenant-data-category: user.name, x-covenant-data-subject: recipient";
    let wrong = with(texts, subject);
    assert!(
        wrong
            .iter()
            .any(|told| told.contains("a list of texts about recipients")),
        "{wrong:?}"
    );
    let list = "          type: array\n          items: {type: object, properties: {people: {type: array, \
                items: {type: object, properties: {name: {type: string, x-covenant-data-category: \
                user.name}}}}}}\n";
    let wrong = with(list, "x-covenant-data-subject: recipient");
    assert!(
        wrong
            .iter()
            .any(|told| told.contains("a list of people within one recipient")),
        "{wrong:?}"
    );
}
