//! Writing what was granted, and nothing else, as a new document in the format that was read; here in
//! JSON.

mod csv;
mod values;
mod xml;

use std::ops::Range;

use super::field_set::FieldSet;
use super::leading::{Leading, Led};
use super::links::Links;
use super::piece::{Content, Piece, Scalar, Token};
use super::plan::{Plan, RecordDecision, Treatment};
use super::pseudonym::PseudonymKey;
use super::scanned::{Scanned, Written as Format};
use super::text::{respell, same, unquoted, write_content};
use crate::catalogue::{Member, Node};

/// What left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// For each record, in the order of [`Scanned::records`]; `None` if it was dropped.
    pub records: Vec<Option<Released>>,
    /// For what stands outside of records.
    pub envelope: Released,
}

/// Which of the fields that stood in a record left, and which did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Something of these left: in clear, a part, or a replacement.
    pub released: FieldSet,
    /// These did not leave.
    pub withheld: FieldSet,
    /// Links of which one or more led nowhere and did not leave, though others may have.
    pub lost: FieldSet,
}

impl Scanned<'_> {
    /// Appends to `out` the answer in which each record leaves as decided, and everything outside of
    /// records by `envelope`. Links leave as `links` leads them; without, none does. `decisions` goes by the order of [`Scanned::records`]; a record without
    /// one is dropped. All plans must be made for the shape that was scanned.
    ///
    /// A dropped record is left out of the array it stands in. If one stands elsewhere there is no
    /// answer without it: then nothing is written and the result is `None`.
    #[must_use = "without a result nothing was written and nothing may be sent"]
    pub fn emit(
        &self,
        decisions: &[RecordDecision<'_>],
        envelope: &Plan,
        key: &PseudonymKey,
        links: Option<&Links<'_>>,
        out: &mut Vec<u8>,
    ) -> Option<Emitted> {
        let start = out.len();
        out.reserve(self.text.len());
        let mut writer = Writer {
            scanned: self,
            decisions,
            key,
            leading: Leading::new(self, decisions, links),
            run: self.begins()..self.begins(),
            out,
            made: String::new(),
        };
        let written = match &self.written {
            Format::Document => writer.value(self.root, 0, envelope),
            Format::Member(member) => writer.alone(member, envelope),
            Format::Items => writer.all(self.root, envelope, false),
            Format::Lines => writer.all(self.root, envelope, true),
            Format::Xml => xml::write(&mut writer, self.root, envelope),
            Format::Tag(member) => xml::write_tag(&mut writer, member, envelope),
            Format::Elements => xml::write_elements(&mut writer, self.root, envelope),
            Format::Csv(table) => csv::write(&mut writer, table, envelope),
            Format::CsvPart(part) => csv::write_part(&mut writer, part, envelope),
        };
        if written.is_none() {
            out.truncate(start);
            return None;
        }
        writer.behind_run();
        let led = writer.leading.finish();
        let decided = decisions
            .iter()
            .copied()
            .chain(std::iter::repeat(RecordDecision::Drop));
        let records = self
            .records()
            .iter()
            .zip(decided)
            .map(|(record, decision)| match decision {
                RecordDecision::Keep(plan) => Some(Released::of(record.present(), plan)),
                RecordDecision::Drop => None,
            });
        let mut emitted = Emitted {
            records: records.collect(),
            envelope: Released::of(self.envelope().present(), envelope),
        };
        for (place, led) in led {
            let released = match place {
                None => Some(&mut emitted.envelope),
                Some(record) => {
                    let records = emitted.records.get_mut(record as usize);
                    records.and_then(Option::as_mut)
                }
            };
            if let Some(released) = released {
                released.lose(&led);
            }
        }
        Some(emitted)
    }
}

impl Scanned<'_> {
    /// Where in the text what is written may begin: behind the bracket of items.
    fn begins(&self) -> usize {
        usize::from(matches!(self.written, Format::Items))
    }
}

impl Released {
    fn of(present: &FieldSet, plan: &Plan) -> Self {
        let (released, withheld) = present.split(plan.released());
        Self {
            released,
            withheld,
            lost: FieldSet::default(),
        }
    }

    /// Takes back the links that led nowhere.
    fn lose(&mut self, led: &Led) {
        let (_, nothing_left) = led.lost.split(&led.led);
        let (_, released) = self.released.split(&nothing_left);
        self.released = released;
        self.withheld.extend(&nothing_left);
        self.lost = led.lost.clone();
    }
}

/// A record that is to be dropped stands where it cannot be left out.
type Written = Option<()>;

struct Writer<'s, 'p> {
    scanned: &'s Scanned<'s>,
    decisions: &'s [RecordDecision<'p>],
    key: &'s PseudonymKey,
    leading: Leading<'s, 'p>,
    /// A part of the body that is, byte for byte, what is to be written behind `out`: what is written
    /// next makes it longer as long as the body goes on with the same bytes, and one copy then does for
    /// many. What the body says otherwise, or what is not to leave, ends it.
    run: Range<usize>,
    out: &'s mut Vec<u8>,
    /// Room for the text that stands for a value.
    made: String,
}

impl<'s, 'p> Writer<'s, 'p> {
    /// Writes `bytes`.
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        let end = self.run.end + bytes.len();
        let here = self.scanned.text.as_bytes().get(self.run.end..end);
        if here.is_some_and(|here| same(here, bytes)) {
            self.run.end = end;
        } else {
            self.behind_run().extend_from_slice(bytes);
        }
    }

    /// Writes one byte.
    #[inline]
    fn write_byte(&mut self, byte: u8) {
        if self.scanned.text.as_bytes().get(self.run.end) == Some(&byte) {
            self.run.end += 1;
        } else {
            self.behind_run().push(byte);
        }
    }

    /// Writes this part of the body.
    #[inline]
    fn copy(&mut self, part: Range<usize>) {
        if part.start == self.run.end {
            self.run.end = part.end;
        } else {
            self.behind_run();
            self.run = part;
        }
    }

    /// What has been written, with the run; nothing of the body goes on there.
    #[inline(never)]
    fn behind_run(&mut self) -> &mut Vec<u8> {
        let run = self.scanned.text.as_bytes().get(self.run.clone());
        self.out.extend_from_slice(run.unwrap_or_default());
        self.run = self.run.end..self.run.end;
        self.out
    }

    /// Writes the piece at `place`, which has the shape `node`.
    fn value(&mut self, node: &Node, place: usize, plan: &Plan) -> Written {
        let piece = self.scanned.pieces.get(place)?;
        match (piece.content, node) {
            (Content::Object { after }, Node::Object(object)) => {
                self.object(&object.members, place + 1..after as usize, plan)
            }
            (Content::Record { after, record }, Node::Object(object)) => {
                match self.decision(record) {
                    RecordDecision::Keep(plan) => {
                        self.leading.record = Some(record);
                        let inside = place + 1..after as usize;
                        let written = self.object(&object.members, inside, plan);
                        self.leading.record = None;
                        written
                    }
                    RecordDecision::Drop => None,
                }
            }
            (Content::Array { after }, Node::Array(item)) => {
                self.array(item, place + 1..after as usize, plan)
            }
            (Content::Null, Node::Object(_)) => {
                self.write(b"null");
                Some(())
            }
            // Where nothing of the items may leave, not even whether there is a list does.
            (Content::Null, Node::Array(item)) => {
                let opens = plan.opens(item);
                self.write(if opens { b"null" } else { b"[]" });
                Some(())
            }
            (Content::Scalar(scalar), Node::Scalar(_)) => {
                let treatment = self.treatment(scalar, plan);
                self.scalar(scalar, treatment)
            }
            _ => None,
        }
    }

    fn decision(&self, record: u32) -> RecordDecision<'p> {
        let decision = self.decisions.get(record as usize);
        decision.copied().unwrap_or(RecordDecision::Drop)
    }

    fn object(&mut self, members: &[Member], inside: Range<usize>, plan: &Plan) -> Written {
        self.write_byte(b'{');
        let mut first = true;
        let mut place = inside.start;
        while place < inside.end {
            let piece = self.scanned.pieces.get(place)?;
            let Some(member) = members.get(usize::from(piece.member)) else {
                self.other(place, plan, &mut first)?;
                place = piece.next(place);
                continue;
            };
            if let Content::Scalar(scalar) = piece.content {
                let treatment = self.treatment(scalar, plan);
                if treatment != Treatment::Remove {
                    self.name(member, &mut first);
                    self.scalar(scalar, treatment)?;
                }
                place += 1;
                continue;
            }
            if matches!(piece.content, Content::Record { .. })
                || member.required
                || plan.opens(&member.node)
            {
                self.name(member, &mut first);
                self.value(&member.node, place, plan)?;
            }
            place = piece.next(place);
        }
        self.write_byte(b'}');
        Some(())
    }

    /// Writes the name at `place`, which is data as it is, and its scalar, if they leave.
    #[inline(never)]
    fn other(&mut self, place: usize, plan: &Plan, first: &mut bool) -> Written {
        let Content::Name { start, end } = self.scanned.pieces.get(place)?.content else {
            return None;
        };
        let Some(scalar) = self.other_scalar(place + 1, plan)? else {
            return Some(());
        };
        if !std::mem::take(first) {
            self.write_byte(b',');
        }
        let name = self.scanned.text.get(start as usize..end as usize)?;
        respell(unquoted(name), self.behind_run());
        self.write_byte(b':');
        self.scalar(scalar, Treatment::Clear)
    }

    /// The scalar at `place`, of which only the name precedes it, if it leaves: in clear or not at all.
    fn other_scalar(&self, place: usize, plan: &Plan) -> Option<Option<Scalar>> {
        let Content::Scalar(scalar) = self.scanned.pieces.get(place)?.content else {
            return None;
        };
        let leaves = plan.treatment(scalar.field) == Treatment::Clear;
        Some(leaves.then_some(scalar))
    }

    /// Whether this is a record of which nothing leaves.
    fn drops(&self, piece: &Piece) -> bool {
        match piece.content {
            Content::Record { record, .. } => {
                matches!(self.decision(record), RecordDecision::Drop)
            }
            _ => false,
        }
    }

    /// Writes the name of a member, behind a comma if it is not the `first`.
    #[inline]
    fn name(&mut self, member: &Member, first: &mut bool) {
        if !std::mem::take(first) {
            self.write_byte(b',');
        }
        self.write(&member.encoded);
    }

    fn array(&mut self, item: &Node, inside: Range<usize>, plan: &Plan) -> Written {
        self.write_byte(b'[');
        self.each(item, inside, plan, false)?;
        self.write_byte(b']');
        Some(())
    }

    /// Writes the items at `inside` that stay: as lines, or with commas between them.
    fn each(&mut self, item: &Node, inside: Range<usize>, plan: &Plan, lines: bool) -> Written {
        // Where nothing of the items may leave, not even their number does.
        let mut place = if plan.opens(item) {
            inside.start
        } else {
            inside.end
        };
        let mut first = true;
        while place < inside.end {
            let piece = self.scanned.pieces.get(place)?;
            if let Content::Scalar(scalar) = piece.content {
                let treatment = self.treatment(scalar, plan);
                // A link that leads nowhere is no item.
                if treatment.releases() {
                    if !std::mem::take(&mut first) {
                        self.write_byte(b',');
                    }
                    self.scalar(scalar, treatment)?;
                }
                place += 1;
                continue;
            }
            if !self.drops(piece) {
                if !std::mem::take(&mut first) && !lines {
                    self.write_byte(b',');
                }
                self.value(item, place, plan)?;
                if lines {
                    self.write_byte(b'\n');
                }
            }
            place = piece.next(place);
        }
        Some(())
    }

    /// Writes the only member that was read, where it stays.
    fn alone(&mut self, member: &Member, plan: &Plan) -> Written {
        let piece = self.scanned.pieces.first()?;
        if let Content::Scalar(scalar) = piece.content {
            let treatment = self.treatment(scalar, plan);
            if treatment != Treatment::Remove {
                self.write(&member.encoded);
                self.scalar(scalar, treatment)?;
            }
        } else if stays(piece, member, plan) {
            self.write(&member.encoded);
            self.value(&member.node, 0, plan)?;
        }
        Some(())
    }

    /// Writes all items of an array without its brackets.
    fn all(&mut self, array: &Node, plan: &Plan, lines: bool) -> Written {
        let Content::Array { after } = self.scanned.pieces.first()?.content else {
            return None;
        };
        let Node::Array(item) = array else {
            return None;
        };
        self.each(item, 1..after as usize, plan, lines)
    }

    #[inline]
    fn scalar(&mut self, scalar: Scalar, treatment: Treatment) -> Written {
        let part = scalar.start as usize..scalar.end as usize;
        if treatment.is_whole() && scalar.token != Token::Respelled {
            self.copy(part);
            return Some(());
        }
        let written = self.scanned.text.get(part)?;
        self.replaced(scalar, treatment, written);
        Some(())
    }

    /// Writes a scalar that does not leave as it is spelled in the body.
    #[inline(never)]
    fn replaced(&mut self, scalar: Scalar, treatment: Treatment, written: &str) {
        if treatment.is_whole() {
            respell(unquoted(written), self.behind_run());
        } else if let Some(json) = self.instead(scalar, treatment, written) {
            self.behind_run().extend_from_slice(json);
        } else {
            self.behind_run().push(b'"');
            write_content(&self.made, self.out);
            self.out.push(b'"');
        }
    }
}

/// Whether a member is written at all.
#[inline]
fn stays(piece: &Piece, member: &Member, plan: &Plan) -> bool {
    match piece.content {
        Content::Scalar(scalar) => plan.treatment(scalar.field) != Treatment::Remove,
        // What has its own name is written with it.
        Content::Name { .. } => false,
        Content::Record { .. } => true,
        Content::Object { .. } | Content::Array { .. } | Content::Null => {
            member.required || plan.opens(&member.node)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Field, FieldId, Node, ObjectNode, Partial, Pseudonym, Shape};
    use crate::filter::sample::{Builder, array, forms, object, page, record};
    use crate::filter::{Limits, Method, scan};
    use crate::terms::Form;

    const JOB: &str = r#"{ "id":"j1", "customer_id":"c1","email":"ann@example.com","name":"A\u006en \/ Lee",
        "phone":"555-0199","pages":12,"cost":-1.50e2,"urgent":true,"address":{"city":"Bonn","street":"Weg 1"},
        "tags":["x","y"],"recipients":[{"name":"Bob"},{"name":"Eve"}],"new":{"email":"ann@example.com"}}"#;

    fn key() -> PseudonymKey {
        PseudonymKey::new(&[1; 32])
    }

    fn emitted(shape: &Shape, body: &str, record: &Plan, envelope: &Plan) -> (String, Emitted) {
        let scanned = scan(shape, body.as_bytes(), &Limits::default()).unwrap();
        let decisions = vec![RecordDecision::Keep(record); scanned.records().len()];
        let mut out = Vec::new();
        let emitted = scanned
            .emit(&decisions, envelope, &key(), None, &mut out)
            .unwrap();
        (String::from_utf8(out).unwrap(), emitted)
    }

    fn one_job(granted: &[(&str, Form)]) -> String {
        let shape = page();
        let plan = Plan::new(&shape, &forms(granted));
        emitted(&shape, &format!("{{\"data\":[{JOB}]}}"), &plan, &plan).0
    }

    #[test]
    fn granted_in_clear_arrives_in_the_order_of_the_answer_with_one_spelling() {
        let everything = one_job(&[("user", Form::Clear), ("system", Form::Clear)]);
        assert_eq!(
            everything,
            r#"{"data":[{"id":"j1","customer_id":"c1","email":"ann@example.com","name":"Ann / Lee","phone":"555-0199","pages":12,"cost":-1.50e2,"urgent":true,"address":{"city":"Bonn","street":"Weg 1"},"tags":["x","y"],"recipients":[{"name":"Bob"},{"name":"Eve"}]}]}"#
        );
    }

    #[test]
    fn a_string_leaves_in_one_spelling_whichever_it_came_in() {
        let mut make = Builder::default();
        let text = make.text("user.name");
        let shape = make.shape(Node::Object(object([("text", text)])));
        let plan = Plan::new(&shape, &forms(&[("user", Form::Clear)]));
        for content in [
            r#"Ann "Lee""#,
            "a\\b/c\u{8}\u{c}\n\r\t",
            "\0\u{1f}\u{7f}é😀",
            "",
            "a longer one, with a \" far behind its beginning",
        ] {
            let shortest = serde_json::json!({ "text": content }).to_string();
            let escapes = content.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            let longest = format!("{{\"text\":\"{}\"}}", escapes.collect::<String>());
            let slashes = shortest.replace('/', "\\/");
            for body in [&shortest, &longest, &slashes] {
                assert_eq!(emitted(&shape, body, &plan, &plan).0, shortest, "{body}");
            }
        }
    }

    #[test]
    fn what_leaves_does_not_depend_on_the_space_of_the_body() {
        let shape = page();
        let plan = Plan::new(
            &shape,
            &forms(&[("user.unique_id", Form::Clear), ("system", Form::Clear)]),
        );
        let compact = r#"{"data":[{"id":"1","pages":2,"urgent":true},{"id":"3","email":"a@example.com","pages":4}],"count":2}"#;
        let spaced = compact.replace(':', " : ").replace(',', "\n,\t");
        let expected =
            r#"{"data":[{"id":"1","pages":2,"urgent":true},{"id":"3","pages":4}],"count":2}"#;
        assert_eq!(emitted(&shape, compact, &plan, &plan).0, expected);
        assert_eq!(emitted(&shape, &spaced, &plan, &plan).0, expected);
    }

    #[test]
    fn what_is_withheld_is_removed_or_emptied_where_the_schema_requires_it() {
        assert_eq!(
            one_job(&[]),
            r#"{"data":[{"name":"","cost":null,"tags":[]}]}"#
        );
        assert_eq!(
            one_job(&[
                ("system", Form::Clear),
                ("user.contact.address.city", Form::Clear)
            ]),
            r#"{"data":[{"name":"","pages":12,"cost":null,"urgent":true,"address":{"city":"Bonn"},"tags":[]}]}"#
        );
    }

    #[test]
    fn a_partial_value_needs_a_rule_and_a_pseudonym_needs_text() {
        let partial = one_job(&[("user", Form::Partial), ("system", Form::Partial)]);
        assert_eq!(
            partial,
            r#"{"data":[{"name":"","phone":"***0199","cost":null,"tags":[]}]}"#
        );
        let pseudonym = one_job(&[
            ("user.contact.email", Form::Pseudonym),
            ("system", Form::Pseudonym),
        ]);
        let mut expected = String::new();
        let email = crate::taxonomy::Category::parse("user.contact.email").unwrap();
        key().write(&Pseudonym::PLAIN, email, "ann@example.com", &mut expected);
        assert_eq!(
            pseudonym,
            format!(r#"{{"data":[{{"email":"{expected}","name":"","cost":null,"tags":[]}}]}}"#)
        );
        let aggregate = one_job(&[("user", Form::Aggregate), ("system", Form::Aggregate)]);
        assert_eq!(aggregate, one_job(&[]));
    }

    #[test]
    fn a_plan_names_what_it_withholds_and_how() {
        let shape = page();
        let plan = Plan::new(
            &shape,
            &forms(&[
                ("user.contact", Form::Partial),
                ("user.unique_id", Form::Pseudonym),
            ]),
        );
        let method = |field: u16| {
            let withheld = plan
                .withheld()
                .iter()
                .find(|withheld| withheld.field == FieldId(field));
            withheld.map(|withheld| withheld.method.word())
        };
        let methods: Vec<_> = (0..14).map(method).collect();
        let removal = Some("removal");
        let expected = [
            Some("replacementValue"),
            Some("replacementValue"),
            removal,
            Some("emptyValue"),
            Some("partialValue"),
            removal,
            Some("emptyValue"),
            removal,
            removal,
            removal,
            removal,
            removal,
            removal,
            removal,
        ];
        assert_eq!(methods, expected);
        assert!(
            Plan::new(&shape, &forms(&[("user", Form::Clear)]))
                .withheld()
                .iter()
                .all(|w| w.method == Method::Removal)
        );
    }

    #[test]
    fn a_required_field_of_a_container_that_is_left_out_is_removed_with_it() {
        let mut make = Builder::default();
        let mut required = |category| {
            let node = make.text(category);
            make.last().required = true;
            node
        };
        let (street, city, name) = (required("user"), required("user"), required("user.name"));
        let optional = Node::Object(object([("street!", street)]));
        let kept = Node::Object(object([("city!", city)]));
        let items = array(Node::Object(object([("name!", name)])));
        let members = [("optional", optional), ("kept!", kept), ("items!", items)];
        let shape = make.shape(Node::Object(object(members)));
        let plan = Plan::new(&shape, &forms(&[]));
        let methods: Vec<_> = plan
            .withheld()
            .iter()
            .map(|withheld| withheld.method)
            .collect();
        assert_eq!(
            methods,
            [Method::Removal, Method::EmptyValue, Method::Removal]
        );
        let body = r#"{"optional":{"street":"s"},"kept":{"city":"c"},"items":[{"name":"n"}]}"#;
        let left = emitted(&shape, body, &plan, &plan).0;
        assert_eq!(left, r#"{"kept":{"city":""},"items":[]}"#);
    }

    #[test]
    fn only_system_fields_disclose_nothing_about_anyone() {
        let shape = page();
        let discloses_nothing =
            |granted: &[(&str, Form)]| Plan::new(&shape, &forms(granted)).discloses_nothing();
        assert!(discloses_nothing(&[]));
        assert!(discloses_nothing(&[("system", Form::Clear)]));
        assert!(discloses_nothing(&[("user.name", Form::Aggregate)]));
        assert!(!discloses_nothing(&[("user.unique_id", Form::Pseudonym)]));
        assert!(!discloses_nothing(&[
            ("system", Form::Clear),
            ("user.name", Form::Clear)
        ]));
    }

    #[test]
    fn each_record_leaves_by_its_own_plan_and_reports_what_left() {
        let shape = page();
        let (open, closed) = (forms(&[("user", Form::Clear)]), forms(&[]));
        let (open, closed) = (Plan::new(&shape, &open), Plan::new(&shape, &closed));
        let body = r#"{"data":[{"id":"1","email":"a"},{"id":"2"},{"id":"3","name":"n"}],"count":3,"next":"https://core/2"}"#;
        let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
        let mut out = b"before".to_vec();
        let decisions = [
            RecordDecision::Keep(&open),
            RecordDecision::Drop,
            RecordDecision::Keep(&closed),
        ];
        let emitted = scanned
            .emit(&decisions, &closed, &key(), None, &mut out)
            .unwrap();
        assert_eq!(
            out,
            br#"before{"data":[{"id":"1","email":"a"},{"name":""}]}"#
        );
        let set = |ids: &[u16]| ids.iter().copied().map(FieldId).collect::<FieldSet>();
        let released = |released: &[u16], withheld: &[u16]| Released {
            released: set(released),
            withheld: set(withheld),
            ..Released::default()
        };
        let records = vec![
            Some(released(&[0, 2], &[])),
            None,
            Some(released(&[], &[0, 3])),
        ];
        assert_eq!(
            emitted,
            Emitted {
                records,
                envelope: released(&[], &[12, 13])
            }
        );
    }

    #[test]
    fn a_record_nobody_decided_about_is_dropped() {
        let shape = page();
        let plan = Plan::new(
            &shape,
            &forms(&[("user", Form::Clear), ("system", Form::Clear)]),
        );
        let scanned = scan(
            &shape,
            br#"{"data":[{"id":"1"},{"id":"2"}],"count":2}"#,
            &Limits::default(),
        )
        .unwrap();
        let mut out = Vec::new();
        let emitted = scanned.emit(&[], &plan, &key(), None, &mut out).unwrap();
        assert_eq!(out, br#"{"data":[],"count":2}"#);
        assert_eq!(emitted.records, [None, None]);
    }

    #[test]
    fn a_record_that_stands_alone_and_is_dropped_leaves_no_answer() {
        let mut make = Builder::default();
        let name = make.text("user.name");
        let ok = make.field(crate::catalogue::ScalarKind::Boolean, "system");
        let alone = make.shape(Node::Object(object([
            ("customer", record([("name", name)])),
            ("ok", ok),
        ])));
        let mut make = Builder::default();
        let name = make.text("user.name");
        let root = make.shape(record([("name", name)]));
        for (shape, body) in [
            (&alone, r#"{"ok":true,"customer":{"name":"Ann"}}"#),
            (&root, r#"{"name":"Ann"}"#),
        ] {
            let plan = Plan::new(
                shape,
                &forms(&[("user", Form::Clear), ("system", Form::Clear)]),
            );
            let scanned = scan(shape, body.as_bytes(), &Limits::default()).unwrap();
            let mut out = b"kept".to_vec();
            assert_eq!(
                scanned.emit(&[RecordDecision::Drop], &plan, &key(), None, &mut out),
                None
            );
            assert_eq!(out, b"kept");
            let emitted = scanned.emit(
                &[RecordDecision::Keep(&plan)],
                &plan,
                &key(),
                None,
                &mut out,
            );
            assert!(emitted.is_some());
            assert_eq!(out, format!("kept{body}").as_bytes());
        }
    }

    #[test]
    fn neither_size_nor_presence_of_a_closed_container_shows() {
        let shape = page();
        let plan = Plan::new(&shape, &forms(&[("system", Form::Clear)]));
        let bodies = [
            r#"{"data":[{"pages":1,"tags":["a","b"],"recipients":[{"name":"Bob"}],"address":{"city":"X"}}]}"#,
            r#"{"data":[{"pages":1,"tags":[],"recipients":[],"address":null}]}"#,
            r#"{"data":[{"pages":1,"tags":["c"],"address":{}}]}"#,
        ];
        for body in bodies {
            assert_eq!(
                emitted(&shape, body, &plan, &plan).0,
                r#"{"data":[{"pages":1,"tags":[]}]}"#
            );
        }
    }

    #[test]
    fn null_stays_null_where_something_of_the_value_would_leave() {
        let mut make = Builder::default();
        let email = make.text("user.contact.email");
        *make.last() = Field {
            nullable: true,
            partial: Some(Partial::Last(2)),
            ..make.last().clone()
        };
        let inner = make.text("user.name");
        let nullable = Node::Object(ObjectNode {
            nullable: true,
            ..object([("name", inner)])
        });
        let shape = make.shape(Node::Object(object([
            ("email", email),
            ("people", array(nullable)),
        ])));
        for form in [Form::Clear, Form::Partial, Form::Pseudonym] {
            let plan = Plan::new(
                &shape,
                &forms(&[("user.contact", form), ("user.name", Form::Clear)]),
            );
            let body = r#"{"email":null,"people":[null,{"name":"A"}]}"#;
            assert_eq!(emitted(&shape, body, &plan, &plan).0, body);
        }
    }
}
