//! Memory for what is read of answers before it is known that they are large. Some of it is kept, so that
//! one large answer after the other has the same, where the allocator would give it back to the system
//! meanwhile and take new.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// It is handed out in trays of so many bytes.
const TRAY_BYTES: usize = 64 << 10;
/// Most that is kept, in bytes: what one answer needs by default.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// All trays that are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf(Arc<Mutex<Vec<Vec<u8>>>>);

/// A tray, and what is in it. It goes back to its shelf when it is dropped.
#[derive(Debug)]
pub(super) struct Tray {
    bytes: Vec<u8>,
    shelf: Shelf,
}

impl Shelf {
    /// An empty tray.
    pub(super) fn take(&self) -> Tray {
        let kept = self.kept().pop();
        Tray {
            bytes: kept.unwrap_or_else(|| Vec::with_capacity(TRAY_BYTES)),
            shelf: self.clone(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tray {
    /// Puts in as many of `bytes` as there is room for; the rest.
    pub(super) fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let room = TRAY_BYTES.saturating_sub(self.bytes.len());
        let (fits, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.bytes.extend_from_slice(fits);
        rest
    }

    /// Whether nothing more fits.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= TRAY_BYTES
    }

    /// What is in it; the tray goes back when nobody has any of that any more.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Tray {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut kept = self.shelf.kept();
        if kept.len() < KEPT_BYTES_MAX / TRAY_BYTES {
            kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tray_is_used_again_and_nothing_of_what_was_in_it_shows() {
        let shelf = Shelf::default();
        let mut tray = shelf.take();
        assert_eq!(tray.fill(&[7; TRAY_BYTES + 3]), [7; 3]);
        assert!(tray.is_full());
        let bytes = tray.into_bytes();
        let (address, slice) = (bytes.as_ptr(), bytes.slice(10..20));
        drop(bytes);
        assert!(shelf.kept().is_empty());
        drop(slice);
        let mut tray = shelf.take();
        assert_eq!((tray.bytes.as_ptr(), tray.bytes.len()), (address, 0));
        assert_eq!(tray.fill(b"next"), b"");
        assert_eq!(&tray.into_bytes()[..], b"next");
    }

    #[test]
    fn no_more_trays_are_kept_than_one_answer_needs() {
        let shelf = Shelf::default();
        let most = KEPT_BYTES_MAX / TRAY_BYTES;
        let all: Vec<Tray> = (0..most + 10).map(|_| shelf.take()).collect();
        drop(all);
        assert_eq!(shelf.kept().len(), most);
    }
}
