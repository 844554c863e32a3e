//! The ways in which a core service can go wrong, each behind a customer id of its own, so that tests
//! can ask for one by name. The demonstration does not offer them.

use std::io::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::answer::{Body, HOST_NAME, whole};
use super::book::BookRow;
use super::store::Store;

/// How long `cus_slow` keeps the caller waiting.
const SLOW: Duration = Duration::from_secs(120);
const DEEP_LEVELS: usize = 2_000;
const HUGE_BYTES: usize = 64 << 20;
const BOMB_BYTES: usize = 3 << 20;

/// Whether a core offers its misbehaving customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// They do not exist.
    Absent,
    /// `GET /v1/customers/{id}` misbehaves for each of [`MISBEHAVING_IDS`].
    Offered,
}

/// The customers for whom a core misbehaves, and how.
pub const MISBEHAVING_IDS: [&str; 24] = [
    "cus_bomb",     // a few kilobytes that become many megabytes
    "cus_bom",      // a byte order mark before the document
    "cus_deep",     // arrays in arrays, 2,000 levels
    "cus_dup",      // the member `email` twice
    "cus_escaped",  // the member `email` written with an escape, and so twice after unescaping
    "cus_extra",    // members the document does not name, one of them a whole other customer
    "cus_gzip",     // compressed, though nobody asked, and sound
    "cus_hang",     // half the body, then silence
    "cus_html",     // a page for people
    "cus_huge",     // 64 MiB
    "cus_mangled",  // bytes that are not UTF-8
    "cus_nan",      // NaN where a number belongs
    "cus_nothing",  // 200 with no body
    "cus_redirect", // 302 to the core itself
    "cus_slow",     // nothing for two minutes
    "cus_stacked",  // compressed twice
    "cus_swapped",  // another partner's customer in place of the one asked for
    "cus_teapot",   // a status the document does not name
    "cus_trailing", // a second document after the first
    "cus_trunc",    // the connection ends in the middle of the body
    "cus_type",     // a number where a text belongs
    "cus_unowned",  // no customer id in the record
    "cus_500",      // a stack trace
    "cus_503",      // Retry-After of the core's own
];

/// Lines for the book that make every misbehaving customer this partner's.
pub fn misbehaving_book(partner: &str) -> Vec<BookRow> {
    let row = |id: &&str| BookRow::Customer {
        id: (*id).to_owned(),
        partner: partner.to_owned(),
        email: format!("{}@misbehaving.example", id.replace('_', ".")),
        telephone: None,
        address: "1 Crooked Lane, Port Ellery, WA 98100, US".to_owned(),
    };
    MISBEHAVING_IDS.iter().map(row).collect()
}

/// The misbehaving answer for this id, if it is one of them.
pub(super) async fn answer(
    id: &str,
    store: &std::sync::Mutex<Store>,
    origin: &str,
) -> Option<Response<Body>> {
    if !MISBEHAVING_IDS.contains(&id) {
        return None;
    }
    let honest = record(id);
    let response = match id {
        "cus_bom" => json(format!("\u{feff}{honest}")),
        "cus_deep" => json(honest.replace(
            "\"secret\"",
            &format!("{}{}", "[".repeat(DEEP_LEVELS), "]".repeat(DEEP_LEVELS)),
        )),
        "cus_dup" => json(honest.replace(
            "\"phone\"",
            "\"email\":\"second@misbehaving.example\",\"phone\"",
        )),
        "cus_escaped" => json(honest.replace(
            "\"phone\"",
            r#""\u0065mail":"second@misbehaving.example","phone""#,
        )),
        "cus_extra" => json(honest.replace("\"secret\"", &other_partners_customer(store))),
        "cus_bomb" => coded("gzip", bomb(&honest)),
        "cus_gzip" => coded(
            "gzip",
            gzip(honest.replace(",\"internal\":\"secret\"", "").as_bytes()),
        ),
        "cus_stacked" => coded("gzip, gzip", gzip(&gzip(honest.as_bytes()))),
        "cus_hang" => cut_short(&honest, true),
        "cus_html" => typed("text/html", format!("<h1>{HOST_NAME}</h1><p>{honest}")),
        "cus_huge" => json(honest.replace("secret", &"x".repeat(HUGE_BYTES))),
        "cus_mangled" => json(mangled(&honest)),
        "cus_nan" => json(honest.replace("4200", "NaN")),
        "cus_nothing" => json(""),
        "cus_redirect" => {
            let mut response = with_status(StatusCode::FOUND, "");
            if let Ok(place) = HeaderValue::from_str(&format!("{origin}/v1/customers/cus_000001")) {
                response.headers_mut().insert(LOCATION, place);
            }
            response
        }
        "cus_slow" => {
            tokio::time::sleep(SLOW).await;
            json(honest)
        }
        "cus_swapped" => json(other_partners_customer(store)),
        "cus_teapot" => with_status(StatusCode::IM_A_TEAPOT, &honest),
        "cus_trailing" => json(format!("{honest}{honest}")),
        "cus_trunc" => cut_short(&honest, false),
        "cus_type" => json(honest.replace("\"Crook Misbehaving\"", "17")),
        "cus_unowned" => json(honest.replace(&format!("\"id\":\"{id}\","), "")),
        "cus_503" => {
            let mut response = with_status(StatusCode::SERVICE_UNAVAILABLE, &honest);
            let wait = HeaderValue::from_static("86400");
            response.headers_mut().insert("retry-after", wait);
            response
        }
        _ => with_status(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("panic at customers.rs:88 on {HOST_NAME}: {honest}"),
        ),
    };
    Some(response)
}

/// What an honest answer for this customer would be, with one member too many.
fn record(id: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"{id}","partner_id":"acme","name":"Crook Misbehaving","organization":null,"#,
            r#""email":"{id}@misbehaving.example","phone":"+1-206-555-0142","#,
            r#""address":{{"street":"1 Crooked Lane","city":"Port Ellery","state":"WA","#,
            r#""postal_code":"98100","country":"US"}},"created_at":"2026-01-01T00:00:00Z","#,
            r#""status":"active","balance_cents":4200,"last_seen_ip":null,"support_notes":null,"#,
            r#""internal":"secret"}}"#
        ),
        id = id
    )
}

fn other_partners_customer(store: &std::sync::Mutex<Store>) -> String {
    let Ok(store) = store.lock() else {
        return String::new();
    };
    let other = store.world.customers_of(Some("bluebird")).next();
    serde_json::to_string(&other).unwrap_or_default()
}

fn coded(coding: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = json(body);
    let coding = HeaderValue::from_static(coding);
    response.headers_mut().insert(CONTENT_ENCODING, coding);
    response
}

/// What would be honest if it were not for megabytes of white space.
fn bomb(honest: &str) -> Vec<u8> {
    let spaces = vec![b' '; BOMB_BYTES];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(&spaces);
    let written = written.and_then(|()| encoder.write_all(honest.as_bytes()));
    let coded = written.and_then(|()| encoder.finish());
    coded.unwrap_or_default()
}

fn json(body: impl Into<Bytes>) -> Response<Body> {
    typed("application/json", body)
}

fn typed(media_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(whole(body.into()));
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn with_status(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = json(body.to_owned());
    *response.status_mut() = status;
    response
}

/// Announces the whole body and sends half of it; then keeps the connection silent, or ends it.
fn cut_short(body: &str, hang: bool) -> Response<Body> {
    let half = body.as_bytes().get(..body.len() / 2).unwrap_or_default();
    let first = futures_util::stream::iter([Ok(Frame::data(Bytes::copy_from_slice(half)))]);
    let rest = futures_util::stream::once(async move {
        if hang {
            tokio::time::sleep(SLOW).await;
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    });
    let frames = futures_util::StreamExt::chain(first, rest);
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    response
}

fn mangled(body: &str) -> Vec<u8> {
    let (before, after) = body.split_once("Crook").unwrap_or((body, ""));
    [before.as_bytes(), b"Cr\xff\xfe", after.as_bytes()].concat()
}

/// One stored block (RFC 1951 section 3.2.4) in a gzip member (RFC 1952); `bytes` is short.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_default();
    let size = u32::from(length);
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    member.extend(length.to_le_bytes());
    member.extend((!length).to_le_bytes());
    member.extend(bytes);
    member.extend(crc32(bytes).to_le_bytes());
    member.extend(size.to_le_bytes());
    member
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
    let all = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), step)
    });
    !all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn an_honest_record_would_be_valid_so_that_only_the_misbehaviour_is_refused() {
        let value: serde_json::Value = serde_json::from_str(&record("cus_dup")).unwrap();
        assert_eq!(value["id"], "cus_dup");
        assert!(record("cus_nan").contains("4200"));
    }
}
