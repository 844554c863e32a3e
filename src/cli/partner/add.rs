//! `covenant partner add`: from nothing to a first call, by one command and a publication.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::super::output::{Format, complain, escaped_lines, say, say_error, say_json};
use super::super::{EXIT_INVALID, EXIT_OTHER, invalid};
use super::certify::{Certified, Obtained, explained};
use crate::clock::Clock;
use crate::config::Config;
use crate::files::Readers;
use crate::mistakes::Mistakes;
use crate::source::Folder;
use crate::starter::partner::{Draft, NewFile, NewPartner, NotAdded, Terms, draft};
use crate::taxonomy::Purpose;
use crate::terms::{PartnerId, PartnerKind};

const EXIT_USAGE: u8 = 2;

/// What is said of a new partner.
#[derive(Clone, Debug, Args)]
pub struct Add {
    /// The partner's id: lower-case letters, digits and `-`.
    id: String,
    /// The company's name, as reports of disclosures give it.
    #[arg(long)]
    name: String,
    /// Its postal address, as reports of disclosures give it.
    #[arg(long)]
    address: String,
    /// Who accepted the partner terms for it, with their office.
    #[arg(long, value_name = "PERSON")]
    accepted_by: String,
    /// The day on which they were accepted; today where none is given.
    #[arg(long, value_name = "DAY")]
    accepted_on: Option<Date>,
    /// Their version; that of the configuration where none is given.
    #[arg(long, value_name = "VERSION")]
    terms: Option<String>,
    /// What kind of partner it is: dealer, reseller or cobrand.
    #[arg(long, default_value = "reseller", value_parser = kind)]
    kind: PartnerKind,
    /// Of a cobrand: the partner it belongs to.
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Its client, as tokens name it; `<ID>` where none is given.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// What it may use data for; may be given several times.
    #[arg(long, default_value = "essential.service", value_parser = purpose)]
    purpose: Vec<Purpose>,
    /// An operation it may call; may be given several times. Without any, those that read records.
    #[arg(long, value_name = "OPERATION_ID")]
    operation: Vec<String>,
    /// Its certificate.
    #[command(flatten)]
    certified: Certified,
}

fn kind(word: &str) -> Result<PartnerKind, String> {
    let mut kinds = PartnerKind::ALL.into_iter();
    let found = kinds.find(|kind| kind.word() == word);
    found.ok_or_else(|| {
        format!(
            "kinds are {}",
            PartnerKind::ALL.map(PartnerKind::word).join(", ")
        )
    })
}

fn purpose(key: &str) -> Result<Purpose, String> {
    Purpose::parse(key).ok_or_else(|| {
        "purposes are fideslang data uses, as `essential.service`; see docs/policies.md".to_owned()
    })
}

/// Adds it to the policies folder that the configuration at `path` names; returns the exit code.
pub(in super::super) fn run(
    add: &Add,
    config: &Config,
    path: &Path,
    format: Format,
    clock: &Clock,
) -> u8 {
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    let new = match add.partner(config, today) {
        Ok(new) => new,
        Err(message) => {
            complain(message);
            return EXIT_USAGE;
        }
    };
    let beside = path.parent().unwrap_or(Path::new(""));
    let obtained = add
        .certified
        .obtain(&add.id, &add.id, config, beside, clock);
    let obtained = match obtained {
        Ok(obtained) => obtained,
        Err(error) => {
            complain(explained(&error));
            return EXIT_OTHER;
        }
    };
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&config.policies, &mut mistakes);
    if !mistakes.is_empty() {
        return invalid(&mistakes, &config.policies);
    }
    let written = draft(&new, &obtained.certificate, &folder, today).and_then(|draft| {
        let files = files(&draft, &obtained, config, &add.id);
        let written = obtained.write(files)?;
        Ok((draft, written))
    });
    match written {
        Ok((draft, written)) => {
            let url = format!("{}/.covenant/whoami", config.gateway.base_uri);
            let call = add
                .certified
                .first_call(&obtained, &new.client, &url, config);
            tell(&new, &draft, &written, &call, config, format)
        }
        Err(error) => refused(&error),
    }
}

/// Says why there is nothing new; returns the exit code.
pub(super) fn refused(error: &NotAdded) -> u8 {
    match error {
        NotAdded::Invalid { count, rendered } => {
            say_error(&escaped_lines(rendered));
            complain(format!("nothing was written, because of {count}"));
            EXIT_INVALID
        }
        NotAdded::Mistaken(_) | NotAdded::File { .. } => {
            complain(error);
            EXIT_OTHER
        }
    }
}

impl Add {
    fn partner(&self, config: &Config, today: Date) -> Result<NewPartner, String> {
        let id = |text: &str| {
            PartnerId::parse(text).ok_or_else(|| {
                format!(
                    "`{text}` is not a partner's id: those are 1 to 64 lower-case letters, digits and \
                     `-`, a letter first"
                )
            })
        };
        let version = self.terms.clone();
        let version = version.or_else(|| config.terms.as_ref().map(|terms| terms.version.clone()));
        let on = self.accepted_on.unwrap_or(today);
        if on > today {
            return Err(format!(
                "`--accepted-on` is after today, {today}: give the day on which the terms were accepted"
            ));
        }
        let client = self.client.clone().unwrap_or_else(|| self.id.clone());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if client.is_empty() || client.len() > 128 || !client.bytes().all(plain) {
            return Err(format!(
                "`{client}` is not a client id: those are up to 128 letters, digits, `-`, `.`, `_` and `~`"
            ));
        }
        let mut purposes = self.purpose.clone();
        purposes.sort_unstable();
        purposes.dedup();
        Ok(NewPartner {
            id: id(&self.id)?,
            name: self.name.clone(),
            address: self.address.clone(),
            kind: self.kind,
            parent: self.parent.as_deref().map(id).transpose()?,
            client,
            purposes,
            operations: self.operation.clone(),
            terms: Terms {
                version: version
                    .ok_or("the configuration names no terms: say which with `--terms VERSION`")?,
                on,
                by: self.accepted_by.clone(),
            },
        })
    }
}

fn files(draft: &Draft, obtained: &Obtained, config: &Config, id: &str) -> Vec<NewFile> {
    let file = |path: PathBuf, text: &str| NewFile {
        path,
        text: text.to_owned(),
        readers: Readers::Everyone,
    };
    let registration = obtained.out.join(format!("{id}.registration.json"));
    let policies = draft.files.iter();
    policies
        .map(|(name, text)| file(config.policies.join(name), text))
        .chain([file(registration, &draft.registration)])
        .collect()
}

fn tell(
    new: &NewPartner,
    draft: &Draft,
    written: &[PathBuf],
    call: &[String],
    config: &Config,
    format: Format,
) -> u8 {
    let shown: Vec<String> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if format == Format::Json {
        return say_json(&json!({
            "partner": new.id.to_string(),
            "operations": draft.operations,
            "cases": draft.cases,
            "written": shown,
            "first_call": call,
        }));
    }
    let wrote: String = shown
        .iter()
        .map(|path| format!("  wrote {path}\n"))
        .collect();
    let policies = config.policies.display();
    say(&escaped_lines(&format!(
        "{id} may call {operations} operations; {cases} cases of it pass, and all others\n{wrote}\n\
         next:\n\
         \x20 1. read {policies}/partners/{id}.yaml, and widen it where that is agreed\n\
         \x20 2. covenant policy publish --because \"{id} joins\"      # two people; a first `covenant serve` publishes by itself\n\
         \x20 3. register the client with the authorization server: {id}.registration.json\n\
         first call:\n",
        id = new.id,
        operations = draft.operations.len(),
        cases = draft.cases,
    )));
    say("\n");
    for line in call {
        say(&format!("  {line}\n"));
    }
    0
}
