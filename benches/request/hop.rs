//! The least that a proxy can do: mutual TLS in, HTTP/1.1 out, bodies handed through, nothing looked at.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use covenant::config::Config;
use covenant::listen::tls::{Material, Tls};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Failure;

type Onward = Client<HttpConnector, Incoming>;

pub(crate) async fn start(config: &Config, core: SocketAddr) -> Result<SocketAddr, Failure> {
    let tls = Tls::new(&Material {
        chain: &fs::read(&config.gateway.certificate)?,
        key: &fs::read(&config.gateway.key)?,
        partner_authority: &fs::read(&config.gateway.partner_authority)?,
        revocation_lists: &[],
    })?;
    let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Onward = Client::builder(TokioExecutor::new()).build(connector);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, client) = (acceptor.clone(), client.clone());
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                let stream = acceptor.accept(stream).await?;
                let serve = service_fn(|request| forward(&client, core, request));
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), serve)
                    .await?;
                Ok::<_, Failure>(())
            });
        }
    });
    Ok(address)
}

async fn forward(
    client: &Onward,
    core: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Failure> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    *request.uri_mut() = format!("http://{core}{target}").parse()?;
    Ok(client.request(request).await?)
}
