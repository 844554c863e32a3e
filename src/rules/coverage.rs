//! What stands behind each promise: rules, properties, cases, and how often it was kept in calls on
//! record. A promise that lacks one of them stands out.
//!
//! Not here: whether a property holds ([`crate::proof`]), whether a case passes ([`super::cases`]),
//! and where entries come from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Rules;
use super::cases::{self, Cases};
use crate::entry::{Entry, Event};
use crate::policy::Properties;
use crate::terms::Promise;

/// What entries say of one promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// Answers that a rule of it granted.
    pub granted: u64,
    /// Fields withheld for it, counted once for each answer.
    pub withheld: u64,
    /// Calls refused for it.
    pub refused: u64,
}

/// By promise: `P1` to `P18`. A promise that no entry speaks of is not in it.
pub type Hits = BTreeMap<String, Hit>;

/// Counts entries.
#[derive(Debug)]
pub struct Tally {
    promises: BTreeMap<String, Promise>,
    hits: BTreeMap<Promise, Hit>,
}

impl Tally {
    /// Counts by the promise of each rule.
    ///
    /// # Errors
    /// In words, where one is not `P1` to `P18`.
    pub fn new(rules: BTreeMap<String, String>) -> Result<Self, String> {
        let promises = rules.into_iter().map(|(rule, promise)| {
            let wrong = || format!("`{promise}` is not a promise; there are P1 to P18");
            let promise = Promise::parse(&promise).ok_or_else(wrong)?;
            Ok((rule, promise))
        });
        Ok(Self {
            promises: promises.collect::<Result<_, String>>()?,
            hits: BTreeMap::new(),
        })
    }

    /// Takes in one entry. An answer granted by two rules of one promise counts once for it; a rule
    /// that is not among those named, not at all. An answer with several entries counts by its first.
    pub fn count(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Disclosure(disclosure) if disclosure.is_first_part() => {
                let rules = disclosure.rules.iter();
                let promises = rules.filter_map(|rule| self.promises.get(rule));
                for promise in promises.copied().collect::<BTreeSet<_>>() {
                    self.hits.entry(promise).or_default().granted += 1;
                }
                for withheld in &disclosure.withheld {
                    if let Some(promise) = Promise::parse(&withheld.promise) {
                        self.hits.entry(promise).or_default().withheld += 1;
                    }
                }
            }
            Event::Refusal(refused) => {
                if let Some(promise) = refused.promise.as_deref().and_then(Promise::parse) {
                    self.hits.entry(promise).or_default().refused += 1;
                }
            }
            Event::Disclosure(_)
            | Event::Delivered(_)
            | Event::Intent(_)
            | Event::Purge(_)
            | Event::Shadow(_)
            | Event::Act(_)
            | Event::Gateway(_) => {}
        }
    }

    /// What was counted.
    pub fn hits(self) -> Hits {
        let hits = self.hits.into_iter();
        hits.map(|(promise, hit)| (promise.to_string(), hit))
            .collect()
    }
}

/// What stands behind one promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// `P1` to `P18`.
    pub promise: String,
    /// Its heading.
    pub title: &'static str,
    /// Ids of its rules, in order of the file.
    pub rules: Vec<String>,
    /// Ids of its properties.
    pub properties: Vec<String>,
    /// Cases that a rule of it decides or that expect it, as `file: name`.
    pub cases: Vec<String>,
    /// What entries say; `None` where that is not known.
    pub hits: Option<Hit>,
    /// What keeps it, where no property of the rules can.
    pub kept_instead_by: Option<&'static str>,
}

/// Every promise with what stands behind it, by rules, properties and cases of one folder.
pub fn covered(
    rules: &Rules,
    properties: &Properties,
    cases: &Cases,
    hits: Option<&Hits>,
    today: Date,
) -> Vec<Covered> {
    let judged = cases.all.iter().map(|case| (case, case.run(rules, today)));
    let judged: Vec<_> = judged.collect();
    let tested = cases::Coverage::of(rules, &judged).promises;
    let all = Promise::all().map(|promise| {
        let kept = rules.policy.rules().iter();
        let kept = kept.filter(|rule| rule.promise == promise);
        let proved = properties.all().iter();
        let proved = proved.filter(|property| property.rule.promise == promise);
        let name = promise.to_string();
        Covered {
            title: promise.title(),
            rules: kept.map(|rule| rule.id.to_string()).collect(),
            properties: proved.map(|one| one.rule.id.to_string()).collect(),
            cases: tested
                .get(&promise)
                .map_or_else(Vec::new, |cases| cases.iter().cloned().collect()),
            hits: hits.map(|hits| hits.get(&name).copied().unwrap_or_default()),
            kept_instead_by: promise.kept_instead_by(),
            promise: name,
        }
    });
    all.collect()
}

impl Covered {
    /// Headings of [`Covered::row`].
    pub const HEADINGS: [&str; 7] = [
        "promise",
        "title",
        "rules",
        "properties",
        "cases",
        "on record",
        "kept instead by",
    ];

    /// For people; what it lacks is said. `time` is what follows "never": "in 30 days".
    pub fn row(&self, time: &str) -> Vec<String> {
        let named = |ids: &[String], none: &str| match ids {
            [] => none.to_owned(),
            ids => ids.join(", "),
        };
        let on_record = match self.hits {
            None => "not known".to_owned(),
            Some(hit) if hit == Hit::default() => format!("never {time}"),
            Some(hit) => format!(
                "{} answers granted, {} fields withheld, {} calls refused",
                hit.granted, hit.withheld, hit.refused
            ),
        };
        vec![
            self.promise.clone(),
            self.title.to_owned(),
            named(&self.rules, "no rule"),
            named(&self.properties, "no property"),
            match self.cases.len() {
                0 => "no case".to_owned(),
                1 => "1 case".to_owned(),
                count => format!("{count} cases"),
            },
            on_record,
            self.kept_instead_by.unwrap_or_default().to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;

    use super::*;
    use crate::entry::{Disclosure, Refused, RequestFacts, Withheld};
    use crate::mistakes::Mistakes;
    use crate::source::Folder;

    const TODAY: Date = jiff::civil::date(2026, 11, 22);

    fn answered(rules: &[&str], withheld: &[&str]) -> Event {
        let field = |promise: &&str| Withheld {
            field: "$.email".to_owned(),
            method: "removal".to_owned(),
            promise: (*promise).to_owned(),
        };
        Event::Disclosure(Disclosure {
            request: RequestFacts::default(),
            decision: "redact".to_owned(),
            rules: rules.iter().map(ToString::to_string).collect(),
            status: 200,
            subjects: Vec::new(),
            withheld: withheld.iter().map(field).collect(),
            created: None,
            part: None,
            answer_sha256: Some(String::new()),
        })
    }

    fn refused(promise: Option<&str>) -> Event {
        Event::Refusal(Refused {
            request: RequestFacts::default(),
            code: "purpose-denied".to_owned(),
            promise: promise.map(str::to_owned),
            rule: None,
            executed: "no".to_owned(),
        })
    }

    #[test]
    fn an_entry_counts_for_the_promises_it_speaks_of_and_for_each_once() {
        let rules = [("a", "P3"), ("b", "P3"), ("c", "P5")];
        let rules = rules.map(|(rule, promise)| (rule.to_owned(), promise.to_owned()));
        let mut tally = Tally::new(BTreeMap::from(rules)).unwrap();
        for event in [
            answered(&["a", "b", "of-another-set"], &["P5", "P5"]),
            answered(&["c"], &[]),
            refused(Some("P4")),
            refused(None),
        ] {
            tally.count(&Entry::new(Timestamp::UNIX_EPOCH, event).unwrap());
        }
        let hit = |granted, withheld, refused| Hit {
            granted,
            withheld,
            refused,
        };
        let expected = [
            ("P3", hit(1, 0, 0)),
            ("P4", hit(0, 0, 1)),
            ("P5", hit(1, 2, 0)),
        ];
        let expected = expected.map(|(promise, hit)| (promise.to_owned(), hit));
        assert_eq!(tally.hits(), Hits::from(expected));
        let wrong = BTreeMap::from([("a".to_owned(), "P19".to_owned())]);
        assert!(Tally::new(wrong).unwrap_err().contains("P1 to P18"));
    }

    #[test]
    fn a_promise_without_a_hit_stands_out_and_one_that_nobody_counted_is_not_known() {
        let covered = |hits| Covered {
            promise: "P1".to_owned(),
            title: "A title",
            rules: Vec::new(),
            properties: Vec::new(),
            cases: Vec::new(),
            hits,
            kept_instead_by: None,
        };
        let row = covered(Some(Hit::default())).row("in 30 days");
        let told = ["no rule", "no property", "no case", "never in 30 days", ""];
        assert_eq!(row[2..], told);
        assert_eq!(covered(None).row("in 30 days")[5], "not known");
    }

    /// `tests/golden/coverage.txt` is reviewed like code.
    /// `COVENANT_WRITE_GOLDEN=1 cargo test --lib rules::coverage` writes it anew.
    #[test]
    fn what_stands_behind_each_shipped_promise_is_reviewed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(&root.join("policies"), &mut mistakes);
        let rules = Rules::load(&folder, None, TODAY, &mut mistakes).unwrap();
        let cases = Cases::load(&folder, Some(&rules), &mut mistakes);
        let properties = Properties::read(&folder, &mut mistakes).unwrap();
        let covered = covered(&rules, &properties, &cases, None, TODAY);
        let lines = covered.iter().map(|one| one.row("").join("\t") + "\n");
        let told: String = lines.collect();
        let path = root.join("tests/golden/coverage.txt");
        if std::env::var_os("COVENANT_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &told).unwrap();
        }
        assert_eq!(told, std::fs::read_to_string(&path).unwrap());
        for one in covered {
            let without = one.properties.is_empty() && one.kept_instead_by.is_none();
            assert!(!without, "{} has neither property nor keeper", one.promise);
        }
    }
}
