//! Headers with links: those that the catalogue lists leave led to the gateway, or not at all. Every
//! other header of the core stays inside; what else an answer carries is made by the gateway.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, header};

use super::Filtered;
use crate::catalogue::{Answer, HeaderLink};
use crate::entry::Withheld;
use crate::filter::{Links, Method, Seen};
use crate::gateway::decide::Permit;
use crate::gateway::inspect::Inspected;
use crate::judgement::{LINK_PROMISE, uninspectable};
use crate::policy::Circumstances;
use crate::refusal::Stopped;
use crate::terms::Form;

/// Leads them. `seen` are the customers of the answer whose id leaves in clear, and the others.
///
/// # Errors
/// `response-uninspectable` for a redirect without a place to go to.
pub(super) fn lead(
    permit: &Permit,
    inspected: &Inspected<'_>,
    links: &Links<'_>,
    seen: Option<[BTreeSet<&str>; 2]>,
    mut filtered: Filtered,
) -> Result<Filtered, Stopped> {
    let [shown, hidden] = seen.unwrap_or_default();
    // Of several customers, a header is about none.
    let mut alone = shown.iter().copied();
    let seen = Seen {
        shown: alone.next().filter(|_| alone.next().is_none()),
        on_page: &shown,
        hidden: &hidden,
    };
    for (header, value) in &inspected.links {
        let granted = is_granted(permit, header);
        let led = match header.name == header::LOCATION {
            true => links.rewritten(value, &seen),
            false => links.header(value, &seen),
        };
        let led = led.filter(|led| granted && !links.names.occur_in(led.as_bytes()));
        match led.and_then(|led| HeaderValue::try_from(led).ok()) {
            Some(led) => {
                filtered.headers.append(&header.name, led);
            }
            None => {
                filtered.withheld.push(withheld(permit, header));
            }
        }
    }
    let leads = filtered.headers.contains_key(header::LOCATION);
    if (300..400).contains(&filtered.status) && !leads {
        return Err(uninspectable("a redirect that leads nowhere for this partner").into());
    }
    Ok(filtered)
}

/// The catalogued headers that stand in an answer of which none leaves: an answer that leaves in parts has no page to
/// compare its links with.
pub fn all_withheld(permit: &Permit, listed: &Answer, headers: &HeaderMap) -> Vec<Withheld> {
    let links = listed.links.iter();
    let stand = links.filter(|link| headers.contains_key(&link.name));
    stand.map(|link| withheld(permit, link)).collect()
}

fn is_granted(permit: &Permit, header: &HeaderLink) -> bool {
    let forms = permit.grant().forms(about(permit));
    forms.get(header.category.index()).copied().flatten() == Some(Form::Clear)
}

/// A header is about whom the request names.
fn about(permit: &Permit) -> Circumstances {
    match permit.customer() {
        Some(_) => Circumstances::OWN,
        None => Circumstances::default(),
    }
}

fn withheld(permit: &Permit, header: &HeaderLink) -> Withheld {
    let promise = match is_granted(permit, header) {
        true => LINK_PROMISE,
        false => permit.grant().withheld_by(about(permit), header.category),
    };
    Withheld {
        field: canonical(header.name.as_str()),
        method: Method::Removal.word().to_owned(),
        promise: promise.to_string(),
    }
}

/// The header's name as people write it.
fn canonical(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
