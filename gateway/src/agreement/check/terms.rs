//! The head of an agreement: who, when, why, and on what it rests in law.

use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use jiff::civil::Date;

use super::super::file::{AgreementFile, LegalBasisTable};
use super::super::{
    ConfidentialityBasis, Existence, Identifiability, LegalBasis, RelationshipKind, Standing, Status,
};
use crate::settings::check::{each_once, purposes};
use crate::settings::problem::{Notebook, Place};
use crate::settings::written::Written;

const LAPSES_AFTER_DAYS: u16 = 28;
const LAPSES_AFTER_DAYS_MAX: u16 = 365;
const REVIEW_NOTICE_DAYS: i64 = 60;

/// Everything but blocks and shares.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) id: Arc<str>,
    pub(super) title: String,
    pub(super) status: Status,
    pub(super) from: Date,
    pub(super) until: Date,
    pub(super) review_by: Date,
    pub(super) approved_by: Option<String>,
    pub(super) discloser: Vec<OdsCode>,
    pub(super) recipient: Vec<OdsCode>,
    pub(super) purposes: Vec<PurposeOfUse>,
    pub(super) legal_basis: LegalBasis,
    pub(super) identifiability: Identifiability,
    pub(super) relationship: Vec<RelationshipKind>,
    pub(super) lapses_after_days: u16,
    pub(super) overrides: Vec<PurposeOfUse>,
    pub(super) existence: Existence,
}

/// Checks the head; `None` when something is missing, which is noted.
pub(super) fn terms(notes: &Notebook, read: &AgreementFile, today: Date) -> Option<Terms> {
    let id = read.id.as_ref().and_then(|written| written.parsed(notes, |text| id(text)));
    let title = read.title.as_ref().and_then(|written| sentence(notes, written));
    let status = read.status.as_ref().and_then(|written| choice(notes, written, &STATUSES, Status::as_str));
    let approved_by = read.approved_by.as_ref().and_then(|written| sentence(notes, written));
    if status == Some(Status::InForce) && read.approved_by.is_none() {
        let place =
            Place::whole().key("approved_by", read.status.as_ref().and_then(|written| written.place.line));
        notes.error(&place, "an agreement in force names the Caldicott Guardian who signed it");
    }
    let dates = dates(notes, read, status, today);
    let discloser = parties(notes, &read.discloser, "discloser");
    let recipient = parties(notes, &read.recipient, "recipient");
    let purposes = covered_purposes(notes, read);
    let overrides = overrides(notes, read, &purposes);
    let legal_basis = read.legal_basis.as_ref().and_then(|table| legal_basis(notes, table));
    warn_of_uncovered_purposes(notes, read, legal_basis.as_ref(), &purposes);
    let identifiability = read
        .identifiability
        .as_ref()
        .and_then(|written| choice(notes, written, &IDENTIFIABILITIES, Identifiability::as_str));
    let relationship =
        each_once(notes, &read.relationship, |text| chosen(text, &RELATIONSHIPS, RelationshipKind::as_str));
    refuse_no_relationship(notes, read, &discloser, &recipient);
    warn_of_sites(notes, read, &recipient);
    let lapses_after_days = lapses_after_days(notes, read);
    let existence =
        read.existence.as_ref().and_then(|written| choice(notes, written, &EXISTENCES, Existence::as_str));
    let (from, until, review_by) = dates?;
    Some(Terms {
        id: id?,
        title: title?,
        status: status?,
        from,
        until,
        review_by,
        approved_by,
        discloser,
        recipient,
        purposes,
        legal_basis: legal_basis?,
        identifiability: identifiability?,
        relationship,
        lapses_after_days,
        overrides,
        existence: existence?,
    })
}

/// `standing` of a block.
pub(super) fn standing(notes: &Notebook, written: &Written<String>) -> Option<Standing> {
    choice(notes, written, &[Standing::Registered, Standing::Supervised], Standing::as_str)
}

const STATUSES: [Status; 4] = [Status::Draft, Status::InForce, Status::Suspended, Status::Ended];
const IDENTIFIABILITIES: [Identifiability; 3] =
    [Identifiability::Identifiable, Identifiability::Pseudonymised, Identifiability::Anonymised];
const RELATIONSHIPS: [RelationshipKind; 4] = [
    RelationshipKind::CareTeam,
    RelationshipKind::Encounter,
    RelationshipKind::EpisodeOfCare,
    RelationshipKind::Referral,
];
const EXISTENCES: [Existence; 2] = [Existence::Open, Existence::Withheld];
const BASES: [ConfidentialityBasis; 5] = [
    ConfidentialityBasis::ImpliedConsent,
    ConfidentialityBasis::ExplicitConsent,
    ConfidentialityBasis::LegalDuty,
    ConfidentialityBasis::Section251,
    ConfidentialityBasis::PublicInterest,
];

fn choice<T: Copy>(
    notes: &Notebook,
    written: &Written<String>,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Option<T> {
    written.parsed(notes, |text| chosen(text, all, as_str))
}

fn chosen<T: Copy>(text: &str, all: &[T], as_str: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|candidate| as_str(*candidate) == text);
    found.ok_or_else(|| {
        let words: Vec<_> = all.iter().map(|candidate| format!("`{}`", as_str(*candidate))).collect();
        format!("one of {} is wanted here", words.join(", "))
    })
}

fn id(text: &str) -> Result<Arc<str>, &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > 100 || !text.bytes().all(fits) {
        return Err("an id has 1 to 100 lower-case letters, digits and hyphens: it stands in every record");
    }
    Ok(Arc::from(text))
}

fn sentence(notes: &Notebook, written: &Written<String>) -> Option<String> {
    written.parsed(notes, |text| {
        let text = text.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("a line of plain words is wanted here: it is published");
        }
        Ok(text.to_owned())
    })
}

fn parties(notes: &Notebook, written: &[Written<String>], key: &str) -> Vec<OdsCode> {
    if written.is_empty() {
        notes.error(&Place::whole().key(key, None), "name at least one organisation such as ods:RX1");
    }
    each_once(notes, written, OdsCode::parse_setting)
}

fn covered_purposes(notes: &Notebook, read: &AgreementFile) -> Vec<PurposeOfUse> {
    if read.purposes.is_empty() {
        notes.error(&Place::whole().key("purposes", None), "name at least one purpose of use such as TREAT");
    }
    purposes(notes, &read.purposes)
}

fn overrides(notes: &Notebook, read: &AgreementFile, covered: &[PurposeOfUse]) -> Vec<PurposeOfUse> {
    let overrides = purposes(notes, &read.overrides);
    for written in &read.overrides {
        if PurposeOfUse::parse(&written.value).is_ok_and(|purpose| covered.contains(&purpose)) {
            let text = format!(
                "`{}` is one of `purposes` too: a purpose is either ordinary or an override",
                written.value
            );
            notes.error(&written.place, text);
        }
    }
    overrides
}

fn dates(
    notes: &Notebook,
    read: &AgreementFile,
    status: Option<Status>,
    today: Date,
) -> Option<(Date, Date, Date)> {
    let in_force = read.in_force.as_ref();
    let from = in_force.and_then(|table| table.from.as_ref());
    let until = in_force.and_then(|table| table.until.as_ref());
    if let (Some(from), Some(until)) = (from, until) {
        if until.value < from.value {
            notes.error(&until.place, "the last day lies before the first");
        } else if status == Some(Status::InForce) && until.value < today {
            let text = "this day is over, so nothing is shared: set a new day, or status = \"ended\"";
            notes.warn(&until.place, text);
        }
    }
    if let Some(review_by) = &read.review_by {
        let live = matches!(status, Some(Status::InForce | Status::Suspended));
        let days = (review_by.value - today).get_days();
        if live && review_by.value < today {
            notes.warn(&review_by.place, format!("the review is overdue since {}", review_by.value));
        } else if live && i64::from(days) <= REVIEW_NOTICE_DAYS {
            notes.warn(&review_by.place, format!("the review is due by {}", review_by.value));
        }
        if until.is_some_and(|until| until.value < review_by.value) {
            notes.warn(&review_by.place, "the review comes after the last day in force");
        }
    }
    Some((from?.value, until?.value, read.review_by.as_ref()?.value))
}

fn legal_basis(notes: &Notebook, table: &LegalBasisTable) -> Option<LegalBasis> {
    let uk_gdpr = each_once(notes, &table.uk_gdpr, article);
    let names = |number: &str| table.uk_gdpr.iter().any(|written| written.value.starts_with(number));
    if !names("6(") || !names("9(") {
        let line = table.uk_gdpr.first().and_then(|written| written.place.line);
        let place = Place::whole().key("legal_basis", line).key("uk_gdpr", line);
        notes.error(&place, "information about health needs a basis of article 6 and one of article 9");
    }
    let confidentiality = table.confidentiality.as_ref();
    let confidentiality =
        confidentiality.and_then(|written| choice(notes, written, &BASES, ConfidentialityBasis::as_str));
    Some(LegalBasis { uk_gdpr, confidentiality: confidentiality? })
}

/// `6(1)(e)`: a number, then points in brackets.
fn article(text: &str) -> Result<String, &'static str> {
    const WANTED: &str = "an article is written as 6(1)(e)";
    let (number, points) = text.split_once('(').ok_or(WANTED)?;
    let points = points.strip_suffix(')').ok_or(WANTED)?;
    let is_point = |point: &str| {
        (1..=3).contains(&point.len())
            && point.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is_number = matches!(number, "6" | "9" | "10");
    if !is_number || !points.split(")(").all(is_point) {
        return Err(WANTED);
    }
    Ok(text.to_owned())
}

/// Implied consent covers direct care alone, so `decide` refuses every other purpose under it.
fn warn_of_uncovered_purposes(
    notes: &Notebook,
    read: &AgreementFile,
    basis: Option<&LegalBasis>,
    covered: &[PurposeOfUse],
) {
    if basis.is_none_or(|basis| basis.confidentiality != ConfidentialityBasis::ImpliedConsent) {
        return;
    }
    for written in &read.purposes {
        let beyond = |purpose: &PurposeOfUse| !purpose.is_direct_care() && purpose.code() == written.value;
        if covered.iter().any(beyond) {
            let text =
                "is not direct care, which is all that implied consent covers: it needs an explicit consent";
            notes.warn(&written.place, text);
        }
    }
}

/// Who permits something to a trust permits it to none of its sites, and who denies it denies it to all of them.
fn warn_of_sites(notes: &Notebook, read: &AgreementFile, recipient: &[OdsCode]) {
    for written in &read.recipient {
        let Ok(site) = OdsCode::parse_setting(&written.value) else { continue };
        let is_whole =
            |other: &&OdsCode| other.as_str().len() < site.as_str().len() && other.is_or_has_site(&site);
        if let Some(whole) = recipient.iter().find(is_whole) {
            let text = format!(
                "this is a site of {}, which receives too: what a person denies one of them she denies both, and what she \
                 permits counts for the one that she names alone",
                whole.to_setting()
            );
            notes.warn(&written.place, text);
        }
    }
}

fn refuse_no_relationship(
    notes: &Notebook,
    read: &AgreementFile,
    discloser: &[OdsCode],
    recipient: &[OdsCode],
) {
    let one_organisation = discloser.len() == 1 && discloser == recipient;
    if read.relationship.is_empty() && !one_organisation {
        let text = "name the ties of care that count; only inside one organisation may the list be empty";
        notes.error(&Place::whole().key("relationship", None), text);
    }
}

fn lapses_after_days(notes: &Notebook, read: &AgreementFile) -> u16 {
    let Some(written) = &read.lapses_after_days else { return LAPSES_AFTER_DAYS };
    match u16::try_from(written.value) {
        Ok(days) if days <= LAPSES_AFTER_DAYS_MAX => days,
        Ok(_) | Err(_) => {
            notes.error(&written.place, format!("a number from 0 to {LAPSES_AFTER_DAYS_MAX} is wanted here"));
            LAPSES_AFTER_DAYS
        }
    }
}
