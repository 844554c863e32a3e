//! The members of an object: in which order they stand in its shape, and those of any name.

use std::sync::Arc;

use super::{Shaping, Standing};
use crate::catalogue::document::Part;
use crate::catalogue::operation::Format;
use crate::catalogue::reading::Unusable;
use crate::catalogue::schema::{Kind, Schema};
use crate::catalogue::shape::{Field, FieldId, Member, Node};

impl<'a> Shaping<'a, '_> {
    /// Puts attributes first, each kind sorted by name; how many attributes there are.
    pub(super) fn sort(&mut self, schema: &Schema<'a>, members: &mut [(bool, Member)]) -> usize {
        let place = |(attribute, member): &(bool, Member)| (!attribute, Arc::clone(&member.name));
        members.sort_by_key(place);
        let mut pairs = members.iter().zip(members.iter().skip(1));
        if let Some(((_, one), _)) = pairs.find(|(one, next)| place(one) == place(next)) {
            let message = format!("two properties are both called `{}` in XML", one.name);
            self.reading.mistake(schema.place, message);
        }
        members.iter().filter(|(attribute, _)| *attribute).count()
    }

    /// Whether `null` may stand in place of the list that a member is. In XML there is none: a list without
    /// items has no elements.
    pub(super) fn is_nullable_list(&mut self, part: &'a Part, node: &Node) -> bool {
        if self.naming.format() != Format::Json || !matches!(node, Node::Array(_)) {
            return false;
        }
        let read = Schema::read(self.reading, part);
        let nullable = read.and_then(|(one, outside)| Ok(outside || one.kind()?.1));
        nullable.unwrap_or_default()
    }

    /// The field that all members are which the schema does not list, where an overlay says what they
    /// are. Their names are data of the same category, so that nothing of them leaves but in clear.
    pub(super) fn others(
        &mut self,
        schema: &Schema<'a>,
        at: &Standing,
    ) -> Result<Option<FieldId>, Unusable> {
        let Some(part) = schema.keyword("additionalProperties") else {
            return Ok(None);
        };
        if !part.is_map() {
            return Ok(None);
        }
        let Ok((schema, nullable_outside)) = Schema::read(self.reading, part) else {
            return Ok(None);
        };
        let Ok((Kind::Scalar(kind), nullable_inside)) = schema.kind() else {
            return Ok(None);
        };
        let Some(category) = schema.extension(self.reading, "data-category") else {
            return Ok(None);
        };
        let category = self.reading.category(category);
        let recipient = self.is_recipient(&schema, at.recipient);
        let fit = self.fit(&schema, kind, category);
        let field = Field {
            path: format!("{}.*", at.path).into(),
            category,
            check: fit.check,
            kind,
            nullable: nullable_outside || nullable_inside,
            null_fits: nullable_outside || schema.null_fits(),
            recipient,
            empty: Arc::from(&b"null"[..]),
            ..Field::default()
        };
        self.add(&schema, field).map(Some)
    }
}
