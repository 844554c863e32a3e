//! What a decision depends on beside partner, purpose and operation: the four answers about one
//! customer, and whether the partner is in good standing. Finite on purpose: every decision can be
//! computed beforehand.

use crate::taxonomy::Purpose;
use crate::terms::Basis;

/// What is known about one customer and the calling partner. All false is the right answer where
/// nothing is known, and for what belongs to no customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Circumstances {
    /// The customer is the calling partner's own, by the book of customers (P5).
    pub own: bool,
    /// The customer consented to this partner and purpose, and the consent is on record (P5).
    pub consented: bool,
    /// An agreement with the customer covers this partner and purpose (P15).
    pub agreement: bool,
    /// An approved release order covers the customer (P6).
    pub order: bool,
}

impl Circumstances {
    /// How many there are: the length of every table indexed by [`Circumstances::index`].
    pub const COUNT: usize = 16;

    /// One word for each, in order.
    pub const WORDS: [&'static str; 4] = ["own", "consented", "agreement", "order"];

    /// Of the partner's own customer, with nothing else on record.
    pub const OWN: Self = Self {
        own: true,
        consented: false,
        agreement: false,
        order: false,
    };

    /// Its place in a table of [`Circumstances::COUNT`] members.
    pub fn index(self) -> usize {
        usize::from(self.own)
            | usize::from(self.consented) << 1
            | usize::from(self.agreement) << 2
            | usize::from(self.order) << 3
    }

    /// All of them, in order of their index.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(|index| Self {
            own: index & 1 != 0,
            consented: index & 2 != 0,
            agreement: index & 4 != 0,
            order: index & 8 != 0,
        })
    }

    /// What of it is known before the core is asked: whose customer the request names, if it names
    /// one, and an order. Consent and agreements are looked up for what the answer shows.
    #[must_use]
    pub fn beforehand(self, names_customer: bool) -> Self {
        Self {
            own: self.own && names_customer,
            order: self.order,
            ..Self::default()
        }
    }

    /// Which of them hold, in the order of [`Circumstances::WORDS`].
    pub fn held(self) -> [bool; 4] {
        [self.own, self.consented, self.agreement, self.order]
    }

    /// What holds, in the words of cases and entries: `own`, `consented`, `agreement`, `order`.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let all = Self::WORDS.into_iter().zip(self.held());
        all.filter_map(|(word, holds)| holds.then_some(word))
    }

    /// From the words of what holds; `None` when one is not one of [`Circumstances::WORDS`].
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut circumstances = Self::default();
        for word in words {
            match word {
                "own" => circumstances.own = true,
                "consented" => circumstances.consented = true,
                "agreement" => circumstances.agreement = true,
                "order" => circumstances.order = true,
                _ => return None,
            }
        }
        Some(circumstances)
    }

    /// The basis on which something about such a customer is disclosed for `purpose`. Where several
    /// hold, the one that explains the disclosure best: an order for legal process, the customer's
    /// own request, the service to the partner's own customer, then what the customer agreed to.
    pub fn basis(self, purpose: Purpose) -> Basis {
        let key = purpose.key();
        if self.order && key.starts_with("third_party_sharing.") {
            Basis::LegalProcess
        } else if key == "essential.legal_obligation" {
            Basis::CustomerRequest
        } else if self.own {
            Basis::Service
        } else if self.consented {
            Basis::Consent
        } else if self.agreement {
            Basis::CustomerAgreement
        } else if self.order {
            Basis::LegalProcess
        } else {
            Basis::Service
        }
    }
}

/// Whether a partner may ask at all (P7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Its contract is in force.
    Good,
    /// It is suspended.
    Suspended,
}

impl Standing {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Good, Self::Suspended];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_has_an_index_of_its_own() {
        for (index, circumstances) in Circumstances::all().enumerate() {
            assert_eq!(circumstances.index(), index);
            assert_eq!(
                Circumstances::from_words(circumstances.words()),
                Some(circumstances)
            );
        }
        assert_eq!(Circumstances::default().index(), 0);
        assert_eq!(Circumstances::OWN.index(), 1);
        assert_eq!(Circumstances::from_words(["own", "ordered"]), None);
    }

    #[test]
    fn an_order_is_the_basis_only_where_nothing_nearer_holds() {
        let service = Purpose::parse("essential.service").unwrap();
        let legal = Purpose::parse("third_party_sharing.legal_obligation").unwrap();
        let own_under_order = Circumstances {
            order: true,
            ..Circumstances::OWN
        };
        assert_eq!(own_under_order.basis(service), Basis::Service);
        assert_eq!(own_under_order.basis(legal), Basis::LegalProcess);
    }
}
