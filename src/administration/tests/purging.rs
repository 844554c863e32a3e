//! What is past its term, and how it goes.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::administration::messages::{CustomerChange, PurgeAsked, PurgePlan, Purged};
use crate::config::RetentionSettings;
use crate::entry::Purge;
use crate::evidence;
use crate::ledger::{KEYS_FILE, Keys, WitnessKey, cosignature};

const DAY: Duration = Duration::from_secs(86_400);

fn terms(folder: &Path) -> RetentionSettings {
    RetentionSettings {
        disclosures_days: 60,
        refusals_days: 32,
        operations_days: 40,
        recipient_keys_days: 32,
        held: folder.join("held"),
    }
}

impl Fixture {
    /// With a book, and 600 disclosures of which 300 are so many days old.
    async fn aged(days: u32) -> Self {
        let fixture = Self::keeping(|folder| Some(terms(folder))).await;
        fixture.import(BOOK).await.unwrap();
        fixture.disclosures(300).await;
        fixture.clock.advance(DAY * days);
        fixture.disclosures(300).await;
        fixture.published().await;
        fixture
    }

    async fn disclosures(&self, count: usize) {
        for number in 0..count {
            let customer = ["cus_1", "cus_2", "cus_3"][number % 3];
            self.disclose(customer, &format!("request {number}"), &[])
                .await;
        }
    }

    pub(super) async fn published(&self) {
        let size = self.ledger.size();
        self.clock.advance(Duration::from_secs(10));
        self.until(|| self.ledger.published() >= size).await;
    }

    async fn until(&self, comes: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if comes() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it does not come");
    }

    async fn plan(&self) -> PurgePlan {
        let olga = actor("Olga", Role::Operator);
        self.service.purge_plan(&olga).await.unwrap()
    }

    async fn purge(&self, name: &str, role: Role) -> Result<Purged, NotDone> {
        let because = "past its term".to_owned();
        let asked = PurgeAsked { because };
        self.service.purge(&actor(name, role), &asked).await
    }

    /// By two people, and until it is carried out.
    async fn purged(&self) -> (Purged, Purge) {
        self.purge("Olga", Role::Operator).await.unwrap();
        let purged = self.purge("Leo", Role::Legal).await.unwrap();
        assert!(purged.done);
        self.published().await;
        self.until(|| self.ledger.minimum() == purged.minimum).await;
        let entries = reading::entries(&self.folder.path().join("ledger"), purged.entry);
        let bytes = entries.map(|item| item.unwrap().1).next().unwrap();
        (purged, Purge::of(&bytes).unwrap())
    }

    async fn report(&self, id: &str) -> super::super::messages::Report {
        let query = ReportQuery {
            customer: Some(id.to_owned()),
            ..ReportQuery::default()
        };
        let leo = actor("Leo", Role::Legal);
        self.service.report(&leo, &query).await.unwrap()
    }

    async fn hold(&self, id: &str) {
        let change = CustomerChange {
            customer: id.to_owned(),
            because: "a case".to_owned(),
        };
        let leo = actor("Leo", Role::Legal);
        self.service.hold(&leo, &change).await.unwrap();
    }
}

#[tokio::test]
async fn without_terms_nothing_is_past_one() {
    let fixture = Fixture::new().await;
    let refused = fixture.purge("Leo", Role::Legal).await.unwrap_err();
    assert!(
        refused.to_string().contains("[ledger.retention]"),
        "{refused}"
    );
    let leo = actor("Leo", Role::Legal);
    assert!(fixture.service.purge_plan(&leo).await.is_err());
}

#[tokio::test]
async fn the_kind_that_must_be_kept_longest_decides_for_its_bundle() {
    // Old enough for the acts before and among them, and not for disclosures.
    let fixture = Fixture::aged(50).await;
    assert_eq!(fixture.plan().await.minimum_after, 0);
    fixture.clock.advance(DAY * 10);
    let plan = fixture.plan().await;
    assert_eq!((plan.minimum, plan.minimum_after), (0, 256));
    assert_eq!(plan.entries.values().sum::<u64>(), 256);
    assert_eq!(plan.entries["disclosure"], 254);
    assert_eq!(plan.newest.unwrap().to_string(), "2026-11-22T12:00:00Z");
    assert_eq!(plan.terms["disclosures_days"], 60);
    assert!(plan.remark.unwrap().contains("goes back six years"));
    let six_years = RetentionSettings {
        disclosures_days: 2_192,
        ..terms(Path::new("ledger"))
    };
    assert_eq!(six_years.remark(), None);
}

#[tokio::test]
async fn two_people_destroy_what_is_past_its_term_and_the_ledger_says_so() {
    let fixture = Fixture::aged(61).await;
    let auditor = fixture.purge("Ada", Role::Auditor).await;
    assert!(matches!(auditor, Err(NotDone::NotAllowed { .. })));
    let before = fixture.report("cus_1").await;
    assert_eq!(
        (before.disclosures[0].count, &before.destroyed),
        (200, &None)
    );
    let asked = fixture.purge("Olga", Role::Operator).await.unwrap();
    assert!(!asked.done && asked.minimum == 256 && asked.entries == 256);
    assert_eq!(fixture.plan().await.proposed.unwrap().minimum_after, 256);
    for (name, role) in [("Olga", Role::Legal), ("Pam", Role::PartnerManager)] {
        let refused = fixture.purge(name, role).await;
        assert!(
            matches!(refused, Err(NotDone::Mistaken(_))),
            "{name} {role}"
        );
    }
    assert_eq!(fixture.ledger.minimum(), 0);
    // The second person destroys what the first asked for, whatever came due since.
    fixture.clock.advance(DAY);
    let (purged, purge) = fixture.purged().await;
    let who = |place: usize| {
        let approval: &crate::entry::Approval = &purge.approvals[place];
        (approval.actor.as_str(), approval.role.as_str())
    };
    assert_eq!([who(0), who(1)], [("Olga", "operator"), ("Leo", "legal")]);
    assert_eq!((purge.minimum_before, purge.minimum), (0, 256));
    assert_eq!(purge.entries["disclosure"], 254);
    assert!(purge.size > 600 && purge.size <= purged.entry);
    let after = fixture.report("cus_1").await;
    let destroyed = after.destroyed.as_ref().unwrap();
    assert_eq!((destroyed.entries, destroyed.entry), (256, purged.entry));
    assert_eq!(destroyed.newest, purge.newest);
    assert!(
        after.disclosures[0].count < 120,
        "{}",
        after.disclosures[0].count
    );
    let paper = [paper::text(&after), paper::csv(&after), paper::html(&after)];
    let told = format!("as entry {} says", purged.entry);
    assert!(paper.iter().all(|paper| paper.contains(&told)), "{paper:?}");
    // Nothing more is due, and nobody is waited for.
    assert!(fixture.purge("Olga", Role::Operator).await.is_err());
    assert_eq!(fixture.plan().await.proposed, None);
}

/// A witness, as it signs: C2SP tlog-cosignature, Ed25519.
struct Witness {
    pair: Ed25519KeyPair,
    key: WitnessKey,
}

impl Witness {
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let typed = [&[4], pair.public_key().as_ref()].concat();
        let id = signed_note::key_id("witness.example", &typed);
        let text = format!("witness.example+{id:08x}+{}", STANDARD.encode(typed));
        let key = WitnessKey::parse(&text).unwrap();
        Self { pair, key }
    }

    /// Cosigns what is published of the ledger, as it is kept then.
    async fn cosign(&self, fixture: &Fixture) {
        let note = fixture.ledger.published_checkpoint().unwrap();
        let note = cosignature::without(&note).unwrap();
        let (text, _) = note.rsplit_once("\n\n").unwrap();
        let message = format!("cosignature/v1\ntime 7\n{text}\n");
        let signature = self.pair.sign(message.as_bytes());
        let id = u32::from_str_radix(&self.key.id_text(), 16).unwrap();
        let signed = [
            &id.to_be_bytes()[..],
            &7_u64.to_be_bytes(),
            signature.as_ref(),
        ]
        .concat();
        let line = format!("\u{2014} {} {}\n", self.key.name(), STANDARD.encode(signed));
        let taken = cosignature::take(&note, &line, &self.key).unwrap();
        let note = cosignature::add(&note, &[taken]).unwrap();
        let (size, id) = (fixture.ledger.published(), self.key.id_text());
        fixture
            .ledger
            .keep_cosigned(note.clone(), size, vec![id.clone()]);
        let path = fixture.folder.path().join("ledger/cosigned").join(id);
        fixture
            .until(|| std::fs::read_to_string(&path).is_ok_and(|kept| kept == note))
            .await;
    }
}

#[tokio::test]
async fn nothing_is_destroyed_that_a_witness_needs_to_see_the_log_grow() {
    let mut fixture = Fixture::keeping(|folder| Some(terms(folder))).await;
    let witness = Witness::new();
    Arc::get_mut(&mut fixture.service).unwrap().witnesses = vec![witness.key.clone()];
    fixture.import(BOOK).await.unwrap();
    fixture.published().await;
    witness.cosign(&fixture).await;
    let cosigned = fixture.ledger.published();
    fixture.disclosures(300).await;
    fixture.clock.advance(DAY * 61);
    fixture.disclosures(300).await;
    fixture.published().await;
    let size = fixture.ledger.size();
    let refused = fixture.purge("Olga", Role::Operator).await.unwrap_err();
    let told = refused.to_string();
    let named = format!("`witness.example` has cosigned {cosigned} entries");
    assert!(told.contains(&named) && told.contains("/readyz"), "{told}");
    assert_eq!(fixture.ledger.size(), size, "not even asked for");
    witness.cosign(&fixture).await;
    let (purged, _) = fixture.purged().await;
    assert_eq!(purged.minimum, 256);
}

#[tokio::test]
async fn evidence_is_built_past_what_only_a_former_witness_has_cosigned_of_what_is_gone() {
    let fixture = Fixture::keeping(|folder| Some(terms(folder))).await;
    fixture.import(BOOK).await.unwrap();
    fixture.published().await;
    Witness::new().cosign(&fixture).await;
    fixture.disclosures(300).await;
    fixture.clock.advance(DAY * 61);
    fixture.disclosures(300).await;
    fixture.published().await;
    fixture.purged().await;
    let query = SearchQuery {
        customer: Some("cus_1".to_owned()),
        ..SearchQuery::default()
    };
    let leo = actor("Leo", Role::Legal);
    let package = fixture.service.evidence(&leo, &query).await.unwrap();
    evidence::verify(&package, None).unwrap();
}

#[tokio::test]
async fn a_purge_of_keys_alone_is_not_said_to_have_destroyed_entries() {
    let mut fixture = Fixture::aged(61).await;
    let registry = &fixture.service.registry;
    registry.recipient_reference("Ann", "1 Main St").unwrap();
    fixture.purged().await;
    let longer = RetentionSettings {
        disclosures_days: 3_000,
        refusals_days: 3_000,
        operations_days: 3_000,
        ..terms(fixture.folder.path())
    };
    Arc::get_mut(&mut fixture.service).unwrap().retention = Some(longer);
    fixture.clock.set("2027-03-10T00:00:00Z".parse().unwrap());
    let (purged, purge) = fixture.purged().await;
    assert_eq!((purge.minimum_before, purge.minimum), (256, 256));
    assert!(!purge.recipient_keys.is_empty());
    let report = fixture.report("cus_1").await;
    let destroyed = report.destroyed.as_ref().unwrap();
    assert_eq!((destroyed.entries, destroyed.entries_before), (256, 256));
    let told = format!("in purges before entry {}, which", purged.entry);
    for paper in [
        paper::text(&report),
        paper::csv(&report),
        paper::html(&report),
    ] {
        let words: Vec<_> = paper.split_whitespace().collect();
        let paper = words.join(" ");
        assert!(paper.contains(&told), "{paper}");
        assert!(!paper.contains("disclosures_days"), "{paper}");
    }
}

#[tokio::test]
async fn the_index_forgets_what_was_destroyed_and_finds_what_is_left() {
    let fixture = Fixture::aged(61).await;
    let index = &fixture.service.index;
    fixture
        .until(|| index.size() == fixture.ledger.size())
        .await;
    fixture.purged().await;
    fixture
        .until(|| index.size() == fixture.ledger.size())
        .await;
    let search = async |scan: bool| {
        let query = SearchQuery {
            operation: Some("getCustomer".to_owned()),
            since: Some("2026-11-23T00:00:00Z".parse().unwrap()),
            scan,
            ..SearchQuery::default()
        };
        let leo = actor("Leo", Role::Legal);
        let answer = fixture.service.search(&leo, query).await.unwrap();
        assert!(answer.destroyed.is_some());
        let found = answer.found.iter().map(|found| found.index);
        found.collect::<Vec<_>>()
    };
    let found = search(true).await;
    assert_eq!(found.len(), 300);
    assert_eq!(search(false).await, found);
}

/// A report about who was on hold names the package, and says where it is damaged or cannot be looked for; one
/// about somebody else knows of none.
async fn says_where_it_is_kept(fixture: &Fixture, sha256: &str) {
    let held = fixture.folder.path().join("held");
    let report = fixture.report("cus_2").await;
    let preserved = report.preserved.clone().unwrap();
    let [package] = preserved.packages.as_slice() else {
        panic!("{preserved:?}")
    };
    assert_eq!(
        (package.sha256.as_str(), package.entries.len()),
        (sha256, 85)
    );
    assert!(package.entries.iter().all(|entry| *entry < 256));
    for paper in [
        paper::text(&report),
        paper::html(&report),
        paper::csv(&report),
    ] {
        assert!(
            paper.contains(&package.file) && paper.contains("has 85 entries"),
            "{paper}"
        );
    }
    assert_eq!(fixture.report("cus_1").await.preserved, None);
    // The same goes along as evidence.
    let query = SearchQuery {
        customer: Some("cus_2".to_owned()),
        ..SearchQuery::default()
    };
    let leo = actor("Leo", Role::Legal);
    let packed = fixture.service.evidence(&leo, &query).await.unwrap();
    let members = evidence::archive::read(&packed).unwrap();
    let packed: Report = serde_json::from_slice(&members["report.json"]).unwrap();
    assert_eq!(packed.preserved, Some(preserved.clone()));

    let file = held.join(&package.file);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let told = paper::text(&fixture.report("cus_2").await);
    assert!(told.contains("is not as it was made"), "{told}");
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();

    std::fs::rename(&held, fixture.folder.path().join("elsewhere")).unwrap();
    let told = paper::text(&fixture.report("cus_1").await);
    assert!(
        told.contains("cannot be told") && told.contains(sha256),
        "{told}"
    );
    std::fs::rename(fixture.folder.path().join("elsewhere"), &held).unwrap();
}

#[tokio::test]
async fn what_is_on_hold_is_kept_in_packages_that_stay_valid() {
    let fixture = Fixture::aged(61).await;
    fixture.hold("cus_2").await;
    let plan = fixture.plan().await;
    let kept = plan
        .held
        .iter()
        .map(|held| (&*held.about, held.entries, held.packages));
    let whom = format!("customer:{}", fixture.reference("cus_2"));
    // And who put the first policy set in force, which packages of later disclosures speak of.
    let expected = [(&*whom, 85, 1), ("decision:policy.first", 1, 1)];
    assert_eq!(kept.collect::<Vec<_>>(), expected);
    let (purged, purge) = fixture.purged().await;
    let packages = purged.held.iter().map(|file| std::fs::read(file).unwrap());
    let packages: Vec<_> = packages.collect();
    let digests = packages
        .iter()
        .map(|package| evidence::sha256_text(package));
    assert_eq!(purge.held, digests.collect::<Vec<_>>());
    let keys = fixture.folder.path().join("ledger").join(KEYS_FILE);
    let keys = Keys::parse(&std::fs::read_to_string(keys).unwrap()).unwrap();
    let entries = packages.iter().map(|package| {
        let verified = evidence::verify(package, Some(&keys)).unwrap();
        verified.entries
    });
    assert_eq!(entries.collect::<Vec<_>>(), [85, 1]);
    says_where_it_is_kept(&fixture, &purge.held[0]).await;
    // Where they cannot be kept nothing is destroyed.
    fixture.clock.advance(DAY * 61);
    std::fs::remove_dir_all(fixture.folder.path().join("held")).unwrap();
    std::fs::write(fixture.folder.path().join("held"), "in the way").unwrap();
    fixture.purge("Olga", Role::Operator).await.unwrap();
    let refused = fixture.purge("Leo", Role::Legal).await.unwrap_err();
    assert!(refused.to_string().contains("cannot be kept"), "{refused}");
    fixture.published().await;
    assert_eq!(fixture.ledger.minimum(), 256);
}

#[tokio::test]
async fn keys_of_recipients_go_with_their_term_and_stay_while_anything_is_on_hold() {
    let fixture = Fixture::keeping(|folder| Some(terms(folder))).await;
    fixture.import(BOOK).await.unwrap();
    let registry = &fixture.service.registry;
    let november = registry
        .recipient_reference("Ann", "1 Main St")
        .unwrap()
        .unwrap();
    fixture.hold("cus_1").await;
    fixture.clock.set("2027-01-02T00:00:00Z".parse().unwrap());
    let plan = fixture.plan().await;
    assert_eq!(plan.recipient_keys, [""; 0]);
    assert_eq!(plan.recipient_keys_held, ["2026-11"]);
    assert!(fixture.purge("Olga", Role::Operator).await.is_err());
    let change = CustomerChange {
        customer: "cus_1".to_owned(),
        because: "closed".to_owned(),
    };
    for (name, role) in [("Olga", Role::Operator), ("Leo", Role::Legal)] {
        fixture
            .service
            .release(&actor(name, role), &change)
            .await
            .unwrap();
    }
    let is_found = || {
        let months = registry.recipient_months("Ann", "1 Main St");
        months.references.values().any(|one| *one == november)
    };
    assert!(is_found());
    let (purged, purge) = fixture.purged().await;
    assert_eq!(purged.recipient_keys, ["2026-11"]);
    assert_eq!(
        (purge.recipient_keys, purge.minimum),
        (purged.recipient_keys, 0)
    );
    assert!(!is_found());
}

#[tokio::test]
async fn a_hold_placed_after_the_first_person_asked_counts() {
    let fixture = Fixture::aged(61).await;
    // The key of November is due too, and asked for.
    assert_eq!(fixture.plan().await.recipient_keys, ["2026-11"]);
    fixture.purge("Olga", Role::Operator).await.unwrap();
    fixture.hold("cus_1").await;
    // So it is not what was asked for any more: this is a first word again.
    let asked = fixture.purge("Leo", Role::Legal).await.unwrap();
    assert!(!asked.done && asked.recipient_keys.is_empty());
    let purged = fixture.purge("Olga", Role::Operator).await.unwrap();
    assert!(purged.done && purged.held.len() == 2);
}

/// Suspending somebody must never wait until millions of entries were read.
#[tokio::test]
async fn a_hold_waits_for_a_purge_and_a_suspension_does_not() {
    let fixture = Fixture::aged(61).await;
    let underway = fixture.service.purging.lock().await;
    let leo = actor("Leo", Role::Legal);
    let suspended = fixture
        .service
        .suspend(&leo, &partner("acme"), "leak")
        .await;
    suspended.unwrap();
    let service = Arc::clone(&fixture.service);
    let hold = tokio::spawn(async move {
        let change = CustomerChange {
            customer: "cus_1".to_owned(),
            because: "a case".to_owned(),
        };
        service.hold(&leo, &change).await
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!hold.is_finished());
    drop(underway);
    assert!(hold.await.unwrap().unwrap().done);
}

impl Fixture {
    /// A page with one recipient of mail, Ann Bell, leaves.
    async fn disclose_ann(&self, request: &str) {
        let ann = self.ann();
        let mut disclosure = self.disclosure("cus_1", request, &[]);
        disclosure.subjects[0].subject = "recipient".to_owned();
        disclosure.subjects[0].references = vec![ann];
        self.record(Event::Disclosure(disclosure)).await;
    }

    /// As what Ann Bell stands in entries of this month.
    fn ann(&self) -> String {
        let registry = &self.service.registry;
        let ann = registry.recipient_reference("Ann Bell", "1 Main St");
        ann.unwrap().unwrap().to_string()
    }

    /// Ann Bell, as somebody types her.
    fn typed() -> RecipientTyped {
        RecipientTyped {
            name: "ann bell".to_owned(),
            address: "1 Main St.".to_owned(),
        }
    }

    async fn report_on_ann(&self) -> super::super::messages::Report {
        let query = ReportQuery {
            recipient: Some(Self::typed()),
            ..ReportQuery::default()
        };
        let leo = actor("Leo", Role::Legal);
        self.service.report(&leo, &query).await.unwrap()
    }
}

#[tokio::test]
async fn a_recipient_is_found_as_typed_in_the_months_whose_keys_are_left() {
    let fixture = Fixture::keeping(|folder| Some(terms(folder))).await;
    fixture.import(BOOK).await.unwrap();
    for request in ["november", "december"] {
        fixture.disclose_ann(request).await;
        fixture.clock.advance(DAY * 15);
    }
    let leo = actor("Leo", Role::Legal);
    let search = async || {
        let query = SearchQuery {
            recipient: Some(Fixture::typed()),
            decision: Some("disclosure".to_owned()),
            ..SearchQuery::default()
        };
        let answer = fixture.service.search(&leo, query).await.unwrap();
        let request = |found: &Found| match &found.entry.event {
            Event::Disclosure(disclosure) => disclosure.request.request_id.clone(),
            other => panic!("{other:?}"),
        };
        answer.found.iter().map(request).collect::<Vec<_>>()
    };
    assert_eq!(search().await, ["november", "december"]);
    // Not by the names of both months: that they are one person is nobody's to read.
    let (_, _, object) = fixture.acts().pop().unwrap();
    let expected = format!("recipient:{} decision:disclosure", fixture.ann());
    assert_eq!(object, Some(expected));
    fixture.clock.set("2027-01-02T00:00:00Z".parse().unwrap());
    fixture.purged().await;
    assert_eq!(search().await, ["december"]);
}

#[tokio::test]
async fn a_report_about_a_recipient_says_what_nobody_can_tell_once_a_month_is_destroyed() {
    let fixture = Fixture::keeping(|folder| Some(terms(folder))).await;
    fixture.import(BOOK).await.unwrap();
    fixture.disclose_ann("november").await;
    fixture.clock.advance(DAY * 15);
    fixture.disclose_ann("december").await;
    // A customer who is called by the same reference is nobody's recipient.
    let mut other = fixture.disclosure("cus_1", "other", &[]);
    other.subjects[0].references = vec![fixture.ann()];
    fixture.record(Event::Disclosure(other)).await;
    let before = fixture.report_on_ann().await;
    let requests = |report: &super::super::messages::Report| {
        let series = &report.disclosures[0];
        let (first, last) = (&series.first.request_id, &series.last.request_id);
        (
            report.disclosures.len(),
            series.count,
            first.clone(),
            last.clone(),
        )
    };
    let [november, december] = ["november", "december"].map(str::to_owned);
    assert_eq!(requests(&before), (1, 2, november, december.clone()));
    let months = before.recipient.as_ref().unwrap();
    assert_eq!(months.references["2026-12"], fixture.ann());
    let named: Vec<_> = months.references.keys().collect();
    assert_eq!(
        named,
        ["2026-11", "2026-12"],
        "and no month that has not come"
    );
    assert!(months.destroyed.is_empty());
    assert_eq!((&before.reference, &before.customer), (&None, &None));
    fixture.clock.set("2027-01-02T00:00:00Z".parse().unwrap());
    let (purged, _) = fixture.purged().await;
    let after = fixture.report_on_ann().await;
    assert_eq!(requests(&after), (1, 1, december.clone(), december));
    let destroyed = &after.recipient.as_ref().unwrap().destroyed;
    assert_eq!(*destroyed, [("2026-11".to_owned(), purged.entry)].into());
    let told = format!("were destroyed: 2026-11 (as entry {} says)", purged.entry);
    for paper in [paper::text(&after), paper::csv(&after), paper::html(&after)] {
        assert!(paper.contains(&told), "{paper}");
        assert!(!paper.to_lowercase().contains("bell"), "{paper}");
    }
}

#[tokio::test]
async fn evidence_about_a_recipient_has_its_entries_and_nothing_that_was_typed() {
    let fixture = Fixture::keeping(|folder| Some(terms(folder))).await;
    fixture.import(BOOK).await.unwrap();
    fixture.disclose_ann("november").await;
    fixture.disclose("cus_3", "other", &[]).await;
    fixture.clock.advance(DAY * 15);
    fixture.disclose_ann("december").await;
    let leo = actor("Leo", Role::Legal);
    let query = SearchQuery {
        recipient: Some(Fixture::typed()),
        ..SearchQuery::default()
    };
    let package = fixture.service.evidence(&leo, &query).await.unwrap();
    let keys = std::fs::read_to_string(fixture.folder.path().join("ledger").join(KEYS_FILE));
    let keys = Keys::parse(&keys.unwrap()).unwrap();
    let verified = evidence::verify(&package, Some(&keys)).unwrap();
    assert_eq!(verified.entries, 2);
    let members = evidence::archive::read(&package).unwrap();
    let report = String::from_utf8(members["report.html"].clone()).unwrap();
    assert!(
        report.contains(&format!("2026-12 {}", fixture.ann())),
        "{report}"
    );
    for (name, bytes) in &members {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        assert!(!text.contains("ann bell"), "{name}");
        assert!(!text.contains("\"other\""), "{name}");
    }
    let both = SearchQuery {
        customer: Some("cus_1".to_owned()),
        ..query
    };
    let refused = fixture.service.evidence(&leo, &both).await;
    assert!(matches!(refused, Err(NotDone::Misasked(_))));
    let nobody = ReportQuery {
        recipient: Some(RecipientTyped::default()),
        ..ReportQuery::default()
    };
    for query in [nobody, ReportQuery::default()] {
        let refused = fixture.service.report(&leo, &query).await;
        assert!(matches!(refused, Err(NotDone::Misasked(_))), "{query:?}");
    }
}
