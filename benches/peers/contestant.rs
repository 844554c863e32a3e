//! Contestants as processes of their own, and what the kernel says of them.

use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::configurations::{self, Setting};
use super::credentials::Credentials;
use super::{CONTESTANTS_CORE, Failure};

/// The kernel's unit of CPU time in `/proc`, 1/100 s.
const TICK: Duration = Duration::from_millis(10);
/// How long a contestant may take until it can be reached, and between two tries.
const START_MAX: Duration = Duration::from_secs(20);
const TRY_INTERVAL: Duration = Duration::from_millis(20);

/// One who answers.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    process: Child,
}

/// A peer that may be installed.
#[derive(Clone, Copy)]
struct Peer {
    name: &'static str,
    /// A variable that says where its program is, for want of which `PATH` does.
    variable: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    configuration: fn(&Setting<'_>) -> String,
}

const ENVOY: Peer = Peer {
    name: "envoy",
    variable: "ENVOY",
    program: "envoy",
    arguments: &[
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "-l",
        "error",
        "-c",
    ],
    configuration: |setting| configurations::envoy(setting, false),
};

const PEERS: [Peer; 4] = [
    Peer {
        name: "nginx",
        variable: "NGINX",
        program: "nginx",
        arguments: &["-c"],
        configuration: configurations::nginx,
    },
    Peer {
        name: "haproxy",
        variable: "HAPROXY",
        program: "haproxy",
        arguments: &["-db", "-f"],
        configuration: configurations::haproxy,
    },
    ENVOY,
    Peer {
        name: "envoy, cache",
        configuration: |setting| configurations::envoy(setting, true),
        ..ENVOY
    },
];

/// All peers that are installed. Who is not is said to be skipped.
pub(crate) fn peers(
    directory: &Path,
    core: SocketAddr,
    credentials: &Credentials,
) -> Result<Vec<Contestant>, Failure> {
    let mut started = Vec::new();
    for peer in PEERS {
        let Some(program) = find(&peer) else {
            println!("{}: not installed, skipped", peer.name);
            continue;
        };
        let setting = Setting {
            port: free_port()?,
            core,
            directory,
            credentials,
        };
        let suffix = if peer.program == "envoy" {
            "yaml"
        } else {
            "conf"
        };
        let path = directory.join(peer.name).with_extension(suffix);
        fs::write(&path, (peer.configuration)(&setting))?;
        let mut arguments: Vec<OsString> = peer.arguments.iter().map(OsString::from).collect();
        arguments.push(path.into());
        let address = ([127, 0, 0, 1], setting.port).into();
        started.push(Contestant::start(peer.name, &program, &arguments, address)?);
    }
    Ok(started)
}

/// The gateway, as operators start it, in a folder that is ready for it.
pub(crate) fn covenant(directory: &Path, address: SocketAddr) -> Result<Contestant, Failure> {
    let named = std::env::var_os("COVENANT").map(PathBuf::from);
    let program = named.unwrap_or_else(|| env!("CARGO_BIN_EXE_covenant").into());
    let configuration = directory.join("covenant.toml");
    let arguments = ["serve".into(), "--config".into(), configuration.into()];
    Contestant::start("covenant", &program, &arguments, address)
}

impl Contestant {
    fn start(
        name: &'static str,
        program: &Path,
        arguments: &[OsString],
        address: SocketAddr,
    ) -> Result<Self, Failure> {
        let mut command = match in_path("taskset") {
            None => Command::new(program),
            Some(taskset) => {
                let mut command = Command::new(taskset);
                command.args(["-c", CONTESTANTS_CORE]).arg(program);
                command
            }
        };
        let process = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut contestant = Self {
            name,
            address,
            process,
        };
        contestant.wait_until_reachable()?;
        Ok(contestant)
    }

    fn wait_until_reachable(&mut self) -> Result<(), Failure> {
        let mut waited = Duration::ZERO;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("{} did not start: {status}", self.name).into());
            }
            if waited > START_MAX {
                return Err(format!("{} cannot be reached", self.name).into());
            }
            std::thread::sleep(TRY_INTERVAL);
            waited += TRY_INTERVAL;
        }
        Ok(())
    }

    /// User and system time of all its threads, of those too that have ended (proc(5),
    /// `/proc/pid/stat`, fields 14 and 15).
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("not as proc(5) says")?;
        let mut ticks = 0;
        for time in fields.split_whitespace().skip(11).take(2) {
            ticks += time.parse::<u32>()?;
        }
        Ok(TICK * ticks)
    }

    /// KiB of memory that are its own, and its share of what others have too (`Pss`).
    pub(crate) fn kibibytes(&self) -> Result<u64, Failure> {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = fs::read_to_string(path)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no such field")?.parse()?)
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // It has nothing to say any more, and its folder is about to go.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Leaves the contestants' core to them, where that can be said.
pub(crate) fn leave_core(ours: &str) -> Result<bool, Failure> {
    let Some(taskset) = in_path("taskset") else {
        return Ok(false);
    };
    let mut command = Command::new(taskset);
    command.args(["-a", "-c", "-p", ours]);
    command.arg(std::process::id().to_string());
    Ok(command.stdout(Stdio::null()).status()?.success())
}

fn find(peer: &Peer) -> Option<PathBuf> {
    match std::env::var_os(peer.variable).map(PathBuf::from) {
        Some(named) => named.is_file().then_some(named),
        None => in_path(peer.program),
    }
}

/// A program, also where the system keeps those of its servers.
fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut files = folders.map(|folder| folder.join(program));
    files.find(|file| file.is_file())
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
