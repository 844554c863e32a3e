//! Stage `filter`: only what the grant gives, per record by the circumstances of its customer. What
//! is cut here is cut from the disclosure's record too, so that the ledger says what left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::decide::Permit;
use super::inspect::{Content, Inspected, Owner};
use super::route::not_found;
use crate::catalogue::{FieldId, Shape};
use crate::entry::{SubjectGroup, Withheld};
use crate::filter::{Emitted, Plan, PseudonymKey, RecordDecision};
use crate::policy::Circumstances;
use crate::refusal::Stopped;
use crate::taxonomy::Category;
use crate::terms::{CustomerRef, Form, Promise};

/// What would leave, and what the ledger must say about it.
#[derive(Debug)]
pub struct Filtered {
    /// Status.
    pub status: u16,
    /// Media type, where there is a body.
    pub media_type: Option<Arc<str>>,
    /// The bytes granted.
    pub body: Bytes,
    /// Whose data, in which form.
    pub subjects: Vec<SubjectGroup>,
    /// Distinct customers of whom something leaves.
    pub customers: BTreeSet<CustomerRef>,
    /// Fields that do not leave as they were.
    pub withheld: Vec<Withheld>,
}
