//! Guesses at what a field holds, from its name, format and description: a start for the person who
//! decides, never a decision. English, as vendors write it.
//!
//! Where a wrong guess would be worse than none (free text, links that lead around the gateway) there is
//! none, and a word of warning instead.

use crate::taxonomy::Category;

/// How much a guess is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The whole name, or the format, says it.
    Likely,
    /// A part of the name, or the description, says it.
    Perhaps,
    /// Nothing says it.
    None,
}

impl Confidence {
    /// As in the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Perhaps => "perhaps",
            Self::None => "none",
        }
    }
}

/// What a field probably holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) category: Option<Category>,
    pub(super) confidence: Confidence,
    /// Why, or why not.
    pub(super) reason: String,
    /// Whether it is the id of the customer it belongs to.
    pub(super) customer_key: bool,
}

/// What is known of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    /// The name of the object that it is a member of.
    pub(super) holder: &'a str,
    pub(super) format: Option<&'a str>,
    pub(super) description: Option<&'a str>,
    /// Whether the document lists all that may stand there.
    pub(super) fixed: bool,
}

/// Names of the customer's id: whose a record is.
const CUSTOMER_KEYS: [&str; 9] = [
    "customer_id",
    "customer",
    "account_id",
    "user_id",
    "contact_id",
    "client_id",
    "owner_id",
    "subscriber_id",
    "member_id",
];
/// Objects whose own `id` is a customer's; also where a word stands before it, as in `RetailCustomer`.
const CUSTOMERS: [&str; 6] = [
    "customer",
    "contact",
    "user",
    "client",
    "subscriber",
    "member",
];
/// The same by the whole name alone: a bank account is nobody's account with the service.
const ACCOUNTS: [&str; 4] = [
    "account",
    "account_holder",
    "customer_account",
    "user_account",
];
/// What somebody is named or reached by: there are no fixed words for these, so what has fixed words is
/// something else of a like name.
const OF_ONES_OWN: [&str; 3] = ["user.name", "user.contact", "user.account"];
/// Parts of an address of which there are lists.
const LISTED: [&str; 2] = ["user.contact.address.state", "user.contact.address.country"];
/// Objects that are people who get mail, not customers.
pub(super) const RECIPIENTS: [&str; 7] = [
    "recipient",
    "recipients",
    "addressee",
    "to",
    "ship_to",
    "mail_to",
    "destination",
];
/// Names of links: with them, a partner goes where no gateway stands.
const LINKS: [&str; 10] = [
    "url",
    "urls",
    "uri",
    "href",
    "link",
    "links",
    "s3",
    "download",
    "thumbnail",
    "webhook",
];
/// Names of texts that may say anything.
const FREE_TEXT: [&str; 14] = [
    "description",
    "note",
    "notes",
    "memo",
    "comment",
    "comments",
    "message",
    "text",
    "remarks",
    "reason",
    "details",
    "subject",
    "body",
    "metadata",
];

/// Words in the order in which they stand in a name, and the category that they speak for. The first
/// that fits counts, so the particular comes before the general.
const NAMES: [(&str, &str); 104] = [
    ("email", "user.contact.email"),
    ("e_mail", "user.contact.email"),
    ("fax", "user.contact.fax_number"),
    ("phone", "user.contact.phone_number"),
    ("telephone", "user.contact.phone_number"),
    ("mobile", "user.contact.phone_number"),
    ("cell", "user.contact.phone_number"),
    ("first_name", "user.name.first"),
    ("firstname", "user.name.first"),
    ("given_name", "user.name.first"),
    ("forename", "user.name.first"),
    ("last_name", "user.name.last"),
    ("lastname", "user.name.last"),
    ("surname", "user.name.last"),
    ("family_name", "user.name.last"),
    ("username", "user.account.username"),
    ("user_name", "user.account.username"),
    ("login", "user.account.username"),
    ("company", "user.contact.organization"),
    ("organization", "user.contact.organization"),
    ("organisation", "user.contact.organization"),
    ("business", "user.contact.organization"),
    ("firm", "user.contact.organization"),
    ("employer", "user.workplace"),
    ("full_name", "user.name"),
    ("fullname", "user.name"),
    ("display_name", "user.name"),
    ("contact_name", "user.name"),
    ("customer_name", "user.name"),
    ("recipient_name", "user.name"),
    ("addressee", "user.name"),
    ("attention", "user.name"),
    ("salutation", "user.name"),
    ("ip_address", "user.device.ip_address"),
    ("ip", "user.device.ip_address"),
    ("mac_address", "user.device.device_id"),
    ("address_line", "user.contact.address.street"),
    ("address_1", "user.contact.address.street"),
    ("address_2", "user.contact.address.street"),
    ("line_1", "user.contact.address.street"),
    ("line_2", "user.contact.address.street"),
    ("street", "user.contact.address.street"),
    ("city", "user.contact.address.city"),
    ("town", "user.contact.address.city"),
    ("locality", "user.contact.address.city"),
    ("zip", "user.contact.address.postal_code"),
    ("zipcode", "user.contact.address.postal_code"),
    ("postal_code", "user.contact.address.postal_code"),
    ("post_code", "user.contact.address.postal_code"),
    ("postcode", "user.contact.address.postal_code"),
    ("country", "user.contact.address.country"),
    ("province", "user.contact.address.state"),
    ("county", "user.contact.address.state"),
    ("address_state", "user.contact.address.state"),
    ("address", "user.contact.address"),
    ("dob", "user.demographic.date_of_birth"),
    ("birth", "user.demographic.date_of_birth"),
    ("birthday", "user.demographic.date_of_birth"),
    ("gender", "user.demographic.gender"),
    ("sex", "user.demographic.gender"),
    ("language", "user.demographic.language"),
    ("locale", "user.demographic.language"),
    ("marital", "user.demographic.marital_status"),
    ("age", "user.demographic.age_range"),
    ("user_agent", "user.device"),
    ("device_id", "user.device.device_id"),
    ("cookie", "user.device.cookie_id"),
    ("referrer", "user.behavior.browsing_history"),
    ("card_number", "user.financial.credit_card"),
    ("credit_card", "user.financial.credit_card"),
    ("cvv", "user.financial.credit_card"),
    ("cvc", "user.financial.credit_card"),
    ("iban", "user.financial.bank_account"),
    ("bic", "user.financial.bank_account"),
    ("routing_number", "user.financial.bank_account"),
    ("account_number", "user.financial.bank_account"),
    ("bank", "user.financial.bank_account"),
    ("balance", "user.payment"),
    ("invoice", "user.payment"),
    ("payment", "user.payment"),
    ("ssn", "user.government_id.national_identification_number"),
    (
        "tax_id",
        "user.government_id.national_identification_number",
    ),
    ("passport", "user.government_id.passport_number"),
    (
        "license_number",
        "user.government_id.drivers_license_number",
    ),
    ("latitude", "user.location.precise"),
    ("longitude", "user.location.precise"),
    ("lat", "user.location.precise"),
    ("lng", "user.location.precise"),
    ("location", "user.location.imprecise"),
    ("password", "user.authorization.password"),
    ("secret", "system.authentication"),
    ("api_key", "system.authentication"),
    ("token", "system.authentication"),
    ("job_title", "user.job_title"),
    ("website", "user.contact.url"),
    ("tracking_number", "system.operations"),
    ("file", "user.content.private"),
    ("html", "user.content.private"),
    ("signature", "user.content.private"),
    ("logo", "user.content.private"),
    ("status", "system.operations"),
    ("created", "system.operations"),
    ("updated", "system.operations"),
    ("modified", "system.operations"),
];
/// Whole names that say how things stand with the service and nothing of anyone.
const OPERATIONS: [&str; 26] = [
    "id",
    "type",
    "object",
    "kind",
    "count",
    "total",
    "total_count",
    "has_more",
    "page",
    "pages",
    "quantity",
    "size",
    "version",
    "mode",
    "color",
    "currency",
    "deleted",
    "live",
    "code",
    "status_code",
    "mail_type",
    "mail_class",
    "carrier",
    "double_sided",
    "extra_service",
    "event",
];
const FORMATS: [(&str, &str); 6] = [
    ("email", "user.contact.email"),
    ("idn-email", "user.contact.email"),
    ("phone", "user.contact.phone_number"),
    ("ipv4", "user.device.ip_address"),
    ("ipv6", "user.device.ip_address"),
    ("password", "user.authorization.password"),
];
const DESCRIPTIONS: [(&str, &str); 9] = [
    ("email address", "user.contact.email"),
    ("e-mail", "user.contact.email"),
    ("phone number", "user.contact.phone_number"),
    ("date of birth", "user.demographic.date_of_birth"),
    ("ip address", "user.device.ip_address"),
    ("postal code", "user.contact.address.postal_code"),
    ("street address", "user.contact.address.street"),
    ("first name", "user.name.first"),
    ("last name", "user.name.last"),
];

/// The words of a name in lower case: `addressLine1` and `address_line1` are `address_line_1`.
pub(super) fn words(name: &str) -> String {
    let mut words = String::new();
    let mut last = ' ';
    for letter in name.chars() {
        let new_word = (letter.is_uppercase() && last.is_lowercase())
            || (letter.is_ascii_digit() && last.is_alphabetic());
        if !letter.is_alphanumeric() || new_word {
            words.push('_');
        }
        if letter.is_alphanumeric() {
            words.extend(letter.to_lowercase());
        }
        last = letter;
    }
    let parts: Vec<&str> = words.split('_').filter(|part| !part.is_empty()).collect();
    parts.join("_")
}

/// Whether the words of `part` stand in `words`, whole and in a row.
pub(super) fn has(words: &str, part: &str) -> bool {
    format!("_{words}_").contains(&format!("_{part}_"))
}

/// Whether `words` is one of `names`, or begins or ends with one as `retail_customer` does.
pub(super) fn is_one(words: &str, names: &[&str]) -> bool {
    let last = words.rsplit('_').next().unwrap_or(words);
    names.iter().any(|name| *name == words || *name == last)
}

/// Whether an object of this name is a customer.
pub(super) fn is_customer(holder: &str) -> bool {
    let words = words(holder);
    is_one(&words, &CUSTOMERS) || ACCOUNTS.contains(&words.as_str())
}

/// What the field probably holds.
pub(super) fn guess(seen: Seen<'_>) -> Guess {
    let name = words(seen.name);
    let none = |reason: &str| Guess {
        category: None,
        confidence: Confidence::None,
        reason: reason.to_owned(),
        customer_key: false,
    };
    let own_id = name == "id" && is_customer(seen.holder);
    if own_id || CUSTOMER_KEYS.contains(&name.as_str()) {
        let reason = format!(
            "looks like the id of the customer it belongs to (name `{}`)",
            seen.name
        );
        let mut guess = found("user.unique_id", Confidence::Likely, reason);
        guess.customer_key = true;
        return guess;
    }
    if let Some((format, category)) = in_table(&FORMATS, |format| seen.format == Some(format)) {
        let reason = format!(
            "looks like {category} (name `{}`, format {format})",
            seen.name
        );
        return found(category, Confidence::Likely, reason);
    }
    let is_link = matches!(seen.format, Some("uri" | "url" | "uri-reference"));
    if !has(&name, "website") && (is_link || LINKS.iter().any(|link| has(&name, link))) {
        return none(
            "a link: whoever has it gets what is there without this gateway; better withheld",
        );
    }
    if FREE_TEXT.contains(&name.as_str()) {
        return none("free text may hold anything about anyone; better withheld");
    }
    let found = by_name(seen, &name).or_else(|| by_description(seen));
    match found {
        Some(guess) if seen.fixed && is_ones_own(&guess) => none(
            "its words are fixed, so that it is no name and no address of a person; what they tell is \
             for a person to say",
        ),
        Some(guess) => guess,
        None => none("nothing in its name, format or description says what it holds"),
    }
}

fn is_ones_own(guess: &Guess) -> bool {
    let within = |key: &&str| {
        let both = guess.category.zip(Category::parse(key));
        both.is_some_and(|(category, around)| category.is_within(around))
    };
    OF_ONES_OWN.iter().any(within) && !LISTED.iter().any(within)
}

fn by_name(seen: Seen<'_>, name: &str) -> Option<Guess> {
    let reason =
        |category: &str, why: &str| format!("looks like {category} ({why} `{}`)", seen.name);
    if name == "name" {
        let reason = reason("user.name", "if a person is meant; name");
        return Some(found("user.name", Confidence::Perhaps, reason));
    }
    if name == "state" && has(&words(seen.holder), "address") {
        let category = "user.contact.address.state";
        return Some(found(
            category,
            Confidence::Likely,
            reason(category, "name"),
        ));
    }
    let timed = matches!(seen.format, Some("date-time" | "date"));
    let whole = in_table(&NAMES, |words| words == name);
    if let Some((_, category)) = whole {
        return Some(found(
            category,
            Confidence::Likely,
            reason(category, "name"),
        ));
    }
    // An id or a count of something is not that thing.
    let stands_for = |words: &str| {
        let counted = name.ends_with("_id") || name.ends_with("_count");
        has(name, words) && (!counted || name.ends_with(words))
    };
    if let Some((_, category)) = in_table(&NAMES, stands_for) {
        return Some(found(
            category,
            Confidence::Perhaps,
            reason(category, "part of the name"),
        ));
    }
    let operational = OPERATIONS.contains(&name);
    if operational
        || timed
        || ["_id", "_at", "_count"]
            .iter()
            .any(|end| name.ends_with(end))
    {
        let category = "system.operations";
        return Some(found(
            category,
            Confidence::Perhaps,
            reason(category, "name"),
        ));
    }
    None
}

fn by_description(seen: Seen<'_>) -> Option<Guess> {
    let description = seen.description?.to_lowercase();
    let (words, category) = in_table(&DESCRIPTIONS, |words| description.contains(words))?;
    let reason = format!("perhaps {category} (its description says \"{words}\")");
    Some(found(category, Confidence::Perhaps, reason))
}

fn found(category: &str, confidence: Confidence, reason: String) -> Guess {
    Guess {
        category: Category::parse(category),
        confidence,
        reason,
        customer_key: false,
    }
}

fn in_table(
    table: &[(&'static str, &'static str)],
    fits: impl Fn(&str) -> bool,
) -> Option<(&'static str, &'static str)> {
    table.iter().copied().find(|(words, _)| fits(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(holder: &str, name: &str) -> (&'static str, Confidence) {
        let guess = guess(Seen {
            name,
            holder,
            ..Seen::default()
        });
        (guess.category.map_or("", Category::key), guess.confidence)
    }

    #[test]
    fn every_category_in_the_tables_exists() {
        for (_, category) in NAMES.iter().chain(&FORMATS).chain(&DESCRIPTIONS) {
            assert!(Category::parse(category).is_some(), "{category}");
        }
    }

    #[test]
    fn names_as_vendors_write_them_are_understood() {
        use Confidence::{Likely, None, Perhaps};
        for (holder, name, category, confidence) in [
            ("Contact", "firstName", "user.name.first", Likely),
            (
                "to",
                "address_line1",
                "user.contact.address.street",
                Perhaps,
            ),
            ("to", "addressLine2", "user.contact.address.street", Perhaps),
            (
                "to",
                "address_zip",
                "user.contact.address.postal_code",
                Perhaps,
            ),
            ("Address", "state", "user.contact.address.state", Likely),
            ("Order", "state", "", None),
            ("Order", "lastSeenIP", "user.device.ip_address", Perhaps),
            ("Order", "recipient", "", None),
            ("Order", "DOB", "user.demographic.date_of_birth", Likely),
            ("Order", "iban", "user.financial.bank_account", Likely),
            ("Letter", "address_list_id", "system.operations", Perhaps),
            ("Letter", "recipient_count", "system.operations", Perhaps),
            (
                "Letter",
                "buyer_tax_id",
                "user.government_id.national_identification_number",
                Perhaps,
            ),
            ("Letter", "name", "user.name", Perhaps),
            ("Letter", "date_created", "system.operations", Perhaps),
            ("Letter", "url", "", None),
            ("Letter", "s3_file_url", "", None),
            ("Letter", "description", "", None),
            ("Letter", "multiplexer", "", None),
        ] {
            assert_eq!(
                guessed(holder, name),
                (category, confidence),
                "{holder}.{name}"
            );
        }
    }

    #[test]
    fn the_id_of_a_customer_is_told_from_other_ids() {
        let key = |holder, name| {
            let guess = guess(Seen {
                name,
                holder,
                ..Seen::default()
            });
            guess.customer_key
        };
        assert!(
            key("Customer", "id") && key("Letter", "customer_id") && key("RetailCustomer", "id")
        );
        assert!(!key("Letter", "id") && !key("Customer", "letter_id"));
        assert!(key("Account", "id") && key("AccountHolder", "id") && key("TeamMember", "id"));
        assert!(!key("BankAccount", "id") && !key("bank_accounts", "id"));
    }

    #[test]
    fn what_has_fixed_words_is_no_name_and_no_address_of_a_person() {
        let guessed = |name| {
            let guess = guess(Seen {
                name,
                holder: "Address",
                fixed: true,
                ..Seen::default()
            });
            guess.category.map_or("", Category::key)
        };
        for (name, category) in [
            ("name", ""),
            ("email", ""),
            ("address_type", ""),
            ("street_predirection", ""),
            ("zip_code_type", ""),
            ("phone_type", ""),
            ("country", "user.contact.address.country"),
            ("state", "user.contact.address.state"),
            ("gender", "user.demographic.gender"),
            ("status", "system.operations"),
        ] {
            assert_eq!(guessed(name), category, "{name}");
        }
    }

    #[test]
    fn a_format_says_more_than_a_name_and_a_description_less() {
        let guess = guess(Seen {
            name: "reply",
            format: Some("email"),
            ..Seen::default()
        });
        assert_eq!(guess.confidence, Confidence::Likely);
        let guess = super::guess(Seen {
            name: "reply",
            description: Some("The Email address that is answered"),
            ..Seen::default()
        });
        assert_eq!(guess.confidence, Confidence::Perhaps);
        assert_eq!(guess.category.unwrap().key(), "user.contact.email");
    }
}
