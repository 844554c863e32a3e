//! A service that the catalogue does not have yet: its document imported, its draft checked, a first
//! decision taken; and what editors and formatters do for the files.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::program::{Ended, run};

/// A document as vendors keep theirs: a file for each thing, with what no filter carries here and there.
const FILES: [(&str, &str); 9] = [
    (
        "api/post.yaml",
        r"openapi: 3.0.3
info:
  title: Post
  version: '3'
  description: {$ref: about.md}
paths:
  /letters: {$ref: letters/collection.yaml}
  /letters/{letter_id}: {$ref: letters/one.yaml}
  /hooks: {$ref: hooks.yaml}
",
    ),
    ("api/about.md", "# Letters\n\nBy *post*: each day.\n"),
    (
        "api/letters/collection.yaml",
        r"get:
  operationId: letters_list
  parameters:
    - $ref: ../common/limit.yaml
    - name: date_sent
      in: query
      style: deepObject
      schema: {type: object, additionalProperties: {type: string}}
  responses:
    '200':
      description: A page
      content:
        application/json:
          schema:
            allOf:
              - $ref: ../common/page.yaml
              - type: object
                properties:
                  data: {type: array, items: {$ref: letter.yaml}}
    default: {$ref: ../common/error.yaml#/answer}
post:
  requestBody:
    content:
      multipart/form-data:
        schema: {$ref: letter.yaml}
  responses:
    '200': {description: sent, content: {application/json: {schema: {$ref: letter.yaml}}}}
",
    ),
    (
        "api/letters/one.yaml",
        r"parameters:
  - {name: letter_id, in: path, required: true, schema: {type: string, pattern: '^ltr_[a-z0-9]+$'}}
get:
  operationId: letter_retrieve
  responses:
    '200': {description: one, content: {application/json: {schema: {$ref: letter.yaml}}}}
delete:
  operationId: letter_delete
  responses:
    '200': {description: gone, content: {application/json: {schema: {type: object, properties: {id: {type: string}, deleted: {type: boolean}}}}}}
",
    ),
    (
        "api/letters/letter.yaml",
        r"type: object
required: [id, object, to, metadata]
properties:
  id: {$ref: '#/$defs/id'}
  object: {type: string, enum: [letter]}
  account_id: {type: string}
  to: {$ref: ../common/address.yaml}
  from:
    oneOf: [{$ref: ../common/address.yaml}, {type: string}]
  metadata: {type: object, additionalProperties: {type: string, maxLength: 500}}
  answers: {$ref: letter.yaml}
  url: {type: string, format: uri}
$defs:
  id: {type: string, pattern: '^ltr_[a-z0-9]+$'}
",
    ),
    (
        "api/common/address.yaml",
        r"type: object
required: [address_line1]
properties:
  name: {type: string, nullable: true}
  address_line1: {type: string, maxLength: 64}
  address_zip: {type: string}
  email: {type: string, nullable: true}
",
    ),
    (
        "api/common/page.yaml",
        "type: object\nproperties:\n  count: {type: integer}\n  next_url: {type: string, nullable: true}\n",
    ),
    (
        "api/common/limit.yaml",
        "name: limit\nin: query\nschema: {type: integer, minimum: 1, maximum: 100, default: 10}\n",
    ),
    (
        "api/hooks.yaml",
        "post:\n  operationId: hooks_add\n  requestBody: {content: {application/json: {schema: {type: object, properties: {url: {type: string}}}}}}\n  responses: {'201': {description: added}}\n",
    ),
];

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder with the starting policies and the vendor's document.
async fn place() -> tempfile::TempDir {
    let place = tempdir().unwrap();
    run(place.path(), "init .").await.with(0);
    for (name, text) in FILES {
        write(place.path(), name, text);
    }
    let error =
        "answer:\n  description: wrong\n  content: {application/json: {schema: {type: object}}}\n";
    write(place.path(), "api/common/error.yaml", error);
    place
}

async fn covenant(place: &tempfile::TempDir, words: &str) -> Ended {
    run(place.path(), words).await
}

#[tokio::test]
async fn a_split_document_is_imported_checked_and_opened_one_decision_at_a_time() {
    let place = place().await;
    let told = covenant(&place, "policy import-openapi api/post.yaml")
        .await
        .with(0);
    for part in [
        "post: 5 operations",
        "from 10 files",
        "write: 2",
        "POST /letters (POST changes something), without an id of its own",
        "webhook: 1; the shipped promises refuse these",
        "(required): an object without named members",
        "covenant policy check --dir policies",
    ] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    // What can be inspected needs no decision.
    assert!(!told.out.contains("takes multipart/form-data"), "{told:?}");
    covenant(&place, "policy check").await.with(0);

    let overlay = place.path().join("policies/catalogue/post.overlay.yaml");
    let draft = fs::read_to_string(&overlay).unwrap();
    let delete = "#   - {target: \"$.paths['/letters/{letter_id}'].delete\"";
    assert!(draft.contains(delete), "{draft}");
    fs::write(
        &overlay,
        draft.replace(delete, delete.trim_start_matches("# ")),
    )
    .unwrap();
    covenant(&place, "policy check").await.with(0);

    let whole = draft.replace("\n#   - {", "\n  - {");
    fs::write(&overlay, whole).unwrap();
    let wrong = covenant(&place, "policy check").await.with(3);
    assert!(wrong.out.contains("`$.metadata` is required"), "{wrong:?}");
}

#[tokio::test]
async fn an_import_overwrites_nothing_and_can_be_looked_at_first() {
    let place = place().await;
    let looked = covenant(&place, "policy import-openapi api/post.yaml --print")
        .await
        .with(0);
    assert!(looked.out.starts_with("# A draft."), "{looked:?}");
    assert!(looked.err.contains("5 operations"), "{looked:?}");
    let overlay = place.path().join("policies/catalogue/post.overlay.yaml");
    assert!(!overlay.exists());
    let imported = covenant(&place, "policy import-openapi api/post.yaml -o json")
        .await
        .with(0);
    assert_eq!(imported.json()["operations"].as_array().unwrap().len(), 5);
    assert_eq!(fs::read_to_string(&overlay).unwrap(), looked.out);
    let refused = covenant(&place, "policy import-openapi api/post.yaml")
        .await
        .with(1);
    assert!(refused.err.contains("never overwritten"), "{refused:?}");
    write(
        place.path(),
        "api/bad.yaml",
        "openapi: 3.0.0\npaths: {/a: {$ref: 'https://a.example/b.yaml'}}\n",
    );
    let refused = covenant(&place, "policy import-openapi api/bad.yaml")
        .await
        .with(3);
    assert!(refused.err.contains("is not fetched"), "{refused:?}");
}

#[tokio::test]
async fn schemas_are_written_for_editors_and_rules_laid_out() {
    let place = place().await;
    let told = covenant(&place, "policy schema --write schemas")
        .await
        .with(0);
    assert!(
        told.out.contains("# yaml-language-server: $schema="),
        "{told:?}"
    );
    let printed = covenant(&place, "policy schema contract").await.with(0);
    assert_eq!(printed.json()["properties"]["kind"]["enum"][0], "dealer");
    covenant(&place, "policy schema").await.with(2);

    covenant(&place, "policy fmt --check").await.with(0);
    let promises = place.path().join("policies/promises.cedar");
    let text = fs::read_to_string(&promises).unwrap();
    fs::write(
        &promises,
        text.replace("unless { principal", "unless {principal"),
    )
    .unwrap();
    let found = covenant(&place, "policy fmt --check").await.with(3);
    assert!(found.out.contains("promises.cedar"), "{found:?}");
    covenant(&place, "policy fmt").await.with(0);
    assert_eq!(fs::read_to_string(&promises).unwrap(), text);
}
