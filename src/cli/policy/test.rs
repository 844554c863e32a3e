//! `covenant policy test`: the cases people wrote, judged by the rules as they stand in the files.

use std::io::{self, Write};
use std::path::PathBuf;

use jiff::civil::Date;

use super::super::invalid;
use super::super::output::{complain, escaped_lines};
use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, Files, Output};
use crate::mistakes::Mistakes;
use crate::rules::Rules;
use crate::rules::cases::{Case, Cases, Coverage, Outcome, to_json, to_junit, to_text};
use crate::source::Folder;

/// Which cases are run, and where the results go.
#[derive(Clone, Debug, clap::Args)]
pub struct Chosen {
    /// Run only the cases of this file (`acme`), or those whose name contains this.
    pub filter: Option<String>,
    /// Write the results to this file too, as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// State for every case under which circumstances its result holds, not only where it failed.
    #[arg(short, long)]
    pub verbose: bool,
}

/// Runs the cases; returns the exit code.
pub(super) fn run(
    chosen: &Chosen,
    files: &Files,
    today: Date,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&files.dir, &mut mistakes);
    let rules = Rules::load(&folder, None, today, &mut mistakes);
    let cases = Cases::load(&folder, rules.as_ref(), &mut mistakes);
    let Some(rules) = rules.filter(|_| mistakes.is_empty()) else {
        return Ok(invalid(&mistakes, &files.dir));
    };
    let filter = chosen.filter.as_deref();
    let meant = |case: &&Case| filter.is_none_or(|filter| case.is_meant(filter));
    let meant = cases.all.iter().filter(meant);
    let judged: Vec<(&Case, Outcome)> = meant.map(|case| (case, case.run(&rules, today))).collect();
    if judged.is_empty() {
        complain(match filter {
            Some(filter) => format!("no file or case of tests is called `{filter}`"),
            None => format!(
                "there are no cases in `{}`",
                files.dir.join("tests").display()
            ),
        });
        return Ok(EXIT_USAGE);
    }
    if let Some(file) = &chosen.junit {
        let written = to_junit(&judged).and_then(|document| std::fs::write(file, document));
        written.map_err(|error| {
            let message = format!("`{}` cannot be written: {error}", file.display());
            io::Error::new(error.kind(), message)
        })?;
    }
    // What a part of the cases does not speak of, the others may.
    let coverage = filter.is_none().then(|| Coverage::of(&rules, &judged));
    match files.output {
        Output::Json => writeln!(out, "{:#}", to_json(&judged, coverage.as_ref()))?,
        Output::Text => {
            let text = to_text(&judged, coverage.as_ref(), chosen.verbose);
            writeln!(out, "{}", escaped_lines(&text))?;
        }
    }
    let passed = judged
        .iter()
        .all(|(_, outcome)| outcome.failures.is_empty());
    Ok(if passed { EXIT_OK } else { EXIT_FAILED })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{EXIT_INVALID, TODAY};
    use super::*;
    use crate::starter::{self, DEFAULT_PORTS};

    fn ran(directory: &Path, chosen: &Chosen, output: Output) -> (u8, String) {
        let files = Files {
            dir: directory.join("policies"),
            output,
        };
        let mut out = Vec::new();
        let code = run(chosen, &files, TODAY, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    fn every() -> Chosen {
        Chosen {
            filter: None,
            junit: None,
            verbose: false,
        }
    }

    fn begun() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        starter::write(folder.path(), &DEFAULT_PORTS, "tester").unwrap();
        folder
    }

    fn change(folder: &Path, from: &str, to: &str) {
        let path = folder.join("policies/tests/acme.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    #[test]
    fn a_new_installation_passes_its_tests() {
        let folder = begun();
        let (code, text) = ran(folder.path(), &every(), Output::Text);
        assert_eq!(code, EXIT_OK, "{text}");
        assert!(text.ends_with(" cases, 0 failed\n"), "{text}");
        assert!(!text.contains("nothing else is said"), "{text}");
    }

    #[test]
    fn a_case_that_fails_exits_with_four_and_says_where_and_under_what() {
        let folder = begun();
        change(
            folder.path(),
            "[user.unique_id, user.name,",
            "[user.payment,",
        );
        let junit = folder.path().join("results.xml");
        let chosen = Chosen {
            junit: Some(junit.clone()),
            ..every()
        };
        let (code, text) = ran(folder.path(), &chosen, Output::Text);
        assert_eq!(code, EXIT_FAILED);
        for part in [
            "FAILED  a customer's page shows",
            "acme.yaml:9\n",
            "expected `user.payment` clear, but $.balance_cents is withheld",
            "customers: own (the head of the file says so)",
            "day: 2026-11-22 (it is today)",
            "1 failed\n",
            "acme.yaml:9: a customer's page shows",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(
            std::fs::read_to_string(junit)
                .unwrap()
                .contains("failures=\"1\"")
        );
        let (code, text) = ran(folder.path(), &every(), Output::Json);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &document["passed"]), (EXIT_FAILED, &false.into()));
        assert_eq!(document["cases"][0]["line"], 9);
        assert_eq!(document["cases"][1]["passed"], true);
    }

    #[test]
    fn a_part_of_the_cases_is_run_by_file_or_name() {
        let folder = begun();
        for (filter, count) in [
            ("crest", "5 cases"),
            ("crest.yaml", "5 cases"),
            ("told apart", "1 case,"),
        ] {
            let chosen = Chosen {
                filter: Some(filter.to_owned()),
                verbose: true,
                ..every()
            };
            let (code, text) = ran(folder.path(), &chosen, Output::Text);
            assert_eq!(code, EXIT_OK);
            assert!(text.contains(count), "{text}");
            assert!(text.contains("token purposes: those of the contract (none are given)"));
        }
        let nothing = Chosen {
            filter: Some("nothing of this name".to_owned()),
            ..every()
        };
        assert_eq!(ran(folder.path(), &nothing, Output::Text).0, EXIT_USAGE);
    }

    #[test]
    fn files_with_mistakes_exit_with_three() {
        let folder = begun();
        change(folder.path(), "decision: redact", "decision: redcat");
        assert_eq!(ran(folder.path(), &every(), Output::Text).0, EXIT_INVALID);
        let nowhere = Path::new("/nowhere");
        assert_eq!(ran(nowhere, &every(), Output::Json).0, EXIT_INVALID);
    }
}
