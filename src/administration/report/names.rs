//! Who a recipient was when it received something. Name and address are those of the contract in the policy set
//! that its entry names, for 45 CFR 164.528(b)(2)(ii) wants those of whoever received it then; partners are
//! renamed, move and end. A contract that is not kept is not guessed: then only the present one is told, as
//! the present one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::administration::messages::{NameAndAddress, RecipientShown};
use crate::administration::{Administration, NotDone};
use crate::entry::{Recipient, RequestFacts};
use crate::policy::contract::Contract;
use crate::registry::Registry;
use crate::source::Source;

/// Names that are remembered while one report is made; more are looked up again.
const REMEMBERED_MAX: usize = 10_000;

/// How contracts name partners, now and under earlier policy sets.
pub(in crate::administration) struct Names {
    registry: Arc<Registry>,
    present: BTreeMap<String, NameAndAddress>,
    /// By policy set and partner.
    remembered: BTreeMap<(String, String), Option<NameAndAddress>>,
}

impl Administration {
    /// The names of all partners, for one report.
    pub(in crate::administration) fn names(&self) -> Names {
        let present = (self.contracts)();
        let present = present.iter();
        Names {
            registry: Arc::clone(&self.registry),
            present: present
                .map(|contract| (contract.partner.to_string(), named(contract)))
                .collect(),
            remembered: BTreeMap::new(),
        }
    }
}

fn named(contract: &Contract) -> NameAndAddress {
    NameAndAddress {
        name: contract.name.to_string(),
        address: contract.address.to_string(),
    }
}

impl Names {
    /// The recipient of an answer, as it was then. Waits for the registry, so only where waiting is allowed.
    ///
    /// # Errors
    /// Where the registry cannot be read.
    pub(super) fn shown(&mut self, request: &RequestFacts) -> Result<RecipientShown, NotDone> {
        let plain = |kind: &str, id: Option<&String>| RecipientShown {
            kind: kind.to_owned(),
            id: id.cloned(),
            name: None,
            address: None,
            present: None,
        };
        Ok(match request.recipient.as_ref() {
            Some(Recipient::Partner { id, .. }) => {
                let then = self.then(request, id)?;
                let present = self.present.get(id);
                RecipientShown {
                    present: present.filter(|now| then.as_ref() != Some(*now)).cloned(),
                    name: then.as_ref().map(|then| then.name.clone()),
                    address: then.map(|then| then.address),
                    ..plain("partner", Some(id))
                }
            }
            Some(Recipient::Customer) => plain("customer", None),
            Some(Recipient::Authority { reference }) => plain("authority", Some(reference)),
            Some(Recipient::Staff { name }) => plain("staff", Some(name)),
            None => plain("not recorded", None),
        })
    }

    /// How the contract named a partner under the policy set that decided.
    fn then(
        &mut self,
        request: &RequestFacts,
        id: &str,
    ) -> Result<Option<NameAndAddress>, NotDone> {
        let Some(set) = request.policy_set() else {
            return Ok(None);
        };
        let key = (set.to_owned(), id.to_owned());
        if let Some(known) = self.remembered.get(&key) {
            return Ok(known.clone());
        }
        let file = format!("partners/{id}.yaml");
        let text = Handle::current().block_on(self.registry.policy_file(set, &file))?;
        let then = text.and_then(|text| Contract::name_and_address(&Source::new(file, text)));
        let then = then.map(|(name, address)| NameAndAddress {
            name: name.to_string(),
            address: address.to_string(),
        });
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.clear();
        }
        self.remembered.insert(key, then.clone());
        Ok(then)
    }
}
