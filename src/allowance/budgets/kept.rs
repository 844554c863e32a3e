//! The budgets as bytes, to be kept between starts, and back. Where the bytes are kept, and whether they are
//! to be believed, is the caller's; what is not as it is written here is refused.
//!
//! A number of windows in 4 bytes, big-endian as all numbers; for each: its kind of person in 1 byte, the
//! length of the owner's id in 1 byte and the id; the UTC day as year in 2 bytes, month and day in 1 each;
//! the number of people in 4 bytes, and for each 16 bytes of reference and in 1 byte the day of that month on
//! which they were last charged.

use std::collections::HashMap;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{BudgetBook, Seen, Subject, lock};
use crate::terms::{CustomerRef, PartnerId};

/// How many months before the newest window one is kept that nobody was charged in since. Only a clock that
/// steps back further would miss it.
const MONTHS_KEPT: i64 = 1;

impl BudgetBook {
    /// Drops windows that are long over.
    pub(in crate::allowance) fn forget_old(&self) {
        let mut owners = self
            .owners
            .write()
            .unwrap_or_else(super::PoisonError::into_inner);
        let days = owners.values().map(|seen| lock(seen).day);
        let Some(newest) = days.max() else {
            return;
        };
        let oldest = newest.first_of_month().saturating_sub(MONTHS_KEPT.months());
        owners.retain(|_, seen| lock(seen).day >= oldest);
    }

    /// Its bytes, always the same for the same budgets.
    pub(in crate::allowance) fn to_bytes(&self) -> Vec<u8> {
        let owners = self
            .owners
            .read()
            .unwrap_or_else(super::PoisonError::into_inner);
        let mut windows: Vec<_> = owners.iter().collect();
        windows.sort_by_key(|((owner, subject), _)| (owner.as_str(), subject.word()));
        let mut bytes = count(windows.len()).to_vec();
        for ((owner, subject), seen) in windows {
            let seen = lock(seen);
            bytes.push(match subject {
                Subject::Customer => 0,
                Subject::Recipient => 1,
            });
            // An id has at most 64 characters.
            bytes.push(u8::try_from(owner.as_str().len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(owner.as_str().as_bytes());
            bytes.extend_from_slice(&seen.day.year().to_be_bytes());
            bytes.extend([seen.day.month(), seen.day.day()].map(i8::unsigned_abs));
            let mut people: Vec<_> = seen.people.iter().collect();
            people.sort_by_key(|(reference, _)| *reference.as_bytes());
            bytes.extend_from_slice(&count(people.len()));
            for (reference, day) in people {
                bytes.extend_from_slice(reference.as_bytes());
                bytes.push(day.day().unsigned_abs());
            }
        }
        bytes
    }

    /// The budgets of these bytes; `None` where they are not of this form.
    pub(in crate::allowance) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let book = Self::default();
        let windows = number(&mut rest)?;
        for _ in 0..windows {
            let [subject, length] = take(&mut rest)?;
            let subject = match subject {
                0 => Subject::Customer,
                1 => Subject::Recipient,
                _ => return None,
            };
            let (id, after) = rest.split_at_checked(length.into())?;
            rest = after;
            let owner = PartnerId::parse(std::str::from_utf8(id).ok()?)?;
            let day = date(&mut rest)?;
            let mut people = HashMap::new();
            for _ in 0..number(&mut rest)? {
                let reference = CustomerRef::from_bytes(take(&mut rest)?);
                let [charged] = take(&mut rest)?;
                let charged = Date::new(day.year(), day.month(), i8::try_from(charged).ok()?);
                let charged = charged.ok().filter(|charged| *charged <= day)?;
                if people.insert(reference, charged).is_some() {
                    return None;
                }
            }
            let today = people.values().filter(|charged| **charged == day).count();
            let seen = Seen { day, today, people };
            let mut owners = book.owners.write().ok()?;
            if owners
                .insert((owner, subject), std::sync::Arc::new(seen.into()))
                .is_some()
            {
                return None;
            }
        }
        rest.is_empty().then_some(book)
    }
}

/// Budgets have far fewer people than 4 bytes can count.
fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes()
}

fn take<const LENGTH: usize>(bytes: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_be_bytes)
}

fn date(bytes: &mut &[u8]) -> Option<Date> {
    let year = i16::from_be_bytes(take(bytes)?);
    let [month, day] = take(bytes)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::super::Spent;
    use super::*;

    fn spent(hours: i64, owner: u8, recipient: bool, people: &[u8]) -> Spent {
        let start: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        Spent {
            time: start + jiff::SignedDuration::from_hours(hours),
            owner: PartnerId::parse(["acme", "bluebird", "crest"][usize::from(owner % 3)]).unwrap(),
            subject: if recipient {
                Subject::Recipient
            } else {
                Subject::Customer
            },
            references: people
                .iter()
                .map(|number| CustomerRef::from_bytes([*number; 16]))
                .collect(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn budgets_kept_on_the_way_end_as_those_that_were_not(
            steps in prop::collection::vec(
                (-30i64..200, 0u8..3, any::<bool>(), prop::collection::vec(0u8..30, 0..6)), 1..60),
            kept_at in 0usize..60,
        ) {
            let (whole, mut kept) = (BudgetBook::default(), BudgetBook::default());
            let mut hours = 0;
            for (place, (step, owner, recipient, people)) in steps.iter().enumerate() {
                hours += step;
                let spent = spent(hours, *owner, *recipient, people);
                whole.charge(&spent);
                kept.charge(&spent);
                if place == kept_at {
                    kept = BudgetBook::from_bytes(&kept.to_bytes()).unwrap();
                }
            }
            prop_assert_eq!(whole.to_bytes(), kept.to_bytes());
            whole.forget_old();
            kept.forget_old();
            prop_assert_eq!(whole.to_bytes(), kept.to_bytes());
        }

        #[test]
        fn no_bytes_are_read_as_budgets_that_are_not_written_as_them(
            bytes in prop::collection::vec(any::<u8>(), 0..120),
        ) {
            if let Some(book) = BudgetBook::from_bytes(&bytes) {
                prop_assert!(book.to_bytes().len() == bytes.len());
            }
        }
    }

    #[test]
    fn what_is_cut_or_longer_or_of_another_month_is_no_budget() {
        let book = BudgetBook::default();
        book.charge(&spent(0, 0, false, &[1, 2, 3]));
        book.charge(&spent(24, 1, true, &[4]));
        let bytes = book.to_bytes();
        assert!(BudgetBook::from_bytes(&bytes).is_some());
        for length in 0..bytes.len() {
            assert!(
                BudgetBook::from_bytes(&bytes[..length]).is_none(),
                "{length}"
            );
        }
        assert!(BudgetBook::from_bytes(&[&bytes[..], &[0]].concat()).is_none());
        let mut later = bytes.clone();
        *later.last_mut().unwrap() = 22;
        assert!(
            BudgetBook::from_bytes(&later).is_none(),
            "charged after its window"
        );
    }

    #[test]
    fn windows_of_before_the_last_month_are_not_kept() {
        let book = BudgetBook::default();
        book.charge(&spent(-24 * 60, 0, false, &[1]));
        book.charge(&spent(-24 * 30, 1, false, &[1]));
        book.charge(&spent(0, 2, false, &[1]));
        book.forget_old();
        assert_eq!(book.owners.read().unwrap().len(), 2);
    }
}
