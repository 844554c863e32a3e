//! Files of the development folder: made once, keys for their owner alone, nothing ever overwritten.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::files::{self, Readers};

/// The largest file that is read back.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Why the development authority or issuer could not do it.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// Nothing is overwritten.
    #[error("`{path}` exists and is not overwritten; choose another place or remove it", path = .0.display())]
    Exists(PathBuf),
    /// The system's objection.
    #[error("`{path}`: {cause}", path = path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file that is there and not what it should be.
    #[error("`{path}` is not {expected}", path = path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// A certificate of a partner that no handshake would succeed with.
    #[error(
        "the gateway would not let anybody in with `{path}`: {why}; it must be valid now, for client \
         authentication, and issued by the partner authority", path = path.display()
    )]
    NotTaken {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Not a name that can stand in a certificate.
    #[error("`{0}` is not a DNS name, for example acme.partners.example")]
    Name(String),
    /// Not a certificate's thumbprint.
    #[error("`{0}` is not a thumbprint: those are 43 characters of base64url")]
    Thumbprint(String),
    /// Not a certificate signing request.
    #[error(
        "this is not a certificate signing request (PKCS #10, PEM) signed by its own key; make one \
         with `openssl req -new -key KEY -subj /CN=PARTNER`"
    )]
    Request,
    /// A token nobody would take.
    #[error("a token's life is 1 minute to 24 hours")]
    Life,
    /// The library's objection.
    #[error("the certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The library's objection.
    #[error("the token cannot be signed")]
    Signing,
}

pub(super) fn make_folder(path: &Path) -> Result<(), DevelopmentError> {
    files::make_private_folder(path).map_err(|cause| failed(path, cause))
}

pub(super) fn write_new(path: &Path, text: &str, readers: Readers) -> Result<(), DevelopmentError> {
    files::write_new(path, text.as_bytes(), readers).map_err(|cause| failed(path, cause))
}

pub(super) fn read(path: &Path) -> Result<String, DevelopmentError> {
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|cause| failed(path, cause))?;
    Ok(text)
}

pub(super) fn failed(path: &Path, cause: io::Error) -> DevelopmentError {
    let path = path.to_owned();
    match cause.kind() {
        io::ErrorKind::AlreadyExists => DevelopmentError::Exists(path),
        _ => DevelopmentError::File { path, cause },
    }
}
