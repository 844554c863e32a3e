//! Suspensions of partners, certificates, clients and tokens: by one person, ended by two.

use std::sync::Arc;

use jiff::ToSpan as _;

use super::messages::{ByAndWhy, Changed, Outcome, SuspendedShown};
use super::partners::hint;
use super::two_persons::{Turn, proposal, turn};
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::registry::{Suspension, TOKEN_SUSPENSION_HOURS};
use crate::terms::{PartnerId, Principal};

impl Administration {
    /// Everybody who is suspended, partners first, each kind by name.
    pub async fn suspended(&self, actor: &Actor) -> Result<Vec<SuspendedShown>, NotDone> {
        Self::allow(actor, Deed::PartnerRead)?;
        let waiting = self.registry.proposals(Deed::PartnerResume.name()).await?;
        let shown = |(principal, suspension): (Principal, Suspension)| {
            let object = principal.to_string();
            let proposed = waiting.iter().find(|one| one.object == object).cloned();
            let is_token = matches!(principal, Principal::Token(_));
            let last = suspension.since + TOKEN_SUSPENSION_HOURS.hours();
            SuspendedShown {
                kind: principal.kind().to_owned(),
                name: principal.name(),
                suspended: suspension.into(),
                until: is_token.then_some(last),
                resume_proposed: proposed.map(ByAndWhy::from),
            }
        };
        let mut all: Vec<_> = self
            .registry
            .suspensions()
            .all()
            .into_iter()
            .map(shown)
            .collect();
        let now = self.clock.now();
        all.retain(|one| one.until.is_none_or(|until| now < until));
        let place = |kind: &str| (kind != "partner", kind.to_owned());
        all.sort_by_key(|one| (place(&one.kind), one.name.clone()));
        Ok(all)
    }

    /// Suspends somebody: from then on requests are refused, and connections end.
    pub async fn suspend(
        &self,
        actor: &Actor,
        principal: &Principal,
        because: &str,
    ) -> Result<Changed, NotDone> {
        Self::allow(actor, Deed::PartnerSuspend)?;
        let because = reason(because)?;
        self.known(principal)?;
        let _one_at_a_time = self.changing.lock().await;
        if let Some(known) = self.registry.suspensions().of(principal) {
            return Err(NotDone::Mistaken(format!(
                "`{principal}` is suspended already, since {} by {}: {}",
                known.since, known.by, known.because
            )));
        }
        let object = principal.to_string();
        let entry = self
            .enter(
                actor,
                Deed::PartnerSuspend.name().to_owned(),
                Some(object.clone()),
                Some(because.clone()),
            )
            .await?;
        let suspension = Suspension {
            since: self.clock.now(),
            by: Arc::clone(&actor.name),
            because: because.into(),
        };
        self.registry.suspend(principal, suspension, entry).await?;
        // A proposal to resume was about the suspension before this one.
        let resume = Deed::PartnerResume.name();
        self.registry.settle(resume, &object).await?;
        Ok(Changed {
            outcome: Outcome::Suspended,
            entry,
        })
    }

    /// Ends a partnership: the partner is suspended from then on, whether it was already or not, and stays so
    /// when its contract is gone. To begin again two people resume it.
    pub async fn end(&self, actor: &Actor, id: &str, because: &str) -> Result<Changed, NotDone> {
        Self::allow(actor, Deed::PartnerEnd)?;
        let because = reason(because)?;
        let partner = PartnerId::parse(id)
            .ok_or_else(|| NotDone::Mistaken(format!("`{id}` is not a partner's id")))?;
        let principal = Principal::Partner(partner);
        let _one_at_a_time = self.changing.lock().await;
        let known = self.registry.suspensions().of(&principal);
        if known.is_none() {
            self.known(&principal)?;
        }
        let object = principal.to_string();
        let action = Deed::PartnerEnd.name().to_owned();
        let words = Some(because.clone());
        let entry = self
            .enter(actor, action, Some(object.clone()), words)
            .await?;
        if known.is_none() {
            let suspension = Suspension {
                since: self.clock.now(),
                by: Arc::clone(&actor.name),
                because: because.into(),
            };
            self.registry.suspend(&principal, suspension, entry).await?;
        }
        // A proposal to resume was made before anybody knew that it ends.
        let resume = Deed::PartnerResume.name();
        self.registry.settle(resume, &object).await?;
        let outcome = Outcome::Suspended;
        Ok(Changed { outcome, entry })
    }

    /// Ends a suspension, or proposes it to a second person.
    pub async fn resume(
        &self,
        actor: &Actor,
        principal: &Principal,
        because: &str,
    ) -> Result<Changed, NotDone> {
        let deed = Deed::PartnerResume.name();
        Self::allow(actor, Deed::PartnerResume)?;
        let because = reason(because)?;
        let object = principal.to_string();
        let _one_at_a_time = self.changing.lock().await;
        if self.registry.suspensions().of(principal).is_none() {
            self.known(principal)?;
            return Err(NotDone::Mistaken(format!("`{object}` is not suspended")));
        }
        let waiting = self.registry.proposal(deed, &object).await?;
        let (action, outcome) = match turn(waiting.as_ref(), actor)? {
            Turn::First => (format!("{deed}.propose"), Outcome::Proposed),
            Turn::Second => (deed.to_owned(), Outcome::Resumed),
        };
        let entry = self
            .enter(actor, action, Some(object.clone()), Some(because.clone()))
            .await?;
        if outcome == Outcome::Proposed {
            let proposal = proposal(actor, deed, object, because, self.clock.now());
            self.registry.propose(proposal, entry).await?;
        } else {
            self.registry.resume(principal).await?;
            self.registry.settle(deed, &object).await?;
        }
        Ok(Changed { outcome, entry })
    }

    /// Partners and clients stand in contracts; one that does not is mistyped. Contracts need not name
    /// every certificate, and name no token.
    fn known(&self, principal: &Principal) -> Result<(), NotDone> {
        match principal {
            Principal::Partner(id) => self.contract(id.as_str()).map(drop),
            Principal::Client(name) => {
                let contracts = (self.contracts)();
                let clients = || {
                    let all = contracts.iter();
                    all.flat_map(|contract| {
                        let credentials = &contract.credentials;
                        let keys = credentials.api_keys.iter();
                        let clients = credentials.clients.iter().map(|client| &**client);
                        clients.chain(keys.map(|key| &*key.prefix))
                    })
                };
                if clients().any(|client| client == &**name) {
                    return Ok(());
                }
                let hint = hint(name, clients());
                let message = format!("no contract names a client `{name}`{hint}");
                Err(NotDone::NotFound(message))
            }
            Principal::Certificate(_) | Principal::Token(_) => Ok(()),
        }
    }
}
