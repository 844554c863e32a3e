//! Reading of `x-covenant-refusal`: the form in which an operation's refusals are written.

use super::document::Part;
use super::naming::is_xml_name;
use super::reading::Reading;
use super::refusal_form::{RefusalForm, RefusalFormat, RefusalMember, RefusalPart, Told};

/// Most levels of a form.
const DEPTH_MAX: usize = 4;
/// Most members at one level.
pub(super) const MEMBERS_MAX: usize = 16;

/// Reads the value of `x-covenant-refusal`; what is wrong with it is noted.
pub(super) fn read(reading: &mut Reading<'_>, part: &Part) -> Option<RefusalForm> {
    let [entry] = part.entries() else {
        reading.mistake(&part.place, "this must be `{json: {…}}` or `{xml: {…}}`");
        return None;
    };
    let format = match &*entry.name {
        "json" => RefusalFormat::Json,
        "xml" => RefusalFormat::Xml,
        other => {
            let message = format!("`{other}` is not one of: json, xml");
            reading.unknown(&entry.place, message, other, ["json", "xml"]);
            return None;
        }
    };
    let members = members(reading, &entry.part, format, DEPTH_MAX)?;
    let one_element = matches!(
        &*members,
        [RefusalMember {
            part: RefusalPart::Members(_),
            ..
        }]
    );
    if format == RefusalFormat::Xml && !one_element {
        let message = "a document of XML has exactly one outermost element, with others in it";
        reading.mistake(&entry.part.place, message);
        return None;
    }
    Some(RefusalForm { format, members })
}

fn members(
    reading: &mut Reading<'_>,
    part: &Part,
    format: RefusalFormat,
    levels: usize,
) -> Option<Vec<RefusalMember>> {
    let entries = part.entries();
    if entries.is_empty() || entries.len() > MEMBERS_MAX || levels == 0 {
        let message = format!(
            "members are needed here, at most {MEMBERS_MAX}, on at most {DEPTH_MAX} levels"
        );
        reading.mistake(&part.place, message);
        return None;
    }
    let mut read = Vec::with_capacity(entries.len());
    for entry in entries {
        if format == RefusalFormat::Xml && !is_xml_name(&entry.name) {
            let message = format!("`{}` cannot be the name of an element", entry.name);
            reading.mistake(&entry.place, message);
            return None;
        }
        let held = if entry.part.is_map() {
            RefusalPart::Members(members(reading, &entry.part, format, levels - 1)?)
        } else {
            leaf(reading, &entry.part)?
        };
        read.push(RefusalMember {
            name: entry.name.as_str().into(),
            part: held,
        });
    }
    Some(read)
}

fn leaf(reading: &mut Reading<'_>, part: &Part) -> Option<RefusalPart> {
    if let Some(number) = part.integer() {
        return Some(RefusalPart::Number(number));
    }
    let words = Told::ALL.map(Told::word);
    let text = part.text().unwrap_or_default();
    let told = Told::ALL.into_iter().find(|told| told.word() == text);
    if told.is_none() {
        let message = format!(
            "this must be a whole number or one of: {}",
            words.join(", ")
        );
        reading.unknown(&part.place, message, text, words);
    }
    told.map(RefusalPart::Told)
}
