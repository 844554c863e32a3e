//! Mistakes as a person reads them (snippet and caret) and as a tool does (JSON).

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use serde_json::{Value, json};

use super::{Mistake, Mistakes};

/// Width of the lines of a report, in columns: what an eighty-column terminal shows.
const REPORT_COLUMNS: usize = 80;

/// Likewise of a plain one: longer than any message, so that who searches a log finds it whole.
const PLAIN_COLUMNS: usize = 10_000;

/// How a report is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Line-drawing characters and colours, for a terminal.
    Coloured,
    /// ASCII alone, for pipes, files and `NO_COLOR`.
    Plain,
}

impl Look {
    /// The look for an output that is a terminal or not, as `NO_COLOR` (any non-empty value) allows.
    pub fn of(is_terminal: bool) -> Self {
        let colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_terminal && !colourless {
            Self::Coloured
        } else {
            Self::Plain
        }
    }
}

impl Mistakes {
    /// Each mistake with its place, snippet, caret and help, sorted by file and place.
    pub fn render(&self, look: Look) -> String {
        let (theme, columns) = match look {
            Look::Coloured => (GraphicalTheme::unicode(), REPORT_COLUMNS),
            Look::Plain => (GraphicalTheme::none(), PLAIN_COLUMNS),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(columns)
            .with_links(false);
        let mut report = String::new();
        for mistake in self.sorted() {
            // Writing to a string cannot fail; should the snippet, the message still stands.
            if handler
                .render_report(&mut report, &Shown::new(mistake))
                .is_err()
            {
                report.push_str(mistake.message());
            }
            report.push('\n');
        }
        report
    }

    /// The same for tools: an array of `file`, `line`, `column`, `message`, `help`.
    pub fn to_json(&self) -> Value {
        let one = |mistake: &Mistake| {
            let position = mistake.position();
            json!({
                "file": mistake.path().display().to_string(),
                "line": position.line,
                "column": position.column,
                "message": mistake.message(),
                "help": mistake.help(),
            })
        };
        self.sorted().into_iter().map(one).collect()
    }
}

/// A mistake as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    mistake: &'a Mistake,
    source: NamedSource<std::sync::Arc<str>>,
}

impl<'a> Shown<'a> {
    fn new(mistake: &'a Mistake) -> Self {
        let source = &mistake.source;
        Self {
            mistake,
            source: NamedSource::new(source.path.display().to_string(), source.text.clone()),
        }
    }

    /// Of a file that could not be read there is nothing to show but its name.
    fn has_snippet(&self) -> bool {
        !self.mistake.source.text.is_empty()
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistake = self.mistake;
        if self.has_snippet() {
            formatter.write_str(&mistake.message)
        } else {
            write!(
                formatter,
                "{}: {}",
                mistake.path().display(),
                mistake.message
            )
        }
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.mistake.help().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.has_snippet().then_some(&self.source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.mistake.span;
        let end = self.mistake.source.text.len();
        let offset = span.offset.min(end);
        // A label over several lines is drawn as a bracket that hides the word at fault.
        let covered = self.mistake.source.text.get(offset..).unwrap_or_default();
        let line = covered.lines().next().unwrap_or_default().len();
        let label = LabeledSpan::underline((offset, span.length.min(line)));
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Source, Span};
    use super::*;

    fn misspelt() -> Mistakes {
        let source = Source::new("acme.yaml", "partner: acme\npuroses: []\n");
        let mut mistakes = Mistakes::new();
        let span = Span {
            offset: 14,
            length: 7,
        };
        mistakes.add_unknown(
            &source,
            span,
            "unknown key `puroses`",
            "puroses",
            ["purposes"],
        );
        mistakes
    }

    #[test]
    fn a_report_has_place_snippet_caret_and_help() {
        let report = misspelt().render(Look::Plain);
        for part in [
            "unknown key `puroses`",
            "acme.yaml:2:1",
            "puroses: []",
            "^",
            "did you mean `purposes`?",
        ] {
            assert!(report.contains(part), "{part} is missing in\n{report}");
        }
        assert!(report.is_ascii(), "plain means ASCII, without escapes");
    }

    #[test]
    fn tools_get_the_same_as_json() {
        let expected = json!([{
            "file": "acme.yaml", "line": 2, "column": 1,
            "message": "unknown key `puroses`", "help": "did you mean `purposes`?",
        }]);
        assert_eq!(misspelt().to_json(), expected);
    }

    #[test]
    fn a_file_without_text_is_named_in_the_message() {
        let source = Source::new("gone.yaml", "");
        let mut mistakes = Mistakes::new();
        mistakes.add(&source, Span::default(), "the file cannot be read");
        let report = mistakes.render(Look::Plain);
        assert!(
            report.contains("gone.yaml: the file cannot be read"),
            "{report}"
        );
    }

    #[test]
    fn a_plain_report_breaks_no_message() {
        let source = Source::new("gone.yaml", "");
        let mut mistakes = Mistakes::new();
        let message = "a sentence that no terminal shows on one line ".repeat(9);
        mistakes.add(&source, Span::default(), message.trim());
        assert!(mistakes.render(Look::Plain).contains(message.trim()));
        assert_eq!(mistakes.counted(), "1 mistake");
    }

    #[test]
    fn a_mistake_at_the_end_of_a_file_is_shown_too() {
        let source = Source::new("a", "x");
        let mut mistakes = Mistakes::new();
        mistakes.add(
            &source,
            Span {
                offset: 9,
                length: 4,
            },
            "ends too early",
        );
        assert!(mistakes.render(Look::Plain).contains("ends too early"));
    }
}
