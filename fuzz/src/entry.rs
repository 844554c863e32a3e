//! Entries of the ledger: what is read is written again to the byte.

use covenant::entry::{ENTRY_BYTES_MAX, Entry};

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(entry) = Entry::parse(bytes) {
        assert_eq!(entry.to_canonical(), bytes, "read and written otherwise");
    }
    // Any spelling of an entry's facts has one canonical form, and that is read as the same facts.
    if let Ok(entry) = serde_json::from_slice::<Entry>(bytes) {
        let canonical = entry.to_canonical();
        match Entry::parse(&canonical) {
            Ok(again) => assert_eq!(again, entry, "the canonical form says something else"),
            Err(_) => assert!(
                canonical.len() > ENTRY_BYTES_MAX
                    || !(1..=covenant::entry::VERSION).contains(&entry.v),
                "what was written is not read"
            ),
        }
    }
}
