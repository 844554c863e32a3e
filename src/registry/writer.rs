//! The one thread that owns the database. It takes what waits, up to a limit, as one transaction,
//! each change in a savepoint of its own: one disk sync serves them all, and one that fails undoes
//! only itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::NotKept;

/// Changes that may wait; more wait with their callers, and what is merely noticed is left out.
const QUEUE_CHANGES_MAX: usize = 1_024;

/// Changes in one transaction.
const BATCH_CHANGES_MAX: usize = 256;

/// A change to be made within a transaction. Says whether it holds, and what to do once it is known
/// whether the transaction was committed.
type Change = Box<dyn FnOnce(&Connection) -> (bool, Settle) + Send>;
type Settle = Box<dyn FnOnce(Result<(), NotKept>) + Send>;

#[derive(Debug)]
pub(super) struct Writer {
    changes: Option<mpsc::Sender<Change>>,
    /// Whether the write-ahead log must be emptied after the next transaction.
    leave_no_trace: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE_CHANGES_MAX);
        let leave_no_trace = Arc::new(AtomicBool::new(false));
        let no_trace = Arc::clone(&leave_no_trace);
        let thread = std::thread::Builder::new()
            .name("registry".to_owned())
            .spawn(move || write_until_closed(connection, receiver, &no_trace))?;
        Ok(Self {
            changes: Some(sender),
            leave_no_trace,
            thread: Some(thread),
        })
    }

    /// Makes a change durable, then applies it to memory, then returns. Both happen even where the
    /// caller stops waiting.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, NotKept> + Send + 'static,
        apply: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, NotKept> {
        let stopped =
            || NotKept::Storage("the change was dropped before it was written".to_owned());
        let (answer, outcome) = oneshot::channel();
        let change = settled(change, apply, move |outcome| {
            // The caller may be gone; what was done stays done.
            let _ = answer.send(outcome);
        });
        let changes = self.changes.as_ref().ok_or_else(stopped)?;
        changes.send(change).await.map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }

    /// Likewise, and nothing of what was there before stays in the write-ahead log.
    pub(super) async fn write_and_leave_no_trace<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, NotKept> + Send + 'static,
        apply: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, NotKept> {
        let leave_no_trace = Arc::clone(&self.leave_no_trace);
        let change = move |connection: &Connection| {
            let done = change(connection)?;
            leave_no_trace.store(true, Ordering::SeqCst);
            Ok(done)
        };
        self.write(change, apply).await
    }

    /// Queues a change nobody waits for; leaves it out where the queue is full.
    pub(super) fn write_soon(
        &self,
        change: impl FnOnce(&Connection) -> Result<(), NotKept> + Send + 'static,
    ) {
        if let Some(changes) = &self.changes {
            let _ = changes.try_send(settled(change, |()| {}, |_| {}));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn settled<T: Send + 'static>(
    change: impl FnOnce(&Connection) -> Result<T, NotKept> + Send + 'static,
    apply: impl FnOnce(&T) + Send + 'static,
    answer: impl FnOnce(Result<T, NotKept>) + Send + 'static,
) -> Change {
    Box::new(move |connection| {
        let outcome = change(connection);
        let holds = outcome.is_ok();
        (
            holds,
            Box::new(move |committed| settle(outcome, committed, apply, answer)),
        )
    })
}

fn settle<T>(
    outcome: Result<T, NotKept>,
    committed: Result<(), NotKept>,
    apply: impl FnOnce(&T),
    answer: impl FnOnce(Result<T, NotKept>),
) {
    // A change that failed by itself is told why, whatever became of the others.
    let outcome = outcome.and_then(|value| committed.map(|()| value));
    if let Ok(value) = &outcome {
        apply(value);
    }
    answer(outcome);
}

fn write_until_closed(
    mut connection: Connection,
    mut changes: mpsc::Receiver<Change>,
    leave_no_trace: &AtomicBool,
) {
    let mut batch = Vec::new();
    while changes.blocking_recv_many(&mut batch, BATCH_CHANGES_MAX) > 0 {
        let mut settles = Vec::with_capacity(batch.len());
        let committed =
            commit(&mut connection, batch.drain(..), &mut settles).map_err(NotKept::from);
        if committed.is_ok() && leave_no_trace.swap(false, Ordering::SeqCst) {
            // Nobody else has the file open, so nothing keeps the log from being emptied.
            let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, i64>(0)
            });
            if emptied != Ok(0) {
                tracing::warn!(?emptied, "the registry's write-ahead log was not emptied");
            }
        }
        for settle in settles {
            settle(committed.clone());
        }
    }
}

fn commit(
    connection: &mut Connection,
    batch: impl Iterator<Item = Change>,
    settles: &mut Vec<Settle>,
) -> rusqlite::Result<()> {
    let mut transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    for change in batch {
        let savepoint = transaction.savepoint()?;
        let (holds, settle) = change(&savepoint);
        settles.push(settle);
        if holds {
            savepoint.commit()?;
        } else {
            savepoint.finish()?;
        }
    }
    transaction.commit()
}
