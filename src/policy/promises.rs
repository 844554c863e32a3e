//! The promises, remembered: each cell of the finite domain is computed once from the Cedar rules,
//! at its first use, and kept for ever. A set of rules never changes after it was loaded, so there
//! is nothing to invalidate.

use std::sync::{Arc, OnceLock};

use super::circumstances::{Circumstances, Standing};
use super::rules::{Answer, Rule, RuleIndex, Rules};
use super::vocabulary::{Action, Question};
use crate::taxonomy::{CATEGORY_COUNT, Category, Purpose};
use crate::terms::{Channel, Form, FormSet, PartnerKind, Promise};

/// The promise kept where no rule permits a disclosure: not disclosed to third parties.
const PROMISE_BY_DEFAULT: Promise = Promise::number(5);

/// What the promises allow for one question, for every category.
#[derive(Debug)]
pub(super) struct Cell {
    /// The forms that may leave, by the index of the category.
    pub(super) forms: [FormSet; CATEGORY_COUNT],
    /// The promise that withholds what may not leave in the clear, likewise.
    pub(super) withheld_by: [Promise; CATEGORY_COUNT],
    /// The permits that allow something of it.
    pub(super) rules: Vec<Arc<str>>,
    /// Of how many customers a figure must be, by the strictest of the permits that let figures leave;
    /// none where no permit says.
    pub(super) smallest_group: Option<u32>,
}

/// Whether the promises let an operation be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// They do, by this permit.
    Permitted(RuleIndex),
    /// This forbid refuses it; of several, the first of the file.
    Forbidden(RuleIndex),
    /// No rule permits it.
    NotPermitted,
}

/// Whether an operation may be called, in each circumstance, by [`Circumstances::index`].
type Calls = [Call; Circumstances::COUNT];

/// The promises over their whole domain.
pub(super) struct Promises {
    rules: Rules,
    /// SHA-256 of the texts they were read from.
    digest: [u8; 32],
    cells: Box<[OnceLock<Box<Cell>>]>,
    calls: Box<[OnceLock<Box<Calls>>]>,
}

impl Promises {
    /// Of rules that were read from texts with this digest.
    pub(super) fn new(rules: Rules, digest: [u8; 32]) -> Self {
        let calls = PartnerKind::ALL.len() * Standing::ALL.len() * purposes() * Channel::ALL.len();
        let cells = PartnerKind::ALL.len() * purposes() * Channel::ALL.len() * Circumstances::COUNT;
        Self {
            rules,
            digest,
            cells: (0..cells).map(|_| OnceLock::new()).collect(),
            calls: (0..calls).map(|_| OnceLock::new()).collect(),
        }
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn rule(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(index)
    }

    /// Whether the call in question is permitted, with what is known of its customer beforehand.
    pub(super) fn call(&self, question: &Question) -> Call {
        let Question { kind, standing, .. } = *question;
        let place = (kind as usize * Standing::ALL.len() + standing as usize) * purposes()
            + question.purpose.index();
        let place = place * Channel::ALL.len() + question.channel as usize;
        let calls = self.calls.get(place);
        let calls = calls.map(|calls| calls.get_or_init(|| Box::new(self.ask_calls(question))));
        let call = calls.and_then(|calls| calls.get(question.circumstances.index()));
        call.copied().unwrap_or(Call::NotPermitted)
    }

    fn ask_calls(&self, question: &Question) -> Calls {
        let mut calls = [Call::NotPermitted; Circumstances::COUNT];
        for (call, circumstances) in calls.iter_mut().zip(Circumstances::all()) {
            *call = self.ask_call(&Question {
                circumstances,
                ..*question
            });
        }
        calls
    }

    fn ask_call(&self, question: &Question) -> Call {
        let Some(whole) = Category::parse("user") else {
            return Call::NotPermitted;
        };
        let answer = self
            .rules
            .ask(question, Action::Call(question.channel), whole);
        match (answer.allowed, answer.rules.first()) {
            (true, Some(rule)) => Call::Permitted(*rule),
            (false, Some(rule)) => Call::Forbidden(*rule),
            (_, None) => Call::NotPermitted,
        }
    }

    /// What may be disclosed to a partner of this kind, in good standing: a call of any other was
    /// refused before.
    pub(super) fn cell(
        &self,
        kind: PartnerKind,
        purpose: Purpose,
        channel: Channel,
        circumstances: Circumstances,
    ) -> &Cell {
        static NOTHING: Cell = Cell::nothing();
        let question = Question {
            kind,
            standing: Standing::Good,
            purpose,
            channel,
            circumstances,
        };
        match self.place(&question) {
            Some(cell) => cell.get_or_init(|| Box::new(self.compute(&question))),
            None => &NOTHING,
        }
    }

    /// Whether `category` may leave in `form`, as [`Promises::cell`] has it. Where the cell is not
    /// computed yet, only this much of it is asked for.
    pub(super) fn allows(&self, question: &Question, category: Category, form: Form) -> bool {
        if let Some(cell) = self.place(question).and_then(|cell| cell.get()) {
            let forms = cell.forms.get(category.index());
            return forms.is_some_and(|forms| forms.contains(form));
        }
        let action = Action::Disclose(form);
        self.rules.ask(question, action, category).allowed
    }

    fn place(&self, question: &Question) -> Option<&OnceLock<Box<Cell>>> {
        let place = question.kind as usize * purposes() + question.purpose.index();
        let place = place * Channel::ALL.len() + question.channel as usize;
        let place = place * Circumstances::COUNT + question.circumstances.index();
        self.cells.get(place)
    }

    fn compute(&self, question: &Question) -> Cell {
        let mut cell = Cell::nothing();
        let mut permits = Vec::new();
        let Some(context) = self.rules.context(question) else {
            return cell;
        };
        for category in Category::all() {
            for form in Form::ALL {
                let action = Action::Disclose(form);
                let answer = self
                    .rules
                    .ask_in(question, context.clone(), action, category);
                if answer.broken {
                    // A rule that cannot be evaluated might have been the one that forbids.
                    return Cell::nothing();
                }
                cell.note(category, form, &answer, &self.rules);
                if answer.allowed {
                    permits.extend(answer.rules);
                }
            }
        }
        permits.sort_unstable();
        permits.dedup();
        let of_permits = permits.iter().filter_map(|rule| self.rules.get(*rule));
        cell.smallest_group = of_permits.filter_map(|rule| rule.smallest_group).max();
        let ids = permits.into_iter().filter_map(|rule| self.rules.get(rule));
        cell.rules = ids.map(|rule| Arc::clone(&rule.id)).collect();
        cell
    }
}

impl Cell {
    const fn nothing() -> Self {
        Self {
            forms: [FormSet::NONE; CATEGORY_COUNT],
            withheld_by: [PROMISE_BY_DEFAULT; CATEGORY_COUNT],
            rules: Vec::new(),
            smallest_group: None,
        }
    }

    fn note(&mut self, category: Category, form: Form, answer: &Answer, rules: &Rules) {
        if answer.allowed {
            if let Some(forms) = self.forms.get_mut(category.index()) {
                forms.insert(form);
            }
        } else if form == Form::Clear {
            let forbid = answer.rules.first().and_then(|rule| rules.get(*rule));
            let slot = self.withheld_by.get_mut(category.index());
            if let (Some(forbid), Some(slot)) = (forbid, slot) {
                *slot = forbid.promise;
            }
        }
    }
}

fn purposes() -> usize {
    Purpose::all().count()
}

impl std::fmt::Debug for Promises {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let computed = self.cells.iter().filter(|cell| cell.get().is_some());
        formatter
            .debug_struct("Promises")
            .field("rules", &self.rules)
            .field("cells_computed", &computed.count())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::fixture;
    use super::*;

    fn questions() -> impl Strategy<Value = Question> {
        let purposes: Vec<Purpose> = Purpose::all().collect();
        (
            select(PartnerKind::ALL.to_vec()),
            select(purposes),
            select(Channel::ALL.to_vec()),
            select(Circumstances::all().collect::<Vec<_>>()),
        )
            .prop_map(|(kind, purpose, channel, circumstances)| Question {
                kind,
                standing: Standing::Good,
                purpose,
                channel,
                circumstances,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_is_remembered_is_what_the_rules_answer(question in questions()) {
            let set = fixture::shipped_once();
            let promises = &set.promises;
            let Question { kind, purpose, channel, circumstances, .. } = question;
            let cell = promises.cell(kind, purpose, channel, circumstances);
            for category in Category::all() {
                for form in Form::ALL {
                    let answer = promises.rules().ask(&question, Action::Disclose(form), category);
                    let remembered = cell.forms[category.index()].contains(form);
                    prop_assert_eq!(remembered, answer.allowed, "{:?} {:?}", category, form);
                }
            }
        }

        #[test]
        fn no_contract_widens_the_promises(question in questions()) {
            let set = fixture::shipped_once();
            for compiled in &set.compiled {
                let contract = &compiled.contract;
                let Question { purpose, channel, circumstances, .. } = question;
                let grant = compiled.grant(&set.promises, purpose, channel);
                prop_assert_eq!(grant.is_some(), contract.purposes.contains(&purpose));
                let Some(grant) = grant else { continue };
                let cell = set.promises.cell(contract.kind, purpose, channel, circumstances);
                for category in Category::all() {
                    let Some(form) = grant.forms(circumstances)[category.index()] else { continue };
                    prop_assert!(cell.forms[category.index()].contains(form));
                    prop_assert!(contract.categories[category.index()].contains(form));
                }
            }
        }
    }

    #[test]
    fn nothing_leaves_for_marketing_in_any_circumstance() {
        let set = fixture::shipped_once();
        for key in ["marketing.advertising", "sales", "third_party_sharing"] {
            let purpose = Purpose::parse(key).unwrap();
            for circumstances in Circumstances::all() {
                let kind = PartnerKind::Reseller;
                let cell = set
                    .promises
                    .cell(kind, purpose, Channel::Record, circumstances);
                assert!(cell.forms.iter().all(|forms| forms.is_empty()), "{key}");
                assert!(
                    cell.withheld_by
                        .iter()
                        .all(|promise| *promise == Promise::number(4))
                );
            }
        }
    }

    /// The richest form the promises alone allow a reseller.
    fn form(purpose: &str, circumstances: Circumstances, category: &str) -> Option<Form> {
        let purpose = Purpose::parse(purpose).unwrap();
        let promises = &fixture::shipped_once().promises;
        let cell = promises.cell(
            PartnerKind::Reseller,
            purpose,
            Channel::Record,
            circumstances,
        );
        cell.forms[Category::parse(category).unwrap().index()].richest()
    }

    #[test]
    fn legal_process_is_answered_only_under_an_order() {
        let legal = "third_party_sharing.legal_obligation";
        let ordered = Circumstances {
            order: true,
            ..Circumstances::default()
        };
        assert_eq!(
            form(legal, ordered, "user.contact.email"),
            Some(Form::Clear)
        );
        for circumstances in Circumstances::all().filter(|circumstances| !circumstances.order) {
            assert_eq!(form(legal, circumstances, "user.contact.email"), None);
        }
    }

    #[test]
    fn an_agreement_opens_contact_details_of_that_customer() {
        let agreed = Circumstances {
            agreement: true,
            ..Circumstances::default()
        };
        let service = "essential.service";
        assert_eq!(
            form(service, agreed, "user.contact.email"),
            Some(Form::Clear)
        );
        assert_eq!(
            form(service, Circumstances::OWN, "user.contact.email"),
            None
        );
        assert_eq!(
            form("marketing.communications", agreed, "user.contact.email"),
            None
        );
    }

    #[test]
    fn a_customers_own_request_is_answered_without_what_is_only_for_groups() {
        let (request, own) = ("essential.legal_obligation", Circumstances::OWN);
        for category in [
            "user.name",
            "user.contact.email",
            "user.payment",
            "user.account",
        ] {
            assert_eq!(
                form(request, own, category),
                Some(Form::Clear),
                "{category}"
            );
        }
        for category in [
            "user.telemetry",
            "user.device.ip_address",
            "user.content.private",
        ] {
            assert_eq!(form(request, own, category), None, "{category}");
        }
    }

    #[test]
    fn against_fraud_people_are_told_apart_but_not_recognised() {
        for purpose in ["essential.fraud_detection", "essential.service.security"] {
            for category in [
                "user.name.last",
                "user.contact.phone_number",
                "user.unique_id",
            ] {
                let form = form(purpose, Circumstances::OWN, category);
                assert_eq!(form, Some(Form::Pseudonym), "{purpose} {category}");
            }
        }
    }

    #[test]
    fn content_reaches_only_its_owners_production() {
        let content = "user.content.private";
        let consented = Circumstances {
            consented: true,
            ..Circumstances::default()
        };
        assert_eq!(
            form("essential.service", Circumstances::OWN, content),
            Some(Form::Clear)
        );
        assert_eq!(form("essential.service", consented, content), None);
        assert_eq!(
            form(
                "essential.service.operations.support",
                Circumstances::OWN,
                content
            ),
            None
        );
    }

    #[test]
    fn credentials_never_leave_and_account_numbers_never_whole() {
        let own = Circumstances::OWN;
        for purpose in Purpose::all().map(Purpose::key) {
            assert_eq!(
                form(purpose, own, "user.authorization.password"),
                None,
                "{purpose}"
            );
            assert_ne!(
                form(purpose, own, "user.financial.credit_card"),
                Some(Form::Clear)
            );
        }
        let billing = form("finance", own, "user.financial.credit_card");
        assert_eq!(billing, Some(Form::Partial));
    }
}
