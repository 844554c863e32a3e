//! Every way a request ends without its answer, as one problem document (RFC 9457). The partner is
//! told what the rules said; of a fault, only its code: the cause goes to the log.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Map, Value};

use super::exchange::Exchange;
use super::settings::About;
use crate::entry::{Entry, Event, Refused};
use crate::refusal::{Code, Fault, Refusal, Stopped};

/// Seconds after which a fault is worth another try.
const FAULT_RETRY_SECONDS: u32 = 5;

/// What a stopped request leaves: the response, and the entry for the ledger.
#[derive(Debug)]
pub struct Ending {
    /// What the partner is told.
    pub response: Response<Full<Bytes>>,
    /// What the ledger keeps of it.
    pub entry: Entry,
    /// Its code, for logs and metrics.
    pub code: Code,
}

/// Makes the ending.
pub fn refuse(exchange: &mut Exchange, stopped: Stopped, about: &About) -> Ending {
    let executed = exchange.executed.word();
    let refusal = match stopped {
        Stopped::Refused(refusal) => *refusal,
        Stopped::Broken(fault) => told(&fault, executed),
    };
    let code = refusal.code;
    let status = core_status(&refusal).unwrap_or(code.status());
    let entry = Entry::new(
        exchange.arrived_at,
        Event::Refusal(Refused {
            request: exchange.facts.clone(),
            code: code.name().to_owned(),
            promise: refusal.promise.map(|promise| promise.to_string()),
            rule: refusal.rule.clone(),
            executed: executed.to_owned(),
        }),
    );
    let document = document(exchange, &refusal, status, about);
    exchange.set_header("covenant-decision", "deny");
    let mut response = Response::new(Full::new(Bytes::from(document.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(refusal.headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if refusal.close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ending { response, entry, code }
}

/// What a partner is told of a fault.
fn told(fault: &Fault, executed: &str) -> Refusal {
    let (detail, fix) = match fault.code {
        Code::CoreTimeout => (
            "The core service did not answer in time.",
            "Try again later; a call that changes something only after checking whether it was done.",
        ),
        Code::CoreUnavailable => (
            "The core service could not be asked.",
            "Try again later; a call that changes something only after checking whether it was done.",
        ),
        Code::RecordUnavailable => (
            "The disclosure could not be put on record, so nothing was disclosed.",
            "Try again later.",
        ),
        _ => (
            "The core's answer could not be inspected, so nothing of it was disclosed.",
            "Write to the contact address and name the request id.",
        ),
    };
    let refusal = Refusal::new(fault.code, detail, fix);
    if fault.code.is_retryable() && executed == "no" {
        return refusal.header(header::RETRY_AFTER, &FAULT_RETRY_SECONDS.to_string());
    }
    refusal
}

/// The catalogued status of a core that said no.
fn core_status(refusal: &Refusal) -> Option<StatusCode> {
    let status = refusal.members.get("core_status")?.as_u64()?;
    StatusCode::from_u16(u16::try_from(status).ok()?).ok()
}

fn document(exchange: &Exchange, refusal: &Refusal, status: StatusCode, about: &About) -> Value {
    let code = refusal.code;
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    put("type", format!("{}/.covenant/problems/{}", about.base_uri, code.name()).into());
    put("title", code.title().into());
    put("status", status.as_u16().into());
    put("detail", refusal.detail.clone().into());
    put("instance", format!("urn:uuid:{}", exchange.id).into());
    put("code", code.name().into());
    put("request_id", exchange.id.to_string().into());
    put("promise", refusal.promise.map(|promise| promise.to_string()).into());
    put("rule", refusal.rule.clone().into());
    put("policy", exchange.facts.policy.clone().into());
    put("retryable", code.is_retryable().into());
    put("executed", exchange.executed.word().into());
    put("fix", refusal.fix.clone().into());
    put("contact", about.contact.clone().into());
    for (name, value) in &refusal.members {
        put(name, value.clone());
    }
    Value::Object(members)
}
