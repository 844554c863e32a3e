//! TLS of the partner listener: 1.3 and 1.2, HTTP/2 and HTTP/1.1 by ALPN. A client certificate may be
//! absent, so that HTTP can say in a sentence that one is missing; one that is present must be good, or
//! the handshake fails.
//!
//! A [`Tls`] is made anew when one of its files changes, and takes effect for the next handshake; open
//! connections are judged again by it, and sessions of the one before are forgotten.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier as _;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};

use super::revocation::dates;
use super::verifier::PartnerVerifier;

/// Sessions kept for resumption. They live in the configuration, so a new one forgets them all: no
/// session outlives a change of the partner authority or its revocation lists.
const SESSIONS_MAX: usize = 4096;
/// What DER of a revocation list begins with; PEM never does.
const DER_SEQUENCE: u8 = 0x30;
/// Tickets for each new TLS 1.3 session. Another comes with each resumption.
const TICKETS: usize = 1;

/// What the listener's TLS is made of, as PEM.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    /// The gateway's certificate, then its issuers up to but not including the root.
    pub chain: &'a [u8],
    /// Its private key: PKCS#8, SEC 1 or PKCS#1.
    pub key: &'a [u8],
    /// The certificates of the partner authority.
    pub partner_authority: &'a [u8],
    /// Revocation lists of the partner authority, each in PEM or DER. If there are any, every
    /// certificate in a partner's chain must be covered by one, and an expired list refuses.
    pub revocation_lists: &'a [Vec<u8>],
}

/// TLS of the listener at one time.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    verifier: Arc<PartnerVerifier>,
    lists_until: Option<Timestamp>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsMistake {
    /// One of the PEM texts holds nothing of the kind, or something broken.
    #[error("{part} cannot be read as PEM: {cause}")]
    Pem {
        /// Which text.
        part: &'static str,
        /// What the parser says.
        cause: rustls::pki_types::pem::Error,
    },
    /// A text that must hold at least one item holds none.
    #[error("{part} holds no PEM item of its kind")]
    Empty {
        /// Which text.
        part: &'static str,
    },
    /// The partner authority or its revocation lists cannot be used.
    #[error("the partner authority or its revocation lists cannot be used: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// A certificate cannot be used, or does not belong to the key.
    #[error("the certificates and key cannot be used: {0}")]
    Rejected(#[from] rustls::Error),
}

impl Tls {
    /// For [`super::serve`].
    ///
    /// # Errors
    /// When a text is not what it should be, or the parts do not fit together.
    pub fn new(material: &Material<'_>) -> Result<Self, TlsMistake> {
        let provider = Arc::new(provider());
        let chain = items::<CertificateDer<'static>>("the certificate chain", material.chain)?;
        let key = PrivateKeyDer::from_pem_slice(material.key).map_err(|cause| TlsMistake::Pem {
            part: "the private key",
            cause,
        })?;
        let lists = revocation_lists(material)?;
        let lists_until = lists.iter().filter_map(|list| Some(dates(list)?.1)).min();
        let verifier = Arc::new(verifier(material, lists)?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_client_cert_verifier(Arc::clone(&verifier) as _)
            .with_single_cert(chain, key)?;
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
        config.send_tls13_tickets = TICKETS;
        Ok(Self {
            config: Arc::new(config),
            verifier,
            lists_until,
        })
    }

    /// The library's form of it.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// When the first of its revocation lists expires; from then on it refuses.
    pub fn lists_until(&self) -> Option<Timestamp> {
        self.lists_until
    }

    /// What a chain that stands was verified with: without certificates that somebody added and nobody looked
    /// at, the partner's own first.
    pub(super) fn needed(&self, chain: &[CertificateDer<'static>]) -> Vec<CertificateDer<'static>> {
        let mut needed = chain.to_vec();
        for place in (1..chain.len()).rev() {
            let mut without = needed.clone();
            without.remove(place);
            if self.stands(&without) {
                needed = without;
            }
        }
        needed
    }

    /// Whether a chain that was verified once, the partner's own certificate first, would be verified
    /// again now.
    pub(super) fn stands(&self, chain: &[CertificateDer<'_>]) -> bool {
        let now = self.config.time_provider.current_time();
        let Some((leaf, intermediates)) = chain.split_first() else {
            return true;
        };
        let judged = now.map(|now| self.verifier.verify_client_cert(leaf, intermediates, now));
        matches!(judged, Some(Ok(_)))
    }
}

/// Whether the listener would take the certificates in `chain`, the partner's own first, under this partner
/// authority, both in PEM, at `now`. Revocation lists are not asked.
///
/// # Errors
/// Why not, in words.
pub fn would_take(partner_authority: &[u8], chain: &[u8], now: Timestamp) -> Result<(), String> {
    let material = Material {
        chain,
        key: &[],
        partner_authority,
        revocation_lists: &[],
    };
    let verifier = verifier(&material, Vec::new()).map_err(|mistake| mistake.to_string())?;
    let chain = items::<CertificateDer<'_>>("the certificate", chain);
    let chain = chain.map_err(|mistake| mistake.to_string())?;
    let (leaf, intermediates) = chain.split_first().ok_or("there is no certificate")?;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let judged = verifier.verify_client_cert(leaf, intermediates, now);
    judged.map(drop).map_err(|error| error.to_string())
}

/// What the library supports, with the suites that hash with SHA-256 first: today's processors have it in
/// hardware and SHA-384 not, and a handshake hashes more than anything else.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let by_hash = |suite: &SupportedCipherSuite| match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.algorithm(),
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.algorithm(),
    };
    // Those of one hash stay in the library's order.
    provider
        .cipher_suites
        .sort_by_key(|suite| by_hash(suite) != HashAlgorithm::SHA256);
    provider
}

fn verifier(
    material: &Material<'_>,
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<PartnerVerifier, TlsMistake> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    let authority = items("the partner authority", material.partner_authority)?;
    for root in authority {
        roots.add(root)?;
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated();
    if !lists.is_empty() {
        verifier = verifier.with_crls(lists).enforce_revocation_expiration();
    }
    Ok(PartnerVerifier::new(verifier.build()?))
}

fn revocation_lists(
    material: &Material<'_>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsMistake> {
    let mut all = Vec::new();
    for list in material.revocation_lists {
        if list.starts_with(&[DER_SEQUENCE]) {
            all.push(CertificateRevocationListDer::from(list.clone()));
        } else {
            all.extend(items("the revocation lists", list)?);
        }
    }
    Ok(all)
}

fn items<T: PemObject>(part: &'static str, pem: &[u8]) -> Result<Vec<T>, TlsMistake> {
    let items: Vec<T> = T::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|cause| TlsMistake::Pem { part, cause })?;
    if items.is_empty() {
        return Err(TlsMistake::Empty { part });
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_that_hash_in_hardware_come_first_and_none_is_left_out() {
        let hashes_alike = |suite: &SupportedCipherSuite| format!("{suite:?}").contains("SHA256");
        let suites = provider().cipher_suites;
        assert!(suites.is_sorted_by_key(|suite| !hashes_alike(suite)));
        for suite in aws_lc_rs::default_provider().cipher_suites {
            assert!(suites.contains(&suite));
        }
    }
}
