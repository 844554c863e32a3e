//! A change of policies, looked at before anything of it holds.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::installation::Installation;
use crate::program::until;

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Outcome, operation, what, before, after, count of each row.
fn rows(replay: &Value) -> Vec<Value> {
    let rows = replay["rows"].as_array().unwrap().iter();
    let told = ["outcome", "operation", "what", "before", "after", "count"];
    rows.map(|row| told.iter().map(|name| row[*name].clone()).collect())
        .collect()
}

#[tokio::test]
async fn before_a_contract_changes_its_manager_sees_whom_that_changes_what_for() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    assert_eq!(
        place.get("acme", "/v1/customers?limit=200").await.status,
        422
    );
    let answer = place.get("acme", "/v1/customers/cus_000001").await;
    assert_eq!(answer.status, 200);
    let id = answer.header("request-id").to_owned();

    copy(&place.path("policies"), &place.path("candidate"));
    let contract = "candidate/partners/acme.yaml";
    place.edit(contract, "user.name: clear", "user.name: pseudonym");
    place.edit(contract, "page_records_max: 100", "page_records_max: 250");
    place.edit(contract, "version: 7", "version: 8");
    let told = place
        .run("policy diff policies candidate")
        .await
        .with(0)
        .out;
    assert!(told.contains("records a page: 100 -> 250"), "{told}");
    assert!(
        told.contains("user.name: in the clear -> as a pseudonym"),
        "{told}"
    );

    let expected = [
        json!([
            "withheld",
            "getCustomer",
            "user.name",
            "clear",
            "pseudonym",
            1
        ]),
        json!([
            "deny_to_allow",
            "listCustomers",
            null,
            "page-too-large",
            "allow",
            1
        ]),
    ];
    let simulate = "policy simulate --since 30d --dir candidate";
    let online = format!("{simulate} -o json");
    // Refusals are noted, and nobody waits for that.
    until("both calls are on record", async || {
        rows(&place.run(&online).await.with(0).json()).len() == expected.len()
    })
    .await;
    let replay = place.run(&online).await.with(0).json();
    assert_eq!(rows(&replay), expected);
    assert_eq!(replay["rows"][0]["examples"][0]["request_id"], *id);
    assert_eq!(replay["calls"], 2);
    let text = place.run(simulate).await.with(0).out;
    assert!(text.contains(&id), "{text}");

    let acts = place
        .run("ledger search --partner acme -o json")
        .await
        .with(0);
    assert!(!acts.out.contains("policy.simulate"), "it is about nobody");
    assert_eq!(gateway.stop().await, 0);
    let simulations = place.entries().into_iter().filter(|entry| {
        let text = String::from_utf8(entry.to_canonical()).unwrap();
        text.contains("\"action\":\"policy.simulate\"")
    });
    assert!(simulations.count() >= 3, "each is an entry");

    let offline = format!("{simulate} --ledger ledger -o json");
    let replay = place.run(&offline).await.with(0).json();
    assert_eq!(rows(&replay), expected);
    let gone = place.run(&online).await.with(7);
    assert!(gone.out.is_empty(), "{gone:?}");
    place.edit(contract, "purposes:", "purposess:");
    place.run(&offline).await.with(3);
    place.run("policy diff policies candidate").await.with(3);
    place
        .run("policy simulate --since soon --dir candidate")
        .await
        .with(2);
}
