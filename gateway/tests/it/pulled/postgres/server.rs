//! A real PostgreSQL server in a temporary folder, on loopback and on a socket, ended with the test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio_postgres::{Client, Config, NoTls};

use crate::support::ports::free;
use crate::support::tls::Leaf;

/// Nobody's number on Debian: the server does not run as root.
const NOBODY: u32 = 65534;
pub(crate) const PASSWORD: &str = "reader-secret with a space";

/// A server and its folder.
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    pub(crate) port: u16,
    running: Option<Child>,
}

impl Server {
    /// A server with the visits of the council; nothing, said loudly, where PostgreSQL is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(|_| {}).await
    }

    /// The same with TLS.
    pub(crate) async fn with_tls(leaf: &Leaf) -> Option<Self> {
        Self::with(|server| {
            server.put("server.pem", &leaf.pem, 0o600);
            server.put("server.key", &leaf.key, 0o600);
            let settings = "ssl = on\nssl_cert_file = '../server.pem'\nssl_key_file = '../server.key'\n";
            server.add_to("postgresql.conf", settings);
        })
        .await
    }

    async fn with(prepare: impl FnOnce(&Self)) -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut server = Self { folder, programs, port: free().port(), running: None };
        server.own(server.folder.path());
        let mut maker = server.command("initdb");
        maker.args(["-U", "owner", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "-D"]);
        let made = maker.arg(server.cluster()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.add_to("postgresql.conf", "fsync = off\nlc_messages = 'C'\nmax_connections = 40\n");
        let who =
            "local all owner trust\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(server.cluster().join("pg_hba.conf"), who).unwrap();
        prepare(&server);
        server.go();
        server
            .run(&format!(
                "{VISITS}; CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON visits TO reader"
            ))
            .await;
        Some(server)
    }

    /// The keys of a source that is its view of visits, reached through the socket.
    pub(crate) fn on_socket(&self) -> String {
        self.source(&self.folder.path().to_string_lossy(), "")
    }

    /// The keys of a source that is its view of visits.
    pub(crate) fn source(&self, host: &str, more: &str) -> String {
        let password = self.folder.path().join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        let (port, password) = (self.port, password.to_string_lossy());
        format!(
            "view = \"visits\"\n[system.source.postgres]\nhost = \"{host}\"\nport = {port}\ndatabase = \"postgres\"\nuser = \"reader\"\npassword_file = \"{password}\"\n{more}"
        )
    }

    /// Does something as the owner of everything.
    pub(crate) async fn run(&self, statements: &str) {
        self.owner().await.batch_execute(statements).await.unwrap();
    }

    /// What the first cell of a question says.
    pub(crate) async fn told(&self, question: &str) -> i64 {
        self.owner().await.query_typed(question, &[]).await.unwrap()[0].get(0)
    }

    /// Asks until it is so: what a test waits for is seen by the server itself.
    pub(crate) async fn until(&self, question: &str) {
        let owner = self.owner().await;
        let asking = async {
            while !owner.query_typed(question, &[]).await.unwrap()[0].get::<_, bool>(0) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), asking).await.expect("it in time");
    }

    /// A session of the owner.
    pub(crate) async fn owner(&self) -> Client {
        let socket = self.folder.path().join(format!(".s.PGSQL.{}", self.port));
        let stream = UnixStream::connect(socket).await.unwrap();
        let mut config = Config::new();
        config.user("owner").dbname("postgres");
        let (client, connection) = config.connect_raw(stream, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Begins to serve, again perhaps.
    pub(crate) fn go(&mut self) {
        let (folder, port) = (self.folder.path().to_string_lossy().into_owned(), self.port.to_string());
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.cluster()).args([
            "-k",
            &folder,
            "-p",
            &port,
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        let mut server = server.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut told = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut seen = String::new();
        let ready = told.by_ref().any(|line| {
            seen.push_str(&line);
            seen.push('\n');
            line.contains("ready to accept connections")
        });
        assert!(ready, "{seen}");
        // It must be able to go on telling.
        std::thread::spawn(move || told.for_each(drop));
        self.running = Some(server);
    }

    /// Ends it at once, as a power cut does for those who are connected.
    pub(crate) fn end(&mut self) {
        let Some(mut server) = self.running.take() else { return };
        self.signal(&server, Signal::CONT);
        kill_process(pid(server.id()), Signal::QUIT).unwrap();
        server.wait().unwrap();
    }

    /// Nothing of it moves any more.
    pub(crate) fn hang(&self) {
        self.signal(self.running.as_ref().unwrap(), Signal::STOP);
    }

    /// All of it moves again.
    pub(crate) fn wake(&self) {
        self.signal(self.running.as_ref().unwrap(), Signal::CONT);
    }

    /// To the server and to every process of a session. The server first: it begins no more of them then.
    fn signal(&self, server: &Child, signal: Signal) {
        kill_process(pid(server.id()), signal).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", server.id());
        for child in std::fs::read_to_string(children).unwrap_or_default().split_whitespace() {
            // It may have gone in between.
            let sent = kill_process(pid(child.parse().unwrap()), signal);
            assert!(matches!(sent, Ok(()) | Err(rustix::io::Errno::SRCH)), "{sent:?}");
        }
    }

    fn cluster(&self) -> PathBuf {
        self.folder.path().join("cluster")
    }

    /// One of its programs, not as root, which ends when the test does.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if rustix::process::geteuid().is_root() {
            let nobody = NOBODY.to_string();
            command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
        }
        command.arg(self.programs.join(program)).current_dir(self.folder.path());
        command
    }

    fn put(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        self.own(&path);
    }

    fn own(&self, path: &Path) {
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn add_to(&self, file: &str, text: &str) {
        let path = self.cluster().join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, before + text).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The visits, in the types that a database would have them in.
const VISITS: &str = "
    CREATE TABLE raw(no integer, who varchar(20), st text, began date, place char(8), note text);
    INSERT INTO raw VALUES (11, 'R-1', 'Done', '2026-01-02', 'Home', 'secret-canary'),
        (12, ' R-1 ', 'open', '2026-03-04', 'Home', 'secret-canary'),
        (13, 'R-2', 'Done', '2026-01-02', 'Home', NULL);
    CREATE VIEW visits AS SELECT no AS visit_no, who AS resident, st AS state, began, place AS setting, note FROM raw";

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

/// Where the newest PostgreSQL is. Says loudly that there is none, and fails where there must be.
fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = installed.map(|entry| entry.path()).max_by_key(version).map(|path| path.join("bin"));
    if newest.is_none() {
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_ALL").is_none(),
            "PostgreSQL is not installed, and PORTCULLIS_REQUIRE_ALL is set"
        );
        eprintln!("SKIPPED: PostgreSQL is not installed here");
    }
    newest
}
