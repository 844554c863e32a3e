//! The token attacks of RFC 8725 section 2 and of the threat model, against a verifier with one key
//! of every algorithm. Each row changes one thing in a token that is otherwise taken.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::identity::claims::{TokenRejected, TokenRules};
use crate::identity::keys::{KeySource, Keys};
use crate::identity::token::Verifier;
use crate::terms::Thumbprint;

const NOW: i64 = 1_795_000_000;

/// An issuer with one key of every kind, all in one published set, and a verifier that trusts it.
struct Bench {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    verifier: Verifier,
    clock: Clock,
    folder: tempfile::TempDir,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The two integers of a DER-encoded RSAPublicKey of 2048 bits and exponent 65537.
fn rsa_components(der: &[u8]) -> (String, String) {
    let modulus = der.len() - 5 - 256;
    (encode(&der[modulus..modulus + 256]), encode([1, 0, 1]))
}

impl Bench {
    async fn new() -> Self {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        let point = ec.public_key().as_ref();
        let (n, e) = rsa_components(rsa.public_key().as_ref());
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        let set = json!({"keys": [
            {"kid": "rs", "kty": "RSA", "alg": "RS256", "n": n, "e": e, "use": "sig"},
            {"kid": "ps", "kty": "RSA", "alg": "PS256", "n": n, "e": e},
            {"kid": "es", "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y},
            {"kid": "ed", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
             "x": encode(ed.public_key())},
            {"kid": "9864", "kty": "OKP", "crv": "Ed25519", "alg": "Ed25519",
             "x": encode(ed.public_key())},
            {"kid": "enc", "kty": "RSA", "alg": "RS256", "n": n, "e": e, "use": "enc"},
        ]});
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, set.to_string()).unwrap();
        let clock = Clock::manual(jiff::Timestamp::from_second(NOW).unwrap());
        let keys = Keys::load(
            KeySource::File(path),
            crate::identity::jwk::Algorithm::ALL.to_vec(),
            clock.clone(),
        )
        .await
        .unwrap();
        let rules = TokenRules::new("https://issuer.example", "https://gateway.example");
        Self {
            rsa,
            ec,
            ed,
            verifier: Verifier::new(rules, Arc::new(keys), clock.clone()),
            clock,
            folder,
        }
    }

    /// Signs with the key that `kid` names, whatever the header says.
    fn sign(&self, kid: &str, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa
                .sign(padding, &random, signed.as_bytes(), &mut signature)
                .unwrap();
            encode(signature)
        };
        let signature = match kid {
            "rs" | "enc" => rsa(&RSA_PKCS1_SHA256),
            "ps" => rsa(&RSA_PSS_SHA256),
            "es" => encode(self.ec.sign(&random, signed.as_bytes()).unwrap()),
            _ => encode(self.ed.sign(signed.as_bytes())),
        };
        format!("{signed}.{signature}")
    }

    /// The same issuer's, with other rules.
    async fn verifier_with(&self, change: impl Fn(&mut TokenRules), age: i64) -> Verifier {
        let path = self.folder.path().join("jwks.json");
        let algorithms = crate::identity::jwk::Algorithm::ALL.to_vec();
        let keys = Keys::load(KeySource::File(path), algorithms, self.clock.clone());
        let keys = keys.await.unwrap().with_age_max(age);
        let mut rules = TokenRules::new("https://issuer.example", "https://gateway.example");
        change(&mut rules);
        Verifier::new(rules, Arc::new(keys), self.clock.clone())
    }

    async fn verdict(&self, compact: &str) -> Option<TokenRejected> {
        self.verifier.verify(compact).await.err()
    }

    /// The verdict on a token of the Ed25519 key with this header and these claims.
    async fn verdict_on(
        &self,
        header: impl ToString,
        claims: impl ToString,
    ) -> Option<TokenRejected> {
        self.verdict(&self.sign(
            "ed",
            header.to_string().as_bytes(),
            claims.to_string().as_bytes(),
        ))
        .await
    }
}

fn header() -> Value {
    json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "ed"})
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": "https://gateway.example", "sub": "acme-portal",
        "client_id": "acme-portal", "iat": NOW - 10, "exp": NOW + 3_600, "jti": "7f3c",
        "cnf": {"x5t#S256": encode([7; 32])}, "scope": "jobs.read jobs.write",
        "purpose": "essential.service",
    })
}

/// `base` with one member changed, or taken out where `value` is the text `<absent>`.
fn with(mut base: Value, name: &str, value: Value) -> String {
    let members = base.as_object_mut().unwrap();
    if value == "<absent>" {
        members.shift_remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    base.to_string()
}

#[tokio::test]
async fn a_genuine_token_of_every_algorithm_is_taken() {
    let bench = Bench::new().await;
    for (kid, algorithm) in [
        ("rs", "RS256"),
        ("ps", "PS256"),
        ("es", "ES256"),
        ("ed", "EdDSA"),
        ("ed", "Ed25519"),
        ("9864", "EdDSA"),
        ("9864", "Ed25519"),
    ] {
        let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": kid}).to_string();
        let compact = bench.sign(kid, header.as_bytes(), claims().to_string().as_bytes());
        assert_eq!(bench.verdict(&compact).await, None, "{algorithm}");
    }
}

#[tokio::test]
async fn a_key_verifies_only_its_own_algorithm() {
    let bench = Bench::new().await;
    let body = claims().to_string();
    for kid in ["rs", "ps", "es", "ed"] {
        for algorithm in [
            "none", "None", "NONE", "", "HS256", "HS512", "RS256", "RS384", "RS512", "PS256",
            "PS384", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "eddsa", "Ed25519", "Ed448",
        ] {
            for signer in ["rs", "ps", "es", "ed"] {
                let own = matches!(
                    (kid, algorithm),
                    ("rs", "RS256")
                        | ("ps", "PS256")
                        | ("es", "ES256")
                        | ("ed", "EdDSA" | "Ed25519")
                );
                let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": kid}).to_string();
                let compact = bench.sign(signer, header.as_bytes(), body.as_bytes());
                let expected = match (own, signer == kid) {
                    (true, true) => None,
                    (true, false) => Some(TokenRejected::Signature),
                    (false, _) => Some(TokenRejected::Algorithm),
                };
                assert_eq!(
                    bench.verdict(&compact).await,
                    expected,
                    "{kid} {algorithm} {signer}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_hmac_keyed_with_the_public_key_is_no_signature() {
    let bench = Bench::new().await;
    let public = bench.rsa.public_key().as_der().unwrap();
    let header = json!({"typ": "at+jwt", "alg": "HS256", "kid": "rs"}).to_string();
    let signed = format!("{}.{}", encode(header), encode(claims().to_string()));
    for secret in [public.as_ref(), bench.rsa.public_key().as_ref(), b""] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        let tag = encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
        let verdict = bench.verdict(&format!("{signed}.{tag}")).await;
        assert_eq!(verdict, Some(TokenRejected::Algorithm));
    }
}

#[tokio::test]
async fn header_members_that_bring_keys_or_change_the_rules_are_refused() {
    let bench = Bench::new().await;
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(bench.ed.public_key())});
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/x5u.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!(encode([7; 32]))),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
        ("epk", json!({})),
        ("Kid", json!("ed")),
        ("iss", json!("https://issuer.example")),
        ("", json!("")),
    ] {
        let verdict = bench
            .verdict_on(with(header(), name, value), claims())
            .await;
        assert_eq!(verdict, Some(TokenRejected::HeaderMember), "{name}");
    }
}

#[tokio::test]
async fn only_access_tokens_are_taken_for_access_tokens() {
    let bench = Bench::new().await;
    for kind in [
        "at+jwt",
        "application/at+jwt",
        "at+JWT",
        "Application/AT+JWT",
    ] {
        let header = with(header(), "typ", json!(kind));
        assert_eq!(bench.verdict_on(&header, claims()).await, None, "{kind}");
    }
    for kind in [
        json!("<absent>"),
        json!("JWT"),
        json!("jwt"),
        json!("id+jwt"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("at+jwt "),
        json!(" at+jwt"),
        json!("at+jwt; charset=utf-8"),
        json!("text/at+jwt"),
        json!("application/"),
        json!(""),
        json!(null),
        json!(["at+jwt"]),
        json!(true),
        json!({"at+jwt": 1}),
        json!("at\u{2011}jwt"),
    ] {
        let verdict = bench.verdict_on(with(header(), "typ", kind.clone()), claims());
        assert_eq!(verdict.await, Some(TokenRejected::Type), "{kind}");
    }
}

#[tokio::test]
async fn a_token_names_one_known_key() {
    let bench = Bench::new().await;
    for (id, expected) in [
        (json!("<absent>"), TokenRejected::KeyNotNamed),
        (json!("ED"), TokenRejected::UnknownKey),
        (json!("ed "), TokenRejected::UnknownKey),
        (json!("enc"), TokenRejected::UnknownKey),
        (json!("../../../../dev/null"), TokenRejected::UnknownKey),
        (json!("ed' OR '1'='1"), TokenRejected::UnknownKey),
        (json!("ed\u{0}"), TokenRejected::UnknownKey),
        (json!(""), TokenRejected::Header),
        (json!(null), TokenRejected::Header),
        (json!(0), TokenRejected::Header),
        (json!(["ed"]), TokenRejected::Header),
        (json!("k".repeat(257)), TokenRejected::Header),
    ] {
        let verdict = bench.verdict_on(with(header(), "kid", id.clone()), claims());
        assert_eq!(verdict.await, Some(expected), "{id}");
    }
}

#[tokio::test]
async fn a_token_names_one_algorithm_as_text() {
    let bench = Bench::new().await;
    for value in [
        json!("<absent>"),
        json!(null),
        json!(["EdDSA"]),
        json!({}),
        json!("EdDSA "),
    ] {
        let header = with(header(), "alg", value.clone());
        let verdict = bench.verdict_on(header, claims()).await;
        assert_eq!(verdict, Some(TokenRejected::Algorithm), "{value}");
    }
}

#[tokio::test]
async fn every_required_claim_is_required() {
    let bench = Bench::new().await;
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let claims = with(claims(), name, json!("<absent>"));
        let verdict = bench.verdict_on(header(), &claims).await;
        assert_eq!(verdict, Some(TokenRejected::Missing(name)));
    }
}

/// Whether each value, in the place of this claim, is refused for being malformed.
async fn assert_malformed(bench: &Bench, name: &'static str, values: &[Value]) {
    for value in values {
        let verdict = bench.verdict_on(header(), with(claims(), name, value.clone()));
        assert_eq!(
            verdict.await,
            Some(TokenRejected::Malformed(name)),
            "{name} {value}"
        );
    }
}

#[tokio::test]
async fn times_of_the_wrong_type_are_not_taken_for_absent() {
    let bench = Bench::new().await;
    let whole = NOW + 3_600;
    let values = [
        json!(whole.to_string()),
        json!(null),
        json!(true),
        json!([whole]),
        json!({}),
        json!(whole as f64),
        json!(whole as f64 + 0.5),
        json!(1e300),
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(""),
    ];
    for name in ["exp", "iat", "nbf"] {
        assert_malformed(&bench, name, &values).await;
    }
}

#[tokio::test]
async fn identifiers_are_short_printable_texts() {
    let bench = Bench::new().await;
    let wrong_type = [
        json!(null),
        json!(1),
        json!(["acme-portal"]),
        json!({}),
        json!(false),
    ];
    assert_malformed(&bench, "iss", &wrong_type).await;
    let wrong_text = [
        json!(""),
        json!("acme-portal\n"),
        json!("acme\u{0}portal"),
        json!("acme\u{202e}"),
        json!("\u{430}cme-portal"),
        json!("a".repeat(257)),
    ];
    for name in ["sub", "client_id", "jti"] {
        assert_malformed(&bench, name, &wrong_type).await;
        assert_malformed(&bench, name, &wrong_text).await;
    }
}

#[tokio::test]
async fn an_audience_is_a_text_or_several() {
    let bench = Bench::new().await;
    let values = [
        json!(null),
        json!(1),
        json!([]),
        json!([1]),
        json!({}),
        json!(true),
        json!(["https://gateway.example", 1]),
        json!(["https://gateway.example", null]),
        json!([["https://gateway.example"]]),
    ];
    assert_malformed(&bench, "aud", &values).await;
}

#[tokio::test]
async fn purposes_are_words_joined_by_single_spaces() {
    let bench = Bench::new().await;
    let values = [
        json!(null),
        json!(["essential.service"]),
        json!(1),
        json!(""),
        json!(" "),
        json!("a  b"),
        json!(" a"),
        json!("a "),
        json!("a\tb"),
        json!("a\"b"),
        json!("\u{e4}"),
    ];
    assert_malformed(&bench, "purpose", &values).await;
    assert_malformed(&bench, "purpose", &[json!("a ".repeat(32) + "a")]).await;
}

#[tokio::test]
async fn a_scope_is_not_looked_at_for_nothing_here_goes_by_it() {
    let bench = Bench::new().await;
    for scope in [
        json!(null),
        json!(""),
        json!(["mail"]),
        json!("a  b"),
        json!(1),
    ] {
        let mut claims = claims();
        claims["scope"] = scope.clone();
        let (header, claims) = (header().to_string(), claims.to_string());
        let compact = bench.sign("ed", header.as_bytes(), claims.as_bytes());
        assert_eq!(bench.verdict(&compact).await, None, "{scope}");
    }
}

#[tokio::test]
async fn issuer_and_audience_are_compared_byte_for_byte() {
    let bench = Bench::new().await;
    let near = |exact: &str| {
        [
            format!("{exact}/"),
            format!("{exact}.attacker.example"),
            exact.to_uppercase(),
            exact.replace("https", "http"),
            exact.replace("https", "HTTPS"),
            format!(" {exact}"),
            format!("{exact} "),
            exact.replace("://", ":////"),
            format!("{exact}:443"),
            format!("{exact}\u{0}"),
            exact.replace(".example", ""),
            String::new(),
            "*".to_owned(),
            exact.replace('g', "%67"),
            format!("{exact}#"),
            format!("{exact}?"),
        ]
    };
    for issuer in near("https://issuer.example") {
        if issuer == "https://issuer.example" {
            continue;
        }
        let verdict = bench.verdict_on(header(), with(claims(), "iss", json!(issuer)));
        assert_eq!(verdict.await, Some(TokenRejected::Issuer), "{issuer:?}");
    }
    for audience in near("https://gateway.example") {
        for value in [
            json!(audience),
            json!([audience]),
            json!(["https://other.example", audience]),
        ] {
            let verdict = bench.verdict_on(header(), with(claims(), "aud", value));
            assert_eq!(verdict.await, Some(TokenRejected::Audience), "{audience:?}");
        }
    }
    let several = json!(["https://other.example", "https://gateway.example"]);
    let claims = with(claims(), "aud", several);
    assert_eq!(bench.verdict_on(header(), &claims).await, None);
}

#[tokio::test]
async fn times_are_judged_with_thirty_seconds_of_leeway_and_no_more() {
    let bench = Bench::new().await;
    let life = |issued: i64, expires: i64| {
        let claims = with(claims(), "iat", json!(NOW + issued));
        let claims = serde_json::from_str(&claims).unwrap();
        with(claims, "exp", json!(NOW + expires))
    };
    for (claims, expected) in [
        (life(-100, -29), None),
        (life(-100, -30), Some(TokenRejected::Expired)),
        (life(-100, -31), Some(TokenRejected::Expired)),
        (life(30, 100), None),
        (life(31, 100), Some(TokenRejected::IssuedInFuture)),
        (life(0, 0), Some(TokenRejected::Malformed("exp"))),
        (life(10, 5), Some(TokenRejected::Malformed("exp"))),
        (life(0, 86_400), None),
        (life(0, 86_401), Some(TokenRejected::LifeTooLong)),
        (life(-NOW, 60), Some(TokenRejected::LifeTooLong)),
        (with(claims(), "nbf", json!(NOW + 30)), None),
        (
            with(claims(), "nbf", json!(NOW + 31)),
            Some(TokenRejected::NotYetValid),
        ),
        (
            with(claims(), "exp", json!(0)),
            Some(TokenRejected::Expired),
        ),
    ] {
        assert_eq!(
            bench.verdict_on(header(), &claims).await,
            expected,
            "{claims}"
        );
    }
}

#[tokio::test]
async fn a_token_is_bound_to_thumbprints_of_the_two_known_kinds_or_to_nothing() {
    let bench = Bench::new().await;
    let print = encode([7; 32]);
    for value in [
        json!(null),
        json!({}),
        json!([]),
        json!(print),
        json!({"jkt": null}),
        json!({"jkt": format!("{print}=")}),
        json!({"jkt": print, "jku": "https://attacker.example"}),
        json!({"x5t#S256": print, "jkt": encode([7; 31])}),
        json!({"JKT": print}),
        json!({"x5t#S256": print, "jwk": {}}),
        json!({"x5t#s256": print}),
        json!({"x5t": print}),
        json!({"kid": "ed"}),
        json!({"x5t#S256": null}),
        json!({"x5t#S256": ""}),
        json!({"x5t#S256": [print]}),
        json!({"x5t#S256": encode([7; 31])}),
        json!({"x5t#S256": encode([7; 33])}),
        json!({"x5t#S256": format!("{print}=")}),
        json!({"x5t#S256": "07".repeat(32)}),
    ] {
        let claims = with(claims(), "cnf", value.clone());
        let verdict = bench.verdict_on(header(), &claims).await;
        assert_eq!(verdict, Some(TokenRejected::Confirmation), "{value}");
    }
    let bound = Some(Thumbprint([7; 32]));
    for (value, expected) in [
        (json!("<absent>"), (None, None)),
        (json!({"x5t#S256": print}), (bound, None)),
        (json!({"jkt": print}), (None, bound)),
        (json!({"x5t#S256": print, "jkt": print}), (bound, bound)),
    ] {
        let claims = with(claims(), "cnf", value);
        let compact = bench.sign("ed", header().to_string().as_bytes(), claims.as_bytes());
        let token = bench.verifier.verify(&compact).await.unwrap();
        assert_eq!((token.confirmation, token.proof_key), expected);
    }
}

#[tokio::test]
async fn documents_that_two_readers_could_read_differently_are_refused() {
    let bench = Bench::new().await;
    let (header, claims) = (header().to_string(), claims().to_string());
    let inside = |text: &str| text[1..text.len() - 1].to_owned();
    for claims in [
        format!("{{{},\"client_id\":\"acme-portal\"}}", inside(&claims)),
        format!("{{\"e\\u0078p\":{},{}}}", NOW + 60, inside(&claims)),
        format!("{{{},\"extra\":{{\"a\":1,\"a\":1}}}}", inside(&claims)),
        format!("{{{},\"extra\":NaN}}", inside(&claims)),
        format!("{{{},\"extra\":1e999}}", inside(&claims)),
        format!("{claims} {{}}"),
        format!("{claims}\0"),
        format!("\u{feff}{claims}"),
        format!("[{claims}]"),
        "null".to_owned(),
        "\"eyJ9\"".to_owned(),
    ] {
        let verdict = bench.verdict_on(&header, &claims).await;
        assert_eq!(verdict, Some(TokenRejected::Claims), "{claims}");
    }
    for header in [
        format!("{{{},\"alg\":\"EdDSA\"}}", inside(&header)),
        format!("{{\"\\u0061lg\":\"none\",{}}}", inside(&header)),
        format!("{header}{header}"),
        format!("[{header}]"),
    ] {
        let verdict = bench.verdict_on(&header, &claims).await;
        assert_eq!(verdict, Some(TokenRejected::Header), "{header}");
    }
    let invalid = bench.sign("ed", header.as_bytes(), b"{\"a\":\"\xff\"}");
    assert_eq!(bench.verdict(&invalid).await, Some(TokenRejected::Claims));
}

#[tokio::test]
async fn only_three_unpadded_base64url_parts_are_a_token() {
    let bench = Bench::new().await;
    let good = bench.sign(
        "ed",
        header().to_string().as_bytes(),
        claims().to_string().as_bytes(),
    );
    let [header, body, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    for compact in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.to_owned(),
        format!("{header}.{body}"),
        format!("{header}.{body}."),
        format!(".{body}.{signature}"),
        format!("{header}..{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{good}..{signature}"),
        format!("{good}="),
        format!("{header}=.{body}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header} .{body}.{signature}"),
        format!("{header}.{body}\r\n.{signature}"),
        format!("{header}.{body}.{signature}+/"),
        format!("{header}%2e{body}.{signature}"),
        json!({"protected": header, "payload": body, "signature": signature}).to_string(),
    ] {
        assert_eq!(
            bench.verdict(&compact).await,
            Some(TokenRejected::Shape),
            "{}",
            compact.len()
        );
    }
    let long = format!("{good}{}", "A".repeat(8 * 1024));
    assert_eq!(bench.verdict(&long).await, Some(TokenRejected::TooLong));
}

#[tokio::test]
async fn parts_of_two_genuine_tokens_make_no_third() {
    let bench = Bench::new().await;
    let one = bench.sign(
        "ed",
        header().to_string().as_bytes(),
        claims().to_string().as_bytes(),
    );
    let other = with(claims(), "client_id", json!("zenith-portal"));
    let other = bench.sign("ed", header().to_string().as_bytes(), other.as_bytes());
    assert_eq!(bench.verdict(&one).await, None);
    assert_eq!(bench.verdict(&other).await, None);
    let (signed, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = one.rsplit_once('.').unwrap();
    let verdict = bench.verdict(&format!("{signed}.{signature}")).await;
    assert_eq!(verdict, Some(TokenRejected::Signature));
    let zeros = bench
        .verdict(&format!("{signed}.{}", encode([0; 64])))
        .await;
    assert_eq!(zeros, Some(TokenRejected::Signature));
    let signed = one.rsplit_once('.').unwrap().0;
    let ecdsa = signed.replacen(
        &encode(header().to_string()),
        &encode(json!({"typ": "at+jwt", "alg": "ES256", "kid": "es"}).to_string()),
        1,
    );
    // CVE-2022-21449: r = s = 0.
    let verdict = bench.verdict(&format!("{ecdsa}.{}", encode([0; 64]))).await;
    assert_eq!(verdict, Some(TokenRejected::Signature));
}

#[tokio::test]
async fn a_cached_token_expires_like_any_other_and_messages_never_quote_it() {
    let bench = Bench::new().await;
    let compact = bench.sign(
        "ed",
        header().to_string().as_bytes(),
        claims().to_string().as_bytes(),
    );
    let first = bench.verifier.verify(&compact).await.unwrap();
    let second = bench.verifier.verify(&compact).await.unwrap();
    assert!(
        Arc::ptr_eq(&first, &second),
        "the second comes from the cache"
    );
    bench
        .clock
        .set(jiff::Timestamp::from_second(NOW + 3_630).unwrap());
    let rejected = bench.verifier.verify(&compact).await.unwrap_err();
    assert_eq!(rejected.to_string(), "the token is expired");
    assert!(
        compact
            .split('.')
            .all(|part| !format!("{rejected:?}").contains(part))
    );
}

#[tokio::test]
async fn a_cached_token_dies_with_the_key_that_signed_it() {
    let bench = Bench::new().await;
    let [header, claims] = [header(), claims()].map(|part| part.to_string());
    let compact = bench.sign("ed", header.as_bytes(), claims.as_bytes());
    assert_eq!(bench.verdict(&compact).await, None);
    let path = bench.folder.path().join("jwks.json");
    let mut set: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    set["keys"]
        .as_array_mut()
        .unwrap()
        .retain(|key| key["kid"] != "ed");
    std::fs::write(&path, set.to_string()).unwrap();
    assert!(bench.verifier.keys().refresh().await.unwrap());
    assert_eq!(
        bench.verdict(&compact).await,
        Some(TokenRejected::UnknownKey)
    );
}

#[tokio::test]
async fn nbf_is_asked_for_where_a_setting_says_so() {
    let bench = Bench::new().await;
    let strict = |rules: &mut TokenRules| rules.not_before_required = true;
    let strict = bench.verifier_with(strict, 60).await;
    let header = header().to_string();
    let without = bench.sign("ed", header.as_bytes(), claims().to_string().as_bytes());
    let with = with(claims(), "nbf", json!(NOW - 10));
    let with = bench.sign("ed", header.as_bytes(), with.as_bytes());
    assert_eq!(bench.verdict(&without).await, None);
    let missing = strict.verify(&without).await.unwrap_err();
    assert_eq!(missing, TokenRejected::Missing("nbf"));
    assert!(strict.verify(&with).await.is_ok());
}

#[tokio::test]
async fn keys_that_could_not_be_renewed_for_too_long_verify_nothing_until_they_are() {
    let bench = Bench::new().await;
    let verifier = bench.verifier_with(|_| (), 600).await;
    let header = header().to_string();
    let compact = bench.sign("ed", header.as_bytes(), claims().to_string().as_bytes());
    let path = bench.folder.path().join("jwks.json");
    let set = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for (seconds, rejected) in [
        (600, None),
        (601, Some(TokenRejected::KeysTooOld)),
        (900, Some(TokenRejected::KeysTooOld)),
    ] {
        let now = jiff::Timestamp::from_second(NOW + seconds).unwrap();
        bench.clock.set(now);
        assert!(verifier.keys().refresh().await.is_err());
        assert_eq!(verifier.verify(&compact).await.err(), rejected, "{seconds}");
    }
    std::fs::write(&path, set).unwrap();
    assert!(!verifier.keys().refresh().await.unwrap());
    assert!(verifier.verify(&compact).await.is_ok());
}

#[test]
fn no_mutation_of_a_genuine_token_verifies() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = runtime.block_on(Bench::new());
    let good: Vec<String> = [
        ("rs", "RS256"),
        ("ps", "PS256"),
        ("es", "ES256"),
        ("ed", "EdDSA"),
    ]
    .into_iter()
    .map(|(kid, algorithm)| {
        let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": kid}).to_string();
        bench.sign(kid, header.as_bytes(), claims().to_string().as_bytes())
    })
    .collect();
    let mutation = (
        0..4_usize,
        any::<prop::sample::Index>(),
        0..4_u8,
        "[A-Za-z0-9_.=-]",
    );
    let config = ProptestConfig::with_cases(2_000);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&mutation, |(which, place, kind, text)| {
        let place = place.index(good[which].len());
        let mut mutant = good[which].clone();
        match kind {
            0 => mutant.replace_range(place..=place, &text),
            1 => mutant.insert_str(place, &text),
            2 => mutant.truncate(place),
            _ => drop(mutant.remove(place)),
        }
        prop_assume!(mutant != good[which]);
        let taken = runtime.block_on(bench.verifier.verify(&mutant)).is_ok();
        // The token itself stays out of the report.
        prop_assert!(!taken, "mutation {kind} at byte {place} of token {which}");
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}
