//! Rules in another shape, for the prover: a property's pattern as a permit, and the contract as a
//! condition of the request. The rules themselves are never changed.

use cedar_policy::{Effect, Policy, PolicyId, Schema, SchemaFragment};
use serde_json::{Value, json};

use super::ProofError;

/// The fact of a request that stands for the partner's contract.
const CONTRACT: &str = "contract_grants";

/// A rule of ours in Cedar.
pub(super) fn policy_of(id: &str, text: &str) -> Result<Policy, ProofError> {
    let parsed = Policy::parse(Some(PolicyId::new(id)), text);
    parsed.map_err(|error| ProofError::Ours(format!("{text}: {error}")))
}

/// The same conditions as a permit, whose matches can be asked for.
pub(super) fn as_permit(policy: &Policy) -> Result<Policy, ProofError> {
    if policy.effect() == Effect::Permit {
        return Ok(policy.clone());
    }
    let turned = || {
        let mut json = policy.to_json().ok()?;
        *json.get_mut("effect")? = json!("permit");
        Policy::from_json(Some(policy.id().clone()), json).ok()
    };
    turned().ok_or_else(|| ProofError::Ours(format!("`{}` cannot be turned", policy.id())))
}

/// Every contract there can be: whatever it says, for each request it grants or it does not, and the
/// prover may choose. What a contract grants beyond the promises is nothing, as `policy/grant.rs`
/// intersects both.
pub(super) fn any_contract() -> Result<Policy, ProofError> {
    let text = format!("forbid (principal, action, resource) unless {{ context.{CONTRACT} }};");
    policy_of("contract", &text)
}

/// The schema of these sources with the contract's answer among the facts of every request.
pub(super) fn schema_with_contract(source: &str) -> Result<Schema, ProofError> {
    let failed = |error: &dyn std::fmt::Display| ProofError::Ours(format!("the schema: {error}"));
    let (fragment, _) =
        SchemaFragment::from_cedarschema_str(source).map_err(|error| failed(&error))?;
    let mut json = fragment.to_json_value().map_err(|error| failed(&error))?;
    let mut shared = Vec::new();
    let namespaces = json.as_object_mut().into_iter().flatten();
    for (_, namespace) in namespaces {
        let actions = namespace.get_mut("actions").and_then(Value::as_object_mut);
        for (_, action) in actions.into_iter().flatten() {
            let context = action.pointer_mut("/appliesTo/context");
            shared.extend(context.and_then(add_contract));
        }
        for name in &shared {
            if let Some(record) = namespace.pointer_mut(&format!("/commonTypes/{name}")) {
                add_contract(record);
            }
        }
    }
    Schema::from_json_value(json).map_err(|error| failed(&error))
}

/// Adds the contract to a record; the name of the type where the record stands elsewhere.
fn add_contract(record: &mut Value) -> Option<String> {
    let attributes = record.get_mut("attributes").and_then(Value::as_object_mut);
    match attributes {
        Some(attributes) => {
            let answer = json!({"type": "Boolean", "required": true});
            attributes.insert(CONTRACT.to_owned(), answer);
            None
        }
        None => ["name", "type"]
            .iter()
            .find_map(|key| record.get(*key)?.as_str())
            .map(str::to_owned),
    }
}
