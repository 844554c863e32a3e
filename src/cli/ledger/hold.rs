//! `covenant ledger hold`: legal holds, listed, placed, ended.

use clap::{Args, Subcommand};

use crate::administration::client::Client;
use crate::administration::messages::{CustomerChange, CustomerChanged, HoldShown};
use crate::cli::output::{Format, say, say_rows, tell};

/// What to do with legal holds.
#[derive(Clone, Debug, Subcommand)]
pub enum HoldCommand {
    /// List them.
    List,
    /// Place one: the customer cannot be forgotten from then on.
    Place(Whose),
    /// End one; needs two people, one of them legal.
    End(Whose),
}

/// Whose hold, and why.
#[derive(Clone, Debug, Args)]
pub struct Whose {
    /// The customer: id, reference, e-mail address, telephone number or postal address.
    #[arg(long)]
    customer: String,
    /// Why; it stands in the ledger.
    #[arg(long)]
    because: String,
}

impl From<Whose> for CustomerChange {
    fn from(whose: Whose) -> Self {
        Self {
            customer: whose.customer,
            because: whose.because,
        }
    }
}

pub(super) async fn run(client: &Client, command: HoldCommand, format: Format) -> u8 {
    let (path, whose, done) = match command {
        HoldCommand::List => {
            let holds = client.get("/ledger/holds").await;
            return tell(holds, format, |holds: &Vec<HoldShown>| list(holds));
        }
        HoldCommand::Place(whose) => ("/ledger/hold", whose, "held"),
        HoldCommand::End(whose) => ("/ledger/release", whose, "no longer held"),
    };
    let changed = client.post(path, &CustomerChange::from(whose)).await;
    tell(changed, format, |changed: &CustomerChanged| {
        let (reference, entry) = (&changed.reference, changed.entry);
        say(&match changed.done {
            true => format!("{reference} is {done} (entry {entry})\n"),
            false => format!(
                "asked for (entry {entry}); it is done when another person asks for it too, within a \
                 day; one of the two must act as legal\n"
            ),
        });
    })
}

fn list(holds: &[HoldShown]) {
    let row = |hold: &HoldShown| {
        let placed = &hold.placed;
        vec![
            hold.reference.clone(),
            hold.customer.clone().unwrap_or_else(|| "-".to_owned()),
            placed.time.to_string(),
            placed.by.clone(),
            placed.because.clone(),
        ]
    };
    let rows: Vec<_> = holds.iter().map(row).collect();
    let headings = ["reference", "customer", "since", "by", "because"];
    say_rows(&headings, &rows);
}
