//! The names of the core services, gathered from the configuration and the documents of the catalogue,
//! and where links lead for the request at hand.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::decide::Permit;
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::filter::{Book, CoreNames, Links};
use crate::registry::Registry;
use crate::terms::{PartnerId, ResourceKind};

/// Digest of a catalogue, and the names made for it.
type Made = ([u8; 32], Arc<CoreNames>);

/// The names that cores have by configuration; made whole for one catalogue at a time.
#[derive(Debug)]
pub struct Names {
    /// Service and authority.
    configured: Vec<(Arc<str>, String)>,
    own: Vec<String>,
    made: ArcSwapOption<Made>,
}

impl Names {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Self {
        let mut configured = Vec::new();
        for (service, core) in &config.services {
            let names = core.addresses.iter().chain(&core.names).map(String::as_str);
            for name in std::iter::once(core.authority()).chain(names) {
                configured.push((Arc::clone(service), name.to_owned()));
            }
        }
        let (_, base) = config
            .gateway
            .base_uri
            .split_once("://")
            .unwrap_or_default();
        let names = config.gateway.names.iter().cloned();
        Self {
            configured,
            own: names.chain([base.to_owned()]).collect(),
            made: ArcSwapOption::empty(),
        }
    }

    /// With those that the documents of this catalogue give. Requests that began under another
    /// catalogue have theirs made again.
    pub fn under(&self, catalogue: &Catalogue) -> Arc<CoreNames> {
        let digest = catalogue.digest();
        if let Some(made) = self.made.load_full().filter(|made| made.0 == digest) {
            return Arc::clone(&made.1);
        }
        let configured = self.configured.iter();
        let configured = configured.map(|(service, name)| (Arc::clone(service), name.as_str()));
        let servers = catalogue.servers().iter();
        let servers = servers.map(|(service, name)| (Arc::clone(service), &**name));
        let own = self.own.iter().map(String::as_str);
        let names = Arc::new(CoreNames::new(configured.chain(servers), own));
        self.made
            .store(Some(Arc::new((digest, Arc::clone(&names)))));
        names
    }
}

/// The registry, as the partner that asks sees it.
#[derive(Debug)]
pub struct PartnersBook<'a> {
    registry: &'a Registry,
    partner: &'a PartnerId,
}

impl<'a> PartnersBook<'a> {
    /// For whom a call was permitted.
    pub fn of(permit: &'a Permit, registry: &'a Registry) -> Self {
        Self {
            registry,
            partner: &permit.partner().contract().partner,
        }
    }
}

impl Book for PartnersBook<'_> {
    fn has_customer(&self, id: &str) -> bool {
        self.registry.customer(id).is_some()
    }

    fn is_anothers(&self, kind: ResourceKind, id: &str) -> bool {
        self.registry.is_anothers(kind, id, self.partner)
    }
}

/// Where the core's links lead for what was permitted.
pub fn links<'a>(
    permit: &'a Permit,
    base_uri: &'a str,
    names: &'a CoreNames,
    book: &'a dyn Book,
) -> Links<'a> {
    Links {
        base_uri,
        catalogue: &permit.partner().rules().catalogue,
        names,
        service: &permit.operation().service,
        operations: &permit.partner().contract().operations,
        customer: permit.customer().map(|customer| &*customer.id),
        said: permit.said(),
        book,
    }
}
