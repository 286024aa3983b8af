//! From the question to what may be shown, or to what a change of that comes to: nothing is recorded here, and nothing
//! leaves.
//!
//! Where an agreement withholds existence, whether something is hidden or absent must not be told by what fails. So
//! before nothing is told, every source of evidence has been asked ([`Anyone`]), and a fault of theirs is told whoever
//! it was about. A fault that lies in one resource or person alone is no outage: it is told as nothing, and recorded as
//! the fault it is; what is about others is decided as ever. A system that is down, slow or broken is a fault always: nobody is told "not found" for that.

use std::collections::BTreeSet;

use fhir::search::NamedPerson;

use crate::behind::behind;
use crate::decision::decide;
use crate::decision::evidence::anyone::{Anyone, Road, nobody, nothing};
use crate::decision::evidence::{Evidence, Unusable, Wells};
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Answer, Ruling};
use crate::enforce::answer::{Frame, minimise};
use crate::enforce::behind::Behind;
use crate::enforce::held::{Complete, Held};
use crate::enforce::release::Minimised;
use crate::enforce::subjects::{Named, Subjects, subjects};
use crate::enforce::targets::LookedUp;
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::follow::{Ruled, follow};
use crate::include;
use crate::interaction::{FhirAction, Interaction, ReadTarget};
use crate::outcome::{Ended, Ending, Unseen};
use crate::person::PersonKey;
use crate::ports::Ports;
use crate::refill::refill;
use crate::trail::record::Exchange;
use crate::upstream::UpstreamFault;

/// Persons who are asked about one by one, where a system refuses to tell of all of them together.
const APART_MAX: usize = 50;

/// What was made of something that was looked at, and what that rests on.
pub(crate) struct View<T> {
    pub(crate) made: T,
    /// The question, should a consent move.
    pub(crate) again: Admitted,
    pub(crate) evidence: Evidence,
    /// The name of a fault that lies in what there is about somebody, and was passed over.
    pub(crate) fault: Option<&'static str>,
}

/// Finds out what may be shown.
pub(crate) async fn view(
    admitted: Admitted,
    begun: &Exchange,
    ports: &Ports,
) -> Result<View<Minimised>, Ended> {
    // One ruling, one disclosure.
    let view = looked_at(admitted, begun, ports, minimise).await?;
    let made = match view.fault {
        Some(reason) => view.made.in_spite_of(reason),
        None => view.made,
    };
    Ok(View { made, ..view })
}

/// Looks at what is asked for as on a read, and makes of it what `make` does: a change takes this road too.
pub(crate) async fn looked_at<T>(
    admitted: Admitted,
    begun: &Exchange,
    ports: &Ports,
    make: impl FnOnce(Unfiltered<Held>, &LookedUp, Ruling, &Subjects, Frame<'_>) -> Result<(T, Admitted), Ended>,
) -> Result<View<T>, Ended> {
    let system = admitted.system().clone();
    let frame = Frame::of(begun, &system, ports);
    let whom = Whom::over(frame.bases); // each resource is read for its persons once
    let frame = Frame { whom: Some(&whom), ..frame };
    let road = ports.road();
    let quiet = Quiet {
        anyone: Anyone::of(&admitted),
        by_id: reads(&admitted.question().interaction).cloned(),
        road: &road,
        wells: Wells { upstream: &road, ..ports.wells() },
        begun,
    };
    let (held, refused) = match ports.upstream.fetch(&admitted).await {
        Ok(held) => (held, None), // Unfiltered
        Err(why) => quiet.instead(why, &admitted, ports).await?,
    };
    let (held, asked, so_far) = refill(held, admitted, frame, (ports, quiet.wells)).await?; // a long search, without what is hidden
    let fault = |why| begun.end(Ending::Evidence(why));
    let on = (&system, &whom);
    let (known, mut doubts) = behind(&held, Behind::default(), on, quiet.wells).await.map_err(fault)?; // who is behind a Group
    let with = Frame { behind: &known, ..frame };
    let (held, asked, beside) = include::beside(held, asked, with, (ports, quiet.wells)).await?; // what goes with a page
    let (known, more) = behind(&held, known.clone(), on, quiet.wells).await.map_err(fault)?;
    doubts.extend(more);
    let frame = Frame { behind: &known, ..frame };
    let subjects = known.join(subjects(&held, &asked, &whom)); // keys, no content
    let evidence = Evidence::gather(&asked, &subjects, quiet.wells).await.map_err(fault)?;
    let mut evidence = evidence.resting_on(&so_far).resting_on(&beside);
    evidence.doubt(doubts);
    let ruled = Ruled { ruling: decide(asked, &evidence), subjects, evidence }; // pure; one answer a person
    let (led_to, ruled) = follow(&held, ruled, frame, quiet.wells).await.map_err(fault)?; // by its references
    let names = Names::of(&ruled, &ruled.subjects.named);
    let refused = refused.map(|refused| (refused.why, refused.names(&ruled)));
    let Ruled { ruling, subjects, evidence } = ruled;
    match make(held, &led_to, ruling, &subjects, frame) {
        Ok((made, again)) => {
            tell(evidence.unusable(), ports); // whatever else is shown
            if let Some((why, of)) = refused {
                // She may be told of: what there is of hers is not to be taken for nothing.
                if of == Names::Permitted {
                    return Err(begun.end(Ending::Upstream(why)));
                }
                ports.metrics.upstream_fault(why.reason());
            }
            if quiet.by_id.is_none() && names != Names::Permitted {
                quiet.ask().await?;
            }
            let unusable = evidence.unusable().first().map(Unusable::reason);
            let fault = refused.map(|(why, _)| why.reason()).or(unusable);
            Ok(View { made, again, evidence, fault })
        }
        Err(ended) => Err(quiet.nothing(ended, evidence.unusable(), ports).await),
    }
}

/// Whether that there is somebody may be told, whatever there is of hers: of those whom the request names, where it names
/// any. Who merely stands in what is another's counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Permitted,
    Refused,
}

impl Names {
    fn of(ruled: &Ruled, named: &Named) -> Self {
        let ruling = &ruled.ruling;
        let by_id = named.patients.iter().map(|id| ruling.answer_of(id));
        let by_number = named.nhs_numbers.iter().map(|number| ruling.answers().get(&PersonKey::Nhs(*number)));
        let mut named = by_id.chain(by_number).peekable();
        let is_permit = |answer: Option<&Answer>| matches!(answer, Some(Answer::Permit(_)));
        let is_permitted = match named.peek().is_some() {
            true => named.any(is_permit),
            false => ruling.answers().values().any(|answer| is_permit(Some(answer))),
        };
        if is_permitted { Self::Permitted } else { Self::Refused }
    }
}

/// That a holder refuses a search.
struct Refused {
    why: UpstreamFault,
    /// Of whom; nothing where it is all of the search.
    of: Option<Named>,
}

impl Refused {
    /// Whether it may be told to be refused of those of whom it is.
    fn names(&self, ruled: &Ruled) -> Names {
        Names::of(ruled, self.of.as_ref().unwrap_or(&ruled.subjects.named))
    }
}

/// What keeps an answer of nothing from telling more.
struct Quiet<'a> {
    /// Nothing where existence is open.
    anyone: Option<Anyone>,
    /// The one resource that is asked for.
    by_id: Option<ReadTarget>,
    road: &'a Road<'a>,
    wells: Wells<'a>,
    begun: &'a Exchange,
}

impl Quiet<'_> {
    /// Asks the sources what they were not asked.
    async fn ask(&self) -> Result<(), Ended> {
        match &self.anyone {
            Some(anyone) => {
                let answered = anyone.ask(self.road, self.wells).await;
                answered.map_err(|why| self.begun.end(Ending::Evidence(why)))
            }
            None => Ok(()),
        }
    }

    /// The end of an exchange that shows nothing.
    async fn nothing(&self, ended: Ended, unusable: &[Unusable], ports: &Ports) -> Ended {
        let is_uncertain =
            matches!(ended.ending, Ending::NotFound | Ending::Refused(Refusal::PersonUncertain, _));
        let (why, others) = match unusable.split_first() {
            Some((why, others)) if is_uncertain => (Some(why.clone()), others),
            _ => (None, unusable),
        };
        tell(others, ports);
        let is_not_found = ended.ending.is_not_found();
        let outage = if is_not_found { self.ask().await.err() } else { None };
        let ending = match (outage, why) {
            (Some(outage), why) => {
                tell(why.as_slice(), ports);
                outage.ending
            }
            (None, Some(why)) if is_not_found => Ending::Unseen(Unseen::Unproven(why.into())),
            // That there is somebody is no secret: it may be asked again.
            (None, Some(why)) => Ending::Evidence(why.into()),
            (None, None) => ended.ending,
        };
        Ended { ending, records: ended.records }
    }

    /// What stands for the answer to a search that its holder refuses: nothing was found.
    ///
    /// A holder may refuse what it holds of one person, or say so of everyone whom it does not know: by which it tells who
    /// is there. Where the search names its persons they are decided about all the same, and the refusal is told of those
    /// only who may be told of. One that refuses the same search about nobody in the same way refuses us altogether. Where
    /// several are named it is asked about each alone: what it refuses of one is no reason to show nothing of another.
    async fn instead(
        &self,
        why: UpstreamFault,
        admitted: &Admitted,
        ports: &Ports,
    ) -> Result<(Unfiltered<Held>, Option<Refused>), Ended> {
        let Interaction::Fhir { action: FhirAction::Search(request), .. } = &admitted.question().interaction
        else {
            return Err(self.not_fetched(why, admitted, ports).await);
        };
        let fault = |why| self.begun.end(Ending::Upstream(why));
        let is_known = |person: &NamedPerson| !matches!(person, NamedPerson::Identifier(_));
        let names_persons = request.query.named_persons().iter().any(is_known);
        let (Some(_), Some(id), Some(number), true, true) =
            (&self.anyone, nothing(), nobody(), names_persons, why.is_refusal())
        else {
            return Err(fault(why));
        };
        let system = admitted.system();
        if why != UpstreamFault::NotThere {
            let of_nobody = ports.upstream.search_of_nobody(system, &request.query, (&id, &number)).await;
            if !is_of_resource(&of_nobody, why) {
                return Err(fault(why));
            }
        }
        let alone = request.query.apart();
        if alone.is_empty() || alone.len() > APART_MAX {
            let nothing = Unfiltered::new(Held::searchset(Vec::new(), Complete::All, None));
            return Ok((nothing, Some(Refused { why, of: None })));
        }
        let (held, refused) = ports.upstream.search_apart(system, alone).await.map_err(fault)?;
        // It may refuse nothing but that several are asked about.
        let first = refused.first().map(|(_, why)| *why);
        let of = refused.into_iter().map(|(person, _)| person).collect();
        Ok((held, first.map(|why| Refused { why, of: Some(of) })))
    }

    /// The end of an exchange whose holder gave nothing to decide about.
    ///
    /// A holder that refuses one resource may refuse all: it is asked for one that nobody holds. Only where it does not
    /// refuse that is it the resource that is refused, and then it is as if there were none.
    async fn not_fetched(&self, why: UpstreamFault, admitted: &Admitted, ports: &Ports) -> Ended {
        let (Some(anyone), Some(target), Some(id), true) =
            (&self.anyone, &self.by_id, nothing(), why.is_refusal())
        else {
            return self.begun.end(Ending::Upstream(why));
        };
        let nothing = ReadTarget { id, ..target.clone() };
        // Side by side: the road is as long as that of finding nothing.
        let (of_nothing, outage) = futures_util::join!(
            ports.upstream.read(admitted.system(), &nothing),
            anyone.ask(self.road, self.wells)
        );
        let outage = outage.map_err(|why| self.begun.end(Ending::Evidence(why)));
        match (is_of_resource(&of_nothing, why), outage) {
            (false, _) => self.begun.end(Ending::Upstream(why)),
            (true, Err(outage)) => outage,
            (true, Ok(())) => self.begun.end(Ending::Unseen(Unseen::Refused(why))),
        }
    }
}

/// Whether a refusal concerns the resource alone: what nobody holds is not refused in the same way.
fn is_of_resource(of_nothing: &Result<Unfiltered<Held>, UpstreamFault>, why: UpstreamFault) -> bool {
    match of_nothing {
        Ok(_) => true,
        Err(other) if other.is_refusal() => *other != why,
        Err(_) => false,
    }
}

/// Counts faults that are told to nobody.
fn tell(unusable: &[Unusable], ports: &Ports) {
    let reasons: BTreeSet<&'static str> = unusable.iter().map(Unusable::reason).collect();
    for reason in reasons {
        tracing::error!(reason, "evidence about a person could not be used: she is told to nobody");
        ports.metrics.upstream_fault(reason);
    }
}

/// The one resource that is asked for.
const fn reads(interaction: &Interaction) -> Option<&ReadTarget> {
    match interaction {
        Interaction::Fhir { action, .. } => action.reads(),
        Interaction::Push { .. } | Interaction::Own(_) => None,
    }
}
