//! What goes over the socket about the end of a partnership, and about what partners used.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Body of the end of a partnership.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerEnd {
    /// The partner's id.
    pub partner: String,
    /// Why.
    pub because: String,
}

/// What one partner has used of its budgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageShown {
    /// The partner's id.
    pub partner: String,
    /// Whose budgets they are: its own, or those of the parent of a co-brand.
    pub owner: String,
    /// Every budget.
    pub windows: Vec<WindowShown>,
}

/// One budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowShown {
    /// For example `customers-day`.
    pub name: String,
    /// Different people in the window, where there is a limit.
    pub limit: Option<u32>,
    /// How many were seen.
    pub used: u32,
    /// When the window ends.
    pub resets_at: Timestamp,
}
