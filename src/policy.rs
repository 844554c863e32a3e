//! The rules: published promises (Cedar) and contracts (data), compiled so that a decision is a
//! look-up. A decision is promises ∩ contract, so that a contract can only narrow: the policy
//! decision point of NIST SP 800-162.
//!
//! Pure: no IO after loading, no clock, no async; budgets and rates are not decided here. Start at
//! [`PolicySet`]: `load.rs` makes one, `purpose.rs` and `decide.rs` ask it, `explain.rs` tells why.

mod circumstances;
mod compared;
mod compiled;
pub mod contract;
mod decide;
pub mod explain;
mod grant;
mod load;
mod promises;
mod purpose;
mod reach;
mod references;
mod rules;
mod vocabulary;

use std::collections::HashMap;
use std::sync::Arc;

pub use self::circumstances::{Circumstances, Standing};
pub use self::compared::{Differing, Reworded, Way};
pub use self::contract::{Contract, OVERLAP_DAYS_MAX};
pub use self::decide::AccessRequest;
pub use self::explain::{Explanation, categories, leaves_out};
pub use self::grant::Grant;
pub use self::purpose::with_purposes;
pub use self::reach::{Reach, Use};
pub use self::rules::layout;
pub(crate) use self::rules::{Answer, Rules as RuleBook};
pub use self::rules::{Properties, Property, Rule};
pub(crate) use self::vocabulary::{Action, Question};

use self::compiled::Compiled;
use self::promises::Promises;
use crate::catalogue::Catalogue;
use crate::terms::{PartnerId, Thumbprint, hexadecimal};

/// One set of promises and contracts, immutable once loaded. A request holds the same set for its
/// whole life, and its entry names the set's version.
#[derive(Debug)]
pub struct PolicySet {
    promises: Arc<Promises>,
    /// Sorted by partner.
    compiled: Vec<Arc<Compiled>>,
    by_partner: HashMap<PartnerId, usize>,
    by_client: HashMap<Arc<str>, usize>,
    by_api_key: HashMap<Arc<str>, usize>,
    by_thumbprint: HashMap<Thumbprint, usize>,
    by_name: HashMap<Arc<str>, usize>,
    version: Arc<str>,
    digest: [u8; 32],
    /// The digest of the catalogue it was checked against.
    catalogue: [u8; 32],
}

impl PolicySet {
    /// Its name in headers and entries: the day it was loaded and the first digits of its digest,
    /// for example `2026-11-22.3f9c`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The same set as a part of a folder of this digest, under this name.
    pub fn named(mut self, version: impl Into<Arc<str>>, digest: [u8; 32]) -> Self {
        self.version = version.into();
        self.digest = digest;
        self
    }

    /// SHA-256 over all files of its folder, hexadecimal.
    pub fn digest(&self) -> String {
        hexadecimal(&self.digest)
    }

    /// Every rule of the promises, in order of the file.
    pub fn rules(&self) -> &[Rule] {
        self.promises.rules().all()
    }

    /// The contract of a partner.
    pub fn contract(&self, partner: &PartnerId) -> Option<&Arc<Contract>> {
        self.at(self.by_partner.get(partner))
    }

    /// Every contract, sorted by partner.
    pub fn contracts(&self) -> impl ExactSizeIterator<Item = &Arc<Contract>> {
        self.compiled.iter().map(|compiled| &compiled.contract)
    }

    /// The contract whose credentials have this `client_id`.
    pub fn by_client(&self, client: &str) -> Option<&Arc<Contract>> {
        self.at(self.by_client.get(client))
    }

    /// The contract whose credentials have an API key with this prefix.
    pub fn by_api_key(&self, prefix: &str) -> Option<&Arc<Contract>> {
        self.at(self.by_api_key.get(prefix))
    }

    /// The contract whose credentials have this client certificate, by thumbprint or by one of its
    /// subject alternative names. A certificate that points to two partners is nobody's.
    pub fn by_certificate(
        &self,
        thumbprint: Thumbprint,
        names: &[String],
    ) -> Option<&Arc<Contract>> {
        let by_name = names
            .iter()
            .filter_map(|name| self.by_name.get(&*contract::folded(name)));
        let mut found = self
            .by_thumbprint
            .get(&thumbprint)
            .into_iter()
            .chain(by_name);
        let first = found.next();
        let unanimous = found.all(|other| Some(other) == first);
        self.at(first).filter(|_| unanimous)
    }

    /// Computes what the contracts in force will ask of the promises, ahead of their first requests:
    /// of the partner's own customer, and of no customer. Each answer takes milliseconds once, and is
    /// kept. Ends early when `goes_on` says no.
    pub fn warm_up(&self, catalogue: &Catalogue, goes_on: impl Fn() -> bool) {
        for contract in self.contracts() {
            let operations = contract.operations.iter();
            let operations = operations.filter_map(|id| catalogue.operation(id));
            for channel in operations.map(|operation| operation.channel) {
                for purpose in &contract.purposes {
                    for circumstances in [Circumstances::OWN, Circumstances::default()] {
                        if !goes_on() {
                            return;
                        }
                        self.promises
                            .cell(contract.kind, *purpose, channel, circumstances);
                    }
                }
            }
        }
    }

    fn at(&self, place: Option<&usize>) -> Option<&Arc<Contract>> {
        let compiled = self.compiled.get(*place?)?;
        Some(&compiled.contract)
    }

    fn compiled(&self, partner: &PartnerId) -> Option<&Arc<Compiled>> {
        self.compiled.get(*self.by_partner.get(partner)?)
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Channel;

    #[test]
    fn a_contract_is_found_by_each_of_its_credentials() {
        let set = fixture::shipped();
        let label = |contract: Option<&Arc<Contract>>| contract.map(|contract| contract.label());
        let nobody = Thumbprint([0; 32]);
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let acme = Some("acme.7".to_owned());
        assert_eq!(label(set.by_client("acme-portal")), acme);
        assert_eq!(
            label(set.by_certificate(nobody, &names(&["acme.partners.example"]))),
            acme
        );
        assert_eq!(
            label(set.by_certificate(nobody, &names(&["ACME.partners.Example"]))),
            acme
        );
        let both = names(&["acme.partners.example", "crest.partners.example"]);
        assert_eq!(label(set.by_certificate(nobody, &both)), None);
        assert_eq!(
            label(set.by_certificate(nobody, &names(&["other.example"]))),
            None
        );
        assert_eq!(set.contracts().len(), 3);
    }

    #[test]
    fn after_a_warm_up_no_contract_waits_for_the_promises() {
        let set = fixture::shipped();
        let computed = |set: &PolicySet| format!("{:?}", set.promises);
        let cold = computed(&set);
        set.warm_up(fixture::catalogue(), || false);
        assert_eq!(computed(&set), cold, "it was told to stop at once");
        set.warm_up(fixture::catalogue(), || true);
        let warm = computed(&set);
        assert_ne!(warm, cold);
        let acme = PartnerId::parse("acme").unwrap();
        let compiled = set.compiled(&acme).unwrap();
        for purpose in &compiled.contract.purposes {
            let grant = compiled.grant(&set.promises, *purpose, Channel::Record);
            grant.unwrap().forms(Circumstances::OWN);
        }
        assert_eq!(computed(&set), warm, "nothing was left to compute");
    }

    #[test]
    fn the_version_is_the_day_and_the_digest() {
        let set = fixture::shipped();
        let (day, digits) = set.version().split_once('.').unwrap();
        assert_eq!(day, "2026-11-22");
        assert!(set.digest().starts_with(digits));
        assert_eq!(digits.len(), 4);
    }

    /// The section of each promise in PROMISES.md, from its number to the next.
    fn sections(page: &str) -> Vec<(crate::terms::Promise, &str)> {
        let sections = page.split("\n## ").skip(1);
        sections
            .map(|section| {
                let (number, _) = section.split_once(':').unwrap();
                (crate::terms::Promise::parse(number).unwrap(), section)
            })
            .collect()
    }

    /// What stands between backticks.
    fn cited(text: &str) -> impl Iterator<Item = &str> {
        text.split('`').skip(1).step_by(2)
    }

    /// `tests/tidy.rs` looks after the files and tests that the page cites.
    #[test]
    fn the_page_of_promises_and_the_rules_agree() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(root.join("PROMISES.md")).unwrap();
        let set = fixture::shipped();
        let sections = sections(&page);
        assert_eq!(sections.len(), 18);
        let is_rule = |word: &&str| word.contains('-') && !word.contains([' ', '/', '_']);
        for (promise, section) in &sections {
            for word in cited(section).filter(is_rule) {
                let named = |rule: &&Rule| *rule.id == *word && rule.promise == *promise;
                let stands = set.rules().iter().any(|rule| named(&rule));
                assert!(stands, "{promise} cites `{word}`, which is not there");
            }
        }
        for rule in set.rules() {
            let section = sections
                .iter()
                .find(|(promise, _)| *promise == rule.promise);
            let named = section.is_some_and(|(_, text)| cited(text).any(|word| word == &*rule.id));
            assert!(named, "`{}` is missing under {}", rule.id, rule.promise);
        }
    }
}
