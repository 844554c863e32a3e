//! `covenant policy prove`: whether the promises keep their properties, whatever is asked, by whom,
//! under which contract. The proof itself runs in a process of its own.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::output::{complain, escaped_json, say};
use super::super::{failed, invalid};
use super::{EXIT_FAILED, EXIT_OK, EXIT_UNREACHABLE, Files, Output};
use crate::clock::Clock;
use crate::mistakes::Mistakes;
use crate::proof::{self, Book, Means, Report};
use crate::source::Folder;

/// Steps of the progress bar.
const STEPS: u64 = 1000;

/// What to prove, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct Wanted {
    /// Another policies folder: prove that nothing is allowed that its promises do not allow.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// The solver cvc5, where it is not in the path; the variable CVC5 names it too.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "enumerate")]
    solver: Option<PathBuf>,
    /// Do without a solver and try every request; takes a minute or so.
    #[arg(long)]
    enumerate: bool,
    /// Prove here and now, and write the report for the process that asked.
    #[arg(long, hide = true)]
    in_this_process: bool,
}

/// Proves what is wanted; returns the exit code.
pub(super) async fn run(wanted: &Wanted, files: &Files, clock: &Clock) -> u8 {
    let (book, against) = match books(wanted, files) {
        Ok(books) => books,
        Err(code) => return code,
    };
    if wanted.in_this_process {
        return prove_here(wanted, &book, against.as_ref(), clock).await;
    }
    let solver = match (
        wanted.enumerate,
        proof::find_solver(wanted.solver.as_deref()),
    ) {
        (true, _) => None,
        (false, Ok((program, _))) => Some(program),
        (false, Err(missing)) => {
            complain(missing);
            return EXIT_UNREACHABLE;
        }
    };
    let asked = proof::Wanted {
        dir: files.dir.clone(),
        against: wanted.against.clone(),
        solver,
    };
    match proof::prove_apart(&asked).await {
        Ok(report) => tell(&report, files.output),
        Err(error) => failed(&error),
    }
}

/// The set to prove and the one to compare it with, or the exit code where they have mistakes.
fn books(wanted: &Wanted, files: &Files) -> Result<(Book, Option<Book>), u8> {
    let read = |dir: &Path, read: fn(&Folder, &mut Mistakes) -> Option<Book>| {
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(dir, &mut mistakes);
        let book = read(&folder, &mut mistakes);
        book.filter(|_| mistakes.is_empty())
            .ok_or_else(|| invalid(&mistakes, dir))
    };
    let book = read(&files.dir, Book::read)?;
    let against = wanted.against.as_deref();
    let against = against.map(|dir| read(dir, Book::without_properties));
    Ok((book, against.transpose()?))
}

async fn prove_here(wanted: &Wanted, book: &Book, against: Option<&Book>, clock: &Clock) -> u8 {
    let bar = progress_bar();
    let progress = |part: f64| bar.set_position((part * STEPS as f64) as u64);
    let means = match &wanted.solver {
        Some(solver) => Means::Solver(solver),
        None => Means::Trying,
    };
    let report = proof::prove(book, against, means, clock, &progress).await;
    bar.finish_and_clear();
    match report {
        Ok(report) => {
            let text = serde_json::to_string(&report);
            let written = text.map_err(io::Error::from).and_then(|text| {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            });
            written.map_or_else(|error| failed(&error), |()| EXIT_OK)
        }
        Err(error) => failed(&error),
    }
}

/// Shown on a terminal only.
fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(STEPS);
    let style = ProgressStyle::with_template("proving {bar:40} {percent}%");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn tell(report: &Report, output: Output) -> u8 {
    match output {
        Output::Text => say(&report.to_text()),
        Output::Json => say(&escaped_json(&format!("{:#}\n", report.to_json()))),
    }
    if report.is_proved() {
        EXIT_OK
    } else {
        EXIT_FAILED
    }
}
