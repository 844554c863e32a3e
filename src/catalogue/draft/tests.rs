//! Whole drafts: of a small service, of large, split and hostile documents.

use std::fmt::Write as _;
use std::path::Path;

use super::*;

/// A service as vendors describe them: 3.0, no ids in places, a list, an export, a webhook, a document.
const MAIL: &str = r"openapi: 3.0.3
info: {title: Mail, version: '1'}
paths:
  /letters:
    parameters:
      - {name: limit, in: query, schema: {type: integer}}
      - {name: account_id, in: query, schema: {type: string}}
    get:
      operationId: letters
      responses:
        '200':
          description: a page
          content: {application/json: {schema: {$ref: '#/components/schemas/LetterList'}}}
        default: {description: any}
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                account_id: {type: string}
                use_type: {type: string, enum: [marketing, operational]}
                file_id: {type: string}
      responses:
        '201':
          description: the letter
          content: {application/json: {schema: {$ref: '#/components/schemas/Letter'}}}
  /letters/{letter_id}:
    get:
      operationId: letter
      parameters: [{name: letter_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: the letter
          content: {application/json: {schema: {$ref: '#/components/schemas/Letter'}}}
  /letters/{letter_id}/pdf:
    get:
      operationId: letterAsPrinted
      parameters: [{name: letter_id, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: pdf, content: {application/pdf: {schema: {type: string}}}}}
  /letters.csv:
    get:
      operationId: everything
      responses: {'200': {description: csv, content: {text/csv: {schema: {type: string}}}}}
  /webhooks:
    post:
      operationId: hook
      responses: {'204': {description: done}}
components:
  schemas:
    LetterList:
      allOf:
        - type: object
          required: [count]
          properties:
            count: {type: integer}
            next_url: {type: string, format: uri, nullable: true}
        - properties:
            data: {type: array, items: {$ref: '#/components/schemas/Letter'}}
    Letter:
      type: object
      required: [id, status]
      properties:
        id: {type: string}
        account_id: {type: string}
        status: {type: string, enum: [draft, mailed]}
        to: {$ref: '#/components/schemas/Address'}
        reply_before: {$ref: '#/components/schemas/Letter'}
        merge: {type: object, additionalProperties: {type: string}}
        shape: {oneOf: [{type: string}, {type: integer}]}
    Address:
      type: object
      properties:
        name: {type: string}
        email: {type: string, format: email}
        address_line1: {type: string}
        address_zip: {type: string}
        memo: {type: string}
";

fn draft_of(text: &str) -> Result<Draft, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.yaml");
    std::fs::write(&path, text).unwrap();
    read(&path)
}

fn read(path: &Path) -> Result<Draft, Vec<String>> {
    let mut mistakes = Mistakes::new();
    let draft = Draft::read(path, "mail", &mut mistakes);
    let told = mistakes.sorted().into_iter();
    draft.ok_or_else(|| told.map(|mistake| mistake.message().to_owned()).collect())
}

/// The lines that can be taken, with the draft that has all of them.
fn lines(draft: &Draft) -> (Vec<&str>, String) {
    let can_be_taken = |line: &&str| line.starts_with("#   - {");
    let lines = draft.overlay.lines().filter(can_be_taken).collect();
    (lines, draft.overlay.replace("\n#   - {", "\n  - {"))
}

fn catalogue(draft: &Draft, overlay: &str) -> Catalogue {
    assert_eq!(
        trial("mail", &draft.document, overlay),
        Vec::<String>::new()
    );
    let files = [
        (DOCUMENT_SUFFIX, &*draft.document),
        (OVERLAY_SUFFIX, overlay),
    ];
    let files = files.map(|(suffix, text)| (format!("catalogue/mail{suffix}"), text.to_owned()));
    let mut mistakes = Mistakes::new();
    let folder = Folder::of("", files, &mut mistakes);
    Catalogue::load(&folder, &mut mistakes).unwrap()
}

#[test]
fn a_draft_opens_nothing_and_classifies_nothing() {
    let draft = draft_of(MAIL).unwrap();
    let catalogue = catalogue(&draft, &draft.overlay);
    assert!(catalogue.operations.is_empty());
    assert_eq!(&*draft.document, MAIL);
    let (lines, _) = lines(&draft);
    assert!(lines.len() > 15, "{}", draft.overlay);
}

#[test]
fn every_guess_says_what_it_rests_on_beside_its_line() {
    let draft = draft_of(MAIL).unwrap();
    for part in [
        "  # decide: looks like user.contact.email (name `email`, format email)\n\
         #   - {target: \"$.components.schemas.Address.properties.email\", update: \
         {x-covenant-data-category: user.contact.email}}\n",
        "  # decide its channel; looks like export: `csv` in its path or id\n\
         #   - {target: \"$.paths['/letters.csv'].get\", update: {x-covenant-channel: export}}\n",
        "update: {operationId: createLetters, x-covenant-channel: write, x-covenant-creates: job}}\n",
        "update: {schema: {maximum: 100}, x-covenant-role: page-size}}\n",
        "stands there when it is withheld (`x-covenant-empty`): each says something, so none is proposed: \
         \"draft\", \"mailed\"\n",
        "  # $.components.schemas.LetterList.allOf[0].properties.next_url withheld: a link",
        "  # $.components.schemas.Letter.properties.reply_before: it holds itself; left out",
    ] {
        assert!(draft.overlay.contains(part), "{part}\n{}", draft.overlay);
    }
}

#[test]
fn operations_and_fields_come_with_their_guesses() {
    let draft = draft_of(MAIL).unwrap();
    let told: Vec<String> = draft
        .operations
        .iter()
        .map(|one| format!("{} {}", one.id, one.channel.word()))
        .collect();
    assert_eq!(
        told,
        [
            "letters list",
            "createLetters write",
            "letter record",
            "letterAsPrinted document",
            "everything export",
            "hook webhook",
        ]
    );
    assert!(draft.operations[1].id_is_made);
    assert_eq!(draft.uncarried.len(), 3);
    assert_eq!(draft.fields.len(), 10);
}

#[test]
fn with_every_guess_taken_the_whole_service_loads() {
    let draft = draft_of(MAIL).unwrap();
    // Which status stands where none may leave, a person says.
    assert_eq!(draft.remaining.len(), 1, "{:?}", draft.remaining);
    assert!(draft.remaining[0].contains("needs `x-covenant-empty`"));
    let draft = draft_of(&MAIL.replace("[draft, mailed]", "[draft, mailed, unknown]")).unwrap();
    assert_eq!(draft.remaining, Vec::<String>::new());
    let (_, taken) = lines(&draft);
    assert_eq!(catalogue(&draft, &taken).operations.len(), 6);
}

#[test]
fn what_stands_for_a_withheld_word_is_one_that_says_nothing_or_is_left_to_a_person() {
    for (words, proposed) in [
        ("[Y, N, '']", Some("\"\"")),
        ("[deliverable, other, UNKNOWN]", Some("UNKNOWN")),
        ("[letter, Not Available]", Some("\"Not Available\"")),
        ("[residential, None]", Some("None")),
        ("[deliverable, undeliverable]", None),
        ("['Y', 'N']", None),
        ("[letter]", None),
    ] {
        let draft = draft_of(&MAIL.replace("[draft, mailed]", words)).unwrap();
        let found = draft.overlay.split("x-covenant-empty: ").nth(1);
        let found = found.and_then(|rest| rest.split('}').next());
        assert_eq!(found, proposed, "{words}");
        let left = proposed.is_none() && words != "[letter]";
        assert_eq!(draft.overlay.contains("none is proposed"), left, "{words}");
        assert_eq!(draft.remaining.is_empty(), !left, "{words}");
    }
}

#[test]
fn each_line_can_be_taken_by_itself() {
    let draft = draft_of(MAIL).unwrap();
    let (lines, _) = lines(&draft);
    for line in lines {
        let overlay = draft.overlay.replace(line, line.trim_start_matches("# "));
        let wrong = trial("mail", &draft.document, &overlay);
        let of_form = |told: &&String| {
            [
                "JSONPath",
                "matches nothing",
                "unknown key",
                "not valid YAML",
            ]
            .iter()
            .any(|part| told.contains(part))
        };
        assert_eq!(wrong.iter().find(of_form), None, "{line}");
    }
}

#[test]
fn what_would_still_be_wrong_is_found_out() {
    let text = MAIL.replace("required: [id, status]", "required: [id, status, shape]");
    let draft = draft_of(&text).unwrap();
    assert!(
        draft
            .remaining
            .iter()
            .any(|told| told.contains("`$.shape` is required")),
        "{:?}",
        draft.remaining
    );
    assert!(
        draft
            .overlay
            .contains("required, so its operations cannot be opened")
    );
}

/// A document of 300 operations over schemas that refer to each other in circles.
fn large() -> String {
    let mut text = String::from("openapi: 3.1.0\ninfo: {title: Large, version: '1'}\npaths:\n");
    for number in 0..150 {
        write!(
            text,
            r"  /things{number}:
    get:
      summary: A page of things
      tags: [things]
      parameters:
        - $ref: '#/components/parameters/limit'
        - {{name: cursor, in: query, schema: {{type: string}}}}
      responses:
        '200':
          description: a page
          content:
            application/json:
              schema:
                type: array
                items: {{$ref: '#/components/schemas/Thing{number}'}}
        default: {{description: an error}}
  /things{number}/{{id}}:
    get:
      operationId: getThing{number}
      parameters:
        - {{name: id, in: path, required: true, schema: {{type: string}}}}
      responses:
        '200':
          description: one
          content:
            application/json:
              schema: {{$ref: '#/components/schemas/Thing{number}'}}
"
        )
        .unwrap();
    }
    text.push_str("components:\n  parameters:\n    limit: {name: limit, in: query, schema: {type: integer, maximum: 50}}\n  schemas:\n");
    for number in 0..150 {
        let next = (number + 1) % 150;
        write!(
            text,
            r"    Thing{number}:
      type: object
      description: A thing that leads to the next
      required: [id, customer_id]
      properties:
        id: {{type: string}}
        customer_id: {{type: string}}
        email: {{type: [string, 'null'], format: email}}
        next: {{$ref: '#/components/schemas/Thing{next}'}}
        extra: {{type: object, additionalProperties: true}}
"
        )
        .unwrap();
    }
    text
}

#[test]
fn a_document_of_five_thousand_lines_and_circles_is_drafted() {
    let text = large();
    assert!(text.lines().count() > 5_000, "{}", text.lines().count());
    let draft = draft_of(&text).unwrap();
    assert_eq!(draft.operations.len(), 300);
    assert_eq!(draft.fields.len(), 450);
    let made = draft.operations.iter().filter(|one| one.id_is_made);
    assert_eq!(made.count(), 150);
}

#[test]
fn what_is_not_openapi_3_is_refused_in_words() {
    for (text, part) in [
        ("swagger: '2.0'\npaths: {}\n", "convert it"),
        ("openapi: 4.0.0\npaths: {}\n", "3.0 or 3.1"),
        ("[1]\n", "not an OpenAPI document"),
        ("a: [\n", "not valid YAML"),
    ] {
        let told = draft_of(text).unwrap_err();
        assert!(told.iter().any(|told| told.contains(part)), "{told:?}");
    }
}

#[test]
fn names_made_to_break_out_of_a_comment_do_not() {
    let text = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {
        "/a\n  - {target: $, update: {x: 1}}": {"get": {"operationId": "b\n  - {target: $, update: {}}",
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "object",
        "required": ["email'\n#   - {"],
        "properties": {"email'\n#   - {": {"type": "string", "enum": ["\n- x: {}", "\n"]}, "\\": {"type": "string", "format": "email"}}}}}}}}}}}"#;
    let draft = draft_of(text).unwrap();
    let catalogue = catalogue(&draft, &draft.overlay);
    assert!(catalogue.operations.is_empty());
    let (lines, _) = lines(&draft);
    assert_eq!(lines.len(), 3, "{}", draft.overlay);
}

#[test]
fn an_operation_that_the_filter_cannot_read_does_not_hinder_the_others() {
    let text = MAIL.replace(
        "  /webhooks:",
        "  /odd/{a}.{b}:\n    get: {responses: {default: {description: any}}}\n    \
         put:\n      requestBody: {content: {application/xml: {schema: {type: string}}}}\n      \
         responses: {'200': {description: x, content: {application/json: {schema: {oneOf: [{type: string}, {type: object}]}}}}}\n  /webhooks:",
    );
    let draft = draft_of(&text).unwrap();
    assert!(catalogue(&draft, &draft.overlay).operations.is_empty());
    assert_eq!(draft.operations.len(), 8);
    assert!(!draft.remaining.is_empty());
    let put = draft
        .operations
        .iter()
        .find(|one| one.method == "PUT")
        .unwrap();
    assert_eq!(put.uninspectable, ["takes application/xml"]);
}

/// A service that answers in XML and CSV alone.
const LISTS: &str = r"openapi: 3.1.0
info: {title: Lists, version: '1'}
paths:
  /addressLists:
    get:
      operationId: addressLists
      responses: {'200': {description: ok, content: {application/xml: {schema: {$ref: '#/components/schemas/addressLists'}}}}}
    post:
      operationId: addList
      responses: {'201': {description: ok, content: {text/xml: {schema: {$ref: '#/components/schemas/addressList'}}}}}
  /addressLists/{id}:
    get:
      operationId: addressList
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {'200': {description: ok, content: {application/vnd.lists+xml: {schema: {$ref: '#/components/schemas/addressList'}}}}}
  /members:
    get:
      operationId: members
      responses:
        '200': {description: ok, content: {text/csv: {schema: {type: array, items: {$ref: '#/components/schemas/Member'}}}}}
components:
  schemas:
    addressLists:
      type: object
      properties:
        status: {type: integer}
        list: {type: array, items: {$ref: '#/components/schemas/addressList'}}
    addressList:
      type: object
      properties:
        id: {type: integer, xml: {attribute: true}}
        account_id: {type: integer}
        email: {type: string, format: email}
        address: {$ref: '#/components/schemas/address'}
    address: {type: object, properties: {First_name: {type: string}, city: {type: string}}}
    Member: {type: object, properties: {customer_id: {type: string}, last_name: {type: string}}}
";

#[test]
fn answers_in_xml_and_csv_are_drafted_field_by_field_as_json_is() {
    let draft = draft_of(LISTS).unwrap();
    let told = draft.operations.iter().map(|one| {
        assert!(one.uninspectable.is_empty(), "{one:?}");
        format!("{} {}", one.id, one.channel.word())
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "addressLists list",
            "addList write",
            "addressList record",
            "members export"
        ]
    );
    for part in [
        "{target: \"$.components.schemas.address.properties.First_name\", update: \
         {x-covenant-data-category: user.name.first}}",
        "{target: \"$.components.schemas.addressList\", update: {x-covenant-record: true}}",
        "{target: \"$.components.schemas.addressList.properties.account_id\", update: \
         {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}}",
        "{x-covenant-channel: write, x-covenant-creates: list}",
        "{x-covenant-data-category: system.operations, x-covenant-resource-id: list}",
        "{target: \"$.components.schemas.Member\", update: {x-covenant-record: true}}",
        "{x-covenant-data-category: user.name.last}",
    ] {
        assert!(draft.overlay.contains(part), "{part}\n{}", draft.overlay);
    }
    assert!(!draft.overlay.contains(".content["), "{}", draft.overlay);
    let (_, taken) = lines(&draft);
    let catalogue = catalogue(&draft, &taken);
    assert_eq!(catalogue.operations.len(), 4);
    for operation in &catalogue.operations {
        let body = &operation.answers[0].body;
        assert!(matches!(body, crate::catalogue::Body::Data { .. }));
    }
}

#[test]
fn nothing_that_a_filter_could_read_is_proposed_as_a_document() {
    let whole = "{schema: {$ref: '#/components/schemas/addressList'}}";
    for content in [
        "application/xml: {schema: {type: string}}",
        "application/xml: {schema: {oneOf: [{type: string}, {type: object}]}}",
        "text/csv: {}",
        "application/json: {}",
        "application/x-ndjson: {schema: {}}",
    ] {
        let text = LISTS.replace(&format!("application/vnd.lists+xml: {whole}"), content);
        let draft = draft_of(&text).unwrap();
        assert!(!draft.overlay.contains("user.content"), "{}", draft.overlay);
        assert_ne!(draft.operations[2].channel, Channel::Document, "{content}");
        let told = !draft.operations[2].uninspectable.is_empty() || !draft.uncarried.is_empty();
        assert!(told, "{content}: {}", draft.overlay);
    }
}

#[test]
fn of_several_contents_of_one_answer_that_is_drafted_which_the_core_is_asked_for() {
    let xml = "application/xml: {schema: {$ref: '#/components/schemas/addressLists'}}";
    let both = format!(
        "{xml}, application/json: {{schema: {{type: object, properties: {{mode: {{type: string}}}}}}}}, \
         application/pdf: {{}}"
    );
    let draft = draft_of(&LISTS.replace(xml, &both)).unwrap();
    assert!(
        draft.overlay.contains("properties.mode"),
        "{}",
        draft.overlay
    );
    assert!(
        !draft.overlay.contains("schemas.addressLists"),
        "{}",
        draft.overlay
    );
    assert_eq!(draft.remaining, Vec::<String>::new());
}

#[test]
fn an_xml_answer_whose_outermost_element_has_no_name_says_so() {
    let text = LISTS.replace(
        "{$ref: '#/components/schemas/addressLists'}",
        "{type: array, items: {$ref: '#/components/schemas/addressList'}}",
    );
    let draft = draft_of(&text).unwrap();
    for pointer in ["schema", "schema.items"] {
        let told =
            format!("['application/xml'].{pointer}: nothing says what this element is called");
        assert!(draft.overlay.contains(&told), "{}", draft.overlay);
    }
    assert!(!draft.remaining.is_empty());
    let named = text.replace(
        "{type: array, items: {$ref: '#/components/schemas/addressList'}}",
        "{type: array, xml: {name: a}, items: {xml: {name: b}, $ref: '#/components/schemas/addressList'}}",
    );
    let draft = draft_of(&named).unwrap();
    assert_eq!(draft.remaining, Vec::<String>::new());
    assert!(!draft.overlay.contains("nothing says what this element"));
}
