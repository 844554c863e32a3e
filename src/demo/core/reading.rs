//! The core's reading calls. A list is narrowed by `Partner-Id` and `On-Behalf-Of` and by nothing
//! else; a record is given to whoever names it.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, pdf};
use super::asked::Asked;
use super::store::Store;
use super::world::{AddressList, Customer, DocumentContent, Job, PageView, Recipient};

const PAGE_RECORDS: usize = 50;
const PAGE_RECORDS_MAX: usize = 1_000;
/// Of a moment, its day: `2026-01-31`.
const DAY_LENGTH: usize = 10;

pub(super) fn customers(store: &Store, asked: &Asked) -> Answer {
    let found = store
        .world
        .customers
        .iter()
        .filter(|customer| is_meant(store, asked, &customer.id))
        .map(|customer| (customer.id.as_str(), customer));
    page(asked, found)
}

pub(super) fn customer(store: &Store, id: &str) -> Answer {
    match store.customer(id) {
        Some(customer) => Answer::json(customer),
        None => Answer::not_found("customer", id),
    }
}

pub(super) fn customers_csv(store: &Store, asked: &Asked) -> Answer {
    let mut file = String::from("id,partner_id,name,email,phone,street,city,state,postal_code\r\n");
    let meant = |customer: &&Customer| is_meant(store, asked, &customer.id);
    for customer in store.world.customers.iter().filter(meant) {
        let address = &customer.address;
        let columns = [
            customer.id.as_str(),
            customer.partner_id.as_deref().unwrap_or_default(),
            &customer.name,
            &customer.email,
            customer.phone.as_deref().unwrap_or_default(),
            &address.street,
            &address.city,
            &address.state,
            &address.postal_code,
        ];
        let quoted = columns.map(|column| format!("\"{}\"", column.replace('"', "\"\"")));
        file.push_str(&quoted.join(","));
        file.push_str("\r\n");
    }
    Answer::new("text/csv; charset=utf-8", file)
}

pub(super) fn jobs(store: &Store, asked: &Asked) -> Answer {
    let found = store
        .world
        .jobs
        .iter()
        .filter(|job| is_meant(store, asked, &job.customer_id))
        .map(|job| (job.id.as_str(), job));
    page(asked, found)
}

pub(super) fn job(store: &Store, id: &str) -> Answer {
    match store.job(id) {
        Some(job) => Answer::json(job),
        None => Answer::not_found("job", id),
    }
}

pub(super) fn tracking(store: &Store, asked: &Asked, id: &str) -> Answer {
    let Some(job) = store.job(id) else {
        return Answer::not_found("job", id);
    };
    let list = store.list(&job.address_list_id);
    let recipients = list
        .map(|list| list.recipients.as_slice())
        .unwrap_or_default();
    if asked.wants_xml() {
        return Answer::new("application/xml", tracking_xml(job, recipients));
    }
    let pieces: Vec<Value> = recipients
        .iter()
        .map(|recipient| {
            json!({
                "recipient": recipient,
                "status": piece_status(job),
                "location": recipient.address.city,
                "updated_at": job.created_at,
            })
        })
        .collect();
    Answer::json(&json!({"job_id": job.id, "customer_id": job.customer_id, "pieces": pieces}))
}

pub(super) fn lists(store: &Store, asked: &Asked) -> Answer {
    let found = store
        .world
        .lists
        .iter()
        .filter(|list| is_meant(store, asked, &list.customer_id))
        .map(|list| (list.id.as_str(), list));
    page(asked, found)
}

pub(super) fn list(store: &Store, id: &str) -> Answer {
    #[derive(Serialize)]
    struct Contents<'a> {
        #[serde(flatten)]
        list: &'a AddressList,
        recipients: &'a [Recipient],
    }
    match store.list(id) {
        Some(list) => Answer::json(&Contents {
            list,
            recipients: &list.recipients,
        }),
        None => Answer::not_found("address list", id),
    }
}

pub(super) fn document(store: &Store, id: &str) -> Answer {
    let Some(document) = store.document(id) else {
        return Answer::not_found("document", id);
    };
    match &document.content {
        DocumentContent::Line(line) => Answer::new("application/pdf", pdf(line)),
        DocumentContent::Bytes(bytes) => Answer::new("application/pdf", bytes.clone()),
    }
}

pub(super) fn export(store: &mut Store, asked: &Asked, id: &str) -> Answer {
    let Some(export) = store.exports.iter_mut().find(|export| export.id == id) else {
        return Answer::not_found("export", id);
    };
    let answer = Answer::json(export);
    export.status = "ready";
    export.url = Some(format!(
        "{}/v1/customers.csv?signature=4f1c2a9be07d&export={id}",
        asked.origin
    ));
    answer
}

pub(super) fn page_views(store: &Store, asked: &Asked) -> Answer {
    let found = store
        .world
        .page_views
        .iter()
        .filter(|view| is_meant(store, asked, &view.customer_id))
        .map(|view| (view.id.as_str(), view));
    page(asked, found)
}

pub(super) fn page_view_statistics(store: &Store, asked: &Asked) -> Answer {
    let state_of = |view: &PageView| {
        let customer = store.customer(&view.customer_id)?;
        Some(customer.address.state.as_str())
    };
    let is_meant = |view: &&PageView| {
        let day = view.viewed_at.get(..DAY_LENGTH).unwrap_or_default();
        asked.parameter("from").is_none_or(|from| from <= day)
            && asked.parameter("to").is_none_or(|to| day <= to)
            && asked
                .parameter("state")
                .is_none_or(|state| state_of(view) == Some(state))
    };
    let mut views: Vec<&PageView> = store.world.page_views.iter().filter(is_meant).collect();
    views.sort_unstable_by_key(|view| (view.page, view.customer_id.as_str()));
    let figures = |views: &[&PageView]| {
        let mut customers: Vec<&str> = views.iter().map(|view| &*view.customer_id).collect();
        customers.sort_unstable();
        customers.dedup();
        (views.len(), customers.len())
    };
    let groups: Vec<Value> = views
        .chunk_by(|one, other| one.page == other.page)
        .map(|group| {
            let (count, customers) = figures(group);
            let page = group.first().map(|view| view.page);
            json!({"page": page, "views": count, "customers": customers})
        })
        .collect();
    let (count, customers) = figures(&views);
    Answer::json(&json!({"groups": groups, "total": {"views": count, "customers": customers}}))
}

/// Whether a list the caller asked for includes what belongs to this customer.
fn is_meant(store: &Store, asked: &Asked, customer_id: &str) -> bool {
    if asked.customer().is_some_and(|only| only != customer_id) {
        return false;
    }
    asked.partner().is_none_or(|partner| {
        let customer = store.customer(customer_id);
        customer.and_then(|customer| customer.partner_id.as_deref()) == Some(partner)
    })
}

fn page<'a, T: Serialize + 'a>(
    asked: &Asked,
    found: impl Iterator<Item = (&'a str, &'a T)>,
) -> Answer {
    let limit = match asked.parameter("limit").map(str::parse) {
        None => PAGE_RECORDS,
        Some(Ok(limit)) if (1..=PAGE_RECORDS_MAX).contains(&limit) => limit,
        Some(_) => {
            let detail = format!("limit must be 1 to {PAGE_RECORDS_MAX}");
            let status = StatusCode::BAD_REQUEST;
            return Answer::rejected(status, "invalid", Some("limit"), &detail);
        }
    };
    let found: Vec<_> = found.collect();
    let start = match asked.parameter("cursor") {
        None => 0,
        Some(cursor) => match found.iter().position(|(id, _)| *id == cursor) {
            Some(index) => index + 1,
            None => {
                let detail = format!("nothing follows {cursor}");
                let status = StatusCode::BAD_REQUEST;
                return Answer::rejected(status, "invalid", Some("cursor"), &detail);
            }
        },
    };
    let rest = found.get(start..).unwrap_or_default();
    let on_page = rest.get(..limit).unwrap_or(rest);
    let last = on_page.last().filter(|_| on_page.len() < rest.len());
    let next_url = last.map(|(id, _)| {
        let (origin, path) = (&asked.origin, &asked.path);
        format!("{origin}{path}?limit={limit}&cursor={id}")
    });
    let data: Vec<&T> = on_page.iter().map(|(_, record)| *record).collect();
    let mut answer = json!({"data": data, "has_more": next_url.is_some(), "next_url": next_url});
    if asked.parameter("include[]") == Some("total_count")
        && let Some(members) = answer.as_object_mut()
    {
        members.insert("total_count".to_owned(), found.len().into());
    }
    Answer::json(&answer)
}

fn piece_status(job: &Job) -> &'static str {
    if job.status == "mailed" {
        "in_transit"
    } else {
        "in_production"
    }
}

fn tracking_xml(job: &Job, recipients: &[Recipient]) -> String {
    let mut xml = format!("<?xml version=\"1.0\"?>\n<tracking job=\"{}\">\n", job.id);
    for recipient in recipients {
        let text = escape(&format!("{}, {}", recipient.name, recipient.address.line()));
        xml.push_str(&format!(
            "  <mailPiece><address>{text}</address></mailPiece>\n"
        ));
    }
    xml.push_str("</tracking>\n");
    xml
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
