//! The same reading and writing over an answer that is too large to be held: records are read and
//! written a few at a time, whatever the pieces it arrives in. What a stream of parts gives, put
//! together, is what [`super::read`] and [`super::Scanned::emit`] give of the whole.
//!
//! Four differences, all on the safe side. A table of CSV has the columns of which anything could leave, though
//! nothing of some may be in it. A record and everything else between two brackets, or tags, that lead
//! to records is limited ([`RECORD_BYTES_MAX`]). A customer's key around the records counts for
//! those behind it. And a doubt comes when some of the answer has left: who streams must end it visibly.

mod batch;
mod frame;
mod json;
mod lines;
mod rows;
mod skim;
mod tags;
mod xml;

use std::borrow::Cow;

use self::frame::Frame;
use self::json::{Cut, Json, leads_to_records};
use self::lines::Lines;
use self::rows::Rows;
use self::xml::Xml;
use super::plan::Plan;
use super::scanned::{CsvPart, Scanned, Written};
use super::uninspectable::{Reason, Uninspectable};
use super::{FieldSet, Limits, scan};
use crate::catalogue::{Format, Node, Shape};

/// Largest record, member, element, tag or key, in bytes; also all unknown keys of the objects that are open.
pub const RECORD_BYTES_MAX: usize = 256 << 10;
/// Records that arrived are read together once they have so many bytes: few enough that whoever waits for
/// the same processor hardly waits.
pub const BATCH_BYTES: usize = 16 << 10;
/// Or are so many.
pub const BATCH_RECORDS_MAX: usize = 64;

/// An answer while it arrives.
#[derive(Debug)]
pub struct Stream<'a> {
    shape: &'a Shape,
    limits: Limits,
    reading: Reading<'a>,
    /// By which any record may leave.
    plans: Vec<Plan>,
    frame: Frame,
    /// The customer whom a key around the records names.
    customer: Option<String>,
    /// The text of the part that was cut out last.
    text: Vec<u8>,
    /// Bytes read so far.
    read: usize,
}

#[derive(Debug)]
enum Reading<'a> {
    Json(Json<'a>),
    Lines(Lines),
    Rows(Rows),
    Xml(Xml<'a>),
}

/// What is to be read next.
enum Piece<'a> {
    Cut(Cut<'a>),
    Lines,
    /// Rows under their header, the first of them or later ones.
    Rows {
        begins: bool,
    },
    Xml(xml::Cut<'a>),
}

impl<'a> Stream<'a> {
    /// Of answers of this format and shape, of which every record leaves by one of `plans`, or not at all;
    /// nothing where they have no lists of records, so that they can only be held whole. A table has the
    /// columns of all these plans, whoever is in it: it begins before its rows are known.
    pub fn new(format: Format, shape: &'a Shape, plans: Vec<Plan>, limits: Limits) -> Option<Self> {
        if !streams(shape) {
            return None;
        }
        let reading = match format {
            Format::Json => Reading::Json(Json::new(&shape.root, limits)),
            Format::JsonLines => Reading::Lines(Lines::default()),
            Format::Csv => Reading::Rows(Rows::default()),
            Format::Xml => Reading::Xml(Xml::new(shape, limits)),
        };
        Some(Self {
            shape,
            limits,
            reading,
            plans,
            frame: Frame::default(),
            customer: None,
            text: Vec::new(),
            read: 0,
        })
    }

    /// Goes on with `input`, which is shortened by what was read. A part of the answer, once one is
    /// there; nothing once all of `input` was read.
    ///
    /// # Errors
    /// The first doubt.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Scanned<'_>>, Uninspectable> {
        let before = input.len();
        let found = match &mut self.reading {
            Reading::Json(json) => {
                let found = json.next(input, &mut self.frame);
                found.map(|found| found.map(|(cut, text)| (Piece::Cut(cut), text)))
            }
            Reading::Lines(lines) => {
                let found = lines.next(input);
                found.map(|found| found.map(|text| (Piece::Lines, text)))
            }
            Reading::Rows(rows) => rows.next(input).map(|found| found.map(of_rows)),
            Reading::Xml(xml) => xml.next(input).map(|found| found.map(of_xml)),
        };
        self.read += before - input.len();
        let found = found.map_err(|reason| Uninspectable::new(reason, self.read))?;
        self.scan(found)
    }

    /// The whole records that are there, where the next one keeps one waiting.
    ///
    /// # Errors
    /// The first doubt.
    pub fn whole_records(&mut self) -> Result<Option<Scanned<'_>>, Uninspectable> {
        let found = match &mut self.reading {
            Reading::Json(json) => {
                let found = json.whole();
                found.map(|(cut, text)| (Piece::Cut(cut), text))
            }
            Reading::Lines(lines) => lines.whole().map(|text| (Piece::Lines, text)),
            Reading::Rows(rows) => rows.whole().map(of_rows),
            Reading::Xml(xml) => xml.whole().map(of_xml),
        };
        self.scan(found)
    }

    /// The answer has ended: its last part, where one is left.
    ///
    /// # Errors
    /// A doubt, or that it has ended too early.
    pub fn end(&mut self) -> Result<Option<Scanned<'_>>, Uninspectable> {
        let found = match &mut self.reading {
            Reading::Json(json) => {
                let ended = json.end();
                ended.map_err(|reason| Uninspectable::new(reason, self.read))?;
                None
            }
            Reading::Lines(lines) => lines.end().map(|text| (Piece::Lines, text)),
            Reading::Rows(rows) => rows.end().map(of_rows),
            Reading::Xml(xml) => {
                let ended = xml.end();
                ended.map_err(|reason| Uninspectable::new(reason, self.read))?;
                None
            }
        };
        self.scan(found)
    }

    /// Writes what is left of the part that was read last.
    pub fn write(&mut self, left: &[u8]) {
        match &mut self.reading {
            Reading::Xml(xml) => xml.write(left),
            Reading::Json(_) | Reading::Lines(_) | Reading::Rows(_) => self.frame.part(left),
        }
    }

    /// Takes away what was written so far.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.reading {
            Reading::Xml(xml) => xml.take(),
            Reading::Json(_) | Reading::Lines(_) | Reading::Rows(_) => self.frame.take(),
        }
    }

    fn scan(
        &mut self,
        found: Option<(Piece<'a>, Vec<u8>)>,
    ) -> Result<Option<Scanned<'_>>, Uninspectable> {
        let Some((piece, text)) = found else {
            return Ok(None);
        };
        self.text = text;
        let begins = self.read.saturating_sub(self.text.len());
        let (shape, text, limits) = (self.shape, self.text.as_slice(), &self.limits);
        let scanned = match piece {
            Piece::Lines => scan::lines(shape, text, limits),
            Piece::Xml(cut) => match &mut self.reading {
                Reading::Xml(xml) => xml.scan(cut, text),
                _ => Err(Uninspectable::new(Reason::Unexpected, 0)),
            },
            Piece::Rows { begins } => scan::csv::scan(shape, text, limits)
                .map(|scanned| as_part(scanned, &self.plans, begins)),
            Piece::Cut(Cut::Items { node, depth }) => scan::items(shape, node, text, depth, limits),
            Piece::Cut(Cut::Member { member, depth }) => {
                scan::member(shape, member, text, depth, limits)
            }
        };
        let mut scanned = scanned.map_err(|found| found.behind(begins))?;
        match (&self.customer, scanned.envelope.customer.as_deref()) {
            (Some(known), Some(named)) if known != named => {
                return Err(Uninspectable::new(Reason::SeveralCustomers, begins));
            }
            (None, Some(named)) => self.customer = Some(named.to_owned()),
            _ => {}
        }
        if let Some(customer) = &self.customer {
            let parts = scanned.records.iter_mut().chain([&mut scanned.envelope]);
            for part in parts.filter(|part| part.customer.is_none()) {
                part.customer = Some(Cow::Owned(customer.clone()));
            }
        }
        Ok(Some(scanned))
    }
}

fn of_rows<'a>((text, begins): rows::Part) -> (Piece<'a>, Vec<u8>) {
    (Piece::Rows { begins }, text)
}

fn of_xml<'a>((cut, text): (xml::Cut<'a>, Vec<u8>)) -> (Piece<'a>, Vec<u8>) {
    (Piece::Xml(cut), text)
}

/// Rows of a table that streams.
fn as_part<'a>(mut scanned: Scanned<'a>, plans: &'a [Plan], begins: bool) -> Scanned<'a> {
    if let Written::Csv(table) = scanned.written {
        scanned.written = Written::CsvPart(CsvPart {
            table,
            plans,
            begins,
        });
    }
    scanned
}

/// Whether an answer of this shape can be read a few records at a time, and need not be held whole.
pub fn streams(shape: &Shape) -> bool {
    leads_to_records(&shape.root)
}

/// The fields of a shape that stand outside of its records.
pub fn outside_records(shape: &Shape) -> FieldSet {
    fn add(node: &Node, fields: &mut FieldSet) {
        match node {
            Node::Scalar(field) => fields.insert(*field),
            Node::Array(item) => add(item, fields),
            Node::Object(object) if object.record => {}
            Node::Object(object) => object
                .members
                .iter()
                .for_each(|member| add(&member.node, fields)),
        }
    }
    let mut fields = FieldSet::default();
    add(&shape.root, &mut fields);
    fields
}

#[cfg(test)]
mod tests;
