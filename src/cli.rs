//! (room laid out, furniture follows)

pub mod policy;
