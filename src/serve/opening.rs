//! The ledger as a start opens it: its keys, what a crash or a purge left undone, and the count that goes on
//! with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::StartError;
use super::counting::Counting;
use crate::clock::Clock;
use crate::config::{Config, LedgerSettings};
use crate::entry::Purge;
use crate::files;
use crate::ledger::{self, Ledger, OpenError, Signer};
use crate::registry::{Period, Registry};

/// The ledger, with what a purge left undone, and the count that goes on with it.
pub(super) async fn open_ledger(
    config: &Config,
    clock: &Clock,
    registry: &Registry,
) -> Result<(Ledger, Arc<Counting>), StartError> {
    let (settings, clock) = (config.ledger.clone(), clock.clone());
    let mut options = ledger::Options::new(&settings.directory, &settings.origin);
    options.wait_max = Duration::from_millis(settings.wait_milliseconds_max.into());
    options.segment_bytes = u64::from(settings.segment_mebibytes) << 20;
    options.queue_entries_max = usize::try_from(settings.queue_entries_max).unwrap_or(4_096);
    options
        .second_checkpoint
        .clone_from(&settings.second_checkpoint);
    let opened = blocking("the ledger", move || {
        make_folder(&settings.directory)?;
        let signers = ledger_signers(&settings)?;
        let secret = signers
            .now
            .derived("covenant: what was counted of the ledger");
        let counting = Counting::new(&settings.directory, &secret, clock.clone());
        let opened = Ledger::open(&options, signers, &clock);
        Ok(opened.map(|(ledger, recovery)| (ledger, recovery, counting)))
    })
    .await?;
    let (ledger, recovery, counting) = opened.map_err(|error| match error {
        OpenError::Damaged(_) => StartError::Damaged(error),
        _ => StartError::unusable("the ledger", error),
    })?;
    if recovery.torn_bytes_cut > 0 {
        tracing::warn!(
            bytes = recovery.torn_bytes_cut,
            "a torn batch was cut off the ledger"
        );
    }
    if let Some(purge) = recovery.purge {
        finish_purge(config, registry, purge).await?;
    }
    Ok((ledger, Arc::new(counting)))
}

/// Destroys keys that purges on record destroyed, and that a stop left or a backup brought back.
async fn finish_purge(config: &Config, registry: &Registry, entry: u64) -> Result<(), StartError> {
    let directory = config.ledger.directory.clone();
    let purge = blocking("the latest purge", move || {
        let found = ledger::reading::entries(&directory, entry).next();
        let found = found.transpose().map_err(|error| error.to_string())?;
        let purge = found.filter(|(index, _)| *index == entry);
        let purge = purge.and_then(|(_, bytes)| Purge::of(&bytes));
        purge.ok_or_else(|| format!("entry {entry} is not there, or about something else"))
    })
    .await?;
    let until = purge.recipient_keys_until.as_deref();
    let until = until.and_then(|month| month.parse::<Period>().ok());
    let keys = until.map_or_else(Vec::new, |until| registry.recipient_keys_until(until.end()));
    let destroyed = registry.destroy_recipient_keys(keys, entry).await;
    destroyed.map_err(|error| StartError::unusable("the latest purge", error))
}

/// The ledger's keys; one is made where the log begins, or where it is to change.
fn ledger_signers(settings: &LedgerSettings) -> Result<ledger::Signers, String> {
    let previous = settings.previous_key.as_deref().map(Signer::read_file);
    let previous = previous.transpose().map_err(|error| error.to_string())?;
    let begun = settings.directory.join(ledger::KEYS_FILE).exists();
    let now = if settings.key.exists() {
        Signer::read_file(&settings.key)
    } else if begun && previous.is_none() {
        // Another key in its place would make a sound ledger look damaged.
        return Err(format!(
            "its signing key `{}` is missing, and the log cannot go on without it; bring it back from \
             a backup",
            settings.key.display()
        ));
    } else {
        Signer::create_file(&settings.key, &settings.origin)
    };
    let now = now.map_err(|error| error.to_string())?;
    Ok(ledger::Signers { now, previous })
}

/// Makes a folder that only this user reads, where there is none.
pub(super) fn make_folder(path: &Path) -> Result<(), String> {
    files::make_private_folder(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

/// Does work that blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, StartError> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|cause| StartError::unusable(what, cause)),
        Err(panicked) => Err(StartError::unusable(what, panicked)),
    }
}
