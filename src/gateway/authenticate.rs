//! Stage `authenticate`: certificate, token and contract must name the same partner, and that
//! partner must not be suspended. The answer is a [`Partner`], which nothing else makes.

use std::sync::Arc;

use http::HeaderMap;

use super::exchange::Exchange;
use crate::entry::Recipient;
use crate::identity::binding::{bind, credentials};
use crate::identity::certificate::ClientCertificate;
use crate::identity::claims::AccessToken;
use crate::identity::token::Verifier;
use crate::policy::contract::Contract;
use crate::refusal::{Code, Refusal, Stopped};
use crate::registry::Registry;
use crate::rules::Rules;
use crate::terms::{PartnerId, Promise};

/// An authenticated partner, under the snapshot of rules that holds for this request.
#[derive(Clone, Debug)]
pub struct Partner {
    contract: Arc<Contract>,
    token: Arc<AccessToken>,
    rules: Arc<Rules>,
}

impl Partner {
    /// Its contract.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// Its verified access token.
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// The rules of this request.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Whose budget it spends: a co-brand spends its parent's, so that a family cannot slice.
    pub fn budget_owner(&self) -> &PartnerId {
        self.contract
            .parent
            .as_ref()
            .unwrap_or(&self.contract.partner)
    }
}

/// Says who calls.
///
/// # Errors
/// The 401s and 403s of the identity rows of the refusal table.
pub async fn authenticate(
    exchange: &mut Exchange,
    headers: &HeaderMap,
    certificate: Option<&ClientCertificate>,
    verifier: &Verifier,
    rules: Arc<Rules>,
    registry: &Registry,
) -> Result<Partner, Stopped> {
    exchange.identified = certificate.is_some();
    exchange.facts.certificate =
        certificate.map(|certificate| certificate.thumbprint.to_base64url());
    let token = credentials(headers)?;
    let token = verifier.verify(token).await.map_err(Refusal::from)?;
    exchange.facts.client = Some(token.client_id.to_string());
    bind(&token, certificate)?;
    let by_client = rules.policy.by_client(&token.client_id).cloned();
    let by_certificate = certificate
        .and_then(|shown| rules.policy.by_certificate(shown.thumbprint, &shown.names))
        .cloned();
    let contract = match (by_client, by_certificate) {
        (Some(one), Some(other)) if one.partner == other.partner => one,
        _ => return Err(mismatch().into()),
    };
    exchange.facts.recipient = Some(Recipient::Partner {
        id: contract.partner.to_string(),
        parent: contract.parent.as_ref().map(ToString::to_string),
    });
    let label = format!(
        "\"{}\";contract=\"{}\"",
        rules.policy.version(),
        contract.label()
    );
    exchange.set_header("covenant-policy", &label);
    exchange.facts.policy = Some(label);
    refuse_suspended(&contract, registry)?;
    Ok(Partner {
        contract,
        token,
        rules,
    })
}

fn mismatch() -> Refusal {
    Refusal::new(
        Code::IdentityMismatch,
        "The client certificate and the access token do not belong to one contract.",
        "Use the certificate and the client_id that were registered together for this partner.",
    )
    .promise(Promise::number(9))
}

fn refuse_suspended(contract: &Contract, registry: &Registry) -> Result<(), Stopped> {
    let family = std::iter::once(&contract.partner).chain(contract.parent.as_ref());
    match family
        .into_iter()
        .find_map(|partner| registry.suspension(partner))
    {
        None => Ok(()),
        Some(suspension) => Err(Refusal::new(
            Code::PartnerSuspended,
            "This partner's access is suspended.",
            "Write to the contact address to have the suspension reviewed.",
        )
        .promise(Promise::number(7))
        .member("since", suspension.since.to_string())
        .into()),
    }
}
