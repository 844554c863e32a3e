//! The start, step by step.

use std::fs;
use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::certificates::Certificates;
use super::counting::{self, Counted, Counting};
use super::opening::{blocking, make_folder, open_ledger};
use super::{Running, StartError, note, note_renewal, prepare_recipient_keys};
use crate::administration::actors::{Actors, Mapped, TwoNames};
use crate::administration::{self, Administration, Record, Role};
use crate::clock::Clock;
use crate::config::{Config, KeySource, RetentionSettings, TokenSettings};
use crate::edge::host::HostNames;
use crate::edge::limits::Limits;
use crate::files::{self, Readers};
use crate::filter::PseudonymSecret;
use crate::gateway::Gateway;
use crate::gateway::forward::Cores;
use crate::gateway::names::Names;
use crate::gateway::pages::Past;
use crate::gateway::places::Places;
use crate::gateway::settings::About;
use crate::identity::claims::TokenRules;
use crate::identity::discovery::Discovery;
use crate::identity::fetch::{FetchUrl, FetchUrlRejected, Reach};
use crate::identity::jwk::Algorithm;
use crate::identity::keys::{self, Keys};
use crate::identity::nonce::Nonces;
use crate::identity::token::Verifier;
use crate::index::Index;
use crate::ledger::Ledger;
use crate::listen::handshakes::Handshakes;
use crate::listen::{self, Reception};
use crate::mistakes::Look;
use crate::operator::{self, Operator};
use crate::publishing::{self, NotOpened, Opening};
use crate::registry::Registry;
use crate::telemetry::{Metrics, Telemetry};
use crate::witness::Witnesses;

pub(super) async fn start(config: &Config, clock: Clock) -> Result<Running, StartError> {
    let telemetry = Telemetry::start(&config.telemetry)
        .map_err(|error| StartError::unusable("telemetry", error))?;
    let registry = Arc::new(open_registry(config, &clock).await?);
    let opening = read_policies(config, &registry, &clock).await?;
    let (ledger, counting) = open_ledger(config, &clock, &registry).await?;
    let counted = count(&counting).await?;
    let (allowance, announced) = (Arc::new(counted.allowance), counted.announced);
    let ((stop, stopped), metrics) = (watch::channel(false), Arc::new(Metrics::default()));
    let verifier = verifier(config, &clock).await?;
    let (log, counters) = (ledger.clone(), Arc::clone(&metrics));
    let publishing = opening.finish(log, counters, announced, stopped.clone());
    let publishing = publishing.await.map_err(|error| no_policies(config, error));
    let publishing = Arc::new(publishing?);
    let rules = Arc::clone(publishing.rules());
    let cores = cores(config, &metrics, &clock)?;
    let gateway = Arc::new(Gateway {
        about: about(config)?,
        clock: clock.clone(),
        limits: Limits::from(&config.limits),
        rules: Arc::clone(&rules),
        shadow: Arc::clone(publishing.shadow()),
        verifier,
        registry: Arc::clone(&registry),
        allowance: Arc::clone(&allowance),
        ledger: ledger.clone(),
        cores: Arc::clone(&cores),
        names: Names::new(config),
        pseudonyms: pseudonym_secret(&config.registry.join("pseudonyms.key"), &registry)?,
        metrics: Arc::clone(&metrics),
        telemetry,
        places: Places::new(config.limits.requests_max),
        past: Past::new(ledger.clone(), config.ledger.directory.clone()),
    });
    note_started(&gateway).await;
    let witnesses = Witnesses::configured(&config.ledger, &ledger, &clock, &metrics)
        .map_err(|cause| StartError::unusable("the witnesses of the ledger", cause))?;
    let mut tasks = JoinSet::new();
    let loaded = Certificates::load(&config.gateway, clock.clone()).await?;
    let certificates = Arc::new(loaded.and_of(&cores));
    let gateway_address =
        serve_partners(config, &gateway, &certificates, &stopped, &mut tasks).await?;
    let record = record(config, ledger, witnesses.as_deref())?;
    let operator = Operator {
        witnesses: witnesses.clone(),
        ledger: record.ledger.clone(),
        index: Arc::clone(&record.index),
        publishing: Arc::clone(&publishing),
        gateway: Arc::clone(&gateway),
    };
    let operator_address = serve_operator(config, operator, &stopped, &mut tasks).await?;
    let contracts = Box::new(move || rules.load().policy.contracts().cloned().collect());
    let sets = Arc::clone(&publishing);
    let people = Administration::new(registry, record, contracts, sets, allowance, clock);
    serve_administration(config, people, &stopped, &mut tasks)?;
    keep_fresh(&gateway, &certificates, &stopped, &mut tasks);
    keep_vouched(&gateway, witnesses.clone(), &counting, &stopped, &mut tasks);
    Ok(Running {
        counting,
        witnesses,
        gateway,
        publishing,
        certificates,
        gateway_address,
        operator_address,
        stop,
        tasks,
    })
}

/// The ledger with its index, which is fed from now on.
fn record(
    config: &Config,
    ledger: Ledger,
    witnesses: Option<&Witnesses>,
) -> Result<Record, StartError> {
    let directory = config.ledger.directory.clone();
    let retention = config.ledger.retention.as_ref();
    if let Some(remark) = retention.and_then(RetentionSettings::remark) {
        tracing::warn!("{remark}");
    }
    let index = Index::start(&directory, ledger.clone())
        .map_err(|error| StartError::unusable("the index of the ledger", error))?;
    Ok(Record {
        ledger,
        directory,
        index,
        retention: config.ledger.retention.clone(),
        witnesses: witnesses.map(Witnesses::keys).unwrap_or_default(),
    })
}

/// Puts the start on record, and under which policy set.
async fn note_started(gateway: &Gateway) {
    let version = gateway.rules.load().policy.version().to_owned();
    note(&gateway.ledger, &gateway.clock, "started", Some(version)).await;
}

/// What is looked at again now and then: instances of the cores, the token issuer's keys, certificates
/// and revocation lists.
fn keep_fresh(
    gateway: &Arc<Gateway>,
    certificates: &Arc<Certificates>,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    let (gateway, certificates) = (Arc::clone(gateway), Arc::clone(certificates));
    let done = until(stopped.clone());
    tasks.spawn(async move {
        let all = async {
            tokio::join!(
                gateway.cores.watch(),
                gateway.verifier.keys().keep_fresh(),
                certificates.keep_fresh(|| note_renewal(&gateway)),
                prepare_recipient_keys(&gateway),
            )
        };
        tokio::select! {
            _ = all => {}
            () = done => {}
        }
    });
}

/// What is done with the ledger now and then: its witnesses are asked, and what is counted of it is kept.
fn keep_vouched(
    gateway: &Gateway,
    witnesses: Option<Arc<Witnesses>>,
    counting: &Arc<Counting>,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    let counting = counting::keep_counted(Arc::clone(counting), gateway.ledger.clone());
    let done = until(stopped.clone());
    tasks.spawn(async move {
        let cosigning = async {
            if let Some(witnesses) = witnesses {
                witnesses.keep_cosigned().await;
            }
        };
        tokio::select! {
            _ = async { tokio::join!(cosigning, counting) } => {}
            () = done => {}
        }
    });
}

/// Resolves when the gateway is to stop.
pub(super) async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that whoever could say "stop" is gone, which says it too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// The policies to start with: those in force, or the folder's where nothing was published yet.
async fn read_policies(
    config: &Config,
    registry: &Arc<Registry>,
    clock: &Clock,
) -> Result<Opening, StartError> {
    let parts = publishing::Parts {
        registry: Arc::clone(registry),
        services: config.services.keys().cloned().collect(),
        folder: config.policies.clone(),
        clock: clock.clone(),
    };
    let opening = Opening::read(parts).await;
    opening.map_err(|error| no_policies(config, error))
}

fn no_policies(config: &Config, error: NotOpened) -> StartError {
    match error {
        NotOpened::Mistaken(mistakes) => StartError::Policies {
            count: mistakes.len(),
            directory: config.policies.clone(),
            rendered: mistakes.render(Look::of(std::io::stderr().is_terminal())),
        },
        error => StartError::unusable("the policies", error),
    }
}

async fn open_registry(config: &Config, clock: &Clock) -> Result<Registry, StartError> {
    let (directory, clock) = (config.registry.clone(), clock.clone());
    blocking("the registry", move || {
        make_folder(&directory)?;
        Registry::open(&directory.join("registry.sqlite"), clock).map_err(|error| error.to_string())
    })
    .await
}

/// Budgets are a fold over the ledger: what was disclosed this month is spent. On the way the latest
/// change of the policy set is found.
async fn count(counting: &Arc<Counting>) -> Result<Counted, StartError> {
    let counting = Arc::clone(counting);
    let counted = blocking("the ledger's entries", move || counting.count()).await?;
    tracing::info!(entries = counted.entries_read, "budgets are counted");
    Ok(counted)
}

async fn verifier(config: &Config, clock: &Clock) -> Result<Verifier, StartError> {
    let unusable = |error: &dyn std::fmt::Display| {
        StartError::unusable("the token issuer's keys", error.to_string())
    };
    let source = key_source(&config.tokens).map_err(|error| unusable(&error))?;
    let algorithms = config.tokens.algorithms.iter();
    let algorithms = algorithms
        .filter_map(|name| Algorithm::parse(name))
        .collect();
    let keys = Keys::load(source, algorithms, clock.clone())
        .await
        .map_err(|error| unusable(&error))?;
    let keys = keys.with_age_max(i64::from(config.tokens.keys_hours_max) * 3_600);
    let rules = TokenRules {
        issuer: config.tokens.issuer.clone(),
        audience: config.tokens.audience.clone(),
        leeway_seconds: u8::try_from(config.tokens.leeway_seconds).unwrap_or(u8::MAX),
        life_seconds_max: config.tokens.life_seconds_max,
        not_before_required: config.tokens.not_before_required,
    };
    let verifier = Verifier::new(rules, Arc::new(keys), clock.clone());
    if !config.tokens.proof_nonces {
        return Ok(verifier);
    }
    let nonces = Nonces::new().map_err(|error| StartError::unusable("nonces", error))?;
    Ok(verifier.with_nonces(nonces))
}

fn key_source(settings: &TokenSettings) -> Result<keys::KeySource, FetchUrlRejected> {
    let reach = |authorities: &Option<PathBuf>| Reach {
        authorities: authorities.clone(),
        private_hosts: settings.private_hosts.clone(),
    };
    Ok(match &settings.keys {
        KeySource::File(path) => keys::KeySource::File(path.clone()),
        KeySource::Url(url, authorities) => {
            keys::KeySource::Url(FetchUrl::new(url, &reach(authorities))?)
        }
        KeySource::Issuer(authorities) => {
            let discovery = Discovery::new(&settings.issuer, reach(authorities))?;
            keys::KeySource::Issuer(Arc::new(discovery))
        }
    })
}

fn cores(config: &Config, metrics: &Arc<Metrics>, clock: &Clock) -> Result<Arc<Cores>, StartError> {
    let cores = Cores::new(config, metrics, clock);
    cores
        .map(Arc::new)
        .map_err(|cause| StartError::unusable("the core services", cause))
}

fn about(config: &Config) -> Result<About, StartError> {
    let names = config.gateway.names.iter().map(String::as_str);
    let names =
        HostNames::new(names).map_err(|error| StartError::unusable("`gateway.names`", error))?;
    Ok(About {
        names,
        base_uri: config.gateway.base_uri.as_str().into(),
        terms: config.terms.clone(),
        contact: config.gateway.contact.as_str().into(),
    })
}

async fn serve_partners(
    config: &Config,
    gateway: &Arc<Gateway>,
    certificates: &Certificates,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<std::net::SocketAddr, StartError> {
    let (listener, address) = bind("the partner listener", config.gateway.listen).await?;
    let handler = {
        let gateway = Arc::clone(gateway);
        move |peer, request| Arc::clone(&gateway).handle_to_the_end(peer, request)
    };
    let reception = Reception {
        tls: certificates.tls(),
        limits: gateway.limits.clone(),
        clock: gateway.clock.clone(),
        suspensions: Arc::clone(gateway.registry.suspensions()),
        whose: {
            let gateway = Arc::clone(gateway);
            Arc::new(move |certificate| gateway.whose(certificate))
        },
        handshakes: {
            let metrics = Arc::clone(&gateway.metrics);
            Arc::new(Handshakes::new(metrics, gateway.clock.clone()))
        },
    };
    let done = until(stopped.clone());
    tasks.spawn(listen::serve(listener, reception, handler, done));
    Ok(address)
}

async fn serve_operator(
    config: &Config,
    operator: Operator,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<std::net::SocketAddr, StartError> {
    let (listener, address) = bind("the operator listener", config.operator_listen).await?;
    let serving = operator::serve(listener, operator, until(stopped.clone()));
    tasks.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the operator listener ended");
        }
    });
    Ok(address)
}

fn serve_administration(
    config: &Config,
    service: Administration,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<(), StartError> {
    let socket = &config.administration.socket;
    let unusable = |cause: &dyn std::fmt::Display| {
        StartError::unusable(format!("the socket `{}`", socket.display()), cause)
    };
    if let Some(folder) = socket.parent() {
        make_folder(folder).map_err(|cause| unusable(&cause))?;
    }
    let listener = administration::server::bind(socket).map_err(|error| unusable(&error))?;
    let actors = actors(config).map_err(|error| StartError::unusable("the actors", error))?;
    let serving =
        administration::server::serve(listener, Arc::new(service), actors, until(stopped.clone()));
    tasks.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the administration socket ended");
        }
    });
    Ok(())
}

/// People by the operating-system user they act as.
fn actors(config: &Config) -> Result<Actors, TwoNames> {
    let people = &config.administration.actors;
    Actors::new(people.iter().flat_map(|person| {
        let roles = person.roles.iter().filter_map(|role| Role::parse(role));
        roles.map(|role| Mapped {
            user: person.user.clone(),
            name: person.name.clone(),
            role,
        })
    }))
}

async fn bind(
    what: &str,
    address: std::net::SocketAddr,
) -> Result<(TcpListener, std::net::SocketAddr), StartError> {
    let unusable = |error| StartError::unusable(format!("{what} at {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(unusable)?;
    let bound = listener.local_addr().map_err(unusable)?;
    Ok((listener, bound))
}

/// 32 random bytes beside the book, made while it is empty: pseudonyms stay the same as long as they
/// do, so a secret that is gone is not replaced in silence.
fn pseudonym_secret(path: &Path, registry: &Registry) -> Result<PseudonymSecret, StartError> {
    let what = || format!("`{}`", path.display());
    let mut secret = [0; 32];
    match fs::read(path) {
        Ok(bytes) => {
            let permissions = fs::metadata(path).map(|file| file.permissions().mode());
            if permissions.is_ok_and(|mode| mode & 0o077 != 0) {
                return Err(StartError::unusable(
                    what(),
                    "it is open to others; run `chmod 600` on it",
                ));
            }
            secret = bytes
                .try_into()
                .map_err(|_| StartError::unusable(what(), "it must hold 32 bytes"))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if registry.customer_count() > 0 {
                return Err(StartError::unusable(
                    what(),
                    "it is gone, and partners hold pseudonyms made with it; restore it from a backup",
                ));
            }
            aws_lc_rs::rand::fill(&mut secret)
                .map_err(|_| StartError::unusable(what(), "the system has no randomness"))?;
            files::write_new(path, &secret, Readers::Owner)
                .map_err(|error| StartError::unusable(what(), error))?;
        }
        Err(error) => return Err(StartError::unusable(what(), error)),
    }
    Ok(PseudonymSecret::new(&secret))
}
