//! Writing in CSV (RFC 4180): a header of the columns of which anything leaves, then the rows. A cell
//! that does not leave while its column does, because the records differ, is empty.

use super::{RecordDecision, Writer, Written};
use crate::catalogue::{Node, ScalarKind};
use crate::filter::piece::{Content, OTHER, Scalar, Token};
use crate::filter::plan::{Plan, Treatment};
use crate::filter::scanned::Column;
use crate::filter::text;

const LINE_END: &[u8] = b"\r\n";

/// Writes the rows that are kept.
pub(super) fn write(writer: &mut Writer<'_, '_>, columns: &[Column], envelope: &Plan) -> Written {
    let Node::Array(row) = &writer.scanned.shape.root else {
        return None;
    };
    let Node::Object(object) = &**row else {
        return None;
    };
    let plans = writer.plans_of_rows(envelope);
    let leaves = |column: &Column| {
        let mut plans = plans.iter();
        plans.any(|plan| stays(column, plan.treatment(column.field)))
    };
    let leaving: Vec<bool> = columns.iter().map(leaves).collect();
    let width = leaving.iter().filter(|leaves| **leaves).count();
    if width == 0 {
        return Some(());
    }
    for (column, _) in columns.iter().zip(&leaving).filter(|(_, leaves)| **leaves) {
        match object.members.get(usize::from(column.member)) {
            Some(member) => writer.out.extend_from_slice(&member.encoded),
            None => {
                let name = column.start as usize..column.end as usize;
                let name = writer.scanned.text.get(name)?;
                text::csv::write(&column.token.decode(name), writer.out);
            }
        }
        writer.out.push(b',');
    }
    writer.end_line();
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
            writer.row(columns, &leaving, place + 1, plan, width)?;
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

impl<'p> Writer<'_, 'p> {
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

    fn row(
        &mut self,
        columns: &[Column],
        leaving: &[bool],
        first: usize,
        plan: &Plan,
        width: usize,
    ) -> Written {
        let start = self.out.len();
        for (place, (column, _)) in columns
            .iter()
            .zip(leaving)
            .enumerate()
            .filter(|(_, (_, leaves))| **leaves)
        {
            let piece = self.scanned.pieces.get(first + place)?;
            let Content::Scalar(scalar) = piece.content else {
                return None;
            };
            let treatment = self.treatment(scalar, plan);
            if stays(column, treatment) {
                self.cell(scalar, treatment)?;
            }
            self.out.push(b',');
        }
        // A line of one empty cell would be no line.
        if width == 1 && self.out.len() == start + 1 {
            self.out.pop();
            self.out.extend_from_slice(b"\"\",");
        }
        self.end_line();
        Some(())
    }

    #[inline]
    fn cell(&mut self, scalar: Scalar, treatment: Treatment) -> Written {
        let written = self
            .scanned
            .text
            .get(scalar.start as usize..scalar.end as usize)?;
        match (treatment, scalar.token) {
            (Treatment::Clear | Treatment::Figure, Token::Null) => {}
            (Treatment::Clear | Treatment::Figure, Token::Bare) => {
                self.out.extend_from_slice(written.as_bytes())
            }
            (Treatment::Clear | Treatment::Figure, token) => {
                text::csv::write(&token.decode(written), self.out)
            }
            _ => {
                self.instead_as_text(scalar, treatment, written);
                let field = self.scanned.shape.fields.get(usize::from(scalar.field.0));
                match field.map(|field| field.kind) {
                    Some(ScalarKind::String) | None => text::csv::write(&self.made, self.out),
                    // A number is one, whatever its sign.
                    Some(_) => self.out.extend_from_slice(self.made.as_bytes()),
                }
            }
        }
        Some(())
    }

    /// Ends a line; the comma behind its last cell goes.
    fn end_line(&mut self) {
        self.out.pop();
        self.out.extend_from_slice(LINE_END);
    }
}
