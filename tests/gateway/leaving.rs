//! What leaves, looked at as a whole: every operation of the catalogue, for every partner and purpose,
//! with own and foreign ids; and in every byte of every answer nothing that should have stayed.

use std::cell::RefCell;
use std::collections::HashMap;

use covenant::demo::core::{Customer, HOST_NAME, SESSION_SECRET};
use covenant::entry::Event;
use covenant::starter;
use serde_json::json;

use crate::caller::{Call, Caller, Reply};
use crate::stand::{PARTNERS, SERVICE, SUPPORT, Shared, Subject, facts, shared};

/// One call of every operation of the catalogue, for these things.
pub(crate) fn every_operation(of: &Subject) -> Vec<Call> {
    let Subject {
        customer,
        job,
        list,
        document,
    } = of;
    let upload = format!("/v1/documents?customer_id={customer}&use_type=operational");
    let address = json!({
        "street": "9 New Lane", "city": "Bath", "state": "ME", "postal_code": "04530", "country": "US",
    });
    let people = json!([{"name": "Rita Recipient", "address": address}]);
    let new_job = json!({
        "customer_id": customer, "document_id": document, "address_list_id": list,
        "use_type": "operational",
    });
    let new_list = json!({
        "customer_id": customer, "name": "few", "use_type": "operational", "recipients": people,
    });
    let campaign = json!({"name": "n", "document_id": document, "audience": {}});
    let new_customer = json!({"name": "N", "email": "n@new.example", "address": address});
    let post = |target: &str| Call::new(http::Method::POST, target);
    vec![
        Call::get("/v1/customers?limit=25&include[]=total_count"),
        Call::get("/v1/customers").header("on-behalf-of", customer),
        Call::post("/v1/customers", &new_customer),
        Call::get("/v1/customers.csv"),
        Call::get(&format!("/v1/customers/{customer}")),
        Call::get("/v1/jobs?limit=25"),
        Call::get(&format!("/v1/jobs?customer_id={customer}")),
        Call::post("/v1/jobs", &new_job),
        Call::get(&format!("/v1/jobs/{job}")),
        post(&format!("/v1/jobs/{job}/submit")),
        post(&format!("/v1/jobs/{job}/cancel")),
        Call::get(&format!("/v1/jobs/{job}/tracking")),
        Call::get(&format!("/v1/jobs/{job}/tracking")).header("accept", "application/xml"),
        Call::get("/v1/address_lists?limit=25"),
        Call::post("/v1/address_lists", &new_list),
        Call::get(&format!("/v1/address_lists/{list}")),
        post(&upload)
            .header("content-type", "application/pdf")
            .body("%PDF-1.7"),
        Call::get(&format!("/v1/documents/{document}")),
        Call::post("/v1/campaigns", &campaign),
        Call::post("/v1/exports", &json!({"records": "jobs", "format": "json"})),
        Call::get("/v1/exports/exp_000001"),
        Call::get("/v1/page_views?limit=25"),
        Call::get("/v1/page_views/statistics"),
        Call::post(
            "/v1/webhooks",
            &json!({"url": "https://a.example", "events": []}),
        ),
    ]
}

/// Words of a text that could be ids or e-mail addresses.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let outside = |character: char| {
        !(character.is_ascii_alphanumeric() || ['_', '@', '.', '-'].contains(&character))
    };
    text.split(outside).filter(|word| !word.is_empty())
}

/// What of an own customer must not be seen for this purpose; written down apart from the policies.
fn withheld<'a>(partner: &str, purpose: &str, of: &'a Customer) -> Vec<&'a str> {
    let (street, name, email) = (&*of.address.street, &*of.name, &*of.email);
    let mut always: Vec<&str> = of.support_notes.as_deref().into_iter().collect();
    always.extend(of.last_seen_ip.as_deref());
    always.extend(
        of.phone
            .as_deref()
            .filter(|_| purpose != "essential.service.notifications"),
    );
    match (partner, purpose) {
        ("acme", SERVICE | SUPPORT) => always.push(email),
        ("bluebird", "essential.service.notifications") => always.push(street),
        ("bluebird", "analytics.reporting") => always.extend([email, street, name, &of.id]),
        ("bluebird", _) => always.extend([email, street]),
        ("crest", _) => always.extend([email, name]),
        other => panic!("{other:?}"),
    }
    always
}

struct Watch<'a> {
    stand: &'a Shared,
    /// Request id of each answer, and whether it was one of success.
    answered: RefCell<Vec<(String, bool)>>,
    owners: HashMap<&'a str, &'a str>,
}

impl<'a> Watch<'a> {
    fn new(stand: &'a Shared) -> Self {
        let mut owners = HashMap::new();
        for customer in stand.world.customers() {
            let owner = customer.partner_id.as_deref().unwrap_or("nobody");
            owners.insert(customer.id.as_str(), owner);
            owners.insert(customer.email.as_str(), owner);
        }
        for job in stand.world.jobs() {
            let owner = owners[job.customer_id.as_str()];
            for id in [&job.id, &job.document_id, &job.address_list_id] {
                owners.insert(id.as_str(), owner);
            }
        }
        Self {
            stand,
            answered: RefCell::default(),
            owners,
        }
    }

    fn check(&self, partner: &str, purpose: &str, what: &str, reply: &Reply) {
        let all = reply.everything();
        for word in words(&all) {
            let owner = self.owners.get(word).copied().unwrap_or(partner);
            assert_eq!(
                owner, partner,
                "{word} in the answer to {partner}: {what}\n{all}"
            );
        }
        let core = self.stand.core.address().to_string();
        for secret in [
            HOST_NAME,
            SESSION_SECRET,
            "HarbourPost",
            "Quayside",
            "signature",
            &core,
        ] {
            assert!(
                !all.contains(secret),
                "{secret} in the answer to {partner}: {what}\n{all}"
            );
        }
        assert!(reply.trailers.is_none(), "{what}");
        for name in [
            "set-cookie",
            "etag",
            "server",
            "x-powered-by",
            "x-served-by",
            "trailer",
            "location",
        ] {
            assert!(!reply.headers.contains_key(name), "{name}: {what}");
        }
        let own = self.stand.world.customers_of(Some(partner)).take(40);
        for value in own.flat_map(|customer| withheld(partner, purpose, customer)) {
            assert!(
                !all.contains(value),
                "{value} for {partner}, {purpose}: {what}\n{all}"
            );
        }
        let answered = (reply.request_id().to_owned(), reply.status.is_success());
        self.answered.borrow_mut().push(answered);
    }

    async fn call(&self, caller: &mut Caller, partner: &str, purpose: &str, call: Call) -> Reply {
        let what = format!("{purpose}: {} {}", call.method, call.target);
        let reply = caller.call(call.purpose(purpose)).await;
        self.check(partner, purpose, &what, &reply);
        reply
    }
}

#[tokio::test]
async fn promise_5_nothing_leaves_that_should_not_by_any_operation() {
    let stand = shared();
    let watch = Watch::new(&stand);
    for (partner, _, _, purposes) in PARTNERS {
        let mut caller = stand.partner(partner).await;
        let mut allowed = 0;
        for purpose in purposes {
            for call in every_operation(&stand.subject(partner, 4)) {
                let reply = watch.call(&mut caller, partner, purpose, call).await;
                allowed += usize::from(reply.status.is_success());
            }
        }
        assert!(allowed >= 8, "{allowed} answers to {partner}");
        for other in PARTNERS
            .map(|row| row.0)
            .iter()
            .filter(|other| **other != partner)
        {
            let foreign = stand.subject(other, 0);
            for call in every_operation(&foreign) {
                let names = call.target.contains("_0") || call.body.len() > 200;
                let names = names || call.headers.contains_key("on-behalf-of");
                let what = call.target.clone();
                // What names a stranger's thing is repeated nowhere, so the answer is checked as any.
                let reply = watch.call(&mut caller, partner, purposes[0], call).await;
                let created = what == "/v1/customers" || what == "/v1/exports/exp_000001";
                assert!(!names || created || !reply.status.is_success(), "{what}");
            }
        }
    }
    expect_recorded(&stand, &watch.answered.take()).await;
}

/// Whatever was answered is on record, as a disclosure or as a refusal.
async fn expect_recorded(stand: &Shared, answered: &[(String, bool)]) {
    // Entries are in the order of the log, so that those before the last of all are there with it.
    let (last, _) = answered.last().unwrap();
    stand.events_of(last, 1).await;
    let mut recorded: HashMap<String, bool> = HashMap::new();
    for event in stand.events() {
        let disclosed = matches!(event, Event::Disclosure(_) | Event::Delivered(_));
        if let (false, Some(facts)) = (matches!(event, Event::Intent(_)), facts(&event)) {
            recorded.insert(facts.request_id.clone(), disclosed);
        }
    }
    for (id, success) in answered {
        assert_eq!(recorded.get(id), Some(success), "{id}");
    }
}

#[tokio::test]
async fn every_operation_of_the_catalogue_is_tried_here() {
    let stand = shared();
    let rules = stand.running().gateway().rules.load_full();
    let tried = every_operation(&stand.subject("acme", 4));
    let routed = |call: &Call| {
        let path = call.target.split('?').next().unwrap();
        let routed = rules.catalogue.route(&call.method, path).unwrap();
        routed.operation.id.to_string()
    };
    let mut tried: Vec<String> = tried.iter().map(routed).collect();
    tried.sort();
    tried.dedup();
    let (_, document) = starter::POLICIES
        .into_iter()
        .find(|row| row.0.ends_with("openapi.yaml"))
        .unwrap();
    let listed = document
        .lines()
        .filter_map(|line| line.trim().strip_prefix("operationId: "));
    let mut listed: Vec<&str> = listed.collect();
    listed.sort_unstable();
    assert_eq!(tried, listed);
}
