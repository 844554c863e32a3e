//! A listener with a handler that echoes, and clients that send bytes as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use covenant::clock::Clock;
use covenant::edge::body::{RequestBody, ResponseBody, whole};
use covenant::edge::host::HostNames;
use covenant::edge::limits::Limits;
use covenant::edge::{Peer, accept};
use covenant::listen::handshakes::Handshakes;
use covenant::listen::{Reception, serve, tls};
use covenant::refusal::{Executed, ProblemContext, Refusal};
use covenant::terms::RequestId;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

pub(crate) const HOST: &str = "api.example.com";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<AtomicUsize>,
    pub(crate) authority: Arc<Authority>,
    tls: watch::Sender<tls::Tls>,
    identity: (String, String),
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// A CA for both sides of the test.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// From its own certificate up to but not including the root.
    intermediates: Vec<CertificateDer<'static>>,
}

pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) pem: (String, String),
}

impl Authority {
    pub(crate) fn new() -> Self {
        let (params, key) = (authority_params("Root"), KeyPair::generate().unwrap());
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
            intermediates: Vec::new(),
        }
    }

    pub(crate) fn issue(&self, name: &str, serial: u8) -> Identity {
        self.issue_as(name, |params| {
            params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        })
    }

    /// A certificate as `change` leaves it.
    pub(crate) fn issue_as(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let own = certificate.der().clone();
        Identity {
            chain: [vec![own], self.intermediates.clone()].concat(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            pem: (certificate.pem(), key.serialize_pem()),
        }
    }

    /// An authority below this one, as `change` leaves it.
    pub(crate) fn below(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params("Intermediate");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        let own = issuer.der().clone();
        Self {
            intermediates: [vec![own], self.intermediates.clone()].concat(),
            issuer,
        }
    }

    pub(crate) fn revocation_list(&self, serial: u8, next_update_year: i32) -> String {
        self.revocation_list_until(serial, next_update_year, Duration::ZERO)
    }

    /// A list that expires so many seconds from now.
    pub(crate) fn revocation_list_for(&self, serial: u8, seconds: u64) -> String {
        let now = Clock::system().unix_seconds().unsigned_abs();
        self.revocation_list_until(serial, 1970, Duration::from_secs(now + seconds))
    }

    fn revocation_list_until(&self, serial: u8, year: i32, later: Duration) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[serial]),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(year, 1, 1) + later,
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(&self.issuer)
        .unwrap()
        .pem()
        .unwrap()
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Limits small enough to be reached in a test.
pub(crate) fn limits() -> Limits {
    Limits {
        first_byte_seconds_max: 1,
        head_seconds_max: 1,
        idle_seconds_max: 2,
        grace_seconds: 1,
        body_bytes_max: 100_000,
        drain_seconds_max: 5,
        ..Limits::default()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(limits(), Authority::new(), String::new()).await
    }

    pub(crate) async fn start_with(
        limits: Limits,
        authority: Authority,
        revocation_lists: String,
    ) -> Self {
        let identity = authority.issue(HOST, 1).pem;
        let tls = tls_of(&identity, &authority, &revocation_lists);
        let (tls_sender, tls) = watch::channel(tls);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = oneshot::channel::<()>();
        let handler = {
            let (seen, limits) = (Arc::clone(&seen), limits.clone());
            move |peer, request| echo(peer, request, limits.clone(), Arc::clone(&seen))
        };
        let task = tokio::spawn(serve(
            listener,
            Reception {
                tls,
                limits,
                clock: Clock::system(),
                suspensions: Arc::default(),
                whose: Arc::new(|_| Vec::new()),
                handshakes: Arc::new(Handshakes::new(Arc::default(), Clock::system())),
            },
            handler,
            async {
                let _ = stopped.await;
            },
        ));
        Self {
            address,
            seen,
            authority: Arc::new(authority),
            tls: tls_sender,
            identity,
            stop,
            task,
        }
    }

    /// Takes over another revocation list while it runs.
    pub(crate) fn reload(&self, revocation_list: &str) {
        let tls = tls_of(&self.identity, &self.authority, revocation_list);
        self.tls.send_replace(tls);
    }

    /// How many requests have been accepted so far.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    pub(crate) async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        self.connect_as(protocol, None).await.unwrap()
    }

    pub(crate) async fn connect_as(
        &self,
        protocol: &str,
        identity: Option<Identity>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_with(self.client(protocol, identity)).await
    }

    /// What a client needs; it keeps sessions for its next connection.
    pub(crate) fn client(
        &self,
        protocol: &str,
        identity: Option<Identity>,
    ) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain, identity.key)
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Arc::new(config)
    }

    pub(crate) async fn connect_with(
        &self,
        client: Arc<rustls::ClientConfig>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(HOST).unwrap();
        let connector = tokio_rustls::TlsConnector::from(client);
        connector.connect(name, stream).await
    }

    /// Stops it; returns once every connection has ended.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        timeout(PATIENCE, self.task)
            .await
            .expect("the server stops")
            .unwrap();
    }
}

fn tls_of(identity: &(String, String), authority: &Authority, list: &str) -> tls::Tls {
    let lists = match list {
        "" => Vec::new(),
        list => vec![list.as_bytes().to_vec()],
    };
    tls::Tls::new(&tls::Material {
        chain: identity.0.as_bytes(),
        key: identity.1.as_bytes(),
        partner_authority: authority.issuer.pem().as_bytes(),
        revocation_lists: &lists,
    })
    .unwrap()
}

/// Reads to the end. None if the server keeps the connection open.
pub(crate) async fn read_to_end(stream: &mut TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut answer)).await {
        Ok(_) => Some(answer),
        Err(_) => None,
    }
}

/// Sends bytes over HTTP/1.1 and reads to the end.
pub(crate) async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.connect("http/1.1").await;
    // The server may have refused and closed before all is written.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let answer = read_to_end(&mut stream)
        .await
        .expect("the connection is closed");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn echo(
    peer: Arc<Peer>,
    request: Request<RequestBody>,
    limits: Limits,
    seen: Arc<AtomicUsize>,
) -> Response<ResponseBody> {
    let names = HostNames::new([HOST]).unwrap();
    let (parts, body) = request.into_parts();
    let head = match accept(&parts, &limits, &names) {
        Ok(head) => head,
        Err(refusal) => return refused(&refusal),
    };
    seen.fetch_add(1, Ordering::SeqCst);
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(refusal) => return refused(&refusal),
    };
    if head.query().get("endless").is_some() {
        return endless(&peer);
    }
    if let Some(length) = head.query().get("answer_bytes") {
        return Response::new(whole(vec![b'x'; length.parse().unwrap()]));
    }
    let names: Vec<&str> = head
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    Response::new(whole(format!(
        "{} {}?{} [{}] body={} certificate={}",
        head.method(),
        head.path(),
        head.query(),
        names.join(" "),
        String::from_utf8_lossy(&body),
        peer.certificate
            .as_ref()
            .map_or("none", |certificate| &certificate.names[0]),
    )))
}

/// One piece, and then nothing for ever; meanwhile the end of the connection is asked for.
fn endless(peer: &Arc<Peer>) -> Response<ResponseBody> {
    let peer = Arc::clone(peer);
    let pieces = stream::once(async { Ok(Frame::data(Bytes::from_static(b"first"))) });
    let pieces = pieces.chain(stream::once(async move {
        peer.presented.end();
        std::future::pending().await
    }));
    Response::new(StreamBody::new(pieces).boxed_unsync())
}

fn refused(refusal: &Refusal) -> Response<ResponseBody> {
    let context = ProblemContext {
        contact: "partners@example.com",
        base_uri: "https://api.example.com",
        policy: None,
        executed: Executed::No,
        is_safe: false,
    };
    let id = RequestId::new(Clock::system().now());
    let problem = serde_json::to_vec(&refusal.to_problem(id, &context)).unwrap();
    let mut response = Response::new(whole(problem));
    *response.status_mut() = refusal.code.status();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        "application/problem+json".parse().unwrap(),
    );
    if refusal.close {
        headers.insert(header::CONNECTION, "close".parse().unwrap());
    }
    response
}
