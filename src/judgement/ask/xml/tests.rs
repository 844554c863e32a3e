//! The reader beside a published one, and what it writes.

use proptest::prelude::*;

use super::*;

/// The same tree by another reader: its texts without comments, its names as they are.
fn theirs(text: &str) -> Option<Element> {
    let document = roxmltree::Document::parse(text).ok()?;
    Some(convert(document.root_element()))
}

fn convert(node: roxmltree::Node<'_, '_>) -> Element {
    let elements: Vec<Element> = node
        .children()
        .filter(roxmltree::Node::is_element)
        .map(convert)
        .collect();
    let texts = node.children().filter(roxmltree::Node::is_text);
    let text: String = texts.filter_map(|text| text.text()).collect();
    Element {
        name: node.tag_name().name().to_owned(),
        attributes: node
            .attributes()
            .map(|one| (one.name().to_owned(), one.value().to_owned()))
            .collect(),
        text: if elements.is_empty() {
            text
        } else {
            String::new()
        },
        elements,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_accepted_means_the_same_to_another_reader(pieces in proptest::collection::vec(
        prop_oneof![
            3 => Just("<a>"), 3 => Just("</a>"), 1 => Just("<b/>"), 1 => Just("<b c='d'/>"),
            1 => Just("<b c=\"&#10;&lt;\td\n\"/>"), 1 => Just("<b c='1' c='2'/>"),
            1 => Just("x"), 1 => Just(" "), 1 => Just("&amp;"), 1 => Just("&#x41;"), 1 => Just("&e;"),
            1 => Just("&#13;"), 1 => Just("\r\n"), 1 => Just("<![CDATA[<&]]>"), 1 => Just("]]>"),
            1 => Just("<!-- c -->"), 1 => Just("<!-- -- -->"), 1 => Just("<?p i?>"), 1 => Just("<n:b/>"),
            1 => Just("<!DOCTYPE a>"), 1 => Just("é"), 1 => Just("\u{1}"), 1 => Just("<b c=d/>"),
            1 => Just("<b c='<'/>"), 1 => Just("<b c='1'd='2'/>"), 1 => Just("<b  c = '1' />"),
        ], 0..9)
    ) {
        let text = format!("<r>{}</r>", pieces.concat());
        if let Ok(element) = parse(text.as_bytes()) {
            prop_assert_eq!(Some(element.clone()), theirs(&text), "{}", text);
            let written = write(&element);
            prop_assert_eq!(parse(written.as_bytes()), Ok(element.clone()));
            prop_assert_eq!(theirs(&written), Some(element));
        }
    }

    #[test]
    fn any_text_comes_back_as_it_was(text in any::<String>(), value in any::<String>()) {
        let clean = |text: String| text.chars().filter(|one| is_character(*one)).collect::<String>();
        let element = Element {
            name: "r".to_owned(),
            attributes: vec![("a".to_owned(), clean(value))],
            text: clean(text),
            elements: Vec::new(),
        };
        let written = write(&element);
        prop_assert_eq!(parse(written.as_bytes()), Ok(element.clone()));
        prop_assert_eq!(theirs(&written), Some(element));
    }
}

#[test]
fn there_is_a_limit_to_everything() {
    let nested = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(parse(nested(LEVELS_MAX).as_bytes()).is_ok());
    assert_eq!(
        parse(nested(LEVELS_MAX + 1).as_bytes()),
        Err(Mistake::TooLarge)
    );
    let wide = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
    assert!(parse(wide(ELEMENTS_MAX - 1).as_bytes()).is_ok());
    assert_eq!(parse(wide(ELEMENTS_MAX).as_bytes()), Err(Mistake::TooLarge));
    let attributes = |count: usize| {
        let all: String = (0..count).map(|number| format!(" a{number}=''")).collect();
        format!("<a{all}/>")
    };
    assert!(parse(attributes(ATTRIBUTES_MAX).as_bytes()).is_ok());
    assert_eq!(
        parse(attributes(ATTRIBUTES_MAX + 1).as_bytes()),
        Err(Mistake::TooLarge)
    );
}
