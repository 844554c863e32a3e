//! A partner that may send whatever it likes, over one connection per call.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

#[derive(Clone)]
pub(crate) struct Partner {
    pub(crate) authority: PathBuf,
    pub(crate) credentials: Option<(PathBuf, PathBuf)>,
    pub(crate) token: Option<String>,
    pub(crate) address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn request_id(&self) -> String {
        self.headers["request-id"].to_str().unwrap().to_owned()
    }
}

impl Partner {
    async fn connect(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(&self.authority).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.credentials {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_file(certificate).unwrap();
                let key = PrivateKeyDer::from_pem_file(key).unwrap();
                builder
                    .with_client_auth_cert(vec![certificate], key)
                    .unwrap()
            }
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }

    /// A request with this partner's token, to be completed.
    pub(crate) fn request(&self, method: &str, target: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(target);
        let request = request.header("host", "localhost");
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        let request = self.request("GET", target);
        self.send(request.header("purpose-of-use", "essential.service"), "")
            .await
    }

    pub(crate) async fn post(&self, target: &str, body: &Value) -> Answer {
        let request = self.request("POST", target);
        let request = request
            .header("purpose-of-use", "essential.service")
            .header("content-type", "application/json");
        self.send(request, &body.to_string()).await
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let stream = TokioIo::new(self.connect(b"http/1.1").await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        whole(sender.send_request(request).await.unwrap()).await
    }

    pub(crate) async fn send_http2(&self, request: http::request::Builder) -> Answer {
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let stream = TokioIo::new(self.connect(b"h2").await);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        whole(sender.send_request(request).await.unwrap()).await
    }

    /// These bytes as they are; everything that comes back.
    pub(crate) async fn send_raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect(b"http/1.1").await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is ended hard after its answer has answered all the same.
        let _ended = stream.read_to_end(&mut answer).await;
        answer
    }
}

async fn whole(response: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}
