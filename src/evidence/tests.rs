//! A small package over a real log, and every way to change it.

use jiff::Timestamp;

use super::keys::KEY_PEM;
use super::*;
use crate::clock::Clock;
use crate::entry::{Act, GatewayNote};
use crate::ledger::proof::Prover;
use crate::ledger::{Ledger, Options, Signer, reading};

const ORIGIN: &str = "covenant.example/log";

struct Package {
    members: Members,
    keys: Keys,
}

fn prover(directory: &std::path::Path, keys: &Keys, ledger: &Ledger) -> Prover {
    Prover::new(directory, keys.clone(), &ledger.checkpoint()).unwrap()
}

fn entry(event: Event) -> Entry {
    Entry::new(Timestamp::UNIX_EPOCH, event).unwrap()
}

async fn package() -> Package {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    let signer = Signer::generate(ORIGIN).unwrap();
    let keys = Keys::from(signer.verifier_key().clone());
    let options = Options::new(&directory, ORIGIN);
    let (ledger, _) = Ledger::open(&options, signer, &Clock::system()).unwrap();
    for number in 0..3 {
        let note = GatewayNote {
            what: format!("started {number}"),
            detail: None,
            policy: None,
        };
        ledger.append(entry(Event::Gateway(note))).await.unwrap();
    }
    let mut members = Members::new();
    let mut lines = Vec::new();
    let prove = prover(&directory, &keys, &ledger);
    for item in reading::entries(&directory, 0) {
        let (index, bytes) = item.unwrap();
        let folder = ["entries", "approvals"][usize::from(index == 2)];
        let (name, proof_name) = entry_names(folder, index);
        members.insert(proof_name, prove.prove(index, &bytes).unwrap().into());
        if folder == "entries" {
            lines.extend_from_slice(&bytes);
            lines.push(b'\n');
        }
        members.insert(name, bytes);
    }
    members.insert(ENTRIES.to_owned(), lines);
    members.insert(KEYS.to_owned(), keys.to_text().into());
    members.insert(KEY_PEM.to_owned(), pem(keys.last()).into());
    members.insert("README.txt".to_owned(), readme("a test", ORIGIN).into());
    let files = vec![("contracts/a.yaml".to_owned(), "a: 1\n".to_owned())];
    let digest = Folder::of("", files, &mut Mistakes::new()).digest();
    let name = format!("{}/contracts/a.yaml", policy_folder(&hexadecimal(&digest)));
    members.insert(name, b"a: 1\n".to_vec());
    let sums = sums(&members);
    let seal = Act {
        actor: "Leo".to_owned(),
        role: "legal".to_owned(),
        action: SEALED.to_owned(),
        object: Some(format!(
            "partner:acme sha256:{}",
            sha256_text(sums.as_bytes())
        )),
        because: None,
    };
    let seal = entry(Event::Act(seal));
    let index = ledger.append(seal.clone()).await.unwrap().index();
    let bytes = seal.to_canonical();
    let proof = prover(&directory, &keys, &ledger)
        .prove(index, &bytes)
        .unwrap();
    members.insert(SUMS.to_owned(), sums.into());
    members.insert(SEAL.to_owned(), bytes);
    members.insert(SEAL_PROOF.to_owned(), proof.into());
    ledger.close().await;
    Package { members, keys }
}

#[tokio::test]
async fn a_package_verifies_by_itself_and_no_changed_byte_of_it_goes_unseen() {
    let Package { members, keys } = package().await;
    let whole = archive::write(&members).unwrap();
    let verified = verify(&whole, Some(&keys)).unwrap();
    assert_eq!(
        (verified.entries, verified.approvals, verified.seal),
        (2, 1, 3)
    );
    assert_eq!(verified.policies.len(), 1);
    assert_eq!(verify(&whole, None).unwrap(), verified);
    for position in 0..whole.len() {
        let mut changed = whole.clone();
        changed[position] ^= 0x01;
        assert!(
            verify(&changed, None).is_err(),
            "byte {position} of the file"
        );
    }
    // Whoever writes the archive anew has right checksums, and nothing else.
    for (name, bytes) in &members {
        for position in 0..bytes.len() {
            let mut changed = members.clone();
            changed.get_mut(name).unwrap()[position] ^= 0x01;
            let package = archive::write(&changed).unwrap();
            assert!(verify(&package, None).is_err(), "byte {position} of {name}");
        }
        let mut without = members.clone();
        without.remove(name);
        let package = archive::write(&without).unwrap();
        assert!(verify(&package, None).is_err(), "without {name}");
    }
    let mut more = members.clone();
    more.insert("note.txt".to_owned(), b"believe me".to_vec());
    assert!(verify(&archive::write(&more).unwrap(), None).is_err());
}

#[tokio::test]
async fn a_package_of_another_log_is_refused_by_whoever_has_the_key() {
    let (one, other) = (package().await, package().await);
    let forged = archive::write(&other.members).unwrap();
    assert!(verify(&forged, None).is_ok(), "it is whole by its own key");
    assert!(verify(&forged, Some(&one.keys)).is_err());
    // The key of the other log put into the first package.
    let mut mixed = one.members.clone();
    for name in [KEYS, KEY_PEM] {
        mixed.insert(name.to_owned(), other.members[name].clone());
    }
    assert!(verify(&archive::write(&mixed).unwrap(), None).is_err());
}
