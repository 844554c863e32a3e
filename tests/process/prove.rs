//! `covenant policy prove` as legal runs it: the shipped promises, without a solver, and when the
//! process that proves dies.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use crate::program::{covenant, is_there, run};

/// Longest wait for a whole proof: it takes ten seconds or so of a quiet processor.
const PROOF: Duration = Duration::from_secs(300);

fn shipped() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn the_shipped_promises_keep_every_property_whatever_a_contract_says() {
    if !is_there("cvc5").await {
        return;
    }
    let words = ["policy", "prove", "-o", "json"];
    let proof = covenant(shipped(), &words).kill_on_drop(true).output();
    let ended = timeout(PROOF, proof).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(report["proved"], true);
    assert!(report["method"].as_str().unwrap().starts_with("cvc5 "));
    let findings = report["findings"].as_array().unwrap();
    let outcomes = |subject: &str, outcome: &str| {
        let of = findings.iter().filter(|one| one["subject"] == subject);
        of.filter(|one| one["verdict"]["outcome"] == outcome)
            .count()
    };
    assert_eq!(outcomes("property", "holds"), 21);
    assert_eq!(outcomes("contracts", "holds"), 1);
    assert_eq!(outcomes("errors", "holds"), 1);
    let living = outcomes("rule", "holds") + outcomes("rule", "second_lock");
    assert_eq!(living, 26);
}

#[tokio::test]
async fn without_a_solver_the_command_says_how_to_get_it() {
    let line = "policy prove --solver /nowhere/cvc5";
    let ended = run(shipped(), line).await.with(7);
    assert!(ended.err.contains("apt-get install cvc5"), "{}", ended.err);
    assert_eq!(ended.out, "");
}

/// A program that says it is cvc5 and then does `instead` of solving.
fn false_solver(folder: &Path, instead: &str) -> PathBuf {
    let path = folder.join("cvc5");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo This is cvc5 version 9.9; else {instead}; fi\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn where_the_process_that_proves_dies_nothing_is_taken_for_proved() {
    let folder = tempfile::tempdir().unwrap();
    let solver = false_solver(folder.path(), "kill -9 $PPID");
    let line = format!("policy prove --solver {}", solver.display());
    let ended = run(shipped(), &line).await.with(1);
    assert!(ended.err.contains("nothing is proved"), "{}", ended.err);
    assert_eq!(ended.out, "");
}

#[tokio::test]
async fn a_solver_that_gives_up_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let solver = false_solver(folder.path(), "exit 3");
    let line = format!("policy prove --solver {}", solver.display());
    let ended = run(shipped(), &line).await.with(4);
    assert!(
        ended
            .out
            .contains("UNKNOWN P5  foreign-customers-stay-foreign\n"),
        "{}",
        ended.out
    );
}

#[tokio::test]
async fn a_misspelt_word_of_a_property_is_a_mistake_of_the_policies() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "init .").await.with(0);
    let path = folder.path().join("policies/properties/purposes.cedar");
    let text = std::fs::read_to_string(&path).unwrap();
    let wrong = text.replace("Purpose::\"sales\"", "Purpose::\"saels\"");
    assert_ne!(wrong, text);
    std::fs::write(&path, wrong).unwrap();
    let checked = run(folder.path(), "policy check").await.with(3);
    assert!(
        checked.out.contains("did you mean `sales`?"),
        "{}",
        checked.out
    );
    let proved = run(folder.path(), "policy prove").await.with(3);
    assert!(
        proved.err.contains("did you mean `sales`?"),
        "{}",
        proved.err
    );
}
