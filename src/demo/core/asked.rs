//! A request as the core reads it: trusting, and no more careful than it must be.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// What was asked.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Where this core listens, for the absolute addresses in its answers.
    pub(super) origin: String,
}

impl Asked {
    pub(super) fn new(parts: http::request::Parts, body: Bytes, origin: String) -> Self {
        Self {
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(pairs).unwrap_or_default(),
            method: if parts.method == Method::HEAD {
                Method::GET
            } else {
                parts.method
            },
            headers: parts.headers,
            body,
            origin,
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let named = self.query.iter().find(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The partner the front door says is asking.
    pub(super) fn partner(&self) -> Option<&str> {
        self.header("partner-id")
    }

    /// The one customer the call is about, if it says so.
    pub(super) fn customer(&self) -> Option<&str> {
        self.header("on-behalf-of")
            .or_else(|| self.parameter("customer_id"))
    }

    pub(super) fn wants_xml(&self) -> bool {
        self.header("accept")
            .is_some_and(|accept| accept.contains("application/xml"))
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Undoes percent-encoding and `+`; what is not valid stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .filter(|digits| byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(match byte {
            b'+' => b' ',
            _ => escaped.unwrap_or(byte),
        });
        rest = if escaped.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_odd_escapes_left_alone() {
        let read = pairs("include%5B%5D=total_count&cursor=a+b&x=%zz%4");
        let expected = [
            ("include[]", "total_count"),
            ("cursor", "a b"),
            ("x", "%zz%4"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, expected);
    }
}
