//! One moment of the sources of evidence: what several decisions ask alike is asked once.
//!
//! The entries of a transaction are decided one by one, and most of them are about the same persons. Asked once, the sources
//! say the same to all of them, as the caller expects of what is done as a whole, and are asked as often as there are
//! different questions. A moment ends with the decision about the last entry: what is decided again asks again.
//!
//! Deliberately absent: faults, and what is asked about nobody. Who asks whether a source is down asks it now.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::EvidenceSource;
use super::anyone::{nobody, nothing};
use crate::enforce::held::Held;
use crate::enforce::repeated::Repeated;
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::ReadTarget;
use crate::person::SystemName;
use crate::upstream::UpstreamFault;

/// How many questions are kept.
const QUESTIONS_MAX: usize = 1_000;
/// How many bytes of answers.
const BYTES_MAX: usize = 20 << 20;

/// A system, a type, and the parameters by which it is searched.
type Question = (SystemName, &'static str, Vec<(&'static str, String)>);
/// What was answered; nothing where that is more than is kept.
type Answered = Arc<OnceCell<Option<Repeated>>>;

/// A source of evidence that says once more what it has said.
pub struct Moment {
    source: Arc<dyn EvidenceSource>,
    kept: Mutex<Kept>,
}

struct Kept {
    answers: BTreeMap<Question, Answered>,
    room: usize,
}

impl Moment {
    /// A moment of `source`.
    #[must_use]
    pub fn of(source: Arc<dyn EvidenceSource>) -> Self {
        Self { source, kept: Mutex::new(Kept { answers: BTreeMap::new(), room: BYTES_MAX }) }
    }

    /// Where the answer to a question is, or will be; nothing where none is kept.
    fn place(&self, question: &Question) -> Option<Answered> {
        if is_about_nobody(&question.2) {
            return None;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = kept.answers.len() >= QUESTIONS_MAX;
        match kept.answers.entry(question.clone()) {
            Entry::Occupied(there) => Some(Arc::clone(there.get())),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(place) => Some(Arc::clone(place.insert(Answered::default()))),
        }
    }

    /// Keeps an answer, if there is room.
    fn keep(&self, held: &Unfiltered<Held>) -> Option<Repeated> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let repeated = Repeated::of(held, kept.room)?;
        kept.room = kept.room.saturating_sub(repeated.len());
        Some(repeated)
    }

    async fn ask(
        &self,
        (system, resource_type, parameters): Question,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        self.source.search_all(&system, resource_type, parameters).await
    }
}

impl std::fmt::Debug for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Moment(..)")
    }
}

impl EvidenceSource for Moment {
    fn search_all<'a>(
        &'a self,
        system: &'a SystemName,
        resource_type: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        let question = (system.clone(), resource_type, parameters);
        Box::pin(async move {
            let Some(place) = self.place(&question) else { return self.ask(question).await };
            // Whoever asks the same meanwhile waits for the one answer.
            let mut first = None;
            let asking = async {
                let held = self.ask(question.clone()).await?;
                let kept = self.keep(&held);
                first = Some(held);
                Ok(kept)
            };
            let again = place.get_or_try_init(|| asking).await?;
            match (first, again.as_ref().and_then(Repeated::again)) {
                (Some(held), _) | (None, Some(held)) => Ok(held),
                (None, None) => self.ask(question).await,
            }
        })
    }

    fn read_one<'a>(
        &'a self,
        system: &'a SystemName,
        target: &'a ReadTarget,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        self.source.read_one(system, target)
    }
}

/// Whether something is asked about a number and an id that nobody bears: to find out whether it is answered.
fn is_about_nobody(parameters: &[(&'static str, String)]) -> bool {
    let (number, id) = (nobody(), nothing());
    parameters.iter().any(|(_, value)| {
        id.as_ref().is_some_and(|id| value.contains(id.as_str()))
            || number.as_ref().is_some_and(|number| value.contains(number.as_str()))
    })
}
