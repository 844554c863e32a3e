//! The pieces of one schema: itself, what its references lead to, its parts and its alternatives.

use super::super::document::{Content, Entry, Part};
use super::super::reading::{Reading, Unusable};
use super::{Schema, leaves_open};

/// Most schemas that one schema is put together from.
const PIECES_MAX: usize = 256;

/// The gathering of all that one schema is put together from.
pub(super) struct Gathering<'a, 'run> {
    pub(super) reading: &'run mut Reading<'a>,
    pub(super) pieces: usize,
    /// How many lists of alternatives are open.
    pub(super) levels: usize,
    /// Whether what is said twice of a property is put together, or the first is taken: it is enough
    /// where only the kind of a schema is asked for.
    pub(super) composes: bool,
}

/// A schema that is still to be added.
struct Piece<'a> {
    part: &'a Part,
    /// Whether it is the schema as a whole.
    whole: bool,
}

/// The alternatives of a schema, without `null`.
pub(super) struct Alternatives<'a> {
    pub(super) entry: &'a Entry,
    /// Whether `null` is one of them.
    pub(super) null: bool,
    pub(super) parts: Vec<&'a Part>,
}

/// What was gathered of properties and alternatives.
#[derive(Default)]
pub(super) struct Gathered<'a> {
    /// Of each property all that is said of it.
    properties: Vec<Vec<&'a Entry>>,
    alternatives: Vec<Alternatives<'a>>,
}

impl<'a> Gathered<'a> {
    pub(super) fn add(&mut self, entry: &'a Entry) {
        let known = |said: &&mut Vec<&'a Entry>| said.iter().any(|one| one.name == entry.name);
        match self.properties.iter_mut().find(known) {
            Some(said) => said.push(entry),
            None => self.properties.push(vec![entry]),
        }
    }
}

impl<'a> Gathering<'a, '_> {
    /// The schema that all of `roots` hold for.
    pub(super) fn schema(&mut self, roots: &[&'a Part]) -> Result<(Schema<'a>, bool), Unusable> {
        let Some(first) = roots.first() else {
            return Err(Unusable {
                place: self.reading.root().place.clone(),
                reason: "a schema without a type".to_owned(),
                broken: false,
            });
        };
        let mut schema = Schema::empty(&first.place);
        let mut gathered = Gathered::default();
        let mut nullable = false;
        let roots = roots.iter().rev();
        let mut open: Vec<Piece<'a>> = roots.map(|part| Piece { part, whole: true }).collect();
        let mut outermost = true;
        while let Some(piece) = open.pop() {
            self.pieces += 1;
            if self.pieces > PIECES_MAX {
                return Err(schema.unusable("it is put together from too many schemas"));
            }
            if piece.whole {
                schema.whole.push(piece.part);
            }
            nullable |= self.piece(&mut schema, &mut gathered, &piece, &mut open)?;
            let said = piece.part.get("nullable").and_then(Part::boolean) == Some(true);
            schema.nullable |=
                said && (std::mem::take(&mut outermost) || piece.part.get("type").is_none());
            outermost = false;
        }
        for alternatives in gathered.alternatives.split_off(0) {
            nullable |= self.alternatives(&mut schema, &mut gathered, &alternatives)?;
        }
        schema.check_flags()?;
        for said in gathered.properties {
            let entry = match said.as_slice() {
                [] => continue,
                [first, rest @ ..] if self.composes && !rest.is_empty() => {
                    self.described_by_all(first, rest)?
                }
                [first, ..] => *first,
            };
            schema.properties.push(entry);
        }
        Ok((schema, nullable))
    }

    /// Adds what one piece says; whether it allows `null` beside what it says.
    fn piece(
        &mut self,
        schema: &mut Schema<'a>,
        gathered: &mut Gathered<'a>,
        piece: &Piece<'a>,
        open: &mut Vec<Piece<'a>>,
    ) -> Result<bool, Unusable> {
        let mut nullable = false;
        // A piece that adds members to what it refers to is another schema than that.
        let own = piece.part.get("properties").is_some();
        for entry in piece.part.entries() {
            match entry.name.as_str() {
                "$ref" => {
                    let target = self.reading.follow(&entry.part)?;
                    let reference = entry.part.text().unwrap_or_default();
                    // What is said twice is said once; so a circle ends here.
                    if !schema.references.contains(&reference) {
                        schema.references.push(reference);
                        let whole = piece.whole && !own;
                        open.push(Piece {
                            part: target,
                            whole,
                        });
                    }
                }
                "allOf" => {
                    let items = entry.part.items();
                    let whole = piece.whole && !own && items.len() == 1;
                    open.extend(items.iter().map(|part| Piece { part, whole }));
                }
                "anyOf" | "oneOf" => {
                    let (null, parts) = without_null(&entry.part);
                    match parts.as_slice() {
                        [] => return Err(leaves_open(entry)),
                        [part] => {
                            nullable |= null;
                            let whole = piece.whole && !own;
                            open.push(Piece { part, whole });
                        }
                        _ => gathered
                            .alternatives
                            .push(Alternatives { entry, null, parts }),
                    }
                }
                "properties" => {
                    for property in entry.part.entries() {
                        gathered.add(property);
                    }
                }
                "required" => {
                    let names = entry.part.items().iter();
                    let names = names.filter(|name| name.text().is_some());
                    schema.required.extend(names);
                }
                "type" => schema.narrow_types(&entry.place, types(piece.part, &entry.part))?,
                "enum" if entry.part.items().is_empty() => {}
                "enum" => {
                    schema.narrow_words(&entry.place, entry.part.items().iter().collect())?;
                }
                "nullable" => {}
                _ => schema.add_keyword(self.reading, entry)?,
            }
        }
        Ok(nullable)
    }
}

/// Whether `null` is among alternatives, and the others.
fn without_null(alternatives: &Part) -> (bool, Vec<&Part>) {
    let is_null = |part: &&Part| part.get("type").and_then(Part::text) == Some("null");
    let (nulls, parts): (Vec<_>, Vec<_>) = alternatives.items().iter().partition(is_null);
    (!nulls.is_empty(), parts)
}

/// The types that a piece names, `null` among them where it says so in the way of 3.0.
fn types<'a>(piece: &'a Part, types: &'a Part) -> Vec<&'a str> {
    let mut names: Vec<&'a str> = match &types.content {
        Content::List(items) => items.iter().filter_map(Part::text).collect(),
        _ => types.text().into_iter().collect(),
    };
    if piece.get("nullable").and_then(Part::boolean) == Some(true) && !names.contains(&"null") {
        names.push("null");
    }
    names
}
