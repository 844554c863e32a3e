//! Categories, forms and fields in plain words: whoever reads an accounting must understand what was disclosed
//! (45 CFR 164.528(b)(2)(iii), a brief description) without knowing the vocabulary, which stands beside it.

use crate::administration::messages::Series;
use crate::entry::Withheld;

/// Categories whose last word alone says too little, or says it in our words.
const CATEGORIES: [(&str, &str); 22] = [
    ("system", "technical data"),
    ("system.authentication", "sign-in data"),
    ("system.operations", "technical data of the service"),
    ("user", "personal data"),
    ("user.account", "account data"),
    ("user.behavior", "behavior"),
    ("user.contact", "contact details"),
    ("user.contact.address", "postal address"),
    ("user.contact.address.city", "city of the postal address"),
    (
        "user.contact.address.country",
        "country of the postal address",
    ),
    ("user.contact.address.postal_code", "postal code"),
    ("user.contact.address.state", "state of the postal address"),
    (
        "user.contact.address.street",
        "street of the postal address",
    ),
    ("user.contact.email", "e-mail address"),
    ("user.contact.phone_number", "telephone number"),
    ("user.contact.url", "web address"),
    ("user.content", "content"),
    ("user.content.private", "private content"),
    (
        "user.content.private.addressee",
        "name and address of an addressee",
    ),
    ("user.content.public", "public content"),
    ("user.name", "name"),
    ("user.unique_id", "identifying number"),
];

/// What left and what did not, for people.
pub(super) fn words(series: &Series) -> String {
    let data = series.data.iter();
    let data: Vec<_> = data
        .map(|(category, form)| format!("{} {}", category_words(category), form_words(form)))
        .collect();
    let withheld = series.withheld.iter();
    let withheld: Vec<_> = withheld.map(withheld_words).collect();
    let mut words = data.join(", ");
    if !withheld.is_empty() {
        let begin = if words.is_empty() { "" } else { "; " };
        words.push_str(&format!(
            "{begin}not disclosed as it is: {}",
            withheld.join(", ")
        ));
    }
    words
}

fn category_words(category: &str) -> String {
    let known = CATEGORIES.iter().find(|(key, _)| *key == category);
    known.map_or_else(|| last_word(category), |(_, words)| (*words).to_owned())
}

fn form_words(form: &str) -> &str {
    match form {
        "clear" => "in full",
        "partial" => "in part",
        "pseudonym" => "under a pseudonym",
        "aggregate" => "as a figure about many",
        other => other,
    }
}

fn withheld_words(withheld: &Withheld) -> String {
    let how = match withheld.method.as_str() {
        "removal" => "left out",
        "emptyValue" => "left empty",
        "partialValue" => "given in part",
        "replacementValue" => "replaced",
        other => other,
    };
    format!("{} ({how})", last_word(&withheld.field))
}

/// `postal code` of `$.data[*].address.postal_code`.
fn last_word(path: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or_default();
    let last = last.trim_end_matches("[*]");
    last.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::taxonomy::Category;

    #[test]
    fn every_category_has_words_and_every_word_a_category() {
        for (key, _) in CATEGORIES {
            assert!(Category::parse(key).is_some(), "{key}");
        }
        for category in Category::all() {
            let words = category_words(category.key());
            assert!(!words.is_empty() && !words.contains(['.', '_']), "{words}");
        }
        assert_eq!(
            category_words("user.behavior.browsing_history"),
            "browsing history"
        );
    }

    #[test]
    fn a_field_is_named_by_its_last_part() {
        assert_eq!(last_word("$.data[*].address.postal_code"), "postal code");
        assert_eq!(last_word("$.lines[*]"), "lines");
    }
}
