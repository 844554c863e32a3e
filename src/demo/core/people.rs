//! Invented people: names, organisations and addresses from small lists, put together by a generator
//! that gives the same people every time. Nobody here exists: mail domains end in `.example`
//! (RFC 2606), telephone numbers are 555-01xx, addresses of the Internet are those set aside for
//! documentation (RFC 5737).

use serde::{Deserialize, Serialize};

/// A postal address in the United States' form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Number and street.
    pub street: String,
    /// City.
    pub city: String,
    /// Two capital letters.
    pub state: String,
    /// Five digits, perhaps with four more.
    pub postal_code: String,
    /// Two capital letters.
    pub country: String,
}

impl Address {
    /// On one line, as it stands in the book of customers.
    pub fn line(&self) -> String {
        let Self {
            street,
            city,
            state,
            postal_code,
            country,
        } = self;
        format!("{street}, {city}, {state} {postal_code}, {country}")
    }
}

/// Someone with a name and an address.
pub(super) struct Person {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) organization: Option<String>,
    pub(super) address: Address,
    pub(super) area_code: u16,
}

impl Person {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// A stream of numbers that is the same for the same seed (the mixing function of SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound`, without `bound` itself; 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let remainder = self
            .next()
            .checked_rem(u64::from(bound))
            .unwrap_or_default();
        u32::try_from(remainder).unwrap_or_default()
    }

    /// One of these.
    pub(super) fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let bound = u32::try_from(from.len()).unwrap_or_default();
        let index = usize::try_from(self.below(bound)).unwrap_or_default();
        from.get(index).copied().unwrap_or_default()
    }

    /// The next person.
    pub(super) fn person(&mut self) -> Person {
        let (first, last) = (self.pick(&FIRST_NAMES), self.pick(&LAST_NAMES));
        let place = self.pick(&PLACES);
        let organization = (self.below(3) > 0)
            .then(|| format!("{last} {} {}", self.pick(&TRADES), self.pick(&COMPANIES)));
        let extension = if self.below(4) == 0 {
            format!("-{:04}", 1000 + self.below(9000))
        } else {
            String::new()
        };
        let address = Address {
            street: format!(
                "{} {} {}",
                100 + self.below(9800),
                self.pick(&STREETS),
                self.pick(&WAYS)
            ),
            city: place.city.to_owned(),
            state: place.state.to_owned(),
            postal_code: format!("{}{:02}{extension}", place.postal_prefix, self.below(100)),
            country: "US".to_owned(),
        };
        Person {
            first,
            last,
            organization,
            address,
            area_code: place.area_code,
        }
    }

    /// An Internet address from one of the three blocks for documentation.
    pub(super) fn internet_address(&mut self) -> String {
        let block = self.pick(&["192.0.2", "198.51.100", "203.0.113"]);
        format!("{block}.{}", 1 + self.below(254))
    }
}

#[derive(Clone, Copy, Default)]
struct City {
    city: &'static str,
    state: &'static str,
    postal_prefix: &'static str,
    area_code: u16,
}

const fn city(
    city: &'static str,
    state: &'static str,
    postal_prefix: &'static str,
    area_code: u16,
) -> City {
    City {
        city,
        state,
        postal_prefix,
        area_code,
    }
}

const PLACES: [City; 16] = [
    city("Port Ellery", "WA", "981", 206),
    city("Maple Landing", "OR", "972", 503),
    city("Saint Orlan", "MN", "551", 651),
    city("Cedar Quay", "ME", "041", 207),
    city("Harrow Falls", "NY", "146", 585),
    city("New Tamsin", "OH", "441", 216),
    city("Bright Hollow", "VT", "054", 802),
    city("Los Alisos", "NM", "871", 505),
    city("Fort Linden", "TX", "787", 512),
    city("Gull Harbor", "MA", "021", 617),
    city("Stillwell", "CO", "802", 303),
    city("Pine Crossing", "MT", "598", 406),
    city("East Marrow", "GA", "303", 404),
    city("Copper Bend", "AZ", "857", 520),
    city("Dunmore Lake", "MI", "482", 313),
    city("Winter Cove", "NC", "276", 919),
];

const FIRST_NAMES: [&str; 32] = [
    "Ada", "Amara", "Anselm", "Beatriz", "Bram", "Carys", "Chidi", "Corin", "Dalia", "Edwin",
    "Elif", "Farid", "Greta", "Hana", "Idris", "Ines", "Jonas", "Kavya", "Lars", "Leona", "Malik",
    "Mirela", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Soren", "Tamar", "Uma", "Viktor",
    "Yara",
];

const LAST_NAMES: [&str; 40] = [
    "Abernale",
    "Ashgrove",
    "Bellwick",
    "Brandreth",
    "Calloran",
    "Cortwell",
    "Dunmarsh",
    "Eastlake",
    "Fairholt",
    "Fenwright",
    "Garrowby",
    "Goldmere",
    "Hartnell",
    "Hollinsby",
    "Ivarsen",
    "Jessamy",
    "Kestrand",
    "Kingswell",
    "Larkmoor",
    "Lindqvale",
    "Marchbank",
    "Merriden",
    "Northgale",
    "Oakhurst",
    "Orrisdale",
    "Pellworth",
    "Quillfeather",
    "Ravensby",
    "Rookwood",
    "Silverton",
    "Standish",
    "Tarrowby",
    "Thornquist",
    "Underhay",
    "Valemont",
    "Wexcombe",
    "Whitlock",
    "Winterby",
    "Yarrowdale",
    "Zellander",
];

const TRADES: [&str; 12] = [
    "Bakery",
    "Bicycle",
    "Books",
    "Dental",
    "Flooring",
    "Garden",
    "Insurance",
    "Legal",
    "Marine",
    "Realty",
    "Roofing",
    "Veterinary",
];

const COMPANIES: [&str; 4] = ["Co.", "LLC", "Partners", "& Daughters"];

const STREETS: [&str; 24] = [
    "Alder",
    "Birchfield",
    "Brookside",
    "Canal",
    "Chandler",
    "Clover",
    "Cooper",
    "Dock",
    "Elmgrove",
    "Ferry",
    "Foundry",
    "Granary",
    "Harvest",
    "Juniper",
    "Kiln",
    "Larkspur",
    "Lantern",
    "Meadow",
    "Millrace",
    "Orchard",
    "Quarry",
    "Saddler",
    "Thistle",
    "Weaver",
];

const WAYS: [&str; 6] = ["Avenue", "Court", "Lane", "Road", "Street", "Way"];
