//! What a reading of XML or CSV has gathered so far, and what it says to a text that stands for a value.

use super::scalars::identify;
use super::{FieldRole, Record, Scanned, Uninspectable, index, inherit};
use crate::catalogue::{Field, FieldId, Misfit, Node, ScalarKind, Shape};
use crate::filter::field_set::FieldSet;
use crate::filter::piece::{Content, OTHER, Piece, Scalar, Token};
use crate::filter::scanned::Written;
use crate::filter::uninspectable::Reason;

/// Pieces and records; the last record may be one that is being read.
pub(super) struct Gathered<'a> {
    shape: &'a Shape,
    text: &'a str,
    number_bytes_max: usize,
    pub(super) pieces: Vec<Piece>,
    records: Vec<Record<'a>>,
    envelope: Record<'a>,
    in_record: bool,
    pub(super) uncatalogued: usize,
}

/// Where a value is written, and how.
#[derive(Clone, Copy)]
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) token: Token,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(shape: &'a Shape, text: &'a str, number_bytes_max: usize) -> Self {
        Self {
            shape,
            text,
            number_bytes_max,
            pieces: Vec::new(),
            records: Vec::new(),
            envelope: Record::default(),
            in_record: false,
            uncatalogued: 0,
        }
    }

    /// All that was read, which has the shape `root`.
    pub(super) fn finish(mut self, root: &'a Node, written: Written<'a>) -> Scanned<'a> {
        inherit(&mut self.records, &self.envelope);
        Scanned {
            shape: self.shape,
            text: self.text,
            root,
            written,
            pieces: self.pieces,
            records: self.records,
            envelope: self.envelope,
            uncatalogued: self.uncatalogued,
        }
    }

    /// Begins an object, or an array, that is closed later. Its place.
    #[inline]
    pub(super) fn open(&mut self, member: u16) -> usize {
        let place = self.pieces.len();
        let content = Content::Object {
            after: index(place + 1),
        };
        self.pieces.push(Piece { member, content });
        place
    }

    /// Begins a record, unless one is being read: records do not nest. Whether it did.
    #[inline]
    pub(super) fn begin_record(&mut self, record: bool) -> bool {
        let begins = record && !self.in_record;
        if begins {
            // Where it stays: to move it there when it has been read would cost as much as to read it.
            self.records.push(Record::default());
            self.in_record = true;
        }
        begins
    }

    /// Ends the object at `place`, which is a record if it began one.
    #[inline]
    pub(super) fn close_object(&mut self, place: usize, began_record: bool) {
        let after = index(self.pieces.len());
        let content = if began_record {
            self.in_record = false;
            let record = index(self.records.len().saturating_sub(1));
            Content::Record { after, record }
        } else {
            Content::Object { after }
        };
        self.close(place, content);
    }

    /// Ends the array at `place`.
    #[inline]
    pub(super) fn close_array(&mut self, place: usize) {
        let after = index(self.pieces.len());
        self.close(place, Content::Array { after });
    }

    fn close(&mut self, place: usize, content: Content) {
        if let Some(piece) = self.pieces.get_mut(place) {
            piece.content = content;
        }
    }

    /// Adds the name of a member that the catalogue does not list; its scalar comes next.
    pub(super) fn name(&mut self, start: usize, end: usize) {
        let content = Content::Name {
            start: index(start),
            end: index(end),
        };
        let member = OTHER;
        self.pieces.push(Piece { member, content });
    }

    /// Notes that these fields stand in what is read now.
    #[inline]
    pub(super) fn hold(&mut self, fields: &FieldSet) {
        self.subject().present.clone_from(fields);
    }

    /// Adds a scalar, if it is one of its field, and notes that the field stands there.
    #[inline]
    pub(super) fn scalar(
        &mut self,
        id: FieldId,
        member: u16,
        value: Value,
    ) -> Result<(), Uninspectable> {
        self.subject().present.insert(id);
        self.piece(id, member, value).map(drop)
    }

    /// Makes room for so many records.
    pub(super) fn reserve_records(&mut self, records: usize) {
        self.records.reserve(records);
    }

    /// As what an empty text of this field is taken, where there is nothing to say of a text of it but that
    /// it stands there.
    pub(super) fn empty(&self, id: FieldId) -> Option<Token> {
        let field = self.shape.fields.get(usize::from(id.0));
        let field = field.filter(|field| is_free(field))?;
        Some(if field.nullable {
            Token::Null
        } else {
            Token::Text
        })
    }

    /// Adds a scalar, if it is one of its field, which is known to stand there; as what it was taken.
    #[inline(always)]
    pub(super) fn piece(
        &mut self,
        id: FieldId,
        member: u16,
        value: Value,
    ) -> Result<Token, Uninspectable> {
        let field = self.shape.fields.get(usize::from(id.0));
        let field = field.ok_or(Uninspectable::new(Reason::Mismatch, value.start))?;
        // Marked texts may turn out to be nothing.
        let token = if is_free(field) && value.is_something() {
            value.token
        } else {
            self.judge((id, field), value)?
        };
        self.free_piece(id, member, Value { token, ..value });
        Ok(token)
    }

    /// Adds a scalar of a field that is known to stand there, and of which there is nothing more to say.
    #[inline(always)]
    pub(super) fn free_piece(&mut self, id: FieldId, member: u16, value: Value) {
        let content = Content::Scalar(Scalar {
            field: id,
            token: value.token,
            start: index(value.start),
            end: index(value.end),
        });
        self.pieces.push(Piece { member, content });
    }

    /// Whom what is read now is about: the record that is being read, or what is around all records.
    #[inline(always)]
    fn subject(&mut self) -> &mut Record<'a> {
        match self.records.last_mut() {
            Some(record) if self.in_record => record,
            _ => &mut self.envelope,
        }
    }

    /// Holds a value to its field, and notes whose or what it is the id of.
    #[inline(never)]
    fn judge(
        &mut self,
        (id, field): (FieldId, &Field),
        value: Value,
    ) -> Result<Token, Uninspectable> {
        let (start, end) = (value.start, value.end);
        let written = self.text.get(start..end).unwrap_or_default();
        let token = judged(field, value.token, written, self.number_bytes_max);
        let token = token
            .map_err(|misfit| Uninspectable::new(Reason::Mismatch, start).of_field(id, misfit))?;
        if field.role != FieldRole::Data && token != Token::Null {
            identify(self.subject(), field.role, token.decode(written), start)?;
        }
        Ok(token)
    }
}

impl Value {
    /// Whether it is surely not nothing.
    #[inline(always)]
    pub(super) fn is_something(&self) -> bool {
        self.start < self.end && matches!(self.token, Token::Text | Token::Quoted)
    }
}

#[inline(always)]
fn is_free(field: &Field) -> bool {
    field.kind == ScalarKind::String && field.role == FieldRole::Data && !field.check.is_needed()
}

/// How a value of `field` is written, given the text that stands for it; else what it fails, nothing where it
/// is of another type.
#[inline]
fn judged(
    field: &Field,
    token: Token,
    written: &str,
    number_bytes_max: usize,
) -> Result<Token, Option<Misfit>> {
    let token = typed(field, token, written, number_bytes_max).ok_or(None)?;
    let check = &field.check;
    if check.is_needed() {
        match token {
            Token::Null => Ok(()),
            Token::Bare => check.fit_bare(written),
            text => check.fit(&text.decode(written)),
        }?;
    }
    Ok(token)
}

/// Nothing is `null` where that may stand, else the empty text; numbers and truth values are written as
/// JSON writes them.
#[inline]
fn typed(field: &Field, token: Token, written: &str, number_bytes_max: usize) -> Option<Token> {
    let plain = matches!(token, Token::Text | Token::Quoted);
    let nothing = written.is_empty() || (!plain && token.decode(written).is_empty());
    if field.nullable && nothing {
        return Some(Token::Null);
    }
    let fits = match field.kind {
        ScalarKind::String => return Some(token),
        ScalarKind::Boolean => matches!(written, "true" | "false"),
        ScalarKind::Number => is_number(written).is_some(),
        ScalarKind::Integer => is_number(written) == Some(true),
    };
    (fits && plain && written.len() <= number_bytes_max).then_some(Token::Bare)
}

/// Whether a text is a number as JSON writes it (RFC 8259 section 6), and then whether it has neither
/// fraction nor exponent.
fn is_number(text: &str) -> Option<bool> {
    let digits = |text: &str| {
        let rest = text.trim_start_matches(|one: char| one.is_ascii_digit());
        text.len() - rest.len()
    };
    let text = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.starts_with('0')) {
        return None;
    }
    let mut rest = text.get(whole..)?;
    let integer = rest.is_empty();
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        rest = fraction.get(length..).filter(|_| length > 0)?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits(exponent);
        rest = exponent.get(length..).filter(|_| length > 0)?;
    }
    rest.is_empty().then_some(integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_json() {
        for text in ["0", "-0", "7", "-12", "1234567890"] {
            assert_eq!(is_number(text), Some(true), "{text}");
        }
        for text in ["0.5", "-12.50", "1e3", "1E+3", "2.5e-7"] {
            assert_eq!(is_number(text), Some(false), "{text}");
        }
        for text in [
            "", "-", "01", "+1", ".5", "1.", "1e", "1e+", " 1", "1 ", "1,5", "0x1", "NaN", "1.5.2",
            "--1", "1_000", "１",
        ] {
            assert_eq!(is_number(text), None, "{text}");
        }
    }
}
