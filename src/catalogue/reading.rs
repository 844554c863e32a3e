//! What every reader of a laid-over document shares: references, the `x-covenant-*` keys, and the
//! notes of what is wrong. Each mistake is noted once, however many operations run into it, and a
//! key that no reader ever asked for is a mistake: it was put where it has no effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::check::{self, BadPattern};
use super::composed::Composed;
use super::document::{Entry, Origin, Part};
use super::matcher::Matcher;
use super::partial::Partial;
use super::shape::FieldRole;
use crate::mistakes::{Mistakes, Span, nearest};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, ResourceKind};

pub(super) const PREFIX: &str = "x-covenant-";
/// A registered key that may stand beside ours.
const CLASSIFICATION: &str = "x-data-classification";
/// Most references that one leads to.
const REFERENCES_MAX: usize = 32;
/// Most characters of a partial form.
pub(super) const PARTIAL_CHARACTERS_MAX: i64 = 16;

/// The partial form of the line of an address.
pub(super) const STREET: &str = "street";

/// Every key an overlay may add, without the prefix `x-covenant-`.
pub(super) const KEYS: [&str; 17] = [
    "alternative",
    "channel",
    "creates",
    "customer-key",
    "data-category",
    "data-subject",
    "data-uses",
    "empty",
    "group",
    "group-size",
    "link",
    "operational",
    "partial",
    "record",
    "refusal",
    "resource-id",
    "role",
];

/// Why a schema cannot be used.
#[derive(Clone, Debug)]
pub(super) struct Unusable {
    pub(super) place: Origin,
    pub(super) reason: String,
    /// Whether the document itself is wrong, rather than beyond what is understood here.
    pub(super) broken: bool,
}

/// A link to an operation, kept until all operations are known.
pub(super) struct Mediated {
    pub(super) place: Origin,
    pub(super) operation: Arc<str>,
    /// The roles of all fields of the same answer.
    pub(super) roles: Vec<FieldRole>,
}

/// The reading of one service.
pub(super) struct Reading<'a> {
    root: &'a Part,
    composed: &'a Composed,
    /// What was put together of which parts, by their addresses.
    known: BTreeMap<(&'static str, Vec<usize>), &'a Entry>,
    mistakes: &'a mut Mistakes,
    noted: BTreeSet<((usize, Span), String)>,
    asked: BTreeSet<(usize, Span)>,
    /// Places of keys that say the same of the same.
    twins: BTreeSet<[(usize, Span); 2]>,
    /// The operations that are not served, by where they stand.
    left: BTreeMap<(usize, Span), Arc<str>>,
    /// Links to operations that may not have been read yet.
    mediated: Vec<Mediated>,
    gave_up: bool,
    /// The patterns met so far, made ready: many fields share one.
    matchers: BTreeMap<String, Result<Arc<Matcher>, BadPattern>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(root: &'a Part, composed: &'a Composed, mistakes: &'a mut Mistakes) -> Self {
        Self {
            root,
            composed,
            known: BTreeMap::new(),
            mistakes,
            noted: BTreeSet::new(),
            asked: BTreeSet::new(),
            twins: BTreeSet::new(),
            left: BTreeMap::new(),
            mediated: Vec::new(),
            gave_up: false,
            matchers: BTreeMap::new(),
        }
    }

    /// What was put together of `parts` under this keyword before.
    pub(super) fn known(&self, keyword: &'static str, parts: &[&'a Entry]) -> Option<&'a Entry> {
        self.known.get(&(keyword, addresses(parts))).copied()
    }

    /// Keeps what is put together of `parts` under this keyword.
    pub(super) fn compose(
        &mut self,
        keyword: &'static str,
        parts: &[&'a Entry],
        entry: Entry,
    ) -> Option<&'a Entry> {
        let entry = self.composed.keep(self.known.len(), entry)?;
        self.known.insert((keyword, addresses(parts)), entry);
        Some(entry)
    }

    /// Keeps a link to an operation until all operations are known.
    pub(super) fn mediate(&mut self, link: Mediated) {
        self.mediated.push(link);
    }

    /// The links kept so far.
    pub(super) fn mediated(&mut self) -> Vec<Mediated> {
        std::mem::take(&mut self.mediated)
    }

    /// A pattern made ready.
    pub(super) fn matcher(&mut self, pattern: &str) -> Result<Arc<Matcher>, BadPattern> {
        if let Some(known) = self.matchers.get(pattern) {
            return known.clone();
        }
        let made = check::matcher(pattern);
        self.matchers.insert(pattern.to_owned(), made.clone());
        made
    }

    /// The whole document.
    pub(super) fn root(&self) -> &'a Part {
        self.root
    }

    pub(super) fn mistake(&mut self, place: &Origin, message: impl Into<String>) {
        let message = message.into();
        if self.noted.insert((place.key(), message.clone())) {
            self.mistakes.add(&place.source, place.span, message);
        }
    }

    /// Notes what is right and should be seen, once.
    pub(super) fn remark(&mut self, place: &Origin, message: impl Into<String>) {
        let message = message.into();
        if self.noted.insert((place.key(), message.clone())) {
            self.mistakes.remark(&place.source, place.span, message);
        }
    }

    /// Notes a word that is not one of `valid`, with the nearest that is.
    pub(super) fn unknown<'word>(
        &mut self,
        place: &Origin,
        message: String,
        word: &str,
        valid: impl IntoIterator<Item = &'word str>,
    ) {
        if self.noted.insert((place.key(), message.clone())) {
            let (source, span) = (&place.source, place.span);
            self.mistakes
                .add_unknown(source, span, message, word, valid);
        }
    }

    /// The part itself, or what its `$ref` leads to.
    pub(super) fn resolve(&mut self, part: &'a Part) -> Option<&'a Part> {
        let mut part = part;
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = part.get("$ref") else {
                return Some(part);
            };
            match self.follow(reference) {
                Ok(target) => part = target,
                Err(unusable) => {
                    self.mistake(&unusable.place, unusable.reason);
                    return None;
                }
            }
        }
        self.mistake(&part.place, "this reference leads in a circle");
        None
    }

    /// What a reference leads to, one step on.
    pub(super) fn follow(&self, reference: &'a Part) -> Result<&'a Part, Unusable> {
        let text = reference.text().unwrap_or_default();
        let reason = match text.strip_prefix('#') {
            None => "only references within this file (`#/…`) are followed".to_owned(),
            Some(pointer) => match self.root.at(pointer) {
                Some(target) => return Ok(target),
                None => format!("nothing stands at `{text}`"),
            },
        };
        Err(Unusable {
            place: reference.place.clone(),
            reason,
            broken: true,
        })
    }

    /// Notes why a whole answer or request could not be read. What the overlay says about it was
    /// then asked for by nobody, which is not the overlay's fault.
    pub(super) fn give_up(&mut self, unusable: Unusable, what: &str) {
        self.gave_up = true;
        let message = if unusable.broken {
            unusable.reason
        } else {
            format!("{what}: {}", unusable.reason)
        };
        self.mistake(&unusable.place, message);
    }

    /// The value of an `x-covenant-*` key of this part.
    pub(super) fn extension(&mut self, part: &'a Part, key: &str) -> Option<&'a Part> {
        let mut entries = part.entries().iter();
        let entry = entries.find(|entry| entry.name.strip_prefix(PREFIX) == Some(key))?;
        self.asked(entry);
        Some(&entry.part)
    }

    /// Notes that a key was read.
    pub(super) fn asked(&mut self, entry: &Entry) {
        self.asked.insert(entry.place.key());
    }

    /// Notes that two keys say the same of the same: one that is read has been read in both places.
    pub(super) fn twin(&mut self, one: &Entry, other: &Entry) {
        self.twins.insert([one.place.key(), other.place.key()]);
    }

    fn ask_twins(&mut self) {
        let mut grown = true;
        while std::mem::take(&mut grown) {
            for [one, other] in &self.twins {
                if self.asked.contains(one) != self.asked.contains(other) {
                    self.asked.extend([one, other]);
                    grown = true;
                }
            }
        }
    }

    /// A truth value; absent is false, and what is neither counts as true, being meant.
    pub(super) fn flag(&mut self, value: Option<&Part>) -> bool {
        let Some(part) = value else {
            return false;
        };
        part.boolean().unwrap_or_else(|| {
            self.mistake(&part.place, "this must be true or false");
            true
        })
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, part: &'a Part) -> Option<&'a str> {
        let text = part.text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.mistake(&part.place, "a text is needed here");
        }
        text
    }

    /// One of `words`.
    pub(super) fn word(&mut self, part: &'a Part, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(part)?;
        let word = words.iter().copied().find(|word| *word == text);
        if word.is_none() {
            let message = format!("`{text}` is not one of: {}", words.join(", "));
            self.unknown(&part.place, message, text, words.iter().copied());
        }
        word
    }

    pub(super) fn channel(&mut self, part: &'a Part) -> Option<Channel> {
        self.word(part, &Channel::ALL.map(Channel::word))
            .and_then(Channel::parse)
    }

    pub(super) fn resource_kind(&mut self, part: &'a Part) -> Option<ResourceKind> {
        self.word(part, &ResourceKind::ALL.map(ResourceKind::word))
            .and_then(ResourceKind::parse)
    }

    pub(super) fn category(&mut self, part: &'a Part) -> Option<Category> {
        let key = self.text(part)?;
        let category = Category::parse(key);
        if category.is_none() {
            let message = format!("`{key}` is not a data category");
            let valid = Category::all().map(Category::key);
            self.unknown(&part.place, message, key, valid);
        }
        category
    }

    pub(super) fn purposes(&mut self, part: &'a Part) -> Vec<Purpose> {
        if part.items().is_empty() {
            self.mistake(&part.place, "a list of data uses is needed here");
        }
        let mut purposes = Vec::new();
        for item in part.items() {
            let Some(key) = self.text(item) else {
                continue;
            };
            match Purpose::parse(key) {
                Some(purpose) => purposes.push(purpose),
                None => {
                    let message = format!("`{key}` is not a data use");
                    let valid: Vec<_> = Purpose::all().map(Purpose::key).collect();
                    self.unknown(&item.place, message, key, valid);
                }
            }
        }
        purposes
    }

    /// `{last: 4}`, `{first: 2}` or `street`.
    pub(super) fn partial(&mut self, part: &'a Part) -> Option<Partial> {
        if part.text().is_some() {
            return self.word(part, &[STREET]).map(|_| Partial::Street);
        }
        let count = |name| {
            let count = part.get(name)?.integer()?;
            let fits = (1..=PARTIAL_CHARACTERS_MAX).contains(&count);
            u8::try_from(count).ok().filter(|_| fits)
        };
        let partial = match (count("first"), count("last")) {
            (Some(first), None) => Some(Partial::First(first)),
            (None, Some(last)) => Some(Partial::Last(last)),
            _ => None,
        };
        if partial.is_none() || part.entries().len() != 1 {
            let message = format!(
                "this must be `{{first: n}}`, `{{last: n}}` or `{STREET}`, n from 1 to \
                 {PARTIAL_CHARACTERS_MAX}"
            );
            self.mistake(&part.place, message);
            return None;
        }
        partial
    }

    /// Leaves out the operation at `part` of the path at `item`. What is said of the components it
    /// refers to will have its effect once it is served; what is said of the operation has none.
    pub(super) fn leave(&mut self, item: &'a Part, part: &'a Part, operation: &Arc<str>) {
        self.left.insert(part.place.key(), Arc::clone(operation));
        let mut seen = BTreeSet::new();
        let mut open = vec![(part, false)];
        open.extend(item.get("parameters").map(|shared| (shared, true)));
        while let Some((part, shared)) = open.pop() {
            open.extend(part.items().iter().map(|item| (item, shared)));
            for entry in part.entries() {
                if shared && entry.name.starts_with(PREFIX) {
                    self.asked(entry);
                }
                open.push((&entry.part, shared));
                if entry.name == "$ref"
                    && let Ok(target) = self.follow(&entry.part)
                    && seen.insert(target.place.key())
                {
                    open.push((target, true));
                }
            }
        }
    }

    /// Notes the keys that are unknown, and those that no reader asked for.
    pub(super) fn finish(mut self) {
        self.ask_twins();
        let mut open = vec![(self.root, None)];
        while let Some((part, outer)) = open.pop() {
            let left = self.left.get(&part.place.key()).cloned().or(outer);
            open.extend(part.items().iter().map(|item| (item, left.clone())));
            for entry in part.entries() {
                open.push((&entry.part, left.clone()));
                if entry.name.starts_with("x-") {
                    self.check_extension(entry, left.as_deref());
                }
            }
        }
    }

    /// `left` is the operation it stands in, if that is not served.
    fn check_extension(&mut self, entry: &Entry, left: Option<&str>) {
        let known = entry.name.strip_prefix(PREFIX);
        if !known.is_some_and(|key| KEYS.contains(&key)) {
            let ours = KEYS.map(|key| format!("{PREFIX}{key}"));
            let valid = ours.iter().map(String::as_str).chain([CLASSIFICATION]);
            // Of other tools' keys, those that are nearly ours were meant to be.
            let meant =
                entry.name != CLASSIFICATION && nearest(&entry.name, valid.clone()).is_some();
            if known.is_some() || meant {
                let message = format!("unknown key `{}`", entry.name);
                self.unknown(&entry.place, message, &entry.name, valid);
            }
        } else if !self.gave_up && !self.asked.contains(&entry.place.key()) {
            let message = match left {
                Some(operation) => format!(
                    "`{operation}` is not served, so `{}` has no effect: give it an \
                     `x-covenant-channel` too",
                    entry.name
                ),
                None => format!("`{}` has no effect here", entry.name),
            };
            self.mistake(&entry.place, message);
        }
    }
}

/// What tells parts of a document apart, as long as it lives.
fn addresses(parts: &[&Entry]) -> Vec<usize> {
    let address = |entry: &&Entry| std::ptr::from_ref::<Entry>(entry).addr();
    parts.iter().map(address).collect()
}
