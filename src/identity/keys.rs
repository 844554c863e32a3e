//! The issuer's public keys: read from a file or fetched from a URL, held as one snapshot, renewed
//! while running. The last good set stays when the source fails, for [`Keys::with_age_max`], but not when the issuer
//! has taken its keys back: a set without a usable key is in force as any other, and no token verifies. A token with an
//! unknown `kid` makes at most one fetch at a time and [`REFETCHES_MAX`] in [`REFETCH_WINDOW_SECONDS`].

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::{Mutex, MutexGuard};

use crate::clock::Clock;
use crate::identity::discovery::{Discovery, DiscoveryFailed};
use crate::identity::fetch::{FETCH_BYTES_MAX, FetchFailed, FetchUrl};
use crate::identity::jwk::{Algorithm, KeySet, KeySetRejected};

/// How often [`Keys::keep_fresh`] looks, in seconds: a new key is taken and a retired one refused
/// within about this time.
pub const REFRESH_SECONDS: u64 = 30;
/// The most fetches that tokens with unknown keys can cause in [`REFETCH_WINDOW_SECONDS`].
pub const REFETCHES_MAX: usize = 3;
/// How long keys are used that could not be renewed, where nothing else is configured, in seconds.
pub const AGE_SECONDS_MAX: i64 = 24 * 60 * 60;
/// The window of [`REFETCHES_MAX`], in seconds.
pub const REFETCH_WINDOW_SECONDS: i64 = 60;
/// How long an unknown `kid` causes no second fetch, in seconds.
pub const UNKNOWN_KEY_SECONDS: i64 = 30;
/// Of so many keys it is said why none is of use.
const REASONS_MAX: usize = 8;
/// How many unknown `kid`s are remembered; at the limit all are forgotten, and the window still holds.
pub const UNKNOWN_KEYS_MAX: usize = 512;

/// Where the key set is.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWK Set in a file.
    File(PathBuf),
    /// A JWK Set behind a URL.
    Url(FetchUrl),
    /// A JWK Set behind the URL that its issuer names.
    Issuer(Arc<Discovery>),
}

/// The key set could not be had. The last good one, if any, stays in force.
#[derive(Debug, thiserror::Error)]
pub enum KeysUnavailable {
    /// The file.
    #[error("the key file `{path}` cannot be read: {cause}", path = path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The file again.
    #[error("the key file `{path}` is larger than {FETCH_BYTES_MAX} bytes", path = .0.display())]
    FileTooLarge(PathBuf),
    /// The URL.
    #[error(transparent)]
    Url(#[from] FetchFailed),
    /// The issuer.
    #[error(transparent)]
    Issuer(#[from] DiscoveryFailed),
    /// What was there.
    #[error(transparent)]
    Rejected(#[from] KeySetRejected),
    /// What was there, at a start, and why none of it is of use.
    #[error("the key set holds no key that can verify access tokens{0}")]
    NoUsableKey(String),
}

/// One key set as it was read, numbered from 1.
#[derive(Debug)]
pub struct KeySnapshot {
    /// Grows by one whenever the set's bytes change.
    pub generation: u64,
    /// The keys.
    pub set: KeySet,
    digest: [u8; 32],
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct Keys {
    source: KeySource,
    algorithms: Vec<Algorithm>,
    clock: Clock,
    current: ArcSwap<KeySnapshot>,
    /// When the source last had a good set, in seconds since 1970, and how long that lasts.
    renewed_at: AtomicI64,
    age_seconds_max: i64,
    /// Held across a fetch: there is one at a time, and those who waited use what it brought.
    refetches: Mutex<Refetches>,
    refetches_ended: AtomicU64,
}

impl Keys {
    /// Reads the set for the first time. Only keys for these algorithms verify.
    ///
    /// # Errors
    /// When there is no usable set yet: without one no token can be told from a forged one.
    pub async fn load(
        source: KeySource,
        algorithms: Vec<Algorithm>,
        clock: Clock,
    ) -> Result<Self, KeysUnavailable> {
        let bytes = read(&source, clock.unix_seconds()).await?;
        let first = KeySnapshot {
            generation: 1,
            set: KeySet::parse(&bytes, &algorithms)?,
            digest: fingerprint(&bytes),
        };
        report_ignored(&first.set);
        if first.set.keys().is_empty() {
            return Err(KeysUnavailable::NoUsableKey(reasons(&first.set)));
        }
        Ok(Self {
            source,
            algorithms,
            renewed_at: AtomicI64::new(clock.unix_seconds()),
            age_seconds_max: AGE_SECONDS_MAX,
            clock,
            current: ArcSwap::from_pointee(first),
            refetches: Mutex::default(),
            refetches_ended: AtomicU64::new(0),
        })
    }

    /// With another age than [`AGE_SECONDS_MAX`] up to which keys are used that could not be renewed.
    #[must_use]
    pub fn with_age_max(mut self, seconds: i64) -> Self {
        self.age_seconds_max = seconds;
        self
    }

    /// Whether the keys in force are too old to be used at `now` (seconds since 1970): their issuer may
    /// have taken one back, and could not say so.
    pub fn are_too_old(&self, now: i64) -> bool {
        now - self.renewed_at.load(Ordering::Acquire) > self.age_seconds_max
    }

    /// Why no token can be verified at `now` (seconds since 1970), for the operator.
    pub fn complaint(&self, now: i64) -> Option<&'static str> {
        if self.current.load().set.keys().is_empty() {
            Some("its key set holds no key that can verify access tokens")
        } else if self.are_too_old(now) {
            Some("its keys could not be renewed for too long")
        } else {
            None
        }
    }

    /// The keys in force.
    pub fn snapshot(&self) -> Arc<KeySnapshot> {
        self.current.load_full()
    }

    /// The number of the keys in force.
    pub fn generation(&self) -> u64 {
        self.current.load().generation
    }

    /// Reads the source now; says whether the keys changed.
    ///
    /// # Errors
    /// When it cannot be had or read; the keys in force stay.
    pub async fn refresh(&self) -> Result<bool, KeysUnavailable> {
        let turn = self.refetches.lock().await;
        self.replace(&turn).await
    }

    /// Refreshes every [`REFRESH_SECONDS`] until dropped. A failure is logged, and the last good set
    /// stays.
    pub async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(Duration::from_secs(REFRESH_SECONDS)).await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "token keys not renewed, keeping the last");
            }
        }
    }

    /// The keys to look `id` up in: those in force, or, when they do not hold it, those a refetch
    /// brought if one was due.
    pub async fn for_id(&self, id: &str) -> Arc<KeySnapshot> {
        let held = self.snapshot();
        if held.set.find(Some(id)).is_some() {
            return held;
        }
        let ended_before = self.refetches_ended.load(Ordering::Acquire);
        let mut turn = self.refetches.lock().await;
        let waited = self.refetches_ended.load(Ordering::Acquire) != ended_before;
        if !waited
            && turn.is_due(id, self.clock.unix_seconds())
            && let Err(error) = self.replace(&turn).await
        {
            tracing::warn!(%error, "token keys not refetched, keeping the last");
        }
        self.snapshot()
    }

    /// Takes the turn as proof that no other fetch is under way.
    async fn replace(&self, _turn: &MutexGuard<'_, Refetches>) -> Result<bool, KeysUnavailable> {
        let outcome = self.read_and_swap().await;
        self.refetches_ended.fetch_add(1, Ordering::Release);
        outcome
    }

    async fn read_and_swap(&self) -> Result<bool, KeysUnavailable> {
        let now = self.clock.unix_seconds();
        let bytes = read(&self.source, now).await?;
        let digest = fingerprint(&bytes);
        let held = self.snapshot();
        if digest == held.digest {
            self.renewed_at.store(now, Ordering::Release);
            return Ok(false);
        }
        let set = KeySet::parse(&bytes, &self.algorithms)?;
        self.renewed_at.store(now, Ordering::Release);
        report_ignored(&set);
        match set.keys().len() {
            0 => tracing::error!(
                "the token issuer's key set holds no usable key any more, every token is refused{}",
                reasons(&set)
            ),
            keys => tracing::info!(keys, "token keys renewed"),
        }
        self.current.store(Arc::new(KeySnapshot {
            generation: held.generation + 1,
            set,
            digest,
        }));
        Ok(true)
    }
}

/// Which refetches were made of late, and for which `kid`s there need not be another.
#[derive(Debug, Default)]
struct Refetches {
    made_at: VecDeque<i64>,
    unknown: HashMap<String, i64>,
}

impl Refetches {
    /// Whether a token with this unknown `kid` may cause a refetch at `now`; if so, it is counted.
    fn is_due(&mut self, id: &str, now: i64) -> bool {
        // A time in the future is left from before the clock went back, and counts as long ago.
        let recent = |then: i64, seconds: i64| (0..seconds).contains(&(now - then));
        self.made_at
            .retain(|then| recent(*then, REFETCH_WINDOW_SECONDS));
        let known_unknown = self.unknown.get(id);
        if known_unknown.is_some_and(|then| recent(*then, UNKNOWN_KEY_SECONDS)) {
            return false;
        }
        if self.made_at.len() >= REFETCHES_MAX {
            return false;
        }
        if self.unknown.len() >= UNKNOWN_KEYS_MAX {
            self.unknown.clear();
        }
        self.unknown.insert(id.to_owned(), now);
        self.made_at.push_back(now);
        true
    }
}

async fn read(source: &KeySource, now: i64) -> Result<Vec<u8>, KeysUnavailable> {
    use tokio::io::AsyncReadExt as _;
    let path = match source {
        KeySource::Url(url) => return Ok(url.fetch().await?),
        KeySource::Issuer(discovery) => return Ok(discovery.fetch(now).await?),
        KeySource::File(path) => path,
    };
    let failed = |cause| KeysUnavailable::File {
        path: path.clone(),
        cause,
    };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(FETCH_BYTES_MAX).unwrap_or(u64::MAX);
    let mut limited = file.take(limit.saturating_add(1));
    limited.read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > FETCH_BYTES_MAX {
        return Err(KeysUnavailable::FileTooLarge(path.clone()));
    }
    Ok(bytes)
}

fn fingerprint(bytes: &[u8]) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, bytes).as_ref());
    fingerprint
}

/// Why its keys were left out, of the first few.
fn reasons(set: &KeySet) -> String {
    let mut reasons = String::new();
    for (place, key) in set.ignored().iter().take(REASONS_MAX).enumerate() {
        let before = if place == 0 { ": " } else { "; " };
        reasons.push_str(&format!("{before}{key}"));
    }
    match set.ignored().len().saturating_sub(REASONS_MAX) {
        0 => reasons,
        more => format!("{reasons}; and {more} more"),
    }
}

fn report_ignored(set: &KeySet) {
    for key in set.ignored() {
        tracing::warn!(kid = key.id, reason = key.reason, "token key left out");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as SyncMutex;
    use std::sync::atomic::AtomicUsize;

    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::identity::fetch::Reach;

    fn set(ids: &[&str]) -> String {
        let keys: Vec<_> = ids
            .iter()
            .map(|id| {
                let pair = Ed25519KeyPair::generate().unwrap();
                let x = URL_SAFE_NO_PAD.encode(pair.public_key());
                serde_json::json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id, "x": x})
            })
            .collect();
        serde_json::json!({"keys": keys}).to_string()
    }

    fn answer(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A key server on loopback: answers whatever it was told to last, and counts.
    struct Server {
        address: std::net::SocketAddr,
        answer: Arc<SyncMutex<String>>,
        asked: Arc<AtomicUsize>,
    }

    impl Server {
        async fn start(first: String) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let server = Self {
                address: listener.local_addr().unwrap(),
                answer: Arc::new(SyncMutex::new(first)),
                asked: Arc::default(),
            };
            let (answer, asked) = (Arc::clone(&server.answer), Arc::clone(&server.asked));
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    asked.fetch_add(1, Ordering::SeqCst);
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    let text = answer.lock().unwrap().clone();
                    // The client may have given up on an answer that is too long.
                    let _ = stream.write_all(text.as_bytes()).await;
                }
            });
            server
        }

        fn tell(&self, answer: String) {
            *self.answer.lock().unwrap() = answer;
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        async fn keys(&self) -> (Keys, Clock) {
            let clock = Clock::manual(jiff::Timestamp::from_second(1_795_000_000).unwrap());
            let url = format!("http://{}/jwks.json", self.address);
            let source = KeySource::Url(FetchUrl::new(&url, &Reach::default()).unwrap());
            (
                Keys::load(source, Algorithm::ALL.to_vec(), clock.clone())
                    .await
                    .unwrap(),
                clock,
            )
        }
    }

    fn holds(snapshot: &KeySnapshot, id: &str) -> bool {
        snapshot.set.find(Some(id)).is_some()
    }

    #[tokio::test]
    async fn a_new_key_is_fetched_for_its_first_token_and_a_retired_one_leaves_with_it() {
        let server = Server::start(answer(&set(&["old"]))).await;
        let (keys, _) = server.keys().await;
        assert!(holds(&*keys.for_id("old").await, "old"));
        assert_eq!((server.asked(), keys.generation()), (1, 1));
        server.tell(answer(&set(&["new"])));
        let renewed = keys.for_id("new").await;
        assert!(holds(&renewed, "new") && !holds(&renewed, "old"));
        assert_eq!((server.asked(), keys.generation()), (2, 2));
        assert!(
            !keys.refresh().await.unwrap(),
            "unchanged bytes are no new generation"
        );
        assert_eq!(keys.generation(), 2);
    }

    #[tokio::test]
    async fn three_hundred_unknown_keys_cause_at_most_ten_fetches() {
        let server = Server::start(answer(&set(&["a"]))).await;
        let (keys, clock) = server.keys().await;
        for number in 0..300 {
            let id = format!("unknown-{number}");
            assert!(!holds(&*keys.for_id(&id).await, &id));
            if number % 3 == 0 {
                clock.advance(Duration::from_secs(1));
            }
        }
        let fetched = server.asked() - 1;
        assert!((1..=10).contains(&fetched), "{fetched} fetches");
        clock.advance(Duration::from_secs(60));
        server.tell(answer(&set(&["b"])));
        assert!(
            holds(&*keys.for_id("b").await, "b"),
            "a flood does not shut later keys out"
        );
    }

    #[tokio::test]
    async fn one_unknown_key_asked_for_at_once_and_again_causes_one_fetch() {
        let server = Server::start(answer(&set(&["a"]))).await;
        let (keys, clock) = server.keys().await;
        futures_util::future::join_all((0..50).map(|_| keys.for_id("b"))).await;
        keys.for_id("b").await;
        assert_eq!(server.asked(), 2);
        clock.advance(Duration::from_secs(30));
        keys.for_id("b").await;
        assert_eq!(server.asked(), 3);
    }

    #[tokio::test]
    async fn the_last_good_set_outlives_every_kind_of_bad_answer() {
        let server = Server::start(answer(&set(&["a"]))).await;
        let (keys, _) = server.keys().await;
        for bad in [
            String::new(),
            "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                .to_owned(),
            answer("{\"keys\":{}}"),
            answer("not json"),
            answer(&" ".repeat(FETCH_BYTES_MAX + 1)),
            answer(&set(&["b"])).replace("content-length: ", "content-length: 9"),
        ] {
            server.tell(bad.clone());
            let shown = bad.get(..40).unwrap_or(&bad);
            assert!(keys.refresh().await.is_err(), "{shown:?}");
            assert!(holds(&keys.snapshot(), "a"), "{shown:?}");
        }
        assert_eq!((server.asked(), keys.generation()), (8, 1));
        server.tell(answer(&set(&["b"])));
        assert!(keys.refresh().await.unwrap());
    }

    #[tokio::test]
    async fn what_an_issuer_takes_back_is_trusted_no_longer_even_where_nothing_usable_is_left() {
        let server = Server::start(answer(&set(&["a"]))).await;
        let (keys, clock) = server.keys().await;
        let now = clock.unix_seconds();
        for (generation, taken_back) in [
            (2, "{\"keys\":[]}".to_owned()),
            (4, set(&["a"]).replace("EdDSA", "ES384")),
            (6, set(&["a"]).replace("\"kid\"", "\"use\":\"enc\",\"kid\"")),
        ] {
            server.tell(answer(&taken_back));
            assert!(keys.refresh().await.unwrap(), "{taken_back}");
            assert!(!holds(&keys.snapshot(), "a"), "{taken_back}");
            assert_eq!(keys.generation(), generation);
            assert!(keys.complaint(now).is_some(), "{taken_back}");
            server.tell(answer(&set(&["a"])));
            assert!(keys.refresh().await.unwrap());
            assert_eq!(keys.complaint(now), None);
        }
        assert!(keys.complaint(now + AGE_SECONDS_MAX + 1).is_some());
    }

    #[tokio::test]
    async fn without_a_usable_key_there_is_no_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        for (set, reason) in [
            ("{\"keys\":[]}".to_owned(), "tokens"),
            (
                set(&["a"]).replace("EdDSA", "ES384"),
                "tokens: key \"a\": its `alg` is not one of `tokens.algorithms`",
            ),
        ] {
            std::fs::write(&path, set).unwrap();
            let source = KeySource::File(path.clone());
            let keys = Keys::load(source, Algorithm::ALL.to_vec(), Clock::system());
            let error = keys.await.unwrap_err().to_string();
            assert!(error.ends_with(reason), "{error}");
        }
    }

    #[tokio::test]
    async fn a_key_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, set(&["a"])).unwrap();
        let source = KeySource::File(path.clone());
        let keys = Keys::load(source.clone(), Algorithm::ALL.to_vec(), Clock::system())
            .await
            .unwrap();
        std::fs::write(&path, set(&["b"])).unwrap();
        assert!(keys.refresh().await.unwrap());
        assert!(holds(&keys.snapshot(), "b") && !holds(&keys.snapshot(), "a"));
        std::fs::remove_file(&path).unwrap();
        assert!(keys.refresh().await.is_err());
        assert!(holds(&keys.snapshot(), "b"));
        assert!(
            Keys::load(source, Algorithm::ALL.to_vec(), Clock::system())
                .await
                .is_err()
        );
    }
}
