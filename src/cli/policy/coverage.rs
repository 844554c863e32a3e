//! `covenant policy coverage`: what stands behind each promise. The files alone tell rules,
//! properties and cases; how often it was kept is in the ledger, of which the running gateway is
//! asked, or which is read offline. Without either the rest is told all the same.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::output::{complain, say_json, say_rows};
use super::super::{Format, Reach, invalid};
use super::past::{self, Since, since};
use super::{EXIT_INVALID, EXIT_OK};
use crate::administration::client::Client;
use crate::administration::messages::HitsQuery;
use crate::clock::Clock;
use crate::mistakes::Mistakes;
use crate::policy::Properties;
use crate::rules::Rules;
use crate::rules::cases::Cases;
use crate::rules::coverage::{Covered, Hits, Tally, covered};
use crate::source::Folder;

/// Which policies, and over which time.
#[derive(Clone, Debug, clap::Args)]
pub struct Covering {
    /// The directory with the policies.
    #[arg(long, default_value = "policies")]
    dir: PathBuf,
    /// Count calls not before this: 30d, 12h, a day (UTC) as 2026-11-22, or a moment as
    /// 2026-11-22T12:00:00Z.
    #[arg(long, default_value = "30d", value_parser = since)]
    since: Since,
    /// Read the ledger in this directory, or a copy of it, and ask no gateway.
    #[arg(long)]
    ledger: Option<PathBuf>,
}

/// Tells what stands behind each promise; returns the exit code.
pub(super) async fn run(covering: &Covering, reach: &Reach, clock: &Clock) -> u8 {
    let now = clock.now();
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&covering.dir, &mut mistakes);
    let rules = Rules::load(&folder, None, today, &mut mistakes);
    let cases = Cases::load(&folder, rules.as_ref(), &mut mistakes);
    let properties = Properties::read(&folder, &mut mistakes);
    let (Some(rules), Some(properties), true) = (rules, properties, mistakes.is_empty()) else {
        invalid(&mistakes, &covering.dir);
        return EXIT_INVALID;
    };
    let hits = hits(&rules, covering, reach, covering.since.before(now)).await;
    let covered = covered(&rules, &properties, &cases, hits.as_ref(), today);
    if reach.output == Format::Json {
        return say_json(&covered);
    }
    let time = covering.since.to_string();
    let rows: Vec<_> = covered.iter().map(|one| one.row(&time)).collect();
    say_rows(&Covered::HEADINGS, &rows);
    EXIT_OK
}

/// What the ledger says; `None`, and why on standard error, where it cannot be asked.
async fn hits(rules: &Rules, covering: &Covering, reach: &Reach, since: Timestamp) -> Option<Hits> {
    let promises = rules.policy.rules().iter();
    let promises = promises.map(|rule| (rule.id.to_string(), rule.promise.to_string()));
    let promises: BTreeMap<_, _> = promises.collect();
    if let Some(directory) = &covering.ledger {
        let mut tally = Tally::new(promises).map_err(complain).ok()?;
        let read = past::offline(directory, since, |_, entry| tally.count(entry));
        return read.then(|| tally.hits());
    }
    let socket = reach.socket().ok()?;
    let query = HitsQuery {
        rules: promises,
        since,
    };
    let progress = past::waiting();
    let client = Client::new(&socket, reach.role);
    let answer = client.post("/policy/hits", &query).await;
    progress.finish_and_clear();
    answer.map_err(complain).ok()
}
