//! What the core services offer, before and after: operations, what decides in their requests, fields
//! of their answers. What could change whose data something is, or which, loosens.

use std::collections::BTreeMap;

use super::{Change, Direction, Topic};
use crate::catalogue::{
    Answer, Body, Catalogue, Field, Node, Operation, Parameter, Partial, RequestBody, Role, Shape,
};

pub(super) fn changes(old: &Catalogue, new: &Catalogue) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.digest() == new.digest() {
        return changes;
    }
    for operation in &old.operations {
        match new.operation(&operation.id) {
            Some(now) => changes.extend(of_one(operation, now)),
            None => changes.push(operation_noted(operation, false)),
        }
    }
    let added = new.operations.iter();
    let added = added.filter(|operation| old.operation(&operation.id).is_none());
    changes.extend(added.map(|operation| operation_noted(operation, true)));
    summed_up(changes)
}

/// What changed alike is one change: a field of several answers, a channel of several operations.
fn summed_up(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|one, other| alike(one).cmp(&alike(other)));
    let mut summed: Vec<Change> = Vec::new();
    for change in changes {
        match summed.last_mut() {
            Some(last) if alike(last) == alike(&change) => last.what.extend(change.what),
            _ => summed.push(change),
        }
    }
    summed
}

/// All but what it is that changed.
type Alike<'a> = (Topic, Direction, [Option<&'a str>; 3]);

fn alike(change: &Change) -> Alike<'_> {
    let words = [&change.only, &change.before, &change.after];
    (change.topic, change.direction, words.map(Option::as_deref))
}

fn operation_noted(operation: &Operation, came: bool) -> Change {
    let told = format!("channel {}", operation.channel.word());
    Change::came_or_went(Topic::Operation, &*operation.id, came, &told)
}

/// The changes of one operation, as they are found.
struct Found<'a> {
    operation: &'a str,
    changes: Vec<Change>,
}

impl Found<'_> {
    /// One aspect of the operation; `only` names it.
    fn aspect(&mut self, aspect: &str, before: String, after: String, direction: Direction) {
        if before != after {
            let change = Change::of(Topic::Operation, self.operation, direction);
            self.changes.push(Change {
                only: Some(aspect.to_owned()),
                ..change.from(before).to(after)
            });
        }
    }

    fn field(&mut self, status: u16, path: &str, change: Change) {
        let operation = self.operation;
        self.changes.push(Change {
            what: vec![format!("{operation} {status} {path}")],
            ..change
        });
    }
}

fn of_one(old: &Operation, new: &Operation) -> Vec<Change> {
    let mut found = Found {
        operation: &new.id,
        changes: Vec::new(),
    };
    let unclear = Direction::Loosens;
    let channel = |one: &Operation| one.channel.word().to_owned();
    found.aspect("channel", channel(old), channel(new), unclear);
    let place = |one: &Operation| format!("{} {} of {}", one.method, one.path, one.service);
    found.aspect("place", place(old), place(new), unclear);
    let creates = |one: &Operation| format!("{:?}", one.creates);
    found.aspect("what it creates", creates(old), creates(new), unclear);
    let alternative = |one: &Operation| {
        let alternative = one.alternative.as_deref();
        alternative.unwrap_or("none").to_owned()
    };
    let wording = Direction::Neither;
    found.aspect("alternative", alternative(old), alternative(new), wording);
    data_uses(&mut found, old, new);
    parameters(&mut found, old, new);
    requests(&mut found, old.request.as_ref(), new.request.as_ref());
    answers(&mut found, old, new);
    let (told, differ) = (
        !found.changes.is_empty(),
        format!("{old:?}") != format!("{new:?}"),
    );
    if differ && !told {
        let change = Change::of(Topic::Operation, &*new.id, unclear);
        found.changes.push(Change {
            only: Some("changed in a way that has no name here".to_owned()),
            ..change
        });
    }
    found.changes
}

/// The only uses it may be called for; none named is every use.
fn data_uses(found: &mut Found<'_>, old: &Operation, new: &Operation) {
    let words = |one: &Operation| match one.purposes.as_slice() {
        [] => "every use".to_owned(),
        uses => uses
            .iter()
            .map(|one| one.key())
            .collect::<Vec<_>>()
            .join(", "),
    };
    let within = |some: &Operation, all: &Operation| {
        let covers = |purpose| all.purposes.iter().any(|one| is_within(purpose, one));
        all.purposes.is_empty() || !some.purposes.is_empty() && some.purposes.iter().all(covers)
    };
    let direction = match (within(new, old), within(old, new)) {
        (true, true) => Direction::Neither,
        (true, false) => Direction::Tightens,
        (false, _) => Direction::Loosens,
    };
    found.aspect("data uses", words(old), words(new), direction);
}

fn is_within(purpose: &crate::taxonomy::Purpose, ancestor: &crate::taxonomy::Purpose) -> bool {
    purpose.is_within(*ancestor)
}

/// A parameter that decides nothing is only one more, or one fewer, way to ask.
fn plain(role: &Role, came: bool) -> Direction {
    match (role, came) {
        (Role::Plain, false) => Direction::Tightens,
        _ => Direction::Loosens,
    }
}

fn parameters(found: &mut Found<'_>, old: &Operation, new: &Operation) {
    let by_name = |one: &Operation| -> BTreeMap<String, Parameter> {
        let parameters = one.parameters.iter();
        let named = |one: &Parameter| format!("{:?} {}", one.place, one.name).to_lowercase();
        parameters.map(|one| (named(one), one.clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let words = |one: &Parameter| {
        let needed = if one.required { "required" } else { "optional" };
        format!("{needed}, role {:?}", one.role)
    };
    for name in before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)))
    {
        let aspect = format!("parameter in {name}");
        match (before.get(name), after.get(name)) {
            (Some(was), Some(is)) => {
                found.aspect(&aspect, words(was), words(is), Direction::Loosens);
            }
            (was, is) => {
                let role = was.or(is).map_or(&Role::Plain, |one| &one.role);
                let direction = plain(role, is.is_some());
                let told = |one: Option<&Parameter>| one.map_or_else(|| "none".to_owned(), words);
                found.aspect(&aspect, told(was), told(is), direction);
            }
        }
    }
}

fn requests(found: &mut Found<'_>, old: Option<&RequestBody>, new: Option<&RequestBody>) {
    let (Some(old), Some(new)) = (old, new) else {
        let words = |one: Option<&RequestBody>| match one {
            Some(body) => body.media_type.to_string(),
            None => "none".to_owned(),
        };
        return found.aspect("request body", words(old), words(new), Direction::Loosens);
    };
    let unclear = Direction::Loosens;
    let kind = |one: &RequestBody| {
        let needed = if one.required { "required" } else { "optional" };
        format!("{needed}, {}, uploads {:?}", one.media_type, one.uploads)
    };
    found.aspect("request body", kind(old), kind(new), unclear);
    let roles = |one: &RequestBody| {
        let roles = one.roles.iter();
        let mut roles: Vec<_> = roles
            .map(|(name, role)| format!("{name} {role:?}"))
            .collect();
        roles.sort();
        roles.join(", ")
    };
    found.aspect("what its members decide", roles(old), roles(new), unclear);
    let members = |one: &RequestBody| {
        let mut members: Vec<_> = one.members.iter().map(|name| &**name).collect();
        members.sort_unstable();
        members.join(", ")
    };
    let grew = new.members.iter().any(|name| !old.members.contains(name));
    let direction = if grew { unclear } else { Direction::Tightens };
    found.aspect(
        "members of its request",
        members(old),
        members(new),
        direction,
    );
}

fn answers(found: &mut Found<'_>, old: &Operation, new: &Operation) {
    let by_status = |one: &Operation| -> BTreeMap<u16, Answer> {
        let answers = one.answers.iter();
        answers
            .map(|answer| (answer.status, answer.clone()))
            .collect()
    };
    let (before, after) = (by_status(old), by_status(new));
    let nothing = Answer {
        status: 0,
        body: Body::Empty,
    };
    for status in before
        .keys()
        .chain(after.keys().filter(|one| !before.contains_key(one)))
    {
        let (was, is) = (before.get(status), after.get(status));
        let aspect = format!("answer {status}");
        let words = |one: Option<&Answer>| one.map_or("not forwarded".to_owned(), kind_of_body);
        let direction = match (was, is) {
            (Some(_), None) => Direction::Tightens,
            _ => Direction::Loosens,
        };
        found.aspect(&aspect, words(was), words(is), direction);
        let shapes = [was, is].map(|one| match &one.unwrap_or(&nothing).body {
            Body::Json(shape) => Some(&**shape),
            _ => None,
        });
        if let [Some(old), Some(new)] = shapes {
            fields(found, *status, old, new);
        }
    }
}

fn kind_of_body(answer: &Answer) -> String {
    match &answer.body {
        Body::Empty => "empty".to_owned(),
        Body::Json(_) => "JSON, filtered".to_owned(),
        Body::Document {
            media_type,
            category,
        } => format!("{media_type}, whole, {category}"),
        Body::Uninspectable { media_type } => format!("{media_type}, not forwarded"),
    }
}

fn fields(found: &mut Found<'_>, status: u16, old: &Shape, new: &Shape) {
    let by_path = |shape: &Shape| -> BTreeMap<String, Field> {
        let fields = shape.fields.iter();
        fields
            .map(|one| (one.path.to_string(), one.clone()))
            .collect()
    };
    let (before, after) = (by_path(old), by_path(new));
    for (path, field) in &before {
        match after.get(path) {
            Some(now) => field_between(found, status, field, now),
            None => found.field(status, path, field_noted(field, false)),
        }
    }
    for (path, field) in after.iter().filter(|(path, _)| !before.contains_key(*path)) {
        found.field(status, path, field_noted(field, true));
    }
    let [was, is] = [old, new].map(|shape| {
        let mut records = Vec::new();
        record_paths(&shape.root, "$", &mut records);
        records.join(", ")
    });
    let aspect = format!("records of answer {status}");
    found.aspect(&aspect, was, is, Direction::Loosens);
}

/// A field without a category never leaves.
fn field_noted(field: &Field, came: bool) -> Change {
    let change = Change::came_or_went(Topic::Field, "", came, &category(field));
    let direction = match field.category {
        None => Direction::Neither,
        Some(_) => change.direction,
    };
    Change {
        direction,
        ..change
    }
}

fn category(field: &Field) -> String {
    match field.category {
        Some(category) => category.to_string(),
        None => "without category, withheld".to_owned(),
    }
}

fn field_between(found: &mut Found<'_>, status: u16, old: &Field, new: &Field) {
    let mut told = |aspect: &str, before: String, after: String, direction| {
        if before != after {
            let change = Change::of(Topic::Field, "", direction);
            let change = Change {
                only: Some(aspect.to_owned()),
                ..change.from(before).to(after)
            };
            found.field(status, &new.path, change);
        }
    };
    let unclear = Direction::Loosens;
    let direction = match new.category {
        None => Direction::Tightens,
        Some(_) => unclear,
    };
    told("data category", category(old), category(new), direction);
    let subject = |field: &Field| {
        if field.recipient {
            "recipient"
        } else {
            "customer"
        }
    };
    told(
        "data subject",
        subject(old).to_owned(),
        subject(new).to_owned(),
        unclear,
    );
    let role = |field: &Field| format!("{:?}", field.role);
    told("what it says of its record", role(old), role(new), unclear);
    let kind = |field: &Field| format!("{:?}", field.kind).to_lowercase();
    told("type", kind(old), kind(new), unclear);
    let direction = partial_direction(old.partial, new.partial);
    told(
        "the part of it that may be seen",
        partial(old),
        partial(new),
        direction,
    );
    let stands = |field: &Field| {
        let required = if field.required {
            "required"
        } else {
            "optional"
        };
        let nullable = if field.nullable { ", may be null" } else { "" };
        let empty = String::from_utf8_lossy(&field.empty);
        format!("{required}{nullable}, else {empty}")
    };
    told(
        "what stands for it when withheld",
        stands(old),
        stands(new),
        Direction::Neither,
    );
}

fn partial(field: &Field) -> String {
    match field.partial {
        None => "none".to_owned(),
        Some(Partial::First(count)) => format!("the first {count} characters"),
        Some(Partial::Last(count)) => format!("the last {count} characters"),
    }
}

/// More characters of the same end are more; another end is not what was seen before.
fn partial_direction(old: Option<Partial>, new: Option<Partial>) -> Direction {
    match (old, new) {
        (Some(_), None) => Direction::Tightens,
        (Some(Partial::First(old)), Some(Partial::First(new)))
        | (Some(Partial::Last(old)), Some(Partial::Last(new))) => Direction::of_growth(&old, &new),
        _ => Direction::Loosens,
    }
}

/// Where the objects are that belong to one customer.
fn record_paths(node: &Node, path: &str, records: &mut Vec<String>) {
    match node {
        Node::Scalar(_) => {}
        Node::Array(item) => record_paths(item, &format!("{path}[*]"), records),
        Node::Object(object) => {
            if object.record {
                records.push(path.to_owned());
            }
            for member in &object.members {
                record_paths(&member.node, &format!("{path}.{}", member.name), records);
            }
        }
    }
}
