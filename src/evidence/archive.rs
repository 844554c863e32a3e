//! The file that a package is: a ZIP archive (APPNOTE 6.3) with its members stored, in the order of their
//! names, without times or other attributes. The same members always are the same bytes, so one that is
//! changed anywhere is not what its own members would be written as; every unpacker reads it.

use std::collections::BTreeMap;

use flate2::Crc;
use thiserror::Error;

/// Most members: more need other records (ZIP64).
pub const MEMBERS_MAX: usize = 60_000;
/// Largest package, in bytes.
pub const ARCHIVE_BYTES_MAX: usize = 256 * 1_024 * 1_024;
/// Longest name of a member, in bytes.
const NAME_BYTES_MAX: usize = 512;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// Bytes of a local header before the name.
const LOCAL_BYTES: usize = 30;
/// Version needed: 1.0, for members that are merely stored.
const VERSION: u16 = 10;
/// Names are in UTF-8.
const FLAGS: u16 = 1 << 11;
/// 1 January 1980, the first day there is: no time is told.
const DATE: u16 = (1 << 5) | 1;

/// Members by name.
pub type Members = BTreeMap<String, Vec<u8>>;

/// Why something is not such an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAnArchive {
    /// Too large to be made or read.
    #[error(
        "a package has at most {MEMBERS_MAX} files and {} MiB",
        ARCHIVE_BYTES_MAX / 1_024 / 1_024
    )]
    TooLarge,
    /// Not the bytes that its members would be written as.
    #[error("the package is not as it was written: it is damaged near byte {0}")]
    Changed(usize),
    /// A name that would lead out of the folder it is unpacked to, or that no file should have.
    #[error("a file of the package has a name that is not allowed")]
    Name,
}

/// The archive of these members.
///
/// # Errors
/// [`NotAnArchive::TooLarge`], [`NotAnArchive::Name`].
pub fn write(members: &Members) -> Result<Vec<u8>, NotAnArchive> {
    let (mut archive, mut central) = (Vec::new(), Vec::new());
    if members.len() > MEMBERS_MAX {
        return Err(NotAnArchive::TooLarge);
    }
    for (name, bytes) in members {
        if !is_name(name) {
            return Err(NotAnArchive::Name);
        }
        let offset = number(archive.len())?;
        let common = common(name, bytes)?;
        archive.extend(LOCAL);
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(bytes);
        central.extend(CENTRAL);
        central.extend(VERSION.to_le_bytes());
        central.extend(&common);
        // No comment, first disk, no attributes.
        central.extend([0; 10]);
        central.extend(offset.to_le_bytes());
        central.extend(name.as_bytes());
        if archive.len() + central.len() > ARCHIVE_BYTES_MAX {
            return Err(NotAnArchive::TooLarge);
        }
    }
    let (offset, length) = (number(archive.len())?, number(central.len())?);
    let count = u16::try_from(members.len()).map_err(|_| NotAnArchive::TooLarge)?;
    archive.extend(central);
    archive.extend(END);
    archive.extend([0; 4]);
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length.to_le_bytes());
    archive.extend(offset.to_le_bytes());
    archive.extend([0; 2]);
    Ok(archive)
}

/// The members of an archive, if it is, byte by byte, what [`write()`] makes of them.
///
/// # Errors
/// [`NotAnArchive`].
pub fn read(archive: &[u8]) -> Result<Members, NotAnArchive> {
    if archive.len() > ARCHIVE_BYTES_MAX {
        return Err(NotAnArchive::TooLarge);
    }
    let mut members = Members::new();
    let mut offset = 0;
    while archive.get(offset..offset + 4) == Some(&LOCAL) {
        let changed = NotAnArchive::Changed(offset);
        let (name, bytes, end) = member(archive, offset).ok_or(changed)?;
        if !is_name(&name) {
            return Err(NotAnArchive::Name);
        }
        if members.insert(name, bytes).is_some() || members.len() > MEMBERS_MAX {
            return Err(changed);
        }
        offset = end;
    }
    let again = write(&members)?;
    let same = archive
        .iter()
        .zip(&again)
        .take_while(|(one, other)| one == other);
    let same = same.count();
    if same < archive.len().max(again.len()) {
        return Err(NotAnArchive::Changed(same));
    }
    Ok(members)
}

/// The member whose local header is at `offset`: name, content, and where the next begins.
fn member(archive: &[u8], offset: usize) -> Option<(String, Vec<u8>, usize)> {
    let header = archive.get(offset..offset.checked_add(LOCAL_BYTES)?)?;
    let (_, length) = header.split_at_checked(18)?;
    let bytes_length = u32::from_le_bytes(*length.first_chunk()?);
    let name_length = u16::from_le_bytes(*header.get(26..28)?.first_chunk()?);
    let name_end = offset + LOCAL_BYTES + usize::from(name_length);
    let name = archive.get(offset + LOCAL_BYTES..name_end)?;
    let end = name_end.checked_add(usize::try_from(bytes_length).ok()?)?;
    let bytes = archive.get(name_end..end)?;
    Some((String::from_utf8(name.to_vec()).ok()?, bytes.to_vec(), end))
}

/// What local and central headers have in common: from the version needed to the length of extra fields.
fn common(name: &str, bytes: &[u8]) -> Result<Vec<u8>, NotAnArchive> {
    let mut crc = Crc::new();
    crc.update(bytes);
    let length = number(bytes.len())?;
    let name_length = u16::try_from(name.len()).map_err(|_| NotAnArchive::Name)?;
    let mut common = Vec::with_capacity(26);
    for field in [VERSION, FLAGS, 0, 0, DATE] {
        common.extend(field.to_le_bytes());
    }
    for field in [crc.sum(), length, length] {
        common.extend(field.to_le_bytes());
    }
    common.extend(name_length.to_le_bytes());
    common.extend([0; 2]);
    Ok(common)
}

fn number(length: usize) -> Result<u32, NotAnArchive> {
    u32::try_from(length).map_err(|_| NotAnArchive::TooLarge)
}

/// A path below the folder it is unpacked to, on any system.
fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@ ".contains(&byte);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(letter);
    name.len() <= NAME_BYTES_MAX && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Members {
        let texts = [("README.txt", "read"), ("a/b.json", "{}"), ("a/empty", "")];
        texts
            .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
            .into()
    }

    #[test]
    fn members_come_back_and_no_changed_missing_or_added_byte_goes_unseen() {
        let archive = write(&members()).unwrap();
        assert_eq!(read(&archive), Ok(members()));
        for position in 0..archive.len() {
            for bit in [0x01, 0x80] {
                let mut changed = archive.clone();
                changed[position] ^= bit;
                // A member's own bytes are its digest's to find, which the checksum does here already.
                assert!(read(&changed).is_err(), "{position}");
            }
            assert!(read(&archive[..position]).is_err(), "cut at {position}");
        }
        assert!(read(&[archive, vec![0]].concat()).is_err());
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in [
            "", "/a", "../a", "a/../b", "a//b", "a\\b", "a:b", ".a", "a/", "é",
        ] {
            let members = Members::from([(name.to_owned(), Vec::new())]);
            assert_eq!(write(&members), Err(NotAnArchive::Name), "{name}");
        }
    }
}
