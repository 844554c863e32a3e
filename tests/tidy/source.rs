//! The source as the checks see it: every file of `src/` with its place in the module tree, its code
//! without comments, literals and tests, and the paths that this code names.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the crate.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A path in the module tree, without `crate`.
pub(crate) type Module = Vec<String>;

/// One file of `src/`.
pub(crate) struct File {
    /// Relative to the crate's root.
    pub(crate) path: PathBuf,
    /// `["ledger", "open"]` for `src/ledger/open.rs`; empty for `lib.rs`.
    pub(crate) module: Module,
    /// As it stands.
    pub(crate) text: String,
    /// The same lines with comments, strings and what is only for tests blanked out.
    pub(crate) code: String,
    /// Whether the whole file is only for tests.
    pub(crate) is_test: bool,
}

impl File {
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Lines, those that are only for tests left out.
    pub(crate) fn line_count(&self) -> usize {
        let tests: usize = test_spans(&bare(&self.text))
            .iter()
            .map(|(start, end)| self.text[*start..*end].lines().count())
            .sum();
        self.text.lines().count() - tests
    }
}

/// Every file of `src/` but `main.rs`, in order.
pub(crate) fn files() -> Vec<File> {
    let mut files: Vec<File> = below("src", &["rs"])
        .into_iter()
        .filter(|path| path != Path::new("src/main.rs"))
        .map(|path| {
            let text = read(&path);
            let code = without_tests(&bare(&text));
            let module = module_of(&path);
            File {
                path,
                module,
                text,
                code,
                is_test: false,
            }
        })
        .collect();
    let tests: Vec<Module> = files
        .iter()
        .flat_map(|file| {
            test_modules(&bare(&file.text)).into_iter().map(|name| {
                let mut module = file.module.clone();
                module.push(name);
                module
            })
        })
        .collect();
    for file in &mut files {
        file.is_test = tests.iter().any(|test| file.module.starts_with(test));
    }
    files
}

/// Every file below a folder with one of these extensions, relative to the root, in order; folders
/// that `.gitignore` names are left out.
pub(crate) fn below(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let ignored = read(".gitignore".as_ref());
    let is_ignored = |folder: &Path| {
        let name = folder.strip_prefix(root()).unwrap().to_string_lossy();
        ignored.lines().any(|line| line.trim_matches('/') == name)
    };
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder.trim_matches('.'))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with(".git") && !is_ignored(&path) {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|found| extensions.iter().any(|wanted| found == *wanted))
            {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// A file's text, by its path from the root.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn module_of(path: &Path) -> Module {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    let module: Module = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module == ["lib"] {
        Vec::new()
    } else {
        module
    }
}

/// The same text with comments and the insides of literals blanked out, line for line.
pub(crate) fn bare(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(text, at);
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(
                bytes[at..end]
                    .iter()
                    .map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }),
            );
            at = end;
        }
    }
    String::from_utf8(out).unwrap()
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none begins.
fn literal_end(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    let find = |needle: &str, from: usize| {
        text[at + from..]
            .find(needle)
            .map_or(text.len(), |found| at + from + found + needle.len())
    };
    if rest.starts_with(b"//") {
        return find("\n", 0) - 1;
    }
    if rest.starts_with(b"/*") {
        return find("*/", 2);
    }
    let in_word = at > 0 && is_word(text.as_bytes()[at - 1]);
    let raw = rest.iter().take_while(|byte| **byte == b'b').count();
    if !in_word && raw < 2 && rest.get(raw) == Some(&b'r') {
        let hashes = rest[raw + 1..]
            .iter()
            .take_while(|byte| **byte == b'#')
            .count();
        if rest.get(raw + 1 + hashes) == Some(&b'"') {
            return find(&format!("\"{}", "#".repeat(hashes)), raw + 2 + hashes);
        }
    }
    match rest[0] {
        b'"' => quoted_end(rest, b'"') + at,
        // A lifetime has no closing quote right after its first character.
        b'\'' if rest.get(1) == Some(&b'\\') => quoted_end(rest, b'\'') + at,
        b'\'' => {
            let first = text[at + 1..].chars().next().map_or(0, char::len_utf8);
            if rest.get(1 + first) == Some(&b'\'') {
                at + first + 2
            } else {
                at
            }
        }
        _ => at,
    }
}

fn quoted_end(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const TEST_MARK: &str = "#[cfg(test)]";

/// From each `#[cfg(test)]` to the end of the item below it.
fn test_spans(bare: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(found) = bare[from..].find(TEST_MARK) {
        let start = from + found;
        let end = item_end(bare, start + TEST_MARK.len());
        spans.push((start, end));
        from = end;
    }
    spans
}

/// Where the item ends that begins at `at`: after its semicolon or its braces.
pub(crate) fn item_end(bare: &str, at: usize) -> usize {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (place, byte) in bare.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => others += 1,
            b')' | b']' => others -= 1,
            b'{' => braces += 1,
            b'}' if braces == 1 => return place + 1,
            b'}' => braces -= 1,
            b';' if braces == 0 && others == 0 => return place + 1,
            _ => {}
        }
    }
    bare.len()
}

fn without_tests(bare: &str) -> String {
    let mut code = bare.to_owned();
    for (start, end) in test_spans(bare) {
        let blank: String = bare[start..end]
            .chars()
            .map(|letter| if letter == '\n' { '\n' } else { ' ' })
            .collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// The names of the files that are only for tests: `#[cfg(test)] mod name;`.
fn test_modules(bare: &str) -> Vec<String> {
    let spans = test_spans(bare).into_iter();
    spans
        .filter_map(|(start, end)| {
            let item = bare[start..end].strip_suffix(';')?;
            let (_, name) = item.rsplit_once("mod ")?;
            Some(name.trim().to_owned())
        })
        .collect()
}

/// Every path of the code that begins with `crate`, `self` or `super`, groups taken apart.
pub(crate) fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate", "self", "super"] {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = code[..at].trim_end().as_bytes().last().copied();
            let joined = at > 0 && is_word(code.as_bytes()[at - 1]);
            if !joined && before != Some(b':') {
                tree(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads one path, or one group of paths, and returns how far it goes.
fn tree(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let word = text[at..].bytes().take_while(|byte| is_word(*byte)).count();
        if word == 0 {
            break;
        }
        prefix.push(text[at..at + word].to_owned());
        at += word;
        if !text[at..].starts_with("::") {
            break;
        }
        at += 2;
    }
    if text[at..].starts_with('{') && prefix.len() > depth {
        at += 1;
        while !text[at..].trim_start().starts_with('}') && at < text.len() {
            at += tree(&text[at..], prefix, found);
            at += text[at..].find([',', '}']).unwrap_or(text.len() - at);
            at += usize::from(text[at..].starts_with(','));
        }
        at += text[at..].find('}').map_or(0, |place| place + 1);
    } else {
        found.push(prefix.clone());
    }
    prefix.truncate(depth);
    at
}

#[test]
fn code_is_told_from_comments_literals_and_tests() {
    let text = "use a; // crate::b\nlet c = \"crate::d\\\"\"; let e = r#\"\"x\"\"#; let f: &'a u8 = b'\\'';\n\
                #[cfg(test)]\nmod tests {\n    use crate::g;\n}\nfn h() {}\n";
    let code = without_tests(&bare(text));
    let words: Vec<&str> = code.split_whitespace().collect();
    let expected = "use a; let c = ; let e = ; let f: &'a u8 = b ; fn h() {}";
    assert_eq!(words.join(" "), expected);
}

#[test]
fn groups_of_imports_are_taken_apart() {
    let code = "use crate::a::{self, b::{C, D as E}, f};\nlet x = super::g::h(1); Self::i();";
    let mut paths: Vec<String> = paths(code).iter().map(|path| path.join("::")).collect();
    paths.sort();
    let expected = [
        "crate::a::b::C",
        "crate::a::b::D",
        "crate::a::f",
        "crate::a::self",
        "super::g::h",
    ];
    assert_eq!(paths, expected);
}
