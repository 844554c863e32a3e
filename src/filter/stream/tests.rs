//! A stream beside the whole: wherever it is cut, and whatever is wrong with it.

use super::*;
use crate::catalogue::{FieldRole, ObjectNode, ScalarKind};
use crate::filter::sample::{Builder, array, forms, in_document, object, page, record};
use crate::filter::{Plan, PseudonymKey, RecordDecision, read};
use crate::terms::Form;

/// Everything leaves but records of the customer `foreign`.
fn left(scanned: &Scanned<'_>, plan: &Plan) -> Vec<u8> {
    let decide = |record: &crate::filter::Record<'_>| match record.customer() {
        Some("foreign") => RecordDecision::Drop,
        _ => RecordDecision::Keep(plan),
    };
    let decisions: Vec<_> = scanned.records().iter().map(decide).collect();
    let mut out = Vec::new();
    let key = PseudonymKey::new(&[1; 32]);
    scanned
        .emit(&decisions, plan, &key, None, &mut out)
        .unwrap();
    out
}

fn json(shape: &Shape) -> Stream<'_> {
    Stream::new(Format::Json, shape, Vec::new(), Limits::default()).unwrap()
}

fn plan(shape: &Shape) -> Plan {
    let granted = [
        ("user.unique_id", Form::Clear),
        ("user.contact", Form::Pseudonym),
        ("system", Form::Clear),
    ];
    Plan::new(shape, &forms(&granted))
}

fn whole(format: Format, shape: &Shape, body: &[u8]) -> Result<Vec<u8>, Reason> {
    let scanned = read(format, shape, body, &Limits::default());
    let scanned = scanned.map_err(|refused| refused.reason)?;
    Ok(left(&scanned, &plan(shape)))
}

/// What is left of a body that arrives in these pieces; `pauses` where whole records are taken at once.
fn streamed<'b>(
    format: Format,
    shape: &Shape,
    pieces: impl IntoIterator<Item = &'b [u8]>,
    pauses: bool,
) -> Result<Vec<u8>, Reason> {
    let plan = plan(shape);
    let plans = vec![plan.clone()];
    let mut stream = Stream::new(format, shape, plans, Limits::default()).unwrap();
    let mut out = Vec::new();
    let reason = |refused: Uninspectable| refused.reason;
    for mut piece in pieces {
        while let Some(body) = stream
            .next(&mut piece)
            .map_err(reason)?
            .map(|scanned| left(&scanned, &plan))
        {
            stream.write(&body);
            out.extend(stream.take());
        }
        if pauses && let Some(scanned) = stream.whole_records().map_err(reason)? {
            let body = left(&scanned, &plan);
            stream.write(&body);
        }
    }
    if let Some(scanned) = stream.end().map_err(reason)? {
        let body = left(&scanned, &plan);
        stream.write(&body);
    }
    out.extend(stream.take());
    Ok(out)
}

/// Lists of records within objects and lists, a customer's key around them.
fn nested() -> Shape {
    let mut make = Builder::default();
    let key = make.text("user.unique_id");
    make.last().role = FieldRole::CustomerKey;
    let id = make.text("system.operations");
    let email = make.text("user.contact.email");
    let count = make.field(ScalarKind::Integer, "system");
    let note = make.text("user.name");
    let inner = Node::Object(ObjectNode {
        nullable: true,
        ..object([("jobs", array(record([("id", id), ("email", email)])))])
    });
    let group = Node::Object(object([("inner", inner)]));
    make.shape(Node::Object(object([
        ("customer", key),
        ("count", count),
        ("note", note),
        ("groups", array(group)),
    ])))
}

fn let_lists_be_null(node: &mut Node) {
    match node {
        Node::Scalar(_) => {}
        Node::Array(item) => let_lists_be_null(item),
        Node::Object(object) => {
            for known in &mut object.members {
                known.nullable_list = matches!(known.node, Node::Array(_));
                let_lists_be_null(&mut known.node);
            }
        }
    }
}

fn bodies() -> Vec<(Format, Shape, String)> {
    let page_of = |records: &str| {
        format!(r#" {{"count":2 , "data":[{records}],"next":"x","more":{{"a":["}}"]}}}} "#)
    };
    let job = r#"{"id":"j\u0031","customer_id":"ämy😀","email":"a@example.com","tags":["x"],"new":{"x":[1,{}]}}"#;
    let other = r#"{"id":"2","customer_id":"foreign"}"#;
    let mut bodies: Vec<_> = [
        String::new(),
        job.to_owned(),
        format!("{job} , {other},{job}"),
        format!("{other},\n{other}"),
        format!("{other},{job}"),
    ]
    .iter()
    .map(|records| (Format::Json, page(), page_of(records)))
    .collect();
    for body in [
        r#"{"customer":"c1","groups":[{"inner":null},{"\u0069nner":{"jobs":[{"id":"1","email":"x"},{"id":"2"}]}},{},{"inner":{"x":1,"jobs":[]}}],"count":1,"note":"n"}"#,
        r#"{}"#,
        r#"{"customer":"foreign","groups":[{"inner":{"jobs":[{"id":"1"}]}}]}"#,
    ] {
        bodies.push((Format::Json, nested(), body.to_owned()));
    }
    let mut nullable = nested();
    let_lists_be_null(&mut nullable.root);
    for body in [
        r#"{"customer":"c1","groups":[{"inner":{"jobs": null }},{"inner":{"jobs":[{"id":"1","email":"x"}]}}],"count":1}"#,
        r#"{"customer":"c1","groups":null,"note":"n"}"#,
    ] {
        bodies.push((Format::Json, nullable.clone(), body.to_owned()));
    }
    let mut lines = page();
    let Node::Object(root) = &lines.root else {
        panic!("an object")
    };
    let data = root.members.iter().find(|one| &*one.name == "data");
    lines.root = data.unwrap().node.clone();
    for body in [
        String::new(),
        format!("{job}\n{other}\n{job}\n"),
        format!("{other}\r\n{job}"),
    ] {
        bodies.push((Format::JsonLines, lines.clone(), body));
    }
    bodies.extend(tables().map(|body| (Format::Csv, table(), body.to_owned())));
    bodies.extend(exports());
    bodies
}

/// Documents of XML: a page of jobs; and lists within lists, in namespaces, with elements that nobody lists.
fn exports() -> impl Iterator<Item = (Format, Shape, String)> {
    let pages = [
        "<page/>",
        " \n<page count='2' />\n",
        "<?xml version='1.0' encoding=\"utf-8\"?>\n<page new='>' count=\"3\"\n>\r\n<next>x</next></page> ",
        "<page><data id='j&#x31;' cost=\"1.5\"><customer_id>\u{e4}my\u{1f600}</customer_id>\
         <email>a&amp;b<![CDATA[<data>]]]></email><tags>x</tags><tags/></data>\n \
         <data><customer_id>foreign</customer_id></data><data />\
         <new a='/data>'><data>t</data>&lt;<b/></new><data id='2'/><next/></page>",
        "<page><data><customer_id>foreign</customer_id></data></page >",
    ];
    let nested = [
        "<e:groups xmlns:e='urn:e' xmlns='urn:d' e:customer='c1'><count>1</count><e:extra>x</e:extra>\
         <group><inner/></group><group xmlns:e='urn:e'><inner><jobs><id>1</id></jobs><more/><jobs>\
         <id>2</id><email>x</email></jobs></inner></group><group/><more>m</more><e:x><y/></e:x>\
         <other.one>o</other.one><note>n</note></e:groups>",
        "<e:groups xmlns='urn:d' xmlns:e='urn:e'></e:groups>",
        "<e:groups e:customer='foreign' xmlns='urn:d' xmlns:e='urn:e'><group><inner><jobs/></inner>\
         </group></e:groups>",
    ];
    let page = || in_document(page(), "page", &["id", "cost", "count"]);
    let pages = pages.into_iter().map(move |body| (page(), body));
    let all = pages.chain(nested.into_iter().map(|body| (groups(), body)));
    all.map(|(shape, body)| (Format::Xml, shape, body.to_owned()))
}

/// What [`nested`] is in XML, with namespaces, and a category for all other elements of the outermost one.
fn groups() -> Shape {
    let mut shape = nested();
    let mut other = shape.fields[4].clone();
    other.category = crate::taxonomy::Category::parse("system.operations");
    shape.fields.push(other);
    let others = crate::catalogue::FieldId(u16::try_from(shape.fields.len() - 1).unwrap());
    let Node::Object(root) = &mut shape.root else {
        panic!("an object")
    };
    root.others = Some(others);
    for one in &mut root.members {
        match &*one.name {
            "customer" => one.name = "e:customer".into(),
            "groups" => one.name = "group".into(),
            _ => {}
        }
    }
    let mut shape = in_document(shape, "e:groups", &["e:customer"]);
    let Node::Object(document) = &mut shape.root else {
        panic!("an object")
    };
    for (prefix, uri) in [("", "urn:d"), ("e", "urn:e")] {
        document.namespaces.push(crate::catalogue::Namespace {
            prefix: prefix.into(),
            uri: uri.into(),
        });
    }
    shape
}

/// Rows that are records.
fn table() -> Shape {
    let mut make = Builder::default();
    let customer = make.text("user.unique_id");
    make.last().role = FieldRole::CustomerKey;
    let email = make.text("user.contact.email");
    let name = make.text("user.name");
    let count = make.field(ScalarKind::Integer, "system");
    let mut shape = make.shape(array(record([
        ("count", count),
        ("customer", customer),
        ("email", email),
        ("name", name),
    ])));
    if let Node::Array(row) = &mut shape.root
        && let Node::Object(row) = &mut **row
    {
        for member in &mut row.members {
            member.encoded = member.name.as_bytes().into();
        }
    }
    shape
}

fn tables() -> impl Iterator<Item = &'static str> {
    [
        "customer,count\n",
        "customer",
        "\"name\",more,customer\r\nAnn,x,c1\r\nBob,,foreign\r\n,=1,c2",
        "email,customer,count\n,foreign,1\na@example.com,,7\n\"a,\"\"\nb\",c1,2\n,c2,3\n",
        "count,customer\n1,foreign\n2,foreign\n",
    ]
    .into_iter()
}

#[test]
fn wherever_it_is_cut_a_stream_gives_what_the_whole_gives() {
    for (format, shape, body) in bodies() {
        let body = body.as_bytes();
        let expected = whole(format, &shape, body).unwrap();
        for at in 0..=body.len() {
            let (one, other) = body.split_at(at);
            for pauses in [false, true] {
                let given = streamed(format, &shape, [one, other], pauses).unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&given),
                    String::from_utf8_lossy(&expected),
                    "cut at {at} of {}",
                    String::from_utf8_lossy(body)
                );
            }
        }
        let single = body.chunks(1);
        assert_eq!(streamed(format, &shape, single, true).unwrap(), expected);
    }
}

/// To be cut away, or to be written over.
fn damage(format: Format) -> impl Iterator<Item = Option<u8>> {
    let bytes: &[u8] = match format {
        Format::Xml => b"<>/!?'&e\xEF",
        _ => b",\"}[\xEF",
    };
    std::iter::once(None).chain(bytes.iter().copied().map(Some))
}

#[test]
fn whatever_is_cut_away_or_flipped_a_stream_takes_nothing_that_the_whole_refuses() {
    for (format, shape, body) in bodies() {
        let body = body.as_bytes();
        for at in 0..body.len() {
            for byte in damage(format) {
                let mut broken = body.to_vec();
                match byte {
                    None => _ = broken.remove(at),
                    Some(byte) => broken[at] = byte,
                }
                let expected = whole(format, &shape, &broken);
                for size in [1, 7, usize::MAX] {
                    let given = streamed(format, &shape, broken.chunks(size), size == 7);
                    if let Ok(given) = given {
                        let expected = expected.as_ref();
                        let text = String::from_utf8_lossy(&broken);
                        assert_eq!(Ok(&given), expected, "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_the_whole_refuses_around_records_a_stream_refuses_too() {
    for body in [
        "",
        " ",
        "null",
        "\u{feff}{}",
        r#"{"data":[]}x"#,
        r#"{"data":[]},"#,
        r#"{"data":[],"data":[]}"#,
        r#"{"data":[],"d\u0061ta":[]}"#,
        r#"{"new":1,"new":2}"#,
        r#"{"new":1,"n\u0065w":2}"#,
        r#"{"new":{"a":1,"a":2}}"#,
        r#"{"new":NaN}"#,
        r#"{"new":}"#,
        r#"{"data":[{"id":"1"},]}"#,
        r#"{"data":[,{"id":"1"}]}"#,
        r#"{"data":[{"id":"1"}{"id":"2"}]}"#,
        r#"{"data":[{"id":"1"}}"#,
        r#"{"data":[1]}"#,
        r#"{"data":{}}"#,
        r#"{"data":null}"#,
        r#"{"data":[]"#,
        r#"{"data":["#,
        r#"{"data""#,
        r#"{"data":[] "count":1}"#,
        r#"{,"count":1}"#,
        r#"{"count":1,}"#,
        r#"{"count":1.5}"#,
        "{\"\u{1}\":1}",
        r#"{"\ud800":1}"#,
        "[]",
    ] {
        let shape = page();
        assert!(
            whole(Format::Json, &shape, body.as_bytes()).is_err(),
            "{body}"
        );
        for size in [1, usize::MAX] {
            let pieces = body.as_bytes().chunks(size);
            let given = streamed(Format::Json, &shape, pieces, true);
            assert!(given.is_err(), "{body}");
        }
    }
}

#[test]
fn what_the_whole_refuses_around_records_of_xml_a_stream_refuses_too() {
    let shape = in_document(page(), "page", &["id", "cost", "count"]);
    let job = "<data/>";
    for body in [
        "",
        " \n",
        "\u{feff}<page/>",
        "<!DOCTYPE page><page/>",
        "<?xml version='1.0'?><!DOCTYPE page [<!ENTITY x 'y'>]><page/>",
        " <?xml version='1.0'?><page/>",
        "<?xml version='1.0' encoding='latin1'?><page/>",
        "<?xml version='1.1'?><page/>",
        "<?xml version='1.0'?><?xml version='1.0'?><page/>",
        "<!-- --><page/>",
        "<page/><!-- -->",
        "<page/><page/>",
        "<page/>x",
        "<page></page>x",
        "<page></page></page>",
        "</page>",
        "<Page/>",
        "<data/>",
        "page",
        "<page",
        "<page>",
        "<page><data/>",
        "<page><data>",
        "<page></Page>",
        "<page></data>",
        "<page></page",
        "<page><data></page></data>",
        "<page count='1' count='1'/>",
        "<page count='x'/>",
        "<page count='1'xx='2'/>",
        "<page xmlns='urn:x'/>",
        "<page x:y='1'/>",
        "<page count='<'/>",
        "<page count='1/>",
        "<page / >",
        "<page>text</page>",
        "<page><data/>text<data/></page>",
        "<page><data/>text</page>",
        "<page><data/><![CDATA[ ]]><data/></page>",
        "<page><data/>&#32;<data/></page>",
        "<page><data/><!-- --><data/></page>",
        "<page><data/><?x y?><data/></page>",
        "<page><data/><next/><data/></page>",
        "<page><next/><next/></page>",
        "<page><next><x/></next></page>",
        "<page><new>&x;</new></page>",
        "<page><new><a></b></new></page>",
        "<page><new><x:a/></new></page>",
        "<page><new>\u{1}</new></page>",
        "<page><new>\u{fffe}</new></page>",
        "<page><new>a]]>b</new></page>",
        "<page><new><![CDATA[]]</new></page>",
        "<page><data id='1' id='2'/></page>",
        "<page><data><pages>x</pages></data></page>",
        "<page>< data/></page>",
        "<page><></page>",
        "<page></></page>",
        "<page><1/></page>",
    ] {
        for body in [body.to_owned(), body.replace(job, &job.repeat(70))] {
            let body = body.as_bytes();
            assert!(whole(Format::Xml, &shape, body).is_err());
            for size in [1, 2, usize::MAX] {
                let given = streamed(Format::Xml, &shape, body.chunks(size), size == 2);
                assert!(given.is_err(), "{}", String::from_utf8_lossy(body));
            }
        }
    }
}

#[test]
fn what_of_xml_is_too_large_or_too_deep_to_be_held_is_refused() {
    let shape = groups();
    let page =
        |inside: &str| format!("<e:groups xmlns='urn:d' xmlns:e='urn:e'>{inside}</e:groups>");
    let long = "x".repeat(RECORD_BYTES_MAX);
    let many = |count: usize| {
        (0..count)
            .map(|one| format!("<o{one}/>"))
            .collect::<String>()
    };
    for (body, reason) in [
        (format!("<e:groups x='{long}'/>"), Reason::TooLarge),
        (" ".repeat(RECORD_BYTES_MAX + 1), Reason::TooLarge),
        (page(&" ".repeat(RECORD_BYTES_MAX + 1)), Reason::TooLarge),
        (page(&format!("<note>{long}</note>")), Reason::TooLarge),
        (page(&format!("<e:new>{long}</e:new>")), Reason::TooLarge),
        (
            page(&format!(
                "<group><inner><jobs><id>{long}</id></jobs></inner></group>"
            )),
            Reason::TooLarge,
        ),
        (
            page(&format!(
                "<e:a>{}{}</e:a>",
                "<a>".repeat(70),
                "</a>".repeat(70)
            )),
            Reason::TooDeep,
        ),
        // Only what was closed can be read.
        (page(&"<a>".repeat(90_000)), Reason::TooLarge),
        (page(&many(257)), Reason::TooManyMembers),
        (
            page(&format!("<{}/>", "n".repeat(129))),
            Reason::TooManyMembers,
        ),
    ] {
        let pieces = body.as_bytes().chunks(8_192);
        let given = streamed(Format::Xml, &shape, pieces, false);
        assert_eq!(given, Err(reason));
    }
    assert!(streamed(Format::Xml, &shape, [page(&many(256)).as_bytes()], false).is_ok());
}

#[test]
fn records_of_xml_are_read_a_few_at_a_time_and_one_that_pauses_is_waited_for() {
    let shape = in_document(page(), "page", &[]);
    let jobs: String = (0..3_000)
        .map(|n| format!("<data><id>{n}</id></data>\n"))
        .collect();
    let body = format!("<page>{jobs}<count>1</count></page>");
    let mut stream = Stream::new(Format::Xml, &shape, Vec::new(), Limits::default()).unwrap();
    let (mut input, mut most, mut all) = (body.as_bytes(), 0, 0);
    while let Some(scanned) = stream.next(&mut input).unwrap() {
        most = most.max(scanned.records().len());
        all += scanned.records().len();
    }
    assert!(stream.end().unwrap().is_none());
    assert_eq!((most, all), (BATCH_RECORDS_MAX, 3_000));
    let mut stream = Stream::new(Format::Xml, &shape, Vec::new(), Limits::default()).unwrap();
    let mut input = &b"<page><data/><data/><data><id>"[..];
    assert_eq!(stream.next(&mut input).unwrap().unwrap().records().len(), 0);
    assert!(stream.next(&mut input).unwrap().is_none());
    assert_eq!(stream.whole_records().unwrap().unwrap().records().len(), 2);
    assert!(stream.whole_records().unwrap().is_none());
}

#[test]
fn a_key_around_the_records_of_xml_counts_for_those_behind_it_and_never_changes() {
    let shape = groups();
    let jobs = "<group><inner><jobs><id>1</id></jobs><jobs/></inner></group>";
    let read = |attribute: &str, inside: &str| {
        let body =
            format!("<e:groups xmlns='urn:d' xmlns:e='urn:e' {attribute}>{inside}</e:groups>");
        let mut stream = Stream::new(Format::Xml, &shape, Vec::new(), Limits::default()).unwrap();
        let (mut input, mut found) = (body.as_bytes(), Vec::new());
        while let Some(scanned) = stream.next(&mut input)? {
            let named = scanned.records().iter();
            found.extend(named.map(|record| record.customer().map(str::to_owned)));
        }
        stream.end()?;
        Ok::<_, Uninspectable>(found)
    };
    let named = Some("c1".to_owned());
    assert_eq!(
        read("e:customer='c1'", jobs).unwrap(),
        [named.clone(), named]
    );
    assert_eq!(read("", jobs).unwrap(), [None, None]);
}

#[test]
fn a_table_has_the_columns_that_any_record_could_leave_with() {
    let shape = table();
    let nothing = Plan::new(&shape, &forms(&[]));
    let clear = Plan::new(&shape, &forms(&[("user.name", Form::Clear)]));
    let stream = |plans: Vec<Plan>| {
        let mut stream = Stream::new(Format::Csv, &shape, plans, Limits::default()).unwrap();
        let mut input = &b"name,count\nAnn,1\n"[..];
        assert!(stream.next(&mut input).unwrap().is_none());
        let scanned = stream.whole_records().unwrap().unwrap();
        let mut out = left(&scanned, &nothing);
        let mut input = &b"Bob,2\n"[..];
        assert!(stream.next(&mut input).unwrap().is_none());
        let scanned = stream.end().unwrap().unwrap();
        out.extend(left(&scanned, &clear));
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        stream(vec![nothing.clone(), clear.clone()]),
        "name\r\n\"\"\r\nBob\r\n"
    );
    assert_eq!(stream(vec![nothing.clone()]), "");
}

#[test]
fn many_rows_are_read_a_few_at_a_time_under_one_header() {
    let shape = table();
    let rows: String = (0..3_000).map(|row| format!("c{row},{row}\n")).collect();
    let body = format!("customer,count\n{rows}");
    let given = streamed(Format::Csv, &shape, body.as_bytes().chunks(8_192), false);
    assert_eq!(
        String::from_utf8(given.unwrap()).unwrap(),
        body.replace('\n', "\r\n")
    );
    let long = format!("customer\n\"{}", "x\n".repeat(RECORD_BYTES_MAX));
    let given = streamed(Format::Csv, &shape, long.as_bytes().chunks(8_192), false);
    assert_eq!(given, Err(Reason::TooLarge));
}

#[test]
fn lines_are_one_value_each() {
    let lines = |one: &(Format, Shape, String)| one.0 == Format::JsonLines;
    let (_, shape, _) = bodies().into_iter().find(lines).unwrap();
    for body in [
        "\n",
        "{}\n\n{}",
        "{}{}",
        "{} {}\n",
        "{\n}\n",
        " {}\n",
        "[{}]\n",
        "{},\n{}",
        "\u{feff}{}\n",
        "{}\n{",
    ] {
        let whole = whole(Format::JsonLines, &shape, body.as_bytes());
        assert!(whole.is_err(), "{body}");
        let pieces = body.as_bytes().chunks(1);
        let given = streamed(Format::JsonLines, &shape, pieces, false);
        assert!(given.is_err(), "{body}");
    }
    let two = whole(Format::JsonLines, &shape, b"{}\n{}").unwrap();
    assert_eq!(two, b"{}\n{}\n");
}

#[test]
fn a_key_around_the_records_counts_for_those_behind_it_and_never_changes() {
    let shape = nested();
    let jobs = r#""groups":[{"inner":{"jobs":[{"id":"1"}]}}]"#;
    let customers = |body: &str| {
        let mut stream = json(&shape);
        let (mut input, mut found) = (body.as_bytes(), Vec::new());
        while let Some(scanned) = stream.next(&mut input).unwrap() {
            let named = scanned.records().iter();
            found.extend(named.map(|record| record.customer().map(str::to_owned)));
        }
        found
    };
    let before = format!(r#"{{"customer":"c1",{jobs}}}"#);
    assert_eq!(customers(&before), [Some("c1".to_owned())]);
    let behind = format!(r#"{{{jobs},"customer":"c1"}}"#);
    assert_eq!(customers(&behind), [None]);
}

#[test]
fn what_is_too_large_to_be_held_is_refused() {
    let shape = page();
    let long = "x".repeat(RECORD_BYTES_MAX);
    for body in [
        format!(r#"{{"data":[{{"id":"{long}"}}]}}"#),
        format!(r#"{{"next":"{long}"}}"#),
        format!(r#"{{"new":"{long}"}}"#),
        format!(r#"{{"{long}":1}}"#),
        format!("{{\"data\":[{}", " ".repeat(RECORD_BYTES_MAX + 1)),
        format!(
            "{{{}",
            (0..5_000)
                .map(|n| format!("\"{n}\":1,"))
                .collect::<String>()
        ),
    ] {
        let pieces = body.as_bytes().chunks(8_192);
        let refused = streamed(Format::Json, &shape, pieces, false).unwrap_err();
        assert!(matches!(refused, Reason::TooLarge | Reason::TooManyMembers));
    }
}

#[test]
fn many_records_are_read_a_few_at_a_time() {
    let shape = page();
    let records: Vec<String> = (0..3_000).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect();
    let body = format!(r#"{{"data":[{}]}}"#, records.join(","));
    let mut stream = json(&shape);
    let (mut input, mut most, mut all) = (body.as_bytes(), 0, 0);
    while let Some(scanned) = stream.next(&mut input).unwrap() {
        most = most.max(scanned.records().len());
        all += scanned.records().len();
    }
    assert_eq!((most, all), (BATCH_RECORDS_MAX, 3_000));
}

#[test]
fn only_what_lists_records_can_be_streamed() {
    let mut make = Builder::default();
    let name = make.text("user.name");
    let alone = make.shape(Node::Object(object([(
        "customer",
        record([("name", name)]),
    )])));
    let mut make = Builder::default();
    let name = make.text("user.name");
    let one = make.shape(record([("names", array(name))]));
    for shape in [&alone, &one] {
        assert!(!streams(shape));
    }
    assert!(!outside_records(&page()).is_empty());
    assert!(outside_records(&one).is_empty());
}
