//! The parser beside a published one: what ours accepts means the same to both, before and after it
//! is written anew.

use futures_util::FutureExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;

/// Name, name of the file and content of every part.
type Read = Vec<(String, Option<String>, Vec<u8>)>;

fn ours(body: &[u8], boundary: &str) -> Option<Read> {
    let parts = parse(body, boundary).ok()?;
    let read = parts.iter().map(|part| {
        let file_name = part.file_name.map(str::to_owned);
        (part.name.to_owned(), file_name, part.content.to_vec())
    });
    Some(read.collect())
}

fn theirs(body: &[u8], boundary: &str) -> Option<Read> {
    let body = body.to_vec();
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
    let mut multipart = multer::Multipart::new(stream, boundary);
    let read = async {
        let mut read = Vec::new();
        while let Some(field) = multipart.next_field().await.ok()? {
            let name = field.name()?.to_owned();
            let file_name = field.file_name().map(str::to_owned);
            read.push((name, file_name, field.bytes().await.ok()?.to_vec()));
        }
        Some(read)
    };
    read.now_or_never()?
}

/// Pieces of which bodies and near bodies are made.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let head = prop_oneof![
        6 => Just("Content-Disposition: form-data; name=\"a\"\r\n"),
        3 => Just("content-disposition:form-data;name=b; filename=\"x y.pdf\"\r\n"),
        2 => Just("Content-Disposition: form-data; name=\"c\"; filename=d\r\nContent-Type: image/png\r\n"),
        1 => Just("Content-Disposition: form-data; name=\"a\\\"\"\r\n"),
        1 => Just("Content-Disposition: form-data; name=\"a;name=b\"\r\n"),
        1 => Just("Content-Disposition: form-data; filename=\"a\"; name=\"b\"\r\n"),
        1 => Just("Content-Disposition: form-data; name=\"a\"\nX: y\r\n"),
        1 => Just("X: y\r\n"),
    ];
    let content = prop_oneof![
        4 => "[a-c\r\n-]{0,8}",
        1 => Just("--B".to_owned()),
        1 => Just("\r\n--Bx\r\n".to_owned()),
        1 => Just("\r\n\r\n".to_owned()),
    ];
    let join = prop_oneof![12 => Just("--B\r\n"), 1 => Just("--B \r\n"), 1 => Just("--B\n")];
    let part = (join, head, content)
        .prop_map(|(join, head, content)| format!("{join}{head}\r\n{content}\r\n"));
    let end = prop_oneof![8 => Just("--B--\r\n"), 2 => Just("--B--"), 1 => Just("--B"), 1 => Just("--B--x")];
    (proptest::collection::vec(part, 0..4), end)
        .prop_map(|(parts, end)| (parts.concat() + end).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_accepted_means_the_same_to_another_parser(body in any_body()) {
        if let Ok(parts) = parse(&body, "B") {
            let read = ours(&body, "B");
            prop_assert_eq!(&read, &theirs(&body, "B"));
            let (boundary, written) = write(&parts);
            prop_assert_eq!(&read, &ours(&written, &boundary));
            prop_assert_eq!(&read, &theirs(&written, &boundary));
        }
    }

    #[test]
    fn any_content_comes_back_as_it_was(contents in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..64), 1..4
    )) {
        let parts: Vec<Part<'_>> = contents
            .iter()
            .map(|content| Part { name: "a", file_name: Some("b"), content_type: None, content })
            .collect();
        let (boundary, written) = write(&parts);
        prop_assert_eq!(parse(&written, &boundary), Ok(parts));
    }
}

#[test]
fn bodies_are_often_accepted_by_the_generator() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = any_body();
    let accepted = (0..500).filter(|_| {
        let body = strategy.new_tree(&mut runner).unwrap().current();
        parse(&body, "B").is_ok()
    });
    assert!(accepted.count() > 50);
}

#[test]
fn the_boundary_stands_in_no_part() {
    let part = |content: &'static [u8]| Part {
        name: "a",
        file_name: None,
        content_type: None,
        content,
    };
    let first = boundary(&[part(b"x")]);
    assert_eq!(
        first,
        boundary(&[part(b"x")]),
        "a request is always written alike"
    );
    assert_ne!(first, boundary(&[part(b"y")]));
    assert!(
        super::super::content_type::ContentType::parse(&format!(
            "multipart/form-data; boundary={first}"
        ))
        .is_some()
    );
}

#[test]
fn there_is_a_limit_to_everything() {
    let part = |name: &str, content: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let body = |parts: String| format!("{parts}--B--");
    let outcome = |body: &str| parse(body.as_bytes(), "B").map(|parts| parts.len());
    assert_eq!(
        outcome(&body(part("a", "x").repeat(PARTS_MAX))),
        Ok(PARTS_MAX)
    );
    assert_eq!(
        outcome(&body(part("a", "x").repeat(PARTS_MAX + 1))),
        Err(Mistake::TooLarge)
    );
    assert_eq!(outcome(&body(part(&"a".repeat(NAME_BYTES_MAX), ""))), Ok(1));
    assert_eq!(
        outcome(&body(part(&"a".repeat(NAME_BYTES_MAX + 1), ""))),
        Err(Mistake::Disposition)
    );
    assert_eq!(
        outcome(&body(part(&"a".repeat(HEAD_BYTES_MAX), ""))),
        Err(Mistake::Head)
    );
    let long = body(part("a", &"x".repeat(TEXT_BYTES_MAX + 1)));
    let parts = parse(long.as_bytes(), "B").unwrap();
    assert!(fields(&parts).is_err());
}
