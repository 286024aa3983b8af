//! A PostgreSQL server: how it is reached, how the gateway proves itself, and what its faults mean.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_rustls::TlsConnector;

use super::wire::{Framed, Wire};
use crate::person::SystemName;
use crate::settings::postgres::{PASSWORD_BYTES_MAX, Postgres, PostgresHost, password};
use crate::settings::{System, UpstreamCredentials};
use crate::upstream::UpstreamFault;
use crate::upstream::tls::{self, UpstreamProblem};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Asks whether the server takes TLS. It says `S` if it does, in one byte, in the clear.
const TLS_WANTED: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A server and the database of it.
pub(in crate::upstream::pull) struct Server {
    system: SystemName,
    host: PostgresHost,
    port: u16,
    config: Config,
    /// How it is checked; nothing on this machine.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// What local times are of.
    time_zone: String,
}

/// A session with a server; given up when it is dropped, whatever is under way.
pub(super) struct Session {
    client: Client,
    driver: AbortHandle,
}

impl Server {
    pub(in crate::upstream::pull) fn new(
        system: &System,
        place: &Postgres,
        time_zone: &str,
    ) -> Result<Self, UpstreamProblem> {
        let mut config = Config::new();
        config.user(&place.user).dbname(&place.database).application_name("portcullis");
        // TLS is begun before the session is.
        config.ssl_mode(SslMode::Disable);
        if let Some(path) = &place.password {
            let wrong = || UpstreamProblem::Password(system.name.clone());
            config.password(password_of(path).ok_or_else(wrong)?);
        }
        let tls = match (&place.host, &place.ca) {
            (PostgresHost::Name(name), Some(_)) => {
                let reached =
                    System { ca: place.ca.clone(), credentials: UpstreamCredentials::None, ..system.clone() };
                let connector = TlsConnector::from(Arc::new(tls::config(&reached)?));
                let name = ServerName::try_from(name.clone());
                Some((connector, name.map_err(|_| UpstreamProblem::Base(system.name.clone()))?))
            }
            (PostgresHost::Name(_) | PostgresHost::Socket(_), _) => None,
        };
        let (system, host, port) = (system.name.clone(), place.host.clone(), place.port);
        Ok(Self { system, host, port, config, tls, time_zone: time_zone.to_owned() })
    }

    /// A new session.
    pub(super) async fn session(&self, deadline: Instant) -> Result<Session, UpstreamFault> {
        let connected = timeout_at(deadline.min(Instant::now() + CONNECT_WITHIN), self.connected()).await;
        let wire = connected.map_err(|_| UpstreamFault::Unreachable)?;
        let wire = wire.map_err(|_| UpstreamFault::Unreachable)?;
        let started = timeout_at(deadline, async { self.started(self.protected(wire).await?).await }).await;
        started.map_err(|_| UpstreamFault::TimedOut)?
    }

    /// Begins a transaction that reads one state of the database and is ended by the server at the deadline.
    pub(super) async fn begin(&self, session: &Session, deadline: Instant) -> Result<(), UpstreamFault> {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
        let zone = self.time_zone.replace('\'', "''");
        let text = format!(
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL statement_timeout = {left}; SET LOCAL idle_in_transaction_session_timeout = {left}; \
             SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = '{zone}'"
        );
        let begun = timeout_at(deadline, session.client.batch_execute(&text)).await;
        begun.map_err(|_| UpstreamFault::TimedOut)?.map_err(|error| fault(&error))
    }

    async fn connected(&self) -> std::io::Result<Connected> {
        match &self.host {
            PostgresHost::Socket(folder) => {
                let file = folder.join(format!(".s.PGSQL.{}", self.port));
                Ok(Connected::Socket(UnixStream::connect(file).await?))
            }
            PostgresHost::Name(name) => {
                let stream = TcpStream::connect((name.as_str(), self.port)).await?;
                stream.set_nodelay(true)?;
                Ok(Connected::Tcp(stream))
            }
        }
    }

    /// TLS before anything is said, where there is a name to check.
    async fn protected(&self, connected: Connected) -> Result<Box<dyn Wire>, UpstreamFault> {
        let mut stream = match (connected, &self.tls) {
            (Connected::Socket(stream), _) => return Ok(Box::new(stream)),
            (Connected::Tcp(stream), None) => return Ok(Box::new(stream)),
            (Connected::Tcp(stream), Some(_)) => stream,
        };
        let Some((connector, name)) = &self.tls else { return Ok(Box::new(stream)) };
        stream.write_all(&TLS_WANTED).await.map_err(|_| UpstreamFault::BrokenOff)?;
        let mut answer = [0_u8; 1];
        stream.read_exact(&mut answer).await.map_err(|_| UpstreamFault::BrokenOff)?;
        if answer != *b"S" {
            return Err(UpstreamFault::Unreachable);
        }
        let stream = connector.connect(name.clone(), stream).await;
        Ok(Box::new(stream.map_err(|_| UpstreamFault::Unreachable)?))
    }

    async fn started(&self, wire: Box<dyn Wire>) -> Result<Session, UpstreamFault> {
        let connected = self.config.connect_raw(Framed::new(wire), NoTls).await;
        let (client, connection) = connected.map_err(|error| not_let_in(&error))?;
        if connection.parameter("server_encoding") != Some("UTF8") {
            let system = self.system.as_str();
            tracing::error!(system, problem = "it is not in UTF-8", "a database cannot be read");
            return Err(UpstreamFault::Failed);
        }
        let driver = tokio::spawn(connection).abort_handle();
        Ok(Session { client, driver })
    }
}

enum Connected {
    Socket(UnixStream),
    Tcp(TcpStream),
}

impl Session {
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Else it would wait for what a server that hangs never sends.
        self.driver.abort();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({}, port {})", self.host, self.port)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

/// What a fault of the server is for those who ask (PostgreSQL 15, appendix A).
pub(super) fn fault(error: &tokio_postgres::Error) -> UpstreamFault {
    let Some(code) = error.code() else { return UpstreamFault::BrokenOff };
    let code = code.code();
    match (code, code.get(..2).unwrap_or_default()) {
        ("57014", _) => UpstreamFault::TimedOut,
        ("42501", _) | (_, "28") => UpstreamFault::NotAuthorised,
        // No such database, schema, view or column.
        (_, "3D" | "3F" | "42") => UpstreamFault::SourceMoved,
        // Too much at once, being shut down or started, somebody else is in the way.
        ("55P03" | "57P01" | "57P02" | "57P03", _) | (_, "40" | "53") => UpstreamFault::Busy,
        (_, "54") => UpstreamFault::TooLarge,
        (_, _) => UpstreamFault::Failed,
    }
}

/// Why there is no session: what the server says, or that it broke off, or that it asks for a proof that there is not.
fn not_let_in(error: &tokio_postgres::Error) -> UpstreamFault {
    let source = std::error::Error::source(error);
    let is_wire = source.is_some_and(<dyn std::error::Error + 'static>::is::<std::io::Error>);
    if error.code().is_some() || error.is_closed() || is_wire || source.is_none() {
        return fault(error);
    }
    UpstreamFault::NotAuthorised
}

fn password_of(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(PASSWORD_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    password(&bytes).map(<[u8]>::to_vec)
}
