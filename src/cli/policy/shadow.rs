//! `covenant policy shadow`: a set beside the one in force, started, ended, and what it would have
//! decided otherwise.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::output::{escaped, say, tell};
use super::super::{Reach, invalid};
use crate::administration::client::{Client, ClientError};
use crate::administration::messages::{
    PolicyShadow, PolicyShadowChanged, PolicyShadowShown, ShadowOutcome,
};
use crate::mistakes::Mistakes;
use crate::source::Folder;

/// Which set, or none: then the one in the shadow is shown.
#[derive(Clone, Debug, clap::Args)]
pub struct ShadowArguments {
    /// The directory with the policies; that of the configuration where only a reason is given.
    #[arg(long, requires = "because")]
    dir: Option<PathBuf>,
    /// In place of files: a set that is kept, by its name or digest.
    #[arg(long, conflicts_with = "dir", requires = "because")]
    version: Option<String>,
    /// End the shadow.
    #[arg(long, conflicts_with_all = ["dir", "version"], requires = "because")]
    stop: bool,
    /// Why, on one line; it stands in the ledger. Without it, the set in the shadow is shown.
    #[arg(long)]
    because: Option<String>,
}

/// Starts, ends or shows; returns the exit code.
pub(super) async fn run(arguments: ShadowArguments, reach: &Reach) -> u8 {
    let config = match reach.gateway() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let client = Client::new(&config.administration.socket, reach.role);
    let Some(because) = arguments.because else {
        let shown: Result<Option<PolicyShadowShown>, ClientError> =
            client.get("/policy/shadow").await;
        return tell(shown, reach.output, |shown| say(&page(shown.as_ref())));
    };
    let mut request = PolicyShadow {
        files: None,
        set: arguments.version,
        because,
    };
    if request.set.is_none() && !arguments.stop {
        let directory = arguments.dir.unwrap_or(config.policies);
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(&directory, &mut mistakes);
        if !mistakes.is_empty() {
            return invalid(&mistakes, &directory);
        }
        let files = folder.files();
        let files = files.map(|(name, source)| (name.to_owned(), source.text().to_owned()));
        request.files = Some(files.collect());
    }
    let changed = client.post("/policy/shadow", &request).await;
    tell(changed, reach.output, |changed| say(&in_words(changed)))
}

fn in_words(changed: &PolicyShadowChanged) -> String {
    let version = escaped(&changed.version);
    let entry = changed
        .entry
        .map(|entry| format!(" (entry {entry} of the ledger)"));
    let entry = entry.unwrap_or_default();
    let mut told = match changed.outcome {
        ShadowOutcome::Started => format!(
            "policy set {version} is in the shadow of the one in force{entry}\n\
             what it would decide otherwise is shown by `covenant policy shadow`\n"
        ),
        ShadowOutcome::Stopped => {
            format!("policy set {version} is no longer in the shadow{entry}\n")
        }
        ShadowOutcome::Unchanged => format!("policy set {version} is in the shadow already\n"),
    };
    if let Some(before) = &changed.instead_of {
        let _infallible = writeln!(told, "{}, which was there, is no longer", escaped(before));
    }
    told
}

fn page(shown: Option<&PolicyShadowShown>) -> String {
    let Some(shown) = shown else {
        return "no policy set is in the shadow\n".to_owned();
    };
    let started = &shown.started;
    let mut told = format!(
        "version  {}\ndigest   {}\nsince    {} by {} (entry {}): {}\n\n",
        escaped(&shown.version),
        escaped(&shown.digest),
        started.time,
        escaped(&started.by),
        shown.entry,
        escaped(&started.because)
    );
    if shown.differences.is_empty() {
        told.push_str("it would have decided nothing otherwise so far\n");
        return told;
    }
    told.push_str("it would have decided otherwise:\n");
    for row in &shown.differences {
        let (decided, instead) = (escaped(&row.decided), escaped(&row.instead));
        let change = if decided == instead {
            format!("{decided}, with other fields")
        } else {
            format!("{decided} -> {instead}")
        };
        let _infallible = writeln!(told, "  {:>7}  {change}", row.count);
        for example in &row.examples {
            let _infallible = writeln!(told, "           {}", escaped(example));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::administration::messages::{ByAndWhy, ShadowDifference};

    #[test]
    fn the_set_in_the_shadow_is_told_with_what_it_would_have_decided_otherwise() {
        let mut shown = PolicyShadowShown {
            version: "2026-11-22.3f9c".to_owned(),
            digest: "3f9c".repeat(16),
            started: ByAndWhy {
                time: jiff::Timestamp::UNIX_EPOCH,
                by: "Ann".to_owned(),
                because: "a try\u{1b}".to_owned(),
            },
            entry: 7,
            differences: Vec::new(),
        };
        assert!(page(Some(&shown)).ends_with("decided nothing otherwise so far\n"));
        let difference = |instead: &str| ShadowDifference {
            decided: "redact".to_owned(),
            instead: instead.to_owned(),
            count: 3,
            examples: vec!["req-1".to_owned()],
        };
        shown.differences = vec![difference("purpose-denied"), difference("redact")];
        let told = page(Some(&shown));
        for expected in [
            "since    1970-01-01T00:00:00Z by Ann (entry 7): a try\\u{1b}\n",
            "        3  redact -> purpose-denied\n           req-1\n",
            "        3  redact, with other fields\n",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert_eq!(page(None), "no policy set is in the shadow\n");
    }
}
