//! Links of the core, led to the gateway. A link is taken apart by the rules of the door
//! ([`crate::edge::path`], [`crate::edge::query`]) and written anew: the gateway's base URI, the
//! canonical path, the canonical query. Nothing of it is spliced through, and one that leads
//! anywhere else than to an operation which this partner may read is no link for it.
//!
//! Whatever of it names a customer of the book, whole or between marks, is let through only where the
//! partner has that id anyway. What cannot be told: what a value says in a code of the core's own. A core
//! that hides a customer's data in its cursors needs `x-covenant-link: remove`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use http::Method;

use super::foreign;
use super::names::CoreNames;
use crate::catalogue::{Catalogue, LINK_CHARACTERS_MAX, Operation, Place, Role};
use crate::edge::path::CanonicalPath;
use crate::edge::query::Query;
use crate::terms::ResourceKind;

/// Relations of a `Link` header that are handed on (RFC 8288 section 3.3, and RFC 5988's names for
/// pages): others speak of things that the catalogue does not have.
const RELATIONS: [&str; 8] = [
    "alternate",
    "first",
    "last",
    "next",
    "prev",
    "previous",
    "related",
    "self",
];
/// Most links of one `Link` header.
const HEADER_LINKS_MAX: usize = 16;
/// Most runs of letters and digits in one value of a link that are looked up; one of more leads nowhere.
const VALUE_PARTS_MAX: usize = 64;
/// Most such runs that one id is put together from: a UUID has five.
const ID_PARTS_MAX: usize = 8;
/// Most digits of a part of a value that is taken for part of a time of day or a year, and for nobody's id.
const SMALL_DIGITS_MAX: usize = 4;

/// Where links lead for one partner, in one answer.
#[derive(Clone, Copy, Debug)]
pub struct Links<'a> {
    /// What every link begins with: `https://` and a name, without a slash at the end.
    pub base_uri: &'a str,
    /// What the core services offer.
    pub catalogue: &'a Catalogue,
    /// The names of the core services.
    pub names: &'a CoreNames,
    /// The service that answers: relative links are its own.
    pub service: &'a str,
    /// The operations that the partner's contract lists.
    pub operations: &'a BTreeSet<Arc<str>>,
    /// The customer whom the request named, by the core's id.
    pub customer: Option<&'a str>,
    /// What the request said in its path and its query, decoded.
    pub said: &'a [Box<str>],
    /// Which customers there are.
    pub book: &'a dyn Book,
}

/// What is known of ids of the core's.
pub trait Book: fmt::Debug + Sync {
    /// Whether a customer, whosever, has this id.
    fn has_customer(&self, id: &str) -> bool;
    /// Whether a thing of a customer of another partner than the one that asks has this id.
    fn is_anothers(&self, kind: ResourceKind, id: &str) -> bool;
}

/// Whose ids the partner sees where a link stands.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The customer whose id leaves in clear in the same record.
    pub shown: Option<&'a str>,
    /// Customers whose id leaves in clear in the records that the link stands around.
    pub on_page: &'a BTreeSet<&'a str>,
    /// Customers in the answer whose id does not leave in clear.
    pub hidden: &'a BTreeSet<&'a str>,
}

/// The id that a link to one operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// That of the customer.
    Customer,
    /// That of a thing of the customer.
    Resource(ResourceKind),
}

impl<'a> Links<'a> {
    /// The gateway's link to where `link` of the core leads; `None` where that is not the core, not an
    /// operation that the contract lists and that is read by GET, not a request that the gateway
    /// would take, or would name a customer whom the partner does not see anyway.
    pub fn rewritten(&self, link: &str, seen: &Seen<'_>) -> Option<String> {
        let (authority, rest) = apart(link)?;
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let path = CanonicalPath::parse(path).ok()?;
        let query = Query::parse(query).ok()?;
        let routed = self.catalogue.route(&Method::GET, path.as_str())?;
        let operation = &*routed.operation;
        let is_of_core = match authority {
            Some(authority) => self.names.speaks_for(authority, &operation.service),
            None => self.service == &*operation.service,
        };
        let leads = is_of_core
            && self.operations.contains(&operation.id)
            && asks_what_is_listed(operation, &query)
            && self.names_whom_it_may(operation, &path, &query, seen);
        if !leads {
            return None;
        }
        self.written(&path, &query)
    }

    /// The gateway's link to this operation, with `id` in the one place of its path.
    pub fn to(&self, operation: &str, id: &str) -> Option<String> {
        let operation = self.catalogue.operation(operation)?;
        if !self.operations.contains(&operation.id) || id.is_empty() {
            return None;
        }
        let template = operation.path.strip_prefix('/')?.split('/');
        let segments = template.map(|part| if part.starts_with('{') { id } else { part });
        let path = CanonicalPath::of(segments).ok()?;
        // An id that is a word of another path would lead there.
        let routed = self.catalogue.route(&Method::GET, path.as_str())?;
        if routed.operation.id != operation.id {
            return None;
        }
        self.written(&path, &Query::default())
    }

    /// Which id a link to this operation needs.
    pub fn needed(&self, operation: &str) -> Option<Needed> {
        let operation = self.catalogue.operation(operation)?;
        let mut in_path = operation.parameters.iter();
        let parameter = in_path.find(|one| one.place == Place::Path)?;
        match parameter.role {
            Role::Customer => Some(Needed::Customer),
            Role::Resource(kind) => Some(Needed::Resource(kind)),
            _ => None,
        }
    }

    /// Whether an address of somebody else's may leave as it is: plainly one of HTTP, in which no name
    /// of the core occurs.
    pub fn is_foreign(&self, link: &str) -> bool {
        link.len() <= LINK_CHARACTERS_MAX && foreign::is_foreign(link, self.names)
    }

    /// A `Link` header (RFC 8288 section 3) of those links of `value` that lead somewhere, with their
    /// relations and nothing else; `None` where there are none, or where it is not such a header.
    pub fn header(&self, value: &str, seen: &Seen<'_>) -> Option<String> {
        let mut header = String::new();
        for (link, relation) in link_values(value)? {
            let Some(link) = self.rewritten(link, seen) else {
                continue;
            };
            if !header.is_empty() {
                header.push_str(", ");
            }
            header.push_str(&format!("<{link}>; rel=\"{relation}\""));
        }
        (!header.is_empty()).then_some(header)
    }

    /// A customer is named only by a link that says what the partner said or sees.
    fn names_whom_it_may(
        &self,
        operation: &Operation,
        path: &CanonicalPath,
        query: &Query,
        seen: &Seen<'_>,
    ) -> bool {
        let template = operation.path.split('/').skip(1);
        let in_path = template.zip(path.segments());
        let mut in_path = in_path.filter(|(part, _)| part.starts_with('{'));
        let mut in_query = query.iter();
        let says_what_it_may = in_path.clone().all(|(part, value)| {
            let name = part.trim_matches(['{', '}']);
            is_nobody(operation, Place::Path, name, value) || self.may_say(value, seen)
        }) && in_query.all(|(name, value)| {
            is_nobody(operation, Place::Query, name, value) || self.may_say(value, seen)
        });
        if !says_what_it_may || self.leads_to_anothers(operation, path, query) {
            return false;
        }
        let may = |value: &str| self.customer == Some(value) || seen.shown == Some(value);
        let customers = operation.parameters.iter();
        let mut customers = customers.filter(|one| one.role == Role::Customer);
        customers.all(|one| match one.place {
            Place::Path => {
                let found = in_path.find(|(part, _)| is_parameter(part, &one.name));
                found.is_some_and(|(_, value)| may(value))
            }
            Place::Query => query.list(&one.name).all(may),
            Place::Header => true,
        })
    }

    /// Whether it names a job, list or document that the book has for another partner.
    fn leads_to_anothers(
        &self,
        operation: &Operation,
        path: &CanonicalPath,
        query: &Query,
    ) -> bool {
        let segments = || operation.path.split('/').skip(1).zip(path.segments());
        operation.parameters.iter().any(|one| {
            let Role::Resource(kind) = one.role else {
                return false;
            };
            let anothers = |id: &str| self.book.is_anothers(kind, id);
            match one.place {
                Place::Path => {
                    segments().any(|(part, value)| is_parameter(part, &one.name) && anothers(value))
                }
                Place::Query => query.list(&one.name).any(anothers),
                Place::Header => false,
            }
        })
    }

    /// Whether neither a value of a link, nor a part of it between two marks, is the id of a customer that
    /// the partner does not have anyway. Every character is a mark that is neither letter nor digit, and
    /// also one that an id may have in it, so parts overlap: the longest that says an id counts. A part of a
    /// few digits alone is no id: it stands in every time of day.
    fn may_say(&self, value: &str, seen: &Seen<'_>) -> bool {
        let has = |id: &str| {
            self.customer == Some(id)
                || seen.shown == Some(id)
                || seen.on_page.contains(id)
                || self.said.iter().any(|said| **said == *id)
        };
        let tells = |id: &str| seen.hidden.contains(id) || self.book.has_customer(id);
        if has(value) {
            return true;
        }
        if tells(value) {
            return false;
        }
        let runs = runs(value);
        if runs.len() > VALUE_PARTS_MAX {
            return false;
        }
        let mut from = 0;
        while let Some((start, _)) = runs.get(from) {
            let longest = runs.iter().enumerate().skip(from).take(ID_PARTS_MAX);
            let known = longest.rev().find_map(|(place, (_, end))| {
                let part = value.get(*start..*end)?;
                let small = part.len() <= SMALL_DIGITS_MAX && is_number(part);
                let known = !small && (has(part) || tells(part));
                known.then_some((place, part))
            });
            match known {
                Some((_, part)) if !has(part) => return false,
                Some((place, _)) => from = place + 1,
                None => from += 1,
            }
        }
        true
    }

    /// The link as it leaves, looked at once more.
    fn written(&self, path: &CanonicalPath, query: &Query) -> Option<String> {
        let mark = if query.is_empty() { "" } else { "?" };
        let link = format!("{}{path}{mark}{query}", self.base_uri);
        let rest = link.strip_prefix(self.base_uri)?;
        // So that it is the same in a JSON string, an XML text and a header.
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>".contains(&byte);
        let stands = rest.starts_with('/') && link.bytes().all(plain);
        let leaves = stands && link.len() <= LINK_CHARACTERS_MAX;
        // An id that is a name of the core is not told either.
        (leaves && !self.names.occur_in(link.as_bytes())).then_some(link)
    }
}

fn is_parameter(part: &str, name: &str) -> bool {
    let inner = part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'));
    inner == Some(name)
}

/// Whether a value is nobody's id by where it stands: the number of records on a page, or the number of a
/// thing, which may be that of some customer too.
fn is_nobody(operation: &Operation, place: Place, name: &str, value: &str) -> bool {
    let mut parameters = operation.parameters.iter();
    let parameter = parameters.find(|one| one.place == place && &*one.name == name);
    match parameter.map(|one| &one.role) {
        Some(Role::PageSize { max }) => value.parse().is_ok_and(|size: u32| size <= *max),
        Some(Role::Resource(_)) => is_number(value),
        _ => false,
    }
}

/// Where letters and digits stand that nothing else stands between.
fn runs(value: &str) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (place, letter) in value
        .char_indices()
        .filter(|(_, one)| one.is_alphanumeric())
    {
        let end = place + letter.len_utf8();
        match runs.last_mut() {
            Some(run) if run.1 == place => run.1 = end,
            _ => runs.push((place, end)),
        }
    }
    runs
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the gateway would take this query, and nothing that the operation needs is missing.
fn asks_what_is_listed(operation: &Operation, query: &Query) -> bool {
    let in_query = |name: &str| {
        let mut parameters = operation.parameters.iter();
        parameters.any(|one| one.place == Place::Query && &*one.name == name)
    };
    let needed = operation.parameters.iter();
    let mut needed = needed.filter(|one| one.place == Place::Query && one.required);
    query.iter().all(|(name, _)| in_query(name)) && needed.all(|one| query.get(&one.name).is_some())
}

/// The authority of a link, if it has one, and what follows. `None` for what is not plainly a link of
/// HTTP without user information or fragment: every other scheme, `//host`, and a path that does not
/// begin at the root.
fn apart(link: &str) -> Option<(Option<&str>, &str)> {
    let graphic = link.bytes().all(|byte| byte.is_ascii_graphic());
    if !graphic || link.len() > LINK_CHARACTERS_MAX || link.contains(['#', '\\']) {
        return None;
    }
    if link.starts_with('/') {
        return (!link.starts_with("//")).then_some((None, link));
    }
    let rest = link
        .strip_prefix("https://")
        .or(link.strip_prefix("http://"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    Some((Some(authority), rest))
}

/// Targets and relations of a `Link` header; `None` at the first doubt about its syntax. Links with a
/// relation that is not handed on, or that are about something else (`anchor`), are left out.
fn link_values(value: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    let mut count = 0;
    let mut rest = value.trim_matches([' ', '\t']);
    loop {
        count += 1;
        if count > HEADER_LINKS_MAX {
            return None;
        }
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (parameters, after) = parameters(after)?;
        let mut relations = parameters.iter().filter(|(name, _)| name == "rel");
        let relation = relations.next();
        if relations.next().is_some() {
            return None;
        }
        let elsewhere = parameters.iter().any(|(name, _)| name == "anchor");
        let known = relation.and_then(|(_, word)| {
            let mut known = RELATIONS.into_iter();
            known.find(|known| word.eq_ignore_ascii_case(known))
        });
        found.extend(known.filter(|_| !elsewhere).map(|known| (target, known)));
        match after.strip_prefix(',') {
            Some(after) => rest = after.trim_start_matches([' ', '\t']),
            None if after.is_empty() => return Some(found),
            None => return None,
        }
    }
}

/// The parameters of one link, names in lower case, and what follows them.
fn parameters(text: &str) -> Option<(Vec<(String, &str)>, &str)> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let blank = [' ', '\t'];
    let mut parameters = Vec::new();
    let mut rest = text.trim_start_matches(blank);
    while let Some(after) = rest.strip_prefix(';') {
        let after = after.trim_start_matches(blank);
        let end = after
            .bytes()
            .position(|byte| !token(byte))
            .unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let after = after.trim_start_matches(blank);
        let (value, after) = match after.strip_prefix('=') {
            None => ("", after),
            Some(after) => {
                let after = after.trim_start_matches(blank);
                match after.strip_prefix('"') {
                    // What is escaped in it is nothing that is handed on.
                    Some(quoted) if !quoted.split('"').next()?.contains('\\') => {
                        quoted.split_once('"')?
                    }
                    Some(_) => return None,
                    None => {
                        let end = after.bytes().position(|byte| !token(byte));
                        after.split_at(end.unwrap_or(after.len()))
                    }
                }
            }
        };
        if name.is_empty() {
            return None;
        }
        parameters.push((name.to_ascii_lowercase(), value));
        rest = after.trim_start_matches(blank);
    }
    Some((parameters, rest))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::mistakes::Mistakes;
    use crate::source::Folder;

    const BASE: &str = "https://gate.example:8443";
    const LISTED: [&str; 4] = ["listCustomers", "listJobs", "getCustomer", "getDocument"];

    static SHIPPED: LazyLock<Catalogue> = LazyLock::new(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(&directory, &mut mistakes);
        Catalogue::load(&folder, &mut mistakes).unwrap()
    });
    static NAMES: LazyLock<CoreNames> = LazyLock::new(|| {
        let names = [
            ("mailing".into(), "core.example:8080"),
            ("mailing".into(), "api.core.example"),
            ("billing".into(), "bills.example"),
        ];
        CoreNames::new(names, ["gate.example:8443"])
    });
    static OPERATIONS: LazyLock<BTreeSet<Arc<str>>> =
        LazyLock::new(|| LISTED.map(Arc::from).into());

    /// Customers by their ids; one document is another partner's.
    #[derive(Debug)]
    struct Known(fn(&str) -> bool);

    impl Book for Known {
        fn has_customer(&self, id: &str) -> bool {
            (self.0)(id)
        }

        fn is_anothers(&self, kind: ResourceKind, id: &str) -> bool {
            kind == ResourceKind::Document && id == "doc_foreign"
        }
    }

    fn links(customer: Option<&'static str>) -> Links<'static> {
        Links {
            base_uri: BASE,
            catalogue: &SHIPPED,
            names: &NAMES,
            service: "mailing",
            operations: &OPERATIONS,
            customer,
            said: &[],
            book: &Known(|id| id.starts_with("known_") && id.len() == 7),
        }
    }

    fn led(link: &str) -> Option<String> {
        let seen = Seen {
            shown: None,
            on_page: &BTreeSet::new(),
            hidden: &BTreeSet::new(),
        };
        links(None).rewritten(link, &seen)
    }

    #[test]
    fn a_link_of_the_core_becomes_the_same_of_the_gateway() {
        for (link, path) in [
            (
                "http://core.example:8080/v1/jobs?limit=25&cursor=job_25",
                "/v1/jobs?limit=25&cursor=job_25",
            ),
            ("https://api.core.example/v1/jobs", "/v1/jobs"),
            ("http://api.core.example/v1/jobs?", "/v1/jobs"),
            ("/v1/jobs?cursor=a%2Bb", "/v1/jobs?cursor=a%2Bb"),
            ("/v1/jobs?cursor=a+b", "/v1/jobs?cursor=a%20b"),
            ("/v1/%6Aobs", "/v1/jobs"),
            (
                "/v1/jobs?include%5B%5D=total_count",
                "/v1/jobs?include[]=total_count",
            ),
            ("/v1/documents/doc_1", "/v1/documents/doc_1"),
            ("/v1/documents/d%c3%a9", "/v1/documents/d%C3%A9"),
        ] {
            assert_eq!(led(link), Some(format!("{BASE}{path}")), "{link}");
        }
    }

    #[test]
    fn what_is_not_plainly_a_link_of_the_core_leads_nowhere() {
        for link in [
            "",
            " ",
            "/",
            "v1/jobs",
            "?cursor=1",
            "//core.example:8080/v1/jobs",
            "/\\core.example/v1/jobs",
            "\\\\core.example\\v1\\jobs",
            "http:/v1/jobs",
            "http:///v1/jobs",
            "http://core.example:8080",
            "http://core.example:8080/",
            "http://core.example:8080?cursor=1",
            "HTTP://core.example:8080/v1/jobs",
            "http:\\\\core.example:8080/v1/jobs",
            "ftp://core.example:8080/v1/jobs",
            "ws://core.example:8080/v1/jobs",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:core@core.example",
            " http://core.example:8080/v1/jobs",
            "http://core.example:8080/v1/jobs ",
            "http://core.example:8080/v1/jobs\n",
            "http://core.example:8080\t/v1/jobs",
            // user information, ports, spellings of the host
            "http://u@core.example:8080/v1/jobs",
            "http://u:p@core.example:8080/v1/jobs",
            "http://core.example:8080@evil.example/v1/jobs",
            "http://evil.example\\@core.example:8080/v1/jobs",
            "http://core.example/v1/jobs",
            "http://core.example:80/v1/jobs",
            "http://core.example:08080/v1/jobs",
            "http://core.example:8080:8080/v1/jobs",
            "https://api.core.example:443/v1/jobs",
            "https://API.core.example/v1/jobs",
            "https://api.core.example./v1/jobs",
            "https://api.core.example.evil.example/v1/jobs",
            "https://evil-api.core.example/v1/jobs",
            "https://xn--ap-mja.core.example/v1/jobs",
            "https://\u{430}pi.core.example/v1/jobs",
            "https://api%2Ecore.example/v1/jobs",
            "https://[::1]/v1/jobs",
            "https://2130706433/v1/jobs",
            "https://evil.example/v1/jobs",
            "https://gate.example:8443.evil.example/v1/jobs",
            // another service's name
            "https://bills.example/v1/jobs",
            // fragments, and paths in a spelling of their own
            "/v1/jobs#x",
            "/v1/jobs?cursor=1#x",
            "/v1/jobs/",
            "/v1//jobs",
            "/v1/./jobs",
            "/v1/x/../jobs",
            "/v1/%2e%2e/jobs",
            "/v1%2Fjobs",
            "/v1/jobs%00",
            "/v1/jobs%252e",
            "/v1/jobs;a=b",
            "/v1/jobs?cursor=1;a=b",
            "/v1/jobs?cursor=1&cursor=2",
            "/v1/jobs?cursor=%ff",
            "/v1/jobs?cursor=%0d%0aSet-Cookie:%20a=b",
            "/v1/jobs?access_token=x",
            // what the gateway would not take
            "/v1/jobs?email=ann%40example.com",
            "/v1/nothing",
            "/V1/jobs",
            "/.covenant/whoami",
            // served, but not listed in the contract; written, not read
            "/v1/address_lists",
            "/v1/jobs/job_1/submit",
            "/v1/exports/exp_1",
        ] {
            assert_eq!(led(link), None, "{link:?}");
        }
        let long = format!("/v1/jobs?cursor={}", "a".repeat(LINK_CHARACTERS_MAX));
        assert_eq!(led(&long), None);
        let longer_once_led = format!("/v1/jobs?cursor={}", "a".repeat(2_020));
        assert_eq!(led(&longer_once_led), None);
    }

    #[test]
    fn a_link_names_a_customer_only_whom_the_partner_sees_anyway() {
        let hidden = BTreeSet::from(["cus_2", "cus_9"]);
        let lead = |asked, shown, link: &str| {
            let seen = Seen {
                shown,
                on_page: &BTreeSet::new(),
                hidden: &hidden,
            };
            links(asked).rewritten(link, &seen).is_some()
        };
        let (one, jobs) = ("/v1/customers/cus_1", "/v1/jobs?customer_id=cus_1");
        for link in [one, jobs] {
            assert!(!lead(None, None, link), "{link}");
            assert!(lead(Some("cus_1"), None, link), "{link}");
            assert!(lead(None, Some("cus_1"), link), "{link}");
            assert!(!lead(Some("cus_3"), Some("cus_4"), link), "{link}");
        }
        assert!(lead(None, None, "/v1/customers?cursor=cus_1"));
        assert!(!lead(None, None, "/v1/customers?cursor=cus_2"));
        assert!(!lead(None, None, "/v1/documents/cus_9"));
        assert!(lead(Some("cus_2"), None, "/v1/customers?cursor=cus_2"));
    }

    #[test]
    fn a_link_says_no_id_of_the_book_that_the_partner_does_not_have() {
        let page = BTreeSet::from(["known_3"]);
        let seen = Seen {
            shown: Some("known_2"),
            on_page: &page,
            hidden: &BTreeSet::new(),
        };
        let said = ["known_4".into()];
        let links = Links {
            said: &said,
            ..links(Some("known_1"))
        };
        let lead = |link: &str| links.rewritten(link, &seen).is_some();
        for spelled in [
            "known_9",
            "%6bnown%5F9",
            "known_9%20",
            "known_9,5",
            "after:known_9",
            "5%7Cknown_9%7C2026-11-28",
            "%7B%22id%22:%22known_9%22%7D",
            "known_1:known_9",
            "known_9-55",
            "known_9.55",
            "1732838400.known_9",
            "2026-11-29T00:00:00Z_known_9",
            "created~known_9",
            "@known_9$",
            "%23known_9%2B",
            "%E2%80%8Bknown_9",
            "known_1_known_9",
        ] {
            assert!(
                !lead(&format!("/v1/customers?cursor={spelled}")),
                "{spelled}"
            );
            assert!(
                !lead(&format!("/v1/jobs?cursor={spelled}&limit=5")),
                "{spelled}"
            );
        }
        assert!(!lead("/v1/documents/known_9"));
        for spelled in [
            "known_1",
            "known_2",
            "known_3",
            "known_4",
            "known_4:known_1",
            "known_4_known_1-known_2",
            "job_9",
            "9",
            "unknown_9",
        ] {
            assert!(
                lead(&format!("/v1/jobs?cursor={spelled}&limit=5")),
                "{spelled}"
            );
        }
        assert!(lead("/v1/documents/doc_own"));
        assert!(!lead("/v1/documents/doc_foreign"), "another partner's");
        // To be about a customer, a link needs more than an id that is on the page or was said.
        for about in ["known_3", "known_4"] {
            assert!(!lead(&format!("/v1/customers/{about}")), "{about}");
        }
        let most = vec!["a"; VALUE_PARTS_MAX].join(",");
        assert!(lead(&format!("/v1/jobs?cursor={most}")));
        assert!(!lead(&format!("/v1/jobs?cursor={most},a")));
    }

    #[test]
    fn the_size_of_a_page_and_the_number_of_a_thing_are_nobodys_id() {
        let links = Links {
            book: &Known(is_number),
            ..links(None)
        };
        let seen = Seen {
            shown: None,
            on_page: &BTreeSet::new(),
            hidden: &BTreeSet::new(),
        };
        let lead = |link: &str| links.rewritten(link, &seen).is_some();
        assert!(lead("/v1/documents/70001"), "the number of a document");
        assert!(lead("/v1/jobs?cursor=2026,10:00"));
        assert!(!lead("/v1/jobs?cursor=after:70001"));
        assert!(lead("/v1/jobs?limit=25&cursor=job_25"));
        assert!(lead("/v1/jobs?limit=25&cursor=2026-11-28T10:00:00"));
        assert!(!lead("/v1/jobs?limit=25&cursor=25"));
        assert!(!lead("/v1/jobs?limit=4000000"), "no page is so large");
    }

    #[test]
    fn a_mediated_link_is_made_of_the_id_alone() {
        let links = links(None);
        let to = |id: &str| links.to("getDocument", id);
        assert_eq!(to("doc_1"), Some(format!("{BASE}/v1/documents/doc_1")));
        assert_eq!(to("d é"), Some(format!("{BASE}/v1/documents/d%20%C3%A9")));
        for id in [
            "", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a\\b", "a;b", "\n",
        ] {
            assert_eq!(to(id), None, "{id:?}");
        }
        assert_eq!(links.to("getAddressList", "list_1"), None, "not listed");
        assert_eq!(links.to("nothing", "x"), None);
        let every: BTreeSet<Arc<str>> = SHIPPED
            .operations
            .iter()
            .map(|one| one.id.clone())
            .collect();
        let links = Links {
            operations: &every,
            ..links
        };
        assert!(links.to("getJob", "job_1").is_some());
        assert_eq!(
            links.needed("getJob"),
            Some(Needed::Resource(ResourceKind::Job))
        );
        assert_eq!(links.needed("getCustomer"), Some(Needed::Customer));
        assert_eq!(links.needed("listJobs"), None);
    }

    #[test]
    fn somebody_elses_address_leaves_unless_the_core_is_named_in_it() {
        let links = links(None);
        assert!(links.is_foreign("https://holt-bindery.example/about?x=1"));
        assert!(!links.is_foreign("https://api.core.example/about"));
        assert!(!links.is_foreign("https://x.example/?to=http%3A%2F%2FAPI.core.example"));
        assert!(!links.is_foreign(&"a".repeat(LINK_CHARACTERS_MAX + 1)));
    }

    #[test]
    fn a_link_header_keeps_known_relations_and_nothing_else() {
        let seen = Seen {
            shown: None,
            on_page: &BTreeSet::new(),
            hidden: &BTreeSet::new(),
        };
        let links = links(None);
        let header = |value: &str| links.header(value, &seen);
        let next = format!("<{BASE}/v1/jobs?cursor=2>; rel=\"next\"");
        for value in [
            "<http://core.example:8080/v1/jobs?cursor=2>; rel=\"next\"",
            "</v1/jobs?cursor=2>;rel=next",
            " </v1/jobs?cursor=2> ; title=\"core-7, page 2\" ; REL = \"NEXT\" ",
            "</v1/jobs?cursor=2>; rel=next; crossorigin, <https://evil.example/>; rel=prev",
            "<https://evil.example/v1/jobs>; rel=last, </v1/jobs?cursor=2>; rel=\"next\"",
            "</v1/jobs?cursor=2>; rel=next, </v1/jobs>; rel=stylesheet",
            "</v1/jobs?cursor=2>; rel=next, </v1/jobs>; rel=first; anchor=\"/v1/customers\"",
            "</v1/jobs?cursor=2>; rel=next, </v1/jobs>",
        ] {
            assert_eq!(header(value), Some(next.clone()), "{value}");
        }
        let both = "</v1/jobs?cursor=2>; rel=next, </v1/jobs?cursor=1>; rel=prev";
        let prev = format!("{next}, <{BASE}/v1/jobs?cursor=1>; rel=\"prev\"");
        assert_eq!(header(both), Some(prev));
        for value in [
            "",
            "/v1/jobs; rel=next",
            "</v1/jobs; rel=next",
            "</v1/jobs> rel=next",
            "</v1/jobs>; rel=next; rel=prev",
            "</v1/jobs>; rel=\"next",
            "</v1/jobs>; rel=\"ne\\xt\"",
            "</v1/jobs>; =next",
            "</v1/jobs>; rel=next, ",
            "</v1/jobs>; rel=next </v1/jobs>",
            "</v1/jobs>; rel=\"next prev\"",
            "<https://evil.example/>; rel=next",
        ] {
            assert_eq!(header(value), None, "{value}");
        }
        let many = vec!["</v1/jobs>; rel=next"; HEADER_LINKS_MAX + 1].join(", ");
        assert_eq!(header(&many), None);
    }

    /// A piece of a link, right or wrong.
    fn piece() -> impl Strategy<Value = String> {
        let known = [
            "http://",
            "https://",
            "core.example:8080",
            "api.core.example",
            "/v1/jobs",
            "/v1/customers",
            "/v1/documents/",
            "doc_1",
            "?",
            "limit=5",
            "cursor=",
            "&",
            "cus_1",
            "gate.example:8443",
            "//",
            "..",
            "%2f",
            "%2e",
            "@",
            ":",
            "\\",
            "#",
            ";",
            "\"",
            "<",
            "\u{430}",
            "\r\n",
        ];
        prop_oneof![
            4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
            1 => any::<String>(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn whatever_a_link_is_what_leaves_leads_to_a_listed_operation_of_the_gateway(
            pieces in prop::collection::vec(piece(), 0..7),
        ) {
            let link = pieces.concat();
            if let Some(led) = led(&link) {
                let rest = led.strip_prefix(BASE).unwrap();
                let uri: http::Uri = led.parse().unwrap();
                prop_assert_eq!(uri.authority().unwrap().as_str(), "gate.example:8443");
                let path = CanonicalPath::parse(uri.path()).unwrap();
                let routed = SHIPPED.route(&Method::GET, path.as_str()).unwrap();
                prop_assert!(LISTED.contains(&&*routed.operation.id), "{}", rest);
                prop_assert!(!NAMES.occur_in(led.as_bytes()));
                // It is in its only spelling: led again, as a link of the core, it is the same.
                prop_assert_eq!(super::tests::led(rest), Some(led.clone()));
            }
        }
    }
}
