//! Proof that the promises keep their properties: for every request, every partner and every contract,
//! not for those that somebody thought of. Rules are translated to logic by `cedar-policy-symcc` and
//! judged by the solver cvc5; where there is no solver, every request of the taxonomy is tried, which
//! says the same more slowly.
//!
//! What is asked, for each action of the schema: does each property hold; can a contract, whatever it
//! says, widen what the promises allow; can a rule fail while it is evaluated; does each rule ever
//! match; does the set allow anything that another does not.
//!
//! **Contracts.** What is granted is promises ∩ contract (`policy/grant.rs`). To the prover a contract
//! is one more fact of each request, yes or no, which it may choose as it likes, and a rule that
//! forbids where it says no (`recast.rs`). Properties are proved of that set, so they hold whatever
//! the contract. **Taxonomy.** Its trees are told as generated conditions (`axioms.rs`); the basis and
//! the channel are left free, so that no proof rests on how the gateway derives them.
//!
//! **Trusted:** that `grant.rs` intersects (shown by its property tests), that the gateway asks the
//! rules what it discloses, the translation of the library, and the solver's word. A counterexample is
//! trusted by nobody: it is asked again of the evaluator that answers requests. **Not expressed in
//! logic**, and enumerated over every word that rules can tell apart instead: all requests that one set
//! allows and another does not (the prover gives one). Not here: the request path, which no part of
//! this can be reached from, and what a command prints.

mod apart;
mod axioms;
mod domain;
#[cfg(test)]
mod fixture;
mod judge;
mod recast;
mod report;
mod situation;
mod solver;
mod symbolic;
mod tree;
mod trying;

use std::path::Path;
use std::sync::Arc;

pub use self::apart::{ApartError, Wanted, prove_apart};
use self::judge::Judge;
pub use self::report::{DecidedBy, Example, Finding, Report, Subject, Verdict};
pub use self::solver::{SolverMissing, find_solver};
use crate::clock::Clock;
use crate::mistakes::{Mistakes, Source, Span};
use crate::policy::{Properties, RuleBook};
use crate::source::Folder;

/// The rules and properties of one policies folder, checked.
#[derive(Debug)]
pub struct Book {
    rules: RuleBook,
    properties: Properties,
    schema: Arc<Source>,
}

impl Book {
    /// Reads the promises of `folder` and their properties. `None` when there are mistakes; that there
    /// is no property at all is one.
    pub fn read(folder: &Folder, mistakes: &mut Mistakes) -> Option<Self> {
        let book = Self::without_properties(folder, mistakes);
        let properties = Properties::read(folder, mistakes);
        if properties
            .as_ref()
            .is_some_and(|some| some.all().is_empty())
        {
            let place = Source::new(folder.root().join("properties"), "");
            let message = "there is no property to prove (`<subject>.cedar`)";
            mistakes.add(&place, Span::default(), message);
        }
        let properties = properties.filter(|_| mistakes.is_empty())?;
        Some(Self {
            properties,
            ..book?
        })
    }

    /// Reads the promises alone, of a set to compare with.
    pub fn without_properties(folder: &Folder, mistakes: &mut Mistakes) -> Option<Self> {
        let schema = folder.needed("schema.cedarschema", mistakes);
        let promises = folder.needed("promises.cedar", mistakes);
        let (schema, promises) = (schema?, promises?);
        Some(Self {
            rules: RuleBook::read(schema, promises, mistakes)?,
            properties: Properties::default(),
            schema: Arc::clone(schema),
        })
    }
}

/// How to find out.
#[derive(Clone, Copy, Debug)]
pub enum Means<'a> {
    /// By this cvc5.
    Solver(&'a Path),
    /// By trying every request.
    Trying,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The schema has an action that the gateway never asks about.
    #[error("the schema has the action `{0}`, which is not one the gateway asks about")]
    UnknownAction(String),
    /// The other set cannot be judged by the schema of this one.
    #[error("the other set does not fit the schema of this one: {0}")]
    OtherSchema(String),
    /// The library cannot translate the rules.
    #[error("the rules cannot be translated for the solver: {0}")]
    Library(String),
    /// A mistake of this program.
    #[error("a mistake of this program, please report it: {0}")]
    Ours(String),
}

/// Holds `book` against its properties, and against the rules of `against`. Blocks its thread for
/// seconds, and can end its whole process where a rule nests so deep that the library overflows its
/// stack: run it through [`prove_apart`]. Tells `progress` how much of the work is done, from 0 to 1.
///
/// # Errors
/// [`ProofError`]. A property that does not hold is no error but a finding.
pub async fn prove(
    book: &Book,
    against: Option<&Book>,
    means: Means<'_>,
    clock: &Clock,
    progress: &dyn Fn(f64),
) -> Result<Report, ProofError> {
    let begun = clock.instant();
    let judge = Judge::new(book, against)?;
    let (method, findings) = match means {
        Means::Solver(program) => {
            let version = find_solver(Some(program)).map_or_else(|_| String::new(), |(_, v)| v);
            let findings = symbolic::findings(&judge, program, clock, progress).await?;
            (version, findings)
        }
        Means::Trying => {
            let findings = trying::findings(&judge, progress)?;
            ("trying every request".to_owned(), findings)
        }
    };
    Ok(Report {
        method,
        environments: crate::policy::Action::all().count(),
        milliseconds: milliseconds_since(clock, begun),
        findings,
    })
}

fn milliseconds_since(clock: &Clock, begun: std::time::Instant) -> u64 {
    let passed = clock.instant().saturating_duration_since(begun);
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}
