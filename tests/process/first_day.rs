//! From nothing to an answered call and its record, by typing what the commands say comes next.

use std::fs;

use tempfile::tempdir;
use tokio::net::TcpStream;

use crate::installation::Installation;
use crate::program::{Background, covenant, finish, is_there, page, run, shell, until};

#[tokio::test]
async fn a_stranger_gets_from_nothing_to_an_answer_and_its_record() {
    let place = Installation::new().await;
    place.run("policy check --dir policies").await.with(0);
    let tested = place.run("policy test --junit results.xml").await.with(0);
    assert!(tested.out.ends_with(" cases, 0 failed\n"), "{tested:?}");
    assert!(place.path("results.xml").exists());
    let core_port = place.core().port().to_string();
    let words = [
        "demo",
        "--core-only",
        "--core-port",
        &core_port,
        "--dir",
        ".",
    ];
    let core = covenant(place.folder(), &words);
    let mut core = Background::start(core, &place.path("core.log"));
    until("the core listens", async || {
        TcpStream::connect(place.core()).await.is_ok()
    })
    .await;
    let mut gateway = place.serve().await;
    let imported = place.run("customers import book.jsonl").await.with(0);
    assert!(imported.out.contains("2140 new"), "{imported:?}");

    let target = "/v1/customers/cus_000001";
    let (status, id) = if is_there("curl").await {
        let line = place.curl_line("acme", target);
        let called = shell(place.folder(), &line).await.with(0);
        let called = called.out.to_ascii_lowercase();
        let id = called
            .lines()
            .find_map(|line| line.strip_prefix("request-id: "));
        let status = called.split(' ').nth(1).unwrap_or_default().to_owned();
        (status, id.unwrap_or_default().trim().to_owned())
    } else {
        let answer = place.get("acme", target).await;
        (
            answer.status.as_str().to_owned(),
            answer.header("request-id").to_owned(),
        )
    };
    assert_eq!(status, "200");
    let found = place
        .run(&format!("ledger search --request {id}"))
        .await
        .with(0);
    assert!(
        found.out.contains("disclosure\tacme\tgetCustomer"),
        "{found:?}"
    );

    assert_eq!(gateway.stop().await, 0);
    assert_eq!(core.stop().await, 0);
    assert!(place.verify().await >= 4);
    assert_eq!(place.notes(), ["policy.first", "started", "stopped"]);
}

#[tokio::test]
async fn what_stands_already_is_never_written_over() {
    let folder = tempdir().unwrap();
    let first = run(folder.path(), "init gateway").await.with(0);
    assert!(
        first.out.contains("wrote gateway/covenant.toml"),
        "{first:?}"
    );
    let contract = folder.path().join("gateway/policies/partners/acme.yaml");
    fs::write(&contract, "mine").unwrap();
    let again = run(folder.path(), "init gateway").await.with(0);
    assert!(!again.out.contains("wrote"), "{again:?}");
    assert_eq!(fs::read_to_string(&contract).unwrap(), "mine");
    run(folder.path(), "ca init --dir certs").await.with(0);
    let key = fs::read(folder.path().join("certs/ca.key")).unwrap();
    let refused = run(folder.path(), "ca init --dir certs").await.with(1);
    assert!(refused.err.starts_with("covenant: "), "{refused:?}");
    assert_eq!(fs::read(folder.path().join("certs/ca.key")).unwrap(), key);
}

#[tokio::test]
async fn the_operator_sees_life_readiness_and_counts_but_no_customer() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    place.get("acme", "/v1/customers/cus_000001").await;
    let operator = place.operator();
    let alive = page(operator, "/healthz").await.unwrap();
    assert_eq!(alive, (200, "alive\n".to_owned()));
    let ready = page(operator, "/readyz").await.unwrap();
    assert_eq!(ready, (200, "ready\n".to_owned()));
    let (status, metrics) = page(operator, "/metrics").await.unwrap();
    assert_eq!(status, 200);
    let counted =
        "covenant_requests_total{partner=\"acme\",operation=\"getCustomer\",status=\"200\"";
    for expected in [
        counted,
        "covenant_ledger_writable 1",
        "covenant_ledger_entries 4",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    assert!(!metrics.contains("cus_"), "{metrics}");
    assert_eq!(page(operator, "/v1/customers").await.unwrap().0, 404);
    assert_eq!(gateway.stop().await, 0);
    assert_eq!(page(operator, "/healthz").await, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_gateway_takes_no_pages_of_which_one_byte_keeps_two_mebibytes() {
    let place = Installation::new().await;
    let mut gateway = place.serve().await;
    // Older systems do not say.
    let status = gateway.status().unwrap_or_default();
    if status.contains("THP_enabled:") {
        assert!(status.contains("THP_enabled:\t0\n"), "{status}");
    }
    assert_eq!(gateway.stop().await, 0);
}

#[tokio::test]
async fn a_gateway_whose_place_is_taken_does_not_start_and_harms_nothing() {
    let place = Installation::new().await;
    let mut gateway = place.serve().await;
    let second = place.serve_command();
    let second = finish(second).await.with(1);
    assert!(
        second.err.contains("is another gateway running on it?"),
        "{second:?}"
    );
    let taken = Installation::new().await;
    let port = |place: &Installation| format!(":{}", place.gateway().port());
    taken.edit("covenant.toml", &port(&taken), &port(&place));
    let refused = finish(taken.serve_command()).await.with(1);
    assert!(refused.err.contains("the partner listener"), "{refused:?}");
    assert_eq!(place.readiness().await, Some(200));
    assert_eq!(gateway.stop().await, 0);
    place.verify().await;
}
