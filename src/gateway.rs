//! One request, from arrival to answer: the enforcement point. `Gateway::answer` is the whole
//! story, one stage a line:
//!
//! ```text
//! accept        one reading of the request, or none      AcceptedHead
//! authenticate  who asks                                 Partner
//! route         for which operation                      Route
//! read          on whose behalf, how much, stated use    Reading
//! decide        why it may                               Permit
//! admit         how often; a change is on record first   Admission
//! forward       the core's answer                        Answer
//! inspect       what it is, and whose                    Inspected
//! filter        only what the permit grants              Filtered
//! spend         distinct customers, against the budget   Spent
//! record        durable in the ledger                    Recorded
//! send          the first byte
//! ```
//!
//! Who was suspended while the core was at work is found right before `spend`: nothing was disclosed yet.
//! An answer that is too large to be judged whole, and a document, does not go through the last five in one
//! piece: [`open`] takes it through them in parts.
//!
//! Three values make the order unbreakable: `forward` demands a [`decide::Permit`] and an
//! [`admit::Admission`], which only those stages make; what `send` sends comes only out of a
//! [`crate::ledger::Recorded`], which only the ledger makes. A stage may name what an earlier one made,
//! never a later one; only this file knows them all.
//!
//! Not here: bytes and connections ([`crate::edge`], [`crate::listen`]), what the rules say
//! ([`crate::policy`]), what people do ([`crate::administration`]).

pub mod admit;
pub mod authenticate;
pub mod budget;
pub mod decide;
pub mod exchange;
pub mod figures;
pub mod filter;
pub mod forward;
pub mod inspect;
pub mod names;
pub mod open;
pub mod outlet;
pub mod pages;
pub mod places;
pub mod read;
pub mod record;
pub mod redactions;
pub mod refuse;
pub mod route;
pub mod send;
pub mod settings;
pub mod shadow;
pub mod spend;
pub mod to_the_end;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::BodyExt;

use self::authenticate::{Authenticator, Partner};
use self::decide::Permit;
use self::exchange::Exchange;
use self::forward::{Cores, Forwarded, Outbound};
use self::names::{Names, PartnersBook};
use self::open::{House, Opened};
use self::places::{Held, Places};
use self::read::Reading;
use self::refuse::Ending;
use self::settings::About;
use self::shadow::Shadow;
use self::to_the_end::ToTheEnd;
use crate::allowance::Allowance;
use crate::clock::Clock;
use crate::edge::body::{RequestBody, ResponseBody, whole};
use crate::edge::limits::Limits;
use crate::edge::{self, AcceptedHead, Peer};
use crate::entry::{Entry, Event, Recipient};
use crate::filter::{CoreNames, PseudonymSecret};
use crate::identity::certificate::ClientCertificate;
use crate::identity::token::Verifier;
use crate::ledger::Ledger;
use crate::refusal::{Code, Executed, Fault, Refusal, Stopped};
use crate::registry::Registry;
use crate::rules::Rules;
use crate::telemetry::{Finished, Metrics, Telemetry, TraceContext};
use crate::terms::{PartnerId, Principal};

/// A body within the least rate could still take hours, and keep its place all the while.
const BODY_TIME_MAX: Duration = Duration::from_secs(120);

/// Everything a request meets on its way.
#[derive(Debug)]
pub struct Gateway {
    /// What the gateway says about itself.
    pub about: About,
    /// The clock.
    pub clock: Clock,
    /// Limits of a request head.
    pub limits: Limits,
    /// The rules in force, swapped whole.
    pub rules: Arc<ArcSwap<Rules>>,
    /// A set that is asked beside them, and not obeyed.
    pub shadow: Arc<ArcSwapOption<Rules>>,
    /// Judges access tokens.
    pub verifier: Verifier,
    /// The book of customers, suspensions, consents.
    pub registry: Arc<Registry>,
    /// Rates and budgets.
    pub allowance: Arc<Allowance>,
    /// The record.
    pub ledger: Ledger,
    /// The core services.
    pub cores: Arc<Cores>,
    /// Their names.
    pub names: Names,
    /// Secret of the pseudonyms.
    pub pseudonyms: PseudonymSecret,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Spans.
    pub telemetry: Telemetry,
    /// Places for requests under way.
    pub places: Places,
    /// Past requests, for whoever made them.
    pub past: pages::Past,
}

impl Gateway {
    /// Answers one request even when its client goes away: what the core was asked to do is inspected
    /// and recorded all the same.
    pub async fn handle_to_the_end(
        self: Arc<Self>,
        peer: Arc<Peer>,
        request: Request<RequestBody>,
    ) -> Response<ResponseBody> {
        let method = request.method().clone();
        let gateway = Arc::clone(&self);
        let handled = ToTheEnd::new(async move { gateway.handle(peer, request).await });
        handled
            .await
            .unwrap_or_else(|_| self.handler_broke(&method))
    }

    /// Whose a certificate is by the contracts in force: its partner, and the one that this is a co-brand of.
    /// Nobody's where it points to none, or to two.
    pub fn whose(&self, certificate: &ClientCertificate) -> Vec<Principal> {
        let rules = self.rules.load();
        let contract = rules
            .policy
            .by_certificate(certificate.thumbprint, &certificate.names);
        contract.map_or_else(Vec::new, |contract| contract.family().collect())
    }

    /// A defect of ours ended the request somewhere: whether the core did anything is not known, what
    /// it said is gone, and the partner is told so under an id that the log has too.
    fn handler_broke(&self, method: &Method) -> Response<ResponseBody> {
        let trace = TraceContext::continued(None);
        let mut exchange = Exchange::begin(self.clock.now(), self.clock.instant(), trace);
        exchange.executed = Executed::Unknown;
        let fault = Fault::new(Code::ResponseUninspectable, "a defect ended the request");
        self.finish(exchange, method, Err(fault.into()))
    }

    /// Answers one request: with its answer, or with why not.
    pub async fn handle(
        &self,
        peer: Arc<Peer>,
        request: Request<RequestBody>,
    ) -> Response<ResponseBody> {
        let (parts, body) = request.into_parts();
        let traceparent = parts
            .headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok());
        let trace = TraceContext::continued(traceparent);
        let mut exchange = Exchange::begin(self.clock.now(), self.clock.instant(), trace);
        let answered = self.answer(&mut exchange, &peer, &parts, body).await;
        self.finish(exchange, &parts.method, answered)
    }

    /// The request's story.
    async fn answer(
        &self,
        exchange: &mut Exchange,
        peer: &Peer,
        parts: &Parts,
        body: RequestBody,
    ) -> Result<Response<ResponseBody>, Stopped> {
        let head = edge::accept(parts, &self.limits, &self.about.names)?;
        let place = self.places.take()?;
        let path = head.path().as_str();
        if let Some(page) = pages::problem(path, pages::accepted(head.headers()), &self.about) {
            return Ok(page);
        }
        let rules = self.rules.load_full();
        let authenticator = Authenticator {
            verifier: &self.verifier,
            registry: &self.registry,
            terms: self.about.terms.as_ref(),
        };
        route::speak(exchange, &rules.catalogue, &head);
        let partner = authenticator.partner(exchange, &head, peer, rules).await?;
        if path.starts_with(pages::PREFIX) {
            return Box::pin(self.page(exchange, &partner, &head, body)).await;
        }
        let route = route::route(exchange, &partner.rules().catalogue, &head)?;
        let share = self.places.take_share(&partner.contract().partner)?;
        let body = self.whole_body(exchange, body).await?;
        let mut reading = read::read(&route, &head, &body, partner.contract(), &self.registry)?;
        let operation = &route.operation;
        let shadow = self.shadow.load_full();
        let shadow = Shadow::ask(shadow, exchange, &partner, operation, &reading, &head);
        let decided = decide::decide(exchange, partner, operation, &reading, &head);
        shadow.hear(exchange, &decided);
        let permit = decided?;
        let admission = admit::admit(
            exchange,
            &permit,
            &self.allowance,
            &self.registry,
            &self.ledger,
        )
        .await?;
        let outbound = outbound(&head, peer, &mut reading);
        let answer = forward::forward(exchange, &permit, admission, &self.cores, outbound).await?;
        let answer = match answer {
            Forwarded::Whole(answer) => answer,
            Forwarded::Open(answer) => {
                let (held, is_head) = (place.and(share), parts.method == Method::HEAD);
                let opened = self.opened(&permit, &shadow, held, is_head)?;
                return Box::pin(opened.answer(exchange, *answer)).await;
            }
        };
        let core_names = self.names.under(&permit.partner().rules().catalogue);
        let book = PartnersBook::of(&permit, &self.registry);
        let links = names::links(&permit, &self.about.base_uri, &core_names, &book);
        let inspected =
            inspect::inspect(exchange, &permit, &answer, &self.registry, &core_names).await?;
        let house = (&self.pseudonyms, &*self.registry);
        let filtered = filter::filter(&permit, &inspected, house, &links)?;
        let filtered = redactions::told(exchange, head.headers(), filtered);
        shadow.see(exchange, &permit, &inspected, &answer.body);
        answer.used.into_iter().for_each(|used| used.give_back());
        authenticate::stands(&self.registry, permit.partner())?;
        let spent = spend::spend(exchange, &permit, filtered, &self.allowance)?;
        let recorded = record::record(exchange, &permit, spent, &self.ledger).await?;
        let held = place.and(share).with(answer.room.into_permits());
        Ok(held.stay_with(send::send(exchange, recorded)))
    }

    /// The whole body. What it takes to come is not taken from the time for the answer.
    async fn whole_body(
        &self,
        exchange: &mut Exchange,
        body: RequestBody,
    ) -> Result<Bytes, Stopped> {
        let since = self.clock.instant();
        let body = whole_body(body).await?;
        exchange.due_from += self.clock.instant().saturating_duration_since(since);
        Ok(body)
    }

    /// A page of our own.
    async fn page(
        &self,
        exchange: &mut Exchange,
        partner: &Partner,
        head: &AcceptedHead,
        body: RequestBody,
    ) -> Result<Response<ResponseBody>, Stopped> {
        let _share = self.places.take_share(&partner.contract().partner)?;
        let body = match pages::takes_body(head.path().as_str()) {
            true => whole_body(body).await?,
            false => Bytes::new(),
        };
        let house = pages::House {
            about: &self.about,
            limits: &self.limits,
            allowance: &self.allowance,
            registry: &self.registry,
            past: &self.past,
        };
        pages::own(exchange, partner, head, &body, house).await
    }

    /// What takes an answer through its parts, where there is room for it; `is_head` of a request for its head.
    fn opened<'r>(
        &self,
        permit: &'r Permit,
        shadow: &'r Shadow,
        held: Held,
        is_head: bool,
    ) -> Result<Opened<'r>, Refusal> {
        let partner = permit.partner();
        let names = self.names.under(&partner.rules().catalogue);
        let partner = &partner.contract().partner;
        let place = self.places.take_stream(partner)?;
        Ok(Opened {
            permit,
            shadow,
            house: self.house(partner, names),
            held: held.and(place),
            is_head,
        })
    }

    /// What an answer needs that is under way when its request has been answered.
    fn house(&self, partner: &PartnerId, names: Arc<CoreNames>) -> House {
        House {
            registry: Arc::clone(&self.registry),
            allowance: Arc::clone(&self.allowance),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            key: self.pseudonyms.key_of(partner),
            base_uri: self.about.base_uri.clone(),
            names,
            whole_answer_bytes_max: self.cores.whole_answer_bytes_max(),
        }
    }

    /// Puts a refusal on record. Whoever shows no certificate leaves no entry, and a certificate only
    /// so many a minute: what costs nothing to cause must not fill the disk.
    fn note(&self, exchange: &Exchange, event: Event) {
        let Some(shown) = exchange.shown else { return };
        if !self.allowance.may_note(shown) {
            self.metrics.refusal_unrecorded();
        } else if let Ok(entry) = Entry::new(exchange.arrived_at, event) {
            self.ledger.note(entry);
        }
    }

    /// Whatever the outcome: its headers, its line in the log, its refusal on record.
    fn finish(
        &self,
        mut exchange: Exchange,
        method: &Method,
        answered: Result<Response<ResponseBody>, Stopped>,
    ) -> Response<ResponseBody> {
        let (mut response, code, cause) = match answered {
            Ok(response) => (response, None, None),
            Err(stopped) => {
                let cause = match &stopped {
                    Stopped::Broken(fault) => Some(fault.cause.clone()),
                    Stopped::Refused(_) => None,
                };
                let Ending {
                    response,
                    event,
                    code,
                } = refuse::refuse(&mut exchange, stopped, method.is_safe(), &self.about);
                self.note(&exchange, event);
                (response, Some(code), cause)
            }
        };
        if let Some(shadowed) = exchange.shadowed.take() {
            let operation = shadowed.request.operation.as_deref();
            self.metrics
                .shadow_differed(operation, &shadowed.decided, &shadowed.instead);
            self.note(&exchange, Event::Shadow(shadowed));
        }
        exchange.set_header("request-id", &exchange.id.to_string());
        add_headers(response.headers_mut(), exchange.headers);
        if *method == Method::HEAD {
            leave_body_out(&mut response);
        }
        let partner = exchange
            .facts
            .recipient
            .as_ref()
            .and_then(|recipient| match recipient {
                Recipient::Partner { id, .. } => Some(id.as_str()),
                _ => None,
            });
        let finished = Finished {
            request_id: &exchange.facts.request_id,
            arrived_at: exchange.arrived_at,
            partner,
            method: method.as_str(),
            operation: exchange.facts.operation.as_deref(),
            route: exchange.route.as_deref(),
            status: response.status().as_u16(),
            code: code.map(|code| code.name()),
            cause: cause.as_deref(),
            duration: self
                .clock
                .instant()
                .saturating_duration_since(exchange.started),
            body_bytes: http_body::Body::size_hint(response.body()).exact(),
        };
        self.telemetry
            .finish(&finished, &exchange.trace, &self.metrics);
        response
    }
}

/// Adds an exchange's headers; a `Link` of the answer stays beside that of the exchange.
fn add_headers(headers: &mut HeaderMap, added: HeaderMap) {
    let links: Vec<_> = headers.get_all(header::LINK).iter().cloned().collect();
    headers.extend(added);
    if !links.is_empty() {
        let stands: Vec<_> = headers.get_all(header::LINK).iter().cloned().collect();
        for link in links.into_iter().filter(|link| !stands.contains(link)) {
            headers.append(header::LINK, link);
        }
    }
}

/// HEAD is answered, or refused, as GET would be, without the body (RFC 9110 section 9.3.2).
fn leave_body_out(response: &mut Response<ResponseBody>) {
    let body = std::mem::replace(response.body_mut(), whole(""));
    if let Some(bytes) = http_body::Body::size_hint(&body).exact() {
        let length = http::HeaderValue::from(bytes);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
    }
}

/// The whole body, within the listener's limits and this one of time.
async fn whole_body(body: RequestBody) -> Result<Bytes, Stopped> {
    match tokio::time::timeout(BODY_TIME_MAX, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(refusal)) => Err(refusal.into()),
        Err(_) => Err(Refusal::new(
            Code::RequestTimeout,
            format!(
                "The body took longer than {} seconds.",
                BODY_TIME_MAX.as_secs()
            ),
            "Send a smaller body, or over a faster connection.",
        )
        .closing()
        .into()),
    }
}

/// What goes on is what was read, not what was sent.
fn outbound<'a>(head: &'a AcceptedHead, peer: &'a Peer, reading: &mut Reading) -> Outbound<'a> {
    Outbound {
        path: head.path().as_str(),
        query: head.query().to_string(),
        headers: head.headers(),
        content_type: reading.asked.content_type.take(),
        body: std::mem::take(&mut reading.asked.body),
        peer,
    }
}
