//! The main job in one process on loopback: a development authority and token issuer, the core
//! service of an invented mailing company, three partners, and the gateway itself, started exactly
//! as `covenant serve` starts it. Nothing of the gateway is switched off or made easier for it.

pub mod client;
pub mod core;
pub mod tour;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use self::core::{Core, World};
use crate::administration::actors::user_name;
use crate::administration::client::Client;
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::development::{
    DevelopmentAuthority, DevelopmentIssuer, TokenRequest, read_certificate,
};
use crate::mistakes::{Look, Mistakes};
use crate::serve::Running;
use crate::starter::{self, Ports};

/// Whatever went wrong; a demo only prints it.
pub type DemoError = Box<dyn std::error::Error>;

/// How long the demo's tokens live.
const TOKEN_SECONDS: u32 = 12 * 60 * 60;

/// The demo's partners: id, the name in the client certificate, the client id of the token.
const PARTNERS: [(&str, &str, &str); 3] = [
    ("acme", "acme.partners.example", "acme-portal"),
    ("bluebird", "bluebird.partners.example", "bluebird-desk"),
    ("crest", "crest.partners.example", "crest-shop"),
];

/// The folder is of a demo on another port, which its configuration and certificates speak of.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{}` belongs to a demo on port {port}: start it with --port {port}, or name another --dir",
    directory.display()
)]
struct OtherPort {
    directory: PathBuf,
    port: u16,
}

/// A demo that runs.
#[derive(Debug)]
pub struct Demo {
    directory: PathBuf,
    config: Config,
    world: World,
    core: Core,
    running: Running,
}

impl Demo {
    /// Makes what is missing in `directory` and starts everything.
    ///
    /// # Errors
    /// When a file cannot be written or a port is taken.
    pub async fn start(directory: &Path, ports: &Ports, clock: Clock) -> Result<Self, DemoError> {
        let user = user_name(rustix::process::getuid().as_raw());
        starter::write(directory, ports, &user)?;
        let mut mistakes = Mistakes::new();
        let Some(config) = Config::load(&directory.join("covenant.toml"), &mut mistakes) else {
            return Err(mistakes.render(Look::Plain).into());
        };
        if config.gateway.listen.port() != ports.gateway {
            let (directory, port) = (directory.to_owned(), config.gateway.listen.port());
            return Err(OtherPort { directory, port }.into());
        }
        make_credentials(directory, &config, &clock)?;
        let world = World::invent();
        let address = core_address(&config)?;
        let core = Core::start(&world, address)
            .await
            .map_err(|error| format!("the core service at {address}: {error}"))?;
        let running = Running::start(&config, clock).await?;
        let demo = Self {
            directory: directory.to_owned(),
            config,
            world,
            core,
            running,
        };
        demo.import_book().await?;
        Ok(demo)
    }

    /// Tells the running gateway whose customer everyone is, as an operator would.
    async fn import_book(&self) -> Result<(), DemoError> {
        let path = self.directory.join("book.jsonl");
        self.world.write_book(&path)?;
        let client = Client::new(&self.config.administration.socket, None);
        let _: serde_json::Value = client
            .post_file("/customers/import", fs::read(&path)?)
            .await?;
        Ok(())
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its people.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Its core service.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Its gateway.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// What a newcomer can do now.
    pub fn welcome(&self) -> String {
        let (directory, address) = (self.directory.display(), self.running.gateway_address());
        let steps = tour::curl_lines(&self.directory, address.port(), &self.world).join("\n");
        format!(
            "gateway   https://localhost:{port}\noperator  http://{operator}\ncore      http://{core}\n\
             files     {directory}\n\nTry, from another terminal:\n\n{steps}\n\nCtrl-C stops everything.",
            port = address.port(),
            operator = self.running.operator_address(),
            core = self.core.address(),
        )
    }

    /// Stops everything.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

fn core_address(config: &Config) -> Result<SocketAddr, DemoError> {
    let service = config
        .services
        .get("mailing")
        .ok_or("no core service `mailing`")?;
    let authority = service
        .base_url
        .strip_prefix("http://")
        .ok_or("the core is not http")?;
    Ok(authority.parse()?)
}

/// An authority, a server certificate and a token issuer once; a certificate for each partner once;
/// a fresh token for each at every start.
fn make_credentials(directory: &Path, config: &Config, clock: &Clock) -> Result<(), DemoError> {
    let certs = directory.join("certs");
    let (authority, issuer) = if certs.join("ca.crt").exists() {
        (
            DevelopmentAuthority::open(&certs, clock)?,
            DevelopmentIssuer::open(&certs, clock)?,
        )
    } else {
        let authority = DevelopmentAuthority::create(&certs, clock)?;
        authority.issue_server(&[])?.write(&certs.join("server"))?;
        (authority, DevelopmentIssuer::create(&certs, clock)?)
    };
    for (partner, name, client) in PARTNERS {
        let stem = directory.join(partner);
        let certificate = stem.with_extension("crt");
        if !certificate.exists() {
            authority.issue_client(name)?.write(&stem)?;
        }
        let token = issuer.mint(&TokenRequest {
            client_id: client,
            audience: &config.tokens.audience,
            purposes: &[],
            thumbprint: read_certificate(&certificate)?.thumbprint,
            life_seconds: TOKEN_SECONDS,
        })?;
        write_secret(&stem.with_extension("token"), &token)?;
    }
    Ok(())
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
