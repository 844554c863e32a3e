//! A look at HTTP/2 header blocks in passing, for the one thing that the library behind does not tell:
//! a `:path` with a fragment, which it cuts off without a word. Servers differ about fragments, so a
//! request that has one must not be served as if it had none. This reader never passes anything on and
//! never repairs anything; all it can do is end a connection. Every other rule of HTTP/2 is h2's.

use crate::edge::http2::hpack::Decoder;

mod hpack;

/// Bytes of the client's connection preface.
const PREFACE_BYTES: usize = 24;
const FRAME_HEAD_BYTES: usize = 9;
/// Bytes of one header block at most; h2 has given up on a block well before.
const BLOCK_BYTES_MAX: usize = 256 * 1024;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Http2Mistake {
    /// RFC 9113 section 8.3.1: `:path` is a path and a query.
    #[error("`:path` has a fragment")]
    Fragment,
    /// Not decodable (RFC 7541), or beyond any limit.
    #[error("a header block cannot be read")]
    Block,
}

/// Reads one connection.
#[derive(Debug)]
pub struct Inspector {
    /// Bytes to pass over: the preface, and payloads that hold no header block.
    skip: usize,
    head: Vec<u8>,
    /// The frame that is being collected: its flags and the bytes still to come.
    collecting: Option<(u8, u8, usize)>,
    payload: Vec<u8>,
    block: Vec<u8>,
    /// A header block has begun and not ended.
    continues: bool,
    blocks: u64,
    decoder: Decoder,
}

impl Default for Inspector {
    fn default() -> Self {
        Self {
            skip: PREFACE_BYTES,
            head: Vec::new(),
            collecting: None,
            payload: Vec::new(),
            block: Vec::new(),
            continues: false,
            blocks: 0,
            decoder: Decoder::default(),
        }
    }
}

impl Inspector {
    /// Looks at the next bytes of the connection, before anyone acts on them.
    ///
    /// # Errors
    /// When the connection must end here.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Http2Mistake> {
        while !bytes.is_empty() {
            let taken = if self.skip > 0 {
                let taken = self.skip.min(bytes.len());
                self.skip -= taken;
                taken
            } else if let Some((kind, flags, left)) = self.collecting {
                let taken = left.min(bytes.len());
                self.payload.extend(bytes.iter().take(taken));
                self.collecting = Some((kind, flags, left - taken));
                taken
            } else {
                let taken = (FRAME_HEAD_BYTES - self.head.len()).min(bytes.len());
                self.head.extend(bytes.iter().take(taken));
                self.begin_frame();
                taken
            };
            if let Some((kind, flags, 0)) = self.collecting {
                self.collecting = None;
                self.end_frame(kind, flags)?;
            }
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Where the bytes have stopped in the preface, a frame's head or a header block: how many blocks
    /// came before. None between frames and in the middle of others, which have limits of their own.
    pub fn unfinished(&self) -> Option<u64> {
        let in_preface = self.blocks == 0 && self.skip > 0;
        let in_block = self.collecting.is_some() || self.continues;
        (in_preface || in_block || !self.head.is_empty()).then_some(self.blocks)
    }

    fn begin_frame(&mut self) {
        let &[high, middle, low, kind, flags, _, _, _, _] = self.head.as_slice() else {
            return;
        };
        self.head.clear();
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind == HEADERS || kind == CONTINUATION {
            self.collecting = Some((kind, flags, length));
        } else {
            self.skip = length;
        }
    }

    fn end_frame(&mut self, kind: u8, flags: u8) -> Result<(), Http2Mistake> {
        let payload = std::mem::take(&mut self.payload);
        let fragment = match kind {
            HEADERS => unpadded(&payload, flags).ok_or(Http2Mistake::Block)?,
            _ => &payload,
        };
        self.block.extend(fragment);
        if self.block.len() > BLOCK_BYTES_MAX {
            return Err(Http2Mistake::Block);
        }
        self.continues = flags & END_HEADERS == 0;
        if self.continues {
            return Ok(());
        }
        let block = std::mem::take(&mut self.block);
        self.blocks += 1;
        let mut has_fragment = false;
        self.decoder
            .decode(&block, |name, value| {
                has_fragment |= name == b":path" && value.contains(&b'#');
            })
            .ok_or(Http2Mistake::Block)?;
        if has_fragment {
            return Err(Http2Mistake::Fragment);
        }
        Ok(())
    }
}

/// The header block fragment of a HEADERS frame (RFC 9113 section 6.2).
fn unpadded(payload: &[u8], flags: u8) -> Option<&[u8]> {
    let (padding, rest) = if flags & PADDED == 0 {
        (0, payload)
    } else {
        let (length, rest) = payload.split_first()?;
        (usize::from(*length), rest)
    };
    let rest = if flags & PRIORITY == 0 {
        rest
    } else {
        rest.get(5..)?
    };
    rest.get(..rest.len().checked_sub(padding)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(flags: u8, block: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            0,
            0,
            u8::try_from(block.len()).unwrap(),
            HEADERS,
            flags,
            0,
            0,
            0,
            1,
        ];
        bytes.extend(block);
        bytes
    }

    fn inspected(frames: &[Vec<u8>]) -> Result<(), Http2Mistake> {
        let mut bytes = vec![b'x'; PREFACE_BYTES];
        bytes.extend([0, 0, 2, 4, 0, 0, 0, 0, 0, 9, 9]);
        bytes.extend(frames.concat());
        let whole = Inspector::default().feed(&bytes);
        let mut inspector = Inspector::default();
        let single = bytes.iter().try_for_each(|byte| inspector.feed(&[*byte]));
        assert_eq!(whole, single);
        whole
    }

    #[test]
    fn a_fragment_is_found_in_every_representation() {
        for block in [
            &b"\x00\x05:path\x04/a#b"[..],
            b"\x04\x04/a#b",
            b"\x44\x04/a#b",
            b"\x14\x04/a#b",
            // `/#` in the Huffman code: 011000 111111111010, padded with ones.
            b"\x04\x83\x63\xfe\xbf",
            // The name in the Huffman code.
            b"\x40\x84\xb9\x58\xd3\x3f\x02/#",
        ] {
            assert_eq!(
                inspected(&[headers(END_HEADERS, block)]),
                Err(Http2Mistake::Fragment),
                "{block:?}"
            );
        }
        let padded = b"\x02\x04\x02/#zz";
        assert_eq!(
            inspected(&[headers(END_HEADERS | PADDED, padded)]),
            Err(Http2Mistake::Fragment)
        );
        let prior = b"\0\0\0\0\x01\x04\x02/#";
        assert_eq!(
            inspected(&[headers(END_HEADERS | PRIORITY, prior)]),
            Err(Http2Mistake::Fragment)
        );
        let mut rest = headers(END_HEADERS, b"/#");
        rest[3] = CONTINUATION;
        assert_eq!(
            inspected(&[headers(0, b"\x04\x02"), rest]),
            Err(Http2Mistake::Fragment)
        );
    }

    #[test]
    fn the_dynamic_table_is_followed() {
        let learn = headers(END_HEADERS, b"\x40\x05:path\x02/a");
        let plain = headers(END_HEADERS, b"\xbe");
        assert_eq!(inspected(&[learn.clone(), plain]), Ok(()));
        let name_of_it = headers(END_HEADERS, b"\x0f\x2f\x02/#");
        assert_eq!(inspected(&[learn, name_of_it]), Err(Http2Mistake::Fragment));
        assert_eq!(
            inspected(&[headers(END_HEADERS, b"\xbe")]),
            Err(Http2Mistake::Block)
        );
    }

    #[test]
    fn it_knows_whether_a_head_is_unfinished() {
        let mut inspector = Inspector::default();
        let steps: [(&[u8], Option<u64>); 6] = [
            (&[b'x'; PREFACE_BYTES], None),
            (&[0, 0, 2, 4, 0, 0, 0, 0, 0], Some(0)),
            (&[9, 9, 0, 0, 1, HEADERS, 0, 0], Some(0)),
            (&[0, 0, 1, 0x82], Some(0)),
            (&[0, 0, 0, CONTINUATION, END_HEADERS, 0, 0, 0, 1], None),
            (&[0], Some(1)),
        ];
        assert_eq!(inspector.unfinished(), Some(0));
        for (bytes, unfinished) in steps {
            inspector.feed(bytes).unwrap();
            assert_eq!(inspector.unfinished(), unfinished, "{bytes:?}");
        }
    }

    #[test]
    fn other_requests_pass() {
        let block = b"\x82\x87\x84\x41\x01a\x00\x01x\x02/#";
        assert_eq!(inspected(&[headers(END_HEADERS, block)]), Ok(()));
        assert_eq!(
            inspected(&[headers(END_HEADERS, b"\x04\x7f")]),
            Err(Http2Mistake::Block)
        );
    }
}
