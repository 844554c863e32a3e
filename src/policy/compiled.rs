//! A contract as decisions use it: what it was found to grant so far, and what it shares with others.
//! It never changes, so that one set of rules can hand it on to the next.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::contract::Contract;
use super::grant::Grant;
use super::promises::Promises;
use crate::catalogue::Catalogue;
use crate::taxonomy::{CATEGORY_COUNT, Purpose};
use crate::terms::{Channel, FormSet};

/// A contract and what it was found to grant so far.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) contract: Arc<Contract>,
    /// SHA-256 of the text it was read from.
    pub(super) digest: [u8; 32],
    /// By place of the purpose in the contract, then channel; most contracts are asked of few.
    grants: OnceLock<Box<[OnceLock<Grant>]>>,
}

impl Compiled {
    pub(super) fn new(contract: Contract, digest: [u8; 32]) -> Self {
        Self {
            contract: Arc::new(contract),
            digest,
            grants: OnceLock::new(),
        }
    }

    /// The grant for `purpose`, if the contract has it. Purposes match exactly.
    pub(super) fn grant(
        &self,
        promises: &Arc<Promises>,
        purpose: Purpose,
        channel: Channel,
    ) -> Option<&Grant> {
        let purposes = &self.contract.purposes;
        let place = purposes.iter().position(|granted| *granted == purpose)?;
        let grants = self.grants.get_or_init(|| {
            let cells = purposes.len() * Channel::ALL.len();
            (0..cells).map(|_| OnceLock::new()).collect()
        });
        let cell = grants.get(place * Channel::ALL.len() + channel as usize)?;
        Some(cell.get_or_init(|| Grant::new(promises, &self.contract, purpose, channel)))
    }
}

/// What thousands of contracts have alike, kept once: their words are few.
#[derive(Debug, Default)]
pub(super) struct Shared {
    categories: HashSet<Arc<[FormSet; CATEGORY_COUNT]>>,
    operations: HashSet<Arc<BTreeSet<Arc<str>>>>,
    texts: HashMap<Arc<str>, Arc<str>>,
}

impl Shared {
    /// Remembers what a contract has, for those that follow.
    pub(super) fn know(&mut self, contract: &Contract) {
        self.categories.insert(Arc::clone(&contract.categories));
        self.operations.insert(Arc::clone(&contract.operations));
        let terms = Arc::clone(&contract.terms.version);
        self.texts.insert(Arc::clone(&terms), terms);
    }

    /// Puts what is known already in the place of what `contract` has alike.
    pub(super) fn share(&mut self, contract: &mut Contract, catalogue: &Catalogue) {
        if let Some(known) = self.categories.get(&contract.categories) {
            contract.categories = Arc::clone(known);
        }
        if let Some(known) = self.operations.get(&contract.operations) {
            contract.operations = Arc::clone(known);
        } else {
            let ids = contract.operations.iter();
            let ids = ids.filter_map(|id| catalogue.operation(id));
            contract.operations = Arc::new(ids.map(|operation| operation.id.clone()).collect());
        }
        if let Some(known) = self.texts.get(&contract.terms.version) {
            contract.terms.version = Arc::clone(known);
        }
        self.know(contract);
    }
}
