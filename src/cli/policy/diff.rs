//! `covenant policy diff`: what one set of policies lets out that another does not.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::super::invalid;
use super::super::output::escaped;
use super::{EXIT_INVALID, EXIT_OK, Output};
use crate::mistakes::Mistakes;
use crate::rules::{Comparison, Rules};

/// The two sets, and how to write what differs.
#[derive(Clone, Debug, clap::Args)]
pub struct Sets {
    /// The folder with the policies as they were.
    pub old: PathBuf,
    /// The folder with the policies as they would be.
    pub new: PathBuf,
    /// How to write the result.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// Compares the sets; returns the exit code.
pub(super) fn run(sets: &Sets, today: Date, out: &mut dyn Write) -> io::Result<u8> {
    // Both are read, so that the mistakes of both are told.
    let (old, new) = (read(&sets.old, today), read(&sets.new, today));
    match (old, new) {
        (Some(old), Some(new)) => tell(&old, &new, sets.output, out),
        _ => Ok(EXIT_INVALID),
    }
}

fn read(directory: &Path, today: Date) -> Option<Rules> {
    let mut mistakes = Mistakes::new();
    let rules = Rules::read(directory, today, &mut mistakes);
    if rules.is_none() {
        invalid(&mistakes, directory);
    }
    rules
}

/// Tells what differs between two sets, wherever they come from.
fn tell(old: &Rules, new: &Rules, output: Output, out: &mut dyn Write) -> io::Result<u8> {
    let comparison = Comparison::of(old, new);
    match output {
        Output::Json => writeln!(out, "{:#}", comparison.to_json())?,
        Output::Text => {
            for line in comparison.to_text().lines() {
                writeln!(out, "{}", escaped(line))?;
            }
        }
    }
    Ok(EXIT_OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_differ_exit_with_zero_and_an_invalid_one_with_three() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let told = |new: &Path, output| {
            let sets = Sets {
                old: shipped.clone(),
                new: new.to_owned(),
                output,
            };
            let mut out = Vec::new();
            let code = run(&sets, super::super::TODAY, &mut out).unwrap();
            (code, String::from_utf8(out).unwrap())
        };
        let (code, text) = told(&shipped, Output::Text);
        assert_eq!(code, EXIT_OK);
        assert!(text.ends_with("nothing changes\n"), "{text}");
        let (code, text) = told(&shipped, Output::Json);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(code, EXIT_OK);
        assert_eq!(document["differences"], serde_json::json!([]));
        let (code, text) = told(Path::new("/nowhere"), Output::Text);
        assert_eq!((code, &*text), (EXIT_INVALID, ""));
    }
}
