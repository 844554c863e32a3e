//! One GET of one configured document: no redirects, no proxy, no cookies, 5 s. Key sets and what an
//! issuer says of itself, of at most 64 KiB, come over plain HTTP only from this machine, and over HTTPS
//! only against the certificate authorities of a configured file, for this program carries no list of
//! public ones. Revocation lists, of at most 1 MiB, are signed and come over plain HTTP (RFC 5280 section
//! 8). A name must lead to a public address, so that whoever answers for names cannot turn the gateway on
//! its own network, unless configuration says that this host may. The addresses that were looked at are
//! the ones that are connected to. Files of a published ledger, of at most 16 MiB, come as key sets do, from
//! wherever the person who verifies them says. What is sent to a witness, by one POST, goes the same way.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The largest document that is read.
pub const FETCH_BYTES_MAX: usize = 64 * 1024;
/// The largest revocation list that is read.
pub const REVOCATION_LIST_BYTES_MAX: usize = 1024 * 1024;
/// The largest file of a published ledger: a bundle of 256 entries of 65,535 bytes.
pub const LEDGER_FILE_BYTES_MAX: usize = 256 * (65_535 + 2);
/// The longest reply of a witness that is read.
pub const COSIGNATURE_BYTES_MAX: usize = 16 * 1024;
/// The longest a fetch takes, from looking the name up to the last byte.
pub const FETCH_TIMEOUT_SECONDS: u64 = 5;

/// A URL that may be fetched, with what is needed to do so.
#[derive(Clone)]
pub struct FetchUrl {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    document: Document,
    /// Whether the host may lead to an address of a private network.
    private: bool,
}

/// Where documents of an authorization server may come from.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// PEM file of the certificate authorities, needed for https.
    pub authorities: Option<PathBuf>,
    /// Hosts, in lower case, that may lead to addresses of private networks.
    pub private_hosts: Vec<String>,
}

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    KeySet,
    RevocationList,
    LedgerFile,
    Cosignature,
}

impl Document {
    fn bytes_max(self) -> usize {
        match self {
            Self::KeySet => FETCH_BYTES_MAX,
            Self::RevocationList => REVOCATION_LIST_BYTES_MAX,
            Self::LedgerFile => LEDGER_FILE_BYTES_MAX,
            Self::Cosignature => COSIGNATURE_BYTES_MAX,
        }
    }

    fn media_types(self) -> &'static str {
        match self {
            Self::KeySet => "application/json, application/jwk-set+json",
            Self::RevocationList => "application/pkix-crl",
            Self::LedgerFile => "application/octet-stream, text/plain",
            Self::Cosignature => "text/plain, text/x.tlog.size",
        }
    }
}

impl std::fmt::Debug for FetchUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FetchUrl({})", self.uri)
    }
}

/// The URL, or the file of authorities for it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FetchUrlRejected {
    /// Not an absolute URL, or with user information or a fragment.
    #[error("`{0}` is not an absolute http or https URL without user name and fragment")]
    NotAUrl(String),
    /// Keys over plain HTTP could be anyone's.
    #[error("`{0}`: plain http is taken only for 127.0.0.1, [::1] and localhost; use https")]
    NotLoopback(String),
    /// Revocation lists are signed; over HTTPS they would wait for themselves.
    #[error("`{0}`: revocation lists are fetched over plain http, for they are signed")]
    NotHttp(String),
    /// A document that came over https names one that would not.
    #[error("`{0}`: it is of another scheme than the document that names it")]
    OtherScheme(String),
    /// HTTPS without authorities.
    #[error(
        "`{0}`: https needs a file of certificate authorities (PEM); for a token issuer's keys, name it as \
         `tokens.keys_authority`"
    )]
    AuthoritiesNotNamed(String),
    /// The file of authorities.
    #[error("`{0}` is not a file of certificate authorities in PEM")]
    AuthoritiesUnreadable(String),
    /// The TLS library's objection.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// The document could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("`{url}` cannot be fetched: {cause}")]
pub struct FetchFailed {
    url: String,
    cause: FetchCause,
}

impl FetchFailed {
    /// Whether somebody answered that there is nothing of the kind.
    pub fn is_absent(&self) -> bool {
        matches!(self.cause, FetchCause::Status(status) if status.is_client_error())
    }

    /// Whether somebody answered, with whatever it was.
    pub fn is_answered(&self) -> bool {
        matches!(self.cause, FetchCause::Status(_) | FetchCause::Body(_))
    }
}

/// What was answered to something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Any status.
    pub status: StatusCode,
    /// Its `Content-Type`, where it has one that is text.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
enum FetchCause {
    #[error("it did not answer within {FETCH_TIMEOUT_SECONDS} s")]
    Timeout,
    #[error("{0}")]
    Connection(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("its answer broke off or is larger than {0} bytes")]
    Body(usize),
    #[error("its name leads to an address that is not this machine's")]
    NotLoopback,
    #[error("its name leads to an address of a private network, and no setting says that it may")]
    Private,
    #[error("the request cannot be made")]
    Request,
}

impl FetchUrl {
    /// Takes a configured URL of a key set, or of what names one.
    ///
    /// # Errors
    /// When the URL is not absolute, is plain http to another machine, or the authorities cannot be
    /// read.
    pub fn new(url: &str, reach: &Reach) -> Result<Self, FetchUrlRejected> {
        let (uri, host) = absolute(url)?;
        let not_a_url = || FetchUrlRejected::NotAUrl(url.to_owned());
        let (default_port, tls) = match uri.scheme_str() {
            Some("http") if is_loopback_name(&host) => (80, None),
            Some("http") => return Err(FetchUrlRejected::NotLoopback(url.to_owned())),
            Some("https") => {
                let authorities = reach.authorities.as_deref();
                let authorities = authorities
                    .ok_or_else(|| FetchUrlRejected::AuthoritiesNotNamed(url.to_owned()))?;
                let name = ServerName::try_from(host.clone()).map_err(|_| not_a_url())?;
                (443, Some((connector(authorities)?, name)))
            }
            _ => return Err(not_a_url()),
        };
        let lower = host.to_ascii_lowercase();
        Ok(Self {
            port: uri.port_u16().unwrap_or(default_port),
            private: is_named(&lower) || reach.private_hosts.contains(&lower),
            uri,
            host,
            tls,
            document: Document::KeySet,
        })
    }

    /// Takes a URL that the document behind this one names: of the same scheme, and, as nobody who runs
    /// this gateway wrote it, to a private address only where the host is this one's or `reach` says so.
    ///
    /// # Errors
    /// Where [`FetchUrl::new`] has some, and when the scheme is another.
    pub fn named_there(&self, url: &str, reach: &Reach) -> Result<Self, FetchUrlRejected> {
        let mut named = Self::new(url, reach)?;
        if named.uri.scheme() != self.uri.scheme() {
            return Err(FetchUrlRejected::OtherScheme(url.to_owned()));
        }
        let host = named.host.to_ascii_lowercase();
        let same = self.private && self.host.eq_ignore_ascii_case(&host);
        named.private = same || named.tls.is_none() || reach.private_hosts.contains(&host);
        Ok(named)
    }

    /// Takes the URL that a published ledger's files stand below (C2SP tlog-tiles, "Parameters"), as
    /// [`Self::new`] does; the person who names it may name an address of a private network.
    ///
    /// # Errors
    /// As those of [`Self::new`].
    pub fn of_ledger(url: &str, authorities: Option<&Path>) -> Result<Self, FetchUrlRejected> {
        let reach = Reach {
            authorities: authorities.map(Path::to_owned),
            ..Reach::default()
        };
        Ok(Self {
            document: Document::LedgerFile,
            private: true,
            ..Self::new(url.trim_end_matches('/'), &reach)?
        })
    }

    /// Fetches the file `name` below this URL; `None` where there is none (404).
    ///
    /// # Errors
    /// As those of [`Self::fetch`].
    pub async fn fetch_below(&self, name: &str) -> Result<Option<Vec<u8>>, FetchFailed> {
        let url = format!("{}/{name}", self.uri.to_string().trim_end_matches('/'));
        let failed = |cause| FetchFailed {
            url: url.clone(),
            cause,
        };
        let uri = url.parse().map_err(|_| failed(FetchCause::Request))?;
        let file = Self {
            uri,
            ..self.clone()
        };
        match file.fetch().await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(FetchFailed {
                cause: FetchCause::Status(StatusCode::NOT_FOUND),
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes the configured submission prefix of a witness (C2SP tlog-witness), as [`Self::new`] does.
    ///
    /// # Errors
    /// As those of [`Self::new`].
    pub fn of_witness(url: &str, reach: &Reach) -> Result<Self, FetchUrlRejected> {
        Ok(Self {
            document: Document::Cosignature,
            ..Self::new(url.trim_end_matches('/'), reach)?
        })
    }

    /// Sends `body` to `name` below this URL, and gives whatever is answered; redirects are not followed.
    ///
    /// # Errors
    /// When no whole answer comes within the limits.
    pub async fn post_below(&self, name: &str, body: String) -> Result<Reply, FetchFailed> {
        let url = format!("{}/{name}", self.uri.to_string().trim_end_matches('/'));
        let sent = async {
            let uri = url.parse().map_err(|_| FetchCause::Request)?;
            let place = Self {
                uri,
                ..self.clone()
            };
            let response = place.ask(Method::POST, body.into()).await?;
            let status = response.status();
            let content_type = response.headers().get(http::header::CONTENT_TYPE);
            let content_type = content_type.and_then(|kind| kind.to_str().ok());
            Ok(Reply {
                status,
                content_type: content_type.map(str::to_owned),
                body: place.whole(response).await?,
            })
        };
        within_the_limit(sent).await.map_err(|cause| FetchFailed {
            url: url.clone(),
            cause,
        })
    }

    /// Takes a configured URL of a revocation list.
    ///
    /// # Errors
    /// When the URL is not absolute, or not plain http.
    pub fn of_revocation_list(url: &str) -> Result<Self, FetchUrlRejected> {
        let (uri, host) = absolute(url)?;
        if uri.scheme_str() != Some("http") {
            return Err(FetchUrlRejected::NotHttp(url.to_owned()));
        }
        Ok(Self {
            port: uri.port_u16().unwrap_or(80),
            private: is_named(&host),
            uri,
            host,
            tls: None,
            document: Document::RevocationList,
        })
    }

    /// Fetches the document.
    ///
    /// # Errors
    /// When it does not come whole, with status 200, within the limits.
    pub async fn fetch(&self) -> Result<Vec<u8>, FetchFailed> {
        let fetched = async {
            let response = self.ask(Method::GET, Bytes::new()).await?;
            if response.status() != StatusCode::OK {
                return Err(FetchCause::Status(response.status()));
            }
            self.whole(response).await
        };
        within_the_limit(fetched)
            .await
            .map_err(|cause| FetchFailed {
                url: self.uri.to_string(),
                cause,
            })
    }

    /// The head of the answer.
    async fn ask(&self, method: Method, body: Bytes) -> Result<Response<Incoming>, FetchCause> {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await?
            .collect();
        self.check(&addresses)?;
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        match &self.tls {
            None => self.exchange(stream, method, body).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                self.exchange(stream, method, body).await
            }
        }
    }

    /// Whether a name leads where it may. An address in the URL is what the operator meant.
    fn check(&self, addresses: &[SocketAddr]) -> Result<(), FetchCause> {
        let all = |allowed: fn(&IpAddr) -> bool| addresses.iter().all(|one| allowed(&one.ip()));
        match self.document {
            Document::KeySet | Document::LedgerFile | Document::Cosignature
                if self.tls.is_none() && !all(IpAddr::is_loopback) =>
            {
                Err(FetchCause::NotLoopback)
            }
            _ if !self.private && !all(is_public) => Err(FetchCause::Private),
            _ => Ok(()),
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        method: Method,
        body: Bytes,
    ) -> Result<Response<Incoming>, FetchCause>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, authority)
            .header(http::header::ACCEPT, self.document.media_types())
            .header(http::header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|_| FetchCause::Request)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ends by itself once the sender and the body are dropped.
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Vec<u8>, FetchCause> {
        let bytes_max = self.document.bytes_max();
        let body = Limited::new(response.into_body(), bytes_max);
        let whole = body.collect().await;
        let whole = whole.map_err(|_| FetchCause::Body(bytes_max))?;
        Ok(whole.to_bytes().to_vec())
    }
}

async fn within_the_limit<T>(
    work: impl Future<Output = Result<T, FetchCause>>,
) -> Result<T, FetchCause> {
    let limit = Duration::from_secs(FETCH_TIMEOUT_SECONDS);
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(FetchCause::Timeout),
    }
}

/// An absolute URL and its host.
fn absolute(url: &str) -> Result<(Uri, String), FetchUrlRejected> {
    let not_a_url = || FetchUrlRejected::NotAUrl(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| not_a_url())?;
    let authority = uri.authority().ok_or_else(not_a_url)?;
    if authority.as_str().contains('@') || url.contains('#') {
        return Err(not_a_url());
    }
    let host = uri.host().ok_or_else(not_a_url)?;
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok((uri, host))
}

/// Whether the URL says by itself where it leads.
fn is_named(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok()
}

/// Whether an address is one of the Internet's: not of this machine, a private or shared network, a link,
/// a group, or reserved (RFC 6890).
fn is_public(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let special = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation();
            !special && !shared && first != 0 && first < 224
        }
        // 2000::/3 is all that is given out; documentation has 2001:db8::/32.
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            (first & 0xe000) == 0x2000 && (first, second) != (0x2001, 0x0db8)
        }
    }
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn connector(authorities: &Path) -> Result<TlsConnector, FetchUrlRejected> {
    let unreadable = || FetchUrlRejected::AuthoritiesUnreadable(authorities.display().to_string());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authorities).map_err(|_| unreadable())? {
        let certificate = certificate.map_err(|_| unreadable())?;
        roots.add(certificate).map_err(|_| unreadable())?;
    }
    if roots.is_empty() {
        return Err(unreadable());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::clock::Clock;
    use crate::identity::development::DevelopmentAuthority;

    fn reach(folder: &Path, file: &str) -> Reach {
        Reach {
            authorities: Some(folder.join(file)),
            private_hosts: vec!["issuer.internal".to_owned()],
        }
    }

    #[test]
    fn an_authorization_server_is_on_a_private_network_only_where_a_setting_says_so() {
        let folder = tempfile::tempdir().unwrap();
        DevelopmentAuthority::create(folder.path(), &Clock::system()).unwrap();
        let reach = reach(folder.path(), "ca.crt");
        let private = ["10.0.0.1:443".parse().unwrap()];
        let public = ["93.184.216.34:443".parse().unwrap()];
        for (url, allowed) in [
            ("https://issuer.example/jwks", false),
            ("https://issuer.internal/jwks", true),
            ("https://ISSUER.internal/jwks", true),
            ("https://other.internal/jwks", false),
            ("https://issuer.internal.example/jwks", false),
            ("https://10.0.0.1/jwks", true),
        ] {
            let fetch = FetchUrl::new(url, &reach).unwrap();
            assert_eq!(fetch.check(&private).is_ok(), allowed, "{url}");
            assert!(fetch.check(&public).is_ok(), "{url}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for url in [
            "http://127.0.0.1/a",
            "http://127.9.9.9:8080/a",
            "http://[::1]:80/a",
            "http://localhost/a?b=c",
        ] {
            assert!(FetchUrl::new(url, &Reach::default()).is_ok(), "{url}");
        }
        for url in [
            "http://issuer.example/a",
            "http://10.0.0.1/a",
            "http://169.254.169.254/latest",
            "http://[fe80::1]/a",
            "http://0.0.0.0/a",
            "http://localhost.attacker.example/a",
            "http://2130706433/a",
        ] {
            let rejected = FetchUrl::new(url, &Reach::default()).unwrap_err();
            assert!(
                matches!(rejected, FetchUrlRejected::NotLoopback(_)),
                "{url}"
            );
        }
    }

    #[test]
    fn anything_but_a_plain_absolute_url_is_refused() {
        for url in [
            "",
            "/a",
            "localhost/a",
            "file:///etc/passwd",
            "ftp://localhost/a",
            "http://user@localhost/a",
            "http://localhost@attacker.example/a",
            "http://localhost/a#b",
        ] {
            let rejected = FetchUrl::new(url, &Reach::default()).unwrap_err();
            assert!(
                matches!(rejected, FetchUrlRejected::NotAUrl(_)),
                "{url}: {rejected}"
            );
        }
        let rejected = FetchUrl::new("https://issuer.example/a", &Reach::default()).unwrap_err();
        assert!(matches!(rejected, FetchUrlRejected::AuthoritiesNotNamed(_)));
    }

    #[test]
    fn a_name_leads_only_to_public_addresses_and_an_address_is_taken_as_written() {
        let url = |url: &str| FetchUrl::of_revocation_list(url).unwrap();
        let named = url("http://lists.example/partners.crl");
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a00:1]",
        ] {
            let address = format!("{private}:80").parse().unwrap();
            assert!(named.check(&[address]).is_err(), "{private}");
            let public = "93.184.216.34:80".parse().unwrap();
            assert!(named.check(&[public, address]).is_err(), "{private}");
            let written = format!("http://{private}/partners.crl");
            let written = url(&written);
            assert!(written.check(&[address]).is_ok(), "{private}");
        }
        for public in ["93.184.216.34:80", "[2606:2800:220:1::1]:80"] {
            assert!(named.check(&[public.parse().unwrap()]).is_ok(), "{public}");
        }
        for wrong in [
            "https://lists.example/a",
            "file:///a",
            "lists.example/a",
            "http://u@l/a",
        ] {
            assert!(FetchUrl::of_revocation_list(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn https_is_fetched_only_from_a_server_of_the_named_authority() {
        let clock = Clock::system();
        let folder = tempfile::tempdir().unwrap();
        let authority = DevelopmentAuthority::create(folder.path(), &clock).unwrap();
        let server = authority.issue_server(&[]).unwrap();
        let certificate =
            CertificateDer::from_pem_slice(server.certificate_pem.as_bytes()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(server.key_pem.as_bytes());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        let elsewhere = tempfile::tempdir().unwrap();
        DevelopmentAuthority::create(elsewhere.path(), &clock).unwrap();
        let url = format!("https://127.0.0.1:{port}/jwks.json");
        let good = FetchUrl::new(&url, &reach(folder.path(), "ca.crt")).unwrap();
        assert_eq!(good.fetch().await.unwrap(), b"{}");
        let stranger = FetchUrl::new(&url, &reach(elsewhere.path(), "ca.crt")).unwrap();
        assert!(stranger.fetch().await.is_err());
        let no_authorities = FetchUrl::new(&url, &reach(folder.path(), "ca.key")).unwrap_err();
        assert!(matches!(
            no_authorities,
            FetchUrlRejected::AuthoritiesUnreadable(_)
        ));
    }
}
