//! `covenant ledger export`: the entries of a ledger in a form that other programs read, to a file or to
//! standard output. Needs no gateway; one that runs on the ledger is told first (`announce`).

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::place::Place;
use super::progress::Progress;
use super::search::moment;
use crate::administration::messages::ExportTold;
use crate::cli::output::complain;
use crate::cli::{EXIT_DAMAGED, EXIT_OTHER, EXIT_USAGE};
use crate::entry::Entry;
use crate::export;
use crate::ledger::verify::verify_telling;
use crate::ledger::{Keys, ReadError, reading};

/// What to export, and how.
#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    #[command(flatten)]
    place: Place,
    /// How entries are written.
    #[arg(long, value_enum, default_value_t)]
    format: ExportFormat,
    /// Only entries not before this day (UTC) or moment.
    #[arg(long, value_parser = moment)]
    since: Option<Timestamp>,
    /// Only entries before this day (UTC) or moment.
    #[arg(long, value_parser = moment)]
    until: Option<Timestamp>,
    /// Only entries from this index on.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The file to write, which must not be there yet; without it, standard output.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Forms that other programs read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Entries as they were recorded, one a line.
    #[default]
    Jsonl,
    /// For spreadsheets: who, what for, what; not the references of persons.
    Csv,
    /// OCSF 1.3, API activity, one a line.
    Ocsf,
    /// CloudEvents 1.0, one a line.
    Cloudevents,
    /// Parquet, to a file: the columns of CSV and the whole entry. Only of builds with the feature `parquet`.
    Parquet,
}

impl ExportArguments {
    /// The ledger's directory.
    pub(super) fn directory(&self) -> &Path {
        &self.place.dir
    }

    /// What a gateway that runs on it is told.
    pub(super) fn told(&self) -> ExportTold {
        let format = self.format.to_possible_value();
        ExportTold {
            format: format.map_or_else(String::new, |value| value.get_name().to_owned()),
            from: self.from,
            since: self.since,
            until: self.until,
        }
    }
}

enum NotExported {
    Read(ReadError),
    Entry(String),
    Write(io::Error),
}

pub(in crate::cli) fn run(arguments: &ExportArguments) -> u8 {
    let directory = &arguments.place.dir;
    let keys = match arguments.place.keys() {
        Ok(keys) => keys,
        Err(message) => {
            complain(message);
            return EXIT_USAGE;
        }
    };
    let entries = match verified(directory, &keys) {
        Ok(entries) => entries,
        Err(error) => return said(arguments, NotExported::Read(error)),
    };
    let written = match &arguments.out {
        out if arguments.format == ExportFormat::Parquet => {
            match parquet(arguments, entries, out.as_deref(), &keys) {
                Ok(written) => written,
                Err(message) => {
                    complain(message);
                    return EXIT_USAGE;
                }
            }
        }
        None => export(
            arguments,
            entries,
            keys.name(),
            &mut BufWriter::new(io::stdout().lock()),
        ),
        Some(out) => make(out).map_err(NotExported::Write).and_then(|file| {
            let mut file = BufWriter::new(file);
            export(arguments, entries, keys.name(), &mut file)?;
            let file = file
                .into_inner()
                .map_err(|error| NotExported::Write(error.into_error()))?;
            file.sync_all().map_err(NotExported::Write)
        }),
    };
    written.map_or_else(|error| said(arguments, error), |()| 0)
}

/// How many entries there are, each of which is one that the log's checkpoint has: what is handed on is what was
/// recorded.
fn verified(directory: &Path, keys: &Keys) -> Result<u64, ReadError> {
    let progress = Progress::begin("entries verified");
    let verified = verify_telling(directory, keys, &[], &|entries| progress.tell(entries))?;
    Ok(verified.entries)
}

/// Says what went wrong; the exit code.
fn said(arguments: &ExportArguments, error: NotExported) -> u8 {
    let directory = arguments.place.dir.display();
    match error {
        NotExported::Write(error)
            if arguments.out.is_none() && error.kind() == io::ErrorKind::BrokenPipe =>
        {
            0
        }
        NotExported::Write(error) => {
            complain(format!("the export cannot be written: {error}"));
            EXIT_OTHER
        }
        NotExported::Read(ReadError::Damaged(damage)) => {
            complain(format!(
                "the ledger in `{directory}` is damaged, so nothing more is exported: {damage}"
            ));
            EXIT_DAMAGED
        }
        NotExported::Read(error) => {
            complain(error);
            EXIT_OTHER
        }
        NotExported::Entry(message) => {
            complain(message);
            EXIT_DAMAGED
        }
    }
}

/// A new file that only its owner reads.
fn make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a table of Parquet; what is wrong with what was asked for, where it is not to be had.
#[cfg(feature = "parquet")]
fn parquet(
    arguments: &ExportArguments,
    entries: u64,
    out: Option<&Path>,
    keys: &Keys,
) -> Result<Result<(), NotExported>, String> {
    let out = out.ok_or("Parquet is written to a file: name one with --out")?;
    let failed = |error| NotExported::Write(io::Error::other(error));
    let write = || {
        let file = BufWriter::new(make(out).map_err(NotExported::Write)?);
        let mut table = export::table::Table::new(file, keys.name()).map_err(failed)?;
        each(arguments, entries, |index, bytes, entry| {
            table.add(index, bytes, entry).map_err(failed)
        })?;
        let file = table.finish().map_err(failed)?.into_inner();
        let file = file.map_err(|error| NotExported::Write(error.into_error()))?;
        file.sync_all().map_err(NotExported::Write)
    };
    Ok(write())
}

/// Says which builds can.
#[cfg(not(feature = "parquet"))]
fn parquet(
    _: &ExportArguments,
    _: u64,
    _: Option<&Path>,
    _: &Keys,
) -> Result<Result<(), NotExported>, String> {
    Err(
        "this build of covenant writes no Parquet; one made with `cargo build --release --features parquet` does"
            .to_owned(),
    )
}

fn export(
    arguments: &ExportArguments,
    entries: u64,
    origin: &str,
    out: &mut dyn Write,
) -> Result<(), NotExported> {
    if arguments.format == ExportFormat::Csv {
        let headings = export::CSV_HEADINGS.as_bytes();
        out.write_all(headings).map_err(NotExported::Write)?;
    }
    each(arguments, entries, |index, bytes, entry| {
        let line = match arguments.format {
            ExportFormat::Jsonl | ExportFormat::Parquet => [&bytes[..], b"\n"].concat(),
            ExportFormat::Csv => export::csv(index, entry).into_bytes(),
            ExportFormat::Ocsf => {
                format!("{}\n", export::ocsf(index, &bytes, entry, origin)).into()
            }
            ExportFormat::Cloudevents => {
                format!("{}\n", export::cloud_event(index, &bytes, entry, origin)).into()
            }
        };
        out.write_all(&line).map_err(NotExported::Write)
    })?;
    out.flush().map_err(NotExported::Write)
}

/// Reads the entries that were asked for, one after another, of the first `entries`.
fn each(
    arguments: &ExportArguments,
    entries: u64,
    mut write: impl FnMut(u64, Vec<u8>, &Entry) -> Result<(), NotExported>,
) -> Result<(), NotExported> {
    let progress = Progress::begin("entries exported");
    for item in reading::entries(&arguments.place.dir, arguments.from) {
        let (index, bytes) = item.map_err(NotExported::Read)?;
        if index >= entries {
            break;
        }
        progress.tell(index);
        let entry = Entry::parse(&bytes)
            .map_err(|error| NotExported::Entry(format!("entry {index}: {error}")))?;
        let before = arguments.since.is_some_and(|since| entry.time < since);
        if !before && arguments.until.is_none_or(|until| entry.time < until) {
            write(index, bytes, &entry)?;
        }
    }
    Ok(())
}
