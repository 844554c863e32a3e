//! Where tags of XML end, found while they arrive: only tags, the quotes in them and CDATA sections are told
//! apart. What was skimmed is read strictly afterwards; a skim that was led astray gives text which that
//! refuses.

use crate::filter::uninspectable::Reason;

/// A tag that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// An element begins.
    Start,
    /// An element begins, and ends at once.
    Empty,
    /// An element ends.
    End,
}

/// Where the reading is. It may stop and go on between any two bytes.
#[derive(Debug, Default)]
pub(super) struct Tags {
    at: At,
    /// Something other than text has begun: no declaration may follow.
    begun: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Text,
    /// What says which tag begins.
    Opened,
    /// The rest of a tag, after a slash or not.
    Rest { ends: bool, slash: bool },
    /// The rest of a value in a start tag, in these quotes.
    Quoted(u8),
    /// What is left of the start of a CDATA section.
    SectionStart(&'static [u8]),
    /// The rest of a section, after so many closing brackets.
    Section(u8),
    /// The rest of the declaration, after a question mark or not.
    Declaration(bool),
}

impl Tags {
    /// How many bytes of `input` go on with a tag or with the text before it, and the tag if they end it.
    ///
    /// # Errors
    /// What is neither a tag, nor a section, nor a declaration at the beginning.
    pub(super) fn skim(&mut self, input: &[u8]) -> Result<(usize, Option<Tag>), Reason> {
        let mut position = 0;
        while let Some(rest @ [byte, ..]) = input.get(position..) {
            let read = match self.at {
                At::Text => memchr::memchr(b'<', rest).map_or(rest.len(), |at| {
                    self.at = At::Opened;
                    at + 1
                }),
                At::Opened => self.opened(*byte)?,
                At::Rest { ends, slash } => {
                    let (read, tag) = self.rest(rest, ends, slash);
                    if tag.is_some() {
                        return Ok((position + read, tag));
                    }
                    read
                }
                At::Quoted(quote) => memchr::memchr(quote, rest).map_or(rest.len(), |at| {
                    self.at = At::Rest {
                        ends: false,
                        slash: false,
                    };
                    at + 1
                }),
                other => {
                    self.at = rare(other, *byte)?;
                    1
                }
            };
            position += read;
        }
        Ok((position, None))
    }

    /// Reads what says which tag begins.
    fn opened(&mut self, byte: u8) -> Result<usize, Reason> {
        let begun = std::mem::replace(&mut self.begun, true);
        let (at, read) = match byte {
            b'/' => (
                At::Rest {
                    ends: true,
                    slash: false,
                },
                1,
            ),
            b'!' => (At::SectionStart(b"[CDATA["), 1),
            b'?' if !begun => (At::Declaration(false), 1),
            b'?' => return Err(Reason::Markup),
            // Of a name, which is looked at later.
            _ => (
                At::Rest {
                    ends: false,
                    slash: false,
                },
                0,
            ),
        };
        self.at = at;
        Ok(read)
    }

    /// Reads on in a tag: to its end, to the end of its first quote, or all.
    fn rest(&mut self, rest: &[u8], ends: bool, slash: bool) -> (usize, Option<Tag>) {
        let Some(at) = memchr::memchr3(b'>', b'"', b'\'', rest) else {
            let slash = rest.last() == Some(&b'/');
            self.at = At::Rest { ends, slash };
            return (rest.len(), None);
        };
        match rest.get(at) {
            Some(b'>') => {
                let slash = match at.checked_sub(1) {
                    Some(before) => rest.get(before) == Some(&b'/'),
                    None => slash,
                };
                self.at = At::Text;
                let tag = match (ends, slash) {
                    (true, _) => Tag::End,
                    (false, true) => Tag::Empty,
                    (false, false) => Tag::Start,
                };
                (at + 1, Some(tag))
            }
            // No end tag has quotes.
            Some(quote) => {
                self.at = At::Quoted(*quote);
                (at + 1, None)
            }
            None => (at, None),
        }
    }
}

/// Reads a byte of what is rare.
fn rare(at: At, byte: u8) -> Result<At, Reason> {
    Ok(match (at, byte) {
        (At::SectionStart([expected, left @ ..]), byte) if byte == *expected => match left {
            [] => At::Section(0),
            left => At::SectionStart(left),
        },
        (At::SectionStart(_), _) => return Err(Reason::Markup),
        (At::Section(2), b'>') => At::Text,
        (At::Section(brackets), b']') => At::Section((brackets + 1).min(2)),
        (At::Section(_), _) => At::Section(0),
        (At::Declaration(true), b'>') => At::Text,
        (At::Declaration(_), byte) => At::Declaration(byte == b'?'),
        (other, _) => other,
    })
}
