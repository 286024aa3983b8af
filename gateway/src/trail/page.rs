//! The person's page: who, when, what kind of data, why, under which agreement, what was refused (recommendation 1).
//!
//! Plain English from records; a record holds no content, so neither can the page. Names of organisations and titles
//! of agreements come from the settings, names of staff as they were at the time.

use askama::Template;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use jiff::tz::TimeZone;

use super::record::{About, AboutPerson, Event, Exchange, Record, RecordedRequestor};
use super::words;
use crate::settings::Settings;

/// What the page shows.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The person's name as NHS login gave it.
    pub name: &'a str,
    /// Her leaves, newest first.
    pub records: &'a [Record],
    /// The address of the page before this one.
    pub older: Option<String>,
    /// Her choices in plain words.
    pub choices: Vec<String>,
}

#[derive(Template)]
#[template(path = "me.html")]
struct Me {
    greeting: String,
    heading: String,
    rows: Vec<Row>,
    older: String,
    choices: Vec<String>,
    contact: String,
}

struct Row {
    style: &'static str,
    when: String,
    outcome: &'static str,
    sentence: String,
    who: String,
    what: String,
    why: String,
    agreement: String,
    relationship: String,
    kept_back: String,
    reason: String,
    reference: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    notice: &'a str,
}

/// The page of a person.
///
/// # Errors
/// [`askama::Error`] when the page cannot be written.
pub fn me(shown: &Shown<'_>, settings: &Settings) -> Result<String, askama::Error> {
    let rows: Vec<Row> = shown.records.iter().filter_map(|record| row(record, settings)).collect();
    let heading = match rows.len() {
        1 => "1 entry, newest first".to_owned(),
        many => format!("{many} entries, newest first"),
    };
    let greeting = if shown.name.is_empty() {
        "You are signed in".into()
    } else {
        format!("You are signed in as {}", shown.name)
    };
    let contact =
        format!("the Caldicott Guardian of {}", settings.organisation_name(&settings.gateway.organisation));
    Me {
        greeting,
        heading,
        rows,
        older: shown.older.clone().unwrap_or_default(),
        choices: shown.choices.clone(),
        contact,
    }
    .render()
}

/// The page for someone who has not signed in, or whose session is over.
///
/// # Errors
/// [`askama::Error`] when the page cannot be written.
pub fn sign_in(notice: &str) -> Result<String, askama::Error> {
    SignIn { notice }.render()
}

fn row(record: &Record, settings: &Settings) -> Option<Row> {
    let About::Person(person) = &record.about else { return None };
    let exchange = &record.exchange;
    let ending = Ending::of(exchange, person);
    let what = what(exchange, person);
    Some(Row {
        style: ending.style(),
        when: when(exchange),
        outcome: ending.tag(),
        sentence: ending.sentence(exchange, person),
        who: who(exchange.requestor.as_ref(), settings),
        what,
        why: why(exchange),
        agreement: agreement(exchange, settings),
        relationship: person.relationship.as_deref().map(words::relationship).unwrap_or_default(),
        kept_back: words::kept_back(&person.withheld),
        reason: exchange.override_.as_ref().map(|override_| override_.reason.clone()).unwrap_or_default(),
        reference: exchange.request_id.clone(),
    })
}

/// How an entry of the trail ended, as the person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Shared,
    SharedByOverride,
    Refused,
    Failed,
    Looked,
    ChoiceRecorded,
    Sent,
    NotReceived,
}

impl Ending {
    const fn of_event(event: Event) -> Option<Self> {
        match event {
            Event::Refused => Some(Self::Refused),
            Event::Failed | Event::NotReleased => Some(Self::Failed),
            Event::Intent | Event::Outcome => Some(Self::Sent),
            Event::NotDelivered => Some(Self::NotReceived),
            Event::ConsentRecorded => Some(Self::ChoiceRecorded),
            Event::Disclosed | Event::NotAuthenticated | Event::Erased | Event::Operated => None,
        }
    }

    fn of(exchange: &Exchange, person: &AboutPerson) -> Self {
        if person.refusal.is_some() {
            return Self::Refused;
        }
        if let Some(ending) = Self::of_event(exchange.event) {
            return ending;
        }
        match (&exchange.override_, exchange.place.as_str()) {
            (Some(_), _) => Self::SharedByOverride,
            (None, "gateway") => Self::Looked,
            (None, _) => Self::Shared,
        }
    }

    const fn style(self) -> &'static str {
        match self {
            Self::Shared | Self::Sent => "shared",
            Self::SharedByOverride => "override",
            Self::Refused => "refused",
            Self::Failed | Self::Looked | Self::ChoiceRecorded | Self::NotReceived => "other",
        }
    }

    const fn tag(self) -> &'static str {
        match self {
            Self::Shared => "Shared",
            Self::SharedByOverride => "Shared in an emergency",
            Self::Refused => "Refused",
            Self::Failed => "Not shared",
            Self::Looked => "This list was looked at",
            Self::ChoiceRecorded => "Choice recorded",
            Self::Sent => "Sent",
            Self::NotReceived => "Sent, but not received",
        }
    }

    fn sentence(self, exchange: &Exchange, person: &AboutPerson) -> String {
        match self {
            Self::Shared if person.resources.is_empty() => {
                "They asked for information about you. There was none to give.".into()
            }
            Self::Shared => "They were given information about you.".into(),
            Self::SharedByOverride => {
                "They said it was an emergency, and were given information that is otherwise kept from them. \
                 The Caldicott Guardian checks every such access."
                    .into()
            }
            Self::Refused => words::refusal(person.refusal.as_deref().or(exchange.reason.as_deref())),
            Self::Failed => "Something went wrong, and nothing was shared.".into(),
            Self::Looked => "Someone who may see this list looked at it.".into(),
            Self::ChoiceRecorded => "A choice of yours about sharing was written down or changed.".into(),
            Self::Sent => "Information about you was sent to another care organisation.".into(),
            Self::NotReceived => "An answer was ready, but the connection ended before it arrived.".into(),
        }
    }
}

/// Local time, because that is when people remember things.
fn when(exchange: &Exchange) -> String {
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    exchange.at.to_zoned(zone).strftime("%-d %B %Y at %H:%M").to_string()
}

fn who(requestor: Option<&RecordedRequestor>, settings: &Settings) -> String {
    let organisation = |code: &str| {
        fhir::ods_code::OdsCode::parse(code)
            .map_or_else(|_| code.to_owned(), |ods_code| settings.organisation_name(&ods_code).to_owned())
    };
    match requestor {
        None => "Someone who did not say who they are".into(),
        Some(RecordedRequestor::Person { .. }) => "You".into(),
        Some(RecordedRequestor::System { organisation: code, .. }) => {
            format!("A computer system of {}", organisation(code))
        }
        Some(RecordedRequestor::Professional { name, organisation: code, role, supervisor, .. }) => {
            let role = SdsRole::parse(role).ok().and_then(SdsRole::display).unwrap_or("member of staff");
            let supervised = supervisor
                .as_ref()
                .map(|supervisor| format!(", supervised by {supervisor}"))
                .unwrap_or_default();
            format!("{name}, {role}, {}{supervised}", organisation(code))
        }
    }
}

fn what(exchange: &Exchange, person: &AboutPerson) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for resource in &person.resources {
        let kind = words::kind(resource.split('/').next().unwrap_or_default());
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() {
        return exchange.resource_type.as_deref().map(words::kind).unwrap_or_default().to_owned();
    }
    kinds.join(", ")
}

fn why(exchange: &Exchange) -> String {
    match exchange.purpose.as_deref().and_then(|code| PurposeOfUse::parse(code).ok()) {
        Some(purpose) => purpose.display().to_owned(),
        None if matches!(exchange.requestor, Some(RecordedRequestor::Person { .. })) => {
            "Your own request".into()
        }
        None => "Not stated".into(),
    }
}

fn agreement(exchange: &Exchange, settings: &Settings) -> String {
    let Some(recorded) = &exchange.agreement else { return String::new() };
    settings
        .agreements
        .all()
        .iter()
        .find(|agreement| *agreement.id == *recorded.id)
        .map_or_else(|| recorded.id.clone(), |agreement| agreement.title.clone())
}
