//! `covenant ledger reindex --dir`: the index made again, while no gateway runs on the ledger.

use std::path::Path;

use serde_json::json;

use super::place::is_ledger;
use super::progress::Progress;
use crate::cli::output::{Format, complain, say, say_json};
use crate::cli::{EXIT_OTHER, EXIT_USAGE};
use crate::index::{FindError, Index};

pub(in crate::cli) fn run(directory: &Path, format: Format) -> u8 {
    if !is_ledger(directory) {
        return EXIT_USAGE;
    }
    let progress = Progress::begin("entries indexed");
    match Index::new(directory).rebuild(|done| progress.tell(done)) {
        Ok(entries) if format == Format::Json => say_json(&json!({"entries": entries})),
        Ok(entries) => {
            say(&format!("{entries} entries are in the index\n"));
            0
        }
        Err(FindError::Index(error)) => {
            complain(format!(
                "{error}; where a gateway runs on this ledger, leave --dir out"
            ));
            EXIT_OTHER
        }
        Err(error) => {
            complain(error);
            EXIT_OTHER
        }
    }
}
