//! Commands and their exit codes: what is wrong is told at once, at its place, by a code that a script
//! can tell apart.

use std::fs;

use tempfile::tempdir;

use crate::installation::Installation;
use crate::program::run;

#[tokio::test]
async fn what_cannot_be_asked_exits_with_two() {
    let folder = tempdir().unwrap();
    for words in [
        "serve --confg covenant.toml",
        "frobnicate",
        "demo --tour --core-only",
        "policy explain --partner acme",
        "demo --tour --dir elsewhere",
        "ledger search",
        "token mint --minutes 1441",
        "ledger search --since yesterday --partner acme",
        "partner list --role king",
        "ledger verify --dir .",
    ] {
        let refused = run(folder.path(), words).await.with(2);
        assert!(
            refused.out.is_empty() && !refused.err.is_empty(),
            "{words}: {refused:?}"
        );
    }
    let version = run(folder.path(), "--version").await.with(0);
    assert_eq!(
        version.out,
        format!("covenant {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert!(
        run(folder.path(), "--help")
            .await
            .with(0)
            .out
            .contains("ledger")
    );
}

#[tokio::test]
async fn a_bad_configuration_exits_with_three_and_tells_every_mistake_at_its_line() {
    let place = Installation::new().await;
    place.edit(
        "covenant.toml",
        "[ledger]\n",
        "[ledger]\nsegment_megabytes = 1\n",
    );
    place.edit(
        "covenant.toml",
        "listen = \"127.0.0.1:",
        "listen = \"localhost:",
    );
    place.edit("covenant.toml", "name = \"mailing\"", "nam = \"mailing\"");
    place.edit("covenant.toml", "\"legal\"", "\"leagl\"");
    for command in ["serve", "partner list", "ledger search --partner acme"] {
        let refused = place.run(command).await.with(3);
        for expected in [
            "segment_megabytes",
            "`listen`",
            "nam",
            "did you mean",
            "leagl",
        ] {
            assert!(
                refused.err.contains(expected),
                "{command}, {expected}: {}",
                refused.err
            );
        }
        assert!(refused.err.contains("covenant.toml:"), "{}", refused.err);
    }
    assert!(!place.path("ledger").exists(), "nothing was started");
    let missing = place.run("serve --config nowhere.toml").await.with(3);
    assert!(missing.err.contains("nowhere.toml"), "{missing:?}");
}

#[tokio::test]
async fn a_configuration_under_which_nothing_could_be_answered_exits_with_three() {
    for (from, to, expected) in [
        (
            "name = \"mailing\"",
            "name = \"mail\"",
            "a service `mailing`",
        ),
        (
            "log = \"info\"",
            "log = \"covenant=loud\"",
            "`telemetry.log`",
        ),
    ] {
        let place = Installation::new().await;
        place.edit("covenant.toml", from, to);
        let refused = place.run("serve").await.with(3);
        assert!(refused.err.contains(expected), "{}", refused.err);
        assert!(!place.path("ledger").exists(), "nothing was started");
    }
}

#[tokio::test]
async fn broken_policies_exit_with_three_and_stop_the_start() {
    let place = Installation::new().await;
    place.edit(
        "policies/partners/acme.yaml",
        "  - getCustomer\n",
        "  - getCustomers\n",
    );
    place.edit("policies/partners/crest.yaml", "kind: ", "kimd: ");
    for command in ["policy check", "serve"] {
        let refused = place.run(command).await.with(3);
        let told = refused.out + &refused.err;
        for expected in ["acme.yaml:", "getCustomers", "crest.yaml:", "kimd"] {
            assert!(told.contains(expected), "{command}, {expected}: {told}");
        }
    }
    let mistakes = place.run("policy check -o json").await.with(3).json();
    assert_eq!(mistakes["valid"], false);
    let at = |mistake: &serde_json::Value| {
        (
            mistake["file"].as_str().unwrap_or_default().to_owned(),
            mistake["line"].as_u64(),
        )
    };
    let mistakes: Vec<_> = mistakes["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(at)
        .collect();
    let acme = fs::read_to_string(place.path("policies/partners/acme.yaml")).unwrap();
    let line = acme
        .lines()
        .position(|line| line.contains("getCustomers"))
        .unwrap() as u64
        + 1;
    let named =
        |(file, at): &(String, Option<u64>)| file.ends_with("acme.yaml") && *at == Some(line);
    assert!(mistakes.iter().any(named), "{line}: {mistakes:?}");
}

#[tokio::test]
async fn an_explanation_exits_with_zero_or_five() {
    let place = Installation::new().await;
    let question = "policy explain --partner acme --purpose essential.service --operation";
    let allowed = place.run(&format!("{question} getCustomer")).await.with(0);
    assert!(
        allowed.out.contains("names-and-addresses-for-service"),
        "{allowed:?}"
    );
    let denied = place
        .run(&format!("{question} exportCustomers -o json"))
        .await
        .with(5);
    assert!(
        denied.json().to_string().contains("bulk-export-blocked"),
        "{denied:?}"
    );
    place
        .run(&format!("{question} getCustomer --suspended"))
        .await
        .with(5);
    place.run(&format!("{question} getNothing")).await.with(2);
}

#[tokio::test]
async fn without_a_gateway_commands_exit_with_seven_and_a_changed_byte_with_six() {
    let place = Installation::new().await;
    for command in [
        "partner list",
        "partner suspend acme --because leak",
        "ledger report --customer cus_000001",
        "customers show cus_000001",
    ] {
        let refused = place.run(command).await.with(7);
        assert!(refused.err.contains("administration.sock"), "{refused:?}");
    }
    let mut gateway = place.serve().await;
    assert_eq!(gateway.stop().await, 0);
    // The socket's file may stand; nobody listens.
    place.run("partner list").await.with(7);

    assert_eq!(place.verify().await, 3);
    let segment = place.path("ledger/journal/0000000000.segment");
    let sound = fs::read(&segment).unwrap();
    let at = sound
        .windows(7)
        .position(|bytes| bytes == b"stopped")
        .unwrap();
    let mut changed = sound.clone();
    changed[at] ^= 1;
    fs::write(&segment, &changed).unwrap();
    let found = place
        .run("ledger verify --dir ledger --key ledger.key -o json")
        .await
        .with(6);
    assert_eq!(found.json()["verified"], false);
    assert_eq!(found.json()["entry"], 2);
    let refused = place.run("serve").await.with(6);
    assert!(refused.err.contains("the ledger is damaged"), "{refused:?}");
    assert_eq!(fs::read(&segment).unwrap(), changed, "nothing was repaired");
    fs::write(&segment, sound).unwrap();
    assert_eq!(place.verify().await, 3);
}

#[tokio::test]
async fn a_ledger_whose_signing_key_is_gone_waits_for_its_backup() {
    let place = Installation::new().await;
    assert_eq!(place.serve().await.stop().await, 0);
    let (key, backup) = (place.path("ledger.key"), place.path("backup.key"));
    fs::rename(&key, &backup).unwrap();
    let refused = place.run("serve").await.with(1);
    assert!(
        refused.err.contains("bring it back from a backup"),
        "{refused:?}"
    );
    assert!(!key.exists(), "no other key was made");
    fs::rename(&backup, &key).unwrap();
    assert_eq!(place.serve().await.stop().await, 0);
}
