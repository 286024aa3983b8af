//! What is recorded of an exchange after it was recorded first: whether a message arrived, whether an answer did.

use crate::trail::record::{Event, Exchange};

/// What became of an exchange after her part of it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Nothing more is recorded.
    Nothing,
    /// What was sent was taken.
    Received,
    /// The system that it was sent to did not take it.
    NotTaken,
    /// It is not known whether what was sent arrived.
    Unconfirmed,
    /// The connection ended before all of it was through, or delivery was given up.
    NotReceived,
    /// It was not released after all, because a choice about sharing changed.
    NotReleased,
    /// It was not released after all, because of what was asked with it.
    TakenBack,
    /// It was not released after all, because the answer that it was a part of could not be given.
    NotAnswered,
    /// It is a part of an answer of which nothing says that it was given.
    Uncertain,
}

impl Since {
    /// What later entries of the same exchange say, oldest first.
    #[must_use]
    pub fn of<'a>(later: impl IntoIterator<Item = &'a Exchange>) -> Self {
        later.into_iter().fold(Self::Nothing, |since, exchange| match exchange.event {
            // What was written is, whatever became of the answer to it or of an intent before.
            Event::Outcome if since != Self::TakenBack => Self::Received,
            _ if matches!(since, Self::NotReleased | Self::TakenBack | Self::NotAnswered) => since,
            Event::Outcome => Self::Received,
            Event::Failed if is_not_taken(exchange) => Self::NotTaken,
            Event::Failed => Self::Unconfirmed,
            Event::NotDelivered => Self::NotReceived,
            Event::NotReleased
                if exchange.reason.as_deref().is_none_or(|reason| reason == "consent-moved") =>
            {
                Self::NotReleased
            }
            Event::NotReleased
                if exchange.reason.as_deref().is_some_and(|reason| UNANSWERED.contains(&reason)) =>
            {
                Self::NotAnswered
            }
            Event::NotReleased => Self::TakenBack,
            Event::Disclosed
            | Event::Refused
            | Event::Intent
            | Event::ConsentRecorded
            | Event::NotAuthenticated
            | Event::Erased
            | Event::Operated => since,
        })
    }
}

impl Since {
    /// The same for what was shared as a part of an answer, of which `whole` tells: it left with that or not at all.
    #[must_use]
    pub fn within<'a>(self, whole: impl IntoIterator<Item = &'a Exchange>) -> Self {
        if self != Self::Nothing {
            return self;
        }
        whole.into_iter().fold(Self::Uncertain, |since, exchange| match exchange.event {
            // The last word about it counts: it may be put together again when a choice changes.
            Event::Disclosed => Self::Nothing,
            Event::NotReleased | Event::Refused | Event::Failed => Self::NotAnswered,
            Event::Intent
            | Event::Outcome
            | Event::NotDelivered
            | Event::ConsentRecorded
            | Event::NotAuthenticated
            | Event::Erased
            | Event::Operated => since,
        })
    }
}

/// Why parts of an answer are taken back that could not be given as a whole.
const UNANSWERED: [&str; 3] = ["ledger", "not-encoded", "not-sayable-in-xml"];

fn is_not_taken(exchange: &Exchange) -> bool {
    exchange.reason.as_deref().is_some_and(|reason| reason.starts_with("not-taken"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_last_word_about_an_exchange_counts() {
        let entry =
            |event, reason| Exchange::begun("r".into(), Timestamp::UNIX_EPOCH, None).ended(event, 0, reason);
        for (later, since) in [
            (vec![], Since::Nothing),
            (vec![entry(Event::Outcome, None)], Since::Received),
            (vec![entry(Event::Failed, Some("not-taken-invalid"))], Since::NotTaken),
            (vec![entry(Event::Failed, Some("timeout"))], Since::Unconfirmed),
            (vec![entry(Event::NotDelivered, None)], Since::NotReceived),
            (vec![entry(Event::NotReleased, None)], Since::NotReleased),
            (vec![entry(Event::NotReleased, Some("consent-moved"))], Since::NotReleased),
            (vec![entry(Event::NotReleased, Some("transaction-entry-failed"))], Since::TakenBack),
            (vec![entry(Event::NotReleased, Some("ledger"))], Since::NotAnswered),
            (vec![entry(Event::NotReleased, None), entry(Event::Failed, None)], Since::NotReleased),
            (vec![entry(Event::NotReleased, None), entry(Event::Outcome, None)], Since::Received),
            (vec![entry(Event::Outcome, None), entry(Event::NotDelivered, None)], Since::NotReceived),
        ] {
            assert_eq!(Since::of(&later), since, "{later:?}");
        }
    }

    #[test]
    fn a_part_left_with_the_whole_or_not_at_all() {
        let entry = |event| Exchange::begun("b".into(), Timestamp::UNIX_EPOCH, None).ended(event, 0, None);
        for (whole, since) in [
            (vec![], Since::Uncertain),
            (vec![entry(Event::Disclosed)], Since::Nothing),
            (vec![entry(Event::Failed)], Since::NotAnswered),
            (vec![entry(Event::Refused)], Since::NotAnswered),
            (vec![entry(Event::Disclosed), entry(Event::NotReleased)], Since::NotAnswered),
            (
                vec![entry(Event::Disclosed), entry(Event::NotReleased), entry(Event::Disclosed)],
                Since::Nothing,
            ),
            (vec![entry(Event::Disclosed), entry(Event::NotDelivered)], Since::Nothing),
        ] {
            assert_eq!(Since::Nothing.within(&whole), since, "{whole:?}");
            assert_eq!(Since::TakenBack.within(&whole), Since::TakenBack, "its own word goes before");
        }
    }
}
