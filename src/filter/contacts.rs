//! How the customers in an answer are reached, for the book, which finds people by it. Found behind the
//! reading, in what it left behind, so that every format has the same.

use super::piece::{Content, Piece, Scalar, Token};
use super::scanned::{Record, Scanned};
use crate::catalogue::ScalarKind;
use crate::taxonomy::Category;
use crate::terms::{ContactKind, Contacts};

/// An object, and what of a postal address stands in it itself.
#[derive(Default)]
struct Around {
    /// The place behind everything inside it.
    after: usize,
    /// Whether it says something of the customer who is asked about.
    counts: bool,
    /// All of the address.
    all: String,
    /// What is a part of one by its category: a street, a city.
    parts: String,
    /// What may be a whole address each.
    wholes: Vec<String>,
}

impl Around {
    fn add(&mut self, category: Category, value: &str) {
        append(&mut self.all, value);
        match category.key() {
            ADDRESS => self.wholes.push(value.to_owned()),
            _ => append(&mut self.parts, value),
        }
    }

    /// A text of the whole category may be an address or a line of one, so it counts as either.
    fn end(self, contacts: &mut Contacts) {
        for address in [self.all, self.parts].iter().chain(&self.wholes) {
            contacts.add(ContactKind::Address, address);
        }
    }
}

/// The category of postal addresses.
const ADDRESS: &str = "user.contact.address";

/// The last word of one part is not the beginning of the next.
fn append(text: &mut String, value: &str) {
    if !text.is_empty() {
        text.push_str(", ");
    }
    text.push_str(value);
}

impl Scanned<'_> {
    /// How the customer is reached whose the records and the envelope are that `is_of` says so of. What one
    /// object holds of a postal address is one address. People on a customer's list are nobody's contacts.
    pub fn contacts(&self, is_of: impl Fn(&Record<'_>) -> bool) -> Contacts {
        let mut contacts = Contacts::default();
        if !(self.shape.fields.iter()).any(|field| field.contact().is_some()) {
            return contacts;
        }
        let envelope = Around {
            after: usize::MAX,
            counts: is_of(&self.envelope),
            ..Around::default()
        };
        let mut around = vec![envelope];
        for (place, piece) in self.pieces.iter().enumerate() {
            while let Some(ended) = around.pop_if(|inner| inner.after <= place) {
                ended.end(&mut contacts);
            }
            let Some(inner) = around.last_mut() else {
                break;
            };
            let counts = match piece.content {
                Content::Scalar(scalar) if inner.counts => {
                    self.note(scalar, inner, &mut contacts);
                    continue;
                }
                Content::Object { .. } => inner.counts,
                Content::Record { record, .. } => {
                    self.records.get(record as usize).is_some_and(&is_of)
                }
                _ => continue,
            };
            around.push(Around {
                after: Piece::next(piece, place),
                counts,
                ..Around::default()
            });
        }
        while let Some(ended) = around.pop() {
            ended.end(&mut contacts);
        }
        contacts
    }

    fn note(&self, scalar: Scalar, around: &mut Around, contacts: &mut Contacts) {
        let Some(field) = self.shape.fields.get(usize::from(scalar.field.0)) else {
            return;
        };
        let kind = field.contact().filter(|_| {
            let written = scalar.token != Token::Null;
            written && !field.recipient && field.kind != ScalarKind::Boolean
        });
        let written = self.text.get(scalar.start as usize..scalar.end as usize);
        let (Some(kind), Some(written)) = (kind, written) else {
            return;
        };
        let value = scalar.token.decode(written);
        match (kind, field.category) {
            (ContactKind::Address, Some(category)) => around.add(category, &value),
            _ => contacts.add(kind, &value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{FieldRole, Node, Shape};
    use crate::filter::sample::{Builder, array, in_document, object, record};
    use crate::filter::{Limits, scan};

    /// `{support, people: [{id, email, phone, verified, lines, home: {street, city, country}, notes:
    /// [{street}], friends: [{email}]}]}`.
    fn people() -> Shape {
        let mut make = Builder::default();
        let support = make.text("user.contact.email");
        let id = make.text("user.unique_id");
        make.last().role = FieldRole::CustomerKey;
        let email = make.text("user.contact.email");
        make.last().nullable = true;
        let phone = make.field(ScalarKind::Integer, "user.contact.phone_number");
        let verified = make.field(ScalarKind::Boolean, "user.contact.email");
        let line = make.text("user.contact.address");
        let street = make.text("user.contact.address.street");
        let city = make.text("user.contact.address.city");
        let country = make.text("user.contact.address.country");
        let other = make.text("user.contact.address.street");
        let friend = make.text("user.contact.email");
        make.last().recipient = true;
        let home = object([("street", street), ("city", city), ("country", country)]);
        let person = record([
            ("id!", id),
            ("email", email),
            ("phone", phone),
            ("verified", verified),
            ("lines", array(line)),
            ("home", Node::Object(home)),
            ("notes", array(Node::Object(object([("street", other)])))),
            ("friends", array(Node::Object(object([("email", friend)])))),
        ]);
        make.shape(Node::Object(object([
            ("support", support),
            ("people", array(person)),
        ])))
    }

    fn told(contacts: &Contacts) -> [Vec<&str>; 3] {
        ContactKind::ALL.map(|kind| contacts.of(kind).iter().map(String::as_str).collect())
    }

    #[test]
    fn what_an_answer_says_of_one_customer_is_told_and_nothing_of_anyone_else() {
        let shape = people();
        let body = r#"{"support":"help@core.example","people":[
            {"id":"b","email":"bob@b.example","home":{"city":"Bonn"}},
            {"id":"a","email":"ann\u0040a.example","phone":9075550142,"verified":true,
             "home":{"street":"1 Main St","city":"Bath","country":"US"},
             "notes":[{"street":"2 Side St"},{"street":"3 Back St"}],
             "friends":[{"email":"eve@e.example"}]}]}"#;
        let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
        let contacts = scanned.contacts(|record| record.customer() == Some("a"));
        let addresses = vec!["1 Main St, Bath, US", "2 Side St", "3 Back St"];
        let expected = [vec!["ann@a.example"], vec!["9075550142"], addresses];
        assert_eq!(told(&contacts), expected);
        assert!(!format!("{contacts:?}").contains("ann"));
        let nobody = scanned.contacts(|record| record.customer() == Some("c"));
        assert!(told(&nobody).iter().all(Vec::is_empty));
    }

    #[test]
    fn a_text_of_an_address_is_a_line_of_one_or_the_whole() {
        let shape = people();
        let body = r#"{"people":[{"id":"a","email":null,"lines":["1 Main St","Bath",""]}]}"#;
        let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
        let contacts = scanned.contacts(|record| record.customer() == Some("a"));
        let addresses = vec!["1 Main St, Bath,", "1 Main St", "Bath"];
        assert_eq!(told(&contacts), [vec![], vec![], addresses]);
    }

    #[test]
    fn xml_says_the_same_and_more_than_the_most_are_left_out() {
        let shape = in_document(people(), "answer", &["id"]);
        let lines: String = (0..20)
            .map(|one| format!("<lines>{one} St</lines>"))
            .collect();
        let body = format!(
            "<answer><people id=\"a\"><email>ann&#64;a.example</email>{lines}</people></answer>"
        );
        let scanned = scan::xml::scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
        let contacts = scanned.contacts(|record| record.customer() == Some("a"));
        let [emails, _, addresses] = told(&contacts);
        assert_eq!(emails, ["ann@a.example"]);
        assert_eq!(addresses.len(), crate::terms::CONTACTS_MAX);
    }
}
