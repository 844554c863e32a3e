//! The head of one HTTP/1.1 request: read line by line, judged whole, written anew.

use bytes::{BufMut, BytesMut};

use super::line::{Line, LineMistake, field, has_underscore};
use crate::edge::headers::HeaderMistake;
use crate::edge::limits::Limits;
use crate::edge::{
    body_too_large, body_without_meaning, expectation_failed, headers_too_large, host,
    is_known_method, malformed, may_have_body, uri_too_long,
};
use crate::refusal::Refusal;

/// Bytes of a request line beside its target: the longest method, two spaces, the version.
const REQUEST_LINE_OVERHEAD_BYTES: usize = 7 + 1 + 1 + 8;
/// Bytes within which the method must have ended.
const METHOD_BYTES_MAX: usize = 8;

/// Fields that the judge consumes: they frame the message, change the protocol, or are written anew.
const CONSUMED: [&str; 9] = [
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How the body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No body.
    None,
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// A head being collected.
#[derive(Debug, Default)]
pub(super) struct Head {
    line: Line,
    request_line: Option<RequestLine>,
    fields: Vec<(String, Vec<u8>)>,
    field_bytes: usize,
}

#[derive(Debug)]
struct RequestLine {
    method: String,
    target: String,
    /// The authority of an absolute-form target.
    authority: Option<String>,
}

/// A head with one reading.
#[derive(Debug)]
pub(super) struct CleanHead {
    request_line: RequestLine,
    host: String,
    fields: Vec<(String, Vec<u8>)>,
    expects_continue: bool,
    /// How the body that follows is framed.
    pub(super) framing: Framing,
}

impl Head {
    /// Whether no byte of it has come.
    pub(super) fn is_untouched(&self) -> bool {
        self.request_line.is_none() && self.line.is_untouched()
    }

    /// Takes bytes up to the end of the head. Returns how many, and whether it is whole.
    pub(super) fn feed(&mut self, bytes: &[u8], limits: &Limits) -> Result<(usize, bool), Refusal> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let (more, whole) = match &self.request_line {
                None => self.feed_request_line(rest, limits)?,
                Some(_) => self.feed_field_line(rest, limits)?,
            };
            taken += more;
            if !whole {
                break;
            }
            let line = self.line.take();
            if self.request_line.is_none() {
                self.request_line = Some(RequestLine::parse(&line, limits)?);
            } else if line.is_empty() {
                return Ok((taken, true));
            } else {
                self.add_field(&line, limits)?;
            }
        }
        Ok((taken, false))
    }

    fn feed_request_line(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<(usize, bool), Refusal> {
        let bytes_max = limits.uri_bytes_max + REQUEST_LINE_OVERHEAD_BYTES;
        let fed = self.line.feed(bytes, bytes_max);
        let start = self.line.bytes();
        let method_over = start
            .iter()
            .take(METHOD_BYTES_MAX)
            .any(|byte| *byte == b' ');
        if !method_over && (start.len() >= METHOD_BYTES_MAX || matches!(fed, Ok((_, true)))) {
            return Err(malformed(
                "the request does not begin with a method that is served here",
                "send an HTTP/1.1 request line",
            ));
        }
        fed.map_err(|mistake| match mistake {
            LineMistake::TooLong => uri_too_long(limits),
            LineMistake::Control => {
                malformed(mistake.to_string(), "end every line of the head in CR LF")
            }
        })
    }

    fn feed_field_line(&mut self, bytes: &[u8], limits: &Limits) -> Result<(usize, bool), Refusal> {
        let left = limits.header_bytes_max.saturating_sub(self.field_bytes);
        self.line
            .feed(bytes, left)
            .map_err(|mistake| match mistake {
                LineMistake::TooLong => headers_too_large(limits),
                LineMistake::Control => {
                    malformed(mistake.to_string(), "end every line of the head in CR LF")
                }
            })
    }

    fn add_field(&mut self, line: &[u8], limits: &Limits) -> Result<(), Refusal> {
        self.field_bytes += line.len() + 2;
        if self.fields.len() == limits.header_count_max
            || self.field_bytes > limits.header_bytes_max
        {
            return Err(headers_too_large(limits));
        }
        let (name, value) = field(line).ok_or_else(|| no_field(line))?;
        self.fields
            .push((name.to_ascii_lowercase(), value.to_vec()));
        Ok(())
    }

    /// Judges the whole head.
    pub(super) fn finish(mut self, limits: &Limits) -> Result<CleanHead, Refusal> {
        let Some(request_line) = self.request_line.take() else {
            return Err(malformed(
                "the request line is missing",
                "send an HTTP/1.1 request line",
            ));
        };
        let host = self.host(&request_line)?;
        let framing = self.framing(&request_line.method, limits)?;
        let expects_continue = match self.values("expect").as_slice() {
            [] => false,
            [only] if only.eq_ignore_ascii_case(b"100-continue") => framing != Framing::None,
            _ => return Err(expectation_failed()),
        };
        let mut fields = self.fields;
        fields.retain(|(name, _)| !CONSUMED.contains(&name.as_str()));
        Ok(CleanHead {
            request_line,
            host,
            fields,
            expects_continue,
            framing,
        })
    }

    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.fields
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.as_slice())
            .collect()
    }

    fn host(&self, request_line: &RequestLine) -> Result<String, Refusal> {
        let host = match self.values("host").as_slice() {
            [only] => std::str::from_utf8(only).ok().and_then(host::canonical),
            _ => None,
        };
        match (host, &request_line.authority) {
            (Some(host), None) => Ok(host),
            (Some(host), Some(authority)) if host == *authority => Ok(host),
            _ => Err(malformed(
                "there is not exactly one valid `Host`, or the request target names another",
                "send one `Host` header with the host name you were given",
            )),
        }
    }

    /// RFC 9112 section 6, without its leniencies.
    fn framing(&self, method: &str, limits: &Limits) -> Result<Framing, Refusal> {
        let unclear = |detail: &str| {
            malformed(
                detail,
                "send either one `Content-Length` in digits or `Transfer-Encoding: chunked`",
            )
        };
        let framing = match (
            self.values("content-length").as_slice(),
            self.values("transfer-encoding").as_slice(),
        ) {
            ([], []) => Framing::None,
            ([length], []) => {
                let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
                let length = std::str::from_utf8(length).ok().filter(|_| digits);
                match length.map(str::parse::<u64>) {
                    Some(Ok(length)) => Framing::Length(length),
                    _ => return Err(unclear("`Content-Length` is not a plain number")),
                }
            }
            ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
            ([], _) => return Err(unclear("`Transfer-Encoding` is not exactly `chunked`")),
            (_, []) => return Err(unclear("`Content-Length` was sent more than once")),
            _ => {
                return Err(unclear(
                    "both `Content-Length` and `Transfer-Encoding` were sent",
                ));
            }
        };
        match framing {
            Framing::None | Framing::Length(0) => Ok(framing),
            _ if !may_have_body(method) => Err(body_without_meaning()),
            Framing::Length(length) if length > limits.body_bytes_max => {
                Err(body_too_large(limits))
            }
            _ => Ok(framing),
        }
    }
}

impl RequestLine {
    fn parse(line: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        let unclear = |detail: &str| {
            malformed(
                detail,
                "send `METHOD /path HTTP/1.1` with the target percent-encoded",
            )
        };
        let text =
            std::str::from_utf8(line).map_err(|_| unclear("the request line is not ASCII"))?;
        let mut words = text.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(unclear(
                "the request line is not a method, a target and a version",
            ));
        };
        if !is_known_method(method) {
            return Err(unclear("this method is not served here"));
        }
        if version != "HTTP/1.1" {
            return Err(unclear("only HTTP/1.1 and HTTP/2 are spoken here"));
        }
        if target.len() > limits.uri_bytes_max {
            return Err(uri_too_long(limits));
        }
        if !target.bytes().all(is_target_byte) {
            return Err(unclear(
                "the request target has a character that is not allowed there",
            ));
        }
        let (authority, target) = split_target(target).ok_or_else(|| {
            unclear("the request target is neither a path nor an `https` address")
        })?;
        Ok(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            authority,
        })
    }
}

/// Origin form, or absolute form taken apart into its authority and its path.
fn split_target(target: &str) -> Option<(Option<String>, &str)> {
    if target.starts_with('/') {
        return Some((None, target));
    }
    let scheme = target
        .get(..8)
        .filter(|scheme| scheme.eq_ignore_ascii_case("https://"))?;
    let rest = target.get(scheme.len()..)?;
    let path = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = (rest.get(..path)?, rest.get(path..)?);
    let path = if path.is_empty() { "/" } else { path };
    Some((Some(host::canonical(authority)?), path))
}

/// What RFC 3986 lets stand in a path or query, with the brackets that clients do not encode. No `#`:
/// a fragment is never sent, and servers differ about it.
fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte)
}

impl CleanHead {
    /// Writes it the way it was understood.
    pub(super) fn write(&self, output: &mut BytesMut) {
        let line = &self.request_line;
        for part in [
            &line.method,
            " ",
            &line.target,
            " HTTP/1.1\r\nhost: ",
            &self.host,
            "\r\n",
        ] {
            output.put_slice(part.as_bytes());
        }
        for (name, value) in &self.fields {
            output.put_slice(name.as_bytes());
            output.put_slice(b": ");
            output.put_slice(value);
            output.put_slice(b"\r\n");
        }
        if self.expects_continue {
            output.put_slice(b"expect: 100-continue\r\n");
        }
        match self.framing {
            Framing::None => {}
            Framing::Length(length) => {
                output.put_slice(format!("content-length: {length}\r\n").as_bytes());
            }
            Framing::Chunked => output.put_slice(b"transfer-encoding: chunked\r\n"),
        }
        output.put_slice(b"\r\n");
    }
}

/// The line is no field.
fn no_field(line: &[u8]) -> Refusal {
    let has_underscore = has_underscore(line);
    malformed(
        match has_underscore {
            true => HeaderMistake::Underscore.to_string(),
            false => "a header line is not a name, a colon and a value".to_owned(),
        },
        match has_underscore {
            true => "send the name with hyphens, or leave the header out",
            false => {
                "send header names of letters, digits and hyphens, with the colon at once after them"
            }
        },
    )
}
