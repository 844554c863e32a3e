//! Reads the known keys of a mapping and reports everything that is not as it should be: missing and
//! unknown keys, wrong kinds, words outside a list, numbers outside a range.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::civil::Date;

use super::{Key, Node, Source, Span, Value};
use crate::mistakes::Mistakes;

/// The keys of one mapping. A key that no method asked for is unknown, and a mistake.
///
/// Methods named `optional_…` let a key be absent; the others report it. All return `None` (or
/// nothing) where the value cannot be used, after noting why, so that reading can go on.
#[derive(Debug)]
pub struct Fields<'node, 'run> {
    source: &'run Arc<Source>,
    mistakes: &'run mut Mistakes,
    entries: &'node [(Key, Node)],
    span: Span,
    asked: Vec<&'static str>,
}

impl<'node, 'run> Fields<'node, 'run> {
    /// Reads `node`, which must be a mapping, with `read`; then reports every key it did not ask for.
    pub fn read<T>(
        source: &'run Arc<Source>,
        node: &'node Node,
        mistakes: &'run mut Mistakes,
        read: impl FnOnce(&mut Fields<'node, 'run>) -> Option<T>,
    ) -> Option<T> {
        let Value::Mapping(entries) = &node.value else {
            let message = format!("a mapping is needed here, not {}", node.kind());
            mistakes.add(source, node.span, message);
            return None;
        };
        let mut fields = Fields {
            source,
            mistakes,
            entries,
            span: node.span,
            asked: Vec::new(),
        };
        let result = read(&mut fields);
        fields.finish();
        result
    }

    /// Reports every key that was not asked for, with the nearest that was.
    fn finish(self) {
        let unknown = |key: &&Key| !self.asked.contains(&key.name.as_str());
        for key in self.entries.iter().map(|(key, _)| key).filter(unknown) {
            let message = format!("unknown key `{}`", key.name);
            let valid = self.asked.iter().copied();
            self.mistakes
                .add_unknown(self.source, key.span, message, &key.name, valid);
        }
    }

    /// The file.
    pub fn source(&self) -> &'run Arc<Source> {
        self.source
    }

    /// Where everything wrong is noted.
    pub fn mistakes(&mut self) -> &mut Mistakes {
        self.mistakes
    }

    /// Where the mapping begins.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Notes that something at `span` is wrong.
    pub fn mistake(&mut self, span: Span, message: impl Into<String>) {
        self.mistakes.add(self.source, span, message);
    }

    /// The value of `name`, which may be absent.
    pub fn optional(&mut self, name: &'static str) -> Option<&'node Node> {
        self.asked.push(name);
        #[cfg(test)]
        asked::note(name);
        let mut entries = self.entries.iter();
        entries
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    /// The value of `name`.
    pub fn required(&mut self, name: &'static str) -> Option<&'node Node> {
        let node = self.optional(name);
        if node.is_none() {
            self.mistake(self.span, format!("the key `{name}` is missing"));
        }
        node
    }

    /// A text that is not empty.
    pub fn text(&mut self, name: &'static str) -> Option<&'node str> {
        let node = self.required(name)?;
        self.text_of(name, node)
    }

    /// A text that is not empty, or no key.
    pub fn optional_text(&mut self, name: &'static str) -> Option<&'node str> {
        let node = self.optional(name)?;
        self.text_of(name, node)
    }

    fn text_of(&mut self, name: &str, node: &'node Node) -> Option<&'node str> {
        match node.as_text() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => self.wrong(node, format!("`{name}` must not be empty")),
            None => self.wrong_kind(name, "text", node),
        }
    }

    /// A whole number within `range`.
    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = self.required(name)?;
        self.integer_of(name, node, &range)
    }

    /// A whole number within `range`, or no key.
    pub fn optional_integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let node = self.optional(name)?;
        self.integer_of(name, node, &range)
    }

    fn integer_of(&mut self, name: &str, node: &Node, range: &RangeInclusive<u32>) -> Option<u32> {
        let Some(integer) = node.as_integer() else {
            return self.wrong_kind(name, "a whole number", node);
        };
        let fits = u32::try_from(integer).ok().filter(|n| range.contains(n));
        fits.or_else(|| {
            let (least, most) = (range.start(), range.end());
            let message = format!("`{name}` is {integer}; it must be from {least} to {most}");
            self.wrong(node, message)
        })
    }

    /// A day, as `2026-11-22`.
    pub fn date(&mut self, name: &'static str) -> Option<Date> {
        let node = self.required(name)?;
        let date = node.as_text().and_then(|text| text.parse().ok());
        date.or_else(|| self.wrong(node, format!("`{name}` must be a day, as in `2026-11-22`")))
    }

    /// One of `words`.
    pub fn one_of(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let node = self.required(name)?;
        let text = self.text_of(name, node)?;
        let word = words.iter().copied().find(|word| *word == text);
        if word.is_none() {
            let message = format!("`{text}` is not one of: {}", words.join(", "));
            let valid = words.iter().copied();
            self.mistakes
                .add_unknown(self.source, node.span, message, text, valid);
        }
        word
    }

    /// The items of a list.
    pub fn list(&mut self, name: &'static str) -> Option<&'node [Node]> {
        let node = self.required(name)?;
        self.list_of(name, node)
    }

    /// The items of a list; none without the key.
    pub fn optional_list(&mut self, name: &'static str) -> &'node [Node] {
        let node = self.optional(name);
        node.and_then(|node| self.list_of(name, node))
            .unwrap_or_default()
    }

    fn list_of(&mut self, name: &str, node: &'node Node) -> Option<&'node [Node]> {
        match &node.value {
            Value::Sequence(items) => Some(items),
            _ => self.wrong_kind(name, "a list", node),
        }
    }

    /// The texts of a list.
    pub fn texts(&mut self, name: &'static str) -> Vec<(&'node str, Span)> {
        let items = self.list(name).unwrap_or_default();
        self.texts_of(name, items)
    }

    /// The texts of a list; none without the key.
    pub fn optional_texts(&mut self, name: &'static str) -> Vec<(&'node str, Span)> {
        let items = self.optional_list(name);
        self.texts_of(name, items)
    }

    fn texts_of(&mut self, name: &str, items: &'node [Node]) -> Vec<(&'node str, Span)> {
        let text = |item| Some((self.text_of(name, item)?, item.span));
        items.iter().filter_map(text).collect()
    }

    /// A mapping, read by `read` as [`Fields::read`] does.
    pub fn mapping<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'node, '_>) -> Option<T>,
    ) -> Option<T> {
        let node = self.required(name)?;
        self.nested(node, read)
    }

    /// A mapping, or no key.
    pub fn optional_mapping<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'node, '_>) -> Option<T>,
    ) -> Option<T> {
        let node = self.optional(name)?;
        self.nested(node, read)
    }

    /// Reads `node`, a value found below this mapping, as a mapping of its own.
    pub fn nested<T>(
        &mut self,
        node: &'node Node,
        read: impl FnOnce(&mut Fields<'node, '_>) -> Option<T>,
    ) -> Option<T> {
        Fields::read(self.source, node, self.mistakes, read)
    }

    fn wrong_kind<T>(&mut self, name: &str, needed: &str, node: &Node) -> Option<T> {
        let message = format!("`{name}` must be {needed}, not {}", node.kind());
        self.wrong(node, message)
    }

    fn wrong<T>(&mut self, node: &Node, message: String) -> Option<T> {
        self.mistakes.add(self.source, node.span, message);
        None
    }
}

/// Which keys readers ask for, so that tests can hold schemas against them.
#[cfg(test)]
pub(crate) mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static ASKED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(name: &str) {
        ASKED.with_borrow_mut(|asked| asked.insert(name.to_owned()));
    }

    /// What `read` gives, and every key that it asked for, at any depth.
    pub(crate) fn during<T>(read: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
        ASKED.with_borrow_mut(BTreeSet::clear);
        let result = read();
        (result, ASKED.with_borrow_mut(std::mem::take))
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_yaml;
    use super::*;

    /// Reads a small contract-like mapping and returns the mistakes as `line:column message`.
    fn mistakes_of(text: &str) -> Vec<String> {
        let source = Source::new("test.yaml", text);
        let mut mistakes = Mistakes::new();
        let node = read_yaml(&source, &mut mistakes).unwrap();
        Fields::read(&source, &node, &mut mistakes, |fields| {
            fields.text("name");
            fields.optional_text("note");
            fields.integer("size", 1..=100);
            fields.one_of("kind", &["dealer", "reseller"]);
            fields.date("until");
            fields.optional_texts("clients");
            fields.optional_mapping("budget", |budget| budget.integer("day", 1..=9))
        });
        let line = |mistake: &&crate::mistakes::Mistake| {
            let at = mistake.position();
            let help = mistake.help().unwrap_or_default();
            format!("{}:{} {} {help}", at.line, at.column, mistake.message())
                .trim_end()
                .to_owned()
        };
        mistakes.sorted().iter().map(line).collect()
    }

    #[test]
    fn a_mapping_that_is_right_has_no_mistakes() {
        let right =
            "name: a\nsize: 1\nkind: dealer\nuntil: 2026-01-31\nclients: [x]\nbudget: {day: 9}\n";
        assert_eq!(mistakes_of(right), Vec::<String>::new());
    }

    #[test]
    fn everything_wrong_is_reported_at_once_and_at_its_place() {
        let wrong = "nmae: a\nsize: 101\nkind: deeler\nuntil: tomorrow\nclients: [x, 7, '']\nbudget: {dya: 1}\nnote: [a]\n";
        assert_eq!(
            mistakes_of(wrong),
            [
                "1:1 the key `name` is missing",
                "1:1 unknown key `nmae` did you mean `name`?",
                "2:7 `size` is 101; it must be from 1 to 100",
                "3:7 `deeler` is not one of: dealer, reseller did you mean `dealer`?",
                "4:8 `until` must be a day, as in `2026-11-22`",
                "5:14 `clients` must be text, not a whole number",
                "5:17 `clients` must not be empty",
                "6:9 the key `day` is missing",
                "6:10 unknown key `dya` did you mean `day`?",
                "7:7 `note` must be text, not a list",
            ]
        );
    }

    #[test]
    fn a_list_where_a_mapping_is_needed_is_a_mistake() {
        assert_eq!(
            mistakes_of("- a\n"),
            ["1:1 a mapping is needed here, not a list"]
        );
    }
}
