//! A disk that fails under a running gateway: nothing leaves without a record, it says so, and what
//! was recorded is sound afterwards.

use std::fs;
use std::path::PathBuf;

use covenant::demo::client::PartnerAnswer;
use serde_json::json;

use crate::installation::{Installation, PURPOSE};
use crate::program::{Background, finish, page, say_without, until};
use tokio::process::Command;

const TARGET: &str = "/v1/customers/cus_000001";

/// A gateway that is told of a full disk by an error, as on a real one, not by a signal.
fn serve_with(place: &Installation, limits: &str) -> Command {
    let mut command = Command::new("sh");
    let line = format!("trap '' XFSZ; {limits} exec \"$0\" serve");
    command
        .current_dir(place.folder())
        .args(["-c", &line, env!("CARGO_BIN_EXE_covenant")]);
    command
}

/// The refusal of a gateway that cannot record; nothing of the customer is in it.
#[track_caller]
fn assert_unrecorded(answer: &PartnerAnswer) {
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 503, "{body}");
    assert_eq!(answer.json()["code"], "record-unavailable", "{body}");
    assert!(
        !body.contains("cus_000001") && !body.contains("Fort Linden"),
        "{body}"
    );
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        assert!(!value.contains("cus_000001"), "{name}: {value}");
    }
}

#[tokio::test]
async fn with_a_full_disk_nothing_leaves_and_after_a_restart_everything_is_sound() {
    let place = Installation::new().await;
    let core = place.start_core().await;
    let mut gateway = Background::start(serve_with(&place, ""), &place.path("serve.log"));
    place.ready(&mut gateway).await;
    place.import_book().await;
    let first = place.get("acme", TARGET).await;
    assert_eq!(first.status, 200);

    gateway.limit_files(Some(0));
    // The first to meet the full disk has been to the core; its answer stays inside.
    assert_unrecorded(&place.get("acme", TARGET).await);
    assert_eq!(place.readiness().await, Some(503));
    let reached = core.received_count();
    assert_unrecorded(&place.get("acme", TARGET).await);
    assert_unrecorded(&place.get("bluebird", "/v1/customers?limit=1").await);
    let job = core_job(&place);
    let mut client = place.connect("acme").await;
    assert_unrecorded(&client.post("/v1/jobs", PURPOSE, &job).await.unwrap());
    assert_eq!(core.received_count(), reached, "nothing can be asked for");
    let (_, metrics) = page(place.operator(), "/metrics").await.unwrap();
    assert!(metrics.contains("covenant_ledger_writable 0"), "{metrics}");
    assert_eq!(page(place.operator(), "/healthz").await.unwrap().0, 200);
    place
        .run("partner suspend acme --because leak")
        .await
        .with(1);
    let report = "ledger report --customer cus_000001";
    place.run(report).await.with(1);

    // Room again: what the disk holds nobody can tell, so it stays shut until a restart looks.
    gateway.limit_files(None);
    assert_unrecorded(&place.get("acme", TARGET).await);
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
    let mut gateway = place.serve().await;
    let last = place.get("acme", TARGET).await;
    assert_eq!(last.status, 200);
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
    let disclosures = place.disclosures();
    let ids: Vec<&str> = disclosures.keys().map(String::as_str).collect();
    let mut answered = [first.header("request-id"), last.header("request-id")];
    answered.sort_unstable();
    assert_eq!(ids, answered);
}

/// A job that would be made if the disk had room.
fn core_job(place: &Installation) -> serde_json::Value {
    let book = fs::read_to_string(place.path("book.jsonl")).unwrap();
    let rows = book
        .lines()
        .map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
    let owned = |kind: &str| {
        let mut rows = rows.clone();
        let row = rows.find(|row| {
            let operational = row["purpose"]
                .as_str()
                .is_none_or(|word| word.starts_with("essential"));
            row["kind"] == kind && row["customer"] == "cus_000001" && operational
        });
        row.map(|row| row["id"].clone()).unwrap_or_default()
    };
    json!({
        "customer_id": "cus_000001",
        "document_id": owned("document"),
        "address_list_id": owned("list"),
        "use_type": "operational",
    })
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_stops_the_start_and_harms_nothing() {
    let place = Installation::new().await;
    let mut gateway = place.serve().await;
    assert_eq!(gateway.stop().await, 0);
    let before = place.verify().await;
    let refused = finish(serve_with(&place, "ulimit -f 0;")).await.with(1);
    assert!(refused.err.contains("covenant: "), "{refused:?}");
    assert_eq!(place.verify().await, before);
    let mut gateway = place.serve().await;
    assert_eq!(gateway.stop().await, 0);
    assert_eq!(place.verify().await, before + 2);
}

/// A file system of a few mebibytes, taken away when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, said loudly, where this user may not mount one.
    async fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"]);
        let mounted = command.arg(&path).status().await;
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        // A right is no component that could be installed.
        say_without("the right to mount a small file system");
        None
    }

    async fn resize(&self, size: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,size={size}")]);
        assert!(command.arg(&self.0).status().await.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[tokio::test]
async fn a_disk_that_is_really_filled_closes_the_ledger_and_nothing_on_record_is_lost() {
    let place = Installation::new().await;
    let Some(disk) = SmallDisk::mount(place.path("ledger")).await else {
        return;
    };
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let mut answered = Vec::new();
    let mut client = place.connect("acme").await;
    // Segments of a mebibyte: two are there, and for a further one there is no room any more.
    while place.readiness().await == Some(200) {
        assert!(answered.len() < 5_000, "the disk does not become full");
        let answer = client.get(TARGET, PURPOSE).await.unwrap();
        match answer.status.as_u16() {
            200 => answered.push(answer.header("request-id").to_owned()),
            429 => {}
            _ => assert_unrecorded(&answer),
        }
    }
    assert_unrecorded(&place.get("acme", TARGET).await);
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;

    disk.resize("64m").await;
    let mut gateway = place.serve().await;
    let last = place.get("bluebird", "/v1/customers?limit=1").await;
    assert_eq!(last.status, 200);
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
    let disclosures = place.disclosures();
    assert!(!answered.is_empty());
    for id in answered {
        assert!(disclosures.contains_key(&id), "lost: {id}");
    }
}

#[tokio::test]
async fn a_segment_that_somebody_removes_or_replaces_shuts_the_gateway() {
    for replaced in [false, true] {
        let place = Installation::new().await;
        let _core = place.start_core().await;
        let mut gateway = place.serve().await;
        place.import_book().await;
        assert_eq!(place.get("acme", TARGET).await.status, 200);
        until("the log is published", async || {
            place.path("ledger/checkpoint").exists()
        })
        .await;
        let segment = place.path("ledger/journal/0000000000.segment");
        let copy = fs::read(&segment).unwrap();
        fs::remove_file(&segment).unwrap();
        if replaced {
            fs::write(&segment, &copy).unwrap();
        }
        // Nobody asks for anything: it looks by itself.
        until("it is noticed", async || {
            place.readiness().await == Some(503)
        })
        .await;
        assert_unrecorded(&place.get("acme", TARGET).await);
        assert_eq!(place.readiness().await, Some(503));
        assert_eq!(gateway.stop().await, 0);
        if !replaced {
            let refused = place.run("serve").await.with(6);
            assert!(refused.err.contains("the ledger is damaged"), "{refused:?}");
        }
    }
}
