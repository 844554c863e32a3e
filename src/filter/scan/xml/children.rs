//! The elements in an object: which member each of them is, and which of them are one list.

use super::{Element, Guess, Scanner, Seen, Tag};
use crate::catalogue::{FieldId, Member, Node, ObjectNode};
use crate::filter::piece::{Content, OTHER, Piece};
use crate::filter::uninspectable::{Reason, Uninspectable};

/// Where an element stands in the object around it.
enum Place {
    /// It is this member, of which this was inside in an earlier object.
    Member(u16, Guess),
    /// It is one of all others, which are this field.
    Other(FieldId),
    /// The catalogue does not know it.
    Nowhere,
}

/// What an element in an object is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filter) enum Named {
    /// This member.
    Member(u16),
    /// One of all others, which are this field.
    Other(FieldId),
    /// Nothing that the catalogue knows.
    Nothing,
}

/// What an element of this name is in the object `node`.
pub(in crate::filter) fn named(node: &ObjectNode, name: &str) -> Named {
    let elements = node.members.get(node.attributes..).unwrap_or_default();
    let found = elements.binary_search_by(|member| (*member.name).cmp(name));
    match (found, node.others) {
        (Ok(found), _) => Named::Member(u16::try_from(node.attributes + found).unwrap_or(OTHER)),
        // What has a prefix is somebody else's.
        (Err(_), Some(field)) if !name.contains(':') => Named::Other(field),
        (Err(_), _) => Named::Nothing,
    }
}

/// A list whose elements are being read.
struct List {
    member: u16,
    /// Its place among the pieces.
    place: usize,
    /// An earlier item.
    earlier: Option<usize>,
}

impl<'a> Scanner<'a> {
    /// Reads the elements of an object and its end; whether there were any.
    pub(super) fn children(
        &mut self,
        node: &'a ObjectNode,
        element: Element<'a>,
        alike: Guess,
        depth: u8,
    ) -> Result<bool, Uninspectable> {
        let any = self.elements(node, alike, depth)?;
        if self.reader.rest().is_empty() {
            return Err(self.reader.refuse(Reason::Truncated));
        }
        self.end(element, Reason::Mismatch)?;
        Ok(any)
    }

    /// Reads the elements of an object at level `depth`, up to its end or that of the text; whether there
    /// were any.
    pub(super) fn elements(
        &mut self,
        node: &'a ObjectNode,
        mut alike: Guess,
        depth: u8,
    ) -> Result<bool, Uninspectable> {
        let mut seen = Seen::default();
        let mut list: Option<List> = None;
        let mut any = false;
        loop {
            self.reader.space();
            let rest = self.reader.rest();
            if rest.is_empty() || rest.starts_with(b"</") {
                break;
            }
            any = true;
            let (place, child) = self.child(node, &mut alike, list.as_ref())?;
            match place {
                Place::Member(member, inside) => {
                    let known = node.members.get(usize::from(member));
                    let known = known.ok_or_else(|| self.reader.refuse(Reason::Mismatch))?;
                    let continued = list.take_if(|list| list.member == member);
                    self.close(list.take());
                    if continued.is_none() && !seen.insert(member) {
                        return Err(self.reader.refuse(Reason::DuplicateKey));
                    }
                    let Node::Array(item) = &known.node else {
                        self.element(&known.node, member, child, inside, depth + 1)?;
                        continue;
                    };
                    let mut open = continued.unwrap_or_else(|| self.open(member, inside));
                    self.item(item, &mut open, child, depth + 1)?;
                    list = Some(open);
                }
                Place::Other(field) => {
                    self.close(list.take());
                    self.other(field, child, depth + 1)?;
                }
                Place::Nowhere => {
                    self.found.uncatalogued += 1;
                    self.skip(child, depth + 1)?;
                }
            }
        }
        self.close(list);
        Ok(any)
    }

    /// Reads the start of an element in an object, and finds its place there. `list` is the list whose
    /// element came before.
    #[inline]
    fn child(
        &mut self,
        node: &'a ObjectNode,
        alike: &mut Guess,
        list: Option<&List>,
    ) -> Result<(Place, Element<'a>), Uninspectable> {
        let again = list.and_then(|list| node.members.get(usize::from(list.member)));
        if let (Some(list), Some(again)) = (list, again)
            && let Some(child) = self.begins(again)
        {
            return Ok((Place::Member(list.member, 0..0), child));
        }
        if alike.start < alike.end
            && let Some(piece) = self.found.pieces.get(alike.start).copied()
            && let Some((place, child)) = self.likely(node, piece, alike.start)
        {
            alike.start = piece.next(alike.start);
            return Ok((place, child));
        }
        if self.reader.rest().starts_with(b"<!") || !self.reader.take(b"<") {
            // Text, or nothing more, where only elements stand.
            self.reader.run()?;
            return Err(self.reader.refuse(Reason::Mismatch));
        }
        let name = self.reader.name()?;
        let child = Element {
            name,
            encoded: &[],
            tag: Tag::Name,
        };
        let place = match named(node, name) {
            Named::Member(member) => Place::Member(member, self.resume(member, alike)),
            Named::Other(field) => Place::Other(field),
            Named::Nothing => Place::Nowhere,
        };
        Ok((place, child))
    }

    /// Reads the start of the element that `piece`, which stands at `place`, was read from in the earlier
    /// object, if it comes next.
    #[inline]
    fn likely(
        &mut self,
        node: &'a ObjectNode,
        piece: Piece,
        place: usize,
    ) -> Option<(Place, Element<'a>)> {
        if let Content::Name { start, end } = piece.content {
            let name = self.reader.text().get(start as usize..end as usize)?;
            let rest = self.reader.rest().strip_prefix(b"<")?;
            let rest = rest.strip_prefix(name.as_bytes())?;
            rest.starts_with(b">").then_some(())?;
            self.reader.skip(name.len() + 2);
            let child = Element {
                name,
                encoded: &[],
                tag: Tag::Whole,
            };
            return Some((Place::Other(node.others?), child));
        }
        let child = self.begins(node.members.get(usize::from(piece.member))?)?;
        Some((
            Place::Member(piece.member, place + 1..piece.next(place)),
            child,
        ))
    }

    /// Reads the start of the element `member`, if it comes next.
    #[inline]
    fn begins(&mut self, member: &'a Member) -> Option<Element<'a>> {
        let encoded: &'a [u8] = &member.encoded;
        let (_, start) = encoded.split_last()?;
        let behind = self.reader.rest().strip_prefix(start)?;
        let tag = match behind.first()? {
            b'>' => Tag::Whole,
            b' ' | b'/' | b'\t' | b'\r' | b'\n' => Tag::Name,
            _ => return None,
        };
        self.reader
            .skip(start.len() + usize::from(tag == Tag::Whole));
        Some(Element {
            name: &member.name,
            encoded,
            tag,
        })
    }

    /// After a wrong guess: goes on behind `member` in the earlier object, if it is still ahead.
    fn resume(&self, member: u16, alike: &mut Guess) -> Guess {
        let mut place = alike.start;
        while place < alike.end
            && let Some(piece) = self.found.pieces.get(place)
        {
            let next = piece.next(place);
            if piece.member == member {
                alike.start = next;
                return place + 1..next;
            }
            place = next;
        }
        0..0
    }

    fn open(&mut self, member: u16, alike: Guess) -> List {
        List {
            member,
            place: self.found.open(member),
            earlier: (alike.start < alike.end).then_some(alike.start),
        }
    }

    fn close(&mut self, list: Option<List>) {
        if let Some(list) = list {
            self.found.close_array(list.place);
        }
    }

    fn item(
        &mut self,
        item: &'a Node,
        list: &mut List,
        child: Element<'a>,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        let inside = list.earlier.and_then(|at| {
            let piece = self.found.pieces.get(at)?;
            Some(at + 1..piece.next(at))
        });
        list.earlier = Some(self.found.pieces.len());
        self.element(item, 0, child, inside.unwrap_or_default(), depth)
    }
}
