//! The shipped cases, and what is wrong with those that are not right.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::civil::date;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

use super::*;
use crate::mistakes::{Look, Mistakes};
use crate::rules::Rules;
use crate::source::Folder;

const TODAY: Date = date(2026, 11, 22);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn shipped() -> &'static (Rules, Cases) {
    static SHIPPED: OnceLock<(Rules, Cases)> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(&root(), &mut mistakes);
        let rules = Rules::load(&folder, None, TODAY, &mut mistakes);
        let cases = Cases::load(&folder, rules.as_ref(), &mut mistakes);
        assert!(mistakes.is_empty(), "{}", mistakes.render(Look::Plain));
        (rules.unwrap(), cases)
    })
}

fn judged() -> Vec<(&'static Case, Outcome)> {
    let (rules, cases) = shipped();
    let run = |case: &'static Case| (case, case.run(rules, TODAY));
    cases.all.iter().map(run).collect()
}

/// The cases of one file, and the mistakes in it as `line:column message help`.
fn read(text: &str) -> (Cases, Vec<String>) {
    let mut mistakes = Mistakes::new();
    let fixture = ("tests/fixtures/broken.json", "{\n  \"id\": cus\n}");
    let files = [("tests/new.yaml", text), fixture];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let folder = Folder::of("policies", files, &mut mistakes);
    let cases = Cases::load(&folder, Some(&shipped().0), &mut mistakes);
    let line = |mistake: &&crate::mistakes::Mistake| {
        let (at, help) = (mistake.position(), mistake.help().unwrap_or_default());
        let line = format!("{}:{} {} {help}", at.line, at.column, mistake.message());
        line.trim_end().to_owned()
    };
    let mistakes = mistakes.sorted().iter().map(line).collect();
    (cases, mistakes)
}

#[test]
fn every_shipped_case_passes() {
    let failed: Vec<_> = judged()
        .into_iter()
        .filter(|(_, outcome)| !outcome.failures.is_empty())
        .map(|(case, outcome)| format!("{}: {} {:?}", case.file, case.name, outcome.failures))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Every expectation that differs from this one in one thing.
fn flipped(expect: &Expect) -> Vec<Expect> {
    let mut all = Vec::new();
    let mut flip = |change: &dyn Fn(&mut Expect)| {
        let mut expect = expect.clone();
        change(&mut expect);
        all.push(expect);
    };
    for decision in Decision::ALL
        .into_iter()
        .filter(|one| *one != expect.decision)
    {
        flip(&|expect| expect.decision = decision);
    }
    for code in Code::ALL
        .into_iter()
        .filter(|one| Some(*one) != expect.code)
    {
        if expect.code.is_some() {
            flip(&|expect| expect.code = Some(code));
        }
    }
    if expect.promise.is_some() {
        flip(&|expect| expect.promise = Some(Promise::number(18)));
    }
    if expect.rule.is_some() {
        flip(&|expect| expect.rule = Some("customers-own-request".into()));
    }
    if expect.customers.is_some() {
        flip(&|expect| expect.customers = expect.customers.map(|customers| customers + 1));
    }
    for (place, field) in expect.fields.iter().enumerate() {
        for leaves in Leaves::ALL.into_iter().filter(|one| *one != field.leaves) {
            flip(&|expect| expect.fields[place].leaves = leaves);
        }
    }
    all
}

/// No case depends on another, and none is judged by what it expects: to fail alone is to fail exactly.
#[test]
fn no_expectation_of_a_shipped_case_could_be_another() {
    let mut count = 0;
    for (case, outcome) in judged() {
        for flipped in flipped(&case.expect) {
            count += 1;
            let failures = flipped.compare(&outcome);
            assert!(!failures.is_empty(), "{}: {flipped:?} holds too", case.name);
        }
    }
    assert!(count > 1000, "only {count} were tried");
}

/// `tests/golden/uncovered.txt` is reviewed like code, and empty.
/// `COVENANT_WRITE_GOLDEN=1 cargo test --lib rules::cases` writes it anew.
#[test]
fn no_operation_and_no_field_goes_untested_unseen() {
    let coverage = Coverage::of(&shipped().0, &judged());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/uncovered.txt");
    if std::env::var_os("COVENANT_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, coverage.to_text()).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap();
    assert_eq!(coverage.to_text(), reviewed);
}

#[test]
fn what_no_case_speaks_of_is_listed() {
    let (rules, _) = shipped();
    let (cases, mistakes) = read(
        "given: {partner: acme, token: {purposes: [essential.service]}, circumstances: {own: true}}\n\
         tests:\n\
         - {name: a, request: GET /v1/jobs, expect: {decision: redact, keep: [system.operations]}}\n\
         - {name: b, request: GET /v1/customers/cus_9, circumstances: {own: false}, \
            expect: {decision: deny}}\n\
         - {name: c, request: GET /v1/customers.csv, expect: {decision: deny}}\n",
    );
    assert_eq!(mistakes, Vec::<String>::new());
    let judged: Vec<_> = cases
        .all
        .iter()
        .map(|case| (case, case.run(rules, TODAY)))
        .collect();
    let coverage = Coverage::of(rules, &judged);
    let silent: Vec<_> = coverage.fields["listJobs"]
        .iter()
        .map(|field| &**field)
        .collect();
    assert_eq!(silent, ["$.data[*].customer_id"]);
    let customer = &coverage.fields["getCustomer"];
    assert!(
        customer.contains(&"$.email".into()),
        "a refusal says nothing about fields"
    );
    assert!(
        !coverage.fields.contains_key("exportCustomers"),
        "it can only be refused"
    );
    assert_eq!(coverage.operations.len(), 18);
    assert!(!coverage.is_whole());
    let exports = &coverage.promises[&Promise::number(5)];
    assert!(exports.contains("new.yaml: c"), "{exports:?}");
}

#[test]
fn every_mistake_of_a_case_is_reported_at_its_place() {
    let text = "\
given: {partner: acmee, circumstances: {own: yes, consentd: true}, tody: 2026-11-22}
tests:
- name: a
  partner: acme
  token: {purposes: [essential.servce]}
  circumstances: {consented: [user.nmae]}
  today: tomorrow
  standing: bad
  request: GET /v1/custmers/cus_1
  expect: {decision: alow}
- name: a
  partner: acme
  request: {method: GTE, path: /v1/jobs, purpose: marketting, headers: {host: a}}
  expect: {decision: deny, code: rate-limited, promise: P19, rule: no-marketting, keep: [user.name]}
- name: c
  partner: acme
  request: GET /v1/jobs/job_1
  answer: fixtures/brokn.json
  expect: {decision: allow, keep: [user.name, $.pice], forms: {system.operations: whole}, code: not-found}
- name: d
  partner: acme
  request: {method: GET, path: /v1/jobs/job_1, body: fixtures/broken.json}
  answer: fixtures/broken.json
  expect: {decision: deny, code: customer-budget-exhausted}
- name: e
  request: jobs
";
    let (_, mistakes) = read(text);
    let expected = [
        "1:18 there is no contract of `acmee` did you mean `acme`?",
        "`own` must be true or false, not text",
        "unknown key `consentd` did you mean `consented`?",
        "unknown key `tody` did you mean `today`?",
        "5:22 `essential.servce` is not a purpose did you mean `essential.service`?",
        "6:31 `user.nmae` is not a data category did you mean `user.name`?",
        "7:10 `today` must be a day, as in `2026-11-22`",
        "8:13 `bad` is not one of: good, suspended",
        "9:12 the catalogue has no operation for `GET /v1/custmers/cus_1` did you mean `/v1/customers/cus_1`?",
        "10:22 `alow` is not one of: allow, redact, deny did you mean `allow`?",
        "13:21 `GTE` is not one of: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS did you mean `GET`?",
        "`marketting` is not a purpose did you mean `marketing`?",
        "`host` follows from what the case says elsewhere",
        "a case cannot show `rate-limited`: budgets and rates are spent by many requests",
        "`P19` is not one of: P1 to P18",
        "the promises have no rule `no-marketting` did you mean `no-marketing`?",
        "`keep` cannot be with `deny`: nothing leaves",
        "18:11 `answer` names the file `fixtures/brokn.json`, which is not there did you mean `fixtures/broken.json`?",
        "no field that `getJob` answers is `user.name`",
        "no field that `getJob` answers is `$.pice`",
        "a form is one of: clear, partial, pseudonym, aggregate, withheld",
        "`code` is only with the decision `deny`",
        "a GET takes no body",
        "2:9 this is not JSON: expected value",
        "a case cannot show `customer-budget-exhausted`",
        "26:12 `jobs` is not one of: GET",
        "the key `expect` is missing",
        "name the `partner`, here or under `given` at the head of the file",
    ];
    for part in expected {
        let found = mistakes.iter().any(|mistake| mistake.contains(part));
        assert!(found, "{part} is not in {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
}

#[test]
fn a_mistake_elsewhere_makes_no_mistake_of_what_the_cases_bring() {
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&root(), &mut mistakes);
    let cases = Cases::load(&folder, None, &mut mistakes);
    assert!(mistakes.is_empty(), "{}", mistakes.render(Look::Plain));
    assert!(cases.all.len() > 50);
}

#[test]
fn a_second_case_of_a_name_and_a_file_that_is_not_read_are_mistakes() {
    let twice = "given: {partner: acme}\ntests:\n\
                 - {name: a, request: GET /v1/jobs, expect: {decision: deny}}\n\
                 - {name: a, request: GET /v1/jobs, expect: {decision: deny}}\n";
    assert_eq!(read(twice).1, ["4:3 a second case called `a`"]);
    let mut mistakes = Mistakes::new();
    let files = [("tests/acme.yml".to_owned(), twice.to_owned())];
    let folder = Folder::of("policies", files, &mut mistakes);
    let cases = Cases::load(&folder, None, &mut mistakes);
    assert_eq!((cases.all.len(), mistakes.len()), (0, 1));
}

#[test]
fn what_a_case_does_not_say_is_assumed_and_said() {
    let (cases, _) = read(
        "tests:\n- {name: a, partner: acme, request: GET /v1/jobs/job_1, expect: {decision: allow}}\n",
    );
    let outcome = cases.all[0].run(&shipped().0, TODAY);
    let text = to_text(&[(&cases.all[0], outcome)], None, true);
    for part in [
        "customers: own (nothing else is said)",
        "token purposes: those of the contract (none are given)",
        "standing: good (nothing else is said)",
        "day: 2026-11-22 (it is today)",
        "owner of what is named: cus_0 (nothing is said)",
        "answer of the core: every field the operation can answer (the case brings none)",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

const DOCUMENTED: &str = "\
given: {partner: acme, token: {purposes: [essential.service]}}
tests:
  - name: a customer's page shows no telephone
    request: GET /v1/customers/cus_1
    circumstances: {own: true}
    answer: fixtures/customer.json
    expect: {decision: redact, withheld: [user.contact.email, user.contact.phone_number], keep: [user.contact.address]}
  - name: an audience of customers is refused
    request: {method: POST, path: /v1/campaigns, body: fixtures/campaign.json, purpose: marketing.advertising}
    expect: {decision: deny, code: marketing-use-blocked, promise: P4}
";

#[test]
fn the_documented_file_holds_against_the_shipped_policies_and_each_expectation_can_fail() {
    let failures = |text: String| {
        let mut mistakes = Mistakes::new();
        let shipped_files = Folder::read(&root(), &mut mistakes);
        let fixtures = shipped_files.below("tests/fixtures");
        let fixtures = fixtures
            .map(|(name, source)| (format!("tests/fixtures/{name}"), source.text().to_owned()));
        let files = fixtures.chain([("tests/acme.yaml".to_owned(), text)]);
        let folder = Folder::of("policies", files, &mut mistakes);
        let cases = Cases::load(&folder, Some(&shipped().0), &mut mistakes);
        assert!(mistakes.is_empty(), "{}", mistakes.render(Look::Plain));
        let run = cases.all.iter().map(|case| case.run(&shipped().0, TODAY));
        run.map(|outcome| outcome.failures.len()).sum::<usize>()
    };
    assert_eq!(failures(DOCUMENTED.to_owned()), 0);
    for (from, to) in [
        ("decision: redact", "decision: allow"),
        ("withheld: [user.contact.email", "withheld: [user.name"),
        ("keep: [user.contact.address", "keep: [user.contact.email"),
        ("own: true", "own: false"),
        ("marketing-use-blocked", "bulk-export-blocked"),
        ("promise: P4", "promise: P5"),
        ("deny, code: marketing-use-blocked, promise: P4", "allow"),
    ] {
        assert!(failures(DOCUMENTED.replace(from, to)) > 0, "{from}: {to}");
    }
}

#[test]
fn a_case_brings_its_body_in_any_format() {
    let document = "openapi: 3.1.0\ninfo: {title: o, version: '1'}\npaths:\n  /orders:\n    post:\n      operationId: order\n      requestBody:\n        content:\n          \
        application/json: {schema: {$ref: '#/components/schemas/Order'}}\n          \
        application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Order'}}\n          \
        multipart/form-data: {schema: {$ref: '#/components/schemas/Order'}}\n          \
        text/xml: {schema: {$ref: '#/components/schemas/Order'}}\n      responses: {'204': {description: done}}\n\
        components:\n  schemas:\n    Order: {type: object, properties: {use_type: {type: string}}}\n";
    let overlay = "overlay: 1.0.0\ninfo: {title: o, version: '1'}\nactions:\n\
        - {target: \"$.paths['/orders'].post\", update: {x-covenant-channel: write}}\n\
        - {target: $.components.schemas.Order.properties.use_type, update: {x-covenant-role: use-type}}\n";
    let rules = crate::rules::fixture::edited(&[
        ("catalogue/orders.openapi.yaml", "", document),
        ("catalogue/orders.overlay.yaml", "", overlay),
        (
            "partners/acme.yaml",
            "\noperations:",
            "\noperations:\n  - order",
        ),
    ]);
    let failures = |body: &str, more: &str, decision: &str| {
        let text = format!(
            "tests:\n- name: a\n  partner: acme\n  token: {{purposes: [essential.service]}}\n  \
             request: {{method: POST, path: /orders, body: {body}{more}}}\n  expect: {{{decision}}}\n"
        );
        let part =
            "--edge\nContent-Disposition: form-data; name=\"use_type\"\n\nmarketing\n--edge--\n";
        let files = [
            ("tests/a.yaml", text.as_str()),
            ("tests/fixtures/a.json", "{\"use_type\": \"marketing\"}"),
            ("tests/fixtures/a.form", "use_type=marketing\n"),
            ("tests/fixtures/a.multipart", part),
            (
                "tests/fixtures/a.xml",
                "<Order><use_type>marketing</use_type></Order>\n",
            ),
            (
                "tests/fixtures/b.xml",
                "<Order><use_type>operational</use_type></Order>\n",
            ),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let mut mistakes = Mistakes::new();
        let folder = Folder::of("policies", files, &mut mistakes);
        let cases = Cases::load(&folder, Some(&rules), &mut mistakes);
        assert!(mistakes.is_empty(), "{}", mistakes.render(Look::Plain));
        cases.all[0].run(&rules, TODAY).failures
    };
    let refused = "decision: deny, code: marketing-use-blocked";
    for body in [
        "fixtures/a.json",
        "fixtures/a.form",
        "fixtures/a.multipart",
        "fixtures/a.xml",
        "{use_type: marketing}",
    ] {
        assert_eq!(failures(body, "", refused), Vec::<String>::new(), "{body}");
    }
    let none = Vec::<String>::new();
    assert_eq!(failures("fixtures/b.xml", "", "decision: allow"), none);
    let other = ", headers: {content-type: text/plain}";
    let unread = "decision: deny, code: request-uninspectable";
    assert_eq!(failures("fixtures/b.xml", other, unread), none);
}

#[test]
fn a_case_keeps_its_day() {
    let line = |day: &str, limit: u32| {
        format!(
            "tests:\n- {{name: a, partner: acme, {day} token: {{purposes: [essential.service]}}, \
             request: GET /v1/customers?limit={limit}, expect: {{decision: deny}}}}\n"
        )
    };
    let day = |text: &str| read(text).0.all[0].run(&shipped().0, TODAY).today;
    assert_eq!(day(&line("today: 2026-01-31,", 101)), date(2026, 1, 31));
    assert_eq!(day(&line("", 101)), TODAY);
}

#[test]
fn junit_is_well_formed_and_carries_any_text() {
    let (cases, mistakes) = read(
        "tests:\n- {name: \"<a> & \\\"b\\\" \\u0007\", partner: acme, request: GET /v1/jobs, \
         expect: {decision: allow}}\n",
    );
    assert_eq!(mistakes, Vec::<String>::new());
    let outcome = cases.all[0].run(&shipped().0, TODAY);
    let document = to_junit(&[(&cases.all[0], outcome)]).unwrap();
    let text = String::from_utf8(document).unwrap();
    let mut reader = Reader::from_str(&text);
    let (mut depth, mut names) = (0, Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) => {
                depth += 1;
                for attribute in element.attributes() {
                    let value = attribute.unwrap().normalized_value(XmlVersion::Explicit1_0);
                    names.push(value.unwrap().into_owned());
                }
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    assert!(names.contains(&"<a> & \"b\" ".to_owned()), "{names:?}");
    assert!(names.contains(&"2".to_owned()), "the line: {names:?}");
    assert!(text.contains("<failure message="), "{text}");
}
