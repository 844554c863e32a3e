//! Figures over groups of customers (P2): what is about few stays inside, and no two answers can be
//! subtracted down to them.

use covenant::entry::Event;
use serde_json::{Value, json};

use crate::caller::Reply;
use crate::lab::{Scripted, ScriptedCore, Service};
use crate::refusals::refused;
use crate::stand::Stand;

const STATISTICS: &str = "analytics.reporting";

const USE: Service<'_> = Service {
    paths: r"
  /lab/use:
    get:
      operationId: countUse
      parameters:
        - {name: from, in: query, schema: {type: string}}
        - {name: to, in: query, schema: {type: string}}
      responses:
        '200':
          description: Use by product
          content:
            application/json:
              schema:
                type: object
                properties:
                  total: {type: object, properties: {calls: {type: integer}, customers: {type: integer}}}
                  loose: {type: integer}
                  groups:
                    type: array
                    items:
                      type: object
                      properties:
                        product: {type: string}
                        calls: {type: integer}
                        customers: {type: [integer, 'null']}",
    components: "",
    actions: r"
  - target: $.paths['/lab/use'].get
    update: {x-covenant-channel: aggregate}
  - target: $..parameters[?@.name == 'from']
    update: {x-covenant-role: period-from}
  - target: $..parameters[?@.name == 'to']
    update: {x-covenant-role: period-to}
  - target: $..properties.groups.items
    update: {x-covenant-group: true}
  - target: $..properties.product
    update: {x-covenant-data-category: system.operations}
  - target: $..properties['calls','customers']
    update: {x-covenant-data-category: user.behavior}
  - target: $..properties.customers
    update: {x-covenant-group-size: true}",
    operations: &["countUse"],
};

const GRANTED: [(&str, &str, &str); 2] = [
    (
        "partners/acme.yaml",
        "purposes:\n",
        "purposes:\n  - analytics.reporting\n",
    ),
    (
        "partners/acme.yaml",
        "categories:\n",
        "categories:\n  user.behavior: aggregate\n",
    ),
];

async fn ask(
    stand: &Stand,
    core: &ScriptedCore,
    query: &str,
    groups: &[(&str, u64)],
    total: u64,
) -> Reply {
    let told: Vec<Value> = groups
        .iter()
        .map(|(product, customers)| json!({"product": product, "calls": customers * 3, "customers": customers}))
        .collect();
    let body = json!({"groups": told, "total": {"calls": total * 3, "customers": total}});
    let scripted = Scripted::new("application/json", body.to_string());
    core.answer("/lab/use", scripted);
    let mut acme = stand
        .connect(&stand.narrowed("acme", &[]), crate::caller::Version::Http1)
        .await;
    acme.get(&format!("/lab/use{query}"), STATISTICS).await
}

fn groups(reply: &Reply) -> Vec<(String, u64)> {
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let document = reply.json();
    let groups = document["groups"].as_array().unwrap();
    let group = |group: &Value| {
        let product = group["product"].as_str().unwrap().to_owned();
        assert_eq!(
            group["calls"].as_u64(),
            group["customers"].as_u64().map(|all| all * 3)
        );
        (product, group["customers"].as_u64().unwrap())
    };
    groups.iter().map(group).collect()
}

fn total(reply: &Reply) -> Option<u64> {
    reply.json()["total"]["customers"].as_u64()
}

fn named(groups: &[(&str, u64)]) -> Vec<(String, u64)> {
    groups
        .iter()
        .map(|(name, size)| ((*name).to_owned(), *size))
        .collect()
}

#[tokio::test]
async fn promise_2_figures_leave_over_large_groups_and_are_on_record_as_figures() {
    let stand = Stand::start().await;
    let mut bluebird = stand.partner("bluebird").await;
    let january = "/v1/page_views/statistics?from=2026-01-01&to=2026-03-31";
    let reply = bluebird.get(january, STATISTICS).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let document = reply.json();
    let pages: Vec<&str> = document["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            assert!(group["customers"].as_u64() >= Some(50), "{group}");
            assert!(group["views"].is_u64(), "{group}");
            group["page"].as_str().unwrap()
        })
        .collect();
    assert_eq!(pages, ["/help/returns", "/orders", "/pricing"]);
    assert!(
        !reply.everything().contains("large-print"),
        "few looked at it"
    );
    assert_eq!(document["total"], json!({}), "it would tell of those few");
    let events = stand.events_of(reply.request_id(), 1).await;
    let [Event::Disclosure(disclosure)] = &events[..] else {
        panic!("{events:?}")
    };
    let [group] = &disclosure.subjects[..] else {
        panic!("{:?}", disclosure.subjects)
    };
    assert_eq!(
        group.categories["user.behavior.browsing_history"],
        "aggregate"
    );
    assert!(group.references.is_empty());
    assert_eq!(reply.header("covenant-decision"), "redact");

    let overlapping = bluebird
        .get(
            "/v1/page_views/statistics?from=2026-01-01&to=2026-03-30",
            STATISTICS,
        )
        .await;
    let problem = refused(&overlapping, 429, "abnormal-usage");
    assert_eq!(problem["case"], "overlapping-figures");
    assert_eq!(problem["promise"], "P2");
    let days: u64 = overlapping.header("retry-after").parse().unwrap();
    assert_eq!(days, 400 * 86_400);
    assert!(!overlapping.everything().contains("/pricing"));
    let refusals = stand.events_of(overlapping.request_id(), 1).await;
    assert!(matches!(&refusals[..], [Event::Refusal(refusal)] if refusal.code == "abnormal-usage"));
    let of_one_state = format!("{january}&state=OR");
    refused(
        &bluebird.get(&of_one_state, STATISTICS).await,
        429,
        "abnormal-usage",
    );
    let again = bluebird.get(january, STATISTICS).await;
    assert_eq!(again.json(), document);
    let next = "/v1/page_views/statistics?from=2026-04-01&to=2026-06-30";
    assert_eq!(bluebird.get(next, STATISTICS).await.status, 200);
    let wrong = bluebird
        .get("/v1/page_views/statistics?from=soon", STATISTICS)
        .await;
    refused(&wrong, 400, "request-malformed");
}

#[tokio::test]
async fn promise_2_for_another_purpose_no_figure_leaves() {
    let stand = Stand::start().await;
    let mut bluebird = stand.partner("bluebird").await;
    let path = "/v1/page_views/statistics";
    let reply = bluebird.get(path, "essential.service").await;
    assert_eq!(reply.json(), json!({"groups": [], "total": {}}));
    // Nothing was told, so nothing stands against another question.
    let narrower = bluebird
        .get(&format!("{path}?to=2026-02-01"), STATISTICS)
        .await;
    assert_eq!(narrower.status, 200, "{}", narrower.everything());
}

#[tokio::test]
async fn promise_2_the_same_question_tells_no_difference_of_few() {
    let (mut stand, core) = USE.start(&GRANTED, |_| {}).await;
    let both = [("cards", 60), ("letters", 80)];
    let first = ask(&stand, &core, "", &both, 140).await;
    assert_eq!((groups(&first), total(&first)), (named(&both), Some(140)));
    assert_eq!(first.header("covenant-decision"), "allow");
    let one_more = [("cards", 61), ("letters", 80)];
    for restarted in [false, true] {
        if restarted {
            stand.restart().await;
        }
        let second = ask(&stand, &core, "", &one_more, 141).await;
        assert_eq!((groups(&second), total(&second)), (named(&both[1..]), None));
    }
    let many_more = [("cards", 110), ("letters", 80)];
    let third = ask(&stand, &core, "", &many_more, 190).await;
    assert_eq!(
        (groups(&third), total(&third)),
        (named(&many_more), Some(190))
    );
    // One that was there is gone; another may be the same by another name.
    let renamed = [("greetings", 111), ("letters", 80)];
    let fourth = ask(&stand, &core, "", &renamed, 191).await;
    assert_eq!(
        (groups(&fourth), total(&fourth)),
        (named(&renamed[1..]), None)
    );
}

#[tokio::test]
async fn promise_2_a_group_that_does_not_say_its_size_and_a_loose_figure_stay_inside() {
    let (stand, core) = USE.start(&GRANTED, |_| {}).await;
    let body = json!({"loose": 7, "groups": [
        {"product": "cards", "calls": 900},
        {"product": "letters", "calls": 900, "customers": null},
        {"product": "flyers", "calls": 900, "customers": 49},
        {"product": "parcels", "calls": 900, "customers": 50}], "total": {"calls": 3600}});
    core.answer(
        "/lab/use",
        Scripted::new("application/json", body.to_string()),
    );
    let mut acme = stand.partner("acme").await;
    let reply = acme.get("/lab/use", STATISTICS).await;
    assert_eq!(
        reply.json()["groups"],
        json!([{"product": "parcels", "calls": 900, "customers": 50}]),
        "{}",
        reply.everything()
    );
    assert!(!reply.everything().contains("3600"));
    let negative = json!({"groups": [{"product": "cards", "calls": 1, "customers": -1}]});
    core.answer(
        "/lab/use",
        Scripted::new("application/json", negative.to_string()),
    );
    refused(
        &acme.get("/lab/use", STATISTICS).await,
        502,
        "response-uninspectable",
    );
}

#[tokio::test]
async fn promise_2_of_many_overlapping_questions_at_once_one_is_answered() {
    let (stand, core) = USE.start(&GRANTED, |_| {}).await;
    let stand = std::sync::Arc::new(stand);
    let mut calls = tokio::task::JoinSet::new();
    for day in 10..26 {
        let (stand, core) = (stand.clone(), core.clone());
        calls.spawn(async move {
            let query = format!("?from=2026-01-01&to=2026-01-{day}");
            ask(&stand, &core, &query, &[("cards", 60)], 60).await
        });
    }
    let mut answered = 0;
    while let Some(called) = calls.join_next().await {
        let reply = called.unwrap();
        if reply.status == 200 {
            answered += 1;
        } else {
            refused(&reply, 429, "abnormal-usage");
        }
    }
    assert_eq!(answered, 1);
}
