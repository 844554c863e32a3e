//! A contract: what one partner was promised it may have, never more than the promises allow.

pub(super) mod read;
pub mod schema;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use crate::identity::api_key::ApiKeyRecord;
use crate::identity::binding::{Bindings, Carrier};
use crate::mistakes::{Mistakes, Source};
use crate::source::read_yaml;
use crate::taxonomy::{CATEGORY_COUNT, Purpose};
use crate::terms::{FormSet, PartnerId, PartnerKind, Principal, Thumbprint};

pub use self::read::OVERLAP_DAYS_MAX;

/// One partner's contract, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The partner, which is also the stem of its file.
    pub partner: PartnerId,
    /// Its name, as in reports.
    pub name: Arc<str>,
    /// Its postal address, as in an accounting of disclosures (45 CFR 164.528(b)(2)(ii)).
    pub address: Arc<str>,
    /// Dealer, reseller or co-brand.
    pub kind: PartnerKind,
    /// The parent partner of a co-brand. Budgets of a family are kept together under it.
    pub parent: Option<PartnerId>,
    /// Counts up with each change; with the partner's id it names this contract: `acme.7`.
    pub version: u32,
    /// How the partner proves who it is.
    pub credentials: Credentials,
    /// Purposes it may declare.
    pub purposes: Vec<Purpose>,
    /// Forms it may have, by the index of the category. A category not named inherits from the
    /// nearest ancestor that is; without one, none.
    pub categories: Arc<[FormSet; CATEGORY_COUNT]>,
    /// Operation ids it may call.
    pub operations: Arc<BTreeSet<Arc<str>>>,
    /// The largest page it may ask for, in records.
    pub page_records_max: u32,
    /// Most records of an answer without pages; with it, answers too large to be judged whole may leave in
    /// parts. Without, they are refused.
    pub large_answer_records_max: Option<u32>,
    /// Its request rate.
    pub requests_per_minute: u32,
    /// Distinct customers it may see.
    pub budgets: Budgets,
    /// The partner terms it accepted, and when (P7, P16).
    pub terms: AcceptedTerms,
    /// Its bounded departures from its own limits.
    pub exceptions: Vec<Exception>,
}

impl Contract {
    /// Reads the contract in `source` by itself, on the day `today`; what is wrong with it becomes mistakes.
    pub fn read(source: &Arc<Source>, today: Date, mistakes: &mut Mistakes) -> Option<Self> {
        read::read(source, today, mistakes).map(|draft| draft.contract)
    }

    /// Whom the contract in `source` is with, by name and postal address, whatever else stands in it: it may
    /// have been in force under rules that are not today's.
    pub fn name_and_address(source: &Arc<Source>) -> Option<(Arc<str>, Arc<str>)> {
        let node = read_yaml(source, &mut Mistakes::new())?;
        let text = |name| Some(Arc::from(node.get(name)?.as_text()?));
        Some((text("name")?, text("address")?))
    }

    /// Who is shut out with it: the partner, and the one that it is a co-brand of.
    pub fn family(&self) -> impl Iterator<Item = Principal> + use<> {
        let family = [Some(self.partner.clone()), self.parent.clone()];
        family.into_iter().flatten().map(Principal::Partner)
    }

    /// Its name in headers and entries: `acme.7`.
    pub fn label(&self) -> String {
        format!("{}.{}", self.partner, self.version)
    }

    /// The budgets that hold on `today`, exceptions in force included. An exception that does not speak
    /// of recipients leaves theirs as they are.
    pub fn budgets_on(&self, today: Date) -> Budgets {
        let excepted = self.in_force(today).find_map(|exception| exception.budgets);
        let Some(excepted) = excepted else {
            return self.budgets;
        };
        let (day, month) = (excepted.recipients_per_day, excepted.recipients_per_month);
        Budgets {
            recipients_per_day: day.or(self.budgets.recipients_per_day),
            recipients_per_month: month.or(self.budgets.recipients_per_month),
            ..excepted
        }
    }

    /// The largest page on `today`, in records, exceptions in force included.
    pub fn page_records_max_on(&self, today: Date) -> u32 {
        let mut in_force = self.in_force(today);
        let excepted = in_force.find_map(|exception| exception.page_records_max);
        excepted.unwrap_or(self.page_records_max)
    }

    /// Most records of an answer on `today`: those of a page, and where an operation has no pages, those
    /// of a large answer.
    pub fn records_max_on(&self, today: Date, has_pages: bool) -> u32 {
        let page = self.page_records_max_on(today);
        let large = self.large_answer_records_max.filter(|_| !has_pages);
        large.map_or(page, |large| large.max(page))
    }

    fn in_force(&self, today: Date) -> impl Iterator<Item = &Exception> {
        let exceptions = self.exceptions.iter();
        exceptions.filter(move |exception| today <= exception.until)
    }
}

/// A name of a certificate as it is compared: host names in lower case (RFC 4343), URIs as they are.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    if name.contains(':') || !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_ascii_lowercase())
    }
}

/// How a partner proves who it is. No two contracts share one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Thumbprints of its client certificates (`sha256:` and base64url).
    pub certificate_thumbprints: Vec<Thumbprint>,
    /// Subject alternative names its client certificates may carry, as DNS name (in lower case) or
    /// URI.
    pub certificate_names: Vec<Arc<str>>,
    /// Certificates that others take the place of: each counts until the end of its day, UTC, and never
    /// after, whatever else names it.
    pub ending: Vec<EndingCertificate>,
    /// `client_id`s of its access tokens.
    pub clients: Vec<Arc<str>>,
    /// What its tokens must be bound to: one of these.
    pub bindings: Bindings,
    /// Where in Basic credentials its token may stand as well, for software that speaks nothing else.
    pub basic: Option<Carrier>,
    /// API keys that do instead of a token, for software that can send nothing else.
    pub api_keys: Vec<ApiKeyRecord>,
}

/// The words for [`Credentials::bindings`].
pub(super) const BINDINGS: [&str; 3] = ["certificate", "dpop", "none"];
/// A client certificate with a last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndingCertificate {
    /// Which.
    pub thumbprint: Thumbprint,
    /// The last day it counts, UTC.
    pub until: Date,
}

/// The words for [`Credentials::basic`].
pub(super) const BASIC: [(&str, Carrier); 2] = [
    ("user_name", Carrier::BasicUserName),
    ("password", Carrier::BasicPassword),
];

impl Credentials {
    /// The last day of a certificate, where it has one by this contract.
    pub fn last_day_of(&self, certificate: Thumbprint) -> Option<Date> {
        let mut ending = self.ending.iter();
        let found = ending.find(|one| one.thumbprint == certificate);
        found.map(|one| one.until)
    }

    /// Every certificate that is named by its thumbprint, those with a last day after the others.
    pub fn thumbprints(&self) -> impl Iterator<Item = Thumbprint> {
        let ending = self.ending.iter().map(|one| one.thumbprint);
        self.certificate_thumbprints.iter().copied().chain(ending)
    }

    /// Each with its kind, `certificate`, `client` or `API key`, in the order of the file: a client may be
    /// called what a certificate is. As they are compared.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
        let names = self.certificate_names.iter();
        let names = names.map(|name| Cow::Borrowed(&**name));
        let thumbprints = self.thumbprints();
        let thumbprints = thumbprints.map(|one| Cow::Owned(format!("sha256:{one:?}")));
        let certificates = names.chain(thumbprints).map(|text| ("certificate", text));
        let clients = self.clients.iter();
        let keys = self.api_keys.iter();
        let keys = keys.map(|key| ("API key", Cow::Borrowed(&*key.prefix)));
        let clients = clients.map(|client| ("client", folded(client)));
        certificates.chain(clients).chain(keys)
    }
}

/// Distinct people per window; windows are UTC days and months. Customers and the people on their
/// lists are counted apart. Without a limit, recipients are counted and recorded all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Customers per UTC day.
    pub customers_per_day: u32,
    /// Customers per UTC month.
    pub customers_per_month: u32,
    /// Recipients of mail per UTC day.
    pub recipients_per_day: Option<u32>,
    /// Recipients of mail per UTC month.
    pub recipients_per_month: Option<u32>,
}

impl Budgets {
    /// Most people of any kind that a contract can grant in any window. Where it has no limit for
    /// recipients, so many are told apart in a month and no more, as memory has an end.
    pub const PEOPLE_MAX: u32 = 10_000_000;
}

/// A dated act of a named person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedTerms {
    /// Version of the partner terms, for example `2026-01`.
    pub version: Arc<str>,
    /// The day it was accepted.
    pub on: Date,
    /// Who accepted it, for the partner.
    pub by: Arc<str>,
}

/// A departure from the contract's own limits that always ends; never from a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Why.
    pub because: Arc<str>,
    /// The last day it holds, UTC.
    pub until: Date,
    /// Who approved it.
    pub approved_by: Vec<Arc<str>>,
    /// Budgets that hold instead.
    pub budgets: Option<Budgets>,
    /// Page size that holds instead.
    pub page_records_max: Option<u32>,
}
