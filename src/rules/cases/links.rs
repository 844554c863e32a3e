//! The links of cases. A case has no configuration, so that the core and the gateway have made-up names
//! beside those of the documents.

use std::sync::Arc;

use super::Case;
use crate::catalogue::{Catalogue, Operation};
use crate::edge::AcceptedHead;
use crate::filter::{Book, CoreNames, Links};
use crate::judgement::{self, OnBehalf};
use crate::policy::Contract;
use crate::terms::ResourceKind;

/// The host that the requests of cases are sent to.
pub(super) const HOST: &str = "gateway.example";
/// What links of the gateway begin with in cases.
const BASE_URI: &str = "https://gateway.example";
/// A name of the core that asks: answers that are made up link to it.
const CORE: &str = "core.example.invalid";

/// What was heard of a case's request, which links of the answer may say again.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Where links of an answer that is made up lead: to the request itself.
    pub(super) here: String,
    said: Vec<Box<str>>,
}

/// Hears it.
pub(super) fn heard(head: &AcceptedHead) -> Heard {
    let mark = if head.query().is_empty() { "" } else { "?" };
    Heard {
        here: format!("https://{CORE}{}{mark}{}", head.path(), head.query()),
        said: judgement::said(head),
    }
}

/// The names of the core, as far as the documents say them.
pub(super) fn core_names(catalogue: &Catalogue, operation: &Operation) -> CoreNames {
    let servers = catalogue.servers().iter();
    let servers = servers.map(|(service, name)| (Arc::clone(service), &**name));
    let made_up = (Arc::clone(&operation.service), CORE);
    CoreNames::new(servers.chain([made_up]), [HOST])
}

/// Where links lead in an answer of this operation, about the customer whom the request names. The book of a
/// case has the customers that the case names.
pub(super) fn links<'a>(
    catalogue: &'a Catalogue,
    names: &'a CoreNames,
    contract: &'a Contract,
    operation: &'a Operation,
    customer: Option<&'a OnBehalf>,
    (heard, book): (&'a Heard, &'a dyn Book),
) -> Links<'a> {
    Links {
        base_uri: BASE_URI,
        catalogue,
        names,
        service: &operation.service,
        operations: &contract.operations,
        customer: customer.map(|customer| &*customer.id),
        said: &heard.said,
        book,
    }
}

/// A case knows the customers that it names.
impl Book for Case {
    fn has_customer(&self, id: &str) -> bool {
        self.given.customers.value.named.contains_key(id)
    }

    fn is_anothers(&self, _: ResourceKind, _: &str) -> bool {
        false
    }
}
