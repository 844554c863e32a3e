//! What a granted decision costs from the compiled form: `decide`, then the forms of every category
//! for the partner's own customer. Run with 10 and with 10,000 contracts, to show that the number of
//! contracts does not matter. The first decision of each kind is told apart: it happens once, and the
//! gateway makes most of them ahead of requests, which is the warm-up. Numbers are medians of batches,
//! on one core.
//!
//! Loading all contracts is compared with parsing their YAML alone, in the same run and from memory;
//! so is loading them again after one was edited. Memory is the growth of the resident set while
//! several more sets are loaded and kept, so that it holds what allocation wastes.
//!
//! `cargo bench --bench decide`; with `-- --test` it runs one short batch with 10 contracts.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use covenant::catalogue::{Catalogue, Operation};
use covenant::mistakes::{Look, Mistakes};
use covenant::policy::{AccessRequest, Circumstances, PolicySet, Standing};
use covenant::refusal::Refusal;
use covenant::source::Folder;
use covenant::taxonomy::Purpose;
use covenant::terms::PartnerId;
use jiff::civil::{Date, date};

const DECISIONS_PER_BATCH: u32 = 20_000;
const BATCHES: usize = 25;
/// How often loading and parsing are measured; the fastest counts.
const LOADS: usize = 3;
/// How many sets are kept at once to measure their memory.
const SETS_KEPT: usize = 3;
const TODAY: Date = date(2026, 11, 22);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|argument| argument == "--test");
    let sizes: &[usize] = if quick { &[10] } else { &[10, 10_000] };
    let batches = if quick { 1 } else { BATCHES };
    let mut mistakes = Mistakes::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let shipped = Folder::read(&shipped, &mut mistakes);
    let catalogue = Catalogue::load(&shipped, &mut mistakes).ok_or("no catalogue")?;
    for &contracts in sizes {
        let files = files(&shipped, contracts, 1)?;
        measure_loading(&files, &catalogue, contracts)?;
        measure_decisions(&load(&files, &catalogue, None)?, &catalogue, batches)?;
    }
    Ok(())
}

/// The shipped promises with `contracts` copies of the demo's first contract, the first of them in
/// this version.
fn files(shipped: &Folder, contracts: usize, version: u32) -> Result<Folder, Failure> {
    let text = |name: &str| {
        let source = shipped.file(name).ok_or("a file is missing")?;
        Ok::<_, Failure>(source.text().to_owned())
    };
    let mut files = Vec::with_capacity(contracts + 2);
    for name in ["promises.cedar", "schema.cedarschema"] {
        files.push((name.to_owned(), text(name)?));
    }
    let acme = text("partners/acme.yaml")?;
    for number in 0..contracts {
        let version = if number == 0 { version } else { 1 };
        let copy = acme
            .replace("partner: acme", &format!("partner: p{number}"))
            .replace("version: 7", &format!("version: {version}"))
            .replace(
                "acme.partners.example",
                &format!("p{number}.partners.example"),
            )
            .replace("acme-portal", &format!("p{number}-portal"));
        files.push((format!("partners/p{number}.yaml"), copy));
    }
    Ok(Folder::of("bench", files, &mut Mistakes::new()))
}

fn load(
    files: &Folder,
    catalogue: &Catalogue,
    before: Option<&PolicySet>,
) -> Result<PolicySet, Failure> {
    let mut mistakes = Mistakes::new();
    let set = PolicySet::load(files, Some(catalogue), before, TODAY, &mut mistakes);
    Ok(set.ok_or_else(|| mistakes.render(Look::Plain))?)
}

/// Reads every contract as YAML and keeps nothing.
fn parse(files: &Folder) -> Result<(), Failure> {
    for (_, source) in files.below("partners") {
        let document: serde_json::Value = serde_saphyr::from_str(source.text())?;
        black_box(document);
    }
    Ok(())
}

/// The shortest of a few.
fn fastest<T>(work: impl Fn() -> Result<T, Failure>) -> Result<Duration, Failure> {
    let mut times = Vec::with_capacity(LOADS);
    for _ in 0..LOADS {
        let (result, time) = timed(&work);
        drop(black_box(result?));
        times.push(time);
    }
    Ok(times.into_iter().min().unwrap_or_default())
}

fn measure_loading(
    files_before: &Folder,
    catalogue: &Catalogue,
    contracts: usize,
) -> Result<(), Failure> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let shipped = Folder::read(&shipped, &mut Mistakes::new());
    let files_after = files(&shipped, contracts, 2)?;
    let parsing = fastest(|| parse(files_before))?;
    let loading = fastest(|| load(files_before, catalogue, None))?;
    let before = load(files_before, catalogue, None)?;
    let reloading = fastest(|| load(&files_after, catalogue, Some(&before)))?;
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    println!(
        "{contracts:>6} contracts: load {loading:.2?}, {:.2} of parsing their YAML alone ({parsing:.2?}); \
         load again after one edit {reloading:.2?}, {:.4} of the whole load",
        ratio(loading, parsing),
        ratio(reloading, loading),
    );
    let resident = resident_bytes()?;
    let mut kept = Vec::with_capacity(SETS_KEPT);
    for _ in 0..SETS_KEPT {
        kept.push(load(files_before, catalogue, None)?);
    }
    let loaded = resident_bytes()?.saturating_sub(resident);
    let call = Call::of(catalogue)?;
    for set in &kept {
        call.decide_each(set)?;
    }
    let used = resident_bytes()?.saturating_sub(resident);
    let each = u64::try_from(SETS_KEPT * contracts)?;
    if contracts >= 1_000 {
        println!(
            "{contracts:>6} contracts: {} bytes a contract once loaded, {} once it was asked",
            loaded / each,
            used / each
        );
    }
    Ok(())
}

/// The resident set of this process, from `/proc` (proc_pid_status(5)).
fn resident_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mut lines = status.lines();
    let resident = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|text| text.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.ok_or("no figure of resident memory")?.parse()?;
    Ok(kibibytes * 1024)
}

/// What every partner asks for.
#[derive(Clone, Copy)]
struct Call<'a> {
    operation: &'a Operation,
    purpose: Purpose,
}

impl<'a> Call<'a> {
    fn of(catalogue: &'a Catalogue) -> Result<Self, Failure> {
        let operation = catalogue.operation("listCustomers");
        Ok(Self {
            operation: operation.ok_or("the operation is not in the catalogue")?,
            purpose: Purpose::parse("essential.service").ok_or("the purpose is not known")?,
        })
    }

    /// One decision for one partner; how many categories leave.
    fn decide(self, set: &PolicySet, partner: &PartnerId) -> Result<usize, Box<Refusal>> {
        let request = AccessRequest {
            partner,
            standing: Standing::Good,
            operation: self.operation,
            purpose: self.purpose,
            marketing_signals: &[],
            page_records: Some(50),
            today: TODAY,
            circumstances: Circumstances::default(),
        };
        let grant = set.decide(black_box(&request))?;
        let forms = grant.forms(Circumstances::OWN);
        Ok(forms.iter().filter(|form| form.is_some()).count())
    }

    fn decide_each(self, set: &PolicySet) -> Result<(), Failure> {
        for contract in set.contracts() {
            let decided = self.decide(set, &contract.partner);
            black_box(decided.map_err(|refusal| refusal.detail)?);
        }
        Ok(())
    }
}

fn measure_decisions(
    set: &PolicySet,
    catalogue: &Catalogue,
    batches: usize,
) -> Result<(), Failure> {
    let call = Call::of(catalogue)?;
    let contracts = set.contracts().len();
    let partners: Vec<PartnerId> = set.contracts().map(|c| c.partner.clone()).collect();
    let first = partners.first().ok_or("no contract was loaded")?;
    let (granted, cold) = timed(|| call.decide(set, first));
    black_box(granted.map_err(|refusal| refusal.detail)?);
    let (asked, each) = timed(|| call.decide_each(set));
    asked?;
    let ((), warm_up) = timed(|| set.warm_up(catalogue, || true));
    let mut times: Vec<Duration> = (0..batches)
        .map(|_| {
            let mut next = partners.iter().cycle();
            timed(|| {
                for partner in next.by_ref().take(DECISIONS_PER_BATCH as usize) {
                    drop(black_box(call.decide(set, partner)));
                }
            })
            .1
        })
        .collect();
    times.sort_unstable();
    let median = times.get(batches / 2).copied().unwrap_or_default();
    println!(
        "{contracts:>6} contracts: decision {:>4} ns (median of {batches} batches); first decision \
         {cold:.2?}; first of each contract {:.2?}; warm-up {warm_up:.2?}",
        (median / DECISIONS_PER_BATCH).as_nanos(),
        each / u32::try_from(contracts)?,
    );
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bench reads the monotonic clock itself"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
