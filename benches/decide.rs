//! What a granted decision costs from the compiled form: `decide`, then the forms of every category
//! for the partner's own customer. Run with 10 and with 10,000 contracts, to show that the number of
//! contracts does not matter. Loading and the first decision of each kind are told apart: they happen
//! once, and the gateway does most of it ahead of requests, which is the warm-up. Numbers are medians
//! of batches, on one core.
//!
//! `cargo bench --bench decide`; with `-- --test` it runs one short batch with 10 contracts.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use covenant::catalogue::Catalogue;
use covenant::mistakes::{Look, Mistakes};
use covenant::policy::{AccessRequest, Circumstances, PolicySet, Standing};
use covenant::source::Folder;
use covenant::taxonomy::Purpose;
use covenant::terms::PartnerId;
use jiff::civil::date;

const DECISIONS_PER_BATCH: u32 = 20_000;
const BATCHES: usize = 25;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|argument| argument == "--test");
    let sizes: &[usize] = if quick { &[10] } else { &[10, 10_000] };
    let batches = if quick { 1 } else { BATCHES };
    for &contracts in sizes {
        let directory = tempfile::tempdir()?;
        write_set(directory.path(), contracts)?;
        measure(directory.path(), contracts, batches)?;
    }
    Ok(())
}

/// The shipped promises with `contracts` copies of the demo's first contract.
fn write_set(directory: &Path, contracts: usize) -> Result<(), Failure> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    fs::create_dir_all(directory.join("partners"))?;
    for name in ["promises.cedar", "schema.cedarschema"] {
        fs::copy(shipped.join(name), directory.join(name))?;
    }
    let acme = fs::read_to_string(shipped.join("partners/acme.yaml"))?;
    for number in 0..contracts {
        let copy = acme
            .replace("partner: acme", &format!("partner: p{number}"))
            .replace(
                "acme.partners.example",
                &format!("p{number}.partners.example"),
            )
            .replace("acme-portal", &format!("p{number}-portal"));
        fs::write(directory.join(format!("partners/p{number}.yaml")), copy)?;
    }
    Ok(())
}

fn measure(directory: &Path, contracts: usize, batches: usize) -> Result<(), Failure> {
    let mut mistakes = Mistakes::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let catalogue = Catalogue::load(&Folder::read(&shipped, &mut mistakes), &mut mistakes);
    let (set, load) = timed(|| {
        PolicySet::load(
            &Folder::read(directory, &mut mistakes),
            catalogue.as_ref(),
            date(2026, 11, 22),
            &mut mistakes,
        )
        .ok_or_else(|| mistakes.render(Look::Plain))
    });
    let set = set?;
    let catalogue = catalogue.as_ref().ok_or("there is no catalogue")?;
    let operation = catalogue.operation("listCustomers");
    let operation = operation.ok_or("the operation is not in the catalogue")?;
    let purpose = Purpose::parse("essential.service").ok_or("the purpose is not known")?;
    let partners: Vec<PartnerId> = set.contracts().map(|c| c.partner.clone()).collect();
    let decide = |partner: &PartnerId| {
        let request = AccessRequest {
            partner,
            standing: Standing::Good,
            operation,
            purpose,
            marketing_signals: &[],
            page_records: Some(50),
            today: date(2026, 11, 22),
        };
        let grant = set.decide(black_box(&request));
        grant.map(|grant| {
            let forms = grant.forms(Circumstances::OWN);
            forms.iter().filter(|form| form.is_some()).count()
        })
    };
    let first = partners.first().ok_or("no contract was loaded")?;
    let (granted, cold) = timed(|| decide(first));
    black_box(granted.map_err(|refusal| refusal.detail)?);
    let (_, each) = timed(|| partners.iter().for_each(|partner| drop(decide(partner))));
    let (_, warm_up) = timed(|| set.warm_up(catalogue, || true));
    let mut times: Vec<Duration> = (0..batches)
        .map(|_| {
            let mut next = partners.iter().cycle();
            timed(|| {
                for partner in next.by_ref().take(DECISIONS_PER_BATCH as usize) {
                    drop(black_box(decide(partner)));
                }
            })
            .1
        })
        .collect();
    times.sort_unstable();
    let median = times.get(batches / 2).copied().unwrap_or_default();
    println!(
        "{contracts:>6} contracts: decision {:>4} ns (median of {batches} batches); load {load:.2?}; \
         first decision {cold:.2?}; first of each contract {:.2?}; warm-up {warm_up:.2?}",
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
