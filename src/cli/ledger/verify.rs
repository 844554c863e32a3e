//! `covenant ledger verify`: the whole ledger against its signed checkpoints, without a gateway.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::EXIT_DAMAGED;
use crate::cli::output::{Format, complain, say, say_json};
use crate::ledger::verify::{Verified, verify};
use crate::ledger::{Damage, KEYS_FILE, Keys, ReadError, Signer};

/// What to verify.
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    /// The ledger's directory, or a copy of it.
    #[arg(long)]
    dir: PathBuf,
    /// File with the ledger's verifier key (or its signing key), kept elsewhere. Without it,
    /// `verifier.key` in the directory itself is believed.
    #[arg(long)]
    key: Option<PathBuf>,
    /// File with a checkpoint kept elsewhere, which the ledger must have grown from.
    #[arg(long, alias = "since")]
    since_checkpoint: Option<PathBuf>,
}

pub(in crate::cli) fn run(arguments: &VerifyArguments, format: Format) -> u8 {
    let (keys, since) = match read_arguments(arguments) {
        Ok(read) => read,
        Err(message) => {
            complain(message);
            return 2;
        }
    };
    let outcome = verify(&arguments.dir, &keys, since.as_deref());
    let code = match outcome {
        Ok(verified) => sound(&verified, format),
        Err(ReadError::Damaged(damage)) => damaged(&damage, format),
        Err(error) => {
            complain(error);
            return 1;
        }
    };
    if arguments.key.is_none() {
        complain(
            "the key lay with the ledger: whoever can change one can change both; name a key kept \
             elsewhere with --key",
        );
    }
    code
}

/// The key, and the checkpoint to verify since. A file that holds no checkpoint of this log says
/// nothing about the ledger, so it is a mistake in what was asked.
fn read_arguments(arguments: &VerifyArguments) -> Result<(Keys, Option<String>), String> {
    if !arguments.dir.is_dir() {
        return Err(format!("`{}` is not a directory", arguments.dir.display()));
    }
    let beside = arguments.dir.join(KEYS_FILE);
    let keys = match &arguments.key {
        // The key that was kept elsewhere is the one that is trusted; what lies here says no more than
        // which keys there were before it.
        Some(path) => match (keys(path)?, keys(&beside)) {
            (trusted, Ok(known)) => known.up_to(trusted.last()),
            (trusted, Err(_)) => trusted,
        },
        None => keys(&beside).map_err(|message| {
            format!("{message}; name the ledger's directory, or its key with --key")
        })?,
    };
    let Some(path) = &arguments.since_checkpoint else {
        return Ok((keys, None));
    };
    let signed = read(path)?;
    let read = keys.read_checkpoint(&signed);
    read.map_err(|error| {
        format!(
            "`{}` is no checkpoint to verify since: {error}",
            path.display()
        )
    })?;
    Ok((keys, Some(signed)))
}

fn sound(verified: &Verified, format: Format) -> u8 {
    if format == Format::Json {
        return say_json(&json!({
            "verified": true,
            "entries": verified.entries,
            "published": verified.published,
            "torn_tail_bytes": verified.torn_tail_bytes,
            "checkpoint": verified.checkpoint,
        }));
    }
    let signed = match &verified.checkpoint {
        Some(_) => "checkpoint signed and good",
        None => "so no checkpoint yet",
    };
    say(&format!("{} entries, {signed}\n", verified.entries));
    if verified.torn_tail_bytes > 0 {
        say(&format!(
            "{} bytes of an unfinished batch at the end, for which nobody was answered\n",
            verified.torn_tail_bytes
        ));
    }
    0
}

fn damaged(damage: &Damage, format: Format) -> u8 {
    if format == Format::Json {
        say_json(&json!({
            "verified": false,
            "entry": damage.index,
            "damage": damage.what,
        }));
    }
    complain(format!("the ledger is damaged: {damage}"));
    EXIT_DAMAGED
}

/// Verifier keys, or that of a signing key.
fn keys(path: &Path) -> Result<Keys, String> {
    let text = read(path)?;
    let keys = if text.trim_start().starts_with("PRIVATE+KEY+") {
        Signer::parse(&text).map(|signer| signer.verifier_key().clone().into())
    } else {
        Keys::parse(&text)
    };
    keys.map_err(|error| format!("`{}`: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::entry::{Entry, Event, GatewayNote};
    use crate::ledger::{Ledger, Options};

    #[tokio::test]
    async fn a_good_ledger_exits_0_a_changed_byte_6_and_what_is_no_key_or_checkpoint_2() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ledger");
        let key = folder.path().join("log.key");
        let signer = Signer::create_file(&key, "covenant.example/log").unwrap();
        let clock = Clock::system();
        let options = Options::new(&dir, "covenant.example/log");
        let (ledger, _) = Ledger::open(&options, signer, &clock).unwrap();
        for number in 0..20 {
            let note = GatewayNote {
                what: "started".to_owned(),
                detail: Some(format!("canary {number}")),
                policy: None,
            };
            let entry = Entry::new(clock.now(), Event::Gateway(note)).unwrap();
            ledger.append(entry).await.unwrap();
        }
        ledger.close().await;
        let arguments = |key| VerifyArguments {
            dir: dir.clone(),
            key,
            since_checkpoint: None,
        };
        assert_eq!(run(&arguments(Some(key.clone())), Format::Text), 0);
        assert_eq!(run(&arguments(None), Format::Text), 2);
        let no_checkpoint = VerifyArguments {
            since_checkpoint: Some(key.clone()),
            ..arguments(Some(key.clone()))
        };
        assert_eq!(run(&no_checkpoint, Format::Text), 2);
        let changed = change_everywhere(&dir, b"canary 7\"", b"canary 8\"");
        assert!(changed > 0);
        assert_eq!(run(&arguments(Some(key)), Format::Json), EXIT_DAMAGED);
    }

    fn change_everywhere(folder: &Path, from: &[u8], to: &[u8]) -> usize {
        let mut changed = 0;
        for file in folder.read_dir().unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                changed += change_everywhere(&path, from, to);
                continue;
            }
            let mut bytes = std::fs::read(&path).unwrap();
            if let Some(at) = memchr::memmem::find(&bytes, from) {
                bytes[at..at + to.len()].copy_from_slice(to);
                std::fs::write(&path, bytes).unwrap();
                changed += 1;
            }
        }
        changed
    }
}
