//! One request as a rule sees it: found by the prover or by trying, held against the real evaluator,
//! made as plain as it can be, and told in words.

use std::str::FromStr as _;

use cedar_policy::{EntityUid, EvalResult};
use cedar_policy_symcc::Env;

use super::tree::Tree;
use crate::policy::{Action, Circumstances, Question, Standing};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Basis, Channel, Form, PartnerKind};

/// A request, with a basis that need not follow from its circumstances: a rule that rests on the
/// basis alone is then found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Situation {
    pub(super) question: Question,
    pub(super) basis: Basis,
    pub(super) action: Action,
    pub(super) category: Category,
}

impl Situation {
    /// The request of a model of the prover, its words replaced by words of the taxonomy that the
    /// rules cannot tell from them. `None` where there are none.
    pub(super) fn of_model(model: &Env, action: Action, trees: &[Tree; 2]) -> Option<Self> {
        let [purposes, categories] = trees;
        let context = model.request.context()?;
        let purpose = word_of(model, purposes, &entity(context.get("purpose")?)?)?;
        let category = word_of(model, categories, model.request.resource()?)?;
        let fact = |name: &str| Some(context.get(name)? == EvalResult::Bool(true));
        let circumstances = Circumstances {
            own: fact("own")?,
            consented: fact("consented")?,
            agreement: fact("agreement")?,
            order: fact("order_approved")?,
        };
        let channel = entity(context.get("channel")?)?;
        let basis = entity(context.get("basis")?)?;
        let basis = basis.id().unescaped();
        let question = Question {
            kind: kind_of(model)?,
            standing: standing_of(model)?,
            purpose: Purpose::parse(purpose)?,
            channel: Channel::parse(channel.id().unescaped())?,
            circumstances,
        };
        Some(Self {
            question,
            basis: Basis::ALL.into_iter().find(|one| one.word() == basis)?,
            action,
            category: Category::parse(category)?,
        })
    }

    /// Whether the gateway would write down this basis in these circumstances.
    pub(super) fn basis_follows(&self) -> bool {
        self.basis == self.question.circumstances.basis(self.question.purpose)
    }

    /// The plainest request of which `holds` still says yes: each fact that does not matter is given
    /// its everyday value.
    pub(super) fn plainest(self, holds: impl Fn(&Self) -> bool) -> Self {
        let mut plain = self;
        let mut try_out = |change: &dyn Fn(&mut Self)| {
            let mut changed = plain;
            change(&mut changed);
            let mut following = changed;
            following.basis = following
                .question
                .circumstances
                .basis(following.question.purpose);
            let tried = [following, changed].into_iter().find(&holds);
            plain = tried.unwrap_or(plain);
        };
        try_out(&|one| one.question.kind = PartnerKind::Reseller);
        try_out(&|one| one.question.standing = Standing::Good);
        try_out(&|one| one.question.channel = Channel::Record);
        try_out(&|one| one.question.channel = one.action.channel().unwrap_or(Channel::Record));
        try_out(&|one| one.question.circumstances.order = false);
        try_out(&|one| one.question.circumstances.agreement = false);
        try_out(&|one| one.question.circumstances.consented = false);
        try_out(&|one| one.question.circumstances.own = false);
        if let (Action::Call(_), Some(whole)) = (self.action, Category::parse("user")) {
            try_out(&|one| one.category = whole);
        }
        plain
    }

    /// The plainest request, and of that the broadest purpose and category of which `holds` says yes.
    pub(super) fn broadest(self, holds: impl Fn(&Self) -> bool) -> Self {
        let mut broad = self.plainest(&holds);
        let basis = |one: &Self| one.question.circumstances.basis(one.question.purpose);
        while let Some(purpose) = broad.question.purpose.parent() {
            let mut broader = broad;
            broader.question.purpose = purpose;
            if broad.basis_follows() {
                broader.basis = basis(&broader);
            }
            if !holds(&broader) {
                break;
            }
            broad = broader;
        }
        while let Some(category) = broad.category.parent() {
            let broader = Self { category, ..broad };
            if !holds(&broader) {
                break;
            }
            broad = broader;
        }
        broad
    }

    /// The request and what happens in it, as one sentence with `may` or `may not`.
    pub(super) fn in_words(&self, may: &str) -> String {
        let Question {
            kind,
            standing,
            purpose,
            channel,
            circumstances,
        } = self.question;
        let standing = match standing {
            Standing::Good => "in good standing",
            Standing::Suspended => "that is suspended",
        };
        let what = match self.action {
            Action::Call(channel) => {
                format!("{may} call operations of the kind `{}`", channel.word())
            }
            Action::Disclose(form) => format!(
                "{may} receive `{}` {}, through operations of the kind `{}`",
                self.category,
                adverb(form),
                channel.word()
            ),
        };
        let customer = circumstances_in_words(circumstances);
        let mut words = format!(
            "for `{purpose}`, a {} {standing} {what}, {customer}",
            kind.word()
        );
        if !self.basis_follows() {
            let basis = self.basis.word();
            words.push_str(&format!(
                ", where the basis says `{basis}`, which these circumstances do not bear out"
            ));
        }
        words
    }
}

impl Action {
    /// The kind of operation that a call is about.
    fn channel(self) -> Option<Channel> {
        match self {
            Self::Call(channel) => Some(channel),
            Self::Disclose(_) => None,
        }
    }
}

fn circumstances_in_words(circumstances: Circumstances) -> String {
    let whose = if circumstances.own {
        "about its own customer"
    } else {
        "about a customer who is not its own"
    };
    let mut held = vec![if circumstances.consented {
        "who consented"
    } else {
        "without consent"
    }];
    held.push(if circumstances.agreement {
        "with an agreement"
    } else {
        "without an agreement"
    });
    let order = if circumstances.order {
        "under an approved order"
    } else {
        "without an approved order"
    };
    format!("{whose}, {} and {order}", held.join(", "))
}

fn adverb(form: Form) -> &'static str {
    match form {
        Form::Clear => "in the clear",
        Form::Partial => "in part",
        Form::Pseudonym => "as a pseudonym",
        Form::Aggregate => "as a figure over a group",
    }
}

fn entity(value: EvalResult) -> Option<EntityUid> {
    match value {
        EvalResult::EntityUid(uid) => Some(uid),
        _ => None,
    }
}

fn uid(kind: &str, word: &str) -> Option<EntityUid> {
    EntityUid::from_str(&format!("{kind}::\"{word}\"")).ok()
}

fn word_of(model: &Env, tree: &Tree, named: &EntityUid) -> Option<&'static str> {
    let is = |word: &str| uid(tree.kind, word).is_some_and(|uid| uid == *named);
    let is_below = |word: &str| {
        uid(tree.kind, word).is_some_and(|uid| model.entities.is_ancestor_of(&uid, named))
    };
    tree.word_at(is, |word| is(word) || is_below(word))
}

fn kind_of(model: &Env) -> Option<PartnerKind> {
    let partner = model.request.principal()?;
    let of = |kind: &PartnerKind| {
        let kind = uid("PartnerKind", kind.word());
        kind.is_some_and(|kind| model.entities.is_ancestor_of(&kind, partner))
    };
    // Where no rule asks for kinds, the model has none.
    let kind = PartnerKind::ALL.into_iter().find(of);
    Some(kind.unwrap_or(PartnerKind::Reseller))
}

fn standing_of(model: &Env) -> Option<Standing> {
    let partner = model.entities.get(model.request.principal()?)?;
    match partner.attr("good_standing")?.ok()? {
        EvalResult::Bool(true) => Some(Standing::Good),
        EvalResult::Bool(false) => Some(Standing::Suspended),
        _ => None,
    }
}
