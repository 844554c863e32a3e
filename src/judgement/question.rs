//! A question about figures: which figures were asked for, as far as two such questions can be told apart.
//! Two answers about overlapping customers could be subtracted; those about other days or other people
//! cannot.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ask::sent;
use crate::catalogue::{Place, Role, Routed};
use crate::edge::AcceptedHead;
use crate::refusal::{Code, Refusal};
use crate::terms::{Channel, hexadecimal};

/// One question about figures, without the values in it: those may name anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Digest of everything in it.
    pub whole: String,
    /// The first day; open where nobody named one.
    pub from: Option<Date>,
    /// The last day, which is within; likewise.
    pub to: Option<Date>,
    /// Digests of what chooses the customers, by parameter.
    pub parts: BTreeMap<String, String>,
}

impl Question {
    /// The question that a request asks; nothing where it asks for no figures. The identifier of a path is
    /// compared by its name and value, whichever parameters come with it.
    ///
    /// # Errors
    /// `request-malformed` for a period that is none.
    pub fn of(
        routed: &Routed,
        head: &AcceptedHead,
        body: &Bytes,
    ) -> Result<Option<Self>, Box<Refusal>> {
        if routed.operation.channel != Channel::Aggregate {
            return Ok(None);
        }
        let mut question = Self {
            whole: String::new(),
            from: None,
            to: None,
            parts: BTreeMap::new(),
        };
        let mut values: Vec<(Place, &str, String)> = Vec::new();
        for parameter in &routed.operation.parameters {
            let mut sent = sent(parameter, routed, head)?;
            let Some(value) = sent.pop() else {
                continue;
            };
            if !sent.is_empty() && parameter.role.asks_for_figures() {
                return Err(several(&parameter.name).into());
            }
            let others = sent.into_iter();
            values.extend(others.map(|value| (parameter.place, &*parameter.name, value)));
            match parameter.role {
                Role::PeriodFrom => question.from = Some(day(&parameter.name, &value)?),
                Role::PeriodTo => question.to = Some(day(&parameter.name, &value)?),
                Role::Partition => {
                    let digest = hashed([chosen(&parameter.name, &value)?.as_bytes()]);
                    question.parts.insert(parameter.name.to_string(), digest);
                }
                _ => {}
            }
            values.push((parameter.place, &parameter.name, value));
        }
        if question
            .from
            .zip(question.to)
            .is_some_and(|(from, to)| from > to)
        {
            return Err(no_period("The period ends before it begins.").into());
        }
        values.sort_by(|one, other| (one.0 as u8, one.1).cmp(&(other.0 as u8, other.1)));
        let named = values.iter().flat_map(|(place, name, value)| {
            let place: &[u8] = match place {
                Place::Path => b"path",
                Place::Query => b"query",
                Place::Header => b"header",
            };
            [place, name.as_bytes(), value.as_bytes()]
        });
        question.whole = hashed(named.chain([&**body]));
        Ok(Some(question))
    }

    /// Whether no event that one of the questions is about is one of the other's: they are about days that
    /// do not overlap, or about customers chosen by different values of one parameter.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        let ends_before = |one: &Self, next: &Self| {
            let ends = one.to.zip(next.from);
            ends.is_some_and(|(to, from)| to < from)
        };
        let chosen_apart = |(name, value): (&String, &String)| {
            let others = other.parts.get(name);
            others.is_some_and(|others| others != value)
        };
        ends_before(self, other) || ends_before(other, self) || self.parts.iter().any(chosen_apart)
    }
}

fn day(name: &str, value: &str) -> Result<Date, Box<Refusal>> {
    let written = value.len() == "2026-01-31".len();
    let day = value.parse().ok().filter(|_| written);
    let told = || no_period(format!("`{name}` is not a day.")).into();
    day.ok_or_else(told)
}

/// One value as it is compared: a core may not mind its case. A list or a pattern could choose customers
/// that another value chooses too.
fn chosen(name: &str, value: &str) -> Result<String, Box<Refusal>> {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    let value = value.trim();
    if value.is_empty() || !value.chars().all(plain) {
        return Err(several(name).into());
    }
    Ok(value.to_lowercase())
}

fn several(name: &str) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        format!("`{name}` is not one value."),
        "Name one value, of letters, digits, spaces, `-` and `_`.",
    )
}

fn no_period(detail: impl Into<String>) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        detail,
        "Name the first and the last day as in `2026-01-31`.",
    )
}

/// SHA-256, lengths first, so that no two lists give the same bytes.
fn hashed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    hexadecimal(context.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, to: &str, state: &str) -> Question {
        let parts = [("state".to_owned(), hashed([state.as_bytes()]))];
        Question {
            whole: hashed([from.as_bytes(), to.as_bytes(), state.as_bytes()]),
            from: from.parse().ok(),
            to: to.parse().ok(),
            parts: parts.into_iter().filter(|_| !state.is_empty()).collect(),
        }
    }

    #[test]
    fn only_other_days_and_other_values_are_apart() {
        let january = asked("2026-01-01", "2026-01-31", "");
        for (from, to, state, apart) in [
            ("2026-02-01", "2026-02-28", "", true),
            ("2026-02-01", "", "", true),
            ("", "2025-12-31", "", true),
            ("2026-01-31", "2026-02-28", "", false),
            ("", "2026-01-01", "", false),
            ("", "", "ny", false),
        ] {
            let other = asked(from, to, state);
            assert_eq!(january.is_apart_from(&other), apart, "{from} {to} {state}");
            assert_eq!(other.is_apart_from(&january), apart, "{from} {to} {state}");
        }
        let (york, ohio) = (asked("", "", "ny"), asked("", "", "oh"));
        assert!(york.is_apart_from(&ohio));
        assert!(!york.is_apart_from(&york));
        assert!(!york.is_apart_from(&asked("", "", "")));
    }

    #[test]
    fn a_value_that_could_choose_several_is_refused() {
        assert_eq!(chosen("state", " NY ").unwrap(), "ny");
        for several in ["", " ", "NY,OH", "*", "N?", "NY|OH", "[NY]", "a;b"] {
            assert!(chosen("state", several).is_err(), "{several}");
        }
        for no_day in ["", "2026-02-30", "2026-1-1", "today", "2026-01-01T00:00"] {
            assert!(day("from", no_day).is_err(), "{no_day}");
        }
    }
}
