//! Text of others, to be shown: on a terminal, in a cell of a table, on a page.

/// The text with every character that does not stand for itself on a terminal written as an escape.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || steers(letter) {
            safe.extend(letter.escape_unicode());
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// Line and paragraph separators, and marks that change the direction of writing (UAX #9).
pub fn steers(letter: char) -> bool {
    let marks = ['\u{200e}', '\u{200f}', '\u{061c}'];
    marks.contains(&letter)
        || ('\u{2028}'..='\u{202e}').contains(&letter)
        || ('\u{2066}'..='\u{2069}').contains(&letter)
}

/// The text with the characters that mean something in HTML, in text as in quoted attributes, written as
/// character references, and those that steer shown as in [`escaped`].
pub fn escaped_html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in escaped(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

/// A cell of CSV (RFC 4180): quoted, and never a formula, for spreadsheets run what begins with one of
/// these signs.
pub fn csv_cell(text: &str) -> String {
    let text = escaped(text);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shown_is_markup_or_a_formula() {
        let hostile = "<b a='1'>&amp;\"\u{202e}</b>";
        let safe = "&lt;b a=&#39;1&#39;&gt;&amp;amp;&quot;\\u{202e}&lt;/b&gt;";
        assert_eq!(escaped_html(hostile), safe);
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1"] {
            assert_eq!(csv_cell(formula), format!("\"'{formula}\""));
        }
        assert_eq!(csv_cell("a \"b\""), "\"a \"\"b\"\"\"");
        assert_eq!(csv_cell("\t=1"), "\"\\u{9}=1\"");
    }
}
