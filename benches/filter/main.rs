//! How fast an answer is filtered, beside others that read the same bytes in the same run, in
//! alternating rounds: a page of 25 customers (12 KiB) and an export of 10,000 (5 MB). All that filter
//! drop e-mail, telephone and activity and mask the name; that they agree is checked before anything
//! is timed.
//!
//! `cargo bench --bench filter`; with `-- --test` each side runs once. MiB/s are of the core's body, by
//! CPU time, so that a busy machine tells nearly the same. A ratio is the median over the rounds; what it
//! should be at least stands behind it. LuaJIT and lua-cjson take part where they are installed
//! (`apt-get install luajit lua-cjson`).

mod answer;
mod ours;
mod peers;

use std::error::Error;
use std::time::Duration;

use covenant::clock::Clock;
use serde_json::Value;

use self::ours::Ours;
use self::peers::Lua;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 9;
const ROUND_TIME: Duration = Duration::from_millis(250);

/// The peers, and what our rate should be at least as a multiple of theirs: for the page, for the export.
const PEERS: [(&str, [Option<f64>; 2]); 4] = [
    (
        "serde_json Value, parse, edit, serialise",
        [Some(4.0), None],
    ),
    ("sonic-rs, parse and serialise", [Some(0.75), None]),
    ("sonic-rs, parse alone", [None, Some(0.3)]),
    ("lua-cjson, parse, edit, serialise", [None, Some(15.0)]),
];

fn main() -> Outcome<()> {
    let once = std::env::args().any(|argument| argument == "--test");
    let ours = Ours::new();
    let lua = Lua::find();
    if lua.is_none() && !once {
        println!("lua-cjson: not installed");
    }
    for (place, records) in [25, if once { 100 } else { 10_000 }]
        .into_iter()
        .enumerate()
    {
        let body = Body::new(answer::answer(records)?)?;
        agree(&ours, lua.as_ref(), &body)?;
        if !once {
            let name = ["page", "export"].get(place).copied().unwrap_or_default();
            println!("{name}, {} bytes", body.bytes.len());
            compare(&ours, lua.as_ref(), &body, place)?;
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

fn agree(ours: &Ours, lua: Option<&Lua>, body: &Body) -> Outcome<()> {
    let read = |answer: Vec<u8>| serde_json::from_slice::<Value>(&answer);
    let filtered = read(ours.filter(&body.bytes)?)?;
    let mut others = vec![peers::serde_json(&body.bytes)?];
    if let Some(lua) = lua {
        others.push(lua.filter(body.file.path())?);
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

fn compare(ours: &Ours, lua: Option<&Lua>, body: &Body, place: usize) -> Outcome<()> {
    let bytes = &body.bytes;
    let (mut filtering, mut scanning) = (Vec::new(), Vec::new());
    let mut theirs: [Vec<f64>; PEERS.len()] = Default::default();
    for _ in 0..ROUNDS {
        filtering.push(rate(bytes, || ours.filter(bytes).map(drop))?);
        scanning.push(rate(bytes, || ours.scan(bytes))?);
        let [serde_json, sonic_both, sonic_parse, lua_cjson] = &mut theirs;
        serde_json.push(rate(bytes, || peers::serde_json(bytes).map(drop))?);
        sonic_both.push(rate(bytes, || {
            peers::sonic_parse_and_serialise(bytes).map(drop)
        })?);
        sonic_parse.push(rate(bytes, || peers::sonic_parse(bytes).map(drop))?);
        if let Some(lua) = lua {
            lua_cjson.push(lua.rate(body.file.path(), ROUND_TIME)?);
        }
    }
    println!(
        "  {:<42} {:>6.0} MiB/s",
        "scan and emit",
        mebibytes(&filtering)
    );
    println!("  {:<42} {:>6.0} MiB/s", "scan alone", mebibytes(&scanning));
    for ((name, least), rates) in PEERS
        .iter()
        .zip(&theirs)
        .filter(|(_, rates)| !rates.is_empty())
    {
        let ratios = filtering
            .iter()
            .zip(rates)
            .map(|(ours, theirs)| ours / theirs);
        let least = match least.get(place).copied().flatten() {
            Some(least) => format!("(at least {least})"),
            None => String::new(),
        };
        let (rate, ratio) = (mebibytes(rates), median(ratios.collect()));
        println!("  {name:<42} {rate:>6.0} MiB/s   ours is {ratio:>6.2} times that {least}");
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

fn mebibytes(rates: &[f64]) -> f64 {
    median(rates.to_vec()) / f64::from(1 << 20)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
