//! What another set of policies would have decided about the calls on record: a partner manager or
//! legal asks before they publish. Looking into the ledger like this is an entry itself.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::disclosures::blocking;
use super::messages::SimulateQuery;
use super::{Actor, Administration, Deed, NotDone};
use crate::entry::Entry;
use crate::ledger::reading;
use crate::mistakes::{Look, Mistakes};
use crate::rules::Rules;
use crate::rules::simulation::{Replay, Simulation};
use crate::source::Folder;

impl Administration {
    /// Decides the calls on record again by the policies in the query. One at a time: the others wait.
    ///
    /// # Errors
    /// [`NotDone::Mistaken`] with all mistakes where the policies are not valid.
    pub async fn simulate(&self, actor: &Actor, query: SimulateQuery) -> Result<Replay, NotDone> {
        Self::allow(actor, Deed::PolicySimulate)?;
        let _one_at_a_time = self.simulating.lock().await;
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let SimulateQuery {
            files,
            since,
            examples,
        } = query;
        let rules = blocking(move || candidate(files, today)).await?;
        let since_word = since.map(|since| format!(" since:{since}"));
        let object = format!(
            "policy:{}{}",
            rules.policy.version(),
            since_word.unwrap_or_default()
        );
        let action = Deed::PolicySimulate.name().to_owned();
        let end = self.enter(actor, action, Some(object), None).await?;
        let directory = self.ledger_directory.clone();
        blocking(move || {
            let mut simulation = Simulation::new(&rules, since, examples);
            replay(&directory, since, Some(end), &mut simulation, |_| {})?;
            Ok(simulation.finish())
        })
        .await
    }
}

fn candidate(files: BTreeMap<String, String>, today: Date) -> Result<Rules, NotDone> {
    let mut mistakes = Mistakes::new();
    let folder = Folder::of("policies", files, &mut mistakes);
    let rules = Rules::load(&folder, None, today, &mut mistakes);
    rules.filter(|_| mistakes.is_empty()).ok_or_else(|| {
        let told = mistakes.render(Look::Plain);
        NotDone::Mistaken(format!("{told}{} in these policies", mistakes.counted()))
    })
}

/// Replays the entries of the ledger in `directory` before index `end`, in order; `read` is told how
/// many were read so far.
///
/// # Errors
/// [`NotDone::Unreadable`].
pub fn replay(
    directory: &Path,
    since: Option<Timestamp>,
    end: Option<u64>,
    simulation: &mut Simulation<'_>,
    mut read: impl FnMut(u64),
) -> Result<(), NotDone> {
    for item in reading::entries(directory, 0) {
        let (index, bytes) = item.map_err(|error| NotDone::Unreadable(error.to_string()))?;
        if end.is_some_and(|end| index >= end) {
            break;
        }
        read(index + 1);
        if since.is_some_and(|since| time_of(&bytes).is_some_and(|time| time < since)) {
            continue;
        }
        let entry = Entry::parse(&bytes)
            .map_err(|error| NotDone::Unreadable(format!("entry {index}: {error}")))?;
        simulation.replay(index, &entry);
    }
    Ok(())
}

/// The time of an entry, found without parsing it: of a canonical one, the last member of this name.
/// Far cheaper, where most of a long ledger is older than what is asked for.
fn time_of(bytes: &[u8]) -> Option<Timestamp> {
    const MEMBER: &[u8] = b"\"time\":\"";
    let at = memchr::memmem::rfind(bytes, MEMBER)?;
    let value = bytes.get(at + MEMBER.len()..)?;
    let end = memchr::memchr(b'"', value)?;
    std::str::from_utf8(value.get(..end)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Act, Event};

    #[test]
    fn the_time_of_an_entry_is_found_whatever_else_it_says() {
        let time: Timestamp = "2026-11-22T12:00:00.25Z".parse().unwrap();
        let act = Act {
            actor: "Ann".to_owned(),
            role: "legal".to_owned(),
            action: "x".to_owned(),
            object: None,
            because: Some(r#"","time":"2020-01-01T00:00:00Z"#.to_owned()),
        };
        let entry = Entry::new(time, Event::Act(act)).unwrap();
        assert_eq!(time_of(&entry.to_canonical()), Some(time));
    }
}
