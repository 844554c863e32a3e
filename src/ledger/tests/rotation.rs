//! The signing key changes, and everybody can still verify.

use super::super::proof::checkpoint_of;
use super::super::rotation::{follow, rotations};
use super::super::verify::verify_once;
use super::*;

fn other_signer(place: &Place, file: &str) -> Signer {
    Signer::create_file(&place.directory.path().join(file), ORIGIN).unwrap()
}

fn open(place: &Place, now: Signer, previous: Option<Signer>) -> Result<Ledger, OpenError> {
    let signers = Signers { now, previous };
    Ledger::open(&place.options(), signers, &place.clock).map(|(ledger, _)| ledger)
}

/// A log of two entries under the first key, then one about the change, then two under the second.
async fn rotated() -> (Place, Signer) {
    let place = Place::new();
    let fill = async |ledger: Ledger| {
        ledger.append(entry("one")).await.unwrap();
        ledger.append(entry("two")).await.unwrap();
        ledger.close().await;
    };
    fill(place.open().0).await;
    let second = other_signer(&place, "second.key");
    fill(open(&place, second, Some(place.signer())).unwrap()).await;
    let second = Signer::read_file(&place.directory.path().join("second.key")).unwrap();
    (place, second)
}

fn keys_in(place: &Place) -> Keys {
    Keys::parse(&std::fs::read_to_string(place.path().join(KEYS_FILE)).unwrap()).unwrap()
}

#[tokio::test]
async fn a_change_of_the_key_is_an_entry_whose_checkpoint_both_have_signed() {
    let (place, second) = rotated().await;
    let verified = verify_once(&place.path(), &keys_in(&place), None).unwrap();
    assert_eq!(verified.entries, 5);
    let mut entries = reading::entries(&place.path(), 0).map(|entry| entry.unwrap().1);
    let told = Entry::parse(&entries.nth(2).unwrap()).unwrap();
    let Event::Gateway(note) = told.event else {
        panic!("{told:?}");
    };
    assert_eq!(note.what, "key-rotated");
    assert!(
        note.detail
            .unwrap()
            .contains(&second.verifier_key().to_string())
    );
    let both = std::fs::read_to_string(place.path().join("rotation-1.checkpoint")).unwrap();
    for key in [place.signer().verifier_key(), second.verifier_key()] {
        assert_eq!(Checkpoint::open(&both, key).unwrap().size, 3);
    }
    // It goes on with the new key alone, and not with the old one.
    open(&place, second, None).unwrap().close().await;
    let refused = open(&place, place.signer(), None).unwrap_err();
    assert!(matches!(refused, OpenError::Key(_)), "{refused}");
}

#[tokio::test]
async fn another_key_without_the_one_before_it_is_refused_and_nothing_is_written() {
    let place = Place::new();
    let (ledger, _) = place.open();
    ledger.append(entry("one")).await.unwrap();
    ledger.close().await;
    let refused = open(&place, other_signer(&place, "second.key"), None).unwrap_err();
    assert!(matches!(refused, OpenError::Key(_)), "{refused}");
    assert!(refused.to_string().contains("previous_key"));
    // Nor by naming a key that did not sign.
    let (now, previous) = (
        other_signer(&place, "third"),
        other_signer(&place, "fourth"),
    );
    assert!(matches!(
        open(&place, now, Some(previous)),
        Err(OpenError::Key(_))
    ));
    assert_eq!(place.open().1.size, 1);
}

#[tokio::test]
async fn whoever_has_an_earlier_key_alone_can_write_no_end_of_the_log() {
    let (place, second) = rotated().await;
    let trusted = keys_in(&place).up_to(second.verifier_key());
    // A whole log by the first key, laid where the rotated one was, with a list of keys that says so.
    std::fs::remove_dir_all(place.path()).unwrap();
    let (ledger, _) = place.open();
    ledger.append(entry("forged")).await.unwrap();
    ledger.close().await;
    let forged = verify_once(&place.path(), &trusted, None);
    assert!(matches!(forged, Err(ReadError::Damaged(_))), "{forged:?}");
}

#[tokio::test]
async fn a_key_is_followed_only_where_the_one_before_has_signed_the_entry_that_names_it() {
    let (place, second) = rotated().await;
    let keys = keys_in(&place);
    let changes = rotations(&place.path(), &keys).unwrap();
    assert_eq!(changes.len(), 1);
    let (entry, proof) = (&changes[0].entry, &changes[0].proof);
    let first = Keys::from(place.signer().verifier_key().clone());
    assert_eq!(follow(&first, entry, proof).as_ref(), Some(&keys));
    assert_eq!(
        follow(&keys, entry, proof),
        None,
        "nothing follows on the last"
    );
    // Anybody can add a line to what both have signed.
    let stranger = Signer::generate(ORIGIN).unwrap();
    let checkpoint = first.read_checkpoint(checkpoint_of(proof)).unwrap();
    let signed = checkpoint.sign_by(&[&stranger]).unwrap();
    let (_, line) = signed.rsplit_once("\n\n").unwrap();
    let added = format!("{proof}{line}");
    assert_eq!(follow(&first, entry, &added).as_ref(), Some(&keys));
    let [theirs, named] = [&stranger, &second].map(|signer| signer.verifier_key().to_string());
    let forged = String::from_utf8(entry.clone()).unwrap();
    let forged = forged.replace(&named, &theirs);
    assert_ne!(forged.as_bytes(), entry);
    assert_eq!(follow(&first, forged.as_bytes(), &added), None);
    // What is kept of the change and is not about it is damage.
    let note = std::fs::read_to_string(place.path().join("checkpoint")).unwrap();
    std::fs::write(place.path().join("rotation-1.checkpoint"), note).unwrap();
    assert!(rotations(&place.path(), &keys).is_err());
}
