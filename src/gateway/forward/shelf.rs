//! Room for what is read of answers before it is known that they are large. Some of it is kept, so that
//! one large answer after the other has the same room, and not each new memory that the allocator gives
//! back to the system meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Room is handed out in pieces of so many bytes.
const ROOM_BYTES: usize = 64 << 10;
/// Most that is kept of it, in bytes: what one answer needs by default.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// All room that is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf(Arc<Mutex<Vec<Vec<u8>>>>);

/// A piece of room, and what is in it. It goes back to its shelf when it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    bytes: Vec<u8>,
    shelf: Shelf,
}

impl Shelf {
    /// A piece of room, empty.
    pub(super) fn take(&self) -> Room {
        let kept = self.kept().pop();
        Room {
            bytes: kept.unwrap_or_else(|| Vec::with_capacity(ROOM_BYTES)),
            shelf: self.clone(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Puts in as many of `bytes` as there is room for; the rest.
    pub(super) fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let room = ROOM_BYTES.saturating_sub(self.bytes.len());
        let (fits, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.bytes.extend_from_slice(fits);
        rest
    }

    /// How much is in it.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= ROOM_BYTES
    }

    /// What is in it; the room goes back when nobody has any of that any more.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut kept = self.shelf.kept();
        if kept.len() < KEPT_BYTES_MAX / ROOM_BYTES {
            kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again_and_nothing_of_what_was_in_it_shows() {
        let shelf = Shelf::default();
        let mut room = shelf.take();
        assert_eq!(room.fill(&[7; ROOM_BYTES + 3]), [7; 3]);
        assert!(room.is_full());
        let bytes = room.into_bytes();
        let (address, slice) = (bytes.as_ptr(), bytes.slice(10..20));
        drop(bytes);
        assert!(shelf.kept().is_empty());
        drop(slice);
        let mut room = shelf.take();
        assert_eq!((room.bytes.as_ptr(), room.len()), (address, 0));
        assert_eq!(room.fill(b"next"), b"");
        assert_eq!(&room.into_bytes()[..], b"next");
    }

    #[test]
    fn no_more_room_is_kept_than_one_answer_needs() {
        let shelf = Shelf::default();
        let most = KEPT_BYTES_MAX / ROOM_BYTES;
        let all: Vec<Room> = (0..most + 10).map(|_| shelf.take()).collect();
        drop(all);
        assert_eq!(shelf.kept().len(), most);
    }
}
