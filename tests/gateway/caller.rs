//! A client of the gateway: a certificate or none, HTTP/1.1 or HTTP/2, any headers, whole answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest any call may take before its test fails.
const CALL_MAX: Duration = Duration::from_secs(50);

/// Who calls: a certificate in PEM with its key, or none, and what stands in `Authorization`.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) certificate: Option<(String, String)>,
    pub(crate) authorization: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// One open connection.
pub(crate) struct Caller {
    sender: Sender,
    authorization: Option<String>,
}

/// A request to be.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) body: Bytes,
}

/// An answer that is still arriving.
pub(crate) struct Arriving {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
}

impl Arriving {
    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// Where the answer was broken off.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        let frame = tokio::time::timeout(CALL_MAX, self.body.frame()).await;
        let frame = frame.expect("a frame")?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    /// All that arrives, and whether it ended as a whole answer does.
    pub(crate) async fn rest(mut self) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        while let Some(next) = self.next().await {
            match next {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(_) => return (all, false),
            }
        }
        (all, true)
    }

    /// A header as text; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

impl Call {
    pub(crate) fn new(method: Method, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new(Method::GET, target)
    }

    /// With a JSON body.
    pub(crate) fn post(target: &str, body: &serde_json::Value) -> Self {
        Self::new(Method::POST, target)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn purpose(self, purpose: &str) -> Self {
        self.header("purpose-of-use", purpose)
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn request_id(&self) -> &str {
        self.header("request-id")
    }

    /// Everything that came over the wire, as text.
    pub(crate) fn everything(&self) -> String {
        let lines = |headers: &HeaderMap| -> String {
            let line = |(name, value): (&HeaderName, &HeaderValue)| {
                format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
            };
            headers.iter().map(line).collect()
        };
        let trailers = self.trailers.as_ref().map(lines).unwrap_or_default();
        let body = String::from_utf8_lossy(&self.body);
        format!("{}\n{body}\n{trailers}", lines(&self.headers))
    }
}

impl Caller {
    pub(crate) async fn connect(
        authority_pem: &str,
        address: SocketAddr,
        credentials: &Credentials,
        version: Version,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &credentials.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
                let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = match version {
            Version::Http1 => vec![b"http/1.1".to_vec()],
            Version::Http2 => vec![b"h2".to_vec()],
        };
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = TokioIo::new(connector.connect(name, stream).await.unwrap());
        let sender = match version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Version::Http2 => {
                let executor = TokioExecutor::new();
                let (sender, connection) = http2::handshake(executor, stream).await.unwrap();
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Self {
            sender,
            authorization: credentials.authorization.clone(),
        }
    }

    /// Sends one request and reads its whole answer.
    pub(crate) async fn call(&mut self, call: Call) -> Reply {
        let what = format!("{} {}", call.method, call.target);
        tokio::time::timeout(CALL_MAX, self.exchange(call))
            .await
            .unwrap_or_else(|_| panic!("no answer to {what}"))
    }

    /// Whether the gateway has ended the connection.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    pub(crate) async fn get(&mut self, target: &str, purpose: &str) -> Reply {
        self.call(Call::get(target).purpose(purpose)).await
    }

    /// Sends one request; its answer is read by whoever asked.
    pub(crate) async fn open(&mut self, call: Call) -> Arriving {
        let response = tokio::time::timeout(CALL_MAX, self.respond(call)).await;
        let (parts, body) = response.expect("an answer").into_parts();
        Arriving {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn exchange(&mut self, call: Call) -> Reply {
        whole(self.respond(call).await).await
    }

    async fn respond(&mut self, call: Call) -> Response<Incoming> {
        let target = match self.sender {
            Sender::Http1(_) => call.target,
            Sender::Http2(_) => format!("https://localhost{}", call.target),
        };
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        *request.uri_mut() = target.parse().unwrap();
        *request.headers_mut() = call.headers;
        if let Some(authorization) = &self.authorization {
            let authorization = HeaderValue::from_str(authorization).unwrap();
            let headers = request.headers_mut();
            headers
                .entry(header::AUTHORIZATION)
                .or_insert(authorization);
        }
        match &mut self.sender {
            Sender::Http1(sender) => {
                let host = HeaderValue::from_static("localhost");
                request.headers_mut().entry(header::HOST).or_insert(host);
                sender.ready().await.unwrap();
                sender.send_request(request).await.unwrap()
            }
            Sender::Http2(sender) => {
                sender.ready().await.unwrap();
                sender.send_request(request).await.unwrap()
            }
        }
    }
}

async fn whole(response: Response<Incoming>) -> Reply {
    let (parts, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    Reply {
        status: parts.status,
        headers: parts.headers,
        trailers: collected.trailers().cloned(),
        body: collected.to_bytes(),
    }
}
