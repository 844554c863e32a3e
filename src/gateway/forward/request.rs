//! What a core is told: path and query as decided, headers by allow-list, identity by us, credentials of
//! our own. Nothing of the partner's credentials goes on.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, header};
use http_body_util::Full;

use super::identity::{Identity, set};
use crate::catalogue::{Body, Place};
use crate::config::{CoreService, TAKEN_HEADERS};
use crate::edge::Peer;
use crate::gateway::decide::Permit;
use crate::gateway::exchange::Exchange;

/// What of the request goes on besides what the permit says.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// The canonical path, as it was decided on.
    pub path: &'a str,
    /// The canonical query.
    pub query: String,
    /// The partner's headers, of which only listed ones go on.
    pub headers: &'a HeaderMap,
    /// The media type of the body, with its parameters; none where there is no body.
    pub content_type: Option<String>,
    /// The judged body.
    pub body: Bytes,
    /// Who is at the other end.
    pub peer: &'a Peer,
}

/// Everything a core's request is made of. One is made for each attempt.
pub(super) struct Asking<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) permit: &'a Permit,
    pub(super) service: &'a CoreService,
    pub(super) identity: &'a Identity,
    pub(super) outbound: Outbound<'a>,
}

impl Asking<'_> {
    /// The request, with this much time left for its answer.
    ///
    /// # Errors
    /// Why it cannot be put as one.
    pub(super) fn build(&self, left: Duration) -> Result<Request<Full<Bytes>>, String> {
        let Outbound { path, query, .. } = &self.outbound;
        let mark = if query.is_empty() { "" } else { "?" };
        // HEAD is asked as GET, so that the answer's headers can be computed from what would leave.
        let method = match &self.permit.operation().method {
            &Method::HEAD => Method::GET,
            method => method.clone(),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}{mark}{query}"))
            .body(Full::new(self.outbound.body.clone()));
        let mut request = request.map_err(|error| format!("cannot ask: {error}"))?;
        *request.headers_mut() = self.headers(left);
        Ok(request)
    }

    fn headers(&self, left: Duration) -> HeaderMap {
        let (exchange, permit) = (self.exchange, self.permit);
        let mut headers = HeaderMap::new();
        set(&mut headers, header::HOST, self.service.authority());
        self.allow_listed(&mut headers);
        if let Some(content_type) = &self.outbound.content_type {
            set(&mut headers, header::CONTENT_TYPE, content_type);
        }
        set(&mut headers, header::ACCEPT, expected_media_type(permit));
        set(&mut headers, header::ACCEPT_ENCODING, "identity");
        set(&mut headers, header::USER_AGENT, "covenant");
        let named = HeaderName::from_static;
        set(&mut headers, named("request-id"), &exchange.id.to_string());
        set(
            &mut headers,
            named("traceparent"),
            &exchange.trace.outgoing(),
        );
        let partner = permit.partner().contract().partner.as_str();
        set(&mut headers, named("partner-id"), partner);
        if let Some(customer) = permit.customer() {
            set(&mut headers, named("on-behalf-of"), &customer.id);
        }
        if let Some(authorization) = &self.service.authorization {
            set(&mut headers, header::AUTHORIZATION, authorization.reveal());
        }
        if let Some(name) = &self.service.deadline_header {
            set(&mut headers, name.clone(), &left.as_millis().to_string());
        }
        self.identity
            .tell(&mut headers, exchange, permit, self.outbound.peer);
        headers
    }

    /// Headers of the partner that go on: those the catalogue lists, and one that every core knows. None by
    /// which the gateway itself speaks, whatever the catalogue lists. The media type of a body is that of
    /// the body as it was read.
    fn allow_listed(&self, headers: &mut HeaderMap) {
        let listed = self.permit.operation().parameters.iter();
        let listed = listed.filter(|parameter| parameter.place == Place::Header);
        let names = listed.filter_map(|parameter| HeaderName::try_from(&*parameter.name).ok());
        let is_ours = |name: &HeaderName| {
            TAKEN_HEADERS.contains(&name.as_str())
                || self.service.deadline_header.as_ref() == Some(name)
                || self.identity.header() == Some(name)
        };
        let always = HeaderName::from_static("idempotency-key");
        for name in names.filter(|name| !is_ours(name)).chain([always]) {
            if let Some(value) = self.outbound.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
    }
}

fn expected_media_type(permit: &Permit) -> &str {
    let bodies = permit.operation().answers.iter().map(|answer| &answer.body);
    bodies
        .filter_map(|body| match body {
            Body::Data { media_type, .. }
            | Body::Document { media_type, .. }
            | Body::Uninspectable { media_type } => Some(&**media_type),
            Body::Empty => None,
        })
        .next()
        .unwrap_or("application/json")
}
