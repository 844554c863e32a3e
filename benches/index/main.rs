//! The index of the ledger, through the program itself: ten million rows made of a log, their size, and one
//! customer looked for beside a bare look-up by primary key; and an hour's worth of requests pushed through a
//! ledger with the index behind it. A limit that is missed fails the run.
//!
//! `cargo bench --bench index` takes ten minutes and 4 GiB below the target folder, which it removes again;
//! `-- ten-million` or `-- hour` runs one of the two, and with `-- --test` both are tiny and no limit counts.

mod hour;
mod load;
mod looking;

use std::fs;
use std::path::Path;

use tokio::runtime::Runtime;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROWS: u64 = 10_000_000;
const HOUR_SECONDS: u32 = 3_600;
/// How much faster than they come its requests are pushed.
const FASTER: u32 = 16;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    let quick = asked("--test");
    let both = asked("ten-million") == asked("hour");
    let place =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("index-{}", std::process::id()));
    fs::create_dir_all(&place)?;
    let runtime = Runtime::new()?;
    let (rows, seconds) = if quick {
        (20_000, 4)
    } else {
        (ROWS, HOUR_SECONDS)
    };
    let mut kept = true;
    let mut done = Ok(());
    if both || asked("ten-million") {
        done = runtime
            .block_on(looking::looking(&place, rows))
            .map(|all| kept &= all);
    }
    if done.is_ok() && (both || asked("hour")) {
        done = runtime
            .block_on(hour::hour(&place, seconds, FASTER))
            .map(|all| kept &= all);
    }
    fs::remove_dir_all(&place)?;
    done?;
    if kept || quick {
        return Ok(());
    }
    Err("a limit was missed".into())
}

/// The middle of some values.
pub(crate) fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
