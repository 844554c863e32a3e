//! How often each promise was kept in calls on record: the ledger's part of what covers a promise.
//! Looking into the ledger like this is an entry itself.

use super::disclosures::blocking;
use super::messages::HitsQuery;
use super::{Actor, Administration, Deed, NotDone, entries};
use crate::rules::coverage::{Hits, Tally};

/// Most rules that one query may name.
const RULES_MAX: usize = 1_000;

impl Administration {
    /// Counts by the promise of each rule, as the query says it.
    ///
    /// # Errors
    /// [`NotDone::Mistaken`] where a rule has no promise from P1 to P18, or there are too many.
    pub async fn hits(&self, actor: &Actor, query: HitsQuery) -> Result<Hits, NotDone> {
        Self::allow(actor, Deed::PolicyHits)?;
        let HitsQuery { rules, since } = query;
        if rules.len() > RULES_MAX {
            let message = format!("at most {RULES_MAX} rules are counted at once");
            return Err(NotDone::Mistaken(message));
        }
        let mut tally = Tally::new(rules).map_err(NotDone::Mistaken)?;
        let _one_at_a_time = self.simulating.lock().await;
        let action = Deed::PolicyHits.name().to_owned();
        let object = format!("since:{since}");
        let end = self.enter(actor, action, Some(object), None).await?;
        let directory = self.ledger_directory.clone();
        blocking(move || {
            let count = |_, entry: &_| tally.count(entry);
            entries::each(&directory, 0..end, Some(since), count, |_| {})?;
            Ok(tally.hits())
        })
        .await
    }
}
