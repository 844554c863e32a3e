//! The plainest thing that makes the ledger's promise: a file that grows by length, CRC-32 and payload, and
//! one `fdatasync` for all that wait.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::QUEUE;

type Waiting = (Vec<u8>, oneshot::Sender<()>);

/// The open file; clones are handles on the same.
#[derive(Clone)]
pub(crate) struct PlainFile {
    queue: mpsc::Sender<Waiting>,
    committer: Arc<JoinHandle<()>>,
}

impl PlainFile {
    pub(crate) fn open(path: &Path) -> Self {
        let (queue, pending) = mpsc::channel(QUEUE);
        let file = File::create(path).expect("a file");
        let committer = Arc::new(thread::spawn(move || group_commit(file, pending)));
        Self { queue, committer }
    }

    /// Appends a payload; it is durable on return.
    pub(crate) async fn append(&self, payload: Vec<u8>) {
        let (done, durable) = oneshot::channel();
        let sent = self.queue.send((payload, done)).await;
        sent.expect("the committer");
        durable.await.expect("the committer");
    }

    /// Waits for the committer. To be called on the last handle.
    pub(crate) fn close(self) {
        let Self { queue, committer } = self;
        drop(queue);
        let committer = Arc::into_inner(committer).expect("the last handle");
        committer.join().expect("the committer");
    }
}

fn group_commit(mut file: File, mut pending: mpsc::Receiver<Waiting>) {
    let tables = crc_tables();
    let mut taken = Vec::new();
    let mut buffer = Vec::new();
    while pending.blocking_recv_many(&mut taken, QUEUE) > 0 {
        buffer.clear();
        for (payload, _) in &taken {
            let length = u32::try_from(payload.len()).expect("a short payload");
            buffer.extend_from_slice(&length.to_le_bytes());
            buffer.extend_from_slice(&crc32(&tables, payload).to_le_bytes());
            buffer.extend_from_slice(payload);
        }
        file.write_all(&buffer).expect("written");
        file.sync_data().expect("synced");
        for (_, done) in taken.drain(..) {
            let _ = done.send(());
        }
    }
}

/// Tables to take eight bytes at a time, so that the plain file is not held up by its checksum.
fn crc_tables() -> Vec<[u32; 256]> {
    let mut tables = vec![[0_u32; 256]; 8];
    for (byte, entry) in (0_u32..).zip(&mut tables[0]) {
        *entry = (0..8).fold(byte, |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)));
    }
    for step in 1..8 {
        tables[step] = tables[step - 1].map(|crc| (crc >> 8) ^ tables[0][(crc & 0xff) as usize]);
    }
    tables
}

fn crc32(tables: &[[u32; 256]], bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut crc = !0_u32;
    for word in words {
        let mixed = u64::from_le_bytes(*word) ^ u64::from(crc);
        crc = mixed
            .to_le_bytes()
            .iter()
            .zip(tables.iter().rev())
            .fold(0, |crc, (&byte, table)| crc ^ table[usize::from(byte)]);
    }
    for &byte in rest {
        crc = (crc >> 8) ^ tables[0][usize::from(crc as u8 ^ byte)];
    }
    !crc
}
