//! Log lines that stay lines wherever they are read. JSON escapes ASCII control characters; what some
//! readers take for the end of a line or a command to the terminal beyond ASCII (NEL, U+2028, C1
//! controls, bidirectional overrides) it leaves as it is. So everything beyond ASCII is escaped here.

use std::io::{self, Write};

/// Writes JSON text with everything but printable ASCII and the line end as `\u` escapes. Each call
/// must bring whole characters, as `tracing` does: a line is one call.
#[derive(Debug)]
pub(super) struct Ascii<W>(pub(super) W);

impl<W: Write> Write for Ascii<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        if text.bytes().all(is_plain) {
            self.0.write_all(text.as_bytes())?;
        } else {
            self.0.write_all(escaped(&text).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n')
}

/// Such characters stand only inside of JSON strings, where an escape means the same.
fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        if u8::try_from(character).is_ok_and(is_plain) {
            line.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_text_a_line_is_one_line_of_ascii_and_means_the_same() {
        let text = "a\n\r\u{1b}[31m\u{7f}\u{85}\u{9b}2J\u{2028}\u{2029}\u{202e}\u{1f4ee}\"\\";
        let mut line = Vec::new();
        let value = serde_json::json!({"cause": text});
        writeln!(Ascii(&mut line), "{value}").unwrap();
        let (last, before) = line.split_last().unwrap();
        assert_eq!(*last, b'\n');
        assert!(before.iter().all(|byte| matches!(byte, b' '..=b'~')));
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(read, value);
    }
}
