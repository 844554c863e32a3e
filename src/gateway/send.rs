//! Stage `send`: a recorded answer becomes the response. Its content comes only out of a
//! [`Recorded`], so nothing can be sent that is not on record.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::exchange::Exchange;
use super::record::Outgoing;
use crate::edge::body::{ResponseBody, whole};
use crate::entry::Withheld;
use crate::ledger::Recorded;

/// At most so many fields are named in `Covenant-Redacted`; the rest is a number.
const REDACTED_MEMBERS_MAX: usize = 16;

/// Makes the response.
pub fn send(exchange: &mut Exchange, recorded: Recorded<Outgoing>) -> Response<ResponseBody> {
    let outgoing = recorded.into_content();
    let head = Head {
        status: outgoing.status,
        decision: outgoing.decision(),
        media_type: outgoing.media_type,
        withheld: outgoing.withheld,
        headers: outgoing.headers,
    };
    open(exchange, &head, whole(outgoing.body))
}

/// What stands before an answer.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: u16,
    /// Its media type, where it has a body.
    pub media_type: Option<Arc<str>>,
    /// `allow` or `redact`: of an answer that streams, `allow` only where nothing of it can turn out to be
    /// withheld.
    pub decision: &'static str,
    /// Fields that do not leave as they were; of an answer that streams, those that will not, or may not.
    pub withheld: Vec<Withheld>,
    /// Headers with links of the gateway; an answer that streams has none.
    pub headers: HeaderMap,
}

/// Makes the response of an answer whose body is, or will be, what is on record.
pub fn open(exchange: &mut Exchange, head: &Head, body: ResponseBody) -> Response<ResponseBody> {
    exchange.set_header("covenant-decision", head.decision);
    if !head.withheld.is_empty() {
        exchange.set_header("covenant-redacted", &redacted(&head.withheld));
    }
    exchange.set_header("cache-control", "private, no-store");
    exchange.set_header("vary", "Authorization, Purpose-Of-Use");
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.extend(head.headers.clone());
    if let Some(media_type) = &head.media_type
        && let Ok(value) = HeaderValue::from_str(media_type)
    {
        headers.insert(header::CONTENT_TYPE, value);
    }
    response
}

/// A Structured Field list (RFC 9651) of what was withheld.
fn redacted(withheld: &[Withheld]) -> String {
    let mut list = String::new();
    for one in withheld.iter().take(REDACTED_MEMBERS_MAX) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        quote(&mut list, &one.field);
        list.push_str(";method=");
        list.push_str(&one.method);
        list.push_str(";promise=");
        quote(&mut list, &one.promise);
    }
    let more = withheld.len().saturating_sub(REDACTED_MEMBERS_MAX);
    if more > 0 {
        list.push_str(&format!(", \"*\";more={more}"));
    }
    list
}

/// Appends a Structured Field string; what cannot stand in one is replaced.
fn quote(list: &mut String, text: &str) {
    list.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => list.extend(['\\', character]),
            ' '..='~' => list.push(character),
            _ => list.push('?'),
        }
    }
    list.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn withheld(field: &str) -> Withheld {
        Withheld {
            field: field.into(),
            method: "removal".into(),
            promise: "P5".into(),
        }
    }

    #[test]
    fn sixteen_fields_are_named_and_the_rest_counted() {
        let many: Vec<Withheld> = (0..20)
            .map(|n| withheld(&format!("$.data[*].f{n}")))
            .collect();
        let text = redacted(&many);
        let list = sfv::Parser::new(&text).parse::<sfv::List>().unwrap();
        assert_eq!(list.len(), 17);
        assert!(text.ends_with("\"*\";more=4"));
        assert_eq!(redacted(&many[..16]).matches("method").count(), 16);
    }

    #[test]
    fn a_field_name_cannot_break_the_header() {
        let text = redacted(&[withheld("$['a\"b\\c']\r\nx: y\u{e9}")]);
        assert!(
            sfv::Parser::new(&text).parse::<sfv::List>().is_ok(),
            "{text}"
        );
    }
}
