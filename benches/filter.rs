//! How fast an answer is filtered: scan and emit against serde_json `Value` (parse, edit, serialise)
//! over the same bytes in the same run, in alternating rounds. Both remove e-mail, telephone and
//! activity and mask the name; that they agree is checked before anything is timed. Beside it, the same
//! with every value held to a schema as mailing services write them ([`checks`]).
//!
//! `cargo bench --bench filter`; with `-- --test` each side runs once. MiB/s are of the core's body.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use covenant::catalogue::{
    Check, Field, FieldId, FieldRole, Member, Node, NumberBounds, ObjectNode, Partial, Pseudonym,
    ScalarKind, Shape, TextBounds,
};
use covenant::clock::Clock;
use covenant::filter::{Limits, Plan, PseudonymKey, RecordDecision, scan};
use covenant::taxonomy::{CATEGORY_COUNT, Category};
use covenant::terms::{CategoryForms, Form};
use serde_json::{Value, json};

const ROUNDS: usize = 9;
const ROUND_TIME: Duration = Duration::from_millis(250);

fn main() -> Result<(), Box<dyn Error>> {
    let once = std::env::args().any(|argument| argument == "--test");
    let clock = Clock::system();
    let bench = Bench::new(shape());
    let checking = Bench::new(checks(shape())?);
    for (name, records) in [("page", 25), ("export", if once { 100 } else { 10_000 })] {
        let body = serde_json::to_vec(&answer(records))?;
        let ours = serde_json::from_slice::<Value>(&bench.covenant(&body)?)?;
        let theirs = serde_json::from_slice::<Value>(&bench.serde_json(&body)?)?;
        let checked = serde_json::from_slice::<Value>(&checking.covenant(&body)?)?;
        if ours != theirs || ours != checked {
            return Err("the two filters disagree".into());
        }
        if once {
            continue;
        }
        let (mut covenant, mut scanning, mut serde_json) = (Vec::new(), Vec::new(), Vec::new());
        let mut checked = Vec::new();
        for _ in 0..ROUNDS {
            covenant.push(rate(&clock, &body, || bench.covenant(&body).map(drop))?);
            checked.push(rate(&clock, &body, || checking.covenant(&body).map(drop))?);
            scanning.push(rate(&clock, &body, || bench.scan_only(&body))?);
            serde_json.push(rate(&clock, &body, || bench.serde_json(&body).map(drop))?);
        }
        let (covenant, scanning, serde_json) =
            (median(covenant), median(scanning), median(serde_json));
        println!(
            "{name:>6} {:>9} bytes: scan and emit {covenant:>6.0} MiB/s (scan alone {scanning:>6.0}), \
             serde_json Value {serde_json:>5.0} MiB/s, ratio {:.1}",
            body.len(),
            covenant / serde_json
        );
        let checked = median(checked);
        println!(
            "{name:>6} with value checks: scan and emit {checked:>6.0} MiB/s, {:.2} of what it is without",
            checked / covenant
        );
    }
    Ok(())
}

/// Megabytes a second in one round.
fn rate(
    clock: &Clock,
    body: &[u8],
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let start: Instant = clock.instant();
    let mut bytes = 0usize;
    while start.elapsed() < ROUND_TIME {
        // The clock is read seldom enough not to matter for a small body.
        for _ in 0..(1 + (256 << 10) / body.len()) {
            work()?;
            bytes += body.len();
        }
    }
    Ok(bytes as f64 / start.elapsed().as_secs_f64() / f64::from(1 << 20))
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

struct Bench {
    shape: Shape,
    limits: Limits,
    record: Plan,
    envelope: Plan,
    key: PseudonymKey,
}

impl Bench {
    fn new(shape: Shape) -> Self {
        let forms = forms();
        Self {
            limits: Limits {
                body_bytes_max: 64 << 20,
                ..Limits::default()
            },
            record: Plan::new(&shape, &forms),
            envelope: Plan::new(&shape, &forms),
            shape,
            key: PseudonymKey::new(&[7; 32]),
        }
    }

    fn covenant(&self, body: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        let scanned = scan(&self.shape, black_box(body), &self.limits)?;
        let decisions = vec![RecordDecision::Keep(&self.record); scanned.records().len()];
        let mut out = Vec::new();
        let emitted = scanned.emit(&decisions, &self.envelope, &self.key, &mut out);
        black_box(emitted.ok_or("nothing was emitted")?);
        Ok(black_box(out))
    }

    fn scan_only(&self, body: &[u8]) -> Result<(), Box<dyn Error>> {
        black_box(scan(&self.shape, black_box(body), &self.limits)?);
        Ok(())
    }

    fn serde_json(&self, body: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut answer: Value = serde_json::from_slice(black_box(body))?;
        let records = answer.get_mut("data").and_then(Value::as_array_mut);
        for record in records
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            for withheld in ["email", "phone", "activity"] {
                record.shift_remove(withheld);
            }
            if let Some(Value::String(name)) = record.get_mut("name") {
                name.truncate(name.char_indices().nth(1).map_or(0, |(at, _)| at));
                name.push_str("***");
            }
        }
        Ok(black_box(serde_json::to_vec(&answer)?))
    }
}

/// A page of customers as a mailing service answers it.
fn answer(records: usize) -> Value {
    let customer = |number: usize| {
        let street = ["Café Street", "Main Street", "Elm Court", "Große Allee"];
        json!({
            "id": format!("cus_{number:08}"),
            "name": "Inés Lovelace",
            "email": format!("ines.lovelace{number}@example.com"),
            "phone": format!("+1-555-0{:03}-{:04}", number % 1000, number % 9973),
            "address": {
                "line1": format!("{} {}", number % 9999, street.get(number % 4).unwrap_or(&"")),
                "line2": if number.is_multiple_of(3) { json!("Apt 4") } else { Value::Null },
                "city": "Arlington", "state": "VA", "postcode": format!("{:05}", number % 99_999),
                "country": "US", "verified": !number.is_multiple_of(10),
            },
            "jobs": [
                {"job_id": format!("job_{number:09}"), "pieces": number % 5000, "cost": 371.45},
                {"job_id": format!("job_{number:09}"), "pieces": 250, "cost": 12.5},
            ],
            "note": "Leave at the front desk, ring \"twice\"",
            "activity": {"last_seen": "2026-05-01T12:00:00Z"},
            "created": "2025-11-03T09:15:00Z",
        })
    };
    let data: Vec<_> = (0..records).map(customer).collect();
    json!({"object": "list", "data": data, "next": "cus_00000025", "total": 10_000})
}

fn shape() -> Shape {
    let mut fields = Vec::new();
    let mut text = |category| field(&mut fields, category, ScalarKind::String);
    let (name, email, phone) = (
        text("user.name"),
        text("user.contact.email"),
        text("user.contact.phone_number"),
    );
    let key = text("user.unique_id");
    let address = ["line1", "line2", "city", "state", "postcode", "country"]
        .map(|part| (part, text("user.contact.address")));
    let (job_id, note) = (text("user.unique_id"), text("user.content"));
    let (seen, created) = (text("user.behavior"), text("system"));
    let (object_kind, next) = (text("system"), text("system"));
    let verified = field(&mut fields, "system", ScalarKind::Boolean);
    let pieces = field(&mut fields, "system", ScalarKind::Integer);
    let cost = field(&mut fields, "user.payment", ScalarKind::Number);
    let total = field(&mut fields, "system", ScalarKind::Integer);
    if let Some(name) = fields.first_mut() {
        name.partial = Some(Partial::First(1));
    }
    if let Some(key) = fields.get_mut(3) {
        key.role = FieldRole::CustomerKey;
    }
    let job = object(vec![("job_id", job_id), ("pieces", pieces), ("cost", cost)]);
    let address = address
        .into_iter()
        .chain([("verified", verified)])
        .collect();
    let customer = ObjectNode {
        record: true,
        ..object(vec![
            ("id", key),
            ("name", name),
            ("email", email),
            ("phone", phone),
            ("address", Node::Object(object(address))),
            ("jobs", Node::Array(Box::new(Node::Object(job)))),
            ("note", note),
            ("activity", Node::Object(object(vec![("last_seen", seen)]))),
            ("created", created),
        ])
    };
    let data = Node::Array(Box::new(Node::Object(customer)));
    let root = vec![
        ("object", object_kind),
        ("data", data),
        ("next", next),
        ("total", total),
    ];
    Shape {
        root: Node::Object(object(root)),
        fields,
    }
}

/// The same shape, where no text may be just anything: ids, postal codes, telephones and states have
/// patterns, e-mail addresses and times formats, the kind of object is one word, numbers have bounds,
/// and whatever else is a text has a length.
fn checks(mut shape: Shape) -> Result<Shape, Box<dyn Error>> {
    // In the order in which `shape` makes the fields.
    let patterns = [
        (2, r"^\+1-\d{3}-\d{3}-\d{4}$"),
        (3, "^cus_[a-z0-9]+$"),
        (7, "^[A-Z]{2}$"),
        (8, r"^\d{5}(-\d{4})?$"),
        (9, "^[A-Z]{2}$"),
        (10, "^job_[a-z0-9]+$"),
        (15, "^cus_[a-z0-9]+$"),
    ];
    let formats = [(1, "email"), (12, "date-time"), (13, "date-time")];
    let found = |of: &[(usize, &str)], place| {
        let found = of.iter().find(|(field, _)| *field == place);
        found.map(|(_, text)| (*text).to_owned())
    };
    for (place, field) in shape.fields.iter_mut().enumerate() {
        field.check = match field.kind {
            ScalarKind::String => Check::of_text(&TextBounds {
                words: (place == 14).then(|| vec!["list".to_owned(), "search".to_owned()]),
                pattern: found(&patterns, place),
                format: found(&formats, place),
                characters_max: Some(128),
                ..TextBounds::default()
            })?,
            _ => Check::of_number(NumberBounds {
                least: (field.kind != ScalarKind::Boolean).then(|| ("0".to_owned(), true)),
                ..NumberBounds::default()
            }),
        };
    }
    Ok(shape)
}

fn field(fields: &mut Vec<Field>, category: &str, kind: ScalarKind) -> Node {
    fields.push(Field {
        path: Arc::from(category),
        category: Category::parse(category),
        kind,
        nullable: true,
        null_fits: true,
        pseudonym: Some(Pseudonym::PLAIN),
        empty: Arc::from(b"null".as_slice()),
        ..Field::default()
    });
    Node::Scalar(FieldId(u16::try_from(fields.len() - 1).unwrap_or(u16::MAX)))
}

fn object(members: Vec<(&str, Node)>) -> ObjectNode {
    let mut members: Vec<_> = members
        .into_iter()
        .map(|(name, node)| Member {
            name: Arc::from(name),
            encoded: Arc::from(format!("\"{name}\":").as_bytes()),
            required: false,
            node,
        })
        .collect();
    members.sort_by(|left, right| left.name.cmp(&right.name));
    ObjectNode {
        members,
        ..ObjectNode::default()
    }
}

/// Everything in clear but e-mail, telephone and behaviour; names in part.
fn forms() -> CategoryForms {
    let mut forms = [None; CATEGORY_COUNT];
    for category in Category::all() {
        let form = match category.key() {
            "user.contact.email" | "user.contact.phone_number" | "user.behavior" => None,
            "user.name" => Some(Form::Partial),
            _ => Some(Form::Clear),
        };
        if let Some(slot) = forms.get_mut(category.index()) {
            *slot = form;
        }
    }
    forms
}
