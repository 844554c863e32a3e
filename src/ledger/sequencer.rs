//! The one writer. It owns the tail of the log: everybody else hands it leaves through a bounded
//! queue; it takes all that wait as one batch, signs the checkpoint of the log with them, appends the
//! batch to the journal, and only when that is durable wakes those who wait. Nobody is answered before,
//! and after the first error nobody is answered any more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::batch::{Batch, ENTRY_OVERHEAD_BYTES, Leaf, LogId};
use super::checkpoint::Checkpoint;
use super::journal::{Journal, JournalError};
use super::key::Signer;
use super::note::NoteError;
use super::replay::State;

/// Most entries made durable together; more waits for the next batch.
const BATCH_ENTRIES_MAX: usize = 4_096;

/// Something for the writer to do.
pub(super) enum Order {
    /// Append a leaf; tell whoever waits.
    Append(Leaf, Option<oneshot::Sender<Appended>>),
    /// Look whether the file that is written is still there.
    Check,
    /// Begin a segment with the next batch.
    BeginSegment,
    /// Stop at once: what was made durable is not there any more.
    GiveUp,
    /// Finish what was handed in before, then stop.
    Close,
}

/// A leaf that is durable. It goes back to the thread that made it, which then has its memory for the next.
pub(super) struct Appended {
    pub(super) index: u64,
    pub(super) leaf: Leaf,
}

/// What the writer tells everybody else.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whether the writer works. Once false, for ever.
    pub(super) open: AtomicBool,
    /// Batches committed since the start.
    commits: AtomicU64,
    /// How many there must be for the writer not to be stalled: who waits in vain asks for one more
    /// than when the wait began. Compared, not reset, so that a commit at the last moment counts.
    commits_due: AtomicU64,
    /// Notes that found no room in the queue.
    pub(super) notes_dropped: AtomicU64,
    /// Entries under the published checkpoint.
    pub(super) published: AtomicU64,
    /// Whether somebody waits for what is durable to be published, before it is time.
    pub(super) publish_asked: AtomicBool,
    /// The first entry that is not pruned.
    pub(super) minimum: AtomicU64,
    /// Whether nothing may be disclosed although the writer works: too few witnesses vouch for the log.
    pub(super) held: AtomicBool,
    /// The published checkpoint with all its signatures, once there is one.
    published_note: Mutex<Option<Arc<str>>>,
    /// What witnesses have cosigned, until it is kept.
    cosigned: Mutex<Option<NewlyCosigned>>,
    durable: Mutex<Durable>,
}

/// A checkpoint that was cosigned, and the ids of the keys that have.
#[derive(Clone, Debug)]
pub(super) struct NewlyCosigned {
    pub(super) note: String,
    pub(super) size: u64,
    pub(super) by: Vec<String>,
}

/// The log as it is durable.
#[derive(Clone, Debug)]
pub(super) struct Durable {
    pub(super) size: u64,
    /// The signed checkpoint.
    pub(super) checkpoint: Arc<str>,
}

impl Shared {
    pub(super) fn new(durable: Durable) -> Self {
        Self {
            open: AtomicBool::new(true),
            commits: AtomicU64::new(0),
            commits_due: AtomicU64::new(0),
            notes_dropped: AtomicU64::new(0),
            published: AtomicU64::new(0),
            publish_asked: AtomicBool::new(false),
            minimum: AtomicU64::new(0),
            held: AtomicBool::new(false),
            published_note: Mutex::default(),
            cosigned: Mutex::default(),
            durable: Mutex::new(durable),
        }
    }

    /// Batches committed since the start, to be noted where a wait begins.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Somebody waited in vain since there were `commits`.
    pub(super) fn stalled_since(&self, commits: u64) {
        self.commits_due.fetch_max(commits + 1, Ordering::SeqCst);
    }

    /// Whether nothing has been committed since somebody waited in vain. What that wait was for is
    /// still in the queue, so this ends by itself once the disk answers.
    pub(super) fn is_stalled(&self) -> bool {
        self.commits_due.load(Ordering::SeqCst) > self.commits()
    }

    /// The published checkpoint.
    pub(super) fn published_note(&self) -> Option<Arc<str>> {
        locked(&self.published_note).clone()
    }

    /// Another checkpoint is published, or the same with other signatures.
    pub(super) fn set_published(&self, note: &str, size: u64) {
        *locked(&self.published_note) = Some(note.into());
        self.published.store(size, Ordering::SeqCst);
    }

    /// Leaves what was cosigned for the publisher.
    pub(super) fn hand_over(&self, cosigned: NewlyCosigned) {
        *locked(&self.cosigned) = Some(cosigned);
    }

    /// What was cosigned and is not kept yet.
    pub(super) fn take_cosigned(&self) -> Option<NewlyCosigned> {
        locked(&self.cosigned).take()
    }

    /// A copy of the durable state.
    pub(super) fn durable(&self) -> Durable {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Durable> {
        locked(&self.durable)
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a batch was not committed.
#[derive(Debug, Error)]
pub(super) enum CommitError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the checkpoint could not be signed: {0}")]
    Sign(#[from] NoteError),
    #[error("a batch of the ledger is longer than its format allows")]
    TooLarge,
}

/// The writer's own state.
pub(super) struct Sequencer {
    journal: Box<dyn Journal>,
    signer: Signer,
    log: LogId,
    state: State,
    /// Most bytes a batch may take, framing included.
    batch_bytes_max: usize,
}

impl Sequencer {
    pub(super) fn new(
        journal: Box<dyn Journal>,
        signer: Signer,
        log: LogId,
        state: State,
        batch_bytes_max: usize,
    ) -> Self {
        Self {
            journal,
            signer,
            log,
            state,
            batch_bytes_max,
        }
    }

    /// The log as it is durable: with the last batch's checkpoint, or one for the empty log.
    pub(super) fn durable(&self) -> Result<Durable, NoteError> {
        let checkpoint = match &self.state.checkpoint {
            Some(checkpoint) => checkpoint.clone(),
            None => self.sign(&self.state, None)?,
        };
        Ok(Durable {
            size: self.state.frontier.size(),
            checkpoint: checkpoint.into(),
        })
    }

    /// Works until told to close, until all handles are gone, or until something fails. What still
    /// waits then learns of it by its channel being dropped.
    ///
    /// Those who wait are told by a task of the runtime, where there is one: each who is told from this thread
    /// has to be woken by the system.
    pub(super) fn run(
        mut self,
        mut queue: mpsc::Receiver<Order>,
        shared: &Shared,
        runtime: Option<&Handle>,
    ) {
        let mut orders = Vec::with_capacity(BATCH_ENTRIES_MAX);
        while queue.blocking_recv_many(&mut orders, BATCH_ENTRIES_MAX) > 0 {
            gather(&mut queue, &mut orders);
            let mut leaves = Vec::with_capacity(orders.len());
            let mut waiting = Vec::with_capacity(orders.len());
            let mut check = false;
            let mut gives_up = false;
            for order in orders.drain(..) {
                match order {
                    Order::Append(leaf, waiter) => {
                        leaves.push(leaf);
                        waiting.push(waiter);
                    }
                    // Whatever still comes is refused; what is in the queue is taken.
                    Order::Close => queue.close(),
                    Order::Check => check = true,
                    Order::BeginSegment => self.begin_segment(),
                    Order::GiveUp => gives_up = true,
                }
            }
            if gives_up {
                tracing::error!("the ledger is closed: nothing is recorded any more");
                break;
            }
            // A commit looks by itself.
            let checked = match check && leaves.is_empty() {
                true => self.check().map_err(CommitError::from),
                false => Ok(()),
            };
            let done = checked.and_then(|()| self.commit_all(leaves, waiting, shared, runtime));
            if let Err(error) = done {
                tracing::error!(%error, "the ledger is closed: nothing is recorded any more");
                break;
            }
        }
        shared.open.store(false, Ordering::SeqCst);
    }

    /// Commits `leaves` in as few batches as they fit in.
    fn commit_all(
        &mut self,
        leaves: Vec<Leaf>,
        waiting: Vec<Option<oneshot::Sender<Appended>>>,
        shared: &Shared,
        runtime: Option<&Handle>,
    ) -> Result<(), CommitError> {
        let mut waiting = waiting.into_iter();
        let mut leaves = leaves.into_iter().peekable();
        while leaves.peek().is_some() {
            let mut room = self.batch_bytes_max;
            let mut batch = Vec::new();
            while let Some(leaf) = leaves.next_if(|leaf| {
                batch.is_empty() || leaf.bytes().len() + ENTRY_OVERHEAD_BYTES <= room
            }) {
                room = room.saturating_sub(leaf.bytes().len() + ENTRY_OVERHEAD_BYTES);
                batch.push(leaf);
            }
            let first = self.state.frontier.size();
            let (batch, durable) = self
                .commit(batch)
                .and_then(|batch| Ok((batch, self.durable()?)))
                // Before those who wait hear of it, so that they find the ledger closed.
                .inspect_err(|_| shared.open.store(false, Ordering::SeqCst))?;
            *shared.lock() = durable;
            shared.commits.fetch_add(1, Ordering::SeqCst);
            let appended = (first..).zip(batch);
            let appended = appended.map(|(index, leaf)| Appended { index, leaf });
            let told = waiting.by_ref().zip(appended);
            let told = told.filter_map(|(waiter, appended)| Some((waiter?, appended)));
            tell(told.collect(), runtime);
        }
        Ok(())
    }

    /// Looks whether the file that is written is still there, and nobody else's.
    pub(super) fn check(&mut self) -> Result<(), JournalError> {
        self.journal.check()
    }

    /// Has the next batch begin a segment.
    pub(super) fn begin_segment(&mut self) {
        self.journal.begin_segment();
    }

    /// Makes one batch durable, and gives it back. After an error nothing more may be committed: the
    /// journal refuses.
    pub(super) fn commit(&mut self, leaves: Vec<Leaf>) -> Result<Vec<Leaf>, CommitError> {
        self.commit_with(leaves, None)
    }

    /// Likewise, with a checkpoint that `previous` has signed too: the key before this one.
    pub(super) fn commit_with(
        &mut self,
        leaves: Vec<Leaf>,
        previous: Option<&Signer>,
    ) -> Result<Vec<Leaf>, CommitError> {
        let mut frontier = self.state.frontier.clone();
        let first_index = frontier.size();
        for leaf in &leaves {
            frontier.push(leaf.hash());
        }
        let mut state = State {
            frontier,
            ..State::default()
        };
        let checkpoint = self.sign(&state, previous)?;
        let batch = Batch {
            first_index,
            leaves,
            checkpoint,
            previous: self.state.previous,
        };
        state.previous = batch.digest(self.log).ok_or(CommitError::TooLarge)?;
        self.journal.append(&batch)?;
        state.checkpoint = Some(batch.checkpoint);
        self.state = state;
        Ok(batch.leaves)
    }

    fn sign(&self, state: &State, previous: Option<&Signer>) -> Result<String, NoteError> {
        let signers: Vec<_> = [&self.signer].into_iter().chain(previous).collect();
        Checkpoint {
            origin: self.signer.verifier_key().name().to_owned(),
            size: state.frontier.size(),
            root: state.frontier.root(),
        }
        .sign_by(&signers)
    }
}

/// Tells those who wait that their entry is durable.
fn tell(told: Vec<(oneshot::Sender<Appended>, Appended)>, runtime: Option<&Handle>) {
    let alone = told.len() <= 1;
    let tell = move || {
        for (waiter, appended) in told {
            // Who has stopped waiting does not mind.
            let _ = waiter.send(appended);
        }
    };
    match runtime {
        Some(runtime) if !alone => drop(runtime.spawn(async move { tell() })),
        _ => tell(),
    }
}

/// Adds what comes while whoever is ready to run has a turn. Where the cores are busy, those who are about to
/// hand something in need not wait for the next batch, and one signature and one sync do for more of them;
/// where one is idle, it costs next to nothing.
fn gather(queue: &mut mpsc::Receiver<Order>, orders: &mut Vec<Order>) {
    std::thread::yield_now();
    while orders.len() < BATCH_ENTRIES_MAX
        && let Ok(order) = queue.try_recv()
    {
        orders.push(order);
    }
}
