//! The newest file of a folder, translated once and kept until there is another.

use std::sync::Arc;

use adapters::mapping::pull::Ids;
use arc_swap::ArcSwapOption;
use fhir::reference::Bases;
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, timeout_at};

use super::Sourced;
use super::folder::{Stamp, Watched};
use super::gathered::{Answered, Gathered};
use super::kept::Kept;
use super::sqlite::finished;
use crate::upstream::UpstreamFault;

/// A folder into which files are dropped.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) sourced: Sourced,
    watched: Watched,
    ids: Ids,
    bases: Bases,
    /// What came of the file that was read last.
    last: ArcSwapOption<Last>,
    /// One file is read at a time.
    reading: Mutex<()>,
}

/// A file and what came of it.
#[derive(Debug)]
struct Last {
    stamp: Stamp,
    kept: Result<Arc<Kept>, UpstreamFault>,
}

impl Dropped {
    pub(super) fn new(sourced: Sourced, watched: Watched, ids: Ids, bases: Bases) -> Self {
        let (last, reading) = (ArcSwapOption::empty(), Mutex::new(()));
        Self { sourced, watched, ids, bases, last, reading }
    }

    /// What matches.
    pub(super) async fn matches(
        self: Arc<Self>,
        mut gathered: Gathered,
        deadline: Instant,
    ) -> Result<Answered, UpstreamFault> {
        let kept = Arc::clone(&self).newest(deadline).await?;
        let (sender, receiver) = oneshot::channel();
        let reading = tokio::task::spawn_blocking(move || {
            kept.give(&mut gathered, self.sourced.rows_max, sender)?;
            Ok(gathered.finish(&self.sourced))
        });
        finished(reading, receiver, deadline).await
    }

    /// What the newest file says. While one is read for the first time, the one before it counts, but only for those
    /// who would otherwise wait longer than half of their time.
    async fn newest(self: Arc<Self>, deadline: Instant) -> Result<Arc<Kept>, UpstreamFault> {
        let me = Arc::clone(&self);
        let looked = tokio::task::spawn_blocking(move || me.watched.newest());
        let stamp = timeout_at(deadline, looked).await.map_err(|_| UpstreamFault::TimedOut)?;
        let stamp = stamp.map_err(|_| UpstreamFault::Failed)??;
        if let Some(kept) = self.of(&stamp) {
            return kept;
        }
        // It goes on when those who wait have gone.
        let mut reading = tokio::spawn(Arc::clone(&self).read());
        let now = Instant::now();
        let half = now + deadline.saturating_duration_since(now) / 2;
        let read = match timeout_at(half, &mut reading).await {
            Ok(read) => read,
            Err(_) => match self.last.load_full().map(|last| last.kept.clone()) {
                Some(Ok(kept)) => return Ok(kept),
                Some(Err(_)) | None => {
                    timeout_at(deadline, reading).await.map_err(|_| UpstreamFault::TimedOut)?
                }
            },
        };
        read.map_err(|_| UpstreamFault::Failed)??;
        let last = self.last.load_full();
        last.map_or(Err(UpstreamFault::Busy), |last| last.kept.clone())
    }

    /// What came of a file that was read.
    fn of(&self, stamp: &Stamp) -> Option<Result<Arc<Kept>, UpstreamFault>> {
        let last = self.last.load_full().filter(|last| last.stamp == *stamp)?;
        Some(last.kept.clone())
    }

    /// Reads the newest file, unless somebody else has done so by now.
    async fn read(self: Arc<Self>) -> Result<(), UpstreamFault> {
        let guard = self.reading.lock().await;
        let me = Arc::clone(&self);
        let read = tokio::task::spawn_blocking(move || me.read_newest()).await;
        let read = read.map_err(|_| UpstreamFault::Failed)?;
        if let Some(last) = read? {
            self.last.store(Some(Arc::new(last)));
        }
        drop(guard);
        Ok(())
    }

    /// What came of the newest file, where it was not read before. What may pass by itself is tried again.
    fn read_newest(&self) -> Result<Option<Last>, UpstreamFault> {
        let stamp = self.watched.newest()?;
        if self.of(&stamp).is_some() {
            return Ok(None);
        }
        let (system, place) = (self.sourced.system.as_str(), self.sourced.mapping.name());
        match Kept::read(&stamp, &self.sourced, self.ids, &self.bases) {
            Ok((kept, refused)) => {
                self.sourced.tell(refused);
                tracing::info!(system, place, count = kept.len(), "a dropped file was read");
                Ok(Some(Last { stamp, kept: Ok(Arc::new(kept)) }))
            }
            // It was changed while it was read: it is another file now, and the one before it counts.
            Err((UpstreamFault::Busy, _)) => Ok(None),
            Err((fault, problem)) => {
                tracing::error!(system, place, problem, "a dropped file cannot be read");
                let lasts = matches!(
                    fault,
                    UpstreamFault::SourceMoved | UpstreamFault::TooLarge | UpstreamFault::Failed
                );
                if lasts { Ok(Some(Last { stamp, kept: Err(fault) })) } else { Err(fault) }
            }
        }
    }
}
