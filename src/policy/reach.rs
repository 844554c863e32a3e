//! How far the promises go for a kind of partner, whatever a contract says: what they let it call,
//! and in which forms they let a category leave in some circumstances. For remarks about contracts;
//! no decision is made from it.

use std::collections::HashMap;

use super::PolicySet;
use super::circumstances::{Circumstances, Standing};
use super::promises::{Call, Promises};
use super::vocabulary::{Action, Question};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, Form, PartnerKind};

/// Who asks, for what, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Use {
    /// The kind of partner.
    pub kind: PartnerKind,
    /// What for.
    pub purpose: Purpose,
    /// The kind of operation.
    pub channel: Channel,
}

impl Use {
    /// The question to the promises of such a partner in good standing.
    pub(super) fn question(self, circumstances: Circumstances) -> Question {
        Question {
            kind: self.kind,
            standing: Standing::Good,
            purpose: self.purpose,
            channel: self.channel,
            circumstances,
        }
    }
}

/// The reach of the promises, asked as far as it is needed and remembered.
#[derive(Debug)]
pub struct Reach<'a> {
    promises: &'a Promises,
    known: HashMap<(Use, Category, Form), bool>,
}

impl PolicySet {
    /// How far the promises of this set go.
    pub fn reach(&self) -> Reach<'_> {
        Reach {
            promises: &self.promises,
            known: HashMap::new(),
        }
    }
}

impl Reach<'_> {
    /// Whether there are circumstances in which a partner in good standing may call operations this way.
    pub fn may_call(&self, way: Use) -> bool {
        let call = |circumstances| self.promises.call(&way.question(circumstances));
        let mut calls = Circumstances::all().map(call);
        calls.any(|call| matches!(call, Call::Permitted(_)))
    }

    /// Whether there are circumstances in which `category` may leave this way in this form.
    pub fn may_disclose(&mut self, way: Use, category: Category, form: Form) -> bool {
        let rules = self.promises.rules();
        let ask = |circumstances| {
            let action = Action::Disclose(form);
            let answer = rules.ask(&way.question(circumstances), action, category);
            answer.allowed
        };
        *self
            .known
            .entry((way, category, form))
            // The partner's own customers first: most of what may leave at all may leave of them.
            .or_insert_with(|| ask(Circumstances::OWN) || Circumstances::all().any(ask))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_reach_is_that_of_the_richest_circumstances() {
        let set = fixture::shipped();
        let mut reach = set.reach();
        let way = |purpose, channel| Use {
            kind: PartnerKind::Reseller,
            purpose: Purpose::parse(purpose).unwrap(),
            channel,
        };
        let support = way("essential.service.operations.support", Channel::Record);
        let email = Category::parse("user.contact.email").unwrap();
        assert!(reach.may_disclose(support, email, Form::Partial));
        // An agreement with the customer opens what support alone does not.
        assert!(reach.may_disclose(support, email, Form::Clear));
        let card = Category::parse("user.financial").unwrap();
        assert!(!reach.may_disclose(support, card, Form::Partial));
        assert!(reach.may_call(support));
        assert!(!reach.may_call(way("essential.service", Channel::Export)));
    }
}
