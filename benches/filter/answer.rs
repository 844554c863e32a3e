//! Answers as a mailing service gives them: a list of customers with their addresses and jobs.

use serde_json::{Value, json};

const FIRST_NAMES: [&str; 8] = [
    "Ada", "Grace", "Édith", "Tomás", "Noor", "Priya", "Jun", "Inés",
];
const LAST_NAMES: [&str; 8] = [
    "Lovelace", "Hopper", "Müller", "Okafor", "Nguyễn", "Ivanova", "García", "O'Brien",
];
const CITIES: [&str; 4] = ["Arlington", "Köln", "Fresno", "Albany"];

/// An answer with so many customers, compact as services write it: about 500 bytes for each. The same
/// in every run.
pub(crate) fn answer(records: usize) -> serde_json::Result<Vec<u8>> {
    let mut random = Random(7);
    let data: Vec<_> = (0..records).map(|at| customer(at, &mut random)).collect();
    let list = json!({"object": "list", "data": data, "next": "cus_00000025", "total": 10_000});
    serde_json::to_vec(&list)
}

fn customer(number: usize, random: &mut Random) -> Value {
    let (first, last) = (random.pick(&FIRST_NAMES), random.pick(&LAST_NAMES));
    let email = format!("{first}.{last}{number}@example.com").to_lowercase();
    let email = email.replace(
        |character: char| !character.is_ascii() || character == '\'',
        "",
    );
    let phone = format!(
        "+1-555-0{:02}-{:04}",
        random.below(100),
        random.below(10_000)
    );
    let street = random.pick(&LAST_NAMES);
    let line2 = random.pick(&[None, Some("Apt 4"), Some("Suite 210")]);
    json!({
        "id": format!("cus_{number:08}"),
        "name": format!("{first} {last}"),
        "email": email,
        "phone": phone,
        "address": {
            "line1": format!("{} {street} Street", 1 + random.below(9_999)),
            "line2": line2,
            "city": random.pick(&CITIES),
            "state": random.pick(&["VA", "CA", "NY"]),
            "postcode": format!("{}", 10_000 + random.below(90_000)),
            "country": "US",
            "verified": random.below(10) > 0,
        },
        "jobs": [job(random), job(random)],
        "note": "Leave at the front desk — ring \"twice\"",
        "activity": {"last_seen": "2026-05-01T12:00:00Z"},
        "created": "2025-11-03T09:15:00Z",
    })
}

/// Its cost is never a whole number: another reader would write that as an integer.
fn job(random: &mut Random) -> Value {
    let cents = 1 + 2 * random.below(45_000);
    json!({
        "job_id": format!("job_{}", random.below(1_000_000_000)),
        "pieces": 1 + random.below(5_000),
        "cost": cents as f64 / 100.0,
    })
}

/// Steele, Lea and Flood's SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T: Copy + Default>(&mut self, among: &[T]) -> T {
        let place = self.below(among.len() as u64) as usize;
        among.get(place).copied().unwrap_or_default()
    }
}
