//! The JSON Schema of a contract, `partners/<id>.yaml`, for editors. What contracts must keep among each
//! other, and that operations exist, only checking tells.

use serde_json::{Map, Value, json};

use super::read::{
    APPROVERS_MIN, LARGE_ANSWER_RECORDS_MAX, PAGE_RECORDS_MAX, REQUESTS_PER_MINUTE_MAX, WITHHELD,
};
use super::{BASIC, BINDINGS, Budgets};
use crate::source::schema::{date, file, integer, list, mapping, one_of, set, text};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Form, PartnerKind};

const PARTNER: &str = "^[a-z][a-z0-9-]{0,63}$";

/// The schema.
pub fn schema() -> Value {
    let about = "What one partner may have. It can only narrow what the promises allow.";
    let keys = who().into_iter().chain(what());
    let mut contract = file("The contract of one partner", mapping(about, keys));
    if let Value::Object(map) = &mut contract {
        let is_cobrand = json!({"properties": {"kind": {"const": PartnerKind::Cobrand.word()}}});
        map.insert("if".to_owned(), is_cobrand);
        map.insert("then".to_owned(), json!({"required": ["parent"]}));
        map.insert("else".to_owned(), json!({"properties": {"parent": false}}));
    }
    contract
}

fn who() -> [(&'static str, Value); 7] {
    let kinds = PartnerKind::ALL.map(PartnerKind::word);
    let version = "Counted up with every change that was agreed on.";
    [
        (
            "partner!",
            partner("The partner's id, which is also the name of the file."),
        ),
        (
            "name!",
            text("The company's name, as reports of disclosures give it."),
        ),
        (
            "address!",
            text("Its postal address, as reports of disclosures give it."),
        ),
        ("kind!", one_of("What kind of partner it is.", kinds)),
        (
            "parent",
            partner("Of a cobrand: the partner it belongs to."),
        ),
        ("version!", integer(version, 1..=u32::MAX)),
        ("credentials!", credentials()),
    ]
}

fn what() -> [(&'static str, Value); 9] {
    let large = "Most records of an answer without pages. With it, answers that are too large to be \
                 judged whole may leave in parts.";
    let purpose = one_of("A fideslang data use.", Purpose::all().map(Purpose::key));
    let operation = text("An operationId of the catalogue.");
    [
        (
            "purposes!",
            list("What the partner may use data for.", purpose),
        ),
        ("categories!", categories()),
        (
            "operations!",
            list("The operations it may call, by their ids.", operation),
        ),
        (
            "page_records_max!",
            integer("Most records of a page.", 1..=PAGE_RECORDS_MAX),
        ),
        (
            "large_answer_records_max",
            integer(large, 1..=LARGE_ANSWER_RECORDS_MAX),
        ),
        (
            "requests_per_minute!",
            integer("Most requests in a minute.", 1..=REQUESTS_PER_MINUTE_MAX),
        ),
        ("budgets!", budgets()),
        ("terms!", terms()),
        (
            "exceptions",
            list("What holds for a while only.", exception()),
        ),
    ]
}

fn terms() -> Value {
    let keys = [
        ("version!", text("Their version.")),
        ("accepted_on!", date("The day.")),
        ("accepted_by!", text("Who accepted them for the partner.")),
    ];
    mapping("The terms that the partner accepted.", keys)
}

fn partner(description: &str) -> Value {
    json!({"type": "string", "description": description, "pattern": PARTNER})
}

/// By name or by thumbprint.
fn certificates() -> Value {
    let thumbprint = json!({
        "type": "string",
        "description": "SHA-256 of a certificate, as base64url.",
        "pattern": "^sha256:[A-Za-z0-9_-]{43}$",
    });
    let ending = mapping(
        "A certificate that another takes the place of.",
        [
            ("thumbprint!", thumbprint.clone()),
            ("until!", date("The last day it counts, UTC.")),
        ],
    );
    let mut certificates = mapping(
        "Its client certificates, by one or the other.",
        [
            (
                "names",
                list(
                    "Names in certificates of the partner authority.",
                    text("A DNS name."),
                ),
            ),
            ("thumbprints", list("Certificates themselves.", thumbprint)),
            (
                "ending",
                list(
                    "Certificates that others take the place of, each until its last day.",
                    ending,
                ),
            ),
        ],
    );
    if let Value::Object(map) = &mut certificates {
        let either = json!([{"required": ["names"]}, {"required": ["thumbprints"]}]);
        map.insert("anyOf".to_owned(), either);
    }
    certificates
}

fn credentials() -> Value {
    let mut credentials = mapping(
        "How the partner proves who it is.",
        [
            ("certificates!", certificates()),
            (
                "clients",
                set("Its clients, as tokens name them.", text("A client_id.")),
            ),
            (
                "token_bindings",
                set(
                    "What its tokens must be bound to: one of these. Default: certificate.",
                    one_of(
                        "A client certificate, a key for proofs, or nothing.",
                        BINDINGS,
                    ),
                ),
            ),
            (
                "token_in_basic",
                one_of(
                    "For software that only speaks Basic: its half in which the token may stand.",
                    BASIC.map(|(word, _)| word),
                ),
            ),
            (
                "api_keys",
                set("For software that can send no token: keys.", api_key()),
            ),
        ],
    );
    if let Value::Object(map) = &mut credentials {
        let either = json!([{"required": ["clients"]}, {"required": ["api_keys"]}]);
        map.insert("anyOf".to_owned(), either);
    }
    credentials
}

/// As `covenant token api-key` prints it.
fn api_key() -> Value {
    let prefix = json!({
        "type": "string",
        "description": "How the key begins.",
        "pattern": "^covenant_[a-z2-7]{12}$",
    });
    let sha256 = json!({
        "type": "string",
        "description": "SHA-256 of the whole key, as base64url.",
        "pattern": "^[A-Za-z0-9_-]{43}$",
    });
    let keys = [("prefix!", prefix), ("sha256!", sha256)];
    mapping("An API key. The key itself is nowhere.", keys)
}

fn categories() -> Value {
    let forms: Vec<&str> = Form::ALL
        .map(Form::word)
        .into_iter()
        .chain([WITHHELD])
        .collect();
    let form = |category: Category| {
        let description =
            format!("The richest form in which {category}, and what is below it, may leave.");
        (
            category.key().to_owned(),
            one_of(&description, forms.iter().copied()),
        )
    };
    let properties: Map<String, Value> = Category::all().map(form).collect();
    json!({
        "type": "object",
        "description": "In which form each data category may leave. One that is not named has the form of the nearest above it; without any, it is withheld.",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn budgets() -> Value {
    let people = |description| integer(description, 1..=Budgets::PEOPLE_MAX);
    mapping(
        "How many different people it may read of: customers, and people on their lists.",
        [
            (
                "customers_per_day!",
                people("In a day; at most those of a month."),
            ),
            ("customers_per_month!", people("In a month.")),
            (
                "recipients_per_day",
                people("People on customers' lists in a day; at most those of a month."),
            ),
            (
                "recipients_per_month",
                people("People on customers' lists in a month."),
            ),
        ],
    )
}

fn exception() -> Value {
    let mut exception = mapping(
        "Other limits, for a reason and until a day.",
        [
            ("because!", text("The reason.")),
            ("until!", date("The last day.")),
            ("approved_by!", people()),
            ("budgets", budgets()),
            (
                "page_records_max",
                integer("Most records of a page.", 1..=PAGE_RECORDS_MAX),
            ),
        ],
    );
    if let Value::Object(map) = &mut exception {
        let either = json!([{"required": ["budgets"]}, {"required": ["page_records_max"]}]);
        map.insert("anyOf".to_owned(), either);
    }
    exception
}

/// Who approved an exception.
fn people() -> Value {
    let mut people = set("Who approved it: different people.", text("A person."));
    if let Value::Object(map) = &mut people {
        map.insert("minItems".to_owned(), APPROVERS_MIN.into());
    }
    people
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::source::schema::testing::{assert_same_limits, keys, misfits};
    use crate::source::{asked, read_yaml};

    /// A contract that has every key.
    const WHOLE: &str = "
partner: whole
name: Whole
address: Here
kind: cobrand
parent: other
version: 1
credentials:
  certificates: {names: [whole.example], thumbprints: ['sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'], ending: [{thumbprint: 'sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE', until: 2026-12-31}]}
  clients: [whole]
  token_bindings: [certificate, dpop, none]
  token_in_basic: password
  api_keys: [{prefix: covenant_abcdefghij23, sha256: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA}]
purposes: [essential.service]
categories: {user.name: clear}
operations: [getCustomer]
page_records_max: 10
large_answer_records_max: 10
requests_per_minute: 10
budgets: {customers_per_day: 10, customers_per_month: 10000000, recipients_per_day: 10, recipients_per_month: 10000000}
terms: {version: '1', accepted_on: 2026-01-01, accepted_by: Someone}
exceptions:
  - because: it must be
    until: 2026-12-31
    approved_by: [Someone, Another]
    budgets: {customers_per_day: 10, customers_per_month: 10000000, recipients_per_day: 10, recipients_per_month: 10000000}
    page_records_max: 10
";

    fn value(text: &str) -> Value {
        let source = Source::new("whole.yaml", text);
        read_yaml(&source, &mut Mistakes::new()).unwrap().to_value()
    }

    /// What the reader says of a contract.
    fn mistakes(contract: &Value) -> Vec<String> {
        let mut mistakes = Mistakes::new();
        let source = Source::new("whole.yaml", contract.to_string());
        let _draft =
            super::super::read::read(&source, jiff::civil::date(2026, 11, 22), &mut mistakes);
        let told = mistakes.sorted().into_iter();
        told.map(|mistake| mistake.message().to_owned()).collect()
    }

    #[test]
    fn the_reader_and_the_schema_know_the_same_keys() {
        let whole = value(WHOLE);
        assert_eq!(misfits(&schema(), &whole), Vec::<String>::new());
        let (told, asked) = asked::during(|| mistakes(&whole));
        assert_eq!(told, Vec::<String>::new());
        let mut named = keys(&schema(), &["categories"]);
        assert_eq!(asked, named);
        named.insert("unheard".to_owned());
        let (_, again) = asked::during(|| mistakes(&json!({"unheard": 1})));
        assert!(!again.contains("unheard"));
    }

    #[test]
    fn the_reader_and_the_schema_have_the_same_limits() {
        let whole = value(WHOLE);
        assert_same_limits(&schema(), &whole, 13, |changed| {
            let mut told = mistakes(changed).into_iter();
            told.any(|told| told.contains("it must be from"))
        });
    }

    #[test]
    fn what_the_schema_refuses_the_reader_refuses() {
        for (from, to) in [
            ("kind: cobrand", "kind: cobrant"),
            ("parent: other\n", ""),
            ("kind: cobrand", "kind: dealer"),
            ("[essential.service]", "[essential.servic]"),
            ("user.name: clear", "user.name: clearly"),
            ("user.name: clear", "user.nmae: clear"),
            ("clients: [whole]", "clients: []"),
            ("[certificate, dpop, none]", "[]"),
            ("[certificate, dpop, none]", "[certificat]"),
            ("[certificate, dpop, none]", "[dpop, dpop]"),
            ("covenant_abcdefghij23", "covenant_abcdefghij01"),
            ("sha256: AAAA", "sha256: A"),
            ("token_in_basic: password", "token_in_basic: pasword"),
            ("until: 2026-12-31}", "until: soon}"),
            (
                "- because: it must be\n    until: 2026-12-31",
                "- because: it must be\n    until: soon",
            ),
            ("AAE', until", "AA', until"),
            ("name: Whole", "name: ' '"),
            ("partner: whole", "partner: Whole"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let changed = value(&WHOLE.replacen(from, to, 1));
            assert!(!misfits(&schema(), &changed).is_empty(), "{to}");
            assert!(!mistakes(&changed).is_empty(), "{to}");
        }
    }

    #[test]
    fn every_shipped_contract_satisfies_the_schema() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/partners");
        let mut contracts = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert_eq!(misfits(&schema(), &value(&text)), Vec::<String>::new());
            contracts += 1;
        }
        assert!(contracts >= 3);
    }
}
