//! Any single misspelt key or value of any shipped policy file is reported at its place: every word
//! that is of a vocabulary, or refers to something, is misspelt by one letter, and the files are
//! checked as `covenant policy check` does.
//!
//! What is not misspelt here is what only its author can know to be wrong, in three kinds:
//! - free text ([`FREE`], [`PROSE`]): prose, names of people and places, identifiers that are issued
//!   elsewhere, patterns (of which any other is one as well), rule ids;
//! - what a document *defines*: the names of paths, components, properties and parameters, its
//!   `operationId`s and the values of its enumerations. A definition is right by being there. What
//!   refers to it (`$ref`, `required`, a target, a contract) is misspelt, and reported; so a
//!   misspelt definition is told where it is missed;
//! - numbers that stay numbers. A letter within one is reported.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::{Date, date};

use super::Rules;
use super::cases::Cases;
use crate::catalogue::Catalogue;
use crate::mistakes::{Mistake, Mistakes};
use crate::policy::{PolicySet, Properties};
use crate::source::{Folder, Node, Span, Value, read_yaml};

const TODAY: Date = date(2026, 11, 22);

/// Free text of contracts and overlays, by the path of the value; whole branches of it.
const FREE: [&str; 18] = [
    "name",
    "address",
    "credentials/certificates/names",
    "credentials/clients",
    // Which versions of the terms there are, the company's lawyers know.
    "terms/version",
    "terms/accepted_by",
    // What a case is called.
    "tests/*/name",
    // What a made-up request and answer hold is data: the case says what becomes of it.
    "tests/*/request/headers",
    "tests/*/request/body",
    "tests/*/answer",
    "tests/*/circumstances/customers",
    "exceptions/*/because",
    "exceptions/*/approved_by",
    "info",
    "actions/*/update/x-covenant-alternative",
    // Another tool's words, which nothing here reads.
    "actions/*/update/x-data-classification",
    // Of the country, two letters of any kind; that it must fit the schema has tests of its own.
    "actions/*/update/x-covenant-empty",
    // What identifiers look like is the core's to say, as in its own document.
    "actions/*/update/pattern",
];

/// Free text of OpenAPI documents, by the key it stands under; and what a document defines.
const PROSE: [&str; 10] = [
    "default",
    "description",
    "enum",
    "info",
    "name",
    "operationId",
    "pattern",
    "servers",
    "summary",
    "title",
];

/// Keys of an OpenAPI document under which stand names that it defines.
const DEFINING: [&str; 5] = ["paths", "properties", "schemas", "parameters", "responses"];

/// Annotations of rules that are prose or define a name.
const PROSE_OF_RULES: [&str; 3] = ["id", "sentence", "fix"];

/// A word that is misspelt.
#[derive(Clone, Debug)]
struct Site {
    file: String,
    span: Span,
    /// Where it is, for a failure to tell.
    path: String,
    /// Whether it is a word of Cedar without quotes.
    bare: bool,
}

/// The words of a YAML file.
fn words_of_yaml(file: &str, text: &str) -> Vec<Site> {
    let mut mistakes = Mistakes::new();
    let source = crate::source::Source::new(file, text);
    let node = read_yaml(&source, &mut mistakes).unwrap();
    let mut found = Vec::new();
    walk(file, &node, &mut Vec::new(), &mut found);
    found
}

fn walk(file: &str, node: &Node, path: &mut Vec<String>, found: &mut Vec<Site>) {
    let site = |span, path: &[String]| Site {
        file: file.to_owned(),
        span,
        path: path.join("/"),
        bare: false,
    };
    let is_document = file.ends_with(".openapi.yaml");
    match &node.value {
        Value::Mapping(entries) => {
            let defined = is_document && defines(path);
            for (key, below) in entries {
                let outside = is_free(is_document, path);
                path.push(key.name.clone());
                if !defined && !outside {
                    found.push(site(key.span, path));
                }
                walk(file, below, path, found);
                path.pop();
            }
        }
        Value::Sequence(items) => {
            for item in items {
                path.push("*".to_owned());
                walk(file, item, path, found);
                path.pop();
            }
        }
        Value::Null => {}
        _ if is_free(is_document, path) => {}
        _ => found.push(site(node.span, path)),
    }
}

fn is_free(is_document: bool, path: &[String]) -> bool {
    if is_document {
        let of_property = |at: usize| at > 0 && path[at - 1] == "properties";
        let mut steps = path.iter().enumerate();
        return steps.any(|(at, step)| PROSE.contains(&step.as_str()) && !of_property(at));
    }
    let path = path.join("/");
    let covers = |free: &str| path == *free || path.starts_with(&format!("{free}/"));
    FREE.iter().any(|free| covers(free))
}

/// Whether the keys at `path` are names that the document gives; those of statuses are none.
fn defines(path: &[String]) -> bool {
    let Some((last, above)) = path.split_last() else {
        return false;
    };
    let of_property = above.last().is_some_and(|one| one == "properties");
    let of_components = above == ["components"];
    match last.as_str() {
        "responses" => of_components,
        last => DEFINING.contains(&last) && !of_property,
    }
}

/// The words of a Cedar file: identifiers, and what stands in quotes.
fn words_of_cedar(file: &str, text: &str) -> Vec<Site> {
    let mut found: Vec<Site> = Vec::new();
    let mut before = "";
    let mut offset = 0;
    while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
        let quoted = rest.starts_with('"');
        let (start, length, step) = if rest.starts_with("//") {
            (0, 0, rest.find('\n').unwrap())
        } else if quoted {
            let length = rest[1..].find('"').unwrap();
            (1, length, length + 2)
        } else {
            let plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
            let length = rest.chars().take_while(plain).count();
            (
                0,
                length,
                length.max(rest.chars().next().unwrap().len_utf8()),
            )
        };
        let word = &rest[start..start + length];
        let prose = quoted && PROSE_OF_RULES.contains(&before);
        // The name of a type is the file's own.
        if length > 0 && !prose && before != "type" {
            found.push(Site {
                file: file.to_owned(),
                span: Span {
                    offset: offset + start,
                    length,
                },
                path: format!("{before} {word}"),
                bare: !quoted,
            });
        }
        if length > 0 {
            before = word;
        }
        offset += step;
    }
    found
}

/// One letter of the word is another; of a word without letters, one digit is a letter.
fn misspelt(text: &str, span: Span) -> (usize, char) {
    let whole = &text[span.offset..span.offset + span.length];
    // Of a path, the part that the catalogue knows; ids and queries are a case's own.
    let word = match whole.split_once("/v1/") {
        Some((before, rest)) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            &whole[..before.len() + "/v1/".len() + end]
        }
        None => whole,
    };
    let from = word.rfind("/v1/").map_or(0, |at| at + "/v1/".len());
    let letters: Vec<usize> = word
        .char_indices()
        .filter(|(at, letter)| *at >= from && letter.is_ascii_alphabetic())
        .map(|(at, _)| at)
        .collect();
    let digits = word.rfind(|letter: char| letter.is_ascii_digit());
    let at = letters.get(letters.len() / 2).copied().or(digits);
    let at = span.offset + at.unwrap_or_default();
    let other = if text[at..].starts_with('q') {
        'z'
    } else {
        'q'
    };
    (at, other)
}

fn text_of<'a>(files: &'a [(String, String)], site: &Site) -> &'a str {
    let (_, text) = files.iter().find(|(name, _)| *name == site.file).unwrap();
    &text[site.span.offset..site.span.offset + site.span.length]
}

/// The policies, and what is found wrong with them when some words are misspelt.
struct Policies {
    files: Vec<(String, String)>,
    rules: Rules,
}

impl Policies {
    fn shipped() -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(&directory, &mut mistakes);
        assert!(mistakes.is_empty());
        let rules = Rules::load(&folder, None, TODAY, &mut mistakes).unwrap();
        let files = folder.files();
        let files = files.map(|(name, source)| (name.to_owned(), source.text().to_owned()));
        Self {
            files: files.collect(),
            rules,
        }
    }

    /// Every word that must be right.
    fn sites(&self) -> Vec<Site> {
        let words = |(name, text): &(String, String)| match name.rsplit('.').next() {
            Some("yaml") => words_of_yaml(name, text),
            Some("cedar" | "cedarschema") => words_of_cedar(name, text),
            _ => Vec::new(),
        };
        self.files.iter().flat_map(words).collect()
    }

    /// The sites among `sites`, all misspelt at once, at whose line nothing was reported.
    fn missed(&self, sites: &[Site]) -> Vec<Site> {
        let mut files = self.files.clone();
        for (name, text) in &mut files {
            for site in sites.iter().filter(|site| site.file == *name) {
                let (at, letter) = misspelt(text, site.span);
                text.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
            }
        }
        let mut mistakes = Mistakes::new();
        // A catalogue tells of itself, and the rest of itself, so only that is read again.
        let of_catalogue = |name: &str| name.starts_with("catalogue/");
        let only = sites.iter().all(|site| of_catalogue(&site.file));
        let others = sites.iter().all(|site| !of_catalogue(&site.file));
        files.retain(|(name, _)| !others || !of_catalogue(name));
        let folder = Folder::of("", files, &mut mistakes);
        if only {
            Catalogue::load(&folder, &mut mistakes);
        } else if sites.iter().all(|site| site.file.starts_with("tests/")) {
            Cases::load(&folder, Some(&self.rules), &mut mistakes);
        } else if others {
            let catalogue = Some(&*self.rules.catalogue);
            PolicySet::load(&folder, catalogue, None, TODAY, &mut mistakes);
            Properties::read(&folder, &mut mistakes);
        } else {
            Rules::check(&folder, TODAY, &mut mistakes);
        }
        let found: Vec<&Mistake> = mistakes
            .sorted()
            .into_iter()
            .chain(mistakes.remarks())
            .collect();
        let alone = sites.len() == 1;
        let reported = |site: &&Site| {
            let source = folder.file(&site.file).unwrap();
            // A case about what is not listed means any path that is not.
            if site.path == "tests/*/request" && text_of(&self.files, site).contains("/invoices") {
                return true;
            }
            let start = source.position(site.span.offset);
            let end = source.position(site.span.offset + site.span.length);
            found.iter().any(|mistake| {
                let place = mistake.position();
                let here = mistake.path() == source.path() && place.line == start.line;
                // Beside others, what is told must be told of this very word.
                here && (alone || (start.column..=end.column).contains(&place.column))
            })
        };
        let missed = sites.iter().filter(|site| !reported(site));
        missed.cloned().collect()
    }
}

#[test]
fn any_single_misspelt_word_of_the_shipped_policies_is_reported_at_its_line() {
    /// One of so many words is misspelt at a time, so that they stand far from each other.
    const ROUNDS: usize = 32;
    let policies = Policies::shipped();
    let sites = policies.sites();
    assert!(sites.len() > 1_000, "only {} words were found", sites.len());
    let (yaml, cedar): (Vec<Site>, Vec<Site>) = sites
        .into_iter()
        .partition(|site| site.file.ends_with(".yaml"));
    let (tests, yaml): (Vec<Site>, Vec<Site>) = yaml
        .into_iter()
        .partition(|site| site.file.starts_with("tests/"));
    let (syntax, names): (Vec<Site>, Vec<Site>) = cedar.into_iter().partition(|one| one.bare);
    let mut missed = Vec::new();
    for sites in [yaml, tests, names] {
        for round in 0..ROUNDS {
            let batch = sites.iter().skip(round).step_by(ROUNDS);
            missed.extend(policies.missed(&batch.cloned().collect::<Vec<_>>()));
        }
    }
    // A word of Cedar's own ends the reading of the file. It is misspelt once for each word that it
    // stands behind: the grammar tells no more apart.
    let mut seen = BTreeSet::new();
    missed.extend(
        syntax
            .into_iter()
            .filter(|site| seen.insert(site.path.clone())),
    );
    // What others hid is misspelt by itself.
    let by_itself = |site: &Site| policies.missed(std::slice::from_ref(site));
    let missed: Vec<Site> = missed.iter().flat_map(by_itself).collect();
    let told: Vec<String> = missed
        .iter()
        .map(|site| {
            let (_, text) = policies
                .files
                .iter()
                .find(|(name, _)| *name == site.file)
                .unwrap();
            let line = text[..site.span.offset].matches('\n').count() + 1;
            format!("{}:{line} {}", site.file, site.path)
        })
        .collect();
    assert!(told.is_empty(), "{} of them: {told:#?}", told.len());
}
