//! Stage `read`: the facts of the request that decide, and on whose behalf it is made, by the book.
//!
//! The gateway, not the partner, says on whose behalf the core is called: selectors are checked
//! against the book, and the one customer they name is set again by `forward`.

use bytes::Bytes;
use jiff::civil::Date;

use crate::catalogue::{Operation, Routed};
use crate::edge::AcceptedHead;
use crate::judgement::{Asked, Call, OnBehalf, Question, Selector, Subject, ask, subject};
use crate::policy::Standing;
use crate::policy::contract::Contract;
use crate::refusal::Stopped;
use crate::registry::Registry;
use crate::taxonomy::Purpose;

/// What the request says that the rules must know.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What it asks for.
    pub asked: Asked,
    /// On whose behalf.
    pub subject: Subject,
    /// Which figures it asks for, where it asks for any.
    pub question: Option<Question>,
}

impl Reading {
    /// The call that the rules decide about. `authenticate` has refused whoever is suspended.
    pub fn call<'a>(
        &'a self,
        contract: &'a Contract,
        operation: &'a Operation,
        purpose: Purpose,
        today: Date,
    ) -> Call<'a> {
        Call {
            contract,
            standing: Standing::Good,
            operation,
            purpose,
            asked: &self.asked,
            subject: &self.subject,
            circumstances: self.subject.circumstances(),
            today,
        }
    }
}

/// Reads the facts. `body` is the whole body, within its limit.
///
/// # Errors
/// `not-found` for a customer or thing that is not this partner's, `request-uninspectable` for a
/// body of another kind than the catalogue has, `request-malformed` for contradictions.
pub fn read(
    routed: &Routed,
    head: &AcceptedHead,
    body: &Bytes,
    contract: &Contract,
    registry: &Registry,
) -> Result<Reading, Stopped> {
    let asked = ask(routed, head, body)?;
    let question = Question::of(routed, head, body)?;
    let found = |selector: &Selector| in_book(selector, contract, registry);
    let subject = subject(&asked, &routed.operation, found)?;
    Ok(Reading {
        asked,
        subject,
        question,
    })
}

/// Whose a selector's is by the book, where that is a customer of the calling partner.
fn in_book(
    selector: &Selector,
    contract: &Contract,
    registry: &Registry,
) -> Option<(OnBehalf, Option<Purpose>)> {
    match selector {
        Selector::Customer(id) => {
            let row = registry.customer(id)?;
            let customer = OnBehalf {
                id: id.as_str().into(),
                reference: row.reference,
            };
            (row.partner == contract.partner).then_some((customer, None))
        }
        Selector::Resource(kind, id) => {
            let row = registry.resource(*kind, id)?;
            let customer = OnBehalf {
                id: row.customer_id,
                reference: row.customer,
            };
            (row.partner == contract.partner).then_some((customer, row.purpose))
        }
    }
}
