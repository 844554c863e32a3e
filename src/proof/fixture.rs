//! Small sets of rules, beside the shipped schema, for the tests of this room.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::report::{Finding, Subject, Verdict};
use super::{Book, find_solver};
use crate::mistakes::{Look, Mistakes};
use crate::source::Folder;

/// A rule with its annotations, as one line.
pub(super) fn rule(id: &str, text: &str) -> String {
    format!("@id(\"{id}\") @promise(\"P5\") @sentence(\"S.\") {text}\n")
}

pub(super) fn book(promises: &str, properties: &str) -> Book {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let schema = std::fs::read_to_string(shipped.join("schema.cedarschema")).unwrap();
    let files = [
        ("schema.cedarschema", schema.as_str()),
        ("promises.cedar", promises),
        ("properties/all.cedar", properties),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let mut mistakes = Mistakes::new();
    let folder = Folder::of("", files, &mut mistakes);
    let book = Book::read(&folder, &mut mistakes);
    book.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)))
}

/// Each finding as `id Outcome`, without what is asked of the solver alone.
pub(super) fn outcomes(findings: &[Finding]) -> Vec<String> {
    let findings = findings.iter();
    let findings = findings.filter(|finding| finding.subject != Subject::Contracts);
    let told = findings.map(|finding| {
        let outcome = match finding.verdict {
            Verdict::Holds => "Holds",
            Verdict::SecondLock => "SecondLock",
            Verdict::Broken { .. } => "Broken",
            Verdict::Dead => "Dead",
            Verdict::Undecided { .. } => "Undecided",
        };
        format!("{} {outcome}", finding.id)
    });
    told.collect()
}

/// The solver, if it is installed. A test that ends without it says so past the harness; where every
/// component must be there, as in `.ci/run`, its absence is a failure.
pub(super) fn solver() -> Option<PathBuf> {
    let found = find_solver(None).ok().map(|(program, _)| program);
    if found.is_none() {
        let message = "WITHOUT `cvc5`, WHICH IS NOT INSTALLED, A PROOF WAS NOT TRIED\n";
        let needed = std::env::var_os("COVENANT_ALL_COMPONENTS").is_some();
        assert!(!needed, "{message}");
        std::io::stderr().write_all(message.as_bytes()).unwrap();
    }
    found
}
