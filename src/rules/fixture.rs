//! The shipped rules, and the same after some edits, for the tests of this room.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use jiff::civil::{Date, date};

use super::Rules;
use crate::mistakes::{Look, Mistakes};
use crate::source::Folder;

const TODAY: Date = date(2026, 11, 22);

/// An edit of a file: what is replaced by what. An empty part is the end of a file that may be new.
pub(super) type Edit<'a> = (&'a str, &'a str, &'a str);

/// The shipped policies after some edits.
pub(super) fn edited(edits: &[Edit<'_>]) -> Rules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut mistakes = Mistakes::new();
    let shipped = Folder::read(&root, &mut mistakes);
    let mut files: BTreeMap<String, String> = shipped
        .files()
        .map(|(name, source)| (name.to_owned(), source.text().to_owned()))
        .collect();
    for (name, from, to) in edits {
        let text = files.entry((*name).to_owned()).or_default();
        assert!(text.contains(from), "`{from}` does not stand in {name}");
        *text = if from.is_empty() {
            format!("{text}{to}")
        } else {
            text.replace(from, to)
        };
    }
    let folder = Folder::of(root, files, &mut mistakes);
    let rules = Rules::load(&folder, None, TODAY, &mut mistakes);
    assert!(mistakes.is_empty(), "{}", mistakes.render(Look::Plain));
    rules.unwrap()
}

pub(super) fn shipped() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| edited(&[]))
}
