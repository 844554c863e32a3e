//! Policy sets that follow one another under load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use covenant::entry::{Act, Entry, Event};
use covenant::mistakes::Mistakes;
use covenant::publishing::object;
use covenant::registry::Publication;
use covenant::source::Folder;

use crate::caller::{Reply, Version};
use crate::stand::{SERVICE, Stand, facts};

const ACME: &str = "partners/acme.yaml";
/// Another contract of acme's: its number, its rate, and names withheld.
const OTHERWISE: [(&str, &str, &str); 3] = [
    (ACME, "version: 7", "version: 8"),
    (
        ACME,
        "requests_per_minute: 6000",
        "requests_per_minute: 5000",
    ),
    (ACME, "  user.name: clear\n", ""),
];
/// How often the set in force changes under load, and how many answers are awaited under each.
const CHANGES: usize = 12;
const CALLERS_OF_EACH_VERSION: usize = 3;

/// The files of the stand's folder, with replacements of text.
fn files(stand: &Stand, edits: &[(&str, &str, &str)]) -> BTreeMap<String, String> {
    let folder = Folder::read(&stand.config.policies, &mut Mistakes::new());
    let all = folder.files();
    let mut all: BTreeMap<_, _> = all
        .map(|(name, source)| (name.to_owned(), source.text().to_owned()))
        .collect();
    for (name, from, to) in edits {
        let text = all.get_mut(*name).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        *text = text.replace(from, to);
    }
    all
}

/// Publishes files as the administration does once people have agreed; the set's name.
async fn publish(stand: &Stand, files: BTreeMap<String, String>) -> String {
    let running = stand.running();
    let change = running.publishing().begin().await;
    let files = Folder::of("", files, &mut Mistakes::new());
    let candidate = change.judge(files, "proved".to_owned()).await.unwrap();
    let candidate = candidate.unwrap();
    change.keep(&candidate).await.unwrap();
    let version = candidate.set().version.clone();
    let act = Act {
        actor: "Ann".to_owned(),
        role: "legal".to_owned(),
        action: "policy.publish".to_owned(),
        object: Some(object(candidate.set())),
        because: None,
    };
    let entry = Entry::new(stand.clock.now(), Event::Act(act)).unwrap();
    let receipt = running.gateway().ledger.append(entry).await.unwrap();
    let publication = Publication {
        how: "policy.publish".to_owned(),
        by: "Ann".to_owned(),
        because: String::new(),
        time: stand.clock.now(),
        entry: receipt.index(),
    };
    change.put_in_force(candidate, publication).await.unwrap();
    version
}

/// Everything of an answer that the rules decide.
#[derive(Clone, Debug, PartialEq)]
struct Decided {
    policy: String,
    rate: String,
    body: serde_json::Value,
}

fn decided(reply: &Reply) -> Decided {
    assert_eq!(reply.status, 200, "{}", reply.everything());
    Decided {
        policy: reply.header("covenant-policy").to_owned(),
        rate: reply.header("ratelimit-policy").to_owned(),
        body: reply.json(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_that_alternate_under_load_are_never_mixed_and_drop_no_connection() {
    let stand = Arc::new(Stand::start().await);
    let target = format!("/v1/customers/{}", stand.subject("acme", 0).customer);
    let sets = [files(&stand, &[]), files(&stand, &OTHERWISE)];
    let mut expected = BTreeMap::new();
    for set in sets.iter().rev() {
        let version = publish(&stand, set.clone()).await;
        let reply = stand.partner("acme").await.get(&target, SERVICE).await;
        expected.insert(version, decided(&reply));
    }
    let all: Vec<&Decided> = expected.values().collect();
    assert_eq!(all.len(), 2);
    assert!(all[0].policy != all[1].policy && all[0].rate != all[1].rate);
    assert_ne!(all[0].body, all[1].body, "{all:#?}");

    let done = Arc::new(AtomicBool::new(false));
    let expected = Arc::new(expected);
    let versions = [Version::Http1, Version::Http2].into_iter();
    let versions = versions.flat_map(|one| [one; CALLERS_OF_EACH_VERSION]);
    let callers: Vec<_> = versions
        .map(|version| {
            let (stand, target) = (Arc::clone(&stand), target.clone());
            let (done, expected) = (Arc::clone(&done), Arc::clone(&expected));
            tokio::spawn(async move {
                let credentials = stand.credentials("acme");
                // One connection for all of it: a dropped one fails the call.
                let mut caller = stand.connect(&credentials, version).await;
                let mut told = BTreeMap::new();
                while !done.load(Ordering::Relaxed) {
                    let reply = caller.get(&target, SERVICE).await;
                    let found = decided(&reply);
                    let mut sets = expected.iter();
                    let named = sets.find(|(name, _)| found.policy.contains(name.as_str()));
                    assert_eq!(Some(&found), named.map(|(_, decided)| decided));
                    told.insert(reply.request_id().to_owned(), found.policy);
                }
                told
            })
        })
        .collect();
    for turn in 0..CHANGES {
        publish(&stand, sets[(turn + 1) % 2].clone()).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut told = BTreeMap::new();
    for caller in callers {
        told.extend(caller.await.unwrap());
    }
    let seen: BTreeSet<&String> = told.values().collect();
    assert_eq!(seen.len(), 2, "both sets answered under load");
    let mut recorded = BTreeMap::new();
    for event in stand.events() {
        if let Some(facts) = facts(&event) {
            recorded.insert(facts.request_id.clone(), facts.policy.clone().unwrap());
        }
    }
    for (request_id, policy) in &told {
        assert_eq!(recorded.get(request_id), Some(policy));
    }
}

#[tokio::test]
async fn new_limits_and_a_partner_that_is_gone_count_from_the_next_request_on_an_open_connection() {
    let stand = Stand::start().await;
    let (acme, crest) = (stand.subject("acme", 0), stand.subject("acme", 1));
    let page = |customer: &str| format!("/v1/customers/{customer}");
    let mut client = stand.partner("acme").await;
    let mut going = stand
        .connect(&stand.credentials("crest"), Version::Http2)
        .await;
    assert_eq!(client.get(&page(&acme.customer), SERVICE).await.status, 200);
    assert_eq!(going.get("/.covenant/whoami", SERVICE).await.status, 200);

    let tighter = [
        (ACME, "requests_per_minute: 6000", "requests_per_minute: 3"),
        (ACME, "customers_per_day: 500", "customers_per_day: 1"),
    ];
    let mut tighter = files(&stand, &tighter);
    tighter.remove("partners/crest.yaml");
    publish(&stand, tighter).await;

    let gone = going.get("/.covenant/whoami", SERVICE).await;
    assert_eq!(
        gone.json()["code"],
        "identity-mismatch",
        "{}",
        gone.everything()
    );
    let other = client.get(&page(&crest.customer), SERVICE).await;
    assert_eq!(other.json()["code"], "customer-budget-exhausted");
    let same = client.get(&page(&acme.customer), SERVICE).await;
    assert_eq!(same.status, 200, "who was counted already is free");
    client.get(&page(&acme.customer), SERVICE).await;
    let late = client.get(&page(&acme.customer), SERVICE).await;
    assert_eq!(late.json()["code"], "rate-limited", "{}", late.everything());
}
