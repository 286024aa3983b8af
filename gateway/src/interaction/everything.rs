//! Everything about one person that an agreement shares: a number of searches, asked for as one.
//!
//! Which they are depends on the request and the rules alone. Each is one that the requestor could have sent.

use std::collections::BTreeSet;

use fhir::instant::DateTime;
use fhir::reference::{Bases, Id};
use fhir::search::grammar::{Escaped, Name, Parameter};
use fhir::search::{InvalidValue, SearchError, SearchQuery, form, names_person_by};
use fhir::tables::{self, TypeId};
use jiff::Timestamp;

use super::cursor::{Onward, Standing};
use super::malformed::Malformed;
use super::{cursor, history};
use crate::agreement::Share;
use crate::decision::refusal::{Refusal, SearchGuard};
use crate::decision::search_guard::guard;
use crate::person::SystemName;
use crate::requestor::Requestor;
use crate::seal::Seal;

/// The parameter by which a type is searched for when care was given. Types that are not here are about no time of care
/// (an allergy, an alert), and none is left out by it.
const CARE_DATES: [(&str, &str); 17] = [
    ("Appointment", "date"),
    ("CarePlan", "date"),
    ("ClinicalImpression", "date"),
    ("Communication", "sent"),
    ("Composition", "date"),
    ("DiagnosticReport", "date"),
    ("DocumentReference", "date"),
    ("Encounter", "date"),
    ("EpisodeOfCare", "date"),
    ("Immunization", "date"),
    ("MedicationAdministration", "effective-time"),
    ("MedicationDispense", "whenhandedover"),
    ("MedicationRequest", "authoredon"),
    ("Observation", "date"),
    ("Procedure", "date"),
    ("QuestionnaireResponse", "authored"),
    ("ServiceRequest", "authored"),
];

/// Everything about one person, and the page of it that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EverythingRequest {
    /// Her id on the system.
    pub patient: Id,
    /// These types only; all that are shared when there are none.
    pub types: BTreeSet<TypeId>,
    /// Only what changed at this moment or later.
    pub since: Option<DateTime>,
    /// Only care from this day on.
    pub start: Option<DateTime>,
    /// Only care up to this day.
    pub end: Option<DateTime>,
    /// How many a page should have, when the request says.
    pub count: Option<usize>,
    /// Resources to skip: 0 for the first page; else from a sealed cursor.
    pub offset: usize,
    /// What the pages before were decided under; nothing on the first page.
    pub standing: Option<Standing>,
}

impl EverythingRequest {
    /// The parameters as they were understood, page aside.
    #[must_use]
    pub fn to_form(&self) -> String {
        let types: Vec<&str> = self.types.iter().map(|owner| owner.name()).collect();
        let dated = |name: &str, date: &Option<DateTime>| {
            date.as_ref().map(|date| (name.to_owned(), date.as_str().to_owned()))
        };
        let all = [
            (!types.is_empty()).then(|| ("_type".to_owned(), types.join(","))),
            dated("_since", &self.since),
            dated("start", &self.start),
            dated("end", &self.end),
        ];
        form(all.into_iter().flatten())
    }

    /// The same with how many a page has, as a link repeats it.
    #[must_use]
    pub fn to_link_form(&self) -> String {
        let count = self.count.map(|count| form([("_count".to_owned(), count.to_string())]));
        let parts: Vec<String> =
            [Some(self.to_form()), count].into_iter().flatten().filter(|part| !part.is_empty()).collect();
        parts.join("&")
    }

    /// Whether more is asked for than everything: then what is left out depends on what it holds.
    #[must_use]
    pub const fn is_narrowed(&self) -> bool {
        self.since.is_some() || self.start.is_some() || self.end.is_some()
    }

    /// The searches that it stands for under `share`, one a type, the Patient first.
    ///
    /// Care dates narrow only the types whose date is shown: a search by what is hidden is not one that the requestor
    /// could send, and to leave such types out would hide what may be seen.
    ///
    /// # Errors
    /// The [`Refusal`], by rule: a type that is not shared, or `_since` where the time of changes is not shown.
    pub fn queries(&self, share: &Share) -> Result<Vec<SearchQuery>, Refusal> {
        let is_shared = |owner: &TypeId| !share.tables(*owner).is_empty();
        if !self.types.iter().all(is_shared) {
            return Err(Refusal::TypeNotShared);
        }
        let is_wanted = |owner: &TypeId| self.types.is_empty() || self.types.contains(owner);
        let mut owners: Vec<TypeId> =
            share.types.keys().copied().filter(is_shared).filter(is_wanted).collect();
        owners.sort_by_key(|owner| (owner.name() != "Patient", owner.name()));
        let mut queries = Vec::with_capacity(owners.len());
        for owner in owners {
            queries.extend(self.query(owner, share)?);
        }
        if queries.is_empty() { Err(Refusal::TypeNotShared) } else { Ok(queries) }
    }

    /// The search of one type; nothing for one that no parameter ties to a person.
    fn query(&self, owner: TypeId, share: &Share) -> Result<Option<SearchQuery>, Refusal> {
        let hidden = || Refusal::SearchNotPermitted(SearchGuard::ReadsHidden);
        let mut parameters = match (owner.name(), names_person_by(owner)) {
            ("Patient", _) => vec![parameter("_id", self.patient.as_str())],
            (_, Some(code)) => vec![parameter(code, &format!("Patient/{}", self.patient.as_str()))],
            (_, None) => return Ok(None),
        };
        if let Some(since) = &self.since {
            parameters.push(parameter("_lastUpdated", &format!("ge{}", since.as_str())));
        }
        let compile = |parameters: &[Parameter]| SearchQuery::compile(owner, parameters, &Bases::none());
        let whole = compile(&parameters).map_err(|_| hidden())?;
        guard(&whole, share).map_err(|why| match (why, &self.since) {
            // All else that it asks is by the person.
            (SearchGuard::ReadsHidden, Some(_)) => Refusal::SearchNotPermitted(SearchGuard::SinceHidden),
            (why, _) => Refusal::SearchNotPermitted(why),
        })?;
        if let Some((_, date)) = CARE_DATES.iter().find(|(name, _)| *name == owner.name()) {
            let bounds = [("ge", &self.start), ("le", &self.end)];
            let bounds = bounds.into_iter().filter_map(|(prefix, bound)| Some((prefix, bound.as_ref()?)));
            parameters.extend(
                bounds.map(|(prefix, bound)| parameter(date, &format!("{prefix}{}", bound.as_str()))),
            );
            let narrowed = compile(&parameters).ok().filter(|narrowed| guard(narrowed, share).is_ok());
            return Ok(Some(narrowed.unwrap_or(whole)));
        }
        Ok(Some(whole))
    }
}

fn parameter(code: &str, value: &str) -> Parameter {
    Parameter {
        name: Name::Plain { code: code.to_owned(), modifier: None },
        values: vec![Escaped::of(value)],
    }
}

/// What is asked for, by whom, where and when.
pub(in crate::interaction) struct Place<'a> {
    pub(in crate::interaction) patient: Id,
    pub(in crate::interaction) requestor: &'a Requestor,
    pub(in crate::interaction) system: &'a SystemName,
    pub(in crate::interaction) seal: &'a Seal,
    pub(in crate::interaction) at: Timestamp,
}

/// Reads the parameters of FHIR R4 (operation-patient-everything), each once but for `_type`, of which each says more types, and
/// `_cursor`, alone.
pub(in crate::interaction) fn parse(
    place: &Place<'_>,
    parameters: &[Parameter],
) -> Result<EverythingRequest, Malformed> {
    let mut seen = BTreeSet::new();
    let mut request = EverythingRequest {
        patient: place.patient.clone(),
        types: BTreeSet::new(),
        since: None,
        start: None,
        end: None,
        count: None,
        offset: 0,
        standing: None,
    };
    let mut sealed = None;
    for parameter in parameters {
        let Name::Plain { code, modifier: None } = &parameter.name else { return Err(Malformed::Parameter) };
        let is_first = seen.insert(code.as_str());
        if code == "_type" {
            let types = parameter.values.iter().map(type_of).collect::<Result<Vec<_>, _>>()?;
            request.types.extend(types);
            continue;
        }
        if !is_first {
            return Err(Malformed::Parameter);
        }
        let [value] = parameter.values.as_slice() else { return Err(Malformed::Parameter) };
        match code.as_str() {
            "_format" | "_pretty" => {}
            "_since" => request.since = Some(history::moment(value)?),
            "start" => request.start = Some(day("start", value)?),
            "end" => request.end = Some(day("end", value)?),
            "_count" => request.count = Some(history::number(value)?),
            "_cursor" => sealed = Some(value.plain()),
            _ => return Err(Malformed::Parameter),
        }
    }
    let Some(sealed) = sealed else { return Ok(request) };
    let others = ["_type", "_since", "start", "end", "_count"];
    if others.into_iter().any(|name| seen.contains(name)) {
        return Err(Malformed::Cursor);
    }
    let (Onward { offset, standing }, form) = cursor::open_of_everything(place, &sealed)?;
    let parameters = fhir::search::grammar::parse(&form).map_err(|_| Malformed::Cursor)?;
    Ok(EverythingRequest { offset, standing: Some(standing), ..parse(place, &parameters)? })
}

fn type_of(value: &Escaped) -> Result<TypeId, Malformed> {
    tables::resource_type(&value.plain()).ok_or(Malformed::NoSuchPlace)
}

fn day(parameter: &'static str, value: &Escaped) -> Result<DateTime, Malformed> {
    DateTime::parse_date(&value.plain())
        .map_err(|_| SearchError::Value { parameter, reason: InvalidValue::Date }.into())
}
