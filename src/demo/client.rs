//! A partner's HTTPS client, as far as the demo and tests need one: a client certificate, a bearer
//! token, one HTTP/1.1 connection, whole answers.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::DemoError;

/// Answers are read up to this size.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The header that names a purpose.
const PURPOSE: &str = "purpose-of-use";

/// A connection of one partner.
#[derive(Debug)]
pub struct PartnerClient {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    token: String,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct PartnerAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl PartnerAnswer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl PartnerClient {
    /// Connects as the partner whose `<partner>.crt`, `.key` and `.token` stand in `directory`.
    ///
    /// # Errors
    /// When files are missing or the gateway cannot be reached.
    pub async fn connect(
        directory: &Path,
        partner: &str,
        address: SocketAddr,
    ) -> Result<Self, DemoError> {
        let stem = directory.join(partner);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(
            directory.join("certs/ca.crt"),
        )?)?;
        let chain = CertificateDer::pem_file_iter(stem.with_extension("crt"))?;
        let chain = chain.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(stem.with_extension("key"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends by itself when the sender is dropped; its errors come with the requests.
        tokio::spawn(connection);
        let token = fs::read_to_string(stem.with_extension("token"))?;
        Ok(Self {
            sender,
            authority: format!("localhost:{}", address.port()),
            token,
        })
    }

    /// Asks for `target`, a path with its query, for a purpose.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn get(&mut self, target: &str, purpose: &str) -> Result<PartnerAnswer, DemoError> {
        let headers = [(PURPOSE, purpose)];
        self.call(Method::GET, target, &headers, Bytes::new()).await
    }

    /// Asks for `target` and keeps nothing of the answer: its status, and how many bytes it had. `each` is
    /// told after each piece how many have come so far; the next is read once it has returned.
    ///
    /// # Errors
    /// When the connection, or the answer, breaks.
    pub async fn drain(
        &mut self,
        target: &str,
        purpose: &str,
        mut each: impl AsyncFnMut(u64),
    ) -> Result<(StatusCode, u64), DemoError> {
        let headers = [(PURPOSE, purpose)];
        let response = self
            .send(Method::GET, target, &headers, Bytes::new())
            .await?;
        let (parts, mut body) = response.into_parts();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, Bytes::len) as u64;
            each(bytes).await;
        }
        Ok((parts.status, bytes))
    }

    /// Sends JSON to `target`.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn post(
        &mut self,
        target: &str,
        purpose: &str,
        body: &serde_json::Value,
    ) -> Result<PartnerAnswer, DemoError> {
        let headers = [(PURPOSE, purpose), ("content-type", "application/json")];
        let body = Bytes::from(body.to_string());
        self.call(Method::POST, target, &headers, body).await
    }

    /// Sends anything with the partner's own credentials.
    ///
    /// # Errors
    /// When the connection breaks, or this is no request.
    pub async fn call(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<PartnerAnswer, DemoError> {
        let response = self.send(method, target, headers, body).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(PartnerAnswer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    async fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Incoming>, DemoError> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, &self.authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}
