//! A comparison as partner managers and legal read it, and as tools do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{About, Change, Comparison, Difference, Direction, Topic};

impl Comparison {
    /// One or two lines: how many partners are affected, how many differences loosen and tighten.
    pub fn summary(&self) -> String {
        let [old, new] = &self.versions;
        let versions = format!("{old} -> {new}: ");
        if self.is_empty() {
            let told = if self.files_differ {
                "nothing changes but comments and layout of the files"
            } else {
                "nothing changes"
            };
            return versions + told;
        }
        let has = |about: About| self.differences.iter().any(|one| one.about == about);
        let partners = (!self.names.is_empty()).then(|| counted(self.names.len(), "partner"));
        let promises = has(About::Promises).then(|| "the promises".to_owned());
        let catalogue = has(About::Catalogue).then(|| "the catalogue".to_owned());
        let parts = partners.into_iter().chain(promises).chain(catalogue);
        let parts: Vec<String> = parts.collect();
        let counts = [
            (Direction::Loosens, "loosening"),
            (Direction::Tightens, "tightening"),
            (Direction::Neither, "neither"),
        ];
        let counts = counts.map(|(direction, word)| format!("{} {word}", self.count(direction)));
        format!(
            "{versions}changes of {}\n{}",
            parts.join(", "),
            counts.join(", ")
        )
    }

    /// The whole comparison for people: the summary, then each partner that differs, then promises
    /// and catalogue, a line for each difference, which begins with its direction.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.summary());
        let mut last = None;
        for Difference { about, change } in &self.differences {
            if last != Some(about) {
                let _infallible = writeln!(text, "\n{}", self.heading(about));
                last = Some(about);
            }
            let word = change.direction.word();
            let _infallible = writeln!(text, "  {word:<8}  {}", sentence(about, change));
        }
        text
    }

    fn heading(&self, about: &About) -> String {
        match about {
            About::Partner(partner) => match self.names.get(partner) {
                Some(name) => format!("{partner} ({name})"),
                None => partner.to_string(),
            },
            About::Promises => "the promises, over all partners".to_owned(),
            About::Catalogue => "the catalogue".to_owned(),
        }
    }

    /// The same for tools: `versions`, counts, and `differences`, each with `about` (`partner:<id>`,
    /// `promises`, `catalogue`), `topic`, `what`, `purposes`, `only`, `before`, `after`, `direction`.
    pub fn to_json(&self) -> Value {
        let [old, new] = &self.versions;
        let counts: BTreeMap<_, _> = [Direction::Loosens, Direction::Tightens, Direction::Neither]
            .map(|direction| (direction.word(), self.count(direction)))
            .into();
        json!({
            "old": old,
            "new": new,
            "files_differ": self.files_differ,
            "counts": counts,
            "differences": self.differences.iter().map(difference_json).collect::<Value>(),
        })
    }
}

fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn sentence(about: &About, change: &Change) -> String {
    let kind = match change.topic {
        Topic::Purpose => "purpose ",
        Topic::Operation => "operation ",
        Topic::Refusal => "refusal of ",
        Topic::Rule => "rule ",
        Topic::Text if change.before.is_some() && change.after.is_some() => "says of ",
        _ => "",
    };
    let purposes = match (change.purposes.as_slice(), change.topic) {
        ([], _) => [String::new(), String::new()],
        (purposes, Topic::Field) => [format!("for {}: ", joined(purposes)), String::new()],
        (purposes, _) => [String::new(), format!(" for {}", joined(purposes))],
    };
    let [before_it, after_it] = purposes;
    let thing = format!("{before_it}{kind}{}{after_it}", joined(&change.what));
    let [gained, lost] = match (about, change.topic) {
        (_, Topic::Partner) => ["becomes a partner: ", "is no longer a partner: "],
        (_, Topic::Text) => ["newly names ", "no longer names "],
        (About::Partner(_), _) => ["gains ", "loses "],
        (About::Promises | About::Catalogue, _) => ["gain ", "lose "],
    };
    let told = |text: &str| match (text, change.topic) {
        ("", _) | (_, Topic::Text) => String::new(),
        _ => format!(": {text}"),
    };
    let mut sentence = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{thing}: {before} -> {after}"),
        (None, Some(after)) => format!("{gained}{thing}{}", told(after)),
        (Some(before), None) => format!("{lost}{thing}{}", told(before)),
        (None, None) => thing,
    };
    if let Some(only) = &change.only {
        let _infallible = write!(sentence, " ({only})");
    }
    sentence
}

fn joined(words: &[impl ToString]) -> String {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    words.join(", ")
}

fn difference_json(Difference { about, change }: &Difference) -> Value {
    let about = match about {
        About::Partner(partner) => format!("partner:{partner}"),
        About::Promises => "promises".to_owned(),
        About::Catalogue => "catalogue".to_owned(),
    };
    let purposes = change.purposes.iter().map(|purpose| purpose.key());
    json!({
        "about": about,
        "topic": change.topic.word(),
        "what": change.what,
        "purposes": purposes.collect::<Value>(),
        "only": change.only,
        "before": change.before,
        "after": change.after,
        "direction": change.direction.word(),
    })
}
