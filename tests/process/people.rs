//! What people do with a running gateway, and that it holds from the next call on.

use crate::installation::Installation;

const TARGET: &str = "/v1/customers/cus_000001";

#[tokio::test]
async fn a_suspension_holds_from_the_next_call_and_ends_only_by_two_people() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);

    let listed = place.run("partner list").await.with(0);
    let standing = |name: &str| {
        let row = listed.out.lines().find(|row| row.starts_with(name));
        row.unwrap_or_default()
            .rsplit('\t')
            .next()
            .map(str::to_owned)
    };
    assert_eq!(standing("acme").as_deref(), Some("active"), "{listed:?}");
    place
        .run("partner suspend acme --because leak")
        .await
        .with(0);
    let shown = place.run("partner show acme -o json").await.with(0).json();
    assert_eq!(shown["suspended"]["because"], "leak");
    let refused = place.get("acme", TARGET).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["code"], "partner-suspended");
    assert!(!String::from_utf8_lossy(&refused.body).contains("cus_000001"));

    let proposed = place
        .run("partner resume acme --because fixed")
        .await
        .with(0);
    assert!(proposed.out.contains("another person"), "{proposed:?}");
    let alone = place.run("partner resume acme --because fixed").await;
    assert!(!alone.out.contains("resumed"), "{alone:?}");
    assert_eq!(place.get("acme", TARGET).await.status, 403);
    let shown = place.run("partner show acme").await.with(0);
    assert!(shown.out.contains("resume asked"), "{shown:?}");

    assert_eq!(gateway.stop().await, 0);
    let mut gateway = place.serve().await;
    assert_eq!(
        place.get("acme", TARGET).await.status,
        403,
        "a restart ends no suspension"
    );
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
}

#[tokio::test]
async fn whose_data_went_where_is_found_and_accounted_for() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer = place.get("acme", TARGET).await;
        assert_eq!(answer.status, 200);
        ids.push(answer.header("request-id").to_owned());
    }
    let found = place
        .run("ledger search --customer cus_000001 -o json")
        .await
        .with(0);
    for id in &ids {
        assert!(found.out.contains(id.as_str()), "{id}: {found:?}");
    }
    let foreign = place.run("ledger search --partner bluebird").await.with(0);
    assert_eq!(foreign.out, "");

    let report = "ledger report --customer cus_000001 --because asked";
    let text = place.run(report).await.with(0).out;
    assert!(
        text.contains("Acme Print & Mail") && text.contains("Foundry Lane"),
        "{text}"
    );
    let json = place.run(&format!("{report} -o json")).await.with(0).json();
    assert_eq!(json["disclosures"][0]["count"], 3, "{json:#}");
    assert_eq!(
        json["disclosures"][0]["first"]["request_id"],
        ids[0].as_str()
    );
    assert_eq!(
        json["disclosures"][0]["last"]["request_id"],
        ids[2].as_str()
    );
    let table = place.run(&format!("{report} --as csv")).await.with(0).out;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[1].contains("Acme Print & Mail"), "{table}");
    for answer in [text, json.to_string(), table] {
        assert!(
            !answer.contains("kestrand.example"),
            "no data in an account of it: {answer}"
        );
    }
    // Whoever looked stands in the ledger too, and a role that one does not have is no way in.
    place
        .run("ledger search --customer cus_000001 --role auditor")
        .await
        .with(1);
    let acts = place
        .run("ledger search --customer cus_000001")
        .await
        .with(0);
    assert!(acts.out.contains("ledger.report"), "{acts:?}");
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
}
