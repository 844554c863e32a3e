//! From the schema of an answer in one format to its [`Shape`]: every scalar with its category, every
//! record with the one field that says whose it is. An optional member that is not understood is left out of the
//! shape, so that the filter drops it; a required one is a mistake.

mod members;
mod scalars;
mod whose;

use std::sync::Arc;

use super::check::Check;
use super::document::{Entry, Origin, Part};
use super::fitting::{self, Fit};
use super::links;
use super::naming::{self, Naming};
use super::operation::Format;
use super::reading::{Mediated, Reading, Unusable};
use super::schema::{Kind, Schema};
use super::shape::{Field, FieldId, FieldRole, Link, Member, Node, ObjectNode, ScalarKind, Shape};
use crate::taxonomy::Category;

/// Deepest nesting of an answer.
const LEVELS_MAX: usize = 24;
/// Most fields of an answer.
const FIELDS_MAX: usize = 4_096;
/// Most schemas visited for one answer, so that references cannot multiply without end.
const VISITS_MAX: usize = 16_384;

/// How strictly records must say whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Each record names its customer.
    InRecord,
    /// The path names the customer, or a thing of the customer's, so a record need not.
    InPath,
    /// Nobody's: figures over groups of customers.
    Aggregate,
}

/// A shape, and the paths of what was left out of it.
pub(super) struct Shaped {
    pub(super) shape: Shape,
    pub(super) left_out: Vec<String>,
}

/// Builds the shape of the schema at `part`. Everything wrong is noted; `None` is an answer that no
/// filter could read.
pub(super) fn shape<'a>(
    reading: &mut Reading<'a>,
    part: &'a Part,
    format: Format,
    ownership: Ownership,
) -> Option<Shaped> {
    let lines = format == Format::JsonLines;
    let mut shaping = Shaping {
        reading,
        ownership,
        naming: Naming::new(if lines { Format::Json } else { format }),
        fields: Vec::new(),
        places: Vec::new(),
        mediated: Vec::new(),
        left_out: Vec::new(),
        references: Vec::new(),
        levels: 0,
        visits: 0,
        in_record: false,
        records: Vec::new(),
    };
    match shaping.document(part, if lines { "$[*]" } else { "$" }) {
        Ok(mut node) => {
            shaping.check_loose_fields();
            shaping.check_nameless();
            shaping.keep_mediated();
            shaping.find_persons(&mut node);
            shaping.check_groups(part, &node);
            if lines {
                check_lines(shaping.reading, part, &node, ownership);
            }
            let Shaping {
                fields, left_out, ..
            } = shaping;
            let root = if lines {
                Node::Array(Box::new(node))
            } else {
                node
            };
            let shape = Shape { root, fields };
            Some(Shaped { shape, left_out })
        }
        Err(unusable) => {
            reading.give_up(unusable, "this answer cannot be filtered");
            None
        }
    }
}

/// Each line stands by itself: nothing around it could say whose it is.
fn check_lines(reading: &mut Reading<'_>, part: &Part, line: &Node, ownership: Ownership) {
    let is_record = matches!(line, Node::Object(object) if object.record);
    if !is_record && ownership != Ownership::Aggregate {
        let message = "the schema of lines is that of one line, and no list of them: an object marked \
                       `x-covenant-record`";
        reading.mistake(&part.place, message);
    }
}

struct Shaping<'a, 'run> {
    reading: &'run mut Reading<'a>,
    ownership: Ownership,
    naming: Naming,
    fields: Vec<Field>,
    /// Where each field stands, and whether it is in a record.
    places: Vec<(&'a Origin, bool)>,
    /// Where it is said that a field is a link to an operation.
    mediated: Vec<(FieldId, &'a Origin)>,
    left_out: Vec<String>,
    /// The references that lead to where the reading is.
    references: Vec<&'a str>,
    levels: usize,
    visits: usize,
    in_record: bool,
    records: Vec<RecordAt<'a>>,
}

/// A record of the shape.
struct RecordAt<'a> {
    path: String,
    place: &'a Origin,
    /// It has something about a person, and no key that says whose it is.
    nameless: bool,
}

/// Where in the answer a schema stands.
struct Standing {
    path: String,
    /// The property that it is the value of, or an item of.
    property: String,
    required: bool,
    recipient: bool,
}

/// What a schema says of `null`.
#[derive(Clone, Copy)]
struct Null {
    /// It is read as a value.
    nullable: bool,
    /// It satisfies the schema in all it says.
    fits: bool,
}

impl<'a> Shaping<'a, '_> {
    fn document(&mut self, part: &'a Part, path: &str) -> Result<Node, Unusable> {
        let outermost = self.naming.outermost(self.reading, part)?;
        let root = Standing {
            path: path.to_owned(),
            property: String::new(),
            required: true,
            recipient: false,
        };
        let node = self.node(part, &root)?;
        let naming = std::mem::replace(&mut self.naming, Naming::new(Format::Json));
        naming.document(self.reading, part, node, outermost)
    }

    fn node(&mut self, part: &'a Part, at: &Standing) -> Result<Node, Unusable> {
        let (schema, nullable_outside) = Schema::read(self.reading, part)?;
        self.visits += 1;
        if self.levels == LEVELS_MAX || self.visits > VISITS_MAX || self.is_circle(&schema) {
            return Err(schema.unusable("it holds itself, or is nested too deep"));
        }
        let (kind, nullable_inside) = schema.kind()?;
        let nullable = nullable_outside || nullable_inside;
        if self.naming.format() == Format::Csv && !is_cell_or_row(kind, self.levels) {
            return Err(schema.unusable("a CSV answer is a list of objects, a value in each cell"));
        }
        let at = &Standing {
            path: at.path.clone(),
            property: at.property.clone(),
            required: at.required,
            recipient: self.is_recipient(&schema, at.recipient),
        };
        self.levels += 1;
        let references = self.references.len();
        self.references.extend(&schema.references);
        let node = match kind {
            Kind::Object => self.object(&schema, nullable, at),
            Kind::Array => self.array(&schema, nullable, at),
            Kind::Scalar(kind) => {
                let null = Null {
                    nullable,
                    fits: nullable_outside || fitting::null_fits(&schema),
                };
                self.scalar(&schema, kind, null, at)
            }
        };
        self.references.truncate(references);
        self.levels -= 1;
        node
    }

    fn is_circle(&self, schema: &Schema<'_>) -> bool {
        let references = &schema.references;
        references.iter().any(|one| self.references.contains(one))
    }

    fn is_recipient(&mut self, schema: &Schema<'a>, inherited: bool) -> bool {
        let subject = schema.extension(self.reading, "data-subject");
        let word = subject.and_then(|part| self.reading.word(part, &["customer", "recipient"]));
        word.map_or(inherited, |word| word == "recipient")
    }

    fn object(
        &mut self,
        schema: &Schema<'a>,
        nullable: bool,
        at: &Standing,
    ) -> Result<Node, Unusable> {
        schema.check_required(self.reading);
        let stay = schema.properties().filter(|(_, required)| *required);
        let least = schema.keyword("minProperties").and_then(Part::integer);
        if least.is_some_and(|least| usize::try_from(least).is_ok_and(|least| least > stay.count()))
        {
            let reason = "it must have more members (`minProperties`) than those it requires, which \
                          may be all that is left of it";
            return Err(schema.unusable(reason));
        }
        let marked = schema.extension(self.reading, "record");
        let group = schema.extension(self.reading, "group");
        let is_group = self.reading.flag(group);
        let record = self.reading.flag(marked) || is_group;
        let marked = marked.or(group);
        let place = marked.map_or(schema.place, |marked| &marked.place);
        if record && self.in_record {
            let message = "a record within a record: only one of them can belong to a customer";
            self.reading.mistake(place, message);
        }
        let outer = self.in_record;
        self.in_record = outer || record;
        let first_field = self.fields.len();
        let others = self.others(schema, at);
        let mut members = Vec::new();
        for (entry, required) in schema.properties() {
            members.extend(self.member(entry, required, at));
        }
        self.in_record = outer;
        let others = others?;
        if others.is_none() && schema.properties().next().is_none() {
            return Err(schema.unusable("an object without named properties"));
        }
        let attributes = self.sort(schema, &mut members);
        if record {
            self.check_customer_key(place, first_field, &at.path);
        }
        if is_group {
            self.check_group(place, first_field, &at.path);
        }
        Ok(Node::Object(ObjectNode {
            members: members.into_iter().map(|(_, member)| member).collect(),
            record,
            person: at.recipient,
            group: is_group,
            nullable,
            attributes,
            others,
            ..ObjectNode::default()
        }))
    }

    fn member(
        &mut self,
        entry: &'a Entry,
        required: bool,
        at: &Standing,
    ) -> Option<(bool, Member)> {
        let below = Standing {
            path: member_path(&at.path, &entry.name),
            property: entry.name.clone(),
            required,
            recipient: at.recipient,
        };
        let (fields, left_out) = (self.fields.len(), self.left_out.len());
        let records = self.records.len();
        let node = self.node(&entry.part, &below);
        let named = node.and_then(|node| {
            let name = self.naming.of(self.reading, &entry.part, &entry.name)?;
            Ok((name, node))
        });
        match named {
            Ok((name, node)) => Some((name.attribute, self.naming.member(name, required, node))),
            Err(unusable) => {
                self.fields.truncate(fields);
                self.places.truncate(fields);
                self.records.truncate(records);
                self.mediated.retain(|(id, _)| usize::from(id.0) < fields);
                self.left_out.truncate(left_out);
                if unusable.broken {
                    self.reading.mistake(&unusable.place, unusable.reason);
                } else if required {
                    let message = format!(
                        "`{}` is required and cannot be filtered: {}",
                        below.path, unusable.reason
                    );
                    self.reading.mistake(&entry.place, message);
                }
                self.left_out.push(below.path);
                None
            }
        }
    }

    fn array(
        &mut self,
        schema: &Schema<'a>,
        nullable: bool,
        at: &Standing,
    ) -> Result<Node, Unusable> {
        if nullable {
            return Err(schema.unusable("a list that may be null"));
        }
        let Some(items) = schema.keyword("items").filter(|items| items.is_map()) else {
            return Err(schema.unusable("a list that does not say what its items are"));
        };
        let below = Standing {
            path: format!("{}[*]", at.path),
            property: at.property.clone(),
            required: true,
            recipient: at.recipient,
        };
        let item = self.node(items, &below)?;
        if matches!(item, Node::Array(_)) {
            return Err(schema.unusable("a list of lists"));
        }
        // What is left of a list are the items that may leave; of an optional one that nothing may
        // leave of, not even the list.
        let least = schema.keyword("minItems").and_then(Part::integer);
        if least.unwrap_or_default() > 0 && (at.required || item.holds_records()) {
            let reason = "a list that must have items (`minItems`), of which none may leave; an \
                          overlay can set it to 0";
            return Err(schema.unusable(reason));
        }
        if schema.keyword("uniqueItems").and_then(Part::boolean) == Some(true) {
            let reason = "a list whose items must differ (`uniqueItems`), as what is left of them may \
                          not; an overlay can set it to false";
            return Err(schema.unusable(reason));
        }
        let list = Node::Array(Box::new(item));
        let wrapped = naming::is_wrapped(schema) || self.levels == 1;
        if self.naming.format() != Format::Xml || !wrapped {
            return Ok(list);
        }
        let name = self.naming.of(self.reading, items, &at.property)?;
        Ok(Node::Object(ObjectNode {
            members: vec![self.naming.member(name, true, list)],
            ..ObjectNode::default()
        }))
    }

    fn scalar(
        &mut self,
        schema: &Schema<'a>,
        kind: ScalarKind,
        null: Null,
        at: &Standing,
    ) -> Result<Node, Unusable> {
        let category = schema.extension(self.reading, "data-category");
        let category = category.and_then(|part| self.reading.category(part));
        let link = links::of_field(self.reading, schema, kind, category);
        let fit = self.fit(schema, kind, category);
        let role = self.role(schema, kind);
        let mut field = Field {
            path: at.path.as_str().into(),
            category,
            kind,
            nullable: null.nullable,
            null_fits: null.fits,
            required: at.required,
            role,
            partial: self.partial(schema, kind, &fit),
            // What never leaves is not looked at.
            check: category.map_or_else(Check::default, |_| fit.check.clone()),
            pseudonym: category
                .filter(|_| link.is_none())
                .and_then(|_| fit.pseudonym()),
            figure: self.ownership == Ownership::Aggregate,
            // Whose list it is stands among the people on it.
            recipient: at.recipient && role != FieldRole::CustomerKey,
            link,
            empty: Arc::from(&b"null"[..]),
        };
        self.empty(schema, &fit, &mut field);
        self.add(schema, field).map(Node::Scalar)
    }

    /// What values of a field must be.
    fn fit(&mut self, schema: &Schema<'a>, kind: ScalarKind, category: Option<Category>) -> Fit {
        let content = Category::parse("user.content");
        let open = category.zip(content);
        let open = open.is_some_and(|(category, content)| category.is_within(content));
        let fit = Fit::of(self.reading, schema, kind, open);
        if category.is_some() {
            self.check_pattern(schema, &fit);
        }
        fit
    }

    fn add(&mut self, schema: &Schema<'a>, field: Field) -> Result<FieldId, Unusable> {
        let id = match u16::try_from(self.fields.len()) {
            Ok(id) if self.fields.len() < FIELDS_MAX => FieldId(id),
            _ => return Err(schema.unusable("an answer with too many fields")),
        };
        if let Some(Link::To(_)) = field.link {
            let said = schema.extension(self.reading, "link");
            let place = said.map_or(schema.place, |said| &said.place);
            self.mediated.push((id, place));
        }
        self.fields.push(field);
        self.places.push((schema.place, self.in_record));
        Ok(id)
    }

    /// Links to an operation need an id in the same answer; which, only the operation tells.
    fn keep_mediated(&mut self) {
        let roles: Vec<FieldRole> = self.fields.iter().map(|field| field.role).collect();
        for (field, place) in std::mem::take(&mut self.mediated) {
            let field = self.fields.get(usize::from(field.0));
            if let Some(Link::To(operation)) = field.and_then(|field| field.link.as_ref()) {
                self.reading.mediate(Mediated {
                    place: place.clone(),
                    operation: Arc::clone(operation),
                    roles: roles.clone(),
                });
            }
        }
    }
}

/// The path of a member (RFC 9535): `$.a`, or `$['a b']` where the name is not a plain word.
fn member_path(path: &str, name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_plain = !name.starts_with(|first: char| first.is_ascii_digit());
    if starts_plain && !name.is_empty() && name.bytes().all(plain) {
        return format!("{path}.{name}");
    }
    let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
    format!("{path}['{escaped}']")
}

/// Whether this kind of value stands at this level of a CSV answer.
fn is_cell_or_row(kind: Kind, level: usize) -> bool {
    match level {
        0 => kind == Kind::Array,
        1 => kind == Kind::Object,
        _ => matches!(kind, Kind::Scalar(_)),
    }
}
