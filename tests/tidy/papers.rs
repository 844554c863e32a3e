//! The papers say what is there: files and tests they cite exist, links lead somewhere, every promise
//! is cited by what keeps it, and the sample configuration knows every setting.

use std::collections::BTreeSet;
use std::path::Path;

use covenant::config::Config;
use covenant::demo::core::World;
use covenant::demo::tour::curl_lines;
use covenant::mistakes::{Look, Mistakes};
use covenant::starter::DEFAULT_PORTS;

use crate::source::{below, read, root};

/// Folders that papers cite files of.
const FOLDERS: [&str; 7] = [
    "src/",
    "tests/",
    "benches/",
    "docs/",
    "policies/",
    "deploy/",
    "certs/",
];

/// Every paper with its path.
fn papers() -> Vec<(String, String)> {
    let papers = below(".", &["md"]).into_iter();
    let papers: Vec<_> = papers
        .map(|path| (path.display().to_string(), read(&path)))
        .collect();
    assert!(papers.len() > 5, "only {} papers were found", papers.len());
    papers
}

/// What stands between backticks, blocks of code left out.
fn cited(paper: &str) -> Vec<&str> {
    let outside = paper.split("```").step_by(2);
    outside
        .flat_map(|text| text.split('`').skip(1).step_by(2))
        .collect()
}

fn all(folders: &[&str], extensions: &[&str]) -> String {
    let paths = folders.iter().flat_map(|folder| below(folder, extensions));
    paths.map(|path| read(&path)).collect()
}

/// Words between double quotes in some code that are lower-case letters and underscores.
fn quoted_words(code: &str) -> BTreeSet<&str> {
    let is_word = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    code.split('"').skip(1).step_by(2).filter(is_word).collect()
}

#[test]
fn every_test_and_file_that_a_paper_cites_is_there() {
    let code = all(&["src", "tests", "benches"], &["rs"]);
    let readers = ["src/config/read.rs", "src/policy/contract/read.rs"];
    let readers: String = readers.iter().map(|path| read(path.as_ref())).collect();
    let settings = quoted_words(&readers);
    let mut tests_cited = 0;
    for (name, paper) in papers() {
        for word in cited(&paper) {
            let is_name = word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if is_name && word.matches('_').count() > 2 && !settings.contains(word) {
                tests_cited += 1;
                let stands = code.contains(&format!("fn {word}("));
                assert!(stands, "{name} cites the test `{word}`, which is not there");
            }
            if FOLDERS.iter().any(|folder| word.starts_with(folder))
                && !word.contains(['<', '*', ' '])
            {
                assert!(
                    root().join(word).exists(),
                    "{name} cites `{word}`, which is not there"
                );
            }
        }
    }
    assert!(tests_cited > 30, "only {tests_cited} tests are cited");
}

#[test]
fn every_link_between_papers_leads_somewhere() {
    for (name, paper) in papers() {
        let folder = root().join(&name).parent().unwrap().to_owned();
        let outside: String = paper.split("```").step_by(2).collect();
        for link in outside.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let elsewhere =
                target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            assert!(
                elsewhere || folder.join(target).exists(),
                "{name} links to `{target}`"
            );
        }
    }
}

#[test]
fn every_promise_is_cited_by_what_keeps_it() {
    let kept_by = all(&["src", "policies"], &["rs", "cedar"]);
    let words: BTreeSet<&str> = kept_by
        .split(|letter: char| !letter.is_alphanumeric())
        .collect();
    let page = read("PROMISES.md".as_ref());
    for number in 1..=18 {
        let promise = format!("P{number}");
        assert!(words.contains(promise.as_str()), "nothing cites {promise}");
        assert!(
            page.contains(&format!("\n## {promise}: ")),
            "{promise} is not on the page"
        );
    }
}

#[test]
fn every_property_stands_under_its_promise_and_no_other_does() {
    let properties = all(&["policies/properties"], &["cedar"]);
    let word = |text: &str| text.split('"').next().unwrap().to_owned();
    let stand: BTreeSet<(String, String)> = properties
        .split("@id(\"")
        .skip(1)
        .map(|rest| {
            let (_, promise) = rest.split_once("@promise(\"").unwrap();
            (word(promise), word(rest))
        })
        .collect();
    let page = read("PROMISES.md".as_ref());
    let named = page.split("\n## ").skip(1).flat_map(|section| {
        let (promise, _) = section.split_once(':').unwrap();
        let properties = cited(section).into_iter();
        properties
            .filter_map(|word| word.strip_prefix("property "))
            .map(|id| (promise.to_owned(), id.to_owned()))
    });
    assert!(
        stand.len() > 15,
        "only {} properties were found",
        stand.len()
    );
    assert_eq!(named.collect::<BTreeSet<_>>(), stand);
}

#[test]
fn the_changes_of_this_version_are_listed() {
    let heading = format!("\n## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md".as_ref()).contains(&heading));
}

#[test]
fn the_lines_of_the_tour_are_those_of_the_readme() {
    let readme = read("README.md".as_ref());
    let world = World::invent();
    let lines = curl_lines(Path::new("covenant-demo"), DEFAULT_PORTS.gateway, &world);
    assert_eq!(lines.len(), 8);
    for line in lines {
        let printed = format!("    $ {}\n", line.replace('\n', "\n      "));
        assert!(readme.contains(&printed), "the README has not:\n{printed}");
    }
}

/// Loads a configuration from a folder that has what the sample names.
fn load(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mailing.authorization"), "Bearer x").unwrap();
    let path = folder.path().join("covenant.toml");
    std::fs::write(&path, text.replace("/etc/covenant", "")).unwrap();
    let text = text.replace("/etc/covenant", &folder.path().display().to_string());
    std::fs::write(&path, text).unwrap();
    let mut mistakes = Mistakes::new();
    let config = Config::load(&path, &mut mistakes);
    config.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)))
}

/// The sample with the settings that are commented out put in force, those without a default too or not.
fn in_force(sample: &str, examples: bool) -> String {
    let lines = sample.lines().map(|line| {
        let setting = line.strip_prefix('#').filter(|rest| {
            rest.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '[')
        });
        match setting {
            Some(setting) if examples || !line.contains("no default") => setting,
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_configuration_loads_and_knows_every_setting_and_its_default() {
    let sample = read("deploy/covenant.toml".as_ref());
    let words: BTreeSet<&str> = sample
        .split(|letter: char| !letter.is_ascii_lowercase() && letter != '_')
        .collect();
    let readers = ["src/config/read.rs", "src/config/services/read.rs"];
    let readers = readers.map(|reader| read(Path::new(reader)));
    let missing: Vec<_> = readers
        .iter()
        .flat_map(|reader| quoted_words(reader))
        .filter(|word| !words.contains(word))
        .collect();
    assert!(
        missing.is_empty(),
        "the sample does not speak of {missing:?}"
    );
    let without_folder = |config: Config| {
        let told = format!("{config:#?}");
        let lines = told.lines().map(|line| match line.rsplit_once('/') {
            Some((_, end)) if line.contains("/tmp") || line.contains("/.tmp") => end.to_owned(),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>()
    };
    let (plain, defaults) = (load(&sample), load(&in_force(&sample, false)));
    assert_eq!(without_folder(plain), without_folder(defaults));
    load(&in_force(&sample, true));
}
