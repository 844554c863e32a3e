//! The usual form of rules: lines of 80 columns, two blanks for each level, comments and annotations
//! where they stood, and the empty lines that set headings apart. Not here: `schema.cedarschema`, whose comments no printer keeps.

use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{ParseErrors, PolicySet};
use cedar_policy_formatter::{Config, policies_str_to_pretty};

use super::bounds;
use super::read::note;
use crate::mistakes::{Mistakes, Source, Span};

const LINE_COLUMNS: usize = 80;
const INDENT_COLUMNS: isize = 2;
/// How often a layout is laid out again until it stays as it is.
const ROUNDS_MAX: usize = 4;

/// The rules of the file `name` of a policies folder in their usual form; `None` for a file that holds
/// no rules, and for one that cannot be read, whose mistakes are noted.
pub fn laid_out(name: &str, source: &Arc<Source>, mistakes: &mut Mistakes) -> Option<String> {
    let in_properties = name
        .strip_prefix("properties/")
        .is_some_and(|name| name.ends_with(".cedar"));
    if name != "promises.cedar" && !in_properties {
        return None;
    }
    if !bounds::check(source, mistakes) {
        return None;
    }
    if let Err(errors) = PolicySet::from_str(source.text()) {
        let errors: ParseErrors = errors;
        for error in errors.iter() {
            note(source, error, mistakes);
        }
        return None;
    }
    match settled(source.text()) {
        Ok(text) => Some(text),
        Err(reason) => {
            mistakes.add(source, Span::default(), reason);
            None
        }
    }
}

/// Laid out until it stays as it is, so that a second run changes nothing.
fn settled(text: &str) -> Result<String, String> {
    let config = Config {
        line_width: LINE_COLUMNS,
        indent_width: INDENT_COLUMNS,
    };
    let mut current = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        let next = policies_str_to_pretty(&current, &config)
            .map_err(|error| format!("this file cannot be laid out: {error}"))?;
        let next = with_empty_lines(text, &next);
        if next == current {
            break;
        }
        current = next;
    }
    match comments(text)
        .iter()
        .zip(comments(&current))
        .find(|(one, other)| *one != other)
    {
        _ if comments(text).len() == comments(&current).len() => Ok(current),
        Some((lost, _)) => Err(format!(
            "the comment `{lost}` would be lost; move it to a line of its own"
        )),
        None => Err("a comment would be lost; move it to a line of its own".to_owned()),
    }
}

/// Puts back what the printer takes away: an empty line after a comment that stands by itself.
fn with_empty_lines(before: &str, after: &str) -> String {
    let by_itself = |line: &str| line.starts_with("//");
    let lines: Vec<&str> = before.lines().collect();
    let pairs = lines.iter().zip(lines.iter().skip(1));
    let comments = pairs.filter(|(line, _)| by_itself(line));
    let mut set_apart = comments.map(|(_, next)| next.trim().is_empty());
    let mut text = String::with_capacity(before.len());
    let mut lines = after.lines().peekable();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let apart = by_itself(line) && set_apart.next() == Some(true);
        if apart && lines.peek().is_some_and(|next| !next.is_empty()) {
            text.push('\n');
        }
    }
    text
}

/// Every comment, in order.
fn comments(text: &str) -> Vec<String> {
    let comment = |line: &str| {
        let mut quoted = false;
        let mut escaped = false;
        let mut last = ' ';
        for (at, letter) in line.char_indices() {
            if letter == '/' && last == '/' && !quoted {
                let comment = line.get(at + 1..).unwrap_or_default();
                return Some(comment.trim().to_owned());
            }
            quoted ^= letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            last = letter;
        }
        None
    };
    text.lines().filter_map(comment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> (Option<String>, Vec<String>) {
        let source = Source::new(name, text);
        let mut mistakes = Mistakes::new();
        let laid_out = laid_out(name, &source, &mut mistakes);
        let told = mistakes.sorted().into_iter();
        let told = told.map(|one| format!("{} {}", one.position().line, one.message()));
        (laid_out, told.collect())
    }

    #[test]
    fn comments_and_annotations_stay_and_a_second_run_changes_nothing() {
        let text = "// first\n\n// ----\n\n@id(\"a//b\") // beside\npermit(principal,action,resource) when{ context.x // why\n && true};\n// last\n";
        let (laid_out, told) = of("promises.cedar", text);
        assert!(told.is_empty(), "{told:?}");
        let laid_out = laid_out.unwrap();
        assert_eq!(
            comments(&laid_out),
            ["first", "----", "beside", "why", "last"]
        );
        assert!(
            laid_out.starts_with("// first\n\n// ----\n\n@id"),
            "{laid_out}"
        );
        assert!(laid_out.contains("@id(\"a//b\")"), "{laid_out}");
        let (again, _) = of("properties/p.cedar", &laid_out);
        assert_eq!(again.unwrap(), laid_out);
    }

    #[test]
    fn what_is_no_rule_is_left_alone_and_what_cannot_be_read_is_told_at_its_place() {
        assert_eq!(of("partners/a.yaml", "a: 1"), (None, Vec::new()));
        assert_eq!(of("schema.cedarschema", "entity A;"), (None, Vec::new()));
        let (laid_out, told) = of(
            "promises.cedar",
            "permit(principal,action,resource);\n\npermit(;\n",
        );
        assert_eq!(laid_out, None);
        assert!(told.len() == 1 && told[0].starts_with("3 "), "{told:?}");
    }

    #[test]
    fn the_shipped_rules_are_in_their_usual_form() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let mut mistakes = Mistakes::new();
        let folder = crate::source::Folder::read(&path, &mut mistakes);
        let mut laid_out_files = 0;
        for (name, source) in folder.files() {
            if let Some(text) = laid_out(name, source, &mut mistakes) {
                laid_out_files += 1;
                assert_eq!(text, source.text(), "run `covenant policy fmt`: {name}");
            }
        }
        assert!(laid_out_files > 0 && mistakes.is_empty());
    }
}
