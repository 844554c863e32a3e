//! The ledger before witnesses: cosigned, published, proven, verified; and what happens where one of them
//! is away, lies, or says that the log is not the one it knows.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use covenant::clock::Clock;
use covenant::config::{WitnessSettings, WitnessingSettings};
use covenant::entry::{Entry, Event, GatewayNote};
use covenant::ledger::proof::{Prover, checkpoint_of, prove};
use covenant::ledger::{Checkpoint, Keys, Ledger, Options, Signer, cosignature, reading};
use covenant::telemetry::Metrics;
use covenant::witness::Witnesses;
use serde_json::Value;

use crate::installation::Installation;
use crate::program::{page, until};
use crate::witness::{Mood, Witness};

const LOG: &str = "harbour-post/gateway-1";
const TARGET: &str = "/v1/customers/cus_000001";

/// A ledger in a folder of its own, with a clock that stands still.
struct Place {
    folder: tempfile::TempDir,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Signer::create_file(&folder.path().join("key"), LOG).unwrap();
        let start = "2026-11-28T12:00:00Z".parse().unwrap();
        Self {
            folder,
            clock: Clock::manual(start),
            metrics: Arc::new(Metrics::default()),
        }
    }

    fn signer(&self) -> Signer {
        Signer::read_file(&self.folder.path().join("key")).unwrap()
    }

    fn log_key(&self) -> String {
        self.signer().verifier_key().to_string()
    }

    fn keys(&self) -> Keys {
        self.signer().verifier_key().clone().into()
    }

    /// Where a log of this name lies.
    fn ledger(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, name: &str) -> Ledger {
        let options = Options {
            segment_bytes: 1 << 20,
            wait_max: Duration::from_secs(60),
            publish_interval: Duration::from_millis(10),
            ..Options::new(self.ledger(name), LOG)
        };
        Ledger::open(&options, self.signer(), &self.clock)
            .unwrap()
            .0
    }

    fn settings(witnesses: &[&Witness], quorum: u32) -> WitnessingSettings {
        let one = |witness: &&Witness| WitnessSettings {
            url: witness.url(),
            key: witness.key(),
        };
        WitnessingSettings {
            witnesses: witnesses.iter().map(one).collect(),
            interval_seconds: 60,
            quorum,
            quorum_seconds: 300,
            required: false,
            authority: None,
            private_hosts: Vec::new(),
        }
    }

    fn before(&self, ledger: &Ledger, name: &str, settings: WitnessingSettings) -> Witnesses {
        Witnesses::new(
            settings,
            ledger.clone(),
            &self.ledger(name),
            self.keys(),
            self.clock.clone(),
            Arc::clone(&self.metrics),
        )
        .unwrap()
    }

    fn metric(&self, witnesses: &Witnesses, line: &str) -> bool {
        witnesses.measure();
        self.metrics.to_text().lines().any(|one| one == line)
    }

    /// What of a log a witness has cosigned, as it is kept.
    fn kept(&self, name: &str, witness: &Witness) -> Option<(u64, String)> {
        let path = self.ledger(name).join("cosigned").join(witness.id());
        let note = fs::read_to_string(path).ok()?;
        let size = self.keys().read_checkpoint(&note).unwrap().size;
        Some((size, note))
    }

    /// Waits until the publisher has kept what was cosigned.
    async fn kept_at(&self, name: &str, witness: &Witness, size: u64) -> String {
        until("it is kept", async || {
            self.kept(name, witness).is_some_and(|kept| kept.0 == size)
        })
        .await;
        self.kept(name, witness).unwrap().1
    }

    fn notes(&self, name: &str) -> Vec<String> {
        let entries = reading::entries(&self.ledger(name), 0);
        let notes = entries.filter_map(|entry| match Entry::parse(&entry.unwrap().1).unwrap() {
            Entry {
                event: Event::Gateway(note),
                ..
            } => Some(note.what),
            _ => None,
        });
        notes.collect()
    }
}

fn entry(detail: &str) -> Entry {
    let note = GatewayNote {
        what: "started".to_owned(),
        detail: Some(detail.to_owned()),
        policy: None,
    };
    let now = "2026-11-28T12:00:00Z".parse().unwrap();
    Entry::new(now, Event::Gateway(note)).unwrap()
}

/// Appends entries, and waits until they are published.
async fn grow(ledger: &Ledger, keys: &Keys, count: u64) -> Checkpoint {
    for number in 0..count {
        ledger.append(entry(&number.to_string())).await.unwrap();
    }
    let size = ledger.size();
    let published = || {
        let note = ledger.published_checkpoint()?;
        Some(keys.read_checkpoint(&note).unwrap())
    };
    until("it is published", async || {
        published().is_some_and(|published| published.size == size)
    })
    .await;
    published().unwrap()
}

#[tokio::test]
async fn a_growing_log_is_cosigned_round_by_round_with_proofs_that_others_check() {
    let place = Place::new();
    let witness = Witness::start("witness.example/one", &place.log_key()).await;
    let modern = Witness::start_with_ml_dsa("witness.example/two", &place.log_key()).await;
    let ledger = place.open("log");
    let settings = Place::settings(&[&witness, &modern], 2);
    let witnesses = place.before(&ledger, "log", settings.clone());
    assert!(!witnesses.is_quorate());
    for more in [1, 254, 2, 0, 300] {
        let size = grow(&ledger, &place.keys(), more).await.size;
        assert!(witnesses.round().await);
        assert_eq!(witnesses.complaints(), "");
        assert_eq!((witness.size(), modern.size()), (size, size));
        let note = place.kept_at("log", &witness, size).await;
        assert_eq!(note, place.kept_at("log", &modern, size).await);
        assert!(note.contains("— witness.example/one ") && note.contains("— witness.example/two "));
        until("the published checkpoint is the cosigned one", async || {
            fs::read_to_string(place.ledger("log").join("checkpoint")).unwrap() == note
        })
        .await;
    }
    let line = "covenant_witness_behind{witness=\"witness.example/one\"} 0";
    assert!(place.metric(&witnesses, line));
    assert!(place.metric(&witnesses, "covenant_witness_quorum{} 1"));
    // A second start asks on from where it was, and not from the beginning.
    ledger.close().await;
    let ledger = place.open("log");
    let asked = witness.asked().len();
    let witnesses = place.before(&ledger, "log", settings);
    let size = grow(&ledger, &place.keys(), 3).await.size;
    witnesses.round().await;
    assert_eq!(witness.size(), size);
    assert_eq!(witness.asked().len(), asked + 1);
    assert!(witness.asked()[asked].starts_with(&format!("old {}\n", size - 3)));
    ledger.close().await;
}

#[tokio::test]
async fn a_witness_that_is_elsewhere_says_where_and_is_asked_on_from_there() {
    let place = Place::new();
    let witness = Witness::start("witness.example", &place.log_key()).await;
    let ledger = place.open("log");
    let first = grow(&ledger, &place.keys(), 5).await;
    let third = grow(&ledger, &place.keys(), 5).await;
    // It was told of this log by somebody else, or its state is older than what is remembered here.
    for (size, root) in [
        (first.size, first.root),
        (third.size, third.root),
        (0, [0; 32]),
    ] {
        witness.remember(size, root);
        let witnesses = place.before(&ledger, "log", Place::settings(&[&witness], 1));
        witnesses.round().await;
        assert_eq!(witnesses.complaints(), "");
        assert_eq!(witness.size(), 10);
        place.kept_at("log", &witness, 10).await;
    }
    witness.is(Mood::Wavers);
    let witnesses = place.before(&ledger, "log", Place::settings(&[&witness], 1));
    witnesses.round().await;
    assert!(witnesses.complaints().contains("not of the protocol"));
    ledger.close().await;
}

#[tokio::test]
async fn a_witness_that_is_away_slow_or_refuses_is_told_of_and_changes_nothing() {
    let place = Place::new();
    let witness = Witness::start("witness.example", &place.log_key()).await;
    let other = Witness::start("other.example", &place.log_key()).await;
    let ledger = place.open("log");
    let size = grow(&ledger, &place.keys(), 3).await.size;
    let mut settings = Place::settings(&[&witness, &other], 1);
    // A port that nobody listens on.
    settings.witnesses[1].url = "http://127.0.0.1:1/".to_owned();
    let witnesses = place.before(&ledger, "log", settings);
    for (mood, why, word) in [
        (Mood::Answers(404), "(404)", "unknown-log"),
        (Mood::Answers(403), "(403)", "untrusted-key"),
        (Mood::Answers(500), "500", "status"),
        (Mood::Answers(409), "must say another size", "malformed"),
        (Mood::Redirects, "307", "status"),
        (Mood::Babbles, "not of the protocol", "malformed"),
        (
            Mood::Dawdles(Duration::from_secs(60)),
            "did not answer within",
            "unreachable",
        ),
    ] {
        witness.is(mood);
        witnesses.round().await;
        let said = witnesses.complaints();
        assert!(said.contains(why), "{said}");
        assert!(said.contains("no quorum"), "{said}");
        assert!(said.contains("witness `other.example`: "), "{said}");
        assert!(!said.contains("ALARM"), "{said}");
        let counted = format!(
            "covenant_witness_failures_total{{witness=\"witness.example\",why=\"{word}\"}}"
        );
        assert!(place.metrics.to_text().contains(&counted), "{counted}");
        assert!(ledger.is_writable());
        assert_eq!(place.kept("log", &witness), None);
    }
    assert_eq!(witness.asked().len(), 6, "no redirect is followed");
    witness.is(Mood::Strict);
    witnesses.round().await;
    place.kept_at("log", &witness, size).await;
    assert!(witnesses.is_quorate(), "one is enough");
    // Time goes by without a cosignature.
    witness.is(Mood::Answers(500));
    place.clock.advance(Duration::from_secs(300));
    assert!(witnesses.is_quorate());
    place.clock.advance(Duration::from_secs(1));
    assert!(witnesses.complaints().contains("no quorum"));
    let line = "covenant_witness_age_seconds{witness=\"witness.example\"} 301";
    assert!(place.metric(&witnesses, line));
    ledger.close().await;
}

#[tokio::test]
async fn what_a_witness_signs_wrongly_is_refused_and_an_alarm() {
    let place = Place::new();
    let witness = Witness::start("witness.example", &place.log_key()).await;
    let impostor = Witness::start("witness.example", &place.log_key()).await;
    let ledger = place.open("log");
    grow(&ledger, &place.keys(), 3).await;
    let witnesses = place.before(&ledger, "log", Place::settings(&[&witness], 1));
    witness.is(Mood::SignsWrongly);
    witnesses.round().await;
    witnesses.round().await;
    let said = witnesses.complaints();
    assert!(
        said.contains("ALARM: what it signed is not right"),
        "{said}"
    );
    let alarm = "covenant_witness_alarm{witness=\"witness.example\"} 1";
    assert!(place.metric(&witnesses, alarm));
    // Somebody answers in its place, with another key.
    let mut settings = Place::settings(&[&witness], 1);
    settings.witnesses[0].url = impostor.url();
    let others = place.before(&ledger, "log", settings);
    others.round().await;
    assert!(others.complaints().contains("no line of it is by the key"));
    ledger.close().await;
    assert_eq!(place.kept("log", &witness), None);
    let alarms = place.notes("log").into_iter();
    let alarms = alarms.filter(|what| what == "witness-alarm").count();
    assert_eq!(alarms, 2, "told once by each, not each round");
}

#[tokio::test]
async fn lines_of_other_kinds_are_kept_under_the_witnesss_own_name_only() {
    let place = Place::new();
    let witness = Witness::start("witness.example", &place.log_key()).await;
    let ledger = place.open("log");
    let witnesses = place.before(&ledger, "log", Place::settings(&[&witness], 1));
    witness.is(Mood::SaysMore);
    for _ in 0..3 {
        let size = grow(&ledger, &place.keys(), 1).await.size;
        witnesses.round().await;
        let note = place.kept_at("log", &witness, size).await;
        assert_eq!(note.matches("— witness.example ").count(), 2);
        assert!(!note.contains("somebody.example"));
        assert_eq!(witnesses.complaints(), "");
    }
    // What is published with them is submitted again without them.
    witnesses.round().await;
    let asked = witness.asked();
    assert!(!asked.last().unwrap().contains("— witness.example"));
    ledger.close().await;
}

#[tokio::test]
async fn a_log_that_is_not_the_one_a_witness_knows_is_an_alarm_and_is_not_cosigned() {
    let place = Place::new();
    let witness = Witness::start("witness.example", &place.log_key()).await;
    let settings = || Place::settings(&[&witness], 1);
    let ledger = place.open("log");
    grow(&ledger, &place.keys(), 10).await;
    let witnesses = place.before(&ledger, "log", settings());
    witnesses.round().await;
    ledger.close().await;
    // Somebody with the key and the disk writes another history.
    let forged = place.open("forged");
    for (alarms, said, word) in [
        (1, "entries are missing here", "ahead"),
        (2, "other entries under this name", "forked"),
        (3, "other entries under this name", "forked"),
    ] {
        grow(&forged, &place.keys(), 5).await;
        let witnesses = place.before(&forged, "forged", settings());
        witnesses.round().await;
        let complaints = witnesses.complaints();
        assert!(complaints.contains("ALARM: "), "{complaints}");
        assert!(complaints.contains(said), "{complaints}");
        let counted = format!("witness=\"witness.example\",why=\"{word}\"");
        assert!(place.metrics.to_text().contains(&counted));
        assert_eq!(witness.size(), 10);
        // The alarm is an entry of the log that it is about.
        until("the alarm is on record", async || {
            let notes = place.notes("forged").into_iter();
            notes.filter(|what| what == "witness-alarm").count() == alarms
        })
        .await;
    }
    forged.close().await;
    assert_eq!(place.kept("forged", &witness), None);
    // Nor does the log open any more that was put back to before what was cosigned.
    let cosigned = place.ledger("log").join("cosigned");
    fs::create_dir(place.ledger("forged").join("cosigned")).unwrap();
    let [from, to] = [&cosigned, &place.ledger("forged").join("cosigned")]
        .map(|folder| folder.join(witness.id()));
    fs::copy(from, to).unwrap();
    let options = Options::new(place.ledger("forged"), LOG);
    let refused = Ledger::open(&options, place.signer(), &place.clock);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("not those of the checkpoint"), "{refused}");
}

#[tokio::test]
async fn an_entry_is_proven_under_the_checkpoint_that_most_witnesses_have_cosigned() {
    let place = Place::new();
    let steady = Witness::start("steady.example", &place.log_key()).await;
    let ended = Witness::start("ended.example", &place.log_key()).await;
    let ledger = place.open("log");
    let settings = Place::settings(&[&steady, &ended], 1);
    let witnesses = place.before(&ledger, "log", settings);
    for (size, mood) in [(5, Mood::Strict), (8, Mood::Answers(500))] {
        ended.is(mood);
        let more = size - ledger.size();
        grow(&ledger, &place.keys(), more).await;
        witnesses.round().await;
        place.kept_at("log", &steady, size).await;
    }
    grow(&ledger, &place.keys(), 3).await;
    ledger.close().await;
    assert_eq!(place.kept("log", &ended).unwrap().0, 5);
    let directory = place.ledger("log");
    for (index, under, cosigners) in [(0, 5, 2), (4, 5, 2), (5, 8, 1), (7, 8, 1), (8, 11, 0)] {
        let proven = prove(&directory, &place.keys(), index).unwrap();
        assert_eq!(proven.size, under, "{index}");
        let signers = cosignature::signers(checkpoint_of(&proven.proof)).unwrap();
        assert_eq!(signers.len(), cosigners, "{index}");
    }
    let provers = Prover::cosigned(&directory, &place.keys()).unwrap();
    let sizes: Vec<_> = provers.iter().map(Prover::size).collect();
    assert_eq!(sizes, [5, 8]);
}

/// The gateway's own configuration with these witnesses.
pub(crate) fn configure(place: &Installation, witnesses: &[&Witness], more: &str) {
    let one = |witness: &&Witness| {
        format!(
            "{{ url = \"{}\", key = \"{}\" }}",
            witness.url(),
            witness.key()
        )
    };
    let listed: Vec<_> = witnesses.iter().map(one).collect();
    let table = format!(
        "[ledger.witnessing]\nwitnesses = [{}]\ninterval_seconds = 1\n{more}\n[telemetry]\n",
        listed.join(", ")
    );
    place.edit("covenant.toml", "[telemetry]\n", &table);
}

/// The log's verifier key, before the gateway's first start.
pub(crate) fn log_key(place: &Installation) -> String {
    let signer = Signer::create_file(&place.path("ledger.key"), LOG).unwrap();
    signer.verifier_key().to_string()
}

#[tokio::test]
async fn whoever_trusts_a_witness_sees_how_far_it_vouches_for_ledger_proof_and_package() {
    let place = Installation::new().await;
    let log = log_key(&place);
    let witness = Witness::start("witness.example/one", &log).await;
    let modern = Witness::start_with_ml_dsa("witness.example/two", &log).await;
    let stranger = Witness::start("stranger.example", &log).await;
    configure(&place, &[&witness, &modern], "quorum = 2");
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    let size = 3;
    until("it is cosigned", async || {
        witness.size() >= size && modern.size() >= size
    })
    .await;
    let served = format!("/cosigned/{}", witness.id());
    until("it is served", async || {
        page(place.operator(), &served).await.unwrap().0 == 200
    })
    .await;
    let (status, _) = page(place.operator(), "/cosigned/ffffffff").await.unwrap();
    assert_eq!(status, 404);

    fs::write(
        place.path("witnesses"),
        format!("{}\n{}\n", witness.key(), modern.key()),
    )
    .unwrap();
    let url = format!(
        "ledger verify --url http://{} --key ledger.key",
        place.operator()
    );
    let verified = place
        .run(&format!("{url} --witness witnesses --quorum 2 -o json"))
        .await;
    let verified = verified.with(0).json();
    for vouch in verified["witnesses"].as_array().unwrap() {
        assert!(vouch["entries"].as_u64().unwrap() >= 1, "{verified}");
        assert!(vouch["time"].as_str().unwrap().starts_with("2026-"));
    }
    let told = place
        .run(&format!("{url} --witnesses-of covenant.toml"))
        .await
        .with(0);
    assert!(
        told.out
            .contains("witness witness.example/two: vouches for the first "),
        "{told:?}"
    );
    // One that has not signed, and one whose signature is somebody else's.
    let told = place
        .run(&format!("{url} --witness {}", stranger.key()))
        .await
        .with(6);
    assert!(
        told.out.contains("stranger.example: does not vouch"),
        "{told:?}"
    );
    let told = place.run(&format!("{url} --witness {}", log)).await;
    told.with(2);
    place
        .run(&format!("{url} --witness witnesses --quorum 3"))
        .await
        .with(2);

    // The entry about the disclosure, once it is older than a round.
    until("all of it is cosigned", async || {
        let stats = place
            .run("ledger stats --dir ledger -o json")
            .await
            .with(0)
            .json();
        let entries = &stats["entries"];
        stats["cosigned"]["witness.example/one"] == *entries
            && stats["cosigned"]["witness.example/two"] == *entries
    })
    .await;
    let build = "ledger evidence build --customer cus_000001 --out package.zip";
    place.run(build).await.with(0);
    let check = "ledger verify package.zip --key ledger.key";
    let told = place
        .run(&format!("{check} --witness witnesses --quorum 2 -o json"))
        .await;
    let told = told.with(0).json();
    assert_eq!(told["witnesses"].as_array().unwrap().len(), 2);
    assert!(told["witnesses"][0]["entries"].as_u64().unwrap() >= told["entries"].as_u64().unwrap());
    place
        .run(&format!("{check} --witness {}", stranger.key()))
        .await
        .with(6);
    assert_eq!(gateway.stop().await, 0);

    let checkpoint = place
        .run("ledger checkpoint --dir ledger --key ledger.key -o json")
        .await;
    assert!(checkpoint.with(0).json()["cosigned_by"].is_array());
    let prove = "ledger prove --dir ledger --key ledger.key --index 0 --out one.tlog-proof \
                 --entry-out one.json";
    place.run(prove).await.with(0);
    let check = "ledger verify --proof one.tlog-proof --entry one.json --key ledger.key";
    let told = place
        .run(&format!("{check} --witness witnesses --quorum 2"))
        .await
        .with(0);
    assert!(
        told.out
            .contains("witness witness.example/one: vouches for it"),
        "{told:?}"
    );
    place
        .run(&format!("{check} --witness {}", stranger.key()))
        .await
        .with(6);
    let dir = "ledger verify --dir ledger --key ledger.key --witness witnesses --quorum 2";
    place.run(dir).await.with(0);
    // A changed signature of a witness that is known is not passed over.
    let path = place.path("ledger").join("cosigned").join(witness.id());
    let note = fs::read_to_string(&path).unwrap();
    let line = note
        .lines()
        .find(|line| line.contains("example/one"))
        .unwrap();
    let (kept, rest) = line.split_at(line.len() - 20);
    let letter = if rest.starts_with('A') { "B" } else { "A" };
    let changed = format!("{kept}{letter}{}", &rest[1..]);
    fs::write(&path, note.replace(line, &changed)).unwrap();
    let told = place.run(dir).await.with(6);
    assert!(told.err.contains("is wrong"), "{told:?}");
}

#[tokio::test]
async fn a_stop_has_the_end_of_the_ledger_cosigned_by_whoever_answers() {
    let place = Installation::new().await;
    let log = log_key(&place);
    let witness = Witness::start("witness.example", &log).await;
    let away = Witness::start("away.example", &log).await;
    away.is(Mood::Dawdles(Duration::from_secs(600)));
    configure(&place, &[&witness, &away], "");
    // No round but the first and the last.
    place.edit(
        "covenant.toml",
        "interval_seconds = 1",
        "interval_seconds = 3600",
    );
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    until("it was asked once", async || witness.size() > 0).await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    assert_eq!(gateway.stop().await, 0);
    let size = place.entries().len() as u64;
    assert_eq!(witness.size(), size);
    let dir = format!(
        "ledger verify --dir ledger --key ledger.key --witness {} -o json",
        witness.key()
    );
    let verified = place.run(&dir).await.with(0).json();
    assert_eq!(verified["witnesses"][0]["entries"], size, "{verified}");
}

#[tokio::test]
async fn a_gateway_starts_without_its_witness_and_only_where_it_must_waits_for_it() {
    let place = Installation::new().await;
    let log = log_key(&place);
    let witness = Witness::start("witness.example", &log).await;
    witness.is(Mood::Answers(503));
    configure(&place, &[&witness], "quorum_seconds = 10");
    let _core = place.start_core().await;
    let mut gateway = place.serve().await;
    place.import_book().await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    until("its absence is told", async || {
        let (status, said) = page(place.operator(), "/readyz").await.unwrap();
        assert_eq!(status, 200);
        said.contains("witness `witness.example`: it answered 503") && said.contains("no quorum")
    })
    .await;
    until("it is on record", async || {
        place.notes().contains(&"witness-quorum-lost".to_owned())
    })
    .await;
    assert_eq!(gateway.stop().await, 0);

    place.edit(
        "covenant.toml",
        "quorum_seconds = 10",
        "quorum_seconds = 10\nrequired = true",
    );
    let mut gateway = place.spawn();
    until("it answers", async || place.readiness().await.is_some()).await;
    let (status, said) = page(place.operator(), "/readyz").await.unwrap();
    assert_eq!(status, 503);
    assert!(
        said.contains("too few witnesses vouch for the ledger"),
        "{said}"
    );
    let refused = place.get("acme", TARGET).await;
    assert_eq!(refused.status, 503);
    let problem: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(problem["code"], "record-unavailable");
    // People act all the same.
    place
        .run("partner suspend crest --because held")
        .await
        .with(0);
    witness.is(Mood::Strict);
    place.ready(&mut gateway).await;
    assert_eq!(place.get("acme", TARGET).await.status, 200);
    witness.is(Mood::Answers(503));
    until("it is red again", async || {
        place.readiness().await == Some(503)
    })
    .await;
    assert_eq!(gateway.stop().await, 0);
    let notes = place.notes();
    for what in ["witness-quorum-back", "witness-quorum-lost"] {
        assert!(notes.contains(&what.to_owned()), "{notes:?}");
    }
}
