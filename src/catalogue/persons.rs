//! Which objects of an answer are one recipient of mail each: a person on a customer's list, who is
//! counted by name and address, having no id. It is the outermost object of a record that is about a
//! recipient, or the object around loose texts about one.

use super::shape::{Field, FieldId, Node, ObjectNode};

const LIST_WITHIN: &str = "a list of people within one recipient: which of them is it about? Put \
                           `x-covenant-data-subject` on the object that is one person";
const LIST_OF_TEXTS: &str = "a list of texts about recipients, each of whom may be anyone: only an \
                             object can be one person, so leave this without a category";

/// Marks them below `root`, in which every object about a recipient is marked so far. What cannot be told
/// comes back with the field it is about.
pub(super) fn find(root: &mut Node, fields: &[Field]) -> Vec<(FieldId, &'static str)> {
    let mut finding = Finding {
        fields,
        unclear: Vec::new(),
    };
    finding.node(root, false);
    finding.unclear
}

struct Finding<'a> {
    fields: &'a [Field],
    unclear: Vec<(FieldId, &'static str)>,
}

impl Finding<'_> {
    /// Looks for the outermost persons below a node that is in none.
    fn node(&mut self, node: &mut Node, in_record: bool) {
        match node {
            Node::Scalar(_) => {}
            Node::Array(item) => match &**item {
                Node::Scalar(field) if in_record && self.is_about_recipient(*field) => {
                    self.unclear.push((*field, LIST_OF_TEXTS));
                }
                _ => self.node(item, in_record),
            },
            Node::Object(object) => {
                let in_record = in_record || object.record;
                object.person = in_record && (object.person || self.has_loose_texts(object));
                let person = object.person;
                for member in &mut object.members {
                    if person {
                        self.within(&mut member.node, false);
                    } else {
                        self.node(&mut member.node, in_record);
                    }
                }
            }
        }
    }

    /// Below a person there is no other.
    fn within(&mut self, node: &mut Node, in_list: bool) {
        match node {
            Node::Scalar(field) if in_list && self.tells_who(*field) => {
                self.unclear.push((*field, LIST_WITHIN));
            }
            Node::Scalar(_) => {}
            // Lines of one address may come as a list of texts.
            Node::Array(item) => {
                let in_list = in_list || !matches!(**item, Node::Scalar(_));
                self.within(item, in_list);
            }
            Node::Object(object) => {
                object.person = false;
                for member in &mut object.members {
                    self.within(&mut member.node, in_list);
                }
            }
        }
    }

    fn has_loose_texts(&self, object: &ObjectNode) -> bool {
        let mut members = object.members.iter();
        members.any(|member| match member.node {
            Node::Scalar(field) => self.is_about_recipient(field),
            Node::Object(_) | Node::Array(_) => false,
        })
    }

    fn is_about_recipient(&self, field: FieldId) -> bool {
        let field = self.fields.get(usize::from(field.0));
        field.is_some_and(|field| field.recipient && field.is_personal())
    }

    fn tells_who(&self, id: FieldId) -> bool {
        let field = self.fields.get(usize::from(id.0));
        self.is_about_recipient(id) && field.is_some_and(|field| field.tells_who().is_some())
    }
}
