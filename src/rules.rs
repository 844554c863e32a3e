//! One consistent snapshot of everything that decides: the catalogue and the policy set compiled
//! against it. It is swapped whole; a request holds one snapshot for life. Facts that change by the
//! hour (suspensions, consents, budgets) are no rules, and not here.

pub mod cases;
pub mod comparison;
pub mod coverage;
mod layout;
pub mod remarks;
pub mod simulation;

use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;

use self::cases::Cases;
pub use self::comparison::Comparison;
pub use self::simulation::Simulation;
use crate::catalogue::Catalogue;
use crate::mistakes::Mistakes;
use crate::policy::{PolicySet, Properties};
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
    pub catalogue: Arc<Catalogue>,
    /// Promises and contracts.
    pub policy: PolicySet,
}

impl Rules {
    /// Loads both from a policies folder. `None` when there are mistakes, which are all noted: those
    /// of the policies too where the catalogue has some. The set is named after `day`
    /// and the digest of the whole folder.
    ///
    /// Of the rules before, where there are some, what is unchanged is shared and not read again: the
    /// result and the mistakes are the same, only sooner there.
    pub fn load(
        folder: &Folder,
        before: Option<&Self>,
        day: Date,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mistakes_before = mistakes.len();
        layout::check(folder, mistakes);
        let unchanged = before.map(|before| &before.catalogue);
        let unchanged =
            unchanged.filter(|catalogue| catalogue.digest() == Catalogue::digest_of(folder));
        let catalogue = match unchanged {
            Some(catalogue) => Some(Arc::clone(catalogue)),
            None => Catalogue::load(folder, mistakes).map(Arc::new),
        };
        let policy_before = before.map(|before| &before.policy);
        let policy = PolicySet::load(folder, catalogue.as_deref(), policy_before, day, mistakes);
        let (catalogue, policy) = (catalogue?, policy?);
        let digest = folder.digest();
        let version = version(day, &hexadecimal(&digest), VERSION_DIGITS_MIN);
        let rules = Self {
            catalogue,
            policy: policy.named(version, digest),
        };
        (mistakes.len() == mistakes_before).then_some(rules)
    }

    /// Loads both, and notes besides what is wrong with the files that decide nothing: cases and
    /// properties.
    pub fn check(folder: &Folder, day: Date, mistakes: &mut Mistakes) -> Option<Self> {
        let rules = Self::load(folder, None, day, mistakes);
        Cases::load(folder, rules.as_ref(), mistakes);
        Properties::read(folder, mistakes);
        rules.filter(|_| mistakes.is_empty())
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
        let rules = Self::load(&folder, None, day, mistakes);
        rules.filter(|_| mistakes.is_empty())
    }
}

#[cfg(test)]
mod fixture;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unchanged_is_shared_with_the_rules_before() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let mut mistakes = Mistakes::new();
        let day = jiff::civil::date(2026, 11, 22);
        let shipped = Folder::read(&directory, &mut mistakes);
        let before = Rules::load(&shipped, None, day, &mut mistakes).unwrap();
        let edited = |file: &str, from: &str, to: &str| {
            let files = shipped.files().map(|(name, source)| {
                let text = source.text();
                let edited = if name == file {
                    text.replace(from, to)
                } else {
                    text.to_owned()
                };
                (name.to_owned(), edited)
            });
            Folder::of(&directory, files, &mut Mistakes::new())
        };
        let contract = edited("partners/acme.yaml", "version: 7", "version: 8");
        let after = Rules::load(&contract, Some(&before), day, &mut mistakes).unwrap();
        assert!(Arc::ptr_eq(&before.catalogue, &after.catalogue));
        let overlay = "catalogue/mailing.overlay.yaml";
        let comment = edited(overlay, "  # --- parameters", "  # --- the parameters");
        let after = Rules::load(&comment, Some(&before), day, &mut mistakes).unwrap();
        assert!(!Arc::ptr_eq(&before.catalogue, &after.catalogue));
        assert_ne!(before.policy.digest(), after.policy.digest());
        let broken = edited(
            overlay,
            "x-covenant-role: include",
            "x-covenant-role: inclued",
        );
        let told = |before: Option<&Rules>| {
            let mut mistakes = Mistakes::new();
            assert!(Rules::load(&broken, before, day, &mut mistakes).is_none());
            mistakes.render(crate::mistakes::Look::Plain)
        };
        assert_eq!(told(Some(&before)), told(None));
    }
}

#[cfg(test)]
mod misspelt;
