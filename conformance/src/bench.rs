//! What a check that acts works with: the endpoint, what it claims, and a list of what was made there.
//!
//! Every request of such a check goes through here. So a run that may only read never writes, whatever its checks would do;
//! what was made is deleted at the end; and what was asked can be told without what could name a record.

mod untold;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use http::Method;

use crate::behind::Behind;
use crate::check::Otherwise;
use crate::definitions::Definitions;
use crate::observe::{Claims, Observed, Stated};
use crate::scene::{Actor, Scene};
use crate::smart_client::SmartClient;
use crate::target::{Answer, Question, Target, Trouble};
use untold::untold;

/// How many requests of one check are told.
const EXCHANGED_MAX: usize = 200;

/// Whether checks may change what is on the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// They may create, and change and delete what they created.
    Allowed,
    /// They may not; checks that would are skipped.
    Forbidden,
}

/// How much checks by property make up, and from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Where the chain of made-up numbers begins: the same seed makes up the same.
    pub seed: u64,
    /// How many cases each such check tries.
    pub cases: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { seed: 1, cases: 60 }
    }
}

/// What checks share, by its type.
type Kept = HashMap<TypeId, Box<dyn Any + Send + Sync>>;

/// The endpoint under test, for checks that act.
#[derive(Debug)]
pub struct Bench {
    target: Target,
    others: Vec<(u32, Target)>,
    scene: Option<Scene>,
    writes: Writes,
    tag: String,
    behind: Option<Behind>,
    ground: Option<Target>,
    smart_client: Option<SmartClient>,
    definitions: OnceLock<Definitions>,
    observed: OnceLock<Observed>,
    made: Mutex<Vec<String>>,
    laid: Mutex<Vec<String>>,
    exchanged: Mutex<Vec<Exchanged>>,
    sampling: Sampling,
    kept: tokio::sync::Mutex<Kept>,
}

/// One request and its answer, without what could name a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// Number of the system that was asked; the base is 1.
    pub system: u32,
    /// Its method.
    pub method: Method,
    /// Its path below the base: ids as `[id]`, parameters by name alone.
    pub path: String,
    /// The status of the answer; none where there was no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
}

impl Exchanged {
    pub(crate) fn of(
        system: u32,
        question: &Question<'_>,
        answer: &Result<Answer, Trouble>,
        took: Duration,
    ) -> Self {
        Self {
            system,
            method: question.method.clone(),
            path: untold(question.path),
            status: answer.as_ref().ok().map(|answer| answer.status),
            took,
        }
    }
}

impl Bench {
    /// A bench with `target` and nothing else, on which checks may write.
    #[must_use]
    pub fn of(target: Target) -> Self {
        Self {
            target,
            others: Vec::new(),
            scene: None,
            writes: Writes::Allowed,
            tag: tag(),
            behind: None,
            ground: None,
            smart_client: None,
            definitions: OnceLock::new(),
            observed: OnceLock::new(),
            made: Mutex::default(),
            laid: Mutex::default(),
            exchanged: Mutex::default(),
            sampling: Sampling::default(),
            kept: tokio::sync::Mutex::default(),
        }
    }

    /// With this much made up by checks by property.
    #[must_use]
    pub const fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// How much checks by property make up, and from what.
    #[must_use]
    pub const fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// What several checks share, made by the first that needs it. What could not be made is not tried again.
    ///
    /// # Errors
    /// What making it ends with.
    pub async fn keep<T: Any + Send + Sync>(
        &self,
        make: impl Future<Output = Result<T, Otherwise>> + Send,
    ) -> Result<Arc<T>, Otherwise> {
        let mut kept = self.kept.lock().await;
        let key = TypeId::of::<T>();
        if let Some(found) = kept.get(&key).and_then(|held| held.downcast_ref::<Result<Arc<T>, Otherwise>>())
        {
            return found.clone();
        }
        let made = make.await.map(Arc::new);
        kept.insert(key, Box::new(made.clone()));
        made
    }

    /// With another system beside the base, by its number.
    #[must_use]
    pub fn with_system(mut self, number: u32, target: Target) -> Self {
        self.others.push((number, target));
        self
    }

    /// With people to be, and what they meet.
    #[must_use]
    pub fn with_scene(mut self, scene: Scene) -> Self {
        self.scene = Some(scene);
        self
    }

    /// Who is who.
    ///
    /// # Errors
    /// Skips the check where the run does not say.
    pub fn scene(&self) -> Result<&Scene, Otherwise> {
        self.scene
            .as_ref()
            .ok_or_else(|| Otherwise::skipped("the run does not say who is who: give --scene FILE"))
    }

    /// With this rule about writing.
    #[must_use]
    pub const fn with_writes(mut self, writes: Writes) -> Self {
        self.writes = writes;
        self
    }

    /// With the suite itself as the endpoint behind the gateway under test.
    #[must_use]
    pub fn with_behind(mut self, behind: Behind) -> Self {
        self.behind = Some(behind);
        self
    }

    /// With the registration of a SMART backend service.
    #[must_use]
    pub fn with_smart_client(mut self, client: SmartClient) -> Self {
        self.smart_client = Some(client);
        self
    }

    /// With a place where what is searched for is put, since the endpoint under test takes none of it.
    #[must_use]
    pub fn with_ground(mut self, ground: Target) -> Self {
        self.ground = Some(ground);
        self
    }

    /// Where what is searched for is put; none: on the endpoint under test.
    #[must_use]
    pub const fn ground(&self) -> Option<&Target> {
        self.ground.as_ref()
    }

    /// The endpoint behind the gateway that the suite plays.
    ///
    /// # Errors
    /// Skips the check where the run plays none.
    pub fn behind(&self) -> Result<&Behind, Otherwise> {
        let reason = "the suite is not the endpoint behind: give --behind ADDR, and the gateway that address";
        self.behind.as_ref().ok_or_else(|| Otherwise::skipped(reason))
    }

    /// The registration of a SMART backend service.
    ///
    /// # Errors
    /// Skips the check where the run has none.
    pub fn smart_client(&self) -> Result<&SmartClient, Otherwise> {
        let reason = "there is no registered client: give --smart-client FILE";
        self.smart_client.as_ref().ok_or_else(|| Otherwise::skipped(reason))
    }

    /// The definitions that are shipped, read when they are first asked for.
    ///
    /// # Errors
    /// Ends the check as an error where they cannot be read.
    pub fn definitions(&self) -> Result<&Definitions, Otherwise> {
        if let Some(known) = self.definitions.get() {
            return Ok(known);
        }
        let read = Definitions::shipped().map_err(|bad| Otherwise::error(bad.to_string()))?;
        Ok(self.definitions.get_or_init(|| read))
    }

    /// The endpoint under test.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Another system; 1 is the endpoint under test.
    ///
    /// # Errors
    /// Skips the check where the run does not have it.
    pub fn system(&self, number: u32) -> Result<&Target, Otherwise> {
        if number == 1 {
            return Ok(&self.target);
        }
        let found = self.others.iter().find(|(known, _)| *known == number);
        found.map(|(_, target)| target).ok_or_else(|| {
            Otherwise::skipped(format!("there is no system {number}: give --system {number}=URL"))
        })
    }

    /// Letters and digits that no other run has: part of identifiers and names that checks make up.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// What the harmless questions brought.
    ///
    /// # Errors
    /// When they were not asked.
    pub fn observed(&self) -> Result<&Observed, Otherwise> {
        self.observed.get().ok_or_else(|| Otherwise::error("nothing was asked yet"))
    }

    /// What the CapabilityStatement claims.
    ///
    /// # Errors
    /// Skips the check where there is no CapabilityStatement.
    pub fn claims(&self) -> Result<&Claims, Otherwise> {
        match self.observed.get().map(|observed| &observed.claims) {
            Some(claims) if claims.stated == Stated::Yes => Ok(claims),
            Some(_) | None => Err(Otherwise::skipped("the endpoint claims nothing")),
        }
    }

    /// Goes on only where `interaction` is claimed for `resource_type`.
    ///
    /// # Errors
    /// Skips the check otherwise.
    pub fn claimed(&self, resource_type: &str, interaction: &str) -> Result<(), Otherwise> {
        if self.claims()?.offers(resource_type, interaction) {
            return Ok(());
        }
        Err(Otherwise::skipped(format!("{interaction} of {resource_type} is not advertised")))
    }

    /// Asks the endpoint under test.
    ///
    /// # Errors
    /// Ends the check as an error where there is no answer, and skips it where it would write and may not.
    pub async fn ask(&self, question: &Question<'_>) -> Result<Answer, Otherwise> {
        self.ask_system(1, question).await
    }

    /// Asks the system of this number.
    ///
    /// # Errors
    /// As [`Bench::ask`], and skips the check where there is no such system.
    pub async fn ask_system(&self, number: u32, question: &Question<'_>) -> Result<Answer, Otherwise> {
        self.try_system(number, question).await?.map_err(Trouble::into)
    }

    /// Asks as an actor of the scene, at `base` or else where the endpoint under test is.
    ///
    /// # Errors
    /// As [`Bench::ask`], and where the base or the token does not read.
    pub async fn ask_as(
        &self,
        actor: Option<&Actor>,
        base: Option<&str>,
        question: &Question<'_>,
    ) -> Result<Answer, Otherwise> {
        self.may(question)?;
        let token = actor.and_then(|actor| actor.token.as_deref());
        let target = self.target.sibling(base.unwrap_or_else(|| self.target.base()), token);
        let target = target.map_err(|bad| Otherwise::error(bad.to_string()))?;
        let begun = Instant::now();
        let answer = target.ask(question).await;
        self.note(1, question, untold(question.path), &answer, begun);
        answer.map_err(Trouble::into)
    }

    /// Asks where what is searched for is put.
    ///
    /// # Errors
    /// As [`Bench::ask`].
    pub async fn ask_ground(&self, question: &Question<'_>) -> Result<Answer, Otherwise> {
        let Some(ground) = &self.ground else { return self.ask(question).await };
        self.may(question)?;
        ground.ask(question).await.map_err(Trouble::into)
    }

    /// Asks the endpoint under test, where no answer is an answer too.
    ///
    /// # Errors
    /// Skips the check where it would write and may not.
    pub async fn try_ask(&self, question: &Question<'_>) -> Result<Result<Answer, Trouble>, Otherwise> {
        self.try_system(1, question).await
    }

    /// Asks the endpoint under test without the token of the run.
    ///
    /// # Errors
    /// As [`Bench::ask`].
    pub async fn ask_plainly(&self, question: &Question<'_>) -> Result<Answer, Otherwise> {
        self.may(question)?;
        let begun = Instant::now();
        let answer = self.target.ask_plainly(self.target.base(), question).await;
        self.note(1, question, untold(question.path), &answer, begun);
        answer.map_err(Trouble::into)
    }

    /// Asks an address that the endpoint under test gave for something other than records, such as its token endpoint; without
    /// the token of the run. The path of `question` is not used.
    ///
    /// # Errors
    /// Ends the check as an error where there is no answer.
    pub async fn ask_at(&self, address: &str, question: &Question<'_>) -> Result<Answer, Otherwise> {
        let begun = Instant::now();
        let question = Question { path: "", method: question.method.clone(), ..*question };
        let answer = self.target.ask_plainly(address, &question).await;
        self.note(1, &question, "[address]".to_owned(), &answer, begun);
        answer.map_err(Trouble::into)
    }

    async fn try_system(
        &self,
        number: u32,
        question: &Question<'_>,
    ) -> Result<Result<Answer, Trouble>, Otherwise> {
        self.may(question)?;
        let target = self.system(number)?;
        let begun = Instant::now();
        let answer = target.ask(question).await;
        self.note(number, question, untold(question.path), &answer, begun);
        Ok(answer)
    }

    fn may(&self, question: &Question<'_>) -> Result<(), Otherwise> {
        if self.writes == Writes::Forbidden && writes(question) {
            return Err(Otherwise::skipped("this run reads only"));
        }
        Ok(())
    }

    fn note(
        &self,
        system: u32,
        question: &Question<'_>,
        path: String,
        answer: &Result<Answer, Trouble>,
        begun: Instant,
    ) {
        let exchanged = Exchanged { path, ..Exchanged::of(system, question, answer, begun.elapsed()) };
        let mut told = self.exchanged.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < EXCHANGED_MAX {
            told.push(exchanged);
        }
    }

    /// Remembers that `path` (`Type/id`) was made by this run on the endpoint under test: it is deleted at the end.
    pub fn made(&self, path: impl Into<String>) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(path.into());
    }

    /// Remembers that `path` (`Type/id`) was made by this run where what is searched for is put: it is deleted at the end.
    pub fn laid(&self, path: impl Into<String>) {
        self.laid.lock().unwrap_or_else(PoisonError::into_inner).push(path.into());
    }

    /// Deletes what was made, the last first, for resources may refer to what was made before them.
    ///
    /// Returns how many are still there.
    pub async fn tidy_up(&self) -> usize {
        deleted(&self.target, &self.made).await
            + deleted(self.ground.as_ref().unwrap_or(&self.target), &self.laid).await
    }

    pub(crate) fn learn(&self, observed: Observed) -> &Observed {
        self.observed.get_or_init(|| observed)
    }

    pub(crate) fn take_exchanged(&self) -> Vec<Exchanged> {
        std::mem::take(&mut *self.exchanged.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Deletes from `place` what is listed, the last first, and returns how many are still there.
async fn deleted(place: &Target, listed: &Mutex<Vec<String>>) -> usize {
    let made = std::mem::take(&mut *listed.lock().unwrap_or_else(PoisonError::into_inner));
    let mut left = 0;
    for path in made.iter().rev() {
        let question = Question { method: Method::DELETE, path, headers: &[], body: b"" };
        let gone = matches!(place.ask(&question).await, Ok(answer) if matches!(answer.status, 200..=299 | 404 | 410));
        left += usize::from(!gone);
    }
    left
}

impl From<Trouble> for Otherwise {
    fn from(trouble: Trouble) -> Self {
        Self::error(trouble.to_string())
    }
}

/// Whether a request could change anything: every POST that is no search could.
fn writes(question: &Question<'_>) -> bool {
    match question.method {
        Method::GET | Method::HEAD | Method::OPTIONS => false,
        Method::POST => !question.path.split('?').next().is_some_and(|path| path.ends_with("/_search")),
        _ => true,
    }
}

/// Twelve letters and digits out of the system's random source, or of the clock where it has none.
fn tag() -> String {
    let mut bytes = [0_u8; 8];
    let mut number = match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u64::from_be_bytes(bytes),
        Err(_) => jiff::Timestamp::now().as_nanosecond().unsigned_abs() as u64,
    };
    let mut text = String::with_capacity(12);
    for _ in 0..12 {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        text.push(char::from_digit(digit, 36).unwrap_or('0'));
        number /= 36;
    }
    text
}

#[cfg(test)]
mod tests;
