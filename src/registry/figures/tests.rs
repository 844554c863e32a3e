//! What one family of partners can learn from all its answers together, held against a population that is
//! known: nothing about fewer customers than a group must have.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::catalogue::{Field, FieldId, FieldRole, Member, Node, ObjectNode, ScalarKind, Shape};
use crate::clock::Clock;
use crate::filter::{Limits, scan};
use crate::taxonomy::Category;

const SMALLEST: u32 = 4;
const DAYS: i8 = 6;
const STATES: u8 = 3;
const PAGES: u8 = 3;

/// One visit of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    customer: u8,
    day: i8,
    page: u8,
}

/// Where a customer lives: nobody lives in two states.
fn state(customer: u8) -> u8 {
    customer % STATES
}

/// What is asked: the first and the last day, and a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Query {
    from: i8,
    to: i8,
    state: Option<u8>,
}

impl Query {
    fn question(self) -> Question {
        let parts = self
            .state
            .map(|state| ("state".to_owned(), state.to_string()));
        Question {
            whole: format!("{self:?}"),
            from: Some(day(self.from)),
            to: Some(day(self.to)),
            parts: parts.into_iter().collect(),
        }
    }

    /// Every day and state it is about.
    fn space(self) -> BTreeSet<(i8, u8)> {
        let days = self.from..=self.to;
        let states = (0..STATES).filter(move |one| self.state.is_none_or(|only| only == *one));
        days.flat_map(|day| states.clone().map(move |state| (day, state)))
            .collect()
    }
}

fn day(number: i8) -> Date {
    date(2026, 1, number + 1)
}

fn queries() -> impl Strategy<Value = Query> {
    (0..DAYS, 0..DAYS, proptest::option::of(0..STATES)).prop_map(|(one, other, state)| Query {
        from: one.min(other),
        to: one.max(other),
        state,
    })
}

/// A step: some visits happen, or somebody asks.
#[derive(Clone, Debug)]
enum Step {
    Visits(Vec<Visit>),
    Ask(Query),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let visit = (0..24u8, 0..DAYS, 0..PAGES);
    let visit = visit.prop_map(|(customer, day, page)| Visit {
        customer,
        day,
        page,
    });
    let visits = proptest::collection::vec(visit, 1..60).prop_map(Step::Visits);
    // Few different questions, so that they are repeated and overlap.
    let step = prop_oneof![1 => visits, 3 => queries().prop_map(Step::Ask)];
    proptest::collection::vec(step, 1..24)
}

fn shape() -> Shape {
    let field = |kind, category: &str, role| Field {
        category: Category::parse(category),
        kind,
        role,
        figure: true,
        ..Field::default()
    };
    let member = |name: &str, node| Member {
        name: name.into(),
        encoded: format!("\"{name}\":").into_bytes().into(),
        required: true,
        nullable_list: false,
        node,
    };
    let object = |members, group| {
        Node::Object(ObjectNode {
            members,
            record: group,
            group,
            ..ObjectNode::default()
        })
    };
    let scalar = |place| Node::Scalar(FieldId(place));
    let group = object(
        vec![member("customers", scalar(0)), member("page", scalar(1))],
        true,
    );
    let total = object(vec![member("customers", scalar(2))], false);
    let groups = Node::Array(Box::new(group));
    Shape {
        root: object(
            vec![member("groups", groups), member("total", total)],
            false,
        ),
        fields: vec![
            field(ScalarKind::Integer, "user.behavior", FieldRole::GroupSize),
            field(ScalarKind::Integer, "system.operations", FieldRole::Data),
            field(ScalarKind::Integer, "user.behavior", FieldRole::GroupSize),
        ],
    }
}

/// The customers of each page, and of all (`None`), that a core would count.
type Counted = BTreeMap<Option<u8>, BTreeSet<u8>>;

fn counted(visits: &[Visit], query: Query) -> Counted {
    let space = query.space();
    let mut counted = Counted::from([(None, BTreeSet::new())]);
    for visit in visits {
        if space.contains(&(visit.day, state(visit.customer))) {
            for cell in [None, Some(visit.page)] {
                counted.entry(cell).or_default().insert(visit.customer);
            }
        }
    }
    counted
}

fn answer_of_core(counted: &Counted) -> String {
    let groups: Vec<String> = counted
        .iter()
        .filter_map(|(page, customers)| {
            let page = (*page)?;
            Some(format!(
                "{{\"page\":{page},\"customers\":{}}}",
                customers.len()
            ))
        })
        .collect();
    let total = counted[&None].len();
    format!(
        "{{\"groups\":[{}],\"total\":{{\"customers\":{total}}}}}",
        groups.join(",")
    )
}

/// Something the family was told: of which days, states and page, and whom it was about.
#[derive(Clone, Debug)]
struct Told {
    query: Query,
    page: Option<u8>,
    customers: BTreeSet<u8>,
}

/// Why what was told isolates somebody, by every difference of two answers and of a total and its groups.
fn isolated(answers: &[Vec<Told>]) -> Option<String> {
    let few =
        |customers: &BTreeSet<u8>| !customers.is_empty() && customers.len() < SMALLEST as usize;
    let all: Vec<&Told> = answers.iter().flatten().collect();
    for one in &all {
        if few(&one.customers) || one.customers.is_empty() {
            return Some(format!("told of few: {one:?}"));
        }
        for other in &all {
            let (mine, others) = (one.query.space(), other.query.space());
            let same_cell = one.page == other.page && mine == others;
            if mine != others && !mine.is_disjoint(&others) {
                return Some(format!("overlapping answers: {one:?} {other:?}"));
            }
            let more: BTreeSet<u8> = other
                .customers
                .difference(&one.customers)
                .copied()
                .collect();
            if same_cell && one.customers.is_subset(&other.customers) && few(&more) {
                return Some(format!("subtracted: {one:?} {other:?}"));
            }
        }
    }
    for answer in answers {
        let Some(total) = answer.iter().find(|told| told.page.is_none()) else {
            continue;
        };
        let groups = answer.iter().filter(|told| told.page.is_some());
        let grouped: BTreeSet<u8> = groups.flat_map(|told| told.customers.clone()).collect();
        let beyond: BTreeSet<u8> = total.customers.difference(&grouped).copied().collect();
        if few(&beyond) {
            return Some(format!("beyond the groups: {answer:?}"));
        }
    }
    None
}

struct Stand {
    folder: tempfile::TempDir,
    registry: Registry,
    clock: Clock,
    shape: Shape,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-22T12:00:00Z".parse().unwrap());
        let registry = Registry::open(&folder.path().join("registry"), clock.clone()).unwrap();
        Self {
            folder,
            registry,
            clock,
            shape: shape(),
        }
    }

    /// What a family is told, where it is answered.
    async fn ask(&self, owner: &str, query: Query, visits: &[Visit]) -> Result<Vec<Told>, Against> {
        let asking = Asking {
            owner: PartnerId::parse(owner).unwrap(),
            operation: "statistics".to_owned(),
            question: query.question(),
        };
        let may = self.registry.may_answer(&asking).await.unwrap();
        let counted = counted(visits, query);
        let body = answer_of_core(&counted);
        let scanned = scan(&self.shape, body.as_bytes(), &Limits::default()).unwrap();
        let figures = Figures::of(&self.shape, &scanned).unwrap();
        let answered = self.registry.answer(&asking, figures, SMALLEST).await;
        let answered = answered.unwrap();
        assert_eq!(may.is_ok(), answered.is_ok());
        let leaving = answered
            .map_err(|against| against.why)?
            .leaving(Some(SMALLEST));
        let pages = counted.keys().filter(|page| page.is_some());
        let cells = pages.zip(&leaving.groups).chain([(&None, &leaving.total)]);
        let told = cells.filter(|(_, leaves)| **leaves).map(|(page, _)| Told {
            query,
            page: *page,
            customers: counted[page].clone(),
        });
        Ok(told.collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_two_answers_isolate_fewer_customers_than_a_group_must_have(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome = runtime.block_on(async {
            let stand = Stand::new();
            let mut visits: Vec<Visit> = Vec::new();
            let mut answers = Vec::new();
            for step in steps {
                match step {
                    Step::Visits(more) => visits.extend(more),
                    Step::Ask(query) => answers.extend(stand.ask("acme", query, &visits).await),
                }
            }
            isolated(&answers)
        });
        prop_assert_eq!(outcome, None);
    }
}

#[test]
fn the_model_of_isolation_finds_what_it_is_for() {
    let query = Query {
        from: 0,
        to: 1,
        state: None,
    };
    let told = |query, page, customers: std::ops::Range<u8>| Told {
        query,
        page,
        customers: customers.collect(),
    };
    let narrower = Query { to: 0, ..query };
    for answers in [
        vec![vec![told(query, Some(1), 0..3)]],
        vec![
            vec![told(query, Some(1), 0..9)],
            vec![told(query, Some(1), 0..10)],
        ],
        vec![
            vec![told(query, Some(1), 0..9)],
            vec![told(narrower, Some(1), 0..5)],
        ],
        vec![vec![told(query, Some(1), 0..9), told(query, None, 0..11)]],
    ] {
        assert!(isolated(&answers).is_some(), "{answers:?}");
    }
    let sound = vec![vec![told(query, Some(1), 0..9), told(query, None, 0..13)]];
    assert_eq!(isolated(&sound), None);
}

fn visits(customers: std::ops::Range<u8>, day: i8) -> Vec<Visit> {
    let visit = |customer| Visit {
        customer,
        day,
        page: 1,
    };
    customers.map(visit).collect()
}

#[tokio::test]
async fn a_question_is_answered_again_and_others_only_beside_it_even_after_a_restart() {
    let mut stand = Stand::new();
    let path = stand.folder.path().join("registry");
    let visits = visits(0..24, 0);
    let january = Query {
        from: 0,
        to: 2,
        state: None,
    };
    let next = Query {
        from: 3,
        to: 3,
        state: None,
    };
    let overlapping = Query {
        from: 2,
        to: 4,
        state: None,
    };
    let of_a_state = Query {
        state: Some(1),
        ..january
    };
    for restarted in [false, true] {
        if restarted {
            let aside = tempfile::tempdir().unwrap();
            let other = Registry::open(&aside.path().join("registry"), stand.clock.clone());
            // One at a time may have the file open.
            drop(std::mem::replace(&mut stand.registry, other.unwrap()));
            stand.registry = Registry::open(&path, stand.clock.clone()).unwrap();
        }
        assert_eq!(stand.ask("acme", january, &visits).await.unwrap().len(), 2);
        assert!(stand.ask("acme", next, &visits).await.unwrap().is_empty());
        for refused in [overlapping, of_a_state] {
            let asked = stand.ask("acme", refused, &visits).await;
            assert_eq!(asked.unwrap_err(), Against::Overlap);
        }
    }
    let others = stand.ask("bluebird", of_a_state, &visits).await.unwrap();
    assert!(!others.is_empty(), "another family was told nothing before");
}

#[tokio::test]
async fn what_was_answered_is_forgotten_in_the_end_and_there_is_an_end_to_what_is_remembered() {
    let stand = Stand::new();
    let visits = visits(0..24, 0);
    let wide = Query {
        from: 0,
        to: 5,
        state: None,
    };
    let narrow = Query {
        from: 0,
        to: 1,
        state: None,
    };
    stand.ask("acme", wide, &visits).await.unwrap();
    let hours = u64::try_from(QUESTION_DAYS * 24 - 1).unwrap();
    stand
        .clock
        .advance(std::time::Duration::from_secs(hours * 3_600));
    assert!(stand.ask("acme", narrow, &visits).await.is_err());
    stand.clock.advance(std::time::Duration::from_secs(3_600));
    assert!(stand.ask("acme", narrow, &visits).await.is_ok());

    let body = answer_of_core(&counted(&visits, wide));
    let scanned = scan(&stand.shape, body.as_bytes(), &Limits::default()).unwrap();
    for number in 0..=QUESTIONS_MAX {
        let first = date(2027, 1, 1)
            .checked_add((i32::try_from(number).unwrap()).days())
            .unwrap();
        let asking = Asking {
            owner: PartnerId::parse("crest").unwrap(),
            operation: "statistics".to_owned(),
            question: Question {
                whole: number.to_string(),
                from: Some(first),
                to: Some(first),
                parts: BTreeMap::new(),
            },
        };
        let figures = Figures::of(&stand.shape, &scanned).unwrap();
        let answered = stand
            .registry
            .answer(&asking, figures, SMALLEST)
            .await
            .unwrap();
        let expected = if number < QUESTIONS_MAX {
            Ok(())
        } else {
            Err(Against::TooMany)
        };
        assert_eq!(
            answered.map(|_| ()).map_err(|against| against.why),
            expected,
            "{number}"
        );
    }
}
