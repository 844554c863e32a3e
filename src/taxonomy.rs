//! The closed vocabulary of data categories and purposes: the keys of fideslang 3.1.4
//! (`data_categories` and `data_uses`, Apache-2.0), and one of ours: `user.content.private.addressee`, name and
//! address of a recipient in one text. Keys are dotted and hierarchical: a rule about
//! `user.contact` covers `user.contact.email`, matched by whole segments, never by prefix of text.
//!
//! A word that is not here does not exist: contracts, overlays and Cedar rules that use it are
//! refused when they are loaded. Deliberately absent: free-text categories, aliases.

mod set;

use std::fmt;

pub use self::set::CategorySet;

/// Data categories, sorted, so that a key is found by binary search and a category is its index.
const CATEGORIES: [&str; 86] = [
    "system",
    "system.authentication",
    "system.operations",
    "user",
    "user.account",
    "user.account.settings",
    "user.account.username",
    "user.authorization",
    "user.authorization.biometric",
    "user.authorization.credentials",
    "user.authorization.password",
    "user.behavior",
    "user.behavior.browsing_history",
    "user.behavior.media_consumption",
    "user.behavior.purchase_history",
    "user.behavior.search_history",
    "user.biometric",
    "user.biometric.fingerprint",
    "user.biometric.health",
    "user.biometric.retinal",
    "user.biometric.voice",
    "user.childrens",
    "user.contact",
    "user.contact.address",
    "user.contact.address.city",
    "user.contact.address.country",
    "user.contact.address.postal_code",
    "user.contact.address.state",
    "user.contact.address.street",
    "user.contact.email",
    "user.contact.fax_number",
    "user.contact.organization",
    "user.contact.phone_number",
    "user.contact.url",
    "user.content",
    "user.content.private",
    "user.content.private.addressee",
    "user.content.public",
    "user.content.self_image",
    "user.criminal_history",
    "user.demographic",
    "user.demographic.age_range",
    "user.demographic.date_of_birth",
    "user.demographic.gender",
    "user.demographic.language",
    "user.demographic.marital_status",
    "user.demographic.political_opinion",
    "user.demographic.profile",
    "user.demographic.race_ethnicity",
    "user.demographic.religious_belief",
    "user.demographic.sexual_orientation",
    "user.device",
    "user.device.cookie",
    "user.device.cookie_id",
    "user.device.device_id",
    "user.device.ip_address",
    "user.financial",
    "user.financial.bank_account",
    "user.financial.credit_card",
    "user.government_id",
    "user.government_id.birth_certificate",
    "user.government_id.drivers_license_number",
    "user.government_id.immigration",
    "user.government_id.national_identification_number",
    "user.government_id.passport_number",
    "user.government_id.vehicle_registration",
    "user.health_and_medical",
    "user.health_and_medical.genetic",
    "user.health_and_medical.insurance_beneficiary_id",
    "user.health_and_medical.record_id",
    "user.job_title",
    "user.location",
    "user.location.imprecise",
    "user.location.precise",
    "user.name",
    "user.name.first",
    "user.name.last",
    "user.payment",
    "user.privacy_preferences",
    "user.sensor",
    "user.social",
    "user.telemetry",
    "user.unique_id",
    "user.unique_id.pseudonymous",
    "user.user_sensor",
    "user.workplace",
];

/// Purposes (fideslang data uses), sorted likewise.
const PURPOSES: [&str; 56] = [
    "analytics",
    "analytics.reporting",
    "analytics.reporting.ad_performance",
    "analytics.reporting.campaign_insights",
    "analytics.reporting.content_performance",
    "analytics.reporting.system",
    "analytics.reporting.system.performance",
    "collect",
    "employment",
    "employment.recruitment",
    "essential",
    "essential.fraud_detection",
    "essential.legal_obligation",
    "essential.service",
    "essential.service.authentication",
    "essential.service.notifications",
    "essential.service.notifications.email",
    "essential.service.notifications.sms",
    "essential.service.operations",
    "essential.service.operations.improve",
    "essential.service.operations.support",
    "essential.service.payment_processing",
    "essential.service.security",
    "essential.service.upgrades",
    "finance",
    "functional",
    "functional.service",
    "functional.service.improve",
    "functional.storage",
    "functional.storage.privacy_preferences",
    "marketing",
    "marketing.advertising",
    "marketing.advertising.first_party",
    "marketing.advertising.first_party.contextual",
    "marketing.advertising.first_party.targeted",
    "marketing.advertising.frequency_capping",
    "marketing.advertising.negative_targeting",
    "marketing.advertising.profiling",
    "marketing.advertising.serving",
    "marketing.advertising.third_party",
    "marketing.advertising.third_party.targeted",
    "marketing.communications",
    "marketing.communications.email",
    "marketing.communications.sms",
    "operations",
    "personalize",
    "personalize.content",
    "personalize.content.limited",
    "personalize.content.profiled",
    "personalize.content.profiling",
    "personalize.profiling",
    "personalize.system",
    "sales",
    "third_party_sharing",
    "third_party_sharing.legal_obligation",
    "train_ai_system",
];

/// How many data categories there are: the length of every table indexed by [`Category`].
pub const CATEGORY_COUNT: usize = CATEGORIES.len();

/// What kind of data a field holds (P1), for example `user.contact.email`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Category(u8);

/// What data is used for (P3), for example `essential.service`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Purpose(u8);

impl Category {
    /// The category with this exact key.
    pub fn parse(key: &str) -> Option<Self> {
        position(&CATEGORIES, key).map(Self)
    }

    /// Its key.
    pub fn key(self) -> &'static str {
        CATEGORIES
            .get(usize::from(self.0))
            .copied()
            .unwrap_or_default()
    }

    /// Its place in a table of [`CATEGORY_COUNT`] members.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether this is `ancestor` or lies below it.
    pub fn is_within(self, ancestor: Self) -> bool {
        is_within(self.key(), ancestor.key())
    }

    /// The category one segment shorter.
    pub fn parent(self) -> Option<Self> {
        parent_key(self.key()).and_then(Self::parse)
    }

    /// Every category, in order of its key.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).take(CATEGORIES.len()).map(Self)
    }
}

impl Purpose {
    /// The purpose with this exact key.
    pub fn parse(key: &str) -> Option<Self> {
        position(&PURPOSES, key).map(Self)
    }

    /// Its fideslang key.
    pub fn key(self) -> &'static str {
        PURPOSES
            .get(usize::from(self.0))
            .copied()
            .unwrap_or_default()
    }

    /// Its place in the sorted list of purposes.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether this is `ancestor` or lies below it.
    pub fn is_within(self, ancestor: Self) -> bool {
        is_within(self.key(), ancestor.key())
    }

    /// The purpose one segment shorter.
    pub fn parent(self) -> Option<Self> {
        parent_key(self.key()).and_then(Self::parse)
    }

    /// Every purpose, in order of its key.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).take(PURPOSES.len()).map(Self)
    }
}

fn position(sorted: &[&str], key: &str) -> Option<u8> {
    let index = sorted.binary_search(&key).ok()?;
    u8::try_from(index).ok()
}

/// Whether `key` is `ancestor` or lies below it, both as dotted words.
pub(crate) fn is_within(key: &str, ancestor: &str) -> bool {
    key.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn parent_key(key: &str) -> Option<&str> {
    key.rsplit_once('.').map(|(parent, _)| parent)
}

impl fmt::Display for Category {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key())
    }
}

impl fmt::Debug for Category {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key())
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key())
    }
}

impl fmt::Debug for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_unique_so_that_binary_search_finds_each() {
        for category in Category::all() {
            assert_eq!(Category::parse(category.key()), Some(category));
        }
        for purpose in Purpose::all() {
            assert_eq!(Purpose::parse(purpose.key()), Some(purpose));
        }
        assert_eq!(Category::parse("user.contact.emial"), None);
    }

    #[test]
    fn hierarchy_goes_by_whole_segments() {
        let category = |key| Category::parse(key).unwrap();
        assert!(category("user.contact.email").is_within(category("user.contact")));
        assert!(category("user").is_within(category("user")));
        assert!(!category("user.device.cookie_id").is_within(category("user.device.cookie")));
        assert_eq!(
            category("user.contact.email").parent(),
            Some(category("user.contact"))
        );
    }
}
