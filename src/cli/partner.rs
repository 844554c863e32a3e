//! `covenant partner`: who the partners are; suspending and resuming one.

use std::path::Path;

use clap::Subcommand;

use super::output::{Format, complain, escaped, say, say_rows, tell};
use crate::administration::Role;
use crate::administration::client::Client;
use crate::administration::messages::{Because, ByAndWhy, Changed, Outcome, PartnerShown};
use crate::terms::PartnerId;

/// What to do with partners.
#[derive(Clone, Debug, Subcommand)]
pub enum PartnerCommand {
    /// List every partner with a contract.
    List,
    /// Show one partner.
    Show {
        /// The partner's id.
        partner: String,
    },
    /// Suspend a partner: every request of it is refused from then on.
    Suspend {
        /// The partner's id.
        partner: String,
        /// Why, on one line; it stands in the ledger.
        #[arg(long)]
        because: String,
    },
    /// End a suspension; needs two people, one of them legal.
    Resume {
        /// The partner's id.
        partner: String,
        /// Why, on one line; it stands in the ledger.
        #[arg(long)]
        because: String,
    },
}

/// Runs a command against the gateway at `socket`; returns the exit code.
pub async fn run(command: PartnerCommand, socket: &Path, role: Option<Role>, format: Format) -> u8 {
    let client = Client::new(socket, role);
    match command {
        PartnerCommand::List => {
            let partners = client.get("/partners").await;
            tell(partners, format, |all: &Vec<PartnerShown>| list(all))
        }
        PartnerCommand::Show { partner } => {
            let Some(path) = path(&partner, "") else {
                return 2;
            };
            tell(client.get(&path).await, format, |shown| say(&page(shown)))
        }
        PartnerCommand::Suspend { partner, because } => {
            change(&client, path(&partner, "/suspend"), because, format).await
        }
        PartnerCommand::Resume { partner, because } => {
            change(&client, path(&partner, "/resume"), because, format).await
        }
    }
}

async fn change(client: &Client, path: Option<String>, because: String, format: Format) -> u8 {
    let Some(path) = path else {
        return 2;
    };
    let changed = client.post(&path, &Because { because }).await;
    tell(changed, format, |changed: &Changed| {
        let what = match changed.outcome {
            Outcome::Suspended => "suspended",
            Outcome::Resumed => "resumed",
            Outcome::Proposed => {
                "proposed; another person must do the same within 24 hours, and one of the two \
                 must be legal"
            }
        };
        say(&format!("{what} (entry {} of the ledger)\n", changed.entry));
    })
}

fn path(partner: &str, rest: &str) -> Option<String> {
    let id = PartnerId::parse(partner);
    if id.is_none() {
        complain(format!(
            "`{partner}` is not a partner's id: those are lower-case letters, digits and `-`"
        ));
    }
    id.map(|id| format!("/partners/{id}{rest}"))
}

fn list(partners: &[PartnerShown]) {
    let row = |partner: &PartnerShown| {
        vec![
            partner.id.clone(),
            partner.name.clone(),
            partner.kind.word().to_owned(),
            partner.contract.clone(),
            standing(partner),
        ]
    };
    let rows: Vec<_> = partners.iter().map(row).collect();
    say_rows(&["id", "name", "kind", "contract", "standing"], &rows);
}

fn standing(partner: &PartnerShown) -> String {
    match &partner.suspended {
        None => "active".to_owned(),
        Some(since) => format!("suspended since {}", since.time),
    }
}

fn page(partner: &PartnerShown) -> String {
    let by = |who: &ByAndWhy| format!("{} by {}: {}", who.time, who.by, who.because);
    let customers = format!(
        "{} a day, {} a month",
        partner.customers_per_day, partner.customers_per_month
    );
    let recipients = [
        partner
            .recipients_per_day
            .map(|limit| format!("{limit} a day")),
        partner
            .recipients_per_month
            .map(|limit| format!("{limit} a month")),
    ];
    let recipients: Vec<_> = recipients.into_iter().flatten().collect();
    let suspended = partner.suspended.as_ref().map(by);
    let resume_asked = partner.resume_proposed.as_ref().map(by);
    let rows = [
        ("id", partner.id.clone()),
        ("name", partner.name.clone()),
        ("address", partner.address.clone()),
        ("kind", partner.kind.word().to_owned()),
        ("parent", partner.parent.clone().unwrap_or_default()),
        ("contract", partner.contract.clone()),
        ("purposes", partner.purposes.join(", ")),
        (
            "requests",
            format!("{} a minute", partner.requests_per_minute),
        ),
        ("customers", customers),
        ("recipients", recipients.join(", ")),
        ("standing", standing(partner)),
        ("suspended", suspended.unwrap_or_default()),
        ("resume asked", resume_asked.unwrap_or_default()),
    ];
    let told = rows.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| format!("{name:13} {}\n", escaped(&value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_gateway_a_command_exits_7_and_a_name_that_is_no_id_2() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("nobody.sock");
        let list = run(PartnerCommand::List, &socket, None, Format::Text).await;
        assert_eq!(list, 7);
        let wrong = PartnerCommand::Suspend {
            partner: "../acme".to_owned(),
            because: "a leak".to_owned(),
        };
        assert_eq!(run(wrong, &socket, None, Format::Text).await, 2);
    }

    #[test]
    fn a_page_leaves_out_what_there_is_nothing_to_say_about() {
        let partner = PartnerShown {
            id: "acme".to_owned(),
            name: "Acme\u{1b}[2J".to_owned(),
            address: "2 Side Street".to_owned(),
            kind: crate::terms::PartnerKind::Dealer,
            parent: None,
            contract: "acme.7".to_owned(),
            purposes: vec!["essential.service".to_owned()],
            requests_per_minute: 600,
            customers_per_day: 500,
            customers_per_month: 5_000,
            recipients_per_day: Some(9),
            recipients_per_month: None,
            suspended: None,
            resume_proposed: None,
        };
        let told = "id            acme\nname          Acme\\u{1b}[2J\naddress       2 Side Street\n\
                    kind          dealer\ncontract      acme.7\npurposes      essential.service\n\
                    requests      600 a minute\ncustomers     500 a day, 5000 a month\n\
                    recipients    9 a day\n\
                    standing      active\n";
        assert_eq!(page(&partner), told);
    }
}
