//! From the `requestBody` of an operation to a [`RequestBody`]: for each media type a tree of its
//! members and what they decide. What the schema leaves open is open in the tree too, and watched for
//! names that decide; a kind of body of which nothing is named is not in the catalogue.

mod scalar_or;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answers::media_type;
use super::document::{Entry, Part};
use super::operation::{Creates, Parameter};
use super::reading::{PREFIX, Reading, Unusable};
use super::request::{
    Expected, ExpectedKind, ExpectedList, ExpectedMember, ExpectedMembers, RequestBody,
    RequestContent, RequestFields, RequestFormat, Role, bare_name,
};
use super::roles;
use super::schema::{Kind, Schema};
use crate::terms::ResourceKind;

/// Deepest nesting of a request that is described.
const LEVELS_MAX: usize = 24;
/// Most schemas visited for one request, so that references cannot multiply without end.
const VISITS_MAX: usize = 16_384;
/// The media type of a file of which the document says none (OpenAPI 3.1 section 4.8.15).
const FILE: &str = "application/octet-stream";

/// Reads the body at `part`, or at the end of its reference.
pub(super) fn read<'a>(
    reading: &mut Reading<'a>,
    part: &'a Part,
    creates: Option<Creates>,
    parameters: &[Parameter],
) -> Option<RequestBody> {
    let part = reading.resolve(part)?;
    let entries = part.get("content").map(Part::entries).unwrap_or_default();
    if entries.is_empty() {
        return None;
    }
    let deciding = parameters.iter().filter(|one| one.role != Role::Plain);
    let mut names: BTreeSet<String> = deciding.map(|one| bare_name(&one.name)).collect();
    let mut contents = Vec::new();
    for entry in entries {
        let mut content = Content {
            reading,
            creates,
            entry,
            open: Vec::new(),
            levels: 0,
            visits: 0,
            names: &mut names,
        };
        contents.extend(content.read());
    }
    remark_on_namesakes(reading, part, &contents, &names);
    let uploads = match creates {
        Some(Creates::Resource(kind)) if kind != ResourceKind::Job => Some(kind),
        _ => None,
    };
    Some(RequestBody {
        required: part.get("required").and_then(Part::boolean) == Some(true),
        contents,
        uploads,
        deciding_names: names.into_iter().collect(),
    })
}

/// Notes each member that is called like something that decides and decides nothing: it was probably
/// meant to.
fn remark_on_namesakes(
    reading: &mut Reading<'_>,
    part: &Part,
    contents: &[RequestContent],
    names: &BTreeSet<String>,
) {
    for content in contents {
        let members = content.members();
        for (path, role) in &members {
            let name = path.rsplit('.').next().unwrap_or_default();
            let item = format!("{path}[*]");
            let by_items = members
                .iter()
                .any(|(other, role)| *other == item && **role != Role::Plain);
            let silent = **role == Role::Plain && !by_items && !path.ends_with("[*]");
            if silent && names.contains(&bare_name(name)) {
                let message = format!(
                    "`{path}` is called like something that decides, and decides nothing itself: it is \
                     passed on unread"
                );
                reading.remark(&part.place, message);
            }
        }
    }
}

/// Whether the members of a request of this media type can be read, once its schema names them.
pub(super) fn is_read(media_type: &str, schema: Option<&Part>) -> bool {
    let xml = schema.and_then(|schema| schema.get("xml"));
    let named = xml.is_some_and(|xml| xml.get("name").is_some());
    let refers = schema.is_some_and(|schema| schema.get("$ref").is_some());
    let root = (named || refers).then(|| Arc::from(media_type));
    schema.is_some() && format(media_type, root).is_some()
}

/// How members are written in a media type; `None` is bytes that nobody opens.
fn format(media_type: &str, root: Option<Arc<str>>) -> Option<RequestFormat> {
    match media_type {
        "application/x-www-form-urlencoded" => Some(RequestFormat::Form),
        "multipart/form-data" => Some(RequestFormat::Multipart),
        "application/json" => Some(RequestFormat::Json),
        json if json.ends_with("+json") => Some(RequestFormat::Json),
        "application/xml" | "text/xml" => Some(RequestFormat::Xml { root: root? }),
        xml if xml.ends_with("+xml") => Some(RequestFormat::Xml { root: root? }),
        _ => None,
    }
}

/// The reading of one media type.
struct Content<'a, 'run> {
    reading: &'run mut Reading<'a>,
    creates: Option<Creates>,
    entry: &'a Entry,
    /// The schemas that are open where the reading is.
    open: Vec<&'a Part>,
    levels: usize,
    visits: usize,
    /// The names that decide.
    names: &'run mut BTreeSet<String>,
}

/// What a schema says of its name in XML (OpenAPI 3.1 section 4.8.26).
#[derive(Clone, Default)]
struct Named {
    name: Option<Arc<str>>,
    attribute: bool,
    wrapped: bool,
    /// A namespace or a prefix: such names are not read.
    qualified: bool,
}

impl<'a> Content<'a, '_> {
    fn read(&mut self) -> Option<RequestContent> {
        let media_type = media_type(self.entry);
        let schema = self.entry.part.get("schema");
        let root = schema.and_then(|schema| self.root_name(schema));
        let xml = media_type == "application/xml"
            || media_type == "text/xml"
            || media_type.ends_with("+xml");
        let Some(format) = format(&media_type, root) else {
            if xml {
                let message = "an XML request whose outermost element has no name is refused: give \
                               its schema `xml: {name: …}`, without namespace or prefix";
                self.reading.remark(&self.entry.place, message);
                return None;
            }
            return Some(RequestContent {
                media_type: media_type.into(),
                fields: None,
            });
        };
        let is_json = format == RequestFormat::Json;
        let root = match schema.map(|schema| self.root(schema, &format)) {
            Some(Ok(root)) => Some(root),
            Some(Err(unusable)) if is_json => {
                let what = "this request cannot be inspected";
                self.reading.give_up(unusable, what);
                return None;
            }
            Some(Err(unusable)) => {
                let message = format!("such a request is refused: {}", unusable.reason);
                self.reading.remark(&unusable.place, message);
                return None;
            }
            None => None,
        };
        let content = root.map(|root| RequestContent {
            media_type: media_type.as_str().into(),
            fields: Some(RequestFields { format, root }),
        });
        let content = content.filter(|content| !content.members().is_empty());
        match (&content, is_json) {
            (Some(_), _) => {}
            (None, true) => {
                let message = "a JSON request whose members are not named cannot be inspected";
                self.reading.mistake(&self.entry.place, message);
            }
            (None, false) => {
                let message = "a request whose members are not named is refused";
                self.reading.remark(&self.entry.place, message);
            }
        }
        content
    }

    /// The name of the outermost element: what `xml` says, or the name of the component.
    fn root_name(&mut self, schema: &'a Part) -> Option<Arc<str>> {
        let named = self.named(schema);
        if named.qualified {
            return None;
        }
        let reference = schema.get("$ref").and_then(Part::text);
        let component = reference.and_then(|text| text.rsplit('/').next());
        named.name.or(component.map(Arc::from))
    }

    fn root(&mut self, schema: &'a Part, format: &RequestFormat) -> Result<Expected, Unusable> {
        let (flat, _) = Schema::read(self.reading, schema)?;
        flat.check_required(self.reading);
        let kind = match format {
            RequestFormat::Multipart => self.parts(&flat)?,
            _ => self.kind(schema)?,
        };
        match (&kind, format) {
            (ExpectedKind::Members(_), _) | (ExpectedKind::List(_), RequestFormat::Json) => {
                Ok(Expected::plain(kind))
            }
            (ExpectedKind::Any, _) => Ok(Expected::plain(kind)),
            _ => Err(flat.unusable("it is no object")),
        }
    }

    /// The members of a multipart body, of which some may be files.
    fn parts(&mut self, schema: &Schema<'a>) -> Result<ExpectedKind, Unusable> {
        let mut kind = self.object(schema)?;
        if let ExpectedKind::Members(members) = &mut kind {
            for (entry, _) in schema.properties() {
                let member = members
                    .named
                    .iter_mut()
                    .find(|one| *one.name == *entry.name);
                if let Some(member) = member {
                    self.make_file(entry, &mut member.value);
                }
            }
        }
        Ok(kind)
    }

    fn make_file(&mut self, entry: &'a Entry, value: &mut Expected) {
        let encoding = self.entry.part.get("encoding");
        let encoding = encoding.and_then(|all| all.get(&entry.name)?.get("contentType")?.text());
        let Some(part) = self.reading.resolve(&entry.part) else {
            return;
        };
        if let (ExpectedKind::List(list), Some(items)) = (&mut value.kind, part.get("items")) {
            let items = self.reading.resolve(items);
            if let Some(media_types) = items.and_then(|items| file(items, encoding)) {
                list.item.kind = self.owned_file(entry, media_types);
            }
        } else if let Some(media_types) = file(part, encoding) {
            value.kind = self.owned_file(entry, media_types);
        }
    }

    /// A file is taken where what it becomes has an owner and remembers its purpose (P11).
    fn owned_file(&mut self, entry: &Entry, media_types: Vec<Arc<str>>) -> ExpectedKind {
        let media_types = match self.creates {
            Some(Creates::Resource(_)) => media_types,
            _ => {
                let message = "a file is refused here: by `x-covenant-creates` the call makes no job, \
                               list or document that it could belong to";
                self.reading.remark(&entry.place, message);
                Vec::new()
            }
        };
        ExpectedKind::File { media_types }
    }

    fn value(&mut self, part: &'a Part) -> Expected {
        let scalar_or_object = self.scalar_or_object(part);
        let mut role = self.role(part);
        let kind = match scalar_or_object {
            Some((scalar, objects)) => {
                if role == Role::Plain {
                    role = self.role(scalar);
                }
                self.scalar_or(&objects)
            }
            None => self.kind(part),
        };
        let kind = match kind {
            Ok(kind) => kind,
            Err(_) => {
                self.watch(part);
                ExpectedKind::Any
            }
        };
        if role == Role::Plain && self.may_name(part) {
            let message = "a text may stand here that is passed on unread; where it is the id of a \
                           customer, or of a thing of one, say so with `x-covenant-role`";
            self.reading.remark(&part.place, message);
        }
        let ids = role.names_customer() || matches!(role, Role::PageSize { .. });
        if ids && matches!(kind, ExpectedKind::Members(_)) {
            let message = "an id or a number must be a text or a number, not an object";
            self.reading.mistake(&part.place, message);
        }
        Expected { role, kind }
    }

    fn role(&mut self, part: &'a Part) -> Role {
        let target = self.reading.resolve(part);
        let holders: Vec<&'a Part> = std::iter::once(part).chain(target).collect();
        let own = self.reading.extension(part, "role");
        let its = target.and_then(|target| self.reading.extension(target, "role"));
        let role = own.or(its);
        role.map_or(Role::Plain, |role| {
            let place = &role.place;
            let role = roles::read(self.reading, role, &holders, Some(part));
            if role.asks_for_figures() {
                let message = "only a parameter can say which figures are asked for";
                self.reading.mistake(place, message);
            }
            role
        })
    }

    fn kind(&mut self, part: &'a Part) -> Result<ExpectedKind, Unusable> {
        let (schema, _) = Schema::read(self.reading, part)?;
        self.visits += 1;
        let circle = schema.is_within(&self.open);
        if self.levels == LEVELS_MAX || self.visits > VISITS_MAX || circle {
            return Err(schema.unusable("it holds itself, or is nested too deep"));
        }
        self.levels += 1;
        let before = self.open.len();
        self.open.extend(schema.whole());
        let kind = schema.kind().and_then(|(kind, _)| match kind {
            Kind::Scalar(_) => Ok(ExpectedKind::Scalar),
            Kind::Array => self.list(&schema),
            Kind::Object => self.object(&schema),
        });
        self.open.truncate(before);
        self.levels -= 1;
        kind
    }

    fn list(&mut self, schema: &Schema<'a>) -> Result<ExpectedKind, Unusable> {
        let items = schema.keyword("items");
        let items = items.ok_or_else(|| schema.unusable("an array without `items`"))?;
        let xml = schema.keyword("xml").map(named).unwrap_or_default();
        let item_name = self.named(items).name;
        let item = self.value(items);
        // Of a wrapped list whose items have no name they are called as it is, which the member knows.
        let wrapped = xml.wrapped.then(|| item_name.unwrap_or_default());
        Ok(ExpectedKind::List(Box::new(ExpectedList { item, wrapped })))
    }

    fn object(&mut self, schema: &Schema<'a>) -> Result<ExpectedKind, Unusable> {
        if schema.open {
            return Err(schema.unusable("one of its alternatives has members that nothing names"));
        }
        let others = schema.keyword("additionalProperties");
        let others = match (others, others.and_then(Part::boolean)) {
            (None, _) | (_, Some(false)) => None,
            (_, Some(true)) => Some(Expected::plain(ExpectedKind::Any)),
            (Some(part), None) => Some(self.value(part)),
        };
        let closed = schema.keyword("additionalProperties").is_some();
        if schema.properties().next().is_none() && others.is_none() && !closed {
            return Ok(ExpectedKind::Any);
        }
        let mut named = Vec::new();
        for (entry, _) in schema.properties() {
            named.push(self.member(entry)?);
        }
        Ok(ExpectedKind::Members(ExpectedMembers {
            named,
            others: others.map(Box::new),
        }))
    }

    fn member(&mut self, entry: &'a Entry) -> Result<ExpectedMember, Unusable> {
        let mut value = self.value(&entry.part);
        let name: Arc<str> = entry.name.as_str().into();
        let xml = self.named(&entry.part);
        let list = match &mut value.kind {
            ExpectedKind::List(list) => Some(list),
            _ => None,
        };
        if value.role != Role::Plain
            || list
                .as_ref()
                .is_some_and(|list| list.item.role != Role::Plain)
        {
            self.names.insert(bare_name(&name));
            self.names.extend(xml.name.as_deref().map(bare_name));
        }
        let xml_name = match list.map(|list| &mut list.wrapped) {
            // Without a wrapper the elements are the items, and named like them.
            Some(None) => {
                let target = self.reading.resolve(&entry.part);
                let items = target.and_then(|target| target.get("items"));
                items.and_then(|items| self.named(items).name)
            }
            Some(Some(wrapped)) => {
                let outer = xml.name.clone().unwrap_or_else(|| name.clone());
                if wrapped.is_empty() {
                    *wrapped = outer.clone();
                }
                Some(outer)
            }
            None => xml.name.clone(),
        };
        Ok(ExpectedMember {
            xml_name: xml_name.unwrap_or_else(|| name.clone()),
            attribute: xml.attribute && matches!(value.kind, ExpectedKind::Scalar),
            name,
            value,
        })
    }

    fn named(&mut self, part: &'a Part) -> Named {
        let own = part.get("xml");
        let xml = own.or_else(|| self.reading.resolve(part)?.get("xml"));
        xml.map(named).unwrap_or_default()
    }

    /// Of a schema that leaves open what stands there: the names that decide in any of its branches,
    /// so that none is passed unread.
    fn watch(&mut self, part: &'a Part) {
        let mut seen = BTreeSet::new();
        let mut open = vec![part];
        while let Some(part) = open.pop() {
            if !seen.insert(part.place.key()) {
                continue;
            }
            open.extend(part.items());
            for entry in part.entries() {
                open.push(&entry.part);
                let target = self.reading.resolve(&entry.part);
                let role = |part: &Part| part.get(&format!("{PREFIX}role")).is_some();
                if role(&entry.part) || target.is_some_and(role) {
                    self.names.insert(bare_name(&entry.name));
                }
                if entry.name == "$ref"
                    && let Ok(target) = self.reading.follow(&entry.part)
                {
                    open.push(target);
                }
            }
        }
    }
}

fn named(xml: &Part) -> Named {
    let is = |name: &str| xml.get(name).and_then(Part::boolean) == Some(true);
    Named {
        name: xml.get("name").and_then(Part::text).map(Arc::from),
        attribute: is("attribute"),
        wrapped: is("wrapped"),
        qualified: xml.get("prefix").is_some() || xml.get("namespace").is_some(),
    }
}

/// The media types of a part that is a file, where it is one.
fn file(schema: &Part, encoding: Option<&str>) -> Option<Vec<Arc<str>>> {
    let text = |name: &str| schema.get(name).and_then(Part::text);
    let is_text = |media_type: &str| media_type == "text/plain" || media_type.ends_with("json");
    let own = text("contentMediaType").filter(|_| schema.get("contentEncoding").is_none());
    let binary = text("format") == Some("binary");
    let listed = encoding.or(own);
    let of_file = listed.is_some_and(|listed| !listed.split(',').all(|one| is_text(one.trim())));
    let scalar =
        matches!(text("type"), Some("string") | None) && schema.get("properties").is_none();
    if !(scalar && (binary || of_file)) {
        return None;
    }
    let listed = listed.unwrap_or(FILE).split(',');
    Some(
        listed
            .map(|one| one.trim().to_ascii_lowercase().into())
            .collect(),
    )
}
