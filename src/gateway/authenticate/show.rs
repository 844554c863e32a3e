//! What a request shows beside its certificate: a token, with or without a proof, or an API key.

use std::sync::Arc;

use http::header::RETRY_AFTER;

use super::super::exchange::Exchange;
use super::{Authenticator, Partner};
use crate::edge::AcceptedHead;
use crate::entry::API_KEY;
use crate::identity::api_key::{ApiKeyRecord, PresentedKey};
use crate::identity::binding::{
    Carrier, Credential, DPOP_NONCE, bind, credentials, no_certificate, not_a_key, not_bearer,
    proof,
};
use crate::identity::certificate::ClientCertificate;
use crate::identity::claims::AccessToken;
use crate::identity::dpop::{Proof, ProofRejected, Request};
use crate::policy::PolicySet;
use crate::policy::contract::Contract;
use crate::refusal::{Code, Fault, Refusal, Stopped};
use crate::registry::Claimed;

/// A token whose bindings were all proved, or a key that its contract has yet to know.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    Token {
        token: Arc<AccessToken>,
        carrier: Carrier,
        kind: &'static str,
    },
    ApiKey {
        prefix: Arc<str>,
        record: ApiKeyRecord,
    },
}

impl Shown {
    /// `client_id`, or the prefix of the key.
    pub(super) fn client(&self) -> &Arc<str> {
        match self {
            Self::Token { token, .. } => &token.client_id,
            Self::ApiKey { prefix, .. } => prefix,
        }
    }

    pub(super) fn purposes(&self) -> Option<&[Arc<str>]> {
        match self {
            Self::Token { token, .. } => token.purposes.as_deref(),
            Self::ApiKey { .. } => None,
        }
    }

    pub(super) fn token_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Token { token, .. } => Some(&token.token_id),
            Self::ApiKey { .. } => None,
        }
    }

    /// As entries name it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Token { kind, .. } => kind,
            Self::ApiKey { .. } => API_KEY,
        }
    }

    /// The contract that names it. A key that is none of any contract's is nobody's; a token of a client
    /// that is in no contract is for `identity-mismatch`.
    pub(super) fn contract<'a>(
        &self,
        policy: &'a PolicySet,
    ) -> Result<Option<&'a Arc<Contract>>, Stopped> {
        let (prefix, shown) = match self {
            Self::Token { token, .. } => return Ok(policy.by_client(&token.client_id)),
            Self::ApiKey { prefix, record } => (prefix, record),
        };
        let contract = policy.by_api_key(prefix);
        let keys = contract.map(|contract| contract.credentials.api_keys.iter());
        let mut keys = keys.into_iter().flatten();
        let known = keys.find(|key| key.prefix == shown.prefix);
        // As much work where there is none of that name.
        let known = known.map_or_else(|| shown.is(&ApiKeyRecord::nobody()), |key| shown.is(key));
        match known {
            true => Ok(contract),
            false => Err((*not_a_key()).into()),
        }
    }

    /// Whether it comes as the contract wants it: in which half of Basic, and bound to what.
    pub(super) fn keeps(&self, contract: &Contract) -> Result<(), Stopped> {
        let Self::Token { token, carrier, .. } = self else {
            return Ok(());
        };
        let credentials = &contract.credentials;
        let plain = matches!(carrier, Carrier::Bearer | Carrier::Dpop);
        if !plain && credentials.basic != Some(*carrier) {
            return Err((*not_bearer()).into());
        }
        credentials.bindings.admit(token).map_err(|no| (*no).into())
    }
}

impl Authenticator<'_> {
    /// What the request shows over this certificate, and the proof that came with it, which is still to
    /// be claimed.
    pub(super) async fn shown(
        &self,
        exchange: &mut Exchange,
        head: &AcceptedHead,
        certificate: Option<&ClientCertificate>,
    ) -> Result<(Shown, Option<Proof>), Stopped> {
        let (compact, carrier) = match credentials(head.headers())? {
            Credential::Token { token, carrier } => (token, carrier),
            Credential::ApiKey(key) => {
                proof(head.headers(), None)?;
                certificate.ok_or_else(no_certificate)?;
                let record = PresentedKey::parse(&key).ok_or_else(not_a_key)?.record();
                let prefix = Arc::from(record.prefix.as_str());
                return Ok((Shown::ApiKey { prefix, record }, None));
            }
        };
        let sent = proof(head.headers(), Some(carrier))?;
        if carrier == Carrier::Dpop
            && let Some(nonce) = self.verifier.nonce()
        {
            exchange.set_header(DPOP_NONCE, &nonce);
        }
        let verified = self.verifier.verify(&compact).await;
        let token = verified.map_err(Refusal::from)?;
        exchange.facts.client = Some(token.client_id.to_string());
        let request = Request {
            method: head.method().as_str(),
            host: head.host(),
            path: head.path().as_str(),
        };
        let judged = sent.map(|sent| self.verifier.judge_proof(sent, &compact, &request));
        let proof = judged.transpose().map_err(Box::<Refusal>::from)?;
        let kind = bind(&token, certificate, proof.as_ref())?.kind();
        let shown = Shown::Token {
            token,
            carrier,
            kind,
        };
        Ok((shown, proof))
    }

    /// A proof is good once. Claimed last, so that only who would be served can fill the memory of them.
    ///
    /// # Errors
    /// [`Code::ProofInvalid`] where it was seen before, [`Code::Overloaded`] where there is no room to
    /// remember it, [`Code::RecordUnavailable`] where that could not be written.
    pub(super) async fn claim(&self, proof: &Proof, partner: &Partner) -> Result<(), Stopped> {
        let owner = &partner.contract.partner;
        let claimed = self.registry.claim_proof(proof.digest, owner, proof.until);
        match claimed.await {
            Ok(Claimed::First) => Ok(()),
            Ok(Claimed::Seen) => Err((*Box::<Refusal>::from(ProofRejected::Replayed)).into()),
            Ok(Claimed::NoRoom) => {
                let detail = "there are more proofs under way than can be remembered";
                let refusal = Refusal::new(Code::Overloaded, detail, "try again in a minute");
                Err(refusal.header(RETRY_AFTER, "60").into())
            }
            Err(error) => Err(Fault::new(Code::RecordUnavailable, error.to_string()).into()),
        }
    }
}
