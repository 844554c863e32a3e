//! Destroying what is past its term: the oldest entries of the ledger, and keys of mail recipients'
//! fingerprints. Two people, one of them legal; what is on hold, and who put policy sets in force, is copied
//! into evidence packages first; the entry about it is durable before anything goes, and is what a start goes
//! on with that finds it undone.
//!
//! Not here: deleting (`ledger`, `registry`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::destroyed::destroyed;
use super::disclosures::{blocking, keys};
use super::evidence::{APPROVALS, Wanted, of_act};
use super::messages::{Held, PurgeAsked, PurgePlan, PurgeProposed, Purged};
use super::two_persons::{Turn, proposal, turn};
use super::whom::Whom;
use super::{Actor, Administration, Deed, NotDone, reason};
use crate::config::RetentionSettings;
use crate::entry::{Approval, Entry, Event, Purge};
use crate::files::{self, Readers};
use crate::index::{Index, Query};
use crate::ledger::vouching::{kept_for, vouches};
use crate::ledger::{BUNDLE_ENTRIES, reading};
use crate::registry::{Period, Proposal};
use crate::terms::hexadecimal;

/// Entries of one package of what is on hold, and bytes of them: a package holds each three times, and more.
const HELD_ENTRIES_MAX: u64 = 4_000;
const HELD_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// The oldest entries of the ledger, as far as all of them are past their terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outlook {
    /// The first that is there, and the first that would be left.
    places: Range<u64>,
    entries: BTreeMap<String, u64>,
    newest: Option<Timestamp>,
}

/// All that is past its term.
struct Due {
    outlook: Outlook,
    keys: Vec<Period>,
    /// Keys that are past their term and stay, as something is on hold.
    keys_held: Vec<Period>,
}

/// Entries that go into one package.
struct Piece {
    /// What they are about, as entries name it.
    about: String,
    query: Query,
    /// The customer, where it is one.
    whom: Option<Whom>,
    places: Range<u64>,
    entries: u64,
}

/// What the first person asked for, as a proposal keeps it.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    minimum: u64,
    keys: Vec<Period>,
}

impl Extent {
    fn object(&self) -> String {
        let mut object = format!("minimum:{}", self.minimum);
        let keys: Vec<_> = self.keys.iter().map(ToString::to_string).collect();
        if !keys.is_empty() {
            object += &format!(" keys:{}", keys.join(","));
        }
        object
    }

    fn parse(object: &str) -> Option<Self> {
        let mut words = object.split(' ');
        let minimum = words.next()?.strip_prefix("minimum:")?.parse().ok()?;
        let keys = words.next().map_or(Some(Vec::new()), |word| {
            let months = word.strip_prefix("keys:")?.split(',');
            months.map(|month| month.parse().ok()).collect()
        })?;
        Some(Self { minimum, keys })
    }
}

impl Administration {
    /// What a purge would destroy now, and what it would copy first. Reads all entries that are past their
    /// terms.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Mistaken`] where no terms are configured.
    pub async fn purge_plan(&self, actor: &Actor) -> Result<PurgePlan, NotDone> {
        Self::allow(actor, Deed::LedgerPurge)?;
        let retention = self.retention()?;
        let due = self.due(u64::MAX).await?;
        let pieces = self.pieces(&due.outlook.places).await?;
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        for piece in pieces {
            let about = piece.about;
            let held = held.entry(about.clone()).or_insert(Held {
                about,
                entries: 0,
                packages: 0,
            });
            held.entries += piece.entries;
            held.packages += 1;
        }
        let words = |periods: &[Period]| periods.iter().map(ToString::to_string).collect();
        let proposed = self
            .purge_proposal()
            .await?
            .map(|(first, extent)| PurgeProposed {
                minimum_after: extent.minimum,
                recipient_keys: words(&extent.keys),
                by: first.into(),
            });
        Ok(PurgePlan {
            minimum: due.outlook.places.start,
            minimum_after: due.outlook.places.end,
            entries: due.outlook.entries,
            newest: due.outlook.newest,
            terms: terms(retention),
            held: held.into_values().collect(),
            held_folder: retention.held.display().to_string(),
            recipient_keys: words(&due.keys),
            recipient_keys_held: words(&due.keys_held),
            proposed,
            remark: retention.remark(),
        })
    }

    /// Destroys what is past its term, or proposes it to a second person, who destroys what the first asked
    /// for and nothing that came due since.
    ///
    /// # Errors
    /// [`NotDone`]; then nothing was destroyed, but packages may have been made.
    pub async fn purge(&self, actor: &Actor, asked: &PurgeAsked) -> Result<Purged, NotDone> {
        Self::allow(actor, Deed::LedgerPurge)?;
        let because = reason(&asked.because)?;
        self.retention()?;
        // From here on nobody places a hold until it is done.
        let _one_at_a_time = self.purging.lock().await;
        let Some((first, extent)) = self.purge_proposal().await? else {
            return self.propose_purge(actor, because).await;
        };
        let due = self.due(extent.minimum).await?;
        let is_still_due = due.outlook.places.end == extent.minimum
            && extent.keys.iter().all(|key| due.keys.contains(key));
        if !is_still_due {
            // Other terms since, or a hold: what was asked for is not what could be done.
            let name = Deed::LedgerPurge.name();
            self.registry.settle(name, &first.object).await?;
            return self.propose_purge(actor, because).await;
        }
        if turn(Some(&first), actor)? == Turn::First {
            return self.propose_purge(actor, because).await;
        }
        self.witnesses_follow(&due.outlook.places).await?;
        self.purge_by_two(actor, because, &first, due.outlook, extent.keys)
            .await
    }

    async fn propose_purge(&self, actor: &Actor, because: String) -> Result<Purged, NotDone> {
        let due = self.due(u64::MAX).await?;
        if due.outlook.places.is_empty() && due.keys.is_empty() {
            let mistake = "nothing is past its term that nothing holds";
            return Err(NotDone::Mistaken(mistake.to_owned()));
        }
        self.witnesses_follow(&due.outlook.places).await?;
        let extent = Extent {
            minimum: due.outlook.places.end,
            keys: due.keys,
        };
        let name = Deed::LedgerPurge.name();
        let (action, object) = (format!("{name}.propose"), extent.object());
        let entered = self.enter(actor, action, Some(object.clone()), Some(because.clone()));
        let entry = entered.await?;
        let proposal = proposal(actor, name, object, because, self.clock.now());
        self.registry.propose(proposal, entry).await?;
        Ok(Purged {
            done: false,
            entry,
            minimum: extent.minimum,
            entries: due.outlook.entries.values().sum(),
            recipient_keys: extent.keys.iter().map(ToString::to_string).collect(),
            held: Vec::new(),
        })
    }

    /// Whether every witness can still be proven, once the entries at `places` are gone, that the log has only
    /// grown from what it cosigned last. Where not, it would never cosign again.
    async fn witnesses_follow(&self, places: &Range<u64>) -> Result<(), NotDone> {
        if places.is_empty() || self.witnesses.is_empty() {
            return Ok(());
        }
        let (directory, witnesses) = (self.ledger_directory.clone(), self.witnesses.clone());
        let vouched = blocking(move || {
            let kept = kept_for(&directory, &keys(&directory)?, &witnesses);
            let kept = kept.map_err(|error| NotDone::Unreadable(error.to_string()))?;
            let vouched = vouches(kept.iter(), &witnesses);
            vouched.map_err(|error| NotDone::Unreadable(error.to_string()))
        });
        let minimum = places.end;
        for vouch in vouched.await? {
            if let Some((size, _)) = vouch.newest
                && (1..minimum).contains(&size)
            {
                let witness = vouch.witness;
                return Err(NotDone::Mistaken(format!(
                    "the witness `{witness}` has cosigned {size} entries, and once those before entry {minimum} \
                     are destroyed nothing can prove to it any more that the log has only grown: wait until it \
                     has cosigned again (it is asked every so often, and /readyz says what hinders it), or \
                     take it out of [ledger.witnessing] and restart the gateway"
                )));
            }
        }
        Ok(())
    }

    /// Copies what is on hold, puts the purge on record, and has it done.
    async fn purge_by_two(
        &self,
        actor: &Actor,
        because: String,
        first: &Proposal,
        outlook: Outlook,
        periods: Vec<Period>,
    ) -> Result<Purged, NotDone> {
        let retention = self.retention()?;
        let (mut held, mut digests) = (Vec::new(), Vec::new());
        for piece in self.pieces(&outlook.places).await? {
            let (file, digest) = self.keep(actor, &piece, &retention.held).await?;
            held.push(file);
            digests.push(digest);
        }
        let directory = self.ledger_directory.clone();
        let checkpoint = self.ledger.checkpoint();
        let (before, at) = blocking(move || {
            let at = keys(&directory)?.read_checkpoint(&checkpoint);
            let at = at.map_err(|error| NotDone::Unreadable(error.to_string()))?;
            Ok((destroyed(&directory)?, at))
        })
        .await?;
        let words: Vec<_> = periods.iter().map(ToString::to_string).collect();
        let purge = Purge {
            approvals: vec![
                Approval {
                    actor: first.actor.clone(),
                    role: first.role.clone(),
                    because: first.because.clone(),
                },
                Approval {
                    actor: actor.name.to_string(),
                    role: actor.role.word().to_owned(),
                    because,
                },
            ],
            entries: outlook.entries.clone(),
            held: digests,
            minimum: outlook.places.end,
            minimum_before: outlook.places.start,
            newest: outlook
                .newest
                .max(before.as_ref().and_then(|before| before.newest)),
            recipient_keys: words.clone(),
            recipient_keys_until: words
                .last()
                .cloned()
                .max(before.and_then(|before| before.recipient_keys_until)),
            root: hexadecimal(&at.root),
            size: at.size,
            terms: terms(retention),
        };
        let entry = Entry::new(self.clock.now(), Event::Purge(purge))
            .map_err(|error| NotDone::NotRecorded(error.to_string()))?;
        let entry = self.ledger.append(entry).await?.index();
        self.registry.destroy_recipient_keys(periods, entry).await?;
        let name = Deed::LedgerPurge.name();
        self.registry.settle(name, &first.object).await?;
        Ok(Purged {
            done: true,
            entry,
            minimum: outlook.places.end,
            entries: outlook.entries.values().sum(),
            recipient_keys: words,
            held,
        })
    }

    fn retention(&self) -> Result<&RetentionSettings, NotDone> {
        self.retention.as_ref().ok_or_else(|| {
            NotDone::Mistaken(
                "no terms are configured, so nothing is ever past one: [ledger.retention] of \
                 covenant.toml has them"
                    .to_owned(),
            )
        })
    }

    /// The folder of packages of what was on hold, where one is configured.
    pub(super) fn held(&self) -> Option<PathBuf> {
        self.retention.as_ref().map(|terms| terms.held.clone())
    }

    /// What waits for a second person, if anything does.
    async fn purge_proposal(&self) -> Result<Option<(Proposal, Extent)>, NotDone> {
        let waiting = self.registry.proposals(Deed::LedgerPurge.name()).await?;
        Ok(waiting.into_iter().find_map(|first| {
            let extent = Extent::parse(&first.object)?;
            Some((first, extent))
        }))
    }

    /// What is past its term, of entries before `end`.
    async fn due(&self, end: u64) -> Result<Due, NotDone> {
        let retention = self.retention()?.clone();
        let now = self.clock.now();
        let (directory, published) = (self.ledger_directory.clone(), self.ledger.published());
        let last_day = now
            .to_zoned(TimeZone::UTC)
            .date()
            .saturating_sub(i64::from(retention.recipient_keys_days).days());
        let keys = self.registry.recipient_keys_until(last_day);
        let is_held = !self.registry.holds().await?.is_empty();
        let (keys, keys_held) = match is_held {
            true => (Vec::new(), keys),
            false => (keys, Vec::new()),
        };
        let outlook =
            blocking(move || outlook(&directory, end.min(published), &retention, now)).await?;
        Ok(Due {
            outlook,
            keys,
            keys_held,
        })
    }

    /// Entries at these places that are on hold, and those about who put policy sets in force, which later
    /// packages would want, in portions of a package.
    async fn pieces(&self, places: &Range<u64>) -> Result<Vec<Piece>, NotDone> {
        let holds = self.registry.holds().await?;
        let (index, places) = (self.reader(false), places.clone());
        blocking(move || {
            let mut pieces = Vec::new();
            for hold in holds {
                let whom = Whom::customers(vec![hold.reference]);
                let about = whom.object().to_owned();
                let query = Query {
                    references: whom.references().to_vec(),
                    ..Query::default()
                };
                pieces.extend(pieces_of(&index, (about, query, Some(whom)), &places)?);
            }
            for act in APPROVALS {
                let what = (format!("decision:{act}"), of_act(act), None);
                pieces.extend(pieces_of(&index, what, &places)?);
            }
            Ok(pieces)
        })
        .await
    }

    /// Makes a package of entries, durably; its file and its digest.
    async fn keep(
        &self,
        actor: &Actor,
        piece: &Piece,
        folder: &Path,
    ) -> Result<(String, String), NotDone> {
        let wanted = Wanted {
            query: piece.query.clone(),
            whom: piece.whom.clone(),
            places: piece.places.clone(),
            scan: false,
        };
        let package = self.package(actor, &piece.about, wanted).await?;
        let (_, about) = piece.about.split_once(':').unwrap_or_default();
        let name = format!("{about}-{}.zip", package.seal);
        let path = folder.join(name);
        let (file, bytes) = (path.display().to_string(), package.bytes);
        blocking(move || {
            let digest = crate::evidence::sha256_text(&bytes);
            let parent = path.parent().unwrap_or(&path);
            files::make_private_folder(parent)
                .and_then(|()| files::write_new(&path, &bytes, Readers::Owner))
                .map_err(|error| {
                    let path = path.display();
                    NotDone::Mistaken(format!(
                        "what is on hold cannot be kept in `{path}`: {error}"
                    ))
                })?;
            Ok((file, digest))
        })
        .await
    }
}

/// The oldest entries before `end` in full bundles, up to the first that is not past the term of its kind:
/// the one that must be kept longest decides for its bundle.
fn outlook(
    directory: &Path,
    end: u64,
    retention: &RetentionSettings,
    now: Timestamp,
) -> Result<Outlook, NotDone> {
    let unreadable = |error: &dyn std::fmt::Display| NotDone::Unreadable(error.to_string());
    let begin = reading::minimum(directory)
        .map_err(|error| unreadable(&error))?
        .index;
    let mut whole = Outlook {
        places: begin..begin,
        ..Outlook::default()
    };
    let mut bundle = whole.clone();
    for item in reading::entries(directory, begin) {
        let (index, bytes) = item.map_err(|error| unreadable(&error))?;
        if index >= end {
            break;
        }
        let entry = Entry::parse(&bytes).map_err(|error| unreadable(&error))?;
        let days = days(&entry.event, retention);
        let term = SignedDuration::from_hours(24).saturating_mul(days);
        if now.duration_since(entry.time) < term {
            break;
        }
        *bundle
            .entries
            .entry(entry.event.kind().to_owned())
            .or_default() += 1;
        bundle.newest = bundle.newest.max(Some(entry.time));
        bundle.places.end = index + 1;
        // No less than a full bundle is destroyed.
        if bundle.places.end.is_multiple_of(BUNDLE_ENTRIES) {
            whole = bundle.clone();
        }
    }
    Ok(whole)
}

/// The term of an event's kind.
fn days(event: &Event, retention: &RetentionSettings) -> i32 {
    let days = match event {
        Event::Disclosure(_) | Event::Intent(_) | Event::Delivered(_) => retention.disclosures_days,
        Event::Refusal(_) | Event::Shadow(_) => retention.refusals_days,
        Event::Act(_) | Event::Gateway(_) | Event::Purge(_) => retention.operations_days,
    };
    i32::try_from(days).unwrap_or(i32::MAX)
}

fn terms(retention: &RetentionSettings) -> BTreeMap<String, u64> {
    let terms = [
        ("disclosures_days", retention.disclosures_days),
        ("refusals_days", retention.refusals_days),
        ("operations_days", retention.operations_days),
        ("recipient_keys_days", retention.recipient_keys_days),
    ];
    let terms = terms.into_iter();
    terms
        .map(|(setting, days)| (setting.to_owned(), u64::from(days)))
        .collect()
}

/// Entries about one thing at these places, in portions of a package.
fn pieces_of(
    index: &Index,
    (about, query, whom): (String, Query, Option<Whom>),
    places: &Range<u64>,
) -> Result<Vec<Piece>, NotDone> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut piece_bytes = 0;
    index.find(&query, places.clone(), |(place, bytes, _)| {
        piece_bytes += bytes.len();
        match pieces.last_mut() {
            Some(last) if last.entries < HELD_ENTRIES_MAX && piece_bytes <= HELD_BYTES_MAX => {
                last.entries += 1;
                last.places.end = place + 1;
            }
            _ => {
                piece_bytes = bytes.len();
                pieces.push(Piece {
                    about: about.clone(),
                    query: query.clone(),
                    whom: whom.clone(),
                    places: place..place + 1,
                    entries: 1,
                });
            }
        }
        true
    })?;
    Ok(pieces)
}
