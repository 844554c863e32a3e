//! Reads `schema.cedarschema` and `promises.cedar`, and checks everything that can be wrong with
//! them before they decide anything.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Authorizer, Entities, EntityUid, Policy, PolicyId, PolicySet, Schema,
    ValidationMode, Validator,
};
use miette::Diagnostic;

use super::super::vocabulary::{Action, Vocabulary};
use super::lint::Placed;
use super::{Rule, Rules, bounds, words};
use crate::mistakes::{Mistakes, Source, Span};

impl Rules {
    /// The rules, if nothing at all is wrong with them.
    pub(crate) fn read(
        schema: &Arc<Source>,
        promises: &Arc<Source>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let before = mistakes.len();
        let vocabulary = Vocabulary::new()?;
        let words_are_right = words::check(schema, mistakes);
        let checked_schema = Some(schema).filter(|_| words_are_right);
        let checked_schema = checked_schema.and_then(|schema| read_schema(schema, mistakes));
        let policies = read_policies(promises, mistakes);
        // Before the schema is needed, so that what is wrong with the rules alone is told with it.
        let (rules, named) = name(&policies?, promises, &vocabulary, mistakes);
        let (schema_source, schema) = (schema, checked_schema?);
        let entities = match vocabulary.entities(&schema) {
            Ok(entities) => entities,
            Err(error) => {
                let message = format!("the schema does not fit the vocabulary: {error}");
                mistakes.add(schema_source, Span::default(), message);
                return None;
            }
        };
        let all = PolicySet::from_policies(named.iter().cloned()).ok()?;
        validate(&schema, &all, promises, mistakes);
        if mistakes.len() > before {
            return None;
        }
        let slices = Action::all()
            .map(|action| slice(&named, &vocabulary.action(action), &entities))
            .collect::<Option<_>>()?;
        let ids = named.iter().enumerate();
        let by_id = ids.map(|(index, rule)| (rule.id().clone(), index));
        Some(Self {
            rules,
            by_id: by_id.collect(),
            policies: named,
            slices,
            entities,
            vocabulary,
            authorizer: Authorizer::new(),
        })
    }
}

/// Notes what a Cedar report says, at the place it says it of.
pub(super) fn note(source: &Arc<Source>, report: &dyn Diagnostic, mistakes: &mut Mistakes) {
    let first = report.labels().and_then(|mut labels| labels.next());
    let span = first.map_or(Span::default(), |label| Span {
        offset: label.offset(),
        length: label.len(),
    });
    let message = report.to_string();
    match report.help() {
        Some(help) => mistakes.add_with_help(source, span, message, help.to_string()),
        None => mistakes.add(source, span, message),
    }
}

pub(super) fn read_schema(source: &Arc<Source>, mistakes: &mut Mistakes) -> Option<Schema> {
    if !bounds::check(source, mistakes) {
        return None;
    }
    match Schema::from_cedarschema_str(source.text()) {
        Ok((schema, warnings)) => {
            warnings.for_each(|warning| note(source, &warning, mistakes));
            Some(schema)
        }
        Err(error) => {
            note(source, &error, mistakes);
            None
        }
    }
}

/// The policies in order of the file, each with its place.
pub(super) fn read_policies(
    source: &Arc<Source>,
    mistakes: &mut Mistakes,
) -> Option<Vec<(Policy, Span)>> {
    if !bounds::check(source, mistakes) {
        return None;
    }
    let set: PolicySet = match source.text().parse() {
        Ok(set) => set,
        Err(error) => {
            let error: cedar_policy::ParseErrors = error;
            error.iter().for_each(|error| note(source, error, mistakes));
            return None;
        }
    };
    for template in set.templates() {
        let message = format!("`{}` is a template; promises have no slots", template.id());
        mistakes.add(source, Span::default(), message);
    }
    let mut policies: Vec<Policy> = set.policies().cloned().collect();
    policies.sort_by_key(number);
    let mut from = 0;
    let placed = policies.into_iter().map(|policy| {
        let span = place(source, &policy, from);
        from = span.offset + span.length;
        (policy, span)
    });
    Some(placed.collect())
}

/// Cedar names the policies of a file `policy0`, `policy1`, ... as they come.
fn number(policy: &Policy) -> usize {
    let name = policy.id().to_string();
    let number = name.strip_prefix("policy").map(str::parse);
    number.and_then(Result::ok).unwrap_or(usize::MAX)
}

/// Where the policy's text stands at or after `from`.
fn place(source: &Source, policy: &Policy, from: usize) -> Span {
    let text = policy.to_cedar().unwrap_or_default();
    let rest = source.text().get(from..).unwrap_or_default();
    Span {
        offset: from + rest.find(&text).unwrap_or_default(),
        length: text.len(),
    }
}

/// Reads the annotations, checks the words, and gives each policy its `@id` as name.
pub(super) fn name(
    policies: &[(Policy, Span)],
    source: &Arc<Source>,
    vocabulary: &Vocabulary,
    mistakes: &mut Mistakes,
) -> (Vec<Rule>, Vec<Policy>) {
    let mut lines: HashMap<Arc<str>, usize> = HashMap::new();
    let (mut rules, mut named) = (Vec::new(), Vec::new());
    for (policy, span) in policies {
        let placed = Placed {
            policy,
            source,
            span: *span,
        };
        placed.check_words(vocabulary, mistakes);
        let Some(rule) = placed.rule(mistakes) else {
            continue;
        };
        if let Some(line) = lines.insert(Arc::clone(&rule.id), rule.line) {
            let message = format!("the rule in line {line} has the id `{}` already", rule.id);
            mistakes.add(source, *span, message);
            continue;
        }
        named.push(policy.new_id(PolicyId::new(&rule.id)));
        rules.push(rule);
    }
    (rules, named)
}

pub(super) fn validate(
    schema: &Schema,
    all: &PolicySet,
    source: &Arc<Source>,
    mistakes: &mut Mistakes,
) {
    let result = Validator::new(schema.clone()).validate(all, ValidationMode::Strict);
    let errors = result.validation_errors();
    errors.for_each(|error| note(source, error, mistakes));
    let warnings = result.validation_warnings();
    warnings.for_each(|warning| note(source, warning, mistakes));
}

/// The policies that can apply to `action`.
pub(super) fn slice(
    named: &[Policy],
    action: &EntityUid,
    entities: &Entities,
) -> Option<PolicySet> {
    let covers = |group: &EntityUid| group == action || entities.is_ancestor_of(group, action);
    let applies = |policy: &&Policy| match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == *action,
        ActionConstraint::In(groups) => groups.iter().any(covers),
    };
    PolicySet::from_policies(named.iter().filter(applies).cloned()).ok()
}
