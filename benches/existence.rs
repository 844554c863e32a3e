//! Whether time tells what an answer does not: "somebody else's" and "does not exist" are both `not-found`,
//! with the same bytes but for the request's id. Asked in pairs, in turns, over one warm connection of
//! mutual TLS; the medians must be less than a millisecond apart.
//!
//! `cargo bench --bench existence` takes about 20 s, prints the medians and their distance, and fails where
//! that is too large; with `-- --test` a few pairs are asked and only their bytes are compared.

use std::path::Path;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::demo::Demo;
use covenant::demo::client::{PartnerAnswer, PartnerClient};
use covenant::demo::core::World;
use covenant::starter::{POLICIES, Ports};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const PARTNER: &str = "acme";
const PURPOSE: &str = "essential.service";
const PAIRS: usize = 5_000;
/// How far apart the medians may be.
const APART_MAX: Duration = Duration::from_millis(1);
/// Kinds of things, by their paths.
const KINDS: [&str; 2] = ["/v1/customers/", "/v1/jobs/"];

fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|argument| argument == "--test");
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure(if quick { 10 } else { PAIRS }, quick))
}

async fn measure(pairs: usize, quick: bool) -> Result<(), Failure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    allow_many(folder.path())?;
    let demo = Demo::start(folder.path(), &Ports::free()?, Clock::system()).await;
    let demo = demo.map_err(|error| error.to_string())?;
    let clock = Clock::system();
    let address = demo.running().gateway_address();
    let client = PartnerClient::connect(folder.path(), PARTNER, address).await;
    let mut client = client.map_err(|error| error.to_string())?;
    let foreign = ids_of("bluebird", demo.world())?;
    let mut failed = false;
    for (kind, id) in KINDS.into_iter().zip(foreign) {
        let (theirs, nobodys) = (format!("{kind}{id}"), format!("{kind}{}", unknown(&id)));
        let mut times = [Vec::with_capacity(pairs), Vec::with_capacity(pairs)];
        for pair in 0..pairs {
            let mut told = Vec::new();
            // Each is as often the first as the second.
            for place in [pair % 2, 1 - pair % 2] {
                let target = if place == 0 { &theirs } else { &nobodys };
                let begun = clock.instant();
                let answer = client.get(target, PURPOSE).await;
                let elapsed = clock.instant().duration_since(begun);
                let answer = answer.map_err(|error| error.to_string())?;
                told.push(without_id(&answer));
                if let Some(times) = times.get_mut(place) {
                    times.push(elapsed);
                }
            }
            if told.first() != told.last() || !told.iter().all(|told| told.contains("not-found")) {
                return Err(format!("the answers differ: {told:#?}").into());
            }
        }
        let [theirs, nobodys] = times.map(median);
        let apart = theirs.abs_diff(nobodys);
        failed |= apart >= APART_MAX;
        if !quick {
            println!("{kind}  somebody else's {theirs:?}, nobody's {nobodys:?}, apart {apart:?}");
        }
    }
    demo.stop().await;
    if failed && !quick {
        return Err(format!("the medians are {APART_MAX:?} or more apart").into());
    }
    Ok(())
}

/// A customer of a partner, and a job of theirs.
fn ids_of(partner: &str, world: &World) -> Result<[String; 2], Failure> {
    let mut customers = world.customers_of(Some(partner));
    let customer = customers.next().ok_or("the partner has no customer")?;
    let mut jobs = world.jobs().iter();
    let job = jobs.find(|job| job.customer_id == customer.id);
    let job = job.ok_or("the customer has no job")?;
    Ok([customer.id.clone(), job.id.clone()])
}

/// A contract whose rate the bench does not reach.
fn allow_many(directory: &Path) -> Result<(), Failure> {
    let name = "partners/acme.yaml";
    let shipped = POLICIES.iter().find(|(path, _)| *path == name);
    let (_, text) = shipped.ok_or("there is no such file")?;
    let text = text.replacen("requests_per_minute: 6000", "requests_per_minute: 60000", 1);
    let path = directory.join("policies").join(name);
    std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    Ok(std::fs::write(path, text)?)
}

/// An id of the same form and length that nothing has.
fn unknown(id: &str) -> String {
    let (kept, last) = id.split_at(id.len().saturating_sub(6));
    format!("{kept}{}", "z".repeat(last.len()))
}

/// All that the partner is told, but for what is of this request alone.
fn without_id(answer: &PartnerAnswer) -> String {
    let id = answer.header("request-id").to_owned();
    let body = String::from_utf8_lossy(&answer.body).replace(&id, "ID");
    let own = ["request-id", "ratelimit", "date"];
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| !own.contains(&name.as_str()));
    let headers: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    format!("{} {headers:?} {body}", answer.status)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
