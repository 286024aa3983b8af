//! Sessions that wait for the next question: a few, each for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::server::{Server, Session};
use crate::upstream::UpstreamFault;

/// Questions under way at once, each with a session of its own; others wait.
const SESSIONS_MAX: usize = 8;
const IDLE_FOR: Duration = Duration::from_secs(60);

/// The sessions with a server.
#[derive(Debug)]
pub(super) struct Pool {
    server: Server,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<(Session, Instant)>>,
}

impl Pool {
    pub(super) fn new(server: Server) -> Self {
        let slots = Arc::new(Semaphore::new(SESSIONS_MAX));
        Self { server, slots, idle: Mutex::new(Vec::new()) }
    }

    /// Leave to use one session.
    pub(super) async fn slot(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, UpstreamFault> {
        match timeout_at(deadline, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(UpstreamFault::TimedOut),
        }
    }

    /// A session in which a transaction that reads alone has begun. One that waited may have been closed under our
    /// hands, by a server that was restarted: then there is a new one.
    pub(super) async fn begun(&self, deadline: Instant) -> Result<Session, UpstreamFault> {
        while let Some(session) = self.idle() {
            match self.server.begin(&session, deadline).await {
                Ok(()) => return Ok(session),
                Err(UpstreamFault::TimedOut) => return Err(UpstreamFault::TimedOut),
                Err(_) => {}
            }
        }
        let session = self.server.session(deadline).await?;
        self.server.begin(&session, deadline).await?;
        Ok(session)
    }

    /// Keeps a session whose transaction is over.
    pub(super) fn keep(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(session, since)| !session.is_closed() && since.elapsed() < IDLE_FOR);
        idle.push((session, Instant::now()));
    }

    /// The session that was used last.
    fn idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(session, since)| !session.is_closed() && since.elapsed() < IDLE_FOR);
        idle.pop().map(|(session, _)| session)
    }
}
