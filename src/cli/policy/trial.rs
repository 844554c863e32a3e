//! Tests and proof before a publication: each a command in a process of its own, the prover above all,
//! which can overflow its stack.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

use crate::cli::output::{complain, say_error};
use crate::source::Folder;

/// A test failed, or a promise is broken.
const EXIT_FAILED: u8 = 4;
/// What a command needs is not there: for the prover, its solver.
const EXIT_CANNOT_REACH: i32 = 7;

/// What was found, in words for the entry: `tests passed; proved`.
///
/// # Errors
/// The exit code that the publication ends with: 4 where a test failed or a promise is broken. It has
/// been told why.
pub(super) async fn run(directory: &Path, files: &Folder) -> Result<String, u8> {
    let tests = match files.below("tests").next() {
        None => "no tests",
        Some(_) => match ended("test", directory).await? {
            Ended::Right => "tests passed",
            Ended::NotRun(why) => {
                complain(format!(
                    "the tests could not be run: {why}; nothing was sent"
                ));
                return Err(crate::cli::EXIT_OTHER);
            }
        },
    };
    let proof = match files.below("properties").next() {
        None => "unproved: there are no properties".to_owned(),
        Some(_) => match ended("prove", directory).await? {
            Ended::Right => "proved".to_owned(),
            Ended::NotRun(why) => {
                say_error(&format!("this set goes out unproved: {why}\n"));
                format!("unproved: {why}")
            }
        },
    };
    Ok(format!("{tests}; {proof}"))
}

/// How a command ended that did not find anything wrong.
enum Ended {
    Right,
    NotRun(String),
}

async fn ended(command: &str, directory: &Path) -> Result<Ended, u8> {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Ok(Ended::NotRun(error.to_string())),
    };
    let run = Command::new(program)
        .args(["policy", command, "--dir"])
        .arg(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = match run.await {
        Ok(output) => output,
        Err(error) => return Ok(Ended::NotRun(error.to_string())),
    };
    let status = output.status;
    if status.success() {
        return Ok(Ended::Right);
    }
    say_error(&String::from_utf8_lossy(&output.stdout));
    if status.code() == Some(i32::from(EXIT_FAILED)) {
        complain(format!(
            "`covenant policy {command}` failed; nothing was sent"
        ));
        return Err(EXIT_FAILED);
    }
    Ok(Ended::NotRun(why(command, status)))
}

fn why(command: &str, status: ExitStatus) -> String {
    if command == "prove" && status.code() == Some(EXIT_CANNOT_REACH) {
        return "the solver is not installed".to_owned();
    }
    format!("`covenant policy {command}` ended with {status}")
}
