//! Reads case files. Every word of a closed vocabulary is held against the rules in force, so that a
//! misspelt case cannot pass by testing nothing.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::vocabulary::{FIXTURES, FOLDER, Vocabulary, category, purpose};
use super::{By, Case, Cases, Customer, Customers, Given, Stated, expect, request, status_of};
use crate::catalogue::{Body, Format};
use crate::mistakes::{Mistakes, Span};
use crate::policy::{Circumstances, Standing};
use crate::rules::Rules;
use crate::source::{Fields, Folder, Node, read_yaml};
use crate::taxonomy::{Category, CategorySet, Purpose};
use crate::terms::PartnerId;

const SUFFIX: &str = ".yaml";

impl Cases {
    /// Reads `tests/*.yaml` of a folder. All that is wrong is added to `mistakes`. Without `rules`
    /// (they have mistakes of their own) words are not held against them.
    pub fn load(folder: &Folder, rules: Option<&Rules>, mistakes: &mut Mistakes) -> Self {
        let mut cases = Self::default();
        for (name, source) in folder.below(FOLDER) {
            if name.starts_with(FIXTURES) {
                continue;
            }
            if !name.ends_with(SUFFIX) || name.contains('/') {
                let message = format!(
                    "not read: cases end in `{SUFFIX}`, and what they use lies below `{FIXTURES}`"
                );
                mistakes.add(source, Span::default(), message);
                continue;
            }
            let Some(node) = read_yaml(source, mistakes) else {
                continue;
            };
            let reader = Reader {
                vocabulary: Vocabulary { folder, rules },
                file: name.into(),
            };
            let read = |fields: &mut Fields<'_, '_>| reader.file(fields, &mut cases.all);
            Fields::read(source, &node, mistakes, read);
        }
        cases
    }
}

/// Reads the cases of one file.
struct Reader<'a> {
    vocabulary: Vocabulary<'a>,
    file: Arc<str>,
}

/// `given`, of a file or of a case: what it says of each.
#[derive(Default)]
struct Said {
    partner: Option<PartnerId>,
    token_purposes: Option<Vec<Arc<str>>>,
    customers: Option<Customers>,
    today: Option<Date>,
    standing: Option<Standing>,
    uploaded_for: Option<Purpose>,
}

impl Reader<'_> {
    fn file(&self, fields: &mut Fields<'_, '_>, cases: &mut Vec<Case>) -> Option<()> {
        let head = fields.optional_mapping("given", |given| Some(self.said(given)));
        let head = head.unwrap_or_default();
        let mut names = HashSet::new();
        for node in fields.list("tests")? {
            let case = fields.nested(node, |fields| self.case(fields, node, &head));
            let Some(case) = case else { continue };
            if !names.insert(Arc::clone(&case.name)) {
                let message = format!("a second case called `{}`", case.name);
                fields.mistake(node.span, message);
            }
            cases.push(case);
        }
        Some(())
    }

    fn case(&self, fields: &mut Fields<'_, '_>, node: &Node, head: &Said) -> Option<Case> {
        let name = fields.text("name");
        let given = self.said(fields);
        let expected = fields.required("expect");
        // Whoever says what is known of the customer means an operation that is there.
        let says_not_found = node.get("circumstances").is_none()
            && expected
                .and_then(|node| node.get("code"))
                .and_then(Node::as_text)
                .is_some_and(|code| code == "not-found");
        let asked = fields.required("request");
        let asked =
            asked.and_then(|node| request::read(fields, node, &self.vocabulary, says_not_found));
        let status = fields.optional_integer("status", 200..=599);
        let status = status.and_then(|status| u16::try_from(status).ok());
        let operation = asked.as_ref().and_then(|asked| asked.operation.as_ref());
        let listed = operation.and_then(|operation| {
            let status = status_of(operation, status)?;
            operation.answers.iter().find(|one| one.status == status)
        });
        let format = listed.map(|one| match &one.body {
            Body::Data { format, .. } => Some(*format),
            Body::Empty | Body::Document { .. } | Body::Uninspectable { .. } => None,
        });
        let is_json = format.map(|format| format == Some(Format::Json));
        let answer = fields.optional("answer");
        let elsewhere = format
            .flatten()
            .is_some_and(|format| format != Format::Json);
        if let Some(node) = answer.filter(|node| elsewhere && node.as_text().is_none()) {
            let message = format!(
                "the catalogue has no JSON here: write the answer to a file below `{FIXTURES}` and \
                 name it"
            );
            fields.mistake(node.span, message);
        }
        let answer =
            answer.and_then(|node| self.vocabulary.document(fields, node, "answer", is_json));
        let fields_answered = listed.map(super::answered);
        let expect = expected.and_then(|node| {
            let read = |expect: &mut Fields<'_, '_>| {
                expect::read(
                    expect,
                    self.vocabulary.rules,
                    operation,
                    fields_answered.as_deref(),
                )
            };
            fields.nested(node, read)
        });
        let given = merged(given, head, fields, node)?;
        Some(Case {
            name: name?.into(),
            source: Arc::clone(fields.source()),
            file: Arc::clone(&self.file),
            line: fields.source().position(node.span.offset).line,
            request: asked?.asking,
            given,
            answer,
            status,
            expect: expect?,
        })
    }

    fn said(&self, fields: &mut Fields<'_, '_>) -> Said {
        let token = |token: &mut Fields<'_, '_>| {
            let purposes = token.texts("purposes");
            let known = purposes
                .into_iter()
                .filter_map(|(text, span)| purpose(token, text, span));
            Some(known.map(|purpose| Arc::from(purpose.key())).collect())
        };
        Said {
            partner: self.vocabulary.partner(fields),
            token_purposes: fields.optional_mapping("token", token),
            customers: fields.optional_mapping("circumstances", customers),
            today: fields
                .optional("today")
                .is_some()
                .then(|| fields.date("today"))
                .flatten(),
            standing: standing(fields),
            uploaded_for: fields.optional("uploaded_for").and_then(|node| {
                let text = fields.optional_text("uploaded_for")?;
                purpose(fields, text, node.span)
            }),
        }
    }
}

/// What the case says, else what the head of its file says, else what holds where nobody says.
fn merged(own: Said, head: &Said, fields: &mut Fields<'_, '_>, node: &Node) -> Option<Given> {
    let partner = stated(own.partner, head.partner.clone());
    let Some(partner) = partner else {
        let message = "name the `partner`, here or under `given` at the head of the file";
        fields.mistake(node.span, message);
        return None;
    };
    Some(Given {
        partner,
        token_purposes: optional(own.token_purposes, head.token_purposes.clone()),
        customers: or_else(own.customers, head.customers.clone(), its_own()),
        today: optional(own.today, head.today),
        standing: or_else(own.standing, head.standing, Standing::Good),
        uploaded_for: optional(own.uploaded_for, head.uploaded_for),
    })
}

/// Whoever says nothing of the customers means the partner's own: of any other there is nothing here.
fn its_own() -> Customers {
    let mut customers = Customers::default();
    customers.every.circumstances = Circumstances::OWN;
    customers
}

fn stated<T>(own: Option<T>, head: Option<T>) -> Option<Stated<T>> {
    let by = if own.is_some() { By::Case } else { By::File };
    own.or(head).map(|value| Stated { value, by })
}

fn or_else<T>(own: Option<T>, head: Option<T>, nobody: T) -> Stated<T> {
    stated(own, head).unwrap_or(Stated {
        value: nobody,
        by: By::Nobody,
    })
}

fn optional<T>(own: Option<T>, head: Option<T>) -> Stated<Option<T>> {
    or_else(own.map(Some), head.map(Some), None)
}

fn standing(fields: &mut Fields<'_, '_>) -> Option<Standing> {
    fields.optional("standing")?;
    match fields.one_of("standing", &["good", "suspended"])? {
        "suspended" => Some(Standing::Suspended),
        _ => Some(Standing::Good),
    }
}

fn customers(fields: &mut Fields<'_, '_>) -> Option<Customers> {
    let every = customer(fields);
    let mut named = BTreeMap::new();
    if let Some(node) = fields.optional("customers") {
        if !node.is_mapping() {
            let message = format!("`customers` must be a mapping, not {}", node.kind());
            fields.mistake(node.span, message);
        }
        for (id, node) in node.entries() {
            let known = fields.nested(node, |fields| Some(customer(fields)));
            named.extend(known.map(|known| (id.name.clone(), known)));
        }
    }
    Some(Customers { every, named })
}

fn customer(fields: &mut Fields<'_, '_>) -> Customer {
    let consented = consented(fields);
    Customer {
        circumstances: Circumstances {
            own: holds(fields, "own"),
            consented: !consented.is_empty(),
            agreement: holds(fields, "agreement"),
            order: holds(fields, "order"),
        },
        consented,
    }
}

fn holds(fields: &mut Fields<'_, '_>, name: &'static str) -> bool {
    let Some(node) = fields.optional(name) else {
        return false;
    };
    node.as_boolean().unwrap_or_else(|| {
        let message = format!("`{name}` must be true or false, not {}", node.kind());
        fields.mistake(node.span, message);
        false
    })
}

/// `true` is every category; a list names some.
fn consented(fields: &mut Fields<'_, '_>) -> CategorySet {
    let Some(node) = fields.optional("consented") else {
        return CategorySet::NONE;
    };
    match node.as_boolean() {
        Some(true) => Category::all().collect(),
        Some(false) => CategorySet::NONE,
        None => {
            let named = fields.optional_texts("consented").into_iter();
            let known = named.filter_map(|(text, span)| category(fields, text, span));
            known.collect()
        }
    }
}
