//! Plain English for codes that stand in records: what a person reads on her page.
//!
//! Short sentences and everyday words, for a reading age of 9 to 11, in the manner of the NHS service manual: numerals,
//! `5 April 2026`, `2:30pm`. Everything here is total: a code that is not known has words too.

use fhir::role::SdsRole;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::record::Words;

mod kinds;

pub(super) use kinds::kind;

/// Why a request was refused.
#[must_use]
pub(super) fn refusal(reason: &str) -> &'static str {
    match reason {
        "no-sharing-agreement" => "There is no agreement to share information with their organisation.",
        "role-not-covered" => "Their job does not need this information.",
        "supervision-missing" => "They need a supervisor for this, and did not name one.",
        "purpose-not-covered" => "Information is not shared for the reason they gave.",
        "override-reason-missing" => "They asked for special access, but did not say why they needed it.",
        "type-not-shared" | "nothing-necessary" => "They do not need this kind of information.",
        "not-served-by-system" => "The system they asked does not give out information in this way.",
        "search-names-no-person" | "search-names-apart" => "They did not say who they were looking for.",
        "search-reads-hidden-element"
        | "since-reads-hidden-element"
        | "search-negates-hidden-element"
        | "search-orders-by-hidden-element"
        | "search-total-not-told"
        | "search-not-served" => "They searched by something that they are not allowed to see.",
        "deleting-not-covered" => "They may see this information, but not delete it.",
        "delete-partly-hidden" => "They do not see all of this information, so they cannot delete it.",
        "writing-not-covered" => "They may see this information, but not change it.",
        "write-shielded" => "Your details have extra protection, and only those who hold them change them.",
        "would-prove-own-relationship" => "They are not allowed to add themselves to your care.",
        "person-uncertain" => "It was not certain that the record was yours.",
        "shielded" => "Your details have extra protection.",
        "no-legitimate-relationship" => "They are not recorded as part of your care.",
        "consent-denied" => "You have said no to this sharing.",
        "opted-out" => "You have opted out of uses other than your own care.",
        "implied-consent-does-not-cover" => "This was not for your own care, and you have not agreed to it.",
        "labelled" => "This information is marked as sensitive.",
        "not-for-this-requestor" => "They are not allowed to see or change this.",
        "transaction-entry-failed" => {
            "This was asked together with something that could not be done, so nothing was done."
        }
        "not-found" => "There was nothing that they could be given.",
        "too-costly" => "They asked for too much at once.",
        _ => "The request was not one that is allowed.",
    }
}

/// What would have stopped an access that went ahead by special access.
#[must_use]
pub(super) fn overrode(reason: &str) -> &'static str {
    match reason {
        "no-legitimate-relationship" => "They are not recorded as part of your care.",
        "consent-denied" => "You have said no to this sharing.",
        "opted-out" => "You have opted out of uses other than your own care.",
        "implied-consent-does-not-cover" => "You have not agreed to this use.",
        "labelled" => "Some of the information is marked as sensitive.",
        _ => "A rule that protects your information.",
    }
}

/// What was asked, where it is more than a part of the record as it is; nothing for other interactions.
#[must_use]
pub(super) fn asked(interaction: &str) -> Option<&'static str> {
    match interaction {
        "vread" => Some("They asked how a part of your record was at one point in time."),
        "history-instance" => Some("They asked how a part of your record has changed over time."),
        "everything" => Some("They asked for all that they may see of your record."),
        "document" => Some("They asked for a letter or document with all that belongs to it."),
        _ => None,
    }
}

/// A tie of care as it is recorded.
#[must_use]
pub(super) fn relationship(recorded: &str) -> &'static str {
    match recorded.split(' ').next().unwrap_or_default() {
        "care-team" => "They are in your care team.",
        "encounter" => "They looked after you during a stay or visit.",
        "episode-of-care" => "You are in their care.",
        "referral" => "You were referred to them.",
        "stated" => "The message about your care was meant for them.",
        "not-required" => "They work for the organisation that keeps this record.",
        "of-kin" => "You are named in the record of somebody else.",
        "overridden" => "No link to your care is recorded.",
        _ => "",
    }
}

/// What was kept back, one sentence each; never which.
#[must_use]
pub(super) fn kept_back(withheld: &[(String, u32)]) -> Vec<&'static str> {
    let mut sentences = Vec::new();
    for (what, _) in withheld {
        // After the reason may stand which list has labelled it.
        let reason = what.split_once(": ").map_or(what.as_str(), |(reason, _)| reason);
        let sentence = match reason {
            "labelled" => "Information marked as sensitive.",
            "consent-denied" => "Information that you have said no to sharing.",
            "opted-out" | "implied-consent-does-not-cover" => {
                "Information that you have not agreed to share."
            }
            "type-not-shared" | "nothing-necessary" | "include-not-shared" => {
                "Information that they do not need."
            }
            "include-not-served" | "type-not-searched" => {
                "Information that the system they asked does not give out in this way."
            }
            "person-uncertain" | "other-person" | "no-legitimate-relationship" | "shielded" => {
                "Information that is also about other people."
            }
            reason if Words::of_unsayable(reason).is_some() => {
                "Information that cannot be said in the form in which it went."
            }
            element if element.contains('.') => "Details that they do not need.",
            _ => "Information that could not be shared safely.",
        };
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// The name of a job role; nothing for one that has none here.
#[must_use]
pub(super) fn role(code: &str) -> Option<String> {
    let name = SdsRole::parse(code).ok()?.display()?;
    Some(name.strip_suffix(" Access Role").unwrap_or(name).to_owned())
}

/// Free text that somebody typed, without what could be the number of a person: ten digits, however they are spaced.
#[must_use]
pub(super) fn without_numbers(text: &str) -> String {
    const DIGITS: usize = 10;
    let letters: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let run =
            if letter.is_numeric() { run_of_digits(letters.get(at..).unwrap_or_default()) } else { (0, 1) };
        match run {
            (digits, length) if digits >= DIGITS => {
                kept.push_str("(number removed)");
                at += length;
            }
            (_, length) => {
                kept.extend(letters.get(at..at + length).unwrap_or_default());
                at += length;
            }
        }
    }
    kept
}

/// How many digits stand together at the start, with single spaces or hyphens between them, over how many letters.
fn run_of_digits(letters: &[char]) -> (usize, usize) {
    let (mut digits, mut length) = (0, 0);
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        if letter.is_numeric() {
            digits += 1;
            length = at + 1;
        } else if !(matches!(letter, ' ' | '-' | '\u{a0}') && length == at) {
            break;
        }
        at += 1;
    }
    (digits, length)
}

/// `5 April 2026 at 2:30pm`, in the time of London, because that is when people remember things.
#[must_use]
pub(super) fn moment(at: Timestamp) -> String {
    let local = at.to_zoned(london());
    format!("{} at {}", day(local.date()), time(local.time()))
}

/// The same for programs: `2026-04-05T14:30:00+01:00`.
#[must_use]
pub(super) fn machine_moment(at: Timestamp) -> String {
    at.to_zoned(london()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The day on which a moment lies.
#[must_use]
pub(super) fn day_of(at: Timestamp) -> String {
    day(at.to_zoned(london()).date())
}

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}

fn day(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

fn time(time: Time) -> String {
    match (time.hour(), time.minute()) {
        (0, 0) => "midnight".to_owned(),
        (12, 0) => "midday".to_owned(),
        (_, 0) => time.strftime("%-I%P").to_string(),
        (_, _) => time.strftime("%-I:%M%P").to_string(),
    }
}

/// The text with its first letter large.
#[must_use]
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `a, b and c`, or with another word for `and`.
#[must_use]
pub(super) fn joined<T: AsRef<str>>(parts: &[T], word: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} {word} {}", rest.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::decision::refusal::{Refusal, SearchGuard};

    fn refusals() -> Vec<Refusal> {
        use fhir::purpose_of_use::PurposeOfUse;
        vec![
            Refusal::NoSharingAgreement,
            Refusal::RoleNotCovered,
            Refusal::SupervisionMissing,
            Refusal::PurposeNotCovered(PurposeOfUse::Treat),
            Refusal::OverrideReasonMissing,
            Refusal::TypeNotShared,
            Refusal::NotServedBySystem,
            Refusal::WritingNotCovered,
            Refusal::DeletingNotCovered,
            Refusal::SearchNotPermitted(SearchGuard::NamesNoPerson),
            Refusal::SearchNotPermitted(SearchGuard::NamesApart),
            Refusal::SearchNotPermitted(SearchGuard::ReadsHidden),
            Refusal::SearchNotPermitted(SearchGuard::SinceHidden),
            Refusal::SearchNotPermitted(SearchGuard::NegatesPartlyHidden),
            Refusal::SearchNotPermitted(SearchGuard::OrdersByHidden),
            Refusal::SearchNotPermitted(SearchGuard::TotalNotTold),
            Refusal::SearchNotPermitted(SearchGuard::NotServed),
            Refusal::WouldProveOwnRelationship,
            Refusal::PersonUncertain,
            Refusal::Shielded,
            Refusal::NoLegitimateRelationship,
            Refusal::ConsentDenied,
            Refusal::OptedOut,
            Refusal::ImpliedConsentDoesNotCover,
            Refusal::Labelled,
            Refusal::NothingNecessary,
            Refusal::NotForThisRequestor,
        ]
    }

    #[test]
    fn every_reason_to_refuse_has_words_of_its_own() {
        let none = refusal("unheard-of");
        for refused in refusals() {
            assert_ne!(refusal(refused.reason()), none, "{}", refused.reason());
        }
    }

    #[test]
    fn words_are_short_and_hold_no_jargon() {
        let mut texts: BTreeSet<&str> = refusals().iter().map(|refused| refusal(refused.reason())).collect();
        texts.extend(["care-team", "encounter", "episode-of-care", "referral", "stated"].map(relationship));
        texts.extend(["labelled", "consent-denied", "opted-out", "other"].map(overrode));
        texts.extend(fhir::tables::resource_types().map(|resource_type| kind(resource_type.name())));
        for text in texts {
            assert!(text.split(' ').count() <= 15, "{text}");
            for word in
                ["FHIR", "resource", "element", "consent", "legitimate", "provision", "purpose", "disclos"]
            {
                assert!(!text.contains(word), "{text} holds {word}");
            }
        }
    }

    #[test]
    fn dates_and_times_are_written_as_people_in_britain_write_them() {
        for (at, written) in [
            ("2026-04-05T13:30:00Z", "5 April 2026 at 2:30pm"),
            ("2026-01-31T14:05:59Z", "31 January 2026 at 2:05pm"),
            ("2026-01-31T00:00:00Z", "31 January 2026 at midnight"),
            ("2026-06-30T23:00:00Z", "1 July 2026 at midnight"),
            ("2026-06-30T11:00:00Z", "30 June 2026 at midday"),
            ("2026-12-24T09:00:30Z", "24 December 2026 at 9am"),
            ("2026-12-24T00:07:00Z", "24 December 2026 at 12:07am"),
            ("2026-12-24T12:07:00Z", "24 December 2026 at 12:07pm"),
        ] {
            assert_eq!(moment(at.parse().unwrap()), written);
        }
        assert_eq!(machine_moment("2026-04-05T13:30:00Z".parse().unwrap()), "2026-04-05T14:30:00+01:00");
    }

    #[test]
    fn what_could_be_the_number_of_a_person_is_taken_out_of_free_text() {
        for (typed, shown) in [
            ("collapsed, 9990000018", "collapsed, (number removed)"),
            ("999 000 0018 collapsed", "(number removed) collapsed"),
            ("999-000-0018.", "(number removed)."),
            ("ref 99900000181", "ref (number removed)"),
            ("call 020 7946 0018 now", "call (number removed) now"),
            ("bed 12, ward 7, 3 days", "bed 12, ward 7, 3 days"),
            ("on 5 April 2026", "on 5 April 2026"),
            ("٩٩٩٠٠٠٠٠١٨", "(number removed)"),
            ("", ""),
        ] {
            assert_eq!(without_numbers(typed), shown);
        }
    }

    #[test]
    fn what_was_kept_back_is_said_once_and_never_named() {
        let withheld =
            [("Patient.address", 1), ("labelled", 2), ("Patient.telecom", 1), ("unknown-modifier", 1)]
                .map(|(what, count)| (what.to_owned(), count));
        assert_eq!(
            kept_back(&withheld),
            [
                "Details that they do not need.",
                "Information marked as sensitive.",
                "Information that could not be shared safely."
            ]
        );
        assert!(kept_back(&[]).is_empty());
    }

    #[test]
    fn parts_are_joined_as_in_a_sentence() {
        for (parts, whole) in
            [(&[][..], ""), (&["a"], "a"), (&["a", "b"], "a and b"), (&["a", "b", "c"], "a, b and c")]
        {
            assert_eq!(joined(parts, "and"), whole);
        }
        assert_eq!(capitalised("co-ordinating care"), "Co-ordinating care");
        assert_eq!(role("R8014").as_deref(), Some("Social Worker"));
    }
}
