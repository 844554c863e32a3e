//! The lines that do by hand what the tour does, for a POSIX shell with `curl` and `covenant` in its
//! path.

use std::path::Path;

use serde_json::json;

use super::{PAGE_RECORDS, PARTNER, PURPOSE, Subjects};
use crate::demo::core::World;

/// Pages that the printed line of the sweep asks for: one more than the budget has room for.
const PRINTED_PAGES: usize = 6;
/// Position in the first segment of a byte of the first entry's text.
const FIRST_ENTRY_BYTE: u64 = 4_200;

/// The lines that do each step by hand, against `covenant demo` with its files in `directory`: each
/// can be pasted into a shell as it stands, again and again.
pub fn curl_lines(directory: &Path, port: u16, world: &World) -> Vec<String> {
    let Ok(subjects) = Subjects::of(world) else {
        return Vec::new();
    };
    let directory = shell_word(directory);
    let Subjects {
        customer,
        job,
        document,
    } = subjects;
    let curl = |arguments: &[String]| {
        format!(
            "curl -si --cacert {directory}/certs/ca.crt --cert {directory}/{PARTNER}.crt --key {directory}/{PARTNER}.key \\\n\
             \x20 -H \"Authorization: Bearer $(cat {directory}/{PARTNER}.token)\" -H 'Purpose-Of-Use: {PURPOSE}' \\\n\
             \x20 {}",
            arguments.join(" \\\n  ")
        )
    };
    let at = |target: &str| format!("'https://localhost:{port}{target}'");
    let audience =
        json!({"name": "Spring offers", "document_id": document, "audience": {"states": ["ME"]}});
    let json = format!("-H 'Content-Type: application/json' -d '{audience}'");
    let page = format!("/v1/customers?limit={PAGE_RECORDS}");
    let sweep = format!("{page}&cursor={{{}}}", sweep_cursors(world).join(","));
    vec![
        curl(&[at(&format!("/v1/jobs/{job}"))]),
        curl(&[at(&format!("/v1/customers/{customer}"))]),
        curl(&[json, at("/v1/campaigns")]),
        curl(&[at("/v1/customers.csv"), at("/v1/customers?limit=1000")]),
        curl(&[at(&page), at(&sweep)]),
        format!("covenant ledger report --config {directory}/covenant.toml --customer {customer}"),
        format!("covenant ledger verify --dir {directory}/ledger"),
        tamper_line(&directory),
    ]
}

/// What follows each page of the sweep, up to the page that the budget ends: curl asks for them in
/// this order.
fn sweep_cursors(world: &World) -> Vec<&str> {
    let customers = world.customers_of(Some(PARTNER));
    let last_of_pages = customers.skip(PAGE_RECORDS - 1).step_by(PAGE_RECORDS);
    last_of_pages
        .take(PRINTED_PAGES - 1)
        .map(|customer| customer.id.as_str())
        .collect()
}

/// Changes one letter of the first entry in a copy of the ledger, and verifies the copy.
fn tamper_line(directory: &str) -> String {
    format!(
        "rm -rf {directory}/copy && cp -r {directory}/ledger {directory}/copy\n\
         printf X | dd of={directory}/copy/journal/0000000000.segment bs=1 seek={FIRST_ENTRY_BYTE} conv=notrunc status=none\n\
         covenant ledger verify --dir {directory}/copy; echo \"exit $?\""
    )
}

/// The path as one word of a shell, without quotation marks where it needs none.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stays_one_word_whatever_it_is_called() {
        assert_eq!(
            shell_word(Path::new("/tmp/covenant-demo")),
            "/tmp/covenant-demo"
        );
        assert_eq!(shell_word(Path::new("it's; mine")), r"'it'\''s; mine'");
    }

    #[test]
    fn the_sweep_asks_for_the_page_after_the_budget() {
        let world = World::invent();
        let cursors = sweep_cursors(&world);
        assert_eq!(cursors.len(), PRINTED_PAGES - 1);
        let mut ids = world.customers_of(Some(PARTNER)).map(|one| one.id.as_str());
        let position = ids.position(|id| Some(&id) == cursors.last());
        assert_eq!(position, Some((PRINTED_PAGES - 1) * PAGE_RECORDS - 1));
    }
}
