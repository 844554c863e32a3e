//! What is known of an answer before it is seen, by the grant alone: for answers that leave in parts, whose headers
//! leave first.

use super::answer::Owner;
use super::release::{Case, Granted, LINK_PROMISE, case_of, forms};
use crate::catalogue::{Field, FieldId, FieldRole, Shape};
use crate::filter::stream::outside_records;
use crate::filter::{Plan, Treatment, WithheldField, withheld_link};
use crate::policy::{Circumstances, Grant};
use crate::terms::Promise;

/// The fields that do not leave as they are, with the promise kept by it, as far as that is known before
/// an answer is seen: of records of the partner's own customers, and `around` the records. Whether a link
/// leads anywhere is not known, so that it is one of them.
pub fn withheld_beforehand(
    shape: &Shape,
    grant: &Grant,
    around: &Owner,
) -> Vec<(WithheldField, Promise)> {
    let of_case = |case: Case| Granted {
        case,
        plan: Plan::new(shape, &forms(grant, case)),
    };
    let records = of_case(Case {
        circumstances: Circumstances::OWN,
        ..Case::default()
    });
    let around = of_case(case_of(around));
    let outside = outside_records(shape);
    let fields = shape.fields.iter();
    let mut withheld = Vec::new();
    for (id, field) in (0..=u16::MAX).map(FieldId).zip(fields) {
        // A key around records is that of those which follow.
        let granted = if outside.contains(id) && field.role != FieldRole::CustomerKey {
            &around
        } else {
            &records
        };
        let mut fields = granted.plan.withheld().iter();
        if let Some(found) = fields.find(|one| one.field == id) {
            withheld.push((*found, granted.withheld_by(grant, field)));
        } else if granted.plan.treatment(id) == Treatment::Link {
            let method = withheld_link(field);
            withheld.push((WithheldField { field: id, method }, LINK_PROMISE));
        }
    }
    withheld
}

/// The plans under `grant` of records of `shape`, whoever they are of. A field of a customer who consented or
/// agreed to some categories only is treated as one of these says.
pub fn plans_of_any_owner(shape: &Shape, grant: &Grant) -> Vec<Plan> {
    let forms = Circumstances::all().map(|circumstances| grant.forms(circumstances));
    forms.map(|forms| Plan::new(shape, forms)).collect()
}

/// Whether anything can be withheld of a record of `shape` that leaves, whoever it is of.
pub fn may_withhold(shape: &Shape, grant: &Grant) -> bool {
    let is_ownerless = !shape.fields.iter().any(Field::is_personal);
    let plans: Vec<_> = Circumstances::all()
        .zip(plans_of_any_owner(shape, grant))
        .collect();
    // Consent and agreements open some categories, so that one record can be treated as two of them say.
    plans.iter().any(|(about, plan)| {
        let leaves = is_ownerless || !plan.discloses_nothing();
        let mut others = plans.iter();
        leaves
            && others.any(|(other, plan)| {
                let alike = (other.own, other.order) == (about.own, about.order);
                alike && !plan.withheld().is_empty()
            })
    })
}
