//! Overlays (OpenAPI Overlay Specification 1.0.0): actions that add to an OpenAPI document what the
//! gateway must know, leaving the document itself untouched. `remove` is not supported: an overlay
//! here adds, it does not hide.

use std::sync::Arc;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::document::Part;
use crate::mistakes::Mistakes;
use crate::source::{Fields, Node, Source, Span};

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
        let correction = version.map(|version| version.strip_prefix("1.0."));
        if correction.is_some_and(|number| number.is_none_or(|one| one.parse::<u8>().is_err())) {
            let place = fields.optional("overlay").map(|node| node.span);
            let message = "only overlays of version 1.0 are understood";
            fields.mistake(place.unwrap_or(fields.span()), message);
        }
        fields.mapping("info", |info| {
            info.text("title");
            info.text("version")
        });
        fields.optional_text("extends");
        fields.list("actions")
    });
    // Kept beside the document, so that not every action makes it anew.
    let mut plain = document.to_value();
    for action in actions.unwrap_or_default() {
        let read = Fields::read(source, action, mistakes, |fields| {
            fields.optional_text("description");
            fields.text("target")?;
            let (target, update) = (fields.required("target")?, fields.required("update")?);
            Some((target, update))
        });
        if let Some((target, update)) = read {
            let action = (target, update);
            carry_out(document, &mut plain, source, action, mistakes);
        }
    }
}

fn carry_out(
    document: &mut Part,
    plain: &mut Value,
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
    let targets = path.query_located(plain);
    let targets = targets
        .locations()
        .map(|place| (place.to_string(), place.to_json_pointer()));
    let targets: Vec<(String, String)> = targets.collect();
    if targets.is_empty() {
        let message = "the target matches nothing in the document";
        mistakes.add(source, target.span, message);
    }
    if !targets.is_empty() {
        check_names(plain, source, target, mistakes);
    }
    let plain_update = update.to_value();
    let update = Part::new(source, update);
    for (place, pointer) in targets {
        match document.at_mut(&pointer) {
            Some(part) if part.scalar().is_none() => {
                part.merge(&update);
                if let Some(value) = plain.pointer_mut(&pointer) {
                    merge(value, &plain_update);
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

/// What [`Part::merge`] does, to the document without places.
fn merge(value: &mut Value, update: &Value) {
    match (value, update) {
        (Value::Object(members), Value::Object(updates)) => {
            for (name, new) in updates {
                match members.get_mut(name) {
                    Some(old) => merge(old, new),
                    None => {
                        members.insert(name.clone(), new.clone());
                    }
                }
            }
        }
        (Value::Array(items), Value::Array(new)) => items.extend(new.iter().cloned()),
        (Value::Array(items), _) => items.push(update.clone()),
        (value, _) => *value = update.clone(),
    }
}

/// Of several names in one pair of brackets (`['street','city']`) each must match something: a
/// misspelt one would be passed over beside the others.
fn check_names(plain: &Value, source: &Arc<Source>, target: &Node, mistakes: &mut Mistakes) {
    let text = target.as_text().unwrap_or_default();
    for (start, end, names) in unions(text) {
        for name in names {
            let (before, after) = (text.get(..start), text.get(end..));
            let alone = format!(
                "{}[{name}]{}",
                before.unwrap_or_default(),
                after.unwrap_or_default()
            );
            let matches = JsonPath::parse(&alone).map(|path| !path.query(plain).is_empty());
            if matches.is_ok_and(|matches| !matches) {
                let written = source.text().get(target.span.offset..).unwrap_or_default();
                let span = Span {
                    offset: target.span.offset + written.find(name).unwrap_or_default(),
                    length: name.len(),
                };
                let message = format!("{name} matches nothing in the document");
                mistakes.add(source, span, message);
            }
        }
    }
}

/// Where brackets with several names begin and end in a JSONPath, and the names with their quotes.
fn unions(path: &str) -> Vec<(usize, usize, Vec<&str>)> {
    let mut found = Vec::new();
    for (start, _) in path.match_indices("['") {
        let inside = path.get(start + 1..).unwrap_or_default();
        let mut quoted = false;
        let close = inside.find(|letter| {
            quoted ^= letter == '\'';
            letter == ']' && !quoted
        });
        let Some(inside) = close.and_then(|close| inside.get(..close)) else {
            continue;
        };
        let names: Vec<&str> = inside.split(',').map(str::trim).collect();
        let is_name =
            |name: &&str| name.len() > 1 && name.starts_with('\'') && name.ends_with('\'');
        if names.len() > 1 && names.iter().all(is_name) {
            found.push((start, start + inside.len() + 2, names));
        }
    }
    found
}
