//! The glossary as types: one word, one meaning. Everything above imports these; they import only
//! the vocabulary of [`crate::taxonomy`].

mod contacts;
mod principal;
mod request_id;
mod shown;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use contacts::{CONTACTS_MAX, ContactKind, Contacts};
pub use principal::Principal;
pub use request_id::RequestId;
pub use shown::{csv_cell, escaped, escaped_html, steers};

/// A dealer, reseller or co-branded partner, by the id its contract has: lower-case letters, digits
/// and `-`, 1 to 64 characters, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PartnerId(Arc<str>);

impl PartnerId {
    /// The id, if `text` has the shape of one.
    pub fn parse(text: &str) -> Option<Self> {
        let letter_first = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (letter_first && text.len() <= 64 && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartnerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The kind of a partner, as the promises distinguish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartnerKind {
    /// Sells the company's services under the company's name.
    Dealer,
    /// Sells them under its own name.
    Reseller,
    /// Sells them under a shared name; has a parent partner.
    Cobrand,
}

impl PartnerKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Dealer, Self::Reseller, Self::Cobrand];

    /// The word used in contracts and rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dealer => "dealer",
            Self::Reseller => "reseller",
            Self::Cobrand => "cobrand",
        }
    }
}

/// The random 128-bit name a customer or mail recipient has in the ledger. Which person it is stands
/// only in the book of customers; without that row it means nothing to anyone (P12).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerRef([u8; 16]);

impl CustomerRef {
    /// From its 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.len() == 32 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let number = u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| lower && !text.starts_with('+'))?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for CustomerRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for CustomerRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// For each promise: its title, and what keeps it where no property of the rules can.
const PROMISES: [(&str, Option<&str>); 18] = [
    (
        "Anything tied to a person is customer information",
        Some("the catalogue: a field without one is withheld"),
    ),
    (
        "What is collected automatically is told only about groups",
        None,
    ),
    ("Used to serve, to bill, to solve problems", None),
    ("Never for marketing", None),
    (
        "Not sold, traded, rented or disclosed without consent",
        None,
    ),
    ("The law, and imminent harm", None),
    (
        "Those who act for the company protect the data as it does",
        None,
    ),
    (
        "Customers may see, correct and delete what is held",
        Some("the report for one customer"),
    ),
    ("Guarded by current technology", None),
    ("Private mail stays private", None),
    (
        "Lists and documents produce their mailing, nothing else",
        None,
    ),
    (
        "Kept for the agreed time, then gone",
        Some("the gateway keeps no bodies; the ledger names nobody"),
    ),
    (
        "Improper conduct is looked into",
        Some("budgets of distinct customers"),
    ),
    (
        "Dealers, resellers and co-brands keep these promises",
        Some("contracts only narrow: proved beside these statements"),
    ),
    ("A customer may agree to other terms", None),
    (
        "The promises may change, in the open",
        Some("versions of the set, named in every entry"),
    ),
    (
        "Cookies recognise a visitor, nothing more",
        Some("no cookie crosses the gateway"),
    ),
    (
        "There is someone to ask",
        Some("every refusal names promise, fix and contact"),
    ),
];

/// A numbered promise of the published privacy policy, P1 to P18 (PROMISES.md).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Promise(u8);

impl Promise {
    /// From `P1` to `P18`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix('P')?;
        let canonical = !number.starts_with(['0', '+']);
        number
            .parse()
            .ok()
            .filter(|n| canonical && (1..=18).contains(n))
            .map(Self)
    }

    /// Every promise, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=18).map(Self)
    }

    /// Its heading in PROMISES.md.
    pub fn title(self) -> &'static str {
        let place = usize::from(self.0).saturating_sub(1);
        PROMISES.get(place).map_or("", |(title, _)| title)
    }

    /// What keeps it, where no property of the rules can; the list at the head of
    /// `policies/properties/customers.cedar`, in the same words.
    pub fn kept_instead_by(self) -> Option<&'static str> {
        let place = usize::from(self.0).saturating_sub(1);
        PROMISES.get(place).and_then(|(_, keeper)| *keeper)
    }

    /// The promise with this number; anything outside 1 to 18 is taken as the nearest.
    pub const fn number(number: u8) -> Self {
        Self(if number < 1 {
            1
        } else if number > 18 {
            18
        } else {
            number
        })
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "P{}", self.0)
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The form in which a data category may leave, richest first. None of them = the field is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As the core answers it.
    Clear,
    /// A part of it, by the catalogue's rule.
    Partial,
    /// A keyed replacement: stable within one partner, different across partners.
    Pseudonym,
    /// Only as a figure over at least k customers (P2).
    Aggregate,
}

impl Form {
    /// Every form, richest first.
    pub const ALL: [Self; 4] = [Self::Clear, Self::Partial, Self::Pseudonym, Self::Aggregate];

    /// The word used in contracts, and in the Cedar action `disclose.<word>`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Partial => "partial",
            Self::Pseudonym => "pseudonym",
            Self::Aggregate => "aggregate",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.word() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of forms: what the promises allow, or what a contract does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FormSet(u8);

impl FormSet {
    /// No form: withheld.
    pub const NONE: Self = Self(0);
    /// Every form.
    pub const ALL: Self = Self(0b1111);

    /// Adds one.
    pub fn insert(&mut self, form: Form) {
        self.0 |= form.bit();
    }

    /// Whether `form` is in the set.
    pub fn contains(self, form: Form) -> bool {
        self.0 & form.bit() != 0
    }

    /// What both sets allow.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The richest form of the set.
    pub fn richest(self) -> Option<Form> {
        Form::ALL.into_iter().find(|form| self.contains(*form))
    }

    /// Whether nothing is allowed.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Form> for FormSet {
    fn from_iter<I: IntoIterator<Item = Form>>(forms: I) -> Self {
        let mut set = Self::NONE;
        forms.into_iter().for_each(|form| set.insert(form));
        set
    }
}

/// The form of every data category, by [`crate::taxonomy::Category::index`]; `None` is withheld.
pub type CategoryForms = [Option<Form>; crate::taxonomy::CATEGORY_COUNT];

/// What allows a disclosure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Producing, billing or supporting the mailing of the partner's own customer.
    Service,
    /// The customer's consent on record (P5).
    Consent,
    /// An agreement with that customer (P15).
    CustomerAgreement,
    /// The customer asked (P8).
    CustomerRequest,
    /// Subpoena, warrant or other legal process (P6).
    LegalProcess,
    /// Imminent physical harm (P6).
    ImminentHarm,
}

impl Basis {
    /// Every basis.
    pub const ALL: [Self; 6] = [
        Self::Service,
        Self::Consent,
        Self::CustomerAgreement,
        Self::CustomerRequest,
        Self::LegalProcess,
        Self::ImminentHarm,
    ];

    /// The word used in rules and entries.
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Consent => "consent",
            Self::CustomerAgreement => "customer_agreement",
            Self::CustomerRequest => "customer_request",
            Self::LegalProcess => "legal_process",
            Self::ImminentHarm => "imminent_harm",
        }
    }
}

/// What kind of way out an operation is; the class that promises are written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// One record.
    Record,
    /// A page of records.
    List,
    /// A call that changes something.
    Write,
    /// Customer data in bulk, whatever the format.
    Export,
    /// A document or mailing list read back (P10, P11).
    Document,
    /// Mail to an audience of other people's customers (P4).
    Campaign,
    /// Registers an address to which the core will send data by itself.
    Webhook,
    /// Figures over groups of customers (P2).
    Aggregate,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 8] = [
        Self::Record,
        Self::List,
        Self::Write,
        Self::Export,
        Self::Document,
        Self::Campaign,
        Self::Webhook,
        Self::Aggregate,
    ];

    /// The word used in overlays (`x-covenant-channel`), and in the Cedar action `call.<word>`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::List => "list",
            Self::Write => "write",
            Self::Export => "export",
            Self::Document => "document",
            Self::Campaign => "campaign",
            Self::Webhook => "webhook",
            Self::Aggregate => "aggregate",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

/// Kinds of things that belong to a customer and that the book remembers by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A mailing job.
    Job,
    /// An uploaded mailing list.
    List,
    /// An uploaded document.
    Document,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Job, Self::List, Self::Document];

    /// The word used in overlays, imports and entries.
    pub fn word(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::List => "list",
            Self::Document => "document",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// SHA-256 of a client certificate's DER bytes: what `cnf.x5t#S256` holds (RFC 8705 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

impl Thumbprint {
    /// As in `x5t#S256`: base64url without padding.
    pub fn to_base64url(self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0)
    }

    /// From base64url without padding.
    pub fn from_base64url(text: &str) -> Option<Self> {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_base64url())
    }
}

/// Bytes as lower-case hexadecimal digits, two for each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let halves = [byte >> 4, byte & 0x0f].map(u32::from);
        text.extend(halves.iter().filter_map(|half| char::from_digit(*half, 16)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_hexadecimal_digits() {
        assert_eq!(hexadecimal(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
    }

    #[test]
    fn ids_are_read_back_as_they_were_written() {
        let reference = CustomerRef::from_bytes([7; 16]);
        assert_eq!(CustomerRef::parse(&reference.to_string()), Some(reference));
        assert_eq!(CustomerRef::parse("+7070707070707070707070707070707"), None);
        let id = RequestId::new(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(RequestId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn partner_ids_and_promises_have_one_spelling() {
        assert!(PartnerId::parse("acme-2").is_some());
        for wrong in ["", "Acme", "2acme", "a_b", "a.b", "a\n"] {
            assert_eq!(PartnerId::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(Promise::parse("P18"), Some(Promise::number(18)));
        for wrong in ["P0", "P19", "P04", "p4", "P+4"] {
            assert_eq!(Promise::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn promises_have_the_titles_and_keepers_that_the_published_pages_say() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
        let page = read("PROMISES.md");
        let headings: Vec<_> = page
            .lines()
            .filter_map(|l| l.strip_prefix("## P"))
            .collect();
        let known = Promise::all().map(|one| format!("{one}: {}", one.title()));
        let known: Vec<_> = known.collect();
        let known: Vec<_> = known.iter().map(|one| &one[1..]).collect();
        assert_eq!(headings, known);
        let properties = read("policies/properties/customers.cedar");
        let listed = properties.lines().filter_map(|l| l.strip_prefix("//   P"));
        let listed: Vec<_> = listed
            .map(|line| {
                let (number, rest) = line.split_once(' ').unwrap();
                let keeper = rest.rsplit("  ").next().unwrap();
                // What is "below" are properties, which are told beside the keeper.
                let (first, rest) = keeper.split_once("; ").unwrap_or((keeper, ""));
                let keeper = if rest.ends_with("below") {
                    first
                } else {
                    keeper
                };
                (number.to_owned(), keeper)
            })
            .collect();
        let known = Promise::all().filter_map(|one| Some((one, one.kept_instead_by()?)));
        let known: Vec<_> = known.map(|(one, by)| (one.0.to_string(), by)).collect();
        assert_eq!(listed, known);
    }

    #[test]
    fn the_richest_form_both_sides_allow_wins() {
        let promises = FormSet::from_iter([Form::Partial, Form::Pseudonym]);
        let contract = FormSet::from_iter([Form::Clear, Form::Pseudonym]);
        assert_eq!(
            promises.intersection(contract).richest(),
            Some(Form::Pseudonym)
        );
        assert_eq!(FormSet::NONE.richest(), None);
    }
}
