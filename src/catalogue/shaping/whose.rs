//! Whose the fields of an answer are: one customer's, by the record they stand in; a recipient's; or a
//! group's, in figures.

use super::super::document::{Origin, Part};
use super::super::shape::{Field, FieldRole, Node};
use super::super::{groups, persons};
use super::{Ownership, Shaping};

impl<'a> Shaping<'a, '_> {
    /// A record has one customer key, and not in a list within it.
    pub(super) fn check_customer_key(&mut self, place: &'a Origin, first_field: usize, path: &str) {
        let fields = self.fields.iter().zip(&self.places).skip(first_field);
        let mut keys = Vec::new();
        let mut personal = false;
        for (field, (place, _)) in fields {
            personal |= field.is_personal();
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

    /// Whether a group can be judged; where it is a mistake, at `place`.
    pub(super) fn check_group(&mut self, place: &'a Origin, first_field: usize, path: &str) {
        let fields = self.fields.get(first_field..).unwrap_or_default();
        let is_for_figures = self.ownership == Ownership::Aggregate;
        for reason in groups::mistakes_of_group(fields, path, is_for_figures) {
            self.reading.mistake(place, reason);
        }
    }

    /// Whether figures that stand in no group can be judged.
    pub(super) fn check_groups(&mut self, answer: &'a Part, root: &Node) {
        let loose = self.fields.iter().zip(&self.places);
        let loose = loose.filter(|(_, (_, in_record))| !in_record);
        let loose: Vec<(&Field, &Origin)> =
            loose.map(|(field, (place, _))| (field, *place)).collect();
        let is_for_figures = self.ownership == Ownership::Aggregate;
        let lists = groups::lists(root);
        for (place, reason) in groups::mistakes_of_totals(&loose, is_for_figures, lists) {
            self.reading.mistake(place.unwrap_or(&answer.place), reason);
        }
    }

    /// Which objects are one recipient each.
    pub(super) fn find_persons(&mut self, root: &mut Node) {
        for (field, reason) in persons::find(root, &self.fields) {
            if let Some((place, _)) = self.places.get(usize::from(field.0)) {
                self.reading.mistake(place, reason);
            }
        }
    }

    /// Outside of records there is nobody's data.
    pub(super) fn check_loose_fields(&mut self) {
        let loose = self.fields.iter().zip(&self.places);
        let loose = loose.filter(|(_, (_, in_record))| !in_record);
        let wrong: Vec<_> = loose
            .filter(|(field, _)| {
                let key = field.role == FieldRole::CustomerKey;
                key || (field.is_personal() && self.ownership != Ownership::Aggregate)
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
