//! Stage `decide`: the rules' answer. A [`Permit`] is made here and nowhere else; without one nothing
//! is forwarded, filtered or recorded.

use std::sync::Arc;

use http::header;
use serde_json::Value;

use super::authenticate::Partner;
use super::exchange::Exchange;
use super::read::{OnBehalf, Reading};
use super::route::Route;
use crate::catalogue::{Operation, Place, Role};
use crate::edge::AcceptedHead;
use crate::policy::{AccessRequest, Circumstances, Grant, Standing, with_purposes};
use crate::refusal::{Code, Refusal, Stopped};
use crate::taxonomy::Purpose;
use crate::terms::Promise;

/// Why this request may be forwarded, and in which form what may leave.
#[derive(Clone, Debug)]
pub struct Permit {
    partner: Partner,
    operation: Arc<Operation>,
    purpose: Purpose,
    customer: Option<OnBehalf>,
    grant: Grant,
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
    route: &Route,
    reading: &Reading,
    head: &AcceptedHead,
) -> Result<Permit, Stopped> {
    let operation = &route.operation;
    let contract = partner.contract();
    let policy = &partner.rules().policy;
    let narrowed = partner.token().purposes.as_deref();
    let purpose = policy.choose_purpose(contract, narrowed, declared_purpose(head)?)?;
    let facts = &mut exchange.facts;
    facts.purpose = Some(purpose.key().to_owned());
    facts.page_records = reading.page_records;
    facts.signals = reading
        .marketing_signals
        .iter()
        .map(|&signal| signal.to_owned())
        .collect();
    let decided = policy.decide(&AccessRequest {
        partner: &contract.partner,
        // `authenticate` has refused whoever is suspended, by the registry.
        standing: Standing::Good,
        operation,
        purpose,
        marketing_signals: &reading.marketing_signals,
        page_records: reading.page_records,
        today: exchange.today(),
        circumstances: known_beforehand(reading),
    });
    let grant = decided.map_err(|refusal| with_alternate(*refusal, operation, head))?;
    refuse_other_use(reading, purpose, &contract.purposes)?;
    let operation = Arc::clone(operation);
    let customer = reading.customer.clone();
    Ok(Permit {
        partner,
        operation,
        purpose,
        customer,
        grant,
    })
}

/// `read` has looked up whose customer the request names, and refused all but the partner's own.
/// Consent is not claimed: it is for some categories, and those are judged one by one in the answer.
fn known_beforehand(reading: &Reading) -> Circumstances {
    match reading.customer {
        Some(_) => Circumstances::OWN,
        None => Circumstances::default(),
    }
}

/// The one purpose declared; the edge has refused two.
fn declared_purpose(head: &AcceptedHead) -> Result<Option<&str>, Stopped> {
    let declared = head.headers().get("purpose-of-use");
    declared
        .map(|value| value.to_str())
        .transpose()
        .map_err(|_| {
            Refusal::new(
                Code::RequestMalformed,
                "The header `Purpose-Of-Use` is not plain text.",
                "Send one purpose, as its key is written.",
            )
            .into()
        })
}

/// A page that is too large is never clamped: the refusal links to the one that would be served.
fn with_alternate(refusal: Refusal, operation: &Operation, head: &AcceptedHead) -> Refusal {
    let size = operation.parameters.iter().find(|parameter| {
        matches!(parameter.role, Role::PageSize { .. }) && parameter.place == Place::Query
    });
    let max = refusal.members.get("max").and_then(Value::as_u64);
    match (refusal.code, size, max) {
        (Code::PageTooLarge, Some(size), Some(max)) => {
            let mut query = head.query().clone();
            query.set(&size.name, &max.to_string());
            let link = format!("<{}?{query}>; rel=\"alternate\"", head.path().as_str());
            refusal.header(header::LINK, &link)
        }
        _ => refusal,
    }
}

/// Lists and documents are used for what they were uploaded for, and for nothing else (P11).
fn refuse_other_use(
    reading: &Reading,
    purpose: Purpose,
    granted: &[Purpose],
) -> Result<(), Stopped> {
    let Some(uploaded) = reading.uploaded_for else {
        return Ok(());
    };
    if purpose.is_within(uploaded) {
        return Ok(());
    }
    let within = granted.iter().copied();
    let within: Vec<Purpose> = within.filter(|one| one.is_within(uploaded)).collect();
    let fix = if within.is_empty() {
        "Upload it again for the purpose it is needed for."
    } else {
        "Declare one of the allowed purposes: those it was uploaded for."
    };
    let refusal = Refusal::new(
        Code::PurposeNotAllowed,
        "This was uploaded for another purpose than the one declared.",
        fix,
    );
    let refusal = refusal.promise(Promise::number(11));
    Err(with_purposes(refusal, purpose.key(), &within).into())
}
