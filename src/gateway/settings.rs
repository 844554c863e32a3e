//! What the gateway says about itself.

use std::sync::Arc;

use crate::config::TermsSettings;
use crate::edge::host::HostNames;

/// Names, addresses and contact.
#[derive(Clone, Debug)]
pub struct About {
    /// Hosts that requests may name.
    pub names: HostNames,
    /// Where problem documents point, without a slash at the end.
    pub base_uri: Arc<str>,
    /// The partner terms in force.
    pub terms: Option<TermsSettings>,
    /// Where questions and complaints go (P18).
    pub contact: Arc<str>,
}
