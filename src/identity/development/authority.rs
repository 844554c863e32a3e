//! The development certificate authority: one root that issues the gateway's server certificate and
//! partners' client certificates.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::files::{self, DevelopmentError};
use crate::clock::Clock;
use crate::files::Readers;
use crate::identity::certificate::ClientCertificate;

/// How long an issued certificate is valid, in days.
pub const CERTIFICATE_DAYS: u32 = 90;
/// How long the authority itself is valid, in days.
const AUTHORITY_DAYS: u32 = 730;
/// A certificate is valid from a little before it was made, for the sake of slow clocks.
const BACKDATED_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;
/// What the server certificate is for, beside the names asked for.
pub const SERVER_NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "gateway.example"];

/// A development certificate authority in a folder: `ca.key`, `ca.crt` and, below `issued/`, a copy of
/// every certificate it made.
pub struct DevelopmentAuthority {
    folder: PathBuf,
    clock: Clock,
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

impl std::fmt::Debug for DevelopmentAuthority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "DevelopmentAuthority({})", self.folder.display())
    }
}

/// A certificate just made, with its key.
pub struct IssuedCertificate {
    /// PEM.
    pub certificate_pem: String,
    /// PKCS#8 PEM; whoever holds it is the partner.
    pub key_pem: String,
    /// What the gateway will see of it.
    pub certificate: ClientCertificate,
}

impl std::fmt::Debug for IssuedCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.certificate.fmt(formatter)
    }
}

impl IssuedCertificate {
    /// Writes `<stem>.crt` and `<stem>.key`; neither may exist.
    ///
    /// # Errors
    /// When one exists or cannot be written.
    pub fn write(&self, stem: &Path) -> Result<(PathBuf, PathBuf), DevelopmentError> {
        let beside = |ending: &str| {
            let mut path = stem.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        let (certificate, key) = (beside(".crt"), beside(".key"));
        files::write_new(&key, &self.key_pem, Readers::Owner)?;
        files::write_new(&certificate, &self.certificate_pem, Readers::Everyone)?;
        Ok((certificate, key))
    }
}

/// A certificate just made for a key that somebody else holds.
#[derive(Clone, Debug)]
pub struct SignedCertificate {
    /// PEM.
    pub certificate_pem: String,
    /// What the gateway will see of it.
    pub certificate: ClientCertificate,
}

impl SignedCertificate {
    /// Writes `<stem>.crt`, which may not exist.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn write(&self, stem: &Path) -> Result<PathBuf, DevelopmentError> {
        let mut path = stem.as_os_str().to_owned();
        path.push(".crt");
        let path = PathBuf::from(path);
        files::write_new(&path, &self.certificate_pem, Readers::Everyone)?;
        Ok(path)
    }
}

impl DevelopmentAuthority {
    /// Makes an authority in `folder`, which is made if need be.
    ///
    /// # Errors
    /// When there is one already, or its files cannot be written.
    pub fn create(folder: &Path, clock: &Clock) -> Result<Self, DevelopmentError> {
        files::make_folder(folder)?;
        files::make_folder(&folder.join("issued"))?;
        let key = KeyPair::generate()?;
        files::write_new(&folder.join("ca.key"), &key.serialize_pem(), Readers::Owner)?;
        let mut params = lasting(CertificateParams::default(), clock.now(), AUTHORITY_DAYS);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "Covenant development authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        files::write_new(&folder.join("ca.crt"), &pem, Readers::Everyone)?;
        Self::open(folder, clock)
    }

    /// Opens the authority in `folder`.
    ///
    /// # Errors
    /// When there is none, or its files are not what they should be.
    pub fn open(folder: &Path, clock: &Clock) -> Result<Self, DevelopmentError> {
        let (key_path, certificate_path) = (folder.join("ca.key"), folder.join("ca.crt"));
        let key = KeyPair::from_pem(&files::read(&key_path)?).map_err(|_| {
            DevelopmentError::Unreadable {
                path: key_path,
                expected: "a private key in PEM",
            }
        })?;
        let certificate_pem = files::read(&certificate_path)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).map_err(|_| {
            DevelopmentError::Unreadable {
                path: certificate_path,
                expected: "a certificate in PEM",
            }
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            clock: clock.clone(),
            issuer,
            certificate_pem,
        })
    }

    /// The authority's own certificate, PEM: what both sides trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// Issues a server certificate for [`SERVER_NAMES`] and `further` DNS names.
    ///
    /// # Errors
    /// When a name is not a DNS name, or the copy cannot be kept.
    pub fn issue_server(&self, further: &[&str]) -> Result<IssuedCertificate, DevelopmentError> {
        for name in further {
            check_name(name)?;
        }
        let names = SERVER_NAMES
            .iter()
            .chain(further)
            .map(|name| (*name).to_owned());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params, "localhost")
    }

    /// Issues a client certificate with `name` as its only subject alternative name.
    ///
    /// # Errors
    /// When `name` is not a DNS name, or the copy cannot be kept.
    pub fn issue_client(&self, name: &str) -> Result<IssuedCertificate, DevelopmentError> {
        self.issue(client(name)?, name)
    }

    /// Likewise, without a copy among those it issued until [`Self::keep`].
    ///
    /// # Errors
    /// When `name` is not a DNS name.
    pub fn make_client(&self, name: &str) -> Result<IssuedCertificate, DevelopmentError> {
        self.make(client(name)?, name)
    }

    /// Likewise, for the key in a certificate signing request (PKCS #10, PEM), whose owner alone holds
    /// the other half. Only the key is taken from it: what the certificate says is ours to say.
    ///
    /// # Errors
    /// When `name` is not a DNS name, or the request is none or not signed by its own key.
    pub fn sign_client(
        &self,
        name: &str,
        request_pem: &str,
    ) -> Result<SignedCertificate, DevelopmentError> {
        let request = CertificateSigningRequestParams::from_pem(request_pem)
            .map_err(|_| DevelopmentError::Request)?;
        let (certificate_pem, certificate) = self.sign(client(name)?, name, &request.public_key)?;
        Ok(SignedCertificate {
            certificate_pem,
            certificate,
        })
    }

    /// Keeps a copy of a certificate that it made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(
        &self,
        certificate_pem: &str,
        certificate: &ClientCertificate,
    ) -> Result<PathBuf, DevelopmentError> {
        let copy = format!("{}.crt", certificate.thumbprint.to_base64url());
        let copy = self.folder.join("issued").join(copy);
        files::write_new(&copy, certificate_pem, Readers::Everyone)?;
        Ok(copy)
    }

    /// Every certificate it issued and still keeps a copy of, by expiry.
    ///
    /// # Errors
    /// When a copy cannot be read.
    pub fn list(&self) -> Result<Vec<ClientCertificate>, DevelopmentError> {
        let folder = self.folder.join("issued");
        let entries = std::fs::read_dir(&folder).map_err(|cause| files::failed(&folder, cause))?;
        let mut certificates = Vec::new();
        for entry in entries {
            let path = entry.map_err(|cause| files::failed(&folder, cause))?.path();
            certificates.push(read_certificate(&path)?);
        }
        certificates.sort_by(|one, other| {
            (one.not_after, &one.names).cmp(&(other.not_after, &other.names))
        });
        Ok(certificates)
    }

    fn issue(
        &self,
        params: CertificateParams,
        common_name: &str,
    ) -> Result<IssuedCertificate, DevelopmentError> {
        let made = self.make(params, common_name)?;
        self.keep(&made.certificate_pem, &made.certificate)?;
        Ok(made)
    }

    fn make(
        &self,
        params: CertificateParams,
        common_name: &str,
    ) -> Result<IssuedCertificate, DevelopmentError> {
        let key = KeyPair::generate()?;
        let (certificate_pem, certificate) = self.sign(params, common_name, &key)?;
        Ok(IssuedCertificate {
            certificate_pem,
            key_pem: key.serialize_pem(),
            certificate,
        })
    }

    fn sign(
        &self,
        params: CertificateParams,
        common_name: &str,
        key: &impl PublicKeyData,
    ) -> Result<(String, ClientCertificate), DevelopmentError> {
        let mut params = lasting(params, self.clock.now(), CERTIFICATE_DAYS);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let signed = params.signed_by(key, &self.issuer)?;
        let certificate = ClientCertificate::from_der(signed.der())
            .map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        Ok((signed.pem(), certificate))
    }
}

/// What a client's certificate says.
fn client(name: &str) -> Result<CertificateParams, DevelopmentError> {
    check_name(name)?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName(name.try_into()?)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// Reads one certificate from a PEM file.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn read_certificate(path: &Path) -> Result<ClientCertificate, DevelopmentError> {
    let text = files::read(path)?;
    let certificate = CertificateDer::from_pem_slice(text.as_bytes())
        .ok()
        .and_then(|der| ClientCertificate::from_der(&der).ok());
    certificate.ok_or_else(|| DevelopmentError::Unreadable {
        path: path.to_owned(),
        expected: "a certificate in PEM",
    })
}

/// Reads a certificate signing request from a file, unjudged.
///
/// # Errors
/// When the file cannot be read.
pub fn read_request(path: &Path) -> Result<String, DevelopmentError> {
    files::read(path)
}

fn lasting(mut params: CertificateParams, now: Timestamp, days: u32) -> CertificateParams {
    let from = now.as_second().saturating_sub(BACKDATED_SECONDS);
    let until = now
        .as_second()
        .saturating_add(i64::from(days) * DAY_SECONDS);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |second: i64| Duration::from_secs(u64::try_from(second).unwrap_or_default());
    params.not_before = epoch + seconds(from);
    params.not_after = epoch + seconds(until);
    params
}

/// Host names as RFC 1123 section 2.1 has them, in lower case and of at least two labels.
fn check_name(name: &str) -> Result<(), DevelopmentError> {
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 253 && name.contains('.') && name.split('.').all(label) {
        Ok(())
    } else {
        Err(DevelopmentError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use rustls::pki_types::{PrivateKeyDer, UnixTime};
    use rustls::server::WebPkiClientVerifier;

    use super::*;

    fn clock() -> Clock {
        Clock::manual("2026-11-22T12:00:00Z".parse().unwrap())
    }

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    #[test]
    fn a_client_certificate_is_valid_for_clients_for_90_days_and_for_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let authority = DevelopmentAuthority::create(folder.path(), &clock()).unwrap();
        let client = authority.issue_client("acme.partners.example").unwrap();
        assert_eq!(client.certificate.names, ["acme.partners.example"]);
        assert!(PrivateKeyDer::from_pem_slice(client.key_pem.as_bytes()).is_ok());

        let mut roots = rustls::RootCertStore::empty();
        roots.add(der(authority.certificate_pem())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        let verdict = |certificate: &IssuedCertificate, after_days: u64| {
            let now = clock().unix_seconds().unsigned_abs() + after_days * 86_400;
            let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
            let certificate = der(&certificate.certificate_pem);
            verifier.verify_client_cert(&certificate, &[], now).is_ok()
        };
        assert!(verdict(&client, 0));
        assert!(verdict(&client, 89));
        assert!(!verdict(&client, 91));
        assert!(!verdict(&authority.issue_server(&[]).unwrap(), 0));
        let elsewhere = tempfile::tempdir().unwrap();
        let stranger = DevelopmentAuthority::create(elsewhere.path(), &clock()).unwrap();
        assert!(!verdict(
            &stranger.issue_client("acme.partners.example").unwrap(),
            0
        ));
    }

    #[test]
    fn keys_are_for_their_owner_alone_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let authority = DevelopmentAuthority::create(folder.path(), &clock()).unwrap();
        let client = authority.issue_client("acme.partners.example").unwrap();
        let stem = folder.path().join("acme");
        let (_, key) = client.write(&stem).unwrap();
        for path in [key, folder.path().join("ca.key")] {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        let again = client.write(&stem).unwrap_err();
        assert!(matches!(again, DevelopmentError::Exists(_)), "{again}");
        let again = DevelopmentAuthority::create(folder.path(), &clock()).unwrap_err();
        assert!(matches!(again, DevelopmentError::Exists(_)), "{again}");
    }

    #[test]
    fn of_a_signing_request_only_the_key_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let authority = DevelopmentAuthority::create(folder.path(), &clock()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut asked = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
        asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let request = asked.serialize_request(&key).unwrap().pem().unwrap();
        let name = "acme.partners.example";
        let signed = authority.sign_client(name, &request).unwrap();
        assert_eq!(signed.certificate.names, [name]);
        let der = der(&signed.certificate_pem);
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
        assert!(authority.list().unwrap().is_empty(), "nothing is kept yet");
        authority
            .keep(&signed.certificate_pem, &signed.certificate)
            .unwrap();
        assert_eq!(authority.list().unwrap().len(), 1);
        for wrong in ["", "nonsense", authority.certificate_pem()] {
            let refused = authority.sign_client(name, wrong).unwrap_err();
            assert!(matches!(refused, DevelopmentError::Request), "{refused}");
        }
    }

    #[test]
    fn an_opened_authority_goes_on_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let made = DevelopmentAuthority::create(folder.path(), &clock()).unwrap();
        made.issue_server(&["gateway.partners.example"]).unwrap();
        let opened = DevelopmentAuthority::open(folder.path(), &clock()).unwrap();
        assert_eq!(opened.certificate_pem(), made.certificate_pem());
        opened.issue_client("acme.partners.example").unwrap();
        let names: Vec<_> = opened
            .list()
            .unwrap()
            .into_iter()
            .map(|one| one.names)
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&vec!["acme.partners.example".to_owned()]));
    }

    #[test]
    fn only_dns_names_are_certified() {
        let folder = tempfile::tempdir().unwrap();
        let authority = DevelopmentAuthority::create(folder.path(), &clock()).unwrap();
        for name in [
            "",
            "acme",
            "Acme.example",
            "a..example",
            "*.example",
            "a_b.example",
            "-a.example",
            "a b.example",
        ] {
            let refused = authority.issue_client(name).unwrap_err();
            assert!(matches!(refused, DevelopmentError::Name(_)), "{name:?}");
        }
    }
}
