//! What holds for every contract that can be written, not only for those that are shipped: contracts
//! are made up, written out as their files, loaded, and compared with Cedar itself.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::OnceLock;

use cedar_policy::{Authorizer, Decision, Entities, PolicySet as CedarPolicies, Request, Schema};
use jiff::civil::Date;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::circumstances::{Circumstances, Standing};
use super::contract::Contract;
use super::fixture::{self, TODAY};
use super::vocabulary::{Action, Question, Vocabulary};
use super::{AccessRequest, PolicySet};
use crate::mistakes::{Look, Mistakes};
use crate::source::Folder;
use crate::taxonomy::{Category, Purpose};
use crate::terms::{CategoryForms, Channel, Form, FormSet, PartnerId, PartnerKind};

/// Purposes that a contract can have.
const PURPOSES: [&str; 9] = [
    "essential.service",
    "essential.service.operations.support",
    "essential.service.notifications",
    "essential.service.payment_processing",
    "essential.fraud_detection",
    "essential.legal_obligation",
    "finance",
    "analytics.reporting",
    "third_party_sharing.legal_obligation",
];
const OPERATIONS: [&str; 5] = [
    "listCustomers",
    "getCustomer",
    "getDocument",
    "getPageViewStatistics",
    "exportCustomers",
];
/// From the widest word to the narrowest.
const WORDS: [&str; 5] = ["clear", "partial", "pseudonym", "aggregate", "withheld"];

/// A contract as somebody might write it.
#[derive(Clone, Debug)]
struct Sketch {
    kind: PartnerKind,
    purposes: Vec<&'static str>,
    categories: BTreeMap<Category, &'static str>,
    operations: Vec<&'static str>,
    page_records_max: u32,
    budget: u32,
    exception: Option<(Date, u32)>,
}

fn sketches() -> impl Strategy<Value = Sketch> {
    let categories: Vec<Category> = Category::all().collect();
    let days = ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"];
    (
        select(vec![PartnerKind::Dealer, PartnerKind::Reseller]),
        subsequence(PURPOSES.to_vec(), 1..=4),
        prop::collection::btree_map(select(categories), select(WORDS.to_vec()), 1..10),
        subsequence(OPERATIONS.to_vec(), 1..=5),
        (1_u32..=1000, 1_u32..=1000),
        prop::option::of((select(days.to_vec()), 1_u32..=1000)),
    )
        .prop_map(
            |(kind, purposes, categories, operations, limits, exception)| Sketch {
                kind,
                purposes,
                categories,
                operations,
                page_records_max: limits.0,
                budget: limits.1,
                exception: exception.map(|(day, most)| (day.parse().unwrap(), most)),
            },
        )
}

impl Sketch {
    /// Its file.
    fn write(&self, id: &str) -> (String, String) {
        let categories = self.categories.iter();
        let categories: String = categories
            .map(|(category, word)| format!("  {category}: {word}\n"))
            .collect();
        let exception = self.exception.map(|(until, most)| {
            format!(
                "exceptions:\n  - because: a reason\n    until: {until}\n    approved_by: [Ann, Bo]\n    \
                 page_records_max: {most}\n    budgets: {{customers_per_day: {most}, customers_per_month: {most}}}\n"
            )
        });
        let (kind, budget, page) = (self.kind.word(), self.budget, self.page_records_max);
        let (purposes, operations) = (self.purposes.join(", "), self.operations.join(", "));
        let exception = exception.unwrap_or_default();
        let text = format!(
            "partner: {id}\nname: Somebody\naddress: Somewhere\nkind: {kind}\nversion: 1\n\
             credentials: {{certificates: {{names: [{id}.example]}}, clients: [{id}-client]}}\n\
             purposes: [{purposes}]\ncategories:\n{categories}operations: [{operations}]\n\
             page_records_max: {page}\nrequests_per_minute: 60\n\
             budgets: {{customers_per_day: {budget}, customers_per_month: {budget}}}\n\
             terms: {{version: 2026-01, accepted_on: 2026-01-12, accepted_by: Ann}}\n{exception}"
        );
        (format!("partners/{id}.yaml"), text)
    }
}

/// The shipped promises with these contracts. What is remembered of the promises is shared, so that
/// not every case computes it anew.
fn load(contracts: &[(&str, &Sketch)]) -> PolicySet {
    let mut mistakes = Mistakes::new();
    let promises = ["promises.cedar", "schema.cedarschema"].map(|name| {
        let text = std::fs::read_to_string(fixture::directory().join(name)).unwrap();
        (name.to_owned(), text)
    });
    let contracts = contracts.iter().map(|(id, sketch)| sketch.write(id));
    let files = promises.into_iter().chain(contracts);
    let folder = Folder::of("made-up", files, &mut mistakes);
    let before = Some(fixture::shipped_once());
    let catalogue = Some(fixture::catalogue());
    let set = PolicySet::load(&folder, catalogue, before, TODAY, &mut mistakes);
    set.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)))
}

fn contract<'a>(set: &'a PolicySet, id: &str) -> &'a Contract {
    set.contract(&PartnerId::parse(id).unwrap()).unwrap()
}

/// The forms in which each category leaves; none of them where the contract lacks the purpose.
fn granted(
    set: &PolicySet,
    id: &str,
    purpose: Purpose,
    channel: Channel,
    circumstances: Circumstances,
) -> Option<CategoryForms> {
    let compiled = set.compiled(&PartnerId::parse(id).unwrap()).unwrap();
    let grant = compiled.grant(&set.promises, purpose, channel)?;
    Some(*grant.forms(circumstances))
}

/// The promises as Cedar alone reads them: one set of policies, not sliced, nothing remembered.
struct Cedar {
    policies: CedarPolicies,
    entities: Entities,
    vocabulary: Vocabulary,
}

impl Cedar {
    /// Read once for all cases.
    fn shared() -> &'static Self {
        static CEDAR: OnceLock<Cedar> = OnceLock::new();
        CEDAR.get_or_init(Self::new)
    }

    fn new() -> Self {
        let read = |name| std::fs::read_to_string(fixture::directory().join(name)).unwrap();
        let schema = Schema::from_str(&read("schema.cedarschema")).unwrap();
        let vocabulary = Vocabulary::new().unwrap();
        Self {
            policies: read("promises.cedar").parse().unwrap(),
            entities: vocabulary.entities(&schema).unwrap(),
            vocabulary,
        }
    }

    fn allows(&self, question: &Question, action: Action, category: Category) -> bool {
        let request = Request::new(
            self.vocabulary.partner(question.kind, question.standing),
            self.vocabulary.action(action),
            self.vocabulary.category(category),
            self.vocabulary.context(question).unwrap(),
            None,
        );
        let answer =
            Authorizer::new().is_authorized(&request.unwrap(), &self.policies, &self.entities);
        assert!(answer.diagnostics().errors().next().is_none());
        answer.decision() == Decision::Allow
    }
}

fn purposes() -> impl Strategy<Value = Purpose> {
    select(PURPOSES.map(|key| Purpose::parse(key).unwrap()).to_vec())
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    select(Circumstances::all().collect::<Vec<_>>())
}

fn channels() -> impl Strategy<Value = Channel> {
    select(Channel::ALL.to_vec())
}

/// The word of the nearest ancestor that the contract names, as the file's own rule says it.
fn contracted(sketch: &Sketch, category: Category) -> FormSet {
    let line = std::iter::successors(Some(category), |category| category.parent());
    let word = line.filter_map(|one| sketch.categories.get(&one)).next();
    let place = WORDS.iter().position(|word_of| Some(word_of) == word);
    let place = place.unwrap_or(WORDS.len());
    Form::ALL.into_iter().skip(place).collect()
}

/// What is decided for one partner over a sample of calls: the forms, or the code of the refusal.
fn decisions(set: &PolicySet, id: &str) -> Vec<Result<CategoryForms, &'static str>> {
    let partner = PartnerId::parse(id).unwrap();
    let mut decided = Vec::new();
    for operation in OPERATIONS {
        let operation = fixture::catalogue().operation(operation).unwrap();
        for purpose in PURPOSES.iter().step_by(3) {
            for circumstances in [Circumstances::OWN, Circumstances::default()] {
                let grant = set.decide(&AccessRequest {
                    partner: &partner,
                    standing: Standing::Good,
                    operation,
                    purpose: Purpose::parse(purpose).unwrap(),
                    marketing_signals: &[],
                    page_records: Some(100),
                    today: TODAY,
                    circumstances,
                });
                let forms = grant.map(|grant| *grant.forms(circumstances));
                decided.push(forms.map_err(|refusal| refusal.code.name()));
            }
        }
    }
    decided
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_grant_is_what_cedar_allows_and_the_contract_says(
        sketch in sketches(),
        others in (channels(), circumstances(), purposes()),
    ) {
        let (set, cedar) = (load(&[("made", &sketch)]), Cedar::shared());
        let (channel, circumstances, other) = others;
        let has: Vec<Purpose> = sketch.purposes.iter().filter_map(|key| Purpose::parse(key)).collect();
        prop_assert_eq!(granted(&set, "made", other, channel, circumstances).is_some(), has.contains(&other));
        let purpose = has[0];
        let forms = granted(&set, "made", purpose, channel, circumstances).unwrap();
        let kind = sketch.kind;
        let question = Question { kind, standing: Standing::Good, purpose, channel, circumstances };
        for category in Category::all() {
            let contracted = contracted(&sketch, category);
            let allowed = |form: &Form| {
                contracted.contains(*form)
                    && cedar.allows(&question, Action::Disclose(*form), category)
            };
            let expected = Form::ALL.into_iter().find(allowed);
            prop_assert_eq!(forms[category.index()], expected, "{}", category);
        }
    }

    #[test]
    fn a_call_is_permitted_exactly_where_cedar_permits_it(
        channel in channels(),
        circumstances in circumstances(),
        purpose in select(Purpose::all().collect::<Vec<_>>()),
        kind in select(PartnerKind::ALL.to_vec()),
        standing in select(Standing::ALL.to_vec()),
    ) {
        let question = Question { kind, standing, purpose, channel, circumstances };
        let call = fixture::shipped_once().promises.call(&question);
        let whole = Category::parse("user").unwrap();
        let allowed = Cedar::shared().allows(&question, Action::Call(channel), whole);
        prop_assert_eq!(matches!(call, super::promises::Call::Permitted(_)), allowed);
    }

    #[test]
    fn taking_anything_from_a_contract_grants_nothing_more(
        sketch in sketches(),
        taken in any::<prop::sample::Index>(),
        channel in channels(),
        circumstances in circumstances(),
    ) {
        let mut less = sketch.clone();
        // A category or purpose fewer, or a category with the next narrower word.
        let named: Vec<Category> = sketch.categories.keys().copied().collect();
        let place = taken.index(2 * named.len() + sketch.purposes.len());
        let narrower = |word: &str| {
            let at = WORDS.iter().position(|known| *known == word).unwrap();
            WORDS[(at + 1).min(WORDS.len() - 1)]
        };
        match (named.get(place / 2), place.checked_sub(2 * named.len())) {
            // Without its own word a category has that of its parent, which may be wider; so the
            // narrowest way to take it out is to withhold it.
            (Some(category), _) => {
                let word = if place % 2 == 0 { "withheld" } else { narrower(sketch.categories[category]) };
                less.categories.insert(*category, word);
            }
            (None, place) => {
                less.purposes.remove(place.unwrap());
            }
        }
        prop_assume!(!less.purposes.is_empty());
        let (wide, narrow) = (load(&[("made", &sketch)]), load(&[("made", &less)]));
        for purpose in PURPOSES.map(|key| Purpose::parse(key).unwrap()) {
            let Some(after) = granted(&narrow, "made", purpose, channel, circumstances) else { continue };
            let before = granted(&wide, "made", purpose, channel, circumstances).unwrap();
            for (after, before) in after.iter().zip(before) {
                // Richer forms are smaller, and no form is last.
                let rank = |form: Option<Form>| form.map_or(Form::ALL.len(), |form| form as usize);
                prop_assert!(rank(*after) >= rank(before));
            }
        }
    }

    #[test]
    fn no_contract_changes_what_is_decided_for_another_partner(
        one in sketches(),
        other in sketches(),
        changed in sketches(),
    ) {
        let alone = decisions(&load(&[("one", &one)]), "one");
        prop_assert_eq!(&decisions(&load(&[("one", &one), ("other", &other)]), "one"), &alone);
        prop_assert_eq!(&decisions(&load(&[("one", &one), ("other", &changed)]), "one"), &alone);
    }

    #[test]
    fn an_exception_changes_its_own_limits_until_its_day_and_nothing_else(sketch in sketches()) {
        let plain = Sketch { exception: None, ..sketch.clone() };
        let (with, without) = (load(&[("made", &sketch)]), load(&[("made", &plain)]));
        let (excepted, contracted) = (contract(&with, "made"), contract(&without, "made"));
        for day in ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"] {
            let day: Date = day.parse().unwrap();
            let (page, budgets) = (excepted.page_records_max_on(day), excepted.budgets_on(day));
            match sketch.exception.filter(|(until, _)| day <= *until) {
                Some((_, most)) => {
                    prop_assert_eq!(page, most);
                    prop_assert_eq!(budgets.customers_per_day, most);
                }
                None => {
                    prop_assert_eq!(page, contracted.page_records_max_on(day));
                    prop_assert_eq!(budgets, contracted.budgets_on(day));
                }
            }
        }
        for purpose in PURPOSES.map(|key| Purpose::parse(key).unwrap()) {
            let forms = |set| granted(set, "made", purpose, Channel::Record, Circumstances::OWN);
            prop_assert_eq!(forms(&with), forms(&without));
        }
    }
}
