//! A disk that can fail at any call, and whose power can be cut at any call. It does everything to a
//! real folder, which is what a running program sees, and keeps beside it what of that is durable: bytes
//! that were synced, names whose folder was. What a power cut leaves is laid out in another folder:
//! the durable, and of the rest whatever chance wants, sector by sector and name by name, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Disk, Storage};

const SECTOR_BYTES: usize = 512;

/// What happens at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Fault {
    /// Calls before it.
    pub(in crate::ledger) after: usize,
    /// Whether the call has its effect all the same.
    pub(in crate::ledger) done: bool,
    /// Whether everything ends with it: every later call fails, and does nothing.
    pub(in crate::ledger) power_cut: bool,
}

/// The disk; clones are the same one.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Power(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    root: PathBuf,
    fault: Option<Fault>,
    calls: usize,
    is_off: bool,
    files: Vec<Contents>,
    /// Files by the number that the real disk knows them under.
    numbers: BTreeMap<u64, usize>,
    names: BTreeMap<PathBuf, Node>,
    /// Changes of names that are not durable, in order.
    pending: Vec<Change>,
    /// Files that a write or a sync failed on.
    failed: BTreeSet<usize>,
    violations: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Add(PathBuf, Node),
    Rename(PathBuf, PathBuf, Node),
    Remove(PathBuf),
}

impl Power {
    /// A disk over the folder `root`, in which everything is durable.
    pub(in crate::ledger) fn new(root: &Path, fault: Option<Fault>) -> Self {
        let mut state = State {
            root: root.to_owned(),
            fault,
            ..State::default()
        };
        state.learn(root);
        Self(Arc::new(Mutex::new(state)))
    }

    /// Whether the fault has come.
    pub(in crate::ledger) fn has_failed(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.fault.is_some_and(|fault| fault.after < state.calls)
    }

    /// What was done that must never be: writing to a file, or syncing it, after that failed.
    pub(in crate::ledger) fn violations(&self) -> Vec<String> {
        self.0.lock().unwrap().violations.clone()
    }

    /// Cuts the power now, and lays out in the folder `to`, which must be empty, what is left. `chance`
    /// gives numbers below its argument.
    pub(in crate::ledger) fn cut(&self, to: &Path, chance: &mut impl FnMut(u64) -> u64) {
        let mut state = self.0.lock().unwrap();
        state.is_off = true;
        state.lay_out(to, chance);
    }

    /// Counts a call: does `what`, unless it is to fail.
    fn call<T>(
        &self,
        file: Option<&File>,
        what: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        let broken = || io::Error::other("the disk failed");
        if state.is_off {
            return Err(broken());
        }
        let file = file.and_then(|file| state.number(file));
        if let Some(file) = file
            && state.failed.contains(&file)
        {
            let violation = format!("file {file} is written or synced after that failed");
            state.violations.push(violation);
        }
        let now = state.calls;
        state.calls += 1;
        let Some(fault) = state.fault.filter(|fault| fault.after == now) else {
            return what(&mut state);
        };
        if fault.done {
            let _ = what(&mut state);
        }
        state.is_off = fault.power_cut;
        state.failed.extend(file);
        Err(broken())
    }
}

impl State {
    fn learn(&mut self, folder: &Path) {
        for file in folder.read_dir().unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                self.names.insert(path.clone(), Node::Folder);
                self.learn(&path);
            } else {
                let file = self.add(path.metadata().unwrap().ino());
                self.files[file].durable = fs::read(&path).unwrap();
                self.names.insert(path, Node::File(file));
            }
        }
    }

    fn add(&mut self, number: u64) -> usize {
        self.files.push(Contents::default());
        self.numbers.insert(number, self.files.len() - 1);
        self.files.len() - 1
    }

    fn number(&self, file: &File) -> Option<usize> {
        self.numbers.get(&file.metadata().ok()?.ino()).copied()
    }

    fn named(&self, path: &Path) -> Node {
        let metadata = path.metadata().unwrap();
        if metadata.is_dir() {
            Node::Folder
        } else {
            Node::File(self.numbers[&metadata.ino()])
        }
    }

    fn sync_file(&mut self, file: usize) {
        let contents = &mut self.files[file];
        for (offset, bytes) in std::mem::take(&mut contents.pending) {
            contents.put(offset, &bytes);
        }
    }

    /// Makes the pending changes durable that are of names in `folder`, or all.
    fn sync_names(&mut self, folder: Option<&Path>) {
        let (durable, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|change| folder.is_none_or(|folder| change.is_in(folder)));
        self.pending = pending;
        for change in durable {
            apply(&mut self.names, change);
        }
    }

    fn lay_out(&mut self, to: &Path, chance: &mut impl FnMut(u64) -> u64) {
        let mut names = self.names.clone();
        let survive = chance(self.pending.len() as u64 + 1);
        for change in self.pending.iter().take(usize::try_from(survive).unwrap()) {
            apply(&mut names, change.clone());
        }
        let mut contents = self.files.clone();
        for file in &mut contents {
            file.lose(chance);
        }
        for (path, node) in names {
            let to = to.join(path.strip_prefix(&self.root).unwrap());
            match node {
                // What is in a folder whose name is lost is lost with it.
                _ if !to.parent().unwrap().exists() => {}
                Node::Folder => fs::create_dir(&to).unwrap(),
                Node::File(file) => fs::write(&to, &contents[file].durable).unwrap(),
            }
        }
    }
}

impl Contents {
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[offset..end].copy_from_slice(bytes);
    }

    /// Lets chance decide which sectors of what was not synced are there.
    fn lose(&mut self, chance: &mut impl FnMut(u64) -> u64) {
        // All, none, or every one by itself.
        let mode = chance(4);
        for (offset, bytes) in std::mem::take(&mut self.pending) {
            for (number, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                let is_there = mode == 1 || mode > 1 && chance(2) == 0;
                if is_there {
                    self.put(offset + number * SECTOR_BYTES, sector);
                }
            }
        }
    }
}

impl Change {
    fn is_in(&self, folder: &Path) -> bool {
        let (Self::Add(path, _) | Self::Rename(_, path, _) | Self::Remove(path)) = self;
        path.parent() == Some(folder)
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Node>, change: Change) {
    match change {
        Change::Add(path, node) => _ = names.insert(path, node),
        Change::Rename(from, to, node) => {
            names.remove(&from);
            names.insert(to, node);
        }
        Change::Remove(path) => names.retain(|name, _| !name.starts_with(&path)),
    }
}

impl Storage for Power {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call(None, |state| {
            Disk.make_folder(path)?;
            state
                .pending
                .push(Change::Add(path.to_owned(), Node::Folder));
            Ok(())
        })
    }

    fn make(&self, path: &Path) -> io::Result<File> {
        self.call(None, |state| {
            let file = Disk.make(path)?;
            let number = state.add(file.metadata()?.ino());
            let change = Change::Add(path.to_owned(), Node::File(number));
            state.pending.push(change);
            Ok(file)
        })
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.call(Some(file), |state| {
            Disk.write(file, bytes, offset)?;
            let number = state.number(file).unwrap();
            let write = (usize::try_from(offset).unwrap(), bytes.to_vec());
            state.files[number].pending.push(write);
            Ok(())
        })
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.call(Some(file), |state| {
            let number = state.number(file).unwrap();
            state.sync_file(number);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(None, |state| {
            let node = state.named(from);
            Disk.rename(from, to)?;
            let change = Change::Rename(from.to_owned(), to.to_owned(), node);
            state.pending.push(change);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(None, |state| {
            Disk.remove(path)?;
            state.pending.push(Change::Remove(path.to_owned()));
            Ok(())
        })
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.call(None, |state| {
            Disk.remove_folder(path)?;
            state.pending.push(Change::Remove(path.to_owned()));
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(None, |state| {
            state.sync_names(Some(path));
            Ok(())
        })
    }

    fn sync_system(&self, _: &Path) -> io::Result<()> {
        self.call(None, |state| {
            for file in 0..state.files.len() {
                state.sync_file(file);
            }
            state.sync_names(None);
            Ok(())
        })
    }
}
