//! The words of the schema file. Cedar tells of a misspelt one late and without its place, so each is
//! looked at beforehand: keywords of Cedar's, words of ours, and types that the file declares itself.
//! What the declarations mean is Cedar's to check.

use std::sync::Arc;

use super::super::vocabulary::Vocabulary;
use crate::mistakes::{Mistakes, Source, Span};

/// The words of Cedar's schema language, in its human-readable form.
const KEYWORDS: [&str; 22] = [
    "Bool",
    "Boolean",
    "Long",
    "Record",
    "Set",
    "String",
    "__cedar",
    "action",
    "appliesTo",
    "attributes",
    "context",
    "datetime",
    "decimal",
    "duration",
    "entity",
    "enum",
    "in",
    "ipaddr",
    "namespace",
    "principal",
    "resource",
    "type",
];

/// One word, with or without quotes, and its place without them.
struct Word<'a> {
    text: &'a str,
    span: Span,
}

/// Notes every word that is none of ours, and every one of ours that is missing. Returns whether
/// all was right.
pub(super) fn check(source: &Arc<Source>, mistakes: &mut Mistakes) -> bool {
    let before = mistakes.len();
    let words = words(source.text());
    let ours = Vocabulary::words();
    let is_declared = |name: &str| {
        let mut pairs = words.iter().zip(words.iter().skip(1));
        pairs.any(|(before, word)| before.text == "type" && word.text == name)
    };
    let is_known = |name: &str| KEYWORDS.contains(&name) || ours.iter().any(|one| one == name);
    for word in &words {
        if !is_known(word.text) && !is_declared(word.text) {
            let message = format!("`{}` is no word that the rules are asked about", word.text);
            let declared = words.iter().map(|one| one.text);
            let declared = declared.filter(|name| is_declared(name));
            let valid = ours.iter().map(String::as_str).chain(KEYWORDS);
            let valid = valid.chain(declared);
            mistakes.add_unknown(source, word.span, message, word.text, valid);
        }
    }
    if mistakes.len() == before {
        let is_missing = |name: &&String| words.iter().all(|word| word.text != **name);
        for name in ours.iter().filter(is_missing) {
            let message = format!("the schema does not declare `{name}`");
            mistakes.add(source, Span::default(), message);
        }
    }
    mistakes.len() == before
}

/// Every identifier and quoted name; comments and annotations (`@doc("…")`) are left out.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut annotation = false;
    while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let length = quoted.find('"').unwrap_or(quoted.len());
            let text = quoted.get(..length).unwrap_or_default();
            let span = Span {
                offset: offset + 1,
                length,
            };
            found.extend(Some(Word { text, span }).filter(|_| !annotation));
            (length + 2).min(rest.len())
        } else {
            let length = rest.bytes().take_while(|byte| letter(byte)).count();
            let text = rest.get(..length).unwrap_or_default();
            annotation = match rest.chars().next() {
                Some('@') => true,
                Some(')') => false,
                _ => annotation,
            };
            let is_word = length > 0 && !annotation;
            let span = Span { offset, length };
            found.extend(Some(Word { text, span }).filter(|_| is_word));
            length.max(rest.chars().next().map_or(1, char::len_utf8))
        };
        offset += length;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../policies/schema.cedarschema");

    fn found(text: &str) -> Vec<String> {
        let source = Source::new("schema.cedarschema", text);
        let mut mistakes = Mistakes::new();
        let right = check(&source, &mut mistakes);
        assert_eq!(right, mistakes.is_empty());
        let told = mistakes.sorted().into_iter().map(|mistake| {
            let line = mistake.position().line;
            let help = mistake.help().unwrap_or_default();
            format!("{line} {} {help}", mistake.message())
                .trim_end()
                .to_owned()
        });
        told.collect()
    }

    #[test]
    fn the_shipped_schema_has_our_words_and_no_others() {
        assert_eq!(found(SHIPPED), Vec::<String>::new());
        let annotated = SHIPPED.replace("action call;", "@doc(\"Anyting\")\naction call;");
        assert_eq!(found(&annotated), Vec::<String>::new());
    }

    #[test]
    fn a_misspelt_word_is_told_at_its_line() {
        for (right, wrong) in [
            ("\"dealer\"", "\"deeler\""),
            ("entity Basis", "entity Bases"),
            ("good_standing", "good_standin"),
            ("own: Bool", "own: Bol"),
            ("\"disclose.partial\"", "\"disclose.partal\""),
            ("action disclose;", "actoin disclose;"),
        ] {
            let text = SHIPPED.replace(right, wrong);
            let line = text.lines().position(|line| line.contains(wrong)).unwrap() + 1;
            let told = found(&text);
            let start = format!("{line} `");
            assert!(
                told.len() == 1 && told[0].starts_with(&start) && told[0].contains("did you mean"),
                "{wrong}: {told:?}"
            );
        }
    }

    #[test]
    fn a_word_that_is_missing_is_told() {
        let without = SHIPPED.replace(", \"call.document\"", "");
        assert_eq!(
            found(&without),
            ["1 the schema does not declare `call.document`"]
        );
    }
}
