//! Killed where it stands, at moments nobody chose, under load: whatever a partner received is on
//! record, whatever reached the core to change it was on record before, and budgets come back no
//! better than they were. `COVENANT_KILLS` sets the number of kills for longer campaigns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use covenant::demo::client::PartnerAnswer;
use covenant::demo::core::{Core, UseType, World};
use covenant::entry::Event;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::installation::{Installation, PURPOSE};
use crate::program::random;

/// Kills where nobody asks for more.
const KILLS: u64 = 20;
/// Callers at once, of each partner.
const CALLERS: usize = 3;
/// Customers that each partner asks about; far below its budget.
const CUSTOMERS: usize = 120;
/// Jobs that all partners make, however many kills there are; the core is full with somewhat more.
const JOBS_MAX: u64 = 9_000;
/// Longest time between the start, or readiness, and the kill.
const LIFE_MILLISECONDS_MAX: u64 = 600;

/// What the partners know: each answer that they received whole.
#[derive(Debug, Default)]
struct Received {
    /// Request ids of what was disclosed.
    disclosures: BTreeSet<String>,
    /// Customers that each partner has seen.
    seen: BTreeMap<&'static str, BTreeSet<String>>,
    /// Customers that each partner asked about.
    asked: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Received {
    fn ask(&mut self, partner: &'static str, customer: &str) {
        let asked = self.asked.entry(partner).or_default();
        asked.insert(customer.to_owned());
    }

    fn receive(&mut self, partner: &'static str, customer: &str, answer: &PartnerAnswer) {
        let id = answer.header("request-id");
        self.disclosures.insert(id.to_owned());
        let seen = self.seen.entry(partner).or_default();
        seen.insert(customer.to_owned());
    }
}

/// What one partner may ask about.
#[derive(Debug)]
struct Subjects {
    partner: &'static str,
    customers: Vec<String>,
    /// A job that it may have made, again and again.
    job: Option<Value>,
    /// How many more it makes before the next kill.
    jobs_left: AtomicU64,
}

impl Subjects {
    /// Its job, if it may make one more.
    fn next_job(&self) -> Option<&Value> {
        let one_less = |left: u64| left.checked_sub(1);
        let left = &self.jobs_left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .ok()
            .and(self.job.as_ref())
    }
}

type Shared = Arc<Mutex<Received>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_received_before_a_kill_is_on_record_after_it() {
    let kills = std::env::var("COVENANT_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let place = Arc::new(Installation::new().await);
    // A machine with much else to do must not look like a disk that hangs.
    let patient = "key = \"ledger.key\"\nwait_milliseconds_max = 60000\n";
    place.edit("covenant.toml", "key = \"ledger.key\"\n", patient);
    let core = place.start_core().await;
    let mut gateway = place.serve().await;
    let world = place.import_book().await;
    let subjects: Vec<Arc<Subjects>> = ["acme", "bluebird"]
        .map(|partner| {
            let customers = world.customers_of(Some(partner)).take(CUSTOMERS);
            let customers: Vec<_> = customers.map(|one| one.id.clone()).collect();
            let job = world.jobs().iter().find(|job| {
                customers.contains(&job.customer_id) && job.use_type == UseType::Operational
            });
            let job = job.map(|job| {
                json!({
                    "customer_id": job.customer_id,
                    "document_id": job.document_id,
                    "address_list_id": job.address_list_id,
                    "use_type": "operational",
                })
            });
            Arc::new(Subjects {
                partner,
                customers,
                job,
                jobs_left: AtomicU64::new(0),
            })
        })
        .into();
    let received = Shared::default();
    let jobs = (JOBS_MAX / kills.max(1) / subjects.len() as u64).max(1);
    for kill in 0..kills {
        for one in subjects.iter() {
            one.jobs_left.store(jobs, Ordering::Relaxed);
        }
        let callers = Callers::start(&place, &subjects, &received);
        if kill % 4 != 3 {
            // Otherwise it may die while it starts.
            place.ready(&mut gateway).await;
        }
        sleep(Duration::from_millis(random(LIFE_MILLISECONDS_MAX))).await;
        gateway.kill().await;
        callers.stop().await;
        place.verify().await;
        check_record(&place, &core, &received);
        gateway = place.serve().await;
        for one in &subjects {
            check_budget(&place, one, &received).await;
        }
    }
    assert_eq!(gateway.stop().await, 0);
    let entries = place.verify().await;
    check_record(&place, &core, &received);
    let answers = received.lock().unwrap().disclosures.len();
    assert!(answers > 0, "there was no load");
    println!("{kills} kills, {answers} answers received, {entries} entries");
}

/// Partners that call until they are stopped, on new connections whenever the old one breaks.
struct Callers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Callers {
    fn start(place: &Arc<Installation>, subjects: &[Arc<Subjects>], received: &Shared) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for one in subjects {
            for _ in 0..CALLERS {
                let (place, one) = (Arc::clone(place), Arc::clone(one));
                let (received, stopped) = (Arc::clone(received), stopped.clone());
                tasks.spawn(async move {
                    while !*stopped.borrow() {
                        call_until_it_breaks(&place, &one, &received, &stopped).await;
                        sleep(Duration::from_millis(5)).await;
                    }
                });
            }
        }
        Self { stop, tasks }
    }

    async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

async fn call_until_it_breaks(
    place: &Installation,
    subjects: &Subjects,
    received: &Shared,
    stopped: &watch::Receiver<bool>,
) {
    let Some(mut client) = place.try_connect(subjects.partner).await else {
        return;
    };
    while !*stopped.borrow() {
        let number = random(subjects.customers.len() as u64);
        let customer = &subjects.customers[usize::try_from(number).unwrap()];
        let changes = number.is_multiple_of(4);
        let job = changes.then(|| subjects.next_job()).flatten();
        let about = job
            .and_then(|job| job["customer_id"].as_str())
            .unwrap_or(customer);
        received.lock().unwrap().ask(subjects.partner, about);
        let answer = match job {
            Some(job) => client.post("/v1/jobs", PURPOSE, job).await,
            None => {
                client
                    .get(&format!("/v1/customers/{customer}"), PURPOSE)
                    .await
            }
        };
        let Ok(answer) = answer else {
            return;
        };
        let expected = if job.is_some() { 201 } else { 200 };
        assert_eq!(answer.status, expected, "{}", answer.json());
        received
            .lock()
            .unwrap()
            .receive(subjects.partner, about, &answer);
    }
}

/// Every answer that was received is a disclosure on record, and every change that reached the core
/// an intent.
fn check_record(place: &Installation, core: &Core, received: &Shared) {
    let (mut disclosed, mut intended) = (BTreeSet::new(), BTreeSet::new());
    for entry in place.entries() {
        match entry.event {
            Event::Disclosure(made) => _ = disclosed.insert(made.request.request_id),
            Event::Intent(intent) => _ = intended.insert(intent.request.request_id),
            _ => {}
        }
    }
    let received = received.lock().unwrap();
    let lost: Vec<_> = received.disclosures.difference(&disclosed).collect();
    assert!(lost.is_empty(), "received, and not on record: {lost:?}");
    let changes = core
        .received()
        .into_iter()
        .filter(|call| call.method == Method::POST);
    for change in changes {
        let id = change.headers["request-id"].to_str().unwrap();
        assert!(
            intended.contains(id),
            "{id} changed the core, and is not on record"
        );
    }
}

/// A budget is charged for all that was received, and for nothing that was not asked for.
async fn check_budget(place: &Installation, subjects: &Subjects, received: &Shared) {
    let customer = &subjects.customers[0];
    let answer = place
        .get(subjects.partner, &format!("/v1/customers/{customer}"))
        .await;
    assert_eq!(answer.status, 200);
    let limit = member(answer.header("covenant-budget-policy"), "q");
    let spent = limit - member(answer.header("covenant-budget"), "r");
    let mut received = received.lock().unwrap();
    received.ask(subjects.partner, customer);
    received.receive(subjects.partner, customer, &answer);
    let (seen, asked) = (
        received.seen[subjects.partner].len(),
        received.asked[subjects.partner].len(),
    );
    assert!(
        (seen..=asked).contains(&spent),
        "{seen} seen, {spent} spent, {asked} asked"
    );
}

/// The named integer of the first member, which is the day's.
fn member(header: &str, name: &str) -> usize {
    let day = header.split(',').next().unwrap_or_default();
    let value = day
        .split(';')
        .find_map(|part| part.strip_prefix(&format!("{name}=")));
    value
        .unwrap_or_else(|| panic!("no {name} in {header:?}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn an_import_that_a_kill_interrupts_is_there_whole_or_not_at_all() {
    let place = Arc::new(Installation::new().await);
    let world = World::invent();
    world.write_book(&place.path("book.jsonl")).unwrap();
    let mut owned = world
        .customers()
        .iter()
        .filter(|one| one.partner_id.is_some());
    let ends = [owned.next().unwrap(), owned.next_back().unwrap()];
    let ends = ends.map(|one| format!("customers show {}", one.id));
    let mut was_there = false;
    for _ in 0..4 {
        let mut gateway = place.serve().await;
        let import = Arc::clone(&place);
        let import = tokio::spawn(async move { import.run("customers import book.jsonl").await });
        sleep(Duration::from_millis(random(LIFE_MILLISECONDS_MAX))).await;
        gateway.kill().await;
        let imported = import.await.unwrap();
        let mut gateway = place.serve().await;
        let first = place.run(&ends[0]).await.code;
        let last = place.run(&ends[1]).await.code;
        assert_eq!(first, last, "half of the book: {imported:?}");
        let is_there = first == 0;
        assert!(
            is_there || imported.code != 0,
            "lost after the answer: {imported:?}"
        );
        assert!(is_there || !was_there, "what was imported before is gone");
        was_there = is_there;
        assert_eq!(gateway.stop().await, 0);
        place.verify().await;
    }
}
