//! A core that writes what it likes on the wire: whatever of an answer has two readings is a fault, what
//! belongs to the core's own connection stays on it, and no connection in doubt is used again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::caller::Call;
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

/// In what a core says, this is the id that was asked for.
const ASKED: &str = "doc_??????";
const PAGE: &str = r#"{"data":[],"has_more":false,"next_url":null}"#;

/// Answers every request with the bytes it was told to, and keeps its connections open.
#[derive(Clone, Default)]
struct RawCore {
    says: Arc<Mutex<Vec<u8>>>,
    /// It says each answer once more, before the next one on the same connection.
    repeats: Arc<Mutex<bool>>,
    /// It gives up waiting for a second request on a connection just when that comes.
    gives_up: Arc<Mutex<bool>>,
    /// The partners whose requests came on each connection.
    connections: Arc<Mutex<Vec<BTreeSet<String>>>>,
}

/// One connection to it.
struct Conversation {
    core: RawCore,
    number: usize,
    said_last: Option<Vec<u8>>,
}

impl Conversation {
    /// What is said to this request, and whether the connection ends there.
    fn answer(&mut self, head: &[u8]) -> (Vec<u8>, bool) {
        let head = String::from_utf8_lossy(head);
        let partner = head
            .lines()
            .find_map(|line| line.strip_prefix("partner-id: "));
        let partners = &mut self.core.connections.lock().unwrap()[self.number];
        partners.insert(partner.unwrap_or_default().to_owned());
        let mut said = self.core.says.lock().unwrap().clone();
        let asked = head
            .split(' ')
            .nth(1)
            .and_then(|path| path.rsplit('/').next());
        if let Some(asked) = asked.filter(|asked| asked.len() == ASKED.len()) {
            let template = String::from_utf8_lossy(&said);
            said = template.replace(ASKED, asked).into_bytes();
        }
        let closes = said.ends_with(b"CLOSE");
        said.truncate(said.len() - if closes { 5 } else { 0 });
        let said_last = self.said_last.replace(said.clone());
        if said_last.is_some() && *self.core.gives_up.lock().unwrap() {
            let headers = "content-length: 2\r\nconnection: close\r\n";
            return (answer("408 Request Timeout", headers, "{}").into(), true);
        }
        match said_last.filter(|_| *self.core.repeats.lock().unwrap()) {
            Some(again) => (again, closes),
            None => (said, closes),
        }
    }
}

impl RawCore {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let core = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut conversation = Conversation {
                    core: core.clone(),
                    number: core.connections(),
                    said_last: None,
                };
                core.connections.lock().unwrap().push(BTreeSet::new());
                tokio::spawn(async move {
                    let mut read = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        read.push(byte);
                        if read.ends_with(b"\r\n\r\n") {
                            let (said, closes) = conversation.answer(&read);
                            read.clear();
                            if stream.write_all(&said).await.is_err() || closes {
                                return;
                            }
                        }
                    }
                });
            }
        });
        format!("http://{address}")
    }

    fn says(&self, said: impl Into<Vec<u8>>) {
        *self.says.lock().unwrap() = said.into();
    }

    fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }
}

async fn stand() -> (Stand, RawCore) {
    stand_with(&[]).await
}

async fn stand_with(edits: &[(&str, &str, &str)]) -> (Stand, RawCore) {
    let core = RawCore::default();
    let address = core.serve().await;
    let stand = Stand::start_with(edits, |config| {
        config.services.get_mut("mailing").unwrap().base_url = address;
    });
    (stand.await, core)
}

/// An answer with this between its status line and its content type, and this body.
fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\n\r\n{body}")
}

fn plain() -> String {
    let length = format!("content-length: {}\r\n", PAGE.len());
    answer("200 OK", &length, PAGE)
}

fn chunked(extension: &str, trailers: &str) -> String {
    let body = format!(
        "{:x}{extension}\r\n{PAGE}\r\n0\r\n{trailers}\r\n",
        PAGE.len()
    );
    answer("200 OK", "transfer-encoding: chunked\r\n", &body)
}

#[tokio::test]
async fn what_belongs_to_the_cores_connection_stays_on_it() {
    let (stand, core) = stand().await;
    let mut acme = stand.partner("acme").await;
    let length = format!("content-length: {}\r\n", PAGE.len());
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </canary>; rel=preload\r\n\r\n";
    for said in [
        plain(),
        format!("{hints}{hints}{}", plain()),
        format!("HTTP/1.1 100 Continue\r\nx-canary: a\r\n\r\n{}", plain()),
        chunked(";canary=1", ""),
        chunked("", "x-canary: a\r\nset-cookie: canary=1\r\n"),
        answer("200 canary is fine", &length, PAGE),
        answer("200 ", &length, PAGE),
        answer(
            "200 OK",
            &format!("{length}trailer: x-canary\r\nvia: 1.1 canary\r\n"),
            PAGE,
        ),
        answer(
            "200 OK",
            &format!("{length}keep-alive: canary\r\nserver: canary\r\n"),
            PAGE,
        ),
    ] {
        core.says(said.clone());
        let reply = acme.get("/v1/jobs", SERVICE).await;
        assert_eq!(reply.status, 200, "{said}: {}", reply.everything());
        assert_eq!(reply.body, PAGE, "{said}");
        assert!(reply.trailers.is_none(), "{said}");
        assert!(!reply.everything().contains("canary"), "{said}");
    }
}

#[tokio::test]
async fn an_answer_with_two_readings_is_a_fault_and_its_connection_is_not_used_again() {
    let (stand, core) = stand().await;
    let mut acme = stand.partner("acme").await;
    let length = PAGE.len();
    let in_chunks = format!("{length:x}\r\n{PAGE}\r\n0\r\n\r\n");
    let lengths = |headers: &str| answer("200 OK", headers, PAGE);
    let chunks = |headers: &str| answer("200 OK", headers, &in_chunks);
    for said in [
        chunks(&format!(
            "content-length: {length}\r\ntransfer-encoding: chunked\r\n"
        )),
        chunks(&format!(
            "transfer-encoding: chunked\r\ncontent-length: {length}\r\n"
        )),
        chunks("transfer-encoding: gzip, chunked\r\n"),
        chunks("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        chunks("transfer-encoding: chunked, identity\r\n") + "CLOSE",
        lengths(&format!(
            "content-length: {length}\r\ncontent-length: {length}\r\n"
        )),
        lengths(&format!("content-length: {length}, {length}\r\n")),
        lengths(&format!(
            "content-length: {length}\r\ncontent-length: 1\r\n"
        )),
        lengths(&format!("content-length: +{length}\r\n")),
        lengths("content-length: 0x2a\r\n"),
        lengths("") + "CLOSE",
        lengths(&format!("content-length: {}\r\n", length + 1)) + "CLOSE",
        answer("200 OK", "transfer-encoding: chunked\r\n", "zz\r\n"),
        format!("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{in_chunks}"),
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"
            .to_owned(),
        "HTTP/1.1 200 OK\r\n content-length: 1\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\ncontent-length : {length}\r\n\r\n{PAGE}"),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        core.says(plain());
        assert_eq!(acme.get("/v1/jobs", SERVICE).await.status, 200);
        let before = core.connections();
        core.says(said.clone());
        let reply = acme.get("/v1/jobs", SERVICE).await;
        assert_eq!(reply.status, 502, "{said}: {}", reply.everything());
        let code = reply.json()["code"].clone();
        assert!(
            code == "response-uninspectable" || code == "core-unavailable",
            "{said}: {code}"
        );
        core.says(plain());
        let reply = acme.get("/v1/jobs", SERVICE).await;
        assert_eq!(reply.status, 200, "{said}");
        assert!(
            core.connections() > before,
            "it was used again after {said}"
        );
    }
}

#[tokio::test]
async fn what_comes_behind_an_answer_is_no_answer_to_anybody() {
    let (stand, core) = stand().await;
    let mut acme = stand.partner("acme").await;
    let hidden = PAGE.replace("false", "true");
    let second = answer(
        "200 OK",
        &format!("content-length: {}\r\n", hidden.len()),
        &hidden,
    );
    for _ in 0..8 {
        core.says(format!("{}{second}", plain()));
        let reply = acme.get("/v1/jobs", SERVICE).await;
        assert!(
            reply.status == 502 || reply.body == PAGE,
            "{}",
            reply.everything()
        );
        core.says(plain());
        let reply = acme.get("/v1/jobs", SERVICE).await;
        assert_eq!(
            reply.body, PAGE,
            "it was taken from what came behind another answer"
        );
    }
}

/// A letter that names the document it is the answer to.
fn letter() -> String {
    let letter = format!("%PDF-1.4 LETTER OF {ASKED}");
    let length = letter.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: {length}\r\n\r\n{letter}"
    )
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_never_another_partners() {
    let both = "  - uploadDocument\n  - getDocument\n";
    let edit = ("partners/crest.yaml", "  - uploadDocument\n", both);
    let (stand, core) = stand_with(&[edit]).await;
    let mut callers = Vec::new();
    for partner in ["crest", "acme"] {
        let documents: Vec<String> = (0..4).map(|n| stand.subject(partner, n).document).collect();
        callers.push((stand.partner(partner).await, documents));
    }
    core.says(letter());
    *core.repeats.lock().unwrap() = true;
    for number in 0..4 {
        for (caller, documents) in &mut callers {
            let target = format!("/v1/documents/{}", documents[number]);
            let reply = caller.get(&target, SERVICE).await;
            let said = reply.body.strip_prefix(b"%PDF-1.4 LETTER OF ".as_slice());
            let own = said.is_none_or(|id| documents.iter().any(|own| own.as_bytes() == id));
            assert!(own, "{target}: {}", reply.everything());
            assert!(number > 0 || said.is_some(), "the first is not late");
        }
    }
    for partners in core.connections.lock().unwrap().iter() {
        assert_eq!(partners.len(), 1, "a connection carried {partners:?}");
    }
}

#[tokio::test]
async fn whatever_is_refused_ends_the_connection_it_came_on() {
    let (stand, core) = stand().await;
    let mut acme = stand.partner("acme").await;
    let of = |body: &str| {
        let length = format!("content-length: {}\r\n", body.len());
        answer("200 OK", &length, body)
    };
    let pdf = letter().replace("%PDF", "GIF8");
    let document = format!("/v1/documents/{}", stand.subject("acme", 0).document);
    for (target, good, bad, status) in [
        ("/v1/jobs", plain(), of(r#"{"data":[{"id":"job_1"}]}"#), 502),
        ("/v1/jobs", plain(), plain().replace("200", "500"), 502),
        ("/v1/jobs", plain(), plain().replace("200", "404"), 404),
        (
            &document,
            letter(),
            letter().replace("application/pdf", "text/plain"),
            502,
        ),
        (&document, letter(), pdf, 502),
    ] {
        core.says(&*good);
        assert_eq!(acme.get(target, SERVICE).await.status, 200);
        let before = core.connections();
        assert_eq!(acme.get(target, SERVICE).await.status, 200);
        assert_eq!(core.connections(), before, "a good answer's is used again");
        core.says(&*bad);
        assert_eq!(acme.get(target, SERVICE).await.status, status, "{bad}");
        core.says(&*good);
        assert_eq!(acme.get(target, SERVICE).await.status, 200);
        assert_eq!(
            core.connections(),
            before + 1,
            "it was used again after {bad}"
        );
    }
}

#[tokio::test]
async fn a_core_that_gave_up_waiting_is_asked_again_what_changes_nothing() {
    let (stand, core) = stand().await;
    let mut acme = stand.partner("acme").await;
    core.says(plain());
    *core.gives_up.lock().unwrap() = true;
    for connections in 1..4 {
        assert_eq!(acme.get("/v1/jobs", SERVICE).await.status, 200);
        assert_eq!(core.connections(), connections);
    }
    let job = stand.subject("acme", 0).job;
    let cancel = Call::new(Method::POST, &format!("/v1/jobs/{job}/cancel")).purpose(SERVICE);
    assert_eq!(acme.call(cancel).await.status, 502);
    assert_eq!(core.connections(), 3, "it was sent once");
}

#[tokio::test]
async fn a_status_that_the_catalogue_does_not_have_is_a_fault() {
    let (stand, core) = stand().await;
    let mut acme = stand.partner("acme").await;
    let length = format!("content-length: {}\r\n", PAGE.len());
    for status in ["201", "203", "206", "302", "307", "418", "600", "999"] {
        core.says(answer(&format!("{status} canary"), &length, PAGE));
        let reply = acme.get("/v1/jobs", SERVICE).await;
        assert_eq!(reply.status, 502, "{status}: {}", reply.everything());
        assert!(!reply.everything().contains("canary"), "{status}");
    }
    core.says("HTTP/1.1 204 No Content\r\n\r\n");
    refused(
        &acme.get("/v1/jobs", SERVICE).await,
        502,
        "response-uninspectable",
    );
    core.says("HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n");
    refused(
        &acme.get("/v1/jobs", SERVICE).await,
        502,
        "response-uninspectable",
    );
}
