//! TOML.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Key, Node, Source, Span, Value};
use crate::mistakes::Mistakes;

/// Reads a document. Every error of syntax becomes a mistake.
pub fn read_toml(source: &Arc<Source>, mistakes: &mut Mistakes) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    for error in &errors {
        let span = error.span().map(span).unwrap_or_default();
        mistakes.add(
            source,
            span,
            format!("this is not valid TOML: {}", error.message()),
        );
    }
    if !errors.is_empty() {
        return None;
    }
    let place = span(table.span());
    let value = mapping(table.into_inner(), source, mistakes);
    Some(Node { value, span: place })
}

fn span(range: std::ops::Range<usize>) -> Span {
    Span {
        offset: range.start,
        length: range.end.saturating_sub(range.start),
    }
}

fn mapping(table: DeTable<'_>, source: &Arc<Source>, mistakes: &mut Mistakes) -> Value {
    let mut entries: Vec<(Key, Node)> = Vec::with_capacity(table.len());
    for (name, value) in table {
        let key = Key {
            span: span(name.span()),
            name: name.into_inner().into_owned(),
        };
        entries.push((key, node(value, source, mistakes)));
    }
    // The table is sorted by name; people read by place.
    entries.sort_by_key(|(key, _)| key.span);
    Value::Mapping(entries)
}

fn node(spanned: Spanned<DeValue<'_>>, source: &Arc<Source>, mistakes: &mut Mistakes) -> Node {
    let place = span(spanned.span());
    let value = match spanned.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix());
            number.map_or_else(
                |_| {
                    let message = "this number is larger than any that is used";
                    mistakes.add(source, place, message);
                    Value::Null
                },
                Value::Integer,
            )
        }
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        DeValue::Datetime(moment) => Value::Text(moment.to_string()),
        DeValue::Array(items) => {
            let items = items.into_iter();
            Value::Sequence(items.map(|item| node(item, source, mistakes)).collect())
        }
        DeValue::Table(table) => mapping(table, source, mistakes),
    };
    Node { value, span: place }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Option<Node>, Mistakes, Arc<Source>) {
        let source = Source::new("covenant.toml", text);
        let mut mistakes = Mistakes::new();
        let node = read_toml(&source, &mut mistakes);
        (node, mistakes, source)
    }

    #[test]
    fn every_kind_of_value_is_read_with_its_place() {
        let (node, mistakes, source) = read(
            "name = 'é'\nsize = 0x1_0\nratio = 1.5\nday = 2026-11-22\n[tls]\non = true\nports = [1, 2]\n",
        );
        assert!(mistakes.is_empty(), "{:?}", mistakes.sorted());
        let node = node.unwrap();
        let expected = json!({
            "name": "é", "size": 16, "ratio": 1.5, "day": "2026-11-22",
            "tls": {"on": true, "ports": [1, 2]},
        });
        assert_eq!(node.to_value().to_string(), expected.to_string());
        let (key, value) = &node.get("tls").unwrap().entries()[1];
        let at = |span: Span| {
            let position = source.position(span.offset);
            (position.line, position.column)
        };
        assert_eq!(at(key.span), (7, 1));
        assert_eq!(at(value.span), (7, 9));
    }

    #[test]
    fn errors_of_syntax_and_repeated_keys_are_all_reported() {
        let (node, mistakes, _) = read("a = \nb = 1\nb = 2\nc = 9223372036854775808\n");
        assert!(node.is_none());
        assert!(mistakes.len() >= 2, "{:?}", mistakes.sorted());
        let (_, mistakes, _) = read("c = 9223372036854775808\n");
        assert_eq!(mistakes.len(), 1);
    }
}
