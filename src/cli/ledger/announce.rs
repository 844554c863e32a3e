//! An export of the very ledger that a gateway is writing is told to it first, so that it stands in there who
//! took everything along. A copy, or a ledger at rest, is nobody's to ask.

use std::fs;
use std::io;
use std::path::Path;

use super::export::ExportArguments;
use crate::administration::Role;
use crate::administration::client::{Client, ClientError};
use crate::cli::output::complain;
use crate::config::Config;

/// Tells the gateway whose ledger is exported, if it runs.
///
/// # Errors
/// The exit code, where the gateway does not want it, or cannot be asked though it runs.
pub(in crate::cli) async fn announce(
    arguments: &ExportArguments,
    config: &Config,
    role: Option<Role>,
) -> Result<(), u8> {
    if !is_same(&config.ledger.directory, arguments.directory()) {
        return Ok(());
    }
    let client = Client::new(&config.administration.socket, role);
    let told: Result<u64, _> = client.post("/ledger/export", &arguments.told()).await;
    match told {
        Ok(_) => Ok(()),
        Err(ClientError::CannotReach { cause, .. }) if is_nobody(&cause) => Ok(()),
        Err(error) => {
            complain(&error);
            Err(error.exit_code())
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Whether no gateway listens at all; one that this user may not speak to is another matter.
fn is_nobody(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}
