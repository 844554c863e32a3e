//! The core's memory: the invented world, and what calls add to it. Bounded, and gone with the
//! process.

use std::collections::HashMap;

use serde::Serialize;

use super::answer::Answer;
use super::world::{AddressList, Customer, Document, Job, World};

/// How many things of one kind calls may add before the core says it is full.
const ADDED_MAX: usize = 10_000;
/// What a new thing says about when it was made: the core has no clock, so that it answers the same
/// each time.
pub(super) const CREATED_AT: &str = "2026-11-22T09:00:00Z";

/// An export; ready as soon as somebody asks a second time.
#[derive(Clone, Serialize)]
pub(super) struct Export {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) url: Option<String>,
    pub(super) created_at: &'static str,
}

/// Everything the core remembers.
pub(super) struct Store {
    pub(super) world: World,
    pub(super) exports: Vec<Export>,
    invented: Invented,
    campaigns_and_webhooks: usize,
    answered: HashMap<String, Answer>,
}

/// How much there was before the first call.
struct Invented {
    customers: usize,
    jobs: usize,
    lists: usize,
    documents: usize,
}

/// A kind of thing that calls can add.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Customer,
    Job,
    List,
    Document,
    Export,
    Other,
}

impl Store {
    pub(super) fn new(world: World) -> Self {
        Self {
            invented: Invented {
                customers: world.customers.len(),
                jobs: world.jobs.len(),
                lists: world.lists.len(),
                documents: world.documents.len(),
            },
            world,
            exports: Vec::new(),
            campaigns_and_webhooks: 0,
            answered: HashMap::new(),
        }
    }

    /// The number of the next thing of this kind, or `None` when the core is full of them.
    pub(super) fn next_number(&mut self, kind: Kind) -> Option<usize> {
        let (count, invented) = match kind {
            Kind::Customer => (self.world.customers.len(), self.invented.customers),
            Kind::Job => (self.world.jobs.len(), self.invented.jobs),
            Kind::List => (self.world.lists.len(), self.invented.lists),
            Kind::Document => (self.world.documents.len(), self.invented.documents),
            Kind::Export => (self.exports.len(), 0),
            Kind::Other => {
                self.campaigns_and_webhooks += 1;
                (self.campaigns_and_webhooks - 1, 0)
            }
        };
        (count < invented + ADDED_MAX).then_some(count + 1)
    }

    pub(super) fn customer(&self, id: &str) -> Option<&Customer> {
        let customer = self.world.customers.get(place_of(id)?);
        customer.filter(|customer| customer.id == id)
    }

    pub(super) fn job(&self, id: &str) -> Option<&Job> {
        self.world
            .jobs
            .get(place_of(id)?)
            .filter(|job| job.id == id)
    }

    pub(super) fn list(&self, id: &str) -> Option<&AddressList> {
        self.world
            .lists
            .get(place_of(id)?)
            .filter(|list| list.id == id)
    }

    pub(super) fn document(&self, id: &str) -> Option<&Document> {
        let document = self.world.documents.get(place_of(id)?);
        document.filter(|document| document.id == id)
    }

    /// What a call with this idempotency key was answered before.
    pub(super) fn answered(&self, key: &str) -> Option<Answer> {
        self.answered.get(key).cloned()
    }

    /// Remembers the answer to a call with an idempotency key; beyond the bound it is forgotten.
    pub(super) fn remember(&mut self, key: &str, answer: &Answer) {
        if self.answered.len() < ADDED_MAX {
            self.answered.insert(key.to_owned(), answer.clone());
        }
    }
}

/// Where the thing with this id stands among its kind: ids are numbered from 1 in order.
fn place_of(id: &str) -> Option<usize> {
    let (_, number) = id.rsplit_once('_')?;
    number.parse::<usize>().ok()?.checked_sub(1)
}
