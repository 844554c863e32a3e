//! The whole gateway from outside: real mutual TLS on loopback, the shipped policies, a core service
//! that misbehaves when asked to, and a ledger that is read back. Tests whose names begin with
//! `promise_` show a promise of PROMISES.md being kept.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "gateway/alternatives.rs"]
mod alternatives;
#[path = "gateway/asking.rs"]
mod asking;
#[path = "gateway/authorization_server.rs"]
mod authorization_server;
#[path = "gateway/budgets.rs"]
mod budgets;
#[path = "gateway/caller.rs"]
mod caller;
#[path = "gateway/consent.rs"]
mod consent;
#[path = "gateway/core_tls.rs"]
mod core_tls;
#[path = "gateway/cores.rs"]
mod cores;
#[path = "gateway/creating.rs"]
mod creating;
#[path = "gateway/decisions.rs"]
mod decisions;
#[path = "gateway/documents.rs"]
mod documents;
#[path = "gateway/exports.rs"]
mod exports;
#[path = "gateway/figures.rs"]
mod figures;
#[path = "gateway/finding.rs"]
mod finding;
#[path = "gateway/formats.rs"]
mod formats;
#[path = "gateway/headers.rs"]
mod headers;
#[path = "gateway/instance.rs"]
mod instance;
#[path = "gateway/issuer.rs"]
mod issuer;
#[path = "gateway/lab.rs"]
mod lab;
#[path = "gateway/large.rs"]
mod large;
#[path = "gateway/leaving.rs"]
mod leaving;
#[path = "gateway/links.rs"]
mod links;
#[path = "gateway/misbehaving.rs"]
mod misbehaving;
#[path = "gateway/numbered.rs"]
mod numbered;
#[path = "gateway/pages.rs"]
mod pages;
#[path = "gateway/possession.rs"]
mod possession;
#[path = "gateway/publishing.rs"]
mod publishing;
#[path = "gateway/purposes.rs"]
mod purposes;
#[path = "gateway/raw_core.rs"]
mod raw_core;
#[path = "gateway/recipients.rs"]
mod recipients;
#[path = "gateway/record.rs"]
mod record;
#[path = "gateway/refusal_forms.rs"]
mod refusal_forms;
#[path = "gateway/refusals.rs"]
mod refusals;
#[path = "gateway/room.rs"]
mod room;
#[path = "gateway/rotation.rs"]
mod rotation;
#[path = "gateway/scripted.rs"]
mod scripted;
#[path = "gateway/shadow.rs"]
mod shadow;
#[path = "gateway/stand.rs"]
mod stand;
#[path = "gateway/standing.rs"]
mod standing;
#[path = "gateway/values.rs"]
mod values;
#[path = "gateway/whose.rs"]
mod whose;
