//! `covenant ca`: the development certificate authority.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::output::Format;
use crate::clock::Clock;
use crate::identity::development::{
    CERTIFICATE_DAYS, DevelopmentAuthority, DevelopmentError, DevelopmentIssuer, read_certificate,
    read_request,
};
use crate::terms::Thumbprint;

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
        /// Sign this certificate signing request (PKCS #10, PEM) instead of making a key.
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
    },
    /// Revoke a client certificate, and write the revocation list anew.
    Revoke {
        /// The authority's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The certificate (PEM).
        #[arg(
            long,
            conflicts_with = "thumbprint",
            required_unless_present = "thumbprint"
        )]
        certificate: Option<PathBuf>,
        /// Its thumbprint, as `covenant ca list` shows it.
        #[arg(long)]
        thumbprint: Option<String>,
    },
    /// List the certificates issued.
    List {
        /// The authority's folder.
        #[arg(long)]
        dir: PathBuf,
        /// How the answer is written.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
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
        CaCommand::Issue {
            dir,
            name,
            out,
            csr: Some(request),
        } => sign(dir, &name, out, &request, clock),
        CaCommand::Issue { dir, name, out, .. } => issue(dir, &name, out, clock),
        CaCommand::Revoke {
            dir,
            certificate,
            thumbprint,
        } => revoke(&dir, certificate.as_deref(), thumbprint.as_deref(), clock),
        CaCommand::List { dir, output } => list(&dir, output, clock),
    }
}

fn init(dir: PathBuf, names: &[String], clock: &Clock) -> Result<String, DevelopmentError> {
    let authority = DevelopmentAuthority::create(&dir, clock)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = authority.issue_server(&names)?;
    server.write(&dir.join("server"))?;
    DevelopmentIssuer::create(&dir, clock)?;
    authority.write_list()?;
    Ok(format!(
        "made a development authority in {dir}\n\
         \x20 ca.crt, ca.key          the authority\n\
         \x20 server.crt, server.key  the gateway, as {names}\n\
         \x20 jwks.json, issuer.key   the token issuer\n\
         \x20 ca.crl                  its revocation list, empty\n\
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

fn sign(
    dir: PathBuf,
    name: &str,
    out: PathBuf,
    request: &Path,
    clock: &Clock,
) -> Result<String, DevelopmentError> {
    let authority = DevelopmentAuthority::open(&dir, clock)?;
    let signed = authority.sign_client(name, &read_request(request)?)?;
    let path = signed.write(&out)?;
    authority.keep(&signed.certificate_pem, &signed.certificate)?;
    Ok(format!(
        "issued {path} to {name}, valid until {until}; its key is where the request was made\n\
         thumbprint {thumbprint}\n",
        path = path.display(),
        until = signed.certificate.not_after,
        thumbprint = signed.certificate.thumbprint.to_base64url(),
    ))
}

fn revoke(
    dir: &Path,
    certificate: Option<&Path>,
    thumbprint: Option<&str>,
    clock: &Clock,
) -> Result<String, DevelopmentError> {
    let authority = DevelopmentAuthority::open(dir, clock)?;
    let thumbprint = match (certificate, thumbprint) {
        (Some(path), _) => read_certificate(path)?.thumbprint,
        (None, text) => {
            let text = text.unwrap_or_default();
            let digits = text.strip_prefix("sha256:").unwrap_or(text);
            let found = Thumbprint::from_base64url(digits);
            found.ok_or_else(|| DevelopmentError::Thumbprint(text.to_owned()))?
        }
    };
    let list = authority.revoke(thumbprint)?;
    Ok(format!(
        "revoked sha256:{}\nwrote {list}\n\
         next: name it in covenant.toml, if it is not there (gateway.revocation_lists), and send the \
         gateway SIGHUP; it looks by itself every minute\n",
        thumbprint.to_base64url(),
        list = list.display(),
    ))
}

fn list(dir: &Path, format: Format, clock: &Clock) -> Result<String, DevelopmentError> {
    let authority = DevelopmentAuthority::open(dir, clock)?;
    let certificates = authority.list()?;
    if format == Format::Json {
        let shown = certificates.iter().map(|certificate| {
            json!({
                "names": certificate.names,
                "valid_until": certificate.not_after.to_string(),
                "thumbprint": certificate.thumbprint.to_base64url(),
                "revoked": authority.is_revoked(certificate.thumbprint),
            })
        });
        return Ok(format!("{:#}\n", shown.collect::<Value>()));
    }
    let mut table = Table::new();
    let preset = if io::stdout().is_terminal() {
        presets::UTF8_FULL_CONDENSED
    } else {
        presets::NOTHING
    };
    table
        .load_style(preset)
        .set_header(["NAMES", "VALID UNTIL", "THUMBPRINT", "REVOKED"]);
    for certificate in certificates {
        table.add_row([
            certificate.names.join(", "),
            certificate.not_after.to_string(),
            certificate.thumbprint.to_base64url(),
            match authority.is_revoked(certificate.thumbprint) {
                true => "revoked".to_owned(),
                false => String::new(),
            },
        ]);
    }
    Ok(format!("{table}\n"))
}
