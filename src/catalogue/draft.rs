//! A first overlay for a service that has none: every operation, parameter and field of its OpenAPI
//! document with a guess at what it is, as a comment that a person makes a decision of by removing the
//! mark in front of it. The draft by itself releases nothing: it opens no operation and classifies no
//! field.
//!
//! Nothing here decides. What a guess rests on is said beside it, and what would still be wrong if every
//! guess were taken is found out by loading just that. Start at [`Draft::read`].

mod bundle;
mod calls;
mod contents;
mod guess;
mod proposals;
mod survey;
mod writing;

use std::path::Path;
use std::sync::Arc;

use self::proposals::Proposals;
use self::survey::Survey;
use super::document::Part;
use super::{Catalogue, DOCUMENT_SUFFIX, FOLDER, OVERLAY_SUFFIX};
use crate::mistakes::{Mistakes, Source, Span};
use crate::source::Folder;
use crate::taxonomy::Category;
use crate::terms::Channel;

pub use self::guess::Confidence;
pub use self::survey::Uncarried;

/// A draft for one service.
#[derive(Debug)]
pub struct Draft {
    /// The text of its `catalogue/<service>.openapi.yaml`: the document byte for byte, or bundled.
    pub document: Arc<str>,
    /// How many files the document was.
    pub files: usize,
    /// The text of its `catalogue/<service>.overlay.yaml`.
    pub overlay: String,
    /// Every operation, in the document's order.
    pub operations: Vec<OperationDraft>,
    /// Every field of every answer of success, in the order in which operations lead to them.
    pub fields: Vec<FieldDraft>,
    /// What no filter can carry.
    pub uncarried: Vec<Uncarried>,
    /// What checking would find wrong if every guess were taken as it stands.
    pub remaining: Vec<String>,
}

/// An operation, and what it probably is.
#[derive(Clone, Debug)]
pub struct OperationDraft {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its id; one made of method and path where the document has none.
    pub id: String,
    /// Whether the id is made.
    pub id_is_made: bool,
    /// The guess.
    pub channel: Channel,
    /// What the guess rests on.
    pub reason: String,
    /// Contents that no filter exists for: of its answers, or of its request.
    pub uninspectable: Vec<String>,
}

/// A field, and what it probably holds.
#[derive(Clone, Debug)]
pub struct FieldDraft {
    /// Where it stands in the document, as JSONPath.
    pub target: String,
    /// The guess, if there is one.
    pub category: Option<Category>,
    /// What the guess is worth.
    pub confidence: Confidence,
    /// What it rests on, or why there is none.
    pub reason: String,
}

impl Draft {
    /// Reads the document at `path`, with the files below its folder that it refers to, and drafts an
    /// overlay. A document that cannot be read, or that would not load even with nothing opened, is
    /// told in `mistakes`.
    pub fn read(path: &Path, service: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let bundled = bundle::read(path, mistakes)?;
        let root = Part::new(&bundled.source, &bundled.node);
        check_version(&root, &bundled.source, mistakes)?;
        let mut survey = Survey::new(&root);
        let calls = calls::all(&survey);
        let proposals = Proposals::of(&mut survey, &calls);
        let overlay = writing::overlay(service, &proposals.groups, |line| format!("# {line}"));
        let taken = writing::overlay(service, &proposals.groups, str::to_owned);
        let document: Arc<str> = bundled.source.text().into();
        let untouched = trial(service, &document, &overlay);
        if !untouched.is_empty() {
            for message in untouched {
                mistakes.add(&bundled.source, Span::default(), message);
            }
            return None;
        }
        let remaining = trial(service, &document, &taken);
        Some(Self {
            document,
            files: bundled.files,
            overlay,
            operations: proposals.operations,
            fields: proposals.fields,
            uncarried: survey.uncarried,
            remaining,
        })
    }
}

fn check_version(root: &Part, source: &Arc<Source>, mistakes: &mut Mistakes) -> Option<()> {
    let version = root.get("openapi").and_then(Part::text).unwrap_or_default();
    let known = version.starts_with("3.0.") || version.starts_with("3.1.");
    let message = if root.get("swagger").is_some() {
        "this is a Swagger 2.0 document; convert it to OpenAPI 3.0 first"
    } else if !known {
        "an OpenAPI document of version 3.0 or 3.1 is needed"
    } else {
        return Some(());
    };
    let place = root.get("openapi").unwrap_or(root);
    mistakes.add(source, place.place.span, message);
    None
}

/// What is wrong with the document under this overlay, as `file:line message`.
fn trial(service: &str, document: &str, overlay: &str) -> Vec<String> {
    let files = [(DOCUMENT_SUFFIX, document), (OVERLAY_SUFFIX, overlay)];
    let files =
        files.map(|(suffix, text)| (format!("{FOLDER}/{service}{suffix}"), text.to_owned()));
    let mut mistakes = Mistakes::new();
    let folder = Folder::of("", files, &mut mistakes);
    let _catalogue = Catalogue::load(&folder, &mut mistakes);
    let told = mistakes.sorted().into_iter().map(|mistake| {
        let (path, line) = (mistake.path().display(), mistake.position().line);
        format!("{path}:{line} {}", mistake.message())
    });
    told.collect()
}

#[cfg(test)]
mod tests;
