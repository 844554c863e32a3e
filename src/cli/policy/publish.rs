//! `covenant policy publish` and `rollback`: another policy set in force, by one person or two.

use std::path::PathBuf;

use jiff::civil::Date;

use super::trial;
use crate::administration::client::Client;
use crate::administration::messages::{
    PolicyChanged, PolicyOutcome, PolicyPublish, PolicyRollback,
};
use crate::cli::output::{complain, escaped, say, tell};
use crate::cli::{EXIT_OTHER, Reach, invalid};
use crate::mistakes::Mistakes;
use crate::registry::PROPOSAL_LIFE_HOURS;
use crate::rules::Rules;
use crate::source::Folder;

/// What to publish.
#[derive(Clone, Debug, clap::Args)]
pub struct PublishArguments {
    /// The directory with the policies; that of the configuration where absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// In place of files: the set that another person has proposed, by its name or digest.
    #[arg(long, visible_alias = "digest", conflicts_with = "dir")]
    version: Option<String>,
    /// Why, on one line; it stands in the ledger.
    #[arg(long)]
    because: String,
}

/// What to go back to.
#[derive(Clone, Debug, clap::Args)]
pub struct RollbackArguments {
    /// The set's name or digest; the one before the one in force where absent.
    #[arg(long)]
    to: Option<String>,
    /// Why, on one line; it stands in the ledger.
    #[arg(long)]
    because: String,
}

/// Publishes; returns the exit code.
pub(super) async fn run(publish: PublishArguments, reach: &Reach, today: Date) -> u8 {
    match prepared(publish, reach, today).await {
        Ok((client, request)) => {
            let changed = client.post("/policy/publish", &request).await;
            tell(changed, reach.output, say_changed)
        }
        Err(code) => code,
    }
}

/// Rolls back; returns the exit code.
pub(super) async fn roll_back(rollback: RollbackArguments, reach: &Reach) -> u8 {
    let socket = match reach.socket() {
        Ok(socket) => socket,
        Err(code) => return code,
    };
    let RollbackArguments { to, because } = rollback;
    let request = PolicyRollback { to, because };
    let client = Client::new(&socket, reach.role);
    let changed = client.post("/policy/rollback", &request).await;
    tell(changed, reach.output, say_changed)
}

/// What is sent: files that were read, checked, tested and proved, or the name of a set.
async fn prepared(
    publish: PublishArguments,
    reach: &Reach,
    today: Date,
) -> Result<(Client, PolicyPublish), u8> {
    let config = reach.gateway()?;
    let client = Client::new(&config.administration.socket, reach.role);
    let mut request = PolicyPublish {
        files: None,
        set: publish.version,
        proof: None,
        because: publish.because,
    };
    if request.set.is_some() {
        return Ok((client, request));
    }
    let directory = publish.dir.unwrap_or(config.policies);
    let mut mistakes = Mistakes::new();
    let files = Folder::read(&directory, &mut mistakes);
    Rules::load(&files, None, today, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(invalid(&mistakes, &directory));
    }
    request.proof = Some(trial::run(&directory, &files).await?);
    if Folder::read(&directory, &mut mistakes).digest() != files.digest() {
        complain("the files changed while they were tested; nothing was sent, run it again");
        return Err(EXIT_OTHER);
    }
    let files = files.files();
    let files = files.map(|(name, source)| (name.to_owned(), source.text().to_owned()));
    request.files = Some(files.collect());
    Ok((client, request))
}

fn say_changed(changed: &PolicyChanged) {
    say(&in_words(changed));
}

fn in_words(changed: &PolicyChanged) -> String {
    let version = &changed.version;
    let entry = changed.entry.map_or(String::new(), |entry| {
        format!(" (entry {entry} of the ledger)")
    });
    let mut told = match changed.outcome {
        PolicyOutcome::Unchanged => format!("policy set {version} is in force already\n"),
        PolicyOutcome::InForce => format!("policy set {version} is in force{entry}\n"),
        PolicyOutcome::Proposed => format!(
            "policy set {version} is proposed, not in force{entry}\n\
             another person must agree within {PROPOSAL_LIFE_HOURS} hours, and one of the two must \
             be legal, because:\n{}\
             they see it with `covenant policy proposal`, and agree with\n\
             \x20 covenant policy publish --version {version} --because \"...\"\n",
            listed(&changed.two_people_because)
        ),
    };
    if let Some(other) = &changed.instead_of {
        told.push_str(&format!("{other}, which was proposed, is no longer\n"));
    }
    if !changed.comparison.is_empty() {
        told.push_str(&format!("\nwhat changes:\n{}", lines(&changed.comparison)));
    }
    told
}

/// Each on a line of its own, indented.
pub(super) fn listed(reasons: &[String]) -> String {
    let line = |reason: &String| format!("  {}\n", escaped(reason));
    reasons.iter().map(line).collect()
}

/// Text of several lines that came over the socket.
pub(super) fn lines(text: &str) -> String {
    text.lines().map(|line| escaped(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(outcome: PolicyOutcome) -> PolicyChanged {
        PolicyChanged {
            outcome,
            version: "2026-11-22.3f9c".to_owned(),
            digest: "3f9c".repeat(16),
            entry: Some(7),
            two_people_because: Vec::new(),
            instead_of: None,
            comparison: "acme gains names\u{1b}[2J\n".to_owned(),
        }
    }

    #[test]
    fn what_came_of_it_is_told_with_what_changes_and_what_to_do() {
        let told = in_words(&changed(PolicyOutcome::InForce));
        let expected = "policy set 2026-11-22.3f9c is in force (entry 7 of the ledger)\n\n\
                        what changes:\nacme gains names\\u{1b}[2J\n";
        assert_eq!(told, expected);
        let proposed = PolicyChanged {
            two_people_because: vec!["it loosens: acme gains names".to_owned()],
            instead_of: Some("2026-11-21.aaaa".to_owned()),
            ..changed(PolicyOutcome::Proposed)
        };
        let told = in_words(&proposed);
        for expected in [
            "not in force",
            "\n  it loosens: acme gains names\n",
            "covenant policy publish --version 2026-11-22.3f9c",
            "2026-11-21.aaaa, which was proposed, is no longer",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }
}
