//! The fullest answer of a shape: every field the operation can answer, in one record. What a case
//! expects without bringing an answer is expected of this one. Every value satisfies its schema.

use serde_json::{Map, Value};

use crate::catalogue::{Field, FieldRole, Link, Node, ScalarKind, Shape};

/// A text, where any will do.
const PLAIN: &str = "made up";

/// How many customers each group is.
const MANY: u32 = 1_000_000;

/// Writes it; each record is `customer`'s, and the core's links lead `here`.
pub(super) fn fullest(shape: &Shape, customer: &str, here: &str) -> Vec<u8> {
    let known = Known { customer, here };
    value(shape, &shape.root, known).to_string().into_bytes()
}

/// What is not made up.
#[derive(Clone, Copy)]
struct Known<'a> {
    customer: &'a str,
    here: &'a str,
}

fn value(shape: &Shape, node: &Node, known: Known<'_>) -> Value {
    match node {
        Node::Array(item) => Value::Array(vec![value(shape, item, known)]),
        Node::Object(object) => {
            let members = object.members.iter();
            let written = members.map(|member| {
                let written = value(shape, &member.node, known);
                (member.name.to_string(), written)
            });
            Value::Object(written.collect::<Map<_, _>>())
        }
        Node::Scalar(id) => match shape.fields.get(usize::from(id.0)) {
            None => Value::Null,
            Some(field) => match field.kind {
                ScalarKind::String if field.role == FieldRole::CustomerKey => known.customer.into(),
                ScalarKind::String if field.link == Some(Link::Rewrite) => known.here.into(),
                ScalarKind::String => field.check.example_text(PLAIN).unwrap_or_default().into(),
                // Enough customers for any group, and for all together.
                ScalarKind::Integer if field.role == FieldRole::GroupSize => MANY.into(),
                ScalarKind::Integer | ScalarKind::Number => bare(field, "1"),
                ScalarKind::Boolean => bare(field, "true"),
            },
        },
    }
}

fn bare(field: &Field, plain: &str) -> Value {
    let written = field.check.example_bare(plain);
    let value = written.and_then(|written| serde_json::from_str(&written).ok());
    value.unwrap_or(Value::Null)
}
