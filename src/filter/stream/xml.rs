//! A document of XML while it arrives: its elements that lead to records are followed tag by tag, the
//! elements in them are cut out to be read by themselves.

use std::collections::BTreeSet;

use super::batch::Batch;
use super::json::{is_record, leads_to_records};
use super::tags::{Tag, Tags};
use crate::catalogue::{Member, Node, ObjectNode, Shape};
use crate::filter::scan::xml::parts::{self, Around, Named};
use crate::filter::seen::Seen;
use crate::filter::uninspectable::{Reason, Uninspectable};
use crate::filter::{Limits, Scanned};

/// What was cut out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut<'a> {
    /// The start tag of an element of the shape `node`, which is `member` of the element around it or one of
    /// its items; whether nothing is in it.
    Start {
        member: &'a Member,
        node: &'a Node,
        empty: bool,
    },
    /// Elements in an element of this shape.
    Elements(&'a Node),
}

/// An element that is open and leads to records.
#[derive(Debug)]
struct Level<'a> {
    node: &'a Node,
    object: &'a ObjectNode,
    member: &'a Member,
    seen: Seen,
    /// The list whose element came last.
    list: Option<u16>,
    /// The names that only a category for all others is about.
    others: BTreeSet<String>,
    /// How many namespaces were declared before it.
    declared: usize,
}

/// The reading of one document, and the writing of what is around the parts of it.
#[derive(Debug)]
pub(super) struct Xml<'a> {
    shape: &'a Shape,
    limits: Limits,
    levels: Vec<Level<'a>>,
    /// The namespaces that are declared here, by their places among the document's.
    declared: Vec<usize>,
    tags: Tags,
    /// The text of the elements that are to be cut out together, and behind them of what is arriving.
    batch: Batch,
    /// What these elements are.
    batch_of: Option<Named>,
    /// How many elements are open in the innermost level.
    open: usize,
    /// A tag that was read, and is to be looked at when the batch is out of the way.
    waiting: Option<Tag>,
    /// What was cut out last.
    last: Option<Cut<'a>>,
    ended: bool,
    tree: Tree,
}

impl<'a> Xml<'a> {
    /// Of a document of this shape.
    pub(super) fn new(shape: &'a Shape, limits: Limits) -> Self {
        Self {
            shape,
            limits,
            levels: Vec::new(),
            declared: Vec::new(),
            tags: Tags::default(),
            batch: Batch::default(),
            batch_of: None,
            open: 0,
            waiting: None,
            last: None,
            ended: false,
            tree: Tree::default(),
        }
    }

    /// Goes on with `input`, which is shortened by what was read; what was cut out, with its text.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<(Cut<'a>, Vec<u8>)>, Reason> {
        loop {
            let tag = match self.waiting.take() {
                Some(tag) => tag,
                None if input.is_empty() => return Ok(None),
                None if self.ended => {
                    *input = behind_the_end(input)?;
                    continue;
                }
                None => {
                    let (length, tag) = self.tags.skim(input)?;
                    let (read, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
                    *input = rest;
                    self.batch.add(read)?;
                    let Some(tag) = tag else { continue };
                    tag
                }
            };
            let cut = if self.open > 0 {
                self.inside(tag)
            } else if tag == Tag::End {
                self.end_of_level()?
            } else {
                self.begin(tag)?
            };
            if cut.is_some() {
                return Ok(cut);
            }
        }
    }

    /// Cuts out the records that are there, without waiting for more.
    pub(super) fn whole(&mut self) -> Option<(Cut<'a>, Vec<u8>)> {
        self.batch.has_whole().then(|| self.cut()).flatten()
    }

    /// The end of the document.
    pub(super) fn end(&self) -> Result<(), Reason> {
        if self.ended {
            return Ok(());
        }
        let blank = self.levels.is_empty() && self.batch.arriving().trim_ascii().is_empty();
        Err(if blank {
            Reason::Empty
        } else {
            Reason::Truncated
        })
    }

    /// Reads what was cut out.
    pub(super) fn scan<'t>(
        &mut self,
        cut: Cut<'a>,
        text: &'t [u8],
    ) -> Result<Scanned<'t>, Uninspectable>
    where
        'a: 't,
    {
        let (shape, limits) = (self.shape, &self.limits);
        let depth = u8::try_from(self.levels.len()).unwrap_or(u8::MAX);
        match cut {
            Cut::Elements(node) => {
                let declared = &self.declared;
                parts::elements(shape, node, text, Around { depth, declared }, limits)
            }
            Cut::Start {
                member,
                node,
                empty,
            } => {
                // One that is not empty has been counted.
                let depth = depth.saturating_add(u8::from(empty));
                let before = self.declared.len();
                let declared = &mut self.declared;
                let start = parts::start(shape, (member, node), text, depth, declared, limits)?;
                if empty {
                    self.declared.truncate(before);
                }
                Ok(start)
            }
        }
    }

    /// Writes what is left of what was cut out last.
    pub(super) fn write(&mut self, left: &[u8]) {
        match self.last.take() {
            Some(Cut::Start { member, empty, .. }) => {
                self.tree.open(left);
                if empty {
                    self.tree.close(&member.encoded);
                }
            }
            _ => self.tree.part(left),
        }
    }

    /// Takes away all that was written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tree.out)
    }

    /// Looks at a tag in an element that is to be cut out.
    fn inside(&mut self, tag: Tag) -> Option<(Cut<'a>, Vec<u8>)> {
        match tag {
            Tag::Start => self.open += 1,
            Tag::Empty => {}
            Tag::End => self.open -= 1,
        }
        if self.open == 0 {
            self.complete()
        } else {
            None
        }
    }

    /// Looks at the start of an element in the innermost level.
    fn begin(&mut self, tag: Tag) -> Result<Option<(Cut<'a>, Vec<u8>)>, Reason> {
        let empty = tag == Tag::Empty;
        let Some(level) = self.levels.last_mut() else {
            let outermost = outermost(self.shape).ok_or(Reason::Mismatch)?;
            return self.open_level(outermost, &outermost.node, empty);
        };
        let text = self.batch.arriving();
        let begun = parts::begun(level.object, text, &self.limits);
        let (named, name) = begun.map_err(|refused| refused.reason)?;
        if self.batch.has_whole() && self.batch_of != Some(named) {
            self.waiting = Some(tag);
            return Ok(self.cut());
        }
        level.expect(named, name, &self.limits)?;
        let member = match named {
            Named::Member(place) => level.object.members.get(usize::from(place)),
            Named::Other(_) | Named::Nothing => None,
        };
        let followed = member.and_then(|member| {
            let node = match &member.node {
                Node::Array(item) => &**item,
                node => node,
            };
            leads_to_records(node).then_some((member, node))
        });
        if let Some((member, node)) = followed {
            return self.open_level(member, node, empty);
        }
        self.batch_of = Some(named);
        self.open = usize::from(!empty);
        Ok(if empty { self.complete() } else { None })
    }

    /// Cuts out the tag that arrived, which begins a level.
    fn open_level(
        &mut self,
        member: &'a Member,
        node: &'a Node,
        empty: bool,
    ) -> Result<Option<(Cut<'a>, Vec<u8>)>, Reason> {
        let Node::Object(object) = node else {
            // A list within a list is wrapped.
            return Err(Reason::Mismatch);
        };
        if empty {
            self.ended = self.levels.is_empty();
        } else {
            if self.levels.len() >= usize::from(self.limits.depth_max) {
                return Err(Reason::TooDeep);
            }
            self.levels.push(Level {
                node,
                object,
                member,
                seen: Seen::default(),
                list: None,
                others: BTreeSet::new(),
                declared: self.declared.len(),
            });
        }
        let cut = Cut::Start {
            member,
            node,
            empty,
        };
        self.last = Some(cut);
        self.batch.complete();
        Ok(Some((cut, self.batch.take_whole())))
    }

    /// Reads the end of the innermost level.
    fn end_of_level(&mut self) -> Result<Option<(Cut<'a>, Vec<u8>)>, Reason> {
        if self.batch.has_whole() {
            self.waiting = Some(Tag::End);
            return Ok(self.cut());
        }
        let level = self.levels.pop().ok_or(Reason::Unexpected)?;
        self.batch.complete();
        let read = parts::end(&level.member.name, &self.batch.take_whole(), &self.limits);
        read.map_err(|refused| refused.reason)?;
        self.declared.truncate(level.declared);
        self.tree.close(&level.member.encoded);
        self.ended = self.levels.is_empty();
        Ok(None)
    }

    /// An element has arrived whole.
    fn complete(&mut self) -> Option<(Cut<'a>, Vec<u8>)> {
        let full = self.batch.complete();
        let record = self.levels.last().is_some_and(|level| {
            let known = match self.batch_of {
                Some(Named::Member(place)) => level.object.members.get(usize::from(place)),
                _ => None,
            };
            known.is_some_and(|known| matches!(&known.node, Node::Array(item) if is_record(item)))
        });
        if full || !record { self.cut() } else { None }
    }

    /// Cuts out the elements that are whole.
    fn cut(&mut self) -> Option<(Cut<'a>, Vec<u8>)> {
        let cut = Cut::Elements(self.levels.last()?.node);
        self.last = Some(cut);
        Some((cut, self.batch.take_whole()))
    }
}

impl Level<'_> {
    /// Whether this element may come next; it is remembered.
    fn expect(&mut self, named: Named, name: &str, limits: &Limits) -> Result<(), Reason> {
        match named {
            Named::Member(place) => {
                let member = self.object.members.get(usize::from(place));
                let is_list = member.is_some_and(|one| matches!(one.node, Node::Array(_)));
                let goes_on = self.list == Some(place);
                self.list = is_list.then_some(place);
                if !goes_on && !self.seen.insert(place) {
                    return Err(Reason::DuplicateKey);
                }
            }
            Named::Other(_) => {
                self.list = None;
                if !self.others.insert(name.to_owned()) {
                    return Err(Reason::DuplicateKey);
                }
                if self.others.len() > limits.other_members_max {
                    return Err(Reason::TooManyMembers);
                }
            }
            // It may stand among the elements of a list.
            Named::Nothing => {}
        }
        Ok(())
    }
}

fn outermost(shape: &Shape) -> Option<&Member> {
    match &shape.root {
        Node::Object(document) => document.members.first(),
        Node::Array(_) | Node::Scalar(_) => None,
    }
}

/// Skips what may stand behind the outermost element.
fn behind_the_end(input: &[u8]) -> Result<&[u8], Reason> {
    match input.trim_ascii_start() {
        [] => Ok(&[]),
        [b'<', b'!' | b'?', ..] => Err(Reason::Markup),
        _ => Err(Reason::TrailingData),
    }
}

/// The document being written, as far as it has not been taken away.
#[derive(Debug, Default)]
struct Tree {
    out: Vec<u8>,
    /// The start tag that was written last is not closed: nothing stands in its element so far.
    in_tag: bool,
}

impl Tree {
    /// Begins an element, of which this is the start tag without its last character.
    fn open(&mut self, tag: &[u8]) {
        self.part(tag);
        self.in_tag = true;
    }

    /// Ends the innermost element, which begins as `start`.
    fn close(&mut self, start: &[u8]) {
        if std::mem::take(&mut self.in_tag) {
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.extend_from_slice(b"</");
            self.out
                .extend_from_slice(start.get(1..).unwrap_or_default());
        }
    }

    /// Writes what is left of a part; nothing where nothing is left.
    fn part(&mut self, left: &[u8]) {
        if left.is_empty() {
            return;
        }
        if std::mem::take(&mut self.in_tag) {
            self.out.push(b'>');
        }
        self.out.extend_from_slice(left);
    }
}
