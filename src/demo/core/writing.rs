//! The core's calls that change something. It checks that what it is told makes sense, never that the
//! caller may say it.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::Asked;
use super::people::Address;
use super::store::{CREATED_AT, Export, Kind, Store};
use super::world::{
    AddressList, Customer, Document, DocumentContent, Job, MailClass, Recipient, UseType,
};

const PRICE_OF_A_PIECE_CENTS: usize = 92;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerCreate {
    name: String,
    organization: Option<String>,
    email: String,
    phone: Option<String>,
    address: Address,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobCreate {
    customer_id: String,
    document_id: String,
    address_list_id: String,
    use_type: UseType,
    #[serde(default)]
    mail_class: MailClass,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressListCreate {
    customer_id: String,
    name: String,
    use_type: UseType,
    recipients: Vec<Recipient>,
}

/// Carries out a call that has an idempotency key at most once.
pub(super) fn once(
    store: &mut Store,
    asked: &Asked,
    carry_out: impl FnOnce(&mut Store, &Asked) -> Answer,
) -> Answer {
    let Some(key) = asked.header("idempotency-key") else {
        return carry_out(store, asked);
    };
    if let Some(answer) = store.answered(key) {
        return answer;
    }
    let answer = carry_out(store, asked);
    store.remember(key, &answer);
    answer
}

pub(super) fn create_customer(store: &mut Store, asked: &Asked) -> Answer {
    let new: CustomerCreate = match read(asked) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    let Some(number) = store.next_number(Kind::Customer) else {
        return Answer::full();
    };
    let customer = Customer {
        id: format!("cus_{number:06}"),
        partner_id: asked.partner().map(str::to_owned),
        name: new.name,
        organization: new.organization,
        email: new.email,
        phone: new.phone,
        address: new.address,
        created_at: CREATED_AT.to_owned(),
        status: "active",
        balance_cents: 0,
        last_seen_ip: None,
        support_notes: None,
    };
    let answer = Answer::json(&customer).with_status(StatusCode::CREATED);
    store.world.customers.push(customer);
    answer
}

pub(super) fn create_job(store: &mut Store, asked: &Asked) -> Answer {
    let new: JobCreate = match read(asked) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    if store.customer(&new.customer_id).is_none() {
        return Answer::not_found("customer", &new.customer_id);
    }
    let Some(list) = store.list(&new.address_list_id) else {
        return Answer::not_found("address list", &new.address_list_id);
    };
    let pieces = list.recipients.len();
    if store.document(&new.document_id).is_none() {
        return Answer::not_found("document", &new.document_id);
    }
    let Some(number) = store.next_number(Kind::Job) else {
        return Answer::full();
    };
    let job = Job {
        id: format!("job_{number:06}"),
        customer_id: new.customer_id,
        status: "draft",
        use_type: new.use_type,
        mail_class: new.mail_class,
        document_id: new.document_id,
        address_list_id: new.address_list_id,
        pieces,
        price_cents: pieces * PRICE_OF_A_PIECE_CENTS,
        created_at: CREATED_AT.to_owned(),
    };
    let answer = Answer::json(&job).with_status(StatusCode::CREATED);
    store.world.jobs.push(job);
    answer
}

pub(super) fn submit_job(store: &mut Store, id: &str) -> Answer {
    move_job(store, id, &["draft"], "submitted")
}

pub(super) fn cancel_job(store: &mut Store, id: &str) -> Answer {
    move_job(store, id, &["draft", "submitted"], "cancelled")
}

fn move_job(store: &mut Store, id: &str, from: &[&str], to: &'static str) -> Answer {
    let Some(job) = store.world.jobs.iter_mut().find(|job| job.id == id) else {
        return Answer::not_found("job", id);
    };
    if !from.contains(&job.status) {
        let detail = format!("{id} is {}", job.status);
        return Answer::rejected(StatusCode::CONFLICT, "wrong_status", None, &detail);
    }
    job.status = to;
    Answer::json(job)
}

pub(super) fn create_list(store: &mut Store, asked: &Asked) -> Answer {
    let new: AddressListCreate = match read(asked) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    if store.customer(&new.customer_id).is_none() {
        return Answer::not_found("customer", &new.customer_id);
    }
    let Some(number) = store.next_number(Kind::List) else {
        return Answer::full();
    };
    let list = AddressList {
        id: format!("list_{number:06}"),
        customer_id: new.customer_id,
        name: new.name,
        recipient_count: new.recipients.len(),
        use_type: new.use_type,
        created_at: CREATED_AT.to_owned(),
        recipients: new.recipients,
    };
    let answer = Answer::json(&list).with_status(StatusCode::CREATED);
    store.world.lists.push(list);
    answer
}

pub(super) fn upload_document(store: &mut Store, asked: &Asked) -> Answer {
    let use_type = match asked.parameter("use_type") {
        Some("operational") => UseType::Operational,
        Some("marketing") => UseType::Marketing,
        _ => return Answer::invalid("use_type", "operational or marketing"),
    };
    let Some(customer_id) = asked.customer() else {
        return Answer::invalid("customer_id", "whose document is it");
    };
    if store.customer(customer_id).is_none() {
        return Answer::not_found("customer", customer_id);
    }
    if !asked.body.starts_with(b"%PDF-") {
        return Answer::invalid("body", "not a PDF");
    }
    let Some(number) = store.next_number(Kind::Document) else {
        return Answer::full();
    };
    let document = Document {
        id: format!("doc_{number:06}"),
        customer_id: customer_id.to_owned(),
        use_type,
        byte_count: asked.body.len(),
        created_at: CREATED_AT.to_owned(),
        content: DocumentContent::Bytes(asked.body.clone()),
    };
    let mut answer = json!(document);
    if let Some(members) = answer.as_object_mut() {
        let (origin, id) = (&asked.origin, &document.id);
        let url = format!("{origin}/v1/documents/{id}?signature=9d20c57ab1ee");
        members.insert("url".to_owned(), url.into());
    }
    store.world.documents.push(document);
    Answer::json(&answer).with_status(StatusCode::CREATED)
}

pub(super) fn create_campaign(store: &mut Store, asked: &Asked) -> Answer {
    if let Err(answer) = read::<serde_json::Map<String, Value>>(asked) {
        return answer;
    }
    let Some(number) = store.next_number(Kind::Other) else {
        return Answer::full();
    };
    let campaign = json!({
        "id": format!("camp_{number:06}"),
        "status": "draft",
        "audience_count": store.world.customers.len(),
        "created_at": CREATED_AT,
    });
    Answer::json(&campaign).with_status(StatusCode::CREATED)
}

pub(super) fn create_export(store: &mut Store, asked: &Asked) -> Answer {
    if let Err(answer) = read::<serde_json::Map<String, Value>>(asked) {
        return answer;
    }
    let Some(number) = store.next_number(Kind::Export) else {
        return Answer::full();
    };
    let export = Export {
        id: format!("exp_{number:06}"),
        status: "running",
        url: None,
        created_at: CREATED_AT,
    };
    let answer = Answer::json(&export).with_status(StatusCode::CREATED);
    store.exports.push(export);
    answer
}

pub(super) fn create_webhook(store: &mut Store, asked: &Asked) -> Answer {
    let new: serde_json::Map<String, Value> = match read(asked) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    let Some(number) = store.next_number(Kind::Other) else {
        return Answer::full();
    };
    let webhook = json!({
        "id": format!("hook_{number:06}"),
        "url": new.get("url"),
        "events": new.get("events"),
        "signing_secret": format!("whsec_{number:06}"),
        "created_at": CREATED_AT,
    });
    Answer::json(&webhook).with_status(StatusCode::CREATED)
}

fn read<T: DeserializeOwned>(asked: &Asked) -> Result<T, Answer> {
    serde_json::from_slice(&asked.body).map_err(|error| Answer::invalid("body", &error.to_string()))
}
