//! Everything about one person, where a type has more than is read at once: it is read on, and what is hidden let go, as
//! that of a long search is. What is left out in the end is what has too much that may be seen.

use fhir::search::SearchQuery;

use crate::behind::behind;
use crate::decision::decide;
use crate::decision::evidence::{Evidence, Unusable, Wells};
use crate::decision::ruling::{Admitted, Ruling};
use crate::enforce::amassed::{Amassed, Took};
use crate::enforce::answer::Frame;
use crate::enforce::behind::Behind;
use crate::enforce::everything::Missing;
use crate::enforce::held::Held;
use crate::enforce::included::Included;
use crate::enforce::sieve::apart;
use crate::enforce::subjects::{Subjects, subjects};
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::interaction::{FhirAction, Interaction};
use crate::outcome::{Ended, Ending};
use crate::ports::Ports;
use crate::upstream::UpstreamFault;
use crate::upstream::everything::ROOM;

/// Where everything is read, and what it rests on.
struct Reading<'a> {
    frame: Frame<'a>,
    ports: &'a Ports,
    wells: Wells<'a>,
    evidence: Evidence,
}

/// Reads on where `held` lacks types of which there is more than is read at once. The admitted question comes back, and the
/// evidence on which something was let go.
///
/// # Errors
/// [`Ended`] when a system does not answer.
pub(super) async fn by_type(
    held: Unfiltered<Held>,
    admitted: Admitted,
    frame: Frame<'_>,
    (ports, wells): (&Ports, Wells<'_>),
) -> Result<(Unfiltered<Held>, Admitted, Evidence), Ended> {
    let queries = queries(&admitted);
    let mut reading = Reading { frame, ports, wells, evidence: Evidence::none() };
    let whom = Whom::over(frame.bases);
    let (known, mut ruling, on) = reading.ruled(&held, admitted, &whom).await?;
    let with = Frame { behind: &known, whom: Some(&whom), ..frame };
    let mut amassed = match Amassed::of(held, &queries, (&ruling, &on), (with, ROOM)) {
        Ok(amassed) => amassed,
        Err(held) => return Ok((*held, ruling.into_admitted(), reading.evidence)),
    };
    for (at, query) in queries.iter().enumerate() {
        let place = (at, query.resource_type());
        if !amassed.is_open(at) {
            amassed.settle(place);
            continue;
        }
        let (took, again) = reading.read((at, query), ruling, &mut amassed).await?;
        ruling = again;
        match took {
            Ok(Took::Part) => amassed.settle(place),
            Ok(Took::TooMuch) | Err(Missing::TooMuch) => amassed.leave_out(place, Missing::TooMuch),
            Ok(Took::Ends) => break,
            Err(Missing::NotSearched) => amassed.leave_out(place, Missing::NotSearched),
        }
    }
    Ok((amassed.held(), ruling.into_admitted(), reading.evidence))
}

impl Reading<'_> {
    /// Reads the answer to one search, part by part. The last ruling comes back.
    async fn read(
        &mut self,
        (at, query): (usize, &SearchQuery),
        mut ruling: Ruling,
        amassed: &mut Amassed,
    ) -> Result<(Result<Took, Missing>, Ruling), Ended> {
        let system = self.frame.system;
        let mut answered = self.ports.upstream.search_for(system, query).await;
        loop {
            let (part, rest) = match answered {
                Ok(held) => apart(held),
                // Time is one of the bounds on what is read for one search.
                Err(UpstreamFault::TimedOut) => return Ok((Err(Missing::TooMuch), ruling)),
                Err(why) if why.is_refusal() => return Ok((Err(Missing::NotSearched), ruling)),
                Err(why) => return Err(self.frame.exchange.end(Ending::Upstream(why))),
            };
            let is_cut_off = rest.is_none() && Included::says_there_is_more(&part);
            let whom = Whom::over(self.frame.bases);
            let (known, again, on) = self.ruled(&part, ruling.into_admitted(), &whom).await?;
            ruling = again;
            let with = Frame { behind: &known, whom: Some(&whom), ..self.frame };
            let took = amassed.take((at, query), part, (&ruling, &on), with);
            match (took, rest) {
                (Took::Part, Some(rest)) => answered = self.ports.upstream.go_on(system, rest).await,
                (Took::Part, None) if is_cut_off => return Ok((Err(Missing::TooMuch), ruling)),
                (took, _) => return Ok((Ok(took), ruling)),
            }
        }
    }

    /// The ruling about those whom this is about, and who they are.
    async fn ruled(
        &mut self,
        held: &Unfiltered<Held>,
        admitted: Admitted,
        whom: &Whom<'_>,
    ) -> Result<(Behind, Ruling, Subjects), Ended> {
        let unproven = |why| self.frame.exchange.end(Ending::Evidence(why));
        let on = (self.frame.system, whom);
        let (found, doubts) = behind(held, Behind::default(), on, self.wells).await.map_err(unproven)?;
        let subjects = found.join(subjects(held, &admitted, whom));
        let known = Evidence::gather(&admitted, &subjects, self.wells).await.map_err(unproven)?;
        let ruling = decide(admitted, &known);
        self.rest_on(known, doubts);
        Ok((found, ruling, subjects))
    }

    fn rest_on(&mut self, known: Evidence, doubts: impl IntoIterator<Item = Unusable>) {
        let before = std::mem::replace(&mut self.evidence, Evidence::none());
        self.evidence = known.resting_on(&before);
        self.evidence.doubt(doubts);
    }
}

/// The searches that everything stands for.
fn queries(admitted: &Admitted) -> Vec<SearchQuery> {
    match &admitted.question().interaction {
        Interaction::Fhir { action: FhirAction::Everything(request), .. } => {
            request.queries(admitted.share()).unwrap_or_default()
        }
        Interaction::Fhir { .. } | Interaction::Push { .. } | Interaction::Own(_) => Vec::new(),
    }
}
