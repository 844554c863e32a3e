//! One core service: a place at one of its instances, a connection to it, and whether a request that got
//! no answer is asked again. Asked again is
//!
//! - what was certainly not sent: on a new connection, or at another instance;
//! - what changes nothing, once, where nothing came back;
//!
//! and neither beyond a share of all requests ([`Roster::may_retry`]), but for connections that had ended
//! while they were idle, whose number is bounded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::line::{Came, Line};
use super::pool::Pool;
use super::roster::{Choice, Roster};
use super::tls::TlsOfCore;
use crate::clock::Clock;
use crate::config::CoreService;
use crate::refusal::Executed;
use crate::telemetry::Metrics;
use crate::terms::PartnerId;

/// How long a request may wait for a place, however long its deadline is.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Instances asked for one request, at most.
const INSTANCES_ASKED_MAX: usize = 3;

/// A core service and its instances.
pub(super) struct Service {
    pub(super) name: Arc<str>,
    pub(super) settings: CoreService,
    pub(super) instances: Vec<Instance>,
    pub(super) tls: Option<TlsOfCore>,
    pub(super) metrics: Arc<Metrics>,
    clock: Clock,
    roster: Mutex<Roster>,
    freed: Notify,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Service({})", self.name)
    }
}

/// One instance: where it is, and connections to it that wait.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) address: String,
    idle: Pool,
}

/// Leave to ask one instance one request, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    service: Arc<Service>,
    number: usize,
    is_left: bool,
}

/// A connection that carries an answer to a partner's request. It is closed, unless whoever has judged the answer, and
/// found nothing wrong with it, gives it back: what was refused may have been the answer to another request.
#[derive(Debug)]
pub struct Used {
    pub(super) place: Place,
    pub(super) partner: PartnerId,
    pub(super) line: Line,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// As many requests as may be are under way.
    Full,
    /// Nobody could be reached.
    NotConnected(String),
    /// The time is up.
    TimedOut,
    /// The connection broke, and the request is not to be asked again.
    BrokenOff(String),
    /// It cannot be put as a request.
    Unaskable(String),
}

/// An answer that begins, and what it comes on.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) response: Response<Incoming>,
    pub(super) place: Place,
    pub(super) line: Line,
}

/// What becomes of an attempt that failed.
enum Next {
    Again,
    Over(Unanswered),
}

/// The attempts of one request.
struct Attempts<'a> {
    service: &'a Arc<Service>,
    partner: &'a PartnerId,
    is_safe: bool,
    deadline: Instant,
    /// Instances that failed it.
    tried: Vec<usize>,
    /// Idle connections are not trusted any more.
    wants_new: bool,
    was_repeated: bool,
}

impl Service {
    pub(super) fn new(
        name: Arc<str>,
        settings: CoreService,
        tls: Option<TlsOfCore>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let instance = |address| Instance {
            address,
            idle: Pool::default(),
        };
        let instances: Vec<_> = settings.instances().into_iter().map(instance).collect();
        let roster = Roster::new(
            instances.len(),
            settings.requests_max,
            settings.waiting_max,
            settings.ejection.clone(),
        );
        Self {
            name,
            instances,
            tls,
            metrics,
            clock,
            roster: Mutex::new(roster),
            freed: Notify::new(),
            settings,
        }
    }

    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a partner, by requests that `build` makes for the time that is left. `executed` says, whenever
    /// this returns, whether the core may have been asked.
    pub(super) async fn ask(
        self: &Arc<Self>,
        partner: &PartnerId,
        is_safe: bool,
        deadline: Instant,
        executed: &mut Executed,
        build: impl Fn(Duration) -> Result<Request<Full<Bytes>>, String>,
    ) -> Result<Begun, Unanswered> {
        self.roster().begin();
        let mut attempts = Attempts {
            service: self,
            partner,
            is_safe,
            deadline,
            tried: Vec::new(),
            wants_new: false,
            was_repeated: false,
        };
        loop {
            match attempts.attempt(executed, &build).await {
                Ok(begun) => return Ok(begun),
                Err(Next::Again) => {}
                Err(Next::Over(why)) => return Err(why),
            }
        }
    }

    /// A place at an instance, if possible at none of `tried`.
    async fn place(
        self: &Arc<Self>,
        tried: &[usize],
        deadline: Instant,
    ) -> Result<Place, Unanswered> {
        if let Some(place) = self.choose(tried, false)? {
            return Ok(place);
        }
        let Some(_waiting) = Waiting::begin(self) else {
            return Err(Unanswered::Full);
        };
        let until = deadline.min(self.clock.instant() + PLACE_WAIT_MAX);
        let waited = timeout_at(until.into(), async {
            loop {
                let mut freed = std::pin::pin!(self.freed.notified());
                // From here on no place that is given back is missed.
                freed.as_mut().enable();
                if let Some(place) = self.choose(tried, true)? {
                    return Ok(place);
                }
                freed.await;
            }
        });
        waited.await.unwrap_or(Err(Unanswered::Full))
    }

    fn choose(
        self: &Arc<Self>,
        tried: &[usize],
        has_waited: bool,
    ) -> Result<Option<Place>, Unanswered> {
        let now = self.clock.instant();
        match self.roster().choose(now, tried, has_waited) {
            Choice::Instance(number) => Ok(Some(Place {
                service: Arc::clone(self),
                number,
                is_left: false,
            })),
            Choice::Full => Ok(None),
            Choice::Nobody => {
                let cause = "no instance passes its health checks".to_owned();
                Err(Unanswered::NotConnected(cause))
            }
        }
    }

    /// Forgets connections that have waited too long.
    pub(super) fn sweep(&self) {
        let (now, generation) = (self.clock.instant(), self.generation());
        for instance in &self.instances {
            instance.idle.sweep(now, generation);
        }
    }

    fn generation(&self) -> u64 {
        self.tls.as_ref().map_or(0, |tls| tls.now().generation)
    }
}

impl Attempts<'_> {
    async fn attempt(
        &mut self,
        executed: &mut Executed,
        build: impl Fn(Duration) -> Result<Request<Full<Bytes>>, String>,
    ) -> Result<Begun, Next> {
        let place = self.service.place(&self.tried, self.deadline).await;
        let place = place.map_err(Next::Over)?;
        let (mut line, was_idle) = self.line(&place).await?;
        let left = self.deadline;
        let left = left.saturating_duration_since(self.service.clock.instant());
        if left.is_zero() {
            return Err(Next::Over(Unanswered::TimedOut));
        }
        let request = build(left).map_err(|cause| Next::Over(Unanswered::Unaskable(cause)))?;
        let before = std::mem::replace(executed, Executed::Unknown);
        let Ok(answered) = timeout_at(self.deadline.into(), line.ask(request)).await else {
            place.failed();
            return Err(Next::Over(Unanswered::TimedOut));
        };
        let not_answered = match answered {
            // Its core had just given up waiting for one: this one was not read (RFC 9110 section 15.5.9).
            Ok(response) if was_idle && self.gave_up_waiting(&response) => {
                self.wants_new = true;
                return Err(Next::Again);
            }
            Ok(response) => {
                return Ok(Begun {
                    response,
                    place,
                    line,
                });
            }
            Err(not_answered) => not_answered,
        };
        let may_repeat = match not_answered.came {
            Came::Nowhere => {
                *executed = before;
                if was_idle {
                    self.wants_new = true;
                    return Err(Next::Again);
                }
                true
            }
            Came::Unanswered => self.is_safe && !std::mem::replace(&mut self.was_repeated, true),
            Came::HalfAnswered => false,
        };
        place.failed();
        self.tried.push(place.number);
        if may_repeat && self.tried.len() < INSTANCES_ASKED_MAX && self.may_retry() {
            self.wants_new = true;
            return Err(Next::Again);
        }
        let cause = not_answered.cause;
        Err(Next::Over(match (not_answered.came, &*executed) {
            (Came::Nowhere, Executed::No) => Unanswered::NotConnected(cause),
            _ => Unanswered::BrokenOff(cause),
        }))
    }

    /// Whether the answer, on a connection that was idle, says that no request came, and this one may be asked
    /// again, once.
    fn gave_up_waiting(&mut self, response: &Response<Incoming>) -> bool {
        let closes = response.headers().get(header::CONNECTION);
        let closes = closes.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        response.status() == StatusCode::REQUEST_TIMEOUT
            && closes
            && self.is_safe
            && !std::mem::replace(&mut self.was_repeated, true)
            && self.may_retry()
    }

    /// A connection to the instance, and whether it was used before.
    async fn line(&mut self, place: &Place) -> Result<(Line, bool), Next> {
        if !self.wants_new
            && let Some(line) = place.take_idle(self.partner)
        {
            return Ok((line, true));
        }
        let secured = self.service.tls.as_ref().map(TlsOfCore::now);
        let opening = Line::open(
            place.address(),
            secured.as_deref(),
            self.service.clock.instant(),
        );
        let Ok(opened) = timeout_at(self.deadline.into(), opening).await else {
            place.failed();
            return Err(Next::Over(Unanswered::TimedOut));
        };
        opened.map(|line| (line, false)).map_err(|error| {
            place.failed();
            self.tried.push(place.number);
            let now = self.service.clock.instant();
            let others = self.service.roster().has_other(now, &self.tried);
            if others && self.tried.len() < INSTANCES_ASKED_MAX && self.may_retry() {
                return Next::Again;
            }
            let cause = format!("core: {} cannot be reached: {error}", place.address());
            Next::Over(Unanswered::NotConnected(cause))
        })
    }

    fn may_retry(&self) -> bool {
        let may = self.service.roster().may_retry();
        self.service.metrics.core_retried(&self.service.name, may);
        may
    }
}

impl Place {
    fn instance(&self) -> Option<&Instance> {
        self.service.instances.get(self.number)
    }

    fn address(&self) -> &str {
        self.instance()
            .map_or("", |instance| instance.address.as_str())
    }

    fn take_idle(&self, partner: &PartnerId) -> Option<Line> {
        let (now, generation) = (self.service.clock.instant(), self.service.generation());
        self.instance()?.idle.take(partner, now, generation)
    }

    /// The answer is whole: the instance may be asked something else.
    pub(super) fn leave(&mut self) {
        if !std::mem::replace(&mut self.is_left, true) {
            self.service.roster().release(self.number);
            self.service.freed.notify_one();
        }
    }

    /// The request was answered as it should be.
    pub(super) fn succeeded(&self) {
        let now = self.service.clock.instant();
        self.service.roster().succeeded(now, self.number);
    }

    /// It was not.
    pub(super) fn failed(&self) {
        let now = self.service.clock.instant();
        if self.service.roster().failed(now, self.number) {
            let (service, instance) = (&*self.service.name, self.address());
            tracing::warn!(service, instance, "failures in a row: left out for a while");
            self.service.metrics.core_ejected(service, instance);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Used {
    /// Its answer was judged, and may leave: it may be used again, for the same partner.
    pub fn give_back(self) {
        let Self {
            place,
            partner,
            line,
        } = self;
        if let Some(instance) = place.instance() {
            instance
                .idle
                .keep(partner, line, place.service.clock.instant());
        }
    }
}

/// A place in the queue, until dropped.
struct Waiting<'a>(&'a Service);

impl<'a> Waiting<'a> {
    fn begin(service: &'a Service) -> Option<Self> {
        let fits = service.roster().begin_to_wait();
        fits.then_some(Self(service))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.roster().end_wait();
    }
}
