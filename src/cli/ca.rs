//! `covenant ca`: the development certificate authority.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Subcommand;
use comfy_table::{Table, presets};

use crate::clock::Clock;
use crate::identity::development::{
    CERTIFICATE_DAYS, DevelopmentAuthority, DevelopmentError, DevelopmentIssuer,
};

/// Make and use a certificate authority for development. Not for production.
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Make the authority, the gateway's server certificate and the key that signs tokens.
    Init {
        /// The folder to make.
        #[arg(long)]
        dir: PathBuf,
        /// A further DNS name of the gateway.
        #[arg(long)]
        server_name: Vec<String>,
    },
    /// Issue a client certificate to a partner.
    Issue {
        /// The authority's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The DNS name that the partner's contract will name.
        #[arg(long)]
        name: String,
        /// Where to write: `<OUT>.crt` and `<OUT>.key`.
        #[arg(long)]
        out: PathBuf,
    },
    /// List the certificates issued.
    List {
        /// The authority's folder.
        #[arg(long)]
        dir: PathBuf,
    },
}

/// Does what `command` says and prints what was made and what comes next; returns the exit code.
///
/// # Errors
/// When files are in the way, missing or unreadable, or a name is not a DNS name.
pub fn run(command: CaCommand, clock: &Clock) -> Result<u8, DevelopmentError> {
    let text = carry_out(command, clock)?;
    // A reader that closed the pipe has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(0)
}

/// Does what `command` says; returns what there is to say about it.
pub(super) fn carry_out(command: CaCommand, clock: &Clock) -> Result<String, DevelopmentError> {
    match command {
        CaCommand::Init { dir, server_name } => init(dir, &server_name, clock),
        CaCommand::Issue { dir, name, out } => issue(dir, &name, out, clock),
        CaCommand::List { dir } => list(dir, clock),
    }
}

fn init(dir: PathBuf, names: &[String], clock: &Clock) -> Result<String, DevelopmentError> {
    let authority = DevelopmentAuthority::create(&dir, clock)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = authority.issue_server(&names)?;
    server.write(&dir.join("server"))?;
    DevelopmentIssuer::create(&dir, clock)?;
    Ok(format!(
        "made a development authority in {dir}\n\
         \x20 ca.crt, ca.key          the authority\n\
         \x20 server.crt, server.key  the gateway, as {names}\n\
         \x20 jwks.json, issuer.key   the token issuer\n\
         certificates are valid for {CERTIFICATE_DAYS} days; the .key files are secrets, keep them out of version control\n\
         next: covenant ca issue --dir {dir} --name acme.partners.example --out acme\n",
        dir = dir.display(),
        names = server.certificate.names.join(", "),
    ))
}

fn issue(
    dir: PathBuf,
    name: &str,
    out: PathBuf,
    clock: &Clock,
) -> Result<String, DevelopmentError> {
    let issued = DevelopmentAuthority::open(&dir, clock)?.issue_client(name)?;
    let (certificate, key) = issued.write(&out)?;
    Ok(format!(
        "issued {certificate} and {key} to {name}, valid until {until}\n\
         thumbprint {thumbprint}\n\
         next: covenant token mint --dir {dir} --client CLIENT --audience AUDIENCE --certificate {certificate}\n\
         \x20 CLIENT stands in the partner's contract, AUDIENCE in covenant.toml\n",
        certificate = certificate.display(),
        key = key.display(),
        until = issued.certificate.not_after,
        thumbprint = issued.certificate.thumbprint.to_base64url(),
        dir = dir.display(),
    ))
}

fn list(dir: PathBuf, clock: &Clock) -> Result<String, DevelopmentError> {
    let certificates = DevelopmentAuthority::open(&dir, clock)?.list()?;
    let mut table = Table::new();
    let preset = if io::stdout().is_terminal() {
        presets::UTF8_FULL_CONDENSED
    } else {
        presets::NOTHING
    };
    table
        .load_style(preset)
        .set_header(["NAMES", "VALID UNTIL", "THUMBPRINT"]);
    for certificate in certificates {
        table.add_row([
            certificate.names.join(", "),
            certificate.not_after.to_string(),
            certificate.thumbprint.to_base64url(),
        ]);
    }
    Ok(format!("{table}\n"))
}
