//! A ledger of years ago is purged by the program as it runs, and by two people; before, after and over
//! restarts it verifies.

use std::fs;

use covenant::clock::Clock;
use covenant::entry::{Entry, Event, GatewayNote, Purge};
use covenant::ledger::{Ledger, Options, Signer};
use covenant::registry::{Proposal, Registry};
use rustix::process::Signal;

use crate::installation::Installation;
use crate::program::{page, until};

/// Entries of before, each so long that a few hundred fill a segment.
const ENTRIES: usize = 700;
const LONG_BYTES: usize = 4_000;

/// An installation that keeps what it must for 32 days, and whose ledger begins in 2020.
async fn aged() -> Installation {
    let place = Installation::new().await;
    let config = fs::read_to_string(place.path("covenant.toml")).unwrap();
    let origin = config.lines().find_map(|line| {
        let value = line.strip_prefix("origin = \"")?;
        Some(value.split_once('"')?.0.to_owned())
    });
    let origin = origin.unwrap();
    let signer = Signer::create_file(&place.path("ledger.key"), &origin).unwrap();
    let clock = Clock::manual("2020-02-29T12:00:00Z".parse().unwrap());
    let mut options = Options::new(place.path("ledger"), &origin);
    options.segment_bytes = 1 << 20;
    let (ledger, _) = Ledger::open(&options, signer, &clock).unwrap();
    for number in 0..ENTRIES {
        let note = GatewayNote {
            what: "started".to_owned(),
            detail: Some(format!("{number} {}", "x".repeat(LONG_BYTES))),
            policy: None,
        };
        let entry = Entry::new(clock.now(), Event::Gateway(note)).unwrap();
        ledger.append(entry).await.unwrap();
    }
    ledger.close().await;
    place
}

fn keep_for_a_month(place: &Installation) {
    let config = fs::read_to_string(place.path("covenant.toml")).unwrap();
    let terms =
        "\n[ledger.retention]\ndisclosures_days = 32\nrefusals_days = 32\noperations_days = 32\n";
    fs::write(place.path("covenant.toml"), config + terms).unwrap();
}

/// The folder's files of recipients' keys, by their months.
fn months(place: &Installation) -> Vec<String> {
    let files = fs::read_dir(place.path("registry")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let month = |name: String| {
        let month = name.strip_prefix("registry.sqlite.recipient-")?;
        Some(month.strip_suffix(".key")?.to_owned())
    };
    names.filter_map(month).collect()
}

/// Puts another person's name on what waits, as only another user of the system could.
async fn somebody_else_asked(place: &Installation) {
    let path = place.path("registry/registry.sqlite");
    let registry = Registry::open(&path, Clock::system()).unwrap();
    let waiting = registry.proposals("ledger.purge").await.unwrap();
    let first = waiting.into_iter().next().unwrap();
    let other = Proposal {
        actor: "Lee Counsel".to_owned(),
        role: "legal".to_owned(),
        ..first
    };
    registry.propose(other, 0).await.unwrap();
}

#[tokio::test]
async fn keys_that_a_stop_left_after_the_entry_about_them_are_destroyed_by_the_next_start() {
    let place = aged().await;
    fs::create_dir(place.path("registry")).unwrap();
    let then = Clock::manual("2020-02-29T12:00:00Z".parse().unwrap());
    let registry = Registry::open(&place.path("registry/registry.sqlite"), then.clone()).unwrap();
    drop(registry);
    assert!(months(&place).contains(&"2020-02".to_owned()));
    let config = fs::read_to_string(place.path("ledger/verifier.key")).unwrap();
    let origin = config.split('+').next().unwrap();
    let signer = Signer::read_file(&place.path("ledger.key")).unwrap();
    let mut options = Options::new(place.path("ledger"), origin);
    options.segment_bytes = 1 << 20;
    let (ledger, _) = Ledger::open(&options, signer, &then).unwrap();
    let purge = Purge {
        recipient_keys: vec!["2020-02".to_owned()],
        recipient_keys_until: Some("2020-02".to_owned()),
        ..Purge::default()
    };
    let entry = Entry::new(then.now(), Event::Purge(purge)).unwrap();
    ledger.append(entry).await.unwrap();
    ledger.close().await;
    let mut gateway = place.serve().await;
    let left = months(&place);
    assert!(!left.contains(&"2020-02".to_owned()), "{left:?}");
    assert!(left.contains(&"2020-03".to_owned()), "{left:?}");
    let report = "ledger report --recipient Ann --address Anytown";
    let report = place.run(report).await.with(0).out;
    let destroyed = format!("were destroyed: 2020-02 (as entry {ENTRIES} says)");
    assert!(report.contains(&destroyed), "{report}");
    assert!(report.contains("keys of 2020-03, "), "{report}");
    let search = "ledger search --recipient Ann --address Anytown";
    let search = place.run(search).await.with(0);
    assert!(search.err.contains(&destroyed), "{search:?}");
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
}

#[tokio::test]
async fn a_ledger_of_years_ago_is_purged_by_two_people_over_a_kill_and_verifies_before_and_after() {
    let place = aged().await;
    let core = place.start_core().await;
    let mut gateway = place.serve().await;
    let unset = place.run("ledger purge --dry-run").await.with(1);
    assert!(unset.err.contains("[ledger.retention]"), "{unset:?}");
    place.import_book().await;
    assert_eq!(gateway.stop().await, 0);
    keep_for_a_month(&place);
    let mut gateway = place.serve().await;
    let plan = place
        .run("ledger purge --dry-run -o json")
        .await
        .with(0)
        .json();
    assert_eq!(
        (&plan["minimum"], &plan["minimum_after"]),
        (&0.into(), &512.into())
    );
    assert_eq!(plan["entries"]["gateway"], 512);
    let shown = place.run("ledger purge --dry-run").await.with(0);
    assert!(shown.out.contains("2020-02-29T12:00:00Z"), "{shown:?}");
    let old = "ledger prove --dir ledger --key ledger.key --index 3 --out 3.tlog-proof --entry-out 3.json";
    place.run(old).await.with(0);
    let purge = "ledger purge --because old";
    let asked = place.run(purge).await.with(0);
    assert!(asked.out.contains("another person"), "{asked:?}");
    place.run(purge).await.with(1);
    assert_eq!(gateway.stop().await, 0);
    somebody_else_asked(&place).await;

    let mut gateway = place.serve().await;
    let done = place.run(purge).await.with(0);
    assert!(done.out.contains("512 entries"), "{done:?}");
    // Its entry is durable, and hardly anything else is: the next start goes on.
    gateway.signal(Signal::KILL);
    assert_eq!(gateway.wait().await, -1);
    place.verify().await;
    let mut gateway = place.serve().await;
    let first = place.path("ledger/tile/entries/000");
    until("the first bundle is gone", async || !first.exists()).await;
    let status = async |path: &str| page(place.operator(), path).await.unwrap().0;
    until("the minimum index is served", async || {
        status("/minimum").await == 200
    })
    .await;
    assert_eq!(status("/tile/entries/000").await, 404);
    assert_eq!(status("/tile/0/001").await, 404);
    let url = format!("http://{}", place.operator());
    let verify = format!("ledger verify --url {url} --key ledger.key");
    let verified = place.run(&verify);
    let verified = verified.await.with(0).out;
    assert!(
        verified.contains("verified from entry 512 on"),
        "{verified}"
    );
    let found = place
        .run("ledger search --decision purge -o json")
        .await
        .with(0)
        .json();
    assert_eq!(
        found["found"][0]["entry"]["event"]["approvals"][0]["actor"],
        "Lee Counsel"
    );
    assert_eq!(found["destroyed"]["entries"], 512);
    let report = place
        .run("ledger report --customer cus_000001")
        .await
        .with(0)
        .out;
    assert!(report.contains("first 512 entries"), "{report}");
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;

    // What does not need the gateway, and what was handed out before.
    let verify = "ledger verify --proof 3.tlog-proof --entry 3.json --key ledger.key";
    place.run(verify).await.with(0);
    let gone = place
        .run("ledger prove --dir ledger --key ledger.key --index 3")
        .await
        .with(1);
    assert!(gone.err.contains("destroyed"), "{gone:?}");
    let prove = "ledger prove --dir ledger --key ledger.key --index 512";
    place.run(prove).await.with(0);
    let export = "ledger export --dir ledger --key ledger.key --format jsonl";
    let lines = place.run(export).await.with(0).out.lines().count();
    let stats = place
        .run("ledger stats --dir ledger -o json")
        .await
        .with(0)
        .json();
    assert_eq!(stats["entries"], lines);
    assert!(lines >= ENTRIES - 512, "{lines}");
    place.run("ledger reindex --dir ledger").await.with(0);
    let mut gateway = place.serve().await;
    assert_eq!(
        place.get("acme", "/v1/customers/cus_000001").await.status,
        200
    );
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
    drop(core);
}
