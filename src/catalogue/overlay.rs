//! Overlays (OpenAPI Overlay Specification 1.0.0): actions that add to an OpenAPI document what the
//! gateway must know, leaving the document itself untouched. `remove` is not supported: an overlay
//! here adds, it does not hide.

pub mod schema;

use std::sync::Arc;

use serde_json_path::JsonPath;

use super::document::Part;
use crate::mistakes::Mistakes;
use crate::source::{Fields, Node, Source};

/// Lays the overlay over `document`. An action that cannot be carried out, or whose target is
/// nowhere in the document, is a mistake; the others are carried out all the same.
pub(super) fn apply(
    document: &mut Part,
    source: &Arc<Source>,
    overlay: &Node,
    mistakes: &mut Mistakes,
) {
    let actions = Fields::read(source, overlay, mistakes, |fields| {
        let version = fields.text("overlay");
        if version.is_some_and(|version| !version.starts_with("1.0.")) {
            fields.mistake(fields.span(), "only overlays of version 1.0 are understood");
        }
        fields.mapping("info", |info| {
            info.text("title");
            info.text("version")
        });
        fields.optional_text("extends");
        fields.list("actions")
    });
    // Kept as the document changes: made anew for each action, it would take as long as both are long.
    let mut plain = document.to_value();
    for action in actions.unwrap_or_default() {
        let read = Fields::read(source, action, mistakes, |fields| {
            fields.optional_text("description");
            fields.text("target")?;
            let (target, update) = (fields.required("target")?, fields.required("update")?);
            Some((target, update))
        });
        if let Some((target, update)) = read {
            carry_out(document, &mut plain, source, (target, update), mistakes);
        }
    }
}

fn carry_out(
    document: &mut Part,
    plain: &mut serde_json::Value,
    source: &Arc<Source>,
    (target, update): (&Node, &Node),
    mistakes: &mut Mistakes,
) {
    let path = match JsonPath::parse(target.as_text().unwrap_or_default()) {
        Ok(path) => path,
        Err(error) => {
            let message = format!("the target is not a JSONPath: {error}");
            return mistakes.add(source, target.span, message);
        }
    };
    let found = path.query_located(plain);
    let places = found.locations();
    let places: Vec<_> = places
        .map(|place| (place.to_string(), place.to_json_pointer()))
        .collect();
    if places.is_empty() {
        let message = "the target matches nothing in the document";
        mistakes.add(source, target.span, message);
    }
    let update = Part::new(source, update);
    for (place, pointer) in places {
        match document.at_mut(&pointer) {
            Some(part) if part.scalar().is_none() => {
                part.merge(&update);
                if let Some(value) = plain.pointer_mut(&pointer) {
                    *value = part.to_value();
                }
            }
            _ => mistakes.add(
                source,
                target.span,
                format!("the target `{place}` is neither a mapping nor a list"),
            ),
        }
    }
}
