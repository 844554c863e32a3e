//! Header fields as they arrive, for HTTP/1 and HTTP/2 alike: what is ambiguous is refused, what
//! belongs to the connection or pretends to speak for a proxy is taken away. Which of the rest reach
//! the core is an allow list elsewhere.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::identity::api_key::PresentedKey;

/// Why header fields cannot be taken as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderMistake {
    /// Servers that turn names into variables take `_` and `-` for the same.
    #[error("a header name contains an underscore")]
    Underscore,
    /// A field that has one value came twice.
    #[error("header `{0}` was sent more than once")]
    Repeated(HeaderName),
    /// `Connection` would take away a field that is not the connection's.
    #[error("header `connection` names `{0}`, which does not belong to the connection")]
    NotHopByHop(HeaderName),
    /// A cookie looks like an access token or an API key, which are not taken from there.
    #[error("a cookie holds an access token or an API key")]
    TokenInCookie,
    /// `Connection` is not a list of field names.
    #[error("header `connection` is not a list of names")]
    BrokenConnection,
}

/// Fields that have one value: a second one means two readers could disagree. Most change what a
/// request means or who sends it, so `Connection` must not take them away either.
const SINGLE: [&str; 30] = [
    "accept-datetime",
    "authorization",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "dpop",
    "expect",
    "from",
    "host",
    "idempotency-key",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "max-forwards",
    "origin",
    "proxy-authorization",
    "purpose-of-use",
    "range",
    "referer",
    "traceparent",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-api-key",
    "x-request-id",
];

/// Fields of one connection (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields by which a proxy speaks, or that override the request line, or that carry credentials this
/// gateway does not take. A partner is no proxy of ours, so its copies are not even looked at.
const DROPPED: [&str; 19] = [
    "cdn-loop",
    "cf-connecting-ip",
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "cookie",
    "cookie2",
    "fastly-client-ip",
    "forwarded",
    "front-end-https",
    "proxy-authenticate",
    "proxy-authorization",
    "remote-user",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-method-override",
    "x-real-ip",
];

/// The same by how the name begins.
const DROPPED_PREFIXES: [&str; 11] = [
    "covenant-",
    "x-amzn-",
    "x-arr-",
    "x-covenant-",
    "x-envoy-",
    "x-forwarded",
    "x-http-",
    "x-original-",
    "x-partner-",
    "x-rewrite-",
    "x-ssl-",
];

/// Leaves the fields that may be read by later stages: no hop-by-hop field, none that `Connection`
/// names, no forwarded or override field, no cookie.
///
/// # Errors
/// When a name has an underscore, a single field is repeated, a cookie holds a token, or `Connection` names
/// a field that carries meaning for the whole request.
pub(crate) fn clean(mut headers: HeaderMap) -> Result<HeaderMap, HeaderMistake> {
    for name in headers.keys() {
        if name.as_str().contains('_') {
            return Err(HeaderMistake::Underscore);
        }
        let repeated = headers.get_all(name).iter().nth(1).is_some();
        // Of several proofs, whoever judges proofs tells the partner (RFC 9449 section 4.3).
        if repeated && SINGLE.contains(&name.as_str()) && name != "dpop" {
            return Err(HeaderMistake::Repeated(name.clone()));
        }
    }
    if headers.get_all(header::COOKIE).iter().any(holds_token) {
        return Err(HeaderMistake::TokenInCookie);
    }
    for name in named_by_connection(&headers)? {
        if SINGLE.contains(&name.as_str()) && !HOP_BY_HOP.contains(&name.as_str()) {
            return Err(HeaderMistake::NotHopByHop(name));
        }
        headers.remove(name);
    }
    let ours_to_drop: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_dropped(name))
        .cloned()
        .collect();
    for name in ours_to_drop {
        headers.remove(name);
    }
    Ok(headers)
}

/// Whether this looks like a token: it begins like one (`{"` in base64url) and has its dots.
pub(super) fn is_token(value: &[u8]) -> bool {
    let dots = value.iter().filter(|byte| **byte == b'.').count();
    value.starts_with(b"eyJ") && dots == 2
}

/// Whether a cookie is called like a token, begins like one (`{"` in base64url) and has its dots, or has
/// the form of an API key.
fn holds_token(cookies: &HeaderValue) -> bool {
    cookies
        .as_bytes()
        .split(|byte| *byte == b';')
        .any(|cookie| {
            let cookie = cookie.trim_ascii();
            let end = cookie.iter().position(|byte| *byte == b'=');
            let (name, value) = cookie.split_at(end.unwrap_or(cookie.len()));
            let value = value.strip_prefix(b"=").unwrap_or_default();
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            let text = std::str::from_utf8(value.strip_suffix(b"\"").unwrap_or(value));
            name.eq_ignore_ascii_case(b"access_token")
                || is_token(value)
                || text.is_ok_and(|text| PresentedKey::parse(text).is_some())
        })
}

fn named_by_connection(headers: &HeaderMap) -> Result<Vec<HeaderName>, HeaderMistake> {
    let mut names = Vec::new();
    for value in headers.get_all(header::CONNECTION) {
        let text = value
            .to_str()
            .map_err(|_| HeaderMistake::BrokenConnection)?;
        for token in text
            .split(',')
            .map(str::trim)
            .filter(|token| !token.is_empty())
        {
            let name = HeaderName::from_bytes(token.as_bytes())
                .map_err(|_| HeaderMistake::BrokenConnection)?;
            names.push(name);
        }
    }
    Ok(names)
}

fn is_dropped(name: &HeaderName) -> bool {
    let name = name.as_str();
    HOP_BY_HOP.contains(&name)
        || DROPPED.contains(&name)
        || DROPPED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn cleaned(fields: &[(&str, &str)]) -> Result<Vec<String>, HeaderMistake> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        clean(headers).map(|headers| headers.keys().map(ToString::to_string).collect())
    }

    #[test]
    fn fields_of_the_connection_and_of_proxies_are_taken_away() {
        let left = cleaned(&[
            ("accept", "a"),
            ("accept", "b"),
            ("connection", "keep-alive, X-Custom"),
            ("connection", "close"),
            ("x-custom", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-uri", "/"),
            ("forwarded", "for=1.2.3.4"),
            ("x-original-url", "/admin"),
            ("x-rewrite-url", "/admin"),
            ("x-http-method-override", "DELETE"),
            ("client-cert", ":x:"),
            ("x-partner-id", "globex"),
            ("cookie", "a=b"),
        ]);
        assert_eq!(left, Ok(vec!["accept".to_owned()]));
    }

    #[test]
    fn a_second_value_where_one_belongs_is_refused() {
        for name in [
            "authorization",
            "content-type",
            "purpose-of-use",
            "idempotency-key",
            "traceparent",
        ] {
            let repeated = HeaderMistake::Repeated(HeaderName::from_static(name));
            assert_eq!(cleaned(&[(name, "a"), (name, "a")]), Err(repeated));
        }
    }

    #[test]
    fn a_cookie_that_holds_a_token_is_refused_and_others_are_dropped() {
        for cookie in [
            "access_token=x",
            "a=b; Access_Token=x",
            "session=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
            "a=\"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln\"",
            "a;b=eyJh.eyJh.c2ln;c",
            "a=covenant_abcdefghij23_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let refused = cleaned(&[("cookie", "a=b"), ("cookie", cookie)]);
            assert_eq!(refused, Err(HeaderMistake::TokenInCookie), "{cookie}");
        }
        for cookie in ["a=b", "", "a", "a=1.2.3", "a=eyJh", "token=a.b.c"] {
            assert_eq!(cleaned(&[("cookie", cookie)]), Ok(Vec::new()), "{cookie}");
        }
    }

    #[test]
    fn an_underscore_in_a_name_is_refused() {
        assert_eq!(
            cleaned(&[("x_partner_id", "globex")]),
            Err(HeaderMistake::Underscore)
        );
    }

    #[test]
    fn connection_cannot_take_credentials_away() {
        let refused = HeaderMistake::NotHopByHop(header::AUTHORIZATION);
        assert_eq!(cleaned(&[("connection", "authorization")]), Err(refused));
        assert_eq!(
            cleaned(&[("connection", "a b")]),
            Err(HeaderMistake::BrokenConnection)
        );
    }
}
