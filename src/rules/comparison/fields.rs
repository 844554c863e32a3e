//! In which form categories leave, before and after, told in as few lines as say it exactly: purposes,
//! categories, circumstances and channels that changed alike are one change.

use std::collections::{BTreeMap, BTreeSet};

use super::circumstances::{self, Set};
use super::granted::{Granted, Leaving, Side};
use super::{Change, Direction, Topic};
use crate::policy::{Circumstances, Contract, Differing};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, Form, FormSet, PartnerKind};

/// A form before and after.
type Forms = [Option<Form>; 2];

/// A category that leaves for a purpose.
type Place = (Purpose, Category);

/// What changed alike, beside categories and purposes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    forms: Forms,
    about: Set,
    /// `None` where every channel by which the category can leave changed.
    channels: Option<BTreeSet<Channel>>,
}

/// Contract and grants of one side.
pub(super) type Sided<'a> = (Option<&'a Contract>, &'a Granted);

/// What forms are compared in.
pub(super) struct Compared<'a, 'b> {
    /// Both sets, with the answers they gave so far.
    pub(super) sides: &'b mut [Side<'a>; 2],
    /// Where the promises may differ.
    pub(super) promises: &'b Differing<'a>,
}

/// The changes of forms.
pub(super) fn changes(mut compared: Compared<'_, '_>, both: [Sided<'_>; 2]) -> Vec<Change> {
    let everything = leaving(&both);
    let mut found: BTreeMap<Place, BTreeMap<(Forms, Set), BTreeSet<Channel>>> = BTreeMap::new();
    let mut channels: BTreeMap<Place, BTreeSet<Channel>> = BTreeMap::new();
    for leaving in &everything {
        let place = (leaving.purpose, leaving.category);
        channels.entry(place).or_default().insert(leaving.channel);
        for (forms, about) in compared.differing(&both, *leaving) {
            let slot = found.entry(place).or_default().entry((forms, about));
            slot.or_default().insert(leaving.channel);
        }
    }
    let mut alike: BTreeMap<(Purpose, Alike), BTreeSet<Category>> = BTreeMap::new();
    for (place, changes) in found {
        for ((forms, about), changed) in changes {
            let every = channels.get(&place) == Some(&changed);
            let channels = (!every).then_some(changed);
            let alike_here = Alike {
                forms,
                about,
                channels,
            };
            let slot = alike.entry((place.0, alike_here));
            slot.or_default().insert(place.1);
        }
    }
    let mut grouped: BTreeMap<(BTreeSet<Category>, Alike), Vec<Purpose>> = BTreeMap::new();
    for ((purpose, alike), categories) in alike {
        let slot = grouped.entry((categories, alike));
        slot.or_default().push(purpose);
    }
    let relevant = everything.iter().map(|leaving| leaving.category).collect();
    let told = grouped.into_iter();
    told.map(|((categories, alike), purposes)| {
        told_of(&summed_up(&categories, &relevant), &alike, purposes)
    })
    .collect()
}

/// Whatever can leave on either side.
fn leaving(both: &[Sided<'_>; 2]) -> BTreeSet<Leaving> {
    let ways = both.iter().flat_map(|(_, granted)| &granted.answered);
    ways.flat_map(|((purpose, channel), categories)| {
        categories.keys().map(|category| Leaving {
            purpose: *purpose,
            channel: *channel,
            category: *category,
        })
    })
    .collect()
}

impl Compared<'_, '_> {
    /// Under which circumstances which forms differ.
    fn differing(&mut self, both: &[Sided<'_>; 2], leaving: Leaving) -> BTreeMap<Forms, Set> {
        let mut found: BTreeMap<Forms, Set> = BTreeMap::new();
        let [(old, was), (new, is)] = both;
        // Where contract and answers are alike, only the promises can make a difference.
        let alike = said(*old, was, leaving) == said(*new, is, leaving);
        let fields = alike_fields(both, leaving);
        for about in Circumstances::all() {
            if let (true, Some(contract)) = (alike, new)
                && !self.promises.reach(&leaving.way(contract.kind, about))
            {
                continue;
            }
            let [before, after] = &mut *self.sides;
            for [was, is] in &fields {
                let before = old.and_then(|old| before.form(old, leaving, about, *was));
                let after = new.and_then(|new| after.form(new, leaving, about, *is));
                if before != after {
                    *found.entry([before, after]).or_default() |= circumstances::only(about);
                }
            }
        }
        found
    }
}

/// What decides beside the promises: the kind of partner, what the contract says of the category, and
/// which forms the answers can take, field by field.
fn said<'a>(
    contract: Option<&Contract>,
    granted: &'a Granted,
    leaving: Leaving,
) -> Option<(PartnerKind, FormSet, &'a BTreeSet<FormSet>)> {
    let contract = contract?;
    let mask = contract.categories.get(leaving.category.index()).copied()?;
    let answered = granted.answered.get(&(leaving.purpose, leaving.channel))?;
    Some((contract.kind, mask, answered.get(&leaving.category)?))
}

/// The forms that a field of the category can take, before and after, for each kind of field that both
/// sides answer with: of one a part may be seen where another was withheld. Where they have none in
/// common, the forms of any of them.
fn alike_fields(both: &[Sided<'_>; 2], leaving: Leaving) -> Vec<[FormSet; 2]> {
    let nothing = BTreeSet::new();
    let [old, new] = both.each_ref().map(|(contract, granted)| {
        said(*contract, granted, leaving).map_or(&nothing, |(_, _, fields)| fields)
    });
    let common: Vec<_> = old.intersection(new).map(|forms| [*forms; 2]).collect();
    if !common.is_empty() {
        return common;
    }
    let any = |fields: &BTreeSet<FormSet>| -> FormSet {
        let can = |form: &Form| fields.iter().any(|one| one.contains(*form));
        Form::ALL.into_iter().filter(can).collect()
    };
    vec![[any(old), any(new)]]
}

fn told_of(categories: &[Category], alike: &Alike, purposes: Vec<Purpose>) -> Change {
    let [before, after] = alike.forms;
    let about = circumstances::words(alike.about).map(|words| format!("about {words}"));
    let channels = alike.channels.as_ref().map(|channels| {
        let words: Vec<_> = channels.iter().map(|channel| channel.word()).collect();
        format!("in operations of channel {}", words.join(", "))
    });
    let only: Vec<String> = about.into_iter().chain(channels).collect();
    Change {
        topic: Topic::Field,
        what: categories.iter().map(ToString::to_string).collect(),
        purposes,
        only: (!only.is_empty()).then(|| only.join("; ")),
        before: Some(words(before).to_owned()),
        after: Some(words(after).to_owned()),
        direction: direction(before, after),
    }
}

/// The richer form is the looser one.
fn direction(before: Option<Form>, after: Option<Form>) -> Direction {
    let poverty = |form: Option<Form>| form.map_or(Form::ALL.len(), |form| form as usize);
    Direction::of_growth(&poverty(after), &poverty(before))
}

fn words(form: Option<Form>) -> &'static str {
    match form {
        None => "withheld",
        Some(Form::Clear) => "in the clear",
        Some(Form::Partial) => "in part",
        Some(Form::Pseudonym) => "as a pseudonym",
        Some(Form::Aggregate) => "as a figure over a group",
    }
}

/// The categories, several of one family by its head where all that is relevant of it is there.
fn summed_up(categories: &BTreeSet<Category>, relevant: &BTreeSet<Category>) -> Vec<Category> {
    let stands_for = |head: &Category| {
        let mut family = relevant.iter().filter(|one| one.is_within(*head));
        family.clone().count() > 1 && family.all(|one| categories.contains(one))
    };
    let head = |category: &Category| {
        let line = std::iter::successors(Some(*category), |category| category.parent());
        line.filter(stands_for).last().unwrap_or(*category)
    };
    let heads: BTreeSet<Category> = categories.iter().map(head).collect();
    heads.into_iter().collect()
}

/// What two contracts say differently of categories of which nothing leaves differently: the promises
/// forbid it, or no operation answers with it.
pub(super) fn without_effect(old: &Contract, new: &Contract, effective: &[Change]) -> Vec<Change> {
    let told = effective
        .iter()
        .filter(|change| change.topic == Topic::Field);
    let told: BTreeSet<Category> = told
        .flat_map(|change| &change.what)
        .filter_map(|key| Category::parse(key))
        .collect();
    let mut alike: BTreeMap<Forms, BTreeSet<Category>> = BTreeMap::new();
    let named = |contract: &Contract, category: Category| {
        let forms = contract.categories.get(category.index()).copied();
        forms.unwrap_or(FormSet::NONE).richest()
    };
    for category in Category::all() {
        let forms = [named(old, category), named(new, category)];
        let is_told = told
            .iter()
            .any(|head| category.is_within(*head) || head.is_within(category));
        if forms[0] != forms[1] && !is_told {
            alike.entry(forms).or_default().insert(category);
        }
    }
    let every = Category::all().collect();
    let changes = alike
        .into_iter()
        .map(|([before, after], categories)| Change {
            topic: Topic::Text,
            what: summed_up(&categories, &every)
                .iter()
                .map(ToString::to_string)
                .collect(),
            purposes: Vec::new(),
            only: Some("nothing leaves differently by it".to_owned()),
            before: Some(words(before).to_owned()),
            after: Some(words(after).to_owned()),
            direction: Direction::Neither,
        });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &[&str]) -> BTreeSet<Category> {
        keys.iter()
            .map(|key| Category::parse(key).unwrap())
            .collect()
    }

    #[test]
    fn a_family_is_named_by_its_head_only_where_all_of_it_changed() {
        let relevant = set(&[
            "user.contact.address.city",
            "user.contact.address.state",
            "user.contact.email",
            "user.name",
        ]);
        let address = set(&["user.contact.address.city", "user.contact.address.state"]);
        let named = |set: &BTreeSet<Category>| {
            let named = summed_up(set, &relevant);
            named.iter().map(|one| one.key()).collect::<Vec<_>>()
        };
        assert_eq!(named(&address), ["user.contact.address"]);
        assert_eq!(named(&set(&["user.name"])), ["user.name"]);
        assert_eq!(named(&relevant), ["user"]);
    }

    #[test]
    fn richer_is_looser() {
        let all = [None].into_iter().chain(Form::ALL.map(Some));
        let richest_last: Vec<_> = all.rev().collect();
        assert_eq!(direction(None, Some(Form::Aggregate)), Direction::Loosens);
        assert_eq!(
            direction(Some(Form::Clear), Some(Form::Partial)),
            Direction::Tightens
        );
        for form in richest_last {
            assert_eq!(direction(form, form), Direction::Neither);
        }
    }
}
