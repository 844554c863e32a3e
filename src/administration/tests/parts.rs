//! Disclosures in parts, and what was delivered of them, as legal finds and reads them.

use super::*;
use crate::entry::{Delivered, Part};

impl Fixture {
    async fn part(&self, request_id: &str, number: u32, of: Option<u32>) {
        let disclosure = Disclosure {
            part: Some(Part { number, of }),
            ..self.disclosure("cus_1", request_id, &[])
        };
        self.record(Event::Disclosure(disclosure)).await;
    }

    async fn delivered(&self, request_id: &str, bytes: u64, because: Option<&str>) {
        let delivered = Delivered {
            request: self.disclosure("cus_1", request_id, &[]).request,
            opening: 0,
            parts: 2,
            bytes,
            bytes_expected: Some(90),
            sha256: "0".repeat(64),
            complete: because.is_none(),
            because: because.map(str::to_owned),
        };
        self.record(Event::Delivered(delivered)).await;
    }
}

#[tokio::test]
async fn answers_in_parts_count_once_each_and_those_that_did_not_leave_whole_are_named() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    for number in 1..=3 {
        fixture.part("whole", number, None).await;
        fixture.part("broken", number, None).await;
        fixture.part("at once", number, Some(3)).await;
    }
    fixture.delivered("broken", 10, Some("client-left")).await;
    fixture
        .delivered("another's", 10, Some("client-left"))
        .await;
    fixture.delivered("whole", 90, None).await;
    fixture.part("cut off", 1, None).await;
    let query = ReportQuery {
        customer: Some("cus_1".to_owned()),
        ..ReportQuery::default()
    };
    let leo = actor("Leo", Role::Legal);
    let report = fixture.service.report(&leo, &query).await.unwrap();
    let [series] = report.disclosures.as_slice() else {
        panic!("{:?}", report.disclosures)
    };
    assert_eq!(series.count, 4);
    let broken = Incomplete {
        request_id: "broken".to_owned(),
        bytes: Some(10),
        bytes_expected: Some(90),
        because: Some("client-left".to_owned()),
    };
    let cut_off = Incomplete {
        request_id: "cut off".to_owned(),
        bytes: None,
        bytes_expected: None,
        because: None,
    };
    assert_eq!(series.incomplete, [broken, cut_off]);
}

#[tokio::test]
async fn what_was_delivered_is_found_by_its_request_and_partner() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    let request_id = "01a22206-ca00-79ff-8c7a-db494bf0c1c2";
    fixture.part(request_id, 1, None).await;
    fixture.delivered(request_id, 90, None).await;
    let leo = actor("Leo", Role::Legal);
    for query in [
        SearchQuery {
            request: Some(request_id.to_owned()),
            ..SearchQuery::default()
        },
        SearchQuery {
            partner: Some("acme".to_owned()),
            ..SearchQuery::default()
        },
    ] {
        let answer = fixture.service.search(&leo, query).await.unwrap();
        let kinds = answer.found.iter().map(|found| &found.entry.event);
        let delivered = kinds.filter(|event| matches!(event, Event::Delivered(_)));
        assert_eq!(delivered.count(), 1);
    }
}
