//! Loads a policy set from its directory, whole or not at all: `schema.cedarschema`,
//! `promises.cedar` and `partners/<id>.yaml`. What can only be seen across files is checked here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::civil::Date;

use super::PolicySet;
use super::compiled::{Compiled, Shared};
use super::contract::Contract;
use super::contract::read::{Draft, read};
use super::promises::Promises;
use super::references::{Operations, References};
use super::rules::Rules;
use crate::catalogue::Catalogue;
use crate::mistakes::{Mistakes, Source, Span};
use crate::source::Folder;
use crate::terms::PartnerId;

/// Most contracts in one set.
const CONTRACTS_MAX: usize = 100_000;

/// The file of a contract, with the SHA-256 of its text.
struct ContractFile {
    source: Arc<Source>,
    digest: [u8; 32],
}

/// A contract on its way into a set.
enum Candidate<'a> {
    /// Read from its file.
    Read(Box<Draft>, [u8; 32]),
    /// Taken from the set before: its text, the promises and the catalogue are unchanged, so that
    /// only what it has to do with other contracts is judged again. Its places are not known.
    Kept(&'a Arc<Source>, &'a Arc<Compiled>),
}

impl Candidate<'_> {
    fn contract(&self) -> &Contract {
        match self {
            Self::Read(draft, _) => &draft.contract,
            Self::Kept(_, compiled) => &compiled.contract,
        }
    }

    fn source(&self) -> &Arc<Source> {
        match self {
            Self::Read(draft, _) => &draft.source,
            Self::Kept(source, _) => source,
        }
    }

    fn draft(&self) -> Option<&Draft> {
        match self {
            Self::Read(draft, _) => Some(draft),
            Self::Kept(..) => None,
        }
    }
}

impl PolicySet {
    /// Loads the set in `folder`. Everything wrong with it becomes mistakes, and then there is
    /// no set. Contracts may name only operations of the catalogue; without one, because it has
    /// mistakes itself, their own are still found, but there is no set either. The set is named
    /// after `today`; its digest covers the catalogue's.
    ///
    /// Of the set before, promises that are unchanged are shared with all that was remembered of
    /// them, and where the catalogue is unchanged too, so is each contract that is.
    pub fn load(
        folder: &Folder,
        catalogue: Option<&Catalogue>,
        before: Option<&Self>,
        today: Date,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        // What is kept has no places to report. So one mistake, wherever, and all is read again.
        let kept = before.and_then(|before| {
            Self::read(folder, catalogue, Some(before), today, &mut Mistakes::new())
        });
        kept.or_else(|| Self::read(folder, catalogue, None, today, mistakes))
    }

    fn read(
        folder: &Folder,
        catalogue: Option<&Catalogue>,
        before: Option<&Self>,
        today: Date,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mistakes_before = mistakes.len();
        let schema = folder.needed("schema.cedarschema", mistakes);
        let promises = folder.needed("promises.cedar", mistakes);
        let files = contract_files(folder, mistakes);
        let texts =
            digest_of([schema, promises].map(|file| sum(file.map_or("", |file| file.text()))));
        let same_promises = before.filter(|set| set.promises.digest() == texts);
        let kept = same_promises
            .filter(|set| catalogue.is_some_and(|catalogue| catalogue.digest() == set.catalogue));
        let candidates: Vec<Candidate<'_>> = files
            .iter()
            .filter_map(|file| candidate(file, kept, today, mistakes))
            .collect();
        check_parents(&candidates, &files, mistakes);
        check_credentials(&candidates, mistakes);
        let references = references_of(&files, &candidates);
        let operations = Operations::of(folder, catalogue);
        for (source, references) in &references {
            references.check_operations(source, &operations, mistakes);
        }
        let (schema, promises) = (schema?, promises?);
        let promises = match same_promises {
            Some(set) => Arc::clone(&set.promises),
            None => Arc::new(Promises::new(
                Rules::read(schema, promises, mistakes)?,
                texts,
            )),
        };
        for (source, references) in &references {
            references.check_purposes(source, &promises, mistakes);
        }
        let catalogue = catalogue?;
        let names = files.iter().map(|file| sum(&name_in(folder, &file.source)));
        let contracts = names.zip(files.iter().map(|file| file.digest));
        let contracts = contracts.flat_map(|(name, text)| [name, text]);
        let digest = digest_of([texts, catalogue.digest()].into_iter().chain(contracts));
        (mistakes.len() == mistakes_before)
            .then(|| Self::of(candidates, promises, catalogue, digest, today))
    }

    fn of(
        candidates: Vec<Candidate<'_>>,
        promises: Arc<Promises>,
        catalogue: &Catalogue,
        digest: [u8; 32],
        today: Date,
    ) -> Self {
        let [first, second, ..] = digest;
        let mut set = Self {
            promises,
            compiled: compile(candidates, catalogue),
            by_partner: HashMap::new(),
            by_client: HashMap::new(),
            by_api_key: HashMap::new(),
            by_thumbprint: HashMap::new(),
            by_name: HashMap::new(),
            version: format!("{today}.{first:02x}{second:02x}").into(),
            digest,
            catalogue: catalogue.digest(),
        };
        set.by_partner.reserve(set.compiled.len());
        set.by_client.reserve(set.compiled.len());
        for (place, compiled) in set.compiled.iter().enumerate() {
            let contract = &compiled.contract;
            let credentials = &contract.credentials;
            set.by_partner.insert(contract.partner.clone(), place);
            let clients = credentials.clients.iter().cloned();
            set.by_client.extend(clients.map(|client| (client, place)));
            let keys = credentials.api_keys.iter();
            let prefixes = keys.map(|key| Arc::from(key.prefix.as_str()));
            set.by_api_key
                .extend(prefixes.map(|prefix| (prefix, place)));
            let thumbprints = credentials.thumbprints();
            set.by_thumbprint
                .extend(thumbprints.map(|thumbprint| (thumbprint, place)));
            let names = credentials.certificate_names.iter().cloned();
            set.by_name.extend(names.map(|name| (name, place)));
        }
        set
    }
}

/// Sorted by partner. What contracts have alike is kept once.
fn compile(candidates: Vec<Candidate<'_>>, catalogue: &Catalogue) -> Vec<Arc<Compiled>> {
    let mut shared = Shared::default();
    for candidate in &candidates {
        if let Candidate::Kept(_, compiled) = candidate {
            shared.know(&compiled.contract);
        }
    }
    let compile = |candidate| match candidate {
        Candidate::Kept(_, compiled) => Arc::clone(compiled),
        Candidate::Read(draft, digest) => {
            let mut contract = draft.contract;
            shared.share(&mut contract, catalogue);
            Arc::new(Compiled::new(contract, digest))
        }
    };
    let mut compiled: Vec<_> = candidates.into_iter().map(compile).collect();
    compiled.sort_by(|one, other| one.contract.partner.cmp(&other.contract.partner));
    compiled
}

/// The contract in `file`: the one of the set before, if the text is the same.
fn candidate<'a>(
    file: &'a ContractFile,
    before: Option<&'a PolicySet>,
    today: Date,
    mistakes: &mut Mistakes,
) -> Option<Candidate<'a>> {
    let kept = before.and_then(|set| set.compiled(&PartnerId::parse(&stem(&file.source))?));
    match kept.filter(|compiled| compiled.digest == file.digest) {
        Some(compiled) => Some(Candidate::Kept(&file.source, compiled)),
        None => {
            let draft = read(&file.source, today, mistakes)?;
            Some(Candidate::Read(Box::new(draft), file.digest))
        }
    }
}

fn contract_files(folder: &Folder, mistakes: &mut Mistakes) -> Vec<ContractFile> {
    let mut files = Vec::new();
    for (name, source) in folder.below("partners") {
        if name.ends_with(".yaml") && !name.contains('/') {
            files.push(ContractFile {
                source: Arc::clone(source),
                digest: sum(source.text()),
            });
        } else {
            let message = "a contract's file is named `<partner>.yaml`";
            mistakes.add(source, Span::default(), message);
        }
    }
    if files.len() > CONTRACTS_MAX {
        let message = format!("there are more than {CONTRACTS_MAX} contracts");
        let place = Source::new(folder.root().join("partners"), "");
        mistakes.add(&place, Span::default(), message);
    }
    files
}

/// What each contract that was read now refers to, those included that could not be read whole.
fn references_of<'a>(
    files: &'a [ContractFile],
    candidates: &[Candidate<'_>],
) -> Vec<(&'a Arc<Source>, References)> {
    let read: HashMap<&Path, Option<&Draft>> = candidates
        .iter()
        .map(|candidate| (candidate.source().path(), candidate.draft()))
        .collect();
    let of = |file: &'a ContractFile| match read.get(file.source.path()) {
        Some(Some(draft)) => Some((&file.source, draft.references())),
        Some(None) => None,
        None => Some((&file.source, References::written(&file.source))),
    };
    files.iter().filter_map(of).collect()
}

/// The partner whose contract must be in the file.
fn stem(source: &Source) -> Cow<'_, str> {
    let stem = source.path().file_stem().unwrap_or_default();
    stem.to_string_lossy()
}

/// The path below the folder, which may lie anywhere.
fn name_in(folder: &Folder, source: &Source) -> String {
    let path = source.path();
    let name = path.strip_prefix(folder.root()).unwrap_or(path);
    name.to_string_lossy().into_owned()
}

fn sum(text: &str) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    sum
}

/// SHA-256 over sums in a row.
fn digest_of(sums: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    sums.into_iter().for_each(|sum| context.update(&sum));
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// A parent exists, and is no co-brand itself: families are two generations deep.
fn check_parents(candidates: &[Candidate<'_>], files: &[ContractFile], mistakes: &mut Mistakes) {
    let stems: HashSet<Cow<'_, str>> = files.iter().map(|file| stem(&file.source)).collect();
    let contracts = candidates.iter().map(Candidate::contract);
    let cobrands = contracts.filter(|contract| contract.parent.is_some());
    let cobrands: HashSet<&str> = cobrands.map(|cobrand| cobrand.partner.as_str()).collect();
    for candidate in candidates {
        let Some(parent) = candidate.contract().parent.as_ref().map(|id| id.as_str()) else {
            continue;
        };
        let source = candidate.source();
        let span = candidate.draft().map(|draft| draft.parent_span);
        let span = span.unwrap_or_default();
        if !stems.contains(parent) {
            let message = format!("there is no contract of `{parent}`");
            let valid = stems.iter().map(|stem| &**stem);
            mistakes.add_unknown(source, span, message, parent, valid);
        } else if cobrands.contains(parent) {
            let message = format!("`{parent}` is a cobrand itself; a parent is not");
            mistakes.add(source, span, message);
        }
    }
}

/// A credential proves one partner, or it proves nothing.
fn check_credentials(candidates: &[Candidate<'_>], mistakes: &mut Mistakes) {
    let mut owners: HashMap<(&str, Cow<'_, str>), &PartnerId> = HashMap::new();
    for candidate in candidates {
        let contract = candidate.contract();
        for (place, credential) in contract.credentials.each().enumerate() {
            let (kind, text) = credential.clone();
            if let Some(owner) = owners.insert(credential, &contract.partner) {
                let message = format!("the {kind} `{text}` is one of `{owner}` already");
                let spans = candidate.draft().map(|draft| &draft.credential_spans);
                let span = spans.and_then(|spans| spans.get(place)).copied();
                mistakes.add(candidate.source(), span.unwrap_or_default(), message);
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
            None,
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
    fn a_certificate_that_ends_is_one_partners_and_ends_within_a_season() {
        let names = "names: [acme.partners.example]";
        let told = |ending: &str| {
            mistakes_after("partners/acme.yaml", |text| {
                text.replace(names, &format!("{names}\n    ending: [{ending}]"))
            })
        };
        let print = format!("'sha256:{}'", "A".repeat(43));
        let until = |day: &str| format!("{{thumbprint: {print}, until: {day}}}");
        assert_eq!(told(&until("2026-12-31")), Vec::<String>::new());
        let late = told(&until("2027-12-31"));
        assert!(late[0].contains("overlap for at most 92 days"), "{late:?}");
        let both = format!("{}, {}", until("2026-12-31"), until("2026-12-30"));
        let twice = told(&both);
        assert!(twice[0].contains("is one of `acme` already"), "{twice:?}");
        let shapeless = told("{thumbprint: AAAA, until: 2026-12-31}");
        assert!(shapeless[0].contains("43 characters"), "{shapeless:?}");
        assert!(!told("{}").is_empty());
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
                "customers_per_month: 5000\n  recipients_per_day: 5000\n",
                "customers_per_month: 50\n  recipients_per_day: 50001\n",
            )
            .replace("    until: 2026-03-31\n", "")
            .replace("page_records_max: 100", "page_records_max: 0")
        });
        let expected = [
            "`page_records_max` is 0; it must be from 1 to 1000",
            "the budget of a day, 500, is larger than that of a month, 50: write a smaller \
             `customers_per_day`",
            "the budget of a day, 50001, is larger than that of a month, 50000: write a smaller \
             `recipients_per_day`",
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
            PolicySet::load(&folder, None, None, fixture::TODAY, mistakes).is_some()
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
                None,
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

    /// The shipped files with `edits` made to them.
    fn folder_with(edits: &[(&str, &str, &str)]) -> Folder {
        let mut mistakes = Mistakes::new();
        let shipped = Folder::read(&fixture::directory(), &mut mistakes);
        let files = shipped.files().map(|(name, source)| {
            let mut text = source.text().to_owned();
            for (_, from, to) in edits.iter().filter(|(file, ..)| *file == name) {
                assert!(text.contains(from), "{name} has no `{from}`");
                text = text.replace(from, to);
            }
            (name.to_owned(), text)
        });
        Folder::of(fixture::directory(), files, &mut mistakes)
    }

    /// What loading says, with and without the set before: the digest, or all mistakes with places.
    fn loaded(folder: &Folder, before: Option<&PolicySet>) -> Result<PolicySet, String> {
        let mut mistakes = Mistakes::new();
        let catalogue = Some(fixture::catalogue());
        let set = PolicySet::load(folder, catalogue, before, fixture::TODAY, &mut mistakes);
        set.ok_or_else(|| mistakes.render(crate::mistakes::Look::Plain))
    }

    fn is_kept(before: &PolicySet, after: &PolicySet, partner: &str) -> bool {
        let partner = PartnerId::parse(partner).unwrap();
        let compiled = |set: &PolicySet| Arc::clone(set.compiled(&partner).unwrap());
        Arc::ptr_eq(&compiled(before), &compiled(after))
    }

    #[test]
    fn editing_one_contract_leaves_promises_and_other_contracts_as_they_were() {
        let before = fixture::shipped();
        let edit = ("partners/acme.yaml", "version: 7", "version: 8");
        let folder = folder_with(&[edit]);
        let after = loaded(&folder, Some(&before)).unwrap();
        assert!(Arc::ptr_eq(&before.promises, &after.promises));
        assert!(is_kept(&before, &after, "bluebird") && is_kept(&before, &after, "crest"));
        assert!(!is_kept(&before, &after, "acme"));
        let acme = PartnerId::parse("acme").unwrap();
        assert_eq!(after.contract(&acme).unwrap().label(), "acme.8");
        let anew = loaded(&folder, None).unwrap();
        assert_eq!(
            (after.digest(), after.version()),
            (anew.digest(), anew.version())
        );
    }

    #[test]
    fn contracts_are_compiled_again_when_the_promises_changed() {
        let before = fixture::shipped();
        let folder = folder_with(&[("promises.cedar", "// ---- who", "// ---- Who")]);
        let after = loaded(&folder, Some(&before)).unwrap();
        assert!(!Arc::ptr_eq(&before.promises, &after.promises));
        for partner in ["acme", "bluebird", "crest"] {
            assert!(!is_kept(&before, &after, partner), "{partner}");
        }
    }

    #[test]
    fn mistakes_are_the_same_whether_or_not_something_could_be_kept() {
        let before = fixture::shipped();
        for edits in [
            // A contract that is not changed itself has the same client, or loses its parent.
            [("partners/acme.yaml", "acme-portal", "bluebird-desk")].as_slice(),
            &[("partners/acme.yaml", "acme-portal", "Crest-Shop")],
            &[(
                "partners/acme.yaml",
                "kind: reseller",
                "kind: cobrand\nparent: bluebird",
            )],
            &[
                (
                    "partners/acme.yaml",
                    "acme.partners.example",
                    "crest.partners.example",
                ),
                ("partners/bluebird.yaml", "kind: dealer", "kind: deeler"),
            ],
            &[("partners/acme.yaml", "- getJob\n", "- getJbo\n")],
            &[("promises.cedar", "Purpose::\"sales\"", "Purpose::\"saels\"")],
            &[("promises.cedar", "Purpose::\"essential\",\n", "")],
        ] {
            let folder = folder_with(edits);
            let told = loaded(&folder, None).map(|set| set.digest());
            assert!(told.is_err(), "{edits:?}");
            assert_eq!(loaded(&folder, Some(&before)).map(|set| set.digest()), told);
        }
    }

    #[test]
    fn contracts_share_what_they_have_alike() {
        let mut mistakes = Mistakes::new();
        let shipped = folder_with(&[]);
        let acme = shipped.file("partners/acme.yaml").unwrap().text();
        let twin = acme.replace("acme", "twin");
        let files = shipped
            .files()
            .map(|(name, source)| (name.to_owned(), source.text().to_owned()));
        let files = files.chain([("partners/twin.yaml".to_owned(), twin)]);
        let folder = Folder::of(fixture::directory(), files, &mut mistakes);
        let set = loaded(&folder, Some(&fixture::shipped())).unwrap();
        let of = |id: &str| Arc::clone(set.contract(&PartnerId::parse(id).unwrap()).unwrap());
        assert!(Arc::ptr_eq(&of("acme").categories, &of("twin").categories));
        assert!(Arc::ptr_eq(&of("acme").operations, &of("twin").operations));
        let name = |id: &str| of(id).operations.get("getJob").map(Arc::as_ptr);
        assert_eq!(name("bluebird"), name("crest"));
    }

    #[test]
    fn a_parent_is_found_whatever_names_stand_beside_it() {
        let mut mistakes = Mistakes::new();
        let shipped = folder_with(&[]);
        let acme = shipped.file("partners/acme.yaml").unwrap().text();
        let neighbour = acme
            .replace("partner: acme", "partner: acme-north")
            .replace("acme-portal", "north")
            .replace("acme.partners", "north.partners");
        let files = shipped
            .files()
            .map(|(name, source)| (name.to_owned(), source.text().to_owned()));
        let files = files.chain([("partners/acme-north.yaml".to_owned(), neighbour)]);
        let folder = Folder::of(fixture::directory(), files, &mut mistakes);
        assert_eq!(loaded(&folder, None).unwrap().contracts().len(), 4);
    }
}
