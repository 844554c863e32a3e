//! `covenant policy schema`: what editors need to help with the files people edit.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::EXIT_OTHER;
use super::super::output::complain;
use super::{EXIT_OK, EXIT_USAGE};
use crate::catalogue::overlay;
use crate::policy::contract;
use crate::rules::cases;

/// Which schema is wanted.
#[derive(Clone, Debug, clap::Args)]
pub struct Wanted {
    /// The kind of file.
    #[arg(value_enum, required_unless_present = "write")]
    pub kind: Option<Kind>,
    /// Write the schemas of all kinds to this folder, over older ones, instead of printing one.
    #[arg(long, value_name = "DIR", conflicts_with = "kind")]
    pub write: Option<PathBuf>,
}

/// Kinds of files people edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// `partners/<id>.yaml`
    Contract,
    /// `tests/*.yaml`
    Tests,
    /// `catalogue/<service>.overlay.yaml`
    Overlay,
    /// `covenant.toml`
    Configuration,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::Contract,
        Self::Tests,
        Self::Overlay,
        Self::Configuration,
    ];

    fn schema(self) -> Value {
        match self {
            Self::Contract => contract::schema::schema(),
            Self::Tests => cases::schema::schema(),
            Self::Overlay => overlay::schema::schema(),
            Self::Configuration => crate::config::schema::schema(),
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Contract => "contract.schema.json",
            Self::Tests => "tests.schema.json",
            Self::Overlay => "overlay.schema.json",
            Self::Configuration => "configuration.schema.json",
        }
    }

    /// The files it is for.
    fn files(self) -> &'static str {
        match self {
            Self::Contract => "policies/partners/*.yaml",
            Self::Tests => "policies/tests/*.yaml",
            Self::Overlay => "policies/catalogue/*.overlay.yaml",
            Self::Configuration => "covenant.toml",
        }
    }
}

/// Prints or writes schemas; returns the exit code.
pub(super) fn run(wanted: &Wanted, out: &mut dyn Write) -> io::Result<u8> {
    match (&wanted.write, wanted.kind) {
        (Some(folder), _) => {
            for kind in Kind::ALL {
                if let Err(error) = write(folder, kind) {
                    complain(format!("`{}` cannot be written: {error}", folder.display()));
                    return Ok(EXIT_OTHER);
                }
            }
            note(folder, out)?;
            Ok(EXIT_OK)
        }
        (None, Some(kind)) => {
            writeln!(out, "{:#}", kind.schema())?;
            Ok(EXIT_OK)
        }
        (None, None) => Ok(EXIT_USAGE),
    }
}

fn write(folder: &Path, kind: Kind) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(kind.file()), format!("{:#}\n", kind.schema()))
}

/// How an editor is told.
fn note(folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    for kind in Kind::ALL {
        let path = folder.join(kind.file());
        writeln!(out, "{}, for {}", path.display(), kind.files())?;
    }
    let contract = folder.join(Kind::Contract.file());
    let contract = std::path::absolute(&contract).unwrap_or(contract);
    let configuration = folder.join(Kind::Configuration.file());
    let configuration = std::path::absolute(&configuration).unwrap_or(configuration);
    writeln!(
        out,
        "An editor with yaml-language-server finds the schema of a file by its first line, as\n  \
         # yaml-language-server: $schema={}\n\
         one with taplo, for covenant.toml, by\n  #:schema {}",
        contract.display(),
        configuration.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_printed_one_by_one_or_written_all_together() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("schemas");
        let wanted = Wanted {
            kind: None,
            write: Some(place.clone()),
        };
        let mut note = Vec::new();
        assert_eq!(run(&wanted, &mut note).unwrap(), EXIT_OK);
        let note = String::from_utf8(note).unwrap();
        assert!(note.contains("# yaml-language-server: $schema=/"), "{note}");
        for kind in Kind::ALL {
            let wanted = Wanted {
                kind: Some(kind),
                write: None,
            };
            let mut printed = Vec::new();
            assert_eq!(run(&wanted, &mut printed).unwrap(), EXIT_OK);
            assert_eq!(std::fs::read(place.join(kind.file())).unwrap(), printed);
            let schema: Value = serde_json::from_slice(&printed).unwrap();
            assert!(
                schema["$schema"]
                    .as_str()
                    .unwrap()
                    .ends_with("2020-12/schema")
            );
        }
    }
}
