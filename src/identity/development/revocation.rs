//! Revoking what the development authority issued: a mark for each certificate, and a revocation list
//! (RFC 5280 section 5) made anew from the marks each time.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::authority::{CERTIFICATE_DAYS, DevelopmentAuthority};
use super::files::{self, DevelopmentError};
use crate::files::Readers;
use crate::terms::Thumbprint;

/// A list is valid from a little before it was made, for the sake of slow clocks.
const BACKDATED_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;
const LIST: &str = "ca.crl";
const MARKS: &str = "revoked";

impl DevelopmentAuthority {
    /// Revokes a certificate of its own, and writes the list anew; returns where that is.
    ///
    /// # Errors
    /// When it did not issue such a certificate, revoked it already, or files cannot be written.
    pub fn revoke(&self, thumbprint: Thumbprint) -> Result<PathBuf, DevelopmentError> {
        let name = thumbprint.to_base64url();
        // A certificate that is not ours has no number of ours.
        files::read(&self.issued(&name))?;
        let marks = self.folder().join(MARKS);
        files::make_folder(&marks)?;
        let now = self.clock().now().to_string();
        files::write_new(&marks.join(name), &now, Readers::Everyone)?;
        self.write_list()
    }

    /// Whether it was revoked.
    pub fn is_revoked(&self, thumbprint: Thumbprint) -> bool {
        let name = thumbprint.to_base64url();
        self.folder().join(MARKS).join(name).exists()
    }

    /// Writes the list of what was revoked, in the place of the one before; returns where it is. It is good for
    /// as long as a certificate: by then whatever was revoked has expired, or the list was made anew.
    ///
    /// # Errors
    /// When files cannot be read or written.
    pub fn write_list(&self) -> Result<PathBuf, DevelopmentError> {
        let now = self.clock().unix_seconds();
        let days = i64::from(CERTIFICATE_DAYS) * DAY_SECONDS;
        let number = u64::try_from(now).unwrap_or_default();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let list = CertificateRevocationListParams {
            this_update: epoch + since_epoch(now.saturating_sub(BACKDATED_SECONDS)),
            next_update: epoch + since_epoch(now.saturating_add(days)),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: self.marked()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem = list.signed_by(self.issuer())?.pem()?;
        let (path, beside) = (self.folder().join(LIST), self.folder().join(".ca.crl.new"));
        // One that a crash left behind.
        let _ = std::fs::remove_file(&beside);
        files::write_new(&beside, &pem, Readers::Everyone)?;
        std::fs::rename(&beside, &path).map_err(|cause| files::failed(&path, cause))?;
        Ok(path)
    }

    fn marked(&self) -> Result<Vec<RevokedCertParams>, DevelopmentError> {
        let folder = self.folder().join(MARKS);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(&folder).map_err(|cause| files::failed(&folder, cause))?;
        let mut marked = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|cause| files::failed(&folder, cause))?;
            let unreadable = |path, expected| DevelopmentError::Unreadable { path, expected };
            let at: Timestamp = files::read(&entry.path())?
                .parse()
                .map_err(|_| unreadable(entry.path(), "a time"))?;
            let issued = self.issued(&entry.file_name().to_string_lossy());
            let pem = files::read(&issued)?;
            let number = serial_number(&pem);
            marked.push(RevokedCertParams {
                serial_number: number.ok_or_else(|| unreadable(issued, "a certificate in PEM"))?,
                revocation_time: rcgen::date_time_ymd(1970, 1, 1) + since_epoch(at.as_second()),
                reason_code: Some(RevocationReason::CessationOfOperation),
                invalidity_date: None,
            });
        }
        Ok(marked)
    }

    fn issued(&self, name: &str) -> PathBuf {
        self.folder().join("issued").join(format!("{name}.crt"))
    }
}

fn serial_number(pem: &str) -> Option<SerialNumber> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    Some(SerialNumber::from_slice(certificate.raw_serial()))
}

fn since_epoch(unix_seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(unix_seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn what_is_revoked_stands_in_the_list_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-22T12:00:00Z".parse().unwrap());
        let authority = DevelopmentAuthority::create(folder.path(), &clock).unwrap();
        let one = authority.issue_client("acme.partners.example").unwrap();
        let other = authority.issue_client("crest.partners.example").unwrap();
        let path = authority.revoke(one.certificate.thumbprint).unwrap();
        assert!(authority.is_revoked(one.certificate.thumbprint));
        assert!(!authority.is_revoked(other.certificate.thumbprint));
        let numbers = || {
            let pem = std::fs::read(&path).unwrap();
            let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
            let (_, list) = x509_parser::parse_x509_crl(&pem.contents).unwrap();
            let revoked = list.iter_revoked_certificates();
            revoked
                .map(|one| one.raw_serial().to_vec())
                .collect::<Vec<_>>()
        };
        let number = |pem: &str| serial_number(pem).unwrap().to_bytes();
        assert_eq!(numbers(), [number(&one.certificate_pem)]);
        let again = authority.revoke(one.certificate.thumbprint).unwrap_err();
        assert!(matches!(again, DevelopmentError::Exists(_)), "{again}");
        let stranger = authority.revoke(Thumbprint([1; 32])).unwrap_err();
        assert!(
            matches!(stranger, DevelopmentError::File { .. }),
            "{stranger}"
        );
        authority.revoke(other.certificate.thumbprint).unwrap();
        assert_eq!(numbers().len(), 2);
    }
}
