//! One installation, made by the commands that a stranger types, and its gateway as a process.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use covenant::demo::client::{PartnerAnswer, PartnerClient};
use covenant::demo::core::{Core, World};
use covenant::entry::{Entry, Event};
use covenant::ledger::reading::entries;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Background, Ended, covenant, free_port, page, run, until};

/// Harmless and always granted; the tests' usual purpose.
pub(crate) const PURPOSE: &str = "essential.service";
/// Partners and their clients, as the shipped contracts name them.
const PARTNERS: [(&str, &str); 2] = [("acme", "acme-portal"), ("bluebird", "bluebird-desk")];
const AUDIENCE: &str = "https://gateway.harbour-post.example";

/// Loopback with this port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A folder with everything a gateway needs.
#[derive(Debug)]
pub(crate) struct Installation {
    folder: TempDir,
    port: u16,
}

impl Installation {
    /// Initialised, with ports of its own, an authority, and credentials of two partners.
    pub(crate) async fn new() -> Self {
        let installation = Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
        };
        installation.run("init .").await.with(0);
        let port = installation.port;
        installation.edit("covenant.toml", ":8443", &format!(":{port}"));
        installation.edit("covenant.toml", ":9443", &format!(":{}", port + 1_000));
        installation.edit("covenant.toml", ":7070", &format!(":{}", port + 2_000));
        // Segments are written full of zeros when made: small ones are ready sooner, and roll.
        let small = "directory = \"ledger\"\nsegment_mebibytes = 1\n";
        installation.edit("covenant.toml", "directory = \"ledger\"\n", small);
        installation.run("ca init --dir certs").await.with(0);
        for (partner, client) in PARTNERS {
            installation.enrol(partner, client).await;
        }
        installation
    }

    async fn enrol(&self, partner: &str, client: &str) {
        let name = format!("{partner}.partners.example");
        let issue = format!("ca issue --dir certs --name {name} --out {partner}");
        self.run(&issue).await.with(0);
        let minted = self
            .run(&format!(
                "token mint --dir certs --client {client} --audience {AUDIENCE} \
                 --certificate {partner}.crt --minutes 720"
            ))
            .await
            .with(0);
        assert_eq!(minted.out.lines().count(), 1, "the token and nothing else");
        fs::write(self.path(&format!("{partner}.token")), minted.out.trim()).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces text in a file, as with an editor.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.path(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    pub(crate) fn gateway(&self) -> SocketAddr {
        loopback(self.port)
    }

    pub(crate) fn operator(&self) -> SocketAddr {
        loopback(self.port + 1_000)
    }

    /// Where the configuration says that the core service is.
    pub(crate) fn core(&self) -> SocketAddr {
        loopback(self.port + 2_000)
    }

    /// The core service in this process, where the gateway looks for it.
    pub(crate) async fn start_core(&self) -> Core {
        Core::start(&World::invent(), self.core()).await.unwrap()
    }

    /// Runs `covenant` in the folder.
    pub(crate) async fn run(&self, words: &str) -> Ended {
        run(self.folder(), words).await
    }

    /// `covenant serve`, as it is typed.
    pub(crate) fn serve_command(&self) -> Command {
        covenant(self.folder(), &["serve", "--config", "covenant.toml"])
    }

    /// Starts it, and does not wait for it to be ready.
    pub(crate) fn spawn(&self) -> Background {
        Background::start(self.serve_command(), &self.path("serve.log"))
    }

    /// Starts it, and waits until it is ready.
    pub(crate) async fn serve(&self) -> Background {
        let mut gateway = self.spawn();
        self.ready(&mut gateway).await;
        gateway
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&self, gateway: &mut Background) {
        until("ready", async || {
            assert_eq!(gateway.ended(), None, "{}", self.said());
            self.readiness().await == Some(200)
        })
        .await;
    }

    /// Status of the page that tells whether it is ready.
    pub(crate) async fn readiness(&self) -> Option<u16> {
        let (status, _) = page(self.operator(), "/readyz").await?;
        Some(status)
    }

    /// What the gateway wrote to its log so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    /// Imports the book of the invented company; returns its people.
    pub(crate) async fn import_book(&self) -> World {
        let world = World::invent();
        world.write_book(&self.path("book.jsonl")).unwrap();
        self.run("customers import book.jsonl").await.with(0);
        world
    }

    pub(crate) async fn connect(&self, partner: &str) -> PartnerClient {
        self.try_connect(partner).await.expect("a connection")
    }

    pub(crate) async fn try_connect(&self, partner: &str) -> Option<PartnerClient> {
        let client = PartnerClient::connect(self.folder(), partner, self.gateway());
        client.await.ok()
    }

    /// One call on a connection of its own.
    pub(crate) async fn get(&self, partner: &str, target: &str) -> PartnerAnswer {
        let mut client = self.connect(partner).await;
        client.get(target, PURPOSE).await.unwrap()
    }

    /// `covenant ledger verify`, which must find `entries` or more.
    pub(crate) async fn verify(&self) -> u64 {
        let verified = self.run("ledger verify --dir ledger --key ledger.key -o json");
        let verified = verified.await.with(0).json();
        verified["entries"].as_u64().unwrap()
    }

    /// What the ledger holds.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entries = entries(&self.path("ledger"), 0);
        entries
            .map(|entry| Entry::parse(&entry.unwrap().1).unwrap())
            .collect()
    }

    /// What the gateway noted about itself, in order.
    pub(crate) fn notes(&self) -> Vec<String> {
        let note = |entry: Entry| match entry.event {
            Event::Gateway(note) => Some(note.what),
            _ => None,
        };
        self.entries().into_iter().filter_map(note).collect()
    }

    /// Disclosures by request id.
    pub(crate) fn disclosures(&self) -> BTreeMap<String, u16> {
        let disclosure = |entry: Entry| match entry.event {
            Event::Disclosure(made) => Some((made.request.request_id, made.status)),
            _ => None,
        };
        let entries = self.entries().into_iter();
        entries.filter_map(disclosure).collect()
    }
}
