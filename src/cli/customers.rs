//! `covenant customers`: the book of customers, filled and looked into.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::output::{Format, complain, say, say_rows, tell};
use crate::administration::Role;
use crate::administration::client::Client;
use crate::administration::messages::{
    CustomerChange, CustomerChanged, CustomerQuery, CustomerShown,
};
use crate::administration::server::IMPORT_BYTES_MAX;
use crate::registry::ImportReport;

/// What to do with the book of customers.
#[derive(Clone, Debug, Subcommand)]
pub enum CustomersCommand {
    /// Import customers, jobs, lists, documents and agreements from JSON lines; all of the file or nothing.
    Import {
        /// The file, one object a line:
        /// {"kind":"customer","id":…,"partner":…,"email":…,"telephone":…,"address":…}
        /// {"kind":"job"|"list"|"document","id":…,"customer":…,"purpose":…}
        /// {"kind":"agreement","customer":…,"profile":…,"partner":…,"purposes":[…],"categories":[…],
        ///  "until":"2027-12-31","reference":…}
        #[arg(verbatim_doc_comment)]
        file: PathBuf,
    },
    /// Show who is meant by an id, a reference, an e-mail address, a telephone number or a postal
    /// address.
    Show {
        /// The customer, as you would type it.
        customer: String,
        /// Why you ask; it stands in the ledger.
        #[arg(long)]
        because: Option<String>,
    },
    /// Unlink one customer from its person for good; needs two people, one of them legal. The ledger keeps
    /// a reference that then stands for nobody.
    Forget {
        /// The customer, as you would type it.
        customer: String,
        /// Why; it stands in the ledger.
        #[arg(long)]
        because: String,
    },
}

/// Runs a command against the gateway at `socket`; returns the exit code.
pub async fn run(
    command: CustomersCommand,
    socket: &Path,
    role: Option<Role>,
    format: Format,
) -> u8 {
    let client = Client::new(socket, role);
    match command {
        CustomersCommand::Import { file } => import(&client, &file, format).await,
        CustomersCommand::Show { customer, because } => {
            let query = CustomerQuery { customer, because };
            let shown = client.post("/customers/show", &query).await;
            tell(shown, format, |customers: &Vec<CustomerShown>| {
                list(customers)
            })
        }
        CustomersCommand::Forget { customer, because } => {
            let change = CustomerChange { customer, because };
            let changed = client.post("/customers/forget", &change).await;
            tell(changed, format, say_forgotten)
        }
    }
}

fn say_forgotten(changed: &CustomerChanged) {
    let (reference, entry) = (&changed.reference, changed.entry);
    say(&match changed.done {
        true => format!("forgotten (entry {entry}); {reference} stands for nobody now\n"),
        false => format!(
            "asked for (entry {entry}); it is done when another person asks for it too, within a day; \
             one of the two must act as legal\n"
        ),
    });
}

fn list(customers: &[CustomerShown]) {
    let row = |shown: &CustomerShown| {
        vec![
            shown.id.clone(),
            shown.partner.clone(),
            shown.reference.clone(),
        ]
    };
    let rows: Vec<_> = customers.iter().map(row).collect();
    say_rows(&["id", "partner", "reference in the ledger"], &rows);
}

async fn import(client: &Client, file: &Path, format: Format) -> u8 {
    let bytes = match tokio::fs::read(file).await {
        Ok(bytes) => bytes,
        Err(error) => {
            complain(format!("`{}` cannot be read: {error}", file.display()));
            return 1;
        }
    };
    if bytes.len() > IMPORT_BYTES_MAX {
        complain(format!(
            "`{}` is longer than {} MiB; split it",
            file.display(),
            IMPORT_BYTES_MAX / 1024 / 1024
        ));
        return 1;
    }
    let report = client.post_file("/customers/import", bytes).await;
    tell(report, format, |report: &ImportReport| {
        say(&format!(
            "{} customers ({} new), {} jobs, lists and documents, {} agreements\n",
            report.customers, report.customers_new, report.resources, report.agreements
        ));
    })
}
