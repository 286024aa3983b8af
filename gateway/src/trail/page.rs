//! The person's page: who, when, what kind of data, why, under which agreement, what was refused (recommendation 1).
//!
//! Plain English from records; a record holds no content, so neither can the page. Names of organisations and titles
//! of agreements come from the settings, names of staff as they were at the time. No number of a person is on it.

use askama::Template;
use fhir::nhs_number::NhsNumber;

use super::record::Record;
use crate::consent::provision::Provisioned;
use crate::settings::Settings;

mod choice;
mod entry;
mod since;

use choice::Choice;
use entry::Entry;
pub use since::Since;

/// One exchange that concerned the person.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Her part of it.
    pub record: Record,
    /// What is recorded of it since.
    pub since: Since,
}

/// What the page shows.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Whose page it is.
    pub nhs_number: NhsNumber,
    /// Her name as NHS login gave it.
    pub name: &'a str,
    /// The exchanges that concerned her, newest first.
    pub listed: &'a [Listed],
    /// Which part of her trail that is.
    pub part: Part,
    /// The address of the part before this one in time.
    pub older: Option<String>,
    /// Her choices that stand.
    pub choices: &'a [Provisioned],
}

/// Which part of a trail is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The newest entries.
    Newest,
    /// Entries before those of another page.
    Earlier,
}

#[derive(Template)]
#[template(path = "me.html")]
struct Me<'a> {
    name: &'a str,
    entries: Vec<Entry>,
    is_newest: bool,
    older: String,
    choices: Vec<Choice>,
    contact: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    notice: &'a str,
    problem: &'a str,
    starts: Vec<String>,
}

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedIn;

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    heading: &'a str,
    text: &'a str,
}

/// The page of a person.
///
/// # Errors
/// [`askama::Error`] when the page cannot be written.
pub fn me(shown: &Shown<'_>, settings: &Settings) -> Result<String, askama::Error> {
    let entries = shown.listed.iter().filter_map(|listed| Entry::of(listed, shown.nhs_number, settings));
    let choices = shown.choices.iter().map(|choice| Choice::of(choice, settings));
    Me {
        name: shown.name,
        entries: entries.collect(),
        is_newest: shown.part == Part::Newest,
        older: shown.older.clone().unwrap_or_default(),
        choices: choices.collect(),
        contact: &settings.gateway.contact,
    }
    .render()
}

/// The page for someone who has not signed in; `notice` says what has just happened, `problem` what went wrong.
///
/// # Errors
/// [`askama::Error`] when the page cannot be written.
pub fn sign_in(notice: &str, problem: &str, settings: &Settings) -> Result<String, askama::Error> {
    let starts =
        settings.issuers.iter().filter_map(|issuer| issuer.sign_in.as_ref()).map(ToString::to_string);
    SignIn { notice, problem, starts: starts.collect() }.render()
}

/// The page that leads on to `/me` from within our own site: a browser that comes straight from another site keeps the
/// session to itself.
///
/// # Errors
/// [`askama::Error`] when the page cannot be written.
pub fn signed_in() -> Result<String, askama::Error> {
    SignedIn.render()
}

/// A page that says one thing.
///
/// # Errors
/// [`askama::Error`] when the page cannot be written.
pub fn notice(heading: &str, text: &str) -> Result<String, askama::Error> {
    Notice { heading, text }.render()
}
