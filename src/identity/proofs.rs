//! Attacks on proofs of possession: the checks of RFC 9449 section 4.3, one row for each way to miss one,
//! and each row one change of a proof that is otherwise taken.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::identity::dpop::{
    PROOF_BYTES_MAX, PROOF_SECONDS_MAX, Proof, ProofRejected, ProofRules, Request, judge,
};
use crate::identity::nonce::Nonces;

const NOW: i64 = 1_795_000_000;
const TOKEN: &str = "eyJ0eXAi.the.token";
const REQUEST: Request<'_> = Request {
    method: "GET",
    host: "gateway.example",
    path: "/v1/jobs/a%20b",
};
const RULES: ProofRules<'_> = ProofRules {
    leeway_seconds: 30,
    nonces: None,
};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

struct Client(EcdsaKeyPair);

impl Client {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    fn sign(&self, header: impl ToString, claims: impl ToString) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", encode(signature.unwrap()))
    }
}

fn claims() -> Value {
    json!({
        "jti": "e1j3V", "htm": "GET", "htu": "https://gateway.example/v1/jobs/a%20b", "iat": NOW,
        "ath": encode(digest(&SHA256, TOKEN.as_bytes())),
    })
}

/// `base` with one member changed, or taken out where `value` is the text `<absent>`.
fn with(mut base: Value, name: &str, value: Value) -> Value {
    let members = base.as_object_mut().unwrap();
    if value == "<absent>" {
        members.shift_remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    base
}

fn judged(proof: &str) -> Result<Proof, ProofRejected> {
    judge(proof, TOKEN, &REQUEST, &RULES, NOW)
}

fn verdict(proof: &str) -> Option<ProofRejected> {
    judged(proof).err()
}

#[test]
fn a_genuine_proof_of_every_algorithm_is_taken_and_named_by_its_key() {
    let client = Client::new();
    let proof = judged(&client.sign(client.header(), claims())).unwrap();
    let again = judged(&client.sign(client.header(), claims())).unwrap();
    assert_eq!(
        proof, again,
        "what tells it from others is its key and `jti`"
    );
    assert_eq!(proof.until, NOW + PROOF_SECONDS_MAX + 30);
    let other = judged(&client.sign(client.header(), with(claims(), "jti", json!("2")))).unwrap();
    assert_ne!(proof.digest, other.digest);
    let stranger = Client::new();
    let stranger = judged(&stranger.sign(stranger.header(), claims())).unwrap();
    assert!(stranger.key != proof.key && stranger.digest != proof.digest);
    let ed = Ed25519KeyPair::generate().unwrap();
    for algorithm in ["EdDSA", "Ed25519"] {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(ed.public_key())});
        let header = json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk});
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims().to_string())
        );
        let signature = encode(ed.sign(signed.as_bytes()));
        assert_eq!(
            verdict(&format!("{signed}.{signature}")),
            None,
            "{algorithm}"
        );
    }
}

#[test]
fn the_thumbprint_of_a_key_is_that_of_rfc_7638() {
    // RFC 7638 section 3.1; RFC 8037 appendix A.3.
    let rsa = json!({"kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB", "n":
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
    let thumbprint = crate::identity::dpop::thumbprint(rsa.as_object().unwrap());
    let text = thumbprint.unwrap().to_base64url();
    assert_eq!(text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let ed =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let thumbprint = crate::identity::dpop::thumbprint(ed.as_object().unwrap());
    let text = thumbprint.unwrap().to_base64url();
    assert_eq!(text, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn every_header_but_the_plain_one_is_refused() {
    use ProofRejected as R;
    let client = Client::new();
    let (header, jwk) = (client.header(), client.jwk());
    let private = with(jwk.clone(), "d", json!(encode([7; 32])));
    let with_key = |name: &str, value: Value| with(client.jwk(), name, value);
    let rows = [
        ("typ", json!("<absent>"), R::Type),
        ("typ", json!("JWT"), R::Type),
        ("typ", json!("at+jwt"), R::Type),
        ("typ", json!("DPoP+jwt"), R::Type),
        ("typ", json!(["dpop+jwt"]), R::Type),
        ("alg", json!("<absent>"), R::Algorithm),
        ("alg", json!("none"), R::Algorithm),
        ("alg", json!("HS256"), R::Algorithm),
        ("alg", json!("es256"), R::Algorithm),
        ("alg", json!("ES512"), R::Algorithm),
        ("alg", json!(["ES256"]), R::Algorithm),
        ("alg", json!("RS256"), R::Key),
        ("alg", json!("Ed25519"), R::Key),
        ("jwk", json!("<absent>"), R::Key),
        ("jwk", json!(null), R::Key),
        ("jwk", json!("https://attacker.example/jwk"), R::Key),
        ("jwk", private, R::Key),
        ("jwk", json!({"kty": "oct", "k": encode([7; 32])}), R::Key),
        ("jwk", with_key("k", json!("AAAA")), R::Key),
        ("jwk", with_key("kty", json!("RSA")), R::Key),
        ("jwk", with_key("crv", json!("P-384")), R::Key),
        ("jwk", with_key("x", json!(encode([0; 32]))), R::Key),
        ("jwk", with_key("x", json!(encode([0; 33]))), R::Key),
        ("jwk", with_key("use", json!("enc")), R::Key),
        ("jwk", with_key("alg", json!("ES384")), R::Key),
        ("jwk", with_key("key_ops", json!(["sign"])), R::Key),
        ("kid", json!("1"), R::HeaderMember),
        (
            "jku",
            json!("https://attacker.example/jwks"),
            R::HeaderMember,
        ),
        (
            "x5u",
            json!("https://attacker.example/x5u"),
            R::HeaderMember,
        ),
        ("x5c", json!(["MIIB"]), R::HeaderMember),
        ("crit", json!(["exp"]), R::HeaderMember),
        ("zip", json!("DEF"), R::HeaderMember),
        ("b64", json!(false), R::HeaderMember),
    ];
    for (name, value, expected) in rows {
        let proof = client.sign(with(header.clone(), name, value.clone()), claims());
        assert_eq!(verdict(&proof), Some(expected), "{name} {value}");
    }
    let small = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = small.public_key().as_ref();
    let modulus = &der[der.len() - 5 - 256..][..256];
    let rsa = |bytes: &[u8], e: &[u8]| json!({"kty": "RSA", "n": encode(bytes), "e": encode(e)});
    for (jwk, expected) in [
        (rsa(modulus, &[1, 0, 1]), None),
        (rsa(&modulus[..128], &[1, 0, 1]), Some(R::Key)),
        (rsa(modulus, &[3]), Some(R::Key)),
    ] {
        let header = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": jwk});
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims().to_string())
        );
        let mut signature = vec![0; 256];
        let random = SystemRandom::new();
        let made = small.sign(
            &RSA_PKCS1_SHA256,
            &random,
            signed.as_bytes(),
            &mut signature,
        );
        made.unwrap();
        assert_eq!(
            verdict(&format!("{signed}.{}", encode(signature))),
            expected
        );
    }
}

#[test]
fn every_claim_is_there_of_its_type_and_for_this_request_and_token() {
    use ProofRejected as R;
    let client = Client::new();
    let other_token = json!(encode(digest(&SHA256, b"other")));
    let mut rows = vec![
        ("htm", json!("get"), R::Method),
        ("htm", json!("POST"), R::Method),
        ("htm", json!(""), R::Method),
        ("htm", json!(["GET"]), R::Malformed("htm")),
        ("htu", json!(1), R::Malformed("htu")),
        ("iat", json!(NOW.to_string()), R::Malformed("iat")),
        ("iat", json!(NOW as f64), R::Malformed("iat")),
        ("iat", json!(-1), R::Malformed("iat")),
        ("iat", json!(i64::MAX), R::Malformed("iat")),
        ("iat", json!(u64::MAX), R::Malformed("iat")),
        ("iat", json!(0), R::TooOld),
        ("iat", json!(NOW - 90), R::TooOld),
        ("iat", json!(NOW + 31), R::InFuture),
        ("jti", json!(""), R::Malformed("jti")),
        ("jti", json!(7), R::Malformed("jti")),
        ("jti", json!("a".repeat(257)), R::Malformed("jti")),
        ("jti", json!("line\nbreak"), R::Malformed("jti")),
        ("ath", json!(""), R::Token),
        ("ath", other_token, R::Token),
        ("ath", json!(TOKEN), R::Token),
        ("ath", json!(null), R::Malformed("ath")),
    ];
    for name in ["htm", "htu", "iat", "jti", "ath"] {
        rows.push((name, json!("<absent>"), R::Missing(name)));
    }
    for (name, value, expected) in rows {
        let proof = client.sign(client.header(), with(claims(), name, value.clone()));
        assert_eq!(verdict(&proof), Some(expected), "{name} {value}");
    }
    for iat in [NOW - 89, NOW + 30] {
        let proof = client.sign(client.header(), with(claims(), "iat", json!(iat)));
        assert_eq!(verdict(&proof), None, "{iat}");
    }
}

#[test]
fn a_url_is_compared_after_normalising_and_without_query_and_fragment() {
    let client = Client::new();
    let taken = [
        "https://gateway.example/v1/jobs/a%20b",
        "HTTPS://GATEWAY.example:443/v1/jobs/a%20b",
        "https://gateway.example/v1/%6a%6Fbs/a%20b",
        "https://gateway.example/v1/jobs/a%20b?limit=5",
        "https://gateway.example/v1/jobs/a%20b#part",
    ];
    let refused = [
        "",
        "/v1/jobs/a%20b",
        "gateway.example/v1/jobs/a%20b",
        "http://gateway.example/v1/jobs/a%20b",
        "https://gateway.example/v1/jobs/a%20b/",
        "https://gateway.example/v1/jobs/a%20B",
        "https://gateway.example/v1/jobs/a b",
        "https://gateway.example/v1/jobs/a%2520b",
        "https://gateway.example/v1/jobs/../jobs/a%20b",
        "https://gateway.example//v1/jobs/a%20b",
        "https://gateway.example:8443/v1/jobs/a%20b",
        "https://gateway.example.attacker.example/v1/jobs/a%20b",
        "https://u@gateway.example/v1/jobs/a%20b",
        "https://attacker.example/?https://gateway.example/v1/jobs/a%20b",
        "https://gateway.example/v1/jobs/a%2",
        "https://gateway.example",
    ];
    let verdict_on =
        |url: &str| verdict(&client.sign(client.header(), with(claims(), "htu", json!(url))));
    for url in taken {
        assert_eq!(verdict_on(url), None, "{url}");
    }
    for url in refused {
        assert_eq!(verdict_on(url), Some(ProofRejected::Url), "{url}");
    }
}

#[test]
fn only_what_its_own_key_signed_whole_and_once_is_a_proof() {
    use ProofRejected as R;
    let client = Client::new();
    let proof = client.sign(client.header(), claims());
    let (signed, signature) = proof.rsplit_once('.').unwrap();
    let stranger = Client::new();
    let forged = stranger.sign(client.header(), claims());
    let header = client.header().to_string();
    let twice = format!("{{\"alg\":\"none\",{}", &header[1..]);
    let body = claims().to_string();
    let claims_twice = format!("{{\"htm\":\"POST\",{}", &body[1..]);
    for (proof, expected) in [
        (forged, R::Signature),
        (format!("{signed}.{}", encode([0; 64])), R::Signature),
        (format!("{signed}.{}", &signature[..40]), R::Signature),
        (client.sign(twice, claims()), R::Header),
        (client.sign(client.header(), claims_twice), R::Claims),
        (client.sign(client.header(), "[]"), R::Claims),
        (client.sign("null", claims()), R::Header),
        (format!("{signed}."), R::Shape),
        (signed.to_owned(), R::Shape),
        (format!("{proof}."), R::Shape),
        (format!("{proof}, {proof}"), R::Shape),
        (format!("{proof}="), R::Shape),
        (String::new(), R::Shape),
        ("\u{fc}".to_owned(), R::Shape),
        ("a".repeat(PROOF_BYTES_MAX + 1), R::TooLong),
    ] {
        let (shown, _) = proof.split_at(proof.len().min(20));
        assert_eq!(verdict(&proof), Some(expected), "{shown}");
    }
}

#[test]
fn where_nonces_are_asked_for_a_proof_holds_a_current_one() {
    let (client, nonces) = (Client::new(), Nonces::new().unwrap());
    let rules = ProofRules {
        nonces: Some(&nonces),
        ..RULES
    };
    let verdict = |nonce: Value| {
        let proof = client.sign(client.header(), with(claims(), "nonce", nonce));
        judge(&proof, TOKEN, &REQUEST, &rules, NOW).err()
    };
    assert_eq!(verdict(json!(nonces.at(NOW))), None);
    for wrong in [
        json!("<absent>"),
        json!(""),
        json!(null),
        json!(nonces.at(NOW - 900)),
        json!(nonces.at(NOW + 900)),
        json!(Nonces::new().unwrap().at(NOW)),
    ] {
        assert_eq!(
            verdict(wrong.clone()),
            Some(ProofRejected::Nonce),
            "{wrong}"
        );
    }
}
