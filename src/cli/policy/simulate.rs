//! `covenant policy simulate`: how the calls on record would have fared under other policies. Asked of
//! the running gateway, which has the ledger; or offline, of a ledger's directory or a copy of one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::output::{complain, escaped, say, say_json, tell};
use super::super::{Format, Reach, invalid};
use super::EXIT_INVALID;
use crate::administration::client::Client;
use crate::administration::messages::SimulateQuery;
use crate::administration::simulate::replay;
use crate::clock::Clock;
use crate::mistakes::Mistakes;
use crate::rules::Rules;
use crate::rules::simulation::{EXAMPLES_MAX, EXAMPLES_USUAL, Replay, Simulation};
use crate::source::Folder;

/// The ledger could not be read.
const EXIT_OTHER: u8 = 1;
/// How often the progress is drawn again while the gateway works, in milliseconds.
const TICK_MILLISECONDS: u64 = 200;
/// Entries between two steps of the progress.
const ENTRIES_A_STEP: u64 = 1_024;

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

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// This many seconds before now.
    Ago(i64),
    /// This moment.
    Moment(Timestamp),
}

fn since(text: &str) -> Result<Since, String> {
    let span = text.split_at_checked(text.len().saturating_sub(1));
    let seconds = span.and_then(|(number, unit)| {
        let unit_seconds = match unit {
            "d" => 86_400,
            "h" => 3_600,
            _ => return None,
        };
        let number: u32 = number.parse().ok()?;
        i64::from(number).checked_mul(unit_seconds)
    });
    let midnight = |day: Date| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok();
    let moment = || text.parse().ok();
    let day = || text.parse().ok().and_then(midnight);
    seconds
        .map(Since::Ago)
        .or_else(|| moment().or_else(day).map(Since::Moment))
        .ok_or_else(|| "write 30d, 12h, 2026-11-22 or 2026-11-22T12:00:00Z".to_owned())
}

fn examples(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| *number <= EXAMPLES_MAX)
        .ok_or_else(|| format!("a number up to {EXAMPLES_MAX}"))
}

impl Since {
    /// The moment; long before any ledger where the span is longer than time.
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Moment(moment) => moment,
            Self::Ago(seconds) => {
                let then = now.as_second().saturating_sub(seconds);
                Timestamp::from_second(then).unwrap_or(Timestamp::MIN)
            }
        }
    }
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
    let progress = progress("the gateway reads its ledger");
    progress.enable_steady_tick(std::time::Duration::from_millis(TICK_MILLISECONDS));
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
    if !directory.is_dir() {
        complain(format!("`{}` is not a directory", directory.display()));
        return EXIT_OTHER;
    }
    let mut simulation = Simulation::new(rules, Some(since), examples);
    let progress = progress("entries read");
    let done = replay(directory, Some(since), None, &mut simulation, |read| {
        if read % ENTRIES_A_STEP == 0 {
            progress.set_position(read);
        }
    });
    progress.finish_and_clear();
    if let Err(error) = done {
        complain(error);
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

/// On standard error, where that is a terminal; how many entries there are is not known beforehand.
fn progress(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos} {msg}, {elapsed}");
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_span_a_day_or_a_moment() {
        assert_eq!(since("30d"), Ok(Since::Ago(30 * 86_400)));
        assert_eq!(since("12h"), Ok(Since::Ago(12 * 3_600)));
        assert_eq!(since("2026-11-22"), since("2026-11-22T00:00:00Z"));
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let then = since("12h").unwrap().before(now);
        assert_eq!(Ok(Since::Moment(then)), since("2026-11-22"));
        assert_eq!(Since::Ago(i64::MAX).before(now), Timestamp::MIN);
        for wrong in ["", "d", "30", "-1d", "1.5h", "30 d", "yesterday", "é"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
