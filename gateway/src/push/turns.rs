//! Whose turn it is: what is due is taken to each system on its own, so that one that does not answer holds up none of
//! the others.
//!
//! Of each system some of what is due is listed, by place alone, and so many are under way at once. When one has settled the
//! next begins. What is under way is not taken twice: a place is free again only after all is noted that came of it, and only
//! then is the outbox asked for what may have been behind it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::delivery::{Delivery, Next};
use super::outbox::OutboxId;
use super::store::StoreError;
use crate::person::SystemName;

/// Parcels under way at once to one system, each of another person.
const TOGETHER: usize = 16;
/// Parcels that are listed at once for one system: each is read when its turn comes.
const LISTED: usize = 256;
/// The longest sleep between two looks into the outbox.
const LOOK: Duration = Duration::from_secs(30);
/// After the store could not be read or written.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often what waits is counted while something is under way.
const COUNTED_EVERY: Duration = Duration::from_secs(1);

/// What is under way, and what follows.
#[derive(Default)]
pub(in crate::push) struct Turns {
    of_each: HashMap<SystemName, Turn>,
    tasks: JoinSet<Result<Next, StoreError>>,
    places: HashMap<Id, (SystemName, OutboxId)>,
    /// The store failed: nothing begins before.
    rests_until: Option<Instant>,
    counted: Option<Instant>,
}

/// The same of one system.
#[derive(Default)]
struct Turn {
    listed: VecDeque<OutboxId>,
    under_way: HashSet<OutboxId>,
    /// There is more than was listed, or it was not asked.
    is_more: bool,
}

impl Delivery {
    /// Takes up what was left when the gateway last stopped, then delivers until `drain` turns true, and until what is under
    /// way by then has settled.
    ///
    /// Messages that were taken over and not dealt with are dealt with first, and whenever something may have come.
    pub async fn run(self: Arc<Self>, mut drain: watch::Receiver<bool>) {
        self.intake.express.open(&self);
        let mut turns = Turns::default();
        while !*drain.borrow() {
            self.intake.resume(&(self.senders)()).await;
            let pause = self.list(&mut turns).await;
            tokio::select! {
                biased;
                stopped = drain.wait_for(|draining| *draining) => {
                    drop(stopped);
                    break;
                }
                () = self.give(&mut turns) => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        tokio::join!(self.intake.express.close(), turns.end());
    }

    /// Delivers all that is due, and says how long there will be nothing to do.
    pub async fn round(self: &Arc<Self>) -> Duration {
        let mut turns = Turns::default();
        loop {
            let pause = self.list(&mut turns).await;
            self.begin_all(&mut turns);
            if turns.settled().await.is_none() {
                return pause;
            }
        }
    }

    /// Gives each its turn, until the outbox has to be looked at again.
    async fn give(self: &Arc<Self>, turns: &mut Turns) {
        loop {
            self.begin_all(turns);
            if turns.has_to_look() {
                return;
            }
            match turns.settled().await {
                Some(Next::Waits) => return,
                // All has settled: what waits is counted once more.
                Some(Next::Nothing) if turns.places.is_empty() => return,
                Some(Next::Nothing) => {}
                // What else there is comes with a ring or in time.
                None => std::future::pending().await,
            }
        }
    }

    /// Begins what is listed, as far as there are places.
    fn begin_all(self: &Arc<Self>, turns: &mut Turns) {
        if turns.rests() {
            return;
        }
        for (system, turn) in &mut turns.of_each {
            while turn.under_way.len() < TOGETHER
                && let Some(id) = turn.listed.pop_front()
            {
                turn.under_way.insert(id);
                let delivery = Arc::clone(self);
                let task = turns.tasks.spawn(async move { delivery.deliver(id).await });
                turns.places.insert(task.id(), (system.clone(), id));
            }
        }
    }

    /// Lists what is due, and says how long nothing else will be.
    async fn list(&self, turns: &mut Turns) -> Duration {
        if turns.rests() {
            return STORE_PAUSE;
        }
        match self.try_list(turns).await {
            Ok(pause) => pause,
            Err(_) => turns.pause(),
        }
    }

    async fn try_list(&self, turns: &mut Turns) -> Result<Duration, StoreError> {
        self.forget().await?;
        let now_ms = self.now_ms();
        // Asked before and after: what was under way at one of both has its attempt.
        let before = self.intake.express.under_way();
        let resting = self.faults.count().saturating_add(before.len());
        let count_max = LISTED.saturating_add(resting).saturating_add(TOGETHER);
        let listed = self.store.due(now_ms, count_max, turns.not_asked()).await?;
        let after = self.intake.express.under_way();
        for (system, mut due) in listed.of_each {
            let turn = turns.of_each.entry(system).or_default();
            due.retain(|id| !self.faults.rests(*id, now_ms) && !before.contains(id) && !after.contains(id));
            due.retain(|id| !turn.under_way.contains(id));
            turn.is_more = due.len() > LISTED;
            due.truncate(LISTED);
            turn.listed = due.into();
        }
        turns.of_each.retain(|_, turn| !turn.listed.is_empty() || !turn.under_way.is_empty());
        if turns.has_to_count() {
            self.counts.note(self.store.backlog().await?);
        }
        let longest = if self.faults.count() == 0 { LOOK } else { STORE_PAUSE };
        let Some(next_ms) = listed.next_ms else { return Ok(longest) };
        let wait = u64::try_from(next_ms.saturating_sub(self.now_ms())).unwrap_or(0);
        Ok(Duration::from_millis(wait).clamp(Duration::from_millis(1), longest))
    }
}

impl Turns {
    /// The systems that are not asked for: they have enough, or no place. From now on those have more.
    fn not_asked(&mut self) -> HashSet<SystemName> {
        let mut not_asked = HashSet::new();
        for (system, turn) in &mut self.of_each {
            turn.is_more = !turn.listed.is_empty() || turn.under_way.len() >= TOGETHER;
            if turn.is_more {
                not_asked.insert(system.clone());
            }
        }
        not_asked
    }

    /// Whether a system has a place, and may have more than was listed.
    fn has_to_look(&self) -> bool {
        let has_room =
            |turn: &Turn| turn.is_more && turn.listed.is_empty() && turn.under_way.len() < TOGETHER;
        !self.rests() && self.of_each.values().any(has_room)
    }

    /// Waits until one has settled, and says whether something may be due that was not; none when nothing is under way.
    async fn settled(&mut self) -> Option<Next> {
        let (id, settled) = match self.tasks.join_next_with_id().await? {
            Ok((id, settled)) => (id, settled.ok()),
            Err(error) => (JoinError::id(&error), None),
        };
        if let Some((system, parcel)) = self.places.remove(&id)
            && let Some(turn) = self.of_each.get_mut(&system)
        {
            turn.under_way.remove(&parcel);
        }
        if settled.is_none() {
            self.pause();
        }
        Some(settled.unwrap_or(Next::Waits))
    }

    /// Lets nothing begin for a while, and says how long: the store failed.
    fn pause(&mut self) -> Duration {
        self.rests_until = Some(Instant::now() + STORE_PAUSE);
        for turn in self.of_each.values_mut() {
            turn.listed.clear();
        }
        STORE_PAUSE
    }

    /// Whether nothing may begin yet.
    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether it is time to count what waits.
    fn has_to_count(&mut self) -> bool {
        let is_busy = !self.places.is_empty() || self.of_each.values().any(|turn| !turn.listed.is_empty());
        let was_counted = |at: Instant| at.elapsed() < COUNTED_EVERY;
        if is_busy && self.counted.is_some_and(was_counted) {
            return false;
        }
        self.counted = Some(Instant::now());
        true
    }

    /// Begins nothing more, and waits until what is under way has settled.
    async fn end(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Turns({} under way)", self.places.len())
    }
}
