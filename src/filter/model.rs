//! The naive filter the real one is held against: a tree, plain recursion, every rule written again.

use serde_json::{Map, Value, json};

use super::PseudonymKey;
use crate::catalogue::{FieldId, Node, ObjectNode, Partial, ScalarKind, Shape};
use crate::terms::{CategoryForms, Form};

/// The same filter, written as slowly and plainly as possible.
pub(super) struct Model<'a> {
    pub(super) shape: &'a Shape,
    pub(super) forms: &'a [CategoryForms],
    pub(super) kept: &'a [Option<usize>],
    pub(super) next_record: usize,
    pub(super) key: &'a PseudonymKey,
    /// Everything that must not be found in what leaves.
    pub(super) secrets: Vec<String>,
}

impl Model<'_> {
    fn form(&self, id: FieldId, forms: usize) -> Option<Form> {
        let field = &self.shape.fields[usize::from(id.0)];
        let text = field.kind == ScalarKind::String;
        match self.forms[forms][field.category?.index()]? {
            Form::Clear => Some(Form::Clear),
            Form::Partial => (text && field.partial.is_some()).then_some(Form::Partial),
            Form::Pseudonym => text.then_some(Form::Pseudonym),
            Form::Aggregate => None,
        }
    }

    fn anything_leaves(&self, node: &Node, forms: usize) -> bool {
        match node {
            Node::Scalar(id) => self.form(*id, forms).is_some(),
            Node::Array(item) => self.anything_leaves(item, forms),
            Node::Object(object) => {
                let clear = |id| self.form(id, forms) == Some(Form::Clear);
                object.record
                    || object.others.is_some_and(clear)
                    || object
                        .members
                        .iter()
                        .any(|member| self.anything_leaves(&member.node, forms))
            }
        }
    }

    fn hide(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.hide(item)),
            Value::Object(members) => members.values().for_each(|member| self.hide(member)),
            Value::String(text) => self.secrets.push(text.clone()),
            Value::Number(number) => self.secrets.push(number.to_string()),
            Value::Bool(_) | Value::Null => {}
        }
    }

    /// What leaves of `value`; `None` if it is to be left out.
    pub(super) fn leaves(
        &mut self,
        node: &Node,
        value: &Value,
        required: bool,
        forms: usize,
    ) -> Option<Value> {
        let left = match (node, value) {
            (Node::Scalar(id), _) => self.scalar(*id, value, required, forms),
            _ if !required && !self.anything_leaves(node, forms) => None,
            (_, Value::Null) => Some(Value::Null),
            (Node::Array(item), _) if !self.anything_leaves(item, forms) => Some(json!([])),
            (Node::Array(item), Value::Array(items)) => Some(
                items
                    .iter()
                    .filter_map(|value| self.leaves(item, value, true, forms))
                    .collect(),
            ),
            (Node::Object(object), Value::Object(members)) => self.object(object, members, forms),
            _ => panic!("the document has another shape"),
        };
        if left.is_none() {
            self.hide(value);
        }
        left
    }

    fn object(
        &mut self,
        object: &ObjectNode,
        members: &Map<String, Value>,
        mut forms: usize,
    ) -> Option<Value> {
        if object.record {
            self.next_record += 1;
            forms = self.kept[self.next_record - 1]?;
        }
        let mut left = Map::new();
        for (name, value) in members {
            match object.members.iter().find(|member| *member.name == **name) {
                None => match object.others {
                    // Its name is data as well.
                    Some(id) if self.form(id, forms) == Some(Form::Clear) => {
                        left.insert(name.clone(), value.clone());
                    }
                    others => {
                        self.secrets.extend(others.map(|_| name.clone()));
                        self.hide(value);
                    }
                },
                Some(known) => {
                    let value = self.leaves(&known.node, value, known.required, forms);
                    // Only a record can be lost although its member is required.
                    if value.is_none()
                        && matches!(&known.node, Node::Object(object) if object.record)
                    {
                        return None;
                    }
                    left.extend(value.map(|value| (name.clone(), value)));
                }
            }
        }
        Some(Value::Object(left))
    }

    fn scalar(
        &mut self,
        id: FieldId,
        value: &Value,
        required: bool,
        forms: usize,
    ) -> Option<Value> {
        let field = &self.shape.fields[usize::from(id.0)];
        let form = self.form(id, forms);
        if form != Some(Form::Clear) {
            self.hide(value);
        }
        match (form, value) {
            (Some(Form::Clear), _) | (Some(_), Value::Null) => Some(value.clone()),
            (Some(Form::Partial), Value::String(text)) => {
                let characters: Vec<char> = text.chars().collect();
                let part: String = match field.partial? {
                    Partial::Last(count) => characters[characters.len() - usize::from(count)..]
                        .iter()
                        .collect(),
                    Partial::First(count) | Partial::FirstOfEmail(count) => {
                        characters[..usize::from(count)].iter().collect()
                    }
                };
                Some(json!(match field.partial? {
                    Partial::First(_) => part + "***",
                    Partial::FirstOfEmail(_) => part + "***@example.invalid",
                    Partial::Last(_) => "***".to_owned() + &part,
                }))
            }
            (Some(_), Value::String(text)) => {
                let pseudonym = self.key.pseudonym(field.category?, text);
                Some(json!(std::str::from_utf8(&pseudonym).unwrap()))
            }
            _ if !required => None,
            _ if field.nullable => Some(Value::Null),
            _ => Some(serde_json::from_slice(&field.empty).unwrap()),
        }
    }
}
