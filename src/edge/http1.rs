//! The strict reader of HTTP/1 bytes. It takes the bytes of a connection as they come and writes the
//! requests anew, so that hyper behind it sees only requests that have one reading. The first thing
//! that is not clear is refused, and nothing after it is read: a smuggled second request is never a
//! request. No IO, no clock.
//!
//! A refused head is replaced by a request with the method [`REFUSED`], which no client can send; it
//! keeps its place behind earlier requests, so the refusal is answered in order and the connection
//! ends. A refusal in the middle of a body ends the bytes instead, and the reader of the body finds it.
//!
//! HTTP/1.0 is refused: it has no `Host` to rely on, no chunked coding and no persistent framing, and
//! no supported client speaks it. So are empty lines before a request line.

use bytes::{Buf, BufMut, BytesMut};

use crate::edge::http1::chunked::{Chunked, Step};
use crate::edge::http1::head::{Framing, Head};
use crate::edge::limits::Limits;
use crate::edge::{body_too_large, malformed};
use crate::refusal::{Code, Refusal};

mod chunked;
mod head;
mod line;

/// The method of the stand-in for a refused head.
pub const REFUSED: &str = "REFUSED";

const STAND_IN: &[u8] = b"REFUSED / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// What the judge waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The first byte of a request; so many have been read before it.
    Request(u64),
    /// The rest of that request's head.
    RestOfHead(u64),
    /// Bytes of a body.
    Body,
    /// Nothing: a head was refused, its stand-in written.
    NothingAfterHead,
    /// Nothing: a body was refused.
    NothingAfterBody,
}

/// Reads one connection.
#[derive(Debug)]
pub struct Judge {
    limits: Limits,
    state: State,
    heads: u64,
    clean: BytesMut,
    refusal: Option<Refusal>,
}

#[derive(Debug)]
enum State {
    Head(Box<Head>),
    Length { left: u64 },
    Chunked(Box<Chunked>),
    RefusedHead,
    RefusedBody,
}

impl Judge {
    /// For a new connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Head(Box::default()),
            heads: 0,
            clean: BytesMut::new(),
            refusal: None,
        }
    }

    /// Takes the next bytes of the connection. After a refusal they are ignored.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match &self.state {
                State::Head(_) => self.feed_head(bytes),
                State::Length { left } => self.feed_length(bytes, *left),
                State::Chunked(_) => self.feed_chunked(bytes),
                State::RefusedHead | State::RefusedBody => return,
            };
            match taken {
                Ok(taken) => bytes.advance(taken.min(bytes.len())),
                Err(refusal) => return self.refuse(refusal.closing()),
            }
        }
    }

    /// Bytes that hyper may see and has not been given yet. Whoever gives them takes them away.
    pub fn clean(&mut self) -> &mut BytesMut {
        &mut self.clean
    }

    /// The refusal, once.
    pub fn take_refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }

    /// What it waits for.
    pub fn awaits(&self) -> Awaits {
        match &self.state {
            State::Head(head) if head.is_untouched() => Awaits::Request(self.heads),
            State::Head(_) => Awaits::RestOfHead(self.heads),
            State::Length { .. } | State::Chunked(_) => Awaits::Body,
            State::RefusedHead => Awaits::NothingAfterHead,
            State::RefusedBody => Awaits::NothingAfterBody,
        }
    }

    /// The rest of a head took too long.
    pub fn time_out_head(&mut self) {
        self.refuse(
            Refusal::new(
                Code::RequestTimeout,
                format!(
                    "the head did not arrive within {} seconds",
                    self.limits.head_seconds_max
                ),
                "send the whole head at once",
            )
            .closing(),
        );
    }

    fn refuse(&mut self, refusal: Refusal) {
        match self.state {
            State::Head(_) => {
                self.clean.put_slice(STAND_IN);
                self.state = State::RefusedHead;
            }
            State::Length { .. } | State::Chunked(_) => self.state = State::RefusedBody,
            State::RefusedHead | State::RefusedBody => return,
        }
        self.refusal = Some(refusal);
    }

    fn feed_head(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let State::Head(head) = &mut self.state else {
            return Ok(0);
        };
        let (taken, complete) = head.feed(bytes, &self.limits)?;
        if !complete {
            return Ok(taken);
        }
        let request = std::mem::take(head).finish(&self.limits)?;
        request.write(&mut self.clean);
        self.heads += 1;
        self.state = match request.framing {
            Framing::None | Framing::Length(0) => State::Head(Box::default()),
            Framing::Length(left) => State::Length { left },
            Framing::Chunked => State::Chunked(Box::default()),
        };
        Ok(taken)
    }

    fn feed_length(&mut self, bytes: &[u8], left: u64) -> Result<usize, Refusal> {
        let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.clean.put_slice(bytes.get(..taken).unwrap_or_default());
        let left = left.saturating_sub(taken as u64);
        self.state = if left == 0 {
            State::Head(Box::default())
        } else {
            State::Length { left }
        };
        Ok(taken)
    }

    fn feed_chunked(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let State::Chunked(chunked) = &mut self.state else {
            return Ok(0);
        };
        let (taken, step) = chunked.feed(bytes).map_err(|mistake| {
            malformed(
                mistake.to_string(),
                "send the body with `Content-Length`, or in plain chunks",
            )
        })?;
        if chunked.body_bytes() > self.limits.body_bytes_max {
            return Err(body_too_large(&self.limits));
        }
        match step {
            Step::Framing => {}
            Step::Data => {
                let data = bytes.get(..taken).unwrap_or_default();
                self.clean
                    .put_slice(format!("{:x}\r\n", data.len()).as_bytes());
                self.clean.put_slice(data);
                self.clean.put_slice(b"\r\n");
            }
            Step::End => {
                self.clean.put_slice(b"0\r\n\r\n");
                self.state = State::Head(Box::default());
            }
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out, and whether something was refused.
    fn judged<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
        let mut judge = Judge::new(Limits::default());
        pieces.for_each(|piece| judge.feed(piece));
        let clean = judge.clean().to_vec();
        (clean, judge.take_refusal().is_some())
    }

    fn parts() -> impl Strategy<Value = Vec<&'static str>> {
        let part = prop::sample::select(vec![
            "GET / HTTP/1.1\r\n",
            "POST /a?b=1 HTTP/1.1\r\n",
            "Host: a.example\r\n",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Connection: close\r\n",
            "X: y\r\n",
            "\r\n",
            "5\r\nabcde\r\n",
            "0\r\n\r\n",
            "abcde",
            "\n",
        ]);
        prop::collection::vec(part, 0..12)
    }

    #[test]
    fn a_request_is_written_the_way_it_was_read() {
        let bytes = b"POST https://A.example/p?q HTTP/1.1\r\nhOST: a.Example\r\nX-Y:  z \r\nTE: trailers\r\n\
            Upgrade: h2c\r\nTransfer-Encoding: CHUNKED\r\n\r\n3;x=y\r\nabc\r\n0\r\nsum: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
        let (clean, refused) = judged([&bytes[..]].into_iter());
        let expected = "POST /p?q HTTP/1.1\r\nhost: a.example\r\nx-y: z\r\ntransfer-encoding: chunked\r\n\r\n\
            3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: a.example\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&clean), expected);
        assert!(!refused);
    }

    #[test]
    fn nothing_after_a_refusal_is_read() {
        let good = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
        let bytes = format!("GET / HTTP/1.1\r\n\r\n{good}");
        let (clean, refused) = judged([bytes.as_bytes()].into_iter());
        assert_eq!(clean, STAND_IN);
        assert!(refused);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(parts in parts()) {
            let bytes = parts.concat();
            let (whole, whole_refused) = judged([bytes.as_bytes()].into_iter());
            let (single, single_refused) = judged(bytes.as_bytes().chunks(1));
            prop_assert_eq!(whole_refused, single_refused);
            // Chunks of a body are written as they come, so only their framing may differ.
            if !bytes.contains("5\r\n") {
                prop_assert_eq!(whole, single);
            }
        }

        #[test]
        fn what_it_writes_it_reads_the_same(parts in parts()) {
            let (clean, refused) = judged([parts.concat().as_bytes()].into_iter());
            if !refused {
                let again = judged([clean.as_slice()].into_iter());
                prop_assert_eq!(again, (clean, false));
            }
        }
    }
}
