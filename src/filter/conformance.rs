//! What is JSON and what is not, case by case. Stricter than RFC 8259 demands of a reader where two
//! readers could see different things: duplicate keys, lone surrogates, a byte order mark.

use super::sample::{Builder, array, object, page};
use super::{Limits, Reason, scan, validate_strict};
use crate::catalogue::{Node, ScalarKind};

const VALID: &[&str] = &[
    "[]",
    "{}",
    "0",
    "-0",
    "\"\"",
    "true",
    "false",
    "null",
    " \t\r\n[ ]\n",
    "[1 , 2]",
    "[[[]]]",
    "[null]",
    "{\"\":0}",
    "{\"a\":{\"a\":{\"a\":1}}}",
    "{\"a\":1,\"A\":2}",
    "[{\"a\":1},{\"a\":1}]",
    "{\"a\\u0000\":1,\"a\":2}",
    "[0e+1,0E-1,0e1,1.0e+2,1E22,-1,-0.1,123.456e78,1e999999]",
    "[-237462374673276894279832749832423479823246327846,123e-10000000,0.4e0066999999999999999]",
    "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0012\\uD801\\udc37\\uFFFF\\u0000\"",
    "[\"\\u0022\\uDBFF\\uDFFE\\u200b\\u2064\\ufdd0\\ufffe\\uaaaa\\\\u0000\"]",
    "{\"a\":[]}",
    "[\"a\"]\n",
    "\"\u{7f}\u{80}\u{2028}\u{10FFFF}\u{FFFF}é😀\"",
    "\"/* not a comment */ // NaN\"",
    "[\"\\\\\",\"\\\\\\\"\"]",
    "{\"title\":\"\\u041f\\u043e\\u043b\"}",
];

/// Not JSON, or too doubtful; with the reason given.
const REFUSED: &[(&[u8], Reason)] = &[
    (b"", Reason::Empty),
    (b" \n", Reason::Empty),
    (b"\xEF\xBB\xBF{}", Reason::ByteOrderMark),
    (b"\xEF\xBB\xBF", Reason::ByteOrderMark),
    (b"\xFF\xFE{\0}\0", Reason::NotUtf8),
    (b"[\"\xff\"]", Reason::NotUtf8),
    (b"[\"\xC0\xAF\"]", Reason::NotUtf8),
    (b"[\"\xED\xA0\x80\"]", Reason::NotUtf8),
    (b"[\"\xF4\x90\x80\x80\"]", Reason::NotUtf8),
    (b"[\"\xE2\x82\"]", Reason::NotUtf8),
    (b"[\"\xE0\xFF\"]", Reason::NotUtf8),
    (b"[\"\x81\"]", Reason::NotUtf8),
    (b"[\"\xFC\x83\xBF\xBF\xBF\xBF\"]", Reason::NotUtf8),
    (b"[\"\xFC\x80\x80\x80\x80\x80\"]", Reason::NotUtf8),
    (b"[123\xe5]", Reason::NotUtf8),
    (b"[1e1\xe5]", Reason::NotUtf8),
    (b"[\"\\u\xe5\"]", Reason::NotUtf8),
    (b"[\"\\\xe5\"]", Reason::NotUtf8),
    (b"\xEF\xBB{}", Reason::NotUtf8),
    (b"\xe9", Reason::NotUtf8),
    (b"\0[\0\"\0\xE9\0\"\0]", Reason::NotUtf8),
    (b"{\"\xe9\":1}", Reason::NotUtf8),
    (b"[\xa0]", Reason::NotUtf8),
    (b"{", Reason::Truncated),
    (b"[", Reason::Truncated),
    (b"[1", Reason::Truncated),
    (b"[1,", Reason::Truncated),
    (b"{\"a\"", Reason::Truncated),
    (b"{\"a\":", Reason::Truncated),
    (b"{\"a\":1", Reason::Truncated),
    (b"{\"a\":1,", Reason::Truncated),
    (b"\"", Reason::Truncated),
    (b"\"abcdefghijklmnop", Reason::Truncated),
    (b"-", Reason::Truncated),
    (b"1.", Reason::Truncated),
    (b"1e", Reason::Truncated),
    (b"1e+", Reason::Truncated),
    (b"[1,\n1\n,1", Reason::Truncated),
    (b"[\"a", Reason::Truncated),
    (b"[{}", Reason::Truncated),
    (b"{\"a\":\"a", Reason::Truncated),
    (b"{\"a\":{", Reason::Truncated),
    (b"{\"", Reason::Truncated),
    (b"[1,]", Reason::Unexpected),
    (b"[,1]", Reason::Unexpected),
    (b"[1,,2]", Reason::Unexpected),
    (b"[1 2]", Reason::Unexpected),
    (b"[1}", Reason::Unexpected),
    (b"[\"a\":1]", Reason::Unexpected),
    (b"{\"a\":1]", Reason::Unexpected),
    (b"{\"a\":1,}", Reason::Unexpected),
    (b"{,}", Reason::Unexpected),
    (b"{\"a\" 1}", Reason::Unexpected),
    (b"{\"a\"::1}", Reason::Unexpected),
    (b"{\"a\":}", Reason::Unexpected),
    (b"{\"a\",1}", Reason::Unexpected),
    (b"{\"a\":1 \"b\":2}", Reason::Unexpected),
    (b"{a:1}", Reason::Unexpected),
    (b"{'a':1}", Reason::Unexpected),
    (b"{1:1}", Reason::Unexpected),
    (b"{null:1}", Reason::Unexpected),
    (b"['a']", Reason::Unexpected),
    (b"NaN", Reason::Unexpected),
    (b"nan", Reason::Unexpected),
    (b"Infinity", Reason::Unexpected),
    (b"-Infinity", Reason::BadNumber),
    (b"-NaN", Reason::BadNumber),
    (b"tru", Reason::Unexpected),
    (b"True", Reason::Unexpected),
    (b"nul", Reason::Unexpected),
    (b"undefined", Reason::Unexpected),
    (b"+1", Reason::Unexpected),
    (b".5", Reason::Unexpected),
    (b"/**/1", Reason::Unexpected),
    (b"[1/**/]", Reason::Unexpected),
    (b"//\n1", Reason::Unexpected),
    (b"[\x0c]", Reason::Unexpected),
    (b"[\x00]", Reason::Unexpected),
    (b"[\xC2\xA0]", Reason::Unexpected),
    (b"[\xE2\x81\xA0]", Reason::Unexpected),
    (b"\\u0031", Reason::Unexpected),
    (b"[\\n]", Reason::Unexpected),
    (b"*", Reason::Unexpected),
    (b"[*]", Reason::Unexpected),
    (b"<null>", Reason::Unexpected),
    (b"[\"\": 1]", Reason::Unexpected),
    (b"[3[4]]", Reason::Unexpected),
    (b"[1:]", Reason::Unexpected),
    (b"[a\xC3\xA5]", Reason::Unexpected),
    (b"a\xC3\xA5", Reason::Unexpected),
    (b"[\"x\", truth]", Reason::Unexpected),
    (b"[.2e-3]", Reason::Unexpected),
    (b"[+Inf]", Reason::Unexpected),
    (b"[Infinity]", Reason::Unexpected),
    (b"[0e+1a]", Reason::Unexpected),
    (b"[1.2a-3]", Reason::Unexpected),
    (b"[1.1.1]", Reason::Unexpected),
    (b"[\xEF\xBC\x91]", Reason::Unexpected),
    (b"{\"a\":\"b\",,\"c\":\"d\"}", Reason::Unexpected),
    (b"{\"a\":/*comment*/\"b\"}", Reason::Unexpected),
    (b"{\"x\", null}", Reason::Unexpected),
    (b"{\"a\" b}", Reason::Unexpected),
    (b"{[: \"x\"}", Reason::Unexpected),
    (b"{\xF0\x9F\x87\xA8\xF0\x9F\x87\xAD}", Reason::Unexpected),
    (b"{\"a\":true \"b\":1}", Reason::Unexpected),
    (b"]", Reason::Unexpected),
    (b"}", Reason::Unexpected),
    (b"01", Reason::BadNumber),
    (b"-01", Reason::BadNumber),
    (b"00", Reason::BadNumber),
    (b"1.e1", Reason::BadNumber),
    (b"[1.]", Reason::BadNumber),
    (b"[1e]", Reason::BadNumber),
    (b"[-]", Reason::BadNumber),
    (b"[--1]", Reason::BadNumber),
    (b"[-.1]", Reason::BadNumber),
    (b"[-2.]", Reason::BadNumber),
    (b"[9.e+]", Reason::BadNumber),
    (b"[0e+-1]", Reason::BadNumber),
    (b"[1eE2]", Reason::BadNumber),
    (b"[0.3e+]", Reason::BadNumber),
    (b"[- 1]", Reason::BadNumber),
    (b"[-foo]", Reason::BadNumber),
    (b"[012]", Reason::BadNumber),
    (b"[1e1.5]", Reason::Unexpected),
    (b"[1+1]", Reason::Unexpected),
    (b"[0x1]", Reason::Unexpected),
    (b"[1_000]", Reason::Unexpected),
    (b"[1a]", Reason::Unexpected),
    (b"[-\xEF\xBC\x91]", Reason::BadNumber),
    (b"\"\n\"", Reason::ControlCharacter),
    (b"\"\t\"", Reason::ControlCharacter),
    (b"\"abcdefghi\x00\"", Reason::ControlCharacter),
    (b"\"\x1f\"", Reason::ControlCharacter),
    (b"{\"\r\":1}", Reason::ControlCharacter),
    (b"\"\\x41\"", Reason::BadEscape),
    (b"\"\\'\"", Reason::BadEscape),
    (b"\"\\0\"", Reason::BadEscape),
    (b"\"\\a\"", Reason::BadEscape),
    (b"\"\\U0041\"", Reason::BadEscape),
    (b"\"\\u004\"", Reason::BadEscape),
    (b"\"\\u{41}\"", Reason::BadEscape),
    (b"\"\\", Reason::BadEscape),
    (b"\"\\u12", Reason::BadEscape),
    (b"\"\\\n\"", Reason::BadEscape),
    (b"\"\\\0\"", Reason::BadEscape),
    (b"\"\\\t\"", Reason::BadEscape),
    (b"\"\\ud800\\u1x\"", Reason::LoneSurrogate),
    (b"\"\\u1\"", Reason::BadEscape),
    (b"\"\\u00A\"", Reason::BadEscape),
    (b"\"\\\xF0\x9F\x98\x80\"", Reason::BadEscape),
    (b"\"\\uD800\"", Reason::LoneSurrogate),
    (b"\"\\uDC00\"", Reason::LoneSurrogate),
    (b"\"\\uD800\\uD800\"", Reason::LoneSurrogate),
    (b"\"\\uD800\\n\"", Reason::LoneSurrogate),
    (b"\"\\uD800", Reason::LoneSurrogate),
    (b"{\"\\uDFFF\":1}", Reason::LoneSurrogate),
    (b"1 2", Reason::TrailingData),
    (b"{}{}", Reason::TrailingData),
    (b"[]]", Reason::TrailingData),
    (b"123\0", Reason::TrailingData),
    (b"[1]x", Reason::TrailingData),
    (b"2@", Reason::TrailingData),
    (b"{\"a\":\"b\"}#", Reason::TrailingData),
    (b"{\"a\":\"b\"}/**/", Reason::TrailingData),
    (b"\"\"x", Reason::TrailingData),
    (b"[][]", Reason::TrailingData),
    (b"true false", Reason::TrailingData),
    (b"{}//", Reason::TrailingData),
    (b"[]\0", Reason::TrailingData),
    (b"\"a\"b", Reason::TrailingData),
    (b"1\xEF\xBB\xBF", Reason::TrailingData),
    (b"{\"a\":1,\"a\":1}", Reason::DuplicateKey),
    (b"{\"a\":1,\"b\":2,\"\\u0061\":3}", Reason::DuplicateKey),
    (b"{\"\":1,\"\":1}", Reason::DuplicateKey),
    (b"{\"x\":[{\"y\":{\"a\":1,\"a\":1}}]}", Reason::DuplicateKey),
    (
        b"{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":1}",
        Reason::DuplicateKey,
    ),
    (b"{\"a/b\":1,\"a\\/b\":1}", Reason::DuplicateKey),
];

#[test]
fn what_is_json_is_accepted() {
    for body in VALID {
        assert_eq!(
            validate_strict(body.as_bytes(), &Limits::default()),
            Ok(()),
            "{body}"
        );
        assert!(
            serde_json::from_str::<&serde_json::value::RawValue>(body).is_ok(),
            "{body}"
        );
    }
}

#[test]
fn what_is_not_or_could_be_read_in_two_ways_is_refused_with_its_reason() {
    for (body, reason) in REFUSED {
        let refused = validate_strict(body, &Limits::default());
        assert_eq!(
            refused.map_err(|error| error.reason),
            Err(*reason),
            "{}",
            body.escape_ascii()
        );
    }
}

/// Every case once more inside an answer: as a member the catalogue does not know, so that it would
/// have been dropped anyway.
#[test]
fn doubt_in_a_member_that_would_be_dropped_refuses_the_whole_answer() {
    let shape = page();
    let around = |body: &[u8]| [b"{\"count\":1,\"data\":[],\"unknown\":", body, b"}"].concat();
    for body in VALID {
        let body = around(body.as_bytes());
        let scanned = scan(&shape, &body, &Limits::default()).expect("valid");
        assert_eq!(scanned.uncatalogued(), 1);
    }
    for (body, _) in REFUSED {
        let body = around(body);
        assert!(
            scan(&shape, &body, &Limits::default()).is_err(),
            "{}",
            body.escape_ascii()
        );
    }
}

/// And where the catalogue expects something: a scalar, an array, the document.
#[test]
fn what_is_refused_unseen_is_refused_where_it_is_catalogued() {
    for kind in [
        ScalarKind::String,
        ScalarKind::Integer,
        ScalarKind::Number,
        ScalarKind::Boolean,
    ] {
        let mut make = Builder::default();
        let item = make.field(kind, "user");
        make.last().nullable = true;
        let items = make.shape(array(item.clone()));
        let mut make = Builder::default();
        make.field(kind, "user");
        let root = make.shape(item);
        for (body, reason) in REFUSED {
            assert!(
                scan(&root, body, &Limits::default()).is_err(),
                "{}",
                body.escape_ascii()
            );
            let listed = [b"[", *body, b"]"].concat();
            let empty = *reason == Reason::Empty;
            assert_eq!(
                scan(&items, &listed, &Limits::default()).is_ok(),
                empty,
                "{}",
                body.escape_ascii()
            );
        }
    }
}

#[test]
fn nesting_is_limited_whether_catalogued_or_not() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    let limits = Limits::default();
    assert_eq!(validate_strict(nested(64).as_bytes(), &limits), Ok(()));
    for depth in [65, 129, 100_000] {
        let mixed = "[{\"\":".repeat(depth);
        for body in [
            nested(depth),
            "[".repeat(depth),
            "{\"a\":".repeat(depth),
            mixed,
        ] {
            let refused = validate_strict(body.as_bytes(), &limits).map_err(|error| error.reason);
            assert_eq!(refused, Err(Reason::TooDeep));
        }
    }
    let unlimited = Limits {
        depth_max: u8::MAX,
        ..limits
    };
    assert!(validate_strict(nested(128).as_bytes(), &unlimited).is_ok());
    assert!(validate_strict(nested(129).as_bytes(), &unlimited).is_err());

    let levels = |depth: usize| {
        let mut make = Builder::default();
        let leaf = make.text("user");
        let root = (1..depth).fold(array(leaf), |inside, _| {
            Node::Object(object([("a", inside)]))
        });
        let body = [
            "{\"a\":".repeat(depth - 1),
            "[]".into(),
            "}".repeat(depth - 1),
        ]
        .concat();
        (make.shape(root), body)
    };
    for (depth, accepted) in [(64, true), (65, false)] {
        let (shape, body) = levels(depth);
        assert_eq!(scan(&shape, body.as_bytes(), &limits).is_ok(), accepted);
    }
}

#[test]
fn size_and_number_of_unknown_members_are_limited() {
    let limits = Limits {
        body_bytes_max: 10,
        ..Limits::default()
    };
    assert_eq!(validate_strict(b"\"12345678\"", &limits), Ok(()));
    let refused = validate_strict(b"\"123456789\"", &limits).map_err(|error| error.reason);
    assert_eq!(refused, Err(Reason::TooLarge));

    let limits = Limits {
        unknown_members_max: 2,
        ..Limits::default()
    };
    assert_eq!(
        validate_strict(br#"{"a":{"a":1,"b":1},"b":1}"#, &limits),
        Ok(())
    );
    let refused = validate_strict(br#"{"a":1,"b":1,"c":1}"#, &limits).map_err(|error| error.reason);
    assert_eq!(refused, Err(Reason::TooManyMembers));
}

#[test]
fn every_beginning_of_a_valid_document_is_refused() {
    let body = br#"{"data":[{"id":"j1","customer_id":"c1","email":null,"name":"A\u00e9\n","pages":12,
        "cost":-1.5e+3,"urgent":false,"address":{"city":"X"},"tags":["a","b"],"new":[{"k":"v"}]}],"count":1}"#;
    let shape = page();
    assert!(scan(&shape, body, &Limits::default()).is_ok());
    for length in 0..body.len() {
        assert!(
            scan(&shape, &body[..length], &Limits::default()).is_err(),
            "{length}"
        );
        assert!(
            validate_strict(&body[..length], &Limits::default()).is_err(),
            "{length}"
        );
    }
}
