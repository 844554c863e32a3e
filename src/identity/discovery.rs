//! What an authorization server says of itself: where its keys are, found from its issuer's URL alone
//! (RFC 8414 section 3, or else OpenID Connect Discovery 1.0 section 4). Nothing else of the document is
//! used, and nothing in it widens what may be fetched.

use std::sync::{Arc, Mutex, PoisonError};

use crate::identity::fetch::{FetchFailed, FetchUrl, FetchUrlRejected, Reach};
use crate::identity::strict;

/// How long it is remembered where the keys are, in seconds: less than between two renewals, so that each
/// asks again, and tokens of unknown keys in between do not.
pub const DISCOVERED_SECONDS: i64 = 25;

/// An issuer that is asked where its keys are. A clone asks anew.
#[derive(Debug)]
pub struct Discovery {
    issuer: String,
    reach: Reach,
    /// RFC 8414's, then OpenID Connect's.
    documents: [FetchUrl; 2],
    found: Mutex<Option<Found>>,
}

#[derive(Clone, Debug)]
struct Found {
    keys: Arc<FetchUrl>,
    at: i64,
}

/// Why it is not known where the keys are, or why they did not come.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryFailed {
    /// A document, or the keys.
    #[error(transparent)]
    Fetch(#[from] FetchFailed),
    /// The document.
    #[error(
        "what `{0}` says of itself is not one JSON object with `issuer` and `jwks_uri` as texts"
    )]
    Malformed(String),
    /// Another issuer, or one spelt otherwise (RFC 8414 section 3.3).
    #[error("what is at `{0}` says that it is another issuer")]
    OtherIssuer(String),
    /// Where the keys are said to be.
    #[error("`jwks_uri` cannot be used: {0}")]
    Keys(#[from] FetchUrlRejected),
}

impl DiscoveryFailed {
    /// Whether the issuer may still say where its keys are, in the other document.
    fn leaves_the_other(&self) -> bool {
        match self {
            Self::Fetch(failed) => failed.is_answered(),
            Self::Malformed(_) | Self::OtherIssuer(_) => true,
            Self::Keys(_) => false,
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Fetch(failed) if failed.is_absent())
    }
}

impl Discovery {
    /// Takes a configured issuer.
    ///
    /// # Errors
    /// When it is not a URL that may be fetched, or has a query.
    pub fn new(issuer: &str, reach: Reach) -> Result<Self, FetchUrlRejected> {
        let not_a_url = || FetchUrlRejected::NotAUrl(issuer.to_owned());
        let plain = issuer.strip_suffix('/').unwrap_or(issuer);
        let (scheme, rest) = plain.split_once("://").ok_or_else(not_a_url)?;
        if rest.contains('?') {
            return Err(not_a_url());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let inserted =
            format!("{scheme}://{authority}/.well-known/oauth-authorization-server{path}");
        let appended = format!("{plain}/.well-known/openid-configuration");
        let documents = [
            FetchUrl::new(&inserted, &reach)?,
            FetchUrl::new(&appended, &reach)?,
        ];
        Ok(Self {
            issuer: issuer.to_owned(),
            reach,
            documents,
            found: Mutex::default(),
        })
    }

    /// The bytes of the key set. Asks again where it is at `now` (seconds since 1970) when that was found
    /// [`DISCOVERED_SECONDS`] ago, and when it is not there any more.
    ///
    /// # Errors
    /// When the issuer does not say where it is, or it does not come.
    pub async fn fetch(&self, now: i64) -> Result<Vec<u8>, DiscoveryFailed> {
        let remembered = self.lock().clone();
        let fresh = |found: &Found| (0..DISCOVERED_SECONDS).contains(&(now - found.at));
        if let Some(found) = remembered.filter(fresh) {
            if let Ok(bytes) = found.keys.fetch().await {
                return Ok(bytes);
            }
            *self.lock() = None;
        }
        let keys = Arc::new(self.ask().await?);
        let bytes = keys.fetch().await?;
        *self.lock() = Some(Found { keys, at: now });
        Ok(bytes)
    }

    /// Servers that know OpenID Connect alone answer for the other document whatever they answer for pages
    /// that they do not have: a login, an error, a page of their own, or what is true of another issuer there.
    async fn ask(&self) -> Result<FetchUrl, DiscoveryFailed> {
        let [inserted, appended] = &self.documents;
        let first = match self.ask_for(inserted).await {
            Err(first) if first.leaves_the_other() => first,
            outcome => return outcome,
        };
        let second = self.ask_for(appended).await;
        second.map_err(|second| match first.is_absent() {
            true => second,
            false => first,
        })
    }

    async fn ask_for(&self, document: &FetchUrl) -> Result<FetchUrl, DiscoveryFailed> {
        let bytes = document.fetch().await?;
        let malformed = || DiscoveryFailed::Malformed(self.issuer.clone());
        let members = strict::object(&bytes).map_err(|_| malformed())?;
        let text = |name: &str| members.get(name).and_then(|value| value.as_str());
        if text("issuer").ok_or_else(malformed)? != self.issuer {
            return Err(DiscoveryFailed::OtherIssuer(self.issuer.clone()));
        }
        let keys = text("jwks_uri").ok_or_else(malformed)?;
        Ok(document.named_there(keys, &self.reach)?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
