//! What stands in a document, looked through without refusing anything: operations, parameters, members
//! of requests, objects and fields of answers, and what no filter could carry. Each place is looked at
//! once, however many operations lead to it, so that circles end and large documents take no longer
//! than they are long.

mod pieces;

use std::collections::{HashMap, HashSet};

use self::pieces::nullable;
use super::super::document::{Content, Part, steps};
use super::guess::{RECIPIENTS, is_one, words};

/// Deepest nesting that is looked at in one go.
const LEVELS_MAX: usize = 48;
/// Most references that lead from one place.
const REFERENCES_MAX: usize = 64;
/// What leaves open what stands there.
const OPEN: [&str; 7] = [
    "oneOf",
    "anyOf",
    "not",
    "if",
    "patternProperties",
    "prefixItems",
    "dependentSchemas",
];

/// A part and the JSON pointer to it.
pub(super) type Place<'a> = (String, &'a Part);

/// An object of an answer.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) pointer: String,
    /// The component's name, or the member's under which it stands.
    pub(super) name: String,
    /// Its fields, by their places in [`Survey::fields`].
    pub(super) fields: Vec<usize>,
}

/// A scalar of an answer.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) pointer: String,
    pub(super) name: String,
    pub(super) format: Option<&'a str>,
    pub(super) description: Option<&'a str>,
    /// Its fixed values but `null`; empty where it may be anything.
    pub(super) words: Vec<serde_json::Value>,
    /// Whether it must be there and cannot be null, so that something stands there when it is withheld.
    pub(super) needed: bool,
    pub(super) may_be_id: bool,
    /// Whether it is in a list of its object.
    pub(super) in_list: bool,
}

/// Something of an answer that no filter can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncarried {
    /// Where it stands in the document, as JSONPath.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Whether the schema requires it, so that no operation which answers with it can be opened.
    pub required: bool,
    /// Whether naming members in the overlay would help.
    pub free_map: bool,
}

/// The looking-through of one document.
pub(super) struct Survey<'a> {
    pub(super) root: &'a Part,
    pub(super) objects: Vec<Object>,
    pub(super) fields: Vec<Field<'a>>,
    pub(super) uncarried: Vec<Uncarried>,
    /// The places of objects that are probably about recipients of mail.
    pub(super) recipients: Vec<String>,
    by_pointer: HashMap<String, usize>,
    seen: HashSet<String>,
    open: Vec<String>,
    /// What was reached too deep to go on from there.
    later: Vec<(&'a Part, Reached)>,
}

/// From where a schema was reached.
#[derive(Clone)]
struct Reached {
    pointer: String,
    name: String,
    object: Option<usize>,
    required: bool,
    in_list: bool,
}

impl<'a> Survey<'a> {
    pub(super) fn new(root: &'a Part) -> Self {
        Self {
            root,
            objects: Vec::new(),
            fields: Vec::new(),
            uncarried: Vec::new(),
            recipients: Vec::new(),
            by_pointer: HashMap::new(),
            seen: HashSet::new(),
            open: Vec::new(),
            later: Vec::new(),
        }
    }

    /// The place itself, or where its references lead within the document.
    pub(super) fn resolve(&self, place: Place<'a>) -> Option<Place<'a>> {
        let mut place = place;
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = place.1.get("$ref").and_then(Part::text) else {
                return Some(place);
            };
            place = self.follow(reference)?;
        }
        None
    }

    fn follow(&self, reference: &str) -> Option<Place<'a>> {
        let pointer = reference.strip_prefix('#')?;
        Some((pointer.to_owned(), self.root.at(pointer)?))
    }

    /// Looks through the schema of an answer. Gives the objects that the answer itself is, or that the
    /// items of its list are.
    pub(super) fn answer(&mut self, pointer: &str, part: &'a Part, name: &str) -> Vec<usize> {
        let reached = Reached {
            pointer: pointer.to_owned(),
            name: name.to_owned(),
            object: None,
            required: true,
            in_list: false,
        };
        let objects = self.schema(part, &reached, 0);
        while let Some((part, reached)) = self.later.pop() {
            self.schema(part, &reached, 0);
        }
        objects
    }

    fn schema(&mut self, part: &'a Part, reached: &Reached, level: usize) -> Vec<usize> {
        let pieces = self.pieces((reached.pointer.clone(), part));
        if level > LEVELS_MAX {
            self.later.push((part, reached.clone()));
            return Vec::new();
        }
        let whole = self.whole(&reached.pointer, part);
        if whole.iter().any(|pointer| self.open.contains(pointer)) {
            self.give_up(reached, "it holds itself");
            return Vec::new();
        }
        let leaves_open = |part: &Part, keyword: &str| {
            let found = part.get(keyword);
            found.is_some_and(|found| nullable(found).is_none() && !self.are_read(found))
        };
        let left_open = OPEN.iter().find(|keyword| {
            let mut pieces = pieces.iter();
            pieces.any(|(_, part)| leaves_open(part, keyword))
        });
        if let Some(keyword) = left_open {
            self.give_up(
                reached,
                &format!("`{keyword}` leaves open what stands there"),
            );
            return Vec::new();
        }
        match kind(&pieces) {
            Ok("object") => self.object(&pieces, &whole, reached, level),
            Ok("array") => match found(&pieces, "items") {
                Some((pointer, items)) if items.is_map() => {
                    let reached = Reached {
                        pointer,
                        name: reached.name.clone(),
                        in_list: true,
                        ..reached.clone()
                    };
                    self.schema(items, &reached, level + 1)
                }
                _ => {
                    self.give_up(reached, "a list that does not say what its items are");
                    Vec::new()
                }
            },
            Ok(kind) => {
                self.field(&pieces, kind, reached);
                Vec::new()
            }
            Err(reason) => {
                self.give_up(reached, reason);
                Vec::new()
            }
        }
    }

    /// Whether what a schema describes may be more than one text. Of a schema that says nothing nobody
    /// could say what to read.
    pub(super) fn may_have_members(&self, place: &Place<'a>) -> bool {
        let pieces = self.pieces(place.clone());
        let leaves_open = |part: &Part| OPEN.iter().any(|keyword| part.get(keyword).is_some());
        let open = pieces.iter().any(|(_, part)| leaves_open(part));
        !place.1.entries().is_empty() && (open || kind(&pieces) != Ok("string"))
    }

    fn object(
        &mut self,
        pieces: &[Place<'a>],
        whole: &[String],
        reached: &Reached,
        level: usize,
    ) -> Vec<usize> {
        let named = pieces.iter().filter(|(_, part)| {
            let properties = part.get("properties").map(Part::entries);
            properties.is_some_and(|entries| !entries.is_empty())
        });
        let named: Vec<&Place<'a>> = named.collect();
        if named.is_empty() {
            self.give_up(reached, "an object without named members");
            return Vec::new();
        }
        let recipient = is_one(&words(&reached.name), &RECIPIENTS);
        if recipient && self.seen.insert(format!("{} recipient", reached.pointer)) {
            self.recipients.push(reached.pointer.clone());
        }
        let depth = self.open.len();
        self.open.extend_from_slice(whole);
        let mut objects = Vec::new();
        for (pointer, part) in named {
            let index = self.object_at(pointer, &reached.name);
            objects.push(index);
            if self.seen.insert(pointer.clone()) {
                let required = self.required(pieces);
                self.members(pointer, part, index, &required, level);
            }
        }
        self.open.truncate(depth);
        objects
    }

    fn object_at(&mut self, pointer: &str, name: &str) -> usize {
        let name = component(pointer).unwrap_or_else(|| name.to_owned());
        let (objects, next) = (&mut self.objects, self.by_pointer.len());
        *self
            .by_pointer
            .entry(pointer.to_owned())
            .or_insert_with(|| {
                objects.push(Object {
                    pointer: pointer.to_owned(),
                    name,
                    fields: Vec::new(),
                });
                next
            })
    }

    fn members(
        &mut self,
        pointer: &str,
        part: &'a Part,
        object: usize,
        required: &[&str],
        level: usize,
    ) {
        let properties = part.get("properties").map(Part::entries);
        for entry in properties.unwrap_or_default() {
            let reached = Reached {
                pointer: format!("{pointer}/properties/{}", escaped(&entry.name)),
                name: entry.name.clone(),
                object: Some(object),
                required: required.contains(&entry.name.as_str()),
                in_list: false,
            };
            self.schema(&entry.part, &reached, level + 1);
        }
    }

    fn field(&mut self, pieces: &[Place<'a>], kind: &str, reached: &Reached) {
        let Some(object) = reached.object else {
            return;
        };
        if !self.seen.insert(reached.pointer.clone()) {
            return;
        }
        let text = |key| found(pieces, key).and_then(|(_, part)| part.text());
        let words = found(pieces, "enum").map_or(&[][..], |(_, part)| part.items());
        let mut words: Vec<_> = words.iter().map(Part::to_value).collect();
        if let Some((_, fixed)) = found(pieces, "const") {
            words = vec![fixed.to_value()];
        }
        words.retain(|word| !word.is_null());
        let needed = (reached.required || reached.in_list) && !is_nullable(pieces);
        if let Some(object) = self.objects.get_mut(object) {
            object.fields.push(self.fields.len());
        }
        self.fields.push(Field {
            pointer: reached.pointer.clone(),
            name: reached.name.clone(),
            format: text("format"),
            description: text("description"),
            words,
            needed,
            may_be_id: matches!(kind, "string" | "integer"),
            in_list: reached.in_list,
        });
    }

    fn give_up(&mut self, reached: &Reached, reason: &str) {
        if self.seen.insert(reached.pointer.clone()) {
            self.uncarried.push(Uncarried {
                target: self.target(&reached.pointer),
                reason: reason.to_owned(),
                required: reached.required,
                free_map: reason == "an object without named members",
            });
        }
    }

    /// A JSON pointer as JSONPath (RFC 9535).
    pub(super) fn target(&self, pointer: &str) -> String {
        let mut path = String::from("$");
        let mut part = Some(self.root);
        for step in steps(pointer).unwrap_or_default() {
            let in_list = matches!(part.map(|part| &part.content), Some(Content::List(_)));
            part = part.and_then(|part| match &part.content {
                Content::List(items) => items.get(step.parse::<usize>().ok()?),
                _ => part.get(&step),
            });
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let plain = step.bytes().all(letter)
                && step.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            if in_list {
                path.push_str(&format!("[{step}]"));
            } else if plain {
                path.push_str(&format!(".{step}"));
            } else {
                path.push_str(&format!("['{}']", quoted(&step)));
            }
        }
        path
    }
}

/// The name of the component at or above a pointer.
pub(super) fn component(pointer: &str) -> Option<String> {
    let steps = steps(pointer)?;
    let mut steps = steps.into_iter();
    let is_component = steps.next()? == "components";
    steps.next()?;
    let name = steps.next()?;
    (is_component && steps.all(|step| step == "allOf" || step.parse::<usize>().is_ok()))
        .then_some(name)
}

/// A step of a JSON pointer (RFC 6901).
pub(super) fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

/// A name within single quotes (RFC 9535, section 2.3.1.1).
fn quoted(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        match letter {
            '\'' | '\\' => text.extend(['\\', letter]),
            letter if letter.is_control() => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => text.push(letter),
        }
    }
    text
}

fn found<'a>(pieces: &[Place<'a>], key: &str) -> Option<Place<'a>> {
    let mut pieces = pieces.iter();
    pieces.find_map(|(pointer, part)| Some((format!("{pointer}/{key}"), part.get(key)?)))
}

fn is_nullable(pieces: &[Place<'_>]) -> bool {
    let any = |part: &Part| {
        part.get("nullable").and_then(Part::boolean) == Some(true)
            || types(part).contains(&"null")
            || ["anyOf", "oneOf"]
                .iter()
                .any(|key| part.get(key).and_then(nullable).is_some())
    };
    pieces.iter().any(|(_, part)| any(part))
}

fn types(part: &Part) -> Vec<&str> {
    match part.get("type") {
        Some(types) if types.text().is_none() => {
            types.items().iter().filter_map(Part::text).collect()
        }
        types => types.and_then(Part::text).into_iter().collect(),
    }
}

fn kind<'a>(pieces: &[Place<'a>]) -> Result<&'a str, &'static str> {
    let mut kinds: Vec<&str> = pieces.iter().flat_map(|(_, part)| types(part)).collect();
    kinds.retain(|kind| *kind != "null");
    kinds.sort_unstable();
    kinds.dedup();
    match kinds.as_slice() {
        [kind] => Ok(kind),
        [] if found(pieces, "properties").is_some() => Ok("object"),
        [] if found(pieces, "enum").or(found(pieces, "const")).is_some() => Ok("string"),
        [] => Err("a schema without a type"),
        _ => Err("more than one type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::source::read_yaml;

    fn surveyed(schemas: &str) -> (Vec<String>, Vec<String>) {
        let source = Source::new("api.yaml", format!("components: {{schemas: {schemas}}}"));
        let node = read_yaml(&source, &mut Mistakes::new()).unwrap();
        let root = Part::new(&source, &node);
        let mut survey = Survey::new(&root);
        let pointer = "/components/schemas/A";
        survey.answer(pointer, root.at(pointer).unwrap(), "answer");
        let fields = survey.fields.iter();
        let fields = fields.map(|field| survey.target(&field.pointer)).collect();
        let uncarried = survey.uncarried.iter();
        let uncarried = uncarried.map(|one| format!("{} {}", one.target, one.reason));
        (fields, uncarried.collect())
    }

    #[test]
    fn fields_are_found_through_references_and_parts_of_schemas() {
        let (fields, uncarried) = surveyed(
            "{A: {allOf: [{$ref: '#/components/schemas/B'}, {properties: {'x y''z': {type: [string, 'null']}}}]}, \
             B: {properties: {c: {type: array, items: {$ref: '#/components/schemas/C'}}, d: {anyOf: [{$ref: '#/components/schemas/C'}, {type: 'null'}]}}}, \
             C: {type: object, properties: {e: {type: integer}}}}",
        );
        assert_eq!(
            fields,
            [
                "$.components.schemas.C.properties.e",
                r"$.components.schemas.A.allOf[1].properties['x y\'z']",
            ]
        );
        assert!(uncarried.is_empty(), "{uncarried:?}");
    }

    #[test]
    fn what_no_filter_carries_is_listed_and_the_rest_goes_on() {
        let (fields, uncarried) = surveyed(
            "{A: {properties: {self: {$ref: '#/components/schemas/A'}, \
             one: {oneOf: [{type: string}, {type: object}]}, map: {type: object, additionalProperties: true}, \
             two: {type: [string, integer]}, none: {}, list: {type: array}, last: {type: string}}}}",
        );
        assert_eq!(fields, ["$.components.schemas.A.properties.last"]);
        let reasons = uncarried.iter().map(|one| one.split_once(' ').unwrap().1);
        assert_eq!(
            reasons.collect::<Vec<_>>(),
            [
                "it holds itself",
                "`oneOf` leaves open what stands there",
                "an object without named members",
                "more than one type",
                "a schema without a type",
                "a list that does not say what its items are",
            ]
        );
    }

    #[test]
    fn alternatives_of_objects_and_parts_used_twice_are_looked_through() {
        let (fields, uncarried) = surveyed(
            "{A: {allOf: [{$ref: '#/components/schemas/B'}, {properties: {in: {allOf: [{$ref: '#/components/schemas/B'}]}, \
             one: {oneOf: [{$ref: '#/components/schemas/C'}, {type: 'null'}, {$ref: '#/components/schemas/D'}]}}, anyOf: [{required: [in]}, {required: [one]}]}]}, \
             B: {properties: {b: {const: x}}}, C: {type: object, required: [c], properties: {c: {enum: [y]}}}, \
             D: {type: object, properties: {d: {type: string}}}}",
        );
        let component = |pointer: &str| format!("$.components.schemas.{pointer}");
        let expected = ["B.properties.b", "C.properties.c", "D.properties.d"].map(component);
        let fields: HashSet<_> = fields.into_iter().collect();
        assert_eq!(fields, expected.into());
        assert!(uncarried.is_empty(), "{uncarried:?}");
    }

    #[test]
    fn references_that_lead_to_each_other_or_nowhere_end() {
        let (fields, uncarried) =
            surveyed("{A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}");
        assert!(fields.is_empty() && uncarried.len() == 1, "{uncarried:?}");
        let (_, uncarried) = surveyed("{A: {$ref: '#/components/schemas/Z'}}");
        assert_eq!(uncarried.len(), 1);
    }
}
