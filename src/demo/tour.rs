//! The main job in eight steps, each a real call over mutual TLS against a real gateway, or what a
//! person does afterwards. A step that does not end as it should ends the tour with an error.

mod lines;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::client::{PartnerAnswer, PartnerClient};
use super::core::World;
use super::{Demo, DemoError};
use crate::administration::client::Client;
use crate::administration::messages::{Report, ReportQuery};
use crate::clock::Clock;
use crate::ledger::{KEYS_FILE, Keys, ReadError, verify};
use crate::starter::{DEFAULT_PORTS, Ports};

pub use self::lines::curl_lines;

const PARTNER: &str = "acme";
const PURPOSE: &str = "essential.service";
/// Records on a page of the sweep.
const PAGE_RECORDS: usize = 100;
/// Pages after which a sweep that nobody stopped is a failure.
const PAGES_MAX: usize = 20;
/// Where `covenant demo` keeps its files, as the printed lines name them.
const PRINTED_DIRECTORY: &str = "covenant-demo";

/// Ids of one customer of the partner and of what belongs to it.
struct Subjects {
    customer: String,
    job: String,
    document: String,
}

impl Subjects {
    fn of(world: &World) -> Result<Self, DemoError> {
        let customer = world
            .customers_of(Some(PARTNER))
            .next()
            .ok_or("no customers")?;
        let job = world
            .jobs()
            .iter()
            .find(|job| job.customer_id == customer.id);
        let job = job.ok_or("no job of the first customer")?;
        Ok(Self {
            customer: customer.id.clone(),
            job: job.id.clone(),
            document: job.document_id.clone(),
        })
    }
}

/// Runs the tour in a folder of its own, prints it, and returns the exit code.
///
/// # Errors
/// When a step does not end as it should.
pub async fn run(clock: Clock) -> Result<u8, DemoError> {
    let directory = Folder::make()?;
    let ports = Ports::free()?;
    let demo = Demo::start(&directory.0, &ports, clock).await?;
    let subjects = Subjects::of(demo.world())?;
    let lines = curl_lines(
        Path::new(PRINTED_DIRECTORY),
        DEFAULT_PORTS.gateway,
        demo.world(),
    );
    let mut tour = Tour {
        lines: lines.into_iter(),
        step: 0,
    };
    println!(
        "A partner's calls, through the gateway, to a core service with {} made-up customers.\n",
        demo.world().customers().len()
    );
    calls(&mut tour, &demo, &subjects).await?;
    whose_data(&mut tour, &demo, &subjects).await?;
    let (ledger, core_calls) = (
        demo.config().ledger.directory.clone(),
        demo.core().received_count(),
    );
    demo.stop().await;
    ledger_steps(&mut tour, &ledger)?;
    println!("\nEvery promise kept; {core_calls} calls reached the core.");
    Ok(0)
}

/// Prints each step with the line that does the same.
struct Tour {
    lines: std::vec::IntoIter<String>,
    step: usize,
}

impl Tour {
    fn print(&mut self, what: &str, call: &str, outcome: &str) {
        self.step += 1;
        println!("{} {what:<12} {call:<34} {outcome}", self.step);
        if let Some(line) = self.lines.next() {
            println!("    $ {}\n", line.replace('\n', "\n      "));
        }
    }
}

async fn calls(tour: &mut Tour, demo: &Demo, subjects: &Subjects) -> Result<(), DemoError> {
    let address = demo.running().gateway_address();
    let mut partner = PartnerClient::connect(demo.directory(), PARTNER, address).await?;
    let job = partner
        .get(&format!("/v1/jobs/{}", subjects.job), PURPOSE)
        .await?;
    expect(&job, 200, "allow")?;
    tour.print(
        "allowed",
        "GET  …/jobs/{id}",
        &format!("200 allow     {PARTNER}, {PURPOSE}"),
    );

    let customer = partner
        .get(&format!("/v1/customers/{}", subjects.customer), PURPOSE)
        .await?;
    expect(&customer, 200, "redact")?;
    let withheld = withheld_names(customer.header("covenant-redacted"));
    tour.print(
        "redacted",
        "GET  …/customers/{id}",
        &format!("200 redact    withheld: {withheld}"),
    );

    let campaign = json!({
        "name": "Spring offers",
        "document_id": subjects.document,
        "audience": {"states": ["ME"]},
    });
    let campaign = partner.post("/v1/campaigns", PURPOSE, &campaign).await?;
    expect_code(&campaign, 403, "marketing-use-blocked")?;
    tour.print(
        "marketing",
        "POST …/campaigns (audience)",
        "403 marketing-use-blocked",
    );

    let export = partner.get("/v1/customers.csv", PURPOSE).await?;
    expect_code(&export, 403, "bulk-export-blocked")?;
    let large = partner.get("/v1/customers?limit=1000", PURPOSE).await?;
    expect_code(&large, 422, "page-too-large")?;
    tour.print(
        "bulk export",
        "GET  …/customers.csv, ?limit=1000",
        "403 bulk-export-blocked, 422 page-too-large",
    );

    let seen = sweep(&mut partner).await?;
    tour.print(
        "sweep",
        &format!("GET  …/customers?limit={PAGE_RECORDS}&cursor=…"),
        &format!("429 customer-budget-exhausted after {seen} distinct customers"),
    );
    Ok(())
}

/// Pages through the partner's own customers until the budget ends it; returns how many it saw.
async fn sweep(partner: &mut PartnerClient) -> Result<usize, DemoError> {
    let mut seen = 0;
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let page = partner
            .get(
                &format!("/v1/customers?limit={PAGE_RECORDS}{cursor}"),
                PURPOSE,
            )
            .await?;
        if page.status == 429 {
            expect_code(&page, 429, "customer-budget-exhausted")?;
            return Ok(seen);
        }
        expect(&page, 200, "redact")?;
        let document = page.json();
        let records = document
            .get("data")
            .and_then(|data| data.as_array())
            .ok_or("no records")?;
        seen += records.len();
        let last = records
            .last()
            .and_then(|last| last.get("id"))
            .and_then(|id| id.as_str());
        cursor = format!(
            "&cursor={}",
            last.ok_or("the partner's customers ended before its budget")?
        );
    }
    Err("the sweep was not stopped".into())
}

async fn whose_data(tour: &mut Tour, demo: &Demo, subjects: &Subjects) -> Result<(), DemoError> {
    let client = Client::new(&demo.config().administration.socket, None);
    let query = ReportQuery {
        customer: Some(subjects.customer.clone()),
        because: Some("a customer asks".into()),
        ..ReportQuery::default()
    };
    let report: Report = client.post("/ledger/report", &query).await?;
    let disclosures: u64 = report.disclosures.iter().map(|series| series.count).sum();
    let mut recipients: Vec<_> = report
        .disclosures
        .iter()
        .map(|series| &series.recipient)
        .collect();
    recipients.sort();
    recipients.dedup();
    if disclosures == 0 || recipients.len() != 1 {
        return Err(format!(
            "{disclosures} disclosures to {} recipients",
            recipients.len()
        )
        .into());
    }
    tour.print(
        "whose data?",
        &format!("who received {}", subjects.customer),
        &format!(
            "{disclosures} disclosures to {} recipient",
            recipients.len()
        ),
    );
    Ok(())
}

fn ledger_steps(tour: &mut Tour, ledger: &Path) -> Result<(), DemoError> {
    let keys = Keys::parse(&fs::read_to_string(ledger.join(KEYS_FILE))?)?;
    let verified = verify::verify(ledger, &keys, None)?;
    tour.print(
        "verify",
        "the ledger",
        &format!("{} entries, checkpoint signed and good", verified.entries),
    );

    let copy = Folder::make()?;
    copy_folder(ledger, &copy.0)?;
    flip_a_byte(&copy.0)?;
    let Err(ReadError::Damaged(damage)) = verify::verify(&copy.0, &keys, None) else {
        return Err("a changed byte was not found".into());
    };
    let place = damage.index.map_or_else(
        || "found".to_owned(),
        |index| format!("found at entry {index}"),
    );
    tour.print(
        "tamper",
        "one byte changed in a copy",
        &format!("{place}, exit 6"),
    );
    Ok(())
}

/// Changes one byte in the middle of the recorded entries of a copy.
fn flip_a_byte(ledger: &Path) -> Result<(), DemoError> {
    let mut segments: Vec<PathBuf> = fs::read_dir(ledger.join("journal"))?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_, DemoError>>()?;
    segments.sort();
    let path = segments.first().ok_or("the ledger has no segment")?;
    let mut bytes = fs::read(path)?;
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .ok_or("the segment is empty")?;
    let middle = bytes
        .iter_mut()
        .take(end)
        .skip(end / 2)
        .find(|byte| byte.is_ascii_lowercase());
    *middle.ok_or("no text in the segment")? ^= 0x20;
    Ok(fs::write(path, bytes)?)
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn expect(answer: &PartnerAnswer, status: u16, decision: &str) -> Result<(), DemoError> {
    if answer.status == status && answer.header("covenant-decision") == decision {
        return Ok(());
    }
    Err(format!(
        "expected {status} {decision}, got {} {}",
        answer.status,
        answer.json()
    )
    .into())
}

fn expect_code(answer: &PartnerAnswer, status: u16, code: &str) -> Result<(), DemoError> {
    let told = answer.json();
    if answer.status == status && told.get("code").is_some_and(|found| found == code) {
        return Ok(());
    }
    Err(format!("expected {status} {code}, got {} {told}", answer.status).into())
}

/// The last segments of the fields that a `Covenant-Redacted` header names.
fn withheld_names(header: &str) -> String {
    let names = header.split(", ").filter_map(|member| {
        let path = member.split(';').next()?.trim_matches('"');
        path.rsplit('.').next()
    });
    names.collect::<Vec<_>>().join(", ")
}

/// A folder that goes when the tour does.
struct Folder(PathBuf);

impl Folder {
    fn make() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("covenant-tour-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's temporary files' to clean.
        let _left = fs::remove_dir_all(&self.0);
    }
}
