//! `covenant policy simulate`: how the calls on record would have fared under other policies. Asked of
//! the running gateway, which has the ledger; or offline, of a ledger's directory or a copy of one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::output::{escaped, say, say_json, tell};
use super::super::{Format, Reach, invalid};
use super::EXIT_INVALID;
use super::past::{self, Since, since};
use crate::administration::client::Client;
use crate::administration::messages::SimulateQuery;
use crate::clock::Clock;
use crate::mistakes::Mistakes;
use crate::rules::Rules;
use crate::rules::simulation::{EXAMPLES_MAX, EXAMPLES_USUAL, Replay, Simulation};
use crate::source::Folder;

/// The ledger could not be read.
const EXIT_OTHER: u8 = 1;

/// Which policies, and which calls.
#[derive(Clone, Debug, clap::Args)]
pub struct Replaying {
    /// Calls not before this: 30d, 12h, a day (UTC) as 2026-11-22, or a moment as
    /// 2026-11-22T12:00:00Z.
    #[arg(long, value_parser = since)]
    since: Since,
    /// The directory with the policies that shall decide again.
    #[arg(long, default_value = "policies")]
    dir: PathBuf,
    /// Read the ledger in this directory, or a copy of it, and ask no gateway.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// How many calls are told of each difference.
    #[arg(long, default_value_t = EXAMPLES_USUAL, value_parser = examples)]
    examples: usize,
}

fn examples(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| *number <= EXAMPLES_MAX)
        .ok_or_else(|| format!("a number up to {EXAMPLES_MAX}"))
}

/// Simulates; returns the exit code.
pub(super) async fn run(replaying: &Replaying, reach: &Reach, clock: &Clock) -> u8 {
    let now = clock.now();
    let (today, since) = (
        now.to_zoned(TimeZone::UTC).date(),
        replaying.since.before(now),
    );
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&replaying.dir, &mut mistakes);
    let rules = Rules::load(&folder, None, today, &mut mistakes);
    let Some(rules) = rules.filter(|_| mistakes.is_empty()) else {
        invalid(&mistakes, &replaying.dir);
        return EXIT_INVALID;
    };
    if let Some(directory) = &replaying.ledger {
        return offline(&rules, directory, since, replaying.examples, reach.output);
    }
    let socket = match reach.socket() {
        Ok(socket) => socket,
        Err(code) => return code,
    };
    let files = folder.files();
    let files = files.map(|(name, source)| (name.to_owned(), source.text().to_owned()));
    let query = SimulateQuery {
        files: files.collect::<BTreeMap<_, _>>(),
        since: Some(since),
        examples: replaying.examples,
    };
    let progress = past::waiting();
    let client = Client::new(&socket, reach.role);
    let answer = client.post("/policy/simulate", &query).await;
    progress.finish_and_clear();
    tell(answer, reach.output, in_words)
}

/// Reads the ledger in `directory` itself.
fn offline(
    rules: &Rules,
    directory: &Path,
    since: Timestamp,
    examples: usize,
    format: Format,
) -> u8 {
    let mut simulation = Simulation::new(rules, Some(since), examples);
    let replay = |index, entry: &_| simulation.replay(index, entry);
    if !past::offline(directory, since, replay) {
        return EXIT_OTHER;
    }
    let replay = simulation.finish();
    if format == Format::Json {
        return say_json(&replay);
    }
    in_words(&replay);
    super::EXIT_OK
}

fn in_words(replay: &Replay) {
    for line in replay.to_text().lines() {
        say(&format!("{}\n", escaped(line)));
    }
}
