//! One request from its head to its reply: taken up, given to an exchange in a task of its own, and answered.
//!
//! A peer that hangs up drops the answer, never the exchange. Limits and deadlines are tower's.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fhir::outcome::IssueType;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::error::Overloaded;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt};

use super::activity::Presence;
use super::arrive::{self, Connection, Front, Told, Unacceptable};
use super::arrived::{Arrived, RequestId};
use super::correlation::CorrelationId;
use super::delivery::{Delivery, Tracked};
use super::manner::Manner;
use super::reply::{Reply, Scheme};
use super::strangers::Strangers;
use super::telling::Telling;
use crate::clock::Clock;
use crate::interaction::surface;
use crate::places::Places;
use crate::telemetry::metrics::Metrics;

/// What becomes of a request that was taken up: the exchange, and the pages.
pub type Exchange = Arc<dyn Fn(Arrived) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Told of each reply that nobody took: the request id, and the receipt when there is one.
pub type NotDelivered = Arc<dyn Fn(&RequestId, Option<&str>) + Send + Sync>;

/// What the listeners give requests to.
#[derive(Clone)]
pub struct App {
    /// What becomes of a request.
    pub exchange: Exchange,
    /// What becomes of a reply that nobody took.
    pub not_delivered: NotDelivered,
    /// Where requests that end at the door are counted.
    pub strangers: Arc<Strangers>,
    /// Numbers for operators.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Clock,
    /// Places for what is under way at once.
    pub places: Arc<Places>,
}

/// Everything that requests share.
pub(in crate::server) struct Attendant {
    app: App,
    limited: BoxCloneSyncService<Arrived, Reply, BoxError>,
    bodies: Arc<Semaphore>,
    /// Held by each task of an exchange: the server waits for them when it stops.
    under_way: mpsc::Sender<Infallible>,
}

/// A reply to be told, and what must not be forgotten with it.
struct Answered {
    request_id: RequestId,
    reply: Reply,
}

/// The name of the reason where there is no place for a request: in metrics.
pub(crate) const OVERLOADED: &str = "overloaded";

const TOO_MUCH: Told = Told {
    status: StatusCode::SERVICE_UNAVAILABLE,
    issue: IssueType::Throttled,
    text: "too much is asked at once: try again",
};
const TOO_SLOW: Told = Told {
    status: StatusCode::GATEWAY_TIMEOUT,
    issue: IssueType::Timeout,
    text: "the answer was not ready in time",
};
const FAULT: Told = Told {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    issue: IssueType::Exception,
    text: "the gateway failed; nothing was shared with this answer",
};

impl Attendant {
    pub(in crate::server) fn new(
        app: App,
        in_flight_max: usize,
        under_way: mpsc::Sender<Infallible>,
    ) -> Self {
        let exchange = Arc::clone(&app.exchange);
        let exchange = tower::service_fn(move |arrived| {
            let running = exchange(arrived);
            async move { Ok::<_, Infallible>(running.await) }
        });
        let limited = ServiceBuilder::new()
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(app.places.at_door()))
            .service(exchange);
        Self {
            app,
            limited: BoxCloneSyncService::new(limited),
            bodies: Arc::new(Semaphore::new(in_flight_max)),
            under_way,
        }
    }

    pub(in crate::server) fn app(&self) -> &App {
        &self.app
    }

    /// Attends to one request, until its reply can be told or `within` is over.
    pub(in crate::server) async fn attend<B>(
        self: Arc<Self>,
        request: Request<B>,
        connection: Connection,
        front: Arc<Front>,
        scheme: Scheme,
        within: Duration,
        presence: Presence,
    ) -> Response<Tracked>
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        let version = request.version();
        let manner = Manner::of_head(request.headers(), request.uri().query());
        let telling = Telling::of(request.method());
        let correlation = CorrelationId::sent(request.headers());
        let Some(request_id) = RequestId::random() else {
            let (unknown, reply) = (RequestId::unknown(), Reply::told(&FAULT).correlated(correlation));
            return telling.told(|told| self.told(&unknown, reply, version, scheme, presence, told));
        };
        let in_time = ServiceBuilder::new().timeout(within).service(tower::service_fn({
            let (attendant, request_id) = (Arc::clone(&self), request_id.clone());
            move |(request, connection, front)| {
                Arc::clone(&attendant).apart(request, connection, front, request_id.clone())
            }
        }));
        let reply = match in_time.oneshot((request, connection, front)).await {
            Ok(reply) => reply,
            Err(error) if error.is::<tower::timeout::error::Elapsed>() => Reply::told(&TOO_SLOW),
            Err(_) => {
                self.app.metrics.panicked();
                Reply::told(&FAULT)
            }
        };
        let reply = reply.in_manner(manner.plain()).correlated(correlation);
        telling.told(|told| self.told(&request_id, reply, version, scheme, presence, told))
    }

    /// Runs the exchange in a task of its own, which goes on when nobody waits for it any more.
    fn apart<B>(
        self: Arc<Self>,
        request: Request<B>,
        connection: Connection,
        front: Arc<Front>,
        request_id: RequestId,
    ) -> impl Future<Output = Result<Reply, oneshot::error::RecvError>>
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            let _under_way = self.under_way.clone();
            self.app.metrics.began();
            let gauge = InFlight(Arc::clone(&self.app.metrics));
            let reply = self.exchange(request, connection, &front, request_id.clone()).await;
            drop(gauge);
            if let Err(Answered { request_id, reply }) = answer.send(Answered { request_id, reply }) {
                self.not_delivered(&request_id, reply.receipt());
            }
        });
        async move { answered.await.map(|answered| answered.reply) }
    }

    async fn exchange<B>(
        &self,
        request: Request<B>,
        connection: Connection,
        front: &Front,
        request_id: RequestId,
    ) -> Reply
    where
        B: Body<Data = Bytes>,
    {
        let body: Option<OwnedSemaphorePermit> = match request.body().is_end_stream() {
            true => None,
            false => match Arc::clone(&self.bodies).try_acquire_owned() {
                Ok(permit) => Some(permit),
                // The body stays unread, so nothing more can be read from this connection.
                Err(_) => return self.overloaded().closing(),
            },
        };
        let at = self.app.clock.now();
        let manner = Manner::of_head(request.headers(), request.uri().query());
        let arrived = match arrive::arrive(request, request_id, at, &connection, front).await {
            Ok(arrived) => arrived,
            Err(unacceptable) => return self.ended_at_door(&unacceptable, &connection),
        };
        drop(body);
        let manner = Manner { format: arrived.format.unwrap_or(manner.format), ..manner };
        match self.limited.clone().oneshot(arrived).await {
            // It waits beside the others: nobody is turned away because of it. What writing it takes is waited out too.
            Ok(reply) => reply.in_manner(manner).when_due().await,
            Err(error) if error.is::<Overloaded>() => self.overloaded().in_manner(manner),
            Err(_) => Reply::told(&FAULT).in_manner(manner),
        }
    }

    /// Counted and not recorded: a record of each would be what fills the disk.
    fn overloaded(&self) -> Reply {
        self.app.metrics.ended_at_door(OVERLOADED);
        Reply::told(&TOO_MUCH).with_retry_after_s(1)
    }

    fn ended_at_door(&self, unacceptable: &Unacceptable, connection: &Connection) -> Reply {
        self.app.metrics.ended_at_door(unacceptable.reason());
        self.app.strangers.count(Some(&connection.peer.ip().to_string()));
        let reply = Reply::told(&unacceptable.told()).closing();
        match unacceptable {
            Unacceptable::Method => reply.with_allow(surface::allow_anywhere()),
            Unacceptable::ContentCoding => reply.with_accept_encoding("gzip"),
            Unacceptable::Ambiguous(_)
            | Unacceptable::Host
            | Unacceptable::Misdirected
            | Unacceptable::Target(_)
            | Unacceptable::TransferCoding
            | Unacceptable::Upgrade
            | Unacceptable::Header
            | Unacceptable::BodyNotTaken
            | Unacceptable::MethodOverride
            | Unacceptable::Inflated(_)
            | Unacceptable::Body(_) => reply,
        }
    }

    fn told(
        self: Arc<Self>,
        request_id: &RequestId,
        reply: Reply,
        version: Version,
        scheme: Scheme,
        presence: Presence,
        told: &mut dyn FnMut(Bytes) -> Bytes,
    ) -> Response<Tracked> {
        // HTTP/2 has no `Connection` header; there the stream ends, and the connection is not in doubt.
        let reply = match version < Version::HTTP_2 {
            true => reply,
            false => reply.staying(),
        };
        let receipt = reply.receipt().map(str::to_owned);
        let id = request_id.clone();
        presence.handed();
        reply.into_response(request_id, scheme, move |bytes| {
            Tracked::new(told(bytes), move |delivery| {
                drop(presence);
                if delivery == Delivery::NotTaken {
                    self.not_delivered(&id, receipt.as_deref());
                }
            })
        })
    }

    fn not_delivered(&self, request_id: &RequestId, receipt: Option<&str>) {
        self.app.metrics.undelivered();
        (self.app.not_delivered)(request_id, receipt);
    }
}

/// Counts an exchange out, also when it panics.
struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended();
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App(..)")
    }
}
