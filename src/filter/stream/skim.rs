//! Where a value ends, found while it arrives: only strings and brackets are told apart. What was
//! skimmed is read strictly afterwards; a skim that was led astray gives text which that refuses.

use crate::filter::text::plain_length;

/// How far into a value the reading is. It may stop and go on between any two bytes.
#[derive(Debug, Default)]
pub(super) struct Skimmer {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Skimmer {
    /// How many bytes of `input` go on with the value, and whether the byte behind them, a comma or a
    /// closing bracket outside of all others, ends it.
    pub(super) fn skim(&mut self, input: &[u8]) -> (usize, bool) {
        let mut position = 0;
        while let Some(&byte) = input.get(position) {
            if self.in_string {
                position += self.skim_string(input.get(position..).unwrap_or_default());
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b',' if self.depth == 0 => return (position, true),
                b'}' | b']' if self.depth == 0 => return (position, true),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            position += 1;
        }
        (position, false)
    }

    /// How many bytes were read of a string: to its end, past one special byte, or all.
    fn skim_string(&mut self, rest: &[u8]) -> usize {
        if self.escaped {
            self.escaped = false;
            return 1;
        }
        let plain = plain_length(rest);
        match rest.get(plain) {
            Some(b'"') => self.in_string = false,
            Some(b'\\') => self.escaped = true,
            Some(_) => {}
            None => return plain,
        }
        plain + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_at_the_first_comma_or_bracket_outside_of_it() {
        for (text, length) in [
            (r#"{"a":[1,2],"b":"},]\""},x"#, 23),
            ("12]", 2),
            (r#""\\",1"#, 4),
            ("[[],{}]}", 7),
        ] {
            assert_eq!(Skimmer::default().skim(text.as_bytes()), (length, true));
            // Byte by byte, it ends there too.
            let mut skimmer = Skimmer::default();
            let ends = |byte: &u8| skimmer.skim(std::slice::from_ref(byte)).1;
            assert_eq!(
                text.as_bytes().iter().position(ends),
                Some(length),
                "{text}"
            );
        }
    }
}
