//! One listed method and path of a core service, and what the gateway must know to judge it.

use std::path::PathBuf;
use std::sync::Arc;

use http::{HeaderName, Method};

use super::check::Check;
use super::refusal_form::RefusalForm;
use super::request::{RequestBody, Role};
use super::shape::{ScalarKind, Shape};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Channel, ResourceKind};

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The OpenAPI `operationId`.
    pub id: Arc<str>,
    /// The core service it belongs to: the stem of its `*.openapi.yaml`.
    pub service: Arc<str>,
    /// Its method. HEAD is served by the GET operation of the same path.
    pub method: Method,
    /// Its path with that of its servers, for example `/v1/jobs/{job_id}`.
    pub path: Arc<str>,
    /// Which kind of way out it is (`x-covenant-channel`).
    pub channel: Channel,
    /// Uses for which it may be called (`x-covenant-data-uses`); empty means any the contract grants.
    pub purposes: Vec<Purpose>,
    /// Parameters of path, query and header. A query parameter that is not listed is refused.
    pub parameters: Vec<Parameter>,
    /// The request body, where it takes one.
    pub request: Option<RequestBody>,
    /// Answers by status. A status that is not listed is not forwarded.
    pub answers: Vec<Answer>,
    /// What a successful call brings into being.
    pub creates: Option<Creates>,
    /// What a refused partner can do instead, for exports (`x-covenant-alternative`).
    pub alternative: Option<Arc<str>>,
    /// How its refusals are written, where not as problem documents (`x-covenant-refusal`).
    pub refusal: Option<Arc<RefusalForm>>,
}

impl Operation {
    /// Whether an answer of this status is a redirect of which nothing is read but its headers.
    pub fn redirects_without_body(&self, status: u16) -> bool {
        let mut answers = self.answers.iter();
        let listed = answers.find(|answer| answer.status == status);
        listed.is_some_and(|one| one.is_redirect() && matches!(one.body, Body::Empty))
    }

    /// Whether a call can say how many records its answer has.
    pub fn has_pages(&self) -> bool {
        let is_size = |role: &Role| matches!(role, Role::PageSize { .. });
        self.parameters.iter().any(|one| is_size(&one.role))
    }

    /// Whether a call names the customer it is about, by id or by a thing of the customer: in its
    /// path, in a required parameter, or in a required body.
    pub fn names_customer(&self) -> bool {
        let parameters = self.parameters.iter();
        let mut needed = parameters.filter(|one| one.required || one.place == Place::Path);
        let body = self.request.as_ref().filter(|body| body.required);
        needed.any(|one| one.role.names_customer()) || body.is_some_and(RequestBody::names_customer)
    }
}

/// An operation of a document that partners cannot call: the overlay gives it no channel, so that it
/// does not exist for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unserved {
    /// Its `operationId`; without one, method and path.
    pub operation: Arc<str>,
    /// The document.
    pub file: PathBuf,
    /// Where in the document, from 1.
    pub line: usize,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A segment of the path.
    Path,
    /// The query.
    Query,
    /// A header; forwarded only if listed here.
    Header,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, for headers in lower case.
    pub name: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Whether the call is refused without it.
    pub required: bool,
    /// What it decides, beyond being passed on.
    pub role: Role,
    /// Whether any `name[member]` is of it: of a query parameter of the style `deepObject` (OpenAPI 3.1
    /// section 4.8.12.6) those members that its schema leaves open. Each that the schema names is a parameter
    /// by itself.
    pub open: bool,
    /// The type of its values, for one in the path.
    pub kind: ScalarKind,
    /// What its values must be by its schema, for one in the path. Nothing is held to it: a core refuses
    /// what it does not know.
    pub check: Check,
}

impl Parameter {
    /// The member of an open one that a name in the query is.
    pub fn open_member<'n>(&self, name: &'n str) -> Option<&'n str> {
        let within = name.strip_prefix(&*self.name)?.strip_prefix('[')?;
        let member = within.strip_suffix(']').filter(|_| self.open)?;
        (!member.is_empty() && !member.contains(['[', ']'])).then_some(member)
    }

    /// A value that its schema admits and that is written in a path as it is: `plain` where that will do.
    pub fn example(&self, plain: &str) -> Option<String> {
        let example = match self.kind {
            ScalarKind::String => self.check.example_text(plain),
            _ => self.check.example_bare("1"),
        };
        // RFC 3986 section 2.3.
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        example.filter(|text| !text.is_empty() && text.bytes().all(unreserved))
    }
}

/// One answer of an operation.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What its body is.
    pub body: Body,
    /// The headers with links that leave, led anew.
    pub links: Vec<HeaderLink>,
}

impl Answer {
    /// Whether it sends the caller elsewhere: then it is nothing without its `Location`.
    pub fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }
}

/// A header of an answer that holds links of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLink {
    /// `Location` (RFC 9110 section 10.2.2) or `Link` (RFC 8288).
    pub name: HeaderName,
    /// Its data category, within `system`.
    pub category: Category,
}

/// What the body of an answer is.
#[derive(Clone, Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// Fields that are known one by one, and filtered.
    Data {
        /// How they are written.
        format: Format,
        /// For example `application/json`.
        media_type: Arc<str>,
        /// What they are.
        shape: Arc<Shape>,
    },
    /// Bytes passed whole, unopened, to their owner's production purpose (P10, P11).
    Document {
        /// For example `application/pdf`.
        media_type: Arc<str>,
        /// The category of the whole.
        category: Category,
    },
    /// A media type that no filter exists for yet: never forwarded.
    Uninspectable {
        /// For example `text/html`.
        media_type: Arc<str>,
    },
}

/// How the fields of an answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document (RFC 8259).
    Json,
    /// One XML document (XML 1.0, fifth edition) without document type, comments and instructions.
    Xml,
    /// Lines of cells with a header (RFC 4180).
    Csv,
    /// Lines, each a JSON document (NDJSON). The shape is an array of them.
    JsonLines,
}

/// What a successful call brings into being; the answer's field with [`super::FieldRole::ResourceId`]
/// of this kind, or with [`super::FieldRole::CustomerKey`] for a customer, holds its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creates {
    /// A customer of the calling partner.
    Customer,
    /// A thing of the customer the call was made for.
    Resource(ResourceKind),
}
