//! YAML, and JSON as the part of it that it is. Anchors and aliases work within a budget; a repeated
//! key is a mistake.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{Key, Node, Source, Span, Value};
use crate::mistakes::Mistakes;

/// Most levels of nesting in one file.
const DEPTH_MAX: usize = 64;
/// Most values in one file, those that aliases repeat included.
const NODES_MAX: usize = 2_000_000;
/// Most events (values, and ends of mappings and lists) that aliases may repeat in one file.
const ALIAS_EVENTS_MAX: usize = 100_000;

/// Reads one document. What makes it unreadable, and each repeated key, becomes a mistake; of a
/// repeated key the first value stays.
pub fn read_yaml(source: &Arc<Source>, mistakes: &mut Mistakes) -> Option<Node> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: NODES_MAX,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: ALIAS_EVENTS_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(source.text(), options) {
        Ok(raw) => Some(node(raw, source, mistakes)),
        Err(error) => {
            let location = error.location();
            let span = location.map(|place| error_span(source, place));
            let span = span.unwrap_or_default();
            let message = format!("this is not valid YAML: {}", message(&error));
            mistakes.add(source, span, message);
            None
        }
    }
}

fn span(location: Location) -> Span {
    let count = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    Span {
        offset: count(location.span().byte_offset()).unwrap_or_default(),
        length: count(location.span().byte_len()).unwrap_or_default(),
    }
}

/// Errors found by the scanner know line and column only, both from 1.
fn error_span(source: &Source, location: Location) -> Span {
    if location.span().byte_offset().is_some() {
        return span(location);
    }
    let count = |number: u64| usize::try_from(number).unwrap_or_default();
    let before = count(location.line()).saturating_sub(1);
    let mut lines = source.text().split_inclusive('\n');
    let lines_before: usize = lines.by_ref().take(before).map(str::len).sum();
    let characters = lines.next().unwrap_or_default().chars();
    let column = count(location.column()).saturating_sub(1);
    let columns_before: usize = characters.take(column).map(char::len_utf8).sum();
    Span {
        offset: lines_before + columns_before,
        length: 0,
    }
}

/// The message without the place, which is shown by itself.
fn message(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    match message.rsplit_once(" at line ") {
        Some((message, place)) if place.starts_with(|first: char| first.is_ascii_digit()) => {
            message.to_owned()
        }
        _ => message,
    }
}

fn node(raw: Spanned<Raw>, source: &Arc<Source>, mistakes: &mut Mistakes) -> Node {
    let value = match raw.value {
        Raw::Plain(value) => value,
        Raw::Sequence(items) => {
            let items = items.into_iter();
            Value::Sequence(items.map(|item| node(item, source, mistakes)).collect())
        }
        Raw::Mapping(pairs) => {
            let mut seen = std::collections::HashSet::new();
            let mut entries = Vec::with_capacity(pairs.len());
            for (name, value) in pairs {
                let key = Key {
                    span: span(name.defined),
                    name: name.value,
                };
                let value = node(value, source, mistakes);
                if seen.insert(key.name.clone()) {
                    entries.push((key, value));
                } else {
                    let message = format!("the key `{}` is there already", key.name);
                    mistakes.add(source, key.span, message);
                }
            }
            Value::Mapping(entries)
        }
    };
    Node {
        value,
        span: span(raw.defined),
    }
}

/// A value before its repeated keys were looked for.
enum Raw {
    Plain(Value),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Plain(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Plain(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(Value::Boolean(boolean)))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(Value::Integer(integer)))
    }

    fn visit_u64<E: serde::de::Error>(self, integer: u64) -> Result<Raw, E> {
        let integer = i64::try_from(integer).map(Value::Integer);
        integer
            .map(Raw::Plain)
            .map_err(|_| E::custom("this number is larger than any that is used"))
    }

    fn visit_f64<E>(self, float: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(Value::Float(float)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Plain(Value::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Mapping(pairs))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Option<Node>, Mistakes, Arc<Source>) {
        let source = Source::new("test.yaml", text);
        let mut mistakes = Mistakes::new();
        let node = read_yaml(&source, &mut mistakes);
        (node, mistakes, source)
    }

    #[test]
    fn every_kind_of_value_is_read_in_the_order_of_the_file() {
        let (node, mistakes, _) = read(
            "text: a\nquoted: '1'\nint: -3\nfloat: 1.5\nyes: true\nnothing:\nlist: [a, {b: 2}]\n200: ok\nday: 2026-11-22\n",
        );
        assert!(mistakes.is_empty(), "{:?}", mistakes.sorted());
        let expected = json!({
            "text": "a", "quoted": "1", "int": -3, "float": 1.5, "yes": true, "nothing": null,
            "list": ["a", {"b": 2}], "200": "ok", "day": "2026-11-22",
        });
        let read = node.unwrap().to_value();
        assert_eq!(read.to_string(), expected.to_string());
    }

    #[test]
    fn json_is_read_by_the_same_reader() {
        let (node, mistakes, _) =
            read("{\n\t\"a\": \"\\/\\u00e9\",\n\t\"b\": [1, null, {}],\n\t\"c\": []\n}");
        assert!(mistakes.is_empty(), "{:?}", mistakes.sorted());
        assert_eq!(
            node.unwrap().to_value(),
            json!({"a": "/é", "b": [1, null, {}], "c": []})
        );
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let (node, _, source) = read("first: 1\nsecond:\n  - é: deep\n");
        let node = node.unwrap();
        let (key, value) = &node.entries()[1];
        assert_eq!(source.position(key.span.offset).line, 2);
        assert_eq!(key.span.length, "second".len());
        let (key, value) = &value.items()[0].entries()[0];
        let at = source.position(key.span.offset);
        assert_eq!((at.line, at.column), (3, 5));
        let at = source.position(value.span.offset);
        assert_eq!((at.line, at.column), (3, 8));
        assert_eq!(value.span.length, "deep".len());
    }

    #[test]
    fn what_an_alias_repeats_keeps_the_place_where_it_was_written() {
        let (node, _, source) = read("base: &b\n  size: 1\ncopy: *b\n");
        let node = node.unwrap();
        let copied = node.get("copy").unwrap().get("size").unwrap();
        assert_eq!(source.position(copied.span.offset).line, 2);
    }

    #[test]
    fn each_repeated_key_is_reported_where_it_is_repeated() {
        let (node, mistakes, _) = read("a: 1\nb: {c: 1, c: 2}\na: 3\n");
        let lines: Vec<_> = mistakes
            .sorted()
            .iter()
            .map(|m| m.position().line)
            .collect();
        assert_eq!(lines, [2, 3]);
        assert_eq!(node.unwrap().to_value(), json!({"a": 1, "b": {"c": 1}}));
    }

    #[test]
    fn what_cannot_be_read_is_reported_at_its_place() {
        for (text, line, column) in [
            ("a: 1\nb: c: d\n", 2, 5),
            ("a: 1\nb: @c\n", 2, 4),
            ("a: *missing\n", 1, 4),
        ] {
            let (node, mistakes, _) = read(text);
            assert!(node.is_none(), "{text}");
            let mistake = mistakes.sorted()[0];
            let at = mistake.position();
            assert_eq!((at.line, at.column), (line, column), "{text}");
            assert!(
                !mistake.message().contains(" at line "),
                "{}",
                mistake.message()
            );
        }
    }

    #[test]
    fn deep_nesting_is_read_up_to_the_limit_and_refused_beyond() {
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(DEPTH_MAX)).0.is_some());
        let (node, mistakes, _) = read(&deep(100_000));
        assert!(node.is_none());
        assert_eq!(mistakes.len(), 1);
    }

    #[test]
    fn aliases_cannot_blow_a_small_file_up() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = level - 1;
            let ten = vec![format!("*a{before}"); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{ten}]\n"));
        }
        let (node, mistakes, _) = read(&text);
        assert!(node.is_none());
        assert_eq!(mistakes.len(), 1);
    }
}
