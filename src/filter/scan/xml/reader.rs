//! A strict reader of XML over a whole body: names, tags and texts, no tree. It knows elements,
//! attributes, texts with the predefined references, and CDATA sections; of all else that XML has
//! (document types, entities, instructions, comments) only the declaration at the very start, for they
//! are how two readers of one document come to see different things, and how one is made to read files.

use crate::catalogue::is_xml_name;
use crate::filter::Limits;
use crate::filter::reader::whole;
use crate::filter::text::xml::{CDATA, CDATA_END, plain_length, reference};
use crate::filter::uninspectable::{Reason, Uninspectable};

/// Most attributes of one element, declarations of namespaces among them.
const ATTRIBUTES_MAX: usize = 64;

/// The body and how far it has been read.
pub(super) struct Reader<'a> {
    text: &'a str,
    position: usize,
    /// The attributes of the element that began last.
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// An attribute: its name, and where its value stands.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether its value is not what stands there.
    pub(super) marked: bool,
}

/// What stands between two tags.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Behind its last byte; it begins where the reader was.
    pub(super) end: usize,
    /// Whether it is not what it would be written as: references, sections, carriage returns.
    pub(super) marked: bool,
}

impl<'a> Reader<'a> {
    /// Over `body`, if it is UTF-8, not empty, without a byte order mark and not too large; behind its
    /// declaration, before its outermost element.
    pub(super) fn new(body: &'a [u8], limits: &Limits) -> Result<Self, Uninspectable> {
        let mut reader = Self::part(body, limits)?;
        if reader.text.starts_with("<?xml") {
            reader.declaration()?;
        }
        reader.space();
        match reader.peek() {
            Some(_) => Ok(reader),
            None => Err(reader.refuse(Reason::Empty)),
        }
    }

    /// Over a part of a body, if it is UTF-8 and not too large; at its beginning.
    pub(super) fn part(body: &'a [u8], limits: &Limits) -> Result<Self, Uninspectable> {
        let text = whole(body, limits)?;
        // U+FFFE and U+FFFF are no characters of XML; other bytes are looked at where they stand.
        if let Some(at) = memchr::memchr_iter(0xEF, body)
            .find(|at| matches!(body.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])))
        {
            return Err(Uninspectable::new(Reason::ControlCharacter, at));
        }
        Ok(Self {
            text,
            position: 0,
            attributes: Vec::new(),
        })
    }

    /// `<?xml version="1.0"?>` (section 2.8), with the coding UTF-8 if it names one.
    fn declaration(&mut self) -> Result<(), Uninspectable> {
        let markup = Uninspectable::new(Reason::Markup, 0);
        let (inside, _) = self.text.split_once("?>").ok_or(markup)?;
        let inside = inside.strip_prefix("<?xml").ok_or(markup)?;
        self.position += inside.len() + "<?xml?>".len();
        let mut rest = inside;
        for (name, needed, values) in [
            ("version", true, ["1.0", "1.0"]),
            ("encoding", false, ["utf-8", "utf-8"]),
            ("standalone", false, ["yes", "no"]),
        ] {
            let trimmed = rest.trim_start_matches(is_space);
            let Some(after) = trimmed
                .strip_prefix(name)
                .filter(|_| trimmed.len() < rest.len())
            else {
                if needed {
                    return Err(markup);
                }
                continue;
            };
            let after = after.trim_start_matches(is_space);
            let after = after.strip_prefix('=').ok_or(markup)?;
            let after = after.trim_start_matches(is_space);
            let quote = after.chars().next().filter(|one| matches!(one, '"' | '\''));
            let value = quote.and_then(|quote| after.get(1..)?.split_once(quote));
            let (value, after) = value.ok_or(markup)?;
            if !values.iter().any(|known| value.eq_ignore_ascii_case(known)) {
                return Err(markup);
            }
            rest = after;
        }
        if rest.trim_start_matches(is_space).is_empty() {
            return Ok(());
        }
        Err(markup)
    }

    /// The whole body.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// How far it has been read, in bytes.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// A refusal at this position.
    #[cold]
    pub(super) fn refuse(&self, reason: Reason) -> Uninspectable {
        Uninspectable::new(reason, self.position)
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        let rest = self.text.as_bytes().get(self.position..);
        rest.unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Reads white space; whether there was any.
    #[inline]
    pub(super) fn space(&mut self) -> bool {
        let start = self.position;
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.position += 1;
        }
        self.position > start
    }

    /// Reads exactly `bytes` if they come next.
    #[inline]
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.rest().starts_with(bytes);
        self.position += if found { bytes.len() } else { 0 };
        found
    }

    /// Goes on by as many bytes, which were looked at.
    #[inline]
    pub(super) fn skip(&mut self, bytes: usize) {
        self.position += bytes;
    }

    /// Reads exactly `bytes`, which must come next.
    #[inline]
    pub(super) fn expect(&mut self, bytes: &[u8]) -> Result<(), Uninspectable> {
        if self.take(bytes) {
            return Ok(());
        }
        Err(self.refuse(match self.peek() {
            Some(_) => Reason::Unexpected,
            None => Reason::Truncated,
        }))
    }

    /// Reads the name of an element or attribute, with its prefix if it has one.
    pub(super) fn name(&mut self) -> Result<&'a str, Uninspectable> {
        let of_name = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | 0x80..)
        };
        let rest = self.rest();
        let length = rest.iter().position(|byte| !of_name(byte));
        let length = length.unwrap_or(rest.len());
        let name = self.text.get(self.position..self.position + length);
        let name = name.unwrap_or_default();
        if length == 0 {
            return Err(self.refuse(match rest {
                [] => Reason::Truncated,
                [b'!' | b'?', ..] => Reason::Markup,
                _ => Reason::BadName,
            }));
        }
        let (prefix, local) = name.split_once(':').unwrap_or(("_", name));
        if !is_xml_name(prefix) || !is_xml_name(local) {
            return Err(self.refuse(Reason::BadName));
        }
        self.position += length;
        Ok(name)
    }

    /// Reads the attributes of an element whose name has just been read, and the end of its tag;
    /// whether anything may stand inside.
    pub(super) fn attributes(&mut self) -> Result<bool, Uninspectable> {
        self.attributes.clear();
        loop {
            let space = self.space();
            match self.peek() {
                Some(b'>') => {
                    self.position += 1;
                    return Ok(true);
                }
                Some(b'/') => {
                    self.position += 1;
                    return self.expect(b">").map(|()| false);
                }
                Some(_) if space => self.attribute()?,
                Some(_) => return Err(self.refuse(Reason::Unexpected)),
                None => return Err(self.refuse(Reason::Truncated)),
            }
        }
    }

    fn attribute(&mut self) -> Result<(), Uninspectable> {
        let name = self.name()?;
        if self.attributes.iter().any(|known| known.name == name) {
            return Err(self.refuse(Reason::DuplicateKey));
        }
        if self.attributes.len() >= ATTRIBUTES_MAX {
            return Err(self.refuse(Reason::TooManyMembers));
        }
        self.space();
        self.expect(b"=")?;
        self.space();
        let quote = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => quote,
            Some(_) => return Err(self.refuse(Reason::Unexpected)),
            None => return Err(self.refuse(Reason::Truncated)),
        };
        self.position += 1;
        let start = self.position;
        let mut marked = false;
        loop {
            self.position += plain_length::<true>(self.rest());
            match self.peek() {
                Some(byte) if byte == quote => break,
                // An apostrophe is written as it is.
                Some(b'\'') => self.position += 1,
                Some(b'"' | b'>' | b'\t' | b'\n' | b'\r') => {
                    marked = true;
                    self.position += 1;
                }
                Some(b'&') => {
                    marked = true;
                    self.reference()?;
                }
                Some(b'<') => return Err(self.refuse(Reason::Unexpected)),
                Some(_) => return Err(self.refuse(Reason::ControlCharacter)),
                None => return Err(self.refuse(Reason::Truncated)),
            }
        }
        let end = self.position;
        self.position += 1;
        self.attributes.push(Attribute {
            name,
            start,
            end,
            marked,
        });
        Ok(())
    }

    fn reference(&mut self) -> Result<(), Uninspectable> {
        let after = self.text.get(self.position + 1..).unwrap_or_default();
        let (_, length) = reference(after).ok_or_else(|| self.refuse(Reason::BadReference))?;
        self.position += 1 + length;
        Ok(())
    }

    /// Reads text up to the next tag; nothing is text too. Behind it comes `</`, or the start of an
    /// element.
    #[inline]
    pub(super) fn run(&mut self) -> Result<Run, Uninspectable> {
        self.position += plain_length::<false>(self.rest());
        // What ends most texts.
        let marked = if self.rest().starts_with(b"</") {
            false
        } else {
            self.marked_run()?
        };
        Ok(Run {
            end: self.position,
            marked,
        })
    }

    /// Reads on to the next tag from the first byte that is not plain; whether text was marked.
    fn marked_run(&mut self) -> Result<bool, Uninspectable> {
        let mut marked = false;
        loop {
            match self.rest() {
                [b'\n' | b'\t', ..] => self.position += 1,
                [b'\r', ..] => {
                    marked = true;
                    self.position += 1;
                }
                [b'>', ..] => {
                    if self
                        .text
                        .get(..self.position)
                        .is_some_and(|read| read.ends_with("]]"))
                    {
                        return Err(self.refuse(Reason::Unexpected));
                    }
                    marked = true;
                    self.position += 1;
                }
                [b'&', ..] => {
                    marked = true;
                    self.reference()?;
                }
                [b'<', b'!', ..] => {
                    marked = true;
                    self.section()?;
                }
                [b'<', b'?', ..] => return Err(self.refuse(Reason::Markup)),
                [b'<', ..] => return Ok(marked),
                [_, ..] => return Err(self.refuse(Reason::ControlCharacter)),
                [] => return Err(self.refuse(Reason::Truncated)),
            }
            self.position += plain_length::<false>(self.rest());
        }
    }

    /// Reads a CDATA section, the only thing that may begin so.
    fn section(&mut self) -> Result<(), Uninspectable> {
        if !self.take(CDATA.as_bytes()) {
            return Err(self.refuse(Reason::Markup));
        }
        let inside = self.text.get(self.position..).unwrap_or_default();
        let length = inside.find(CDATA_END);
        let length =
            length.ok_or_else(|| Uninspectable::new(Reason::Truncated, self.text.len()))?;
        let control = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
        if inside.bytes().take(length).any(control) {
            return Err(self.refuse(Reason::ControlCharacter));
        }
        self.position += length + CDATA_END.len();
        Ok(())
    }

    /// Reads the end of the element `name`, which must come next.
    pub(super) fn end_of(&mut self, name: &str) -> Result<(), Uninspectable> {
        self.expect(b"</")?;
        let start = self.position;
        if self.name()? != name {
            return Err(Uninspectable::new(Reason::EndTag, start));
        }
        self.space();
        self.expect(b">")
    }

    /// The end of the body: nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<(), Uninspectable> {
        self.space();
        match self.rest() {
            [] => Ok(()),
            [b'<', b'!' | b'?', ..] => Err(self.refuse(Reason::Markup)),
            _ => Err(self.refuse(Reason::TrailingData)),
        }
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}
