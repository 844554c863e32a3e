//! `covenant partner rotate`: a second certificate beside the first, which ends by itself.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::super::output::{Format, complain, escaped_lines, say, say_json};
use super::super::{EXIT_OTHER, EXIT_USAGE, invalid};
use super::add::refused;
use super::certify::{Certified, Obtained, explained};
use crate::clock::Clock;
use crate::config::Config;
use crate::files::{Readers, write_new};
use crate::identity::development::{DevelopmentAuthority, read_certificate};
use crate::mistakes::Mistakes;
use crate::policy::{Contract, OVERLAP_DAYS_MAX};
use crate::rules::Rules;
use crate::source::Folder;
use crate::starter::partner::{NotAdded, names, remove, try_cases, with};
use crate::starter::rotation::Rotation;
use crate::terms::{PartnerId, Thumbprint};

/// How long both certificates count, where no day is given.
const OVERLAP_DAYS: i64 = 14;

/// What changes.
#[derive(Clone, Debug, Args)]
pub struct Rotate {
    /// The partner's id.
    id: String,
    /// The last day of the old certificate, UTC; in two weeks where none is given.
    #[arg(long, value_name = "DAY")]
    until: Option<Date>,
    /// The certificate that ends (PEM), where the contract names certificates by name only.
    #[arg(long, value_name = "FILE")]
    old: Option<PathBuf>,
    /// The new one.
    #[command(flatten)]
    certified: Certified,
}

/// Rotates; returns the exit code.
pub(super) fn run(
    rotate: &Rotate,
    config: &Config,
    path: &Path,
    format: Format,
    clock: &Clock,
) -> u8 {
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    let until = rotate
        .until
        .unwrap_or(today.saturating_add(OVERLAP_DAYS.days()));
    let latest = today.saturating_add(OVERLAP_DAYS_MAX.days());
    if until < today || until > latest {
        complain(format!(
            "--until {until}: the certificate before ends between today and {latest}; two overlap for at most \
             {OVERLAP_DAYS_MAX} days"
        ));
        return EXIT_USAGE;
    }
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&config.policies, &mut mistakes);
    let rules = Rules::check(&folder, today, &mut mistakes);
    let Some(rules) = rules.filter(|_| mistakes.is_empty()) else {
        return invalid(&mistakes, &config.policies);
    };
    let contract = PartnerId::parse(&rotate.id).and_then(|id| rules.policy.contract(&id));
    let Some(contract) = contract else {
        let folder = config.policies.display();
        complain(format!(
            "no contract in `{folder}` names a partner `{}`",
            rotate.id
        ));
        return EXIT_OTHER;
    };
    let beside = path.parent().unwrap_or(Path::new(""));
    let stem = format!("{}-{}", rotate.id, contract.version.saturating_add(1));
    let obtained = rotate
        .certified
        .obtain(&rotate.id, &stem, config, beside, clock);
    let obtained = match obtained {
        Ok(obtained) => obtained,
        Err(error) => {
            complain(explained(&error));
            return EXIT_OTHER;
        }
    };
    let old = match rotate.ends(config, contract, &obtained, clock) {
        Ok(old) => old,
        Err(error) => {
            complain(error);
            return EXIT_OTHER;
        }
    };
    let rotation = Rotation {
        new: &obtained.certificate,
        old: &old,
        until,
    };
    match rotation.write(&folder, contract, &obtained, today) {
        Ok(written) => tell(contract, &obtained, &written, until, format),
        Err(error) => refused(&error),
    }
}

impl Rotate {
    /// Which certificates end besides those that the contract names: the one that was said, or those that our
    /// own authority made under the same name.
    fn ends(
        &self,
        config: &Config,
        contract: &Contract,
        obtained: &Obtained,
        clock: &Clock,
    ) -> Result<Vec<Thumbprint>, String> {
        if let Some(path) = &self.old {
            let old = read_certificate(path).map_err(|error| error.to_string())?;
            return Ok(vec![old.thumbprint]);
        }
        if contract.credentials.certificate_names.is_empty() {
            return Ok(Vec::new());
        }
        let authority = DevelopmentAuthority::open(&self.certified.ca(config), clock);
        let issued = authority.and_then(|authority| authority.list());
        let issued = issued.unwrap_or_default().into_iter();
        let names = &obtained.certificate.names;
        let now = clock.now();
        let same = issued.filter(|one| one.names == *names && now <= one.not_after);
        Ok(same.map(|one| one.thumbprint).collect())
    }
}

impl Rotation<'_> {
    /// Writes the certificate and the contract, both or neither.
    fn write(
        &self,
        folder: &Folder,
        contract: &Contract,
        obtained: &Obtained,
        today: Date,
    ) -> Result<Vec<PathBuf>, NotAdded> {
        let (name, _) = names(&contract.partner);
        let source = folder.file(&name).ok_or_else(|| {
            NotAdded::Mistaken(format!("there is no `{name}` in the policies folder"))
        })?;
        let text = self.edit(source, contract, today)?;
        let changed = with(folder, &[(&name, &text)]);
        let mut mistakes = Mistakes::new();
        let Some(rules) = Rules::check(&changed, today, &mut mistakes) else {
            return Err(mistakes.into());
        };
        try_cases(&rules, &changed, today)?;
        let mut written = obtained.write(Vec::new())?;
        let path = folder.root().join(&name);
        if let Err(cause) = replace(&path, &text) {
            remove(written.iter().map(PathBuf::as_path));
            return Err(NotAdded::File { path, cause });
        }
        written.push(path);
        Ok(written)
    }
}

/// Puts a text in the place of a file, whole: whoever reads it finds the old one or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that the policies folder leaves out.
    let beside = path.with_file_name(format!(".{name}.new"));
    write_new(&beside, text.as_bytes(), Readers::Everyone)?;
    let renamed = std::fs::rename(&beside, path);
    if renamed.is_err() {
        remove([&*beside].into_iter());
    }
    renamed
}

fn tell(
    contract: &Contract,
    obtained: &Obtained,
    written: &[PathBuf],
    until: Date,
    format: Format,
) -> u8 {
    let id = &contract.partner;
    let thumbprint = format!("sha256:{}", obtained.certificate.thumbprint.to_base64url());
    let shown: Vec<String> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if format == Format::Json {
        return say_json(&json!({
            "partner": id.to_string(),
            "certificate": thumbprint,
            "old_until": until.to_string(),
            "written": shown,
        }));
    }
    let wrote: String = shown
        .iter()
        .map(|path| format!("  wrote {path}\n"))
        .collect();
    say(&escaped_lines(&format!(
        "{id} gets {thumbprint}; the certificates before it count until {until}, UTC\n{wrote}\n\
         next:\n\
         \x20 1. covenant policy publish --because \"{id} rotates its certificate\"      # two people\n\
         \x20 2. the partner connects with the new certificate, and gets its tokens with it",
    )));
    say("\n");
    0
}
