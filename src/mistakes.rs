//! What is wrong with the files people edit, all of it at once: each mistake at its line and column,
//! with the nearest valid name. A reader that finds a mistake notes it here and reads on, so that one
//! run tells everything.
//!
//! Nothing here knows a format or a rule. Start at [`Mistakes`]; `mistakes/render.rs` shows them.

mod render;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::render::Look;

/// The largest file that is read: 16 MiB, several times the largest OpenAPI document known.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One file as it was read. Cheap to share; mistakes keep it for their snippets.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    text: Arc<str>,
}

impl Source {
    /// A file's text that is already in memory.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            text: text.into(),
        })
    }

    /// Reads a file of at most [`FILE_BYTES_MAX`] bytes of UTF-8. What prevents it becomes a mistake.
    pub fn read(path: &Path, mistakes: &mut Mistakes) -> Option<Arc<Self>> {
        let size = std::fs::metadata(path).map(|metadata| metadata.len());
        let cause = match size {
            Ok(bytes) if bytes > FILE_BYTES_MAX => {
                format!("the file has {bytes} bytes; at most {FILE_BYTES_MAX} are read")
            }
            // What has no size, as a device, ends all the same.
            _ => match read_at_most(path, FILE_BYTES_MAX) {
                Ok(text) => return Some(Self::new(path, text)),
                Err(error) => format!("the file cannot be read: {error}"),
            },
        };
        mistakes.add(&Self::new(path, ""), Span::default(), cause);
        None
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(..end).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

/// A place in a [`Source`], in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Offset of its first byte.
    pub offset: usize,
    /// How many bytes it covers; 0 where only the beginning is known.
    pub length: usize,
}

/// A place as people count: both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Mistake {
    source: Arc<Source>,
    span: Span,
    message: String,
    help: Option<String>,
}

impl Mistake {
    /// The file it is in.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Where in the file.
    pub fn position(&self) -> Position {
        self.source.position(self.span.offset)
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be right, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// Everything found wrong so far, over all files.
#[derive(Clone, Debug, Default)]
pub struct Mistakes {
    found: Vec<Mistake>,
    remarked: Vec<Mistake>,
}

impl Mistakes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one.
    pub fn add(&mut self, source: &Arc<Source>, span: Span, message: impl Into<String>) {
        self.note(source, span, message.into(), None);
    }

    /// Notes one, with what would be right.
    pub fn add_with_help(
        &mut self,
        source: &Arc<Source>,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(source, span, message.into(), Some(help.into()));
    }

    /// Notes a word that is not one of `valid`, and names the nearest that is.
    pub fn add_unknown<'a>(
        &mut self,
        source: &Arc<Source>,
        span: Span,
        message: impl Into<String>,
        word: &str,
        valid: impl IntoIterator<Item = &'a str>,
    ) {
        let help = nearest(word, valid).map(|nearest| format!("did you mean `{nearest}`?"));
        self.note(source, span, message.into(), help);
    }

    /// Notes what is right and should still be seen by someone. It is no mistake, and not counted.
    pub fn remark(&mut self, source: &Arc<Source>, span: Span, message: impl Into<String>) {
        self.remarked.push(Mistake {
            source: Arc::clone(source),
            span,
            message: message.into(),
            help: None,
        });
    }

    fn note(&mut self, source: &Arc<Source>, span: Span, message: String, help: Option<String>) {
        self.found.push(Mistake {
            source: Arc::clone(source),
            span,
            message,
            help,
        });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// How many there are, in words: `1 mistake`, `2 mistakes`.
    pub fn counted(&self) -> String {
        counted(self.len())
    }

    /// All of them, by file and place.
    pub fn sorted(&self) -> Vec<&Mistake> {
        sorted(&self.found)
    }

    /// What was remarked, by file and place.
    pub fn remarks(&self) -> Vec<&Mistake> {
        sorted(&self.remarked)
    }

    /// How many there are in each file that has some, by file.
    pub fn by_file(&self) -> BTreeMap<&Path, usize> {
        let mut counts = BTreeMap::new();
        for mistake in &self.found {
            *counts.entry(mistake.path()).or_default() += 1;
        }
        counts
    }
}

fn read_at_most(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    let mut text = String::new();
    let mut file = std::fs::File::open(path)?.take(bytes_max.saturating_add(1));
    file.read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let message = format!("it has more than {bytes_max} bytes");
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            message,
        ));
    }
    Ok(text)
}

fn sorted(found: &[Mistake]) -> Vec<&Mistake> {
    let mut sorted: Vec<&Mistake> = found.iter().collect();
    sorted.sort_by_key(|mistake| (mistake.path().to_owned(), mistake.span));
    sorted
}

/// `1 mistake`, `2 mistakes`.
pub fn counted(mistakes: usize) -> String {
    let ending = if mistakes == 1 { "" } else { "s" };
    format!("{mistakes} mistake{ending}")
}

/// The word of `valid` that `word` was most likely meant to be: one that is few letters away, or
/// one that has its segments and more (`email` or `user.email` for `user.contact.email`).
pub fn nearest<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// A third of the letters may be wrong; more is another word.
    const LETTERS_PER_SLIP: usize = 3;
    let slips_max = (word.chars().count() / LETTERS_PER_SLIP).max(1);
    let slips = |candidate: &str| {
        let folded = word.eq_ignore_ascii_case(candidate);
        if folded || leaves_segments_out(word, candidate) {
            1
        } else {
            strsim::osa_distance(word, candidate)
        }
    };
    valid
        .into_iter()
        .map(|candidate| (slips(candidate), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether `word` is `candidate` with some of its dotted segments left out, but not the last.
fn leaves_segments_out(word: &str, candidate: &str) -> bool {
    let mut all = candidate.rsplit('.');
    let same_end = all.clone().next() == word.rsplit('.').next();
    same_end
        && word
            .rsplit('.')
            .all(|part| all.any(|segment| segment == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let source = Source::new("a.yaml", "één: 1\nzwei: 2\n");
        let at = |offset| {
            let position = source.position(offset);
            (position.line, position.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(5), (1, 4));
        assert_eq!(at(9), (2, 1));
        assert_eq!(at(999), (3, 1));
        assert_eq!(at(1), (1, 1), "an offset inside a character is its start");
    }

    #[test]
    fn the_nearest_word_is_a_slip_away_or_has_segments_that_were_left_out() {
        let keys = ["user.contact.email", "user.contact.url", "user.name"];
        let near = |word| nearest(word, keys);
        assert_eq!(near("user.contact.emial"), Some("user.contact.email"));
        assert_eq!(near("email"), Some("user.contact.email"));
        assert_eq!(near("user.email"), Some("user.contact.email"));
        assert_eq!(near("User.Name"), Some("user.name"));
        assert_eq!(near("telephone"), None);
    }

    #[test]
    fn mistakes_come_sorted_by_file_and_place() {
        let (second, first) = (Source::new("b", "xyz"), Source::new("a", "xyz"));
        let mut mistakes = Mistakes::new();
        let at = |offset| Span { offset, length: 1 };
        mistakes.add(&second, at(0), "third");
        mistakes.add(&first, at(2), "second");
        mistakes.add(&first, at(1), "first");
        let messages: Vec<_> = mistakes.sorted().iter().map(|m| m.message()).collect();
        assert_eq!(messages, ["first", "second", "third"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_a_mistake() {
        let mut mistakes = Mistakes::new();
        assert!(Source::read(Path::new("/nowhere/at.all"), &mut mistakes).is_none());
        assert_eq!(mistakes.len(), 1);
    }
}
