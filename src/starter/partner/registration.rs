//! What an authorization server is told of a new client: RFC 7591 client metadata, with those of RFC 8705
//! for a client that proves itself by its certificate and gets tokens bound to it. It says nothing of purposes:
//! the contract does, and the gateway goes by no `scope`.

use serde_json::{Value, json};

use super::NewPartner;
use crate::identity::certificate::ClientCertificate;

/// The document, indented. Exactly one name of the certificate may be registered (RFC 8705 section 2.1.2):
/// the first.
pub(super) fn document(new: &NewPartner, certificate: &ClientCertificate) -> String {
    let mut document = json!({
        "client_id": new.client,
        "client_name": new.name,
        "grant_types": ["client_credentials"],
        "response_types": [],
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_certificate_bound_access_tokens": true,
    });
    if let (Value::Object(members), Some(name)) = (&mut document, certificate.names.first()) {
        let member = match name.contains(':') {
            true => "tls_client_auth_san_uri",
            false => "tls_client_auth_san_dns",
        };
        members.insert(member.to_owned(), name.as_str().into());
    }
    format!("{document:#}\n")
}
