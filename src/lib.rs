//! Covenant: a reverse proxy between a mailing company's partners and its core services that keeps
//! the promises of a published privacy policy, and lets no answer out before its disclosure is
//! durably on record.
//!
//! The house, from the street down; a floor imports only floors below it (`tests/` keeps it so):
//!
//! - doors: [`cli`], [`serve`], [`demo`], [`listen`], [`operator`], [`administration`]
//! - one request: [`gateway`]
//! - memory: [`ledger`], [`allowance`], [`registry`]
//! - judgement, pure: [`policy`], [`filter`], [`catalogue`], [`identity`], [`edge`], [`entry`]
//! - words: [`terms`], [`taxonomy`], [`refusal`], [`mistakes`], [`source`], [`config`], [`clock`],
//!   [`telemetry`]

pub mod administration;
pub mod allowance;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod edge;
pub mod entry;
pub mod filter;
pub mod gateway;
pub mod identity;
pub mod ledger;
pub mod listen;
pub mod mistakes;
pub mod operator;
pub mod policy;
pub mod refusal;
pub mod registry;
pub mod rules;
pub mod serve;
pub mod source;
pub mod starter;
pub mod taxonomy;
pub mod telemetry;
pub mod terms;
