//! Comparisons of the shipped policies with edits of them.

use super::*;
use crate::rules::fixture::{Edit, edited, shipped};

const ACME: &str = "partners/acme.yaml";
const OVERLAY: &str = "catalogue/mailing.overlay.yaml";

/// The differences that `edits` make to the shipped policies, without summary and headings.
fn told(edits: &[Edit<'_>]) -> Vec<String> {
    let text = Comparison::of(shipped(), &edited(edits)).to_text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("  "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_set_does_not_differ_from_itself_nor_from_one_with_other_comments() {
    let same = Comparison::of(shipped(), shipped());
    assert!(same.is_empty() && !same.loosens() && !same.tightens());
    assert!(same.summary().ends_with("nothing changes"));
    let commented = edited(&[
        (ACME, "", "# looked through\n"),
        (OVERLAY, "", "\n# so too\n"),
    ]);
    let comparison = Comparison::of(shipped(), &commented);
    assert!(comparison.is_empty(), "{}", comparison.to_text());
    assert!(comparison.summary().contains("comments and layout"));
}

#[test]
fn a_richer_form_is_told_for_the_purposes_and_customers_it_reaches() {
    let lines = told(&[
        (
            ACME,
            "user.contact.email: partial",
            "user.contact.email: clear",
        ),
        (ACME, "version: 7", "version: 8"),
    ]);
    let expected = [
        "loosens   for essential.service, essential.service.operations.support: user.contact.email: in part -> in the clear (about customers with an agreement)",
        "neither   version of the contract: 7 -> 8",
    ];
    assert_eq!(lines, expected);
}

/// Edits as a year brings them.
const REALISTIC: [Edit<'static>; 9] = [
    (ACME, "version: 7", "version: 8"),
    (
        ACME,
        "user.contact.email: partial",
        "user.contact.email: withheld",
    ),
    (ACME, "  - getDocument\n", ""),
    (ACME, "until: 2026-03-31", "until: 2027-03-31"),
    (
        "partners/bluebird.yaml",
        "customers_per_day: 200",
        "customers_per_day: 100",
    ),
    (
        "partners/bluebird.yaml",
        "[bluebird-desk]",
        "[bluebird-desk, bluebird-till]",
    ),
    (
        "partners/bluebird.yaml",
        "  - getJob\n",
        "  - getJob\n  - exportCustomers\n",
    ),
    (
        OVERLAY,
        "x-covenant-partial: {last: 4}",
        "x-covenant-partial: {last: 2}",
    ),
    (
        OVERLAY,
        "balance_cents\n    update: {x-covenant-data-category: user.payment}",
        "balance_cents\n    update: {x-covenant-data-category: user.financial}",
    ),
];

#[test]
fn a_year_of_edits_reads_as_legal_would_want_it() {
    let comparison = Comparison::of(shipped(), &edited(&REALISTIC));
    let golden = include_str!("../../../tests/golden/comparison.txt");
    // The versions in the first line change with every comment of the shipped files.
    let text = comparison.to_text();
    let (versions, told) = text.split_once(": ").unwrap();
    assert!(versions.contains(shipped().policy.version()), "{versions}");
    assert_eq!(told, golden, "not what tests/golden/comparison.txt has");
    let counted: usize = comparison.to_json()["counts"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| usize::try_from(count.as_u64().unwrap()).unwrap())
        .sum();
    assert_eq!(counted, comparison.differences().len());
}
