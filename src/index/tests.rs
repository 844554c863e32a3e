//! The index beside a plain reading of generated logs.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::entry::tests::any_entry;
use crate::entry::{
    Act, Delivered, Disclosure, Event, Intent, Recipient, Refused, RequestFacts, SubjectGroup,
};
use crate::ledger::{Options, Signer};
use crate::terms::{CustomerRef, PartnerId, RequestId};

const PARTNERS: [&str; 3] = ["acme", "bright", "acme-west"];
const PURPOSES: [&str; 3] = ["essential", "essential.service", "marketing.advertising"];
const OPERATIONS: [&str; 2] = ["getCustomer", "listCustomers"];
const DECISIONS: [&str; 6] = [
    "allow",
    "redact",
    "delivered",
    "partner-suspended",
    "ledger.search",
    "act",
];

fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn person(number: u8) -> CustomerRef {
    CustomerRef::from_bytes([number % 7; 16])
}

/// Requests are few, so that several entries are about one.
fn request(number: u8) -> String {
    let number = u128::from(number % 11);
    let arrived = u128::try_from(start().as_millisecond()).unwrap() + number * 3_000;
    let id = uuid::Uuid::from_u128((arrived << 80) | (0x7 << 76) | (0b10 << 62) | number);
    let id = RequestId::parse(&id.to_string()).unwrap();
    assert!(id.arrived_at().is_some());
    id.to_string()
}

fn made(number: usize, [kind, one, two, three]: [u8; 4]) -> Entry {
    let pick = |words: &[&str], by: u8| words[usize::from(by) % words.len()].to_owned();
    let facts = RequestFacts {
        request_id: request(three),
        recipient: Some(Recipient::Partner {
            id: pick(&PARTNERS, one),
            parent: (two % 3 == 0).then(|| "acme".to_owned()),
        }),
        operation: Some(pick(&OPERATIONS, two)),
        purpose: Some(pick(&PURPOSES, three)),
        ..RequestFacts::default()
    };
    let references = (0..two % 3).map(|more| person(one.wrapping_add(more)).to_string());
    let event = match kind % 5 {
        0 => Event::Act(Act {
            actor: "Leo".to_owned(),
            role: "legal".to_owned(),
            action: "ledger.search".to_owned(),
            object: Some(match three % 3 {
                0 => format!("customer:{} partner:bright", person(one)),
                1 => "acme".to_owned(),
                _ => format!("request:{}", request(one)),
            }),
            because: None,
        }),
        1 => Event::Intent(Intent {
            request: facts,
            customer: Some(person(one).to_string()),
        }),
        2 => Event::Refusal(Refused {
            request: facts,
            code: "partner-suspended".to_owned(),
            promise: None,
            rule: None,
            executed: "no".to_owned(),
        }),
        3 => Event::Delivered(Delivered {
            request: facts,
            opening: 0,
            parts: 1,
            bytes: 1,
            bytes_expected: None,
            sha256: "0".repeat(64),
            complete: true,
            because: None,
        }),
        _ => Event::Disclosure(Disclosure {
            request: facts,
            decision: pick(&["allow", "redact"], one),
            rules: Vec::new(),
            status: 200,
            subjects: vec![SubjectGroup {
                subject: "customer".to_owned(),
                basis: "service".to_owned(),
                basis_reference: None,
                circumstances: Vec::new(),
                categories: BTreeMap::new(),
                records: None,
                references: references.collect(),
            }],
            withheld: Vec::new(),
            created: None,
            part: None,
            answer_sha256: Some("0".repeat(64)),
        }),
    };
    // Clocks go back now and then.
    let second = number as i64 * 2 - i64::from(two % 5);
    Entry::new(start() + SignedDuration::from_secs(second), event).unwrap()
}

fn asked([which, one, two, three, four, five]: [u8; 6]) -> Query {
    let has = |bit: u8| which & (1 << bit) != 0;
    let word = |words: &[&str], by: u8| Some(words[usize::from(by) % words.len()].to_owned());
    let time = |by: u8| start() + SignedDuration::from_secs(i64::from(by) * 5);
    Query {
        references: (0..if has(0) { one % 3 } else { 0 })
            .map(|more| person(one.wrapping_add(more)))
            .collect(),
        partner: has(1).then(|| PartnerId::parse(PARTNERS[usize::from(two) % 3]).unwrap()),
        purpose: has(2).then(|| word(&PURPOSES, three)).flatten(),
        operation: has(3).then(|| word(&OPERATIONS, four)).flatten(),
        decision: has(4).then(|| word(&DECISIONS, five)).flatten(),
        requests: if has(5) {
            vec![request(one)]
        } else {
            Vec::new()
        },
        since: has(6).then(|| time(two)),
        until: has(7).then(|| time(four)),
    }
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn directory(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn open(&self) -> Ledger {
        let key = self.folder.path().join("key");
        let signer = match Signer::read_file(&key) {
            Ok(signer) => signer,
            Err(_) => Signer::create_file(&key, "covenant.example/log").unwrap(),
        };
        let options = Options {
            segment_bytes: 128 * 1024,
            ..Options::new(self.directory(), "covenant.example/log")
        };
        Ledger::open(&options, signer, &Clock::system()).unwrap().0
    }

    async fn of(entries: impl IntoIterator<Item = Entry>) -> (Self, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        let ledger = place.open();
        for (number, entry) in entries.into_iter().enumerate() {
            if number % 100 == 99 {
                ledger.append(entry).await.unwrap();
            } else {
                ledger.note(entry);
            }
        }
        let last = Entry::new(start(), made(0, [0; 4]).event).unwrap();
        ledger.append(last).await.unwrap();
        (place, ledger)
    }
}

fn found(index: &Index, query: &Query, places: Range<u64>) -> Vec<u64> {
    let mut found = Vec::new();
    let take = |(index, _, _): Hit| {
        found.push(index);
        true
    };
    index.find(query, places, take).unwrap();
    found
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_index_finds_what_a_reading_of_the_whole_log_finds(
        facts in proptest::collection::vec(any::<[u8; 4]>(), 0..900),
        anything in proptest::collection::vec(any_entry(), 0..20),
        queries in proptest::collection::vec(any::<[u8; 6]>(), 60),
        fed in 0_u64..1_000,
    ) {
        runtime().block_on(async {
            let made = facts.iter().enumerate().map(|(number, facts)| made(number, *facts));
            let (place, ledger) = Place::of(made.chain(anything)).await;
            let size = ledger.size();
            let index = Index::new(&place.directory());
            // As far as the thread may have come: the rest is read from the log.
            let mut feeding = feed::Feeding::default();
            while feeding.step(&index, fed.min(size)).unwrap() {}
            assert_eq!(index.size(), fed.min(size));
            let plain = Index::new(&place.directory());
            for query in queries.into_iter().map(asked) {
                let places = [0..size, size / 3..size, 0..size / 2];
                for places in places {
                    let expected = found(&plain, &query, places.clone());
                    assert_eq!(found(&index, &query, places), expected, "{query:?}");
                }
            }
            ledger.close().await;
        });
    }
}

#[tokio::test]
async fn an_index_is_fed_behind_a_log_that_grows_and_reads_little_of_it() {
    let entries = (0..2_000).map(|number| made(number, [4, 6, 1, (number % 11) as u8]));
    let (place, ledger) = Place::of(entries).await;
    let index = Index::start(&place.directory(), ledger.clone()).unwrap();
    let rare = Query {
        references: vec![person(3)],
        ..Query::default()
    };
    for _ in 0..3 {
        let entry = made(0, [4, 3, 1, 0]);
        let place = ledger.append(entry).await.unwrap().index();
        let since = Clock::system().instant();
        while index.size() < ledger.size() {
            assert!(since.elapsed().as_secs() < 60, "it is fed");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(found(&index, &rare, 0..ledger.size()).last(), Some(&place));
    }
    let read = index.find(&rare, 0..ledger.size(), |_| true).unwrap();
    assert!(
        read <= 2 * BUNDLE_ENTRIES,
        "{read} of 2,000 entries were read"
    );
    ledger.close().await;
}

#[tokio::test]
async fn an_index_that_is_gone_damaged_or_of_another_log_is_made_again() {
    let entries = |seed: u8| {
        (0..600_usize).map(move |number| made(number, [number as u8, number as u8 ^ seed, 2, 1]))
    };
    let (place, ledger) = Place::of(entries(0)).await;
    let (other, other_ledger) = Place::of(entries(9)).await;
    let size = ledger.size();
    let query = Query {
        references: vec![person(3)],
        ..Query::default()
    };
    let expected = found(&Index::new(&place.directory()), &query, 0..size);
    let made_again = |what: &str| {
        let index = Index::new(&place.directory());
        let mut feeding = feed::Feeding::default();
        while feeding.step(&index, size).unwrap() {}
        assert_eq!(index.size(), size, "{what}");
        assert_eq!(found(&index, &query, 0..size), expected, "{what}");
    };
    made_again("at first");
    let path = Index::new(&place.directory()).path();
    let whole = std::fs::read(&path).unwrap();
    for position in (0..whole.len()).step_by(whole.len() / 120) {
        let mut changed = whole.clone();
        changed[position] ^= 0x10;
        std::fs::write(&path, changed).unwrap();
        made_again(&format!("byte {position} changed"));
    }
    for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        made_again(&format!("cut at {length}"));
    }
    Index::new(&other.directory()).rebuild(|_| {}).unwrap();
    std::fs::copy(Index::new(&other.directory()).path(), &path).unwrap();
    made_again("of another log");
    // While it is open, too.
    let index = Index::new(&place.directory());
    let mut feeding = feed::Feeding::default();
    while feeding.step(&index, size).unwrap() {}
    let again = Index::new(&place.directory()).rebuild(|_| {});
    assert!(matches!(again, Err(FindError::Index(_))), "{again:?}");
    std::fs::remove_file(&path).unwrap();
    while feeding.step(&index, size).unwrap() {}
    assert!(path.exists());
    assert_eq!(found(&index, &query, 0..size), expected);
    ledger.close().await;
    other_ledger.close().await;
}

#[test]
fn an_entry_about_one_customer_costs_at_most_25_bytes() {
    const ENTRIES: u64 = 60_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index/search.sqlite");
    let mut store = Store::open(&path).unwrap();
    let mut random = 7_u64;
    for first in (0..ENTRIES).step_by(4_000) {
        let mut addition = store::Addition::default();
        for index in first..first + 4_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let mut entry = made(0, [4, 0, 1, 1]);
            // Fifty a second, each about another customer.
            entry.time = start() + SignedDuration::from_millis(index as i64 * 20);
            if let Event::Disclosure(disclosure) = &mut entry.event {
                let person = u128::from(random) << 64 | u128::from(index);
                let person = CustomerRef::from_bytes(person.to_be_bytes());
                disclosure.subjects[0].references = vec![person.to_string()];
                disclosure.request.request_id = RequestId::new(entry.time).to_string();
            }
            addition.take(index, &entry);
        }
        store.add(&addition, b"leaf").unwrap();
    }
    drop(store);
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(bytes <= 25 * ENTRIES, "{} bytes an entry", bytes / ENTRIES);
}

#[test]
fn the_index_holds_no_reference_and_no_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index/search.sqlite");
    let mut store = Store::open(&path).unwrap();
    let mut addition = store::Addition::default();
    addition.take(0, &made(0, [4, 3, 2, 1]));
    store.add(&addition, b"leaf").unwrap();
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    for needle in [&[3_u8; 16][..], b"03030303", b"acme", b"getCustomer"] {
        assert!(memchr::memmem::find(&bytes, needle).is_none());
    }
}
