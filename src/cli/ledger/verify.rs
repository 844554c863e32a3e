//! `covenant ledger verify`: the whole ledger against its signed checkpoints, without a gateway; what
//! somebody serves of it; or one entry with its proof.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tokio::runtime::Handle;

use super::evidence;
use super::place::{keys, keys_for, read, warn_of_the_key};
use super::progress::Progress;
use super::witnesses::{Named, WitnessArguments, lines, values};
use crate::cli::output::{Format, complain, say, say_json};
use crate::cli::{EXIT_DAMAGED, EXIT_OTHER, EXIT_UNREACHABLE, EXIT_USAGE};
use crate::identity::fetch::FetchUrl;
use crate::ledger::proof;
use crate::ledger::verify::{Fetched, Verified, verify_published, verify_telling};
use crate::ledger::vouching::{Vouch, kept_for, published_for, vouches};
use crate::ledger::{Cosigned, Damage, Keys, ReadError};

/// What to verify.
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    /// An evidence package.
    #[arg(conflicts_with_all = ["url", "proof", "since_checkpoint"])]
    file: Option<PathBuf>,
    /// The ledger's directory, or a copy of it; a copy of `checkpoint`, `minimum` and `tile/` is enough.
    #[arg(
        long,
        required_unless_present_any = ["url", "proof", "file"],
        conflicts_with_all = ["url", "proof", "file"]
    )]
    dir: Option<PathBuf>,
    /// Where a gateway's operator listener, or anybody, serves it: https, or http on this machine.
    #[arg(long, requires = "key", conflicts_with = "proof")]
    url: Option<String>,
    /// File with the certificate authorities that an https URL is held against.
    #[arg(long, requires = "url")]
    authorities: Option<PathBuf>,
    /// A proof that one entry is in the log, as `prove` writes it.
    #[arg(long, requires = "entry", requires = "key")]
    proof: Option<PathBuf>,
    /// The bytes of that entry.
    #[arg(long, requires = "proof")]
    entry: Option<PathBuf>,
    /// File with the ledger's verifier key (or its signing key), kept elsewhere. Without it,
    /// `verifier.key` in the directory itself is believed.
    #[arg(long)]
    key: Option<PathBuf>,
    /// File with a checkpoint kept elsewhere, which the ledger must have grown from.
    #[arg(long, alias = "since", conflicts_with = "proof")]
    since_checkpoint: Option<PathBuf>,
    #[command(flatten)]
    witnesses: WitnessArguments,
}

pub(in crate::cli) async fn run(arguments: &VerifyArguments, format: Format) -> u8 {
    let witnesses = match arguments.witnesses.named() {
        Ok(witnesses) => witnesses,
        Err(message) => {
            complain(message);
            return EXIT_USAGE;
        }
    };
    if let Some(file) = &arguments.file {
        return evidence::verify(file, arguments.key.as_deref(), &witnesses, format);
    }
    let outcome = match (&arguments.dir, &arguments.url, &arguments.proof) {
        (Some(dir), ..) => verify_folder(arguments, dir, &witnesses),
        (None, Some(url), _) => verify_url(arguments, url, &witnesses).await,
        (None, None, Some(proof)) => return verify_proof(arguments, proof, &witnesses, format),
        (None, None, None) => {
            Err("name what to verify: a package, --dir, --url or --proof".to_owned())
        }
    };
    let code = match outcome {
        Ok(Ok((verified, vouches))) => sound(&verified, &vouches, &witnesses, format),
        Ok(Err(ReadError::Damaged(damage))) => damaged(&damage, format),
        // Neither sound nor damaged: it cannot be told any more.
        Ok(Err(error @ ReadError::Pruned { .. })) => {
            complain(error);
            return EXIT_USAGE;
        }
        Ok(Err(error)) => {
            complain(error);
            return match arguments.url {
                Some(_) => EXIT_UNREACHABLE,
                None => EXIT_OTHER,
            };
        }
        Err(message) => {
            complain(message);
            return EXIT_USAGE;
        }
    };
    if arguments.key.is_none() {
        warn_of_the_key();
    }
    code
}

/// What was found, or what is wrong with what was asked for.
type Outcome = Result<Result<Found, ReadError>, String>;
type Found = (Verified, Vec<Vouch>);

fn verify_folder(arguments: &VerifyArguments, dir: &Path, witnesses: &Named) -> Outcome {
    let keys = keys_for(dir, arguments.key.as_deref())?;
    let since = since(arguments, &keys)?;
    let progress = Progress::begin("entries verified");
    let tell = |done| progress.tell(done);
    let cosigned = kept_for(dir, &keys, &witnesses.keys);
    Ok(cosigned.and_then(|cosigned| {
        let since = since.into_iter().chain(notes(&cosigned));
        let verified = verify_telling(dir, &keys, &since.collect::<Vec<_>>(), &tell)?;
        Ok((verified, vouches(cosigned.iter(), &witnesses.keys)?))
    }))
}

/// What the log must have grown from, as it is said of it.
fn notes(cosigned: &[Cosigned]) -> impl Iterator<Item = String> {
    cosigned.iter().map(|cosigned| cosigned.note.clone())
}

async fn verify_url(arguments: &VerifyArguments, url: &str, witnesses: &Named) -> Outcome {
    let key = arguments.key.as_deref().ok_or("name the key with --key")?;
    let keys = keys(key)?;
    let since = since(arguments, &keys)?;
    let place = FetchUrl::of_ledger(url, arguments.authorities.as_deref());
    let place = place.map_err(|error| error.to_string())?;
    let witnesses = witnesses.keys.clone();
    let verified = tokio::task::spawn_blocking(move || {
        let progress = Progress::begin("entries verified");
        let runtime = Handle::current();
        let published = Fetched::new(|name: &Path| {
            let fetched = runtime.block_on(place.fetch_below(&name.to_string_lossy()));
            fetched.map_err(|error| ReadError::Unreadable {
                path: name.to_owned(),
                source: std::io::Error::other(error.to_string()),
            })
        });
        let tell = |done| progress.tell(done);
        // Before the checkpoint that is verified, which is not older then.
        let cosigned = published_for(&published, &keys, &witnesses)?;
        let since = since.into_iter().chain(notes(&cosigned));
        let verified = verify_published(&published, &keys, &since.collect::<Vec<_>>(), &tell)?;
        Ok((verified, vouches(cosigned.iter(), &witnesses)?))
    });
    verified.await.map_err(|error| error.to_string())
}

fn verify_proof(
    arguments: &VerifyArguments,
    proof: &Path,
    witnesses: &Named,
    format: Format,
) -> u8 {
    let read = || {
        let key = arguments.key.as_deref().ok_or("name the key with --key")?;
        let entry = arguments
            .entry
            .as_deref()
            .ok_or("name the entry with --entry")?;
        let bytes = std::fs::read(entry)
            .map_err(|error| format!("`{}` cannot be read: {error}", entry.display()))?;
        Ok::<_, String>((keys(key)?, bytes, read(proof)?))
    };
    let (keys, entry, proof) = match read() {
        Ok(read) => read,
        Err(message) => {
            complain(message);
            return EXIT_USAGE;
        }
    };
    let checked = proof::check(&proof, &entry, &keys).map_err(|error| error.to_string());
    let checked = checked.and_then(|(index, checkpoint)| {
        let cosigners = witnesses.cosigners(proof::checkpoint_of(&proof))?;
        match witnesses.missing(cosigners.len()) {
            Some(missing) => Err(missing),
            None => Ok((index, checkpoint, cosigners)),
        }
    });
    match checked {
        Ok((index, checkpoint, cosigners)) if format == Format::Json => say_json(&json!({
            "verified": true,
            "index": index,
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "witnesses": cosigners,
        })),
        Ok((index, checkpoint, cosigners)) => {
            let (origin, size) = (checkpoint.origin, checkpoint.size);
            say(&format!(
                "entry {index} of the log {origin}, which has {size} entries\n"
            ));
            for name in cosigners {
                say(&format!("witness {name}: vouches for it\n"));
            }
            0
        }
        Err(message) => {
            if format == Format::Json {
                say_json(&json!({"verified": false, "damage": message}));
            }
            complain(message);
            EXIT_DAMAGED
        }
    }
}

/// The checkpoint to verify since. A file that holds none of this log says nothing about the ledger, so
/// it is a mistake in what was asked.
fn since(arguments: &VerifyArguments, keys: &Keys) -> Result<Option<String>, String> {
    let Some(path) = &arguments.since_checkpoint else {
        return Ok(None);
    };
    let signed = read(path)?;
    let checkpoint = keys.read_checkpoint(&signed);
    checkpoint.map_err(|error| {
        format!(
            "`{}` is no checkpoint to verify since: {error}",
            path.display()
        )
    })?;
    Ok(Some(signed))
}

fn sound(verified: &Verified, vouches: &[Vouch], witnesses: &Named, format: Format) -> u8 {
    let vouching = vouches.iter().filter(|vouch| vouch.newest.is_some());
    let missing = witnesses.missing(vouching.count());
    if format == Format::Json {
        say_json(&json!({
            "verified": missing.is_none(),
            "entries": verified.entries,
            "published": verified.published,
            "torn_tail_bytes": verified.torn_tail_bytes,
            "minimum": verified.minimum.index,
            "purge": verified.minimum.purge,
            "checkpoint": verified.checkpoint,
            "witnesses": values(vouches),
        }));
    } else {
        let signed = match &verified.checkpoint {
            Some(_) => "checkpoint signed and good",
            None => "so no checkpoint yet",
        };
        say(&format!("{} entries, {signed}\n", verified.entries));
        if let Some(purge) = verified.minimum.purge
            && verified.minimum.index > 0
        {
            say(&format!(
                "verified from entry {} on: those before were destroyed; entry {purge} is the latest about a purge\n",
                verified.minimum.index
            ));
        }
        if verified.torn_tail_bytes > 0 {
            say(&format!(
                "{} bytes of an unfinished batch at the end, for which nobody was answered\n",
                verified.torn_tail_bytes
            ));
        }
        say(&lines(vouches));
    }
    match missing {
        None => 0,
        Some(missing) => {
            complain(missing);
            EXIT_DAMAGED
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::entry::{Entry, Event, GatewayNote};
    use crate::ledger::{KEYS_FILE, Ledger, Options, Signer};

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
            file: None,
            dir: Some(dir.clone()),
            url: None,
            authorities: None,
            proof: None,
            entry: None,
            key,
            since_checkpoint: None,
            witnesses: WitnessArguments::default(),
        };
        assert_eq!(run(&arguments(Some(key.clone())), Format::Text).await, 0);
        assert_eq!(run(&arguments(None), Format::Text).await, 0);
        std::fs::remove_file(dir.join(KEYS_FILE)).unwrap();
        assert_eq!(run(&arguments(None), Format::Text).await, EXIT_USAGE);
        let no_checkpoint = VerifyArguments {
            since_checkpoint: Some(key.clone()),
            ..arguments(Some(key.clone()))
        };
        assert_eq!(run(&no_checkpoint, Format::Text).await, 2);
        let changed = change_everywhere(&dir, b"canary 7\"", b"canary 8\"");
        assert!(changed > 0);
        assert_eq!(run(&arguments(Some(key)), Format::Json).await, EXIT_DAMAGED);
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
