//! Which purpose a request has (P3): named by the request, within what the token and the contract
//! allow. Nothing here can widen either.

use std::sync::Arc;

use http::header::WWW_AUTHENTICATE;

use super::PolicySet;
use super::circumstances::{Circumstances, Standing};
use super::contract::Contract;
use super::promises::Call;
use super::vocabulary::Question;
use crate::refusal::{Code, Refusal};
use crate::taxonomy::Purpose;
use crate::terms::{Channel, Promise};

/// Longest part of a declared purpose that a refusal repeats, in characters.
const DECLARED_CHARACTERS_MAX: usize = 80;

impl PolicySet {
    /// The purpose of a request. `token_purposes` is the token's claim, where it has one;
    /// `declared` is the header `Purpose-Of-Use`, where it was sent. One purpose left is implied.
    ///
    /// # Errors
    /// `purpose-required` where several are left and none was named; where the one named is not among
    /// them, the refusal of the promises that let nobody use it, else `purpose-not-allowed`.
    pub fn choose_purpose(
        &self,
        contract: &Contract,
        token_purposes: Option<&[Arc<str>]>,
        declared: Option<&str>,
    ) -> Result<Purpose, Box<Refusal>> {
        let in_token = |purpose: &Purpose| {
            token_purposes.is_none_or(|named| named.iter().any(|name| **name == *purpose.key()))
        };
        let allowed: Vec<Purpose> = contract.purposes.iter().copied().filter(in_token).collect();
        let Some(declared) = declared.map(str::trim) else {
            return implied(&allowed);
        };
        let Some(purpose) = Purpose::parse(declared) else {
            let declared: String = declared.chars().take(DECLARED_CHARACTERS_MAX).collect();
            let detail = "The purpose named is not one of the vocabulary.";
            return Err(not_allowed(detail, &declared, &allowed));
        };
        if allowed.contains(&purpose) {
            // Whether the promises let it be called for that, and in which circumstances, `decide` says.
            return Ok(purpose);
        }
        self.refuse_forbidden(contract, purpose, &allowed)?;
        Err(if contract.purposes.contains(&purpose) {
            let detail =
                format!("The contract grants the purpose `{purpose}`, but the token does not.");
            not_allowed(&detail, purpose.key(), &allowed)
        } else {
            not_granted(contract, purpose, &allowed)
        })
    }

    /// What the promises let nobody do is refused by them, whatever a contract says.
    fn refuse_forbidden(
        &self,
        contract: &Contract,
        purpose: Purpose,
        allowed: &[Purpose],
    ) -> Result<(), Box<Refusal>> {
        let call = self.promises.call(&Question {
            kind: contract.kind,
            standing: Standing::Good,
            purpose,
            channel: Channel::Record,
            circumstances: Circumstances::default(),
        });
        let refusal = match call {
            Call::Permitted(_) => return Ok(()),
            Call::NotPermitted => return Err(not_promised(purpose, allowed)),
            Call::Forbidden(rule) => self.refused_by(rule),
        };
        Err(Box::new(match refusal.code {
            Code::MarketingUseBlocked => refusal.member("signals", vec!["purpose"]),
            Code::PurposeNotAllowed => with_purposes(refusal, purpose.key(), allowed),
            _ => refusal,
        }))
    }
}

fn implied(allowed: &[Purpose]) -> Result<Purpose, Box<Refusal>> {
    match allowed {
        [only] => Ok(*only),
        [] => Err(not_allowed(
            "The token grants no purpose that the contract has.",
            "",
            allowed,
        )),
        _ => {
            let refusal = Refusal::new(
                Code::PurposeRequired,
                "Several purposes are possible and the request names none.",
                "Name one of the allowed purposes in the header Purpose-Of-Use.",
            );
            Err(Box::new(
                refusal
                    .promise(Promise::number(3))
                    .member("allowed_purposes", keys(allowed)),
            ))
        }
    }
}

/// `purpose-not-allowed`, with what is allowed instead.
pub(super) fn not_allowed(detail: &str, declared: &str, allowed: &[Purpose]) -> Box<Refusal> {
    let fix = if allowed.is_empty() {
        "Ask for a token with a purpose of your contract."
    } else {
        "Name one of the allowed purposes in the header Purpose-Of-Use."
    };
    let refusal = Refusal::new(Code::PurposeNotAllowed, detail, fix).promise(Promise::number(3));
    Box::new(with_purposes(refusal, declared, allowed))
}

/// The refusal of a purpose for which the promises permit nothing.
pub(super) fn not_promised(purpose: Purpose, allowed: &[Purpose]) -> Box<Refusal> {
    let detail = format!("No promise lets customer information be used for `{purpose}`.");
    not_allowed(&detail, purpose.key(), allowed)
}

/// The refusal of a purpose that the contract does not have, with what is allowed instead. One that
/// it has nearby is named: whoever asks for a parent or a child of it wonders why it is refused.
pub(super) fn not_granted(
    contract: &Contract,
    purpose: Purpose,
    allowed: &[Purpose],
) -> Box<Refusal> {
    let related = contract.purposes.iter();
    let related = related.filter(|has| has.is_within(purpose) || purpose.is_within(**has));
    let related: Vec<String> = related.map(|has| format!("`{has}`")).collect();
    let mut detail = format!("The contract does not grant the purpose `{purpose}`.");
    if !related.is_empty() {
        let related = related.join(", ");
        detail += &format!(
            " It grants {related}, but a purpose of a contract covers neither those above nor those \
             below it."
        );
    }
    not_allowed(&detail, purpose.key(), allowed)
}

/// The members and the challenge of a refusal for its purpose (RFC 6750 section 3.1).
pub fn with_purposes(refusal: Refusal, declared: &str, allowed: &[Purpose]) -> Refusal {
    let challenge = r#"Bearer realm="covenant", error="insufficient_scope""#;
    let refusal = refusal
        .member("allowed_purposes", keys(allowed))
        .header(WWW_AUTHENTICATE, challenge);
    if declared.is_empty() {
        refusal
    } else {
        refusal.member("declared", declared)
    }
}

fn keys(purposes: &[Purpose]) -> Vec<&'static str> {
    purposes.iter().map(|purpose| purpose.key()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::*;
    use crate::terms::PartnerId;

    fn choose(
        partner: &str,
        token: Option<&[&str]>,
        declared: Option<&str>,
    ) -> Result<String, Box<Refusal>> {
        let set = fixture::shipped();
        let contract = set.contract(&PartnerId::parse(partner).unwrap()).unwrap();
        let token: Option<Vec<Arc<str>>> =
            token.map(|names| names.iter().map(|name| Arc::from(*name)).collect());
        let chosen = set.choose_purpose(contract, token.as_deref(), declared);
        chosen.map(|purpose| purpose.to_string())
    }

    #[test]
    fn the_only_purpose_left_is_implied() {
        assert_eq!(choose("crest", None, None).unwrap(), "essential.service");
        let narrowed = choose("acme", Some(&["essential.service"]), None);
        assert_eq!(narrowed.unwrap(), "essential.service");
    }

    #[test]
    fn of_several_purposes_one_must_be_named() {
        let refusal = choose("acme", None, None).unwrap_err();
        assert_eq!(refusal.code, Code::PurposeRequired);
        let allowed = json!(["essential.service", "essential.service.operations.support"]);
        assert_eq!(refusal.members["allowed_purposes"], allowed);
        let named = choose("acme", None, Some("essential.service.operations.support"));
        assert_eq!(named.unwrap(), "essential.service.operations.support");
    }

    #[test]
    fn a_request_cannot_widen_what_token_and_contract_grant() {
        for (token, declared) in [
            (
                Some(&["essential.service"][..]),
                "essential.service.operations.support",
            ),
            (Some(&["finance"][..]), "finance"),
            (None, "finance"),
            (None, "essential"),
            (None, "nonsense"),
            (None, ""),
        ] {
            let refusal = choose("acme", token, Some(declared)).unwrap_err();
            assert_eq!(refusal.code, Code::PurposeNotAllowed, "{declared}");
            let challenge = refusal.headers[WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.contains("insufficient_scope"));
        }
    }

    #[test]
    fn a_marketing_purpose_is_refused_by_the_promise_whatever_was_granted() {
        for declared in [
            "marketing",
            "marketing.advertising.third_party",
            "sales",
            "train_ai_system",
        ] {
            let refusal = choose("acme", Some(&[declared]), Some(declared)).unwrap_err();
            assert_eq!(refusal.code, Code::MarketingUseBlocked, "{declared}");
            assert_eq!(refusal.promise, Some(Promise::number(4)));
            assert_eq!(refusal.members["signals"], json!(["purpose"]));
        }
    }

    #[test]
    fn a_purpose_of_legal_process_needs_a_release_order() {
        let legal = "third_party_sharing.legal_obligation";
        let refusal = choose("acme", None, Some(legal)).unwrap_err();
        assert_eq!(refusal.code, Code::ReleaseRequired);
    }
}
