//! Who can be shut out: a partner, or one of the credentials that partners show.

use std::fmt;
use std::sync::Arc;

use super::{PartnerId, Thumbprint};

/// The longest `client_id` or `jti`, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Whoever or whatever a suspension is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A partner, with its co-brands.
    Partner(PartnerId),
    /// One client certificate, by its thumbprint.
    Certificate(Thumbprint),
    /// One OAuth client, by its `client_id`.
    Client(Arc<str>),
    /// One access token, by its `jti`.
    Token(Arc<str>),
}

impl Principal {
    /// `partner`, `certificate`, `client` or `token`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Partner(_) => "partner",
            Self::Certificate(_) => "certificate",
            Self::Client(_) => "client",
            Self::Token(_) => "token",
        }
    }

    /// What tells it from others of its kind: an id, or `sha256:` and base64url.
    pub fn name(&self) -> String {
        match self {
            Self::Partner(id) => id.to_string(),
            Self::Certificate(thumbprint) => format!("sha256:{}", thumbprint.to_base64url()),
            Self::Client(name) | Self::Token(name) => name.to_string(),
        }
    }

    /// From kind and name. Clients and tokens are called by graphic ASCII and spaces (RFC 6749
    /// appendix A.1), as the claims of tokens are held to.
    pub fn parse(kind: &str, name: &str) -> Option<Self> {
        let printable = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let named = !name.is_empty() && name.len() <= NAME_BYTES_MAX && printable;
        match kind {
            "partner" => PartnerId::parse(name).map(Self::Partner),
            "certificate" => {
                let thumbprint = Thumbprint::from_base64url(name.strip_prefix("sha256:")?)?;
                Some(Self::Certificate(thumbprint))
            }
            "client" if named => Some(Self::Client(name.into())),
            "token" if named => Some(Self::Token(name.into())),
            _ => None,
        }
    }
}

/// As entries name it: a partner by its id alone, others after their kind: `client:acme-portal`.
impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partner(id) => write!(formatter, "{id}"),
            other => write!(formatter, "{}:{}", other.kind(), other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_read_back_from_its_kind_and_name() {
        let all = [
            Principal::Partner(PartnerId::parse("acme").unwrap()),
            Principal::Certificate(Thumbprint([7; 32])),
            Principal::Client("acme portal".into()),
            Principal::Token("a:b/1".into()),
        ];
        for principal in all {
            let again = Principal::parse(principal.kind(), &principal.name());
            assert_eq!(again, Some(principal));
        }
        for (kind, name) in [
            ("partner", "Acme"),
            ("certificate", "sha256:short"),
            ("certificate", "acme"),
            ("client", ""),
            ("token", "line\nbreak"),
            ("token", &"x".repeat(NAME_BYTES_MAX + 1)),
            ("contract", "acme"),
        ] {
            assert_eq!(Principal::parse(kind, name), None, "{kind} {name}");
        }
    }
}
