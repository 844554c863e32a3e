//! Answers in XML and CSV. What is accepted leaves whole under a grant of everything and is read again as the
//! same; without a grant nothing of the body leaves. XML that streams gives what the whole gives.

use covenant::catalogue::{Format, Shape};
use covenant::filter::stream::Stream;
use covenant::filter::{Limits, Plan, PseudonymKey, RecordDecision, Scanned, Uninspectable, read};
use covenant::taxonomy::CATEGORY_COUNT;
use covenant::terms::Form;

use super::shapes;

/// Words that the catalogue writes, and that stand for nothing.
const OURS: [&str; 18] = [
    "xml", "version", "encoding", "UTF", "page", "total", "data", "job", "id", "customer", "name",
    "cost", "urgent", "tag", "1", "8", "0", "false",
];

pub(crate) fn check_xml(body: &[u8]) {
    let shape = shapes::xml();
    check_stream(&shape, body);
    if check(Format::Xml, &shape, body) {
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

/// A stream takes what the whole takes, and the same is left of it.
fn check_stream(shape: &Shape, body: &[u8]) {
    let limits = Limits::default();
    for form in [Some(Form::Clear), None] {
        let whole = read(Format::Xml, shape, body, &limits);
        let whole = whole.ok().map(|scanned| written(&scanned, shape, form));
        for size in [1, 13, 4_096] {
            let given = streamed(shape, body.chunks(size), form).ok();
            let shown = body.escape_ascii();
            assert_eq!(given, whole, "not the same in pieces of {size}: {shown}");
        }
    }
}

fn streamed<'b>(
    shape: &Shape,
    pieces: impl Iterator<Item = &'b [u8]>,
    form: Option<Form>,
) -> Result<Vec<u8>, Uninspectable> {
    let stream = Stream::new(Format::Xml, shape, Vec::new(), Limits::default());
    let mut stream = stream.expect("a list of records");
    for mut piece in pieces {
        while let Some(part) = stream.next(&mut piece)? {
            let left = written(&part, shape, form);
            stream.write(&left);
        }
    }
    let last = stream.end()?;
    assert!(last.is_none(), "an element is read when its end is");
    Ok(stream.take())
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
