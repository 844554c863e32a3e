//! Searching by anything, evidence, holds, forgetting.

use std::path::Path;

use super::*;
use crate::evidence;
use crate::ledger::{KEYS_FILE, Keys, verify};

fn change(customer: &str) -> CustomerChange {
    CustomerChange {
        customer: customer.to_owned(),
        because: "asked".to_owned(),
    }
}

fn by_customer(customer: &str) -> SearchQuery {
    SearchQuery {
        customer: Some(customer.to_owned()),
        ..SearchQuery::default()
    }
}

impl Fixture {
    fn directory(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn keys(&self) -> Keys {
        let text = std::fs::read_to_string(self.directory().join(KEYS_FILE)).unwrap();
        Keys::parse(&text).unwrap()
    }

    fn verify(&self) {
        let found = verify::verify(&self.directory(), &self.keys(), None).unwrap();
        assert_eq!(found.entries, self.ledger.size());
    }

    async fn found(&self, query: SearchQuery) -> Vec<u64> {
        let leo = actor("Leo", Role::Legal);
        let answer = self.service.search(&leo, query).await.unwrap();
        answer.found.iter().map(|found| found.index).collect()
    }
}

/// Every byte of the files below a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    files
        .filter(|path| path.is_file())
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[tokio::test]
async fn a_search_goes_by_purpose_operation_decision_and_time_page_by_page() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    let first = fixture.ledger.size();
    for number in 0..5 {
        let request = format!("req_{number}");
        fixture.disclose("cus_1", &request, &[]).await;
        fixture.clock.advance(std::time::Duration::from_secs(3_600));
    }
    let all: Vec<_> = (first..first + 5).collect();
    let base = SearchQuery::default();
    for query in [
        SearchQuery {
            purpose: Some("essential".to_owned()),
            ..base.clone()
        },
        SearchQuery {
            operation: Some("getCustomer".to_owned()),
            ..base.clone()
        },
        SearchQuery {
            decision: Some("redact".to_owned()),
            ..base.clone()
        },
        SearchQuery {
            scan: true,
            ..by_customer("cus_1")
        },
    ] {
        assert_eq!(fixture.found(query.clone()).await[..5], all, "{query:?}");
    }
    let later = SearchQuery {
        decision: Some("redact".to_owned()),
        since: Some("2026-11-22T14:00:00Z".parse().unwrap()),
        until: Some("2026-11-22T16:00:00Z".parse().unwrap()),
        ..base.clone()
    };
    assert_eq!(fixture.found(later).await, all[2..4]);
    let nothing = SearchQuery {
        decision: Some("allow".to_owned()),
        ..base.clone()
    };
    assert!(fixture.found(nothing).await.is_empty());
    let page = |after| SearchQuery {
        decision: Some("redact".to_owned()),
        limit: Some(2),
        after,
        ..SearchQuery::default()
    };
    let leo = actor("Leo", Role::Legal);
    let (mut told, mut after) = (Vec::new(), None);
    loop {
        let answer = fixture.service.search(&leo, page(after)).await.unwrap();
        told.extend(answer.found.iter().map(|found| found.index));
        after = told.last().copied();
        if !answer.more {
            break;
        }
        assert_eq!(answer.found.len(), 2);
    }
    assert_eq!(told, all);
    for mistyped in ["essential.nonsense", "", "a b"] {
        let query = SearchQuery {
            purpose: Some(mistyped.to_owned()),
            ..SearchQuery::default()
        };
        assert!(fixture.service.search(&leo, query).await.is_err());
    }
}

#[tokio::test]
async fn a_word_that_nobody_knows_is_told_with_the_one_that_was_meant() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    fixture.disclose("cus_1", "req_1", &[]).await;
    let mut former = fixture.disclosure("cus_1", "req_2", &[]);
    former.request.operation = Some("readCustomerOfOld".to_owned());
    fixture.record(Event::Disclosure(former)).await;
    let refused = Event::Refusal(crate::entry::Refused {
        request: fixture.disclosure("cus_1", "req_3", &[]).request,
        code: "rate-limited".to_owned(),
        promise: None,
        rule: None,
        executed: "no".to_owned(),
    });
    fixture.record(refused).await;
    let leo = actor("Leo", Role::Legal);
    let search = async |decision: Option<&str>, operation: Option<&str>| {
        let query = SearchQuery {
            decision: decision.map(str::to_owned),
            operation: operation.map(str::to_owned),
            ..SearchQuery::default()
        };
        match fixture.service.search(&leo, query).await {
            Ok(answer) => Ok(answer.found.len()),
            Err(NotDone::Misasked(told)) => Err(told),
            Err(error) => panic!("{error}"),
        }
    };
    for (decision, meant) in [
        ("ALLOW", "`allow`"),
        ("rate-limit", "`rate-limited`"),
        ("partner.resumes", "`partner.resume`"),
    ] {
        let told = search(Some(decision), None).await.unwrap_err();
        assert!(told.contains(&format!("did you mean {meant}?")), "{told}");
    }
    let told = search(Some("nonsense"), None).await.unwrap_err();
    assert!(
        told.contains("`nonsense` is not known") && !told.contains("did you"),
        "{told}"
    );
    let told = search(None, Some("getcustomer")).await.unwrap_err();
    assert!(told.contains("did you mean `getCustomer`?"), "{told}");
    // What partners are told of a refusal finds it.
    assert_eq!(search(Some("deny"), None).await, Ok(1));
    // What an entry has is known, and so is what there is none of yet.
    assert_eq!(search(None, Some("readCustomerOfOld")).await, Ok(1));
    assert_eq!(search(Some("customers.forget.propose"), None).await, Ok(0));
    assert_eq!(search(Some("deny"), Some("readCustomerOfOld")).await, Ok(0));
}

#[tokio::test]
async fn evidence_has_the_entries_the_rules_and_who_approved_them_and_nothing_of_others() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    let set = fixture.service.registry.policy_in_force().await.unwrap();
    let set = set.unwrap().set;
    let mut disclosure = fixture.disclosure("cus_1", "req_1", &["$.email"]);
    disclosure.request.policy = Some(format!("\"{}\";contract=\"acme.3\"", set.version));
    fixture.record(Event::Disclosure(disclosure)).await;
    fixture.disclose("cus_3", "req_2", &[]).await;
    let leo = actor("Leo", Role::Legal);
    let query = by_customer("cus_1");
    let package = fixture.service.evidence(&leo, &query).await.unwrap();
    let verified = evidence::verify(&package, Some(&fixture.keys())).unwrap();
    assert_eq!((verified.entries, verified.approvals), (1, 1));
    assert_eq!(verified.policies, [set.digest]);
    assert_eq!(verified.seal, fixture.ledger.size() - 1);
    let members = evidence::archive::read(&package).unwrap();
    for name in [
        "report.html",
        "report.csv",
        "report.json",
        "README.txt",
        "entries.csv",
    ] {
        assert!(members.contains_key(name), "{name}");
    }
    let others = fixture.reference("cus_3");
    for (name, bytes) in &members {
        for needle in ["example.org", "req_2", &others] {
            let found = memchr::memmem::find(bytes, needle.as_bytes());
            let is_policy = name.starts_with("policies/");
            assert!(is_policy || found.is_none(), "{needle} in {name}");
        }
    }
    let acts: Vec<_> = fixture.acts().into_iter().map(|act| act.0).collect();
    assert_eq!(acts[1..], ["ledger.evidence", "ledger.evidence.sealed"]);
    let stranger = by_customer("nobody@example.org");
    let refused = fixture.service.evidence(&leo, &stranger).await;
    assert!(matches!(refused, Err(NotDone::NotFound(_))));
    let (act, _, object) = fixture.acts().pop().unwrap();
    assert_eq!(act, "ledger.evidence", "that it was asked for stays");
    assert_eq!(object.as_deref(), Some("customer:not-in-the-book"));
    let operator = actor("Olga", Role::Operator);
    let refused = fixture.service.evidence(&operator, &query).await;
    assert!(matches!(refused, Err(NotDone::NotAllowed { .. })));
    fixture.verify();
}

#[tokio::test]
async fn two_people_forget_a_customer_whom_nothing_finds_then_and_the_ledger_still_verifies() {
    let fixture = Fixture::new().await;
    let book = format!(
        "{BOOK}\n{}",
        r#"{"kind":"job","id":"job_secret_3","customer":"cus_3","purpose":"essential.service"}"#
    );
    fixture.import(&book).await.unwrap();
    fixture.disclose("cus_3", "req_1", &[]).await;
    let service = &fixture.service;
    let (leo, olga) = (actor("Leo", Role::Legal), actor("Olga", Role::Operator));
    let reference = fixture.reference("cus_3");
    assert_eq!(fixture.found(by_customer("bo@example.org")).await.len(), 1);
    let proposed = service
        .forget(&leo, &change("bo@example.org"))
        .await
        .unwrap();
    assert!(!proposed.done);
    assert!(
        service.forget(&leo, &change("cus_3")).await.is_err(),
        "alone"
    );
    assert_eq!(fixture.reference("cus_3"), reference);
    assert!(
        service
            .forget(&actor("Ada", Role::Auditor), &change("cus_3"))
            .await
            .is_err()
    );
    let done = service.forget(&olga, &change("cus_3")).await.unwrap();
    assert_eq!((done.done, &done.reference), (true, &reference));
    for typed in ["cus_3", "bo@example.org"] {
        let search = service.search(&leo, by_customer(typed)).await;
        assert!(matches!(search, Err(NotDone::NotFound(_))), "{typed}");
    }
    let job = service
        .registry
        .resource(crate::terms::ResourceKind::Job, "job_secret_3");
    assert_eq!(job, None);
    for needle in ["cus_3", "job_secret_3"] {
        let there = memchr::memmem::find(&all_bytes(fixture.folder.path()), needle.as_bytes());
        assert_eq!(there, None, "{needle} is in a file of the registry");
    }
    // The reference stands for nobody, and still for its entries: the disclosure, and who looked.
    let entries = fixture.found(by_customer(&reference)).await;
    assert!(entries.len() >= 4, "{entries:?}");
    assert!(fixture.service.registry.customer("cus_1").is_some());
    assert!(
        service.forget(&olga, &change(&reference)).await.is_err(),
        "twice"
    );
    fixture.verify();
}

#[tokio::test]
async fn a_hold_forbids_forgetting_until_two_people_end_it() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    let service = &fixture.service;
    let (leo, olga) = (actor("Leo", Role::Legal), actor("Olga", Role::Operator));
    let whom = change("cus_1");
    service.forget(&olga, &whom).await.unwrap();
    assert!(
        service.hold(&olga, &whom).await.is_err(),
        "not for an operator"
    );
    service.hold(&leo, &whom).await.unwrap();
    assert!(service.hold(&leo, &whom).await.is_err(), "twice");
    let refused = service.forget(&leo, &whom).await.unwrap_err();
    assert!(refused.to_string().contains("hold"), "{refused}");
    let kept = service.registry.forget_customer("cus_1").await;
    assert!(kept.is_err(), "nor past the service");
    let holds = service.holds(&leo).await.unwrap();
    assert_eq!(
        (holds.len(), holds[0].customer.as_deref()),
        (1, Some("cus_1"))
    );
    assert!(!service.release(&olga, &whom).await.unwrap().done);
    assert_eq!(
        service.holds(&leo).await.unwrap()[0]
            .end_proposed
            .as_ref()
            .unwrap()
            .by,
        "Olga"
    );
    assert!(service.release(&olga, &whom).await.is_err(), "alone");
    assert!(service.release(&leo, &whom).await.unwrap().done);
    assert_eq!(service.holds(&leo).await.unwrap(), []);
    let acts = fixture
        .acts()
        .into_iter()
        .filter(|act| act.0 == "ledger.hold.list");
    let shown: Vec<_> = acts.map(|act| act.2.unwrap()).collect();
    assert_eq!(shown, ["holds:1", "holds:1", "holds:0"]);
    // What was asked for before the hold is not waiting any more.
    assert!(!service.forget(&leo, &whom).await.unwrap().done);
    assert!(service.forget(&olga, &whom).await.unwrap().done);
    fixture.verify();
}
