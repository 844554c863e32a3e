//! Segments of the ledger's journal: whatever the bytes, they are read or refused; and of a sound segment
//! in which bytes were changed, never anything is read but its first entries. `segment.bin` was written
//! from `docs/ledger-format.md` by a program of its own, so the two agree.

use covenant::ledger::reading::segment_entries;

const SOUND: &[u8] = include_bytes!("segment.bin");
const SOUND_ENTRIES: usize = 12;

/// The first byte says what the rest is: a segment, or changes of the sound one, each in three bytes: a
/// position and what is done to the bits there.
pub(crate) fn check(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    if choice % 2 == 0 {
        let _read_or_refused = segment_entries(rest.to_vec(), 0);
        return;
    }
    let sound = segment_entries(SOUND.to_vec(), 0).expect("it is sound");
    assert_eq!(sound.len(), SOUND_ENTRIES);
    let mut changed = SOUND.to_vec();
    for change in rest.chunks_exact(3) {
        let position = usize::from(u16::from_be_bytes([change[0], change[1]]));
        changed[position % SOUND.len()] ^= change[2];
    }
    if let Ok(read) = segment_entries(changed, 0) {
        assert!(sound.starts_with(&read), "something else is read");
    }
}
