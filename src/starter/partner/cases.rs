//! Cases for a new contract. Each is asked, and written down as it was decided: from then on nobody changes it
//! unseen. A person reads them once; they are the contract in examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use http::Method;
use jiff::civil::Date;

use super::contract::quoted;
use super::{NewPartner, names, with};
use crate::catalogue::{Body, FieldRole, Operation, Place, Role};
use crate::mistakes::Mistakes;
use crate::refusal::Code;
use crate::rules::Rules;
use crate::rules::cases::{Cases, Decision, Leaves, Outcome};
use crate::source::Folder;
use crate::taxonomy::{Category, Purpose};

/// What stands for an id in a path.
const SOMETHING: &str = "any_1";
/// A marketing purpose (P4).
const MARKETING: &str = "marketing.advertising";

/// Cases, and how many.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) count: usize,
}

/// A question of which the answer is not known yet.
struct Question {
    name: String,
    method: Method,
    target: String,
    purpose: String,
    own: bool,
}

/// What questions are asked of.
struct Asked<'a> {
    new: &'a NewPartner,
    rules: &'a Rules,
    folder: &'a Folder,
    today: Date,
}

/// The cases of the new contract in `rules`. One that cannot be asked without data of its own is left out.
pub(super) fn text(
    new: &NewPartner,
    rules: &Rules,
    folder: &Folder,
    operations: &[String],
    today: Date,
) -> Written {
    let head = format!(
        "# What {id} gets, and what it does not, as it was decided on {today}. Read it once; from then on a\n\
         # change that nobody meant fails here.\n\
         given:\n  partner: {id}\ntests:\n",
        id = new.id,
    );
    let asked = Asked {
        new,
        rules,
        folder,
        today,
    };
    let mut text = head.clone();
    let mut count = 0;
    for question in questions(new, rules, operations) {
        let case = |expect: &str| format!("{head}{}", question.case(expect));
        // What is expected is not known yet; only a refusal may be asked about what is not listed.
        let words = [Decision::Deny, Decision::Allow].map(Decision::word);
        let outcome = words
            .iter()
            .find_map(|word| asked.outcome(&case(&format!("{{decision: {word}}}"))));
        // An answer that was made up and does not fit itself says nothing about the contract.
        let fits = outcome.as_ref().filter(|outcome| {
            let refused = outcome.refused.as_ref();
            refused.is_none_or(|refused| refused.code != Code::ResponseUninspectable)
        });
        let Some(expect) = fits.map(expectation) else {
            continue;
        };
        let again = asked.outcome(&case(&expect));
        if again.is_some_and(|outcome| outcome.failures.is_empty()) {
            text.push_str(&question.case(&expect));
            count += 1;
        }
    }
    Written { text, count }
}

fn questions(new: &NewPartner, rules: &Rules, operations: &[String]) -> Vec<Question> {
    let mut questions = Vec::new();
    let called: Vec<&Operation> = operations
        .iter()
        .filter_map(|id| rules.catalogue.operation(id))
        .map(|operation| &**operation)
        .collect();
    for purpose in &new.purposes {
        for operation in &called {
            let name = format!("{} for {purpose}", operation.id);
            questions.push(ask(operation, name, *purpose, ""));
        }
    }
    let (Some(purpose), Some(first)) = (new.purposes.first(), called.first()) else {
        return questions;
    };
    if let Some(operation) = called.iter().find(|operation| operation.names_customer()) {
        let name = "another partner's customer does not exist".to_owned();
        questions.push(Question {
            own: false,
            ..ask(operation, name, *purpose, "")
        });
    }
    let name = format!("{} is not called for marketing", first.id);
    questions.push(Question {
        purpose: MARKETING.to_owned(),
        ..ask(first, name, *purpose, "")
    });
    let paged = called.iter().find_map(|operation| {
        let mut parameters = operation.parameters.iter();
        let size = parameters.find(|one| matches!(one.role, Role::PageSize { .. }))?;
        Some((operation, format!("?{}=1000", size.name)))
    });
    if let Some((operation, query)) = paged {
        let name = "a page larger than the contract's is refused".to_owned();
        questions.push(ask(operation, name, *purpose, &query));
    }
    let others = rules.catalogue.operations.iter().filter(|other| {
        other.method == Method::GET && operations.iter().all(|known| **known != *other.id)
    });
    questions.extend(others.map(|operation| {
        let name = format!("{} is not in the contract", operation.id);
        ask(operation, name, *purpose, "")
    }));
    questions
}

fn ask(operation: &Operation, name: String, purpose: Purpose, query: &str) -> Question {
    let id = some_id(operation);
    let mut target = String::new();
    let mut rest = &*operation.path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let mut parameters = operation.parameters.iter();
        let named = parameters.find(|one| one.place == Place::Path && *one.name == *name);
        let example = named.and_then(|parameter| parameter.example(&id));
        target.push_str(before);
        target.push_str(example.as_deref().unwrap_or(&id));
        rest = after;
    }
    target.push_str(rest);
    target.push_str(query);
    Question {
        name,
        method: operation.method.clone(),
        target,
        purpose: purpose.key().to_owned(),
        own: true,
    }
}

/// An id that the operation's own answers may hold where they name the customer.
fn some_id(operation: &Operation) -> String {
    let shapes = operation
        .answers
        .iter()
        .filter_map(|answer| match &answer.body {
            Body::Data { shape, .. } => Some(shape),
            _ => None,
        });
    let mut fields = shapes.flat_map(|shape| &shape.fields);
    let key = fields.find(|field| field.role == FieldRole::CustomerKey);
    let id = key.and_then(|key| key.example_id(SOMETHING));
    id.unwrap_or_else(|| SOMETHING.to_owned())
}

impl Question {
    fn case(&self, expect: &str) -> String {
        format!(
            "\x20 - name: {name}\n\
             \x20   request: {{method: {method}, path: {target}, purpose: {purpose}}}\n\
             \x20   circumstances: {{own: {own}}}\n\
             \x20   expect: {expect}\n",
            name = quoted(&self.name),
            method = self.method,
            target = quoted(&self.target),
            purpose = self.purpose,
            own = self.own,
        )
    }
}

impl Asked<'_> {
    /// What comes of the one case in `text`; nothing where that is no case.
    fn outcome(&self, text: &str) -> Option<Outcome> {
        let (_, name) = names(&self.new.id);
        let mut mistakes = Mistakes::new();
        // The other files' cases are not asked again and again.
        let others = self.folder.files();
        let others = others.filter(|(name, _)| !name.starts_with("tests/"));
        let others = others.map(|(name, source)| (name.to_owned(), source.text().to_owned()));
        let folder = Folder::of(self.folder.root(), others, &mut mistakes);
        let folder = with(&folder, &[(&name, text)]);
        let cases = Cases::load(&folder, Some(self.rules), &mut mistakes);
        let case = cases.all.first().filter(|_| mistakes.is_empty())?;
        Some(case.run(self.rules, self.today))
    }
}

/// The outcome, as a case expects it.
fn expectation(outcome: &Outcome) -> String {
    let mut text = format!("{{decision: {}", outcome.decision.word());
    // Writing to a text does not fail.
    if let Some(refused) = &outcome.refused {
        let _ = write!(text, ", code: {}", refused.code.name());
        if let Some(promise) = refused.promise {
            let _ = write!(text, ", promise: {promise}");
        }
    } else {
        for (key, leaves) in [("withheld", Leaves::Withheld), ("keep", Leaves::Clear)] {
            let categories = alike(outcome, leaves);
            if !categories.is_empty() {
                let _ = write!(text, ", {key}: [{}]", categories.join(", "));
            }
        }
    }
    text.push('}');
    text
}

/// The widest categories of which every field leaves like this.
fn alike(outcome: &Outcome, leaves: Leaves) -> Vec<&'static str> {
    let mut by_category: BTreeMap<Category, BTreeSet<Leaves>> = BTreeMap::new();
    for field in &outcome.fields {
        let line = std::iter::successors(field.category, |category| category.parent());
        for category in line {
            let found = by_category.entry(category).or_default();
            found.extend(&field.leaves);
        }
    }
    let only = BTreeSet::from([leaves]);
    by_category.retain(|_, found| *found == only);
    // Not of everything about people, where the next field of some other kind would break the case.
    by_category.retain(|category, _| category.parent().is_some());
    let widest = by_category.keys().filter(|category| {
        let parent = category.parent();
        parent.is_none_or(|parent| !by_category.contains_key(&parent))
    });
    widest.map(|one| one.key()).collect()
}
