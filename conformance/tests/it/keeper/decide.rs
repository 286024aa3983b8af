//! What the keeper shares: by who asks, and by what the patient's Consents say.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

use super::faults::Fault;
use super::world::{ORGANISATION, Person, patient_of};

/// In which way something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Read,
    Xml,
    Format,
    Head,
    Search,
    Post,
    Include,
    Vread,
    History,
}

/// Who asks, how, and whether they say that it is an emergency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) person: &'a Person,
    pub(crate) how: How,
    pub(crate) emergency: bool,
}

/// What the keeper does with one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    Share,
    /// Not for them, whatever the patient says.
    Never,
    /// The Consent of this id denies it; none where nothing permits it.
    Denied(Option<String>),
}

/// What a provision says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Permit,
    Deny,
    Nothing,
}

/// What is shared without a Consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    Permit,
    Deny,
}

pub(crate) fn decide(
    asking: Asking<'_>,
    record: &Value,
    consents: &[Value],
    baseline: Baseline,
    fault: Fault,
) -> Decision {
    let Some(patient) = patient_of(record) else { return Decision::Share };
    if !matches!(asking.person.name, "doctor" | "carer" | "emergency") || patient == "p3" {
        return Decision::Never;
    }
    let emergency = asking.person.name == "emergency";
    if emergency && !asking.emergency && fault != Fault::EmergencyUnasked {
        return Decision::Denied(None);
    }
    if emergency {
        return Decision::Share;
    }
    let ignored = matches!(
        (fault, asking.how),
        (Fault::ConsentsIgnored, _)
            | (Fault::IgnoredForXml, How::Xml)
            | (Fault::IgnoredForFormat, How::Format)
            | (Fault::IgnoredForHead, How::Head)
            | (Fault::IgnoredForSearch, How::Search)
            | (Fault::IgnoredForPost, How::Post)
            | (Fault::IgnoredForInclude, How::Include)
            | (Fault::IgnoredForVread, How::Vread)
            | (Fault::IgnoredForHistory, How::History)
    );
    let mut said: Vec<(Said, &Value)> = Vec::new();
    for consent in consents.iter().filter(|_| !ignored) {
        let about = consent["patient"]["identifier"]["value"] == patient.as_str();
        let active =
            consent["status"] == "active" || (fault == Fault::DraftCounts && consent["status"] == "draft");
        if active && (about || fault == Fault::PatientIgnored) {
            said.push((says(consent, asking, record, fault), consent));
        }
    }
    resolve(said, baseline, fault)
}

fn resolve(mut said: Vec<(Said, &Value)>, baseline: Baseline, fault: Fault) -> Decision {
    said.retain(|(said, _)| *said != Said::Nothing);
    if fault == Fault::LaterWins {
        said.sort_by_key(|(_, consent)| consent["dateTime"].as_str().unwrap_or_default().to_owned());
        said = said.pop().into_iter().collect();
    }
    let denial = said.iter().find(|(said, _)| *said == Said::Deny);
    let default = if fault == Fault::DefaultDenies { Baseline::Deny } else { baseline };
    match (denial, said.is_empty(), default) {
        (Some((_, consent)), _, _) => Decision::Denied(consent["id"].as_str().map(str::to_owned)),
        (None, true, Baseline::Deny) => Decision::Denied(None),
        (None, _, _) => Decision::Share,
    }
}

fn says(consent: &Value, asking: Asking<'_>, record: &Value, fault: Fault) -> Said {
    let root = &consent["provision"];
    let permits = root["type"] == "permit" && fault != Fault::PermitDenies;
    if !in_force(root, fault) {
        return Said::Nothing;
    }
    let (who, what) = (names(root, asking, fault), is_about(root, asking, record, fault));
    let counts = |one: &&Value| {
        let named = names(one, asking, fault) || fault == Fault::ExceptionForAnybody;
        named && in_force(one, fault) && is_about(one, asking, record, fault)
    };
    let exception = root["provision"].as_array().and_then(|nested| nested.iter().find(counts));
    let exception = exception.filter(|one| {
        let lost = if one["type"] == "deny" { Fault::NestedDenyIgnored } else { Fault::NestedPermitIgnored };
        fault != lost
    });
    let inside = (who && what) || fault == Fault::ExceptionOutside;
    if let Some(exception) = exception.filter(|_| inside) {
        return if exception["type"] == "permit" { Said::Permit } else { Said::Deny };
    }
    let enough = fault == Fault::OneConditionIsEnough && (who || what);
    match (permits, who, what) {
        (false, true, true) => Said::Deny,
        (false, _, _) if enough => Said::Deny,
        (false, _, _) => Said::Nothing,
        (true, true, true) => Said::Permit,
        (true, true, false) if fault == Fault::PermitWidens => Said::Permit,
        (true, true, false) => Said::Deny,
        (true, false, _) if fault == Fault::OutsidePermitDenied => Said::Deny,
        (true, false, _) => Said::Nothing,
    }
}

fn in_force(provision: &Value, fault: Fault) -> bool {
    let bound =
        |name: &str| provision["period"][name].as_str().map(|text| text.parse::<Timestamp>().unwrap());
    let now = Timestamp::now();
    if fault == Fault::PeriodDenialIgnored && provision.get("period").is_some() {
        return false;
    }
    let begun = bound("start").is_none_or(|start| start <= now) || fault == Fault::PeriodToComeIgnored;
    let not_over = bound("end").is_none_or(|end| now < end) || fault == Fault::PeriodOverIgnored;
    begun && not_over
}

fn names(provision: &Value, asking: Asking<'_>, fault: Fault) -> bool {
    let recipient = |actor: &Value| {
        let reference = &actor["reference"];
        let own = asking.person.organisation;
        if fault == Fault::RecipientByName && reference.get("display").is_some() {
            return reference["display"] == own;
        }
        reference["identifier"]["system"] == ORGANISATION && reference["identifier"]["value"] == own
    };
    let any = |name: &str, fits: &dyn Fn(&Value) -> bool| {
        provision[name].as_array().is_none_or(|items| items.iter().any(fits))
    };
    let recipients = any("actor", &recipient) || fault == Fault::RecipientIgnored;
    let purposes = any("purpose", &|purpose| purpose["code"] == asking.person.purpose);
    let purposes = match fault {
        Fault::PurposeIgnored => true,
        Fault::PurposeDenialIgnored => provision.get("purpose").is_none(),
        _ => purposes,
    };
    recipients && purposes
}

fn is_about(provision: &Value, asking: Asking<'_>, record: &Value, fault: Fault) -> bool {
    labelled(provision, asking, record, fault)
        && named(provision, record, fault)
        && timed(provision, record, fault)
}

fn labelled(provision: &Value, asking: Asking<'_>, record: &Value, fault: Fault) -> bool {
    let Some(labels) = provision["securityLabel"].as_array() else { return true };
    let lost = matches!(
        (fault, asking.how),
        (Fault::LabelIgnored, _)
            | (Fault::LabelIgnoredInSearch, How::Search)
            | (Fault::LabelIgnoredInXml, How::Xml)
    );
    if lost {
        return false;
    }
    let own = |record: &Value| record["meta"]["security"].as_array().cloned().unwrap_or_default();
    let mut has = own(record);
    if fault != Fault::LabelIgnoredInside {
        has.extend(record["contained"].as_array().into_iter().flatten().flat_map(own));
    }
    if fault == Fault::AnyLabel {
        return !has.is_empty();
    }
    labels
        .iter()
        .any(|label| has.iter().any(|one| one["system"] == label["system"] && one["code"] == label["code"]))
}

fn named(provision: &Value, record: &Value, fault: Fault) -> bool {
    let Some(data) = provision["data"].as_array() else { return true };
    let own = format!("/{}/{}", record["resourceType"].as_str().unwrap(), record["id"].as_str().unwrap());
    data.iter().any(|data| {
        let place = data["reference"]["reference"].as_str().unwrap_or_default();
        let refers = |pointer: &str| {
            record
                .pointer(pointer)
                .and_then(Value::as_str)
                .is_some_and(|held| place.ends_with(&format!("/{held}")))
        };
        match data["meaning"].as_str() {
            Some("instance") => fault != Fault::DataIgnored && place.ends_with(&own),
            Some("related") => fault != Fault::RelatedIgnored && refers("/encounter/reference"),
            Some("authoredby") => fault != Fault::AuthorIgnored && refers("/performer/0/reference"),
            _ => false,
        }
    })
}

fn timed(provision: &Value, record: &Value, fault: Fault) -> bool {
    let Some(period) = provision.get("dataPeriod") else { return true };
    if fault == Fault::DataPeriodIgnored {
        return false;
    }
    let day = |text: &Value| text.as_str().and_then(|text| text.parse::<Date>().ok());
    let at = |day: Date| day.to_zoned(TimeZone::UTC).unwrap().timestamp();
    let Some(own) = day(&record["effectiveDateTime"]).map(at) else { return false };
    day(&period["start"]).is_none_or(|start| at(start) <= own)
        && day(&period["end"]).is_none_or(|end| own <= at(end))
}
