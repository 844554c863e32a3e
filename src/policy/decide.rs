//! The decision about one call: may this partner call this operation for this purpose, and what may
//! then be disclosed. Which customers the answer is about is not known yet; the grant holds the
//! answer for every circumstance.

use jiff::civil::Date;

use super::circumstances::{Circumstances, Standing};
use super::compiled::Compiled;
use super::contract::Contract;
use super::promises::Call;
use super::purpose::{not_allowed, not_granted, not_promised, with_purposes};
use super::rules::RuleIndex;
use super::vocabulary::Question;
use super::{Grant, PolicySet};
use crate::catalogue::{Body, Operation};
use crate::refusal::{Code, Refusal};
use crate::taxonomy::Purpose;
use crate::terms::{Channel, Form, PartnerId, Promise};

/// A call to be decided: Cedar's principal, action and context.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// Who calls.
    pub partner: &'a PartnerId,
    /// Whether it may at all, by the registry (P7).
    pub standing: Standing,
    /// What it calls.
    pub operation: &'a Operation,
    /// For what, from [`PolicySet::choose_purpose`].
    pub purpose: Purpose,
    /// What in the request speaks of marketing: `use_type`, `audience`. Any makes it a campaign (P4).
    pub marketing_signals: &'a [&'a str],
    /// How many records a page it asks for shall have.
    pub page_records: Option<u32>,
    /// The UTC day, for exceptions that end.
    pub today: Date,
    /// What is known of the customer before the core is asked: none of it where the request names no
    /// customer. What the answer turns out to be about is judged by the grant.
    pub circumstances: Circumstances,
}

impl AccessRequest<'_> {
    /// The question that the promises answer about the call. What speaks of marketing makes it a
    /// campaign.
    pub(super) fn question(&self, contract: &Contract) -> Question {
        let channel = if self.marketing_signals.is_empty() {
            self.operation.channel
        } else {
            Channel::Campaign
        };
        Question {
            kind: contract.kind,
            standing: self.standing,
            purpose: self.purpose,
            channel,
            circumstances: self.circumstances,
        }
    }
}

impl PolicySet {
    /// Decides. The earliest of these refuses: the partner's standing, the promises, the purposes
    /// of the operation, the contract's purposes, its operations, its page size, and a document that
    /// could not leave.
    ///
    /// # Errors
    /// The refusal, with the promise and rule it keeps and what the partner can do. Of a suspended
    /// partner the caller adds `since`; of a page too large, the `Link` to one that is not.
    pub fn decide(&self, request: &AccessRequest<'_>) -> Result<Grant, Box<Refusal>> {
        let Some(compiled) = self.compiled(request.partner) else {
            return Err(operation_not_allowed(request));
        };
        let contract = &*compiled.contract;
        self.check_promises(request, contract)?;
        check_operation_purposes(request, contract)?;
        let grant = self.granted(request, compiled)?;
        if !contract.operations.contains(&*request.operation.id) {
            return Err(operation_not_allowed(request));
        }
        check_page(request, contract)?;
        check_document(request, &grant)?;
        Ok(grant)
    }

    /// What a suspended partner is told, whatever it calls (P7). The caller adds `since`.
    pub fn suspended(&self, contract: &Contract) -> Refusal {
        let ask = |purpose: &Purpose| {
            self.promises.call(&Question {
                kind: contract.kind,
                standing: Standing::Suspended,
                purpose: *purpose,
                channel: Channel::Record,
                circumstances: Circumstances::default(),
            })
        };
        let refusal = match contract.purposes.first().map(ask) {
            Some(Call::Forbidden(rule)) => Some(self.refused_by(rule)),
            _ => None,
        };
        let refusal = refusal.filter(|refusal| refusal.code == Code::PartnerSuspended);
        refusal.unwrap_or_else(|| {
            let detail = "A partner that is suspended receives nothing.";
            let fix = "Ask the contact named here.";
            Refusal::new(Code::PartnerSuspended, detail, fix).promise(Promise::number(7))
        })
    }

    fn check_promises(
        &self,
        request: &AccessRequest<'_>,
        contract: &Contract,
    ) -> Result<(), Box<Refusal>> {
        let question = request.question(contract);
        match self.promises.call(&question) {
            Call::Permitted(_) => Ok(()),
            Call::Forbidden(rule) => Err(self.forbidden(rule, request, contract)),
            Call::NotPermitted => {
                let allowed = self.purposes_for(&question, contract);
                Err(not_promised(request.purpose, &allowed))
            }
        }
    }

    /// The refusal of a rule, with the members its code has.
    fn forbidden(
        &self,
        rule: RuleIndex,
        request: &AccessRequest<'_>,
        contract: &Contract,
    ) -> Box<Refusal> {
        let refusal = self.refused_by(rule);
        let (operation, question) = (request.operation, request.question(contract));
        Box::new(match refusal.code {
            Code::MarketingUseBlocked => {
                let mut signals: Vec<&str> = Vec::new();
                let plain = Question {
                    channel: Channel::Record,
                    ..question
                };
                if matches!(self.promises.call(&plain), Call::Forbidden(_)) {
                    signals.push("purpose");
                }
                if operation.channel == Channel::Campaign {
                    signals.push("operation");
                }
                signals.extend(request.marketing_signals);
                refusal.member("signals", signals)
            }
            Code::BulkExportBlocked => {
                let refusal = refusal.member("signals", vec!["operation"]);
                match &operation.alternative {
                    Some(alternative) => refusal.member("alternative", &**alternative),
                    None => refusal,
                }
            }
            Code::PurposeNotAllowed => {
                let allowed = self.purposes_for(&question, contract);
                with_purposes(refusal, request.purpose.key(), &allowed)
            }
            _ => refusal,
        })
    }

    /// What the annotations of a rule say to a refused caller.
    pub(super) fn refused_by(&self, rule: RuleIndex) -> Refusal {
        let Some(rule) = self.promises.rule(rule) else {
            return Refusal::new(
                Code::OperationNotAllowed,
                "The promises refuse this call.",
                "Ask the contact named here.",
            );
        };
        let code = rule.refusal.unwrap_or(Code::OperationNotAllowed);
        let fix = rule.fix.as_deref().unwrap_or("Ask the contact named here.");
        Refusal::new(code, &*rule.sentence, fix)
            .promise(rule.promise)
            .rule(&*rule.id)
    }

    /// The contract's purposes for which the promises permit the call in question.
    fn purposes_for(&self, question: &Question, contract: &Contract) -> Vec<Purpose> {
        let permitted = |purpose: &Purpose| {
            let call = self.promises.call(&Question {
                purpose: *purpose,
                ..*question
            });
            matches!(call, Call::Permitted(_))
        };
        let purposes = contract.purposes.iter().copied();
        purposes.filter(permitted).collect()
    }

    fn granted(
        &self,
        request: &AccessRequest<'_>,
        compiled: &Compiled,
    ) -> Result<Grant, Box<Refusal>> {
        let channel = request.operation.channel;
        let grant = compiled.grant(&self.promises, request.purpose, channel);
        grant.cloned().ok_or_else(|| {
            let contract = &compiled.contract;
            not_granted(contract, request.purpose, &contract.purposes)
        })
    }
}

fn check_operation_purposes(
    request: &AccessRequest<'_>,
    contract: &Contract,
) -> Result<(), Box<Refusal>> {
    let uses = &request.operation.purposes;
    let covered =
        |purpose: Purpose| uses.is_empty() || uses.iter().any(|using| purpose.is_within(*using));
    if covered(request.purpose) {
        return Ok(());
    }
    let purposes = contract.purposes.iter().copied();
    let allowed: Vec<Purpose> = purposes.filter(|purpose| covered(*purpose)).collect();
    let (id, purpose) = (&request.operation.id, request.purpose);
    Err(not_allowed(
        &format!("The operation `{id}` is not called for `{purpose}`."),
        purpose.key(),
        &allowed,
    ))
}

fn operation_not_allowed(request: &AccessRequest<'_>) -> Box<Refusal> {
    let detail = format!("The contract does not grant `{}`.", request.operation.id);
    let fix = "Use an operation of your contract, or ask your partner manager for this one.";
    let refusal = Refusal::new(Code::OperationNotAllowed, detail, fix);
    Box::new(refusal.promise(Promise::number(3)))
}

fn check_page(request: &AccessRequest<'_>, contract: &Contract) -> Result<(), Box<Refusal>> {
    let max = contract.page_records_max_on(request.today);
    match request.page_records {
        Some(requested) if requested > max => {
            let detail = format!("A page of {requested} records was asked for; {max} are allowed.");
            let fix = format!("Ask for pages of at most {max} records.");
            let refusal = Refusal::new(Code::PageTooLarge, detail, fix)
                .promise(Promise::number(5))
                .member("requested", requested)
                .member("max", max);
            Err(Box::new(refusal))
        }
        _ => Ok(()),
    }
}

/// A document leaves whole or not at all, so that is known before the core is asked (P10).
fn check_document(request: &AccessRequest<'_>, grant: &Grant) -> Result<(), Box<Refusal>> {
    let circumstances = request.circumstances;
    let forms = grant.forms(circumstances);
    let mut answers = request.operation.answers.iter();
    let withheld = answers.find_map(|answer| match answer.body {
        Body::Document { category, .. } => {
            let form = forms.get(category.index()).copied().flatten();
            (form != Some(Form::Clear)).then_some(category)
        }
        _ => None,
    });
    let Some(category) = withheld else {
        return Ok(());
    };
    let refusal = Refusal::new(
        Code::PurposeNotAllowed,
        format!("Documents of category `{category}` are not disclosed for this purpose."),
        "Read documents for the purpose of producing the mailing only.",
    );
    let refusal = refusal.promise(grant.withheld_by(circumstances, category));
    Err(Box::new(with_purposes(refusal, request.purpose.key(), &[])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{self, request};
    use super::*;
    use crate::mistakes::Mistakes;
    use crate::source::Folder;
    use crate::taxonomy::Category;

    fn form(grant: &Grant, circumstances: Circumstances, category: &str) -> Option<Form> {
        let category = Category::parse(category).unwrap();
        grant.forms(circumstances)[category.index()]
    }

    fn refusal(set: &PolicySet, request: &AccessRequest<'_>) -> Refusal {
        *set.decide(request).unwrap_err()
    }

    #[test]
    fn a_partner_sees_its_own_customers_in_the_forms_of_its_contract() {
        let set = fixture::shipped();
        let operation = fixture::operation("getCustomer", Channel::Record);
        let grant = set
            .decide(&request("acme", &operation, "essential.service"))
            .unwrap();
        let own = Circumstances::OWN;
        assert_eq!(form(&grant, own, "user.name"), Some(Form::Clear));
        assert_eq!(
            form(&grant, own, "user.contact.address.city"),
            Some(Form::Clear)
        );
        assert_eq!(form(&grant, own, "user.contact.email"), None);
        assert_eq!(form(&grant, own, "user.contact.phone_number"), None);
        assert_eq!(form(&grant, own, "user.authorization.password"), None);
        assert_eq!(form(&grant, Circumstances::default(), "user.name"), None);
        assert_eq!(
            form(&grant, Circumstances::default(), "system.operations"),
            Some(Form::Clear)
        );
        assert!(
            grant
                .rules(own)
                .iter()
                .any(|rule| &**rule == "names-and-addresses-for-service")
        );
        let email = Category::parse("user.contact.email").unwrap();
        assert_eq!(grant.withheld_by(own, email), Promise::number(5));
    }

    #[test]
    fn support_sees_contact_details_in_part() {
        let set = fixture::shipped();
        let operation = fixture::operation("getCustomer", Channel::Record);
        let support = request("acme", &operation, "essential.service.operations.support");
        let grant = set.decide(&support).unwrap();
        let own = Circumstances::OWN;
        assert_eq!(form(&grant, own, "user.contact.email"), Some(Form::Partial));
        assert_eq!(
            form(&grant, own, "user.contact.phone_number"),
            Some(Form::Partial)
        );
        assert_eq!(form(&grant, own, "user.content.private"), None);
    }

    #[test]
    fn a_contract_narrows_a_part_of_what_it_grants() {
        let set = fixture::shipped();
        let operation = fixture::operation("getCustomer", Channel::Record);
        let own = Circumstances::OWN;
        let bluebird = set
            .decide(&request("bluebird", &operation, "essential.service"))
            .unwrap();
        assert_eq!(
            form(&bluebird, own, "user.contact.address.city"),
            Some(Form::Clear)
        );
        assert_eq!(form(&bluebird, own, "user.contact.address.street"), None);
        let crest = set
            .decide(&request("crest", &operation, "essential.service"))
            .unwrap();
        assert_eq!(form(&crest, own, "user.name"), Some(Form::Pseudonym));
    }

    #[test]
    fn figures_leave_only_where_groups_are_counted() {
        let set = fixture::shipped();
        let category = "user.behavior.browsing_history";
        let operation = fixture::operation("getPageViewStatistics", Channel::Aggregate);
        let statistics = request("bluebird", &operation, "analytics.reporting");
        let grant = set.decide(&statistics).unwrap();
        assert_eq!(
            form(&grant, Circumstances::default(), category),
            Some(Form::Aggregate)
        );
        let operation = fixture::operation("getCustomer", Channel::Record);
        let grant = set
            .decide(&request("bluebird", &operation, "analytics.reporting"))
            .unwrap();
        for circumstances in Circumstances::all() {
            assert_eq!(form(&grant, circumstances, category), None);
        }
        let browsing = Category::parse(category).unwrap();
        assert_eq!(
            grant.withheld_by(Circumstances::OWN, browsing),
            Promise::number(2)
        );
    }

    #[test]
    fn closed_ways_out_are_refused_whatever_the_contract_says() {
        let set = fixture::shipped();
        for (channel, code, promise, rule) in [
            (Channel::Export, "bulk-export-blocked", 5, "no-bulk-export"),
            (
                Channel::Campaign,
                "marketing-use-blocked",
                4,
                "no-campaigns",
            ),
            (
                Channel::Webhook,
                "channel-blocked",
                5,
                "no-unmediated-webhooks",
            ),
        ] {
            for id in ["getCustomer", "notInAnyContract"] {
                let operation = fixture::operation(id, channel);
                let refusal = refusal(&set, &request("acme", &operation, "essential.service"));
                assert_eq!(refusal.code.name(), code);
                assert_eq!(refusal.promise, Some(Promise::number(promise)));
                assert_eq!(refusal.rule.as_deref(), Some(rule));
            }
        }
    }

    #[test]
    fn what_speaks_of_marketing_is_named_in_the_refusal() {
        let set = fixture::shipped();
        let campaign = fixture::operation("createCampaign", Channel::Campaign);
        let marketing = AccessRequest {
            marketing_signals: &["audience"],
            ..request("acme", &campaign, "marketing.advertising")
        };
        let signals = refusal(&set, &marketing).members["signals"].clone();
        assert_eq!(signals, json!(["purpose", "operation", "audience"]));
        let job = fixture::operation("createJob", Channel::Write);
        let disguised = AccessRequest {
            marketing_signals: &["use_type"],
            ..request("acme", &job, "essential.service")
        };
        let refusal = refusal(&set, &disguised);
        assert_eq!(refusal.code, Code::MarketingUseBlocked);
        assert_eq!(refusal.members["signals"], json!(["use_type"]));
    }

    #[test]
    fn an_export_names_its_alternative() {
        let set = fixture::shipped();
        let mut operation = fixture::operation("exportCustomers", Channel::Export);
        operation.alternative = Some("GET /v1/customers".into());
        let refusal = refusal(&set, &request("acme", &operation, "essential.service"));
        assert_eq!(refusal.members["alternative"], "GET /v1/customers");
        assert_eq!(refusal.members["signals"], json!(["operation"]));
    }

    #[test]
    fn suspension_comes_before_everything_else() {
        let set = fixture::shipped();
        let operation = fixture::operation("exportCustomers", Channel::Export);
        let suspended = AccessRequest {
            standing: Standing::Suspended,
            ..request("acme", &operation, "marketing")
        };
        let refusal = refusal(&set, &suspended);
        assert_eq!(refusal.code, Code::PartnerSuspended);
        assert_eq!(refusal.promise, Some(Promise::number(7)));
    }

    #[test]
    fn legal_process_may_be_called_for_under_an_order_by_a_contract_that_has_it() {
        let legal = "third_party_sharing.legal_obligation";
        let mut mistakes = Mistakes::new();
        let shipped = Folder::read(&fixture::directory(), &mut mistakes);
        let files = shipped.files().map(|(name, source)| {
            let purposes = format!("purposes:\n  - {legal}\n");
            (
                name.to_owned(),
                source.text().replace("purposes:\n", &purposes),
            )
        });
        let folder = Folder::of("legal", files, &mut mistakes);
        let catalogue = Some(fixture::catalogue());
        let set = PolicySet::load(&folder, catalogue, None, fixture::TODAY, &mut mistakes);
        let set = set.unwrap();
        let operation = fixture::operation("getCustomer", Channel::Record);
        let plain = request("acme", &operation, legal);
        assert_eq!(refusal(&set, &plain).code, Code::ReleaseRequired);
        let ordered = AccessRequest {
            circumstances: Circumstances {
                order: true,
                ..Circumstances::OWN
            },
            ..plain
        };
        let grant = set.decide(&ordered).unwrap();
        let name = form(&grant, ordered.circumstances, "user.name");
        assert_eq!(name, Some(Form::Clear));
        assert_eq!(form(&grant, Circumstances::OWN, "user.name"), None);
    }

    #[test]
    fn documents_are_read_back_for_their_mailing_only() {
        let set = fixture::shipped();
        let operation = fixture::operation("getDocument", Channel::Document);
        assert!(
            set.decide(&request("acme", &operation, "essential.service"))
                .is_ok()
        );
        let support = request("acme", &operation, "essential.service.operations.support");
        let refusal = refusal(&set, &support);
        assert_eq!(refusal.code, Code::PurposeNotAllowed);
        assert_eq!(refusal.promise, Some(Promise::number(11)));
        assert_eq!(
            refusal.members["allowed_purposes"],
            json!(["essential.service"])
        );
        assert_eq!(
            refusal.members["declared"],
            "essential.service.operations.support"
        );
    }

    #[test]
    fn an_operation_has_purposes_of_its_own_and_covers_those_below() {
        let set = fixture::shipped();
        let mut operation = fixture::operation("getCustomer", Channel::Record);
        operation.purposes = vec![Purpose::parse("essential.service").unwrap()];
        let support = request("acme", &operation, "essential.service.operations.support");
        assert!(set.decide(&support).is_ok());
        let statistics = request("bluebird", &operation, "analytics.reporting");
        let refusal = refusal(&set, &statistics);
        assert_eq!(refusal.code, Code::PurposeNotAllowed);
        let allowed = refusal.members["allowed_purposes"].as_array().unwrap();
        assert_eq!(allowed.len(), 3);
        assert!(!allowed.contains(&json!("analytics.reporting")));
    }

    #[test]
    fn operations_and_pages_are_bounded_by_the_contract() {
        let set = fixture::shipped();
        let operation = fixture::operation("deleteEverything", Channel::Write);
        let unknown = refusal(&set, &request("acme", &operation, "essential.service"));
        assert_eq!(unknown.code, Code::OperationNotAllowed);
        let list = fixture::operation("listCustomers", Channel::List);
        let page = |records| AccessRequest {
            page_records: Some(records),
            ..request("acme", &list, "essential.service")
        };
        assert!(set.decide(&page(100)).is_ok());
        let large = refusal(&set, &page(1000));
        assert_eq!(large.code, Code::PageTooLarge);
        assert_eq!(
            (&large.members["requested"], &large.members["max"]),
            (&json!(1000), &json!(100))
        );
    }

    #[test]
    fn exceptions_hold_until_their_last_day() {
        let set = fixture::shipped();
        let acme = set.contract(&PartnerId::parse("acme").unwrap()).unwrap();
        let per_day = |day: &str| acme.budgets_on(day.parse().unwrap()).customers_per_day;
        assert_eq!(per_day("2026-03-31"), 900);
        assert_eq!(per_day("2026-04-01"), 500);
    }
}
