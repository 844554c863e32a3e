//! Writing in CSV (RFC 4180): a header of the columns of which anything leaves, then the rows. A cell
//! that does not leave while its column does, because the records differ, is empty.

use super::{RecordDecision, Writer, Written};
use crate::catalogue::{Node, ObjectNode, ScalarKind};
use crate::filter::piece::{Content, OTHER, Scalar, Token};
use crate::filter::plan::{Plan, Treatment};
use crate::filter::scanned::{Column, CsvPart};
use crate::filter::text;

const LINE_END: &[u8] = b"\r\n";

/// Writes the rows that are kept, under a header of the columns of which anything leaves with them.
pub(super) fn write(writer: &mut Writer<'_, '_>, columns: &[Column], envelope: &Plan) -> Written {
    let plans = writer.plans_of_rows(envelope);
    let leaving = leaving(columns, plans);
    header(writer, &leaving)?;
    rows(writer, &leaving, envelope)
}

/// Likewise the rows of a part, under the columns that any part may have; the header before the first.
pub(super) fn write_part(
    writer: &mut Writer<'_, '_>,
    part: &CsvPart<'_>,
    envelope: &Plan,
) -> Written {
    let leaving = leaving(&part.columns, part.plans);
    if part.begins {
        header(writer, &leaving)?;
    }
    rows(writer, &leaving, envelope)
}

/// The columns of which anything leaves under one of these plans, each with its place in a row.
fn leaving<'c, 'p>(
    columns: &'c [Column],
    plans: impl IntoIterator<Item = &'p Plan> + Clone,
) -> Vec<(usize, &'c Column)> {
    let leaves = |column: &Column| {
        let mut plans = plans.clone().into_iter();
        plans.any(|plan| stays(column, plan.treatment(column.field)))
    };
    let columns = columns.iter().enumerate();
    columns.filter(|(_, column)| leaves(column)).collect()
}

fn header(writer: &mut Writer<'_, '_>, leaving: &[(usize, &Column)]) -> Written {
    let (row, _) = writer.rows()?;
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

fn rows(writer: &mut Writer<'_, '_>, leaving: &[(usize, &Column)], envelope: &Plan) -> Written {
    let (_, row) = writer.rows()?;
    if leaving.is_empty() {
        return Some(());
    }
    let Content::Array { after } = writer.scanned.pieces.first()?.content else {
        return None;
    };
    // Where nothing of the rows may leave, not even their number does.
    let mut place = if envelope.opens(row) {
        1
    } else {
        after as usize
    };
    while place < after as usize {
        let piece = writer.scanned.pieces.get(place)?;
        if !writer.drops(piece) {
            let plan = match piece.content {
                Content::Record { record, .. } => match writer.decision(record) {
                    RecordDecision::Keep(plan) => {
                        writer.leading.record = Some(record);
                        plan
                    }
                    RecordDecision::Drop => return None,
                },
                _ => envelope,
            };
            writer.row(leaving, place + 1, plan)?;
            writer.leading.record = None;
        }
        place = piece.next(place);
    }
    Some(())
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
    fn rows(&self) -> Option<(&'s ObjectNode, &'s Node)> {
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

    fn row(&mut self, leaving: &[(usize, &Column)], first: usize, plan: &Plan) -> Written {
        let begun = self.length();
        for (number, (place, column)) in leaving.iter().enumerate() {
            if number > 0 {
                self.write_byte(b',');
            }
            let piece = self.scanned.pieces.get(first + place)?;
            let Content::Scalar(scalar) = piece.content else {
                return None;
            };
            let treatment = self.treatment(scalar, plan);
            if stays(column, treatment) {
                self.cell(scalar, treatment)?;
            }
        }
        // A line of one empty cell would be no line.
        if self.length() == begun {
            self.behind_run().extend_from_slice(b"\"\"");
        }
        self.write(LINE_END);
        Some(())
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
                // What was not quoted need not be, unless it is a formula.
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
    !text::csv::FORMULA.contains(&char::from(*first))
}
