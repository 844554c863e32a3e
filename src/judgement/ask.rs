//! What a request asks for, by its own words: whom it names by every selector of path, query, header
//! and body; how large a page it wants; whether it states a marketing use. Whose the named ones are is
//! for the caller to say ([`subject`]).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;

use super::route::printable;
use crate::catalogue::{Creates, Operation, Parameter, Place, RequestBody, Role, Routed};
use crate::edge::AcceptedHead;
use crate::filter;
use crate::policy::Circumstances;
use crate::refusal::{Code, Refusal};
use crate::taxonomy::Purpose;
use crate::terms::{CustomerRef, Promise, ResourceKind};

/// What the request says that the rules must know.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Whom and what it names, in order.
    pub selectors: Vec<Selector>,
    /// How many records it asks for.
    pub page_records: Option<u32>,
    /// Which of its parts state a marketing use.
    pub marketing_signals: Vec<&'static str>,
}

/// An id by which a request names somebody or something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A customer.
    Customer(String),
    /// A thing that belongs to a customer.
    Resource(ResourceKind, String),
}

/// Reads what a request asks for. `body` is the whole body, within its limit.
///
/// # Errors
/// `request-uninspectable` for a body of another kind than the catalogue has, `request-malformed` for
/// contradictions, `not-found` for an id that is none.
pub fn ask(routed: &Routed, head: &AcceptedHead, body: &Bytes) -> Result<Asked, Box<Refusal>> {
    let operation = &routed.operation;
    let mut asked = Asked::default();
    for parameter in &operation.parameters {
        match sent(parameter, routed, head)? {
            Some(value) => asked.apply(&parameter.role, &Value::String(value))?,
            None if parameter.required => return Err(missing(&parameter.name).into()),
            None => {}
        }
    }
    match &operation.request {
        Some(expected) => asked.read_body(expected, head.headers(), body)?,
        None if body.is_empty() => {}
        None => {
            let refusal = Refusal::new(
                Code::RequestUninspectable,
                "This operation takes no body.",
                "Send this request without a body.",
            );
            return Err(refusal.into());
        }
    }
    Ok(asked)
}

/// The value of a parameter, where it was sent.
pub(super) fn sent(
    parameter: &Parameter,
    routed: &Routed,
    head: &AcceptedHead,
) -> Result<Option<String>, Box<Refusal>> {
    match parameter.place {
        Place::Path => {
            let mut values = routed.parameters.iter();
            let named = values.find(|(name, _)| *name == parameter.name);
            Ok(named.map(|(_, value)| value.clone()))
        }
        Place::Query => Ok(head.query().get(&parameter.name).map(str::to_owned)),
        Place::Header => header_text(head.headers(), &parameter.name),
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Result<Option<String>, Box<Refusal>> {
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

impl Asked {
    /// What one parameter or body member decides.
    fn apply(&mut self, role: &Role, value: &Value) -> Result<(), Box<Refusal>> {
        let id = || {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| Box::new(Refusal::not_found()))
        };
        match role {
            Role::Plain | Role::Include | Role::PeriodFrom | Role::PeriodTo | Role::Partition => {}
            Role::Customer => self.selectors.push(Selector::Customer(id()?)),
            Role::Resource(kind) => self.selectors.push(Selector::Resource(*kind, id()?)),
            Role::PageSize { .. } => self.page_records = Some(page_size(value)?),
            Role::UseType if value.as_str() != Some("operational") => {
                self.marketing_signals.push("use-type");
            }
            Role::UseType => {}
            Role::Audience => self.marketing_signals.push("audience"),
        }
        Ok(())
    }

    fn read_body(
        &mut self,
        expected: &RequestBody,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<(), Box<Refusal>> {
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
                self.apply(role, value)?;
            }
        }
        Ok(())
    }
}

/// A customer of the calling partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBehalf {
    /// The id the core knows.
    pub id: Arc<str>,
    /// The reference the ledger knows.
    pub reference: CustomerRef,
}

/// On whose behalf a request is made, and what it may be used for.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// On whose behalf.
    pub customer: Option<OnBehalf>,
    /// What the things it names were uploaded for (P11).
    pub uploaded_for: Option<Purpose>,
}

/// On whose behalf the request is made. `find` says whose a selector's is, and what it was uploaded
/// for; nothing when it is not the calling partner's.
///
/// # Errors
/// `not-found` for what is not this partner's; `request-malformed` where selectors contradict each
/// other, or where something would come to be that is nobody's; `purpose-not-allowed` (P11).
pub fn subject(
    asked: &Asked,
    operation: &Operation,
    mut find: impl FnMut(&Selector) -> Option<(OnBehalf, Option<Purpose>)>,
) -> Result<Subject, Box<Refusal>> {
    let mut subject = Subject::default();
    for selector in &asked.selectors {
        let (customer, uploaded_for) = find(selector).ok_or_else(Refusal::not_found)?;
        subject.on_behalf(customer)?;
        subject.uploaded_for(uploaded_for)?;
    }
    match (operation.creates, &subject.customer) {
        (Some(Creates::Resource(kind)), None) => Err(ownerless(kind).into()),
        _ => Ok(subject),
    }
}

impl Subject {
    /// What is known beforehand of the customer it names: the partner's own, for any other was not
    /// found. Consent is not claimed: it is for some categories, and those are judged one by one in
    /// the answer.
    pub fn circumstances(&self) -> Circumstances {
        match self.customer {
            Some(_) => Circumstances::OWN,
            None => Circumstances::default(),
        }
    }

    /// Two selectors must agree: both are this partner's customers by now, so saying so reveals nothing.
    fn on_behalf(&mut self, customer: OnBehalf) -> Result<(), Box<Refusal>> {
        match &self.customer {
            Some(other) if *other != customer => Err(Refusal::new(
                Code::RequestMalformed,
                "Two parts of the request name different customers.",
                "Name one customer, or make one request for each.",
            )
            .promise(Promise::number(5))
            .into()),
            _ => {
                self.customer = Some(customer);
                Ok(())
            }
        }
    }

    /// Of several things each is held to what it was uploaded for (P11): the narrower purpose lies within
    /// the wider one, so it alone is kept; two that share nothing leave no purpose to use both for.
    fn uploaded_for(&mut self, purpose: Option<Purpose>) -> Result<(), Box<Refusal>> {
        self.uploaded_for = match (self.uploaded_for, purpose) {
            (known, None) => known,
            (None, purpose) => purpose,
            (Some(known), Some(purpose)) if known.is_within(purpose) => Some(known),
            (Some(known), Some(purpose)) if purpose.is_within(known) => Some(purpose),
            (Some(known), Some(purpose)) => {
                return Err(Refusal::new(
                    Code::PurposeNotAllowed,
                    "The request uses things together that were uploaded for different purposes.",
                    format!(
                        "Upload both for one purpose; these are for `{known}` and `{purpose}`."
                    ),
                )
                .promise(Promise::number(11))
                .into());
            }
        };
        Ok(())
    }
}

/// What comes to be must belong to somebody, and that is known before the core makes it.
fn ownerless(kind: ResourceKind) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        format!("The request does not say whose {} it makes.", kind.word()),
        "Name the customer it is made for.",
    )
}

fn page_size(value: &Value) -> Result<u32, Box<Refusal>> {
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
