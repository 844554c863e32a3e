//! Judges the certificates that partners show in a handshake. webpki builds the path (authority, time,
//! path length, extended key usage, revocation) and by design does not look at key usage; RFC 5280
//! sections 4.2.1.3 and 6.1.4 (n) do, and so does this.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The most certificates a partner may send beside its own.
pub(super) const INTERMEDIATES_MAX: usize = 4;
/// The shortest RSA modulus, in bits.
const RSA_BITS_MIN: usize = 2048;

/// Verifies that a certificate is a partner's.
#[derive(Debug)]
pub(super) struct PartnerVerifier(Arc<dyn ClientCertVerifier>);

impl PartnerVerifier {
    /// Over the library's verifier, which has the authority and its revocation lists.
    pub(super) fn new(library: Arc<dyn ClientCertVerifier>) -> Self {
        Self(library)
    }
}

impl ClientCertVerifier for PartnerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if intermediates.len() > INTERMEDIATES_MAX {
            return Err(refused(CertificateError::ApplicationVerificationFailure));
        }
        check_end_entity(end_entity)?;
        for issuer in intermediates {
            check_issuer(issuer)?;
        }
        self.0.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn refused(error: CertificateError) -> Error {
    Error::InvalidCertificate(error)
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(refused(CertificateError::BadEncoding)),
    }
}

/// What signs a handshake must be for signing. An absent extension restricts nothing.
fn check_end_entity(der: &CertificateDer<'_>) -> Result<(), Error> {
    let certificate = parsed(der)?;
    let usage = certificate
        .key_usage()
        .map_err(|_| refused(CertificateError::BadEncoding))?;
    if usage.is_some_and(|usage| !usage.value.digital_signature()) {
        return Err(refused(CertificateError::InvalidPurpose));
    }
    check_key(&certificate)
}

/// What issues certificates must be for that.
fn check_issuer(der: &CertificateDer<'_>) -> Result<(), Error> {
    let certificate = parsed(der)?;
    let usage = certificate
        .key_usage()
        .map_err(|_| refused(CertificateError::BadEncoding))?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(refused(CertificateError::InvalidPurpose));
    }
    check_key(&certificate)
}

fn check_key(certificate: &X509Certificate<'_>) -> Result<(), Error> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS_MIN => {
            Err(refused(CertificateError::InvalidPurpose))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(refused(CertificateError::BadEncoding)),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PublicKeyData as _, SubjectPublicKeyInfo};

    use super::*;

    /// A public key of RSA with a modulus of so many bytes, which nobody can sign with.
    fn rsa(modulus_bytes: usize) -> SubjectPublicKeyInfo {
        let element = |tag: u8, content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82], &length[..], content].concat()
        };
        let modulus = [vec![0, 0xc1], vec![0x55; modulus_bytes - 1]].concat();
        let exponent = [0x02, 0x03, 0x01, 0x00, 0x01];
        let key = element(0x30, &[element(0x02, &modulus), exponent.to_vec()].concat());
        let bits = element(0x03, &[vec![0], key].concat());
        let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
        let info = element(0x30, &[algorithm.to_vec(), bits].concat());
        SubjectPublicKeyInfo::from_der(&info).unwrap()
    }

    #[test]
    fn short_rsa_keys_are_refused_and_long_ones_are_not() {
        let issuer_key = KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(CertificateParams::default(), issuer_key);
        for (bytes, stands) in [(128, false), (192, false), (255, false), (256, true)] {
            let key = rsa(bytes);
            assert!(!key.der_bytes().is_empty());
            let certificate = CertificateParams::default().signed_by(&key, &issuer);
            let certificate = certificate.unwrap();
            let checked = check_end_entity(certificate.der());
            assert_eq!(checked.is_ok(), stands, "{} bits", 8 * bytes);
        }
    }
}
