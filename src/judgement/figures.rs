//! Figures over groups of customers (P2): which groups of an answer are large enough to leave, and whether
//! the total beside them, or what was told before, would give a smaller one away.
//!
//! A group leaves whole or not at all. It is held back where it is about fewer customers than the promises
//! say, where two groups have the same name, and where it differs from what was released before for the
//! same question by fewer customers than a group must have: the difference would be about those few. The
//! total leaves where every group of the answer does, and the customers beyond all groups are none or enough.
//!
//! Not seen here: two answers to the same question whose groups are of the same size and not of the same
//! people. What the groups are called is kept as a digest.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;

use crate::catalogue::{FieldRole, Shape};
use crate::filter::{Scanned, Subtree};

/// What a group is called: a digest of what the answer says of it beside figures.
pub type Label = [u8; 32];

/// The label under which the total is kept.
pub const TOTAL: Label = [0; 32];

/// The sizes that were released before for the same question, by label.
pub type Earlier = BTreeMap<Label, BTreeSet<u64>>;

/// The groups of an answer.
#[derive(Clone, Debug)]
pub struct Figures {
    /// By the place of their records.
    groups: Vec<Group>,
    total: Group,
}

#[derive(Clone, Debug)]
struct Group {
    label: Label,
    /// How many customers; nothing where the answer does not say.
    size: Option<u64>,
    held_back: bool,
}

/// What of an answer's figures leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Each group, by the place of its record.
    pub groups: Vec<bool>,
    /// Figures outside of groups.
    pub total: bool,
}

impl Figures {
    /// Of an answer that has been read; nothing where it is no answer of figures.
    pub fn of(shape: &Shape, scanned: &Scanned<'_>) -> Option<Self> {
        if !shape.fields.iter().any(|field| field.figure) {
            return None;
        }
        let records = scanned.records().iter().zip(scanned.subtrees());
        let groups = records.map(|(record, subtree)| Group {
            label: label(shape, scanned, subtree),
            size: record.size(),
            held_back: false,
        });
        let mut figures = Self {
            groups: groups.collect(),
            total: Group {
                label: TOTAL,
                size: scanned.envelope().size(),
                held_back: false,
            },
        };
        figures.hold_back_namesakes();
        Some(figures)
    }

    /// Nobody could say which of them was released before.
    fn hold_back_namesakes(&mut self) {
        let mut seen: BTreeMap<Label, u32> = BTreeMap::new();
        for group in &self.groups {
            *seen.entry(group.label).or_default() += 1;
        }
        for group in &mut self.groups {
            group.held_back |= seen.get(&group.label).is_some_and(|count| *count > 1);
        }
    }

    /// Holds back what would differ from `earlier` by fewer than `smallest` customers. Where a group
    /// released before is gone, one that is new may be the same under another name.
    pub fn compare(&mut self, earlier: &Earlier, smallest: u32) {
        let now: BTreeSet<Label> = self.groups.iter().map(|group| group.label).collect();
        let before = earlier.keys().filter(|label| **label != TOTAL);
        let gone = before.into_iter().any(|label| !now.contains(label));
        let smallest = u64::from(smallest);
        let differs = |group: &Group, sizes: &BTreeSet<u64>| {
            let size = group.size.unwrap_or_default();
            let mut apart = sizes.iter().map(|before| size.abs_diff(*before));
            apart.any(|apart| apart > 0 && apart < smallest)
        };
        for group in self.groups.iter_mut().chain([&mut self.total]) {
            group.held_back |= match earlier.get(&group.label) {
                Some(sizes) => differs(group, sizes),
                None => gone && group.label != TOTAL,
            };
        }
    }

    /// What leaves where a group is at least `smallest` customers; nothing where no rule says how many.
    pub fn leaving(&self, smallest: Option<u32>) -> Leaving {
        let Some(smallest) = smallest.map(u64::from) else {
            return Leaving {
                groups: vec![false; self.groups.len()],
                total: false,
            };
        };
        let leaves =
            |group: &Group| !group.held_back && group.size.is_some_and(|size| size >= smallest);
        let groups: Vec<bool> = self.groups.iter().map(leaves).collect();
        let sizes = self.groups.iter().filter_map(|group| group.size);
        let grouped = sizes.fold(0, u64::saturating_add);
        let beyond = self.total.size.unwrap_or_default().saturating_sub(grouped);
        let nobody_left_over = beyond == 0 || beyond >= smallest;
        let all = groups.iter().all(|leaves| *leaves);
        Leaving {
            total: leaves(&self.total) && all && nobody_left_over,
            groups,
        }
    }

    /// Label and size of everything that leaves.
    pub fn released(&self, smallest: Option<u32>) -> Vec<(Label, u64)> {
        let leaving = self.leaving(smallest);
        let leaves = leaving.groups.into_iter().chain([leaving.total]);
        let all = self.groups.iter().chain([&self.total]).zip(leaves);
        all.filter(|(_, leaves)| *leaves)
            .filter_map(|(group, _)| Some((group.label, group.size?)))
            .collect()
    }
}

fn label(shape: &Shape, scanned: &Scanned<'_>, subtree: Subtree) -> Label {
    let mut told: Vec<_> = scanned
        .values(subtree)
        .filter(|(field, _)| {
            let field = shape.fields.get(usize::from(field.0));
            field.is_some_and(|field| !field.is_personal() && field.role != FieldRole::GroupSize)
        })
        .collect();
    told.sort_by_key(|(field, _)| *field);
    let mut context = digest::Context::new(&digest::SHA256);
    for (field, value) in told {
        context.update(&field.0.to_be_bytes());
        // Length first, so that no two groups give the same bytes.
        context.update(&(value.len() as u64).to_be_bytes());
        context.update(value.as_bytes());
    }
    let mut label = TOTAL;
    label.copy_from_slice(context.finish().as_ref());
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(groups: &[(u8, u64)], total: Option<u64>) -> Figures {
        let group = |(name, size): &(u8, u64)| Group {
            label: [*name; 32],
            size: Some(*size),
            held_back: false,
        };
        let mut figures = Figures {
            groups: groups.iter().map(group).collect(),
            total: Group {
                label: TOTAL,
                size: total,
                held_back: false,
            },
        };
        figures.hold_back_namesakes();
        figures
    }

    fn leaving(figures: &Figures) -> (Vec<bool>, bool) {
        let leaving = figures.leaving(Some(50));
        (leaving.groups, leaving.total)
    }

    #[test]
    fn a_group_leaves_from_the_smallest_size_on_and_the_total_only_where_all_do() {
        let all = figures(&[(1, 50), (2, 70)], Some(120));
        assert_eq!(leaving(&all), (vec![true, true], true));
        let one_small = figures(&[(1, 49), (2, 70)], Some(119));
        assert_eq!(leaving(&one_small), (vec![false, true], false));
        let two_small = figures(&[(1, 30), (2, 70), (3, 40)], Some(140));
        assert_eq!(leaving(&two_small), (vec![false, true, false], false));
        let unlisted = figures(&[(1, 50), (2, 70)], Some(123));
        assert_eq!(leaving(&unlisted), (vec![true, true], false));
        let unsaid = figures(&[(1, 50)], None);
        assert_eq!(leaving(&unsaid), (vec![true], false));
        assert_eq!(all.leaving(None).groups, [false, false]);
        assert!(!all.leaving(None).total);
    }

    #[test]
    fn namesakes_and_what_differs_by_a_few_stay_inside() {
        let namesakes = figures(&[(1, 50), (1, 70), (2, 60)], None);
        assert_eq!(leaving(&namesakes).0, [false, false, true]);
        let earlier = Earlier::from([
            ([1; 32], BTreeSet::from([60, 200])),
            (TOTAL, BTreeSet::from([130])),
        ]);
        for (size, total, group_leaves, total_leaves) in [
            (60, 130, true, true),
            (61, 131, false, false),
            (109, 179, false, false),
            (110, 180, true, true),
            (151, 221, false, false),
            (200, 131, true, false),
        ] {
            let mut now = figures(&[(1, size), (2, 70)], Some(total));
            now.compare(&earlier, 50);
            let expected = (vec![group_leaves, true], total_leaves);
            assert_eq!(leaving(&now), expected, "{size} {total}");
        }
        // Under another name it could be the same group, one customer larger.
        let mut renamed = figures(&[(3, 61), (2, 70)], None);
        renamed.compare(&earlier, 50);
        assert_eq!(leaving(&renamed).0, [false, false]);
    }
}
