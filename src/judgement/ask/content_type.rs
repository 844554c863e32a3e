//! The `Content-Type` of a request (RFC 9110 section 8.3): a media type, UTF-8 if it names a character
//! set, and the boundary of a multipart body.

use crate::catalogue::{RequestBody, RequestContent, RequestFormat};

/// Longest boundary (RFC 2046 section 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// A content type with nothing in it that could be read differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContentType {
    essence: String,
    utf8: bool,
    boundary: Option<String>,
}

impl ContentType {
    /// `None` for what is none, names another character set than UTF-8, or has a parameter that is not
    /// known here or is there twice.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (essence, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = essence.trim_matches([' ', '\t']).split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut found = Self {
            essence: format!("{kind}/{subtype}").to_ascii_lowercase(),
            utf8: false,
            boundary: None,
        };
        if text.contains(';') && rest.trim().is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let (name, value, behind) = parameter(rest)?;
            match name.to_ascii_lowercase().as_str() {
                "charset" if !found.utf8 && value.eq_ignore_ascii_case("utf-8") => {
                    found.utf8 = true;
                }
                "boundary" if found.boundary.is_none() && is_boundary(value) => {
                    found.boundary = Some(value.to_owned());
                }
                _ => return None,
            }
            rest = behind;
        }
        Some(found)
    }

    /// The media type alone, in lower case.
    pub(super) fn essence(&self) -> &str {
        &self.essence
    }

    /// The boundary that it names.
    pub(super) fn boundary(&self) -> Option<&str> {
        self.boundary.as_deref()
    }

    /// The media type and its character set, in their only spelling.
    pub(super) fn plain(&self) -> String {
        let charset = if self.utf8 { "; charset=utf-8" } else { "" };
        format!("{}{charset}", self.essence)
    }

    /// The kind of body that it says, of those the catalogue has. A boundary belongs to multipart.
    pub(super) fn choose<'a>(&self, expected: &'a RequestBody) -> Option<&'a RequestContent> {
        let mut contents = expected.contents.iter();
        let content = contents.find(|content| *content.media_type == self.essence)?;
        let format = content.fields.as_ref().map(|fields| &fields.format);
        let multipart = format == Some(&RequestFormat::Multipart);
        (multipart || self.boundary.is_none()).then_some(content)
    }
}

/// One `name=value`, the value a token or quoted, and what stands behind it and its semicolon.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.trim_start_matches([' ', '\t']).split_once('=')?;
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => rest.split_at(rest.find([';', ' ', '\t']).unwrap_or(rest.len())),
    };
    let quotable = |letter: char| letter.is_ascii_graphic() && letter != '\\';
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = match rest.strip_prefix(';') {
        Some(behind) if !behind.trim().is_empty() => behind,
        None if rest.is_empty() => rest,
        _ => return None,
    };
    (is_token(name) && !value.is_empty() && value.chars().all(quotable))
        .then_some((name, value, rest))
}

/// `token` of RFC 9110 section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(of_token)
}

/// `boundary` of RFC 2046 section 5.1.1, without the space, which some readers strip.
fn is_boundary(text: &str) -> bool {
    let of_boundary = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (1..=BOUNDARY_BYTES_MAX).contains(&text.len()) && text.bytes().all(of_boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_has_one_reading_or_none() {
        for (text, plain, boundary) in [
            ("application/json", "application/json", None),
            (
                "Application/JSON ; charset=UTF-8",
                "application/json; charset=utf-8",
                None,
            ),
            (
                "text/xml;charset=\"utf-8\"",
                "text/xml; charset=utf-8",
                None,
            ),
            (
                "multipart/form-data; boundary=a-b",
                "multipart/form-data",
                Some("a-b"),
            ),
            (
                "multipart/form-data; boundary=\"a:b\"",
                "multipart/form-data",
                Some("a:b"),
            ),
        ] {
            let read = ContentType::parse(text);
            let read = read.as_ref().map(|read| (read.plain(), read.boundary()));
            assert_eq!(read, Some((plain.to_owned(), boundary)), "{text}");
        }
        for text in [
            "",
            "json",
            "application/json, text/html",
            "application/json;",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-8",
            "application/json; version=1",
            "application/json; charset=utf-8;",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a b",
            "multipart/form-data; boundary=\"a\\\"b\"",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=a; boundary=b",
            "multipart/form-data; boundary*=utf-8''a",
            "multipart/form-data; boundary*0=a; boundary*1=b",
        ] {
            assert_eq!(ContentType::parse(text), None, "{text}");
        }
        let longest = format!("multipart/form-data; boundary={}", "b".repeat(70));
        assert!(ContentType::parse(&longest).is_some());
        assert!(ContentType::parse(&format!("{longest}b")).is_none());
    }
}
