//! Entries of the ledger in forms that other programs read: JSON lines, CSV (RFC 4180), OCSF 1.3 (API
//! activity, class 6003) and CloudEvents 1.0 (JSON format); with the feature `parquet`, Parquet. What these have no place for stands in them
//! whole, as it was recorded.

#[cfg(feature = "parquet")]
pub mod table;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::entry::{Entry, Event, Recipient, RequestFacts};
use crate::terms::csv_cell;

/// First line of CSV.
pub const CSV_HEADINGS: &str = "entry,time,kind,request,recipient_kind,recipient,operation,purpose,\
    decision,basis,data,persons,withheld,policy,actor,role,object,because\r\n";

/// How many of [`TEXT_COLUMNS`] stand before the number of persons in CSV.
const TEXTS_BEFORE_PERSONS: usize = 9;

/// Class and category of OCSF: API activity, in application activity.
const OCSF_CLASS: u32 = 6_003;
const OCSF_CATEGORY: u32 = 6;
const OCSF_VERSION: &str = "1.3.0";
const OCSF_PRODUCT: &str = "Covenant";
/// In place of a name where nobody is known.
const OCSF_UNKNOWN: &str = "unknown";
/// Media type of an entry.
const ENTRY_MEDIA_TYPE: &str = "application/json";
/// Prefix of the types of events.
const EVENT_TYPE: &str = "covenant.ledger";

/// Who asked, of entries that a request caused.
fn request(event: &Event) -> Option<&RequestFacts> {
    match event {
        Event::Disclosure(disclosure) => Some(&disclosure.request),
        Event::Intent(intent) => Some(&intent.request),
        Event::Refusal(refusal) => Some(&refusal.request),
        Event::Shadow(shadowed) => Some(&shadowed.request),
        Event::Delivered(delivered) => Some(&delivered.request),
        Event::Act(_) | Event::Gateway(_) | Event::Purge(_) => None,
    }
}

fn recipient(request: Option<&RequestFacts>) -> (&'static str, &str) {
    match request.and_then(|request| request.recipient.as_ref()) {
        Some(Recipient::Partner { id, .. }) => ("partner", id),
        Some(Recipient::Customer) => ("customer", ""),
        Some(Recipient::Authority { reference }) => ("authority", reference),
        Some(Recipient::Staff { name }) => ("staff", name),
        None => ("", ""),
    }
}

/// What was decided, or done.
fn decision(event: &Event) -> &str {
    match event {
        Event::Disclosure(disclosure) => &disclosure.decision,
        Event::Intent(_) => "forward",
        Event::Refusal(refusal) => &refusal.code,
        Event::Act(act) => &act.action,
        Event::Gateway(note) => &note.what,
        Event::Shadow(shadowed) => &shadowed.decided,
        Event::Delivered(delivered) if delivered.complete => "complete",
        Event::Delivered(_) => "incomplete",
        Event::Purge(_) => "purge",
    }
}

/// What an entry tells in a table: a column for each member, with nothing where it has no such thing.
struct Row {
    entry: u64,
    time: Timestamp,
    persons: usize,
    /// The text columns, by the names and in the order of [`TEXT_COLUMNS`]; empty where there is none.
    texts: [String; TEXT_COLUMNS.len()],
}

/// Columns of text, as they are called in CSV and Parquet.
const TEXT_COLUMNS: [&str; 15] = [
    "kind",
    "request",
    "recipient_kind",
    "recipient",
    "operation",
    "purpose",
    "decision",
    "basis",
    "data",
    "withheld",
    "policy",
    "actor",
    "role",
    "object",
    "because",
];

fn row(index: u64, entry: &Entry) -> Row {
    let event = &entry.event;
    let facts = request(event);
    let (kind, name) = recipient(facts);
    let told = |text: Option<&String>| text.cloned().unwrap_or_default();
    let fact = |of: fn(&RequestFacts) -> Option<&String>| told(facts.and_then(of));
    let (mut bases, mut data, mut persons, mut withheld) = (Vec::new(), Vec::new(), 0, Vec::new());
    if let Event::Disclosure(disclosure) = event {
        for group in &disclosure.subjects {
            bases.push(group.basis.clone());
            let forms = group.categories.iter();
            data.extend(forms.map(|(category, form)| format!("{category} ({form})")));
            persons += group.references.len();
        }
        withheld.extend(disclosure.withheld.iter().map(|field| field.field.clone()));
    }
    bases.dedup();
    let act = match event {
        Event::Act(act) => Some(act),
        _ => None,
    };
    Row {
        entry: index,
        time: entry.time,
        persons,
        texts: [
            event.kind().to_owned(),
            fact(|facts| Some(&facts.request_id)),
            kind.to_owned(),
            name.to_owned(),
            fact(|facts| facts.operation.as_ref()),
            fact(|facts| facts.purpose.as_ref()),
            decision(event).to_owned(),
            bases.join(" "),
            data.join(" "),
            withheld.join(" "),
            fact(|facts| facts.policy.as_ref()),
            told(act.map(|act| &act.actor)),
            told(act.map(|act| &act.role)),
            told(act.and_then(|act| act.object.as_ref())),
            told(act.and_then(|act| act.because.as_ref())),
        ],
    }
}

/// A line of CSV, with its end.
pub fn csv(index: u64, entry: &Entry) -> String {
    let row = row(index, entry);
    let (before, after) = row.texts.split_at(TEXTS_BEFORE_PERSONS);
    let cells = [row.entry.to_string(), row.time.to_string()]
        .into_iter()
        .chain(before.iter().cloned())
        .chain([row.persons.to_string()])
        .chain(after.iter().cloned());
    let cells: Vec<_> = cells.map(|cell| csv_cell(&cell)).collect();
    cells.join(",") + "\r\n"
}

/// An event of CloudEvents 1.0, with the entry as its data.
///
/// `source` is the log's origin, `id` the entry's index: both together name one event for ever.
pub fn cloud_event(index: u64, bytes: &[u8], entry: &Entry, origin: &str) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        "id": index.to_string(),
        "source": format!("urn:covenant:log:{origin}"),
        "type": format!("{EVENT_TYPE}.{}", entry.event.kind()),
        "time": entry.time.to_string(),
        "datacontenttype": ENTRY_MEDIA_TYPE,
        "data": serde_json::from_slice::<Value>(bytes).unwrap_or_default(),
    });
    if let Some(facts) = request(&entry.event) {
        let trace = facts.trace_id.as_deref();
        if let (Some(trace), Some(members)) = (trace, event.as_object_mut()) {
            // Extension attributes have names of lower-case letters and digits.
            members.insert("traceid".to_owned(), trace.into());
        }
    }
    event
}

/// An event of OCSF 1.3, class API activity, with the entry as it stands in `unmapped`.
pub fn ocsf(index: u64, bytes: &[u8], entry: &Entry, origin: &str) -> Value {
    let event = &entry.event;
    let facts = request(event);
    let (kind, name) = recipient(facts);
    let (activity, activity_name) = activity(event);
    let denied = matches!(event, Event::Refusal(_));
    // Of a user, and of an endpoint, one thing that tells them apart must be known.
    let name = if name.is_empty() { kind } else { name };
    let actor = match event {
        Event::Act(act) => {
            json!({"user": {"name": known(&act.actor), "groups": [{"name": known(&act.role)}]}})
        }
        Event::Gateway(_) => json!({"app_name": OCSF_PRODUCT}),
        _ if name.is_empty() => json!({"user": {"name": OCSF_UNKNOWN, "type_id": 0}}),
        _ => json!({"user": {"name": name, "type": kind, "type_id": 99}}),
    };
    let endpoint = match event {
        Event::Act(_) | Event::Gateway(_) => json!({"svc_name": OCSF_PRODUCT}),
        _ => json!({"name": known(name)}),
    };
    let operation = facts.and_then(|facts| facts.operation.as_deref());
    let operations = [operation.unwrap_or_default(), decision(event), event.kind()];
    let operation = operations.into_iter().find(|name| !name.is_empty());
    let mut api = json!({"operation": operation});
    let request = facts.map(|facts| &facts.request_id);
    let request = request.filter(|request| !request.is_empty());
    if let (Some(request), Some(members)) = (request, api.as_object_mut()) {
        members.insert("request".to_owned(), json!({"uid": request}));
    }
    json!({
        "class_uid": OCSF_CLASS,
        "class_name": "API Activity",
        "category_uid": OCSF_CATEGORY,
        "category_name": "Application Activity",
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": OCSF_CLASS * 100 + activity,
        "severity_id": if denied { 2 } else { 1 },
        "status_id": if denied { 2 } else { 1 },
        "status_code": decision(event),
        "time": milliseconds(entry.time),
        "actor": actor,
        "api": api,
        "src_endpoint": endpoint,
        "metadata": {
            "version": OCSF_VERSION,
            "uid": index.to_string(),
            "log_name": origin,
            "product": {"name": OCSF_PRODUCT, "vendor_name": OCSF_PRODUCT},
        },
        "unmapped": serde_json::from_slice::<Value>(bytes).unwrap_or_default(),
    })
}

/// What OCSF wants to be told, even where nobody knows.
fn known(name: &str) -> &str {
    if name.is_empty() { OCSF_UNKNOWN } else { name }
}

fn milliseconds(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// OCSF's activity: create, read, update, delete, or another.
fn activity(event: &Event) -> (u32, &'static str) {
    match event {
        Event::Disclosure(disclosure) if disclosure.created.is_some() => (1, "Create"),
        Event::Disclosure(_) | Event::Delivered(_) => (2, "Read"),
        Event::Intent(_) => (3, "Update"),
        Event::Purge(_) => (4, "Delete"),
        Event::Refusal(_) | Event::Act(_) | Event::Gateway(_) | Event::Shadow(_) => (99, "Other"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::any_entry;
    use proptest::prelude::*;

    /// What the schema of OCSF 1.3 requires of API activity and is not there, or is of none of its
    /// enumerations: the base event's and the class's attributes, and of each object used what it requires
    /// itself or of which it requires at least one.
    fn lacking(event: &Value) -> Vec<&'static str> {
        let told = |pointer: &str| match event.pointer(pointer) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Number(_)) => true,
            _ => false,
        };
        let one_of = |pointers: &[&str]| pointers.iter().any(|pointer| told(pointer));
        let number = |pointer: &str, allowed: &[u64]| {
            event
                .pointer(pointer)
                .and_then(Value::as_u64)
                .is_some_and(|n| allowed.contains(&n))
        };
        let is_absent = |pointer: &str| event.pointer(pointer).is_none();
        let checks = [
            ("class_uid", number("/class_uid", &[6_003])),
            ("category_uid", number("/category_uid", &[6])),
            ("activity_id", number("/activity_id", &[0, 1, 2, 3, 4, 99])),
            (
                "severity_id",
                number("/severity_id", &[0, 1, 2, 3, 4, 5, 6, 99]),
            ),
            ("status_id", number("/status_id", &[0, 1, 2, 99])),
            ("time", event["time"].is_i64() || event["time"].is_u64()),
            ("metadata.version", told("/metadata/version")),
            ("product.vendor_name", told("/metadata/product/vendor_name")),
            ("product", one_of(&["/metadata/product/name"])),
            ("actor", one_of(&["/actor/user/name", "/actor/app_name"])),
            ("user", is_absent("/actor/user") || told("/actor/user/name")),
            (
                "user.type_id",
                is_absent("/actor/user/type_id")
                    || number("/actor/user/type_id", &[0, 1, 2, 3, 4, 99]),
            ),
            (
                "user.type of the kind 99",
                !number("/actor/user/type_id", &[99]) || told("/actor/user/type"),
            ),
            (
                "group",
                is_absent("/actor/user/groups") || told("/actor/user/groups/0/name"),
            ),
            ("api.operation", told("/api/operation")),
            (
                "request.uid",
                is_absent("/api/request") || told("/api/request/uid"),
            ),
            (
                "src_endpoint",
                one_of(&["/src_endpoint/name", "/src_endpoint/svc_name"]),
            ),
        ];
        checks
            .into_iter()
            .filter(|(_, kept)| !kept)
            .map(|(what, _)| what)
            .collect()
    }

    proptest! {
        #[test]
        fn every_entry_has_a_line_of_csv_and_events_that_hold_all_of_it(entry in any_entry()) {
            let bytes = entry.to_canonical();
            let table = format!("{CSV_HEADINGS}{}", csv(7, &entry));
            let mut reader = ::csv::Reader::from_reader(table.as_bytes());
            let columns = reader.headers().unwrap().len();
            let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(rows[0].len(), columns);
            let names = reader.headers().unwrap().iter().skip(2).filter(|name| *name != "persons");
            prop_assert!(names.eq(TEXT_COLUMNS));
            prop_assert_eq!(reader.headers().unwrap().get(2 + TEXTS_BEFORE_PERSONS), Some("persons"));
            prop_assert_eq!(&rows[0][2], entry.event.kind());
            for cell in &rows[0] {
                prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{}", cell);
            }
            let whole: Value = serde_json::from_slice(&bytes).unwrap();
            let cloud = cloud_event(7, &bytes, &entry, "covenant.example/log");
            prop_assert_eq!(&cloud["data"], &whole);
            prop_assert_eq!(&cloud["specversion"], "1.0");
            for name in cloud.as_object().unwrap().keys() {
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
            }
            let ocsf = ocsf(7, &bytes, &entry, "covenant.example/log");
            prop_assert_eq!(&ocsf["unmapped"], &whole);
            let activity = ocsf["activity_id"].as_u64().unwrap();
            prop_assert_eq!(ocsf["type_uid"].as_u64().unwrap(), 600_300 + activity);
            prop_assert_eq!(lacking(&ocsf), Vec::<&str>::new());
        }
    }
}
