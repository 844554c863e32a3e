//! A JSON document while it arrives: its objects and arrays that lead to records are followed bracket
//! by bracket, everything in them is cut out to be read by itself.

use std::collections::BTreeSet;

use super::RECORD_BYTES_MAX;
use super::batch::Batch;
use super::frame::Frame;
use super::skim::Skimmer;
use crate::catalogue::{Member, Node, ObjectNode};
use crate::filter::Limits;
use crate::filter::seen::Seen;
use crate::filter::text::plain_length;
use crate::filter::uninspectable::Reason;
use crate::filter::walk::{Walk, validate_at};

/// What was cut out.
#[derive(Debug)]
pub(super) enum Cut<'a> {
    /// Items of the array `node` at level `depth`, as such an array.
    Items { node: &'a Node, depth: u8 },
    /// The value of a member, at level `depth` if it is an object or array.
    Member { member: &'a Member, depth: u8 },
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Next<'a> {
    /// An object or array that leads to records.
    Value(&'a Node, Option<&'a Member>),
    /// A key, or the end of the object if nothing was read of it yet.
    Key { or_end: bool },
    /// The rest of a key.
    RestOfKey,
    /// The colon behind a key.
    Colon(Option<&'a Member>),
    /// A member's value, which is cut out; that of an unknown one is only checked.
    Member(Option<&'a Member>),
    /// An item, or the end of the array if nothing was read of it yet.
    Item { or_end: bool },
    /// Records, `after_comma` or at the beginning of their array.
    Records { after_comma: bool },
    /// A comma, or the end.
    More,
    /// Nothing.
    End,
}

/// An object or array that is open.
#[derive(Debug)]
enum Level<'a> {
    Object {
        node: &'a ObjectNode,
        seen: Seen,
        unknown: BTreeSet<String>,
    },
    Array {
        node: &'a Node,
        item: &'a Node,
    },
}

/// The reading of one document.
#[derive(Debug)]
pub(super) struct Json<'a> {
    root: &'a Node,
    limits: Limits,
    levels: Vec<Level<'a>>,
    next: Next<'a>,
    skimmer: Skimmer,
    escaped: bool,
    /// What was read of a key, or of a value to be cut out.
    text: Vec<u8>,
    batch: Batch,
    unknown_bytes: usize,
    begun: bool,
}

impl<'a> Json<'a> {
    /// Of a document of the shape `root`.
    pub(super) fn new(root: &'a Node, limits: Limits) -> Self {
        Self {
            root,
            limits,
            levels: Vec::new(),
            next: Next::Value(root, None),
            skimmer: Skimmer::default(),
            escaped: false,
            text: Vec::new(),
            batch: Batch::default(),
            unknown_bytes: 0,
            begun: false,
        }
    }

    /// Goes on with `input`, which is shortened by what was read; what was cut out, with its text.
    pub(super) fn next(
        &mut self,
        input: &mut &[u8],
        frame: &mut Frame,
    ) -> Result<Option<(Cut<'a>, Vec<u8>)>, Reason> {
        while !input.is_empty() {
            let cut = match self.next {
                Next::RestOfKey => {
                    self.rest_of_key(input)?;
                    None
                }
                Next::Member(member) => self.member(member, input)?,
                Next::Records { after_comma } => self.records(after_comma, input, frame)?,
                other => {
                    self.structure(other, input, frame)?;
                    None
                }
            };
            if cut.is_some() {
                return Ok(cut);
            }
        }
        Ok(None)
    }

    /// Cuts out the records that are there, without waiting for more.
    pub(super) fn whole(&mut self) -> Option<(Cut<'a>, Vec<u8>)> {
        match self.next {
            Next::Records { .. } if self.batch.has_whole() => Some(self.cut_records()),
            _ => None,
        }
    }

    /// The end of the document.
    pub(super) fn end(&self) -> Result<(), Reason> {
        match self.next {
            Next::End => Ok(()),
            _ if !self.begun => Err(Reason::Empty),
            _ => Err(Reason::Truncated),
        }
    }

    /// Reads one byte that is neither in a key nor in a value.
    fn structure(
        &mut self,
        next: Next<'a>,
        input: &mut &[u8],
        frame: &mut Frame,
    ) -> Result<(), Reason> {
        let Some((&byte, rest)) = input.split_first() else {
            return Ok(());
        };
        if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            *input = rest;
            return Ok(());
        }
        if byte == 0xEF && !self.begun {
            return Err(Reason::ByteOrderMark);
        }
        self.begun = true;
        // An object or a list that is `null` is a value like any other.
        if let (Next::Value(node, Some(member)), b'n') = (next, byte)
            && (member.nullable_list || matches!(node, Node::Object(object) if object.nullable))
        {
            self.next = Next::Member(Some(member));
            return Ok(());
        }
        if let (Next::Item { .. }, false) = (next, byte == b']')
            && let Some(Level::Array { item, .. }) = self.levels.last()
        {
            self.next = Next::Value(item, None);
            return Ok(());
        }
        *input = rest;
        match (next, byte) {
            (Next::Value(node, member), _) => self.open(node, member, byte, frame),
            (Next::Key { .. }, b'"') => {
                self.text.clear();
                self.text.push(b'"');
                self.escaped = false;
                self.next = Next::RestOfKey;
                Ok(())
            }
            (Next::Key { or_end: true }, b'}') | (Next::Item { or_end: true }, b']') => {
                self.close(frame);
                Ok(())
            }
            (Next::Colon(member), b':') => {
                self.next = match member {
                    Some(member) if leads_to_records(&member.node) => {
                        Next::Value(&member.node, Some(member))
                    }
                    other => Next::Member(other),
                };
                self.text.clear();
                self.skimmer = Skimmer::default();
                Ok(())
            }
            (Next::More, _) => self.more(byte, frame),
            (Next::End, _) => Err(Reason::TrailingData),
            _ => Err(Reason::Unexpected),
        }
    }

    fn open(
        &mut self,
        node: &'a Node,
        member: Option<&'a Member>,
        byte: u8,
        frame: &mut Frame,
    ) -> Result<(), Reason> {
        if self.levels.len() >= usize::from(self.limits.depth_max) {
            return Err(Reason::TooDeep);
        }
        match (node, byte) {
            (Node::Object(object), b'{') => {
                self.levels.push(Level::Object {
                    node: object,
                    seen: Seen::default(),
                    unknown: BTreeSet::new(),
                });
                self.next = Next::Key { or_end: true };
            }
            (Node::Array(item), b'[') => {
                self.levels.push(Level::Array { node, item });
                self.skimmer = Skimmer::default();
                self.next = if leads_to_records(item) {
                    Next::Item { or_end: true }
                } else {
                    Next::Records { after_comma: false }
                };
            }
            (_, b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                return Err(Reason::Mismatch);
            }
            _ => return Err(Reason::Unexpected),
        }
        frame.open(member, byte);
        Ok(())
    }

    fn close(&mut self, frame: &mut Frame) {
        if let Some(Level::Object { unknown, .. }) = self.levels.pop() {
            self.unknown_bytes -= unknown.iter().map(String::len).sum::<usize>();
        }
        frame.close();
        self.next = if self.levels.is_empty() {
            Next::End
        } else {
            Next::More
        };
    }

    fn more(&mut self, byte: u8, frame: &mut Frame) -> Result<(), Reason> {
        match (self.levels.last(), byte) {
            (Some(Level::Object { .. }), b',') => self.next = Next::Key { or_end: false },
            (Some(Level::Array { .. }), b',') => self.next = Next::Item { or_end: false },
            (Some(Level::Object { .. }), b'}') | (Some(Level::Array { .. }), b']') => {
                self.close(frame);
            }
            _ => return Err(Reason::Unexpected),
        }
        Ok(())
    }

    fn rest_of_key(&mut self, input: &mut &[u8]) -> Result<(), Reason> {
        let escaped = std::mem::take(&mut self.escaped);
        let plain = if escaped { 0 } else { plain_length(input) };
        let length = (plain + 1).min(input.len());
        let (read, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        let special = input.get(plain).filter(|_| !escaped);
        let ends = special == Some(&b'"');
        self.escaped = special == Some(&b'\\');
        *input = rest;
        self.gather(read)?;
        if ends { self.key() } else { Ok(()) }
    }

    /// Looks up the key that was read.
    fn key(&mut self) -> Result<(), Reason> {
        let mut text = std::mem::take(&mut self.text);
        text.push(b':');
        let mut walk = Walk::new(&text, &self.limits).map_err(|refused| refused.reason)?;
        let key = walk.key().map_err(|refused| refused.reason)?;
        let Some(Level::Object {
            node,
            seen,
            unknown,
        }) = self.levels.last_mut()
        else {
            return Err(Reason::Unexpected);
        };
        let place = node.members.binary_search_by(|one| (*one.name).cmp(&*key));
        let known = place.ok().and_then(|place| {
            let member = node.members.get(place)?;
            Some((u16::try_from(place).ok()?, member))
        });
        self.next = Next::Colon(known.map(|(_, member)| member));
        match known {
            Some((place, _)) if !seen.insert(place) => Err(Reason::DuplicateKey),
            Some(_) => Ok(()),
            None => {
                self.unknown_bytes += key.len();
                if unknown.len() >= self.limits.unknown_members_max
                    || self.unknown_bytes > RECORD_BYTES_MAX
                {
                    return Err(Reason::TooManyMembers);
                }
                match unknown.insert(key.into_owned()) {
                    true => Ok(()),
                    false => Err(Reason::DuplicateKey),
                }
            }
        }
    }

    /// Goes on with the value of a member.
    fn member(
        &mut self,
        member: Option<&'a Member>,
        input: &mut &[u8],
    ) -> Result<Option<(Cut<'a>, Vec<u8>)>, Reason> {
        let (length, ends) = self.skimmer.skim(input);
        let (read, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        *input = rest;
        self.gather(read)?;
        if !ends {
            return Ok(None);
        }
        self.next = Next::More;
        let text = std::mem::take(&mut self.text);
        let depth = self.depth() + 1;
        match member {
            Some(member) => Ok(Some((Cut::Member { member, depth }, text))),
            None => {
                validate_at(&text, depth, &self.limits).map_err(|refused| refused.reason)?;
                Ok(None)
            }
        }
    }

    /// Goes on with records.
    fn records(
        &mut self,
        after_comma: bool,
        input: &mut &[u8],
        frame: &mut Frame,
    ) -> Result<Option<(Cut<'a>, Vec<u8>)>, Reason> {
        let (length, ends) = self.skimmer.skim(input);
        let (read, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        *input = rest;
        self.batch.add(read)?;
        if !ends {
            return Ok(None);
        }
        if rest.first() == Some(&b',') {
            *input = rest.get(1..).unwrap_or_default();
            if self.batch.complete() {
                return Ok(Some(self.cut_records()));
            }
            self.batch.add(b",")?;
            return Ok(None);
        }
        let blank = self.batch.arriving().trim_ascii().is_empty();
        if self.batch.has_whole() || !blank {
            // The bracket is read again, behind the last records.
            self.batch.complete();
            let cut = self.cut_records();
            self.next = Next::Records { after_comma: false };
            return Ok(Some(cut));
        }
        *input = rest.get(1..).unwrap_or_default();
        self.batch = Batch::default();
        if after_comma || rest.first() != Some(&b']') {
            return Err(Reason::Unexpected);
        }
        self.close(frame);
        Ok(None)
    }

    /// Cuts out the whole records; another must follow.
    fn cut_records(&mut self) -> (Cut<'a>, Vec<u8>) {
        let mut text = vec![b'['];
        text.append(&mut self.batch.take_items());
        text.push(b']');
        self.next = Next::Records { after_comma: true };
        let node = match self.levels.last() {
            Some(Level::Array { node, .. }) => *node,
            // Records are read in an array alone.
            _ => self.root,
        };
        let depth = self.depth();
        (Cut::Items { node, depth }, text)
    }

    fn depth(&self) -> u8 {
        u8::try_from(self.levels.len()).unwrap_or(u8::MAX)
    }

    /// Adds to the text of a key or member.
    fn gather(&mut self, read: &[u8]) -> Result<(), Reason> {
        if self.text.len() + read.len() > RECORD_BYTES_MAX {
            return Err(Reason::TooLarge);
        }
        self.text.extend_from_slice(read);
        Ok(())
    }
}

/// Whether `node` is an object or array around lists of records, and no record itself.
pub(super) fn leads_to_records(node: &Node) -> bool {
    match node {
        Node::Scalar(_) => false,
        Node::Array(item) => is_record(item) || leads_to_records(item),
        Node::Object(object) => {
            let mut members = object.members.iter();
            !object.record && members.any(|member| leads_to_records(&member.node))
        }
    }
}

pub(super) fn is_record(node: &Node) -> bool {
    matches!(node, Node::Object(object) if object.record)
}
