//! What a request may say: what each parameter and member decides, and what a body may hold, a tree of
//! members for each media type. The same tree is held against JSON, forms, multipart and XML.

use std::sync::Arc;

use crate::terms::ResourceKind;

/// What a parameter, or a member of a request body, decides (`x-covenant-role`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing: passed on.
    Plain,
    /// A customer's id: on whose behalf the core is called. Checked against the book, set by the gateway.
    Customer,
    /// The id of a thing that belongs to a customer. Checked against the book.
    Resource(ResourceKind),
    /// How many records a page has, and the largest number allowed.
    PageSize {
        /// Largest page the core serves.
        max: u32,
    },
    /// States a use: any value but these makes the call a marketing use (Lob's `use_type`).
    UseType {
        /// The values that are operational (`x-covenant-operational`), as they are written.
        operational: Vec<Arc<str>>,
    },
    /// Names an audience of customers who did not ask for it.
    Audience,
    /// Asks for more fields or counts than the plain answer has (Lob's `include[]`). What was asked for
    /// is put on record; any other value is refused.
    Include {
        /// What can be asked for: the `enum` of its schema.
        values: Vec<Arc<str>>,
    },
    /// A login, password or key of the core service: the gateway brings its own, so a request that
    /// has one is refused.
    Credential,
    /// The first day that figures are asked for.
    PeriodFrom,
    /// The last day that figures are asked for; it is within.
    PeriodTo,
    /// Chooses whom figures are about: two different values never share a customer.
    Partition,
}

impl Role {
    /// Whether it tells one question about figures from another.
    pub fn asks_for_figures(&self) -> bool {
        matches!(self, Self::PeriodFrom | Self::PeriodTo | Self::Partition)
    }

    /// Whether it says whom a call is about: a customer, or a thing of one.
    pub fn names_customer(&self) -> bool {
        matches!(self, Self::Customer | Self::Resource(_))
    }
}

/// A request body.
#[derive(Clone, Debug)]
pub struct RequestBody {
    /// Whether the call is refused without it.
    pub required: bool,
    /// The kinds it comes in, in the document's order; the request's `Content-Type` chooses. Never empty.
    pub contents: Vec<RequestContent>,
    /// Whether it is a document or list that remembers the purpose it was uploaded for (P11).
    pub uploads: Option<ResourceKind>,
    /// The names that decide something anywhere in a request of this operation, as [`bare_name`] gives
    /// them: no member that the catalogue does not name may be called like one of them.
    pub deciding_names: Vec<String>,
}

/// A body of one media type.
#[derive(Clone, Debug)]
pub struct RequestContent {
    /// For example `application/json`.
    pub media_type: Arc<str>,
    /// What it holds. `None` is bytes that nobody opens: passed where the operation uploads, refused
    /// elsewhere.
    pub fields: Option<RequestFields>,
}

/// A body whose members are read.
#[derive(Clone, Debug)]
pub struct RequestFields {
    /// How they are written.
    pub format: RequestFormat,
    /// What they are; an object.
    pub root: Expected,
}

/// How the members of a request are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFormat {
    /// One JSON document (RFC 8259).
    Json,
    /// `application/x-www-form-urlencoded` (WHATWG URL section 5), members of members in brackets.
    Form,
    /// `multipart/form-data` (RFC 7578), likewise.
    Multipart,
    /// One XML 1.0 document without namespaces.
    Xml {
        /// The name of its outermost element.
        root: Arc<str>,
    },
}

/// A value that may be sent.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What it decides.
    pub role: Role,
    /// What it is.
    pub kind: ExpectedKind,
}

/// What a value of a request is.
#[derive(Clone, Debug)]
pub enum ExpectedKind {
    /// A text, a number or a truth value.
    Scalar,
    /// Whatever the catalogue leaves open; no member of it may be called like one that decides.
    Any,
    /// Values of one kind.
    List(Box<ExpectedList>),
    /// Named members.
    Members(ExpectedMembers),
    /// A scalar, or these members in its place: an id, or the thing itself.
    ScalarOr(ExpectedMembers),
    /// A file of a multipart body, passed unopened.
    File {
        /// The media types it may have, `image/*` among them.
        media_types: Vec<Arc<str>>,
    },
}

/// A list.
#[derive(Clone, Debug)]
pub struct ExpectedList {
    /// What each value is.
    pub item: Expected,
    /// In XML: the name of the items' elements within the list's own; `None` where the items stand
    /// side by side under the list's name.
    pub wrapped: Option<Arc<str>>,
}

/// The members of an object.
#[derive(Clone, Debug)]
pub struct ExpectedMembers {
    /// Those with a name, in the document's order.
    pub named: Vec<ExpectedMember>,
    /// What any other is; without it there is no other.
    pub others: Option<Box<Expected>>,
}

/// One named member.
#[derive(Clone, Debug)]
pub struct ExpectedMember {
    /// Its name.
    pub name: Arc<str>,
    /// Its name in XML.
    pub xml_name: Arc<str>,
    /// In XML: whether it is an attribute rather than an element.
    pub attribute: bool,
    /// What it is.
    pub value: Expected,
}

impl Expected {
    /// A value that decides nothing.
    pub fn plain(kind: ExpectedKind) -> Self {
        Self {
            role: Role::Plain,
            kind,
        }
    }
}

impl RequestBody {
    /// The paths of all members of all its kinds with what each decides, sorted, each once:
    /// `$.jobs[*].customer_id`.
    pub fn members(&self) -> Vec<(String, &Role)> {
        let mut found = Vec::new();
        for content in &self.contents {
            found.extend(content.members());
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found.dedup_by(|one, other| one == other);
        found
    }

    /// Whether it can name a customer, by id or by a thing of the customer, whatever kind it comes in.
    pub fn names_customer(&self) -> bool {
        let names = |(_, role): &(String, &Role)| role.names_customer();
        let mut readable = self.contents.iter().filter(|one| one.fields.is_some());
        let any = self.contents.iter().any(|one| one.fields.is_some());
        any && readable.all(|content| content.members().iter().any(names))
    }
}

impl RequestContent {
    /// The paths of its members with what each decides, in the document's order.
    pub fn members(&self) -> Vec<(String, &Role)> {
        let mut found = Vec::new();
        if let Some(fields) = &self.fields {
            fields.root.collect("$", &mut found);
        }
        found
    }
}

impl Expected {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Role)>) {
        if path != "$" {
            found.push((path.to_owned(), &self.role));
        }
        match &self.kind {
            ExpectedKind::Scalar | ExpectedKind::Any | ExpectedKind::File { .. } => {}
            ExpectedKind::List(list) => match list.item.kind {
                ExpectedKind::Scalar if list.item.role == Role::Plain => {}
                _ => list.item.collect(&format!("{path}[*]"), found),
            },
            ExpectedKind::Members(members) | ExpectedKind::ScalarOr(members) => {
                for member in &members.named {
                    let below = format!("{path}.{}", member.name);
                    member.value.collect(&below, found);
                }
                if let Some(others) = &members.others {
                    others.collect(&format!("{path}.*"), found);
                }
            }
        }
    }
}

/// A name without what readers differ about: letters and digits alone, in lower case, so that
/// `Use-Type` and `use_type[]` are one.
pub fn bare_name(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_has_nothing_that_readers_differ_about() {
        for name in [
            "use_type",
            "Use-Type",
            "useType",
            "use type",
            "use.type",
            "use_type[]",
            "@USE_TYPE",
        ] {
            assert_eq!(bare_name(name), "usetype", "{name}");
        }
        assert_ne!(bare_name("used_type"), "usetype");
    }
}
