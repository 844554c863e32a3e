//! `covenant ledger evidence`: packages that verify anywhere.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::place::{keys, warn_of_the_key};
use super::search::{is_no_time, moment};
use super::whom::WhomArguments;
use super::witnesses::{Named, WitnessArguments};
use crate::administration::client::Client;
use crate::administration::messages::SearchQuery;
use crate::cli::output::{Format, complain, say, say_json};
use crate::cli::{EXIT_DAMAGED, EXIT_OTHER, EXIT_USAGE};
use crate::evidence::archive::ARCHIVE_BYTES_MAX;
use crate::evidence::{self, Verified};
use crate::files::{self, Readers};

/// What to do with evidence packages.
#[derive(Clone, Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Build a package about a customer, a recipient of mail or a request, sealed by an entry of the ledger.
    Build(BuildArguments),
    /// Verify a package: offline, without configuration. Exits 6 where anything in it was changed.
    Verify(EvidenceFile),
}

/// What a package is to be about.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(true))]
pub struct BuildArguments {
    #[command(flatten)]
    whom: WhomArguments,
    /// The `Request-Id` of an answer.
    #[arg(long, group = "whom")]
    request: Option<String>,
    /// Only what a partner received or did.
    #[arg(long)]
    partner: Option<String>,
    /// Only entries not before this day (UTC) or moment.
    #[arg(long, value_parser = moment)]
    since: Option<Timestamp>,
    /// Only entries before this day (UTC) or moment.
    #[arg(long, value_parser = moment)]
    until: Option<Timestamp>,
    /// Read the whole ledger, and do not rely on its index.
    #[arg(long)]
    scan: bool,
    /// Why; it stands in the ledger.
    #[arg(long)]
    because: Option<String>,
    /// The file to write, which must not be there yet.
    #[arg(long)]
    out: PathBuf,
}

/// Which package, and the key it is held against.
#[derive(Clone, Debug, Args)]
pub struct EvidenceFile {
    /// The package.
    file: PathBuf,
    /// File with the log's verifier key, from somewhere else than the package. Without it, the key in the
    /// package is believed.
    #[arg(long)]
    key: Option<PathBuf>,
    #[command(flatten)]
    witnesses: WitnessArguments,
}

pub(super) async fn build(client: &Client, arguments: BuildArguments, format: Format) -> u8 {
    if is_no_time(arguments.since, arguments.until) {
        return EXIT_USAGE;
    }
    let (customer, recipient) = arguments.whom.typed();
    let query = SearchQuery {
        customer,
        recipient,
        request: arguments.request,
        partner: arguments.partner,
        since: arguments.since,
        until: arguments.until,
        scan: arguments.scan,
        because: arguments.because,
        ..SearchQuery::default()
    };
    let package = match client.post_for_bytes("/ledger/evidence", &query).await {
        Ok(package) => package,
        Err(error) => {
            complain(&error);
            return error.exit_code();
        }
    };
    // What is handed out was verified as whoever receives it will.
    let verified = match evidence::verify(&package, None) {
        Ok(verified) => verified,
        Err(error) => {
            complain(format!("the package is not as it should be: {error}"));
            return EXIT_DAMAGED;
        }
    };
    let out = &arguments.out;
    if let Err(error) = files::write_new(out, &package, Readers::Owner) {
        complain(format!("`{}` cannot be written: {error}", out.display()));
        return EXIT_OTHER;
    }
    tell(&verified, &[], format);
    0
}

/// Verifies the package in a file.
pub(in crate::cli) fn verify(
    file: &Path,
    key: Option<&Path>,
    witnesses: &Named,
    format: Format,
) -> u8 {
    let read = || {
        let keys = key.map(keys).transpose()?;
        let mut package = Vec::new();
        // One byte more than a package may have shows that it has too many.
        File::open(file)
            .and_then(|file| {
                file.take(ARCHIVE_BYTES_MAX as u64 + 1)
                    .read_to_end(&mut package)
            })
            .map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
        Ok::<_, String>((keys, package))
    };
    let (keys, package) = match read() {
        Ok(read) => read,
        Err(message) => {
            complain(message);
            return EXIT_USAGE;
        }
    };
    let verified = evidence::verify(&package, keys.as_ref()).map_err(|error| error.to_string());
    let verified = verified.and_then(|verified| Ok((vouched(&verified, witnesses)?, verified)));
    let code = match verified {
        Ok((vouched, verified)) => {
            tell(&verified, &vouched, format);
            0
        }
        Err(message) => {
            if format == Format::Json {
                say_json(&json!({"verified": false, "damage": message}));
            }
            complain(message);
            EXIT_DAMAGED
        }
    };
    if key.is_none() {
        warn_of_the_key();
    }
    code
}

pub(super) fn run(evidence: &EvidenceFile, format: Format) -> u8 {
    match evidence.witnesses.named() {
        Ok(witnesses) => verify(&evidence.file, evidence.key.as_deref(), &witnesses, format),
        Err(message) => {
            complain(message);
            EXIT_USAGE
        }
    }
}

/// How many of the entries each witness that was named vouches for; what is wrong where some are vouched for
/// by too few.
fn vouched(verified: &Verified, witnesses: &Named) -> Result<Vec<(String, usize)>, String> {
    let names = witnesses.keys.iter().map(|key| key.name().to_owned());
    let mut vouched: Vec<_> = names.map(|name| (name, 0)).collect();
    for (checkpoint, count) in &verified.checkpoints {
        let cosigners = witnesses.cosigners(checkpoint)?;
        if let Some(missing) = witnesses.missing(cosigners.len()) {
            return Err(format!(
                "of {count} entries: {missing}; what is about a minute old when a package is built is not \
                 cosigned yet"
            ));
        }
        for (_, entries) in vouched
            .iter_mut()
            .filter(|(name, _)| cosigners.contains(name))
        {
            *entries += count;
        }
    }
    Ok(vouched)
}

fn tell(verified: &Verified, vouched: &[(String, usize)], format: Format) {
    if format == Format::Json {
        let witnesses = vouched.iter().map(|(name, entries)| {
            json!({
                "witness": name,
                "entries": entries,
            })
        });
        say_json(&json!({
            "verified": true,
            "entries": verified.entries,
            "approvals": verified.approvals,
            "policies": verified.policies,
            "seal": verified.seal,
            "origin": verified.origin,
            "witnesses": witnesses.collect::<Vec<_>>(),
            "followed": verified.followed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
        return;
    }
    say(&format!(
        "{} entries of the log {}, {} about {} policy sets; sealed by entry {}\n",
        verified.entries,
        verified.origin,
        verified.approvals,
        verified.policies.len(),
        verified.seal
    ));
    for key in &verified.followed {
        say(&format!(
            "the log is signed with `{key}` by now: the key before it has signed the entry that says so\n"
        ));
    }
    for (name, entries) in vouched {
        say(&format!(
            "witness {name}: vouches for {entries} of the proofs\n"
        ));
    }
}
