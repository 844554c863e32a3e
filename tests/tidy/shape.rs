//! How long things are, what every file begins with, and what stands nowhere.

use std::path::Path;

use crate::source::{self, File, bare, below, item_end, read, root};

/// Lines of a file, its tests not counted.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// What people may read of the project.
const TEXT: [&str; 12] = [
    "rs",
    "md",
    "toml",
    "yaml",
    "yml",
    "cedar",
    "cedarschema",
    "sh",
    "service",
    "json",
    "txt",
    "jsonl",
];

fn built() -> impl Iterator<Item = File> {
    source::files().into_iter().filter(|file| !file.is_test)
}

/// Every function of some code with its number of lines.
fn functions(code: &str) -> Vec<(String, usize)> {
    let starts = code
        .match_indices("fn ")
        .filter(|(at, _)| *at == 0 || code[..*at].ends_with(|letter: char| letter.is_whitespace()));
    starts
        .map(|(at, _)| {
            let body = &code[at..item_end(code, at)];
            let name: String = body[3..]
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            (name, body.lines().count())
        })
        .collect()
}

/// What is longer than it may be.
fn too_long(measured: impl Iterator<Item = (String, usize)>, most: usize) -> Vec<String> {
    measured
        .filter(|(_, lines)| *lines > most)
        .map(|(name, lines)| format!("{name} has {lines} lines of {most}"))
        .collect()
}

#[test]
fn no_file_is_too_long() {
    let measured = built().map(|file| (file.name(), file.line_count()));
    let found = too_long(measured, FILE_LINES_MAX);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_function_is_too_long() {
    let measured: Vec<_> = built()
        .flat_map(|file| {
            let measured = functions(&file.code).into_iter();
            measured
                .map(|(name, lines)| (format!("{} {name}", file.name()), lines))
                .collect::<Vec<_>>()
        })
        .collect();
    let count = measured.len();
    assert!(count > 800, "only {count} functions were found");
    let found = too_long(measured.into_iter(), FUNCTION_LINES_MAX);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    for folder in ["src", "tests", "benches"] {
        for path in below(folder, &["rs"]) {
            let begins = read(&path).starts_with("//! ");
            assert!(begins, "{} has no module comment", path.display());
        }
    }
}

#[test]
fn no_lint_is_silenced_without_a_reason_and_none_that_keeps_us_from_panicking() {
    const NEVER: [&str; 5] = [
        "unwrap_used",
        "expect_used",
        "clippy::panic",
        "indexing_slicing",
        "unsafe_code",
    ];
    for path in below("src", &["rs"]) {
        let code = bare(&read(&path));
        let name = path.display();
        assert!(!code.contains("[allow("), "{name} uses allow, not expect");
        for (at, _) in code.match_indices("[expect(") {
            let exception = &code[at..at + code[at..].find(']').unwrap()];
            let lint = NEVER.iter().find(|lint| exception.contains(**lint));
            assert_eq!(lint, None, "{name} silences a lint that has no exceptions");
            assert!(exception.contains("reason"), "{name} gives no reason");
        }
    }
}

#[test]
fn the_clock_is_read_in_one_file() {
    for file in built().filter(|file| file.path != Path::new("src/clock.rs")) {
        for reading in ["SystemTime::now", "Instant::now", "Timestamp::now"] {
            let name = file.name();
            assert!(!file.code.contains(reading), "{name} reads {reading}");
        }
    }
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), "X".repeat(3)];
    for path in below(".", &TEXT) {
        let text = read(&path);
        for mark in &marks {
            let mut words = text.split(|letter: char| !letter.is_alphanumeric());
            assert!(
                !words.any(|word| word == mark),
                "{} says {mark}",
                path.display()
            );
        }
    }
}

#[test]
fn there_is_no_private_key_in_the_tree() {
    let begin = ["-----BEGIN", "PRIVATE KEY-----"];
    let all = ["pem", "key", "crt", "p12", "pfx", "der", "token", "jwk"];
    let kept: Vec<_> = below(".", &all);
    assert!(kept.is_empty(), "credentials in the tree: {kept:?}");
    for path in below(".", &TEXT) {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        for (at, _) in text.match_indices(begin[0]) {
            let (head, body) = text[at..].split_once('\n').unwrap_or_default();
            let is_key = head.ends_with(begin[1])
                && body.len() > 40
                && body
                    .chars()
                    .take(40)
                    .all(|letter| letter.is_ascii_alphanumeric() || "+/".contains(letter));
            assert!(!is_key, "{} holds a private key", path.display());
        }
    }
}

#[test]
fn functions_are_counted_from_their_first_line_to_their_last() {
    let code =
        "fn a() {}\nimpl B {\n    pub fn c(&self)\n    where\n        D: E,\n    {\n    }\n}\n";
    let expected = [("a".to_owned(), 1), ("c".to_owned(), 5)];
    assert_eq!(functions(code), expected);
}
