//! The service over a real registry and a real ledger, and through a real socket.

mod accounting;
mod parts;
mod policies;
mod purging;
mod records;

use std::collections::BTreeMap;

use jiff::civil::date;
use tokio::sync::oneshot;

use super::actors::{Actors, Mapped, user_name};
use super::client::{Client, ClientError};
use super::messages::*;
use super::*;
use crate::entry::{Disclosure, Recipient, RequestFacts, SubjectGroup, Withheld};
use crate::ledger::{Options, Signer, reading};
use crate::policy::contract::{AcceptedTerms, Budgets, Credentials};
use crate::publishing;
use crate::registry::ImportReport;
use crate::taxonomy::CATEGORY_COUNT;
use crate::terms::{FormSet, PartnerId, PartnerKind, Principal, Thumbprint};

struct Fixture {
    folder: tempfile::TempDir,
    clock: Clock,
    ledger: Ledger,
    service: Arc<Administration>,
}

fn contract(id: &str) -> Arc<Contract> {
    Arc::new(Contract {
        partner: PartnerId::parse(id).unwrap(),
        name: format!("{id} Ltd").into(),
        address: "2 Side Street, Anytown".into(),
        kind: PartnerKind::Reseller,
        parent: None,
        version: 3,
        credentials: Credentials {
            clients: vec![format!("{id}-portal").into()],
            ..Credentials::default()
        },
        purposes: Vec::new(),
        categories: Arc::new([FormSet::NONE; CATEGORY_COUNT]),
        operations: Default::default(),
        page_records_max: 50,
        large_answer_records_max: None,
        requests_per_minute: 600,
        budgets: Budgets {
            customers_per_day: 500,
            customers_per_month: 5_000,
            ..Budgets::default()
        },
        terms: AcceptedTerms {
            version: "2026-01".into(),
            on: date(2026, 1, 2),
            by: "Cy".into(),
        },
        exceptions: Vec::new(),
    })
}

/// The shipped policies, in force.
async fn publishing(registry: &Arc<Registry>, ledger: &Ledger, clock: &Clock) -> Arc<Publishing> {
    let parts = publishing::Parts {
        registry: Arc::clone(registry),
        services: ["mailing".into()].into(),
        folder: std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"),
        clock: clock.clone(),
    };
    let opening = publishing::Opening::read(parts).await.unwrap();
    let (ledger, metrics) = (ledger.clone(), Arc::default());
    let stopped = tokio::sync::watch::channel(false).1;
    let opened = opening.finish(ledger, metrics, None, stopped).await;
    Arc::new(opened.unwrap())
}

impl Fixture {
    async fn new() -> Self {
        Self::keeping(|_| None).await
    }

    /// One whose ledger is kept as `retention` says of its folder.
    async fn keeping(
        retention: impl Fn(&std::path::Path) -> Option<crate::config::RetentionSettings>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-22T12:00:00Z".parse().unwrap());
        let registry = Registry::open(&folder.path().join("registry"), clock.clone()).unwrap();
        let directory = folder.path().join("ledger");
        let signer = Signer::generate("covenant.example/log").unwrap();
        let options = Options::new(&directory, "covenant.example/log");
        let (ledger, _) = Ledger::open(&options, signer, &clock).unwrap();
        let registry = Arc::new(registry);
        let publishing = publishing(&registry, &ledger, &clock).await;
        let record = Record {
            ledger: ledger.clone(),
            index: Index::start(&directory, ledger.clone()).unwrap(),
            directory,
            retention: retention(folder.path()),
            witnesses: Vec::new(),
        };
        let service = Arc::new(Administration::new(
            registry,
            record,
            Box::new(|| vec![contract("bright"), contract("acme")]),
            publishing,
            Arc::new(crate::allowance::Allowance::new(clock.clone())),
            clock.clone(),
        ));
        Self {
            folder,
            clock,
            ledger,
            service,
        }
    }

    async fn import(&self, lines: &str) -> Result<ImportReport, NotDone> {
        let operator = actor("Olga", Role::Operator);
        self.service
            .import_customers(&operator, lines.to_owned())
            .await
    }

    fn reference(&self, id: &str) -> String {
        self.service
            .registry
            .customer(id)
            .unwrap()
            .reference
            .to_string()
    }

    async fn disclose(&self, id: &str, request_id: &str, withheld: &[&str]) {
        let disclosure = self.disclosure(id, request_id, withheld);
        self.record(Event::Disclosure(disclosure)).await;
    }

    async fn record(&self, event: Event) {
        let entry = Entry::new(self.clock.now(), event).unwrap();
        self.ledger.append(entry).await.unwrap();
    }

    fn disclosure(&self, id: &str, request_id: &str, withheld: &[&str]) -> Disclosure {
        let withheld = withheld.iter().map(|field| Withheld {
            field: (*field).to_owned(),
            method: "removal".to_owned(),
            promise: "P5".to_owned(),
        });
        Disclosure {
            request: RequestFacts {
                request_id: request_id.to_owned(),
                trace_id: None,
                recipient: Some(Recipient::Partner {
                    id: "acme".to_owned(),
                    parent: None,
                }),
                operation: Some("getCustomer".to_owned()),
                purpose: Some("essential.service".to_owned()),
                ..RequestFacts::default()
            },
            decision: "redact".to_owned(),
            rules: Vec::new(),
            status: 200,
            subjects: vec![SubjectGroup {
                subject: "customer".to_owned(),
                basis: "service".to_owned(),
                basis_reference: None,
                circumstances: vec!["own".to_owned()],
                categories: BTreeMap::from([("user.name".to_owned(), "clear".to_owned())]),
                records: Some(1),
                references: vec![self.reference(id)],
            }],
            withheld: withheld.collect(),
            created: None,
            part: None,
            answer_sha256: Some("0".repeat(64)),
        }
    }

    /// Action, role and object of every act on record.
    fn acts(&self) -> Vec<(String, String, Option<String>)> {
        let entries = reading::entries(&self.folder.path().join("ledger"), 0);
        let events = entries.map(|item| Entry::parse(&item.unwrap().1).unwrap().event);
        let act = |event| match event {
            Event::Act(act) => Some((act.action, act.role, act.object)),
            _ => None,
        };
        events.filter_map(act).collect()
    }
}

fn actor(name: &str, role: Role) -> Actor {
    Actor {
        name: name.into(),
        role,
    }
}

fn partner(id: &str) -> Principal {
    Principal::Partner(PartnerId::parse(id).unwrap())
}

const BOOK: &str = r#"{"kind":"customer","id":"cus_1","partner":"acme","email":"ann@example.org"}
{"kind":"customer","id":"cus_2","partner":"acme","email":"ann@example.org"}
{"kind":"customer","id":"cus_3","partner":"bright","email":"bo@example.org"}"#;

#[test]
fn who_may_do_what_is_this_table() {
    let rows = Deed::ALL.map(|deed| format!("{:17} {}", deed.name(), words(deed.roles())));
    let table = "\
partner.read      operator, partner_manager, legal, auditor
partner.suspend   operator, partner_manager, legal
partner.resume    legal, operator, partner_manager
partner.end       legal, partner_manager
customers.import  operator
customers.show    partner_manager, legal
ledger.search     legal, auditor
ledger.report     legal, auditor
ledger.reindex    operator
ledger.evidence   legal, auditor
ledger.hold       legal
ledger.release    legal, partner_manager, operator
ledger.purge      legal, partner_manager, operator
ledger.export     legal, auditor, operator
customers.forget  legal, partner_manager, operator
policy.read       operator, partner_manager, legal, auditor
policy.publish    legal, partner_manager
policy.rollback   legal, partner_manager
policy.simulate   partner_manager, legal, operator
policy.hits       operator, partner_manager, legal, auditor
policy.shadow     legal, partner_manager";
    assert_eq!(rows.join("\n"), table);
}

#[tokio::test]
async fn what_a_role_may_not_do_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let auditor = actor("Ada", Role::Auditor);
    let refused = fixture
        .service
        .suspend(&auditor, &partner("acme"), "because")
        .await;
    assert!(matches!(refused, Err(NotDone::NotAllowed { .. })));
    let operator = actor("Olga", Role::Operator);
    let query = ReportQuery {
        customer: Some("cus_1".to_owned()),
        ..ReportQuery::default()
    };
    let refused = fixture.service.report(&operator, &query).await.unwrap_err();
    assert!(refused.to_string().contains("legal, auditor"), "{refused}");
    let acme = fixture.service.partner(&auditor, "acme").await.unwrap();
    assert_eq!(acme.suspended, None);
    assert_eq!(fixture.acts(), []);
}

#[tokio::test]
async fn who_ends_is_suspended_for_good_and_everybody_may_see_what_was_used() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let (pam, leo) = (
        actor("Pam", Role::PartnerManager),
        actor("Leo", Role::Legal),
    );
    for role in [Role::Operator, Role::Auditor] {
        let somebody = actor("Olga", role);
        let refused = service.end(&somebody, "acme", "over").await;
        assert!(matches!(refused, Err(NotDone::NotAllowed { .. })), "{role}");
        let usage = service.usage_of(&somebody, "acme").unwrap();
        assert_eq!(
            (usage.windows[0].used, usage.windows[0].limit),
            (0, Some(500))
        );
        assert_eq!((usage.windows[2].used, usage.windows[2].limit), (0, None));
    }
    assert!(service.end(&pam, "nobody", "over").await.is_err());
    assert!(
        service.end(&pam, "acme", " ").await.is_err(),
        "without a reason"
    );
    assert!(fixture.acts().is_empty());
    service.end(&pam, "acme", "over").await.unwrap();
    let resumed = service
        .resume(&leo, &partner("acme"), "again")
        .await
        .unwrap();
    assert_eq!(resumed.outcome, Outcome::Proposed);
    // Whoever is suspended can be ended too, and what was proposed before is forgotten.
    service.end(&leo, "acme", "over indeed").await.unwrap();
    let shown = service.partner(&pam, "acme").await.unwrap();
    assert_eq!(shown.suspended.unwrap().because, "over");
    assert_eq!(shown.resume_proposed, None);
    let ends = fixture
        .acts()
        .into_iter()
        .filter(|act| act.0 == "partner.end");
    assert_eq!(ends.count(), 2);
}

#[tokio::test]
async fn one_person_suspends_and_two_resume_one_of_them_legal() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let (olga, pam) = (
        actor("Olga", Role::Operator),
        actor("Pam", Role::PartnerManager),
    );
    let leo = actor("Leo", Role::Legal);
    let suspended = service
        .suspend(&olga, &partner("acme"), "a leak")
        .await
        .unwrap();
    assert_eq!(suspended.outcome, Outcome::Suspended);
    assert!(
        service
            .suspend(&pam, &partner("acme"), "a leak")
            .await
            .is_err(),
        "twice"
    );
    let shown = service.partner(&pam, "acme").await.unwrap();
    assert_eq!(shown.suspended.unwrap().because, "a leak");

    let resume = async |actor| service.resume(actor, &partner("acme"), "solved").await;
    assert_eq!(resume(&olga).await.unwrap().outcome, Outcome::Proposed);
    assert!(resume(&olga).await.is_err(), "the same person");
    assert!(resume(&pam).await.is_err(), "nobody of them is legal");
    let waiting = service.partner(&pam, "acme").await.unwrap().resume_proposed;
    assert_eq!(waiting.unwrap().by, "Olga");
    assert_eq!(resume(&leo).await.unwrap().outcome, Outcome::Resumed);
    assert!(resume(&leo).await.is_err(), "it is not suspended any more");
    assert_eq!(service.partner(&pam, "acme").await.unwrap().suspended, None);

    let actions: Vec<_> = fixture
        .acts()
        .into_iter()
        .map(|(action, role, _)| (action, role))
        .collect();
    let done = |action: &str, role: &str| (action.to_owned(), role.to_owned());
    let expected = [
        done("partner.suspend", "operator"),
        done("partner.resume.propose", "operator"),
        done("partner.resume", "legal"),
    ];
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn certificates_clients_and_tokens_are_suspended_by_one_person_and_resumed_by_two() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let (olga, leo) = (actor("Olga", Role::Operator), actor("Leo", Role::Legal));
    let all = [
        Principal::Certificate(Thumbprint([3; 32])),
        Principal::Client("acme-portal".into()),
        Principal::Token("a1".into()),
    ];
    for principal in &all {
        let suspended = service.suspend(&olga, principal, "a leak").await.unwrap();
        assert_eq!(suspended.outcome, Outcome::Suspended);
        let resume = async |actor| service.resume(actor, principal, "solved").await;
        assert_eq!(resume(&olga).await.unwrap().outcome, Outcome::Proposed);
        assert!(resume(&olga).await.is_err(), "the same person");
        let shown = service.suspended(&olga).await.unwrap();
        assert_eq!(shown.len(), 1);
        assert_eq!(
            (&*shown[0].kind, &*shown[0].name),
            (principal.kind(), &*principal.name())
        );
        assert_eq!(shown[0].suspended.because, "a leak");
        assert_eq!(shown[0].resume_proposed.as_ref().unwrap().by, "Olga");
        assert_eq!(resume(&leo).await.unwrap().outcome, Outcome::Resumed);
        assert_eq!(service.suspended(&olga).await.unwrap(), []);
    }
    let mistyped = Principal::Client("acme-portla".into());
    let refused = service
        .suspend(&olga, &mistyped, "a leak")
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("did you mean `acme-portal`?"),
        "{refused}"
    );
    let objects: Vec<_> = fixture.acts().into_iter().filter_map(|act| act.2).collect();
    let certificate = format!("certificate:{}", all[0].name());
    for (place, object) in [&*certificate, "client:acme-portal", "token:a1"]
        .iter()
        .enumerate()
    {
        assert_eq!(objects[3 * place..3 * place + 3], [*object; 3]);
    }
}

#[tokio::test]
async fn a_new_suspension_needs_a_new_first_person() {
    let fixture = Fixture::new().await;
    let service = &fixture.service;
    let (olga, leo) = (actor("Olga", Role::Operator), actor("Leo", Role::Legal));
    service
        .suspend(&olga, &partner("acme"), "one")
        .await
        .unwrap();
    service
        .resume(&olga, &partner("acme"), "solved")
        .await
        .unwrap();
    service
        .resume(&leo, &partner("acme"), "solved")
        .await
        .unwrap();
    service
        .suspend(&olga, &partner("acme"), "two")
        .await
        .unwrap();
    let again = service
        .resume(&leo, &partner("acme"), "solved")
        .await
        .unwrap();
    assert_eq!(again.outcome, Outcome::Proposed);
    fixture
        .clock
        .advance(std::time::Duration::from_secs(25 * 3_600));
    let lapsed = service
        .resume(&olga, &partner("acme"), "solved")
        .await
        .unwrap();
    assert_eq!(
        lapsed.outcome,
        Outcome::Proposed,
        "the first proposal has lapsed"
    );
}

#[tokio::test]
async fn nothing_is_done_where_it_cannot_be_recorded() {
    let fixture = Fixture::new().await;
    fixture.ledger.close().await;
    let operator = actor("Olga", Role::Operator);
    let refused = fixture
        .service
        .suspend(&operator, &partner("acme"), "a leak")
        .await;
    assert!(matches!(refused, Err(NotDone::NotRecorded(_))));
    assert!(fixture.import(BOOK).await.is_err());
    assert_eq!(fixture.service.registry.customer_count(), 0);
    let acme = fixture.service.partner(&operator, "acme").await.unwrap();
    assert_eq!(acme.suspended, None);
}

#[tokio::test]
async fn a_search_finds_what_is_about_a_customer_and_is_itself_on_record() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    let request = "0192f0c1-2345-7abc-8def-0123456789ab";
    fixture.disclose("cus_1", "req_1", &[]).await;
    fixture.disclose("cus_3", request, &[]).await;
    let leo = actor("Leo", Role::Legal);
    let search = async |query| {
        let answer: SearchAnswer = fixture.service.search(&leo, query).await.unwrap();
        answer
            .found
            .into_iter()
            .map(|found| found.index)
            .collect::<Vec<_>>()
    };
    let by_email = SearchQuery {
        customer: Some("BO@example.org".to_owned()),
        ..SearchQuery::default()
    };
    assert_eq!(search(by_email.clone()).await, [3]);
    let acts = fixture.acts();
    let reference = fixture.reference("cus_3");
    assert_eq!(
        acts[1].2.as_deref(),
        Some(&*format!("customer:{reference}"))
    );
    assert_eq!(
        search(by_email).await,
        [3, 4],
        "the search before is found too"
    );
    let by_request = SearchQuery {
        request: Some(request.to_owned()),
        ..SearchQuery::default()
    };
    assert_eq!(search(by_request).await, [3]);
    let by_partner = |since: Option<&str>| SearchQuery {
        partner: Some("acme".to_owned()),
        since: since.map(|since| since.parse().unwrap()),
        ..SearchQuery::default()
    };
    assert_eq!(search(by_partner(None)).await, [2, 3]);
    assert!(
        search(by_partner(Some("2026-11-23T00:00:00Z")))
            .await
            .is_empty()
    );
    let anything = fixture.service.search(&leo, SearchQuery::default()).await;
    assert!(matches!(anything, Err(NotDone::Misasked(_))));
}

#[tokio::test]
async fn nobody_typed_reaches_the_ledger_even_where_nobody_is_found() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    let leo = actor("Leo", Role::Legal);
    for customer in ["canary@example.org", "bo@example.org"] {
        let query = ReportQuery {
            customer: Some(customer.to_owned()),
            because: Some("a complaint".to_owned()),
            ..ReportQuery::default()
        };
        let _ = fixture.service.report(&leo, &query).await;
        let query = CustomerQuery {
            customer: customer.to_owned(),
            because: Some("a complaint".to_owned()),
        };
        let _ = fixture.service.customers(&leo, &query).await;
    }
    assert_eq!(fixture.acts().len(), 5);
    for item in reading::entries(&fixture.folder.path().join("ledger"), 0) {
        let text = String::from_utf8(item.unwrap().1).unwrap();
        assert!(!text.contains("example.org"), "{text}");
    }
}

#[tokio::test]
async fn a_report_sums_up_series_of_alike_disclosures() {
    let fixture = Fixture::new().await;
    fixture.import(BOOK).await.unwrap();
    for (request, withheld) in [
        ("req_1", "$.email"),
        ("req_2", "$.phone"),
        ("req_3", "$.email"),
    ] {
        fixture.disclose("cus_1", request, &[withheld]).await;
        fixture.disclose("cus_3", "other", &[]).await;
        fixture.clock.advance(std::time::Duration::from_secs(60));
    }
    let leo = actor("Leo", Role::Legal);
    let report = async |customer: &str| {
        let query = ReportQuery {
            customer: Some(customer.to_owned()),
            ..ReportQuery::default()
        };
        fixture.service.report(&leo, &query).await
    };
    let cus_1 = report("cus_1").await.unwrap();
    assert_eq!(cus_1.customer.as_deref(), Some("cus_1"));
    let [series] = cus_1.disclosures.as_slice() else {
        panic!("{:?}", cus_1.disclosures)
    };
    assert_eq!((series.count, &*series.first.request_id), (3, "req_1"));
    assert_eq!((&*series.last.request_id, series.last.entry), ("req_3", 6));
    let withheld: Vec<_> = series.withheld.iter().map(|field| &*field.field).collect();
    assert_eq!(withheld, ["$.email", "$.phone"]);
    assert!(cus_1.checkpoint.starts_with("covenant.example/log\n"));
    let several = report("ann@example.org").await.unwrap_err().to_string();
    assert!(several.contains("`cus_1`, `cus_2`"), "{several}");
    assert!(report("cus_2").await.unwrap().disclosures.is_empty());
}

#[tokio::test]
async fn a_socket_knows_its_caller_and_says_clearly_what_is_wrong() {
    let fixture = Fixture::new().await;
    let socket = fixture.folder.path().join("administration.sock");
    let nobody = Client::new(&socket, None)
        .get::<Vec<PartnerShown>>("/partners")
        .await;
    assert_eq!(nobody.unwrap_err().exit_code(), 7);

    let user = user_name(rustix::process::getuid().as_raw());
    let mapped = |role| Mapped {
        user: user.clone(),
        name: "Olga".to_owned(),
        role,
    };
    let actors = Actors::new([mapped(Role::Operator), mapped(Role::Legal)]).unwrap();
    let listener = server::bind(&socket).unwrap();
    assert!(server::bind(&socket).is_err(), "a gateway answers there");
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let serving = server::serve(listener, Arc::clone(&fixture.service), actors, stopped);
    let serving = tokio::spawn(serving);

    let operator = Client::new(&socket, Some(Role::Operator));
    let partners: Vec<PartnerShown> = operator.get("/partners").await.unwrap();
    let ids: Vec<_> = partners.iter().map(|partner| &*partner.id).collect();
    assert_eq!(ids, ["acme", "bright"]);
    let report: ImportReport = operator
        .post_file("/customers/import", BOOK.as_bytes().to_vec())
        .await
        .unwrap();
    assert_eq!(report.customers_new, 3);
    let why = |name: &str| Suspend {
        kind: "partner".to_owned(),
        name: name.to_owned(),
        because: "a leak".to_owned(),
    };
    let changed: Changed = operator.post("/suspend", &why("acme")).await.unwrap();
    assert_eq!(changed.outcome, Outcome::Suspended);
    let unknown = operator.post::<Changed>("/suspend", &why("acmi")).await;
    let unknown = unknown.unwrap_err().to_string();
    assert!(unknown.contains("did you mean `acme`"), "{unknown}");

    let query = ReportQuery {
        customer: Some("cus_1".to_owned()),
        ..ReportQuery::default()
    };
    let refused = operator
        .post::<Report>("/ledger/report", &query)
        .await
        .unwrap_err();
    assert!(matches!(refused, ClientError::Refused { status, .. } if status == 403));
    let legal = Client::new(&socket, Some(Role::Legal));
    let report: Report = legal.post("/ledger/report", &query).await.unwrap();
    assert_eq!(report.customer.as_deref(), Some("cus_1"));
    let auditor = Client::new(&socket, Some(Role::Auditor));
    let refused = auditor
        .get::<Vec<PartnerShown>>("/partners")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("operator, legal"), "{refused}");

    drop(stop);
    serving.await.unwrap().unwrap();
    assert!(
        server::bind(&socket).is_ok(),
        "what was left behind is replaced"
    );
}

#[tokio::test]
async fn a_user_nobody_mapped_is_told_what_to_write_where() {
    let fixture = Fixture::new().await;
    let socket = fixture.folder.path().join("administration.sock");
    let listener = server::bind(&socket).unwrap();
    let service = Arc::clone(&fixture.service);
    let serving = server::serve(listener, service, Actors::default(), std::future::pending());
    let serving = tokio::spawn(serving);
    let refused = Client::new(&socket, None)
        .get::<Vec<PartnerShown>>("/partners")
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("roles = [\"operator\"] },"), "{refused}");
    serving.abort();
}
