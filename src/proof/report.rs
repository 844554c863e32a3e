//! What was proved, and what was not: for people, for tools, and between the two processes.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The findings about one policy set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// By which means: `cvc5 1.0.3`, or by trying every request.
    pub method: String,
    /// Kinds of request that were looked at, one for each action.
    pub environments: usize,
    /// How long it took.
    pub milliseconds: u64,
    /// In order: properties, contracts, errors, rules, comparison.
    pub findings: Vec<Finding>,
}

/// One statement and whether it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// The id of the property or rule; a fixed word for the others.
    pub id: String,
    /// The promise it belongs to, `P1` to `P18`.
    pub promise: Option<String>,
    /// The statement in words.
    pub sentence: String,
    /// `file:line` below the policies folder.
    pub place: Option<String>,
    /// Whether it holds.
    pub verdict: Verdict,
    /// How long it took; 0 where it was found together with others.
    pub milliseconds: u64,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A property of `policies/properties`.
    Property,
    /// Whatever contracts say, they only narrow.
    Contracts,
    /// No rule can fail while it is evaluated.
    Errors,
    /// A rule, and whether it does anything.
    Rule,
    /// The set allows nothing that another does not.
    Comparison,
}

/// How it turned out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Verdict {
    /// It holds for every request; a rule decides some.
    Holds,
    /// A rule that matches but changes nothing today, because others do the same: a second lock.
    SecondLock,
    /// It does not hold.
    Broken {
        /// A request of which it does not hold; of a comparison, as many as there are.
        examples: Vec<Example>,
    },
    /// A rule that no request matches.
    Dead,
    /// The solver did not answer in time, or not in a way that can be read.
    Undecided {
        /// Why.
        because: String,
    },
}

/// A request of which a statement does not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// `dealer`, `reseller` or `cobrand`.
    pub partner: String,
    /// Whether that partner is in good standing.
    pub good_standing: bool,
    /// The purpose.
    pub purpose: String,
    /// What is asked: `disclose.<form>` or `call.<channel>`.
    pub action: String,
    /// The kind of operation.
    pub channel: String,
    /// The data category.
    pub category: String,
    /// What holds: of `own`, `consented`, `agreement`, `order`.
    pub circumstances: Vec<String>,
    /// The basis that would be written down.
    pub basis: String,
    /// Whether the evaluator itself, asked again, gave this answer. Otherwise the example exists only
    /// for the prover, and no word of the taxonomy stands for it.
    pub replayed: bool,
    /// The request and its answer as a sentence.
    pub words: String,
    /// The rules that decided: permits that allowed it, or forbids that refused it.
    pub decided_by: Vec<DecidedBy>,
}

/// A rule that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedBy {
    /// Its `@id`.
    pub id: String,
    /// Its `@sentence`.
    pub sentence: String,
    /// Its line in `promises.cedar`.
    pub line: usize,
}

impl Report {
    /// Whether everything holds. A second lock is in order; a rule that never matches is not.
    pub fn is_proved(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.all(|finding| finding.verdict.is_right())
    }

    /// For tools.
    pub fn to_json(&self) -> Value {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Some(members) = json.as_object_mut() {
            members.insert("proved".to_owned(), self.is_proved().into());
        }
        json
    }

    /// For people: the statements under a heading for each subject, those that do not hold with an
    /// example, and a summary.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut heading = "";
        for finding in &self.findings {
            if heading != finding.subject.heading() {
                let gap = if heading.is_empty() { "" } else { "\n" };
                heading = finding.subject.heading();
                let _ = writeln!(text, "{gap}{heading}");
            }
            // Writing to a string does not fail.
            let _ = finding.write_to(&mut text);
        }
        let broken = self.findings.iter();
        let broken = broken.filter(|finding| !finding.verdict.is_right()).count();
        let last = match broken {
            0 => "everything holds".to_owned(),
            1 => "1 statement does not hold".to_owned(),
            more => format!("{more} statements do not hold"),
        };
        let (method, seconds) = (&self.method, seconds(self.milliseconds));
        let environments = self.environments;
        let _ = writeln!(
            text,
            "\n{last}: {} statements over all requests, partners and contracts, {environments} \
             kinds of request, {seconds} by {method}",
            self.findings.len()
        );
        text
    }
}

impl Subject {
    /// What stands above its findings.
    fn heading(self) -> &'static str {
        match self {
            Self::Property => "what must always be so (properties/*.cedar):",
            Self::Contracts | Self::Errors => "what the construction rests on:",
            Self::Rule => {
                "what each rule of promises.cedar is for (decides: something turns on it; spare: other \
                 rules alone would answer the same; idle: no request matches it):"
            }
            Self::Comparison => "whether anything is allowed that was not:",
        }
    }
}

impl Finding {
    fn write_to(&self, text: &mut String) -> std::fmt::Result {
        let word = match self.verdict {
            Verdict::Holds if self.subject == Subject::Rule => "decides",
            Verdict::Holds => "proved",
            Verdict::SecondLock => "spare",
            Verdict::Broken { .. } => "BROKEN",
            Verdict::Dead => "IDLE",
            Verdict::Undecided { .. } => "UNKNOWN",
        };
        let promise = self.promise.as_deref().unwrap_or("-");
        writeln!(text, "  {word:<8}{promise:<4}{}", self.id)?;
        if self.subject != Subject::Rule || !self.verdict.is_right() {
            writeln!(text, "              {}", self.sentence)?;
        }
        match &self.verdict {
            Verdict::Broken { examples } => {
                for example in examples.iter().take(EXAMPLES_SHOWN) {
                    example.write_to(text)?;
                }
                let more = examples.len().saturating_sub(EXAMPLES_SHOWN);
                if more > 0 {
                    writeln!(text, "              and {more} more (`-o json` lists them)")?;
                }
            }
            Verdict::Dead => {
                let place = self.place.as_deref().unwrap_or_default();
                writeln!(
                    text,
                    "              {place}: no request can ever match this rule"
                )?;
            }
            Verdict::Undecided { because } => writeln!(text, "              {because}")?,
            Verdict::Holds | Verdict::SecondLock => {}
        }
        Ok(())
    }
}

/// How many examples of one statement are told in words.
const EXAMPLES_SHOWN: usize = 20;

impl Example {
    fn write_to(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "              but {}.", self.words)?;
        for rule in &self.decided_by {
            let DecidedBy { id, sentence, line } = rule;
            writeln!(
                text,
                "                by `{id}` (promises.cedar:{line}): {sentence}"
            )?;
        }
        if !self.replayed {
            let note = "found by the prover only: the gateway itself answers otherwise";
            writeln!(text, "                {note}")?;
        }
        Ok(())
    }
}

impl Verdict {
    fn is_right(&self) -> bool {
        matches!(self, Self::Holds | Self::SecondLock)
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}
