//! Writing in XML: a declaration, the catalogue's names and namespaces, texts escaped anew.

use std::ops::Range;

use super::{RecordDecision, Writer, Written, stays};
use crate::catalogue::{Member, Node, ObjectNode};
use crate::filter::piece::{Content, Scalar, Token};
use crate::filter::plan::{Plan, Treatment};
use crate::filter::text::xml::{write_attribute, write_text};

const DECLARATION: &[u8] = br#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// Writes the document.
pub(super) fn write(writer: &mut Writer<'_, '_>, root: &Node, envelope: &Plan) -> Written {
    let Node::Object(document) = root else {
        return None;
    };
    let outermost = document.members.first()?;
    writer.out.extend_from_slice(DECLARATION);
    let start = writer.out.len();
    writer.element(&outermost.encoded, &outermost.node, 1, envelope)?;
    writer.declare(document, outermost, start)
}

/// Writes the start tag that was read, of an element that stays, without its last character: whether
/// anything stands inside is not known yet. The outermost one stands behind the declaration.
pub(super) fn write_tag(writer: &mut Writer<'_, '_>, member: &Member, envelope: &Plan) -> Written {
    let Node::Object(document) = &writer.scanned.shape.root else {
        return None;
    };
    let is_outermost = document
        .members
        .first()
        .is_some_and(|one| std::ptr::eq(one, member));
    if is_outermost {
        writer.out.extend_from_slice(DECLARATION);
    }
    let start = writer.out.len();
    let (object, inside) = writer.only_object(writer.scanned.root)?;
    writer.start_tag(&member.encoded, object, inside, envelope)?;
    if is_outermost {
        writer.declare(document, member, start)?;
    }
    Some(())
}

/// Writes the elements that were read, of an element that has the shape `root`, without its tags.
pub(super) fn write_elements(writer: &mut Writer<'_, '_>, root: &Node, envelope: &Plan) -> Written {
    let (object, inside) = writer.only_object(root)?;
    writer.children(object, inside, envelope)
}

impl<'s> Writer<'s, '_> {
    /// Writes the declarations of all namespaces into the outermost element, which begins at `start`.
    fn declare(&mut self, document: &ObjectNode, outermost: &Member, start: usize) -> Written {
        // Behind its name.
        let behind = start + outermost.encoded.len().checked_sub(1)?;
        let mut declarations = Vec::new();
        for namespace in &document.namespaces {
            declarations.extend_from_slice(b" xmlns");
            if !namespace.prefix.is_empty() {
                declarations.push(b':');
            }
            declarations.extend_from_slice(namespace.prefix.as_bytes());
            declarations.extend_from_slice(b"=\"");
            write_attribute(&namespace.uri, &mut declarations);
            declarations.push(b'"');
        }
        self.out.splice(behind..behind, declarations);
        Some(())
    }

    /// The object, of the shape `root`, that is all that was read, and the pieces inside of it.
    fn only_object<'n>(&self, root: &'n Node) -> Option<(&'n ObjectNode, Range<usize>)> {
        match (self.scanned.pieces.first()?.content, root) {
            (Content::Object { after }, Node::Object(object)) => Some((object, 1..after as usize)),
            _ => None,
        }
    }

    /// Writes the piece at `place`, which has the shape `node`, as an element that begins so.
    fn element(&mut self, start: &[u8], node: &Node, place: usize, plan: &Plan) -> Written {
        let piece = self.scanned.pieces.get(place)?;
        match (piece.content, node) {
            (Content::Object { after }, Node::Object(object)) => {
                self.inside(start, object, place + 1..after as usize, plan)
            }
            (Content::Record { after, record }, Node::Object(object)) => {
                match self.decision(record) {
                    RecordDecision::Keep(plan) => {
                        self.leading.record = Some(record);
                        let written = self.inside(start, object, place + 1..after as usize, plan);
                        self.leading.record = None;
                        written
                    }
                    RecordDecision::Drop => None,
                }
            }
            (Content::Array { after }, Node::Array(item)) => {
                self.items(start, item, place + 1..after as usize, plan)
            }
            (Content::Null, Node::Object(_)) => self.close_tag(start, |_| Some(())),
            (Content::Scalar(scalar), Node::Scalar(_)) => {
                match self.treatment(scalar, plan) {
                    // A link that leads nowhere.
                    Treatment::Remove => Some(()),
                    treatment => self.text_element(start, scalar, treatment),
                }
            }
            _ => None,
        }
    }

    /// Writes an element that begins so, around what `inside` writes.
    #[inline]
    fn close_tag(&mut self, start: &[u8], inside: impl FnOnce(&mut Self) -> Written) -> Written {
        self.out.extend_from_slice(start);
        self.end_tag(start, inside)
    }

    /// As [`Self::close_tag`], behind a tag that has been written.
    #[inline]
    fn end_tag(&mut self, start: &[u8], inside: impl FnOnce(&mut Self) -> Written) -> Written {
        let begun = self.out.len();
        inside(self)?;
        if self.out.len() == begun {
            self.out.pop();
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(start.get(1..)?);
        }
        Some(())
    }

    #[inline]
    fn text_element(&mut self, start: &[u8], scalar: Scalar, treatment: Treatment) -> Written {
        self.close_tag(start, |writer| {
            writer.value_as(scalar, treatment, write_text)
        })
    }

    /// Writes a value as text of an element or of an attribute.
    #[inline]
    fn value_as(
        &mut self,
        scalar: Scalar,
        treatment: Treatment,
        write: fn(&str, &mut Vec<u8>),
    ) -> Written {
        let written = self
            .scanned
            .text
            .get(scalar.start as usize..scalar.end as usize)?;
        match (treatment, scalar.token) {
            (Treatment::Clear | Treatment::Figure, Token::Null) => {}
            // Nothing in it needs another spelling.
            (Treatment::Clear | Treatment::Figure, Token::Text | Token::Bare) => {
                self.out.extend_from_slice(written.as_bytes());
            }
            (Treatment::Clear | Treatment::Figure, token) => {
                write(&token.decode(written), self.out)
            }
            _ => {
                self.instead_as_text(scalar, treatment, written);
                write(&self.made, self.out);
            }
        }
        Some(())
    }

    fn inside(
        &mut self,
        start: &[u8],
        object: &ObjectNode,
        inside: Range<usize>,
        plan: &Plan,
    ) -> Written {
        let behind = inside.end;
        let elements = self.start_tag(start, object, inside, plan)?;
        self.out.push(b'>');
        self.end_tag(start, |writer| {
            writer.children(object, elements..behind, plan)
        })
    }

    /// Writes a start tag without its last character; the place behind its attributes.
    fn start_tag(
        &mut self,
        start: &[u8],
        object: &ObjectNode,
        inside: Range<usize>,
        plan: &Plan,
    ) -> Option<usize> {
        let (_, name) = start.split_last()?;
        self.out.extend_from_slice(name);
        let mut place = inside.start;
        // Attributes were read first.
        while place < inside.end {
            let piece = self.scanned.pieces.get(place)?;
            if usize::from(piece.member) >= object.attributes {
                break;
            }
            let member = object.members.get(usize::from(piece.member))?;
            if stays(piece, member, plan) {
                self.attribute(member, place, plan)?;
            }
            place = piece.next(place);
        }
        Some(place)
    }

    fn attribute(&mut self, member: &Member, place: usize, plan: &Plan) -> Written {
        let piece = self.scanned.pieces.get(place)?;
        let Content::Scalar(scalar) = piece.content else {
            return None;
        };
        let treatment = self.treatment(scalar, plan);
        if treatment == Treatment::Remove {
            return Some(());
        }
        self.out.extend_from_slice(&member.encoded);
        self.value_as(scalar, treatment, write_attribute)?;
        self.out.push(b'"');
        Some(())
    }

    fn children(&mut self, object: &ObjectNode, inside: Range<usize>, plan: &Plan) -> Written {
        let mut place = inside.start;
        while place < inside.end {
            let piece = self.scanned.pieces.get(place)?;
            if let Content::Name { start, end } = piece.content {
                let name = self.scanned.text.get(start as usize..end as usize)?;
                self.named(place + 1, name, plan)?;
            } else {
                let member = object.members.get(usize::from(piece.member))?;
                if stays(piece, member, plan) {
                    self.element(&member.encoded, &member.node, place, plan)?;
                }
            }
            place = piece.next(place);
        }
        Some(())
    }

    /// Writes the scalar at `place` as an element of this name, which is data as it is.
    fn named(&mut self, place: usize, name: &str, plan: &Plan) -> Written {
        let Some(scalar) = self.other_scalar(place, plan)? else {
            return Some(());
        };
        let start = [b"<", name.as_bytes(), b">"].concat();
        self.text_element(&start, scalar, Treatment::Clear)
    }

    fn items(&mut self, start: &[u8], item: &Node, inside: Range<usize>, plan: &Plan) -> Written {
        // Where nothing of the items may leave, not even their number does.
        let mut place = if plan.opens(item) {
            inside.start
        } else {
            inside.end
        };
        while place < inside.end {
            let piece = self.scanned.pieces.get(place)?;
            if !self.drops(piece) {
                self.element(start, item, place, plan)?;
            }
            place = piece.next(place);
        }
        Some(())
    }
}
