//! What another set of policies would have decided about the calls on record: a partner manager or
//! legal asks before they publish. Looking into the ledger like this is an entry itself.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::disclosures::blocking;
use super::entries;
use super::messages::SimulateQuery;
use super::{Actor, Administration, Deed, NotDone};
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
            let replay = |index, entry: &_| simulation.replay(index, entry);
            entries::each(&directory, 0..end, since, replay, |_| {})?;
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
