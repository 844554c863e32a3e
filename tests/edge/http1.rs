//! HTTP/1: framing, syntax, path, host, limits in size and time.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{Authority, Server, exchange, limits, read_to_end};

/// A second request that must never be answered after a refusal.
const SMUGGLED: &str =
    "GET /smuggled HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n";
const HOST: &str = "Host: api.example.com\r\n";

/// One request with these header lines (each ending in CR LF) and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST /p HTTP/1.1\r\n{HOST}{lines}\r\n{body}")
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n{HOST}\r\n")
}

/// Every case is refused with this status, once, and the connection is closed.
async fn all_refused(status: &str, cases: Vec<String>) {
    let server = Server::start().await;
    let mut failures = Vec::new();
    for case in cases {
        let answer = exchange(&server, format!("{case}{SMUGGLED}").as_bytes()).await;
        let once = answer.matches("\r\ndate: ").count() == 1;
        let refused = answer.starts_with(&format!("HTTP/1.1 {status} "));
        let problem = answer.contains("application/problem+json");
        if !once || !refused || !problem || answer.contains("/smuggled") {
            failures.push(format!(
                "{:.300}\n-> {:.300}",
                case.escape_debug(),
                answer.escape_debug()
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} slipped through:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    assert_eq!(server.seen(), 0);
    server.stop().await;
}

#[tokio::test]
async fn length_and_coding_are_one_or_the_other_and_plain() {
    let te = "Transfer-Encoding: chunked\r\n";
    let mut cases = vec![
        post(&format!("Content-Length: 5\r\n{te}"), "0\r\n\r\n"),
        post(&format!("{te}Content-Length: 5\r\n"), "0\r\n\r\n"),
        post(&format!("{te}Content-Length: 0\r\n"), "0\r\n\r\n"),
        post(&format!("content-length: 5\r\nX: y\r\n{te}"), "0\r\n\r\n"),
        post(&format!("{te}{te}"), "0\r\n\r\n"),
        post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
        post("Content-Length: 3\r\nContent-Length: 5\r\n", "abc"),
    ];
    for length in [
        "+3",
        "-3",
        "0x3",
        "3_0",
        "3, 3",
        "3,3",
        "",
        "3 3",
        "3;",
        "3.0",
        "1e1",
        "99999999999999999999",
        "\u{663}",
        "3a",
    ] {
        cases.push(post(&format!("Content-Length: {length}\r\n"), "abc"));
    }
    for coding in [
        "identity",
        "gzip",
        "identity, chunked",
        "gzip, chunked",
        "chunked, chunked",
        ", chunked",
        "chunked,",
        "chunked, identity",
        "chunked;q=1",
        "\"chunked\"",
        "xchunked",
        "chunked x",
        "",
        "chunked\u{b}",
        "cow",
    ] {
        cases.push(post(
            &format!("Transfer-Encoding: {coding}\r\n"),
            "0\r\n\r\n",
        ));
    }
    for lines in [
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer_Encoding: chunked\r\n",
        "Content_Length: 3\r\n",
        "Content-Length : 3\r\n",
        "X: y\r\n Content-Length: 3\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chu\r\n nked\r\n",
        "X: a\0b\r\n",
        "X\0: a\r\n",
        ": a\r\n",
        "X\r\n",
        "X Y: z\r\n",
        "X: a\u{1b}[2J\r\n",
        "X: a\u{7f}\r\n",
        "(X): a\r\n",
        "X[]: a\r\n",
        "\r: a\r\n",
    ] {
        cases.push(post(lines, ""));
    }
    all_refused("400", cases).await;
}

#[tokio::test]
async fn a_request_line_has_one_method_one_target_and_one_version() {
    let mut cases: Vec<String> = [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/\tHTTP/1.1",
        "GET /",
        "GET / HTTP/1.0",
        "GET / HTTP/0.9",
        "GET / HTTP/2.0",
        "GET / HTTP/1.2",
        "GET / HTTP/1.10",
        "GET / http/1.1",
        "GET / HTTP/1,1",
        "GET / HTTPS/1.1",
        "GET /a b HTTP/1.1",
        "get / HTTP/1.1",
        "GETX / HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
        "TRACE / HTTP/1.1",
        "TRACK / HTTP/1.1",
        "CONNECT api.example.com:443 HTTP/1.1",
        "CONNECT / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET * HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET api.example.com/ HTTP/1.1",
        "GET ? HTTP/1.1",
        "GET # HTTP/1.1",
        "REFUSED / HTTP/1.1",
        "GET http://api.example.com/ HTTP/1.1",
        "GET https://evil.example/ HTTP/1.1",
        "GET https://u@api.example.com/ HTTP/1.1",
        "GET https://api.example.com:443/ HTTP/1.1",
        "GET https://api.example.com?x HTTP/1.1",
        "GET https:///x HTTP/1.1",
        "GET ftp://api.example.com/ HTTP/1.1",
    ]
    .iter()
    .map(|line| format!("{line}\r\n{HOST}\r\n"))
    .collect();
    cases.push(format!("\r\n{}", get("/")));
    cases.push(format!("\n{}", get("/")));
    cases.push(format!("GET / HTTP/1.1\n{HOST}\n"));
    cases.push(format!("GET / HTTP/1.1\r{HOST}\r\r"));
    cases.push(format!("{} / HTTP/1.1\r\n{HOST}\r\n", "A".repeat(1024)));
    cases.push(format!(
        "GET / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ));
    all_refused("400", cases).await;
}

#[tokio::test]
async fn the_host_is_named_once_and_is_ours() {
    let mut cases = vec!["GET / HTTP/1.1\r\n\r\n".to_owned()];
    for lines in [
        "Host: api.example.com\r\nHost: api.example.com\r\n",
        "Host: api.example.com\r\nHost: evil.example\r\n",
        "Host: api.example.com, evil.example\r\n",
        "Host: api.example.com/x\r\n",
        "Host: u@api.example.com\r\n",
        "Host:\r\n",
        "Host: \r\n",
        "Host: api.example.com evil.example\r\n",
        "Host: api.example.com:\r\n",
        "Host: api.example.com:99999\r\n",
        "Host: api.example.com:x\r\n",
        "Host: api.example.com:-1\r\n",
        "Host : api.example.com\r\n",
        "Host: [::1\r\n",
        "Host: api_example.com\r\n",
        "Host: api.example.com#\r\n",
        "Host: api.example.com\\@evil\r\n",
        "X: y\r\n Host: api.example.com\r\n",
    ] {
        cases.push(format!("GET / HTTP/1.1\r\n{lines}\r\n"));
    }
    all_refused("400", cases).await;
}

#[tokio::test]
async fn a_body_without_meaning_and_other_expectations_are_refused() {
    let mut cases = Vec::new();
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        cases.push(format!(
            "{method} / HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nabc"
        ));
        cases.push(format!(
            "{method} / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ));
    }
    // A HEAD that is refused is answered with a body, since its stand-in is no HEAD; it closes anyway.
    all_refused("400", cases).await;
    let expectations = ["100-continued", "200-ok", "100-continue, x", ""]
        .map(|value| post(&format!("Expect: {value}\r\nContent-Length: 3\r\n"), "abc"));
    all_refused("417", expectations.to_vec()).await;
}

#[tokio::test]
async fn broken_chunks_are_refused_and_nothing_after_them_is_read() {
    let server = Server::start().await;
    for body in [
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff3\r\nabc\r\n0\r\n\r\n",
        "3;x\ny\r\nabc\r\n0\r\n\r\n",
        "3;x\0\r\nabc\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\n\n",
        "0\r\n\n",
        "3;x\ry\r\nabc\r\n0\r\n\r\n",
    ] {
        let request = format!("{}{SMUGGLED}", post("Transfer-Encoding: chunked\r\n", body));
        let answer = exchange(&server, request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 "),
            "{} -> {answer}",
            body.escape_debug()
        );
        assert_eq!(
            answer.matches("\r\ndate: ").count(),
            1,
            "{}",
            body.escape_debug()
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_path_that_has_two_readings_is_refused() {
    let server = Server::start().await;
    for target in [
        "/a/../b",
        "/a/./b",
        "/..",
        "/%2e%2e/b",
        "/a/%2E/b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "//a",
        "/a//b",
        "/a/",
        "/a;b=c",
        "/a%3bb",
        "/a%00",
        "/a%0d%0ab",
        "/a%3fb",
        "/a%23b",
        "/a%252fb",
        "/a%c0%ae",
        "/a%ff",
        "/a%",
        "/a%1",
        "/a%gg",
        "/a#b",
        "/a?b#c",
        "/a?b=1&b=2",
        "/a?b=%00",
        "/a?access_token=x",
        "/a?b;c",
        "/{a}",
        "/a\"b",
        "/a|b",
        "/<a>",
        "/a^b",
        "/a`b",
        "/caf\u{e9}",
    ] {
        let answer = exchange(
            &server,
            get(target)
                .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target} -> {answer}");
        assert!(answer.contains("request-malformed"), "{target} -> {answer}");
    }
    assert_eq!(server.seen(), 0);
    server.stop().await;
}

#[tokio::test]
async fn what_is_clear_is_served_in_one_spelling() {
    let server = Server::start().await;
    let close = "Connection: close\r\n";
    for (request, expected) in [
        (
            format!(
                "GET /v1/%6Aobs/1?b=x+y&a[]=1 HTTP/1.1\r\n{HOST}{close}Accept: x\r\nX-Forwarded-For: 1\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"
            ),
            "GET /v1/jobs/1?b=x%20y&a[]=1 [host accept] body= ",
        ),
        (
            format!(
                "GET https://API.example.com/v1 HTTP/1.1\r\nhOST: Api.Example.com\r\n{close}\r\n"
            ),
            "GET /v1? [host] body= ",
        ),
        (
            post(
                &format!("{close}Transfer-Encoding: Chunked\r\n"),
                "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n",
            ),
            "POST /p? [host] body=abcde ",
        ),
        (
            post(
                &format!("{close}Content-Length: 5\r\nX-Drop: 1\r\nConnection: X-Drop\r\n"),
                "abcde",
            ),
            "POST /p? [host content-length] body=abcde ",
        ),
        (post(close, ""), "POST /p? [host] body= "),
    ] {
        let answer = exchange(&server, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(expected), "{expected} not in {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_a_bad_one_ends_it() {
    let server = Server::start().await;
    let bad = "GET / HTTP/1.1\r\nHost: evil\0\r\n\r\n";
    let bytes = format!(
        "{}{}{}{bad}{SMUGGLED}",
        get("/one"),
        post("Content-Length: 3\r\n", "abc"),
        get("/three")
    );
    let answer = exchange(&server, bytes.as_bytes()).await;
    let places: Vec<_> = [
        "GET /one",
        "POST /p? [host content-length] body=abc",
        "GET /three",
        "HTTP/1.1 400 ",
    ]
    .iter()
    .map(|part| {
        answer
            .find(part)
            .unwrap_or_else(|| panic!("{part} not in {answer}"))
    })
    .collect();
    assert!(places.is_sorted(), "{answer}");
    assert_eq!(answer.matches("\r\ndate: ").count(), 4, "{answer}");
    assert_eq!(server.seen(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_head_in_single_bytes_is_the_same_head() {
    let server = Server::start().await;
    let mut stream = server.connect("http/1.1").await;
    let request = post(
        "Connection: close\r\nTransfer-Encoding: chunked\r\n",
        "3\r\nabc\r\n0\r\n\r\n",
    );
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let answer = String::from_utf8(read_to_end(&mut stream).await.unwrap()).unwrap();
    assert!(answer.contains("body=abc "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_has_all_come() {
    all_refused(
        "414",
        vec![
            format!("GET /{}", "a".repeat(64 * 1024)),
            get(&format!("/{}", "a".repeat(8200))),
        ],
    )
    .await;
    let many: String = (0..1000).map(|n| format!("X-{n}: y\r\n")).collect();
    let wide = format!("GET / HTTP/1.1\r\n{HOST}X: {}", "a".repeat(1024 * 1024));
    all_refused("431", vec![format!("GET / HTTP/1.1\r\n{HOST}{many}"), wide]).await;
    all_refused(
        "413",
        vec![
            post("Content-Length: 1099511627776\r\n", ""),
            post("Content-Length: 100001\r\n", ""),
        ],
    )
    .await;
    let server = Server::start().await;
    let chunked = post(
        "Transfer-Encoding: chunked\r\n",
        &format!("186a1\r\n{}", "a".repeat(1000)),
    );
    let answer = exchange(&server, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn who_is_too_slow_is_refused_or_cut_off() {
    let server = Server::start().await;
    for (bytes, status) in [
        (String::new(), None),
        ("GET / HT".to_owned(), Some("408")),
        (format!("GET / HTTP/1.1\r\n{HOST}"), Some("408")),
        (post("Content-Length: 1000\r\n", "abc"), Some("408")),
        (
            post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n3"),
            Some("408"),
        ),
    ] {
        let answer = exchange(&server, bytes.as_bytes()).await;
        match status {
            Some(status) => assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{bytes} -> {answer}"
            ),
            None => assert_eq!(answer, ""),
        }
    }
    // An idle connection is closed without a word after its answer.
    let answer = exchange(&server, get("/").as_bytes()).await;
    assert_eq!(answer.matches("\r\ndate: ").count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_body_at_one_byte_now_and_then_is_cut_off() {
    let server = Server::start().await;
    let stream = server.connect("http/1.1").await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let drip = tokio::spawn(async move {
        let head = post("Content-Length: 1000\r\n", "");
        writer.write_all(head.as_bytes()).await.unwrap();
        while writer.write_all(b"x").await.is_ok() && writer.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    drip.abort();
    assert!(
        answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_off() {
    let server = Server::start().await;
    let mut stream = server.connect("http/1.1").await;
    stream
        .write_all(get("/?answer_bytes=30000000").as_bytes())
        .await
        .unwrap();
    let mut first = [0; 64];
    stream.read_exact(&mut first).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // The rest was never sent: what the kernel still holds ends early.
    let rest = read_to_end(&mut stream)
        .await
        .expect("the connection is closed");
    assert!(rest.len() < 30_000_000, "{}", rest.len());
    server.stop().await;
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_closes_idle_connections() {
    let long_idle = covenant::edge::limits::Limits {
        idle_seconds_max: 60,
        first_byte_seconds_max: 60,
        ..limits()
    };
    let server = Server::start_with(long_idle, Authority::new(), String::new()).await;
    let mut idle = server.connect("http/1.1").await;
    let mut used = server.connect("http/1.1").await;
    used.write_all(get("/").as_bytes()).await.unwrap();
    let mut first = [0; 12];
    used.read_exact(&mut first).await.unwrap();
    server.stop().await;
    assert_eq!(read_to_end(&mut idle).await.as_deref(), Some(&b""[..]));
    assert!(read_to_end(&mut used).await.is_some());
}

#[tokio::test]
async fn a_running_answer_breaks_off_visibly_when_its_connection_must_end() {
    let server = Server::start().await;
    let request = b"GET /a?endless=1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
    let answer = exchange(&server, request).await;
    assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
    assert!(
        answer.ends_with("5\r\nfirst\r\n"),
        "no last chunk: {answer}"
    );
    server.stop().await;
}
