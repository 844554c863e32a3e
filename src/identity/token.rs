//! Access tokens: RFC 9068 JWTs, verified by RFC 8725's advice. Read [`Verifier::verify`] from top to
//! bottom; each line is one way a token can fail.

use std::sync::Arc;

use crate::clock::Clock;
use crate::identity::cache::{CACHED_TOKENS_MAX, TokenCache, TokenDigest};
use crate::identity::claims::{AccessToken, Presented, TOKEN_BYTES_MAX, TokenRejected, TokenRules};
use crate::identity::dpop::{self, Proof, ProofRejected, ProofRules};
use crate::identity::jwk::Algorithm;
use crate::identity::keys::Keys;
use crate::identity::nonce::Nonces;

/// Verifies the access tokens of one issuer for one audience.
#[derive(Debug)]
pub struct Verifier {
    rules: TokenRules,
    keys: Arc<Keys>,
    clock: Clock,
    cache: TokenCache,
    nonces: Option<Nonces>,
}

impl Verifier {
    /// A verifier with an empty cache of [`CACHED_TOKENS_MAX`] tokens.
    pub fn new(rules: TokenRules, keys: Arc<Keys>, clock: Clock) -> Self {
        Self {
            rules,
            keys,
            clock,
            cache: TokenCache::new(CACHED_TOKENS_MAX),
            nonces: None,
        }
    }

    /// Likewise, and one that asks proofs for a nonce.
    #[must_use]
    pub fn with_nonces(mut self, nonces: Nonces) -> Self {
        self.nonces = Some(nonces);
        self
    }

    /// The nonce that the next proof must hold, where one is asked for.
    pub fn nonce(&self) -> Option<String> {
        let now = self.clock.unix_seconds();
        self.nonces.as_ref().map(|nonces| nonces.at(now))
    }

    /// Judges the proof that came with the token `compact`, all but whether it was seen before and whether
    /// the token is bound to its key.
    ///
    /// # Errors
    /// As of [`dpop::judge`].
    pub fn judge_proof(
        &self,
        proof: &str,
        compact: &str,
        request: &dpop::Request<'_>,
    ) -> Result<Proof, ProofRejected> {
        let rules = ProofRules {
            leeway_seconds: self.rules.leeway_seconds,
            nonces: self.nonces.as_ref(),
        };
        dpop::judge(proof, compact, request, &rules, self.clock.unix_seconds())
    }

    /// The keys it verifies with.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// What a genuine token says. Waits only where its key is unknown and a refetch is due (at most
    /// [`crate::identity::fetch::FETCH_TIMEOUT_SECONDS`] for each one under way, and for each document of an
    /// issuer that must be asked where its keys are).
    ///
    /// Says nothing of who presented it: that is [`crate::identity::binding::bind`], on every request.
    ///
    /// # Errors
    /// When the token is malformed, not for here, not valid now, or not signed by the issuer.
    pub async fn verify(&self, compact: &str) -> Result<Arc<AccessToken>, TokenRejected> {
        if compact.len() > TOKEN_BYTES_MAX {
            return Err(TokenRejected::TooLong);
        }
        let now = self.clock.unix_seconds();
        if self.keys.are_too_old(now) {
            return Err(TokenRejected::KeysTooOld);
        }
        let digest = TokenDigest::of(compact);
        if let Some(token) = self.cache.find(&digest, self.keys.generation(), now) {
            return Ok(token);
        }
        let presented = Presented::parse(compact)?;
        let token = presented.judge(&self.rules, now)?;
        let keys = match &presented.key_id {
            Some(id) => self.keys.for_id(id).await,
            None => self.keys.snapshot(),
        };
        let key_id = presented.key_id.as_deref();
        let key = keys.set.find(key_id).ok_or(match key_id {
            Some(_) => TokenRejected::UnknownKey,
            None => TokenRejected::KeyNotNamed,
        })?;
        let algorithm = Algorithm::parse(&presented.algorithm).map(Algorithm::whatever_its_name);
        if algorithm != Some(key.algorithm()) {
            return Err(TokenRejected::Algorithm);
        }
        if !key.verifies(presented.signed, presented.signature) {
            return Err(TokenRejected::Signature);
        }
        let token = Arc::new(token);
        self.cache.remember(digest, keys.generation, now, &token);
        Ok(token)
    }
}
