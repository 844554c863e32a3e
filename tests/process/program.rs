//! Running programs, with a bound on everything.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Longest wait for anything: generous, for a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at something that is waited for.
const GLANCE: Duration = Duration::from_millis(10);

/// What a program that ended left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Itself, if it ended with this code; otherwise the test has failed.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// The command with these words, to be run in `folder`.
pub(crate) fn covenant(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_covenant"));
    command.current_dir(folder).args(words);
    command
}

/// Runs the command with these words, separated by spaces, in `folder`.
pub(crate) async fn run(folder: &Path, words: &str) -> Ended {
    let words: Vec<&str> = words.split(' ').collect();
    finish(covenant(folder, &words)).await
}

/// Runs lines of shell in `folder`, with `covenant` in the path.
pub(crate) async fn shell(folder: &Path, lines: &str) -> Ended {
    let beside = Path::new(env!("CARGO_BIN_EXE_covenant")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", beside.display()))
        .args(["-c", lines]);
    finish(command).await
}

pub(crate) async fn finish(mut command: Command) -> Ended {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.expect("the command ends in time").unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Set where every real component must be there, as in `.ci/run`: then absence is a failure.
const ALL_COMPONENTS: &str = "COVENANT_ALL_COMPONENTS";

/// Whether there is a program of this name. A test that goes on without it says so past the harness,
/// which would keep it to itself.
pub(crate) async fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null());
    let there = command.status().await.is_ok_and(|status| status.success());
    if !there {
        without(&format!("`{program}`, which is not installed"));
    }
    there
}

/// Says that a part is not tried for want of this, or fails where nothing may be wanting.
pub(crate) fn without(what: &str) {
    assert!(std::env::var_os(ALL_COMPONENTS).is_none(), "without {what}");
    say_without(what);
}

/// Says past the harness that a part of a test was not tried.
pub(crate) fn say_without(what: &str) {
    let message = format!("WITHOUT {what}, A PART WAS NOT TRIED\n");
    std::io::stderr().write_all(message.as_bytes()).unwrap();
}

/// A program that runs until it is told to stop; killed when dropped.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Background {
    /// Starts it; what it says goes to the file `said`.
    pub(crate) fn start(mut command: Command, said: &Path) -> Self {
        let file = File::options().create(true).append(true).open(said);
        let file = file.unwrap();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .kill_on_drop(true);
        Self(command.spawn().unwrap())
    }

    fn pid(&self) -> Pid {
        let id = self.0.id().expect("it runs");
        Pid::from_raw(id.try_into().unwrap()).unwrap()
    }

    /// What the system says of it, where it says anything (proc(5)).
    pub(crate) fn status(&self) -> Option<String> {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        std::fs::read_to_string(path).ok()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// From now on no file may be written beyond this many bytes, as if the disk were full.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(Some(self.pid()), Resource::Fsize, limit).unwrap();
    }

    /// Its exit code, if it has ended; -1 if a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = self.0.try_wait().unwrap();
        status.map(|status| status.code().unwrap_or(-1))
    }

    /// Waits for its end; -1 if a signal ended it.
    pub(crate) async fn wait(&mut self) -> i32 {
        let status = timeout(PATIENCE, self.0.wait()).await;
        let status = status.expect("it ends in time").unwrap();
        status.code().unwrap_or(-1)
    }

    /// Asks it to stop, and waits for that.
    pub(crate) async fn stop(&mut self) -> i32 {
        self.signal(Signal::TERM);
        self.wait().await
    }

    /// Kills it where it stands.
    pub(crate) async fn kill(&mut self) {
        self.0.kill().await.unwrap();
    }
}

/// Waits until `is_so` says yes.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !is_so().await {
            sleep(GLANCE).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain: {what}");
}

/// Status and body of a plain HTTP page; `None` where nobody answers.
pub(crate) async fn page(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    asked("GET", address, path).await
}

/// Likewise, of something that is done by POST.
pub(crate) async fn done(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    asked("POST", address, path).await
}

async fn asked(method: &str, address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer));
    read.await.ok()?.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// A free port whose neighbours 1,000 and 2,000 above are free too.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() % 6_000 * 17;
    for _ in 0..6_000 {
        let number = first + u32::from(TAKEN.fetch_add(1, Ordering::SeqCst));
        let number = u16::try_from(number % 6_000).unwrap();
        let port = 10_000 + number / 1_000 * 3_000 + number % 1_000;
        let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if [port, port + 1_000, port + 2_000].into_iter().all(is_free) {
            return port;
        }
    }
    panic!("every port is taken");
}

/// A number below `end` that nobody can foretell.
pub(crate) fn random(end: u64) -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes) % end
}
