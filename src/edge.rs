//! The door: what a partner sent is either unambiguous, in one spelling, or refused. Everything here
//! is judged before anyone asks who is calling.
//!
//! HTTP/1 goes through two readers in a row that cannot disagree: [`http1::Judge`] reads the bytes of
//! a connection strictly and writes them anew, so that hyper sees only requests with one reading;
//! [`accept`] then judges what HTTP/1 and HTTP/2 share: method, host, path, query, header fields.
//! [`stream::Guarded`] puts the judge and the deadlines between TLS and hyper. HTTP/2 is h2's to read;
//! [`http2::Inspector`] looks only for what h2 does not tell. Start at [`accept`].
//!
//! Not here: who is calling ([`crate::identity`]), which paths exist, which headers reach the core.

use std::net::SocketAddr;

use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use http::{HeaderMap, Method, Version, request};

use crate::edge::host::HostNames;
use crate::edge::limits::Limits;
use crate::edge::path::CanonicalPath;
use crate::edge::presented::Presented;
use crate::edge::query::Query;
use crate::identity::certificate::ClientCertificate;
use crate::refusal::{Code, Refusal};

pub mod body;
pub mod headers;
pub mod host;
pub mod http1;
pub mod http2;
pub mod limits;
pub mod path;
pub(crate) mod percent;
pub mod presented;
pub mod query;
pub mod stream;

/// Who is at the other end of a connection, as far as TLS can tell.
#[derive(Debug)]
pub struct Peer {
    /// Address and port the connection comes from.
    pub address: SocketAddr,
    /// The certificate it presented, verified against the partner authority; none if it presented none.
    pub certificate: Option<ClientCertificate>,
    /// Whom it let in so far.
    pub presented: Presented,
}

/// A request head with one reading. Made only by [`accept`].
#[derive(Clone, Debug)]
pub struct AcceptedHead {
    method: Method,
    host: String,
    path: CanonicalPath,
    query: Query,
    headers: HeaderMap,
}

impl AcceptedHead {
    /// One of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The host it names, one of the configured, with its port if it has one, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path in its only spelling.
    pub fn path(&self) -> &CanonicalPath {
        &self.path
    }

    /// The decoded parameters.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The fields that later stages may read (see [`headers`]).
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

/// Judges a request head, of HTTP/1.1 or HTTP/2. A [`Refusal`] among the extensions of `parts` is one
/// that the connection has already pronounced on this request, and is returned as it is.
///
/// # Errors
/// `request-malformed`, `uri-too-long`, `headers-too-large`, `body-too-large`, `expectation-failed`.
pub fn accept(
    parts: &request::Parts,
    limits: &Limits,
    names: &HostNames,
) -> Result<AcceptedHead, Refusal> {
    if let Some(pronounced) = parts.extensions.get::<Refusal>() {
        return Err(pronounced.clone());
    }
    if !is_known_method(parts.method.as_str()) {
        return Err(malformed(
            "this method is not served here",
            "use a method that the documentation of the operation names",
        ));
    }
    check_sizes(parts, limits)?;
    let host = check_host(parts, names)?;
    check_expectation(&parts.headers)?;
    let path = CanonicalPath::parse(parts.uri.path())
        .map_err(|mistake| malformed(mistake.to_string(), "send the path in its plain spelling"))?;
    let query = Query::parse(parts.uri.query()).map_err(|mistake| {
        malformed(
            mistake.to_string(),
            "send each parameter once, percent-encoded, and the token in `Authorization`",
        )
    })?;
    let headers = headers::clean(parts.headers.clone()).map_err(|mistake| {
        malformed(
            mistake.to_string(),
            "send each header once, and none that belongs to a proxy",
        )
    })?;
    Ok(AcceptedHead {
        method: parts.method.clone(),
        host,
        path,
        query,
        headers,
    })
}

/// The methods that any operation can have. CONNECT and TRACE are not among them: neither has a
/// meaning here, and both have been ways around proxies.
pub(crate) fn is_known_method(method: &str) -> bool {
    matches!(
        method,
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS"
    )
}

/// Whether a body has a meaning for this method. Where it has none (RFC 9110 section 9.3.1) a body is
/// a second request to some servers, so it is refused rather than forwarded.
pub(crate) fn may_have_body(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

/// A body came with a method for which it has no meaning.
pub(crate) fn body_without_meaning() -> Refusal {
    malformed(
        "this method takes no body",
        "leave the body out, or use the method that takes one",
    )
    .closing()
}

/// Whoever sends what has two readings may have meant the rest of the connection differently too, so
/// the connection ends.
pub(crate) fn malformed(detail: impl Into<String>, fix: &str) -> Refusal {
    Refusal::new(Code::RequestMalformed, detail, fix).closing()
}

pub(crate) fn body_too_large(limits: &Limits) -> Refusal {
    Refusal::new(
        Code::BodyTooLarge,
        format!("the body is larger than {} bytes", limits.body_bytes_max),
        "send a smaller body",
    )
    .closing()
}

pub(crate) fn uri_too_long(limits: &Limits) -> Refusal {
    Refusal::new(
        Code::UriTooLong,
        format!(
            "the request target is longer than {} bytes",
            limits.uri_bytes_max
        ),
        "send a shorter query",
    )
    .closing()
}

pub(crate) fn headers_too_large(limits: &Limits) -> Refusal {
    Refusal::new(
        Code::HeadersTooLarge,
        format!(
            "there are more than {} header fields, or more than {} bytes of them",
            limits.header_count_max, limits.header_bytes_max
        ),
        "send fewer and smaller header fields",
    )
    .closing()
}

pub(crate) fn expectation_failed() -> Refusal {
    Refusal::new(
        Code::ExpectationFailed,
        "the only expectation understood is `100-continue`",
        "leave the `Expect` header out",
    )
    .closing()
}

/// Limits that the HTTP/1 judge has kept already and HTTP/2 has not.
fn check_sizes(parts: &request::Parts, limits: &Limits) -> Result<(), Refusal> {
    let target_bytes = parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target_bytes > limits.uri_bytes_max {
        return Err(uri_too_long(limits));
    }
    let header_bytes: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if header_bytes > limits.header_bytes_max || parts.headers.len() > limits.header_count_max {
        return Err(headers_too_large(limits));
    }
    let Some(declared) = parts.headers.get(CONTENT_LENGTH) else {
        return Ok(());
    };
    let digits = declared.as_bytes().iter().all(u8::is_ascii_digit);
    let declared = declared.to_str().ok().filter(|_| digits);
    match declared.and_then(|declared| declared.parse::<u64>().ok()) {
        Some(length) if length <= limits.body_bytes_max => Ok(()),
        Some(_) => Err(body_too_large(limits)),
        None => Err(malformed(
            "`Content-Length` is not a plain number",
            "send the length of the body in digits",
        )),
    }
}

/// One configured host, named once or twice alike. HTTP/2 must name it in `:authority`: without that
/// the scheme cannot be seen either. Returns it in lower case.
fn check_host(parts: &request::Parts, names: &HostNames) -> Result<String, Refusal> {
    let refuse = |detail: &str| {
        Err(malformed(
            detail,
            "send the request to the host name you were given",
        ))
    };
    let mut fields = parts.headers.get_all(HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (_, Some(_)) => return refuse("`Host` was sent more than once"),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Some(text),
            Err(_) => return refuse("`Host` is not a host name"),
        },
        (None, None) => None,
    };
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    match parts.version {
        Version::HTTP_11 if field.is_none() => return refuse("`Host` is missing"),
        Version::HTTP_2 if authority.is_none() => return refuse("`:authority` is missing"),
        Version::HTTP_11 | Version::HTTP_2 => {}
        _ => return refuse("only HTTP/1.1 and HTTP/2 are spoken here"),
    }
    if parts
        .uri
        .scheme_str()
        .is_some_and(|scheme| scheme != "https")
    {
        return refuse("the scheme is not `https`");
    }
    let named = [field, authority];
    if let [Some(field), Some(authority)] = named
        && !field.eq_ignore_ascii_case(authority)
    {
        return refuse("`Host` and the authority of the request differ");
    }
    if !named.into_iter().flatten().all(|name| names.contains(name)) {
        return refuse("this gateway does not serve the host named");
    }
    let host = authority.or(field).unwrap_or_default();
    Ok(host.to_ascii_lowercase())
}

fn check_expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let understood = headers
        .get_all(EXPECT)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if understood {
        Ok(())
    } else {
        Err(expectation_failed())
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn judged(request: http::request::Builder) -> Result<AcceptedHead, Code> {
        let names = HostNames::new(["api.example.com"]).expect("a name");
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        accept(&parts, &Limits::default(), &names).map_err(|refusal| refusal.code)
    }

    fn http2(uri: &str) -> http::request::Builder {
        Request::builder().version(Version::HTTP_2).uri(uri)
    }

    fn http1(uri: &str) -> http::request::Builder {
        Request::builder()
            .uri(uri)
            .header("host", "api.example.com")
    }

    #[test]
    fn a_plain_request_is_accepted_in_either_version() {
        for request in [
            http1("/v1/jobs/%6Aob_1?limit=5"),
            http2("https://api.example.com/v1/jobs/job_1?limit=5"),
            http2("https://API.example.com/v1/jobs/job_1?limit=5")
                .header("host", "api.example.com"),
        ] {
            let head = judged(request).expect("accepted");
            assert_eq!(head.path().as_str(), "/v1/jobs/job_1");
            assert_eq!(head.query().get("limit"), Some("5"));
            assert_eq!(head.method(), Method::GET);
        }
    }

    #[test]
    fn ambiguity_about_the_host_is_refused() {
        for request in [
            Request::builder().uri("/"),
            Request::builder().uri("/").header("host", "evil.example"),
            http1("/").header("host", "api.example.com"),
            http1("/").version(Version::HTTP_10),
            http2("/").header("host", "api.example.com"),
            http2("https://evil.example/"),
            http2("http://api.example.com/"),
            http2("https://u@api.example.com/"),
            http2("https://api.example.com/").header("host", "evil.example"),
            http2("https://api.example.com/")
                .header("host", "api.example.com")
                .header("host", "api.example.com"),
        ] {
            let shown = format!("{request:?}");
            assert_eq!(
                judged(request).err(),
                Some(Code::RequestMalformed),
                "{shown}"
            );
        }
    }

    #[test]
    fn methods_targets_and_sizes_outside_the_limits_are_refused() {
        let long = format!("/{}", "a".repeat(9000));
        let many = (0..101).fold(http1("/"), |request, n| {
            request.header(format!("x-{n}"), "1")
        });
        for (request, code) in [
            (http1("/").method("TRACE"), Code::RequestMalformed),
            (http1("/").method("CONNECT"), Code::RequestMalformed),
            (http1("/").method("get"), Code::RequestMalformed),
            (http1("*").method("OPTIONS"), Code::RequestMalformed),
            (http1("/a//b"), Code::RequestMalformed),
            (http1("/a?access_token=x"), Code::RequestMalformed),
            (http1("/").header("x_partner", "1"), Code::RequestMalformed),
            (
                http1("/").header("content-length", "+1"),
                Code::RequestMalformed,
            ),
            (http1(&long), Code::UriTooLong),
            (many, Code::HeadersTooLarge),
            (
                http1("/").header("x", "a".repeat(40_000)),
                Code::HeadersTooLarge,
            ),
            (
                http1("/").header("content-length", "1099511627776"),
                Code::BodyTooLarge,
            ),
            (
                http1("/").header("expect", "200-ok"),
                Code::ExpectationFailed,
            ),
        ] {
            assert_eq!(judged(request).err(), Some(code));
        }
    }

    #[test]
    fn what_the_connection_has_pronounced_is_kept() {
        let request = http1("/").extension(Refusal::new(Code::RequestTimeout, "", ""));
        assert_eq!(judged(request).err(), Some(Code::RequestTimeout));
    }
}
