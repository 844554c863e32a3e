//! Stage `decide`: the rules' answer. A [`Permit`] is made here and nowhere else; without one nothing
//! is forwarded, filtered or recorded.

use std::sync::Arc;

use super::authenticate::Partner;
use super::exchange::Exchange;
use super::read::Reading;
use crate::catalogue::Operation;
use crate::edge::AcceptedHead;
use crate::judgement::{self, OnBehalf, Question};
use crate::policy::Grant;
use crate::refusal::Stopped;
use crate::taxonomy::Purpose;

/// Why this request may be forwarded, and in which form what may leave.
#[derive(Clone, Debug)]
pub struct Permit {
    partner: Partner,
    operation: Arc<Operation>,
    purpose: Purpose,
    customer: Option<OnBehalf>,
    grant: Grant,
    question: Option<Question>,
    said: Arc<[Box<str>]>,
}

impl Permit {
    /// Who was permitted.
    pub fn partner(&self) -> &Partner {
        &self.partner
    }

    /// What was permitted.
    pub fn operation(&self) -> &Arc<Operation> {
        &self.operation
    }

    /// For what.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// On whose behalf.
    pub fn customer(&self) -> Option<&OnBehalf> {
        self.customer.as_ref()
    }

    /// Which figures it asks for, where it asks for any.
    pub fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    /// What the request said in its path and its query, decoded.
    pub fn said(&self) -> &[Box<str>] {
        &self.said
    }

    /// In which form each category may leave.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}

/// Decides.
///
/// # Errors
/// The refusals of purpose, marketing, export, contract and page size.
pub fn decide(
    exchange: &mut Exchange,
    partner: Partner,
    operation: &Arc<Operation>,
    reading: &Reading,
    head: &AcceptedHead,
) -> Result<Permit, Stopped> {
    let contract = partner.contract();
    let policy = &partner.rules().policy;
    let narrowed = partner.purposes();
    let facts = &mut exchange.facts;
    facts.page_records = reading.asked.page_records;
    facts.signals = reading.asked.signals();
    let purpose = judgement::choose_purpose(policy, contract, narrowed, head)?;
    facts.purpose = Some(purpose.key().to_owned());
    let call = reading.call(contract, operation, purpose, exchange.today());
    let grant = judgement::decide(policy, &call, head)?;
    Ok(Permit {
        operation: Arc::clone(operation),
        customer: reading.subject.customer.clone(),
        partner,
        purpose,
        grant,
        question: reading.question.clone(),
        said: judgement::said(head).into(),
    })
}
