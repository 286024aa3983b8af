//! What a body that is sent names: no more than its sender may read where it goes.
//!
//! A receiver that holds references to be kept refuses one that leads nowhere. Were all kept that the rules let be named,
//! whoever sends something would be told by that whether what is hidden from her is there. So what a body names is looked
//! up before it is sent, as the sender would read it: what is hidden, what is not there and what she has no agreement to
//! read are left out alike, and the receiver hears the same.
//!
//! A push waits in the inbox, and how its receiver takes it is told to nobody outside: there the rules alone decide.

use std::collections::BTreeSet;

use fhir::json::Document;
use fhir::tables::TypeId;

use crate::agreement::SharedType;
use crate::decision::admit;
use crate::decision::evidence::anyone::{Anyone, nothing};
use crate::decision::evidence::{Evidence, EvidenceFault, Unusable, Wells};
use crate::decision::following::{NO_PERSON, PLACES};
use crate::decision::ruling::{Admitted, Question, Ruling};
use crate::enforce::answer::Frame;
use crate::enforce::naming::{Naming, Readable, Rest, types_named};
use crate::enforce::submitted::named_by;
use crate::enforce::unfiltered::Unfiltered;
use crate::follow::readable;
use crate::interaction::{FhirAction, Interaction, ReadTarget};
use crate::pace::UnderWay;
use crate::person::SystemName;
use crate::ports::Ports;

/// Which references of `body`, which `ruling` lets be sent, stay in it, and the evidence for that.
///
/// # Errors
/// [`EvidenceFault`] when it cannot be found out: the same whether what is named is hidden or not there.
pub(crate) async fn naming(
    body: &Unfiltered<Document>,
    together: &Unfiltered<Document>,
    ruling: &Ruling,
    frame: Frame<'_>,
    ports: &Ports,
) -> Result<(Naming, Evidence), EvidenceFault> {
    let (question, system) = (ruling.admitted().question(), ruling.admitted().system());
    if let Interaction::Push { .. } = question.interaction {
        return Ok((Naming::ByRule, Evidence::none()));
    }
    let looked_up = looked_up(body, ruling.admitted(), ports);
    let wanted = named_by(body, together, ruling, &looked_up, frame);
    let reads = |target: TypeId| reading(question, system, target, ports).is_some();
    let wanted = wanted.of_types(reads);
    let first = wanted.asks().keys().next().copied();
    let Some(reader) = first.and_then(|target| reading(question, system, target, ports)) else {
        let nothing = Readable::default().and_nothing_else_of(looked_up);
        return Ok((Naming::Read(nothing), Evidence::none()));
    };
    let (anyone, road) = (Anyone::of(&reader), ports.road());
    let wells = Wells { upstream: &road, ..ports.wells() };
    let alone = Frame::of(frame.exchange, system, ports);
    let (readable, evidence) = readable(wanted, reader, alone, wells).await?;
    // Whether somebody is behind it must not be told by what fails.
    if let (Some(anyone), Rest::Some) = (anyone, readable.rest()) {
        anyone.ask(&road, wells).await?;
    }
    for why in evidence.unusable().iter().map(Unusable::reason) {
        ports.metrics.upstream_fault(why);
    }
    Ok((Naming::Read(readable.and_nothing_else_of(looked_up)), evidence))
}

/// Of what a body names that is about nobody by rule, the types of which some is hidden from its sender where it goes: places,
/// and what her agreement shares under conditions.
fn looked_up(body: &Unfiltered<Document>, admitted: &Admitted, ports: &Ports) -> BTreeSet<TypeId> {
    let (question, system) = (admitted.question(), admitted.system());
    // What is shared within other resources alone nobody reads by itself.
    let is_in_part = |target: TypeId| {
        let reader = reading(question, system, target, ports);
        reader.is_some_and(|reader| {
            !shares_all(&reader, target) && reader.share().tables(target).iter().any(SharedType::shares_alone)
        })
    };
    let is_looked_up = |target: &TypeId| {
        PLACES.contains(&target.name()) || NO_PERSON.contains(&target.name()) && is_in_part(*target)
    };
    types_named(body, ports.bases_of(system)).into_iter().filter(is_looked_up).collect()
}

/// The types that a body names and that are left out of it by the rules, whatever bears the names: what is sent to the
/// system does not name them, or its sender may read nothing of them there.
pub(crate) fn left_out_by_rule(
    body: &Unfiltered<Document>,
    admitted: &Admitted,
    ports: &Ports,
) -> BTreeSet<TypeId> {
    let (question, system) = (admitted.question(), admitted.system());
    let is_named = |target: TypeId| {
        let reader = reading(question, system, target, ports);
        shares_all(admitted, target)
            && match target.name() {
                name if NO_PERSON.contains(&name) => true,
                name if PLACES.contains(&name) => reader.is_some_and(|reader| shares_all(&reader, target)),
                _ => reader.is_some(),
            }
    };
    types_named(body, ports.bases_of(system)).into_iter().filter(|target| !is_named(*target)).collect()
}

/// Whether some table shares every resource of the type.
fn shares_all(admitted: &Admitted, target: TypeId) -> bool {
    admitted.share().tables(target).iter().any(SharedType::is_unconditional)
}

/// Notes that what `body` names is looked up, if it is: what is found of it must not be told by the time that takes.
pub(crate) fn concerns(
    under_way: &UnderWay,
    admitted: &Admitted,
    body: &Unfiltered<Document>,
    ports: &Ports,
) {
    let system = admitted.system();
    let types = types_named(body, ports.bases_of(system));
    let readers = types.into_iter().filter_map(|target| reading(admitted.question(), system, target, ports));
    readers.for_each(|reader| under_way.concerns_together(&reader));
}

/// The sender, as who reads what it names of this type; nothing where no agreement lets her.
///
/// Without override: an emergency opens what is to be read, and whose it is is told of that.
fn reading(question: &Question, system: &SystemName, target: TypeId, ports: &Ports) -> Option<Admitted> {
    let action = FhirAction::Read(ReadTarget::new(target, nothing()?));
    let reading = Question {
        requestor: question.requestor.clone(),
        interaction: Interaction::Fhir { system: system.clone(), action },
        override_reason: None,
        at: question.at,
    };
    admit(reading, &ports.settings).ok()
}
