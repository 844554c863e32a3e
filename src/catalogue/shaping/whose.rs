//! Whose the fields of an answer are: one customer's, by the record they stand in; a recipient's; or a
//! group's, in figures.

use super::super::document::{Origin, Part};
use super::super::shape::{Field, FieldRole, Node};
use super::super::{groups, persons};
use super::{Ownership, RecordAt, Shaping};

impl<'a> Shaping<'a, '_> {
    /// A record has one customer key at the most, and not in a list within it.
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
        self.records.push(RecordAt {
            path: path.to_owned(),
            place,
            nameless: keys.is_empty() && personal,
        });
    }

    /// A record without a key of its own needs one around it, or a request that names the customer.
    pub(super) fn check_nameless(&mut self) {
        let named_around = self.keys_around().next().is_some();
        if named_around || self.ownership != Ownership::InRecord {
            return;
        }
        for record in self.records.iter().filter(|record| record.nameless) {
            let message = "a record that does not say whose it is: mark the field in it, or in the \
                           object around it, that holds the customer's id with \
                           `x-covenant-customer-key`, or the parameter of the path that names the \
                           customer, or a thing of the customer's, with `x-covenant-role`";
            self.reading.mistake(record.place, message);
        }
    }

    /// Customer keys that stand in no record, and where.
    fn keys_around(&self) -> impl Iterator<Item = (&Field, &'a Origin)> {
        let loose = self.fields.iter().zip(&self.places);
        let loose = loose
            .filter(|(field, (_, in_record))| !in_record && field.role == FieldRole::CustomerKey);
        loose.map(|(field, (place, _))| (field, *place))
    }

    /// What is wrong with a customer key that stands in no record: there is one of them at the most, in an
    /// object around all records of the answer, and not in a list, or it could be about one item only.
    fn wrong_around(&self, path: &str) -> Option<String> {
        let first = self.keys_around().next();
        let name = if path.ends_with("']") { "['" } else { "." };
        let object = path.rfind(name).and_then(|end| path.get(..end));
        let around = |record: &RecordAt<'_>| {
            let below = object.and_then(|object| record.path.strip_prefix(object));
            below.is_some_and(|below| below.starts_with(['.', '[']))
        };
        if self.ownership == Ownership::Aggregate || self.records.is_empty() {
            return Some(format!(
                "`{path}` is about a customer but stands in no record: mark the object that belongs to \
                 one customer with `x-covenant-record`"
            ));
        }
        if path.contains("[*]") || !self.records.iter().all(around) {
            return Some(format!(
                "`{path}` says whose records are, but not in an object, of which there is one, around \
                 all records of the answer"
            ));
        }
        let is_first = first.is_some_and(|(first, _)| &*first.path == path);
        (!is_first).then(|| {
            "a second customer key around the records: which of them are they about?".to_owned()
        })
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

    /// Outside of records there is nobody's data, but a key that says whose they are.
    pub(super) fn check_loose_fields(&mut self) {
        let loose = self.fields.iter().zip(&self.places);
        let loose = loose.filter(|(_, (_, in_record))| !in_record);
        let wrong = loose.filter_map(|(field, (place, _))| {
            let path = &field.path;
            if field.role == FieldRole::CustomerKey {
                return Some((self.wrong_around(path)?, *place));
            }
            let about_someone = field.is_personal() && self.ownership != Ownership::Aggregate;
            about_someone.then(|| {
                let message = format!(
                    "`{path}` is about a customer but stands in no record: mark the object that \
                     belongs to one customer with `x-covenant-record`"
                );
                (message, *place)
            })
        });
        let wrong: Vec<_> = wrong.collect();
        for (message, place) in wrong {
            self.reading.mistake(place, message);
        }
    }
}
