//! Replays batches as they are read and checks that each follows on the one before: indexes, digests,
//! the signed checkpoint of each against the tree as it grows. Recovery and verification are this
//! same check.

use super::batch::Batch;
use super::checkpoint::Checkpoint;
use super::damage::Damage;
use super::keys::Keys;
use super::merkle::{Frontier, Hash};

/// The state of a log while it is read from its beginning.
#[derive(Debug)]
pub(super) struct Replay<'a> {
    keys: &'a Keys,
    /// Place of the key that the next batch must be signed by, once there was a batch.
    signed_by: Option<usize>,
    frontier: Frontier,
    /// Digest of the last batch; unknown where the batches before the first have been released.
    previous: Option<Hash>,
    checkpoint: Option<String>,
    /// Checkpoints the log must pass through, the largest first.
    marks: Vec<Checkpoint>,
}

impl<'a> Replay<'a> {
    /// A log that begins with `frontier`, which the caller has reason to trust, and must pass through
    /// each of `marks`.
    pub(super) fn new(keys: &'a Keys, frontier: Frontier, mut marks: Vec<Checkpoint>) -> Self {
        marks.retain(|mark| mark.size >= frontier.size());
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.size));
        Self {
            keys,
            signed_by: None,
            previous: (frontier.size() == 0).then(Hash::default),
            frontier,
            checkpoint: None,
            marks,
        }
    }

    /// Takes the next batch.
    pub(super) fn take(&mut self, batch: &Batch, digest: Hash) -> Result<(), Damage> {
        let first = self.frontier.size();
        self.pass_marks()?;
        if batch.first_index != first {
            let what = format!(
                "missing: the next batch begins with entry {}",
                batch.first_index
            );
            return Err(Damage::at(first, what));
        }
        if self
            .previous
            .is_some_and(|previous| previous != batch.previous)
        {
            let what = "the batch that begins here does not follow on the one before";
            return Err(Damage::at(first, what));
        }
        for leaf in &batch.leaves {
            self.frontier.push(leaf.hash());
            self.pass_marks()?;
        }
        let wrong = |what: String| {
            Damage::at(
                first,
                format!("the checkpoint of the batch that begins here: {what}"),
            )
        };
        let (checkpoint, signed_by) = self
            .keys
            .open(&batch.checkpoint)
            .map_err(|error| wrong(error.to_string()))?;
        if self.signed_by.is_some_and(|key| !signed_by.contains(&key)) {
            return Err(wrong(
                "it is not signed by the key of the batch before".to_owned(),
            ));
        }
        if checkpoint.size != self.frontier.size() || checkpoint.root != self.frontier.root() {
            return Err(wrong("it is signed over other entries".to_owned()));
        }
        self.signed_by = signed_by.last().copied();
        self.previous = Some(digest);
        self.checkpoint = Some(batch.checkpoint.clone());
        Ok(())
    }

    /// Compares the tree with the marks it has reached.
    fn pass_marks(&mut self) -> Result<(), Damage> {
        while let Some(mark) = self.marks.pop_if(|mark| mark.size == self.frontier.size()) {
            if mark.root != self.frontier.root() {
                let what = format!(
                    "the entries up to {} are not those of the checkpoint signed for them",
                    mark.size
                );
                return Err(Damage::somewhere(what));
            }
        }
        Ok(())
    }

    /// The state at the end of the log, unless a mark lies beyond it.
    pub(super) fn finish(mut self) -> Result<State, Damage> {
        self.pass_marks()?;
        if let Some(mark) = self.marks.first() {
            let what = format!(
                "missing: a signed checkpoint says that there are {}",
                mark.size
            );
            return Err(Damage::at(self.frontier.size(), what));
        }
        Ok(State {
            frontier: self.frontier,
            previous: self.previous.unwrap_or_default(),
            checkpoint: self.checkpoint,
            signed_by: self.signed_by,
        })
    }
}

/// A log as far as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) frontier: Frontier,
    /// Digest of the last batch.
    pub(super) previous: Hash,
    /// Signed checkpoint of the last batch, if there is one.
    pub(super) checkpoint: Option<String>,
    /// Place of the newest key that signed it.
    pub(super) signed_by: Option<usize>,
}
