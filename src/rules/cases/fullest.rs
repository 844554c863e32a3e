//! The fullest answer of a shape: every field the operation can answer, in one record. What a case
//! expects without bringing an answer is expected of this one. Every value satisfies its schema.

use serde_json::{Map, Value};

use crate::catalogue::{Field, FieldId, FieldRole, Format, Link, Member, Node, ScalarKind, Shape};

/// What a member is called whose name the catalogue leaves open.
const OTHER: &str = "made_up";
/// A text, where any will do.
const PLAIN: &str = "made up";

/// How many customers each group is.
const MANY: u32 = 1_000_000;

/// Writes it; each record is `customer`'s, and the core's links lead `here`.
pub(super) fn fullest(format: Format, shape: &Shape, customer: &str, here: &str) -> Vec<u8> {
    let making = Making {
        shape,
        customer,
        here,
    };
    let text = match (format, &shape.root) {
        (Format::Json, root) => making.json(root).to_string(),
        (Format::Xml, root) => {
            let mut text = String::new();
            making.elements(root, &mut text);
            text
        }
        (Format::Csv, Node::Array(row)) => making.lines(row),
        (Format::Csv, _) => String::new(),
        (Format::JsonLines, Node::Array(line)) => format!("{}\n", making.json(line)),
        (Format::JsonLines, _) => String::new(),
    };
    text.into_bytes()
}

struct Making<'a> {
    shape: &'a Shape,
    customer: &'a str,
    here: &'a str,
}

impl Making<'_> {
    fn json(&self, node: &Node) -> Value {
        match node {
            Node::Array(item) => Value::Array(vec![self.json(item)]),
            Node::Object(object) => {
                let members = object.members.iter();
                let written = members.map(|one| (one.name.to_string(), self.json(&one.node)));
                let mut written: Map<_, _> = written.collect();
                if let Some(field) = object.others {
                    written.insert(self.other_name(&object.members), self.scalar(field));
                }
                Value::Object(written)
            }
            Node::Scalar(field) => self.scalar(*field),
        }
    }

    fn scalar(&self, field: FieldId) -> Value {
        match self.shape.fields.get(usize::from(field.0)) {
            None => Value::Null,
            Some(field) => match field.kind {
                ScalarKind::String if field.role == FieldRole::CustomerKey => self.customer.into(),
                ScalarKind::String if field.link == Some(Link::Rewrite) => self.here.into(),
                ScalarKind::String => field.check.example_text(PLAIN).unwrap_or_default().into(),
                // Enough customers for any group, and for all together.
                ScalarKind::Integer if field.role == FieldRole::GroupSize => MANY.into(),
                ScalarKind::Integer if field.role == FieldRole::CustomerKey => {
                    bare(field, self.customer)
                }
                ScalarKind::Integer | ScalarKind::Number => bare(field, "1"),
                ScalarKind::Boolean => bare(field, "true"),
            },
        }
    }

    /// A name that no member has.
    fn other_name(&self, members: &[Member]) -> String {
        let mut name = OTHER.to_owned();
        while members.iter().any(|member| *member.name == *name) {
            name.push('_');
        }
        name
    }

    /// What is written of a scalar where everything is text.
    fn text(&self, node: &Node) -> String {
        let Node::Scalar(field) = node else {
            return String::new();
        };
        match self.scalar(*field) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// Writes what is inside of an element; the object that is the document is the outermost one.
    fn elements(&self, node: &Node, text: &mut String) {
        let Node::Object(object) = node else {
            text.push_str(&escaped(&self.text(node)));
            return;
        };
        for member in object.members.iter().skip(object.attributes) {
            let item = match &member.node {
                Node::Array(item) => item,
                other => other,
            };
            text.push('<');
            text.push_str(&member.name);
            for namespace in &object.namespaces {
                let colon = if namespace.prefix.is_empty() { "" } else { ":" };
                text.push_str(&format!(
                    " xmlns{colon}{}=\"{}\"",
                    namespace.prefix, namespace.uri
                ));
            }
            if let Node::Object(inner) = item {
                for attribute in inner.members.iter().take(inner.attributes) {
                    let value = escaped(&self.text(&attribute.node));
                    text.push_str(&format!(" {}=\"{value}\"", attribute.name));
                }
            }
            text.push('>');
            self.elements(item, text);
            text.push_str(&format!("</{}>", member.name));
        }
        if let Some(field) = object.others {
            let name = self.other_name(&object.members);
            let value = escaped(&self.text(&Node::Scalar(field)));
            text.push_str(&format!("<{name}>{value}</{name}>"));
        }
    }

    /// A header and a row.
    fn lines(&self, row: &Node) -> String {
        let Node::Object(object) = row else {
            return String::new();
        };
        let mut columns: Vec<(String, String)> = object
            .members
            .iter()
            .map(|member| (member.name.to_string(), self.text(&member.node)))
            .collect();
        if let Some(field) = object.others {
            let name = self.other_name(&object.members);
            columns.push((name, self.text(&Node::Scalar(field))));
        }
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let (names, cells): (Vec<_>, Vec<_>) = columns
            .iter()
            .map(|(name, cell)| (quoted(name), quoted(cell)))
            .unzip();
        format!("{}\r\n{}\r\n", names.join(","), cells.join(","))
    }
}

fn bare(field: &Field, plain: &str) -> Value {
    let written = field.check.example_bare(plain);
    let value = written.and_then(|written| serde_json::from_str(&written).ok());
    value.unwrap_or(Value::Null)
}

/// A text as it stands in XML; a customer's id may be anything.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Namespace, ObjectNode};
    use crate::filter::{self, Limits};

    fn member(name: &str, node: Node) -> Member {
        Member {
            name: name.into(),
            encoded: format!("<{name}>").into_bytes().into(),
            required: true,
            nullable_list: false,
            node,
        }
    }

    fn field(kind: ScalarKind, role: FieldRole) -> Field {
        Field {
            kind,
            role,
            ..Field::default()
        }
    }

    /// `id` (an attribute in XML), `amount`, and whatever else.
    fn row(attributes: usize) -> Node {
        Node::Object(ObjectNode {
            members: vec![
                member("Id", Node::Scalar(FieldId(0))),
                member("amount", Node::Scalar(FieldId(1))),
            ],
            attributes,
            record: true,
            others: Some(FieldId(2)),
            ..ObjectNode::default()
        })
    }

    #[test]
    fn the_fullest_answer_of_any_format_has_every_field_and_is_the_customers() {
        let fields = || {
            vec![
                field(ScalarKind::String, FieldRole::CustomerKey),
                field(ScalarKind::Number, FieldRole::Data),
                field(ScalarKind::String, FieldRole::Data),
            ]
        };
        let list = |attributes| Node::Array(Box::new(row(attributes)));
        let rows = Node::Object(ObjectNode {
            members: vec![member("row", list(1))],
            ..ObjectNode::default()
        });
        let document = Node::Object(ObjectNode {
            members: vec![member("Rows", rows)],
            namespaces: vec![Namespace {
                prefix: "".into(),
                uri: "urn:x".into(),
            }],
            ..ObjectNode::default()
        });
        for (format, root) in [
            (Format::Json, list(0)),
            (Format::Xml, document),
            (Format::Csv, list(0)),
        ] {
            let shape = Shape {
                root,
                fields: fields(),
            };
            let body = fullest(format, &shape, "a<\"&>b", "https://core.example/");
            let scanned = filter::read(format, &shape, &body, &Limits::default()).unwrap();
            let [record] = scanned.records() else {
                panic!("one record")
            };
            assert_eq!(record.customer(), Some("a<\"&>b"));
            assert_eq!(record.present().iter().count(), 3, "{format:?}");
            assert_eq!(scanned.uncatalogued(), 0);
        }
    }
}
