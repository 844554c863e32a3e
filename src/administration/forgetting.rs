//! Forgetting a customer, by two people, and the legal holds that forbid it: placed by one, ended by two.

use super::customers::{nobody, object_of};
use super::messages::{ByAndWhy, CustomerChange, CustomerChanged, HoldShown};
use super::two_persons::{Turn, proposal, turn};
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::registry::Hold;
use crate::terms::CustomerRef;

impl Administration {
    /// Unlinks one customer from its person everywhere, or proposes it to a second person. The ledger keeps
    /// the reference, which then stands for nobody.
    ///
    /// # Errors
    /// [`NotDone`]; where a hold forbids it, whose it is and why.
    pub async fn forget(
        &self,
        actor: &Actor,
        change: &CustomerChange,
    ) -> Result<CustomerChanged, NotDone> {
        Self::allow(actor, Deed::CustomersForget)?;
        let because = reason(&change.because)?;
        let reference = self.one_customer(&change.customer).await?;
        let _one_at_a_time = self.changing.lock().await;
        let id = self.registry.by_reference(reference).ok_or_else(nobody)?;
        if let Some(hold) = self.hold_of(reference).await? {
            return Err(NotDone::Mistaken(format!(
                "a legal hold forbids to forget this customer: since {} by {}: {}",
                hold.since, hold.by, hold.because
            )));
        }
        let changed = self
            .by_two(actor, Deed::CustomersForget, reference, because)
            .await?;
        if changed.done {
            self.registry.forget_customer(&id).await?;
            self.settle(Deed::CustomersForget, reference).await?;
        }
        Ok(changed)
    }

    /// Places a legal hold: from then on the customer cannot be forgotten, and entries that name it are copied
    /// before they are destroyed. Waits for a purge under way.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn hold(
        &self,
        actor: &Actor,
        change: &CustomerChange,
    ) -> Result<CustomerChanged, NotDone> {
        Self::allow(actor, Deed::LedgerHold)?;
        let because = reason(&change.because)?;
        let reference = self.one_customer(&change.customer).await?;
        let _nothing_goes = self.purging.lock().await;
        let _one_at_a_time = self.changing.lock().await;
        if let Some(hold) = self.hold_of(reference).await? {
            return Err(NotDone::Mistaken(format!(
                "there is a hold already, since {} by {}: {}",
                hold.since, hold.by, hold.because
            )));
        }
        let action = Deed::LedgerHold.name().to_owned();
        let object = Some(object_of(&[reference]));
        let entry = self.enter(actor, action, object, Some(because.clone()));
        let entry = entry.await?;
        let hold = Hold {
            reference,
            since: self.clock.now(),
            by: actor.name.to_string(),
            because,
        };
        self.registry.hold(hold, entry).await?;
        // Proposals were made before anybody knew of the hold.
        self.settle(Deed::CustomersForget, reference).await?;
        self.settle(Deed::LedgerRelease, reference).await?;
        Ok(CustomerChanged {
            done: true,
            reference: reference.to_string(),
            entry,
        })
    }

    /// Ends a legal hold, or proposes it to a second person.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn release(
        &self,
        actor: &Actor,
        change: &CustomerChange,
    ) -> Result<CustomerChanged, NotDone> {
        Self::allow(actor, Deed::LedgerRelease)?;
        let because = reason(&change.because)?;
        let reference = self.one_customer(&change.customer).await?;
        let _one_at_a_time = self.changing.lock().await;
        if self.hold_of(reference).await?.is_none() {
            let mistake = "there is no hold on this customer";
            return Err(NotDone::Mistaken(mistake.to_owned()));
        }
        let changed = self
            .by_two(actor, Deed::LedgerRelease, reference, because)
            .await?;
        if changed.done {
            self.registry.end_hold(reference).await?;
            self.settle(Deed::LedgerRelease, reference).await?;
        }
        Ok(changed)
    }

    /// Every legal hold, the latest first. It says which customers they are about, so that they were shown is
    /// an entry, with how many there were.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn holds(&self, actor: &Actor) -> Result<Vec<HoldShown>, NotDone> {
        Self::allow(actor, Deed::LedgerSearch)?;
        let holds = self.registry.holds().await?;
        let action = format!("{}.list", Deed::LedgerHold.name());
        let object = format!("holds:{}", holds.len());
        self.enter(actor, action, Some(object), None).await?;
        let waiting = self.registry.proposals(Deed::LedgerRelease.name()).await?;
        let shown = |hold: Hold| {
            let reference = hold.reference.to_string();
            let proposed = waiting.iter().find(|one| one.object == reference);
            HoldShown {
                customer: self
                    .registry
                    .by_reference(hold.reference)
                    .map(|id| id.to_string()),
                reference,
                placed: ByAndWhy {
                    time: hold.since,
                    by: hold.by,
                    because: hold.because,
                },
                end_proposed: proposed.cloned().map(ByAndWhy::from),
            }
        };
        Ok(holds.into_iter().map(shown).collect())
    }

    /// The entry about a deed that needs two people: done, where the actor is the second.
    async fn by_two(
        &self,
        actor: &Actor,
        deed: Deed,
        reference: CustomerRef,
        because: String,
    ) -> Result<CustomerChanged, NotDone> {
        let waiting = self
            .registry
            .proposal(deed.name(), &reference.to_string())
            .await?;
        let done = turn(waiting.as_ref(), actor)? == Turn::Second;
        let action = match done {
            true => deed.name().to_owned(),
            false => format!("{}.propose", deed.name()),
        };
        let object = Some(object_of(&[reference]));
        let entry = self.enter(actor, action, object, Some(because.clone()));
        let entry = entry.await?;
        if !done {
            let proposal = proposal(
                actor,
                deed.name(),
                reference.to_string(),
                because,
                self.clock.now(),
            );
            self.registry.propose(proposal, entry).await?;
        }
        Ok(CustomerChanged {
            done,
            reference: reference.to_string(),
            entry,
        })
    }

    async fn settle(&self, deed: Deed, reference: CustomerRef) -> Result<(), NotDone> {
        let object = reference.to_string();
        Ok(self.registry.settle(deed.name(), &object).await?)
    }

    async fn hold_of(&self, reference: CustomerRef) -> Result<Option<Hold>, NotDone> {
        let holds = self.registry.holds().await?;
        Ok(holds.into_iter().find(|hold| hold.reference == reference))
    }

    /// The one customer meant by what was typed.
    pub(super) async fn one_customer(&self, typed: &str) -> Result<CustomerRef, NotDone> {
        match self.references(typed).await?.as_slice() {
            [] => Err(nobody()),
            [one] => Ok(*one),
            several => Err(self.several(several)),
        }
    }
}
