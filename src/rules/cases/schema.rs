//! The JSON Schema of a file of policy cases, `tests/*.yaml`, for editors. Whether partners, operations and
//! fields exist, only running the cases tells.

use serde_json::{Value, json};

use super::request::METHODS;
use super::{Decision, Leaves};
use crate::refusal::Code;
use crate::source::schema::{boolean, date, file, integer, list, mapping, one_of, text};
use crate::taxonomy::{Category, Purpose};

/// The schema.
pub fn schema() -> Value {
    let given = "What holds for every case that does not say otherwise.";
    let keys = [
        ("given", mapping(given, said())),
        ("tests!", list("The cases.", case())),
    ];
    let about = "What partners get and do not get, held against the rules in force.";
    file("Cases of the policies", mapping(about, keys))
}

/// What the head of a file and a case can both say.
fn said() -> impl Iterator<Item = (&'static str, Value)> {
    [
        ("partner", text("The partner who asks.")),
        (
            "token",
            mapping(
                "What its token says.",
                [(
                    "purposes!",
                    list(
                        "The purposes it may name.",
                        purpose("A fideslang data use."),
                    ),
                )],
            ),
        ),
        ("circumstances", circumstances()),
        ("today", date("The day on which it asks.")),
        (
            "standing",
            one_of("Whether the partner is suspended.", ["good", "suspended"]),
        ),
        (
            "uploaded_for",
            purpose("What a list or document was uploaded for."),
        ),
    ]
    .into_iter()
}

fn circumstances() -> Value {
    let customer = || {
        let categories = list("Consent to some.", category("A fideslang key."));
        [
            ("own", boolean("The customer is the partner's own.")),
            (
                "consented",
                json!({
                    "description": "Consent to this partner and purpose: to all, or to some categories.",
                    "anyOf": [boolean("Consent to all, or none."), categories],
                }),
            ),
            (
                "agreement",
                boolean("An agreement with the customer covers it."),
            ),
            ("order", boolean("An approved release order covers it.")),
        ]
    };
    let named = json!({
        "type": "object",
        "description": "What holds for customers by their ids.",
        "additionalProperties": mapping("What holds for this one.", customer()),
    });
    let all = customer().into_iter().chain([("customers", named)]);
    mapping("What holds for the customers of the answer.", all)
}

fn case() -> Value {
    let own = [
        ("name!", text("The case, as a sentence.")),
        ("request!", request()),
        (
            "status",
            integer(
                "The status of the answer, where it is not the first.",
                200..=599,
            ),
        ),
        (
            "answer",
            json!({"description": "The core's answer: a file below `tests/`, or, of JSON, the answer itself."}),
        ),
        ("expect!", expect()),
    ];
    mapping("One case.", said().chain(own))
}

fn request() -> Value {
    let headers = json!({
        "type": "object",
        "description": "Headers by name.",
        "additionalProperties": text("A value."),
    });
    let long = mapping(
        "A request in parts.",
        [
            ("method!", one_of("Its method.", METHODS)),
            ("path!", text("Its path, with the query.")),
            ("purpose", purpose("The purpose it names.")),
            ("headers", headers),
            (
                "body",
                json!({"description": "Its body: a file below `tests/` (`.json`, `.form`, `.multipart`, `.xml`), or the JSON itself."}),
            ),
        ],
    );
    json!({
        "description": "What is asked: method and path, or a mapping.",
        "anyOf": [text("As `GET /v1/customers/cus_1`."), long],
    })
}

fn expect() -> Value {
    let fields = |description| list(description, text("A category, or the path of a field."));
    let forms = json!({
        "type": "object",
        "description": "How fields leave, by category or path.",
        "additionalProperties": one_of("The form.", Leaves::ALL.map(Leaves::word)),
    });
    mapping(
        "What must come of it.",
        [
            (
                "decision!",
                one_of("The decision.", Decision::ALL.map(Decision::word)),
            ),
            (
                "code",
                one_of("Of a refusal: its code.", Code::ALL.map(Code::name)),
            ),
            (
                "promise",
                json!({
                    "type": "string",
                    "description": "The promise that decides.",
                    "pattern": "^P([1-9]|1[0-8])$",
                }),
            ),
            ("rule", text("The id of the rule that decides.")),
            ("withheld", fields("What is withheld.")),
            ("keep", fields("What leaves as it was answered.")),
            ("forms", forms),
            (
                "customers",
                integer("How many customers are disclosed.", 0..=1_000_000),
            ),
        ],
    )
}

fn purpose(description: &str) -> Value {
    one_of(description, Purpose::all().map(Purpose::key))
}

fn category(description: &str) -> Value {
    one_of(description, Category::all().map(Category::key))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Cases;
    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::source::schema::testing::{assert_same_limits, keys, misfits};
    use crate::source::{Folder, asked, read_yaml};

    /// Cases with every key.
    const WHOLE: &str = "
given:
  partner: acme
  token: {purposes: [essential.service]}
  circumstances: {own: true, consented: true, agreement: false, order: false, customers: {cus_9: {own: false}}}
  today: 2026-01-01
  standing: good
  uploaded_for: essential.service
tests:
  - name: long
    request: {method: POST, path: /v1/jobs, purpose: essential.service, headers: {prefer: x}, body: {name: x}}
    status: 201
    answer: {id: job_1}
    expect: {decision: redact, promise: P3, rule: a, withheld: [user.name], keep: [user.content], forms: {user.payment: partial}, customers: 1}
";

    fn value(text: &str) -> Value {
        let source = Source::new("a.yaml", text);
        read_yaml(&source, &mut Mistakes::new()).unwrap().to_value()
    }

    fn misfits_of(text: &str) -> Vec<String> {
        misfits(&schema(), &value(text))
    }

    /// What the reader says of cases, held against no rules.
    fn mistakes(cases: &Value) -> Vec<String> {
        let mut mistakes = Mistakes::new();
        let file = ("tests/a.yaml".to_owned(), cases.to_string());
        let folder = Folder::of("", [file], &mut mistakes);
        Cases::load(&folder, None, &mut mistakes);
        let told = mistakes.sorted().into_iter();
        told.map(|mistake| mistake.message().to_owned()).collect()
    }

    #[test]
    fn the_reader_and_the_schema_know_the_same_keys() {
        assert_eq!(misfits_of(WHOLE), Vec::<String>::new());
        let (told, asked) = asked::during(|| mistakes(&value(WHOLE)));
        assert_eq!(told, Vec::<String>::new());
        assert_eq!(asked, keys(&schema(), &[]));
    }

    #[test]
    fn the_reader_and_the_schema_have_the_same_limits() {
        assert_same_limits(&schema(), &value(WHOLE), 2, |changed| {
            !mistakes(changed).is_empty()
        });
    }

    #[test]
    fn cases_in_both_ways_of_writing_satisfy_the_schema() {
        let right = "
given: {partner: acme, token: {purposes: [essential.service]}}
tests:
  - name: short
    request: GET /v1/customers/cus_1
    circumstances: {own: true, consented: [user.name], customers: {cus_9: {own: false}}}
    answer: fixtures/customer.json
    expect: {decision: redact, withheld: [user.contact.email], keep: [$.id], forms: {user.name: partial}}
  - name: long
    request: {method: POST, path: /v1/campaigns, body: {name: x}, purpose: marketing.advertising}
    expect: {decision: deny, code: marketing-use-blocked, promise: P4}
";
        assert_eq!(misfits_of(right), Vec::<String>::new());
        for (from, to) in [
            ("decision: redact", "decision: redacted"),
            ("code: marketing-use-blocked", "code: marketing"),
            ("promise: P4", "promise: P40"),
            ("method: POST", "method: post"),
            ("name: short", "nmae: short"),
            ("forms: {user.name: partial}", "forms: {user.name: partly}"),
        ] {
            assert_ne!(
                misfits_of(&right.replacen(from, to, 1)),
                Vec::<String>::new(),
                "{to}"
            );
        }
    }

    #[test]
    fn every_shipped_case_satisfies_the_schema() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/tests");
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(
                    misfits_of(&text),
                    Vec::<String>::new(),
                    "{}",
                    path.display()
                );
                files += 1;
            }
        }
        assert!(files > 0);
    }
}
