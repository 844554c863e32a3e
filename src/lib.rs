//! Covenant: a reverse proxy between a mailing company's partners and its core services that keeps
//! the promises of a published privacy policy, and lets no answer out before its disclosure is
//! durably on record.
//!
//! The house, from the street down. A room imports only rooms that stand after it in this list, so no
//! import points up and none goes in a circle; `tests/tidy.rs` reads the list and keeps it so.
//!
//! - doors: [`cli`], [`demo`], [`serve`], [`starter`], [`operator`], [`listen`], [`administration`],
//!   [`drain`], [`proof`]
//! - one request: [`gateway`]
//! - memory: [`publishing`], [`allowance`], [`registry`], [`evidence`],
//!   [`index`], [`witness`], [`ledger`]
//! - judgement, pure: [`rules`], [`judgement`], [`policy`], [`filter`], [`catalogue`], [`edge`], [`identity`],
//!   [`export`], [`entry`]
//! - words: [`telemetry`], [`config`], [`source`], [`mistakes`], [`refusal`], [`terms`], [`taxonomy`],
//!   [`files`], [`clock`]

pub mod administration;
pub mod allowance;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod drain;
pub mod edge;
pub mod entry;
pub mod evidence;
pub mod export;
pub mod files;
pub mod filter;
pub mod gateway;
pub mod identity;
pub mod index;
pub mod judgement;
pub mod ledger;
pub mod listen;
pub mod mistakes;
pub mod operator;
pub mod policy;
pub mod proof;
pub mod publishing;
pub mod refusal;
pub mod registry;
pub mod rules;
pub mod serve;
pub mod source;
pub mod starter;
pub mod taxonomy;
pub mod telemetry;
pub mod terms;
pub mod witness;
