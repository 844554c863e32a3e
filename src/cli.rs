//! (room laid out, furniture follows)

pub mod ca;
pub mod token;
pub mod policy;
