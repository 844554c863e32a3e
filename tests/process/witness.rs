//! A strict witness (C2SP tlog-witness, tlog-cosignature) over HTTP, in tasks of its own. What it checks,
//! it checks with implementations by others; it can be told to misbehave.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, ML_DSA_44_SIGNING, PqdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The time that it signs with; its own clock stands still.
const SIGNED_AT: u64 = 1_790_000_000;

/// How it behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Strict,
    /// Answers this status to everything.
    Answers(u16),
    /// Signs something else.
    SignsWrongly,
    /// Answers 200 with something that is no signature.
    Babbles,
    /// Adds lines that nobody asked for: one under its own name of a kind from the future, one under another
    /// name.
    SaysMore,
    /// Takes so long for each answer.
    Dawdles(Duration),
    /// Answers 409 with another size each time.
    Wavers,
    /// Sends whoever asks elsewhere.
    Redirects,
}

enum Key {
    Ed25519(Ed25519KeyPair),
    MlDsa44(PqdsaKeyPair),
}

struct State {
    mood: Mood,
    /// Size and root of what it signed last.
    latest: (u64, Hash),
    asked: Vec<String>,
}

/// The witness; gone when dropped.
pub(crate) struct Witness {
    pub(crate) address: SocketAddr,
    name: String,
    key: Arc<Key>,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Witness {
    /// For the log of this verifier key, with a new Ed25519 key.
    pub(crate) async fn start(name: &str, log: &str) -> Self {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).unwrap();
        let key = Key::Ed25519(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap());
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), name, log, key).await
    }

    /// Likewise, with an ML-DSA-44 key.
    pub(crate) async fn start_with_ml_dsa(name: &str, log: &str) -> Self {
        let key = Key::MlDsa44(PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).unwrap());
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), name, log, key).await
    }

    async fn start_at(address: SocketAddr, name: &str, log: &str, key: Key) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Strict,
            latest: (0, Hash([0; 32])),
            asked: Vec::new(),
        }));
        let key = Arc::new(key);
        let address = listener.local_addr().unwrap();
        let names = (name.into(), log.into());
        let serving = serve(listener, names, Arc::clone(&key), Arc::clone(&state));
        Self {
            address,
            name: name.to_owned(),
            key,
            state,
            serving: tokio::spawn(serving),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/submit/", self.address)
    }

    /// Its verifier key.
    pub(crate) fn key(&self) -> String {
        let typed = self.key.typed();
        let id = id(&self.name, &typed);
        let id = u32::from_be_bytes(id);
        format!("{}+{id:08x}+{}", self.name, STANDARD.encode(typed))
    }

    /// The id of its key, as in names of files.
    pub(crate) fn id(&self) -> String {
        self.key().split('+').nth(1).unwrap().to_owned()
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// How many entries it has cosigned.
    pub(crate) fn size(&self) -> u64 {
        self.state().latest.0
    }

    /// Has it believe that it has cosigned this.
    pub(crate) fn remember(&self, size: u64, root: [u8; 32]) {
        self.state().latest = (size, Hash(root));
    }

    /// The bodies of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn typed(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => [&[4], pair.public_key().as_ref()].concat(),
            Self::MlDsa44(pair) => [&[6], pair.public_key().as_ref()].concat(),
        }
    }

    /// tlog-cosignature, "Format": the line for a checkpoint.
    fn line(&self, name: &str, text: &str, checkpoint: &Checkpoint) -> String {
        let time = SIGNED_AT.to_be_bytes();
        let signature = match self {
            Self::Ed25519(pair) => {
                let message = format!("cosignature/v1\ntime {SIGNED_AT}\n{text}");
                pair.sign(message.as_bytes()).as_ref().to_vec()
            }
            Self::MlDsa44(pair) => {
                let origin = checkpoint.origin();
                let mut message = b"subtree/v1\n\0".to_vec();
                message.push(u8::try_from(name.len()).unwrap());
                message.extend_from_slice(name.as_bytes());
                message.extend_from_slice(&time);
                message.push(u8::try_from(origin.len()).unwrap());
                message.extend_from_slice(origin.as_bytes());
                message.extend_from_slice(&0_u64.to_be_bytes());
                message.extend_from_slice(&checkpoint.size().to_be_bytes());
                message.extend_from_slice(&checkpoint.hash().0);
                let mut signature = vec![0; 2_420];
                assert_eq!(pair.sign(&message, &mut signature).unwrap(), 2_420);
                signature
            }
        };
        let identified = [&id(name, &self.typed())[..], &time, &signature].concat();
        format!("— {name} {}\n", STANDARD.encode(identified))
    }
}

fn id(name: &str, typed: &[u8]) -> [u8; 4] {
    signed_note::key_id(name, typed).to_be_bytes()
}

async fn serve(
    listener: TcpListener,
    (name, log): (Arc<str>, Arc<str>),
    key: Arc<Key>,
    state: Arc<Mutex<State>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (name, log) = (Arc::clone(&name), Arc::clone(&log));
        let (key, state) = (Arc::clone(&key), Arc::clone(&state));
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let (name, log) = (Arc::clone(&name), Arc::clone(&log));
                let (key, state) = (Arc::clone(&key), Arc::clone(&state));
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let body = String::from_utf8(body.to_vec()).unwrap();
                    let pause = match &lock(&state).mood {
                        Mood::Dawdles(pause) => Some(*pause),
                        _ => None,
                    };
                    if let Some(pause) = pause {
                        tokio::time::sleep(pause).await;
                    }
                    let mut state = lock(&state);
                    state.asked.push(body.clone());
                    let is_ours =
                        head.method == Method::POST && head.uri.path() == "/submit/add-checkpoint";
                    let (status, kind, said) = match is_ours {
                        true => add_checkpoint(&name, &log, &key, &mut state, &body),
                        false => (405, "text/plain", String::new()),
                    };
                    let mut response = Response::new(Full::new(Bytes::from(said)));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    let headers = response.headers_mut();
                    headers.insert("content-type", kind.parse().unwrap());
                    headers.insert("location", "/elsewhere".parse().unwrap());
                    Ok::<_, Infallible>(response)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            let _ = connection.await;
        });
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer = (u16, &'static str, String);

/// tlog-witness, "add-checkpoint", in the order that is written there.
fn add_checkpoint(name: &str, log: &str, key: &Key, state: &mut State, body: &str) -> Answer {
    let plain = |status| (status, "text/plain", String::new());
    let size_is = |size: u64| (409, "text/x.tlog.size", format!("{size}\n"));
    match state.mood {
        Mood::Answers(status) => return plain(status),
        Mood::Redirects => return plain(307),
        Mood::Wavers => return size_is(state.asked.len() as u64),
        Mood::Babbles => return (200, "text/plain", "thank you\n".to_owned()),
        _ => {}
    }
    let Some((head, note)) = body.split_once("\n\n") else {
        return plain(400);
    };
    let mut lines = head.split('\n');
    let old = lines.next().and_then(|line| line.strip_prefix("old "));
    let Some(old) = old.and_then(|old| old.parse::<u64>().ok().filter(|n| n.to_string() == old))
    else {
        return plain(400);
    };
    let hash = |line| Some(Hash(STANDARD.decode(line).ok()?.try_into().ok()?));
    let Some(proof) = lines.map(hash).collect::<Option<Vec<_>>>() else {
        return plain(400);
    };
    if proof.len() > 63 {
        return plain(400);
    }
    let Ok(parsed) = Note::from_bytes(note.as_bytes()) else {
        return plain(400);
    };
    let Ok(checkpoint) = Checkpoint::from_bytes(parsed.text()) else {
        return plain(400);
    };
    if checkpoint.origin() != log.split('+').next().unwrap() {
        return plain(404);
    }
    let known = VerifierList::new(vec![Box::new(StandardVerifier::new(log).unwrap())]);
    if parsed.verify(&known).is_err() {
        return plain(403);
    }
    let (size, root) = (checkpoint.size(), checkpoint.hash());
    if old > size {
        return plain(400);
    }
    if old != state.latest.0 || (old == size && *root != state.latest.1) {
        return size_is(state.latest.0);
    }
    let grown = match old {
        0 => proof.is_empty(),
        _ if old == size => proof.is_empty(),
        _ => tlog_tiles::check_tree(&proof, size, *root, old, state.latest.1).is_ok(),
    };
    if !grown {
        return plain(422);
    }
    let text = String::from_utf8(parsed.text().to_vec()).unwrap();
    let mut said = match state.mood {
        Mood::SignsWrongly => key.line(name, &format!("{text}and more\n"), &checkpoint),
        _ => key.line(name, &text, &checkpoint),
    };
    if state.mood == Mood::SaysMore {
        let junk = STANDARD.encode([9; 72]);
        said.push_str(&format!("— {name} {junk}\n— somebody.example {junk}\n"));
    }
    state.latest = (size, *root);
    (200, "text/plain; charset=utf-8", said)
}
