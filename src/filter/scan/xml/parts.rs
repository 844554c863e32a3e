//! Parts of a document in XML that streams: tags and elements, each read as it would be where it stands.
//! All parts of a document, read one after the other, are all of its text.

pub(in crate::filter) use super::children::Named;
use super::children::named;
use super::reader::Reader;
use super::{Element, Scanner, Tag};
use crate::catalogue::{Member, Node, ObjectNode, Shape};
use crate::filter::Limits;
use crate::filter::scanned::{Scanned, Written};
use crate::filter::uninspectable::{Reason, Uninspectable};

/// What is around a part.
#[derive(Clone, Copy, Debug)]
pub(in crate::filter) struct Around<'s> {
    /// How many elements are open.
    pub(in crate::filter) depth: u8,
    /// The namespaces that these declare, by their places among the document's.
    pub(in crate::filter) declared: &'s [usize],
}

/// Reads `text`, elements in an element of the shape `parent`.
///
/// # Errors
/// As [`super::scan`].
pub(in crate::filter) fn elements<'a>(
    shape: &'a Shape,
    parent: &'a Node,
    text: &'a [u8],
    around: Around<'_>,
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut scanner = Scanner::new(shape, Reader::part(text, limits)?, limits);
    let Node::Object(object) = parent else {
        return Err(scanner.reader.refuse(Reason::Mismatch));
    };
    scanner.declared.extend_from_slice(around.declared);
    let place = scanner.found.open(0);
    scanner.elements(object, 0..0, around.depth)?;
    scanner.close_others(0)?;
    scanner.reader.end()?;
    scanner.found.close_object(place, false);
    Ok(scanner.found.finish(parent, Written::Elements))
}

/// Reads `text`, the start tag of an element of the shape `node`, which is `member` of what is around it or
/// one of its items; behind the declaration, where nothing is around. Which namespaces it declares is added
/// to `declared`.
///
/// # Errors
/// As [`super::scan`].
pub(in crate::filter) fn start<'a>(
    shape: &'a Shape,
    (member, node): (&'a Member, &'a Node),
    text: &'a [u8],
    depth: u8,
    declared: &mut Vec<usize>,
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut reader = match depth {
        1 => Reader::new(text, limits)?,
        _ => Reader::part(text, limits)?,
    };
    reader.space();
    reader.expect(b"<")?;
    let name = reader.name()?;
    let mut scanner = Scanner::new(shape, reader, limits);
    let Some(object) = object(node).filter(|_| *member.name == *name) else {
        return Err(scanner.reader.refuse(Reason::Mismatch));
    };
    std::mem::swap(&mut scanner.declared, declared);
    let element = Element {
        name,
        encoded: &member.encoded,
        tag: Tag::Name,
    };
    let place = scanner.found.open(0);
    scanner.start(element, depth)?;
    scanner.attributes(object, &mut (0..0))?;
    if !scanner.reader.rest().is_empty() {
        return Err(scanner.reader.refuse(Reason::Unexpected));
    }
    scanner.found.close_object(place, false);
    std::mem::swap(&mut scanner.declared, declared);
    Ok(scanner.found.finish(node, Written::Tag(member)))
}

fn object(node: &Node) -> Option<&ObjectNode> {
    match node {
        Node::Object(object) => Some(object),
        Node::Array(_) | Node::Scalar(_) => None,
    }
}

/// What the element whose start tag `text` is, is in the element `parent`; and its name.
///
/// # Errors
/// As [`super::scan`].
pub(in crate::filter) fn begun<'t>(
    parent: &ObjectNode,
    text: &'t [u8],
    limits: &Limits,
) -> Result<(Named, &'t str), Uninspectable> {
    let mut reader = Reader::part(text, limits)?;
    reader.space();
    if !reader.take(b"<") {
        // Text, where only elements stand.
        return Err(reader.refuse(Reason::Mismatch));
    }
    let name = reader.name()?;
    Ok((named(parent, name), name))
}

/// Reads `text`, the end tag of the element `name`.
///
/// # Errors
/// As [`super::scan`].
pub(in crate::filter) fn end(
    name: &str,
    text: &[u8],
    limits: &Limits,
) -> Result<(), Uninspectable> {
    let mut reader = Reader::part(text, limits)?;
    reader.space();
    if !reader.rest().starts_with(b"</") {
        return Err(reader.refuse(Reason::Mismatch));
    }
    reader.end_of(name)?;
    reader.end()
}
