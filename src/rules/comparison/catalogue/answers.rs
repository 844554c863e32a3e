//! The answers of an operation, before and after, field by field.

use std::collections::BTreeMap;

use super::super::{Change, Direction, Topic};
use super::Found;
use crate::catalogue::{
    Answer, Body, Field, FieldRole, Link, Node, Operation, Partial, Pseudonym, ScalarKind, Shape,
};

pub(super) fn compare(found: &mut Found<'_>, old: &Operation, new: &Operation) {
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
        links: Vec::new(),
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
        let [before, after] = [was, is].map(header_links);
        let more = after.iter().any(|link| !before.contains(link));
        let direction = if more {
            Direction::Loosens
        } else {
            Direction::Tightens
        };
        let aspect = format!("headers with links of answer {status}");
        found.aspect(&aspect, listed(&before), listed(&after), direction);
        let shapes = [was, is].map(|one| match &one.unwrap_or(&nothing).body {
            Body::Data { shape, .. } => Some(&**shape),
            _ => None,
        });
        if let [Some(old), Some(new)] = shapes {
            fields(found, *status, old, new);
        }
    }
}

/// Headers whose links leave, with their categories.
fn header_links(answer: Option<&Answer>) -> Vec<String> {
    let links = answer.map(|answer| answer.links.as_slice());
    let words = links
        .unwrap_or_default()
        .iter()
        .map(|link| format!("{} ({})", link.name, link.category));
    words.collect()
}

fn listed(words: &[String]) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

fn kind_of_body(answer: &Answer) -> String {
    match &answer.body {
        Body::Empty => "empty".to_owned(),
        Body::Data { media_type, .. } => format!("{media_type}, filtered"),
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
    let [was_at, is_at] = [old, new].map(written_places);
    let both = was_at
        .iter()
        .filter_map(|(path, was)| Some((path, was, is_at.get(path)?)));
    for (path, was, is) in both.filter(|(_, was, is)| was != is) {
        // What is classified is another element than before.
        let change = Change::of(Topic::Field, "", Direction::Loosens);
        let only = Some("where it is written".to_owned());
        let change = Change {
            only,
            ..change.from(was.clone()).to(is.clone())
        };
        found.field(status, path, change);
    }
    let aspect = format!("records of answer {status}");
    found.aspect(&aspect, was, is, Direction::Loosens);
}

/// A field without a category never leaves; but one that says whose a record is decides about others.
fn field_noted(field: &Field, came: bool) -> Change {
    let change = Change::came_or_went(Topic::Field, "", came, &category(field));
    let direction = match (field.role, field.category) {
        (FieldRole::CustomerKey | FieldRole::ResourceId(_) | FieldRole::GroupSize, _) => {
            Direction::Loosens
        }
        (FieldRole::Data, None) => Direction::Neither,
        (FieldRole::Data, Some(_)) => change.direction,
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
    let mut told = |aspect: &str, word: fn(&Field) -> String, direction| {
        let (before, after) = (word(old), word(new));
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
    let reclassified = match new.category {
        None => Direction::Tightens,
        Some(_) => unclear,
    };
    told("data category", category, reclassified);
    told("data subject", subject, unclear);
    told("what it says of its record", role, unclear);
    told("type", kind, unclear);
    let stays = |field: &Field| matches!(field.link, Some(Link::Remove));
    let direction = if stays(new) && !stays(old) {
        Direction::Tightens
    } else {
        unclear
    };
    told("where its link leads", link, direction);
    let direction = match (
        // What leaves in no form is not looked at, and needs not be.
        new.category.is_none() || new.check.is_within(&old.check),
        old.check.is_within(&new.check),
    ) {
        (true, true) => Direction::Neither,
        (true, false) => Direction::Tightens,
        (false, _) => Direction::Loosens,
    };
    told("what its values must be", check, direction);
    let direction = Direction::of_growth(&old.pseudonym.is_some(), &new.pseudonym.is_some());
    told("the pseudonym that can stand for it", pseudonym, direction);
    let direction = partial_direction(old.partial, new.partial);
    told("the part of it that may be seen", partial, direction);
    let direction = Direction::Neither;
    told("what stands for it when withheld", stand_in, direction);
}

fn subject(field: &Field) -> String {
    let word = if field.recipient {
        "recipient"
    } else {
        "customer"
    };
    word.to_owned()
}

fn role(field: &Field) -> String {
    match field.role {
        FieldRole::Data => "nothing".to_owned(),
        FieldRole::CustomerKey => "whose it is".to_owned(),
        FieldRole::ResourceId(kind) => format!("which {} it is", kind.word()),
        FieldRole::GroupSize => "of how many customers it is".to_owned(),
    }
}

fn link(field: &Field) -> String {
    match &field.link {
        None => "it is no link".to_owned(),
        Some(Link::Rewrite) => "to the same operation through the gateway".to_owned(),
        Some(Link::To(operation)) => format!("to {operation} through the gateway"),
        Some(Link::Foreign) => "to somebody else".to_owned(),
        Some(Link::Remove) => "nowhere, it is removed".to_owned(),
    }
}

fn kind(field: &Field) -> String {
    let word = match field.kind {
        ScalarKind::String => "text",
        ScalarKind::Integer => "whole number",
        ScalarKind::Number => "number",
        ScalarKind::Boolean => "yes or no",
    };
    word.to_owned()
}

fn pseudonym(field: &Field) -> String {
    match &field.pseudonym {
        None => "none".to_owned(),
        Some(Pseudonym::Text(count)) => format!("{count} characters"),
        Some(Pseudonym::Email(count)) => {
            format!("an e-mail address, {count} characters before the @")
        }
        Some(Pseudonym::Uuid) => "a UUID".to_owned(),
        Some(Pseudonym::Pattern(places)) => {
            format!("{} characters of its pattern", places.len())
        }
    }
}

fn check(field: &Field) -> String {
    match field.category {
        Some(_) => field.check.to_string(),
        None => "not looked at".to_owned(),
    }
}

fn stand_in(field: &Field) -> String {
    let required = if field.required {
        "required"
    } else {
        "optional"
    };
    let nullable = if field.nullable { ", may be null" } else { "" };
    let empty = String::from_utf8_lossy(&field.empty);
    format!("{required}{nullable}, else {empty}")
}

fn partial(field: &Field) -> String {
    match field.partial {
        None => "none".to_owned(),
        Some(Partial::First(count)) => format!("the first {count} characters"),
        Some(Partial::Last(count)) => format!("the last {count} characters"),
        Some(Partial::FirstOfEmail(count)) => format!("the first {count} characters before the @"),
        Some(Partial::FirstInShape(count)) => format!("the first {count} characters and its shape"),
        Some(Partial::LastInShape(count)) => format!("the last {count} characters and its shape"),
        Some(Partial::Street) => "the words of a street without numbers".to_owned(),
    }
}

/// More characters of the same end are more; another end is not what was seen before.
fn partial_direction(old: Option<Partial>, new: Option<Partial>) -> Direction {
    match (old, new) {
        (Some(_), None) => Direction::Tightens,
        (Some(Partial::First(old)), Some(Partial::First(new)))
        | (Some(Partial::FirstOfEmail(old)), Some(Partial::FirstOfEmail(new)))
        | (Some(Partial::FirstInShape(old)), Some(Partial::FirstInShape(new)))
        | (Some(Partial::LastInShape(old)), Some(Partial::LastInShape(new)))
        | (Some(Partial::Last(old)), Some(Partial::Last(new))) => Direction::of_growth(&old, &new),
        (Some(Partial::Street), Some(Partial::Street)) => Direction::Neither,
        _ => Direction::Loosens,
    }
}

/// By path: under which names, from the outermost, each field is written.
fn written_places(shape: &Shape) -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
    let mut open = vec![(&shape.root, String::new())];
    while let Some((node, place)) = open.pop() {
        match node {
            Node::Scalar(id) => {
                if let Some(field) = shape.fields.get(usize::from(id.0)) {
                    places.insert(field.path.to_string(), place);
                }
            }
            Node::Array(item) => open.push((item, place)),
            Node::Object(object) => {
                for (number, member) in object.members.iter().enumerate() {
                    let attribute = if number < object.attributes { "@" } else { "" };
                    open.push((&member.node, format!("{place}/{attribute}{}", member.name)));
                }
            }
        }
    }
    places
}

/// Where the objects are that belong to one customer.
fn record_paths(node: &Node, path: &str, records: &mut Vec<String>) {
    match node {
        Node::Scalar(_) => {}
        Node::Array(item) => record_paths(item, &format!("{path}[*]"), records),
        Node::Object(object) => {
            if object.group {
                records.push(format!("{path} (a group of customers)"));
            } else if object.record {
                records.push(path.to_owned());
            }
            for member in &object.members {
                record_paths(&member.node, &format!("{path}.{}", member.name), records);
            }
        }
    }
}
