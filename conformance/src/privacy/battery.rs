//! Batteries, canaries, tokens and gaps, as their files have them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// More lines than this are no battery.
const ATTACKS_MAX: usize = 10_000;
/// No file of a battery is larger.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It cannot be read.
    #[error("cannot read {0}")]
    Unread(PathBuf),
    /// It does not hold what it should.
    #[error("{0}, line {1}: {2}")]
    Form(PathBuf, usize, String),
    /// Two attacks of one name.
    #[error("{0}: two attacks are called {1}")]
    Twice(PathBuf, String),
}

/// One attack.
#[derive(Debug, Clone, Deserialize)]
pub struct Attack {
    /// Its name.
    pub id: String,
    /// What is tried, in one line.
    pub title: String,
    /// Who tries, against what.
    pub setup: Setup,
    /// What is sent.
    pub request: Request,
    /// How bad it would be.
    pub severity: String,
    /// How it is judged.
    pub check: Kind,
    /// What no answer may hold, beside what the canaries say.
    #[serde(default)]
    pub must_not_contain: Vec<String>,
    /// What the answer must hold, or the attack proves nothing.
    #[serde(default)]
    pub must_contain: Vec<String>,
    /// Whether the request must be refused.
    #[serde(default)]
    pub must_be_refused: MustBe,
    /// What must not reach the upstream.
    #[serde(default)]
    pub upstream_must_not_see: Vec<String>,
    /// How many matches the requester may see.
    #[serde(default)]
    pub visible_total: Option<u64>,
    /// The request that asks for something that is not there.
    #[serde(default)]
    pub control_request: Option<Request>,
    /// What is sent afterwards.
    #[serde(default)]
    pub then: Vec<Request>,
}

/// Whether a request must be refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "bool")]
pub enum MustBe {
    /// Any status will do.
    #[default]
    Anything,
    /// Only 400 and above.
    Refused,
}

impl From<bool> for MustBe {
    fn from(refused: bool) -> Self {
        if refused { Self::Refused } else { Self::Anything }
    }
}

/// Who tries, against what.
#[derive(Debug, Clone, Deserialize)]
pub struct Setup {
    /// Name of the requester.
    pub requester: String,
    /// `fixture`, `canned:NAME` or `state:NAME`.
    pub upstream: String,
}

/// One request.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub struct Request {
    /// Its method, as it is to be written.
    pub method: String,
    /// Its target.
    pub path: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Option<String>,
    /// All of it, byte for byte, instead of the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

/// How an attack is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Kind {
    /// No canary in the answer.
    Canary,
    /// The answer does not tell hidden from absent.
    Oracle,
    /// Something changes between requests.
    State,
    /// Bytes that no client would send.
    Raw,
    /// Nothing in logs, metrics and traces.
    Telemetry,
    /// What a header of the client does.
    Header,
    /// Two requesters get different validators.
    Differential,
    /// Several requests in a row.
    Sequence,
    /// The count is that of what may be seen.
    Total,
    /// What the upstream holds is unharmed.
    UpstreamState,
    /// Hidden takes as long as absent.
    Timing,
    /// What the upstream's log holds.
    UpstreamLog,
    /// Pages have no holes.
    Paging,
    /// Exactly this status.
    Status(u16),
    /// Many at once get what each gets alone.
    Concurrency,
    /// A person has to look.
    Manual,
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(status) = text.strip_prefix("status:").and_then(|status| status.parse().ok()) {
            return Ok(Self::Status(status));
        }
        let named = Self::NAMED.iter().find(|(_, name)| *name == text);
        named.map(|(kind, _)| *kind).ok_or_else(|| "a check that this runner does not know".to_owned())
    }
}

impl Kind {
    const NAMED: [(Self, &'static str); 15] = [
        (Self::Canary, "canary"),
        (Self::Oracle, "oracle"),
        (Self::State, "state"),
        (Self::Raw, "raw"),
        (Self::Telemetry, "telemetry"),
        (Self::Header, "header"),
        (Self::Differential, "differential"),
        (Self::Sequence, "sequence"),
        (Self::Total, "total"),
        (Self::UpstreamState, "upstream-state"),
        (Self::Timing, "timing"),
        (Self::UpstreamLog, "upstream-log"),
        (Self::Paging, "paging"),
        (Self::Concurrency, "concurrency"),
        (Self::Manual, "manual"),
    ];

    /// Its name in a battery.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(kind, _)| *kind == self).map_or("status", |(_, name)| name)
    }

    /// What it demands, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Canary => "nothing hidden in headers, trailers or body",
            Self::Oracle => "hidden cannot be told from absent",
            Self::State => "something changes between requests",
            Self::Raw => "bytes that no client would send",
            Self::Telemetry => "nothing hidden in logs, metrics and traces",
            Self::Header => "what a header of the client does",
            Self::Differential => "two requesters get different validators",
            Self::Sequence => "several requests in a row",
            Self::Total => "the count is that of what may be seen",
            Self::UpstreamState => "what the upstream holds is unharmed",
            Self::Timing => "hidden takes as long as absent",
            Self::UpstreamLog => "what the upstream's log holds",
            Self::Paging => "pages have no holes",
            Self::Status(_) => "exactly this status",
            Self::Concurrency => "many at once get what each gets alone",
            Self::Manual => "a person has to look",
        }
    }
}

/// One canary.
#[derive(Debug, Clone, Deserialize)]
pub struct Canary {
    /// The text itself.
    pub canary: String,
    /// Who must never receive it.
    pub hidden_from: BTreeSet<String>,
    /// Where the fixture holds it.
    #[serde(default, rename = "where")]
    pub places: Vec<String>,
}

#[derive(Deserialize)]
struct Canaries {
    canaries: Vec<Canary>,
}

/// Reads a battery: one attack a line.
///
/// # Errors
/// [`BadFile`]
pub fn attacks(file: &Path) -> Result<Vec<Attack>, BadFile> {
    let text = text(file)?;
    let mut out: Vec<Attack> = Vec::new();
    let mut names = BTreeSet::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let attack: Attack =
            parsed(line).map_err(|reason| BadFile::Form(file.to_owned(), index + 1, reason))?;
        if !names.insert(attack.id.clone()) {
            return Err(BadFile::Twice(file.to_owned(), attack.id));
        }
        out.push(attack);
        if out.len() > ATTACKS_MAX {
            return Err(BadFile::Form(file.to_owned(), index + 1, "more attacks than are run".to_owned()));
        }
    }
    if out.is_empty() {
        return Err(BadFile::Form(file.to_owned(), 1, "no attack".to_owned()));
    }
    Ok(out)
}

/// Reads the canaries.
///
/// # Errors
/// [`BadFile`]
pub fn canaries(file: &Path) -> Result<Vec<Canary>, BadFile> {
    let held: Canaries = whole(file)?;
    if held.canaries.is_empty() {
        return Err(BadFile::Form(file.to_owned(), 1, "no canary".to_owned()));
    }
    Ok(held.canaries)
}

/// Reads tokens by requester: an object, or a `demo.json` with one under `tokens`.
///
/// # Errors
/// [`BadFile`]
pub fn tokens(file: &Path) -> Result<BTreeMap<String, String>, BadFile> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Held {
        Demo { tokens: BTreeMap<String, String> },
        Plain(BTreeMap<String, String>),
    }
    match whole(file)? {
        Held::Demo { tokens } | Held::Plain(tokens) => Ok(tokens),
    }
}

/// Reads a list of gaps: the keys of `[battery]` of a `.toml` file, else one id a line, `#` begins a comment.
///
/// # Errors
/// [`BadFile`]
pub fn gaps(file: &Path) -> Result<BTreeSet<String>, BadFile> {
    let text = text(file)?;
    if file.extension().is_some_and(|extension| extension == "toml") {
        let wrong = |reason: &str| BadFile::Form(file.to_owned(), 1, reason.to_owned());
        let table: toml::Table = text.parse().map_err(|_| wrong("no TOML"))?;
        let battery =
            table.get("battery").and_then(toml::Value::as_table).ok_or_else(|| wrong("no [battery]"))?;
        return Ok(battery.keys().cloned().collect());
    }
    let bare = |line: &str| line.split('#').next().map(|id| id.trim().to_owned()).unwrap_or_default();
    Ok(text.lines().map(bare).filter(|id| !id.is_empty()).collect())
}

fn text(file: &Path) -> Result<String, BadFile> {
    let unread = || BadFile::Unread(file.to_owned());
    let length = std::fs::metadata(file).map_err(|_| unread())?.len();
    if length > FILE_BYTES_MAX {
        return Err(BadFile::Form(file.to_owned(), 1, "larger than any such file".to_owned()));
    }
    std::fs::read_to_string(file).map_err(|_| unread())
}

fn whole<T: DeserializeOwned>(file: &Path) -> Result<T, BadFile> {
    parsed(&text(file)?).map_err(|reason| BadFile::Form(file.to_owned(), 1, reason))
}

/// Reads JSON of this suite's own files, or of an answer that is looked into and never passed on.
#[expect(
    clippy::disallowed_methods,
    reason = "files of the suite's user; nothing read here goes to anybody else"
)]
pub(crate) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
