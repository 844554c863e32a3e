//! What a scalar of the shape is beyond its type: whose id it holds, and what may stand in its place.

use super::Shaping;
use crate::catalogue::empty;
use crate::catalogue::fitting::Fit;
use crate::catalogue::partial::Partial;
use crate::catalogue::schema::Schema;
use crate::catalogue::shape::{Field, FieldRole, ScalarKind};

impl<'a> Shaping<'a, '_> {
    pub(super) fn role(&mut self, schema: &Schema<'a>, kind: ScalarKind) -> FieldRole {
        let key = schema.extension(self.reading, "customer-key");
        let is_key = self.reading.flag(key);
        let resource = schema.extension(self.reading, "resource-id");
        let resource = resource.and_then(|part| self.reading.resource_kind(part));
        let size = schema.extension(self.reading, "group-size");
        let is_size = self.reading.flag(size);
        let role = match (is_key, resource, is_size) {
            (false, None, false) => FieldRole::Data,
            (true, None, false) => FieldRole::CustomerKey,
            (false, Some(kind), false) => FieldRole::ResourceId(kind),
            (false, None, true) => FieldRole::GroupSize,
            _ => {
                let message = "one field cannot be the id of a customer and of something else";
                self.reading.mistake(schema.place, message);
                FieldRole::CustomerKey
            }
        };
        match role {
            FieldRole::Data => {}
            FieldRole::GroupSize if kind == ScalarKind::Integer => {}
            FieldRole::GroupSize => {
                let message = "how many customers a group is must be a whole number";
                self.reading.mistake(schema.place, message);
            }
            FieldRole::CustomerKey | FieldRole::ResourceId(_) => match kind {
                ScalarKind::String | ScalarKind::Integer => {}
                ScalarKind::Number | ScalarKind::Boolean => {
                    let message = "an id must be a text or a whole number";
                    self.reading.mistake(schema.place, message);
                }
            },
        }
        role
    }

    /// A value that leaves is held to its pattern, so that there is none that could not be.
    pub(super) fn check_pattern(&mut self, schema: &Schema<'a>, fit: &Fit) {
        if let (Some(bad), Some(pattern)) = (fit.bad_pattern, schema.keyword("pattern")) {
            let message = format!(
                "values cannot be held to this pattern: it is {bad}. An overlay can put another \
                 `pattern` in its place, or `''` and a `maxLength`"
            );
            self.reading.mistake(&pattern.place, message);
        }
    }

    pub(super) fn partial(
        &mut self,
        schema: &Schema<'a>,
        kind: ScalarKind,
        fit: &Fit,
    ) -> Option<Partial> {
        let part = schema.extension(self.reading, "partial")?;
        if kind != ScalarKind::String {
            let message = "only a text has a partial form";
            self.reading.mistake(&part.place, message);
            return None;
        }
        let partial = self.reading.partial(part)?;
        match fit.partial(partial) {
            Ok(partial) => Some(partial),
            Err(reason) => {
                let message = format!("{reason}; without `x-covenant-partial` it is withheld");
                self.reading.mistake(&part.place, message);
                None
            }
        }
    }

    /// Finds the value that stands for nothing, for where it is needed: because the field is required, or
    /// because a part or a pseudonym of a value may not fit.
    pub(super) fn empty(&mut self, schema: &Schema<'a>, fit: &Fit, field: &mut Field) {
        let null = field.nullable && field.null_fits;
        let needed = !null && (field.required || field.partial.is_some());
        let wanted = !null && field.pseudonym.is_some();
        let named = schema.extension(self.reading, "empty");
        if let Some(named) = named.filter(|_| fit.bad_pattern.is_some() && field.category.is_none())
        {
            let message = "whether this matches the field's pattern could not be told: the pattern \
                           is beyond what is understood here";
            self.reading.remark(&named.place, message);
        }
        match empty::value(schema, field.kind, fit, named) {
            Ok(value) if needed || wanted => {
                field.made_up =
                    !null && field.required && empty::says_something(schema, fit, &value);
                field.empty = value.to_string().into_bytes().into();
            }
            Ok(_) => {}
            Err(reason) if needed || named.is_some() => {
                let place = named.map_or(schema.place, |named| &named.place);
                self.reading.mistake(place, reason);
            }
            Err(_) if wanted => field.pseudonym = None,
            Err(_) => {}
        }
    }
}
