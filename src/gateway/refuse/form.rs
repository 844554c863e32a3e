//! A refusal in the form that an operation's own clients read (`x-covenant-refusal`). It says a part of
//! what the problem document says, and nothing beyond it.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde_json::{Map, Value};

use crate::catalogue::{RefusalForm, RefusalFormat, RefusalMember, RefusalPart};

/// Media type and document, out of the members of the problem document.
pub(super) fn write(form: &RefusalForm, problem: &Map<String, Value>) -> (&'static str, String) {
    match form.format {
        RefusalFormat::Json => {
            let document = object(&form.members, problem);
            ("application/json", document.to_string())
        }
        RefusalFormat::Xml => ("application/xml", xml(&form.members, problem)),
    }
}

fn object(members: &[RefusalMember], problem: &Map<String, Value>) -> Value {
    let members = members.iter().map(|member| {
        let value = match &member.part {
            RefusalPart::Told(told) => problem.get(told.word()).cloned().unwrap_or_default(),
            RefusalPart::Number(number) => Value::from(*number),
            RefusalPart::Members(members) => object(members, problem),
        };
        (member.name.to_string(), value)
    });
    Value::Object(members.collect())
}

fn xml(members: &[RefusalMember], problem: &Map<String, Value>) -> String {
    let mut writer = Writer::new(Vec::new());
    let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
    // Writing to memory does not fail.
    let _ = writer.write_event(Event::Decl(declaration));
    let _ = elements(&mut writer, members, problem);
    String::from_utf8(writer.into_inner()).unwrap_or_default()
}

fn elements(
    writer: &mut Writer<Vec<u8>>,
    members: &[RefusalMember],
    problem: &Map<String, Value>,
) -> io::Result<()> {
    for member in members {
        let element = writer.create_element(&*member.name);
        match &member.part {
            RefusalPart::Members(members) => {
                element.write_inner_content(|writer| elements(writer, members, problem))?;
            }
            RefusalPart::Number(number) => {
                element.write_text_content(BytesText::new(&number.to_string()))?;
            }
            RefusalPart::Told(told) => {
                let text = match problem.get(told.word()) {
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                    None => String::new(),
                };
                element.write_text_content(BytesText::new(&printable(&text)))?;
            }
        }
    }
    Ok(())
}

/// Without the characters that XML has not (section 2.2): a refusal may repeat what was asked for.
fn printable(text: &str) -> String {
    let kept = |character: char| match character {
        '\t' | '\n' | '\r' => character,
        '\u{FFFE}' | '\u{FFFF}' => char::REPLACEMENT_CHARACTER,
        other if other < ' ' => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.chars().map(kept).collect()
}
