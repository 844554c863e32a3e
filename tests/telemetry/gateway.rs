//! `covenant serve` as a process of its own, in a folder of its own, on free ports.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use covenant::administration::actors::user_name;
use covenant::administration::client::Client;
use covenant::clock::Clock;
use covenant::demo::core::{World, misbehaving_book};
use covenant::identity::development::{
    DevelopmentAuthority, DevelopmentIssuer, TokenRequest, read_certificate,
};
use covenant::starter::{self, Ports};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::client::Partner;
use crate::evil_core::EVIL_IDS;

pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
const AUDIENCE: &str = "https://gateway.harbour-post.example";

/// What differs between the gateways of the tests.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) core: Option<SocketAddr>,
    pub(crate) collector: Option<String>,
    pub(crate) key_url: Option<String>,
    pub(crate) log: Option<&'static str>,
    pub(crate) witness: Option<SocketAddr>,
}

/// The name of the witness.
pub(crate) const WITNESS: &str = "witness.example";

pub(crate) struct Gateway {
    pub(crate) directory: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) operator: SocketAddr,
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Gateway {
    pub(crate) async fn start(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let core = options.core.map_or(9, |core| core.port());
        let ports = Ports {
            gateway: 0,
            operator: 0,
            core,
        };
        let user = user_name(rustix::process::getuid().as_raw());
        starter::write(path, &ports, &user).unwrap();
        configure(&path.join("covenant.toml"), &options);
        let certs = path.join("certs");
        let authority = DevelopmentAuthority::create(&certs, &Clock::system()).unwrap();
        authority
            .issue_server(&[])
            .unwrap()
            .write(&certs.join("server"))
            .unwrap();
        DevelopmentIssuer::create(&certs, &Clock::system()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_covenant"))
            .args(["serve", "--config"])
            .arg(path.join("covenant.toml"))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(keep(child.stderr.take().unwrap(), Arc::clone(&log)));
        let mut gateway = Self {
            directory,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            operator: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
            log,
        };
        let serving = || gateway.lines_with("\"serving\"").pop();
        let (log, began) = (|| gateway.log(), Instant::now());
        while serving().is_none() {
            assert!(began.elapsed() < PATIENCE, "not started: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let serving: Value = serde_json::from_str(&serving().unwrap()).unwrap();
        let address = |name: &str| serving[name].as_str().unwrap().parse().unwrap();
        (gateway.address, gateway.operator) = (address("partners"), address("operator"));
        gateway.import_book().await;
        gateway
    }

    async fn import_book(&self) {
        let path = self.path().join("book.jsonl");
        World::invent().write_book(&path).unwrap();
        let mut book = fs::read(&path).unwrap();
        for row in misbehaving_book("acme") {
            serde_json::to_writer(&mut book, &row).unwrap();
            book.push(b'\n');
        }
        for id in EVIL_IDS {
            let row = format!(
                "{{\"kind\":\"customer\",\"id\":\"{id}\",\"partner\":\"acme\",\
                 \"email\":\"{id}@evil.example\",\"telephone\":null,\"address\":\"1 Evil Lane\"}}\n"
            );
            book.extend(row.bytes());
        }
        let client = Client::new(&self.path().join("run/administration.sock"), None);
        let _: Value = client.post_file("/customers/import", book).await.unwrap();
        fs::remove_file(path).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A partner with a fresh certificate for `name` and a token of `client`, by the issuer whose
    /// files are in `issuer`.
    pub(crate) fn partner(&self, name: &str, client: &str, issuer: &Path) -> Partner {
        let certs = self.path().join("certs");
        let clock = Clock::system();
        let authority = DevelopmentAuthority::open(&certs, &clock).unwrap();
        let stem = self.path().join(format!("client-{}", uuid::Uuid::now_v7()));
        let (certificate, key) = authority.issue_client(name).unwrap().write(&stem).unwrap();
        let issuer = DevelopmentIssuer::open(issuer, &clock).unwrap();
        let token = issuer.mint(&TokenRequest {
            client_id: client,
            audience: AUDIENCE,
            purposes: &[],
            thumbprint: read_certificate(&certificate).unwrap().thumbprint,
            life_seconds: 3_600,
        });
        Partner {
            authority: certs.join("ca.crt"),
            credentials: Some((certificate, key)),
            token: Some(token.unwrap()),
            address: self.address,
        }
    }

    pub(crate) fn acme(&self) -> Partner {
        let certs = self.path().join("certs");
        self.partner("acme.partners.example", "acme-portal", &certs)
    }

    /// Runs another command of the program; returns its exit code.
    pub(crate) async fn command(&self, arguments: &[&str]) -> i32 {
        let status = Command::new(env!("CARGO_BIN_EXE_covenant"))
            .args(arguments)
            .arg("--config")
            .arg(self.path().join("covenant.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.await.unwrap().code().unwrap()
    }

    pub(crate) async fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.operator).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("content-type: application/openmetrics-text; version=1.0.0"),
            "{head}"
        );
        body.to_owned()
    }

    /// Everything on standard error so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8(self.log.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines_with(&self, text: &str) -> Vec<String> {
        let log = self.log();
        let lines = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .filter(|line| line.contains(text))
            .map(str::to_owned)
            .collect()
    }

    /// The lines of requests, as JSON.
    pub(crate) fn request_lines(&self) -> Vec<Value> {
        let lines = self.lines_with("\"covenant::request\"");
        lines
            .iter()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// SIGTERM, and the end of the process.
    pub(crate) async fn terminate(&mut self) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        let process = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("it stops").unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Every file below a folder of the gateway's, with its bytes.
    pub(crate) fn files(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.push((entry.path(), fs::read(entry.path()).unwrap()));
                }
            }
        }
        files
    }
}

fn configure(path: &Path, options: &Options) {
    let mut text = fs::read_to_string(path).unwrap();
    let mut replace = |from: &str, to: &str| {
        assert!(
            text.contains(from),
            "the starting configuration has no `{from}`"
        );
        text = text.replace(from, to);
    };
    replace(
        "names = [\"localhost:0\", \"127.0.0.1:0\"]",
        "names = [\"localhost\"]",
    );
    replace("https://localhost:0", "https://localhost");
    replace(
        "name = \"mailing\"\n",
        "name = \"mailing\"\nanswer_milliseconds_max = 2000\n",
    );
    if let Some(collector) = &options.collector {
        replace(
            "# otlp_endpoint = \"http://127.0.0.1:4318/v1/traces\"",
            &format!("otlp_endpoint = \"{collector}\""),
        );
    }
    if let Some(url) = &options.key_url {
        replace("keys = \"certs/jwks.json\"", &format!("keys = \"{url}\""));
    }
    if let Some(log) = options.log {
        replace("log = \"info\"", &format!("log = \"{log}\""));
    }
    if let Some(witness) = &options.witness {
        let typed = [&[4][..], &[7; 32]].concat();
        let id = signed_note::key_id(WITNESS, &typed);
        let key = format!("{WITNESS}+{id:08x}+{}", STANDARD.encode(typed));
        let table = format!(
            "[ledger.witnessing]\ninterval_seconds = 1\n\
             witnesses = [{{ url = \"http://{witness}\", key = \"{key}\" }}]\n\n[telemetry]"
        );
        replace("[telemetry]", &table);
    }
    fs::write(path, text).unwrap();
}

async fn keep(stderr: tokio::process::ChildStderr, log: Arc<Mutex<Vec<u8>>>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        log.lock().unwrap().append(&mut line);
    }
}
