//! How commands say things: tables on a terminal, tab-separated lines otherwise, JSON where asked
//! for. No colours at all, so `NO_COLOR` holds by itself. Characters that could steer a terminal or
//! turn text around are shown escaped, whoever they come from.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::administration::client::ClientError;
pub use crate::terms::escaped;
use crate::terms::steers;

/// A table is fitted to a terminal of this many columns or more; a narrower one breaks its lines.
const COLUMNS_MIN: u16 = 40;

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: a table on a terminal, plain lines otherwise.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Writes to standard output. A reader that went away is no mistake.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes to standard error as it stands. A reader that went away is no mistake.
pub fn say_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes what went wrong to standard error.
pub fn complain(error: impl ToString) {
    let text = format!("covenant: {}\n", escaped_lines(&error.to_string()));
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes an answer, in words or as JSON, or why there is none; returns the exit code.
pub fn tell<T: Serialize>(
    answer: Result<T, ClientError>,
    format: Format,
    in_words: impl FnOnce(&T),
) -> u8 {
    match answer {
        Err(error) => {
            complain(&error);
            error.exit_code()
        }
        Ok(answer) if format == Format::Json => say_json(&answer),
        Ok(answer) => {
            in_words(&answer);
            0
        }
    }
}

/// Writes a value as indented JSON; returns the exit code.
pub fn say_json(value: &impl Serialize) -> u8 {
    match serde_json::to_string_pretty(value) {
        Ok(text) => {
            say(&format!("{}\n", escaped_json(&text)));
            0
        }
        Err(error) => {
            complain(error);
            1
        }
    }
}

/// Writes rows under headings.
pub fn say_rows(headings: &[&str], rows: &[Vec<String>]) {
    say(&rows_as_text(headings, rows, io::stdout().is_terminal()));
}

fn rows_as_text(headings: &[&str], rows: &[Vec<String>], terminal: bool) -> String {
    let rows = rows
        .iter()
        .map(|row| row.iter().map(|cell| escaped(cell)).collect::<Vec<_>>());
    if !terminal {
        let lines = rows.map(|row| row.join("\t") + "\n");
        return lines.collect();
    }
    let mut table = Table::new();
    // Some terminals tell a width of nothing; a table squeezed into that is a letter wide.
    if table.width().is_some_and(|width| width >= COLUMNS_MIN) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(headings)
        .add_rows(rows);
    format!("{table}\n")
}

/// JSON in which no character steers a terminal: outside of strings there is none but line ends.
pub(super) fn escaped_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter != '\n' && (letter.is_control() || steers(letter)) {
            safe.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// The same for text of several lines, whose ends stay.
pub fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_steers_the_terminal_or_breaks_a_line() {
        let row = vec!["a\tb\nc".to_owned(), "\u{1b}[2J\u{202e}é".to_owned()];
        let plain = rows_as_text(&["one", "two"], std::slice::from_ref(&row), false);
        assert_eq!(plain, "a\\u{9}b\\u{a}c\t\\u{1b}[2J\\u{202e}é\n");
        let table = rows_as_text(&["one", "two"], &[row], true);
        assert!(
            table.contains("one") && !table.contains('\u{1b}'),
            "{table}"
        );
    }

    #[test]
    fn json_says_the_same_without_a_character_that_steers() {
        let value = serde_json::json!({"because": "\u{9b}2J\u{202e}\u{7f}\u{2028}\né"});
        let text = escaped_json(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
        assert!(text.contains(r"\u009b2J\u202e\u007f\u2028\né"), "{text}");
    }
}
