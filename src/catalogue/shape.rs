//! The shape of an answer: a tree of objects, arrays and classified scalars, with a flat table of its
//! fields so that decisions about fields are look-ups by [`FieldId`]. It is one tree for all formats,
//! made for one of them:
//!
//! | | JSON | XML | CSV |
//! |---|---|---|---|
//! | the document | any node | an object whose one member is the outermost element | an array of flat objects |
//! | an object | an object | an element with elements or attributes in it | a row |
//! | a member | a member | an element; the first [`ObjectNode::attributes`] are attributes | a column |
//! | an array | an array | the elements of this name, which stand side by side; where they are wrapped, the wrapper is an object around them | the rows |

use std::sync::Arc;

use super::check::Check;
use super::partial::Partial;
use super::pseudonym::Pseudonym;
use crate::taxonomy::Category;
use crate::terms::{ContactKind, ResourceKind};

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

impl Node {
    /// Whether a record stands in it: that is decided on its own, and may be dropped.
    pub fn holds_records(&self) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::Array(item) => item.holds_records(),
            Self::Object(object) => {
                let mut members = object.members.iter();
                object.record || members.any(|member| member.node.holds_records())
            }
        }
    }
}

/// An object.
#[derive(Clone, Debug, Default)]
pub struct ObjectNode {
    /// Its members, sorted by name; what are attributes in XML first, sorted likewise.
    pub members: Vec<Member>,
    /// How many of its members, the first ones, are attributes. Only XML has any.
    pub attributes: usize,
    /// The field that every other member is, whatever its name; without one, others are dropped.
    pub others: Option<FieldId>,
    /// The namespaces that an XML document may declare; only the object that is the document has any.
    pub namespaces: Vec<Namespace>,
    /// Whether each such object is a record: the unit that belongs to one customer. Records do not nest.
    pub record: bool,
    /// Whether each such object is one recipient of mail: a person on a customer's list, who may have no
    /// id. Stands in a record, or is one; persons do not nest.
    pub person: bool,
    /// Whether each such object is a group of customers that figures are about (`x-covenant-group`). It is
    /// a record too, of nobody: it leaves or does not as a whole.
    pub group: bool,
    /// Whether `null` may stand in its place.
    pub nullable: bool,
}

/// One member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its decoded name.
    pub name: Arc<str>,
    /// Its name as it is written out: in JSON quoted, escaped, with the colon; in XML the start of its
    /// element, `<name>`, or of an attribute, ` name="`; in CSV the cell of the header.
    pub encoded: Arc<[u8]>,
    /// Whether the schema requires it: then it is emptied instead of removed.
    pub required: bool,
    /// Whether it is a list in whose place `null` may stand; only in JSON. Of other nodes that is said
    /// where they are.
    pub nullable_list: bool,
    /// What stands there.
    pub node: Node,
}

/// A namespace of XML (Namespaces in XML 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its prefix; empty for the one of names without prefix.
    pub prefix: Arc<str>,
    /// Its name.
    pub uri: Arc<str>,
}

/// One scalar field. By default an optional text without a category.
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// Its path, for example `$.data[*].email`: as in `Covenant-Redacted` and the ledger.
    pub path: Arc<str>,
    /// Its data category; without one it is never released.
    pub category: Option<Category>,
    /// The type its value has; in XML and CSV, how its text is written as in JSON. Anything else makes the whole answer uninspectable.
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
    /// Where it leads, if it is a link (`x-covenant-link`): then it leaves led anew, or not at all.
    pub link: Option<Link>,
    /// How its partial form is made; without one, partial means withheld.
    pub partial: Option<Partial>,
    /// Whether it stands in an answer of the channel `aggregate`: there it is a figure over customers.
    pub figure: bool,
    /// Whether it is about a recipient of mail rather than the customer (`x-covenant-data-subject`).
    pub recipient: bool,
    /// Whether what stands for nothing in it, where it is required, could be taken for a value that is so:
    /// `0`, a date, one of several words.
    pub made_up: bool,
    /// The value that stands for "nothing" where it is required and not nullable, or where a part or a
    /// pseudonym of a value cannot be made, as JSON; it satisfies the field's type and check.
    pub empty: Arc<[u8]>,
}

impl Field {
    /// Whether it says something about a person or organisation (P1).
    pub fn is_personal(&self) -> bool {
        self.is_within("user")
    }

    /// Whether it tells one recipient of mail from another.
    pub fn tells_who(&self) -> Option<TellsWho> {
        if self.is_within("user.name") {
            Some(TellsWho::Name)
        } else if self.is_within(ADDRESS) || self.is_within(ADDRESSEE) {
            Some(TellsWho::Address)
        } else {
            None
        }
    }

    /// What its values reach somebody by, if they do.
    pub fn contact(&self) -> Option<ContactKind> {
        if self.is_within("user.contact.email") {
            Some(ContactKind::Email)
        } else if self.is_within("user.contact.phone_number") {
            Some(ContactKind::Telephone)
        } else if self.is_within(ADDRESS) {
            Some(ContactKind::Address)
        } else {
            None
        }
    }

    /// An id as the field may hold it, written without quotes: `plain` where that is allowed, for a whole
    /// number the number one. `None` if none is found.
    pub fn example_id(&self, plain: &str) -> Option<String> {
        match self.kind {
            ScalarKind::String => self.check.example_text(plain),
            _ => self.check.example_bare("1"),
        }
    }

    fn is_within(&self, key: &str) -> bool {
        let both = self.category.zip(Category::parse(key));
        both.is_some_and(|(category, around)| category.is_within(around))
    }

    /// What stands in its place, as JSON, where nothing of the value may and something must: `null` where the
    /// schema allows that, else the empty value.
    pub fn stand_in(&self) -> &[u8] {
        match self.nullable && self.null_fits || self.empty.is_empty() {
            true => b"null",
            false => &self.empty,
        }
    }
}

/// Postal addresses, and their parts.
const ADDRESS: &str = "user.contact.address";

/// Name and address in one text.
const ADDRESSEE: &str = "user.content.private.addressee";

/// What a field tells one recipient of mail from another by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellsWho {
    /// The name, or a part of it.
    Name,
    /// The postal address, or a part of it; a text that holds the name too will do.
    Address,
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
    /// How many different customers the group is, or all together (`x-covenant-group-size`).
    GroupSize,
}

/// Where a link leads once it has passed the gateway (`x-covenant-link`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// `rewrite`: a link of the core to one of its operations becomes the gateway's to the same.
    Rewrite,
    /// `{to: <operationId>}`: whatever the core's link was, the gateway's own to that operation stands
    /// in its place, with the id of the thing that the record is about.
    To(Arc<str>),
    /// `foreign`: an address of somebody else's that is data like any other, a customer's web site.
    Foreign,
    /// `remove`: it never leaves.
    Remove,
}

/// Most characters of a link that leaves; a longer one is withheld.
pub const LINK_CHARACTERS_MAX: usize = 2_048;
