//! Partners: listed and shown.

use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use super::messages::{ByAndWhy, PartnerShown, UsageShown, WindowShown};
use super::{Actor, Administration, Deed, NotDone};
use crate::allowance::budgets::WindowState;
use crate::policy::contract::{Budgets, Contract};
use crate::terms::Principal;

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
            resume_proposed: waiting.map(ByAndWhy::from),
            ..self.shown(&contract)
        })
    }

    /// What every partner has used of its budgets, by id.
    pub fn usage(&self, actor: &Actor) -> Result<Vec<UsageShown>, NotDone> {
        Self::allow(actor, Deed::PartnerRead)?;
        let mut contracts = (self.contracts)();
        contracts.sort_by(|one, other| one.partner.cmp(&other.partner));
        Ok(contracts
            .iter()
            .map(|contract| self.used(contract))
            .collect())
    }

    /// What one partner has used.
    pub fn usage_of(&self, actor: &Actor, id: &str) -> Result<UsageShown, NotDone> {
        Self::allow(actor, Deed::PartnerRead)?;
        Ok(self.used(&*self.contract(id)?))
    }

    fn used(&self, contract: &Contract) -> UsageShown {
        let now = self.clock.now();
        let today = now.to_zoned(TimeZone::UTC).date();
        let owner = contract.parent.as_ref().unwrap_or(&contract.partner);
        let state = self.allowance.state(owner, contract.budgets_on(today));
        let shown = |window: &WindowState| {
            // Where there is no limit, so many are told apart and no more.
            let most = window.limit.unwrap_or(Budgets::PEOPLE_MAX);
            let reset = i64::try_from(window.reset_seconds).unwrap_or_default();
            WindowShown {
                name: window.name.to_owned(),
                limit: window.limit,
                used: most.saturating_sub(window.remaining),
                resets_at: now.checked_add(reset.seconds()).unwrap_or(now),
            }
        };
        UsageShown {
            partner: contract.partner.to_string(),
            owner: owner.to_string(),
            windows: state.windows().iter().map(shown).collect(),
        }
    }

    pub(super) fn contract(&self, id: &str) -> Result<Arc<Contract>, NotDone> {
        let contracts = (self.contracts)();
        let found = contracts
            .iter()
            .find(|contract| contract.partner.as_str() == id);
        if let Some(contract) = found {
            return Ok(Arc::clone(contract));
        }
        let known = contracts.iter().map(|contract| contract.partner.as_str());
        let hint = hint(id, known);
        Err(NotDone::NotFound(format!(
            "no contract names a partner `{id}`{hint}"
        )))
    }

    fn shown(&self, contract: &Contract) -> PartnerShown {
        let partner = Principal::Partner(contract.partner.clone());
        let suspended = self.registry.suspensions().of(&partner);
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
            suspended: suspended.map(ByAndWhy::from),
            resume_proposed: None,
        }
    }
}

/// The known name that is most like `name`, to be asked after.
pub(super) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let alike = |known: &'a str| {
        let likeness = strsim::jaro_winkler(name, known);
        (likeness >= ALIKE_MIN).then_some((likeness, known))
    };
    let nearest = known
        .filter_map(alike)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    nearest.map_or(String::new(), |(_, known)| {
        format!("; did you mean `{known}`?")
    })
}
