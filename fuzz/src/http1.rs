//! The bytes of an HTTP/1 connection. The first byte says in which portions they come: that must not
//! matter, and what the judge has written it reads again as the same.

use covenant::config::LimitSettings;
use covenant::edge::http1::Judge;
use covenant::edge::limits::Limits;

pub(crate) fn check(bytes: &[u8]) {
    let Some((&portion, bytes)) = bytes.split_first() else {
        return;
    };
    let (clean, refused) = judged(bytes, bytes.len());
    let (again, refused_again) = judged(bytes, usize::from(portion % 16) + 1);
    assert_eq!(refused, refused_again, "portions matter to a refusal");
    if !refused {
        // A body that comes in chunks is passed on in chunks of what has come.
        assert_eq!(
            in_one_chunk(&clean),
            in_one_chunk(&again),
            "portions matter"
        );
        // Written anew, each field has a space behind its colon: perhaps more than a limit allows.
        let (rewritten, refused) = judged_within(&LimitSettings::default(), &clean, clean.len());
        assert!(!refused, "it refuses what it wrote");
        assert_eq!(rewritten, clean, "it reads what it wrote otherwise");
    }
}

/// Requests as the judge writes them, each with the whole of its body behind its head.
fn in_one_chunk(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while !rest.is_empty() {
        let (head, behind) = split(rest, b"\r\n\r\n");
        whole.extend_from_slice(head);
        rest = behind;
        let lines = head.split(|byte| *byte == b'\n');
        let length = lines
            .clone()
            .find_map(|line| line.strip_prefix(b"content-length: "));
        if let Some(length) = length {
            let length = String::from_utf8_lossy(length).trim().parse().unwrap_or(0);
            let (body, behind) = rest.split_at(rest.len().min(length));
            whole.extend_from_slice(body);
            rest = behind;
        } else if lines
            .clone()
            .any(|line| line == b"transfer-encoding: chunked\r")
        {
            while !rest.is_empty() {
                let (size, behind) = split(rest, b"\r\n");
                let size = String::from_utf8_lossy(size);
                let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
                let (chunk, behind) = behind.split_at(behind.len().min(size));
                whole.extend_from_slice(chunk);
                rest = split(behind, b"\r\n").1;
                if size == 0 {
                    break;
                }
            }
        }
    }
    whole
}

/// What stands before the end of `mark`, and behind it.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    let place = text.windows(mark.len()).position(|window| window == mark);
    text.split_at(place.map_or(text.len(), |place| place + mark.len()))
}

/// What hyper may see of `bytes` that come in such portions, and whether they were refused, under limits
/// that small inputs reach.
fn judged(bytes: &[u8], portion: usize) -> (Vec<u8>, bool) {
    let small = LimitSettings {
        header_bytes_max: 512,
        header_count_max: 8,
        uri_bytes_max: 128,
        body_bytes_max: 64,
        ..LimitSettings::default()
    };
    judged_within(&small, bytes, portion)
}

fn judged_within(limits: &LimitSettings, bytes: &[u8], portion: usize) -> (Vec<u8>, bool) {
    let mut judge = Judge::new(Limits::from(limits));
    let mut clean = Vec::new();
    for portion in bytes.chunks(portion.max(1)) {
        judge.feed(portion);
        clean.extend_from_slice(judge.clean());
        judge.clean().clear();
    }
    (clean, judge.take_refusal().is_some())
}
