//! `covenant ledger report`: every disclosure about one person.

use clap::{Args, ValueEnum};

use super::whom::WhomArguments;
use crate::administration::client::Client;
use crate::administration::messages::{Report, ReportQuery};
use crate::administration::paper;
use crate::cli::output::{Format, say, tell};

/// For whom to account, and how it is written.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(true))]
pub struct ReportArguments {
    #[command(flatten)]
    whom: WhomArguments,
    /// Why you ask; it stands in the ledger.
    #[arg(long)]
    because: Option<String>,
    /// Read the whole ledger, and do not rely on its index.
    #[arg(long)]
    scan: bool,
    /// How the report is written, where JSON is not asked for.
    #[arg(long = "as", value_enum, default_value_t)]
    shape: Shape,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// For people.
    #[default]
    Text,
    /// For spreadsheets.
    Csv,
    /// For print, from a browser.
    Html,
}

pub(super) async fn run(client: &Client, arguments: ReportArguments, format: Format) -> u8 {
    let (customer, recipient) = arguments.whom.typed();
    let query = ReportQuery {
        customer,
        recipient,
        because: arguments.because,
        scan: arguments.scan,
    };
    let report = client.post("/ledger/report", &query).await;
    tell(report, format, |report: &Report| {
        say(&match arguments.shape {
            Shape::Text => paper::text(report),
            Shape::Csv => paper::csv(report),
            Shape::Html => paper::html(report),
        });
    })
}
