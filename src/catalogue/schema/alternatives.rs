//! Alternatives (`anyOf`, `oneOf`) that can be read as one schema: objects become one object with the
//! members of all, scalars of one type one scalar with the values of all.

use super::super::document::{Entry, Part};
use super::super::reading::Unusable;
use super::gathering::{Alternatives, Gathered, Gathering};
use super::likeness::{is_free, is_mark, keyword_alike};
use super::{Kind, Schema, leaves_open};

/// Most alternatives within alternatives.
const LEVELS_MAX: usize = 6;
/// The value that stands for nothing.
const EMPTY: &str = "x-covenant-empty";

impl<'a> Gathering<'a, '_> {
    /// Adds what any of the alternatives says; whether `null` is one of them that nothing else forbids.
    pub(super) fn alternatives(
        &mut self,
        schema: &mut Schema<'a>,
        gathered: &mut Gathered<'a>,
        alternatives: &Alternatives<'a>,
    ) -> Result<bool, Unusable> {
        let entry = alternatives.entry;
        if alternatives.parts.iter().all(|part| only_narrows(part)) {
            let required = alternatives.parts.iter().map(|part| required_of(part));
            schema.required.extend(in_all(required.collect()));
            return Ok(false);
        }
        if self.levels == LEVELS_MAX {
            return Err(schema.unusable("it holds itself, or is nested too deep"));
        }
        self.levels += 1;
        let read = alternatives.parts.iter().map(|part| {
            let (one, outside) = self.schema(&[*part])?;
            let (kind, inside) = one.kind()?;
            Ok((one, kind, outside || inside))
        });
        let read: Result<Vec<_>, Unusable> = read.collect();
        self.levels -= 1;
        let read = read.map_err(|unusable| match unusable.broken {
            true => unusable,
            false => leaves_open(entry),
        })?;
        let nullable = alternatives.null || read.iter().any(|(_, _, nullable)| *nullable);
        let open = schema.types.is_none();
        let kinds: Vec<Kind> = read.iter().map(|(_, kind, _)| *kind).collect();
        let ones: Vec<Schema<'a>> = read.into_iter().map(|(one, ..)| one).collect();
        match kinds.as_slice() {
            kinds if kinds.iter().all(|kind| *kind == Kind::Object) => {
                self.marks(schema, &ones);
                self.objects(schema, gathered, &ones, entry)?;
            }
            [Kind::Scalar(first), rest @ ..]
                if rest.iter().all(|kind| *kind == Kind::Scalar(*first)) =>
            {
                self.marks(schema, &ones);
                self.scalars(schema, &ones, entry)?;
            }
            _ => return Err(leaves_open(entry)),
        }
        Ok(nullable && open)
    }

    /// Adds what the overlay says of all alternatives, where it says nothing of the schema around them.
    fn marks(&mut self, schema: &mut Schema<'a>, ones: &[Schema<'a>]) {
        let known: Vec<Vec<(&'a str, &'a Entry)>> =
            ones.iter().map(|one| one.marks().collect()).collect();
        for entry in self.same_marks(&known, |name| schema.keywords.contains_key(name)) {
            schema.keywords.insert(&entry.name, entry);
        }
    }

    /// What the overlay says of all alike. What it says of some, or not the same of all, is a mistake, for
    /// nobody can tell which of them an answer holds.
    pub(super) fn same_marks(
        &mut self,
        all: &[Vec<(&'a str, &'a Entry)>],
        is_said: impl Fn(&str) -> bool,
    ) -> Vec<&'a Entry> {
        let mut same: Vec<&'a Entry> = Vec::new();
        let mut wrong: Vec<&str> = Vec::new();
        for (name, entry) in all.iter().flatten() {
            let known = same.iter().any(|one| one.name == *name) || wrong.contains(name);
            if known || is_said(name) {
                continue;
            }
            let value = entry.part.to_value();
            // What stands for nothing is the same of all then, the first that is said: it tells nothing.
            let free = *name == EMPTY;
            let of = |marks: &Vec<(&'a str, &'a Entry)>| {
                let found = marks.iter().find(|(other, _)| other == name)?.1;
                (free || found.part.to_value() == value).then_some(found)
            };
            let found: Vec<&'a Entry> = all.iter().filter_map(of).collect();
            if free || found.len() == all.len() {
                for other in found {
                    self.reading.twin(entry, other);
                }
                same.push(entry);
            } else {
                let message = format!(
                    "`{name}` is said of one alternative and not, or not the same, of another: an \
                     answer does not tell which it holds; say the same of all"
                );
                self.reading.mistake(&entry.place, message);
                wrong.push(name);
            }
        }
        same
    }

    fn objects(
        &mut self,
        schema: &mut Schema<'a>,
        gathered: &mut Gathered<'a>,
        ones: &[Schema<'a>],
        entry: &'a Entry,
    ) -> Result<(), Unusable> {
        let mut names: Vec<&str> = Vec::new();
        for property in ones.iter().flat_map(|one| &one.properties) {
            if !names.contains(&property.name.as_str()) {
                names.push(&property.name);
            }
        }
        for name in names {
            let of = |one: &Schema<'a>| one.properties.iter().find(|it| it.name == name).copied();
            let said: Vec<&'a Entry> = ones.iter().filter_map(of).collect();
            match said.as_slice() {
                [] => {}
                [first, rest @ ..] if self.composes && !rest.is_empty() => {
                    gathered.add(self.described_by_any(first, rest)?);
                }
                [first, ..] => gathered.add(first),
            }
        }
        let required = ones.iter().map(|one| one.required.clone());
        schema.required.extend(in_all(required.collect()));
        schema.narrow_type(&entry.place, "object")?;
        for keyword in ones
            .iter()
            .filter_map(|one| one.keywords.get("minProperties"))
        {
            schema.add_keyword(self.reading, keyword)?;
        }
        self.other_members(schema, ones)?;
        // Each may be called differently in XML.
        if !schema.keywords.contains_key("xml")
            && let Some(xml) = same_keyword(ones, "xml").ok_or_else(|| leaves_open(entry))?
        {
            schema.add_keyword(self.reading, xml)?;
        }
        Ok(())
    }

    /// What members are that nothing names.
    fn other_members(
        &mut self,
        schema: &mut Schema<'a>,
        ones: &[Schema<'a>],
    ) -> Result<(), Unusable> {
        let others = |one: &Schema<'a>| one.keyword("additionalProperties");
        let closed = |one: &Schema<'a>| match others(one) {
            None => !one.properties.is_empty(),
            Some(part) => part.boolean() == Some(false),
        };
        if ones.iter().all(closed) {
            return Ok(());
        }
        match same_keyword(ones, "additionalProperties") {
            Some(Some(keyword)) => schema.add_keyword(self.reading, keyword),
            _ => {
                schema.open = true;
                Ok(())
            }
        }
    }

    fn scalars(
        &mut self,
        schema: &mut Schema<'a>,
        ones: &[Schema<'a>],
        entry: &'a Entry,
    ) -> Result<(), Unusable> {
        let Some(first) = ones.first() else {
            return Ok(());
        };
        let counts = |name: &&&str| {
            **name == "xml" || (!is_free(name) && !matches!(**name, "const" | "type"))
        };
        let mut names: Vec<&str> = Vec::new();
        for one in ones {
            names.extend(one.keywords.keys().filter(counts));
        }
        for name in names {
            let same = same_keyword(ones, name).flatten();
            same.ok_or_else(|| Unusable {
                place: entry.place.clone(),
                reason: format!("its alternatives differ in `{name}`; an overlay can change that"),
                broken: false,
            })?;
        }
        let types = first.types.clone();
        let types = types.unwrap_or_else(|| first.types_of_values());
        for word in types.into_iter().filter(|one| *one != "null") {
            schema.narrow_type(&entry.place, word)?;
        }
        let values = ones.iter().map(Schema::values);
        if let Some(values) = values.collect::<Option<Vec<_>>>() {
            schema.narrow_words(&entry.place, values.concat())?;
        }
        for (name, keyword) in &first.keywords {
            if *name != "const" && !is_mark(name) {
                schema.add_keyword(self.reading, keyword)?;
            }
        }
        Ok(())
    }
}

/// What all say under a keyword: `Some(None)` where none says anything, `None` where they differ.
fn same_keyword<'a>(ones: &[Schema<'a>], name: &str) -> Option<Option<&'a Entry>> {
    let said: Vec<Option<&'a Entry>> = ones
        .iter()
        .map(|one| one.keywords.get(name).copied())
        .collect();
    let first = said.first().copied().flatten();
    let same = |one: &Option<&'a Entry>| match (one, first) {
        (None, None) => true,
        (Some(one), Some(first)) => keyword_alike(name, &first.part, &one.part),
        _ => false,
    };
    said.iter().all(same).then_some(first)
}

/// Whether a schema says nothing but which members must be there.
fn only_narrows(part: &Part) -> bool {
    let narrows = |entry: &Entry| match entry.name.as_str() {
        "required" => true,
        "type" => entry.part.text() == Some("object"),
        name => is_free(name) && !is_mark(name),
    };
    part.is_map() && part.get("required").is_some() && part.entries().iter().all(narrows)
}

fn required_of(part: &Part) -> Vec<&Part> {
    let required = part.get("required").map(Part::items);
    required.unwrap_or_default().iter().collect()
}

/// The names that are in all lists.
fn in_all<'a>(lists: Vec<Vec<&'a Part>>) -> Vec<&'a Part> {
    let Some((first, rest)) = lists.split_first() else {
        return Vec::new();
    };
    let has = |list: &Vec<&Part>, name: &Part| list.iter().any(|one| one.text() == name.text());
    let in_rest = |name: &&&'a Part| rest.iter().all(|list| has(list, name));
    first.iter().filter(in_rest).copied().collect()
}
