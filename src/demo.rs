//! What the demonstration and the tests stand on, none of it part of the gateway: an invented
//! mailing company's core service with invented customers.

pub mod core;
