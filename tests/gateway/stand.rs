//! A gateway to be tested: configured in a folder of its own, with partners' credentials and a core
//! service that misbehaves for the customers made for it.

use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use covenant::clock::Clock;
use covenant::config::{Config, Secret};
use covenant::demo::core::{Core, Misbehaviour, World, misbehaving_book};
use covenant::entry::{Entry, Event, RequestFacts};
use covenant::identity::development::{
    DevelopmentAuthority, DevelopmentIssuer, IssuedCertificate, TokenRequest,
};
use covenant::ledger::reading;
use covenant::mistakes::{Look, Mistakes};
use covenant::registry::Suspension;
use covenant::rules::Rules;
use covenant::serve::Running;
use covenant::starter::{self, Ports};
use covenant::terms::Principal;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use tokio::runtime::Runtime;

use crate::caller::{Caller, Credentials, Version};

pub(crate) const SERVICE: &str = "essential.service";
pub(crate) const SUPPORT: &str = "essential.service.operations.support";
/// Partner, name in its certificate, client id, purposes of its contract.
pub(crate) const PARTNERS: [(&str, &str, &str, &[&str]); 3] = [
    (
        "acme",
        "acme.partners.example",
        "acme-portal",
        &[SERVICE, SUPPORT],
    ),
    (
        "bluebird",
        "bluebird.partners.example",
        "bluebird-desk",
        &[
            SERVICE,
            "essential.service.notifications",
            "essential.service.payment_processing",
            "analytics.reporting",
        ],
    ),
    ("crest", "crest.partners.example", "crest-shop", &[SERVICE]),
];
/// A disk that others keep busy is slow, and no test of what the rules say is about that.
const RECORD_MILLISECONDS_MAX: u32 = 30_000;
/// How long the core may take; two of its misbehaviours take longer.
const ANSWER_MILLISECONDS_MAX: u64 = 4_000;
/// How long an entry that is only noted may take to be readable.
const NOTED_WITHIN: Duration = Duration::from_secs(20);

/// One gateway and all that stands around it.
pub(crate) struct Stand {
    /// Held, because it goes when this does.
    _folder: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) world: World,
    pub(crate) core: Core,
    running: Option<Running>,
    authority: DevelopmentAuthority,
    issuer: DevelopmentIssuer,
    certificates: Vec<IssuedCertificate>,
}

impl Stand {
    /// The shipped policies.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[], |_| {}).await
    }

    /// The shipped policies, but for replacements of text (file below `policies`, text, text instead;
    /// where the text is empty, the file is written anew), and the configuration as `configure` leaves
    /// it.
    pub(crate) async fn start_with(
        edits: &[(&str, &str, &str)],
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        Self::start_with_book(edits, configure, |row| row).await
    }

    /// Likewise, and the lines of the book as `row` gives them.
    pub(crate) async fn start_with_book(
        edits: &[(&str, &str, &str)],
        configure: impl FnOnce(&mut Config),
        row: impl Fn(String) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports {
            gateway: 1,
            operator: 1,
            core: 1,
        };
        starter::write(folder.path(), &ports, "tester").unwrap();
        for (file, from, to) in edits {
            let path = folder.path().join("policies").join(file);
            if from.is_empty() {
                fs::write(path, to).unwrap();
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{file} has no {from}");
            fs::write(path, text.replace(from, to)).unwrap();
        }
        let world = World::invent();
        let core_address = SocketAddr::from(([127, 0, 0, 1], 0));
        let core = Core::start_with(&world, core_address, Misbehaviour::Offered);
        let core = core.await.unwrap();
        let mut config = configured(folder.path(), core.address());
        configure(&mut config);
        let clock = Clock::manual(noon());
        let certs = folder.path().join("certs");
        // TLS compares certificates with the machine's clock, whatever the gateway's says.
        let authority = DevelopmentAuthority::create(&certs, &Clock::system()).unwrap();
        let server = authority.issue_server(&[]).unwrap();
        server.write(&certs.join("server")).unwrap();
        let issuer = DevelopmentIssuer::create(&certs, &clock).unwrap();
        let issue = |partner: &(&str, &str, &str, &[&str])| authority.issue_client(partner.1);
        let certificates = PARTNERS.iter().map(|partner| issue(partner).unwrap());
        let certificates = certificates.collect();
        let running = Running::start(&config, clock.clone()).await.unwrap();
        let stand = Self {
            _folder: folder,
            clock,
            config,
            world,
            core,
            running: Some(running),
            authority,
            issuer,
            certificates,
        };
        stand.import_book(row).await;
        stand
    }

    async fn import_book(&self, row: impl Fn(String) -> String) {
        let book = self.world.book();
        let misbehaving = misbehaving_book("acme");
        let rows = book.iter().chain(&misbehaving);
        let lines: Vec<String> = rows
            .map(|one| row(serde_json::to_string(one).unwrap()))
            .collect();
        let registry = &self.running().gateway().registry;
        let import = registry.read_import(lines.iter().map(String::as_str));
        registry.import(import.unwrap(), 0).await.unwrap();
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// Stops the gateway and starts it again over the same folder.
    pub(crate) async fn restart(&mut self) {
        self.running.take().expect("it runs").stop().await;
        let running = Running::start(&self.config, self.clock.clone()).await;
        self.running = Some(running.unwrap());
    }

    /// The partner's own credentials.
    pub(crate) fn credentials(&self, partner: &str) -> Credentials {
        self.narrowed(partner, &[])
    }

    /// The partner's own credentials, with a token for these purposes only.
    pub(crate) fn narrowed(&self, partner: &str, purposes: &[&str]) -> Credentials {
        let place = place_of(partner);
        let certificate = &self.certificates[place];
        let token = self.token(PARTNERS[place].2, certificate, purposes, 3_600);
        Credentials {
            certificate: Some(pem(certificate)),
            authorization: Some(format!("Bearer {token}")),
        }
    }

    /// This partner's certificate with a token of that partner's client, bound to the certificate.
    pub(crate) fn mixed(&self, certificate_of: &str, token_of: &str) -> Credentials {
        let certificate = &self.certificates[place_of(certificate_of)];
        let client = PARTNERS[place_of(token_of)].2;
        let token = self.token(client, certificate, &[], 3_600);
        Credentials {
            certificate: Some(pem(certificate)),
            authorization: Some(format!("Bearer {token}")),
        }
    }

    fn token(
        &self,
        client_id: &str,
        certificate: &IssuedCertificate,
        purposes: &[&str],
        life_seconds: u32,
    ) -> String {
        let purposes: Vec<String> = purposes.iter().map(|key| (*key).to_owned()).collect();
        let request = TokenRequest {
            client_id,
            audience: &self.config.tokens.audience,
            purposes: &purposes,
            thumbprint: certificate.certificate.thumbprint,
            life_seconds,
        };
        self.issuer.mint(&request).unwrap()
    }

    pub(crate) async fn connect(&self, credentials: &Credentials, version: Version) -> Caller {
        let address = self.running().gateway_address();
        let authority = self.authority.certificate_pem();
        Caller::connect(authority, address, credentials, version).await
    }

    /// A further certificate of a partner, under the same name, with a token bound to it.
    pub(crate) fn second(&self, partner: &str) -> (IssuedCertificate, Credentials) {
        let place = place_of(partner);
        let certificate = self.authority.issue_client(PARTNERS[place].1).unwrap();
        let credentials = self.credentials_with(partner, &certificate);
        (certificate, credentials)
    }

    /// The partner's credentials over this certificate.
    pub(crate) fn credentials_with(
        &self,
        partner: &str,
        certificate: &IssuedCertificate,
    ) -> Credentials {
        let token = self.token(PARTNERS[place_of(partner)].2, certificate, &[], 3_600);
        Credentials {
            certificate: Some(pem(certificate)),
            authorization: Some(format!("Bearer {token}")),
        }
    }

    /// Puts the policies folder in force with this replacement of text, as a publication does.
    pub(crate) fn put_in_force(&self, file: &str, from: &str, to: &str) {
        let path = self.config.policies.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let mut mistakes = Mistakes::new();
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let rules = Rules::read(&self.config.policies, today, &mut mistakes);
        let rules = rules.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)));
        self.running().gateway().rules.store(Arc::new(rules));
    }

    /// A connection of a partner, HTTP/1.1.
    pub(crate) async fn partner(&self, partner: &str) -> Caller {
        self.connect(&self.credentials(partner), Version::Http1)
            .await
    }

    /// The certificate of a partner, as suspensions name it.
    pub(crate) fn certificate_of(&self, partner: &str) -> Principal {
        let certificate = &self.certificates[place_of(partner)].certificate;
        Principal::Certificate(certificate.thumbprint)
    }

    /// Suspends somebody, as a person's command does.
    pub(crate) async fn suspend(&self, principal: &Principal) {
        let suspension = Suspension {
            since: self.clock.now(),
            by: "Hannah".into(),
            because: "audit".into(),
        };
        let registry = &self.running().gateway().registry;
        registry.suspend(principal, suspension, 0).await.unwrap();
    }

    /// Ids of the partner's customers, oldest first.
    pub(crate) fn customers_of(&self, partner: &str) -> Vec<String> {
        let customers = self.world.customers_of(Some(partner));
        customers.map(|customer| customer.id.clone()).collect()
    }

    /// The `number`th customer of a partner with a job, list and document that are not for marketing.
    pub(crate) fn subject(&self, partner: &str, number: usize) -> Subject {
        let own = self.customers_of(partner);
        let jobs = self.world.jobs().iter();
        let operational = |use_type| use_type == covenant::demo::core::UseType::Operational;
        let mut seen: Vec<&str> = Vec::new();
        let mut subjects = Vec::new();
        for job in jobs.filter(|job| own.contains(&job.customer_id) && operational(job.use_type)) {
            if !seen.contains(&job.customer_id.as_str()) {
                seen.push(&job.customer_id);
                subjects.push(job);
            }
        }
        let job = subjects[number];
        Subject {
            customer: job.customer_id.clone(),
            job: job.id.clone(),
            list: job.address_list_id.clone(),
            document: job.document_id.clone(),
        }
    }

    /// The reference under which the ledger knows a customer.
    pub(crate) fn reference(&self, customer: &str) -> String {
        let row = self.running().gateway().registry.customer(customer);
        row.expect("it is in the book").reference.to_string()
    }

    pub(crate) fn ledger(&self) -> &Path {
        &self.config.ledger.directory
    }

    /// Every event that the ledger holds about a request, oldest first; waits until there are `count`.
    pub(crate) async fn events_of(&self, request_id: &str, count: usize) -> Vec<Event> {
        let deadline = tokio::time::Instant::now() + NOTED_WITHIN;
        loop {
            let events: Vec<Event> = self
                .events()
                .into_iter()
                .filter(|event| facts(event).is_some_and(|facts| facts.request_id == request_id))
                .collect();
            if events.len() >= count {
                return events;
            }
            let late = tokio::time::Instant::now() > deadline;
            assert!(
                !late,
                "{} of {count} entries about {request_id}",
                events.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every event of the ledger, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let entries = reading::entries(self.ledger(), 0);
        let parsed = entries.map(|entry| Entry::parse(&entry.unwrap().1).unwrap().event);
        parsed.collect()
    }
}

/// One customer and what is its own.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) customer: String,
    pub(crate) job: String,
    pub(crate) list: String,
    pub(crate) document: String,
}

/// What an event says about its request, where it is about one.
pub(crate) fn facts(event: &Event) -> Option<&RequestFacts> {
    match event {
        Event::Disclosure(disclosure) => Some(&disclosure.request),
        Event::Intent(intent) => Some(&intent.request),
        Event::Refusal(refused) => Some(&refused.request),
        Event::Shadow(shadowed) => Some(&shadowed.request),
        Event::Delivered(delivered) => Some(&delivered.request),
        _ => None,
    }
}

fn place_of(partner: &str) -> usize {
    let place = PARTNERS.iter().position(|row| row.0 == partner);
    place.expect("a partner")
}

fn pem(certificate: &IssuedCertificate) -> (String, String) {
    (
        certificate.certificate_pem.clone(),
        certificate.key_pem.clone(),
    )
}

/// Today, but far from both ends of the day, so that no window ends while a test runs.
fn noon() -> jiff::Timestamp {
    let today = Clock::system().now().to_zoned(TimeZone::UTC).date();
    let midnight = today.to_zoned(TimeZone::UTC).unwrap().timestamp();
    midnight.checked_add(12.hours()).unwrap()
}

fn configured(folder: &Path, core: SocketAddr) -> Config {
    let mut mistakes = Mistakes::new();
    let path: PathBuf = folder.join("covenant.toml");
    let config = Config::load(&path, &mut mistakes);
    let mut config = config.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    config.gateway.listen = any;
    config.gateway.names = vec!["localhost".to_owned()];
    config.gateway.base_uri = "https://localhost".to_owned();
    config.operator_listen = any;
    config.telemetry.log = "off".to_owned();
    config.ledger.wait_milliseconds_max = RECORD_MILLISECONDS_MAX;
    for service in config.services.values_mut() {
        service.base_url = format!("http://{core}");
        service.answer_milliseconds_max = ANSWER_MILLISECONDS_MAX;
        service.authorization = Some(Secret::new("Bearer the-gateways-own"));
    }
    config
}

/// A stand that tests share because none of them leaves anything behind that another could notice.
pub(crate) struct Shared {
    stand: Stand,
    runtime: Option<Runtime>,
}

impl Deref for Shared {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        &self.stand
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The shared stand: started by the first test that asks, gone after the last that holds it.
pub(crate) fn shared() -> Arc<Shared> {
    static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
    let mut held = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = held.upgrade() {
        return shared;
    }
    let started = std::thread::spawn(|| {
        let runtime = Runtime::new().unwrap();
        let stand = runtime.block_on(Stand::start());
        Shared {
            stand,
            runtime: Some(runtime),
        }
    });
    let shared = Arc::new(started.join().unwrap());
    *held = Arc::downgrade(&shared);
    shared
}
