//! The people on customers' lists in an answer: where each one stands, and by what they are told apart.
//! Found behind the reading, in what it left behind, so that answers without such people cost nothing
//! more and every format has the same.

use super::field_set::FieldSet;
use super::piece::Content;
use super::scanned::Scanned;
use super::subtrees::Subtree;
use crate::catalogue::{Node, TellsWho};

/// One recipient of mail in an answer.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// The record it stands in, by its place in [`Scanned::records`].
    pub record: usize,
    subtree: Subtree,
}

/// By what a recipient of mail is told from others, as the answer has it, decoded. Holds what it must
/// not show: made for one fingerprint and dropped.
#[derive(Clone, Default)]
pub struct Particulars {
    /// The parts of the name, a space between any two.
    pub name: String,
    /// The parts of the postal address, each a line.
    pub address: String,
}

impl Particulars {
    /// Whether anything of it tells one person from another: a letter or a digit.
    pub fn tell_anyone(&self) -> bool {
        let tells = |text: &str| text.chars().any(char::is_alphanumeric);
        tells(&self.name) || tells(&self.address)
    }
}

impl std::fmt::Debug for Particulars {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Particulars(not shown)")
    }
}

impl Scanned<'_> {
    /// The recipients of mail in it, in order.
    pub fn persons(&self) -> Vec<Person> {
        let mut found = Vec::new();
        if self.shape.fields.iter().any(|field| field.recipient) {
            self.find(self.root, 0, None, &mut found);
        }
        found
    }

    /// The fields of a person that hold something: neither `null` nor an empty text.
    pub fn held(&self, person: Person) -> FieldSet {
        let held = self.values(person.subtree);
        let held = held.filter(|(_, value)| !value.is_empty());
        held.map(|(field, _)| field).collect()
    }

    /// By what a person is told from others. Parts come in the order of their categories, and within
    /// one in that of the shape, so that two operations that say the same of somebody mean the same.
    pub fn particulars(&self, person: Person) -> Particulars {
        let mut told: Vec<_> = self
            .values(person.subtree)
            .filter_map(|(field, value)| {
                let shaped = self.shape.fields.get(usize::from(field.0))?;
                let who = shaped.tells_who().filter(|_| shaped.recipient)?;
                Some((shaped.category?.index(), field, who, value))
            })
            .collect();
        told.sort_by_key(|(category, field, ..)| (*category, *field));
        let mut particulars = Particulars::default();
        for (_, _, who, value) in told {
            // The last word of one part is not the beginning of the next; and of an address it must be seen where
            // a part ends, for the country at home is left out where it is one.
            let (parts, end) = match who {
                TellsWho::Name => (&mut particulars.name, ' '),
                TellsWho::Address => (&mut particulars.address, '\n'),
            };
            if !parts.is_empty() {
                parts.push(end);
            }
            parts.push_str(&value);
        }
        particulars
    }

    fn find(&self, node: &Node, place: usize, record: Option<usize>, found: &mut Vec<Person>) {
        let Some(piece) = self.pieces.get(place) else {
            return;
        };
        let after = piece.next(place);
        let record = match piece.content {
            Content::Record { record, .. } => Some(record as usize),
            _ => record,
        };
        let mut inside = place + 1;
        match (node, record) {
            (Node::Object(object), Some(record)) if object.person && inside < after => {
                found.push(Person {
                    record,
                    subtree: Subtree {
                        first: inside,
                        after,
                    },
                });
            }
            (Node::Object(object), _) => {
                while inside < after
                    && let Some(piece) = self.pieces.get(inside)
                {
                    if let Some(member) = object.members.get(usize::from(piece.member)) {
                        self.find(&member.node, inside, record, found);
                    }
                    inside = piece.next(inside);
                }
            }
            (Node::Array(item), _) if !matches!(**item, Node::Scalar(_)) => {
                while inside < after
                    && let Some(piece) = self.pieces.get(inside)
                {
                    self.find(item, inside, record, found);
                    inside = piece.next(inside);
                }
            }
            (Node::Array(_) | Node::Scalar(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{ObjectNode, Shape};
    use crate::filter::sample::{Builder, array, object, record};
    use crate::filter::{Limits, scan};

    /// `{data: [{id, people: [{name, address: {city, street}, lines, note}]}]}`.
    fn lists() -> Shape {
        let mut make = Builder::default();
        let id = make.text("user.unique_id");
        let mut about = |category| {
            let node = make.text(category);
            make.last().recipient = true;
            make.last().nullable = true;
            node
        };
        let name = about("user.name");
        let street = about("user.contact.address.street");
        let city = about("user.contact.address.city");
        let line = about("user.contact.address");
        let note = about("user.content.private");
        let address = Node::Object(object([("city", city), ("street", street)]));
        let person = Node::Object(ObjectNode {
            person: true,
            ..object([
                ("name", name),
                ("address", address),
                ("lines", array(line)),
                ("note", note),
            ])
        });
        let list = record([("id", id), ("people", array(person))]);
        make.shape(Node::Object(object([("data", array(list))])))
    }

    #[test]
    fn each_person_is_found_in_its_record_with_what_tells_who_it_is() {
        let shape = lists();
        let body = r#"{"data":[
            {"people":[{"name":"Ann\u0020Bell","note":"x","address":{"street":"Main 1","city":"Bonn"}}]},
            {"id":"c","people":[]},
            {"people":[{},{"lines":["1 Main","Flat 2"],"name":null},{"note":""}]}]}"#;
        let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
        let persons = scanned.persons();
        let records: Vec<_> = persons.iter().map(|person| person.record).collect();
        assert_eq!(records, [0, 2, 2], "an empty object is nobody");
        let told = |place: usize| {
            let Particulars { name, address } = scanned.particulars(persons[place]);
            (name, address)
        };
        assert_eq!(told(0), ("Ann Bell".to_owned(), "Bonn\nMain 1".to_owned()));
        assert_eq!(told(1), (String::new(), "1 Main\nFlat 2".to_owned()));
        assert!(scanned.particulars(persons[1]).tell_anyone());
        assert!(!scanned.particulars(persons[2]).tell_anyone());
        let values = |place: usize| scanned.held(persons[place]).iter().count();
        assert_eq!([values(0), values(1), values(2)], [4, 1, 0]);
    }
}
