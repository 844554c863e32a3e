//! Whether an answer of a core begins and ends in one place only (RFC 9112 section 6.3). hyper reads
//! what can be read in two ways too, and keeps the connection; here neither is used again.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};

/// Why there is doubt about it, in words for the operator.
pub(super) fn doubt(
    version: Version,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<&'static str> {
    if status.is_informational() {
        return Some("it switches protocols");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    match (codings.next(), lengths.next()) {
        (Some(_), Some(_)) => Some("it has both a length and a transfer coding"),
        (Some(coding), None) => {
            let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
            let only = chunked && codings.next().is_none() && version == Version::HTTP_11;
            (!only).then_some("its transfer coding is not `chunked` alone")
        }
        (None, Some(length)) => {
            let digits = length.as_bytes().iter().all(u8::is_ascii_digit);
            let only = digits && !length.is_empty() && lengths.next().is_none();
            (!only).then_some("its length is not one number")
        }
        // That it is cut short would not show.
        (None, None) => has_body.then_some("only the end of its connection would end it"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_answer_ends_in_one_place_or_is_doubted() {
        let doubted = |status: u16, version, headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            doubt(version, StatusCode::from_u16(status).unwrap(), &map).is_some()
        };
        let (length, coding) = ("content-length", "transfer-encoding");
        for (status, headers) in [
            (200, vec![(length, "5")]),
            (200, vec![(coding, "chunked")]),
            (200, vec![(coding, "Chunked")]),
            (204, vec![]),
            (304, vec![]),
        ] {
            assert!(!doubted(status, Version::HTTP_11, &headers), "{headers:?}");
        }
        assert!(!doubted(200, Version::HTTP_10, &[(length, "5")]));
        for (status, headers) in [
            (200, vec![]),
            (101, vec![(length, "0")]),
            (200, vec![(length, "5"), (coding, "chunked")]),
            (200, vec![(length, "5"), (length, "5")]),
            (200, vec![(length, "5, 5")]),
            (200, vec![(length, "+5")]),
            (200, vec![(length, "")]),
            (200, vec![(coding, "gzip, chunked")]),
            (200, vec![(coding, "chunked"), (coding, "chunked")]),
            (200, vec![(coding, "identity")]),
        ] {
            assert!(doubted(status, Version::HTTP_11, &headers), "{headers:?}");
        }
        assert!(doubted(200, Version::HTTP_10, &[(coding, "chunked")]));
    }
}
