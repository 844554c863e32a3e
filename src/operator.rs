//! The operator's listener: is it alive, may it disclose, how does it do; the published ledger, to be
//! verified by anybody; and the policies folder looked at again. Plain HTTP, loopback by default. Nobody says who they are here, so a reload can
//! only tighten. Deliberately absent: authentication, the name of any customer, and anything else that
//! changes something (people act through [`crate::administration`]).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::drain;
use crate::gateway::Gateway;
use crate::index::Index;
use crate::ledger::Ledger;
use crate::publishing::{Cause, Publishing, Reloaded};
use crate::witness::Witnesses;

/// What the listener tells of.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Whether disclosures can be recorded.
    pub ledger: Ledger,
    /// The ledger's index.
    pub index: Arc<Index>,
    /// The policy set in force.
    pub publishing: Arc<Publishing>,
    /// The ledger's witnesses, where there are some.
    pub witnesses: Option<Arc<Witnesses>>,
    /// The gateway: its core services, its token issuer's keys, its counters and its names.
    pub gateway: Arc<Gateway>,
}

/// Serves until `shutdown` resolves.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    operator: Operator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let is_loopback = listener
        .local_addr()
        .is_ok_and(|address| address.ip().is_loopback());
    let mut own = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/reload", post(reload));
    if is_loopback {
        own = own.layer(from_fn_with_state(
            Arc::clone(&operator.gateway),
            only_for_us,
        ));
    }
    // What is published is for anybody, and may be served further under any name.
    let router = own
        .route("/checkpoint", get(published))
        .route("/minimum", get(published))
        .route("/tile/{*path}", get(published))
        .route("/cosigned/{id}", get(published))
        .route("/{rotation}", get(published))
        .with_state(operator);
    let (close, time_is_up) = drain::bounded(shutdown);
    let serving = axum::serve(listener, router).with_graceful_shutdown(close);
    tokio::select! {
        served = serving.into_future() => served,
        // A scraper that never finishes its request must not keep the gateway from stopping.
        () = time_is_up => Ok(()),
    }
}

/// A page in a browser on this machine can have its own name lead here, and would then be answered as if it came from
/// here (DNS rebinding). It cannot call an address, nor this machine, by that name.
async fn only_for_us(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.map(|host| host.to_str().unwrap_or_default());
    let names = &gateway.about.names;
    // Configured names have the port of the partner listener, if any.
    let is_configured = |host: &str| {
        let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
        names.contains(host) || names.contains(bare)
    };
    if host.is_none_or(|host| is_of_this_machine(host) || is_configured(host)) {
        return next.run(request).await;
    }
    let why = "this listener is called by an address, as localhost, or by one of `gateway.names`\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

fn is_of_this_machine(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Red when the ledger cannot write, for then every answer would be refused; and when no core service can
/// be asked. One that cannot is named, and the others go on; so is a witness that does not cosign, which turns
/// it red only where a quorum of them is required; and an issuer without usable keys, for no other instance has more.
async fn ready(State(operator): State<Operator>) -> impl IntoResponse {
    let gateway = &operator.gateway;
    let (down, all) = gateway.cores.down();
    let down: String = down
        .iter()
        .map(|service| format!("core service `{service}`: no instance passes its health checks\n"))
        .collect();
    let witnesses = operator.witnesses.as_ref();
    let down = down + &witnesses.map_or_else(String::new, |witnesses| witnesses.complaints());
    let keys = gateway.verifier.keys();
    let keys = keys.complaint(gateway.clock.unix_seconds());
    let refused = |why| format!("token issuer: {why}; every token is refused\n");
    let down = down + &keys.map_or_else(String::new, refused);
    if operator.ledger.is_held() {
        let why = format!("not ready: too few witnesses vouch for the ledger\n{down}");
        (StatusCode::SERVICE_UNAVAILABLE, why)
    } else if !operator.ledger.is_writable() {
        let why = format!("not ready: the ledger cannot write\n{down}");
        (StatusCode::SERVICE_UNAVAILABLE, why)
    } else if all {
        let why = format!("not ready: no core service can be asked\n{down}");
        (StatusCode::SERVICE_UNAVAILABLE, why)
    } else {
        (StatusCode::OK, format!("ready\n{down}"))
    }
}

async fn metrics(State(operator): State<Operator>) -> impl IntoResponse {
    let Operator {
        ledger,
        index,
        witnesses,
        gateway,
        ..
    } = operator;
    let metrics = &gateway.metrics;
    gateway.cores.measure(metrics);
    if let Some(witnesses) = witnesses {
        witnesses.measure();
    }
    metrics.index_behind(ledger.size().saturating_sub(index.size()));
    metrics.unpublished(ledger.size().saturating_sub(ledger.published()));
    metrics.ledger(ledger.is_writable(), ledger.size(), ledger.notes_dropped());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics.to_text())
}

/// The files of the published ledger (C2SP tlog-tiles), which any conforming client verifies.
async fn published(State(operator): State<Operator>, uri: Uri) -> Response {
    let name = uri.path().trim_start_matches('/').to_owned();
    let ledger = operator.ledger;
    let read = tokio::task::spawn_blocking(move || ledger.published_file(&name)).await;
    match read {
        Ok(Ok(Some(served))) => {
            let (kind, caching) = if served.is_immutable {
                (
                    "application/octet-stream",
                    "public, max-age=31536000, immutable",
                )
            } else {
                ("text/plain; charset=utf-8", "no-cache")
            };
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CACHE_CONTROL, caching),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, served.bytes).into_response()
        }
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, "not in the published log\n").into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a file of the published ledger cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The policies folder, looked at again: in words, and 409 where it was refused.
async fn reload(State(operator): State<Operator>) -> impl IntoResponse {
    // A caller that goes away must not cut a change off between its entry and its effect.
    let publishing = operator.publishing;
    let reload = tokio::spawn(async move { publishing.reload(Cause::Listener).await });
    let Ok(reloaded) = reload.await else {
        let broken = "a defect ended the reload\n".to_owned();
        return (StatusCode::INTERNAL_SERVER_ERROR, broken);
    };
    let status = match &reloaded {
        Reloaded::Unchanged { .. } | Reloaded::InForce { .. } => StatusCode::OK,
        Reloaded::Refused { .. } => StatusCode::CONFLICT,
        Reloaded::Failed { .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{reloaded}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_or_localhost_is_of_this_machine() {
        for own in [
            "localhost",
            "LOCALHOST:9443",
            "127.0.0.1:9443",
            "[::1]:9443",
            "10.0.0.7",
        ] {
            assert!(is_of_this_machine(own), "{own}");
        }
        for other in [
            "",
            "evil.example:9443",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            assert!(!is_of_this_machine(other), "{other}");
        }
    }
}
