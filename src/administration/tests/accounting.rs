//! What an accounting of disclosures says of whom and of what.

use std::os::unix::fs::FileExt as _;

use super::*;
use crate::evidence;

const ACME: &str = "partners/acme.yaml";
const RENAMED: (&str, &str, &str) = (ACME, "name: Acme Print & Mail", "name: Acme Mail Group");
const UNKNOWN: &str = "6f1c3a52-9d0e-4b7a-8c11-0e2f4a6b8c9d";
const MOVED: (&str, &str, &str) = (
    ACME,
    "address: 12 Foundry Lane, Portland, ME 04101, United States",
    "address: 9 New Road, Portland, ME 04102, United States",
);

impl Fixture {
    /// A disclosure about `cus_1` to a partner, decided by a policy set.
    async fn disclose_to(&self, partner: &str, set: Option<&str>, request: &str) {
        let mut disclosure = self.disclosure("cus_1", request, &[]);
        disclosure.request.recipient = Some(Recipient::Partner {
            id: partner.to_owned(),
            parent: None,
        });
        disclosure.request.policy = set.map(|set| format!("\"{set}\";contract=\"{partner}.1\""));
        self.record(Event::Disclosure(disclosure)).await;
    }

    async fn report_on(&self, customer: &str) -> Report {
        let query = ReportQuery {
            customer: Some(customer.to_owned()),
            ..ReportQuery::default()
        };
        let leo = actor("Leo", Role::Legal);
        self.service.report(&leo, &query).await.unwrap()
    }
}

#[tokio::test]
async fn a_report_names_who_received_it_as_they_were_then_and_as_they_are_now() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    let first = fixture.in_force();
    fixture.disclose_to("acme", Some(&first), "req_1").await;
    let petra = actor("Petra", Role::PartnerManager);
    let edits = [RENAMED, MOVED];
    let changed = fixture.publish(&petra, &edits).await.unwrap();
    if changed.outcome == PolicyOutcome::Proposed {
        let leo = actor("Leo", Role::Legal);
        fixture.agree(&leo, &changed.version).await.unwrap();
    }
    let second = fixture.in_force();
    assert_ne!(first, second);
    fixture.disclose_to("acme", Some(&first), "req_2").await;
    fixture.disclose_to("acme", Some(&second), "req_3").await;
    // A partner that is none any more.
    fixture.disclose_to("crest", Some(&first), "req_4").await;
    // Contracts that nobody has any more.
    fixture.disclose_to("acme", None, "req_5").await;
    fixture
        .disclose_to("acme", Some("2020-01-01.0000"), "req_6")
        .await;
    fixture.disclose_to("dealer", None, "req_7").await;
    let report = fixture.report_on("cus_1").await;
    let told = report.disclosures.iter().map(|series| {
        let who = &series.recipient;
        let present = who.present.as_ref();
        (
            who.name.as_deref(),
            who.address.as_deref(),
            present.map(|present| &*present.name),
            series.count,
        )
    });
    let before = "12 Foundry Lane, Portland, ME 04101, United States";
    let after = "9 New Road, Portland, ME 04102, United States";
    let now = Some("acme Ltd");
    let crest = &report.disclosures[2].recipient;
    assert!(crest.address.is_some());
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (Some("Acme Print & Mail"), Some(before), now, 2),
            (Some("Acme Mail Group"), Some(after), now, 1),
            (
                Some("Crest Cards by Acme"),
                crest.address.as_deref(),
                None,
                1
            ),
            (None, None, now, 2),
            (None, None, None, 1),
        ]
    );
    for paper in [
        paper::text(&report),
        paper::html(&report),
        paper::csv(&report),
    ] {
        for named in [
            "Acme Print &",
            "Acme Mail Group",
            before,
            after,
            "acme Ltd",
            "dealer",
        ] {
            let named = match paper.contains("<!doctype") {
                true => named.replace('&', "&amp;"),
                false => named.to_owned(),
            };
            assert!(paper.contains(&named), "{named} in {paper}");
        }
    }
    let leo = actor("Leo", Role::Legal);
    let query = SearchQuery {
        customer: Some("cus_1".to_owned()),
        ..SearchQuery::default()
    };
    let package = fixture.service.evidence(&leo, &query).await.unwrap();
    let members = evidence::archive::read(&package).unwrap();
    let packed: Report = serde_json::from_slice(&members["report.json"]).unwrap();
    assert_eq!(packed.disclosures, report.disclosures);
}

/// Changes a byte of an entry wherever the log has it.
fn tamper(folder: &std::path::Path, needle: &str) -> usize {
    let mut changed = 0;
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            changed += tamper(&path, needle);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if let Some(place) = memchr::memmem::find(&bytes, needle.as_bytes()) {
            let last = place + needle.len() - 1;
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            // In place: the gateway has it open.
            file.write_all_at(&[bytes[last] ^ 1], last as u64).unwrap();
            changed += 1;
        }
    }
    changed
}

#[tokio::test]
async fn what_cannot_be_told_says_what_to_do_and_ends_the_command_with_its_code() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    fixture.disclose("cus_1", "req_tampered", &[]).await;
    let socket = fixture.folder.path().join("administration.sock");
    let actors = Actors::new([Mapped {
        user: user_name(rustix::process::getuid().as_raw()),
        name: "Leo".to_owned(),
        role: Role::Legal,
    }]);
    let listener = server::bind(&socket).unwrap();
    let service = Arc::clone(&fixture.service);
    tokio::spawn(server::serve(
        listener,
        service,
        actors.unwrap(),
        std::future::pending(),
    ));
    let leo = Client::new(&socket, Some(Role::Legal));
    let asked = async |path: &str, query: &SearchQuery| {
        let answer = leo.post_for_bytes(path, query).await;
        answer.map_or_else(
            |error| (error.exit_code(), error.to_string()),
            |_| (0, String::new()),
        )
    };
    let some = |text: &str| Some(text.to_owned());
    let customer = |id: &str| SearchQuery {
        customer: some(id),
        ..SearchQuery::default()
    };
    let (search, package) = ("/ledger/search", "/ledger/evidence");
    for (path, query, code, told) in [
        (
            search,
            SearchQuery {
                purpose: some("selling"),
                ..customer("cus_1")
            },
            2,
            "is not a purpose",
        ),
        (
            search,
            SearchQuery {
                request: some("req"),
                ..customer("cus_1")
            },
            2,
            "is not a request's id",
        ),
        (
            search,
            SearchQuery {
                because: some(" "),
                ..customer("cus_1")
            },
            2,
            "say why with --because",
        ),
        (
            search,
            SearchQuery {
                because: Some("x".repeat(100_000)),
                ..customer("cus_1")
            },
            2,
            "shorten",
        ),
        (search, SearchQuery::default(), 2, "name a customer"),
        (search, customer("cus_9"), 1, "nobody in the book"),
        (package, customer("cus_2"), 0, ""),
        (
            package,
            SearchQuery {
                partner: some("bright"),
                ..customer("cus_1")
            },
            1,
            "no package was made",
        ),
        (
            package,
            SearchQuery {
                until: Some("2020-01-01T00:00:00Z".parse().unwrap()),
                ..customer("cus_1")
            },
            1,
            "no package was made",
        ),
        (
            package,
            SearchQuery {
                request: some(UNKNOWN),
                ..SearchQuery::default()
            },
            1,
            "no package was made",
        ),
    ] {
        let (exit, message) = asked(path, &query).await;
        assert_eq!(exit, code, "{message}");
        assert!(message.contains(told), "{message}");
    }
    let sealed = fixture.acts().into_iter();
    let sealed = sealed.filter(|(act, ..)| act == evidence::SEALED);
    assert_eq!(sealed.count(), 1);

    // What is written behind the log's end has read it before.
    fixture.published().await;
    assert!(tamper(&fixture.folder.path().join("ledger"), "req_tampered") > 0);
    for path in [search, package, "/ledger/report"] {
        let (exit, message) = match path {
            "/ledger/report" => {
                let query = ReportQuery {
                    customer: some("cus_1"),
                    ..ReportQuery::default()
                };
                let error = leo.post::<Report>(path, &query).await.unwrap_err();
                (error.exit_code(), error.to_string())
            }
            path => asked(path, &customer("cus_1")).await,
        };
        assert_eq!(exit, 6, "{message}");
        assert!(message.contains("covenant ledger verify"), "{message}");
    }
}
