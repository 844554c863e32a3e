//! Every record says whose it is, and outside of records there is nobody's data.

use super::{Ownership, Shaping};
use crate::catalogue::document::Origin;
use crate::catalogue::shape::{Field, FieldRole};
use crate::taxonomy::Category;

impl<'a> Shaping<'a, '_> {
    /// A record has one customer key, and not in a list within it.
    pub(super) fn check_customer_key(&mut self, place: &'a Origin, first_field: usize, path: &str) {
        let fields = self.fields.iter().zip(&self.places).skip(first_field);
        let mut keys = Vec::new();
        let mut personal = false;
        for (field, (place, _)) in fields {
            personal |= is_personal(field);
            if field.role == FieldRole::CustomerKey {
                let within = field.path.strip_prefix(path).unwrap_or_default();
                keys.push((*place, within.contains("[*]")));
            }
        }
        if let Some((second, _)) = keys.get(1) {
            let message = "a second customer key in one record: which of them is it about?";
            self.reading.mistake(second, message);
        }
        if let Some((key, _)) = keys.iter().find(|(_, in_list)| *in_list) {
            let message =
                "a customer key in a list within the record; mark the list's items as records";
            self.reading.mistake(key, message);
        }
        if keys.is_empty() && personal && self.ownership == Ownership::InRecord {
            let message = "a record that does not say whose it is: mark the field that holds the \
                           customer's id with `x-covenant-customer-key`";
            self.reading.mistake(place, message);
        }
    }

    /// Outside of records there is nobody's data.
    pub(super) fn check_loose_fields(&mut self) {
        let loose = self.fields.iter().zip(&self.places);
        let loose = loose.filter(|(_, (_, in_record))| !in_record);
        let wrong: Vec<_> = loose
            .filter(|(field, _)| {
                let key = field.role == FieldRole::CustomerKey;
                key || (is_personal(field) && self.ownership != Ownership::Aggregate)
            })
            .map(|(field, (place, _))| (field.path.clone(), *place))
            .collect();
        for (path, place) in wrong {
            let message = format!(
                "`{path}` is about a customer but stands in no record: mark the object that \
                 belongs to one customer with `x-covenant-record`"
            );
            self.reading.mistake(place, message);
        }
    }
}

fn is_personal(field: &Field) -> bool {
    let user = Category::parse("user");
    let within = |category: Category| user.is_some_and(|user| category.is_within(user));
    field.category.is_some_and(within)
}
