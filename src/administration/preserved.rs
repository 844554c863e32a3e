//! What of the entries that were destroyed is kept: purges copy what is on hold into evidence packages first.
//! Whoever accounts for a person must be led to them, for the ledger itself no longer has them.
//!
//! A package is believed as far as the log's keys have signed what it proves, and no further.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::NotDone;
use super::destroyed::destroyed;
use super::disclosures::keys;
use super::messages::{Destroyed, Preserved, PreservedPackage};
use super::whom::Whom;
use crate::entry::{Entry, Purge};
use crate::evidence;
use crate::evidence::archive::{self, ARCHIVE_BYTES_MAX};
use crate::index::Query;
use crate::ledger::{Keys, reading};

/// Packages that are looked into for one report.
const PACKAGES_MAX: usize = 200;

/// What the ledger in `directory` does not have any more, and what of it about these persons is kept in
/// the folder `held`.
pub(super) fn gone(
    directory: &Path,
    held: Option<&Path>,
    whom: &Whom,
) -> Result<(Option<Destroyed>, Option<Preserved>), NotDone> {
    let destroyed = destroyed(directory)?;
    let Some(purge) = destroyed.as_ref().filter(|gone| gone.entries > 0) else {
        return Ok((destroyed, None));
    };
    let purge = purge.entry;
    let found = match held {
        Some(folder) => preserved(folder, &keys(directory)?, whom),
        None => Err(io::Error::other("no folder is configured")),
    };
    let folder = held.map(|held| held.display().to_string());
    let preserved = match found {
        Ok((packages, more)) => Preserved {
            folder,
            packages,
            more,
            unknown: None,
            made: Vec::new(),
        },
        Err(error) => Preserved {
            folder,
            packages: Vec::new(),
            more: 0,
            unknown: Some(error.to_string()),
            made: made(directory, purge)?,
        },
    };
    let tells = !preserved.packages.is_empty() || preserved.more > 0 || !preserved.made.is_empty();
    Ok((destroyed, tells.then_some(preserved)))
}

/// The packages that the purge at this place made first.
fn made(directory: &Path, purge: u64) -> Result<Vec<String>, NotDone> {
    let found = reading::entries(directory, purge).next().transpose()?;
    let purge = found.and_then(|(_, bytes)| Purge::of(&bytes));
    Ok(purge.map_or_else(Vec::new, |purge| purge.held))
}

/// Packages with entries about these persons, and how many were not looked into.
fn preserved(folder: &Path, keys: &Keys, whom: &Whom) -> io::Result<(Vec<PreservedPackage>, u64)> {
    // All that a purge destroyed about a customer on hold is in packages named by its reference.
    let named: Vec<_> = match whom.recipient() {
        Some(_) => vec![String::new()],
        None => whom
            .references()
            .iter()
            .map(|one| format!("{one}-"))
            .collect(),
    };
    let mut files = BTreeSet::new();
    for item in fs::read_dir(folder)? {
        let name = item?.file_name();
        let Some(name) = name.to_str().filter(|name| name.ends_with(".zip")) else {
            continue;
        };
        if named.iter().any(|begin| name.starts_with(begin)) {
            files.insert(name.to_owned());
        }
    }
    let query = Query {
        references: whom.references().to_vec(),
        ..Query::default()
    };
    let more = files.len().saturating_sub(PACKAGES_MAX);
    let mut packages = Vec::new();
    for file in files.into_iter().take(PACKAGES_MAX) {
        let package = package(folder, file, keys, &query)?;
        if !package.entries.is_empty() || package.damage.is_some() {
            packages.push(package);
        }
    }
    Ok((packages, u64::try_from(more).unwrap_or(u64::MAX)))
}

fn package(
    folder: &Path,
    file: String,
    keys: &Keys,
    query: &Query,
) -> io::Result<PreservedPackage> {
    let path = folder.join(&file);
    let length = fs::metadata(&path)?.len();
    if length > ARCHIVE_BYTES_MAX as u64 {
        return Ok(PreservedPackage {
            file,
            sha256: String::new(),
            entries: Vec::new(),
            damage: Some("larger than a package may be".to_owned()),
        });
    }
    let bytes = fs::read(&path)?;
    let found = entries(&bytes, keys, query);
    Ok(PreservedPackage {
        file,
        sha256: evidence::sha256_text(&bytes),
        damage: found.as_ref().err().cloned(),
        entries: found.unwrap_or_default(),
    })
}

/// Places in the log of the entries in a package that fit, if the package is whole.
fn entries(package: &[u8], keys: &Keys, query: &Query) -> Result<Vec<u64>, String> {
    evidence::verify(package, Some(keys)).map_err(|error| error.to_string())?;
    let members = archive::read(package).map_err(|error| error.to_string())?;
    let mut places = Vec::new();
    for (name, bytes) in &members {
        let place = name.strip_prefix("entries/");
        let place = place.and_then(|name| name.strip_suffix(".json")?.parse().ok());
        if let Some(place) = place
            && Entry::parse(bytes).is_ok_and(|entry| query.fits(&entry))
        {
            places.push(place);
        }
    }
    places.sort_unstable();
    Ok(places)
}
