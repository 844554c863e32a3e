//! TLS to a core: 1.3 and 1.2, only against the authorities of its settings, with our own certificate
//! where it wants one. Made anew when one of its files changes; what was made before is used no further.
//! Nothing here can be told not to verify.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::CoreTls;

/// What a connection is secured with.
pub(super) struct Secured {
    pub(super) connector: TlsConnector,
    pub(super) server_name: ServerName<'static>,
    /// Counts up with each change.
    pub(super) generation: u64,
    digest: [u8; 32],
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secured({})", self.generation)
    }
}

/// TLS to one core, now and after its files change.
#[derive(Debug)]
pub(super) struct TlsOfCore {
    settings: CoreTls,
    secured: ArcSwap<Secured>,
}

impl TlsOfCore {
    /// # Errors
    /// When a file cannot be read, or they do not fit together.
    pub(super) fn load(settings: CoreTls) -> Result<Self, String> {
        let secured = secure(&settings, &Files::read(&settings)?, 0)?;
        Ok(Self {
            settings,
            secured: ArcSwap::from_pointee(secured),
        })
    }

    pub(super) fn now(&self) -> Arc<Secured> {
        self.secured.load_full()
    }

    /// Reads the files again; whether something else is in force now.
    ///
    /// # Errors
    /// As [`TlsOfCore::load`]; what was in force stays.
    pub(super) fn renew(&self) -> Result<bool, String> {
        let files = Files::read(&self.settings)?;
        let held = self.secured.load();
        if files.digest() == held.digest {
            return Ok(false);
        }
        let secured = secure(&self.settings, &files, held.generation + 1)?;
        self.secured.store(Arc::new(secured));
        Ok(true)
    }
}

struct Files {
    authority: Vec<u8>,
    /// Chain and key.
    certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl Files {
    fn read(settings: &CoreTls) -> Result<Self, String> {
        let certificate = match &settings.certificate {
            None => None,
            Some((chain, key)) => Some((file(chain)?, file(key)?)),
        };
        Ok(Self {
            authority: file(&settings.authority)?,
            certificate,
        })
    }

    /// Tells one reading from another; the key is not kept to compare it.
    fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        let own = self
            .certificate
            .iter()
            .flat_map(|(chain, key)| [chain, key]);
        for part in std::iter::once(&self.authority).chain(own) {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn secure(settings: &CoreTls, files: &Files, generation: u64) -> Result<Secured, String> {
    let named = |path: &Path, cause: &dyn std::fmt::Display| {
        format!("`{}` cannot be used: {cause}", path.display())
    };
    let mut roots = RootCertStore::empty();
    for root in certificates(&settings.authority, &files.authority)? {
        let added = roots.add(root);
        added.map_err(|error| named(&settings.authority, &error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match (&settings.certificate, &files.certificate) {
        (Some((chain_path, key_path)), Some((chain, key))) => {
            let chain = certificates(chain_path, chain)?;
            let key = PrivateKeyDer::from_pem_slice(key);
            let key = key.map_err(|error| named(key_path, &error))?;
            let own = builder.with_client_auth_cert(chain, key);
            own.map_err(|error| named(chain_path, &error))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let server_name = ServerName::try_from(settings.server_name.clone());
    Ok(Secured {
        connector: TlsConnector::from(Arc::new(config)),
        server_name: server_name.map_err(|error| error.to_string())?,
        generation,
        digest: files.digest(),
    })
}

/// The certificates of a file, at least one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.unwrap_or_default();
    if certificates.is_empty() {
        return Err(format!("`{}` holds no certificates in PEM", path.display()));
    }
    Ok(certificates)
}
