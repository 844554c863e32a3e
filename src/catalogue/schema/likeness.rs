//! Whether two schemas say the same, whatever else is told about them.

use super::super::document::{Entry, Part};
use super::super::reading::{PREFIX, Reading};

/// Keywords that say nothing about what a value may be; of several, the outermost counts.
const ANNOTATIONS: [&str; 12] = [
    "$comment",
    "title",
    "description",
    "default",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "deprecated",
    "readOnly",
    "writeOnly",
    "xml",
];

/// Whether a keyword says nothing about what a value may be.
pub(super) fn is_free(name: &str) -> bool {
    ANNOTATIONS.contains(&name) || name.starts_with("x-")
}

/// Whether it is one that an overlay says something with.
pub(super) fn is_mark(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Whether two schemas describe the same values, and say the same of all that stands in these. What
/// overlays say of the values themselves is not compared.
pub(super) fn alike(one: &Part, other: &Part) -> bool {
    same(one, other, |name| !is_free(name))
}

/// Whether what stands under the keyword of both says the same.
pub(super) fn keyword_alike(name: &str, one: &Part, other: &Part) -> bool {
    match name {
        "items" | "additionalProperties" | "additionalItems" | "not" | "propertyNames" => {
            inner(one, other)
        }
        "allOf" | "anyOf" | "oneOf" => lists(one, other),
        "properties" => {
            let (ones, others) = (one.entries(), other.entries());
            let has = |entry: &Entry| {
                let found = other.get(&entry.name);
                found.is_some_and(|found| inner(&entry.part, found))
            };
            ones.len() == others.len() && ones.iter().all(has)
        }
        _ => one.to_value() == other.to_value(),
    }
}

fn inner(one: &Part, other: &Part) -> bool {
    same(one, other, |name| !is_free(name) || is_mark(name))
}

fn lists(one: &Part, other: &Part) -> bool {
    let mut pairs = one.items().iter().zip(other.items());
    one.items().len() == other.items().len() && pairs.all(|(one, other)| inner(one, other))
}

fn same(one: &Part, other: &Part, counts: fn(&str) -> bool) -> bool {
    if !one.is_map() || !other.is_map() {
        return one.to_value() == other.to_value();
    }
    let counted = |part: &Part| {
        part.entries()
            .iter()
            .filter(|entry| counts(&entry.name))
            .count()
    };
    let has = |entry: &Entry| {
        let found = other.get(&entry.name);
        found.is_some_and(|found| keyword_alike(&entry.name, &entry.part, found))
    };
    let mut ours = one.entries().iter().filter(|entry| counts(&entry.name));
    counted(one) == counted(other) && ours.all(has)
}

/// Notes that what overlays say in `other`, which is like `one`, is said of the same: it has its effect
/// where that has.
pub(super) fn twin(reading: &mut Reading<'_>, one: &Part, other: &Part) {
    for entry in one.entries() {
        let mut theirs = other.entries().iter();
        if let Some(its) = theirs.find(|its| its.name == entry.name) {
            if is_mark(&entry.name) {
                reading.twin(entry, its);
            } else {
                twin(reading, &entry.part, &its.part);
            }
        }
    }
    for (one, other) in one.items().iter().zip(other.items()) {
        twin(reading, one, other);
    }
}
