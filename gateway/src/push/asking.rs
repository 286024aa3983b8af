//! Queries in HL7 v2 (`QBP^Q22`, `QBP^Q21`, `QRY^A19`): each is a search of Patients by who sent it, asked, decided,
//! minimised and recorded as one over HTTP, and answered by `RSP^K22`, `RSP^K21` or `ADR^A19`.
//!
//! A query is not stored: it changes nothing, and who gets no answer asks again. It has one answer, whatever MSH-15 and
//! MSH-16 say. Who was withheld and who is not there are answered in the same bytes, at the same beat.

use std::fmt;
use std::sync::Arc;

use adapters::Context;
use adapters::hl7v2::out::Profile;
use adapters::hl7v2::query::{Outline, Query, Unasked};
use adapters::hl7v2::{self, AckCode, Envelope, Place, Problem, Stamp, Wrong};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::{Meaning, Told, not_now};
use super::desk::Now;
use super::intake::Sender;
use crate::enforce::query_answer::{QueryAnswer, Wording};
use crate::enforce::release::Released;
use crate::exchange::asked::{Answered, Asked, answer};
use crate::interaction::Malformed;
use crate::interaction::query::{NotAsked, Where, patients};
use crate::outcome::Ending;
use crate::pace::UnderWay;
use crate::person::SystemName;
use crate::ports::Ports;
use crate::requestor::Requestor;
use crate::server::arrived::RequestId;
use crate::server::attend::OVERLOADED;
use crate::server::format::Format;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

/// The events of queries.
const QUERIES: [(&str, &str); 3] = [("QBP", "Q22"), ("QBP", "Q21"), ("QRY", "A19")];
/// In which version who asks is answered, where it says none that is written.
const VERSION: &str = "2.5";

/// Answers queries as the gateway is set up at that moment.
#[derive(Clone)]
pub struct Queries(Now);

/// A query that came.
pub(in crate::push) struct Inquiry<'a> {
    pub(in crate::push) raw: &'a [u8],
    pub(in crate::push) envelope: Envelope,
    /// Who asks, and the record of the exchange up to here.
    pub(in crate::push) requestor: Requestor,
    pub(in crate::push) begun: Exchange,
    /// Whose Patients are searched.
    pub(in crate::push) system: SystemName,
    /// How who asks takes messages, where that is set.
    pub(in crate::push) profile: Option<Profile>,
    pub(in crate::push) context: Context,
}

/// What was released with an answer, should nobody take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    request_id: String,
    pub(in crate::push) receipt: String,
}

/// The answer to a query, and what it tells.
pub(in crate::push) struct Said {
    pub(in crate::push) told: Told,
    pub(in crate::push) not_before: Option<Instant>,
}

/// The outside of `raw`, if it is a query.
pub(in crate::push) fn query(raw: &[u8], context: &Context) -> Option<Envelope> {
    let envelope = hl7v2::envelope(raw, context).ok()?;
    let is = |(code, trigger): &(&str, &str)| envelope.code == *code && envelope.trigger == *trigger;
    QUERIES.iter().any(is).then_some(envelope)
}

impl Queries {
    /// Answers as `now` says.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self(now)
    }

    /// Begins to answer a message of a listener, if it is a query and the listener takes those. The answer comes when it
    /// may be told.
    pub(in crate::push) fn take(
        &self,
        sender: &Sender,
        raw: &[u8],
        peer: Option<String>,
    ) -> Option<mpsc::Receiver<Told>> {
        let under_way = UnderWay::begin();
        let ports = (self.0)();
        let asks = ports.settings.mllp.iter().find(|mllp| mllp.listener() == sender.listener)?;
        let asks = asks.queries.clone()?;
        let envelope = query(raw, &sender.context)?;
        let (tell, told) = mpsc::channel(1);
        let (raw, context, requestor) = (raw.to_vec(), sender.context.clone(), sender.requestor());
        let queries = self.clone();
        tokio::spawn(async move {
            // An exchange finds a place at once or is turned away, as at the front door.
            let place = ports.places.at_door().try_acquire_owned();
            let request_id = RequestId::random();
            let (Ok(place), Some(request_id)) = (place, request_id) else {
                // Counted as at the front door: a record of each would be what fills the disk.
                ports.metrics.ended_at_door(OVERLOADED);
                return drop(tell.send(again(&raw, &ports)).await);
            };
            let begun = Exchange::begun(request_id.as_str().to_owned(), ports.clock.now(), peer);
            let begun = begun.by(&requestor);
            let began = Instant::now();
            let mut answered = tokio::spawn({
                let (ports, raw, begun) = (Arc::clone(&ports), raw.clone(), begun.clone());
                async move {
                    let (system, profile) = (asks.system, asks.profile);
                    let inquiry = Inquiry { raw: &raw, envelope, requestor, begun, system, profile, context };
                    respond(inquiry, &ports, &under_way).await
                }
            });
            let said = match timeout(ports.settings.limits.exchange_timeout, &mut answered).await {
                Ok(Ok(said)) => said,
                Ok(Err(_)) => {
                    drop(begun.end(Ending::Panicked).record(&ports).await);
                    Said { told: again(&raw, &ports), not_before: None }
                }
                Err(_) => {
                    drop(tell.send(again(&raw, &ports)).await);
                    // It is not cancelled: what it comes to is recorded, and nobody is there to take it.
                    let leaving = answered.await.ok().and_then(|said| said.told.shared);
                    return queries.not_taken(leaving).await;
                }
            };
            // It waits beside the others: nobody is turned away because of it.
            drop(place);
            if let Some(moment) = said.not_before {
                sleep_until(moment).await;
            }
            ports.metrics.exchange_ended("hl7v2", said.told.meaning.class(), began.elapsed());
            let shared = said.told.shared.clone();
            if tell.send(said.told).await.is_err() {
                queries.not_taken(shared).await;
            }
        });
        Some(told)
    }

    /// Records that nobody took an answer, if something was in it.
    pub(in crate::push) async fn not_taken(&self, leaving: Option<Leaving>) {
        let Some(leaving) = leaving else { return };
        let ports = (self.0)();
        let Leaving { request_id, receipt } = leaving;
        let exchange = Exchange::begun(request_id, ports.clock.now(), None);
        let mut exchange = exchange.ended(Event::NotDelivered, 0, Some("not-delivered"));
        exchange.follows = Some(receipt);
        let recorded = match Records::from(exchange).to_batch() {
            Ok(batch) => ports.ledger.append(batch).await.is_ok(),
            Err(_) => false,
        };
        if !recorded {
            ports.metrics.unrecorded();
        }
    }
}

/// Answers a query.
pub(in crate::push) async fn respond(inquiry: Inquiry<'_>, ports: &Ports, under_way: &UnderWay) -> Said {
    let Inquiry { raw, envelope, requestor, begun, system, profile, context } = inquiry;
    let begun = Exchange {
        interaction: "search-type".to_owned(),
        resource_type: Some("Patient".to_owned()),
        place: system.to_string(),
        follows: Some(envelope.control_id.clone()),
        ..begun
    };
    let stamp = stamp(ports);
    let Some(profile) = profile.or_else(|| profile_of(&envelope.version)) else {
        drop(begun.end(Ending::NotWritten).record(ports).await);
        return Said { told: again(raw, ports), not_before: None };
    };
    let is_meant = envelope.processing.eq_ignore_ascii_case("P");
    let read = match is_meant {
        true => Query::read(raw, &context).map_err(|why| (not_asked(&why), why.ack())),
        false => {
            let text = NotAsked::NotProduction.told().text.to_owned();
            let wrong = Wrong { problem: Problem { code: "202", text }, place: None };
            Err((NotAsked::NotProduction, (AckCode::ApplicationReject, wrong)))
        }
    };
    let voice = Voice { raw, context: &context, profile: &profile, stamp: &stamp };
    let query = match read {
        Ok(query) => query,
        Err((why, (code, wrong))) => {
            let asked = Asked { begun, requestor, interaction: Err(Malformed::Query(why)) };
            let Answered { ended, not_before } = answer(asked, Format::Json.into(), ports, under_way).await;
            let told = match ended {
                Err(Ending::Malformed(_)) | Ok(_) => voice.failed(code, &wrong, Meaning::NotTaken),
                Err(ending) => voice.ended(&ending),
            };
            return Said { told, not_before };
        }
    };
    let interaction = match ports.settings.system(system.as_str()) {
        Some(system) => {
            let (settings, seal, at) = (&*ports.settings, &*ports.seal, begun.at);
            let place = Where { requestor: &requestor, system, settings, seal, at };
            patients(&query.search(), query.continuation().filter(|pointer| !pointer.is_empty()), place)
        }
        None => Err(Malformed::NoSuchPlace),
    };
    let words = QueryAnswer { query, profile: profile.clone(), stamp: stamp.clone() };
    let asked = Asked { begun, requestor, interaction };
    let Answered { ended, not_before } = answer(asked, Wording::Hl7v2(&words), ports, under_way).await;
    let told = match ended {
        Ok(released) => voice.released(&released),
        Err(ending) => voice.ended(&ending),
    };
    Said { told, not_before }
}

/// How endings are told to who asked.
struct Voice<'a> {
    raw: &'a [u8],
    context: &'a Context,
    profile: &'a Profile,
    stamp: &'a Stamp,
}

impl Voice<'_> {
    fn released(&self, released: &Released) -> Told {
        Told {
            bytes: released.body().to_vec(),
            meaning: Meaning::Taken,
            shared: Some(Leaving {
                request_id: released.request_id().to_owned(),
                receipt: released.receipt().to_header(),
            }),
        }
    }

    /// Why nothing was shared, in the text that is told of it over HTTP.
    fn ended(&self, ending: &Ending) -> Told {
        let told = ending.told();
        let is_by_rule = matches!(ending, Ending::Refused(refusal, _) if refusal.is_by_rule());
        let code = if is_by_rule { AckCode::ApplicationReject } else { AckCode::ApplicationError };
        let meaning = if told.status.is_server_error() { Meaning::NotNow } else { Meaning::NotTaken };
        let is_pointer = matches!(ending, Ending::Malformed(Malformed::Cursor));
        let pointer = Place { segment: "DSC", occurrence: 1, field: Some(1), repetition: 1 };
        let problem = Problem { code: if is_pointer { "204" } else { "207" }, text: told.text.to_owned() };
        self.failed(code, &Wrong { problem, place: is_pointer.then_some(pointer) }, meaning)
    }

    /// The answer of this kind of query; an acknowledgement where not even that can be read, or written.
    fn failed(&self, code: AckCode, wrong: &Wrong, meaning: Meaning) -> Told {
        let outline = Outline::read(self.raw, self.context).ok();
        let written = outline.and_then(|outline| outline.failed(code, wrong, self.profile, self.stamp).ok());
        let bytes =
            written.unwrap_or_else(|| hl7v2::acknowledge(self.raw, code, Some(&wrong.problem), self.stamp));
        Told { bytes, meaning, shared: None }
    }
}

/// What could not be dealt with now.
fn again(raw: &[u8], ports: &Ports) -> Told {
    let bytes = hl7v2::acknowledge(raw, AckCode::ApplicationError, Some(&not_now()), &stamp(ports));
    Told { bytes, meaning: Meaning::NotNow, shared: None }
}

fn not_asked(why: &Unasked) -> NotAsked {
    match why {
        Unasked::Refused(_) => NotAsked::Unread,
        Unasked::Unknown { .. } => NotAsked::Unknown,
        Unasked::Nobody => NotAsked::Nobody,
    }
}

/// Who asks is answered in the version it asks in, where that is written.
fn profile_of(version: &str) -> Option<Profile> {
    let is_plain = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let same = is_plain.then(|| Profile::parse(&format!("version = \"{version}\"")).ok()).flatten();
    same.or_else(|| Profile::parse(&format!("version = \"{VERSION}\"")).ok())
}

fn stamp(ports: &Ports) -> Stamp {
    let control_id = RequestId::random().map_or_else(String::new, |id| id.as_str().replace('-', ""));
    Stamp {
        control_id: control_id.get(..20).unwrap_or_default().to_owned(),
        at: ports.clock.now().strftime("%Y%m%d%H%M%S+0000").to_string(),
    }
}

impl fmt::Debug for Queries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Queries")
    }
}
