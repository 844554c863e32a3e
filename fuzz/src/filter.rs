//! The whole filter. The bytes choose a shape, a document, its spelling, two grants, and what becomes of
//! each record. Every value of the document occurs nowhere else, so that what leaves can be looked for.

use covenant::catalogue::{FieldId, Node, ObjectNode, ScalarKind, Shape};
use covenant::filter::{
    Limits, Plan, PseudonymKey, RecordDecision, Scanned, Treatment, scan, validate_strict,
};
use covenant::taxonomy::{CATEGORY_COUNT, Category};
use covenant::terms::{CategoryForms, Form};
use serde_json::Value;

use super::shapes::{Builder, object};

const CATEGORIES: [&str; 5] = ["user.name", "user.payment", "user.content", "system", ""];
const NAMES: [&str; 8] = [
    "id",
    "email",
    "a\"b\\",
    "naïve",
    "",
    "items",
    "Email",
    "last name",
];
const AROUND: [&str; 8] = ["", "é", "\"", "\\", "\n", "😀", "/", "\u{1}"];
const EDITS: &[u8] = b"{}[]\":,\\u0019eE+-. \n\0\x7f\xff\xc3tfn";

pub(crate) fn check(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut make = Builder::default();
    let root = any_node(&mut choices, &mut make, 3);
    let shape = make.shape(root);
    let mut document = Document::default();
    document.value(&mut choices, &shape, &shape.root, None);
    let plans = [(); 2].map(|()| Plan::new(&shape, &any_forms(&mut choices)));
    let kept: Vec<_> = (0..document.records)
        .map(|_| choices.pick(&[Some(0), Some(1), None]))
        .collect();
    untouched(&shape, &document, &plans, &kept);
    damaged(&mut choices, &shape, document.text.into_bytes(), &plans);
}

/// What of a sound answer leaves is what was granted.
fn untouched(shape: &Shape, document: &Document, plans: &[Plan; 2], kept: &[Option<usize>]) {
    let body = document.text.as_bytes();
    let scanned = scan(shape, body, &Limits::default()).expect("a sound answer is read");
    assert_eq!(scanned.records().len(), document.records, "other records");
    let Some(out) = emit(&scanned, plans, kept) else {
        return;
    };
    let left = String::from_utf8(out).expect("text");
    for (canary, field, record) in &document.canaries {
        let plan = record.map_or(Some(0), |record| kept[record]);
        let clear = plan
            .zip(*field)
            .is_some_and(|(plan, field)| plans[plan].treatment(field) == Treatment::Clear);
        assert_eq!(
            left.contains(canary.as_str()),
            clear,
            "{canary} of {field:?}"
        );
    }
    readable(shape, left.as_bytes());
}

/// What is accepted of a damaged answer is still JSON, before and after.
fn damaged(choices: &mut Choices<'_>, shape: &Shape, mut body: Vec<u8>, plans: &[Plan; 2]) {
    while let Some(edit) = choices.next() {
        let at = choices.below(body.len().max(1));
        match edit % 4 {
            0 if at < body.len() => body[at] = choices.pick(EDITS),
            1 => body.insert(at, choices.pick(EDITS)),
            2 if at < body.len() => drop(body.remove(at)),
            3 => {
                let to = choices.below(body.len() + 1);
                let again = body[at.min(to)..at.max(to)].to_vec();
                if body.len() + again.len() < 1 << 16 {
                    body.splice(at..at, again);
                }
            }
            _ => {}
        }
    }
    let Ok(scanned) = scan(shape, &body, &Limits::default()) else {
        return;
    };
    let read = serde_json::from_slice::<&serde_json::value::RawValue>(&body);
    assert!(read.is_ok(), "accepted what is no JSON");
    let kept = vec![Some(1); scanned.records().len()];
    readable(
        shape,
        &emit(&scanned, plans, &kept).expect("no record was dropped"),
    );
}

fn readable(shape: &Shape, left: &[u8]) {
    assert_eq!(
        validate_strict(left, &Limits::default()),
        Ok(()),
        "what left is no JSON"
    );
    let again = scan(shape, left, &Limits::default()).map(|again| again.uncatalogued());
    assert_eq!(
        again,
        Ok(0),
        "what left is not the shape's: {}",
        left.escape_ascii()
    );
}

fn emit(scanned: &Scanned<'_>, plans: &[Plan; 2], kept: &[Option<usize>]) -> Option<Vec<u8>> {
    let decision = |plan: &Option<usize>| match plan {
        Some(plan) => RecordDecision::Keep(&plans[*plan]),
        None => RecordDecision::Drop,
    };
    let decisions: Vec<_> = kept.iter().map(decision).collect();
    let mut out = Vec::new();
    scanned.emit(
        &decisions,
        &plans[0],
        &PseudonymKey::new(&[3; 32]),
        None,
        &mut out,
    )?;
    Some(out)
}

/// A document in the making.
#[derive(Default)]
struct Document {
    text: String,
    records: usize,
    /// What each value says, which field it is of (none: the shape does not know it), and in which record
    /// it stands.
    canaries: Vec<(String, Option<FieldId>, Option<usize>)>,
}

impl Document {
    fn value(
        &mut self,
        choices: &mut Choices<'_>,
        shape: &Shape,
        node: &Node,
        record: Option<usize>,
    ) {
        self.text.push_str(choices.pick(&["", "", " ", "\r\n\t"]));
        match node {
            Node::Scalar(field) => {
                let kind = shape.fields[usize::from(field.0)].kind;
                self.scalar(choices, kind, Some(*field), record);
            }
            Node::Array(item) => {
                self.text.push('[');
                for place in 0..choices.below(4) {
                    self.text.push_str(if place > 0 { "," } else { "" });
                    self.value(choices, shape, item, record);
                }
                self.text.push(']');
            }
            Node::Object(node) => self.object(choices, shape, node, record),
        }
        self.text.push_str(choices.pick(&["", "", " ", "\n"]));
    }

    fn object(
        &mut self,
        choices: &mut Choices<'_>,
        shape: &Shape,
        node: &ObjectNode,
        mut record: Option<usize>,
    ) {
        if node.record && record.is_none() {
            record = Some(self.records);
            self.records += 1;
        }
        self.text.push('{');
        let turn = choices.below(node.members.len().max(1));
        let (late, early) = node.members.split_at(turn);
        let mut comma = "";
        for member in early.iter().chain(late) {
            if choices.below(4) > 0 {
                self.text.push_str(comma);
                comma = ",";
                self.key(choices, &member.name);
                self.value(choices, shape, &member.node, record);
            }
        }
        if choices.below(4) == 0 {
            self.text.push_str(comma);
            let looks_known = choices.pick(&["еmail", "EMAIL", "id ", "idd", "new"]);
            self.key(choices, looks_known);
            self.text.push_str("{\"id\":[");
            self.scalar(choices, ScalarKind::String, None, record);
            self.text.push_str("]}");
        }
        self.text.push('}');
    }

    fn key(&mut self, choices: &mut Choices<'_>, key: &str) {
        self.string(choices, key);
        self.text.push_str(choices.pick(&[":", ":", " :", ": "]));
    }

    fn scalar(
        &mut self,
        choices: &mut Choices<'_>,
        kind: ScalarKind,
        field: Option<FieldId>,
        record: Option<usize>,
    ) {
        let number = 71_000_000 + self.canaries.len();
        let canary = match kind {
            ScalarKind::Boolean => return self.text.push_str(choices.pick(&["true", "false"])),
            ScalarKind::String => format!("canary-{number}-"),
            ScalarKind::Integer | ScalarKind::Number => number.to_string(),
        };
        match kind {
            ScalarKind::String => {
                let (before, behind) = (choices.pick(&AROUND), choices.pick(&AROUND));
                self.string(choices, &format!("{before}{canary}{behind}"));
            }
            ScalarKind::Number => {
                self.text.push_str(choices.pick(&["", "-"]));
                self.text.push_str(&canary);
                self.text.push_str(choices.pick(&["", ".5", "e0", "E-2"]));
            }
            _ => self.text.push_str(&canary),
        }
        self.canaries.push((canary, field, record));
    }

    /// A string, as serde_json writes it or with escapes that need not be.
    fn string(&mut self, choices: &mut Choices<'_>, text: &str) {
        let spelling = choices.below(4);
        if spelling < 2 {
            self.text.push_str(&Value::from(text).to_string());
            return;
        }
        self.text.push('"');
        for (place, character) in text.chars().enumerate() {
            let must = character < ' ' || matches!(character, '"' | '\\');
            if must || spelling == 2 || place % 3 == 0 {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    self.text.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                self.text.push(character);
            }
        }
        self.text.push('"');
    }
}

fn any_node(choices: &mut Choices<'_>, make: &mut Builder, depth: usize) -> Node {
    match choices.below(8) {
        0..3 if depth > 0 => Node::Array(Box::new(any_node(choices, make, depth - 1))),
        3..7 if depth > 0 => {
            let record = choices.below(3) == 0;
            let members: Vec<_> = (0..choices.below(6))
                .map(|_| {
                    let name = choices.pick(&NAMES);
                    // A record elsewhere than in an array may stand where nothing can be left out.
                    let required = if choices.below(3) == 0 { "!" } else { "" };
                    let node = any_node(choices, make, depth - 1);
                    (format!("{name}{required}"), node)
                })
                .collect();
            Node::Object(ObjectNode {
                record,
                ..object(members)
            })
        }
        _ => {
            let kind = choices.pick(&[
                ScalarKind::String,
                ScalarKind::String,
                ScalarKind::Integer,
                ScalarKind::Number,
                ScalarKind::Boolean,
            ]);
            make.field(kind, choices.pick(&CATEGORIES))
        }
    }
}

fn any_forms(choices: &mut Choices<'_>) -> CategoryForms {
    let mut forms = [None; CATEGORY_COUNT];
    for category in CATEGORIES.into_iter().filter_map(Category::parse) {
        forms[category.index()] =
            choices.pick(&[None, Some(Form::Clear), None, Some(Form::Aggregate)]);
    }
    forms
}

/// Bytes, taken as choices; where they have ended, the first of everything.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.next().unwrap_or(0)) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
