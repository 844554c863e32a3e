//! The gateway's own pages under `/.covenant/`: what each problem means, without credentials, and
//! for a partner who it is here. They hold no customer data, so they wait for no entry.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::authenticate::Partner;
use super::settings::About;
use crate::edge::body::{ResponseBody, whole};
use crate::refusal::{Code, Refusal, Stopped};

/// Where they begin.
pub const PREFIX: &str = "/.covenant/";
const PROBLEMS: &str = "/.covenant/problems/";

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

/// A page for an authenticated partner.
///
/// # Errors
/// `not-found` for a page that does not exist.
pub fn own(path: &str, partner: &Partner) -> Result<Response<ResponseBody>, Stopped> {
    match path.strip_prefix(PREFIX) {
        Some("whoami") => Ok(page("application/json", whoami(partner).to_string())),
        _ => Err(Refusal::not_found().into()),
    }
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

fn page(media_type: &'static str, body: String) -> Response<ResponseBody> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
