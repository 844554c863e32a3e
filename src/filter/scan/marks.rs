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
    let (words, _) = block.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    words
        .rev()
        .fold(0, |marks, word| marks << 8 | marks_of_word(word))
}

/// The same of eight bytes, the first of which are the lowest of `word`. No byte is carried into another.
#[inline(always)]
fn marks_of_word(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The high bit of a byte of these is not set where the byte is zero, or below a space.
    let some = |word: u64| ((word & !HIGHS) + !HIGHS) | word;
    let not_control = ((word & !HIGHS) + ONES * 0x60) | word;
    let quote = some(word ^ (ONES * u64::from(b'"')));
    let comma = some(word ^ (ONES * u64::from(b',')));
    let marked = !(not_control & quote & comma) & HIGHS;
    // Brings the high bits together: that of byte n is moved from 8n to 56 + n.
    (marked >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
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
