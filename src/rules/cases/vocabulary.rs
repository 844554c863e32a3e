//! What the words of case files are held against: partners, categories, purposes, and the files that
//! lie beside the cases.

use std::sync::Arc;

use bytes::Bytes;

use crate::mistakes::{Source, Span};
use crate::rules::Rules;
use crate::source::{Fields, Folder, Node};
use crate::taxonomy::{Category, Purpose};
use crate::terms::PartnerId;

/// Where the cases lie in a policies folder.
pub(super) const FOLDER: &str = "tests";
/// Where their fixtures lie in that folder.
pub(super) const FIXTURES: &str = "fixtures/";

/// The files and the rules in force.
pub(super) struct Vocabulary<'a> {
    pub(super) folder: &'a Folder,
    /// None where the rules have mistakes of their own.
    pub(super) rules: Option<&'a Rules>,
}

impl Vocabulary<'_> {
    /// The partner that `partner` names, where it does.
    pub(super) fn partner(&self, fields: &mut Fields<'_, '_>) -> Option<PartnerId> {
        let node = fields.optional("partner")?;
        let text = fields.optional_text("partner")?;
        let id = PartnerId::parse(text);
        let Some(rules) = self.rules else { return id };
        let known = id.filter(|id| rules.policy.contract(id).is_some());
        if known.is_none() {
            let message = format!("there is no contract of `{text}`");
            let contracts = rules.policy.contracts();
            let valid = contracts.map(|contract| contract.partner.as_str());
            unknown(fields, node.span, message, text, valid);
        }
        known
    }

    /// A document: a file below the tests folder by its name, or the JSON itself. `is_json` is whether
    /// the catalogue has JSON there; where that is not known, the file's name tells.
    pub(super) fn document(
        &self,
        fields: &mut Fields<'_, '_>,
        node: &Node,
        key: &str,
        is_json: Option<bool>,
    ) -> Option<Bytes> {
        let Some(name) = node.as_text() else {
            return Some(node.to_value().to_string().into_bytes().into());
        };
        let Some(file) = self.folder.file(&format!("{FOLDER}/{name}")) else {
            let message = format!("`{key}` names the file `{name}`, which is not there");
            let files = self.folder.below(FOLDER).map(|(name, _)| name);
            let valid = files.filter(|name| name.starts_with(FIXTURES));
            unknown(fields, node.span, message, name, valid);
            return None;
        };
        let is_json = is_json.unwrap_or_else(|| name.ends_with(".json"));
        if is_json && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(file.text()) {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let message = format!("this is not JSON: {message}");
            fields.mistakes().add(file, place(file, &error), message);
            return None;
        }
        Some(Bytes::copy_from_slice(file.text().as_bytes()))
    }
}

/// Notes a word that is not one of `valid`.
pub(super) fn unknown<'a>(
    fields: &mut Fields<'_, '_>,
    span: Span,
    message: String,
    word: &str,
    valid: impl IntoIterator<Item = &'a str>,
) {
    let source = Arc::clone(fields.source());
    let mistakes = fields.mistakes();
    mistakes.add_unknown(&source, span, message, word, valid);
}

/// Where serde found a document wrong.
fn place(file: &Source, error: &serde_json::Error) -> Span {
    let before = file.text().split_inclusive('\n');
    let before: usize = before
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    Span {
        offset: before + error.column().saturating_sub(1),
        length: 0,
    }
}

/// A data category.
pub(super) fn category(fields: &mut Fields<'_, '_>, text: &str, span: Span) -> Option<Category> {
    let category = Category::parse(text);
    if category.is_none() {
        let message = format!("`{text}` is not a data category");
        let valid = Category::all().map(Category::key);
        unknown(fields, span, message, text, valid);
    }
    category
}

/// A purpose.
pub(super) fn purpose(fields: &mut Fields<'_, '_>, text: &str, span: Span) -> Option<Purpose> {
    let purpose = Purpose::parse(text);
    if purpose.is_none() {
        let message = format!("`{text}` is not a purpose");
        let valid = Purpose::all().map(Purpose::key);
        unknown(fields, span, message, text, valid);
    }
    purpose
}
