//! `/.covenant/usage`: rate and budgets, what is left of them, and when each ends at the present pace.

use jiff::Timestamp;
use jiff::ToSpan as _;
use serde_json::{Value, json};

use crate::allowance::budgets::WindowState;
use crate::allowance::{BudgetState, RateState, headers, rates};

/// The page of a partner whose rate and budgets are in this state at `now`.
pub(super) fn page(now: Timestamp, rate: &RateState, budgets: &BudgetState) -> Value {
    let windows = budgets.windows();
    json!({
        "time": now.to_string(),
        "rates": [{
            "name": headers::RATE_POLICY,
            "limit": rate.limit,
            "window_seconds": rates::WINDOW_SECONDS,
            "used": rate.limit.saturating_sub(rate.remaining),
            "remaining": rate.remaining,
            "reset_seconds": rate.reset_seconds,
        }],
        "budgets": windows.iter().map(|window| budget(now, window)).collect::<Vec<_>>(),
        "note": "A budget counts different people; whoever was read in its window already is free. \
                 A co-brand shares the budgets of its parent.",
    })
}

fn budget(now: Timestamp, window: &WindowState) -> Value {
    let Some(limit) = window.limit else {
        return json!({
            "name": window.name,
            "limit": null,
            "window_seconds": window.window_seconds,
            "reset_seconds": window.reset_seconds,
            "forecast": "Counted, and not limited.",
        });
    };
    let (ends_at, words) = forecast(now, limit, window);
    json!({
        "name": window.name,
        "limit": limit,
        "window_seconds": window.window_seconds,
        "used": limit.saturating_sub(window.remaining),
        "remaining": window.remaining,
        "reset_seconds": window.reset_seconds,
        "ends_at": ends_at,
        "forecast": words,
    })
}

/// When the budget ends, where it does in this window: what was used so far goes on evenly.
fn forecast(now: Timestamp, limit: u32, window: &WindowState) -> (Option<String>, String) {
    let used = u64::from(limit.saturating_sub(window.remaining));
    if window.remaining == 0 {
        let reset = window.reset_seconds;
        return (
            Some(now.to_string()),
            format!("Used up; there is room again in {reset} seconds."),
        );
    }
    let elapsed = window.window_seconds.saturating_sub(window.reset_seconds);
    let lasts = "At the present pace it lasts until its window ends.".to_owned();
    // Of nothing, or over no time, there is no pace.
    let left = elapsed
        .max(1)
        .saturating_mul(window.remaining.into())
        .checked_div(used);
    let left = left.filter(|left| *left < window.reset_seconds);
    let end = left.and_then(|left| {
        let left = i64::try_from(left).ok()?;
        now.checked_add(left.seconds()).ok()
    });
    end.map_or((None, lasts), |end| {
        let words = format!("At the present pace it ends at {end}, before its window does.");
        (Some(end.to_string()), words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(remaining: u32, reset_seconds: u64) -> (Option<String>, String) {
        let now = "2026-11-28T06:00:00Z".parse().unwrap();
        let window = WindowState {
            name: "customers-day",
            limit: Some(100),
            window_seconds: 86_400,
            remaining,
            reset_seconds,
        };
        forecast(now, 100, &window)
    }

    #[test]
    fn a_budget_ends_where_its_present_pace_leads() {
        let quarter = 64_800;
        assert_eq!(
            told(50, quarter).0.as_deref(),
            Some("2026-11-28T12:00:00Z"),
            "half in six hours"
        );
        assert_eq!(told(80, quarter).0, None, "a fifth in six hours");
        assert_eq!(told(100, quarter).0, None, "nothing yet");
        assert!(told(0, quarter).1.contains("64800 seconds"));
        assert!(told(99, 86_400).0.is_some(), "one in no time");
    }
}
