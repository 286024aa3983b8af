//! What every check has at hand: the target, the control of its upstream, tokens, canaries, and logs to look into.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::battery::{Attack, Canary, Request, parsed};
use super::normal::unquoted;
use super::scan::{Extent, Scanner};
use super::tap::Order;
use super::wire::{Answer, Endpoint, Trouble};

/// Of one log, this much is looked at for one attack.
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Canaries named in a finding.
const NAMED_MAX: usize = 4;

/// How an attack ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing hidden came out; what was looked at.
    Held(String),
    /// Something did, or could be told, or was harmed.
    Leaked(String),
    /// What should have been served was not, so that nothing is proved.
    Vacuous(String),
    /// It could not be run, or not be judged whole.
    NotRun(String),
    /// A person has to look.
    Manual,
}

/// Why a check ends before it is through.
pub type Ended = Outcome;

/// The place of the attacks.
#[derive(Debug)]
pub struct Bench {
    /// The server under attack.
    pub target: Endpoint,
    /// What stands in front of `/fhir` in every path.
    pub prefix: String,
    /// Bearer tokens by requester.
    pub tokens: BTreeMap<String, String>,
    /// The upstream's own control, behind the target.
    pub control: Option<Endpoint>,
    /// All canaries.
    pub canaries: Vec<Canary>,
    /// Attachments of the fixture, by the place where they lie.
    pub attachments: Vec<(String, Vec<u8>)>,
    /// Files to which the upstream's requests are written.
    pub upstream_logs: Vec<PathBuf>,
    /// Files to which the target writes logs and traces.
    pub logs: Vec<PathBuf>,
    /// Addresses at which the target shows metrics.
    pub metrics: Vec<Endpoint>,
    /// Pairs for timing, when asked for.
    pub timing_pairs: Option<u32>,
    /// What brings states about that no request can: a choice withdrawn, the policy read anew, a source that is silent.
    pub states: Option<Endpoint>,
    /// The file from which the tap in front of the upstream takes orders; its log is the first of `upstream_logs`.
    pub orders: Option<PathBuf>,
    /// Where PRIV reads who was told about a record: a path with `{}` for `Type/id`.
    pub audit: Option<String>,
}

impl Bench {
    /// Looks for what is hidden from the attack's requester, but for what the attack says itself.
    #[must_use]
    pub fn scanner(&self, attack: &Attack) -> Scanner {
        self.scanner_for(&attack.setup.requester, &attack.must_not_contain).without_what(&said(attack))
    }

    /// Looks for what is hidden from `requester`, and for `more`; digests of hidden attachments are hidden too.
    #[must_use]
    pub fn scanner_for(&self, requester: &str, more: &[String]) -> Scanner {
        let hidden = self.canaries.iter().filter(|canary| canary.hidden_from.contains(requester));
        let texts: Vec<&str> = hidden.map(|canary| canary.canary.as_str()).collect();
        let bare = Scanner::new(texts.iter().copied().chain(more.iter().map(String::as_str)));
        let hides = |content: &[u8]| !bare.scan(content).canaries.is_empty();
        let kept = self.attachments.iter().filter(|(_, content)| hides(content));
        kept.fold(bare.clone(), |scanner, (name, content)| scanner.and_digests_of(name, content))
    }

    /// Sends `request` as it is written, with tokens filled in and the prefix in front.
    ///
    /// # Errors
    /// When a token is wanted that is not there.
    pub async fn send(&self, request: &Request) -> Result<Result<Answer, Trouble>, Ended> {
        let path = self.filled(&request.path)?.replace(' ', "%20");
        let in_front = if path.starts_with('/') { self.prefix.as_str() } else { "" };
        let target = format!("{in_front}{path}");
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            headers.push((name.clone(), self.filled(value)?));
        }
        let body = request.body.as_deref().map(str::as_bytes);
        Ok(self.target.ask(&request.method, &target, &headers, body).await)
    }

    /// Sends `request`; silence is no refusal.
    ///
    /// # Errors
    /// When there is no answer: a server that falls silent under attack has failed.
    pub async fn answer(&self, request: &Request) -> Result<Answer, Ended> {
        self.send(request).await?.map_err(|trouble| Outcome::Leaked(trouble.to_string()))
    }

    /// Fills tokens into `text`.
    ///
    /// # Errors
    /// When there is no token of that name.
    pub fn filled(&self, text: &str) -> Result<String, Ended> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, beyond)) = after.split_once("}}") else { break };
            out.push_str(before);
            match name {
                // Nothing has that value; a server that takes it has not looked.
                "ETAG" => out.push_str("portcullis-conformance"),
                // A job that nobody was given: what answers for it does not look either.
                "JOB" => out.push_str("portcullis-conformance"),
                _ => out.push_str(self.tokens.get(name).ok_or_else(|| missing(name))?),
            }
            rest = beyond;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Tells the upstream's control something.
    ///
    /// # Errors
    /// When there is no control, or it does not answer.
    pub async fn control(&self, told: &str) -> Result<(), Ended> {
        let control = self.controlled()?;
        let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
        let path = format!("{}/__control", control.path());
        let answer = control.ask("POST", &path, &headers, Some(told.as_bytes())).await;
        match answer {
            Ok(answer) if answer.status == 200 => Ok(()),
            _ => Err(Outcome::NotRun("the control of the upstream does not answer".to_owned())),
        }
    }

    /// The upstream as it was; without a control, as it is.
    ///
    /// # Errors
    /// When the control does not answer.
    pub async fn reset(&self) -> Result<(), Ended> {
        if self.control.is_none() {
            return Ok(());
        }
        self.control(r#"{"reset": true}"#).await?;
        self.control(r#"{"canned": null}"#).await
    }

    /// The control of the upstream.
    ///
    /// # Errors
    /// When there is none.
    pub fn controlled(&self) -> Result<&Endpoint, Ended> {
        self.control.as_ref().ok_or_else(|| Outcome::NotRun("it needs --control of the upstream".to_owned()))
    }

    /// Brings a state about, or with none ends it: `POST {"state": NAME}`, 200 once it holds, 404 for a state that is not
    /// known there.
    ///
    /// # Errors
    /// When it cannot be brought about.
    pub async fn state(&self, name: Option<&str>) -> Result<(), Ended> {
        let told = name.unwrap_or("the end of a state");
        let wanting = |why: &str| Outcome::NotRun(format!("{told} {why}"));
        let states = self.states.as_ref().ok_or_else(|| wanting("needs --states to be brought about"))?;
        let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
        let path = if states.path().is_empty() { "/" } else { states.path() };
        let said = serde_json::json!({ "state": name }).to_string();
        match states.ask("POST", path, &headers, Some(said.as_bytes())).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) if answer.status == 404 => Err(wanting("is not known at --states")),
            _ => Err(wanting("could not be brought about")),
        }
    }

    /// Gives the tap an order, or takes it back.
    ///
    /// # Errors
    /// When there is no tap that takes orders.
    pub fn order(&self, order: Option<Order>) -> Result<(), Ended> {
        let wanting = || Outcome::NotRun("it needs a tap that takes orders (--upstream-orders)".to_owned());
        let file = self.orders.as_ref().ok_or_else(wanting)?;
        Order::write(order, file).map_err(|_| wanting())
    }

    /// One record as the upstream holds it.
    ///
    /// # Errors
    /// When there is no control, or no such record.
    pub async fn held(&self, key: &str) -> Result<serde_json::Map<String, serde_json::Value>, Ended> {
        let control = self.controlled()?;
        let path = format!("{}/__db?{}", control.path(), key.replace('/', "%2F"));
        let answer = control.ask("GET", &path, &[], None).await;
        let text = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
        match text.map(|text| parsed::<serde_json::Map<String, serde_json::Value>>(&text)) {
            Ok(Ok(held)) => Ok(held),
            _ => Err(Outcome::NotRun("the control of the upstream shows no records".to_owned())),
        }
    }

    /// How long each log is now, so that only what is added is looked at.
    #[must_use]
    pub fn marks(&self, files: &[PathBuf]) -> Vec<(PathBuf, u64)> {
        let length = |file: &PathBuf| std::fs::metadata(file).map_or(0, |held| held.len());
        files.iter().map(|file| (file.clone(), length(file))).collect()
    }
}

/// What was added to logs since they were marked.
///
/// # Errors
/// When one cannot be read, or too much was added.
pub fn added(marks: &[(PathBuf, u64)]) -> Result<Vec<u8>, Ended> {
    let mut out = Vec::new();
    for (file, mark) in marks {
        let unread = || Outcome::NotRun("a log cannot be read, or holds too much".to_owned());
        out.extend(tail(file, *mark).map_err(|_| unread())?.ok_or_else(unread)?);
    }
    Ok(out)
}

fn tail(file: &Path, mark: u64) -> std::io::Result<Option<Vec<u8>>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(file)?;
    file.seek(SeekFrom::Start(mark))?;
    let mut out = Vec::new();
    file.take(LOG_BYTES_MAX + 1).read_to_end(&mut out)?;
    Ok(Some(out).filter(|out| out.len() as u64 <= LOG_BYTES_MAX))
}

fn missing(name: &str) -> Ended {
    let fitting = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':');
    let name = if fitting { name } else { "something" };
    Outcome::NotRun(format!("there is nothing to put in for {name}"))
}

/// Everything the attack says itself, plain and with percent encoding undone.
#[must_use]
pub fn said(attack: &Attack) -> String {
    let mut out = String::new();
    for request in std::iter::once(&attack.request).chain(&attack.then) {
        out.push_str(&serde_json::to_string(request).unwrap_or_default());
        out.push_str(request.body.as_deref().unwrap_or_default());
    }
    let plain = unquoted(&out);
    out + &plain
}

/// Looks at an answer from all sides: its head as a whole, each header by itself, its body.
///
/// # Errors
/// When a canary is found, or not everything could be looked at.
pub fn searched(scanner: &Scanner, answer: &Answer) -> Result<(), Ended> {
    let head = answer.head();
    let values = answer.headers.iter().map(|(_, value)| value.as_bytes());
    for part in [head.as_bytes(), answer.body.as_slice()].into_iter().chain(values) {
        clean(scanner, part)?;
    }
    Ok(())
}

/// Looks at bytes.
///
/// # Errors
/// When a canary is found, or not everything could be looked at.
pub fn clean(scanner: &Scanner, bytes: &[u8]) -> Result<(), Ended> {
    let found = scanner.scan(bytes);
    if !found.canaries.is_empty() {
        let named: Vec<&str> = found.canaries.iter().copied().take(NAMED_MAX).collect();
        let more = found.canaries.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(Outcome::Leaked(format!("holds {}{more}", named.join(", "))));
    }
    match found.extent {
        Extent::Whole => Ok(()),
        Extent::Cut => Err(Outcome::NotRun("the answer unpacks to more than is looked at".to_owned())),
    }
}

/// The attachments in a folder of resources: every `data` in base64, by file and number.
#[must_use]
pub fn attachments(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let file = entry.path();
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let Ok(value) = parsed::<serde_json::Value>(&text) else { continue };
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        collect(&value, &name, &mut out);
    }
    out.sort();
    out
}

fn collect(value: &serde_json::Value, name: &str, out: &mut Vec<(String, Vec<u8>)>) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                let text = member.as_str().filter(|_| key == "data");
                if let Some(content) =
                    text.and_then(|text| STANDARD.decode(text).ok()).filter(|held| !held.is_empty())
                {
                    out.push((name.to_owned(), content));
                }
                collect(member, name, out);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, name, out)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}
