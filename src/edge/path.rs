//! The one spelling of a path. It is decided here, once: what is matched, decided on and forwarded is
//! the same string, so no later reader can take it for another path. Does not know which paths exist.

use std::fmt;

use crate::edge::percent;

/// Segments of a path at most; longer ones name nothing here.
const SEGMENTS_MAX: usize = 64;

/// A path in its only spelling: `/` followed by segments that are not empty, not `.` or `..`, whose
/// characters stand for themselves where RFC 3986 section 3.3 lets them, and are otherwise
/// percent-encoded in upper case. Two paths with the same decoded segments are the same string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalPath {
    text: String,
    segments: Vec<String>,
}

/// Why a path has no canonical spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathMistake {
    /// It does not begin with `/`.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// `//`, or a slash at the end: the same place under two names for most servers.
    #[error("the path has an empty segment or ends in a slash")]
    EmptySegment,
    /// `.` or `..`, encoded or not.
    #[error("the path has a dot segment")]
    DotSegment,
    /// A character that must not stand in a path, or not unencoded.
    #[error("the path has a character that is not allowed there")]
    ForbiddenCharacter,
    /// An encoded character that some server would take for syntax: `/ \ ; ? # %` or a control.
    #[error("the path has a percent-encoded character that is not allowed there")]
    ForbiddenEncoding,
    /// `%` without two hexadecimal digits.
    #[error("the path has an incomplete percent-encoding")]
    BrokenEncoding,
    /// Not UTF-8 once decoded; overlong forms are not UTF-8 either.
    #[error("the path is not UTF-8 once decoded")]
    NotText,
    /// More than 64 segments.
    #[error("the path has too many segments")]
    TooManySegments,
}

impl CanonicalPath {
    /// Reads the path of a request target, without its query.
    ///
    /// # Errors
    /// When two readers could disagree about it; nothing is repaired but the percent-encoding of
    /// characters that need none.
    pub fn parse(raw: &str) -> Result<Self, PathMistake> {
        let rest = raw.strip_prefix('/').ok_or(PathMistake::NotAbsolute)?;
        if rest.is_empty() {
            return Ok(Self {
                text: "/".to_owned(),
                segments: Vec::new(),
            });
        }
        let mut text = String::with_capacity(raw.len());
        let mut segments = Vec::new();
        for raw_segment in rest.split('/') {
            if segments.len() == SEGMENTS_MAX {
                return Err(PathMistake::TooManySegments);
            }
            let segment = decode_segment(raw_segment)?;
            text.push('/');
            percent::encode(&segment, stands_for_itself, &mut text);
            segments.push(segment);
        }
        Ok(Self { text, segments })
    }

    /// The path whose decoded segments are these.
    ///
    /// # Errors
    /// When one of them cannot stand in a path, as one with a slash.
    pub fn of<'a>(segments: impl IntoIterator<Item = &'a str>) -> Result<Self, PathMistake> {
        let mut raw = String::new();
        for segment in segments {
            raw.push('/');
            percent::encode(segment, percent::is_unreserved, &mut raw);
        }
        Self::parse(&raw)
    }

    /// The exact string that is matched and forwarded.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The decoded segments; none for `/`.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn decode_segment(raw: &str) -> Result<String, PathMistake> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !stands_for_itself(byte) {
                return Err(PathMistake::ForbiddenCharacter);
            }
            decoded.push(byte);
            continue;
        }
        let byte = percent::octet(bytes.next(), bytes.next()).ok_or(PathMistake::BrokenEncoding)?;
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b';' | b'?' | b'#' | b'%') {
            return Err(PathMistake::ForbiddenEncoding);
        }
        decoded.push(byte);
    }
    let segment = String::from_utf8(decoded).map_err(|_| PathMistake::NotText)?;
    if segment.is_empty() {
        return Err(PathMistake::EmptySegment);
    }
    if segment == "." || segment == ".." {
        return Err(PathMistake::DotSegment);
    }
    if segment.chars().any(char::is_control) {
        return Err(PathMistake::ForbiddenEncoding);
    }
    Ok(segment)
}

/// `pchar` of RFC 3986 without `;`, which servers split path parameters at, and without `%`.
fn stands_for_itself(byte: u8) -> bool {
    percent::is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_path_has_one_spelling() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/v1/customers/cus_1", "/v1/customers/cus_1"),
            ("/%76%31/%7Ea", "/v1/~a"),
            ("/a%20b", "/a%20b"),
            ("/a%c3%a9", "/a%C3%A9"),
            ("/a%2Bb", "/a+b"),
            ("/...", "/..."),
            ("/.well-known", "/.well-known"),
        ] {
            let path = CanonicalPath::parse(raw).expect(raw);
            assert_eq!(path.as_str(), canonical);
        }
        let path = CanonicalPath::parse("/a%20b/c").expect("a path");
        assert_eq!(path.segments(), ["a b", "c"]);
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        use PathMistake as M;
        for (raw, mistake) in [
            ("", M::NotAbsolute),
            ("*", M::NotAbsolute),
            ("v1", M::NotAbsolute),
            ("//", M::EmptySegment),
            ("/a//b", M::EmptySegment),
            ("/a/", M::EmptySegment),
            ("/a/./b", M::DotSegment),
            ("/a/..", M::DotSegment),
            ("/a/%2e%2E/b", M::DotSegment),
            ("/a/.%2e", M::DotSegment),
            ("/a%2fb", M::ForbiddenEncoding),
            ("/a%5Cb", M::ForbiddenEncoding),
            ("/a%00", M::ForbiddenEncoding),
            ("/a%0d%0a", M::ForbiddenEncoding),
            ("/a%7f", M::ForbiddenEncoding),
            ("/a%3bb", M::ForbiddenEncoding),
            ("/a%3f", M::ForbiddenEncoding),
            ("/a%23", M::ForbiddenEncoding),
            ("/a%252e", M::ForbiddenEncoding),
            ("/a%c2%85", M::ForbiddenEncoding),
            ("/a;b", M::ForbiddenCharacter),
            ("/..;/b", M::ForbiddenCharacter),
            ("/a\\b", M::ForbiddenCharacter),
            ("/a#b", M::ForbiddenCharacter),
            ("/a?b", M::ForbiddenCharacter),
            ("/a b", M::ForbiddenCharacter),
            ("/é", M::ForbiddenCharacter),
            ("/a[1]", M::ForbiddenCharacter),
            ("/a%", M::BrokenEncoding),
            ("/a%2", M::BrokenEncoding),
            ("/a%zz", M::BrokenEncoding),
            ("/a%u002e", M::BrokenEncoding),
            ("/%c0%ae%c0%ae", M::NotText),
            ("/a%ff", M::NotText),
            ("/%ed%a0%80", M::NotText),
        ] {
            assert_eq!(CanonicalPath::parse(raw), Err(mistake), "{raw}");
        }
        let deep = "/a".repeat(SEGMENTS_MAX + 1);
        assert_eq!(CanonicalPath::parse(&deep), Err(M::TooManySegments));
    }

    #[test]
    fn a_path_is_made_of_segments_that_can_stand_in_one() {
        let of = |segments: &[&str]| CanonicalPath::of(segments.iter().copied());
        assert_eq!(
            of(&["v1", "a b@é"]).expect("a path").as_str(),
            "/v1/a%20b@%C3%A9"
        );
        for segment in [
            "", ".", "..", "a/b", "a\\b", "a%2fb", "a?b", "a#b", "a;b", "a\n",
        ] {
            assert!(of(&["v1", segment]).is_err(), "{segment:?}");
        }
    }

    /// The slow way: take the string apart, then say what must hold of the parts.
    fn model(raw: &str) -> Option<Vec<String>> {
        let segments = raw.strip_prefix('/')?;
        if segments.is_empty() {
            return Some(Vec::new());
        }
        segments
            .split('/')
            .map(|segment| {
                let mut octets = Vec::new();
                let mut rest = segment;
                while let Some(first) = rest.chars().next() {
                    if first == '%' {
                        let hexadecimal = rest.get(1..3)?;
                        if !hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                            return None;
                        }
                        let octet = u8::from_str_radix(hexadecimal, 16).ok()?;
                        if b"/\\;?#%".contains(&octet) {
                            return None;
                        }
                        octets.push(octet);
                        rest = rest.get(3..)?;
                    } else {
                        let plain =
                            first.is_ascii_alphanumeric() || "-._~!$&'()*+,=:@".contains(first);
                        if !plain {
                            return None;
                        }
                        octets.push(first as u8);
                        rest = &rest[1..];
                    }
                }
                String::from_utf8(octets).ok().filter(|segment| {
                    !["", ".", ".."].contains(&segment.as_str())
                        && !segment.chars().any(char::is_control)
                })
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_agrees_with_the_slow_way(raw in "(/|%2[eEfF5]|%[0-9a-f]{2}|%C3%A9|[.a-c;?#\\\\é%+]){0,12}") {
            let path = CanonicalPath::parse(&raw).ok();
            prop_assert_eq!(path.map(|path| path.segments), model(&raw).filter(|s| s.len() <= SEGMENTS_MAX));
        }

        #[test]
        fn reading_it_again_changes_nothing(raw in "(/(%[2-7][0-9a-f]|[.a-c+é]|%C3%A9){1,4}){0,6}") {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                prop_assert_eq!(CanonicalPath::parse(path.as_str()), Ok(path.clone()));
            }
        }
    }
}
