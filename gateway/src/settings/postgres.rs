//! A PostgreSQL database that is a source.

use std::fmt;
use std::path::PathBuf;

/// The most bytes of a file with a password.
pub(crate) const PASSWORD_BYTES_MAX: u64 = 1024;

/// A view of a PostgreSQL database, and how it is reached.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Where the server is.
    pub host: PostgresHost,
    /// Its port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// Who the gateway is there.
    pub user: String,
    /// The file with the password; none where the server asks for none.
    pub password: Option<PathBuf>,
    /// The authorities its certificate is checked against; none on this machine only.
    pub ca: Option<PathBuf>,
    /// The view: letters, digits and underscores, a schema and a dot in front at most.
    pub view: String,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostgresHost {
    /// At a name or an address.
    Name(String),
    /// On this machine: its socket is in this folder.
    Socket(PathBuf),
}

impl fmt::Display for PostgresHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Socket(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// The password in a file: its only line, without the end of it.
pub(crate) fn password(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_one = !line.is_empty() && !line.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0));
    (is_one && line.len() as u64 <= PASSWORD_BYTES_MAX).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::password;

    #[test]
    fn a_password_is_one_line_whatever_letters_it_has() {
        for (file, held) in [
            ("secret", Some("secret")),
            ("secret\n", Some("secret")),
            ("with spaces, \u{e4}\r\n", Some("with spaces, \u{e4}")),
            (" kept ", Some(" kept ")),
            ("", None),
            ("\n", None),
            ("two\nlines\n", None),
            ("nul\0", None),
        ] {
            assert_eq!(password(file.as_bytes()), held.map(str::as_bytes), "{file:?}");
        }
    }
}
