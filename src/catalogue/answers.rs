//! From a response of the document to an [`Answer`]: data in a format that is read, with its shape, a
//! document that passes unopened, or something that no filter exists for.

use std::sync::Arc;

use http::header::LOCATION;

use super::document::{Entry, Part};
use super::links;
use super::operation::{Answer, Body, Format};
use super::reading::{Reading, Unusable};
use super::schema::{Kind, Schema};
use super::shape::ScalarKind;
use super::shaping::{self, Ownership};
use crate::taxonomy::Category;
use crate::terms::Channel;

/// Statuses that answer a range (206, 416) or a conditional (304), which are never sent on, or that
/// lead to no one place (300, 305, 306).
const UNASKED: [u16; 6] = [206, 300, 304, 305, 306, 416];
pub(super) const JSON: &str = "application/json";
/// Gives the body of a document its category.
const UNOPENED: &str = "x-covenant-data-category";
/// What an error says (RFC 9457): no data.
const PROBLEM: &str = "application/problem+json";
/// Lines, each a JSON document; the schema is that of one line.
pub(super) const JSON_LINES: [&str; 3] = [
    "application/x-ndjson",
    "application/jsonl",
    "application/ndjson",
];
/// What a body that passes unopened may hold (P10).
const CONTENT: &str = "user.content";

/// The status of a response. `default` and ranges such as `4XX` say nothing certain: such answers are
/// not in the catalogue, and so not forwarded.
/// Neither are those that answer what is never asked ([`UNASKED`]).
pub(super) fn status(entry: &Entry) -> Option<u16> {
    let status = entry.name.parse().ok();
    status.filter(|status| (200..600).contains(status) && !UNASKED.contains(status))
}

/// Notes a status that no answer of the core will have, or that does not pass.
fn remark_unasked(reading: &mut Reading<'_>, entry: &Entry) {
    let Ok(status) = entry.name.parse::<u16>() else {
        return;
    };
    if UNASKED.contains(&status) || status < 200 {
        let message = format!(
            "`{status}` does not pass the gateway: interim answers, ranges and conditionals stay \
             inside, and no choice of places is handed on"
        );
        reading.remark(&entry.place, message);
    }
}

/// Reads one response; the paths of what is left out of its shape are added to `left_out`.
pub(super) fn read<'a>(
    reading: &mut Reading<'a>,
    entry: &'a Entry,
    channel: Option<Channel>,
    ownership: Ownership,
    left_out: &mut Vec<String>,
) -> Option<Answer> {
    remark_unasked(reading, entry);
    let status = status(entry)?;
    let response = reading.resolve(&entry.part)?;
    let content = response.get("content").map(Part::entries);
    let content = content.unwrap_or_default();
    let json = content.iter().find(|entry| media_type(entry) == JSON);
    let body = match (data(reading, content, status), json.or(content.first())) {
        (Some((format, entry, schema)), _) => {
            let shaped = shaping::shape(reading, schema, format, ownership)?;
            left_out.extend(shaped.left_out);
            Body::Data {
                format,
                media_type: media_type(entry).into(),
                shape: Arc::new(shaped.shape),
            }
        }
        (None, Some(entry)) => match reading.extension(&entry.part, "data-category") {
            // JSON is always read, never passed unopened.
            Some(category) if json.is_none() => document(reading, entry, category, channel)?,
            _ => Body::Uninspectable {
                media_type: media_type(entry).into(),
            },
        },
        (_, None) => Body::Empty,
    };
    let links = links::of_headers(reading, response);
    let answer = Answer {
        status,
        body,
        links,
    };
    let leads = answer.links.iter().any(|link| link.name == LOCATION);
    if answer.is_redirect() && !leads {
        let message = "a redirect leads nowhere without a `Location` among its `headers` with \
                       `x-covenant-link: rewrite`";
        reading.mistake(&entry.place, message);
    }
    Some(answer)
}

/// What of `content` is filtered, and its schema: JSON where the core offers it, then XML, then CSV.
fn data<'a>(
    reading: &mut Reading<'a>,
    content: &'a [Entry],
    status: u16,
) -> Option<(Format, &'a Entry, &'a Part)> {
    let mut found: Vec<_> = content
        .iter()
        .filter_map(|entry| {
            let media_type = media_type(entry);
            let format = format_of(&media_type)?;
            let schema = entry.part.get("schema")?;
            let plain = media_type == JSON;
            // What says no never leaves. What is not JSON may pass unopened, or be a text to whoever
            // described it.
            let whole = entry.part.get(UNOPENED).is_some();
            let described = status < 400 && !whole && is_described(reading, schema);
            let described = plain || described;
            described.then_some((!plain, format as usize, format, entry, schema))
        })
        .collect();
    found.sort_by_key(|(other, rank, ..)| (*other, *rank));
    let (_, _, format, entry, schema) = found.into_iter().next()?;
    Some((format, entry, schema))
}

/// The format that a media type says (RFC 6839 for suffixes).
pub(super) fn format_of(media_type: &str) -> Option<Format> {
    match media_type {
        JSON => Some(Format::Json),
        lines if JSON_LINES.contains(&lines) => Some(Format::JsonLines),
        "application/xml" | "text/xml" => Some(Format::Xml),
        "text/csv" => Some(Format::Csv),
        PROBLEM => None,
        vendor if vendor.ends_with("+json") => Some(Format::Json),
        vendor if vendor.ends_with("+xml") => Some(Format::Xml),
        _ => None,
    }
}

/// Whether a schema says of what an answer consists.
fn is_described<'a>(reading: &mut Reading<'a>, schema: &'a Part) -> bool {
    let kind = Schema::read(reading, schema).and_then(|(schema, _)| schema.kind());
    matches!(kind, Ok((Kind::Object | Kind::Array, _)))
}

/// Whether a filter reads this media type, and the schema says more of it than that it is a text.
fn may_have_members<'a>(reading: &mut Reading<'a>, entry: &'a Entry) -> bool {
    let schema = entry.part.get("schema");
    let schema = schema.filter(|schema| !schema.entries().is_empty());
    let Some(schema) = schema.filter(|_| format_of(&media_type(entry)).is_some()) else {
        return false;
    };
    let kind = Schema::read(reading, schema).and_then(|(schema, _)| schema.kind());
    !matches!(kind, Ok((Kind::Scalar(ScalarKind::String), _)))
}

/// A body that passes unopened: only private content, and only where a document is read back.
fn document<'a>(
    reading: &mut Reading<'a>,
    entry: &'a Entry,
    category: &'a Part,
    channel: Option<Channel>,
) -> Option<Body> {
    let place = &category.place;
    let category = reading.category(category)?;
    let content = Category::parse(CONTENT)?;
    if channel != Some(Channel::Document) || !category.is_within(content) {
        let message = "only private content (`user.content.*`) passes unopened, and only on the \
                       channel `document`";
        reading.mistake(place, message);
        return None;
    }
    if may_have_members(reading, entry) {
        let reason = format!(
            "`{}` is read field by field, and its schema says of which: as a whole everything in it \
             would leave. Give its fields categories instead; or, where it is what a customer wrote, make \
             its schema `{{type: string}}` in the document",
            media_type(entry)
        );
        let unusable = Unusable {
            place: place.clone(),
            reason,
            broken: true,
        };
        reading.give_up(unusable, "");
        return None;
    }
    Some(Body::Document {
        media_type: media_type(entry).into(),
        category,
    })
}

/// The media type without parameters, in lower case.
pub(super) fn media_type(entry: &Entry) -> String {
    let (media_type, _) = entry.name.split_once(';').unwrap_or((&entry.name, ""));
    media_type.trim().to_ascii_lowercase()
}
