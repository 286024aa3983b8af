//! The binary `portcullis` in a process of its own, with what is asked of it from outside: signals, health, evidence.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::front::to_end;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway in a process of its own.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `portcullis serve` with these settings; what it logs goes to a file beside them.
    pub(crate) fn start(config: &Path) -> Self {
        Self::under(&[], config)
    }

    /// Starts it by other programs, each of which puts what follows it in its own place.
    pub(crate) fn under(programs: &[&str], config: &Path) -> Self {
        let log = config.with_extension("log");
        let itself = env!("CARGO_BIN_EXE_portcullis");
        let arguments = [itself, "serve", "--log", "json", "--config"].map(OsStr::new);
        let mut line: Vec<&OsStr> = programs.iter().map(OsStr::new).collect();
        line.extend(arguments);
        let child = Command::new(line[0])
            .args(&line[1..])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged up to now.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// As the system kills: without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As a fault in it would end it.
    pub(crate) fn abort(mut self) -> ExitStatus {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-ABRT", &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// As an operator stops it; gives its exit status.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    /// Waits until it listens for requests and, which comes last, for operators.
    pub(crate) async fn until_serving(&mut self, requests: SocketAddr, ops: SocketAddr) {
        drop(self.connect(requests).await);
        drop(self.connect(ops).await);
    }

    /// Connects as soon as it listens there.
    pub(crate) async fn connect(&mut self, address: SocketAddr) -> TcpStream {
        let started = Instant::now();
        loop {
            if let Ok(stream) = TcpStream::connect(address).await {
                return stream;
            }
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "the gateway ended by itself: {}", self.logged());
            assert!(started.elapsed() < PATIENCE, "the gateway did not listen in time: {}", self.logged());
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the listener of the operators answers, head and body.
pub(crate) async fn operators_see(ops: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(ops).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    to_end(&mut stream).await
}

/// Asks the operators' listener until the answer is as wanted; gives that answer.
pub(crate) async fn until_operators_see(
    ops: SocketAddr,
    path: &str,
    wanted: impl Fn(&str) -> bool,
) -> String {
    let asking = async {
        loop {
            let answer = operators_see(ops, path).await;
            if wanted(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the operators to see it in time")
}

/// `portcullis ledger verify` of the ledger in `folder`, as an auditor runs it: it must hold.
#[track_caller]
pub(crate) fn verified(folder: &Path) {
    let Output { status, stdout, .. } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["ledger", "verify", "--folder"])
        .arg(folder)
        .output()
        .unwrap();
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&stdout));
}

/// Whether a tool is there and does what is asked of it. Says loudly when it is not, and fails where all must be.
pub(crate) fn works(tool: &str, arguments: &[&str]) -> bool {
    let works = Command::new(tool).args(arguments).output().is_ok_and(|output| output.status.success());
    if !works {
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_ALL").is_none(),
            "{tool} does not work here, and PORTCULLIS_REQUIRE_ALL is set"
        );
        eprintln!("SKIPPED: {tool} does not work here");
    }
    works
}
