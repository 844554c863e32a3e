//! The body of a core's answer, piece by piece: its coding undone, its size and its pauses limited.
//! Nothing of it has been judged.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::gunzip::{Gunzip, NotSound};
use super::room::Room;
use super::service::Used;
use super::shelf::{Shelf, Tray};
use crate::clock::Clock;
use crate::judgement::uninspectable;
use crate::refusal::{Code, Fault};

/// Largest answer that streams, in bytes without its coding.
const STREAM_BYTES_MAX: u64 = 4 << 30;
/// How long a core may pause while its answer streams.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Pauses may add up to this much,
const PAUSES_FREE: Duration = Duration::from_secs(20);
/// and to a second for each so many bytes.
const BYTES_PER_SECOND_MIN: u64 = 4 << 10;
/// Smaller pieces are held together, so that what is held is not mostly bookkeeping.
const PIECE_BYTES_MIN: usize = 4 << 10;
/// What is more than this of an answer that is read ahead goes on the shelf; most answers are smaller.
const UNSHELVED_BYTES_MAX: u64 = 256 << 10;

/// Where a body comes from.
#[derive(Debug)]
pub(super) struct Source {
    incoming: Incoming,
    on: Option<Box<Used>>,
    is_success: bool,
    has_ended: bool,
}

impl Source {
    /// An answer's body, and what it comes on; `is_success` says that it speaks for its instance if it comes
    /// whole.
    pub(super) fn new(incoming: Incoming, on: Used, is_success: bool) -> Self {
        Self {
            incoming,
            on: Some(Box::new(on)),
            is_success,
            has_ended: false,
        }
    }

    /// The next bytes, perhaps none; nothing at the end.
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        match self.incoming.frame().await {
            // Trailers of the core stay inside.
            Some(Ok(frame)) => Some(Ok(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => {
                self.failed();
                Some(Err(format!("core broke off its answer: {error}")))
            }
            None => {
                let first = !std::mem::replace(&mut self.has_ended, true);
                if let Some(on) = self.on.as_mut().filter(|_| first) {
                    if self.is_success {
                        on.place.succeeded();
                    } else {
                        on.place.failed();
                    }
                    on.place.leave();
                }
                None
            }
        }
    }

    /// It does not come whole.
    fn failed(&mut self) {
        if let Some(on) = self.on.take().filter(|_| !self.has_ended) {
            on.place.failed();
        }
    }
}

/// A body on its way.
#[derive(Debug)]
pub struct CoreBody {
    source: Source,
    coding: Option<Box<Gunzip>>,
    /// What arrived and is not decoded yet.
    coded: Bytes,
    /// What was read ahead.
    held: VecDeque<Bytes>,
    held_small: BytesMut,
    /// The end of it, where that is on a tray which is not full yet.
    tray: Option<Tray>,
    shelf: Shelf,
    /// The room it takes.
    room: Option<Room>,
    bytes_expected: Option<u64>,
    bytes: u64,
    paused: Duration,
    clock: Clock,
}

/// Why a body does not go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// The core, or the way to it, broke off.
    Off(String),
    /// It is not what it is said to be.
    NotSound(NotSound),
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Off(cause) => Self::new(Code::CoreUnavailable, cause),
            Broken::NotSound(NotSound(why)) => uninspectable(why),
        }
    }
}

impl CoreBody {
    pub(super) fn new(source: Source, is_gzip: bool, shelf: &Shelf, clock: Clock) -> Self {
        let bytes_expected = source.incoming.size_hint().exact().filter(|_| !is_gzip);
        Self {
            source,
            coding: is_gzip.then(|| Box::new(Gunzip::new())),
            coded: Bytes::new(),
            held: VecDeque::new(),
            held_small: BytesMut::new(),
            tray: None,
            shelf: shelf.clone(),
            room: None,
            bytes_expected,
            bytes: 0,
            paused: Duration::ZERO,
            clock,
        }
    }

    /// The connection it came on, once its end has been seen, for whoever has judged it.
    pub fn take_used(&mut self) -> Option<Box<Used>> {
        self.source.on.take().filter(|_| self.source.has_ended)
    }

    /// It did not come in time.
    pub(super) fn is_late(&mut self) {
        self.source.failed();
    }

    /// What is held takes this room, until it has been read on.
    pub(super) fn is_ahead_in(&mut self, room: Room) {
        self.room = Some(room);
    }

    /// Whether it has at most `bytes_max`, as far as that is known.
    pub(super) fn may_be_within(&self, bytes_max: usize) -> bool {
        let fits = |bytes| usize::try_from(bytes).is_ok_and(|bytes| bytes <= bytes_max);
        self.bytes_expected.is_none_or(fits) && fits(self.bytes)
    }

    /// How long it will be, where the core said so.
    pub fn bytes_expected(&self) -> Option<u64> {
        self.bytes_expected
    }

    /// All of it, where that is at most `bytes_max`. Else nothing, and what was read is held.
    pub(super) async fn whole(&mut self, bytes_max: usize) -> Result<Option<Bytes>, Broken> {
        while self.may_be_within(bytes_max) {
            let Some(piece) = self.arrive().await? else {
                return Ok(Some(self.take_held()));
            };
            if self.bytes > UNSHELVED_BYTES_MAX {
                self.shelve(&piece);
            } else {
                self.hold(piece);
            }
        }
        Ok(None)
    }

    /// What is held, in one piece.
    fn take_held(&mut self) -> Bytes {
        self.hold(Bytes::new());
        let mut pieces = std::mem::take(&mut self.held);
        match pieces.len() {
            0 | 1 => pieces.pop_front().unwrap_or_default(),
            _ => {
                let all: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
                all.concat().into()
            }
        }
    }

    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// `core-unavailable`, `core-timeout`; `response-uninspectable` for a broken coding, and for more
    /// than a stream may have.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        self.hold(Bytes::new());
        if let Some(held) = self.held.pop_front() {
            return Ok(Some(held));
        }
        self.room = None;
        let earned = Duration::from_secs(self.bytes / BYTES_PER_SECOND_MIN);
        let patience = (PAUSES_FREE + earned).saturating_sub(self.paused);
        let since = self.clock.instant();
        let arrived = tokio::time::timeout(patience.min(PAUSE_MAX), self.arrive()).await;
        self.paused += self.clock.instant().saturating_duration_since(since);
        let arrived = arrived.map_err(|_| {
            self.is_late();
            Fault::new(Code::CoreTimeout, "the core paused too long, or too often")
        })?;
        if self.bytes > STREAM_BYTES_MAX {
            return Err(uninspectable("more bytes than a stream may have"));
        }
        Ok(arrived?)
    }

    /// Its first bytes, this many where it has them; they stay to be read.
    ///
    /// # Errors
    /// As [`CoreBody::next`].
    pub async fn beginning(&mut self, bytes: usize) -> Result<Bytes, Fault> {
        let mut read = BytesMut::new();
        while read.len() < bytes
            && let Some(piece) = self.next().await?
        {
            read.extend_from_slice(&piece);
        }
        let read = read.freeze();
        self.held.push_front(read.clone());
        Ok(read)
    }

    /// Holds a piece back, behind those that are held already.
    fn hold(&mut self, piece: Bytes) {
        if !piece.is_empty() && piece.len() < PIECE_BYTES_MIN {
            self.held_small.extend_from_slice(&piece);
            return;
        }
        if !self.held_small.is_empty() {
            self.held.push_back(self.held_small.split().freeze());
        }
        self.held.extend(self.tray.take().map(Tray::into_bytes));
        if !piece.is_empty() {
            self.held.push_back(piece);
        }
    }

    /// Copies a piece onto the shelf, behind what is held already, so that the memory it arrived in is free
    /// for the next.
    fn shelve(&mut self, mut piece: &[u8]) {
        if !self.held_small.is_empty() {
            self.held.push_back(self.held_small.split().freeze());
        }
        while !piece.is_empty() {
            let tray = self.tray.get_or_insert_with(|| self.shelf.take());
            piece = tray.fill(piece);
            if tray.is_full() {
                self.held.extend(self.tray.take().map(Tray::into_bytes));
            }
        }
    }

    /// The next bytes from the core, never none. May be dropped at any wait without losing any.
    async fn arrive(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if let Some(gunzip) = &mut self.coding {
                let piece = gunzip.decode(&mut self.coded).map_err(Broken::NotSound)?;
                if !piece.is_empty() {
                    self.bytes += piece.len() as u64;
                    return Ok(Some(piece));
                }
            }
            let Some(piece) = self.source.next().await else {
                if let Some(gunzip) = &self.coding {
                    gunzip.end().map_err(Broken::NotSound)?;
                }
                return Ok(None);
            };
            match piece.map_err(Broken::Off)? {
                piece if self.coding.is_some() => self.coded = piece,
                piece if !piece.is_empty() => {
                    self.bytes += piece.len() as u64;
                    return Ok(Some(piece));
                }
                _ => {}
            }
        }
    }
}
