//! Writing in CSV (RFC 4180): a header of the columns of which anything leaves, then the rows. A cell
//! that does not leave while its column does, because the records differ, is empty.

use super::{RecordDecision, Writer, Written};
use crate::catalogue::{Node, ObjectNode, ScalarKind};
use crate::filter::piece::{Content, OTHER, Scalar, Token};
use crate::filter::plan::{Plan, Treatment};
use crate::filter::scanned::{Column, CsvPart, Table};
use crate::filter::text;

const LINE_END: &[u8] = b"\r\n";

/// A column of which anything leaves, and its place in a row.
type Leaving<'c> = (usize, &'c Column);

/// Writes the rows that are kept, under a header of the columns of which anything leaves with them.
pub(super) fn write(writer: &mut Writer<'_, '_>, table: &Table, envelope: &Plan) -> Written {
    let plans = writer.plans_of_rows(envelope);
    let leaving = leaving(&table.columns, &plans);
    header(writer, &leaving)?;
    rows(writer, &leaving, table, envelope)
}

/// Likewise the rows of a part, under the columns that any part may have; the header before the first.
pub(super) fn write_part(
    writer: &mut Writer<'_, '_>,
    part: &CsvPart<'_>,
    envelope: &Plan,
) -> Written {
    let plans: Vec<&Plan> = part.plans.iter().collect();
    let leaving = leaving(&part.table.columns, &plans);
    if part.begins {
        header(writer, &leaving)?;
    }
    rows(writer, &leaving, &part.table, envelope)
}

/// The columns of which anything leaves under one of these plans.
fn leaving<'c>(columns: &'c [Column], plans: &[&Plan]) -> Vec<Leaving<'c>> {
    let leaves = |column: &Column| {
        let mut plans = plans.iter();
        plans.any(|plan| stays(column, plan.treatment(column.field)))
    };
    let columns = columns.iter().enumerate();
    columns.filter(|(_, column)| leaves(column)).collect()
}

fn header(writer: &mut Writer<'_, '_>, leaving: &[Leaving<'_>]) -> Written {
    let (row, _) = writer.shape_of_rows()?;
    if leaving.is_empty() {
        return Some(());
    }
    for (number, (_, column)) in leaving.iter().enumerate() {
        if number > 0 {
            writer.write_byte(b',');
        }
        match row.members.get(usize::from(column.member)) {
            Some(member) => writer.write(&member.encoded),
            None => {
                let name = column.start as usize..column.end as usize;
                let name = writer.scanned.text.get(name)?;
                text::csv::write(&column.token.decode(name), writer.behind_run());
            }
        }
    }
    writer.write(LINE_END);
    Some(())
}

fn rows(
    writer: &mut Writer<'_, '_>,
    leaving: &[Leaving<'_>],
    table: &Table,
    envelope: &Plan,
) -> Written {
    let (_, row) = writer.shape_of_rows()?;
    // Where nothing of the rows may leave, not even their number does.
    if leaving.is_empty() || !envelope.opens(row) {
        return Some(());
    }
    let plans = writer.plans_of_rows(envelope);
    let ways: Vec<_> = plans
        .into_iter()
        .map(|plan| (plan, way(leaving, plan)))
        .collect();
    writer.rows(&ways, &table.anew, envelope)
}

/// Columns of a row that leave together.
enum Step<'a> {
    /// Neighbours, from one to another, that leave as they stand, where none of their bits is set.
    Span(&'a [Leaving<'a>], u64),
    /// One that does not.
    Cell(usize, &'a Column),
}

/// How a row leaves by `plan`.
fn way<'a>(leaving: &'a [Leaving<'a>], plan: &Plan) -> Vec<Step<'a>> {
    let is_whole = |(_, column): &(usize, &Column)| plan.treatment(column.field).is_whole();
    let together = |one: &(usize, &Column), next: &(usize, &Column)| {
        let neighbours = next.0 == one.0 + 1 && next.1.place == one.1.place + 1;
        neighbours && is_whole(one) && is_whole(next)
    };
    let mut way = Vec::new();
    for columns in leaving.chunk_by(together) {
        way.push(match columns {
            [column @ (place, one)] if !is_whole(column) => Step::Cell(*place, one),
            columns => {
                let bits = columns.iter().map(|(place, _)| Table::bit(*place));
                Step::Span(columns, bits.fold(0, |all, bit| all | bit))
            }
        });
    }
    way
}

/// Whether anything stands in the cells of a column so treated. A name that is data leaves in clear or
/// not at all.
fn stays(column: &Column, treatment: Treatment) -> bool {
    match treatment {
        Treatment::Clear | Treatment::Figure => true,
        Treatment::Remove => false,
        _ => column.member != OTHER,
    }
}

impl<'s, 'p> Writer<'s, 'p> {
    /// What each row is.
    fn shape_of_rows(&self) -> Option<(&'s ObjectNode, &'s Node)> {
        let Node::Array(row) = &self.scanned.shape.root else {
            return None;
        };
        match &**row {
            Node::Object(object) => Some((object, row)),
            Node::Array(_) | Node::Scalar(_) => None,
        }
    }

    /// The different plans by which rows leave.
    fn plans_of_rows<'a>(&self, envelope: &'a Plan) -> Vec<&'a Plan>
    where
        'p: 'a,
    {
        let mut plans: Vec<&'a Plan> = Vec::new();
        for decision in self.decisions.iter().take(self.scanned.records.len()) {
            if let RecordDecision::Keep(plan) = decision
                && !plans.iter().any(|known| std::ptr::eq(*known, *plan))
            {
                plans.push(plan);
            }
        }
        // Rows that are no records leave as what stands around records does.
        if plans.is_empty() {
            plans.push(envelope);
        }
        plans
    }

    /// Writes the rows that stay; `anew` is as in [`Table`].
    fn rows(&mut self, ways: &[(&Plan, Vec<Step<'_>>)], anew: &[u64], envelope: &Plan) -> Written {
        let Content::Array { after } = self.scanned.pieces.first()?.content else {
            return None;
        };
        let (mut place, mut anew) = (1, anew.iter());
        while place < after as usize {
            let piece = self.scanned.pieces.get(place)?;
            let anew = *anew.next()?;
            if !self.drops(piece) {
                let plan = match piece.content {
                    Content::Record { record, .. } => match self.decision(record) {
                        RecordDecision::Keep(plan) => {
                            self.leading.record = Some(record);
                            plan
                        }
                        RecordDecision::Drop => return None,
                    },
                    _ => envelope,
                };
                let (_, way) = ways.iter().find(|(known, _)| std::ptr::eq(*known, plan))?;
                self.row(way, place + 1, plan, anew)?;
                self.leading.record = None;
            }
            place = piece.next(place);
        }
        Some(())
    }

    /// Writes the row whose first cell is the piece at `first`.
    #[inline(always)]
    fn row(&mut self, way: &[Step<'_>], first: usize, plan: &Plan, anew: u64) -> Written {
        let begun = self.length();
        for (number, step) in way.iter().enumerate() {
            if number > 0 {
                self.write_byte(b',');
            }
            match step {
                Step::Span(columns, bits) if anew & bits == 0 => {
                    let ((from, _), (to, _)) = columns.first().zip(columns.last())?;
                    let (start, _) = self.as_it_stands(first + from)?;
                    let (_, end) = self.as_it_stands(first + to)?;
                    self.copy(start..end);
                }
                Step::Span(columns, _) => {
                    for (number, (place, column)) in columns.iter().enumerate() {
                        if number > 0 {
                            self.write_byte(b',');
                        }
                        self.column(first + place, column, plan)?;
                    }
                }
                Step::Cell(place, column) => self.column(first + place, column, plan)?,
            }
        }
        // A line of one empty cell would be no line.
        if self.length() == begun {
            self.behind_run().extend_from_slice(b"\"\"");
        }
        self.write(LINE_END);
        Some(())
    }

    /// Where a cell that leaves as it stands begins and ends, with its quotes.
    #[inline(always)]
    fn as_it_stands(&self, place: usize) -> Option<(usize, usize)> {
        let Content::Scalar(scalar) = self.scanned.pieces.get(place)?.content else {
            return None;
        };
        let quote = usize::from(scalar.token == Token::Quoted);
        Some((
            (scalar.start as usize).checked_sub(quote)?,
            scalar.end as usize + quote,
        ))
    }

    /// Writes the cell of a column, the piece at `place`, if anything of it stays.
    #[inline]
    fn column(&mut self, place: usize, column: &Column, plan: &Plan) -> Written {
        let Content::Scalar(scalar) = self.scanned.pieces.get(place)?.content else {
            return None;
        };
        let treatment = self.treatment(scalar, plan);
        match stays(column, treatment) {
            true => self.cell(scalar, treatment),
            false => Some(()),
        }
    }

    /// How much has been written.
    fn length(&self) -> usize {
        self.out.len() + self.run.len()
    }

    #[inline]
    fn cell(&mut self, scalar: Scalar, treatment: Treatment) -> Written {
        let part = scalar.start as usize..scalar.end as usize;
        if treatment.is_whole() {
            let first = self.scanned.text.as_bytes().get(scalar.start as usize);
            match scalar.token {
                Token::Null => return Some(()),
                Token::Bare => {
                    self.copy(part);
                    return Some(());
                }
                Token::Text if part.is_empty() || first.is_some_and(is_safe) => {
                    self.copy(part);
                    return Some(());
                }
                _ => {}
            }
        }
        self.written_cell(scalar, treatment)
    }

    /// Writes a cell that is not written as it was read.
    #[inline(never)]
    fn written_cell(&mut self, scalar: Scalar, treatment: Treatment) -> Written {
        let part = scalar.start as usize..scalar.end as usize;
        let written = self.scanned.text.get(part)?;
        self.behind_run();
        if treatment.is_whole() {
            text::csv::write(&scalar.token.decode(written), self.out);
            return Some(());
        }
        self.instead_as_text(scalar, treatment, written);
        let field = self.scanned.shape.fields.get(usize::from(scalar.field.0));
        match field.map(|field| field.kind) {
            Some(ScalarKind::String) | None => text::csv::write(&self.made, self.out),
            // A number is one, whatever its sign.
            Some(_) => self.out.extend_from_slice(self.made.as_bytes()),
        }
        Some(())
    }
}

/// Whether no formula begins so.
fn is_safe(first: &u8) -> bool {
    !text::csv::is_formula(*first)
}
