//! What is refused, and what is read, of answers in XML.

use super::*;
use crate::catalogue::Field;
use crate::filter::sample::{Builder, array, forms, in_document, object, page, record};
use crate::filter::{Plan, PseudonymKey, RecordDecision};
use crate::terms::Form;

/// A page of jobs, with their ids and costs as attributes.
fn shape() -> Shape {
    in_document(page(), "page", &["id", "cost"])
}

fn reason(body: &str) -> Option<Reason> {
    reason_by(&shape(), body)
}

fn reason_by(shape: &Shape, body: &str) -> Option<Reason> {
    let refused = scan(shape, body.as_bytes(), &Limits::default()).err()?;
    Some(refused.reason)
}

fn job(inside: &str) -> String {
    format!("<page><data>{inside}</data></page>")
}

fn everything(shape: &Shape, body: &str) -> String {
    emitted(
        shape,
        body,
        &[("user", Form::Clear), ("system", Form::Clear)],
    )
}

fn emitted(shape: &Shape, body: &str, granted: &[(&str, Form)]) -> String {
    let plan = Plan::new(shape, &forms(granted));
    let scanned = scan(shape, body.as_bytes(), &Limits::default()).unwrap();
    let decisions = vec![RecordDecision::Keep(&plan); scanned.records().len()];
    let mut out = Vec::new();
    let key = PseudonymKey::new(&[1; 32]);
    scanned
        .emit(&decisions, &plan, &key, None, &mut out)
        .unwrap();
    let out = String::from_utf8(out).unwrap();
    let declaration = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    out.strip_prefix(declaration).unwrap().to_owned()
}

#[test]
fn what_is_an_invitation_in_data_is_refused_wherever_it_stands() {
    let page = "<page><count>1</count></page>";
    for markup in [
        "<!DOCTYPE page>",
        "<!DOCTYPE page SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE page [<!ENTITY x \"y\">]>",
        "<!ENTITY x \"y\">",
        "<!-- a comment -->",
        "<?php x?>",
        "<?xml-stylesheet href=\"x\"?>",
    ] {
        assert_eq!(
            reason(&format!("{markup}{page}")),
            Some(Reason::Markup),
            "{markup}"
        );
        assert_eq!(
            reason(&format!("{page}{markup}")),
            Some(Reason::Markup),
            "{markup}"
        );
        for around in [
            "<page>",
            "<page><count>",
            "<page><count>1",
            "<page><new>",
            "<page><data>",
        ] {
            let body = format!("{around}{markup}");
            assert_eq!(reason(&body), Some(Reason::Markup), "{body}");
        }
    }
    for late in [" <?xml version=\"1.0\"?>", "\n<?xml version=\"1.0\"?>"] {
        assert_eq!(reason(&format!("{late}{page}")), Some(Reason::Markup));
    }
}

#[test]
fn a_declaration_says_version_1_0_and_utf_8_or_nothing() {
    let page = "<page/>";
    for declaration in [
        "<?xml version=\"1.0\"?>",
        "<?xml version='1.0' encoding='utf-8'?>\n",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\" ?>",
        "<?xml version = \"1.0\" standalone='no'?>",
        "",
    ] {
        assert_eq!(
            reason(&format!("{declaration}{page}")),
            None,
            "{declaration}"
        );
    }
    for declaration in [
        "<?xml?>",
        "<?xml version=\"1.1\"?>",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
        "<?xml encoding=\"UTF-8\"?>",
        "<?xml encoding=\"UTF-8\" version=\"1.0\"?>",
        "<?xml version=\"1.0\"encoding=\"UTF-8\"?>",
        "<?xml version=\"1.0\" version=\"1.0\"?>",
        "<?xml version=\"1.0\" other=\"1\"?>",
        "<?xml version=1.0?>",
        "<?xml version=\"1.0'?>",
        "<?xml version=\"1.0\"",
        "<?xmlx version=\"1.0\"?>",
        "<?XML version=\"1.0\"?>",
    ] {
        assert_eq!(
            reason(&format!("{declaration}{page}")),
            Some(Reason::Markup),
            "{declaration}"
        );
    }
}

#[test]
fn what_is_no_xml_or_could_be_read_in_two_ways_is_refused_with_its_reason() {
    for (body, expected) in [
        ("", Reason::Empty),
        (" \n", Reason::Empty),
        ("\u{feff}<page/>", Reason::ByteOrderMark),
        ("page", Reason::Unexpected),
        ("<page>", Reason::Truncated),
        ("<page", Reason::Truncated),
        ("<page a", Reason::Truncated),
        ("<page a=", Reason::Truncated),
        ("<page a=\"", Reason::Truncated),
        ("<page><count>1", Reason::Truncated),
        ("<page><new><![CDATA[", Reason::Truncated),
        ("<page/>x", Reason::TrailingData),
        ("<page/><page/>", Reason::TrailingData),
        ("<page></Page>", Reason::EndTag),
        ("<page><count>1</page></count>", Reason::EndTag),
        ("<page><new><a></b></new></page>", Reason::EndTag),
        ("< page/>", Reason::BadName),
        ("<1page/>", Reason::BadName),
        ("<a:b:c/>", Reason::BadName),
        ("<page><:a/></page>", Reason::BadName),
        ("<page><a:/></page>", Reason::BadName),
        ("<page><a×b/></page>", Reason::BadName),
        ("<page><new></ new></page>", Reason::BadName),
        ("<page a='1'b='2'/>", Reason::Unexpected),
        ("<page a/>", Reason::Unexpected),
        ("<page a=1/>", Reason::Unexpected),
        ("<page a='<'/>", Reason::Unexpected),
        ("<page / >", Reason::Unexpected),
        ("<page a='1' a=\"2\"/>", Reason::DuplicateKey),
        (
            "<page><new a='1' b='1' a='1'/></page>",
            Reason::DuplicateKey,
        ),
        (
            "<page><count>1</count><count>1</count></page>",
            Reason::DuplicateKey,
        ),
        (
            "<page><count>1</count><next/><count>1</count></page>",
            Reason::DuplicateKey,
        ),
        ("<page><data/><next/><data/></page>", Reason::DuplicateKey),
        ("<page><next>a]]>b</next></page>", Reason::Unexpected),
        ("<page><next>\u{1}</next></page>", Reason::ControlCharacter),
        ("<page><next a='\u{0}'/></page>", Reason::ControlCharacter),
        (
            "<page><next><![CDATA[\u{1b}]]></next></page>",
            Reason::ControlCharacter,
        ),
        (
            "<page><next>\u{FFFE}</next></page>",
            Reason::ControlCharacter,
        ),
        ("<page><new>&#xFFFF;</new></page>", Reason::BadReference),
        ("<page><next>&#0;</next></page>", Reason::BadReference),
        ("<page><next>&nbsp;</next></page>", Reason::BadReference),
        ("<page><next>& </next></page>", Reason::BadReference),
        ("<page><next a='&x;'/></page>", Reason::BadReference),
        ("<page a='&#xD800;'/>", Reason::BadReference),
    ] {
        assert_eq!(reason(body), Some(expected), "{body}");
    }
    let shape = shape();
    assert_eq!(
        scan(&shape, b"<page>\xff</page>", &Limits::default())
            .unwrap_err()
            .reason,
        Reason::NotUtf8
    );
}

#[test]
fn text_stands_where_text_is_catalogued_and_elements_where_elements_are() {
    for body in [
        "<page>text</page>".to_owned(),
        "<page><count>1</count>text</page>".to_owned(),
        "<page><![CDATA[ ]]></page>".to_owned(),
        "<page>&#32;</page>".to_owned(),
        "<Page/>".to_owned(),
        "<other/>".to_owned(),
        "<page><next><b>x</b></next></page>".to_owned(),
        "<page><next>a<b/></next></page>".to_owned(),
        job("<address>1 Main St</address>"),
        job("<tags><tag>x</tag></tags>"),
        job("<recipients>Ann</recipients>"),
        "<page><data>x</data></page>".to_owned(),
    ] {
        assert_eq!(reason(&body), Some(Reason::Mismatch), "{body}");
    }
    assert_eq!(reason("<page>\n\t<count>1</count>\r\n </page>"), None);
}

#[test]
fn typed_values_are_written_as_in_json_and_nothing_is_null_where_that_may_stand() {
    for member in [
        "<pages>1.5</pages>",
        "<pages>1e3</pages>",
        "<pages/>",
        "<pages> 1</pages>",
        "<pages>01</pages>",
        "<pages>&#49;</pages>",
        "<pages><![CDATA[1]]></pages>",
        "<urgent>1</urgent>",
        "<urgent>True</urgent>",
        "<urgent/>",
    ] {
        assert_eq!(reason(&job(member)), Some(Reason::Mismatch), "{member}");
    }
    let body = "<page><data id='j' cost=''><pages>-0</pages><urgent>true</urgent><email/>\
                <name></name><address/></data></page>";
    assert_eq!(
        everything(&shape(), body),
        "<page><data id=\"j\" cost=\"\"><pages>-0</pages><urgent>true</urgent><email/><name/>\
         <address/></data></page>"
    );
    let long = format!("<page><count>{}</count></page>", "1".repeat(41));
    assert_eq!(reason(&long), Some(Reason::Mismatch));
}

#[test]
fn what_leaves_is_in_the_order_of_the_answer_with_one_spelling() {
    let body = "<?xml version='1.0'?>\r\n<page  new='x'>\n <data cost='1.50'\tid = \"a&amp;&quot;'\" \
                xml:lang='en'>\n  <name >A&#x6e;n <![CDATA[<&]]>&apos;s\r\nhome &gt;</name\n>\
                <tags>x</tags><tags a='b'>y</tags>\n<recipients><name>B</name></recipients>\
                <other><name>E</name></other></data>\n<data><email>e</email></data><count>2</count>\
                </page>\n";
    assert_eq!(
        everything(&shape(), body),
        "<page><data cost=\"1.50\" id=\"a&amp;&quot;'\"><name>Ann &lt;&amp;'s\nhome &gt;</name>\
         <tags>x</tags><tags>y</tags><recipients><name>B</name></recipients></data>\
         <data><email>e</email></data><count>2</count></page>"
    );
    let scanned = shape();
    let scanned = scan(&scanned, body.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(scanned.uncatalogued(), 4);
}

#[test]
fn what_is_withheld_is_removed_or_emptied_where_the_schema_requires_it() {
    let body = "<page><data id='j' cost='5'><email>ann@example.com</email><name>Ann</name>\
                <phone>555-0199</phone><tags>x</tags><recipients><name>B</name></recipients>\
                <address><city>Bonn</city></address></data></page>";
    assert_eq!(
        emitted(&shape(), body, &[]),
        "<page><data cost=\"\"><name/></data></page>"
    );
    assert_eq!(
        emitted(
            &shape(),
            body,
            &[("user.contact", Form::Partial), ("user.name", Form::Clear)]
        ),
        "<page><data cost=\"\"><name>Ann</name><phone>***0199</phone>\
         <recipients><name>B</name></recipients></data></page>"
    );
}

#[test]
fn ids_are_found_in_elements_and_attributes_however_they_are_spelled() {
    let shape = shape();
    let body = "<page><data id='j&#x31;'><customer_id>c<![CDATA[1]]></customer_id></data>\
                <data><customer_id>c2</customer_id></data></page>";
    let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
    let [first, second] = scanned.records() else {
        panic!("two records")
    };
    assert_eq!(
        (first.customer(), second.customer()),
        (Some("c1"), Some("c2"))
    );
    assert_eq!(first.resource(crate::terms::ResourceKind::Job), Some("j1"));
}

#[test]
fn depth_and_numbers_of_attributes_have_limits() {
    let limits = Limits {
        depth_max: 4,
        ..Limits::default()
    };
    let shape = shape();
    let read = |body: String| {
        scan(&shape, body.as_bytes(), &limits)
            .err()
            .map(|one| one.reason)
    };
    assert_eq!(read("<page><new><a><b/></a></new></page>".to_owned()), None);
    assert_eq!(
        read("<page><new><a><b><c/></b></a></new></page>".to_owned()),
        Some(Reason::TooDeep)
    );
    let deep = format!("<page>{}", "<a>".repeat(100_000));
    assert_eq!(reason(&deep), Some(Reason::TooDeep));
    let attributes = |count: usize| {
        let all: String = (0..count).map(|one| format!(" a{one}=''")).collect();
        format!("<page{all}/>")
    };
    assert_eq!(reason(&attributes(64)), None);
    assert_eq!(reason(&attributes(65)), Some(Reason::TooManyMembers));
    let large = Limits {
        body_bytes_max: 6,
        ..Limits::default()
    };
    let large = scan(&shape, b"<page/>", &large).unwrap_err();
    assert_eq!(large.reason, Reason::TooLarge);
}

/// An address list as Click2Mail answers it: mixed case, and tags that customers make up.
fn address_list() -> Shape {
    let mut make = Builder::default();
    let customer = make.text("user.unique_id");
    make.last().role = crate::catalogue::FieldRole::CustomerKey;
    let first = make.text("user.name.first");
    let country = make.text("user.contact.address.country");
    let other = make.text("user.content.private");
    *make.last() = Field {
        pseudonym: None,
        ..make.last().clone()
    };
    let Node::Scalar(other) = other else {
        unreachable!()
    };
    let address = Node::Object(ObjectNode {
        record: true,
        others: Some(other),
        ..object([
            ("customerId", customer),
            ("First_name", first),
            ("Country_non-US", country),
        ])
    });
    let shape = make.shape(Node::Object(object([("address", array(address))])));
    in_document(shape, "addressList", &[])
}

#[test]
fn elements_of_any_name_leave_only_with_their_category() {
    let body = "<addressList><address><First_name>A</First_name><Pet_Name>Rex &amp; Max</Pet_Name>\
                <first_name>other</first_name><Country_non-US>DE</Country_non-US></address>\
                <address><First_name>B</First_name><Pet_Name>Tom</Pet_Name><пол a='1'/></address>\
                </addressList>";
    let shape = address_list();
    assert_eq!(
        everything(&shape, body),
        body.replace("<пол a='1'/>", "<пол/>")
    );
    for form in [Form::Partial, Form::Pseudonym, Form::Aggregate] {
        let granted = [("user.name", Form::Clear), ("user.content", form)];
        assert_eq!(
            emitted(&shape, body, &granted),
            "<addressList><address><First_name>A</First_name></address>\
             <address><First_name>B</First_name></address></addressList>"
        );
    }
    for (inside, expected) in [
        ("<Pet>a</Pet><Pet>b</Pet>", Reason::DuplicateKey),
        (
            "<Pet>a</Pet><First_name>x</First_name><Pet>b</Pet>",
            Reason::DuplicateKey,
        ),
        ("<Pet><b>x</b></Pet>", Reason::Mismatch),
        ("<x:Pet>a</x:Pet>", Reason::Namespace),
        ("<Pet name>a</Pet>", Reason::Unexpected),
        ("<a&amp;>a</a>", Reason::Unexpected),
    ] {
        let body = format!("<addressList><address>{inside}</address></addressList>");
        assert_eq!(reason_by(&shape, &body), Some(expected), "{body}");
    }
    let many = |count: usize| {
        let all: String = (0..count).map(|one| format!("<a{one}/>")).collect();
        format!("<addressList><address>{all}</address></addressList>")
    };
    assert_eq!(reason_by(&shape, &many(256)), None);
    assert_eq!(reason_by(&shape, &many(257)), Some(Reason::TooManyMembers));
    let long = "a".repeat(129);
    let long = format!("<addressList><address><{long}/></address></addressList>");
    assert_eq!(reason_by(&shape, &long), Some(Reason::TooManyMembers));
}

/// A shape with the namespaces of a page and of its attributes.
fn with_namespaces() -> Shape {
    let mut make = Builder::default();
    let id = make.text("user.unique_id");
    let name = make.text("user.name");
    let record = record([("p:id", id), ("p:name", name)]);
    let shape = make.shape(record);
    let mut shape = in_document(shape, "page", &["p:id"]);
    if let Node::Object(document) = &mut shape.root {
        document.namespaces = [("", "urn:page"), ("p", "urn:person")]
            .map(|(prefix, uri)| Namespace {
                prefix: prefix.into(),
                uri: uri.into(),
            })
            .into();
    }
    shape
}

#[test]
fn namespaces_are_the_catalogues_and_declared() {
    let shape = with_namespaces();
    for body in [
        "<page xmlns='urn:page' xmlns:p='urn:person' p:id='1'><p:name>A</p:name></page>",
        "<page p:id='1' xmlns='urn:page' xmlns:p='urn:person'><p:name>A</p:name><new/></page>",
        "<page p:id='1' xmlns='urn:page' xmlns:p='urn:person'><new xmlns='urn:page'/><p:name>A</p:name></page>",
        "<page xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns='urn:page' xmlns:xsd='http://www.w3.org/2001/XMLSchema' xmlns:p='urn:person' p:id='1'><p:name>A</p:name></page>",
    ] {
        assert_eq!(
            everything(&shape, body),
            "<page xmlns=\"urn:page\" xmlns:p=\"urn:person\" p:id=\"1\"><p:name>A</p:name></page>"
        );
    }
    for body in [
        "<page xmlns:p='urn:person'/>",
        "<page xmlns='urn:other'/>",
        "<page xmlns='urn:page' p:id='1'/>",
        "<page xmlns='urn:page'><p:name>A</p:name></page>",
        "<page xmlns='urn:page' xmlns:p='urn:other'/>",
        "<page xmlns='urn:page' xmlns:q='urn:person'/>",
        "<page xmlns='urn:page'><new xmlns:p='urn:person'/><p:name>A</p:name></page>",
        "<page xmlns='urn:page'><new><a xmlns:p='urn:person'/><p:b/></new></page>",
        "<page xmlns='urn:page'><q:new/></page>",
        "<page xmlns='urn:page' q:a=''/>",
        "<page xmlns='urn&#58;page'/>",
        "<page xmlns='urn:page'><new xmlns=''/></page>",
        "<page xmlns='urn:page' xmlns:xsd='http://www.w3.org/2001/XMLSchema-instance'/>",
        "<page xmlns='urn:page' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'/>",
        "<page xmlns='urn:page' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    ] {
        assert_eq!(reason_by(&shape, body), Some(Reason::Namespace), "{body}");
    }
    assert_eq!(reason("<page xmlns='urn:page'/>"), Some(Reason::Namespace));
    assert_eq!(reason("<page xmlns:xsi='urn:x'/>"), Some(Reason::Namespace));
}
