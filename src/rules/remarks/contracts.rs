//! Remarks about contracts: what they ask for beyond the promises, and what has ended.

use std::sync::Arc;

use jiff::civil::Date;

use super::super::Rules;
use super::{Remark, Topic};
use crate::catalogue::{Body, Field, Operation};
use crate::filter::stream::streams;
use crate::mistakes::Mistakes;
use crate::policy::{Contract, Reach, Use};
use crate::source::{Folder, Node, Source, Span, read_yaml};
use crate::taxonomy::Category;
use crate::terms::{Channel, Form};

/// Every remark about a contract of `rules`. The files are read again for their places, which a
/// contract in force has no use for.
pub(super) fn remarks(rules: &Rules, folder: &Folder, today: Date) -> Vec<Remark> {
    let mut reach = rules.policy.reach();
    let mut found = Vec::new();
    for contract in rules.policy.contracts() {
        let name = format!("partners/{}.yaml", contract.partner);
        let Some(source) = folder.file(&name) else {
            continue;
        };
        let Some(node) = read_yaml(source, &mut Mistakes::new()) else {
            continue;
        };
        let mut review = Review {
            rules,
            contract,
            source,
            node: &node,
            found: &mut found,
        };
        let ways = review.ways(&reach);
        review.check_categories(&ways, &mut reach);
        review.check_recipients();
        review.check_large_answers();
        review.check_credentials();
        review.check_exceptions(today);
    }
    found
}

/// Whether an answer of it may hold something about people on customers' lists.
fn shows_recipients(operation: &Operation) -> bool {
    operation.answers.iter().any(|answer| match &answer.body {
        Body::Data { shape, .. } => {
            let mut fields = shape.fields.iter();
            fields.any(|field| field.recipient && field.is_personal())
        }
        Body::Empty | Body::Document { .. } | Body::Uninspectable { .. } => false,
    })
}

/// Whether an answer of it may leave in parts.
fn streams_records(operation: &Operation) -> bool {
    let judged_whole = !operation.method.is_safe() || operation.channel == Channel::Aggregate;
    let mut answers = operation.answers.iter();
    !judged_whole
        && answers.any(|answer| match &answer.body {
            Body::Data { shape, .. } => streams(shape),
            Body::Empty | Body::Document { .. } | Body::Uninspectable { .. } => false,
        })
}

/// The review of one contract.
struct Review<'a> {
    rules: &'a Rules,
    contract: &'a Contract,
    source: &'a Arc<Source>,
    node: &'a Node,
    found: &'a mut Vec<Remark>,
}

impl Review<'_> {
    fn note(&mut self, topic: Topic, span: Option<Span>, message: String, fields: Vec<String>) {
        let line = span.map(|span| self.source.position(span.offset).line);
        self.found.push(Remark {
            topic,
            about: self.contract.partner.to_string(),
            message,
            fields,
            place: line.map(|line| (self.source.path().to_owned(), line)),
        });
    }

    /// Where `text` stands in the list `key`.
    fn place(&self, key: &str, text: &str) -> Option<Span> {
        let items = self.node.get(key)?.items().iter();
        let mut items = items.filter(|item| item.as_text() == Some(text));
        items.next().map(|item| item.span)
    }

    /// The ways in which it may call something; notes operations and purposes that have none.
    fn ways(&mut self, reach: &Reach<'_>) -> Vec<Use> {
        let contract = self.contract;
        let operations = contract.operations.iter();
        let operations: Vec<&Arc<Operation>> = operations
            .filter_map(|id| self.rules.catalogue.operation(id))
            .collect();
        let way = |purpose, operation: &Operation| {
            let way = Use {
                kind: contract.kind,
                purpose,
                channel: operation.channel,
            };
            let meant = operation.purposes.is_empty() || operation.purposes.contains(&purpose);
            Some(way).filter(|way| meant && reach.may_call(*way))
        };
        for operation in &operations {
            let mut purposes = contract.purposes.iter();
            if purposes.all(|purpose| way(*purpose, operation).is_none()) {
                let message = format!("`{}` can be called for none of its purposes", operation.id);
                let place = self.place("operations", &operation.id);
                self.note(Topic::Contract, place, message, Vec::new());
            }
        }
        let mut ways = Vec::new();
        for purpose in &contract.purposes {
            let before = ways.len();
            ways.extend(operations.iter().filter_map(|one| way(*purpose, one)));
            if ways.len() == before {
                let message = format!("`{purpose}` opens none of its operations");
                let place = self.place("purposes", purpose.key());
                self.note(Topic::Contract, place, message, Vec::new());
            }
        }
        ways.sort_by_key(|way| (way.purpose.index(), way.channel as usize));
        ways.dedup();
        ways
    }

    /// People on customers' lists are counted with or without a limit; without, nothing ends it.
    fn check_recipients(&mut self) {
        let budgets = self.contract.budgets;
        let limited = budgets.recipients_per_day.and(budgets.recipients_per_month);
        let mut operations = self.contract.operations.iter();
        let shown = operations.any(|id| {
            let operation = self.rules.catalogue.operation(id);
            operation.is_some_and(|operation| shows_recipients(operation))
        });
        if limited.is_none() && shown {
            let message = "people on customers' lists are counted but not limited: `budgets` can say \
                           `recipients_per_day` and `recipients_per_month`";
            let place = self.node.get("budgets").map(|node| node.span);
            self.note(Topic::Contract, place, message.to_owned(), Vec::new());
        }
    }

    /// What is too large to be judged whole and cannot leave in parts is refused whatever a contract says.
    fn check_large_answers(&mut self) {
        let mut operations = self.contract.operations.iter();
        let streams = operations.any(|id| {
            let operation = self.rules.catalogue.operation(id);
            operation.is_some_and(|operation| streams_records(operation))
        });
        if self.contract.large_answer_records_max.is_some() && !streams {
            let message = "`large_answer_records_max` opens nothing: none of its operations answers with \
                           lists of records";
            let place = self.node.get("large_answer_records_max");
            let place = place.map(|node| node.span);
            self.note(Topic::Contract, place, message.to_owned(), Vec::new());
        }
    }

    /// The client certificate is asked for all the same.
    fn check_credentials(&mut self) {
        let credentials = &self.contract.credentials;
        let node = self.node.get("credentials");
        let place = |key: &str| node.and_then(|node| node.get(key)).map(|node| node.span);
        if credentials.bindings.none {
            let message = "`token_bindings` takes tokens that are bound to nothing";
            let place = place("token_bindings");
            self.note(
                Topic::CredentialCopied,
                place,
                message.to_owned(),
                Vec::new(),
            );
        }
        for key in &credentials.api_keys {
            let message = format!("the API key `{}` does instead of a token", key.prefix);
            self.note(
                Topic::CredentialCopied,
                place("api_keys"),
                message,
                Vec::new(),
            );
        }
    }

    fn check_categories(&mut self, ways: &[Use], reach: &mut Reach<'_>) {
        let Some(node) = self.node.get("categories").filter(|_| !ways.is_empty()) else {
            return;
        };
        let named = node.entries().iter().filter_map(|(key, word)| {
            Some((Category::parse(&key.name)?, key.span, word.as_text()?))
        });
        let named: Vec<(Category, Span, &str)> = named.collect();
        for (category, span, word) in &named {
            let Some(asked) = Form::parse(word) else {
                continue;
            };
            let is_named = |one: Category| named.iter().any(|(named, ..)| *named == one);
            let family: Vec<Category> = Category::all()
                .filter(|one| speaks_for(*category, *one, is_named))
                .collect();
            let mut poorer = Form::ALL.into_iter().filter(|form| *form >= asked);
            let most = poorer.find(|form| {
                let mut pairs = ways
                    .iter()
                    .flat_map(|way| family.iter().map(move |category| (*way, *category)));
                pairs.any(|(way, category)| reach.may_disclose(way, category, *form))
            });
            let message = match most {
                None => format!(
                    "it asks for `{category}` {}; the promises never let it leave for its purposes \
                     and operations",
                    adverb(asked)
                ),
                Some(most) if most != asked => format!(
                    "it asks for `{category}` {}; the promises allow at most: {}",
                    adverb(asked),
                    adverb(most)
                ),
                Some(form) => {
                    self.check_room(&family, form, *span);
                    continue;
                }
            };
            self.note(Topic::Contract, Some(*span), message, Vec::new());
        }
    }

    /// Notes the fields whose schema has no room for the form asked for: they are withheld.
    fn check_room(&mut self, family: &[Category], form: Form, span: Span) {
        let has_room = |field: &Field| match form {
            Form::Clear => true,
            Form::Aggregate => field.figure,
            Form::Partial => field.partial.is_some(),
            Form::Pseudonym => field.pseudonym.is_some(),
        };
        let mut fields = Vec::new();
        for id in self.contract.operations.iter() {
            let operation = self.rules.catalogue.operation(id);
            for answer in operation.iter().flat_map(|operation| &operation.answers) {
                let Body::Data { shape, .. } = &answer.body else {
                    continue;
                };
                let without = shape.fields.iter().filter(|field| {
                    let ours = field.category.is_some_and(|one| family.contains(&one));
                    ours && !has_room(field)
                });
                fields.extend(without.map(|field| format!("{id} {}", field.path)));
            }
        }
        if let (false, Some(category)) = (fields.is_empty(), family.first()) {
            fields.sort();
            fields.dedup();
            let message = format!(
                "it asks for `{category}` {}; these fields have no such form, and are withheld:",
                adverb(form)
            );
            self.note(Topic::Contract, Some(span), message, fields);
        }
    }

    fn check_exceptions(&mut self, today: Date) {
        let contract = self.contract;
        let ended = contract.exceptions.iter().enumerate();
        for (index, exception) in ended.filter(|(_, exception)| exception.until < today) {
            let node = self.node.get("exceptions");
            let node = node.and_then(|list| list.items().get(index)?.get("until"));
            let message = format!("on {}: \"{}\"", exception.until, exception.because);
            let place = node.map(|node| node.span);
            self.note(Topic::ExceptionEnded, place, message, Vec::new());
        }
    }
}

/// Whether what a contract says of `category` holds for `other`: it is the nearest that is named.
fn speaks_for(category: Category, other: Category, is_named: impl Fn(Category) -> bool) -> bool {
    let mut line = std::iter::successors(Some(other), |one| one.parent());
    line.find(|one| is_named(*one)) == Some(category)
}

fn adverb(form: Form) -> &'static str {
    match form {
        Form::Clear => "in clear",
        Form::Partial => "in part",
        Form::Pseudonym => "as a pseudonym",
        Form::Aggregate => "in figures over groups",
    }
}
