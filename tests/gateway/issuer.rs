//! An issuer that is known by its URL alone, and every attack on its tokens that the threat model lists,
//! from outside: each is refused with its code, and none makes the gateway fetch anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use covenant::config::KeySource;
use covenant::terms::Principal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::caller::{Caller, Credentials, Version};
use crate::possession::{WHOAMI, encode};
use crate::stand::{SERVICE, Stand};

/// A web server of documents by path; counts what it is asked for.
#[derive(Clone, Default)]
struct Site(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    url: String,
    pages: BTreeMap<String, String>,
    asked: Vec<String>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Self::default();
        site.lock().url = format!("http://{}", listener.local_addr().unwrap());
        let served = site.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap();
                let answer = served.answer(path);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        site
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self) -> String {
        self.lock().url.clone()
    }

    fn put(&self, path: &str, page: &Value) {
        self.lock().pages.insert(path.to_owned(), page.to_string());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }

    fn answer(&self, path: &str) -> String {
        let mut site = self.lock();
        site.asked.push(path.to_owned());
        match site.pages.get(path) {
            None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            Some(page) if page.starts_with("HTTP/1.1 ") => page.clone(),
            Some(page) => format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}",
                page.len()
            ),
        }
    }
}

/// The issuer's two keys; both are in its set, one of them again for encryption.
struct Keys {
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

impl Keys {
    fn new() -> Self {
        Self {
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    fn ec_jwk(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    fn set(&self) -> Value {
        let der = self.rsa.public_key().as_ref();
        let modulus = &der[der.len() - 5 - 256..][..256];
        let (n, e) = (encode(modulus), encode([1, 0, 1]));
        let mut ec = self.ec_jwk();
        ec["kid"] = json!("ec");
        ec["alg"] = json!("ES256");
        let mut forbidden = ec.clone();
        forbidden["kid"] = json!("encrypts");
        forbidden["use"] = json!("enc");
        json!({"keys": [ec, forbidden,
            {"kid": "rsa", "kty": "RSA", "alg": "RS256", "n": n, "e": e},
            {"kid": "weak", "kty": "RSA", "alg": "RS256", "n": encode(&modulus[..128]), "e": e},
        ]})
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let random = SystemRandom::new();
        let signature = if header.contains("RS256") {
            let mut signature = vec![0; 256];
            let made = self.rsa.sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            );
            made.unwrap();
            encode(signature)
        } else {
            encode(self.ec.sign(&random, signed.as_bytes()).unwrap())
        };
        format!("{signed}.{signature}")
    }
}

struct Issued {
    stand: Stand,
    site: Site,
    keys: Keys,
}

impl Issued {
    /// A gateway that knows nothing of the issuer but its URL, which has this path.
    async fn start(path: &str, document: &str) -> Self {
        let (site, keys) = (Site::start().await, Keys::new());
        let issuer = format!("{}{path}", site.url());
        let keys_at = format!("{}/keys", site.url());
        site.put(
            document,
            &json!({"issuer": issuer, "jwks_uri": keys_at, "extra": [1]}),
        );
        site.put("/keys", &keys.set());
        let stand = Stand::start_with(&[], |config| {
            config.tokens.issuer = issuer;
            config.tokens.keys = KeySource::Issuer(None);
        });
        Self {
            stand: stand.await,
            site,
            keys,
        }
    }

    fn claims(&self) -> Value {
        let Principal::Certificate(own) = self.stand.certificate_of("acme") else {
            panic!("a certificate");
        };
        let (now, tokens) = (self.stand.clock.unix_seconds(), &self.stand.config.tokens);
        json!({
            "iss": tokens.issuer, "aud": tokens.audience, "sub": "acme-portal", "jti": "1",
            "client_id": "acme-portal", "iat": now, "exp": now + 600,
            "cnf": {"x5t#S256": own.to_base64url()},
        })
    }

    /// Status and code of the answer to a token.
    async fn told(&self, token: &str) -> (u16, String) {
        let credentials = Credentials {
            authorization: Some(format!("Bearer {token}")),
            ..self.stand.credentials("acme")
        };
        let mut caller = self.stand.connect(&credentials, Version::Http1).await;
        told(&mut caller, token).await
    }
}

async fn told(caller: &mut Caller, token: &str) -> (u16, String) {
    let reply = caller.get(WHOAMI, SERVICE).await;
    assert!(token.is_empty() || !reply.everything().contains(token));
    let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
    (reply.status.as_u16(), code)
}

fn header() -> Value {
    json!({"typ": "at+jwt", "alg": "ES256", "kid": "ec"})
}

/// `base` with one member changed, or taken out where `value` is the text `<absent>`.
fn with(mut base: Value, name: &str, value: &Value) -> String {
    let members = base.as_object_mut().unwrap();
    if *value == "<absent>" {
        members.shift_remove(name);
    } else {
        members.insert(name.to_owned(), value.clone());
    }
    base.to_string()
}

#[tokio::test]
async fn an_issuer_is_found_by_its_url_alone_in_either_of_the_two_ways() {
    for (path, document, asked) in [
        ("", "/.well-known/oauth-authorization-server", 1),
        ("/one", "/.well-known/oauth-authorization-server/one", 1),
        ("", "/.well-known/openid-configuration", 2),
        ("/one/two", "/one/two/.well-known/openid-configuration", 2),
        ("/", "/.well-known/openid-configuration", 2),
    ] {
        let issued = Issued::start(path, document).await;
        let fetched = issued.site.asked();
        assert_eq!(fetched.len(), asked + 1, "{fetched:?}");
        assert_eq!(fetched.last().map(String::as_str), Some("/keys"));
        let token = issued
            .keys
            .sign(&header().to_string(), &issued.claims().to_string());
        assert_eq!(issued.told(&token).await, (200, String::new()), "{path}");
        // Where the keys are is remembered; where they are not any more, it is asked anew.
        let keys = issued.stand.running().gateway().verifier.keys();
        assert!(!keys.refresh().await.unwrap());
        assert_eq!(issued.site.asked(), ["/keys"]);
        let renewed = Keys::new();
        let moved = format!("{}/moved", issued.site.url());
        let issuer = &issued.stand.config.tokens.issuer;
        issued
            .site
            .put(document, &json!({"issuer": issuer, "jwks_uri": moved}));
        issued.site.put("/moved", &renewed.set());
        issued.site.lock().pages.remove("/keys");
        assert!(keys.refresh().await.unwrap());
        let token = issued
            .keys
            .sign(&header().to_string(), &issued.claims().to_string());
        assert_eq!(issued.told(&token).await, (401, "token-invalid".to_owned()));
        let token = renewed.sign(&header().to_string(), &issued.claims().to_string());
        assert_eq!(issued.told(&token).await, (200, String::new()), "{path}");
        // Nothing is there at all: the last good keys stay.
        issued.site.lock().pages.clear();
        assert!(keys.refresh().await.is_err());
        assert_eq!(issued.told(&token).await, (200, String::new()), "{path}");
    }
}

#[tokio::test]
async fn what_an_issuer_says_of_itself_is_taken_only_when_it_is_about_itself() {
    let site = Site::start().await;
    let (url, keys) = (site.url(), Keys::new());
    site.put("/keys", &keys.set());
    let keys_at = format!("{url}/keys");
    for (document, taken) in [
        (json!({"issuer": url, "jwks_uri": keys_at}), true),
        (
            json!({"issuer": format!("{url}/"), "jwks_uri": keys_at}),
            false,
        ),
        (
            json!({"issuer": url.to_uppercase(), "jwks_uri": keys_at}),
            false,
        ),
        (json!({"issuer": [url], "jwks_uri": keys_at}), false),
        (json!({"jwks_uri": keys_at}), false),
        (json!({"issuer": url}), false),
        (json!({"issuer": url, "jwks_uri": "/keys"}), false),
        (
            json!({"issuer": url, "jwks_uri": "file:///etc/passwd"}),
            false,
        ),
        (
            json!({"issuer": url, "jwks_uri": "http://10.0.0.1/keys"}),
            false,
        ),
        (
            json!({"issuer": url, "jwks_uri": "https://localhost/keys"}),
            false,
        ),
        (
            json!({"issuer": url, "jwks_uri": format!("{url}/nothing")}),
            false,
        ),
        (json!([]), false),
    ] {
        site.put("/.well-known/oauth-authorization-server", &document);
        let reach = covenant::identity::fetch::Reach::default();
        let discovery = covenant::identity::discovery::Discovery::new(&url, reach).unwrap();
        assert_eq!(discovery.fetch(0).await.is_ok(), taken, "{document}");
    }
    for issuer in [
        "issuer.example",
        "http://issuer.example",
        "http://127.0.0.1/?a",
        "",
    ] {
        let reach = covenant::identity::fetch::Reach::default();
        let discovery = covenant::identity::discovery::Discovery::new(issuer, reach);
        assert!(discovery.is_err(), "{issuer}");
    }
}

#[tokio::test]
async fn where_an_issuer_takes_its_last_key_back_its_tokens_are_refused_and_the_operator_is_told() {
    let issued = Issued::start("", "/.well-known/oauth-authorization-server").await;
    let token = issued
        .keys
        .sign(&header().to_string(), &issued.claims().to_string());
    assert_eq!(issued.told(&token).await, (200, String::new()));
    issued.site.put("/keys", &json!({"keys": []}));
    let keys = issued.stand.running().gateway().verifier.keys();
    assert!(keys.refresh().await.unwrap());
    assert_eq!(issued.told(&token).await, (401, "token-invalid".to_owned()));
    crate::cores::until(
        &issued.stand,
        "/readyz",
        "token issuer: its key set holds no",
    )
    .await;
}

#[tokio::test]
async fn an_issuer_that_has_only_the_second_document_is_found_whatever_it_answers_for_the_first() {
    let site = Site::start().await;
    let (url, keys) = (site.url(), Keys::new());
    let issuer = format!("{url}/tenant");
    let first = "/.well-known/oauth-authorization-server/tenant";
    let second = "/tenant/.well-known/openid-configuration";
    let said = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    let other = json!({"issuer": url, "jwks_uri": format!("{url}/keys")}).to_string();
    site.put("/keys", &keys.set());
    for answer in [
        said("302 Found\r\nlocation: /login"),
        said("403 Forbidden"),
        said("500 Oops"),
        said("501 Not Implemented"),
        "<!doctype html>".to_owned(),
        other,
    ] {
        site.lock().pages.insert(first.to_owned(), answer.clone());
        for (issuer_there, taken) in [(&issuer, true), (&url, false)] {
            site.put(
                second,
                &json!({"issuer": issuer_there, "jwks_uri": format!("{url}/keys")}),
            );
            let reach = covenant::identity::fetch::Reach::default();
            let discovery = covenant::identity::discovery::Discovery::new(&issuer, reach);
            let fetched = discovery.unwrap().fetch(0).await;
            assert_eq!(fetched.is_ok(), taken, "{answer}");
        }
    }
}

/// The rows that change one member of the header.
fn headers(keys: &Keys, site: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES384")),
        ("alg", json!(null)),
        ("kid", json!("rsa")),
        ("kid", json!("encrypts")),
        ("kid", json!("weak")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("ec' OR '1'='1")),
        ("kid", json!(["ec"])),
        ("kid", json!("<absent>")),
        ("typ", json!("JWT")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("<absent>")),
        ("jwk", keys.ec_jwk()),
        ("jku", json!(format!("{site}/keys"))),
        ("x5u", json!(format!("{site}/keys"))),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
    ]
}

/// The rows that change one claim.
fn changed(issued: &Issued) -> Vec<(&'static str, Value)> {
    let (now, tokens) = (
        issued.stand.clock.unix_seconds(),
        &issued.stand.config.tokens,
    );
    let (issuer, audience) = (&tokens.issuer, &tokens.audience);
    let mut rows = vec![
        ("iss", json!(format!("{issuer}/"))),
        ("iss", json!(issuer.to_uppercase())),
        ("iss", json!(format!("{issuer}.attacker.example"))),
        ("iss", json!([issuer])),
        ("aud", json!(format!("{audience}/"))),
        ("aud", json!(audience.to_uppercase())),
        ("aud", json!(&audience[..audience.len() - 1])),
        ("aud", json!([])),
        ("aud", json!({ "0": audience })),
        ("exp", json!((now + 600).to_string())),
        ("exp", json!((now + 600) as f64)),
        ("exp", json!([now + 600])),
        ("exp", json!(now - 31)),
        ("exp", json!(now + 43_201)),
        ("exp", json!(now + 90_000)),
        ("exp", json!(i64::MAX)),
        ("iat", json!(now + 31)),
        ("iat", json!("now")),
        ("nbf", json!(now + 31)),
        ("nbf", json!("0")),
        ("nbf", json!(-1)),
        ("client_id", json!(["acme-portal"])),
        ("jti", json!(7)),
        ("cnf", json!({"x5t#S256": "short"})),
        ("cnf", json!({"jwk": {}})),
        ("cnf", json!("<absent>")),
    ];
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        rows.push((name, json!("<absent>")));
    }
    rows
}

#[tokio::test]
async fn every_attack_on_a_token_is_refused_with_its_code_and_fetches_nothing() {
    let issued = Issued::start("", "/.well-known/oauth-authorization-server").await;
    let (plain, body) = (header().to_string(), issued.claims().to_string());
    let good = issued.keys.sign(&plain, &body);
    assert_eq!(issued.told(&good).await, (200, String::new()));
    let mut attacks: Vec<(String, String, &str)> = Vec::new();
    let mut invalid = |what: String, token| attacks.push((what, token, "token-invalid"));
    for (name, value) in headers(&issued.keys, &issued.site.url()) {
        let token = issued.keys.sign(&with(header(), name, &value), &body);
        invalid(format!("header {name} {value}"), token);
    }
    for (name, value) in changed(&issued) {
        let token = issued
            .keys
            .sign(&plain, &with(issued.claims(), name, &value));
        invalid(format!("claim {name} {value}"), token);
    }
    let twice = |text: &str, member: &str| format!("{{{member},{}", &text[1..]);
    let signed_twice = issued.keys.sign(&twice(&plain, r#""alg":"none""#), &body);
    invalid("a header member twice".to_owned(), signed_twice);
    let claimed_twice = issued
        .keys
        .sign(&plain, &twice(&body, r#""client_id":"crest-shop""#));
    invalid("a claim twice".to_owned(), claimed_twice);
    let not_a_number = issued.keys.sign(&plain, &twice(&body, r#""more":NaN"#));
    invalid("NaN".to_owned(), not_a_number);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    invalid("no signature".to_owned(), format!("{signed}."));
    invalid("zeros".to_owned(), format!("{signed}.{}", encode([0; 64])));
    let none = format!(
        "{}.{}.",
        encode(r#"{"typ":"at+jwt","alg":"none"}"#),
        encode(&body)
    );
    invalid("none, unsigned".to_owned(), none);
    let public = issued.keys.rsa.public_key().as_der().unwrap();
    let confused = format!(
        "{}.{}",
        encode(r#"{"typ":"at+jwt","alg":"HS256","kid":"rsa"}"#),
        encode(&body)
    );
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_ref());
    let tag = aws_lc_rs::hmac::sign(&secret, confused.as_bytes());
    invalid(
        "HMAC with the public key".to_owned(),
        format!("{confused}.{}", encode(tag)),
    );
    invalid("of a stranger".to_owned(), Keys::new().sign(&plain, &body));
    invalid("twice".to_owned(), format!("{good}, Bearer {good}"));
    invalid("cut".to_owned(), format!("{signed}.{}", &signature[..20]));
    let elsewhere = json!({"x5t#S256": encode([7; 32])});
    let bound = issued
        .keys
        .sign(&plain, &with(issued.claims(), "cnf", &elsewhere));
    attacks.push((
        "of another certificate".to_owned(),
        bound,
        "certificate-mismatch",
    ));
    let unproved = json!({"jkt": encode([7; 32])});
    let unproved = issued
        .keys
        .sign(&plain, &with(issued.claims(), "cnf", &unproved));
    attacks.push((
        "bound to a key, without a proof".to_owned(),
        unproved,
        "token-invalid",
    ));
    let _start = issued.site.asked();
    for (what, token, code) in &attacks {
        assert_eq!(
            issued.told(token).await,
            (401, (*code).to_owned()),
            "{what}"
        );
    }
    let crest = with(issued.claims(), "client_id", &json!("crest-shop"));
    let crest = issued.keys.sign(&plain, &crest);
    let mismatch = (403, "identity-mismatch".to_owned());
    assert_eq!(issued.told(&crest).await, mismatch, "of another partner");
    // A key nobody knows may be new: those rows ask for the set, few times, and for nothing else ever.
    let fetched = issued.site.asked();
    assert!(fetched.iter().all(|path| path == "/keys"), "{fetched:?}");
    assert!(fetched.len() <= 3, "{fetched:?}");
    assert!(attacks.len() > 60, "{} rows", attacks.len());
    assert_eq!(issued.told(&good).await, (200, String::new()));
}
