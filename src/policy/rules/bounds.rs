//! How deep and long a rule may be: what reads, checks and prints rules does so by recursion, and would
//! take the whole program with it. Looked at before any of them. Not here: what a rule says.

use std::sync::Arc;

use crate::mistakes::{Mistakes, Source, Span};

/// Most brackets that stand in one another.
const BRACKETS_MAX: usize = 32;
/// Most operators of one rule, by their characters, an `if` as two: each may be one level deeper.
const OPERATORS_MAX: usize = 400;

/// Whether no rule of the file is too deep or too long; the first that is becomes a mistake.
pub(super) fn check(source: &Arc<Source>, mistakes: &mut Mistakes) -> bool {
    let (mut brackets, mut operators) = (0_usize, 0_usize);
    let mut in_word = false;
    let text = source.text();
    let mut letters = text.char_indices();
    while let Some((offset, letter)) = letters.next() {
        let rest = text.get(offset..).unwrap_or_default();
        match letter {
            '"' => skip_text(&mut letters),
            '/' if rest.starts_with("//") => {
                letters.by_ref().find(|(_, letter)| *letter == '\n');
            }
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            '&' | '|' | '+' | '-' | '*' | '.' | '=' | '<' | '>' | '!' => operators += 1,
            'i' if !in_word && is_if(rest) => operators += 2,
            ';' => operators = 0,
            _ => {}
        }
        in_word = letter.is_alphanumeric() || letter == '_';
        if brackets > BRACKETS_MAX || operators > OPERATORS_MAX {
            let message = format!(
                "a rule has at most {BRACKETS_MAX} brackets in one another and {OPERATORS_MAX} \
                 characters of operators: write it as several rules"
            );
            mistakes.add(source, Span { offset, length: 1 }, message);
            return false;
        }
    }
    true
}

/// To the end of a text in quotes.
fn skip_text(letters: &mut std::str::CharIndices<'_>) {
    while let Some((_, letter)) = letters.next() {
        match letter {
            '"' => return,
            '\\' => {
                letters.next();
            }
            _ => {}
        }
    }
}

fn is_if(rest: &str) -> bool {
    let after = rest.strip_prefix("if");
    let goes_on = |next: char| next.is_alphanumeric() || next == '_';
    after.is_some_and(|after| !after.starts_with(goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(text: &str) -> bool {
        let mut mistakes = Mistakes::new();
        let fits = check(&Source::new("promises.cedar", text), &mut mistakes);
        assert_eq!(fits, mistakes.is_empty());
        fits
    }

    #[test]
    fn what_would_overflow_the_stack_is_a_mistake_and_what_only_looks_like_it_is_none() {
        let when =
            |what: &str| format!("permit (principal, action, resource) when {{ {what} }};\n");
        for deep in [
            when(&format!("{}true{}", "(".repeat(50_000), ")".repeat(50_000))),
            when(&format!("{}true", "context.own && ".repeat(20_000))),
            when(&format!("{}1 == 1", "1+".repeat(20_000))),
            when(&format!("{}true", "if true then true else ".repeat(20_000))),
            format!(
                "type T = {}Long{};",
                "Set<".repeat(20_000),
                ">".repeat(20_000)
            ),
        ] {
            assert!(!fits(&deep));
        }
        assert!(fits(&when("context.own").repeat(1_000)));
        assert!(fits(&format!("// {}\n", "(&&".repeat(1_000))));
        let text = format!("@sentence(\"{}\\\"((\")\n", "(if && ".repeat(1_000));
        assert!(fits(&(text + &when("true"))));
        for name in ["promises.cedar", "schema.cedarschema"] {
            let shipped = std::fs::read_to_string(format!("policies/{name}")).unwrap();
            assert!(fits(&shipped), "{name}");
        }
    }
}
