//! The partner listener under hostile bytes: a real listener with real TLS on loopback, spoken to over
//! raw sockets. The handler behind it answers with what it was given, so whatever slips through shows.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

#[path = "edge/http1.rs"]
mod http1;
#[path = "edge/http2.rs"]
mod http2;
#[path = "edge/rest.rs"]
mod rest;
#[path = "edge/server.rs"]
mod server;
#[path = "edge/slow.rs"]
mod slow;
#[path = "edge/tls.rs"]
mod tls;
