//! The core service of the demonstration and of the tests: an honest HTTP/1.1 server of an invented
//! mailing company, Harbour Post, with invented customers of several partners. It is what stands
//! behind the gateway in life: it trusts whoever can reach it, answers every id that exists, and
//! tells its host name, cookies and mistakes to everyone. So whatever the gateway fails to hold back
//! shows.
//!
//! It deliberately knows nothing of Covenant: no partner's credentials, no policy, no catalogue. What
//! it offers is described by `policies/catalogue/mailing.openapi.yaml`, and a test holds the two
//! together. Start at [`Core`] and [`World`].

mod answer;
mod asked;
mod book;
mod misbehaviour;
mod people;
mod reading;
mod store;
mod world;
mod writing;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use self::answer::{Answer, Body, dress_headers};
use self::asked::Asked;
use self::store::Store;

pub use self::answer::{HOST_NAME, SESSION_SECRET};
pub use self::book::BookRow;
pub use self::misbehaviour::{MISBEHAVING_IDS, Misbehaviour, misbehaving_book};
pub use self::people::Address;
pub use self::world::{
    AddressList, Customer, Document, DocumentContent, Job, MailClass, PageView, Recipient, UseType,
    World,
};

/// Largest request body the core reads.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Connections it serves at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// How long it waits for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How many of the last calls it remembers for tests to look at.
const RECEIVED_MAX: usize = 256;

/// A call as it reached the core.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its method.
    pub method: Method,
    /// Its path and query, byte for byte.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
}

/// A running core service. Dropping it stops it.
#[derive(Debug)]
pub struct Core {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    origin: String,
    misbehaviour: Misbehaviour,
    store: Mutex<Store>,
    received: Mutex<VecDeque<Received>>,
    received_count: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.origin)
    }
}

impl Core {
    /// Serves these people, and misbehaves for nobody. Port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(people: &World, address: SocketAddr) -> io::Result<Self> {
        Self::start_with(people, address, Misbehaviour::Absent).await
    }

    /// Likewise, with or without the misbehaving customers.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start_with(
        people: &World,
        address: SocketAddr,
        misbehaviour: Misbehaviour,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            origin: format!("http://{address}"),
            misbehaviour,
            store: Mutex::new(Store::new(people.clone())),
            received: Mutex::new(VecDeque::new()),
            received_count: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many calls reached it.
    pub fn received_count(&self) -> u64 {
        self.shared.received_count.load(Ordering::SeqCst)
    }

    /// The last calls that reached it, oldest first; at most 256.
    pub fn received(&self) -> Vec<Received> {
        let calls = self.shared.received.lock();
        calls
            .map(|calls| calls.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Serves until something ends it; for a core that is a process of its own.
    pub async fn run(mut self) {
        // An error is a task that ended by itself, which is what is waited for.
        let _ended = (&mut self.accepting).await;
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until it is aborted; the connections then end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    while let Ok(place) = places.clone().acquire_owned().await {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: wait for connections to end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _without_delay = stream.set_nodelay(true);
        let shared = shared.clone();
        connections.spawn(async move {
            let serve = service_fn(|request| serve(shared.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), serve);
            // A caller that goes away is the caller's affair.
            let _ended = connection.await;
            drop(place);
        });
    }
}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let number = shared.received_count.fetch_add(1, Ordering::SeqCst) + 1;
    let (parts, body) = request.into_parts();
    note(&shared, &parts);
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        let answer = Answer::invalid("body", "could not be read, or is too large");
        return Ok(answer.dress(number));
    };
    let asked = Asked::new(parts, body.to_bytes(), shared.origin.clone());
    if shared.misbehaviour == Misbehaviour::Offered
        && let Some(id) = asked.path.strip_prefix("/v1/customers/")
        && let Some(mut response) = misbehaviour::answer(id, &shared.store, &asked.origin).await
    {
        dress_headers(response.headers_mut(), number);
        return Ok(response);
    }
    let answer = match shared.store.lock() {
        Ok(mut store) => route(&mut store, &asked),
        Err(_) => Answer::rejected(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            None,
            "store poisoned",
        ),
    };
    Ok(answer.dress(number))
}

fn note(shared: &Shared, parts: &http::request::Parts) {
    if let Ok(mut calls) = shared.received.lock() {
        if calls.len() == RECEIVED_MAX {
            calls.pop_front();
        }
        calls.push_back(Received {
            method: parts.method.clone(),
            target: parts.uri.to_string(),
            headers: parts.headers.clone(),
        });
    }
}

fn route(store: &mut Store, asked: &Asked) -> Answer {
    let Some(path) = asked.path.strip_prefix("/v1/") else {
        return Answer::not_found("path", &asked.path);
    };
    let segments: Vec<&str> = path.split('/').collect();
    if asked.method == Method::GET {
        return match segments.as_slice() {
            ["customers"] => reading::customers(store, asked),
            ["customers.csv"] => reading::customers_csv(store, asked),
            ["customers", id] => reading::customer(store, id),
            ["jobs"] => reading::jobs(store, asked),
            ["jobs", id] => reading::job(store, id),
            ["jobs", id, "tracking"] => reading::tracking(store, asked, id),
            ["address_lists"] => reading::lists(store, asked),
            ["address_lists", id] => reading::list(store, id),
            ["documents", id] => reading::document(store, id),
            ["exports", id] => reading::export(store, asked, id),
            ["page_views"] => reading::page_views(store, asked),
            ["page_views", "statistics"] => reading::page_view_statistics(store, asked),
            _ => Answer::not_found("path", &asked.path),
        };
    }
    if asked.method != Method::POST {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Answer::rejected(status, "method", None, asked.method.as_str());
    }
    writing::once(store, asked, |store, asked| match segments.as_slice() {
        ["customers"] => writing::create_customer(store, asked),
        ["jobs"] => writing::create_job(store, asked),
        ["jobs", id, "submit"] => writing::submit_job(store, id),
        ["jobs", id, "cancel"] => writing::cancel_job(store, id),
        ["address_lists"] => writing::create_list(store, asked),
        ["documents"] => writing::upload_document(store, asked),
        ["campaigns"] => writing::create_campaign(store, asked),
        ["exports"] => writing::create_export(store, asked),
        ["webhooks"] => writing::create_webhook(store, asked),
        _ => Answer::not_found("path", &asked.path),
    })
}

#[cfg(test)]
mod tests;
