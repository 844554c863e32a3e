//! What is remarked of the shipped policies, and of some that were edited.

use std::path::Path;

use jiff::civil::date;

use super::*;

const TODAY: Date = date(2026, 11, 22);

/// The remarks about the shipped policies after one replacement in one file: `topic about: message
/// [fields]`.
fn remarks_after(file: &str, from: &str, to: &str) -> Vec<String> {
    let mut mistakes = Mistakes::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let shipped = Folder::read(&shipped, &mut mistakes);
    let files = shipped.files().map(|(name, source)| {
        let text = source.text();
        assert!(name != file || text.contains(from), "{from}");
        let text = if name == file {
            text.replacen(from, to, 1)
        } else {
            text.to_owned()
        };
        (name.to_owned(), text)
    });
    let folder = Folder::of("policies", files, &mut mistakes);
    let rules = Rules::load(&folder, None, TODAY, &mut mistakes);
    let rules = rules.unwrap_or_else(|| panic!("{:#?}", mistakes.sorted()));
    let told = of(&rules, &folder, TODAY, &mistakes)
        .into_iter()
        .map(|remark| {
            let (topic, about) = (remark.topic.word(), remark.about);
            let line = remark.place.map(|(_, line)| line);
            format!(
                "{topic} {about} {line:?}: {} {:?}",
                remark.message, remark.fields
            )
        });
    told.collect()
}

/// Those that a replacement adds.
fn added_by(file: &str, from: &str, to: &str) -> Vec<String> {
    let before = remarks_after(file, from, from);
    let mut after = remarks_after(file, from, to);
    after.retain(|remark| !before.contains(remark));
    after
}

#[test]
fn fields_without_category_are_told_once_with_every_operation_they_are_in() {
    let found = remarks_after("partners/acme.yaml", "acme", "acme");
    let notes: Vec<_> = found
        .iter()
        .filter(|told| told.contains("\"$.support_notes\""))
        .collect();
    assert_eq!(notes.len(), 1, "{found:?}");
    let expected = "fields-without-category createCustomer, getCustomer None";
    assert!(notes[0].starts_with(expected), "{notes:?}");
}

#[test]
fn a_text_that_leaves_in_clear_and_may_be_anything_is_told_with_every_operation_it_is_in() {
    let shipped = remarks_after("partners/acme.yaml", "acme", "acme");
    assert!(
        !shipped
            .iter()
            .any(|told| told.starts_with("fields-unbounded")),
        "{shipped:?}"
    );
    let bounds = "['name','organization']\n    update: {maxLength: 128}";
    let less = "['organization']\n    update: {maxLength: 128}";
    let found = added_by("catalogue/mailing.overlay.yaml", bounds, less);
    // Crest gets names as pseudonyms alone, acme in clear: of customers and on address lists.
    assert!(
        !found.is_empty()
            && found
                .iter()
                .all(|told| told.starts_with("fields-unbounded "))
    );
    let expected = "fields-unbounded createCustomer, getCustomer None:  [\"$.name\"]";
    assert!(found.iter().any(|told| told == expected), "{found:?}");
    // A part of a telephone number leaves, and no such thing in clear.
    let phone = "['partner_id','phone']\n    update: {maxLength: 64}";
    let less = "['partner_id']\n    update: {maxLength: 64}";
    assert_eq!(
        added_by("catalogue/mailing.overlay.yaml", phone, less),
        Vec::<String>::new()
    );
}

#[test]
fn what_leaves_made_up_where_it_is_withheld_is_told_with_what_stands_there() {
    let mut found = added_by(
        "partners/crest.yaml",
        "user.contact.address: clear",
        "user.contact.address: pseudonym",
    );
    found.retain(|told| told.starts_with("fields-made-up "));
    let at = |operation: &str, path: &str| {
        format!(
            "fields-made-up {operation} None:  [\"{path}.country (\\\"ZZ\\\")\", \"{path}.postal_code \
             (\\\"00000\\\")\", \"{path}.state (\\\"ZZ\\\")\"]"
        )
    };
    let expected = [
        at("getCustomer", "$.address"),
        at("getJobTracking", "$.pieces[*].recipient.address"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_operation_without_channel_is_told_and_an_exception_that_ended() {
    let found = added_by(
        "catalogue/mailing.overlay.yaml",
        "  - target: $.paths['/v1/page_views'].get\n    update: {x-covenant-channel: list}\n",
        "",
    );
    // What is said of its records stays, and takes effect once it is served.
    assert_eq!(found.len(), 2, "{found:?}");
    let (fields, unserved) = found.split_at(1);
    let fields_elsewhere = fields.iter().all(|told| {
        told.starts_with("fields-without-category ") && !told.contains("listPageViews")
    });
    assert!(fields_elsewhere, "{found:?}");
    assert!(unserved[0].starts_with("operation-not-served listPageViews Some("));
    let found = remarks_after("partners/acme.yaml", "acme", "acme");
    let ended: Vec<_> = found
        .iter()
        .filter(|told| told.starts_with("exception-ended acme"))
        .collect();
    assert_eq!(ended.len(), 1, "{found:?}");
    assert!(ended[0].contains("on 2026-03-31"), "{ended:?}");
}

#[test]
fn what_a_contract_asks_for_beyond_the_promises_is_told() {
    let mut found = added_by(
        "partners/acme.yaml",
        "  user.content.private: clear\n",
        "  user.content.private: clear\n  user.behavior: clear\n  user.financial: clear\n",
    );
    // The lines below it are others now.
    found.retain(|told| told.starts_with("contract "));
    let never = "the promises never let it leave for its purposes and operations";
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|told| told.ends_with(&format!("{never} []"))),
        "{found:?}"
    );
    let found = added_by(
        "partners/bluebird.yaml",
        "user.behavior: aggregate",
        "user.behavior: clear",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    let asked = "contract bluebird Some(27): it asks for `user.behavior` in clear; the promises \
                 allow at most: in figures over groups []";
    assert_eq!(found[0], asked);
    let mut found = added_by(
        "partners/crest.yaml",
        "user.contact.address: clear",
        "user.contact.address: pseudonym",
    );
    found.retain(|told| told.starts_with("contract "));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("as a pseudonym; these fields have no such form"),
        "{found:?}"
    );
    assert!(
        found[0].contains("getCustomer $.address.postal_code"),
        "{found:?}"
    );
    assert!(!found[0].contains("$.address.city"), "{found:?}");
    let found = added_by(
        "partners/crest.yaml",
        "  - getCustomer\n",
        "  - getCustomer\n  - exportCustomers\n",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`exportCustomers` can be called for none of its purposes"));
}

#[test]
fn large_answers_that_a_contract_opens_for_nothing_are_told() {
    let opened = |operations: &str| {
        let from = "operations:\n  - getCustomer\n  - listJobs\n  - getJob\n  - createJob\n  - submitJob\n  \
                    - cancelJob\n  - getJobTracking\n  - uploadDocument\npage_records_max: 25\n";
        let to = format!(
            "operations:\n{operations}page_records_max: 25\nlarge_answer_records_max: 1000\n"
        );
        let mut found = remarks_after("partners/crest.yaml", from, &to);
        found.retain(|told| told.contains("`large_answer_records_max` opens nothing"));
        found
    };
    let found = opened("  - getCustomer\n  - createJob\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("contract crest Some("), "{found:?}");
    assert_eq!(opened("  - getCustomer\n  - listJobs\n"), [""; 0]);
}

#[test]
fn an_answer_that_does_not_name_what_a_call_creates_is_told() {
    let more = |answer: &str| {
        let from = "      operationId: createJob\n";
        let file = "catalogue/mailing.openapi.yaml";
        let place = "      responses:\n        '201':";
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("policies")
            .join(file);
        let text = std::fs::read_to_string(shipped).unwrap();
        let begins = text.find(from).unwrap();
        let ends = begins + text[begins..].find(place).unwrap() + place.len();
        let old = &text[begins..ends];
        let new = old.replace(place, &format!("      responses:\n{answer}        '201':"));
        let mut found = remarks_after(file, old, &new);
        found.retain(|told| told.starts_with("created-unnamed"));
        found
    };
    assert_eq!(more(""), [""; 0]);
    let empty = more("        '204': {description: Made}\n");
    assert_eq!(empty.len(), 1, "{empty:?}");
    assert!(empty[0].starts_with("created-unnamed createJob None: 204: nobody can ask for"));
    let other = more(
        "        '202':\n          description: Taken\n          content: {application/json: {schema: \
         {type: object, properties: {state: {type: string}}}}}\n",
    );
    assert_eq!(other.len(), 1, "{other:?}");
    assert!(other[0].contains("202: the core has done it, and the partner is told 502"));
}

#[test]
fn mistakes_of_promises_catalogue_and_contracts_are_told_in_one_run() {
    let mut mistakes = Mistakes::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let shipped = Folder::read(&shipped, &mut mistakes);
    let files = shipped.files().map(|(name, source)| {
        let text = source.text();
        let text = match name {
            "schema.cedarschema" => text.replace("\"dealer\"", "\"deeler\""),
            "promises.cedar" => text.replace("Purpose::\"sales\"", "Purpose::\"salse\""),
            "partners/acme.yaml" => text
                .replace("kind: reseller", "kind: reseler")
                .replace("- getJobTracking", "- getJobTracing"),
            "partners/crest.yaml" => text.replace("- getJob\n", "- getJub\n"),
            "catalogue/mailing.overlay.yaml" => text.replace("user.payment", "user.paiment"),
            _ => text.to_owned(),
        };
        (name.to_owned(), text)
    });
    let folder = Folder::of("", files, &mut mistakes);
    assert!(Rules::load(&folder, None, TODAY, &mut mistakes).is_none());
    let told: Vec<&str> = mistakes.sorted().iter().map(|one| one.message()).collect();
    for word in [
        "deeler",
        "salse",
        "reseler",
        "getJobTracing",
        "getJub",
        "user.paiment",
    ] {
        let times = told.iter().filter(|message| message.contains(word)).count();
        assert_eq!(times, 1, "{word}: {told:#?}");
    }
    assert_eq!(mistakes.by_file().len(), 5);
}

#[test]
fn credentials_that_are_good_in_any_hands_are_told() {
    let digest = "A".repeat(43);
    let clients = "\n  clients:";
    let more = format!(
        "\n  token_bindings: [certificate, none]\n  api_keys: [{{prefix: covenant_abcdefghij23, sha256: {digest}}}]{clients}"
    );
    let added = added_by("partners/acme.yaml", clients, &more);
    let told: Vec<_> = added
        .iter()
        .filter(|told| told.starts_with("credential-copied acme Some("))
        .collect();
    assert_eq!(told.len(), 2, "{added:?}");
    assert!(told.iter().any(|told| told.contains("bound to nothing")));
    assert!(
        told.iter()
            .any(|told| told.contains("`covenant_abcdefghij23`"))
    );
    let bound = added_by(
        "partners/acme.yaml",
        clients,
        &format!("\n  token_bindings: [dpop]{clients}"),
    );
    assert!(
        !bound.iter().any(|told| told.contains("credential-copied")),
        "{bound:?}"
    );
}
