//! Stage `forward`: one permitted, admitted request to its core service, and the answer back: whole, or
//! where it is larger than can be judged whole, or a document, open to be read on. What the core is told is
//! made in `request`; which instance is asked, over what, and whether once more, in `service` and below.

pub mod body;
mod framing;
mod gunzip;
mod health;
mod identity;
mod line;
mod pool;
mod request;
mod room;
mod roster;
mod service;
mod shelf;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, header};
use tokio::time::timeout_at;

use self::body::{CoreBody, Source};
use self::identity::Identity;
use self::request::Asking;
pub use self::request::Outbound;
pub use self::room::Room;
use self::room::Rooms;
pub use self::roster::Stands;
pub use self::service::Used;
use self::service::{Begun, Service, Unanswered};
use self::shelf::Shelf;
use self::tls::TlsOfCore;
use super::admit::Admission;
use super::decide::Permit;
use super::exchange::Exchange;
use super::places::{ANSWER_BYTES_FREE, overloaded};
use crate::catalogue::Body;
use crate::clock::Clock;
use crate::config::Config;
use crate::refusal::{Code, Executed, Fault, Stopped};
use crate::telemetry::Metrics;

/// How often connections that have waited too long are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(15);

/// The core services, by name.
#[derive(Debug)]
pub struct Cores {
    services: HashMap<Arc<str>, Core>,
    whole_answer_bytes_max: usize,
    rooms: Rooms,
    /// Memory for what is read ahead.
    shelf: Shelf,
    clock: Clock,
}

#[derive(Debug)]
struct Core {
    service: Arc<Service>,
    identity: Identity,
}

/// What a core answered.
#[derive(Debug)]
pub enum Forwarded {
    /// All of it, within the limit.
    Whole(Answer),
    /// A document, or more than the limit: its beginning.
    Open(Box<OpenAnswer>),
}

/// A core's answer of which the body is still to be read: nothing of it has been judged.
#[derive(Debug)]
pub struct OpenAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers; those of a coding that is undone are gone.
    pub headers: HeaderMap,
    /// Its body.
    pub body: CoreBody,
}

/// A core's whole answer: nothing of it has been judged.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers; those of a coding that was undone are gone.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// The room it takes, where it does not fit the buffers of a connection.
    pub room: Room,
    /// The connection it came on, for whoever has judged it.
    pub used: Option<Box<Used>>,
}

impl OpenAnswer {
    /// The answer without its body, which is read no further; its connection ends here.
    fn without_body(self) -> Answer {
        Answer {
            status: self.status,
            headers: self.headers,
            body: Bytes::new(),
            room: Room::default(),
            used: None,
        }
    }
}

impl Cores {
    /// The configured services.
    ///
    /// # Errors
    /// When a file of one, for TLS or signing, cannot be used; with the service's name.
    pub fn new(config: &Config, metrics: &Arc<Metrics>, clock: &Clock) -> Result<Self, String> {
        let issuer: Arc<str> = config.gateway.base_uri.as_str().into();
        let mut services = HashMap::new();
        for (name, settings) in &config.services {
            let named = |cause: String| format!("core service `{name}`: {cause}");
            let tls = settings.tls.clone().map(TlsOfCore::load).transpose();
            let identity = Identity::load(&settings.identity, name, &issuer).map_err(named)?;
            let service = Service::new(
                Arc::clone(name),
                settings.clone(),
                tls.map_err(named)?,
                Arc::clone(metrics),
                clock.clone(),
            );
            let service = Arc::new(service);
            services.insert(Arc::clone(name), Core { service, identity });
        }
        let whole_answer_bytes_max =
            usize::try_from(config.limits.whole_answer_bytes_max).unwrap_or(usize::MAX);
        Ok(Self {
            services,
            whole_answer_bytes_max,
            rooms: Rooms::new(whole_answer_bytes_max),
            shelf: Shelf::default(),
            clock: clock.clone(),
        })
    }

    /// Answers up to this many bytes are judged whole.
    pub fn whole_answer_bytes_max(&self) -> usize {
        self.whole_answer_bytes_max
    }

    /// Checks instances and forgets idle connections, until dropped.
    pub async fn watch(&self) {
        let services = || self.services.values().map(|core| &core.service);
        let checks = services().map(|service| health::watch(service, &self.clock));
        let sweeps = async {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                services().for_each(|service| service.sweep());
            }
        };
        tokio::join!(join_all(checks), sweeps);
    }

    /// Reads the files of TLS again; whether anything else is in force now. What cannot be used is in the
    /// log, and what was in force before stays.
    pub async fn renew_tls(&self) -> bool {
        let mut any = false;
        for core in self.services.values() {
            let service = Arc::clone(&core.service);
            let renewing = move || service.tls.as_ref().map(TlsOfCore::renew).transpose();
            let name = &*core.service.name;
            match tokio::task::spawn_blocking(renewing).await {
                Ok(Ok(renewed)) => any |= renewed.unwrap_or(false),
                Ok(Err(cause)) => {
                    tracing::error!(service = name, %cause, "TLS to a core not renewed, keeping the last");
                }
                Err(error) => tracing::error!(service = name, %error, "TLS to a core not renewed"),
            }
        }
        any
    }

    /// Services of which every instance fails its checks, in alphabetical order, and whether those are all.
    pub fn down(&self) -> (Vec<Arc<str>>, bool) {
        let services = self.services.values().map(|core| &core.service);
        let down = services.filter(|service| service.roster().is_down());
        let mut down: Vec<_> = down.map(|service| Arc::clone(&service.name)).collect();
        down.sort_unstable();
        let all = !down.is_empty() && down.len() == self.services.len();
        (down, all)
    }

    /// Notes how each instance stands.
    pub fn measure(&self, metrics: &Metrics) {
        let now = self.clock.instant();
        for core in self.services.values() {
            let stands = core.service.roster().stands(now);
            for (instance, stands) in core.service.instances.iter().zip(stands) {
                let name = &*core.service.name;
                metrics.core(name, &instance.address, stands.is_in, stands.under_way);
            }
        }
    }
}

/// Asks the core. The admission is used up: one admission, one call.
///
/// # Errors
/// `overloaded` where it has no place for one more request, or there is no room for its answer;
/// `core-unavailable`, `core-timeout`;
/// `response-uninspectable` when its coding is broken.
pub async fn forward(
    exchange: &mut Exchange,
    permit: &Permit,
    _admission: Admission,
    cores: &Cores,
    outbound: Outbound<'_>,
) -> Result<Forwarded, Stopped> {
    let name = &permit.operation().service;
    let core = cores.services.get(name).ok_or_else(|| {
        let cause = format!("no core service `{name}` is configured");
        Fault::new(Code::CoreUnavailable, cause)
    })?;
    let settings = &core.service.settings;
    let deadline = exchange.due_from + Duration::from_millis(settings.answer_milliseconds_max);
    let mut executed = Executed::No;
    let asking = Asking {
        exchange,
        permit,
        service: settings,
        identity: &core.identity,
        outbound,
    };
    let is_safe = permit.operation().method.is_safe();
    let build = |left| asking.build(left);
    let partner = &permit.partner().contract().partner;
    let begun = core
        .service
        .ask(partner, is_safe, deadline, &mut executed, build);
    let begun = begun.await;
    exchange.executed = executed;
    let answer = read(cores, permit, begun?, deadline).await?;
    let status = match &answer {
        Forwarded::Whole(answer) => answer.status,
        Forwarded::Open(answer) => answer.status,
    };
    exchange.executed = if status < 400 {
        Executed::Yes
    } else if status < 500 {
        Executed::No
    } else {
        Executed::Unknown
    };
    Ok(answer)
}

impl From<Unanswered> for Stopped {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Full => {
                overloaded("The core service has as many requests under way as it may have.").into()
            }
            Unanswered::NotConnected(cause)
            | Unanswered::BrokenOff(cause)
            | Unanswered::Unaskable(cause) => Fault::new(Code::CoreUnavailable, cause).into(),
            Unanswered::TimedOut => late().into(),
        }
    }
}

fn late() -> Fault {
    Fault::new(Code::CoreTimeout, "the core did not answer in time")
}

/// The answer that begins, read as far as it is judged whole.
async fn read(
    cores: &Cores,
    permit: &Permit,
    begun: Begun,
    deadline: Instant,
) -> Result<Forwarded, Stopped> {
    let (parts, incoming) = begun.response.into_parts();
    if let Some(why) = framing::doubt(parts.version, parts.status, &parts.headers) {
        // What follows on this connection could be taken for the answer to another request: it ends here.
        begun.place.failed();
        let cause = format!("where the core's answer ends is in doubt: {why}");
        return Err(Fault::new(Code::ResponseUninspectable, cause).into());
    }
    let (status, mut headers) = (parts.status.as_u16(), parts.headers);
    let is_gzip = undo_coding(&mut headers);
    let on = Used {
        place: begun.place,
        partner: permit.partner().contract().partner.clone(),
        line: begun.line,
    };
    let source = Source::new(incoming, on, status < 500);
    let mut body = CoreBody::new(source, is_gzip, &cores.shelf, cores.clock.clone());
    if !is_document(permit, status) {
        let whole = whole(cores, permit, &mut body);
        let Ok(whole) = timeout_at(deadline.into(), whole).await else {
            body.is_late();
            return Err(late().into());
        };
        if let Some((whole, room)) = whole? {
            return Ok(Forwarded::Whole(Answer {
                status,
                headers,
                body: whole,
                room,
                used: body.take_used(),
            }));
        }
    }
    let open = OpenAnswer {
        status,
        headers,
        body,
    };
    Ok(match permit.operation().redirects_without_body(status) {
        // Nobody would get its body.
        true => Forwarded::Whole(open.without_body()),
        false => Forwarded::Open(Box::new(open)),
    })
}

/// All of an answer that is judged whole. Else nothing, and what was read is held, with the room it takes.
async fn whole(
    cores: &Cores,
    permit: &Permit,
    body: &mut CoreBody,
) -> Result<Option<(Bytes, Room)>, Stopped> {
    let bytes_max = cores.whole_answer_bytes_max;
    if !body.may_be_within(bytes_max) {
        return Ok(None);
    }
    if let Some(whole) = body
        .whole(ANSWER_BYTES_FREE.min(bytes_max))
        .await
        .map_err(Fault::from)?
    {
        return Ok(Some((whole, Room::default())));
    }
    let bytes = body
        .bytes_expected()
        .and_then(|bytes| usize::try_from(bytes).ok());
    let partner = &permit.partner().contract().partner;
    let room = cores
        .rooms
        .take(partner, bytes.unwrap_or(bytes_max))
        .await?;
    match body.whole(bytes_max).await.map_err(Fault::from)? {
        Some(whole) => {
            let room = room.keep(whole.len());
            Ok(Some((whole, room)))
        }
        None => {
            body.is_ahead_in(room);
            Ok(None)
        }
    }
}

/// Whether the body is coded in the one way that is undone. Any other stays named in the headers, where
/// it is refused.
fn undo_coding(headers: &mut HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let is_gzip = match (codings.next(), codings.next()) {
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"gzip"),
        _ => false,
    };
    if is_gzip {
        headers.remove(header::CONTENT_ENCODING);
    }
    is_gzip
}

/// Documents are passed on unopened, so none is held whole.
fn is_document(permit: &Permit, status: u16) -> bool {
    let mut answers = permit.operation().answers.iter();
    let listed = answers.find(|answer| answer.status == status);
    listed.is_some_and(|listed| matches!(listed.body, Body::Document { .. }))
}
