//! Certificates, keys and revocation lists from PEM files (lists from DER too), read whole and within bounds.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// The most that one file may weigh: revocation lists can be long.
pub(crate) const FILE_BYTES_MAX: u64 = 16 << 20;
/// The first byte of everything that X.509 writes in DER.
const DER_SEQUENCE: u8 = 0x30;

/// A file that cannot be used, and why. Nothing of its content is in it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}", path = path.display())]
pub struct PemProblem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: PemFault,
}

/// What is wrong with a PEM file.
#[derive(Debug, thiserror::Error)]
pub enum PemFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is not PEM, or broken.
    #[error("is not valid pem")]
    Invalid,
    /// It is larger than is read: what stands behind that, a revocation say, would not count.
    #[error("is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// It holds nothing of the kind.
    #[error("holds no {0}")]
    Holds(&'static str),
}

/// Every certificate in the file, in order; at least one.
///
/// # Errors
/// [`PemProblem`].
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemProblem> {
    all(path, "certificate")
}

/// Every revocation list in the file, PEM or DER; at least one.
///
/// # Errors
/// [`PemProblem`].
pub fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, PemProblem> {
    let problem = |fault| PemProblem { path: path.to_owned(), fault };
    lists_of(&bytes(path).map_err(problem)?).map_err(problem)
}

/// Every revocation list in the bytes of a file. DER begins with the tag of a sequence, which no text does.
pub(crate) fn lists_of(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, PemFault> {
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    items(bytes, "revocation list")
}

/// The private key in the file.
///
/// # Errors
/// [`PemProblem`].
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemProblem> {
    let problem = |fault| PemProblem { path: path.to_owned(), fault };
    let bytes = bytes(path).map_err(problem)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        problem(match matches!(error, pem::Error::NoItemsFound) {
            true => PemFault::Holds("private key"),
            false => PemFault::Invalid,
        })
    })
}

fn all<T: PemObject>(path: &Path, kind: &'static str) -> Result<Vec<T>, PemProblem> {
    let problem = |fault| PemProblem { path: path.to_owned(), fault };
    items(&bytes(path).map_err(problem)?, kind).map_err(problem)
}

fn items<T: PemObject>(bytes: &[u8], kind: &'static str) -> Result<Vec<T>, PemFault> {
    let found: Vec<T> = T::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|_| PemFault::Invalid)?;
    if found.is_empty() { Err(PemFault::Holds(kind)) } else { Ok(found) }
}

fn bytes(path: &Path) -> Result<Vec<u8>, PemFault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(PemFault::Unreadable)?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(PemFault::Unreadable)?;
    match u64::try_from(read).is_ok_and(|read| read <= FILE_BYTES_MAX) {
        true => Ok(bytes),
        false => Err(PemFault::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_longer_than_is_read_is_refused_and_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lists.pem");
        let list = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
        for (between, is_read) in [(1 << 20, true), (16 << 20, false)] {
            std::fs::write(&path, format!("{list}{}\n{list}", " ".repeat(between))).unwrap();
            match (revocation_lists(&path), is_read) {
                (Ok(lists), true) => assert_eq!(lists.len(), 2),
                (Err(problem), false) => assert!(matches!(problem.fault, PemFault::TooLarge), "{problem}"),
                (other, _) => panic!("{between}: {other:?}"),
            }
        }
    }
}
