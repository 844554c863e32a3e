//! Over a real folder, registry and ledger; a stop is the drop of all three.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;

use super::*;
use crate::entry::Act;
use crate::ledger::{self, Signer};
use crate::starter;

const ACME: &str = "partners/acme.yaml";
const FEWER: (&str, &str) = ("customers_per_day: 500", "customers_per_day: 400");
const MORE: (&str, &str) = ("customers_per_day: 500", "customers_per_day: 600");

struct Place {
    folder: tempfile::TempDir,
    clock: Clock,
    signer: Arc<[u8]>,
}

/// A gateway as far as its policies go.
struct Open {
    publishing: Publishing,
    registry: Arc<Registry>,
    ledger: Ledger,
    metrics: Arc<Metrics>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in starter::POLICIES {
            let path = folder.path().join("policies").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let key = folder.path().join("ledger.key");
        Signer::create_file(&key, "covenant.example/log").unwrap();
        Self {
            signer: fs::read(key).unwrap().into(),
            folder,
            clock: Clock::manual("2026-11-22T12:00:00Z".parse().unwrap()),
        }
    }

    fn policies(&self) -> PathBuf {
        self.folder.path().join("policies")
    }

    fn edit(&self, file: &str, (from, to): (&str, &str)) {
        let path = self.policies().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn registry(&self) -> Arc<Registry> {
        let path = self.folder.path().join("registry");
        Arc::new(Registry::open(&path, self.clock.clone()).unwrap())
    }

    fn parts(&self, registry: &Arc<Registry>) -> Parts {
        Parts {
            registry: Arc::clone(registry),
            services: BTreeSet::from(["mailing".into()]),
            folder: self.policies(),
            clock: self.clock.clone(),
        }
    }

    fn ledger(&self) -> Ledger {
        let directory = self.folder.path().join("ledger");
        fs::write(self.folder.path().join("ledger.key"), &self.signer).unwrap();
        let signer = Signer::read_file(&self.folder.path().join("ledger.key")).unwrap();
        let options = ledger::Options::new(&directory, "covenant.example/log");
        Ledger::open(&options, signer, &self.clock).unwrap().0
    }

    fn entries(&self) -> Vec<Entry> {
        let entries = ledger::reading::entries(&self.folder.path().join("ledger"), 0);
        entries
            .map(|item| Entry::parse(&item.unwrap().1).unwrap())
            .collect()
    }

    /// What the gateway noted about policies.
    fn notes(&self) -> Vec<String> {
        let note = |entry: Entry| match entry.event {
            Event::Gateway(note) => Some(note.what),
            _ => None,
        };
        self.entries().into_iter().filter_map(note).collect()
    }

    async fn try_open(&self) -> Result<Open, NotOpened> {
        let registry = self.registry();
        let opening = Opening::read(self.parts(&registry)).await?;
        let ledger = self.ledger();
        let mut announced = None;
        for (index, entry) in self.entries().iter().enumerate() {
            Announced::follow(&mut announced, index as u64, entry);
        }
        let metrics = Arc::new(Metrics::default());
        let stopped = watch::channel(false).1;
        let opened = opening.finish(ledger.clone(), Arc::clone(&metrics), announced, stopped);
        Ok(Open {
            publishing: opened.await?,
            registry,
            ledger,
            metrics,
        })
    }

    async fn open(&self) -> Open {
        self.try_open().await.unwrap()
    }
}

impl Open {
    fn version(&self) -> String {
        self.publishing.rules.load().policy.version().to_owned()
    }

    fn per_day(&self) -> u32 {
        let rules = self.publishing.rules.load_full();
        let mut contracts = rules.policy.contracts();
        let acme = contracts.find(|one| one.partner.as_str() == "acme");
        acme.unwrap().budgets.customers_per_day
    }

    /// The folder as it is now, kept, and its entry made, as by a person.
    async fn announce(&self, place: &Place) -> Candidate {
        let change = self.publishing.begin().await;
        let files = Folder::read(&place.policies(), &mut Mistakes::new());
        let candidate = change.judge(files, "proved".to_owned()).await;
        let candidate = candidate.unwrap().unwrap();
        change.keep(&candidate).await.unwrap();
        let act = Act {
            actor: "Ann".to_owned(),
            role: "legal".to_owned(),
            action: "policy.publish".to_owned(),
            object: Some(object(candidate.set())),
            because: Some("it is time".to_owned()),
        };
        let entry = Entry::new(place.clock.now(), Event::Act(act)).unwrap();
        self.ledger.append(entry).await.unwrap();
        candidate
    }

    async fn close(self) {
        self.ledger.close().await;
    }
}

fn publication(entry: u64) -> Publication {
    Publication {
        how: "policy.publish".to_owned(),
        by: "Ann".to_owned(),
        because: "it is time".to_owned(),
        time: Timestamp::UNIX_EPOCH,
        entry,
    }
}

#[tokio::test]
async fn the_first_start_publishes_the_folder_and_the_next_day_it_has_the_same_name() {
    let place = Place::new();
    let open = place.open().await;
    let version = open.version();
    assert!(version.starts_with("2026-11-22."), "{version}");
    let text = open.metrics.to_text();
    assert!(
        text.contains(&format!("covenant_policy{{version=\"{version}\"}} 1")),
        "{text}"
    );
    open.close().await;
    place
        .clock
        .advance(std::time::Duration::from_secs(24 * 3_600));
    let open = place.open().await;
    assert_eq!(open.version(), version);
    assert_eq!(open.registry.policy_history(9).await.unwrap().len(), 1);
    assert_eq!(place.notes(), ["policy.first"]);
}

#[tokio::test]
async fn a_reload_tightens_and_never_loosens_and_asking_again_fills_no_disk() {
    let place = Place::new();
    let open = place.open().await;
    let first = open.version();
    let unchanged = open.publishing.reload(Cause::Signal).await;
    assert!(
        matches!(unchanged, Reloaded::Unchanged { .. }),
        "{unchanged}"
    );

    place.edit(ACME, MORE);
    let refused = open.publishing.reload(Cause::Listener).await;
    let Reloaded::Refused { why, .. } = &refused else {
        panic!("{refused}")
    };
    assert!(
        why.contains("loosens") && why.contains("covenant policy publish"),
        "{why}"
    );
    assert_eq!(open.publishing.reload(Cause::Signal).await, refused);
    assert_eq!((open.version(), open.per_day()), (first.clone(), 500));

    place.edit(ACME, (MORE.1, FEWER.1));
    let tightened = open.publishing.reload(Cause::Signal).await;
    assert!(matches!(tightened, Reloaded::InForce { .. }), "{tightened}");
    assert_eq!(open.per_day(), 400);
    let second = open.version();
    assert_ne!(first, second);

    place.edit(ACME, ("kind: ", "kimd: "));
    let refused = open.publishing.reload(Cause::Signal).await.to_string();
    assert!(
        refused.contains("mistake") && refused.contains(&second),
        "{refused}"
    );
    assert_eq!(open.per_day(), 400);
    let refusals = "covenant_policy_reloads_refused_total 3";
    assert!(open.metrics.to_text().contains(refusals));
    open.close().await;
    let told = [
        "policy.first",
        "policy.reload.refused",
        "policy.reload",
        "policy.reload.refused",
    ];
    assert_eq!(place.notes(), told);

    let open = place.open().await;
    assert_eq!(
        open.version(),
        second,
        "a folder with mistakes stops no start"
    );
}

#[tokio::test]
async fn a_reload_touches_no_file_that_legal_answers_for_even_where_it_loosens_nothing() {
    let place = Place::new();
    let open = place.open().await;
    let version = open.version();
    let property = "properties/secrets.cedar";
    let path = place.policies().join(property);
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let refused = open.publishing.reload(Cause::Signal).await.to_string();
    assert!(refused.contains(property), "{refused}");
    fs::write(&path, text).unwrap();
    place.edit("promises.cedar", ("receives nothing.", "gets nothing."));
    let refused = open.publishing.reload(Cause::Listener).await.to_string();
    assert!(
        refused.contains("legal answers for") && refused.contains("promises.cedar"),
        "{refused}"
    );
    assert_eq!(open.version(), version);
    place.edit("promises.cedar", ("gets nothing.", "receives nothing."));
    place.edit(ACME, FEWER);
    let tightened = open.publishing.reload(Cause::Signal).await;
    assert!(matches!(tightened, Reloaded::InForce { .. }), "{tightened}");
}

#[tokio::test]
async fn a_set_in_force_loads_whatever_day_it_is_and_is_never_given_up_for_the_folder_by_that() {
    let place = Place::new();
    let open = place.open().await;
    let version = open.version();
    open.close().await;
    place.edit(ACME, MORE);
    for day in ["2025-01-01T00:00:00Z", "2031-11-22T00:00:00Z"] {
        place.clock.set(day.parse().unwrap());
        let open = place.open().await;
        assert_eq!((open.version(), open.per_day()), (version.clone(), 500));
        open.close().await;
    }
}

#[tokio::test]
async fn a_service_without_an_address_stops_the_start_and_does_not_give_way_to_the_folder() {
    let place = Place::new();
    place.open().await.close().await;
    place.edit(ACME, MORE);
    let registry = place.registry();
    let mut parts = place.parts(&registry);
    parts.services = BTreeSet::from(["another".into()]);
    let refused = Opening::read(parts).await.unwrap_err();
    let NotOpened::Mistaken(mistakes) = refused else {
        panic!("{refused}")
    };
    let told = mistakes.render(crate::mistakes::Look::Plain);
    assert!(told.contains("a service `mailing`"), "{told}");
    assert_eq!(registry.policy_history(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_start_takes_a_folder_that_tightens_and_leaves_one_that_loosens() {
    let place = Place::new();
    place.open().await.close().await;
    place.edit(ACME, FEWER);
    let open = place.open().await;
    assert_eq!(open.per_day(), 400);
    open.close().await;
    place.edit(ACME, (FEWER.1, MORE.1));
    assert_eq!(place.open().await.per_day(), 400);
}

#[tokio::test]
async fn what_a_stop_cut_off_after_its_entry_is_completed_by_the_next_start() {
    let place = Place::new();
    let open = place.open().await;
    place.edit(ACME, MORE);
    let announced = open.announce(&place).await;
    assert_eq!(open.per_day(), 500);
    open.close().await;
    place.edit(ACME, (MORE.1, MORE.0));
    place.clock.advance(std::time::Duration::from_secs(60));
    let open = place.open().await;
    let history = open.registry.policy_history(9).await.unwrap();
    let row = |place: usize| {
        (
            &*history[place].publication.by,
            history[place].publication.entry,
        )
    };
    assert_eq!(row(history.len() - 2), ("Ann", 1));
    assert_eq!(history[history.len() - 2].set, *announced.set());
    // The folder went back meanwhile, which tightens: a reload like any other.
    assert_eq!((history.len(), open.per_day()), (3, 500));
}

#[tokio::test]
async fn what_a_stop_cut_off_after_the_registry_is_what_the_next_start_runs() {
    let place = Place::new();
    let open = place.open().await;
    place.edit(ACME, MORE);
    let candidate = open.announce(&place).await;
    let digest = &candidate.set().digest;
    let put = open.registry.put_policy_in_force(digest, publication(1));
    put.await.unwrap();
    open.close().await;
    let open = place.open().await;
    assert_eq!(open.version(), candidate.set().version);
    assert_eq!(open.registry.policy_history(9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_registry_that_names_another_set_for_an_entry_than_the_entry_does_is_put_right() {
    let place = Place::new();
    let open = place.open().await;
    let version = open.version();
    place.edit(ACME, MORE);
    let change = open.publishing.begin().await;
    let files = Folder::read(&place.policies(), &mut Mistakes::new());
    let candidate = change.judge(files, "proved".to_owned()).await;
    let candidate = candidate.unwrap().unwrap();
    change.keep(&candidate).await.unwrap();
    let digest = candidate.set().digest.clone();
    let put = open.registry.put_policy_in_force(&digest, publication(0));
    put.await.unwrap();
    drop(change);
    open.close().await;
    let open = place.open().await;
    assert_eq!((open.version(), open.per_day()), (version, 500));
}

#[tokio::test]
async fn what_the_registry_refused_after_its_entry_is_taken_back_by_another() {
    let place = Place::new();
    let open = place.open().await;
    let version = open.version();
    place.edit(ACME, MORE);
    let mut candidate = open.announce(&place).await;
    candidate.set.digest = "not kept".to_owned();
    let change = open.publishing.begin().await;
    let put = change.put_in_force(candidate, publication(1)).await;
    assert!(put.is_err());
    drop(change);
    assert_eq!(open.version(), version);
    open.close().await;
    assert_eq!(place.notes(), ["policy.first", NOT_CHANGED]);
    assert_eq!(place.open().await.version(), version, "nor is it completed");
}

#[tokio::test]
async fn two_sets_never_have_one_name() {
    let place = Place::new();
    let open = place.open().await;
    place.edit(ACME, FEWER);
    let files = Folder::read(&place.policies(), &mut Mistakes::new());
    let digest = hexadecimal(&files.digest());
    let taken = KeptSet {
        digest: "another".to_owned(),
        version: format!("2026-11-22.{}", &digest[..4]),
        proof: String::new(),
    };
    open.registry.keep_policy_set(taken, &files).await.unwrap();
    let change = open.publishing.begin().await;
    let judged = change.judge(files, String::new()).await.unwrap().unwrap();
    assert_eq!(judged.set().version, format!("2026-11-22.{}", &digest[..6]));
}

#[tokio::test]
async fn a_set_that_cannot_be_read_any_more_gives_way_to_the_folder() {
    let place = Place::new();
    let registry = place.registry();
    let files = [("promises.cedar".to_owned(), "of another time".to_owned())];
    let files = Folder::of("", files, &mut Mistakes::new());
    let set = KeptSet {
        digest: hexadecimal(&files.digest()),
        version: "2025-01-01.0000".to_owned(),
        proof: "proved".to_owned(),
    };
    registry.keep_policy_set(set.clone(), &files).await.unwrap();
    registry
        .put_policy_in_force(&set.digest, publication(0))
        .await
        .unwrap();
    drop(registry);
    let open = place.open().await;
    let now = open.registry.policy_in_force().await.unwrap().unwrap();
    assert_eq!(now.set.version, open.version());
    assert!(
        now.set.proof.contains("cannot read 2025-01-01.0000"),
        "{now:?}"
    );
}

#[tokio::test]
async fn nothing_starts_where_the_first_folder_has_mistakes_or_a_service_is_nowhere() {
    let place = Place::new();
    let registry = place.registry();
    let mut parts = place.parts(&registry);
    parts.services.clear();
    let refused = Opening::read(parts).await.unwrap_err();
    let NotOpened::Mistaken(mistakes) = refused else {
        panic!("{refused}")
    };
    let told = mistakes.render(crate::mistakes::Look::Plain);
    assert!(told.contains("a service `mailing`"), "{told}");
    drop(registry);
    place.edit(ACME, ("kind: ", "kimd: "));
    assert!(matches!(
        place.try_open().await,
        Err(NotOpened::Mistaken(_))
    ));
}

#[tokio::test]
async fn a_set_in_the_shadow_that_cannot_be_read_any_more_is_dropped_by_the_start_and_noted() {
    let place = Place::new();
    let open = place.open().await;
    place.edit(ACME, FEWER);
    let change = open.publishing.begin().await;
    let files = Folder::read(&place.policies(), &mut Mistakes::new());
    let candidate = change.judge(files, String::new()).await.unwrap().unwrap();
    change.keep_for_shadow(&candidate).await.unwrap();
    change
        .put_in_shadow(candidate, publication(1))
        .await
        .unwrap();
    drop(change);
    assert!(open.publishing.shadow().load().is_some());
    open.close().await;
    place.edit(ACME, (FEWER.1, FEWER.0));
    let open = place.open().await;
    assert!(
        open.publishing.shadow().load().is_some(),
        "it outlives a restart"
    );

    let files = [("promises.cedar".to_owned(), "of another time".to_owned())];
    let files = Folder::of("", files, &mut Mistakes::new());
    let set = KeptSet {
        digest: hexadecimal(&files.digest()),
        version: "2025-01-01.0000".to_owned(),
        proof: String::new(),
    };
    open.registry
        .keep_policy_set(set.clone(), &files)
        .await
        .unwrap();
    let put = open
        .registry
        .put_policy_in_shadow(&set.digest, publication(1));
    put.await.unwrap();
    open.close().await;
    let open = place.open().await;
    assert!(open.publishing.shadow().load().is_none());
    assert_eq!(open.registry.policy_in_shadow().await.unwrap(), None);
    open.close().await;
    assert_eq!(place.notes(), ["policy.first", "policy.shadow.dropped"]);
}

#[tokio::test]
async fn a_set_in_the_shadow_that_comes_into_force_is_in_the_shadow_no_longer() {
    let place = Place::new();
    let open = place.open().await;
    place.edit(ACME, FEWER);
    let change = open.publishing.begin().await;
    let files = Folder::read(&place.policies(), &mut Mistakes::new());
    let candidate = change.judge(files, String::new()).await.unwrap().unwrap();
    change.keep_for_shadow(&candidate).await.unwrap();
    change
        .put_in_shadow(candidate, publication(1))
        .await
        .unwrap();
    drop(change);
    let reloaded = open.publishing.reload(Cause::Signal).await;
    assert!(matches!(reloaded, Reloaded::InForce { .. }), "{reloaded}");
    assert!(open.publishing.shadow().load().is_none());
    assert_eq!(open.registry.policy_in_shadow().await.unwrap(), None);
}
