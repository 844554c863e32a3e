//! Results as JUnit XML, the form that CI servers read: one suite for each file.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::report::{Assumed, assumed};
use super::{Case, Outcome};

/// Writes it. Characters that XML cannot carry are left out.
///
/// # Errors
/// None but those of a writer to memory.
pub fn to_junit(judged: &[(&Case, Outcome)]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut suites = writer.create_element("testsuites");
    for (name, value) in counts(judged) {
        suites = suites.with_attribute((name, value.as_str()));
    }
    suites.write_inner_content(|writer| {
        for suite in judged.chunk_by(|(left, _), (right, _)| left.file == right.file) {
            write_suite(writer, suite)?;
        }
        Ok(())
    })?;
    let mut document = writer.into_inner();
    document.push(b'\n');
    Ok(document)
}

fn counts(judged: &[(&Case, Outcome)]) -> [(&'static str, String); 3] {
    let failed = judged
        .iter()
        .filter(|(_, outcome)| !outcome.failures.is_empty());
    [
        ("tests", judged.len().to_string()),
        ("failures", failed.count().to_string()),
        ("errors", "0".to_owned()),
    ]
}

fn write_suite(writer: &mut Writer<Vec<u8>>, judged: &[(&Case, Outcome)]) -> io::Result<()> {
    let file = judged.first().map_or("", |(case, _)| &*case.file);
    let mut suite = writer
        .create_element("testsuite")
        .with_attribute(("name", &*plain(file)));
    for (name, value) in counts(judged) {
        suite = suite.with_attribute((name, value.as_str()));
    }
    suite.write_inner_content(|writer| {
        for (case, outcome) in judged {
            write_case(writer, case, outcome)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case, outcome: &Outcome) -> io::Result<()> {
    let path = plain(&case.source.path().display().to_string());
    let suite = case.file.trim_end_matches(".yaml");
    let lines = assumed(case, outcome).into_iter();
    let lines = lines.map(
        |Assumed {
             what,
             value,
             because,
         }| format!("{what}: {value} ({because})"),
    );
    let lines = plain(&lines.collect::<Vec<_>>().join("\n"));
    let case_element = writer
        .create_element("testcase")
        .with_attribute(("name", &*plain(&case.name)))
        .with_attribute(("classname", &*plain(suite)))
        .with_attribute(("file", &*path))
        .with_attribute(("line", case.line.to_string().as_str()));
    case_element.write_inner_content(|writer| {
        if let Some(first) = outcome.failures.first() {
            let all = plain(&format!(
                "{}\n{path}:{}",
                outcome.failures.join("\n"),
                case.line
            ));
            writer
                .create_element("failure")
                .with_attribute(("message", &*plain(first)))
                .with_attribute(("type", "expectation"))
                .write_text_content(BytesText::new(&all))?;
        }
        let output = writer.create_element("system-out");
        output.write_text_content(BytesText::new(&lines))?;
        Ok(())
    })?;
    Ok(())
}

/// Without the characters that XML 1.0 (section 2.2) has no way to write.
fn plain(text: &str) -> String {
    let written = |letter: &char| {
        let control = letter.is_control() && !matches!(letter, '\n' | '\t');
        !control && !matches!(letter, '\u{fffe}' | '\u{ffff}')
    };
    text.chars().filter(written).collect()
}
