//! `covenant ledger`: searching, accounting, verifying.

mod report;
mod search;
pub(super) mod verify;

use std::path::Path;

use clap::{Subcommand, ValueEnum};

use super::output::{Format, say, tell};
use crate::administration::Role;
use crate::administration::client::Client;
use crate::administration::messages::{CustomerQuery, Report};
pub use search::SearchArguments;
pub use verify::VerifyArguments;

/// What to do with the ledger.
#[derive(Clone, Debug, Subcommand)]
pub enum LedgerCommand {
    /// Find entries about a customer, a partner or a request.
    Search(SearchArguments),
    /// Account for every disclosure about one customer.
    Report {
        /// The customer: id, reference, e-mail address, telephone number or postal address.
        #[arg(long)]
        customer: String,
        /// Why you ask; it stands in the ledger.
        #[arg(long)]
        because: Option<String>,
        /// How the report is written, where JSON is not asked for.
        #[arg(long = "as", value_enum, default_value_t)]
        shape: Shape,
    },
    /// Verify the whole ledger in a directory; needs no gateway. Exits 6 where it is damaged.
    Verify(VerifyArguments),
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// For people.
    #[default]
    Text,
    /// For spreadsheets.
    Csv,
}

/// Runs a command, against the gateway at `socket` where it needs one; returns the exit code.
pub async fn run(command: LedgerCommand, socket: &Path, role: Option<Role>, format: Format) -> u8 {
    let client = Client::new(socket, role);
    match command {
        LedgerCommand::Search(arguments) => search::run(&client, arguments, format).await,
        LedgerCommand::Report {
            customer,
            because,
            shape,
        } => {
            let query = CustomerQuery { customer, because };
            let report = client.post("/ledger/report", &query).await;
            tell(report, format, |report: &Report| {
                say(&match shape {
                    Shape::Text => report::text(report),
                    Shape::Csv => report::csv(report),
                });
            })
        }
        LedgerCommand::Verify(arguments) => verify::run(&arguments, format),
    }
}
