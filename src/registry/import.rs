//! Imports of the book: JSON lines, read strictly and whole, taken all or not at all.
//!
//! ```text
//! {"kind":"customer","id":"cus_1","partner":"acme","email":"…","telephone":"…","address":"…"}
//! {"kind":"job","id":"job_1","customer":"cus_1"}
//! {"kind":"document","id":"doc_1","customer":"cus_1","purpose":"essential.service"}
//! {"kind":"agreement","customer":"cus_1","profile":"contact","partner":"acme","purposes":["essential.service"],
//!  "categories":["user.contact"],"until":"2027-12-31","reference":"AGR-2026-17"}
//! ```

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::consents::{self, Agreement};
use super::customers::{self, CustomerRow};
use super::fingerprint::{Fingerprint, Fingerprints};
use super::resources::{self, Owned};
use super::{NotKept, Registry, is_id};
use crate::taxonomy::{Category, CategorySet, Purpose};
use crate::terms::{ContactKind, Contacts, CustomerRef, PartnerId, ResourceKind};

/// Lines in one import; a larger book comes in several.
pub const IMPORT_ROWS_MAX: usize = 1_000_000;

/// Mistakes told of one import; the rest are only counted.
const MISTAKES_TOLD_MAX: usize = 50;

/// The longest name of a profile of agreements, in bytes.
const PROFILE_BYTES_MAX: usize = 64;

/// A line as written.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Customer {
        id: String,
        partner: String,
        email: Option<String>,
        telephone: Option<String>,
        address: Option<String>,
    },
    Job(ResourceLine),
    List(ResourceLine),
    Document(ResourceLine),
    Agreement(AgreementLine),
}

/// An agreement with one customer. Without `partner` it is about every partner, without `categories` about
/// everything; `until` is its last day, UTC.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreementLine {
    customer: String,
    profile: String,
    partner: Option<String>,
    purposes: Vec<String>,
    categories: Option<Vec<String>>,
    until: String,
    reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceLine {
    id: String,
    customer: String,
    purpose: Option<String>,
}

/// A line understood. Contact data is gone by now; only its fingerprints are left.
#[derive(Debug)]
enum Row {
    Customer {
        id: Arc<str>,
        partner: PartnerId,
        fingerprints: Vec<Fingerprint>,
    },
    Resource {
        kind: ResourceKind,
        id: Arc<str>,
        owned: Owned,
    },
    Agreement {
        customer_id: Arc<str>,
        agreement: Box<Agreement>,
    },
}

/// Lines that were all understood, with their numbers; what [`Registry::import`] takes.
#[derive(Debug)]
pub struct Import {
    rows: Vec<(usize, Row)>,
}

impl Import {
    /// How many lines.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What an import brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Customers that were in the file.
    pub customers: usize,
    /// Of these, customers the book did not have.
    pub customers_new: usize,
    /// Jobs, lists and documents that were in the file.
    pub resources: usize,
    /// Agreements with customers that were in the file.
    #[serde(default)]
    pub agreements: usize,
}

/// A line that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportMistake {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it. Never contact data.
    pub message: String,
}

/// Why an import was not taken; nothing of it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct ImportMistakes {
    /// The first of them, by line.
    pub mistakes: Vec<ImportMistake>,
    /// How many there are.
    pub total: usize,
}

impl fmt::Display for ImportMistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "nothing was imported; {} mistaken:", self.total)?;
        for mistake in &self.mistakes {
            write!(formatter, "\n  line {}: {}", mistake.line, mistake.message)?;
        }
        Ok(())
    }
}

impl ImportMistakes {
    fn add(&mut self, line: usize, message: String) {
        self.total += 1;
        if self.mistakes.len() < MISTAKES_TOLD_MAX {
            self.mistakes.push(ImportMistake { line, message });
        }
    }

    fn or<T>(self, value: T) -> Result<T, Self> {
        if self.total == 0 {
            return Ok(value);
        }
        Err(self)
    }
}

impl Registry {
    /// Reads an import without changing anything; empty lines are passed over. At most
    /// [`IMPORT_ROWS_MAX`] lines.
    pub fn read_import<'a>(
        &self,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<Import, ImportMistakes> {
        let mut mistakes = ImportMistakes::default();
        let mut rows = Vec::new();
        for (index, text) in lines.into_iter().enumerate() {
            if text.trim().is_empty() {
                continue;
            }
            if rows.len() == IMPORT_ROWS_MAX {
                let message = format!("more than {IMPORT_ROWS_MAX} lines; split the file here");
                mistakes.add(index + 1, message);
                break;
            }
            match read(text, &self.fingerprints) {
                Ok(row) => rows.push((index + 1, row)),
                Err(message) => mistakes.add(index + 1, message),
            }
        }
        mistakes.or(Import { rows })
    }

    /// Takes an import, durably, all of it or nothing: a customer of another partner, or a thing of
    /// another or unknown customer, undoes the whole. References of known customers stay.
    pub async fn import(&self, import: Import, entry_index: u64) -> Result<ImportReport, NotKept> {
        let memory = Arc::clone(&self.memory);
        let change = move |connection: &Connection| take(connection, import, entry_index);
        let apply = move |taken: &Taken| {
            for (id, row) in &taken.customers {
                memory.customers.insert(id, row);
            }
            for (kind, id, owned) in &taken.resources {
                memory
                    .resources
                    .of(*kind)
                    .insert(Arc::clone(id), owned.clone());
            }
            for (customer, agreement) in &taken.agreements {
                memory.consents.agreed(*customer, agreement);
            }
        };
        let taken = self.writer.write(change, apply).await?;
        Ok(taken.report)
    }
}

struct Taken {
    report: ImportReport,
    customers: Vec<(Arc<str>, CustomerRow)>,
    resources: Vec<(ResourceKind, Arc<str>, Owned)>,
    agreements: Vec<(CustomerRef, Box<Agreement>)>,
}

/// Customers first, so that a thing may stand before its customer in the file.
fn take(connection: &Connection, import: Import, entry_index: u64) -> Result<Taken, NotKept> {
    let mut mistakes = ImportMistakes::default();
    let mut taken = Taken {
        report: ImportReport::default(),
        customers: Vec::new(),
        resources: Vec::new(),
        agreements: Vec::new(),
    };
    let known_before = customer_count(connection)?;
    let (mut things, mut agreements) = (Vec::new(), Vec::new());
    for (line, row) in import.rows {
        match row {
            Row::Customer {
                id,
                partner,
                fingerprints,
            } => {
                match customers::keep(connection, &id, &partner, entry_index) {
                    Ok(row) => taken.customers.push((Arc::clone(&id), row)),
                    Err(NotKept::Contradiction(message)) => {
                        mistakes.add(line, message);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                customers::add_fingerprints(connection, &id, &fingerprints)?;
            }
            Row::Resource { kind, id, owned } => things.push((line, kind, id, owned)),
            Row::Agreement {
                customer_id,
                agreement,
            } => agreements.push((line, customer_id, agreement)),
        }
    }
    for (line, kind, id, owned) in things {
        match resources::keep(connection, kind, &id, owned, Some(entry_index)) {
            Ok(owned) => taken.resources.push((kind, id, owned)),
            Err(NotKept::Contradiction(message)) => mistakes.add(line, message),
            Err(error) => return Err(error),
        }
    }
    for (line, id, agreement) in agreements {
        match customers::find(connection, &id)? {
            Some(row) => {
                consents::keep_agreement(connection, row.reference, &agreement, entry_index)?;
                taken.agreements.push((row.reference, agreement));
            }
            None => mistakes.add(line, format!("nobody in the book is the customer `{id}`")),
        }
    }
    taken.report = ImportReport {
        customers: taken.customers.len(),
        customers_new: customer_count(connection)?.saturating_sub(known_before),
        resources: taken.resources.len(),
        agreements: taken.agreements.len(),
    };
    Ok(mistakes.or(taken)?)
}

fn customer_count(connection: &Connection) -> rusqlite::Result<usize> {
    let count: i64 = connection.query_row("SELECT count(*) FROM customer", [], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

fn read(text: &str, prints: &Fingerprints) -> Result<Row, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| said(&error))?;
    let (kind, line) = match line {
        Line::Customer {
            id,
            partner,
            email,
            telephone,
            address,
        } => {
            let partner = PartnerId::parse(&partner)
                .ok_or_else(|| format!("`{partner}` is not a partner's id"))?;
            let mut contacts = Contacts::default();
            for (kind, written) in ContactKind::ALL
                .into_iter()
                .zip([email, telephone, address])
            {
                contacts.add(kind, written.as_deref().unwrap_or_default());
            }
            return Ok(Row::Customer {
                id: id_of(&id)?,
                partner,
                fingerprints: prints.of_contacts(&contacts),
            });
        }
        Line::Agreement(line) => return agreement(&line),
        Line::Job(line) => (ResourceKind::Job, line),
        Line::List(line) => (ResourceKind::List, line),
        Line::Document(line) => (ResourceKind::Document, line),
    };
    let purpose = line
        .purpose
        .as_deref()
        .map(|key| Purpose::parse(key).ok_or_else(|| format!("`{key}` is not a purpose")));
    Ok(Row::Resource {
        kind,
        id: id_of(&line.id)?,
        owned: Owned {
            customer_id: id_of(&line.customer)?,
            purpose: purpose.transpose()?,
        },
    })
}

/// An agreement, with all of its words understood.
fn agreement(line: &AgreementLine) -> Result<Row, String> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let profile = &*line.profile;
    if profile.is_empty() || profile.len() > PROFILE_BYTES_MAX || !profile.bytes().all(word) {
        return Err(format!(
            "a profile is a word of 1 to {PROFILE_BYTES_MAX} lower-case letters, digits and `-`"
        ));
    }
    let partner = line
        .partner
        .as_deref()
        .map(|id| PartnerId::parse(id).ok_or_else(|| format!("`{id}` is not a partner's id")));
    let purpose =
        |key: &String| Purpose::parse(key).ok_or_else(|| format!("`{key}` is not a purpose"));
    let category = |key: &String| {
        Category::parse(key).ok_or_else(|| format!("`{key}` is not a data category"))
    };
    let purposes: Vec<Purpose> = line
        .purposes
        .iter()
        .map(purpose)
        .collect::<Result<_, _>>()?;
    if purposes.is_empty() {
        return Err("an agreement is about at least one of `purposes`".to_owned());
    }
    let categories: CategorySet = match &line.categories {
        Some(named) => named.iter().map(category).collect::<Result<_, _>>()?,
        None => Category::all().collect(),
    };
    let last: Option<Date> = line.until.parse().ok();
    let until = last.and_then(|last| last.tomorrow().ok());
    let until = until.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
    let until = until.ok_or("`until` is the last day, as in `2027-12-31`")?;
    Ok(Row::Agreement {
        customer_id: id_of(&line.customer)?,
        agreement: Box::new(Agreement {
            profile: profile.into(),
            partner: partner.transpose()?,
            purposes,
            categories,
            until,
            reference: id_of(&line.reference)?,
        }),
    })
}

/// What is wrong with a line, without the values in it: serde would quote a value of a wrong type, and
/// that may be somebody's telephone number.
fn said(error: &serde_json::Error) -> String {
    let message = error.to_string();
    if message.starts_with("invalid type") || message.starts_with("invalid value") {
        return "each line must be an object whose values are text, or lists of text".to_owned();
    }
    message
}

fn id_of(id: &str) -> Result<Arc<str>, String> {
    if is_id(id) {
        return Ok(id.into());
    }
    Err("an id is empty, too long, has control characters or space around it".to_owned())
}
