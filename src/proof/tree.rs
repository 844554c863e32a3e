//! The two trees of the taxonomy as rules see them: a rule tells two words apart only by the words it
//! uses itself. From this follow what the prover must be told ([`super::axioms`]) and how few words
//! must be tried where every request is tried ([`super::domain`]).

use std::collections::{BTreeSet, HashSet};

use cedar_policy::Policy;

use crate::taxonomy::{Category, Purpose, is_within};

/// A tree of words, and those of them that the rules use.
#[derive(Debug)]
pub(super) struct Tree {
    /// The word of the request, in Cedar.
    pub(super) variable: &'static str,
    /// The type of the words, in Cedar.
    pub(super) kind: &'static str,
    pub(super) words: Vec<&'static str>,
    pub(super) used: Vec<&'static str>,
}

/// The words of some type that `policies` use.
pub(super) fn words_used<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    kind: &str,
) -> BTreeSet<String> {
    let literals = policies.into_iter().flat_map(Policy::entity_literals);
    let of_kind = literals.filter(|literal| literal.type_name().basename() == kind);
    of_kind
        .map(|literal| literal.id().unescaped().to_owned())
        .collect()
}

impl Tree {
    /// The tree of purposes.
    pub(super) fn of_purposes(policies: &[Policy]) -> Self {
        let words = Purpose::all().map(Purpose::key).collect();
        Self::new("context.purpose", "Purpose", words, policies)
    }

    /// The tree of data categories.
    pub(super) fn of_categories(policies: &[Policy]) -> Self {
        let words = Category::all().map(Category::key).collect();
        Self::new("resource", "DataCategory", words, policies)
    }

    fn new(
        variable: &'static str,
        kind: &'static str,
        words: Vec<&'static str>,
        policies: &[Policy],
    ) -> Self {
        let used = words_used(policies, kind);
        let used = words.iter().copied().filter(|word| used.contains(*word));
        Self {
            variable,
            kind,
            used: used.collect(),
            words,
        }
    }

    /// The used words right below `above`, or those below no other.
    pub(super) fn below(&self, above: Option<&str>) -> Vec<&'static str> {
        let used = self.used.iter().copied();
        used.filter(|word| self.nearest_above(word) == above)
            .collect()
    }

    /// Whether some word that is not used has `above` as the nearest used word above it.
    pub(super) fn has_others_below(&self, above: Option<&str>) -> bool {
        let mut unused = self.words.iter().filter(|word| !self.used.contains(word));
        unused.any(|word| self.nearest_above(word) == above)
    }

    /// The nearest used word that `word` lies strictly below.
    fn nearest_above(&self, word: &str) -> Option<&'static str> {
        let used = self.used.iter().copied();
        used.filter(|above| *above != word && is_within(word, above))
            .max_by_key(|above| above.len())
    }

    /// A word of the taxonomy at the place that the answers describe: for each used word, whether it
    /// is that word and whether it lies in it. One that is used, where there is one.
    pub(super) fn word_at(
        &self,
        is: impl Fn(&str) -> bool,
        is_in: impl Fn(&str) -> bool,
    ) -> Option<&'static str> {
        let fits = |word: &str| {
            let mut used = self.used.iter();
            used.all(|used| is(used) == (word == *used) && is_in(used) == is_within(word, used))
        };
        let words = self.used.iter().chain(&self.words);
        words.copied().find(|word| fits(word))
    }

    /// One word for all that no rule can tell apart.
    pub(super) fn representatives(&self) -> Vec<&'static str> {
        let mut told_apart = HashSet::new();
        let words = self.words.iter().copied();
        let first_of_its_kind = |word: &&str| told_apart.insert(self.seen(word));
        words.filter(first_of_its_kind).collect()
    }

    /// All that the rules can find out about `word`.
    fn seen(&self, word: &str) -> Vec<[bool; 3]> {
        let used = self.used.iter();
        used.map(|used| [word == *used, is_within(word, used), is_within(used, word)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{book, rule};
    use super::*;

    fn categories(of: &str) -> Tree {
        let text = format!(
            "permit (principal, action in Action::\"disclose\", resource) when {{ resource in [{of}] }};"
        );
        let set = book(&rule("a", &text), &rule("b", &text));
        Tree::of_categories(set.rules.policies())
    }

    #[test]
    fn words_that_no_rule_tells_apart_are_tried_once() {
        let tree = categories("DataCategory::\"user.contact\", DataCategory::\"user.name\"");
        // Elsewhere, above both, the two themselves, and below each.
        let expected = [
            "system",
            "user",
            "user.contact",
            "user.contact.address",
            "user.name",
            "user.name.first",
        ];
        assert_eq!(tree.representatives(), expected);
    }

    #[test]
    fn a_place_of_the_prover_is_that_of_a_real_word_or_of_none() {
        let tree = categories("DataCategory::\"user.contact\", DataCategory::\"user.name\"");
        let contact = |word: &str| word == "user.contact";
        assert_eq!(tree.word_at(contact, contact), Some("user.contact"));
        assert_eq!(
            tree.word_at(|_| false, contact),
            Some("user.contact.address")
        );
        assert_eq!(tree.word_at(|_| false, |_| false), Some("system"));
        assert_eq!(tree.word_at(|_| false, |_| true), None);
    }
}
