//! `covenant policy check`: everything that is wrong with the files, in one run.

use std::io::{self, IsTerminal as _, Write};

use jiff::civil::Date;
use serde_json::json;

use super::{EXIT_INVALID, EXIT_OK, Files, Output};
use crate::mistakes::{Look, Mistakes};
use crate::policy::PolicySet;
use crate::rules::Rules;
use crate::rules::cases::Cases;
use crate::source::Folder;

/// Checks the files; returns the exit code.
pub(super) fn run(files: &Files, today: Date, out: &mut dyn Write) -> io::Result<u8> {
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&files.dir, &mut mistakes);
    let rules = Rules::load(&folder, None, today, &mut mistakes);
    Cases::load(&folder, rules.as_ref(), &mut mistakes);
    let set = rules.as_ref().map(|rules| &rules.policy);
    report(set, &mistakes, files.output, out)
}

/// Reports what was found wrong while `set` was loaded; returns the exit code.
fn report(
    set: Option<&PolicySet>,
    mistakes: &Mistakes,
    output: Output,
    out: &mut dyn Write,
) -> std::io::Result<u8> {
    match output {
        Output::Json => {
            let document = json!({
                "valid": mistakes.is_empty(),
                "version": set.map(PolicySet::version),
                "digest": set.map(PolicySet::digest),
                "mistakes": mistakes.to_json(),
            });
            writeln!(out, "{document:#}")?;
        }
        Output::Text => {
            let look = Look::of(std::io::stdout().is_terminal());
            write!(out, "{}", mistakes.render(look))?;
            match set {
                Some(set) if mistakes.is_empty() => writeln!(
                    out,
                    "policy set {}: {} rules, {} contracts, no mistakes",
                    set.version(),
                    set.rules().len(),
                    set.contracts().len()
                )?,
                _ => writeln!(out, "{}", mistakes.counted())?,
            }
        }
    }
    let valid = set.is_some() && mistakes.is_empty();
    Ok(if valid { EXIT_OK } else { EXIT_INVALID })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn checked(directory: &Path, output: Output) -> (u8, String) {
        let files = Files {
            dir: directory.to_owned(),
            output,
        };
        let mut out = Vec::new();
        let code = run(&files, super::super::TODAY, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_right_set_is_summed_up_and_a_wrong_one_exits_with_three() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let (code, text) = checked(&shipped, Output::Text);
        assert_eq!(code, EXIT_OK);
        assert!(text.contains("3 contracts, no mistakes"), "{text}");

        let (code, text) = checked(Path::new("/nowhere"), Output::Json);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(code, EXIT_INVALID);
        assert_eq!(document["valid"], false);
        assert!(document["mistakes"].as_array().unwrap().len() >= 2);
    }
}
