//! Stage `authenticate`: certificate, token or API key, and contract must name the same partner, the token
//! must be bound as the contract wants it, and neither that partner nor what it shows may be suspended. The
//! answer is a [`Partner`], which nothing else makes.

mod show;

use std::sync::Arc;

use http::header;
use jiff::civil::Date;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use self::show::Shown;
use super::exchange::Exchange;
use crate::config::TermsSettings;
use crate::edge::{AcceptedHead, Peer};
use crate::entry::Recipient;
use crate::identity::binding::no_certificate;
use crate::identity::certificate::ClientCertificate;
use crate::identity::claims::TokenRejected;
use crate::identity::token::Verifier;
use crate::policy::contract::Contract;
use crate::refusal::{Code, Refusal, Stopped};
use crate::registry::Registry;
use crate::rules::Rules;
use crate::terms::{PartnerId, Principal, Promise};

/// Days before their date that new terms are announced on every answer.
const NOTICE_DAYS: i64 = 30;

/// An authenticated partner, under the snapshot of rules that holds for this request.
#[derive(Clone, Debug)]
pub struct Partner {
    contract: Arc<Contract>,
    shown: Shown,
    rules: Arc<Rules>,
    /// Whoever must not be suspended for it to be served, the widest first.
    principals: Arc<[Principal]>,
}

impl Partner {
    /// Its contract.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// The purposes its access token narrows the contract's to; nothing where it does not, or there is
    /// none.
    pub fn purposes(&self) -> Option<&[Arc<str>]> {
        self.shown.purposes()
    }

    /// The `client_id` of its access token, or the prefix of its API key.
    pub fn client(&self) -> &Arc<str> {
        self.shown.client()
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

/// What partners are judged by.
#[derive(Debug)]
pub struct Authenticator<'a> {
    /// Judges access tokens.
    pub verifier: &'a Verifier,
    /// Knows who is suspended, and which proofs were seen.
    pub registry: &'a Registry,
    /// The partner terms in force.
    pub terms: Option<&'a TermsSettings>,
}

impl Authenticator<'_> {
    /// Says who calls.
    ///
    /// # Errors
    /// The 401s and 403s of the identity rows of the refusal table.
    pub async fn partner(
        &self,
        exchange: &mut Exchange,
        head: &AcceptedHead,
        peer: &Peer,
        rules: Arc<Rules>,
    ) -> Result<Partner, Stopped> {
        let certificate = peer.certificate.as_ref();
        exchange.shown = certificate.map(|certificate| certificate.thumbprint);
        exchange.facts.certificate =
            certificate.map(|certificate| certificate.thumbprint.to_base64url());
        let (shown, proof) = self.shown(exchange, head, certificate).await?;
        let certificate = certificate.ok_or_else(no_certificate)?;
        exchange.facts.client = Some(shown.client().to_string());
        exchange.facts.credential = Some(shown.kind().to_owned());
        refuse_expired(certificate, exchange.arrived_at)?;
        let contract = one_contract(&rules, &shown, certificate)?;
        shown.keeps(&contract)?;
        refuse_ended(&contract, certificate, exchange.today())?;
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
        let principals = principals(&contract, certificate, &shown);
        let partner = Partner {
            contract,
            shown,
            rules,
            principals,
        };
        // Known to the connection before it is judged: whoever is suspended right after is found there.
        peer.presented.note(&*partner.principals);
        if let Err(stopped) = stands(self.registry, &partner) {
            peer.presented.end();
            return Err(stopped);
        }
        if let Some(proof) = proof {
            self.claim(&proof, &partner).await?;
        }
        if let Some(terms) = self.terms {
            hold_to_terms(exchange, &partner.contract, terms)?;
        }
        Ok(partner)
    }
}

/// Whether a partner is still served: asked again when the core's answer is there, for it may have
/// been suspended meanwhile.
///
/// # Errors
/// [`Code::PartnerSuspended`] where it, its parent, its client or its certificate is suspended,
/// [`Code::TokenInvalid`] where its token is.
pub fn stands(registry: &Registry, partner: &Partner) -> Result<(), Stopped> {
    let suspensions = registry.suspensions();
    let mut principals = partner.principals.iter();
    let found = principals.find_map(|one| Some((one, suspensions.of(one)?)));
    let Some((principal, suspension)) = found else {
        return Ok(());
    };
    if matches!(principal, Principal::Token(_)) {
        return Err(Refusal::from(TokenRejected::Revoked).closing().into());
    }
    let mut refusal = partner.rules.policy.suspended(&partner.contract);
    match principal {
        Principal::Client(_) => {
            refusal.detail = "This client of the partner is suspended.".to_owned();
        }
        Principal::Certificate(_) => {
            refusal.detail = "This client certificate is suspended.".to_owned();
        }
        Principal::Partner(_) | Principal::Token(_) => {}
    }
    let since = suspension.since.to_string();
    Err(refusal.closing().member("since", since).into())
}

fn principals(
    contract: &Contract,
    certificate: &ClientCertificate,
    shown: &Shown,
) -> Arc<[Principal]> {
    let credentials = [
        Principal::Client(Arc::clone(shown.client())),
        Principal::Certificate(certificate.thumbprint),
    ];
    let token = shown.token_id().map(Arc::clone).map(Principal::Token);
    contract.family().chain(credentials).chain(token).collect()
}

/// Token, or key, and certificate name their contracts apart from each other; they must be the same.
fn one_contract(
    rules: &Rules,
    shown: &Shown,
    certificate: &ClientCertificate,
) -> Result<Arc<Contract>, Stopped> {
    let by_client = shown.contract(&rules.policy)?;
    let by_certificate = rules
        .policy
        .by_certificate(certificate.thumbprint, &certificate.names);
    match (by_client, by_certificate) {
        (Some(one), Some(other)) if one.partner == other.partner => Ok(Arc::clone(one)),
        _ => Err(mismatch().into()),
    }
}

/// A connection outlives the moment at which its certificate was verified.
fn refuse_expired(certificate: &ClientCertificate, now: Timestamp) -> Result<(), Stopped> {
    if now <= certificate.not_after {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ClientCertificateRequired,
        "The client certificate of this connection has expired.",
        "Connect again with a certificate that is valid.",
    )
    .promise(Promise::number(9))
    .closing()
    .into())
}

/// Of two certificates that overlap, the one that was to end ends by itself.
fn refuse_ended(
    contract: &Contract,
    certificate: &ClientCertificate,
    today: Date,
) -> Result<(), Stopped> {
    let last = contract.credentials.last_day_of(certificate.thumbprint);
    let Some(last) = last.filter(|last| today > *last) else {
        return Ok(());
    };
    Err(Refusal::new(
        Code::ClientCertificateRequired,
        format!("This client certificate was replaced by another; its last day was {last}."),
        "Connect with the certificate that took its place, and a token bound to that.",
    )
    .promise(Promise::number(9))
    .closing()
    .into())
}

/// Partners act under the terms in force (P7, P16): who has accepted others is told for thirty days
/// before their date, and refused from it on.
fn hold_to_terms(
    exchange: &mut Exchange,
    contract: &Contract,
    terms: &TermsSettings,
) -> Result<(), Stopped> {
    if *contract.terms.version == *terms.version {
        return Ok(());
    }
    let link = format!("<{}>; rel=\"terms-of-service\"", terms.url);
    let today = exchange.today();
    if today >= terms.required_from {
        return Err(Refusal::new(
            Code::AgreementNotAccepted,
            format!(
                "The partner terms {} are in force and have not been accepted.",
                terms.version
            ),
            "Accept the terms behind the link, through your partner manager.",
        )
        .promise(Promise::number(16))
        .header(header::LINK, &link)
        .into());
    }
    if today.saturating_add(NOTICE_DAYS.days()) >= terms.required_from {
        let end = terms.required_from.to_zoned(TimeZone::UTC).ok();
        let printer = rfc2822::DateTimePrinter::new();
        let date = end.and_then(|end| printer.timestamp_to_rfc9110_string(&end.timestamp()).ok());
        if let Some(date) = date {
            exchange.set_header("sunset", &date);
            exchange.set_header("link", &link);
        }
    }
    Ok(())
}

fn mismatch() -> Refusal {
    Refusal::new(
        Code::IdentityMismatch,
        "The client certificate and the access token do not belong to one contract.",
        "Use the certificate and the client_id that were registered together for this partner.",
    )
    .promise(Promise::number(9))
}
