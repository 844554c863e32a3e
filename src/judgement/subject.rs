//! On whose behalf a request is made: the one customer that all its selectors lead to.

use std::sync::Arc;

use super::ask::{Asked, Selector};
use crate::catalogue::{Creates, Operation};
use crate::policy::Circumstances;
use crate::refusal::{Code, Refusal};
use crate::taxonomy::Purpose;
use crate::terms::{CustomerRef, Promise, ResourceKind};

/// A customer of the calling partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBehalf {
    /// The id the core knows.
    pub id: Arc<str>,
    /// The reference the ledger knows.
    pub reference: CustomerRef,
}

/// On whose behalf a request is made, and what it may be used for.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// On whose behalf.
    pub customer: Option<OnBehalf>,
    /// What the things it names were uploaded for (P11).
    pub uploaded_for: Option<Purpose>,
}

/// On whose behalf the request is made. `find` says whose a selector's is, and what it was uploaded
/// for; nothing when it is not the calling partner's.
///
/// # Errors
/// `not-found` for what is not this partner's; `request-malformed` where selectors contradict each
/// other, or where something would come to be that is nobody's; `purpose-not-allowed` (P11).
pub fn subject(
    asked: &Asked,
    operation: &Operation,
    mut find: impl FnMut(&Selector) -> Option<(OnBehalf, Option<Purpose>)>,
) -> Result<Subject, Box<Refusal>> {
    let mut subject = Subject::default();
    for selector in &asked.selectors {
        let (customer, uploaded_for) = find(selector).ok_or_else(Refusal::not_found)?;
        subject.on_behalf(customer)?;
        subject.uploaded_for(uploaded_for)?;
    }
    match (operation.creates, &subject.customer) {
        (Some(Creates::Resource(kind)), None) => Err(ownerless(kind).into()),
        _ => Ok(subject),
    }
}

impl Subject {
    /// What is known beforehand of the customer it names: the partner's own, for any other was not
    /// found. Consent is not claimed: it is for some categories, and those are judged one by one in
    /// the answer.
    pub fn circumstances(&self) -> Circumstances {
        match self.customer {
            Some(_) => Circumstances::OWN,
            None => Circumstances::default(),
        }
    }

    /// Two selectors must agree: both are this partner's customers by now, so saying so reveals nothing.
    fn on_behalf(&mut self, customer: OnBehalf) -> Result<(), Box<Refusal>> {
        match &self.customer {
            Some(other) if *other != customer => Err(Refusal::new(
                Code::RequestMalformed,
                "Two parts of the request name different customers.",
                "Name one customer, or make one request for each.",
            )
            .promise(Promise::number(5))
            .into()),
            _ => {
                self.customer = Some(customer);
                Ok(())
            }
        }
    }

    /// Of several things each is held to what it was uploaded for (P11): the narrower purpose lies within
    /// the wider one, so it alone is kept; two that share nothing leave no purpose to use both for.
    fn uploaded_for(&mut self, purpose: Option<Purpose>) -> Result<(), Box<Refusal>> {
        self.uploaded_for = match (self.uploaded_for, purpose) {
            (known, None) => known,
            (None, purpose) => purpose,
            (Some(known), Some(purpose)) if known.is_within(purpose) => Some(known),
            (Some(known), Some(purpose)) if purpose.is_within(known) => Some(purpose),
            (Some(known), Some(purpose)) => {
                return Err(Refusal::new(
                    Code::PurposeNotAllowed,
                    "The request uses things together that were uploaded for different purposes.",
                    format!(
                        "Upload both for one purpose; these are for `{known}` and `{purpose}`."
                    ),
                )
                .promise(Promise::number(11))
                .into());
            }
        };
        Ok(())
    }
}

/// What comes to be must belong to somebody, and that is known before the core makes it.
fn ownerless(kind: ResourceKind) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        format!("The request does not say whose {} it makes.", kind.word()),
        "Name the customer it is made for.",
    )
}
