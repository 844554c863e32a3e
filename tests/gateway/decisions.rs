//! Who may do what, for what, in one table: partner, purpose, operation, and what becomes of it. The
//! table in `tests/golden/decisions.txt` is reviewed like code, so that no change of rules or code
//! changes a decision unseen. `COVENANT_WRITE_GOLDEN=1 cargo test --test gateway` writes it anew.

use std::fs;
use std::path::Path;

use sfv::{List, ListEntry, Parser};

use crate::caller::Reply;
use crate::leaving::every_operation;
use crate::stand::{PARTNERS, Stand};

/// Purposes that some partner has, and some that none can have.
const PURPOSES: [&str; 9] = [
    "essential.service",
    "essential.service.operations.support",
    "essential.service.notifications",
    "essential.service.payment_processing",
    "analytics.reporting",
    "essential.fraud_detection",
    "marketing.advertising",
    "third_party_sharing",
    "third_party_sharing.legal_obligation",
];

/// `allow`, `redact` with the fields that do not leave as they are, or the code of the refusal.
fn decision(reply: &Reply) -> String {
    let document = reply.json();
    let promise = document["promise"].as_str().unwrap_or("-");
    match document["code"].as_str() {
        Some(code) if reply.status.as_u16() >= 400 => {
            format!("{} {code} {promise}", reply.status.as_u16())
        }
        _ => format!("{} {}", reply.status.as_u16(), released(reply)),
    }
}

fn released(reply: &Reply) -> String {
    let decision = reply.header("covenant-decision");
    let redacted: List = Parser::new(reply.header("covenant-redacted"))
        .parse()
        .unwrap();
    let fields = redacted.iter().map(|entry| {
        let ListEntry::Item(item) = entry else {
            panic!("no list of fields")
        };
        let method = item
            .params
            .get("method")
            .and_then(|method| method.as_token());
        let mark = match method.map(|method| method.as_str()) {
            Some("removal") => "-",
            Some("emptyValue") => "0",
            Some("partialValue") => "~",
            Some("replacementValue") => "#",
            _ => "+",
        };
        let name = item.bare_item.as_string().unwrap().as_str();
        format!(" {mark}{}", name.trim_start_matches("$."))
    });
    decision.to_owned() + &fields.collect::<String>()
}

/// The path with `{kind}` in place of each id.
fn template(target: &str) -> String {
    let path = target.split('?').next().unwrap();
    let segment = |segment: &str| match segment.rsplit_once('_') {
        Some((kind, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{{{kind}}}")
        }
        _ => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn no_decision_changes_unseen() {
    let stand = Stand::start().await;
    let mut table = String::from(
        "# Own customers. Fields that do not leave as they are: - left out, 0 emptied, ~ in part,\n\
         # # as a pseudonym. Refusals: status, code, promise.\n",
    );
    for (partner, ..) in PARTNERS {
        let mut caller = stand.partner(partner).await;
        for purpose in PURPOSES {
            let mut lines: Vec<(String, String)> = Vec::new();
            for call in every_operation(&stand.subject(partner, 5)) {
                let line = format!("{:<4} {}", call.method.as_str(), template(&call.target));
                let decided = decision(&caller.call(call.purpose(purpose)).await);
                lines.push((line, decided));
            }
            lines.dedup();
            table.push_str(&format!("\n{partner}, {purpose}\n"));
            let (_, first) = &lines[0];
            if lines.iter().all(|(_, decided)| decided == first) {
                table.push_str(&format!("  {:<36} {first}\n", "every operation"));
                continue;
            }
            for (line, decided) in lines {
                table.push_str(&format!("  {line:<36} {decided}\n"));
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decisions.txt");
    if std::env::var_os("COVENANT_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &table).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for (decided, reviewed) in table.lines().zip(expected.lines()) {
        assert_eq!(
            decided, reviewed,
            "decisions changed; see the head of this file"
        );
    }
    assert_eq!(table.len(), expected.len(), "decisions came or went");
}
