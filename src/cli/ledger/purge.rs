//! `covenant ledger purge`: what is past its term, shown, and destroyed by two people.

use clap::Args;

use crate::administration::client::Client;
use crate::administration::messages::{PurgeAsked, PurgePlan, Purged};
use crate::cli::output::{Format, complain, say, say_rows, tell};

/// What to do about what is past its term.
#[derive(Clone, Debug, Args)]
pub struct PurgeArguments {
    /// Say what would be destroyed, and what would be copied first (what is on hold, and who put policy
    /// sets in force); destroys nothing.
    #[arg(long)]
    dry_run: bool,
    /// Why; it stands in the ledger.
    #[arg(long, required_unless_present = "dry_run", conflicts_with = "dry_run")]
    because: Option<String>,
}

pub(super) async fn run(client: &Client, arguments: PurgeArguments, format: Format) -> u8 {
    let Some(because) = arguments.because else {
        let plan = client.get("/ledger/purge").await;
        return tell(plan, format, |plan: &PurgePlan| show(plan));
    };
    let purged = client.post("/ledger/purge", &PurgeAsked { because }).await;
    tell(purged, format, |purged: &Purged| {
        let what = what(purged.entries, purged.minimum, &purged.recipient_keys);
        say(&match purged.done {
            true => format!(
                "destroyed from now on, within minutes: {what} (entry {})\n",
                purged.entry
            ),
            false => format!(
                "asked for (entry {}): {what}; it is done when another person asks for it too, within a \
                 day; one of the two must act as legal\n",
                purged.entry
            ),
        });
        for file in &purged.held {
            say(&format!("a part of it was kept in {file}\n"));
        }
    })
}

fn what(entries: u64, minimum: u64, keys: &[String]) -> String {
    let mut parts = Vec::new();
    if entries > 0 {
        parts.push(format!("{entries} entries, those before entry {minimum}"));
    }
    if !keys.is_empty() {
        parts.push(format!("recipients' keys of {}", keys.join(", ")));
    }
    parts.join("; ")
}

fn show(plan: &PurgePlan) {
    let row = |what: &str, how: String| vec![what.to_owned(), how];
    let time = |time: Option<jiff::Timestamp>| time.map_or("-".to_owned(), |time| time.to_string());
    let mut rows = vec![
        row(
            "entries",
            format!("{} to {}", plan.minimum, plan.minimum_after),
        ),
        row("up to", time(plan.newest)),
    ];
    let kinds = plan.entries.iter();
    rows.extend(kinds.map(|(kind, count)| row(&format!("of the kind {kind}"), count.to_string())));
    for (words, keys) in [
        ("recipients' keys of", &plan.recipient_keys),
        ("kept while anything is on hold", &plan.recipient_keys_held),
    ] {
        if !keys.is_empty() {
            rows.push(row(words, keys.join(", ")));
        }
    }
    for held in &plan.held {
        let how = format!(
            "{} entries, first into {} packages in {}",
            held.entries, held.packages, plan.held_folder
        );
        rows.push(row(&format!("kept: {}", held.about), how));
    }
    let terms = plan.terms.iter();
    rows.extend(terms.map(|(setting, days)| row(setting, days.to_string())));
    say_rows(&["what", "how much"], &rows);
    if plan.minimum_after == plan.minimum && plan.recipient_keys.is_empty() {
        complain("nothing is past its term that nothing holds");
    }
    if let Some(remark) = &plan.remark {
        complain(remark);
    }
    if let Some(first) = &plan.proposed {
        complain(format!(
            "{} asked already to destroy what is before entry {}: {}",
            first.by.by, first.minimum_after, first.by.because
        ));
    }
}
