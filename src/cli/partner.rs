//! `covenant partner`: who the partners are; suspending and resuming them and their credentials.

pub mod add;
mod certify;
pub mod end;
pub mod rotate;
pub mod usage;

use std::path::Path;

use clap::{Args, Subcommand};

use super::Reach;
use super::output::{Format, complain, escaped, say, say_rows, tell};
use crate::administration::Role;
use crate::administration::client::Client;
use crate::administration::messages::{
    ByAndWhy, Changed, Outcome, PartnerShown, Suspend, SuspendedShown,
};
use crate::clock::Clock;
use crate::terms::{PartnerId, Principal};

/// What to do with partners.
#[derive(Clone, Debug, Subcommand)]
pub enum PartnerCommand {
    /// What works on the policies folder.
    #[command(flatten)]
    Folder(FolderCommand),
    /// What a running gateway is asked.
    #[command(flatten)]
    Gateway(GatewayCommand),
}

/// What to do with the policies folder; publishing it is a command of its own.
#[derive(Clone, Debug, Subcommand)]
pub enum FolderCommand {
    /// Draft a contract with cases, make a certificate, and say what the first call is.
    Add(Box<add::Add>),
    /// Put a second certificate beside the first, which ends by itself on a day.
    Rotate(Box<rotate::Rotate>),
    /// End a partnership: suspend the partner at once, and take its contract out of the folder.
    End(end::End),
}

/// What to ask a running gateway.
#[derive(Clone, Debug, Subcommand)]
pub enum GatewayCommand {
    /// List every partner with a contract.
    List,
    /// Show one partner.
    Show {
        /// The partner's id.
        partner: String,
    },
    /// Show what is left of the budgets of one partner, or of all.
    Usage {
        /// The partner's id.
        partner: Option<String>,
    },
    /// Suspend a partner or one of its credentials: requests are refused from then on, and open
    /// connections end.
    Suspend {
        /// Who.
        #[command(flatten)]
        who: Who,
        /// Why, on one line; it stands in the ledger.
        #[arg(long)]
        because: String,
    },
    /// End a suspension; needs two people, one of them legal.
    Resume {
        /// Who.
        #[command(flatten)]
        who: Who,
        /// Why, on one line; it stands in the ledger.
        #[arg(long)]
        because: String,
    },
    /// List everybody who is suspended: partners, certificates, clients, tokens.
    Suspended,
}

/// Who is suspended: one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Who {
    /// The partner's id.
    partner: Option<String>,
    /// One client certificate: `sha256:` and its thumbprint as base64url.
    #[arg(long, value_name = "THUMBPRINT")]
    certificate: Option<String>,
    /// One client, by its `client_id`, or one API key, by its prefix.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// One access token, by its `jti`; forgotten after 25 hours, when it must have expired.
    #[arg(long, value_name = "JTI")]
    token: Option<String>,
}

impl Who {
    fn principal(self) -> Option<Principal> {
        let named = [
            ("partner", self.partner),
            ("certificate", self.certificate),
            ("client", self.client),
            ("token", self.token),
        ];
        let (kind, name) = named
            .into_iter()
            .find_map(|(kind, name)| Some((kind, name?)))?;
        let principal = Principal::parse(kind, &name);
        if principal.is_none() {
            let form = match kind {
                "partner" => "those are lower-case letters, digits and `-`",
                "certificate" => "those are `sha256:` and 43 characters of base64url",
                _ => "those are at most 256 printable characters",
            };
            complain(format!("`{name}` is not the name of a {kind}: {form}"));
        }
        principal
    }
}

/// Runs a command; returns the exit code.
pub(super) async fn run(command: PartnerCommand, reach: &Reach, clock: &Clock) -> u8 {
    let config = match reach.gateway() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let (path, format) = (&reach.config, reach.output);
    match command {
        PartnerCommand::Folder(FolderCommand::Add(add)) => {
            add::run(&add, &config, path, format, clock)
        }
        PartnerCommand::Folder(FolderCommand::Rotate(rotate)) => {
            rotate::run(&rotate, &config, path, format, clock)
        }
        PartnerCommand::Folder(FolderCommand::End(end)) => {
            end::run(&end, &config, reach.role, format, clock).await
        }
        PartnerCommand::Gateway(command) => {
            ask(command, &config.administration.socket, reach.role, format).await
        }
    }
}

/// Runs a command against the gateway at `socket`; returns the exit code.
async fn ask(command: GatewayCommand, socket: &Path, role: Option<Role>, format: Format) -> u8 {
    let client = Client::new(socket, role);
    match command {
        GatewayCommand::List => {
            let partners = client.get("/partners").await;
            tell(partners, format, |all: &Vec<PartnerShown>| list(all))
        }
        GatewayCommand::Show { partner } => {
            let Some(path) = path(&partner) else {
                return 2;
            };
            tell(client.get(&path).await, format, |shown| say(&page(shown)))
        }
        GatewayCommand::Usage { partner } => usage::run(&client, partner.as_deref(), format).await,
        GatewayCommand::Suspend { who, because } => {
            change(&client, "/suspend", who, because, format).await
        }
        GatewayCommand::Resume { who, because } => {
            change(&client, "/resume", who, because, format).await
        }
        GatewayCommand::Suspended => {
            let suspended = client.get("/suspensions").await;
            tell(suspended, format, |all: &Vec<SuspendedShown>| {
                list_suspended(all);
            })
        }
    }
}

async fn change(client: &Client, path: &str, who: Who, because: String, format: Format) -> u8 {
    let Some(principal) = who.principal() else {
        return 2;
    };
    let request = Suspend {
        kind: principal.kind().to_owned(),
        name: principal.name(),
        because,
    };
    let changed = client.post(path, &request).await;
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

fn path(partner: &str) -> Option<String> {
    let id = PartnerId::parse(partner);
    if id.is_none() {
        complain(format!(
            "`{partner}` is not a partner's id: those are lower-case letters, digits and `-`"
        ));
    }
    id.map(|id| format!("/partners/{id}"))
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

fn list_suspended(all: &[SuspendedShown]) {
    let row = |one: &SuspendedShown| {
        let ByAndWhy { time, by, because } = one.suspended.clone();
        let proposed = one.resume_proposed.as_ref();
        let proposed = proposed.map(|first| format!("{} by {}", first.time, first.by));
        vec![
            one.kind.clone(),
            one.name.clone(),
            time.to_string(),
            by,
            because,
            proposed.unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let titles = ["kind", "name", "since", "by", "because", "resume asked"];
    say_rows(&titles, &rows);
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
        let list = ask(GatewayCommand::List, &socket, None, Format::Text).await;
        assert_eq!(list, 7);
        let wrong = GatewayCommand::Suspend {
            who: Who {
                partner: Some("../acme".to_owned()),
                certificate: None,
                client: None,
                token: None,
            },
            because: "a leak".to_owned(),
        };
        assert_eq!(ask(wrong, &socket, None, Format::Text).await, 2);
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
