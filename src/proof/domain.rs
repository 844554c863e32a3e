//! Every request there is, where no solver helps: the taxonomy, kinds, standings, channels, bases and
//! circumstances are finite. Of words that no rule can tell apart one is tried for all, so that
//! hundreds of thousands of requests stand for hundreds of millions, and the answer is exact.

use cedar_policy::Policy;

use super::situation::Situation;
use super::tree::{Tree, words_used};
use crate::policy::{Action, Circumstances, Question, Standing};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Basis, Channel, PartnerKind};

/// The requests to try.
#[derive(Debug)]
pub(super) struct Domain {
    kinds: Vec<PartnerKind>,
    purposes: Vec<Purpose>,
    categories: Vec<Category>,
    channels: Vec<Channel>,
    bases: Vec<Basis>,
}

/// The part of a request that categories share, which is what costs time to put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) question: Question,
    pub(super) basis: Basis,
}

impl Domain {
    /// All that `policies`, in whatever set they stand, can tell apart.
    pub(super) fn new(policies: &[Policy]) -> Self {
        let purposes = Tree::of_purposes(policies).representatives().into_iter();
        let categories = Tree::of_categories(policies).representatives().into_iter();
        let kinds = words_used(policies, "PartnerKind");
        let channels = words_used(policies, "Channel");
        let bases = words_used(policies, "Basis");
        Self {
            kinds: told_apart(PartnerKind::ALL, |kind| kinds.contains(kind.word())),
            purposes: purposes.filter_map(Purpose::parse).collect(),
            categories: categories.filter_map(Category::parse).collect(),
            channels: told_apart(Channel::ALL, |channel| channels.contains(channel.word())),
            bases: told_apart(Basis::ALL, |basis| bases.contains(basis.word())),
        }
    }

    /// Every setting.
    pub(super) fn settings(&self) -> impl Iterator<Item = Setting> + '_ {
        let partners = self.kinds.iter().flat_map(|kind| {
            let standings = Standing::ALL.into_iter();
            standings.map(move |standing| (*kind, standing))
        });
        partners.flat_map(move |(kind, standing)| {
            self.purposes.iter().flat_map(move |purpose| {
                self.channels.iter().flat_map(move |channel| {
                    Circumstances::all().flat_map(move |circumstances| {
                        let question = Question {
                            kind,
                            standing,
                            purpose: *purpose,
                            channel: *channel,
                            circumstances,
                        };
                        let bases = self.bases.iter().copied();
                        bases.map(move |basis| Setting { question, basis })
                    })
                })
            })
        })
    }

    /// The categories to try in each.
    pub(super) fn categories(&self) -> impl Iterator<Item = Category> + '_ {
        self.categories.iter().copied()
    }

    /// Every request of one action.
    pub(super) fn situations(&self, action: Action) -> impl Iterator<Item = Situation> + '_ {
        self.settings().flat_map(move |setting| {
            self.categories()
                .map(move |category| setting.with(action, category))
        })
    }
}

impl Setting {
    pub(super) fn with(self, action: Action, category: Category) -> Situation {
        Situation {
            question: self.question,
            basis: self.basis,
            action,
            category,
        }
    }
}

/// The words in use, and one for all others.
fn told_apart<T: Copy, const N: usize>(all: [T; N], is_used: impl Fn(&T) -> bool) -> Vec<T> {
    let used = all.iter().filter(|one| is_used(one));
    let other = all.iter().find(|one| !is_used(one));
    used.chain(other).copied().collect()
}
