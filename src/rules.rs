//! One consistent snapshot of everything that decides: the catalogue and the policy set compiled
//! against it. It is swapped whole; a request holds one snapshot for life. Facts that change by the
//! hour (suspensions, consents, budgets) are no rules, and not here.

pub mod cases;
pub mod comparison;
pub mod simulation;

use std::path::Path;

use jiff::civil::Date;

pub use self::comparison::Comparison;
pub use self::simulation::Simulation;
use crate::catalogue::Catalogue;
use crate::mistakes::Mistakes;
use crate::policy::PolicySet;
use crate::source::Folder;
use crate::terms::hexadecimal;

/// Digits of its digest in a set's name; more where two sets would have one name.
pub const VERSION_DIGITS_MIN: usize = 4;

/// The name of a set: the day and the first digits of its digest, as `2026-11-22.3f9c`.
pub fn version(day: Date, digest: &str, digits: usize) -> String {
    format!("{day}.{}", digest.get(..digits).unwrap_or(digest))
}

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
    /// of the policies too where the catalogue has some. The set is named after `day` and the digest of
    /// the whole folder.
    pub fn load(folder: &Folder, day: Date, mistakes: &mut Mistakes) -> Option<Self> {
        let catalogue = Catalogue::load(folder, mistakes);
        let policy = PolicySet::load(folder, catalogue.as_ref(), day, mistakes);
        let (catalogue, policy) = (catalogue?, policy?);
        let digest = folder.digest();
        let version = version(day, &hexadecimal(&digest), VERSION_DIGITS_MIN);
        Some(Self {
            catalogue,
            policy: policy.named(version, digest),
        })
    }

    /// The same rules under another name, as they were published.
    pub fn named(self, version: &str, digest: [u8; 32]) -> Self {
        Self {
            policy: self.policy.named(version, digest),
            ..self
        }
    }

    /// Reads the folder, and loads what is in it; `None` also when a file cannot be read.
    pub fn read(directory: &Path, day: Date, mistakes: &mut Mistakes) -> Option<Self> {
        let folder = Folder::read(directory, mistakes);
        let rules = Self::load(&folder, day, mistakes);
        rules.filter(|_| mistakes.is_empty())
    }
}

#[cfg(test)]
mod fixture;
