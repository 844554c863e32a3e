//! A journal in memory that fails when told to, in the two ways a disk can: with the batch written
//! all the same, or not. What it keeps outlives it, as a disk outlives a process.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use super::super::batch::{Batch, log_id};
use super::{Each, Journal, JournalError};
use crate::ledger::ReadError;

/// How an append fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Fault {
    /// With nothing written: a full disk, an error before the write.
    NotWritten,
    /// After the write: an error that only the `fdatasync` told.
    Written,
}

/// The batches kept, shared with the test.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Disk(Arc<Mutex<Vec<Batch>>>);

impl Disk {
    pub(in crate::ledger) fn batches(&self) -> Vec<Batch> {
        self.0.lock().unwrap().clone()
    }
}

/// Keeps batches on a [`Disk`] and fails at one append.
#[derive(Debug)]
pub(in crate::ledger) struct FaultyJournal {
    pub(in crate::ledger) disk: Disk,
    pub(in crate::ledger) origin: String,
    /// Appends that succeed before the fault, and the fault.
    pub(in crate::ledger) fault: Option<(usize, Fault)>,
    pub(in crate::ledger) poisoned: bool,
}

impl Journal for FaultyJournal {
    fn recover(&mut self, each: &mut Each<'_>) -> Result<u64, ReadError> {
        for batch in self.disk.batches() {
            each(&batch, batch.digest(log_id(&self.origin)).unwrap())?;
        }
        Ok(0)
    }

    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        assert!(!self.poisoned, "written again after an error");
        let fault = match &mut self.fault {
            Some((0, fault)) => Some(*fault),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if fault != Some(Fault::NotWritten) {
            self.disk.0.lock().unwrap().push(batch.clone());
        }
        self.poisoned = fault.is_some();
        if self.poisoned {
            return Err(JournalError::Poisoned);
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn begin_segment(&mut self) {}
}

/// Keeps nothing, and takes each batch only when the test says so.
#[derive(Debug)]
pub(in crate::ledger) struct GatedJournal(pub(in crate::ledger) Receiver<()>);

impl Journal for GatedJournal {
    fn recover(&mut self, _: &mut Each<'_>) -> Result<u64, ReadError> {
        Ok(0)
    }

    fn append(&mut self, _: &Batch) -> Result<(), JournalError> {
        self.0.recv().map_err(|_| JournalError::Poisoned)
    }

    fn check(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn begin_segment(&mut self) {}
}
