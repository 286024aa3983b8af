//! The keys of issuers, from files or from where the issuers publish them, and the tokens already verified with them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fhir::json;
use moka::sync::Cache;

use super::fetch::FetchProblem;
use super::jwks::{KeyFault, KeySet};
use super::remote::Remote;
use super::token::Verified;
use crate::clock::Clock;
use crate::settings::{Claims, Issuer, KeySource, SpeaksFor};

const FILE_BYTES_MAX: u64 = 1 << 20;
const VERIFIED_MAX: u64 = 10_000;
/// How long a verified token is remembered; its own `exp` is looked at on every use besides, and so is its key.
const VERIFIED_FOR: Duration = Duration::from_secs(600);

/// The keys of every issuer. Made whole at start and at each reload; an old set goes with its memory of tokens.
#[derive(Debug)]
pub struct Keys {
    pub(in crate::requestor) issuers: Vec<IssuerKeys>,
    pub(in crate::requestor) verified: Cache<[u8; 32], Arc<Verified>>,
}

/// One issuer and its keys.
#[derive(Debug)]
pub(in crate::requestor) struct IssuerKeys {
    pub(in crate::requestor) issuer: String,
    pub(in crate::requestor) claims: Claims,
    pub(in crate::requestor) audience: String,
    pub(in crate::requestor) speaks_for: SpeaksFor,
    pub(in crate::requestor) held: Held,
}

/// Where the keys of an issuer are.
#[derive(Debug)]
pub(in crate::requestor) enum Held {
    /// Read once from a file.
    File(Arc<KeySet>),
    /// Fetched, again and again.
    Remote(Arc<Remote>),
}

/// How it stands with the keys that are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysStand {
    /// Each issuer has keys that may be used.
    Usable,
    /// Some issuers have none, or only keys that are too old.
    SomeMissing,
    /// No issuer has any.
    AllMissing,
}

/// Keys that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum KeyProblem {
    /// A JWKS file.
    #[error("{path}: {fault}", path = .0.display(), fault = .1)]
    File(std::path::PathBuf, #[source] KeyFault),
    /// What is needed to fetch keys.
    #[error("issuer {0}: {1}")]
    Remote(String, #[source] FetchProblem),
}

impl Keys {
    /// Reads the keys of all issuers, by the clock of the machine. Nothing is fetched yet.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn load(issuers: &[Issuer]) -> Result<Self, Vec<KeyProblem>> {
        Self::load_after(issuers, &Clock::machine(), None)
    }

    /// Reads the keys of all issuers. What `before` has fetched from the same place stays.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn load_after(
        issuers: &[Issuer],
        clock: &Clock,
        before: Option<&Self>,
    ) -> Result<Self, Vec<KeyProblem>> {
        let mut loaded = Vec::new();
        let mut problems = Vec::new();
        for issuer in issuers {
            match held(issuer, clock, before) {
                Ok(held) => loaded.push(IssuerKeys {
                    issuer: issuer.issuer.clone(),
                    claims: issuer.claims,
                    audience: issuer.audience.clone(),
                    speaks_for: issuer.speaks_for.clone(),
                    held,
                }),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let verified = Cache::builder().max_capacity(VERIFIED_MAX).time_to_live(VERIFIED_FOR).build();
        Ok(Self { issuers: loaded, verified })
    }

    /// Fetches the keys of issuers that have none yet, all at once, and waits for how that ends: each attempt is
    /// bounded by the settings. An issuer that is down keeps nobody from starting.
    pub async fn fetch_missing(&self) {
        let missing: Vec<_> = self.remotes().filter(|(_, remote)| remote.is_empty()).collect();
        for (_, remote) in &missing {
            remote.refresh_if_due();
        }
        for (_, remote) in missing {
            remote.first_attempt().await;
        }
    }

    /// Begins to fetch where it is time to. Called again and again; waits for nothing.
    pub fn refresh_due(&self) {
        self.remotes().for_each(|(_, remote)| remote.refresh_if_due());
    }

    /// How it stands with the keys now.
    #[must_use]
    pub fn stand(&self) -> KeysStand {
        let usable = self.issuers.iter().filter(|issuer| issuer.current().is_some()).count();
        match usable {
            usable if usable == self.issuers.len() => KeysStand::Usable,
            0 => KeysStand::AllMissing,
            _ => KeysStand::SomeMissing,
        }
    }

    /// Numbers about fetched keys for operators, in the text format of metrics. Issuers are those of the settings.
    pub fn write_metrics(&self, text: &mut String) {
        type Of = fn(&Remote) -> Option<u64>;
        let numbers: [(&str, &str, &str, Of); 4] = [
            ("issuer_keys_usable", "gauge", "Whether fetched keys may be used", |remote| {
                Some(u64::from(remote.current().is_some()))
            }),
            ("issuer_keys_age_seconds", "gauge", "How long ago keys were fetched", |remote| {
                remote.age().map(|age| age.as_secs())
            }),
            ("issuer_keys_fetches", "counter", "Attempts to fetch keys", |remote| {
                Some(remote.counted().ended)
            }),
            ("issuer_keys_fetches_failed", "counter", "Attempts to fetch keys that failed", |remote| {
                Some(remote.counted().failed)
            }),
        ];
        if self.remotes().next().is_none() {
            return;
        }
        for (name, kind, help, of) in numbers {
            let end = if kind == "counter" { "_total" } else { "" };
            text.push_str(&format!("# HELP portcullis_{name} {help}.\n# TYPE portcullis_{name} {kind}\n"));
            for (issuer, remote) in self.remotes() {
                let issuer = issuer.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                if let Some(number) = of(remote) {
                    text.push_str(&format!("portcullis_{name}{end}{{issuer=\"{issuer}\"}} {number}\n"));
                }
            }
        }
    }

    fn remotes(&self) -> impl Iterator<Item = (&str, &Arc<Remote>)> {
        self.issuers.iter().filter_map(|issuer| match &issuer.held {
            Held::File(_) => None,
            Held::Remote(remote) => Some((issuer.issuer.as_str(), remote)),
        })
    }
}

impl IssuerKeys {
    /// The keys that may be used now; nothing when there are none, or only such as are too old.
    pub(in crate::requestor) fn current(&self) -> Option<Arc<KeySet>> {
        match &self.held {
            Held::File(keys) => Some(Arc::clone(keys)),
            Held::Remote(remote) => remote.current(),
        }
    }
}

fn held(issuer: &Issuer, clock: &Clock, before: Option<&Keys>) -> Result<Held, KeyProblem> {
    match &issuer.keys {
        KeySource::File(path) => match read_keys(path) {
            Ok(keys) => Ok(Held::File(Arc::new(keys))),
            Err(fault) => Err(KeyProblem::File(path.clone(), fault)),
        },
        KeySource::Url(place) => {
            let before = before.and_then(|keys| {
                keys.remotes().find(|(name, _)| *name == issuer.issuer).map(|(_, remote)| remote)
            });
            let remote = Remote::new(place, clock, before)
                .map_err(|problem| KeyProblem::Remote(issuer.issuer.clone(), problem))?;
            Ok(Held::Remote(Arc::new(remote)))
        }
    }
}

fn read_keys(path: &Path) -> Result<KeySet, KeyFault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(KeyFault::Unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(KeyFault::Unreadable)?;
    let limits = json::Limits { bytes_max: 1 << 20, ..json::Limits::default() };
    KeySet::of_file(json::parse_value(bytes.into(), &limits).map_err(KeyFault::Json)?)
}
