//! Files of keys beside the database: 32 random bytes each, for nobody else to read.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;

use super::CannotOpen;
use crate::files::{self, Readers};

const KEY_BYTES: usize = 32;

pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

pub(super) fn key(path: &Path, may_make: bool) -> Result<hmac::Key, CannotOpen> {
    let failed = |cause| CannotOpen::File {
        path: path.to_owned(),
        cause,
    };
    let mistaken = |mistake| CannotOpen::Key {
        path: path.to_owned(),
        mistake,
    };
    let bytes = match File::open(path) {
        Ok(mut file) => {
            if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
                return Err(mistaken("others may read this key; set its mode to 0600"));
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(failed)?;
            bytes
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
            make_key(path).map_err(failed)?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mistake = "this key is missing, and nobody in the book can be found without it; \
                           bring it back from a backup";
            return Err(mistaken(mistake));
        }
        Err(error) => return Err(failed(error)),
    };
    if bytes.len() != KEY_BYTES {
        return Err(mistaken(
            "a key must have 32 bytes; bring it back from a backup",
        ));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

pub(super) fn make_key(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random bytes"))?;
    files::write_new(path, &bytes, Readers::Owner)?;
    Ok(bytes)
}
