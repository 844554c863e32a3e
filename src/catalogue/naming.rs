//! What the members of an answer are called where it is not JSON: elements and attributes by the `xml`
//! of their schemas (OpenAPI 3.0.4 section 4.8.26), columns by the names of the properties.
//!
//! A prefix stands for one namespace throughout an answer, and only the outermost element gives the
//! names without prefix one: whatever needs more than that is not understood here.

use std::sync::Arc;

use super::document::Part;
use super::operation::Format;
use super::reading::{Reading, Unusable};
use super::schema::{Kind, Schema};
use super::shape::{Member, Namespace, Node, ObjectNode};

/// What a member is called in an answer.
#[derive(Debug)]
pub(super) struct Name {
    /// With its prefix.
    text: String,
    /// Whether it is an attribute of the element around it.
    pub(super) attribute: bool,
}

/// The names of one answer.
pub(super) struct Naming {
    format: Format,
    namespaces: Vec<Namespace>,
    /// Prefixes that names have.
    prefixes: Vec<Arc<str>>,
}

impl Naming {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            namespaces: Vec::new(),
            prefixes: Vec::new(),
        }
    }

    /// The format whose names these are.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// What the schema at `part` is called as the property `property`, or as an item of it.
    pub(super) fn of<'a>(
        &mut self,
        reading: &mut Reading<'a>,
        part: &'a Part,
        property: &str,
    ) -> Result<Name, Unusable> {
        if self.format != Format::Xml {
            return Ok(Name {
                text: property.to_owned(),
                attribute: false,
            });
        }
        let (schema, _) = Schema::read(reading, part)?;
        let (kind, _) = schema.kind()?;
        match schema.keyword("items") {
            // The elements of a list stand where the list does, unless they are wrapped.
            Some(items) if kind == Kind::Array && !is_wrapped(&schema) => {
                let name = self.of(reading, items, property)?;
                if name.attribute {
                    return Err(schema.unusable("a list of attributes of one name"));
                }
                Ok(name)
            }
            _ => self.element(&schema, kind, property, false),
        }
    }

    /// The document of which `root` is the outermost element, described by the schema at `part`.
    pub(super) fn document<'a>(
        mut self,
        reading: &mut Reading<'a>,
        part: &'a Part,
        root: Node,
        outermost: Name,
    ) -> Result<Node, Unusable> {
        if self.format != Format::Xml {
            return Ok(root);
        }
        let declared = |prefix: &Arc<str>| self.namespaces.iter().any(|one| one.prefix == *prefix);
        if let Some(prefix) = self.prefixes.iter().find(|prefix| !declared(prefix)) {
            let (schema, _) = Schema::read(reading, part)?;
            let reason = format!("nothing says which namespace the prefix `{prefix}` stands for");
            return Err(schema.unusable(reason));
        }
        Ok(Node::Object(ObjectNode {
            members: vec![self.member(outermost, true, root)],
            namespaces: std::mem::take(&mut self.namespaces),
            ..ObjectNode::default()
        }))
    }

    /// What the outermost element is called: as its schema says, else as the component that it is.
    pub(super) fn outermost<'a>(
        &mut self,
        reading: &mut Reading<'a>,
        part: &'a Part,
    ) -> Result<Name, Unusable> {
        let (schema, _) = Schema::read(reading, part)?;
        let (kind, _) = schema.kind()?;
        if self.format != Format::Xml {
            return Ok(Name {
                text: String::new(),
                attribute: false,
            });
        }
        let component = schema.references.first().copied().unwrap_or_default();
        let component = component.rsplit('/').next().unwrap_or_default();
        self.element(&schema, kind, component, true)
    }

    fn element(
        &mut self,
        schema: &Schema<'_>,
        kind: Kind,
        property: &str,
        outermost: bool,
    ) -> Result<Name, Unusable> {
        let said = |key: &str| schema.keyword("xml").and_then(|xml| xml.get(key));
        let text = |key: &str| said(key).and_then(Part::text);
        let name = text("name").unwrap_or(property);
        if !is_xml_name(name) {
            let reason = format!(
                "`{name}` is no name in XML, and its schema gives it no other (`xml: {{name: …}}`)"
            );
            return Err(schema.unusable(reason));
        }
        let attribute = said("attribute").and_then(Part::boolean) == Some(true);
        if attribute && (outermost || !matches!(kind, Kind::Scalar(_))) {
            return Err(schema.unusable("an attribute that is not one value of an element"));
        }
        let (prefix, uri) = (text("prefix"), text("namespace"));
        if let Some(uri) = uri {
            let known = self.namespaces.iter();
            let mut known = known.filter(|one| *one.prefix == *prefix.unwrap_or_default());
            match known.next() {
                Some(known) if *known.uri == *uri => {}
                None if is_plain(uri) && (prefix.is_some() || outermost) => {
                    self.namespaces.push(Namespace {
                        prefix: prefix.unwrap_or_default().into(),
                        uri: uri.into(),
                    });
                }
                _ => {
                    let reason = "a namespace other than the one that its prefix has elsewhere, or \
                                  that the outermost element has";
                    return Err(schema.unusable(reason));
                }
            }
        }
        let Some(prefix) = prefix else {
            let text = name.to_owned();
            return Ok(Name { text, attribute });
        };
        if !is_xml_name(prefix) || prefix.to_ascii_lowercase().starts_with("xml") {
            return Err(schema.unusable(format!("`{prefix}` is no prefix of XML")));
        }
        self.prefixes.push(prefix.into());
        let text = format!("{prefix}:{name}");
        Ok(Name { text, attribute })
    }

    /// The member that is called `name`.
    pub(super) fn member(&self, name: Name, required: bool, node: Node) -> Member {
        let Name { text, attribute } = name;
        let encoded = match (self.format, attribute) {
            (Format::Json | Format::JsonLines, _) => {
                format!("{}:", serde_json::Value::from(text.as_str()))
            }
            (Format::Xml, true) => format!(" {text}=\""),
            (Format::Xml, false) => format!("<{text}>"),
            (Format::Csv, _) if text.contains(['"', ',', '\r', '\n']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            (Format::Csv, _) => text.clone(),
        };
        Member {
            name: text.into(),
            encoded: encoded.into_bytes().into(),
            required,
            nullable_list: false,
            node,
        }
    }
}

/// Whether the elements of a list stand in one around them (`xml: {wrapped: true}`).
pub(super) fn is_wrapped(schema: &Schema<'_>) -> bool {
    let wrapped = schema.keyword("xml").and_then(|xml| xml.get("wrapped"));
    wrapped.and_then(Part::boolean) == Some(true)
}

/// Whether the name of a namespace can be written and compared as it is.
fn is_plain(uri: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'&' | b'"');
    !uri.is_empty() && uri.bytes().all(plain)
}

/// Whether `name` can be the name of an element or attribute, without prefix (NCName of Namespaces in
/// XML 1.0).
pub fn is_xml_name(name: &str) -> bool {
    name.starts_with(is_xml_name_start) && name.chars().all(is_xml_name_character)
}

/// NameStartChar of XML 1.0 without the colon.
fn is_xml_name_start(character: char) -> bool {
    matches!(character, 'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
        | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// NameChar of XML 1.0 without the colon.
fn is_xml_name_character(character: char) -> bool {
    is_xml_name_start(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}'
            | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_xml_are_told_from_others() {
        for name in ["a", "First_name", "Country_non-US", "_1", "é", "x.y"] {
            assert!(is_xml_name(name), "{name}");
        }
        for name in ["", "1a", "-a", ".a", "a b", "a:b", "a<", "a\u{0}", "×"] {
            assert!(!is_xml_name(name), "{name}");
        }
    }
}
