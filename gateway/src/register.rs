//! The disclosure register (recommendation 19): what is disclosed, to whom, why, and on what it rests in law.
//!
//! Made from the agreements that are enforced, so it cannot say anything else than they do. Drafts are not published.
//! Nothing here is about a person.

use std::sync::Arc;

use askama::Template;
use fhir::ods_code::OdsCode;
use jiff::civil::Date;
use serde::Serialize;

use crate::agreement::{SharingAgreement, Status};
use crate::settings::Settings;

mod csv;
pub mod published;
mod words;

pub use csv::csv;
use published::{Organisation, Published};

/// The register on one day.
#[derive(Debug, Serialize)]
pub struct Register {
    /// Who runs the gateway.
    pub publisher: Organisation,
    /// How people reach the Caldicott Guardian.
    pub contact: String,
    /// The day it speaks of.
    pub day: Date,
    /// What is shared on that day.
    pub current: Vec<Published>,
    /// What was, will be, or is suspended.
    pub other: Vec<Published>,
}

impl Register {
    /// The register of a site on one day.
    #[must_use]
    pub fn of(settings: &Settings, day: Date) -> Self {
        let public = settings.agreements.all().iter().filter(|agreement| agreement.status != Status::Draft);
        let (current, other): (Vec<_>, Vec<_>) = public.partition(|agreement| agreement.is_in_force(day));
        let published = |agreements: &[&Arc<SharingAgreement>]| {
            agreements.iter().map(|agreement| Published::of(agreement, settings, day)).collect()
        };
        Self {
            publisher: organisation(settings, &settings.gateway.organisation),
            contact: settings.gateway.contact.clone(),
            day,
            current: published(&current),
            other: published(&other),
        }
    }
}

fn organisation(settings: &Settings, code: &OdsCode) -> Organisation {
    Organisation { code: code.to_setting(), name: settings.organisation_name(code).to_owned() }
}

#[derive(Debug, Template)]
#[template(path = "register.html")]
struct Page<'a> {
    register: &'a Register,
    day: String,
}

/// The register as the page that `/register` serves.
#[must_use]
pub fn html(settings: &Settings, day: Date) -> String {
    let register = Register::of(settings, day);
    let page = Page { register: &register, day: words::day(day) };
    // Rendering writes into memory and has nothing that could fail; an empty page would show in the first test.
    page.render().unwrap_or_default()
}

/// The register as JSON for other programs.
#[must_use]
pub fn json(settings: &Settings, day: Date) -> String {
    let mut text = serde_json::to_string_pretty(&Register::of(settings, day)).unwrap_or_default();
    text.push('\n');
    text
}
