//! HPACK (RFC 7541), read only: as much of it as finding a field needs.

use std::collections::VecDeque;
use std::sync::LazyLock;

/// `SETTINGS_HEADER_TABLE_SIZE`, which this gateway leaves at its initial value.
const TABLE_BYTES_MAX: usize = 4096;
/// Bytes that an entry counts beside its name and value (section 4.1).
const ENTRY_OVERHEAD_BYTES: usize = 32;
/// Longest Huffman code, in bits.
const CODE_BITS_MAX: usize = 30;

/// Decodes the header blocks of one connection, in order.
#[derive(Debug)]
pub(super) struct Decoder {
    entries: VecDeque<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
    bytes_max: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            bytes_max: TABLE_BYTES_MAX,
        }
    }
}

impl Decoder {
    /// Shows each literal field of a block to `see`. Fields that are an index and nothing else are not
    /// shown: they are static, or were shown when they entered the table. None if it is not HPACK.
    pub(super) fn decode(
        &mut self,
        mut block: &[u8],
        mut see: impl FnMut(&[u8], &[u8]),
    ) -> Option<()> {
        while let Some(&first) = block.first() {
            if first & 0x80 != 0 {
                let index = integer(&mut block, 7)?;
                self.name(index)?;
                continue;
            }
            if first & 0xe0 == 0x20 {
                self.bytes_max = integer(&mut block, 5).filter(|size| *size <= TABLE_BYTES_MAX)?;
                self.evict();
                continue;
            }
            let is_indexed = first & 0xc0 == 0x40;
            let index = integer(&mut block, if is_indexed { 6 } else { 4 })?;
            let name = match index {
                0 => string(&mut block)?,
                index => self.name(index)?.to_vec(),
            };
            let value = string(&mut block)?;
            see(&name, &value);
            if is_indexed {
                self.bytes += name.len() + value.len() + ENTRY_OVERHEAD_BYTES;
                self.entries.push_front((name, value));
                self.evict();
            }
        }
        Some(())
    }

    fn name(&self, index: usize) -> Option<&[u8]> {
        let index = index.checked_sub(1)?;
        match index.checked_sub(STATIC_NAMES.len()) {
            None => STATIC_NAMES.get(index).copied(),
            Some(dynamic) => self.entries.get(dynamic).map(|(name, _)| name.as_slice()),
        }
    }

    fn evict(&mut self) {
        while self.bytes > self.bytes_max {
            let Some((name, value)) = self.entries.pop_back() else {
                return;
            };
            self.bytes -= name.len() + value.len() + ENTRY_OVERHEAD_BYTES;
        }
    }
}

/// An integer with a prefix of so many bits (section 5.1).
fn integer(block: &mut &[u8], prefix_bits: u32) -> Option<usize> {
    let (first, rest) = block.split_first()?;
    *block = rest;
    let most = (1 << prefix_bits) - 1;
    let mut number = usize::from(*first) & most;
    if number < most {
        return Some(number);
    }
    for shift in [0, 7, 14, 21] {
        let (byte, rest) = block.split_first()?;
        *block = rest;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A string, Huffman-coded or not (section 5.2).
fn string(block: &mut &[u8]) -> Option<Vec<u8>> {
    let is_coded = block.first()? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    if is_coded {
        HUFFMAN.decode(text)
    } else {
        Some(text.to_vec())
    }
}

/// The code of appendix B. It is canonical: codes of one length are consecutive, in the order of their
/// symbols, so the lengths say it all.
struct Huffman {
    /// For each length: the first code, and where its symbols begin.
    first: [(u32, usize); CODE_BITS_MAX + 1],
    /// For each length: how many codes.
    count: [u32; CODE_BITS_MAX + 1],
    symbols: Vec<u8>,
}

static HUFFMAN: LazyLock<Huffman> = LazyLock::new(|| {
    let mut huffman = Huffman {
        first: [(0, 0); CODE_BITS_MAX + 1],
        count: [0; CODE_BITS_MAX + 1],
        symbols: Vec::with_capacity(CODE_LENGTHS.len()),
    };
    let mut code = 0;
    let lengths = huffman.first.iter_mut().zip(&mut huffman.count).enumerate();
    for (length, (first, count)) in lengths {
        code <<= 1;
        *first = (code, huffman.symbols.len());
        for (symbol, _) in (0..=u8::MAX)
            .zip(CODE_LENGTHS)
            .filter(|(_, bits)| usize::from(*bits) == length)
        {
            huffman.symbols.push(symbol);
            *count += 1;
            code += 1;
        }
    }
    huffman
});

impl Huffman {
    fn decode(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(bytes.len() * 2);
        let (mut code, mut length) = (0, 0);
        for bit in bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1))
        {
            code = code << 1 | u32::from(bit);
            length += 1;
            let (first, start) = *self.first.get(length)?;
            let offset = code.wrapping_sub(first);
            if offset < *self.count.get(length)? {
                text.push(*self.symbols.get(start + offset as usize)?);
                (code, length) = (0, 0);
            }
        }
        // What is left is padding: under eight bits, all of them ones.
        (length < 8 && code == (1 << length) - 1).then_some(text)
    }
}

/// Bits of the code of each octet (appendix B; the end-of-string symbol has 30).
const CODE_LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// Names of the static table (appendix A), from index 1.
const STATIC_NAMES: [&[u8]; 61] = [
    b":authority",
    b":method",
    b":method",
    b":path",
    b":path",
    b":scheme",
    b":scheme",
    b":status",
    b":status",
    b":status",
    b":status",
    b":status",
    b":status",
    b":status",
    b"accept-charset",
    b"accept-encoding",
    b"accept-language",
    b"accept-ranges",
    b"accept",
    b"access-control-allow-origin",
    b"age",
    b"allow",
    b"authorization",
    b"cache-control",
    b"content-disposition",
    b"content-encoding",
    b"content-language",
    b"content-length",
    b"content-location",
    b"content-range",
    b"content-type",
    b"cookie",
    b"date",
    b"etag",
    b"expect",
    b"expires",
    b"from",
    b"host",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"last-modified",
    b"link",
    b"location",
    b"max-forwards",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"range",
    b"referer",
    b"refresh",
    b"retry-after",
    b"server",
    b"set-cookie",
    b"strict-transport-security",
    b"transfer-encoding",
    b"user-agent",
    b"vary",
    b"via",
    b"www-authenticate",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_decode() {
        // RFC 7541 appendix C.4.1 and C.4.3: Huffman-coded, with the table carried over.
        let mut decoder = Decoder::default();
        let mut seen = Vec::new();
        let mut see = |name: &[u8], value: &[u8]| {
            seen.push(format!(
                "{}: {}",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            ));
        };
        let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        let second = b"\x82\x87\x85\xbe\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
        assert_eq!(decoder.decode(first, &mut see), Some(()));
        assert_eq!(decoder.decode(second, &mut see), Some(()));
        assert_eq!(
            seen,
            [":authority: www.example.com", "custom-key: custom-value"]
        );
        assert_eq!(decoder.bytes, 57 + 54);
    }

    #[test]
    fn an_entry_that_does_not_fit_empties_the_table() {
        let mut decoder = Decoder::default();
        decoder
            .decode(b"\x40\x01a\x01b", |_, _| {})
            .expect("decoded");
        assert_eq!(decoder.entries.len(), 1);
        decoder.decode(b"\x20", |_, _| {}).expect("decoded");
        assert!(decoder.entries.is_empty());
        assert_eq!(decoder.bytes, 0);
        assert_eq!(decoder.decode(b"\x3f\xff\x1f", |_, _| {}), None);
        assert_eq!(decoder.decode(b"\x80", |_, _| {}), None);
    }
}
