//! Writing what was granted, and nothing else, as a new document.

use super::field_set::FieldSet;
use super::piece::{Content, Piece, Token};
use super::plan::{Plan, Treatment};
use super::pseudonym::PseudonymKey;
use super::scan::{Scanned, unquoted};
use super::text::{unescape, write_string};
use crate::catalogue::{FieldId, Member, Node, Partial};

/// What stands for the characters of a partial value that stay inside.
const MASK: &str = "***";

/// What is to happen to one record.
#[derive(Clone, Copy, Debug)]
pub enum RecordDecision<'p> {
    /// It leaves as this plan, made for the same shape, says.
    Keep(&'p Plan),
    /// Nothing of it leaves, and that it was there does not show.
    Drop,
}

/// What left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// For each record, in the order of [`Scanned::records`]; `None` if it was dropped.
    pub records: Vec<Option<Released>>,
    /// For what stands outside of records.
    pub envelope: Released,
}

/// Which of the fields that stood in a record left, and which did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Something of these left: in clear, a part, or a replacement.
    pub released: FieldSet,
    /// These did not leave.
    pub withheld: FieldSet,
}

impl Scanned<'_> {
    /// Appends to `out` the answer in which each record leaves as decided, and everything outside of
    /// records by `envelope`. `decisions` goes by the order of [`Scanned::records`]; a record without
    /// one is dropped. All plans must be made for the shape that was scanned.
    ///
    /// A dropped record is left out of the array it stands in. If one stands elsewhere there is no
    /// answer without it: then nothing is written and the result is `None`.
    #[must_use = "without a result nothing was written and nothing may be sent"]
    pub fn emit(
        &self,
        decisions: &[RecordDecision<'_>],
        envelope: &Plan,
        key: &PseudonymKey,
        out: &mut Vec<u8>,
    ) -> Option<Emitted> {
        let start = out.len();
        out.reserve(self.text.len());
        let mut writer = Writer {
            scanned: self,
            decisions,
            key,
            out,
        };
        if writer.value(&self.shape.root, 0, envelope).is_none() {
            out.truncate(start);
            return None;
        }
        let decided = decisions
            .iter()
            .copied()
            .chain(std::iter::repeat(RecordDecision::Drop));
        let records = self
            .records()
            .iter()
            .zip(decided)
            .map(|(record, decision)| match decision {
                RecordDecision::Keep(plan) => Some(Released::of(record.present(), plan)),
                RecordDecision::Drop => None,
            });
        Some(Emitted {
            records: records.collect(),
            envelope: Released::of(self.envelope().present(), envelope),
        })
    }
}

impl Released {
    fn of(present: &FieldSet, plan: &Plan) -> Self {
        let (released, withheld) = present.split(plan.released());
        Self { released, withheld }
    }
}

/// A record that is to be dropped stands where it cannot be left out.
type Written = Option<()>;

struct Writer<'s, 'p> {
    scanned: &'s Scanned<'s>,
    decisions: &'s [RecordDecision<'p>],
    key: &'s PseudonymKey,
    out: &'s mut Vec<u8>,
}

impl<'p> Writer<'_, 'p> {
    /// Writes the piece at `place`, which has the shape `node`.
    fn value(&mut self, node: &Node, place: usize, plan: &Plan) -> Written {
        let piece = self.scanned.pieces.get(place)?;
        match (piece.content, node) {
            (Content::Object { after }, Node::Object(object)) => {
                self.object(&object.members, place + 1..after as usize, plan)
            }
            (Content::Record { after, record }, Node::Object(object)) => {
                match self.decision(record) {
                    RecordDecision::Keep(plan) => {
                        self.object(&object.members, place + 1..after as usize, plan)
                    }
                    RecordDecision::Drop => None,
                }
            }
            (Content::Array { after }, Node::Array(item)) => {
                self.array(item, place + 1..after as usize, plan)
            }
            (Content::NullObject, Node::Object(_)) => {
                self.out.extend_from_slice(b"null");
                Some(())
            }
            (
                Content::Scalar {
                    field,
                    token,
                    start,
                    end,
                },
                Node::Scalar(_),
            ) => {
                let written = self.scanned.text.get(start as usize..end as usize)?;
                self.scalar(field, plan.treatment(field), token, written);
                Some(())
            }
            _ => None,
        }
    }

    fn decision(&self, record: u32) -> RecordDecision<'p> {
        let decision = self.decisions.get(record as usize);
        decision.copied().unwrap_or(RecordDecision::Drop)
    }

    fn object(
        &mut self,
        members: &[Member],
        inside: std::ops::Range<usize>,
        plan: &Plan,
    ) -> Written {
        self.out.push(b'{');
        let mut place = inside.start;
        while place < inside.end {
            let piece = self.scanned.pieces.get(place)?;
            let member = members.get(usize::from(piece.member))?;
            if stays(piece, member, plan) {
                self.out.extend_from_slice(&member.encoded);
                self.value(&member.node, place, plan)?;
                self.out.push(b',');
            }
            place = piece.next(place);
        }
        self.close(b'}');
        Some(())
    }

    fn array(&mut self, item: &Node, inside: std::ops::Range<usize>, plan: &Plan) -> Written {
        self.out.push(b'[');
        // Where nothing of the items may leave, not even their number does.
        let mut place = if plan.opens(item) {
            inside.start
        } else {
            inside.end
        };
        while place < inside.end {
            let piece = self.scanned.pieces.get(place)?;
            let dropped = match piece.content {
                Content::Record { record, .. } => {
                    matches!(self.decision(record), RecordDecision::Drop)
                }
                _ => false,
            };
            if !dropped {
                self.value(item, place, plan)?;
                self.out.push(b',');
            }
            place = piece.next(place);
        }
        self.close(b']');
        Some(())
    }

    /// Ends an object or array; the comma behind its last member becomes the bracket.
    fn close(&mut self, bracket: u8) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.out.push(bracket),
        }
    }

    #[inline]
    fn scalar(&mut self, field: FieldId, treatment: Treatment, token: Token, written: &str) {
        match (treatment, token) {
            (Treatment::Clear, Token::Escaped) => {
                write_string(&unescape(unquoted(written)), self.out)
            }
            (Treatment::Clear, _)
            | (Treatment::Partial(_) | Treatment::Pseudonym(_), Token::Null) => {
                self.out.extend_from_slice(written.as_bytes());
            }
            (Treatment::Partial(partial), _) => {
                write_string(&part(partial, &unescape(unquoted(written))), self.out);
            }
            (Treatment::Pseudonym(category), _) => {
                let pseudonym = self.key.pseudonym(category, &unescape(unquoted(written)));
                self.out.push(b'"');
                self.out.extend_from_slice(&pseudonym);
                self.out.push(b'"');
            }
            (Treatment::Empty, _) => {
                let field = self.scanned.shape.fields.get(usize::from(field.0));
                self.out
                    .extend_from_slice(field.map_or(b"null", |field| &field.empty));
            }
            (Treatment::Null | Treatment::Remove, _) => self.out.extend_from_slice(b"null"),
        }
    }
}

/// Whether a member is written at all.
#[inline]
fn stays(piece: &Piece, member: &Member, plan: &Plan) -> bool {
    match piece.content {
        Content::Scalar { field, .. } => plan.treatment(field) != Treatment::Remove,
        Content::Record { .. } => true,
        Content::Object { .. } | Content::Array { .. } | Content::NullObject => {
            member.required || plan.opens(&member.node)
        }
    }
}

/// The part of `value` that leaves. A value that would leave whole is masked whole.
fn part(partial: Partial, value: &str) -> String {
    let boundary = |characters: usize| value.char_indices().map(|(at, _)| at).nth(characters);
    let length = value.chars().count();
    let (shown, last) = match partial {
        Partial::Last(count) => (usize::from(count), true),
        Partial::First(count) => (usize::from(count), false),
    };
    if shown == 0 || length <= shown {
        return MASK.to_owned();
    }
    let cut = boundary(if last { length - shown } else { shown }).unwrap_or_default();
    let (first, rest) = value.split_at_checked(cut).unwrap_or_default();
    if last {
        format!("{MASK}{rest}")
    } else {
        format!("{first}{MASK}")
    }
}
