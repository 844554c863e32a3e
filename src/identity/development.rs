//! What stands in for a certificate authority and an authorization server while one develops, tests
//! or shows the gateway: keys made on the spot, in files, never in the repository.
//!
//! Deliberately small: no enrolment, no protection of the keys but the file mode. The
//! gateway itself trusts these only where its configuration names their files.

mod authority;
mod files;
mod issuer;
mod revocation;

pub use authority::{
    CERTIFICATE_DAYS, DevelopmentAuthority, IssuedCertificate, SERVER_NAMES, SignedCertificate,
    read_certificate, read_request,
};
pub use files::DevelopmentError;
pub use issuer::{DEVELOPMENT_ISSUER, DevelopmentIssuer, TokenRequest};
