//! Keys that an issuer publishes at an address: held, refreshed, and asked for anew when a token names one not held.
//!
//! One attempt runs at a time, in a task of its own, and everybody who waits shares it. Attempts begin when it is
//! time to, or when a token names an unknown key, and then not before [`ATTEMPT_EVERY`] after the last one began:
//! strangers who invent key ids cannot make the gateway hammer an issuer. How many wait is bounded by [`Room`], where
//! nobody is turned away because others wait; each waits for two attempts at most. Keys that could not be refreshed stay good for as long as the settings say, and no longer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::fetch::{FetchFault, FetchProblem, Place, Published};
use super::jwks::KeySet;
use super::waiting::{Place as Seat, Room, Wanted};
use crate::clock::{Clock, Moment};
use crate::settings::JwksUrl;

/// The time between the beginnings of two attempts, whatever the reason for the second.
const ATTEMPT_EVERY: Duration = Duration::from_secs(5);
/// The time between attempts in the background while they fail.
const RETRY_EVERY: Duration = Duration::from_secs(15);
/// How often those who wait look at the clock.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The keys of one issuer that are fetched.
#[derive(Debug)]
pub(in crate::requestor) struct Remote {
    place: Place,
    refresh: Duration,
    keep: Duration,
    clock: Clock,
    /// Shared with the same issuer of settings before and after.
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    fetched: ArcSwapOption<Fetched>,
    attempts: Mutex<Attempts>,
    /// Told whenever an attempt has ended; how, is in `attempts`, which is never locked while it is told.
    ended: watch::Sender<()>,
    waiting: Arc<Room>,
}

#[derive(Debug)]
struct Fetched {
    keys: Arc<KeySet>,
    digest: [u8; 32],
    /// When the attempt began.
    at: Moment,
}

#[derive(Debug, Default)]
struct Attempts {
    begun: u64,
    ended: u64,
    last_begun: Option<Moment>,
    last: Option<Outcome>,
    is_under_way: bool,
    failed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fetched,
    Failed,
}

/// Why an attempt is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    /// It is time to.
    Due,
    /// A token names a key that is not held.
    Wanted,
}

/// Attempts so far.
#[derive(Debug, Clone, Copy)]
pub(in crate::requestor) struct Counted {
    pub(in crate::requestor) ended: u64,
    pub(in crate::requestor) failed: u64,
}

/// A request that waits for keys.
#[derive(Debug)]
pub(in crate::requestor) struct Waiting {
    remote: Arc<Remote>,
    /// Attempts that had begun when it came: what they bring may be older than its token.
    begun_before: u64,
    /// Attempts whose end it knows of.
    seen: u64,
    ended: watch::Receiver<()>,
    until: Instant,
    seat: Seat,
}

/// How an attempt ended that somebody waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::requestor) enum Round {
    /// It had begun before; another may bring more.
    Earlier,
    /// It began after the request came: there are no other keys.
    Fresh,
    /// It failed, or there was none in time.
    Failed,
}

impl Remote {
    /// Prepares to fetch. What `before` holds stays when it came from the same address under the same authorities.
    ///
    /// # Errors
    /// [`FetchProblem`].
    pub(in crate::requestor) fn new(
        terms: &JwksUrl,
        clock: &Clock,
        before: Option<&Arc<Self>>,
    ) -> Result<Self, FetchProblem> {
        let place = Place::new(terms)?;
        let held =
            before.filter(|before| before.place.is_same(&place)).map(|before| Arc::clone(&before.held));
        let held = held.unwrap_or_else(|| {
            Arc::new(Held {
                fetched: ArcSwapOption::empty(),
                attempts: Mutex::default(),
                ended: watch::Sender::new(()),
                waiting: Arc::default(),
            })
        });
        Ok(Self { place, refresh: terms.refresh, keep: terms.keep, clock: clock.clone(), held })
    }

    /// The keys that may be used now.
    pub(in crate::requestor) fn current(&self) -> Option<Arc<KeySet>> {
        let fetched = self.held.fetched.load();
        let fetched = fetched.as_ref()?;
        (self.clock.moment().since(fetched.at) <= self.keep).then(|| Arc::clone(&fetched.keys))
    }

    /// Whether nothing was ever fetched.
    pub(in crate::requestor) fn is_empty(&self) -> bool {
        self.held.fetched.load().is_none()
    }

    /// How old the keys are.
    pub(in crate::requestor) fn age(&self) -> Option<Duration> {
        self.held.fetched.load().as_ref().map(|fetched| self.clock.moment().since(fetched.at))
    }

    /// Attempts so far.
    pub(in crate::requestor) fn counted(&self) -> Counted {
        let attempts = self.held.attempts();
        Counted { ended: attempts.ended, failed: attempts.failed }
    }

    /// Begins an attempt when it is time to.
    pub(in crate::requestor) fn refresh_if_due(self: &Arc<Self>) {
        if self.age().is_none_or(|age| age >= self.refresh) {
            self.begin(Because::Due);
        }
    }

    /// Waits until the first attempt has ended.
    pub(in crate::requestor) async fn first_attempt(&self) {
        let mut ended = self.held.ended.subscribe();
        // Whoever does not answer in time has failed already; this is for a task that was never run.
        let within = self.place.timeout() + ATTEMPT_EVERY;
        drop(timeout(within, ended.wait_for(|()| self.counted().ended > 0)).await);
    }

    /// A place among those who wait for keys.
    pub(in crate::requestor) fn wait(self: &Arc<Self>, wanted: Wanted) -> Waiting {
        let seat = self.held.waiting.enter(wanted);
        let (begun_before, seen) = {
            let attempts = self.held.attempts();
            (attempts.begun, attempts.ended)
        };
        let until = Instant::now() + self.place.timeout() * 2 + ATTEMPT_EVERY + LOOK_EVERY;
        let (remote, ended) = (Arc::clone(self), self.held.ended.subscribe());
        Waiting { remote, begun_before, seen, ended, until, seat }
    }

    /// Begins an attempt, unless one is under way or the last one is too near.
    fn begin(self: &Arc<Self>, because: Because) {
        let now = self.clock.moment();
        {
            let mut attempts = self.held.attempts();
            let apart = match (because, attempts.last) {
                (Because::Due, Some(Outcome::Failed)) => RETRY_EVERY,
                (Because::Due | Because::Wanted, _) => ATTEMPT_EVERY,
            };
            if attempts.is_under_way || attempts.last_begun.is_some_and(|last| now.since(last) < apart) {
                return;
            }
            attempts.is_under_way = true;
            attempts.begun += 1;
            attempts.last_begun = Some(now);
        }
        let remote = Arc::clone(self);
        let ends = Ends { held: Arc::clone(&self.held), outcome: Outcome::Failed };
        tokio::spawn(async move {
            // As a whole, so that the attempt ends when the task does, and not before.
            let mut ends = ends;
            ends.outcome = remote.attempt(now).await;
        });
    }

    async fn attempt(&self, now: Moment) -> Outcome {
        match self.place.fetch().await {
            Ok(published) => {
                self.take(published, now);
                Outcome::Fetched
            }
            Err(fault) => {
                self.tell(&fault);
                Outcome::Failed
            }
        }
    }

    /// Takes keys over. The same bytes are the same keys: tokens that were verified with them stay so.
    fn take(&self, published: Published, at: Moment) {
        let Published { keys, left_out, digest } = published;
        let before = self.held.fetched.load_full();
        let keys = match &before {
            Some(before) if before.digest == digest => Arc::clone(&before.keys),
            Some(_) | None => {
                for (number, why) in left_out {
                    tracing::warn!(address = %self.place.url(), place = number, reason = %why, "a key of an issuer does not count");
                }
                tracing::info!(address = %self.place.url(), "the keys of an issuer were fetched");
                Arc::new(keys)
            }
        };
        self.held.fetched.store(Some(Arc::new(Fetched { keys, digest, at })));
    }

    fn tell(&self, fault: &FetchFault) {
        let address = self.place.url();
        match self.current() {
            Some(_) => {
                tracing::warn!(%address, reason = %fault, "the keys of an issuer could not be fetched: those held stay good for a while");
            }
            None => {
                tracing::error!(%address, reason = %fault, "the keys of an issuer could not be fetched: its tokens cannot be checked");
            }
        }
    }
}

impl Waiting {
    /// Waits until one more attempt has ended; begins one as soon as that may be.
    pub(in crate::requestor) async fn round(&mut self) -> Round {
        loop {
            self.ended.mark_unchanged();
            let (ended, last) = {
                let attempts = self.remote.held.attempts();
                (attempts.ended, attempts.last)
            };
            if ended > self.seen {
                self.seen = ended;
                return match last {
                    Some(Outcome::Fetched) if ended > self.begun_before => Round::Fresh,
                    Some(Outcome::Fetched) => Round::Earlier,
                    Some(Outcome::Failed) | None => Round::Failed,
                };
            }
            if self.remote.failed_lately() || Instant::now() >= self.until {
                return Round::Failed;
            }
            self.remote.begin(Because::Wanted);
            tokio::select! {
                // Its other side lives as long as the keys do.
                ended = self.ended.changed() => drop(ended),
                // Too many wait, and this is one of those who give way.
                _ = &mut self.seat.given_way => return Round::Failed,
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }
}

impl Remote {
    /// Whether the last attempt failed and the next one has to wait: nobody waits for that.
    fn failed_lately(&self) -> bool {
        let now = self.clock.moment();
        let attempts = self.held.attempts();
        !attempts.is_under_way
            && attempts.last == Some(Outcome::Failed)
            && attempts.last_begun.is_some_and(|last| now.since(last) < ATTEMPT_EVERY)
    }
}

impl Held {
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of an attempt, however it comes.
struct Ends {
    held: Arc<Held>,
    outcome: Outcome,
}

impl Drop for Ends {
    fn drop(&mut self) {
        let mut attempts = self.held.attempts();
        attempts.is_under_way = false;
        attempts.last = Some(self.outcome);
        if self.outcome == Outcome::Failed {
            attempts.failed += 1;
        }
        attempts.ended += 1;
        drop(attempts);
        self.held.ended.send_replace(());
    }
}
