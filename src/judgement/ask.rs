//! What a request asks for, by its own words: whom it names by every selector of path, query, header
//! and body; how large a page it wants; whether it states a marketing use; what it wants beyond the
//! plain answer. Whose the named ones are is for the caller to say ([`super::subject()`]).
//!
//! A body is taken apart strictly in the format its `Content-Type` names, held against the catalogue's
//! tree ([`hold`]), and, where the format leaves a reader any choice (forms, multipart, XML), written
//! anew from what was read: the core gets what was decided on, in its only spelling.

mod content_type;
mod fields;
mod form;
mod hold;
mod multipart;
mod sent;
mod xml;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};

use self::content_type::ContentType;
use self::hold::{Holding, Said};
use self::sent::Sent;
use crate::catalogue::{
    ExpectedKind, Parameter, Place, RequestBody, RequestContent, RequestFields, RequestFormat,
    Role, Routed,
};
use crate::edge::AcceptedHead;
use crate::filter;
use crate::refusal::{Code, Refusal};
use crate::terms::ResourceKind;

/// What the request says that the rules must know, and its body as the core shall get it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Whom and what it names, in order.
    pub selectors: Vec<Selector>,
    /// How many records it asks for.
    pub page_records: Option<u32>,
    /// Which of its parts state a marketing use, each once.
    pub marketing_signals: Vec<&'static str>,
    /// What it asks for beyond the plain answer, in the catalogue's words, each once.
    pub included: Vec<Arc<str>>,
    /// The body; empty where it has none.
    pub body: Bytes,
    /// The media type of that body, with its parameters.
    pub content_type: Option<String>,
}

impl Asked {
    /// What it says that is put on record: the signals of marketing, and `include:` with each value
    /// that it asked for.
    pub fn signals(&self) -> Vec<String> {
        let marketing = self.marketing_signals.iter();
        let marketing = marketing.map(|&signal| signal.to_owned());
        let included = self.included.iter();
        let included = included.map(|value| format!("{INCLUDED}{value}"));
        marketing.chain(included).collect()
    }
}

/// What stands before a value that was asked for, among the signals of an entry.
pub const INCLUDED: &str = "include:";

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
/// contradictions, for what two readers could take differently and for credentials of the core,
/// `not-found` for an id that is none.
pub fn ask(routed: &Routed, head: &AcceptedHead, body: &Bytes) -> Result<Asked, Box<Refusal>> {
    let operation = &routed.operation;
    let mut asked = Asked::default();
    let mut said = Vec::new();
    for parameter in &operation.parameters {
        let values = sent(parameter, routed, head)?;
        let sealed = parameter.role == Role::Credential;
        if values.is_empty() && parameter.required && !sealed {
            return Err(missing(&parameter.name).into());
        }
        for value in values {
            said.push(Said::new(&parameter.name, &parameter.role, &value));
            hold::parameter(&mut asked, parameter, value)?;
        }
    }
    match &operation.request {
        Some(expected) => asked.read_body(expected, head.headers(), body, &said)?,
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

/// The values of a parameter: none where it was not sent, several only of a list in the query.
pub(super) fn sent(
    parameter: &Parameter,
    routed: &Routed,
    head: &AcceptedHead,
) -> Result<Vec<String>, Box<Refusal>> {
    Ok(match parameter.place {
        Place::Path => {
            let values = routed.parameters.iter();
            let named = values.filter(|(name, _)| *name == parameter.name);
            named.map(|(_, value)| value.clone()).collect()
        }
        Place::Query => {
            let values = head.query().list(&parameter.name);
            values.map(str::to_owned).collect()
        }
        Place::Header => header_text(head.headers(), &parameter.name)?
            .into_iter()
            .collect(),
    })
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
    fn read_body(
        &mut self,
        expected: &RequestBody,
        headers: &HeaderMap,
        body: &Bytes,
        said: &[Said],
    ) -> Result<(), Box<Refusal>> {
        if body.is_empty() {
            return if expected.required {
                Err(uninspectable(expected).into())
            } else {
                Ok(())
            };
        }
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let sent = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(ContentType::parse);
        let chosen = sent.as_ref().and_then(|sent| sent.choose(expected));
        let (Some(sent), Some(content)) = (&sent, chosen) else {
            return Err(uninspectable(expected).into());
        };
        if codings.any(|coding| coding != "identity") {
            return Err(uninspectable(expected).into());
        }
        let Some(fields) = &content.fields else {
            // A document is passed unopened; anything else could name customers that nobody checks.
            if expected.uploads.is_none() {
                return Err(uninspectable(expected).into());
            }
            self.pass_on(sent.plain(), body.clone());
            return Ok(());
        };
        let tree = self.take_apart(content, fields, sent, body)?;
        let object = matches!(fields.root.kind, ExpectedKind::Members(_));
        if object && !matches!(tree, Sent::Members(_)) {
            return Err(uninspectable(expected).into());
        }
        let mut holding = Holding::new(self, expected, said);
        holding.is_form = matches!(
            fields.format,
            RequestFormat::Form | RequestFormat::Multipart
        );
        holding.whole(&fields.root, &tree)
    }

    /// Reads the body, and keeps it as the core shall get it.
    fn take_apart(
        &mut self,
        content: &RequestContent,
        fields: &RequestFields,
        sent: &ContentType,
        body: &Bytes,
    ) -> Result<Sent, Box<Refusal>> {
        let tree;
        match &fields.format {
            RequestFormat::Json => {
                tree = json(body)?;
                self.pass_on(sent.plain(), body.clone());
            }
            RequestFormat::Form => {
                let form = form::read(body)?;
                tree = fields::nested(form.fields(), &fields.root)?;
                self.pass_on(content.media_type.to_string(), form.written());
            }
            RequestFormat::Multipart => {
                let boundary = sent.boundary().ok_or_else(without_boundary)?;
                let parts = multipart::parse(body, boundary).map_err(multipart::refusal)?;
                tree = fields::nested(multipart::fields(&parts)?, &fields.root)?;
                let (boundary, written) = multipart::write(&parts);
                let content_type = format!("{}; boundary={boundary}", content.media_type);
                self.pass_on(content_type, written.into());
            }
            RequestFormat::Xml { root } => {
                let element = xml::parse(body).map_err(xml::refusal)?;
                tree = xml::fields(&element, root, &fields.root)?;
                let content_type = format!("{}; charset=utf-8", content.media_type);
                self.pass_on(content_type, xml::write(&element).into());
            }
        }
        Ok(tree)
    }

    fn pass_on(&mut self, content_type: String, body: Bytes) {
        self.content_type = Some(content_type);
        self.body = body;
    }
}

/// One JSON document in which nothing is said twice.
fn json(body: &[u8]) -> Result<Sent, Box<Refusal>> {
    let malformed = |reason: String| {
        Box::new(Refusal::new(
            Code::RequestMalformed,
            format!("The body is not acceptable JSON: {reason}."),
            "Send one JSON object without repeated members.",
        ))
    };
    filter::validate_strict(body, &filter::Limits::default())
        .map_err(|reason| malformed(reason.to_string()))?;
    let value: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| malformed("it could not be read".to_owned()))?;
    Ok(value.into())
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
    let opened = |one: &&RequestContent| one.fields.is_some() || expected.uploads.is_some();
    let kinds = expected.contents.iter().filter(opened);
    let kinds: Vec<_> = kinds.map(|one| format!("`{}`", one.media_type)).collect();
    Refusal::new(
        Code::RequestUninspectable,
        "The body is not of the kind this operation takes, so it cannot be inspected.",
        match kinds.as_slice() {
            [] => {
                "Ask the contact named here: no body of this operation can be inspected.".to_owned()
            }
            kinds => format!("Send the body as {}, not encoded.", kinds.join(" or ")),
        },
    )
}

/// Some clients set this header by hand, and so lose what only the writer of the body knows.
fn without_boundary() -> Refusal {
    Refusal::new(
        Code::RequestUninspectable,
        "The `Content-Type` of the multipart body names no `boundary`, so its parts cannot be told apart.",
        "Leave `Content-Type` to the library that writes the body, which adds `; boundary=…` to it.",
    )
}

#[cfg(test)]
mod evasions;

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
}
