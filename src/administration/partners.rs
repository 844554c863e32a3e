//! Partners: listed, shown, suspended by one person, resumed by two.

use std::sync::Arc;

use super::messages::{ByAndWhy, Changed, Outcome, PartnerShown};
use super::two_persons::{Turn, turn};
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::policy::contract::Contract;
use crate::registry::{Proposal, Suspension};
use crate::terms::PartnerId;

/// How alike an id must be to be suggested, 0 to 1.
const ALIKE_MIN: f64 = 0.7;

impl Administration {
    /// Every partner with a contract, by id.
    pub fn partners(&self, actor: &Actor) -> Result<Vec<PartnerShown>, NotDone> {
        Self::allow(actor, Deed::PartnerRead)?;
        let mut contracts = (self.contracts)();
        contracts.sort_by(|one, other| one.partner.cmp(&other.partner));
        Ok(contracts
            .iter()
            .map(|contract| self.shown(contract))
            .collect())
    }

    /// One partner.
    pub async fn partner(&self, actor: &Actor, id: &str) -> Result<PartnerShown, NotDone> {
        Self::allow(actor, Deed::PartnerRead)?;
        let contract = self.contract(id)?;
        let waiting = self
            .registry
            .proposal(Deed::PartnerResume.name(), id)
            .await?;
        Ok(PartnerShown {
            resume_proposed: waiting.map(|first| ByAndWhy {
                time: first.time,
                by: first.actor,
                because: first.because,
            }),
            ..self.shown(&contract)
        })
    }

    /// Suspends a partner: from then on its requests are refused.
    pub async fn suspend(
        &self,
        actor: &Actor,
        id: &str,
        because: &str,
    ) -> Result<Changed, NotDone> {
        Self::allow(actor, Deed::PartnerSuspend)?;
        let because = reason(because)?;
        let partner = self.contract(id)?.partner.clone();
        let _one_at_a_time = self.changing.lock().await;
        if let Some(known) = self.registry.suspension(&partner) {
            return Err(NotDone::Mistaken(format!(
                "`{partner}` is suspended already, since {} by {}: {}",
                known.since, known.by, known.because
            )));
        }
        let entry = self
            .enter(
                actor,
                Deed::PartnerSuspend.name().to_owned(),
                Some(partner.to_string()),
                Some(because.clone()),
            )
            .await?;
        let suspension = Suspension {
            since: self.clock.now(),
            by: Arc::clone(&actor.name),
            because: because.into(),
        };
        self.registry.suspend(&partner, suspension, entry).await?;
        // A proposal to resume was about the suspension before this one.
        self.registry.settle(Deed::PartnerResume.name(), id).await?;
        Ok(Changed {
            outcome: Outcome::Suspended,
            entry,
        })
    }

    /// Ends a suspension, or proposes it to a second person.
    pub async fn resume(&self, actor: &Actor, id: &str, because: &str) -> Result<Changed, NotDone> {
        let deed = Deed::PartnerResume.name();
        Self::allow(actor, Deed::PartnerResume)?;
        let because = reason(because)?;
        let partner = PartnerId::parse(id);
        let _one_at_a_time = self.changing.lock().await;
        let Some(partner) = partner.filter(|id| self.registry.suspension(id).is_some()) else {
            let known = self.contract(id)?;
            return Err(NotDone::Mistaken(format!(
                "`{}` is not suspended",
                known.partner
            )));
        };
        let waiting = self.registry.proposal(deed, id).await?;
        let (action, outcome) = match turn(waiting.as_ref(), actor)? {
            Turn::First => (format!("{deed}.propose"), Outcome::Proposed),
            Turn::Second => (deed.to_owned(), Outcome::Resumed),
        };
        let object = Some(partner.to_string());
        let entry = self
            .enter(actor, action, object, Some(because.clone()))
            .await?;
        if outcome == Outcome::Proposed {
            let proposal = Proposal {
                act: deed.to_owned(),
                object: partner.to_string(),
                actor: actor.name.to_string(),
                role: actor.role.word().to_owned(),
                because,
                time: self.clock.now(),
            };
            self.registry.propose(proposal, entry).await?;
        } else {
            self.registry.resume(&partner).await?;
            self.registry.settle(deed, id).await?;
        }
        Ok(Changed { outcome, entry })
    }

    fn contract(&self, id: &str) -> Result<Arc<Contract>, NotDone> {
        let contracts = (self.contracts)();
        let found = contracts
            .iter()
            .find(|contract| contract.partner.as_str() == id);
        if let Some(contract) = found {
            return Ok(Arc::clone(contract));
        }
        let alike = |contract: &Arc<Contract>| {
            let known = contract.partner.as_str();
            let likeness = strsim::jaro_winkler(id, known);
            (likeness >= ALIKE_MIN).then(|| (likeness, known.to_owned()))
        };
        let nearest = contracts
            .iter()
            .filter_map(alike)
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let hint = nearest.map_or(String::new(), |(_, known)| {
            format!("; did you mean `{known}`?")
        });
        Err(NotDone::NotFound(format!(
            "no contract names a partner `{id}`{hint}"
        )))
    }

    fn shown(&self, contract: &Contract) -> PartnerShown {
        let suspended = self.registry.suspension(&contract.partner);
        PartnerShown {
            id: contract.partner.to_string(),
            name: contract.name.to_string(),
            address: contract.address.to_string(),
            kind: contract.kind,
            parent: contract.parent.as_ref().map(ToString::to_string),
            contract: contract.label(),
            purposes: contract.purposes.iter().map(ToString::to_string).collect(),
            requests_per_minute: contract.requests_per_minute,
            customers_per_day: contract.budgets.customers_per_day,
            customers_per_month: contract.budgets.customers_per_month,
            recipients_per_day: contract.budgets.recipients_per_day,
            recipients_per_month: contract.budgets.recipients_per_month,
            suspended: suspended.map(|suspension| ByAndWhy {
                time: suspension.since,
                by: suspension.by.to_string(),
                because: suspension.because.to_string(),
            }),
            resume_proposed: None,
        }
    }
}
