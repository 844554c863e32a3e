//! The shipped policies, and operations small enough to read, for the tests of this room.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use http::Method;
use jiff::civil::{Date, date};

use super::{AccessRequest, Circumstances, PolicySet, Standing};
use crate::catalogue::{
    Answer, Body, Catalogue, Field, FieldId, Format, Member, Node, ObjectNode, Operation,
    Pseudonym, Shape,
};
use crate::mistakes::{Look, Mistakes};
use crate::source::Folder;
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, PartnerId};

pub(super) const TODAY: Date = date(2026, 11, 22);

pub(super) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// The shipped catalogue, loaded once for all tests.
pub(super) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let mut mistakes = Mistakes::new();
        let folder = Folder::read(&directory(), &mut mistakes);
        let catalogue = Catalogue::load(&folder, &mut mistakes);
        catalogue.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)))
    })
}

/// The shipped set, loaded anew.
pub(super) fn shipped() -> PolicySet {
    let mut mistakes = Mistakes::new();
    let folder = Folder::read(&directory(), &mut mistakes);
    let set = PolicySet::load(&folder, Some(catalogue()), None, TODAY, &mut mistakes);
    set.unwrap_or_else(|| panic!("{}", mistakes.render(Look::Plain)))
}

/// The shipped set, loaded once for all tests.
pub(super) fn shipped_once() -> &'static PolicySet {
    static SET: OnceLock<PolicySet> = OnceLock::new();
    SET.get_or_init(shipped)
}

/// Copies the files of the shipped set that this room reads.
pub(super) fn copy_shipped(to: &Path) {
    for folder in ["", "partners"] {
        std::fs::create_dir_all(to.join(folder)).unwrap();
        for entry in std::fs::read_dir(directory().join(folder))
            .into_iter()
            .flatten()
        {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, to.join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
}

pub(super) fn operation(id: &str, channel: Channel) -> Operation {
    Operation {
        id: id.into(),
        service: "mail".into(),
        method: Method::GET,
        path: "/".into(),
        channel,
        purposes: Vec::new(),
        parameters: Vec::new(),
        request: None,
        answers: Vec::new(),
        creates: None,
        alternative: None,
        refusal: None,
    }
}

/// `getCustomer`, answering a name and an e-mail address.
pub(super) fn customer_operation() -> Operation {
    let field = |path: &str, category| Field {
        path: path.into(),
        category: Category::parse(category),
        null_fits: true,
        pseudonym: Some(Pseudonym::PLAIN),
        empty: Arc::from(&b"\"\""[..]),
        ..Field::default()
    };
    let member = |name: &str, id| Member {
        name: name.into(),
        encoded: format!("\"{name}\":").into_bytes().into(),
        required: false,
        nullable_list: false,
        node: Node::Scalar(FieldId(id)),
    };
    let shape = Shape {
        root: Node::Object(ObjectNode {
            members: vec![member("email", 0), member("name", 1)],
            record: true,
            ..ObjectNode::default()
        }),
        fields: vec![
            field("$.email", "user.contact.email"),
            field("$.name", "user.name"),
        ],
    };
    Operation {
        answers: vec![Answer {
            links: Vec::new(),
            status: 200,
            body: Body::Data {
                format: Format::Json,
                media_type: "application/json".into(),
                shape: Arc::new(shape),
            },
        }],
        ..operation("getCustomer", Channel::Record)
    }
}

/// A call in good standing, without marketing signals or page size.
pub(super) fn request<'a>(
    partner: &str,
    operation: &'a Operation,
    purpose: &str,
) -> AccessRequest<'a> {
    static PARTNERS: OnceLock<Vec<PartnerId>> = OnceLock::new();
    let partners = PARTNERS.get_or_init(|| {
        ["acme", "bluebird", "crest"]
            .map(|id| PartnerId::parse(id).unwrap())
            .into()
    });
    AccessRequest {
        partner: partners.iter().find(|id| id.as_str() == partner).unwrap(),
        standing: Standing::Good,
        operation,
        purpose: Purpose::parse(purpose).unwrap(),
        marketing_signals: &[],
        page_records: None,
        today: TODAY,
        circumstances: Circumstances::OWN,
    }
}
