//! Keyed replacements for values: the same value of the same category always has the same
//! replacement for one partner, and another for every other partner.

use aws_lc_rs::hmac;

use crate::catalogue::Pseudonym;
use crate::taxonomy::Category;
use crate::terms::PartnerId;

/// The secret from which every partner's key is made.
#[derive(Debug)]
pub struct PseudonymSecret(hmac::Key);

impl PseudonymSecret {
    /// From 32 secret bytes, which must stay the same for pseudonyms to stay the same.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// One partner's key, so that two partners cannot join what they hold.
    pub fn key_of(&self, partner: &PartnerId) -> PseudonymKey {
        let tag = hmac::sign(&self.0, partner.as_str().as_bytes());
        let mut key = [0; 32];
        key.iter_mut()
            .zip(tag.as_ref())
            .for_each(|(byte, from)| *byte = *from);
        PseudonymKey::new(&key)
    }
}

/// One partner's key. Whoever has it can test guesses against pseudonyms; it never leaves.
#[derive(Clone)]
pub struct PseudonymKey(hmac::Key);

impl PseudonymKey {
    /// From 32 secret bytes that belong to one partner and never change.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Appends the replacement for `value`, written as `form` says. Its first block is HMAC-SHA-256 over the
    /// category's key, a zero byte and the decoded value; further ones are HMAC-SHA-256 over the first and
    /// their number, four bytes with the highest first.
    pub fn write(&self, form: &Pseudonym, category: Category, value: &str, out: &mut String) {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(category.key().as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let first = block(&context.sign());
        form.write(
            |number| match number {
                0 => first,
                _ => {
                    let mut context = hmac::Context::with_key(&self.0);
                    context.update(&first);
                    context.update(&number.to_be_bytes());
                    block(&context.sign())
                }
            },
            out,
        );
    }
}

fn block(tag: &hmac::Tag) -> [u8; 32] {
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

impl std::fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PseudonymKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonym(key: &PseudonymKey, category: Category, value: &str) -> String {
        let mut out = String::new();
        key.write(&Pseudonym::PLAIN, category, value, &mut out);
        out
    }

    #[test]
    fn a_pseudonym_is_stable_for_one_partner_and_category_only() {
        let category = |key| Category::parse(key).unwrap();
        let (acme, other) = (PseudonymKey::new(&[1; 32]), PseudonymKey::new(&[2; 32]));
        let email = category("user.contact.email");
        let first = pseudonym(&acme, email, "ann@example.com");
        assert_eq!(first, pseudonym(&acme, email, "ann@example.com"));
        assert_ne!(first, pseudonym(&other, email, "ann@example.com"));
        let name = category("user.name");
        assert_ne!(first, pseudonym(&acme, name, "ann@example.com"));
        assert_ne!(first, pseudonym(&acme, email, "ann@example.con"));
    }

    #[test]
    fn a_pseudonym_is_the_start_of_the_tag_in_base32() {
        let key = PseudonymKey::new(&[7; 32]);
        let pseudonym = pseudonym(&key, Category::parse("user").unwrap(), "v");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), b"user\0v");
        let bits: Vec<u8> = tag.as_ref()[..16]
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
            .collect();
        let expected: Vec<u8> = bits
            .chunks(5)
            .map(|five| {
                (0..5).fold(0, |digit, at| {
                    digit << 1 | five.get(at).copied().unwrap_or(0)
                })
            })
            .map(|digit| b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(digit)])
            .collect();
        assert_eq!(pseudonym.as_bytes(), expected);
    }
}
