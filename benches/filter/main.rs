//! How fast an answer is filtered, beside others that read the same bytes in the same run, in
//! alternating rounds: a page of 25 customers (12 KiB) and an export of 10,000 (5 MB). All that filter
//! drop e-mail, telephone and activity and mask the name; that they agree is checked before anything
//! is timed.
//!
//! `cargo bench --bench filter`; with `-- --test` each side runs once. MiB/s are of the core's body, by
//! CPU time, so that a busy machine tells nearly the same. Behind a rate stands how many times as fast
//! ours is, the median over the rounds, and what it should be at least. LuaJIT and lua-cjson take part
//! where they are installed (`apt-get install luajit lua-cjson`).

mod answer;
mod ours;
mod peers;

use std::error::Error;
use std::time::Duration;

use covenant::clock::Clock;
use serde_json::Value;

use self::ours::Ours;
use self::peers::{Edit, Lua};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 9;
const ROUND_TIME: Duration = Duration::from_millis(250);

/// What takes its turn in every round.
const SIDES: [&str; 8] = [
    "scan and emit",
    "scan alone",
    "scan with value checks, and emit",
    "serde_json Value, parse, edit, serialise",
    "sonic-rs, parse and serialise",
    "sonic-rs, parse alone",
    "lua-cjson, parse, edit records, serialise",
    "lua-cjson, parse, edit anywhere, serialise",
];

/// How many times the rate of which side ours should be at least: side, for the page, for the export.
const GOALS: [(usize, [Option<f64>; 2]); 4] = [
    (3, [Some(4.0), None]),
    (4, [Some(0.75), None]),
    (5, [None, Some(0.3)]),
    (7, [None, Some(15.0)]),
];

fn main() -> Outcome<()> {
    let once = std::env::args().any(|argument| argument == "--test");
    let (ours, checking) = (Ours::new(), Ours::with_value_checks()?);
    let lua = Lua::find();
    if lua.is_none() && !once {
        println!("lua-cjson: not installed");
    }
    for (place, records) in [25, if once { 100 } else { 10_000 }]
        .into_iter()
        .enumerate()
    {
        let body = Body::new(answer::answer(records)?)?;
        agree(&ours, &checking, lua.as_ref(), &body)?;
        if !once {
            let name = ["page", "export"].get(place).copied().unwrap_or_default();
            println!("{name}, {} bytes", body.bytes.len());
            compare(&ours, &checking, lua.as_ref(), &body, place)?;
        }
    }
    Ok(())
}

/// An answer, in memory and in a file.
struct Body {
    bytes: Vec<u8>,
    file: tempfile::NamedTempFile,
}

impl Body {
    fn new(bytes: Vec<u8>) -> Outcome<Self> {
        let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        std::fs::write(file.path(), &bytes)?;
        Ok(Self { bytes, file })
    }
}

fn agree(ours: &Ours, checking: &Ours, lua: Option<&Lua>, body: &Body) -> Outcome<()> {
    let read = |answer: Vec<u8>| serde_json::from_slice::<Value>(&answer);
    let filtered = read(ours.filter(&body.bytes)?)?;
    let mut others = vec![
        checking.filter(&body.bytes)?,
        peers::serde_json(&body.bytes)?,
    ];
    if let Some(lua) = lua {
        others.push(lua.filter(body.file.path(), Edit::Records)?);
        others.push(lua.filter(body.file.path(), Edit::Anywhere)?);
    }
    for other in others {
        if read(other)? != filtered {
            return Err("two filters disagree".into());
        }
    }
    if read(peers::sonic_parse_and_serialise(&body.bytes)?)? != read(body.bytes.clone())? {
        return Err("sonic-rs reads something else".into());
    }
    Ok(())
}

fn compare(
    ours: &Ours,
    checking: &Ours,
    lua: Option<&Lua>,
    body: &Body,
    place: usize,
) -> Outcome<()> {
    let bytes = &body.bytes;
    let lua = |edit| lua.map(|lua| lua.rate(body.file.path(), edit, ROUND_TIME));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([
            Some(rate(bytes, || ours.filter(bytes).map(drop))?),
            Some(rate(bytes, || ours.scan(bytes))?),
            Some(rate(bytes, || checking.filter(bytes).map(drop))?),
            Some(rate(bytes, || peers::serde_json(bytes).map(drop))?),
            Some(rate(bytes, || {
                peers::sonic_parse_and_serialise(bytes).map(drop)
            })?),
            Some(rate(bytes, || peers::sonic_parse(bytes).map(drop))?),
            lua(Edit::Records).transpose()?,
            lua(Edit::Anywhere).transpose()?,
        ]);
    }
    for (side, name) in SIDES.into_iter().enumerate() {
        let of_side = |round: &[Option<f64>; SIDES.len()]| round.get(side).copied().flatten();
        let rates: Vec<f64> = rounds.iter().filter_map(of_side).collect();
        if rates.is_empty() {
            continue;
        }
        let ratios = rounds.iter().filter_map(|round| {
            let [ours, ..] = round;
            Some((*ours)? / of_side(round)?)
        });
        let ratio = median(ratios.collect());
        let goal = GOALS.iter().find(|(of, _)| *of == side);
        let goal = goal.and_then(|(_, goals)| goals.get(place).copied().flatten());
        let goal = goal.map_or(String::new(), |goal| format!("(at least {goal})"));
        let rate = median(rates) / f64::from(1 << 20);
        println!("  {name:<42} {rate:>6.0} MiB/s   {ratio:>6.2} {goal}");
    }
    Ok(())
}

/// Bytes a second of this thread's CPU time in one round.
fn rate(body: &[u8], mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let clock = Clock::system();
    let (start, cpu) = (clock.instant(), cpu_time()?);
    let mut bytes = 0usize;
    while start.elapsed() < ROUND_TIME {
        // The clock is read seldom enough not to matter for a small body.
        for _ in 0..(1 + (256 << 10) / body.len()) {
            work()?;
            bytes += body.len();
        }
    }
    Ok(bytes as f64 / (cpu_time()? - cpu).as_secs_f64())
}

/// What this thread has had of a processor, exact to a few milliseconds.
fn cpu_time() -> Outcome<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = told.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
