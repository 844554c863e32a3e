//! Comparisons of the shipped policies with edits of them.

use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::rules::fixture::{Edit, edited, shipped};

const ACME: &str = "partners/acme.yaml";
const PROMISES: &str = "promises.cedar";
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

#[test]
fn what_requests_decide_is_told_at_any_depth() {
    const DOCUMENT: &str = "catalogue/mailing.openapi.yaml";
    let lines = told(&[
        (
            OVERLAY,
            "update: {x-covenant-role: use-type}",
            "update: {x-covenant-role: use-type, x-covenant-operational: [operational, marketing]}",
        ),
        (
            DOCUMENT,
            "          application/json:\n            schema: {$ref: '#/components/schemas/CampaignCreate'}",
            "          application/json:\n            schema: {$ref: '#/components/schemas/CampaignCreate'}\n          application/x-www-form-urlencoded:\n            schema: {$ref: '#/components/schemas/CampaignCreate'}",
        ),
    ]);
    let all = lines.join("\n");
    for part in [
        "no marketing if operational, marketing",
        "application/json or application/x-www-form-urlencoded",
        "audience of application/x-www-form-urlencoded: names an audience",
    ] {
        assert!(all.contains(part), "{part} is not in {all}");
    }
    assert!(
        lines.iter().all(|line| line.starts_with("loosens")),
        "{all}"
    );
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
fn what_widens_the_values_of_a_field_loosens_and_what_narrows_them_tightens() {
    let told = |from: &str, to: &str| -> Vec<String> {
        let comparison = Comparison::of(shipped(), &edited(&[(OVERLAY, from, to)]));
        let text = comparison.to_text();
        let lines = text
            .lines()
            .filter(|line| line.contains("what its values must be"));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    let length = "location\n    update: {maxLength: 64}";
    for (to, expected) in [
        ("location\n    update: {maxLength: 65}", "loosens"),
        ("location\n    update: {maxLength: 63}", "tightens"),
        (
            "location\n    update: {maxLength: 64, pattern: '^[A-Z]'}",
            "tightens",
        ),
        ("location\n    update: {pattern: '^[A-Z]'}", "loosens"),
    ] {
        let found = told(length, to);
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        assert!(found[0].starts_with(expected), "{to}: {found:?}");
    }
}

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

#[test]
fn a_promise_is_told_by_what_it_now_applies_to_and_whom_that_reaches() {
    let support = "action in [Action::\"disclose.partial\", Action::\"disclose.pseudonym\"]";
    let swapped = "action in [Action::\"disclose.pseudonym\", Action::\"disclose.partial\"]";
    let any_form = "action in Action::\"disclose.person\"";
    let rule = "rule contact-in-part-for-support (P3)";
    for (to, expected) in [
        (
            swapped,
            format!("neither   {rule}: written differently, applies to the same"),
        ),
        (
            any_form,
            format!("loosens   {rule}: applies to more than it did"),
        ),
        (
            "action == Action::\"disclose.pseudonym\"",
            format!("tightens  {rule}: applies to less than it did"),
        ),
        (
            "action in [Action::\"disclose.clear\", Action::\"disclose.partial\"]",
            format!("loosens   {rule}: applies to other cases than it did"),
        ),
    ] {
        let lines = told(&[(PROMISES, support, to)]);
        assert_eq!(lines.last(), Some(&expected), "{lines:#?}");
    }
    let lines = told(&[
        (PROMISES, support, any_form),
        (
            ACME,
            "user.contact.email: partial",
            "user.contact.email: clear",
        ),
    ]);
    let reached = "loosens   for essential.service.operations.support: user.contact.email: in part -> in the clear";
    assert!(
        lines.iter().any(|line| line.starts_with(reached)),
        "{lines:#?}"
    );
}

#[test]
fn of_forbids_less_is_looser() {
    let lines = told(&[(PROMISES, "   Purpose::\"sales\",\n", "")]);
    assert_eq!(
        lines,
        ["loosens   rule no-marketing (P4): applies to less than it did"]
    );
    let never = "resource in DataCategory::\"user.financial\"\n)\nunless\n{\n  \
                 context.order_approved &&\n  context.purpose in \
                 Purpose::\"third_party_sharing.legal_obligation\"\n};";
    let lines = told(&[(
        PROMISES,
        never,
        "resource in DataCategory::\"user.financial\"\n);",
    )]);
    assert_eq!(
        lines,
        ["tightens  rule accounts-never-in-clear (P9): applies to more than it did"]
    );
    let sentence = "A partner that is suspended receives nothing.";
    let lines = told(&[(PROMISES, sentence, "Whoever is suspended receives nothing.")]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("neither   rule good-standing (P7): sentence: A partner"));
}

#[test]
fn rules_that_come_and_go_are_told_with_their_sentences() {
    let added = "@id(\"no-names\")\n@promise(\"P5\")\n@sentence(\"No names.\")\nforbid (principal, action in Action::\"disclose\", resource in DataCategory::\"user.name\");\n";
    let more = edited(&[(PROMISES, "", added)]);
    let tighter = Comparison::of(shipped(), &more);
    assert!(tighter.tightens() && !tighter.loosens());
    let text = tighter.to_text();
    assert!(
        text.contains("tightens  gain rule no-names (P5): No names."),
        "{text}"
    );
    assert!(
        text.contains("user.name: in the clear -> withheld"),
        "{text}"
    );
    let looser = Comparison::of(&more, shipped());
    assert!(looser.loosens() && !looser.tightens());
    assert!(
        looser
            .to_text()
            .contains("loosens   lose rule no-names (P5): No names.")
    );
}

#[test]
fn partners_that_come_and_go_are_told_with_all_they_have() {
    let bright = std::fs::read_to_string("policies/partners/crest.yaml").unwrap();
    let bright = bright.replace("crest", "bright");
    let more = edited(&[("partners/bright.yaml", "", &bright)]);
    let comparison = Comparison::of(shipped(), &more);
    let topics: std::collections::BTreeSet<_> = comparison
        .differences()
        .iter()
        .map(|difference| difference.change.topic)
        .collect();
    for topic in [
        Topic::Partner,
        Topic::Purpose,
        Topic::Operation,
        Topic::Field,
        Topic::Limit,
        Topic::Credential,
    ] {
        assert!(topics.contains(&topic), "{topic:?} of {topics:?}");
    }
    assert!(comparison.loosens() && !comparison.tightens());
    let gone = Comparison::of(&more, shipped());
    assert!(gone.tightens() && !gone.loosens(), "{}", gone.to_text());
}

#[test]
fn a_last_day_that_is_given_moved_or_taken_away_again_needs_two_people() {
    let names = "names: [acme.partners.example]";
    let ending = |day: &str| {
        let print = "A".repeat(43);
        format!("{names}\n    ending: [{{thumbprint: 'sha256:{print}', until: {day}}}]")
    };
    let (sooner, later) = (ending("2026-12-01"), ending("2026-12-24"));
    let with = |to: &str| edited(&[(ACME, names, to)]);
    // Taken away, the certificate counts again by its name.
    let freed = Comparison::of(&with(&sooner), shipped());
    assert!(freed.loosens(), "{}", freed.to_text());
    assert!(freed.to_text().contains("has no last day any more"));
    let moved = Comparison::of(&with(&sooner), &with(&later));
    assert!(moved.loosens(), "{}", moved.to_text());
    assert!(moved.to_text().contains("until 2026-12-24"));
}

#[test]
fn what_changes_whose_data_something_is_loosens() {
    let subject = "Recipient\n    update: {x-covenant-data-subject: recipient}";
    let customer = "Recipient\n    update: {x-covenant-data-subject: customer}";
    let channel = "['/v1/jobs/{job_id}/tracking'].get\n    update: {x-covenant-channel: record}";
    let list = "['/v1/jobs/{job_id}/tracking'].get\n    update: {x-covenant-channel: list}";
    let id = "{x-covenant-data-category: system.operations, x-covenant-resource-id: job}";
    let no_id = "{x-covenant-data-category: system.operations}";
    let id = format!("JobTracking.properties.job_id\n    update: {id}");
    let no_id = format!("JobTracking.properties.job_id\n    update: {no_id}");
    for (from, to, told) in [
        (subject, customer, "recipient -> customer (data subject)"),
        (channel, list, "getJobTracking: record -> list (channel)"),
        (&id, &no_id, "(what it says of its record)"),
    ] {
        let other = edited(&[(OVERLAY, from, to)]);
        for comparison in [
            Comparison::of(shipped(), &other),
            Comparison::of(&other, shipped()),
        ] {
            assert!(comparison.loosens(), "{told}: {}", comparison.to_text());
        }
        let text = Comparison::of(shipped(), &other).to_text();
        assert!(text.contains(told), "{text}");
    }
}

/// What a generated contract of acme grants.
#[derive(Clone, Debug)]
struct Made {
    purposes: Vec<&'static str>,
    operations: Vec<&'static str>,
    /// By [`CATEGORIES`], an index of [`FORMS`].
    forms: Vec<usize>,
    limits: [u32; 4],
}

const CATEGORIES: [&str; 5] = [
    "user.name",
    "user.contact",
    "user.contact.email",
    "user.payment",
    "system.operations",
];
/// Poorest first.
const FORMS: [&str; 5] = ["withheld", "aggregate", "pseudonym", "partial", "clear"];
const USES: [&str; 4] = [
    "essential.service",
    "essential.service.operations.support",
    "essential.fraud_detection",
    "essential.service.payment_processing",
];
const CALLED: [&str; 5] = [
    "getCustomer",
    "listJobs",
    "getDocument",
    "exportCustomers",
    "createJob",
];

impl Made {
    fn any() -> impl Strategy<Value = Self> {
        let parts = (
            subsequence(USES.to_vec(), 1..=4),
            subsequence(CALLED.to_vec(), 1..=5),
            proptest::collection::vec(0..5_usize, 5),
            [1..100_u32, 1..100_u32, 1..100_u32, 1..100_u32],
        );
        parts.prop_map(|(purposes, operations, forms, limits)| Self {
            purposes,
            operations,
            forms,
            limits,
        })
    }

    /// The same, or less in any place.
    fn narrowed(&self) -> impl Strategy<Value = Self> + use<> {
        let whole = self.clone();
        let (purposes, operations) = (self.purposes.len(), self.operations.len());
        let parts = (
            subsequence(self.purposes.clone(), 1..=purposes),
            subsequence(self.operations.clone(), 1..=operations),
            proptest::collection::vec(select(vec![0, 0, 1, 2]), 9),
        );
        parts.prop_map(move |(purposes, operations, less)| {
            let forms = whole.forms.iter().zip(&less);
            let limits = whole
                .limits
                .map(|limit| limit.saturating_sub(less[8] as u32).max(1));
            Self {
                purposes,
                operations,
                forms: forms.map(|(form, less)| poorer(*form, *less)).collect(),
                limits,
            }
        })
    }

    fn rules(&self) -> Rules {
        let named = CATEGORIES.iter().zip(&self.forms);
        let categories: String = named
            .map(|(category, form)| format!("  {category}: {}\n", FORMS[*form]))
            .collect();
        let [day, month, page, rate] = self.limits;
        let acme = std::fs::read_to_string("policies/partners/acme.yaml").unwrap();
        let (head, rest) = acme.split_once("purposes:").unwrap();
        let (_, terms) = rest.split_once("terms:\n").unwrap();
        let (terms, _) = terms.split_once("exceptions:").unwrap();
        let (purposes, operations) = (self.purposes.join(", "), self.operations.join(", "));
        let made = format!(
            "{head}purposes: [{purposes}]\ncategories:\n{categories}operations: [{operations}]\n\
             page_records_max: {page}\nrequests_per_minute: {rate}\nbudgets:\n  \
             customers_per_day: {day}\n  customers_per_month: {}\nterms:\n{terms}",
            day + month
        );
        edited(&[(ACME, &acme, &made)])
    }
}

/// A form `less` steps poorer; from `partial` only to `withheld`, as what has no part to show is
/// withheld by that, and may well be seen as a pseudonym.
fn poorer(form: usize, less: usize) -> usize {
    match (FORMS[form], less) {
        ("partial", 1..) => 0,
        _ => form.saturating_sub(less),
    }
}

#[test]
fn a_poorer_form_that_can_be_made_lets_out_what_a_richer_one_that_cannot_did_not() {
    let support = [(ACME, "user.name: clear", "user.name: partial")];
    let pseudonym = [(ACME, "user.name: clear", "user.name: pseudonym")];
    let comparison = Comparison::of(&edited(&support), &edited(&pseudonym));
    let text = comparison.to_text();
    assert!(
        text.contains("user.name: withheld -> as a pseudonym"),
        "{text}"
    );
    assert!(comparison.loosens());
}

#[test]
fn a_poorer_form_of_one_field_may_be_the_first_that_another_of_its_category_has() {
    let street = "Address.properties.street\n    update: {";
    let partial = format!("{street}x-covenant-partial: {{first: 2}}, ");
    let part = [
        (OVERLAY, street, &*partial),
        (
            ACME,
            "user.contact.address: clear",
            "user.contact.address: partial",
        ),
        (
            OVERLAY,
            "user.contact.address.city}",
            "user.contact.address.street}",
        ),
    ];
    let pseudonym = [
        part[0],
        part[2],
        (
            ACME,
            "user.contact.address: clear",
            "user.contact.address: pseudonym",
        ),
    ];
    let comparison = Comparison::of(&edited(&part), &edited(&pseudonym));
    let text = comparison.to_text();
    assert!(text.contains("in part -> as a pseudonym"), "{text}");
    assert!(text.contains("withheld -> as a pseudonym"), "{text}");
    assert!(comparison.loosens());
}

#[test]
fn another_field_that_says_whose_a_record_is_loosens_even_where_it_never_leaves() {
    let document = "catalogue/mailing.openapi.yaml";
    let other = edited(&[
        (
            document,
            "[id, customer_id, viewed_at]",
            "[id, viewer, viewed_at]",
        ),
        (
            document,
            "customer_id: {type: string, pattern: '^cus_[a-z0-9]+$'}\n        page:",
            "viewer: {type: string, pattern: '^cus_[a-z0-9]+$'}\n        page:",
        ),
        (OVERLAY, "'Document','PageView'].prop", "'Document'].prop"),
        (
            OVERLAY,
            "",
            "  - target: $.components.schemas.PageView.properties.viewer\n    \
             update: {x-covenant-customer-key: true}\n",
        ),
    ]);
    let comparison = Comparison::of(shipped(), &other);
    let text = comparison.to_text();
    assert!(text.contains("viewer"), "{text}");
    assert!(comparison.loosens(), "{text}");
}

fn mirrored(change: &Change) -> Change {
    Change {
        before: change.after.clone(),
        after: change.before.clone(),
        direction: match change.direction {
            Direction::Loosens => Direction::Tightens,
            Direction::Tightens => Direction::Loosens,
            Direction::Neither => Direction::Neither,
        },
        ..change.clone()
    }
}

fn pairs() -> impl Strategy<Value = (Made, Made)> {
    Made::any().prop_flat_map(|made| {
        let narrowed = made.narrowed();
        (Just(made), narrowed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn a_contract_that_narrows_never_loosens((made, narrowed) in pairs()) {
        let comparison = Comparison::of(&made.rules(), &narrowed.rules());
        prop_assert!(!comparison.loosens(), "{}", comparison.to_text());
    }

    #[test]
    fn the_way_back_is_the_mirror_of_the_way_there(one in Made::any(), other in Made::any()) {
        let (one, other) = (one.rules(), other.rules());
        prop_assert!(Comparison::of(&one, &one).is_empty());
        let (there, back) = (Comparison::of(&one, &other), Comparison::of(&other, &one));
        let changes = |comparison: &Comparison| {
            let differences = comparison.differences().iter();
            differences.map(|difference| difference.change.clone()).collect::<Vec<_>>()
        };
        let mut mirrored: Vec<Change> = changes(&there).iter().map(mirrored).collect();
        mirrored.sort();
        let mut back = changes(&back);
        back.sort();
        prop_assert_eq!(mirrored, back);
    }
}

#[test]
fn a_link_that_leads_anywhere_it_did_not_loosens_and_one_that_is_removed_tightens() {
    let removed: &[Edit<'_>] = &[
        (
            OVERLAY,
            "{x-covenant-data-category: system.operations, x-covenant-link: rewrite}",
            "{x-covenant-link: remove}",
        ),
        (
            OVERLAY,
            "{x-covenant-data-category: system.operations, x-covenant-link: {to: getDocument}}",
            "{x-covenant-link: remove}",
        ),
    ];
    let without = edited(removed);
    let tightened = Comparison::of(shipped(), &without);
    assert!(
        tightened.tightens() && !tightened.loosens(),
        "{}",
        tightened.to_text()
    );
    let loosened = Comparison::of(&without, shipped());
    assert!(loosened.loosens(), "{}", loosened.to_text());
    let text = loosened.to_text();
    assert!(
        text.contains("to getDocument through the gateway"),
        "{text}"
    );
    let elsewhere: &[Edit<'_>] = &[(
        OVERLAY,
        "x-covenant-link: rewrite}",
        "x-covenant-link: foreign}",
    )];
    let elsewhere = Comparison::of(shipped(), &edited(elsewhere));
    assert!(elsewhere.loosens(), "{}", elsewhere.to_text());
}

#[test]
fn another_name_of_the_core_loosens() {
    let renamed: &[Edit<'_>] = &[(
        "catalogue/mailing.openapi.yaml",
        "http://core.harbourpost.example",
        "http://mailing.harbourpost.example",
    )];
    let comparison = Comparison::of(shipped(), &edited(renamed));
    assert!(comparison.loosens(), "{}", comparison.to_text());
    let text = comparison.to_text();
    assert!(
        text.contains("mailing.harbourpost.example of mailing"),
        "{text}"
    );
}

#[test]
fn one_more_way_to_prove_who_one_is_loosens_and_one_less_tightens() {
    let clients = "\n  clients:";
    let with = |more: &str| format!("\n  {more}{clients}");
    let digest = "A".repeat(43);
    let keys = format!("api_keys: [{{prefix: covenant_abcdefghij23, sha256: {digest}}}]");
    let told_key = format!("loosens   gains API key `covenant_abcdefghij23` ({digest})");
    for (more, mut expected) in [
        ("token_bindings: [certificate]", vec![]),
        (
            "token_bindings: [certificate, dpop]",
            vec!["loosens   gains token bound to a key (DPoP)"],
        ),
        (
            "token_bindings: [dpop]",
            vec![
                "loosens   gains token bound to a key (DPoP)",
                "tightens  loses token bound to a certificate",
            ],
        ),
        (
            "token_bindings: [certificate, none]",
            vec!["loosens   gains token bound to nothing"],
        ),
        (
            "token_in_basic: user_name",
            vec!["loosens   gains token as the user name of Basic"],
        ),
        (&keys, vec![&*told_key]),
    ] {
        let mut lines = told(&[(ACME, clients, &with(more))]);
        lines.retain(|line| !line.starts_with("neither"));
        lines.sort();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{more}");
    }
}
