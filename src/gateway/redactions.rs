//! `Prefer: covenant-redactions=body` (RFC 7240): what was withheld, in the answer itself, as a member `redacted` in
//! the form of RFC 9537 section 4.2. It is part of what is recorded, so that the record is of the bytes that leave.
//!
//! It is added to a JSON object that has no member of that name, and `Preference-Applied` says so. Arrays, XML, CSV,
//! documents and answers that stream have no place for it: they leave as ever, with `Covenant-Redacted` alone.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::exchange::Exchange;
use super::filter::Filtered;
use crate::entry::Withheld;

/// The preference, and what is answered where it is met.
const PREFERENCE: &str = "covenant-redactions=body";
/// The member.
const MEMBER: &str = "redacted";

/// Adds the member where the request prefers it and the answer has a place for it.
pub fn told(exchange: &mut Exchange, headers: &HeaderMap, mut filtered: Filtered) -> Filtered {
    let is_json = filtered.media_type.as_deref().is_some_and(|media_type| {
        media_type == "application/json" || media_type.ends_with("+json")
    });
    if !is_json || !is_preferred(headers) {
        return filtered;
    }
    if let Some(body) = with_member(&filtered.body, &filtered.withheld) {
        filtered.body = body.into();
        exchange.set_header("preference-applied", PREFERENCE);
    }
    filtered
}

/// RFC 7240 section 2: preferences between commas, each with parameters after a semicolon, names in any case.
fn is_preferred(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("prefer").iter();
    let mut preferences = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    preferences.any(|preference| {
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("covenant-redactions") && value == "body"
    })
}

/// The object with the member at its end; nothing where it is no object, or has such a member.
fn with_member(body: &[u8], withheld: &[Withheld]) -> Option<Vec<u8>> {
    let members: BTreeMap<String, IgnoredAny> = serde_json::from_slice(body).ok()?;
    if members.contains_key(MEMBER) {
        return None;
    }
    let body = body.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    let list: Value = withheld.iter().map(redacted).collect();
    let comma = if members.is_empty() { "" } else { "," };
    let member = format!("{comma}\"{MEMBER}\":{list}}}");
    Some([body, member.as_bytes()].concat())
}

/// Fields that are gone are named by the path that they would have had, the others by the one they have.
fn redacted(one: &Withheld) -> Value {
    let path = match one.method.as_str() {
        "removal" => "prePath",
        _ => "postPath",
    };
    json!({
        "name": {"description": one.field},
        path: one.field,
        "pathLang": "jsonpath",
        "method": one.method,
        "reason": {"description": one.promise},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn withheld(method: &str) -> Vec<Withheld> {
        vec![Withheld {
            field: "$.email".to_owned(),
            method: method.to_owned(),
            promise: "P5".to_owned(),
        }]
    }

    #[test]
    fn an_object_gets_the_member_at_its_end_and_nothing_else_changes() {
        let told = with_member(b"{\"id\": \"a\"} ", &withheld("removal")).unwrap();
        assert!(told.starts_with(b"{\"id\": \"a\",\"redacted\":[{"));
        let told: Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(told["redacted"][0]["prePath"], "$.email");
        assert_eq!(told["redacted"][0]["reason"]["description"], "P5");
        let told = with_member(b"{}", &withheld("partialValue")).unwrap();
        let told: Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(told["redacted"][0]["postPath"], "$.email");
        assert_eq!(with_member(b"{}", &[]).unwrap(), b"{\"redacted\":[]}");
    }

    #[test]
    fn what_has_no_place_for_it_is_left_alone() {
        for body in [
            "[]",
            "[{}]",
            "null",
            "",
            "{\"redacted\":1}",
            "{\"red\\u0061cted\":1}",
        ] {
            assert_eq!(
                with_member(body.as_bytes(), &withheld("removal")),
                None,
                "{body}"
            );
        }
    }

    #[test]
    fn the_preference_is_found_among_others() {
        for (line, found) in [
            ("covenant-redactions=body", true),
            ("respond-async, Covenant-Redactions=\"body\"; x=1", true),
            ("covenant-redactions", false),
            ("covenant-redactions=header", false),
            ("x-covenant-redactions=body", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append("prefer", line.parse().unwrap());
            assert_eq!(is_preferred(&headers), found, "{line}");
        }
    }
}
