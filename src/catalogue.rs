//! What the core services offer, and what every piece of it is: operations, their parameters, and
//! the data category of every field of every answer. Built from a core service's own OpenAPI 3
//! document plus an overlay. What is not in the catalogue does not exist; a field without a category
//! is never released (P1).
//!
//! What an overlay says, in OpenAPI Overlay 1.0 actions (`policies/catalogue/mailing.overlay.yaml`
//! shows each):
//!
//! | key | where | meaning |
//! |---|---|---|
//! | `x-covenant-channel` | operation; without it, none is served | the kind of way out: `record`, `list`, `write`, `export`, `document`, `campaign`, `webhook`, `aggregate` |
//! | `x-covenant-data-uses` | operation | the only uses it may be called for |
//! | `x-covenant-alternative` | operation | what a refused partner can do instead |
//! | `x-covenant-creates` | operation | `customer`, `job`, `list` or `document` |
//! | `x-covenant-refusal` | operation | the form in which its refusals are written, for clients that know no other ([`RefusalForm`]) |
//! | `x-covenant-role` | parameter, member of a request at any depth | `customer`, `job`, `list`, `document`, `page-size`, `use-type`, `audience`, `include`, `credential`; of figures the parameters `period-from`, `period-to` (days, both within) and `partition` (different values never share a customer) |
//! | `x-covenant-operational` | beside the role `use-type` | the values that are no marketing use; without it `[operational]` |
//! | `x-covenant-record` | object | belongs to one customer: by a key in it or around it, or by a parameter of the path that names the customer or a thing of the customer's |
//! | `x-covenant-group` | object in a list, channel `aggregate` | figures over one group of customers |
//! | `x-covenant-group-size` | whole number, there | how many different customers the group is; outside of groups, all together |
//! | `x-covenant-customer-key` | text in a record, or in an object around all records | the id of that customer; around them, of those records that have no key of their own |
//! | `x-covenant-resource-id` | text | the id of that customer's `job`, `list` or `document` |
//! | `x-covenant-data-category` | scalar; body of a document; scalar of `additionalProperties`: of every member that is not listed, and of its name | a fideslang key or one of ours |
//! | `x-covenant-data-subject` | anything, and all below it | `customer` or `recipient`; the outermost object of a record that is about a recipient is one person |
//! | `x-covenant-partial` | text | `{first: n}`, `{last: n}` or `street`: what stays of it in part |
//! | `x-covenant-empty` | scalar | what stands there when it is withheld but required, or cannot be replaced |
//! | `x-covenant-link` | text; header `Location` or `Link` | where it leads: `rewrite`, `{to: operationId}`, `foreign`, `remove` ([`Link`]) |
//!
//! A field with a category is held to its schema, value by value ([`Check`]): `type`, `enum`, `const`,
//! `pattern`, `format`, `minLength`, `maxLength`, `minimum`, `maximum`, `exclusiveMinimum`,
//! `exclusiveMaximum` and `multipleOf`, as the document says them or as the overlay does instead. A text
//! outside of `user.content` is moreover no JSON object or array, and has at most
//! [`TEXT_CHARACTERS_MAX`] characters where no `maxLength` says otherwise.
//!
//! A key that is put where it has no effect is a mistake. The registered `x-data-classification` may
//! stand beside them and is not read.
//!
//! Pure data once it is loaded: nothing here reads a request or knows a partner. Start at
//! [`Operation`], then [`shape::Shape`]; loading begins at [`Catalogue::load`].

mod answers;
mod byte_ranges;
mod check;
mod composed;
mod decimal;
mod document;
pub mod draft;
mod empty;
mod fitting;
mod format;
mod groups;
mod hidden;
mod keywords;
mod layouts;
mod links;
mod matcher;
mod misfit;
mod naming;
pub mod operation;
mod operations;
pub mod overlay;
mod partial;
mod pattern;
mod persons;
mod pseudonym;
mod reading;
mod refusal_form;
mod refusal_forms;
mod request;
mod requests;
mod roles;
mod router;
mod schema;
mod servers;
pub mod shape;
mod shaping;
mod times;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aws_lc_rs::digest;
use http::Method;

use self::composed::Composed;
use self::document::{Origin, Part};
use self::reading::Reading;
use self::router::Router;
use crate::mistakes::{Mistakes, Source, Span};
use crate::source::{Folder, read_yaml};

pub use self::check::{BadPattern, Check, NumberBounds, TEXT_CHARACTERS_MAX, TextBounds};
pub use self::hidden::is_document;
pub use self::misfit::Misfit;
pub use self::naming::is_xml_name;
pub use self::operation::{
    Answer, Body, Creates, Format, HeaderLink, Operation, Parameter, Place, Unserved,
};
pub use self::partial::{EMAIL_REST, PARTIAL_MASK, Partial};
pub use self::pseudonym::{PSEUDONYM_CHARACTERS, Pseudonym};
pub use self::refusal_form::{RefusalForm, RefusalFormat, RefusalMember, RefusalPart, Told};
pub use self::request::{
    Expected, ExpectedKind, ExpectedList, ExpectedMember, ExpectedMembers, RequestBody,
    RequestContent, RequestFields, RequestFormat, Role, bare_name,
};
pub use self::router::Routed;
pub use self::shape::{
    Field, FieldId, FieldRole, LINK_CHARACTERS_MAX, Link, Member, Namespace, Node, ObjectNode,
    ScalarKind, Shape, TellsWho,
};

/// Where the catalogue lies in a policies folder.
const FOLDER: &str = "catalogue";
const DOCUMENT_SUFFIX: &str = ".openapi.yaml";
const OVERLAY_SUFFIX: &str = ".overlay.yaml";

/// Every operation of every core service, immutable.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// All operations, by service and in the order of its document.
    pub operations: Vec<Arc<Operation>>,
    by_id: HashMap<Arc<str>, Arc<Operation>>,
    router: Router,
    left_out: Vec<(Arc<str>, Arc<str>)>,
    unserved: Vec<Unserved>,
    servers: Vec<(Arc<str>, Arc<str>)>,
    digest: [u8; 32],
}

impl Catalogue {
    /// Reads every `catalogue/<service>.openapi.yaml` of a folder with its
    /// `catalogue/<service>.overlay.yaml`. All that is wrong is added to `mistakes`; a catalogue comes
    /// back only if nothing was.
    pub fn load(folder: &Folder, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.len();
        let mut loading = Loading::default();
        for service in services(folder, mistakes) {
            loading.service(folder, &service, mistakes);
        }
        let catalogue = loading.finish(Self::digest_of(folder));
        (mistakes.len() == before).then_some(catalogue)
    }

    /// The operation that answers this method and canonical path (without query), if one is listed.
    /// HEAD is answered by GET; a literal segment wins over a parameter.
    pub fn route(&self, method: &Method, path: &str) -> Option<Routed> {
        self.router.route(method, path)
    }

    /// The operation with this `operationId`.
    pub fn operation(&self, id: &str) -> Option<&Arc<Operation>> {
        self.by_id.get(id)
    }

    /// SHA-256 over the names and contents of all files read, in order of name.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The digest that a catalogue read from `folder` has. What has the digest of a sound catalogue
    /// is that catalogue, so that nobody needs to read it again.
    pub fn digest_of(folder: &Folder) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        // Length first, so that no two sets of files give the same bytes.
        let mut add = |text: &str| {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        };
        for (name, source) in folder.below(FOLDER) {
            if name.ends_with(DOCUMENT_SUFFIX) || name.ends_with(OVERLAY_SUFFIX) {
                add(name);
                add(source.text());
            }
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// The operations that do not exist for partners because no overlay gives them a channel, by
    /// service and in the order of its document.
    pub fn unserved(&self) -> &[Unserved] {
        &self.unserved
    }

    /// The names that documents give the services (`servers`): service, and authority in lower case.
    /// They are names of the core, so that links to them are links to it, and none of them leaves.
    pub fn servers(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.servers
    }

    /// What is never released because nobody has said what it is: operation id and path, the fields
    /// without a category and the members whose schema cannot be filtered.
    pub fn unclassified(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let mut found = self.left_out.clone();
        for operation in &self.operations {
            for answer in &operation.answers {
                if let Body::Data { shape, .. } = &answer.body {
                    let fields = shape.fields.iter().filter(|field| {
                        field.category.is_none() && field.link != Some(Link::Remove)
                    });
                    found.extend(fields.map(|field| (operation.id.clone(), field.path.clone())));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

/// The ids of all operations that the documents of a folder name, served or not, for when there is no
/// catalogue because something else is wrong with it. `None` when there is no document, or one that cannot
/// be read at all.
pub(crate) fn operations_named(folder: &Folder) -> Option<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    for (name, source) in folder.below(FOLDER) {
        if name.ends_with(DOCUMENT_SUFFIX) {
            let document = read_yaml(source, &mut Mistakes::new())?;
            let items = document
                .get("paths")
                .map(crate::source::Node::entries)
                .unwrap_or_default();
            let operations = items.iter().flat_map(|(_, item)| item.entries());
            let ids = operations.filter_map(|(_, one)| one.get("operationId")?.as_text());
            named.extend(ids.map(str::to_owned));
        }
    }
    (!named.is_empty()).then_some(named)
}

/// The names of the services of a folder, sorted.
fn services(folder: &Folder, mistakes: &mut Mistakes) -> Vec<String> {
    let mut services = Vec::new();
    for (name, source) in folder.below(FOLDER) {
        if let Some(service) = name.strip_suffix(DOCUMENT_SUFFIX) {
            services.push(service.to_owned());
        } else if let Some(service) = name.strip_suffix(OVERLAY_SUFFIX) {
            let document = format!("{service}{DOCUMENT_SUFFIX}");
            if folder.file(&format!("{FOLDER}/{document}")).is_none() {
                let message = format!("an overlay without its `{document}`");
                mistakes.add(source, Span::default(), message);
            }
        }
    }
    if services.is_empty() {
        let nothing = Source::new(folder.root().join(FOLDER), "");
        let message = format!("no file here ends in `{DOCUMENT_SUFFIX}`");
        mistakes.add(&nothing, Span::default(), message);
    }
    services
}

/// A catalogue that is being read.
#[derive(Default)]
struct Loading {
    operations: Vec<Arc<Operation>>,
    by_id: HashMap<Arc<str>, Arc<Operation>>,
    router: Router,
    left_out: Vec<(Arc<str>, Arc<str>)>,
    unserved: Vec<Unserved>,
    servers: Vec<(Arc<str>, Arc<str>)>,
}

impl Loading {
    fn service(&mut self, folder: &Folder, service: &str, mistakes: &mut Mistakes) {
        let mut read = |suffix: &str| {
            let name = format!("{service}{suffix}");
            let source = folder.needed(&format!("{FOLDER}/{name}"), mistakes)?;
            let node = read_yaml(source, mistakes)?;
            Some((Arc::clone(source), node))
        };
        let (document, overlay) = (read(DOCUMENT_SUFFIX), read(OVERLAY_SUFFIX));
        let (Some((source, document)), Some((overlay_source, overlay))) = (document, overlay)
        else {
            return;
        };
        let mut document = Part::new(&source, &document);
        overlay::apply(&mut document, &overlay_source, &overlay, mistakes);
        let composed = Composed::new();
        let mut reading = Reading::new(&document, &composed, mistakes);
        keywords::check(&mut reading);
        let offered = operations::read(&mut reading, service);
        for (operation, place) in offered.operations {
            self.add(Arc::new(operation), &place, &mut reading);
        }
        let of_service = |id: &str| {
            let found = self.by_id.get(id);
            found.filter(|operation| &*operation.service == service)
        };
        links::check_mediated(&mut reading, of_service);
        let servers = servers::read(&mut reading).into_iter();
        self.servers
            .extend(servers.map(|server| (Arc::from(service), server)));
        self.left_out.extend(offered.left_out);
        self.unserved.extend(offered.unserved);
        reading.finish();
    }

    fn add(&mut self, operation: Arc<Operation>, place: &Origin, reading: &mut Reading<'_>) {
        if self.by_id.contains_key(&operation.id) {
            let message = format!("a second operation called `{}`", operation.id);
            reading.mistake(place, message);
            return;
        }
        if let Err(other) = self.router.add(&operation) {
            let message = format!("`{}` already answers the same paths", other.id);
            reading.mistake(place, message);
            return;
        }
        let id = operation.id.clone();
        self.by_id.insert(id, operation.clone());
        self.operations.push(operation);
    }

    fn finish(self, digest: [u8; 32]) -> Catalogue {
        Catalogue {
            operations: self.operations,
            by_id: self.by_id,
            router: self.router,
            left_out: self.left_out,
            unserved: self.unserved,
            servers: self.servers,
            digest,
        }
    }
}

#[cfg(test)]
mod carried;
#[cfg(test)]
mod tests;
