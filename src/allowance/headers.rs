//! What a partner is told about its limits: the fields of draft-ietf-httpapi-ratelimit-headers
//! (`RateLimit-Policy`, `RateLimit`), and the same shape for distinct people
//! (`Covenant-Budget-Policy`, `Covenant-Budget`). Values are RFC 9651 lists of strings with integer
//! parameters: q quota, w window in seconds, r remaining, t seconds until it resets.

use super::budgets::BudgetState;
use super::rates::{RateState, WINDOW_SECONDS};

/// Name of the rate's policy, in headers and `violated-policies`.
pub const RATE_POLICY: &str = "requests";

/// Value of `RateLimit-Policy`: `"requests";q=600;w=60`.
pub fn rate_limit_policy(state: &RateState) -> String {
    format!(r#""{RATE_POLICY}";q={};w={WINDOW_SECONDS}"#, state.limit)
}

/// Value of `RateLimit`: `"requests";r=588;t=41`.
pub fn rate_limit(state: &RateState) -> String {
    format!(
        r#""{RATE_POLICY}";r={};t={}"#,
        state.remaining, state.reset_seconds
    )
}

/// Value of `Covenant-Budget-Policy`: `"customers-day";q=500;w=86400, "customers-month";…`. Windows
/// without a limit are not told.
pub fn budget_policy(state: &BudgetState) -> String {
    let told = state.windows().into_iter().filter_map(|window| {
        let (name, seconds) = (window.name, window.window_seconds);
        Some(format!(r#""{name}";q={};w={seconds}"#, window.limit?))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Value of `Covenant-Budget`: `"customers-day";r=131;t=40511, "customers-month";…`, likewise.
pub fn budget(state: &BudgetState) -> String {
    let told = state
        .windows()
        .into_iter()
        .filter(|window| window.limit.is_some());
    let told = told.map(|window| {
        let (name, seconds) = (window.name, window.reset_seconds);
        format!(r#""{name}";r={};t={seconds}"#, window.remaining)
    });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::budgets::{SubjectState, WindowState};
    use super::*;
    use sfv::{List, ListEntry, Parser};

    fn members(text: &str) -> Vec<(String, Vec<(String, i64)>)> {
        let list: List = Parser::new(text).parse().unwrap();
        let member = |entry: ListEntry| {
            let ListEntry::Item(item) = entry else {
                panic!("an inner list in {text}")
            };
            let integer = |value: sfv::BareItem| i64::from(value.as_integer().unwrap());
            let parameters = item.params.into_iter();
            (
                item.bare_item.as_string().unwrap().as_str().to_owned(),
                parameters
                    .map(|(key, value)| (key.as_str().to_owned(), integer(value)))
                    .collect(),
            )
        };
        list.into_iter().map(member).collect()
    }

    #[test]
    fn a_rate_is_told_as_structured_fields() {
        let state = RateState {
            limit: 600,
            remaining: 588,
            reset_seconds: 41,
        };
        let parameters = |name: &str, value| (name.to_owned(), value);
        assert_eq!(
            members(&rate_limit_policy(&state)),
            [(
                "requests".to_owned(),
                vec![parameters("q", 600), parameters("w", 60)]
            )]
        );
        assert_eq!(
            members(&rate_limit(&state)),
            [(
                "requests".to_owned(),
                vec![parameters("r", 588), parameters("t", 41)]
            )]
        );
    }

    #[test]
    fn a_budget_is_told_as_windows_of_the_same_shape_and_what_has_no_limit_is_not() {
        let window = |name, limit: Option<u32>, window_seconds| WindowState {
            name,
            limit,
            window_seconds,
            remaining: limit.unwrap_or(u32::MAX) - 1,
            reset_seconds: 40_511,
        };
        let state = BudgetState {
            customers: SubjectState {
                day: window("customers-day", Some(500), 86_400),
                month: window("customers-month", Some(u32::MAX), 2_592_000),
            },
            recipients: SubjectState {
                day: window("recipients-day", None, 86_400),
                month: window("recipients-month", Some(9), 2_592_000),
            },
        };
        assert_eq!(
            budget_policy(&state),
            r#""customers-day";q=500;w=86400, "customers-month";q=4294967295;w=2592000, "recipients-month";q=9;w=2592000"#
        );
        let parsed = members(&budget(&state));
        assert_eq!(parsed.len(), 3);
        assert_eq!(
            parsed[0].1,
            [("r".to_owned(), 499), ("t".to_owned(), 40_511)]
        );
        assert_eq!(members(&budget_policy(&state)).len(), 3);
    }
}
