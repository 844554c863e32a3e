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
