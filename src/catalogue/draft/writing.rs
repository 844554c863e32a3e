//! The draft as text. Remarks are indented comments; a line that can be taken is a whole action with
//! `# ` in front of it, in the first column, so that removing these two characters is the decision.
//! Nothing that the document names can end a comment: what is not plainly printed is escaped.

use serde_json::{Map, Value as Json};

use super::proposals::Group;

/// Most characters of a remark; a name can be as long as the file.
const REMARK_CHARACTERS_MAX: usize = 400;

/// The overlay, with each line that can be taken as `written` writes it.
pub(super) fn overlay(service: &str, groups: &[Group], written: impl Fn(&str) -> String) -> String {
    let mut text = format!(
        "# A draft. Nothing of `{service}` is released by it: an operation without a channel does not exist,\n\
         # and a field without a category is withheld. Every guess stands below as a comment.\n\
         #\n\
         # To decide: read what is said above a line that begins with `#   - {{`, correct the line where the\n\
         # guess is wrong, and remove the `# ` in front of it. `covenant policy check` tells what is missing.\n\
         overlay: 1.0.0\n\
         info:\n  title: Data categories and channels of {service}\n  version: 0.1.0\n\
         actions:\n  # Changes nothing: a list of actions must have one.\n  - {{target: \"$\", update: {{}}}}\n"
    );
    for group in groups {
        text.push_str(&format!("\n  # --- {}\n", printed(&group.heading)));
        for proposal in &group.proposals {
            text.push_str(&format!("  # {}\n", printed(&proposal.about)));
            if let Some((target, update)) = &proposal.action {
                let line = format!(
                    "  - {{target: {}, update: {}}}",
                    quoted(target),
                    mapping(update)
                );
                text.push_str(&written(&line));
                text.push('\n');
            }
        }
    }
    text
}

/// One line of at most [`REMARK_CHARACTERS_MAX`] characters.
fn printed(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars().take(REMARK_CHARACTERS_MAX) {
        if is_plain(letter) {
            line.push(letter);
        } else {
            line.extend(letter.escape_unicode());
        }
    }
    line
}

/// Letters, digits, marks and blanks that end no line and turn no text around.
fn is_plain(letter: char) -> bool {
    letter == ' ' || letter.is_ascii_graphic() || (!letter.is_ascii() && letter.is_alphanumeric())
}

/// A text within double quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if is_plain(letter) => quoted.push(letter),
            letter => {
                let mut units = [0; 2];
                for unit in letter.encode_utf16(&mut units) {
                    quoted.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

fn mapping(map: &Map<String, Json>) -> String {
    let entries = map.iter();
    let entries = entries.map(|(key, value)| format!("{}: {}", word(key), flow(value)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => word(text),
        Json::Object(map) => mapping(map),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text, without quotes where nobody could take it for something else.
fn word(text: &str) -> String {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let reserved = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ];
    let plain = text.bytes().all(letter)
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !reserved.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::super::proposals::Proposal;
    use super::*;
    use crate::mistakes::{Mistakes, Source};
    use crate::source::read_yaml;

    #[test]
    fn no_name_ends_a_comment_or_a_line() {
        let evil =
            "a\n  - {target: $, update: {x: 1}}\r\u{85}\u{2028}\u{2029}\u{feff}\0 \u{1f4ee} \"\\";
        let group = || Group {
            heading: evil.to_owned(),
            proposals: vec![Proposal {
                about: evil.to_owned(),
                action: Some((
                    evil.to_owned(),
                    Map::from_iter([(evil.to_owned(), evil.into())]),
                )),
            }],
        };
        let read = |text: String| {
            let mut mistakes = Mistakes::new();
            let node = read_yaml(&Source::new("draft.yaml", text), &mut mistakes);
            node.unwrap().get("actions").unwrap().to_value()
        };
        let draft = overlay("mail", &[group()], |line| format!("# {line}"));
        assert_eq!(read(draft).as_array().unwrap().len(), 1);
        let taken = read(overlay("mail", &[group()], str::to_owned));
        assert_eq!(taken[1]["target"], evil);
        assert_eq!(taken[1]["update"][evil], evil);
    }

    #[test]
    fn words_that_yaml_takes_for_something_else_are_quoted() {
        for (text, written) in [
            ("system.operations", "system.operations"),
            ("no", "\"no\""),
            ("1", "\"1\""),
            ("a b", "\"a b\""),
            ("", "\"\""),
        ] {
            assert_eq!(word(text), written);
        }
    }
}
