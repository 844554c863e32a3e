//! The gateway's own pages under `/.covenant/`: what each problem means, without credentials, and
//! for a partner's developer who it is here (`whoami`), what it may and may not have (`policy`), what is
//! left of its limits (`usage`), what would be decided about a request (`check`) and what was decided
//! about one of its own (`requests/{id}`). They hold no customer data, so they wait for no entry; they
//! are charged to the request rate, and to no budget.

mod check;
mod policy;
mod show;
mod trace;
mod usage;

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, header};
use serde_json::{Value, json};

use self::show::{escaped, page, shown};
use self::trace::Traces;
use super::admit;
use super::authenticate::Partner;
use super::exchange::Exchange;
use super::settings::About;
use crate::allowance::Allowance;
use crate::edge::AcceptedHead;
use crate::edge::body::ResponseBody;
use crate::edge::limits::Limits;
use crate::ledger::Ledger;
use crate::refusal::{Code, Refusal, Stopped};
use crate::registry::Registry;

/// Where they begin.
pub const PREFIX: &str = "/.covenant/";
const PROBLEMS: &str = "/.covenant/problems/";
const REQUESTS: &str = "requests/";

/// The media types that a request accepts, as it says so.
pub fn accepted(headers: &HeaderMap) -> &str {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// A page that needs no credentials: one problem, in words. `None` when `path` is not one.
pub fn problem(path: &str, accept: &str, about: &About) -> Option<Response<ResponseBody>> {
    let code = path.strip_prefix(PROBLEMS).and_then(Code::parse)?;
    let uri = format!("{}{PROBLEMS}{}", about.base_uri, code.name());
    if !accept.contains("text/html") {
        let document = json!({
            "type": uri,
            "title": code.title(),
            "status": code.status().as_u16(),
            "code": code.name(),
            "retryable": code.is_retryable(),
            "contact": &*about.contact,
        });
        return Some(page("application/json", document.to_string()));
    }
    let again = if code.is_retryable() {
        "The same request may succeed later."
    } else {
        "The same request will be refused again."
    };
    let (name, title, status) = (code.name(), code.title(), code.status().as_u16());
    let contact = escaped(&about.contact);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <h1>{title}</h1><p>Status {status}, code <code>{name}</code>. {again}</p>\
         <p>The members <code>detail</code> and <code>fix</code> of the refusal say what happened \
         and what to do; <code>promise</code> names the promise to customers that it keeps.</p>\
         <p>Questions: {contact}</p></html>"
    );
    Some(page("text/html; charset=utf-8", html))
}

/// What the pages of partners are made from.
#[derive(Clone, Copy, Debug)]
pub struct House<'a> {
    /// Names, for requests that are checked.
    pub about: &'a About,
    /// Limits of a request head.
    pub limits: &'a Limits,
    /// Rates and budgets.
    pub allowance: &'a Allowance,
    /// The book of customers.
    pub registry: &'a Registry,
    /// Past requests.
    pub past: &'a Past,
}

/// Past requests, as the ledger has them.
#[derive(Debug)]
pub struct Past(Traces);

impl Past {
    /// Those of this ledger, which is kept in `directory`.
    pub fn new(ledger: Ledger, directory: PathBuf) -> Self {
        Self(Traces::new(ledger, directory))
    }
}

/// Whether the page at `path` takes a body.
pub fn takes_body(path: &str) -> bool {
    path.strip_prefix(PREFIX) == Some("check")
}

/// The pages for an authenticated partner.
enum Page<'a> {
    Whoami,
    Policy,
    Usage,
    Check,
    /// With the id of the request.
    Request(&'a str),
}

impl<'a> Page<'a> {
    fn named(method: &Method, name: &'a str) -> Option<Self> {
        let read = matches!(*method, Method::GET | Method::HEAD);
        match name {
            "whoami" if read => Some(Self::Whoami),
            "policy" if read => Some(Self::Policy),
            "usage" if read => Some(Self::Usage),
            "check" if *method == Method::POST => Some(Self::Check),
            _ => name
                .strip_prefix(REQUESTS)
                .filter(|_| read)
                .map(Self::Request),
        }
    }
}

/// A page for an authenticated partner. `body` is empty but where [`takes_body`] says otherwise.
///
/// # Errors
/// `rate-limited`; `not-found` for a page that does not exist and for a request that is not this partner's;
/// `request-malformed` for a check that is none; `overloaded` where too many past requests are looked up.
pub async fn own(
    exchange: &mut Exchange,
    partner: &Partner,
    head: &AcceptedHead,
    body: &Bytes,
    house: House<'_>,
) -> Result<Response<ResponseBody>, Stopped> {
    let contract = partner.contract();
    let name = head.path().as_str().strip_prefix(PREFIX);
    let name = name.unwrap_or_default();
    // What is not there is answered, and charged, here as it is everywhere else.
    let page = Page::named(head.method(), name).ok_or_else(Refusal::not_found)?;
    let rate = admit::rate(exchange, contract, house.allowance)?;
    let (title, document) = match page {
        Page::Whoami => ("Who you are here", whoami(partner)),
        Page::Policy => {
            let document = policy::page(partner, exchange.today());
            ("What you may and may not have", document)
        }
        Page::Usage => {
            let budgets = contract.budgets_on(exchange.today());
            let state = house.allowance.state(partner.budget_owner(), budgets);
            let document = usage::page(exchange.arrived_at, &rate, &state);
            ("What is left of your limits", document)
        }
        Page::Check => {
            let document = check::page(exchange, partner, body, house)?;
            ("What would be decided", document)
        }
        Page::Request(id) => {
            let traces = &house.past.0;
            let document = traces.page(id, &contract.partner, house.allowance).await?;
            ("What was decided", document)
        }
    };
    Ok(shown(title, &document, accepted(head.headers())))
}

fn whoami(partner: &Partner) -> Value {
    let contract = partner.contract();
    let purposes: Vec<&str> = contract
        .purposes
        .iter()
        .map(|purpose| purpose.key())
        .collect();
    json!({
        "partner": contract.partner.as_str(),
        "name": &*contract.name,
        "kind": contract.kind.word(),
        "contract": contract.label(),
        "policy": partner.rules().policy.version(),
        "client": &**partner.client(),
        "purposes": purposes,
        "operations": contract.operations.iter().map(|id| &**id).collect::<Vec<_>>(),
        "page_records_max": contract.page_records_max,
        "large_answer_records_max": contract.large_answer_records_max,
        "requests_per_minute": contract.requests_per_minute,
        "customers_per_day": contract.budgets.customers_per_day,
        "customers_per_month": contract.budgets.customers_per_month,
        "recipients_per_day": contract.budgets.recipients_per_day,
        "recipients_per_month": contract.budgets.recipients_per_month,
    })
}
