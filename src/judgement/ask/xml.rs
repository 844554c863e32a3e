//! A body in XML 1.0: one strict reading without document types, processing instructions, entities of
//! its own or namespaces; its members by the catalogue's names; and the same elements written anew,
//! without comments, CDATA sections or references that need not be.

use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::hold::{misshapen, unknown};
use super::sent::Sent;
use crate::catalogue::{Expected, ExpectedKind, ExpectedMember, ExpectedMembers};
use crate::refusal::{Code, Refusal};

/// Deepest nesting of elements.
const LEVELS_MAX: usize = 64;
/// Most elements of one body.
const ELEMENTS_MAX: usize = 200_000;
/// Most attributes of one element.
const ATTRIBUTES_MAX: usize = 64;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    /// In elements that hold elements, nothing.
    text: String,
    elements: Vec<Element>,
}

/// Why a body has no one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// It is no well-formed document.
    IllFormed,
    /// It is not UTF-8, or says that it is something else, or begins with a byte order mark.
    Encoding,
    /// A document type, a processing instruction, or an entity beyond the five that XML has.
    Entity,
    /// A name with a prefix, a namespace, or one that XML reserves.
    Name,
    /// Text beside elements.
    Mixed,
    /// Nested too deep, or too many elements or attributes.
    TooLarge,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::IllFormed => "it is not one well-formed document",
            Self::Encoding => "it is not plain UTF-8",
            Self::Entity => {
                "it has a document type, a processing instruction or an entity of its own"
            }
            Self::Name => "a name has a prefix or namespace, or is none",
            Self::Mixed => "it has text beside elements",
            Self::TooLarge => "it is nested too deep, or has too many elements",
        })
    }
}

/// The refusal for it.
pub(super) fn refusal(mistake: Mistake) -> Box<Refusal> {
    Refusal::new(
        Code::RequestMalformed,
        format!("The body is not acceptable XML: {mistake}."),
        "Send one plain XML document in UTF-8.",
    )
    .into()
}

/// Takes a body apart: its outermost element.
pub(super) fn parse(body: &[u8]) -> Result<Element, Mistake> {
    let text = std::str::from_utf8(body).map_err(|_| Mistake::Encoding)?;
    if text.starts_with('\u{feff}') {
        return Err(Mistake::Encoding);
    }
    if !text.chars().all(is_character) {
        return Err(Mistake::IllFormed);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut building = Building::default();
    let mut first = true;
    loop {
        match reader.read_event().map_err(|_| Mistake::IllFormed)? {
            Event::Start(start) => building.open(&start)?,
            Event::Empty(start) => {
                building.open(&start)?;
                building.close()?;
            }
            Event::End(_) => building.close()?,
            Event::Text(text) => building.text(&text.xml10_content())?,
            Event::CData(text) => building.cdata(&text.xml10_content())?,
            Event::GeneralRef(reference) => building.letter(resolve(&reference)?)?,
            Event::Comment(_) => {}
            Event::Decl(declaration) if first => check_declaration(&declaration)?,
            Event::Decl(_) => return Err(Mistake::IllFormed),
            Event::DocType(_) | Event::PI(_) => return Err(Mistake::Entity),
            Event::Eof => return building.root(),
        }
        first = false;
    }
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), Mistake> {
    let version = declaration.version().map_err(|_| Mistake::IllFormed)?;
    let encoding = declaration.encoding().transpose();
    let encoding = encoding.map_err(|_| Mistake::IllFormed)?;
    if version != "1.0" || encoding.is_some_and(|one| !one.eq_ignore_ascii_case("utf-8")) {
        return Err(Mistake::Encoding);
    }
    Ok(())
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, Mistake> {
    let numeric = reference.resolve_char_ref();
    if let Some(letter) = numeric.map_err(|_| Mistake::IllFormed)? {
        return Some(letter)
            .filter(|one| is_character(*one))
            .ok_or(Mistake::IllFormed);
    }
    match &*reference.xml10_content() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(Mistake::Entity),
    }
}

/// `Char` of XML 1.0 (section 2.2).
fn is_character(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A name without a colon that XML does not reserve (section 2.3; narrower in rare letters).
fn is_name(name: &str) -> bool {
    let begins = |first: char| first.is_alphabetic() || first == '_';
    let of_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let reserved = name
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("xml"));
    name.starts_with(begins) && name.chars().all(of_name) && !reserved
}

/// Whether white space stands behind every quoted value but the last (section 3.1), which `quick_xml`
/// does not ask for.
fn are_apart(attributes: &str) -> bool {
    let mut quote = None;
    let mut closed = false;
    for letter in attributes.chars() {
        if closed && !is_space(letter) {
            return false;
        }
        closed = quote == Some(letter);
        quote = match quote {
            Some(open) if open == letter => None,
            None if matches!(letter, '"' | '\'') => Some(letter),
            other => other,
        };
    }
    true
}

/// The elements that are open, outermost first, and the one that is whole.
#[derive(Default)]
struct Building {
    open: Vec<Element>,
    whole: Option<Element>,
    count: usize,
}

impl Building {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), Mistake> {
        self.count += 1;
        if self.open.len() == LEVELS_MAX || self.count > ELEMENTS_MAX {
            return Err(Mistake::TooLarge);
        }
        if self.whole.is_some() {
            return Err(Mistake::IllFormed);
        }
        let name = start.name();
        let name: &str = name.as_ref();
        if !is_name(name) {
            return Err(Mistake::Name);
        }
        let mut element = Element {
            name: name.to_owned(),
            ..Element::default()
        };
        if !are_apart(start.attributes_raw()) {
            return Err(Mistake::IllFormed);
        }
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| Mistake::IllFormed)?;
            let key: &str = attribute.key.as_ref();
            if !is_name(key) {
                return Err(Mistake::Name);
            }
            if attribute.value.contains('<') {
                return Err(Mistake::IllFormed);
            }
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value = value.map_err(|_| Mistake::Entity)?;
            if element.attributes.len() == ATTRIBUTES_MAX {
                return Err(Mistake::TooLarge);
            }
            if !value.chars().all(is_character) {
                return Err(Mistake::IllFormed);
            }
            element
                .attributes
                .push((key.to_owned(), value.into_owned()));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Mistake> {
        let mut element = self.open.pop().ok_or(Mistake::IllFormed)?;
        if !element.elements.is_empty() {
            if !element.text.chars().all(is_space) {
                return Err(Mistake::Mixed);
            }
            element.text.clear();
        }
        match self.open.last_mut() {
            Some(outer) => outer.elements.push(element),
            None => self.whole = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Mistake> {
        match self.open.last_mut() {
            _ if text.contains("]]>") => return Err(Mistake::IllFormed),
            Some(element) => element.text.push_str(text),
            None if text.chars().all(is_space) => {}
            None => return Err(Mistake::IllFormed),
        }
        Ok(())
    }

    fn cdata(&mut self, text: &str) -> Result<(), Mistake> {
        let element = self.open.last_mut().ok_or(Mistake::IllFormed)?;
        element.text.push_str(text);
        Ok(())
    }

    fn letter(&mut self, letter: char) -> Result<(), Mistake> {
        let element = self.open.last_mut().ok_or(Mistake::IllFormed)?;
        element.text.push(letter);
        Ok(())
    }

    fn root(self) -> Result<Element, Mistake> {
        let whole = self.whole.filter(|_| self.open.is_empty());
        whole.ok_or(Mistake::IllFormed)
    }
}

/// White space of XML (section 2.3).
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

/// The members that a document has by the catalogue's names.
///
/// # Errors
/// `request-malformed` for elements and attributes that are not of the operation.
pub(super) fn fields(
    element: &Element,
    root: &str,
    expected: &Expected,
) -> Result<Sent, Box<Refusal>> {
    if element.name != root {
        let refusal = Refusal::new(
            Code::RequestMalformed,
            "The outermost element is not that of this operation.",
            format!("Send one `{root}` element."),
        );
        return Err(refusal.into());
    }
    value(element, expected)
}

fn value(element: &Element, expected: &Expected) -> Result<Sent, Box<Refusal>> {
    match &expected.kind {
        ExpectedKind::Members(expected) => members(element, expected),
        ExpectedKind::ScalarOr(expected) if !is_scalar(element) => members(element, expected),
        ExpectedKind::Scalar | ExpectedKind::ScalarOr(_) if is_scalar(element) => {
            Ok(Sent::Text(element.text.clone()))
        }
        // What is not as the catalogue has it is for whoever holds the members against it.
        ExpectedKind::Scalar | ExpectedKind::ScalarOr(_) | ExpectedKind::Any => Ok(open(element)),
        ExpectedKind::List(_) | ExpectedKind::File { .. } => Err(misshapen(&element.name).into()),
    }
}

fn is_scalar(element: &Element) -> bool {
    element.elements.is_empty() && element.attributes.is_empty()
}

fn members(element: &Element, expected: &ExpectedMembers) -> Result<Sent, Box<Refusal>> {
    if !element.text.chars().all(is_space) {
        return Err(misshapen(&element.name).into());
    }
    let mut members: Vec<(String, Sent)> = Vec::new();
    // Apart, as there may be so many that looking through them for each other member would take long.
    let mut others: Vec<(String, Sent)> = Vec::new();
    for (name, text) in &element.attributes {
        let text = Sent::Text(text.clone());
        match find(expected, name, true)? {
            Some(member) => add(&mut members, &member.name, text)?,
            None => others.push((name.clone(), text)),
        }
    }
    for below in &element.elements {
        let Some(member) = find(expected, &below.name, false)? else {
            let other = expected.others.as_deref();
            let sent = other.map_or_else(|| Ok(open(below)), |other| value(below, other))?;
            others.push((below.name.clone(), sent));
            continue;
        };
        match &member.value.kind {
            ExpectedKind::List(list) => match &list.wrapped {
                None => {
                    let item = value(below, &list.item)?;
                    add_item(&mut members, &member.name, item)?;
                }
                Some(name) => {
                    let items = items(below, name, &list.item)?;
                    add(&mut members, &member.name, Sent::List(items))?;
                }
            },
            _ => {
                let sent = value(below, &member.value)?;
                add(&mut members, &member.name, sent)?;
            }
        }
    }
    members.extend(others);
    Ok(Sent::Members(members))
}

/// The member of that name in XML. A name that is one of the catalogue's in another way (as an
/// attribute instead of an element, or by the member's name in JSON) is no other member's.
fn find<'a>(
    expected: &'a ExpectedMembers,
    name: &str,
    attribute: bool,
) -> Result<Option<&'a ExpectedMember>, Box<Refusal>> {
    let named = |one: &&ExpectedMember| *one.xml_name == *name && one.attribute == attribute;
    if let Some(member) = expected.named.iter().find(named) {
        return Ok(Some(member));
    }
    let nearly = |one: &ExpectedMember| *one.xml_name == *name || *one.name == *name;
    if expected.others.is_none() || expected.named.iter().any(nearly) {
        return Err(unknown(name, expected).into());
    }
    Ok(None)
}

/// Adds a member that may be there once.
fn add(members: &mut Vec<(String, Sent)>, name: &str, sent: Sent) -> Result<(), Box<Refusal>> {
    if members.iter().any(|(other, _)| other == name) {
        return Err(misshapen(name).into());
    }
    members.push((name.to_owned(), sent));
    Ok(())
}

/// Adds one of the elements that stand side by side.
fn add_item(members: &mut Vec<(String, Sent)>, name: &str, item: Sent) -> Result<(), Box<Refusal>> {
    match members.iter_mut().find(|(other, _)| other == name) {
        None => members.push((name.to_owned(), Sent::List(vec![item]))),
        Some((_, Sent::List(items))) => items.push(item),
        Some(_) => return Err(misshapen(name).into()),
    }
    Ok(())
}

fn items(element: &Element, name: &str, item: &Expected) -> Result<Vec<Sent>, Box<Refusal>> {
    let plain = element.attributes.is_empty() && element.text.chars().all(is_space);
    if !plain || element.elements.iter().any(|below| below.name != name) {
        return Err(misshapen(&element.name).into());
    }
    let elements = element.elements.iter();
    elements.map(|below| value(below, item)).collect()
}

/// An element that the catalogue says nothing about.
fn open(element: &Element) -> Sent {
    if element.elements.is_empty() && element.attributes.is_empty() {
        return Sent::Text(element.text.clone());
    }
    let attributes = element.attributes.iter();
    let attributes = attributes.map(|(name, text)| (name.clone(), Sent::Text(text.clone())));
    let elements = element.elements.iter();
    let elements = elements.map(|below| (below.name.clone(), open(below)));
    Sent::Members(attributes.chain(elements).collect())
}

/// The document in its only spelling.
pub(super) fn write(root: &Element) -> String {
    let mut written = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    write_element(root, &mut written);
    written
}

fn write_element(element: &Element, written: &mut String) {
    written.push('<');
    written.push_str(&element.name);
    for (name, value) in &element.attributes {
        written.push(' ');
        written.push_str(name);
        written.push_str("=\"");
        escape(value, true, written);
        written.push('"');
    }
    written.push('>');
    escape(&element.text, false, written);
    for below in &element.elements {
        write_element(below, written);
    }
    written.push_str("</");
    written.push_str(&element.name);
    written.push('>');
}

fn escape(text: &str, attribute: bool, written: &mut String) {
    for letter in text.chars() {
        match letter {
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '&' => written.push_str("&amp;"),
            '"' => written.push_str("&quot;"),
            '\r' => written.push_str("&#13;"),
            '\n' if attribute => written.push_str("&#10;"),
            '\t' if attribute => written.push_str("&#9;"),
            plain => written.push(plain),
        }
    }
}

#[cfg(test)]
mod tests;
