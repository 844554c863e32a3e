//! Answers in XML and CSV. What is accepted leaves whole under a grant of everything and is read again as the
//! same; without a grant nothing of the body leaves.

use covenant::catalogue::{Format, Shape};
use covenant::filter::{Limits, Plan, PseudonymKey, RecordDecision, Scanned, read};
use covenant::taxonomy::CATEGORY_COUNT;
use covenant::terms::Form;

use super::shapes;

/// Words that the catalogue writes, and that stand for nothing.
const OURS: [&str; 18] = [
    "xml", "version", "encoding", "UTF", "page", "total", "data", "job", "id", "customer", "name",
    "cost", "urgent", "tag", "1", "8", "0", "false",
];

pub(crate) fn check_xml(body: &[u8]) {
    if check(Format::Xml, &shapes::xml(), body) {
        let text = std::str::from_utf8(body).expect("what is accepted is text");
        let mut reader = quick_xml::Reader::from_str(text);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(quick_xml::events::Event::DocType(_)) => panic!("accepted a document type"),
                Ok(_) => {}
                Err(error) => panic!("accepted what is no XML: {error}"),
            }
        }
    }
}

pub(crate) fn check_csv(body: &[u8]) {
    check(Format::Csv, &shapes::csv(), body);
}

/// Whether the body was accepted.
fn check(format: Format, shape: &Shape, body: &[u8]) -> bool {
    let limits = Limits::default();
    let Ok(scanned) = read(format, shape, body, &limits) else {
        return false;
    };
    let everything = written(&scanned, shape, Some(Form::Clear));
    let again = read(format, shape, &everything, &limits);
    let again = again.map(|scanned| written(&scanned, shape, Some(Form::Clear)));
    let shown = everything.escape_ascii().to_string();
    assert_eq!(
        again,
        Ok(everything),
        "not the same when it is read again: {shown}"
    );
    let nothing = String::from_utf8(written(&scanned, shape, None)).expect("text");
    let mut words = nothing.split(|it: char| !it.is_alphanumeric());
    let foreign = words.find(|word| !word.is_empty() && !OURS.contains(word));
    assert_eq!(foreign, None, "something left without a grant: {nothing}");
    true
}

/// The answer where every category leaves in `form`.
fn written(scanned: &Scanned<'_>, shape: &Shape, form: Option<Form>) -> Vec<u8> {
    let plan = Plan::new(shape, &[form; CATEGORY_COUNT]);
    let decisions = vec![RecordDecision::Keep(&plan); scanned.records().len()];
    let mut out = Vec::new();
    let key = PseudonymKey::new(&[3; 32]);
    let emitted = scanned.emit(&decisions, &plan, &key, None, &mut out);
    assert!(emitted.is_some(), "no record was dropped");
    out
}
