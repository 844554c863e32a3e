//! Where a ledger lies, and which keys it is verified with: common to the commands that need no gateway.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::output::complain;
use crate::ledger::{KEYS_FILE, Keys, Signer};

/// A ledger in a folder.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The ledger's directory, or a copy of it; a copy of `checkpoint`, `minimum` and `tile/` is enough.
    #[arg(long)]
    pub(super) dir: PathBuf,
    /// File with the ledger's verifier key (or its signing key), kept elsewhere. Without it,
    /// `verifier.key` in the directory itself is believed.
    #[arg(long)]
    pub(super) key: Option<PathBuf>,
}

impl Place {
    /// The keys, or what is wrong with what was asked for.
    pub(super) fn keys(&self) -> Result<Keys, String> {
        keys_for(&self.dir, self.key.as_deref())
    }
}

/// The keys of the ledger in `directory`. The one that was kept elsewhere is the one that is trusted; what
/// lies with the ledger says no more than which there were before it.
pub(super) fn keys_for(directory: &Path, key: Option<&Path>) -> Result<Keys, String> {
    if !directory.is_dir() {
        return Err(format!("`{}` is not a directory", directory.display()));
    }
    let beside = directory.join(KEYS_FILE);
    let Some(key) = key else {
        let keys = keys(&beside).map_err(|message| {
            format!("{message}; name the ledger's directory, or its key with --key")
        })?;
        return Ok(keys);
    };
    let trusted = keys(key)?;
    match keys(&beside) {
        Ok(known) if known.contains(trusted.last()) && known.last() != trusted.last() => {
            Err(format!(
                "the log is signed with `{}` by now. The checkpoint that the earlier key and the one after it \
                 signed is in `{}`; once you are satisfied with it, name the new key",
                known.last(),
                directory.join("rotation-1.checkpoint").display()
            ))
        }
        Ok(known) if known.name() == trusted.name() => Ok(known.up_to(trusted.last())),
        _ => Ok(trusted),
    }
}

/// Verifier keys, or that of a signing key.
pub(super) fn keys(path: &Path) -> Result<Keys, String> {
    let text = read(path)?;
    let keys = if text.trim_start().starts_with("PRIVATE+KEY+") {
        Signer::parse(&text).map(|signer| signer.verifier_key().clone().into())
    } else {
        Keys::parse(&text)
    };
    keys.map_err(|error| format!("`{}`: {error}", path.display()))
}

/// Whether there is a ledger in `directory`, or a copy of what of one is published; says so where not.
pub(super) fn is_ledger(directory: &Path) -> bool {
    let is_there = |name| directory.join(name).exists();
    let is_ledger = is_there("journal") || is_there("checkpoint");
    if !is_ledger {
        complain(format!("there is no ledger in `{}`", directory.display()));
    }
    is_ledger
}

/// A text file, or why it cannot be read.
pub(super) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

/// To be said where no key was named.
pub(super) fn warn_of_the_key() {
    complain(
        "the key lay with the ledger: whoever can change one can change both; name a key kept elsewhere \
         with --key",
    );
}
