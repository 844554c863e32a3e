//! The one reading of an answer in XML. As in JSON, with these differences: what is a member is an
//! element or attribute; the elements of an array stand side by side; text that stands beside elements
//! is a doubt; an element of which nothing is known is dropped however often it stands there.

mod children;
pub(in crate::filter) mod parts;
mod reader;

use self::reader::{Attribute, Reader};
use super::gathered::{Gathered, Value};
use super::{Guess, Seen};
use crate::catalogue::{FieldId, Namespace, Node, ObjectNode, Shape};
use crate::filter::Limits;
use crate::filter::piece::{Content, OTHER, Token};
use crate::filter::scanned::{Scanned, Written};
use crate::filter::uninspectable::{Reason, Uninspectable};

/// More levels than this are never followed, whatever the limit says.
const DEPTH_CEILING: u8 = 128;

/// Reads `body` once, strictly and against `shape`.
///
/// # Errors
/// The first doubt.
pub(in crate::filter) fn scan<'a>(
    shape: &'a Shape,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut scanner = Scanner::new(shape, Reader::new(body, limits)?, limits);
    scanner.document(&shape.root)?;
    scanner.reader.end()?;
    Ok(scanner.found.finish(&shape.root, Written::Xml))
}

struct Scanner<'a> {
    reader: Reader<'a>,
    limits: Limits,
    depth_max: u8,
    found: Gathered<'a>,
    /// Those that may be declared.
    namespaces: &'a [Namespace],
    /// Those that are declared here, by their places among all.
    declared: Vec<usize>,
    /// The names of elements that only a category for all others is about, of all elements that are
    /// open, innermost last, with their offsets.
    others: Vec<(&'a str, usize)>,
}

/// How far the tag of an element has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// Whole: it has no attributes.
    Whole,
    /// Behind the name.
    Name,
}

/// An element that has begun.
#[derive(Clone, Copy)]
struct Element<'a> {
    name: &'a str,
    /// As the catalogue writes its start, where it does.
    encoded: &'a [u8],
    tag: Tag,
}

impl<'a> Scanner<'a> {
    fn new(shape: &'a Shape, reader: Reader<'a>, limits: &Limits) -> Self {
        let mut found = Gathered::new(shape, reader.text(), limits.number_bytes_max);
        // A guess; the list grows where it is wrong.
        found.pieces.reserve(reader.text().len() / 24);
        Self {
            found,
            reader,
            limits: *limits,
            depth_max: limits.depth_max.min(DEPTH_CEILING),
            namespaces: match &shape.root {
                Node::Object(document) => &document.namespaces,
                Node::Array(_) | Node::Scalar(_) => &[],
            },
            declared: Vec::new(),
            others: Vec::new(),
        }
    }

    fn document(&mut self, root: &'a Node) -> Result<(), Uninspectable> {
        let mismatch = |scanner: &Self| scanner.reader.refuse(Reason::Mismatch);
        let Node::Object(document) = root else {
            return Err(mismatch(self));
        };
        self.reader.expect(b"<")?;
        let name = self.reader.name()?;
        let Some(outermost) = document.members.first().filter(|one| *one.name == *name) else {
            return Err(mismatch(self));
        };
        let place = self.found.open(0);
        let element = Element {
            name,
            encoded: &outermost.encoded,
            tag: Tag::Name,
        };
        self.element(&outermost.node, 0, element, 0..0, 1)?;
        self.found.close_object(place, false);
        Ok(())
    }

    /// Reads an element that has begun, of the shape `node`, which is `member` of the object around it.
    fn element(
        &mut self,
        node: &'a Node,
        member: u16,
        element: Element<'a>,
        alike: Guess,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        match node {
            Node::Scalar(field) => self.scalar(*field, member, element, depth),
            Node::Object(object) => self.object(object, member, element, alike, depth),
            // A list within a list is wrapped.
            Node::Array(_) => Err(self.reader.refuse(Reason::Mismatch)),
        }
    }

    /// Reads the rest of a tag; how many namespaces were declared before it, and whether anything stands
    /// inside.
    #[inline]
    fn start(&mut self, element: Element<'a>, depth: u8) -> Result<(usize, bool), Uninspectable> {
        if depth > self.depth_max {
            return Err(self.reader.refuse(Reason::TooDeep));
        }
        let declared = self.declared.len();
        if element.tag == Tag::Whole {
            self.reader.attributes.clear();
            if !self.namespaces.is_empty() {
                self.check_prefix(element.name)?;
            }
            return Ok((declared, true));
        }
        let inhabited = self.reader.attributes()?;
        self.declare(depth == 1)?;
        self.check_prefix(element.name)?;
        Ok((declared, inhabited))
    }

    /// Takes the declarations of namespaces out of the attributes, and checks the prefixes of the rest.
    fn declare(&mut self, outermost: bool) -> Result<(), Uninspectable> {
        let mut unprefixed = false;
        let mut attributes = std::mem::take(&mut self.reader.attributes);
        let text = self.reader.text();
        let unknown = |one: &Attribute<'_>| Uninspectable::new(Reason::Namespace, one.start);
        for one in &attributes {
            let Some(prefix) = declared_prefix(one.name) else {
                continue;
            };
            let uri = text.get(one.start..one.end).filter(|_| !one.marked);
            let mut known = self.namespaces.iter();
            let known =
                known.position(|known| *known.prefix == *prefix && Some(&*known.uri) == uri);
            unprefixed |= prefix.is_empty();
            self.declared.push(known.ok_or_else(|| unknown(one))?);
        }
        // Without its namespace the outermost element would be another one.
        if outermost && !unprefixed && self.namespaces.iter().any(|one| one.prefix.is_empty()) {
            return Err(self.reader.refuse(Reason::Namespace));
        }
        attributes.retain(|one| declared_prefix(one.name).is_none());
        for one in &attributes {
            if !one.name.starts_with("xml:") {
                self.check_prefix(one.name)?;
            }
        }
        self.reader.attributes = attributes;
        Ok(())
    }

    fn check_prefix(&self, name: &str) -> Result<(), Uninspectable> {
        match name.split_once(':') {
            Some((prefix, _)) if !self.declares(prefix) => {
                Err(self.reader.refuse(Reason::Namespace))
            }
            _ => Ok(()),
        }
    }

    fn declares(&self, prefix: &str) -> bool {
        let mut declared = self.declared.iter();
        declared.any(|place| {
            let known = self.namespaces.get(*place);
            known.is_some_and(|known| *known.prefix == *prefix)
        })
    }

    fn scalar(
        &mut self,
        field: FieldId,
        member: u16,
        element: Element<'a>,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        let (declared, inhabited) = self.start(element, depth)?;
        self.found.uncatalogued += self.reader.attributes.len();
        let mut value = Value {
            start: self.reader.position(),
            end: self.reader.position(),
            token: Token::Text,
        };
        if inhabited {
            let run = self.reader.run()?;
            value.end = run.end;
            if run.marked {
                value.token = Token::Marked;
            }
            let end = self.end(element, Reason::Mismatch);
            end.map_err(|found| found.of_field(field, None))?;
        }
        self.declared.truncate(declared);
        self.found.scalar(field, member, value)
    }

    /// Reads the end of an element; what begins there instead is refused for this reason.
    #[inline]
    fn end(&mut self, element: Element<'a>, instead: Reason) -> Result<(), Uninspectable> {
        let expected = element.encoded.get(1..).unwrap_or_default();
        let rest = self.reader.rest();
        let ends = rest.starts_with(b"</");
        let plain =
            !expected.is_empty() && rest.get(2..).is_some_and(|rest| rest.starts_with(expected));
        if ends && plain {
            self.reader.take(b"</");
            self.reader.take(expected);
            return Ok(());
        }
        if !ends {
            return Err(self.reader.refuse(instead));
        }
        self.reader.end_of(element.name)
    }

    fn object(
        &mut self,
        node: &'a ObjectNode,
        member: u16,
        element: Element<'a>,
        mut alike: Guess,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        let place = self.found.open(member);
        let began_record = self.found.begin_record(node.record);
        let (declared, inhabited) = self.start(element, depth)?;
        if !self.reader.attributes.is_empty() {
            self.attributes(node, &mut alike)?;
        }
        let empty = self.found.pieces.len() == place + 1;
        let others = self.others.len();
        let any = inhabited && self.children(node, element, alike, depth)?;
        self.close_others(others)?;
        self.declared.truncate(declared);
        self.found.close_object(place, began_record);
        // Nothing where `null` may stand; a record is one even if nothing stands in it.
        if node.nullable
            && empty
            && !any
            && !began_record
            && let Some(piece) = self.found.pieces.get_mut(place)
        {
            piece.content = Content::NullObject;
        }
        Ok(())
    }

    fn attributes(&mut self, node: &'a ObjectNode, alike: &mut Guess) -> Result<(), Uninspectable> {
        let known = node.members.get(..node.attributes).unwrap_or_default();
        for place in 0..self.reader.attributes.len() {
            let Some(one) = self.reader.attributes.get(place).copied() else {
                break;
            };
            let found = known.binary_search_by(|member| (*member.name).cmp(one.name));
            let Ok(found) = found else {
                self.found.uncatalogued += 1;
                continue;
            };
            let Some(Node::Scalar(field)) = known.get(found).map(|member| &member.node) else {
                return Err(self.reader.refuse(Reason::Mismatch));
            };
            let token = if one.marked {
                Token::Attribute
            } else {
                Token::Text
            };
            let (start, end) = (one.start, one.end);
            let member = u16::try_from(found).unwrap_or(OTHER);
            self.found
                .scalar(*field, member, Value { start, end, token })?;
        }
        // Behind the attributes of the earlier object.
        while alike.start < alike.end
            && let Some(piece) = self.found.pieces.get(alike.start)
            && usize::from(piece.member) < node.attributes
        {
            alike.start += 1;
        }
        Ok(())
    }

    /// Reads an element that only the category of all others is about.
    fn other(
        &mut self,
        field: FieldId,
        child: Element<'a>,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        let behind = self.reader.position() - usize::from(child.tag == Tag::Whole);
        let start = behind.saturating_sub(child.name.len());
        if child.name.len() > self.limits.name_bytes_max {
            return Err(Uninspectable::new(Reason::TooManyMembers, start));
        }
        self.others.push((child.name, start));
        self.found.name(start, behind);
        self.scalar(field, OTHER, child, depth)
    }

    /// Checks and forgets the names of the innermost object, which begin at `opened`.
    #[inline]
    fn close_others(&mut self, opened: usize) -> Result<(), Uninspectable> {
        let names = self.others.get_mut(opened..).unwrap_or_default();
        if names.is_empty() {
            return Ok(());
        }
        if names.len() > self.limits.other_members_max {
            return Err(self.reader.refuse(Reason::TooManyMembers));
        }
        names.sort_unstable();
        let mut neighbours = names.iter().zip(names.iter().skip(1));
        if let Some((_, (_, offset))) = neighbours.find(|((left, _), (right, _))| left == right) {
            return Err(Uninspectable::new(Reason::DuplicateKey, *offset));
        }
        self.others.truncate(opened);
        Ok(())
    }

    /// Reads an element that begins at level `depth` and that the catalogue does not know.
    fn skip(&mut self, outermost: Element<'a>, depth: u8) -> Result<(), Uninspectable> {
        let (declared, inhabited) = self.start(outermost, depth)?;
        let mut open: Vec<(&str, usize)> = Vec::new();
        if inhabited {
            open.push((outermost.name, declared));
        } else {
            self.declared.truncate(declared);
        }
        while let Some((name, declared)) = open.last().copied() {
            self.reader.run()?;
            if self.reader.rest().starts_with(b"</") {
                self.reader.end_of(name)?;
                self.declared.truncate(declared);
                open.pop();
                continue;
            }
            self.reader.expect(b"<")?;
            let element = Element {
                name: self.reader.name()?,
                encoded: &[],
                tag: Tag::Name,
            };
            // INVARIANT: `start` refuses before there are more levels than a byte counts.
            let level = depth.saturating_add(u8::try_from(open.len()).unwrap_or(u8::MAX));
            let (declared, inhabited) = self.start(element, level)?;
            if inhabited {
                open.push((element.name, declared));
            } else {
                self.declared.truncate(declared);
            }
        }
        Ok(())
    }
}

/// The prefix that an attribute declares, if it does.
fn declared_prefix(name: &str) -> Option<&str> {
    match name.strip_prefix("xmlns") {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix(':'),
        None => None,
    }
}

#[cfg(test)]
mod tests;
