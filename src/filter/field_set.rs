//! A set of fields of one shape. Almost every shape has fewer than 128, so almost every set is two
//! words on the stack, beside the place of others.

use crate::catalogue::FieldId;

/// A set of [`FieldId`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Fields 0 to 127.
    first: [u64; 2],
    /// The others, 64 to a word, without trailing zero words.
    others: Box<[u64]>,
}

impl FieldSet {
    /// Adds one.
    #[inline]
    pub fn insert(&mut self, field: FieldId) {
        match self.first.get_mut(usize::from(field.0 / 64)) {
            Some(word) => *word |= 1 << (field.0 % 64),
            None => self.insert_other(usize::from(field.0) - 128),
        }
    }

    fn insert_other(&mut self, place: usize) {
        if self.others.len() <= place / 64 {
            let mut others = std::mem::take(&mut self.others).into_vec();
            others.resize(place / 64 + 1, 0);
            self.others = others.into();
        }
        if let Some(word) = self.others.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    /// Whether `field` is in the set.
    #[inline]
    pub fn contains(&self, field: FieldId) -> bool {
        match self.first.get(usize::from(field.0 / 64)) {
            Some(word) => word >> (field.0 % 64) & 1 == 1,
            None => {
                let place = usize::from(field.0) - 128;
                let word = self.others.get(place / 64).copied().unwrap_or_default();
                word >> (place % 64) & 1 == 1
            }
        }
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        self.first == [0; 2] && self.others.is_empty()
    }

    /// Whether any of its members is in `other` too.
    #[inline]
    pub fn meets(&self, other: &Self) -> bool {
        let [low, high] = self.first;
        let [other_low, other_high] = other.first;
        let mut others = self.others.iter().zip(&other.others);
        low & other_low != 0
            || high & other_high != 0
            || others.any(|(one, other)| one & other != 0)
    }

    /// Its members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = FieldId> {
        let every = (0..=u16::MAX).take(128 + 64 * self.others.len());
        every.map(FieldId).filter(|field| self.contains(*field))
    }

    /// Adds every member of `other`.
    pub fn extend(&mut self, other: &Self) {
        let words = self.first.iter_mut().zip(other.first);
        words.for_each(|(word, other)| *word |= other);
        other
            .iter()
            .skip_while(|field| field.0 < 128)
            .for_each(|field| self.insert(field));
    }

    /// Those that are in `other` (first) and those that are not (second).
    pub fn split(&self, other: &Self) -> (Self, Self) {
        let [low, high] = self.first;
        let [other_low, other_high] = other.first;
        let mut within = Self {
            first: [low & other_low, high & other_high],
            others: Box::default(),
        };
        let mut outside = Self {
            first: [low & !other_low, high & !other_high],
            others: Box::default(),
        };
        if !self.others.is_empty() {
            for field in self.iter().skip_while(|field| field.0 < 128) {
                if other.contains(field) {
                    within.insert(field);
                } else {
                    outside.insert(field);
                }
            }
        }
        (within, outside)
    }
}

impl FromIterator<FieldId> for FieldSet {
    fn from_iter<I: IntoIterator<Item = FieldId>>(fields: I) -> Self {
        let mut set = Self::default();
        fields.into_iter().for_each(|field| set.insert(field));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_sets_behave_alike() {
        for shift in [0, 100, 120, 1000] {
            let set = |ids: &[u16]| {
                ids.iter()
                    .map(|id| FieldId(id + shift))
                    .collect::<FieldSet>()
            };
            let (within, outside) = set(&[0, 3, 27, 64]).split(&set(&[3, 64, 65]));
            assert_eq!((within, outside), (set(&[3, 64]), set(&[0, 27])));
            assert!(set(&[3, 64]).meets(&set(&[0, 64])));
            assert!(!set(&[3, 64]).meets(&set(&[0, 65])));
            let mut union = set(&[1]);
            union.extend(&set(&[27]));
            assert_eq!(
                union
                    .iter()
                    .map(|field| field.0 - shift)
                    .collect::<Vec<_>>(),
                [1, 27]
            );
            assert!(union.contains(FieldId(shift + 27)) && !union.contains(FieldId(shift + 28)));
        }
        assert!(FieldSet::default().is_empty());
    }
}
