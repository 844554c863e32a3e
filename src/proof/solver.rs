//! The solver as a process: found, started, asked one question at a time, and replaced when it failed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cedar_policy_symcc::err::{Error, SolverError};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};
use tokio::process::Command;
use tokio::time::timeout;

/// Longest that the solver may think about one question; it then answers that it does not know.
const QUERY_SECONDS_MAX: u64 = 60;
/// Longest wait for an answer to one question, whatever the solver does.
const ANSWER_SECONDS_MAX: u64 = QUERY_SECONDS_MAX + 10;

/// There is no solver.
#[derive(Debug, thiserror::Error)]
#[error(
    "the solver cvc5 is not here ({tried}: {because}). Install it (Debian: `apt-get install cvc5`), name it with \
     --solver or the variable CVC5, or try every request instead with --enumerate"
)]
pub struct SolverMissing {
    tried: String,
    because: String,
}

/// Where cvc5 is, and its name with version: the program named, that of the variable `CVC5`, or the
/// one in the path.
///
/// # Errors
/// [`SolverMissing`] when it cannot be run.
pub fn find_solver(named: Option<&Path>) -> Result<(PathBuf, String), SolverMissing> {
    let program = named
        .map(Path::to_owned)
        .or_else(|| std::env::var_os("CVC5").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("cvc5"));
    let missing = |because: String| SolverMissing {
        tried: program.display().to_string(),
        because,
    };
    let output = std::process::Command::new(&program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| missing(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = said.lines().next().unwrap_or_default();
    let version = words.split_once("cvc5").map(|(_, rest)| rest);
    let version = version.and_then(|rest| {
        rest.split_whitespace()
            .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
    });
    match version {
        Some(version) if output.status.success() => {
            let name = format!("cvc5 {version}");
            Ok((program, name))
        }
        _ => Err(missing("it does not say that it is cvc5".to_owned())),
    }
}

/// A question to which no counterexample means yes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Query<'a> {
    /// No request is allowed by both.
    Disjoint(&'a CompiledPolicySet, &'a CompiledPolicySet),
    /// What the first allows, the second allows.
    Implies(&'a CompiledPolicySet, &'a CompiledPolicySet),
    /// No request makes the rule fail.
    NeverFails(&'a CompiledPolicy),
}

/// A question that is answered by yes or no alone: a counterexample costs several times as much.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plain<'a> {
    /// No request is allowed by both.
    Disjoint(&'a CompiledPolicySet, &'a CompiledPolicySet),
    /// What the first allows, the second allows.
    Implies(&'a CompiledPolicySet, &'a CompiledPolicySet),
    /// No request is allowed.
    AllowsNothing(&'a CompiledPolicySet),
}

/// A solver that is asked.
#[derive(Debug)]
pub(super) struct Prover {
    program: PathBuf,
    running: Option<CedarSymCompiler<LocalSolver>>,
}

impl Prover {
    pub(super) fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            running: None,
        }
    }

    /// A counterexample, or none; or why neither is known.
    pub(super) async fn ask(&mut self, query: Query<'_>) -> Result<Option<Env>, String> {
        let mut solver = self.take()?;
        let answer = within_limit(find(&mut solver, query)).await;
        self.put_back(solver, answer)
    }

    /// Whether it is so; or why that is not known.
    pub(super) async fn is_so(&mut self, question: Plain<'_>) -> Result<bool, String> {
        let mut solver = self.take()?;
        let answer = within_limit(check(&mut solver, question)).await;
        self.put_back(solver, answer)
    }

    fn take(&mut self) -> Result<CedarSymCompiler<LocalSolver>, String> {
        match self.running.take() {
            Some(running) => Ok(running),
            None => self.start(),
        }
    }

    /// Keeps a solver that answered; one that failed is in no known state, and ends.
    fn put_back<T>(
        &mut self,
        solver: CedarSymCompiler<LocalSolver>,
        answer: Result<T, Error>,
    ) -> Result<T, String> {
        if answer.is_ok() {
            self.running = Some(solver);
        }
        answer.map_err(|error| in_words(&error))
    }

    fn start(&self) -> Result<CedarSymCompiler<LocalSolver>, String> {
        let mut command = Command::new(&self.program);
        let limit_milliseconds = QUERY_SECONDS_MAX * 1000;
        command
            .args(["--lang", "smt"])
            .arg(format!("--tlimit-per={limit_milliseconds}"))
            .kill_on_drop(true);
        let started = LocalSolver::from_command(&mut command).map_err(Error::from);
        let solver = started.and_then(CedarSymCompiler::new);
        solver.map_err(|error| in_words(&error))
    }
}

async fn within_limit<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let limit = Duration::from_secs(ANSWER_SECONDS_MAX);
    let answer = timeout(limit, Box::pin(answer)).await;
    answer.unwrap_or(Err(Error::SolverUnknown))
}

async fn check(
    solver: &mut CedarSymCompiler<LocalSolver>,
    question: Plain<'_>,
) -> Result<bool, Error> {
    match question {
        Plain::Disjoint(one, other) => solver.check_disjoint_opt(one, other).await,
        Plain::Implies(one, other) => solver.check_implies_opt(one, other).await,
        Plain::AllowsNothing(set) => solver.check_always_denies_opt(set).await,
    }
}

async fn find(
    solver: &mut CedarSymCompiler<LocalSolver>,
    query: Query<'_>,
) -> Result<Option<Env>, Error> {
    match query {
        Query::Disjoint(one, other) => {
            solver
                .check_disjoint_with_counterexample_opt(one, other)
                .await
        }
        Query::Implies(one, other) => {
            solver
                .check_implies_with_counterexample_opt(one, other)
                .await
        }
        Query::NeverFails(rule) => {
            solver
                .check_never_errors_with_counterexample_opt(rule)
                .await
        }
    }
}

fn in_words(error: &Error) -> String {
    match error {
        Error::SolverUnknown => {
            format!("the solver found no answer within {QUERY_SECONDS_MAX} seconds")
        }
        Error::SolverError(SolverError::Io(error)) => format!("the solver stopped: {error}"),
        other => other.to_string(),
    }
}
