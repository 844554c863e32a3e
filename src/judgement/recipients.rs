//! The people on customers' lists of whom something leaves: subjects of their own, who are counted apart
//! from the customers. One who cannot be told from others could not be counted, so nothing is released.

use super::answer::{Owner, uninspectable};
use super::release::{Document, Granted, Release};
use crate::catalogue::{FieldId, Shape};
use crate::filter::{FieldSet, Particulars};
use crate::refusal::Fault;

/// One recipient of mail of whom something leaves.
#[derive(Debug)]
pub struct Recipient<'a> {
    /// Whose list the person is on.
    pub owner: &'a Owner,
    /// What is granted about the customer whose list it is.
    pub granted: &'a Granted,
    /// The fields about the person of which something leaves.
    pub released: FieldSet,
    /// By what the person is told from others.
    pub particulars: Particulars,
}

impl Document<'_> {
    /// The people of whom something leaves in `release`, in the order of the answer.
    ///
    /// # Errors
    /// `response-uninspectable` where one of them has neither name nor address.
    pub fn recipients<'a>(&'a self, release: &'a Release) -> Result<Vec<Recipient<'a>>, Fault> {
        let persons = self.scanned.persons();
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let about = about_recipients(self.shape);
        let mut found = Vec::with_capacity(persons.len());
        for person in persons {
            let kept = release.emitted.records.get(person.record);
            let owner = self.owners.get(person.record);
            let (Some(Some(_)), Some(owner)) = (kept, owner) else {
                continue;
            };
            let Some(granted) = release.granted(owner) else {
                continue;
            };
            let (held, _) = self.scanned.held(person).split(&about);
            let (released, _) = held.split(granted.plan.released());
            if released.is_empty() {
                continue;
            }
            let particulars = self.scanned.particulars(person);
            if !particulars.tell_anyone() {
                return Err(uninspectable(
                    "a recipient of mail with neither name nor address, who could not be counted",
                ));
            }
            found.push(Recipient {
                owner,
                granted,
                released,
                particulars,
            });
        }
        Ok(found)
    }
}

/// The fields that say something about a recipient of mail.
fn about_recipients(shape: &Shape) -> FieldSet {
    let fields = (0..=u16::MAX).map(FieldId).zip(&shape.fields);
    let about = fields.filter(|(_, field)| field.recipient && field.is_personal());
    about.map(|(id, _)| id).collect()
}
