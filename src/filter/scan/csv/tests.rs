//! What is refused, and what is read, of answers in CSV.

use super::*;
use crate::catalogue::{Field, FieldRole, Partial, ScalarKind};
use crate::filter::sample::{Builder, array, forms, object};
use crate::filter::{Plan, PseudonymKey, RecordDecision};
use crate::terms::Form;

/// Recipients: `id` and `name` are required; every other column is the customer's own if `others`.
fn recipients(others: bool) -> Shape {
    let mut make = Builder::default();
    let id = make.text("user.unique_id");
    make.last().role = FieldRole::CustomerKey;
    let name = make.text("user.name");
    make.last().required = true;
    let email = make.text("user.contact.email");
    *make.last() = Field {
        nullable: true,
        partial: Some(Partial::First(1)),
        ..make.last().clone()
    };
    let amount = make.field(ScalarKind::Number, "user.payment");
    let note = make.text("");
    let other = make.text("user.content");
    let Node::Scalar(other) = other else {
        unreachable!()
    };
    let row = Node::Object(ObjectNode {
        record: true,
        others: others.then_some(other),
        ..object([
            ("id!", id),
            ("Full name!", name),
            ("email", email),
            ("amount", amount),
            ("note", note),
        ])
    });
    let mut shape = make.shape(array(row));
    if let Node::Array(row) = &mut shape.root
        && let Node::Object(row) = &mut **row
    {
        for member in &mut row.members {
            member.encoded = member.name.as_bytes().into();
        }
    }
    shape
}

fn reason(body: &str) -> Option<Reason> {
    reason_by(&recipients(false), body)
}

fn reason_by(shape: &Shape, body: &str) -> Option<Reason> {
    scan(shape, body.as_bytes(), &Limits::default())
        .err()
        .map(|one| one.reason)
}

/// What leaves where the `plans` decide in turn; of rows without a plan nothing does.
fn emitted(shape: &Shape, body: &str, plans: &[Option<&[(&str, Form)]>]) -> String {
    let plans: Vec<_> = plans
        .iter()
        .map(|granted| granted.map(|granted| Plan::new(shape, &forms(granted))))
        .collect();
    let scanned = scan(shape, body.as_bytes(), &Limits::default()).unwrap();
    let decisions: Vec<_> = plans
        .iter()
        .cycle()
        .take(scanned.records().len())
        .map(|plan| {
            plan.as_ref()
                .map_or(RecordDecision::Drop, RecordDecision::Keep)
        })
        .collect();
    let mut out = Vec::new();
    let key = PseudonymKey::new(&[1; 32]);
    let nothing = Plan::new(shape, &forms(&[]));
    scanned
        .emit(&decisions, &nothing, &key, None, &mut out)
        .unwrap();
    String::from_utf8(out).unwrap()
}

const ALL: &[(&str, Form)] = &[("user", Form::Clear)];

#[test]
fn what_is_no_csv_or_has_no_header_is_refused_with_its_reason() {
    for (body, expected) in [
        ("", Reason::Empty),
        ("\u{feff}id,Full name\n", Reason::ByteOrderMark),
        ("1,Ann\n2,Bob\n", Reason::NoHeader),
        ("id,name\n1,Ann\n", Reason::NoHeader),
        ("ID,Full name\n1,Ann\n", Reason::NoHeader),
        ("id;Full name\n1;Ann\n", Reason::NoHeader),
        ("email,note\n", Reason::NoHeader),
        ("id,Full name,\n1,Ann,x\n", Reason::NoHeader),
        ("\nid,Full name\n", Reason::NoHeader),
        ("id,Full name,id\n1,Ann,1\n", Reason::DuplicateKey),
        ("id,Full name,x,\"x\"\n", Reason::DuplicateKey),
        ("id,Full name\n1\n", Reason::Ragged),
        ("id,Full name\n1,Ann,x\n", Reason::Ragged),
        ("id,Full name\n1,Ann\n\n", Reason::Ragged),
        ("id,Full name\n1", Reason::Ragged),
        ("id,Full name\n1,A\"nn\n", Reason::BadQuoting),
        ("id,Full name\n1,\"Ann\"x\n", Reason::BadQuoting),
        ("id,Full name\n1,\"Ann\" \n", Reason::BadQuoting),
        ("id,Full name\n1,\"Ann\n", Reason::Truncated),
        ("id,Full name\n1,\"Ann\"\"\n", Reason::Truncated),
        ("id,Full name\n1,A\0nn\n", Reason::ControlCharacter),
        ("id,Full name\n1,\"A\0nn\"\n", Reason::ControlCharacter),
        ("id,Full name\n1,A\u{1b}nn\n", Reason::ControlCharacter),
        ("id,Full name\r1,Ann\r", Reason::Unexpected),
        ("id,Full name\n1,A\rnn\n", Reason::Unexpected),
        ("id,Full name,amount\n1,Ann,x\n", Reason::Mismatch),
        ("id,Full name,amount\n1,Ann,\n", Reason::Mismatch),
        ("id,Full name,amount\n1,Ann,=1\n", Reason::Mismatch),
        ("id,Full name,amount\n1,Ann,+1\n", Reason::Mismatch),
        ("id,Full name,amount\n1,Ann,\"1,5\"\n", Reason::Mismatch),
    ] {
        assert_eq!(reason(body), Some(expected), "{body:?}");
    }
    let shape = recipients(false);
    let wrong = scan(&shape, b"id,Full name\n1,\xff\n", &Limits::default());
    assert_eq!(wrong.unwrap_err().reason, Reason::NotUtf8);
    for body in [
        "id,Full name\n",
        "id,Full name",
        "Full name,\"id\"\r\nAnn,1",
    ] {
        assert_eq!(reason(body), None, "{body:?}");
    }
}

#[test]
fn what_leaves_has_a_header_one_spelling_and_no_formula() {
    let body = "id,\"Full name\",secret,email,amount,note\n\
                1,\"Ann \"\"A\"\", Lee\",s,a@x,-12.5,n\n\
                2,=1+1,s,,7,n\n\
                3,\"\tBob\",s,+1,0,n\n";
    assert_eq!(
        emitted(&recipients(false), body, &[Some(ALL)]),
        "id,Full name,email,amount\r\n1,\"Ann \"\"A\"\", Lee\",a@x,-12.5\r\n\
         2,'=1+1,,7\r\n3,'\tBob,'+1,0\r\n"
    );
    let shape = recipients(false);
    let scanned = scan(&shape, body.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(scanned.uncatalogued(), 1);
    assert_eq!(scanned.records()[1].customer(), Some("2"));
}

#[test]
fn a_column_leaves_if_it_does_so_of_any_record_and_else_its_cells_are_empty() {
    let body = "id,Full name,email,amount\n1,Ann,ann@x,1\n2,Bob,bob@x,2\n3,Eve,eve@x,3\n";
    let part: &[(&str, Form)] = &[("user.contact", Form::Partial)];
    let name: &[(&str, Form)] = &[("user.name", Form::Clear)];
    assert_eq!(
        emitted(&recipients(false), body, &[Some(name), None, Some(part)]),
        "Full name,email\r\nAnn,\r\n,e***\r\n"
    );
    assert_eq!(
        emitted(&recipients(false), body, &[Some(name)]),
        "Full name\r\nAnn\r\nBob\r\nEve\r\n"
    );
    // Its name is required, and so is there without a value: a line of one empty cell.
    assert_eq!(
        emitted(&recipients(false), body, &[Some(&[])]),
        "Full name\r\n\"\"\r\n\"\"\r\n\"\"\r\n"
    );
    assert_eq!(emitted(&recipients(false), body, &[None]), "Full name\r\n");
}

#[test]
fn columns_of_any_name_leave_only_with_their_category() {
    let body = "id,Full name,=Pet,\"Pet,2\"\n1,Ann,Rex,-1\n2,Bob,Tom,x\n";
    let shape = recipients(true);
    assert_eq!(
        emitted(&shape, body, &[Some(ALL)]),
        "id,Full name,'=Pet,\"Pet,2\"\r\n1,Ann,Rex,'-1\r\n2,Bob,Tom,x\r\n"
    );
    for form in [Form::Partial, Form::Pseudonym] {
        let granted: &[(&str, Form)] = &[("user.name", Form::Clear), ("user.content", form)];
        assert_eq!(
            emitted(&shape, body, &[Some(granted)]),
            "Full name\r\nAnn\r\nBob\r\n"
        );
    }
    let with = |names: String| format!("id,Full name{names}\n");
    let many = |count: usize| with((0..count).map(|one| format!(",c{one}")).collect());
    assert_eq!(reason_by(&shape, &many(256)), None);
    assert_eq!(reason_by(&shape, &many(257)), Some(Reason::TooManyMembers));
    let long = with(format!(",{}", "a".repeat(129)));
    assert_eq!(reason_by(&shape, &long), Some(Reason::TooManyMembers));
}
