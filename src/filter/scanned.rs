//! An answer that has been read: whose records it holds, and where its values stand.

use std::borrow::Cow;

use super::field_set::FieldSet;
use super::piece::{Piece, Token};
use super::plan::Plan;
use crate::catalogue::{FieldId, Member, Node, Shape};
use crate::terms::ResourceKind;

/// An inspected answer: nothing has been released yet.
#[derive(Clone, Debug)]
pub struct Scanned<'a> {
    pub(super) shape: &'a Shape,
    /// The shape of what was read.
    pub(super) root: &'a Node,
    pub(super) text: &'a str,
    pub(super) written: Written<'a>,
    pub(super) pieces: Vec<Piece>,
    pub(super) records: Vec<Record<'a>>,
    pub(super) envelope: Record<'a>,
    pub(super) uncatalogued: usize,
}

/// What was read, and in which format; it is written in the same.
#[derive(Clone, Debug)]
pub(super) enum Written<'a> {
    /// A whole document of JSON.
    Document,
    /// The value of this member of JSON: written with its key, or not at all.
    Member(&'a Member),
    /// Items of an array of JSON: written without its brackets.
    Items,
    /// Lines, each a value of JSON.
    Lines,
    /// A document of XML.
    Xml,
    /// The start tag of this element of XML: written without its last character.
    Tag(&'a Member),
    /// Elements within one of XML: written without its tags.
    Elements,
    /// Lines of CSV.
    Csv(Table),
    /// Some of the lines of CSV that streams.
    CsvPart(CsvPart<'a>),
}

/// Some of the lines of CSV that streams. Which columns are written cannot depend on lines that have not come.
#[derive(Clone, Debug)]
pub(super) struct CsvPart<'a> {
    pub(super) table: Table,
    /// By which any of its rows may leave.
    pub(super) plans: &'a [Plan],
    /// The header is still to be written.
    pub(super) begins: bool,
}

/// What a header of CSV says, and what its lines are like.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The columns that were read, in order: each row has a scalar for each of them.
    pub(super) columns: Vec<Column>,
    /// For each row its cells that are not written as they stand in the body, quotes and all, a bit for
    /// each column; the last bit is that of all columns that have none of their own.
    pub(super) anew: Vec<u64>,
}

impl Table {
    /// The bit of a column, by its place in the list of columns.
    pub(super) fn bit(place: usize) -> u64 {
        1 << place.min(63)
    }

    /// The bit of the column behind that of this bit.
    #[inline(always)]
    pub(super) fn next_bit(bit: u64) -> u64 {
        // The last stays where it is.
        bit << 1 | bit & 1 << 63
    }
}

/// A column of CSV that the catalogue knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its place in the members of a row, or [`super::piece::OTHER`].
    pub(super) member: u16,
    pub(super) field: FieldId,
    /// Its place among all columns of the body.
    pub(super) place: usize,
    /// Where its name stands, and how.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) token: Token,
}

/// What one record, or the envelope around the records, says about itself.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    pub(super) customer: Option<Cow<'a, str>>,
    pub(super) resources: [Option<Cow<'a, str>>; ResourceKind::ALL.len()],
    pub(super) size: Option<u64>,
    pub(super) present: FieldSet,
}

impl Record<'_> {
    /// The customer's id as the core knows it: from the record itself, else from what surrounds it.
    /// `None` also where the key is `null`. For an integer key, its digits.
    pub fn customer(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    /// The id of the first thing of this kind in it.
    pub fn resource(&self, kind: ResourceKind) -> Option<&str> {
        self.resources.get(kind as usize)?.as_deref()
    }

    /// How many customers it is about, where it is a group of them; of the envelope, all together.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Fields that stand in it, `null` included.
    pub fn present(&self) -> &FieldSet {
        &self.present
    }
}

impl<'a> Scanned<'a> {
    /// The records, in order.
    pub fn records(&self) -> &[Record<'a>] {
        &self.records
    }

    /// What stands outside of records.
    pub fn envelope(&self) -> &Record<'a> {
        &self.envelope
    }

    /// How many members the catalogue does not know. They never leave.
    pub fn uncatalogued(&self) -> usize {
        self.uncatalogued
    }
}
