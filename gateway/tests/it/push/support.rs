//! A push over real sockets and a real store. What is decided elsewhere is stood in for: everything may leave as it is.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use adapters::mllp::{Decoder, frame};
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use futures_util::future::BoxFuture;
use gateway::clock::Clock;
use gateway::ledger::{AuditLedger, Batch, Content, LedgerError, Options, Receipt, SegmentLedger};
use gateway::person::SystemName;
use gateway::push::busy::Busy;
use gateway::push::clerk::Clerk;
use gateway::push::counts::Counts;
use gateway::push::delivery::{Carrier, Delivery, NotCarried, NotDelivered, Patience};
use gateway::push::disclose::{Cleared, Disclose, NotCleared, Pushed, Standing};
use gateway::push::express::Express;
use gateway::push::form::Form;
use gateway::push::fresh::{Fresh, Grounds};
use gateway::push::intake::{Intake, Sender};
use gateway::push::marks::Faults;
use gateway::push::mllp::{Door, Listener};
use gateway::push::outbox::{Due, Parcel};
use gateway::push::store::Store;
use gateway::server::strangers::Strangers;
use gateway::settings::Network;
use gateway::trail::record::{Event, Exchange, Record};
use gateway::trail::records::Records;
use gateway::trail::store::KEY_SCHEME;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Stands in for the decision, which has its own tests.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    pub(crate) refuses: AtomicBool,
    /// Why nothing goes to a system of this name.
    pub(crate) refuses_for: Mutex<Option<(&'static str, NotCleared)>>,
    pub(crate) fails: AtomicBool,
    /// How many of the next it fails at.
    pub(crate) fails_at: AtomicUsize,
    pub(crate) panics: AtomicBool,
    pub(crate) asked: AtomicUsize,
    /// What may go now, if not what waits.
    pub(crate) cut: Mutex<Option<&'static str>>,
    /// Whether what it decided a moment ago needs no second look.
    pub(crate) fresh: Arc<AtomicBool>,
    /// Why nothing that waits may go.
    pub(crate) against: Mutex<Option<NotDelivered>>,
    ledger: OnceLock<Arc<Ledger>>,
}

impl Disclose for Decision {
    fn disclose<'a>(
        &'a self,
        pushed: &'a Pushed,
        system: &'a SystemName,
    ) -> BoxFuture<'a, Result<Cleared, NotCleared>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            assert!(!self.panics.load(Ordering::SeqCst), "a fault of the decision");
            if self.refuses.load(Ordering::SeqCst) {
                return Err(NotCleared::Refused("labelled"));
            }
            if let Some((_, why)) =
                self.refuses_for.lock().unwrap().filter(|(name, _)| *name == system.as_str())
            {
                return Err(why);
            }
            let fewer = |left: usize| left.checked_sub(1);
            let fails = self.fails_at.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok();
            if fails || self.fails.load(Ordering::SeqCst) {
                return Err(NotCleared::Failed);
            }
            let control_id = pushed.exchange.follows.clone().unwrap_or_default();
            let intent = serde_json::to_vec(&pushed.exchange).unwrap();
            let fresh = Arc::clone(&self.fresh);
            let grounds = Grounds::that(move || fresh.load(Ordering::SeqCst));
            Ok(Cleared { body: control_id.into_bytes().into(), intent, grounds })
        })
    }

    fn again<'a>(&'a self, _: &'a Pushed, due: &'a Due) -> BoxFuture<'a, Result<Standing, NotDelivered>> {
        Box::pin(async {
            assert!(!self.panics.load(Ordering::SeqCst), "a fault of the decision");
            if let Some(why) = *self.against.lock().unwrap() {
                return Err(why);
            }
            let other = self.cut.lock().unwrap().is_some_and(|cut| cut.as_bytes() != due.parcel.body);
            Ok(if other { Standing::Other } else { Standing::Stands })
        })
    }

    fn anew<'a>(
        &'a self,
        pushed: &'a Pushed,
        _: &'a Due,
        request_id: &'a str,
    ) -> BoxFuture<'a, Result<Cleared, NotDelivered>> {
        Box::pin(async move {
            let exchange = Exchange { request_id: request_id.to_owned(), ..pushed.exchange.clone() };
            let records = Records::from(exchange.clone().ended(Event::Intent, 0, None));
            self.ledger.get().unwrap().append(records.to_batch().unwrap()).await.unwrap();
            let body = self.cut.lock().unwrap().unwrap_or_default().into();
            Ok(Cleared { body, intent: serde_json::to_vec(&exchange).unwrap(), grounds: Grounds::unknown() })
        })
    }
}

/// Stands in for the receiving systems: keeps what arrives, and can be down or unwilling.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    /// Messages whose control ids begin so do not get through.
    pub(crate) down_for: Mutex<Option<&'static str>>,
    pub(crate) unwilling: AtomicBool,
    /// It takes what comes, and its answer is lost.
    pub(crate) mumbles: AtomicBool,
    /// It takes what comes, and does not answer before it is told to go on.
    pub(crate) hangs: AtomicBool,
    pub(crate) go_on: Notify,
    pub(crate) arrived: Mutex<Vec<(String, String, String)>>,
}

impl Carrier for Receivers {
    fn carry<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<(), NotCarried>> {
        Box::pin(async move {
            let body = String::from_utf8(parcel.body.to_vec()).unwrap();
            if self.down_for.lock().unwrap().is_some_and(|beginning| body.starts_with(beginning)) {
                return Err(NotCarried::Nothing(NotDelivered::Yet("upstream-unreachable")));
            }
            if self.unwilling.load(Ordering::SeqCst) {
                return Err(NotCarried::Nothing(NotDelivered::Ever("not-taken-invalid")));
            }
            self.arrived.lock().unwrap().push((parcel.system.to_string(), parcel.bundle.clone(), body));
            if self.hangs.load(Ordering::SeqCst) {
                self.go_on.notified().await;
            }
            if self.mumbles.load(Ordering::SeqCst) {
                return Err(NotCarried::Perhaps("upstream-timed-out"));
            }
            Ok(())
        })
    }
}

/// A ledger whose disk can fail.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) real: SegmentLedger,
    pub(crate) appended: AtomicUsize,
    pub(crate) fails: AtomicBool,
}

impl AuditLedger for Ledger {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
        if self.fails.load(Ordering::SeqCst) {
            return Box::pin(async { Err(LedgerError::Full) });
        }
        self.appended.fetch_add(1, Ordering::SeqCst);
        self.real.append(batch)
    }
}

/// Everything a push needs, in a folder.
pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) intake: Arc<Intake>,
    pub(crate) decision: Arc<Decision>,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) clock: Clock,
    pub(crate) sender: Arc<Sender>,
    wake: Arc<Notify>,
}

impl Site {
    pub(crate) fn open(folder: &Path) -> Self {
        let clock = Clock::standing_at("2026-03-04T17:00:00Z".parse().unwrap());
        let store = Store::open(&folder.join("push.sqlite")).unwrap();
        let options = Options {
            segment_bytes: 256 << 10,
            ..Options::new(folder.join("ledger"), "test/ledger", KEY_SCHEME)
        };
        let real = SegmentLedger::open(&options, clock.clone()).unwrap();
        let ledger = Arc::new(Ledger { real, appended: AtomicUsize::new(0), fails: AtomicBool::new(false) });
        let decision = Arc::new(Decision::default());
        decision.ledger.set(Arc::clone(&ledger)).unwrap();
        let counts = Arc::new(Counts::default());
        let wake = Arc::new(Notify::new());
        let intake = Arc::new(Intake {
            store: store.clone(),
            ledger: ledger.clone(),
            exchange: decision.clone(),
            clock: clock.clone(),
            counts: Arc::clone(&counts),
            wake: Arc::clone(&wake),
            busy: Arc::new(Busy::default()),
            fresh: Fresh::default(),
            express: Express::default(),
        });
        let sender = Arc::new(Sender {
            listener: "mllp:test".to_owned(),
            organisation: OdsCode::parse("RX1").unwrap(),
            to: vec![SystemName::new("council")],
            purposes: vec![PurposeOfUse::parse("COC").unwrap()],
            form: Form::Hl7v2,
            context: adapters::Context::new("RX1", None, "Europe/London").unwrap(),
        });
        Self { store, intake, decision, receivers: Arc::default(), ledger, counts, clock, sender, wake }
    }

    pub(crate) fn delivery(&self) -> Arc<Delivery> {
        let sender = Arc::clone(&self.sender);
        Arc::new(Delivery {
            store: self.store.clone(),
            intake: Arc::clone(&self.intake),
            senders: Arc::new(move || vec![Arc::clone(&sender)]),
            ledger: self.ledger.clone(),
            carrier: self.receivers.clone(),
            clock: self.clock.clone(),
            counts: Arc::clone(&self.counts),
            wake: Arc::clone(&self.wake),
            patience: Patience::default(),
            faults: Faults::default(),
            forgotten_ms: AtomicI64::new(0),
        })
    }

    pub(crate) fn clerk(&self) -> Clerk {
        let sender = Arc::clone(&self.sender);
        Clerk {
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            senders: Arc::new(move || vec![Arc::clone(&sender)]),
            organisation: "RX1".to_owned(),
            intake: Some(Arc::clone(&self.intake)),
        }
    }

    /// Lets nothing through to the receivers whose control id begins with `beginning`; all of it with "".
    pub(crate) fn block(&self, beginning: Option<&'static str>) {
        *self.receivers.down_for.lock().unwrap() = beginning;
    }

    /// What arrived, as the control ids of the messages.
    pub(crate) fn arrived(&self) -> Vec<String> {
        self.receivers.arrived.lock().unwrap().iter().map(|(_, _, body)| body.clone()).collect()
    }

    /// From now on nothing of what waits may go, and why; all of it with none.
    pub(crate) fn decides(&self, against: Option<NotDelivered>) {
        *self.decision.against.lock().unwrap() = against;
    }

    /// From now on only this may go of what waits.
    pub(crate) fn cuts(&self, cut: Option<&'static str>) {
        *self.decision.cut.lock().unwrap() = cut;
    }

    /// What is recorded, in order: the name of the exchange, what happened, and why.
    pub(crate) async fn recorded(&self) -> Vec<(String, Event, Option<String>)> {
        let entries = self.ledger.real.read_from(0, 1_000).await.unwrap();
        let payloads = entries.into_iter().filter_map(|entry| match entry.content {
            Content::Present(payload) => Some(payload),
            Content::Erased => None,
        });
        let records =
            payloads.map(|payload| fhir::json::parse_into(payload, &fhir::json::Limits::default()).unwrap());
        records
            .map(|Record { exchange, .. }| (exchange.request_id, exchange.event, exchange.reason))
            .collect()
    }

    /// What is recorded, without names.
    pub(crate) async fn events(&self) -> Vec<(Event, Option<String>)> {
        self.recorded().await.into_iter().map(|(_, event, reason)| (event, reason)).collect()
    }

    /// The acknowledgement codes of one message.
    pub(crate) async fn send(&self, message: &str) -> Vec<String> {
        let mut told = self.intake.take(Arc::clone(&self.sender), message.as_bytes().to_vec(), None);
        let mut codes = Vec::new();
        while let Some(answer) = told.recv().await {
            codes.push(code(&answer.bytes));
        }
        codes
    }

    /// Serves MLLP from loopback.
    pub(crate) async fn listen(&self, bytes_max: usize) -> Served {
        let network = Network { address: "127.0.0.1".parse().unwrap(), prefix: 32 };
        self.listen_behind(Door::AcceptedRisk(vec![network]), bytes_max).await
    }

    pub(crate) async fn listen_behind(&self, door: Door, bytes_max: usize) -> Served {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let listener = Listener {
            socket,
            door,
            sender: Arc::clone(&self.sender),
            intake: Arc::clone(&self.intake),
            strangers: Arc::new(Strangers::new(Clock::machine())),
            queries: None,
            bytes_max,
        };
        let (drain, draining) = watch::channel(false);
        Served { address, drain, serving: tokio::spawn(listener.serve(draining)) }
    }
}

/// A listener that serves.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) drain: watch::Sender<bool>,
    pub(crate) serving: JoinHandle<()>,
}

/// A peer that speaks MLLP.
pub(crate) struct Peer<S = TcpStream> {
    pub(crate) stream: S,
    decoder: Decoder,
    frames: std::collections::VecDeque<Vec<u8>>,
}

impl<S> From<S> for Peer<S> {
    fn from(stream: S) -> Self {
        Self { stream, decoder: Decoder::new(1 << 20), frames: std::collections::VecDeque::new() }
    }
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::from(TcpStream::connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: &str) {
        self.write(&frame(message.as_bytes())).await;
    }

    /// The next acknowledgement, as text; none when the connection ended.
    pub(crate) async fn answer(&mut self) -> Option<String> {
        let reading = async {
            let mut buffer = [0; 4096];
            while self.frames.is_empty() {
                let read = self.stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
                let frames = &mut self.frames;
                self.decoder.feed(&buffer[..read], |frame| frames.push_back(frame)).unwrap();
            }
            self.frames.pop_front()
        };
        let answer = tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time");
        answer.map(|answer| String::from_utf8(answer).unwrap())
    }

    /// The code of the next acknowledgement and the control id it is about.
    pub(crate) async fn acknowledged(&mut self) -> Option<(String, String)> {
        let answer = self.answer().await?;
        let fields: Vec<&str> =
            answer.split('\r').find(|line| line.starts_with("MSA")).unwrap().split('|').collect();
        Some((fields[1].to_owned(), fields[2].to_owned()))
    }
}

/// The code of an acknowledgement.
pub(crate) fn code(answer: &[u8]) -> String {
    let text = std::str::from_utf8(answer).unwrap();
    text.split('\r').find(|line| line.starts_with("MSA")).unwrap().split('|').nth(1).unwrap().to_owned()
}

/// A discharge of an invented person, by the last digits of her NHS number.
pub(crate) fn discharge(control_id: &str, number: &str) -> String {
    modes(control_id, number, "")
}

/// The same with what stands in MSH-15 and MSH-16.
pub(crate) fn modes(control_id: &str, number: &str, wanted: &str) -> String {
    format!(
        "MSH|^~\\&|PAS|RX1|GATE|E1|20260304161500||ADT^A03|{control_id}|P|2.4|||{wanted}\rEVN|A03|20260304\rPID|1||999{number}^^^NHS^NH||Fenwick^Ann\rPV1|1|I\r"
    )
}
