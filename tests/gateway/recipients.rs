//! The people on customers' lists: subjects of their own in the ledger, counted apart from the customers
//! by name and address, and never released where they cannot be told from others.

use std::collections::BTreeSet;

use covenant::entry::{Event, SubjectGroup};
use serde_json::{Value, json};

use crate::caller::Reply;
use crate::lab::{Scripted, Service};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

const LETTERS: Service<'_> = Service {
    paths: r"
  /lab/letters:
    get:
      operationId: listLetters
      responses:
        '200':
          description: Letters
          content:
            application/json:
              schema:
                type: object
                properties:
                  data:
                    type: array
                    items:
                      type: object
                      required: [id, customer]
                      properties:
                        id: {type: string}
                        customer: {type: string}
                        pieces:
                          type: array
                          items:
                            type: object
                            properties:
                              status: {type: string}
                              label: {type: [string, 'null']}
                              name: {type: [string, 'null']}
                              organization: {type: string}",
    components: "",
    actions: r"
  - target: $.paths['/lab/letters'].get
    update: {x-covenant-channel: list}
  - target: $..properties.data.items
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}
  - target: $..properties.data.items.properties.id
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.pieces.items
    update: {x-covenant-data-subject: recipient}
  - target: $..properties.status
    update: {x-covenant-data-category: system.operations}
  - target: $..properties.label
    update: {x-covenant-data-category: user.contact.address}
  - target: $..properties.pieces.items.properties.name
    update: {x-covenant-data-category: user.name}
  - target: $..properties.organization
    update: {x-covenant-data-category: user.contact.organization}",
    operations: &["listLetters"],
};

fn budget(reply: &Reply, window: &str) -> u32 {
    let header = reply.header("covenant-budget");
    let (_, rest) = header
        .split_once(&format!("\"{window}\";r="))
        .unwrap_or_else(|| panic!("no {window} in {header}"));
    rest.split(';').next().unwrap().parse().unwrap()
}

async fn subjects(stand: &Stand, reply: &Reply) -> Vec<SubjectGroup> {
    let events = stand.events_of(reply.request_id(), 1).await;
    let disclosure = events.into_iter().find_map(|event| match event {
        Event::Disclosure(disclosure) => Some(disclosure),
        _ => None,
    });
    disclosure.expect("a disclosure").subjects
}

fn references(groups: &[SubjectGroup], subject: &str) -> BTreeSet<String> {
    let groups = groups.iter().filter(|group| group.subject == subject);
    groups
        .flat_map(|group| group.references.iter().cloned())
        .collect()
}

async fn letters(stand: &Stand, core: &crate::lab::ScriptedCore, pieces: Value) -> Reply {
    let own = stand.customers_of("acme").remove(0);
    let body = json!({"data": [{"id": "1", "customer": own, "pieces": pieces}]});
    core.answer(
        "/lab/letters",
        Scripted::new("application/json", body.to_string()),
    );
    stand
        .partner("acme")
        .await
        .get("/lab/letters", SERVICE)
        .await
}

#[tokio::test]
async fn promise_5_people_on_a_list_are_on_record_by_a_reference_of_their_own() {
    let mut stand = Stand::start().await;
    let subject = stand.subject("acme", 0);
    let (list, tracking) = (
        format!("/v1/address_lists/{}", subject.list),
        format!("/v1/jobs/{}/tracking", subject.job),
    );
    let reply = stand.partner("acme").await.get(&list, SERVICE).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    let people = reply.json()["recipients"].as_array().unwrap().len();
    let groups = subjects(&stand, &reply).await;
    let recipients = references(&groups, "recipient");
    assert_eq!(recipients.len(), people, "each is another person");
    let customer = stand.reference(&subject.customer);
    assert_eq!(
        references(&groups, "customer"),
        BTreeSet::from([customer.clone()])
    );
    assert!(!recipients.contains(&customer));
    let of_recipients = groups.iter().find(|group| group.subject == "recipient");
    let group = of_recipients.unwrap();
    assert_eq!(
        (&*group.basis, &group.circumstances[..]),
        ("service", &["own".to_owned()][..])
    );
    assert_eq!(group.categories["user.name"], "clear");
    assert!(!group.categories.contains_key("user.unique_id"));
    let left = 5_000 - u32::try_from(people).unwrap();
    assert_eq!(budget(&reply, "recipients-day"), left);
    assert_eq!(budget(&reply, "customers-day"), 499);

    for restarted in [false, true] {
        if restarted {
            stand.restart().await;
        }
        // The same people again, and by another operation: they cost nothing more.
        for path in [&list, &tracking] {
            let again = stand.partner("acme").await.get(path, SERVICE).await;
            assert_eq!(again.status, 200, "{}", again.everything());
            assert_eq!(budget(&again, "recipients-day"), left, "{path} {restarted}");
            let groups = subjects(&stand, &again).await;
            assert_eq!(references(&groups, "recipient"), recipients, "{path}");
        }
    }
}

#[tokio::test]
async fn promise_13_recipients_beyond_the_budget_withhold_the_answer_and_charge_nobody() {
    let edits = [(
        "partners/acme.yaml",
        "recipients_per_day: 5000",
        "recipients_per_day: 2",
    )];
    let (stand, core) = LETTERS.start(&edits, |_| {}).await;
    let person = |name: &str| json!({"name": name, "label": "1 Main St"});
    let three = letters(
        &stand,
        &core,
        json!([person("Ann"), person("Bob"), person("Eve")]),
    )
    .await;
    let document = refused(&three, 429, "customer-budget-exhausted");
    assert_eq!(document["violated-policies"], json!(["recipients-day"]));
    assert_eq!(three.header("retry-after"), "43200");
    assert!(!three.everything().contains("Ann"));
    assert_eq!(budget(&three, "customers-day"), 500, "nobody was charged");
    let two = letters(
        &stand,
        &core,
        json!([person("Ann"), person("ANN."), person("Bob")]),
    )
    .await;
    assert_eq!(two.status, 200, "{}", two.everything());
    assert_eq!(budget(&two, "recipients-day"), 0);
    let again = letters(&stand, &core, json!([person("Bob"), person("Ann")])).await;
    assert_eq!(again.status, 200, "{}", again.everything());
    let another = letters(&stand, &core, json!([person("Eve")])).await;
    refused(&another, 429, "customer-budget-exhausted");
}

#[tokio::test]
async fn promise_5_a_recipient_with_neither_name_nor_address_is_not_released() {
    let (stand, core) = LETTERS.start(&[], |_| {}).await;
    let nameless =
        json!([{"name": "Ann"}, {"name": " - ", "label": null, "organization": "Initech"}]);
    let reply = letters(&stand, &core, nameless).await;
    refused(&reply, 502, "response-uninspectable");
    assert!(!reply.everything().contains("Ann") && !reply.everything().contains("Initech"));
    // A text that holds name and address in one tells who it is as well.
    let labelled = json!([{"status": "sent", "label": "Ann Bell, 1 Main St"},
        {"status": "lost", "name": null}, {"name": "Ann", "label": ""}]);
    let reply = letters(&stand, &core, labelled.clone()).await;
    assert_eq!(reply.json()["data"][0]["pieces"], labelled);
    let groups = subjects(&stand, &reply).await;
    assert_eq!(
        references(&groups, "recipient").len(),
        2,
        "what says nothing of anyone is nobody"
    );
}

#[tokio::test]
async fn without_a_budget_for_recipients_they_are_counted_and_not_limited() {
    let edits = [
        ("partners/acme.yaml", "  recipients_per_day: 5000\n", ""),
        ("partners/acme.yaml", "  recipients_per_month: 50000\n", ""),
    ];
    let (stand, core) = LETTERS.start(&edits, |_| {}).await;
    let reply = letters(&stand, &core, json!([{"name": "Ann"}])).await;
    assert_eq!(reply.status, 200, "{}", reply.everything());
    assert!(!reply.header("covenant-budget").contains("recipients"));
    let groups = subjects(&stand, &reply).await;
    assert_eq!(references(&groups, "recipient").len(), 1);
}
