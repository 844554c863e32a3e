//! The shape of a JSON answer: a tree of objects, arrays and classified scalars, with a flat table
//! of its fields so that decisions about fields are look-ups by [`FieldId`].

use std::sync::Arc;

use super::check::Check;
use super::partial::Partial;
use super::pseudonym::Pseudonym;
use crate::taxonomy::Category;
use crate::terms::ResourceKind;

/// The shape of one answer.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The document itself.
    pub root: Node,
    /// Every scalar field, indexed by [`FieldId`].
    pub fields: Vec<Field>,
}

/// The place of a field in [`Shape::fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u16);

/// One node of the tree.
#[derive(Clone, Debug)]
pub enum Node {
    /// An object with known members; others are dropped, and the order of the answer is kept.
    Object(ObjectNode),
    /// An array of one kind of item.
    Array(Box<Node>),
    /// A scalar.
    Scalar(FieldId),
}

/// An object.
#[derive(Clone, Debug, Default)]
pub struct ObjectNode {
    /// Its members, sorted by name.
    pub members: Vec<Member>,
    /// Whether each such object is a record: the unit that belongs to one customer. Records do not nest.
    pub record: bool,
    /// Whether `null` may stand in its place.
    pub nullable: bool,
}

/// One member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its decoded name.
    pub name: Arc<str>,
    /// Its name as it is written out: quoted, escaped, with the colon.
    pub encoded: Arc<[u8]>,
    /// Whether the schema requires it: then it is emptied instead of removed.
    pub required: bool,
    /// What stands there.
    pub node: Node,
}

/// One scalar field. By default an optional text without a category.
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// Its path, for example `$.data[*].email`: as in `Covenant-Redacted` and the ledger.
    pub path: Arc<str>,
    /// Its data category; without one it is never released.
    pub category: Option<Category>,
    /// The JSON types its value may have. Anything else makes the whole answer uninspectable.
    pub kind: ScalarKind,
    /// Whether `null` is a valid value.
    pub nullable: bool,
    /// Whether the schema requires it.
    pub required: bool,
    /// What it is for the gateway, beyond being data.
    pub role: FieldRole,
    /// Whether the schema allows `null` among its values: some have it as a type and not in `enum`.
    pub null_fits: bool,
    /// What its values must be, beside their type. A value that is not makes the whole answer
    /// uninspectable, and nothing that is not stands in its place.
    pub check: Check,
    /// How a pseudonym of it is written; without one, pseudonym means withheld.
    pub pseudonym: Option<Pseudonym>,
    /// How its partial form is made; without one, partial means withheld.
    pub partial: Option<Partial>,
    /// Whether it is about a recipient of mail rather than the customer (`x-covenant-data-subject`).
    pub recipient: bool,
    /// The value that stands for "nothing" where it is required and not nullable, or where a part or a
    /// pseudonym of a value cannot be made, as JSON; it satisfies the field's type and check.
    pub empty: Arc<[u8]>,
}

impl Field {
    /// What stands in its place, as JSON, where nothing of the value may and something must: `null` where the
    /// schema allows that, else the empty value.
    pub fn stand_in(&self) -> &[u8] {
        match self.nullable && self.null_fits || self.empty.is_empty() {
            true => b"null",
            false => &self.empty,
        }
    }
}

/// The JSON type of a scalar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScalarKind {
    /// A string.
    #[default]
    String,
    /// A number without fraction or exponent.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// What a field is for the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldRole {
    /// Nothing more.
    #[default]
    Data,
    /// The id of the customer the record belongs to (`x-covenant-customer-key`).
    CustomerKey,
    /// The id of a thing that belongs to that customer.
    ResourceId(ResourceKind),
}
