//! A body of `multipart/form-data` (RFC 7578, RFC 2046 section 5.1): one strict reading of the whole
//! body, or none, and the same parts written anew under a boundary of our own. What the parsers of
//! common servers are known to differ about (quoting, folded or repeated headers, encodings, text
//! before the first and behind the last part, RFC 2231 names) does not pass.

use std::fmt;

use aws_lc_rs::digest;
use memchr::memmem;

use super::content_type::{ContentType, is_token};
use super::fields::malformed;
use super::json;
use super::sent::Sent;
use crate::refusal::{Code, Refusal};

/// Parts of one body at most.
const PARTS_MAX: usize = 512;
/// Bytes of the head of one part at most.
const HEAD_BYTES_MAX: usize = 2_048;
/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 128;
/// Bytes of the name of a file at most.
const FILE_NAME_BYTES_MAX: usize = 255;
/// Bytes of a text at most.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    name: &'a str,
    file_name: Option<&'a str>,
    content_type: Option<ContentType>,
    content: &'a [u8],
}

/// Why a body has no one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// It does not begin with the boundary, or nothing ends it, or something stands behind its end.
    Framing,
    /// The boundary also stands within a part.
    Boundary,
    /// A part's head is no list of known header fields, each once.
    Head,
    /// A `Content-Disposition` that is not `form-data` with a plain name.
    Disposition,
    /// A name of a file that could be a path, or that readers decode differently.
    FileName,
    /// A part that is encoded once more.
    Encoding,
    /// More parts, or longer ones, than are read.
    TooLarge,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Framing => "it is not parts between boundaries and nothing else",
            Self::Boundary => "its boundary also stands within a part",
            Self::Head => "the head of a part has other header fields than are known, or one twice",
            Self::Disposition => "a part is not `form-data` with one plain name",
            Self::FileName => "the name of a file could be read in two ways, or is too long",
            Self::Encoding => "a part is encoded, or is no UTF-8 text",
            Self::TooLarge => "it has too many parts, or too long ones",
        })
    }
}

/// The refusal for it.
pub(super) fn refusal(mistake: Mistake) -> Box<Refusal> {
    Refusal::new(
        Code::RequestMalformed,
        format!("The multipart body is not acceptable: {mistake}."),
        "Let a library write the body, with plain names and each field once.",
    )
    .into()
}

/// Takes a body apart.
pub(super) fn parse<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Mistake> {
    let delimiter = format!("--{boundary}");
    let delimiter = delimiter.as_bytes();
    let mut rest = body.strip_prefix(delimiter).ok_or(Mistake::Framing)?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            let ended = matches!(end, b"" | b"\r\n") && !parts.is_empty();
            return if ended {
                Ok(parts)
            } else {
                Err(Mistake::Framing)
            };
        }
        rest = rest.strip_prefix(b"\r\n").ok_or(Mistake::Framing)?;
        let end = memmem::find(rest, delimiter).ok_or(Mistake::Framing)?;
        let (part, behind) = rest.split_at(end);
        // The first one is the end of the part, or the part holds what would be an end to others.
        let part = part.strip_suffix(b"\r\n").ok_or(Mistake::Boundary)?;
        rest = behind.strip_prefix(delimiter).ok_or(Mistake::Framing)?;
        if parts.len() == PARTS_MAX {
            return Err(Mistake::TooLarge);
        }
        parts.push(Part::parse(part)?);
    }
}

impl<'a> Part<'a> {
    fn parse(part: &'a [u8]) -> Result<Self, Mistake> {
        let start = part.get(..HEAD_BYTES_MAX.min(part.len())).unwrap_or(part);
        let end = memmem::find(start, b"\r\n\r\n").ok_or(Mistake::Head)?;
        let (head, content) = part.split_at(end);
        let content = content.get(4..).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| Mistake::Head)?;
        let mut disposition = None;
        let mut content_type = None;
        let mut others = Vec::new();
        for line in head.split("\r\n") {
            let (name, value) = line.split_once(':').ok_or(Mistake::Head)?;
            let value = value.trim_matches([' ', '\t']);
            if !is_token(name) || value.is_empty() || value.chars().any(char::is_control) {
                return Err(Mistake::Head);
            }
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "content-disposition" if disposition.is_none() => {
                    disposition = Some(Disposition::parse(value)?);
                }
                "content-type" if content_type.is_none() => {
                    content_type = Some(ContentType::parse(value).ok_or(Mistake::Head)?);
                }
                "content-transfer-encoding" if !others.contains(&name) => {
                    let plain = ["7bit", "8bit", "binary"];
                    if !plain.iter().any(|one| value.eq_ignore_ascii_case(one)) {
                        return Err(Mistake::Encoding);
                    }
                    others.push(name);
                }
                "content-length" if !others.contains(&name) => {
                    if value != content.len().to_string() {
                        return Err(Mistake::Head);
                    }
                    others.push(name);
                }
                _ => return Err(Mistake::Head),
            }
        }
        let nested = content_type.as_ref().is_some_and(|one: &ContentType| {
            one.boundary().is_some() || one.essence().starts_with("multipart/")
        });
        if nested {
            return Err(Mistake::Head);
        }
        let Disposition { name, file_name } = disposition.ok_or(Mistake::Disposition)?;
        Ok(Self {
            name,
            file_name,
            content_type,
            content,
        })
    }

    /// What it holds: a file where it has the name of one or a media type that is no text; a JSON
    /// document; a text.
    fn sent(&self) -> Result<Sent, Box<Refusal>> {
        let media_type = self.content_type.as_ref().map(ContentType::essence);
        match (self.file_name, media_type) {
            (None, None | Some("text/plain")) => self.text().map(Sent::Text).map_err(refusal),
            (None, Some("application/json")) => json(self.content),
            (_, media_type) => Ok(Sent::File(media_type.unwrap_or_default().to_owned())),
        }
    }

    fn text(&self) -> Result<String, Mistake> {
        if self.content.len() > TEXT_BYTES_MAX {
            return Err(Mistake::TooLarge);
        }
        let text = std::str::from_utf8(self.content).map_err(|_| Mistake::Encoding)?;
        let in_lines = |letter: char| matches!(letter, '\t' | '\n' | '\r');
        if text.chars().any(|one| one.is_control() && !in_lines(one))
            || text.starts_with('\u{feff}')
        {
            return Err(Mistake::Encoding);
        }
        Ok(text.to_owned())
    }
}

/// What the parts are, by their names.
///
/// # Errors
/// `request-malformed` for a part that is not what it says, or that is there twice.
pub(super) fn fields<'a>(parts: &[Part<'a>]) -> Result<Vec<(&'a str, Sent)>, Box<Refusal>> {
    let mut fields = Vec::new();
    for part in parts {
        let sent = part.sent()?;
        // A document's members and members in brackets would be one thing to some servers.
        let stem = |name: &'a str| name.split('[').next().unwrap_or_default();
        let document = matches!(sent, Sent::Members(_) | Sent::List(_));
        let beside = parts
            .iter()
            .filter(|other| stem(other.name) == stem(part.name));
        if document && beside.count() > 1 {
            return Err(malformed(
                "a field that is there twice, or is two kinds of thing at once",
            ));
        }
        fields.push((part.name, sent));
    }
    Ok(fields)
}

/// The two names of a part (RFC 7578 section 4.2).
struct Disposition<'a> {
    name: &'a str,
    file_name: Option<&'a str>,
}

impl<'a> Disposition<'a> {
    fn parse(text: &'a str) -> Result<Self, Mistake> {
        let (kind, mut rest) = text.split_once(';').ok_or(Mistake::Disposition)?;
        if !kind
            .trim_matches([' ', '\t'])
            .eq_ignore_ascii_case("form-data")
        {
            return Err(Mistake::Disposition);
        }
        let (mut name, mut file_name) = (None, None);
        loop {
            let (key, value, behind) = parameter(rest).ok_or(Mistake::Disposition)?;
            match key.to_ascii_lowercase().as_str() {
                "name" if name.is_none() => name = Some(value),
                "filename" if file_name.is_none() => file_name = Some(value),
                _ => return Err(Mistake::Disposition),
            }
            match behind.strip_prefix(';') {
                Some(behind) => rest = behind,
                None if behind.is_empty() => break,
                None => return Err(Mistake::Disposition),
            }
        }
        let name = name.filter(|name| is_plain(name) && name.len() <= NAME_BYTES_MAX);
        let name = name.ok_or(Mistake::Disposition)?;
        match file_name.is_none_or(is_file_name) {
            true => Ok(Self { name, file_name }),
            false => Err(Mistake::FileName),
        }
    }
}

/// `key=value` with the value a token or quoted, without escapes.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (key, rest) = text.trim_start_matches([' ', '\t']).split_once('=')?;
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => {
            let split = rest.split_at(rest.find([';', ' ', '\t']).unwrap_or(rest.len()));
            is_token(split.0).then_some(split)?
        }
    };
    let key_is_plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic());
    key_is_plain.then(|| (key, value, rest.trim_start_matches([' ', '\t'])))
}

/// Whether no reader unescapes or splits it.
fn is_plain(text: &str) -> bool {
    let mut bytes = text.as_bytes().windows(3);
    let encoded = bytes.any(|three| {
        matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    });
    let plain = |letter: char| !letter.is_control() && !matches!(letter, '"' | '\\' | ';');
    !text.is_empty() && !encoded && text.chars().all(plain)
}

/// Whether it is the name of a file and no path.
fn is_file_name(text: &str) -> bool {
    let plain = is_plain(text) && !text.contains(['/', ':']);
    plain && text.len() <= FILE_NAME_BYTES_MAX && !matches!(text, "." | "..")
}

/// The parts written anew, and the boundary between them, which stands in none of them.
pub(super) fn write(parts: &[Part<'_>]) -> (String, Vec<u8>) {
    let boundary = boundary(parts);
    let content: usize = parts.iter().map(|part| part.content.len()).sum();
    let mut written = Vec::with_capacity(content + parts.len() * HEAD_BYTES_MAX / 8);
    for part in parts {
        let mut head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            part.name
        );
        if let Some(file_name) = part.file_name {
            head.push_str(&format!("; filename=\"{file_name}\""));
        }
        if let Some(content_type) = &part.content_type {
            head.push_str(&format!("\r\nContent-Type: {}", content_type.plain()));
        }
        written.extend_from_slice(head.as_bytes());
        written.extend_from_slice(b"\r\n\r\n");
        written.extend_from_slice(part.content);
        written.extend_from_slice(b"\r\n");
    }
    written.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, written)
}

/// A boundary that follows from the parts, so that a request is always written alike. Who could make
/// a part hold its own digest gets the next.
fn boundary(parts: &[Part<'_>]) -> String {
    let mut seed = Vec::new();
    loop {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&seed);
        for part in parts {
            context.update(part.content);
        }
        let digest = context.finish();
        let half = digest.as_ref().iter().take(16);
        let digits: String = half.map(|byte| format!("{byte:02x}")).collect();
        let boundary = format!("covenant-{digits}");
        let finder = memmem::Finder::new(boundary.as_bytes());
        if parts.iter().all(|part| finder.find(part.content).is_none()) {
            return boundary;
        }
        seed.push(0);
    }
}

#[cfg(test)]
mod tests;
