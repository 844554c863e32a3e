//! A disclosure about more people than one entry can name, divided over several.

use super::{Disclosure, ENTRY_BYTES_MAX, Part, SubjectGroup, Withheld, canonical};

/// What an entry has around its event: salt, time, version, and the number of the part.
const AROUND_BYTES: usize = 512;
/// Most bytes of one part of a disclosure.
const PART_BYTES: usize = ENTRY_BYTES_MAX - AROUND_BYTES;

impl Disclosure {
    /// Divides it so that each part fits into an entry, if it does not; its parts are then numbered, and
    /// say how many they are. What is common to all (who asked, what was decided) stands in each.
    pub fn divided(self) -> Vec<Self> {
        let mut parts = self.pieces();
        let of = u32::try_from(parts.len()).ok();
        if parts.len() > 1 {
            for (number, part) in (1..).zip(&mut parts) {
                part.part = Some(Part { number, of });
            }
        }
        parts
    }

    /// Likewise, for an answer of which `before` parts are on record and more may follow.
    pub fn divided_after(self, before: u32) -> Vec<Self> {
        let mut parts = self.pieces();
        for (number, part) in (before.saturating_add(1)..).zip(&mut parts) {
            part.part = Some(Part { number, of: None });
        }
        parts
    }

    fn pieces(mut self) -> Vec<Self> {
        if canonical::disclosure_bytes(&self) <= PART_BYTES {
            return vec![self];
        }
        let (subjects, withheld) = (
            std::mem::take(&mut self.subjects),
            std::mem::take(&mut self.withheld),
        );
        let mut pieces = Pieces {
            room_of_one: PART_BYTES.saturating_sub(canonical::disclosure_bytes(&self)),
            room: 0,
            common: self,
            pieces: Vec::new(),
        };
        withheld.into_iter().for_each(|one| pieces.withheld(one));
        subjects.into_iter().for_each(|one| pieces.subjects(one));
        if pieces.pieces.is_empty() {
            // Too large by what is common; the ledger refuses it.
            pieces.pieces.push(pieces.common);
        }
        pieces.pieces
    }
}

/// Pieces that are being filled, the last of them with `room` bytes to spare.
struct Pieces {
    common: Disclosure,
    room_of_one: usize,
    room: usize,
    pieces: Vec<Disclosure>,
}

impl Pieces {
    /// The piece with room for so many bytes: the last, or a new one.
    fn with_room(&mut self, bytes: usize) -> Option<&mut Disclosure> {
        if self.room < bytes || self.pieces.is_empty() {
            self.pieces.push(self.common.clone());
            self.room = self.room_of_one;
        }
        self.room = self.room.saturating_sub(bytes);
        self.pieces.last_mut()
    }

    fn withheld(&mut self, one: Withheld) {
        let bytes = canonical::withheld_bytes(&one);
        if let Some(piece) = self.with_room(bytes) {
            piece.withheld.push(one);
        }
    }

    /// Groups stay together as far as they fit.
    fn subjects(&mut self, mut group: SubjectGroup) {
        let mut references = std::mem::take(&mut group.references).into_iter().peekable();
        let empty = canonical::group_bytes(&group);
        // Quotes and a comma; no reference has anything to escape.
        let bytes_of = |reference: &String| reference.len() + 3;
        while let Some(first) = references.next() {
            let Some(piece) = self.with_room(empty + bytes_of(&first)) else {
                return;
            };
            piece.subjects.push(SubjectGroup {
                references: vec![first],
                ..group.clone()
            });
            while let Some(next) = references.next_if(|next| bytes_of(next) <= self.room) {
                self.room -= bytes_of(&next);
                let last = self.pieces.last_mut();
                if let Some(group) = last.and_then(|piece| piece.subjects.last_mut()) {
                    group.references.push(next);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::entry::{Entry, Event, RequestFacts};

    fn disclosure(groups: usize, references: usize, withheld: usize) -> Disclosure {
        let group = |number: usize| SubjectGroup {
            subject: "customer".to_owned(),
            basis_reference: None,
            basis: "service".to_owned(),
            circumstances: vec!["own".to_owned()],
            categories: BTreeMap::from([(format!("user.name.{number}"), "clear".to_owned())]),
            records: Some(3),
            references: (0..references)
                .map(|one| format!("{number:016x}{one:016x}"))
                .collect(),
        };
        Disclosure {
            request: RequestFacts::default(),
            decision: "redact".to_owned(),
            rules: vec!["rule".to_owned()],
            status: 200,
            subjects: (0..groups).map(group).collect(),
            withheld: (0..withheld)
                .map(|number| Withheld {
                    field: format!("$.data[*].field_{number}"),
                    method: "removal".to_owned(),
                    promise: "P5".to_owned(),
                })
                .collect(),
            created: None,
            part: None,
            answer_sha256: Some("00".repeat(32)),
        }
    }

    fn named(parts: &[Disclosure]) -> Vec<(String, String)> {
        let groups = parts.iter().flat_map(|part| &part.subjects);
        let each = groups.flat_map(|group| {
            let category = group.categories.keys().next().unwrap();
            let references = group.references.iter();
            references.map(move |reference| (category.clone(), reference.clone()))
        });
        each.collect()
    }

    #[test]
    fn every_part_fits_into_an_entry_and_together_they_say_what_the_whole_says() {
        for (groups, references, withheld) in
            [(1, 5_000, 3), (700, 4, 0), (3, 2_000, 4_000), (40, 200, 1)]
        {
            let whole = disclosure(groups, references, withheld);
            let parts = whole.clone().divided();
            assert!(parts.len() > 1);
            for (number, part) in (1..).zip(&parts) {
                let of = u32::try_from(parts.len()).ok();
                assert_eq!(part.part, Some(Part { number, of }));
                let event = Event::Disclosure(part.clone());
                let entry = Entry::new(Timestamp::UNIX_EPOCH, event).unwrap();
                let bytes = entry.to_canonical();
                assert!(bytes.len() <= ENTRY_BYTES_MAX, "{}", bytes.len());
                assert_eq!(Entry::parse(&bytes).unwrap(), entry);
            }
            assert_eq!(named(&parts), named(std::slice::from_ref(&whole)));
            let fields = parts.iter().flat_map(|part| &part.withheld);
            assert_eq!(fields.count(), withheld);
        }
    }

    #[test]
    fn what_fits_into_one_entry_is_one_and_has_no_number_unless_more_may_follow() {
        let whole = disclosure(2, 100, 5);
        assert_eq!(whole.clone().divided(), std::slice::from_ref(&whole));
        let parts = whole.divided_after(6);
        let part = Some(Part {
            number: 7,
            of: None,
        });
        assert!(parts.len() == 1 && parts[0].part == part);
    }
}
