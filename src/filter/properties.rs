//! The filter beside a naive model over generated shapes, documents and grants: parse into a tree,
//! drop and replace, serialise. What the model gives is what must leave, byte for byte.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

mod formats;

use super::model::Model;
use super::sample::{Builder, array, member};
use super::{Limits, Plan, PseudonymKey, Reason, RecordDecision, scan, validate_strict};
use crate::catalogue::{
    Check, FieldId, Node, NumberBounds, ObjectNode, Partial, Pseudonym, ScalarKind, Shape,
    TextBounds,
};
use crate::taxonomy::{CATEGORY_COUNT, Category};
use crate::terms::{CategoryForms, Form};

const CATEGORIES: [&str; 6] = [
    "user.name",
    "user.contact.email",
    "user.payment",
    "user.content",
    "system.operations",
    "",
];
const NAMES: [&str; 9] = [
    "id",
    "email",
    "name",
    "Email",
    "a\"b\\",
    "naïve",
    "",
    "items",
    "last name",
];

/// A small generator (splitmix64): one number from proptest makes a whole case.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// The sorts of texts that are generated, each with its own schema; a field's path says which.
const SORTS: [&str; 8] = [
    "free", "id", "zip", "email", "uuid", "word", "sized", "street",
];

/// What the schema of a sort says, its empty value, and the partial forms that the catalogue gives it.
fn bounds_of(sort: &str, open: bool) -> (TextBounds, &'static str, [Partial; 2]) {
    let bounds = TextBounds {
        open,
        ..TextBounds::default()
    };
    let pattern = |pattern: &str| TextBounds {
        pattern: Some(pattern.to_owned()),
        ..bounds.clone()
    };
    let format = |format: &str| TextBounds {
        format: Some(format.to_owned()),
        ..bounds.clone()
    };
    let in_shape = [Partial::LastInShape(2), Partial::FirstInShape(6)];
    match sort {
        "id" => (pattern("^job_[a-z0-9]+$"), "job_0", in_shape),
        "zip" => (pattern(r"^\d{5}(-\d{4})?$"), "00000", in_shape),
        "email" => (
            format("email"),
            "withheld@example.invalid",
            [Partial::FirstOfEmail(2), Partial::FirstOfEmail(16)],
        ),
        "uuid" => (
            format("uuid"),
            "00000000-0000-0000-0000-000000000000",
            in_shape,
        ),
        "word" => {
            let words = WORDS.map(str::to_owned).to_vec();
            let bounds = TextBounds {
                words: Some(words),
                ..bounds
            };
            (bounds, WORDS[0], in_shape)
        }
        "sized" => {
            let bounds = TextBounds {
                characters_min: 5,
                characters_max: Some(20),
                ..bounds
            };
            (bounds, "-----", in_shape)
        }
        "street" => {
            let bounds = TextBounds {
                characters_max: Some(10),
                ..bounds
            };
            (bounds, "", [Partial::Street, Partial::Street])
        }
        _ => (bounds, "", [Partial::Last(2), Partial::First(3)]),
    }
}

/// The check and the pseudonyms of a sort; made once, as making a table of states takes long.
fn forms_of(sort: &str, open: bool) -> (Check, Option<Pseudonym>) {
    type Made = (Check, Option<Pseudonym>);
    static MADE: OnceLock<HashMap<(&str, bool), Made>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let all = SORTS
            .iter()
            .flat_map(|sort| [(*sort, false), (*sort, true)]);
        let made = all.map(|(sort, open)| {
            let bounds = bounds_of(sort, open).0;
            let check = Check::of_text(&bounds).unwrap();
            let pseudonym = Pseudonym::of(&bounds, &check);
            ((sort, open), (check, pseudonym))
        });
        made.collect()
    });
    made[&(sort, open)].clone()
}

const WORDS: [&str; 3] = ["word-draft", "word-printed", "word-mailed"];

fn any_scalar(random: &mut Random, make: &mut Builder) -> Node {
    let kinds = [
        ScalarKind::String,
        ScalarKind::String,
        ScalarKind::String,
        ScalarKind::Integer,
        ScalarKind::Number,
        ScalarKind::Boolean,
    ];
    let category = random.pick(&CATEGORIES);
    let node = make.field(random.pick(&kinds), category);
    let sort = random.pick(&SORTS);
    let field = make.last();
    field.nullable = random.one_in(3);
    field.path = sort.into();
    if field.kind == ScalarKind::String {
        let open = category == "user.content";
        let (_, empty, partials) = bounds_of(sort, open);
        (field.check, field.pseudonym) = forms_of(sort, open);
        field.empty = json!(empty).to_string().into_bytes().into();
        field.partial = random.pick(&[None, Some(partials[0]), Some(partials[1])]);
    } else if field.kind != ScalarKind::Boolean {
        // The integers that are generated are above 71,000,000, the other numbers below -82,000,000.
        let limit = |limit: &str| Some((limit.to_owned(), true));
        field.check = Check::of_number(NumberBounds {
            least: limit("-99e6"),
            most: limit("99000000"),
            step: Some("0.5".to_owned()),
            ..NumberBounds::default()
        });
    }
    node
}

/// A text of this sort in which everything but `number` is the same for all.
fn any_text(random: &mut Random, sort: &str, number: u64) -> String {
    // The digits of the number to the base 9, none of them 0.
    let nines = |places: u32| -> String {
        let digit = |place| char::from(b'1' + u8::try_from(number / 9u64.pow(place) % 9).unwrap());
        (0..places).rev().map(digit).collect()
    };
    match sort {
        "id" => format!("job_canary{number:06}x"),
        "zip" => format!("9{}-{}", &nines(8)[..4], &nines(8)[4..]),
        "email" => format!("canary{number:06}@example.com"),
        "uuid" => format!("0191f3a0-{number:04x}-7000-8000-{number:012x}"),
        "word" => random.pick(&WORDS).to_owned(),
        "sized" => format!("canary-{number:06}-é"),
        "street" => {
            let digits = nines(6);
            let letters = digits.bytes().map(|digit| char::from(digit - b'1' + b'a'));
            let longer = random.pick(&["", "x", "xx"]);
            format!("{} {}{longer}", 1 + number % 9, letters.collect::<String>())
        }
        _ => {
            let around = [
                "", "é", "\"", "\\", "\n", "😀", "/", "\u{7f}", "\u{1}", "日本",
            ];
            let (before, behind) = (random.pick(&around), random.pick(&around));
            format!("{before}canary-{number:06}-{behind}")
        }
    }
}

fn any_node(random: &mut Random, make: &mut Builder, depth: usize) -> Node {
    match random.below(if depth < 3 { 6 } else { 4 }) {
        0..=3 => any_scalar(random, make),
        4 => array(any_node(random, make, depth + 1)),
        _ => Node::Object(any_object(random, make, depth + 1)),
    }
}

fn any_object(random: &mut Random, make: &mut Builder, depth: usize) -> ObjectNode {
    let mut members = Vec::new();
    for name in NAMES {
        if random.one_in(2) {
            let node = any_node(random, make, depth);
            let required = random.one_in(3);
            if let Node::Scalar(_) = node {
                make.last().required = required;
            }
            members.push(member(
                &if required {
                    format!("{name}!")
                } else {
                    name.to_owned()
                },
                node,
            ));
        }
    }
    members.sort_by(|left, right| left.name.cmp(&right.name));
    ObjectNode {
        members,
        nullable: random.one_in(4),
        others: random.one_in(4).then(|| any_others(random, make)),
        ..ObjectNode::default()
    }
}

/// What members of any name are.
fn any_others(random: &mut Random, make: &mut Builder) -> FieldId {
    let Node::Scalar(id) = any_scalar(random, make) else {
        unreachable!("a scalar");
    };
    let field = make.last();
    (field.partial, field.pseudonym) = (None, None);
    id
}

/// Records in a list, beside other members, alone in a member, or as the whole document.
fn any_shape(random: &mut Random) -> Shape {
    let mut make = Builder::default();
    let record = Node::Object(ObjectNode {
        record: true,
        nullable: false,
        ..any_object(random, &mut make, 1)
    });
    let mut envelope = any_object(random, &mut make, 2);
    envelope.nullable = false;
    let root = match random.below(4) {
        0 => record,
        1 => array(record),
        choice => {
            let records = if choice == 2 { record } else { array(record) };
            envelope.members.push(member("data", records));
            envelope
                .members
                .sort_by(|left, right| left.name.cmp(&right.name));
            Node::Object(envelope)
        }
    };
    make.shape(root)
}

/// Lets some lists be null, as they may in JSON.
fn let_lists_be_null(random: &mut Random, node: &mut Node) {
    match node {
        Node::Scalar(_) => {}
        Node::Array(item) => let_lists_be_null(random, item),
        Node::Object(object) => {
            for known in &mut object.members {
                known.nullable_list = matches!(known.node, Node::Array(_)) && random.one_in(2);
                let_lists_be_null(random, &mut known.node);
            }
        }
    }
}

/// A value of this shape in which every string and number occurs nowhere else.
fn any_value(random: &mut Random, shape: &Shape, node: &Node, next: &mut u64) -> Value {
    *next += 1;
    match node {
        Node::Scalar(id) => {
            let field = &shape.fields[usize::from(id.0)];
            match field.kind {
                _ if field.nullable && random.one_in(4) => Value::Null,
                ScalarKind::String => json!(any_text(random, &field.path, *next)),
                ScalarKind::Integer => json!(71_000_000 + *next),
                ScalarKind::Number => json!(-82_000_000.5 - *next as f64),
                ScalarKind::Boolean => json!(random.one_in(2)),
            }
        }
        Node::Array(item) => (0..random.below(4))
            .map(|_| any_value(random, shape, item, next))
            .collect(),
        Node::Object(object) if object.nullable && random.one_in(4) => Value::Null,
        Node::Object(object) => {
            let mut members = Map::new();
            let rotation = random.below(object.members.len().max(1));
            for known in object.members[rotation..]
                .iter()
                .chain(&object.members[..rotation])
            {
                if !random.one_in(5) {
                    let value = match known.nullable_list && random.one_in(3) {
                        true => Value::Null,
                        false => any_value(random, shape, &known.node, next),
                    };
                    members.insert(known.name.to_string(), value);
                }
                if let Some(others) = object.others.filter(|_| random.one_in(3)) {
                    *next += 1;
                    let odd = random.pick(&["", "é", "-", "😀", "日本", "\"", "\u{1}"]);
                    let value = any_value(random, shape, &Node::Scalar(others), next);
                    members.insert(format!("_{odd}other-{next:06}-"), value);
                }
                if object.others.is_none() && random.one_in(8) {
                    *next += 1;
                    // Looks like a known key to an eye, or to a careless comparison.
                    let key = random.pick(&["еmail", "EMAIL", "id ", "name\0", "new", "dаta"]);
                    members.insert(
                        key.to_owned(),
                        json!([{"id": format!("canary-{next:06}-")}]),
                    );
                }
            }
            Value::Object(members)
        }
    }
}

/// Writes `value` with white space and escapes wherever they may stand.
fn spell(random: &mut Random, value: &Value, out: &mut String) {
    let space = random.pick(&["", "", "", " ", "\n\t", "\r\n"]);
    out.push_str(space);
    match value {
        Value::String(text) => spell_string(random, text, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                spell(random, item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (place, (key, value)) in members.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                spell_string(random, key, out);
                out.push_str(space);
                out.push(':');
                spell(random, value, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
    out.push_str(space);
}

fn spell_string(random: &mut Random, text: &str, out: &mut String) {
    if random.one_in(2) {
        out.push_str(&json!(text).to_string());
        return;
    }
    out.push('"');
    for character in text.chars() {
        if character < ' ' || matches!(character, '"' | '\\') || random.one_in(4) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&if random.one_in(2) {
                    format!("\\u{unit:04x}")
                } else {
                    format!("\\u{unit:04X}")
                });
            }
        } else {
            out.push(character);
        }
    }
    out.push('"');
}

fn any_forms(random: &mut Random) -> CategoryForms {
    let mut forms = [None; CATEGORY_COUNT];
    for key in CATEGORIES.into_iter().filter_map(Category::parse) {
        let choices = [
            None,
            None,
            Some(Form::Clear),
            Some(Form::Clear),
            Some(Form::Partial),
            Some(Form::Pseudonym),
            Some(Form::Aggregate),
        ];
        forms[key.index()] = random.pick(&choices);
    }
    forms
}

/// Every way `secret` might hide in `out`: as it is, escaped in JSON, in base64 at any offset.
fn occurs(secret: &str, out: &str) -> bool {
    let escaped: String = secret
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    let encoded = (0..3).map(|offset| {
        let padded = STANDARD_NO_PAD.encode([&[0; 2][..offset], secret.as_bytes()].concat());
        padded[(offset * 8).div_ceil(6)..padded.len() - 1].to_owned()
    });
    let json = json!(secret).to_string();
    let mut spellings = encoded.chain([
        secret.to_owned(),
        escaped,
        json.trim_matches('"').to_owned(),
    ]);
    spellings.any(|spelling| out.contains(&spelling))
}

/// Puts a value that its schema does not allow, but its type does, in the place of one of those that
/// `at` counts down to; what it is, if there is such a value there.
fn spoil(shape: &Shape, node: &Node, value: &mut Value, at: &mut usize) -> Option<String> {
    match (node, value) {
        (Node::Scalar(id), value) => {
            let field = &shape.fields[usize::from(id.0)];
            *at = at.checked_sub(usize::from(*at > 0))?;
            let wrong = match value {
                Value::String(text) => {
                    let hidden = format!("{{\"hidden\":\"{text}\"}}");
                    let encoded = STANDARD_NO_PAD.encode(&hidden);
                    let mut wrong = [hidden, encoded].into_iter();
                    json!(wrong.find(|wrong| !field.check.admits(wrong))?)
                }
                Value::Number(_) => json!(100_000_000),
                _ => return None,
            };
            let spoilt = *at == 0 && field.category.is_some() && field.check.is_needed();
            spoilt.then(|| {
                *value = wrong;
                value.to_string()
            })
        }
        (Node::Array(item), Value::Array(items)) => {
            let mut items = items.iter_mut();
            items.find_map(|value| spoil(shape, item, value, at))
        }
        (Node::Object(object), Value::Object(members)) => {
            let mut known = object.members.iter();
            known.find_map(|known| {
                let value = members.get_mut(&*known.name)?;
                spoil(shape, &known.node, value, at)
            })
        }
        _ => None,
    }
}

/// What one generated case is made of.
struct Case {
    shape: Shape,
    forms: Vec<CategoryForms>,
    plans: Vec<Plan>,
    key: PseudonymKey,
    answer: Value,
    body: String,
}

impl Case {
    fn new(random: &mut Random) -> Self {
        let mut shape = any_shape(random);
        let_lists_be_null(random, &mut shape.root);
        let forms: Vec<_> = (0..3).map(|_| any_forms(random)).collect();
        let answer = any_value(random, &shape, &shape.root, &mut 0);
        let mut body = String::new();
        spell(random, &answer, &mut body);
        let plans = forms.iter().map(|forms| Plan::new(&shape, forms)).collect();
        Self {
            shape,
            forms,
            plans,
            key: PseudonymKey::new(&[5; 32]),
            answer,
            body,
        }
    }

    fn emit(&self, body: &[u8], kept: &[Option<usize>]) -> Option<Vec<u8>> {
        let scanned = scan(&self.shape, body, &Limits::default()).expect("inspectable");
        let decisions: Vec<_> = kept
            .iter()
            .map(|plan| match plan {
                Some(plan) => RecordDecision::Keep(&self.plans[*plan]),
                None => RecordDecision::Drop,
            })
            .collect();
        let mut out = Vec::new();
        scanned.emit(&decisions, &self.plans[0], &self.key, None, &mut out)?;
        Some(out)
    }

    fn model<'a>(&'a self, kept: &'a [Option<usize>]) -> Model<'a> {
        Model {
            shape: &self.shape,
            forms: &self.forms,
            kept,
            next_record: 0,
            key: &self.key,
            secrets: Vec::new(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_leaves_is_what_the_naive_filter_lets_through_and_nothing_withheld_occurs_in_it(seed: u64) {
        let mut random = Random(seed);
        let case = Case::new(&mut random);
        let scanned = scan(&case.shape, case.body.as_bytes(), &Limits::default()).unwrap();
        let kept: Vec<_> = scanned.records().iter().map(|_| random.pick(&[None, Some(0), Some(1), Some(2)])).collect();
        let mut model = case.model(&kept);
        let expected = model.leaves(&case.shape.root, &case.answer, true, 0);
        let emitted = case.emit(case.body.as_bytes(), &kept);
        let emitted = emitted.map(|out| String::from_utf8(out).unwrap());
        prop_assert_eq!(&emitted, &expected.map(|value| value.to_string()));
        for secret in model.secrets {
            prop_assert!(!emitted.iter().any(|out| occurs(&secret, out)), "{secret} left");
        }
        // Whatever left satisfies the schema of its field.
        let again = emitted.map(|out| scan(&case.shape, out.as_bytes(), &Limits::default()).map(drop));
        prop_assert!(again.is_none_or(|again| again.is_ok()));
    }

    #[test]
    fn a_value_that_its_schema_does_not_allow_refuses_the_whole_answer(seed: u64) {
        let mut random = Random(seed);
        let case = Case::new(&mut random);
        let mut answer = case.answer.clone();
        let mut at = random.below(20);
        if spoil(&case.shape, &case.shape.root, &mut answer, &mut at).is_some() {
            let mut body = String::new();
            spell(&mut random, &answer, &mut body);
            let refused = scan(&case.shape, body.as_bytes(), &Limits::default()).map(drop);
            prop_assert_eq!(refused.map_err(|refused| refused.reason), Err(Reason::Mismatch), "{}", body);
        }
    }

    #[test]
    fn what_leaves_can_be_inspected_again_and_would_leave_again_unchanged(seed: u64) {
        let mut random = Random(seed);
        let mut case = Case::new(&mut random);
        for form in case.forms.iter_mut().flatten().filter(|form| **form == Some(Form::Pseudonym)) {
            *form = None;
        }
        case.plans = case.forms.iter().map(|forms| Plan::new(&case.shape, forms)).collect();
        let records = scan(&case.shape, case.body.as_bytes(), &Limits::default()).unwrap().records().len();
        let kept: Vec<_> = (0..records).map(|_| random.pick(&[None, Some(1), Some(2)])).collect();
        if let Some(once) = case.emit(case.body.as_bytes(), &kept) {
            let kept: Vec<_> = kept.into_iter().filter(Option::is_some).collect();
            let twice = case.emit(&once, &kept).unwrap();
            prop_assert_eq!(String::from_utf8(twice).unwrap(), String::from_utf8(once).unwrap());
        }
    }

    /// A damaged answer is refused, or is still JSON to another reader, which sees the same in it.
    #[test]
    fn what_is_accepted_of_damaged_answers_means_the_same_to_another_reader(seed: u64) {
        let mut random = Random(seed);
        let case = Case::new(&mut random);
        let mut body = case.body.clone().into_bytes();
        for _ in 0..=random.below(3) {
            let (at, to) = (random.below(body.len()), random.below(body.len()));
            match random.below(4) {
                0 => body[at] = random.pick(b"{}[]\":,\\u0019eE+-. \n\0\x7f\xff\xc3tfn"),
                1 => drop(body.remove(at)),
                2 => {
                    let again = body[at.min(to)..at.max(to)].to_vec();
                    body.splice(at..at, again);
                }
                _ => body.truncate(at.max(1)),
            }
            if body.is_empty() {
                return Ok(());
            }
        }
        let _ = validate_strict(&body, &Limits::default());
        if let Ok(scanned) = scan(&case.shape, &body, &Limits::default()) {
            prop_assert!(validate_strict(&body, &Limits::default()).is_ok());
            let kept = vec![Some(1); scanned.records().len()];
            let other = match serde_json::from_slice::<Value>(&body) {
                Ok(other) => other,
                Err(error) => {
                    prop_assert!(error.to_string().contains("number out of range"), "{error}");
                    return Ok(());
                }
            };
            // Partial values of damaged, shorter strings are another test's matter.
            let mut forms = case.forms.clone();
            forms.iter_mut().flatten().for_each(|form| *form = form.filter(|form| *form != Form::Partial));
            let plans = forms.iter().map(|forms| Plan::new(&case.shape, forms)).collect();
            let case = Case { forms, plans, ..case };
            let expected = case.model(&kept).leaves(&case.shape.root, &other, true, 0);
            let emitted = case.emit(&body, &kept).map(|out| serde_json::from_slice::<Value>(&out).unwrap());
            prop_assert_eq!(emitted, expected);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), json in "[\\[\\]{}\":,\\\\u0dD8e. a-]{0,64}") {
        let shape = super::sample::page();
        for body in [bytes.as_slice(), json.as_bytes()] {
            let ours = validate_strict(body, &Limits::default()).is_ok();
            let scanned = scan(&shape, body, &Limits::default()).is_ok();
            prop_assert!(ours || !scanned);
            prop_assert!(!ours || serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok());
        }
    }
}
