//! Slow clients: each begins with what its kind needs, and is then slow for as long as it is let.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::stage::{PARTNER, PURPOSE};
use super::{EXPORT, Failure};

/// Between two bytes of whoever sends or reads slowly.
const PAUSE: Duration = Duration::from_millis(500);
const BODY_BYTES: usize = 100_000;
/// Preface and empty SETTINGS of HTTP/2, then the beginning of a header section that does not end.
const HALF_A_HEAD: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x01\0\0\0\x01\x82";

/// A client being slow; ready at the latest when it sees that the gateway has ended the connection.
pub(crate) type Ends = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A way to be slow.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    SlowHead,
    SlowHeadOfHttp2,
    SlowBody,
    SlowBodyOfHttp2,
    SlowReader,
    SlowReaderOfHttp2,
    Idle,
    IdleOfHttp2,
    Silent,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::SlowBody,
        Self::SlowBodyOfHttp2,
        Self::SlowReader,
        Self::SlowReaderOfHttp2,
        Self::SlowHead,
        Self::SlowHeadOfHttp2,
        Self::Idle,
        Self::IdleOfHttp2,
        Self::Silent,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SlowHead => "slow head",
            Self::SlowHeadOfHttp2 => "slow head, HTTP/2",
            Self::SlowBody => "slow body",
            Self::SlowBodyOfHttp2 => "slow body, HTTP/2",
            Self::SlowReader => "slow reader",
            Self::SlowReaderOfHttp2 => "slow reader, HTTP/2",
            Self::Idle => "idle after handshake",
            Self::IdleOfHttp2 => "idle, HTTP/2",
            Self::Silent => "no handshake",
        }
    }
}

/// Makes slow clients of one partner.
pub(crate) struct Callers {
    address: SocketAddr,
    authority: String,
    token: String,
    http1: TlsConnector,
    http2: TlsConnector,
}

impl Callers {
    pub(crate) fn new(folder: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let stem = folder.join(PARTNER);
        Ok(Self {
            address,
            authority: format!("localhost:{}", address.port()),
            token: std::fs::read_to_string(stem.with_extension("token"))?,
            http1: connector(folder, "http/1.1")?,
            http2: connector(folder, "h2")?,
        })
    }

    /// Begins one.
    pub(crate) async fn begin(&self, kind: Kind) -> Result<Ends, Failure> {
        Ok(match kind {
            Kind::Silent => {
                let mut stream = TcpStream::connect(self.address).await?;
                Box::pin(async move { ignore(stream.read_to_end(&mut Vec::new()).await) })
            }
            Kind::Idle => until_ended(self.connect(&self.http1).await?),
            Kind::IdleOfHttp2 => until_ended(self.connect(&self.http2).await?),
            Kind::SlowHead => {
                let head = "GET / HTTP/1.1\r\nhost: a\r\nx: ".to_owned();
                drip(self.connect(&self.http1).await?, head)
            }
            Kind::SlowHeadOfHttp2 => {
                let mut stream = self.connect(&self.http2).await?;
                stream.write_all(HALF_A_HEAD).await?;
                stream.flush().await?;
                until_ended(stream)
            }
            Kind::SlowBody => {
                let head = self.head(
                    "POST /v1/jobs",
                    &format!("content-length: {BODY_BYTES}\r\n"),
                );
                drip(self.connect(&self.http1).await?, head)
            }
            Kind::SlowReader => self.slow_reader().await?,
            Kind::SlowBodyOfHttp2 => {
                let pieces = stream::unfold((), |()| async {
                    tokio::time::sleep(PAUSE).await;
                    Some((Ok(Frame::data(Bytes::from_static(b"x"))), ()))
                });
                let body = StreamBody::new(pieces).boxed_unsync();
                self.over_http2("POST", "/v1/jobs", body).await?
            }
            Kind::SlowReaderOfHttp2 => {
                self.over_http2("GET", EXPORT, Empty::new().boxed_unsync())
                    .await?
            }
        })
    }

    async fn connect(&self, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost")?;
        Ok(connector.connect(name, stream).await?)
    }

    fn head(&self, line: &str, more: &str) -> String {
        let (authority, token) = (&self.authority, &self.token);
        format!(
            "{line} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\n\
             purpose-of-use: {PURPOSE}\r\ncontent-type: application/json\r\n{more}\r\n"
        )
    }

    async fn slow_reader(&self) -> Result<Ends, Failure> {
        let mut stream = self.connect(&self.http1).await?;
        let request = self.head(&format!("GET {EXPORT}"), "");
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        Ok(Box::pin(async move {
            while stream.read_u8().await.is_ok() {
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }

    /// One request, whose answer is not read.
    async fn over_http2(
        &self,
        method: &str,
        path: &str,
        body: UnsyncBoxBody<Bytes, Infallible>,
    ) -> Result<Ends, Failure> {
        let stream = TokioIo::new(self.connect(&self.http2).await?);
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.authority))
            .header("authorization", format!("Bearer {}", self.token))
            .header("purpose-of-use", PURPOSE)
            .header("content-type", "application/json")
            .body(body)?;
        Ok(Box::pin(async move {
            let connection = tokio::spawn(connection);
            let answer = sender.send_request(request).await;
            // The answer is held, unread, until the connection has ended.
            ignore(connection.await);
            drop((answer, sender));
        }))
    }
}

fn ignore<T, E>(_: Result<T, E>) {}

fn until_ended(mut stream: TlsStream<TcpStream>) -> Ends {
    Box::pin(async move { ignore(stream.read_to_end(&mut Vec::new()).await) })
}

/// Sends byte after byte; ends when reading shows that the gateway has.
fn drip(stream: TlsStream<TcpStream>, head: String) -> Ends {
    let (mut reader, mut writer) = tokio::io::split(stream);
    Box::pin(async move {
        let dripping = async {
            ignore(writer.write_all(head.as_bytes()).await);
            while writer.write_all(b"x").await.is_ok() && writer.flush().await.is_ok() {
                tokio::time::sleep(PAUSE).await;
            }
            std::future::pending::<()>().await;
        };
        let mut said = Vec::new();
        tokio::select! {
            () = dripping => {}
            ended = reader.read_to_end(&mut said) => ignore(ended),
        }
    })
}

fn connector(folder: &Path, protocol: &str) -> Result<TlsConnector, Failure> {
    let stem = folder.join(PARTNER);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("certs/ca.crt"))?)?;
    let chain = CertificateDer::pem_file_iter(stem.with_extension("crt"))?;
    let chain = chain.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(stem.with_extension("key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
