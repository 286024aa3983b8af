//! Looks into the files that the settings name: certificates, keys, revocation lists, key sets, tokens.
//!
//! Only whether they can be used is asked here; what serves with them reads them again. Nothing of a key or a token
//! ever stands in a problem.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use fhir::json::{Limits, parse_value};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

use super::postgres::{PASSWORD_BYTES_MAX, password};
use super::problem::Notebook;
use super::written::Written;
use super::{Claims, Issuer, KeySource, SpeaksFor};
use crate::pem::{FILE_BYTES_MAX, PemFault, lists_of};
use crate::requestor::Keys;

/// As much as is read when it is used.
const BYTES_MAX: u64 = FILE_BYTES_MAX;

/// Where files are looked for, and which day it is.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    /// Notes about the settings file.
    pub(crate) notes: &'a Notebook,
    /// The folder of the settings file.
    pub(crate) folder: &'a Path,
    /// The day on which certificates and agreements are looked at.
    pub(crate) today: Date,
    /// Every path that was asked for.
    pub(crate) named: RefCell<BTreeSet<PathBuf>>,
}

impl Site<'_> {
    /// The path as meant: relative to the settings file.
    pub(crate) fn path(&self, written: &Written<String>) -> PathBuf {
        let path = self.folder.join(&written.value);
        self.named.borrow_mut().insert(path.clone());
        path
    }

    /// A PEM file with at least one certificate.
    pub(crate) fn certificates(&self, written: &Written<String>) -> Option<PathBuf> {
        let bytes = match self.bytes(written) {
            Ok(bytes) => bytes,
            Err(text) => return self.fault(written, &text),
        };
        let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect();
        if found.is_empty() {
            return self.fault(written, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
        }
        for (number, certificate) in found.into_iter().enumerate() {
            let number = number + 1;
            let Ok(certificate) = certificate else {
                return self.fault(written, &format!("certificate {number} is not valid PEM"));
            };
            let Ok((_, certificate)) = x509_parser::certificate::X509Certificate::from_der(&certificate)
            else {
                return self
                    .fault(written, &format!("certificate {number} is not a valid X.509 certificate"));
            };
            if self.is_past(certificate.validity().not_after) {
                let text = format!("certificate {number} has expired: renew it, or it will be turned down");
                self.notes.warn(&written.place, format!("{}: {text}", self.path(written).display()));
            }
        }
        Some(self.path(written))
    }

    /// A PEM file with a private key.
    pub(crate) fn private_key(&self, written: &Written<String>) -> Option<PathBuf> {
        let bytes = match self.bytes(written) {
            Ok(bytes) => bytes,
            Err(text) => return self.fault(written, &text),
        };
        match PrivateKeyDer::from_pem_slice(&bytes) {
            Ok(_) => Some(self.path(written)),
            Err(_) => self.fault(written, "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)"),
        }
    }

    /// A file with revocation lists, PEM or DER. One that is out of date lets nobody in who shows a certificate; all
    /// others are still served, so it is a warning.
    pub(crate) fn revocations(&self, written: &Written<String>) -> Option<PathBuf> {
        let bytes = match self.bytes(written) {
            Ok(bytes) => bytes,
            Err(text) => return self.fault(written, &text),
        };
        let found = match lists_of(&bytes) {
            Ok(found) => found,
            Err(PemFault::Holds(_)) => {
                return self.fault(
                    written,
                    "holds no revocation list, neither PEM (-----BEGIN X509 CRL-----) nor DER",
                );
            }
            Err(PemFault::Invalid | PemFault::TooLarge | PemFault::Unreadable(_)) => {
                return self.fault(written, "holds a revocation list that is not valid PEM");
            }
        };
        for list in found {
            let Ok((_, list)) = CertificateRevocationList::from_der(list.as_ref()) else {
                return self.fault(written, "holds a revocation list that is not valid X.509");
            };
            if list.next_update().is_some_and(|next| self.is_past(next)) {
                let text = "is out of date: until there is a new list, no client certificate is let in";
                self.notes.warn(&written.place, format!("{}: {text}", self.path(written).display()));
            }
        }
        Some(self.path(written))
    }

    /// A JSON file with public keys.
    pub(crate) fn key_set(&self, written: &Written<String>) -> Option<PathBuf> {
        let bytes = match self.bytes(written) {
            Ok(bytes) => bytes,
            Err(text) => return self.fault(written, &text),
        };
        if parse_value(bytes.into(), &Limits::default()).is_err() {
            return self.fault(written, "is not valid JSON");
        }
        let path = self.path(written);
        let probe = Issuer {
            issuer: String::new(),
            keys: KeySource::File(path.clone()),
            claims: Claims::Iua,
            audience: String::new(),
            speaks_for: SpeaksFor::Everyone,
            sign_in: None,
        };
        match Keys::load(&[probe]) {
            Ok(_) => Some(path),
            Err(problems) => {
                problems.iter().for_each(|problem| self.notes.error(&written.place, problem.to_string()));
                Some(path)
            }
        }
    }

    /// A file with a bearer token on its only line.
    pub(crate) fn bearer(&self, written: &Written<String>) -> Option<PathBuf> {
        let bytes = match self.bytes(written) {
            Ok(bytes) => bytes,
            Err(text) => return self.fault(written, &text),
        };
        let token = bytes.trim_ascii();
        if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
            return self.fault(written, "must hold one token of printable characters and nothing else");
        }
        Some(self.path(written))
    }

    /// A file with a password on its only line.
    pub(crate) fn password(&self, written: &Written<String>) -> Option<PathBuf> {
        let bytes = match read_bounded(&self.path(written), PASSWORD_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(text) => return self.fault(written, &text),
        };
        if password(&bytes).is_none() {
            return self.fault(written, "must hold one password on one line and nothing else");
        }
        Some(self.path(written))
    }

    fn bytes(&self, written: &Written<String>) -> Result<Vec<u8>, String> {
        read_bounded(&self.path(written), BYTES_MAX)
    }

    /// Notes a fault. The path comes back all the same: what else the settings say can still be looked at.
    fn fault(&self, written: &Written<String>, text: &str) -> Option<PathBuf> {
        self.notes.error(&written.place, format!("{}: {text}", self.path(written).display()));
        Some(self.path(written))
    }

    fn is_past(&self, moment: ASN1Time) -> bool {
        let midnight = self.today.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_second());
        midnight.is_ok_and(|midnight| moment.timestamp() < midnight)
    }
}

/// Reads a file of at most `bytes_max`; the error is a text for the operator.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut file = File::open(path).map_err(|error| unreadable(&error))?;
    let is_file = file.metadata().map_err(|error| unreadable(&error))?.is_file();
    if !is_file {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.by_ref().take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("is larger than {bytes_max} bytes"));
    }
    Ok(bytes)
}

fn unreadable(error: &std::io::Error) -> String {
    let kind = error.kind();
    if kind == std::io::ErrorKind::NotFound {
        return "there is no such file".to_owned();
    }
    if kind == std::io::ErrorKind::PermissionDenied {
        return "may not be read by this user: check its owner and mode".to_owned();
    }
    format!("cannot be read: {kind}")
}
