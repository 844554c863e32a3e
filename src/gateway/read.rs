//! Stage `read`: the facts of the request that decide. On whose behalf it is made, by every selector
//! of path, query, header and body; how large a page it asks for; whether it states a marketing use.
//!
//! The gateway, not the partner, says on whose behalf the core is called: selectors are checked
//! against the book, and the one customer they name is set again by `forward`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;

use super::route::{Route, printable};
use crate::catalogue::{Creates, Place, RequestBody, Role};
use crate::edge::AcceptedHead;
use crate::filter;
use crate::policy::contract::Contract;
use crate::refusal::{Code, Refusal, Stopped};
use crate::registry::Registry;
use crate::taxonomy::Purpose;
use crate::terms::{CustomerRef, Promise, ResourceKind};

/// What the request says that the rules must know.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// On whose behalf.
    pub customer: Option<OnBehalf>,
    /// What the thing it names was uploaded for (P11).
    pub uploaded_for: Option<Purpose>,
    /// How many records it asks for.
    pub page_records: Option<u32>,
    /// Which of its parts state a marketing use.
    pub marketing_signals: Vec<&'static str>,
    /// Its body, judged.
    pub body: Bytes,
}

/// A customer of the calling partner, by the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBehalf {
    /// The id the core knows.
    pub id: Arc<str>,
    /// The reference the ledger knows.
    pub reference: CustomerRef,
}

/// Reads the facts. `body` is the whole body, within its limit.
///
/// # Errors
/// `not-found` for a customer or thing that is not this partner's, `request-uninspectable` for a
/// body of another kind than the catalogue has, `request-malformed` for contradictions.
pub fn read(
    route: &Route,
    head: &AcceptedHead,
    body: Bytes,
    contract: &Contract,
    registry: &Registry,
) -> Result<Reading, Stopped> {
    let mut reading = Reading::default();
    for parameter in &route.operation.parameters {
        let value = match parameter.place {
            Place::Path => {
                let named = |(name, _): &&(Arc<str>, String)| *name == parameter.name;
                route
                    .path_values
                    .iter()
                    .find(named)
                    .map(|(_, value)| value.clone())
            }
            Place::Query => head.query().get(&parameter.name).map(str::to_owned),
            Place::Header => header_text(head.headers(), &parameter.name)?,
        };
        match value {
            Some(value) => {
                apply(
                    &mut reading,
                    &parameter.role,
                    &Value::String(value),
                    contract,
                    registry,
                )?;
            }
            None if parameter.required => return Err(missing(&parameter.name).into()),
            None => {}
        }
    }
    reading.body = match &route.operation.request {
        Some(expected) => {
            read_body(
                &mut reading,
                expected,
                head.headers(),
                &body,
                contract,
                registry,
            )?;
            body
        }
        None if body.is_empty() => body,
        None => {
            return Err(Refusal::new(
                Code::RequestUninspectable,
                "This operation takes no body.",
                "Send this request without a body.",
            )
            .into());
        }
    };
    if let (Some(Creates::Resource(kind)), None) = (route.operation.creates, &reading.customer) {
        return Err(ownerless(kind).into());
    }
    Ok(reading)
}

/// What comes to be must belong to somebody, and that is known before the core makes it.
fn ownerless(kind: ResourceKind) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        format!("The request does not say whose {} it makes.", kind.word()),
        "Name the customer it is made for.",
    )
}

fn header_text(headers: &HeaderMap, name: &str) -> Result<Option<String>, Stopped> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(|text| Some(text.to_owned())).map_err(|_| {
            Refusal::new(
                Code::RequestMalformed,
                format!("The header `{name}` is not plain text."),
                format!("Send `{name}` in ASCII."),
            )
            .into()
        }),
        (Some(_), Some(_)) => Err(Refusal::new(
            Code::RequestMalformed,
            format!("The header `{name}` was sent twice."),
            format!("Send `{name}` once."),
        )
        .into()),
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        format!("The parameter `{name}` is required."),
        format!("Send `{name}`."),
    )
}

/// What one parameter or body member decides.
fn apply(
    reading: &mut Reading,
    role: &Role,
    value: &Value,
    contract: &Contract,
    registry: &Registry,
) -> Result<(), Stopped> {
    match role {
        Role::Plain | Role::Include => {}
        Role::Customer => {
            let id = value.as_str().ok_or_else(Refusal::not_found)?;
            let row = registry
                .customer(id)
                .filter(|row| row.partner == contract.partner);
            let reference = row.ok_or_else(Refusal::not_found)?.reference;
            on_behalf(
                reading,
                OnBehalf {
                    id: id.into(),
                    reference,
                },
            )?;
        }
        Role::Resource(kind) => {
            let id = value.as_str().ok_or_else(Refusal::not_found)?;
            let row = registry
                .resource(*kind, id)
                .filter(|row| row.partner == contract.partner);
            let row = row.ok_or_else(Refusal::not_found)?;
            on_behalf(
                reading,
                OnBehalf {
                    id: row.customer_id,
                    reference: row.customer,
                },
            )?;
            uploaded_for(reading, row.purpose)?;
        }
        Role::PageSize { .. } => reading.page_records = Some(page_size(value)?),
        Role::UseType if value.as_str() != Some("operational") => {
            reading.marketing_signals.push("use-type");
        }
        Role::UseType => {}
        Role::Audience => reading.marketing_signals.push("audience"),
    }
    Ok(())
}

/// Two selectors must agree: both are this partner's customers by now, so saying so reveals nothing.
fn on_behalf(reading: &mut Reading, customer: OnBehalf) -> Result<(), Stopped> {
    match &reading.customer {
        Some(other) if *other != customer => Err(Refusal::new(
            Code::RequestMalformed,
            "Two parts of the request name different customers.",
            "Name one customer, or make one request for each.",
        )
        .promise(Promise::number(5))
        .into()),
        _ => {
            reading.customer = Some(customer);
            Ok(())
        }
    }
}

/// Of several things each is held to what it was uploaded for (P11): the narrower purpose lies within
/// the wider one, so it alone is kept; two that share nothing leave no purpose to use both for.
fn uploaded_for(reading: &mut Reading, purpose: Option<Purpose>) -> Result<(), Stopped> {
    reading.uploaded_for = match (reading.uploaded_for, purpose) {
        (known, None) => known,
        (None, purpose) => purpose,
        (Some(known), Some(purpose)) if known.is_within(purpose) => Some(known),
        (Some(known), Some(purpose)) if purpose.is_within(known) => Some(purpose),
        (Some(known), Some(purpose)) => {
            return Err(Refusal::new(
                Code::PurposeNotAllowed,
                "The request uses things together that were uploaded for different purposes.",
                format!("Upload both for one purpose; these are for `{known}` and `{purpose}`."),
            )
            .promise(Promise::number(11))
            .into());
        }
    };
    Ok(())
}

fn page_size(value: &Value) -> Result<u32, Stopped> {
    let digits = value
        .as_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits
        .and_then(|digits| digits.parse().ok())
        .filter(|number| *number > 0);
    number.ok_or_else(|| {
        Refusal::new(
            Code::RequestMalformed,
            "The page size is not a whole number above zero.",
            "Send the page size in decimal digits.",
        )
        .into()
    })
}

fn read_body(
    reading: &mut Reading,
    expected: &RequestBody,
    headers: &HeaderMap,
    body: &Bytes,
    contract: &Contract,
    registry: &Registry,
) -> Result<(), Stopped> {
    if body.is_empty() {
        return if expected.required {
            Err(uninspectable(expected).into())
        } else {
            Ok(())
        };
    }
    let sent = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if !sent.is_some_and(|sent| is_media_type(sent, &expected.media_type))
        || codings.any(|coding| coding != "identity")
    {
        return Err(uninspectable(expected).into());
    }
    if &*expected.media_type != "application/json" {
        // A document is passed unopened; anything else could name customers that nobody checks.
        return match expected.uploads {
            Some(_) => Ok(()),
            None => Err(uninspectable(expected).into()),
        };
    }
    filter::validate_strict(body, &filter::Limits::default()).map_err(|reason| {
        Refusal::new(
            Code::RequestMalformed,
            format!("The body is not acceptable JSON: {reason}."),
            "Send one JSON object without repeated members.",
        )
    })?;
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return Err(uninspectable(expected).into());
    };
    if let Some(unknown) = members.keys().find(|name| !known_member(expected, name)) {
        let shown = printable(unknown);
        return Err(Refusal::new(
            Code::RequestMalformed,
            format!("The body member `{shown}` is not one of this operation."),
            format!("Use only these members: {}.", expected.members.join(", ")),
        )
        .into());
    }
    for (name, role) in &expected.roles {
        if let Some(value) = members.get(&**name).filter(|value| !value.is_null()) {
            apply(reading, role, value, contract, registry)?;
        }
    }
    Ok(())
}

fn known_member(expected: &RequestBody, name: &str) -> bool {
    expected.members.iter().any(|member| &**member == name)
}

/// Whether a `Content-Type` is exactly this media type, with no parameter but UTF-8.
pub fn is_media_type(content_type: &str, media_type: &str) -> bool {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let parameters = parameters.trim();
    essence.trim().eq_ignore_ascii_case(media_type)
        && (parameters.is_empty()
            || parameters.eq_ignore_ascii_case("charset=utf-8")
            || parameters.eq_ignore_ascii_case("charset=\"utf-8\""))
}

fn uninspectable(expected: &RequestBody) -> Refusal {
    Refusal::new(
        Code::RequestUninspectable,
        "The body is not of the kind this operation takes, so it cannot be inspected.",
        format!("Send the body as `{}`, not encoded.", expected.media_type),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_matched_whole() {
        assert!(is_media_type("application/json", "application/json"));
        assert!(is_media_type(
            "Application/JSON; charset=UTF-8",
            "application/json"
        ));
        assert!(!is_media_type(
            "application/json; charset=utf-16",
            "application/json"
        ));
        assert!(!is_media_type("application/jsonp", "application/json"));
        assert!(!is_media_type(
            "text/html, application/json",
            "application/json"
        ));
    }

    #[test]
    fn page_sizes_are_plain_numbers() {
        assert_eq!(page_size(&Value::from("100")).unwrap(), 100);
        for wrong in ["0", "-1", "+5", "1e2", "", "99999999999"] {
            assert!(page_size(&Value::from(wrong)).is_err(), "{wrong}");
        }
    }
}
