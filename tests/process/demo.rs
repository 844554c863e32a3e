//! `covenant demo`: the tour, and the lines that it prints.

use std::fs;

use tempfile::tempdir;

use crate::program::{Background, covenant, finish, free_port, is_there, run, shell, until};

#[tokio::test]
async fn the_tour_shows_every_promise_kept_and_leaves_nothing_behind() {
    let folder = tempdir().unwrap();
    let temporary = tempdir().unwrap();
    let mut command = covenant(folder.path(), &["demo", "--tour"]);
    command.env("TMPDIR", temporary.path());
    let toured = finish(command).await.with(0);
    let steps = [
        ("1 allowed", "200 allow"),
        ("2 redacted", "200 redact"),
        ("3 marketing", "403 marketing-use-blocked"),
        (
            "4 bulk export",
            "403 bulk-export-blocked, 422 page-too-large",
        ),
        ("5 sweep", "429 customer-budget-exhausted"),
        ("6 whose data?", "disclosures to 1 recipient"),
        ("7 verify", "checkpoint signed and good"),
        ("8 tamper", "exit 6"),
    ];
    let mut told = toured.out.lines();
    for (step, outcome) in steps {
        let line = told.find(|line| line.starts_with(step)).unwrap_or_default();
        assert!(line.contains(outcome), "{step}: {}", toured.out);
    }
    assert_eq!(toured.err, "");
    for place in [folder, temporary] {
        let left: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn every_line_that_the_demo_prints_can_be_pasted() {
    let folder = tempdir().unwrap();
    let port = free_port().to_string();
    let said = folder.path().join("said");
    let command = covenant(folder.path(), &["demo", "--port", &port]);
    let mut demo = Background::start(command, &said);
    let welcome = async || fs::read_to_string(&said).unwrap_or_default();
    until("the demo says how to begin", async || {
        assert_eq!(demo.ended(), None, "{}", welcome().await);
        welcome().await.contains("Ctrl-C")
    })
    .await;
    let welcome = welcome().await;
    let (_, rest) = welcome.split_once("Try, from another terminal:").unwrap();
    let (lines, _) = rest.split_once("Ctrl-C").unwrap();
    if is_there("curl").await {
        let pasted = shell(folder.path(), lines).await.with(0);
        let mut rest = pasted.out.as_str();
        for expected in [
            "HTTP/2 200",
            "covenant-decision: allow",
            "covenant-decision: redact",
            "marketing-use-blocked",
            "bulk-export-blocked",
            "page-too-large",
            "covenant-decision: redact",
            "customer-budget-exhausted",
            "Acme Print & Mail",
            "checkpoint signed and good",
            "exit 6",
        ] {
            let Some(place) = rest.find(expected) else {
                panic!("no {expected} where it belongs: {pasted:#?}");
            };
            rest = &rest[place + expected.len()..];
        }
        assert!(pasted.err.contains("damaged"), "{}", pasted.err);
    }
    assert_eq!(demo.stop().await, 0);
    let verify = "ledger verify --dir covenant-demo/ledger --key covenant-demo/ledger.key";
    run(folder.path(), verify).await.with(0);
}
