//! What a decision grants: for every circumstance a customer may turn out to be in, the form in which
//! each data category may leave. Promises ∩ contract: nothing here can hold more than either, so that no
//! contract makes a partner's promises weaker than the company's (P14).

use std::sync::{Arc, OnceLock};

use super::circumstances::Circumstances;
use super::contract::Contract;
use super::promises::{Cell, Promises};
use crate::taxonomy::{CATEGORY_COUNT, Category, Purpose};
use crate::terms::{Basis, CategoryForms, Channel, Promise};

/// A granted decision. Cheap to clone; made only by [`super::PolicySet::decide`], so that holding one
/// is proof that the call was decided.
#[derive(Clone, Debug)]
pub struct Grant(Arc<Table>);

#[derive(Debug)]
struct Table {
    promises: Arc<Promises>,
    contract: Arc<Contract>,
    purpose: Purpose,
    channel: Channel,
    /// By [`Circumstances::index`]; filled at first use, as few of them occur.
    masked: [OnceLock<Box<CategoryForms>>; Circumstances::COUNT],
}

impl Grant {
    pub(super) fn new(
        promises: &Arc<Promises>,
        contract: &Arc<Contract>,
        purpose: Purpose,
        channel: Channel,
    ) -> Self {
        Self(Arc::new(Table {
            promises: Arc::clone(promises),
            contract: Arc::clone(contract),
            purpose,
            channel,
            masked: Default::default(),
        }))
    }

    /// The richest form in which each category may leave about a customer in these circumstances.
    pub fn forms(&self, circumstances: Circumstances) -> &CategoryForms {
        static NOTHING: CategoryForms = [None; CATEGORY_COUNT];
        match self.0.masked.get(circumstances.index()) {
            Some(masked) => masked.get_or_init(|| Box::new(self.mask(circumstances))),
            None => &NOTHING,
        }
    }

    fn mask(&self, circumstances: Circumstances) -> CategoryForms {
        let mut forms = [None; CATEGORY_COUNT];
        let promised = self.cell(circumstances).forms.iter();
        let both = promised.zip(self.0.contract.categories.iter());
        for (slot, (promised, contracted)) in forms.iter_mut().zip(both) {
            *slot = promised.intersection(*contracted).richest();
        }
        forms
    }

    fn cell(&self, circumstances: Circumstances) -> &Cell {
        let table = &self.0;
        table.promises.cell(
            table.contract.kind,
            table.purpose,
            table.channel,
            circumstances,
        )
    }

    /// Of how many different customers a figure must be, at least 2; none where no rule lets figures leave.
    pub fn smallest_group(&self, circumstances: Circumstances) -> Option<u32> {
        self.cell(circumstances).smallest_group
    }

    /// The basis on which something about a customer in these circumstances is disclosed.
    pub fn basis(&self, circumstances: Circumstances) -> Basis {
        circumstances.basis(self.0.purpose)
    }

    /// The promise kept by not letting `category` leave in the clear.
    pub fn withheld_by(&self, circumstances: Circumstances, category: Category) -> Promise {
        let promises = &self.cell(circumstances).withheld_by;
        let promise = promises.get(category.index()).copied();
        promise.unwrap_or(Promise::number(5))
    }

    /// Ids of the rules that allow what leaves about a customer in these circumstances.
    pub fn rules(&self, circumstances: Circumstances) -> &[Arc<str>] {
        &self.cell(circumstances).rules
    }

    /// The purpose it was granted for.
    pub fn purpose(&self) -> Purpose {
        self.0.purpose
    }

    /// The contract it was granted under.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.0.contract
    }
}
