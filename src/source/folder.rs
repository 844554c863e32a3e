//! The files of a policies folder, read once and whole: what is checked, compared, compiled and
//! archived is the same bytes. Not here: what any of the files means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;

use crate::mistakes::{Mistakes, Source, Span};

/// Most files of a folder: the most contracts, and what stands beside them.
const FILES_MAX: usize = 110_000;
/// Most bytes of all files together.
pub const FOLDER_BYTES_MAX: usize = 256 << 20;
/// How deep folders may lie in one another.
const DEPTH_MAX: usize = 8;

/// Files by their path below the folder, written with `/`.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    files: BTreeMap<String, Arc<Source>>,
    bytes: usize,
}

impl Folder {
    /// Reads every file below `root` but those that editors and version control leave behind: names
    /// that begin with `.` or end in `~`. What cannot be read becomes a mistake.
    pub fn read(root: &Path, mistakes: &mut Mistakes) -> Self {
        let mut folder = Self::empty(root);
        folder.read_below(root, "", &mut Vec::new(), mistakes);
        folder
    }

    /// A folder of texts already in memory, such as an archived one. `root` is only told in mistakes.
    pub fn of(
        root: impl Into<PathBuf>,
        files: impl IntoIterator<Item = (String, String)>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut folder = Self::empty(root.into());
        for (name, text) in files {
            let path = folder.root.join(&name);
            let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
            if name.split('/').all(plain) && !name.contains(['\\', '\0']) {
                folder.put(name, Source::new(path, text), mistakes);
            } else {
                let message = format!("`{name}` is not the name of a file below a folder");
                mistakes.add(&Source::new(path, ""), Span::default(), message);
            }
        }
        folder
    }

    fn empty(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            files: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// `above` are the folders that this one lies in: a link back to one of them would never end.
    fn read_below(
        &mut self,
        directory: &Path,
        prefix: &str,
        above: &mut Vec<PathBuf>,
        mistakes: &mut Mistakes,
    ) {
        let note = |place: &Path, message: &str, mistakes: &mut Mistakes| {
            mistakes.add(&Source::new(place, ""), Span::default(), message);
        };
        let cannot = |error: std::io::Error| format!("the folder cannot be read: {error}");
        let real = match directory.canonicalize() {
            Ok(real) => real,
            Err(error) => return note(directory, &cannot(error), mistakes),
        };
        if above.contains(&real) {
            let message = "the folder is a link back to one that it lies in; it is not read";
            return note(directory, message, mistakes);
        }
        if above.len() > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} folders deep");
            return note(directory, &message, mistakes);
        }
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries.flatten(),
            Err(error) => return note(directory, &cannot(error), mistakes),
        };
        above.push(real);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let (path, name) = (entry.path(), format!("{prefix}{name}"));
            if path.is_dir() {
                self.read_below(&path, &format!("{name}/"), above, mistakes);
            } else if path.exists() && !path.is_file() {
                // A pipe would wait for a writer that never comes.
                let message = "this is a pipe, socket or device and no file; it is not read";
                note(&path, message, mistakes);
            } else if name.contains('\\') {
                // An archive has no such names: the set could be kept, and never be read again.
                note(
                    &path,
                    "the name of a file has no `\\`; give it another",
                    mistakes,
                );
            } else if let Some(source) = Source::read(&path, mistakes) {
                self.put(name, source, mistakes);
            }
        }
        above.pop();
    }

    fn put(&mut self, name: String, source: Arc<Source>, mistakes: &mut Mistakes) {
        let bytes = self.bytes.saturating_add(source.text().len());
        if bytes > FOLDER_BYTES_MAX || self.files.len() >= FILES_MAX {
            let message = format!(
                "more than {FILES_MAX} files, or {FOLDER_BYTES_MAX} bytes; this file is not read"
            );
            mistakes.add(&Source::new(source.path(), ""), Span::default(), message);
        } else {
            self.bytes = bytes;
            self.files.insert(name, source);
        }
    }

    /// Where it was read from.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of this name, if there is one.
    pub fn file(&self, name: &str) -> Option<&Arc<Source>> {
        self.files.get(name)
    }

    /// The file of this name; its absence is a mistake.
    pub fn needed(&self, name: &str, mistakes: &mut Mistakes) -> Option<&Arc<Source>> {
        let file = self.file(name);
        if file.is_none() {
            let missing = Source::new(self.root.join(name), "");
            mistakes.add(&missing, Span::default(), "the file is missing");
        }
        file
    }

    /// The files below `folder`, each with its path below that, sorted.
    pub fn below<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Arc<Source>)> + 'a {
        self.files().filter_map(move |(name, source)| {
            let rest = name.strip_prefix(folder)?.strip_prefix('/')?;
            Some((rest, source))
        })
    }

    /// SHA-256 over path and text of every file, each with its length before it: the same files give
    /// the same digest wherever they lie.
    pub fn digest(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        for (name, source) in self.files() {
            for part in [name.as_bytes(), source.text().as_bytes()] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// Every file with its path, sorted.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Arc<Source>)> {
        self.files
            .iter()
            .map(|(name, source)| (name.as_str(), source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Folder) -> Vec<&str> {
        folder.files().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_folder_is_read_with_what_lies_below_and_without_what_editors_leave() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "a.yaml",
            "b/c.yaml",
            "b/.hidden",
            ".git/config",
            "b/c.yaml~",
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(root.path(), &mut mistakes);
        assert!(mistakes.is_empty());
        assert_eq!(names(&folder), ["a.yaml", "b/c.yaml"]);
        assert_eq!(folder.below("b").next().unwrap().0, "c.yaml");
        assert_eq!(folder.below("a.yaml").count(), 0);
        assert_eq!(folder.file("b/c.yaml").unwrap().text(), "b/c.yaml");
        assert!(folder.needed("d.yaml", &mut mistakes).is_none());
        assert_eq!(mistakes.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn pipes_devices_and_links_that_go_round_are_told_and_not_read() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("partners")).unwrap();
        std::fs::write(at("partners/acme.yaml"), "partner: acme").unwrap();
        for link in ["one", "two", "partners/three"] {
            std::os::unix::fs::symlink(root.path(), at(link)).unwrap();
        }
        std::os::unix::fs::symlink("/dev/zero", at("zero.yaml")).unwrap();
        std::os::unix::fs::symlink("partners/acme.yaml", at("link.yaml")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket.yaml")).unwrap();
        std::fs::write(at("back\\slash.yaml"), "").unwrap();
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(root.path(), &mut mistakes);
        assert_eq!(names(&folder), ["link.yaml", "partners/acme.yaml"]);
        let told = mistakes.render(crate::mistakes::Look::Plain);
        assert_eq!(told.matches("a link back").count(), 3, "{told}");
        assert_eq!(told.matches("pipe, socket or device").count(), 2, "{told}");
        assert_eq!(told.matches("has no `\\`").count(), 1, "{told}");
        assert!(Source::read(Path::new("/dev/zero"), &mut mistakes).is_none());
    }

    #[test]
    fn the_digest_is_of_names_and_texts_and_not_of_the_place() {
        let digest = |root: &str, files: &[(&str, &str)]| {
            let files = files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
            Folder::of(root, files, &mut Mistakes::new()).digest()
        };
        let one = digest("here", &[("a", "bc"), ("d", "")]);
        assert_eq!(one, digest("there", &[("d", ""), ("a", "bc")]));
        assert_ne!(one, digest("here", &[("ab", "c"), ("d", "")]));
        assert_ne!(one, digest("here", &[("a", "bc")]));
    }

    #[test]
    fn names_in_an_archive_stay_below_its_folder() {
        let mut mistakes = Mistakes::new();
        let files = ["a/b", "../a", "/a", "a//b", "a/../b", ""]
            .map(|name| (name.to_owned(), String::new()));
        let folder = Folder::of("archive", files, &mut mistakes);
        assert_eq!(names(&folder), ["a/b"]);
        assert_eq!(mistakes.len(), 5);
    }
}
