//! Where answers come from: the network, or a recording of it.

use std::sync::Arc;

use crate::script::intercept::Interceptor;
use crate::script::message::Message;
use crate::script::replay::Recording;
use crate::script::systems::{Systems, Trouble};

/// Where requests go and answers come from.
#[derive(Debug)]
pub enum Road {
    /// To the systems, and from a client under test if there is one to wait for.
    Network {
        /// The systems.
        systems: Box<Systems>,
        /// Where the client under test is waited for.
        client: Option<Arc<Interceptor>>,
        /// Where exchanges are written down.
        record: Option<Arc<Recording>>,
    },
    /// To nobody: what was recorded is judged again.
    Recorded(Recording),
}

impl Road {
    /// The base of a system; a recording has one base for all.
    pub(crate) fn base(&self, index: u32) -> Option<String> {
        match self {
            Self::Network { systems, .. } => systems.base(index).map(str::to_owned),
            Self::Recorded(recording) => Some(recording.base().to_owned()),
        }
    }

    pub(crate) fn first(&self) -> Option<String> {
        match self {
            Self::Network { systems, .. } => systems.first().map(|(_, base)| base.to_owned()),
            Self::Recorded(recording) => Some(recording.base().to_owned()),
        }
    }

    /// Whether there is more than one system.
    pub(crate) fn is_only_one(&self) -> bool {
        match self {
            Self::Network { systems, .. } => systems.len() == 1,
            Self::Recorded(_) => true,
        }
    }

    pub(crate) fn authorization(&self, url: &str) -> Option<String> {
        match self {
            Self::Network { systems, .. } => systems.authorization(url).map(str::to_owned),
            Self::Recorded(_) => None,
        }
    }

    /// Sends `request`, or finds what answered it.
    pub(crate) async fn ask(&self, request: &Message) -> Result<Message, Trouble> {
        match self {
            Self::Network { systems, record, .. } => {
                let answer = systems.ask(request).await?;
                if let Some(record) = record {
                    record.write(request, &answer);
                }
                Ok(answer)
            }
            Self::Recorded(recording) => recording.answer(request).ok_or(Trouble::NotRecorded),
        }
    }
}
