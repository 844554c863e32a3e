//! Building an evidence package: what is found, with its proofs, the rules that decided then and the
//! entries about who put them in force; then the seal, an entry with the digest of it all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use super::disclosures::{blocking, object, proven, prover, wanted};
use super::messages::{Report, SearchQuery};
use super::preserved::gone;
use super::report::{account, deliveries};
use super::whom::Whom;
use super::{Actor, Administration, Deed, NotDone, paper, reason};
use crate::entry::{Entry, Event};
use crate::evidence::archive::{self, Members};
use crate::evidence::{self, ENTRIES, SEAL, SEAL_PROOF, SEALED, SUMS};
use crate::export;
use crate::index::{Hit, Query};
use crate::ledger::proof::Prover;
use crate::ledger::rotation::{Rotation, rotations};

/// Entries in one package, those about policies included.
const ENTRIES_MAX: usize = 10_000;
/// Bytes of its files.
const BYTES_MAX: usize = 96 * 1_024 * 1_024;

/// What people and the gateway do to put policy sets in force.
pub(super) const APPROVALS: [&str; 6] = [
    "policy.first",
    "policy.publish",
    "policy.publish.propose",
    "policy.reload",
    "policy.rollback",
    "policy.rollback.propose",
];

/// Entries about one of these.
pub(super) fn of_act(act: &str) -> Query {
    Query {
        decision: Some(act.to_owned()),
        ..Query::default()
    }
}

/// What goes into a package.
pub(super) struct Wanted {
    /// What entries must be about.
    pub(super) query: Query,
    /// The person whose accounting goes along.
    pub(super) whom: Option<Whom>,
    /// Where they stand.
    pub(super) places: Range<u64>,
    /// Whether the whole log is read for it.
    pub(super) scan: bool,
}

/// A package.
pub(super) struct Package {
    /// Its file.
    pub(super) bytes: Vec<u8>,
    /// The entry that seals it.
    pub(super) seal: u64,
}

/// What was found for a package.
#[derive(Default)]
struct Gathered {
    entries: BTreeMap<u64, (Vec<u8>, Entry)>,
    report: Option<Report>,
}

impl Administration {
    /// A package with the entries that fit the query, as the bytes of its file. That it was asked for is an
    /// entry first; that it was made is another, which seals it.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Mistaken`] where it would be too large, or would hold no entry of a request or of
    /// a time.
    pub async fn evidence(&self, actor: &Actor, query: &SearchQuery) -> Result<Vec<u8>, NotDone> {
        Self::allow(actor, Deed::LedgerEvidence)?;
        let because = query.because.as_deref().map(reason).transpose()?;
        let (customer, recipient) = (query.customer.as_deref(), query.recipient.as_ref());
        let whom = self.whom(customer, recipient).await?;
        let wanted = wanted(whom.as_ref(), query)?;
        let about = object(whom.as_ref(), &wanted);
        let action = Deed::LedgerEvidence.name().to_owned();
        let asked = self.enter(actor, action, Some(about.clone()), because);
        let asked = asked.await?;
        whom.as_ref().map_or(Ok(()), |whom| self.is_one(whom))?;
        let wanted = Wanted {
            query: wanted,
            whom,
            places: 0..asked,
            scan: query.scan,
        };
        Ok(self.package(actor, &about, wanted).await?.bytes)
    }

    /// A package of what is wanted, with the entry that seals it. What was delivered of answers, and who put
    /// policy sets in force, is looked for in the whole log.
    ///
    /// # Errors
    /// [`NotDone`].
    pub(super) async fn package(
        &self,
        actor: &Actor,
        about: &str,
        wanted: Wanted,
    ) -> Result<Package, NotDone> {
        let end = self.ledger.size();
        let narrowed = Query {
            references: Vec::new(),
            ..wanted.query.clone()
        };
        let gathered = self.gather(wanted, end).await?;
        // Of one person it says something that nothing was disclosed; of a request or a time, nothing.
        if gathered.entries.is_empty() && narrowed.says_something() {
            return Err(NotDone::Mistaken(
                "no entry fits, so there is nothing to prove and no package was made; look with `covenant ledger \
                 search` for what there is, or leave --request, --partner, --since and --until out"
                    .to_owned(),
            ));
        }
        let (policies, approvals) = self.policies_of(&gathered, end).await?;
        let checkpoint = self.ledger.checkpoint();
        let directory = self.ledger_directory.clone();
        let told = about.to_owned();
        let mut members = blocking(move || {
            let provers = Provers::new(&directory, &checkpoint)?;
            let mut members = policies;
            contents(&mut members, &gathered, &approvals, &provers)?;
            let origin = provers.newest.keys().name();
            members.insert(
                "README.txt".to_owned(),
                evidence::readme(&told, origin).into(),
            );
            within_limits(&members)?;
            Ok(members)
        })
        .await?;
        let sums = evidence::sums(&members);
        let sealed = format!("{about} sha256:{}", evidence::sha256_text(sums.as_bytes()));
        members.insert(SUMS.to_owned(), sums.into());
        let seal = self
            .enter(actor, SEALED.to_owned(), Some(sealed), None)
            .await?;
        let checkpoint = self.ledger.checkpoint();
        let directory = self.ledger_directory.clone();
        blocking(move || {
            let entry = crate::ledger::reading::entries(&directory, seal).next();
            let missing = || NotDone::Damaged(format!("entry {seal} is missing"));
            let (_, bytes) = entry.ok_or_else(missing)??;
            let proof = proven(&prover(&directory, &checkpoint)?, seal, &bytes)?;
            members.insert(SEAL.to_owned(), bytes);
            members.insert(SEAL_PROOF.to_owned(), proof.into());
            let bytes = archive::write(&members);
            let bytes = bytes.map_err(|error| NotDone::Mistaken(error.to_string()))?;
            Ok(Package { bytes, seal })
        })
        .await
    }

    /// What fits, and the accounting where it is about one person.
    async fn gather(&self, wanted: Wanted, end: u64) -> Result<Gathered, NotDone> {
        let Wanted {
            query: wanted,
            whom,
            places,
            scan,
        } = wanted;
        let index = self.reader(scan);
        let directory = self.ledger_directory.clone();
        let mut names = self.names();
        let held = self.held();
        let checkpoint = self.ledger.checkpoint();
        let whom = whom.map(|whom| (self.about(&whom, checkpoint), whom));
        blocking(move || {
            let mut gathered = Gathered::default();
            let mut bytes_found = 0;
            index.find(&wanted, places.clone(), |(place, bytes, entry): Hit| {
                bytes_found += bytes.len();
                gathered.entries.insert(place, (bytes, entry));
                gathered.entries.len() <= ENTRIES_MAX && bytes_found <= BYTES_MAX
            })?;
            if gathered.entries.len() > ENTRIES_MAX || bytes_found > BYTES_MAX {
                return Err(too_much());
            }
            gathered
                .entries
                .extend(deliveries(&index, &wanted, places, end)?);
            if let Some((about, whom)) = whom {
                let accounted = account(&index, &whom, end, &mut names, None)?;
                let gone = gone(&directory, held.as_deref(), &whom)?;
                gathered.report = Some(about.report(accounted, gone));
            }
            Ok(gathered)
        })
        .await
    }

    /// The files of every policy set that decided, and the entries about their publication.
    async fn policies_of(
        &self,
        gathered: &Gathered,
        end: u64,
    ) -> Result<(Members, BTreeMap<u64, Vec<u8>>), NotDone> {
        let versions: BTreeSet<String> = gathered
            .entries
            .values()
            .filter_map(|(_, entry)| version_of(&entry.event))
            .collect();
        let (mut members, mut digests) = (Members::new(), Vec::new());
        for version in versions {
            // Sets that a registry no longer has stay named in the entries.
            let Some(set) = self.registry.policy_set(&version).await? else {
                continue;
            };
            let folder = evidence::policy_folder(&set.digest);
            for (name, text) in self.registry.policy_files(&set.digest).await? {
                members.insert(format!("{folder}/{name}"), text.into_bytes());
            }
            digests.push(format!("sha256:{}", set.digest));
        }
        let index = self.reader(false);
        let approvals = blocking(move || {
            let mut approvals = BTreeMap::new();
            for decision in APPROVALS {
                let wanted = of_act(decision);
                index.find(&wanted, 0..end, |(place, bytes, entry)| {
                    let object = match &entry.event {
                        Event::Act(act) => act.object.as_deref(),
                        Event::Gateway(note) => note.detail.as_deref(),
                        _ => None,
                    };
                    let mut words = object.unwrap_or_default().split(' ');
                    if words.any(|word| digests.iter().any(|digest| digest == word)) {
                        approvals.insert(place, bytes);
                    }
                    approvals.len() <= ENTRIES_MAX
                })?;
            }
            Ok(approvals)
        });
        Ok((members, approvals.await?))
    }
}

/// The name of the policy set that decided.
fn version_of(event: &Event) -> Option<String> {
    let request = match event {
        Event::Disclosure(disclosure) => &disclosure.request,
        Event::Intent(intent) => &intent.request,
        Event::Refusal(refusal) => &refusal.request,
        _ => return None,
    };
    request.policy_set().map(str::to_owned)
}

fn contents(
    members: &mut Members,
    gathered: &Gathered,
    approvals: &BTreeMap<u64, Vec<u8>>,
    provers: &Provers,
) -> Result<(), NotDone> {
    let (mut lines, mut table) = (Vec::new(), export::CSV_HEADINGS.to_owned());
    for (index, (bytes, entry)) in &gathered.entries {
        put(members, "entries", *index, bytes, provers)?;
        lines.extend_from_slice(bytes);
        lines.push(b'\n');
        table.push_str(&export::csv(*index, entry));
    }
    members.insert(ENTRIES.to_owned(), lines);
    members.insert("entries.csv".to_owned(), table.into());
    for (index, bytes) in approvals {
        put(members, "approvals", *index, bytes, provers)?;
    }
    if let Some(report) = &gathered.report {
        let json = serde_json::to_vec_pretty(report);
        let json = json.map_err(|error| NotDone::Unreadable(error.to_string()))?;
        members.insert("report.json".to_owned(), json);
        members.insert("report.html".to_owned(), paper::html(report).into());
        members.insert("report.csv".to_owned(), paper::csv(report).into());
    }
    evidence::put_keys(members, provers.newest.keys(), &provers.rotations);
    Ok(())
}

/// What proves entries: under a checkpoint that the newest key has signed, so that it is all that anybody must
/// trust; and that witnesses vouch for, as far as there is one. Where more do so for one that only an earlier
/// key has signed, under that one as well.
struct Provers {
    newest: Prover,
    /// The one to be preferred first.
    cosigned: Vec<Prover>,
    rotations: Vec<Rotation>,
}

impl Provers {
    fn new(directory: &Path, checkpoint: &str) -> Result<Self, NotDone> {
        let newest = prover(directory, checkpoint)?;
        let cosigned = Prover::cosigned(directory, newest.keys())?;
        let rotations = rotations(directory, newest.keys())?;
        Ok(Self {
            newest,
            cosigned,
            rotations,
        })
    }

    fn of(&self, index: u64) -> &Prover {
        let mut cosigned = self.cosigned.iter();
        let covering = cosigned.find(|one| index < one.size() && one.is_signed_by_the_last_key());
        covering.unwrap_or(&self.newest)
    }

    /// What most witnesses vouch for of an entry, where only an earlier key has signed it.
    fn of_an_earlier_key(&self, index: u64) -> Option<&Prover> {
        let mut cosigned = self.cosigned.iter();
        let best = cosigned.find(|one| index < one.size());
        best.filter(|best| !best.is_signed_by_the_last_key())
    }
}

/// An entry and its proofs.
fn put(
    members: &mut Members,
    folder: &str,
    index: u64,
    bytes: &[u8],
    provers: &Provers,
) -> Result<(), NotDone> {
    let (name, proof_name) = evidence::entry_names(folder, index);
    let proof = proven(provers.of(index), index, bytes)?;
    members.insert(proof_name, proof.into());
    if let Some(earlier) = provers.of_an_earlier_key(index) {
        let proof = proven(earlier, index, bytes)?;
        members.insert(evidence::cosigned_name(index), proof.into());
    }
    members.insert(name, bytes.to_vec());
    Ok(())
}

fn within_limits(members: &Members) -> Result<(), NotDone> {
    let bytes: usize = members.values().map(Vec::len).sum();
    // Room for the list of files and the seal.
    if members.len() + 3 > archive::MEMBERS_MAX || bytes > BYTES_MAX {
        return Err(too_much());
    }
    Ok(())
}

fn too_much() -> NotDone {
    NotDone::Mistaken(format!(
        "a package has at most {ENTRIES_MAX} entries and {} MiB; divide it with --since and --until",
        BYTES_MAX / 1_024 / 1_024
    ))
}
