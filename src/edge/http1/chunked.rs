//! The chunked transfer coding (RFC 9112 section 7.1), read strictly. Extensions are read and dropped,
//! trailers are checked and dropped: nobody behind this reader would use them, and both have carried
//! requests past proxies.

use super::line::{Line, LineMistake, field};

/// Bytes of one chunk-size line, extensions included, at most.
const SIZE_LINE_BYTES_MAX: usize = 256;
/// Bytes of all extensions of a body at most, so that framing cannot outweigh the body.
const EXTENSION_BYTES_MAX: usize = 4096;
/// Bytes of all trailer lines at most.
const TRAILER_BYTES_MAX: usize = 4096;
/// Hexadecimal digits of a chunk size at most: a chunk is under 4 GiB.
const SIZE_DIGITS_MAX: usize = 8;

/// Why bytes are not a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChunkMistake {
    #[error("a chunk size line cannot be read: {0}")]
    Line(#[from] LineMistake),
    #[error("a chunk size is not a plain hexadecimal number")]
    Size,
    #[error("the chunk extensions are too long")]
    Extension,
    #[error("a chunk is not followed by CR LF")]
    End,
    #[error("a trailer is malformed or too long")]
    Trailer,
}

/// What the bytes just taken were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Framing, which is dropped.
    Framing,
    /// Bytes of the body.
    Data,
    /// The end of the body.
    End,
}

/// Reads one chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    line: Line,
    body_bytes: u64,
    extension_bytes: usize,
    trailer_bytes: usize,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
}

impl Chunked {
    /// Takes some of the bytes. Returns how many, and what they were.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Step), ChunkMistake> {
        match self.state {
            State::Size => self.feed_size(bytes),
            State::Data(left) => {
                let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let left = left.saturating_sub(taken as u64);
                self.state = if left == 0 {
                    State::DataEnd
                } else {
                    State::Data(left)
                };
                Ok((taken, Step::Data))
            }
            State::DataEnd => {
                let (taken, whole) = self.line.feed(bytes, 0).map_err(|_| ChunkMistake::End)?;
                if whole {
                    self.line.take();
                    self.state = State::Size;
                }
                Ok((taken, Step::Framing))
            }
            State::Trailer => self.feed_trailer(bytes),
        }
    }

    /// Bytes of the body, counted when a chunk is announced, not when it has come.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    fn feed_size(&mut self, bytes: &[u8]) -> Result<(usize, Step), ChunkMistake> {
        let (taken, whole) = self.line.feed(bytes, SIZE_LINE_BYTES_MAX)?;
        if !whole {
            return Ok((taken, Step::Framing));
        }
        let line = self.line.take();
        let digits = memchr::memchr(b';', &line).unwrap_or(line.len());
        self.extension_bytes += line.len() - digits;
        if self.extension_bytes > EXTENSION_BYTES_MAX {
            return Err(ChunkMistake::Extension);
        }
        let size = line
            .get(..digits)
            .and_then(size)
            .ok_or(ChunkMistake::Size)?;
        self.body_bytes = self.body_bytes.saturating_add(size);
        self.state = if size == 0 {
            State::Trailer
        } else {
            State::Data(size)
        };
        Ok((taken, Step::Framing))
    }

    fn feed_trailer(&mut self, bytes: &[u8]) -> Result<(usize, Step), ChunkMistake> {
        let left = TRAILER_BYTES_MAX.saturating_sub(self.trailer_bytes);
        let (taken, whole) = self
            .line
            .feed(bytes, left)
            .map_err(|_| ChunkMistake::Trailer)?;
        if !whole {
            return Ok((taken, Step::Framing));
        }
        let line = self.line.take();
        if line.is_empty() {
            return Ok((taken, Step::End));
        }
        self.trailer_bytes += line.len();
        field(&line).ok_or(ChunkMistake::Trailer)?;
        Ok((taken, Step::Framing))
    }
}

fn size(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty()
        && digits.len() <= SIZE_DIGITS_MAX
        && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> Result<(Vec<u8>, bool), ChunkMistake> {
        let (mut chunked, mut body) = (Chunked::default(), Vec::new());
        while !bytes.is_empty() {
            let (taken, step) = chunked.feed(bytes)?;
            if step == Step::Data {
                body.extend_from_slice(&bytes[..taken]);
            }
            if step == Step::End {
                return Ok((body, true));
            }
            bytes = &bytes[taken..];
        }
        Ok((body, false))
    }

    #[test]
    fn a_chunked_body_is_read_and_its_extensions_and_trailers_dropped() {
        let bytes = b"3\r\nabc\r\n02;x=\"y z\"\r\nde\r\n0\r\nx-sum: 1\r\n\r\n";
        assert_eq!(read(bytes), Ok((b"abcde".to_vec(), true)));
        assert_eq!(read(b"3\r\nab"), Ok((b"ab".to_vec(), false)));
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [
            &b"\r\nabc"[..],
            b"3\nabc\r\n",
            b"3\r\nabcd\r\n",
            b"3\r\nabc\n",
            b"0x3\r\nabc\r\n",
            b"+3\r\nabc",
            b"-1\r\n",
            b" 3\r\nabc",
            b"3 \r\nabc",
            b"3_0\r\n",
            b"g\r\n",
            b"000000003\r\nabc",
            b"ffffffffffffffff1\r\n",
            b"3;a\nb\r\nabc",
            b"3;a\0\r\nabc",
            b"3;a\rb\r\nabc",
            b"3\r\nabc\r\r\n",
            b"0\r\nbad\r\n\r\n",
            b"0\r\na : b\r\n\r\n",
            b"0\r\n\n",
            b"0\r\n fold\r\n",
            b"3\rabc",
        ] {
            assert!(read(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
        let extensions = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(200);
        assert_eq!(read(extensions.as_bytes()), Err(ChunkMistake::Extension));
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(2000));
        assert_eq!(read(trailers.as_bytes()), Err(ChunkMistake::Trailer));
    }
}
