//! The rules: published promises (Cedar) and contracts (data), compiled so that a decision is a
//! look-up. A decision is promises ∩ contract, so that a contract can only narrow.
//!
//! Pure: no IO after loading, no clock, no async. Start at [`contract::Contract`].

pub mod contract;
