//! The live exchange of a push: the same rules, evidence, minimum and record as for everything else that is shared.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::disclose::{Cleared, Disclose, NotCleared, Pushed};
use crate::decision::admit;
use crate::decision::ruling::Question;
use crate::interaction::Interaction;
use crate::outcome::{Ended, Ending};
use crate::person::SystemName;
use crate::ports::Ports;
use crate::server::arrived::RequestId;
use crate::submit::release_body;
use crate::trail::record::Exchange;

/// Asks for what an exchange may use now: settings change while messages come.
pub type Now = Arc<dyn Fn() -> Arc<Ports> + Send + Sync>;

/// Decides about messages as the gateway is set up at that moment.
#[derive(Clone)]
pub struct Desk(Now);

impl Desk {
    /// A desk that asks `now` for each message.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self(now)
    }
}

impl Disclose for Desk {
    fn disclose<'a>(
        &'a self,
        pushed: &'a Pushed,
        system: &'a SystemName,
    ) -> BoxFuture<'a, Result<Cleared, NotCleared>> {
        Box::pin(async move {
            let ports = (self.0)();
            match cleared(pushed, system, &ports).await {
                Ok(cleared) => Ok(cleared),
                Err(ended) => {
                    let why = not_cleared(&ended.ending);
                    let told = ended.record(&ports).await;
                    // What could not be recorded was not refused either: it is decided again when it comes again.
                    Err(if told.receipt().is_some() { why } else { NotCleared::Failed })
                }
            }
        })
    }
}

async fn cleared(pushed: &Pushed, system: &SystemName, ports: &Ports) -> Result<Cleared, Ended> {
    let interaction = Interaction::Push { system: system.clone() };
    let begun = pushed.exchange.clone();
    // One message may go to several systems: each is an exchange of its own.
    let request_id = RequestId::random().map_or(begun.request_id.clone(), |id| id.as_str().to_owned());
    let begun = Exchange { request_id, ..begun }.asking(&interaction, &ports.settings);
    let question = Question {
        requestor: pushed.requestor.clone(),
        interaction,
        override_reason: None,
        at: pushed.exchange.at,
    };
    let admitted = admit(question, &ports.settings).map_err(|why| begun.end(Ending::refused_by_rule(why)))?;
    let begun = begun.under(&admitted);
    let released = release_body(admitted, &pushed.bundle, &begun, ports).await?;
    let outcome = Exchange { follows: Some(released.receipt().to_header()), ..begun };
    match serde_json::to_vec(&outcome) {
        Ok(intent) => Ok(Cleared { body: released.body().clone(), intent }),
        Err(_) => Err(outcome.end(Ending::NotWritten)),
    }
}

/// Whether sending it again could change the answer.
fn not_cleared(ending: &Ending) -> NotCleared {
    match ending {
        Ending::NotAuthenticated(_)
        | Ending::Malformed(_)
        | Ending::Refused(..)
        | Ending::NotFound
        | Ending::TooCostly
        | Ending::Irreducible
        | Ending::ConsentInvalid(_)
        | Ending::NotTaken(_) => NotCleared::Refused,
        Ending::Upstream(_)
        | Ending::WrongPersons
        | Ending::Evidence(_)
        | Ending::Consent(_)
        | Ending::TrailBehind
        | Ending::Unrecorded(_)
        | Ending::NotWritten => NotCleared::Failed,
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Desk")
    }
}
