//! The command line, one file for each family of commands.

pub mod customers;
pub mod ledger;
pub mod output;
pub mod partner;
