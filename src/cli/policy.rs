//! `covenant policy`: the files people edit, judged before they matter. One file for each command.

mod check;
mod explain;
mod fmt;
mod import_openapi;
mod schema;
mod test;

use std::io::{self, Write};
use std::path::PathBuf;

#[cfg(test)]
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::failed;
use crate::clock::Clock;

/// Everything is right.
const EXIT_OK: u8 = 0;
/// The question cannot be asked: an unknown partner, operation or purpose.
const EXIT_USAGE: u8 = 2;
/// Something in the files is wrong.
const EXIT_INVALID: u8 = 3;
/// A policy test failed.
const EXIT_FAILED: u8 = 4;
/// The decision explained is a refusal.
const EXIT_DENIED: u8 = 5;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For tools.
    Json,
}

/// Where the policies are, and how to write what is said of them.
#[derive(Clone, Debug, clap::Args)]
pub struct Files {
    /// The directory with the policies.
    #[arg(long, default_value = "policies")]
    pub dir: PathBuf,
    /// How to write the result.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// What can be done with policies.
#[derive(Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Report every mistake in promises, contracts, catalogue and tests, with file, line and snippet.
    Check {
        /// What to check.
        #[command(flatten)]
        files: Files,
    },
    /// Tell why a partner may or may not have something, and what would have to change.
    Explain {
        /// Who asks and for what.
        #[command(flatten)]
        question: explain::Question,
        /// The policies asked.
        #[command(flatten)]
        files: Files,
    },
    /// Draft the catalogue of a service from its OpenAPI document; nothing is released by the draft.
    ImportOpenapi {
        /// What to import.
        #[command(flatten)]
        import: import_openapi::Import,
        /// Where the policies are.
        #[command(flatten)]
        files: Files,
    },
    /// Print the JSON Schema of a kind of file, for editors.
    Schema(schema::Wanted),
    /// Lay out the rules, promises.cedar and properties/*.cedar, in their usual form.
    /// schema.cedarschema, contracts and overlays stay as they are written.
    Fmt(fmt::Formatting),
    /// Run the cases of `tests/*.yaml`: does each request get the decision that is expected of it?
    Test {
        /// Which cases, and where the results go.
        #[command(flatten)]
        cases: test::Chosen,
        /// The policies tested.
        #[command(flatten)]
        files: Files,
    },
}

/// Runs a command; returns the exit code.
pub async fn run(command: PolicyCommand, clock: &Clock) -> u8 {
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    match command {
        PolicyCommand::Check { files } => printed(|out| check::run(&files, today, out)),
        PolicyCommand::Explain { question, files } => {
            printed(|out| explain::run(&question, &files, today, out))
        }
        PolicyCommand::ImportOpenapi { import, files } => {
            printed(|out| import_openapi::run(&import, &files, out))
        }
        PolicyCommand::Schema(wanted) => printed(|out| schema::run(&wanted, out)),
        PolicyCommand::Fmt(formatting) => printed(|out| fmt::run(&formatting, out)),
        PolicyCommand::Test { cases, files } => {
            printed(|out| test::run(&cases, &files, today, out))
        }
    }
}

/// The exit code of a command that writes to standard output.
fn printed(write: impl FnOnce(&mut dyn Write) -> io::Result<u8>) -> u8 {
    let written = write(&mut io::stdout().lock());
    written.unwrap_or_else(|error| match error.kind() {
        // A reader that closed the pipe has what it wanted.
        io::ErrorKind::BrokenPipe => EXIT_OK,
        _ => failed(&error),
    })
}

#[cfg(test)]
const TODAY: Date = jiff::civil::date(2026, 11, 22);

/// The shipped policies.
#[cfg(test)]
fn shipped() -> crate::rules::Rules {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut mistakes = crate::mistakes::Mistakes::new();
    crate::rules::Rules::read(&directory, TODAY, &mut mistakes).unwrap()
}
