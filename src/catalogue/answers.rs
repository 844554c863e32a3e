//! From a response of the document to an [`Answer`]: JSON or lines of it with their shape, a document
//! that passes unopened, or something that no filter exists for.

use std::sync::Arc;

use super::document::{Entry, Part};
use super::operation::{Answer, Body, Format};
use super::reading::Reading;
use super::shaping::{self, Ownership};
use crate::taxonomy::Category;
use crate::terms::Channel;

pub(super) const JSON: &str = "application/json";
/// Lines, each a JSON document; the schema is that of one line.
const JSON_LINES: [&str; 3] = [
    "application/x-ndjson",
    "application/jsonl",
    "application/ndjson",
];
/// What a body that passes unopened may hold (P10).
const CONTENT: &str = "user.content";

/// The status of a response. `default` and ranges such as `4XX` say nothing certain: such answers are
/// not in the catalogue, and so not forwarded.
pub(super) fn status(entry: &Entry) -> Option<u16> {
    let status = entry.name.parse().ok();
    status.filter(|status| (200..600).contains(status))
}

/// Reads one response; the paths of what is left out of its shape are added to `left_out`.
pub(super) fn read<'a>(
    reading: &mut Reading<'a>,
    entry: &'a Entry,
    channel: Option<Channel>,
    ownership: Ownership,
    left_out: &mut Vec<String>,
) -> Option<Answer> {
    let status = status(entry)?;
    let response = reading.resolve(&entry.part)?;
    let content = response.get("content").map(Part::entries);
    let content = content.unwrap_or_default();
    // JSON where the core offers it, since that is what can be filtered.
    let json = content.iter().find(|entry| media_type(entry) == JSON);
    let lines = || content.iter().find(|entry| is_lines(entry));
    let data = json.or_else(lines);
    let schema = data.and_then(|entry| entry.part.get("schema"));
    let body = match (schema, data.or(content.first())) {
        (Some(schema), Some(entry)) => {
            let format = if is_lines(entry) {
                Format::JsonLines
            } else {
                Format::Json
            };
            let shaped = shaping::shape(reading, schema, ownership, format)?;
            left_out.extend(shaped.left_out);
            Body::Data {
                format,
                media_type: media_type(entry).into(),
                shape: Arc::new(shaped.shape),
            }
        }
        (None, Some(entry)) => match reading.extension(&entry.part, "data-category") {
            // JSON is always read, never passed unopened.
            Some(category) if data.is_none() => document(reading, entry, category, channel)?,
            _ => Body::Uninspectable {
                media_type: media_type(entry).into(),
            },
        },
        (_, None) => Body::Empty,
    };
    Some(Answer { status, body })
}

fn is_lines(entry: &Entry) -> bool {
    JSON_LINES.contains(&media_type(entry).as_str())
}

/// A body that passes unopened: only private content, and only where a document is read back.
fn document<'a>(
    reading: &mut Reading<'a>,
    entry: &Entry,
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
