//! `covenant policy import-openapi`: a service's own document put into the catalogue, with a draft of
//! its overlay and the list of what a person must decide. Never overwrites, and releases nothing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::output::{complain, escaped, say_error};
use super::super::{EXIT_OTHER, mistaken};
use super::{EXIT_OK, EXIT_USAGE, Files, Output};
use crate::catalogue::draft::{Confidence, Draft, FieldDraft, OperationDraft};
use crate::mistakes::Mistakes;
use crate::terms::Channel;

/// Most lines of one list in the report; the overlay has them all.
const LIST_LINES_MAX: usize = 12;

/// A document to import.
#[derive(Clone, Debug, clap::Args)]
pub struct Import {
    /// The service's OpenAPI document, 3.0 or 3.1, as YAML or JSON.
    pub file: PathBuf,
    /// The service's name; the file's, where none is given.
    #[arg(long)]
    pub service: Option<String>,
    /// Print the overlay instead of writing files.
    #[arg(long)]
    pub print: bool,
}

/// Imports the document; returns the exit code.
pub(super) fn run(import: &Import, files: &Files, out: &mut dyn Write) -> io::Result<u8> {
    let Some(service) = service(import) else {
        complain(
            "a service's name is lower-case letters, digits and `-`, a letter first; give one with --service",
        );
        return Ok(EXIT_USAGE);
    };
    let place = |kind: &str| files.dir.join(format!("catalogue/{service}.{kind}.yaml"));
    let (document, overlay) = (place("openapi"), place("overlay"));
    let mut mistakes = Mistakes::new();
    let Some(draft) = Draft::read(&import.file, &service, &mut mistakes) else {
        return Ok(mistaken(&mistakes, &import.file));
    };
    if import.print {
        if files.output == Output::Json {
            writeln!(out, "{:#}", in_json(&draft, &service, &[]))?;
        } else {
            write!(out, "{}", draft.overlay)?;
            say_error(&in_words(&draft, &service, &[], &files.dir));
        }
        return Ok(EXIT_OK);
    }
    let written = match written(&draft, &document, &overlay) {
        Ok(written) => written,
        Err(reason) => {
            complain(reason);
            return Ok(EXIT_OTHER);
        }
    };
    match files.output {
        Output::Json => writeln!(out, "{:#}", in_json(&draft, &service, &written))?,
        Output::Text => write!(out, "{}", in_words(&draft, &service, &written, &files.dir))?,
    }
    Ok(EXIT_OK)
}

/// The name as given, or the file's name as far as it makes one.
fn service(import: &Import) -> Option<String> {
    let name = import.service.clone().unwrap_or_else(|| {
        let name = import
            .file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default();
        stem.to_lowercase().replace(['_', ' '], "-")
    });
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    (starts && name.bytes().all(letter)).then_some(name)
}

/// Writes what is missing; a document that stands there already with the same text is left alone.
fn written(draft: &Draft, document: &Path, overlay: &Path) -> Result<Vec<PathBuf>, String> {
    let same = std::fs::read(document).is_ok_and(|bytes| bytes == draft.document.as_bytes());
    let taken = [(document, same), (overlay, false)];
    let taken = taken
        .into_iter()
        .find(|(path, same)| path.exists() && !same);
    if let Some((path, _)) = taken {
        return Err(format!(
            "`{}` stands there already and is never overwritten; nothing was written. Name another \
             service with --service, or look at the draft with --print",
            path.display()
        ));
    }
    let mut written = Vec::new();
    for (path, text) in [
        (document, &*draft.document),
        (overlay, draft.overlay.as_str()),
    ] {
        if path == document && same {
            continue;
        }
        write_new(path, text)
            .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
        written.push(path.to_owned());
    }
    Ok(written)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn in_json(draft: &Draft, service: &str, written: &[PathBuf]) -> Value {
    let operation = |one: &OperationDraft| {
        json!({
            "method": one.method, "path": one.path, "id": one.id, "id_is_made": one.id_is_made,
            "channel": one.channel.word(), "reason": one.reason, "uninspectable": one.uninspectable,
        })
    };
    let field = |one: &FieldDraft| {
        json!({
            "target": one.target, "category": one.category.map(|category| category.key()),
            "confidence": one.confidence.word(), "reason": one.reason,
        })
    };
    json!({
        "service": service,
        "files": draft.files,
        "written": written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "operations": draft.operations.iter().map(operation).collect::<Vec<_>>(),
        "fields": draft.fields.iter().map(field).collect::<Vec<_>>(),
        "not_carried": draft.uncarried.iter().map(|one| json!({
            "target": one.target, "reason": one.reason, "required": one.required,
        })).collect::<Vec<_>>(),
        "remaining": draft.remaining,
    })
}

/// The report: what was written, what there is to decide in which order, what stays shut, what next.
fn in_words(draft: &Draft, service: &str, written: &[PathBuf], dir: &Path) -> String {
    let mut report = Report(String::new());
    report.line(&format!(
        "{service}: {}, {}, from {}",
        counted(draft.operations.len(), "operation"),
        counted(draft.fields.len(), "field"),
        counted(draft.files, "file"),
    ));
    for path in written {
        report.line(&format!("  written: {}", path.display()));
    }
    report
        .line("Nothing of it is released yet. Each guess is a comment in the overlay; to decide:");
    operations(draft, &mut report);
    fields(draft, &mut report);
    shut(draft, &mut report);
    if draft.remaining.is_empty() {
        report.line("If every guess were right and taken, the catalogue would have no mistake.");
    } else {
        let count = counted(draft.remaining.len(), "mistake");
        report.line(&format!(
            "If every guess were taken as it stands, checking would find {count}:"
        ));
        report.list(&draft.remaining);
    }
    let dir = dir.display();
    report.line("Next:");
    report.line(&format!("  edit {dir}/catalogue/{service}.overlay.yaml"));
    report.line(&format!("  covenant policy check --dir {dir}"));
    report.line(&format!(
        "  name its operations in contracts ({dir}/partners), and `{service}` under [[services]] in covenant.toml"
    ));
    report.0
}

fn operations(draft: &Draft, report: &mut Report) {
    report.line("1. What each operation is. Without a channel, it does not exist:");
    for channel in Channel::ALL {
        let of_channel = draft.operations.iter().filter(|one| one.channel == channel);
        let lines: Vec<String> = of_channel
            .map(|one| {
                let made = if one.id_is_made {
                    ", without an id of its own"
                } else {
                    ""
                };
                format!("{} {} ({}){made}", one.method, one.path, one.reason)
            })
            .collect();
        if !lines.is_empty() {
            let refused = match channel {
                Channel::Export | Channel::Campaign | Channel::Webhook => {
                    "; the shipped promises refuse these"
                }
                _ => "",
            };
            report.line(&format!("   {}: {}{refused}", channel.word(), lines.len()));
            report.list(&lines);
        }
    }
}

fn fields(draft: &Draft, report: &mut Report) {
    report.line("2. What each field holds. Without a category, it is withheld:");
    for confidence in [Confidence::Likely, Confidence::Perhaps, Confidence::None] {
        let guessed = draft
            .fields
            .iter()
            .filter(|one| one.confidence == confidence);
        let lines: Vec<String> = guessed
            .map(|one| format!("{}: {}", one.target, one.reason))
            .collect();
        if !lines.is_empty() {
            let what = match confidence {
                Confidence::Likely => "likely guesses",
                Confidence::Perhaps => "guesses that are perhaps right",
                Confidence::None => "without a guess",
            };
            report.line(&format!("   {what}: {}", lines.len()));
            report.list(&lines);
        }
    }
}

fn shut(draft: &Draft, report: &mut Report) {
    let carried = draft.uncarried.iter().map(|one| {
        let required = if one.required { " (required)" } else { "" };
        format!("{}{required}: {}", one.target, one.reason)
    });
    let bodies = draft.operations.iter().flat_map(|one| {
        let what = one.uninspectable.iter();
        what.map(move |what| format!("{} {} {what}", one.method, one.path))
    });
    let lines: Vec<String> = carried.chain(bodies).collect();
    if !lines.is_empty() {
        let count = lines.len();
        report.line(&format!(
            "3. What no filter carries: it is left out, and where it is required, operations stay shut: {count}"
        ));
        report.list(&lines);
    }
}

struct Report(String);

impl Report {
    fn line(&mut self, text: &str) {
        self.0.push_str(&escaped(text));
        self.0.push('\n');
    }

    fn list(&mut self, lines: &[String]) {
        for line in lines.iter().take(LIST_LINES_MAX) {
            self.line(&format!("     {line}"));
        }
        let more = lines.len().saturating_sub(LIST_LINES_MAX);
        if more > 0 {
            self.line(&format!("     and {more} more (-o json lists all)"));
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = r"openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /letters/{id}:
    get:
      operationId: letter
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: one
          content:
            application/json:
              schema: {type: object, properties: {email: {type: string}, map: {type: object}}}
";

    fn import(folder: &Path, words: &[&str]) -> (u8, String) {
        let import = Import {
            file: folder.join("Mail_API.yaml"),
            service: words.first().map(|name| (*name).to_owned()),
            print: false,
        };
        let files = Files {
            dir: folder.join("policies"),
            output: Output::Text,
        };
        let mut out = Vec::new();
        let code = run(&import, &files, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_document_is_put_into_the_catalogue_once_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Mail_API.yaml"), API).unwrap();
        let (code, told) = import(folder.path(), &[]);
        assert_eq!(code, EXIT_OK);
        for part in [
            "1 operation, 1 field",
            "record: 1",
            "likely guesses: 1",
            "map: an object without",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let place = |kind: &str| {
            folder
                .path()
                .join(format!("policies/catalogue/mail-api.{kind}.yaml"))
        };
        assert_eq!(std::fs::read_to_string(place("openapi")).unwrap(), API);
        std::fs::write(place("overlay"), "mine").unwrap();
        assert_eq!(import(folder.path(), &[]).0, EXIT_OTHER);
        assert_eq!(std::fs::read_to_string(place("overlay")).unwrap(), "mine");
        std::fs::remove_file(place("overlay")).unwrap();
        assert_eq!(
            import(folder.path(), &[]).0,
            EXIT_OK,
            "the same document may stay"
        );
    }

    #[test]
    fn a_name_that_is_no_service_or_would_lead_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Mail_API.yaml"), API).unwrap();
        for name in ["../mail", "", "Mail", "1"] {
            assert_eq!(import(folder.path(), &[name]).0, EXIT_USAGE, "{name}");
        }
        assert!(!folder.path().join("policies").exists());
    }
}
