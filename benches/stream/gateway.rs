//! The gateway as a process of its own, and what the kernel says of its memory.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Failure, GATEWAYS_CORE};

/// How long the start may take, and between two tries.
const START_MAX: Duration = Duration::from_secs(20);
const TRY_INTERVAL: Duration = Duration::from_millis(20);

/// `covenant serve`.
pub(crate) struct Gateway {
    process: Child,
}

impl Gateway {
    /// Starts it in a folder that is ready for it, on a core of its own, where there is one.
    pub(crate) fn start(directory: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let named = std::env::var_os("COVENANT").map(PathBuf::from);
        let program = named.unwrap_or_else(|| env!("CARGO_BIN_EXE_covenant").into());
        let mut command = match has_taskset() {
            false => Command::new(program),
            true => {
                let mut command = Command::new("taskset");
                command.args(["-c", GATEWAYS_CORE]).arg(program);
                command
            }
        };
        command.args(["serve", "--config"]);
        command.arg(directory.join("covenant.toml"));
        // Its log goes where it costs no disk.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(Stdio::null()).spawn()?;
        let mut gateway = Self { process };
        let mut waited = Duration::ZERO;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = gateway.process.try_wait()? {
                return Err(format!("the gateway did not start: {status}").into());
            }
            if waited > START_MAX {
                return Err("the gateway cannot be reached".into());
            }
            std::thread::sleep(TRY_INTERVAL);
            waited += TRY_INTERVAL;
        }
        Ok(gateway)
    }

    /// What is resident of it now (proc(5), `/proc/pid/status`).
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kibibytes = |field: &str| -> Result<u64, Failure> {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let number = line.and_then(|line| line.split_whitespace().next());
            Ok(number.ok_or("no such field")?.parse()?)
        };
        Ok(Memory {
            own: kibibytes("RssAnon:")? + kibibytes("RssShmem:")?,
            files: kibibytes("RssFile:")?,
        })
    }
}

/// Resident memory, in KiB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// What the program made.
    pub(crate) own: u64,
    /// Its code, and other files: the system takes these pages away and brings them back as it likes.
    pub(crate) files: u64,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It has nothing to say any more, and its folder is about to go.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn has_taskset() -> bool {
    let mut command = Command::new("taskset");
    let asked = command.arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Keeps this process off the gateway's core, where that can be said.
pub(crate) fn leave_core(ours: &str) -> Result<bool, Failure> {
    if !has_taskset() {
        return Ok(false);
    }
    let mut command = Command::new("taskset");
    command.args(["-a", "-c", "-p", ours]);
    command.arg(std::process::id().to_string());
    Ok(command.stdout(Stdio::null()).status()?.success())
}
