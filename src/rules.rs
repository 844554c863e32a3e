//! One consistent snapshot of everything that decides: the catalogue and the policy set compiled
//! against it. It is swapped whole; a request holds one snapshot for life. Facts that change by the
//! hour (suspensions, consents, budgets) are no rules, and not here.

use std::path::Path;

use jiff::civil::Date;

use crate::catalogue::Catalogue;
use crate::mistakes::Mistakes;
use crate::policy::PolicySet;

/// Catalogue and policy set.
#[derive(Debug)]
pub struct Rules {
    /// What the core services offer.
    pub catalogue: Catalogue,
    /// Promises and contracts.
    pub policy: PolicySet,
}

impl Rules {
    /// Loads both from the policies folder. `None` when there are mistakes, which are all noted:
    /// those of the policies too where the catalogue has some.
    pub fn load(directory: &Path, today: Date, mistakes: &mut Mistakes) -> Option<Self> {
        let catalogue = Catalogue::load(&directory.join("catalogue"), mistakes);
        let policy = PolicySet::load(directory, catalogue.as_ref(), today, mistakes);
        Some(Self {
            catalogue: catalogue?,
            policy: policy?,
        })
    }
}
