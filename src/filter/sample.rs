//! Shapes for the tests of this room.

use std::sync::Arc;

use super::text::write_content;
use crate::catalogue::{
    Field, FieldId, FieldRole, Member, Node, ObjectNode, Pseudonym, ScalarKind, Shape,
};
use crate::taxonomy::{CATEGORY_COUNT, Category};
use crate::terms::{CategoryForms, Form, ResourceKind};

/// A shape in the making.
#[derive(Default)]
pub(super) struct Builder {
    fields: Vec<Field>,
}

impl Builder {
    /// An optional field; `category` may be empty for none.
    pub(super) fn field(&mut self, kind: ScalarKind, category: &str) -> Node {
        let empty: &[u8] = match kind {
            ScalarKind::String => b"\"\"",
            ScalarKind::Integer | ScalarKind::Number => b"0",
            ScalarKind::Boolean => b"false",
        };
        self.fields.push(Field {
            path: Arc::from(""),
            category: Category::parse(category),
            kind,
            null_fits: true,
            pseudonym: Some(Pseudonym::PLAIN),
            empty: Arc::from(empty),
            ..Field::default()
        });
        Node::Scalar(FieldId(u16::try_from(self.fields.len() - 1).unwrap()))
    }

    pub(super) fn text(&mut self, category: &str) -> Node {
        self.field(ScalarKind::String, category)
    }

    /// The field made last.
    pub(super) fn last(&mut self) -> &mut Field {
        self.fields.last_mut().unwrap()
    }

    pub(super) fn shape(self, root: Node) -> Shape {
        Shape {
            root,
            fields: self.fields,
        }
    }
}

/// A member; its name ends in `!` if the schema requires it.
pub(super) fn member(name: &str, node: Node) -> Member {
    let required = name.ends_with('!');
    let name = name.trim_end_matches('!');
    let mut encoded = b"\"".to_vec();
    write_content(name, &mut encoded);
    encoded.extend_from_slice(b"\":");
    Member {
        name: name.into(),
        encoded: encoded.into(),
        required,
        nullable_list: false,
        node,
    }
}

pub(super) fn object(members: impl IntoIterator<Item = (&'static str, Node)>) -> ObjectNode {
    let members = members.into_iter().map(|(name, node)| member(name, node));
    let mut members: Vec<_> = members.collect();
    members.sort_by(|left, right| left.name.cmp(&right.name));
    ObjectNode {
        members,
        ..ObjectNode::default()
    }
}

pub(super) fn record(members: impl IntoIterator<Item = (&'static str, Node)>) -> Node {
    Node::Object(ObjectNode {
        record: true,
        ..object(members)
    })
}

pub(super) fn array(item: Node) -> Node {
    Node::Array(Box::new(item))
}

/// A page of jobs: `{data: [{id, customer_id, email, name, phone, pages, cost, urgent, address,
/// tags, recipients}], count, next}`.
pub(super) fn page() -> Shape {
    let mut make = Builder::default();
    let id = make.text("user.unique_id");
    make.last().role = FieldRole::ResourceId(ResourceKind::Job);
    let customer = make.text("user.unique_id");
    make.last().role = FieldRole::CustomerKey;
    let email = make.text("user.contact.email");
    make.last().nullable = true;
    let name = make.text("user.name");
    make.last().required = true;
    let phone = make.text("user.contact.phone_number");
    make.last().partial = Some(crate::catalogue::Partial::Last(4));
    let pages = make.field(ScalarKind::Integer, "system.operations");
    let cost = make.field(ScalarKind::Number, "user.payment");
    make.last().required = true;
    make.last().nullable = true;
    let urgent = make.field(ScalarKind::Boolean, "system.operations");
    let street = make.text("user.contact.address.street");
    let city = make.text("user.contact.address.city");
    let tag = make.text("user.content.private");
    let recipient = make.text("user.name");
    let count = make.field(ScalarKind::Integer, "system.operations");
    let next = make.text("");
    let address = ObjectNode {
        nullable: true,
        ..object([("street", street), ("city", city)])
    };
    let job = record([
        ("id!", id),
        ("customer_id!", customer),
        ("email", email),
        ("name!", name),
        ("phone", phone),
        ("pages", pages),
        ("cost!", cost),
        ("urgent", urgent),
        ("address", Node::Object(address)),
        ("tags!", array(tag)),
        (
            "recipients",
            array(Node::Object(object([("name", recipient)]))),
        ),
    ]);
    make.shape(Node::Object(object([
        ("data!", array(job)),
        ("count", count),
        ("next", next),
    ])))
}

/// Forms that grant `granted` and nothing else; a category covers those below it.
pub(super) fn forms(granted: &[(&str, Form)]) -> CategoryForms {
    let mut forms = [None; CATEGORY_COUNT];
    for category in Category::all() {
        for (key, form) in granted {
            if category.is_within(Category::parse(key).unwrap()) {
                forms[category.index()] = Some(*form);
            }
        }
    }
    forms
}

/// The same members as they are named in XML; those called like one of `attributes` are attributes.
pub(super) fn elements(object: ObjectNode, attributes: &[&str]) -> ObjectNode {
    let mut members: Vec<_> = object
        .members
        .into_iter()
        .map(|one| {
            let attribute = attributes.contains(&&*one.name);
            let encoded = if attribute {
                format!(" {}=\"", one.name)
            } else {
                format!("<{}>", one.name)
            };
            let node = in_xml(one.node, attributes);
            let encoded = encoded.into_bytes().into();
            let member = Member {
                node,
                encoded,
                ..one
            };
            (!attribute, member)
        })
        .collect();
    members.sort_by(|(left, one), (right, other)| (left, &one.name).cmp(&(right, &other.name)));
    ObjectNode {
        attributes: members.iter().filter(|(element, _)| !element).count(),
        members: members.into_iter().map(|(_, member)| member).collect(),
        ..object
    }
}

fn in_xml(node: Node, attributes: &[&str]) -> Node {
    match node {
        Node::Object(object) => Node::Object(elements(object, attributes)),
        Node::Array(item) => Node::Array(Box::new(in_xml(*item, attributes))),
        Node::Scalar(field) => Node::Scalar(field),
    }
}

/// The same shape in XML, below this outermost element.
pub(super) fn in_document(shape: Shape, outermost: &str, attributes: &[&str]) -> Shape {
    let document = ObjectNode {
        members: vec![member(&format!("{outermost}!"), shape.root)],
        ..ObjectNode::default()
    };
    Shape {
        root: Node::Object(elements(document, attributes)),
        fields: shape.fields,
    }
}
