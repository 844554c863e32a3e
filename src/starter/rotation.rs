//! A second client certificate in a contract, beside the first until a day. The text of the contract is changed in two
//! places, `version` and `certificates`, and left alone everywhere else; what it then says is read back and must be
//! the old contract with that change and nothing else.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::civil::Date;

use super::partner::NotAdded;
use crate::identity::certificate::ClientCertificate;
use crate::mistakes::{Mistakes, Source};
use crate::policy::contract::{Contract, Credentials, EndingCertificate};
use crate::source::{Key, Node, read_yaml};
use crate::terms::Thumbprint;

/// What changes.
#[derive(Clone, Debug)]
pub struct Rotation<'a> {
    /// The certificate that comes.
    pub new: &'a ClientCertificate,
    /// Those that end, where the contract does not name them itself.
    pub old: &'a [Thumbprint],
    /// The last day of the old ones, UTC.
    pub until: Date,
}

impl Rotation<'_> {
    /// The credentials after it.
    ///
    /// # Errors
    /// When the new one is there already, or nothing would end.
    pub fn credentials(&self, before: &Credentials) -> Result<Credentials, NotAdded> {
        let mistaken = |text: &str| NotAdded::Mistaken(text.to_owned());
        if before.thumbprints().any(|one| one == self.new.thumbprint) {
            return Err(mistaken("the contract names this certificate already"));
        }
        let named = &before.certificate_thumbprints;
        let old = named.iter().chain(self.old).copied();
        let mut ending = before.ending.clone();
        for thumbprint in old.filter(|one| *one != self.new.thumbprint) {
            if before.last_day_of(thumbprint).is_none() {
                let until = self.until;
                ending.push(EndingCertificate { thumbprint, until });
            }
        }
        if ending.len() == before.ending.len() {
            return Err(mistaken(
                "the contract names certificates by their names only: say with `--old FILE` which one \
                 ends",
            ));
        }
        let known_by_name = self.new.names.iter().any(|name| {
            let mut names = before.certificate_names.iter();
            names.any(|known| known.eq_ignore_ascii_case(name))
        });
        let by_thumbprint = !named.is_empty() || !known_by_name;
        Ok(Credentials {
            certificate_thumbprints: by_thumbprint
                .then_some(self.new.thumbprint)
                .into_iter()
                .collect(),
            ending,
            ..before.clone()
        })
    }

    /// The contract's text after it.
    ///
    /// # Errors
    /// When the contract cannot be changed like this; the message holds the lines to write by hand.
    pub fn edit(
        &self,
        source: &Arc<Source>,
        before: &Contract,
        today: Date,
    ) -> Result<String, NotAdded> {
        let after = Contract {
            version: before.version.saturating_add(1),
            credentials: self.credentials(&before.credentials)?,
            ..before.clone()
        };
        let edited = edited(source, before, &after);
        let is_right = |text: &String| {
            let source = Source::new(source.path(), text.as_str());
            let read = Contract::read(&source, today, &mut Mistakes::new());
            read.as_ref() == Some(&after)
        };
        edited.filter(is_right).ok_or_else(|| {
            NotAdded::Mistaken(format!(
                "the text of `{}` is laid out in a way that is not changed by a program: write this under \
                 `credentials`, and count up `version`:\n{}",
                source.path().display(),
                block(&after.credentials, 2)
            ))
        })
    }
}

/// The text with another version and other certificates; nothing where those are not found.
fn edited(source: &Arc<Source>, before: &Contract, after: &Contract) -> Option<String> {
    let text = source.text();
    let node = read_yaml(source, &mut Mistakes::new())?;
    let version = node.get("version")?.span.offset;
    let (key, _) = entry(node.get("credentials")?, "certificates")?;
    let at = key.span.offset;
    let line = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let indent = text.get(line..at)?;
    if !indent.bytes().all(|byte| byte == b' ') || version > line {
        return None;
    }
    let end = line + block_length(text.get(line..)?, indent.len());
    let old = before.version.to_string();
    let rest = text.get(version..line)?.strip_prefix(&*old)?;
    Some(format!(
        "{}{}{rest}{}{}",
        text.get(..version)?,
        after.version,
        block(&after.credentials, indent.len()),
        text.get(end..)?
    ))
}

fn entry<'a>(node: &'a Node, name: &str) -> Option<&'a (Key, Node)> {
    node.entries().iter().find(|(key, _)| key.name == name)
}

/// Bytes of the line at the head of `text` and of all that belongs to it: deeper lines, and blank ones among them.
fn block_length(text: &str, indent: usize) -> usize {
    let mut end = 0;
    let mut length = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let blank = line.trim().is_empty();
        let deeper = line.len() - line.trim_start_matches(' ').len() > indent;
        if number > 0 && !blank && !deeper {
            break;
        }
        length += line.len();
        if !blank {
            end = length;
        }
    }
    end
}

/// `certificates`, as YAML.
fn block(credentials: &Credentials, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let mut text = format!("{pad}certificates:\n");
    // Writing to a text does not fail.
    if !credentials.certificate_names.is_empty() {
        let names: Vec<String> = credentials
            .certificate_names
            .iter()
            .map(|name| serde_json::Value::from(&**name).to_string())
            .collect();
        let _ = writeln!(text, "{pad}  names: [{}]", names.join(", "));
    }
    let word = |one: Thumbprint| format!("'sha256:{}'", one.to_base64url());
    if !credentials.certificate_thumbprints.is_empty() {
        let all: Vec<String> = credentials
            .certificate_thumbprints
            .iter()
            .copied()
            .map(word)
            .collect();
        let _ = writeln!(text, "{pad}  thumbprints: [{}]", all.join(", "));
    }
    if !credentials.ending.is_empty() {
        let _ = writeln!(text, "{pad}  ending:");
    }
    for one in &credentials.ending {
        let (print, until) = (word(one.thumbprint), one.until);
        let _ = writeln!(text, "{pad}    - {{thumbprint: {print}, until: {until}}}");
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2026, 11, 28);

    fn shipped(file: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/partners");
        std::fs::read_to_string(path.join(file)).unwrap()
    }

    fn read(text: &str) -> (Arc<Source>, Contract) {
        let source = Source::new("acme.yaml", text);
        let contract = Contract::read(&source, TODAY, &mut Mistakes::new()).unwrap();
        (source, contract)
    }

    fn certificate(byte: u8, name: &str) -> ClientCertificate {
        ClientCertificate {
            thumbprint: Thumbprint([byte; 32]),
            names: vec![name.to_owned()],
            not_after: Timestamp::UNIX_EPOCH,
            chain: Arc::default(),
        }
    }

    fn rotated(
        text: &str,
        new: &ClientCertificate,
        old: &[Thumbprint],
    ) -> Result<String, NotAdded> {
        let (source, before) = read(text);
        let until = date(2026, 12, 12);
        Rotation { new, old, until }.edit(&source, &before, TODAY)
    }

    #[test]
    fn the_old_certificate_gets_a_last_day_and_everything_else_stays_as_it_was_written() {
        let text = shipped("acme.yaml").replace(
            "    names: [acme.partners.example]\n",
            &format!(
                "    # pinned\n    thumbprints: ['sha256:{}']\n",
                "A".repeat(43)
            ),
        );
        let new = certificate(7, "acme.partners.example");
        let edited = rotated(&text, &new, &[]).unwrap();
        let (_, contract) = read(&edited);
        let credentials = &contract.credentials;
        assert_eq!(credentials.certificate_thumbprints, [new.thumbprint]);
        let last = credentials.last_day_of(Thumbprint([0; 32]));
        assert_eq!((contract.version, last), (8, Some(date(2026, 12, 12))));
        let kept = |text: &str| {
            let lines = text.lines().filter(|line| {
                !["thumbprint", "ending", "version: ", "# pinned"]
                    .iter()
                    .any(|word| line.contains(word))
            });
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let version = |text: &str| text.matches("2026-01\n").count();
        assert_eq!(kept(&edited), kept(&text));
        assert_eq!(version(&edited), version(&text));
        let third = certificate(9, "acme.partners.example");
        let (_, contract) = read(&rotated(&edited, &third, &[]).unwrap());
        assert_eq!(contract.credentials.ending.len(), 2, "one after the other");
    }

    #[test]
    fn under_a_contract_by_name_only_the_old_one_is_named() {
        let text = shipped("acme.yaml");
        let new = certificate(7, "ACME.partners.example");
        let refused = rotated(&text, &new, &[]).unwrap_err();
        assert!(refused.to_string().contains("--old"), "{refused}");
        let (_, contract) = read(&rotated(&text, &new, &[Thumbprint([1; 32])]).unwrap());
        assert!(contract.credentials.certificate_thumbprints.is_empty());
        assert_eq!(contract.credentials.ending.len(), 1);
        assert_eq!(contract.credentials.certificate_names.len(), 1);
    }

    #[test]
    fn a_layout_that_cannot_be_changed_is_left_alone_and_the_lines_are_told() {
        let text = shipped("acme.yaml").replace(
            "credentials:\n  certificates:\n    names: [acme.partners.example]\n  clients: [acme-portal]\n",
            "credentials: {certificates: {names: [acme.partners.example]}, clients: [acme-portal]}\n",
        );
        let new = certificate(7, "acme.partners.example");
        let refused = rotated(&text, &new, &[Thumbprint([1; 32])]).unwrap_err();
        assert!(
            refused.to_string().contains("    - {thumbprint: 'sha256:"),
            "{refused}"
        );
    }

    #[test]
    fn a_certificate_that_is_there_already_is_no_rotation() {
        let text = shipped("acme.yaml").replace(
            "names: [acme.partners.example]",
            &format!("thumbprints: ['sha256:{}']", "A".repeat(43)),
        );
        let same = certificate(0, "acme.partners.example");
        assert!(rotated(&text, &same, &[]).is_err());
    }
}
