//! `covenant policy fmt`: the rules in their usual form, so that a diff shows what changed and nothing
//! else. Comments and annotations stay. Files in YAML are left as people write them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::output::complain;
use super::super::{EXIT_OTHER, invalid};
use super::{EXIT_INVALID, EXIT_OK};
use crate::mistakes::Mistakes;
use crate::policy::layout;
use crate::source::Folder;

/// What to lay out.
#[derive(Clone, Debug, clap::Args)]
pub struct Formatting {
    /// The directory with the policies.
    #[arg(long, default_value = "policies")]
    pub dir: PathBuf,
    /// Change nothing; name the files that would change, and exit with 3 if there are any.
    #[arg(long)]
    pub check: bool,
}

/// Lays out every Cedar file of the folder; returns the exit code. Where one of them cannot be read,
/// none is written.
pub(super) fn run(formatting: &Formatting, out: &mut dyn Write) -> io::Result<u8> {
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&formatting.dir, &mut mistakes);
    let mut changed = Vec::new();
    for (name, source) in folder.files() {
        if let Some(text) = layout::laid_out(name, source, &mut mistakes)
            && text != source.text()
        {
            changed.push((source.path(), text));
        }
    }
    if !mistakes.is_empty() {
        return Ok(invalid(&mistakes, &formatting.dir));
    }
    for (path, text) in &changed {
        if formatting.check {
            writeln!(out, "{} is not in the usual form", path.display())?;
        } else if let Err(error) = replace(path, text) {
            complain(format!("`{}` cannot be written: {error}", path.display()));
            return Ok(EXIT_OTHER);
        } else {
            writeln!(out, "{} laid out", path.display())?;
        }
    }
    let unclean = formatting.check && !changed.is_empty();
    Ok(if unclean { EXIT_INVALID } else { EXIT_OK })
}

/// Puts a new file in the place of the old one, so that at no moment half of it stands there.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    std::fs::write(&beside, text)?;
    std::fs::set_permissions(&beside, path.metadata()?.permissions())?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(dir: &Path, check: bool) -> (u8, String) {
        let formatting = Formatting {
            dir: dir.to_owned(),
            check,
        };
        let mut out = Vec::new();
        let code = run(&formatting, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_file_is_named_by_the_check_laid_out_once_and_then_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("promises.cedar");
        let text = "// why\npermit(principal,action,resource);";
        std::fs::write(&path, text).unwrap();
        let (code, told) = ran(folder.path(), true);
        assert_eq!(code, EXIT_INVALID);
        assert!(
            told.contains("promises.cedar is not in the usual form"),
            "{told}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(ran(folder.path(), false).0, EXIT_OK);
        let laid_out = std::fs::read_to_string(&path).unwrap();
        assert_eq!(laid_out, "// why\npermit (principal, action, resource);\n");
        assert_eq!(ran(folder.path(), true), (EXIT_OK, String::new()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_one_file_cannot_be_read_none_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let properties = folder.path().join("properties");
        std::fs::create_dir(&properties).unwrap();
        let path = folder.path().join("promises.cedar");
        std::fs::write(&path, "permit(principal,action,resource);").unwrap();
        std::fs::write(properties.join("a.cedar"), "permit(").unwrap();
        assert_eq!(ran(folder.path(), false).0, EXIT_INVALID);
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .starts_with("permit(p")
        );
    }
}
