//! The two ways a request ends without its answer: a [`Refusal`] (the rules said no, and the partner
//! is told the promise and the way forward) and a [`Fault`] (something broke, and nothing leaves).
//! Each carries a [`Code`], whose status and title stand in `refusal/code.rs` once.
//!
//! Not here: when to refuse, which each room says where it does; the HTTP response and the ledger's
//! entry, which `gateway/refuse.rs` makes.

mod code;

use http::HeaderMap;
use serde_json::{Map, Value};

pub use self::code::Code;
use crate::terms::{Promise, RequestId};

/// The rules said no.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which kind of no.
    pub code: Code,
    /// One or two sentences about this occurrence. Never customer data, never another partner's name.
    pub detail: String,
    /// One imperative sentence: what the partner's developer can do.
    pub fix: String,
    /// The promise kept by refusing.
    pub promise: Option<Promise>,
    /// The id of the rule that refused.
    pub rule: Option<String>,
    /// Further members of the problem document, for example `allowed_purposes`.
    pub members: Map<String, Value>,
    /// Further headers, for example `WWW-Authenticate`.
    pub headers: HeaderMap,
    /// Whether the connection can carry another request after this one.
    pub close: bool,
}

impl Refusal {
    /// A refusal with its two sentences. An error's message, which begins in lower case and has no
    /// full stop, becomes one.
    pub fn new(code: Code, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code,
            detail: sentence(detail.into()),
            fix: sentence(fix.into()),
            promise: None,
            rule: None,
            members: Map::new(),
            headers: HeaderMap::new(),
            close: false,
        }
    }

    /// The one answer for everything that is not there for this partner: an operation, somebody
    /// else's customer, a thing that does not exist. Always the same bytes, but for the request id.
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "There is nothing here for this partner.",
            "Check the path and the id; only this partner's own customers can be reached.",
        )
    }

    /// Names the promise it keeps.
    #[must_use]
    pub fn promise(mut self, promise: Promise) -> Self {
        self.promise = Some(promise);
        self
    }

    /// Names the rule that refused.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// Adds a member to the problem document.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header. A value that cannot be one is left out.
    #[must_use]
    pub fn header(mut self, name: http::HeaderName, value: &str) -> Self {
        if let Ok(value) = http::HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// Ends the connection after the refusal.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

/// With a capital first letter and a full stop; a name in backticks stays as it is written.
fn sentence(text: String) -> String {
    let mut characters = text.chars();
    let mut sentence = match characters.next() {
        None => return text,
        Some(first) => String::from_iter(first.to_uppercase()) + characters.as_str(),
    };
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

/// Whether the core did what was asked, as far as the gateway knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executed {
    /// It did.
    Yes,
    /// It did not.
    No,
    /// It was asked, and its answer is not known.
    Unknown,
}

impl Executed {
    /// As in the member `executed`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What a problem document says beyond its refusal.
#[derive(Clone, Copy, Debug)]
pub struct ProblemContext<'a> {
    /// Whom a partner's developer can write to.
    pub contact: &'a str,
    /// Scheme and authority under which this gateway is reached, without a slash at the end.
    pub base_uri: &'a str,
    /// The version of the policy set that decided, where one did.
    pub policy: Option<&'a str>,
    /// Whether the core did what was asked.
    pub executed: Executed,
    /// Whether what was asked changes nothing, however often it is done.
    pub is_safe: bool,
}

impl ProblemContext<'_> {
    /// Whether a client that tries again by itself does nothing twice.
    fn may_repeat(&self) -> bool {
        self.is_safe || self.executed == Executed::No
    }
}

impl Refusal {
    /// The members of its problem document (RFC 9457), in the order they are read in. Members of its
    /// own come last and never take the place of these.
    pub fn to_problem(
        &self,
        request_id: RequestId,
        context: &ProblemContext<'_>,
    ) -> Map<String, Value> {
        let (name, base) = (self.code.name(), context.base_uri);
        let text = |text: &str| Value::from(text);
        let mut problem = Map::new();
        for (member, value) in [
            (
                "type",
                Value::from(format!("{base}/.covenant/problems/{name}")),
            ),
            ("title", text(self.code.title())),
            ("status", Value::from(self.code.status().as_u16())),
            ("detail", text(&self.detail)),
            ("instance", Value::from(format!("urn:uuid:{request_id}"))),
            ("code", text(name)),
            ("request_id", Value::from(request_id.to_string())),
            (
                "promise",
                Value::from(self.promise.map(|promise| promise.to_string())),
            ),
            ("rule", Value::from(self.rule.clone())),
            ("policy", Value::from(context.policy)),
            (
                "retryable",
                Value::from(self.code.is_retryable() && context.may_repeat()),
            ),
            ("executed", text(context.executed.word())),
            ("fix", text(&self.fix)),
            ("contact", text(context.contact)),
        ] {
            problem.insert(member.to_owned(), value);
        }
        for (member, value) in &self.members {
            if !problem.contains_key(member) {
                problem.insert(member.clone(), value.clone());
            }
        }
        problem
    }
}

/// Something broke, here or at the core. The partner is told the code; only the operator the cause.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What the partner is told.
    pub code: Code,
    /// What the operator is told. Never customer data.
    pub cause: String,
}

impl Fault {
    /// A fault with its cause, for the operator.
    pub fn new(code: Code, cause: impl Into<String>) -> Self {
        Self {
            code,
            cause: cause.into(),
        }
    }
}

/// Why a request ended without its answer.
#[derive(Clone, Debug)]
pub enum Stopped {
    /// The rules said no.
    Refused(Box<Refusal>),
    /// Something broke.
    Broken(Fault),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Box<Refusal>> for Stopped {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_refusal_says_are_whole_sentences() {
        for (said, told) in [
            ("the token is expired", "The token is expired."),
            ("Name one purpose.", "Name one purpose."),
            (
                "`Content-Length` is no number",
                "`Content-Length` is no number.",
            ),
            ("", ""),
        ] {
            let refusal = Refusal::new(Code::RequestMalformed, said, said);
            assert_eq!((&*refusal.detail, &*refusal.fix), (told, told));
        }
    }

    #[test]
    fn a_problem_document_has_every_member_and_its_own_cannot_replace_them() {
        let id = RequestId::new(jiff::Timestamp::UNIX_EPOCH);
        let context = ProblemContext {
            contact: "partners@example.com",
            base_uri: "https://api.example.com",
            policy: Some("2026-11-22.3f9c"),
            executed: Executed::No,
            is_safe: false,
        };
        let problem = Refusal::new(Code::PageTooLarge, "too many", "ask for fewer")
            .promise(Promise::number(4))
            .rule("no-bulk")
            .member("max", 50)
            .member("code", "forged")
            .to_problem(id, &context);
        let expected = serde_json::json!({
            "type": "https://api.example.com/.covenant/problems/page-too-large",
            "title": "The page asked for is larger than allowed",
            "status": 422,
            "detail": "Too many.",
            "instance": format!("urn:uuid:{id}"),
            "code": "page-too-large",
            "request_id": id.to_string(),
            "promise": "P4",
            "rule": "no-bulk",
            "policy": "2026-11-22.3f9c",
            "retryable": false,
            "executed": "no",
            "fix": "Ask for fewer.",
            "contact": "partners@example.com",
            "max": 50,
        });
        assert_eq!(Value::from(problem), expected);
    }

    #[test]
    fn what_may_have_changed_something_is_never_said_to_be_retryable() {
        let id = RequestId::new(jiff::Timestamp::UNIX_EPOCH);
        for (executed, is_safe, retryable) in [
            (Executed::No, false, true),
            (Executed::Unknown, false, false),
            (Executed::Yes, false, false),
            (Executed::Unknown, true, true),
            (Executed::Yes, true, true),
        ] {
            let context = ProblemContext {
                contact: "partners@example.com",
                base_uri: "https://api.example.com",
                policy: None,
                executed,
                is_safe,
            };
            let refusal = Refusal::new(Code::CoreTimeout, "late", "wait");
            let problem = refusal.to_problem(id, &context);
            assert_eq!(problem["retryable"], retryable, "{executed:?} {is_safe}");
        }
    }
}
