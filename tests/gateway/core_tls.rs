//! Cores over TLS, and what they are told of who is calling.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use covenant::clock::Clock;
use covenant::config::{CoreService, CoreTls, IdentitySettings};
use covenant::identity::development::{DevelopmentAuthority, IssuedCertificate};
use covenant::terms::Principal;
use http::Method;
use rcgen::{KeyPair, PKCS_ED25519};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::caller::{Call, Version};
use crate::cores::before;
use crate::instance::Instance;
use crate::lab::{Scripted, Service};
use crate::refusals::refused;
use crate::stand::{SERVICE, Stand};

fn authority(folder: &Path, name: &str) -> DevelopmentAuthority {
    DevelopmentAuthority::create(&folder.join(name), &Clock::system()).unwrap()
}

/// TLS of a core with a certificate of this authority, which demands one of its own clients.
fn demanding(authority: &DevelopmentAuthority) -> Arc<ServerConfig> {
    let own = authority.issue_server(&[]).unwrap();
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes());
    roots.add(root.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            CertificateDer::pem_slice_iter(own.certificate_pem.as_bytes())
                .map(Result::unwrap)
                .collect(),
            PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap(),
        );
    Arc::new(config.unwrap())
}

fn secured(service: &mut CoreService, tls: CoreTls) {
    service.base_url = "https://core.internal".to_owned();
    service.tls = Some(tls);
}

async fn ask(stand: &Stand) -> crate::caller::Reply {
    let mut acme = stand.partner("acme").await;
    acme.get("/v1/jobs", SERVICE).await
}

#[tokio::test]
async fn a_core_is_asked_over_tls_only_where_each_side_is_who_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (
        authority(folder.path(), "right"),
        authority(folder.path(), "wrong"),
    );
    let files = |name: &str, issued: &IssuedCertificate| {
        Some(issued.write(&folder.path().join(name)).unwrap())
    };
    let ours = files("ours", &right.issue_client("gateway.example").unwrap());
    let strangers = files("strangers", &wrong.issue_client("gateway.example").unwrap());
    let core = Instance::start_with(Some(demanding(&right))).await;
    for (by, server_name, certificate, answers) in [
        ("right", "localhost", &ours, true),
        ("wrong", "localhost", &ours, false),
        ("right", "other.example", &ours, false),
        ("right", "localhost", &None, false),
        ("right", "localhost", &strangers, false),
    ] {
        let stand = before(&[&core], |service| {
            let tls = CoreTls {
                authority: folder.path().join(by).join("ca.crt"),
                server_name: server_name.to_owned(),
                certificate: certificate.clone(),
            };
            secured(service, tls);
        })
        .await;
        let asked = core.asked();
        for _ in 0..2 {
            let reply = ask(&stand).await;
            let case = format!("{by} {server_name} {certificate:?}: {}", reply.everything());
            if answers {
                assert_eq!(reply.status, 200, "{case}");
            } else {
                refused(&reply, 502, "core-unavailable");
                assert!(!case.contains("certificate_"), "{case}");
            }
        }
        assert_eq!(core.asked() > asked, answers);
        if answers {
            assert_eq!(core.connections(), 1, "its connection is used again");
            assert_eq!(core.header("host").as_deref(), Some("core.internal"));
        }
    }
}

#[tokio::test]
async fn files_of_tls_to_a_core_are_taken_over_while_it_runs_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (
        authority(folder.path(), "right"),
        authority(folder.path(), "wrong"),
    );
    let ours = right.issue_client("gateway.example").unwrap();
    let ours = ours.write(&folder.path().join("ours")).unwrap();
    let core = Instance::start_with(Some(demanding(&right))).await;
    let trusted = folder.path().join("trusted.crt");
    std::fs::write(&trusted, wrong.certificate_pem()).unwrap();
    let stand = before(&[&core], |service| {
        let tls = CoreTls {
            authority: trusted.clone(),
            server_name: "localhost".to_owned(),
            certificate: Some(ours),
        };
        secured(service, tls);
    })
    .await;
    let reply = ask(&stand).await;
    assert_eq!(refused(&reply, 502, "core-unavailable")["executed"], "no");
    std::fs::write(&trusted, right.certificate_pem()).unwrap();
    stand.running().reload_certificates().await;
    assert_eq!(ask(&stand).await.status, 200);
    std::fs::write(&trusted, "nothing").unwrap();
    stand.running().reload_certificates().await;
    assert_eq!(
        ask(&stand).await.status,
        200,
        "the last that was right stays"
    );
    std::fs::write(&trusted, wrong.certificate_pem()).unwrap();
    stand.running().reload_certificates().await;
    refused(&ask(&stand).await, 502, "core-unavailable");
}

const NAMED: Service<'_> = Service {
    paths: r"
  /lab/named:
    get:
      operationId: getNamed
      parameters:
        - {name: who, in: header, schema: {type: string}}
        - {name: time-left, in: header, schema: {type: string}}
        - {name: partner-id, in: header, schema: {type: string}}
        - {name: forwarded, in: header, schema: {type: string}}
        - {name: client-cert, in: header, schema: {type: string}}
        - {name: harmless, in: header, schema: {type: string}}
      responses:
        '200':
          description: Something
          content:
            application/json:
              schema: {type: object, properties: {data: {type: array, items: {type: object, properties: {customer: {type: string}}}}}}",
    components: "",
    actions: r"
  - target: $.paths['/lab/named'].get
    update: {x-covenant-channel: list}
  - target: $..properties.data.items
    update: {x-covenant-record: true}
  - target: $..properties.customer
    update: {x-covenant-data-category: user.unique_id, x-covenant-customer-key: true}",
    operations: &["getNamed"],
};

/// Headers that speak of who is calling, as somebody might spell them, and ones of our own.
const SPOKEN: [&str; 17] = [
    "Who",
    "WHO",
    "time-left",
    "Partner-Id",
    "X-Partner-Id",
    "Covenant-Identity",
    "X-Covenant-Partner",
    "Client-Cert",
    "CLIENT-CERT",
    "Client-Cert-Chain",
    "X-Client-Cert",
    "X-SSL-Client-Cert",
    "X-Forwarded-Client-Cert",
    "Forwarded",
    "X-Forwarded-For",
    "X-Real-IP",
    "True-Client-IP",
];

fn json_of(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_core_is_told_who_calls_as_it_wants_and_never_in_the_partners_words() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let path = folder.path().join("identity.key");
    std::fs::write(&path, key.serialize_pem()).unwrap();
    let (stand, core) = NAMED
        .start(&[], |config| {
            let lab = config.services.get_mut("lab").unwrap();
            lab.deadline_header = Some("time-left".parse().unwrap());
            lab.identity = IdentitySettings {
                client_cert: true,
                forwarded: true,
                signed: Some(("who".parse().unwrap(), path)),
            };
        })
        .await;
    core.answer(
        "/lab/named",
        Scripted::new("application/json", r#"{"data":[]}"#),
    );
    let credentials = stand.credentials("acme");
    for version in [Version::Http1, Version::Http2] {
        let mut acme = stand.connect(&credentials, version).await;
        let mut call = Call::get("/lab/named").purpose(SERVICE);
        for name in SPOKEN {
            call.headers.insert(
                name.parse::<http::HeaderName>().unwrap(),
                "forged".parse().unwrap(),
            );
        }
        let reply = acme.call(call.header("harmless", "kept")).await;
        assert_eq!(reply.status, 200, "{}", reply.everything());
        let received = core.received().pop().unwrap();
        assert_eq!(received.headers["harmless"], "kept");
        let forged = received
            .headers
            .iter()
            .find(|(_, value)| *value == "forged");
        assert_eq!(forged, None);
        let told = |name: &str| received.headers[name].to_str().unwrap().to_owned();
        assert_eq!(
            told("forwarded"),
            "for=127.0.0.1;host=\"localhost\";proto=https"
        );
        let shown: sfv::Item = sfv::Parser::new(&told("client-cert")).parse().unwrap();
        let shown = shown.bare_item.as_byte_sequence().unwrap();
        let thumbprint = covenant::identity::certificate::ClientCertificate::from_der(shown);
        let shown = Principal::Certificate(thumbprint.unwrap().thumbprint);
        assert_eq!(shown, stand.certificate_of("acme"));
        assert!(!received.headers.contains_key("client-cert-chain"));
        let statement = told("who");
        let (signed, signature) = statement.rsplit_once('.').unwrap();
        let (head, said) = signed.split_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, key.public_key_raw());
        public.verify(signed.as_bytes(), &signature).unwrap();
        let head = json_of(head);
        assert_eq!(
            (&head["alg"], &head["typ"]),
            (&json!("EdDSA"), &json!("covenant-identity+jwt"))
        );
        let now = stand.clock.unix_seconds();
        let expected = json!({
            "iss": "https://localhost", "aud": "lab", "sub": "acme", "client_id": "acme-portal",
            "purpose": SERVICE, "on_behalf_of": null, "jti": reply.request_id(),
            "iat": now, "exp": now + 60,
        });
        assert_eq!(json_of(said), expected);
    }
    let asked = core.received().len();
    for name in [
        "client_cert",
        "Client_Cert",
        "partner_id",
        "x_forwarded_for",
        "WHO_",
    ] {
        let mut acme = stand.partner("acme").await;
        let call = Call::new(Method::GET, "/lab/named").purpose(SERVICE);
        let reply = acme.call(call.header(name, "forged")).await;
        refused(&reply, 400, "request-malformed");
    }
    assert_eq!(core.received().len(), asked);
}
