//! What TLS of the partner listener is made of, and TLS to the cores: read at the start, read again at a
//! signal and now and then. Where it cannot be read, or does not fit together, what was there before stays, until its
//! revocation lists expire.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::{Mutex, watch};

use super::StartError;
use crate::clock::Clock;
use crate::config::{GatewaySettings, RevocationList};
use crate::gateway::forward::Cores;
use crate::identity::fetch::FetchUrl;
use crate::listen::revocation::{dates, is_signed};
use crate::listen::tls::{Material, Tls};

/// Makes the listener's [`Tls`], and makes it anew when something changed.
#[derive(Debug)]
pub(super) struct Certificates {
    /// Certificate, key, partner authority.
    files: [PathBuf; 3],
    lists: Vec<List>,
    every: Duration,
    clock: Clock,
    tls: watch::Sender<Tls>,
    /// Of what is in force. Held while reading, so that there is one reader at a time.
    held: Mutex<Held>,
    /// Whose TLS is made anew along with the listener's.
    cores: Option<Arc<Cores>>,
}

#[derive(Debug)]
enum List {
    File(PathBuf),
    Url(FetchUrl),
}

#[derive(Debug)]
struct Held {
    digest: [u8; 32],
    /// The revocation lists, in the order of their sources.
    lists: Vec<Vec<u8>>,
}

/// What was read.
struct Read {
    chain: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
    lists: Vec<Vec<u8>>,
}

impl Read {
    /// Tells one reading from another; the key is not kept to compare it.
    fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        let parts = [&self.chain, &self.key, &self.authority];
        for part in parts.into_iter().chain(&self.lists) {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    fn tls(&self) -> Result<Tls, String> {
        let material = Material {
            chain: &self.chain,
            key: &self.key,
            partner_authority: &self.authority,
            revocation_lists: &self.lists,
        };
        Tls::new(&material).map_err(|error| error.to_string())
    }
}

impl Certificates {
    /// Reads everything for the first time.
    ///
    /// # Errors
    /// When something cannot be read, or does not fit together.
    pub(super) async fn load(settings: &GatewaySettings, clock: Clock) -> Result<Self, StartError> {
        let files = [
            settings.certificate.clone(),
            settings.key.clone(),
            settings.partner_authority.clone(),
        ];
        let list = |list: &RevocationList| match list {
            RevocationList::File(path) => Ok(List::File(path.clone())),
            RevocationList::Url(url) => FetchUrl::of_revocation_list(url)
                .map(List::Url)
                .map_err(|error| StartError::unusable("`gateway.revocation_lists`", error)),
        };
        let lists = settings.revocation_lists.iter().map(list);
        let lists = lists.collect::<Result<Vec<_>, _>>()?;
        let read = read(&files, &lists, &[]).await;
        let read = read.map_err(|(what, cause)| StartError::unusable(what, cause))?;
        let tls = read.tls().map_err(|cause| {
            let [chain, key, authority] = &files;
            let what = format!(
                "TLS of the partner listener, from `{}`, `{}`, `{}`",
                chain.display(),
                key.display(),
                authority.display()
            );
            StartError::unusable(what, cause)
        })?;
        let held = Held {
            digest: read.digest(),
            lists: read.lists,
        };
        Ok(Self {
            files,
            lists,
            every: Duration::from_secs(settings.certificates_reload_seconds.into()),
            clock,
            tls: watch::channel(tls).0,
            held: Mutex::new(held),
            cores: None,
        })
    }

    /// And of TLS to these.
    pub(super) fn and_of(mut self, cores: &Arc<Cores>) -> Self {
        self.cores = Some(Arc::clone(cores));
        self
    }

    /// What is in force, now and later.
    pub(super) fn tls(&self) -> watch::Receiver<Tls> {
        self.tls.subscribe()
    }

    /// Reads everything again; says whether something else is in force now.
    pub(super) async fn reload(&self) -> bool {
        let mut held = self.held.lock().await;
        let renewed = self.renew(&mut held).await;
        if let Err(cause) = &renewed {
            tracing::error!(%cause, "certificates not renewed, keeping the last");
        }
        let changed = renewed.unwrap_or(false);
        let until = self.tls.borrow().lists_until();
        if changed {
            tracing::info!("certificates renewed");
        } else if until.is_some_and(|until| until < self.clock.now()) {
            tracing::error!(
                "a revocation list has expired, so no partner's certificate is accepted"
            );
            // Open connections are judged again by what is in force.
            self.tls.send_modify(|_| {});
        }
        match &self.cores {
            Some(cores) => cores.renew_tls().await || changed,
            None => changed,
        }
    }

    async fn renew(&self, held: &mut Held) -> Result<bool, String> {
        let read = read(&self.files, &self.lists, &held.lists).await;
        let read = read.map_err(|(what, cause)| format!("{what}: {cause}"))?;
        let digest = read.digest();
        if digest == held.digest {
            return Ok(false);
        }
        self.tls.send_replace(read.tls()?);
        held.digest = digest;
        held.lists = read.lists;
        Ok(true)
    }

    /// Reads everything again every so many seconds, and calls `renewed` after each change, until
    /// dropped.
    pub(super) async fn keep_fresh<F: Future<Output = ()>>(&self, renewed: impl Fn() -> F) {
        loop {
            tokio::time::sleep(self.every).await;
            if self.reload().await {
                renewed().await;
            }
        }
    }
}

/// Reads everything. `held` are the lists in force: one that cannot be fetched stays.
async fn read(
    files: &[PathBuf; 3],
    lists: &[List],
    held: &[Vec<u8>],
) -> Result<Read, (String, String)> {
    let [chain, key, authority] = files;
    let authority = file(authority).await?;
    let mut all = Vec::with_capacity(lists.len());
    for (place, list) in lists.iter().enumerate() {
        all.push(match list {
            List::File(path) => file(path).await?,
            List::Url(url) => renewed(url, &authority, held.get(place)).await?,
        });
    }
    Ok(Read {
        chain: file(chain).await?,
        key: file(key).await?,
        authority,
        lists: all,
    })
}

/// The list behind a URL, or the last one of it.
async fn renewed(
    url: &FetchUrl,
    authority: &[u8],
    before: Option<&Vec<u8>>,
) -> Result<Vec<u8>, (String, String)> {
    match (fetched(url, authority, before).await, before) {
        (Ok(new), _) => Ok(new),
        (Err(cause), Some(old)) => {
            tracing::warn!(%cause, "a revocation list was not renewed, keeping the last");
            Ok(old.clone())
        }
        (Err(cause), None) => Err(("a revocation list".to_owned(), cause)),
    }
}

/// Nothing vouches for plain HTTP but the list itself, so it must be the authority's; and one that is
/// older than the one in force does not take its place, for whoever sits between could keep a revocation
/// from us.
async fn fetched(
    url: &FetchUrl,
    authority: &[u8],
    before: Option<&Vec<u8>>,
) -> Result<Vec<u8>, String> {
    let list = url.fetch().await.map_err(|error| error.to_string())?;
    // Who publishes files as they are made publishes PEM.
    let list =
        CertificateRevocationListDer::from_pem_slice(&list).map_or(list, |in_pem| in_pem.to_vec());
    let Some((issued, _)) = dates(&list) else {
        return Err(format!(
            "{url:?} gave no revocation list in DER or PEM that says until when it holds"
        ));
    };
    if !is_signed(&list, authority) {
        return Err(format!(
            "{url:?} gave a list that is not signed by the partner authority"
        ));
    }
    if before
        .and_then(|old| dates(old))
        .is_some_and(|(held, _)| issued < held)
    {
        return Err(format!("{url:?} gave a list that is older than the last"));
    }
    Ok(list)
}

async fn file(path: &Path) -> Result<Vec<u8>, (String, String)> {
    let read = tokio::fs::read(path).await;
    read.map_err(|error| (format!("`{}`", path.display()), error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as BlockingMutex;

    use axum::Router;
    use axum::routing::get;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
    };
    use tempfile::TempDir;

    use super::*;

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn authority() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A list of nobody, issued in one year and holding until another.
    fn list(authority: &Authority, issued: i32, until: i32) -> Vec<u8> {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(issued, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(authority).unwrap().der().to_vec()
    }

    fn write_server(folder: &TempDir, authority: &Authority) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        std::fs::write(folder.path().join("server.crt"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("server.key"), key.serialize_pem()).unwrap();
    }

    fn settings(folder: &TempDir, lists: Vec<RevocationList>) -> GatewaySettings {
        let file = |name| folder.path().join(name);
        GatewaySettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            names: Vec::new(),
            base_uri: String::new(),
            contact: String::new(),
            certificate: file("server.crt"),
            key: file("server.key"),
            partner_authority: file("ca.crt"),
            revocation_lists: lists,
            certificates_reload_seconds: 60,
        }
    }

    fn place(authority: &Authority) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
        write_server(&folder, authority);
        folder
    }

    #[tokio::test]
    async fn files_are_taken_over_when_they_change_and_fit_together_and_not_before() {
        let authority = authority();
        let folder = place(&authority);
        let path = folder.path().join("partners.crl");
        std::fs::write(&path, list(&authority, 2024, 2090)).unwrap();
        let sources = vec![RevocationList::File(path.clone())];
        let settings = settings(&folder, sources);
        let clock = Clock::system();
        let certificates = Certificates::load(&settings, clock).await.unwrap();
        let mut tls = certificates.tls();
        let until = |tls: &Tls| tls.lists_until().unwrap().to_string();
        assert!(!certificates.reload().await);
        assert!(!tls.has_changed().unwrap(), "nothing changed");

        std::fs::write(&path, list(&authority, 2024, 2091)).unwrap();
        assert!(certificates.reload().await);
        assert_eq!(until(&tls.borrow_and_update()), "2091-01-01T00:00:00Z");

        let key = std::fs::read(&settings.key).unwrap();
        std::fs::write(&settings.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(!certificates.reload().await, "the key is of no certificate");
        std::fs::write(&settings.key, "").unwrap();
        assert!(!certificates.reload().await);
        std::fs::write(&settings.key, key).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(
            !certificates.reload().await,
            "a list that is gone is not no list"
        );
        assert!(!tls.has_changed().unwrap());

        std::fs::write(&path, list(&authority, 2024, 2092)).unwrap();
        write_server(&folder, &authority);
        assert!(certificates.reload().await);
        assert_eq!(until(&tls.borrow()), "2092-01-01T00:00:00Z");
    }

    #[tokio::test]
    async fn a_list_behind_a_url_is_renewed_by_a_newer_one_of_the_authority_alone() {
        let (authority, stranger) = (authority(), authority());
        let folder = place(&authority);
        let served = Arc::new(BlockingMutex::new(Some(list(&authority, 2020, 2090))));
        let answer = {
            let served = Arc::clone(&served);
            move || async move {
                let list = served.lock().unwrap().clone();
                list.ok_or(http::StatusCode::NOT_FOUND)
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/partners.crl", listener.local_addr().unwrap());
        let router = Router::new().route("/partners.crl", get(answer));
        tokio::spawn(axum::serve(listener, router).into_future());
        let settings = settings(&folder, vec![RevocationList::Url(url)]);
        let serve = |list| *served.lock().unwrap() = list;
        let clock = Clock::system();
        let certificates = Certificates::load(&settings, clock.clone()).await.unwrap();

        serve(Some(list(&authority, 2021, 2091)));
        assert!(certificates.reload().await);
        for wrong in [
            None,
            Some(list(&authority, 2020, 2099)),
            Some(list(&stranger, 2022, 2099)),
            Some(b"<html>sign in to the network</html>".to_vec()),
            Some(vec![
                0x30;
                2 * crate::identity::fetch::REVOCATION_LIST_BYTES_MAX
            ]),
        ] {
            serve(wrong.clone());
            assert!(!certificates.reload().await);
            if wrong.is_none_or(|list| {
                dates(&list).is_none() || !is_signed(&list, authority.pem().as_bytes())
            }) {
                assert!(Certificates::load(&settings, clock.clone()).await.is_err());
            }
        }
        let until = certificates.tls().borrow().lists_until().unwrap();
        assert_eq!(until.to_string(), "2091-01-01T00:00:00Z");
        serve(Some(list(&authority, 2022, 2092)));
        assert!(certificates.reload().await);
    }
}
