//! A partner's life by the commands that people type: added, called for, rotated, ended.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use rustix::process::Signal;

use crate::installation::{Installation, PURPOSE};
use crate::program::{Ended, done, is_there, shell, until};

const ADD: &str = "covenant partner add tern --name 'Tern Mail' \
                   --address '1 Quay, Cork, T12 AB34, Ireland' --accepted-by 'Una Walsh, owner'";

async fn add(place: &Installation, more: &str) -> Ended {
    shell(place.folder(), &format!("{ADD} {more}")).await
}

/// Runs the two lines that were printed, with the status of the answer after its body.
async fn first_call(place: &Installation, said: &Value) -> Ended {
    let lines = said["first_call"].as_array().unwrap();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    let call = lines[1].replace("curl -sS", "curl -sS -w '\n%{http_code}'");
    shell(place.folder(), &format!("{}\n{call}", lines[0])).await
}

/// Every path below the folder, sorted.
fn files(place: &Installation) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![place.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.display().to_string());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn one_command_and_a_start_lead_to_a_first_call_that_is_answered() {
    let place = Installation::new().await;
    let said = add(&place, "-o json").await.with(0).json();
    let key = fs::metadata(place.path("partners/tern.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert!(
        fs::read_to_string(place.path("partners/.gitignore"))
            .unwrap()
            .contains("*.key")
    );
    let registration = fs::read(place.path("partners/tern.registration.json")).unwrap();
    let registration: Value = serde_json::from_slice(&registration).unwrap();
    assert_eq!(
        registration["token_endpoint_auth_method"],
        "tls_client_auth"
    );
    assert_eq!(
        registration["tls_client_auth_san_dns"],
        "tern.partners.example"
    );
    assert_eq!(registration["client_id"], "tern");
    assert_eq!(registration.get("scope"), None, "nothing goes by one");
    place.run("policy check --dir policies").await.with(0);
    place.run("policy test --dir policies tern").await.with(0);
    assert!(said["cases"].as_u64().unwrap() >= 10, "{said}");

    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    if is_there("curl").await {
        let called = first_call(&place, &said).await.with(0);
        let (body, status) = called.out.trim().rsplit_once('\n').unwrap();
        assert_eq!(status, "200", "{called:?}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["partner"], &body["contract"]),
            (&"tern".into(), &"tern.1".into())
        );
    }
    let usage = place.run("partner usage tern -o json").await.with(0).json();
    assert_eq!(usage["windows"][0]["limit"], 50);
    let rows = place.run("partner usage").await.with(0);
    assert!(
        rows.out.contains("crest\tcustomers-day\t0\t100\t"),
        "{rows:?}"
    );
    assert!(rows.out.contains("shared with acme"), "{rows:?}");

    // It is over: at once, and the folder is right without it.
    let ended = shell(
        place.folder(),
        "covenant partner end tern --because 'it closed down'",
    )
    .await;
    assert!(ended.with(0).out.contains("receives nothing any more"));
    assert!(!place.path("policies/partners/tern.yaml").exists());
    assert!(!place.path("policies/tests/tern.yaml").exists());
    place.run("policy test --dir policies").await.with(0);
    if is_there("curl").await {
        let called = first_call(&place, &said).await.with(0);
        assert!(called.out.contains("partner-suspended"), "{called:?}");
    }
    // It tightens, so that a reload takes it; without a contract it is nobody's certificate.
    assert_eq!(done(place.operator(), "/reload").await.unwrap().0, 200);
    if is_there("curl").await {
        let called = first_call(&place, &said).await.with(0);
        assert!(called.out.contains("identity-mismatch"), "{called:?}");
    }
    let found = place.run("ledger search --partner tern").await.with(0);
    assert!(found.out.contains("partner.end"), "{found:?}");
    assert_eq!(gateway.stop().await, 0);
}

#[tokio::test]
async fn two_certificates_count_until_the_older_ones_day() {
    let place = Installation::new().await;
    let said = add(&place, "-o json").await.with(0).json();
    let rotated = place
        .run("partner rotate tern -o json")
        .await
        .with(0)
        .json();
    let contract = fs::read_to_string(place.path("policies/partners/tern.yaml")).unwrap();
    assert!(contract.contains(&format!(
        "until: {}",
        rotated["old_until"].as_str().unwrap()
    )));
    assert!(contract.contains("version: 2\n"), "{contract}");
    place.run("policy check --dir policies").await.with(0);
    let mut gateway = place.serve().await;
    if is_there("curl").await {
        for (certificate, contract) in [("tern", "tern.2"), ("tern-2", "tern.2")] {
            let said = said
                .to_string()
                .replace("partners/tern.", &format!("partners/{certificate}."));
            let said = serde_json::from_str(&said).unwrap();
            let called = first_call(&place, &said).await.with(0);
            assert!(called.out.ends_with("\n200"), "{called:?}");
            assert!(called.out.contains(contract), "{called:?}");
        }
    }
    assert_eq!(gateway.stop().await, 0);
}

#[tokio::test]
async fn a_partner_that_keeps_its_key_sends_a_request_for_a_certificate() {
    let place = Installation::new().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key);
    fs::write(place.path("tern.csr"), request.unwrap().pem().unwrap()).unwrap();
    add(&place, "--csr tern.csr").await.with(0);
    assert!(place.path("partners/tern.crt").exists());
    assert!(!place.path("partners/tern.key").exists());
    place.run("policy test --dir policies tern").await.with(0);
}

#[tokio::test]
async fn what_cannot_be_added_leaves_nothing_behind_and_says_why() {
    let place = Installation::new().await;
    let before = files(&place);
    for (more, code, told) in [
        ("--parent acme", 1, "only a cobrand has a parent"),
        ("--kind cobrand", 1, "name that with `--parent`"),
        ("--kind cobrand --parent nobody", 3, "`nobody`"),
        ("--operation getNothing", 1, "no operation `getNothing`"),
        (
            "--purpose marketing.advertising",
            3,
            "the promises forbid `marketing.advertising` (P4)",
        ),
        ("--client acme-portal", 3, "is one of `acme` already"),
        ("--ca elsewhere", 1, "covenant ca init --dir elsewhere"),
        (
            "--csr covenant.toml",
            1,
            "not a certificate signing request",
        ),
        ("--certificate acme.key", 1, "is not a certificate"),
        (
            "--certificate certs/ca.crt",
            1,
            "the gateway would not let anybody in with `certs/ca.crt`",
        ),
        ("--certificate-name 'no name'", 1, "is not a DNS name"),
        ("--accepted-on 2999-01-01", 2, "is after today"),
        ("--kind friend", 2, "kinds are"),
    ] {
        let refused = add(&place, more).await.with(code);
        let all = format!("{}{}", refused.out, refused.err);
        assert!(all.contains(told), "{more}: {all}");
        assert_eq!(files(&place), before, "{more}");
    }
    for name in ["acme", "../tern", "Tern"] {
        let line = ADD.replace("add tern", &format!("add {name}"));
        let refused = shell(place.folder(), &line).await;
        assert_ne!(refused.code, 0, "{refused:?}");
        assert_eq!(files(&place), before, "{name}");
    }
    // A file in the way of the last one that is written.
    fs::create_dir(place.path("partners")).unwrap();
    fs::write(place.path("partners/tern.registration.json"), "mine").unwrap();
    let before = files(&place);
    let refused = add(&place, "").await.with(1);
    assert!(
        refused.err.contains("cannot be written, so nothing was"),
        "{refused:?}"
    );
    assert_eq!(files(&place), before);
}

#[tokio::test]
async fn a_certificate_that_was_revoked_is_shut_out_at_a_signal() {
    let place = Installation::new().await;
    let lists = "partner_authority = \"certs/ca.crt\"\nrevocation_lists = [\"certs/ca.crl\"]\n\
                 certificates_reload_seconds = 86400\n#";
    place.edit(
        "covenant.toml",
        "partner_authority = \"certs/ca.crt\"",
        lists,
    );
    let mut gateway = place.serve().await;
    let page = "/.covenant/whoami";
    assert_eq!(place.get("acme", page).await.status, 200);
    let revoked = place
        .run("ca revoke --dir certs --certificate acme.crt")
        .await
        .with(0);
    assert!(revoked.out.contains("certs/ca.crl"), "{revoked:?}");
    let listed = place
        .run("ca list --dir certs -o json")
        .await
        .with(0)
        .json();
    let all = listed.as_array().unwrap().iter();
    let of_acme = all
        .filter(|one| one["revoked"] == true)
        .map(|one| &one["names"][0]);
    assert_eq!(of_acme.collect::<Vec<_>>(), ["acme.partners.example"]);
    let listed = place.run("ca list --dir certs").await.with(0);
    assert_eq!(listed.out.matches("revoked").count(), 1, "{listed:?}");
    assert_eq!(
        place.get("acme", page).await.status,
        200,
        "nobody has told it yet"
    );
    gateway.signal(Signal::HUP);
    until("acme is shut out", async || {
        // In TLS 1.3 the client hears of it with its first read.
        match place.try_connect("acme").await {
            Some(mut client) => client.get(page, PURPOSE).await.is_err(),
            None => true,
        }
    })
    .await;
    assert_eq!(place.get("bluebird", page).await.status, 200);
    assert_eq!(gateway.stop().await, 0);
}
