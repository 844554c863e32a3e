//! One schema, flattened: references followed, `allOf` merged, the alternatives of objects united, the
//! type known. Understood is what describes JSON records: objects with named properties, arrays of one
//! kind of item, scalars. What leaves open what an answer holds (alternatives of several kinds,
//! free-form objects, tuples) is [`Unusable`]; it is never guessed.

mod alternatives;
mod gathering;
mod likeness;
mod properties;

use std::collections::BTreeMap;

use self::gathering::Gathering;
use self::likeness::{is_free, is_mark, keyword_alike, twin};
use super::decimal::Decimal;
use super::document::{Entry, Origin, Part};
use super::reading::{PREFIX, Reading, Unusable};
use super::shape::ScalarKind;

/// Keywords that change what a value may be and that are not understood.
const UNSUPPORTED: [&str; 11] = [
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
/// Keywords of which, given twice, the greater number holds, and those of which the smaller does.
const LEAST: [&str; 5] = [
    "exclusiveMinimum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
];
const MOST: [&str; 5] = [
    "exclusiveMaximum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
];
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
    /// The references that were followed.
    pub(super) references: Vec<&'a str>,
    /// The schemas that are this one as a whole, so that a circle is seen: itself, and those that its
    /// references lead to; not those that are a piece of it.
    whole: Vec<&'a Part>,
    /// Whether one of its alternatives has members that nothing names.
    pub(super) open: bool,
    properties: Vec<&'a Entry>,
    required: Vec<&'a Part>,
    keywords: BTreeMap<&'a str, &'a Entry>,
    /// The types that all its pieces allow.
    types: Option<Vec<&'a str>>,
    /// The values that all its pieces allow (`enum`).
    words: Option<Vec<&'a Part>>,
    /// Whether `null` is allowed beside all that.
    nullable: bool,
    /// Whether `minimum` or `maximum` was given twice, and differently.
    narrowed: bool,
}

impl<'a> Schema<'a> {
    /// Flattens the schema at `part`. Also whether `null` satisfies it in all it says.
    pub(super) fn read(
        reading: &mut Reading<'a>,
        part: &'a Part,
    ) -> Result<(Self, bool), Unusable> {
        let mut gathering = Gathering {
            reading,
            pieces: 0,
            levels: 0,
            composes: true,
        };
        gathering.schema(&[part])
    }

    fn empty(place: &'a Origin) -> Self {
        Self {
            place,
            references: Vec::new(),
            whole: Vec::new(),
            open: false,
            properties: Vec::new(),
            required: Vec::new(),
            keywords: BTreeMap::new(),
            types: None,
            words: None,
            nullable: false,
            narrowed: false,
        }
    }

    fn add_keyword(&mut self, reading: &mut Reading<'a>, entry: &'a Entry) -> Result<(), Unusable> {
        let name = entry.name.as_str();
        if UNSUPPORTED.contains(&name) {
            return Err(leaves_open(entry));
        }
        let Some(known) = self.keywords.get(name).copied() else {
            self.keywords.insert(name, entry);
            return Ok(());
        };
        if is_free(name) {
            if is_mark(name) && known.part.to_value() == entry.part.to_value() {
                reading.twin(known, entry);
            }
            return Ok(());
        }
        if keyword_alike(name, &known.part, &entry.part) {
            twin(reading, &known.part, &entry.part);
            return Ok(());
        }
        let narrower = narrower(name, known, entry).ok_or_else(|| differs(entry))?;
        self.keywords.insert(name, narrower);
        self.narrowed |= ["minimum", "maximum"].contains(&name);
        Ok(())
    }

    /// In 3.0 a flag says that the other bound is exclusive: of two bounds nobody could say which.
    fn check_flags(&self) -> Result<(), Unusable> {
        let flags = ["exclusiveMinimum", "exclusiveMaximum"].into_iter();
        let mut flags = flags.filter_map(|flag| self.keywords.get(flag));
        let flag = flags.find(|entry| self.narrowed && entry.part.boolean().is_some());
        flag.map_or(Ok(()), |flag| Err(differs(flag)))
    }

    /// Keeps the types that are allowed by all pieces, this one among them.
    fn narrow_types(&mut self, entry: &Origin, types: Vec<&'a str>) -> Result<(), Unusable> {
        let Some(known) = self.types.take() else {
            self.types = Some(types);
            return Ok(());
        };
        let both = |one: &'a str| {
            let within = |wide: &[&str]| {
                wide.contains(&one) || (one == "integer" && wide.contains(&"number"))
            };
            within(&known) && within(&types)
        };
        let mut left: Vec<&'a str> = Vec::new();
        for one in known.iter().chain(&types).copied() {
            if both(one) && !left.contains(&one) {
                left.push(one);
            }
        }
        if left.iter().all(|one| *one == "null") {
            return Err(differs_at(entry, "type"));
        }
        self.types = Some(left);
        Ok(())
    }

    /// Keeps this type, and `null` where that is allowed.
    fn narrow_type(&mut self, place: &Origin, word: &'a str) -> Result<(), Unusable> {
        let both = self.types.is_some().then_some("null");
        self.narrow_types(place, [word].into_iter().chain(both).collect())
    }

    /// Keeps the values that are allowed by all pieces, these among them.
    fn narrow_words(&mut self, place: &Origin, words: Vec<&'a Part>) -> Result<(), Unusable> {
        let Some(known) = self.words.take() else {
            self.words = Some(words);
            return Ok(());
        };
        let has = |known: &&Part| {
            let mut words = words.iter();
            words.any(|word| word.to_value() == known.to_value())
        };
        let left: Vec<&'a Part> = known.into_iter().filter(has).collect();
        if left.is_empty() {
            return Err(differs_at(place, "enum"));
        }
        self.words = Some(left);
        Ok(())
    }

    /// The values of `enum`, all that there are.
    pub(super) fn words(&self) -> &[&'a Part] {
        self.words.as_deref().unwrap_or_default()
    }

    /// The values of `enum` and `const`, all that there are; `None` where neither says any.
    pub(super) fn values(&self) -> Option<Vec<&'a Part>> {
        let fixed = self.keyword("const");
        match (fixed, &self.words) {
            (None, words) => words.clone(),
            (Some(fixed), Some(words)) => {
                let has = words.iter().any(|word| word.to_value() == fixed.to_value());
                Some(has.then_some(fixed).into_iter().collect())
            }
            (Some(fixed), None) => Some(vec![fixed]),
        }
    }

    /// Whether `null`, which the type allows, is also among the values.
    pub(super) fn null_fits(&self) -> bool {
        let is_null = |value: &Part| value.to_value().is_null();
        let among = self.words().is_empty() || self.words().iter().any(|word| is_null(word));
        among && self.keyword("const").is_none_or(is_null)
    }

    /// Whether a schema that is open around it, of which `open` are all, is this one again.
    pub(super) fn is_within(&self, open: &[&'a Part]) -> bool {
        let is_open = |one: &&'a Part| open.iter().any(|open| std::ptr::eq(*open, *one));
        self.whole.iter().any(is_open)
    }

    /// The schemas that are this one as a whole.
    pub(super) fn whole(&self) -> &[&'a Part] {
        &self.whole
    }

    /// What an overlay says of it.
    fn marks(&self) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let marks = self.keywords.iter().filter(|(name, _)| is_mark(name));
        marks.map(|(name, entry)| (*name, *entry))
    }

    /// The value of a keyword.
    pub(super) fn keyword(&self, name: &str) -> Option<&'a Part> {
        self.keywords.get(name).map(|entry| &entry.part)
    }

    /// The value of an `x-covenant-*` key.
    pub(super) fn extension(&self, reading: &mut Reading<'a>, key: &str) -> Option<&'a Part> {
        let name = format!("{PREFIX}{key}");
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
        let types = match &self.types {
            Some(types) => types.clone(),
            None if !self.properties.is_empty() => vec!["object"],
            None => self.types_of_values(),
        };
        let nullable = self.nullable || types.contains(&"null");
        let others = types.iter().filter(|name| **name != "null");
        let kind = match others.copied().collect::<Vec<_>>().as_slice() {
            ["object"] => Kind::Object,
            ["array"] => Kind::Array,
            ["string"] => Kind::Scalar(ScalarKind::String),
            ["integer"] => Kind::Scalar(ScalarKind::Integer),
            ["number"] => Kind::Scalar(ScalarKind::Number),
            ["boolean"] => Kind::Scalar(ScalarKind::Boolean),
            [] => return Err(self.unusable("a schema without a type")),
            _ => return Err(self.unusable("more than one type")),
        };
        Ok((kind, nullable))
    }

    /// The types of the values that there are, where nothing names a type.
    fn types_of_values(&self) -> Vec<&'static str> {
        let fixed = self.keyword("const");
        let values = fixed.map_or_else(|| self.words().to_vec(), |fixed| vec![fixed]);
        let mut types: Vec<&str> = values.into_iter().map(type_of).collect();
        types.sort_unstable();
        types.dedup();
        if types.contains(&"number") {
            types.retain(|one| *one != "integer");
        }
        types
    }

    pub(super) fn unusable(&self, reason: impl Into<String>) -> Unusable {
        Unusable {
            place: self.place.clone(),
            reason: reason.into(),
            broken: false,
        }
    }
}

fn type_of(value: &Part) -> &'static str {
    match value.to_value() {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "boolean",
        serde_json::Value::Number(number) if number.is_f64() => "number",
        serde_json::Value::Number(_) => "integer",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Object(_) => "object",
    }
}

/// Of two bounds on the same side the one that the other holds within.
fn narrower<'a>(name: &str, one: &'a Entry, other: &'a Entry) -> Option<&'a Entry> {
    let (least, most) = (LEAST.contains(&name), MOST.contains(&name));
    let [written, other_written] = [one, other].map(|entry| entry.part.to_value().to_string());
    let order = Decimal::read(&written)?.compare(&Decimal::read(&other_written)?);
    match (least, most) {
        (true, _) => Some(if order.is_lt() { other } else { one }),
        (_, true) => Some(if order.is_gt() { other } else { one }),
        _ => None,
    }
}

fn differs(entry: &Entry) -> Unusable {
    differs_at(&entry.place, &entry.name)
}

fn differs_at(place: &Origin, name: &str) -> Unusable {
    Unusable {
        place: place.clone(),
        reason: format!("`{name}` is given twice, and differently"),
        broken: false,
    }
}

fn leaves_open(entry: &Entry) -> Unusable {
    Unusable {
        place: entry.place.clone(),
        reason: format!("`{}` leaves open what stands there", entry.name),
        broken: false,
    }
}
