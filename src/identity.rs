//! Who is calling: client certificates, access tokens, proofs that a token is its sender's, API keys.
//!
//! One request goes [`binding::credentials`] (exactly one token or key), [`token::Verifier::verify`]
//! (a genuine RFC 9068 token, from the cache or by its signature), [`dpop::judge`] where a proof comes with
//! it (RFC 9449), [`binding::bind`] (presented over the very certificate and by the very key it was issued
//! to, RFC 8705 and RFC 9449). Which contract that identity has, which bindings that asks for, whether the
//! partner is suspended, whether a proof was seen before, and whether certificate and contract agree, is
//! `gateway/authenticate.rs`.
//!
//! Not here: revocation lists. Start reading at [`token`].

pub mod api_key;
pub mod binding;
pub mod cache;
pub mod certificate;
pub mod claims;
pub mod development;
pub mod discovery;
pub mod dpop;
pub mod fetch;
pub mod jwk;
pub mod keys;
pub mod nonce;
pub mod strict;
pub mod token;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod proofs;
