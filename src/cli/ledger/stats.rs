//! `covenant ledger stats`: how much there is of what. Reads every entry, and verifies none.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::place::{is_ledger, keys_for};
use super::progress::Progress;
use crate::cli::output::{Format, complain, say_json, say_rows};
use crate::cli::{EXIT_DAMAGED, EXIT_OTHER, EXIT_USAGE};
use crate::entry::Entry;
use crate::ledger::{ReadError, cosignature, cosigned, reading};

/// Whose figures.
#[derive(Clone, Debug, Args)]
pub struct StatsArguments {
    /// The ledger's directory, or a copy of it.
    #[arg(long)]
    dir: PathBuf,
}

#[derive(Debug, Default)]
struct Figures {
    entries: u64,
    entry_bytes: u64,
    kinds: BTreeMap<&'static str, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

pub(in crate::cli) fn run(arguments: &StatsArguments, format: Format) -> u8 {
    let directory = &arguments.dir;
    if !is_ledger(directory) {
        return EXIT_USAGE;
    }
    let figures = match count(directory) {
        Ok(figures) => figures,
        Err((message, code)) => {
            complain(message);
            return code;
        }
    };
    let journal = bytes_below(&directory.join("journal"));
    let published = bytes_below(&directory.join("tile"));
    let cosigned = match cosigned_sizes(directory) {
        Ok(cosigned) => cosigned,
        Err(message) => {
            complain(message);
            return EXIT_DAMAGED;
        }
    };
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    if format == Format::Json {
        return say_json(&json!({
            "entries": figures.entries,
            "entry_bytes": figures.entry_bytes,
            "kinds": figures.kinds,
            "first": time(figures.first),
            "last": time(figures.last),
            "journal_bytes": journal,
            "published_bytes": published,
            "cosigned": cosigned,
        }));
    }
    let mut rows = vec![
        vec!["entries".to_owned(), figures.entries.to_string()],
        vec![
            "bytes of entries".to_owned(),
            figures.entry_bytes.to_string(),
        ],
        vec!["bytes of the journal".to_owned(), journal.to_string()],
        vec![
            "bytes of what is published".to_owned(),
            published.to_string(),
        ],
    ];
    for (witness, size) in &cosigned {
        rows.push(vec![format!("cosigned by {witness}"), size.to_string()]);
    }
    for (what, moment) in [("first", figures.first), ("last", figures.last)] {
        rows.extend(time(moment).map(|moment| vec![what.to_owned(), moment]));
    }
    let kinds = figures.kinds.iter();
    rows.extend(kinds.map(|(kind, count)| vec![format!("of the kind {kind}"), count.to_string()]));
    say_rows(&["what", "how much"], &rows);
    0
}

/// How many entries each witness has signed for, as it stands in the ledger's folder; the signatures are for
/// `verify` to look at. Nothing, where the folder has no keys.
fn cosigned_sizes(directory: &Path) -> Result<BTreeMap<String, u64>, String> {
    let Ok(keys) = keys_for(directory, None) else {
        return Ok(BTreeMap::new());
    };
    let mut sizes = BTreeMap::new();
    for found in cosigned(directory, &keys).map_err(|error| error.to_string())? {
        let signers = cosignature::signers(&found.note).unwrap_or_default();
        for (witness, _) in signers {
            // The smallest come first.
            sizes.insert(witness, found.checkpoint.size);
        }
    }
    Ok(sizes)
}

fn count(directory: &Path) -> Result<Figures, (String, u8)> {
    let progress = Progress::begin("entries counted");
    let mut figures = Figures::default();
    for entry in reading::entries(directory, 0) {
        let (index, bytes) = entry.map_err(|error| match error {
            ReadError::Damaged(damage) => {
                (format!("the ledger is damaged: {damage}"), EXIT_DAMAGED)
            }
            error => (error.to_string(), EXIT_OTHER),
        })?;
        let entry = Entry::parse(&bytes)
            .map_err(|error| (format!("entry {index}: {error}"), EXIT_DAMAGED))?;
        figures.entries += 1;
        figures.entry_bytes += bytes.len() as u64;
        *figures.kinds.entry(entry.event.kind()).or_default() += 1;
        figures.first = Some(
            figures
                .first
                .map_or(entry.time, |first| first.min(entry.time)),
        );
        figures.last = Some(figures.last.map_or(entry.time, |last| last.max(entry.time)));
        progress.tell(figures.entries);
    }
    Ok(figures)
}

/// What the files in a folder and those below take up; what cannot be looked at counts for nothing.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(files) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = files.flatten().map(|file| match file.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&file.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
