//! TLS of the partner listener: 1.3 and 1.2, HTTP/2 and HTTP/1.1 by ALPN. A client certificate may be
//! absent, so that HTTP can say in a sentence that one is missing; one that is present must be good, or
//! the handshake fails.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

/// Sessions kept for resumption. They live in the configuration, so a new one forgets them all: no
/// session outlives a change of the partner authority or its revocation lists.
const SESSIONS_MAX: usize = 4096;
/// Tickets for each new TLS 1.3 session, so that a client may open two connections at once.
const TICKETS: usize = 2;

/// What the listener's TLS is made of, as PEM.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    /// The gateway's certificate, then its issuers up to but not including the root.
    pub chain: &'a [u8],
    /// Its private key: PKCS#8, SEC 1 or PKCS#1.
    pub key: &'a [u8],
    /// The certificates of the partner authority.
    pub partner_authority: &'a [u8],
    /// Revocation lists of the partner authority. If there are any, every certificate in a partner's
    /// chain must be covered by one, and an expired list refuses.
    pub revocation_lists: &'a [u8],
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

/// The configuration for [`super::serve`].
///
/// # Errors
/// When a text is not what it should be, or the parts do not fit together.
pub fn server_config(material: &Material<'_>) -> Result<Arc<ServerConfig>, TlsMistake> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = items::<CertificateDer<'static>>("the certificate chain", material.chain)?;
    let key = PrivateKeyDer::from_pem_slice(material.key).map_err(|cause| TlsMistake::Pem {
        part: "the private key",
        cause,
    })?;
    let mut roots = RootCertStore::empty();
    for root in
        items::<CertificateDer<'static>>("the partner authority", material.partner_authority)?
    {
        roots.add(root)?;
    }
    let mut verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated();
    if !material.revocation_lists.is_empty() {
        let lists = items::<CertificateRevocationListDer<'static>>(
            "the revocation lists",
            material.revocation_lists,
        )?;
        verifier = verifier.with_crls(lists).enforce_revocation_expiration();
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(verifier.build()?)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    config.send_tls13_tickets = TICKETS;
    Ok(Arc::new(config))
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
