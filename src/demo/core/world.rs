//! Everything the demo company knows: its customers, whose customers they are, and what they mail.
//! Made anew, and the same, each time; nothing is read from or kept on a disk.

use serde::Serialize;

use super::answer::pdf;
use super::people::{Address, Dice};

/// How many customers each partner has; the rest are the company's own.
const PARTNERS: [(Option<&str>, usize); 4] = [
    (Some("acme"), 960),
    (Some("bluebird"), 640),
    (Some("crest"), 540),
    (None, 60),
];
const SEED: u64 = 0x4841_5242_4F55_5221;
/// When the invented history begins, as a UNIX time in seconds: 2026-01-01T00:00:00Z.
const HISTORY_BEGINS_SECONDS: i64 = 1_767_225_600;
const SECONDS_BETWEEN_EVENTS: i64 = 7_919;
/// Every this-many-th customer looked at a page that few look at.
const RARE_PAGE_EVERY: usize = 100;
/// Every this-many-th customer is a canary.
const CANARY_EVERY: usize = 97;

/// A customer, with the members and in the order of the core's JSON.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the members are described by the service's OpenAPI document"
)]
pub struct Customer {
    pub id: String,
    pub partner_id: Option<String>,
    pub name: String,
    pub organization: Option<String>,
    pub email: String,
    pub phone: Option<String>,
    pub address: Address,
    pub created_at: String,
    pub status: &'static str,
    pub balance_cents: i64,
    pub last_seen_ip: Option<String>,
    pub support_notes: Option<String>,
}

/// A mailing job.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the members are described by the service's OpenAPI document"
)]
pub struct Job {
    pub id: String,
    pub customer_id: String,
    pub status: &'static str,
    pub use_type: UseType,
    pub mail_class: MailClass,
    pub document_id: String,
    pub address_list_id: String,
    pub pieces: usize,
    pub price_cents: usize,
    pub created_at: String,
}

/// What a customer says a document, list or job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseType {
    /// Bills, notices, whatever was asked for.
    Operational,
    /// Advertising.
    Marketing,
}

/// How fast the mail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum MailClass {
    FirstClass,
    #[default]
    Standard,
}

/// Someone on a customer's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the members are described by the service's OpenAPI document"
)]
pub struct Recipient {
    pub name: String,
    pub organization: Option<String>,
    pub address: Address,
}

/// A customer's list of people to write to.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the members are described by the service's OpenAPI document"
)]
pub struct AddressList {
    pub id: String,
    pub customer_id: String,
    pub name: String,
    pub recipient_count: usize,
    pub use_type: UseType,
    pub created_at: String,
    #[serde(skip)]
    pub recipients: Vec<Recipient>,
}

/// A customer's document; its bytes are drawn from `text` when they are asked for.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the members are described by the service's OpenAPI document"
)]
pub struct Document {
    pub id: String,
    pub customer_id: String,
    pub use_type: UseType,
    pub byte_count: usize,
    pub created_at: String,
    #[serde(skip)]
    pub content: DocumentContent,
}

/// Where a document's bytes come from.
#[derive(Clone, Debug)]
pub enum DocumentContent {
    /// One line of text, set as a PDF page when it is asked for.
    Line(String),
    /// As uploaded.
    Bytes(bytes::Bytes),
}

/// A signed-in customer's visit to the web site.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the members are described by the service's OpenAPI document"
)]
pub struct PageView {
    pub id: String,
    pub customer_id: String,
    pub page: &'static str,
    pub referrer: Option<&'static str>,
    pub ip_address: String,
    pub user_agent: &'static str,
    pub viewed_at: String,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) customers: Vec<Customer>,
    pub(super) jobs: Vec<Job>,
    pub(super) lists: Vec<AddressList>,
    pub(super) documents: Vec<Document>,
    pub(super) page_views: Vec<PageView>,
}

impl World {
    /// Two thousand two hundred customers, each with a list, a document and one or two jobs; the
    /// same at every call. `cus_000001` is acme's, and `job_000001`, `list_000001` and `doc_000001`
    /// are `cus_000001`'s.
    pub fn invent() -> Self {
        let mut dice = Dice::new(SEED);
        let mut world = Self {
            customers: Vec::new(),
            jobs: Vec::new(),
            lists: Vec::new(),
            documents: Vec::new(),
            page_views: Vec::new(),
        };
        for partner in shuffled_partners(&mut dice) {
            world.invent_customer(partner, &mut dice);
        }
        world
    }

    /// Every customer, in order of id.
    pub fn customers(&self) -> &[Customer] {
        &self.customers
    }

    /// Every job, in order of id.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// The customers of one partner, in order of id; with `None` the company's own.
    pub fn customers_of<'a>(
        &'a self,
        partner: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Customer> {
        let theirs = move |customer: &&Customer| customer.partner_id.as_deref() == partner;
        self.customers.iter().filter(theirs)
    }

    /// Texts that point at one person: e-mail addresses, telephones, streets, names, and what stands
    /// on a list. Where one of them turns up in a log, a metric or a refusal, something leaked.
    pub fn canaries(&self) -> Vec<String> {
        let mut canaries = Vec::new();
        let chosen = self.customers.iter().zip(&self.lists).step_by(CANARY_EVERY);
        for (customer, list) in chosen {
            canaries.extend([
                customer.email.clone(),
                customer.name.clone(),
                customer.address.street.clone(),
            ]);
            canaries.extend(customer.phone.clone());
            canaries.extend(customer.last_seen_ip.clone());
            canaries.extend(list.recipients.iter().map(|to| to.address.street.clone()));
        }
        canaries.sort();
        canaries.dedup();
        canaries
    }

    fn invent_customer(&mut self, partner: Option<&'static str>, dice: &mut Dice) {
        let number = self.customers.len() + 1;
        let person = dice.person();
        let mail_domain = match &person.organization {
            Some(_) => format!("{}.example", person.last.to_lowercase()),
            None => "letterbox.example".to_owned(),
        };
        let customer = Customer {
            id: format!("cus_{number:06}"),
            partner_id: partner.map(str::to_owned),
            name: person.name(),
            organization: person.organization.clone(),
            email: format!("{}.{number}@{mail_domain}", person.first.to_lowercase()),
            phone: (dice.below(10) > 0)
                .then(|| format!("+1-{}-555-01{:02}", person.area_code, dice.below(100))),
            address: person.address,
            created_at: moment(number),
            status: if dice.below(20) == 0 {
                "paused"
            } else {
                "active"
            },
            balance_cents: i64::from(dice.below(90_000)),
            last_seen_ip: (dice.below(5) > 0).then(|| dice.internet_address()),
            support_notes: (dice.below(8) == 0)
                .then(|| format!("Called {}'s neighbour about the door code", person.first)),
        };
        self.invent_mailings(&customer.id, dice);
        let page = dice.pick(&["/pricing", "/orders", "/help/returns"]);
        self.page_views.push(PageView {
            id: format!("view_{number:06}"),
            customer_id: customer.id.clone(),
            page: if number.is_multiple_of(RARE_PAGE_EVERY) {
                "/help/large-print"
            } else {
                page
            },
            referrer: (dice.below(2) == 0).then_some("https://search.example/?q=printing"),
            ip_address: dice.internet_address(),
            user_agent: "Mozilla/5.0 (Invented; rv:1.0)",
            viewed_at: moment(number),
        });
        self.customers.push(customer);
    }

    fn invent_mailings(&mut self, customer_id: &str, dice: &mut Dice) {
        let number = self.lists.len() + 1;
        let use_type = if dice.below(4) == 0 {
            UseType::Marketing
        } else {
            UseType::Operational
        };
        let recipients: Vec<Recipient> = (0..3 + dice.below(4)).map(|_| recipient(dice)).collect();
        let line = format!("Private letter {number} of {customer_id}");
        self.documents.push(Document {
            id: format!("doc_{number:06}"),
            customer_id: customer_id.to_owned(),
            use_type,
            byte_count: pdf(&line).len(),
            created_at: moment(number),
            content: DocumentContent::Line(line),
        });
        for _ in 0..1 + dice.below(2) {
            let job = self.jobs.len() + 1;
            self.jobs.push(Job {
                id: format!("job_{job:06}"),
                customer_id: customer_id.to_owned(),
                status: if dice.below(3) == 0 {
                    "submitted"
                } else {
                    "mailed"
                },
                use_type,
                mail_class: MailClass::Standard,
                document_id: format!("doc_{number:06}"),
                address_list_id: format!("list_{number:06}"),
                pieces: recipients.len(),
                price_cents: recipients.len() * 92,
                created_at: moment(job),
            });
        }
        self.lists.push(AddressList {
            id: format!("list_{number:06}"),
            customer_id: customer_id.to_owned(),
            name: format!("Friends and clients {number}"),
            recipient_count: recipients.len(),
            use_type,
            created_at: moment(number),
            recipients,
        });
    }
}

/// The partner of each customer to be, mixed so that every page of the core holds several partners'
/// customers and a missing filter shows at once; acme's comes first.
fn shuffled_partners(dice: &mut Dice) -> Vec<Option<&'static str>> {
    let mut partners: Vec<_> = PARTNERS
        .into_iter()
        .flat_map(|(partner, count)| std::iter::repeat_n(partner, count))
        .collect();
    for last in (2..partners.len()).rev() {
        let bound = u32::try_from(last).unwrap_or_default();
        let other = 1 + usize::try_from(dice.below(bound)).unwrap_or_default();
        partners.swap(last, other);
    }
    partners
}

fn recipient(dice: &mut Dice) -> Recipient {
    let person = dice.person();
    Recipient {
        name: person.name(),
        organization: person.organization.clone(),
        address: person.address,
    }
}

/// The moment of the `number`th event of the invented history.
fn moment(number: usize) -> String {
    let number = i64::try_from(number).unwrap_or_default();
    let seconds = HISTORY_BEGINS_SECONDS + number * SECONDS_BETWEEN_EVENTS;
    jiff::Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_partner_has_the_customers_it_was_promised_and_they_are_mixed() {
        let world = World::invent();
        assert!(world.customers().len() >= 2_000);
        for (partner, least) in [("acme", 900), ("bluebird", 600), ("crest", 500)] {
            assert!(world.customers_of(Some(partner)).count() >= least);
        }
        assert!(world.customers_of(None).count() > 0);
        let first_page: HashSet<_> = world.customers()[..50]
            .iter()
            .map(|customer| &customer.partner_id)
            .collect();
        assert!(first_page.len() >= 3);
        assert_eq!(world.customers()[0].partner_id.as_deref(), Some("acme"));
        assert_eq!(world.jobs()[0].customer_id, "cus_000001");
    }

    #[test]
    fn the_world_is_the_same_each_time_and_nobody_shares_an_id_or_an_e_mail_address() {
        let (world, again) = (World::invent(), World::invent());
        let text = |world: &World| serde_json::to_string(&world.customers).unwrap();
        assert_eq!(text(&world), text(&again));
        let emails: HashSet<_> = world.customers().iter().map(|one| &one.email).collect();
        assert_eq!(emails.len(), world.customers().len());
    }

    #[test]
    fn nothing_in_it_can_reach_a_real_person() {
        for customer in World::invent().customers() {
            assert!(customer.email.ends_with(".example"));
            let phone = customer.phone.as_deref().unwrap_or("+1-206-555-0100");
            assert!(phone.contains("-555-01"), "{phone}");
        }
    }

    #[test]
    fn canaries_are_long_enough_not_to_turn_up_by_chance() {
        let canaries = World::invent().canaries();
        assert!(canaries.len() > 100);
        assert!(
            canaries.iter().all(|canary| canary.len() >= 8),
            "{canaries:?}"
        );
    }
}
