//! A choice about sharing in plain words: yes or no, to whom, of what, for what, since when.

use std::collections::BTreeSet;

use fhir::purpose_of_use::PurposeOfUse;
use fhir::security_label::SecurityLabel;
use jiff::{SignedDuration, Timestamp};

use crate::consent::provision::{Actor, Effect, Kind, Provision, Provisioned, Who};
use crate::decision::ruling::DataRule;
use crate::settings::Settings;
use crate::trail::words;

const MAY: &str = "may be shared";
const MUST_NOT: &str = "must not be shared";

/// A choice that stands.
pub(super) struct Choice {
    pub(super) heading: &'static str,
    pub(super) sentence: String,
    pub(super) since: String,
    pub(super) exceptions: Vec<String>,
}

impl Choice {
    pub(super) fn of(choice: &Provisioned, settings: &Settings) -> Self {
        let rule = &choice.rule;
        let (heading, sentence) = match (choice.kind, rule.effect) {
            (Kind::OptOut, _) => (
                "You have opted out",
                "Your information is not used for anything but your own care.".to_owned(),
            ),
            (Kind::Consent, Effect::Deny) => ("You have said no", spoken(MUST_NOT, rule, settings)),
            (Kind::Consent, Effect::Permit) => ("You have said yes", spoken(MAY, rule, settings)),
            (Kind::Consent, Effect::Void) => (
                "We could not read all of this choice",
                "It allows nothing, until it is written down again.".to_owned(),
            ),
        };
        let exceptions = rule.exceptions.iter().map(|exception| match exception.effect {
            Effect::Deny => format!("But {}", lower(&spoken(MUST_NOT, exception, settings))),
            Effect::Permit => format!("But {}", lower(&spoken(MAY, exception, settings))),
            Effect::Void => "There is an exception that we could not read. It allows nothing.".to_owned(),
        });
        Self { heading, sentence, since: since(rule), exceptions: exceptions.collect() }
    }
}

/// `Test results must not be shared with Eastshire Council for health research.`
fn spoken(verb: &str, rule: &Provision, settings: &Settings) -> String {
    let what = what(&rule.about);
    let who = who(&rule.actors, settings);
    let why = purposes(rule);
    format!("{} {verb} with {who}{why}.", words::capitalised(&what))
}

fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn who(actors: &BTreeSet<Actor>, settings: &Settings) -> String {
    if actors.is_empty() {
        return "anyone".to_owned();
    }
    let named: Vec<String> = actors.iter().map(|actor| named(actor, settings)).collect();
    words::joined(&named, "or")
}

fn named(actor: &Actor, settings: &Settings) -> String {
    let role = actor.role.map(|role| {
        words::role(&role.code())
            .map_or_else(|| "staff in one job".to_owned(), |name| format!("staff who work as {name}"))
    });
    match (&actor.who, role) {
        (Who::Organisation(code), None) => settings.organisation_name(code).to_owned(),
        (Who::Organisation(code), Some(role)) => format!("{role} at {}", settings.organisation_name(code)),
        (Who::Staff(_), _) => "one member of staff whom you named".to_owned(),
        (Who::RoleHolders, role) => role.unwrap_or_else(|| "staff in one job".to_owned()),
    }
}

fn what(about: &DataRule) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for resource_type in &about.types {
        let kind = words::kind(resource_type);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut what = match (kinds.is_empty(), about.data.is_empty()) {
        (false, _) => words::joined(&kinds, "or"),
        (true, false) => "the entries of your record that you named".to_owned(),
        (true, true) => "your information".to_owned(),
    };
    if !about.labels.is_empty() {
        let labels: Vec<&str> = about.labels.iter().map(label).collect();
        what.push_str(&format!(" marked as {}", words::joined(&labels, "or")));
    }
    if let Some(from) = about.from {
        what.push_str(&format!(" from {} onwards", words::day_of(from)));
    }
    if let Some(until) = about.until {
        what.push_str(&format!(" up to {}", words::day_of(last_inside(until))));
    }
    what
}

fn label(label: &SecurityLabel) -> &str {
    label.sensitivity().map_or("sensitive", fhir::security_label::Sensitivity::display)
}

fn purposes(rule: &Provision) -> String {
    let displays: Vec<&str> = rule.purposes.iter().map(|&purpose| PurposeOfUse::display(purpose)).collect();
    match (displays.is_empty(), rule.effect) {
        (true, Effect::Permit) => " for your own care".to_owned(),
        (true, Effect::Deny | Effect::Void) => String::new(),
        (false, _) => format!(" for {}", words::joined(&displays, "or")),
    }
}

fn since(rule: &Provision) -> String {
    let until = |to| words::day_of(last_inside(to));
    match (rule.period.from, rule.period.to) {
        (Some(from), Some(to)) => format!("From {} to {}.", words::day_of(from), until(to)),
        (Some(from), None) => format!("Since {}.", words::day_of(from)),
        (None, Some(to)) => format!("Until {}.", until(to)),
        (None, None) => String::new(),
    }
}

/// The end of a period is the first moment outside it; people name the last day inside.
fn last_inside(end: Timestamp) -> Timestamp {
    end.checked_sub(SignedDuration::from_secs(1)).unwrap_or(end)
}
