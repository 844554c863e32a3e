//! `covenant partner end`: the partner is cut off at once, and its contract taken out of the folder.

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::json;

use super::super::output::{Format, complain, escaped_lines, say, say_json};
use super::super::{EXIT_INVALID, EXIT_OTHER, invalid};
use crate::administration::Role;
use crate::administration::client::Client;
use crate::administration::messages::{Changed, PartnerEnd};
use crate::clock::Clock;
use crate::config::Config;
use crate::mistakes::Mistakes;
use crate::rules::Rules;
use crate::source::Folder;
use crate::starter::partner::names;
use crate::terms::PartnerId;

/// Who ends, and why.
#[derive(Clone, Debug, Args)]
pub struct End {
    /// The partner's id.
    id: String,
    /// Why, on one line; it stands in the ledger.
    #[arg(long)]
    because: String,
}

/// Ends it; returns the exit code. The partner is suspended first, whatever becomes of the files.
pub(super) async fn run(
    end: &End,
    config: &Config,
    role: Option<Role>,
    format: Format,
    clock: &Clock,
) -> u8 {
    let Some(id) = PartnerId::parse(&end.id) else {
        complain(format!("`{}` is not a partner's id", end.id));
        return 2;
    };
    let request = PartnerEnd {
        partner: end.id.clone(),
        because: end.because.clone(),
    };
    let client = Client::new(&config.administration.socket, role);
    let ended: Result<Changed, _> = client.post("/end", &request).await;
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            complain(&error);
            return error.exit_code();
        }
    };
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&config.policies, &mut mistakes);
    let (contract, cases) = names(&id);
    let (own, others): (Vec<_>, Vec<_>) = folder
        .files()
        .map(|(name, source)| (name.to_owned(), source.text().to_owned()))
        .partition(|(name, _)| *name == contract || *name == cases);
    let remaining = Folder::of(folder.root(), others, &mut mistakes);
    if Rules::check(&remaining, today, &mut mistakes).is_none() {
        let code = invalid(&mistakes, &config.policies);
        complain(format!(
            "{id} is suspended for good (entry {} of the ledger); its files stay until what names it \
             is changed as well",
            ended.entry
        ));
        return code.max(EXIT_INVALID);
    }
    let mut removed = Vec::new();
    for (name, _) in own {
        let path = config.policies.join(&name);
        if let Err(error) = std::fs::remove_file(&path) {
            complain(format!("`{}` cannot be removed: {error}", path.display()));
            return EXIT_OTHER;
        }
        removed.push(path.display().to_string());
    }
    if format == Format::Json {
        return say_json(&json!({
            "partner": id.to_string(), "entry": ended.entry, "removed": removed,
        }));
    }
    let removed: String = removed
        .iter()
        .map(|path| format!("  removed {path}\n"))
        .collect();
    say(&escaped_lines(&format!(
        "{id} receives nothing any more (entry {} of the ledger)\n{removed}\
         next: covenant policy publish --because \"{id} has ended\"      # it tightens: one person, or a reload",
        ended.entry
    )));
    say("\n");
    0
}
