//! Where the bytes stand that mean something in CSV: commas, quotes and control characters, tabs and ends
//! of lines among them. 64 bytes are looked at together, whatever they are, so that no byte costs a
//! branch.

const BLOCK_BYTES: usize = 64;

/// The marks of a text, from its beginning.
#[derive(Clone, Debug)]
pub(super) struct Marks<'a> {
    bytes: &'a [u8],
    /// Where the block begins that was looked at last, and its marks that are left, a bit each.
    block: usize,
    left: u64,
}

impl<'a> Marks<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            block: 0,
            left: marks(bytes),
        }
    }

    /// Takes the next mark: its place, or the end of the text where none is left.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        while self.left == 0 {
            match self.bytes.get(self.block + BLOCK_BYTES..) {
                None | Some([]) => return self.bytes.len(),
                Some(rest) => {
                    self.block += BLOCK_BYTES;
                    self.left = marks(rest);
                }
            }
        }
        let place = self.block + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        place
    }
}

/// The marks among the first 64 bytes.
#[inline(always)]
fn marks(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(block) => marks_of(block),
        None => {
            let mut block = [b' '; BLOCK_BYTES];
            block
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
            marks_of(&block)
        }
    }
}

#[inline(always)]
fn marks_of(block: &[u8; BLOCK_BYTES]) -> u64 {
    let marked = |byte: u8| u8::from((byte < b' ') | (byte == b'"') | (byte == b','));
    let marked = block.map(marked);
    // Eight ones and zeros are brought together in one byte: that of byte n is moved from 8n to 56 + n.
    let together =
        |ones: &[u8; 8]| u64::from_le_bytes(*ones).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    let (words, _) = marked.as_chunks();
    words
        .iter()
        .rev()
        .fold(0, |marks, ones| marks << 8 | together(ones))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<usize> {
        let mut marks = Marks::new(bytes);
        let places = std::iter::from_fn(|| Some(marks.next()).filter(|place| *place < bytes.len()));
        places.collect()
    }

    fn slowly(bytes: &[u8]) -> Vec<usize> {
        let marked = |byte: u8| byte == b',' || byte == b'"' || byte < b' ';
        let places = bytes.iter().enumerate().filter(|(_, byte)| marked(**byte));
        places.map(|(place, _)| place).collect()
    }

    #[test]
    fn sixty_four_bytes_at_a_time_finds_what_one_at_a_time_finds() {
        for byte in 0..=255u8 {
            for place in 0..20 {
                for behind in [b'a', b',', b'-', b'"', b'#', b'\t', 0x00, 0x1f, 0x80, 0xff] {
                    let mut bytes = [0x7f; 20];
                    bytes[place] = byte;
                    bytes[place + 1..].fill(behind);
                    assert_eq!(all(&bytes), slowly(&bytes), "{bytes:?}");
                }
            }
        }
        for length in 0..200 {
            let bytes: Vec<u8> = (0..length)
                .map(|one: usize| (one * 37 % 251) as u8)
                .collect();
            assert_eq!(all(&bytes), slowly(&bytes), "{length}");
            let mut marks = Marks::new(&bytes);
            (0..=length).for_each(|_| _ = marks.next());
            assert_eq!(marks.next(), length);
        }
    }
}
