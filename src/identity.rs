//! Who is calling: client certificates and access tokens, each judged by itself. Binding them to
//! each other and to a contract is `gateway/authenticate.rs`.

pub mod certificate;
