//! The names that a document gives its service: the authorities of `servers`, of the document, its
//! paths and its operations. Whether anything answers there does not matter: a core speaks of itself
//! by them.

use std::sync::Arc;

use super::document::Part;
use super::reading::Reading;
use crate::edge::host;

/// The authorities, in lower case and sorted. A server without one (`/v1`) names nobody.
pub(super) fn read(reading: &mut Reading<'_>) -> Vec<Arc<str>> {
    let root = reading.root();
    let items = root.get("paths").map(Part::entries).unwrap_or_default();
    let operations = items.iter().flat_map(|item| item.part.entries());
    let holders = items.iter().map(|item| &item.part);
    let holders = holders.chain(operations.map(|operation| &operation.part));
    let mut names = Vec::new();
    for holder in std::iter::once(root).chain(holders) {
        let servers = holder.get("servers").map(Part::items).unwrap_or_default();
        for url in servers.iter().filter_map(|server| server.get("url")) {
            names.extend(name(reading, url));
        }
    }
    names.sort();
    names.dedup();
    names
}

fn name(reading: &mut Reading<'_>, url: &Part) -> Option<Arc<str>> {
    let text = url.text()?;
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let name = host::canonical(authority);
    if name.is_none() {
        let message = "the names of this server cannot be told: list them as `names` of the service \
                       in covenant.toml, so that links to them are known as the core's";
        reading.remark(&url.place, message);
    }
    name.map(Arc::from)
}
