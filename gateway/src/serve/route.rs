//! From a request to what answers it: an exchange, or one of the gateway's pages.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use http::StatusCode;
use tracing::Instrument;
use tracing::field::Empty;

use crate::exchange;
use crate::ports::Ports;
use crate::register;
use crate::server::arrived::{Arrived, Method};
use crate::server::attend::Exchange;
use crate::server::reply::{Content, Reply};

/// What the style sheet is named in pages.
const STYLE: &str = include_str!("../../assets/portcullis.css");

/// Answers each request on the settings of the moment it came.
pub(super) fn exchange(live: Arc<ArcSwap<Ports>>) -> Exchange {
    Arc::new(move |arrived: Arrived| {
        let ports = live.load_full();
        let place = Place::of(&arrived);
        let request_id = arrived.request_id.to_string();
        let span = tracing::info_span!("exchange", place = place.name(), request_id, status = Empty);
        let answered = async move {
            let begun = Instant::now();
            let reply = answer(arrived, place, &ports).await;
            let took = begun.elapsed();
            let status = reply.status().as_u16();
            tracing::Span::current().record("status", status);
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(place = place.name(), request_id, status, took_ms, "exchange ended");
            ports.metrics.exchange_ended(place.name(), class(reply.status()), took);
            reply
        };
        Box::pin(answered.instrument(span))
    })
}

/// The places of DESIGN section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Fhir,
    Own,
    Register,
    Assets,
    Start,
    Elsewhere,
}

impl Place {
    fn of(arrived: &Arrived) -> Self {
        match arrived.target.segments().as_slice() {
            [] => Self::Start,
            ["fhir", ..] => Self::Own,
            ["register"] => Self::Register,
            ["assets", _] => Self::Assets,
            [_, "fhir", ..] => Self::Fhir,
            [..] => Self::Elsewhere,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Own => "own",
            Self::Register => "register",
            Self::Assets => "assets",
            Self::Start => "start",
            Self::Elsewhere => "elsewhere",
        }
    }
}

async fn answer(arrived: Arrived, place: Place, ports: &Ports) -> Reply {
    match place {
        // What is nowhere is an exchange too: it is authenticated, told 404 and recorded like any other.
        Place::Fhir | Place::Own | Place::Elsewhere => exchange::run(arrived, ports).await,
        Place::Register | Place::Assets | Place::Start if arrived.method != Method::Get => {
            Reply::new(StatusCode::METHOD_NOT_ALLOWED, Content::Text("only GET is served here\n".into()))
                .with_allow("GET")
        }
        Place::Register => disclosure_register(&arrived, ports),
        Place::Assets => asset(&arrived),
        Place::Start => Reply::see_other("/register"),
    }
}

fn disclosure_register(arrived: &Arrived, ports: &Ports) -> Reply {
    let day = crate::decision::calendar::day_of(arrived.at);
    let content = match arrived.target.query() {
        None | Some("format=html") => Content::Page(register::html(&ports.settings, day)),
        Some("format=json") => Content::Json(register::json(&ports.settings, day).into()),
        Some("format=csv") => Content::Csv(register::csv(&ports.settings, day)),
        Some(_) => {
            let text = "format is html, json or csv\n".to_owned();
            return Reply::new(StatusCode::BAD_REQUEST, Content::Text(text));
        }
    };
    Reply::new(StatusCode::OK, content)
}

fn asset(arrived: &Arrived) -> Reply {
    match arrived.target.segments().as_slice() {
        ["assets", "portcullis.css"] => Reply::new(StatusCode::OK, Content::Style(STYLE)),
        _ => Reply::new(StatusCode::NOT_FOUND, Content::Text("not found\n".into())),
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
