//! `covenant ledger`: searching, accounting, verifying.

mod announce;
mod evidence;
mod export;
mod hold;
mod place;
mod progress;
pub(super) mod prove;
mod purge;
mod reindex;
mod report;
mod search;
pub(super) mod stats;
pub(super) mod verify;
mod whom;
mod witnesses;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::EXIT_OTHER;
use super::output::{Format, say, tell};
use crate::administration::Role;
use crate::administration::client::Client;
pub(super) use announce::announce;
pub use evidence::EvidenceCommand;
pub use export::{ExportArguments, ExportFormat};
pub use hold::HoldCommand;
pub use place::Place;
pub use prove::ProveArguments;
pub use purge::PurgeArguments;
pub use report::{ReportArguments, Shape};
pub use search::SearchArguments;
pub use stats::StatsArguments;
pub use verify::VerifyArguments;
pub use whom::WhomArguments;
pub use witnesses::WitnessArguments;

/// What to do with the ledger.
#[derive(Clone, Debug, Subcommand)]
pub enum LedgerCommand {
    /// Find entries about a customer, a partner or a request.
    Search(SearchArguments),
    /// Account for every disclosure about one customer or one recipient of mail.
    Report(ReportArguments),
    /// Verify the whole ledger in a directory or at a URL, or one proof; needs no gateway. Exits 6 where
    /// it is damaged, 7 where it cannot be reached.
    Verify(VerifyArguments),
    /// Say the published checkpoint, to be kept elsewhere; needs no gateway.
    Checkpoint(Place),
    /// Prove one entry to whoever has the ledger's key; needs no gateway.
    Prove(ProveArguments),
    /// Count what is in a ledger; needs no gateway.
    Stats(StatsArguments),
    /// Packages of entries with their proofs, for somebody who has nothing else.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Write all entries in a form that other programs read; needs no gateway, but tells one that runs on
    /// this ledger.
    Export(ExportArguments),
    /// Customers that must not be forgotten.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Destroy what is past its term; needs two people, one of them legal.
    Purge(PurgeArguments),
    /// Make the index of a ledger again: by the gateway, or, with --dir, by this command while no gateway
    /// runs on it.
    Reindex {
        /// The ledger's directory.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

impl LedgerCommand {
    /// Runs a command that needs no gateway; `None` for the others.
    pub(super) async fn run_alone(&self, format: Format) -> Option<u8> {
        Some(match self {
            Self::Verify(arguments) => verify::run(arguments, format).await,
            Self::Checkpoint(place) => prove::checkpoint(place, format),
            Self::Prove(arguments) => prove::run(arguments, format),
            Self::Stats(arguments) => stats::run(arguments, format),
            Self::Export(arguments) => export::run(arguments),
            Self::Evidence(EvidenceCommand::Verify(file)) => evidence::run(file, format),
            Self::Reindex { dir: Some(dir) } => reindex::run(dir, format),
            Self::Search(_)
            | Self::Report(_)
            | Self::Hold(_)
            | Self::Purge(_)
            | Self::Evidence(EvidenceCommand::Build(_))
            | Self::Reindex { dir: None } => return None,
        })
    }
}

/// Runs a command, against the gateway at `socket` where it needs one; returns the exit code.
pub async fn run(command: LedgerCommand, socket: &Path, role: Option<Role>, format: Format) -> u8 {
    let client = Client::new(socket, role);
    match command {
        LedgerCommand::Search(arguments) => search::run(&client, arguments, format).await,
        LedgerCommand::Report(arguments) => report::run(&client, arguments, format).await,
        LedgerCommand::Evidence(EvidenceCommand::Build(arguments)) => {
            evidence::build(&client, arguments, format).await
        }
        LedgerCommand::Hold(command) => hold::run(&client, command, format).await,
        LedgerCommand::Purge(arguments) => purge::run(&client, arguments, format).await,
        LedgerCommand::Reindex { dir: None } => {
            let entry = client.post("/ledger/reindex", &()).await;
            tell(entry, format, |entry: &u64| {
                say(&format!(
                    "the index is being made again (entry {entry}); searches read the log until then\n"
                ));
            })
        }
        command => command.run_alone(format).await.unwrap_or(EXIT_OTHER),
    }
}
