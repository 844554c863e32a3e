//! `/.covenant/check`: what would be decided about a request, by the code that decides. The core is not
//! called, nothing is charged but the check itself to the request rate, and nothing is put on record.
//!
//! What only happens after that is not foretold: rate and budgets, overlapping figures, and whatever the
//! core's answer turns out to hold. A customer who is not this partner's is `not-found`, as ever.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::authenticate::Partner;
use super::super::decide::{self, Permit};
use super::super::exchange::Exchange;
use super::super::{read, route};
use super::House;
use crate::edge::{self, AcceptedHead};
use crate::policy::{Circumstances, categories, leaves_out};
use crate::refusal::{Code, Refusal, Stopped};
use crate::telemetry::TraceContext;
use crate::terms::Form;

/// Headers of the request that is checked, at most.
const HEADERS_MAX: usize = 64;

/// What is to be checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checked {
    method: String,
    /// Path and query.
    path: String,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Text as it would be sent, or a JSON value.
    #[serde(default)]
    body: Option<Value>,
}

/// The page.
///
/// # Errors
/// `request-malformed` for a body that describes no request.
pub(super) fn page(
    exchange: &Exchange,
    partner: &Partner,
    body: &Bytes,
    house: House<'_>,
) -> Result<Value, Stopped> {
    let checked: Checked = serde_json::from_slice(body).map_err(|_| malformed())?;
    let (request, body) = checked.request(house)?;
    // An exchange of its own: nothing of the request that is checked happened.
    let trace = TraceContext::continued(None);
    let mut scratch = Exchange::begin(exchange.arrived_at, exchange.started, trace);
    let (parts, ()) = request.into_parts();
    let decided = edge::accept(&parts, house.limits, &house.about.names)
        .map_err(Stopped::from)
        .and_then(|head| decided(&mut scratch, partner, &head, &body, house));
    let operation = scratch.facts.operation.clone();
    let mut document = match decided {
        Ok(permit) => granted(&permit),
        Err(Stopped::Refused(refusal)) => refused(*refusal),
        Err(Stopped::Broken(fault)) => json!({"decision": "deny", "code": fault.code.name()}),
    };
    if let Value::Object(members) = &mut document {
        members.insert("operation".to_owned(), operation.into());
        members.insert("purpose".to_owned(), scratch.facts.purpose.clone().into());
        members.insert(
            "not_checked".to_owned(),
            json!([
                "rate and budgets: see usage",
                "figures that overlap others",
                "what the core's answer turns out to hold",
            ]),
        );
    }
    Ok(document)
}

/// The stages up to the decision, as any request goes through them.
fn decided(
    scratch: &mut Exchange,
    partner: &Partner,
    head: &AcceptedHead,
    body: &Bytes,
    house: House<'_>,
) -> Result<Permit, Stopped> {
    let route = route::route(scratch, &partner.rules().catalogue, head)?;
    let reading = read::read(&route, head, body, partner.contract(), house.registry)?;
    decide::decide(scratch, partner.clone(), &route.operation, &reading, head)
}

impl Checked {
    /// The request, as if it had been sent here.
    fn request(self, house: House<'_>) -> Result<(Request<()>, Bytes), Stopped> {
        if self.headers.len() > HEADERS_MAX {
            return Err(malformed());
        }
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|_| malformed())?;
        let uri = self.path.parse::<http::Uri>().map_err(|_| malformed())?;
        // A fragment is lost on the way into a `Uri`, and refused at the door.
        if uri.host().is_some() || !self.path.starts_with('/') || self.path.contains('#') {
            return Err(malformed());
        }
        let mut headers = HeaderMap::new();
        let host = house.about.names.first();
        let body_is_json = !matches!(self.body, None | Some(Value::String(_)));
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
            let value = HeaderValue::from_str(value).map_err(|_| malformed())?;
            headers.append(name, value);
        }
        if let Some(purpose) = &self.purpose {
            let value = HeaderValue::from_str(purpose).map_err(|_| malformed())?;
            headers.append("purpose-of-use", value);
        }
        let host = HeaderValue::from_str(host.unwrap_or_default()).map_err(|_| malformed())?;
        headers.insert(header::HOST, host);
        headers.remove(header::AUTHORIZATION);
        headers.remove(header::CONTENT_LENGTH);
        if body_is_json && !headers.contains_key(header::CONTENT_TYPE) {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        let body = match self.body {
            None => Bytes::new(),
            Some(Value::String(text)) => text.into(),
            Some(value) => value.to_string().into(),
        };
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((request, body))
    }
}

/// What a customer of the partner's own is told about; whose else the answer holds, nobody knows yet.
fn granted(permit: &Permit) -> Value {
    let grant = permit.grant();
    let circumstances = Circumstances::OWN;
    let forms = grant.forms(circumstances);
    let mut leaves = Map::new();
    let mut withheld = Map::new();
    let left_out = leaves_out(permit.operation(), grant, circumstances);
    for category in categories(permit.operation()) {
        let form = forms.get(category.index()).copied().flatten();
        if let Some(form) = form.filter(|_| !left_out) {
            leaves.insert(category.key().to_owned(), form.word().into());
        }
        if form != Some(Form::Clear) {
            let promise = grant.withheld_by(circumstances, category).to_string();
            withheld.insert(category.key().to_owned(), promise.into());
        }
    }
    json!({
        "decision": if withheld.is_empty() && !left_out { "allow" } else { "redact" },
        "record_left_out": left_out,
        "rules": grant.rules(circumstances),
        "categories": leaves,
        "withheld": withheld,
    })
}

fn refused(refusal: Refusal) -> Value {
    let mut members = refusal.members;
    members.insert("decision".to_owned(), "deny".into());
    members.insert("code".to_owned(), refusal.code.name().into());
    members.insert("status".to_owned(), refusal.code.status().as_u16().into());
    members.insert("detail".to_owned(), refusal.detail.into());
    members.insert("fix".to_owned(), refusal.fix.into());
    let promise = refusal.promise.map(|promise| promise.to_string());
    members.insert("promise".to_owned(), promise.into());
    members.insert("rule".to_owned(), refusal.rule.into());
    Value::Object(members)
}

fn malformed() -> Stopped {
    let detail = "The body describes no request.";
    let fix =
        "Send JSON with `method` and `path`, and where needed `purpose`, `headers` and `body`.";
    Refusal::new(Code::RequestMalformed, detail, fix).into()
}
