//! The fullest answer of a shape: every field the operation can answer, in one record. What a case
//! expects without bringing an answer is expected of this one. Every value satisfies its schema.

use serde_json::{Map, Value};

use crate::catalogue::{Field, FieldRole, Node, ScalarKind, Shape};

/// A text, where any will do.
const PLAIN: &str = "made up";

/// Writes it; each record is `customer`'s.
pub(super) fn fullest(shape: &Shape, customer: &str) -> Vec<u8> {
    value(shape, &shape.root, customer).to_string().into_bytes()
}

fn value(shape: &Shape, node: &Node, customer: &str) -> Value {
    match node {
        Node::Array(item) => Value::Array(vec![value(shape, item, customer)]),
        Node::Object(object) => {
            let members = object.members.iter();
            let written = members.map(|member| {
                (
                    member.name.to_string(),
                    value(shape, &member.node, customer),
                )
            });
            Value::Object(written.collect::<Map<_, _>>())
        }
        Node::Scalar(id) => match shape.fields.get(usize::from(id.0)) {
            None => Value::Null,
            Some(field) => match field.kind {
                ScalarKind::String if field.role == FieldRole::CustomerKey => customer.into(),
                ScalarKind::String => field.check.example_text(PLAIN).unwrap_or_default().into(),
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
