//! Answers in JSON, with serde_json as the other reader. The first byte chooses a shape; the rest is the
//! body.

use covenant::catalogue::{Node, Shape};
use covenant::filter::{
    Limits, Plan, PseudonymKey, RecordDecision, Scanned, scan, validate_strict,
};
use covenant::taxonomy::CATEGORY_COUNT;
use covenant::terms::Form;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::shapes;

pub(crate) fn check(bytes: &[u8]) {
    let Some((&choice, body)) = bytes.split_first() else {
        return;
    };
    let limits = Limits::default();
    let strict = validate_strict(body, &limits).is_ok();
    if strict {
        let read = serde_json::from_slice::<&RawValue>(body);
        assert!(read.is_ok(), "accepted what is no JSON");
    }
    let shape = shapes::fixed(choice);
    let Ok(scanned) = scan(&shape, body, &limits) else {
        return;
    };
    assert!(strict, "an answer that is no strict JSON");
    let everything = written(&scanned, &shape, Some(Form::Clear));
    // Numbers beyond what serde_json holds are no fault of the body.
    if let Ok(whole) = serde_json::from_slice::<Value>(body) {
        let expected = catalogued(&shape.root, &whole);
        let read = serde_json::from_slice::<Value>(&everything);
        assert_eq!(read.ok(), Some(expected), "another answer");
    }
    let again = scan(&shape, &everything, &limits);
    let again = again.map(|scanned| written(&scanned, &shape, Some(Form::Clear)));
    assert_eq!(again, Ok(everything), "not the same when it is read again");
    let nothing = written(&scanned, &shape, None);
    let nothing = serde_json::from_slice::<Value>(&nothing);
    assert!(
        nothing.is_ok_and(|nothing| is_bare(&nothing)),
        "something left without a grant"
    );
}

/// The answer where every category leaves in `form`.
fn written(scanned: &Scanned<'_>, shape: &Shape, form: Option<Form>) -> Vec<u8> {
    let plan = Plan::new(shape, &[form; CATEGORY_COUNT]);
    let decisions = vec![RecordDecision::Keep(&plan); scanned.records().len()];
    let mut out = Vec::new();
    let emitted = scanned.emit(
        &decisions,
        &plan,
        &PseudonymKey::new(&[3; 32]),
        None,
        &mut out,
    );
    assert!(emitted.is_some(), "no record was dropped");
    out
}

/// The members that the shape knows, all the way down.
fn catalogued(node: &Node, value: &Value) -> Value {
    match (node, value) {
        (Node::Object(object), Value::Object(members)) => {
            let known = object.members.iter().filter_map(|member| {
                let value = members.get(&*member.name)?;
                Some((member.name.to_string(), catalogued(&member.node, value)))
            });
            Value::Object(known.collect::<Map<_, _>>())
        }
        (Node::Array(item), Value::Array(items)) => {
            items.iter().map(|value| catalogued(item, value)).collect()
        }
        _ => value.clone(),
    }
}

/// Whether no value says anything: the empty ones of [`shapes`].
fn is_bare(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_bare),
        Value::Object(members) => members.values().all(is_bare),
    }
}
