//! Nonces for proofs (RFC 9449 section 9): the gateway says what a proof must hold, so that none can be
//! made ahead of time. Nothing is kept of them but a secret: a nonce is a keyed digest of the time it was
//! given out in. The secret is made at the start, so a restart asks every client for a new nonce, once.

use aws_lc_rs::{constant_time, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How long one nonce is given out, in seconds; it is taken as long again.
pub const NONCE_SECONDS: i64 = 300;
/// Bytes of a nonce before encoding.
const NONCE_BYTES: usize = 16;

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system's random number generator failed; no nonces can be made")]
pub struct NoRandomness;

/// Gives out nonces, and knows its own.
#[derive(Debug)]
pub struct Nonces(hmac::Key);

impl Nonces {
    /// With a new secret.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn new() -> Result<Self, NoRandomness> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// The nonce that is given out at `now` (seconds since 1970), 22 characters of base64url.
    pub fn at(&self, now: i64) -> String {
        self.of(now.div_euclid(NONCE_SECONDS))
    }

    /// Whether `nonce` was given out at `now`, or in the time before that.
    pub fn accept(&self, nonce: &str, now: i64) -> bool {
        let current = now.div_euclid(NONCE_SECONDS);
        let same = |other: String| {
            constant_time::verify_slices_are_equal(nonce.as_bytes(), other.as_bytes()).is_ok()
        };
        same(self.of(current)) || same(self.of(current - 1))
    }

    fn of(&self, period: i64) -> String {
        let tag = hmac::sign(&self.0, &period.to_be_bytes());
        let bytes = tag.as_ref().get(..NONCE_BYTES).unwrap_or(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_taken_for_two_periods_and_by_nobody_else() {
        let nonces = Nonces::new().unwrap();
        let now = 1_795_000_000 / NONCE_SECONDS * NONCE_SECONDS;
        let nonce = nonces.at(now);
        assert_eq!(nonce.len(), 22);
        assert!(nonces.accept(&nonce, now));
        assert!(nonces.accept(&nonce, now + 2 * NONCE_SECONDS - 1));
        assert!(!nonces.accept(&nonce, now + 2 * NONCE_SECONDS));
        assert!(!nonces.accept(&nonce, now - 1));
        assert!(!nonces.accept("", now));
        assert!(!Nonces::new().unwrap().accept(&nonce, now));
    }
}
