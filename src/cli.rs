//! The command line.

pub mod ca;
pub mod customers;
pub mod ledger;
pub mod output;
pub mod partner;
pub mod policy;
pub mod token;
