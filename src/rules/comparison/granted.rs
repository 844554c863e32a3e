//! What a contract lets its partner call, and what then leaves, under one of the sets: promises,
//! contract and catalogue together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use crate::catalogue::{Body, Field, Operation, ScalarKind};
use crate::policy::{AccessRequest, Circumstances, Contract, Standing, Use, Way};
use crate::refusal::Code;
use crate::rules::Rules;
use crate::taxonomy::{CATEGORY_COUNT, Category, Purpose};
use crate::terms::{Channel, Form, FormSet, PartnerKind};

/// All of a contract that decides what is granted: contracts with the same scope grant the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    kind: PartnerKind,
    purposes: BTreeSet<Purpose>,
    categories: Arc<[FormSet; CATEGORY_COUNT]>,
    operations: Arc<BTreeSet<Arc<str>>>,
}

impl Scope {
    pub(super) fn of(contract: &Contract) -> Self {
        Self {
            kind: contract.kind,
            purposes: contract.purposes.iter().copied().collect(),
            categories: Arc::clone(&contract.categories),
            operations: Arc::clone(&contract.operations),
        }
    }
}

/// The categories of some answers, each with the forms that its fields can take, field by field: no
/// part is seen of what has no rule for it, and only text has a pseudonym.
pub(super) type Answered = BTreeMap<Category, BTreeSet<FormSet>>;

/// One of the two sets.
pub(super) struct Side<'a> {
    pub(super) rules: &'a Rules,
    /// What the answers of each operation hold.
    answered: HashMap<Arc<str>, Answered>,
    /// Answers of the promises so far.
    promised: HashMap<(Way, Form), bool>,
}

/// What one contract lets its partner do.
#[derive(Default)]
pub(super) struct Granted {
    /// Every operation of the catalogue for every purpose of the contract: called, or refused so; in
    /// each of the circumstances that may be known beforehand, by their index.
    pub(super) calls: BTreeMap<(Arc<str>, Purpose), Vec<Option<Code>>>,
    /// What the operations called answer with.
    pub(super) answered: BTreeMap<(Purpose, Channel), Answered>,
}

impl<'a> Side<'a> {
    pub(super) fn new(rules: &'a Rules) -> Self {
        let operations = rules.catalogue.operations.iter();
        let answered = operations.map(|operation| (operation.id.clone(), answered(operation)));
        Self {
            rules,
            answered: answered.collect(),
            promised: HashMap::new(),
        }
    }

    pub(super) fn granted(&self, contract: Option<&Contract>) -> Granted {
        let mut granted = Granted::default();
        let Some(contract) = contract else {
            return granted;
        };
        for operation in &self.rules.catalogue.operations {
            for purpose in &contract.purposes {
                let refused = self.refused(contract, operation, *purpose);
                let called = refused.iter().any(Option::is_none);
                granted
                    .calls
                    .insert((operation.id.clone(), *purpose), refused);
                if called {
                    let answered = self.answered.get(&operation.id).into_iter().flatten();
                    let slot = granted.answered.entry((*purpose, operation.channel));
                    let slot = slot.or_default();
                    for (category, forms) in answered {
                        slot.entry(*category).or_default().extend(forms);
                    }
                }
            }
        }
        granted
    }

    fn refused(
        &self,
        contract: &Contract,
        operation: &Operation,
        purpose: Purpose,
    ) -> Vec<Option<Code>> {
        let decide = |circumstances| {
            let decided = self.rules.policy.decide(&AccessRequest {
                partner: &contract.partner,
                standing: Standing::Good,
                operation,
                purpose,
                marketing_signals: &[],
                page_records: None,
                today: Date::MIN,
                circumstances,
            });
            decided.err().map(|refusal| refusal.code)
        };
        Circumstances::all().map(decide).collect()
    }

    /// The form in which something leaves under `contract`, of which the answers can make `forms`.
    pub(super) fn form(
        &mut self,
        contract: &Contract,
        asked: Leaving,
        about: Circumstances,
        forms: FormSet,
    ) -> Option<Form> {
        let mask = contract.categories.get(asked.category.index()).copied()?;
        if mask.is_empty() {
            return None;
        }
        let way = asked.way(contract.kind, about);
        let policy = &self.rules.policy;
        let mut richest_first = Form::ALL.into_iter().filter(|form| mask.contains(*form));
        let richest = richest_first.find(|form| {
            let promised = self.promised.entry((way, *form));
            *promised.or_insert_with(|| policy.promises_allow(&way, *form))
        });
        // As in the filter: what cannot be made is withheld, a poorer form is not made instead.
        richest.filter(|form| forms.contains(*form))
    }
}

fn answered(operation: &Operation) -> Answered {
    let mut found = Answered::new();
    let mut add = |category: Category, forms: FormSet| {
        found.entry(category).or_default().insert(forms);
    };
    for answer in &operation.answers {
        match &answer.body {
            Body::Data { shape, .. } => {
                for field in &shape.fields {
                    if let Some(category) = field.category {
                        add(category, forms_of(field));
                    }
                }
            }
            Body::Document { category, .. } => {
                add(*category, FormSet::from_iter([Form::Clear]));
            }
            Body::Empty | Body::Uninspectable { .. } => {}
        }
    }
    found
}

fn forms_of(field: &Field) -> FormSet {
    let text = field.kind == ScalarKind::String;
    let can = |form: &Form| match form {
        Form::Clear => true,
        Form::Aggregate => field.figure,
        Form::Partial => text && field.partial.is_some(),
        Form::Pseudonym => text && field.pseudonym.is_some(),
    };
    Form::ALL.into_iter().filter(can).collect()
}

/// What may leave, by one way, for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Leaving {
    pub(super) purpose: Purpose,
    pub(super) channel: Channel,
    pub(super) category: Category,
}

impl Leaving {
    /// The question it is to the promises.
    pub(super) fn way(self, kind: PartnerKind, circumstances: Circumstances) -> Way {
        Way {
            asked: Use {
                kind,
                purpose: self.purpose,
                channel: self.channel,
            },
            circumstances,
            category: self.category,
        }
    }
}
