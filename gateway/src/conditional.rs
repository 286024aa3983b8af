//! Creates under `If-None-Exist`: what is there already is looked for as the requestor may search, and created only where
//! nothing is found.
//!
//! What is hidden counts as not there: the answer says "created" in both cases, and is true in both. The system is told the
//! condition only while it holds nothing that meets it, so that two creates at once make one; it never decides by what is
//! hidden. It is looked for in the record of the person to whom the body belongs. Both rules, for the search and for the create, are asked before any system is.

use std::sync::Arc;

use fhir::json::Document;
use fhir::reference::Bases;
use fhir::search::{SearchQuery, grammar, names_person_by};
use fhir::tables::TypeId;

use crate::decision::admit;
use crate::decision::evidence::Evidence;
use crate::decision::ruling::{Admitted, Question};
use crate::enforce::existing::{Existing, existing};
use crate::enforce::release::{Epoch, Released, Unreleased, release};
use crate::enforce::subjects::{named_in, patient_by};
use crate::enforce::unfiltered::Unfiltered;
use crate::exchange::view::{View, looked_at};
use crate::interaction::{FhirAction, Interaction, NewResource, SearchRequest};
use crate::named;
use crate::outcome::{Ended, Ending, NotTaken};
use crate::pace::UnderWay;
use crate::person::SystemName;
use crate::ports::Ports;
use crate::submit::{New, created, release_body};
use crate::trail::record::Exchange;
use crate::upstream::{Outgoing, Sent, Taken, UpstreamFault, Write};

/// How often it is looked for and tried: again when somebody else was faster, or a consent changed meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// What is asked, as often as the rules are.
pub(crate) struct Asked {
    question: Question,
    system: SystemName,
    resource_type: TypeId,
    body: Arc<Unfiltered<Document>>,
    condition: SearchQuery,
}

impl Asked {
    pub(crate) fn of(question: Question, ports: &Ports) -> Option<Self> {
        let Interaction::Fhir { system, action: FhirAction::Create(new) } = &question.interaction else {
            return None;
        };
        let bases = ports.bases_of(system);
        let (system, resource_type, body) = (system.clone(), new.resource_type, Arc::clone(&new.body));
        let condition = new.unless.clone()?;
        let condition = about(&condition, &body, bases).unwrap_or(condition);
        Some(Self { question, system, resource_type, body, condition })
    }

    /// The create by itself.
    pub(crate) fn writing(&self) -> Question {
        let body = Arc::clone(&self.body);
        let unless = Some(self.condition.clone());
        self.asking(FhirAction::Create(NewResource { resource_type: self.resource_type, body, unless }))
    }

    /// The search by itself.
    pub(crate) fn searching(&self) -> Question {
        self.asking(FhirAction::Search(SearchRequest {
            query: self.condition.clone(),
            offset: 0,
            standing: None,
        }))
    }

    fn asking(&self, action: FhirAction) -> Question {
        Question {
            requestor: self.question.requestor.clone(),
            interaction: Interaction::Fhir { system: self.system.clone(), action },
            override_reason: self.question.override_reason.clone(),
            at: self.question.at,
        }
    }
}

/// Whether an attempt may have made it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    No,
    /// The system said that it is there, and not since when: it is not created again.
    Perhaps,
}

/// Creates a resource unless the requestor can see that it is there: what is told, and what that rests on until it is.
///
/// # Errors
/// [`Ended`] when it was neither found nor created, or that could not be recorded.
pub async fn create(
    question: Question,
    begun: Exchange,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<(Released, Evidence), Ended> {
    let Some(asked) = Asked::of(question, ports) else { return Err(begun.end(Ending::NotFound)) };
    let named = named_in(&asked.body, ports.bases_of(&asked.system));
    let rules = |question| admit(question, &ports.settings).map_err(|why| begun.refuse(why, &named));
    let mut write = rules(asked.writing())?;
    let mut read = rules(asked.searching())?;
    named::concerns(under_way, &write, &asked.body, ports);
    under_way.concerns(&write);
    let left_out = named::left_out_by_rule(&asked.body, &write, ports);
    let new = New { resource_type: asked.resource_type.name(), left_out };
    let mut last = Ending::NotTaken(NotTaken::Conflict);
    let mut made = Made::No;
    for _ in 0..ATTEMPTS_MAX {
        let looking = Exchange { interaction: "search-type".into(), ..begun.clone().under(&read) };
        let View { made: there, again, evidence, .. } = looked_for(read, &looking, ports).await?;
        read = again;
        let condition = match there {
            Existing::Seen(told) => {
                let is_current = || evidence.is_current(&ports.consents);
                let epoch = || if is_current() { Epoch::Same } else { Epoch::Moved };
                match release(*told, looking.format, &epoch, &*ports.ledger).await {
                    Ok(released) => return Ok((ports.counted(released), evidence)),
                    Err(why @ Unreleased::ConsentMoved) => last = Ending::Unrecorded(why),
                    Err(why) => return Err(looking.end(Ending::Unrecorded(why))),
                }
                continue;
            }
            Existing::Hidden | Existing::Absent if made == Made::Perhaps => return Err(begun.end(last)),
            Existing::Hidden => None,
            Existing::Absent => Some(asked.condition.to_form()),
        };
        let begun = begun.clone().under(&write);
        let intent = release_body(write, &asked.body, &begun, ports).await?;
        let outcome = Exchange { follows: Some(intent.receipt().to_header()), ..begun };
        let is_conditional = condition.is_some();
        match send(&asked, &intent, condition, ports).await {
            // Somebody else was faster, or it was made and the system does not say so: what is there now is looked at anew.
            Ok(Sent { taken: taken @ (Taken::Done | Taken::Conflict), .. }) if is_conditional => {
                let why = if taken == Taken::Done { NotTaken::Unclear } else { NotTaken::Conflict };
                made = if taken == Taken::Done { Made::Perhaps } else { made };
                outcome.end(Ending::NotTaken(why)).noted(ports).await?;
                last = Ending::NotTaken(why);
                write = rules(asked.writing())?;
            }
            sent => {
                let made = created(sent, &new, &asked.system, outcome, ports).await?;
                return Ok((made, Evidence::none()));
            }
        }
    }
    Err(begun.end(last))
}

/// Looks for what is there already, as the requestor may search.
pub(crate) async fn looked_for(
    read: Admitted,
    looking: &Exchange,
    ports: &Ports,
) -> Result<View<Existing>, Ended> {
    let found = looked_at(read, looking, ports, |held, led_to, ruling, subjects, frame| {
        existing(&held, led_to, ruling, subjects, frame)
    })
    .await?;
    // Nothing is written where it cannot be told what is there already.
    match found.evidence.unusable().first() {
        Some(why) => Err(looking.end(Ending::Evidence(why.clone().into()))),
        None => Ok(found),
    }
}

/// The condition within the record of the Patient to whom the body belongs: a search names its person. A Patient is named
/// by the identifier itself.
fn about(condition: &SearchQuery, body: &Unfiltered<Document>, bases: &Bases) -> Option<SearchQuery> {
    let code = names_person_by(condition.resource_type())?;
    // Her number, which may stand beside it, says nothing that the reference does not; who else is named has no part in it.
    let id = patient_by(body, (condition.resource_type(), code), bases)?;
    let form = format!("{}&{code}=Patient%2F{}", condition.to_form(), id.as_str());
    SearchQuery::compile(condition.resource_type(), &grammar::parse(&form).ok()?, bases).ok()
}

async fn send(
    asked: &Asked,
    intent: &Released,
    if_none_exist: Option<String>,
    ports: &Ports,
) -> Result<Sent, UpstreamFault> {
    let write = Write::Create { resource_type: asked.resource_type.name(), if_none_exist };
    let provenance = intent.provenance().cloned();
    ports.upstream.send(&asked.system, Outgoing::released(write, intent, provenance)).await
}
