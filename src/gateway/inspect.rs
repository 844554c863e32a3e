//! Stage `inspect`: is the core's answer what the catalogue says it is, and whose data is in it. Any
//! doubt refuses the whole answer; nothing of it is repeated to the partner.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use jiff::Timestamp;

use super::decide::Permit;
use super::exchange::Exchange;
use super::figures;
use super::forward::Answer;
use crate::catalogue::{self, Body, Creates, FieldRole, Format, HeaderLink, Role, Shape};
use crate::filter::{self, CoreNames, Record, Scanned};
use crate::judgement::{self, Document, Figures, Owner, Whose, is_media_type, uninspectable};
use crate::policy::Circumstances;
use crate::refusal::{Code, Fault, Stopped};
use crate::registry::{NotKept, Registry};
use crate::taxonomy::Category;
use crate::terms::{CustomerRef, ResourceKind};

/// An answer that is what the catalogue says, and whose data is in it.
#[derive(Debug)]
pub struct Inspected<'a> {
    /// Its status, one of the catalogue's.
    pub status: u16,
    /// What it holds.
    pub content: Content<'a>,
    /// The catalogue's headers with links, as the core sent them: not yet led anywhere.
    pub links: Vec<(&'a HeaderLink, &'a str)>,
}

/// What an answer holds.
#[derive(Debug)]
pub enum Content<'a> {
    /// Nothing.
    Empty,
    /// Fields that are known one by one.
    Data {
        /// Their media type, by the catalogue.
        media_type: Arc<str>,
        /// What they are.
        document: Box<Document<'a>>,
    },
    /// Bytes that stay unopened.
    Whole {
        /// Its media type, by the catalogue.
        media_type: Arc<str>,
        /// The category of the whole.
        category: Category,
        /// Its bytes.
        body: Bytes,
    },
}

/// Under this name a `core-rejected` carries what the core says is at fault.
const REJECTION: &str = "core";

/// Inspects, and enters in the book what came to be by this call, and by what a customer is found from now
/// on: the core has done it, whatever becomes of the answer. The fact's entry is the call's intent.
///
/// # Errors
/// `core-rejected`, `not-found`, `core-unavailable`, `response-uninspectable`; `record-unavailable`
/// when the book cannot be written.
pub async fn inspect<'a>(
    exchange: &mut Exchange,
    permit: &'a Permit,
    answer: &'a Answer,
    registry: &Registry,
    names: &CoreNames,
) -> Result<Inspected<'a>, Stopped> {
    let listed = judgement::listed(permit.operation(), answer.status)
        .map_err(|stopped| with_fault(stopped, permit, answer, names))?;
    let content = match &listed.body {
        // A page for people beside the `Location`, which no client of a partner reads.
        Body::Empty if answer.body.is_empty() || listed.is_redirect() => Content::Empty,
        Body::Empty => return Err(uninspectable("a body where the catalogue has none").into()),
        Body::Uninspectable { media_type } => {
            return Err(uninspectable(format!("no filter for `{media_type}`")).into());
        }
        Body::Data {
            format,
            media_type,
            shape,
        } => {
            expect_type(&answer.headers, media_type)?;
            let scanned = read(exchange, permit, (*format, shape), &answer.body)?;
            remember(exchange, permit, &scanned, registry).await?;
            let owners = Owners {
                permit,
                registry,
                now: exchange.arrived_at,
            };
            let whose = owners.of_parts(shape, &scanned)?;
            keep_current(exchange, permit, shape, &scanned, registry).await?;
            let figures = match Figures::of(shape, &scanned) {
                Some(figures) => Some(figures::settle(exchange, permit, figures, registry).await?),
                None => None,
            };
            Content::Data {
                media_type: Arc::clone(media_type),
                document: Box::new(Document {
                    shape,
                    figures,
                    scanned,
                    owners: whose.records,
                    envelope: whose.around,
                }),
            }
        }
        Body::Document {
            media_type,
            category,
        } => {
            expect_type(&answer.headers, media_type)?;
            let (media_type, category) = (Arc::clone(media_type), *category);
            Content::Whole {
                media_type,
                category,
                body: answer.body.clone(),
            }
        }
    };
    Ok(Inspected {
        status: answer.status,
        content,
        links: header_links(listed, &answer.headers)?,
    })
}

/// Reads an answer's data, which `forward` has held to the limit of its size.
fn read<'a>(
    exchange: &Exchange,
    permit: &Permit,
    (format, shape): (Format, &'a Shape),
    body: &'a Bytes,
) -> Result<Scanned<'a>, Stopped> {
    let limits = filter::Limits {
        body_bytes_max: body.len(),
        ..filter::Limits::default()
    };
    let scanned = filter::read(format, shape, body, &limits)
        .map_err(|reason| uninspectable(reason.told(shape)))?;
    let contract = permit.partner().contract();
    let has_pages = permit.operation().has_pages();
    let records_max = contract.records_max_on(exchange.today(), has_pages);
    judgement::refuse_large_page(records_max, &scanned)?;
    Ok(scanned)
}

/// The catalogued headers that hold links. One that is not text leads nowhere.
fn header_links<'a>(
    listed: &'a catalogue::Answer,
    headers: &'a HeaderMap,
) -> Result<Vec<(&'a HeaderLink, &'a str)>, Fault> {
    let mut found = Vec::new();
    for link in &listed.links {
        let values: Vec<_> = headers.get_all(&link.name).iter().collect();
        if values.len() > 1 && link.name == header::LOCATION {
            return Err(uninspectable("more than one `Location`"));
        }
        found.extend(
            values
                .iter()
                .map(|value| (link, value.to_str().unwrap_or_default())),
        );
    }
    Ok(found)
}

/// A rejection says which field is at fault, where its body is what the catalogue says and that may
/// leave. Whatever else is wrong with the body, the rejection stands.
fn with_fault(stopped: Stopped, permit: &Permit, answer: &Answer, names: &CoreNames) -> Stopped {
    let Stopped::Refused(refusal) = stopped else {
        return stopped;
    };
    let mut answers = permit.operation().answers.iter();
    let listed = answers.find(|listed| listed.status == answer.status);
    let fault = match listed.map(|listed| &listed.body) {
        Some(Body::Data {
            format,
            media_type,
            shape,
        }) if refusal.code == Code::CoreRejected
            && expect_type(&answer.headers, media_type).is_ok() =>
        {
            judgement::rejection(*format, shape, &answer.body, permit.grant(), names)
        }
        _ => None,
    };
    match fault {
        Some(fault) => refusal.member(REJECTION, fault).into(),
        None => Stopped::Refused(refusal),
    }
}

/// Whether the answer is of this type, and not coded.
///
/// # Errors
/// `response-uninspectable`.
pub fn expect_type(headers: &HeaderMap, media_type: &str) -> Result<(), Fault> {
    if headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| coding != "identity")
    {
        return Err(uninspectable("encoded although identity was asked for"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let one = types.next().map(|value| value.to_str().unwrap_or_default());
    let why = match (one, types.next()) {
        (Some(one), None) if is_media_type(one, media_type) => return Ok(()),
        (None, _) => format!("without `Content-Type`; the catalogue says `{media_type}`"),
        (Some(_), Some(_)) => "more than one `Content-Type`".to_owned(),
        (Some(one), None) if essence(one).eq_ignore_ascii_case(media_type) => {
            format!("`{media_type}` with a parameter other than one `charset=utf-8`")
        }
        (Some(_), None) => format!("not `{media_type}` as the catalogue says"),
    };
    Err(uninspectable(why))
}

/// A media type without its parameters.
fn essence(content_type: &str) -> &str {
    let essence = content_type.split(';').next();
    essence.unwrap_or_default().trim()
}

/// Enters in the book what a creating call brought into being. A core that hands out an id which is
/// somebody else's in the book is not believed.
async fn remember(
    exchange: &mut Exchange,
    permit: &Permit,
    scanned: &Scanned<'_>,
    registry: &Registry,
) -> Result<(), Fault> {
    let (Some(creates), Some(intent)) = (permit.operation().creates, exchange.intent) else {
        return Ok(());
    };
    let mut parts = scanned.records().iter().chain([scanned.envelope()]);
    let unnamed = || uninspectable("it does not name what was created");
    let kept = match creates {
        Creates::Customer => {
            let id = parts.find_map(|part| part.customer()).ok_or_else(unnamed)?;
            let partner = &permit.partner().contract().partner;
            let contacts = scanned.contacts(|part| part.customer() == Some(id));
            let kept = registry.remember_customer(id, partner, &contacts, intent);
            let kept = kept.await;
            kept.map(|row| format!("customer:{}", row.reference))
        }
        Creates::Resource(kind) => {
            let id = parts
                .find_map(|part| part.resource(kind))
                .ok_or_else(unnamed)?;
            let customer = permit.customer().ok_or_else(unnamed)?;
            let purpose = Some(permit.purpose());
            let kept = registry
                .remember_resource(kind, id, &customer.id, purpose, intent)
                .await;
            kept.map(|()| format!("{}:{id}", kind.word()))
        }
    };
    exchange.created = Some(kept.map_err(|error| match error {
        NotKept::Contradiction(_) => {
            uninspectable("an id that the book has for somebody else, or for another purpose")
        }
        other => not_kept(&other),
    })?);
    Ok(())
}

fn not_kept(error: &NotKept) -> Fault {
    Fault::new(Code::RecordUnavailable, format!("the book: {error}"))
}

/// Keeps current by what a customer is found, where a call that changes something is answered with what is
/// the customer's own record, and no job, list or document is asked for or answered: the address of a letter is
/// not its.
async fn keep_current(
    exchange: &Exchange,
    permit: &Permit,
    shape: &Shape,
    scanned: &Scanned<'_>,
    registry: &Registry,
) -> Result<(), Fault> {
    let is_thing = |role| matches!(role, FieldRole::ResourceId(_));
    let mut asked = permit.operation().parameters.iter();
    let asks_for_thing = asked.any(|one| matches!(one.role, Role::Resource(_)));
    let (Some(customer), Some(_)) = (permit.customer(), exchange.intent) else {
        return Ok(());
    };
    let creates = permit.operation().creates.is_some();
    if creates || asks_for_thing || shape.fields.iter().any(|field| is_thing(field.role)) {
        return Ok(());
    }
    let is_of_it = |part: &Record<'_>| part.customer().is_none_or(|id| *id == *customer.id);
    let contacts = scanned.contacts(is_of_it);
    let kept = registry.add_contacts(&customer.id, &contacts).await;
    kept.map_err(|error| not_kept(&error))
}

/// Finds out whose records are.
#[derive(Debug)]
pub struct Owners<'a> {
    /// For whom.
    pub permit: &'a Permit,
    /// The book.
    pub registry: &'a Registry,
    /// When: consents end.
    pub now: Timestamp,
}

impl Owners<'_> {
    /// The customer the request named.
    pub fn of_request(&self) -> Owner {
        match self.permit.customer() {
            Some(customer) => self.owner(customer.reference, true),
            None => Owner::Nobody,
        }
    }

    /// Whose each record is, and what stands around them, by the book.
    ///
    /// # Errors
    /// `response-uninspectable` for a part whose owner cannot be told, or is another than was asked for.
    pub fn of_parts(&self, shape: &Shape, scanned: &Scanned<'_>) -> Result<Whose, Fault> {
        let partner = &self.permit.partner().contract().partner;
        judgement::whose(shape, scanned, &self.of_request(), |record, id| {
            let Some(row) = self.registry.customer(id) else {
                return Ok(Owner::Nobody);
            };
            let own = row.partner == *partner;
            if own {
                self.notice(record, id)?;
            }
            Ok(self.owner(row.reference, own))
        })
    }

    fn owner(&self, reference: CustomerRef, own: bool) -> Owner {
        let partner = &self.permit.partner().contract().partner;
        let purpose = self.permit.purpose();
        let opened = self.registry.opened(reference, partner, purpose, self.now);
        let circumstances = Circumstances {
            own,
            consented: !opened.consented.is_empty(),
            agreement: !opened.agreed.is_empty(),
            order: false,
        };
        Owner::Customer {
            reference,
            circumstances,
            opened,
        }
    }

    /// Things that an own customer's record shows can be asked for by id from now on.
    fn notice(&self, record: &Record<'_>, customer: &str) -> Result<(), Fault> {
        for kind in ResourceKind::ALL {
            if let Some(id) = record.resource(kind) {
                self.registry
                    .noticed_resource(kind, id, customer)
                    // The book's own words name customers, and causes reach the log.
                    .map_err(|_| uninspectable("a thing that is another customer's in the book"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_content_type_that_is_not_the_catalogues_is_told_by_what_is_wrong_with_it() {
        let why = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for one in types {
                headers.append(header::CONTENT_TYPE, HeaderValue::from_static(one));
            }
            let found = expect_type(&headers, "application/json").err();
            found.map(|fault| fault.cause.replace("the core's answer was withheld: ", ""))
        };
        assert_eq!(why(&["application/json"]), None);
        assert_eq!(why(&["Application/JSON; charset=UTF-8"]), None);
        for (types, told) in [
            (
                &[][..],
                "without `Content-Type`; the catalogue says `application/json`",
            ),
            (
                &["application/json", "application/json"],
                "more than one `Content-Type`",
            ),
            (
                &["application/json; charset=iso-8859-1"],
                "`application/json` with a parameter other than one `charset=utf-8`",
            ),
            (
                &["application/json; profile=canary"],
                "`application/json` with a parameter other than one `charset=utf-8`",
            ),
            (
                &["text/canary"],
                "not `application/json` as the catalogue says",
            ),
        ] {
            assert_eq!(why(types).as_deref(), Some(told));
        }
    }
}
