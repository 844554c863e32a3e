//! `covenant policy history`, `show` and `proposal`: what was in force, what is, and what would be.

use super::publish::{lines, listed};
use crate::administration::client::{Client, ClientError};
use crate::administration::messages::{
    PolicyProposalShown, PolicyPublicationShown, PolicySetShown,
};
use crate::cli::Reach;
use crate::cli::output::{complain, escaped, say, say_rows, tell};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Lists what was in force; returns the exit code.
pub(super) async fn list(reach: &Reach) -> u8 {
    asked(reach, "/policy/history", |rows: &Vec<_>| say_history(rows)).await
}

/// Shows one set; returns the exit code.
pub(super) async fn show(version: &str, reach: &Reach) -> u8 {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    if !version.chars().all(plain) {
        complain(format!("`{version}` is not the name of a policy set"));
        return super::EXIT_USAGE;
    }
    let path = format!("/policy/sets/{version}");
    asked(reach, &path, |set| say(&page(set))).await
}

/// Shows what waits for a second person; returns the exit code.
pub(super) async fn proposal(reach: &Reach) -> u8 {
    asked(reach, "/policy/proposal", |waiting| {
        say(&proposal_page(waiting));
    })
    .await
}

async fn asked<T: DeserializeOwned + Serialize>(
    reach: &Reach,
    path: &str,
    in_words: impl FnOnce(&T),
) -> u8 {
    let socket = match reach.socket() {
        Ok(socket) => socket,
        Err(code) => return code,
    };
    let answer: Result<T, ClientError> = Client::new(&socket, reach.role).get(path).await;
    tell(answer, reach.output, in_words)
}

fn say_history(rows: &[PolicyPublicationShown]) {
    let row = |row: &PolicyPublicationShown| {
        vec![
            row.version.clone(),
            if row.in_force { "in force" } else { "" }.to_owned(),
            moment(row.time),
            row.by.clone(),
            how_in_words(&row.how).to_owned(),
            row.proof.clone(),
            row.because.clone(),
            row.entry.to_string(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let headings = [
        "version", "", "since", "by", "how", "proof", "because", "entry",
    ];
    say_rows(&headings, &rows);
}

/// To the second.
fn moment(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// How a set came into force, from the act's name.
fn how_in_words(how: &str) -> &str {
    match how {
        "policy.publish" => "published",
        "policy.rollback" => "rolled back to",
        "policy.reload" => "reloaded from the files",
        "policy.first" => "taken at the first start",
        other => other,
    }
}

fn page(set: &PolicySetShown) -> String {
    let mut told = String::new();
    let mut line = |name: &str, value: &str| {
        told.push_str(&format!("{name:9} {}\n", escaped(value)));
    };
    line("version", &set.version);
    line("digest", &set.digest);
    line("proof", &set.proof);
    line("files", &set.files.len().to_string());
    for row in &set.publications {
        let (time, by, how) = (moment(row.time), &row.by, how_in_words(&row.how));
        let text = format!("{time} by {by} ({how}): {}", row.because);
        line(if row.in_force { "in force" } else { "was" }, &text);
    }
    if let Some(comparison) = &set.comparison {
        told.push_str("\ncompared with what is in force:\n");
        told.push_str(&lines(comparison));
    }
    told
}

fn proposal_page(waiting: &Option<PolicyProposalShown>) -> String {
    let Some(waiting) = waiting else {
        return "no policy set waits for a second person\n".to_owned();
    };
    let (proposed, version) = (&waiting.proposed, &waiting.set.version);
    let (by, role) = (escaped(&proposed.by), escaped(&waiting.role));
    format!(
        "{}\nproposed  {} by {by} as {role}: {}\nit needs another person, because:\n{}\
         who agrees runs\n  covenant policy publish --version {version} --because \"...\"\n",
        page(&waiting.set),
        moment(proposed.time),
        escaped(&proposed.because),
        listed(&waiting.two_people_because)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::administration::messages::ByAndWhy;

    #[test]
    fn a_proposal_tells_who_asked_for_what_and_how_to_agree() {
        let waiting = PolicyProposalShown {
            set: PolicySetShown {
                version: "2026-11-22.3f9c".to_owned(),
                digest: "3f9c".repeat(16),
                proof: "tests passed; proved".to_owned(),
                files: vec!["promises.cedar".to_owned()],
                publications: Vec::new(),
                comparison: Some("acme gains names\n".to_owned()),
            },
            proposed: ByAndWhy {
                time: jiff::Timestamp::UNIX_EPOCH,
                by: "Ann".to_owned(),
                because: "asked\u{1b}".to_owned(),
            },
            role: "partner_manager".to_owned(),
            two_people_because: vec!["it loosens: acme gains names".to_owned()],
        };
        let told = proposal_page(&Some(waiting));
        for expected in [
            "proof     tests passed; proved\n",
            "compared with what is in force:\nacme gains names\n",
            "by Ann as partner_manager: asked\\u{1b}\n",
            "  covenant policy publish --version 2026-11-22.3f9c",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert!(proposal_page(&None).contains("no policy set waits"));
    }
}
