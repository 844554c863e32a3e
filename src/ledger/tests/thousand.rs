//! A log of a thousand entries, damaged in every way at every place. In memory, as a disk would take
//! hours.

use super::super::batch::{BLOCK_BYTES, Batch, Leaf, log_id};
use super::super::keys::Keys;
use super::super::merkle::{Frontier, Hash};
use super::super::reading::segment_entries;
use super::super::replay::Replay;
use super::super::segment::{self, Reader, Step, Tail};
use super::super::storage::Disk;
use super::*;

const ENTRIES: usize = 1_000;
const BATCH_ENTRIES: usize = 25;
const SEGMENT_BYTES: u64 = 256 * 1024;
const BATCHES_OF_ONE_THREAD: usize = 10;

/// A segment with the whole log, its batches, and where they begin.
struct Log {
    keys: Keys,
    bytes: Vec<u8>,
    batches: Vec<Batch>,
    begins: Vec<usize>,
}

fn log() -> Log {
    let signer = Signer::generate(ORIGIN).unwrap();
    let id = log_id(ORIGIN);
    let file = tempfile::NamedTempFile::new().unwrap();
    segment::fill(&Disk, file.as_file(), id, 0, SEGMENT_BYTES).unwrap();
    let mut log = Log {
        keys: signer.verifier_key().clone().into(),
        bytes: std::fs::read(file.path()).unwrap(),
        batches: Vec::new(),
        begins: Vec::new(),
    };
    let (mut frontier, mut previous, mut offset) =
        (Frontier::default(), Hash::default(), BLOCK_BYTES);
    for first in (0..ENTRIES).step_by(BATCH_ENTRIES) {
        let numbers = first..first + BATCH_ENTRIES;
        let leaves: Vec<_> = numbers
            .map(|number| Leaf::new(entry(&number.to_string()).to_canonical()))
            .collect();
        leaves.iter().for_each(|leaf| frontier.push(leaf.hash()));
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: frontier.size(),
            root: frontier.root(),
        };
        let batch = Batch {
            first_index: first as u64,
            leaves,
            checkpoint: checkpoint.sign(&signer).unwrap(),
            previous,
        };
        let (frame, digest) = batch.encode(id).unwrap();
        log.bytes[offset..offset + frame.len()].copy_from_slice(&frame);
        log.begins.push(offset);
        log.batches.push(batch);
        (previous, offset) = (digest, offset + frame.len());
    }
    log.begins.push(offset);
    log
}

impl Log {
    /// Which entry owns each byte of batch `number`: one of its entries, or the batch as a whole, which
    /// is told by its first.
    fn owners(&self, number: usize) -> Vec<u64> {
        let batch = &self.batches[number];
        let length = self.begins[number + 1] - self.begins[number];
        let mut owners = vec![batch.first_index; 72];
        for (index, leaf) in (batch.first_index..).zip(&batch.leaves) {
            owners.resize(owners.len() + 8 + leaf.bytes().len(), index);
        }
        owners.resize(length, batch.first_index);
        owners
    }

    /// Reads `bytes` from batch `number` on, as a walk that came there would.
    fn step_at(&self, bytes: Vec<u8>, number: usize) -> (Step, Reader) {
        let mut reader = Reader::in_memory(bytes, 0).unwrap();
        reader.skip_to(self.begins[number] as u64, self.batches[number].first_index);
        (reader.step().unwrap(), reader)
    }

    /// Replays all of `bytes`, with a checkpoint over the whole log kept elsewhere.
    fn replay(&self, bytes: Vec<u8>) -> Result<u64, Damage> {
        let last = self.batches.last().unwrap();
        let mark = self.keys.read_checkpoint(&last.checkpoint).unwrap();
        let mut replay = Replay::new(&self.keys, Frontier::default(), vec![mark]);
        let mut reader = Reader::in_memory(bytes, 0).map_err(damage)?;
        loop {
            match reader.step().map_err(damage)? {
                Step::Batch(batch, digest) => replay.take(&batch, digest)?,
                Step::End(Tail::Damaged(damage)) => return Err(damage),
                Step::End(_) => return replay.finish().map(|state| state.frontier.size()),
            }
        }
    }
}

fn damage(error: ReadError) -> Damage {
    match error {
        ReadError::Damaged(damage) => damage,
        other => panic!("{other}"),
    }
}

/// Does `what` for the batches, on several threads.
fn for_every_batch(log: &Log, what: impl Fn(usize) + Sync) {
    let numbers: Vec<_> = (0..log.batches.len()).collect();
    std::thread::scope(|scope| {
        for some in numbers.chunks(BATCHES_OF_ONE_THREAD) {
            scope.spawn(|| some.iter().copied().for_each(&what));
        }
    });
}

#[test]
fn every_flipped_byte_of_a_thousand_entries_is_seen_at_its_entry() {
    let log = log();
    assert_eq!(log.replay(log.bytes.clone()).unwrap(), 1_000);
    for position in 0..BLOCK_BYTES {
        let mut flipped = log.bytes.clone();
        flipped[position] ^= 0x04;
        assert!(segment_entries(flipped, 0).is_err(), "byte {position}");
    }
    for_every_batch(&log, |number| {
        let mut reader = log.step_at(log.bytes.clone(), number).1;
        for (position, owner) in (log.begins[number]..).zip(log.owners(number)) {
            reader.flip(position, 0x04);
            reader.skip_to(log.begins[number] as u64, log.batches[number].first_index);
            match reader.step().unwrap() {
                Step::End(Tail::Damaged(damage)) => {
                    assert_eq!(damage.index, Some(owner), "byte {position}: {damage}");
                }
                other => panic!("byte {position} is not seen: {other:?}"),
            }
            reader.flip(position, 0x04);
        }
    });
}

#[test]
fn a_thousand_entries_cut_at_any_length_are_never_taken_for_whole() {
    let log = log();
    let end = *log.begins.last().unwrap();
    for_every_batch(&log, |number| {
        let begin = log.begins[number];
        let next = log.begins[number + 1];
        let frame = log.bytes[begin..next].iter().rposition(|&byte| byte != 0);
        let frame_end = begin + frame.unwrap() + 1;
        let owners = log.owners(number);
        for length in begin..frame_end {
            let mut cut = log.bytes[..log.bytes.len().min(next + BLOCK_BYTES)].to_vec();
            cut[length..].fill(0);
            cut.resize(log.bytes.len(), 0);
            let (step, reader) = log.step_at(cut, number);
            let seen = match step {
                // Nobody can tell these from what a crash leaves; what was published does.
                Step::End(Tail::Empty) => length == begin,
                Step::End(Tail::Torn { until }) => until <= length as u64,
                Step::End(Tail::Damaged(damage)) => damage.index == Some(owners[length - begin]),
                Step::Batch(..) => false,
            };
            assert!(seen && reader.offset() == begin as u64, "{length}");
        }
        // Against a checkpoint kept elsewhere, the first missing entry is named.
        let mut cut = log.bytes.clone();
        cut[begin..end].fill(0);
        let missing = log.replay(cut).unwrap_err();
        assert_eq!(missing.index, Some(log.batches[number].first_index));
    });
}

#[test]
fn batches_of_a_thousand_entries_removed_or_swapped_are_seen_where_it_was_done() {
    let log = log();
    let frame = |number: usize| log.bytes[log.begins[number]..log.begins[number + 1]].to_vec();
    let count = log.batches.len();
    let with = |order: &[usize]| {
        let mut bytes = log.bytes[..BLOCK_BYTES].to_vec();
        order.iter().for_each(|&number| bytes.extend(frame(number)));
        bytes.resize(log.bytes.len(), 0);
        log.replay(bytes)
    };
    let usual: Vec<_> = (0..count).collect();
    assert_eq!(with(&usual).unwrap(), 1_000);
    for number in 0..count {
        let first = Some(log.batches[number].first_index);
        let mut removed = usual.clone();
        removed.remove(number);
        assert_eq!(with(&removed).unwrap_err().index, first, "{number}");
        let mut doubled = usual.clone();
        doubled.insert(number, number);
        let after = log.batches.get(number).map(Batch::end_index);
        assert_eq!(with(&doubled).unwrap_err().index, after, "{number}");
        if number + 1 < count {
            let mut swapped = usual.clone();
            swapped.swap(number, number + 1);
            assert_eq!(with(&swapped).unwrap_err().index, first, "{number}");
        }
    }
}

#[test]
fn entries_removed_or_swapped_inside_a_batch_are_seen_even_when_it_is_sealed_anew() {
    let log = log();
    for (number, batch) in log.batches.iter().enumerate() {
        for position in 0..BATCH_ENTRIES {
            let mut removed = batch.clone();
            removed.leaves.remove(position);
            let mut swapped = batch.clone();
            swapped
                .leaves
                .swap(position, (position + 1) % BATCH_ENTRIES);
            for changed in [removed, swapped] {
                // Whoever lacks the key can compute every digest, and no checkpoint.
                let (frame, digest) = changed.encode(log_id(ORIGIN)).unwrap();
                assert!(frame.len() <= log.begins[number + 1] - log.begins[number]);
                let mut before = Frontier::default();
                for leaf in log.batches[..number].iter().flat_map(|batch| &batch.leaves) {
                    before.push(leaf.hash());
                }
                let mut replay = Replay::new(&log.keys, before, Vec::new());
                let seen = replay.take(&changed, digest).unwrap_err();
                assert_eq!(seen.index, Some(batch.first_index));
            }
        }
    }
}
