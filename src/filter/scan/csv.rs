//! The one reading of an answer in CSV (RFC 4180), strictly: a header that names the columns, as many
//! cells in each line, quotes only around whole cells, lines that end in line feeds with or without
//! carriage returns. A row is an object; columns that are not listed are dropped.

use super::gathered::{Gathered, Value};
use super::index;
use crate::catalogue::{FieldId, Node, ObjectNode, Shape};
use crate::filter::Limits;
use crate::filter::field_set::FieldSet;
use crate::filter::piece::{OTHER, Token};
use crate::filter::reader::whole;
use crate::filter::scanned::{Column, Scanned, Written};
use crate::filter::uninspectable::{Reason, Uninspectable};

/// Reads `body` once, strictly and against `shape`.
///
/// # Errors
/// The first doubt.
pub(in crate::filter) fn scan<'a>(
    shape: &'a Shape,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut reader = Reader {
        text: whole(body, limits)?,
        position: 0,
    };
    let row = match &shape.root {
        Node::Array(item) => match &**item {
            Node::Object(row) => Some(row),
            Node::Array(_) | Node::Scalar(_) => None,
        },
        Node::Object(_) | Node::Scalar(_) => None,
    };
    let row = row.ok_or(Uninspectable::new(Reason::Mismatch, 0))?;
    if body.is_empty() {
        return Err(reader.refuse(Reason::Empty));
    }
    let header = header(&mut reader, row, limits)?;
    let mut found = Gathered::new(shape, reader.text, limits.number_bytes_max);
    let present: FieldSet = header.iter().flatten().map(|column| column.field).collect();
    // As many lines as there are if they are like the header, which is longer than most.
    let lines = reader.text.len() / reader.position.max(1);
    found.pieces.reserve((lines + 1) * (header.len() + 1));
    found.uncatalogued = header.iter().filter(|column| column.is_none()).count();
    let list = found.open(0);
    while reader.position < reader.text.len() {
        let place = found.open(0);
        let began_record = found.begin_record(row.record);
        found.hold(&present);
        let mut last = false;
        for column in &header {
            if last {
                return Err(reader.refuse(Reason::Ragged));
            }
            let cell;
            (cell, last) = reader.cell()?;
            if let Some(column) = column {
                found.piece(column.field, column.member, cell)?;
            }
        }
        if !last {
            return Err(reader.refuse(Reason::Ragged));
        }
        found.close_object(place, began_record);
    }
    found.close_array(list);
    let columns = header.into_iter().flatten().collect();
    Ok(found.finish(Written::Csv(columns)))
}

/// Reads the header: for each column which member it is, if any.
fn header(
    reader: &mut Reader<'_>,
    row: &ObjectNode,
    limits: &Limits,
) -> Result<Vec<Option<Column>>, Uninspectable> {
    let mut header = Vec::new();
    let mut names = Vec::new();
    let mut others = 0;
    loop {
        let (cell, last) = reader.cell()?;
        let written = reader.text.get(cell.start..cell.end).unwrap_or_default();
        let name = cell.token.decode(written);
        let refuse = |reason| Uninspectable::new(reason, cell.start);
        if name.is_empty() {
            return Err(refuse(Reason::NoHeader));
        }
        if header.len() >= limits.unknown_members_max + row.members.len() {
            return Err(refuse(Reason::TooManyMembers));
        }
        let place = row.members.binary_search_by(|one| (*one.name).cmp(&*name));
        let known = place.ok().and_then(|place| {
            let Node::Scalar(field) = row.members.get(place)?.node else {
                return None;
            };
            Some((u16::try_from(place).ok()?, field))
        });
        let column = |(member, field): (u16, FieldId)| Column {
            member,
            field,
            start: index(cell.start),
            end: index(cell.end),
            token: cell.token,
        };
        let other = row.others.filter(|_| known.is_none());
        if other.is_some() {
            others += 1;
            if others > limits.other_members_max || written.len() > limits.name_bytes_max {
                return Err(refuse(Reason::TooManyMembers));
            }
        }
        header.push(known.or(other.map(|field| (OTHER, field))).map(column));
        names.push((name, cell.start));
        if last {
            break;
        }
    }
    names.sort_unstable();
    let mut neighbours = names.iter().zip(names.iter().skip(1));
    if let Some((_, (_, offset))) = neighbours.find(|((left, _), (right, _))| left == right) {
        return Err(Uninspectable::new(Reason::DuplicateKey, *offset));
    }
    check_header(&header, row)?;
    Ok(header)
}

/// Only by the names in it can a header be told from a row: those must be there which the schema
/// requires, and one at least that it lists.
fn check_header(header: &[Option<Column>], row: &ObjectNode) -> Result<(), Uninspectable> {
    let is_there = |place: usize| {
        let mut columns = header.iter().flatten();
        columns.any(|column| usize::from(column.member) == place)
    };
    let mut members = row.members.iter().enumerate();
    let complete = members.all(|(place, member)| !member.required || is_there(place));
    let any = (0..row.members.len()).any(is_there);
    if complete && any {
        return Ok(());
    }
    Err(Uninspectable::new(Reason::NoHeader, 0))
}

/// The body and how far it has been read.
struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl Reader<'_> {
    #[cold]
    fn refuse(&self, reason: Reason) -> Uninspectable {
        Uninspectable::new(reason, self.position)
    }

    #[inline]
    fn rest(&self) -> &[u8] {
        let rest = self.text.as_bytes().get(self.position..);
        rest.unwrap_or_default()
    }

    /// Reads one cell and what ends it; whether that is the end of its line.
    #[inline(always)]
    fn cell(&mut self) -> Result<(Value, bool), Uninspectable> {
        let quoted = self.rest().first() == Some(&b'"');
        let cell = if quoted {
            self.quoted()?
        } else {
            let start = self.position;
            self.position += plain_length(self.rest());
            Value {
                start,
                end: self.position,
                token: Token::Text,
            }
        };
        let (length, last) = match self.rest() {
            [b',', ..] => (1, false),
            [b'\n', ..] => (1, true),
            [b'\r', b'\n', ..] => (2, true),
            [] => (0, true),
            [b'\r', ..] => return Err(self.refuse(Reason::Unexpected)),
            [b'"', ..] => return Err(self.refuse(Reason::BadQuoting)),
            [_, ..] if quoted => return Err(self.refuse(Reason::BadQuoting)),
            [_, ..] => return Err(self.refuse(Reason::ControlCharacter)),
        };
        self.position += length;
        Ok((cell, last))
    }

    /// Reads a quoted cell from its opening quote to its closing one; what is inside.
    fn quoted(&mut self) -> Result<Value, Uninspectable> {
        self.position += 1;
        let start = self.position;
        let mut token = Token::Quoted;
        loop {
            let length = memchr::memchr(b'"', self.rest());
            let length = length.ok_or_else(|| self.refuse(Reason::Truncated))?;
            self.position += length + 1;
            if self.rest().first() != Some(&b'"') {
                break;
            }
            token = Token::Doubled;
            self.position += 1;
        }
        let end = self.position - 1;
        let inside = self.text.as_bytes().get(start..end).unwrap_or_default();
        let control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
        match inside.iter().position(control) {
            Some(at) => Err(Uninspectable::new(Reason::ControlCharacter, start + at)),
            None => Ok(Value { start, end, token }),
        }
    }
}

/// How many bytes stand before the first that an unquoted cell cannot hold: eight at a time.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let is_special = |byte: &u8| matches!(byte, b',' | b'"' | 0x00..=0x08 | 0x0a..=0x1f);
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let mut special = special_bytes(u64::from_le_bytes(*word));
        // Tabs are marked too; they are rare.
        while special != 0 {
            let at = special.trailing_zeros() as usize / 8;
            if word.get(at).is_some_and(is_special) {
                return length + at;
            }
            special &= special - 1;
        }
        length += 8;
    }
    length + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// The high bit of each byte that is a comma, a quote or a control character; some others may be
/// marked too (see `special_bytes` of JSON).
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero_in(word ^ (ONES * u64::from(b'"')));
    let comma = zero_in(word ^ (ONES * u64::from(b',')));
    (control | quote | comma) & HIGHS
}

#[cfg(test)]
mod tests;
