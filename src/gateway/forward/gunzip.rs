//! Undoing the one coding that a core may use unasked: gzip (RFC 1952), one member without optional
//! fields, while it arrives. What a few bytes become is bounded, and their checksum must be right.

use bytes::{Buf as _, Bytes};
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// A member begins with these: magic, deflate, no flags. Time, hint and system follow.
const BEGINNING: [u8; 4] = [0x1F, 0x8B, 8, 0];
const HEADER_BYTES: usize = 10;
/// CRC-32 and length, both little-endian.
const TRAILER_BYTES: usize = 8;
/// Most bytes given at once.
const PIECE_BYTES: usize = 64 << 10;
/// This much may come of anything.
const FREE_BYTES: u64 = 64 << 10;
/// Beyond it, one byte may become so many. Text of many like records stays below; bombs are near 1,000.
const RATIO_MAX: u64 = 100;

/// Why a body is not sound gzip: for the operator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotSound(pub(super) &'static str);

/// A member on its way.
pub(super) struct Gunzip {
    inflate: Decompress,
    checksum: Crc,
    part: Part,
    /// What was read of header or trailer.
    frame: Vec<u8>,
    coded_bytes: u64,
    bytes: u64,
}

impl std::fmt::Debug for Gunzip {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Gunzip")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Data,
    Trailer,
    End,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            checksum: Crc::new(),
            part: Part::Header,
            frame: Vec::new(),
            coded_bytes: 0,
            bytes: 0,
        }
    }

    /// Goes on with `coded`, which is shortened by what was read: the next bytes, or none where more
    /// must arrive first.
    pub(super) fn decode(&mut self, coded: &mut Bytes) -> Result<Bytes, NotSound> {
        if self.part == Part::Header && self.gather(coded, HEADER_BYTES) {
            if !self.frame.starts_with(&BEGINNING) {
                return Err(NotSound("it does not begin as a plain gzip member does"));
            }
            self.frame.clear();
            self.part = Part::Data;
        }
        if self.part == Part::Data {
            let piece = self.inflate(coded)?;
            if !piece.is_empty() {
                return Ok(piece);
            }
        }
        if self.part == Part::Trailer && self.gather(coded, TRAILER_BYTES) {
            self.check()?;
            self.part = Part::End;
        }
        if self.part == Part::End && !coded.is_empty() {
            return Err(NotSound("something follows its gzip member"));
        }
        Ok(Bytes::new())
    }

    /// The body has ended.
    pub(super) fn end(&self) -> Result<(), NotSound> {
        match self.part {
            Part::End => Ok(()),
            _ => Err(NotSound("its gzip member ends too early")),
        }
    }

    /// Reads header or trailer; whether all of it is there.
    fn gather(&mut self, coded: &mut Bytes, length: usize) -> bool {
        let missing = length.saturating_sub(self.frame.len());
        let read = coded.split_to(missing.min(coded.len()));
        self.coded_bytes += read.len() as u64;
        self.frame.extend_from_slice(&read);
        self.frame.len() == length
    }

    fn inflate(&mut self, coded: &mut Bytes) -> Result<Bytes, NotSound> {
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let mut piece = vec![0; PIECE_BYTES];
        let status = self
            .inflate
            .decompress(coded, &mut piece, FlushDecompress::None)
            .map_err(|_| NotSound("its gzip member is broken"))?;
        let read = self.inflate.total_in() - read;
        let written = self.inflate.total_out() - written;
        coded.advance(usize::try_from(read).unwrap_or(coded.len()));
        self.coded_bytes += read;
        self.bytes += written;
        if self.bytes > FREE_BYTES + RATIO_MAX * self.coded_bytes {
            return Err(NotSound("too little becomes too much of it"));
        }
        piece.truncate(usize::try_from(written).unwrap_or_default());
        self.checksum.update(&piece);
        if status == Status::StreamEnd {
            self.part = Part::Trailer;
        }
        Ok(piece.into())
    }

    fn check(&self) -> Result<(), NotSound> {
        let mut expected = self.checksum.sum().to_le_bytes().to_vec();
        // The length is kept modulo 2^32 (RFC 1952 section 2.3.1).
        let length = u32::try_from(self.bytes & u64::from(u32::MAX)).unwrap_or_default();
        expected.extend_from_slice(&length.to_le_bytes());
        if self.frame == expected {
            return Ok(());
        }
        Err(NotSound("the checksum of its gzip member is another"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn coded(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(coded: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
        let (mut gunzip, mut all) = (Gunzip::new(), Vec::new());
        for piece in coded.chunks(size) {
            let mut piece = Bytes::copy_from_slice(piece);
            loop {
                let given = gunzip.decode(&mut piece).map_err(|why| why.0)?;
                if given.is_empty() && piece.is_empty() {
                    break;
                }
                all.extend_from_slice(&given);
            }
        }
        gunzip.end().map_err(|why| why.0)?;
        Ok(all)
    }

    fn text(length: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefgh"[(state >> 29) as usize]
        };
        (0..length).map(&mut next).collect()
    }

    #[test]
    fn whatever_pieces_it_arrives_in_it_is_decoded_the_same() {
        for length in [0, 1, 1_000, 300_000] {
            let bytes = text(length);
            let coded = coded(&bytes);
            for size in [1, 7, 4_096, usize::MAX] {
                assert_eq!(decoded(&coded, size).as_deref(), Ok(bytes.as_slice()));
            }
        }
    }

    #[test]
    fn a_few_bytes_never_become_many() {
        let coded = coded(&vec![b'x'; 50 << 20]);
        assert!(coded.len() < 64 << 10);
        let refused = decoded(&coded, usize::MAX).unwrap_err();
        assert_eq!(refused, "too little becomes too much of it");
    }

    #[test]
    fn what_is_not_one_plain_sound_member_is_refused() {
        let sound = coded(b"a page");
        let twice = [sound.clone(), sound.clone()].concat();
        let trailing = [sound.as_slice(), b"x"].concat();
        let mut flipped = sound.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let mut checksum = sound.clone();
        let at = checksum.len() - 8;
        checksum[at] ^= 1;
        let mut named = sound.clone();
        named[3] = 8;
        for broken in [&twice, &trailing, &flipped, &checksum, &named] {
            for size in [1, usize::MAX] {
                assert!(decoded(broken, size).is_err());
            }
        }
        for end in 0..sound.len() {
            assert!(decoded(&sound[..end], usize::MAX).is_err());
        }
    }
}
