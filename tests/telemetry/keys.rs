//! The token issuer's keys behind a URL: rotated without a restart, and its outage survived.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use covenant::clock::Clock;
use covenant::identity::development::DevelopmentIssuer;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::gateway::{Gateway, Options};

type Served = Arc<Mutex<(StatusCode, String)>>;

async fn serve_keys(served: Served) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let served = Arc::clone(&served);
            let service = service_fn(move |_| {
                let (status, body) = served.lock().unwrap().clone();
                let mut response = Response::new(Full::new(Bytes::from(body)));
                *response.status_mut() = status;
                async move { Ok::<_, Infallible>(response) }
            });
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

fn key_set(issuers: &[&DevelopmentIssuer]) -> String {
    let keys = issuers.iter().map(|issuer| {
        let set: Value = serde_json::from_str(issuer.key_set()).unwrap();
        set["keys"][0].clone()
    });
    json!({"keys": keys.collect::<Vec<_>>()}).to_string()
}

fn issuer(folder: &Path) -> DevelopmentIssuer {
    DevelopmentIssuer::create(folder, &Clock::system()).unwrap()
}

#[tokio::test]
async fn keys_behind_a_url_rotate_without_a_restart_and_survive_an_outage() {
    let folder = tempfile::tempdir().unwrap();
    let folders = ["first", "second", "third", "stranger"].map(|name| folder.path().join(name));
    let issuers: Vec<_> = folders.iter().map(|folder| issuer(folder)).collect();
    let served: Served = Arc::new(Mutex::new((StatusCode::OK, key_set(&[&issuers[0]]))));
    let set = |status, body: String| *served.lock().unwrap() = (status, body);
    let gateway = Gateway::start(Options {
        key_url: Some(serve_keys(Arc::clone(&served)).await),
        ..Options::default()
    })
    .await;
    let partner = |folder| gateway.partner("acme.partners.example", "acme-portal", folder);
    let [first, second, third, stranger] = [0, 1, 2, 3].map(|n: usize| partner(&folders[n]));
    let page = "/.covenant/whoami";
    assert_eq!(first.get(page).await.status, 200);

    set(StatusCode::OK, key_set(&[&issuers[0], &issuers[1]]));
    assert_eq!(second.get(page).await.status, 200, "a new key is taken");
    assert_eq!(first.get(page).await.status, 200, "while the old one holds");

    set(
        StatusCode::INTERNAL_SERVER_ERROR,
        "canary-issuer".to_owned(),
    );
    let unknown = stranger.get(page).await;
    assert_eq!(unknown.code(), "token-invalid", "an outage invents no keys");
    let told = gateway.lines_with("keeping the last");
    assert!(!told.is_empty(), "{}", gateway.log());
    assert_eq!(first.get(page).await.status, 200, "the last good set stays");
    assert_eq!(
        partner(&folders[1]).get(page).await.status,
        200,
        "for new tokens too"
    );

    set(StatusCode::OK, key_set(&[&issuers[2]]));
    assert_eq!(third.get(page).await.status, 200);
    for retired in [&first, &second] {
        assert_eq!(retired.get(page).await.code(), "token-invalid");
    }
    assert!(!gateway.log().contains("canary"), "{}", gateway.log());
}
