//! An explanation as a page that a partner manager reads: the decision first, then what leaves and
//! why, categories of one answer together.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Account, Explanation, Line, Outcome, Reason};
use crate::refusal::Refusal;
use crate::taxonomy::Category;
use crate::terms::Form;

/// How something leaves.
pub(super) fn adverb(form: Form) -> &'static str {
    match form {
        Form::Clear => "in the clear",
        Form::Partial => "in part",
        Form::Pseudonym => "as a pseudonym",
        Form::Aggregate => "as a figure over a group",
    }
}

impl Explanation {
    /// In words.
    pub fn to_text(&self) -> String {
        let mut text = self.headline();
        // Writing to a string cannot fail.
        let _ = match &self.outcome {
            Outcome::Refused(refusal, changes) => write_refusal(&mut text, refusal, changes),
            Outcome::Granted(account) => write_account(&mut text, account),
        };
        text
    }

    /// In a few words: what leaves in which form, or why nothing does; without the reasons.
    pub fn to_summary(&self) -> String {
        let mut text = self.headline();
        let _ = match &self.outcome {
            Outcome::Refused(refusal, _) => writeln!(text, "  why: {}", refusal.detail),
            Outcome::Granted(account) => {
                let forms = Form::ALL.map(Some).into_iter().chain([None]);
                forms.into_iter().try_for_each(|form| {
                    let alike = account.lines.iter().filter(|line| line.form == form);
                    match alike.collect::<Vec<_>>().as_slice() {
                        [] => Ok(()),
                        alike => writeln!(text, "  {}: {}", leaving(form), names(alike)),
                    }
                })
            }
        };
        text
    }

    /// The decision, about whom and what.
    fn headline(&self) -> String {
        let may = if self.is_denied() { "may not" } else { "may" };
        let operation = &self.operation;
        format!(
            "{}: {} {may} call {} ({} {}) for {}, about {}\n",
            self.decision(),
            self.contract,
            operation.id,
            operation.method,
            operation.path,
            self.purpose,
            self.about(),
        )
    }

    fn about(&self) -> String {
        let circumstances = self.circumstances;
        let mut about = if circumstances.own {
            "a customer of its own".to_owned()
        } else {
            "a customer that is not its own".to_owned()
        };
        for (holds, words) in [
            (circumstances.consented, " who consented"),
            (circumstances.agreement, " under an agreement"),
            (circumstances.order, " under a release order"),
        ] {
            about.push_str(if holds { words } else { "" });
        }
        about
    }
}

fn write_refusal(text: &mut String, refusal: &Refusal, changes: &[String]) -> std::fmt::Result {
    let (status, code) = (refusal.code.status().as_u16(), refusal.code.name());
    writeln!(text, "  why: {}", refusal.detail)?;
    let promise = refusal.promise.map(|promise| promise.to_string());
    match (promise, &refusal.rule) {
        (Some(promise), Some(rule)) => {
            writeln!(text, "  promise kept: {promise}, by the rule {rule}")?;
        }
        (Some(promise), None) => writeln!(text, "  promise kept: {promise}, by the contract")?,
        (None, _) => writeln!(
            text,
            "  the same answer as for a customer that does not exist, so that it tells nothing"
        )?,
    }
    writeln!(text, "  the partner is told: {status} {code}")?;
    writeln!(text, "  what the partner can do: {}", refusal.fix)?;
    writeln!(text, "  to change it: {}", changes.join("; or "))
}

fn write_account(text: &mut String, account: &Account) -> std::fmt::Result {
    if account.left_out {
        let told = "each record of such a customer is left out, as if there were no such customer";
        writeln!(text, "  {told}")?;
    }
    let lines = account.lines.iter();
    let mut lines: Vec<&Line> = lines
        .filter(|line| !(account.left_out && line.form.is_some()))
        .collect();
    lines.sort_by_key(|line| (line.form.is_none(), line.form));
    let mut told: Vec<&Line> = Vec::new();
    for line in &lines {
        if told.iter().any(|other| is_alike(other, line)) {
            continue;
        }
        let alike = lines.iter().filter(|other| is_alike(other, line));
        write_group(text, &alike.copied().collect::<Vec<_>>())?;
        told.push(line);
    }
    if !account.unclassified.is_empty() {
        let fields = account.unclassified.join(", ");
        writeln!(text, "  never leaves: {fields}")?;
        writeln!(text, "      P1: nobody has said what it holds")?;
    }
    Ok(())
}

/// Whether all that is told of two categories but their names is the same. What would have to change
/// is compared without the name that stands in it.
fn is_alike(one: &Line, other: &Line) -> bool {
    let changes = |line: &Line| {
        let name = format!("`{}: ", line.category);
        let plain = line
            .changes
            .iter()
            .map(|change| change.replace(&name, "`: "));
        plain.collect::<Vec<String>>()
    };
    one.form == other.form
        && one.rules == other.rules
        && one.held_back == other.held_back
        && one.promise == other.promise
        && changes(one) == changes(other)
}

fn leaving(form: Option<Form>) -> &'static str {
    form.map_or("withheld", adverb)
}

/// Their categories, without those below one that is named; in the place of all parts of a category,
/// that category.
fn names(lines: &[&Line]) -> String {
    let mut named: BTreeSet<Category> = lines.iter().map(|line| line.category).collect();
    let parents: BTreeSet<Category> = named.iter().filter_map(|one| one.parent()).collect();
    for parent in parents.into_iter().rev() {
        let mut parts = Category::all().filter(|part| part.parent() == Some(parent));
        if parts.all(|part| named.contains(&part)) {
            named.insert(parent);
        }
    }
    let below = |one: &&Category| {
        let mut others = named.iter().filter(|other| other != one);
        others.any(|other| one.is_within(*other))
    };
    let top = named.iter().filter(|one| !below(one));
    top.map(|one| one.key()).collect::<Vec<_>>().join(", ")
}

fn write_group(text: &mut String, lines: &[&Line]) -> std::fmt::Result {
    let Some(first) = lines.first() else {
        return Ok(());
    };
    writeln!(text, "  {}: {}", leaving(first.form), names(lines))?;
    for reason in &first.rules {
        let Reason {
            rule,
            promise,
            sentence,
        } = reason;
        writeln!(text, "      {promise} {rule}: {sentence}")?;
    }
    match (first.held_back, first.promise) {
        (Some(word), _) => writeln!(text, "      held back by the contract: `{word}`")?,
        (None, Some(promise)) if first.rules.is_empty() => {
            writeln!(
                text,
                "      {promise}: no rule lets it leave for this purpose"
            )?;
        }
        _ => {}
    }
    let fields = lines.iter().flat_map(|line| &line.fields);
    let unmade: Vec<&str> = fields
        .filter(|field| first.form.is_some() && !field.leaves)
        .map(|field| &*field.path)
        .collect();
    if !unmade.is_empty() {
        let unmade = unmade.join(", ");
        writeln!(
            text,
            "      but not {unmade}: this form of it cannot be made"
        )?;
    }
    let changes = first.changes.join("; or ");
    match changes.as_str() {
        "" => Ok(()),
        changes => writeln!(text, "      to change it: {changes}"),
    }
}
