//! What is right and should still be seen by a person: fields that never leave, operations that are
//! not served, contracts that ask for more than the promises ever allow, exceptions that have ended.
//! Nothing here is a mistake, and nothing here decides.

mod contracts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::Rules;
use crate::catalogue::{Body, Creates, Field, FieldRole, ScalarKind};
use crate::mistakes::Mistakes;
use crate::policy::Use;
use crate::source::Folder;
use crate::taxonomy::Category;
use crate::terms::Form;

/// What a remark is about; in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Fields of an operation that never leave, because no category says what they are (P1).
    FieldsWithoutCategory,
    /// Texts that a contract gets in clear and that may be anything, so that anything could hide in them.
    FieldsUnbounded,
    /// Required fields in which, where they are withheld, a value stands that could be taken for one.
    FieldsMadeUp,
    /// An operation that does not exist for partners, because no overlay opens it.
    OperationNotServed,
    /// An answer to a creating call that does not name what was created.
    CreatedUnnamed,
    /// A word of a document that is not known, or not read.
    Document,
    /// Something a contract asks for and never gets.
    Contract,
    /// Credentials of a contract that whoever copies them can use, given a certificate of the partner.
    CredentialCopied,
    /// An exception that has ended.
    ExceptionEnded,
}

impl Topic {
    /// Its name for tools.
    pub fn word(self) -> &'static str {
        match self {
            Self::FieldsWithoutCategory => "fields-without-category",
            Self::FieldsUnbounded => "fields-unbounded",
            Self::FieldsMadeUp => "fields-made-up",
            Self::OperationNotServed => "operation-not-served",
            Self::CreatedUnnamed => "created-unnamed",
            Self::Document => "document",
            Self::Contract => "contract",
            Self::CredentialCopied => "credential-copied",
            Self::ExceptionEnded => "exception-ended",
        }
    }

    /// What stands above its remarks.
    pub fn heading(self) -> &'static str {
        match self {
            Self::FieldsWithoutCategory => {
                "fields that never leave, because no category in the overlay says what they are:"
            }
            Self::FieldsUnbounded => {
                "texts that leave in clear and may be anything; bound each with `maxLength` or `pattern` \
                 in the overlay:"
            }
            Self::FieldsMadeUp => {
                "required fields that leave with a made-up value where they are withheld, which a partner may \
                 take for true (`x-covenant-empty` names another):"
            }
            Self::OperationNotServed => {
                "operations that do not exist for partners, because the overlay gives them no \
                 `x-covenant-channel`:"
            }
            Self::CreatedUnnamed => {
                "answers to creating calls that do not hold the id of what was created:"
            }
            Self::Document => "in the documents:",
            Self::Contract => "what contracts ask for and never get:",
            Self::CredentialCopied => {
                "credentials that are not bound to a key, so that a copy of one is as good as it is:"
            }
            Self::ExceptionEnded => "exceptions that have ended and can be taken out:",
        }
    }
}

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What it is about.
    pub topic: Topic,
    /// Which operation, partner or file.
    pub about: String,
    /// What should be seen, beside the heading of the topic; may be empty.
    pub message: String,
    /// Paths of the fields it is about; of made-up values with the value behind it.
    pub fields: Vec<String>,
    /// Where, if that is one place: file and line from 1.
    pub place: Option<(PathBuf, usize)>,
}

impl Remark {
    /// For tools: `topic`, `about`, `message`, `fields`, `file`, `line`.
    pub fn to_json(&self) -> Value {
        let (file, line) = self.place.as_ref().map_or((None, None), |(file, line)| {
            (Some(file.display().to_string()), Some(line))
        });
        json!({
            "topic": self.topic.word(),
            "about": self.about,
            "message": self.message,
            "fields": self.fields,
            "file": file,
            "line": line,
        })
    }
}

/// Every remark about `rules`, which were loaded from `folder` and noted what they did in `noted`;
/// by topic, then by what it is about. Exceptions are judged on the day `today`.
pub fn of(rules: &Rules, folder: &Folder, today: Date, noted: &Mistakes) -> Vec<Remark> {
    let without = grouped(Topic::FieldsWithoutCategory, rules.catalogue.unclassified());
    let mut remarks: Vec<Remark> = without.collect();
    remarks.extend(grouped(Topic::FieldsUnbounded, unbounded(rules)));
    remarks.extend(grouped(Topic::FieldsMadeUp, made_up(rules)));
    remarks.extend(rules.catalogue.unserved().iter().map(|one| Remark {
        topic: Topic::OperationNotServed,
        about: one.operation.to_string(),
        message: String::new(),
        fields: Vec::new(),
        place: Some((one.file.clone(), one.line)),
    }));
    remarks.extend(created_unnamed(rules));
    remarks.extend(noted.remarks().into_iter().map(|noted| {
        let file = noted.path().file_name().unwrap_or_default();
        Remark {
            topic: Topic::Document,
            about: file.to_string_lossy().into_owned(),
            message: noted.message().to_owned(),
            fields: Vec::new(),
            place: Some((noted.path().to_owned(), noted.position().line)),
        }
    }));
    remarks.extend(contracts::remarks(rules, folder, today));
    remarks.sort_by(|one, other| (one.topic, &one.about).cmp(&(other.topic, &other.about)));
    remarks
}

/// One remark for each set of operations: fields of which the same operations answer are told together.
fn grouped(topic: Topic, found: Vec<(Arc<str>, Arc<str>)>) -> impl Iterator<Item = Remark> {
    let mut by_field: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
    for (operation, path) in found {
        by_field.entry(path).or_default().insert(operation);
    }
    let mut by_operations: BTreeMap<Vec<Arc<str>>, Vec<String>> = BTreeMap::new();
    for (path, operations) in by_field {
        let operations = operations.into_iter().collect();
        let fields = by_operations.entry(operations).or_default();
        fields.push(path.to_string());
    }
    by_operations
        .into_iter()
        .map(move |(operations, fields)| Remark {
            topic,
            about: operations.join(", "),
            message: String::new(),
            fields,
            place: None,
        })
}

/// Operation and path of each text that nothing bounds, outside of what customers wrote, where a contract
/// gets it in clear.
fn unbounded(rules: &Rules) -> Vec<(Arc<str>, Arc<str>)> {
    let mut reach = rules.policy.reach();
    let mut found = Vec::new();
    for contract in rules.policy.contracts() {
        let operations = contract.operations.iter();
        for operation in operations.filter_map(|id| rules.catalogue.operation(id)) {
            let mut leaves = |category: Category| {
                let forms = contract.categories.get(category.index());
                forms.is_some_and(|forms| forms.contains(Form::Clear))
                    && contract.purposes.iter().any(|purpose| {
                        let way = Use {
                            kind: contract.kind,
                            purpose: *purpose,
                            channel: operation.channel,
                        };
                        reach.may_disclose(way, category, Form::Clear)
                    })
            };
            for answer in &operation.answers {
                if let Body::Data { shape, .. } = &answer.body {
                    let open = shape.fields.iter().filter(|field| is_open(field));
                    let open = open.filter(|field| field.category.is_some_and(&mut leaves));
                    found.extend(open.map(|field| (operation.id.clone(), field.path.clone())));
                }
            }
        }
    }
    found
}

/// Operation, and path and value of each required field that a contract may get made up: no category says
/// what it is, or the contract does not get that in clear.
fn made_up(rules: &Rules) -> Vec<(Arc<str>, Arc<str>)> {
    let mut found = Vec::new();
    for contract in rules.policy.contracts() {
        let operations = contract.operations.iter();
        for operation in operations.filter_map(|id| rules.catalogue.operation(id)) {
            let in_clear = |category: Category| {
                let forms = contract.categories.get(category.index());
                forms.is_some_and(|forms| forms.contains(Form::Clear))
            };
            for answer in &operation.answers {
                let Body::Data { shape, .. } = &answer.body else {
                    continue;
                };
                // Of a list the items that may not leave are left out.
                let fields = shape.fields.iter().filter(|field| {
                    field.made_up
                        && !field.path.ends_with("[*]")
                        && !field.category.is_some_and(in_clear)
                });
                found.extend(fields.map(|field| {
                    let value = String::from_utf8_lossy(field.stand_in());
                    let told = format!("{} ({value})", field.path);
                    (operation.id.clone(), told.into())
                }));
            }
        }
    }
    found
}

/// Each answer of success to a creating call from which the book does not learn what was created.
fn created_unnamed(rules: &Rules) -> Vec<Remark> {
    let mut found = Vec::new();
    for operation in &rules.catalogue.operations {
        let role = match operation.creates {
            None => continue,
            Some(Creates::Customer) => FieldRole::CustomerKey,
            Some(Creates::Resource(kind)) => FieldRole::ResourceId(kind),
        };
        for answer in operation.answers.iter().filter(|one| one.status < 300) {
            let what = match &answer.body {
                Body::Data { shape, .. } if shape.fields.iter().any(|one| one.role == role) => {
                    continue;
                }
                Body::Data { .. } => "the core has done it, and the partner is told 502",
                Body::Empty => {
                    "nobody can ask for what was created, for the book does not learn of it"
                }
                Body::Document { .. } | Body::Uninspectable { .. } => continue,
            };
            found.push(Remark {
                topic: Topic::CreatedUnnamed,
                about: operation.id.to_string(),
                message: format!("{}: {what}", answer.status),
                fields: Vec::new(),
                place: None,
            });
        }
    }
    found
}

fn is_open(field: &Field) -> bool {
    let content = Category::parse("user.content");
    let content = field.category.zip(content);
    let written = content.is_some_and(|(category, content)| category.is_within(content));
    field.kind == ScalarKind::String && !written && !field.check.is_bounded()
}

#[cfg(test)]
mod tests;
