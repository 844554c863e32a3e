//! Whose what was read is.

use std::borrow::Cow;

use crate::catalogue::FieldRole;
use crate::filter::scanned::Record;
use crate::filter::uninspectable::{Reason, Uninspectable};

/// Notes `id`, whose value begins at `start`, as that of whose data `subject` is, or of a thing in it.
pub(super) fn identify<'a>(
    subject: &mut Record<'a>,
    role: FieldRole,
    id: Cow<'a, str>,
    start: usize,
) -> Result<(), Uninspectable> {
    match role {
        FieldRole::Data => {}
        FieldRole::CustomerKey => match &subject.customer {
            Some(customer) if *customer != id => {
                return Err(Uninspectable::new(Reason::SeveralCustomers, start));
            }
            _ => subject.customer = Some(id),
        },
        FieldRole::GroupSize => {
            let size = id.parse();
            subject.size = Some(size.map_err(|_| Uninspectable::new(Reason::Mismatch, start))?);
        }
        FieldRole::ResourceId(kind) => {
            if let Some(resource) = subject.resources.get_mut(kind as usize) {
                resource.get_or_insert(id);
            }
        }
    }
    Ok(())
}

/// Records that name no customer are those of the customer that is named around them.
pub(super) fn inherit<'a>(records: &mut [Record<'a>], envelope: &Record<'a>) {
    let unnamed = records.iter_mut();
    for record in unnamed.filter(|record| record.customer.is_none()) {
        record.customer.clone_from(&envelope.customer);
    }
}
