//! What one schema is put together from, as far as that can be told without refusing anything.

use super::super::super::document::Part;
use super::{Place, Survey, kind, types};

/// Most references or schemas that one schema is put together from.
const PIECES_MAX: usize = 64;

impl<'a> Survey<'a> {
    /// Whether alternatives are read as one schema: all objects, or fixed values, or such as only say which
    /// members must be there.
    pub(super) fn are_read(&self, alternatives: &'a Part) -> bool {
        let items = alternatives.items().iter().filter(|item| !is_null(item));
        let items: Vec<&'a Part> = items.collect();
        let is_object = |item: &&'a Part| {
            let pieces = self.pieces_with((String::new(), item), |_| false);
            kind(&pieces) == Ok("object")
        };
        let is_fixed = |item: &&'a Part| item.get("const").or(item.get("enum")).is_some();
        let narrows = |item: &&'a Part| item.get("required").is_some() && types(item).is_empty();
        !items.is_empty()
            && (items.iter().all(narrows)
                || items.iter().all(is_object)
                || items.iter().all(is_fixed))
    }

    /// The pointers of the schemas that one is as a whole: itself, and what its references lead to.
    pub(super) fn whole(&self, pointer: &str, part: &'a Part) -> Vec<String> {
        let mut whole = vec![pointer.to_owned()];
        let mut part = part;
        while whole.len() < PIECES_MAX && part.get("properties").is_none() {
            let all = part.get("allOf").map(Part::items);
            let one = ["anyOf", "oneOf"].iter().find_map(|keyword| {
                let alternatives = part.get(keyword)?;
                alternatives.items().get(nullable(alternatives)?)
            });
            let reference = part.get("$ref").and_then(Part::text);
            part = match (reference, all, one) {
                (Some(reference), ..) => match self.follow(reference) {
                    Some((pointer, target)) => {
                        whole.push(pointer);
                        target
                    }
                    None => break,
                },
                (None, Some([only]), _) => only,
                (None, None, Some(one)) => one,
                _ => break,
            };
        }
        whole
    }

    /// The schemas that one is put together from: references followed, `allOf` taken apart, the one
    /// beside `null` taken, and alternatives that are read as one schema.
    pub(in super::super) fn pieces(&self, place: Place<'a>) -> Vec<Place<'a>> {
        self.pieces_with(place, |alternatives| self.are_read(alternatives))
    }

    fn pieces_with(&self, place: Place<'a>, are_read: impl Fn(&'a Part) -> bool) -> Vec<Place<'a>> {
        let mut pieces: Vec<Place<'a>> = Vec::new();
        let mut open = vec![place];
        while let Some((pointer, part)) = open.pop() {
            if pieces.len() >= PIECES_MAX || pieces.iter().any(|(known, _)| *known == pointer) {
                continue;
            }
            let reference = part.get("$ref").and_then(Part::text);
            open.extend(reference.and_then(|reference| self.follow(reference)));
            for keyword in ["allOf", "anyOf", "oneOf"] {
                let Some(alternatives) = part.get(keyword) else {
                    continue;
                };
                let one = nullable(alternatives);
                let all = keyword == "allOf" || (one.is_none() && are_read(alternatives));
                for (index, item) in alternatives.items().iter().enumerate().rev() {
                    if all || one == Some(index) {
                        open.push((format!("{pointer}/{keyword}/{index}"), item));
                    }
                }
            }
            pieces.push((pointer, part));
        }
        pieces
    }

    /// What these require: of alternatives, what all of them do.
    pub(super) fn required(&self, pieces: &[Place<'a>]) -> Vec<&'a str> {
        let mut required = Vec::new();
        let mut of_some: Vec<&str> = Vec::new();
        for (_, part) in pieces {
            required.extend(required_of(part));
            for keyword in ["anyOf", "oneOf"] {
                let Some(alternatives) = part.get(keyword).filter(|one| nullable(one).is_none())
                else {
                    continue;
                };
                let of = |item: &'a Part| {
                    let pieces = self.pieces_with((String::new(), item), |_| false);
                    pieces
                        .iter()
                        .flat_map(|(_, part)| required_of(part))
                        .collect::<Vec<_>>()
                };
                let items = alternatives.items().iter().filter(|item| !is_null(item));
                let all: Vec<Vec<&str>> = items.map(of).collect();
                let missing = |name: &&str| !all.iter().all(|names| names.contains(name));
                of_some.extend(all.concat().into_iter().filter(missing));
            }
        }
        required.retain(|name| !of_some.contains(name));
        required
    }
}

/// The index of the one schema beside `{type: null}` in a list of the two.
pub(super) fn nullable(alternatives: &Part) -> Option<usize> {
    match alternatives.items() {
        [null, other] if is_null(null) && !is_null(other) => Some(1),
        [other, null] if is_null(null) && !is_null(other) => Some(0),
        _ => None,
    }
}

fn is_null(part: &Part) -> bool {
    part.get("type").and_then(Part::text) == Some("null")
}

fn required_of(part: &Part) -> impl Iterator<Item = &str> {
    let required = part.get("required").map(Part::items);
    required.unwrap_or_default().iter().filter_map(Part::text)
}
