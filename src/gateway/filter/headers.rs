//! Headers with links: those that the catalogue lists leave led to the gateway, or not at all. Every
//! other header of the core stays inside; what else an answer carries is made by the gateway.

use std::collections::BTreeSet;

use http::{HeaderValue, header};

use super::Filtered;
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
    let about = match permit.customer() {
        Some(_) => Circumstances::OWN,
        None => Circumstances::default(),
    };
    for (header, value) in &inspected.links {
        let forms = permit.grant().forms(about);
        let granted = forms.get(header.category.index()).copied().flatten() == Some(Form::Clear);
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
                let promise = if granted {
                    LINK_PROMISE
                } else {
                    permit.grant().withheld_by(about, header.category)
                };
                filtered.withheld.push(Withheld {
                    field: canonical(header.name.as_str()),
                    method: Method::Removal.word().to_owned(),
                    promise: promise.to_string(),
                });
            }
        }
    }
    let leads = filtered.headers.contains_key(header::LOCATION);
    if (300..400).contains(&filtered.status) && !leads {
        return Err(uninspectable("a redirect that leads nowhere for this partner").into());
    }
    Ok(filtered)
}

/// The header's name as people write it.
fn canonical(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
