//! Loads a policy set from its directory, whole or not at all: `schema.cedarschema`,
//! `promises.cedar` and `partners/<id>.yaml`. What can only be seen across files is checked here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::civil::Date;

use super::contract::read::{Draft, read};
use super::promises::Promises;
use super::references::{Operations, References};
use super::rules::Rules;
use super::{Compiled, PolicySet};
use crate::catalogue::Catalogue;
use crate::mistakes::{Mistakes, Source, Span};
use crate::source::Folder;

/// Most contracts in one set.
const CONTRACTS_MAX: usize = 100_000;

impl PolicySet {
    /// Loads the set in `folder`. Everything wrong with it becomes mistakes, and then there is
    /// no set. Contracts may name only operations of the catalogue; without one, because it has
    /// mistakes itself, their own are still found, but there is no set either. The set is named
    /// after `today`; its digest covers the catalogue's.
    pub fn load(
        folder: &Folder,
        catalogue: Option<&Catalogue>,
        today: Date,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let before = mistakes.len();
        let schema = folder.needed("schema.cedarschema", mistakes);
        let promises = folder.needed("promises.cedar", mistakes);
        let contracts = contract_files(folder, mistakes);
        let drafts: Vec<Draft> = contracts
            .iter()
            .filter_map(|source| read(source, today, mistakes))
            .collect();
        check_parents(&drafts, &contracts, mistakes);
        check_credentials(&drafts, mistakes);
        let references = references_of(&contracts, &drafts);
        let operations = Operations::of(folder, catalogue);
        for (source, references) in &references {
            references.check_operations(source, &operations, mistakes);
        }
        let (schema, promises) = (schema?, promises?);
        let rules = Promises::new(Rules::read(schema, promises, mistakes)?);
        for (source, references) in &references {
            references.check_purposes(source, &rules, mistakes);
        }
        let files = [schema, promises].into_iter().chain(&contracts);
        let digest = digest_of(folder, files, catalogue?);
        (mistakes.len() == before).then(|| Self::of(drafts, rules, digest, today))
    }

    fn of(drafts: Vec<Draft>, promises: Promises, digest: [u8; 32], today: Date) -> Self {
        let [first, second, ..] = digest;
        let mut set = Self {
            promises: Arc::new(promises),
            compiled: Vec::with_capacity(drafts.len()),
            by_partner: HashMap::with_capacity(drafts.len()),
            by_client: HashMap::new(),
            by_thumbprint: HashMap::new(),
            by_name: HashMap::new(),
            version: format!("{today}.{first:02x}{second:02x}").into(),
            digest,
        };
        let mut contracts: Vec<_> = drafts.into_iter().map(|draft| draft.contract).collect();
        contracts.sort_by(|one, other| one.partner.cmp(&other.partner));
        for (place, contract) in contracts.into_iter().enumerate() {
            let credentials = &contract.credentials;
            set.by_partner.insert(contract.partner.clone(), place);
            let clients = credentials.clients.iter().cloned();
            set.by_client.extend(clients.map(|client| (client, place)));
            let thumbprints = credentials.certificate_thumbprints.iter().copied();
            set.by_thumbprint
                .extend(thumbprints.map(|thumbprint| (thumbprint, place)));
            let names = credentials.certificate_names.iter().cloned();
            set.by_name.extend(names.map(|name| (name, place)));
            set.compiled.push(Compiled::new(contract));
        }
        set
    }
}

fn contract_files(folder: &Folder, mistakes: &mut Mistakes) -> Vec<Arc<Source>> {
    let mut contracts = Vec::new();
    for (name, source) in folder.below("partners") {
        if name.ends_with(".yaml") && !name.contains('/') {
            contracts.push(Arc::clone(source));
        } else {
            let message = "a contract's file is named `<partner>.yaml`";
            mistakes.add(source, Span::default(), message);
        }
    }
    if contracts.len() > CONTRACTS_MAX {
        let message = format!("there are more than {CONTRACTS_MAX} contracts");
        let place = Source::new(folder.root().join("partners"), "");
        mistakes.add(&place, Span::default(), message);
    }
    contracts
}

/// What each contract refers to, those included that could not be read whole.
fn references_of<'a>(
    contracts: &'a [Arc<Source>],
    drafts: &[Draft],
) -> Vec<(&'a Arc<Source>, References)> {
    let drafts: HashMap<&Path, &Draft> = drafts
        .iter()
        .map(|draft| (draft.source.path(), draft))
        .collect();
    let of = |source: &'a Arc<Source>| match drafts.get(source.path()) {
        Some(draft) => (source, draft.references()),
        None => (source, References::written(source)),
    };
    contracts.iter().map(of).collect()
}

/// SHA-256 over name and text of each file, both with their lengths, and the catalogue's digest.
fn digest_of<'a>(
    folder: &Folder,
    sources: impl Iterator<Item = &'a Arc<Source>>,
    catalogue: &Catalogue,
) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for source in sources {
        let path = source.path();
        let name = path.strip_prefix(folder.root()).unwrap_or(path);
        let name = name.as_os_str().as_encoded_bytes();
        for part in [name, source.text().as_bytes()] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
    }
    context.update(&catalogue.digest());
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// A parent exists, and is no co-brand itself: families are two generations deep.
fn check_parents(drafts: &[Draft], sources: &[Arc<Source>], mistakes: &mut Mistakes) {
    let stem = |source: &'_ Arc<Source>| {
        let stem = source.path().file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    };
    let stems: Vec<String> = sources.iter().map(stem).collect();
    let cobrands: HashMap<&str, &Draft> = drafts
        .iter()
        .filter(|draft| draft.contract.parent.is_some())
        .map(|draft| (draft.contract.partner.as_str(), draft))
        .collect();
    for draft in drafts {
        let Some(parent) = draft.contract.parent.as_ref().map(|id| id.as_str()) else {
            continue;
        };
        if stems
            .binary_search_by(|stem| stem.as_str().cmp(parent))
            .is_err()
        {
            let message = format!("there is no contract of `{parent}`");
            let valid = stems.iter().map(String::as_str);
            mistakes.add_unknown(&draft.source, draft.parent_span, message, parent, valid);
        } else if cobrands.contains_key(parent) {
            let message = format!("`{parent}` is a cobrand itself; a parent is not");
            mistakes.add(&draft.source, draft.parent_span, message);
        }
    }
}

/// A credential proves one partner, or it proves nothing.
fn check_credentials(drafts: &[Draft], mistakes: &mut Mistakes) {
    let mut owners: HashMap<(&str, &str), &Draft> = HashMap::new();
    for draft in drafts {
        for credential in &draft.credential_spans {
            let (kind, text) = (credential.kind, credential.text.as_str());
            if let Some(owner) = owners.insert((kind, text), draft) {
                let owner = &owner.contract.partner;
                let message = format!("the {kind} `{text}` is one of `{owner}` already");
                mistakes.add(&draft.source, credential.span, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    /// A copy of the shipped policies in which `edit` was made to one contract; the mistakes as
    /// `file:line message (help)`.
    fn mistakes_after(file: &str, edit: impl Fn(String) -> String) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        fixture::copy_shipped(directory.path());
        let path = directory.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, edit(text)).unwrap();
        let mut mistakes = Mistakes::new();
        let set = PolicySet::load(
            &Folder::read(directory.path(), &mut mistakes),
            Some(fixture::catalogue()),
            fixture::TODAY,
            &mut mistakes,
        );
        assert_eq!(set.is_some(), mistakes.is_empty());
        let told = mistakes.sorted().into_iter().map(|mistake| {
            let file = mistake.path().file_name().unwrap().to_string_lossy();
            let help = mistake.help().unwrap_or_default();
            let line = mistake.position().line;
            format!("{file}:{line} {} {help}", mistake.message())
                .trim_end()
                .to_owned()
        });
        told.collect()
    }

    fn line_of(file: &str, word: &str) -> usize {
        let path = fixture::directory().join(file);
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().position(|line| line.contains(word)).unwrap() + 1
    }

    #[test]
    fn the_shipped_policies_are_right() {
        assert_eq!(
            mistakes_after("partners/acme.yaml", |text| text),
            Vec::<String>::new()
        );
    }

    #[test]
    fn any_misspelt_key_of_a_contract_is_reported_at_its_line() {
        let acme = fixture::directory().join("partners/acme.yaml");
        let text = std::fs::read_to_string(acme).unwrap();
        for (index, line) in text.lines().enumerate() {
            let key = line.trim_start().trim_start_matches("- ");
            let Some((key, _)) = key.split_once(':').filter(|_| !key.starts_with('#')) else {
                continue;
            };
            let misspelt = line.replacen(&format!("{key}:"), &format!("{key}x:"), 1);
            let found = mistakes_after("partners/acme.yaml", |text| {
                let mut lines: Vec<&str> = text.lines().collect();
                lines[index] = &misspelt;
                lines.join("\n")
            });
            let place = format!("acme.yaml:{} ", index + 1);
            let named = format!("`{key}x`");
            assert!(
                found
                    .iter()
                    .any(|told| told.starts_with(&place) && told.contains(&named)),
                "{misspelt}: {found:?}"
            );
        }
    }

    #[test]
    fn everything_wrong_with_a_contract_is_reported_in_one_run() {
        let line = line_of("partners/acme.yaml", "essential.service.operations.support");
        let found = mistakes_after("partners/acme.yaml", |text| {
            text.replace("kind: reseller", "kind: reseler")
                .replace(
                    "essential.service.operations.support",
                    "essential.service.support",
                )
                .replace("user.contact.email: partial", "user.contact.emial: partly")
        });
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("`reseler` is not one of") && found[0].contains("`reseller`"));
        assert_eq!(
            found[1],
            format!(
                "acme.yaml:{line} `essential.service.support` is not a purpose did you mean `essential.service.operations.support`?"
            )
        );
        assert!(found[2].ends_with("did you mean `user.contact.email`?"));
    }

    #[test]
    fn a_purpose_the_promises_forbid_is_a_mistake_in_a_contract() {
        let found = mistakes_after("partners/crest.yaml", |text| {
            text.replace(
                "- essential.service\n",
                "- essential.service\n  - marketing.advertising\n",
            )
        });
        let line = line_of("partners/crest.yaml", "- essential.service") + 1;
        let start = format!("crest.yaml:{line} the promises forbid `marketing.advertising` (P4)");
        assert!(
            found.len() == 1 && found[0].starts_with(&start),
            "{found:?}"
        );
    }

    #[test]
    fn contracts_are_checked_against_each_other() {
        let found = mistakes_after("partners/crest.yaml", |text| {
            text.replace("parent: acme", "parent: acne")
                .replace("crest-shop", "bluebird-desk")
                .replace("crest.partners.example", "acme.partners.example")
        });
        assert_eq!(
            found,
            [
                "crest.yaml:6 there is no contract of `acne` did you mean `acme`?",
                "crest.yaml:10 the certificate `acme.partners.example` is one of `acme` already",
                "crest.yaml:11 the client `bluebird-desk` is one of `bluebird` already",
            ]
        );
    }

    #[test]
    fn limits_and_exceptions_that_make_no_sense_are_mistakes() {
        let found = mistakes_after("partners/acme.yaml", |text| {
            text.replace(
                "customers_per_month: 5000\nterms",
                "customers_per_month: 50\nterms",
            )
            .replace("    until: 2026-03-31\n", "")
            .replace("page_records_max: 100", "page_records_max: 0")
        });
        let expected = [
            "`page_records_max` is 0; it must be from 1 to 1000",
            "the budget of a day, 500, is larger than that of a month, 50: write a smaller \
             `customers_per_day`",
            "the key `until` is missing",
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (told, part) in found.iter().zip(expected) {
            assert!(told.ends_with(part), "{told}");
        }
    }

    #[test]
    fn days_and_approvers_that_make_no_sense_are_mistakes() {
        let found = mistakes_after("partners/acme.yaml", |text| {
            text.replace("until: 2026-03-31", "until: 2027-11-24")
                .replace("[Hannah Osei, Marek Dvorak]", "[Hannah Osei, hannah osei]")
                .replace("accepted_on: 2026-01-12", "accepted_on: 2026-11-23")
        });
        let expected = [
            "`accepted_on` is after today, 2026-11-22: write the day on which the terms were \
             accepted",
            "an exception ends within 366 days: write 2027-11-23 or earlier, and renew it then if \
             it is still needed",
            "an exception names 2 different people who approved it, as in `[Hannah Osei, Marek \
             Dvorak]`",
            "`hannah osei` is there already; name somebody else",
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (told, part) in found.iter().zip(expected) {
            assert!(told.ends_with(part), "{told}");
        }
    }

    #[test]
    fn a_contract_under_another_name_or_ending_is_a_mistake() {
        let found = mistakes_after("partners/acme.yml", |_| String::new());
        assert_eq!(
            found,
            ["acme.yml:1 a contract's file is named `<partner>.yaml`"]
        );
        let found = mistakes_after("partners/acme.yaml", |text| {
            text.replace("partner: acme", "partner: acme-2")
        });
        assert!(
            found[0].contains("must be in the file `acme-2.yaml`"),
            "{found:?}"
        );
    }

    #[test]
    fn an_operation_that_the_catalogue_does_not_have_is_a_mistake() {
        let line = line_of("partners/acme.yaml", "- listJobs");
        let found = mistakes_after("partners/acme.yaml", |text| {
            text.replace("- listJobs", "- listJob")
        });
        let expected = format!(
            "acme.yaml:{line} the catalogue has no operation `listJob` did you mean `listJobs`?"
        );
        assert_eq!(found, [expected]);
    }

    #[test]
    fn without_a_catalogue_there_is_no_set_but_mistakes_are_found() {
        let directory = tempfile::tempdir().unwrap();
        fixture::copy_shipped(directory.path());
        let load = |mistakes: &mut Mistakes| {
            let folder = Folder::read(directory.path(), mistakes);
            PolicySet::load(&folder, None, fixture::TODAY, mistakes).is_some()
        };
        let mut mistakes = Mistakes::new();
        assert!(!load(&mut mistakes) && mistakes.is_empty());
        std::fs::write(directory.path().join("partners/new.yaml"), "partner: new\n").unwrap();
        assert!(!load(&mut mistakes) && mistakes.len() > 5);
    }

    #[test]
    fn one_changed_byte_changes_the_digest() {
        let directory = tempfile::tempdir().unwrap();
        fixture::copy_shipped(directory.path());
        let digest = || {
            let mut mistakes = Mistakes::new();
            let set = PolicySet::load(
                &Folder::read(directory.path(), &mut mistakes),
                Some(fixture::catalogue()),
                fixture::TODAY,
                &mut mistakes,
            );
            set.unwrap().digest()
        };
        let before = digest();
        assert_eq!(
            before,
            fixture::shipped().digest(),
            "the place of the files does not matter"
        );
        let acme = directory.path().join("partners/acme.yaml");
        let text = std::fs::read_to_string(&acme).unwrap();
        std::fs::write(&acme, text + "\n").unwrap();
        assert_ne!(digest(), before);
    }
}
