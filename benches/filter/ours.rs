//! The gateway's filter at work: the catalogue's shape of a page of customers, and a grant.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use covenant::catalogue::{
    Check, Field, FieldId, FieldRole, Member, Node, NumberBounds, ObjectNode, Partial, Pseudonym,
    ScalarKind, Shape, TextBounds,
};
use covenant::filter::{Limits, Plan, PseudonymKey, RecordDecision, scan};
use covenant::taxonomy::{CATEGORY_COUNT, Category};
use covenant::terms::{CategoryForms, Form};

/// A shape, and a plan for its records and for what is around them.
pub(crate) struct Ours {
    shape: Shape,
    limits: Limits,
    record: Plan,
    envelope: Plan,
    key: PseudonymKey,
}

impl Ours {
    /// The filter with a schema of types alone.
    pub(crate) fn new() -> Self {
        Self::of(shape())
    }

    /// The filter that holds every value to a schema as mailing services write them.
    pub(crate) fn with_value_checks() -> Result<Self, Box<dyn Error>> {
        Ok(Self::of(checks(shape())?))
    }

    fn of(shape: Shape) -> Self {
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

    /// Scan and emit.
    pub(crate) fn filter(&self, body: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        let scanned = scan(&self.shape, black_box(body), &self.limits)?;
        let decisions = vec![RecordDecision::Keep(&self.record); scanned.records().len()];
        let mut out = Vec::new();
        let emitted = scanned.emit(&decisions, &self.envelope, &self.key, None, &mut out);
        black_box(emitted.ok_or("nothing was emitted")?);
        Ok(black_box(out))
    }

    /// The first half of it.
    pub(crate) fn scan(&self, body: &[u8]) -> Result<(), Box<dyn Error>> {
        black_box(scan(&self.shape, black_box(body), &self.limits)?);
        Ok(())
    }
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
            nullable_list: false,
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
