//! Every way a request ends without its answer, as one problem document (RFC 9457), or in the form of
//! errors that its operation has (`form`): code and request id stand in headers too. The partner is
//! told what the rules said; of a fault, only its code: the cause goes to the log.

mod form;

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::exchange::Exchange;
use super::settings::About;
use crate::edge::body::{ResponseBody, whole};
use crate::entry::{Event, Refused};
use crate::judgement::CORE_STATUS;
use crate::refusal::{Code, Fault, ProblemContext, Refusal, Stopped};

/// Media type of a problem document.
pub const PROBLEM: &str = "application/problem+json";

/// Seconds after which a fault is worth another try.
const FAULT_RETRY_SECONDS: u32 = 5;

/// What a stopped request leaves: the response, and the entry for the ledger.
#[derive(Debug)]
pub struct Ending {
    /// What the partner is told.
    pub response: Response<ResponseBody>,
    /// What the ledger keeps of it.
    pub event: Event,
    /// Its code, for logs and metrics.
    pub code: Code,
}

/// Makes the ending of a request; `is_safe` says that it would change nothing.
pub fn refuse(exchange: &mut Exchange, stopped: Stopped, is_safe: bool, about: &About) -> Ending {
    let executed = exchange.executed.word();
    let refusal = match stopped {
        Stopped::Refused(refusal) => *refusal,
        Stopped::Broken(fault) => told(&fault, executed),
    };
    let code = refusal.code;
    let status = core_status(&refusal).unwrap_or(code.status());
    let event = Event::Refusal(Refused {
        request: exchange.facts.clone(),
        code: code.name().to_owned(),
        promise: refusal.promise.map(|promise| promise.to_string()),
        rule: refusal.rule.clone(),
        executed: executed.to_owned(),
    });
    let context = ProblemContext {
        contact: &about.contact,
        base_uri: &about.base_uri,
        policy: exchange.facts.policy.as_deref(),
        executed: exchange.executed,
        is_safe,
    };
    let mut problem = refusal.to_problem(exchange.id, &context);
    problem.insert("status".to_owned(), status.as_u16().into());
    problem.remove(CORE_STATUS);
    let (media_type, document) = match &exchange.refusal_form {
        None => (PROBLEM, Value::Object(problem).to_string()),
        Some(form) => form::write(form, &problem),
    };
    exchange.set_header("covenant-decision", "deny");
    exchange.set_header("covenant-code", code.name());
    let mut response = Response::new(whole(document));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(refusal.headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if refusal.close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ending {
        response,
        event,
        code,
    }
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
            "Try again later; a call that changes something only after checking whether it was done.",
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
    let status = refusal.members.get(CORE_STATUS)?.as_u64()?;
    StatusCode::from_u16(u16::try_from(status).ok()?).ok()
}
