//! Request targets: what is accepted has one spelling, is accepted again in it, and means what a plain
//! decoder says.

use covenant::edge::path::CanonicalPath;
use covenant::edge::query::Query;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    check_path(path);
    check_query(query);
}

fn check_path(raw: &str) {
    let Ok(path) = CanonicalPath::parse(raw) else {
        return;
    };
    let written = path.as_str();
    assert_eq!(
        CanonicalPath::parse(written).as_ref(),
        Ok(&path),
        "not itself again"
    );
    assert!(written.starts_with('/') && !written.contains("//"));
    assert!(written.len() == 1 || !written.ends_with('/'));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\;?#\"<>^`{|}".contains(&byte);
    assert!(
        written.bytes().all(is_plain),
        "a character with a meaning of its own"
    );
    for segment in path.segments() {
        assert!(
            !matches!(segment.as_str(), "" | "." | ".."),
            "a dot segment"
        );
        assert!(!segment.contains(['/', '\\', ';', '?', '#', '%']));
        assert!(!segment.chars().any(char::is_control));
    }
    let decoded: Vec<_> = raw.split('/').skip(1).map(decode).collect();
    let segments: Vec<_> = path
        .segments()
        .iter()
        .map(|it| it.clone().into_bytes())
        .collect();
    assert!(
        decoded == segments || (raw == "/" && segments.is_empty()),
        "other segments"
    );
}

fn check_query(raw: Option<&str>) {
    let Ok(query) = Query::parse(raw) else {
        return;
    };
    let written = query.to_string();
    assert_eq!(
        Query::parse(Some(&written)).as_ref(),
        Ok(&query),
        "not itself again"
    );
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%=&[]".contains(&byte);
    assert!(
        written.bytes().all(is_plain),
        "a character with a meaning of its own"
    );
    let parameters = raw
        .unwrap_or_default()
        .split('&')
        .filter(|it| !it.is_empty());
    let decoded: Vec<_> = parameters
        .map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (
                decode(&name.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect();
    let read: Vec<_> = query
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    assert_eq!(read, decoded, "other parameters");
}

/// Percent-decoding, as plainly as possible.
fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at(2);
        rest = after;
        let digit = |digit: u8| (digit as char).to_digit(16).map_or(0, |value| value as u8);
        decoded.push(digits.iter().fold(0, |octet, it| octet * 16 + digit(*it)));
    }
    decoded
}
