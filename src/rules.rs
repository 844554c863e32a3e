//! One consistent snapshot of everything that decides: the catalogue and the policy set compiled
//! against it. It is swapped whole; a request holds one snapshot for life. Facts that change by the
//! hour (suspensions, consents, budgets) are no rules, and not here.

pub mod cases;

use std::path::Path;

use jiff::civil::Date;

use crate::catalogue::Catalogue;
use crate::mistakes::Mistakes;
use crate::policy::PolicySet;
use crate::source::Folder;

/// Catalogue and policy set.
#[derive(Debug)]
pub struct Rules {
    /// What the core services offer.
    pub catalogue: Catalogue,
    /// Promises and contracts.
    pub policy: PolicySet,
}

impl Rules {
    /// Loads both from a policies folder. `None` when there are mistakes, which are all noted: those
    /// of the policies too where the catalogue has some. The set is named after `day`.
    pub fn load(folder: &Folder, day: Date, mistakes: &mut Mistakes) -> Option<Self> {
        let catalogue = Catalogue::load(folder, mistakes);
        let policy = PolicySet::load(folder, catalogue.as_ref(), day, mistakes);
        Some(Self {
            catalogue: catalogue?,
            policy: policy?,
        })
    }

    /// Reads the folder, and loads what is in it; `None` also when a file cannot be read.
    pub fn read(directory: &Path, day: Date, mistakes: &mut Mistakes) -> Option<Self> {
        let folder = Folder::read(directory, mistakes);
        let rules = Self::load(&folder, day, mistakes);
        rules.filter(|_| mistakes.is_empty())
    }
}
