//! What is found in a ledger by its index, what is handed out of it, and who is forgotten, over restarts.

use std::fs;
use std::path::{Path, PathBuf};

use covenant::clock::Clock;
use covenant::registry::{Proposal, Registry};

use crate::installation::{Installation, PURPOSE};
use crate::program::{covenant, finish, page, shell, until};

const TARGET: &str = "/v1/customers/cus_000001";

impl Installation {
    /// Waits until the index has all there is.
    async fn indexed(&self) {
        until("the index has every entry", async || {
            let metrics = page(self.operator(), "/metrics").await;
            metrics.is_some_and(|(_, text)| text.contains("covenant_ledger_index_behind 0\n"))
        })
        .await;
    }

    async fn found(&self, words: &str) -> usize {
        let found = self.run(&format!("ledger search {words} -o json")).await;
        found.with(0).json()["found"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn the_index_is_made_again_after_it_is_deleted_and_goes_on_after_a_kill() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    for _ in 0..3 {
        assert_eq!(place.get("acme", TARGET).await.status, 200);
    }
    place.indexed().await;
    let partner = "--partner acme --decision disclosure";
    assert_eq!(place.found(partner).await, 3);
    gateway.kill().await;
    let mut gateway = place.serve().await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    place.indexed().await;
    assert_eq!(place.found(partner).await, 4);
    assert_eq!(place.found(&format!("{partner} --scan")).await, 4);
    // A time alone is asked for as well, and needs no word.
    let today = place.found("--since 2026-01-01").await;
    let scanned = place.found("--since 2026-01-01 --scan").await;
    assert!(today > 4 && scanned == today + 1, "{today} {scanned}");
    assert_eq!(place.found("--until 2026-01-01").await, 0);
    let never = "ledger search --since 2026-01-02 --until 2026-01-01";
    place.run(never).await.with(2);
    for command in ["stats", "reindex"] {
        let told = place.run(&format!("ledger {command} --dir certs")).await;
        assert!(told.with(2).err.contains("there is no ledger in `certs`"));
    }
    place.run("ledger reindex --dir ledger").await.with(1);
    place.run("ledger reindex").await.with(0);
    place.indexed().await;
    assert_eq!(gateway.stop().await, 0);
    fs::remove_dir_all(place.path("ledger/index")).unwrap();
    let made = place.run("ledger reindex --dir ledger").await.with(0);
    assert!(made.out.contains("entries are in the index"), "{made:?}");
    fs::write(place.path("ledger/index/search.sqlite"), "not a database").unwrap();
    let mut gateway = place.serve().await;
    place.indexed().await;
    assert_eq!(place.found(partner).await, 4);
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
}

/// The first person on a customer's list, as the core has it: the name, and the address as on a letter.
async fn somebody_on(place: &Installation, list: &str) -> (String, String) {
    let (status, body) = page(place.core(), list).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let list: serde_json::Value = serde_json::from_str(&body).unwrap();
    let text = |pointer: &str| list.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let part = |name: &str| text(&format!("/recipients/0/address/{name}"));
    let address = format!(
        "{}, {}, {} {}, {}",
        part("street"),
        part("city"),
        part("state"),
        part("postal_code"),
        part("country")
    );
    (text("/recipients/0/name"), address)
}

#[tokio::test]
async fn who_received_the_data_of_somebody_on_a_list_is_answered_by_name_and_address() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let list = "/v1/address_lists/list_000001";
    let (name, address) = somebody_on(&place, list).await;
    let reply = place.get("acme", list).await;
    assert_eq!(reply.status, 200);
    let about = async |command: &[&str]| {
        let capitals = name.to_uppercase();
        let whom = ["--recipient", &capitals, "--address", &address];
        finish(covenant(place.folder(), &[command, &whom].concat())).await
    };
    let report = about(&["ledger", "report", "-o", "json"])
        .await
        .with(0)
        .json();
    let series = &report["disclosures"][0];
    assert_eq!(series["recipient"]["id"], "acme", "{report}");
    assert_eq!(series["operation"], "getAddressList");
    assert_eq!(series["first"]["request_id"], reply.header("request-id"));
    let months = report["recipient"]["references"].as_object().unwrap();
    assert_eq!(months.len(), 1);
    for shape in ["text", "csv", "html"] {
        let paper = about(&["ledger", "report", "--as", shape])
            .await
            .with(0)
            .out;
        assert!(paper.contains("getAddressList"), "{paper}");
        let keys = format!("keys of {}", months.keys().next().unwrap());
        assert!(paper.contains(&keys), "{paper}");
    }
    let whole = about(&["ledger", "report", "--scan", "-o", "json"]).await;
    assert_eq!(whole.with(0).json()["disclosures"], report["disclosures"]);
    let build = ["ledger", "evidence", "build", "--out", "somebody.zip"];
    about(&build).await.with(0);
    // Somebody else, and somebody of whom half is said.
    let other = [
        "ledger",
        "report",
        "--recipient",
        "Nobody Here",
        "--address",
        &address,
    ];
    let other = finish(covenant(place.folder(), &other)).await.with(0).out;
    assert!(other.contains("Nothing that can be told"), "{other}");
    let half = ["ledger", "report", "--recipient", &name];
    finish(covenant(place.folder(), &half)).await.with(2);
    place.run("ledger report").await.with(2);
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
    let entries: String = place
        .entries()
        .iter()
        .map(|entry| String::from_utf8(entry.to_canonical()).unwrap())
        .collect();
    for typed in [name.to_lowercase(), address.to_lowercase()] {
        assert!(!entries.to_lowercase().contains(&typed), "{typed}");
    }

    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["somebody.zip", "ledger/verifier.key"] {
        let to = elsewhere.path().join(name.rsplit('/').next().unwrap());
        fs::copy(place.path(name), to).unwrap();
    }
    let verify = "ledger verify somebody.zip --key verifier.key -o json";
    let verified = crate::program::run(elsewhere.path(), verify)
        .await
        .with(0)
        .json();
    // The disclosure, and everybody who asked until then.
    assert_eq!(verified["entries"], 6, "{verified}");
}

#[tokio::test]
async fn an_export_has_every_entry_in_every_form() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    assert_eq!(gateway.stop().await, 0);
    let entries = place.verify().await as usize;
    for (format, lines) in [
        ("jsonl", entries),
        ("ocsf", entries),
        ("cloudevents", entries),
        ("csv", entries + 1),
    ] {
        let export = format!("ledger export --dir ledger --key ledger.key --format {format}");
        let said = place.run(&export).await.with(0);
        assert_eq!(said.out.lines().count(), lines, "{format}");
        let out = format!("{export} --out {format}.txt");
        place.run(&out).await.with(0);
        assert_eq!(
            fs::read_to_string(place.path(&format!("{format}.txt"))).unwrap(),
            said.out
        );
        place.run(&out).await.with(1);
    }
    // What is not what was recorded is not handed on.
    let forge = "cp -r ledger forged && sed -i 's/essential.service/essential.servise/g' forged/tile/entries/000.p/*";
    shell(place.folder(), forge).await.with(0);
    for format in ["jsonl", "ocsf", "cloudevents"] {
        let export = format!("ledger export --dir forged --key ledger.key --format {format}");
        let forged = place.run(&export).await.with(6);
        assert_eq!(forged.out, "");
    }
    // Where a gateway runs on it, it stands in there who took it along, and a role that may not is no way.
    let mut gateway = place.serve().await;
    let export = "ledger export --dir ledger --key ledger.key --from 2";
    place.run(export).await.with(0);
    place
        .run(&format!("{export} --role partner_manager"))
        .await
        .with(1);
    let copy = "cp -r ledger copy && covenant ledger export --dir copy --key ledger.key";
    shell(place.folder(), copy).await.with(0);
    let found = place
        .run("ledger search --decision ledger.export -o json")
        .await
        .with(0)
        .json();
    let acts = found["found"].as_array().unwrap();
    assert_eq!(acts.len(), 1, "{found:#}");
    assert_eq!(acts[0]["entry"]["event"]["object"], "format:jsonl from:2");
    assert_eq!(gateway.stop().await, 0);
}

#[tokio::test]
async fn nobody_is_forgotten_by_one_person_alone_or_under_a_hold_over_a_restart() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    place
        .run("ledger hold place --customer cus_000001 --because court")
        .await
        .with(0);
    let forget = "customers forget cus_000001 --because asked";
    let held = place.run(forget).await.with(1);
    assert!(held.err.contains("hold"), "{held:?}");
    let listed = place.run("ledger hold list").await.with(0);
    assert!(listed.out.contains("cus_000001"), "{listed:?}");
    let asked = place
        .run("customers forget cus_000002 --because asked")
        .await;
    assert!(asked.with(0).out.contains("another person"));
    let alone = place
        .run("customers forget cus_000002 --because asked")
        .await;
    alone.with(1);
    assert_eq!(gateway.stop().await, 0);
    let mut gateway = place.serve().await;
    place.run(forget).await.with(1);
    let alone = place
        .run("customers forget cus_000002 --because asked")
        .await;
    alone.with(1);
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
}

/// A customer who is made through the gateway, and how a person in the legal department may type what
/// the customer is reached by.
fn zoraida() -> serde_json::Value {
    serde_json::json!({
        "name": "Zoraida Quill", "organization": null, "email": "Zoraida.Quill@Example.org",
        "phone": "+1-907-555-9142",
        "address": {"street": "77 Elm Street", "city": "Portland", "state": "ME",
            "postal_code": "04101", "country": "US"},
    })
}

const ZORAIDA_AS_TYPED: [&str; 6] = [
    "zoraida.quill@example.org",
    "(907) 555-9142",
    "77 Elm Street, Portland, ME 04101, US",
    "77 elm street, portland, me 04101",
    "04101 Portland ME, 77 Elm Street",
    "77 Elm Street Portland ME 04101 USA",
];

/// Puts another person's name on what waits, as only another user of the system could.
async fn somebody_else_asked_to_forget(place: &Installation) {
    let path = place.path("registry/registry.sqlite");
    let registry = Registry::open(&path, Clock::system()).unwrap();
    let waiting = registry.proposals("customers.forget").await.unwrap();
    let other = Proposal {
        actor: "Lee Counsel".to_owned(),
        role: "legal".to_owned(),
        ..waiting.into_iter().next().unwrap()
    };
    registry.propose(other, 0).await.unwrap();
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

fn nothing_of_zoraida_is_in_the_registry_the_ledger_or_the_log(place: &Installation) {
    let mut all = files(&place.path("registry"));
    all.extend(files(&place.path("ledger")));
    all.push(place.path("serve.log"));
    assert!(all.len() > 5, "{all:?}");
    for path in all {
        let bytes = fs::read(&path).unwrap().to_ascii_lowercase();
        for canary in ["zoraida", "quill@", "555-9142", "9075559142", "elm street"] {
            let found = memchr::memmem::find(&bytes, canary.as_bytes());
            assert_eq!(found, None, "{canary} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_customer_made_through_the_gateway_is_found_as_typed_until_forgotten_and_nowhere_in_clear()
 {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let run = async |words: &[&str]| finish(covenant(place.folder(), words)).await;
    let mut acme = place.connect("acme").await;
    let made = acme
        .post("/v1/customers", PURPOSE, &zoraida())
        .await
        .unwrap();
    assert_eq!(made.status, 201);
    let request = made.header("request-id");
    for typed in ZORAIDA_AS_TYPED {
        let found = run(&["ledger", "search", "--customer", typed]).await;
        assert!(found.with(0).out.contains(request), "{typed}");
        let report = run(&["ledger", "report", "--customer", typed]).await;
        assert!(report.with(0).out.contains("createCustomer"), "{typed}");
    }
    let forget = [
        "customers",
        "forget",
        ZORAIDA_AS_TYPED[3],
        "--because",
        "asked",
    ];
    let asked = run(&forget).await.with(0);
    assert!(asked.out.contains("another person"), "{asked:?}");
    assert_eq!(gateway.stop().await, 0);
    nothing_of_zoraida_is_in_the_registry_the_ledger_or_the_log(&place);
    somebody_else_asked_to_forget(&place).await;

    let mut gateway = place.serve().await;
    run(&forget).await.with(0);
    for typed in ZORAIDA_AS_TYPED {
        let found = run(&["ledger", "search", "--customer", typed]).await;
        assert!(!found.out.contains(request), "{typed}: {found:?}");
        run(&["ledger", "report", "--customer", typed])
            .await
            .with(1);
    }
    assert_eq!(gateway.stop().await, 0);
    nothing_of_zoraida_is_in_the_registry_the_ledger_or_the_log(&place);
    place.verify().await;
}

/// How many entries each start so far has read to count the budgets.
fn entries_counted(place: &Installation) -> Vec<u64> {
    let said = place.said();
    let lines = said
        .lines()
        .filter(|line| line.contains("budgets are counted"));
    let entries = lines.map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["entries"].as_u64().unwrap()
    });
    entries.collect()
}

#[tokio::test]
async fn a_start_counts_only_what_was_recorded_since_the_count_was_kept() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let target = "/v1/customers/cus_000001";
    let before = place
        .get("acme", target)
        .await
        .header("covenant-budget")
        .to_owned();
    assert_eq!(gateway.stop().await, 0);
    let mut gateway = place.serve().await;
    let after = place.get("acme", target).await;
    assert_eq!(
        without_seconds(after.header("covenant-budget")),
        without_seconds(&before)
    );
    // What a kill leaves is counted: the start, and what was disclosed.
    gateway.kill().await;
    let mut gateway = place.serve().await;
    let after = place.get("acme", target).await;
    assert_eq!(
        without_seconds(after.header("covenant-budget")),
        without_seconds(&before)
    );
    assert_eq!(gateway.stop().await, 0);
    let counted = entries_counted(&place);
    assert_eq!(counted[..2], [0, 0], "{counted:?}");
    assert!((2..6).contains(&counted[2]), "{counted:?}");
    // Whatever lies there instead, the log is what counts.
    fs::write(place.path("ledger/counted"), "nothing was disclosed").unwrap();
    let mut gateway = place.serve().await;
    let after = place.get("acme", target).await;
    assert_eq!(
        without_seconds(after.header("covenant-budget")),
        without_seconds(&before)
    );
    assert_eq!(gateway.stop().await, 0);
    assert!(entries_counted(&place)[3] > counted[2]);
    assert!(place.said().contains("what was counted before is not used"));
}

/// A budget's header without how long each window still lasts.
fn without_seconds(header: &str) -> String {
    let parts = header.split([';', ',']);
    let parts = parts.filter(|part| !part.trim_start().starts_with("t="));
    parts.collect()
}
