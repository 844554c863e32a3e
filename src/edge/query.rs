//! The query of a request target, taken apart once and put together again for the core, so that both
//! see the same parameters. Which parameters an operation knows is the catalogue's to say.
//!
//! `+` is read as a space, as every form encoder writes it, and forwarded as `%20`, which has only one
//! reading; who means a plus sends `%2B`. A raw `;` is refused: some servers separate parameters by it.

use std::fmt;

use crate::edge::headers::is_token;
use crate::edge::percent;
use crate::identity::api_key::PresentedKey;

/// Parameters in one query at most.
const PARAMETERS_MAX: usize = 64;
/// Bytes of one decoded name at most.
const NAME_BYTES_MAX: usize = 128;
/// Bytes of one decoded value at most.
const VALUE_BYTES_MAX: usize = 4096;
/// Fields in one form at most.
const FORM_FIELDS_MAX: usize = 512;
/// Bytes of one decoded value of a form at most.
const FORM_VALUE_BYTES_MAX: usize = 1 << 20;

/// How much is read, and what a value may hold.
#[derive(Clone, Copy)]
struct Bounds {
    parameters_max: usize,
    value_bytes_max: usize,
    /// Whether a value may hold line ends and tabs, as a letter's text does.
    lines: bool,
}

/// Decoded parameters in the order they were sent. A name occurs once, unless it ends in `[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    parameters: Vec<(String, String)>,
}

/// Why a query cannot be read in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryMistake {
    /// The same name twice, or a name both with and without `[]`.
    #[error("the query names a parameter twice")]
    Duplicate,
    /// `&&`, or `=` with nothing before it.
    #[error("the query has a parameter without a name")]
    NoName,
    /// A character that must be percent-encoded, or a control character even so.
    #[error("the query has a character that is not allowed there")]
    ForbiddenCharacter,
    /// `%` without two hexadecimal digits.
    #[error("the query has an incomplete percent-encoding")]
    BrokenEncoding,
    /// Not UTF-8 once decoded.
    #[error("the query is not UTF-8 once decoded")]
    NotText,
    /// More than 64 parameters (512 fields of a form), a name over 128 bytes or a value over 4096 (1 MiB
    /// in a form).
    #[error("the query has too many parameters, or too long ones")]
    TooLarge,
    /// RFC 6750 section 2.3 lets a token stand in the query, where logs keep it; this gateway does not.
    #[error("the query holds an access token or an API key")]
    TokenInQuery,
}

/// Parameters that hold a token if what they hold looks like one. Under other names a core may have cursors of
/// that look.
const TOKEN_NAMES: [&str; 5] = ["token", "id_token", "jwt", "bearer", "authorization"];

fn holds_token(name: &str, value: &str) -> bool {
    let is_named = TOKEN_NAMES.iter().any(|one| name.eq_ignore_ascii_case(one));
    name.eq_ignore_ascii_case("access_token")
        || (is_named && is_token(value.as_bytes()))
        || PresentedKey::parse(value).is_some()
}

impl Query {
    /// Reads what stands after the `?`; nothing, or nothing after it, is an empty query.
    ///
    /// # Errors
    /// When two readers could disagree about it, or it holds an access token.
    pub fn parse(raw: Option<&str>) -> Result<Self, QueryMistake> {
        let bounds = Bounds {
            parameters_max: PARAMETERS_MAX,
            value_bytes_max: VALUE_BYTES_MAX,
            lines: false,
        };
        Self::within(raw.unwrap_or_default(), bounds)
    }

    /// Reads a body of `application/x-www-form-urlencoded` by the same rules; it may have 512 fields,
    /// each of up to 1 MiB, in which lines may end.
    ///
    /// # Errors
    /// As of a query.
    pub fn parse_form(raw: &str) -> Result<Self, QueryMistake> {
        let bounds = Bounds {
            parameters_max: FORM_FIELDS_MAX,
            value_bytes_max: FORM_VALUE_BYTES_MAX,
            lines: true,
        };
        Self::within(raw, bounds)
    }

    fn within(raw: &str, bounds: Bounds) -> Result<Self, QueryMistake> {
        let mut query = Self::default();
        if raw.is_empty() {
            return Ok(query);
        }
        for parameter in raw.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = (decode(name, false)?, decode(value, bounds.lines)?);
            if name.is_empty() || name == "[]" {
                return Err(QueryMistake::NoName);
            }
            if holds_token(&name, &value) {
                return Err(QueryMistake::TokenInQuery);
            }
            if query.clashes_with(&name) {
                return Err(QueryMistake::Duplicate);
            }
            let full = query.parameters.len() == bounds.parameters_max;
            if full || name.len() > NAME_BYTES_MAX || value.len() > bounds.value_bytes_max {
                return Err(QueryMistake::TooLarge);
            }
            query.parameters.push((name, value));
        }
        Ok(query)
    }

    /// The value of a parameter that occurs once.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// The values of a parameter in the order sent; more than one only where the name ends in `[]`.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// Names and values in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Takes every value of a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.parameters.retain(|(other, _)| other != name);
    }

    /// Gives a parameter this value and no other.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    /// A list and a single value of the same name are one parameter to some servers.
    fn clashes_with(&self, name: &str) -> bool {
        self.iter().any(|(other, _)| {
            let both_lists = name == other && name.ends_with("[]");
            stem(other) == stem(name) && !both_lists
        })
    }
}

impl fmt::Display for Query {
    /// The only spelling, without the `?`: everything but unreserved characters is encoded, `[]` at the
    /// end of a name excepted, and every parameter has its `=`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (name, value) in self.iter() {
            if !text.is_empty() {
                text.push('&');
            }
            percent::encode(
                name,
                |byte| percent::is_unreserved(byte) || matches!(byte, b'[' | b']'),
                &mut text,
            );
            text.push('=');
            percent::encode(value, percent::is_unreserved, &mut text);
        }
        formatter.write_str(&text)
    }
}

fn stem(name: &str) -> &str {
    name.strip_suffix("[]").unwrap_or(name)
}

fn decode(raw: &str, lines: bool) -> Result<String, QueryMistake> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                percent::octet(bytes.next(), bytes.next()).ok_or(QueryMistake::BrokenEncoding)?
            }
            b'+' => b' ',
            plain if stands_for_itself(plain) => plain,
            _ => return Err(QueryMistake::ForbiddenCharacter),
        });
    }
    let text = String::from_utf8(decoded).map_err(|_| QueryMistake::NotText)?;
    let in_lines = |letter: char| lines && matches!(letter, '\t' | '\n' | '\r');
    if text
        .chars()
        .any(|letter| letter.is_control() && !in_lines(letter))
    {
        return Err(QueryMistake::ForbiddenCharacter);
    }
    Ok(text)
}

/// `query` of RFC 3986 section 3.4 without `;`, and with the brackets that clients do not encode.
fn stands_for_itself(byte: u8) -> bool {
    percent::is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b','
                | b'='
                | b':'
                | b'@'
                | b'/'
                | b'?'
                | b'['
                | b']'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelled(raw: &str) -> Result<String, QueryMistake> {
        Query::parse(Some(raw)).map(|query| query.to_string())
    }

    #[test]
    fn parameters_are_decoded_and_spelled_one_way() {
        for (raw, canonical) in [
            ("", ""),
            ("limit=50", "limit=50"),
            ("a=b+c&d=%2b", "a=b%20c&d=%2B"),
            ("flag", "flag="),
            ("a=b=c", "a=b%3Dc"),
            ("include[]=x&include%5B%5D=y", "include[]=x&include[]=y"),
            ("%6Cimit=5", "limit=5"),
            ("q=%c3%a9", "q=%C3%A9"),
        ] {
            assert_eq!(spelled(raw).as_deref(), Ok(canonical), "{raw}");
        }
        assert_eq!(Query::parse(None), Ok(Query::default()));
        let query = Query::parse(Some("include[]=x&include[]=y&a=1")).expect("a query");
        assert_eq!(query.list("include[]").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("b"), None);
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        use QueryMistake as M;
        for (raw, mistake) in [
            ("limit=5&limit=500", M::Duplicate),
            ("limit=5&%6cimit=500", M::Duplicate),
            ("a[]=1&a=2", M::Duplicate),
            ("a=1&a[]=2", M::Duplicate),
            ("a=1&&b=2", M::NoName),
            ("a=1&", M::NoName),
            ("=1", M::NoName),
            ("[]=1", M::NoName),
            ("a=1;b=2", M::ForbiddenCharacter),
            ("a=1#b", M::ForbiddenCharacter),
            ("a=\\", M::ForbiddenCharacter),
            ("a=%00", M::ForbiddenCharacter),
            ("a=%0d%0a", M::ForbiddenCharacter),
            ("a=é", M::ForbiddenCharacter),
            ("a=%", M::BrokenEncoding),
            ("a=%u0041", M::BrokenEncoding),
            ("a=%ff", M::NotText),
            ("access_token=x", M::TokenInQuery),
            ("Access%5ftoken=x", M::TokenInQuery),
            (
                "a=covenant_abcdefghij23_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                M::TokenInQuery,
            ),
        ] {
            assert_eq!(spelled(raw), Err(mistake), "{raw}");
        }
        let many: Vec<String> = (0..=PARAMETERS_MAX).map(|n| format!("p{n}=1")).collect();
        assert_eq!(spelled(&many.join("&")), Err(M::TooLarge));
        assert_eq!(spelled(&"n".repeat(NAME_BYTES_MAX + 1)), Err(M::TooLarge));
    }

    #[test]
    fn a_parameter_can_be_set_by_the_gateway() {
        let mut query = Query::parse(Some("a=1&b=2")).expect("a query");
        query.set("a", "x&y");
        assert_eq!(query.to_string(), "b=2&a=x%26y");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn reading_its_spelling_again_changes_nothing(raw in "([a-c]|%[2-7][0-9a-f]|[=&+é]|\\[\\]|%C3%A9){0,16}") {
            if let Ok(query) = Query::parse(Some(&raw)) {
                prop_assert_eq!(Query::parse(Some(&query.to_string())), Ok(query));
            }
        }
    }
}
