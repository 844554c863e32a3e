//! Distinct customers against budgets, and requests against a rate (P13).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::caller::Reply;
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const SMALL: [(&str, &str, &str); 1] = [(
    "partners/acme.yaml",
    "customers_per_day: 500",
    "customers_per_day: 3",
)];

fn left(reply: &Reply) -> u32 {
    let budget = reply.header("covenant-budget");
    let (_, rest) = budget.split_once("\"customers-day\";r=").expect("a budget");
    rest.split(';').next().unwrap().parse().unwrap()
}

async fn read(stand: &Stand, partner: &str, customer: &str) -> Reply {
    let mut caller = stand.partner(partner).await;
    caller
        .get(&format!("/v1/customers/{customer}"), SERVICE)
        .await
}

#[tokio::test]
async fn promise_13_a_budget_once_spent_gives_only_those_already_read() {
    let mut stand = Stand::start_with(&SMALL, |_| {}).await;
    let own = stand.customers_of("acme");
    for (read_before, customer) in own[..3].iter().enumerate() {
        let reply = read(&stand, "acme", customer).await;
        assert_eq!(reply.status, 200, "{}", reply.everything());
        assert_eq!(left(&reply), 2 - u32::try_from(read_before).unwrap());
        assert_eq!(left(&read(&stand, "acme", customer).await), left(&reply));
    }
    for restarted in [false, true] {
        if restarted {
            stand.restart().await;
        }
        let reply = read(&stand, "acme", &own[3]).await;
        let document = refused(&reply, 429, "customer-budget-exhausted");
        assert_eq!(
            document["violated-policies"],
            json!(["customers-day"]),
            "{restarted}"
        );
        assert_eq!(document["promise"], "P5");
        assert_eq!(reply.header("retry-after"), "43200");
        assert_eq!(left(&reply), 0);
        let name = &stand.world.customers()[0].name;
        assert!(!reply.everything().contains(name.as_str()));
        let again = read(&stand, "acme", &own[1]).await;
        assert_eq!(
            again.status,
            200,
            "restarted {restarted}: {}",
            again.everything()
        );
    }
    // A page with one customer too many is withheld whole, and one of customers already read is not.
    let mut acme = stand.partner("acme").await;
    let page = acme.get("/v1/customers?limit=4", SERVICE).await;
    refused(&page, 429, "customer-budget-exhausted");
    let page = acme.get("/v1/customers?limit=3", SERVICE).await;
    assert_eq!(page.status, 200, "{}", page.everything());
    stand.clock.advance(Duration::from_secs(43_200));
    let next_day = stand
        .partner("acme")
        .await
        .get("/v1/customers?limit=1", SERVICE)
        .await;
    assert_eq!(left(&next_day), 2, "{}", next_day.everything());
}

#[tokio::test]
async fn promise_13_a_co_brand_spends_its_parents_budget() {
    let edits = [
        SMALL[0],
        (
            "partners/crest.yaml",
            "customers_per_day: 100",
            "customers_per_day: 3",
        ),
    ];
    let stand = Stand::start_with(&edits, |_| {}).await;
    let (acmes, crests) = (stand.customers_of("acme"), stand.customers_of("crest"));
    assert_eq!(left(&read(&stand, "acme", &acmes[0]).await), 2);
    assert_eq!(left(&read(&stand, "crest", &crests[0]).await), 1);
    assert_eq!(left(&read(&stand, "acme", &acmes[1]).await), 0);
    for (partner, customer) in [("acme", &acmes[2]), ("crest", &crests[1])] {
        let reply = read(&stand, partner, customer).await;
        refused(&reply, 429, "customer-budget-exhausted");
        assert!(!reply.everything().contains("bluebird"));
    }
    assert_eq!(read(&stand, "crest", &crests[0]).await.status, 200);
    let bluebirds = stand.customers_of("bluebird");
    assert_eq!(read(&stand, "bluebird", &bluebirds[0]).await.status, 200);
}

#[tokio::test]
async fn promise_13_many_at_once_at_the_last_unit_release_exactly_one() {
    let stand = std::sync::Arc::new(Stand::start_with(&SMALL, |_| {}).await);
    let own = stand.customers_of("acme");
    for customer in &own[..2] {
        assert_eq!(read(&stand, "acme", customer).await.status, 200);
    }
    let mut calls = JoinSet::new();
    for customer in own[2..18].iter().cloned() {
        let stand = stand.clone();
        calls.spawn(async move { (read(&stand, "acme", &customer).await, customer) });
    }
    let mut released = BTreeSet::new();
    while let Some(called) = calls.join_next().await {
        let (reply, customer) = called.unwrap();
        if reply.status == 200 {
            released.insert(customer);
        } else {
            refused(&reply, 429, "customer-budget-exhausted");
            assert!(!reply.everything().contains(&customer));
        }
    }
    assert_eq!(released.len(), 1, "{released:?}");
}

#[tokio::test]
async fn a_rate_is_told_and_kept() {
    let edits = [(
        "partners/acme.yaml",
        "requests_per_minute: 6000",
        "requests_per_minute: 4",
    )];
    let stand = Stand::start_with(&edits, |_| {}).await;
    let mut acme = stand.partner("acme").await;
    let mut last = None;
    for _ in 0..6 {
        let reply = acme.get("/v1/jobs/job_000001", SERVICE).await;
        let limited = reply.status == 429;
        last = Some(reply);
        if limited {
            break;
        }
    }
    let reply = last.unwrap();
    let document = refused(&reply, 429, "rate-limited");
    assert_eq!(document["violated-policies"], json!(["requests"]));
    let wait: u32 = reply.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(reply.header("ratelimit").starts_with("\"requests\";r=0;t="));
    assert!(stand.core.received_count() <= 5);
    let mut bluebird = stand.partner("bluebird").await;
    let own = stand.subject("bluebird", 0);
    let other = bluebird
        .get(&format!("/v1/jobs/{}", own.job), SERVICE)
        .await;
    assert_eq!(other.status, 200);
}
