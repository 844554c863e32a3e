//! How entries name a policy set, and the change that the ledger announced last.

use super::NOT_CHANGED;
use crate::entry::{Entry, Event};
use crate::registry::{KeptSet, Publication};

/// Actions and notes after which another set is in force.
const CHANGES: [&str; 4] = [
    "policy.publish",
    "policy.rollback",
    "policy.reload",
    "policy.first",
];

/// How an entry names a set: name, digest, and what was proved of it.
pub fn object(set: &KeptSet) -> String {
    format!("{} sha256:{} ({})", set.version, set.digest, set.proof)
}

/// The latest change that the ledger says was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub(super) digest: String,
    pub(super) publication: Publication,
}

impl Announced {
    /// The entry that told of it.
    pub fn entry(&self) -> u64 {
        self.publication.entry
    }

    /// Takes in one entry after another, oldest first, with its index in the log.
    pub fn follow(latest: &mut Option<Self>, index: u64, entry: &Entry) {
        let (how, object, by, because) = match &entry.event {
            Event::Act(act) => (
                &act.action,
                &act.object,
                act.actor.as_str(),
                act.because.as_deref(),
            ),
            Event::Gateway(note) => (&note.what, &note.detail, "the gateway", None),
            _ => return,
        };
        if how == NOT_CHANGED {
            *latest = None;
        } else if CHANGES.contains(&how.as_str()) {
            let digest = object.as_deref().and_then(digest_in);
            *latest = digest.map(|digest| Self {
                digest: digest.to_owned(),
                publication: Publication {
                    how: how.clone(),
                    by: by.to_owned(),
                    because: because.unwrap_or_default().to_owned(),
                    time: entry.time,
                    entry: index,
                },
            });
        }
    }
}

fn digest_in(object: &str) -> Option<&str> {
    let mut words = object.split(' ');
    words.find_map(|word| word.strip_prefix("sha256:"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::entry::{Act, GatewayNote};

    fn set(version: &str) -> KeptSet {
        KeptSet {
            digest: format!("{version}{version}"),
            version: version.to_owned(),
            proof: "unproved: sha256:none".to_owned(),
        }
    }

    fn act(action: &str, version: &str) -> Event {
        Event::Act(Act {
            actor: "Ann".to_owned(),
            role: "legal".to_owned(),
            action: action.to_owned(),
            object: Some(object(&set(version))),
            because: Some("it is time".to_owned()),
        })
    }

    fn note(what: &str, version: &str) -> Event {
        Event::Gateway(GatewayNote {
            what: what.to_owned(),
            detail: Some(object(&set(version))),
            policy: None,
        })
    }

    fn latest(events: Vec<Event>) -> Option<(String, u64)> {
        let mut latest = None;
        for (index, event) in events.into_iter().enumerate() {
            let entry = Entry::new(Timestamp::UNIX_EPOCH, event).unwrap();
            Announced::follow(&mut latest, index as u64, &entry);
        }
        latest.map(|found| (found.digest, found.publication.entry))
    }

    #[test]
    fn the_latest_change_is_found_unless_it_was_taken_back() {
        let first = note("policy.first", "a");
        let found = latest(vec![first.clone(), act("policy.publish.propose", "b")]);
        assert_eq!(
            found,
            Some(("aa".to_owned(), 0)),
            "a proposal changes nothing"
        );
        let found = latest(vec![first.clone(), act("policy.rollback", "b")]);
        assert_eq!(found, Some(("bb".to_owned(), 1)));
        let back = note(NOT_CHANGED, "b");
        assert_eq!(latest(vec![first, act("policy.publish", "b"), back]), None);
    }
}
