//! Evidence packages, as whoever is handed one verifies them: with the program, and as their README says.

use std::fs;
use std::path::{Path, PathBuf};

use covenant::ledger::Signer;
use serde_json::Value;

use crate::installation::Installation;
use crate::program::{Ended, shell, without};
use crate::witness::{Mood, Witness};
use crate::witnesses::{configure, log_key};

const TARGET: &str = "/v1/customers/cus_000001";

/// The folder that a package was unpacked to; nothing where a program that its README names is missing.
async fn unpacked(folder: &Path, package: &str) -> Option<PathBuf> {
    let programs = "python3 --version && openssl version && sha256sum --version";
    if shell(folder, programs).await.code != 0 {
        without("`python3`, `openssl` and `sha256sum`");
        return None;
    }
    let unpack = format!("mkdir unpacked && python3 -m zipfile -e {package} unpacked");
    shell(folder, &unpack).await.with(0);
    Some(folder.join("unpacked"))
}

/// The commands of a README with programs of others, as they stand there.
struct Readme {
    blocks: Vec<String>,
}

impl Readme {
    /// What stands below a line that ends with a colon is to be typed, up to the next empty line.
    fn of(unpacked: &Path) -> Self {
        let text = fs::read_to_string(unpacked.join("README.txt")).unwrap();
        let (_, text) = text.split_once("With programs that others wrote").unwrap();
        let (text, _) = text.split_once("WHAT IT DOES NOT SHOW").unwrap();
        let paragraphs: Vec<_> = text.split("\n\n").collect();
        let is_step = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
        let typed = paragraphs.windows(2).filter_map(|pair| {
            let is_typed = pair[0].ends_with(':') && !is_step(pair[1]);
            is_typed.then(|| pair[1].to_owned())
        });
        let blocks: Vec<_> = typed.collect();
        assert_eq!(blocks.len(), 5, "{blocks:#?}");
        Self { blocks }
    }

    /// All four steps.
    fn whole(&self) -> String {
        format!("set -e\n{}\n", self.blocks[..4].join("\n"))
    }

    /// Steps 3 and 4 for another entry, which begin with the line that names its files.
    fn of_entry(&self, entry: &str, proof: &str) -> String {
        let example = "  entry=entries/N.json proof=entries/N.tlog-proof";
        assert_eq!(self.blocks[4], example);
        let first = example
            .replace("entries/N.json", entry)
            .replace("entries/N.tlog-proof", proof);
        let (_, rest) = self.blocks[2].split_once('\n').unwrap();
        format!("set -e\n{first}\n{rest}\n{}\n", self.blocks[3])
    }
}

#[tokio::test]
async fn evidence_verifies_with_programs_of_others_as_its_readme_says() {
    let place = Installation::new().await;
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let id = place
        .get("acme", TARGET)
        .await
        .header("request-id")
        .to_owned();
    let build = "ledger evidence build --customer cus_000001 --because asked --out package.zip";
    place.run(build).await.with(0);
    let refused = place.run(build).await.with(1);
    assert!(
        refused.err.contains("package.zip"),
        "nothing is overwritten"
    );
    let of_request = format!("ledger evidence build --request {id} --out request.zip");
    place.run(&of_request).await.with(0);
    let page = place
        .run("ledger report --customer cus_000001 --as html")
        .await
        .with(0);
    assert!(page.out.contains("Acme Print &amp; Mail"), "{page:?}");
    assert_eq!(gateway.stop().await, 0);

    // Offline, somewhere else, without configuration.
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["package.zip", "request.zip", "ledger/verifier.key"] {
        let to = elsewhere.path().join(name.rsplit('/').next().unwrap());
        fs::copy(place.path(name), to).unwrap();
    }
    let run = async |words: &str| crate::program::run(elsewhere.path(), words).await;
    let verified = run("ledger verify package.zip --key verifier.key -o json")
        .await
        .with(0)
        .json();
    assert_eq!(verified["policies"].as_array().unwrap().len(), 1);
    assert_eq!(verified["approvals"], 1);
    run("ledger evidence verify request.zip --key verifier.key")
        .await
        .with(0);
    let mut changed = fs::read(elsewhere.path().join("package.zip")).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(elsewhere.path().join("changed.zip"), changed).unwrap();
    run("ledger verify changed.zip --key verifier.key")
        .await
        .with(6);

    let Some(unpacked) = unpacked(elsewhere.path(), "package.zip").await else {
        return;
    };
    let said = shell(&unpacked, &Readme::of(&unpacked).whole())
        .await
        .with(0);
    assert!(
        said.out.contains("Signature Verified Successfully"),
        "{said:?}"
    );
    assert!(said.out.contains("in the log at"), "{said:?}");
    // What was not signed is not found so.
    let changed = "printf x >> seal/entry.json";
    shell(&unpacked, changed).await.with(0);
    shell(&unpacked, &Readme::of(&unpacked).whole())
        .await
        .with(1);
}

/// Every proof in a package with its entry, as files below `unpacked`.
fn proofs(unpacked: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["entries", "approvals", "cosigned", "keys"] {
        for file in fs::read_dir(unpacked.join(folder)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let Some(name) = name.strip_suffix(".tlog-proof") else {
                continue;
            };
            let folders = [folder, "entries", "approvals"];
            let entries = folders.map(|folder| format!("{folder}/{name}.json"));
            let mut entries = entries.into_iter();
            let entry = entries.find(|entry| unpacked.join(entry).exists());
            found.push((entry.unwrap(), format!("{folder}/{name}.tlog-proof")));
        }
    }
    found
}

#[tokio::test]
async fn a_package_of_after_the_key_has_changed_verifies_with_the_new_key_alone_and_with_the_old_one()
 {
    let place = Installation::new().await;
    let witness = Witness::start("witness.example", &log_key(&place)).await;
    configure(&place, &[&witness], "");
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    let reply = place.get("acme", TARGET).await;
    let id = reply.header("request-id").to_owned();
    assert_eq!(gateway.stop().await, 0);
    assert_eq!(witness.size(), place.entries().len() as u64);

    // The witness has not been told of the new key yet.
    witness.is(Mood::Answers(403));
    let both = "key = \"new.key\"\nprevious_key = \"ledger.key\"\n";
    place.edit("covenant.toml", "key = \"ledger.key\"\n", both);
    let mut gateway = place.serve().await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    let of_request = format!("ledger evidence build --request {id} --out request.zip");
    place.run(&of_request).await.with(0);
    let of_customer = "ledger evidence build --customer cus_000001 --out package.zip";
    place.run(of_customer).await.with(0);
    assert_eq!(gateway.stop().await, 0);
    let prove = "ledger prove --dir ledger --key new.key --index 0 --out one.tlog-proof --entry-out one.json";
    place.run(prove).await.with(0);

    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["package.zip", "request.zip", "one.tlog-proof", "one.json"] {
        fs::copy(place.path(name), elsewhere.path().join(name)).unwrap();
    }
    let keys = fs::read_to_string(place.path("ledger/verifier.key")).unwrap();
    let (old, new) = keys.trim().split_once('\n').unwrap();
    let stranger = Signer::generate(old.split('+').next().unwrap()).unwrap();
    for (name, key) in [
        ("both", &*keys),
        ("old", old),
        ("new", new),
        ("stranger", &stranger.verifier_key().to_string()),
    ] {
        fs::write(elsewhere.path().join(name), key).unwrap();
    }
    let run = async |words: &str| -> Ended { crate::program::run(elsewhere.path(), words).await };
    for package in ["package.zip", "request.zip"] {
        for (key, followed) in [("new", vec![]), ("both", vec![]), ("old", vec![new])] {
            let verified = run(&format!("ledger verify {package} --key {key} -o json")).await;
            let verified: Value = verified.with(0).json();
            assert_eq!(verified["followed"], serde_json::json!(followed), "{key}");
        }
        run(&format!("ledger verify {package} --key stranger"))
            .await
            .with(6);
    }
    let told = run("ledger evidence verify package.zip --key old").await;
    assert!(told.with(0).out.contains(&format!("signed with `{new}`")));
    let proof = "ledger verify --proof one.tlog-proof --entry one.json --key new";
    run(proof).await.with(0);
    // What the witness vouched for it vouches for still: the disclosure, and who put the policies in force.
    for key in ["new", "old"] {
        let words = format!(
            "ledger verify request.zip --key {key} --witness {} -o json",
            witness.key()
        );
        let vouched = run(&words).await.with(0).json();
        assert_eq!(vouched["witnesses"][0]["entries"], 2, "{vouched}");
    }

    let Some(unpacked) = unpacked(elsewhere.path(), "package.zip").await else {
        return;
    };
    let readme = Readme::of(&unpacked);
    shell(&unpacked, &readme.whole()).await.with(0);
    let proofs = proofs(&unpacked);
    for of in ["cosigned/", "keys/rotation-1.", "entries/", "approvals/"] {
        let is_there = proofs.iter().any(|(_, proof)| proof.starts_with(of));
        assert!(is_there, "{of}: {proofs:?}");
    }
    for (entry, proof) in &proofs {
        let said = shell(&unpacked, &readme.of_entry(entry, proof))
            .await
            .with(0);
        assert!(said.out.contains("in the log at"), "{proof}: {said:?}");
    }
    // With the new key alone in the place of the keys, as with the file that somebody was given.
    fs::write(unpacked.join("keys/verifier.key"), format!("{new}\n")).unwrap();
    for (entry, proof) in &proofs {
        let by_the_old_key = proof.starts_with("cosigned/");
        let said = shell(&unpacked, &readme.of_entry(entry, proof)).await;
        assert_eq!(said.code, i32::from(by_the_old_key), "{proof}: {said:?}");
    }
}
