//! An OpenAPI document with its overlay laid over it: one tree in which every part still knows the
//! file and the place it came from, so that a mistake in either is reported where it was made.

use std::sync::Arc;

use crate::source::{Node, Source, Span, Value};

/// A place in one of the two files.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) source: Arc<Source>,
    pub(super) span: Span,
}

impl Origin {
    /// What tells two places apart.
    pub(super) fn key(&self) -> (usize, Span) {
        (Arc::as_ptr(&self.source).addr(), self.span)
    }
}

/// One part of the tree.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) content: Content,
    pub(super) place: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Anything that has nothing below it.
    Scalar(Node),
    List(Vec<Part>),
    Map(Vec<Entry>),
}

/// A key and what stands under it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Where the key stands.
    pub(super) place: Origin,
    pub(super) part: Part,
}

impl Entry {
    /// A key that stands in no file, with what stands under it.
    pub(super) fn new(name: &str, part: Part) -> Self {
        Self {
            name: name.to_owned(),
            place: part.place.clone(),
            part,
        }
    }
}

impl Part {
    /// The same tree as `node`, which was read from `source`.
    pub(super) fn new(source: &Arc<Source>, node: &Node) -> Self {
        let place = |span| Origin {
            source: Arc::clone(source),
            span,
        };
        let content = match &node.value {
            Value::Sequence(items) => {
                Content::List(items.iter().map(|item| Self::new(source, item)).collect())
            }
            Value::Mapping(entries) => {
                let entry = |(key, node): &(crate::source::Key, Node)| Entry {
                    name: key.name.clone(),
                    place: place(key.span),
                    part: Self::new(source, node),
                };
                Content::Map(entries.iter().map(entry).collect())
            }
            _ => Content::Scalar(node.clone()),
        };
        Self {
            content,
            place: place(node.span),
        }
    }

    /// A mapping that stands in no file, at `place`.
    pub(super) fn map(place: &Origin, entries: Vec<Entry>) -> Self {
        Self {
            content: Content::Map(entries),
            place: place.clone(),
        }
    }

    /// A list that stands in no file, at `place`.
    pub(super) fn list(place: &Origin, items: Vec<Self>) -> Self {
        Self {
            content: Content::List(items),
            place: place.clone(),
        }
    }

    /// A value that stands in no file, at `place`.
    pub(super) fn of_value(place: &Origin, value: Value) -> Self {
        let span = place.span;
        Self {
            content: Content::Scalar(Node { value, span }),
            place: place.clone(),
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.content, Content::Map(_))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let entry = self.entries().iter().find(|entry| entry.name == name);
        entry.map(|entry| &entry.part)
    }

    pub(super) fn scalar(&self) -> Option<&Node> {
        match &self.content {
            Content::Scalar(node) => Some(node),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.scalar()?.as_text()
    }

    pub(super) fn integer(&self) -> Option<i64> {
        self.scalar()?.as_integer()
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        self.scalar()?.as_boolean()
    }

    /// The part at a JSON pointer (RFC 6901).
    pub(super) fn at(&self, pointer: &str) -> Option<&Self> {
        steps(pointer)?
            .iter()
            .try_fold(self, |part, step| match &part.content {
                Content::Map(_) => part.get(step),
                Content::List(items) => items.get(step.parse::<usize>().ok()?),
                Content::Scalar(_) => None,
            })
    }

    pub(super) fn at_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        steps(pointer)?
            .iter()
            .try_fold(self, |part, step| match &mut part.content {
                Content::Map(entries) => {
                    let entry = entries.iter_mut().find(|entry| entry.name == *step);
                    entry.map(|entry| &mut entry.part)
                }
                Content::List(items) => items.get_mut(step.parse::<usize>().ok()?),
                Content::Scalar(_) => None,
            })
    }

    /// Lays `update` over this part (OpenAPI Overlay 1.0.0, section 4.4.3): mappings are merged key by
    /// key, lists get the new items at their end, anything else is replaced.
    pub(super) fn merge(&mut self, update: &Self) {
        match (&mut self.content, &update.content) {
            (Content::Map(entries), Content::Map(updates)) => {
                for new in updates {
                    match entries.iter_mut().find(|old| old.name == new.name) {
                        Some(old) => {
                            old.place = new.place.clone();
                            old.part.merge(&new.part);
                        }
                        None => entries.push(new.clone()),
                    }
                }
            }
            (Content::List(items), Content::List(new)) => items.extend(new.iter().cloned()),
            (Content::List(items), _) => items.push(update.clone()),
            _ => *self = update.clone(),
        }
    }

    /// The same without places, for JSONPath.
    pub(super) fn to_value(&self) -> serde_json::Value {
        match &self.content {
            Content::Scalar(node) => node.to_value(),
            Content::List(items) => items.iter().map(Self::to_value).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|entry| (entry.name.clone(), entry.part.to_value()))
                .collect(),
        }
    }
}

/// The steps of a JSON pointer.
pub(super) fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let steps = pointer.strip_prefix('/')?.split('/');
    let plain = |step: &str| step.replace("~1", "/").replace("~0", "~");
    Some(steps.map(plain).collect())
}
