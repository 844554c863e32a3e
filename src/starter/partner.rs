//! What a new partner begins with, made whole before anything of it is written: a narrow contract, cases for it,
//! a client certificate, data to register its client with, and a first call.
//!
//! The contract and the cases are tried in memory as `covenant policy check` and `test` would; only what
//! passes both is written, and all of it or nothing. Not here: publishing, which is a person's deed
//! ([`crate::administration`]), and the authorization server's side of a registration.

mod cases;
mod contract;
mod registration;

use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

pub use self::contract::Terms;
use crate::files::{self, Readers};
use crate::identity::certificate::ClientCertificate;
use crate::mistakes::{Look, Mistakes};
use crate::rules::Rules;
use crate::rules::cases::Cases;
use crate::source::Folder;
use crate::taxonomy::Purpose;
use crate::terms::{PartnerId, PartnerKind};

/// The longest name or address of a partner, in bytes.
const TEXT_BYTES_MAX: usize = 500;

/// What is known of a new partner.
#[derive(Clone, Debug)]
pub struct NewPartner {
    /// Its id.
    pub id: PartnerId,
    /// Its name, as in reports.
    pub name: String,
    /// Its postal address, as in reports.
    pub address: String,
    /// What kind of partner it is.
    pub kind: PartnerKind,
    /// Of a co-brand: whose.
    pub parent: Option<PartnerId>,
    /// Its `client_id`.
    pub client: String,
    /// What it may use data for; not empty.
    pub purposes: Vec<Purpose>,
    /// Operations it may call; empty for those that only read records of its own customers.
    pub operations: Vec<String>,
    /// The terms it accepted.
    pub terms: Terms,
}

/// Why there is no new partner.
#[derive(Debug, thiserror::Error)]
pub enum NotAdded {
    /// It is there already, or what was said of it is wrong.
    #[error("{0}")]
    Mistaken(String),
    /// The policies have mistakes, with the new files or without.
    #[error("nothing was written, because of {count}:\n\n{rendered}")]
    Invalid {
        /// How many, in words.
        count: String,
        /// All of them, each at its place.
        rendered: String,
    },
    /// A file cannot be written. What was written before it is gone again.
    #[error("`{}` cannot be written, so nothing was: {cause}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

impl From<Mistakes> for NotAdded {
    fn from(mistakes: Mistakes) -> Self {
        Self::Invalid {
            count: mistakes.counted(),
            rendered: mistakes.render(Look::Plain),
        }
    }
}

/// Files of a policies folder that make a partner, tried and not written yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Path below the policies folder, and text.
    pub files: Vec<(String, String)>,
    /// How many cases there are.
    pub cases: usize,
    /// The operations it may call.
    pub operations: Vec<String>,
    /// The registration of its client, JSON.
    pub registration: String,
}

/// Drafts a partner for the policies in `folder`, with this certificate, on the day `today`.
///
/// # Errors
/// When there is such a partner, what is said of it cannot be, or the folder has mistakes.
pub fn draft(
    new: &NewPartner,
    certificate: &ClientCertificate,
    folder: &Folder,
    today: Date,
) -> Result<Draft, NotAdded> {
    new.check()?;
    let (contract_name, cases_name) = names(&new.id);
    for name in [&contract_name, &cases_name] {
        if folder.file(name).is_some() {
            return Err(NotAdded::Mistaken(format!(
                "there is a `{name}` already, and nothing is written over: choose another id, or \
                 change that file"
            )));
        }
    }
    let mut mistakes = Mistakes::new();
    let Some(before) = Rules::check(folder, today, &mut mistakes) else {
        return Err(mistakes.into());
    };
    let offered = new.offered(&before)?;
    let text = contract::text(new, certificate, &offered);
    let rules = loaded(&with(folder, &[(&contract_name, &text)]), today)?;
    let operations = contract::permitted(&rules, &new.id, &offered, today);
    if operations.is_empty() {
        return Err(NotAdded::Mistaken(
            "no operation of the catalogue may be called for these purposes; name others with \
             `--purpose`, or operations with `--operation`"
                .to_owned(),
        ));
    }
    let contract = contract::text(new, certificate, &operations);
    let rules = loaded(&with(folder, &[(&contract_name, &contract)]), today)?;
    let written = cases::text(new, &rules, folder, &operations, today);
    let whole = with(
        folder,
        &[(&contract_name, &contract), (&cases_name, &written.text)],
    );
    let mut mistakes = Mistakes::new();
    let Some(rules) = Rules::check(&whole, today, &mut mistakes) else {
        return Err(mistakes.into());
    };
    try_cases(&rules, &whole, today)?;
    Ok(Draft {
        registration: registration::document(new, certificate),
        files: vec![(contract_name, contract), (cases_name, written.text)],
        cases: written.count,
        operations,
    })
}

/// The names of a partner's contract and cases below the policies folder.
pub fn names(id: &PartnerId) -> (String, String) {
    (format!("partners/{id}.yaml"), format!("tests/{id}.yaml"))
}

/// Every case of the folder passes, as before: a partner more must change nothing for the others.
///
/// # Errors
/// With the name of the first that does not.
pub fn try_cases(rules: &Rules, folder: &Folder, today: Date) -> Result<(), NotAdded> {
    let mut mistakes = Mistakes::new();
    let cases = Cases::load(folder, Some(rules), &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes.into());
    }
    let mut judged = cases.all.iter().map(|case| (case, case.run(rules, today)));
    let failed = judged.find(|(_, outcome)| !outcome.failures.is_empty());
    failed.map_or(Ok(()), |(case, outcome)| {
        Err(NotAdded::Mistaken(format!(
            "nothing was written: the case `{}` of tests/{} fails: {}",
            case.name,
            case.file,
            outcome.failures.join("; ")
        )))
    })
}

/// The folder with these files in place of those of their names.
pub fn with(folder: &Folder, files: &[(&str, &str)]) -> Folder {
    let kept = folder
        .files()
        .filter(|(name, _)| files.iter().all(|(new, _)| new != name));
    let kept = kept.map(|(name, source)| (name.to_owned(), source.text().to_owned()));
    let new = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    // Their names are ours or were read, so that there is nothing to say about them.
    Folder::of(folder.root(), kept.chain(new), &mut Mistakes::new())
}

fn loaded(folder: &Folder, today: Date) -> Result<Rules, NotAdded> {
    let mut mistakes = Mistakes::new();
    let rules = Rules::load(folder, None, today, &mut mistakes);
    rules.ok_or_else(|| mistakes.into())
}

impl NewPartner {
    fn check(&self) -> Result<(), NotAdded> {
        let told = [
            ("name", &self.name),
            ("address", &self.address),
            ("client", &self.client),
            ("person who accepted the terms", &self.terms.by),
        ];
        for (what, text) in told {
            let plain = !text.trim().is_empty() && !text.contains(char::is_control);
            if !plain || text.len() > TEXT_BYTES_MAX {
                return Err(NotAdded::Mistaken(format!(
                    "the {what} must be some words on one line, at most {TEXT_BYTES_MAX} bytes"
                )));
            }
        }
        match (self.kind == PartnerKind::Cobrand, &self.parent) {
            (true, None) => Err(NotAdded::Mistaken(
                "a cobrand belongs to a partner: name that with `--parent`".to_owned(),
            )),
            (false, Some(_)) => Err(NotAdded::Mistaken(
                "only a cobrand has a parent: say `--kind cobrand`, or leave `--parent` out"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// The operations that were named, or those that only read.
    fn offered(&self, rules: &Rules) -> Result<Vec<String>, NotAdded> {
        let unknown = |id: &&String| rules.catalogue.operation(id).is_none();
        if let Some(unknown) = self.operations.iter().find(unknown) {
            return Err(NotAdded::Mistaken(format!(
                "the catalogue has no operation `{unknown}`"
            )));
        }
        if !self.operations.is_empty() {
            return Ok(self.operations.clone());
        }
        let reading = contract::reading(rules);
        match (reading.is_empty(), rules.catalogue.operations.is_empty()) {
            (false, _) => Ok(reading),
            (true, true) => Err(NotAdded::Mistaken(
                "the catalogue has no operation that a partner could call: give those it shall call an \
                 `x-covenant-channel` in the overlays of `catalogue/` (`covenant policy import-openapi` \
                 drafts one), then add the partner"
                    .to_owned(),
            )),
            (true, false) => Err(NotAdded::Mistaken(
                "the catalogue has no operation that reads records or lists (GET, `x-covenant-channel: \
                 record` or `list`), which are all that a new contract has where none are named: name the \
                 operations it shall have with `--operation`, or open such in the overlays of `catalogue/`"
                    .to_owned(),
            )),
        }
    }
}

/// A file to be written.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub text: String,
    /// Who may read it.
    pub readers: Readers,
}

/// Writes all of the files or none: where one is in the way or fails, those before it are removed again.
///
/// # Errors
/// With the file that could not be written.
pub fn write_all(new: &[NewFile]) -> Result<(), NotAdded> {
    for (count, file) in new.iter().enumerate() {
        if let Err(cause) = write(file) {
            remove(new.iter().take(count).map(|file| &*file.path));
            return Err(NotAdded::File {
                path: file.path.clone(),
                cause,
            });
        }
    }
    Ok(())
}

/// Removes files that were just written, as far as that goes.
pub fn remove<'a>(paths: impl Iterator<Item = &'a Path>) {
    for path in paths {
        // Nothing better can be done, and the error that led here is the one to tell.
        let _ = std::fs::remove_file(path);
    }
}

fn write(file: &NewFile) -> io::Result<()> {
    if let Some(folder) = file.path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    files::write_new(&file.path, file.text.as_bytes(), file.readers)
}

#[cfg(test)]
mod tests;
