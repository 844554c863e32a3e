//! The entries of a ledger's directory since some time: what simulations and counts go by.

use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;

use super::NotDone;
use crate::entry::Entry;
use crate::ledger::reading;

/// Hands on the entries of the ledger in `directory` that are at these places of the log and not
/// older than `since`, in order; `read` is told how many were read so far.
///
/// # Errors
/// [`NotDone::Unreadable`], [`NotDone::Damaged`].
pub fn each(
    directory: &Path,
    places: Range<u64>,
    since: Option<Timestamp>,
    mut take: impl FnMut(u64, &Entry),
    mut read: impl FnMut(u64),
) -> Result<(), NotDone> {
    for item in reading::entries(directory, places.start) {
        let (index, bytes) = item?;
        if index >= places.end {
            break;
        }
        read(index + 1);
        if since.is_some_and(|since| time_of(&bytes).is_some_and(|time| time < since)) {
            continue;
        }
        let entry = Entry::parse(&bytes)
            .map_err(|error| NotDone::Damaged(format!("entry {index}: {error}")))?;
        take(index, &entry);
    }
    Ok(())
}

/// The time of an entry, found without parsing it: of a canonical one, the last member of this name.
/// Far cheaper, where most of a long ledger is older than what is asked for.
fn time_of(bytes: &[u8]) -> Option<Timestamp> {
    const MEMBER: &[u8] = b"\"time\":\"";
    let at = memchr::memmem::rfind(bytes, MEMBER)?;
    let value = bytes.get(at + MEMBER.len()..)?;
    let end = memchr::memchr(b'"', value)?;
    std::str::from_utf8(value.get(..end)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Act, Event};

    #[test]
    fn the_time_of_an_entry_is_found_whatever_else_it_says() {
        let time: Timestamp = "2026-11-22T12:00:00.25Z".parse().unwrap();
        let act = Act {
            actor: "Ann".to_owned(),
            role: "legal".to_owned(),
            action: "x".to_owned(),
            object: None,
            because: Some(r#"","time":"2020-01-01T00:00:00Z"#.to_owned()),
        };
        let entry = Entry::new(time, Event::Act(act)).unwrap();
        assert_eq!(time_of(&entry.to_canonical()), Some(time));
    }
}
