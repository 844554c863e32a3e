//! `covenant ledger checkpoint` and `prove`: what others need to verify without us.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::place::Place;
use crate::cli::output::{Format, complain, say, say_json};
use crate::cli::{EXIT_DAMAGED, EXIT_OTHER, EXIT_USAGE};
use crate::ledger::proof::{NotProven, prove};
use crate::ledger::{ReadError, cosignature};

/// Which entry to prove.
#[derive(Clone, Debug, Args)]
pub struct ProveArguments {
    #[command(flatten)]
    place: Place,
    /// Index of the entry.
    #[arg(long)]
    index: u64,
    /// File to write the proof to (C2SP tlog-proof, ending in `.tlog-proof`); without it, it is said.
    #[arg(long)]
    out: Option<PathBuf>,
    /// File to write the entry's bytes to, which the proof is about.
    #[arg(long)]
    entry_out: Option<PathBuf>,
}

pub(in crate::cli) fn run(arguments: &ProveArguments, format: Format) -> u8 {
    let keys = match arguments.place.keys() {
        Ok(keys) => keys,
        Err(message) => return refuse(message, EXIT_USAGE),
    };
    let proven = match prove(&arguments.place.dir, &keys, arguments.index) {
        Ok(proven) => proven,
        Err(NotProven::Read(ReadError::Damaged(damage))) => {
            return refuse(format!("the ledger is damaged: {damage}"), EXIT_DAMAGED);
        }
        Err(error) => return refuse(error.to_string(), EXIT_OTHER),
    };
    for (path, bytes) in [
        (&arguments.out, proven.proof.as_bytes()),
        (&arguments.entry_out, proven.entry.as_slice()),
    ] {
        if let Some(path) = path
            && let Err(error) = fs::write(path, bytes)
        {
            let message = format!("`{}` cannot be written: {error}", path.display());
            return refuse(message, EXIT_OTHER);
        }
    }
    if format == Format::Json {
        let entry: Value = serde_json::from_slice(&proven.entry).unwrap_or_default();
        return say_json(&json!({
            "index": arguments.index,
            "size": proven.size,
            "entry": entry,
            "proof": proven.proof,
        }));
    }
    match &arguments.out {
        None => say(&proven.proof),
        Some(path) => say(&format!(
            "entry {} is proven in a log of {} entries: {}\n",
            arguments.index,
            proven.size,
            path.display()
        )),
    }
    0
}

/// The published checkpoint, after its signature was found good; as it stands, so that it can be kept.
pub(in crate::cli) fn checkpoint(place: &Place, format: Format) -> u8 {
    let keys = match place.keys() {
        Ok(keys) => keys,
        Err(message) => return refuse(message, EXIT_USAGE),
    };
    let path = place.dir.join("checkpoint");
    let signed = match fs::read_to_string(&path) {
        Ok(signed) => signed,
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}", path.display());
            return refuse(message, EXIT_OTHER);
        }
    };
    let checkpoint = match keys.read_checkpoint(&signed) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            return refuse(format!("the published checkpoint: {error}"), EXIT_DAMAGED);
        }
    };
    if format == Format::Json {
        return say_json(&json!({
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": crate::terms::hexadecimal(&checkpoint.root),
            "note": signed,
            "cosigned_by": cosigners(&signed),
        }));
    }
    say(&signed);
    0
}

/// Who else has signed, unverified: that wants their keys, and `verify` has an argument for them.
fn cosigners(note: &str) -> Vec<Value> {
    let signers = cosignature::signers(note).unwrap_or_default().into_iter();
    signers
        .map(|(witness, key)| json!({"witness": witness, "key": key}))
        .collect()
}

fn refuse(message: String, code: u8) -> u8 {
    complain(message);
    code
}
