//! `policies/properties/*.cedar`: what must hold of the promises, as patterns of requests that must
//! never be allowed (forbid) or must always be (permit). Read with the checks that the promises pass,
//! so that a misspelt purpose cannot make a property hold of nothing. Decides no request; held against
//! the promises by [`crate::proof`].

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{Policy, PolicySet, Schema};

use super::super::vocabulary::Vocabulary;
use super::{Rule, read};
use crate::mistakes::{Mistakes, Source, Span};
use crate::source::Folder;

/// The folder they stand in, below the policies folder.
const FOLDER: &str = "properties";

/// One property.
#[derive(Clone, Debug)]
pub struct Property {
    /// What its annotations say: id, promise, sentence and line. It forbids what must never be
    /// allowed, and permits what must always be.
    pub rule: Rule,
    /// Its file, below the policies folder.
    pub file: Arc<str>,
    pub(crate) policy: Policy,
}

/// Every property, in order of the files' names and of each file.
#[derive(Clone, Debug, Default)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// Reads those of `folder`; a folder without any is in order. `None` when one has a mistake, or
    /// the schema does, whose mistakes are told where the promises are read.
    pub fn read(folder: &Folder, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.len();
        let schema = folder.file("schema.cedarschema")?;
        let schema = read::read_schema(schema, &mut Mistakes::new())?;
        let vocabulary = Vocabulary::new()?;
        let mut all = Vec::new();
        for (name, source) in folder.below(FOLDER) {
            if name.ends_with(".cedar") && !name.contains('/') {
                let file: Arc<str> = format!("{FOLDER}/{name}").into();
                let read = read_file(source, &file, &schema, &vocabulary, mistakes);
                all.extend(read.into_iter().flatten());
            } else {
                let message = "a file of properties is named `<subject>.cedar`";
                mistakes.add(source, Span::default(), message);
            }
        }
        check_ids(&all, folder, mistakes);
        (mistakes.len() == before).then_some(Self(all))
    }

    /// All of them.
    pub fn all(&self) -> &[Property] {
        &self.0
    }
}

fn read_file(
    source: &Arc<Source>,
    file: &Arc<str>,
    schema: &Schema,
    vocabulary: &Vocabulary,
    mistakes: &mut Mistakes,
) -> Option<Vec<Property>> {
    let policies = read::read_policies(source, mistakes)?;
    let (rules, named) = read::name(&policies, source, vocabulary, mistakes);
    let set = PolicySet::from_policies(named.iter().cloned()).ok()?;
    read::validate(schema, &set, source, mistakes);
    for (policy, span) in &policies {
        if ["refusal", "fix"]
            .iter()
            .any(|name| policy.annotation(name).is_some())
        {
            let message = "a property refuses no call; it has no @refusal and no @fix";
            mistakes.add(source, *span, message);
        }
    }
    let pairs = rules.into_iter().zip(named);
    let properties = pairs.map(|(rule, policy)| Property {
        rule,
        file: Arc::clone(file),
        policy,
    });
    Some(properties.collect())
}

/// An id names one property over all files; within one file the reader has seen to that.
fn check_ids(all: &[Property], folder: &Folder, mistakes: &mut Mistakes) {
    let mut seen: HashMap<&str, &Property> = HashMap::new();
    for property in all {
        let id = &*property.rule.id;
        if let (Some(other), Some(source)) =
            (seen.insert(id, property), folder.file(&property.file))
        {
            let offset = source.text().find(&format!("@id(\"{id}\")"));
            let span = Span {
                offset: offset.unwrap_or_default(),
                length: 0,
            };
            let message = format!("`{}` has a property `{id}` already", other.file);
            mistakes.add(source, span, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Reads these files beside the shipped schema; the mistakes as `file:line message (help)`.
    fn read(files: &[(&str, &str)]) -> (Option<Properties>, Vec<String>) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let schema = std::fs::read_to_string(shipped.join("schema.cedarschema")).unwrap();
        let mut all = vec![("schema.cedarschema".to_owned(), schema)];
        let named = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        all.extend(named);
        let mut mistakes = Mistakes::new();
        let folder = Folder::of("", all, &mut mistakes);
        let properties = Properties::read(&folder, &mut mistakes);
        let sorted = mistakes.sorted();
        let told = sorted.iter().map(|mistake| {
            let (path, line) = (mistake.path().display(), mistake.position().line);
            let help = mistake.help().unwrap_or_default();
            format!("{path}:{line} {} {help}", mistake.message())
                .trim_end()
                .to_owned()
        });
        (properties, told.collect())
    }

    #[test]
    fn the_shipped_properties_are_right() {
        let mut mistakes = Mistakes::new();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let folder = Folder::read(&shipped, &mut mistakes);
        let properties = Properties::read(&folder, &mut mistakes).unwrap();
        let promises = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15].map(crate::terms::Promise::number);
        for promise in promises {
            let covers = |property: &Property| property.rule.promise == promise;
            assert!(properties.all().iter().any(covers), "{promise}");
        }
    }

    #[test]
    fn a_property_has_the_checks_of_a_rule_and_each_mistake_its_place() {
        let good = "@id(\"a\") @promise(\"P4\") @sentence(\"s\")\nforbid (principal, action, resource) when { context.purpose in Purpose::\"marketting\" };\n";
        let bad = "\n@id(\"a\") @promise(\"P40\") @sentence(\"s\") @refusal(\"partner-suspended\") @fix(\"f\")\nforbid (principal, action, resource);\n";
        let (properties, told) = read(&[
            ("properties/one.cedar", good),
            ("properties/two.cedar", bad),
            ("properties/notes.txt", ""),
        ]);
        assert!(properties.is_none());
        let expected = [
            "properties/notes.txt:1 a file of properties is named `<subject>.cedar`",
            "properties/one.cedar:2 `marketting` is not a purpose did you mean `marketing`?",
            "properties/two.cedar:2 a property refuses no call; it has no @refusal and no @fix",
            "properties/two.cedar:2 `P40` is not a promise; there are P1 to P18",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_id_names_one_property_over_all_files() {
        let text =
            "@id(\"a\") @promise(\"P4\") @sentence(\"s\")\nforbid (principal, action, resource);\n";
        let (_, told) = read(&[
            ("properties/one.cedar", text),
            ("properties/two.cedar", text),
        ]);
        assert_eq!(
            told,
            ["properties/two.cedar:1 `properties/one.cedar` has a property `a` already"]
        );
    }
}
