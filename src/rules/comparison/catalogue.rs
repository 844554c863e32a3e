//! What the core services offer, before and after: operations, what decides in their requests, fields
//! of their answers. What could change whose data something is, or which, loosens.

mod answers;

use std::collections::BTreeMap;

use super::{Change, Direction, Topic};
use crate::catalogue::{Catalogue, Creates, Operation, Parameter, Place, RequestBody, Role};
use crate::taxonomy::Purpose;

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
    changes.extend(servers(old, new));
    summed_up(changes)
}

/// The names by which a core is known decide which links are its own, and what must not leave: to lose
/// one may let it out, to win one leads links anew.
fn servers(old: &Catalogue, new: &Catalogue) -> Option<Change> {
    let words = |one: &Catalogue| {
        let servers = one.servers().iter();
        let servers: Vec<_> = servers
            .map(|(service, name)| format!("{name} of {service}"))
            .collect();
        servers.join(", ")
    };
    let (before, after) = (words(old), words(new));
    (before != after).then(|| {
        let change = Change::of(Topic::Operation, "servers", Direction::Loosens);
        change.from(before).to(after)
    })
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
    let creates = |one: &Operation| match one.creates {
        None => "nothing".to_owned(),
        Some(Creates::Customer) => "a customer".to_owned(),
        Some(Creates::Resource(kind)) => format!("a {}", kind.word()),
    };
    found.aspect("what it creates", creates(old), creates(new), unclear);
    let alternative = |one: &Operation| {
        let alternative = one.alternative.as_deref();
        alternative.unwrap_or("none").to_owned()
    };
    let wording = Direction::Neither;
    found.aspect("alternative", alternative(old), alternative(new), wording);
    let refusal = |one: &Operation| match &one.refusal {
        None => "a problem document".to_owned(),
        Some(form) => form.to_string(),
    };
    found.aspect("form of refusals", refusal(old), refusal(new), wording);
    data_uses(&mut found, old, new);
    parameters(&mut found, old, new);
    requests(&mut found, old.request.as_ref(), new.request.as_ref());
    answers::compare(&mut found, old, new);
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
        let covers = |purpose: &Purpose| all.purposes.iter().any(|one| purpose.is_within(*one));
        all.purposes.is_empty() || !some.purposes.is_empty() && some.purposes.iter().all(covers)
    };
    let direction = match (within(new, old), within(old, new)) {
        (true, true) => Direction::Neither,
        (true, false) => Direction::Tightens,
        (false, _) => Direction::Loosens,
    };
    found.aspect("data uses", words(old), words(new), direction);
}

/// What a parameter or member decides, in words.
fn decides(role: &Role) -> String {
    match role {
        Role::Plain => "passed on".to_owned(),
        Role::Customer => "names the customer".to_owned(),
        Role::Resource(kind) => format!("names a {} of the customer", kind.word()),
        Role::PageSize { max } => format!("size of the page, up to {max}"),
        Role::UseType { operational } => {
            format!("states the use, no marketing if {}", operational.join(", "))
        }
        Role::Audience => "names an audience".to_owned(),
        Role::Include { values } => format!("asks for more: {}", values.join(", ")),
        Role::Credential => "is a credential, and refused".to_owned(),
        Role::PeriodFrom => "first day of the figures".to_owned(),
        Role::PeriodTo => "last day of the figures".to_owned(),
        Role::Partition => "whom the figures are about".to_owned(),
    }
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
        let place = |one: &Parameter| match one.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        let named = |one: &Parameter| format!("{} of the {}", one.name, place(one));
        parameters.map(|one| (named(one), one.clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let words = |one: &Parameter| {
        let needed = if one.required { "required" } else { "optional" };
        format!("{needed}, {}", decides(&one.role))
    };
    for name in before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)))
    {
        let aspect = format!("parameter {name}");
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
        let words = |one: Option<&RequestBody>| one.map_or_else(|| "none".to_owned(), kinds);
        return found.aspect("request body", words(old), words(new), Direction::Loosens);
    };
    let unclear = Direction::Loosens;
    let kind = |one: &RequestBody| {
        let needed = if one.required { "required" } else { "optional" };
        let uploads = one
            .uploads
            .map(|kind| format!(", uploads a {}", kind.word()));
        format!("{needed}, {}{}", kinds(one), uploads.unwrap_or_default())
    };
    found.aspect("request body", kind(old), kind(new), unclear);
    let roles = |one: &RequestBody| {
        let members = members(one).into_iter();
        let deciding = members.filter(|(_, role)| *role != Role::Plain);
        let told = deciding.map(|(path, role)| format!("{path}: {}", decides(&role)));
        told.collect::<Vec<_>>().join(", ")
    };
    found.aspect("what its members decide", roles(old), roles(new), unclear);
    let paths = |one: &RequestBody| -> Vec<String> {
        let members = members(one).into_iter();
        members.map(|(path, _)| path).collect()
    };
    let (before, after) = (paths(old), paths(new));
    let grew = after.iter().any(|path| !before.contains(path));
    let direction = if grew { unclear } else { Direction::Tightens };
    found.aspect(
        "members of its request",
        before.join(", "),
        after.join(", "),
        direction,
    );
}

/// The media types it comes in.
fn kinds(one: &RequestBody) -> String {
    let kinds = one.contents.iter().map(|content| &*content.media_type);
    let kinds: Vec<_> = kinds.collect();
    if kinds.is_empty() {
        return "of no kind that is read".to_owned();
    }
    kinds.join(" or ")
}

/// The paths of its members with what each decides, sorted; of several kinds of body each says its own.
fn members(one: &RequestBody) -> Vec<(String, Role)> {
    let several = one.contents.len() > 1;
    let mut found = Vec::new();
    for content in &one.contents {
        for (path, role) in content.members() {
            let path = path.strip_prefix("$.").unwrap_or(&path);
            let of = if several {
                format!("{path} of {}", content.media_type)
            } else {
                path.to_owned()
            };
            found.push((of, role.clone()));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}
