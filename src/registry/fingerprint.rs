//! Keyed fingerprints (HMAC-SHA-256) of what people type: without the key a fingerprint confirms no
//! guess. One key finds customers by e-mail, telephone and address; others, one for each month, name mail
//! recipients, so that they can be destroyed without the first.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac;
use jiff::Timestamp;

use super::keys::{beside, key};
use super::recipient_keys::{Period, RecipientKeys, RecipientMonths};
use super::{CannotOpen, NotKept};
use crate::terms::{ContactKind, Contacts, CustomerRef};

pub(super) type Fingerprint = [u8; 32];

/// Fewer digits are not a telephone number anyone would search for.
const TELEPHONE_DIGITS_MIN: usize = 7;

/// What ends a part of an address, or of a name.
const PART_ENDS: [char; 3] = [',', ';', '/'];

/// The country that is left out of addresses at home, as for telephone numbers, by the names it goes by
/// there; normalised.
const HOME_COUNTRY: [&str; 4] = ["us", "usa", "unitedstates", "unitedstatesofamerica"];

/// Most words of such a name.
const HOME_COUNTRY_WORDS_MAX: usize = 4;

pub(super) struct Fingerprints {
    lookup: hmac::Key,
    pub(super) recipients: RecipientKeys,
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprints(keys not shown)")
    }
}

impl Fingerprints {
    /// Reads the key beside the database that finds customers; makes it where the book is still `empty`.
    pub(super) fn open(
        database: &Path,
        empty: bool,
        recipients: RecipientKeys,
    ) -> Result<Self, CannotOpen> {
        Ok(Self {
            lookup: key(&beside(database, ".lookup.key"), empty)?,
            recipients,
        })
    }

    /// Of all that a customer is reached by: at most two for each contact.
    pub(super) fn of_contacts(&self, contacts: &Contacts) -> Vec<Fingerprint> {
        let of_kind = |kind| contacts.of(kind).iter().map(String::as_str);
        let mut found: Vec<_> = of_kind(ContactKind::Email)
            .filter_map(|email| self.email(email))
            .collect();
        found.extend(of_kind(ContactKind::Telephone).filter_map(|one| self.telephone(one)));
        found.extend(of_kind(ContactKind::Address).flat_map(|one| self.address(one)));
        found
    }

    fn email(&self, email: &str) -> Option<Fingerprint> {
        let normal = email.trim().to_lowercase();
        (!normal.is_empty()).then(|| sign(&self.lookup, &[b"email", normal.as_bytes()]))
    }

    fn telephone(&self, telephone: &str) -> Option<Fingerprint> {
        let digits: String = telephone.chars().filter(char::is_ascii_digit).collect();
        // +1 555 010 0199 and 555 010 0199 are one telephone.
        let national = match digits.strip_prefix('1') {
            Some(rest) if rest.len() == 10 => rest,
            _ => &digits,
        };
        (national.len() >= TELEPHONE_DIGITS_MIN)
            .then(|| sign(&self.lookup, &[b"telephone", national.as_bytes()]))
    }

    /// Of an address as it is written, whatever its signs and spaces (the only one in books of before), and
    /// of its words in any order, with the home country or without.
    fn address(&self, address: &str) -> Vec<Fingerprint> {
        let written = letters_and_digits(address);
        let words = sorted(words_without_home_country(address));
        let of = |what: &[u8], normal: String| {
            (!normal.is_empty()).then(|| sign(&self.lookup, &[what, normal.as_bytes()]))
        };
        let both = [of(b"address", written), of(b"address words", words)];
        both.into_iter().flatten().collect()
    }

    /// Whatever the text may be: an e-mail address, a telephone number or a postal address.
    pub(super) fn of_typed(&self, typed: &str) -> Vec<Fingerprint> {
        let mut contacts = Contacts::default();
        for kind in ContactKind::ALL {
            contacts.add(kind, typed);
        }
        self.of_contacts(&contacts)
    }

    /// The recipient as entries of this moment name them, and the month whose key was made for it, if one
    /// was.
    pub(super) fn recipient(
        &self,
        name: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<(Option<CustomerRef>, Option<Period>), NotKept> {
        let (key, made) = self.recipients.of(Period::of(now))?;
        Ok((recipient(&key, name, address), made))
    }

    /// The recipient as entries of each month name them whose key is still there.
    pub(super) fn recipient_ever(&self, name: &str, address: &str) -> RecipientMonths {
        self.recipients.months(|key| recipient(key, name, address))
    }
}

/// The home country is left out, as of customers' addresses, unless it is all there is.
fn recipient(key: &hmac::Key, name: &str, address: &str) -> Option<CustomerRef> {
    let at_home = sorted(words_without_home_country(address));
    let address = if at_home.is_empty() {
        words(address)
    } else {
        at_home
    };
    let name = words(name);
    if name.is_empty() && address.is_empty() {
        return None;
    }
    let parts = [name.as_bytes(), address.as_bytes()];
    let first = sign(key, &parts).first_chunk().copied();
    first.map(CustomerRef::from_bytes)
}

/// Letters and digits in lower case; spelling of spaces, commas and dots makes no difference.
fn letters_and_digits(text: &str) -> String {
    let kept = text.chars().filter(|letter| letter.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// The words in order of the alphabet: who types an address does not know in which order the core's answers
/// have its parts.
fn words(text: &str) -> String {
    sorted(words_of(text).collect())
}

fn sorted(mut words: Vec<String>) -> String {
    words.sort_unstable();
    words.join(" ")
}

fn words_of(text: &str) -> impl Iterator<Item = String> {
    let ends = |letter: char| letter.is_whitespace() || PART_ENDS.contains(&letter);
    let words = text.split(ends).map(letters_and_digits);
    words.filter(|word| !word.is_empty())
}

/// The words of an address but for the home country, where that is a part of its own or stands at the end.
fn words_without_home_country(address: &str) -> Vec<String> {
    let is_home = |part: &str| HOME_COUNTRY.contains(&&*letters_and_digits(part));
    let parts = address.split(|letter| letter == '\n' || PART_ENDS.contains(&letter));
    let parts = parts.filter(|part| !is_home(part));
    let mut words: Vec<_> = parts
        .flat_map(|part| with_whole_codes(words_of(part).collect()))
        .collect();
    let home = (1..=HOME_COUNTRY_WORDS_MAX).rev().find_map(|count| {
        let start = words.len().checked_sub(count)?;
        is_home(&words.get(start..)?.concat()).then_some(start)
    });
    words.truncate(home.unwrap_or(words.len()));
    words
}

/// A postal code of five digits, and four more behind a blank, are one word at the end of a part, as with a
/// hyphen. Elsewhere four digits may be a house.
fn with_whole_codes(mut words: Vec<String>) -> Vec<String> {
    let is_digits =
        |word: &str, count| word.len() == count && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_code =
        |pair: &[String]| matches!(pair, [code, more] if is_digits(code, 5) && is_digits(more, 4));
    if let Some(place) = words.windows(2).rposition(is_code) {
        let rest = words.get(place + 2..).unwrap_or_default().concat();
        if rest.is_empty() || HOME_COUNTRY.contains(&&*rest) {
            let more = words.remove(place + 1);
            words
                .iter_mut()
                .skip(place)
                .take(1)
                .for_each(|code| code.push_str(&more));
        }
    }
    words
}

fn sign(key: &hmac::Key, parts: &[&[u8]]) -> Fingerprint {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
        // No normalised part holds a NUL, so parts cannot run into each other.
        context.update(&[0]);
    }
    let mut fingerprint = [0; 32];
    for (to, from) in fingerprint.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    fingerprint
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

    use super::*;
    use crate::registry::database;

    fn open(path: &Path, empty: bool) -> Result<Fingerprints, CannotOpen> {
        let connection = database::open(path)?;
        let recipients = RecipientKeys::open(path, &connection, true, Timestamp::UNIX_EPOCH)?;
        Fingerprints::open(path, empty, recipients)
    }

    #[test]
    fn the_same_person_typed_differently_has_one_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let prints = open(&folder.path().join("registry"), true).unwrap();
        assert_eq!(
            prints.email(" Ann@Example.ORG "),
            prints.email("ann@example.org")
        );
        assert_eq!(
            prints.telephone("+1 (555) 010-0199"),
            prints.telephone("555.010.0199")
        );
        assert_eq!(
            prints.address("1 Main St., Springfield"),
            prints.address("1 MAIN ST SPRINGFIELD")
        );
        let written = "1 Main St., Bath, ME 04530-1234, US";
        for typed in [
            "1 main st., bath, me, 045301234",
            "04530-1234 Bath/ME; 1 Main St",
            "1 MAIN ST BATH ME 04530-1234 U.S.A.",
            "United States of America\n04530-1234 Bath ME\n1 Main St.",
            "1 Main St, Bath ME 04530-1234, United States",
            "1 Main St, Bath, ME 04530 1234",
            "ME 04530 1234; 1 Main St; Bath",
            "1 MAIN ST BATH ME 04530 1234 U.S.A.",
        ] {
            let found = prints.of_typed(typed);
            let is_found = |print: &Fingerprint| found.contains(print);
            assert!(prints.address(written).iter().any(is_found), "{typed}");
        }
        for other in [
            "1 Main St., Bath, ME 04530-1234, DE",
            "1 Main St., Bath, ME 04530, US",
            "1 US Main St., Bath, ME 04530-1234",
            "Bath ME 04530 1234 1 Main St.",
            "US",
        ] {
            let found = prints.of_typed(other);
            let is_found = |print: &Fingerprint| found.contains(print);
            assert!(!prints.address(written).iter().any(is_found), "{other}");
        }
        let recipient = |name: &str, address: &str| {
            let named = prints.recipient(name, address, Timestamp::UNIX_EPOCH);
            named.unwrap().0
        };
        let ann = recipient("Ann  Bell", "1 Main St., Anytown, 62701-1234");
        // Parts in the order that an answer has them, and in that of a letter.
        assert_eq!(ann, recipient("ann bell", "Anytown 627011234 1 main st"));
        assert_eq!(ann, recipient("BELL, ANN", "62701-1234 Anytown/1 Main St"));
        for country in [", US", ", USA", " United States", "\nU.S.A."] {
            let address = format!("1 Main St., Anytown, 62701 1234{country}");
            assert_eq!(ann, recipient("Ann Bell", &address), "{country}");
        }
        let abroad = recipient("Ann Bell", "1 Main St., Anytown, 62701-1234, DE");
        assert_ne!(ann, abroad);
        // Where nothing else is known of somebody, it tells more than nothing.
        assert_ne!(recipient("", "USA"), None);
        assert_ne!(ann, recipient("ann", "bell 1 main st anytown 62701-1234"));
        assert_ne!(ann, recipient("ann bell", "2 main st anytown 62701-1234"));
        assert_ne!(ann, recipient("ann bell", "1 main st anytown"));
    }

    #[test]
    fn nothing_is_no_ones_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let prints = open(&folder.path().join("registry"), true).unwrap();
        assert_eq!(prints.email("  "), None);
        assert_eq!(prints.telephone("n/a 12"), None);
        assert!(prints.address("-").is_empty());
        let nobody = prints.recipient("--", " ", Timestamp::UNIX_EPOCH);
        assert_eq!(nobody.unwrap().0, None);
    }

    #[test]
    fn a_key_is_private_and_never_made_anew_for_a_book_with_people() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("registry");
        assert!(open(&database, false).is_err());
        let first = open(&database, true).unwrap();
        let again = open(&database, false).unwrap();
        assert_eq!(first.email("a@b.c"), again.email("a@b.c"));
        let key = beside(&database, ".lookup.key");
        assert_eq!(key.metadata().unwrap().mode() & 0o777, 0o600);
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
        let refused = open(&database, false).unwrap_err();
        assert!(refused.to_string().contains("0600"), "{refused}");
    }
}
