//! One schema, flattened: references followed, `allOf` merged, the type known. Understood is what
//! describes JSON records: objects with named properties, arrays of one kind of item, scalars. What
//! leaves open what an answer holds (`oneOf`, free-form objects, tuples) is [`Unusable`]; it is
//! never guessed.

use std::collections::BTreeMap;

use super::document::{Content, Entry, Origin, Part};
use super::reading::{Reading, Unusable};
use super::shape::ScalarKind;

/// Keywords that change what a value may be and that are not understood.
const UNSUPPORTED: [&str; 13] = [
    "oneOf",
    "anyOf",
    "not",
    "if",
    "patternProperties",
    "prefixItems",
    "unevaluatedProperties",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "contains",
    "$dynamicRef",
    "$recursiveRef",
];
/// Keywords that say nothing about what a value may be; of several, the outermost counts.
const ANNOTATIONS: [&str; 9] = [
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "xml",
];
/// Most schemas that one schema is put together from.
const PIECES_MAX: usize = 64;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Scalar(ScalarKind),
}

/// A schema of which everything is in one place.
#[derive(Debug)]
pub(super) struct Schema<'a> {
    /// Where it stands, or where its reference does.
    pub(super) place: &'a Origin,
    /// The references that were followed, so that a circle is seen.
    pub(super) references: Vec<&'a str>,
    properties: Vec<&'a Entry>,
    required: Vec<&'a Part>,
    keywords: BTreeMap<&'a str, &'a Entry>,
}

impl<'a> Schema<'a> {
    /// Flattens the schema at `part`.
    pub(super) fn read(
        reading: &mut Reading<'a>,
        part: &'a Part,
    ) -> Result<(Self, bool), Unusable> {
        let mut schema = Self {
            place: &part.place,
            references: Vec::new(),
            properties: Vec::new(),
            required: Vec::new(),
            keywords: BTreeMap::new(),
        };
        let mut nullable = false;
        let mut open = vec![part];
        let mut pieces = 0;
        while let Some(piece) = open.pop() {
            pieces += 1;
            if pieces > PIECES_MAX {
                return Err(schema.unusable("it is put together from too many schemas"));
            }
            for entry in piece.entries() {
                match entry.name.as_str() {
                    "$ref" => {
                        let target = reading.follow(&entry.part)?;
                        let reference = entry.part.text().unwrap_or_default();
                        // What is said twice is said once; so a circle ends here.
                        if !schema.references.contains(&reference) {
                            schema.references.push(reference);
                            open.push(target);
                        }
                    }
                    "allOf" => open.extend(entry.part.items()),
                    "anyOf" | "oneOf" if nullable_alternative(&entry.part).is_some() => {
                        nullable = true;
                        open.extend(nullable_alternative(&entry.part));
                    }
                    "properties" => schema.add_properties(&entry.part)?,
                    "required" => {
                        let names = entry.part.items().iter();
                        schema
                            .required
                            .extend(names.filter(|name| name.text().is_some()));
                    }
                    _ => schema.add_keyword(entry)?,
                }
            }
        }
        Ok((schema, nullable))
    }

    fn add_properties(&mut self, properties: &'a Part) -> Result<(), Unusable> {
        for entry in properties.entries() {
            if self.properties.iter().any(|known| known.name == entry.name) {
                let name = &entry.name;
                return Err(Unusable {
                    place: entry.place.clone(),
                    reason: format!("`{name}` is described twice"),
                    broken: false,
                });
            }
            self.properties.push(entry);
        }
        Ok(())
    }

    fn add_keyword(&mut self, entry: &'a Entry) -> Result<(), Unusable> {
        let name = entry.name.as_str();
        if UNSUPPORTED.contains(&name) {
            return Err(Unusable {
                place: entry.place.clone(),
                reason: format!("`{name}` leaves open what stands there"),
                broken: false,
            });
        }
        let free = ANNOTATIONS.contains(&name) || name.starts_with("x-");
        match self.keywords.get(name) {
            Some(known) if !free && known.part.to_value() != entry.part.to_value() => {
                Err(Unusable {
                    place: entry.place.clone(),
                    reason: format!("`{name}` is given twice, and differently"),
                    broken: false,
                })
            }
            Some(_) => Ok(()),
            None => {
                self.keywords.insert(name, entry);
                Ok(())
            }
        }
    }

    /// The value of a keyword.
    pub(super) fn keyword(&self, name: &str) -> Option<&'a Part> {
        self.keywords.get(name).map(|entry| &entry.part)
    }

    /// The value of an `x-covenant-*` key.
    pub(super) fn extension(&self, reading: &mut Reading<'a>, key: &str) -> Option<&'a Part> {
        let name = format!("x-covenant-{key}");
        let entry = self.keywords.get(name.as_str())?;
        reading.asked(entry);
        Some(&entry.part)
    }

    /// The properties of an object and whether each is required.
    pub(super) fn properties(&self) -> impl Iterator<Item = (&'a Entry, bool)> {
        let required = |name: &str| self.required.iter().any(|one| one.text() == Some(name));
        self.properties
            .iter()
            .map(move |entry| (*entry, required(&entry.name)))
    }

    /// Notes what is required and not described: it would be dropped, and the answer broken.
    pub(super) fn check_required(&self, reading: &mut Reading<'a>) {
        for part in &self.required {
            let name = part.text().unwrap_or_default();
            let known = || self.properties.iter().map(|entry| entry.name.as_str());
            if known().all(|one| one != name) {
                let message = format!("`{name}` is required and not among the properties");
                reading.unknown(&part.place, message, name, known());
            }
        }
    }

    /// What it describes, and whether `null` is among its types (3.1) or allowed by `nullable` (3.0).
    pub(super) fn kind(&self) -> Result<(Kind, bool), Unusable> {
        let nullable = self.keyword("nullable").and_then(Part::boolean) == Some(true);
        let Some(types) = self.keyword("type") else {
            return match (self.properties.is_empty(), self.keyword("enum")) {
                (false, _) => Ok((Kind::Object, nullable)),
                (true, Some(words)) if words.items().iter().all(|word| word.text().is_some()) => {
                    Ok((Kind::Scalar(ScalarKind::String), nullable))
                }
                _ => Err(self.unusable("a schema without a type")),
            };
        };
        let names: Vec<&str> = match &types.content {
            Content::List(items) => items.iter().filter_map(Part::text).collect(),
            _ => types.text().into_iter().collect(),
        };
        let nullable = nullable || names.contains(&"null");
        let others: Vec<&str> = names.into_iter().filter(|name| *name != "null").collect();
        let kind = match others.as_slice() {
            ["object"] => Kind::Object,
            ["array"] => Kind::Array,
            ["string"] => Kind::Scalar(ScalarKind::String),
            ["integer"] => Kind::Scalar(ScalarKind::Integer),
            ["number"] => Kind::Scalar(ScalarKind::Number),
            ["boolean"] => Kind::Scalar(ScalarKind::Boolean),
            _ => return Err(self.unusable("more than one type")),
        };
        Ok((kind, nullable))
    }

    pub(super) fn unusable(&self, reason: impl Into<String>) -> Unusable {
        Unusable {
            place: self.place.clone(),
            reason: reason.into(),
            broken: false,
        }
    }
}

/// The one schema beside `{type: null}` in an `anyOf` or `oneOf` of the two.
fn nullable_alternative(alternatives: &Part) -> Option<&Part> {
    let is_null = |part: &&Part| part.get("type").and_then(Part::text) == Some("null");
    let (nulls, others): (Vec<_>, Vec<_>) = alternatives.items().iter().partition(is_null);
    match (nulls.as_slice(), others.as_slice()) {
        ([_], [other]) => Some(*other),
        _ => None,
    }
}
