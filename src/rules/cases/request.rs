//! Reads the request of a case: `GET /v1/customers?limit=5`, or a mapping with purpose, body, headers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header};

use super::Asking;
use super::vocabulary::{Vocabulary, purpose, unknown};
use crate::catalogue::{Operation, RequestBody, RequestContent, RequestFormat};
use crate::edge::path::CanonicalPath;
use crate::mistakes::Span;
use crate::source::{Fields, Node};

/// Methods that cases can use.
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A request, and the operation it is for.
pub(super) struct Read {
    pub(super) asking: Asking,
    /// None where none is listed, or the rules are not known.
    pub(super) operation: Option<Arc<Operation>>,
}

/// Reads it. A path that is not listed is a mistake unless `says_not_found`.
pub(super) fn read<'node>(
    fields: &mut Fields<'node, '_>,
    node: &'node Node,
    vocabulary: &Vocabulary<'_>,
    says_not_found: bool,
) -> Option<Read> {
    match node.as_text() {
        Some(line) => {
            let (word, target) = line.split_once(' ').unwrap_or((line, ""));
            let method = method_of(fields, word, node.span)?;
            let target = target.trim();
            let operation = route(
                fields,
                vocabulary,
                &method,
                target,
                node.span,
                says_not_found,
            )?;
            let asking = Asking {
                method,
                target: target.to_owned(),
                purpose: None,
                headers: Vec::new(),
                body: Bytes::new(),
            };
            Some(Read { asking, operation })
        }
        None => fields.nested(node, |fields| mapping(fields, vocabulary, says_not_found)),
    }
}

fn mapping(
    fields: &mut Fields<'_, '_>,
    vocabulary: &Vocabulary<'_>,
    says_not_found: bool,
) -> Option<Read> {
    let span_of = |node: Option<&Node>| node.map(|node| node.span).unwrap_or_default();
    let word_span = span_of(fields.optional("method"));
    let method = fields.text("method");
    let method = method.and_then(|word| method_of(fields, word, word_span));
    let target_span = span_of(fields.optional("path"));
    let target = fields.text("path");
    let declared = fields.optional("purpose").and_then(|node| {
        let text = fields.optional_text("purpose")?;
        purpose(fields, text, node.span)
    });
    let mut headers = headers(fields);
    let body = fields.optional("body");
    let (method, target) = (method?, target?);
    let routed = route(
        fields,
        vocabulary,
        &method,
        target,
        target_span,
        says_not_found,
    );
    let expected = routed
        .as_ref()
        .and_then(Option::as_ref)
        .and_then(|operation| operation.request.as_ref());
    let body = body.and_then(|node| {
        if matches!(
            method,
            Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS
        ) {
            fields.mistake(node.span, format!("a {method} takes no body"));
            return None;
        }
        body_of(fields, vocabulary, node, expected, &mut headers)
    });
    Some(Read {
        operation: routed?,
        asking: Asking {
            method,
            target: target.to_owned(),
            purpose: declared.map(|purpose| purpose.key().to_owned()),
            headers,
            body: body.unwrap_or_default(),
        },
    })
}

/// The body: a file of the kind that the case's `content-type` says, or its ending, or the JSON itself.
/// Without a `content-type` the header is added.
fn body_of(
    fields: &mut Fields<'_, '_>,
    vocabulary: &Vocabulary<'_>,
    node: &Node,
    expected: Option<&RequestBody>,
    headers: &mut Vec<(String, String)>,
) -> Option<Bytes> {
    let named = headers
        .iter()
        .find(|(name, _)| name == header::CONTENT_TYPE.as_str());
    let named = named.map(|(_, value)| value.split(';').next().unwrap_or_default().trim());
    let content = expected.and_then(|body| choose(body, named, node.as_text()));
    let format = content.map(|content| content.fields.as_ref().map(|fields| &fields.format));
    if node.as_text().is_none() && format.is_some_and(|one| one != Some(&RequestFormat::Json)) {
        let message = "this operation takes no JSON: name a file of the kind that it takes";
        fields.mistake(node.span, message);
        return None;
    }
    let is_json = format.map(|format| format == Some(&RequestFormat::Json));
    let mut body = vocabulary.document(fields, node, "body", is_json)?;
    let mut content_type = content
        .map_or("application/json", |one| &one.media_type)
        .to_owned();
    match format.flatten() {
        Some(RequestFormat::Form) => body = body.trim_ascii_end().to_vec().into(),
        Some(RequestFormat::Multipart) => {
            let text = String::from_utf8_lossy(&body).replace("\r\n", "\n");
            let first = text.lines().next().unwrap_or_default();
            let boundary = first.strip_prefix("--").unwrap_or_default();
            content_type = format!("{content_type}; boundary={boundary}");
            body = text.replace('\n', "\r\n").into_bytes().into();
        }
        _ => {}
    }
    if named.is_none() {
        headers.push((header::CONTENT_TYPE.to_string(), content_type));
    }
    Some(body)
}

/// The kind of body that a media type or the ending of a file says; without either, JSON, or else the
/// first.
fn choose<'a>(
    body: &'a RequestBody,
    named: Option<&str>,
    file: Option<&str>,
) -> Option<&'a RequestContent> {
    let ending = file.and_then(|file| file.rsplit_once('.'));
    let ending = ending.map(|(_, ending)| ending);
    let fits = |content: &&RequestContent| {
        let format = content.fields.as_ref().map(|fields| &fields.format);
        match (named, ending, format) {
            (Some(named), _, _) => content.media_type.eq_ignore_ascii_case(named),
            (None, None | Some("json"), Some(RequestFormat::Json))
            | (None, Some("form"), Some(RequestFormat::Form))
            | (None, Some("multipart"), Some(RequestFormat::Multipart))
            | (None, Some("xml"), Some(RequestFormat::Xml { .. })) => true,
            _ => false,
        }
    };
    let found = body.contents.iter().find(fits);
    let first = body.contents.first().filter(|_| named.is_none());
    found.or(first)
}

fn headers(fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let Some(node) = fields.optional("headers") else {
        return headers;
    };
    if !node.is_mapping() {
        let message = format!("`headers` must be a mapping, not {}", node.kind());
        fields.mistake(node.span, message);
    }
    for (key, value) in node.entries() {
        let name = key.name.to_ascii_lowercase();
        let text = value
            .as_text()
            .filter(|text| HeaderValue::from_str(text).is_ok());
        match (HeaderName::from_bytes(name.as_bytes()), text) {
            _ if matches!(&*name, "host" | "authorization" | "purpose-of-use") => {
                let message = format!(
                    "`{name}` follows from what the case says elsewhere; a purpose is named by `purpose`"
                );
                fields.mistake(key.span, message);
            }
            (Ok(_), Some(text)) => headers.push((name, text.to_owned())),
            (Err(_), _) => fields.mistake(key.span, "this is not the name of a header"),
            (Ok(_), None) => fields.mistake(value.span, "the value of a header is text"),
        }
    }
    headers
}

fn method_of(fields: &mut Fields<'_, '_>, word: &str, span: Span) -> Option<Method> {
    let known = METHODS.contains(&word);
    let method = Method::from_bytes(word.as_bytes()).ok().filter(|_| known);
    if method.is_none() {
        let message = format!("`{word}` is not one of: {}", METHODS.join(", "));
        unknown(fields, span, message, word, METHODS);
    }
    method
}

/// The operation of a request; within, none where none needs to be known. None is a mistake.
fn route(
    fields: &mut Fields<'_, '_>,
    vocabulary: &Vocabulary<'_>,
    method: &Method,
    target: &str,
    span: Span,
    says_not_found: bool,
) -> Option<Option<Arc<Operation>>> {
    let uri = target.parse::<Uri>().ok();
    let Some(uri) = uri.filter(|_| target.starts_with('/')) else {
        let message = format!("`{target}` is not a path, as in `/v1/customers?limit=5`");
        fields.mistake(span, message);
        return None;
    };
    let Some(rules) = vocabulary.rules else {
        return Some(None);
    };
    let path = CanonicalPath::parse(uri.path());
    let path = path.as_ref().map_or(uri.path(), CanonicalPath::as_str);
    let routed = rules.catalogue.route(method, path);
    if routed.is_none() && !says_not_found {
        let message = format!("the catalogue has no operation for `{method} {path}`");
        let operations = rules.catalogue.operations.iter();
        let same = operations.filter(|operation| operation.method == method);
        let valid: Vec<String> = same
            .map(|operation| filled(&operation.path, path))
            .collect();
        let valid = valid.iter().map(String::as_str);
        unknown(fields, span, message, path, valid);
        return None;
    }
    Some(routed.map(|routed| routed.operation))
}

/// A path template with what stands at the places of its parameters in `path`.
fn filled(template: &str, path: &str) -> String {
    let mut sent = path.split('/');
    let segments = template.split('/').map(|segment| {
        let sent = sent.next().unwrap_or(segment);
        if segment.starts_with('{') {
            sent
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}
