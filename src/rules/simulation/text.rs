//! What came of a replay, as people read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Outcome, Replay, Row};

/// What each outcome is told under, in the order in which they are told.
const PARTS: [(Outcome, &str); 5] = [
    (Outcome::AllowToDeny, "answered, and would be refused"),
    (Outcome::DenyToAllow, "refused, and would be answered"),
    (
        Outcome::OtherRefusal,
        "refused, and would be with another code",
    ),
    (
        Outcome::Withheld,
        "left, and would be withheld or leave in a poorer form",
    ),
    (
        Outcome::Disclosed,
        "withheld, and would leave, or in a richer form",
    ),
];

impl Replay {
    /// For people: how many calls, then those that would fare differently, with examples, then what
    /// could not be told.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let since = self.since.map(|since| format!(" since {since}"));
        let _infallible = writeln!(
            text,
            "{} calls{}; {} decided again by {}, {} of them as they were",
            self.calls,
            since.unwrap_or_default(),
            self.replayed,
            self.policy,
            self.unchanged
        );
        for (outcome, heading) in PARTS {
            let rows: Vec<&Row> = self
                .rows
                .iter()
                .filter(|row| row.outcome == outcome)
                .collect();
            if !rows.is_empty() {
                let _infallible = writeln!(text, "\n{heading}");
                rows.iter().for_each(|row| write_row(&mut text, row));
            }
        }
        if self.rows_left_out > 0 {
            let left_out = self.rows_left_out;
            let _infallible = writeln!(text, "\n{left_out} more differences are not told apart");
        }
        write_reasons(&mut text, "not decided again", &self.not_replayed);
        let heading = "decided again, but the entry does not tell of some field";
        write_reasons(&mut text, heading, &self.not_told);
        text
    }
}

fn write_row(text: &mut String, row: &Row) {
    let what = row.what.as_ref().map(|what| format!(" {what}:"));
    let _infallible = writeln!(
        text,
        "  {:>7}  {} {}{} {} -> {}",
        row.count,
        row.partner,
        row.operation,
        what.unwrap_or_default(),
        row.before,
        row.after
    );
    for example in &row.examples {
        let (id, time) = (&example.request_id, example.time);
        let _infallible = writeln!(text, "           {id} at {time}");
    }
}

fn write_reasons(text: &mut String, heading: &str, reasons: &BTreeMap<String, u64>) {
    if !reasons.is_empty() {
        let _infallible = writeln!(text, "\n{heading}");
        for (reason, count) in reasons {
            let _infallible = writeln!(text, "  {count:>7}  {reason}");
        }
    }
}
