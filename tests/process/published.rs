//! The published ledger as others see it: over HTTP, from copies, by proofs, and through a change of the
//! signing key; by the commands that need no gateway, and by the program alone that is running.

use std::fs;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::installation::Installation;
use crate::program::{page, until};

/// The head of an answer of the operator's listener, in small letters, and its body's length.
async fn head(place: &Installation, path: &str) -> (String, usize) {
    let mut stream = TcpStream::connect(place.operator()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head.to_lowercase(), answer.len() - end - 4)
}

/// Waits until something is published, and gives the number of entries.
async fn published(place: &Installation) -> u64 {
    until("the log is published", async || {
        page(place.operator(), "/checkpoint").await.unwrap().0 == 200
    })
    .await;
    let stated = place.run("ledger checkpoint --dir ledger --key ledger.key -o json");
    stated.await.with(0).json()["size"].as_u64().unwrap()
}

#[tokio::test]
async fn whoever_has_the_key_verifies_what_the_operator_listener_serves() {
    let place = Installation::new().await;
    let mut gateway = place.serve().await;
    let size = published(&place).await;
    let url = format!("http://{}", place.operator());
    let verify = format!("ledger verify --url {url} --key ledger.key");
    let verified = place.run(&format!("{verify} -o json")).await.with(0).json();
    assert!(verified["entries"].as_u64().unwrap() >= size);
    // A checkpoint kept today is held against the log tomorrow; one of another log is a mistake.
    let kept = place.run("ledger checkpoint --dir ledger --key ledger.key");
    fs::write(place.path("kept"), kept.await.with(0).out).unwrap();
    place
        .run(&format!("{verify} --since-checkpoint kept"))
        .await
        .with(0);
    place
        .run(&format!("{verify} --since-checkpoint covenant.toml"))
        .await
        .with(2);
    place
        .run("ledger verify --url http://127.0.0.1:1 --key ledger.key")
        .await
        .with(7);
    place
        .run("ledger verify --url http://ledger.example --key ledger.key")
        .await
        .with(2);
    place.run("ledger verify").await.with(2);

    let (head_of_checkpoint, _) = head(&place, "/checkpoint").await;
    assert!(head_of_checkpoint.contains("content-type: text/plain; charset=utf-8"));
    assert!(head_of_checkpoint.contains("cache-control: no-cache"));
    let tile = format!("/tile/0/000.p/{size}");
    let (head_of_tile, bytes) = head(&place, &tile).await;
    assert!(head_of_tile.starts_with("http/1.1 200"), "{head_of_tile}");
    assert!(head_of_tile.contains("content-type: application/octet-stream"));
    assert!(head_of_tile.contains("immutable"));
    assert_eq!(bytes as u64, size * 32);
    for path in [
        "/tile/0/000",
        "/tile/0/../checkpoint",
        "/tile/0/..%2f..%2fverifier.key",
        "/tile/entries/000.new",
        "/verifier.key",
        "/journal/0000000000.segment",
    ] {
        let (head, _) = head(&place, path).await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
    assert_eq!(gateway.stop().await, 0);
}

#[tokio::test]
async fn an_entry_is_proven_to_whoever_has_the_key_and_no_other_is() {
    let place = Installation::new().await;
    let mut gateway = place.serve().await;
    published(&place).await;
    assert_eq!(gateway.stop().await, 0);
    let prove = "ledger prove --dir ledger --key ledger.key";
    let proven = format!("{prove} --index 0 --out one.tlog-proof --entry-out one.json");
    place.run(&proven).await.with(0);
    let entry: Value = serde_json::from_slice(&fs::read(place.path("one.json")).unwrap()).unwrap();
    assert!(entry["event"]["kind"].is_string());
    // Without the ledger: the three files are enough.
    let check = "ledger verify --proof one.tlog-proof --entry one.json --key ledger.key";
    let checked = place.run(check).await.with(0);
    assert!(checked.out.contains("entry 0 of the log"), "{checked:?}");
    place.edit("one.json", "\"v\":", "\"v\" :");
    place.run(check).await.with(6);
    place.run(&format!("{prove} --index 100000")).await.with(1);

    let stats = place.run("ledger stats --dir ledger -o json").await.with(0);
    let stats = stats.json();
    assert_eq!(stats["entries"], place.verify().await);
    assert!(stats["kinds"]["gateway"].as_u64().unwrap() >= 2);
    place.run("ledger stats --dir nowhere").await.with(2);
}

#[tokio::test]
async fn the_signing_key_changes_at_a_start_and_both_have_signed_it() {
    let place = Installation::new().await;
    let second = "key = \"ledger.key\"\nsecond_checkpoint = \"elsewhere.checkpoint\"\n";
    place.edit("covenant.toml", "key = \"ledger.key\"\n", second);
    let mut gateway = place.serve().await;
    published(&place).await;
    assert_eq!(gateway.stop().await, 0);
    assert!(place.path("elsewhere.checkpoint").exists());
    let both = "key = \"new.key\"\nprevious_key = \"ledger.key\"\n";
    place.edit("covenant.toml", "key = \"ledger.key\"\n", both);
    let mut gateway = place.serve().await;
    assert_eq!(gateway.stop().await, 0);
    assert!(place.notes().contains(&"key-rotated".to_owned()));
    // From now on without the old one.
    place.edit("covenant.toml", "previous_key = \"ledger.key\"\n", "");
    fs::rename(place.path("ledger.key"), place.path("old.key")).unwrap();
    let mut gateway = place.serve().await;
    assert_eq!(gateway.stop().await, 0);
    place
        .run("ledger verify --dir ledger --key new.key")
        .await
        .with(0);
    let told = place.run("ledger verify --dir ledger --key old.key").await;
    assert!(told.with(2).err.contains("rotation-1.checkpoint"));
    // A log that lost what it once published is not taken for a new one.
    fs::remove_dir_all(place.path("ledger")).unwrap();
    let refused = place.run("serve").await.with(6);
    assert!(
        refused.err.contains("a signed checkpoint says"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn parquet_is_written_by_builds_that_can_and_the_others_say_which_those_are() {
    let place = Installation::new().await;
    let mut gateway = place.serve().await;
    published(&place).await;
    assert_eq!(gateway.stop().await, 0);
    let export = "ledger export --dir ledger --key ledger.key --format parquet";
    if !cfg!(feature = "parquet") {
        let told = place.run(&format!("{export} --out entries.parquet")).await;
        assert!(told.with(2).err.contains("--features parquet"));
        assert!(!place.path("entries.parquet").exists());
        return;
    }
    place.run(export).await.with(2);
    place
        .run(&format!("{export} --out entries.parquet"))
        .await
        .with(0);
    let file = fs::read(place.path("entries.parquet")).unwrap();
    assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    // Nothing is written over.
    place
        .run(&format!("{export} --out entries.parquet"))
        .await
        .with(1);
}
