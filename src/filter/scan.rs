//! The one reading of an answer, here in JSON: validates it, matches it against its shape, and notes where its
//! catalogued values stand and whose they are.

pub(super) mod csv;
mod gathered;
mod marks;
mod scalars;
pub(super) mod xml;

use std::mem;
use std::ops::Range;

use super::Limits;
use super::field_set::FieldSet;
use super::piece::{Content, OTHER, Piece};
use super::reader::Reader;
use super::scanned::{Record, Scanned, Written};
use super::seen::Seen;
use super::uninspectable::{Reason, Uninspectable};
use super::walk::Walk;
use crate::catalogue::{FieldId, FieldRole, Member, Node, ObjectNode, Shape, is_document};

/// Reads `body` once, strictly and against `shape`.
///
/// # Errors
/// The first doubt: not strict JSON, beyond a limit, or not what the catalogue says. Missing members
/// are no doubt (nothing leaks by them); a value of another type is, and one that its schema does not allow.
pub fn scan<'a>(
    shape: &'a Shape,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut scanner = Scanner::new(shape, body, limits)?;
    scanner.value(&shape.root, 0, 0..0, 1)?;
    scanner.walk.reader.end()?;
    Ok(scanner.finish(&shape.root, Written::Document))
}

/// Reads lines, each a value of its own that ends with its line (NDJSON): `shape` is an array of them. A
/// line without a value is refused; the last may lack its end.
///
/// # Errors
/// As [`scan`].
pub(super) fn lines<'a>(
    shape: &'a Shape,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut scanner = match body {
        [] => Scanner::over(shape, Walk::nothing(limits), limits),
        _ => Scanner::new(shape, body, limits)?,
    };
    let Node::Array(item) = &shape.root else {
        return Err(scanner.walk.reader.refuse(Reason::Mismatch));
    };
    scanner.lines(item)?;
    Ok(scanner.finish(&shape.root, Written::Lines))
}

/// Reads `text`, an array of the shape `array` at level `depth`, of which only the items are an answer's.
///
/// # Errors
/// As [`scan`].
pub(super) fn items<'a>(
    shape: &'a Shape,
    array: &'a Node,
    text: &'a [u8],
    depth: u8,
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut scanner = Scanner::new(shape, text, limits)?;
    scanner.value(array, 0, 0..0, depth)?;
    scanner.walk.reader.end()?;
    Ok(scanner.finish(array, Written::Items))
}

/// Reads `text`, the value of one member, which is at level `depth` if it is an object or array.
///
/// # Errors
/// As [`scan`].
pub(super) fn member<'a>(
    shape: &'a Shape,
    member: &'a Member,
    text: &'a [u8],
    depth: u8,
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut scanner = Scanner::new(shape, text, limits)?;
    scanner.container(member, 0, 0..0, depth)?;
    scanner.walk.reader.end()?;
    Ok(scanner.finish(&member.node, Written::Member(member)))
}

/// The pieces of an earlier object with the same shape, not yet passed by: what probably comes next.
/// A core writes the members of like objects in like order, so a guess costs one comparison where
/// finding a member costs a search.
type Guess = Range<usize>;

struct Scanner<'a> {
    walk: Walk<'a>,
    shape: &'a Shape,
    limits: Limits,
    pieces: Vec<Piece>,
    records: Vec<Record<'a>>,
    envelope: Record<'a>,
    /// The record being read, and what stands in the envelope so far.
    record: Option<(Record<'a>, FieldSet)>,
    /// The fields that were read so far of the record, or else of the envelope.
    present: FieldSet,
    uncatalogued: usize,
    /// Room for the text that is being checked, where it is written with escapes.
    decoded: String,
}

impl<'a> Scanner<'a> {
    fn new(shape: &'a Shape, body: &'a [u8], limits: &Limits) -> Result<Self, Uninspectable> {
        let mut scanner = Self::over(shape, Walk::new(body, limits)?, limits);
        // A guess for compact answers; the list grows where it is wrong.
        scanner.pieces.reserve(body.len() / 16);
        Ok(scanner)
    }

    fn over(shape: &'a Shape, walk: Walk<'a>, limits: &Limits) -> Self {
        Self {
            walk,
            shape,
            limits: *limits,
            pieces: Vec::new(),
            records: Vec::new(),
            envelope: Record::default(),
            record: None,
            present: FieldSet::default(),
            uncatalogued: 0,
            decoded: String::new(),
        }
    }

    fn finish(mut self, root: &'a Node, written: Written<'a>) -> Scanned<'a> {
        self.envelope.present = self.present;
        inherit(&mut self.records, &self.envelope);
        Scanned {
            shape: self.shape,
            root,
            text: self.walk.reader.text(),
            written,
            pieces: self.pieces,
            records: self.records,
            envelope: self.envelope,
            uncatalogued: self.uncatalogued,
        }
    }

    /// Reads a value of the shape `node`, which is `member` of the object around it. If it is an
    /// object or array it is at level `depth`, and `alike` has the pieces inside an earlier such one.
    fn value(
        &mut self,
        node: &'a Node,
        member: u16,
        alike: Guess,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        match node {
            Node::Scalar(field) => {
                let mut reader = self.walk.reader;
                self.scalar(&mut reader, *field, member)?;
                self.walk.reader = reader;
                Ok(())
            }
            Node::Object(object) => self.object(object, member, alike, depth),
            Node::Array(item) => self.array(item, member, alike, depth),
        }
    }

    /// Reads the value of `known`, which is `member` of the object around it.
    fn container(
        &mut self,
        known: &'a Member,
        member: u16,
        alike: Guess,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        if known.nullable_list && self.walk.reader.next() == Some(b'n') {
            return self.null(member);
        }
        self.value(&known.node, member, alike, depth)
    }

    /// Reads `null` where an object or a list may stand.
    fn null(&mut self, member: u16) -> Result<(), Uninspectable> {
        self.walk.reader.literal(b"null")?;
        self.pieces.push(Piece {
            member,
            content: Content::Null,
        });
        Ok(())
    }

    fn object(
        &mut self,
        node: &'a ObjectNode,
        member: u16,
        alike: Guess,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        match self.walk.reader.next() {
            Some(b'{') => self.walk.check_depth(depth)?,
            Some(b'n') if node.nullable => return self.null(member),
            _ => return Err(self.walk.reader.not_this_value()),
        }
        let place = self.pieces.len();
        self.pieces.push(Piece {
            member,
            content: Content::Object {
                after: index(place + 1),
            },
        });
        // Records do not nest: one inside another is a part of it.
        let begins_record = node.record && self.record.is_none();
        if begins_record {
            self.record = Some((Record::default(), mem::take(&mut self.present)));
        }
        self.members(node, alike, depth)?;
        let after = index(self.pieces.len());
        let content = match self.record.take_if(|_| begins_record) {
            Some((mut ended, outside)) => {
                ended.present = mem::replace(&mut self.present, outside);
                self.records.push(ended);
                Content::Record {
                    after,
                    record: index(self.records.len() - 1),
                }
            }
            None => Content::Object { after },
        };
        self.close(place, content);
        Ok(())
    }

    /// Reads the members of an object to its closing bracket, with a reader of its own where nothing
    /// else reads.
    #[inline(never)]
    fn members(
        &mut self,
        node: &'a ObjectNode,
        mut alike: Guess,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        let opened = self.walk.open_object();
        let mut seen = Seen::default();
        let mut reader = self.walk.reader;
        let mut more = reader.enter(b'}');
        while more {
            let mut name = self.likely_name(&mut reader, node, &mut alike);
            if name.is_none() {
                self.walk.reader = reader;
                name = self.member_name(node, &mut alike, opened, depth)?;
                reader = self.walk.reader;
            }
            if let Some((member, known, inside)) = name {
                if !seen.insert(member) {
                    return Err(reader.refuse(Reason::DuplicateKey));
                }
                match &known.node {
                    Node::Scalar(field) => self.scalar(&mut reader, *field, member)?,
                    Node::Object(_) | Node::Array(_) => {
                        self.walk.reader = reader;
                        self.container(known, member, inside, depth + 1)?;
                        reader = self.walk.reader;
                    }
                }
            }
            more = reader.another(b'}')?;
        }
        self.walk.reader = reader;
        self.walk.close_object(opened)
    }

    /// Reads a key and its colon if they are those that the earlier object lets expect. Gives the
    /// place in `node.members`, what stands there, and what was inside the same member earlier.
    #[inline]
    fn likely_name(
        &self,
        reader: &mut Reader<'a>,
        node: &'a ObjectNode,
        alike: &mut Guess,
    ) -> Option<(u16, &'a Member, Guess)> {
        reader.next();
        let piece = self.pieces.get(..alike.end)?.get(alike.start)?;
        let likely = node.members.get(usize::from(piece.member))?;
        if !reader.take(&likely.encoded) {
            return None;
        }
        let inside = alike.start + 1..piece.next(alike.start);
        alike.start = inside.end;
        Some((piece.member, likely, inside))
    }

    /// As [`Self::likely_name`], whatever the key is. One that the catalogue does not know is
    /// remembered, and its value skipped.
    #[inline(never)]
    fn member_name(
        &mut self,
        node: &'a ObjectNode,
        alike: &mut Guess,
        opened: usize,
        depth: u8,
    ) -> Result<Option<(u16, &'a Member, Guess)>, Uninspectable> {
        let key = self.walk.key()?;
        let place = node
            .members
            .binary_search_by(|member| (*member.name).cmp(&*key));
        let known = place.ok().and_then(|place| {
            let member = u16::try_from(place).ok()?;
            Some((member, node.members.get(place)?))
        });
        let Some((member, known)) = known else {
            // A name is data there, and may hide as much as a value.
            if node.others.is_some() && is_document(&key) {
                return Err(self.walk.reader.refuse(Reason::Mismatch));
            }
            self.walk.remember(key, opened)?;
            if let Some(field) = node.others {
                self.other(field, opened)?;
                return Ok(None);
            }
            self.uncatalogued += 1;
            self.walk.skip_value(depth + 1)?;
            return Ok(None);
        };
        Ok(Some((member, known, self.resume(member, alike))))
    }

    /// Reads a member that only the category of all others is about, behind its key, in an object whose
    /// unknown keys begin at `opened`.
    fn other(&mut self, field: FieldId, opened: usize) -> Result<(), Uninspectable> {
        let key = self.walk.last_key.clone();
        let many = self.walk.unknown(opened) > self.limits.other_members_max;
        if many || key.len() > self.limits.name_bytes_max {
            return Err(Uninspectable::new(Reason::TooManyMembers, key.start));
        }
        let (start, end) = (index(key.start), index(key.end));
        self.pieces.push(Piece {
            member: OTHER,
            content: Content::Name { start, end },
        });
        let mut reader = self.walk.reader;
        self.scalar(&mut reader, field, OTHER)?;
        self.walk.reader = reader;
        Ok(())
    }

    /// After a wrong guess: goes on behind `member` in the earlier object, if it is still ahead.
    fn resume(&self, member: u16, alike: &mut Guess) -> Guess {
        let mut place = alike.start;
        while place < alike.end
            && let Some(piece) = self.pieces.get(place)
        {
            let next = piece.next(place);
            if piece.member == member {
                alike.start = next;
                return place + 1..next;
            }
            place = next;
        }
        0..0
    }

    fn array(
        &mut self,
        item: &'a Node,
        member: u16,
        alike: Guess,
        depth: u8,
    ) -> Result<(), Uninspectable> {
        if self.walk.reader.next() != Some(b'[') {
            return Err(self.walk.reader.not_this_value());
        }
        self.walk.check_depth(depth)?;
        let place = self.pieces.len();
        self.pieces.push(Piece {
            member,
            content: Content::Array {
                after: index(place + 1),
            },
        });
        let mut earlier = (alike.start < alike.end).then_some(alike.start);
        let mut more = self.walk.reader.enter(b']');
        while more {
            let inside = earlier.and_then(|at| Some(at + 1..self.pieces.get(at)?.next(at)));
            let inside = inside.unwrap_or_default();
            earlier = Some(self.pieces.len());
            self.value(item, 0, inside, depth + 1)?;
            more = self.walk.reader.another(b']')?;
        }
        self.close(
            place,
            Content::Array {
                after: index(self.pieces.len()),
            },
        );
        Ok(())
    }

    fn lines(&mut self, item: &'a Node) -> Result<(), Uninspectable> {
        self.pieces.push(Piece {
            member: 0,
            content: Content::Array { after: 1 },
        });
        if self.walk.reader.position() > 0 {
            return Err(self.walk.reader.unexpected());
        }
        let mut earlier: Option<usize> = None;
        while self.walk.reader.begin_line()? {
            let start = self.walk.reader.position();
            let inside = earlier.and_then(|at| Some(at + 1..self.pieces.get(at)?.next(at)));
            earlier = Some(self.pieces.len());
            self.value(item, 0, inside.unwrap_or_default(), 1)?;
            self.walk.reader.end_line(start)?;
        }
        let after = index(self.pieces.len());
        self.close(0, Content::Array { after });
        Ok(())
    }

    fn close(&mut self, place: usize, content: Content) {
        if let Some(piece) = self.pieces.get_mut(place) {
            piece.content = content;
        }
    }
}

/// Records that name no customer are those of the customer that is named around them.
fn inherit<'a>(records: &mut [Record<'a>], envelope: &Record<'a>) {
    let unnamed = records.iter_mut();
    for record in unnamed.filter(|record| record.customer.is_none()) {
        record.customer.clone_from(&envelope.customer);
    }
}

/// Exact: the reader takes no body of 4 GiB or more, and a body has fewer pieces than bytes.
#[inline]
fn index(place: usize) -> u32 {
    place as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::ScalarKind;
    use crate::filter::sample::{Builder, array, object, page, record};
    use crate::terms::ResourceKind;

    fn reason(shape: &Shape, body: &str) -> Option<Reason> {
        let refused = scan(shape, body.as_bytes(), &Limits::default()).err()?;
        Some(refused.reason)
    }

    fn job(members: &str) -> String {
        format!("{{\"data\":[{{{members}}}]}}")
    }

    #[test]
    fn a_value_of_another_type_than_catalogued_refuses_the_answer() {
        let shape = page();
        for members in [
            r#""id":1"#,
            r#""id":null"#,
            r#""id":{"id":"x"}"#,
            r#""id":["x"]"#,
            r#""email":true"#,
            r#""pages":1.5"#,
            r#""pages":1e3"#,
            r#""pages":"1""#,
            r#""pages":null"#,
            r#""cost":"1.00""#,
            r#""urgent":1"#,
            r#""urgent":"true""#,
            r#""address":[]"#,
            r#""address":"1 Main St""#,
            r#""tags":null"#,
            r#""tags":"a""#,
            r#""tags":[1]"#,
            r#""recipients":["Ann"]"#,
            r#""recipients":[null]"#,
        ] {
            assert_eq!(
                reason(&shape, &job(members)),
                Some(Reason::Mismatch),
                "{members}"
            );
        }
        for body in [
            "[]",
            "null",
            "\"x\"",
            "1",
            r#"{"data":{}}"#,
            r#"{"data":[1]}"#,
            r#"{"data":[null]}"#,
        ] {
            assert_eq!(reason(&shape, body), Some(Reason::Mismatch), "{body}");
        }
        assert_eq!(
            reason(
                &shape,
                &job(r#""cost":null,"email":null,"address":null,"pages":-0"#)
            ),
            None
        );
    }

    #[test]
    fn a_number_longer_than_any_use_for_it_is_no_number_of_the_catalogue() {
        let shape = page();
        assert_eq!(
            reason(&shape, &job(&format!("\"cost\":{}", "1".repeat(40)))),
            None
        );
        assert_eq!(
            reason(&shape, &job(&format!("\"cost\":{}", "1".repeat(41)))),
            Some(Reason::Mismatch)
        );
    }

    #[test]
    fn keys_are_compared_as_they_are_meant_not_as_they_are_spelled() {
        let shape = page();
        let twice = r#""email":"a@example.com","\u0065mail":"b@example.com""#;
        assert_eq!(reason(&shape, &job(twice)), Some(Reason::DuplicateKey));
        assert_eq!(
            reason(&shape, &job(r#""\u0065m\u0061il":1"#)),
            Some(Reason::Mismatch)
        );
        // Another alphabet, another case, white space, an unseen character: other keys.
        for key in [
            "еmail",
            "Email",
            "email ",
            "e\u{200b}mail",
            "ｅmail",
            "email\\u0000",
        ] {
            let body = job(&format!("\"{key}\":1"));
            let scanned = scan(&shape, body.as_bytes(), &Limits::default()).expect(key);
            assert_eq!(scanned.uncatalogued(), 1, "{key}");
        }
    }

    #[test]
    fn a_catalogued_key_twice_is_found_whatever_was_guessed() {
        let shape = page();
        let first = r#"{"id":"1","pages":1,"urgent":true}"#;
        for second in [
            r#"{"id":"1","pages":1,"pages":1}"#,
            r#"{"pages":1,"id":"1","pages":1}"#,
            r#"{"id":"1","x":1,"pages":1,"urgent":true,"id":"1"}"#,
            r#"{"id":"1","x":1,"pages":1,"urgent":true,"x":1}"#,
        ] {
            let body = format!("{{\"data\":[{first},{second}]}}");
            assert_eq!(
                reason(&shape, &body),
                Some(Reason::DuplicateKey),
                "{second}"
            );
        }
        for second in [
            r#"{"urgent":true,"id":"1","pages":1}"#,
            r#"{"pages":2}"#,
            "{}",
            first,
        ] {
            let body = format!("{{\"data\":[{first},{second},{first}]}}");
            assert_eq!(reason(&shape, &body), None, "{second}");
        }
    }

    #[test]
    fn members_beyond_the_first_64_are_found_twice_too() {
        let names: Vec<&'static str> = (0..70).map(|n| &*format!("m{n:02}").leak()).collect();
        let mut make = Builder::default();
        let members: Vec<_> = names
            .iter()
            .map(|name| (*name, make.text("user")))
            .collect();
        let shape = make.shape(Node::Object(object(members)));
        for (twice, expected) in [
            ("m00", true),
            ("m63", true),
            ("m64", true),
            ("m69", true),
            ("m70", false),
        ] {
            let body: Vec<_> = names
                .iter()
                .chain([&twice])
                .map(|name| format!("\"{name}\":\"\""))
                .collect();
            let refused = reason(&shape, &format!("{{{}}}", body.join(",")));
            assert_eq!(refused, expected.then_some(Reason::DuplicateKey), "{twice}");
        }
    }

    #[test]
    fn levels_are_counted_through_members_nobody_knows() {
        let shape = page();
        for (levels, expected) in [(61, None), (62, Some(Reason::TooDeep))] {
            let nested = ["[".repeat(levels), "]".repeat(levels)].concat();
            assert_eq!(reason(&shape, &job(&format!("\"new\":{nested}"))), expected);
        }
    }

    #[test]
    fn of_several_things_of_one_kind_the_first_names_the_record() {
        let mut make = Builder::default();
        let mut job = || {
            let node = make.text("user.unique_id");
            make.last().role = FieldRole::ResourceId(ResourceKind::Job);
            node
        };
        let members = [("first", job()), ("second", job())];
        let shape = make.shape(record(members));
        let scanned = scan(&shape, br#"{"second":"2","first":"1"}"#, &Limits::default()).unwrap();
        assert_eq!(scanned.records()[0].resource(ResourceKind::Job), Some("2"));
        assert_eq!(scanned.records()[0].resource(ResourceKind::List), None);
    }

    #[test]
    fn each_record_says_whose_it_is_and_what_it_is() {
        let shape = page();
        let body = r#"{"data":[{"tags":[],"customer_id":"c\u00e91","id":"j1"},{"id":"j2"},{"customer_id":"c3"}]}"#;
        let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
        let customers: Vec<_> = scanned.records().iter().map(Record::customer).collect();
        assert_eq!(customers, [Some("cé1"), None, Some("c3")]);
        let jobs: Vec<_> = scanned
            .records()
            .iter()
            .map(|record| record.resource(ResourceKind::Job))
            .collect();
        assert_eq!(jobs, [Some("j1"), Some("j2"), None]);
        assert_eq!(scanned.envelope().customer(), None);
        assert_eq!(
            scanned.records()[1].present().iter().collect::<Vec<_>>(),
            [FieldId(0)]
        );
    }

    fn customer_around_records() -> Shape {
        let mut make = Builder::default();
        let mut key = |kind| {
            let node = make.field(kind, "user.unique_id");
            make.last().role = FieldRole::CustomerKey;
            make.last().nullable = true;
            node
        };
        let (outer, second, inner) = (
            key(ScalarKind::Integer),
            key(ScalarKind::String),
            key(ScalarKind::String),
        );
        let part = key(ScalarKind::String);
        let job = record([("customer", inner), ("part", record([("customer", part)]))]);
        make.shape(Node::Object(object([
            ("customer", outer),
            ("owner", second),
            ("jobs", array(job)),
        ])))
    }

    #[test]
    fn a_key_around_the_records_holds_for_those_without_one_wherever_it_stands() {
        let shape = customer_around_records();
        for body in [
            r#"{"customer":12,"jobs":[{},{"customer":"7"}]}"#,
            r#"{"jobs":[{},{"customer":"7"}],"customer":12,"owner":null}"#,
        ] {
            let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
            let customers: Vec<_> = scanned.records().iter().map(Record::customer).collect();
            assert_eq!(customers, [Some("12"), Some("7")]);
            assert_eq!(scanned.envelope().customer(), Some("12"));
        }
    }

    #[test]
    fn two_customers_in_one_place_are_a_doubt() {
        let shape = customer_around_records();
        assert_eq!(
            reason(&shape, r#"{"customer":12,"owner":"13"}"#),
            Some(Reason::SeveralCustomers)
        );
        assert_eq!(reason(&shape, r#"{"customer":12,"owner":"12"}"#), None);
        let nested = r#"{"jobs":[{"customer":"1","part":{"customer":"2"}}]}"#;
        assert_eq!(reason(&shape, nested), Some(Reason::SeveralCustomers));
        let nested = r#"{"jobs":[{"part":{"customer":"2"}}]}"#;
        let scanned = scan(&shape, nested.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(scanned.records().len(), 1);
        assert_eq!(scanned.records()[0].customer(), Some("2"));
    }

    #[test]
    fn a_refusal_says_where_and_never_what() {
        let shape = page();
        let body = job(r#""pages":"canary""#);
        let refused = scan(&shape, body.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a value does not match the catalogue (at byte 18)"
        );
    }
}
