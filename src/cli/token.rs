//! `covenant token`: the development token issuer, and API keys.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Subcommand;

use crate::clock::Clock;
use crate::identity::api_key;
use crate::identity::development::{
    DevelopmentError, DevelopmentIssuer, TokenRequest, read_certificate,
};

/// Access tokens for development, not for production; and API keys.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Print an access token bound to a client certificate.
    Mint {
        /// The folder that `covenant ca init` made.
        #[arg(long)]
        dir: PathBuf,
        /// The client id that the partner's contract names.
        #[arg(long)]
        client: String,
        /// The gateway's audience, as in `covenant.toml`.
        #[arg(long)]
        audience: String,
        /// The client certificate (PEM) the token is bound to.
        #[arg(long)]
        certificate: PathBuf,
        /// Narrow the token to this purpose; may be given several times.
        #[arg(long)]
        purpose: Vec<String>,
        /// How long the token is valid.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1440))]
        minutes: u32,
    },
    /// Make an API key for a partner whose software can send no token. It is printed once; the contract
    /// holds only how it begins, and its digest.
    ApiKey,
}

/// Does what `command` says. The token alone goes to standard output, so that
/// `TOKEN=$(covenant token mint …)` works; the rest to standard error. Returns the exit code.
///
/// # Errors
/// When the issuer or the certificate cannot be read.
pub fn run(command: TokenCommand, clock: &Clock) -> Result<u8, DevelopmentError> {
    let minted = mint(command, clock)?;
    // A reader that closed the pipe has what it wanted.
    let _ = writeln!(io::stdout(), "{}", minted.compact);
    let _ = io::stderr().write_all(minted.remarks.as_bytes());
    Ok(0)
}

struct Minted {
    compact: String,
    remarks: String,
}

/// The key is for the partner alone; what it is told by stands in the remarks.
fn make_api_key() -> Result<Minted, DevelopmentError> {
    let (compact, record) = api_key::make().map_err(|_| DevelopmentError::Signing)?;
    let remarks = format!(
        "an API key, shown this once: give it to the partner over a channel that nobody else reads\n\
         next: write this below `credentials` in its contract, and publish\n\
         \x20 api_keys:\n\
         \x20   - prefix: {}\n\
         \x20     sha256: '{}'\n",
        record.prefix,
        record.digest_text(),
    );
    Ok(Minted { compact, remarks })
}

fn mint(command: TokenCommand, clock: &Clock) -> Result<Minted, DevelopmentError> {
    let TokenCommand::Mint {
        dir,
        client,
        audience,
        certificate,
        purpose,
        minutes,
    } = command
    else {
        return make_api_key();
    };
    let bound_to = read_certificate(&certificate)?;
    let compact = DevelopmentIssuer::open(&dir, clock)?.mint(&TokenRequest {
        client_id: &client,
        audience: &audience,
        purposes: &purpose,
        thumbprint: bound_to.thumbprint,
        life_seconds: minutes.saturating_mul(60),
    })?;
    let remarks = format!(
        "a token for {client}, bound to {certificate}, valid for {minutes} minutes\n\
         next: curl --cacert {ca} --cert {certificate} --key {key} -H \"Authorization: Bearer $TOKEN\" https://GATEWAY/.covenant/whoami\n\
         \x20 GATEWAY is one of `gateway.names` in covenant.toml, for example localhost:8443\n",
        certificate = certificate.display(),
        key = certificate.with_extension("key").display(),
        ca = dir.join("ca.crt").display(),
    );
    Ok(Minted { compact, remarks })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{CommandFactory as _, Parser};

    use super::*;
    use crate::cli::ca;
    use crate::identity::claims::TokenRules;
    use crate::identity::development::DEVELOPMENT_ISSUER;
    use crate::identity::keys::{KeySource, Keys};
    use crate::identity::token::Verifier;

    #[derive(Parser)]
    struct Ca {
        #[command(subcommand)]
        command: ca::CaCommand,
    }

    #[derive(Parser)]
    struct Token {
        #[command(subcommand)]
        command: TokenCommand,
    }

    fn ca(dir: &Path, line: &str, clock: &Clock) -> String {
        let dir = dir.to_str().unwrap();
        let words = line.replace("DIR", dir);
        let command = Ca::try_parse_from(words.split(' ')).unwrap().command;
        ca::carry_out(command, clock).unwrap()
    }

    #[test]
    fn the_commands_are_well_formed() {
        Ca::command().debug_assert();
        Token::command().debug_assert();
        let too_long = "token mint --dir d --client c --audience a --certificate x --minutes 1441";
        assert!(Token::try_parse_from(too_long.split(' ')).is_err());
    }

    #[test]
    fn an_api_key_is_printed_once_and_what_the_contract_is_to_hold_beside_it() {
        let made = make_api_key().unwrap();
        let key = api_key::PresentedKey::parse(&made.compact).unwrap();
        let record = key.record();
        assert!(
            made.remarks
                .contains(&format!("prefix: {}\n", record.prefix))
        );
        let digest = format!("sha256: '{}'", record.digest_text());
        assert!(made.remarks.contains(&digest) && !made.remarks.contains(&made.compact));
    }

    #[tokio::test]
    async fn three_commands_lead_from_nothing_to_a_token_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, clock) = (folder.path(), Clock::system());
        let made = ca(dir, "ca init --dir DIR", &clock);
        assert!(made.contains("next: covenant ca issue"), "{made}");
        let issue = "ca issue --dir DIR --name acme.partners.example --out DIR/acme";
        let issued = ca(dir, issue, &clock);
        assert!(issued.contains("next: covenant token mint"), "{issued}");
        let listed = ca(dir, "ca list --dir DIR", &clock);
        assert!(listed.contains("acme.partners.example"), "{listed}");
        assert!(listed.contains("gateway.example"), "{listed}");
        let certificate = dir.join("acme.crt");
        let minted = mint(
            TokenCommand::Mint {
                dir: dir.to_owned(),
                client: "acme-portal".to_owned(),
                audience: "https://gateway.example".to_owned(),
                certificate: certificate.clone(),
                purpose: Vec::new(),
                minutes: 60,
            },
            &clock,
        )
        .unwrap();
        assert!(!minted.remarks.contains(&minted.compact));
        let source = KeySource::File(dir.join("jwks.json"));
        let keys = Keys::load(
            source,
            crate::identity::jwk::Algorithm::ALL.to_vec(),
            clock.clone(),
        )
        .await
        .unwrap();
        let rules = TokenRules::new(DEVELOPMENT_ISSUER, "https://gateway.example");
        let verifier = Verifier::new(rules, keys.into(), clock);
        let token = verifier.verify(&minted.compact).await.unwrap();
        let thumbprint = read_certificate(&certificate).unwrap().thumbprint;
        assert_eq!(
            (token.confirmation, &token.purposes),
            (Some(thumbprint), &None)
        );
    }
}
