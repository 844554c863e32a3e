//! Entries as a gateway makes them: a customer's record, or a page of several; read for the first time, or,
//! as is usual where bulk export is refused, again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use covenant::clock::Clock;
use covenant::entry::{Disclosure, Entry, Event, Recipient, RequestFacts, SubjectGroup};
use covenant::ledger::{Ledger, Options, Signer};
use covenant::terms::{CustomerRef, RequestId};
use jiff::{SignedDuration, Timestamp};

use super::Failure;

const ORIGIN: &str = "covenant.example/bench";

/// Numbers that look random, the same in every run (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// What a customer is called in the ledger: 128 bits that tell nothing, as the Registry draws them.
pub(crate) fn customer(number: u64) -> CustomerRef {
    let mut dice = Dice(number);
    let bits = (u128::from(dice.next()) << 64) | u128::from(dice.next());
    CustomerRef::from_bytes(bits.to_be_bytes())
}

/// What is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    /// Requests in a hundred that read a page.
    pub(crate) pages_percent: u64,
    /// Customers on a page.
    pub(crate) page_customers: u64,
    /// Customers of whom one is read that was read before, in a hundred.
    pub(crate) again_percent: u64,
    /// All customers there are.
    pub(crate) customers: u64,
    /// Requests a second, by the times in the entries.
    pub(crate) requests_per_second: u32,
}

/// One entry after another.
#[derive(Debug)]
pub(crate) struct Load {
    mix: Mix,
    dice: Dice,
    time: Timestamp,
    /// Customers that were read so far: those before this number.
    known: u64,
}

impl Load {
    pub(crate) fn new(mix: Mix) -> Self {
        Self {
            mix,
            dice: Dice(7),
            time: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000),
            known: 0,
        }
    }

    /// A customer: read again, or the next that was never read.
    fn whom(&mut self) -> u64 {
        let again = self.dice.below(100) < self.mix.again_percent;
        if self.known == self.mix.customers || (again && self.known > 0) {
            return self.dice.below(self.known);
        }
        self.known += 1;
        self.known - 1
    }

    pub(crate) fn next(&mut self) -> Result<Entry, Failure> {
        let is_page = self.dice.below(100) < self.mix.pages_percent;
        let count = if is_page { self.mix.page_customers } else { 1 };
        let references = (0..count).map(|_| customer(self.whom()).to_string());
        let subject = SubjectGroup {
            subject: "customer".to_owned(),
            basis: "service".to_owned(),
            basis_reference: None,
            circumstances: vec!["own".to_owned()],
            categories: BTreeMap::from([("user.name".to_owned(), "clear".to_owned())]),
            records: Some(u32::try_from(count)?),
            references: references.collect(),
        };
        self.time +=
            SignedDuration::from_nanos(1_000_000_000 / i64::from(self.mix.requests_per_second));
        let operation = if is_page {
            "listCustomers"
        } else {
            "getCustomer"
        };
        let partner = match self.dice.below(3) {
            0 => "acme",
            1 => "bluebird",
            _ => "acme-west",
        };
        let request = RequestFacts {
            request_id: RequestId::new(self.time).to_string(),
            recipient: Some(Recipient::Partner {
                id: partner.to_owned(),
                parent: None,
            }),
            certificate: Some("bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2".to_owned()),
            operation: Some(operation.to_owned()),
            purpose: Some("essential.service".to_owned()),
            policy: Some("2026-11-22.3f9c".to_owned()),
            ..RequestFacts::default()
        };
        let event = Event::Disclosure(Disclosure {
            request,
            decision: "allow".to_owned(),
            rules: vec!["service-own-customers".to_owned()],
            status: 200,
            subjects: vec![subject],
            withheld: Vec::new(),
            created: None,
            part: None,
            answer_sha256: Some("0".repeat(64)),
        });
        Ok(Entry::new(self.time, event)?)
    }
}

/// An empty ledger.
pub(crate) fn ledger(directory: &Path) -> Result<Ledger, Failure> {
    let signer = Signer::generate(ORIGIN)?;
    let (ledger, _) = Ledger::open(&Options::new(directory, ORIGIN), signer, &Clock::system())?;
    Ok(ledger)
}

/// Bytes of all files in a folder, without those in folders of it.
pub(crate) fn bytes_in(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for file in fs::read_dir(folder)? {
        let known = file?.metadata()?;
        bytes += if known.is_file() { known.len() } else { 0 };
    }
    Ok(bytes)
}
