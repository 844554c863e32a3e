//! The core over real HTTP.

use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};

use super::*;
use crate::catalogue;

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn media_type(&self) -> &str {
        self.headers["content-type"].to_str().unwrap()
    }
}

async fn core(misbehaviour: Misbehaviour) -> Core {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Core::start_with(&World::invent(), address, misbehaviour)
        .await
        .unwrap()
}

async fn call(
    core: &Core,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Got, hyper::Error> {
    let stream = tokio::net::TcpStream::connect(core.address())
        .await
        .unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .header("host", "core")
        .body(Full::new(body.into()))
        .unwrap();
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?;
    Ok(Got {
        status: parts.status,
        headers: parts.headers,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    })
}

async fn get(core: &Core, target: &str, headers: &[(&str, &str)]) -> Got {
    call(core, "GET", target, headers, "").await.unwrap()
}

async fn post(core: &Core, target: &str, headers: &[(&str, &str)], body: Value) -> Got {
    call(core, "POST", target, headers, body.to_string())
        .await
        .unwrap()
}

#[tokio::test]
async fn it_answers_any_customer_to_anyone_and_tells_far_too_much() {
    let core = core(Misbehaviour::Absent).await;
    let answer = get(
        &core,
        "/v1/customers/cus_000002",
        &[("partner-id", "crest")],
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["id"], "cus_000002");
    assert!(
        answer.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains(SESSION_SECRET)
    );
    assert!(
        answer.headers["server"]
            .to_str()
            .unwrap()
            .contains(HOST_NAME)
    );
    let absent = get(&core, "/v1/customers/cus_999999", &[]).await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert!(
        absent.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains(HOST_NAME)
    );
}

#[tokio::test]
async fn paging_to_the_end_meets_every_customer_of_the_partner_once_and_no_other() {
    let core = core(Misbehaviour::Absent).await;
    let world = World::invent();
    let partner = [("Partner-Id", "bluebird")];
    let mut target = "/v1/customers?limit=300".to_owned();
    let mut ids = Vec::new();
    loop {
        let page = get(&core, &target, &partner).await.json();
        for record in page["data"].as_array().unwrap() {
            assert_eq!(record["partner_id"], "bluebird");
            ids.push(record["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_url"].as_str() else {
            assert_eq!(page["has_more"], false);
            break;
        };
        let origin = format!("http://{}", core.address());
        target = next.strip_prefix(&origin).unwrap().to_owned();
    }
    let expected: Vec<_> = world
        .customers_of(Some("bluebird"))
        .map(|customer| customer.id.clone())
        .collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn lists_narrow_to_one_customer_and_count_when_asked() {
    let core = core(Misbehaviour::Absent).await;
    let one = [("on-behalf-of", "cus_000003")];
    for path in ["customers", "jobs", "address_lists", "page_views"] {
        let target = format!("/v1/{path}?include%5B%5D=total_count");
        let page = get(&core, &target, &one).await.json();
        let records = page["data"].as_array().unwrap();
        assert!((1..=2).contains(&records.len()), "{path}");
        assert_eq!(page["total_count"], records.len());
    }
    for wrong in ["limit=0", "limit=1001", "limit=x", "cursor=cus_x"] {
        let answer = get(&core, &format!("/v1/customers?{wrong}"), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_mailing_goes_from_list_and_document_to_a_submitted_job() {
    let core = core(Misbehaviour::Absent).await;
    let owner = "cus_000001";
    let recipient = json!({"name": "Ada Fen", "organization": null, "address": {
        "street": "1 Kiln Way", "city": "Stillwell", "state": "CO",
        "postal_code": "80201", "country": "US"}});
    let list = json!({"customer_id": owner, "name": "Bills", "use_type": "operational",
        "recipients": [recipient]});
    let list = post(&core, "/v1/address_lists", &[], list).await.json();
    let target = format!("/v1/documents?customer_id={owner}&use_type=operational");
    let document = call(&core, "POST", &target, &[], "%PDF-1.4 letter")
        .await
        .unwrap();
    assert_eq!(document.status, StatusCode::CREATED);
    let job = json!({"customer_id": owner, "document_id": document.json()["id"],
        "address_list_id": list["id"], "use_type": "operational"});
    let key = [("idempotency-key", "one")];
    let created = post(&core, "/v1/jobs", &key, job.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(post(&core, "/v1/jobs", &key, job).await.json()["id"], id);
    let submit = format!("/v1/jobs/{id}/submit");
    assert_eq!(
        post(&core, &submit, &[], json!({})).await.json()["status"],
        "submitted"
    );
    assert_eq!(
        post(&core, &submit, &[], json!({})).await.status,
        StatusCode::CONFLICT
    );
    let pieces = get(&core, &format!("/v1/jobs/{id}/tracking"), &[])
        .await
        .json();
    assert_eq!(pieces["pieces"][0]["recipient"]["name"], "Ada Fen");
}

#[tokio::test]
async fn a_new_customer_is_the_calling_partners() {
    let core = core(Misbehaviour::Absent).await;
    let new = json!({"name": "Nell Quay", "email": "nell@quay.example", "address": {
        "street": "2 Kiln Way", "city": "Stillwell", "state": "CO",
        "postal_code": "80201", "country": "US"}});
    let created = post(&core, "/v1/customers", &[("partner-id", "crest")], new).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let read = get(&core, &format!("/v1/customers/{id}"), &[]).await.json();
    assert_eq!(read["partner_id"], "crest");
    let wrong = post(&core, "/v1/customers", &[], json!({"name": "Nell"})).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn other_formats_come_as_files_and_as_xml() {
    let core = core(Misbehaviour::Absent).await;
    let csv = get(&core, "/v1/customers.csv", &[("partner-id", "crest")]).await;
    assert!(csv.media_type().starts_with("text/csv"));
    let lines = std::str::from_utf8(&csv.body).unwrap().lines().count();
    assert_eq!(
        lines,
        1 + World::invent().customers_of(Some("crest")).count()
    );
    let pdf = get(&core, "/v1/documents/doc_000001", &[]).await;
    assert_eq!(pdf.media_type(), "application/pdf");
    assert!(pdf.body.starts_with(b"%PDF-") && pdf.body.ends_with(b"%%EOF\n"));
    let accept = [("accept", "application/xml")];
    let xml = get(&core, "/v1/jobs/job_000001/tracking", &accept).await;
    assert_eq!(xml.media_type(), "application/xml");
    assert!(xml.body.starts_with(b"<?xml"));
    let export = json!({"records": "customers", "format": "csv"});
    let export = post(&core, "/v1/exports", &[], export).await.json();
    let target = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    assert_eq!(get(&core, &target, &[]).await.json()["status"], "running");
    assert!(get(&core, &target, &[]).await.json()["url"].is_string());
}

#[tokio::test]
async fn a_trailer_comes_now_and_then_to_those_who_take_them() {
    let core = core(Misbehaviour::Absent).await;
    let mut trailers = 0;
    for _ in 0..5 {
        let answer = get(&core, "/v1/jobs/job_000001", &[("te", "trailers")]).await;
        trailers += usize::from(answer.trailers.is_some());
    }
    assert_eq!(trailers, 1);
    assert_eq!(core.received_count(), 5);
    assert_eq!(
        core.received().last().unwrap().target,
        "/v1/jobs/job_000001"
    );
}

#[tokio::test]
async fn misbehaviour_is_offered_only_on_request() {
    let clean = core(Misbehaviour::Absent).await;
    for id in MISBEHAVING_IDS {
        let answer = get(&clean, &format!("/v1/customers/{id}"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
    let core = core(Misbehaviour::Offered).await;
    let of = async |id: &str| call(&core, "GET", &format!("/v1/customers/{id}"), &[], "").await;
    let text = |got: Got| String::from_utf8_lossy(&got.body).into_owned();
    assert_eq!(
        text(of("cus_dup").await.unwrap())
            .matches("\"email\"")
            .count(),
        2
    );
    assert!(text(of("cus_nan").await.unwrap()).contains("NaN"));
    assert!(of("cus_trunc").await.is_err());
    assert_eq!(of("cus_html").await.unwrap().media_type(), "text/html");
    assert_eq!(of("cus_redirect").await.unwrap().status, StatusCode::FOUND);
    assert_eq!(
        of("cus_gzip").await.unwrap().headers["content-encoding"],
        "gzip"
    );
    assert!(of("cus_swapped").await.unwrap().json()["partner_id"] == "bluebird");
    assert!(std::str::from_utf8(&of("cus_mangled").await.unwrap().body).is_err());
    for id in [
        "cus_nan",
        "cus_dup",
        "cus_trailing",
        "cus_bom",
        "cus_extra",
        "cus_type",
    ] {
        assert_eq!(of(id).await.unwrap().status, StatusCode::OK, "{id}");
    }
}

/// The catalogue must describe the core as it is, or every test behind the gateway is about another
/// service: no member it does not know, none missing that it requires, every value of its type.
fn conforms(node: &catalogue::Node, shape: &catalogue::Shape, value: &Value, at: &str) {
    match (node, value) {
        (catalogue::Node::Object(object), Value::Object(members)) => {
            for (name, value) in members {
                let member = object.members.iter().find(|member| &*member.name == name);
                let member = member.unwrap_or_else(|| panic!("{at}.{name} is not described"));
                conforms(&member.node, shape, value, &format!("{at}.{name}"));
            }
            for member in &object.members {
                let there = members.contains_key(&*member.name);
                assert!(there || !member.required, "{at}.{} is missing", member.name);
            }
        }
        (catalogue::Node::Object(object), Value::Null) => assert!(object.nullable, "{at}"),
        (catalogue::Node::Array(item), Value::Array(items)) => {
            for value in items {
                conforms(item, shape, value, at);
            }
        }
        (catalogue::Node::Scalar(id), value) => {
            let field = &shape.fields[usize::from(id.0)];
            let fits = match field.kind {
                _ if value.is_null() => field.nullable,
                catalogue::ScalarKind::String => value.is_string(),
                catalogue::ScalarKind::Integer => value.is_i64() || value.is_u64(),
                catalogue::ScalarKind::Number => value.is_number(),
                catalogue::ScalarKind::Boolean => value.is_boolean(),
            };
            assert!(fits, "{at} is {value}");
        }
        (node, value) => panic!("{at}: {value} is not {node:?}"),
    }
}

/// One call, at least, of every kind of answer.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    let address = json!({"street": "1 Kiln Way", "city": "Stillwell", "state": "CO",
        "postal_code": "80201", "country": "US"});
    let owned = json!({"customer_id": "cus_000001", "document_id": "doc_000001",
        "address_list_id": "list_000001", "use_type": "operational"});
    let list = json!({"customer_id": "cus_000001", "name": "Bills", "use_type": "operational",
        "recipients": [{"name": "Ada Fen", "organization": null, "address": address}]});
    vec![
        (
            "GET",
            "/v1/customers?limit=1000&include[]=total_count",
            Value::Null,
        ),
        ("GET", "/v1/customers?limit=0", Value::Null),
        ("GET", "/v1/customers/cus_000001", Value::Null),
        ("GET", "/v1/customers/cus_999999", Value::Null),
        ("GET", "/v1/customers.csv", Value::Null),
        ("GET", "/v1/jobs?limit=1000", Value::Null),
        ("GET", "/v1/jobs/job_000001", Value::Null),
        ("GET", "/v1/jobs/job_000001/tracking", Value::Null),
        ("GET", "/v1/address_lists", Value::Null),
        ("GET", "/v1/address_lists/list_000001", Value::Null),
        ("GET", "/v1/documents/doc_000001", Value::Null),
        ("GET", "/v1/page_views", Value::Null),
        ("GET", "/v1/page_views/statistics", Value::Null),
        (
            "POST",
            "/v1/customers",
            json!({"name": "Nell", "email": "n@q.example", "address": address}),
        ),
        ("POST", "/v1/customers", json!({"name": "Nell"})),
        ("POST", "/v1/jobs", owned),
        ("POST", "/v1/jobs/job_999999/submit", Value::Null),
        ("POST", "/v1/address_lists", list),
        (
            "POST",
            "/v1/campaigns",
            json!({"name": "Sale", "document_id": "doc_000001", "audience": {}}),
        ),
        (
            "POST",
            "/v1/exports",
            json!({"records": "customers", "format": "csv"}),
        ),
        ("GET", "/v1/exports/exp_000001", Value::Null),
        (
            "POST",
            "/v1/webhooks",
            json!({"url": "https://a.example/", "events": ["job.mailed"]}),
        ),
    ]
}

#[tokio::test]
async fn every_answer_is_as_the_catalogue_describes_it() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let mut mistakes = crate::mistakes::Mistakes::new();
    let folder = crate::source::Folder::read(directory.as_ref(), &mut mistakes);
    let catalogue = catalogue::Catalogue::load(&folder, &mut mistakes).unwrap();
    let core = core(Misbehaviour::Absent).await;
    for (method, target, body) in calls() {
        let answer = call(&core, method, target, &[], body.to_string())
            .await
            .unwrap();
        let path = target.split('?').next().unwrap();
        let routed = catalogue.route(&method.parse().unwrap(), path).unwrap();
        let id = &routed.operation.id;
        let listed = routed.operation.answers.iter();
        let listed = listed
            .clone()
            .find(|one| one.status == answer.status.as_u16());
        let listed = listed.unwrap_or_else(|| panic!("{id} does not list {}", answer.status));
        match &listed.body {
            catalogue::Body::Data { shape, .. } => conforms(&shape.root, shape, &answer.json(), id),
            catalogue::Body::Document { media_type, .. }
            | catalogue::Body::Uninspectable { media_type } => {
                assert!(answer.media_type().starts_with(&**media_type), "{id}");
            }
            catalogue::Body::Empty => assert!(answer.body.is_empty(), "{id}"),
        }
    }
}
