//! Shapes of answers for the targets.

use std::sync::Arc;

use covenant::catalogue::{Field, FieldId, FieldRole, Member, Node, ObjectNode, ScalarKind, Shape};
use covenant::taxonomy::Category;
use covenant::terms::ResourceKind;

/// A shape in the making.
#[derive(Default)]
pub(crate) struct Builder {
    fields: Vec<Field>,
}

impl Builder {
    /// A field that a plan can withhold: what stands for nothing is empty, zero or false.
    pub(crate) fn field(&mut self, kind: ScalarKind, category: &str) -> Node {
        let empty: &[u8] = match kind {
            ScalarKind::String => b"\"\"",
            ScalarKind::Integer | ScalarKind::Number => b"0",
            ScalarKind::Boolean => b"false",
        };
        self.fields.push(Field {
            category: Category::parse(category),
            kind,
            null_fits: true,
            empty: Arc::from(empty),
            ..Field::default()
        });
        Node::Scalar(FieldId((self.fields.len() - 1) as u16))
    }

    /// The field made last.
    pub(crate) fn last(&mut self) -> &mut Field {
        self.fields.last_mut().expect("a field was made")
    }

    /// The shape, where a field is required if its member is, or if it is an item or the document: as the
    /// catalogue has it.
    pub(crate) fn shape(mut self, root: Node) -> Shape {
        require(&root, true, &mut self.fields);
        Shape {
            root,
            fields: self.fields,
        }
    }
}

fn require(node: &Node, required: bool, fields: &mut [Field]) {
    match node {
        Node::Scalar(field) => fields[usize::from(field.0)].required = required,
        Node::Array(item) => require(item, true, fields),
        Node::Object(object) => {
            for member in &object.members {
                require(&member.node, member.required, fields);
            }
        }
    }
}

/// An object; the names of members that the schema requires end in `!`.
pub(crate) fn object(members: impl IntoIterator<Item = (String, Node)>) -> ObjectNode {
    let member = |(name, node): (String, Node)| {
        let required = name.ends_with('!');
        let name = name.trim_end_matches('!');
        let encoded = format!("{}:", serde_json::Value::from(name));
        Member {
            name: Arc::from(name),
            encoded: Arc::from(encoded.as_bytes()),
            required,
            nullable_list: false,
            node,
        }
    };
    let mut members: Vec<_> = members.into_iter().map(member).collect();
    members.sort_by(|left, right| left.name.cmp(&right.name));
    members.dedup_by(|left, right| left.name == right.name);
    ObjectNode {
        members,
        ..ObjectNode::default()
    }
}

/// One of a few shapes.
pub(crate) fn fixed(choice: u8) -> Shape {
    let mut make = Builder::default();
    let kinds = [
        ScalarKind::String,
        ScalarKind::Integer,
        ScalarKind::Number,
        ScalarKind::Boolean,
    ];
    let kind = kinds[usize::from(choice >> 2) % kinds.len()];
    let root = match choice % 4 {
        0 => page(&mut make),
        1 => make.field(kind, "user.content"),
        2 => Node::Array(Box::new(Node::Array(Box::new(
            make.field(kind, "user.content"),
        )))),
        _ => {
            // More members than fit into one word, under names of every length.
            let names = (0..70).map(|length| "k".repeat(length) + "!");
            let members: Vec<_> = names
                .map(|name| (name, make.field(kind, "user.content")))
                .collect();
            Node::Object(ObjectNode {
                record: true,
                ..object(members)
            })
        }
    };
    make.shape(root)
}

fn page(make: &mut Builder) -> Node {
    let id = make.field(ScalarKind::String, "user.unique_id");
    make.last().role = FieldRole::ResourceId(ResourceKind::Job);
    let customer = make.field(ScalarKind::Integer, "user.unique_id");
    make.last().role = FieldRole::CustomerKey;
    make.last().nullable = true;
    let name = make.field(ScalarKind::String, "user.name");
    make.last().nullable = true;
    let cost = make.field(ScalarKind::Number, "user.payment");
    let urgent = make.field(ScalarKind::Boolean, "system.operations");
    let tag = make.field(ScalarKind::String, "user.content");
    let line = make.field(ScalarKind::String, "user.contact.address");
    let next = make.field(ScalarKind::String, "system.operations");
    let address = ObjectNode {
        nullable: true,
        ..object([("line!".to_owned(), line)])
    };
    let job = ObjectNode {
        record: true,
        ..object([
            ("id!".to_owned(), id),
            ("customer".to_owned(), customer),
            ("na\"me".to_owned(), name),
            ("cost!".to_owned(), cost),
            ("urgent".to_owned(), urgent),
            ("tags!".to_owned(), Node::Array(Box::new(tag))),
            ("address".to_owned(), Node::Object(address)),
        ])
    };
    Node::Object(object([
        ("data!".to_owned(), Node::Array(Box::new(Node::Object(job)))),
        ("next".to_owned(), next),
    ]))
}

/// `<page total="1"><data><job id="j"><customer/><name/><cost/><urgent/><tag/>…</job>…</data></page>`.
pub(crate) fn xml() -> Shape {
    let mut make = Builder::default();
    let total = make.field(ScalarKind::Integer, "system.operations");
    let job = columns(&mut make);
    let tag = make.field(ScalarKind::String, "user.content");
    let mut job = object(
        job.into_iter()
            .chain([("tag!".to_owned(), Node::Array(Box::new(tag)))]),
    );
    job.record = true;
    put_first(&mut job, "id");
    let data = object([("job!".to_owned(), Node::Array(Box::new(Node::Object(job))))]);
    let mut page = object([
        ("total".to_owned(), total),
        ("data!".to_owned(), Node::Object(data)),
    ]);
    put_first(&mut page, "total");
    let mut root = Node::Object(object([("page!".to_owned(), Node::Object(page))]));
    write_names(&mut root, &|name, attribute| match attribute {
        true => format!(" {name}=\""),
        false => format!("<{name}>"),
    });
    make.shape(root)
}

/// Rows of `id,customer,name,cost,urgent`.
pub(crate) fn csv() -> Shape {
    let mut make = Builder::default();
    let mut row = object(columns(&mut make));
    row.record = true;
    let mut root = Node::Array(Box::new(Node::Object(row)));
    write_names(&mut root, &|name, _| name.to_owned());
    make.shape(root)
}

fn columns(make: &mut Builder) -> Vec<(String, Node)> {
    let id = make.field(ScalarKind::String, "user.unique_id");
    make.last().role = FieldRole::ResourceId(ResourceKind::Job);
    let customer = make.field(ScalarKind::String, "user.unique_id");
    make.last().role = FieldRole::CustomerKey;
    let name = make.field(ScalarKind::String, "user.name");
    let cost = make.field(ScalarKind::Number, "user.payment");
    let urgent = make.field(ScalarKind::Boolean, "system.operations");
    let columns = [
        ("id!", id),
        ("customer!", customer),
        ("name", name),
        ("cost", cost),
        ("urgent", urgent),
    ];
    columns.map(|(name, node)| (name.to_owned(), node)).into()
}

/// Makes the member of this name an attribute.
fn put_first(node: &mut ObjectNode, name: &str) {
    node.members.sort_by_key(|member| *member.name != *name);
    node.attributes = 1;
}

fn write_names(node: &mut Node, write: &impl Fn(&str, bool) -> String) {
    match node {
        Node::Scalar(_) => {}
        Node::Array(item) => write_names(item, write),
        Node::Object(object) => {
            let attributes = object.attributes;
            for (place, member) in object.members.iter_mut().enumerate() {
                let encoded = write(&member.name, place < attributes);
                member.encoded = Arc::from(encoded.as_bytes());
                write_names(&mut member.node, write);
            }
        }
    }
}
