//! Properties of which something is said in several places: in parts that all hold (`allOf`), or in
//! alternatives of which one does. They are put together as one schema, which keeps the places of what
//! it is made of.

use super::super::document::{Entry, Origin, Part};
use super::super::reading::Unusable;
use super::super::shape::ScalarKind;
use super::gathering::Gathering;
use super::likeness::{alike, is_mark, twin};
use super::{Kind, Schema};
use crate::source::Value;

/// What an overlay says of a schema.
type Marks<'a> = Vec<(&'a str, &'a Entry)>;

impl<'a> Gathering<'a, '_> {
    /// The property of which all that is `said` holds.
    pub(super) fn described_by_all(
        &mut self,
        first: &'a Entry,
        rest: &[&'a Entry],
    ) -> Result<&'a Entry, Unusable> {
        let said = [&[first], rest].concat();
        if let Some(known) = self.reading.known("allOf", &said) {
            return Ok(known);
        }
        let different = self.different(first, rest);
        let marks = self.all_marks(&said)?;
        let said_here = |(name, _): &(&str, &Entry)| first.part.get(name).is_some();
        let part = match different.as_slice() {
            [_] if marks.iter().all(said_here) => return Ok(first),
            [_] => marked(&first.part, &marks),
            different => self.both(different, &marks)?,
        };
        let entry = Entry {
            part,
            ..first.clone()
        };
        let composed = self.reading.compose("allOf", &said, entry);
        composed.ok_or_else(|| too_many(first))
    }

    /// The schema that all of these are, which are not alike.
    fn both(&mut self, said: &[&'a Entry], marks: &Marks<'a>) -> Result<Part, Unusable> {
        let parts: Vec<&'a Part> = said.iter().map(|entry| &entry.part).collect();
        let mut kinds = Vec::new();
        let (mut nullable, mut null_fits) = (true, true);
        for part in &parts {
            let (one, outside) = self.shallow(&[part])?;
            if let Ok((kind, inside)) = one.kind() {
                kinds.push(kind);
                nullable &= outside || inside;
                null_fits &= outside || one.null_fits();
            }
        }
        let (merged, _) = self.shallow(&parts)?;
        if kinds.len() == parts.len() && kinds.iter().all(|kind| *kind == Kind::Object) {
            return Ok(listed("allOf", said, marks, merged.place));
        }
        match merged.kind() {
            Ok((Kind::Scalar(kind), _)) => merged.flat(kind, nullable, null_fits, marks),
            _ => Err(merged.unusable("it is described twice, in ways that cannot both hold")),
        }
    }

    /// The property of which one of these, each of another alternative, holds.
    pub(super) fn described_by_any(
        &mut self,
        first: &'a Entry,
        rest: &[&'a Entry],
    ) -> Result<&'a Entry, Unusable> {
        let said = [&[first], rest].concat();
        if let Some(known) = self.reading.known("oneOf", &said) {
            return Ok(known);
        }
        let mut all = Vec::new();
        for entry in &said {
            all.push(self.marks_of(entry));
        }
        let marks = self.same_marks(&all, |_| false);
        let marks: Marks<'a> = marks
            .iter()
            .map(|mark| (mark.name.as_str(), *mark))
            .collect();
        let different = self.different(first, rest);
        if different.len() == 1 {
            return Ok(first);
        }
        let entry = Entry {
            part: listed("oneOf", &different, &marks, &first.part.place),
            ..first.clone()
        };
        let composed = self.reading.compose("oneOf", &said, entry);
        let composed = composed.ok_or_else(|| too_many(first))?;
        let read = self.shallow(&[&composed.part]);
        if read.and_then(|(one, _)| one.kind()).is_err() {
            let message = format!(
                "`{}` is described differently by alternatives, in more than fixed values: no answer \
                 carries it, and in a request it is open; an overlay can describe it alike",
                composed.name
            );
            self.reading.remark(&first.place, message);
        }
        Ok(composed)
    }

    /// These without those that are like an earlier one.
    fn different(&mut self, first: &'a Entry, rest: &[&'a Entry]) -> Vec<&'a Entry> {
        let mut different: Vec<&'a Entry> = vec![first];
        for entry in rest {
            match different.iter().find(|one| alike(&one.part, &entry.part)) {
                Some(one) => twin(self.reading, &one.part, &entry.part),
                None => different.push(entry),
            }
        }
        different
    }

    /// What the overlay says in any of these.
    fn all_marks(&mut self, said: &[&'a Entry]) -> Result<Marks<'a>, Unusable> {
        let mut marks: Marks<'a> = Vec::new();
        for entry in said {
            for (name, mark) in self.marks_of(entry) {
                match marks.iter().find(|(known, _)| *known == name) {
                    None => marks.push((name, mark)),
                    Some((_, known)) if known.part.to_value() == mark.part.to_value() => {
                        self.reading.twin(known, mark);
                    }
                    Some(_) => return Err(super::differs(mark)),
                }
            }
        }
        Ok(marks)
    }

    /// What the overlay says of one of them, or of what its references lead to.
    fn marks_of(&mut self, entry: &'a Entry) -> Marks<'a> {
        match self.shallow(&[&entry.part]) {
            Ok((schema, _)) => schema.marks().collect(),
            Err(_) => {
                let own = entry.part.entries().iter().filter(|one| is_mark(&one.name));
                own.map(|one| (one.name.as_str(), one)).collect()
            }
        }
    }

    /// What these are together, without what stands in them.
    fn shallow(&mut self, parts: &[&'a Part]) -> Result<(Schema<'a>, bool), Unusable> {
        let mut gathering = Gathering {
            reading: &mut *self.reading,
            pieces: 0,
            levels: self.levels,
            composes: false,
        };
        gathering.schema(parts)
    }
}

impl<'a> Schema<'a> {
    /// A scalar as one part.
    fn flat(
        &self,
        kind: ScalarKind,
        nullable: bool,
        null_fits: bool,
        marks: &Marks<'a>,
    ) -> Result<Part, Unusable> {
        let place = self.place;
        let mut entries: Vec<Entry> = Vec::new();
        for (name, entry) in &self.keywords {
            if !is_mark(name) && *name != "const" {
                entries.push((*entry).clone());
            }
        }
        entries.extend(marks.iter().map(|(_, mark)| (*mark).clone()));
        let word = Part::of_value(place, Value::Text(word(kind).to_owned()));
        entries.push(Entry::new("type", word));
        if let Some(values) = self.values() {
            let is_null = |value: &Part| value.to_value().is_null();
            let values = values.into_iter().filter(|value| !is_null(value));
            let mut values: Vec<Part> = values.cloned().collect();
            if values.is_empty() {
                return Err(super::differs_at(place, "enum"));
            }
            if nullable && null_fits {
                values.push(Part::of_value(place, Value::Null));
            }
            entries.push(Entry::new("enum", Part::list(place, values)));
        }
        if nullable {
            let flag = Part::of_value(place, Value::Boolean(true));
            entries.push(Entry::new("nullable", flag));
        }
        Ok(Part::map(place, entries))
    }
}

/// A part with what the overlay says of it elsewhere.
fn marked<'a>(part: &Part, marks: &Marks<'a>) -> Part {
    let own = part.entries().iter().filter(|entry| !is_mark(&entry.name));
    let mut entries: Vec<Entry> = own.cloned().collect();
    entries.extend(marks.iter().map(|(_, mark)| (*mark).clone()));
    Part::map(&part.place, entries)
}

/// The parts under a keyword, with what the overlay says of all; they stand where the first does.
fn listed(keyword: &str, said: &[&Entry], marks: &Marks<'_>, place: &Origin) -> Part {
    let parts: Vec<Part> = said.iter().map(|entry| entry.part.clone()).collect();
    let mut entries: Vec<Entry> = marks.iter().map(|(_, mark)| (*mark).clone()).collect();
    entries.push(Entry::new(keyword, Part::list(place, parts)));
    Part::map(place, entries)
}

fn too_many(entry: &Entry) -> Unusable {
    Unusable {
        place: entry.place.clone(),
        reason: "too much is described in several places".to_owned(),
        broken: false,
    }
}

fn word(kind: ScalarKind) -> &'static str {
    match kind {
        ScalarKind::String => "string",
        ScalarKind::Integer => "integer",
        ScalarKind::Number => "number",
        ScalarKind::Boolean => "boolean",
    }
}
