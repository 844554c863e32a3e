//! An [`Entry`] as canonical JSON (RFC 8785, JCS): no white space, members sorted by the UTF-16 code
//! units of their names, strings escaped in the one way the RFC leaves. Written by hand, member by
//! member, because every disclosure waits for it; the tests hold it against a generic canonicaliser.
//!
//! Only objects, arrays, strings, truth values and integers from 0 to 2^53 occur, so that RFC 8785's rules for
//! other numbers are deliberately absent.

use std::collections::BTreeMap;

use super::{
    Act, Approval, Delivered, Disclosure, Entry, Event, GatewayNote, Intent, Part, Purge,
    Recipient, Refused, RequestFacts, Shadowed, SubjectGroup, Withheld,
};

/// Usual size of an entry that names nobody, so that most are written without growing the buffer.
const USUAL_BYTES: usize = 768;
/// A reference with its quotes and comma.
const REFERENCE_BYTES: usize = 35;

/// The canonical bytes of `entry`.
pub(super) fn entry(entry: &Entry) -> Vec<u8> {
    let named = match &entry.event {
        Event::Disclosure(it) => named(&it.subjects),
        _ => 0,
    };
    let mut out = Vec::with_capacity(USUAL_BYTES + named);
    let mut object = Object::open(&mut out);
    event(object.member("event"), &entry.event);
    object
        .text("salt", &entry.salt)
        .text("time", &entry.time.to_string())
        .number("v", entry.v)
        .close();
    out
}

/// About how many bytes the references of these groups take.
fn named(groups: &[SubjectGroup]) -> usize {
    let named = groups.iter().map(|group| group.references.len());
    named.sum::<usize>() * REFERENCE_BYTES
}

/// Length of a disclosure as it stands in an entry.
pub(super) fn disclosure_bytes(it: &Disclosure) -> usize {
    bytes(it, USUAL_BYTES + named(&it.subjects), disclosure)
}

/// Likewise, of a group and the comma behind it.
pub(super) fn group_bytes(it: &SubjectGroup) -> usize {
    bytes(it, named(std::slice::from_ref(it)), subject_group) + 1
}

/// Likewise, of a field.
pub(super) fn withheld_bytes(it: &Withheld) -> usize {
    bytes(it, 0, withheld) + 1
}

fn bytes<T>(it: &T, about: usize, write: impl Fn(&mut Vec<u8>, &T)) -> usize {
    let mut out = Vec::with_capacity(about);
    write(&mut out, it);
    out.len()
}

fn event(out: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Disclosure(it) => disclosure(out, it),
        Event::Intent(it) => intent(out, it),
        Event::Refusal(it) => refusal(out, it),
        Event::Act(it) => act(out, it),
        Event::Gateway(it) => gateway_note(out, it),
        Event::Shadow(it) => shadowed(out, it),
        Event::Delivered(it) => delivered(out, it),
        Event::Purge(it) => purge(out, it),
    }
}

fn disclosure(out: &mut Vec<u8>, it: &Disclosure) {
    let mut object = Object::open(out);
    object
        .optional("answer_sha256", it.answer_sha256.as_deref())
        .optional("created", it.created.as_deref())
        .text("decision", &it.decision)
        .text("kind", "disclosure");
    if let Some(it) = &it.part {
        part(object.member("part"), it);
    }
    request(object.member("request"), &it.request);
    array(object.member("rules"), &it.rules, |out, rule| {
        string(out, rule)
    });
    object.number("status", u32::from(it.status));
    array(object.member("subjects"), &it.subjects, subject_group);
    array(object.member("withheld"), &it.withheld, withheld);
    object.close();
}

fn part(out: &mut Vec<u8>, it: &Part) {
    let mut object = Object::open(out);
    object.number("number", it.number);
    if let Some(of) = it.of {
        object.number("of", of);
    }
    object.close();
}

fn delivered(out: &mut Vec<u8>, it: &Delivered) {
    let mut object = Object::open(out);
    object
        .optional("because", it.because.as_deref())
        .number("bytes", it.bytes);
    if let Some(bytes) = it.bytes_expected {
        object.number("bytes_expected", bytes);
    }
    object
        .truth("complete", it.complete)
        .text("kind", "delivered")
        .number("opening", it.opening)
        .number("parts", it.parts);
    request(object.member("request"), &it.request);
    object.text("sha256", &it.sha256).close();
}

fn intent(out: &mut Vec<u8>, it: &Intent) {
    let mut object = Object::open(out);
    object
        .optional("customer", it.customer.as_deref())
        .text("kind", "intent");
    request(object.member("request"), &it.request);
    object.close();
}

fn refusal(out: &mut Vec<u8>, it: &Refused) {
    let mut object = Object::open(out);
    object
        .text("code", &it.code)
        .text("executed", &it.executed)
        .text("kind", "refusal")
        .optional("promise", it.promise.as_deref());
    request(object.member("request"), &it.request);
    object.optional("rule", it.rule.as_deref()).close();
}

fn act(out: &mut Vec<u8>, it: &Act) {
    Object::open(out)
        .text("action", &it.action)
        .text("actor", &it.actor)
        .optional("because", it.because.as_deref())
        .text("kind", "act")
        .optional("object", it.object.as_deref())
        .text("role", &it.role)
        .close();
}

fn gateway_note(out: &mut Vec<u8>, it: &GatewayNote) {
    Object::open(out)
        .optional("detail", it.detail.as_deref())
        .text("kind", "gateway")
        .optional("policy", it.policy.as_deref())
        .text("what", &it.what)
        .close();
}

fn shadowed(out: &mut Vec<u8>, it: &Shadowed) {
    let mut object = Object::open(out);
    object.text("decided", &it.decided);
    array(object.member("disclosed"), &it.disclosed, |out, field| {
        string(out, field);
    });
    object.text("instead", &it.instead).text("kind", "shadow");
    request(object.member("request"), &it.request);
    object.text("version", &it.version);
    array(object.member("withheld"), &it.withheld, |out, field| {
        string(out, field);
    });
    object.close();
}

fn purge(out: &mut Vec<u8>, it: &Purge) {
    let mut object = Object::open(out);
    array(object.member("approvals"), &it.approvals, approval);
    counts(object.member("entries"), &it.entries);
    array(object.member("held"), &it.held, |out, digest| {
        string(out, digest)
    });
    object
        .text("kind", "purge")
        .number("minimum", it.minimum)
        .number("minimum_before", it.minimum_before);
    if let Some(newest) = it.newest {
        object.text("newest", &newest.to_string());
    }
    array(
        object.member("recipient_keys"),
        &it.recipient_keys,
        |out, period| string(out, period),
    );
    object
        .optional("recipient_keys_until", it.recipient_keys_until.as_deref())
        .text("root", &it.root)
        .number("size", it.size);
    counts(object.member("terms"), &it.terms);
    object.close();
}

fn approval(out: &mut Vec<u8>, it: &Approval) {
    Object::open(out)
        .text("actor", &it.actor)
        .text("because", &it.because)
        .text("role", &it.role)
        .close();
}

/// Names in the order of UTF-16 code units, as RFC 8785 section 3.2.3 has it.
fn counts(out: &mut Vec<u8>, it: &BTreeMap<String, u64>) {
    let mut members: Vec<_> = it.iter().collect();
    members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    let mut object = Object::open(out);
    for (name, count) in members {
        object.number(name, *count);
    }
    object.close();
}

fn request(out: &mut Vec<u8>, it: &RequestFacts) {
    let mut object = Object::open(out);
    object
        .optional("certificate", it.certificate.as_deref())
        .optional("client", it.client.as_deref())
        .optional("credential", it.credential.as_deref())
        .optional("operation", it.operation.as_deref());
    if let Some(records) = it.page_records {
        object.number("page_records", records);
    }
    object
        .optional("policy", it.policy.as_deref())
        .optional("purpose", it.purpose.as_deref());
    if let Some(it) = &it.recipient {
        recipient(object.member("recipient"), it);
    }
    object.text("request_id", &it.request_id);
    if !it.signals.is_empty() {
        array(object.member("signals"), &it.signals, |out, signal| {
            string(out, signal)
        });
    }
    object.optional("trace_id", it.trace_id.as_deref()).close();
}

fn recipient(out: &mut Vec<u8>, it: &Recipient) {
    let mut object = Object::open(out);
    match it {
        Recipient::Partner { id, parent } => object
            .text("id", id)
            .text("kind", "partner")
            .optional("parent", parent.as_deref()),
        Recipient::Customer => object.text("kind", "customer"),
        Recipient::Authority { reference } => object
            .text("kind", "authority")
            .text("reference", reference),
        Recipient::Staff { name } => object.text("kind", "staff").text("name", name),
    }
    .close();
}

fn subject_group(out: &mut Vec<u8>, it: &SubjectGroup) {
    let mut object = Object::open(out);
    object
        .text("basis", &it.basis)
        .optional("basis_reference", it.basis_reference.as_deref());
    categories(object.member("categories"), &it.categories);
    if !it.circumstances.is_empty() {
        array(
            object.member("circumstances"),
            &it.circumstances,
            |out, word| {
                string(out, word);
            },
        );
    }
    if let Some(records) = it.records {
        object.number("records", records);
    }
    array(
        object.member("references"),
        &it.references,
        |out, reference| {
            string(out, reference);
        },
    );
    object.text("subject", &it.subject).close();
}

/// The map's own order is by UTF-8, which differs from UTF-16 above U+FFFF; so it is sorted again
/// where such a name occurs (no category of the taxonomy has one).
fn categories(out: &mut Vec<u8>, it: &BTreeMap<String, String>) {
    let mut object = Object::open(out);
    if it.keys().all(|name| name.is_ascii()) {
        for (name, form) in it {
            object.text(name, form);
        }
    } else {
        let mut members: Vec<_> = it.iter().collect();
        members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
        for (name, form) in members {
            object.text(name, form);
        }
    }
    object.close();
}

fn withheld(out: &mut Vec<u8>, it: &Withheld) {
    Object::open(out)
        .text("field", &it.field)
        .text("method", &it.method)
        .text("promise", &it.promise)
        .close();
}

fn array<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// RFC 8785 section 3.2.2.2: the five short escapes, `\u00xx` in lower case for the other control
/// characters, and everything else as it is.
fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    // Without an early end, so that many bytes are looked at together.
    let plain = |plain, byte| plain & (byte > 0x1f) & (byte != b'"') & (byte != b'\\');
    if text.bytes().fold(true, plain) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// An object being written. Its members must be written in canonical order.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, begun: false }
    }

    /// Writes the name; the caller writes the value.
    fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if self.begun {
            self.out.push(b',');
        }
        self.begun = true;
        string(self.out, name);
        self.out.push(b':');
        self.out
    }

    fn text(&mut self, name: &str, value: &str) -> &mut Self {
        string(self.member(name), value);
        self
    }

    fn optional(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    fn number(&mut self, name: &str, value: impl Into<u64>) -> &mut Self {
        self.member(name)
            .extend_from_slice(value.into().to_string().as_bytes());
        self
    }

    fn truth(&mut self, name: &str, value: bool) -> &mut Self {
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.member(name).extend_from_slice(word);
        self
    }

    fn close(&mut self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::tests::any_entry;
    use super::*;

    /// The RFC's rules applied to any value: slow and obvious.
    fn generic(value: &Value) -> String {
        match value {
            Value::Object(members) => {
                let mut names: Vec<&String> = members.keys().collect();
                names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
                let members: Vec<String> = names
                    .into_iter()
                    .map(|name| {
                        format!("{}:{}", Value::from(name.as_str()), generic(&members[name]))
                    })
                    .collect();
                format!("{{{}}}", members.join(","))
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(generic).collect();
                format!("[{}]", items.join(","))
            }
            scalar => scalar.to_string(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn the_hand_written_form_is_what_the_rules_of_rfc_8785_give(entry in any_entry()) {
            let expected = generic(&serde_json::to_value(&entry).unwrap());
            prop_assert_eq!(String::from_utf8(super::entry(&entry)).unwrap(), expected);
        }
    }

    #[test]
    fn strings_are_escaped_as_in_the_rfc_example() {
        // RFC 8785 section 3.2.2: the "string" member of the sample.
        let mut out = Vec::new();
        string(
            &mut out,
            "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"/",
        );
        assert_eq!(out, "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"".as_bytes());
    }

    #[test]
    fn names_are_sorted_by_utf16_code_units_not_by_code_points() {
        // U+1F600 is written with surrogates (from D83D), so it stands before U+FB33.
        let map = BTreeMap::from([
            ("\u{fb33}".to_owned(), String::new()),
            ("\u{1f600}".to_owned(), String::new()),
        ]);
        let mut out = Vec::new();
        categories(&mut out, &map);
        assert_eq!(out, "{\"\u{1f600}\":\"\",\"\u{fb33}\":\"\"}".as_bytes());
    }
}
