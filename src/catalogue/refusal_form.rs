//! How an operation tells its callers that something was refused (`x-covenant-refusal`): vendors'
//! clients read errors in their vendor's own form, and a problem document would be a defect to them.
//!
//! ```yaml
//! x-covenant-refusal: {json: {error: {message: detail, status_code: status, code: code}}}
//! x-covenant-refusal: {xml: {campaign: {status: 9, description: detail}}}
//! ```
//!
//! What stands at the end of each branch is a [`Told`] or a fixed whole number.

use std::fmt;
use std::sync::Arc;

use super::document::Part;
use super::naming::is_xml_name;
use super::reading::Reading;

/// Most levels of a form.
const DEPTH_MAX: usize = 4;
/// Most members at one level.
pub(super) const MEMBERS_MAX: usize = 16;

/// The form of an operation's refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalForm {
    /// How it is written.
    pub format: RefusalFormat,
    /// Its outermost members; of XML exactly one, the root.
    pub members: Vec<RefusalMember>,
}

/// In which language refusals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalFormat {
    /// `application/json`.
    Json,
    /// `application/xml`.
    Xml,
}

/// One member of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalMember {
    /// Its name; of XML, one that an element may have.
    pub name: Arc<str>,
    /// What it holds.
    pub part: RefusalPart,
}

/// What a member of a form holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalPart {
    /// What is told of the refusal.
    Told(Told),
    /// The same number always.
    Number(i64),
    /// Further members.
    Members(Vec<RefusalMember>),
}

/// What can be told of a refusal: members of its problem document, each always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Its status, a number.
    Status,
    /// What its code means, in words.
    Title,
    /// What happened.
    Detail,
    /// What to do.
    Fix,
    /// Its code.
    Code,
    /// The request's id.
    RequestId,
}

impl Told {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Status,
        Self::Title,
        Self::Detail,
        Self::Fix,
        Self::Code,
        Self::RequestId,
    ];

    /// The member of the problem document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Title => "title",
            Self::Detail => "detail",
            Self::Fix => "fix",
            Self::Code => "code",
            Self::RequestId => "request_id",
        }
    }
}

/// As it is written in an overlay, in flow style.
impl fmt::Display for RefusalForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            RefusalFormat::Json => "json",
            RefusalFormat::Xml => "xml",
        };
        write!(f, "{format}: ")?;
        write_members(f, &self.members)
    }
}

fn write_members(f: &mut fmt::Formatter<'_>, members: &[RefusalMember]) -> fmt::Result {
    f.write_str("{")?;
    for (position, member) in members.iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        write!(f, "{comma}{}: ", member.name)?;
        match &member.part {
            RefusalPart::Told(told) => f.write_str(told.word())?,
            RefusalPart::Number(number) => write!(f, "{number}")?,
            RefusalPart::Members(members) => write_members(f, members)?,
        }
    }
    f.write_str("}")
}

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
