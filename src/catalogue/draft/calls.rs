//! Guesses at what each operation is for: its channel, what it creates, and what its parameters and the
//! members of its request decide. The words of its path and id tell more than its method, so they come
//! first: a `GET` of an export is an export.

use super::super::answers::status;
use super::super::document::{Entry, Part};
use super::super::operation::Format;
use super::contents::{Content, contents, schema};
use super::guess::{has, is_customer, words};
use super::survey::{Place, Survey, escaped};
use crate::terms::Channel;

/// An operation of the document.
pub(super) struct Call<'a> {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) pointer: String,
    pub(super) part: &'a Part,
    /// The part that holds the path's own parameters, and where it stands.
    item: Place<'a>,
    pub(super) id: Option<&'a str>,
    /// The contents of each answer of success.
    answers: Vec<Vec<Content<'a>>>,
}

/// The schema of an answer that a filter reads.
pub(super) struct Read<'a> {
    pub(super) schema: Place<'a>,
    pub(super) in_xml: bool,
}

/// What something decides about a call.
pub(super) struct Decides {
    pub(super) pointer: String,
    pub(super) name: String,
    pub(super) role: &'static str,
    /// A page size whose schema, standing right there, has no `maximum`; what asks for more, of which
    /// no schema lists in an `enum` what there is.
    pub(super) unbounded: bool,
}

/// Words that speak for a channel, wherever they stand in a path or an id.
const WORDS: [(Channel, &[&str]); 4] = [
    (
        Channel::Webhook,
        &[
            "webhook",
            "webhooks",
            "callback",
            "callbacks",
            "subscriptions",
            "hooks",
        ],
    ),
    (
        Channel::Export,
        &[
            "export",
            "exports",
            "csv",
            "xlsx",
            "dump",
            "bulk_download",
            "archive",
        ],
    ),
    (
        Channel::Campaign,
        &[
            "campaign",
            "campaigns",
            "audience",
            "audiences",
            "segment",
            "segments",
            "newsletter",
            "promotion",
            "broadcast",
        ],
    ),
    (
        Channel::Aggregate,
        &[
            "statistics",
            "stats",
            "analytics",
            "metrics",
            "summary",
            "totals",
        ],
    ),
];
/// Contents that are an export, whatever the path says.
const EXPORTS: [&str; 5] = ["text/csv", "spreadsheet", "excel", "zip", "ndjson"];
/// Last words of a path that reads a document back.
const DOCUMENTS: [&str; 8] = [
    "file",
    "pdf",
    "document",
    "download",
    "content",
    "image",
    "thumbnail",
    "preview",
];
/// Words of a `POST` that only reads.
const SEARCHES: [&str; 4] = ["search", "query", "find", "lookup"];

/// Names, and what a parameter or member of that name decides. Whole names only.
const ROLES: [(&str, &[&str]); 8] = [
    (
        "customer",
        &[
            "customer_id",
            "customer",
            "account_id",
            "user_id",
            "contact_id",
            "client_id",
            "on_behalf_of",
        ],
    ),
    (
        "job",
        &[
            "job_id",
            "letter_id",
            "postcard_id",
            "mailing_id",
            "order_id",
            "ltr_id",
            "psc_id",
        ],
    ),
    (
        "list",
        &[
            "list_id",
            "address_list_id",
            "mailing_list_id",
            "recipient_list_id",
        ],
    ),
    (
        "document",
        &[
            "document_id",
            "file_id",
            "template_id",
            "creative_id",
            "upload_id",
        ],
    ),
    (
        "page-size",
        &[
            "limit",
            "page_size",
            "per_page",
            "pagesize",
            "max_results",
            "number_of_records",
        ],
    ),
    ("use-type", &["use_type", "mail_use", "usage_type"]),
    (
        "audience",
        &["audience", "audience_id", "segment", "segment_id"],
    ),
    ("include", &["include", "expand", "fields", "embed", "with"]),
];
/// What an object of this name is in the book.
const THINGS: [(&str, &[&str]); 3] = [
    (
        "job",
        &[
            "job",
            "letter",
            "postcard",
            "mailing",
            "order",
            "check",
            "mailer",
            "mailpiece",
        ],
    ),
    (
        "list",
        &["list", "address_list", "mailing_list", "recipient_list"],
    ),
    (
        "document",
        &["document", "file", "template", "creative", "upload"],
    ),
];
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every operation of the document, in its order.
pub(super) fn all<'a>(survey: &Survey<'a>) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    let paths = survey.root.get("paths").map(Part::entries);
    for entry in paths.unwrap_or_default() {
        let pointer = format!("/paths/{}", escaped(&entry.name));
        let Some(item) = survey.resolve((pointer, &entry.part)) else {
            continue;
        };
        for operation in item.1.entries() {
            if METHODS.contains(&operation.name.as_str()) {
                calls.push(call(survey, entry, &item, operation));
            }
        }
    }
    calls
}

fn call<'a>(
    survey: &Survey<'a>,
    path: &'a Entry,
    item: &Place<'a>,
    operation: &'a Entry,
) -> Call<'a> {
    let pointer = format!("{}/{}", item.0, operation.name);
    let part = &operation.part;
    let responses = part.get("responses").map(Part::entries);
    let mut answers = Vec::new();
    for response in responses.unwrap_or_default() {
        if status(response).is_some_and(|status| status < 300) {
            let place = format!("{pointer}/responses/{}", escaped(&response.name));
            answers.push(contents(survey, (place, &response.part)));
        }
    }
    Call {
        method: operation.name.to_uppercase(),
        path: path.name.clone(),
        pointer,
        part,
        item: item.clone(),
        id: part.get("operationId").and_then(Part::text),
        answers,
    }
}

impl<'a> Call<'a> {
    /// The schemas of its answers that a filter reads, and whether they are in XML: of each answer that
    /// of the content that the core is asked for.
    pub(super) fn schemas(&self, survey: &Survey<'a>) -> Vec<Read<'a>> {
        let read = self.answers.iter().filter_map(|answer| {
            let ranked = answer
                .iter()
                .filter_map(|one| Some((one.rank(survey)?, one)));
            let (_, content) = ranked.min_by_key(|(rank, _)| *rank)?;
            let schema = schema(&content.place)?;
            let in_xml = content.format() == Some(Format::Xml);
            Some(Read { schema, in_xml })
        });
        read.collect()
    }

    /// The contents of its answers of which no content is read.
    pub(super) fn unread(&self, survey: &Survey<'a>) -> Vec<&Content<'a>> {
        let is_read =
            |answer: &&Vec<Content<'a>>| answer.iter().any(|one| one.rank(survey).is_some());
        let answers = self.answers.iter();
        answers
            .filter(|answer| !is_read(answer))
            .flatten()
            .collect()
    }

    /// A name made of its method and path, for an operation that has none.
    pub(super) fn made_id(&self) -> String {
        let verb = match (self.method.as_str(), self.path.ends_with('}')) {
            ("GET", true) => "get",
            ("GET", false) => "list",
            ("POST", _) => "create",
            ("DELETE", _) => "delete",
            _ => "update",
        };
        let words = words(&self.path);
        let mut name = verb.to_owned();
        for word in words.split('_') {
            let mut letters = word.chars();
            name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            name.push_str(letters.as_str());
        }
        name
    }

    /// The channel it probably is, and why.
    pub(super) fn channel(&self, survey: &Survey<'a>) -> (Channel, String) {
        let words = words(&format!("{}_{}", self.path, self.id.unwrap_or_default()));
        for (channel, speaking) in WORDS {
            let word = speaking.iter().find(|word| has(&words, word));
            let reads = self.method == "GET" || channel != Channel::Aggregate;
            if let Some(word) = word.filter(|_| reads) {
                return (channel, format!("`{word}` in its path or id"));
            }
        }
        let mut media = self.answers.iter().flatten().map(|one| &one.media_type);
        let is_table = |media: &&String| EXPORTS.iter().any(|word| media.contains(word));
        if let Some(media) = media.find(is_table) {
            return (Channel::Export, format!("it answers with {media}"));
        }
        let last = self.path.rsplit('/').next().unwrap_or_default();
        let searches = SEARCHES.iter().find(|word| has(&words, word));
        match (self.method.as_str(), searches) {
            ("GET", _) => {}
            ("POST", Some(word)) => {
                return (
                    Channel::List,
                    format!("a POST that reads: `{word}` in its path or id"),
                );
            }
            (method, _) => return (Channel::Write, format!("{method} changes something")),
        }
        let schemas = self.schemas(survey);
        let mut unread = self.unread(survey).into_iter();
        let whole = unread.find(|one| one.may_pass_unopened());
        if let Some(whole) = whole.filter(|_| schemas.is_empty()) {
            return (Channel::Document, format!("GET of {}", whole.media_type));
        }
        if DOCUMENTS.contains(&self::words(last).as_str()) {
            return (Channel::Document, format!("GET of `{last}`"));
        }
        if last.starts_with('{') {
            return (Channel::Record, format!("GET with `{last}` at its end"));
        }
        if schemas.iter().any(|read| is_list(survey, &read.schema)) {
            (Channel::List, "GET of a list".to_owned())
        } else {
            (Channel::Record, "GET of one thing".to_owned())
        }
    }

    /// The kind of thing that it probably brings into being: its path ends in the name of one.
    pub(super) fn creates(&self) -> Option<&'static str> {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        (self.method == "POST").then(|| thing(last)).flatten()
    }

    /// Its parameters that probably decide something.
    pub(super) fn parameters(&self, survey: &Survey<'a>) -> Vec<Decides> {
        let mut found = Vec::new();
        for (pointer, holder) in [(&self.pointer, self.part), (&self.item.0, self.item.1)] {
            let parameters = holder.get("parameters").map(Part::items);
            for (index, part) in parameters.unwrap_or_default().iter().enumerate() {
                let place = (format!("{pointer}/parameters/{index}"), part);
                let Some((pointer, part)) = survey.resolve(place) else {
                    continue;
                };
                let Some(name) = part.get("name").and_then(Part::text) else {
                    continue;
                };
                let cookie = part.get("in").and_then(Part::text) == Some("cookie");
                if let Some(role) = role(name).filter(|_| !cookie) {
                    let schema = part.get("schema");
                    let inline = schema.filter(|schema| schema.get("$ref").is_none());
                    let maximum = inline.and_then(|schema| schema.get("maximum"));
                    let unbounded = match role {
                        "include" => !schema.is_some_and(|schema| lists_values(survey, schema)),
                        _ => inline.is_some() && maximum.is_none(),
                    };
                    found.push(Decides {
                        pointer,
                        name: name.to_owned(),
                        role,
                        unbounded,
                    });
                }
            }
        }
        found
    }

    /// The top-level members of its request that probably decide something.
    pub(super) fn members(&self, survey: &Survey<'a>) -> Vec<Decides> {
        let Some(body) = self.part.get("requestBody") else {
            return Vec::new();
        };
        let place = (format!("{}/requestBody", self.pointer), body);
        let read = contents(survey, place).into_iter();
        let schemas = read
            .filter(Content::is_read_request)
            .filter_map(|one| schema(&one.place));
        let mut found = Vec::new();
        for (pointer, part) in schemas.flat_map(|schema| survey.pieces(schema)) {
            let properties = part.get("properties").map(Part::entries);
            for entry in properties.unwrap_or_default() {
                // How many records a page has is asked in the query.
                let role = role(&entry.name).filter(|role| *role != "page-size");
                found.extend(role.map(|role| Decides {
                    pointer: format!("{pointer}/properties/{}", escaped(&entry.name)),
                    name: entry.name.clone(),
                    role,
                    unbounded: role == "include" && !lists_values(survey, &entry.part),
                }));
            }
        }
        found
    }

    /// The first media type of a request of which none can be inspected.
    pub(super) fn uninspectable_request(&self, survey: &Survey<'a>) -> Option<String> {
        let body = self.part.get("requestBody")?;
        let place = (format!("{}/requestBody", self.pointer), body);
        let contents = contents(survey, place);
        let read = contents.iter().any(Content::is_read_request);
        let first = contents.into_iter().next()?;
        (!read).then_some(first.media_type)
    }
}

/// Whether a schema, or that of its items, lists the values there are.
fn lists_values<'a>(survey: &Survey<'a>, schema: &'a Part) -> bool {
    let resolved = |part: &'a Part| survey.resolve((String::new(), part)).map(|place| place.1);
    let schema = resolved(schema);
    let items = schema.and_then(|schema| resolved(schema.get("items")?));
    let mut both = [schema, items].into_iter().flatten();
    both.any(|one| one.get("enum").is_some())
}

/// What a parameter or member of this name decides.
fn role(name: &str) -> Option<&'static str> {
    let words = words(name);
    let mut roles = ROLES.iter();
    let found = roles.find(|(_, names)| names.contains(&words.as_str()));
    found.map(|(role, _)| *role)
}

/// What an object or a path's last word of this name is in the book, one or several.
pub(super) fn thing(name: &str) -> Option<&'static str> {
    let words = words(name);
    let one = words.strip_suffix('s').unwrap_or(&words);
    if is_customer(one) {
        return Some("customer");
    }
    let mut things = THINGS.iter();
    let found = things.find(|(_, names)| names.contains(&one));
    found.map(|(thing, _)| *thing)
}

/// Whether it is a list, or an object with a list of objects.
fn is_list(survey: &Survey<'_>, place: &Place<'_>) -> bool {
    let lists = |part: &Part| {
        let is_list = part.get("type").and_then(Part::text) == Some("array");
        let items = part.get("items").filter(|_| is_list);
        items.is_some_and(|items| items.get("$ref").is_some() || items.get("properties").is_some())
    };
    let resolved = survey
        .resolve(place.clone())
        .unwrap_or_else(|| place.clone());
    let mut pieces = survey.pieces(resolved).into_iter();
    pieces.any(|(_, part)| {
        let properties = part
            .get("properties")
            .map(Part::entries)
            .unwrap_or_default();
        lists(part) || properties.iter().any(|entry| lists(&entry.part))
    })
}
