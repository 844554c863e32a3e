//! `covenant partner usage`: what is left of budgets.

use super::super::output::{Format, say_rows, tell};
use super::path;
use crate::administration::client::Client;
use crate::administration::messages::{UsageShown, WindowShown};

/// Shows one partner's, or everyone's; returns the exit code.
pub(super) async fn run(client: &Client, partner: Option<&str>, format: Format) -> u8 {
    match partner {
        None => {
            let all = client.get("/usage").await;
            tell(all, format, |all: &Vec<UsageShown>| say_all(all))
        }
        Some(partner) => {
            let Some(path) = path(partner) else {
                return 2;
            };
            let shown = client.get(&format!("{path}/usage")).await;
            tell(shown, format, |shown: &UsageShown| {
                say_all(std::slice::from_ref(shown));
            })
        }
    }
}

fn say_all(all: &[UsageShown]) {
    let row = |shown: &UsageShown, window: &WindowShown| {
        let limit = window.limit.map(|limit| limit.to_string());
        vec![
            shown.partner.clone(),
            window.name.clone(),
            window.used.to_string(),
            limit.unwrap_or_else(|| "no limit".to_owned()),
            window.resets_at.to_string(),
            match shown.owner == shown.partner {
                true => String::new(),
                false => format!("shared with {}", shown.owner),
            },
        ]
    };
    let rows: Vec<_> = all
        .iter()
        .flat_map(|shown| shown.windows.iter().map(|window| row(shown, window)))
        .collect();
    say_rows(&["partner", "budget", "used", "of", "until", ""], &rows);
}
