//! A policy set in the shadow of the one in force, and what stands behind each promise, as people ask
//! for both.

use std::fs;

use covenant::entry::Event;
use serde_json::{Value, json};

use crate::installation::Installation;
use crate::policies::copy;
use crate::program::until;

const CONTRACT: &str = "candidate/partners/acme.yaml";

async fn shown(place: &Installation) -> Value {
    place.run("policy shadow -o json").await.with(0).json()
}

#[tokio::test]
async fn a_set_in_the_shadow_tells_what_it_would_decide_outlives_a_restart_and_ends_when_published()
{
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    assert_eq!(shown(&place).await, Value::Null);
    place
        .run("policy shadow --stop --because nothing")
        .await
        .with(1);
    copy(&place.path("policies"), &place.path("candidate"));
    place
        .run("policy shadow --dir candidate --because the-same")
        .await
        .with(1);
    place.edit(CONTRACT, "  user.name: clear\n", "");
    let started = place.run("policy shadow --dir candidate --because a-try -o json");
    let started = started.await.with(0).json();
    let version = started["version"].as_str().unwrap().to_owned();
    assert_eq!(started["outcome"], "started");
    let again = place.run("policy shadow --dir candidate --because again");
    let again = again.await.with(0);
    assert!(again.out.contains("in the shadow already"), "{again:?}");

    let answer = place.get("acme", "/v1/customers/cus_000001").await;
    assert_eq!(answer.status, 200);
    let id = answer.header("request-id").to_owned();
    until("the difference is on record", async || {
        shown(&place).await["differences"] != json!([])
    })
    .await;
    let expected =
        json!([{"decided": "redact", "instead": "redact", "count": 1, "examples": [id]}]);
    let now = shown(&place).await;
    assert_eq!(now["differences"], expected);
    assert_eq!(now["version"], version.as_str());
    let told = place.run("policy shadow").await.with(0).out;
    assert!(told.contains(&id) && told.contains(": a-try\n"), "{told}");

    place.edit(CONTRACT, "kind: ", "kimd: ");
    let invalid = place.run("policy shadow --dir candidate --because wrong");
    let invalid = invalid.await.with(3);
    assert!(invalid.err.contains("kimd"), "{invalid:?}");
    place.edit(CONTRACT, "kimd: ", "kind: ");

    gateway.kill().await;
    let mut gateway = place.serve().await;
    assert_eq!(shown(&place).await, now, "{}", place.said());
    let next = place.get("acme", "/v1/customers/cus_000001").await;
    assert_eq!(next.status, 200);
    until("the next difference is on record", async || {
        shown(&place).await["differences"][0]["count"] == 2
    })
    .await;

    place
        .run("policy shadow --stop --because enough")
        .await
        .with(0);
    assert_eq!(shown(&place).await, Value::Null);
    copy(&place.path("policies"), &place.path("fewer"));
    let (now, fewer) = ("customers_per_day: 500", "customers_per_day: 400");
    place.edit("fewer/partners/acme.yaml", now, fewer);
    let started = place.run("policy shadow --dir fewer --because a-try");
    started.await.with(0);
    let published = place.run("policy publish --dir fewer --because fewer");
    published.await.with(0);
    assert_eq!(shown(&place).await, Value::Null, "it is in force now");
    assert_eq!(gateway.stop().await, 0);
    place.run("policy shadow").await.with(7);
    let entries = place.entries().into_iter();
    let acts = entries.filter_map(|entry| match entry.event {
        Event::Act(act) if act.action.starts_with("policy.shadow") => Some(act.action),
        _ => None,
    });
    let expected = ["start", "stop", "start"].map(|deed| format!("policy.shadow.{deed}"));
    assert_eq!(acts.collect::<Vec<_>>(), expected);
    place.verify().await;
}

#[tokio::test]
async fn what_stands_behind_each_promise_is_told_with_and_without_the_ledger() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let answer = place.get("acme", "/v1/customers/cus_000001").await;
    assert_eq!(answer.status, 200);
    let hits = |rows: &Value, place: usize| rows[place]["hits"].clone();
    let asked = place.run("policy coverage -o json").await.with(0).json();
    assert_eq!(asked.as_array().unwrap().len(), 18);
    assert_eq!(hits(&asked, 2)["granted"], 1, "P3: {asked:#}");
    let none = json!({"granted": 0, "withheld": 0, "refused": 0});
    assert_eq!(hits(&asked, 3), none);
    let told = place.run("policy coverage").await.with(0).out;
    let of = |promise: &str| told.lines().find(|line| line.starts_with(promise)).unwrap();
    assert!(of("P4\t").contains("\tnever in 30 days\t"), "{told}");
    assert!(of("P17\t").contains("\tno rule\tno property\t"), "{told}");
    assert_eq!(gateway.stop().await, 0);

    let offline = place.run("policy coverage --ledger ledger -o json");
    assert_eq!(offline.await.with(0).json(), asked);
    let without = place.run("policy coverage").await.with(0);
    assert!(without.out.contains("\tnot known\t"), "{without:?}");
    assert!(!without.err.is_empty());
    fs::remove_file(place.path("covenant.toml")).unwrap();
    let without = place.run("policy coverage -o json").await.with(0);
    assert_eq!(without.json()[0]["hits"], Value::Null);
    place.verify().await;
}
