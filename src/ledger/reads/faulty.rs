//! Reads that fail at one call, in the two ways a disk can: with an error, or with fewer bytes than there
//! are. For the folder of one test, whichever thread reads there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// How a read fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Fault {
    /// `EIO`.
    Error,
    /// A file ends before its end; where no bytes are read, as [`Self::Error`].
    Short,
}

/// What is known of the reads below one folder; until it is dropped.
#[derive(Debug)]
pub(in crate::ledger) struct Reads {
    folder: PathBuf,
}

#[derive(Debug)]
struct Planned {
    folder: PathBuf,
    /// Calls before the fault, and the fault.
    fault: (usize, Fault),
    calls: usize,
    /// The file of the call that failed.
    failed: Option<PathBuf>,
}

static PLANNED: Mutex<Vec<Planned>> = Mutex::new(Vec::new());

fn planned() -> MutexGuard<'static, Vec<Planned>> {
    // A test that failed while it read is no reason for others to.
    PLANNED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Reads {
    /// From now on, of the reads below `folder`, the one after `after` others fails.
    pub(in crate::ledger) fn fail(folder: &Path, after: usize, fault: Fault) -> Self {
        planned().push(Planned {
            folder: folder.to_owned(),
            fault: (after, fault),
            calls: 0,
            failed: None,
        });
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The file that could not be read, once that has come.
    pub(in crate::ledger) fn failed(&self) -> Option<PathBuf> {
        let planned = planned();
        let ours = planned.iter().find(|planned| planned.folder == self.folder);
        ours.unwrap().failed.clone()
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        planned().retain(|planned| planned.folder != self.folder);
    }
}

/// Counts a call; the fault, if it comes now.
fn strike(path: &Path) -> Option<Fault> {
    let mut planned = planned();
    let ours = planned
        .iter_mut()
        .find(|planned| path.starts_with(&planned.folder))?;
    let (after, fault) = ours.fault;
    ours.calls += 1;
    let now = ours.calls == after + 1;
    now.then(|| {
        ours.failed = Some(path.to_owned());
        fault
    })
}

fn broken() -> io::Error {
    // EIO.
    io::Error::from_raw_os_error(5)
}

pub(super) fn called(path: &Path) -> io::Result<()> {
    match strike(path) {
        None => Ok(()),
        Some(Fault::Error) => Err(broken()),
        Some(Fault::Short) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

pub(super) fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path);
    match strike(path) {
        None => bytes,
        Some(Fault::Error) => Err(broken()),
        Some(Fault::Short) => bytes.map(|bytes| bytes[..bytes.len() / 2].to_vec()),
    }
}
