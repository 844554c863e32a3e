//! `covenant policy check`: everything that is wrong with the files, in one run; and beside it what is
//! right and should be seen by a person.

use std::io::{self, IsTerminal as _, Write};

use jiff::civil::Date;
use serde_json::json;

use super::super::tell_where_else;
use super::{EXIT_INVALID, EXIT_OK, Files, Output};
use crate::mistakes::{Look, Mistakes};
use crate::policy::PolicySet;
use crate::rules::Rules;
use crate::rules::remarks::{self, Remark, Topic};
use crate::source::Folder;

/// Width of the remarks, in columns.
const COLUMNS: usize = 100;

/// Checks the files; returns the exit code.
pub(super) fn run(files: &Files, today: Date, out: &mut dyn Write) -> io::Result<u8> {
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&files.dir, &mut mistakes);
    let rules = Rules::check(&folder, today, &mut mistakes);
    let remarks = rules
        .as_ref()
        .map(|rules| remarks::of(rules, &folder, today, &mistakes));
    let remarks = remarks.unwrap_or_default();
    let set = rules.as_ref().map(|rules| &rules.policy);
    match files.output {
        Output::Json => {
            let document = json!({
                "valid": set.is_some(),
                "version": set.map(PolicySet::version),
                "digest": set.map(PolicySet::digest),
                "mistakes": mistakes.to_json(),
                "remarks": remarks.iter().map(Remark::to_json).collect::<Vec<_>>(),
            });
            writeln!(out, "{document:#}")?;
        }
        Output::Text => match set {
            Some(set) => {
                writeln!(
                    out,
                    "policy set {}: {} rules, {} contracts, no mistakes",
                    set.version(),
                    set.rules().len(),
                    set.contracts().len()
                )?;
                tell_remarks(&remarks, out)?;
            }
            None => {
                tell_mistakes(&mistakes, out)?;
                tell_where_else(&files.dir);
            }
        },
    }
    Ok(if set.is_some() { EXIT_OK } else { EXIT_INVALID })
}

/// All of them, and how many are in which file where they are in several.
fn tell_mistakes(mistakes: &Mistakes, out: &mut dyn Write) -> io::Result<()> {
    let look = Look::of(io::stdout().is_terminal());
    write!(out, "{}", mistakes.render(look))?;
    let files = mistakes.by_file();
    if files.len() > 1 {
        let width = files
            .values()
            .max()
            .map_or(1, |most| most.to_string().len());
        for (file, count) in files {
            writeln!(out, "{count:>width$} in {}", file.display())?;
        }
    }
    writeln!(out, "{}", mistakes.counted())
}

/// By topic; of fields without a category first the fields, then the operations they are in.
fn tell_remarks(remarks: &[Remark], out: &mut dyn Write) -> io::Result<()> {
    let mut topic = None;
    for remark in remarks {
        if topic != Some(remark.topic) {
            topic = Some(remark.topic);
            writeln!(out, "\n{}", remark.topic.heading())?;
        }
        let fields = remark.fields.join(", ");
        if matches!(
            remark.topic,
            Topic::FieldsWithoutCategory | Topic::FieldsUnbounded | Topic::FieldsMadeUp
        ) {
            write_wrapped(&fields, "  ", "  ", out)?;
            write_wrapped(&format!("in {}", remark.about), "    ", "    ", out)?;
            continue;
        }
        let mut text = match remark.message.as_str() {
            "" => remark.about.clone(),
            message => format!("{}: {message}", remark.about),
        };
        if let Some((file, line)) = &remark.place {
            text.push_str(&format!(" ({}:{line})", file.display()));
        }
        write_wrapped(&text, "  ", "    ", out)?;
        write_wrapped(&fields, "    ", "    ", out)?;
    }
    Ok(())
}

/// Writes words in lines of at most [`COLUMNS`] columns, the first indented by `first`.
fn write_wrapped(text: &str, first: &str, rest: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            writeln!(out, "{line}")?;
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    if empty {
        Ok(())
    } else {
        writeln!(out, "{line}")
    }
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
        let notes = "  $.support_notes\n    in createCustomer, getCustomer\n";
        assert!(text.contains(notes), "{text}");

        let (code, text) = checked(Path::new("/nowhere"), Output::Json);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(code, EXIT_INVALID);
        assert_eq!(document["valid"], false);
        assert!(document["mistakes"].as_array().unwrap().len() >= 2);
    }
}
