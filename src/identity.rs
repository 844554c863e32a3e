//! Who is calling: client certificates and access tokens.
//!
//! One request goes [`binding::credentials`] (exactly one bearer token), [`token::Verifier::verify`]
//! (a genuine RFC 9068 token, from the cache or by its signature), [`binding::bind`] (presented over
//! the very certificate it was issued to, RFC 8705). Which contract that identity has, whether the
//! partner is suspended, and whether certificate and contract agree, is `gateway/authenticate.rs`.
//!
//! Not here: revocation lists, discovery, DPoP (a token bound to a DPoP key is refused) and API keys.
//! Start reading at [`token`].

pub mod binding;
pub mod cache;
pub mod certificate;
pub mod claims;
pub mod development;
pub mod fetch;
pub mod jwk;
pub mod keys;
pub mod strict;
pub mod token;

#[cfg(test)]
mod attacks;
