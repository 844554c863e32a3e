//! `covenant policy`: the files people edit, judged before they matter. One file for each command.

mod check;
mod coverage;
mod diff;
mod explain;
mod fmt;
mod history;
mod import_openapi;
mod past;
mod prove;
mod publish;
mod schema;
mod shadow;
mod simulate;
mod test;
mod trial;

use std::io::{self, Write};
use std::path::PathBuf;

#[cfg(test)]
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Reach, failed};
use crate::clock::Clock;

/// Everything is right.
const EXIT_OK: u8 = 0;
/// The question cannot be asked: an unknown partner, operation or purpose.
const EXIT_USAGE: u8 = 2;
/// Something in the files is wrong.
const EXIT_INVALID: u8 = 3;
/// A policy test failed, or a proof.
const EXIT_FAILED: u8 = 4;
/// The decision explained is a refusal.
const EXIT_DENIED: u8 = 5;
/// Something needed cannot be reached.
const EXIT_UNREACHABLE: u8 = 7;

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

/// What can be done with policies, in the order in which a change is made.
#[derive(Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Report every mistake in promises, contracts, catalogue and tests, with file, line and snippet.
    Check {
        /// What to check.
        #[command(flatten)]
        files: Files,
    },
    /// Run the cases of `tests/*.yaml`: does each request get the decision that is expected of it?
    Test {
        /// Which cases, and where the results go.
        #[command(flatten)]
        cases: test::Chosen,
        /// The policies tested.
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
    /// Prove that the promises keep their properties, for every request, partner and contract.
    Prove {
        /// What to prove, and how.
        #[command(flatten)]
        wanted: prove::Wanted,
        /// The policies proved.
        #[command(flatten)]
        files: Files,
    },
    /// Tell what differs between two sets of policies, in people and fields: which partner gains or
    /// loses which operation, form, budget.
    Diff {
        /// The sets.
        #[command(flatten)]
        sets: diff::Sets,
    },
    /// Decide the calls on record again by other policies: who would be refused, answered, shown less
    /// or more.
    Simulate {
        /// Which policies, and which calls.
        #[command(flatten)]
        replaying: simulate::Replaying,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// Run a policy set in the shadow of the one in force, end that, or show what it would have decided
    /// otherwise. Nothing it says changes an answer.
    Shadow {
        /// Which set.
        #[command(flatten)]
        shadow: shadow::ShadowArguments,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// List what stands behind each promise: rules, properties, cases, and calls on record.
    Coverage {
        /// Which policies, and over which time.
        #[command(flatten)]
        covering: coverage::Covering,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// Put the files in force, after their tests and proof; what loosens waits for a second person.
    Publish {
        /// What to publish.
        #[command(flatten)]
        publish: publish::PublishArguments,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show what waits for a second person, and what it would change.
    Proposal {
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// Put an earlier policy set in force again; what loosens waits for a second person.
    Rollback {
        /// What to go back to.
        #[command(flatten)]
        rollback: publish::RollbackArguments,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// List what was in force, the latest first.
    History {
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show a policy set: the one in force, or another by its name.
    Show {
        /// Its name or digest, as `covenant policy history` tells it.
        #[arg(default_value = "in-force")]
        version: String,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// Lay out the rules, promises.cedar and properties/*.cedar, in their usual form.
    /// schema.cedarschema, contracts and overlays stay as they are written.
    Fmt(fmt::Formatting),
    /// Print the JSON Schema of a kind of file, for editors.
    Schema(schema::Wanted),
    /// Draft the catalogue of a service from its OpenAPI document; nothing is released by the draft.
    ImportOpenapi {
        /// What to import.
        #[command(flatten)]
        import: import_openapi::Import,
        /// Where the policies are.
        #[command(flatten)]
        files: Files,
    },
}

/// Runs a command; returns the exit code.
pub async fn run(command: PolicyCommand, clock: &Clock) -> u8 {
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    match command {
        PolicyCommand::Check { files } => printed(|out| check::run(&files, today, out)),
        PolicyCommand::Test { cases, files } => {
            printed(|out| test::run(&cases, &files, today, out))
        }
        PolicyCommand::Explain { question, files } => {
            printed(|out| explain::run(&question, &files, today, out))
        }
        PolicyCommand::Prove { wanted, files } => prove::run(&wanted, &files, clock).await,
        PolicyCommand::Diff { sets } => printed(|out| diff::run(&sets, today, out)),
        PolicyCommand::Simulate { replaying, reach } => {
            simulate::run(&replaying, &reach, clock).await
        }
        PolicyCommand::Shadow { shadow, reach } => shadow::run(shadow, &reach).await,
        PolicyCommand::Coverage { covering, reach } => {
            coverage::run(&covering, &reach, clock).await
        }
        PolicyCommand::Publish { publish, reach } => publish::run(publish, &reach, today).await,
        PolicyCommand::Proposal { reach } => history::proposal(&reach).await,
        PolicyCommand::Rollback { rollback, reach } => publish::roll_back(rollback, &reach).await,
        PolicyCommand::History { reach } => history::list(&reach).await,
        PolicyCommand::Show { version, reach } => history::show(&version, &reach).await,
        PolicyCommand::Fmt(formatting) => printed(|out| fmt::run(&formatting, out)),
        PolicyCommand::Schema(wanted) => printed(|out| schema::run(&wanted, out)),
        PolicyCommand::ImportOpenapi { import, files } => {
            printed(|out| import_openapi::run(&import, &files, out))
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
