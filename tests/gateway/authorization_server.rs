//! Against a real authorization server: `oidc-provider` from npm, over TLS on loopback, known to the
//! gateway by its URL alone. Clients authenticate by a signed assertion and by their certificates, tokens
//! are bound to certificates and to keys of proofs, keys are rotated, the server goes away and comes back.
//!
//! Needs Node.js and `npm ci` in `tests/authorization_server`; where they are missing it says so.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use covenant::clock::Clock;
use covenant::config::KeySource;
use covenant::identity::development::DevelopmentAuthority;
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use crate::caller::{Call, Caller, Credentials, Version};
use crate::possession::{ProofKey, WHOAMI, claims, encode};
use crate::stand::{PARTNERS, SERVICE, Stand};

/// Set where every real component must be there, as in `.ci/run`: then absence is a failure.
const ALL_COMPONENTS: &str = "COVENANT_ALL_COMPONENTS";
const AUDIENCE: &str = "https://gateway.example";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/authorization_server")
}

/// Whether the server can be started. A test that goes on without it says so past the harness.
fn is_there() -> bool {
    let mut node = Command::new("node");
    let node = node.arg("--version").stdout(Stdio::null()).status();
    let installed = folder().join("node_modules/oidc-provider").exists();
    if node.is_ok_and(|status| status.success()) && installed {
        return true;
    }
    let message = "WITHOUT `oidc-provider` (`npm ci` in tests/authorization_server), WHICH IS NOT \
                   INSTALLED, A PART WAS NOT TRIED\n";
    assert!(std::env::var_os(ALL_COMPONENTS).is_none(), "{message}");
    std::io::stderr().write_all(message.as_bytes()).unwrap();
    false
}

/// The server while it runs; ends when dropped.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(settings: &Path) -> Self {
        let mut child = Command::new("node")
            .arg(folder().join("server.js"))
            .arg(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut server = Self {
            child,
            input,
            output: BufReader::new(output),
            port: 0,
        };
        server.port = server.line().parse().expect("a port");
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn rotate(&mut self) {
        self.input.write_all(b"rotate\n").unwrap();
        assert_eq!(self.line(), "rotate");
    }
}

impl Server {
    fn end(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The server, a gateway that trusts it, and the key by which bluebird signs its assertions.
struct Pair {
    server: Server,
    settings: PathBuf,
    stand: Stand,
    /// Of the server, in PEM.
    authority: String,
    assertions: KeyPair,
    _folder: tempfile::TempDir,
}

/// acme and crest show their certificates, bluebird signs; crest's tokens are bound to a key instead.
fn clients(assertions: &KeyPair) -> Value {
    let point = assertions.public_key_raw();
    let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
    let key = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig"});
    let by_certificate = |place: usize| {
        json!({
            "client_id": PARTNERS[place].2, "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_san_dns": PARTNERS[place].1,
        })
    };
    let (mut acme, mut crest) = (by_certificate(0), by_certificate(2));
    acme["tls_client_certificate_bound_access_tokens"] = json!(true);
    crest["dpop_bound_access_tokens"] = json!(true);
    let bluebird = json!({
        "client_id": PARTNERS[1].2, "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key]}, "token_endpoint_auth_signing_alg": "ES256",
        "tls_client_certificate_bound_access_tokens": true,
    });
    json!([acme, bluebird, crest])
}

impl Pair {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server's authority is another than the partners'.
        let authority = DevelopmentAuthority::create(folder.path(), &Clock::system()).unwrap();
        let own = authority.issue_server(&[]).unwrap();
        own.write(&folder.path().join("server")).unwrap();
        let assertions = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let settings = folder.path().join("settings.json");
        let path = |name: &str| folder.path().join(name);
        let mut written = json!({
            "certificate": path("server.crt"), "key": path("server.key"), "audience": AUDIENCE,
            "clients": clients(&assertions),
        });
        let mut server = None;
        let edit = "\n  clients:";
        let to = format!("\n  token_bindings: [dpop]{edit}");
        let edits = [("partners/crest.yaml", edit, &*to)];
        let stand = Stand::start_with(&edits, |config| {
            let partners = config.policies.parent().unwrap().join("certs/ca.crt");
            written["authority"] = json!(partners);
            std::fs::write(&settings, written.to_string()).unwrap();
            let started = Server::start(&settings);
            config.tokens.issuer = format!("https://localhost:{}", started.port);
            config.tokens.audience = AUDIENCE.to_owned();
            config.tokens.keys = KeySource::Issuer(Some(path("ca.crt")));
            // It is on this machine, which is as private as can be.
            config.tokens.private_hosts = vec!["localhost".to_owned()];
            server = Some(started);
        });
        let stand = stand.await;
        // The server goes by the machine's clock.
        stand.clock.set(Clock::system().now());
        written["port"] = json!(server.as_ref().unwrap().port);
        std::fs::write(&settings, written.to_string()).unwrap();
        Self {
            server: server.unwrap(),
            settings,
            stand,
            authority: authority.certificate_pem().to_owned(),
            assertions,
            _folder: folder,
        }
    }

    fn issuer(&self) -> String {
        format!("https://localhost:{}", self.server.port)
    }

    /// What the token endpoint answers to this partner.
    async fn request(&self, partner: &str, form: &str, proof: Option<&str>) -> Value {
        let credentials = Credentials {
            authorization: None,
            ..self.stand.credentials(partner)
        };
        let address = ([127, 0, 0, 1], self.server.port).into();
        let mut caller =
            Caller::connect(&self.authority, address, &credentials, Version::Http1).await;
        let form = format!("grant_type=client_credentials&scope=mail&{form}");
        let call = Call::new(Method::POST, "/token")
            .header("host", &format!("localhost:{}", self.server.port))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let call = match proof {
            Some(proof) => call.header("dpop", proof),
            None => call,
        };
        caller.call(call).await.json()
    }

    async fn token(&self, partner: &str, form: &str, proof: Option<&str>) -> String {
        let answer = self.request(partner, form, proof).await;
        let token = answer["access_token"].as_str();
        token.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// acme's, by its certificate.
    async fn acme(&self) -> String {
        self.token("acme", "client_id=acme-portal", None).await
    }

    /// bluebird's, by an assertion (RFC 7523).
    async fn bluebird(&self) -> String {
        let now = self.stand.clock.unix_seconds();
        let client = PARTNERS[1].2;
        let claims = json!({
            "iss": client, "sub": client, "aud": self.issuer(), "iat": now, "exp": now + 60,
            "jti": format!("{now}-{}", encode(rand())),
        });
        let key = EncodingKey::from_ec_der(self.assertions.serialized_der());
        let assertion = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key);
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let form = format!(
            "client_id={client}&client_assertion_type={kind}&client_assertion={}",
            assertion.unwrap()
        );
        self.token("bluebird", &form, None).await
    }

    /// crest's, bound to this key.
    async fn crest(&self, key: &ProofKey) -> String {
        let proof = key.sign(&json!({
            "jti": encode(rand()), "htm": "POST", "htu": format!("{}/token", self.issuer()),
            "iat": self.stand.clock.unix_seconds(),
        }));
        self.token("crest", "client_id=crest-shop", Some(&proof))
            .await
    }

    /// Status and code of what the gateway answers.
    async fn told(&self, partner: &str, authorization: &str, proof: Option<&str>) -> (u16, String) {
        let credentials = Credentials {
            authorization: Some(authorization.to_owned()),
            ..self.stand.credentials(partner)
        };
        let mut caller = self.stand.connect(&credentials, Version::Http2).await;
        let call = Call::get(WHOAMI).purpose(SERVICE);
        let call = match proof {
            Some(proof) => call.header("dpop", proof),
            None => call,
        };
        let reply = caller.call(call).await;
        let json = reply.json();
        let word = json["code"].as_str().or(json["partner"].as_str());
        (reply.status.as_u16(), word.unwrap_or_default().to_owned())
    }
}

fn rand() -> [u8; 12] {
    let mut bytes = [0; 12];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_a_real_authorization_server_are_taken_from_whom_they_were_issued_to() {
    if !is_there() {
        return;
    }
    let mut pair = Pair::start().await;
    let (acme, bluebird) = (pair.acme().await, pair.bluebird().await);
    let key = ProofKey::new();
    let crest = pair.crest(&key).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let served = |partner: &str| (200, partner.to_owned());
    let refused = |code: &str| (401, code.to_owned());
    assert_eq!(
        pair.told("acme", &bearer(&acme), None).await,
        served("acme")
    );
    assert_eq!(
        pair.told("bluebird", &bearer(&bluebird), None).await,
        served("bluebird")
    );
    let stolen = pair.told("bluebird", &bearer(&acme), None).await;
    assert_eq!(stolen, refused("certificate-mismatch"));
    let proof = || key.sign(&claims(&pair.stand, &crest, WHOAMI));
    let dpop = format!("DPoP {crest}");
    let (one, other) = (proof(), proof());
    assert_eq!(pair.told("crest", &dpop, Some(&one)).await, served("crest"));
    assert_eq!(
        pair.told("crest", &dpop, Some(&one)).await,
        refused("proof-invalid")
    );
    assert_eq!(
        pair.told("crest", &dpop, Some(&other)).await,
        served("crest")
    );
    assert_eq!(
        pair.told("crest", &bearer(&crest), None).await,
        refused("token-invalid")
    );
    // The server itself refuses whom it does not know.
    let nobody = pair.request("acme", "client_id=crest-shop", None).await;
    assert_eq!(nobody["error"], "invalid_client", "{nobody}");

    pair.server.rotate();
    let renewed = pair.acme().await;
    assert_eq!(
        pair.told("acme", &bearer(&renewed), None).await,
        served("acme"),
        "a new key"
    );
    assert_eq!(
        pair.told("acme", &bearer(&acme), None).await,
        refused("token-invalid"),
        "retired"
    );

    let keys = std::sync::Arc::clone(pair.stand.running().gateway().verifier.keys());
    pair.server.end();
    assert!(keys.refresh().await.is_err());
    let outage = pair.told("acme", &bearer(&renewed), None).await;
    assert_eq!(outage, served("acme"), "the last good keys stay");
    pair.stand.clock.advance(Duration::from_secs(25 * 60 * 60));
    let too_long = pair.told("acme", &bearer(&renewed), None).await;
    assert_eq!(too_long, refused("token-invalid"), "and not for ever");
    pair.server = Server::start(&pair.settings);
    pair.stand.clock.set(Clock::system().now());
    assert!(keys.refresh().await.unwrap());
    let again = pair.acme().await;
    assert_eq!(
        pair.told("acme", &bearer(&again), None).await,
        served("acme")
    );
}
