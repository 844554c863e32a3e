//! The registry over a real database: what it keeps, what it refuses, and what is left after it was
//! closed and opened again.

use std::path::PathBuf;

use jiff::Timestamp;

use super::*;
use crate::taxonomy::{Category, CategorySet, Purpose};
use crate::terms::{ContactKind, Contacts, PartnerId, Principal, ResourceKind};

struct Fixture {
    folder: tempfile::TempDir,
    clock: Clock,
}

impl Fixture {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Clock::manual("2026-11-22T12:00:00Z".parse().unwrap()),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("registry.sqlite")
    }

    fn open(&self) -> Registry {
        Registry::open(&self.path(), self.clock.clone()).unwrap()
    }
}

fn partner(id: &str) -> PartnerId {
    PartnerId::parse(id).unwrap()
}

async fn import(registry: &Registry, text: &str) -> Result<ImportReport, NotKept> {
    let import = registry.read_import(text.lines())?;
    registry.import(import, 7).await
}

const BOOK: &str = r#"
{"kind":"job","id":"job_1","customer":"cus_1"}
{"kind":"customer","id":"cus_1","partner":"acme","email":"Ann@example.org","telephone":"+1 555 010 0199","address":"1 Main St., Springfield"}
{"kind":"customer","id":"cus_2","partner":"bright","email":null,"address":"1 main st springfield"}
{"kind":"document","id":"doc_1","customer":"cus_2","purpose":"essential.service"}
"#;

#[tokio::test]
async fn a_forgotten_customer_stays_forgotten_and_a_held_one_stays_held_after_a_restart() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    let held = registry.customer("cus_1").unwrap().reference;
    let forgotten = registry.customer("cus_2").unwrap().reference;
    let hold = Hold {
        reference: held,
        since: fixture.clock.now(),
        by: "Leo".to_owned(),
        because: "court".to_owned(),
    };
    registry.hold(hold.clone(), 8).await.unwrap();
    registry.forget_customer("cus_2").await.unwrap();
    drop(registry);

    let registry = fixture.open();
    assert_eq!(registry.holds().await.unwrap(), [hold]);
    assert!(registry.forget_customer("cus_1").await.is_err());
    assert_eq!(registry.customer("cus_2"), None);
    assert_eq!(registry.by_reference(forgotten), None);
    assert_eq!(registry.resource(ResourceKind::Document, "doc_1"), None);
    let found = registry.lookup_typed("1 Main St., Springfield").await;
    assert_eq!(found.unwrap(), ["cus_1".into()], "who shares the address");
    registry.end_hold(held).await.unwrap();
    registry.forget_customer("cus_1").await.unwrap();
    assert_eq!(registry.customer_count(), 0);
    // Somebody whom the core shows again is somebody new.
    let again = registry
        .remember_customer("cus_2", &partner("bright"), &Contacts::default(), 9)
        .await
        .unwrap();
    assert_ne!(again.reference, forgotten);
}

#[tokio::test]
async fn an_imported_book_is_there_after_reopening_with_the_same_references() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let report = import(&registry, BOOK).await.unwrap();
    assert_eq!(
        (report.customers, report.customers_new, report.resources),
        (2, 2, 2)
    );
    let row = registry.customer("cus_1").unwrap();
    drop(registry);

    let registry = fixture.open();
    assert_eq!(registry.customer_count(), 2);
    assert_eq!(registry.customer("cus_1").as_ref(), Some(&row));
    assert_eq!(
        registry.by_reference(row.reference).as_deref(),
        Some("cus_1")
    );
    let job = registry.resource(ResourceKind::Job, "job_1").unwrap();
    assert_eq!(
        (job.customer, job.partner),
        (row.reference, partner("acme"))
    );
    let document = registry.resource(ResourceKind::Document, "doc_1").unwrap();
    assert_eq!(document.purpose, Purpose::parse("essential.service"));
    assert_eq!(registry.resource(ResourceKind::List, "job_1"), None);

    let again = import(&registry, BOOK).await.unwrap();
    assert_eq!((again.customers, again.customers_new), (2, 0));
    assert_eq!(registry.customer("cus_1"), Some(row));
}

#[tokio::test]
async fn people_are_found_as_someone_types_them() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    let reference = registry.customer("cus_1").unwrap().reference.to_string();
    for typed in ["cus_1", " ann@EXAMPLE.org", "(555) 010-0199", &reference] {
        let found = registry.lookup_typed(typed).await.unwrap();
        assert_eq!(found, ["cus_1".into()], "{typed}");
    }
    let neighbours = registry
        .lookup_typed("1 Main St, Springfield")
        .await
        .unwrap();
    assert_eq!(neighbours, ["cus_1".into(), "cus_2".into()]);
    assert!(
        registry
            .lookup_typed("bob@example.org")
            .await
            .unwrap()
            .is_empty()
    );

    let moved = r#"{"kind":"customer","id":"cus_1","partner":"acme","email":"ann@new.example"}"#;
    import(&registry, moved).await.unwrap();
    for email in ["ann@example.org", "ann@new.example"] {
        let found = registry.lookup_typed(email).await.unwrap();
        assert_eq!(found, ["cus_1".into()], "{email}");
    }
}

fn contacts(written: &[(ContactKind, &str)]) -> Contacts {
    let mut contacts = Contacts::default();
    for (kind, written) in written {
        contacts.add(*kind, written);
    }
    contacts
}

async fn found(registry: &Registry, typed: &str) -> Vec<Arc<str>> {
    registry.lookup_typed(typed).await.unwrap()
}

fn fingerprints_on_disk(fixture: &Fixture) -> u32 {
    let connection = database::open(&fixture.path()).unwrap();
    let count = "SELECT count(*) FROM fingerprint";
    connection.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn whoever_is_remembered_with_contacts_is_found_by_them_until_forgotten() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let acme = partner("acme");
    let first = contacts(&[
        (ContactKind::Email, "Ann@example.org"),
        (ContactKind::Telephone, "+1 555 010 0199"),
        (
            ContactKind::Address,
            "1 Main St., Springfield, IL, 62701, US",
        ),
    ]);
    let row = registry.remember_customer("cus_1", &acme, &first, 1).await;
    drop(registry);
    let registry = fixture.open();
    let by_first = [
        "ann@example.org",
        "5550100199",
        "62701 Springfield IL, 1 main st",
    ];
    for typed in by_first {
        assert_eq!(found(&registry, typed).await, ["cus_1".into()], "{typed}");
    }
    // Somebody else's id adds nothing to anyone, nor does nobody's.
    let other = contacts(&[(ContactKind::Email, "eve@example.org")]);
    let bright = partner("bright");
    let foreign = registry.remember_customer("cus_1", &bright, &other, 2);
    assert!(matches!(foreign.await, Err(NotKept::Contradiction(_))));
    registry.add_contacts("cus_2", &other).await.unwrap();
    assert!(found(&registry, "eve@example.org").await.is_empty());
    assert_eq!(registry.customer_count(), 1);
    // Said again, and said otherwise: the same customer, found by both.
    let again = registry.remember_customer("cus_1", &acme, &first, 3).await;
    assert_eq!(again, row);
    registry.add_contacts("cus_1", &other).await.unwrap();
    for typed in by_first.iter().chain(&["eve@example.org"]) {
        assert_eq!(found(&registry, typed).await, ["cus_1".into()], "{typed}");
    }
    registry.forget_customer("cus_1").await.unwrap();
    registry.add_contacts("cus_1", &other).await.unwrap();
    for typed in by_first.iter().chain(&["eve@example.org"]) {
        assert!(found(&registry, typed).await.is_empty(), "{typed}");
    }
    drop(registry);
    assert_eq!(fingerprints_on_disk(&fixture), 0);
}

#[tokio::test]
async fn a_customer_is_found_by_a_limited_number_of_contacts_and_always_by_the_last() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let acme = partner("acme");
    let first = contacts(&[(ContactKind::Email, "0@example.org")]);
    registry
        .remember_customer("cus_1", &acme, &first, 1)
        .await
        .unwrap();
    for number in 1..=FINGERPRINTS_MAX {
        let next = contacts(&[(ContactKind::Email, &format!("{number}@example.org"))]);
        registry.add_contacts("cus_1", &next).await.unwrap();
        let typed = format!("{number}@example.org");
        assert_eq!(found(&registry, &typed).await, ["cus_1".into()], "{typed}");
        let oldest = found(&registry, "0@example.org").await;
        assert_eq!(oldest.is_empty(), number == FINGERPRINTS_MAX, "{number}");
    }
    let mut most = Contacts::default();
    for number in 0..100 {
        for kind in ContactKind::ALL {
            most.add(kind, &format!("9075550{number:03}, Bath"));
        }
    }
    registry.add_contacts("cus_1", &most).await.unwrap();
    drop(registry);
    assert_eq!(fingerprints_on_disk(&fixture), FINGERPRINTS_MAX);
}

#[tokio::test]
async fn an_address_in_a_book_of_before_is_found_as_it_was_and_in_any_order_once_imported_again() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let line = r#"{"kind":"customer","id":"cus_1","partner":"acme","address":"1 Main St., Springfield, US"}"#;
    import(&registry, line).await.unwrap();
    let written = "1 MAIN ST SPRINGFIELD US";
    // Only the fingerprint that earlier programs made.
    let of_before = registry.fingerprints.of_typed(written);
    drop(registry);
    let connection = database::open(&fixture.path()).unwrap();
    let sql = "DELETE FROM fingerprint WHERE fingerprint <> ?1";
    let before = of_before.get(of_before.len() - 2).unwrap();
    assert_eq!(connection.execute(sql, [before]).unwrap(), 1);
    drop(connection);

    let registry = fixture.open();
    assert_eq!(found(&registry, written).await, ["cus_1".into()]);
    assert!(found(&registry, "Springfield, 1 Main St").await.is_empty());
    import(&registry, line).await.unwrap();
    for typed in [written, "Springfield, 1 Main St", "1 Main St. Springfield"] {
        assert_eq!(found(&registry, typed).await, ["cus_1".into()], "{typed}");
    }
}

#[tokio::test]
async fn no_contact_data_reaches_the_disk() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    drop(registry);
    for file in fixture.folder.path().read_dir().unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
        for canary in ["example.org", "555 010", "main st"] {
            let found = memchr::memmem::find(&bytes, canary.as_bytes());
            assert_eq!(found, None, "{canary} in {}", path.display());
        }
    }
}

#[test]
fn every_mistaken_line_of_an_import_is_named_and_quotes_nobody() {
    let registry = Fixture::new().open();
    let text = r#"{"kind":"customer","id":"cus_1","partner":"Acme"}
{"kind":"customer","id":"cus_1","partner":"acme","emial":"x"}
{"kind":"customer","id":"","partner":"acme"}
{"kind":"parcel","id":"a"}
{"kind":"customer","id":"cus_1","partner":"acme","telephone":5550100199}
{"kind":"document","id":"d","customer":"cus_1","purpose":"essential.servise"}
{"kind":"customer","id":"cus_1","id":"cus_2","partner":"acme"}
{"kind":"job","id":"j","customer":"cus_1","owner":"x"}
not json"#;
    let mistakes = registry.read_import(text.lines()).unwrap_err();
    let lines: Vec<_> = mistakes
        .mistakes
        .iter()
        .map(|mistake| mistake.line)
        .collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 8, 9], "{mistakes}");
    assert!(!mistakes.to_string().contains("5550100199"), "{mistakes}");
}

#[tokio::test]
async fn an_import_that_contradicts_the_book_changes_nothing() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    let text = r#"{"kind":"customer","id":"cus_3","partner":"acme"}
{"kind":"customer","id":"cus_1","partner":"bright"}
{"kind":"job","id":"job_1","customer":"cus_2"}
{"kind":"job","id":"job_2","customer":"cus_9"}"#;
    let Err(NotKept::Import(mistakes)) = import(&registry, text).await else {
        panic!("it was taken")
    };
    let lines: Vec<_> = mistakes
        .mistakes
        .iter()
        .map(|mistake| mistake.line)
        .collect();
    assert_eq!(lines, [2, 3, 4]);
    assert_eq!(registry.customer("cus_3"), None);
    drop(registry);
    assert_eq!(fixture.open().customer("cus_3"), None);
}

#[tokio::test]
async fn a_customer_remembered_by_many_at_once_has_one_reference() {
    let fixture = Fixture::new();
    let registry = Arc::new(fixture.open());
    let mut calls = tokio::task::JoinSet::new();
    for entry_index in 0..50 {
        let registry = Arc::clone(&registry);
        calls.spawn(async move {
            let acme = partner("acme");
            registry
                .remember_customer("cus_1", &acme, &Contacts::default(), entry_index)
                .await
                .unwrap()
        });
    }
    let rows = calls.join_all().await;
    assert!(rows.iter().all(|row| *row == rows[0]));
    let stolen = registry
        .remember_customer("cus_1", &partner("bright"), &Contacts::default(), 9)
        .await;
    assert!(matches!(stolen, Err(NotKept::Contradiction(_))));
    assert_eq!(registry.customer("cus_1").unwrap().partner, partner("acme"));
}

#[tokio::test]
async fn what_is_noticed_is_known_at_once_and_kept() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    registry
        .noticed_resource(ResourceKind::List, "list_1", "cus_2")
        .unwrap();
    let seen = registry.resource(ResourceKind::List, "list_1").unwrap();
    assert_eq!(seen.partner, partner("bright"));
    let foreign = registry.noticed_resource(ResourceKind::List, "list_1", "cus_1");
    assert!(matches!(foreign, Err(NotKept::Contradiction(_))));
    assert!(
        registry
            .noticed_resource(ResourceKind::List, "list_2", "cus_9")
            .is_err()
    );
    drop(registry);
    assert_eq!(
        fixture.open().resource(ResourceKind::List, "list_1"),
        Some(seen)
    );
}

#[tokio::test]
async fn a_remembered_resource_keeps_its_customer_and_purpose() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    let service = Purpose::parse("essential.service");
    let remember = |customer, purpose| {
        registry.remember_resource(ResourceKind::Job, "job_9", customer, purpose, 3)
    };
    assert!(remember("cus_8", None).await.is_err(), "nobody's");
    remember("cus_1", None).await.unwrap();
    remember("cus_1", service).await.unwrap();
    remember("cus_1", None).await.unwrap();
    assert!(remember("cus_2", service).await.is_err(), "another's");
    let wider = Purpose::parse("essential");
    assert!(
        remember("cus_1", wider).await.is_err(),
        "uploaded for another purpose"
    );
    drop(registry);
    let job = fixture.open().resource(ResourceKind::Job, "job_9").unwrap();
    assert_eq!((&*job.customer_id, job.purpose), ("cus_1", service));
}

#[tokio::test]
async fn a_suspension_is_seen_at_once_outlives_a_restart_and_ends() {
    let fixture = Fixture::new();
    let suspension = |because: &str| Suspension {
        since: fixture.clock.now(),
        by: "Ann".into(),
        because: because.into(),
    };
    let all = [
        Principal::Partner(partner("acme")),
        Principal::Certificate(crate::terms::Thumbprint([3; 32])),
        Principal::Client("acme".into()),
        Principal::Token("acme".into()),
    ];
    for one in &all {
        let registry = fixture.open();
        let mut changes = registry.suspensions().changes();
        registry
            .suspend(one, suspension("a leak"), 1)
            .await
            .unwrap();
        assert!(changes.has_changed().unwrap());
        registry.suspend(one, suspension("again"), 2).await.unwrap();
        drop(registry);
        let registry = fixture.open();
        for other in &all {
            let expected = (one == other).then(|| suspension("a leak"));
            assert_eq!(registry.suspensions().of(other), expected, "{one} {other}");
        }
        changes = registry.suspensions().changes();
        registry.resume(one).await.unwrap();
        assert!(changes.has_changed().unwrap());
        assert_eq!(registry.suspensions().of(one), None);
        drop(registry);
        assert_eq!(fixture.open().suspensions().of(one), None);
    }
}

#[tokio::test]
async fn a_suspended_token_is_forgotten_once_it_must_have_expired_and_nothing_else_is() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let suspend = async |principal: &Principal| {
        let suspension = Suspension {
            since: fixture.clock.now(),
            by: "Ann".into(),
            because: "a leak".into(),
        };
        registry.suspend(principal, suspension, 1).await.unwrap();
    };
    let token = |name: &str| Principal::Token(name.into());
    let client = Principal::Client("acme-portal".into());
    suspend(&client).await;
    suspend(&token("one")).await;
    let hours = |hours: i64| std::time::Duration::from_secs(3_600 * hours.unsigned_abs());
    fixture.clock.advance(hours(TOKEN_SUSPENSION_HOURS - 1));
    suspend(&token("two")).await;
    assert!(registry.suspensions().of(&token("one")).is_some());
    fixture.clock.advance(hours(1));
    suspend(&token("three")).await;
    drop(registry);
    let registry = fixture.open();
    assert_eq!(registry.suspensions().of(&token("one")), None);
    for stays in [client, token("two"), token("three")] {
        assert!(registry.suspensions().of(&stays).is_some(), "{stays}");
    }
}

#[tokio::test]
async fn partners_suspended_by_an_earlier_version_stay_suspended() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let connection = rusqlite::Connection::open(fixture.path()).unwrap();
    let earlier = "
        DROP TABLE recipient_key; DROP TABLE hold; DROP TABLE proof; DROP TABLE figure_group; DROP TABLE figure_question;
        ALTER TABLE consent DROP COLUMN profile; ALTER TABLE consent DROP COLUMN document;
        DROP TABLE shut_out;
        CREATE TABLE suspension (
            partner TEXT PRIMARY KEY, since TEXT NOT NULL, actor TEXT NOT NULL,
            because TEXT NOT NULL, entry INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO suspension VALUES ('acme', '2026-11-22T12:00:00Z', 'Ann', 'a leak', 7);
        PRAGMA user_version = 3;";
    connection.execute_batch(earlier).unwrap();
    drop(connection);
    let acme = Principal::Partner(partner("acme"));
    let found = fixture.open().suspensions().of(&acme).unwrap();
    assert_eq!(&*found.because, "a leak");
}

#[tokio::test]
async fn a_consent_covers_what_lies_below_it_until_it_ends() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    let customer = registry.customer("cus_1").unwrap().reference;
    let category = |key| Category::parse(key).unwrap();
    let purpose = |key| Purpose::parse(key).unwrap();
    let until: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let consent = Consent {
        partner: partner("acme"),
        purpose: purpose("essential.service"),
        categories: CategorySet::from_iter([category("user.contact")]),
        until,
        reference: Some("CON-1".into()),
    };
    registry.record_consent(customer, consent, 4).await.unwrap();
    drop(registry);
    let registry = fixture.open();
    let has = |partner_id, purpose_key, now, key| {
        let (partner, purpose) = (partner(partner_id), purpose(purpose_key));
        let opened = registry.opened(customer, &partner, purpose, now);
        assert_eq!(
            opened.consent_reference.is_some(),
            !opened.consented.is_empty()
        );
        opened.consented.contains(category(key))
    };
    let now = fixture.clock.now();
    let below = "essential.service.operations";
    assert!(has("acme", below, now, "user.contact.email"));
    assert!(!has("acme", below, now, "user.name"));
    assert!(!has("acme", below, until, "user.contact.email"));
    assert!(!has("acme", "essential", now, "user.contact.email"));
    assert!(!has("bright", below, now, "user.contact.email"));
    let acme = partner("acme");
    registry
        .revoke_consent(customer, &acme, purpose("essential"))
        .await
        .unwrap();
    assert!(!has("acme", below, now, "user.contact.email"));
}

#[tokio::test]
async fn an_agreement_holds_with_its_reference_until_its_last_day_is_over() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let line = |until: &str| {
        format!(
            r#"{{"kind":"agreement","customer":"cus_1","profile":"contact","partner":"acme","purposes":["essential.service","finance"],"categories":["user.contact"],"until":"{until}","reference":"AGR-17"}}"#
        )
    };
    // An agreement may stand before its customer in the file.
    let book = format!(
        "{}\n{BOOK}{}\n",
        line("2026-11-22"),
        r#"{"kind":"agreement","customer":"cus_2","profile":"any","purposes":["essential"],"until":"2027-01-31","reference":"AGR-18"}"#
    );
    let report = import(&registry, &book).await.unwrap();
    assert_eq!(report.agreements, 2);
    drop(registry);
    let registry = fixture.open();
    let opened = |registry: &Registry, id: &str, partner_id: &str, key: &str, now: &str| {
        let customer = registry.customer(id).unwrap().reference;
        let purpose = Purpose::parse(key).unwrap();
        registry.opened(
            customer,
            &partner(partner_id),
            purpose,
            now.parse().unwrap(),
        )
    };
    let (email, name) = ("user.contact.email", "user.name");
    let covers = |opened: &crate::judgement::Opened, key| {
        opened.agreed.contains(Category::parse(key).unwrap())
    };
    let evening = "2026-11-22T23:59:59Z";
    for key in ["essential.service.payment_processing", "finance"] {
        let agreed = opened(&registry, "cus_1", "acme", key, evening);
        assert!(covers(&agreed, email) && !covers(&agreed, name), "{key}");
        assert_eq!(agreed.agreement_reference.as_deref(), Some("AGR-17"));
        assert_eq!(
            (agreed.consented, agreed.consent_reference),
            (CategorySet::NONE, None)
        );
    }
    let any = opened(&registry, "cus_2", "acme", "essential.service", evening);
    assert!(covers(&any, name), "of every partner and of everything");
    for (partner_id, key, now) in [
        ("bright", "finance", evening),
        ("acme", "essential", evening),
        ("acme", "finance", "2026-11-23T00:00:00Z"),
    ] {
        assert_eq!(
            opened(&registry, "cus_1", partner_id, key, now),
            Default::default()
        );
    }
    // What the same document says later holds, and consents are apart from it.
    import(&registry, &line("2026-11-24")).await.unwrap();
    let customer = registry.customer("cus_1").unwrap().reference;
    let finance = Purpose::parse("finance").unwrap();
    registry
        .revoke_consent(customer, &partner("acme"), finance)
        .await
        .unwrap();
    drop(registry);
    let registry = fixture.open();
    let later = opened(
        &registry,
        "cus_1",
        "acme",
        "finance",
        "2026-11-24T12:00:00Z",
    );
    assert!(covers(&later, email));
    import(&registry, &line("2026-11-01")).await.unwrap();
    assert_eq!(
        opened(&registry, "cus_1", "acme", "finance", evening),
        Default::default()
    );
}

#[tokio::test]
async fn an_agreement_that_is_not_clear_is_not_imported() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    let whole = r#"{"kind":"agreement","customer":"cus_1","profile":"contact","partner":"acme","purposes":["finance"],"categories":["user"],"until":"2027-01-31","reference":"AGR-1"}"#;
    assert!(import(&registry, whole).await.is_ok());
    for (from, to, told) in [
        ("cus_1", "cus_9", "nobody in the book"),
        ("\"contact\"", "\"Contact\"", "a profile is a word"),
        ("acme", "Acme!", "is not a partner's id"),
        ("[\"finance\"]", "[]", "at least one of `purposes`"),
        ("finance", "finances", "is not a purpose"),
        ("[\"user\"]", "[\"usr\"]", "is not a data category"),
        ("2027-01-31", "soon", "the last day"),
        ("AGR-1", "", "an id is empty"),
        (",\"reference\":\"AGR-1\"", "", "missing field `reference`"),
    ] {
        assert!(whole.contains(from), "{from}");
        let refused = import(&registry, &whole.replace(from, to))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains(told), "{told}: {refused}");
    }
}

#[tokio::test]
async fn a_proposal_waits_a_day_and_no_longer() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let proposal = Proposal {
        act: "partner.resume".to_owned(),
        object: "acme".to_owned(),
        actor: "Ann".to_owned(),
        role: "operator".to_owned(),
        because: "solved".to_owned(),
        time: fixture.clock.now(),
    };
    registry.propose(proposal.clone(), 3).await.unwrap();
    let waiting = async || registry.proposal("partner.resume", "acme").await.unwrap();
    fixture
        .clock
        .advance(std::time::Duration::from_secs(23 * 3_600));
    assert_eq!(waiting().await, Some(proposal.clone()));
    fixture.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(waiting().await, None);
    registry
        .propose(
            Proposal {
                time: fixture.clock.now(),
                ..proposal
            },
            4,
        )
        .await
        .unwrap();
    registry.settle("partner.resume", "acme").await.unwrap();
    assert_eq!(waiting().await, None);
}

#[test]
fn a_second_gateway_on_the_same_book_is_refused() {
    let fixture = Fixture::new();
    let _registry = fixture.open();
    let second = Registry::open(&fixture.path(), fixture.clock.clone());
    assert!(matches!(second, Err(CannotOpen::Database(_))));
}

#[tokio::test]
async fn a_book_without_its_key_is_not_opened() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    import(&registry, BOOK).await.unwrap();
    drop(registry);
    std::fs::remove_file(fixture.folder.path().join("registry.sqlite.lookup.key")).unwrap();
    let refused = Registry::open(&fixture.path(), fixture.clock.clone()).unwrap_err();
    assert!(refused.to_string().contains("backup"), "{refused}");
}

#[tokio::test]
async fn one_change_that_fails_undoes_only_itself() {
    let fixture = Fixture::new();
    let registry = fixture.open();
    let acme = partner("acme");
    let failing = registry.remember_resource(ResourceKind::Job, "job_1", "cus_1", None, 1);
    let nothing = Contacts::default();
    let keeping = registry.remember_customer("cus_2", &acme, &nothing, 2);
    let (failed, kept) = tokio::join!(failing, keeping);
    assert!(failed.is_err());
    drop(registry);
    assert_eq!(fixture.open().customer("cus_2"), Some(kept.unwrap()));
}
