//! One case, judged as the gateway judges a request: the same reading, rules and filter. In place of
//! the book of customers, the registry and the core stand what the case assumes.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use jiff::civil::Date;

use super::account::Account;
use super::fullest::fullest;
use super::links::{self, HOST};
use super::outcome::{JudgedField, Outcome};
use super::{Asking, Case, Customer, Decision, Leaves, WHOLE, status_of};
use crate::catalogue::{Body, FieldRole, Format, Operation, Shape};
use crate::edge::host::HostNames;
use crate::edge::limits::Limits;
use crate::edge::{self, AcceptedHead};
use crate::filter::{self, PseudonymSecret};
use crate::judgement::{
    self, Asked, Call, Document, Figures, OnBehalf, Opened, Owner, Question, Selector, Subject,
    uninspectable,
};
use crate::policy::{Circumstances, Contract, Grant, Rule, Standing};
use crate::refusal::{Code, Refusal, Stopped};
use crate::rules::Rules;
use crate::taxonomy::{Category, CategorySet};
use crate::terms::CustomerRef;

/// The id of a customer whom neither request nor answer names.
const SOMEBODY: &str = "customer";
/// Pseudonyms of cases are made with a secret that protects nothing.
const SECRET: [u8; 32] = [7; 32];

impl Case {
    /// Judges the case on the day `today`, unless it says on which.
    pub fn run(&self, rules: &Rules, today: Date) -> Outcome {
        let mut outcome = Outcome {
            operation: None,
            purpose: None,
            decision: Decision::Deny,
            refused: None,
            rules: BTreeSet::new(),
            promises: BTreeSet::new(),
            kept: BTreeSet::new(),
            fields: Vec::new(),
            customers: 0,
            today: self.given.today.value.unwrap_or(today),
            owner_assumed: None,
            failures: Vec::new(),
        };
        match rules.policy.contract(&self.given.partner.value) {
            None => outcome.refuse(Refusal::not_found().into()),
            Some(contract) => {
                let mut trial = Trial {
                    case: self,
                    rules,
                    contract,
                    heard: links::Heard::default(),
                    outcome: &mut outcome,
                };
                if let Err(stopped) = trial.judge() {
                    outcome.refuse(stopped);
                }
            }
        }
        let carried = |rule: &&Rule| outcome.rules.contains(&rule.id);
        let carried = rules.policy.rules().iter().filter(carried);
        outcome.promises = carried.map(|rule| rule.promise).collect();
        outcome.promises.extend(&outcome.kept);
        outcome.failures = self.expect.compare(&outcome);
        outcome
    }
}

/// A case on its way.
struct Trial<'a> {
    case: &'a Case,
    rules: &'a Rules,
    contract: &'a Contract,
    /// What links of the answer may say.
    heard: links::Heard,
    outcome: &'a mut Outcome,
}

impl Trial<'_> {
    fn judge(&mut self) -> Result<(), Stopped> {
        let (case, policy) = (self.case, &self.rules.policy);
        let head = accepted(&case.request)?;
        self.heard = links::heard(&head);
        let routed = self
            .rules
            .catalogue
            .route(head.method(), head.path().as_str())
            .ok_or_else(Refusal::not_found)?;
        let operation = &routed.operation;
        self.outcome.operation = Some(Arc::clone(operation));
        self.refuse_suspended()?;
        judgement::check_query(operation, &head)?;
        let asked = judgement::ask(&routed, &head, &case.request.body)?;
        Question::of(&routed, &head, &case.request.body)?;
        let owner = self.owner_id(operation, &asked);
        let subject = self.subject(operation, &asked, &owner)?;
        let token_purposes = case.given.token_purposes.value.as_deref();
        let purpose = judgement::choose_purpose(policy, self.contract, token_purposes, &head)?;
        self.outcome.purpose = Some(purpose);
        let call = Call {
            contract: self.contract,
            standing: Standing::Good,
            operation,
            purpose,
            asked: &asked,
            subject: &subject,
            circumstances: Circumstances {
                order: self.known(&owner).circumstances.order,
                ..subject.circumstances()
            },
            today: self.outcome.today,
        };
        let grant = judgement::decide(policy, &call, &head)?;
        self.answer(operation, &grant, &subject, &owner)
    }

    /// The gateway refuses a suspended partner before it reads anything.
    fn refuse_suspended(&self) -> Result<(), Stopped> {
        match self.case.given.standing.value {
            Standing::Good => Ok(()),
            Standing::Suspended => Err(self.rules.policy.suspended(self.contract).into()),
        }
    }

    /// Whose the things are that the request names: the customer it names too, else the one in the
    /// answer, else somebody.
    fn owner_id(&mut self, operation: &Operation, asked: &Asked) -> String {
        let named = asked.selectors.iter().find_map(|selector| match selector {
            Selector::Customer(id) => Some(id.clone()),
            Selector::Resource(..) => None,
        });
        let only_things = named.is_none() && !asked.selectors.is_empty();
        let said = named.or_else(|| self.owner_in_answer(operation));
        let (owner, because) = match said {
            Some(owner) => (owner, "the answer says so"),
            None => (self.somebody(operation), "nothing is said"),
        };
        if only_things {
            self.outcome.owner_assumed = Some((owner.clone(), because));
        }
        owner
    }

    /// An id that the answers of the operation may hold.
    fn somebody(&self, operation: &Operation) -> String {
        let status = status_of(operation, self.case.status).unwrap_or(200);
        let listed = judgement::listed(operation, status).ok();
        let shape = listed.and_then(|listed| match &listed.body {
            Body::Data { shape, .. } => Some(shape),
            _ => None,
        });
        let mut fields = shape.iter().flat_map(|shape| &shape.fields);
        let key = fields.find(|field| field.role == FieldRole::CustomerKey);
        let id = key.and_then(|key| key.example_id(SOMEBODY));
        id.unwrap_or_else(|| SOMEBODY.to_owned())
    }

    fn owner_in_answer(&self, operation: &Operation) -> Option<String> {
        let status = status_of(operation, self.case.status)?;
        let listed = judgement::listed(operation, status).ok()?;
        let (Body::Data { format, shape, .. }, Some(body)) = (&listed.body, &self.case.answer)
        else {
            return None;
        };
        let scanned = filter::read(*format, shape, body, &filter::Limits::default()).ok()?;
        let mut parts = scanned.records().iter().chain([scanned.envelope()]);
        parts.find_map(|part| part.customer().map(str::to_owned))
    }

    fn subject(
        &self,
        operation: &Operation,
        asked: &Asked,
        owner: &str,
    ) -> Result<Subject, Box<Refusal>> {
        judgement::subject(asked, operation, |selector| {
            let (id, uploaded_for) = match selector {
                Selector::Customer(id) => (id.as_str(), None),
                Selector::Resource(..) => (owner, self.case.given.uploaded_for.value),
            };
            let customer = OnBehalf {
                id: id.into(),
                reference: reference(id),
            };
            let own = self.known(id).circumstances.own;
            own.then_some((customer, uploaded_for))
        })
    }

    fn known(&self, id: &str) -> Customer {
        let customers = &self.case.given.customers.value;
        customers.named.get(id).copied().unwrap_or(customers.every)
    }

    fn owner(&self, id: &str) -> Owner {
        let known = self.known(id);
        Owner::Customer {
            reference: reference(id),
            circumstances: known.circumstances,
            opened: Opened {
                consented: known.consented,
                // A case that speaks of an agreement speaks of one that covers everything.
                agreed: match known.circumstances.agreement {
                    true => Category::all().collect(),
                    false => CategorySet::NONE,
                },
                ..Opened::default()
            },
        }
    }

    /// Judges the core's answer.
    fn answer(
        &mut self,
        operation: &Operation,
        grant: &Grant,
        subject: &Subject,
        owner: &str,
    ) -> Result<(), Stopped> {
        let status = status_of(operation, self.case.status).unwrap_or(200);
        let listed = judgement::listed(operation, status)?;
        match &listed.body {
            Body::Empty => self.outcome.decision = Decision::Allow,
            Body::Uninspectable { media_type } => {
                return Err(uninspectable(format!("no filter for `{media_type}`")).into());
            }
            Body::Document { category, .. } => {
                self.outcome.decision = Decision::Allow;
                self.outcome.customers = usize::from(subject.customer.is_some());
                self.outcome.fields.push(JudgedField {
                    path: WHOLE.into(),
                    category: Some(*category),
                    leaves: BTreeSet::from([Leaves::Clear]),
                });
                let rules = grant.rules(Circumstances::OWN);
                self.outcome.rules.extend(rules.iter().cloned());
            }
            Body::Data { format, shape, .. } => {
                let made_up = || Bytes::from(fullest(*format, shape, owner, &self.heard.here));
                let body = self.case.answer.clone().unwrap_or_else(made_up);
                let has_pages = operation.has_pages();
                let max = self.contract.records_max_on(self.outcome.today, has_pages);
                let named = subject.customer.as_ref();
                self.filter(operation, (*format, shape, &body, max), grant, named)?;
            }
        }
        Ok(())
    }

    fn filter(
        &mut self,
        operation: &Operation,
        (format, shape, body, records_max): (Format, &Shape, &[u8], u32),
        grant: &Grant,
        named: Option<&OnBehalf>,
    ) -> Result<(), Stopped> {
        let scanned = filter::read(format, shape, body, &filter::Limits::default())
            .map_err(|reason| uninspectable(reason.told(shape)))?;
        judgement::refuse_large_page(records_max, &scanned)?;
        let asked_for = named.map_or(Owner::Nobody, |customer| self.owner(&customer.id));
        let whose = judgement::whose(shape, &scanned, &asked_for, |_, id| Ok(self.owner(id)))?;
        let document = Document {
            shape,
            figures: Figures::of(shape, &scanned),
            scanned,
            owners: whose.records,
            envelope: whose.around,
        };
        let key = PseudonymSecret::new(&SECRET).key_of(&self.contract.partner);
        let (catalogue, contract) = (&self.rules.catalogue, self.contract);
        let names = links::core_names(catalogue, operation);
        let says = (&self.heard, self.case as &dyn filter::Book);
        let links = links::links(catalogue, &names, contract, operation, named, says);
        let released = document.release(grant, &key, &links);
        let released = released.ok_or_else(Refusal::not_found)?;
        document.recipients(&released)?;
        let mut account = Account::new(shape, grant, self.outcome);
        if let Some(granted) = released.granted_around(&document.envelope) {
            account.add(
                &document.envelope,
                granted,
                &released.emitted.envelope,
                false,
            );
        }
        let records = document.scanned.records().iter();
        let records = records.zip(&document.owners).zip(&released.emitted.records);
        for ((record, owner), released_fields) in records {
            match (released.granted(owner), released_fields) {
                (Some(granted), Some(fields)) => account.add(owner, granted, fields, true),
                _ => account.dropped.extend(record.present()),
            }
        }
        account.close();
        Ok(())
    }
}

/// The request as the door lets it in.
fn accepted(request: &Asking) -> Result<AcceptedHead, Stopped> {
    let malformed =
        |error: String| Refusal::new(Code::RequestMalformed, error, "Send a valid request.");
    let mut builder = Request::builder()
        .method(&request.method)
        .uri(&request.target)
        .header(http::header::HOST, HOST);
    if let Some(purpose) = &request.purpose {
        builder = builder.header("purpose-of-use", purpose);
    }
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let request = builder
        .body(())
        .map_err(|error| malformed(error.to_string()))?;
    let names = HostNames::new([HOST]).map_err(|error| malformed(error.to_string()))?;
    let (parts, ()) = request.into_parts();
    Ok(edge::accept(&parts, &Limits::default(), &names)?)
}

/// A reference that is always the same for an id: cases have no book of customers.
fn reference(id: &str) -> CustomerRef {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, id.as_bytes());
    let bytes = digest.as_ref().first_chunk().copied();
    CustomerRef::from_bytes(bytes.unwrap_or_default())
}
