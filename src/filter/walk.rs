//! Strict reading of what the catalogue does not describe: everything is checked, nothing is kept.
//! Used for members that will be dropped, and for request bodies. Duplicate keys matter even there:
//! they are how two readers of one document come to see different things.

use std::borrow::Cow;
use std::ops::Range;

use super::reader::{Quoted, Reader};
use super::uninspectable::{Reason, Uninspectable};
use super::{Limits, text};

/// More levels than this are never followed, whatever the limit says: the reader is recursive.
const DEPTH_CEILING: u8 = 128;

/// Checks that `body` is one JSON value under the same rules as an answer: UTF-8 without byte order
/// mark, no duplicate keys, no lone surrogates, limited depth and size, nothing behind it.
///
/// # Errors
/// The first thing wrong with it.
pub fn validate_strict(body: &[u8], limits: &Limits) -> Result<(), Uninspectable> {
    validate_at(body, 1, limits)
}

/// Likewise, of a value that stands at level `depth`.
pub(super) fn validate_at(body: &[u8], depth: u8, limits: &Limits) -> Result<(), Uninspectable> {
    let mut walk = Walk::new(body, limits)?;
    walk.skip_value(depth)?;
    walk.reader.end()
}

/// A reader with what strictness must remember.
pub(super) struct Walk<'a> {
    pub(super) reader: Reader<'a>,
    /// Unknown keys of all objects that are open, innermost last, with their offsets.
    unknown_keys: Vec<(Cow<'a, str>, usize)>,
    /// Where the last key was read.
    pub(super) last_key: Range<usize>,
    unknown_members_max: usize,
    depth_max: u8,
}

impl<'a> Walk<'a> {
    pub(super) fn new(body: &'a [u8], limits: &Limits) -> Result<Self, Uninspectable> {
        Ok(Self {
            reader: Reader::new(body, limits)?,
            unknown_keys: Vec::new(),
            last_key: 0..0,
            unknown_members_max: limits.unknown_members_max,
            depth_max: limits.depth_max.min(DEPTH_CEILING),
        })
    }

    /// Over nothing.
    pub(super) fn nothing(limits: &Limits) -> Self {
        Self {
            reader: Reader::nothing(),
            unknown_keys: Vec::new(),
            last_key: 0..0,
            unknown_members_max: limits.unknown_members_max,
            depth_max: limits.depth_max.min(DEPTH_CEILING),
        }
    }

    /// Refuses an object or array at level `depth` if that is too deep.
    #[inline]
    pub(super) fn check_depth(&self, depth: u8) -> Result<(), Uninspectable> {
        if depth > self.depth_max {
            return Err(self.reader.refuse(Reason::TooDeep));
        }
        Ok(())
    }

    /// Reads a key and its colon.
    pub(super) fn key(&mut self) -> Result<Cow<'a, str>, Uninspectable> {
        self.reader.next();
        let start = self.reader.position() + 1;
        let quoted = self.reader.string()?;
        let content = self.reader.since(start);
        self.last_key = start - 1..self.reader.position();
        let content = content.strip_suffix('"').unwrap_or(content);
        self.reader.expect(b':')?;
        Ok(match quoted {
            Quoted::Plain => Cow::Borrowed(content),
            Quoted::Escaped | Quoted::Respelled => text::unescape(content),
        })
    }

    /// Where the unknown keys of an object that begins now will stand.
    #[inline]
    pub(super) fn open_object(&self) -> usize {
        self.unknown_keys.len()
    }

    /// Remembers an unknown key of the innermost object, opened at `opened`.
    pub(super) fn remember(
        &mut self,
        key: Cow<'a, str>,
        opened: usize,
    ) -> Result<(), Uninspectable> {
        if self.unknown_keys.len() - opened >= self.unknown_members_max {
            return Err(self.reader.refuse(Reason::TooManyMembers));
        }
        self.unknown_keys.push((key, self.reader.position()));
        Ok(())
    }

    /// How many unknown keys the innermost object, opened at `opened`, has so far.
    pub(super) fn unknown(&self, opened: usize) -> usize {
        self.unknown_keys.len() - opened
    }

    /// Checks and forgets the unknown keys of the innermost object, opened at `opened`.
    #[inline]
    pub(super) fn close_object(&mut self, opened: usize) -> Result<(), Uninspectable> {
        if self.unknown_keys.len() > opened {
            return self.close_object_with_unknown_keys(opened);
        }
        Ok(())
    }

    fn close_object_with_unknown_keys(&mut self, opened: usize) -> Result<(), Uninspectable> {
        let keys = self.unknown_keys.get_mut(opened..).unwrap_or_default();
        keys.sort_unstable();
        let mut neighbours = keys.iter().zip(keys.iter().skip(1));
        if let Some((_, (_, offset))) = neighbours.find(|((left, _), (right, _))| left == right) {
            return Err(Uninspectable::new(Reason::DuplicateKey, *offset));
        }
        self.unknown_keys.truncate(opened);
        Ok(())
    }

    /// Reads one value; if it is an object or array, it is at level `depth`.
    pub(super) fn skip_value(&mut self, depth: u8) -> Result<(), Uninspectable> {
        match self.reader.next() {
            Some(b'"') => self.reader.string().map(drop),
            Some(b'{') => self.skip_object(depth),
            Some(b'[') => self.skip_array(depth),
            Some(b'-' | b'0'..=b'9') => self.reader.number().map(drop),
            Some(b't') => self.reader.literal(b"true"),
            Some(b'f') => self.reader.literal(b"false"),
            Some(b'n') => self.reader.literal(b"null"),
            _ => Err(self.reader.unexpected()),
        }
    }

    fn skip_object(&mut self, depth: u8) -> Result<(), Uninspectable> {
        self.check_depth(depth)?;
        let opened = self.open_object();
        let mut more = self.reader.enter(b'}');
        while more {
            let key = self.key()?;
            self.remember(key, opened)?;
            self.skip_value(depth + 1)?;
            more = self.reader.another(b'}')?;
        }
        self.close_object(opened)
    }

    fn skip_array(&mut self, depth: u8) -> Result<(), Uninspectable> {
        self.check_depth(depth)?;
        let mut more = self.reader.enter(b']');
        while more {
            self.skip_value(depth + 1)?;
            more = self.reader.another(b']')?;
        }
        Ok(())
    }
}
