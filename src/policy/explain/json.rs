//! An explanation for tools: all there is to tell, category by category.

use serde_json::{Value, json};

use super::{Account, Explanation, FieldLine, Line, Outcome, Reason};
use crate::refusal::Refusal;
use crate::terms::Form;

impl Explanation {
    /// For tools.
    pub fn to_json(&self) -> Value {
        let circumstances = self.circumstances;
        let operation = &self.operation;
        let mut document = json!({
            "decision": self.decision(),
            "contract": self.contract,
            "operation": &*operation.id,
            "method": operation.method.as_str(),
            "path": &*operation.path,
            "purpose": self.purpose.key(),
            "circumstances": {
                "own": circumstances.own,
                "consented": circumstances.consented,
                "agreement": circumstances.agreement,
                "order": circumstances.order,
            },
        });
        let members = match &self.outcome {
            Outcome::Refused(refusal, changes) => json!({
                "refusal": refusal_json(refusal),
                "changes": changes,
            }),
            Outcome::Granted(account) => account_json(account),
        };
        if let (Value::Object(document), Value::Object(members)) = (&mut document, members) {
            document.extend(members);
        }
        document
    }
}

fn refusal_json(refusal: &Refusal) -> Value {
    json!({
        "code": refusal.code.name(),
        "status": refusal.code.status().as_u16(),
        "promise": refusal.promise.map(|promise| promise.to_string()),
        "rule": refusal.rule,
        "detail": refusal.detail,
        "fix": refusal.fix,
        "members": refusal.members,
    })
}

fn account_json(account: &Account) -> Value {
    json!({
        "record_left_out": account.left_out,
        "categories": account.lines.iter().map(line_json).collect::<Value>(),
        "unclassified": account.unclassified.iter().map(|path| &**path).collect::<Value>(),
    })
}

fn line_json(line: &Line) -> Value {
    let reason = |reason: &Reason| {
        json!({
            "rule": reason.rule,
            "promise": reason.promise,
            "sentence": reason.sentence,
        })
    };
    let field = |field: &FieldLine| {
        json!({
            "path": &*field.path,
            "leaves": field.leaves,
            "method": field.method,
        })
    };
    json!({
        "category": line.category.key(),
        "form": line.form.map(Form::word),
        "rules": line.rules.iter().map(reason).collect::<Value>(),
        "contract_says": line.held_back,
        "withheld_by": line.promise.map(|promise| promise.to_string()),
        "changes": line.changes,
        "fields": line.fields.iter().map(field).collect::<Value>(),
    })
}
