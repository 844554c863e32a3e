//! From the paths of a laid-over document to [`Operation`]s. What the gateway could not judge
//! (cookies as parameters, path segments that are only in part a parameter, ranges of statuses) does
//! not exist, or is a mistake where it is needed.

use std::sync::Arc;

use http::Method;

use super::answers;
use super::check::Check;
use super::document::{Entry, Part};
use super::fitting::Fit;
use super::operation::{Answer, Body, Creates, Operation, Parameter, Place, Unserved};
use super::reading::Reading;
use super::refusal_forms;
use super::request::Role;
use super::requests;
use super::roles;
use super::router::{parameter_name, segments};
use super::schema::{Kind, Schema};
use super::servers;
use super::shape::{FieldRole, ScalarKind, Shape};
use super::shaping::Ownership;
use crate::terms::{Channel, ResourceKind};

/// Headers that never reach the core.
const STAYS_BEHIND: [&str; 16] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
/// The same by how the name begins.
const STAYS_BEHIND_PREFIXES: [&str; 5] = ["accept", "covenant-", "if-", "proxy-", "x-forwarded-"];

/// What one service offers.
#[derive(Default)]
pub(super) struct Offered {
    /// Each operation and where it stands.
    pub(super) operations: Vec<(Operation, super::document::Origin)>,
    /// Operation and path of what was left out of a shape.
    pub(super) left_out: Vec<(Arc<str>, Arc<str>)>,
    /// The operations that no overlay opens.
    pub(super) unserved: Vec<Unserved>,
}

/// Reads every operation of the document.
pub(super) fn read<'a>(reading: &mut Reading<'a>, service: &str) -> Offered {
    let root = reading.root();
    let version = root.get("openapi").and_then(Part::text);
    if !version.is_some_and(is_understood) {
        let place = &root.get("openapi").unwrap_or(root).place;
        reading.mistake(place, "an OpenAPI document of version 3.0 or 3.1 is needed");
    }
    let mut offered = Offered::default();
    for path in root.get("paths").map(Part::entries).unwrap_or_default() {
        let Some(item) = reading.resolve(&path.part) else {
            continue;
        };
        for entry in item.entries() {
            if let Some(method) = method(&entry.name) {
                if entry.part.get("x-covenant-channel").is_none() {
                    let unserved = unserved(reading, path, item, entry);
                    offered.unserved.push(unserved);
                    continue;
                }
                let mut call = Call {
                    reading,
                    service,
                    path,
                    item,
                    entry,
                    left_out: Vec::new(),
                };
                if let Some(operation) = call.operation(method) {
                    let left_out = call.left_out.into_iter();
                    let left_out = left_out.map(|path| (operation.id.clone(), path.into()));
                    offered.left_out.extend(left_out);
                    let place = entry.place.clone();
                    offered.operations.push((operation, place));
                }
            }
        }
    }
    offered
}

/// An operation without a channel does not exist for partners.
fn unserved<'a>(
    reading: &mut Reading<'a>,
    path: &Entry,
    item: &'a Part,
    entry: &'a Entry,
) -> Unserved {
    let id = entry.part.get("operationId").and_then(Part::text);
    let by_path = || format!("{} {}", entry.name.to_ascii_uppercase(), path.name);
    let operation: Arc<str> = id.map_or_else(by_path, str::to_owned).into();
    reading.leave(item, &entry.part, &operation);
    let place = &entry.place;
    Unserved {
        operation,
        file: place.source.path().to_owned(),
        line: place.source.position(place.span.offset).line,
    }
}

/// 3.0 and 3.1 with any correction.
fn is_understood(version: &str) -> bool {
    let correction = version
        .strip_prefix("3.0.")
        .or(version.strip_prefix("3.1."));
    correction.is_some_and(|number| number.parse::<u8>().is_ok())
}

/// HEAD is answered by GET; OPTIONS and TRACE are not offered to partners.
fn method(name: &str) -> Option<Method> {
    match name {
        "get" => Some(Method::GET),
        "post" => Some(Method::POST),
        "put" => Some(Method::PUT),
        "patch" => Some(Method::PATCH),
        "delete" => Some(Method::DELETE),
        _ => None,
    }
}

/// Whether a header never reaches the core, whatever a document says: a partner's credentials, what
/// speaks of the connection or for a proxy, ranges and conditionals, and what the gateway negotiates.
fn stays_behind(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let begins = |prefix: &&str| name.starts_with(prefix);
    STAYS_BEHIND.contains(&name.as_str()) || STAYS_BEHIND_PREFIXES.iter().any(begins)
}

/// The reading of one operation.
struct Call<'a, 'run> {
    reading: &'run mut Reading<'a>,
    service: &'run str,
    path: &'a Entry,
    item: &'a Part,
    entry: &'a Entry,
    left_out: Vec<String>,
}

impl<'a> Call<'a, '_> {
    fn operation(&mut self, method: Method) -> Option<Operation> {
        let part = &self.entry.part;
        let id = part.get("operationId").and_then(Part::text);
        if id.is_none() {
            let message = "an operation without `operationId`";
            self.reading.mistake(&self.entry.place, message);
        }
        let channel = self.reading.extension(part, "channel");
        let channel = channel.and_then(|part| self.reading.channel(part));
        let purposes = self.reading.extension(part, "data-uses");
        let purposes = purposes.map(|part| self.reading.purposes(part));
        let alternative = self.reading.extension(part, "alternative");
        let alternative = alternative.and_then(|part| self.reading.text(part));
        let refusal = self.reading.extension(part, "refusal");
        let refusal = refusal.and_then(|part| refusal_forms::read(self.reading, part));
        let parameters = self.parameters();
        self.check_figures(channel, &parameters);
        let creates = self.creates();
        let request = part.get("requestBody");
        let request =
            request.and_then(|part| requests::read(self.reading, part, creates, &parameters));
        let answers = self.answers(channel, &parameters);
        self.check_creates(creates, &answers);
        let holders = [part, self.item, self.reading.root()];
        let base = servers::base(self.reading, holders);
        let path = match self.path.name.as_str() {
            "/" if !base.is_empty() => base,
            path => base + path,
        };
        Some(Operation {
            id: id?.into(),
            service: self.service.into(),
            method,
            path: path.into(),
            channel: channel?,
            purposes: purposes.unwrap_or_default(),
            parameters,
            request,
            answers,
            creates,
            alternative: alternative.map(Arc::from),
            refusal: refusal.map(Arc::new),
        })
    }

    /// The operation's own parameters and those of its path that it does not redefine.
    fn parameters(&mut self) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for holder in [&self.entry.part, self.item] {
            let parts = holder.get("parameters").map(Part::items);
            for part in parts.unwrap_or_default() {
                for parameter in self.parameter(part) {
                    let same = |known: &Parameter| {
                        known.name == parameter.name && known.place == parameter.place
                    };
                    if !parameters.iter().any(same) {
                        parameters.push(parameter);
                    }
                }
            }
        }
        self.check_path(&parameters);
        parameters
    }

    /// What one `parameter` comes to: itself, or its members.
    fn parameter(&mut self, part: &'a Part) -> Vec<Parameter> {
        let Some((resolved, name, place)) = self.placed(part) else {
            return Vec::new();
        };
        let text = |key: &str| resolved.get(key).and_then(Part::text);
        let schema = resolved.get("schema");
        if place == Place::Query
            && text("style") == Some("deepObject")
            && let Some(schema) = schema.and_then(|schema| self.reading.resolve(schema))
        {
            return self.members_of(&name, schema);
        }
        let required = resolved.get("required").and_then(Part::boolean) == Some(true);
        let role = match self.reading.extension(part, "role") {
            None => self.reading.extension(resolved, "role"),
            role => role,
        };
        let role = role.map_or(Role::Plain, |role| {
            roles::read(self.reading, role, &[part, resolved], schema)
        });
        let in_path = schema.filter(|_| place == Place::Path);
        let values = in_path.and_then(|schema| self.values(schema));
        let (kind, check) = values.unwrap_or_default();
        vec![Parameter {
            name: name.into(),
            place,
            required: required || place == Place::Path,
            role,
            open: false,
            kind,
            check,
        }]
    }

    /// The parameters that an object in the query is: `created[gt]`, and what its schema leaves open.
    fn members_of(&mut self, name: &str, schema: &'a Part) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let properties = schema.get("properties").map(Part::entries);
        for entry in properties.unwrap_or_default() {
            let target = self.reading.resolve(&entry.part);
            let role = match self.reading.extension(&entry.part, "role") {
                None => target.and_then(|target| self.reading.extension(target, "role")),
                role => role,
            };
            let role = role.map_or(Role::Plain, |role| {
                roles::read(self.reading, role, &[&entry.part], Some(&entry.part))
            });
            parameters.push(Parameter {
                name: format!("{name}[{}]", entry.name).into(),
                place: Place::Query,
                required: false,
                role,
                open: false,
                kind: ScalarKind::default(),
                check: Check::default(),
            });
        }
        let others = schema.get("additionalProperties");
        let is_closed = others.and_then(Part::boolean) == Some(false);
        if !is_closed && (others.is_some() || parameters.is_empty()) {
            parameters.push(Parameter {
                name: name.into(),
                place: Place::Query,
                required: false,
                role: Role::Plain,
                open: true,
                kind: ScalarKind::default(),
                check: Check::default(),
            });
        }
        parameters
    }

    /// A parameter that is passed on: its description, its name, and where it stands.
    fn placed(&mut self, part: &'a Part) -> Option<(&'a Part, String, Place)> {
        let resolved = self.reading.resolve(part)?;
        let name = resolved.get("name").and_then(Part::text)?;
        let (name, place) = match resolved.get("in").and_then(Part::text)? {
            "path" => (name.to_owned(), Place::Path),
            "query" => (name.to_owned(), Place::Query),
            "header" if stays_behind(name) => {
                let message = format!(
                    "the header `{name}` is never passed on: it belongs to the connection, to its \
                     ends or to the gateway, or asks for a part of an answer"
                );
                self.reading.remark(&resolved.place, message);
                return None;
            }
            "header" => (name.to_ascii_lowercase(), Place::Header),
            // No cookie crosses the gateway (P17).
            _ => return None,
        };
        Some((resolved, name, place))
    }

    /// What the values of a parameter of this schema are. What is said of one that is not understood is said
    /// where it is needed.
    fn values(&mut self, schema: &'a Part) -> Option<(ScalarKind, Check)> {
        let (schema, _) = Schema::read(self.reading, schema).ok()?;
        let Ok((Kind::Scalar(kind), _)) = schema.kind() else {
            return None;
        };
        let fit = Fit::of(self.reading, &schema, kind, true);
        Some((kind, fit.check))
    }

    /// What tells one question about figures from another is said of questions about figures, and once.
    fn check_figures(&mut self, channel: Option<Channel>, parameters: &[Parameter]) {
        let mut roles: Vec<&Role> = parameters.iter().map(|one| &one.role).collect();
        roles.retain(|role| role.asks_for_figures());
        if !roles.is_empty() && channel != Some(Channel::Aggregate) {
            let message =
                "`period-from`, `period-to` and `partition` are only for the channel `aggregate`";
            self.reading.mistake(&self.entry.place, message);
        }
        let twice = |role: Role| roles.iter().filter(|one| ***one == role).count() > 1;
        if twice(Role::PeriodFrom) || twice(Role::PeriodTo) {
            let message = "a second beginning or end of the period";
            self.reading.mistake(&self.entry.place, message);
        }
    }

    /// Every `{name}` of the path is a whole segment and a parameter, and the other way round.
    fn check_path(&mut self, parameters: &[Parameter]) {
        let path = &self.path.name;
        let named: Vec<&str> = segments(path).filter_map(parameter_name).collect();
        let in_part = |segment: &str| {
            parameter_name(segment)
                .unwrap_or(segment)
                .contains(['{', '}'])
        };
        if !path.starts_with('/') || segments(path).any(in_part) {
            let message = "a path is `/` and segments, each a word or one `{parameter}`";
            self.reading.mistake(&self.path.place, message);
        }
        let described = parameters.iter().filter(|one| one.place == Place::Path);
        let mut described: Vec<&str> = described.map(|one| one.name.as_ref()).collect();
        let mut sorted = named;
        sorted.sort_unstable();
        described.sort_unstable();
        if sorted != described {
            let message = "the path's parameters are not those that are described";
            self.reading.mistake(&self.path.place, message);
        }
    }

    fn creates(&mut self) -> Option<Creates> {
        let part = self.reading.extension(&self.entry.part, "creates")?;
        match self
            .reading
            .word(part, &["customer", "job", "list", "document"])?
        {
            "customer" => Some(Creates::Customer),
            kind => ResourceKind::parse(kind).map(Creates::Resource),
        }
    }

    /// The answer to a creating call must hold the new id, or the book could not learn it.
    fn check_creates(&mut self, creates: Option<Creates>, answers: &[Answer]) {
        let role = match creates {
            None => return,
            Some(Creates::Customer) => FieldRole::CustomerKey,
            Some(Creates::Resource(kind)) => FieldRole::ResourceId(kind),
        };
        let holds = |shape: &Shape| shape.fields.iter().filter(|one| one.role == role).count() == 1;
        let found = answers.iter().any(|answer| match &answer.body {
            Body::Data { shape, .. } => answer.status < 300 && holds(shape),
            _ => false,
        });
        if !found {
            let message = "no answer of this creating call holds the new id in just one field";
            self.reading.mistake(&self.entry.place, message);
        }
    }

    fn answers(&mut self, channel: Option<Channel>, parameters: &[Parameter]) -> Vec<Answer> {
        // A thing in the path is its customer's: no request for one that the book does not know is sent.
        let by_path = |one: &Parameter| one.place == Place::Path && one.role.names_customer();
        let ownership = if channel == Some(Channel::Aggregate) {
            Ownership::Aggregate
        } else if parameters.iter().any(by_path) {
            Ownership::InPath
        } else {
            Ownership::InRecord
        };
        let responses = self.entry.part.get("responses").map(Part::entries);
        let responses = responses.unwrap_or_default();
        let succeeds = |entry: &Entry| answers::status(entry).is_some_and(|status| status < 400);
        if !responses.iter().any(succeeds) {
            let message = "an operation without an answer of success";
            self.reading.mistake(&self.entry.place, message);
        }
        let mut answers = Vec::new();
        for entry in responses {
            let left_out = &mut self.left_out;
            answers.extend(answers::read(
                self.reading,
                entry,
                channel,
                ownership,
                left_out,
            ));
        }
        answers
    }
}
