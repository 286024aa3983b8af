//! One entry of the person's page, from her part of the record of an exchange.

use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;

use super::Listed;
use super::since::Since;
use crate::settings::Settings;
use crate::trail::record::{About, AboutPerson, Event, Exchange, RecordedRequestor};
use crate::trail::words;

/// One card of the page.
pub(super) struct Entry {
    /// The class of its card.
    pub(super) style: &'static str,
    /// How it ended, in a word or two: what the colour says too.
    pub(super) tag: &'static str,
    pub(super) heading: String,
    pub(super) when: String,
    pub(super) machine_when: String,
    pub(super) sentences: Vec<String>,
    pub(super) facts: Vec<Fact>,
    /// The id of the exchange: what she can quote.
    pub(super) reference: String,
}

/// A row of a card.
pub(super) struct Fact {
    pub(super) term: &'static str,
    pub(super) texts: Vec<String>,
}

/// How an exchange ended, as the person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Shared,
    NothingToGive,
    Override,
    Refused,
    Failed,
    Looked,
    ChoiceRecorded,
    Sent,
}

impl Entry {
    /// The entry of an exchange on the page of the person with this number; nothing for a leaf about nobody.
    pub(super) fn of(listed: &Listed, own: NhsNumber, settings: &Settings) -> Option<Self> {
        let record = &listed.record;
        let About::Person(person) = &record.about else { return None };
        let told = Told { exchange: &record.exchange, person, since: listed.since, own, settings };
        let ending = told.ending()?;
        Some(Self {
            style: told.style(ending),
            tag: told.tag(ending),
            heading: told.heading(ending),
            when: words::moment(told.exchange.at),
            machine_when: words::machine_moment(told.exchange.at),
            sentences: told.sentences(ending),
            facts: told.facts(ending),
            reference: told.exchange.request_id.clone(),
        })
    }
}

/// What an entry is told from.
#[derive(Clone, Copy)]
struct Told<'a> {
    exchange: &'a Exchange,
    person: &'a AboutPerson,
    since: Since,
    own: NhsNumber,
    settings: &'a Settings,
}

impl Told<'_> {
    fn ending(&self) -> Option<Ending> {
        if self.person.refusal.is_some() {
            return Some(Ending::Refused);
        }
        match self.exchange.event {
            Event::Refused => Some(Ending::Refused),
            Event::Failed | Event::NotReleased => Some(Ending::Failed),
            Event::Disclosed | Event::Intent
                if matches!(self.since, Since::NotReleased | Since::TakenBack | Since::NotAnswered) =>
            {
                Some(Ending::Failed)
            }
            Event::Intent | Event::Outcome => Some(Ending::Sent),
            Event::ConsentRecorded => Some(Ending::ChoiceRecorded),
            Event::Disclosed | Event::NotDelivered => {
                Some(match (&self.exchange.override_, self.exchange.place.as_str()) {
                    (_, "gateway") => Ending::Looked,
                    (_, _) if self.person.resources.is_empty() => Ending::NothingToGive,
                    (Some(_), _) => Ending::Override,
                    (None, _) => Ending::Shared,
                })
            }
            Event::NotAuthenticated | Event::Erased | Event::Operated => None,
        }
    }

    const fn style(&self, ending: Ending) -> &'static str {
        match ending {
            Ending::Shared | Ending::Sent => "shared",
            Ending::Override => "override",
            Ending::Refused => "refused",
            Ending::NothingToGive | Ending::Failed | Ending::Looked | Ending::ChoiceRecorded => "other",
        }
    }

    fn tag(&self, ending: Ending) -> &'static str {
        match ending {
            Ending::Shared => "Shared",
            Ending::NothingToGive => "Nothing given",
            Ending::Override if self.is_emergency() => "Emergency",
            Ending::Override => "Special access",
            Ending::Refused => "Refused",
            Ending::Failed => "Not shared",
            Ending::Looked => "Looked at",
            Ending::ChoiceRecorded => "Choice recorded",
            Ending::Sent => match self.since {
                Since::NotTaken | Since::NotReceived => "Not received",
                Since::Nothing
                | Since::Received
                | Since::Unconfirmed
                | Since::NotReleased
                | Since::TakenBack
                | Since::NotAnswered
                | Since::Uncertain => "Sent",
            },
        }
    }

    fn heading(&self, ending: Ending) -> String {
        let who = self.name();
        match ending {
            Ending::NothingToGive => format!("{who} asked, and was given nothing"),
            Ending::Shared => format!("{who} was given information about you"),
            Ending::Override if self.is_emergency() => format!("{who} opened your record in an emergency"),
            Ending::Override => format!("{who} opened your record with special access"),
            Ending::Refused => format!("{who} was refused"),
            Ending::Failed => format!("{who} asked, and nothing was shared"),
            Ending::Looked => format!("{who} looked at {}", self.looked_at()),
            Ending::ChoiceRecorded if self.is_herself() => "You recorded a choice about sharing".to_owned(),
            Ending::ChoiceRecorded => format!("{who} recorded your choice about sharing"),
            Ending::Sent => format!("{who} sent information about you"),
        }
    }

    fn looked_at(&self) -> &'static str {
        if self.exchange.interaction == "inbox-show" {
            return "a message about you that could not be passed on";
        }
        match self.exchange.resource_type.as_deref() {
            Some("Consent") => "your choices about sharing",
            Some("Provenance") => "where information about you came from",
            Some(_) | None => "this list",
        }
    }

    fn sentences(&self, ending: Ending) -> Vec<String> {
        let mut sentences: Vec<&str> = Vec::new();
        match ending {
            Ending::Override => {
                if self.is_emergency() {
                    sentences.push("They said that it was an emergency.");
                }
                sentences.push(
                    "They were given information that they could not see otherwise. The Caldicott Guardian checks \
                     every access of this kind.",
                );
            }
            Ending::Refused => {
                sentences.push("They were given nothing.");
                sentences.push(words::refusal(self.refusal()));
            }
            Ending::Failed if self.since == Since::NotReleased => {
                sentences.push("A choice about sharing was changed at that moment, so nothing was given.");
            }
            Ending::Failed if self.since == Since::TakenBack => {
                sentences.push("They asked for more than could be given at once, so this was not given.");
            }
            Ending::Failed => sentences.push("Something went wrong, and nothing was given."),
            Ending::NothingToGive if self.person.withheld.is_empty() => {
                sentences.push("There is nothing of this kind about you.");
            }
            Ending::NothingToGive
            | Ending::Shared
            | Ending::Looked
            | Ending::ChoiceRecorded
            | Ending::Sent => {}
        }
        if matches!(ending, Ending::Shared | Ending::Override) {
            sentences.extend(words::asked(&self.exchange.interaction));
        }
        if ending != Ending::Failed {
            sentences.extend(self.aftermath(ending));
        }
        sentences.into_iter().map(str::to_owned).collect()
    }

    fn aftermath(&self, ending: Ending) -> Option<&'static str> {
        match (ending, self.since) {
            (Ending::Sent, Since::Received) => Some("It arrived."),
            (Ending::Sent, Since::NotTaken | Since::NotReceived) => {
                Some("The other organisation's computer did not take it.")
            }
            (Ending::Sent, Since::Unconfirmed) => Some("It is not certain that it arrived."),
            (Ending::Sent, Since::Nothing) => Some("It is on its way."),
            (_, Since::NotReceived) => {
                Some("The connection broke. They may have seen all, some or none of the answer.")
            }
            (
                _,
                Since::Nothing
                | Since::Received
                | Since::NotTaken
                | Since::Unconfirmed
                | Since::NotReleased
                | Since::TakenBack
                | Since::NotAnswered,
            ) => None,
            (_, Since::Uncertain) => Some("It is not certain that they were given the answer."),
        }
    }

    fn refusal(&self) -> &str {
        self.person.refusal.as_deref().or(self.exchange.reason.as_deref()).unwrap_or_default()
    }

    fn facts(&self, ending: Ending) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut add = |term, texts: Vec<String>| {
            let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            if !texts.is_empty() {
                facts.push(Fact { term, texts });
            }
        };
        add("Job", self.job());
        add("Organisation", self.organisation());
        let kinds = self.kinds();
        match ending {
            Ending::Refused | Ending::Failed | Ending::NothingToGive => add("Asked for", kinds),
            Ending::Shared | Ending::Override => add("Given", kinds),
            Ending::Sent => add("Sent", kinds),
            Ending::Looked | Ending::ChoiceRecorded => {}
        }
        match ending {
            Ending::Sent => add("Sent to", self.holder()),
            Ending::Shared | Ending::NothingToGive | Ending::Override | Ending::Refused | Ending::Failed => {
                add("From the records of", self.holder());
            }
            Ending::Looked | Ending::ChoiceRecorded => {}
        }
        add("Why", self.why());
        let relationship = self.person.relationship.as_deref().map(words::relationship).unwrap_or_default();
        add("Link to your care", vec![relationship.to_owned()]);
        add("Allowed by", self.agreement());
        let kept_back = words::kept_back(&self.person.withheld);
        if ending != Ending::Refused {
            add("Kept back", kept_back.into_iter().map(str::to_owned).collect());
        }
        let overrode = self.person.overrode.iter().map(|reason| words::overrode(reason).to_owned());
        add("What would stop this otherwise", overrode.collect());
        let reason =
            self.exchange.override_.as_ref().map(|override_| words::without_numbers(&override_.reason));
        add("Reason they gave", reason.into_iter().collect());
        facts
    }

    fn is_herself(&self) -> bool {
        match &self.exchange.requestor {
            Some(RecordedRequestor::Person { nhs_number, .. }) => *nhs_number == self.own.as_str(),
            Some(
                RecordedRequestor::Professional { .. }
                | RecordedRequestor::System { .. }
                | RecordedRequestor::Operator { .. },
            )
            | None => false,
        }
    }

    /// Who asked, as the subject of a sentence.
    fn name(&self) -> String {
        match &self.exchange.requestor {
            Some(RecordedRequestor::Professional { name, .. } | RecordedRequestor::Operator { name, .. })
                if !name.trim().is_empty() =>
            {
                words::without_numbers(name)
            }
            Some(RecordedRequestor::Professional { .. } | RecordedRequestor::Operator { .. }) => {
                "A member of staff".to_owned()
            }
            Some(RecordedRequestor::System { organisation, .. }) => self.organisation_name(organisation),
            Some(RecordedRequestor::Person { .. }) if self.is_herself() => "You".to_owned(),
            Some(RecordedRequestor::Person { .. }) => "Another person".to_owned(),
            None => "Someone who did not say who they were".to_owned(),
        }
    }

    fn job(&self) -> Vec<String> {
        let (role, supervisor) = match &self.exchange.requestor {
            Some(RecordedRequestor::Professional { role, supervisor, .. }) => (role, supervisor),
            Some(RecordedRequestor::Operator { .. }) => {
                return vec!["Runs the computer that passes on information".to_owned()];
            }
            Some(RecordedRequestor::System { .. } | RecordedRequestor::Person { .. }) | None => {
                return Vec::new();
            }
        };
        let mut texts = vec![words::role(role).unwrap_or_else(|| "Member of staff".to_owned())];
        texts.extend(supervisor.as_ref().map(|who| format!("Supervised by {}", words::without_numbers(who))));
        texts
    }

    fn organisation(&self) -> Vec<String> {
        match &self.exchange.requestor {
            Some(
                RecordedRequestor::Professional { organisation, .. }
                | RecordedRequestor::Operator { organisation, .. },
            ) => {
                vec![self.organisation_name(organisation)]
            }
            Some(RecordedRequestor::System { .. } | RecordedRequestor::Person { .. }) | None => Vec::new(),
        }
    }

    fn organisation_name(&self, code: &str) -> String {
        OdsCode::parse(code)
            .map_or_else(|_| code.to_owned(), |code| self.settings.organisation_name(&code).to_owned())
    }

    /// Whose system was asked, or receives.
    fn holder(&self) -> Vec<String> {
        let system = self.settings.system(&self.exchange.place);
        system
            .map(|system| self.settings.organisation_name(&system.organisation).to_owned())
            .into_iter()
            .collect()
    }

    fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<&str> = Vec::new();
        for resource in &self.person.resources {
            let kind = words::kind(resource.split('/').next().unwrap_or_default());
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            kinds.extend(self.exchange.resource_type.as_deref().map(words::kind));
        }
        kinds.into_iter().map(words::capitalised).collect()
    }

    fn why(&self) -> Vec<String> {
        match self.exchange.purpose.as_deref().map(PurposeOfUse::parse) {
            Some(Ok(purpose)) => vec![words::capitalised(purpose.display())],
            Some(Err(_)) => vec!["They gave a reason that is not known here.".to_owned()],
            None => Vec::new(),
        }
    }

    fn agreement(&self) -> Vec<String> {
        let Some(recorded) = &self.exchange.agreement else { return Vec::new() };
        let known = self.settings.agreements.all().iter().find(|agreement| *agreement.id == *recorded.id);
        vec![known.map_or_else(|| recorded.id.clone(), |agreement| agreement.title.clone())]
    }

    fn is_emergency(&self) -> bool {
        let purpose =
            self.exchange.override_.as_ref().map(|override_| PurposeOfUse::parse(&override_.purpose));
        matches!(
            purpose,
            Some(Ok(PurposeOfUse::Etreat
                | PurposeOfUse::Ertreat
                | PurposeOfUse::Btg
                | PurposeOfUse::Disaster))
        )
    }
}
