//! A set of circumstances in words: the fewest groups of customers that are exactly it.

use crate::policy::Circumstances;

/// Circumstances by the bit of their index.
pub(super) type Set = u16;

/// Every circumstance.
pub(super) const EVERY: Set = Set::MAX;

/// The set with one member.
pub(super) fn only(circumstances: Circumstances) -> Set {
    1 << circumstances.index()
}

/// What must hold of each circumstance for a customer to be of a group; `None` is either.
type Group = [Option<bool>; 4];

/// `None` for every circumstance.
pub(super) fn words(set: Set) -> Option<String> {
    if set == EVERY {
        return None;
    }
    let mut left = set;
    let mut told = Vec::new();
    while left != 0 {
        let within = groups().filter(|group| members(group) & !set == 0);
        // Of groups alike, the one that asks least, and about whose customers they are first.
        let most = within.min_by_key(|group| {
            let named = group.iter().flatten().count();
            let asks: Vec<bool> = group.iter().map(Option::is_none).collect();
            (u32::MAX - (members(group) & left).count_ones(), named, asks)
        });
        let Some(group) = most else { break };
        left &= !members(&group);
        told.push(named(&group));
    }
    Some(told.join(", or "))
}

fn groups() -> impl Iterator<Item = Group> {
    (0..81_usize).map(|number| {
        [1, 3, 9, 27].map(|place| match number / place % 3 {
            0 => None,
            1 => Some(true),
            _ => Some(false),
        })
    })
}

fn members(group: &Group) -> Set {
    let fits = |circumstances: &Circumstances| {
        let mut each = group.iter().zip(circumstances.held());
        each.all(|(wanted, holds)| wanted.is_none_or(|wanted| wanted == holds))
    };
    let fitting = Circumstances::all().filter(fits);
    fitting.fold(0, |set, circumstances| set | only(circumstances))
}

fn named([own, consented, agreement, order]: &Group) -> String {
    let whose = match own {
        None => "customers",
        Some(true) => "its own customers",
        Some(false) => "customers of others",
    };
    let more = [
        (consented, "who consented", "without consent"),
        (agreement, "with an agreement", "without an agreement"),
        (order, "under a release order", "without a release order"),
    ];
    let more = more.into_iter().filter_map(|(holds, yes, no)| {
        let word = if (*holds)? { yes } else { no };
        Some(format!(" {word}"))
    });
    more.fold(whose.to_owned(), |words, more| words + &more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(holds: impl Fn(&Circumstances) -> bool) -> Option<String> {
        let chosen = Circumstances::all().filter(|one| holds(one));
        words(chosen.fold(0, |set, one| set | only(one)))
    }

    #[test]
    fn circumstances_are_told_in_the_fewest_groups() {
        assert_eq!(of(|_| true), None);
        assert_eq!(of(|one| one.own).unwrap(), "its own customers");
        let reached = of(|one| one.own || one.consented || one.agreement);
        let expected =
            "its own customers, or customers who consented, or customers with an agreement";
        assert_eq!(reached.unwrap(), expected);
        assert_eq!(
            of(|one| one.own && !one.order).unwrap(),
            "its own customers without a release order"
        );
    }

    #[test]
    fn the_groups_told_are_exactly_the_set() {
        for set in (0..=EVERY).step_by(97) {
            let within: Vec<Group> = groups()
                .filter(|group| members(group) & !set == 0)
                .collect();
            let joined = within.iter().fold(0, |all, group| all | members(group));
            assert_eq!(joined, set);
        }
    }
}
