//! Acknowledged messages a second over MLLP, end to end: 16 connections send discharge letters to a whole gateway, which
//! stores each, decides, minimises, records the intent, answers, and delivers to a FHIR server on loopback.
//!
//! The yardstick is the least that a durable acknowledgement costs: a listener that reads no message, gathers what is
//! waiting, appends it to a file with one `fdatasync`, and answers. Rounds alternate, and the medians are compared.
//!
//! ```text
//! cargo bench -p gateway --bench mllp [-- FOLDER]
//! ```

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adapters::mllp::{Decoder, frame};
use gateway::clock::Clock;
use gateway::serve::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// As the gateway allocates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn Error + Send + Sync>;

const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
const FRAME_BYTES_MAX: usize = 1 << 20;

const LETTER: &str = "MSH|^~\\&|LETTERS|RX1|GATE|E10000099|20260304164500+0000||MDM^T02^MDM_T02|ID|P|2.5\rPID|1||NUMBER^^^NHS^NH~H4471023^^^RX1^MR||Fenwick^Ann^^^Mrs^^L||19420617|F|||14 Harbour Row^^Tynemouth^^NE30 4AA||0191 496 0101|||||||||||||||||||01\rPV1|1|I||||||||||||||||||||||||||||||||||||||||||20260225093000|20260304153000\rTXA|1|DS^Discharge summary^HL70270|TX|20260304160000||||||||DOC-5531|||||AU||AV\rOBX|1|TX|DS^Discharge letter^L||Please assess her for support at home.||||||F\r";

const AGREEMENT: &str = r#"
id = "discharge"
title = "Hospital discharge to adult social care"
status = "in-force"
in_force = { from = 2025-04-01, until = 2035-03-31 }
review_by = 2035-01-31
approved_by = "Caldicott Guardian, Northshire Hospitals"
discloser = ["ods:RX1"]
recipient = ["ods:E10000099"]
purposes = ["COC"]
legal_basis = { uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }
identifiability = "identifiable"
relationship = ["encounter"]
existence = "open"
[[recipient_system]]
systems = ["council"]
share = ["letter"]
[share.letter.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "to be sure it is the right person"
[share.letter.Encounter]
class = "whether the person is in hospital now"
period = "when they leave"
serviceProvider = "which hospital to ring"
[share.letter.Organization]
"identifier:https://fhir.nhs.uk/Id/ods-organization-code" = "which hospital it is"
[share.letter.Composition]
type = "what kind of letter it is"
date = "when it was written"
author = "who wrote it"
title = "what the letter is called"
section = "the discharge letter"
[share.letter.DocumentReference]
type = "what kind of letter it is"
"content.attachment" = "the discharge letter"
where = { "content.attachment.contentType" = ["text/plain"] }
[share.letter.Binary]
contentType = "to open the letter"
data = "the discharge letter"
where = { contentType = ["text/plain"] }
"#;

const SETTINGS: &str = r#"
[gateway]
organisation = "ods:RX1"
base = "http://127.0.0.1:8443"
state = "state"
oversight = ["R5105"]
[listen]
address = "127.0.0.1:0"
ops = "127.0.0.1:0"
[[system]]
name = "council"
organisation = "ods:E10000099"
protocol = "fhir-r4"
base = "http://COUNCIL/fhir"
[[mllp]]
address = "127.0.0.1:0"
from = "ods:RX1"
to = ["council"]
purpose = "COC"
peers = ["127.0.0.1/32"]
plaintext = "accepted-risk"
"#;

fn main() -> Result<(), Failure> {
    // `cargo test` runs benches with this flag: there is nothing to test here.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let folder = arguments.iter().find(|argument| !argument.starts_with("--"));
    let home = match folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    report("round | least /s | p99 ms | gateway /s | p99 ms | ratio | delivered /s")?;
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let least = runtime.block_on(least(&home.path().join(format!("{round}.log"))))?;
        let (whole, delivered) = runtime.block_on(whole(&home.path().join(round.to_string())))?;
        let ratio = whole.a_second / least.a_second;
        ratios.push(ratio);
        report(&format!(
            "{round:5} | {:8.0} | {:6.2} | {:10.0} | {:6.2} | {ratio:5.2} | {delivered:12.0}",
            least.a_second, least.p99_ms, whole.a_second, whole.p99_ms
        ))?;
    }
    ratios.sort_by(f64::total_cmp);
    report(&format!("median ratio {:.2}", ratios.get(ratios.len() / 2).copied().unwrap_or_default()))
}

fn report(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// What a round came to.
struct Round {
    a_second: f64,
    p99_ms: f64,
}

/// Sends from all connections for a while, each message after the answer to the one before.
async fn send(address: SocketAddr, name: &str) -> Result<Round, Failure> {
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let name = format!("{name}{connection}x");
        sending.spawn(async move { converse(address, &name, connection, begun).await });
    }
    let mut all: Vec<Duration> = Vec::new();
    while let Some(took) = sending.join_next().await {
        all.extend(took??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    all.sort_unstable();
    let p99 = all.get(all.len() * 99 / 100).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    let count = all.len() as f64;
    Ok(Round { a_second: count / seconds, p99_ms: p99.as_secs_f64() * 1_000.0 })
}

async fn converse(
    address: SocketAddr,
    name: &str,
    connection: usize,
    begun: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut decoder = Decoder::new(FRAME_BYTES_MAX);
    let (mut buffer, mut took) = (vec![0; 16 << 10], Vec::new());
    let mut number = 0;
    while begun.elapsed() < ROUND {
        let person = nhs_number(connection * 1_000 + number % 1_000);
        let message = LETTER.replace("|ID|", &format!("|{name}{number}|")).replace("NUMBER", &person);
        let sent = Instant::now();
        stream.write_all(&frame(message.as_bytes())).await?;
        let mut answer = None;
        while answer.is_none() {
            let read = stream.read(&mut buffer).await?;
            let bytes = buffer.get(..read).filter(|bytes| !bytes.is_empty()).ok_or("the connection ended")?;
            decoder.feed(bytes, |frame| answer = Some(frame))?;
        }
        if !String::from_utf8_lossy(&answer.unwrap_or_default()).contains("MSA|AA") {
            return Err("a message was not accepted".into());
        }
        took.push(sent.elapsed());
        number += 1;
    }
    Ok(took)
}

/// A number of the test range with its check digit; a few numbers have none and stand for their neighbour.
fn nhs_number(person: usize) -> String {
    for serial in person.. {
        let digits = format!("999{:06}", serial % 1_000_000);
        let sum: usize =
            digits.bytes().zip((2..=10).rev()).map(|(byte, weight)| usize::from(byte - b'0') * weight).sum();
        match 11 - sum % 11 {
            10 => {}
            check => return format!("{digits}{}", check % 11),
        }
    }
    String::new()
}

/// The gateway, and how many messages a second reached the receiver meanwhile.
async fn whole(folder: &Path) -> Result<(Round, f64), Failure> {
    std::fs::create_dir_all(folder.join("agreements"))?;
    std::fs::write(folder.join("agreements/discharge.toml"), AGREEMENT)?;
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let settings = SETTINGS.replace("COUNCIL", &socket.local_addr()?.to_string());
    let file = folder.join("portcullis.toml");
    std::fs::write(&file, settings)?;
    let delivered = Arc::new(AtomicU64::new(0));
    let receiving = tokio::spawn(receive(socket, Arc::clone(&delivered)));
    let running = Running::start(&file, Clock::machine()).await?;
    let address = running.addresses().mllp.first().copied().ok_or("no listener")?;
    let begun = Instant::now();
    let round = send(address, "M").await?;
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    let delivered = delivered.load(Ordering::Relaxed) as f64 / seconds;
    running.stop().await;
    receiving.abort();
    Ok((round, delivered))
}

/// A FHIR server that takes every Bundle.
async fn receive(socket: TcpListener, delivered: Arc<AtomicU64>) -> Result<(), Failure> {
    loop {
        let (mut stream, _) = socket.accept().await?;
        let delivered = Arc::clone(&delivered);
        tokio::spawn(async move {
            let (mut held, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
            loop {
                let Ok(read) = stream.read(&mut buffer).await else { return };
                if read == 0 {
                    return;
                }
                held.extend_from_slice(buffer.get(..read).unwrap_or_default());
                while let Some(whole) = request_bytes(&held) {
                    held.drain(..whole);
                    delivered.fetch_add(1, Ordering::Relaxed);
                    let told = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(told).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// How many bytes the first whole request has.
fn request_bytes(held: &[u8]) -> Option<usize> {
    let head = held.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(held.get(..head)?).to_ascii_lowercase();
    let length = text.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    let body: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    (held.len() >= head + body).then_some(head + body)
}

/// The least that a durable acknowledgement costs.
async fn least(file: &Path) -> Result<Round, Failure> {
    let file = File::create(file)?;
    let (jobs, mut waiting) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(1_024);
    let writing = std::thread::spawn(move || -> std::io::Result<()> {
        while let Some(first) = waiting.blocking_recv() {
            let mut done = vec![first];
            while let Ok(next) = waiting.try_recv() {
                done.push(next);
            }
            let all: Vec<u8> = done.iter().flat_map(|(message, _)| message.iter().copied()).collect();
            (&file).write_all(&all)?;
            file.sync_data()?;
            for (_, tell) in done {
                // A sender that went away is told nothing.
                tell.send(()).unwrap_or_default();
            }
        }
        Ok(())
    });
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    let listening = tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(acknowledge(stream, jobs.clone()));
        }
    });
    let round = send(address, "L").await;
    listening.abort();
    drop(listening.await);
    writing.join().map_err(|_| "the writer panicked")??;
    round
}

async fn acknowledge(mut stream: TcpStream, jobs: mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>) {
    let mut decoder = Decoder::new(FRAME_BYTES_MAX);
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(read) = stream.read(&mut buffer).await else { return };
        if read == 0 {
            return;
        }
        let mut messages = Vec::new();
        if decoder.feed(buffer.get(..read).unwrap_or_default(), |message| messages.push(message)).is_err() {
            return;
        }
        for message in messages {
            let (tell, told) = oneshot::channel();
            if jobs.send((message, tell)).await.is_err() || told.await.is_err() {
                return;
            }
            if stream.write_all(&frame(b"MSH|^~\\&|L|L|||||ACK|1|P|2.5\rMSA|AA|1\r")).await.is_err() {
                return;
            }
        }
    }
}
