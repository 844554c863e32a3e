//! What one entry of the ledger took from which budget: the step of the fold that rebuilds them.

use super::Spent;
use super::budgets::Subject;
use crate::entry::{Entry, Event, Recipient};
use crate::terms::{CustomerRef, PartnerId};

/// Whose budget a partner spends: its own, or that of its parent, where a family keeps one together.
pub fn owner<'a>(partner: &'a PartnerId, parent: Option<&'a PartnerId>) -> &'a PartnerId {
    parent.unwrap_or(partner)
}

/// What an entry spent. Only disclosures to partners spend anything; a reference or partner that is
/// none was not written by this program, and is passed over as it names nobody.
pub fn spent(entry: &Entry) -> Vec<Spent> {
    let Event::Disclosure(disclosure) = &entry.event else {
        return Vec::new();
    };
    let Some(Recipient::Partner { id, parent }) = &disclosure.request.recipient else {
        return Vec::new();
    };
    let parent = parent.as_deref().and_then(PartnerId::parse);
    let Some(partner) = PartnerId::parse(id) else {
        return Vec::new();
    };
    let groups = disclosure.subjects.iter().filter_map(|group| {
        let references = group.references.iter();
        Some(Spent {
            time: entry.time,
            owner: owner(&partner, parent.as_ref()).clone(),
            subject: Subject::parse(&group.subject)?,
            references: references
                .filter_map(|text| CustomerRef::parse(text))
                .collect(),
        })
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::allowance::Allowance;
    use crate::clock::Clock;
    use crate::entry::{Act, Disclosure, RequestFacts, SubjectGroup};
    use crate::policy::contract::Budgets;

    fn group(subject: &str, numbers: &[u8]) -> SubjectGroup {
        let reference = |number: &u8| CustomerRef::from_bytes([*number; 16]).to_string();
        SubjectGroup {
            subject: subject.to_owned(),
            basis: "service".to_owned(),
            basis_reference: None,
            circumstances: vec!["own".to_owned()],
            categories: BTreeMap::new(),
            records: None,
            references: numbers.iter().map(reference).collect(),
        }
    }

    fn disclosed(time: &str, parent: Option<&str>, subjects: Vec<SubjectGroup>) -> Entry {
        let disclosure = Disclosure {
            request: RequestFacts {
                request_id: "req_1".to_owned(),
                trace_id: None,
                recipient: Some(Recipient::Partner {
                    id: "bright".to_owned(),
                    parent: parent.map(str::to_owned),
                }),
                certificate: None,
                client: None,
                operation: None,
                purpose: None,
                policy: None,
                ..RequestFacts::default()
            },
            decision: "allow".to_owned(),
            rules: Vec::new(),
            status: 200,
            subjects,
            withheld: Vec::new(),
            created: None,
            part: None,
            answer_sha256: Some(String::new()),
        };
        Entry::new(time.parse().unwrap(), Event::Disclosure(disclosure)).unwrap()
    }

    #[test]
    fn budgets_are_rebuilt_from_entries_under_the_parent_and_by_kind_of_person() {
        let now = "2026-11-22T12:00:00Z";
        let entries = [
            disclosed("2026-11-21T12:00:00Z", None, vec![group("customer", &[9])]),
            disclosed(now, Some("acme"), vec![group("customer", &[1, 2])]),
            disclosed(
                now,
                Some("acme"),
                vec![group("customer", &[2, 3]), group("recipient", &[4])],
            ),
        ];
        let allowance = Allowance::new(Clock::manual(now.parse().unwrap()));
        allowance.rebuild(entries.iter().flat_map(spent));
        let budgets = Budgets {
            customers_per_day: 10,
            customers_per_month: 10,
            recipients_per_day: Some(10),
            recipients_per_month: Some(10),
        };
        let left = |owner, subject| {
            let owner = PartnerId::parse(owner).unwrap();
            let state = allowance.state(&owner, budgets);
            let state = match subject {
                Subject::Customer => state.customers,
                Subject::Recipient => state.recipients,
            };
            (state.day.remaining, state.month.remaining)
        };
        assert_eq!(left("acme", Subject::Customer), (7, 7));
        assert_eq!(left("acme", Subject::Recipient), (9, 9));
        assert_eq!(left("bright", Subject::Customer), (10, 9));
    }

    #[test]
    fn only_disclosures_to_partners_spend() {
        let act = Act {
            actor: "Ann".to_owned(),
            role: "legal".to_owned(),
            action: "ledger.report".to_owned(),
            object: None,
            because: None,
        };
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let entry = Entry::new(now, Event::Act(act)).unwrap();
        assert!(spent(&entry).is_empty());
    }
}
