//! The fold over a log, kept and not kept, side by side.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::allowance::BudgetState;
use crate::entry::{Disclosure, Event, GatewayNote, Recipient, RequestFacts, SubjectGroup};
use crate::ledger::{Options, Signer};
use crate::policy::contract::Budgets;
use crate::terms::{CustomerRef, PartnerId};

const LOG: &str = "covenant.example/counted";

struct Place {
    folder: tempfile::TempDir,
    clock: Clock,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Signer::create_file(&folder.path().join("key"), LOG).unwrap();
        let clock = Clock::manual(noon(0));
        Self { folder, clock }
    }

    fn signer(&self) -> Signer {
        Signer::read_file(&self.folder.path().join("key")).unwrap()
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// Appends entries to the log, and publishes it; how many it has.
    async fn grow(&self, entries: impl Iterator<Item = Entry>) -> u64 {
        let options = Options {
            segment_bytes: 128 * 1024,
            wait_max: Duration::from_secs(60),
            ..Options::new(self.directory(), LOG)
        };
        let (ledger, _) = Ledger::open(&options, self.signer(), &self.clock).unwrap();
        for entry in entries {
            ledger.append(entry).await.unwrap();
        }
        let size = ledger.size();
        ledger.close().await;
        size
    }

    fn counting(&self) -> Counting {
        let key = self.signer().derived("counted");
        Counting::new(&self.directory(), &key, self.clock.clone())
    }

    fn kept(&self) -> PathBuf {
        self.directory().join(FILE)
    }

    /// What all entries give, whatever is kept.
    fn counted_anew(&self) -> Counted {
        let counting = self.counting();
        let mut counted = counting.nothing();
        counting.go_on(&mut counted, None).unwrap();
        counted
    }
}

fn noon(hours: i64) -> Timestamp {
    let start: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(hours)
}

/// The disclosure of a few customers to one of three partners, some hours on; now and then something else.
fn entry(number: u64) -> Entry {
    let time = noon(i64::try_from(number).unwrap() / 9);
    if number % 50 == 3 {
        let note = GatewayNote {
            what: "policy.reload".to_owned(),
            detail: Some(format!("2026-1 sha256:{number:064x} (unproved)")),
            policy: None,
        };
        return Entry::new(time, Event::Gateway(note)).unwrap();
    }
    let person = |offset: u64| {
        let number = u8::try_from((number * 7 + offset) % 60).unwrap();
        CustomerRef::from_bytes([number; 16]).to_string()
    };
    let subject = if number.is_multiple_of(5) {
        "recipient"
    } else {
        "customer"
    };
    let group = SubjectGroup {
        subject: subject.to_owned(),
        basis: "service".to_owned(),
        basis_reference: None,
        circumstances: vec!["own".to_owned()],
        categories: std::collections::BTreeMap::new(),
        records: None,
        references: (0..number % 4).map(person).collect(),
    };
    let partner = ["acme", "bluebird", "crest"][usize::try_from(number % 3).unwrap()];
    let disclosure = Disclosure {
        request: RequestFacts {
            request_id: "req_1".to_owned(),
            recipient: Some(Recipient::Partner {
                id: partner.to_owned(),
                parent: None,
            }),
            ..RequestFacts::default()
        },
        decision: "allow".to_owned(),
        rules: Vec::new(),
        status: 200,
        subjects: vec![group],
        withheld: Vec::new(),
        created: None,
        part: None,
        answer_sha256: Some(String::new()),
    };
    Entry::new(time, Event::Disclosure(disclosure)).unwrap()
}

fn states(counted: &Counted) -> Vec<BudgetState> {
    let budgets = Budgets {
        customers_per_day: 1_000,
        customers_per_month: 1_000,
        recipients_per_day: Some(1_000),
        recipients_per_month: Some(1_000),
    };
    let owners = ["acme", "bluebird", "crest", "nobody"];
    let owner = |name| PartnerId::parse(name).unwrap();
    owners
        .map(|name| counted.allowance.state(&owner(name), budgets))
        .to_vec()
}

#[track_caller]
fn assert_same(counted: &Counted, anew: &Counted) {
    assert_eq!(states(counted), states(anew));
    assert_eq!(counted.announced, anew.announced);
    assert_eq!(counted.next, anew.next);
}

#[tokio::test]
async fn wherever_it_is_kept_the_count_goes_on_from_there_and_ends_as_that_of_all_entries() {
    let place = Place::new();
    let (mut size, mut before) = (0, 0);
    for more in [1, 2, 250, 3, 4, 300, 0, 40] {
        size = place.grow((size..size + more).map(entry)).await;
        place.clock.set(noon(i64::try_from(size).unwrap() / 9));
        let anew = place.counted_anew();
        let counted = place.counting().count().unwrap();
        assert_same(&counted, &anew);
        assert_eq!(
            counted.entries_read,
            size - before,
            "only the entries after it"
        );
        assert_eq!(place.counting().keep(size, 1).unwrap(), more > 0);
        before = size;
        let counted = place.counting().count().unwrap();
        assert_same(&counted, &anew);
        assert_eq!(counted.entries_read, 0);
    }
    // Nothing before it is looked at, so it could take no time either.
    std::fs::remove_file(place.directory().join("tile/entries/000")).unwrap();
    let counted = place.counting().count().unwrap();
    assert_eq!((counted.next, counted.entries_read), (size, 0));
}

#[tokio::test]
async fn what_is_kept_is_kept_anew_after_so_many_entries_and_not_beyond_what_is_published() {
    let place = Place::new();
    let size = place.grow((0..300).map(entry)).await;
    let counting = place.counting();
    assert!(!counting.keep(size, size + 1).unwrap());
    assert!(!place.kept().exists());
    assert!(counting.keep(100, 100).unwrap());
    assert!(!counting.keep(199, 100).unwrap());
    assert!(counting.keep(200, 100).unwrap());
    let counted = place.counting().count().unwrap();
    assert_eq!(counted.entries_read, size - 200);
    assert_same(&counted, &place.counted_anew());
    assert!(counting.keep(size + 5_000, 1).is_err());
    use std::os::unix::fs::MetadataExt as _;
    let mode = std::fs::metadata(place.kept()).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_kept_and_was_changed_cut_or_is_of_another_log_is_never_believed() {
    let place = Place::new();
    let size = place.grow((0..120).map(entry)).await;
    place.counting().keep(size, 1).unwrap();
    let anew = place.counted_anew();
    let whole = std::fs::read(place.kept()).unwrap();
    let mut wrong: Vec<Vec<u8>> = (0..whole.len())
        .step_by(13)
        .map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x01;
            bytes
        })
        .collect();
    wrong.extend(
        (0..whole.len())
            .step_by(29)
            .map(|length| whole[..length].to_vec()),
    );
    wrong.push([&whole[..], b"0"].concat());
    // Sealed with the right key, and of another log; of more entries than there are; of a change of policies
    // that is none.
    let counting = place.counting();
    let mut counted = place.counted_anew();
    wrong.push(counting.sealed(&counted, &[7; 32]));
    counted.next += 1;
    let root = reading::root_at(&place.directory(), size).unwrap();
    wrong.push(counting.sealed(&counted, &root));
    let mut other = whole[..whole.len() - SEAL_BYTES].to_vec();
    other[48..56].copy_from_slice(&0_u64.to_be_bytes());
    let seal = hmac::sign(&counting.key, &other);
    wrong.push([&other[..], seal.as_ref()].concat());
    // Of the same entries, sealed with another key.
    let stranger = Signer::generate(LOG).unwrap().derived("counted");
    let stranger = Counting::new(&place.directory(), &stranger, place.clock.clone());
    wrong.push(stranger.sealed(&place.counted_anew(), &root));
    for bytes in wrong {
        std::fs::write(place.kept(), &bytes).unwrap();
        let counted = place.counting().count().unwrap();
        assert_eq!(counted.entries_read, size);
        assert_same(&counted, &anew);
    }
    // An older one, put back, is as good as ever.
    std::fs::write(place.kept(), &whole).unwrap();
    let size = place.grow((size..size + 30).map(entry)).await;
    place.counting().keep(size, 1).unwrap();
    std::fs::write(place.kept(), &whole).unwrap();
    let counted = place.counting().count().unwrap();
    assert_eq!(counted.entries_read, 30);
    assert_same(&counted, &place.counted_anew());
}
