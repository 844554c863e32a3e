//! What of a core's answer may leave, in JSON, lines of it, XML or CSV. Two steps over one buffered body:
//!
//! 1. [`scan()`] reads it once: strictly (RFC 8259, and stricter where two readers could disagree),
//!    against the catalogue's [`Shape`], and finds whose records it holds.
//!    Any doubt refuses the whole answer.
//! 2. [`Scanned::emit`] writes a new document holding only what each record's [`Plan`] grants.
//!
//! Nothing of the body leaves because it stood there. Keys are written from the catalogue, structure is
//! written anew, and white space is dropped. A string is written as serialising its value gives it, so
//! that how the core (or whoever fed it) spelled it carries nothing; most tokens are spelled so already
//! and are copied. A number is copied as its validated token: converting it could change it. Where the
//! body goes on with the same bytes as what is written, one copy of the body does for all of them.
//! A link is written anew from its parts, as one of the gateway's ([`Links`]), or not at all.
//!
//! [`CoreNames`] finds a name of the core in whatever is about to leave, in any format: the last look.
//!
//! Deliberately not here: who is asked about a customer, and which forms are granted (the caller
//! chooses a plan per record). Answers too large to be held are read and written in parts, by the same
//! code ([`stream`]), where they list records.

mod contacts;
mod emit;
mod field_set;
mod foreign;
mod leading;
mod links;
mod names;
mod persons;
mod piece;
mod plan;
mod pseudonym;
mod reader;
mod scan;
mod scanned;
mod seen;
pub mod stream;
mod subtrees;
mod text;
mod uninspectable;
mod walk;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod sample;

pub use emit::{Emitted, Released};
pub use field_set::FieldSet;
pub use links::{Book, Links, Seen};
pub use names::CoreNames;
pub use persons::{Particulars, Person};
pub use plan::{Method, Plan, RecordDecision, Treatment, WithheldField, withheld_link};
pub use pseudonym::{PseudonymKey, PseudonymSecret};
pub use scan::scan;
pub use scanned::{Record, Scanned};
pub use subtrees::Subtree;
pub use uninspectable::{Reason, Uninspectable};
pub use walk::validate_strict;

use crate::catalogue::{Format, Shape};

/// Reads `body`, written as `format`, once, strictly and against `shape`.
///
/// # Errors
/// The first doubt about it.
pub fn read<'a>(
    format: Format,
    shape: &'a Shape,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    match format {
        Format::Json => scan(shape, body, limits),
        Format::JsonLines => scan::lines(shape, body, limits),
        Format::Xml => scan::xml::scan(shape, body, limits),
        Format::Csv => scan::csv::scan(shape, body, limits),
    }
}

/// How much of a body is looked at before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body, in bytes; never more than `u32::MAX` is accepted.
    pub body_bytes_max: usize,
    /// Deepest nesting of objects and arrays; the document itself is level 1. At most 128 is honoured.
    pub depth_max: u8,
    /// Most members of one object that the catalogue does not know.
    pub unknown_members_max: usize,
    /// Longest number of a catalogued field, in bytes as written.
    pub number_bytes_max: usize,
    /// Most members of one object that the catalogue does not list and that one category covers all the
    /// same (`additionalProperties`).
    pub other_members_max: usize,
    /// Longest name of such a member, in bytes as written.
    pub name_bytes_max: usize,
}

impl Default for Limits {
    /// 4 MiB, 64 levels, 4,096 unknown members, 40 bytes a number, 256 other members with names of 128
    /// bytes.
    fn default() -> Self {
        Self {
            body_bytes_max: 4 << 20,
            depth_max: 64,
            unknown_members_max: 4096,
            number_bytes_max: 40,
            other_members_max: 256,
            name_bytes_max: 128,
        }
    }
}
