//! What an accounting of disclosures says of whom and of what.

use super::*;
use crate::evidence;

const ACME: &str = "partners/acme.yaml";
const RENAMED: (&str, &str, &str) = (ACME, "name: Acme Print & Mail", "name: Acme Mail Group");
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
