//! `[[system.source]]` with `postgres`: where the server is, and how it is checked.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustls_pki_types::ServerName;

use super::super::mapped::SourcePlace;
use super::super::material::Site;
use super::super::postgres::{Postgres, PostgresHost};
use super::super::source_file::{PostgresTable, SourceTable};
use super::super::written::Written;
use super::mapped::view_name;

const PORT: u16 = 5432;
/// The longest name that PostgreSQL knows.
const NAME_BYTES_MAX: usize = 63;

/// Where the view is.
pub(super) fn place(site: &Site<'_>, table: &SourceTable, server: &PostgresTable) -> Option<SourcePlace> {
    let notes = site.notes;
    let others = [&table.folder, &table.files, &table.sqlite].into_iter().flatten();
    for place in
        others.map(|written| &written.place).chain(table.quiet_ms.iter().map(|written| &written.place))
    {
        notes.error(place, "a source is a folder, a view or an API: this does not go with `postgres`");
    }
    if table.view.is_none() {
        notes.error(&server.place, "`view` is missing beside it: it names the view that is read");
    }
    let view = table.view.as_ref().and_then(|written| written.parsed(notes, |text| view_of_schema(text)));
    let host = server.host.as_ref().and_then(|written| written.parsed(notes, |text| host(text)));
    let port = match &server.port {
        None => Some(PORT),
        Some(written) => written.parsed(notes, |port| {
            u16::try_from(*port).ok().filter(|port| *port > 0).ok_or("a port from 1 to 65535 is wanted here")
        }),
    };
    let name = |written: &Option<Written<String>>| written.as_ref()?.parsed(notes, |text| name(text));
    let (database, user) = (name(&server.database), name(&server.user));
    let password = server.password_file.as_ref().and_then(|written| site.password(written));
    let ca = checked_by(site, server, host.as_ref());
    let (host, port, database, user, view) = (host?, port?, database?, user?, view?);
    Some(SourcePlace::Postgres(Box::new(Postgres { host, port, database, user, password, ca, view })))
}

/// The authorities that a server elsewhere is checked against.
fn checked_by(site: &Site<'_>, server: &PostgresTable, host: Option<&PostgresHost>) -> Option<PathBuf> {
    match (&server.ca, host) {
        (Some(written), Some(PostgresHost::Socket(_))) => {
            site.notes
                .error(&written.place, "nothing is encrypted on a socket of this machine: leave it out");
            None
        }
        (Some(written), Some(PostgresHost::Name(_)) | None) => site.certificates(written),
        (None, Some(PostgresHost::Name(name))) if !is_loopback(name) => {
            let text = "TLS is needed but on loopback and on a socket of this machine: the key `ca` must name the \
                        authorities the server's certificate is checked against";
            site.notes.error(&server.place, text);
            None
        }
        (None, Some(_) | None) => None,
    }
}

fn host(text: &str) -> Result<PostgresHost, &'static str> {
    if text.starts_with('/') {
        return Ok(PostgresHost::Socket(Path::new(text).to_owned()));
    }
    match ServerName::try_from(text) {
        Ok(_) => Ok(PostgresHost::Name(text.to_owned())),
        Err(_) => Err("the name or address of a server is wanted here, or the folder of its socket"),
    }
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn name(text: &str) -> Result<String, &'static str> {
    let is_name = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains('\0');
    if is_name { Ok(text.to_owned()) } else { Err("a name of 1 to 63 bytes is wanted here") }
}

fn view_of_schema(text: &str) -> Result<String, &'static str> {
    let parts = || text.split('.');
    match parts().count() <= 2 && parts().all(|part| view_name(part).is_ok()) {
        true => Ok(text.to_owned()),
        false => Err(
            "a view is named by letters, digits and underscores, with its schema and a dot in front at most",
        ),
    }
}
