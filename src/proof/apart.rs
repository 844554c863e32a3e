//! The proof in a process of its own. The library recurses as deep as the rules nest; if that ends its
//! process, the command that asked says so and lives, and nothing is taken for proved.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::report::Report;

/// Longest that a whole proof may take.
const PROOF_SECONDS_MAX: u64 = 1800;

/// What to prove.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The policies folder.
    pub dir: PathBuf,
    /// A policies folder whose promises must not be exceeded.
    pub against: Option<PathBuf>,
    /// The solver; `None` to try every request.
    pub solver: Option<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ApartError {
    /// The process could not be started.
    #[error("the proof cannot be started: {0}")]
    Start(#[from] std::io::Error),
    /// It ended without a report.
    #[error("the proof ended without a result ({0}); nothing is proved")]
    Ended(ExitStatus),
    /// It took too long.
    #[error("the proof took more than {PROOF_SECONDS_MAX} seconds; nothing is proved")]
    Late,
    /// What it said is no report.
    #[error("the proof's result cannot be read ({0}); nothing is proved")]
    Unreadable(#[from] serde_json::Error),
}

/// Proves what is wanted in a process of this same program, and reads its report.
///
/// # Errors
/// [`ApartError`]; then nothing was proved.
pub async fn prove_apart(wanted: &Wanted) -> Result<Report, ApartError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["policy", "prove", "--in-this-process"]);
    command.arg("--dir").arg(&wanted.dir);
    if let Some(against) = &wanted.against {
        command.arg("--against").arg(against);
    }
    match &wanted.solver {
        Some(solver) => command.arg("--solver").arg(solver),
        None => command.arg("--enumerate"),
    };
    command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let limit = Duration::from_secs(PROOF_SECONDS_MAX);
    let output = timeout(limit, command.stdout(Stdio::piped()).output()).await;
    let output = output.map_err(|_| ApartError::Late)??;
    if !output.status.success() {
        return Err(ApartError::Ended(output.status));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
