//! One batch of entries as it stands in a segment: the frame of `docs/ledger-format.md` section 3.
//! A batch is what one group commit makes durable; its signed checkpoint says what the whole log is
//! with it. Pure: bytes in, bytes out.
//!
//! Every byte of a frame is covered: the header by its own check, an entry by the head of its leaf
//! hash, and all together by the digest at the end, which the next batch repeats.

use super::damage::Damage;
use super::merkle::{Hash, leaf_hash, sha256};

/// Frames begin at multiples of this, so that no write touches a page of a batch before it.
pub(super) const BLOCK_BYTES: usize = 4096;

/// First bytes of a frame. The last digit is the version of the format.
pub(super) const MAGIC: &[u8; 8] = b"CVNTBAT1";

const HEADER_BYTES: usize = 72;
const DIGEST_BYTES: usize = 32;
const CHECKPOINT_LENGTH_BYTES: usize = 2;
const LEAF_CHECK_BYTES: usize = 6;

/// What an entry takes beside its own bytes: its length and the head of its leaf hash.
pub(super) const ENTRY_OVERHEAD_BYTES: usize = 2 + LEAF_CHECK_BYTES;

/// Which log a segment belongs to: the head of the SHA-256 of its origin.
pub(super) type LogId = [u8; 8];

/// The log id of `origin`.
pub(super) fn log_id(origin: &str) -> LogId {
    head(&sha256(&[origin.as_bytes()]))
}

/// One leaf: an entry's canonical bytes and their leaf hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    bytes: Vec<u8>,
    hash: Hash,
}

impl Leaf {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let hash = leaf_hash(&bytes);
        Self { bytes, hash }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn hash(&self) -> &Hash {
        &self.hash
    }
}

/// Entries that become durable together, with the signed checkpoint of the log that has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Index of the first of them.
    pub(super) first_index: u64,
    /// The entries, at least one.
    pub(super) leaves: Vec<Leaf>,
    /// The signed checkpoint of the log with them.
    pub(super) checkpoint: String,
    /// Digest of the batch before; zeros before the first.
    pub(super) previous: Hash,
}

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) log: LogId,
    pub(super) first_index: u64,
    count: u32,
    frame_bytes: u32,
    previous: Hash,
}

impl Header {
    /// Bytes of the frame with the zeros that fill its last block.
    pub(super) fn padded_bytes(&self) -> u64 {
        u64::from(self.frame_bytes).next_multiple_of(BLOCK_BYTES as u64)
    }

    /// Bytes of the frame without them.
    pub(super) fn frame_bytes(&self) -> u64 {
        u64::from(self.frame_bytes)
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.log);
        bytes.extend_from_slice(&self.first_index.to_be_bytes());
        bytes.extend_from_slice(&self.count.to_be_bytes());
        bytes.extend_from_slice(&self.frame_bytes.to_be_bytes());
        bytes.extend_from_slice(&self.previous);
        let check: LogId = head(&sha256(&[&bytes]));
        bytes.extend_from_slice(&check);
        head(&bytes)
    }

    /// Reads the header at the start of `block`, if there is a whole one.
    pub(super) fn decode(block: &[u8]) -> Option<Self> {
        let (header, _) = block.split_first_chunk::<HEADER_BYTES>()?;
        let mut fields = Fields(header);
        let magic: [u8; 8] = fields.take()?;
        let decoded = Self {
            log: fields.take()?,
            first_index: u64::from_be_bytes(fields.take()?),
            count: u32::from_be_bytes(fields.take()?),
            frame_bytes: u32::from_be_bytes(fields.take()?),
            previous: fields.take()?,
        };
        let whole = magic == *MAGIC && decoded.encode() == *header;
        whole.then_some(decoded)
    }
}

impl Batch {
    /// Index of the entry after the last.
    pub(super) fn end_index(&self) -> u64 {
        self.first_index + self.leaves.len() as u64
    }

    /// Bytes a frame takes with `entries` of `entry_bytes` in all, before padding.
    pub(super) fn frame_bytes(
        entries: usize,
        entry_bytes: usize,
        checkpoint_bytes: usize,
    ) -> usize {
        HEADER_BYTES
            + entries * ENTRY_OVERHEAD_BYTES
            + entry_bytes
            + CHECKPOINT_LENGTH_BYTES
            + checkpoint_bytes
            + DIGEST_BYTES
    }

    fn header(&self, log: LogId) -> Option<Header> {
        let entry_bytes = self.leaves.iter().map(|leaf| leaf.bytes.len()).sum();
        let frame = Self::frame_bytes(self.leaves.len(), entry_bytes, self.checkpoint.len());
        Some(Header {
            log,
            first_index: self.first_index,
            count: u32::try_from(self.leaves.len()).ok()?,
            frame_bytes: u32::try_from(frame).ok()?,
            previous: self.previous,
        })
    }

    /// The digest that stands at the end of the frame and in the next batch. `None` as [`Self::encode`].
    pub(super) fn digest(&self, log: LogId) -> Option<Hash> {
        Some(self.digest_under(&self.header(log)?.encode()))
    }

    fn digest_under(&self, header: &[u8; HEADER_BYTES]) -> Hash {
        let mut covered = Vec::with_capacity(HEADER_BYTES + 32 * self.leaves.len());
        covered.extend_from_slice(header);
        for leaf in &self.leaves {
            covered.extend_from_slice(&leaf.hash);
        }
        sha256(&[&covered, self.checkpoint.as_bytes()])
    }

    /// The frame, filled up with zeros to whole blocks, and its digest. `None` where a length does not
    /// fit its field: the sequencer keeps batches far below that.
    pub(super) fn encode(&self, log: LogId) -> Option<(Vec<u8>, Hash)> {
        let header = self.header(log)?;
        let header_bytes = header.encode();
        let padded = usize::try_from(header.padded_bytes()).ok()?;
        let mut frame = Vec::with_capacity(padded);
        frame.extend_from_slice(&header_bytes);
        for leaf in &self.leaves {
            let length = u16::try_from(leaf.bytes.len()).ok()?;
            frame.extend_from_slice(&length.to_be_bytes());
            let check: [u8; LEAF_CHECK_BYTES] = head(&leaf.hash);
            frame.extend_from_slice(&check);
            frame.extend_from_slice(&leaf.bytes);
        }
        let length = u16::try_from(self.checkpoint.len()).ok()?;
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(self.checkpoint.as_bytes());
        let digest = self.digest_under(&header_bytes);
        frame.extend_from_slice(&digest);
        frame.resize(padded, 0);
        Some((frame, digest))
    }

    /// Reads the frame under `header`, padding included, and its digest. Whether it follows on the
    /// batch before, and whether its checkpoint is right, is for the caller to see.
    pub(super) fn decode(header: &Header, frame: &[u8]) -> Result<(Self, Hash), Damage> {
        let first = header.first_index;
        let wrong = |what: &str| Damage::at(first, format!("the batch that begins here {what}"));
        let length = usize::try_from(header.frame_bytes).unwrap_or(usize::MAX);
        let (Some(whole), Some(padding)) = (frame.get(..length), frame.get(length..)) else {
            return Err(wrong("is longer than its segment"));
        };
        let mut fields = Fields(whole);
        let header_bytes: [u8; HEADER_BYTES] = fields
            .take()
            .ok_or_else(|| wrong("is shorter than its header"))?;
        let mut leaves = Vec::new();
        for index in (first..).take(usize::try_from(header.count).unwrap_or(usize::MAX)) {
            let leaf = fields
                .take_leaf()
                .ok_or_else(|| Damage::at(index, "its bytes do not fit their hash"))?;
            leaves.push(leaf);
        }
        let checkpoint = fields
            .take_with_length()
            .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
            .ok_or_else(|| wrong("has no checkpoint that can be read"))?;
        let digest: Option<Hash> = fields.take();
        let batch = Self {
            first_index: first,
            leaves,
            checkpoint,
            previous: header.previous,
        };
        let expected = batch.digest_under(&header_bytes);
        if batch.leaves.is_empty() || digest != Some(expected) || !fields.0.is_empty() {
            return Err(wrong("does not fit its digest"));
        }
        if padding.iter().any(|&byte| byte != 0) {
            return Err(wrong("is followed by something else than zeros"));
        }
        Ok((batch, expected))
    }
}

/// The first bytes of a longer value; zeros where it is not longer.
fn head<const BYTES: usize>(bytes: &[u8]) -> [u8; BYTES] {
    bytes.first_chunk().copied().unwrap_or([0; BYTES])
}

/// Bytes not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const BYTES: usize>(&mut self) -> Option<[u8; BYTES]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn take_bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn take_with_length(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.take()?);
        self.take_bytes(usize::from(length))
    }

    fn take_leaf(&mut self) -> Option<Leaf> {
        let length = u16::from_be_bytes(self.take()?);
        let check: [u8; LEAF_CHECK_BYTES] = self.take()?;
        let leaf = Leaf::new(self.take_bytes(usize::from(length))?.to_vec());
        leaf.hash.starts_with(&check).then_some(leaf)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LOG: LogId = *b"test-log";

    fn batch(entries: &[&[u8]]) -> Batch {
        Batch {
            first_index: 40,
            leaves: entries
                .iter()
                .map(|entry| Leaf::new(entry.to_vec()))
                .collect(),
            checkpoint: "a checkpoint".to_owned(),
            previous: [7; 32],
        }
    }

    fn decode(frame: &[u8]) -> Option<Result<(Batch, Hash), Damage>> {
        Header::decode(frame).map(|header| Batch::decode(&header, frame))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_batch_reads_back_from_its_frame(
            entries in vec(vec(any::<u8>(), 0..300), 1..20), first_index: u64, previous: Hash,
        ) {
            let leaves = entries.into_iter().map(Leaf::new).collect();
            let checkpoint = "a checkpoint".to_owned();
            let batch = Batch { first_index: first_index / 2, leaves, checkpoint, previous };
            let (frame, digest) = batch.encode(LOG).unwrap();
            prop_assert_eq!(frame.len() % BLOCK_BYTES, 0);
            prop_assert_eq!(batch.digest(LOG), Some(digest));
            prop_assert_eq!(decode(&frame).unwrap().unwrap(), (batch, digest));
        }
    }

    #[test]
    fn any_flipped_byte_is_seen_at_its_entry() {
        let entries: [&[u8]; 3] = [b"first entry", b"second", b"third, the longest of them"];
        let (frame, _) = batch(&entries).encode(LOG).unwrap();
        let mut begins = HEADER_BYTES;
        let mut owner = vec![None; begins];
        for (index, entry) in (40..).zip(entries) {
            begins += ENTRY_OVERHEAD_BYTES + entry.len();
            owner.resize(begins, Some(index));
        }
        owner.resize(frame.len(), Some(40));
        for (position, expected) in owner.into_iter().enumerate() {
            for flip in [0x01, 0x80, 0xff] {
                let mut flipped = frame.clone();
                flipped[position] ^= flip;
                let found = decode(&flipped).map(|read| read.unwrap_err().index);
                assert_eq!(found, expected.map(Some), "byte {position}");
            }
        }
    }

    #[test]
    fn a_length_that_does_not_fit_its_field_is_not_written() {
        assert!(batch(&[&[0; 65_535]]).encode(LOG).is_some());
        assert!(batch(&[&[0; 65_536]]).encode(LOG).is_none());
    }
}
