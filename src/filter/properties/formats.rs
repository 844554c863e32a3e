//! The same in XML and CSV: what the model gives, written by the plainest writer of each, is what must
//! leave, byte for byte. Damaged documents are held against quick-xml, which knows nothing of us.

use quick_xml::events::Event;

use super::*;
use crate::catalogue::Format;
use crate::catalogue::Member;
use crate::filter::sample::{forms, in_document};
use crate::filter::stream::Stream;
use crate::filter::{Scanned, Uninspectable, read};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// A tree as XML has it: lists within lists are wrapped, names are names of XML, and some members are
/// attributes.
fn xml_shape(random: &mut Random) -> Shape {
    let mut shape = any_shape(random);
    shape.root = match shape.root {
        Node::Array(item) => wrapped(Node::Array(item)),
        other => other,
    };
    let mut attributes = Vec::new();
    name_for_xml(random, &mut shape.root, &mut attributes);
    let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
    in_document(shape, "Root", &attributes)
}

fn wrapped(list: Node) -> Node {
    Node::Object(ObjectNode {
        members: vec![member("item!", list)],
        ..ObjectNode::default()
    })
}

/// Attributes are called otherwise than elements here, so that a name tells one from the other.
fn name_for_xml(random: &mut Random, node: &mut Node, attributes: &mut Vec<String>) {
    match node {
        Node::Scalar(_) => {}
        Node::Array(item) => {
            if matches!(**item, Node::Array(_)) {
                **item = wrapped(std::mem::replace(&mut **item, Node::Scalar(FieldId(0))));
            } else if random.one_in(3) {
                let list = std::mem::replace(node, Node::Scalar(FieldId(0)));
                *node = wrapped(list);
                // Lists are wrapped once.
                if let Node::Object(wrapper) = node
                    && let Node::Array(item) = &mut wrapper.members[0].node
                {
                    name_for_xml(random, item, attributes);
                }
                return;
            }
            name_for_xml(random, item, attributes);
        }
        Node::Object(object) => {
            for one in &mut object.members {
                let name = match &*one.name {
                    "" => "_",
                    "a\"b\\" => "a-b",
                    "last name" => "last.name",
                    other => other,
                };
                let scalar = matches!(one.node, Node::Scalar(_));
                let name = if scalar && random.one_in(4) {
                    attributes.push(format!("at-{name}"));
                    format!("at-{name}")
                } else {
                    name.to_owned()
                };
                name_for_xml(random, &mut one.node, attributes);
                let node = std::mem::replace(&mut one.node, Node::Scalar(FieldId(0)));
                let required = if one.required { "!" } else { "" };
                *one = member(&format!("{name}{required}"), node);
            }
            object
                .members
                .sort_by(|left, right| left.name.cmp(&right.name));
        }
    }
}

/// Only characters that XML and CSV have, and sometimes one that needs care there.
fn clean(random: &mut Random, value: &mut Value, is_xml: bool) {
    match value {
        Value::String(text) => {
            let odd = random.pick(&[
                "", "", "<", "&amp;", "]]>", "'", "=", "+", "@", "\t", "\r", ",",
            ]);
            let bounded = !text.contains("canary-");
            let odd = if bounded { "" } else { odd };
            *text = format!("{odd}{}", text.replace('\u{1}', "\r\n"));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| clean(random, item, is_xml)),
        Value::Object(members) => {
            let named = std::mem::take(members)
                .into_iter()
                .map(|(name, mut value)| {
                    clean(random, &mut value, is_xml);
                    let name = name.replace('\u{1}', "~");
                    match is_xml {
                        true => (name.replace(['"', '~', '😀', '\0', ' '], "."), value),
                        false => (name, value),
                    }
                });
            *members = named.collect();
        }
        _ => {}
    }
}

/// Writes `value` as what is inside of an element; with `random`, in any of the ways there are.
fn write_xml(random: &mut Option<Random>, node: Option<&Node>, value: &Value, out: &mut String) {
    let odd = |random: &mut Option<Random>, of| random.as_mut().is_some_and(|one| one.one_in(of));
    match value {
        Value::Null => {}
        Value::String(text) => write_text(random, text, false, out),
        Value::Array(items) => {
            for item in items {
                out.push_str("<x>");
                write_xml(random, None, item, out);
                out.push_str("</x>");
            }
        }
        Value::Object(members) => {
            let object = match node {
                Some(Node::Object(object)) => Some(object),
                _ => None,
            };
            for (name, value) in members.iter().filter(|(name, _)| !name.starts_with("at-")) {
                let known =
                    object.and_then(|object| object.members.iter().find(|one| *one.name == **name));
                let (items, item) = match (known.map(|known| &known.node), value) {
                    (Some(Node::Array(item)), Value::Array(items)) => {
                        (items.as_slice(), Some(&**item))
                    }
                    (node, value) => (std::slice::from_ref(value), node),
                };
                for one in items {
                    if odd(random, 4) {
                        out.push_str("\r\n\t ");
                    }
                    element(random, name, item, one, out);
                }
            }
            if odd(random, 4) {
                out.push('\n');
            }
        }
        other => out.push_str(&other.to_string()),
    }
}

fn element(
    random: &mut Option<Random>,
    name: &str,
    node: Option<&Node>,
    value: &Value,
    out: &mut String,
) {
    let mut inside = String::new();
    write_xml(random, node, value, &mut inside);
    let mut odd = |of| random.as_mut().is_some_and(|one| one.one_in(of));
    let (space, open, unknown) = (odd(4), odd(2), odd(6));
    out.push_str(&format!("<{name}"));
    for (name, value) in value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with("at-"))
    {
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        out.push_str(&format!("{}{name}=\"", if space { "\n\t" } else { " " }));
        match value {
            Value::String(_) => write_text(random, &text, true, out),
            _ => out.push_str(&text),
        }
        out.push('"');
    }
    if unknown {
        out.push_str(" unknown = 'canary-attribute'");
    }
    out.push_str(if space { " " } else { "" });
    if inside.is_empty() && !open {
        out.push_str("/>");
    } else {
        out.push_str(&format!(
            ">{inside}</{name}{}>",
            if space { " " } else { "" }
        ));
    }
}

fn write_text(random: &mut Option<Random>, text: &str, attribute: bool, out: &mut String) {
    let mut odd = |of| random.as_mut().is_some_and(|one| one.one_in(of));
    if !attribute && odd(5) && !text.contains(['\r']) && !text.contains("]]>") {
        out.push_str(&format!("<![CDATA[{text}]]>"));
        return;
    }
    for character in text.chars() {
        match character {
            other if odd(6) => out.push_str(&format!("&#x{:x};", u32::from(other))),
            other if odd(9) => out.push_str(&format!("&#{};", u32::from(other))),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '"' if attribute => out.push_str("&quot;"),
            '\t' if attribute => out.push_str("&#9;"),
            '\n' if attribute => out.push_str("&#10;"),
            other => out.push(other),
        }
    }
}

struct Written {
    case: Case,
    format: Format,
}

impl Written {
    fn xml(random: &mut Random) -> Self {
        let shape = xml_shape(random);
        let mut answer = any_value(random, &shape, &shape.root, &mut 0);
        // The outermost element stands there once.
        let Node::Object(document) = &shape.root else {
            panic!("a document is an object");
        };
        let inside = any_value(random, &shape, &document.members[0].node, &mut 30_000);
        answer = match answer {
            Value::Object(_) => json!({"Root": inside}),
            other => other,
        };
        clean(random, &mut answer, true);
        let mut body = String::new();
        let mut spelling = Some(Random(random.next()));
        element(
            &mut spelling,
            "Root",
            Some(&document.members[0].node),
            &answer["Root"],
            &mut body,
        );
        let body = match random.below(3) {
            0 => format!("{DECLARATION}\n{body}\n"),
            _ => body,
        };
        Self::new(random, Format::Xml, shape, answer, body)
    }

    fn csv(random: &mut Random) -> Self {
        let mut make = Builder::default();
        let mut row = any_object(random, &mut make, 9);
        (row.record, row.nullable) = (true, false);
        row.members
            .retain(|one| matches!(one.node, Node::Scalar(_)) && !one.name.is_empty());
        let key = make.text("user.name");
        make.last().required = true;
        row.members.push(member("key!", key));
        row.members
            .sort_by(|left, right| left.name.cmp(&right.name));
        for one in &mut row.members {
            let Member { name, encoded, .. } = one;
            *encoded = cell(name, false).into_bytes().into();
        }
        let mut header: Vec<String> = Vec::new();
        let one = any_value(
            random,
            &make_shape(&row),
            &Node::Object(ObjectNode {
                others: None,
                ..row.clone()
            }),
            &mut 0,
        );
        let there = |name: &str| one.get(name).is_some();
        header.extend(
            row.members
                .iter()
                .filter(|one| one.required || there(&one.name))
                .map(|one| one.name.to_string()),
        );
        for (place, name) in ["canary,\"c\"", "EMAIL", "=other", "last\r\nname"]
            .into_iter()
            .enumerate()
        {
            if random.one_in(3) {
                header.insert(random.below(header.len()), format!("{name}-{place}"));
            }
        }
        let root = array(Node::Object(row.clone()));
        let shape = make.shape(root);
        let mut next = 0;
        let rows: Vec<Value> = (0..random.below(5))
            .map(|_| {
                let cells = header.iter().map(|name| {
                    let known = row
                        .members
                        .iter()
                        .find(|one| *one.name == **name)
                        .map(|one| one.node.clone());
                    let node = known.or(row.others.map(Node::Scalar));
                    let value = match node {
                        Some(node) => any_value(random, &shape, &node, &mut next),
                        None => {
                            next += 1;
                            json!(format!("canary-{next:06}-"))
                        }
                    };
                    (name.clone(), value)
                });
                Value::Object(cells.collect())
            })
            .collect();
        let mut answer = Value::Array(rows);
        for row in answer.as_array_mut().unwrap() {
            for value in row.as_object_mut().unwrap().values_mut() {
                clean(random, value, false);
            }
        }
        let body = spell_csv(random, &header, &answer);
        Self::new(random, Format::Csv, shape, answer, body)
    }

    fn new(random: &mut Random, format: Format, shape: Shape, answer: Value, body: String) -> Self {
        let forms: Vec<_> = (0..3).map(|_| any_forms(random)).collect();
        let plans = forms.iter().map(|forms| Plan::new(&shape, forms)).collect();
        let key = PseudonymKey::new(&[5; 32]);
        let case = Case {
            shape,
            forms,
            plans,
            key,
            answer,
            body,
        };
        Self { case, format }
    }

    fn emit(&self, body: &[u8], kept: &[Option<usize>]) -> Option<String> {
        let case = &self.case;
        let scanned =
            read(self.format, &case.shape, body, &Limits::default()).expect("inspectable");
        let decisions: Vec<_> = kept
            .iter()
            .map(|plan| match plan {
                Some(plan) => RecordDecision::Keep(&case.plans[*plan]),
                None => RecordDecision::Drop,
            })
            .collect();
        let mut out = Vec::new();
        scanned.emit(&decisions, &case.plans[0], &case.key, None, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    /// What is left of the body where it streams, in pieces of any size: `None` where it has no lists of
    /// records; else the reason of its refusal, or what [`Self::emit`] gives.
    fn stream(
        &self,
        random: &mut Random,
        body: &[u8],
        kept: &[Option<usize>],
    ) -> Option<Result<Option<String>, Uninspectable>> {
        let case = &self.case;
        let mut stream = Stream::new(self.format, &case.shape, Vec::new(), Limits::default())?;
        let mut kept = kept.iter();
        let mut left = |scanned: &Scanned<'_>| {
            let decisions: Vec<_> = kept
                .by_ref()
                .take(scanned.records().len())
                .map(|plan| match plan {
                    Some(plan) => RecordDecision::Keep(&case.plans[*plan]),
                    None => RecordDecision::Drop,
                })
                .collect();
            let mut out = Vec::new();
            let emitted = scanned.emit(&decisions, &case.plans[0], &case.key, None, &mut out);
            emitted.map(|_| out)
        };
        let (mut out, mut rest) = (Vec::new(), body);
        let mut pieces = move || {
            let all = rest.len();
            let (piece, behind) = rest.split_at((1 + random.below(60)).min(all));
            rest = behind;
            (all > 0).then_some(piece)
        };
        let mut read = || -> Result<Option<()>, Uninspectable> {
            while let Some(mut piece) = pieces() {
                while let Some(part) = stream.next(&mut piece)? {
                    let Some(body) = left(&part) else {
                        return Ok(None);
                    };
                    stream.write(&body);
                }
                if piece.len() % 3 == 0
                    && let Some(part) = stream.whole_records()?
                {
                    let Some(body) = left(&part) else {
                        return Ok(None);
                    };
                    stream.write(&body);
                }
                out.extend(stream.take());
            }
            let last = stream.end()?;
            assert!(last.is_none(), "an element is read when its end is");
            Ok(Some(()))
        };
        let read = read();
        Some(read.map(|whole| whole.map(|()| String::from_utf8(out).unwrap())))
    }

    fn records(&self) -> usize {
        let case = &self.case;
        let scanned = read(
            self.format,
            &case.shape,
            case.body.as_bytes(),
            &Limits::default(),
        );
        scanned
            .unwrap_or_else(|error| panic!("{error}: {}", case.body))
            .records()
            .len()
    }

    /// What the model lets through, as the plainest writer writes it.
    fn expected(&self, model: &mut Model<'_>, answer: &Value) -> Option<String> {
        let left = model.leaves(&self.case.shape.root, answer, true, 0)?;
        Some(match (self.format, &self.case.shape.root) {
            (Format::Xml, Node::Object(document)) => {
                let mut out = DECLARATION.to_owned();
                element(
                    &mut None,
                    "Root",
                    Some(&document.members[0].node),
                    left.get("Root")?,
                    &mut out,
                );
                out
            }
            (_, Node::Array(row)) => self.lines(row, answer, &left),
            _ => panic!("no such document"),
        })
    }

    fn lines(&self, row: &Node, answer: &Value, left: &Value) -> String {
        let Node::Object(object) = row else {
            panic!("a row is an object");
        };
        let header = self.header(answer);
        let rows = left.as_array().unwrap();
        let leaves = |name: &&String| {
            let known = object.members.iter().find(|one| *one.name == ***name);
            match (rows.is_empty(), known) {
                (false, _) => rows.iter().any(|row| row.get(name.as_str()).is_some()),
                (true, Some(known)) => {
                    let Node::Scalar(id) = known.node else {
                        panic!("a cell")
                    };
                    known.required
                        || !matches!(
                            self.case.plans[0].treatment(id),
                            crate::filter::Treatment::Remove
                        )
                }
                (true, None) => object.others.is_some_and(|id| {
                    self.case.plans[0].treatment(id) == crate::filter::Treatment::Clear
                }),
            }
        };
        let columns: Vec<&String> = header.iter().filter(leaves).collect();
        if columns.is_empty() {
            return String::new();
        }
        let mut out = String::new();
        let names: Vec<_> = columns
            .iter()
            .map(|name| cell(name, !object.members.iter().any(|one| *one.name == ***name)))
            .collect();
        out.push_str(&(names.join(",") + "\r\n"));
        for row in rows {
            let cells: Vec<_> = columns
                .iter()
                .map(|name| match row.get(name.as_str()) {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) => cell(text, true),
                    Some(other) => other.to_string(),
                })
                .collect();
            let line = cells.join(",");
            out.push_str(if line.is_empty() { "\"\"" } else { &line });
            out.push_str("\r\n");
        }
        out
    }

    fn header(&self, answer: &Value) -> Vec<String> {
        match answer.as_array().unwrap().first() {
            Some(row) => row.as_object().unwrap().keys().cloned().collect(),
            None => {
                let mut reader = csv::ReaderBuilder::new()
                    .has_headers(false)
                    .from_reader(self.case.body.as_bytes());
                reader
                    .records()
                    .next()
                    .unwrap()
                    .unwrap()
                    .iter()
                    .map(str::to_owned)
                    .collect()
            }
        }
    }
}

/// For values alone: which fields a row has.
fn make_shape(row: &ObjectNode) -> Shape {
    Shape {
        root: Node::Object(row.clone()),
        fields: vec![crate::catalogue::Field::default(); 64],
    }
}

fn cell(text: &str, data: bool) -> String {
    let formula = data && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = format!("{}{text}", if formula { "'" } else { "" });
    if text.contains(['"', ',', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

fn spell_csv(random: &mut Random, header: &[String], answer: &Value) -> String {
    let mut out = String::new();
    let mut line = |random: &mut Random, cells: Vec<String>| {
        let cells: Vec<_> = cells
            .into_iter()
            .map(|text| {
                let needed = text.contains(['"', ',', '\r', '\n']);
                match needed || random.one_in(3) {
                    true => format!("\"{}\"", text.replace('"', "\"\"")),
                    false => text,
                }
            })
            .collect();
        out.push_str(&cells.join(","));
        out.push_str(random.pick(&["\n", "\r\n"]));
    };
    line(random, header.to_vec());
    for row in answer.as_array().unwrap() {
        let cells = header.iter().map(|name| match &row[name.as_str()] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        line(random, cells.collect());
    }
    out
}

/// An element that another reader has not seen the end of: name, attributes, children, text.
type Open = (String, Map<String, Value>, Vec<(String, Value)>, String);

/// What another reader sees in an element of this shape.
fn seen_by_another(body: &str, root: &Node) -> Value {
    let mut reader = quick_xml::Reader::from_str(body);
    let mut open: Vec<Open> = vec![(String::new(), Map::new(), Vec::new(), String::new())];
    loop {
        let event = reader.read_event().expect("well-formed to another reader");
        let top = open.last_mut().unwrap();
        match event {
            Event::Start(start) => {
                let attributes = attributes(&start);
                let name = start.name().as_ref().to_owned();
                open.push((name, attributes, Vec::new(), String::new()));
            }
            Event::Empty(start) => {
                let attributes = attributes(&start);
                let name = start.name().as_ref().to_owned();
                let value = tree(attributes, Vec::new(), String::new());
                top.2.push((name, value));
            }
            Event::End(_) => {
                let (name, attributes, children, text) = open.pop().unwrap();
                open.last_mut()
                    .unwrap()
                    .2
                    .push((name, tree(attributes, children, text)));
            }
            Event::Text(text) => {
                top.3
                    .push_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
            }
            Event::CData(text) => {
                top.3
                    .push_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
            }
            Event::GeneralRef(reference) => {
                let text = format!("&{};", &*reference);
                top.3.push_str(&quick_xml::escape::unescape(&text).unwrap());
            }
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    let (_, _, children, _) = open.pop().unwrap();
    by_shape(root, &tree(Map::new(), children, String::new()))
}

fn attributes(start: &quick_xml::events::BytesStart<'_>) -> Map<String, Value> {
    start
        .attributes()
        .map(|one| {
            let one = one.unwrap();
            let raw = one
                .value
                .replace("\r\n", " ")
                .replace(['\r', '\n', '\t'], " ");
            let text = quick_xml::escape::unescape(&raw).unwrap().into_owned();
            (one.key.as_ref().to_owned(), json!(text))
        })
        .collect()
}

/// `{"a": attributes, "c": [[name, child]], "t": text}`.
fn tree(attributes: Map<String, Value>, children: Vec<(String, Value)>, text: String) -> Value {
    json!({"a": attributes, "c": children, "t": text})
}

fn by_shape(node: &Node, seen: &Value) -> Value {
    match node {
        Node::Object(object) => {
            let children = seen["c"].as_array().unwrap();
            let attributes = seen["a"].as_object().unwrap();
            if object.nullable
                && children.is_empty()
                && !attributes.keys().any(|name| {
                    object
                        .members
                        .iter()
                        .any(|one| one.name.starts_with("at-") && *one.name == **name)
                })
            {
                return Value::Null;
            }
            let mut members = Map::new();
            for (name, value) in attributes {
                // Of attributes that nobody lists not even a category for others speaks.
                if let Some(known) = object.members.iter().find(|one| *one.name == **name) {
                    members.insert(name.clone(), scalar(&known.node, value.as_str().unwrap()));
                }
            }
            for child in children {
                let (name, child) = (child[0].as_str().unwrap(), &child[1]);
                let known = object
                    .members
                    .iter()
                    .find(|one| *one.name == *name && !name.starts_with("at-"));
                match known.map(|known| &known.node) {
                    Some(Node::Array(item)) => {
                        let list = members.entry(name).or_insert_with(|| json!([]));
                        list.as_array_mut().unwrap().push(by_shape(item, child));
                    }
                    Some(node) => drop(members.insert(name.to_owned(), by_shape(node, child))),
                    None => match object.others {
                        Some(id) => drop(
                            members.insert(name.to_owned(), by_shape(&Node::Scalar(id), child)),
                        ),
                        None => drop(members.insert(name.to_owned(), Value::Null)),
                    },
                }
            }
            Value::Object(members)
        }
        node => scalar(node, seen["t"].as_str().unwrap()),
    }
}

/// A text that is kept as one, whatever its field: only whether it is nothing matters.
fn scalar(_: &Node, text: &str) -> Value {
    json!(text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_leaves_in_xml_and_csv_is_what_the_naive_filter_lets_through(seed: u64) {
        let mut random = Random(seed);
        for written in [Written::xml(&mut random), Written::csv(&mut random)] {
            let kept: Vec<_> = (0..written.records()).map(|_| random.pick(&[None, Some(0), Some(1), Some(2)])).collect();
            let mut model = written.case.model(&kept);
            let expected = written.expected(&mut model, &written.case.answer);
            let emitted = written.emit(written.case.body.as_bytes(), &kept);
            prop_assert_eq!(&emitted, &expected, "{}", written.case.body);
            if written.format == Format::Xml
                && let Some(streamed) = written.stream(&mut random, written.case.body.as_bytes(), &kept)
            {
                prop_assert_eq!(streamed, Ok(emitted.clone()), "{}", written.case.body);
            }
            // In CSV a name leaves where it does so of any row; the comparison has looked at that.
            let is_column = |secret: &&String| {
                written.format == Format::Csv && written.header(&written.case.answer).contains(secret)
            };
            let secrets = model.secrets.iter().filter(|secret| !is_column(secret));
            for secret in secrets.chain([&"canary-attribute".to_owned()]) {
                prop_assert!(!emitted.iter().any(|out| occurs(secret, out)), "{secret} left");
            }
        }
    }

    /// A damaged document is refused, or another reader sees the same in it; what leaves of it can be read
    /// again and is the same again.
    #[test]
    fn what_is_accepted_of_damaged_xml_means_the_same_to_another_reader(seed: u64) {
        let mut random = Random(seed);
        let mut written = Written::xml(&mut random);
        let mut body = written.case.body.clone().into_bytes();
        for _ in 0..=random.below(3) {
            damage(&mut random, &mut body, b"<>/!?&;#x[]='\" :\n\r\0\x7f\xff\xc3aR1-");
        }
        let limits = Limits::default();
        if read(Format::Xml, &written.case.shape, &body, &limits).is_err() {
            let streamed = written.stream(&mut random, &body, &[Some(1); 1_000]);
            prop_assert!(!matches!(streamed, Some(Ok(Some(_)))), "a stream takes what is refused whole");
            return Ok(());
        }
        let everything = forms(&[("user", Form::Clear), ("system", Form::Clear)]);
        written.case.forms = vec![everything; 3];
        written.case.plans = written.case.forms.iter().map(|forms| Plan::new(&written.case.shape, forms)).collect();
        let records = read(Format::Xml, &written.case.shape, &body, &limits).unwrap().records().len();
        let kept = vec![Some(1); records];
        let Some(once) = written.emit(&body, &kept) else { return Ok(()) };
        let streamed = written.stream(&mut random, &body, &kept);
        prop_assert!(streamed.is_none_or(|streamed| streamed == Ok(Some(once.clone()))));
        let twice = written.emit(once.as_bytes(), &kept);
        prop_assert_eq!(twice.as_ref(), Some(&once));
        let seen = seen_by_another(std::str::from_utf8(&body).unwrap(), &written.case.shape.root);
        let seen_again = seen_by_another(&once, &written.case.shape.root);
        let mut model = written.case.model(&kept);
        let expected = written.expected(&mut model, &seen);
        let mut model = written.case.model(&kept);
        prop_assert_eq!(&expected, &written.expected(&mut model, &seen_again));
    }

    #[test]
    fn what_is_accepted_of_damaged_csv_means_the_same_to_another_reader(seed: u64) {
        let mut random = Random(seed);
        let mut written = Written::csv(&mut random);
        let mut body = written.case.body.clone().into_bytes();
        for _ in 0..=random.below(3) {
            damage(&mut random, &mut body, b"\",\r\n=;\t \0\x7f\xff\xc3a1-");
        }
        let limits = Limits::default();
        let Ok(scanned) = read(Format::Csv, &written.case.shape, &body, &limits) else { return Ok(()) };
        let records = scanned.records().len();
        let mut other = csv::ReaderBuilder::new().from_reader(&body[..]);
        let header = other.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = other.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), records);
        let everything = forms(&[("user", Form::Clear), ("system", Form::Clear)]);
        written.case.plans = vec![Plan::new(&written.case.shape, &everything); 3];
        let once = written.emit(&body, &vec![Some(1); records]).unwrap();
        let mut again = csv::ReaderBuilder::new().from_reader(once.as_bytes());
        let left = again.headers().unwrap().clone();
        for (row, now) in rows.iter().zip(again.records()) {
            let now = now.unwrap();
            for (name, cell) in left.iter().zip(now.iter()) {
                let was = header.iter().position(|one| one == name || format!("'{one}") == name).unwrap();
                // What nobody may see is emptied where it is required.
                let same = row[was] == *cell || format!("'{}", &row[was]) == cell;
                let emptied = written.case.shape.fields.iter().any(|field| {
                    let empty: Value = serde_json::from_slice(&field.empty).unwrap();
                    let empty = empty.as_str().map_or(empty.to_string(), str::to_owned);
                    *cell == empty || *cell == format!("'{empty}")
                });
                prop_assert!(same || emptied || cell.is_empty(), "{cell} was {}", &row[was]);
                prop_assert!(!cell.starts_with(['=', '+', '@', '\t', '\r']), "{cell}");
            }
        }
    }

    #[test]
    fn no_bytes_make_the_readers_of_xml_and_csv_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        xml in "(<[/!?]?(page|data|id|a)?[ =\"'>]{0,3}|[a&#;x\\[\\]>-]){0,24}",
        csv in "[id,\"\r\n =a]{0,64}",
    ) {
        let page = super::super::sample::page();
        let xml_page = in_document(super::super::sample::page(), "page", &["id"]);
        let rows = Written::csv(&mut Random(1)).case.shape;
        for body in [bytes.as_slice(), xml.as_bytes(), csv.as_bytes()] {
            for (format, shape) in [(Format::Xml, &xml_page), (Format::Xml, &page), (Format::Csv, &rows), (Format::Csv, &page)] {
                let _ = read(format, shape, body, &Limits::default());
            }
        }
    }
}

fn damage(random: &mut Random, body: &mut Vec<u8>, bytes: &[u8]) {
    if body.is_empty() {
        return;
    }
    let (at, to) = (random.below(body.len()), random.below(body.len()));
    match random.below(4) {
        0 => body[at] = random.pick(bytes),
        1 => drop(body.remove(at)),
        2 => {
            let again = body[at.min(to)..at.max(to)].to_vec();
            body.splice(at..at, again);
        }
        _ => body.truncate(at.max(1)),
    }
}
