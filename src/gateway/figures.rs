//! Figures over groups of customers (P2), as two stages see to them: `admit` refuses a question whose
//! answer could be subtracted from an earlier one, before the core is asked; `inspect` remembers what is
//! released of each group, and holds back what would tell of few, before anything leaves.

use http::header;

use super::decide::Permit;
use super::exchange::Exchange;
use crate::judgement::Figures;
use crate::policy::Circumstances;
use crate::refusal::{Code, Executed, Fault, Refusal, Stopped};
use crate::registry::{Against, Asking, NotAnswered, NotKept, Registry};
use crate::terms::Promise;

/// Refuses a question that cannot be answered beside those that were.
///
/// # Errors
/// `abnormal-usage`; `record-unavailable` where the book cannot be read.
pub async fn admit(
    exchange: &Exchange,
    permit: &Permit,
    registry: &Registry,
) -> Result<(), Stopped> {
    let Some((asking, _)) = asking(permit) else {
        return Ok(());
    };
    let answerable = registry.may_answer(&asking).await.map_err(unavailable)?;
    answerable.map_err(|against| refused(against, exchange, permit).into())
}

/// Remembers what of `figures` is released, with what earlier answers speak against held back.
///
/// # Errors
/// As those of [`admit`]: in the meantime an overlapping question may have been answered.
pub async fn settle(
    exchange: &Exchange,
    permit: &Permit,
    figures: Figures,
    registry: &Registry,
) -> Result<Figures, Stopped> {
    let Some((asking, smallest)) = asking(permit) else {
        return Ok(figures);
    };
    let answered = registry.answer(&asking, figures, smallest).await;
    let answered = answered.map_err(unavailable)?;
    answered.map_err(|against| refused(against, exchange, permit).into())
}

/// What is asked, and of how many customers a figure must be; nothing where no figure may leave.
fn asking(permit: &Permit) -> Option<(Asking, u32)> {
    let circumstances = match permit.customer() {
        Some(_) => Circumstances::OWN,
        None => Circumstances::default(),
    };
    let smallest = permit.grant().smallest_group(circumstances)?;
    let asking = Asking {
        owner: permit.partner().budget_owner().clone(),
        operation: permit.operation().id.to_string(),
        question: permit.question()?.clone(),
    };
    Some((asking, smallest))
}

fn unavailable(error: NotKept) -> Stopped {
    Fault::new(Code::RecordUnavailable, format!("the book: {error}")).into()
}

fn refused(against: NotAnswered, exchange: &Exchange, permit: &Permit) -> Refusal {
    let (detail, fix) = match against.why {
        Against::Overlap => (
            "The figures asked for overlap others that were given already; subtracted from each other \
             they could tell of few customers.",
            "Ask the earlier question again, or one about days after or before it, or about other \
             customers by the same parameter.",
        ),
        Against::TooMany => (
            "More different figures were asked for than are remembered.",
            "Ask an earlier question again, or wait.",
        ),
    };
    let wait = against.until.as_second() - exchange.arrived_at.as_second();
    let refusal = Refusal::new(Code::AbnormalUsage, detail, fix)
        .promise(Promise::number(2))
        .member("case", against.why.word());
    if exchange.executed != Executed::No && !permit.operation().method.is_safe() {
        return refusal;
    }
    refusal.header(header::RETRY_AFTER, &wait.max(1).to_string())
}
