//! Findings by the solver: every question, for every action of the schema.

use std::path::Path;

use cedar_policy::{Policy, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::{CompiledPolicy, CompiledPolicySet, Env};

use super::axioms::axioms;
use super::domain::Domain;
use super::judge::{Judge, finding_of_set};
use super::recast::{any_contract, as_permit, schema_with_contract};
use super::report::{Finding, Subject, Verdict};
use super::situation::Situation;
use super::solver::{Plain, Prover, Query};
use super::tree::Tree;
use super::{ProofError, milliseconds_since, trying};
use crate::clock::Clock;
use crate::policy::{Action, Property, Rule, RuleBook};

/// All findings, in the order of a report.
pub(super) async fn findings(
    judge: &Judge<'_>,
    program: &Path,
    clock: &Clock,
    progress: &dyn Fn(f64),
) -> Result<Vec<Finding>, ProofError> {
    let proof = Symbolic::new(judge, any_contract()?)?;
    let mut prover = Prover::new(program);
    let mut findings = Vec::new();
    let properties = judge.book.properties.all().iter();
    let rules = judge
        .book
        .rules
        .all()
        .iter()
        .zip(judge.book.rules.policies());
    let statements = properties.len() + rules.len() + 3;
    let done = |findings: &[Finding]| progress(findings.len() as f64 / statements as f64);
    let none_is_broken = proof.no_forbid_is_broken(&mut prover).await?;
    for (property, pattern) in properties.zip(&judge.patterns) {
        let begun = clock.instant();
        let verdict = if none_is_broken && property.rule.forbids {
            Verdict::Holds
        } else {
            proof.property(&mut prover, property, pattern).await?
        };
        let time = milliseconds_since(clock, begun);
        findings.push(judge.finding_of_property(property, verdict, time));
        done(&findings);
    }
    let begun = clock.instant();
    let verdict = proof.contracts(&mut prover).await;
    let time = milliseconds_since(clock, begun);
    findings.push(finding_of_set(Subject::Contracts, verdict, time));
    let begun = clock.instant();
    let verdict = proof.errors(&mut prover).await?;
    let time = milliseconds_since(clock, begun);
    findings.push(finding_of_set(Subject::Errors, verdict, time));
    let decide = trying::seen_to_decide(judge, &proof.domain)?;
    for (rule, policy) in rules {
        let begun = clock.instant();
        let verdict = if decide.contains(&*rule.id) {
            Verdict::Holds
        } else {
            proof.rule(&mut prover, rule, policy).await?
        };
        let time = milliseconds_since(clock, begun);
        findings.push(judge.finding_of_rule(rule, verdict, time));
        done(&findings);
    }
    if let Some(against) = judge.against {
        let begun = clock.instant();
        let verdict = proof
            .comparison(&mut prover, against.rules.policies())
            .await?;
        let time = milliseconds_since(clock, begun);
        findings.push(finding_of_set(Subject::Comparison, verdict, time));
    }
    Ok(findings)
}

/// The sets as formulas, once for each action.
struct Symbolic<'a> {
    judge: &'a Judge<'a>,
    schema: Schema,
    domain: Domain,
    actions: Vec<OfAction>,
}

struct OfAction {
    action: Action,
    environment: RequestEnv,
    /// What is so of the words that rules and properties about this action use: the fewer the
    /// quicker.
    axioms: Vec<Policy>,
    trees: [Tree; 2],
    /// What the promises allow.
    promises: CompiledPolicySet,
    /// What is granted under some contract, of requests that there are.
    granted: CompiledPolicySet,
}

impl<'a> Symbolic<'a> {
    /// `contract` is the rule by which a contract changes what the promises allow.
    fn new(judge: &'a Judge<'a>, contract: Policy) -> Result<Self, ProofError> {
        let schema = schema_with_contract(judge.book.schema.text())?;
        let all = judge.policies();
        let mut proof = Self {
            judge,
            schema,
            domain: Domain::new(&all),
            actions: Vec::new(),
        };
        let environments: Vec<RequestEnv> = proof.schema.request_envs().collect();
        for environment in environments {
            let of_action = proof.of_action(environment, &all, &contract)?;
            proof.actions.push(of_action);
        }
        Ok(proof)
    }

    fn of_action(
        &self,
        environment: RequestEnv,
        all: &[Policy],
        contract: &Policy,
    ) -> Result<OfAction, ProofError> {
        let rules = &self.judge.book.rules;
        let named = |action: &Action| rules.vocabulary().action(*action) == *environment.action();
        let action = Action::all().find(named);
        let action =
            action.ok_or_else(|| ProofError::UnknownAction(environment.action().to_string()))?;
        let about: Vec<Policy> = all
            .iter()
            .filter(|policy| applies(rules, policy, action))
            .cloned()
            .collect();
        let axioms = axioms(&about)?;
        let granted = [rules.policies(), &axioms, std::slice::from_ref(contract)].concat();
        Ok(OfAction {
            action,
            promises: self.compiled(rules.policies(), &environment)?,
            granted: self.compiled(&granted, &environment)?,
            environment,
            trees: [Tree::of_purposes(&about), Tree::of_categories(&about)],
            axioms,
        })
    }

    fn compiled(
        &self,
        policies: &[Policy],
        environment: &RequestEnv,
    ) -> Result<CompiledPolicySet, ProofError> {
        let set = PolicySet::from_policies(policies.iter().cloned());
        let set = set.map_err(|error| ProofError::Ours(error.to_string()))?;
        CompiledPolicySet::compile(&set, environment, &self.schema)
            .map_err(|error| ProofError::Library(error.to_string()))
    }

    /// The same for requests that there are.
    fn with_axioms(
        &self,
        policies: &[Policy],
        of: &OfAction,
    ) -> Result<CompiledPolicySet, ProofError> {
        self.compiled(&[policies, &of.axioms].concat(), &of.environment)
    }

    /// The actions that a rule can apply to.
    fn of_rule<'b>(&'b self, policy: &'b Policy) -> impl Iterator<Item = &'b OfAction> {
        let actions = self.actions.iter();
        actions.filter(|of| applies(&self.judge.book.rules, policy, of.action))
    }

    /// Whether all properties that forbid hold, asked in one question for each action: where they
    /// do, as is usual, that is an order of magnitude quicker than one by one.
    async fn no_forbid_is_broken(&self, prover: &mut Prover) -> Result<bool, ProofError> {
        let properties = self.judge.book.properties.all().iter();
        let both = properties.zip(&self.judge.patterns);
        let forbidden = both.filter(|(property, _)| property.rule.forbids);
        let forbidden: Vec<Policy> = forbidden.map(|(_, pattern)| pattern.clone()).collect();
        for of in &self.actions {
            let patterns = self.compiled(&forbidden, &of.environment)?;
            let question = Plain::Disjoint(&of.granted, &patterns);
            if prover.is_so(question).await != Ok(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn property(
        &self,
        prover: &mut Prover,
        property: &Property,
        pattern: &Policy,
    ) -> Result<Verdict, ProofError> {
        for of in self.of_rule(pattern) {
            let pattern = std::slice::from_ref(pattern);
            let answer = if property.rule.forbids {
                let pattern = self.compiled(pattern, &of.environment)?;
                prover.ask(Query::Disjoint(&of.granted, &pattern)).await
            } else {
                let pattern = self.with_axioms(pattern, of)?;
                prover.ask(Query::Implies(&pattern, &of.promises)).await
            };
            let breaks = |one: &Situation| {
                pattern
                    .first()
                    .is_some_and(|pattern| self.judge.breaks(property, pattern, one))
            };
            if let Some(verdict) = self.verdict(answer, of, breaks) {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Holds)
    }

    async fn contracts(&self, prover: &mut Prover) -> Verdict {
        for of in &self.actions {
            let answer = prover.ask(Query::Implies(&of.granted, &of.promises)).await;
            // The promises refuse it; that a contract opened it, only the prover can say.
            let refused = |one: &Situation| {
                let answer = self.judge.ask(self.judge.book, one);
                answer.is_some_and(|answer| !answer.allowed)
            };
            if let Some(verdict) = self.verdict(answer, of, refused) {
                return verdict;
            }
        }
        Verdict::Holds
    }

    async fn errors(&self, prover: &mut Prover) -> Result<Verdict, ProofError> {
        for policy in self.judge.book.rules.policies() {
            for of in self.of_rule(policy) {
                let rule = CompiledPolicy::compile(policy, &of.environment, &self.schema)
                    .map_err(|error| ProofError::Library(error.to_string()))?;
                let answer = prover.ask(Query::NeverFails(&rule)).await;
                let fails = |one: &Situation| {
                    let answer = self.judge.ask(self.judge.book, one);
                    answer.is_none_or(|answer| answer.broken)
                };
                if let Some(verdict) = self.verdict(answer, of, fails) {
                    return Ok(verdict);
                }
            }
        }
        Ok(Verdict::Holds)
    }

    /// Whether some request matches a rule, and whether it changes any answer.
    async fn rule(
        &self,
        prover: &mut Prover,
        rule: &Rule,
        policy: &Policy,
    ) -> Result<Verdict, ProofError> {
        let all = self.judge.book.rules.policies();
        let others = all.iter().filter(|other| other.id() != policy.id());
        let others: Vec<Policy> = others.cloned().collect();
        for of in self.of_rule(policy) {
            let (more, less) = if rule.forbids {
                let without = self.with_axioms(&others, of)?;
                (without, self.compiled(all, &of.environment)?)
            } else {
                let with = self.with_axioms(all, of)?;
                (with, self.compiled(&others, &of.environment)?)
            };
            match prover.is_so(Plain::Implies(&more, &less)).await {
                Ok(true) => {}
                Ok(false) => return Ok(Verdict::Holds),
                Err(because) => return Ok(Verdict::Undecided { because }),
            }
        }
        self.spare_or_dead(prover, policy).await
    }

    /// Of a rule without which every answer is the same.
    async fn spare_or_dead(
        &self,
        prover: &mut Prover,
        policy: &Policy,
    ) -> Result<Verdict, ProofError> {
        let permit = [as_permit(policy)?];
        for of in self.of_rule(policy) {
            let matched = self.with_axioms(&permit, of)?;
            match prover.is_so(Plain::AllowsNothing(&matched)).await {
                Ok(true) => {}
                Ok(false) => return Ok(Verdict::SecondLock),
                Err(because) => return Ok(Verdict::Undecided { because }),
            }
        }
        Ok(Verdict::Dead)
    }

    async fn comparison(
        &self,
        prover: &mut Prover,
        other: &[Policy],
    ) -> Result<Verdict, ProofError> {
        for of in &self.actions {
            let rules = self.with_axioms(self.judge.book.rules.policies(), of)?;
            let other = self
                .compiled(other, &of.environment)
                .map_err(|error| ProofError::OtherSchema(error.to_string()))?;
            let answer = prover.ask(Query::Implies(&rules, &other)).await;
            let gained = |one: &Situation| self.judge.is_gained(one);
            match self.verdict(answer, of, gained) {
                None => {}
                Some(Verdict::Broken { examples }) => {
                    let all = trying::gained(self.judge, &self.domain, &|_| {});
                    let examples = if all.is_empty() { examples } else { all };
                    return Ok(Verdict::Broken { examples });
                }
                Some(undecided) => return Ok(undecided),
            }
        }
        Ok(Verdict::Holds)
    }

    /// What an answer means. A counterexample is asked again of the evaluator, and if that does not
    /// confirm it, every request is tried for one that it does.
    fn verdict(
        &self,
        answer: Result<Option<Env>, String>,
        of: &OfAction,
        is_broken: impl Fn(&Situation) -> bool,
    ) -> Option<Verdict> {
        let model = match answer {
            Ok(None) => return None,
            Ok(Some(model)) => model,
            Err(because) => return Some(Verdict::Undecided { because }),
        };
        let found = Situation::of_model(&model, of.action, &of.trees);
        let confirmed = found.filter(&is_broken).or_else(|| {
            let mut situations = self.domain.situations(of.action);
            situations.find(&is_broken)
        });
        let example = match (confirmed, found) {
            (Some(one), _) => self.judge.example(&one.broadest(is_broken), true),
            (None, Some(one)) => self.judge.example(&one, false),
            (None, None) => {
                let because = "the solver found a counterexample that is no request there can be";
                return Some(Verdict::Undecided {
                    because: because.to_owned(),
                });
            }
        };
        let examples = vec![example];
        Some(Verdict::Broken { examples })
    }
}

fn applies(rules: &RuleBook, policy: &Policy, action: Action) -> bool {
    let slice = rules.slice(std::slice::from_ref(policy), action);
    slice.is_none_or(|slice| !slice.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{book, outcomes, rule, solver};
    use super::super::recast::policy_of;
    use super::super::report::Example;
    use super::*;

    async fn proved(judge: &Judge<'_>, program: &Path) -> Vec<Finding> {
        let clock = Clock::system();
        findings(judge, program, &clock, &|_| {}).await.unwrap()
    }

    fn examples(finding: &Finding) -> &[Example] {
        match &finding.verdict {
            Verdict::Broken { examples } => examples,
            other => panic!("{other:?}"),
        }
    }

    const FOREIGN: &str = "forbid (principal, action in Action::\"disclose.person\", resource in DataCategory::\"user\") unless { context.own || context.consented };";

    #[tokio::test]
    async fn a_permit_for_everyones_customers_is_told_with_the_rule_that_lets_it() {
        let Some(program) = solver() else { return };
        let permit = "permit (principal, action == Action::\"disclose.clear\", resource in DataCategory::\"user.name\") when { context.purpose in Purpose::\"essential\" && context.channel == Channel::\"list\" };";
        let broken = book(&rule("leak", permit), &rule("foreign", FOREIGN));
        let findings = proved(&Judge::new(&broken, None).unwrap(), &program).await;
        let [example] = examples(&findings[0]) else {
            panic!("one example")
        };
        assert!(example.replayed);
        assert_eq!(
            example.words,
            "for `essential`, a reseller in good standing may receive `user.name` in the clear, through operations of the kind `list`, about a customer who is not its own, without consent, without an agreement and without an approved order"
        );
        assert_eq!(example.decided_by[0].id, "leak");
        assert_eq!(example.decided_by[0].line, 1);
    }

    #[tokio::test]
    async fn consent_by_the_basis_alone_is_found_out_by_both_means() {
        let Some(program) = solver() else { return };
        let forbid = FOREIGN.replace("context.consented", "context.basis == Basis::\"consent\"");
        let permit = "permit (principal, action in Action::\"disclose.person\", resource in DataCategory::\"user.name\") when { context.purpose in Purpose::\"finance\" };";
        let promises = rule("names", permit) + &rule("own", &forbid);
        let broken = book(&promises, &rule("foreign", FOREIGN));
        let judge = Judge::new(&broken, None).unwrap();
        let findings = proved(&judge, &program).await;
        let [example] = examples(&findings[0]) else {
            panic!("one example")
        };
        let told = "the basis says `consent`, which these circumstances do not bear out";
        assert!(example.words.ends_with(told), "{}", example.words);
        assert!(example.replayed && example.circumstances.is_empty());
        let tried = trying::findings(&judge, &|_| {}).unwrap();
        assert_eq!(outcomes(&tried), outcomes(&findings));
    }

    #[tokio::test]
    async fn dead_spare_and_living_rules_are_told_apart_by_the_taxonomy() {
        let Some(program) = solver() else { return };
        let permit = "permit (principal, action == Action::\"disclose.clear\", resource in DataCategory::\"user.contact\") when { context.purpose in Purpose::\"essential\" };";
        let dead = "forbid (principal, action, resource in DataCategory::\"user.contact.email\") when { resource == DataCategory::\"user.contact\" };";
        let leaf = "forbid (principal, action, resource in DataCategory::\"user.contact.email\") unless { resource == DataCategory::\"user.contact.email\" };";
        let spare = "forbid (principal, action, resource) when { context.purpose in Purpose::\"marketing\" };";
        let alive = "forbid (principal, action, resource) unless { context.own };";
        let promises = [
            ("p", permit),
            ("dead", dead),
            ("leaf", leaf),
            ("spare", spare),
            ("alive", alive),
        ];
        let promises: String = promises.iter().map(|(id, text)| rule(id, text)).collect();
        let names = "forbid (principal, action, resource in DataCategory::\"user.name\");";
        let own = "permit (principal, action == Action::\"disclose.clear\", resource == DataCategory::\"user.contact.url\") when { context.own && context.purpose == Purpose::\"essential\" };";
        let all_calls = "permit (principal, action in Action::\"call\", resource);";
        let properties = rule("names", names) + &rule("own", own) + &rule("calls", all_calls);
        let set = book(&promises, &properties);
        let judge = Judge::new(&set, None).unwrap();
        let findings = proved(&judge, &program).await;
        let expected = [
            "names Holds",
            "own Holds",
            "calls Broken",
            "nothing-fails Holds",
            "p Holds",
            "dead Dead",
            "leaf Dead",
            "spare SecondLock",
            "alive Holds",
        ];
        assert_eq!(outcomes(&findings), expected);
        let tried = trying::findings(&judge, &|_| {}).unwrap();
        assert_eq!(outcomes(&tried), expected);
        let words = &examples(&findings[2])[0].words;
        assert!(words.contains("may not call operations"), "{words}");
    }

    #[tokio::test]
    async fn what_a_looser_set_allows_in_addition_is_listed_cell_by_cell() {
        let Some(program) = solver() else { return };
        let permit = |purpose: &str| {
            let text = format!(
                "permit (principal, action == Action::\"disclose.partial\", resource in DataCategory::\"user.payment\") when {{ context.own && context.purpose in Purpose::\"{purpose}\" }};"
            );
            rule("pay", &text)
        };
        let property = rule(
            "marketing",
            "forbid (principal, action, resource) when { context.purpose in Purpose::\"marketing\" };",
        );
        let (strict, loose) = (
            book(&permit("essential.service"), &property),
            book(&permit("essential"), &property),
        );
        let tighter = proved(&Judge::new(&strict, Some(&loose)).unwrap(), &program).await;
        assert_eq!(tighter.last().unwrap().verdict, Verdict::Holds);
        let looser = proved(&Judge::new(&loose, Some(&strict)).unwrap(), &program).await;
        let cells = examples(looser.last().unwrap());
        let told: Vec<_> = cells
            .iter()
            .map(|cell| {
                (
                    cell.purpose.as_str(),
                    cell.category.as_str(),
                    &*cell.circumstances,
                )
            })
            .collect();
        let own = ["own".to_owned()];
        // The purpose itself, and one for all others below it but not below the service.
        let expected = [
            ("essential", "user.payment", &own[..]),
            ("essential.fraud_detection", "user.payment", &own[..]),
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_contract_that_could_widen_the_promises_would_be_found_out() {
        let Some(program) = solver() else { return };
        let permit =
            "permit (principal, action in Action::\"disclose\", resource) when { context.own };";
        let foreign =
            "forbid (principal, action in Action::\"disclose\", resource) unless { context.own };";
        let set = book(&rule("own", permit), &rule("foreign", foreign));
        let judge = Judge::new(&set, None).unwrap();
        let mut prover = Prover::new(&program);
        let narrowing = Symbolic::new(&judge, any_contract().unwrap()).unwrap();
        assert_eq!(narrowing.contracts(&mut prover).await, Verdict::Holds);
        let union = "permit (principal, action, resource) when { context.contract_grants };";
        let widening = Symbolic::new(&judge, policy_of("contract", union).unwrap()).unwrap();
        let verdict = widening.contracts(&mut prover).await;
        assert!(matches!(verdict, Verdict::Broken { .. }), "{verdict:?}");
        let (property, pattern) = (&set.properties.all()[0], &judge.patterns[0]);
        let verdict = widening
            .property(&mut prover, property, pattern)
            .await
            .unwrap();
        let Verdict::Broken { examples } = verdict else {
            panic!("{verdict:?}")
        };
        assert!(!examples[0].replayed, "the promises alone refuse it");
    }

    #[tokio::test]
    async fn a_rule_that_can_fail_is_found_out() {
        let Some(program) = solver() else { return };
        let set = book(
            &rule("p", "permit (principal, action, resource);"),
            &rule("q", "permit (principal, action, resource);"),
        );
        let judge = Judge::new(&set, None).unwrap();
        let proof = Symbolic::new(&judge, any_contract().unwrap()).unwrap();
        let mut prover = Prover::new(&program);
        for (sum, fails) in [("9223372036854775807 + 1", true), ("1 + 1", false)] {
            let text = format!(
                "forbid (principal, action, resource) when {{ context.own && {sum} > 0 }};"
            );
            let policy = policy_of("sum", &text).unwrap();
            let environment = &proof.actions[0].environment;
            let rule = CompiledPolicy::compile(&policy, environment, &proof.schema).unwrap();
            let answer = prover.ask(Query::NeverFails(&rule)).await.unwrap();
            assert_eq!(answer.is_some(), fails, "{sum}");
        }
    }
}
