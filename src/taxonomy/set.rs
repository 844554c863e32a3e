//! A set of data categories, as consents name them.

use super::{CATEGORY_COUNT, Category};

/// A set of data categories, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CategorySet(u128);

const _: () = assert!(CATEGORY_COUNT <= 128, "one bit for each category");

impl CategorySet {
    /// No category.
    pub const NONE: Self = Self(0);

    /// Adds a category and all that lie below it.
    pub fn insert(&mut self, category: Category) {
        let within = Category::all().filter(|below| below.is_within(category));
        self.0 |= within.fold(0, |bits, below| bits | 1 << below.index());
    }

    /// Whether the category is in the set.
    pub fn contains(self, category: Category) -> bool {
        self.0 & (1 << category.index()) != 0
    }

    /// What either set holds.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The categories, in order of their keys.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::all().filter(move |category| self.contains(*category))
    }
}

impl FromIterator<Category> for CategorySet {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        let mut set = Self::NONE;
        categories
            .into_iter()
            .for_each(|category| set.insert(category));
        set
    }
}
