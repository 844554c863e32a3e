//! The contents of answers and requests, and which of them a filter reads: the same as the catalogue
//! will, so that nothing with members is ever taken for a document that passes whole.

use super::super::answers::{JSON, format_of, media_type};
use super::super::document::{Entry, Part};
use super::super::operation::Format;
use super::super::requests::is_read;
use super::survey::{Place, Survey, component, escaped};

/// One content of an answer or a request.
#[derive(Clone)]
pub(super) struct Content<'a> {
    pub(super) media_type: String,
    pub(super) place: Place<'a>,
}

/// The contents of a response or of a request body.
pub(super) fn contents<'a>(survey: &Survey<'a>, place: Place<'a>) -> Vec<Content<'a>> {
    let Some((pointer, part)) = survey.resolve(place) else {
        return Vec::new();
    };
    let entries = part.get("content").map(Part::entries).unwrap_or_default();
    let content = |entry: &'a Entry| Content {
        media_type: media_type(entry),
        place: (
            format!("{pointer}/content/{}", escaped(&entry.name)),
            &entry.part,
        ),
    };
    entries.iter().map(content).collect()
}

impl<'a> Content<'a> {
    /// The format in which a filter would read it as an answer.
    pub(super) fn format(&self) -> Option<Format> {
        format_of(&self.media_type)
    }

    /// Which of several contents of one answer a filter reads: the lowest. `None` is one that it does not.
    pub(super) fn rank(&self, survey: &Survey<'a>) -> Option<(bool, usize)> {
        let format = self.format()?;
        let plain = self.media_type == JSON;
        let members = schema(&self.place).is_some_and(|schema| survey.may_have_members(&schema));
        (plain && self.place.1.get("schema").is_some() || members)
            .then_some((!plain, format as usize))
    }

    /// Whether it is nothing that a filter reads, however it were described.
    pub(super) fn may_pass_unopened(&self) -> bool {
        self.format().is_none()
    }

    /// Whether a request of this content can be inspected.
    pub(super) fn is_read_request(&self) -> bool {
        is_read(&self.media_type, self.place.1.get("schema"))
    }
}

/// The schema of a content.
pub(super) fn schema<'a>(content: &Place<'a>) -> Option<Place<'a>> {
    Some((format!("{}/schema", content.0), content.1.get("schema")?))
}

/// The schemas that are without a name in XML and need one: that of an answer whose outermost element
/// nothing names, and that of the items of a list without more around it.
pub(super) fn nameless<'a>(survey: &Survey<'a>, answer: &Place<'a>) -> Vec<String> {
    let named = |pieces: &[Place<'a>]| {
        let mut said = pieces.iter().filter_map(|(_, part)| part.get("xml"));
        said.any(|xml| xml.get("name").is_some())
    };
    let mut nameless = Vec::new();
    let pieces = survey.pieces(answer.clone());
    let is_component = pieces
        .iter()
        .any(|(pointer, _)| component(pointer).is_some());
    if !named(&pieces) && !is_component {
        nameless.push(answer.0.clone());
    }
    let mut lists = pieces.iter();
    let items =
        lists.find_map(|(pointer, part)| Some((format!("{pointer}/items"), part.get("items")?)));
    if let Some(items) = items.filter(|items| !named(&survey.pieces(items.clone()))) {
        nameless.push(items.0);
    }
    nameless
}
