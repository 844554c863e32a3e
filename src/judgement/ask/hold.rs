//! Holds what was sent against what the catalogue expects: every member is one that is named or one
//! that may be there without a name, and whatever decides is noted. Any doubt refuses the request.

use super::super::route::printable;
use super::sent::Sent;
use super::{Asked, Selector};
use crate::catalogue::{
    Expected, ExpectedKind, ExpectedMembers, Parameter, RequestBody, Role, bare_name,
};
use crate::refusal::{Code, Refusal};

/// What a parameter that decides has said already, so that the body cannot say otherwise.
pub(super) struct Said {
    name: String,
    value: Option<String>,
}

impl Said {
    /// Of a parameter. Marketing is heard wherever it is said, so that only what selects, and how much,
    /// must agree.
    pub(super) fn new(name: &str, role: &Role, value: &str) -> Self {
        let selects = role.names_customer() || matches!(role, Role::PageSize { .. });
        Self {
            name: bare_name(name),
            value: selects.then(|| value.to_owned()),
        }
    }
}

/// Notes what a value of a parameter decides.
pub(super) fn parameter(
    asked: &mut Asked,
    parameter: &Parameter,
    value: String,
) -> Result<(), Box<Refusal>> {
    let place = format!("parameter `{}`", parameter.name);
    asked.note(&parameter.role, &Sent::Text(value), &place)
}

/// A body that is held against its tree.
pub(super) struct Holding<'a> {
    asked: &'a mut Asked,
    expected: &'a RequestBody,
    said: &'a [Said],
    /// Whether it is a form: one value stands for a list of one, members called `0`, `1`, … for a list,
    /// and the text of a JSON document for an object.
    pub(super) is_form: bool,
}

impl<'a> Holding<'a> {
    pub(super) fn new(asked: &'a mut Asked, expected: &'a RequestBody, said: &'a [Said]) -> Self {
        Self {
            asked,
            expected,
            said,
            is_form: false,
        }
    }

    /// The whole body.
    pub(super) fn whole(&mut self, root: &Expected, sent: &Sent) -> Result<(), Box<Refusal>> {
        if let Sent::Members(members) = sent {
            self.check_agreement(members)?;
        }
        self.value(root, sent, "")
    }

    /// What the body says beside a parameter of the same name must be the same.
    fn check_agreement(&self, members: &[(String, Sent)]) -> Result<(), Box<Refusal>> {
        for (name, sent) in members {
            let bare = bare_name(name);
            let mut said = self.said.iter().filter(|said| said.name == bare);
            let differs = said.any(|said| match &said.value {
                Some(value) => sent.text() != Some(value),
                None => false,
            });
            if differs {
                let name = printable(name);
                return Err(Refusal::new(
                    Code::RequestMalformed,
                    format!("The body member `{name}` and the parameter of that name differ."),
                    format!("Send `{name}` once, or the same both times."),
                )
                .into());
            }
        }
        Ok(())
    }

    fn value(&mut self, expected: &Expected, sent: &Sent, name: &str) -> Result<(), Box<Refusal>> {
        if let ExpectedKind::ScalarOr(members) = &expected.kind
            && expected.role.names_customer()
        {
            return self.named_or_told(expected, members, sent, name);
        }
        let signals = self.asked.marketing_signals.len();
        let place = format!("body member `{}`", printable(name));
        let items = match (&expected.kind, sent) {
            (ExpectedKind::List(_), Sent::List(items)) if expected.role != Role::Plain => items,
            _ => std::slice::from_ref(sent),
        };
        match (items, &expected.role) {
            // A list of no use is no use that is known.
            ([], role) => self.asked.note(role, &Sent::Null, &place)?,
            (items, role) => {
                for item in items {
                    self.asked.note(role, item, &place)?;
                }
            }
        }
        // What states a marketing use is refused for that, whatever shape it has.
        let signalled = self.asked.marketing_signals.len() > signals;
        match (&expected.kind, sent) {
            (_, Sent::Null) => Ok(()),
            (ExpectedKind::ScalarOr(members), sent) => {
                self.scalar_or_members(members, sent, name).map(drop)
            }
            (ExpectedKind::Scalar, Sent::Truth | Sent::Number(_) | Sent::Text(_)) => Ok(()),
            (ExpectedKind::Scalar, Sent::List(items))
                if matches!(expected.role, Role::Include { .. })
                    && items.iter().all(|item| item.text().is_some()) =>
            {
                Ok(())
            }
            (ExpectedKind::Any, Sent::Text(text)) if self.is_form => match document(text) {
                Some(document) => self.watch(&document),
                None => Ok(()),
            },
            (ExpectedKind::Any, sent) => self.watch(sent),
            // So forms send an object by default (OpenAPI 3.1 section 4.8.15), and some always.
            (ExpectedKind::Members(members), Sent::Text(text)) if self.is_form && !signalled => {
                let document = members_of(text).ok_or_else(|| Box::new(misshapen(name)))?;
                self.within_document(members, &document)
            }
            // Of texts it could be one of them.
            (ExpectedKind::List(list), Sent::Text(text))
                if self.is_form && matches!(list.item.kind, ExpectedKind::Members(_)) =>
            {
                self.listed_in_document(&list.item, text, name)
            }
            (ExpectedKind::File { media_types }, Sent::File(media_type)) => {
                check_file(media_types, media_type, name)
            }
            (ExpectedKind::File { media_types }, Sent::Text(_)) => {
                check_file(media_types, "text/plain", name)
            }
            (ExpectedKind::List(list), sent) if self.items(sent).is_some() => self
                .items(sent)
                .unwrap_or_default()
                .into_iter()
                .try_for_each(|item| self.value(&list.item, item, name)),
            (ExpectedKind::Members(expected), Sent::Members(members)) => {
                self.members(expected, members)
            }
            _ if signalled => self.watch(sent),
            _ => Err(misshapen(name).into()),
        }
    }

    /// A thing that is named by its id, which then decides, or told in full, where only what is in it does.
    fn named_or_told(
        &mut self,
        expected: &Expected,
        members: &ExpectedMembers,
        sent: &Sent,
        name: &str,
    ) -> Result<(), Box<Refusal>> {
        if self.scalar_or_members(members, sent, name)? == Held::Members {
            return Ok(());
        }
        let place = format!("body member `{}`", printable(name));
        self.asked.note(&expected.role, sent, &place)
    }

    /// A scalar, or an object in its place; in a form also as the text of a JSON document.
    fn scalar_or_members(
        &mut self,
        expected: &ExpectedMembers,
        sent: &Sent,
        name: &str,
    ) -> Result<Held, Box<Refusal>> {
        match sent {
            Sent::Members(members) => self.members(expected, members)?,
            Sent::Text(text) if self.is_form => match members_of(text) {
                Some(members) => self.within_document(expected, &members)?,
                None => return Ok(Held::Scalar),
            },
            Sent::Null | Sent::Truth | Sent::Number(_) | Sent::Text(_) => return Ok(Held::Scalar),
            Sent::File(_) | Sent::List(_) => return Err(misshapen(name).into()),
        }
        Ok(Held::Members)
    }

    /// An object that stands in a form as the text of a JSON document: what is in it is no form. What it
    /// decides was noted of the text already.
    fn within_document(
        &mut self,
        expected: &ExpectedMembers,
        members: &[(String, Sent)],
    ) -> Result<(), Box<Refusal>> {
        self.is_form = false;
        let held = self.members(expected, members);
        self.is_form = true;
        held
    }

    /// Likewise a list of objects.
    fn listed_in_document(
        &mut self,
        item: &Expected,
        text: &str,
        name: &str,
    ) -> Result<(), Box<Refusal>> {
        let Some(Sent::List(items)) = document(text) else {
            return Err(misshapen(name).into());
        };
        self.is_form = false;
        let mut items = items.iter();
        let held = items.try_for_each(|one| self.value(item, one, name));
        self.is_form = true;
        held
    }

    /// The values of a list.
    fn items<'s>(&self, sent: &'s Sent) -> Option<Vec<&'s Sent>> {
        match sent {
            Sent::List(items) => Some(items.iter().collect()),
            Sent::Members(members) if self.is_form => {
                let mut numbered = members.iter().enumerate();
                numbered
                    .all(|(place, (name, _))| *name == place.to_string())
                    .then(|| members.iter().map(|(_, value)| value).collect())
            }
            Sent::Text(_) | Sent::File(_) if self.is_form => Some(vec![sent]),
            _ => None,
        }
    }

    fn members(
        &mut self,
        expected: &ExpectedMembers,
        members: &[(String, Sent)],
    ) -> Result<(), Box<Refusal>> {
        for (name, sent) in members {
            let named = expected.named.iter().find(|one| *one.name == **name);
            match (named, &expected.others) {
                (Some(member), _) => self.value(&member.value, sent, name)?,
                (None, Some(others)) if !self.decides(name) => self.value(others, sent, name)?,
                (None, _) => return Err(unknown(name, expected).into()),
            }
        }
        Ok(())
    }

    /// Whether a name is that of something that decides, here or elsewhere in the request.
    fn decides(&self, name: &str) -> bool {
        let names = &self.expected.deciding_names;
        names.binary_search(&bare_name(name)).is_ok()
    }

    /// Nothing below may be called like something that decides, for nobody looks at it as such.
    fn watch(&self, sent: &Sent) -> Result<(), Box<Refusal>> {
        match sent {
            Sent::Null | Sent::Truth | Sent::Number(_) | Sent::Text(_) => Ok(()),
            Sent::File(_) => Err(misshapen("").into()),
            Sent::List(items) => items.iter().try_for_each(|item| self.watch(item)),
            Sent::Members(members) => members.iter().try_for_each(|(name, sent)| {
                if self.decides(name) {
                    return Err(hidden(name).into());
                }
                self.watch(sent)
            }),
        }
    }
}

/// What stood where either may.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Scalar,
    Members,
}

impl Asked {
    /// Notes what a value decides by its role.
    fn note(&mut self, role: &Role, sent: &Sent, place: &str) -> Result<(), Box<Refusal>> {
        let id = || {
            let text = sent.text().map(str::to_owned);
            text.ok_or_else(|| Box::new(Refusal::not_found()))
        };
        match (role, sent) {
            // Which figures are asked for is read apart, from the whole of the request.
            (Role::Plain | Role::PeriodFrom | Role::PeriodTo | Role::Partition, _) => {}
            (Role::Credential, _) => return Err(credential(place).into()),
            (Role::Audience, _) => self.signal("audience"),
            (Role::UseType { operational }, sent) => {
                let known = |text: &str| operational.iter().any(|one| **one == *text);
                if !matches!(sent, Sent::Text(text) if known(text)) {
                    self.signal("use-type");
                }
            }
            // What is not there names nobody and asks for nothing.
            (_, Sent::Null) => {}
            (Role::Customer, _) => self.selectors.push(Selector::Customer(id()?)),
            (Role::Resource(kind), _) => self.selectors.push(Selector::Resource(*kind, id()?)),
            (Role::PageSize { .. }, sent) => {
                let records = page_size(sent)?;
                if self.page_records.is_some_and(|other| other != records) {
                    return Err(Refusal::new(
                        Code::RequestMalformed,
                        "Two parts of the request ask for pages of different sizes.",
                        "Send the page size once.",
                    )
                    .into());
                }
                self.page_records = Some(records);
            }
            (Role::Include { values }, Sent::List(items)) => {
                let one = Role::Include {
                    values: values.clone(),
                };
                for item in items {
                    self.note(&one, item, place)?;
                }
            }
            (Role::Include { values }, sent) => {
                for asked in sent.text().unwrap_or_default().split(',') {
                    let known = values.iter().find(|value| ***value == *asked);
                    let known = known.ok_or_else(|| not_included(place, values))?;
                    if !self.included.contains(known) {
                        self.included.push(known.clone());
                    }
                }
            }
        }
        Ok(())
    }

    fn signal(&mut self, signal: &'static str) {
        if !self.marketing_signals.contains(&signal) {
            self.marketing_signals.push(signal);
        }
    }
}

fn page_size(sent: &Sent) -> Result<u32, Box<Refusal>> {
    let digits = sent
        .text()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits
        .and_then(|digits| digits.parse().ok())
        .filter(|number| *number > 0);
    number.ok_or_else(|| {
        Refusal::new(
            Code::RequestMalformed,
            "The page size is not a whole number above zero.",
            "Send the page size in decimal digits.",
        )
        .into()
    })
}

/// The members of the JSON object that a text is, if it is a strict one.
fn members_of(text: &str) -> Option<Vec<(String, Sent)>> {
    match document(text) {
        Some(Sent::Members(members)) => Some(members),
        _ => None,
    }
}

/// The JSON document that a text is, if it is a strict one of an object or a list.
fn document(text: &str) -> Option<Sent> {
    let begins = text.trim_start_matches([' ', '\t', '\n', '\r']);
    let read = begins
        .starts_with(['{', '['])
        .then(|| super::json(text.as_bytes()));
    read?.ok()
}

/// Whether a file may be of that media type. One that says none is plain text (RFC 7578 section 4.4), or may be
/// anything: it is taken where one of these is.
fn check_file(
    media_types: &[std::sync::Arc<str>],
    media_type: &str,
    name: &str,
) -> Result<(), Box<Refusal>> {
    let fits = |one: &str| match one.strip_suffix('*') {
        Some(kind) => kind.ends_with('/') && media_type.starts_with(kind) || one == "*/*",
        None => one == media_type,
    };
    let fits_untyped = |one: &str| matches!(one, "text/plain" | "application/octet-stream" | "*/*");
    let admits = |one: &std::sync::Arc<str>| match media_type {
        "" => fits_untyped(one),
        _ => fits(one),
    };
    if media_types.iter().any(admits) {
        return Ok(());
    }
    let name = printable(name);
    Err(Refusal::new(
        Code::RequestUninspectable,
        format!("The file `{name}` is not of a kind this operation takes."),
        match media_types {
            [] => "Send the request without the file.".to_owned(),
            kinds => format!(
                "Send it with a `Content-Type` of its own: {}.",
                kinds.join(", ")
            ),
        },
    )
    .into())
}

fn credential(place: &str) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        format!(
            "The {place} is for a credential of the core service, which the gateway brings itself."
        ),
        "Leave it out: your access token and certificate say who you are.",
    )
}

fn not_included(place: &str, values: &[std::sync::Arc<str>]) -> Refusal {
    Refusal::new(
        Code::RequestMalformed,
        format!("The {place} asks for something that this operation does not have."),
        format!("Use only these values: {}.", values.join(", ")),
    )
}

/// A member that is not of the operation.
pub(super) fn unknown(name: &str, expected: &ExpectedMembers) -> Refusal {
    let shown = printable(name);
    let names = expected.named.iter().map(|member| &*member.name);
    let fix = match names.collect::<Vec<_>>().as_slice() {
        [] => format!("Leave `{shown}` out."),
        names => format!("Use only these members: {}.", names.join(", ")),
    };
    let detail = format!("The body member `{shown}` is not one of this operation.");
    Refusal::new(Code::RequestMalformed, detail, fix)
}

fn hidden(name: &str) -> Refusal {
    let shown = printable(name);
    Refusal::new(
        Code::RequestMalformed,
        format!("The body member `{shown}` is not one of this operation at this place."),
        format!(
            "Rename or leave out `{shown}`: a member of that name decides elsewhere in this request."
        ),
    )
}

/// A member of another shape than the catalogue's.
pub(super) fn misshapen(name: &str) -> Refusal {
    let detail = match printable(name).as_str() {
        "" => "The body is not of the shape this operation takes.".to_owned(),
        shown => format!("The body member `{shown}` is not of the shape this operation takes."),
    };
    Refusal::new(
        Code::RequestMalformed,
        detail,
        "Send values, lists and objects where the operation's description has them.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_are_plain_numbers() {
        assert_eq!(page_size(&Sent::Text("100".into())).unwrap(), 100);
        assert_eq!(page_size(&Sent::Number("100".into())).unwrap(), 100);
        for wrong in ["0", "-1", "+5", "1e2", "", "99999999999"] {
            assert!(page_size(&Sent::Text(wrong.into())).is_err(), "{wrong}");
        }
    }
}
