//! Where a partner's certificate comes from: made here with a key, made here for a key of the partner's, or
//! issued elsewhere.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::clock::Clock;
use crate::config::Config;
use crate::files::Readers;
use crate::identity::certificate::ClientCertificate;
use crate::identity::development::{
    DEVELOPMENT_ISSUER, DevelopmentAuthority, DevelopmentError, read_certificate, read_request,
};
use crate::listen::tls::would_take;
use crate::starter::partner::{NewFile, NotAdded, remove, write_all};

/// Which certificate. Without any of these, one is made with its key.
#[derive(Clone, Debug, Args)]
pub(super) struct Certified {
    /// Sign this certificate signing request (PKCS #10, PEM); the partner keeps its key.
    #[arg(long, value_name = "FILE", conflicts_with = "certificate")]
    csr: Option<PathBuf>,
    /// Take this certificate (PEM), which your own authority issued.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The DNS name in a certificate that is made here; `<ID>.partners.example` where none is given.
    #[arg(long, value_name = "NAME", conflicts_with = "certificate")]
    certificate_name: Option<String>,
    /// The development authority's folder; that of `gateway.partner_authority` where none is given.
    #[arg(long, value_name = "DIR")]
    ca: Option<PathBuf>,
    /// Where certificate, key and registration go: `partners` beside the configuration where none is given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Refuses a certificate that the gateway would not take in a handshake. Where the partner authority is not at
/// hand, nobody can tell.
fn would_be_taken(path: &Path, authority: &Path, clock: &Clock) -> Result<(), DevelopmentError> {
    let Ok(authority) = std::fs::read(authority) else {
        return Ok(());
    };
    let chain = std::fs::read(path).map_err(|cause| DevelopmentError::File {
        path: path.to_owned(),
        cause,
    })?;
    would_take(&authority, &chain, clock.now()).map_err(|why| DevelopmentError::NotTaken {
        path: path.to_owned(),
        why,
    })
}

/// A certificate, with what is to be written for it.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) certificate: ClientCertificate,
    /// Where the certificate stands, or will.
    pub(super) path: PathBuf,
    /// Where its key will stand, if it is made here.
    pub(super) key: Option<PathBuf>,
    /// The folder of everything that is handed to the partner.
    pub(super) out: PathBuf,
    files: Vec<NewFile>,
    made: Option<(DevelopmentAuthority, String)>,
}

impl Certified {
    /// The certificate; nothing is written yet. `stem` is what its files are called.
    pub(super) fn obtain(
        &self,
        id: &str,
        stem: &str,
        config: &Config,
        beside: &Path,
        clock: &Clock,
    ) -> Result<Obtained, DevelopmentError> {
        let out = self.out.clone().unwrap_or_else(|| beside.join("partners"));
        if let Some(path) = &self.certificate {
            let certificate = read_certificate(path)?;
            would_be_taken(path, &config.gateway.partner_authority, clock)?;
            return Ok(Obtained {
                certificate,
                path: path.clone(),
                key: None,
                out,
                files: Vec::new(),
                made: None,
            });
        }
        let authority = DevelopmentAuthority::open(&self.ca(config), clock)?;
        let name = self.certificate_name.clone();
        let name = name.unwrap_or_else(|| format!("{id}.partners.example"));
        let path = out.join(format!("{stem}.crt"));
        let mut files = Vec::new();
        let (certificate, pem, key) = match &self.csr {
            Some(request) => {
                let signed = authority.sign_client(&name, &read_request(request)?)?;
                (signed.certificate, signed.certificate_pem, None)
            }
            None => {
                let made = authority.make_client(&name)?;
                let key = out.join(format!("{stem}.key"));
                files.push(NewFile {
                    path: key.clone(),
                    text: made.key_pem.clone(),
                    readers: Readers::Owner,
                });
                (made.certificate, made.certificate_pem, Some(key))
            }
        };
        files.push(NewFile {
            path: path.clone(),
            text: pem.clone(),
            readers: Readers::Everyone,
        });
        let ignored = out.join(".gitignore");
        if key.is_some() && !ignored.exists() {
            files.push(NewFile {
                path: ignored,
                text: "# Keys are never committed.\n*.key\n".to_owned(),
                readers: Readers::Everyone,
            });
        }
        Ok(Obtained {
            certificate,
            path,
            key,
            out,
            files,
            made: Some((authority, pem)),
        })
    }

    /// The development authority's folder.
    pub(super) fn ca(&self, config: &Config) -> PathBuf {
        let beside = || {
            let authority = &config.gateway.partner_authority;
            authority.parent().unwrap_or(Path::new(".")).to_owned()
        };
        self.ca.clone().unwrap_or_else(beside)
    }

    /// The lines of shell by which the partner gets a token and calls `url`.
    pub(super) fn first_call(
        &self,
        obtained: &Obtained,
        client: &str,
        url: &str,
        config: &Config,
    ) -> Vec<String> {
        let certificate = word(&obtained.path);
        let key = obtained.key.as_deref();
        let key = key.map_or_else(|| "PARTNER.key".to_owned(), word);
        let ca = self.ca(config);
        let develops = config.tokens.issuer == DEVELOPMENT_ISSUER && ca.join("issuer.key").exists();
        let token = match develops {
            true => format!(
                "TOKEN=$(covenant token mint --dir {} --client {client} --audience {} --certificate {certificate})",
                word(&ca),
                config.tokens.audience,
            ),
            false => format!(
                "TOKEN=$(curl -sS --cert {certificate} --key {key} -d grant_type=client_credentials \
                 -d client_id={client} TOKEN_ENDPOINT | jq -r .access_token)"
            ),
        };
        let authority = match obtained.made.is_some() {
            true => format!("--cacert {} ", word(&ca.join("ca.crt"))),
            false => String::new(),
        };
        let call = format!(
            "curl -sS {authority}--cert {certificate} --key {key} -H \"Authorization: Bearer $TOKEN\" {url}"
        );
        vec![token, call]
    }
}

impl Obtained {
    /// Writes the certificate's files and `more`, all of them or none; returns their paths.
    pub(super) fn write(&self, more: Vec<NewFile>) -> Result<Vec<PathBuf>, NotAdded> {
        let all: Vec<NewFile> = self.files.iter().cloned().chain(more).collect();
        write_all(&all)?;
        let paths: Vec<PathBuf> = all.into_iter().map(|file| file.path).collect();
        if let Some((authority, pem)) = &self.made
            && let Err(error) = authority.keep(pem, &self.certificate)
        {
            remove(paths.iter().map(PathBuf::as_path));
            return Err(NotAdded::Mistaken(format!("nothing was written: {error}")));
        }
        Ok(paths)
    }
}

/// What to do where the authority is not there.
pub(super) fn explained(error: &DevelopmentError) -> String {
    match error {
        DevelopmentError::File { path, .. } if path.ends_with("ca.key") => {
            let folder = path.parent().unwrap_or(Path::new("."));
            format!(
                "there is no development authority in `{folder}`: make one with `covenant ca init --dir \
                 {folder}`, name its folder with `--ca`, or bring a certificate of your own authority \
                 with `--certificate FILE`",
                folder = folder.display()
            )
        }
        _ => error.to_string(),
    }
}

/// A path as a word of the shell.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
