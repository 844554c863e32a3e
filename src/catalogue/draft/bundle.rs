//! A document that is split over files, put into one: what a reference to another file leads to becomes
//! a component under a name that stays the same from run to run. A document in one file is left as it
//! is, byte for byte.
//!
//! Only files below the document's own folder are read. Nothing is fetched, and a reference that leads
//! elsewhere is a mistake, not a gap.

mod standing;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use self::standing::Standing;
use super::super::document::steps;
use crate::mistakes::{FILE_BYTES_MAX, Mistakes, Source, Span};
use crate::source::{Node, Value, read_yaml};

/// Most files of one document.
const FILES_MAX: usize = 4_096;
/// Most bytes of all of them.
const BYTES_MAX: usize = 64 << 20;
/// How often what stands in place of a reference may hold another one that must be put in place.
const INLINES_MAX: usize = 16;

/// Keywords whose value is data: a `$ref` in it refers to nothing.
const DATA: [&str; 5] = ["example", "default", "enum", "const", "value"];

/// A document in one piece.
pub(super) struct Bundled {
    /// Its text: the file's own bytes if it was one file.
    pub(super) source: Arc<Source>,
    /// The same, read.
    pub(super) node: Node,
    /// How many files it was.
    pub(super) files: usize,
}

/// Reads the document at `path` and all that it refers to. What cannot be followed becomes a mistake.
pub(super) fn read(path: &Path, mistakes: &mut Mistakes) -> Option<Bundled> {
    let before = mistakes.len();
    let source = Source::read(path, mistakes)?;
    let node = read_yaml(&source, mistakes)?;
    if !node.is_mapping() {
        let message = "this is not an OpenAPI document: a mapping is needed";
        mistakes.add(&source, Span::default(), message);
        return None;
    }
    let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let file = Arc::new(File {
        path: canonical.clone(),
        source: Arc::clone(&source),
        node,
    });
    let mut bundler = Bundler {
        folder: canonical.parent().map(Path::to_owned).unwrap_or_default(),
        bytes: source.text().len(),
        files: BTreeMap::from([(canonical, Arc::clone(&file))]),
        document: Arc::clone(&file),
        taken: BTreeSet::new(),
        names: HashMap::new(),
        waiting: VecDeque::new(),
        mistakes,
    };
    let bundled = bundler.bundle();
    let files = bundler.files.len();
    if mistakes.len() > before {
        return None;
    }
    if files == 1 {
        let node = file.node.clone();
        return Some(Bundled {
            source,
            node,
            files,
        });
    }
    let (source, node) = written(&bundled, &source, files, mistakes)?;
    Some(Bundled {
        source,
        node,
        files,
    })
}

/// The bundled document as text, read again to be sure that it says the same.
fn written(
    document: &Json,
    original: &Arc<Source>,
    files: usize,
    mistakes: &mut Mistakes,
) -> Option<(Arc<Source>, Node)> {
    let text = serde_saphyr::to_string(document).unwrap_or_default();
    let text = format!("# Bundled from {files} files; edit those, not this one.\n{text}");
    let written = Source::new(original.path(), text);
    if written.text().len() as u64 > FILE_BYTES_MAX {
        let message = format!("in one piece this is more than {FILE_BYTES_MAX} bytes");
        mistakes.add(original, Span::default(), message);
        return None;
    }
    match read_yaml(&written, &mut Mistakes::new()) {
        Some(node) if node.to_value() == *document => Some((written, node)),
        _ => {
            let message = "this document cannot be written in one piece without changing it; \
                           bundle it with another tool and import the result";
            mistakes.add(original, Span::default(), message);
            None
        }
    }
}

struct File {
    path: PathBuf,
    source: Arc<Source>,
    node: Node,
}

/// File and pointer of what a reference leads to.
type Target = (PathBuf, String);

struct Bundler<'run> {
    folder: PathBuf,
    document: Arc<File>,
    files: BTreeMap<PathBuf, Arc<File>>,
    bytes: usize,
    /// Section and name of every component there is.
    taken: BTreeSet<(String, String)>,
    names: HashMap<Target, (&'static str, String)>,
    waiting: VecDeque<Target>,
    mistakes: &'run mut Mistakes,
}

impl Bundler<'_> {
    fn bundle(&mut self) -> Json {
        self.take_names();
        let top = Standing {
            key: "",
            above: "",
            inlines: 0,
        };
        let document = Arc::clone(&self.document);
        let mut bundled = self.copy(&document, &document.node, top);
        while let Some(target) = self.waiting.pop_front() {
            let (Some(file), Some((section, name))) = (
                self.files.get(&target.0).cloned(),
                self.names.get(&target).cloned(),
            ) else {
                continue;
            };
            let Some(node) = at(&file.node, &target.1) else {
                continue;
            };
            let standing = Standing {
                key: &name,
                above: section,
                inlines: 0,
            };
            let value = self.copy(&file, node, standing);
            put(&mut bundled, section, &name, value);
        }
        bundled
    }

    /// The names that the document's own components have, also where these are kept in other files.
    fn take_names(&mut self) {
        let document = Arc::clone(&self.document);
        let Some((file, components)) = self.held(&document, document.node.get("components")) else {
            return;
        };
        for (section, node) in components.entries() {
            if let Some((_, names)) = self.held(&file, Some(node)) {
                for (name, _) in names.entries() {
                    let name = (section.name.clone(), name.name.clone());
                    self.taken.insert(name);
                }
            }
        }
    }

    /// The node itself, or what its reference leads to. Mistakes are left to the copying.
    fn held(&mut self, file: &Arc<File>, node: Option<&Node>) -> Option<(Arc<File>, Node)> {
        let node = node?;
        let Some(reference) = node.get("$ref") else {
            return Some((Arc::clone(file), node.clone()));
        };
        let noted = std::mem::take(self.mistakes);
        let found = self.target(file, reference);
        *self.mistakes = noted;
        let (file, pointer) = found?;
        let node = at(&file.node, &pointer)?.clone();
        Some((file, node))
    }

    fn copy(&mut self, file: &Arc<File>, node: &Node, standing: Standing<'_>) -> Json {
        match &node.value {
            Value::Mapping(entries) => {
                let reference = node.get("$ref").filter(|node| node.as_text().is_some());
                if let Some(reference) = reference {
                    return self.reference(file, node, reference, standing);
                }
                let names = standing.holds_names();
                let mut map = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    let listed = key.name == "examples" && !value.items().is_empty();
                    let data = !names && (DATA.contains(&key.name.as_str()) || listed);
                    let value = if data {
                        value.to_value()
                    } else {
                        self.copy(file, value, standing.below(&key.name))
                    };
                    map.insert(key.name.clone(), value);
                }
                Json::Object(map)
            }
            Value::Sequence(items) => {
                let items = items.iter();
                items
                    .map(|item| self.copy(file, item, standing.below("")))
                    .collect()
            }
            _ => node.to_value(),
        }
    }

    /// What stands in place of a reference: one within the bundled document, or what it led to.
    fn reference(
        &mut self,
        file: &Arc<File>,
        node: &Node,
        reference: &Node,
        standing: Standing<'_>,
    ) -> Json {
        let Some((other, pointer)) = self.target(file, reference) else {
            return Json::Null;
        };
        let section = standing.section();
        if other.path == self.document.path {
            return self.referring(file, node, format!("#{pointer}"), standing);
        }
        let Some(target) = at(&other.node, &pointer) else {
            let text = reference.as_text().unwrap_or_default();
            let message = format!("nothing stands at `{text}`");
            self.mistakes.add(&file.source, reference.span, message);
            return Json::Null;
        };
        match section.filter(|_| target.is_mapping()) {
            Some(section) => {
                let name = self.name(&other, &pointer, section);
                let name = name.replace('~', "~0").replace('/', "~1");
                self.referring(
                    file,
                    node,
                    format!("#/components/{section}/{name}"),
                    standing,
                )
            }
            None if standing.inlines >= INLINES_MAX => {
                let message = "this reference leads in a circle, where only its target can stand";
                self.mistakes.add(&file.source, reference.span, message);
                Json::Null
            }
            None => {
                let inlines = standing.inlines + 1;
                let mut held = self.copy(
                    &other,
                    target,
                    Standing {
                        inlines,
                        ..standing
                    },
                );
                if let Json::Object(map) = &mut held {
                    map.extend(self.siblings(file, node, standing));
                }
                held
            }
        }
    }

    fn referring(
        &mut self,
        file: &Arc<File>,
        node: &Node,
        reference: String,
        standing: Standing<'_>,
    ) -> Json {
        let mut map = Map::from_iter([("$ref".to_owned(), Json::String(reference))]);
        map.extend(self.siblings(file, node, standing));
        Json::Object(map)
    }

    fn siblings(
        &mut self,
        file: &Arc<File>,
        node: &Node,
        standing: Standing<'_>,
    ) -> Map<String, Json> {
        let others = node.entries().iter().filter(|(key, _)| key.name != "$ref");
        others
            .map(|(key, value)| {
                let value = self.copy(file, value, standing.below(&key.name));
                (key.name.clone(), value)
            })
            .collect()
    }

    /// The name of the component that holds what stands at `pointer` of a file: the last word of the
    /// pointer, or the file's; with the folder before it where that is taken, then with a number.
    fn name(&mut self, file: &File, pointer: &str, section: &'static str) -> String {
        let target = (file.path.clone(), pointer.to_owned());
        if let Some((_, name)) = self.names.get(&target) {
            return name.clone();
        }
        let stem = |path: &Path| {
            let stem = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned());
            stem.unwrap_or_default()
        };
        let last = steps(pointer).and_then(|mut steps| steps.pop());
        let short = plain(&last.unwrap_or_else(|| stem(&file.path)));
        let folder = file.path.parent().map(stem).unwrap_or_default();
        let long = format!("{}_{short}", plain(&folder));
        let numbered = (2..).map(|number| format!("{long}_{number}"));
        let mut candidates = [short, long.clone()].into_iter().chain(numbered);
        let free = |name: &String| !self.taken.contains(&(section.to_owned(), name.clone()));
        let name = candidates.find(free).unwrap_or(long);
        self.taken.insert((section.to_owned(), name.clone()));
        self.names.insert(target.clone(), (section, name.clone()));
        self.waiting.push_back(target);
        name
    }

    /// The file and the place in it that a reference names.
    fn target(&mut self, file: &Arc<File>, reference: &Node) -> Option<(Arc<File>, String)> {
        let text = reference.as_text().unwrap_or_default();
        let (location, pointer) = text.split_once('#').unwrap_or((text, ""));
        if location.is_empty() {
            return Some((Arc::clone(file), pointer.to_owned()));
        }
        match self.file(file, location) {
            Ok(other) => Some((other, pointer.to_owned())),
            Err(Some(message)) => {
                self.mistakes.add(&file.source, reference.span, message);
                None
            }
            // Said at the file itself.
            Err(None) => None,
        }
    }

    fn file(&mut self, from: &File, location: &str) -> Result<Arc<File>, Option<String>> {
        let only = "only files below the document's folder are read";
        if location.contains("://") || location.starts_with("//") {
            let message = format!("`{location}` is not fetched; keep a copy beside the document");
            return Err(Some(format!("{only}: {message}")));
        }
        let folder = from.path.parent().unwrap_or(&self.folder);
        let path = folder.join(location.replace("%20", " "));
        let path = path
            .canonicalize()
            .map_err(|error| Some(format!("`{location}` cannot be read: {error}")))?;
        if !path.starts_with(&self.folder) {
            return Err(Some(format!("{only}, and `{location}` is not below it")));
        }
        if let Some(known) = self.files.get(&path) {
            return Ok(Arc::clone(known));
        }
        // A pipe would keep the reading waiting for ever.
        if !path.is_file() {
            return Err(Some(format!("{only}, and `{location}` is no file")));
        }
        if self.files.len() >= FILES_MAX || self.bytes > BYTES_MAX {
            let message = format!("more than {FILES_MAX} files, or {BYTES_MAX} bytes in all");
            return Err(Some(message));
        }
        let source = Source::read(&path, self.mistakes).ok_or(None)?;
        self.bytes += source.text().len();
        let prose = path.extension().is_some_and(|extension| extension == "md");
        let node = if prose {
            Node {
                value: Value::Text(source.text().to_owned()),
                span: Span::default(),
            }
        } else {
            read_yaml(&source, self.mistakes).ok_or(None)?
        };
        let file = Arc::new(File {
            path: path.clone(),
            source,
            node,
        });
        self.files.insert(path, Arc::clone(&file));
        Ok(file)
    }
}

/// What stands at a JSON pointer.
fn at<'node>(node: &'node Node, pointer: &str) -> Option<&'node Node> {
    steps(pointer)?
        .iter()
        .try_fold(node, |node, step| match &node.value {
            Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(step),
        })
}

/// The characters that a component's name may have (OpenAPI 3.1, section 4.8.7).
fn plain(name: &str) -> String {
    let letter = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || "._-".contains(letter) => letter,
        _ => '_',
    };
    name.chars().map(letter).collect()
}

fn put(document: &mut Json, section: &str, name: &str, value: Json) {
    let Json::Object(top) = document else {
        return;
    };
    let mut holder = top;
    for key in ["components", section] {
        let below = holder
            .entry(key)
            .or_insert_with(|| Json::Object(Map::new()));
        match below {
            Json::Object(map) => holder = map,
            _ => return,
        }
    }
    holder.insert(name.to_owned(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundled(files: &[(&str, &str)]) -> Result<(Json, usize), Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        for (name, text) in files {
            let path = inside.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(folder.path().join("outside.yaml"), "type: string\n").unwrap();
        let mut mistakes = Mistakes::new();
        let read = read(&inside.join("api.yaml"), &mut mistakes);
        let told = mistakes.sorted().into_iter();
        read.map(|bundled| (bundled.node.to_value(), bundled.files))
            .ok_or_else(|| told.map(|mistake| mistake.message().to_owned()).collect())
    }

    #[test]
    fn what_other_files_hold_becomes_components_under_their_names() {
        let (document, files) = bundled(&[
            (
                "api.yaml",
                "openapi: 3.0.3\ninfo: {title: t, version: '1', description: {$ref: about.md}}\npaths:\n  /letters:\n    $ref: letters/paths.yaml\ncomponents:\n  schemas:\n    letter: {type: object, properties: {own: {type: string}}}\n",
            ),
            ("about.md", "# Letters: by post\n"),
            (
                "letters/paths.yaml",
                "get:\n  parameters:\n    - $ref: ../common/limit.yaml\n  responses:\n    '200': {$ref: answers.yaml#/page}\n",
            ),
            ("common/limit.yaml", "{name: limit, in: query, schema: {type: integer}}"),
            (
                "letters/answers.yaml",
                "page:\n  description: yes\n  content:\n    application/json:\n      schema: {$ref: models/letter.yaml}\n",
            ),
            (
                "letters/models/letter.yaml",
                "type: object\nproperties:\n  id: {$ref: '#/$defs/id'}\n  again: {$ref: letter.yaml, description: itself}\n  $ref: {type: string}\n  own: {$ref: ../../api.yaml#/components/schemas/letter}\n$defs: {id: {type: string, default: {$ref: nowhere.yaml}}}\n",
            ),
        ])
        .unwrap();
        assert_eq!(files, 6);
        assert_eq!(document["info"]["description"], "# Letters: by post\n");
        let get = &document["paths"]["/letters"]["get"];
        assert_eq!(
            get["parameters"][0]["$ref"],
            "#/components/parameters/limit"
        );
        assert_eq!(
            get["responses"]["200"]["$ref"],
            "#/components/responses/page"
        );
        let schemas = &document["components"]["schemas"];
        let letter = &schemas["models_letter"]["properties"];
        assert_eq!(
            letter["again"]["$ref"],
            "#/components/schemas/models_letter"
        );
        assert_eq!(letter["again"]["description"], "itself");
        assert_eq!(letter["$ref"]["type"], "string");
        assert_eq!(letter["own"]["$ref"], "#/components/schemas/letter");
        assert_eq!(letter["id"]["$ref"], "#/components/schemas/id");
        assert_eq!(schemas["id"]["default"]["$ref"], "nowhere.yaml");
    }

    #[test]
    fn a_document_in_one_file_is_kept_byte_for_byte() {
        let text = "# theirs\nopenapi:   3.1.0\npaths: {}\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.yaml");
        std::fs::write(&path, text).unwrap();
        let bundled = read(&path, &mut Mistakes::new()).unwrap();
        assert_eq!((bundled.source.text(), bundled.files), (text, 1));
    }

    #[test]
    fn references_that_lead_out_of_the_folder_or_nowhere_are_mistakes() {
        for (reference, part) in [
            ("https://example.org/a.yaml", "is not fetched"),
            ("//example.org/a.yaml", "is not fetched"),
            ("../outside.yaml", "is not below it"),
            ("/etc/hostname", "is not below it"),
            ("missing.yaml", "cannot be read"),
            ("other.yaml#/missing", "nothing stands at"),
        ] {
            let text = format!("components: {{schemas: {{a: {{$ref: '{reference}'}}}}}}\n");
            let told = bundled(&[("api.yaml", &text), ("other.yaml", "a: 1\n")]).unwrap_err();
            assert!(
                told.len() == 1 && told[0].contains(part),
                "{reference}: {told:?}"
            );
        }
    }

    #[test]
    fn a_circle_of_files_that_must_stand_in_place_is_a_mistake() {
        let told = bundled(&[
            ("api.yaml", "paths: {/a: {$ref: a.yaml}}\n"),
            ("a.yaml", "$ref: a.yaml\n"),
        ])
        .unwrap_err();
        assert!(told[0].contains("in a circle"), "{told:?}");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_does_not_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(folder.path().join("secret.yaml"), "a: 1\n").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret.yaml"), inside.join("a.yaml"))
            .unwrap();
        std::fs::write(inside.join("api.yaml"), "paths: {/a: {$ref: a.yaml}}\n").unwrap();
        let mut mistakes = Mistakes::new();
        assert!(read(&inside.join("api.yaml"), &mut mistakes).is_none());
        assert!(mistakes.sorted()[0].message().contains("is not below it"));
    }
}
