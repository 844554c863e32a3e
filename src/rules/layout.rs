//! Where the files of a policies folder lie. A file that lies or is called otherwise is read by
//! nobody: whoever wrote it believes in a contract or a test that is not there.

use std::collections::BTreeSet;

use crate::mistakes::{Mistakes, Source, Span, nearest};
use crate::source::Folder;

/// What lies at the top.
const FILES: [&str; 2] = ["promises.cedar", "schema.cedarschema"];
/// What may lie anywhere, for people.
const README: &str = "README.md";
/// Cases may need answers of a core; they lie here, under any name.
const FIXTURES: &str = "fixtures";

/// The folders, and how the names of their files end.
const FOLDERS: [(&str, &[&str]); 4] = [
    ("catalogue", &[".openapi.yaml", ".overlay.yaml"]),
    ("partners", &[".yaml"]),
    ("properties", &[".cedar"]),
    ("tests", &[".yaml"]),
];

/// Notes every file and folder that is none of those.
pub(super) fn check(folder: &Folder, mistakes: &mut Mistakes) {
    let mut strange = BTreeSet::new();
    for (name, source) in folder.files() {
        if name.rsplit('/').next() == Some(README) {
            continue;
        }
        let Some((top, below)) = name.split_once('/') else {
            if !FILES.contains(&name) {
                let message = format!("nothing reads `{name}`; here lie {}", FILES.join(" and "));
                mistakes.add_unknown(source, Span::default(), message, name, FILES);
            }
            continue;
        };
        let Some((_, endings)) = FOLDERS.into_iter().find(|(known, _)| *known == top) else {
            if strange.insert(top) {
                let folders = FOLDERS.map(|(known, _)| known);
                let place = Source::new(folder.root().join(top), "");
                let message = format!(
                    "nothing reads the folder `{top}`; there are {}",
                    folders.join(", ")
                );
                mistakes.add_unknown(&place, Span::default(), message, top, folders);
            }
            continue;
        };
        // The contracts are looked after where they are read.
        if top != "partners" && !is_read(top, below, endings) {
            let stem = below.split('.').next().unwrap_or_default();
            let valid: Vec<String> = endings
                .iter()
                .map(|ending| format!("{top}/{stem}{ending}"))
                .collect();
            let message = format!(
                "nothing reads `{name}`; a file of `{top}` is named `<name>{}`",
                endings.join("` or `<name>")
            );
            let words = valid.iter().map(String::as_str);
            let likely = nearest(name, words.clone()).or(words.clone().next());
            let likely = likely.filter(|_| !below.contains('/'));
            match likely {
                Some(likely) => {
                    let help = format!("did you mean `{likely}`?");
                    mistakes.add_with_help(source, Span::default(), message, help);
                }
                None => mistakes.add(source, Span::default(), message),
            }
        }
    }
}

fn is_read(top: &str, below: &str, endings: &[&str]) -> bool {
    let ends = endings.iter().any(|ending| {
        let stem = below.strip_suffix(ending);
        stem.is_some_and(|stem| !stem.is_empty() && !stem.contains('/'))
    });
    let fixture = below.split_once('/').map(|(folder, _)| folder) == Some(FIXTURES);
    ends || (top == "tests" && fixture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<String> {
        let mut mistakes = Mistakes::new();
        let files = names
            .iter()
            .map(|name| ((*name).to_owned(), "text".to_owned()));
        let folder = Folder::of("policies", files, &mut mistakes);
        check(&folder, &mut mistakes);
        let told = |mistake: &&crate::mistakes::Mistake| {
            format!(
                "{} {}",
                mistake.path().display(),
                mistake.help().unwrap_or_default()
            )
            .trim_end()
            .to_owned()
        };
        mistakes.sorted().iter().map(told).collect()
    }

    #[test]
    fn what_somebody_reads_is_right() {
        let right = [
            "README.md",
            "catalogue/mailing.openapi.yaml",
            "catalogue/mailing.overlay.yaml",
            "partners/acme.yaml",
            "promises.cedar",
            "properties/never.cedar",
            "schema.cedarschema",
            "tests/README.md",
            "tests/acme.yaml",
            "tests/fixtures/deep/customer.json",
        ];
        assert_eq!(found(&right), Vec::<String>::new());
    }

    #[test]
    fn what_nobody_reads_is_a_mistake_with_the_nearest_name() {
        let wrong = [
            "catalogue/mailing.overlai.yaml",
            "partnrs/acme.yaml",
            "partnrs/crest.yaml",
            "promise.cedar",
            "properties/deep/never.cedar",
            "tests/acme.yml",
            "tests/fixture/customer.json",
        ];
        assert_eq!(
            found(&wrong),
            [
                "policies/catalogue/mailing.overlai.yaml did you mean `catalogue/mailing.overlay.yaml`?",
                "policies/partnrs did you mean `partners`?",
                "policies/promise.cedar did you mean `promises.cedar`?",
                "policies/properties/deep/never.cedar",
                "policies/tests/acme.yml did you mean `tests/acme.yaml`?",
                "policies/tests/fixture/customer.json",
            ]
        );
    }
}
