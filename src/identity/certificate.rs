//! What the gateway needs of a client certificate that TLS has already verified against the partner
//! authority.

use aws_lc_rs::digest;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::terms::Thumbprint;

/// A verified client certificate.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// SHA-256 of its DER bytes.
    pub thumbprint: Thumbprint,
    /// DNS names and URIs of its subject alternative name, as written.
    pub names: Vec<String>,
    /// The last moment it is valid; with a chain, the last at which all of it is.
    pub not_after: Timestamp,
    /// What was shown, in DER: itself first, then issuers.
    pub chain: Arc<[CertificateDer<'static>]>,
}

/// The bytes are not a certificate this gateway can read.
#[derive(Debug, thiserror::Error)]
#[error("client certificate cannot be read")]
pub struct UnreadableCertificate;

impl ClientCertificate {
    /// Reads a chain, the partner's own certificate first.
    ///
    /// # Errors
    /// When it is empty, or one of it is not exactly one X.509 certificate.
    pub fn from_chain(chain: &[CertificateDer<'_>]) -> Result<Self, UnreadableCertificate> {
        let (leaf, issuers) = chain.split_first().ok_or(UnreadableCertificate)?;
        let mut certificate = Self::from_der(leaf)?;
        for issuer in issuers {
            let issuer = Self::from_der(issuer)?;
            certificate.not_after = certificate.not_after.min(issuer.not_after);
        }
        certificate.chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        Ok(certificate)
    }

    /// Reads one from DER.
    ///
    /// # Errors
    /// When the bytes are not exactly one X.509 certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| UnreadableCertificate)?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate);
        }
        let alternative = certificate
            .subject_alternative_name()
            .map_err(|_| UnreadableCertificate)?;
        let names = alternative
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
                _ => None,
            })
            .collect();
        let not_after = Timestamp::from_second(certificate.validity().not_after.timestamp())
            .map_err(|_| UnreadableCertificate)?;
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Ok(Self {
            thumbprint: Thumbprint(thumbprint),
            names,
            not_after,
            chain: [CertificateDer::from(der.to_vec())].into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn made(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.not_after = rcgen::date_time_ymd(2027, 2, 20);
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .to_vec()
    }

    #[test]
    fn names_thumbprint_and_end_are_read() {
        let der = made(vec![
            SanType::DnsName("acme.partners.example".try_into().unwrap()),
            SanType::URI("urn:partner:acme".try_into().unwrap()),
            SanType::Rfc822Name("someone@acme.example".try_into().unwrap()),
        ]);
        let certificate = ClientCertificate::from_der(&der).unwrap();
        assert_eq!(
            certificate.names,
            ["acme.partners.example", "urn:partner:acme"]
        );
        assert_eq!(certificate.not_after.to_string(), "2027-02-20T00:00:00Z");
        let expected = digest::digest(&digest::SHA256, &der);
        assert_eq!(certificate.thumbprint.0, expected.as_ref());
        assert!(
            ClientCertificate::from_der(&made(Vec::new()))
                .unwrap()
                .names
                .is_empty()
        );
    }

    #[test]
    fn anything_but_one_whole_certificate_is_unreadable() {
        let der = made(Vec::new());
        let trailing = [der.as_slice(), &[0]].concat();
        let twice = [der.as_slice(), &der].concat();
        for bytes in [&der[..der.len() - 1], &trailing, &twice, b"", b"-----BEGIN"] {
            assert!(
                ClientCertificate::from_der(bytes).is_err(),
                "{} bytes",
                bytes.len()
            );
        }
    }
}
