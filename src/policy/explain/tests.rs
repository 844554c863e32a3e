//! What an explanation says.

use serde_json::Value;

use super::super::fixture::{self, request};
use super::*;
use crate::catalogue::{Check, Parameter, Place, Role, ScalarKind};
use crate::refusal::Code;
use crate::terms::{Channel, ResourceKind};

#[test]
fn a_granted_call_is_explained_category_by_category() {
    let set = fixture::shipped();
    let operation = fixture::customer_operation();
    let explanation = set.explain(
        &request("acme", &operation, "essential.service"),
        Circumstances::OWN,
    );
    let expected = "\
redact: acme.7 may call getCustomer (GET /) for essential.service, about a customer of its own
  in the clear: user.name
      P3 names-and-addresses-for-service: Names, organisations and postal addresses may be seen to produce, bill and support mailings, and to send notices about them.
  withheld: user.contact.email
      P5: no rule lets it leave for this purpose
      to change it: ask for `essential.service.operations.support`, or under an agreement with the customer: it would leave in part
";
    assert_eq!(explanation.to_text(), expected);
    assert_eq!(explanation.to_json()["categories"][0]["form"], Value::Null);
}

#[test]
fn what_a_contract_holds_back_is_told_apart_from_what_a_promise_does() {
    let set = fixture::shipped();
    let operation = fixture::customer_operation();
    let crest = request("crest", &operation, "essential.service");
    let text = set.explain(&crest, Circumstances::OWN).to_text();
    assert!(
        text.contains(
            "in partners/crest.yaml, write `user.name: clear`: it would leave in the clear"
        ),
        "{text}"
    );
    let text = set.explain(&crest, Circumstances::default()).to_text();
    assert!(
        text.contains("P5 own-customers: A partner sees its own customers"),
        "{text}"
    );
}

#[test]
fn a_record_of_a_named_customer_of_which_nothing_personal_leaves_is_told_to_be_left_out() {
    let set = fixture::shipped();
    let mut operation = fixture::customer_operation();
    let Body::Data { shape, .. } = &mut operation.answers[0].body else {
        panic!("no data")
    };
    let shape = Arc::make_mut(shape);
    shape.fields[0].category = Category::parse("user.device.ip_address");
    shape.fields[1].category = Category::parse("system.operations");
    let explained = |operation: &Operation| {
        let acme = request("acme", operation, "essential.service");
        let explanation = set.explain(&acme, Circumstances::OWN);
        let left_out = explanation.to_json()["record_left_out"].as_bool();
        (left_out.unwrap(), explanation.to_text())
    };
    let (left_out, text) = explained(&operation);
    assert!(!left_out, "{text}");
    assert!(text.contains("in the clear: system.operations"), "{text}");
    for role in [Role::Customer, Role::Resource(ResourceKind::Job)] {
        operation.parameters = vec![Parameter {
            name: "id".into(),
            place: Place::Path,
            required: true,
            role,
            open: false,
            kind: ScalarKind::String,
            check: Check::default(),
        }];
        let (left_out, text) = explained(&operation);
        assert!(left_out, "{text}");
        assert!(!text.contains("in the clear"), "{text}");
    }
    let Body::Data { shape, .. } = &mut operation.answers[0].body else {
        panic!("no data")
    };
    Arc::make_mut(shape).fields[0].category = Category::parse("user.name");
    assert!(!explained(&operation).0);
}

#[test]
fn a_refused_call_is_explained_by_its_refusal() {
    let set = fixture::shipped();
    let operation = fixture::operation("exportCustomers", Channel::Export);
    let acme = request("acme", &operation, "essential.service");
    let explanation = set.explain(&acme, Circumstances::OWN);
    assert!(explanation.is_denied());
    assert_eq!(
        explanation.to_json()["refusal"]["code"],
        "bulk-export-blocked"
    );
    let text = explanation.to_text();
    assert!(
        text.contains("the partner is told: 403 bulk-export-blocked"),
        "{text}"
    );
}

/// Calls that are refused in every way there is.
fn refused_calls(operations: &[Operation]) -> Vec<AccessRequest<'_>> {
    let purposes = [
        "essential.service",
        "essential.service.operations.support",
        "essential",
        "collect",
        "marketing.advertising",
        "third_party_sharing.legal_obligation",
    ];
    let mut calls = Vec::new();
    for operation in operations {
        for purpose in purposes {
            let plain = request("acme", operation, purpose);
            calls.push(plain);
            calls.push(AccessRequest {
                page_records: Some(1_000),
                ..plain
            });
            calls.push(AccessRequest {
                standing: Standing::Suspended,
                ..plain
            });
            calls.push(AccessRequest {
                marketing_signals: &["audience"],
                ..plain
            });
        }
    }
    calls
}

/// A document of which nothing leaves, as the contract withholds its category.
fn secret_document() -> Operation {
    let mut operation = fixture::operation("getDocument", Channel::Document);
    operation.answers.push(crate::catalogue::Answer {
        links: Vec::new(),
        status: 200,
        body: Body::Document {
            media_type: "application/pdf".into(),
            category: Category::parse("user.biometric").unwrap(),
        },
    });
    operation
}

#[test]
fn a_refusal_is_explained_in_the_words_the_partner_is_told() {
    let set = fixture::shipped_once();
    let mut operations: Vec<Operation> = Channel::ALL
        .map(|channel| fixture::operation("getCustomer", channel))
        .into();
    operations.push(secret_document());
    operations.push(fixture::operation("notInAnyContract", Channel::Record));
    let mut limited = fixture::operation("getCustomer", Channel::Record);
    limited.purposes = vec![Purpose::parse("analytics").unwrap()];
    operations.push(limited);
    let (mut codes, mut details) = (Vec::new(), Vec::new());
    for call in refused_calls(&operations) {
        let Err(refusal) = set.decide(&call) else {
            continue;
        };
        let explanation = set.explain(&call, Circumstances::OWN);
        let (text, document) = (explanation.to_text(), explanation.to_json());
        assert!(text.starts_with("deny: "), "{text}");
        assert!(
            text.contains(&format!("  why: {}\n", refusal.detail)),
            "{text}"
        );
        assert!(
            text.contains(&format!("can do: {}\n", refusal.fix)),
            "{text}"
        );
        assert!(text.contains("  to change it: "), "{text}");
        assert_eq!(document["refusal"]["detail"], *refusal.detail);
        assert_eq!(document["refusal"]["fix"], *refusal.fix);
        assert_eq!(document["refusal"]["code"], refusal.code.name());
        assert!(!document["changes"].as_array().unwrap().is_empty());
        codes.push(refusal.code.name());
        details.push(refusal.detail);
    }
    codes.sort_unstable();
    codes.dedup();
    let expected = [
        Code::BulkExportBlocked,
        Code::ChannelBlocked,
        Code::MarketingUseBlocked,
        Code::OperationNotAllowed,
        Code::PageTooLarge,
        Code::PartnerSuspended,
        Code::PurposeNotAllowed,
        Code::ReleaseRequired,
    ];
    assert_eq!(codes, expected.map(Code::name));
    for kind in [
        "The contract does not grant the purpose `essential`. It grants `essential.service`",
        "No promise lets customer information be used for `collect`.",
        "The operation `getCustomer` is not called for",
        "Documents of category `user.biometric` are not disclosed",
    ] {
        let told = details.iter().any(|detail| detail.starts_with(kind));
        assert!(told, "no call was refused so: {kind}");
    }
}

#[test]
fn a_purpose_that_the_contract_does_not_have_is_refused_in_one_way() {
    let set = fixture::shipped_once();
    let operation = fixture::operation("getCustomer", Channel::Record);
    for purpose in ["essential", "collect", "marketing", "finance"] {
        let call = request("acme", &operation, purpose);
        let contract = set.contract(call.partner).unwrap();
        let chosen = set.choose_purpose(contract, None, Some(purpose));
        let (chosen, decided) = (chosen.unwrap_err(), set.decide(&call).unwrap_err());
        assert_eq!(
            (&chosen.detail, &chosen.fix, chosen.code),
            (&decided.detail, &decided.fix, decided.code)
        );
    }
}

#[test]
fn a_contract_is_told_what_line_of_it_would_have_to_change() {
    let set = fixture::shipped_once();
    let changes = |call: &AccessRequest<'_>| {
        let document = set.explain(call, Circumstances::OWN).to_json();
        document["changes"].to_string()
    };
    let operation = fixture::operation("getNothing", Channel::Record);
    let call = request("acme", &operation, "essential.service");
    let line = "add `getNothing` to `operations` in partners/acme.yaml";
    assert!(changes(&call).contains(line), "{}", changes(&call));
    let operation = fixture::customer_operation();
    let call = request("acme", &operation, "essential");
    let line = "add `essential` to `purposes` in partners/acme.yaml";
    assert!(changes(&call).contains(line), "{}", changes(&call));
    let large = AccessRequest {
        page_records: Some(101),
        ..request("acme", &operation, "essential.service")
    };
    let line = "raise `page_records_max` in partners/acme.yaml";
    assert!(changes(&large).contains(line), "{}", changes(&large));
    let legal = request("acme", &operation, "third_party_sharing.legal_obligation");
    let line = "under an approved release order, the promises would permit it";
    assert!(changes(&legal).contains(line), "{}", changes(&legal));
}
