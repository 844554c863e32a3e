//! What a new installation begins with: a configuration, the shipped promises, and the catalogue,
//! contracts and tests of the demo mailing company as examples. Never overwrites a file, and makes no key or
//! certificate: those come from the company's own authority, or from `covenant ca`.

pub mod partner;
pub mod rotation;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

/// The shipped policies, by their path below the policies folder.
pub const POLICIES: [(&str, &str); 25] = [
    ("promises.cedar", include_str!("../policies/promises.cedar")),
    (
        "schema.cedarschema",
        include_str!("../policies/schema.cedarschema"),
    ),
    (
        "properties/customers.cedar",
        include_str!("../policies/properties/customers.cedar"),
    ),
    (
        "properties/purposes.cedar",
        include_str!("../policies/properties/purposes.cedar"),
    ),
    (
        "properties/secrets.cedar",
        include_str!("../policies/properties/secrets.cedar"),
    ),
    (
        "partners/acme.yaml",
        include_str!("../policies/partners/acme.yaml"),
    ),
    (
        "partners/bluebird.yaml",
        include_str!("../policies/partners/bluebird.yaml"),
    ),
    (
        "partners/crest.yaml",
        include_str!("../policies/partners/crest.yaml"),
    ),
    (
        "catalogue/mailing.openapi.yaml",
        include_str!("../policies/catalogue/mailing.openapi.yaml"),
    ),
    (
        "catalogue/mailing.overlay.yaml",
        include_str!("../policies/catalogue/mailing.overlay.yaml"),
    ),
    (
        "tests/acme.yaml",
        include_str!("../policies/tests/acme.yaml"),
    ),
    (
        "tests/bluebird.yaml",
        include_str!("../policies/tests/bluebird.yaml"),
    ),
    (
        "tests/crest.yaml",
        include_str!("../policies/tests/crest.yaml"),
    ),
    (
        "tests/marketing.yaml",
        include_str!("../policies/tests/marketing.yaml"),
    ),
    (
        "tests/support.yaml",
        include_str!("../policies/tests/support.yaml"),
    ),
    (
        "tests/fixtures/campaign.json",
        include_str!("../policies/tests/fixtures/campaign.json"),
    ),
    (
        "tests/fixtures/customer.json",
        include_str!("../policies/tests/fixtures/customer.json"),
    ),
    (
        "tests/fixtures/customers.json",
        include_str!("../policies/tests/fixtures/customers.json"),
    ),
    (
        "tests/fixtures/foreign.json",
        include_str!("../policies/tests/fixtures/foreign.json"),
    ),
    (
        "tests/fixtures/job.json",
        include_str!("../policies/tests/fixtures/job.json"),
    ),
    (
        "tests/fixtures/letter.pdf",
        include_str!("../policies/tests/fixtures/letter.pdf"),
    ),
    (
        "tests/fixtures/new_customer.json",
        include_str!("../policies/tests/fixtures/new_customer.json"),
    ),
    (
        "tests/fixtures/new_list.json",
        include_str!("../policies/tests/fixtures/new_list.json"),
    ),
    (
        "tests/fixtures/statistics.json",
        include_str!("../policies/tests/fixtures/statistics.json"),
    ),
    (
        "tests/fixtures/tracking.json",
        include_str!("../policies/tests/fixtures/tracking.json"),
    ),
];

const CONFIGURATION: &str = include_str!("starter/covenant.toml");

/// What differs between installations.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Of the partner listener.
    pub gateway: u16,
    /// Of the operator listener.
    pub operator: u16,
    /// Of the core service.
    pub core: u16,
}

impl Ports {
    /// Three ports that are free now. They lie below those that systems hand to outgoing connections
    /// (32,768 and up on Linux), where a port that is free can be taken by any client a moment later;
    /// two calls of one process never try the same.
    ///
    /// # Errors
    /// When there is none.
    pub fn free() -> io::Result<Self> {
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let first = std::process::id() % FREE_PORTS * 17;
        let mut free = (0..FREE_PORTS).filter_map(|_| {
            let number = (first + u32::from(TRIED.fetch_add(1, Ordering::Relaxed))) % FREE_PORTS;
            let port = FREE_PORT_MIN.saturating_add(u16::try_from(number).ok()?);
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .ok()
                .map(|_| port)
        });
        match (free.next(), free.next(), free.next()) {
            (Some(gateway), Some(operator), Some(core)) => Ok(Self {
                gateway,
                operator,
                core,
            }),
            _ => Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "no three ports are free",
            )),
        }
    }
}

/// Where [`Ports::free`] looks, and how many there are.
const FREE_PORT_MIN: u16 = 28_000;
const FREE_PORTS: u32 = 4_500;

/// The ports of `covenant init` and `covenant demo`.
pub const DEFAULT_PORTS: Ports = Ports {
    gateway: 8443,
    operator: 9443,
    core: 7070,
};

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be written: {source}", path.display())]
pub struct CannotWrite {
    path: PathBuf,
    source: io::Error,
}

/// Writes what is missing below `directory`, and says which files were written.
///
/// # Errors
/// When a file or folder cannot be made.
pub fn write(directory: &Path, ports: &Ports, user: &str) -> Result<Vec<PathBuf>, CannotWrite> {
    let configuration = CONFIGURATION
        .replace("{port}", &ports.gateway.to_string())
        .replace("{operator_port}", &ports.operator.to_string())
        .replace("{core_port}", &ports.core.to_string())
        .replace("{user}", user);
    let mut written = Vec::new();
    let mut put = |path: PathBuf, text: &str| -> Result<(), CannotWrite> {
        if write_new(&path, text).map_err(|source| CannotWrite {
            path: path.clone(),
            source,
        })? {
            written.push(path);
        }
        Ok(())
    };
    put(directory.join("covenant.toml"), &configuration)?;
    for (name, text) in POLICIES {
        put(directory.join("policies").join(name), text)?;
    }
    Ok(written)
}

/// Whether it was written: a file that stands already is left as it is.
fn write_new(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mistakes::Mistakes;
    use crate::source::Folder;

    #[test]
    fn every_file_of_the_shipped_policies_is_written_as_it_stands() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let folder = Folder::read(&shipped, &mut Mistakes::new());
        let mut written = POLICIES;
        written.sort_unstable();
        let stands: Vec<_> = folder
            .files()
            .map(|(name, source)| (name, source.text()))
            .collect();
        assert_eq!(written.as_slice(), stands);
    }
}
