//! What the checks with the suite behind the gateway have in common.

use std::time::Duration;

use http::Method;

use crate::behind::{Act, Behind, Heard, Reply};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::{Answer, Question, Trouble};

/// How often a right read is tried before the gateway counts as one that does not share the record.
const TRIES: usize = 12;
const BETWEEN: Duration = Duration::from_millis(500);

/// The record that is read through the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) kind: String,
    pub(super) id: String,
}

impl Subject {
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// What came of one request through the gateway.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) answer: Result<Answer, Trouble>,
    pub(super) heard: Vec<Heard>,
    pub(super) subject: Subject,
    pub(super) inside: Inside,
}

/// Words that name what is behind the gateway, and should not come out in front.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    words: Vec<String>,
}

impl Inside {
    /// The made-up word of this run, and the addresses of the endpoint behind; `base` is not inside, wherever it is.
    pub(super) fn of(bench: &Bench, addresses: impl IntoIterator<Item = String>) -> Self {
        let base = bench.target().base().to_ascii_lowercase();
        let mut words: Vec<String> = addresses
            .into_iter()
            .map(|word| word.to_ascii_lowercase())
            .filter(|word| !word.is_empty() && !base.contains(word.as_str()))
            .collect();
        words.push(word(bench));
        Self { words }
    }

    /// Where it is named: a header, or the body.
    pub(super) fn named_in(&self, answer: &Answer) -> Option<String> {
        let holds = |text: &str| {
            let text = text.to_ascii_lowercase().replace("\\/", "/");
            self.words.iter().any(|word| text.contains(word.as_str()))
        };
        for (name, value) in &answer.headers {
            if holds(&String::from_utf8_lossy(value.as_bytes())) || holds(name.as_str()) {
                return Some(format!("the header {name}"));
            }
        }
        holds(&String::from_utf8_lossy(&answer.body)).then(|| "the body".to_owned())
    }

    /// Whether it is named in `text`.
    pub(super) fn in_text(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.words.iter().any(|word| text.contains(word.as_str()))
    }

    /// Nothing of what is behind stands in the answer.
    pub(super) fn absent(&self, answer: &Answer) -> Judgement {
        match self.named_in(answer) {
            None => Ok(()),
            Some(place) => Err(Otherwise::unmet(
                "nothing that names the endpoint behind",
                format!("its name in {place}"),
            )),
        }
    }
}

/// A word that no gateway knows unless it got it from behind.
pub(super) fn word(bench: &Bench) -> String {
    format!("inside-{}", bench.tag())
}

/// The record that is read: the Patient that was named, else the first that is held behind.
pub(super) fn subject(bench: &Bench, behind: &Behind) -> Result<Subject, Otherwise> {
    if let Some(id) = bench.target().patient() {
        return Ok(Subject { kind: "Patient".to_owned(), id: id.to_owned() });
    }
    let (kind, id) = behind.first().ok_or(Otherwise::error("there is no record behind"))?;
    Ok(Subject { kind, id })
}

/// A read of `path` that accepts JSON.
pub(super) const fn get(path: &str) -> Question<'_> {
    Question { method: Method::GET, path, headers: &[("accept", "application/fhir+json")], body: b"" }
}

/// Reads the record through the gateway while nothing is wrong, until that works; forgets what was heard of it.
///
/// # Errors
/// When it does not: then nothing of what follows could be told.
pub(super) async fn settled(bench: &Bench) -> Result<(&Behind, Subject, Inside), Otherwise> {
    let behind = bench.behind()?;
    let subject = subject(bench, behind)?;
    let path = subject.path();
    for _ in 0..TRIES {
        behind.take_heard();
        let answer = bench.try_ask(&get(&path)).await?;
        let heard = behind.take_heard();
        let right = answer.is_ok_and(|answer| answer.status == 200 && is_subject(&answer, &subject));
        if right && heard.iter().any(|one| one.resource_type() == Some(&subject.kind)) {
            let hosts = heard.iter().filter_map(|one| one.header("host").map(str::to_owned));
            let own = [behind.address(), behind.elsewhere()].map(|address| address.to_string());
            return Ok((behind, subject, Inside::of(bench, hosts.chain(own))));
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Err(Otherwise::error(
        "the gateway does not answer the record behind with 200 while nothing is wrong: name one that it shares \
         (--patient, --behind-records)",
    ))
}

/// Reads the record while `play` goes on behind.
pub(super) async fn told(
    bench: &Bench,
    play: impl Fn(&Heard, Reply) -> Vec<Act> + Send + Sync + 'static,
) -> Result<Told, Otherwise> {
    let (behind, subject, inside) = settled(bench).await?;
    let path = subject.path();
    let playing = behind.play(&subject.kind, play);
    let answer = bench.try_ask(&get(&path)).await?;
    drop(playing);
    let heard = behind.take_heard();
    if !heard.iter().any(|one| one.resource_type() == Some(&subject.kind)) {
        return Err(Otherwise::error("the gateway answered without asking the endpoint behind"));
    }
    Ok(Told { answer, heard, subject, inside })
}

/// Reads the record with these headers while nothing is wrong behind.
pub(super) async fn sent(bench: &Bench, headers: &[(&'static str, &str)]) -> Result<Told, Otherwise> {
    let (behind, subject, inside) = settled(bench).await?;
    let path = subject.path();
    let question = Question { method: Method::GET, path: &path, headers, body: b"" };
    let answer = bench.try_ask(&question).await?;
    let heard = behind.take_heard();
    if heard.is_empty() {
        return Err(Otherwise::skipped("the gateway refused the request without asking behind"));
    }
    Ok(Told { answer, heard, subject, inside })
}

fn is_subject(answer: &Answer, subject: &Subject) -> bool {
    let id = answer.document.as_ref().ok().and_then(|document| document.root().member("id"));
    answer.is(&subject.kind) && id.is_some_and(|id| id.is_string(&subject.id))
}

impl Told {
    /// The answer; none is unmet.
    pub(super) fn answer(&self) -> Result<&Answer, Otherwise> {
        self.answer
            .as_ref()
            .map_err(|trouble| Otherwise::unmet("an answer of the gateway", trouble.to_string()))
    }

    /// The right record, with nothing from behind in it.
    pub(super) fn right(&self) -> Judgement {
        let answer = self.answer()?;
        if answer.status == 200 && is_subject(answer, &self.subject) {
            return self.inside.absent(answer);
        }
        Err(Otherwise::unmet("status 200 with the record", format!("status {}", answer.status)))
    }

    /// An error in which nothing from behind stands.
    pub(super) fn refused(&self) -> Judgement {
        let answer = self.answer()?;
        if answer.status < 400 {
            let found = format!("status {}", answer.status);
            return Err(Otherwise::unmet(
                "an error, for what came from behind is none that can be passed on",
                found,
            ));
        }
        self.inside.absent(answer)
    }

    /// An error, or the right record; either way with nothing from behind.
    pub(super) fn clean(&self) -> Judgement {
        match self.answer()?.status {
            200 => self.right(),
            _ => self.refused(),
        }
    }
}
