//! The one reading of an answer in CSV (RFC 4180), strictly: a header that names the columns, as many
//! cells in each line, quotes only around whole cells, lines that end in line feeds with or without
//! carriage returns. A row is an object; columns that are not listed are dropped.

use super::gathered::{Gathered, Value};
use super::index;
use super::marks::Marks;
use crate::catalogue::{FieldId, Node, ObjectNode, Shape, is_document};
use crate::filter::Limits;
use crate::filter::field_set::FieldSet;
use crate::filter::piece::{OTHER, Token};
use crate::filter::reader::whole;
use crate::filter::scanned::{Column, Scanned, Table, Written};
use crate::filter::text::csv::is_formula;
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
    let mut reader = Reader::new(whole(body, limits)?);
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
    let columns: Vec<_> = header
        .iter()
        .map(|column| column.map(|column| (column, found.empty(column.field))))
        .collect();
    found.reserve_records(lines + 1);
    let mut anew = Vec::with_capacity(lines + 1);
    let list = found.open(0);
    while reader.position < reader.text.len() {
        let place = found.open(0);
        let began_record = found.begin_record(row.record);
        found.hold(&present);
        anew.push(line(&mut reader, &columns, &mut found)?);
        found.close_object(place, began_record);
    }
    found.close_array(list);
    let columns = header.into_iter().flatten().collect();
    Ok(found.finish(&shape.root, Written::Csv(Table { columns, anew })))
}

/// A column that is read, and as what its empty cells are taken, where that is known beforehand.
type Read = (Column, Option<Token>);

/// Reads a line; the cells of it that are not written as they stand, as in [`Table`].
#[inline(always)]
fn line(
    reader: &mut Reader<'_>,
    columns: &[Option<Read>],
    found: &mut Gathered<'_>,
) -> Result<u64, Uninspectable> {
    let (mut anew, mut bit, mut last) = (0, 1, false);
    for column in columns {
        if last {
            return Err(reader.refuse(Reason::Ragged));
        }
        let start = reader.position;
        let (end, byte) = reader.mark();
        let as_it_stands;
        // Each of the two kinds of cells goes its own way to the end: what they have in common would be
        // put together in memory.
        if byte == Some(b'"') && end == start {
            (as_it_stands, last) = quoted(reader, column.as_ref(), found)?;
        } else {
            let end;
            (end, last) = reader.plain(byte)?;
            as_it_stands = match column {
                Some(column) => plain(reader, column, found, start, end)?,
                None => true,
            };
        }
        if column.is_some() {
            anew |= if as_it_stands { 0 } else { bit };
            bit = Table::next_bit(bit);
        }
    }
    match last {
        true => Ok(anew),
        false => Err(reader.refuse(Reason::Ragged)),
    }
}

/// Takes a cell without quotes; whether it is written as it stands: it need not be quoted, unless it is a
/// formula.
#[inline(always)]
fn plain(
    reader: &Reader<'_>,
    (column, empty): &Read,
    found: &mut Gathered<'_>,
    start: usize,
    end: usize,
) -> Result<bool, Uninspectable> {
    let formula = start < end && reader.byte(start).is_some_and(is_formula);
    let token = match empty {
        Some(token) if start == end => *token,
        _ if formula => Token::Quoted,
        _ => Token::Text,
    };
    let value = Value { start, end, token };
    if empty.is_some() {
        found.free_piece(column.field, column.member, value);
        return Ok(!formula);
    }
    Ok(match found.piece(column.field, column.member, value)? {
        Token::Null | Token::Bare => true,
        _ => !formula,
    })
}

/// Reads a quoted cell and takes it; whether it is written as it stands, and whether it ends its line.
#[inline(never)]
fn quoted(
    reader: &mut Reader<'_>,
    column: Option<&Read>,
    found: &mut Gathered<'_>,
) -> Result<(bool, bool), Uninspectable> {
    let cell = reader.quoted()?;
    let Some((column, _)) = column else {
        return Ok((true, cell.last));
    };
    let token = found.piece(column.field, column.member, cell.value)?;
    let alike = matches!(token, Token::Quoted) && cell.as_it_stands;
    Ok((alike, cell.last))
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
        let Cell {
            value: cell, last, ..
        } = reader.cell()?;
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
            place: header.len(),
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
            if is_document(&name) {
                return Err(refuse(Reason::Mismatch));
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

/// A cell, and what ends it.
struct Cell {
    /// What is inside of its quotes, where it has some.
    value: Value,
    /// Whether it is written as it stands, quotes and all, if it is written as a text.
    as_it_stands: bool,
    /// Whether it ends its line.
    last: bool,
}

/// The body and how far it has been read. No mark before that place is left.
struct Reader<'a> {
    text: &'a str,
    position: usize,
    marks: Marks<'a>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            marks: Marks::new(text.as_bytes()),
        }
    }

    #[cold]
    fn refuse(&self, reason: Reason) -> Uninspectable {
        Uninspectable::new(reason, self.position)
    }

    #[inline(always)]
    fn byte(&self, place: usize) -> Option<u8> {
        self.text.as_bytes().get(place).copied()
    }

    /// Reads one cell and what ends it.
    fn cell(&mut self) -> Result<Cell, Uninspectable> {
        let start = self.position;
        let (end, byte) = self.mark();
        if byte == Some(b'"') && end == start {
            return self.quoted();
        }
        let (end, last) = self.plain(byte)?;
        let token = Token::Text;
        Ok(Cell {
            value: Value { start, end, token },
            as_it_stands: true,
            last,
        })
    }

    /// Takes the next mark: its place, where the cell is read up to, and what stands there.
    #[inline(always)]
    fn mark(&mut self) -> (usize, Option<u8>) {
        self.position = self.marks.next();
        (self.position, self.byte(self.position))
    }

    /// Reads a cell without quotes, of which the first mark was taken, and what ends it. Where it ends, and
    /// whether that is the end of its line.
    #[inline(always)]
    fn plain(&mut self, first: Option<u8>) -> Result<(usize, bool), Uninspectable> {
        if first == Some(b',') {
            let end = self.position;
            self.position += 1;
            return Ok((end, false));
        }
        self.plain_end(first)
    }

    /// Likewise where it is not a comma that comes first. Apart, so that what almost every cell is costs a
    /// comparison and no jump by a table.
    #[inline(never)]
    fn plain_end(&mut self, first: Option<u8>) -> Result<(usize, bool), Uninspectable> {
        let mut byte = first;
        while byte == Some(b'\t') {
            self.position = self.marks.next();
            byte = self.byte(self.position);
        }
        let end = self.position;
        if byte == Some(b',') {
            self.position += 1;
            return Ok((end, false));
        }
        Ok((end, self.line_end(byte, Reason::ControlCharacter)?))
    }

    /// Reads the end of a line, whose first byte has been taken from the marks; anything else is refused.
    #[inline(always)]
    fn line_end(&mut self, byte: Option<u8>, other: Reason) -> Result<bool, Uninspectable> {
        let next = self.position + 1;
        match byte {
            Some(b'\r') if self.byte(next) == Some(b'\n') => {
                self.marks.next();
                self.position = next + 1;
                Ok(true)
            }
            Some(b'\n') => {
                self.position = next;
                Ok(true)
            }
            None => Ok(true),
            Some(b'\r') => Err(self.refuse(Reason::Unexpected)),
            Some(b'"') => Err(self.refuse(Reason::BadQuoting)),
            Some(_) => Err(self.refuse(other)),
        }
    }

    /// Reads a quoted cell, whose opening quote has been taken from the marks, and what ends it.
    fn quoted(&mut self) -> Result<Cell, Uninspectable> {
        let start = self.position + 1;
        let (mut token, mut needed, mut control) = (Token::Quoted, false, None);
        let end = loop {
            let place = self.marks.next();
            match self.byte(place) {
                Some(b'"') if self.byte(place + 1) == Some(b'"') => {
                    token = Token::Doubled;
                    self.marks.next();
                }
                Some(b'"') => break place,
                Some(b',' | b'\r' | b'\n') => needed = true,
                Some(b'\t') => {}
                Some(_) => control = control.or(Some(place)),
                None => {
                    self.position = start;
                    return Err(self.refuse(Reason::Truncated));
                }
            }
        };
        if let Some(place) = control {
            return Err(Uninspectable::new(Reason::ControlCharacter, place));
        }
        let first = self.byte(start).filter(|_| start < end);
        self.position = end + 1;
        let byte = self.byte(end + 1);
        let last = match byte {
            Some(b',') => {
                self.marks.next();
                self.position += 1;
                false
            }
            Some(b'\r' | b'\n') => {
                self.marks.next();
                self.line_end(byte, Reason::BadQuoting)?
            }
            other => self.line_end(other, Reason::BadQuoting)?,
        };
        Ok(Cell {
            value: Value { start, end, token },
            as_it_stands: token == Token::Quoted && needed && !first.is_some_and(is_formula),
            last,
        })
    }
}

#[cfg(test)]
mod tests;
