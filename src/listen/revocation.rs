//! Revocation lists (RFC 5280 section 5), as far as they must be looked at before webpki does: when one
//! was issued, until when it holds, and whether it is the partner authority's at all. A list that comes
//! over plain HTTP and is not would refuse every partner.

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

/// When a list in DER was issued, and until when it holds; none where it cannot be read or does not say.
pub fn dates(list: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let list = parsed(list)?;
    let seconds = |second| Timestamp::from_second(second).ok();
    let issued = seconds(list.last_update().timestamp())?;
    Some((issued, seconds(list.next_update()?.timestamp())?))
}

/// Whether a list in DER is signed by one of the certificates in this PEM.
pub fn is_signed(list: &[u8], authority_pem: &[u8]) -> bool {
    let Some(list) = parsed(list) else {
        return false;
    };
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let (signed, signature) = (list.tbs_cert_list.as_ref(), &list.signature_value.data);
    let is_by = |certificate: &CertificateDer<'_>| {
        let Ok((_, issuer)) = X509Certificate::from_der(certificate) else {
            return false;
        };
        let key = &issuer.public_key().subject_public_key.data;
        // A signature that some sound algorithm verifies under this key was made with it.
        let mut all = algorithms.all.iter();
        all.any(|one| one.verify_signature(key, signed, signature).is_ok())
    };
    let issuers = CertificateDer::pem_slice_iter(authority_pem);
    issuers.flatten().any(|issuer| is_by(&issuer))
}

fn parsed(list: &[u8]) -> Option<CertificateRevocationList<'_>> {
    match CertificateRevocationList::from_der(list) {
        Ok(([], list)) => Some(list),
        _ => None,
    }
}
